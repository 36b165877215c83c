/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The planned switchover (PROTOCOL.md section 12).
 *
 *   active                                   standby
 *   A --> H   QUIESCE ... QUIESCED
 *             PREPARE(id, position)  ----->  S --> C  proposes above all terms, persists, CATCH_UP
 *             compares positions     <-----  READY(id, term, position)
 *   H --> S   stops, persists, promises
 *             COMMIT(id, term)       ----->  C --> A
 *             sees it active: done   <-----  BEAT active
 *
 * Before the comparison every failure rolls back. After it the old active stays away for the
 * promise; what is reported is `done` only when the successor was seen, else `unknown`. PREPARE,
 * READY and COMMIT are repeated with each heartbeat, so losing one costs an interval.
 */
#include "core/gemel-core-private.h"

#define RECOVERY_MEMORY_US (10 * G_TIME_SPAN_MINUTE)

static guint64
new_switch_id (GemelCore *core)
{
  /* A 64-bit xorshift: unique per process is enough, and the same in every run of a seed. */
  core->rng ^= core->rng << 13;
  core->rng ^= core->rng >> 7;
  core->rng ^= core->rng << 17;
  return core->rng;
}

/**
 * gemel_core_peer_can_take:
 * @core: active
 * @ret_cause: (out): what stands against it, written only when it cannot
 *
 * Returns: whether the peer could take over without losing anything.
 * Thread: the core's
 */
gboolean
gemel_core_peer_can_take (const GemelCore *core,
                          GemelCause      *ret_cause)
{
  GemelCause cause = GEMEL_CAUSE_NONE;

  if (!core->peer.link_up || !core->peer.alive)
    cause = GEMEL_CAUSE_NO_PEER;
  else if (!core->peer.eligible || core->peer.state == GEMEL_STATE_FAULT)
    cause = GEMEL_CAUSE_NOT_ELIGIBLE;
  else if (core->peer.effective)
    cause = GEMEL_CAUSE_BUSY;
  else if (!core->peer.synced)
    cause = GEMEL_CAUSE_NOT_LEVEL;
  if (cause == GEMEL_CAUSE_NONE)
    return TRUE;
  *ret_cause = cause;
  return FALSE;
}

/**
 * gemel_core_begin_handover:
 * @core: active, the peer can take
 * @cause: who wants it
 * @request_id: to answer here, or 0
 * @peer_request: to answer there, or 0
 * @out: actions
 * Thread: the core's
 */
void
gemel_core_begin_handover (GemelCore    *core,
                           GemelCause    cause,
                           guint64       request_id,
                           guint64       peer_request,
                           GemelActions *out)
{
  GemelAction *action;

  memset (&core->handover, 0, sizeof core->handover);
  core->handover.id = new_switch_id (core);
  core->handover.request_id = request_id;
  core->handover.peer_request = peer_request;
  core->handover.cause = cause;
  core->handover.started_us = core->now_us;
  core->handover.deadline_us = core->now_us + core->settings.drain_timeout_us;
  gemel_core_move (core, GEMEL_STATE_HANDOVER, cause, out);
  gemel_core_emit_event (core, out, GEMEL_EVENT_SWITCHOVER_STARTED, cause, 0, 0);
  action = gemel_core_emit (out, GEMEL_ACTION_QUIESCE);
  action->u.switch_id = core->handover.id;
}

static void
undo_handover (GemelCore    *core,
               GemelCause    cause,
               GemelActions *out)
{
  GemelAction *action;

  core->counters.switchovers_failed++;
  gemel_core_emit_event (core, out, GEMEL_EVENT_SWITCHOVER_FAILED, cause,
                         core->now_us - core->handover.started_us, 0);
  gemel_core_emit_message (core, out, GEMEL_MESSAGE_ABORT, core->handover.id, cause);
  if (core->handover.peer_request != 0)
    gemel_core_emit_message (core, out, GEMEL_MESSAGE_ABORT, core->handover.peer_request, cause);
  gemel_core_emit_reply (out, core->handover.request_id, FALSE, cause);
  action = gemel_core_emit (out, GEMEL_ACTION_UNQUIESCE);
  action->u.switch_id = core->handover.id;
  /* Automatic reasons try again after their full delay. */
  core->peer.synced_since_us = 0;
  core->journal_failed_us = core->now_us;
  memset (&core->handover, 0, sizeof core->handover);
}

/**
 * gemel_core_roll_back:
 * @core: in handover, nothing committed
 * @cause: what went wrong
 * @out: actions
 *
 * Active again, in the same term.
 * Thread: the core's
 */
void
gemel_core_roll_back (GemelCore    *core,
                      GemelCause    cause,
                      GemelActions *out)
{
  g_assert (core->state == GEMEL_STATE_HANDOVER);
  gemel_core_move (core, GEMEL_STATE_ACTIVE, GEMEL_CAUSE_ROLLED_BACK, out);
  undo_handover (core, cause, out);
}

/**
 * gemel_core_leave_handover:
 * @core: the core, in any state but fault and undecided
 * @cause: DUAL_LOST, DUAL_WON, STALL, FROZEN_CLOCK or ROLE_CHANGED
 * @out: actions
 *
 * Gives up what it does, and first of all a handover that is under way, for a reason that is
 * stronger than it.
 * Thread: the core's
 */
void
gemel_core_leave_handover (GemelCore    *core,
                           GemelCause    cause,
                           GemelActions *out)
{
  gboolean under_way = core->state == GEMEL_STATE_HANDOVER;

  if (under_way)
    undo_handover (core, cause, out);
  else
    memset (&core->handover, 0, sizeof core->handover);

  if (cause == GEMEL_CAUSE_DUAL_WON)
    gemel_core_move (core, GEMEL_STATE_ACTIVE, cause, out);
  else if (cause == GEMEL_CAUSE_DUAL_LOST)
    {
      gemel_core_become_standby (core, cause, out);
      gemel_core_emit_event (core, out, GEMEL_EVENT_DUAL_RESOLVED, cause, 0, 0);
    }
  else
    gemel_core_become_undecided (core, cause, out);
}

/**
 * gemel_core_end_commit:
 * @core: standby that handed over
 * @seen: whether the successor was seen active
 * @out: actions
 * Thread: the core's
 */
void
gemel_core_end_commit (GemelCore    *core,
                       gboolean      seen,
                       GemelActions *out)
{
  gint64 took_us = core->now_us - core->handover.started_us;

  if (seen)
    {
      core->counters.switchovers_done++;
      gemel_core_emit_event (core, out, GEMEL_EVENT_SWITCHOVER_DONE, core->handover.cause, took_us,
                             0);
    }
  else
    gemel_core_emit_event (core, out, GEMEL_EVENT_SWITCHOVER_UNKNOWN, GEMEL_CAUSE_TIMEOUT, took_us,
                           0);
  /* Not done because of COMMITTED: it was handed over and the success was not seen. */
  gemel_core_emit_reply (out, core->handover.request_id, seen,
                         seen ? core->handover.cause : GEMEL_CAUSE_COMMITTED);
  memset (&core->handover, 0, sizeof core->handover);
}

/**
 * gemel_core_drop_handover:
 * @core: not in handover
 * @out: actions
 *
 * Forgets a switchover that this node is the successor of, or whose success it waits to see.
 * Thread: the core's
 */
void
gemel_core_drop_handover (GemelCore    *core,
                          GemelActions *out)
{
  if (core->handover.committed_term != 0)
    gemel_core_end_commit (core, FALSE, out);
  memset (&core->handover, 0, sizeof core->handover);
}

/* ---- the active side ---- */

/* Row 9. Effects stop before anything that lets the other node begin. */
static void
commit (GemelCore          *core,
        const GemelMessage *m,
        GemelActions       *out)
{
  guint64 active_term = core->active_term;

  core->handover.committed_term = m->proposal;
  core->handover.ready_ts_us = m->ts_us;
  if (core->handover.cause == GEMEL_CAUSE_RECOVERY)
    {
      gboolean again = core->last_recovery_us != 0 &&
                       core->now_us - core->last_recovery_us < RECOVERY_MEMORY_US;

      core->recovery_delay_us = again ? MIN (MAX (core->recovery_delay_us, 1) * 2,
                                             core->settings.recovery_delay_max_us)
                                      : core->settings.recovery_delay_us;
      core->last_recovery_us = core->now_us;
    }
  if (GEMEL_MUTANT (LATE_DEMOTE))
    {
      core->handover.commit_persist = 0;
      gemel_core_emit_message (core, out, GEMEL_MESSAGE_COMMIT, core->handover.id,
                               GEMEL_CAUSE_NONE);
      core->handover.deadline_us = core->now_us + core->settings.promise_us / 2;
      core->active_term = active_term;
      return;
    }
  gemel_core_become_standby (core, GEMEL_CAUSE_COMMITTED, out);
  if (!GEMEL_MUTANT (NO_PROMISE))
    {
      core->promise_until_us = core->now_us + core->settings.promise_us;
      core->promise_given = TRUE;
    }
  core->handover.commit_persist = gemel_core_persist (core, out);
}

static void
on_ready (GemelCore          *core,
          const GemelMessage *m,
          GemelActions       *out)
{
  gboolean equal = gemel_pair_position_equal (&m->position, &core->handover.position) ||
                   GEMEL_MUTANT (NO_DRAIN);

  if (core->state != GEMEL_STATE_HANDOVER || m->switch_id != core->handover.id ||
      !core->handover.quiesced || core->handover.committed_term != 0)
    {
      core->counters.votes_late++;
      return;
    }
  if (m->proposal < core->stable.term || m->proposal <= core->active_term)
    gemel_core_roll_back (core, GEMEL_CAUSE_NEWER_TERM, out);
  else if (!equal)
    gemel_core_roll_back (core, GEMEL_CAUSE_NOT_LEVEL, out);
  else
    commit (core, m, out);
}

static void
on_peer_request (GemelCore          *core,
                 const GemelMessage *m,
                 GemelActions       *out)
{
  GemelCause why_not = GEMEL_CAUSE_BUSY;

  if (core->state == GEMEL_STATE_HANDOVER && core->handover.peer_request == m->switch_id)
    return;
  if (core->state == GEMEL_STATE_ACTIVE && !core->stopping &&
      gemel_core_peer_can_take (core, &why_not))
    {
      gemel_core_begin_handover (core, GEMEL_CAUSE_USER, 0, m->switch_id, out);
      return;
    }
  if (!gemel_core_is_active_state (core))
    why_not = GEMEL_CAUSE_NOT_ACTIVE;
  gemel_core_emit_message (core, out, GEMEL_MESSAGE_ABORT, m->switch_id, why_not);
}

/**
 * gemel_core_on_quiesced:
 * @core: the core
 * @in: QUIESCED or POSITION
 *
 * QUIESCED: nothing more is written here, everything sent has left. POSITION: a write that was
 * under way landed all the same; the comparison at commit must see it.
 * Thread: the core's
 */
void
gemel_core_on_quiesced (GemelCore        *core,
                        const GemelInput *in)
{
  if (core->state != GEMEL_STATE_HANDOVER || core->handover.committed_term != 0)
    return;
  if (in->type == GEMEL_INPUT_QUIESCED && in->u.caught.switch_id != core->handover.id)
    return;
  core->handover.position = in->u.caught.position;
  if (in->type != GEMEL_INPUT_QUIESCED || core->handover.quiesced)
    return;
  core->handover.quiesced = TRUE;
  core->handover.deadline_us = core->now_us + core->settings.ready_timeout_us;
  core->next_beat_us = core->now_us;
}

/* ---- the successor's side ---- */

static void
on_prepare (GemelCore          *core,
            const GemelMessage *m,
            GemelActions       *out)
{
  GemelAction *action;
  gboolean     forced = core->state == GEMEL_STATE_CANDIDATE &&
                    core->candidate_cause == GEMEL_CAUSE_FORCED;
  gboolean can = (core->state == GEMEL_STATE_STANDBY || core->state == GEMEL_STATE_CANDIDATE) &&
                 core->eligible && !core->stopping && !forced;

  if (core->state == GEMEL_STATE_CANDIDATE && core->handover.id == m->switch_id)
    return; /* repeated: READY is repeated by itself */
  if (!can || !core->peer.effective)
    {
      gemel_core_emit_message (core, out, GEMEL_MESSAGE_ABORT, m->switch_id,
                               GEMEL_CAUSE_NOT_ELIGIBLE);
      return;
    }
  if (core->handover.committed_term != 0)
    gemel_core_end_commit (core, TRUE, out);
  memset (&core->handover, 0, sizeof core->handover);
  core->handover.id = m->switch_id;
  core->handover.started_us = core->now_us;
  core->handover.prepare_ts_us = m->ts_us;
  core->handover.deadline_us = core->now_us + core->settings.ready_timeout_us;
  core->no_active_until_us = core->now_us + core->settings.failover_timeout_us;
  gemel_core_become_candidate (core, GEMEL_CAUSE_PREPARE, out);
  if (GEMEL_MUTANT (READY_BEFORE_SYNC))
    {
      core->handover.caught_up = TRUE;
      core->handover.position = m->position;
    }
  action = gemel_core_emit (out, GEMEL_ACTION_CATCH_UP);
  action->u.catch_up.switch_id = m->switch_id;
  action->u.catch_up.target = m->position;
}

/**
 * gemel_core_on_caught_up:
 * @core: the core
 * @in: CAUGHT_UP
 * Thread: the core's
 */
void
gemel_core_on_caught_up (GemelCore        *core,
                         const GemelInput *in)
{
  if (core->state != GEMEL_STATE_CANDIDATE || in->u.caught.switch_id != core->handover.id ||
      core->handover.id == 0)
    return;
  core->handover.caught_up = TRUE;
  core->handover.position = in->u.caught.position;
  core->next_beat_us = core->now_us;
}

static void
on_commit (GemelCore          *core,
           const GemelMessage *m,
           GemelActions       *out)
{
  gboolean mine = core->state == GEMEL_STATE_CANDIDATE && core->handover.id != 0 &&
                  m->switch_id == core->handover.id && m->proposal == core->proposal &&
                  core->handover.ready_sent_us != 0;

  if (!mine || core->stable.term > core->proposal ||
      core->now_us - m->ready_ts_us >= core->settings.lease_us)
    {
      core->counters.votes_late++;
      return;
    }
  core->promise_until_us = core->now_us;
  gemel_core_become_active (core, GEMEL_CAUSE_COMMITTED, out);
}

static void
on_abort (GemelCore          *core,
          const GemelMessage *m,
          GemelActions       *out)
{
  gboolean mine = m->switch_id == core->handover.id ||
                  (core->handover.peer_request != 0 && m->switch_id == core->handover.peer_request);

  if (core->pending_request != 0 && m->switch_id == core->pending_request)
    {
      gemel_core_emit_reply (out, core->pending_request, FALSE, m->cause);
      core->pending_request = 0;
    }
  if (core->handover.id == 0 || !mine || core->handover.committed_term != 0)
    return;
  if (core->state == GEMEL_STATE_HANDOVER)
    gemel_core_roll_back (core, m->cause, out);
  else if (core->state == GEMEL_STATE_CANDIDATE)
    {
      memset (&core->handover, 0, sizeof core->handover);
      gemel_core_become_standby (core, GEMEL_CAUSE_ABORTED, out);
    }
}

/**
 * gemel_core_on_switch_message:
 * @core: the core
 * @message: fresh; what every message carries was taken already
 * @out: actions
 * Thread: the core's
 */
void
gemel_core_on_switch_message (GemelCore          *core,
                              const GemelMessage *message,
                              GemelActions       *out)
{
  switch (message->kind)
    {
    case GEMEL_MESSAGE_BEAT:
      break;
    case GEMEL_MESSAGE_PREPARE:
      on_prepare (core, message, out);
      break;
    case GEMEL_MESSAGE_READY:
      on_ready (core, message, out);
      break;
    case GEMEL_MESSAGE_COMMIT:
      on_commit (core, message, out);
      break;
    case GEMEL_MESSAGE_ABORT:
      on_abort (core, message, out);
      break;
    case GEMEL_MESSAGE_REQUEST:
      on_peer_request (core, message, out);
      break;
    }
}

/* ---- people ---- */

/**
 * gemel_core_on_request:
 * @core: the core
 * @request_id: to answer; also names the request to the peer
 * @out: actions
 *
 * Row 8: the active node begins, a standby passes it on to the active one.
 * Thread: the core's
 */
void
gemel_core_on_request (GemelCore    *core,
                       guint64       request_id,
                       GemelActions *out)
{
  GemelCause why_not = GEMEL_CAUSE_BUSY;

  if (core->state == GEMEL_STATE_ACTIVE && !core->stopping &&
      core->settings.role != GEMEL_ROLE_INDEPENDENT && gemel_core_peer_can_take (core, &why_not))
    {
      gemel_core_begin_handover (core, GEMEL_CAUSE_USER, request_id, 0, out);
      return;
    }
  if (core->state == GEMEL_STATE_STANDBY && core->peer.effective && core->peer.link_up &&
      core->pending_request == 0)
    {
      const GemelCoreSettings *s = &core->settings;

      core->pending_request = request_id;
      core->pending_request_until_us = core->now_us + s->drain_timeout_us + s->ready_timeout_us +
                                       s->promise_us;
      gemel_core_emit_message (core, out, GEMEL_MESSAGE_REQUEST, request_id, GEMEL_CAUSE_USER);
      return;
    }
  if (core->settings.role == GEMEL_ROLE_INDEPENDENT)
    why_not = GEMEL_CAUSE_NO_PEER;
  else if (!gemel_core_is_active_state (core) && !core->peer.effective)
    why_not = GEMEL_CAUSE_NOT_ACTIVE;
  core->counters.switchovers_failed++;
  gemel_core_emit_event (core, out, GEMEL_EVENT_SWITCHOVER_FAILED, why_not, 0, 0);
  gemel_core_emit_reply (out, request_id, FALSE, why_not);
}

/**
 * gemel_core_on_abort_request:
 * @core: the core
 * @request_id: of the switchover to abort
 * @out: actions
 *
 * Before the commit it rolls back; afterwards it is too late and nothing happens.
 * Thread: the core's
 */
void
gemel_core_on_abort_request (GemelCore    *core,
                             guint64       request_id,
                             GemelActions *out)
{
  if (core->state == GEMEL_STATE_HANDOVER && core->handover.request_id == request_id &&
      core->handover.committed_term == 0)
    gemel_core_roll_back (core, GEMEL_CAUSE_ABORTED, out);
  else if (core->pending_request == request_id && request_id != 0)
    {
      gemel_core_emit_message (core, out, GEMEL_MESSAGE_ABORT, request_id, GEMEL_CAUSE_ABORTED);
      gemel_core_emit_reply (out, request_id, FALSE, GEMEL_CAUSE_ABORTED);
      core->pending_request = 0;
    }
}

/**
 * gemel_core_message_due:
 * @core: the core
 *
 * Returns: what the next heartbeat carries.
 * Thread: the core's
 */
GemelMessageKind
gemel_core_message_due (const GemelCore *core)
{
  gboolean proposal_durable = core->proposal != 0 && core->persist_done >= core->proposal_persist;

  if (core->state == GEMEL_STATE_HANDOVER && core->handover.quiesced)
    return GEMEL_MESSAGE_PREPARE;
  if (core->state == GEMEL_STATE_CANDIDATE && core->handover.id != 0 && core->handover.caught_up &&
      proposal_durable)
    return GEMEL_MESSAGE_READY;
  if (core->state == GEMEL_STATE_STANDBY && core->handover.committed_term != 0 &&
      core->persist_done >= core->handover.commit_persist)
    return GEMEL_MESSAGE_COMMIT;
  return GEMEL_MESSAGE_BEAT;
}
