/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One history: what was acknowledged reaches the sink exactly once, whatever happens in between.
 */
#include "history-fixture.h"

#include "api/gemel-enums.h"
#include "api/gemel-error.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_ROUNDS 20
#define KILL_POINTS 50

static void
write_n (Fixture    *fixture,
         const char *tag,
         gint64      first_us,
         guint       n_points,
         guint64     expected_last_seq)
{
  g_autoptr (GBytes) points = make_points (tag, first_us, n_points);
  g_autoptr (GError) error = NULL;
  guint64            last_seq = 0;
  gboolean           done = write_points (fixture, points, &last_seq, &error);

  g_assert_no_error (error);
  g_assert_true (done);
  g_assert_cmpuint (last_seq, ==, expected_last_seq);
}

static void
test_history_write (void)
{
  Fixture           fixture;
  GemelHistoryStats stats;

  g_test_summary ("points are numbered from 1, reach the sink and leave the buffer");
  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  write_n (&fixture, "a", 1000, 10, 10);
  write_n (&fixture, "b", 1000, 5, 15);
  wait_until_sunk (&fixture, 15);
  assert_ledger (&fixture, fixture.uuid, 15);
  gemel_history_get_stats (fixture.history, &stats);
  g_assert_cmpuint (stats.written, ==, 15);
  g_assert_cmpuint (stats.own_seq, ==, 15);
  fixture_clear (&fixture);
}

static void
test_history_restart (void)
{
  Fixture fixture;

  g_test_summary ("numbers continue after a restart, also when the buffer's file is new");
  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  write_n (&fixture, "a", 1000, 10, 10);
  fixture_close (&fixture);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  write_n (&fixture, "a", 2000, 10, 20);
  wait_until_sunk (&fixture, 20);
  run_sql (gemel_history_get_buffer (fixture.history), "UPDATE counter SET last_seq = 0");
  fixture_close (&fixture);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  write_n (&fixture, "a", 3000, 10, 30);
  wait_until_sunk (&fixture, 30);
  assert_ledger (&fixture, fixture.uuid, 30);
  fixture_clear (&fixture);
}

static void
test_history_refused_input (void)
{
  Fixture            fixture;
  g_autoptr (GBytes) bad = g_bytes_new_static ("\x01\0\0\0\x09", 5);
  g_autoptr (GError) error = NULL;

  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  g_assert_false (write_points (&fixture, bad, NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
  write_n (&fixture, "a", 1, 1, 1);
  fixture_clear (&fixture);
}

static void
test_history_repeat (void)
{
  Fixture fixture;

  g_test_summary (
    "a crash between the sink's commit and the buffer's delete leaves a batch that is "
    "in both; it changes nothing");
  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  run_sql (gemel_history_get_buffer (fixture.history),
           "CREATE TABLE kept (first_seq, last_seq, points)");
  run_sql (gemel_history_get_buffer (fixture.history),
           "CREATE TRIGGER keep AFTER INSERT ON batch BEGIN"
           " INSERT INTO kept VALUES (new.first_seq, new.last_seq, new.points); END");
  write_n (&fixture, "a", 1000, 10, 10);
  write_n (&fixture, "a", 2000, 10, 20);
  wait_until_sunk (&fixture, 20);
  fixture_close (&fixture);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  wait_until_sunk (&fixture, 20);
  run_sql (gemel_history_get_buffer (fixture.history), "DROP TRIGGER keep");
  run_sql (gemel_history_get_buffer (fixture.history), "DELETE FROM batch");
  run_sql (gemel_history_get_buffer (fixture.history), "INSERT INTO batch SELECT * FROM kept");
  fixture_close (&fixture);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  write_n (&fixture, "a", 3000, 1, 21);
  wait_until_sunk (&fixture, 21);
  assert_ledger (&fixture, fixture.uuid, 21);
  g_assert_cmpint (
    select_int (gemel_history_get_sink (fixture.history), "SELECT count (*) FROM point"), ==, 21);
  fixture_clear (&fixture);
}

static void
wait_for_event (Fixture *fixture,
                int      code)
{
  gint64 until_us = g_get_monotonic_time () + 30 * G_TIME_SPAN_SECOND;

  while (g_atomic_int_get (&fixture->last_event) != code)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_thread_yield ();
    }
}

static void
test_history_sink_fails (void)
{
  Fixture           fixture;
  GemelHistoryStats stats;

  g_test_summary ("while the sink refuses, writes are acknowledged and kept; then all arrives");
  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  write_n (&fixture, "a", 1000, 10, 10);
  wait_until_sunk (&fixture, 10);
  run_sql (gemel_history_get_sink (fixture.history), "PRAGMA query_only = ON");
  write_n (&fixture, "new-tag", 2000, 10, 20);
  wait_for_event (&fixture, GEMEL_EVENT_STORE_FAILED);
  write_n (&fixture, "a", 3000, 10, 30);
  gemel_history_get_stats (fixture.history, &stats);
  g_assert_cmpuint (stats.buffered_points, ==, 20);
  g_assert_cmpuint (stats.own_sink_seq, ==, 10);
  run_sql (gemel_history_get_sink (fixture.history), "PRAGMA query_only = OFF");
  wait_until_sunk (&fixture, 30);
  assert_ledger (&fixture, fixture.uuid, 30);
  g_assert_cmpint (g_atomic_int_get (&fixture.events), ==, 1);
  fixture_clear (&fixture);
}

/* Holds the sink's thread until the test lets it go. */
typedef struct
{
  GMutex   mutex;
  GCond    changed;
  gboolean go_on;
} Hold;

static gpointer
hold_job (GemelWorker  *worker,
          gpointer      data,
          GCancellable *cancellable,
          GError      **error)
{
  Hold *hold = data;

  g_mutex_lock (&hold->mutex);
  while (!hold->go_on)
    g_cond_wait (&hold->changed, &hold->mutex);
  g_mutex_unlock (&hold->mutex);
  return GINT_TO_POINTER (TRUE);
}

static void
test_history_between (void)
{
  Fixture             fixture;
  Hold                hold = { 0 };
  GemelWorkerCounters counters = { 0 };
  gint64              until_us = g_get_monotonic_time () + 30 * G_TIME_SPAN_SECOND;

  g_test_summary ("a point that is written after the forwarder read and before it drops stays");
  g_mutex_init (&hold.mutex);
  g_cond_init (&hold.changed);
  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  gemel_worker_push_async (gemel_history_get_sink (fixture.history), GEMEL_JOB_ALONE, hold_job,
                           &hold, NULL, NULL, NULL, NULL, NULL);
  write_n (&fixture, "a", 1000, 1, 1);
  while (counters.waiting == 0)
    {
      gemel_worker_get_counters (gemel_history_get_sink (fixture.history), &counters);
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_thread_yield ();
    }
  for (guint seq = 2; seq <= 5; seq++)
    write_n (&fixture, "a", 1000 + seq, 1, seq);
  g_mutex_lock (&hold.mutex);
  hold.go_on = TRUE;
  g_cond_signal (&hold.changed);
  g_mutex_unlock (&hold.mutex);
  wait_until_sunk (&fixture, 5);
  assert_ledger (&fixture, fixture.uuid, 5);
  fixture_clear (&fixture);
  g_mutex_clear (&hold.mutex);
  g_cond_clear (&hold.changed);
}

static void
test_history_quarantine (void)
{
  Fixture fixture;

  g_test_summary (
    "a batch that was damaged on disk goes to quarantine, its numbers are filled with "
    "Bad points, and what follows is not held up");
  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  run_sql (gemel_history_get_sink (fixture.history), "PRAGMA query_only = ON");
  write_n (&fixture, "a", 1000, 10, 10);
  write_n (&fixture, "a", 2000, 10, 20);
  write_n (&fixture, "a", 3000, 10, 30);
  run_sql (gemel_history_get_buffer (fixture.history),
           "UPDATE batch SET points = x'0102' WHERE first_seq = 11");
  run_sql (gemel_history_get_sink (fixture.history), "PRAGMA query_only = OFF");
  wait_until_sunk (&fixture, 30);
  wait_for_event (&fixture, GEMEL_EVENT_HISTORY_QUARANTINED);
  assert_ledger (&fixture, fixture.uuid, 30);
  g_assert_cmpint (
    select_int (gemel_history_get_sink (fixture.history),
                "SELECT count (*) FROM quarantine WHERE first_seq = 11 AND last_seq = 20"
                " AND points = x'0102' AND reason != ''"),
    ==, 1);
  g_assert_cmpint (
    select_int (
      gemel_history_get_sink (fixture.history),
      "SELECT count (*) FROM history WHERE tag = 'gemel/quarantine' AND status = 2147483648"),
    ==, 10);
  fixture_clear (&fixture);
}

static void
test_history_limit (void)
{
  Fixture            fixture;
  g_autoptr (GBytes) points = make_points ("a", 1, 100);
  gsize              size = g_bytes_get_size (points);
  GemelHistoryStats  stats;
  g_autoptr (GError) error = NULL;
  g_autoptr (GError) again = NULL;

  g_test_summary ("a full buffer refuses by name, tells it once, counts, and takes again later");
  fixture_init (&fixture, 1);
  fixture_open (&fixture, 2 * size + 1);
  run_sql (gemel_history_get_sink (fixture.history), "PRAGMA query_only = ON");
  g_assert_true (write_points (&fixture, points, NULL, &error));
  g_assert_true (write_points (&fixture, points, NULL, &error));
  wait_for_event (&fixture, GEMEL_EVENT_STORE_FAILED);
  g_assert_false (write_points (&fixture, points, NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "history.buffer-bytes-max"));
  g_assert_false (write_points (&fixture, points, NULL, &again));
  g_assert_error (again, GEMEL_ERROR, GEMEL_ERROR_LIMIT);
  g_assert_cmpint (g_atomic_int_get (&fixture.events), ==, 2);
  g_assert_cmpint (g_atomic_int_get (&fixture.last_event), ==, GEMEL_EVENT_HISTORY_LIMIT);
  gemel_history_get_stats (fixture.history, &stats);
  g_assert_cmpuint (stats.refused_limit, ==, 2);
  g_assert_cmpuint (stats.buffered_bytes, ==, 2 * size);
  run_sql (gemel_history_get_sink (fixture.history), "PRAGMA query_only = OFF");
  wait_until_sunk (&fixture, 200);
  do
    {
      g_clear_error (&again);
    }
  while (!write_points (&fixture, points, NULL, &again));
  wait_until_sunk (&fixture, 300);
  assert_ledger (&fixture, fixture.uuid, 300);
  fixture_clear (&fixture);
}

/* The child: writes until it is killed and tells the numbers that were acknowledged. */
static int
write_for_ever (const char *dir)
{
  Fixture fixture = { .dir = (char *) (gsize) dir };

  memset (fixture.uuid, 9, sizeof fixture.uuid);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  for (gint64 i = 0;; i++)
    {
      g_autoptr (GBytes) points = make_points ("killed", i * KILL_POINTS, KILL_POINTS);
      g_autoptr (GError) error = NULL;
      guint64            last_seq = 0;

      if (!write_points (&fixture, points, &last_seq, &error))
        return 1;
      if (write (STDOUT_FILENO, &last_seq, sizeof last_seq) != (ssize_t) sizeof last_seq)
        return 1;
    }
}

static guint64
run_and_kill (const char *program,
              const char *dir,
              guint       acknowledgements)
{
  const char        *argv[] = { program, "--write", dir, NULL };
  GPid               pid = 0;
  int                fd = -1;
  guint64            seq = 0;
  guint64            acknowledged = 0;
  g_autoptr (GError) error = NULL;

  g_assert_true (g_spawn_async_with_pipes (NULL, (char **) (gsize) argv, NULL,
                                           G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &pid, NULL, &fd,
                                           NULL, &error));
  for (guint i = 0; read (fd, &seq, sizeof seq) == (ssize_t) sizeof seq; i++)
    {
      acknowledged = seq;
      if (i == acknowledgements)
        g_assert_cmpint (kill (pid, SIGKILL), ==, 0);
    }
  g_assert_cmpint (waitpid (pid, NULL, 0), ==, pid);
  g_spawn_close_pid (pid);
  (void) close (fd);
  return acknowledged;
}

static void
test_history_kill (gconstpointer program)
{
  Fixture fixture;
  guint64 acknowledged = 0;

  g_test_summary ("20 times kill -9 while writing: every acknowledged row is there exactly once");
  fixture_init (&fixture, 9);
  for (guint round = 0; round < KILL_ROUNDS; round++)
    {
      GemelHistoryStats stats;
      guint64           before = acknowledged;

      acknowledged = run_and_kill (program, fixture.dir, (guint) g_test_rand_int_range (0, 40));
      g_assert_cmpuint (acknowledged, >, before);
      fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
      gemel_history_get_stats (fixture.history, &stats);
      g_assert_cmpuint (stats.own_seq, >=, acknowledged);
      wait_until_sunk (&fixture, stats.own_seq);
      assert_ledger (&fixture, fixture.uuid, stats.own_seq);
      fixture_close (&fixture);
    }
  fixture_clear (&fixture);
}

int
main (int    argc,
      char **argv)
{
  if (argc == 3 && strcmp (argv[1], "--write") == 0)
    return write_for_ever (argv[2]);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/history/write/reaches-the-sink", test_history_write);
  g_test_add_func ("/history/write/numbers-continue-after-restart", test_history_restart);
  g_test_add_func ("/history/write/bad-batch-is-refused", test_history_refused_input);
  g_test_add_func ("/history/forward/repeated-batch-changes-nothing", test_history_repeat);
  g_test_add_func ("/history/forward/sink-fails-and-recovers", test_history_sink_fails);
  g_test_add_func ("/history/forward/written-meanwhile-stays", test_history_between);
  g_test_add_func ("/history/forward/damaged-batch-goes-to-quarantine", test_history_quarantine);
  g_test_add_func ("/history/write/full-buffer-refuses", test_history_limit);
  g_test_add_data_func ("/history/write/kill-9-loses-nothing", argv[0], test_history_kill);
  return g_test_run ();
}
