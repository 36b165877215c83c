/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The worker: group commit, isolation of failing jobs, limits, errors, migrations. Groups are made
 * certain by a job that holds the thread until everything is queued.
 */
#include "store-fixture.h"

static const GemelMigration test_migrations[] = {
  { "a table", "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT NOT NULL UNIQUE) STRICT" },
  { "a second one", "CREATE TABLE u (id INTEGER PRIMARY KEY) STRICT" },
};

static GemelWorker *
open_worker (const char *path)
{
  g_autoptr (GError) error = NULL;
  GemelWorker       *worker = gemel_worker_open (path, "test", &error);

  g_assert_no_error (error);
  g_assert_true (gemel_worker_migrate (worker, test_migrations, 2, &error));
  g_assert_no_error (error);
  return worker;
}

typedef struct
{
  GMutex   mutex;
  GCond    cond;
  gboolean is_open;
} Gate;

static gpointer
gate_job (GemelWorker  *worker,
          gpointer      data,
          GCancellable *cancellable,
          GError      **error)
{
  Gate *gate = data;

  g_mutex_lock (&gate->mutex);
  while (!gate->is_open)
    g_cond_wait (&gate->cond, &gate->mutex);
  g_mutex_unlock (&gate->mutex);
  return GINT_TO_POINTER (TRUE);
}

static void
open_gate (Gate *gate)
{
  g_mutex_lock (&gate->mutex);
  gate->is_open = TRUE;
  g_cond_broadcast (&gate->cond);
  g_mutex_unlock (&gate->mutex);
}

static gpointer
insert_job (GemelWorker  *worker,
            gpointer      data,
            GCancellable *cancellable,
            GError      **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (worker, "INSERT INTO t (x) VALUES (?1)", error);

  if (stmt == NULL)
    return NULL;
  sqlite3_bind_text (stmt, 1, data, -1, SQLITE_STATIC);
  return GINT_TO_POINTER (gemel_worker_step_done (worker, stmt, error));
}

/* Succeeds halfway, then fails: its first row must not stay. */
static gpointer
half_job (GemelWorker  *worker,
          gpointer      data,
          GCancellable *cancellable,
          GError      **error)
{
  if (insert_job (worker, data, cancellable, error) == NULL)
    return NULL;
  return insert_job (worker, data, cancellable, error);
}

static gpointer
count_job (GemelWorker  *worker,
           gpointer      data,
           GCancellable *cancellable,
           GError      **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (worker, "SELECT count (*) FROM t", error);

  /* The statement is left on its row on purpose: the worker resets it. */
  g_assert_cmpint (sqlite3_step (stmt), ==, SQLITE_ROW);
  return GINT_TO_POINTER (sqlite3_column_int (stmt, 0) + 1);
}

static int
count_rows (GemelWorker *worker)
{
  g_autoptr (GError) error = NULL;
  gpointer           n = gemel_worker_run (worker, GEMEL_JOB_READ, count_job, NULL, &error);

  g_assert_no_error (error);
  return GPOINTER_TO_INT (n) - 1;
}

static void
push_insert (GemelWorker *worker,
             const char  *text,
             Waiter      *waiter)
{
  gemel_worker_push_async (worker, GEMEL_JOB_WRITE, insert_job, g_strdup (text), g_free, NULL,
                           NULL, waiter_cb, waiter);
}

static void
test_worker_group (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GemelWorker) worker = open_worker (fixture->path);
  g_auto (Waiter)         waiter = { 0 };
  Gate                    gate = { 0 };
  GemelWorkerCounters     before, after;
  g_autoptr (GError)      error = NULL;

  g_test_summary ("Ten writers that wait together are one commit, and one that fails undoes only "
                  "itself");
  gemel_worker_get_counters (worker, &before);
  gemel_worker_push_async (worker, GEMEL_JOB_READ, gate_job, &gate, NULL, NULL, NULL, NULL, NULL);
  for (int i = 0; i < 9; i++)
    {
      g_autofree char *text = g_strdup_printf ("row %d", i);

      push_insert (worker, text, &waiter);
    }
  gemel_worker_push_async (worker, GEMEL_JOB_WRITE, half_job, (gpointer) "half", NULL, NULL, NULL,
                           waiter_cb, &waiter);
  push_insert (worker, "last", &waiter);
  open_gate (&gate);
  waiter_wait (&waiter, 11);

  for (guint i = 0; i < 11; i++)
    {
      gpointer result = gemel_worker_push_finish (worker, waiter.results->pdata[i], &error);

      if (i == 9)
        {
          g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE);
          g_assert_nonnull (strstr (error->message, "UNIQUE"));
          g_clear_error (&error);
        }
      g_assert_no_error (error);
      g_assert_true ((result != NULL) == (i != 9));
    }
  g_assert_cmpint (count_rows (worker), ==, 10);
  gemel_worker_get_counters (worker, &after);
  g_assert_cmpuint (after.commits - before.commits, ==, 1);
  g_assert_cmpuint (after.failed - before.failed, ==, 1);
}

static void
test_worker_queue_full (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (GemelWorker) worker = open_worker (fixture->path);
  g_auto (Waiter)         waiter = { 0 };
  Gate                    gate = { 0 };
  GemelWorkerCounters     counters;
  guint                   busy = 0;

  g_test_summary ("More than the limit is refused at once and counted; the rest is done");
  gemel_worker_push_async (worker, GEMEL_JOB_READ, gate_job, &gate, NULL, NULL, NULL, NULL, NULL);
  for (int i = 0; i < GEMEL_WORKER_JOBS_MAX + 10; i++)
    {
      g_autofree char *text = g_strdup_printf ("%d", i);

      push_insert (worker, text, &waiter);
    }
  open_gate (&gate);
  waiter_wait (&waiter, GEMEL_WORKER_JOBS_MAX + 10);
  for (guint i = 0; i < waiter.results->len; i++)
    {
      g_autoptr (GError) error = NULL;

      if (gemel_worker_push_finish (worker, waiter.results->pdata[i], &error) == NULL)
        {
          g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_BUSY);
          busy++;
        }
    }
  gemel_worker_get_counters (worker, &counters);
  g_assert_cmpuint (busy, >=, 9);
  g_assert_cmpuint (counters.refused, ==, busy);
  g_assert_cmpint (count_rows (worker), ==, (int) (GEMEL_WORKER_JOBS_MAX + 10 - busy));
}

static void
test_worker_cancel (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr (GemelWorker)  worker = open_worker (fixture->path);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  g_autoptr (GError)       error = NULL;
  g_auto (Waiter)          waiter = { 0 };
  Gate                     gate = { 0 };

  g_test_summary ("A write that was cancelled before it began leaves nothing");
  gemel_worker_push_async (worker, GEMEL_JOB_READ, gate_job, &gate, NULL, NULL, NULL, NULL, NULL);
  gemel_worker_push_async (worker, GEMEL_JOB_WRITE, insert_job, (gpointer) "x", NULL, NULL,
                           cancellable, waiter_cb, &waiter);
  g_cancellable_cancel (cancellable);
  open_gate (&gate);
  g_assert_null (gemel_worker_push_finish (worker, waiter_wait (&waiter, 1), &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_CANCELLED);
  g_assert_cmpint (count_rows (worker), ==, 0);
}

static gpointer
shrink_job (GemelWorker  *worker,
            gpointer      data,
            GCancellable *cancellable,
            GError      **error)
{
  return GINT_TO_POINTER (gemel_worker_exec (worker, "PRAGMA max_page_count=20", error));
}

static gpointer
fill_job (GemelWorker  *worker,
          gpointer      data,
          GCancellable *cancellable,
          GError      **error)
{
  return GINT_TO_POINTER (
    gemel_worker_exec (worker, "INSERT INTO t (x) VALUES (hex (randomblob (300000)))", error));
}

static void
test_worker_disk_full (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr (GemelWorker) worker = open_worker (fixture->path);
  g_autoptr (GError)      error = NULL;

  g_test_summary ("A full disk is DISK_FULL, leaves nothing behind, and smaller writes go on");
  g_assert_nonnull (gemel_worker_run (worker, GEMEL_JOB_ALONE, shrink_job, NULL, &error));
  g_assert_null (gemel_worker_run (worker, GEMEL_JOB_WRITE, fill_job, NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_DISK_FULL);
  g_clear_error (&error);
  g_assert_cmpint (count_rows (worker), ==, 0);
  g_assert_nonnull (
    gemel_worker_run (worker, GEMEL_JOB_WRITE, insert_job, (gpointer) "small", &error));
  g_assert_no_error (error);
  g_assert_cmpint (count_rows (worker), ==, 1);
}

static void
test_worker_future_schema (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (GemelWorker) worker = open_worker (fixture->path);
  g_autoptr (GemelWorker) older = NULL;
  g_autoptr (GError)      error = NULL;

  g_test_summary ("A database that a newer version wrote is refused with both numbers");
  g_clear_pointer (&worker, gemel_worker_close);
  older = gemel_worker_open (fixture->path, "test", &error);
  g_assert_no_error (error);
  g_assert_false (gemel_worker_migrate (older, test_migrations, 1, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_INCOMPATIBLE);
  g_assert_nonnull (strstr (error->message, "schema 2"));
}

static void
test_worker_bad_migration (Fixture      *fixture,
                           gconstpointer data)
{
  const GemelMigration bad[] = {
    test_migrations[0],
    { "half of it is wrong", "CREATE TABLE v (id INTEGER PRIMARY KEY); CREATE TABLE" },
  };
  g_autoptr (GError)      error = NULL;
  g_autoptr (GemelWorker) worker = gemel_worker_open (fixture->path, "test", &error);

  g_test_summary ("A migration that fails names itself and leaves the schema before it");
  g_assert_false (gemel_worker_migrate (worker, bad, 2, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE);
  g_assert_nonnull (strstr (error->message, "migration 2 (half of it is wrong)"));
  g_clear_error (&error);
  g_assert_true (gemel_worker_migrate (worker, test_migrations, 2, &error));
  g_assert_no_error (error);
}

static void
test_worker_corrupt (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  char               noise[8192];

  g_test_summary ("A file that is no database is CORRUPT");
  memset (noise, 'x', sizeof noise);
  g_assert_true (g_file_set_contents (fixture->path, noise, sizeof noise, NULL));
  g_assert_null (gemel_worker_open (fixture->path, "test", &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("/store/worker/group-commit-isolates-a-failing-job", test_worker_group);
  ADD ("/store/worker/full-queue-refuses-and-counts", test_worker_queue_full);
  ADD ("/store/worker/cancelled-before-it-began-leaves-nothing", test_worker_cancel);
  ADD ("/store/worker/full-disk-is-named-and-survived", test_worker_disk_full);
  ADD ("/store/worker/future-schema-is-refused", test_worker_future_schema);
  ADD ("/store/worker/failing-migration-leaves-the-schema-before", test_worker_bad_migration);
  ADD ("/store/worker/noise-is-corrupt", test_worker_corrupt);
  return g_test_run ();
}
