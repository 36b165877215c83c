/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * config.db: reading: records in pages, the facts about a puller, pages of the journal's tail.
 * Every page has a limit in rows and in bytes.
 */
#include "store/gemel-config-db-private.h"

#include "api/gemel-error.h"
#include "store/gemel-sqlite.h"
#include <string.h>

#define LIST_RECORDS_MAX 1000
#define LIST_BYTES_MAX   (16 * 1024 * 1024)
#define TAIL_BYTES_MAX   (16 * 1024 * 1024)

typedef struct
{
  char *provider;   /* (nullable) */
  char *key;        /* (nullable): wanted, or the last one seen */
  char *prefix;     /* (nullable) */
  char *prefix_end; /* (nullable): first text that no longer begins with prefix */
  guint limit;
} ReadData;

static void
read_data_free (gpointer pointer)
{
  ReadData *data = pointer;

  g_free (data->provider);
  g_free (data->key);
  g_free (data->prefix);
  g_free (data->prefix_end);
  g_free (data);
}

static GBytes *
dup_column (sqlite3_stmt *stmt,
            int           column)
{
  gconstpointer data = sqlite3_column_blob (stmt, column);

  return g_bytes_new (data, (gsize) sqlite3_column_bytes (stmt, column));
}

/* Returns TRUE for another row; FALSE with the error set, or without at the end. */
static gboolean
next_row (GemelWorker  *worker,
          sqlite3_stmt *stmt,
          GError      **error)
{
  int rc = sqlite3_step (stmt);

  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    gemel_sqlite_set_error (error, gemel_worker_get_db (worker), rc, "cannot read");
  return rc == SQLITE_ROW;
}

static gpointer
get_job (GemelWorker  *worker,
         gpointer      pointer,
         GCancellable *cancellable,
         GError      **error)
{
  ReadData          *data = pointer;
  g_autoptr (GError) local_error = NULL;
  sqlite3_stmt      *stmt = gemel_worker_prepare (
         worker, "SELECT value FROM record WHERE provider = ?1 AND key = ?2", error);

  if (stmt == NULL)
    return NULL;
  sqlite3_bind_text (stmt, 1, data->provider, -1, SQLITE_STATIC);
  sqlite3_bind_text (stmt, 2, data->key, -1, SQLITE_STATIC);
  if (next_row (worker, stmt, &local_error))
    return dup_column (stmt, 0);
  if (local_error != NULL)
    g_propagate_error (error, g_steal_pointer (&local_error));
  else
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND,
                 "provider %s has no record %s", data->provider, data->key);
  return NULL;
}

/**
 * gemel_config_db_get_async:
 * @db: a database
 * @provider: name of the provider
 * @key: key of the record
 * @cancellable: (nullable)
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * Errors of finish: %GEMEL_ERROR_NOT_FOUND, and those of the disk
 * Thread: any
 */
void
gemel_config_db_get_async (GemelConfigDb      *db,
                           const char         *provider,
                           const char         *key,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data)
{
  ReadData *data = g_new0 (ReadData, 1);

  data->provider = g_strdup (provider);
  data->key = g_strdup (key);
  gemel_worker_push_async (db->worker, GEMEL_JOB_READ, get_job, data, read_data_free,
                           (GDestroyNotify) g_bytes_unref, cancellable, callback, user_data);
}

/**
 * gemel_config_db_get_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: (transfer full) (nullable): the value.
 * Errors: see gemel_config_db_get_async()
 * Thread: that of the callback
 */
GBytes *
gemel_config_db_get_finish (GemelConfigDb *db,
                            GAsyncResult  *result,
                            GError       **error)
{
  return gemel_worker_push_finish (db->worker, result, error);
}

/**
 * gemel_config_record_free:
 * @record: (transfer full) (nullable): a record
 *
 * Thread: any
 */
void
gemel_config_record_free (GemelConfigRecord *record)
{
  if (record == NULL)
    return;
  g_free (record->provider);
  g_free (record->key);
  g_clear_pointer (&record->value, g_bytes_unref);
  g_free (record);
}

static GemelConfigRecord *
record_from_row (sqlite3_stmt *stmt)
{
  GemelConfigRecord *record = g_new0 (GemelConfigRecord, 1);

  record->provider = g_strdup ((const char *) sqlite3_column_text (stmt, 0));
  record->key = g_strdup ((const char *) sqlite3_column_text (stmt, 1));
  record->value = dup_column (stmt, 2);
  record->seq = (guint64) sqlite3_column_int64 (stmt, 3);
  return record;
}

static sqlite3_stmt *
prepare_list (GemelWorker    *worker,
              const ReadData *data,
              GError        **error)
{
  const char   *cursor = data->key != NULL ? data->key : "";
  const char   *split = data->provider == NULL ? strchr (cursor, '\n') : NULL;
  const char   *after_key = split != NULL ? split + 1 : cursor;
  sqlite3_stmt *stmt;

  if (data->provider != NULL)
    stmt = gemel_worker_prepare (worker,
                                 "SELECT provider, key, value, seq FROM record"
                                 " WHERE provider = ?1 AND key > ?2 AND key >= ?3"
                                 " AND (?4 IS NULL OR key < ?4) ORDER BY provider, key LIMIT ?5",
                                 error);
  else
    stmt = gemel_worker_prepare (worker,
                                 "SELECT provider, key, value, seq FROM record"
                                 " WHERE (provider, key) > (?1, ?2) AND key >= ?3"
                                 " AND (?4 IS NULL OR key < ?4) ORDER BY provider, key LIMIT ?5",
                                 error);
  if (stmt == NULL)
    return NULL;
  if (data->provider != NULL)
    sqlite3_bind_text (stmt, 1, data->provider, -1, SQLITE_STATIC);
  else
    sqlite3_bind_text (stmt, 1, cursor, split != NULL ? (int) (split - cursor) : -1, SQLITE_STATIC);
  sqlite3_bind_text (stmt, 2, after_key, -1, SQLITE_STATIC);
  sqlite3_bind_text (stmt, 3, data->prefix != NULL ? data->prefix : "", -1, SQLITE_STATIC);
  if (data->prefix_end != NULL)
    sqlite3_bind_text (stmt, 4, data->prefix_end, -1, SQLITE_STATIC);
  sqlite3_bind_int64 (stmt, 5, data->limit);
  return stmt;
}

static gpointer
list_job (GemelWorker  *worker,
          gpointer      pointer,
          GCancellable *cancellable,
          GError      **error)
{
  g_autoptr (GPtrArray) records =
    g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_config_record_free);
  g_autoptr (GError) local_error = NULL;
  sqlite3_stmt      *stmt = prepare_list (worker, pointer, error);
  gsize              bytes = 0;

  if (stmt == NULL)
    return NULL;
  while (bytes < LIST_BYTES_MAX && next_row (worker, stmt, &local_error))
    {
      GemelConfigRecord *record = record_from_row (stmt);

      g_ptr_array_add (records, record);
      bytes += g_bytes_get_size (record->value);
    }
  if (local_error == NULL)
    return g_steal_pointer (&records);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return NULL;
}

/**
 * gemel_config_db_list_async:
 * @db: a database
 * @provider: (nullable): %NULL lists those of all providers
 * @prefix: (nullable): only keys that begin with it
 * @after_key: (nullable): the last key of the page before; without @provider it is
 *   "PROVIDER\nKEY" (neither can hold a line feed)
 * @limit: records, at most 1000; 0 means 1000
 * @cancellable: (nullable)
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * A page, in the order of provider and key (bytes). A page may be shorter than @limit because of
 * its size (16 MiB); the list ends with an empty page.
 *
 * Errors of finish: those of the disk
 * Thread: any
 */
void
gemel_config_db_list_async (GemelConfigDb      *db,
                            const char         *provider,
                            const char         *prefix,
                            const char         *after_key,
                            guint               limit,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  ReadData *data = g_new0 (ReadData, 1);

  data->provider = g_strdup (provider);
  data->key = g_strdup (after_key);
  data->limit = limit == 0 ? LIST_RECORDS_MAX : MIN (limit, LIST_RECORDS_MAX);
  if (prefix != NULL && *prefix != '\0')
    {
      data->prefix = g_strdup (prefix);
      data->prefix_end = g_strdup (prefix);
      /* The last byte of UTF-8 is never 0xff, so this cannot overflow. */
      data->prefix_end[strlen (prefix) - 1]++;
    }
  gemel_worker_push_async (db->worker, GEMEL_JOB_READ, list_job, data, read_data_free,
                           (GDestroyNotify) g_ptr_array_unref, cancellable, callback, user_data);
}

/**
 * gemel_config_db_list_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: (transfer full) (element-type GemelConfigRecord) (nullable): the page.
 * Errors: see gemel_config_db_list_async()
 * Thread: that of the callback
 */
GPtrArray *
gemel_config_db_list_finish (GemelConfigDb *db,
                             GAsyncResult  *result,
                             GError       **error)
{
  return gemel_worker_push_finish (db->worker, result, error);
}

typedef struct
{
  GemelConfigDb *db;
  char          *lineage; /* (nullable): the puller's */
  GemelPosition  puller;
} FactsData;

static void
facts_data_free (gpointer pointer)
{
  FactsData *data = pointer;

  g_free (data->lineage);
  g_free (data);
}

/* The base is kept as a position, so a puller that stands exactly there is known as well. */
static gboolean
look_up_puller (GemelWorker      *worker,
                guint64           seq,
                GemelSourceFacts *facts,
                GError          **error)
{
  g_autoptr (GError) local_error = NULL;
  sqlite3_stmt      *stmt = gemel_worker_prepare (
         worker,
         "SELECT term, hash FROM journal WHERE seq = ?1 UNION ALL"
              " SELECT base_term, base_hash FROM meta WHERE base_seq = ?1",
         error);

  if (stmt == NULL)
    return FALSE;
  sqlite3_bind_int64 (stmt, 1, (gint64) seq);
  if (next_row (worker, stmt, &local_error) && sqlite3_column_bytes (stmt, 1) == GEMEL_HASH_BYTES)
    {
      facts->puller_known = TRUE;
      facts->term_at_puller = (guint64) sqlite3_column_int64 (stmt, 0);
      memcpy (facts->hash_at_puller, sqlite3_column_blob (stmt, 1), GEMEL_HASH_BYTES);
    }
  if (local_error == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gboolean
measure_tail (GemelWorker      *worker,
              guint64           seq,
              GemelSourceFacts *facts,
              GError          **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (
    worker,
    "SELECT count (*), coalesce (sum (length (payload)), 0) FROM journal WHERE seq > ?1", error);

  if (stmt == NULL)
    return FALSE;
  sqlite3_bind_int64 (stmt, 1, (gint64) seq);
  if (!next_row (worker, stmt, error))
    return FALSE;
  facts->tail_bytes = (guint64) sqlite3_column_int64 (stmt, 0) * GEMEL_ENTRY_HEADER_BYTES +
                      (guint64) sqlite3_column_int64 (stmt, 1);
  return TRUE;
}

static gpointer
facts_job (GemelWorker  *worker,
           gpointer      pointer,
           GCancellable *cancellable,
           GError      **error)
{
  FactsData                   *data = pointer;
  const GemelConfigInfo       *info = &data->db->committed;
  g_autofree GemelSourceFacts *facts = g_new0 (GemelSourceFacts, 1);
  guint64                      seq = MIN (data->puller.seq, G_MAXINT64);

  facts->same_lineage = g_strcmp0 (data->lineage, info->lineage) == 0;
  facts->head = info->head;
  facts->base_seq = info->base_seq;
  facts->full_bytes = info->file_bytes;
  if (!look_up_puller (worker, seq, facts, error) || !measure_tail (worker, seq, facts, error))
    return NULL;
  return g_steal_pointer (&facts);
}

/**
 * gemel_config_db_facts_async:
 * @db: a database
 * @puller_lineage: (nullable): what the puller names
 * @puller: where the puller stands
 * @cancellable: (nullable)
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * Collects what gemel_position_plan() needs. A puller at the base is known, too.
 *
 * Errors of finish: those of the disk
 * Thread: any
 */
void
gemel_config_db_facts_async (GemelConfigDb       *db,
                             const char          *puller_lineage,
                             const GemelPosition *puller,
                             GCancellable        *cancellable,
                             GAsyncReadyCallback  callback,
                             gpointer             user_data)
{
  FactsData *data = g_new0 (FactsData, 1);

  data->db = db;
  data->lineage = g_strdup (puller_lineage);
  data->puller = *puller;
  gemel_worker_push_async (db->worker, GEMEL_JOB_READ, facts_job, data, facts_data_free, g_free,
                           cancellable, callback, user_data);
}

/**
 * gemel_config_db_facts_finish:
 * @db: a database
 * @result: as given to the callback
 * @ret_facts: return location
 * @error: return location
 *
 * Returns: whether @ret_facts was filled in.
 * Errors: see gemel_config_db_facts_async()
 * Thread: that of the callback
 */
gboolean
gemel_config_db_facts_finish (GemelConfigDb    *db,
                              GAsyncResult     *result,
                              GemelSourceFacts *ret_facts,
                              GError          **error)
{
  g_autofree GemelSourceFacts *facts = gemel_worker_push_finish (db->worker, result, error);

  if (facts != NULL)
    *ret_facts = *facts;
  return facts != NULL;
}

/**
 * gemel_config_entry_from_row:
 * @stmt: on a row of GEMEL_CONFIG_ENTRY_COLUMNS
 * @error: return location
 *
 * Returns: (transfer full) (nullable): the entry as stored; its hash is not checked.
 * Errors: %GEMEL_ERROR_CORRUPT when a column has the wrong size
 * Thread: the worker's, inside a job
 */
GemelEntry *
gemel_config_entry_from_row (sqlite3_stmt *stmt,
                             GError      **error)
{
  static const guint8 no_hash[GEMEL_HASH_BYTES] = { 0 };
  g_autoptr (GBytes)  payload = dup_column (stmt, 5);
  GemelEntry         *entry;

  if (sqlite3_column_bytes (stmt, 2) != 16 || sqlite3_column_bytes (stmt, 4) != GEMEL_HASH_BYTES)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
                   "journal entry %lld is damaged, sync in full or restore the file",
                   sqlite3_column_int64 (stmt, 0));
      return NULL;
    }
  entry = gemel_entry_new (no_hash, (guint64) sqlite3_column_int64 (stmt, 1),
                           (guint64) sqlite3_column_int64 (stmt, 0),
                           sqlite3_column_blob (stmt, 2), sqlite3_column_int64 (stmt, 3), payload);
  memcpy (entry->position.hash, sqlite3_column_blob (stmt, 4), GEMEL_HASH_BYTES);
  return entry;
}

typedef struct
{
  GemelConfigDb *db;
  guint64        after_seq;
  gsize          bytes_max;
} TailData;

static gpointer
tail_job (GemelWorker  *worker,
          gpointer      pointer,
          GCancellable *cancellable,
          GError      **error)
{
  TailData             *data = pointer;
  g_autoptr (GPtrArray) entries =
    g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_entry_unref);
  g_autoptr (GError) local_error = NULL;
  gsize              bytes = 0;
  sqlite3_stmt      *stmt;

  if (data->after_seq < data->db->committed.base_seq)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND,
                   "entries up to %" G_GUINT64_FORMAT " are no longer kept, sync in full",
                   data->db->committed.base_seq);
      return NULL;
    }
  stmt = gemel_worker_prepare (worker,
                               "SELECT " GEMEL_CONFIG_ENTRY_COLUMNS
                               " FROM journal WHERE seq > ?1 ORDER BY seq",
                               error);
  if (stmt == NULL)
    return NULL;
  sqlite3_bind_int64 (stmt, 1, (gint64) MIN (data->after_seq, G_MAXINT64));
  while (local_error == NULL && next_row (worker, stmt, &local_error))
    {
      gsize       size = GEMEL_ENTRY_HEADER_BYTES + (gsize) sqlite3_column_bytes (stmt, 5);
      GemelEntry *entry;

      if (entries->len > 0 && bytes + size > data->bytes_max)
        break;
      entry = gemel_config_entry_from_row (stmt, &local_error);
      if (entry != NULL)
        g_ptr_array_add (entries, entry);
      bytes += size;
    }
  if (local_error == NULL)
    return g_steal_pointer (&entries);
  g_propagate_error (error, g_steal_pointer (&local_error));
  return NULL;
}

/**
 * gemel_config_db_read_tail_async:
 * @db: a database
 * @after_seq: the last entry that the puller has
 * @bytes_max: of encoded entries in the page, at most 16 MiB; one entry is always in it
 * @cancellable: (nullable)
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * Reads the next entries of the journal.
 *
 * Errors of finish: %GEMEL_ERROR_NOT_FOUND when they are no longer kept, %GEMEL_ERROR_CORRUPT
 * Thread: any
 */
void
gemel_config_db_read_tail_async (GemelConfigDb      *db,
                                 guint64             after_seq,
                                 gsize               bytes_max,
                                 GCancellable       *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer            user_data)
{
  TailData *data = g_new0 (TailData, 1);

  data->db = db;
  data->after_seq = after_seq;
  data->bytes_max = MIN (bytes_max, TAIL_BYTES_MAX);
  gemel_worker_push_async (db->worker, GEMEL_JOB_READ, tail_job, data, g_free,
                           (GDestroyNotify) g_ptr_array_unref, cancellable, callback, user_data);
}

/**
 * gemel_config_db_read_tail_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: (transfer full) (element-type GemelEntry) (nullable): the page; empty at the head.
 * Errors: see gemel_config_db_read_tail_async()
 * Thread: that of the callback
 */
GPtrArray *
gemel_config_db_read_tail_finish (GemelConfigDb *db,
                                  GAsyncResult  *result,
                                  GError       **error)
{
  return gemel_worker_push_finish (db->worker, result, error);
}
