/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What happens because time passed or a write became durable: run after every input.
 */
#include "core/gemel-core-private.h"

#define JOURNAL_PATIENCE_US (10 * G_TIME_SPAN_SECOND)

static void
watch_peer (GemelCore    *core,
            GemelActions *out)
{
  if (!core->peer.alive || core->now_us - core->peer.heard_us <= core->settings.failover_timeout_us)
    return;
  core->peer.alive = FALSE;
  core->peer.effective = FALSE;
  core->peer.synced = FALSE;
  core->peer.synced_since_us = 0;
  gemel_core_emit_event (core, out, GEMEL_EVENT_PEER_LOST, GEMEL_CAUSE_NONE,
                         core->now_us - core->peer.heard_us, 0);
}

static void
watch_handover (GemelCore    *core,
                GemelActions *out)
{
  if (core->state == GEMEL_STATE_HANDOVER && core->now_us >= core->handover.deadline_us)
    {
      if (GEMEL_MUTANT (LATE_DEMOTE) && core->handover.committed_term != 0)
        gemel_core_become_standby (core, GEMEL_CAUSE_COMMITTED, out);
      else
        gemel_core_roll_back (core, GEMEL_CAUSE_TIMEOUT, out);
    }
  else if (core->state == GEMEL_STATE_CANDIDATE && core->handover.id != 0 &&
           core->now_us >= core->handover.deadline_us)
    {
      memset (&core->handover, 0, sizeof core->handover);
      gemel_core_become_standby (core, GEMEL_CAUSE_TIMEOUT, out);
    }
  if (core->state == GEMEL_STATE_STANDBY && core->handover.committed_term != 0)
    {
      gboolean seen = core->peer.effective &&
                      core->peer.active_term >= core->handover.committed_term;

      if (seen || core->now_us >= core->promise_until_us)
        gemel_core_end_commit (core, seen, out);
    }
  if (core->pending_request != 0 && core->now_us >= core->pending_request_until_us)
    {
      gemel_core_emit_reply (out, core->pending_request, FALSE, GEMEL_CAUSE_TIMEOUT);
      core->pending_request = 0;
    }
}

/* Whether the other one goes first if both live and neither is active: who alone holds the runtime
 * state, else the master. */
static gboolean
peer_goes_first (const GemelCore *core)
{
  if (!core->peer.alive || core->settings.role == GEMEL_ROLE_INDEPENDENT)
    return FALSE;
  if (core->peer.eligible && core->holds_state != core->peer.holds_state)
    return core->peer.holds_state;
  return core->settings.role == GEMEL_ROLE_BACKUP;
}

/* Row 7: when the silence is long enough; a little longer when the other one goes first. */
static gint64
candidacy_us (const GemelCore *core)
{
  const GemelCoreSettings *s = &core->settings;
  gint64                   due_us = MAX (core->no_active_until_us, core->promise_until_us);

  if (core->silence_cause != GEMEL_CAUSE_NONE || core->state == GEMEL_STATE_UNDECIDED)
    return due_us;
  if (peer_goes_first (core))
    due_us += 2 * s->heartbeat_interval_us + s->rtt_budget_us;
  return due_us;
}

static gboolean
may_be_candidate (const GemelCore *core)
{
  gboolean waiting = core->state == GEMEL_STATE_UNDECIDED || core->state == GEMEL_STATE_STANDBY ||
                     (core->state == GEMEL_STATE_CANDIDATE && core->handover.id != 0);
  gboolean eligible = core->eligible || GEMEL_MUTANT (INELIGIBLE_TAKES);

  return waiting && eligible && !core->stopping && !core->term_failed && !core->journal_failed;
}

static void
watch_silence (GemelCore    *core,
               GemelActions *out)
{
  GemelCause cause = core->silence_cause;

  if (!may_be_candidate (core) || core->now_us < candidacy_us (core))
    return;
  if (cause == GEMEL_CAUSE_NONE)
    cause = core->settings.role == GEMEL_ROLE_INDEPENDENT && core->state == GEMEL_STATE_UNDECIDED
              ? GEMEL_CAUSE_INDEPENDENT
              : GEMEL_CAUSE_NO_ACTIVE;
  gemel_core_drop_handover (core, out);
  gemel_core_become_candidate (core, cause, out);
}

static void
finish_reassert (GemelCore    *core,
                 GemelActions *out)
{
  GemelAction *action;

  core->active_term = core->proposal;
  core->stable.last_active_term = core->proposal;
  core->proposal = 0;
  core->next_beat_us = core->now_us;
  /* The same level in another term: whoever passes the term on must hear it. */
  action = gemel_core_emit (out, GEMEL_ACTION_LEVEL);
  action->u.level.level = core->level;
  action->u.level.cause = core->candidate_cause;
  action->u.level.term = core->active_term;
  if (core->candidate_cause == GEMEL_CAUSE_DUAL_WON)
    gemel_core_emit_event (core, out, GEMEL_EVENT_DUAL_RESOLVED, GEMEL_CAUSE_DUAL_WON, 0, 0);
}

static void
watch_proposal (GemelCore    *core,
                GemelActions *out)
{
  gboolean overtaken = core->peer.alive && !core->peer.effective &&
                       core->peer.state == GEMEL_STATE_STANDBY &&
                       core->stable.term > core->active_term;

  /* The peer was active, or proposed, in a higher term without being heard as active here. */
  if (core->state == GEMEL_STATE_ACTIVE && core->proposal == 0 && overtaken && !core->term_failed)
    gemel_core_reassert (core, GEMEL_CAUSE_NEWER_TERM, out);
  if (core->proposal == 0 || core->persist_done < core->proposal_persist)
    return;
  if (core->state == GEMEL_STATE_ACTIVE)
    finish_reassert (core, out);
  else if (core->state == GEMEL_STATE_CANDIDATE && core->handover.id == 0)
    {
      if (core->stable.term > core->proposal)
        gemel_core_become_candidate (core, GEMEL_CAUSE_NEWER_TERM, out);
      else
        gemel_core_become_active (core, GEMEL_CAUSE_TERM_DURABLE, out);
    }
}

/* Sections 11 and row 17: an active node that gives control back by itself. */
static void
watch_reasons_to_hand_over (GemelCore    *core,
                            GemelActions *out)
{
  GemelCause cause = GEMEL_CAUSE_NONE;
  GemelCause why_not;

  if (core->state != GEMEL_STATE_ACTIVE || core->stopping || core->peer.synced_since_us == 0)
    return;
  if (core->journal_failed && core->now_us - core->journal_failed_us >= JOURNAL_PATIENCE_US)
    cause = GEMEL_CAUSE_JOURNAL_FAILED;
  else if (core->settings.role == GEMEL_ROLE_BACKUP && core->peer.role == GEMEL_ROLE_MASTER &&
           gemel_core_recovery_mode (core) == GEMEL_RECOVERY_AUTOMATIC &&
           core->now_us - core->peer.synced_since_us >= core->recovery_delay_us)
    cause = GEMEL_CAUSE_RECOVERY;
  if (cause != GEMEL_CAUSE_NONE && gemel_core_peer_can_take (core, &why_not))
    gemel_core_begin_handover (core, cause, 0, 0, out);
}

static void
watch_stop (GemelCore    *core,
            GemelActions *out)
{
  if (!core->stopping || core->state == GEMEL_STATE_HANDOVER || core->handover.committed_term != 0)
    return;
  if (!core->stop_asked)
    {
      if (core->state == GEMEL_STATE_ACTIVE)
        gemel_core_become_undecided (core, GEMEL_CAUSE_STOP, out);
      core->stable.clean_stop = TRUE;
      core->stop_persist = gemel_core_persist (core, out);
      core->stop_asked = TRUE;
    }
  if (core->persist_done >= core->stop_persist)
    {
      gemel_core_emit_event (core, out, GEMEL_EVENT_STOPPED, GEMEL_CAUSE_STOP, 0, 0);
      (void) gemel_core_emit (out, GEMEL_ACTION_EXIT);
      core->exited = TRUE;
    }
}

static void
watch_fault (GemelCore    *core,
             GemelActions *out)
{
  if (!core->term_failed || core->stopping || core->now_us < core->term_retry_us)
    return;
  core->term_retry_us = core->now_us + core->settings.failover_timeout_us;
  (void) gemel_core_persist (core, out);
}

static void
beat (GemelCore    *core,
      GemelActions *out)
{
  GemelMessageKind kind;

  if (core->now_us < core->next_beat_us)
    return;
  kind = gemel_core_message_due (core);
  gemel_core_emit_message (core, out, kind, kind == GEMEL_MESSAGE_BEAT ? 0 : core->handover.id,
                           GEMEL_CAUSE_NONE);
  core->next_beat_us = core->now_us + core->settings.heartbeat_interval_us;
}

/**
 * gemel_core_run_timers:
 * @core: the core
 * @out: actions
 * Thread: the core's
 */
void
gemel_core_run_timers (GemelCore    *core,
                       GemelActions *out)
{
  watch_peer (core, out);
  watch_handover (core, out);
  watch_silence (core, out);
  watch_proposal (core, out);
  watch_reasons_to_hand_over (core, out);
  watch_stop (core, out);
  watch_fault (core, out);
  /* READY and COMMIT leave the moment their write is durable. */
  if (gemel_core_message_due (core) != GEMEL_MESSAGE_BEAT &&
      core->handover.said != gemel_core_message_due (core))
    {
      core->handover.said = gemel_core_message_due (core);
      core->next_beat_us = core->now_us;
    }
  beat (core, out);
}

/**
 * gemel_core_next_deadline:
 * @core: the core
 *
 * The next beat is never far away, so a late turn is seen as a stall whatever else was due.
 *
 * Returns: when to step again at the latest; boot time in µs.
 * Thread: the core's
 */
gint64
gemel_core_next_deadline (const GemelCore *core)
{
  gint64 due_us = core->next_beat_us;

  if (core->exited)
    return G_MAXINT64;
  if (may_be_candidate (core))
    due_us = MIN (due_us, candidacy_us (core));
  if (core->handover.id != 0 && core->handover.deadline_us != 0 &&
      core->handover.committed_term == 0)
    due_us = MIN (due_us, core->handover.deadline_us);
  return MAX (due_us, core->now_us);
}
