/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Points per second through the history: acknowledged (synced in the buffer) and in the sink; the
 * time to read one tag's 900 points; beside it a bare SQLite table keyed by (tag, time) on the same
 * disk in the same run. Door: calls inside the process. Medians of 5 runs.
 */
#include "history/gemel-history.h"

#include <glib/gstdio.h>
#include <stdio.h>

#define RUNS     5
#define TAGS     1000u
#define BATCH    10000u
#define BATCHES  90u
#define ROWS     (BATCH * BATCHES)
#define FIRST_US G_GINT64_CONSTANT (1700000000000000)

typedef struct
{
  double acknowledged; /* rows a second */
  double sunk;         /* rows a second */
  double read_ms;
} Figures;

typedef struct
{
  GemelHistory *history;
  guint         waiting;
  gboolean      failed;
  GVariant     *found;
} Run;

static int
compare_doubles (gconstpointer a,
                 gconstpointer b)
{
  double left = *(const double *) a;
  double right = *(const double *) b;

  return (left > right) - (left < right);
}

static double
median (double values[RUNS])
{
  qsort (values, RUNS, sizeof values[0], compare_doubles);
  return values[RUNS / 2];
}

static double
seconds_since (gint64 start_us)
{
  return (double) (g_get_monotonic_time () - start_us) / G_USEC_PER_SEC;
}

/* Batch @index: ten samples of each tag, a second apart, in the order of time. */
static GBytes *
make_batch (guint index)
{
  g_autofree GemelPoint *points = g_new0 (GemelPoint, BATCH);
  static char            tags[TAGS][16]; /* tidy: static-mutable: names, written equal each time */

  for (guint i = 0; i < BATCH; i++)
    {
      (void) g_snprintf (tags[i % TAGS], sizeof tags[0], "bench/%u", i % TAGS);
      points[i] = (GemelPoint){ .tag = tags[i % TAGS],
                                .unix_us = FIRST_US + (gint64) (index * (BATCH / TAGS) + i / TAGS) *
                                                        G_USEC_PER_SEC,
                                .type = GEMEL_VALUE_DOUBLE,
                                .v.d = i * 0.1 };
    }
  return gemel_points_encode (points, BATCH);
}

static void
on_written (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Run               *run = user_data;
  g_autoptr (GError) error = NULL;

  if (!gemel_history_write_finish (run->history, result, NULL, &error))
    {
      (void) fprintf (stderr, "%s\n", error->message);
      run->failed = TRUE;
    }
  run->waiting--;
}

static void
on_found (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  Run               *run = user_data;
  g_autoptr (GError) error = NULL;

  run->found = gemel_history_query_finish (run->history, result, &error);
  run->failed = run->failed || run->found == NULL;
  run->waiting--;
}

static void
wait_for (Run *run)
{
  while (run->waiting > 0)
    g_main_context_iteration (NULL, TRUE);
}

static double
read_one_tag_ms (Run *run)
{
  double best[RUNS];

  for (guint i = 0; i < RUNS; i++)
    {
      g_autofree char  *tag = g_strdup_printf ("bench/%u", i * 137 % TAGS);
      GemelHistoryQuery query = {
        .tag = tag, .from_unix_us = FIRST_US, .to_unix_us = G_MAXINT64, .limit = 900
      };
      gint64 start_us = g_get_monotonic_time ();

      run->waiting = 1;
      gemel_history_query_async (run->history, &query, NULL, on_found, run);
      wait_for (run);
      best[i] = seconds_since (start_us) * 1e3;
      if (run->found != NULL && g_variant_n_children (run->found) != 900)
        run->failed = TRUE;
      g_clear_pointer (&run->found, g_variant_unref);
    }
  return median (best);
}

static gboolean
measure_gemel (const char *dir,
               GBytes    **batches,
               Figures    *figures)
{
  static const guint8      uuid[16] = { 1 };
  g_autoptr (GError)       error = NULL;
  g_autoptr (GemelHistory) history =
    gemel_history_open (dir, uuid, G_MAXUINT32, NULL, NULL, &error);
  Run               run = { .history = history };
  GemelHistoryStats stats = { 0 };
  gint64            start_us = g_get_monotonic_time ();

  if (history == NULL)
    return FALSE;
  for (guint i = 0; i < BATCHES; i++, run.waiting++)
    gemel_history_write_async (history, batches[i], NULL, on_written, &run);
  wait_for (&run);
  figures->acknowledged = ROWS / seconds_since (start_us);
  while (!run.failed && stats.own_sink_seq < ROWS)
    {
      g_usleep (1000);
      gemel_history_get_stats (history, &stats);
    }
  figures->sunk = ROWS / seconds_since (start_us);
  figures->read_ms = read_one_tag_ms (&run);
  return !run.failed;
}

static gboolean
insert_keyed (sqlite3      *db,
              sqlite3_stmt *stmt,
              guint         batch)
{
  gboolean ok = sqlite3_exec (db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;

  for (guint i = 0; ok && i < BATCH; i++)
    {
      (void) sqlite3_bind_int64 (stmt, 1, i % TAGS);
      (void) sqlite3_bind_int64 (
        stmt, 2, FIRST_US + (gint64) (batch * (BATCH / TAGS) + i / TAGS) * G_USEC_PER_SEC);
      (void) sqlite3_bind_int64 (stmt, 3, 0);
      (void) sqlite3_bind_double (stmt, 4, i * 0.1);
      ok = sqlite3_step (stmt) == SQLITE_DONE && sqlite3_reset (stmt) == SQLITE_OK;
    }
  return ok && sqlite3_exec (db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK;
}

static double
read_keyed_ms (sqlite3 *db)
{
  sqlite3_stmt *stmt = NULL;
  double        times[RUNS];

  if (sqlite3_prepare_v2 (
        db, "SELECT unix_us, status, value FROM point WHERE tag_id = ?1 ORDER BY unix_us LIMIT 900",
        -1, &stmt, NULL) != SQLITE_OK)
    return 0;
  for (guint i = 0; i < RUNS; i++)
    {
      gint64 start_us = g_get_monotonic_time ();

      (void) sqlite3_bind_int64 (stmt, 1, i * 137 % TAGS);
      while (sqlite3_step (stmt) == SQLITE_ROW)
        (void) sqlite3_column_double (stmt, 2);
      (void) sqlite3_reset (stmt);
      times[i] = seconds_since (start_us) * 1e3;
    }
  (void) sqlite3_finalize (stmt);
  return median (times);
}

static gboolean
measure_keyed (const char *dir,
               Figures    *figures)
{
  g_autofree char *path = g_build_filename (dir, "bare.db", NULL);
  sqlite3         *db = NULL;
  sqlite3_stmt    *stmt = NULL;
  gint64           start_us = g_get_monotonic_time ();
  gboolean         ok =
    sqlite3_open (path, &db) == SQLITE_OK &&
    sqlite3_exec (db,
                  "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-16384;"
                  "CREATE TABLE point (tag_id INTEGER, unix_us INTEGER, status INTEGER, value,"
                  " PRIMARY KEY (tag_id, unix_us)) WITHOUT ROWID",
                  NULL, NULL, NULL) == SQLITE_OK &&
    sqlite3_prepare_v2 (db, "INSERT INTO point VALUES (?1, ?2, ?3, ?4)", -1, &stmt, NULL) ==
      SQLITE_OK;

  for (guint i = 0; ok && i < BATCHES; i++)
    ok = insert_keyed (db, stmt, i);
  figures->sunk = figures->acknowledged = ROWS / seconds_since (start_us);
  figures->read_ms = read_keyed_ms (db);
  (void) sqlite3_finalize (stmt);
  (void) sqlite3_close (db);
  return ok;
}

static void
remove_dir (const char *dir)
{
  g_autoptr (GDir) entries = g_dir_open (dir, 0, NULL);
  const char      *name = NULL;

  while (entries != NULL && (name = g_dir_read_name (entries)) != NULL)
    {
      g_autofree char *path = g_build_filename (dir, name, NULL);

      (void) g_unlink (path);
    }
  (void) g_rmdir (dir);
}

static void
print_line (const char *name,
            Figures     figures[RUNS])
{
  double acknowledged[RUNS];
  double sunk[RUNS];
  double read_ms[RUNS];

  for (guint i = 0; i < RUNS; i++)
    {
      acknowledged[i] = figures[i].acknowledged;
      sunk[i] = figures[i].sunk;
      read_ms[i] = figures[i].read_ms;
    }
  g_print ("| %-28s | %14.0f | %14.0f | %8.2f |\n", name, median (acknowledged), median (sunk),
           median (read_ms));
}

int
main (void)
{
  GBytes *batches[BATCHES];
  Figures gemel[RUNS] = { 0 };
  Figures keyed[RUNS] = { 0 };
  int     status = 0;

  for (guint i = 0; i < BATCHES; i++)
    batches[i] = make_batch (i);
  for (guint i = 0; i < RUNS && status == 0; i++)
    {
      g_autofree char *dir = g_dir_make_tmp ("gemel-bench-XXXXXX", NULL);

      if (dir == NULL || !measure_gemel (dir, batches, &gemel[i]) ||
          !measure_keyed (dir, &keyed[i]))
        status = 1;
      if (dir != NULL)
        remove_dir (dir);
    }
  for (guint i = 0; i < BATCHES; i++)
    g_bytes_unref (batches[i]);
  g_print ("%u rows, %u tags, %u rows a batch, all offered at once, acknowledged = synced, "
           "median of %d\n",
           ROWS, TAGS,
           BATCH, RUNS);
  g_print ("| %-28s | %14s | %14s | %8s |\n", "", "acknowledged/s", "in the sink/s", "read, ms");
  print_line ("gemel, buffer and sink", gemel);
  print_line ("SQLite keyed by (tag, time)", keyed);
  return status;
}
