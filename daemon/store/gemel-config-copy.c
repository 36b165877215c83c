/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * config.db: whole copies: making one while writers go on, and putting one in place.
 *
 * Backup: slices of BACKUP_SLICE_PAGES on the worker's own handle, each a job that lines up again
 * behind those that wait. Writes between two slices reach the copy by SQLite itself, because they
 * use the same handle; from another handle each write would make the backup start anew.
 *
 * Replace, and what a crash leaves:
 *   1 check the staged file, sync it         | old
 *   2 checkpoint, truncate the -wal, close   | old, alone complete: the -wal is gone or empty
 *   3 second name for the old file           | old, under two names; done again it is the same
 *   4 rename the staged file                 | old or new: one rename
 *   5 sync the directory, reopen             | new
 * A -wal that belongs to the old file never stands beside the new one: that is what 2 is for.
 */
#include "store/gemel-config-db-private.h"

#include "api/gemel-error.h"
#include "store/gemel-durable.h"
#include "store/gemel-sqlite.h"
#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define BACKUP_SLICE_PAGES 100 /* 3.8 ms for 4 KiB pages */

typedef struct
{
  GemelConfigDb      *db;
  char               *dest_path;
  GemelBackupProgress progress; /* (nullable) */
  gpointer            progress_data;
  sqlite3            *dest;   /* (nullable): from the first slice on */
  sqlite3_backup     *backup; /* (nullable): while it runs */
  gboolean            done;   /* the file stays */
} BackupData;

static void
close_backup (BackupData *data)
{
  if (data->backup != NULL)
    (void) sqlite3_backup_finish (data->backup);
  data->backup = NULL;
  (void) sqlite3_close (data->dest);
  data->dest = NULL;
}

static void
backup_data_free (gpointer pointer)
{
  BackupData *data = pointer;
  gboolean    was_begun = data->dest != NULL;

  close_backup (data);
  if (was_begun && !data->done)
    (void) g_unlink (data->dest_path);
  g_free (data->dest_path);
  g_free (data);
}

static gboolean
begin_backup (GemelWorker *worker,
              BackupData  *data,
              GError     **error)
{
  g_autofree char *what = g_strdup_printf ("cannot copy to %s", data->dest_path);
  sqlite3         *source = gemel_worker_get_db (worker);
  int              rc;

  if (g_unlink (data->dest_path) != 0 && errno != ENOENT)
    {
      gemel_durable_set_errno (error, errno, "cannot replace", data->dest_path);
      return FALSE;
    }
  if (!gemel_durable_ensure_file (data->dest_path, error))
    return FALSE;
  rc = sqlite3_open_v2 (data->dest_path, &data->dest,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
  if (rc != SQLITE_OK)
    {
      gemel_sqlite_set_error (error, data->dest, rc, what);
      return FALSE;
    }
  /* The file is synced once at its end; a crash before that leaves nothing that counts. */
  if (!gemel_sqlite_exec (data->dest, "PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF", error))
    return FALSE;
  data->backup = sqlite3_backup_init (data->dest, "main", source, "main");
  if (data->backup == NULL)
    gemel_sqlite_set_error (error, data->dest, sqlite3_errcode (data->dest), what);
  return data->backup != NULL;
}

/* Reads the head from the copy itself, so that the answer is about the file and not about now. */
static gpointer
end_backup (BackupData *data,
            GError    **error)
{
  GemelConfigInfo info = { 0 };
  sqlite3        *copy;
  gboolean        ok;

  close_backup (data);
  if (!gemel_durable_sync_file (data->dest_path, error) ||
      !gemel_durable_sync_dir_of (data->dest_path, error))
    return NULL;
  copy = gemel_sqlite_open_copy (data->dest_path, error);
  if (copy == NULL)
    return NULL;
  ok = gemel_config_db_read_meta (copy, &info, error);
  (void) sqlite3_close (copy);
  data->done = ok;
  return ok ? g_memdup2 (&info.head, sizeof info.head) : NULL;
}

static gboolean
go_on (GemelWorker  *worker,
       GCancellable *cancellable,
       GError      **error)
{
  if (!g_cancellable_is_cancelled (cancellable) && gemel_worker_run_again (worker))
    return TRUE;
  g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_CANCELLED, "the full backup was cancelled");
  return FALSE;
}

static gpointer
backup_job (GemelWorker  *worker,
            gpointer      pointer,
            GCancellable *cancellable,
            GError      **error)
{
  BackupData *data = pointer;
  int         rc, total;

  if (data->backup == NULL && !begin_backup (worker, data, error))
    return NULL;
  rc = sqlite3_backup_step (data->backup, BACKUP_SLICE_PAGES);
  total = sqlite3_backup_pagecount (data->backup);
  if (data->progress != NULL)
    data->progress ((guint) (total - sqlite3_backup_remaining (data->backup)), (guint) total,
                    data->progress_data);
  if (rc == SQLITE_DONE)
    return end_backup (data, error);
  /* BUSY and LOCKED: a person's sqlite3 shell holds the file for a moment. */
  if (rc == SQLITE_OK || (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED)
    {
      (void) go_on (worker, cancellable, error);
      return NULL;
    }
  gemel_sqlite_set_error (error, NULL, rc, "cannot copy the configuration");
  return NULL;
}

/**
 * gemel_config_db_backup_async:
 * @db: a database
 * @dest_path: where the copy shall be; replaced when it is there
 * @progress: (nullable): called after each slice, in the worker's thread
 * @progress_data: for @progress
 * @cancellable: (nullable): looked at between two slices; the file is removed then
 * @callback: called when the copy is complete and on disk
 * @user_data: for @callback
 *
 * Copies the database while writers go on.
 *
 * Errors of finish: %GEMEL_ERROR_CANCELLED, %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_STORE
 * Thread: any
 */
void
gemel_config_db_backup_async (GemelConfigDb      *db,
                              const char         *dest_path,
                              GemelBackupProgress progress,
                              gpointer            progress_data,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data)
{
  BackupData *data = g_new0 (BackupData, 1);

  data->db = db;
  data->dest_path = g_strdup (dest_path);
  data->progress = progress;
  data->progress_data = progress_data;
  gemel_worker_push_async (db->worker, GEMEL_JOB_ALONE, backup_job, data, backup_data_free, g_free,
                           cancellable, callback, user_data);
}

/**
 * gemel_config_db_backup_finish:
 * @db: a database
 * @result: as given to the callback
 * @ret_position: (nullable): return location for the head inside the copy
 * @error: return location
 *
 * Returns: whether the copy is complete and on disk.
 * Errors: see gemel_config_db_backup_async()
 * Thread: that of the callback
 */
gboolean
gemel_config_db_backup_finish (GemelConfigDb *db,
                               GAsyncResult  *result,
                               GemelPosition *ret_position,
                               GError       **error)
{
  g_autofree GemelPosition *position = gemel_worker_push_finish (db->worker, result, error);

  if (position != NULL && ret_position != NULL)
    *ret_position = *position;
  return position != NULL;
}

typedef struct
{
  GemelConfigDb *db;
  char          *staged_path;
  char          *keep_path; /* (nullable) */
  GemelPosition  expected;
} ReplaceData;

static void
replace_data_free (gpointer pointer)
{
  ReplaceData *data = pointer;

  g_free (data->staged_path);
  g_free (data->keep_path);
  g_free (data);
}

static gboolean
check_integrity (sqlite3    *copy,
                 const char *path,
                 GError    **error)
{
  sqlite3_stmt *stmt = NULL;
  gboolean      ok = FALSE;
  int           rc = sqlite3_prepare_v2 (copy, "PRAGMA quick_check(1)", -1, &stmt, NULL);

  if (rc == SQLITE_OK)
    rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW)
    ok = g_strcmp0 ((const char *) sqlite3_column_text (stmt, 0), "ok") == 0;
  else
    gemel_sqlite_set_error (error, copy, rc, "cannot check the received configuration");
  sqlite3_finalize (stmt);
  if (rc == SQLITE_ROW && !ok)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
                 "%s is damaged, transfer the full backup again", path);
  return ok;
}

static gboolean
check_schema (sqlite3     *copy,
              GemelWorker *worker,
              GError     **error)
{
  gint64 theirs, ours;

  if (!gemel_sqlite_get_int (copy, "PRAGMA user_version", &theirs, error) ||
      !gemel_sqlite_get_int (gemel_worker_get_db (worker), "PRAGMA user_version", &ours, error))
    return FALSE;
  if (theirs > 0 && theirs <= ours)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INCOMPATIBLE,
               "the received configuration has schema %" G_GINT64_FORMAT
               ", this version knows up to %" G_GINT64_FORMAT ", upgrade this node",
               theirs, ours);
  return FALSE;
}

static gboolean
check_head (sqlite3             *copy,
            const GemelPosition *expected,
            GError             **error)
{
  GemelConfigInfo info = { 0 };

  if (!gemel_config_db_read_meta (copy, &info, error))
    return FALSE;
  if (info.head.term == expected->term && info.head.seq == expected->seq &&
      memcmp (info.head.hash, expected->hash, GEMEL_HASH_BYTES) == 0)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
               "the received configuration ends at entry %" G_GUINT64_FORMAT
               ", announced was %" G_GUINT64_FORMAT ", transfer it again",
               info.head.seq, expected->seq);
  return FALSE;
}

static gboolean
check_staged (GemelWorker       *worker,
              const ReplaceData *data,
              GError           **error)
{
  sqlite3 *copy = gemel_sqlite_open_copy (data->staged_path, error);
  gboolean ok = copy != NULL && check_integrity (copy, data->staged_path, error) &&
                check_schema (copy, worker, error) && check_head (copy, &data->expected, error);

  (void) sqlite3_close (copy);
  return ok;
}

static gboolean
swap_files (const ReplaceData *data,
            GError           **error)
{
  if (data->keep_path != NULL && !gemel_durable_keep (data->db->path, data->keep_path, error))
    return FALSE;
  return gemel_durable_rename (data->staged_path, data->db->path, error);
}

static gpointer
replace_job (GemelWorker  *worker,
             gpointer      pointer,
             GCancellable *cancellable,
             GError      **error)
{
  ReplaceData   *data = pointer;
  GemelConfigDb *db = data->db;
  gboolean       swapped;

  if (!check_staged (worker, data, error) ||
      !gemel_durable_sync_file (data->staged_path, error) ||
      !gemel_worker_close_db (worker, error))
    return NULL;
  swapped = swap_files (data, error);
  /* Whichever file has the name now is opened; without a swap the first error is the news. */
  db->is_stale = TRUE;
  if (!gemel_worker_reopen_db (worker, swapped ? error : NULL) ||
      !gemel_config_db_ensure_loaded (db, swapped ? error : NULL))
    return NULL;
  return GINT_TO_POINTER (swapped);
}

/**
 * gemel_config_db_replace_async:
 * @db: a database
 * @staged_path: a full backup, on the file system of the database; gone afterwards
 * @expected_head: the position that was announced with it
 * @keep_path: (nullable): where the present file shall stay
 * @cancellable: (nullable): looked at until it begins
 * @callback: called when the new file is in place and open
 * @user_data: for @callback
 *
 * Puts a full backup in place of the database. The caller has stopped who uses the records. No
 * backup may be under way.
 *
 * Errors of finish: %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_INCOMPATIBLE, %GEMEL_ERROR_INVALID_ARGS
 *   (@keep_path is taken), %GEMEL_ERROR_STORE; the present database is open and unchanged then
 * Thread: any
 */
void
gemel_config_db_replace_async (GemelConfigDb       *db,
                               const char          *staged_path,
                               const GemelPosition *expected_head,
                               const char          *keep_path,
                               GCancellable        *cancellable,
                               GAsyncReadyCallback  callback,
                               gpointer             user_data)
{
  ReplaceData *data = g_new0 (ReplaceData, 1);

  data->db = db;
  data->staged_path = g_strdup (staged_path);
  data->keep_path = g_strdup (keep_path);
  data->expected = *expected_head;
  gemel_worker_push_async (db->worker, GEMEL_JOB_ALONE, replace_job, data, replace_data_free, NULL,
                           cancellable, callback, user_data);
}

/**
 * gemel_config_db_replace_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: whether the new file is in place.
 * Errors: see gemel_config_db_replace_async()
 * Thread: that of the callback
 */
gboolean
gemel_config_db_replace_finish (GemelConfigDb *db,
                                GAsyncResult  *result,
                                GError       **error)
{
  return gemel_worker_push_finish (db->worker, result, error) != NULL;
}
