/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The rows of PROTOCOL.md section 7 that hold without a witness, by hand: one core, inputs as the
 * row has them, and the actions that it asks for.
 */
#include <string.h>

#include "core/gemel-core.h"

#define NONCE      0x11
#define PEER_NONCE 0x77

typedef struct
{
  GemelCore    core;
  GemelActions out;
  GemelInput   in;
  gint64       now_us;
} Bench;

static void
step (Bench         *b,
      GemelInputType type)
{
  b->in.type = type;
  b->in.now_us = b->now_us;
  b->in.unix_us = b->now_us + G_TIME_SPAN_DAY;
  gemel_core_step (&b->core, &b->in, &b->out);
}

static void
bench_init (Bench            *b,
            GemelRole         role,
            GemelRecoveryMode mode)
{
  GemelCoreSettings settings;
  GemelStable       stable = { 0 };

  memset (b, 0, sizeof *b);
  b->now_us = G_TIME_SPAN_HOUR;
  gemel_core_settings_init (&settings, GEMEL_PROFILE_LAN, role);
  settings.slot = role == GEMEL_ROLE_BACKUP;
  settings.recovery_mode = mode;
  gemel_core_init (&b->core, &settings, &stable, TRUE, NONCE, b->now_us,
                   b->now_us + G_TIME_SPAN_DAY);
  step (b, GEMEL_INPUT_TICK);
  step (b, GEMEL_INPUT_LINK_UP);
  b->in.u.sync.eligible = TRUE;
  b->in.u.sync.synced = TRUE;
  step (b, GEMEL_INPUT_SYNC);
}

static const GemelAction *
find (const Bench    *b,
      GemelActionType type)
{
  for (guint i = 0; i < b->out.n; i++)
    if (b->out.v[i].type == type)
      return &b->out.v[i];
  return NULL;
}

static const GemelMessage *
find_message (const Bench     *b,
              GemelMessageKind kind)
{
  for (guint i = 0; i < b->out.n; i++)
    if (b->out.v[i].type == GEMEL_ACTION_SEND && b->out.v[i].u.message.kind == kind)
      return &b->out.v[i].u.message;
  return NULL;
}

/* The same, and it must be there. */
static const GemelAction *
need (const Bench    *b,
      GemelActionType type)
{
  const GemelAction *action = find (b, type);

  if (action == NULL)
    g_error ("no action %d", (int) type);
  return action;
}

static const GemelMessage *
need_message (const Bench     *b,
              GemelMessageKind kind)
{
  const GemelMessage *message = find_message (b, kind);

  if (message == NULL)
    g_error ("no message %d", (int) kind);
  return message;
}

/* A fresh message of a level, eligible peer; the caller changes what its row needs. */
static GemelMessage *
prepare_message (Bench           *b,
                 GemelMessageKind kind,
                 GemelState       state,
                 guint64          term)
{
  GemelMessage *m = &b->in.u.message;

  memset (m, 0, sizeof *m);
  b->now_us += 1000;
  m->kind = kind;
  m->nonce = PEER_NONCE;
  m->echo_nonce = NONCE;
  m->ts_us = b->now_us + 5000000;
  m->echo_us = b->now_us - 500;
  m->term = term;
  m->state = state;
  m->active_term = state == GEMEL_STATE_ACTIVE || state == GEMEL_STATE_HANDOVER ? term : 0;
  m->since_term = m->active_term;
  m->role = b->core.settings.role == GEMEL_ROLE_MASTER ? GEMEL_ROLE_BACKUP : GEMEL_ROLE_MASTER;
  m->recovery_mode = b->core.settings.recovery_mode;
  m->eligible = TRUE;
  m->synced = TRUE;
  return m;
}

static void
hear (Bench     *b,
      GemelState state,
      guint64    term)
{
  (void) prepare_message (b, GEMEL_MESSAGE_BEAT, state, term);
  step (b, GEMEL_INPUT_MESSAGE);
}

static void
persisted (Bench *b)
{
  b->in.u.persist_id = b->core.persist_asked;
  step (b, GEMEL_INPUT_PERSISTED);
}

/* Time passes in small turns, as a healthy loop makes them. */
static void
wait_us (Bench *b,
         gint64 duration_us)
{
  gint64 end_us = b->now_us + duration_us;

  while (b->now_us < end_us && find (b, GEMEL_ACTION_PERSIST) == NULL)
    {
      b->now_us = MIN (end_us, b->now_us + 100000);
      step (b, GEMEL_INPUT_TICK);
    }
}

/* A master that is active in term 2, and has heard its level standby. */
static void
bench_active (Bench            *b,
              GemelRecoveryMode mode)
{
  bench_init (b, GEMEL_ROLE_MASTER, mode);
  hear (b, GEMEL_STATE_STANDBY, 0);
  g_assert_cmpint (b->core.state, ==, GEMEL_STATE_CANDIDATE);
  persisted (b);
  g_assert_cmpint (b->core.state, ==, GEMEL_STATE_ACTIVE);
  hear (b, GEMEL_STATE_STANDBY, 2);
}

/* A backup that follows a master active in term 2. */
static void
bench_standby (Bench            *b,
               GemelRecoveryMode mode)
{
  bench_init (b, GEMEL_ROLE_BACKUP, mode);
  hear (b, GEMEL_STATE_ACTIVE, 2);
  persisted (b);
  g_assert_cmpint (b->core.state, ==, GEMEL_STATE_STANDBY);
}

/* Row 1. */
static void
test_boot_is_undecided (void)
{
  Bench b;

  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_AUTOMATIC);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_UNDECIDED);
  g_assert_false (gemel_core_is_effective (&b.core, b.now_us));
}

static void
test_unreadable_term_is_a_fault (void)
{
  Bench             b;
  GemelCoreSettings settings;
  GemelStable       stable = { 0 };

  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_AUTOMATIC);
  settings = b.core.settings;
  gemel_core_init (&b.core, &settings, &stable, FALSE, NONCE, b.now_us, b.now_us);
  step (&b, GEMEL_INPUT_TICK);
  wait_us (&b, 2 * settings.startup_allowance_us);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_FAULT);
}

/* Row 2. */
static void
test_active_peer_is_followed (void)
{
  Bench b;

  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_AUTOMATIC);
  hear (&b, GEMEL_STATE_ACTIVE, 3);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
  g_assert_cmpint (b.core.state_cause, ==, GEMEL_CAUSE_PEER_ACTIVE);
  g_assert_cmpuint (b.core.stable.term, ==, 3);
  g_assert_nonnull (find (&b, GEMEL_ACTION_PERSIST));
  g_assert_cmpint (need (&b, GEMEL_ACTION_LEVEL)->u.level.level, ==, GEMEL_LEVEL_WARM);
}

static void
test_old_message_decides_nothing (void)
{
  Bench b;

  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_AUTOMATIC);
  prepare_message (&b, GEMEL_MESSAGE_BEAT, GEMEL_STATE_STANDBY, 3)->echo_nonce = NONCE + 1;
  step (&b, GEMEL_INPUT_MESSAGE);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_UNDECIDED);
  g_assert_cmpuint (b.core.counters.messages_stale, ==, 1);
}

/* Row 3. */
static void
test_master_goes_first (void)
{
  Bench b;

  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_AUTOMATIC);
  hear (&b, GEMEL_STATE_UNDECIDED, 0);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_CANDIDATE);
  g_assert_cmpuint (need (&b, GEMEL_ACTION_PERSIST)->u.persist.stable.term, ==, 2);
  g_assert_null (find (&b, GEMEL_ACTION_LEVEL));
  persisted (&b);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
  g_assert_cmpint (need (&b, GEMEL_ACTION_LEVEL)->u.level.level, ==, GEMEL_LEVEL_ACTIVE);
  g_assert_cmpuint (need (&b, GEMEL_ACTION_LEVEL)->u.level.term, ==, 2);
}

static void
test_backup_lets_the_master_go_first (void)
{
  Bench b;

  bench_init (&b, GEMEL_ROLE_BACKUP, GEMEL_RECOVERY_AUTOMATIC);
  hear (&b, GEMEL_STATE_UNDECIDED, 0);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
  g_assert_cmpint (b.core.state_cause, ==, GEMEL_CAUSE_PEER_DECIDES);
}

/* Row 6. */
static void
test_higher_term_voids_a_proposal (void)
{
  Bench b;

  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_AUTOMATIC);
  hear (&b, GEMEL_STATE_UNDECIDED, 0);
  hear (&b, GEMEL_STATE_STANDBY, 9);
  persisted (&b);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_CANDIDATE);
  g_assert_cmpint (b.core.state_cause, ==, GEMEL_CAUSE_NEWER_TERM);
  g_assert_cmpuint (b.core.proposal, ==, 10);
}

static void
test_term_jump_is_refused (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_AUTOMATIC);
  hear (&b, GEMEL_STATE_STANDBY, 2 + GEMEL_TERM_JUMP_MAX + 1);
  g_assert_cmpuint (b.core.stable.term, ==, 2);
  g_assert_cmpuint (b.core.counters.messages_violating, ==, 1);
}

/* Row 7. */
static void
test_silence_makes_a_standby_take_over (void)
{
  Bench  b;
  gint64 began_us;

  bench_standby (&b, GEMEL_RECOVERY_AUTOMATIC);
  began_us = b.now_us;
  b.out.n = 0;
  wait_us (&b, b.core.settings.failover_timeout_us * 2);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_CANDIDATE);
  g_assert_cmpint (b.core.state_cause, ==, GEMEL_CAUSE_NO_ACTIVE);
  g_assert_cmpint (b.now_us - began_us, >=, b.core.settings.failover_timeout_us - 1000);
  g_assert_cmpint (b.now_us - began_us, <=, b.core.settings.failover_timeout_us + 200000);
  persisted (&b);
  g_assert_cmpuint (b.core.active_term, ==, 3);
  g_assert_cmpuint (b.core.counters.takeovers, ==, 1);
}

static void
test_ineligible_node_never_takes_over (void)
{
  Bench b;

  bench_standby (&b, GEMEL_RECOVERY_AUTOMATIC);
  b.in.u.sync.eligible = FALSE;
  b.in.u.sync.synced = FALSE;
  step (&b, GEMEL_INPUT_SYNC);
  wait_us (&b, 10 * b.core.settings.failover_timeout_us);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
}

static void
request (Bench         *b,
         GemelInputType type)
{
  b->in.u.request_id = 42;
  step (b, type);
}

/* Row 8. */
static void
test_switchover_is_refused_with_a_reason (void)
{
  Bench b;

  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_MANUAL);
  request (&b, GEMEL_INPUT_REQUEST_SWITCHOVER);
  g_assert_false (need (&b, GEMEL_ACTION_REPLY)->u.reply.done);
  bench_active (&b, GEMEL_RECOVERY_MANUAL);
  prepare_message (&b, GEMEL_MESSAGE_BEAT, GEMEL_STATE_STANDBY, 2)->synced = FALSE;
  step (&b, GEMEL_INPUT_MESSAGE);
  request (&b, GEMEL_INPUT_REQUEST_SWITCHOVER);
  g_assert_cmpint (need (&b, GEMEL_ACTION_REPLY)->u.reply.cause, ==, GEMEL_CAUSE_NOT_LEVEL);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
}

static void
quiesce (Bench *b)
{
  request (b, GEMEL_INPUT_REQUEST_SWITCHOVER);
  g_assert_cmpint (b->core.state, ==, GEMEL_STATE_HANDOVER);
  g_assert_nonnull (find (b, GEMEL_ACTION_QUIESCE));
  memset (&b->in.u.caught, 0, sizeof b->in.u.caught);
  b->in.u.caught.switch_id = b->core.handover.id;
  b->in.u.caught.position.config.seq = 7;
  step (b, GEMEL_INPUT_QUIESCED);
  g_assert_nonnull (find_message (b, GEMEL_MESSAGE_PREPARE));
  g_assert_cmpuint (need_message (b, GEMEL_MESSAGE_PREPARE)->position.config.seq, ==, 7);
}

static void
ready (Bench  *b,
       guint64 seq)
{
  GemelMessage *m = prepare_message (b, GEMEL_MESSAGE_READY, GEMEL_STATE_CANDIDATE, 3);

  m->switch_id = b->core.handover.id;
  m->proposal = 3;
  m->position.config.seq = seq;
  step (b, GEMEL_INPUT_MESSAGE);
}

/* Row 9: the level goes down before the commit leaves, and the commit waits for the disk. */
static void
test_handover_stops_before_it_commits (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_MANUAL);
  quiesce (&b);
  ready (&b, 7);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
  g_assert_cmpint (need (&b, GEMEL_ACTION_LEVEL)->u.level.level, ==, GEMEL_LEVEL_WARM);
  g_assert_null (find_message (&b, GEMEL_MESSAGE_COMMIT));
  persisted (&b);
  g_assert_cmpuint (need_message (&b, GEMEL_MESSAGE_COMMIT)->proposal, ==, 3);
  hear (&b, GEMEL_STATE_ACTIVE, 3);
  g_assert_true (need (&b, GEMEL_ACTION_REPLY)->u.reply.done);
  g_assert_cmpuint (b.core.counters.switchovers_done, ==, 1);
}

static void
test_handover_promises_to_stay_away (void)
{
  Bench  b;
  gint64 until_us;

  bench_active (&b, GEMEL_RECOVERY_MANUAL);
  quiesce (&b);
  ready (&b, 7);
  until_us = b.now_us + b.core.settings.promise_us;
  persisted (&b);
  wait_us (&b, b.core.settings.promise_us - 1000);
  g_assert_cmpint (b.now_us, <, until_us);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
}

static void
test_unequal_positions_roll_back (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_MANUAL);
  quiesce (&b);
  ready (&b, 6);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
  g_assert_nonnull (find (&b, GEMEL_ACTION_UNQUIESCE));
  g_assert_cmpint (need (&b, GEMEL_ACTION_REPLY)->u.reply.cause, ==, GEMEL_CAUSE_NOT_LEVEL);
  g_assert_null (find (&b, GEMEL_ACTION_LEVEL));
}

static void
test_late_write_is_seen_by_the_comparison (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_MANUAL);
  quiesce (&b);
  b.in.u.caught.switch_id = b.core.handover.id;
  b.in.u.caught.position.config.seq = 8;
  step (&b, GEMEL_INPUT_POSITION);
  ready (&b, 7);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
}

/* Rows 8b and 10. */
static void
become_successor (Bench *b)
{
  GemelMessage *m;

  bench_standby (b, GEMEL_RECOVERY_MANUAL);
  m = prepare_message (b, GEMEL_MESSAGE_PREPARE, GEMEL_STATE_HANDOVER, 2);
  m->switch_id = 99;
  m->position.config.seq = 7;
  step (b, GEMEL_INPUT_MESSAGE);
  g_assert_cmpint (b->core.state, ==, GEMEL_STATE_CANDIDATE);
  g_assert_cmpuint (need (b, GEMEL_ACTION_CATCH_UP)->u.catch_up.target.config.seq, ==, 7);
  g_assert_null (find_message (b, GEMEL_MESSAGE_READY));
}

static void
test_ready_waits_for_disk_and_data (void)
{
  Bench b;

  become_successor (&b);
  persisted (&b);
  g_assert_null (find_message (&b, GEMEL_MESSAGE_READY));
  memset (&b.in.u.caught, 0, sizeof b.in.u.caught);
  b.in.u.caught.switch_id = 99;
  b.in.u.caught.position.config.seq = 7;
  step (&b, GEMEL_INPUT_CAUGHT_UP);
  g_assert_cmpuint (need_message (&b, GEMEL_MESSAGE_READY)->proposal, ==, 3);
}

static void
commit (Bench *b,
        gint64 ready_ts_us)
{
  GemelMessage *m;

  become_successor (b);
  persisted (b);
  memset (&b->in.u.caught, 0, sizeof b->in.u.caught);
  b->in.u.caught.switch_id = 99;
  step (b, GEMEL_INPUT_CAUGHT_UP);
  m = prepare_message (b, GEMEL_MESSAGE_COMMIT, GEMEL_STATE_STANDBY, 3);
  m->switch_id = 99;
  m->proposal = 3;
  m->ready_ts_us = b->now_us + ready_ts_us;
  step (b, GEMEL_INPUT_MESSAGE);
}

static void
test_commit_makes_the_successor_active (void)
{
  Bench b;

  commit (&b, -1000);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
  g_assert_cmpint (b.core.state_cause, ==, GEMEL_CAUSE_COMMITTED);
  g_assert_cmpuint (b.core.active_term, ==, 3);
}

static void
test_old_commit_is_refused (void)
{
  Bench b;

  commit (&b, -2 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_CANDIDATE);
  g_assert_cmpuint (b.core.counters.votes_late, ==, 1);
}

/* Row 11. */
static void
test_lost_link_rolls_back (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_MANUAL);
  quiesce (&b);
  step (&b, GEMEL_INPUT_LINK_DOWN);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
  g_assert_cmpint (need (&b, GEMEL_ACTION_REPLY)->u.reply.cause, ==, GEMEL_CAUSE_LINK_LOST);
  become_successor (&b);
  step (&b, GEMEL_INPUT_LINK_DOWN);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
}

static void
test_slow_drain_rolls_back (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_MANUAL);
  request (&b, GEMEL_INPUT_REQUEST_SWITCHOVER);
  wait_us (&b, b.core.settings.drain_timeout_us + 100000);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
  g_assert_cmpuint (b.core.counters.switchovers_failed, ==, 1);
}

/* Row 13. */
static void
test_long_stall_makes_undecided (void)
{
  Bench     b;
  GemelView view;

  bench_active (&b, GEMEL_RECOVERY_AUTOMATIC);
  gemel_core_get_view (&b.core, &view);
  g_assert_true (gemel_core_may_act (&view, b.now_us));
  b.now_us += b.core.settings.failover_timeout_us + 1;
  g_assert_false (gemel_core_may_act (&view, b.now_us));
  step (&b, GEMEL_INPUT_TICK);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_UNDECIDED);
  g_assert_cmpuint (b.core.counters.stalls, ==, 1);
}

static void
test_clock_jump_only_tells (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_AUTOMATIC);
  b.in.type = GEMEL_INPUT_TICK;
  b.in.now_us = b.now_us;
  b.in.unix_us = b.now_us;
  gemel_core_step (&b.core, &b.in, &b.out);
  g_assert_cmpuint (b.core.counters.clock_jumps, ==, 1);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
}

/* Row 14. */
static void
test_death_notice_counts_for_its_term (void)
{
  Bench b;

  bench_standby (&b, GEMEL_RECOVERY_AUTOMATIC);
  b.in.u.term = 4;
  step (&b, GEMEL_INPUT_DEATH_NOTICE);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
  g_assert_cmpuint (b.core.counters.notices_ignored, ==, 1);
  b.in.u.term = 2;
  step (&b, GEMEL_INPUT_DEATH_NOTICE);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_CANDIDATE);
  g_assert_cmpint (b.core.state_cause, ==, GEMEL_CAUSE_DEATH_NOTICE);
}

/* The peer's active process is gone; another one speaks for it, undecided. */
static void
hear_restarted_peer (Bench *b)
{
  GemelMessage *m = prepare_message (b, GEMEL_MESSAGE_BEAT, GEMEL_STATE_UNDECIDED, 4);

  m->nonce = PEER_NONCE + 1;
  step (b, GEMEL_INPUT_MESSAGE);
}

static void
test_holder_goes_first (void)
{
  Bench b;

  g_test_summary ("A standby that came in step after the last beat holds the state and takes over");
  bench_init (&b, GEMEL_ROLE_BACKUP, GEMEL_RECOVERY_AUTOMATIC);
  b.in.u.sync.synced = FALSE;
  step (&b, GEMEL_INPUT_SYNC);
  hear (&b, GEMEL_STATE_ACTIVE, 4);
  persisted (&b);
  wait_us (&b, b.core.settings.promise_us); /* the one that every process starts with */
  hear (&b, GEMEL_STATE_ACTIVE, 4);
  memset (&b.in.u, 0, sizeof b.in.u);
  b.in.u.sync.eligible = TRUE;
  b.in.u.sync.synced = TRUE;
  step (&b, GEMEL_INPUT_SYNC);
  hear_restarted_peer (&b);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_CANDIDATE);
  g_assert_cmpint (b.core.candidate_cause, ==, GEMEL_CAUSE_PEER_RESTARTED);
}

static void
test_who_never_was_in_step_holds_nothing (void)
{
  Bench b;

  g_test_summary ("A standby that was not in step leaves the decision to the master");
  bench_init (&b, GEMEL_ROLE_BACKUP, GEMEL_RECOVERY_AUTOMATIC);
  b.in.u.sync.synced = FALSE;
  step (&b, GEMEL_INPUT_SYNC);
  hear (&b, GEMEL_STATE_ACTIVE, 4);
  hear_restarted_peer (&b);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
}

static void
test_holder_goes_first_after_silence (void)
{
  Bench        b;
  const gint64 beat_us = 1000;
  gint64       silence_us;

  g_test_summary ("When neither is active, a master without the state waits longer");
  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_AUTOMATIC);
  prepare_message (&b, GEMEL_MESSAGE_BEAT, GEMEL_STATE_STANDBY, 4)->holds_state = TRUE;
  step (&b, GEMEL_INPUT_MESSAGE);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
  silence_us = b.core.settings.failover_timeout_us;
  while (b.core.now_us < b.core.state_since_us + silence_us + beat_us)
    {
      prepare_message (&b, GEMEL_MESSAGE_BEAT, GEMEL_STATE_STANDBY, 4)->holds_state = TRUE;
      step (&b, GEMEL_INPUT_MESSAGE);
      wait_us (&b, b.core.settings.heartbeat_interval_us);
    }
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
  wait_us (&b, 2 * b.core.settings.heartbeat_interval_us + b.core.settings.rtt_budget_us);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_CANDIDATE);
}

static void
test_master_waits_for_the_holder (void)
{
  Bench         b;
  GemelMessage *m;

  g_test_summary ("A master with empty memory lets the standby that holds the state go first");
  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_AUTOMATIC);
  m = prepare_message (&b, GEMEL_MESSAGE_BEAT, GEMEL_STATE_STANDBY, 4);
  m->holds_state = TRUE;
  step (&b, GEMEL_INPUT_MESSAGE);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
}

static void
test_death_notice_is_nothing_to_an_active_node (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_AUTOMATIC);
  b.in.u.term = 2;
  step (&b, GEMEL_INPUT_DEATH_NOTICE);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
}

/* Row 15. */
static void
test_refused_counts_when_it_is_trusted (void)
{
  Bench b;

  bench_standby (&b, GEMEL_RECOVERY_AUTOMATIC);
  /* Until the promise of the start is over, nothing but a proof counts. */
  for (guint i = 0; i < 20; i++)
    {
      b.now_us += 99000;
      hear (&b, GEMEL_STATE_ACTIVE, 2);
    }
  step (&b, GEMEL_INPUT_LINK_DOWN);
  step (&b, GEMEL_INPUT_REFUSED);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
  g_assert_cmpuint (b.core.counters.refused_ignored, ==, 1);
  b.core.settings.trust_refused = TRUE;
  step (&b, GEMEL_INPUT_REFUSED);
  g_assert_cmpint (b.core.state_cause, ==, GEMEL_CAUSE_REFUSED);
}

/* Row 16. */
static void
test_unwritable_term_is_a_fault (void)
{
  Bench b;

  bench_init (&b, GEMEL_ROLE_MASTER, GEMEL_RECOVERY_AUTOMATIC);
  hear (&b, GEMEL_STATE_UNDECIDED, 0);
  b.in.u.persist_id = b.core.persist_asked;
  step (&b, GEMEL_INPUT_PERSIST_FAILED);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_FAULT);
  b.out.n = 0;
  wait_us (&b, 2 * b.core.settings.failover_timeout_us);
  g_assert_nonnull (find (&b, GEMEL_ACTION_PERSIST));
  persisted (&b);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_UNDECIDED);
}

/* Row 17. */
static void
test_broken_journal_disqualifies_a_standby (void)
{
  Bench     b;
  GemelView view;

  bench_standby (&b, GEMEL_RECOVERY_AUTOMATIC);
  step (&b, GEMEL_INPUT_JOURNAL_FAILED);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_FAULT);
  step (&b, GEMEL_INPUT_JOURNAL_OK);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_UNDECIDED);
  bench_active (&b, GEMEL_RECOVERY_AUTOMATIC);
  step (&b, GEMEL_INPUT_JOURNAL_FAILED);
  gemel_core_get_view (&b.core, &view);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
  g_assert_false (view.may_write_config);
}

/* Row 19. */
static void
test_stop_hands_over_when_somebody_can_take (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_AUTOMATIC);
  step (&b, GEMEL_INPUT_STOP);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_HANDOVER);
  bench_standby (&b, GEMEL_RECOVERY_AUTOMATIC);
  step (&b, GEMEL_INPUT_STOP);
  g_assert_true (need (&b, GEMEL_ACTION_PERSIST)->u.persist.stable.clean_stop);
  g_assert_null (find (&b, GEMEL_ACTION_EXIT));
  persisted (&b);
  g_assert_nonnull (find (&b, GEMEL_ACTION_EXIT));
}

/* Row 20. */
static void
test_force_takes_a_new_term (void)
{
  Bench b;

  bench_standby (&b, GEMEL_RECOVERY_MANUAL);
  request (&b, GEMEL_INPUT_FORCE_ACTIVE);
  persisted (&b);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
  g_assert_cmpuint (b.core.active_term, ==, 3);
  g_assert_true (need (&b, GEMEL_ACTION_REPLY)->u.reply.done);
}

/* Section 13. */
static void
test_dual_is_resolved_by_the_rule (void)
{
  Bench b;

  bench_active (&b, GEMEL_RECOVERY_AUTOMATIC);
  hear (&b, GEMEL_STATE_ACTIVE, 5);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
  persisted (&b);
  g_assert_cmpuint (b.core.active_term, ==, 6);
  g_assert_cmpuint (b.core.since_term, ==, 2);

  bench_active (&b, GEMEL_RECOVERY_MANUAL);
  prepare_message (&b, GEMEL_MESSAGE_BEAT, GEMEL_STATE_ACTIVE, 5)->since_term = 1;
  step (&b, GEMEL_INPUT_MESSAGE);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_STANDBY);
  g_assert_cmpint (b.core.state_cause, ==, GEMEL_CAUSE_DUAL_LOST);
}

/* Section 11. */
static void
test_automatic_recovery_gives_back (void)
{
  Bench b;

  bench_standby (&b, GEMEL_RECOVERY_AUTOMATIC);
  request (&b, GEMEL_INPUT_FORCE_ACTIVE);
  persisted (&b);
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_ACTIVE);
  for (guint i = 0; i < 200 && b.core.state == GEMEL_STATE_ACTIVE; i++)
    {
      b.now_us += 99000;
      hear (&b, GEMEL_STATE_STANDBY, 3);
    }
  g_assert_cmpint (b.core.state, ==, GEMEL_STATE_HANDOVER);
  g_assert_cmpint (b.core.state_cause, ==, GEMEL_CAUSE_RECOVERY);
}

static void
test_same_inputs_same_actions (void)
{
  Bench a;
  Bench b;

  bench_active (&a, GEMEL_RECOVERY_MANUAL);
  bench_active (&b, GEMEL_RECOVERY_MANUAL);
  quiesce (&a);
  quiesce (&b);
  g_assert_cmpmem (&a.core, sizeof a.core, &b.core, sizeof b.core);
  g_assert_cmpmem (a.out.v, a.out.n * sizeof a.out.v[0], b.out.v, b.out.n * sizeof b.out.v[0]);
}

static void
test_edge_table_has_no_row_twice (void)
{
  guint            n;
  const GemelEdge *edges = gemel_core_get_edges (&n);

  for (guint i = 0; i < n; i++)
    g_assert_cmpuint (gemel_core_edge_index (edges[i].from, edges[i].to, edges[i].cause), ==, i);
  g_assert_cmpuint (gemel_core_edge_index (GEMEL_STATE_FAULT, GEMEL_STATE_ACTIVE, GEMEL_CAUSE_NONE),
                    ==, G_MAXUINT);
}

typedef struct
{
  const char *path;
  void (*test) (void);
} Test;

static const Test tests[] = {
  { "/core/steps/row-1-boot-is-undecided", test_boot_is_undecided },
  { "/core/steps/row-1-unreadable-term-is-a-fault", test_unreadable_term_is_a_fault },
  { "/core/steps/row-2-active-peer-is-followed", test_active_peer_is_followed },
  { "/core/steps/row-2-old-message-decides-nothing", test_old_message_decides_nothing },
  { "/core/steps/row-3-master-goes-first", test_master_goes_first },
  { "/core/steps/row-3-backup-lets-the-master-go-first", test_backup_lets_the_master_go_first },
  { "/core/steps/row-6-higher-term-voids-a-proposal", test_higher_term_voids_a_proposal },
  { "/core/steps/row-6-term-jump-is-refused", test_term_jump_is_refused },
  { "/core/steps/row-7-silence-makes-a-standby-take-over", test_silence_makes_a_standby_take_over },
  { "/core/steps/row-7-ineligible-node-never-takes-over", test_ineligible_node_never_takes_over },
  { "/core/steps/row-8-switchover-is-refused-with-a-reason",
    test_switchover_is_refused_with_a_reason },
  { "/core/steps/row-8b-ready-waits-for-disk-and-data", test_ready_waits_for_disk_and_data },
  { "/core/steps/row-9-stops-before-it-commits", test_handover_stops_before_it_commits },
  { "/core/steps/row-9-promises-to-stay-away", test_handover_promises_to_stay_away },
  { "/core/steps/row-9-unequal-positions-roll-back", test_unequal_positions_roll_back },
  { "/core/steps/row-9-late-write-is-seen", test_late_write_is_seen_by_the_comparison },
  { "/core/steps/row-10-commit-makes-active", test_commit_makes_the_successor_active },
  { "/core/steps/row-10-old-commit-is-refused", test_old_commit_is_refused },
  { "/core/steps/row-11-lost-link-rolls-back", test_lost_link_rolls_back },
  { "/core/steps/row-11-slow-drain-rolls-back", test_slow_drain_rolls_back },
  { "/core/steps/row-13-long-stall-makes-undecided", test_long_stall_makes_undecided },
  { "/core/steps/row-13-clock-jump-only-tells", test_clock_jump_only_tells },
  { "/core/steps/row-14-notice-counts-for-its-term", test_death_notice_counts_for_its_term },
  { "/core/steps/row-14-notice-is-nothing-to-an-active-node",
    test_death_notice_is_nothing_to_an_active_node },
  { "/core/steps/row-14-holder-goes-first-when-the-active-restarted", test_holder_goes_first },
  { "/core/steps/row-14-who-never-was-in-step-holds-nothing",
    test_who_never_was_in_step_holds_nothing },
  { "/core/steps/row-3-master-waits-for-the-holder", test_master_waits_for_the_holder },
  { "/core/steps/row-7-holder-goes-first-after-silence", test_holder_goes_first_after_silence },
  { "/core/steps/row-15-refused-counts-when-trusted", test_refused_counts_when_it_is_trusted },
  { "/core/steps/row-16-unwritable-term-is-a-fault", test_unwritable_term_is_a_fault },
  { "/core/steps/row-17-broken-journal-disqualifies", test_broken_journal_disqualifies_a_standby },
  { "/core/steps/row-19-stop-hands-over", test_stop_hands_over_when_somebody_can_take },
  { "/core/steps/row-20-force-takes-a-new-term", test_force_takes_a_new_term },
  { "/core/steps/dual-is-resolved-by-the-rule", test_dual_is_resolved_by_the_rule },
  { "/core/steps/automatic-recovery-gives-back", test_automatic_recovery_gives_back },
  { "/core/steps/same-inputs-same-actions", test_same_inputs_same_actions },
  { "/core/steps/edge-table-has-no-row-twice", test_edge_table_has_no_row_twice },
};

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_summary ("Each row of the transition table that holds without a witness, one core by "
                  "hand.");
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add_func (tests[i].path, tests[i].test);
  return g_test_run ();
}
