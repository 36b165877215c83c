/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * history.db: where history ends up.
 *
 *   point (origin_id, seq, ..)  the rows, clustered by their key: appending, and paging for the
 *                               peer
 *   block (tag_id, first_us)    for each transaction and tag, its points again in one small blob:
 *                               a range of one tag is read from few places. With an index that has
 *                               one entry a point the sink took a third of the rows a second.
 *   mark (origin_id, seq)       everything up to here is in; moves with the rows by an UPDATE that
 *                               names the old value, so rows enter exactly once
 *   quarantine                  batches that could not be decoded, with the reason. Their numbers
 *                               are filled with Bad points of the tag gemel/quarantine, so that the
 *                               sequence has no hole and a reader sees that something is missing.
 *   origin, tag                 dictionaries
 *   history                     a view for people with an SQL prompt
 *
 * Everything but opening and closing runs in a job of the sink's worker.
 */
#include "history/gemel-history-private.h"

#include "api/gemel-error.h"
#include "api/gemel-names.h"

#include <math.h>
#include <string.h>

#define PAGE_BYTES_MAX (GEMEL_FRAME_BYTES_MAX - 8 * 1024) /* room for the frame around a page */

static const GemelMigration migrations[] = {
  { "rows, blocks by tag, marks, quarantine and the dictionaries",
    "CREATE TABLE origin (id INTEGER PRIMARY KEY, uuid BLOB NOT NULL UNIQUE);"
    "CREATE TABLE tag (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
    "CREATE TABLE mark (origin_id INTEGER PRIMARY KEY, seq INTEGER NOT NULL);"
    "CREATE TABLE point (origin_id INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " tag_id INTEGER NOT NULL, unix_us INTEGER NOT NULL, status INTEGER NOT NULL,"
    " type INTEGER NOT NULL, value, PRIMARY KEY (origin_id, seq)) WITHOUT ROWID;"
    "CREATE TABLE block (id INTEGER PRIMARY KEY, tag_id INTEGER NOT NULL,"
    " first_us INTEGER NOT NULL, origin_id INTEGER NOT NULL, points BLOB NOT NULL);"
    "CREATE INDEX block_by_tag ON block (tag_id, first_us);"
    "CREATE TABLE quarantine (id INTEGER PRIMARY KEY, origin_id INTEGER NOT NULL,"
    " first_seq INTEGER NOT NULL, last_seq INTEGER NOT NULL, unix_us INTEGER NOT NULL,"
    " reason TEXT NOT NULL, points BLOB NOT NULL);"
    "CREATE VIEW history AS SELECT lower (hex (origin.uuid)) AS origin, point.seq AS seq,"
    " tag.name AS tag, point.unix_us AS unix_us, point.status AS status, point.type AS type,"
    " point.value AS value FROM point JOIN origin ON origin.id = point.origin_id"
    " JOIN tag ON tag.id = point.tag_id;" },
};

static sqlite3_stmt *
prepare_with_blob (GemelSink   *sink,
                   const char  *sql,
                   const guint8 uuid[16],
                   GError     **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (sink->worker, sql, error);

  if (stmt != NULL)
    (void) sqlite3_bind_blob (stmt, 1, uuid, GEMEL_HISTORY_ORIGIN_BYTES, SQLITE_TRANSIENT);
  return stmt;
}

/* Finds the origin and its mark; 0 and 0 when nothing of it ever came. */
static gboolean
find_origin (GemelSink   *sink,
             const guint8 uuid[16],
             gint64      *ret_id,
             guint64     *ret_mark,
             GError     **error)
{
  static const char sql[] = "SELECT origin.id, mark.seq FROM origin"
                            " JOIN mark ON mark.origin_id = origin.id WHERE uuid = ?1";
  sqlite3_stmt     *stmt = prepare_with_blob (sink, sql, uuid, error);
  int               rc = SQLITE_OK;

  if (stmt == NULL)
    return FALSE;
  rc = sqlite3_step (stmt);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    return gemel_history_store_error (sink->worker, rc, "reading the history mark", error);
  *ret_id = rc == SQLITE_ROW ? sqlite3_column_int64 (stmt, 0) : 0;
  *ret_mark = rc == SQLITE_ROW ? (guint64) sqlite3_column_int64 (stmt, 1) : 0;
  (void) sqlite3_reset (stmt);
  return TRUE;
}

/**
 * gemel_sink_ensure_origin:
 * @sink: the sink
 * @uuid: 16 bytes: an origin
 * @ret_id: (out): its number in this database
 * @ret_mark: (out): how far its history is in the sink
 * @error: return location
 *
 * Returns: whether the origin is known now.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL
 * Thread: the sink's, inside a transaction
 */
gboolean
gemel_sink_ensure_origin (GemelSink   *sink,
                          const guint8 uuid[16],
                          gint64      *ret_id,
                          guint64     *ret_mark,
                          GError     **error)
{
  static const char origin_sql[] = "INSERT INTO origin (uuid) VALUES (?1)";
  static const char mark_sql[] = "INSERT INTO mark SELECT id, 0 FROM origin WHERE uuid = ?1";
  sqlite3_stmt     *stmt = NULL;

  if (!find_origin (sink, uuid, ret_id, ret_mark, error))
    return FALSE;
  if (*ret_id != 0)
    return TRUE;
  stmt = prepare_with_blob (sink, origin_sql, uuid, error);
  if (stmt == NULL || !gemel_worker_step_done (sink->worker, stmt, error))
    return FALSE;
  stmt = prepare_with_blob (sink, mark_sql, uuid, error);
  if (stmt == NULL || !gemel_worker_step_done (sink->worker, stmt, error))
    return FALSE;
  return find_origin (sink, uuid, ret_id, ret_mark, error);
}

static gboolean
find_tag (GemelSink  *sink,
          const char *name,
          gint64     *ret_id,
          GError    **error)
{
  static const char sql[] = "SELECT id FROM tag WHERE name = ?1";
  sqlite3_stmt     *stmt = gemel_worker_prepare (sink->worker, sql, error);
  int               rc = SQLITE_OK;

  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_text (stmt, 1, name, -1, SQLITE_TRANSIENT);
  rc = sqlite3_step (stmt);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    return gemel_history_store_error (sink->worker, rc, "looking up a tag", error);
  *ret_id = rc == SQLITE_ROW ? sqlite3_column_int64 (stmt, 0) : 0;
  (void) sqlite3_reset (stmt);
  return TRUE;
}

/**
 * gemel_sink_ensure_tag:
 * @sink: the sink
 * @view: a point with its tag
 * @ret_id: (out): the tag's number in this database
 * @error: return location
 *
 * Returns: whether the tag is known now.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL
 * Thread: the sink's, inside a transaction; when that is rolled back the cache must be emptied
 */
gboolean
gemel_sink_ensure_tag (GemelSink            *sink,
                       const GemelPointView *view,
                       gint64               *ret_id,
                       GError              **error)
{
  static const char sql[] = "INSERT INTO tag (name) VALUES (?1)";
  char              name[GEMEL_TAG_BYTES_MAX + 1];
  gint64           *known = NULL;
  sqlite3_stmt     *stmt = NULL;

  memcpy (name, view->tag, view->tag_bytes);
  name[view->tag_bytes] = '\0';
  known = g_hash_table_lookup (sink->tag_ids, name);
  if (known != NULL)
    {
      *ret_id = *known;
      return TRUE;
    }
  if (!find_tag (sink, name, ret_id, error))
    return FALSE;
  if (*ret_id == 0)
    {
      stmt = gemel_worker_prepare (sink->worker, sql, error);
      if (stmt == NULL)
        return FALSE;
      (void) sqlite3_bind_text (stmt, 1, name, -1, SQLITE_TRANSIENT);
      if (!gemel_worker_step_done (sink->worker, stmt, error))
        return FALSE;
      *ret_id = sqlite3_last_insert_rowid (gemel_worker_get_db (sink->worker));
    }
  if (g_hash_table_size (sink->tag_ids) >= GEMEL_HISTORY_TAG_CACHE_MAX)
    g_hash_table_remove_all (sink->tag_ids);
  g_hash_table_insert (sink->tag_ids, g_strdup (name), g_memdup2 (ret_id, sizeof *ret_id));
  return TRUE;
}

/**
 * gemel_sink_marks:
 * @sink: the sink
 * @error: return location
 *
 * Returns: (transfer full): "a(ayt)": each origin and its mark.
 * Errors: %GEMEL_ERROR_STORE
 * Thread: the sink's, inside a job
 */
GVariant *
gemel_sink_marks (GemelSink *sink,
                  GError   **error)
{
  static const char sql[] =
    "SELECT uuid, seq FROM mark JOIN origin ON origin.id = mark.origin_id ORDER BY uuid";
  sqlite3_stmt   *stmt = gemel_worker_prepare (sink->worker, sql, error);
  GVariantBuilder builder;
  int             rc = SQLITE_OK;

  if (stmt == NULL)
    return NULL;
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ayt)"));
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    g_variant_builder_add (&builder, "(@ayt)",
                           g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE,
                                                      sqlite3_column_blob (stmt, 0),
                                                      (gsize) sqlite3_column_bytes (stmt, 0), 1),
                           (guint64) sqlite3_column_int64 (stmt, 1));
  (void) sqlite3_reset (stmt);
  if (rc == SQLITE_DONE)
    return g_variant_ref_sink (g_variant_builder_end (&builder));
  g_variant_builder_clear (&builder);
  (void) gemel_history_store_error (sink->worker, rc, "reading the history marks", error);
  return NULL;
}

static void
view_from_row (sqlite3_stmt   *stmt,
               GemelPointView *view)
{
  *view = (GemelPointView){ 0 };
  view->tag = (const char *) sqlite3_column_text (stmt, 1);
  view->tag_bytes = (guint) sqlite3_column_bytes (stmt, 1);
  view->unix_us = sqlite3_column_int64 (stmt, 2);
  view->status = (guint32) sqlite3_column_int64 (stmt, 3);
  view->type = (GemelValueType) sqlite3_column_int (stmt, 4);
  if (view->type == GEMEL_VALUE_DOUBLE)
    view->d =
      sqlite3_column_type (stmt, 5) == SQLITE_NULL ? (double) NAN : sqlite3_column_double (stmt, 5);
  else if (view->type == GEMEL_VALUE_STRING)
    {
      view->text = (const char *) sqlite3_column_text (stmt, 5);
      view->text_bytes = (guint) sqlite3_column_bytes (stmt, 5);
    }
  else
    view->i = sqlite3_column_int64 (stmt, 5);
}

/**
 * gemel_sink_read:
 * @sink: the sink
 * @origin: 16 bytes
 * @after_seq: rows with larger numbers
 * @rows_max: at most so many, and at most what fits into a frame
 * @ret_batch: (out caller-allocates): consecutive rows; points is %NULL when there are none
 * @error: return location
 *
 * Returns: whether the rows could be read.
 * Errors: %GEMEL_ERROR_STORE
 * Thread: the sink's, inside a job
 */
gboolean
gemel_sink_read (GemelSink   *sink,
                 const guint8 origin[16],
                 guint64      after_seq,
                 guint        rows_max,
                 GemelBatch  *ret_batch,
                 GError     **error)
{
  static const char      sql[] = "SELECT seq, tag.name, unix_us, status, type, value"
                                 " FROM point CROSS JOIN tag ON tag.id = point.tag_id"
                                 " WHERE origin_id = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  sqlite3_stmt          *stmt = NULL;
  GemelBatch             batch = { 0 };
  gint64                 origin_id = 0;
  guint64                mark = 0;
  guint                  rows = 0;
  int                    rc = SQLITE_DONE;

  if (!find_origin (sink, origin, &origin_id, &mark, error))
    return FALSE;
  stmt = gemel_worker_prepare (sink->worker, sql, error);
  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, origin_id);
  (void) sqlite3_bind_int64 (stmt, 2, (gint64) MIN (after_seq, (guint64) G_MAXINT64));
  (void) sqlite3_bind_int64 (stmt, 3, CLAMP (rows_max, 1, GEMEL_BATCH_ITEMS_MAX));
  gemel_points_begin (bytes);
  while (bytes->len < PAGE_BYTES_MAX && (rc = sqlite3_step (stmt)) == SQLITE_ROW)
    {
      guint64        seq = (guint64) sqlite3_column_int64 (stmt, 0);
      GemelPointView view;

      /* A page never covers a hole: its numbers are told by the first one alone. */
      if (rows > 0 && seq != batch.last_seq + 1)
        break;
      if (rows == 0)
        batch.first_seq = seq;
      batch.last_seq = seq;
      view_from_row (stmt, &view);
      gemel_points_append (bytes, &view);
      rows++;
    }
  (void) sqlite3_reset (stmt);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    return gemel_history_store_error (sink->worker, rc, "reading history for the peer", error);
  gemel_points_end (bytes, 0, rows);
  if (rows > 0)
    batch.points = g_byte_array_free_to_bytes (g_steal_pointer (&bytes));
  *ret_batch = batch;
  return TRUE;
}

typedef struct
{
  GemelSink *sink;
  guint64    mark;
} Opening;

static gpointer
open_job (GemelWorker  *worker,
          gpointer      data,
          GCancellable *cancellable,
          GError      **error)
{
  Opening *opening = data;
  gint64   origin_id = 0;

  if (!gemel_worker_exec (worker, "PRAGMA cache_size=-16384", error) ||
      !find_origin (opening->sink, opening->sink->uuid, &origin_id, &opening->mark, error))
    return NULL;
  return GINT_TO_POINTER (TRUE);
}

/**
 * gemel_sink_open:
 * @sink: (out caller-allocates): the sink
 * @path: of history.db
 * @uuid: 16 bytes: this node
 * @ret_mark: (out): how far this node's own history is in it
 * @error: return location
 *
 * Returns: whether it is open.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_DISK_FULL
 * Thread: the one that opens; waits for the worker
 */
gboolean
gemel_sink_open (GemelSink   *sink,
                 const char  *path,
                 const guint8 uuid[16],
                 guint64     *ret_mark,
                 GError     **error)
{
  Opening opening = { .sink = sink };

  memcpy (sink->uuid, uuid, sizeof sink->uuid);
  sink->tag_ids = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sink->worker = gemel_worker_open (path, "history-sink", error);
  if (sink->worker == NULL)
    return FALSE;
  if (!gemel_worker_migrate (sink->worker, migrations, G_N_ELEMENTS (migrations), error) ||
      gemel_worker_run (sink->worker, GEMEL_JOB_READ, open_job, &opening, error) == NULL)
    return FALSE;
  *ret_mark = opening.mark;
  return TRUE;
}

/**
 * gemel_sink_close:
 * @sink: the sink, perhaps half open
 *
 * Thread: the one that opened
 */
void
gemel_sink_close (GemelSink *sink)
{
  g_clear_pointer (&sink->worker, gemel_worker_close);
  g_clear_pointer (&sink->tag_ids, g_hash_table_unref);
}
