/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Every edge of the state machine, in one table. A move that is not in it is a bug: the core
 * aborts, which is a clean failover, rather than to go on wrong. The simulator reports the rows
 * that it never took; a row that cannot be taken is deleted, not excused.
 */
#include "core/gemel-core-private.h"

#define U GEMEL_STATE_UNDECIDED
#define S GEMEL_STATE_STANDBY
#define C GEMEL_STATE_CANDIDATE
#define A GEMEL_STATE_ACTIVE
#define H GEMEL_STATE_HANDOVER
#define F GEMEL_STATE_FAULT

/* clang-format off */
static const GemelEdge edges[] = {
  /* Starting, or after a stall: ask before acting. */
  { U, S, GEMEL_CAUSE_PEER_ACTIVE },
  { U, S, GEMEL_CAUSE_PEER_DECIDES },
  { U, C, GEMEL_CAUSE_MASTER_FIRST },
  { U, C, GEMEL_CAUSE_NO_ACTIVE },
  { U, C, GEMEL_CAUSE_DEATH_NOTICE },
  { U, C, GEMEL_CAUSE_REFUSED },
  { U, C, GEMEL_CAUSE_INDEPENDENT },
  { U, C, GEMEL_CAUSE_FORCED },
  { U, F, GEMEL_CAUSE_TERM_NOT_DURABLE },
  { U, F, GEMEL_CAUSE_JOURNAL_FAILED },
  /* Standing by. */
  { S, C, GEMEL_CAUSE_NO_ACTIVE },
  { S, C, GEMEL_CAUSE_DEATH_NOTICE },
  { S, C, GEMEL_CAUSE_REFUSED },
  { S, C, GEMEL_CAUSE_PEER_RESTARTED },
  { S, C, GEMEL_CAUSE_PREPARE },
  { S, C, GEMEL_CAUSE_FORCED },
  { S, U, GEMEL_CAUSE_ROLE_CHANGED },
  { S, F, GEMEL_CAUSE_TERM_NOT_DURABLE },
  { S, F, GEMEL_CAUSE_JOURNAL_FAILED },
  /* Candidate: a term is proposed and being written; or asked by PREPARE to take over. */
  { C, A, GEMEL_CAUSE_TERM_DURABLE },
  { C, A, GEMEL_CAUSE_COMMITTED },
  { C, C, GEMEL_CAUSE_NEWER_TERM },
  { C, C, GEMEL_CAUSE_PREPARE },
  { C, C, GEMEL_CAUSE_FORCED },
  { C, C, GEMEL_CAUSE_NO_ACTIVE },
  { C, C, GEMEL_CAUSE_DEATH_NOTICE },
  { C, S, GEMEL_CAUSE_PEER_ACTIVE },
  { C, S, GEMEL_CAUSE_TIMEOUT },
  { C, S, GEMEL_CAUSE_LINK_LOST },
  { C, S, GEMEL_CAUSE_ABORTED },
  { C, S, GEMEL_CAUSE_STALL },
  { C, S, GEMEL_CAUSE_FROZEN_CLOCK },
  { C, S, GEMEL_CAUSE_STOP },
  { C, U, GEMEL_CAUSE_ROLE_CHANGED },
  { C, F, GEMEL_CAUSE_TERM_NOT_DURABLE },
  { C, F, GEMEL_CAUSE_JOURNAL_FAILED },
  /* Active. */
  { A, H, GEMEL_CAUSE_USER },
  { A, H, GEMEL_CAUSE_RECOVERY },
  { A, H, GEMEL_CAUSE_STOP },
  { A, H, GEMEL_CAUSE_JOURNAL_FAILED },
  { A, S, GEMEL_CAUSE_DUAL_LOST },
  { A, U, GEMEL_CAUSE_STALL },
  { A, U, GEMEL_CAUSE_FROZEN_CLOCK },
  { A, U, GEMEL_CAUSE_STOP },
  { A, U, GEMEL_CAUSE_ROLE_CHANGED },
  /* Active, quiesced for a switchover. */
  { H, S, GEMEL_CAUSE_COMMITTED },
  { H, S, GEMEL_CAUSE_DUAL_LOST },
  { H, A, GEMEL_CAUSE_ROLLED_BACK },
  { H, A, GEMEL_CAUSE_DUAL_WON },
  { H, U, GEMEL_CAUSE_STALL },
  { H, U, GEMEL_CAUSE_FROZEN_CLOCK },
  { H, U, GEMEL_CAUSE_ROLE_CHANGED },
  /* Fault. */
  { F, U, GEMEL_CAUSE_CLEARED },
  { F, C, GEMEL_CAUSE_FORCED },
};
/* clang-format on */

G_STATIC_ASSERT (G_N_ELEMENTS (edges) <= 64);

/**
 * gemel_core_get_edges:
 * @ret_n_edges: (out): how many
 *
 * Returns: (transfer none): the table; the index of a row is the bit in edges_taken.
 * Thread: any
 */
const GemelEdge *
gemel_core_get_edges (guint *ret_n_edges)
{
  *ret_n_edges = G_N_ELEMENTS (edges);
  return edges;
}

/**
 * gemel_core_edge_index:
 * @from: state before
 * @to: state after
 * @cause: why
 *
 * Returns: the row of the table, or %G_MAXUINT when there is no such edge.
 * Thread: any
 */
guint
gemel_core_edge_index (GemelState from,
                       GemelState to,
                       GemelCause cause)
{
  for (guint i = 0; i < G_N_ELEMENTS (edges); i++)
    {
      if (edges[i].from == from && edges[i].to == to && edges[i].cause == cause)
        return i;
    }
  return G_MAXUINT;
}

/**
 * gemel_core_edge_taken:
 * @core: a core
 * @index: a row of the table
 *
 * Returns: whether this core took that edge since it was initialised.
 * Thread: the core's
 */
gboolean
gemel_core_edge_taken (const GemelCore *core,
                       guint            index)
{
  return (core->edges_taken >> index) & 1;
}
