/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * node.db: what belongs to this node alone: identity of node and pair, runtime changes of
 * settings, events, activity intervals. Never replicated.
 */
#pragma once

#include "api/gemel-enums.h"
#include "store/gemel-worker.h"

G_BEGIN_DECLS

typedef struct _GemelNodeDb GemelNodeDb;

/** Who this node is and with whom it is paired. */
typedef struct
{
  guint8   node_uuid[16];
  gboolean paired;
  guint8   pair_uuid[16];
  guint    slot;
  guint8   peer_uuid[16];
  guint8   peer_pin[32]; /* SHA-256 of the peer's public key (SPKI) */
  gboolean synced_once;  /* has had the configuration of this pair */
} GemelNodeIdentity;

typedef struct
{
  guint64        id; /* set by the store */
  gint64         unix_us;
  gint64         boot_us; /* CLOCK_BOOTTIME, for durations */
  GemelEventCode code;
  GemelSeverity  severity;
  guint64        term;
  GemelCause     cause;
  char          *node;    /* name of the node that says so */
  char          *subject; /* (nullable): provider, module, peer address ... */
  char          *message; /* one sentence, lower case, no full stop */
  gint64         a;       /* as in GemelAction.u.event */
  gint64         b;
} GemelEvent;

GemelEvent *gemel_event_copy (const GemelEvent *event);
void        gemel_event_free (GemelEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelEvent, gemel_event_free)

/* makes the identity on first start */
GemelNodeDb *gemel_node_db_open (const char *path,
                                 GError    **error) G_GNUC_WARN_UNUSED_RESULT;
void         gemel_node_db_close (GemelNodeDb *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelNodeDb, gemel_node_db_close)

/* Start-up only (they wait); afterwards the owner keeps its own copy. */
gboolean gemel_node_db_load_identity (GemelNodeDb       *db,
                                      GemelNodeIdentity *ret_identity,
                                      GError           **error) G_GNUC_WARN_UNUSED_RESULT;
/* "group.key" -> value text */
GHashTable *gemel_node_db_load_settings (GemelNodeDb *db,
                                         GError     **error) G_GNUC_WARN_UNUSED_RESULT;

void     gemel_node_db_save_identity_async (GemelNodeDb             *db,
                                            const GemelNodeIdentity *identity,
                                            GCancellable            *cancellable,
                                            GAsyncReadyCallback      callback,
                                            gpointer                 user_data);
gboolean gemel_node_db_save_identity_finish (GemelNodeDb  *db,
                                             GAsyncResult *result,
                                             GError      **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_node_db_save_setting_async (GemelNodeDb        *db,
                                           const char         *name,
                                           const char         *value, /* (nullable): NULL removes */
                                           GCancellable       *cancellable,
                                           GAsyncReadyCallback callback,
                                           gpointer            user_data);
gboolean gemel_node_db_save_setting_finish (GemelNodeDb  *db,
                                            GAsyncResult *result,
                                            GError      **error) G_GNUC_WARN_UNUSED_RESULT;

/* Stores the event; the table keeps the newest @events_max. Finish returns the id. */
void    gemel_node_db_add_event_async (GemelNodeDb        *db,
                                       const GemelEvent   *event,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data);
guint64 gemel_node_db_add_event_finish (GemelNodeDb  *db,
                                        GAsyncResult *result,
                                        GError      **error) G_GNUC_WARN_UNUSED_RESULT;
void    gemel_node_db_set_events_max (GemelNodeDb *db,
                                      guint        events_max);

typedef struct
{
  guint64        before_id;    /* 0: from the newest */
  guint64        after_id;     /* 0: no lower bound */
  gint64         from_unix_us; /* 0: no bound */
  gint64         to_unix_us;   /* 0: no bound */
  GemelSeverity  severity_min;
  GemelEventCode code; /* 0: all */
  guint          limit;
} GemelEventQuery;

void gemel_node_db_list_events_async (GemelNodeDb           *db,
                                      const GemelEventQuery *query,
                                      GCancellable          *cancellable,
                                      GAsyncReadyCallback    callback,
                                      gpointer               user_data);
/* of GemelEvent, newest first */
GPtrArray *gemel_node_db_list_events_finish (GemelNodeDb  *db,
                                             GAsyncResult *result,
                                             GError      **error) G_GNUC_WARN_UNUSED_RESULT;

/* Activity intervals: when this node was active, with a mark each second, so that the end after a
 * crash is known to one second (PROTOCOL.md section 16). */
void gemel_node_db_begin_interval (GemelNodeDb *db,
                                   guint64      term,
                                   gint64       unix_us);
void gemel_node_db_mark_interval (GemelNodeDb *db,
                                  guint64      term,
                                  gint64       unix_us,
                                  gboolean     ended);

typedef struct
{
  guint64  term;
  gint64   from_unix_us;
  gint64   to_unix_us; /* the last mark, or the end */
  gboolean ended;      /* FALSE: goes on, or the node crashed after the last mark */
} GemelInterval;

/* Newest first. */
void gemel_node_db_list_intervals_async (GemelNodeDb        *db,
                                         guint64             before_term, /* 0: from the newest */
                                         guint               limit,
                                         GCancellable       *cancellable,
                                         GAsyncReadyCallback callback,
                                         gpointer            user_data);
/* of GemelInterval */
GPtrArray *gemel_node_db_list_intervals_finish (GemelNodeDb  *db,
                                                GAsyncResult *result,
                                                GError      **error) G_GNUC_WARN_UNUSED_RESULT;

/* Errors of what nobody waits for (intervals, limits) are counted here. */
void gemel_node_db_get_counters (GemelNodeDb         *db,
                                 GemelWorkerCounters *ret_counters); /* any thread */

G_END_DECLS
