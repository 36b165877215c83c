/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * buffer.db: batches that are acknowledged and not yet in the sink.
 *
 *   batch (first_seq, last_seq, points)   as they came, numbered without holes
 *   counter (last_seq)                    moves in the transaction that adds the batch
 *
 * The counter is in the database and not in memory, because a group commit that fails takes back
 * the numbers of all its writers; a number that lived on in memory would leave a hole. Everything
 * here runs in a job of the buffer's worker, except the preparation.
 */
#include "history/gemel-history-private.h"

#include "api/gemel-error.h"
#include "store/gemel-sqlite.h"

static const GemelMigration migrations[] = {
  { "batches that wait for the sink, and the last number given",
    "CREATE TABLE batch (first_seq INTEGER PRIMARY KEY, last_seq INTEGER NOT NULL,"
    " points BLOB NOT NULL);"
    "CREATE TABLE counter (id INTEGER PRIMARY KEY CHECK (id = 1), last_seq INTEGER NOT NULL);"
    "INSERT INTO counter VALUES (1, 0);" },
};

typedef struct
{
  guint64 mark;
  guint64 last_seq;
  guint64 bytes;
} Prepared;

/**
 * gemel_history_store_error:
 * @worker: the worker whose handle failed
 * @rc: SQLite's result
 * @what: what was being done
 * @error: return location
 *
 * Returns: %FALSE, so that the caller can return it.
 * Thread: the worker's
 */
gboolean
gemel_history_store_error (GemelWorker *worker,
                           int          rc,
                           const char  *what,
                           GError     **error)
{
  gemel_sqlite_set_error (error, gemel_worker_get_db (worker), rc, what);
  return FALSE;
}

/**
 * gemel_batch_free:
 * @batch: (nullable) (transfer full): a batch
 *
 * Thread: any
 */
void
gemel_batch_free (GemelBatch *batch)
{
  if (batch == NULL)
    return;
  g_bytes_unref (batch->points);
  g_free (batch);
}

/* Deleted batches need not be overwritten with zeroes: they were never secret, and it would double
 * what the buffer writes. */
static gpointer
prepare_job (GemelWorker  *worker,
             gpointer      data,
             GCancellable *cancellable,
             GError      **error)
{
  static const char sql[] =
    "SELECT (SELECT last_seq FROM counter), coalesce (sum (length (points)), 0) FROM batch";
  static const char raise_sql[] = "UPDATE counter SET last_seq = max (last_seq, ?1)";
  Prepared         *prepared = data;
  sqlite3_stmt     *stmt = NULL;
  int               rc = SQLITE_OK;

  if (!gemel_worker_exec (worker, "PRAGMA secure_delete=OFF", error))
    return NULL;
  stmt = gemel_worker_prepare (worker, raise_sql, error);
  if (stmt == NULL)
    return NULL;
  (void) sqlite3_bind_int64 (stmt, 1, (gint64) prepared->mark);
  if (!gemel_worker_step_done (worker, stmt, error))
    return NULL;
  stmt = gemel_worker_prepare (worker, sql, error);
  if (stmt == NULL)
    return NULL;
  rc = sqlite3_step (stmt);
  if (rc != SQLITE_ROW)
    {
      (void) gemel_history_store_error (worker, rc, "reading the history buffer", error);
      return NULL;
    }
  prepared->last_seq = (guint64) sqlite3_column_int64 (stmt, 0);
  prepared->bytes = (guint64) sqlite3_column_int64 (stmt, 1);
  (void) sqlite3_reset (stmt);
  return GINT_TO_POINTER (TRUE);
}

/**
 * gemel_history_buffer_prepare:
 * @buffer: the worker of buffer.db
 * @mark: the sink's mark of this node; numbers continue above it and above the buffer's own
 * @ret_last_seq: (out): the last number that was given
 * @ret_bytes: (out): bytes that wait
 * @error: return location
 *
 * Creates or upgrades the tables and finds where the numbers continue.
 *
 * Returns: whether the buffer can be used.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_DISK_FULL
 * Thread: the one that opens; waits for the worker
 */
gboolean
gemel_history_buffer_prepare (GemelWorker *buffer,
                              guint64      mark,
                              guint64     *ret_last_seq,
                              guint64     *ret_bytes,
                              GError     **error)
{
  Prepared prepared = { .mark = mark };

  if (!gemel_worker_migrate (buffer, migrations, G_N_ELEMENTS (migrations), error))
    return FALSE;
  if (gemel_worker_run (buffer, GEMEL_JOB_ALONE, prepare_job, &prepared, error) == NULL)
    return FALSE;
  *ret_last_seq = prepared.last_seq;
  *ret_bytes = prepared.bytes;
  return TRUE;
}

static gboolean
take_numbers (GemelWorker *buffer,
              guint        n_points,
              guint64     *ret_last_seq,
              GError     **error)
{
  static const char sql[] = "UPDATE counter SET last_seq = last_seq + ?1 RETURNING last_seq";
  sqlite3_stmt     *stmt = gemel_worker_prepare (buffer, sql, error);
  int               rc = SQLITE_OK;

  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, (gint64) n_points);
  rc = sqlite3_step (stmt);
  if (rc != SQLITE_ROW)
    return gemel_history_store_error (buffer, rc, "numbering history", error);
  *ret_last_seq = (guint64) sqlite3_column_int64 (stmt, 0);
  rc = sqlite3_reset (stmt);
  return rc == SQLITE_OK || gemel_history_store_error (buffer, rc, "numbering history", error);
}

/**
 * gemel_history_buffer_skip:
 * @buffer: the buffer
 * @seq: the last number that is taken
 * @ret_had: (out): the last number that was given before
 * @error: return location
 *
 * Returns: whether the next number is above @seq.
 * Errors: as gemel_sqlite_set_error ()
 * Thread: the worker's, inside a job
 */
gboolean
gemel_history_buffer_skip (GemelWorker *buffer,
                           guint64      seq,
                           guint64     *ret_had,
                           GError     **error)
{
  static const char sql[] = "UPDATE counter SET last_seq = max (last_seq, ?1)";
  sqlite3_stmt     *stmt = NULL;

  if (!take_numbers (buffer, 0, ret_had, error))
    return FALSE;
  stmt = gemel_worker_prepare (buffer, sql, error);
  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, (gint64) seq);
  return gemel_worker_step_done (buffer, stmt, error);
}

/**
 * gemel_history_buffer_add:
 * @buffer: the worker of buffer.db
 * @points: a batch that was checked
 * @n_points: how many points it holds
 * @ret_last_seq: (out): the number of its last point
 * @error: return location
 *
 * Returns: whether the batch is in the transaction of the worker's group.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL
 * Thread: the buffer's, inside a job of kind %GEMEL_JOB_WRITE
 */
gboolean
gemel_history_buffer_add (GemelWorker *buffer,
                          GBytes      *points,
                          guint        n_points,
                          guint64     *ret_last_seq,
                          GError     **error)
{
  static const char sql[] = "INSERT INTO batch VALUES (?1, ?2, ?3)";
  sqlite3_stmt     *stmt = NULL;
  gsize             size = 0;
  const void       *data = g_bytes_get_data (points, &size);
  guint64           last_seq = 0;

  if (!take_numbers (buffer, n_points, &last_seq, error))
    return FALSE;
  stmt = gemel_worker_prepare (buffer, sql, error);
  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, (gint64) (last_seq - n_points + 1));
  (void) sqlite3_bind_int64 (stmt, 2, (gint64) last_seq);
  (void) sqlite3_bind_blob64 (stmt, 3, data, size, SQLITE_STATIC);
  if (!gemel_worker_step_done (buffer, stmt, error))
    return FALSE;
  (void) sqlite3_clear_bindings (stmt);
  *ret_last_seq = last_seq;
  return TRUE;
}

static gboolean
drop_forwarded (GemelWorker *buffer,
                guint64      mark,
                guint64     *ret_bytes_freed,
                GError     **error)
{
  static const char size_sql[] = "SELECT coalesce (sum (length (points)), 0) FROM batch WHERE "
                                 "first_seq <= ?1 AND last_seq <= ?1";
  static const char drop_sql[] = "DELETE FROM batch WHERE first_seq <= ?1 AND last_seq <= ?1";
  sqlite3_stmt     *stmt = gemel_worker_prepare (buffer, size_sql, error);
  guint64           bytes = 0;
  int               rc = SQLITE_OK;

  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, (gint64) mark);
  rc = sqlite3_step (stmt);
  if (rc != SQLITE_ROW)
    return gemel_history_store_error (buffer, rc, "measuring the history buffer", error);
  bytes = (guint64) sqlite3_column_int64 (stmt, 0);
  (void) sqlite3_reset (stmt);
  if (bytes > 0)
    {
      stmt = gemel_worker_prepare (buffer, drop_sql, error);
      if (stmt == NULL)
        return FALSE;
      (void) sqlite3_bind_int64 (stmt, 1, (gint64) mark);
      if (!gemel_worker_step_done (buffer, stmt, error))
        return FALSE;
    }
  *ret_bytes_freed = bytes;
  return TRUE;
}

static GemelBatch *
batch_from_row (sqlite3_stmt *stmt)
{
  GemelBatch *batch = g_new0 (GemelBatch, 1);

  batch->first_seq = (guint64) sqlite3_column_int64 (stmt, 0);
  batch->last_seq = (guint64) sqlite3_column_int64 (stmt, 1);
  batch->points =
    g_bytes_new (sqlite3_column_blob (stmt, 2), (gsize) sqlite3_column_bytes (stmt, 2));
  return batch;
}

/**
 * gemel_history_buffer_next:
 * @buffer: the worker of buffer.db
 * @mark: the sink's mark: what lies below is dropped
 * @ret_bytes_freed: (out): bytes of what was dropped
 * @error: return location
 *
 * Drops what the sink has, in the same transaction as others' writes, and reads what follows: whole
 * batches of together about %GEMEL_HISTORY_FORWARD_ROWS points.
 *
 * Returns: (transfer full) (element-type GemelBatch): the batches; empty when nothing waits.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL
 * Thread: the buffer's, inside a job of kind %GEMEL_JOB_WRITE
 */
GPtrArray *
gemel_history_buffer_next (GemelWorker *buffer,
                           guint64      mark,
                           guint64     *ret_bytes_freed,
                           GError     **error)
{
  static const char     sql[] = "SELECT first_seq, last_seq, points FROM batch ORDER BY first_seq";
  g_autoptr (GPtrArray) batches =
    g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_batch_free);
  sqlite3_stmt *stmt = NULL;
  guint64       rows = 0;
  int           rc = SQLITE_ROW;

  if (!drop_forwarded (buffer, mark, ret_bytes_freed, error))
    return NULL;
  stmt = gemel_worker_prepare (buffer, sql, error);
  if (stmt == NULL)
    return NULL;
  while (rows < GEMEL_HISTORY_FORWARD_ROWS && (rc = sqlite3_step (stmt)) == SQLITE_ROW)
    {
      GemelBatch *batch = batch_from_row (stmt);

      rows += batch->last_seq - batch->first_seq + 1;
      g_ptr_array_add (batches, batch);
    }
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    {
      (void) gemel_history_store_error (buffer, rc, "reading the history buffer", error);
      return NULL;
    }
  (void) sqlite3_reset (stmt);
  return g_steal_pointer (&batches);
}
