/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * How many configuration writes a second this disk takes, each acknowledged when it is on disk.
 * Door: gemel_config_db_write_async, a record of 100 bytes; a writer waits for its answer before
 * it writes again. Median of five runs. The folder is the argument, or TMPDIR.
 */
#include "store/gemel-config-db.h"
#include <glib/gstdio.h>

#define RUNS   5
#define RUN_US (G_USEC_PER_SEC)

typedef struct
{
  GemelConfigDb *db;
  gint64         end_us;
  guint          running;
  guint64        written;
} Bench;

static void bench_write (Bench *bench);

static void
on_written (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  Bench             *bench = user_data;
  g_autoptr (GError) error = NULL;

  if (!gemel_config_db_write_finish (bench->db, result, NULL, &error))
    g_error ("%s", error->message);
  bench->written++;
  if (g_get_monotonic_time () < bench->end_us)
    bench_write (bench);
  else
    bench->running--;
}

static void
bench_write (Bench *bench)
{
  g_autofree char   *value = g_strnfill (100, 'v');
  g_autofree char   *key = g_strdup_printf ("key/%" G_GUINT64_FORMAT, bench->written % 1000);
  g_autoptr (GBytes) bytes = g_bytes_new (value, 100);
  GPtrArray         *ops = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_config_op_free);

  g_ptr_array_add (ops, gemel_config_op_new ("bench", key, bytes));
  gemel_config_db_write_async (bench->db, 1, ops, NULL, on_written, bench);
}

static double
run_once (GemelConfigDb *db,
          guint          writers)
{
  gint64 start_us = g_get_monotonic_time ();
  Bench  bench = { .db = db, .end_us = start_us + RUN_US, .running = writers };

  for (guint i = 0; i < writers; i++)
    bench_write (&bench);
  while (bench.running > 0)
    g_main_context_iteration (NULL, TRUE);
  return (double) bench.written * G_USEC_PER_SEC / (double) (g_get_monotonic_time () - start_us);
}

static int
compare_rates (gconstpointer a,
               gconstpointer b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
run_and_print (GemelConfigDb *db,
               guint          writers)
{
  double rates[RUNS];

  for (guint i = 0; i < RUNS; i++)
    rates[i] = run_once (db, writers);
  qsort (rates, RUNS, sizeof rates[0], compare_rates);
  g_print ("%8u %14.0f %10.0f %10.0f\n", writers, rates[RUNS / 2], rates[0], rates[RUNS - 1]);
}

int
main (int    argc,
      char **argv)
{
  const guint        writers[] = { 1, 8, 64 };
  const guint8       node[16] = { 0 };
  g_autofree char   *dir = g_build_filename (argc > 1 ? argv[1] : g_get_tmp_dir (), "bench-XXXXXX",
                                           NULL);
  g_autofree char   *path = NULL;
  g_autoptr (GError) error = NULL;
  GemelConfigDb     *db;

  if (g_mkdtemp (dir) == NULL)
    g_error ("cannot make %s", dir);
  path = g_build_filename (dir, "config.db", NULL);
  db = gemel_config_db_open (path, node, NULL, NULL, &error);
  if (db == NULL)
    g_error ("%s", error->message);
  g_print ("%8s %14s %10s %10s\n", "writers", "writes/s", "least", "most");
  for (guint i = 0; i < G_N_ELEMENTS (writers); i++)
    run_and_print (db, writers[i]);
  gemel_config_db_close (db);
  (void) g_unlink (path);
  (void) g_rmdir (dir);
  return 0;
}
