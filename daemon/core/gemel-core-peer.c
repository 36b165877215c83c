/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the peer says, and what is known of its life: messages, the link, the death notice, refused
 * connections, and two actives that find each other (PROTOCOL.md sections 8, 9, 13).
 */
#include "core/gemel-core-private.h"

/* A round trip that is older than this says little about the clocks. */
#define OFFSET_KEPT_US (10 * G_TIME_SPAN_SECOND)

/**
 * gemel_core_forget_peer:
 * @core: the core
 *
 * Another peer, or none: nothing that was heard counts.
 * Thread: the core's
 */
void
gemel_core_forget_peer (GemelCore *core)
{
  gboolean link_up = core->peer.link_up;

  memset (&core->peer, 0, sizeof core->peer);
  core->peer.link_up = link_up;
}

/**
 * gemel_core_on_link_up:
 * @core: the core
 *
 * A new session: only what answers something sent in it is fresh.
 * Thread: the core's
 */
void
gemel_core_on_link_up (GemelCore *core)
{
  core->peer.link_up = TRUE;
  if (!GEMEL_MUTANT (STALE_DECIDES))
    core->fresh_since_us = core->now_us;
  core->next_beat_us = core->now_us;
}

/**
 * gemel_core_on_link_down:
 * @core: the core
 * @out: actions
 * Thread: the core's
 */
void
gemel_core_on_link_down (GemelCore    *core,
                         GemelActions *out)
{
  core->peer.link_up = FALSE;
  core->peer.synced = FALSE;
  core->peer.synced_since_us = 0;
  if (core->state == GEMEL_STATE_HANDOVER)
    gemel_core_roll_back (core, GEMEL_CAUSE_LINK_LOST, out);
  else if (core->state == GEMEL_STATE_CANDIDATE && core->handover.id != 0)
    {
      memset (&core->handover, 0, sizeof core->handover);
      gemel_core_become_standby (core, GEMEL_CAUSE_LINK_LOST, out);
    }
  gemel_core_emit_reply (out, core->pending_request, FALSE, GEMEL_CAUSE_LINK_LOST);
  core->pending_request = 0;
}

static void
end_silence (GemelCore *core,
             GemelCause cause)
{
  core->peer.effective = FALSE;
  core->no_active_until_us = core->now_us;
  core->silence_cause = cause;
}

/**
 * gemel_core_on_death_notice:
 * @core: the core
 * @term: in which the peer's process was active when it died; proven by its guard
 * @out: actions
 *
 * Row 14. Only the term that the peer was last heard active in counts: a late notice for an older
 * one must not end a newer activity.
 * Thread: the core's
 */
void
gemel_core_on_death_notice (GemelCore    *core,
                            guint64       term,
                            GemelActions *out)
{
  gboolean known = (term != 0 && term == core->peer.active_term) || GEMEL_MUTANT (NOTICE_ANY_TERM);

  if (!known || gemel_core_is_active_state (core) || core->state == GEMEL_STATE_FAULT)
    {
      core->counters.notices_ignored++;
      return;
    }
  gemel_core_emit_event (core, out, GEMEL_EVENT_DEATH_NOTICE, GEMEL_CAUSE_DEATH_NOTICE,
                         (gint64) term, 0);
  core->promise_until_us = core->now_us;
  end_silence (core, GEMEL_CAUSE_DEATH_NOTICE);
}

/**
 * gemel_core_on_refused:
 * @core: the core
 * @out: actions
 *
 * Row 15: a firewall can refuse connections to a living peer, so without the setting this decides
 * nothing.
 * Thread: the core's
 */
void
gemel_core_on_refused (GemelCore    *core,
                       GemelActions *out)
{
  if (core->state == GEMEL_STATE_HANDOVER)
    gemel_core_roll_back (core, GEMEL_CAUSE_REFUSED, out);
  else if (!core->settings.trust_refused && !GEMEL_MUTANT (REFUSED_IS_DEATH))
    core->counters.refused_ignored++;
  else if (!gemel_core_is_active_state (core) && core->state != GEMEL_STATE_FAULT &&
           !core->peer.link_up)
    end_silence (core, GEMEL_CAUSE_REFUSED);
}

/* ---- two actives ---- */

static gboolean
dual_is_won (const GemelCore    *core,
             const GemelMessage *m)
{
  gboolean master = core->settings.role == GEMEL_ROLE_MASTER;
  gboolean dual_master = master ? core->settings.dual_master : m->dual_master;

  if (gemel_core_recovery_mode (core) == GEMEL_RECOVERY_AUTOMATIC || dual_master ||
      GEMEL_MUTANT (MASTER_WINS))
    return master;
  if (core->since_term != m->since_term)
    return core->since_term < m->since_term;
  return master;
}

/* Section 13: both are active. A fresh round trip shows it, so it is not an old message. */
static void
resolve_dual (GemelCore          *core,
              const GemelMessage *m,
              GemelActions       *out)
{
  gboolean won = dual_is_won (core, m);
  gboolean settled = won && core->active_term > m->active_term &&
                     core->active_term >= core->stable.term;
  gboolean first = core->state == GEMEL_STATE_HANDOVER || (!settled && core->proposal == 0);

  if (GEMEL_MUTANT (NO_DUAL_RESOLVE))
    return;
  if (first || !won)
    {
      core->counters.dual_actives++;
      gemel_core_emit_event (core, out, GEMEL_EVENT_DUAL_ACTIVE,
                             won ? GEMEL_CAUSE_DUAL_WON : GEMEL_CAUSE_DUAL_LOST,
                             (gint64) core->active_term, (gint64) m->active_term);
    }
  if (!won)
    {
      gemel_core_leave_handover (core, GEMEL_CAUSE_DUAL_LOST, out);
      return;
    }
  if (core->state == GEMEL_STATE_HANDOVER)
    gemel_core_leave_handover (core, GEMEL_CAUSE_DUAL_WON, out);
  if (!settled)
    gemel_core_reassert (core, GEMEL_CAUSE_DUAL_WON, out);
}

/* ---- what every message carries ---- */

static gboolean
is_violating (const GemelCore    *core,
              const GemelMessage *m)
{
  guint peer_slot = 1 - core->settings.slot;

  if (m->nonce == 0 || m->nonce == core->nonce || m->role == core->settings.role)
    return TRUE;
  if (m->term > core->stable.term && m->term - core->stable.term > GEMEL_TERM_JUMP_MAX)
    return TRUE;
  if (m->active_term > m->term || m->since_term > m->term || m->proposal > m->term)
    return TRUE;
  if (GEMEL_MUTANT (NO_PARITY))
    return FALSE;
  return m->active_term != 0 && m->active_term % 2 != peer_slot;
}

static void
learn_clocks (GemelCore          *core,
              const GemelMessage *m,
              gint64              unix_us)
{
  gint64 rtt_us = core->now_us - m->echo_us - m->hold_us;
  gint64 age_us = core->now_us - core->peer.wall_at_us;
  gint64 error_us;

  if (rtt_us < 0 || m->hold_us < 0)
    return;
  core->peer.rtt_us = core->peer.rtt_us == 0 ? MAX (rtt_us, 1)
                                             : (core->peer.rtt_us * 7 + rtt_us) / 8;
  error_us = rtt_us / 2;
  if (core->peer.wall_at_us == 0 ||
      error_us <= core->peer.wall_error_us + age_us * (gint64) core->settings.drift_ppm / 1000000)
    {
      core->peer.wall_offset_us = m->unix_us + error_us - unix_us;
      core->peer.wall_error_us = error_us;
      core->peer.wall_at_us = core->now_us;
    }
  if (rtt_us > core->settings.rtt_budget_us)
    return;
  if (!core->peer.offset_known || m->ts_us - core->now_us > core->peer.best_offset_us ||
      core->now_us - core->peer.best_offset_at_us > OFFSET_KEPT_US)
    {
      core->peer.offset_known = TRUE;
      core->peer.best_offset_us = m->ts_us - core->now_us;
      core->peer.best_offset_at_us = core->now_us;
    }
}

/* Enough to answer with an echo; decides nothing. */
static void
hear (GemelCore          *core,
      const GemelMessage *m)
{
  if (m->nonce != core->peer.nonce)
    {
      core->peer.nonce = m->nonce;
      core->peer.offset_known = FALSE;
      core->peer.wall_at_us = 0;
      core->peer.heard_ts_us = m->ts_us;
      core->peer.heard_us = core->now_us;
      core->next_beat_us = core->now_us; /* it waits for an echo */
    }
  else if (m->ts_us >= core->peer.heard_ts_us)
    {
      core->peer.heard_ts_us = m->ts_us;
      core->peer.heard_us = core->now_us;
    }
}

static gboolean
is_fresh (const GemelCore    *core,
          const GemelMessage *m)
{
  if (GEMEL_MUTANT (STALE_DECIDES))
    return TRUE;
  return m->echo_nonce == core->nonce && m->echo_us >= core->fresh_since_us &&
         m->echo_us <= core->now_us;
}

static void
raise_term (GemelCore    *core,
            guint64       term,
            GemelActions *out)
{
  if (term <= core->stable.term)
    return;
  core->stable.term = term;
  (void) gemel_core_persist (core, out);
}

static void
learn_standing (GemelCore          *core,
                const GemelMessage *m,
                GemelActions       *out)
{
  gboolean can_take = m->synced && m->eligible && m->state == GEMEL_STATE_STANDBY;

  if (!core->peer.alive)
    gemel_core_emit_event (core, out, GEMEL_EVENT_PEER_BACK, GEMEL_CAUSE_NONE, 0, 0);
  core->peer.alive = TRUE;
  core->peer.known = TRUE;
  core->peer.term = m->term;
  core->peer.state = m->state;
  core->peer.role = m->role;
  core->peer.recovery_mode = m->recovery_mode;
  core->peer.dual_master = m->dual_master;
  core->peer.eligible = m->eligible;
  core->peer.synced = m->synced;
  core->peer.holds_state = m->holds_state;
  if (!can_take)
    core->peer.synced_since_us = 0;
  else if (core->peer.synced_since_us == 0)
    core->peer.synced_since_us = core->now_us;
  core->peer.effective = m->active_term != 0;
  if (core->peer.effective)
    {
      core->peer.active_term = m->active_term;
      core->peer.since_term = m->since_term;
      core->peer.active_heard_us = core->now_us;
      core->peer.active_nonce = m->nonce;
      if (!gemel_core_is_active_state (core))
        core->holds_state = core->synced;
    }
}

/* ---- what it means for this node's state ---- */

/* The process that was active is gone: another one speaks for the peer, with empty memory. What the
 * pair acknowledged lives here alone, so this node goes first, whatever its role. */
static gboolean
is_sole_holder (const GemelCore    *core,
                const GemelMessage *m)
{
  return core->holds_state && !m->holds_state && core->eligible && core->peer.active_nonce != 0 &&
         m->nonce != core->peer.active_nonce;
}

static void
decide_undecided (GemelCore          *core,
                  const GemelMessage *m,
                  GemelActions       *out)
{
  gboolean peer_holds = m->holds_state && m->eligible && !core->holds_state;
  gboolean promised = core->promise_given && core->now_us < core->promise_until_us;

  if (core->peer.effective)
    gemel_core_become_standby (core, GEMEL_CAUSE_PEER_ACTIVE, out);
  else if (core->settings.role == GEMEL_ROLE_MASTER && core->eligible && !core->stopping &&
           !promised && !peer_holds)
    gemel_core_become_candidate (core, GEMEL_CAUSE_MASTER_FIRST, out);
  else
    gemel_core_become_standby (core, GEMEL_CAUSE_PEER_DECIDES, out);
}

static void
decide_candidate (GemelCore          *core,
                  const GemelMessage *m,
                  GemelActions       *out)
{
  if (core->handover.id != 0)
    {
      core->no_active_until_us = core->now_us + core->settings.failover_timeout_us;
      /* Active again and not handing over, said after its PREPARE: it rolled back. */
      if (m->state == GEMEL_STATE_ACTIVE && m->ts_us > core->handover.prepare_ts_us)
        {
          memset (&core->handover, 0, sizeof core->handover);
          gemel_core_become_standby (core, GEMEL_CAUSE_ABORTED, out);
        }
      return;
    }
  if (core->candidate_cause == GEMEL_CAUSE_FORCED)
    return;
  gemel_core_become_standby (core, GEMEL_CAUSE_PEER_ACTIVE, out);
}

static void
decide (GemelCore          *core,
        const GemelMessage *m,
        GemelActions       *out)
{
  switch (core->state)
    {
    case GEMEL_STATE_UNDECIDED:
      decide_undecided (core, m, out);
      break;
    case GEMEL_STATE_STANDBY:
      if (core->peer.effective)
        {
          core->no_active_until_us = core->now_us + core->settings.failover_timeout_us;
          core->silence_cause = GEMEL_CAUSE_NONE;
        }
      else if (is_sole_holder (core, m))
        end_silence (core, GEMEL_CAUSE_PEER_RESTARTED);
      break;
    case GEMEL_STATE_CANDIDATE:
      if (core->peer.effective)
        decide_candidate (core, m, out);
      break;
    case GEMEL_STATE_ACTIVE:
    case GEMEL_STATE_HANDOVER:
      if (core->peer.effective && core->now_us - m->echo_us <= core->settings.lease_us)
        resolve_dual (core, m, out);
      break;
    case GEMEL_STATE_FAULT:
      break;
    }
}

/* Not fresh, but of this session: that the peer says it is active is believed, since that can only
 * make this node wait. Everything else in it counts for nothing. */
static void
wait_for_active (GemelCore    *core,
                 GemelActions *out)
{
  gint64 until_us = core->now_us + core->settings.failover_timeout_us;

  if (core->state == GEMEL_STATE_STANDBY || core->state == GEMEL_STATE_UNDECIDED)
    core->no_active_until_us = MAX (core->no_active_until_us, until_us);
  else if (core->state == GEMEL_STATE_CANDIDATE && core->handover.id == 0 &&
           core->candidate_cause != GEMEL_CAUSE_FORCED)
    gemel_core_become_standby (core, GEMEL_CAUSE_PEER_ACTIVE, out);
}

/**
 * gemel_core_on_message:
 * @core: the core
 * @message: authenticated, of the current session
 * @unix_us: wall clock
 * @out: actions
 *
 * Checks it, learns from it, and if it is fresh, lets it decide.
 * Thread: the core's
 */
void
gemel_core_on_message (GemelCore          *core,
                       const GemelMessage *message,
                       gint64              unix_us,
                       GemelActions       *out)
{
  gboolean fresh;

  if (!core->peer.link_up || core->settings.role == GEMEL_ROLE_INDEPENDENT)
    {
      core->counters.messages_stale++;
      return;
    }
  if (is_violating (core, message))
    {
      if (core->counters.messages_violating++ == 0)
        gemel_core_emit_event (core, out, GEMEL_EVENT_PROTOCOL_VIOLATION, GEMEL_CAUSE_NONE,
                               (gint64) message->kind, 0);
      return;
    }
  fresh = is_fresh (core, message);
  /* A repeated or overtaken message: what it says was superseded by one that is here already. */
  if (message->nonce == core->peer.nonce && message->ts_us < core->peer.heard_ts_us &&
      message->kind == GEMEL_MESSAGE_BEAT)
    fresh = FALSE;
  hear (core, message);
  raise_term (core, message->term, out);
  if (!fresh)
    {
      core->counters.messages_stale += message->echo_nonce != 0;
      if (message->active_term != 0)
        wait_for_active (core, out);
      return;
    }
  learn_clocks (core, message, unix_us);
  learn_standing (core, message, out);
  decide (core, message, out);
  gemel_core_on_switch_message (core, message, out);
}
