/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Taking batches into the sink: judged by the mark, rows and blocks and mark in one transaction,
 * and quarantine for what cannot be decoded. The tables are described in gemel-history-sink.c.
 */
#include "history/gemel-history-private.h"

#include "api/gemel-error.h"

#include <string.h>

#define STATUS_BAD 0x80000000u /* OPC UA: Bad */

/** A row that this transaction adds; the view borrows from its batch. */
typedef struct
{
  gint64         tag_id;
  guint64        seq;
  GemelPointView view;
} NewRow;

static void
bind_value (sqlite3_stmt         *stmt,
            int                   column,
            const GemelPointView *view)
{
  switch (view->type)
    {
    case GEMEL_VALUE_DOUBLE:
      /* SQLite keeps NaN as NULL; the type column says that it is a double. */
      (void) sqlite3_bind_double (stmt, column, view->d);
      return;
    case GEMEL_VALUE_INT64:
    case GEMEL_VALUE_BOOL:
      (void) sqlite3_bind_int64 (stmt, column, view->i);
      return;
    case GEMEL_VALUE_STRING:
      (void) sqlite3_bind_text (stmt, column, view->text, (int) view->text_bytes, SQLITE_STATIC);
      return;
    }
}

static gboolean
insert_row (GemelSink    *sink,
            gint64        origin_id,
            const NewRow *row,
            GError      **error)
{
  static const char sql[] = "INSERT INTO point VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
  sqlite3_stmt     *stmt = gemel_worker_prepare (sink->worker, sql, error);

  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, origin_id);
  (void) sqlite3_bind_int64 (stmt, 2, (gint64) row->seq);
  (void) sqlite3_bind_int64 (stmt, 3, row->tag_id);
  (void) sqlite3_bind_int64 (stmt, 4, row->view.unix_us);
  (void) sqlite3_bind_int64 (stmt, 5, row->view.status);
  (void) sqlite3_bind_int64 (stmt, 6, row->view.type);
  bind_value (stmt, 7, &row->view);
  return gemel_worker_step_done (sink->worker, stmt, error);
}

static gboolean
insert_batch (GemelSink        *sink,
              gint64            origin_id,
              const GemelBatch *batch,
              guint64           mark,
              GArray           *rows,
              GError          **error)
{
  gsize            size = 0;
  const guint8    *data = g_bytes_get_data (batch->points, &size);
  GemelPointCursor cursor;

  if (!gemel_point_cursor_init (&cursor, data, size, FALSE, error))
    return FALSE;
  for (guint64 seq = batch->first_seq; cursor.left > 0; seq++)
    {
      NewRow row = { .seq = seq };

      if (!gemel_point_cursor_next (&cursor, &row.view, error))
        return FALSE;
      if (seq <= mark)
        continue;
      if (!gemel_sink_ensure_tag (sink, &row.view, &row.tag_id, error) ||
          !insert_row (sink, origin_id, &row, error))
        return FALSE;
      g_array_append_val (rows, row);
    }
  return TRUE;
}

static int
compare_rows (gconstpointer left,
              gconstpointer right)
{
  const NewRow *a = left;
  const NewRow *b = right;

  if (a->tag_id != b->tag_id)
    return a->tag_id < b->tag_id ? -1 : 1;
  if (a->view.unix_us != b->view.unix_us)
    return a->view.unix_us < b->view.unix_us ? -1 : 1;
  return a->seq < b->seq ? -1 : a->seq > b->seq;
}

/* A block: the points as a batch whose tags have length 0, then u64 sequence of each point. */
static gboolean
insert_block (GemelSink    *sink,
              gint64        origin_id,
              const NewRow *rows,
              guint         n_rows,
              GByteArray   *bytes,
              GError      **error)
{
  static const char sql[] =
    "INSERT INTO block (tag_id, first_us, origin_id, points) VALUES (?1, ?2, ?3, ?4)";
  sqlite3_stmt *stmt = gemel_worker_prepare (sink->worker, sql, error);

  if (stmt == NULL)
    return FALSE;
  g_byte_array_set_size (bytes, 0);
  gemel_points_begin (bytes);
  for (guint i = 0; i < n_rows; i++)
    {
      GemelPointView view = rows[i].view;

      view.tag_bytes = 0;
      gemel_points_append (bytes, &view);
    }
  gemel_points_end (bytes, 0, n_rows);
  for (guint i = 0; i < n_rows; i++)
    {
      guint64 seq = GUINT64_TO_LE (rows[i].seq);

      g_byte_array_append (bytes, (const guint8 *) &seq, sizeof seq);
    }
  (void) sqlite3_bind_int64 (stmt, 1, rows[0].tag_id);
  (void) sqlite3_bind_int64 (stmt, 2, rows[0].view.unix_us);
  (void) sqlite3_bind_int64 (stmt, 3, origin_id);
  (void) sqlite3_bind_blob (stmt, 4, bytes->data, (int) bytes->len, SQLITE_STATIC);
  return gemel_worker_step_done (sink->worker, stmt, error);
}

static gboolean
insert_blocks (GemelSink *sink,
               gint64     origin_id,
               GArray    *rows,
               GError   **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  const NewRow          *all = (const NewRow *) (gconstpointer) rows->data;
  guint                  first = 0;

  g_array_sort (rows, compare_rows);
  for (guint i = 1; i <= rows->len; i++)
    {
      if (i < rows->len && all[i].tag_id == all[first].tag_id &&
          all[i].view.unix_us - all[first].view.unix_us <= GEMEL_HISTORY_BLOCK_SPAN_US &&
          i - first < GEMEL_HISTORY_BLOCK_POINTS_MAX)
        continue;
      if (!insert_block (sink, origin_id, all + first, i - first, bytes, error))
        return FALSE;
      first = i;
    }
  return TRUE;
}

static gboolean
move_mark (GemelSink *sink,
           gint64     origin_id,
           guint64    from,
           guint64    to,
           GError   **error)
{
  static const char sql[] = "UPDATE mark SET seq = ?3 WHERE origin_id = ?1 AND seq = ?2";
  sqlite3_stmt     *stmt = gemel_worker_prepare (sink->worker, sql, error);

  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, origin_id);
  (void) sqlite3_bind_int64 (stmt, 2, (gint64) from);
  (void) sqlite3_bind_int64 (stmt, 3, (gint64) to);
  if (!gemel_worker_step_done (sink->worker, stmt, error))
    return FALSE;
  if (sqlite3_changes (gemel_worker_get_db (sink->worker)) == 1)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
               "history mark is no longer %" G_GUINT64_FORMAT ": something else writes history.db; "
               "make sure that only one gemeld uses it",
               from);
  return FALSE;
}

static GBytes *
placeholders (const GemelBatch *batch,
              gint64            unix_us)
{
  GByteArray    *bytes = g_byte_array_new ();
  GemelPointView view = { .type = GEMEL_VALUE_INT64,
                          .status = STATUS_BAD,
                          .unix_us = unix_us,
                          .tag = GEMEL_HISTORY_QUARANTINE_TAG,
                          .tag_bytes = sizeof GEMEL_HISTORY_QUARANTINE_TAG - 1 };

  gemel_points_begin (bytes);
  for (guint64 seq = batch->first_seq; seq <= batch->last_seq; seq++)
    {
      view.i = (gint64) seq;
      gemel_points_append (bytes, &view);
    }
  gemel_points_end (bytes, 0, (guint) (batch->last_seq - batch->first_seq + 1));
  return g_byte_array_free_to_bytes (bytes);
}

/* Files the bytes as they are and lets placeholders take their numbers. */
static gboolean
quarantine (GemelSink    *sink,
            gint64        origin_id,
            GemelBatch   *batch,
            const GError *reason,
            GError      **error)
{
  static const char sql[] =
    "INSERT INTO quarantine (origin_id, first_seq, last_seq, unix_us, reason, points)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
  sqlite3_stmt *stmt = gemel_worker_prepare (sink->worker, sql, error);
  gint64        now_unix_us = g_get_real_time ();
  gsize         size = 0;
  const void   *data = g_bytes_get_data (batch->points, &size);
  GBytes       *instead = NULL;

  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, origin_id);
  (void) sqlite3_bind_int64 (stmt, 2, (gint64) batch->first_seq);
  (void) sqlite3_bind_int64 (stmt, 3, (gint64) batch->last_seq);
  (void) sqlite3_bind_int64 (stmt, 4, now_unix_us);
  (void) sqlite3_bind_text (stmt, 5, reason->message, -1, SQLITE_TRANSIENT);
  (void) sqlite3_bind_blob64 (stmt, 6, data != NULL ? data : "", size, SQLITE_TRANSIENT);
  if (!gemel_worker_step_done (sink->worker, stmt, error))
    return FALSE;
  instead = placeholders (batch, now_unix_us);
  g_bytes_unref (batch->points);
  batch->points = instead;
  return TRUE;
}

static gboolean
check_batch (const GemelBatch *batch,
             GError          **error)
{
  gsize         size = 0;
  const guint8 *data = g_bytes_get_data (batch->points, &size);
  guint         count = 0;

  if (!gemel_points_check (data, size, &count, error))
    return FALSE;
  if (count == batch->last_seq - batch->first_seq + 1)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
               "history batch holds %u points for the numbers %" G_GUINT64_FORMAT
               " to %" G_GUINT64_FORMAT,
               count, batch->first_seq, batch->last_seq);
  return FALSE;
}

/* Judges one batch by the mark as it is in this transaction. */
static gboolean
take_batch (GemelSink      *sink,
            gint64          origin_id,
            gboolean        own,
            GemelBatch     *batch,
            GArray         *rows,
            GemelSinkTaken *taken,
            GError        **error)
{
  g_autoptr (GError) reason = NULL;
  guint64            from = taken->mark;
  GemelBatchVerdict  verdict = gemel_history_judge (from, batch->first_seq, batch->last_seq);

  if (verdict == GEMEL_BATCH_SKIP)
    {
      taken->skipped += batch->last_seq - batch->first_seq + 1;
      return TRUE;
    }
  if (verdict == GEMEL_BATCH_GAP && !own)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                   "history begins at %" G_GUINT64_FORMAT
                   " but this node has it up to %" G_GUINT64_FORMAT "; ask from there",
                   batch->first_seq, from);
      return FALSE;
    }
  if (verdict == GEMEL_BATCH_GAP)
    taken->crossed += batch->first_seq - from - 1;
  if (!check_batch (batch, &reason))
    {
      if (!quarantine (sink, origin_id, batch, reason, error))
        return FALSE;
      taken->quarantined++;
    }
  if (!insert_batch (sink, origin_id, batch, from, rows, error) ||
      !move_mark (sink, origin_id, from, batch->last_seq, error))
    return FALSE;
  if (verdict == GEMEL_BATCH_TRIM)
    taken->skipped += from - batch->first_seq + 1;
  taken->mark = batch->last_seq;
  return TRUE;
}

static gboolean
take_all (GemelSink      *sink,
          const guint8    origin[16],
          GPtrArray      *batches,
          GemelSinkTaken *taken,
          GError        **error)
{
  g_autoptr (GArray) rows = g_array_new (FALSE, FALSE, sizeof (NewRow));
  gboolean           own = memcmp (origin, sink->uuid, GEMEL_HISTORY_ORIGIN_BYTES) == 0;
  gint64             origin_id = 0;

  if (!gemel_sink_ensure_origin (sink, origin, &origin_id, &taken->mark, error))
    return FALSE;
  for (guint i = 0; i < batches->len; i++)
    if (!take_batch (sink, origin_id, own, g_ptr_array_index (batches, i), rows, taken, error))
      return FALSE;
  taken->taken = rows->len;
  return insert_blocks (sink, origin_id, rows, error);
}

/**
 * gemel_sink_take:
 * @sink: the sink
 * @origin: 16 bytes
 * @batches: (element-type GemelBatch): in order; one that cannot be decoded is exchanged for
 *   placeholders after it went to quarantine
 * @ret_taken: (out): what was done
 * @error: return location
 *
 * Takes rows and moves the mark in one transaction, or changes nothing. What is there already is
 * skipped. A gap is an error, except for this node's own history: there it means that history.db is
 * older than the buffer, and waiting would help nobody.
 *
 * Returns: whether it is durable.
 * Errors: %GEMEL_ERROR_PROTOCOL for a gap, %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL,
 *   %GEMEL_ERROR_CORRUPT
 * Thread: the sink's, inside a job of kind %GEMEL_JOB_ALONE
 */
gboolean
gemel_sink_take (GemelSink      *sink,
                 const guint8    origin[16],
                 GPtrArray      *batches,
                 GemelSinkTaken *ret_taken,
                 GError        **error)
{
  GemelSinkTaken taken = { 0 };

  if (!gemel_worker_exec (sink->worker, "BEGIN IMMEDIATE", error))
    return FALSE;
  if (take_all (sink, origin, batches, &taken, error) &&
      gemel_worker_exec (sink->worker, "COMMIT", error))
    {
      *ret_taken = taken;
      return TRUE;
    }
  /* Tags of this transaction are gone with it; SQLite may have rolled back by itself. */
  g_hash_table_remove_all (sink->tag_ids);
  if (sqlite3_get_autocommit (gemel_worker_get_db (sink->worker)) == 0)
    {
      g_autoptr (GError) undone = NULL;

      /* Without this the next BEGIN fails, which is told; the first error is the one that matters.
       */
      if (!gemel_worker_exec (sink->worker, "ROLLBACK", &undone))
        g_prefix_error (error, "%s: ", undone->message);
    }
  return FALSE;
}
