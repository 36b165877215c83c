/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Opening SQLite handles, mapping their result codes, numbered migrations.
 *
 * A handle is WAL with synchronous=FULL: COMMIT returns when the change is on disk. A copy (a full
 * backup that is being looked at) is opened immutable, so that looking leaves no -wal beside it.
 */
#include "store/gemel-sqlite.h"

#include "api/gemel-error.h"
#include "store/gemel-durable.h"

#define BUSY_TIMEOUT_MS      2000 /* a person's sqlite3 shell may hold the file a while */
#define WAL_CHECKPOINT_PAGES "1000"

/**
 * gemel_sqlite_set_error:
 * @error: (nullable): where to put it
 * @db: (nullable): the handle, for SQLite's own words
 * @rc: SQLite result code, also extended; not SQLITE_OK
 * @what: what was tried, for a person
 *
 * The only place where a result code of SQLite becomes a %GEMEL_ERROR.
 *
 * Thread: that of the handle
 */
void
gemel_sqlite_set_error (GError    **error,
                        sqlite3    *db,
                        int         rc,
                        const char *what)
{
  int         primary = rc & 0xff;
  const char *words = db != NULL ? sqlite3_errmsg (db) : sqlite3_errstr (rc);

  if (primary == SQLITE_FULL)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_DISK_FULL,
                 "%s: %s, free some disk space", what, words);
  else if (primary == SQLITE_CORRUPT || primary == SQLITE_NOTADB)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
                 "%s: %s, restore the file or remove it and sync anew", what, words);
  else
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE,
                 "%s: %s (SQLite code %d), see to the file and try again", what, words, rc);
}

/**
 * gemel_sqlite_exec:
 * @db: a handle
 * @sql: one or more statements without parameters
 * @error: return location
 *
 * Returns: whether all of them succeeded.
 * Errors: as gemel_sqlite_set_error()
 * Thread: that of the handle
 */
gboolean
gemel_sqlite_exec (sqlite3    *db,
                   const char *sql,
                   GError    **error)
{
  int rc = sqlite3_exec (db, sql, NULL, NULL, NULL);

  if (rc == SQLITE_OK)
    return TRUE;
  gemel_sqlite_set_error (error, db, rc, "cannot run a statement");
  return FALSE;
}

/**
 * gemel_sqlite_get_int:
 * @db: a handle
 * @sql: a query or pragma whose first row begins with a number
 * @ret_value: return location
 * @error: return location
 *
 * Returns: whether there was a row.
 * Errors: as gemel_sqlite_set_error(); %GEMEL_ERROR_STORE without a row
 * Thread: that of the handle
 */
gboolean
gemel_sqlite_get_int (sqlite3    *db,
                      const char *sql,
                      gint64     *ret_value,
                      GError    **error)
{
  sqlite3_stmt *stmt = NULL;
  int           rc = sqlite3_prepare_v2 (db, sql, -1, &stmt, NULL);

  if (rc == SQLITE_OK)
    rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW)
    *ret_value = sqlite3_column_int64 (stmt, 0);
  else
    gemel_sqlite_set_error (error, db, rc, "cannot read a number");
  sqlite3_finalize (stmt);
  return rc == SQLITE_ROW;
}

/* Returns the handle, or NULL with the error set and nothing left open. */
static sqlite3 *
open_handle (const char *name,
             int         flags,
             const char *path,
             GError    **error)
{
  sqlite3         *db = NULL;
  g_autofree char *what = g_strdup_printf ("cannot open %s", path);
  int              rc = sqlite3_open_v2 (name, &db,
                                         flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);

  if (rc == SQLITE_OK)
    return db;
  gemel_sqlite_set_error (error, db, rc, what);
  sqlite3_close (db);
  return NULL;
}

/* "PRAGMA journal_mode=WAL" succeeds and answers "delete" where WAL is impossible. */
static gboolean
set_wal (sqlite3    *db,
         const char *path,
         GError    **error)
{
  sqlite3_stmt *stmt = NULL;
  gboolean      is_wal = FALSE;
  int           rc = sqlite3_prepare_v2 (db, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);

  if (rc == SQLITE_OK)
    rc = sqlite3_step (stmt);
  if (rc == SQLITE_ROW)
    is_wal = g_strcmp0 ((const char *) sqlite3_column_text (stmt, 0), "wal") == 0;
  else
    gemel_sqlite_set_error (error, db, rc, path);
  sqlite3_finalize (stmt);
  if (rc == SQLITE_ROW && !is_wal)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE,
                 "%s: its file system has no write-ahead log, use a local disk", path);
  return is_wal;
}

static gboolean
set_up_handle (sqlite3    *db,
               const char *path,
               GError    **error)
{
  sqlite3_busy_timeout (db, BUSY_TIMEOUT_MS);
  return set_wal (db, path, error) &&
         gemel_sqlite_exec (db,
                            "PRAGMA synchronous=FULL;"
                            "PRAGMA foreign_keys=ON;"
                            "PRAGMA trusted_schema=OFF;"
                            "PRAGMA cell_size_check=ON;"
                            "PRAGMA wal_autocheckpoint=" WAL_CHECKPOINT_PAGES,
                            error);
}

/**
 * gemel_sqlite_open:
 * @path: the database file; made, readable by this user alone, when it is not there
 * @error: return location
 *
 * Returns: (transfer full) (nullable): a handle in WAL mode with synchronous=FULL.
 * Errors: as gemel_sqlite_set_error()
 * Thread: any; the handle then belongs to one thread at a time
 */
sqlite3 *
gemel_sqlite_open (const char *path,
                   GError    **error)
{
  sqlite3 *db;

  if (!gemel_durable_ensure_file (path, error))
    return NULL;
  db = open_handle (path, SQLITE_OPEN_READWRITE, path, error);
  if (db == NULL)
    return NULL;
  if (set_up_handle (db, path, error))
    return db;
  sqlite3_close (db);
  return NULL;
}

/**
 * gemel_sqlite_open_copy:
 * @path: a complete database file that nobody writes
 * @error: return location
 *
 * Returns: (transfer full) (nullable): a handle that only reads and leaves no trace on disk.
 * Errors: as gemel_sqlite_set_error(); %GEMEL_ERROR_INVALID_ARGS for a relative path
 * Thread: any; the handle then belongs to one thread at a time
 */
sqlite3 *
gemel_sqlite_open_copy (const char *path,
                        GError    **error)
{
  g_autofree char *absolute = g_canonicalize_filename (path, NULL);
  g_autofree char *uri = g_filename_to_uri (absolute, NULL, NULL);
  g_autofree char *name = NULL;

  if (uri == NULL)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS, "%s: not a usable path", path);
      return NULL;
    }
  name = g_strconcat (uri, "?immutable=1", NULL);
  return open_handle (name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, path, error);
}

static gboolean
run_migration (sqlite3              *db,
               const GemelMigration *migration,
               guint                 number,
               GError              **error)
{
  g_autofree char *mark = g_strdup_printf ("PRAGMA user_version=%u", number);

  if (gemel_sqlite_exec (db, "BEGIN IMMEDIATE", error) &&
      gemel_sqlite_exec (db, migration->sql, error) &&
      gemel_sqlite_exec (db, mark, error) &&
      gemel_sqlite_exec (db, "COMMIT", error))
    return TRUE;
  if (!sqlite3_get_autocommit (db))
    (void) sqlite3_exec (db, "ROLLBACK", NULL, NULL, NULL);
  g_prefix_error (error, "migration %u (%s): ", number, migration->what);
  return FALSE;
}

/**
 * gemel_sqlite_migrate:
 * @db: a handle outside of a transaction
 * @migrations: all that this version knows, in order
 * @n_migrations: how many
 * @error: return location
 *
 * Runs what the file lacks, each in a transaction of its own together with its number.
 *
 * Returns: whether the file now has the newest schema.
 * Errors: %GEMEL_ERROR_INCOMPATIBLE when a newer version wrote it; gemel_sqlite_set_error()
 * Thread: that of the handle
 */
gboolean
gemel_sqlite_migrate (sqlite3              *db,
                      const GemelMigration *migrations,
                      guint                 n_migrations,
                      GError              **error)
{
  gint64 version;

  if (!gemel_sqlite_get_int (db, "PRAGMA user_version", &version, error))
    return FALSE;
  if (version < 0 || version > n_migrations)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INCOMPATIBLE,
                   "the database has schema %" G_GINT64_FORMAT
                   ", this version knows up to %u, install the newer version",
                   version, n_migrations);
      return FALSE;
    }
  for (guint i = (guint) version; i < n_migrations; i++)
    if (!run_migration (db, &migrations[i], i + 1, error))
      return FALSE;
  return TRUE;
}
