/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * node.db: identity, settings and activity intervals of this node. Events are in
 * gemel-node-events.c. Keeps what it is given; whether a setting is valid is decided elsewhere.
 */
#include "store/gemel-node-db-private.h"

#include "api/gemel-error.h"
#include "api/gemel-names.h"
#include "store/gemel-sqlite.h"
#include <string.h>

#define EVENTS_MAX_DEFAULT 10000
#define INTERVALS_MAX      "10000"
#define INTERVALS_PAGE_MAX 1000

static const GemelMigration migrations[] = {
  { "identity, settings, events, intervals",
    "CREATE TABLE identity ("
    " id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),"
    " node_uuid BLOB NOT NULL CHECK (length (node_uuid) = 16),"
    " paired INTEGER NOT NULL,"
    " pair_uuid BLOB NOT NULL CHECK (length (pair_uuid) = 16),"
    " slot INTEGER NOT NULL CHECK (slot IN (0, 1)),"
    " peer_uuid BLOB NOT NULL CHECK (length (peer_uuid) = 16),"
    " peer_pin BLOB NOT NULL CHECK (length (peer_pin) = 32),"
    " synced_once INTEGER NOT NULL) STRICT;"
    "CREATE TABLE setting ("
    " name TEXT NOT NULL PRIMARY KEY,"
    " value TEXT NOT NULL) STRICT;"
    "CREATE TABLE event ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " unix_us INTEGER NOT NULL,"
    " boot_us INTEGER NOT NULL,"
    " code INTEGER NOT NULL,"
    " severity INTEGER NOT NULL,"
    " term INTEGER NOT NULL,"
    " cause INTEGER NOT NULL,"
    " node TEXT NOT NULL,"
    " subject TEXT,"
    " message TEXT NOT NULL,"
    " a INTEGER NOT NULL,"
    " b INTEGER NOT NULL) STRICT;"
    "CREATE TABLE interval ("
    " term INTEGER NOT NULL PRIMARY KEY,"
    " from_unix_us INTEGER NOT NULL,"
    " to_unix_us INTEGER NOT NULL,"
    " ended INTEGER NOT NULL) STRICT;" },
};

static gboolean
bind_identity (sqlite3_stmt            *stmt,
               const GemelNodeIdentity *identity)
{
  return sqlite3_bind_blob (stmt, 1, identity->node_uuid, 16, SQLITE_STATIC) == SQLITE_OK &&
         sqlite3_bind_int (stmt, 2, identity->paired) == SQLITE_OK &&
         sqlite3_bind_blob (stmt, 3, identity->pair_uuid, 16, SQLITE_STATIC) == SQLITE_OK &&
         sqlite3_bind_int64 (stmt, 4, identity->slot) == SQLITE_OK &&
         sqlite3_bind_blob (stmt, 5, identity->peer_uuid, 16, SQLITE_STATIC) == SQLITE_OK &&
         sqlite3_bind_blob (stmt, 6, identity->peer_pin, 32, SQLITE_STATIC) == SQLITE_OK &&
         sqlite3_bind_int (stmt, 7, identity->synced_once) == SQLITE_OK;
}

static gpointer
save_identity_job (GemelWorker  *worker,
                   gpointer      data,
                   GCancellable *cancellable,
                   GError      **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (
    worker, "INSERT OR REPLACE INTO identity VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)", error);

  if (stmt == NULL)
    return NULL;
  if (!bind_identity (stmt, data))
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_STORE, "cannot bind the identity");
      return NULL;
    }
  return GINT_TO_POINTER (gemel_worker_step_done (worker, stmt, error));
}

/* Version 4 of RFC 4122: 122 random bits. */
static gboolean
make_uuid (guint8   uuid[16],
           GError **error)
{
  g_autofree char *text = g_uuid_string_random ();
  guint            n = 0;

  for (const char *at = text; *at != '\0' && n < 16; at += at[0] == '-' ? 1 : 2)
    if (at[0] != '-')
      uuid[n++] = (guint8) (g_ascii_xdigit_value (at[0]) << 4 | g_ascii_xdigit_value (at[1]));
  if (n == 16)
    return TRUE;
  g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "cannot make an identity");
  return FALSE;
}

/* Makes the identity when there is none; on later starts it does nothing. */
static gpointer
found_job (GemelWorker  *worker,
           gpointer      data,
           GCancellable *cancellable,
           GError      **error)
{
  GemelNodeIdentity identity = { 0 };
  gint64            count;

  if (!gemel_sqlite_get_int (gemel_worker_get_db (worker), "SELECT count (*) FROM identity",
                             &count, error))
    return NULL;
  if (count > 0)
    return GINT_TO_POINTER (TRUE);
  if (!make_uuid (identity.node_uuid, error))
    return NULL;
  return save_identity_job (worker, &identity, cancellable, error);
}

/**
 * gemel_node_db_open:
 * @path: of node.db; made when it is not there, with a random identity
 * @error: return location
 *
 * Returns: (transfer full) (nullable): the database.
 * Errors: %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_INCOMPATIBLE (written by a newer version),
 *   %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_STORE
 * Thread: any; blocks
 */
GemelNodeDb *
gemel_node_db_open (const char *path,
                    GError    **error)
{
  g_autoptr (GemelNodeDb) db = g_new0 (GemelNodeDb, 1);

  db->events_max = EVENTS_MAX_DEFAULT;
  db->worker = gemel_worker_open (path, "node-db", error);
  if (db->worker == NULL ||
      !gemel_worker_migrate (db->worker, migrations, G_N_ELEMENTS (migrations), error) ||
      gemel_worker_run (db->worker, GEMEL_JOB_WRITE, found_job, NULL, error) == NULL)
    return NULL;
  return g_steal_pointer (&db);
}

/**
 * gemel_node_db_close:
 * @db: (transfer full) (nullable): a database
 *
 * Finishes what is queued and closes.
 *
 * Thread: any; blocks
 */
void
gemel_node_db_close (GemelNodeDb *db)
{
  if (db == NULL)
    return;
  gemel_worker_close (db->worker);
  g_free (db);
}

/**
 * gemel_node_db_get_counters:
 * @db: a database
 * @ret_counters: return location
 *
 * Thread: any
 */
void
gemel_node_db_get_counters (GemelNodeDb         *db,
                            GemelWorkerCounters *ret_counters)
{
  gemel_worker_get_counters (db->worker, ret_counters);
}

static gpointer
load_identity_job (GemelWorker  *worker,
                   gpointer      data,
                   GCancellable *cancellable,
                   GError      **error)
{
  const char *sql =
    "SELECT node_uuid, paired, pair_uuid, slot, peer_uuid, peer_pin, synced_once FROM identity";
  GemelNodeIdentity *identity = data;
  sqlite3_stmt      *stmt = gemel_worker_prepare (worker, sql, error);

  if (stmt == NULL)
    return NULL;
  /* The sizes of the columns are constraints of the table. */
  if (sqlite3_step (stmt) != SQLITE_ROW || sqlite3_column_bytes (stmt, 5) != 32)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
                           "node.db holds no identity, restore it or remove it and pair anew");
      return NULL;
    }
  memcpy (identity->node_uuid, sqlite3_column_blob (stmt, 0), 16);
  identity->paired = sqlite3_column_int (stmt, 1) != 0;
  memcpy (identity->pair_uuid, sqlite3_column_blob (stmt, 2), 16);
  identity->slot = (guint) sqlite3_column_int (stmt, 3);
  memcpy (identity->peer_uuid, sqlite3_column_blob (stmt, 4), 16);
  memcpy (identity->peer_pin, sqlite3_column_blob (stmt, 5), 32);
  identity->synced_once = sqlite3_column_int (stmt, 6) != 0;
  return GINT_TO_POINTER (TRUE);
}

/**
 * gemel_node_db_load_identity:
 * @db: a database
 * @ret_identity: return location
 * @error: return location
 *
 * Returns: whether it could be read.
 * Errors: %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_STORE
 * Thread: any; blocks; at start-up
 */
gboolean
gemel_node_db_load_identity (GemelNodeDb       *db,
                             GemelNodeIdentity *ret_identity,
                             GError           **error)
{
  GemelNodeIdentity identity = { 0 };

  if (gemel_worker_run (db->worker, GEMEL_JOB_READ, load_identity_job, &identity, error) == NULL)
    return FALSE;
  *ret_identity = identity;
  return TRUE;
}

/**
 * gemel_node_db_save_identity_async:
 * @db: a database
 * @identity: what to keep; copied
 * @cancellable: (nullable)
 * @callback: called when it is on disk
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_node_db_save_identity_async (GemelNodeDb             *db,
                                   const GemelNodeIdentity *identity,
                                   GCancellable            *cancellable,
                                   GAsyncReadyCallback      callback,
                                   gpointer                 user_data)
{
  gemel_worker_push_async (db->worker, GEMEL_JOB_WRITE, save_identity_job,
                           g_memdup2 (identity, sizeof *identity), g_free, NULL, cancellable,
                           callback, user_data);
}

/**
 * gemel_node_db_save_identity_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: whether it is on disk.
 * Errors: %GEMEL_ERROR_STORE (also for a slot other than 0 or 1), %GEMEL_ERROR_DISK_FULL
 * Thread: that of the callback
 */
gboolean
gemel_node_db_save_identity_finish (GemelNodeDb  *db,
                                    GAsyncResult *result,
                                    GError      **error)
{
  return gemel_worker_push_finish (db->worker, result, error) != NULL;
}

static gpointer
load_settings_job (GemelWorker  *worker,
                   gpointer      data,
                   GCancellable *cancellable,
                   GError      **error)
{
  g_autoptr (GHashTable) settings = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  sqlite3_stmt          *stmt = gemel_worker_prepare (worker, "SELECT name, value FROM setting",
                                                      error);
  int                    rc;

  if (stmt == NULL)
    return NULL;
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    g_hash_table_insert (settings, g_strdup ((const char *) sqlite3_column_text (stmt, 0)),
                         g_strdup ((const char *) sqlite3_column_text (stmt, 1)));
  if (rc == SQLITE_DONE)
    return g_steal_pointer (&settings);
  gemel_sqlite_set_error (error, gemel_worker_get_db (worker), rc, "cannot read the settings");
  return NULL;
}

/**
 * gemel_node_db_load_settings:
 * @db: a database
 * @error: return location
 *
 * Returns: (transfer full) (element-type utf8 utf8) (nullable): "group.key" to value text.
 * Errors: %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_STORE
 * Thread: any; blocks; at start-up
 */
GHashTable *
gemel_node_db_load_settings (GemelNodeDb *db,
                             GError     **error)
{
  return gemel_worker_run (db->worker, GEMEL_JOB_READ, load_settings_job, NULL, error);
}

typedef struct
{
  char *name;
  char *value; /* (nullable) */
} SettingData;

static void
setting_data_free (gpointer pointer)
{
  SettingData *data = pointer;

  g_free (data->name);
  g_free (data->value);
  g_free (data);
}

static gpointer
save_setting_job (GemelWorker  *worker,
                  gpointer      pointer,
                  GCancellable *cancellable,
                  GError      **error)
{
  SettingData  *data = pointer;
  sqlite3_stmt *stmt;

  if (data->value != NULL)
    stmt = gemel_worker_prepare (worker, "INSERT OR REPLACE INTO setting VALUES (?1, ?2)", error);
  else
    stmt = gemel_worker_prepare (worker, "DELETE FROM setting WHERE name = ?1", error);
  if (stmt == NULL)
    return NULL;
  sqlite3_bind_text (stmt, 1, data->name, -1, SQLITE_STATIC);
  if (data->value != NULL)
    sqlite3_bind_text (stmt, 2, data->value, -1, SQLITE_STATIC);
  return GINT_TO_POINTER (gemel_worker_step_done (worker, stmt, error));
}

/**
 * gemel_node_db_save_setting_async:
 * @db: a database
 * @name: "group.key"
 * @value: (nullable): its text; %NULL removes, so that the file or the default counts again
 * @cancellable: (nullable)
 * @callback: called when it is on disk
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_node_db_save_setting_async (GemelNodeDb        *db,
                                  const char         *name,
                                  const char         *value,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data)
{
  SettingData *data;

  if (name == NULL || *name == '\0' || strlen (name) > GEMEL_KEY_BYTES_MAX ||
      (value != NULL && strlen (value) > GEMEL_TEXT_BYTES_MAX))
    {
      GError *error = g_error_new (GEMEL_ERROR, GEMEL_ERROR_SETTING,
                                   "a setting has a name of 1 to %d bytes and a value up to %d",
                                   GEMEL_KEY_BYTES_MAX, GEMEL_TEXT_BYTES_MAX);

      gemel_worker_refuse_async (error, cancellable, callback, user_data);
      return;
    }
  data = g_new0 (SettingData, 1);
  data->name = g_strdup (name);
  data->value = g_strdup (value);
  gemel_worker_push_async (db->worker, GEMEL_JOB_WRITE, save_setting_job, data, setting_data_free,
                           NULL, cancellable, callback, user_data);
}

/**
 * gemel_node_db_save_setting_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: whether it is on disk.
 * Errors: %GEMEL_ERROR_SETTING, %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_STORE
 * Thread: that of the callback
 */
gboolean
gemel_node_db_save_setting_finish (GemelNodeDb  *db,
                                   GAsyncResult *result,
                                   GError      **error)
{
  return gemel_worker_push_finish (db->worker, result, error) != NULL;
}

static gpointer
begin_interval_job (GemelWorker  *worker,
                    gpointer      data,
                    GCancellable *cancellable,
                    GError      **error)
{
  const GemelInterval *interval = data;
  sqlite3_stmt        *stmt = gemel_worker_prepare (
           worker, "INSERT OR IGNORE INTO interval VALUES (?1, ?2, ?2, 0)", error);

  if (stmt == NULL)
    return NULL;
  sqlite3_bind_int64 (stmt, 1, (gint64) interval->term);
  sqlite3_bind_int64 (stmt, 2, interval->from_unix_us);
  if (!gemel_worker_step_done (worker, stmt, error))
    return NULL;
  return GINT_TO_POINTER (gemel_worker_exec (
    worker,
    "DELETE FROM interval WHERE term <= "
    "(SELECT term FROM interval ORDER BY term DESC LIMIT 1 OFFSET " INTERVALS_MAX ")",
    error));
}

/* A clock that was set back never shortens what is known. */
static gpointer
mark_interval_job (GemelWorker  *worker,
                   gpointer      data,
                   GCancellable *cancellable,
                   GError      **error)
{
  const GemelInterval *interval = data;
  sqlite3_stmt        *stmt = gemel_worker_prepare (
           worker,
           "UPDATE interval SET to_unix_us = max (to_unix_us, ?2), ended = max (ended, ?3)"
                  " WHERE term = ?1",
           error);

  if (stmt == NULL)
    return NULL;
  sqlite3_bind_int64 (stmt, 1, (gint64) interval->term);
  sqlite3_bind_int64 (stmt, 2, interval->to_unix_us);
  sqlite3_bind_int (stmt, 3, interval->ended);
  return GINT_TO_POINTER (gemel_worker_step_done (worker, stmt, error));
}

static void
push_interval (GemelNodeDb  *db,
               GemelJobFunc  func,
               GemelInterval interval)
{
  gemel_worker_push_async (db->worker, GEMEL_JOB_WRITE, func,
                           g_memdup2 (&interval, sizeof interval), g_free, NULL, NULL, NULL, NULL);
}

/**
 * gemel_node_db_begin_interval:
 * @db: a database
 * @term: in which this node became active; a term has one interval
 * @unix_us: when, µs
 *
 * Nobody waits for it; an error shows in gemel_node_db_get_counters().
 *
 * Thread: any
 */
void
gemel_node_db_begin_interval (GemelNodeDb *db,
                              guint64      term,
                              gint64       unix_us)
{
  push_interval (db, begin_interval_job,
                 (GemelInterval){ .term = term, .from_unix_us = unix_us });
}

/**
 * gemel_node_db_mark_interval:
 * @db: a database
 * @term: of the interval
 * @unix_us: now, µs
 * @ended: whether this node is no longer active
 *
 * Nobody waits for it; an error shows in gemel_node_db_get_counters().
 *
 * Thread: any
 */
void
gemel_node_db_mark_interval (GemelNodeDb *db,
                             guint64      term,
                             gint64       unix_us,
                             gboolean     ended)
{
  push_interval (db, mark_interval_job,
                 (GemelInterval){ .term = term, .to_unix_us = unix_us, .ended = ended });
}

typedef struct
{
  guint64 before_term;
  guint   limit;
} IntervalsData;

static gpointer
list_intervals_job (GemelWorker  *worker,
                    gpointer      pointer,
                    GCancellable *cancellable,
                    GError      **error)
{
  IntervalsData        *data = pointer;
  g_autoptr (GPtrArray) intervals = g_ptr_array_new_with_free_func (g_free);
  sqlite3_stmt         *stmt = gemel_worker_prepare (
            worker, "SELECT * FROM interval WHERE term < ?1 ORDER BY term DESC LIMIT ?2", error);
  int rc;

  if (stmt == NULL)
    return NULL;
  sqlite3_bind_int64 (stmt, 1, (gint64) data->before_term);
  sqlite3_bind_int64 (stmt, 2, data->limit);
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    {
      GemelInterval *interval = g_new0 (GemelInterval, 1);

      interval->term = (guint64) sqlite3_column_int64 (stmt, 0);
      interval->from_unix_us = sqlite3_column_int64 (stmt, 1);
      interval->to_unix_us = sqlite3_column_int64 (stmt, 2);
      interval->ended = sqlite3_column_int (stmt, 3) != 0;
      g_ptr_array_add (intervals, interval);
    }
  if (rc == SQLITE_DONE)
    return g_steal_pointer (&intervals);
  gemel_sqlite_set_error (error, gemel_worker_get_db (worker), rc, "cannot read the intervals");
  return NULL;
}

/**
 * gemel_node_db_list_intervals_async:
 * @db: a database
 * @before_term: the last term of the page before, 0 for the newest
 * @limit: intervals, at most 1000; 0 means 1000
 * @cancellable: (nullable)
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_node_db_list_intervals_async (GemelNodeDb        *db,
                                    guint64             before_term,
                                    guint               limit,
                                    GCancellable       *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer            user_data)
{
  IntervalsData *data = g_new0 (IntervalsData, 1);

  data->before_term = before_term == 0 ? G_MAXINT64 : MIN (before_term, G_MAXINT64);
  data->limit = limit == 0 ? INTERVALS_PAGE_MAX : MIN (limit, INTERVALS_PAGE_MAX);
  gemel_worker_push_async (db->worker, GEMEL_JOB_READ, list_intervals_job, data, g_free,
                           (GDestroyNotify) g_ptr_array_unref, cancellable, callback, user_data);
}

/**
 * gemel_node_db_list_intervals_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: (transfer full) (element-type GemelInterval) (nullable): newest first.
 * Errors: %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_STORE
 * Thread: that of the callback
 */
GPtrArray *
gemel_node_db_list_intervals_finish (GemelNodeDb  *db,
                                     GAsyncResult *result,
                                     GError      **error)
{
  return gemel_worker_push_finish (db->worker, result, error);
}
