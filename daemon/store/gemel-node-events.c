/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * node.db: events. Ids only grow, also when old events have gone. The bound is kept in the
 * transaction that adds an event, so the table is never longer.
 */
#include "store/gemel-node-db-private.h"

#include "api/gemel-error.h"
#include "store/gemel-sqlite.h"

#define EVENTS_PAGE_MAX 1000

/**
 * gemel_event_copy:
 * @event: an event
 *
 * Returns: (transfer full): a copy.
 * Thread: any
 */
GemelEvent *
gemel_event_copy (const GemelEvent *event)
{
  GemelEvent *copy = g_memdup2 (event, sizeof *event);

  copy->node = g_strdup (event->node);
  copy->subject = g_strdup (event->subject);
  copy->message = g_strdup (event->message);
  return copy;
}

/**
 * gemel_event_free:
 * @event: (transfer full) (nullable): an event
 *
 * Thread: any
 */
void
gemel_event_free (GemelEvent *event)
{
  if (event == NULL)
    return;
  g_free (event->node);
  g_free (event->subject);
  g_free (event->message);
  g_free (event);
}

typedef struct
{
  GemelNodeDb *db;
  GemelEvent  *event;
} AddData;

static void
add_data_free (gpointer pointer)
{
  AddData *data = pointer;

  gemel_event_free (data->event);
  g_free (data);
}

static void
bind_event (sqlite3_stmt     *stmt,
            const GemelEvent *event)
{
  sqlite3_bind_int64 (stmt, 1, event->unix_us);
  sqlite3_bind_int64 (stmt, 2, event->boot_us);
  sqlite3_bind_int (stmt, 3, (int) event->code);
  sqlite3_bind_int (stmt, 4, (int) event->severity);
  sqlite3_bind_int64 (stmt, 5, (gint64) event->term);
  sqlite3_bind_int (stmt, 6, (int) event->cause);
  sqlite3_bind_text (stmt, 7, event->node != NULL ? event->node : "", -1, SQLITE_STATIC);
  sqlite3_bind_text (stmt, 8, event->subject, -1, SQLITE_STATIC);
  sqlite3_bind_text (stmt, 9, event->message != NULL ? event->message : "", -1, SQLITE_STATIC);
  sqlite3_bind_int64 (stmt, 10, event->a);
  sqlite3_bind_int64 (stmt, 11, event->b);
}

/* Ids have no holes but for failed commits, so the distance to the newest bounds the count. */
static gboolean
drop_old (GemelWorker *worker,
          gint64       newest_id,
          gint         events_max,
          GError     **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (worker, "DELETE FROM event WHERE id <= ?1", error);

  if (stmt == NULL)
    return FALSE;
  sqlite3_bind_int64 (stmt, 1, newest_id - MAX (events_max, 1));
  return gemel_worker_step_done (worker, stmt, error);
}

static gpointer
add_event_job (GemelWorker  *worker,
               gpointer      pointer,
               GCancellable *cancellable,
               GError      **error)
{
  AddData      *data = pointer;
  sqlite3_stmt *stmt = gemel_worker_prepare (
    worker,
    "INSERT INTO event (unix_us, boot_us, code, severity, term, cause, node, subject, message,"
    " a, b) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    error);
  gint64 id;

  if (stmt == NULL)
    return NULL;
  bind_event (stmt, data->event);
  if (!gemel_worker_step_done (worker, stmt, error))
    return NULL;
  id = sqlite3_last_insert_rowid (gemel_worker_get_db (worker));
  if (!drop_old (worker, id, g_atomic_int_get (&data->db->events_max), error))
    return NULL;
  return g_memdup2 (&id, sizeof id);
}

/**
 * gemel_node_db_add_event_async:
 * @db: a database
 * @event: what happened; copied, its id is not looked at
 * @cancellable: (nullable)
 * @callback: (nullable): called when it is on disk
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_node_db_add_event_async (GemelNodeDb        *db,
                               const GemelEvent   *event,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  AddData *data = g_new0 (AddData, 1);

  data->db = db;
  data->event = gemel_event_copy (event);
  gemel_worker_push_async (db->worker, GEMEL_JOB_WRITE, add_event_job, data, add_data_free, g_free,
                           cancellable, callback, user_data);
}

/**
 * gemel_node_db_add_event_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: the id of the event, 0 on error.
 * Errors: %GEMEL_ERROR_BUSY, %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_STORE
 * Thread: that of the callback
 */
guint64
gemel_node_db_add_event_finish (GemelNodeDb  *db,
                                GAsyncResult *result,
                                GError      **error)
{
  g_autofree gint64 *id = gemel_worker_push_finish (db->worker, result, error);

  return id != NULL ? (guint64) *id : 0;
}

/**
 * gemel_node_db_set_events_max:
 * @db: a database
 * @events_max: events to keep, at least 1
 *
 * Takes effect with the next event.
 *
 * Thread: any
 */
void
gemel_node_db_set_events_max (GemelNodeDb *db,
                              guint        events_max)
{
  g_atomic_int_set (&db->events_max, (gint) CLAMP (events_max, 1, G_MAXINT));
}

static GemelEvent *
event_from_row (sqlite3_stmt *stmt)
{
  GemelEvent *event = g_new0 (GemelEvent, 1);

  event->id = (guint64) sqlite3_column_int64 (stmt, 0);
  event->unix_us = sqlite3_column_int64 (stmt, 1);
  event->boot_us = sqlite3_column_int64 (stmt, 2);
  event->code = (GemelEventCode) sqlite3_column_int (stmt, 3);
  event->severity = (GemelSeverity) sqlite3_column_int (stmt, 4);
  event->term = (guint64) sqlite3_column_int64 (stmt, 5);
  event->cause = (GemelCause) sqlite3_column_int (stmt, 6);
  event->node = g_strdup ((const char *) sqlite3_column_text (stmt, 7));
  event->subject = g_strdup ((const char *) sqlite3_column_text (stmt, 8));
  event->message = g_strdup ((const char *) sqlite3_column_text (stmt, 9));
  event->a = sqlite3_column_int64 (stmt, 10);
  event->b = sqlite3_column_int64 (stmt, 11);
  return event;
}

static void
bind_query (sqlite3_stmt          *stmt,
            const GemelEventQuery *query)
{
  guint   limit = query->limit == 0 ? EVENTS_PAGE_MAX : MIN (query->limit, EVENTS_PAGE_MAX);
  guint64 before_id = query->before_id == 0 ? G_MAXINT64 : MIN (query->before_id, G_MAXINT64);

  sqlite3_bind_int64 (stmt, 1, (gint64) before_id);
  sqlite3_bind_int64 (stmt, 2, (gint64) MIN (query->after_id, G_MAXINT64));
  sqlite3_bind_int64 (stmt, 3, query->from_unix_us == 0 ? G_MININT64 : query->from_unix_us);
  sqlite3_bind_int64 (stmt, 4, query->to_unix_us == 0 ? G_MAXINT64 : query->to_unix_us);
  sqlite3_bind_int (stmt, 5, (int) query->severity_min);
  sqlite3_bind_int (stmt, 6, (int) query->code);
  sqlite3_bind_int64 (stmt, 7, limit);
}

static gpointer
list_events_job (GemelWorker  *worker,
                 gpointer      data,
                 GCancellable *cancellable,
                 GError      **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_event_free);
  sqlite3_stmt         *stmt = gemel_worker_prepare (
            worker,
            "SELECT * FROM event WHERE id < ?1 AND id > ?2 AND unix_us >= ?3 AND unix_us <= ?4"
                    " AND severity >= ?5 AND (?6 = 0 OR code = ?6) ORDER BY id DESC LIMIT ?7",
            error);
  int rc;

  if (stmt == NULL)
    return NULL;
  bind_query (stmt, data);
  while ((rc = sqlite3_step (stmt)) == SQLITE_ROW)
    g_ptr_array_add (events, event_from_row (stmt));
  if (rc == SQLITE_DONE)
    return g_steal_pointer (&events);
  gemel_sqlite_set_error (error, gemel_worker_get_db (worker), rc, "cannot read the events");
  return NULL;
}

/**
 * gemel_node_db_list_events_async:
 * @db: a database
 * @query: which; copied. A limit of 0, or above 1000, means 1000
 * @cancellable: (nullable)
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_node_db_list_events_async (GemelNodeDb           *db,
                                 const GemelEventQuery *query,
                                 GCancellable          *cancellable,
                                 GAsyncReadyCallback    callback,
                                 gpointer               user_data)
{
  gemel_worker_push_async (db->worker, GEMEL_JOB_READ, list_events_job,
                           g_memdup2 (query, sizeof *query), g_free,
                           (GDestroyNotify) g_ptr_array_unref, cancellable, callback, user_data);
}

/**
 * gemel_node_db_list_events_finish:
 * @db: a database
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: (transfer full) (element-type GemelEvent) (nullable): a page, newest first.
 * Errors: %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_STORE
 * Thread: that of the callback
 */
GPtrArray *
gemel_node_db_list_events_finish (GemelNodeDb  *db,
                                  GAsyncResult *result,
                                  GError      **error)
{
  return gemel_worker_push_finish (db->worker, result, error);
}
