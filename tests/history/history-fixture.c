/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * See history-fixture.h.
 */
#include "history-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

#define WAIT_US (30 * G_TIME_SPAN_SECOND)

static void
on_event (int         code,
          const char *message,
          gint64      a,
          gpointer    user_data)
{
  Fixture *fixture = user_data;

  g_atomic_int_set (&fixture->last_event, code);
  g_atomic_int_inc (&fixture->events);
}

void
fixture_init (Fixture *fixture,
              guint8   id)
{
  g_autoptr (GError) error = NULL;

  *fixture = (Fixture){ 0 };
  memset (fixture->uuid, id, sizeof fixture->uuid);
  fixture->dir = g_dir_make_tmp ("gemel-history-XXXXXX", &error);
  g_assert_no_error (error);
}

void
fixture_open (Fixture *fixture,
              guint64  buffer_bytes_max)
{
  static const GemelHistoryPort port = { .event = on_event };
  g_autoptr (GError)            error = NULL;

  fixture->history =
    gemel_history_open (fixture->dir, fixture->uuid, buffer_bytes_max, &port, fixture, &error);
  g_assert_no_error (error);
  g_assert_nonnull (fixture->history);
}

void
fixture_close (Fixture *fixture)
{
  g_clear_pointer (&fixture->history, gemel_history_close);
}

void
fixture_clear (Fixture *fixture)
{
  static const char *const names[] = { "buffer.db", "buffer.db-wal", "buffer.db-shm",
                                       "history.db", "history.db-wal", "history.db-shm" };

  fixture_close (fixture);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (fixture->dir, names[i], NULL);

      (void) g_unlink (path);
    }
  g_assert_cmpint (g_rmdir (fixture->dir), ==, 0);
  g_free (fixture->dir);
}

GBytes *
make_points (const char *tag,
             gint64      first_us,
             guint       n_points)
{
  g_autofree GemelPoint *points = g_new0 (GemelPoint, n_points);

  for (guint i = 0; i < n_points; i++)
    points[i] = (GemelPoint){
      .tag = (char *) (gsize) tag, .unix_us = first_us + i, .type = GEMEL_VALUE_DOUBLE, .v.d = i
    };
  return gemel_points_encode (points, n_points);
}

static void
on_result (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  GAsyncResult **out = user_data;

  *out = g_object_ref (result);
}

static GAsyncResult *
await (GAsyncResult **result)
{
  while (*result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return *result;
}

gboolean
write_points (Fixture *fixture,
              GBytes  *points,
              guint64 *ret_last_seq,
              GError **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  gemel_history_write_async (fixture->history, points, NULL, on_result, &result);
  return gemel_history_write_finish (fixture->history, await (&result), ret_last_seq, error);
}

gboolean
receive_points (Fixture     *fixture,
                const guint8 origin[16],
                guint64      first_seq,
                GBytes      *points,
                guint64     *ret_mark,
                GError     **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  gemel_history_receive_async (fixture->history, origin, first_seq, points, NULL, on_result,
                               &result);
  return gemel_history_receive_finish (fixture->history, await (&result), ret_mark, error);
}

GBytes *
read_points (Fixture     *fixture,
             const guint8 origin[16],
             guint64      after_seq,
             guint        rows_max,
             guint64     *ret_first_seq,
             guint64     *ret_last_seq)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError)       error = NULL;
  GBytes                  *bytes = NULL;

  gemel_history_read_async (fixture->history, origin, after_seq, rows_max, NULL, on_result,
                            &result);
  bytes = gemel_history_read_finish (fixture->history, await (&result), ret_first_seq, ret_last_seq,
                                     &error);
  g_assert_no_error (error);
  return bytes;
}

static gboolean
same_origin (GVariant    *bytes,
             const guint8 origin[16])
{
  gsize         size = 0;
  gconstpointer data = g_variant_get_fixed_array (bytes, &size, 1);

  return size == 16 && memcmp (data, origin, 16) == 0;
}

guint64
get_mark (Fixture     *fixture,
          const guint8 origin[16])
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError)       error = NULL;
  g_autoptr (GVariant)     marks = NULL;
  guint64                  mark = 0;

  gemel_history_get_marks_async (fixture->history, NULL, on_result, &result);
  marks = gemel_history_get_marks_finish (fixture->history, await (&result), &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < g_variant_n_children (marks); i++)
    {
      g_autoptr (GVariant) uuid = NULL;
      guint64              seq = 0;

      g_variant_get_child (marks, i, "(@ayt)", &uuid, &seq);
      if (same_origin (uuid, origin))
        mark = seq;
    }
  return mark;
}

GVariant *
query_points (Fixture    *fixture,
              const char *tag,
              gint64      from_unix_us,
              gint64      to_unix_us,
              guint       limit,
              gboolean    newest_first)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError)       error = NULL;
  GemelHistoryQuery        query = { .tag = (char *) (gsize) tag,
                                     .from_unix_us = from_unix_us,
                                     .to_unix_us = to_unix_us,
                                     .limit = limit,
                                     .newest_first = newest_first };
  GVariant                *found = NULL;

  gemel_history_query_async (fixture->history, &query, NULL, on_result, &result);
  found = gemel_history_query_finish (fixture->history, await (&result), &error);
  g_assert_no_error (error);
  return found;
}

void
assert_ledger (Fixture     *fixture,
               const guint8 origin[16],
               guint64      rows)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError)       error = NULL;
  g_autoptr (GVariant)     ledger = NULL;
  gboolean                 found = rows == 0;

  gemel_history_ledger_async (fixture->history, NULL, on_result, &result);
  ledger = gemel_history_ledger_finish (fixture->history, await (&result), &error);
  g_assert_no_error (error);
  for (gsize i = 0; i < g_variant_n_children (ledger); i++)
    {
      g_autoptr (GVariant) uuid = NULL;
      guint64              counted = 0, first = 0, last = 0, mark = 0, gaps = 0, duplicates = 0;

      g_variant_get_child (ledger, i, "(@aytttttt)", &uuid, &counted, &first, &last, &mark, &gaps,
                           &duplicates);
      if (!same_origin (uuid, origin))
        continue;
      found = TRUE;
      g_assert_cmpuint (counted, ==, rows);
      g_assert_cmpuint (first, ==, rows > 0 ? 1 : 0);
      g_assert_cmpuint (last, ==, rows);
      g_assert_cmpuint (mark, ==, rows);
      g_assert_cmpuint (gaps, ==, 0);
      g_assert_cmpuint (duplicates, ==, 0);
    }
  g_assert_true (found);
}

void
wait_until_sunk (Fixture *fixture,
                 guint64  own_seq)
{
  gint64 until_us = g_get_monotonic_time () + WAIT_US;

  /* The forwarder answers nobody, so the sink itself is asked until it has the rows. */
  while (get_mark (fixture, fixture->uuid) < own_seq)
    g_assert_cmpint (g_get_monotonic_time (), <, until_us);
}

static gpointer
sql_job (GemelWorker  *worker,
         gpointer      data,
         GCancellable *cancellable,
         GError      **error)
{
  return gemel_worker_exec (worker, data, error) ? GINT_TO_POINTER (TRUE) : NULL;
}

void
run_sql (GemelWorker *worker,
         const char  *sql)
{
  g_autoptr (GError) error = NULL;
  gpointer           done =
    gemel_worker_run (worker, GEMEL_JOB_ALONE, sql_job, (gpointer) (gsize) sql, &error);

  g_assert_no_error (error);
  g_assert_nonnull (done);
}

typedef struct
{
  const char *sql;
  gint64      value;
} Selection;

static gpointer
select_job (GemelWorker  *worker,
            gpointer      data,
            GCancellable *cancellable,
            GError      **error)
{
  Selection    *selection = data;
  sqlite3_stmt *stmt = NULL;

  g_assert_cmpint (
    sqlite3_prepare_v2 (gemel_worker_get_db (worker), selection->sql, -1, &stmt, NULL), ==,
    SQLITE_OK);
  g_assert_cmpint (sqlite3_step (stmt), ==, SQLITE_ROW);
  selection->value = sqlite3_column_int64 (stmt, 0);
  g_assert_cmpint (sqlite3_finalize (stmt), ==, SQLITE_OK);
  return GINT_TO_POINTER (TRUE);
}

gint64
select_int (GemelWorker *worker,
            const char  *sql)
{
  Selection          selection = { .sql = sql };
  g_autoptr (GError) error = NULL;
  gpointer           done = gemel_worker_run (worker, GEMEL_JOB_READ, select_job, &selection,
                                              &error);

  g_assert_no_error (error);
  g_assert_nonnull (done);
  return selection.value;
}
