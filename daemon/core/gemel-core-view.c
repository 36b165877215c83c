/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What leaves the core: the actions' small change, the view, the guard, the self-check.
 */
#include "core/gemel-core-private.h"

/**
 * gemel_core_emit:
 * @out: actions
 * @type: of the new one
 *
 * Returns: (transfer none): the new action, zeroed. More than %GEMEL_ACTIONS_MAX is a bug.
 * Thread: the core's
 */
GemelAction *
gemel_core_emit (GemelActions   *out,
                 GemelActionType type)
{
  GemelAction *action;

  g_assert (out->n < GEMEL_ACTIONS_MAX);
  action = &out->v[out->n++];
  memset (action, 0, sizeof *action);
  action->type = type;
  return action;
}

/**
 * gemel_core_emit_event:
 * @core: the core
 * @out: actions
 * @code: what happened
 * @cause: why
 * @a: meaning by code
 * @b: meaning by code
 * Thread: the core's
 */
void
gemel_core_emit_event (GemelCore     *core,
                       GemelActions  *out,
                       GemelEventCode code,
                       GemelCause     cause,
                       gint64         a,
                       gint64         b)
{
  GemelAction *action = gemel_core_emit (out, GEMEL_ACTION_EVENT);

  action->u.event.code = code;
  action->u.event.cause = cause;
  action->u.event.term = core->active_term != 0 ? core->active_term : core->stable.term;
  action->u.event.a = a;
  action->u.event.b = b;
}

/**
 * gemel_core_emit_reply:
 * @out: actions
 * @request_id: 0: nobody asked, nothing is emitted
 * @done: whether it was done
 * @cause: why, or why not
 * Thread: the core's
 */
void
gemel_core_emit_reply (GemelActions *out,
                       guint64       request_id,
                       gboolean      done,
                       GemelCause    cause)
{
  GemelAction *action;

  if (request_id == 0)
    return;
  action = gemel_core_emit (out, GEMEL_ACTION_REPLY);
  action->u.reply.request_id = request_id;
  action->u.reply.done = done;
  action->u.reply.cause = cause;
}

/**
 * gemel_core_emit_message:
 * @core: the core
 * @out: actions
 * @kind: what to say
 * @switch_id: of the attempt it belongs to, or 0
 * @cause: for ABORT
 *
 * Every message carries everything that a beat does.
 * Thread: the core's
 */
void
gemel_core_emit_message (GemelCore       *core,
                         GemelActions    *out,
                         GemelMessageKind kind,
                         guint64          switch_id,
                         GemelCause       cause)
{
  GemelMessage *m;

  if (!core->peer.link_up)
    return;
  m = &gemel_core_emit (out, GEMEL_ACTION_SEND)->u.message;
  m->kind = kind;
  m->nonce = core->nonce;
  m->echo_nonce = core->peer.nonce;
  m->ts_us = core->now_us;
  m->echo_us = core->peer.heard_ts_us;
  m->hold_us = core->peer.nonce == 0 ? 0 : core->now_us - core->peer.heard_us;
  m->unix_us = core->now_us + core->wall_offset_us;
  m->term = core->stable.term;
  m->active_term = gemel_core_is_effective (core, core->now_us) ? core->active_term : 0;
  m->since_term = core->since_term;
  m->state = core->state;
  m->role = core->settings.role;
  m->recovery_mode = core->settings.recovery_mode;
  m->dual_master = core->settings.dual_master;
  m->eligible = core->eligible && !core->never_eligible && core->state != GEMEL_STATE_FAULT &&
                !core->stopping;
  m->synced = core->synced;
  m->holds_state = core->holds_state;
  m->switch_id = switch_id;
  m->cause = cause;
  m->proposal = kind == GEMEL_MESSAGE_COMMIT ? core->handover.committed_term : core->proposal;
  m->ready_ts_us = kind == GEMEL_MESSAGE_COMMIT ? core->handover.ready_ts_us : 0;
  if (kind == GEMEL_MESSAGE_PREPARE || kind == GEMEL_MESSAGE_READY)
    m->position = core->handover.position;
  if (kind == GEMEL_MESSAGE_READY)
    core->handover.ready_sent_us = core->now_us;
}

/**
 * gemel_core_is_active_state:
 * @core: the core
 *
 * Returns: whether it is active, be it quiesced.
 * Thread: the core's
 */
gboolean
gemel_core_is_active_state (const GemelCore *core)
{
  return core->state == GEMEL_STATE_ACTIVE || core->state == GEMEL_STATE_HANDOVER;
}

/**
 * gemel_core_is_effective:
 * @core: the core
 * @now_us: boot time
 *
 * Returns: whether exclusive effects are allowed at @now_us.
 * Thread: the core's
 */
gboolean
gemel_core_is_effective (const GemelCore *core,
                         gint64           now_us)
{
  if (!gemel_core_is_active_state (core))
    return FALSE;
  if (core->settings.role == GEMEL_ROLE_INDEPENDENT || GEMEL_MUTANT (NO_STALL_CHECK))
    return TRUE;
  return now_us - core->last_step_us <= gemel_core_demotion_limit_us (core);
}

/**
 * gemel_core_recovery_mode:
 * @core: the core
 *
 * Returns: the mode in force: the master's.
 * Thread: the core's
 */
GemelRecoveryMode
gemel_core_recovery_mode (const GemelCore *core)
{
  if (core->settings.role == GEMEL_ROLE_BACKUP && core->peer.known)
    return core->peer.recovery_mode;
  return core->settings.recovery_mode;
}

static GemelLevel
peer_level (const GemelCore *core)
{
  if (core->peer.effective)
    return GEMEL_LEVEL_ACTIVE;
  return core->peer.state == GEMEL_STATE_UNDECIDED ? GEMEL_LEVEL_UNDECIDED : GEMEL_LEVEL_COLD;
}

static gint64
recovery_due_us (const GemelCore *core)
{
  if (core->state != GEMEL_STATE_ACTIVE || core->settings.role != GEMEL_ROLE_BACKUP ||
      gemel_core_recovery_mode (core) != GEMEL_RECOVERY_AUTOMATIC ||
      core->peer.synced_since_us == 0)
    return 0;
  return core->peer.synced_since_us + core->recovery_delay_us;
}

static void
fill_peer_view (const GemelCore *core,
                GemelView       *view)
{
  view->peer_link_up = core->peer.link_up;
  view->peer_alive = core->peer.alive;
  view->peer_known = core->peer.known;
  view->peer_heard_us = core->peer.heard_us;
  view->peer_role = core->peer.role;
  view->peer_state = core->peer.state;
  view->peer_level = peer_level (core);
  view->peer_term = core->peer.term;
  view->peer_effective = core->peer.effective;
  view->peer_eligible = core->peer.eligible;
  view->peer_synced = core->peer.synced;
  view->rtt_us = core->peer.rtt_us;
  view->wall_offset_us = core->peer.wall_offset_us;
  view->wall_error_us = core->peer.wall_error_us;
}

/**
 * gemel_core_get_view:
 * @core: the core
 * @ret_view: (out): filled completely
 *
 * Who may do what, for everybody else. Nobody outside decides anything about redundancy: they look
 * here.
 * Thread: the core's
 */
void
gemel_core_get_view (const GemelCore *core,
                     GemelView       *ret_view)
{
  gboolean switching = core->state == GEMEL_STATE_HANDOVER ||
                       (core->state == GEMEL_STATE_CANDIDATE && core->handover.id != 0);

  memset (ret_view, 0, sizeof *ret_view);
  ret_view->role = core->settings.role;
  ret_view->slot = core->settings.slot;
  ret_view->state = core->state;
  ret_view->cause = core->state_cause;
  ret_view->level = core->level;
  ret_view->standby_level = core->settings.standby_level;
  ret_view->recovery_mode = gemel_core_recovery_mode (core);
  ret_view->assurance = core->settings.role == GEMEL_ROLE_INDEPENDENT ? GEMEL_ASSURANCE_NONE
                                                                      : GEMEL_ASSURANCE_PEER_ONLY;
  ret_view->term = core->stable.term;
  ret_view->active_term = core->active_term;
  ret_view->level_since_us = core->level_since_us;
  if (gemel_core_is_active_state (core))
    ret_view->acts_until_us = core->settings.role == GEMEL_ROLE_INDEPENDENT ||
                                  GEMEL_MUTANT (NO_STALL_CHECK)
                                ? G_MAXINT64
                                : core->last_step_us + gemel_core_demotion_limit_us (core);
  ret_view->switching = switching;
  ret_view->has_authority = core->settings.role != GEMEL_ROLE_BACKUP;
  ret_view->may_write_config = ret_view->has_authority && !core->journal_failed &&
                               (!switching || GEMEL_MUTANT (NO_DRAIN));
  ret_view->may_post_state = core->state == GEMEL_STATE_ACTIVE;
  ret_view->eligible = core->eligible && !core->never_eligible && core->state != GEMEL_STATE_FAULT;
  ret_view->synced = core->synced;
  ret_view->recovery_due_us = recovery_due_us (core);
  ret_view->counters = core->counters;
  fill_peer_view (core, ret_view);
}

/**
 * gemel_core_may_act:
 * @view: the newest view
 * @now_us: boot time, read just now
 *
 * The guard before every exclusive effect: a process that slept past the limit finds it shut, even
 * if it wakes before the link thread.
 *
 * Returns: whether the effect is allowed.
 * Thread: any
 */
gboolean
gemel_core_may_act (const GemelView *view,
                    gint64           now_us)
{
  return now_us < view->acts_until_us;
}

/**
 * gemel_core_assert_invariants:
 * @core: the core
 *
 * Aborts when the core contradicts itself: a crashed node is a clean failover, a wrong one is not.
 * Thread: the core's
 */
void
gemel_core_assert_invariants (const GemelCore *core)
{
  gboolean active = gemel_core_is_active_state (core);

  g_assert (active == (core->active_term != 0));
  g_assert (core->stable.term >= core->active_term);
  g_assert (core->stable.term >= core->proposal);
  g_assert (core->persist_done <= core->persist_asked);
  g_assert (core->state != GEMEL_STATE_CANDIDATE || core->proposal != 0);
  g_assert (core->state != GEMEL_STATE_HANDOVER || core->handover.id != 0);
  g_assert (core->handover.committed_term == 0 || !active || GEMEL_MUTANT (LATE_DEMOTE));
  g_assert ((core->state != GEMEL_STATE_FAULT && core->state != GEMEL_STATE_UNDECIDED) ||
            core->handover.id == 0);
  g_assert (core->since_term <= core->active_term);
}
