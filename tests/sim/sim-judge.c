/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The judge: what must hold after every step (PROTOCOL.md section 0). It keeps its own books, the
 * ghosts, and never asks the core whether the core is right.
 *
 *   S2 term-down, term-reused, term-parity, term-not-durable
 *   promise            active again while the promise of a handover or of the start runs
 *   early-takeover     active although the peer was heard active less than the time-out ago, and
 *                      neither notice, commit, order nor trusted refusal allows it
 *   stale-exchange     active after a start or a long pause on the word of an old message
 *   stalled-effect     an effect after a long pause, before a fresh exchange
 *   S3 ready-early, commit-late, switchover-lost
 *   S5 control-moved, incumbent-lost
 *   eligible           active without the pair's data and without an order
 *   pair-state         what the pair acknowledged is missing at the successor
 *   log-matching       same term and sequence, other content
 *   dual-active        both act, and nothing disturbed them for a while
 */
#include "sim-private.h"

#include <stdarg.h>
#include <string.h>

/**
 * sim_fail:
 * @w: the world
 * @invariant: which was broken
 * @format: details
 *
 * The first failure counts; the run ends after this event.
 */
void
sim_fail (SimWorld   *w,
          const char *invariant,
          const char *format,
          ...)
{
  va_list args;

  if (w->verdict.failed)
    return;
  w->verdict.failed = TRUE;
  w->verdict.at_us = w->now_us;
  w->verdict.steps = w->steps;
  g_strlcpy (w->verdict.invariant, invariant, sizeof w->verdict.invariant);
  va_start (args, format);
  g_vsnprintf (w->verdict.detail, sizeof w->verdict.detail, format, args);
  va_end (args);
}

/**
 * sim_judge_start:
 * @w: the world
 * @node: its process started just now
 */
void
sim_judge_start (SimWorld *w,
                 SimNode  *node)
{
  gint64 now_us = sim_boot_us (w, node);

  node->seen_term = node->torn ? 0 : node->durable.term;
  node->fresh = FALSE;
  node->decided = FALSE;
  node->fresh_from_us = now_us;
  node->must_refresh = FALSE;
  node->active_heard_us = G_MININT64 / 2;
  node->peer_idle = FALSE;
  node->heard_term = 0;
  node->excused = FALSE;
  node->forced = FALSE;
  node->ready_id = 0;
  node->since_term = 0;
  node->promise_until_us = now_us;
  node->start_promise_us = now_us + node->settings.promise_us;
}

static void
judge_message (SimWorld           *w,
               SimNode            *node,
               const GemelMessage *m,
               gint64              now_us)
{
  if (!node->core.peer.link_up || m->echo_nonce != node->core.nonce ||
      m->echo_us < node->fresh_from_us)
    return;
  node->fresh = TRUE;
  node->must_refresh = FALSE;
  if (m->nonce == node->heard_nonce && m->ts_us < node->heard_ts_us)
    return;
  node->heard_nonce = m->nonce;
  node->heard_ts_us = m->ts_us;
  node->peer_idle = m->active_term == 0;
  if (m->active_term == 0)
    return;
  node->active_heard_us = now_us;
  node->heard_term = m->active_term;
  node->excused = FALSE;
}

/**
 * sim_judge_input:
 * @w: the world
 * @node: who is about to take it
 * @input: the input
 *
 * What the ghosts learn from it: exactly what the rules allow a node to conclude.
 */
void
sim_judge_input (SimWorld         *w,
                 SimNode          *node,
                 const GemelInput *input)
{
  switch (input->type)
    {
    case GEMEL_INPUT_MESSAGE:
      judge_message (w, node, &input->u.message, input->now_us);
      break;
    case GEMEL_INPUT_DEATH_NOTICE:
      if (input->u.term != node->heard_term)
        break;
      node->excused = TRUE;
      node->must_refresh = FALSE;
      node->promise_until_us = input->now_us;
      node->start_promise_us = input->now_us;
      break;
    case GEMEL_INPUT_REFUSED:
      if (!node->settings.trust_refused || node->session != 0)
        break;
      node->excused = TRUE;
      node->must_refresh = FALSE;
      break;
    case GEMEL_INPUT_FORCE_ACTIVE:
      node->forced = TRUE;
      node->must_refresh = FALSE;
      node->promise_until_us = input->now_us;
      node->start_promise_us = input->now_us;
      break;
    case GEMEL_INPUT_TICK:
    case GEMEL_INPUT_LINK_UP:
    case GEMEL_INPUT_LINK_DOWN:
    case GEMEL_INPUT_PERSISTED:
    case GEMEL_INPUT_PERSIST_FAILED:
    case GEMEL_INPUT_SYNC:
    case GEMEL_INPUT_QUIESCED:
    case GEMEL_INPUT_CAUGHT_UP:
    case GEMEL_INPUT_POSITION:
    case GEMEL_INPUT_JOURNAL_FAILED:
    case GEMEL_INPUT_JOURNAL_OK:
    case GEMEL_INPUT_REQUEST_SWITCHOVER:
    case GEMEL_INPUT_ABORT_SWITCHOVER:
    case GEMEL_INPUT_SETTINGS:
    case GEMEL_INPUT_STOP:
      break;
    }
}

/* ---- terms ---- */

static void
judge_terms (SimWorld        *w,
             SimNode         *node,
             const GemelView *before)
{
  if (node->view.term < node->seen_term)
    sim_fail (w, "term-down", "node %u went from term %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
              node->index, node->seen_term, node->view.term);
  node->seen_term = node->view.term;
  if (node->view.active_term == 0 || node->view.active_term == before->active_term)
    return;
  if (node->view.active_term <= node->used_term)
    sim_fail (w, "term-reused", "node %u is active in term %" G_GUINT64_FORMAT " again",
              node->index, node->view.active_term);
  if (node->view.active_term % 2 != node->index)
    sim_fail (w, "term-parity", "node %u is active in a term of the other slot", node->index);
  if (node->view.active_term > node->durable.term)
    sim_fail (w, "term-not-durable",
              "node %u is active in term %" G_GUINT64_FORMAT ", its disk says %" G_GUINT64_FORMAT,
              node->index, node->view.active_term, node->durable.term);
  node->used_term = node->view.active_term;
}

/* ---- activation ---- */

static void
judge_handover (SimWorld *w,
                SimNode  *node)
{
  const SimHandover *h = &w->handover;
  guint64            len = h->journal_len;

  if (!h->valid || h->from == node->index)
    {
      sim_fail (w, "switchover-lost", "node %u is active by a commit that nobody gave",
                node->index);
      return;
    }
  if (len > node->journal_durable || (len > 0 && node->journal[len - 1].hash != h->journal_hash))
    sim_fail (w, "switchover-lost", "node %u lacks journal entries of its predecessor",
              node->index);
  for (guint key = 0; key < SIM_KEYS; key++)
    if (node->values[key] < h->values[key])
      sim_fail (w, "switchover-lost", "node %u lacks runtime state of its predecessor",
                node->index);
  if (sim_is_acting (w, sim_peer (w, node)) && w->frozen_until_us < w->now_us)
    sim_fail (w, "commit-late", "node %u is active by commit while its predecessor acts",
              node->index);
}

static void
judge_pair_state (SimWorld *w,
                  SimNode  *node)
{
  for (guint key = 0; key < SIM_KEYS; key++)
    {
      const SimPairAck *ack = &w->pair_acks[key];

      if (ack->value == 0 || ack->holder != node->index || ack->holder_life != node->life)
        continue;
      if (node->values[key] < ack->value)
        sim_fail (w, "pair-state", "node %u takes over without an update that it acknowledged",
                  node->index);
    }
}

static void
judge_reason (SimWorld *w,
              SimNode  *node,
              gint64    now_us)
{
  gint64   silent_us = now_us - node->active_heard_us;
  gint64   promise_us;
  gint64   allowance_us = node->decided ? node->settings.failover_timeout_us
                                        : node->settings.startup_allowance_us;
  gboolean allowance_over = now_us - node->fresh_from_us >= allowance_us;

  if (!node->had_data && !node->forced)
    sim_fail (w, "eligible", "node %u takes over without the data of the pair", node->index);
  if (node->excused || node->forced || node->view.role == GEMEL_ROLE_INDEPENDENT)
    return;
  if (!node->fresh && !allowance_over)
    sim_fail (w, "stale-exchange", "node %u is active on the word of an old message", node->index);
  if (silent_us < node->settings.failover_timeout_us && !node->peer_idle)
    sim_fail (w, "early-takeover", "node %u heard its peer active %" G_GINT64_FORMAT " us ago",
              node->index, silent_us);
  promise_us = node->promise_until_us;
  if (node->core.candidate_cause != GEMEL_CAUSE_MASTER_FIRST)
    promise_us = MAX (promise_us, node->start_promise_us);
  if (now_us < promise_us)
    sim_fail (w, "promise", "node %u is active %" G_GINT64_FORMAT " us before its promise ends",
              node->index, promise_us - now_us);
}

static void
judge_activation (SimWorld *w,
                  SimNode  *node)
{
  gint64 now_us = sim_boot_us (w, node);

  node->since_term = node->view.active_term;
  judge_pair_state (w, node);
  if (node->view.cause == GEMEL_CAUSE_COMMITTED)
    {
      judge_handover (w, node);
      node->promise_until_us = now_us; /* control came back in order */
    }
  else
    {
      judge_reason (w, node, now_us);
      w->stats.takeovers += node->core.candidate_cause == GEMEL_CAUSE_NO_ACTIVE ||
                            node->core.candidate_cause == GEMEL_CAUSE_DEATH_NOTICE ||
                            node->core.candidate_cause == GEMEL_CAUSE_REFUSED;
    }
  node->excused = FALSE;
  node->forced = FALSE;
  node->must_refresh = FALSE;
}

/* ---- what ends an activity ---- */

static void
judge_commit (SimWorld        *w,
              SimNode         *node,
              const GemelView *before)
{
  SimHandover *h = &w->handover;

  if (before->state != GEMEL_STATE_HANDOVER || node->view.state != GEMEL_STATE_STANDBY ||
      node->view.cause != GEMEL_CAUSE_COMMITTED)
    return;
  h->valid = TRUE;
  h->from = node->index;
  h->journal_len = node->journal_durable;
  h->journal_hash = h->journal_len == 0 ? 0 : node->journal[h->journal_len - 1].hash;
  h->state = node->state;
  memcpy (h->values, node->values, sizeof h->values);
  node->promise_until_us = sim_boot_us (w, node) + node->settings.promise_us;
}

/* Section 13: with manual recovery the incumbent stays. */
static void
judge_dual_lost (SimWorld        *w,
                 SimNode         *node,
                 const GemelView *before)
{
  const GemelMessage *m = &w->input.u.message;
  gboolean            manual = node->view.recovery_mode == GEMEL_RECOVERY_MANUAL &&
                    !node->settings.dual_master && !m->dual_master;

  if (before->active_term == 0 || node->view.active_term != 0 ||
      node->view.cause != GEMEL_CAUSE_DUAL_LOST || !manual ||
      w->input.type != GEMEL_INPUT_MESSAGE || m->recovery_mode != GEMEL_RECOVERY_MANUAL)
    return;
  if (node->since_term < m->since_term)
    sim_fail (w, "incumbent-lost", "node %u was active first and gave way, with manual recovery",
              node->index);
}

/**
 * sim_judge_dual:
 * @w: the world
 *
 * Two nodes act at this instant: that needs an excuse. One is always good for a moment: both saw
 * nobody active and decided within one message delay of each other.
 */
void
sim_judge_dual (SimWorld *w)
{
  const GemelCoreSettings *s = &w->plan.settings[0];
  gint64                   moment_us = 2 * s->heartbeat_interval_us + s->rtt_budget_us +
                     4 * w->plan.term_write_us;

  if (!sim_is_acting (w, &w->nodes[0]) || !sim_is_acting (w, &w->nodes[1]))
    {
      w->dual_since_us = G_MAXINT64;
      return;
    }
  if (w->dual_since_us == G_MAXINT64)
    {
      w->stats.dual_actives++;
      w->dual_since_us = w->now_us;
    }
  if (w->now_us > MAX (w->disturbed_until_us, w->dual_since_us + moment_us) &&
      (w->plan.loss_ppm == 0 || w->calm))
    sim_fail (w, "dual-active",
              "both nodes act, %" G_GINT64_FORMAT " us after the last disturbance was over",
              w->now_us - w->disturbed_until_us);
}

/**
 * sim_judge_step:
 * @w: the world
 * @node: who took a step
 * @before: its view before the step
 */
void
sim_judge_step (SimWorld        *w,
                SimNode         *node,
                const GemelView *before)
{
  if (node->view.state == GEMEL_STATE_CANDIDATE && before->state != GEMEL_STATE_CANDIDATE)
    node->had_data = node->told_eligible;
  judge_terms (w, node, before);
  judge_commit (w, node, before);
  judge_dual_lost (w, node, before);
  if (before->active_term == 0 && node->view.active_term != 0)
    judge_activation (w, node);
  if (node->must_refresh && gemel_core_may_act (&node->view, sim_boot_us (w, node)))
    sim_fail (w, "stalled-effect", "node %u may act after a pause and before any fresh exchange",
              node->index);
  if (node->view.acts_until_us != 0 || w->dual_since_us != G_MAXINT64)
    sim_judge_dual (w);
}

/**
 * sim_judge_resume:
 * @w: the world
 * @node: wakes up
 * @gap_us: how long it did not run, on its own clock
 *
 * It may have been replaced: the guard must be shut already, and an exchange from before does not
 * open it.
 */
void
sim_judge_resume (SimWorld *w,
                  SimNode  *node,
                  gint64    gap_us)
{
  if (gap_us <= node->settings.failover_timeout_us || node->view.role == GEMEL_ROLE_INDEPENDENT)
    return;
  node->must_refresh = TRUE;
  node->fresh = FALSE;
  node->decided = node->view.active_term == 0 && node->view.state != GEMEL_STATE_UNDECIDED;
  node->fresh_from_us = sim_boot_us (w, node);
  if (gemel_core_may_act (&node->view, node->fresh_from_us))
    sim_fail (w, "stalled-effect", "node %u may act right after a pause of %" G_GINT64_FORMAT " us",
              node->index, gap_us);
}

/* ---- actions ---- */

static void
judge_send (SimWorld           *w,
            SimNode            *node,
            const GemelMessage *m)
{
  if (m->active_term > node->durable.term)
    sim_fail (w, "term-not-durable",
              "node %u says that it is active in a term that is not on its disk", node->index);
  if (m->kind == GEMEL_MESSAGE_READY && m->proposal > node->durable.term)
    sim_fail (w, "term-not-durable", "node %u is ready in a term that is not on its disk",
              node->index);
  if (m->kind == GEMEL_MESSAGE_READY && node->ready_id != m->switch_id)
    sim_fail (w, "ready-early", "node %u is ready before it has caught up", node->index);
  if (m->kind == GEMEL_MESSAGE_COMMIT && node->level == GEMEL_LEVEL_ACTIVE)
    sim_fail (w, "commit-late", "node %u sends a commit and is active still", node->index);
}

static gboolean
may_start_switchover (SimWorld  *w,
                      SimNode   *node,
                      GemelCause cause)
{
  const GemelCoreSettings *s = &node->settings;
  SimNode                 *peer = sim_peer (w, node);
  SimNode                 *master = w->plan.roles_swapped ? &w->nodes[1] : &w->nodes[0];
  gint64                   patience_us = 2 * (s->drain_timeout_us + s->ready_timeout_us +
                            s->failover_timeout_us) +
                       sim_margin_us (w);

  if (cause == GEMEL_CAUSE_USER)
    return w->now_us - MAX (node->request_us, peer->request_us) < patience_us;
  if (cause == GEMEL_CAUSE_RECOVERY)
    return master->settings.recovery_mode == GEMEL_RECOVERY_AUTOMATIC ||
           w->now_us - master->automatic_us < patience_us || w->disturbed_until_us > w->now_us;
  if (cause == GEMEL_CAUSE_STOP)
    return node->stopping;
  return cause == GEMEL_CAUSE_JOURNAL_FAILED && node->journal_broken;
}

/**
 * sim_judge_action:
 * @w: the world
 * @node: who is about to do it
 * @action: one action
 */
void
sim_judge_action (SimWorld          *w,
                  SimNode           *node,
                  const GemelAction *action)
{
  if (action->type == GEMEL_ACTION_SEND)
    judge_send (w, node, &action->u.message);
  else if (action->type == GEMEL_ACTION_EVENT &&
           action->u.event.code == GEMEL_EVENT_SWITCHOVER_STARTED &&
           !may_start_switchover (w, node, action->u.event.cause))
    sim_fail (w, "control-moved", "node %u hands over because of %s, which nobody wanted",
              node->index, gemel_cause_to_string (action->u.event.cause));
}

/* ---- data ---- */

/**
 * sim_judge_entry:
 * @w: the world
 * @node: appended an entry
 * @index: where
 *
 * Log matching. A node that was independent, or lost its role, wrote for itself, so such runs are
 * left out.
 */
void
sim_judge_entry (SimWorld *w,
                 SimNode  *node,
                 guint64   index)
{
  const SimNode  *peer = sim_peer (w, node);
  const SimEntry *a = &node->journal[index];
  const SimEntry *b = &peer->journal[index];

  if (index >= peer->journal_len || a->term != b->term || a->hash == b->hash ||
      w->stats.faults[SIM_FAULT_UNPAIR] + w->stats.faults[SIM_FAULT_SWAP] > 0)
    return;
  sim_fail (w, "log-matching",
            "two entries of term %" G_GUINT64_FORMAT " at sequence %" G_GUINT64_FORMAT " differ",
            a->term, index + 1);
}

/**
 * sim_judge_full_state:
 * @w: the world
 * @node: the standby
 * @values: what it is about to take
 * @source_life: the process that sent it
 *
 * A full state may not take back what the pair acknowledged, unless the active process that gave
 * the acknowledgement is gone together with its memory and was made active again: then both copies
 * are at the mercy of one memory, which is counted.
 */
void
sim_judge_full_state (SimWorld      *w,
                      SimNode       *node,
                      const guint64 *values,
                      guint32        source_life)
{
  for (guint key = 0; key < SIM_KEYS; key++)
    {
      SimPairAck *ack = &w->pair_acks[key];

      if (ack->value == 0 || ack->holder != node->index || ack->holder_life != node->life ||
          values[key] >= ack->value)
        continue;
      if (ack->source_life == source_life)
        sim_fail (w, "pair-state", "node %u loses an update of key %u that the pair acknowledged",
                  node->index, key);
      w->stats.state_restarts++;
      ack->value = 0;
    }
}
