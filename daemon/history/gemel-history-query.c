/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Reading for people and programs: a range of one tag or of all, and the ledger.
 *
 * A range is read from the blocks. Blocks of a tag overlap in time (two origins, late points), but
 * none is longer than GEMEL_HISTORY_BLOCK_SPAN_US, so all that can touch [from, to] begin in
 * [from - span, to]. Whoever asks for few rows of a long range gets them without reading it all:
 * the worst time that is still wanted ends the walk.
 */
#include "history/gemel-history-private.h"

#include "api/gemel-error.h"

#include <string.h>

typedef struct
{
  GemelPointView view;  /* text points into block */
  GBytes        *block; /* owned */
  char          *tag;   /* reference-counted string */
  gint64         origin_id;
  guint64        seq;
} Found;

typedef struct
{
  GemelSink *sink;
  gint64     from_unix_us;
  gint64     to_unix_us;
  guint      limit;
  gboolean   newest_first;
  GArray    *found;    /* of Found */
  gboolean   is_full;  /* limit rows are there ... */
  gint64     worst_us; /* ... and this is the time of the last of them */
} Query;

static void
found_clear (Found *found)
{
  g_bytes_unref (found->block);
  g_ref_string_release (found->tag);
}

static int
compare_found (gconstpointer left,
               gconstpointer right,
               gpointer      user_data)
{
  const Query *query = user_data;
  const Found *a = left;
  const Found *b = right;
  int          order = 0;

  if (a->view.unix_us != b->view.unix_us)
    order = a->view.unix_us < b->view.unix_us ? -1 : 1;
  else if (a->origin_id != b->origin_id)
    order = a->origin_id < b->origin_id ? -1 : 1;
  else
    order = a->seq < b->seq ? -1 : a->seq > b->seq;
  return query->newest_first ? -order : order;
}

static void
cut_to_limit (Query *query)
{
  g_array_sort_with_data (query->found, compare_found, query);
  if (query->found->len < query->limit)
    return;
  g_array_set_size (query->found, query->limit);
  query->is_full = TRUE;
  query->worst_us = g_array_index (query->found, Found, query->limit - 1).view.unix_us;
}

static gboolean
block_is_corrupt (GError **error)
{
  g_set_error_literal (
    error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
    "a block of history.db cannot be decoded; check the disk and copy the database "
    "from the peer");
  return FALSE;
}

static gboolean
add_block (Query   *query,
           char    *tag,
           gint64   origin_id,
           GBytes  *block,
           GError **error)
{
  gsize            size = 0;
  const guint8    *data = g_bytes_get_data (block, &size);
  const guint8    *numbers = NULL;
  GemelPointCursor cursor;
  guint32          count = 0;

  if (size >= sizeof count)
    memcpy (&count, data, sizeof count);
  count = GUINT32_FROM_LE (count);
  if (count > GEMEL_HISTORY_BLOCK_POINTS_MAX || size < (gsize) count * 8)
    return block_is_corrupt (error);
  size -= (gsize) count * 8;
  numbers = data + size;
  if (!gemel_point_cursor_init (&cursor, data, size, TRUE, NULL))
    return block_is_corrupt (error);
  for (; cursor.left > 0; numbers += 8)
    {
      Found found = { .origin_id = origin_id };

      if (!gemel_point_cursor_next (&cursor, &found.view, NULL))
        return block_is_corrupt (error);
      if (found.view.unix_us < query->from_unix_us || found.view.unix_us > query->to_unix_us)
        continue;
      memcpy (&found.seq, numbers, sizeof found.seq);
      found.seq = GUINT64_FROM_LE (found.seq);
      found.block = g_bytes_ref (block);
      found.tag = g_ref_string_acquire (tag);
      g_array_append_val (query->found, found);
    }
  return TRUE;
}

/* Whether no block from here on can hold anything that is still wanted. */
static gboolean
is_beyond (const Query *query,
           gint64       first_us)
{
  if (!query->is_full)
    return FALSE;
  return query->newest_first ? first_us + GEMEL_HISTORY_BLOCK_SPAN_US < query->worst_us
                             : first_us > query->worst_us;
}

static gboolean
add_blocks_of_tag (Query   *query,
                   gint64   tag_id,
                   char    *tag,
                   GError **error)
{
  static const char up_sql[] =
    "SELECT first_us, origin_id, points FROM block"
    " WHERE tag_id = ?1 AND first_us BETWEEN ?2 AND ?3 ORDER BY first_us";
  static const char down_sql[] =
    "SELECT first_us, origin_id, points FROM block"
    " WHERE tag_id = ?1 AND first_us BETWEEN ?2 AND ?3 ORDER BY first_us DESC";
  GemelWorker  *worker = query->sink->worker;
  sqlite3_stmt *stmt =
    gemel_worker_prepare (worker, query->newest_first ? down_sql : up_sql, error);
  int rc = SQLITE_OK;

  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, tag_id);
  (void) sqlite3_bind_int64 (stmt, 2, query->from_unix_us - GEMEL_HISTORY_BLOCK_SPAN_US);
  (void) sqlite3_bind_int64 (stmt, 3, query->to_unix_us);
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW &&
         !is_beyond (query, sqlite3_column_int64 (stmt, 0)))
    {
      g_autoptr (GBytes) block =
        g_bytes_new (sqlite3_column_blob (stmt, 2), (gsize) sqlite3_column_bytes (stmt, 2));

      if (!add_block (query, tag, sqlite3_column_int64 (stmt, 1), block, error))
        return FALSE;
      if (query->found->len >= query->limit + GEMEL_HISTORY_FORWARD_ROWS ||
          (query->found->len >= query->limit && !query->is_full))
        cut_to_limit (query);
    }
  (void) sqlite3_reset (stmt);
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    return gemel_history_store_error (worker, rc, "reading a range of history", error);
  return TRUE;
}

static gboolean
list_tags (GemelSink  *sink,
           const char *name,
           GArray     *ids,
           GPtrArray  *names,
           GError    **error)
{
  static const char sql[] = "SELECT id, name FROM tag ORDER BY id";
  static const char one_sql[] = "SELECT id, name FROM tag WHERE name = ?1";
  sqlite3_stmt     *stmt = gemel_worker_prepare (sink->worker, name != NULL ? one_sql : sql, error);
  int               rc = SQLITE_OK;

  if (stmt == NULL)
    return FALSE;
  if (name != NULL)
    (void) sqlite3_bind_text (stmt, 1, name, -1, SQLITE_TRANSIENT);
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    {
      gint64 id = sqlite3_column_int64 (stmt, 0);

      g_array_append_val (ids, id);
      g_ptr_array_add (names, g_ref_string_new ((const char *) sqlite3_column_text (stmt, 1)));
    }
  (void) sqlite3_reset (stmt);
  return rc == SQLITE_DONE ||
         gemel_history_store_error (sink->worker, rc, "reading the tags", error);
}

static gboolean
map_origins (GemelSink  *sink,
             GHashTable *origins,
             GError    **error)
{
  static const char sql[] = "SELECT id, uuid FROM origin";
  sqlite3_stmt     *stmt = gemel_worker_prepare (sink->worker, sql, error);
  int               rc = SQLITE_OK;

  if (stmt == NULL)
    return FALSE;
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    {
      gint64    id = sqlite3_column_int64 (stmt, 0);
      GVariant *uuid =
        g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, sqlite3_column_blob (stmt, 1),
                                   (gsize) sqlite3_column_bytes (stmt, 1), 1);

      g_hash_table_insert (origins, g_memdup2 (&id, sizeof id), g_variant_ref_sink (uuid));
    }
  (void) sqlite3_reset (stmt);
  return rc == SQLITE_DONE ||
         gemel_history_store_error (sink->worker, rc, "reading the origins", error);
}

static GVariant *
found_to_variant (Query      *query,
                  GHashTable *origins)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sxuvayt)"));
  for (guint i = 0; i < query->found->len; i++)
    {
      const Found *found = &g_array_index (query->found, Found, i);
      GVariant    *uuid = g_hash_table_lookup (origins, &found->origin_id);
      GVariant    *fields[6];

      if (uuid == NULL)
        continue;
      fields[0] = g_variant_new_string (found->tag);
      fields[1] = g_variant_new_int64 (found->view.unix_us);
      fields[2] = g_variant_new_uint32 (found->view.status);
      fields[3] = g_variant_new_variant (gemel_point_view_to_variant (&found->view));
      fields[4] = uuid;
      fields[5] = g_variant_new_uint64 (found->seq);
      g_variant_builder_add_value (&builder, g_variant_new_tuple (fields, G_N_ELEMENTS (fields)));
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/**
 * gemel_sink_query:
 * @sink: the sink
 * @query: tag or %NULL, both ends of the range (inclusive), the limit (at most 100,000), the order
 * @error: return location
 *
 * Returns: (transfer full): "a(sxuvayt)": tag, time, status, value, origin, sequence, ordered by
 *   time, then origin and sequence.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_CORRUPT
 * Thread: the sink's, inside a job
 */
GVariant *
gemel_sink_query (GemelSink               *sink,
                  const GemelHistoryQuery *query,
                  GError                 **error)
{
  g_autoptr (GArray)    found = g_array_new (FALSE, FALSE, sizeof (Found));
  g_autoptr (GArray)    ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GPtrArray) names =
    g_ptr_array_new_with_free_func ((GDestroyNotify) g_ref_string_release);
  g_autoptr (GHashTable) origins = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free,
                                                          (GDestroyNotify) g_variant_unref);
  Query                  walk = { .sink = sink,
                                  .from_unix_us = MAX (query->from_unix_us, 0),
                                  .to_unix_us = query->to_unix_us,
                                  .limit = query->limit,
                                  .newest_first = query->newest_first,
                                  .found = found };

  g_array_set_clear_func (found, (GDestroyNotify) found_clear);
  if (!map_origins (sink, origins, error) || !list_tags (sink, query->tag, ids, names, error))
    return NULL;
  for (guint i = 0; i < ids->len; i++)
    if (!add_blocks_of_tag (&walk, g_array_index (ids, gint64, i), g_ptr_array_index (names, i),
                            error))
      return NULL;
  cut_to_limit (&walk);
  return found_to_variant (&walk, origins);
}

/** What the rows of one origin say. */
typedef struct
{
  guint64 rows;
  guint64 first_seq;
  guint64 last_seq;
  guint64 gaps;       /* numbers that are missing inside of [first, last] */
  guint64 duplicates; /* rows with a number that another row has */
} Count;

static gboolean
count_rows (GemelSink *sink,
            gint64     origin_id,
            Count     *count,
            GError   **error)
{
  static const char sql[] = "SELECT seq FROM point WHERE origin_id = ?1 ORDER BY seq";
  sqlite3_stmt     *stmt = gemel_worker_prepare (sink->worker, sql, error);
  int               rc = SQLITE_OK;

  if (stmt == NULL)
    return FALSE;
  (void) sqlite3_bind_int64 (stmt, 1, origin_id);
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    {
      guint64 seq = (guint64) sqlite3_column_int64 (stmt, 0);

      if (count->rows == 0)
        count->first_seq = seq;
      else if (seq == count->last_seq)
        count->duplicates++;
      else
        count->gaps += seq - count->last_seq - 1;
      count->last_seq = seq;
      count->rows++;
    }
  (void) sqlite3_reset (stmt);
  return rc == SQLITE_DONE ||
         gemel_history_store_error (sink->worker, rc, "counting history", error);
}

static gboolean
list_marks (GemelSink *sink,
            GArray    *ids,
            GArray    *marks,
            GError   **error)
{
  static const char sql[] = "SELECT origin.id, coalesce (mark.seq, 0) FROM origin"
                            " LEFT JOIN mark ON mark.origin_id = origin.id ORDER BY uuid";
  sqlite3_stmt     *stmt = gemel_worker_prepare (sink->worker, sql, error);
  int               rc = SQLITE_OK;

  if (stmt == NULL)
    return FALSE;
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    {
      gint64  id = sqlite3_column_int64 (stmt, 0);
      guint64 mark = (guint64) sqlite3_column_int64 (stmt, 1);

      g_array_append_val (ids, id);
      g_array_append_val (marks, mark);
    }
  (void) sqlite3_reset (stmt);
  return rc == SQLITE_DONE ||
         gemel_history_store_error (sink->worker, rc, "reading the marks", error);
}

/**
 * gemel_sink_ledger:
 * @sink: the sink
 * @error: return location
 *
 * Walks through all rows, one by one, and believes neither marks nor keys. A duplicate is a second
 * row of one (origin, sequence), which the key forbids unless the file is damaged; two rows of
 * equal tag and time are not duplicates, since a source may well say the same thing twice.
 *
 * Returns: (transfer full): "a(aytttttt)": origin, rows, first, last, mark, gaps, duplicates.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_CORRUPT
 * Thread: the sink's, inside a job; as long as reading every row takes
 */
GVariant *
gemel_sink_ledger (GemelSink *sink,
                   GError   **error)
{
  g_autoptr (GArray)          ids = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (GArray)          marks = g_array_new (FALSE, FALSE, sizeof (guint64));
  g_autoptr (GHashTable)      origins = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free,
                                                               (GDestroyNotify) g_variant_unref);
  g_autoptr (GVariantBuilder) builder = g_variant_builder_new (G_VARIANT_TYPE ("a(aytttttt)"));

  if (!map_origins (sink, origins, error) || !list_marks (sink, ids, marks, error))
    return NULL;
  for (guint i = 0; i < ids->len; i++)
    {
      gint64    id = g_array_index (ids, gint64, i);
      GVariant *uuid = g_hash_table_lookup (origins, &id); /* read in the same job */
      Count     count = { 0 };

      if (!count_rows (sink, id, &count, error))
        return NULL;
      g_variant_builder_add (builder, "(@aytttttt)", uuid, count.rows, count.first_seq,
                             count.last_seq, g_array_index (marks, guint64, i), count.gaps,
                             count.duplicates);
    }
  return g_variant_ref_sink (g_variant_builder_end (builder));
}
