/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Comparing positions: equal, tail or full, and what to do with a batch of history.
 */
#include "core/gemel-position.h"

#include <string.h>

/**
 * gemel_position_equal:
 * @a: a position
 * @b: another
 *
 * Returns: whether both name the same entry with the same content.
 * Thread: any
 */
gboolean
gemel_position_equal (const GemelPosition *a,
                      const GemelPosition *b)
{
  return a->term == b->term && a->seq == b->seq && memcmp (a->hash, b->hash, GEMEL_HASH_BYTES) == 0;
}

/**
 * gemel_pair_position_equal:
 * @a: a position of configuration and runtime state
 * @b: another
 *
 * Returns: whether the nodes that are there have the same.
 * Thread: any
 */
gboolean
gemel_pair_position_equal (const GemelPairPosition *a,
                           const GemelPairPosition *b)
{
  return gemel_position_equal (&a->config, &b->config) && a->state.epoch == b->state.epoch &&
         a->state.seq == b->state.seq;
}

static gboolean
puller_is_prefix (const GemelSourceFacts *source,
                  const GemelPosition    *puller)
{
  return source->puller_known && source->term_at_puller == puller->term &&
         memcmp (source->hash_at_puller, puller->hash, GEMEL_HASH_BYTES) == 0;
}

/**
 * gemel_position_plan:
 * @source: what the source knows about its journal and the puller's place in it
 * @puller: where the puller is
 * @ret_reason: (out): why, for anything but equal and tail
 *
 * Decides how a puller is brought level (PROTOCOL.md section 14). Term, sequence and hash must all
 * fit: two journals of the same length with other content are not equal.
 *
 * Returns: the plan. %GEMEL_SYNC_DIVERGED means that the puller has something of this lineage that
 *   the source lacks; it must keep its own file before it takes the full copy.
 * Thread: any
 */
GemelSyncPlan
gemel_position_plan (const GemelSourceFacts *source,
                     const GemelPosition    *puller,
                     GemelSyncReason        *ret_reason)
{
  *ret_reason = GEMEL_SYNC_REASON_NONE;
  if (!source->same_lineage)
    {
      *ret_reason = GEMEL_SYNC_REASON_LINEAGE;
      return GEMEL_SYNC_FULL;
    }
  if (gemel_position_equal (&source->head, puller))
    return GEMEL_SYNC_EQUAL;
  if (puller->seq > source->head.seq)
    {
      *ret_reason = GEMEL_SYNC_REASON_AHEAD;
      return GEMEL_SYNC_DIVERGED;
    }
  if (puller->seq < source->base_seq)
    {
      *ret_reason = GEMEL_SYNC_REASON_COMPACTED;
      return GEMEL_SYNC_FULL;
    }
  if (!puller_is_prefix (source, puller))
    {
      *ret_reason = GEMEL_SYNC_REASON_HASH;
      return GEMEL_SYNC_DIVERGED;
    }
  if (source->tail_bytes > source->full_bytes)
    {
      *ret_reason = GEMEL_SYNC_REASON_TOO_FAR;
      return GEMEL_SYNC_FULL;
    }
  return GEMEL_SYNC_TAIL;
}

/**
 * gemel_state_position_follows:
 * @have: where the receiver is
 * @delta: position after the delta of one operation
 *
 * Returns: whether the delta is the very next one of the same epoch.
 * Thread: any
 */
gboolean
gemel_state_position_follows (const GemelStatePosition *have,
                              const GemelStatePosition *delta)
{
  return have->epoch == delta->epoch && have->seq + 1 == delta->seq;
}

/**
 * gemel_state_plan:
 * @head: last position of the active node
 * @oldest_buffered_seq: first sequence that its delta buffer still holds; head + 1 when it is empty
 * @have: where the standby is
 * @ret_reason: (out): why a full state is needed
 *
 * Returns: equal, tail (deltas from have + 1) or full.
 * Thread: any
 */
GemelSyncPlan
gemel_state_plan (const GemelStatePosition *head,
                  guint64                   oldest_buffered_seq,
                  const GemelStatePosition *have,
                  GemelSyncReason          *ret_reason)
{
  *ret_reason = GEMEL_SYNC_REASON_NONE;
  if (have->epoch != head->epoch)
    {
      *ret_reason = have->epoch == 0 ? GEMEL_SYNC_REASON_CONNECTED : GEMEL_SYNC_REASON_EPOCH;
      return GEMEL_SYNC_FULL;
    }
  if (have->seq == head->seq)
    return GEMEL_SYNC_EQUAL;
  if (have->seq > head->seq)
    {
      *ret_reason = GEMEL_SYNC_REASON_AHEAD;
      return GEMEL_SYNC_FULL;
    }
  if (have->seq + 1 < oldest_buffered_seq)
    {
      *ret_reason = GEMEL_SYNC_REASON_OVERFLOW;
      return GEMEL_SYNC_FULL;
    }
  return GEMEL_SYNC_TAIL;
}

/**
 * gemel_history_judge:
 * @mark: last sequence of the origin that is kept; 0: none
 * @first_seq: first sequence of the batch
 * @last_seq: last sequence of the batch, at least @first_seq
 *
 * Exactly once by (origin, sequence) (PROTOCOL.md section 17): sequences of an origin have no
 * holes, so a single mark tells what is new.
 *
 * Returns: what to do with the batch.
 * Thread: any
 */
GemelBatchVerdict
gemel_history_judge (guint64 mark,
                     guint64 first_seq,
                     guint64 last_seq)
{
  if (last_seq <= mark)
    return GEMEL_BATCH_SKIP;
  if (first_seq > mark + 1)
    return GEMEL_BATCH_GAP;
  return first_seq == mark + 1 ? GEMEL_BATCH_ACCEPT : GEMEL_BATCH_TRIM;
}

/**
 * gemel_sync_plan_to_string:
 * @plan: a plan
 *
 * Returns: (transfer none): its token.
 * Thread: any
 */
const char *
gemel_sync_plan_to_string (GemelSyncPlan plan)
{
  switch (plan)
    {
    case GEMEL_SYNC_EQUAL:
      return "equal";
    case GEMEL_SYNC_TAIL:
      return "tail";
    case GEMEL_SYNC_FULL:
      return "full";
    case GEMEL_SYNC_DIVERGED:
      return "diverged";
    }
  return "unknown";
}

/**
 * gemel_sync_reason_to_string:
 * @reason: a reason
 *
 * Returns: (transfer none): its token.
 * Thread: any
 */
const char *
gemel_sync_reason_to_string (GemelSyncReason reason)
{
  switch (reason)
    {
    case GEMEL_SYNC_REASON_NONE:
      return "none";
    case GEMEL_SYNC_REASON_LINEAGE:
      return "lineage";
    case GEMEL_SYNC_REASON_COMPACTED:
      return "compacted";
    case GEMEL_SYNC_REASON_HASH:
      return "hash";
    case GEMEL_SYNC_REASON_AHEAD:
      return "ahead";
    case GEMEL_SYNC_REASON_OPERATOR:
      return "operator";
    case GEMEL_SYNC_REASON_TOO_FAR:
      return "too-far";
    case GEMEL_SYNC_REASON_APPLY_FAILED:
      return "apply-failed";
    case GEMEL_SYNC_REASON_EPOCH:
      return "epoch";
    case GEMEL_SYNC_REASON_OVERFLOW:
      return "overflow";
    case GEMEL_SYNC_REASON_CONNECTED:
      return "connected";
    }
  return "unknown";
}
