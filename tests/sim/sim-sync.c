/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Pulls over the same network: the node without authority pulls the journal, the standby pulls the
 * runtime state. gemel_position_plan () and gemel_state_plan () decide what is sent; what a puller
 * has and the source lacks is kept aside before it is replaced.
 */
#include "sim-private.h"

#include <string.h>

#define ENTRY_BYTES 64

/**
 * sim_pull:
 * @w: the world
 * @node: the puller
 *
 * Asks once for what is missing; losing this costs an interval.
 */
void
sim_pull (SimWorld *w,
          SimNode  *node)
{
  guint       payload;
  SimPayload *p;

  if (node->session == 0)
    return;
  payload = sim_payload_take (w);
  if (payload == SIM_NO_PAYLOAD)
    return;
  p = &w->payloads[payload];
  p->kind = SIM_PAYLOAD_PULL;
  sim_fill_position (node, node->journal_len, &p->u.pull.have.config);
  p->u.pull.have.state = node->state;
  p->u.pull.config_reset = node->config_reset;
  p->u.pull.state_reset = node->state_reset;
  p->u.pull.standing_by = node->level != GEMEL_LEVEL_ACTIVE;
  p->u.pull.life = node->life;
  (void) sim_send (w, node->index, payload);
}

/* ---- the source ---- */

static void
plan_config (SimWorld         *w,
             SimNode          *node,
             const SimPayload *pull,
             SimPayload       *answer)
{
  const GemelPosition *have = &pull->u.pull.have.config;
  GemelSourceFacts     facts = { 0 };
  GemelSyncReason      reason;

  facts.same_lineage = !pull->u.pull.config_reset;
  sim_fill_position (node, node->journal_durable, &facts.head);
  facts.base_seq = node->journal_durable > (guint64) w->plan.journal_keep
                     ? node->journal_durable - (guint64) w->plan.journal_keep
                     : 0;
  facts.puller_known = have->seq >= facts.base_seq && have->seq <= node->journal_durable;
  if (facts.puller_known)
    {
      GemelPosition here;

      sim_fill_position (node, have->seq, &here);
      facts.term_at_puller = here.term;
      memcpy (facts.hash_at_puller, here.hash, GEMEL_HASH_BYTES);
    }
  facts.tail_bytes = node->journal_durable > have->seq
                       ? (node->journal_durable - have->seq) * ENTRY_BYTES
                       : 0;
  facts.full_bytes = node->journal_durable * ENTRY_BYTES + ENTRY_BYTES;
  answer->u.answer.config_plan = gemel_position_plan (&facts, have, &reason);
  answer->u.answer.config_len = node->journal_durable;
  if (answer->u.answer.config_plan == GEMEL_SYNC_EQUAL ||
      answer->u.answer.config_plan == GEMEL_SYNC_TAIL)
    node->peer_has = have->seq;
  if (answer->u.answer.config_plan == GEMEL_SYNC_TAIL)
    {
      answer->u.answer.first = have->seq;
      answer->u.answer.n_entries = (guint) MIN (node->journal_durable - have->seq, SIM_BATCH);
      memcpy (answer->u.answer.entries, &node->journal[have->seq],
              answer->u.answer.n_entries * sizeof (SimEntry));
    }
  else if (answer->u.answer.config_plan != GEMEL_SYNC_EQUAL)
    answer->u.answer.full = g_memdup2 (node->journal,
                                       (node->journal_durable + 1) * sizeof (SimEntry));
}

static void
plan_state (SimNode          *node,
            const SimPayload *pull,
            SimPayload       *answer)
{
  GemelStatePosition have = pull->u.pull.have.state;
  GemelSyncReason    reason;

  if (pull->u.pull.state_reset)
    have.epoch = 0;
  answer->u.answer.state_head = node->state;
  answer->u.answer.state_plan = gemel_state_plan (&node->state, node->deltas_base + 1, &have,
                                                  &reason);
  if (answer->u.answer.state_plan == GEMEL_SYNC_TAIL)
    {
      answer->u.answer.n_deltas = (guint) MIN (node->state.seq - have.seq, SIM_BATCH);
      for (guint i = 0; i < answer->u.answer.n_deltas; i++)
        answer->u.answer.deltas[i] = node->deltas[(have.seq + 1 + i) % SIM_DELTAS];
    }
  else if (answer->u.answer.state_plan == GEMEL_SYNC_FULL)
    memcpy (answer->u.answer.values, node->values, sizeof node->values);
}

/* The standby has everything up to its position: the pair has it. */
static void
acknowledge (SimWorld         *w,
             SimNode          *node,
             const SimPayload *pull)
{
  const GemelStatePosition *have = &pull->u.pull.have.state;

  if (have->epoch != node->state.epoch || !pull->u.pull.standing_by || pull->u.pull.state_reset ||
      have->seq < node->deltas_base)
    return;
  for (guint64 seq = MAX (node->deltas_base, node->acked_seq) + 1;
       seq <= MIN (have->seq, node->state.seq); seq++)
    {
      const SimDelta *delta = &node->deltas[seq % SIM_DELTAS];
      SimPairAck     *ack = &w->pair_acks[delta->key];

      if (delta->value <= ack->value)
        continue;
      *ack = (SimPairAck){ delta->value, node->index, node->life, 1 - node->index,
                           pull->u.pull.life };
      w->stats.pair_acks++;
    }
  node->acked_seq = MAX (node->acked_seq, MIN (have->seq, node->state.seq));
}

static gboolean
is_state_source (const SimNode *node)
{
  return node->view.active_term != 0 && node->view.active_term == node->state.epoch &&
         node->level == GEMEL_LEVEL_ACTIVE;
}

static SimPayload *
begin_answer (SimNode    *node,
              SimPayload *p)
{
  memset (&p->u.answer, 0, sizeof p->u.answer);
  p->kind = SIM_PAYLOAD_ANSWER;
  p->u.answer.life = node->life;
  return p;
}

/**
 * sim_on_pull:
 * @w: the world
 * @node: the source
 * @payload: PULL
 */
void
sim_on_pull (SimWorld         *w,
             SimNode          *node,
             const SimPayload *payload)
{
  guint       index = sim_payload_take (w);
  SimPayload *p;

  if (index == SIM_NO_PAYLOAD)
    return;
  p = begin_answer (node, &w->payloads[index]);
  p->u.answer.config_source = node->settings.role == GEMEL_ROLE_MASTER;
  if (p->u.answer.config_source)
    plan_config (w, node, payload, p);
  p->u.answer.state_source = is_state_source (node);
  if (p->u.answer.state_source)
    {
      acknowledge (w, node, payload);
      plan_state (node, payload, p);
    }
  (void) sim_send (w, node->index, index);
}

/**
 * sim_push_delta:
 * @w: the world
 * @node: active, just posted
 *
 * A pull that waits is answered the moment something happens.
 */
void
sim_push_delta (SimWorld *w,
                SimNode  *node)
{
  guint       index;
  SimPayload *p;

  if (node->session == 0)
    return;
  index = sim_payload_take (w);
  if (index == SIM_NO_PAYLOAD)
    return;
  p = begin_answer (node, &w->payloads[index]);
  p->u.answer.state_source = TRUE;
  p->u.answer.state_plan = GEMEL_SYNC_TAIL;
  p->u.answer.state_head = node->state;
  p->u.answer.n_deltas = 1;
  p->u.answer.deltas[0] = node->deltas[node->state.seq % SIM_DELTAS];
  (void) sim_send (w, node->index, index);
}

/* ---- the puller ---- */

static void
keep_tail (SimWorld *w,
           SimNode  *node,
           guint64   from)
{
  if (from < node->journal_len)
    w->stats.divergences++;
  for (guint64 i = from; i < node->journal_len; i++)
    w->edit_flags[node->journal[i].edit] |= SIM_EDIT_KEPT;
}

static void
take_full_config (SimWorld         *w,
                  SimNode          *node,
                  const SimPayload *payload)
{
  guint64 len = payload->u.answer.config_len;
  guint64 same = 0;

  while (same < MIN (len, node->journal_len) &&
         node->journal[same].hash == payload->u.answer.full[same].hash)
    same++;
  keep_tail (w, node, same);
  memcpy (node->journal, payload->u.answer.full, len * sizeof (SimEntry));
  node->journal_len = len;
  node->journal_durable = len; /* one rename after everything was synced */
  node->has_config = TRUE;
  node->config_reset = FALSE;
  node->soft_restarting = TRUE;
  sim_push (w, w->now_us + w->plan.soft_restart_us, SIM_EVENT_SOFT_RESTARTED, node->index,
            node->life, 0, 0);
}

/* Returns whether another pull would bring more. */
static gboolean
take_config (SimWorld         *w,
             SimNode          *node,
             const SimPayload *payload)
{
  GemelSyncPlan plan = payload->u.answer.config_plan;
  guint64       first = payload->u.answer.first;

  if (plan == GEMEL_SYNC_FULL || plan == GEMEL_SYNC_DIVERGED)
    take_full_config (w, node, payload);
  for (guint i = 0; plan == GEMEL_SYNC_TAIL && i < payload->u.answer.n_entries; i++)
    {
      const SimEntry *entry = &payload->u.answer.entries[i];
      guint64         before = node->journal_len == 0 ? 0
                                                      : node->journal[node->journal_len - 1].hash;

      if (first + i != node->journal_len ||
          entry->hash != sim_mix (sim_mix (before + entry->term) + entry->edit + 1))
        continue;
      node->journal[node->journal_len++] = *entry;
      sim_judge_entry (w, node, node->journal_len - 1);
      sim_push (w, w->now_us + w->plan.journal_write_us, SIM_EVENT_SYNCED, node->index, node->life,
                node->journal_len, 0);
    }
  node->config_level = node->journal_len == payload->u.answer.config_len;
  if (node->config_level)
    node->has_config = TRUE;
  return !node->config_level || plan != GEMEL_SYNC_EQUAL;
}

static gboolean
take_state (SimWorld         *w,
            SimNode          *node,
            const SimPayload *payload)
{
  GemelSyncPlan plan = payload->u.answer.state_plan;

  /* What was overtaken by newer deltas of the same term is old. */
  if (plan == GEMEL_SYNC_FULL &&
      (node->state_reset || node->state.epoch != payload->u.answer.state_head.epoch ||
       node->state.seq <= payload->u.answer.state_head.seq))
    {
      sim_judge_full_state (w, node, payload->u.answer.values, payload->u.answer.life);
      memcpy (node->values, payload->u.answer.values, sizeof node->values);
      node->state = payload->u.answer.state_head;
      node->state_reset = FALSE;
    }
  for (guint i = 0; plan == GEMEL_SYNC_TAIL && i < payload->u.answer.n_deltas; i++)
    {
      const SimDelta    *delta = &payload->u.answer.deltas[i];
      GemelStatePosition next = { payload->u.answer.state_head.epoch, delta->seq };

      if (!gemel_state_position_follows (&node->state, &next))
        continue;
      node->values[delta->key] = delta->value;
      node->state = next;
    }
  node->state_level = node->state.epoch == payload->u.answer.state_head.epoch &&
                      node->state.seq >= payload->u.answer.state_head.seq && !node->state_reset;
  return !node->state_level || plan != GEMEL_SYNC_EQUAL;
}

/**
 * sim_on_answer:
 * @w: the world
 * @node: the puller
 * @payload: ANSWER
 */
void
sim_on_answer (SimWorld         *w,
               SimNode          *node,
               const SimPayload *payload)
{
  gboolean more = FALSE;
  gboolean follows = node->level != GEMEL_LEVEL_ACTIVE &&
                     payload->u.answer.state_head.epoch >= node->state.epoch;

  if (payload->u.answer.config_source && node->settings.role == GEMEL_ROLE_BACKUP &&
      !node->journal_broken)
    more |= take_config (w, node, payload);
  if (payload->u.answer.state_source && follows)
    more |= take_state (w, node, payload);
  if (more)
    sim_pull (w, node);
}
