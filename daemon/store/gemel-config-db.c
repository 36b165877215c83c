/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * config.db: writing. A change of records and its journal entry are one savepoint of one SQLite
 * transaction.
 *
 *   record   what the configuration is now
 *   journal  entries (base, head], each chained by hash to the one before
 *   meta     one row: lineage and base (seq, term, hash of the newest entry that is not kept)
 *
 * Invariants: head is the last row of journal, or the base when it is empty; seq has no holes;
 * terms never go down. Three copies of the figures: working (in the group), committed (on disk,
 * both in the worker's thread), published (for everybody, under the mutex).
 *
 * Who may write is decided elsewhere; only a term that is over is refused here.
 */
#include "store/gemel-config-db-private.h"

#include "api/gemel-error.h"
#include "store/gemel-sqlite.h"
#include <string.h>

#define JOURNAL_BYTES_DEFAULT   (64 * 1024 * 1024)
#define JOURNAL_ENTRIES_DEFAULT 100000
#define WAITING_BYTES_MAX       (64 * 1024 * 1024)

static const GemelMigration migrations[] = {
  { "records, journal and its base",
    "CREATE TABLE record ("
    " provider TEXT NOT NULL,"
    " key TEXT NOT NULL,"
    " value BLOB NOT NULL,"
    " seq INTEGER NOT NULL,"
    " PRIMARY KEY (provider, key)) STRICT;"
    "CREATE TABLE journal ("
    " seq INTEGER NOT NULL PRIMARY KEY,"
    " term INTEGER NOT NULL,"
    " origin BLOB NOT NULL,"
    " unix_us INTEGER NOT NULL,"
    " hash BLOB NOT NULL,"
    " payload BLOB NOT NULL) STRICT;"
    "CREATE TABLE meta ("
    " id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),"
    " lineage TEXT NOT NULL,"
    " base_seq INTEGER NOT NULL,"
    " base_term INTEGER NOT NULL,"
    " base_hash BLOB NOT NULL) STRICT;" },
};

/** Waits in the queue: one write, or one apply. */
typedef struct
{
  GemelConfigDb *db;
  guint64        term;    /* of a write */
  GBytes        *payload; /* (nullable): of a write */
  GPtrArray     *entries; /* (nullable): of an apply */
  gsize          bytes;   /* counted in waiting_bytes */
} ChangeData;

static void
change_data_free (gpointer pointer)
{
  ChangeData *data = pointer;

  g_mutex_lock (&data->db->mutex);
  data->db->waiting_bytes -= data->bytes;
  g_mutex_unlock (&data->db->mutex);
  g_clear_pointer (&data->payload, g_bytes_unref);
  g_clear_pointer (&data->entries, g_ptr_array_unref);
  g_free (data);
}

static gboolean
set_record (GemelWorker         *worker,
            const GemelConfigOp *op,
            guint64              seq,
            gboolean            *ret_is_new,
            GError             **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (
    worker, "UPDATE record SET value = ?3, seq = ?4 WHERE provider = ?1 AND key = ?2", error);

  for (guint attempt = 0; stmt != NULL && attempt < 2; attempt++)
    {
      gsize         size;
      gconstpointer value = g_bytes_get_data (op->value, &size);

      sqlite3_bind_text (stmt, 1, op->provider, -1, SQLITE_STATIC);
      sqlite3_bind_text (stmt, 2, op->key, -1, SQLITE_STATIC);
      sqlite3_bind_blob64 (stmt, 3, value != NULL ? value : "", size, SQLITE_STATIC);
      sqlite3_bind_int64 (stmt, 4, (gint64) seq);
      if (!gemel_worker_step_done (worker, stmt, error))
        return FALSE;
      *ret_is_new = attempt == 1;
      if (attempt == 1 || sqlite3_changes (gemel_worker_get_db (worker)) > 0)
        return TRUE;
      stmt = gemel_worker_prepare (
        worker, "INSERT INTO record (provider, key, value, seq) VALUES (?1, ?2, ?3, ?4)", error);
    }
  return FALSE;
}

static gboolean
delete_record (GemelWorker         *worker,
               const GemelConfigOp *op,
               GError             **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (
    worker, "DELETE FROM record WHERE provider = ?1 AND key = ?2", error);

  if (stmt == NULL)
    return FALSE;
  sqlite3_bind_text (stmt, 1, op->provider, -1, SQLITE_STATIC);
  sqlite3_bind_text (stmt, 2, op->key, -1, SQLITE_STATIC);
  return gemel_worker_step_done (worker, stmt, error);
}

static gboolean
carry_out (GemelWorker      *worker,
           const GemelEntry *entry,
           GemelConfigInfo  *info,
           GError          **error)
{
  g_autoptr (GPtrArray) ops = gemel_entry_dup_ops (entry, error);

  for (guint i = 0; ops != NULL && i < ops->len; i++)
    {
      const GemelConfigOp *op = g_ptr_array_index (ops, i);
      gboolean             is_new = FALSE;

      if (op->value != NULL)
        {
          if (!set_record (worker, op, entry->position.seq, &is_new, error))
            return FALSE;
          info->n_records += is_new ? 1 : 0;
        }
      else
        {
          if (!delete_record (worker, op, error))
            return FALSE;
          info->n_records -= (guint64) sqlite3_changes (gemel_worker_get_db (worker));
        }
    }
  return ops != NULL;
}

static gboolean
append_to_journal (GemelWorker      *worker,
                   const GemelEntry *entry,
                   GemelConfigInfo  *info,
                   GError          **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (
    worker,
    "INSERT INTO journal (" GEMEL_CONFIG_ENTRY_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    error);
  gsize         size;
  gconstpointer payload = g_bytes_get_data (entry->payload, &size);

  if (stmt == NULL)
    return FALSE;
  sqlite3_bind_int64 (stmt, 1, (gint64) entry->position.seq);
  sqlite3_bind_int64 (stmt, 2, (gint64) entry->position.term);
  sqlite3_bind_blob (stmt, 3, entry->origin, sizeof entry->origin, SQLITE_STATIC);
  sqlite3_bind_int64 (stmt, 4, entry->unix_us);
  sqlite3_bind_blob (stmt, 5, entry->position.hash, GEMEL_HASH_BYTES, SQLITE_STATIC);
  sqlite3_bind_blob64 (stmt, 6, payload, size, SQLITE_STATIC);
  if (!gemel_worker_step_done (worker, stmt, error))
    return FALSE;
  info->head = entry->position;
  info->journal_entries++;
  info->journal_bytes += GEMEL_ENTRY_HEADER_BYTES + size;
  return TRUE;
}

/* Moves the base up to the row that @stmt stands on. */
static gboolean
move_base (GemelWorker  *worker,
           sqlite3_stmt *oldest,
           guint64       seq,
           GError      **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (
    worker, "UPDATE meta SET base_seq = ?1, base_term = ?2, base_hash = ?3", error);

  if (stmt == NULL)
    return FALSE;
  sqlite3_bind_int64 (stmt, 1, (gint64) seq);
  sqlite3_bind_int64 (stmt, 2, sqlite3_column_int64 (oldest, 1));
  sqlite3_bind_value (stmt, 3, sqlite3_column_value (oldest, 2));
  if (!gemel_worker_step_done (worker, stmt, error))
    return FALSE;
  stmt = gemel_worker_prepare (worker, "DELETE FROM journal WHERE seq <= ?1", error);
  if (stmt == NULL)
    return FALSE;
  sqlite3_bind_int64 (stmt, 1, (gint64) seq);
  return gemel_worker_step_done (worker, stmt, error);
}

/* Lets the oldest entries go until the limits hold; the newest always stays. */
static gboolean
compact (GemelConfigDb   *db,
         GemelWorker     *worker,
         GemelConfigInfo *info,
         GError         **error)
{
  guint64       bytes_max, entries_max;
  sqlite3_stmt *oldest;

  g_mutex_lock (&db->mutex);
  bytes_max = db->journal_bytes_max;
  entries_max = db->journal_entries_max;
  g_mutex_unlock (&db->mutex);
  if (info->journal_bytes <= bytes_max && info->journal_entries <= entries_max)
    return TRUE;

  oldest = gemel_worker_prepare (
    worker, "SELECT seq, term, hash, length (payload) FROM journal ORDER BY seq", error);
  if (oldest == NULL)
    return FALSE;
  while (sqlite3_step (oldest) == SQLITE_ROW && info->journal_entries > 1)
    {
      info->base_seq = (guint64) sqlite3_column_int64 (oldest, 0);
      info->journal_entries--;
      info->journal_bytes -= GEMEL_ENTRY_HEADER_BYTES + (guint64) sqlite3_column_int64 (oldest, 3);
      if (info->journal_bytes <= bytes_max && info->journal_entries <= entries_max)
        break;
    }
  (void) sqlite3_reset (oldest);
  oldest = gemel_worker_prepare (
    worker, "SELECT seq, term, hash FROM journal WHERE seq = ?1", error);
  if (oldest == NULL)
    return FALSE;
  sqlite3_bind_int64 (oldest, 1, (gint64) info->base_seq);
  if (sqlite3_step (oldest) != SQLITE_ROW)
    return TRUE;
  return move_base (worker, oldest, info->base_seq, error);
}

/* Takes over what a job did, once all of it has succeeded. */
static void
accept (GemelConfigDb         *db,
        const GemelConfigInfo *info,
        GemelEntry            *entry)
{
  db->working = *info;
  if (entry != NULL)
    g_ptr_array_add (db->appended, gemel_entry_ref (entry));
}

static gpointer
write_job (GemelWorker  *worker,
           gpointer      pointer,
           GCancellable *cancellable,
           GError      **error)
{
  ChangeData            *data = pointer;
  GemelConfigDb         *db = data->db;
  GemelConfigInfo        info = db->working;
  g_autoptr (GemelEntry) entry = NULL;

  if (data->term < info.head.term || data->term > G_MAXINT64)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_OLD_TERM,
                   "term %" G_GUINT64_FORMAT " is over, the journal is in term %" G_GUINT64_FORMAT
                   ", write on the node that is active now",
                   data->term, info.head.term);
      return NULL;
    }
  entry = gemel_entry_new (info.head.hash, data->term, info.head.seq + 1, db->node_uuid,
                           g_get_real_time (), data->payload);
  if (!carry_out (worker, entry, &info, error) ||
      !append_to_journal (worker, entry, &info, error) ||
      !compact (db, worker, &info, error))
    return NULL;
  accept (db, &info, entry);
  return g_memdup2 (&entry->position, sizeof entry->position);
}

static gboolean
check_follows (const GemelEntry    *entry,
               const GemelPosition *head,
               GError             **error)
{
  guint8 hash[GEMEL_HASH_BYTES];

  if (entry->position.seq != head->seq + 1)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                   "entry %" G_GUINT64_FORMAT " does not follow %" G_GUINT64_FORMAT
                   ", pull again from there",
                   entry->position.seq, head->seq);
      return FALSE;
    }
  if (entry->position.term < head->term || entry->position.term > G_MAXINT64)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_OLD_TERM,
                   "entry %" G_GUINT64_FORMAT " is of term %" G_GUINT64_FORMAT
                   ", the journal is in term %" G_GUINT64_FORMAT
                   " already, pull from the active node",
                   entry->position.seq, entry->position.term, head->term);
      return FALSE;
    }
  gemel_entry_compute_hash (entry, head->hash, hash);
  if (memcmp (hash, entry->position.hash, sizeof hash) == 0)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
               "the chain hash of entry %" G_GUINT64_FORMAT " does not fit, sync in full",
               entry->position.seq);
  return FALSE;
}

static gpointer
apply_job (GemelWorker  *worker,
           gpointer      pointer,
           GCancellable *cancellable,
           GError      **error)
{
  ChangeData     *data = pointer;
  GemelConfigInfo info;

  if (!gemel_config_db_ensure_loaded (data->db, error))
    return NULL;
  info = data->db->working;
  for (guint i = 0; i < data->entries->len; i++)
    {
      GemelEntry *entry = g_ptr_array_index (data->entries, i);

      if (!check_follows (entry, &info.head, error) ||
          !carry_out (worker, entry, &info, error) ||
          !append_to_journal (worker, entry, &info, error))
        return NULL;
    }
  if (!compact (data->db, worker, &info, error))
    return NULL;
  for (guint i = 0; i < data->entries->len; i++)
    accept (data->db, &info, g_ptr_array_index (data->entries, i));
  return GINT_TO_POINTER (TRUE);
}

static gpointer
compact_job (GemelWorker  *worker,
             gpointer      pointer,
             GCancellable *cancellable,
             GError      **error)
{
  GemelConfigDb  *db = pointer;
  GemelConfigInfo info;

  if (!gemel_config_db_ensure_loaded (db, error))
    return NULL;
  info = db->working;
  if (!compact (db, worker, &info, error))
    return NULL;
  accept (db, &info, NULL);
  return GINT_TO_POINTER (TRUE);
}

/* Answers and returns FALSE when too much is waiting; @data is gone then. */
static gboolean
admit (ChangeData         *data,
       GCancellable       *cancellable,
       GAsyncReadyCallback callback,
       gpointer            user_data)
{
  GemelConfigDb *db = data->db;
  gboolean       fits;
  GError        *error = NULL;

  g_mutex_lock (&db->mutex);
  fits = db->waiting_bytes + data->bytes <= WAITING_BYTES_MAX;
  db->waiting_bytes += data->bytes;
  g_mutex_unlock (&db->mutex);
  if (fits)
    return TRUE;
  change_data_free (data);
  g_set_error (&error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
               "more than %d bytes of configuration are waiting for the disk, try again later",
               WAITING_BYTES_MAX);
  gemel_worker_refuse_async (error, cancellable, callback, user_data);
  return FALSE;
}

/**
 * gemel_config_db_write_async:
 * @db: a database
 * @term: of the writer; not lower than that of the head
 * @ops: (transfer full) (element-type GemelConfigOp): what happens together, in order
 * @cancellable: (nullable): looked at until the write begins
 * @callback: called when the entry is on disk, in the caller's context
 * @user_data: for @callback
 *
 * Changes records and appends one entry to the journal.
 *
 * Errors of finish: %GEMEL_ERROR_INVALID_ARGS, %GEMEL_ERROR_TOO_BIG, %GEMEL_ERROR_OLD_TERM,
 *   %GEMEL_ERROR_BUSY, %GEMEL_ERROR_LIMIT, %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_STORE
 * Thread: any
 */
void
gemel_config_db_write_async (GemelConfigDb      *db,
                             guint64             term,
                             GPtrArray          *ops,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  ChangeData *data;
  GError     *error = NULL;
  GBytes     *payload = gemel_config_ops_encode (ops, &error);

  if (ops != NULL)
    g_ptr_array_unref (ops);
  if (payload == NULL)
    {
      gemel_worker_refuse_async (error, cancellable, callback, user_data);
      return;
    }
  data = g_new0 (ChangeData, 1);
  data->db = db;
  data->term = term;
  data->payload = payload;
  data->bytes = g_bytes_get_size (payload);
  if (admit (data, cancellable, callback, user_data))
    gemel_worker_push_async (db->worker, GEMEL_JOB_WRITE, write_job, data, change_data_free,
                             g_free, cancellable, callback, user_data);
}

/**
 * gemel_config_db_write_finish:
 * @db: a database
 * @result: as given to the callback
 * @ret_position: (nullable): return location for the position of the entry
 * @error: return location
 *
 * Returns: whether the entry is on disk.
 * Errors: see gemel_config_db_write_async()
 * Thread: that of the callback
 */
gboolean
gemel_config_db_write_finish (GemelConfigDb *db,
                              GAsyncResult  *result,
                              GemelPosition *ret_position,
                              GError       **error)
{
  g_autofree GemelPosition *position = gemel_worker_push_finish (db->worker, result, error);

  if (position != NULL && ret_position != NULL)
    *ret_position = *position;
  return position != NULL;
}

/**
 * gemel_config_db_apply_async:
 * @db: a database
 * @entries: (transfer none) (element-type GemelEntry): what follows the head, in order
 * @cancellable: (nullable): looked at until the apply begins
 * @callback: called when all are on disk, in the caller's context
 * @user_data: for @callback
 *
 * Appends the entries of another node and carries them out: all, or none.
 *
 * Errors of finish: %GEMEL_ERROR_PROTOCOL (seq does not follow, or bytes without sense),
 *   %GEMEL_ERROR_OLD_TERM, %GEMEL_ERROR_CORRUPT (chain hash), and those of the disk
 * Thread: any
 */
void
gemel_config_db_apply_async (GemelConfigDb      *db,
                             GPtrArray          *entries,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  ChangeData *data = g_new0 (ChangeData, 1);

  data->db = db;
  data->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_entry_unref);
  for (guint i = 0; i < entries->len; i++)
    {
      GemelEntry *entry = g_ptr_array_index (entries, i);

      g_ptr_array_add (data->entries, gemel_entry_ref (entry));
      data->bytes += g_bytes_get_size (entry->payload);
    }
  if (admit (data, cancellable, callback, user_data))
    gemel_worker_push_async (db->worker, GEMEL_JOB_WRITE, apply_job, data, change_data_free,
                             NULL, cancellable, callback, user_data);
}

/**
 * gemel_config_db_apply_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: whether all entries are on disk.
 * Errors: see gemel_config_db_apply_async()
 * Thread: that of the callback
 */
gboolean
gemel_config_db_apply_finish (GemelConfigDb *db,
                              GAsyncResult  *result,
                              GError       **error)
{
  return gemel_worker_push_finish (db->worker, result, error) != NULL;
}

/**
 * gemel_config_db_set_limits:
 * @db: a database
 * @journal_bytes_max: encoded entries to keep, bytes
 * @journal_entries_max: entries to keep
 *
 * Takes effect with the next commit; one is made for it. The newest entry is always kept.
 *
 * Thread: any
 */
void
gemel_config_db_set_limits (GemelConfigDb *db,
                            guint64        journal_bytes_max,
                            guint64        journal_entries_max)
{
  g_mutex_lock (&db->mutex);
  db->journal_bytes_max = journal_bytes_max;
  db->journal_entries_max = journal_entries_max;
  g_mutex_unlock (&db->mutex);
  gemel_worker_push_async (db->worker, GEMEL_JOB_WRITE, compact_job, db, NULL, NULL, NULL, NULL,
                           NULL);
}

/**
 * gemel_config_db_publish:
 * @db: a database
 *
 * Makes the committed figures visible to all threads.
 *
 * Thread: the worker's
 */
void
gemel_config_db_publish (GemelConfigDb *db)
{
  g_mutex_lock (&db->mutex);
  db->published = db->committed;
  g_mutex_unlock (&db->mutex);
}

static guint64
measure_file (GemelWorker *worker)
{
  /* A figure for people: when it cannot be read, 0 is shown and the next commit tries again. */
  sqlite3_stmt *stmt = gemel_worker_prepare (
    worker, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size", NULL);
  guint64 bytes = 0;

  if (stmt == NULL)
    return 0;
  if (sqlite3_step (stmt) == SQLITE_ROW)
    bytes = (guint64) sqlite3_column_int64 (stmt, 0);
  (void) sqlite3_reset (stmt);
  return bytes;
}

static void
on_committed (GemelWorker *worker,
              gboolean     committed,
              gpointer     user_data)
{
  GemelConfigDb        *db = user_data;
  g_autoptr (GPtrArray) entries = db->appended;

  db->appended = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_entry_unref);
  if (!committed || db->is_stale)
    {
      db->working = db->committed;
      return;
    }
  db->working.file_bytes = measure_file (worker);
  db->committed = db->working;
  gemel_config_db_publish (db);
  if (entries->len > 0 && db->changed != NULL)
    db->changed (entries, &db->committed, db->user_data);
}

/**
 * gemel_config_db_get_info:
 * @db: a database
 * @ret_info: return location for the figures after the last commit
 *
 * Thread: any
 */
void
gemel_config_db_get_info (GemelConfigDb   *db,
                          GemelConfigInfo *ret_info)
{
  g_mutex_lock (&db->mutex);
  *ret_info = db->published;
  g_mutex_unlock (&db->mutex);
}

static gboolean
copy_hash (sqlite3_stmt *stmt,
           int           column,
           guint8       *ret_hash)
{
  if (sqlite3_column_bytes (stmt, column) != GEMEL_HASH_BYTES)
    return FALSE;
  memcpy (ret_hash, sqlite3_column_blob (stmt, column), GEMEL_HASH_BYTES);
  return TRUE;
}

/**
 * gemel_config_db_read_meta:
 * @handle: a configuration database
 * @ret_info: return location: lineage, base_seq and head
 * @error: return location
 *
 * Returns: whether all of it was there and made sense.
 * Errors: %GEMEL_ERROR_CORRUPT, and as gemel_sqlite_set_error()
 * Thread: that of the handle
 */
gboolean
gemel_config_db_read_meta (sqlite3         *handle,
                           GemelConfigInfo *ret_info,
                           GError         **error)
{
  const char *sql =
    "SELECT lineage, base_seq, coalesce (j.term, base_term), coalesce (j.seq, base_seq),"
    " coalesce (j.hash, base_hash) FROM meta"
    " LEFT JOIN (SELECT term, seq, hash FROM journal ORDER BY seq DESC LIMIT 1) AS j";
  sqlite3_stmt *stmt = NULL;
  gboolean      ok = FALSE;
  int           rc = sqlite3_prepare_v2 (handle, sql, -1, &stmt, NULL);

  if (rc == SQLITE_OK)
    rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW)
    {
      const char *lineage = (const char *) sqlite3_column_text (stmt, 0);

      ok = lineage != NULL && g_uuid_string_is_valid (lineage) &&
           copy_hash (stmt, 4, ret_info->head.hash);
      g_strlcpy (ret_info->lineage, ok ? lineage : "", sizeof ret_info->lineage);
      ret_info->base_seq = (guint64) sqlite3_column_int64 (stmt, 1);
      ret_info->head.term = (guint64) sqlite3_column_int64 (stmt, 2);
      ret_info->head.seq = (guint64) sqlite3_column_int64 (stmt, 3);
    }
  if (rc != SQLITE_ROW && rc != SQLITE_DONE)
    gemel_sqlite_set_error (error, handle, rc, "cannot read the journal's base");
  else if (!ok)
    g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
                         "the journal has no lineage, sync in full or restore the file");
  sqlite3_finalize (stmt);
  return ok;
}

/**
 * gemel_config_db_load_info:
 * @worker: of the database
 * @ret_info: return location for all figures
 * @error: return location
 *
 * Returns: whether they could be read.
 * Errors: as gemel_config_db_read_meta()
 * Thread: the worker's, inside a job
 */
gboolean
gemel_config_db_load_info (GemelWorker     *worker,
                           GemelConfigInfo *ret_info,
                           GError         **error)
{
  sqlite3        *handle = gemel_worker_get_db (worker);
  GemelConfigInfo info = { 0 };
  gint64          records, entries, bytes;

  if (!gemel_config_db_read_meta (handle, &info, error) ||
      !gemel_sqlite_get_int (handle, "SELECT count (*) FROM record", &records, error) ||
      !gemel_sqlite_get_int (handle, "SELECT count (*) FROM journal", &entries, error) ||
      !gemel_sqlite_get_int (handle, "SELECT coalesce (sum (length (payload)), 0) FROM journal",
                             &bytes, error))
    return FALSE;
  info.n_records = (guint64) records;
  info.journal_entries = (guint64) entries;
  info.journal_bytes = (guint64) bytes + info.journal_entries * GEMEL_ENTRY_HEADER_BYTES;
  info.file_bytes = measure_file (worker);
  if (info.head.seq != info.base_seq + info.journal_entries)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
                   "the journal has holes between %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT
                   ", sync in full or restore the file",
                   info.base_seq, info.head.seq);
      return FALSE;
    }
  *ret_info = info;
  return TRUE;
}

/* Makes the lineage on the first start. */
static gpointer
found_job (GemelWorker  *worker,
           gpointer      pointer,
           GCancellable *cancellable,
           GError      **error)
{
  static const guint8 zeros[GEMEL_HASH_BYTES] = { 0 };
  g_autofree char    *lineage = g_uuid_string_random ();
  sqlite3_stmt       *stmt = gemel_worker_prepare (
          worker,
          "INSERT OR IGNORE INTO meta (id, lineage, base_seq, base_term, base_hash)"
                " VALUES (1, ?1, 0, 0, ?2)",
          error);

  if (stmt == NULL)
    return NULL;
  sqlite3_bind_text (stmt, 1, lineage, -1, SQLITE_STATIC);
  sqlite3_bind_blob (stmt, 2, zeros, sizeof zeros, SQLITE_STATIC);
  return GINT_TO_POINTER (gemel_worker_step_done (worker, stmt, error));
}

/**
 * gemel_config_db_ensure_loaded:
 * @db: a database
 * @error: return location
 *
 * After a replaced file could not be opened at once, its figures are read by the first job that
 * can: an entry must never be chained to the head of the file that has gone.
 *
 * Returns: whether the figures are those of the file.
 * Errors: as gemel_config_db_read_meta()
 * Thread: the worker's, inside a job
 */
gboolean
gemel_config_db_ensure_loaded (GemelConfigDb *db,
                               GError       **error)
{
  if (!db->is_stale)
    return TRUE;
  if (!gemel_config_db_load_info (db->worker, &db->committed, error))
    return FALSE;
  db->is_stale = FALSE;
  db->working = db->committed;
  gemel_config_db_publish (db);
  return TRUE;
}

static gpointer
load_job (GemelWorker  *worker,
          gpointer      pointer,
          GCancellable *cancellable,
          GError      **error)
{
  return GINT_TO_POINTER (gemel_config_db_ensure_loaded (pointer, error));
}

/**
 * gemel_config_db_open:
 * @path: of config.db; made when it is not there, with a lineage of its own
 * @node_uuid: of this node: the origin of what it writes
 * @changed: (nullable): called in the worker's thread after each commit with new entries
 * @user_data: for @changed
 * @error: return location
 *
 * Returns: (transfer full) (nullable): the database.
 * Errors: %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_INCOMPATIBLE (written by a newer version),
 *   %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_STORE
 * Thread: any; blocks
 */
GemelConfigDb *
gemel_config_db_open (const char        *path,
                      const guint8       node_uuid[16],
                      GemelConfigChanged changed,
                      gpointer           user_data,
                      GError           **error)
{
  g_autoptr (GemelConfigDb) db = g_new0 (GemelConfigDb, 1);

  g_mutex_init (&db->mutex);
  memcpy (db->node_uuid, node_uuid, sizeof db->node_uuid);
  db->path = g_strdup (path);
  db->changed = changed;
  db->user_data = user_data;
  db->journal_bytes_max = JOURNAL_BYTES_DEFAULT;
  db->journal_entries_max = JOURNAL_ENTRIES_DEFAULT;
  db->is_stale = TRUE;
  db->appended = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_entry_unref);
  db->worker = gemel_worker_open (path, "config-db", error);
  if (db->worker == NULL ||
      !gemel_worker_migrate (db->worker, migrations, G_N_ELEMENTS (migrations), error) ||
      gemel_worker_run (db->worker, GEMEL_JOB_WRITE, found_job, db, error) == NULL ||
      gemel_worker_run (db->worker, GEMEL_JOB_READ, load_job, db, error) == NULL)
    return NULL;
  gemel_worker_set_committed (db->worker, on_committed, db);
  return g_steal_pointer (&db);
}

/**
 * gemel_config_db_close:
 * @db: (transfer full) (nullable): a database
 *
 * Finishes what is queued and closes. A backup that runs is cancelled.
 *
 * Thread: any; blocks
 */
void
gemel_config_db_close (GemelConfigDb *db)
{
  if (db == NULL)
    return;
  gemel_worker_close (db->worker);
  g_ptr_array_unref (db->appended);
  g_mutex_clear (&db->mutex);
  g_free (db->path);
  g_free (db);
}
