/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The step function: look at the clock, take the input, run the timers, say what is due. And the
 * moves between states, each of which goes through the edge table.
 *
 * Invariants, asserted after each step (gemel_core_assert_invariants ()):
 *   - a term is used for activity only after it was reported durable, and has this slot's parity;
 *   - active_term is set exactly in the states active and handover;
 *   - a handover identity exists in handover, may exist in candidate and after a commit,
 *     nowhere else;
 *   - the highest known term is never below a proposal or an active term.
 */
#include "core/gemel-core-private.h"

#ifdef GEMEL_CORE_MUTANTS
GemelMutant gemel_core_mutant = GEMEL_MUTANT_NONE; /* tidy: static-mutable: mutant builds only */
#endif

/**
 * gemel_core_init:
 * @core: (out): plain memory, overwritten
 * @settings: passed gemel_core_settings_check ()
 * @stable: what the term file holds
 * @stable_readable: %FALSE when both slots were torn: this node must not guess a term
 * @nonce: random, not 0; tells this process from the one before it
 * @now_us: boot time
 * @unix_us: wall clock
 *
 * A node begins undecided (PROTOCOL.md section 8). Feed a TICK at once.
 * Thread: the core's
 */
void
gemel_core_init (GemelCore               *core,
                 const GemelCoreSettings *settings,
                 const GemelStable       *stable,
                 gboolean                 stable_readable,
                 guint64                  nonce,
                 gint64                   now_us,
                 gint64                   unix_us)
{
  g_assert (nonce != 0);

  memset (core, 0, sizeof *core);
  core->settings = *settings;
  core->stable = *stable;
  core->nonce = nonce;
  core->rng = nonce;
  core->never_eligible = !stable_readable;
  core->state = stable_readable ? GEMEL_STATE_UNDECIDED : GEMEL_STATE_FAULT;
  core->state_cause = stable_readable ? GEMEL_CAUSE_STARTED : GEMEL_CAUSE_TERM_NOT_DURABLE;
  core->level = stable_readable ? GEMEL_LEVEL_UNDECIDED : GEMEL_LEVEL_COLD;
  core->now_us = now_us;
  core->last_step_us = now_us;
  core->state_since_us = now_us;
  core->level_since_us = now_us;
  core->wall_offset_us = unix_us - now_us;
  core->fresh_since_us = now_us;
  core->next_beat_us = now_us;
  core->recovery_delay_us = settings->recovery_delay_us;
  /* The process before this one may have handed over just before it ended. */
  core->promise_until_us = now_us +
                           (settings->role == GEMEL_ROLE_INDEPENDENT ? 0 : settings->promise_us);
  core->no_active_until_us = now_us + (settings->role == GEMEL_ROLE_INDEPENDENT
                                         ? 0
                                         : settings->startup_allowance_us);
}

/* ---- moves ---- */

static GemelLevel
level_of (const GemelCore *core,
          GemelState       to)
{
  switch (to)
    {
    case GEMEL_STATE_UNDECIDED:
      return GEMEL_LEVEL_UNDECIDED;
    case GEMEL_STATE_STANDBY:
      return core->settings.standby_level;
    case GEMEL_STATE_CANDIDATE:
      /* It lasts for one write; nobody outside should see a level come and go. */
      return core->level == GEMEL_LEVEL_ACTIVE ? core->settings.standby_level : core->level;
    case GEMEL_STATE_ACTIVE:
    case GEMEL_STATE_HANDOVER:
      return GEMEL_LEVEL_ACTIVE;
    case GEMEL_STATE_FAULT:
      return GEMEL_LEVEL_COLD;
    }
  g_assert_not_reached ();
}

static void
announce_level (GemelCore    *core,
                GemelCause    cause,
                GemelActions *out)
{
  GemelLevel   level = level_of (core, core->state);
  GemelAction *action;

  if (level == core->level)
    return;
  action = gemel_core_emit (out, GEMEL_ACTION_LEVEL);
  action->u.level.level = level;
  action->u.level.cause = cause;
  action->u.level.term = core->active_term != 0 ? core->active_term : core->stable.term;
  gemel_core_emit_event (core, out, GEMEL_EVENT_LEVEL_CHANGED, cause, (gint64) core->level,
                         (gint64) level);
  core->level = level;
  core->level_since_us = core->now_us;
}

/**
 * gemel_core_move:
 * @core: the core
 * @to: the state to enter
 * @cause: the label of the edge
 * @out: actions
 *
 * The only place that changes the state. Aborts when the edge is not in the table.
 * Thread: the core's
 */
void
gemel_core_move (GemelCore    *core,
                 GemelState    to,
                 GemelCause    cause,
                 GemelActions *out)
{
  guint edge = gemel_core_edge_index (core->state, to, cause);

  g_assert (edge != G_MAXUINT);
  core->edges_taken |= G_GUINT64_CONSTANT (1) << edge;
  core->state = to;
  core->state_cause = cause;
  core->state_since_us = core->now_us;
  if (to != GEMEL_STATE_ACTIVE && to != GEMEL_STATE_HANDOVER)
    {
      core->active_term = 0;
      core->since_term = 0;
    }
  if (to != GEMEL_STATE_CANDIDATE && to != GEMEL_STATE_ACTIVE)
    core->proposal = 0;
  /* The other node hears at once, not at the next heartbeat. */
  core->next_beat_us = core->now_us;
  announce_level (core, cause, out);
}

/**
 * gemel_core_next_term:
 * @core: the core
 *
 * The lowest unused term of this slot: two slots never propose the same number, so a term is
 * unique without any witness (PROTOCOL.md section 3).
 *
 * Returns: a term above every seen one.
 * Thread: the core's
 */
guint64
gemel_core_next_term (const GemelCore *core)
{
  guint64 term = core->stable.term + 1;

  if (GEMEL_MUTANT (NO_PARITY))
    return term;
  return term % 2 == core->settings.slot ? term : term + 1;
}

/**
 * gemel_core_persist:
 * @core: the core
 * @out: actions
 *
 * Asks for the stable part to be written.
 *
 * Returns: the id that PERSISTED will name.
 * Thread: the core's
 */
guint64
gemel_core_persist (GemelCore    *core,
                    GemelActions *out)
{
  GemelAction *action;

  /* Over a file that could not be read nothing is written: it would look sound at the next start
   * and hold a term that may be too low. */
  if (core->never_eligible)
    return core->persist_done;
  action = gemel_core_emit (out, GEMEL_ACTION_PERSIST);
  core->persist_asked++;
  action->u.persist.id = core->persist_asked;
  action->u.persist.stable = core->stable;
  return core->persist_asked;
}

/**
 * gemel_core_become_candidate:
 * @core: the core
 * @cause: why nobody else should be active
 * @out: actions
 *
 * Proposes a new term above all seen ones and has it written; activity begins when it is durable.
 * A candidate that already is one proposes anew.
 * Thread: the core's
 */
void
gemel_core_become_candidate (GemelCore    *core,
                             GemelCause    cause,
                             GemelActions *out)
{
  gemel_core_move (core, GEMEL_STATE_CANDIDATE, cause, out);
  if (cause != GEMEL_CAUSE_NEWER_TERM)
    core->candidate_cause = cause;
  core->proposal = gemel_core_next_term (core);
  core->stable.term = core->proposal;
  core->stable.clean_stop = FALSE;
  core->proposal_persist = gemel_core_persist (core, out);
  if (GEMEL_MUTANT (TERM_NOT_PERSISTED))
    core->proposal_persist = 0;
}

/**
 * gemel_core_reassert:
 * @core: active
 * @cause: DUAL_WON, NEWER_TERM or ROLE_CHANGED
 * @out: actions
 *
 * Goes on being active in a new term above all seen ones, as soon as that is durable. The winner of
 * a dual active does so: otherwise whatever the loser wrote in its higher term would stand above
 * the winner for ever (PROTOCOL.md section 13). since_term stays.
 * Thread: the core's
 */
void
gemel_core_reassert (GemelCore    *core,
                     GemelCause    cause,
                     GemelActions *out)
{
  if (core->proposal != 0 && core->proposal >= core->stable.term)
    return;
  core->candidate_cause = cause;
  core->proposal = gemel_core_next_term (core);
  core->stable.term = core->proposal;
  core->proposal_persist = gemel_core_persist (core, out);
}

/**
 * gemel_core_become_standby:
 * @core: the core
 * @cause: the label of the edge
 * @out: actions
 *
 * From any state: follow, and wait the full silence before acting.
 * Thread: the core's
 */
void
gemel_core_become_standby (GemelCore    *core,
                           GemelCause    cause,
                           GemelActions *out)
{
  gemel_core_move (core, GEMEL_STATE_STANDBY, cause, out);
  core->silence_cause = GEMEL_CAUSE_NONE;
  core->no_active_until_us = core->now_us + core->settings.failover_timeout_us;
}

/**
 * gemel_core_become_undecided:
 * @core: the core
 * @cause: the label of the edge
 * @out: actions
 *
 * Nothing heard before now counts any more; acts again after a fresh exchange, or after the
 * start-up allowance when the peer does not answer.
 * Thread: the core's
 */
void
gemel_core_become_undecided (GemelCore    *core,
                             GemelCause    cause,
                             GemelActions *out)
{
  gemel_core_move (core, GEMEL_STATE_UNDECIDED, cause, out);
  core->silence_cause = GEMEL_CAUSE_NONE;
  core->fresh_since_us = core->now_us;
  core->peer.effective = FALSE;
  core->no_active_until_us = core->now_us + (core->settings.role == GEMEL_ROLE_INDEPENDENT
                                               ? 0
                                               : core->settings.startup_allowance_us);
}

/**
 * gemel_core_become_active:
 * @core: a candidate whose proposal is durable
 * @cause: TERM_DURABLE or COMMITTED
 * @out: actions
 * Thread: the core's
 */
void
gemel_core_become_active (GemelCore    *core,
                          GemelCause    cause,
                          GemelActions *out)
{
  GemelCause why = cause == GEMEL_CAUSE_COMMITTED ? cause : core->candidate_cause;
  gint64     heard_us = core->peer.active_heard_us;
  gint64     silence_us = heard_us == 0 ? 0 : core->now_us - heard_us;

  g_assert (core->state == GEMEL_STATE_CANDIDATE);
  g_assert (core->persist_done >= core->proposal_persist);

  core->active_term = core->proposal;
  core->since_term = core->proposal;
  core->stable.last_active_term = core->proposal;
  core->promise_until_us = core->now_us;
  core->promise_given = FALSE;
  core->holds_state = TRUE;
  core->silence_cause = GEMEL_CAUSE_NONE;
  memset (&core->handover, 0, sizeof core->handover);
  gemel_core_move (core, GEMEL_STATE_ACTIVE, cause, out);
  core->proposal = 0;
  if (why == GEMEL_CAUSE_NO_ACTIVE || why == GEMEL_CAUSE_DEATH_NOTICE ||
      why == GEMEL_CAUSE_REFUSED || why == GEMEL_CAUSE_PEER_RESTARTED)
    core->counters.takeovers++;
  gemel_core_emit_event (core, out, GEMEL_EVENT_CHANGEOVER, why, silence_us, 0);
  if (why == GEMEL_CAUSE_FORCED)
    gemel_core_emit_event (core, out, GEMEL_EVENT_FORCED_ACTIVE, why, 0, 0);
  gemel_core_emit_reply (out, core->force_request, TRUE, why);
  core->force_request = 0;
  gemel_core_emit_reply (out, core->pending_request, TRUE, why);
  core->pending_request = 0;
}

/**
 * gemel_core_become_faulty:
 * @core: the core, not active
 * @cause: TERM_NOT_DURABLE or JOURNAL_FAILED
 * @out: actions
 * Thread: the core's
 */
void
gemel_core_become_faulty (GemelCore    *core,
                          GemelCause    cause,
                          GemelActions *out)
{
  gemel_core_drop_handover (core, out);
  gemel_core_move (core, GEMEL_STATE_FAULT, cause, out);
  core->term_retry_us = core->now_us + core->settings.failover_timeout_us;
  gemel_core_emit_reply (out, core->force_request, FALSE, cause);
  core->force_request = 0;
}

/* ---- the clock ---- */

/**
 * gemel_core_demotion_limit_us:
 * @core: the core
 *
 * How long an active node may stand still and still be sure that nobody took over: the standby
 * waits failover_timeout from the last beat that it heard, and that beat may have left up to two
 * intervals before the stall (PROTOCOL.md section 10).
 *
 * Returns: µs.
 * Thread: the core's
 */
gint64
gemel_core_demotion_limit_us (const GemelCore *core)
{
  const GemelCoreSettings *s = &core->settings;

  return MAX (s->stall_limit_us, s->failover_timeout_us - 2 * s->heartbeat_interval_us);
}

/* Row 13: this node did not run, or not while the other one did. */
static void
on_stall (GemelCore    *core,
          gint64        gap_us,
          gint64        limit_us,
          GemelCause    cause,
          GemelActions *out)
{
  core->counters.stalls++;
  gemel_core_emit_event (core, out, GEMEL_EVENT_STALLED, cause, gap_us, limit_us);
  core->fresh_since_us = core->now_us;
  if (gemel_core_is_active_state (core) && gap_us > gemel_core_demotion_limit_us (core) &&
      !GEMEL_MUTANT (NO_STALL_CHECK))
    gemel_core_leave_handover (core, cause, out);
  else if (core->state == GEMEL_STATE_CANDIDATE)
    {
      memset (&core->handover, 0, sizeof core->handover);
      gemel_core_become_standby (core, cause, out);
    }
  else if (core->state == GEMEL_STATE_STANDBY)
    core->no_active_until_us = MAX (core->no_active_until_us,
                                    core->now_us + core->settings.failover_timeout_us);
  else if (core->state == GEMEL_STATE_UNDECIDED)
    /* An allowance that ran out while the process did not run is no silence. */
    core->no_active_until_us = MAX (core->no_active_until_us,
                                    core->now_us + core->settings.startup_allowance_us);
}

static void
look_at_clock (GemelCore        *core,
               const GemelInput *in,
               GemelActions     *out)
{
  gint64 gap_us = in->now_us - core->last_step_us;
  gint64 wall_offset_us = in->unix_us - in->now_us;
  gint64 jump_us = wall_offset_us - core->wall_offset_us;

  core->now_us = MAX (core->now_us, in->now_us);
  if (gap_us > core->settings.stall_limit_us && core->settings.role != GEMEL_ROLE_INDEPENDENT)
    on_stall (core, gap_us, core->settings.stall_limit_us, GEMEL_CAUSE_STALL, out);
  if (ABS (jump_us) > core->settings.clock_jump_limit_us)
    {
      /* Nothing here depends on the wall clock; history and people do. */
      core->counters.clock_jumps++;
      gemel_core_emit_event (core, out, GEMEL_EVENT_CLOCK_JUMPED, GEMEL_CAUSE_NONE, jump_us, 0);
    }
  core->wall_offset_us = wall_offset_us;
}

/* The peer's clock went further than ours since the last good comparison: this machine stood still
 * together with its clock, as a paused virtual machine does. */
static void
look_at_peer_clock (GemelCore          *core,
                    const GemelMessage *m,
                    GemelActions       *out)
{
  gint64 offset_us = m->ts_us - core->now_us;
  gint64 drift_us = (core->now_us - core->peer.best_offset_at_us) / 1000000 * 2 *
                    (gint64) core->settings.drift_ppm;
  gint64 ahead_us = offset_us - core->peer.best_offset_us - drift_us;

  if (!core->peer.offset_known || m->nonce != core->peer.nonce)
    return;
  if (ahead_us <= core->settings.rtt_budget_us || core->settings.role == GEMEL_ROLE_INDEPENDENT)
    return;
  core->peer.offset_known = FALSE;
  on_stall (core, ahead_us, core->settings.rtt_budget_us, GEMEL_CAUSE_FROZEN_CLOCK, out);
}

/* ---- inputs ---- */

static void
on_persisted (GemelCore    *core,
              guint64       id,
              GemelActions *out)
{
  core->persist_done = MAX (core->persist_done, id);
  if (core->term_failed && core->state == GEMEL_STATE_FAULT && !core->never_eligible &&
      !core->journal_failed)
    {
      gemel_core_emit_event (core, out, GEMEL_EVENT_FAULT_CLEARED, GEMEL_CAUSE_CLEARED, 0, 0);
      gemel_core_become_undecided (core, GEMEL_CAUSE_CLEARED, out);
    }
  core->term_failed = FALSE;
}

static void
on_persist_failed (GemelCore    *core,
                   guint64       id,
                   GemelActions *out)
{
  if (!core->term_failed)
    gemel_core_emit_event (core, out, GEMEL_EVENT_TERM_NOT_DURABLE, GEMEL_CAUSE_TERM_NOT_DURABLE,
                           (gint64) id, 0);
  core->term_failed = TRUE;
  core->term_retry_us = core->now_us + core->settings.failover_timeout_us;
  if (core->stopping && core->stop_asked && id >= core->stop_persist)
    {
      core->persist_done = MAX (core->persist_done, id); /* it cannot be mended by waiting: stop */
      return;
    }
  switch (core->state)
    {
    case GEMEL_STATE_ACTIVE:
      core->proposal = 0; /* it stays active in the term that it has */
      break;
    case GEMEL_STATE_HANDOVER:
      gemel_core_roll_back (core, GEMEL_CAUSE_TERM_NOT_DURABLE, out);
      break;
    case GEMEL_STATE_UNDECIDED:
    case GEMEL_STATE_STANDBY:
    case GEMEL_STATE_CANDIDATE:
      gemel_core_become_faulty (core, GEMEL_CAUSE_TERM_NOT_DURABLE, out);
      break;
    case GEMEL_STATE_FAULT:
      break;
    }
}

static void
on_journal (GemelCore    *core,
            gboolean      failed,
            GemelActions *out)
{
  if (failed == core->journal_failed)
    return;
  core->journal_failed = failed;
  core->journal_failed_us = core->now_us;
  if (failed)
    {
      gemel_core_emit_event (core, out, GEMEL_EVENT_JOURNAL_FAILED, GEMEL_CAUSE_JOURNAL_FAILED, 0,
                             0);
      if (!gemel_core_is_active_state (core) && core->state != GEMEL_STATE_FAULT)
        gemel_core_become_faulty (core, GEMEL_CAUSE_JOURNAL_FAILED, out);
    }
  else if (core->state == GEMEL_STATE_FAULT && !core->never_eligible && !core->term_failed)
    {
      gemel_core_emit_event (core, out, GEMEL_EVENT_FAULT_CLEARED, GEMEL_CAUSE_CLEARED, 0, 0);
      gemel_core_become_undecided (core, GEMEL_CAUSE_CLEARED, out);
    }
}

/* Row 20: an administrator knows better, and said so twice. */
static void
on_force_active (GemelCore    *core,
                 guint64       request_id,
                 GemelActions *out)
{
  if (gemel_core_is_active_state (core))
    {
      gemel_core_emit_reply (out, request_id, TRUE, GEMEL_CAUSE_FORCED);
      return;
    }
  core->never_eligible = FALSE;
  core->force_request = request_id;
  core->stable.term = MAX (core->stable.term, core->peer.term);
  gemel_core_drop_handover (core, out);
  gemel_core_become_candidate (core, GEMEL_CAUSE_FORCED, out);
}

static void
on_settings (GemelCore               *core,
             const GemelCoreSettings *settings,
             GemelActions            *out)
{
  GemelRole before = core->settings.role;

  core->settings = *settings;
  core->recovery_delay_us = settings->recovery_delay_us;
  announce_level (core, GEMEL_CAUSE_USER, out);
  if (settings->role == before)
    return;

  gemel_core_forget_peer (core);
  core->fresh_since_us = core->now_us;
  core->next_beat_us = core->now_us;
  if (gemel_core_is_active_state (core) && settings->role != GEMEL_ROLE_BACKUP)
    {
      /* Pairing or its end must not interrupt the one that works. */
      if (core->state == GEMEL_STATE_HANDOVER)
        gemel_core_roll_back (core, GEMEL_CAUSE_ROLE_CHANGED, out);
      if (core->active_term % 2 != core->settings.slot)
        gemel_core_reassert (core, GEMEL_CAUSE_ROLE_CHANGED, out);
      return;
    }
  core->eligible = FALSE;
  core->synced = FALSE;
  if (core->state != GEMEL_STATE_HANDOVER)
    gemel_core_drop_handover (core, out);
  if (core->state == GEMEL_STATE_FAULT)
    return;
  if (core->state == GEMEL_STATE_UNDECIDED)
    core->no_active_until_us = core->now_us + (settings->role == GEMEL_ROLE_INDEPENDENT
                                                 ? 0
                                                 : settings->startup_allowance_us);
  else
    gemel_core_leave_handover (core, GEMEL_CAUSE_ROLE_CHANGED, out);
}

/* Row 19: hand over if somebody can take it, else stop in order. */
static void
on_stop (GemelCore    *core,
         GemelActions *out)
{
  GemelCause why_not;

  if (core->stopping)
    return;
  core->stopping = TRUE;
  if (core->state == GEMEL_STATE_ACTIVE && gemel_core_peer_can_take (core, &why_not))
    gemel_core_begin_handover (core, GEMEL_CAUSE_STOP, 0, 0, out);
  else if (core->state == GEMEL_STATE_CANDIDATE)
    {
      if (core->handover.id != 0)
        gemel_core_emit_message (core, out, GEMEL_MESSAGE_ABORT, core->handover.id,
                                 GEMEL_CAUSE_STOP);
      memset (&core->handover, 0, sizeof core->handover);
      gemel_core_become_standby (core, GEMEL_CAUSE_STOP, out);
    }
}

static void
on_sync (GemelCore *core,
         gboolean   eligible,
         gboolean   synced)
{
  core->eligible = eligible;
  if (core->synced != synced)
    core->next_beat_us = core->now_us; /* the active node waits for this */
  core->synced = synced;
  /* From now on the peer acknowledges nothing as `pair` that is not here as well. */
  if (synced && core->peer.effective && core->state == GEMEL_STATE_STANDBY)
    core->holds_state = TRUE;
}

static void
take_input (GemelCore        *core,
            const GemelInput *in,
            GemelActions     *out)
{
  switch (in->type)
    {
    case GEMEL_INPUT_TICK:
      break;
    case GEMEL_INPUT_MESSAGE:
      look_at_peer_clock (core, &in->u.message, out);
      gemel_core_on_message (core, &in->u.message, in->unix_us, out);
      break;
    case GEMEL_INPUT_LINK_UP:
      gemel_core_on_link_up (core);
      break;
    case GEMEL_INPUT_LINK_DOWN:
      gemel_core_on_link_down (core, out);
      break;
    case GEMEL_INPUT_REFUSED:
      gemel_core_on_refused (core, out);
      break;
    case GEMEL_INPUT_DEATH_NOTICE:
      gemel_core_on_death_notice (core, in->u.term, out);
      break;
    case GEMEL_INPUT_PERSISTED:
      on_persisted (core, in->u.persist_id, out);
      break;
    case GEMEL_INPUT_PERSIST_FAILED:
      on_persist_failed (core, in->u.persist_id, out);
      break;
    case GEMEL_INPUT_SYNC:
      on_sync (core, in->u.sync.eligible, in->u.sync.synced);
      break;
    case GEMEL_INPUT_QUIESCED:
    case GEMEL_INPUT_POSITION:
      gemel_core_on_quiesced (core, in);
      break;
    case GEMEL_INPUT_CAUGHT_UP:
      gemel_core_on_caught_up (core, in);
      break;
    case GEMEL_INPUT_JOURNAL_FAILED:
      on_journal (core, TRUE, out);
      break;
    case GEMEL_INPUT_JOURNAL_OK:
      on_journal (core, FALSE, out);
      break;
    case GEMEL_INPUT_REQUEST_SWITCHOVER:
      gemel_core_on_request (core, in->u.request_id, out);
      break;
    case GEMEL_INPUT_ABORT_SWITCHOVER:
      gemel_core_on_abort_request (core, in->u.request_id, out);
      break;
    case GEMEL_INPUT_FORCE_ACTIVE:
      on_force_active (core, in->u.request_id, out);
      break;
    case GEMEL_INPUT_SETTINGS:
      on_settings (core, &in->u.settings, out);
      break;
    case GEMEL_INPUT_STOP:
      on_stop (core, out);
      break;
    }
}

/**
 * gemel_core_step:
 * @core: the core
 * @input: one input, with the clocks as they are now
 * @actions: (out): what to do, in this order; overwritten
 *
 * The only entry. Feed a TICK no later than next_deadline_us.
 * Thread: the core's
 */
void
gemel_core_step (GemelCore        *core,
                 const GemelInput *input,
                 GemelActions     *actions)
{
  actions->n = 0;
  if (core->exited)
    {
      actions->next_deadline_us = G_MAXINT64;
      return;
    }
  look_at_clock (core, input, actions);
  take_input (core, input, actions);
  gemel_core_run_timers (core, actions);
  actions->next_deadline_us = gemel_core_next_deadline (core);
  core->last_step_us = core->now_us;
  gemel_core_assert_invariants (core);
}
