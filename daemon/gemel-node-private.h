/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the files of the node share. gemel-node.c builds and takes down; -events.c brings what other
 * threads report into the main thread; -link.c, -data.c and -ports.c are what the link, the data
 * paths, the listener and the modules report; -snapshot.c composes the truth; -requests.c takes
 * requests; -pairing.c pairs and unpairs; -settings.c carries settings to those who need them.
 */
#pragma once

#include "gemel-jobs.h"
#include "gemel-node.h"
#include "gemel-series.h"
#include "link/gemel-pairing.h"
#include "system/gemel-log.h"
#include "system/gemel-modules.h"

G_BEGIN_DECLS

/* Configuration records under this provider are the shared settings of the pair. */
#define GEMEL_SETTINGS_PROVIDER "gemel.settings"

struct _GemelNode
{
  GMainContext    *context; /* main */
  GemelNodeStopped stopped;
  gpointer         stopped_data;

  /* what it is */
  char             *state_dir;
  char             *name;
  GemelSettings    *settings;
  char             *log_level; /* (nullable): of the settings, as last applied */
  GStrv             log_merge; /* (nullable): the same */
  GemelNodeIdentity identity;
  GemelKeys         keys;
  gint64            started_unix_us;
  gint64            started_boot_us;

  /* parts, in the order in which they are built */
  GemelNodeDb     *node_db;
  GemelConfigDb   *config;
  GemelHistory    *history;
  GemelLink       *link;
  GMutex           sync_lock; /* of the next: other threads report until they are joined */
  GemelSync       *sync;
  GemelListener   *listener;
  GemelModules    *modules;
  GemelJobs       *jobs;
  GemelInvitation *invitation;  /* (nullable) */
  GCancellable    *cancellable; /* of everything that outlives a turn of the loop */

  /* surfaces */
  GemelRequests       requests;
  const GemelSurface *surface; /* (nullable) */
  gpointer            surface_data;

  /* what the snapshot is made of; main thread */
  GemelSnapshot      *snapshot;
  guint64             serial;
  GemelProviderStats *providers;
  guint               n_providers;
  GemelSyncCounters   sync_counters;
  GemelConfigState    config_state;
  GemelPeerStatus    *peer;
  gint64              peer_status_unix_us;
  char               *peer_address;
  gint64              last_changeover_unix_us;
  GemelCause          last_changeover_cause;
  guint64             events;
  guint64             last_event_id;
  gint                compose_asked; /* atomic: a composition is queued */
  gint64              last_compose_us;
  GSource            *compose_timer;
  GemelPeerStatus    *told; /* (nullable): what the peer was told last */
  gint64              told_us;
  GSource            *second_timer;
  gint                liveness; /* atomic: boot seconds of the last turn */
  GHashTable         *series;   /* "provider/series" -> GemelSeries */
  gint64              last_sample_us;

  /* activity */
  guint64  interval_term; /* of the open activity interval; 0: none */
  guint64  quiesce_id;    /* waits for the modules to settle */
  gboolean exiting;
  gboolean session_up;
  guint64  resync_job;
  guint64  resync_base; /* full syncs when it began */

  /* atomic copy for the link thread: the last view that was worth a composition */
  GemelView last_view;
};

/* Runs @func in the main thread with the node and @data; any thread. */
typedef void (*GemelNodeCall) (GemelNode *node,
                               gpointer   data);
void gemel_node_post (GemelNode     *node,
                      GemelNodeCall  func,
                      gpointer       data,
                      GDestroyNotify data_free);

/* A report of something that happened, on its way to the main thread. */
typedef struct
{
  GemelEventCode code;
  GemelCause     cause;
  guint64        term;
  gint64         a;
  gint64         b;
  char          *subject;
  char          *message;
} GemelNodeReport;
GemelNodeReport *gemel_node_report_new (GemelEventCode code,
                                        const char    *subject,
                                        const char    *message);
void             gemel_node_report (GemelNode       *node,
                                    GemelNodeReport *report);

/* gemel-node-link.c, gemel-node-data.c, gemel-node-ports.c */
extern const GemelLinkPort          gemel_node_link_port;
extern const GemelSyncPort          gemel_node_sync_port;
extern const GemelHistoryPort       gemel_node_history_port;
extern const GemelListenerCallbacks gemel_node_listener_callbacks;
extern const GemelModulesPort       gemel_node_modules_port;
void                                gemel_node_on_config_changed (GPtrArray             *entries,
                                                                  const GemelConfigInfo *info,
                                                                  gpointer               user_data);
void                                gemel_node_add_event (GemelNode     *node,
                                                          GemelEventCode code,
                                                          GemelCause     cause,
                                                          guint64        term,
                                                          const char    *subject,
                                                          const char    *message,
                                                          gint64         a,
                                                          gint64         b);

/* gemel-node-snapshot.c */
void     gemel_node_mark (GemelNode *node,
                          gboolean   urgent); /* any thread: something shown changed */
void     gemel_node_compose (GemelNode *node);
void     gemel_node_on_second (GemelNode *node);
gboolean gemel_node_status_is_news (const GemelPeerStatus *a,
                                    const GemelPeerStatus *b);

/* gemel-node-requests.c */
void gemel_node_fill_requests (GemelNode *node);
void gemel_node_on_reply (GemelNode *node,
                          guint64    request_id,
                          gboolean   done,
                          GemelCause cause);
void gemel_node_watch_resync (GemelNode *node);

/* gemel-node-pairing.c */
char   *gemel_node_pair_invite (GemelNode  *node,
                                const char *address,
                                gint64     *ret_expiry_unix_us,
                                GError    **error) G_GNUC_WARN_UNUSED_RESULT;
guint64 gemel_node_pair_join (GemelNode  *node,
                              const char *code,
                              GError    **error) G_GNUC_WARN_UNUSED_RESULT;
void    gemel_node_serve_pairing (GemelNode *node,
                                  GIOStream *io);
void    gemel_node_unpair (GemelNode *node,
                           GTask     *task); /* (transfer full) */
void    gemel_node_apply_peer (GemelNode *node);

/* gemel-node-settings.c */
gboolean gemel_node_load_settings (GemelNode *node,
                                   GError   **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_node_apply_settings (GemelNode *node);
void     gemel_node_set_setting (GemelNode  *node,
                                 const char *name,
                                 const char *value,
                                 GTask      *task); /* (transfer full) */
void     gemel_node_take_shared_settings (GemelNode *node);
gboolean gemel_node_save_role (GemelNode *node,
                               GemelRole  role,
                               GError   **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
