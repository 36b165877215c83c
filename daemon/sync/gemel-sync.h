/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The sync thread: data connections to the peer, pulls of configuration, the stream of runtime
 * state, the exchange of history, and the data doors of local programs.
 *
 * One TLS connection a channel (config, state, history), dialled by the backup, so that a full
 * backup of 1 GB never stands before a state delta. It decides nothing about redundancy: who may
 * write is in the GemelView, tail or full is gemel_position_plan () and gemel_state_plan ().
 *
 * Functions may be called from any thread; async results come back in the caller's context.
 */
#pragma once

#include "api/gemel-error.h"
#include "core/gemel-core.h"
#include "history/gemel-history.h"
#include "link/gemel-connect.h"
#include "store/gemel-config-db.h"

G_BEGIN_DECLS

typedef struct _GemelSync GemelSync;

/** The figures of one provider, as the status page of the reference has them. */
typedef struct
{
  char     name[80]; /* "config", "state/NAME", "history" */
  gboolean source;   /* this node is where updates come from now */
  guint64  entries;  /* records, keys, rows */
  guint64  bytes;    /* size of what is kept; for config: the journal that waits */
  /* source side */
  guint64 pending_updates;  /* not yet pulled by the peer */
  double  queued_per_s;     /* 1-minute average */
  double  dispatched_per_s; /* 1-minute average */
  guint64 queued_total;
  guint64 dispatched_total;
  /* puller side */
  gint64          last_pull_unix_us; /* 0: never */
  gint64          last_pull_duration_us;
  gint64          last_apply_duration_us;
  gboolean        full_sync_needed;
  gboolean        restart_required;
  guint64         full_syncs;
  GemelSyncReason last_full_reason;
  guint64         full_done_bytes;  /* progress of a running full sync */
  guint64         full_total_bytes; /* 0: none is running */
} GemelProviderStats;

typedef struct
{
  guint64 door_clients;
  guint64 door_refused; /* too many clients or bad frames */
  guint64 door_frames;
  guint64 peer_bytes_sent;
  guint64 peer_bytes_received;
  guint64 state_overflows;
  guint64 state_old_term; /* posts refused because their term is over */
  guint64 state_limit;    /* posts refused by a size limit */
} GemelSyncCounters;

/** Called in the sync thread; must only queue. */
typedef struct
{
  void (*event) (GemelEventCode code,
                 const char    *subject,
                 const char    *message,
                 gint64         a,
                 gpointer       user_data);
  /* at most twice a second, when something changed */
  void (*stats) (const GemelProviderStats *stats,
                 guint                     n_stats,
                 const GemelSyncCounters  *counters,
                 gpointer                  user_data);
  /* GEMEL_INPUT_SYNC */
  void (*standing) (gboolean         eligible,
                    gboolean         synced,
                    GemelConfigState config_state,
                    gpointer         user_data);
  void (*quiesced) (guint64 switch_id, const GemelPairPosition *position, gpointer user_data);
  void (*caught_up) (guint64 switch_id, const GemelPairPosition *position, gpointer user_data);
  /* a change landed while quiesced */
  void (*moved) (const GemelPairPosition *position, gpointer user_data);
  /* full backup: modules stop, then start */
  void (*soft_restart) (gboolean begin, gpointer user_data);
} GemelSyncPort;

typedef struct
{
  guint8         node_uuid[16];          /* of this node: the origin of its history */
  GemelKeys     *keys;                   /* lent */
  GemelConfigDb *config;                 /* lent */
  GemelHistory  *history;                /* lent */
  char          *stage_dir;              /* where full copies are received */
  char          *keep_dir;               /* quarantine of replaced configurations */
  gboolean       eligible;               /* has had the configuration of this pair before */
  guint64        state_buffer_bytes_max; /* delta buffer */
  guint64        state_bytes_max;        /* whole runtime state, all providers */
  guint          door_clients_max;
  guint          pair_ack_timeout_ms; /* durability=pair: how long to wait for the peer */
  guint          sync_timeout_ms;     /* one exchange */
} GemelSyncOptions;

GemelSync *gemel_sync_new (const GemelSyncOptions *options, /* copied */
                           const GemelSyncPort    *port,    /* static */
                           gpointer                user_data,
                           GError                **error) G_GNUC_WARN_UNUSED_RESULT;
void       gemel_sync_free (GemelSync *sync); /* stops and joins */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelSync, gemel_sync_free)

/* From the node, queued in order. */
void gemel_sync_set_view (GemelSync       *sync,
                          const GemelView *view);
void gemel_sync_set_peer (GemelSync    *sync,
                          const char   *dial_host_and_port, /* NULL: this side is dialled */
                          const guint8 *peer_pin,           /* NULL: not paired: drop everything */
                          /* dial only while the control session stands */
                          gboolean session_up);
/* Another pair, or none; @has_config: the configuration here is the one of the new pair. */
void gemel_sync_new_pair (GemelSync *sync,
                          gboolean   has_config);
/* Named in the errors of a node that may not write. */
void gemel_sync_set_peer_name (GemelSync  *sync,
                               const char *name);
/* (transfer full): an accepted GEMEL_CHANNEL_DATA connection */
void gemel_sync_adopt (GemelSync *sync,
                       GIOStream *io);
void gemel_sync_quiesce (GemelSync *sync,
                         guint64    switch_id); /* -> port->quiesced */
void gemel_sync_unquiesce (GemelSync *sync);
void gemel_sync_catch_up (GemelSync               *sync,
                          guint64                  switch_id,
                          const GemelPairPosition *target); /* -> port->caught_up */
void gemel_sync_force_full (GemelSync  *sync,
                            const char *provider); /* NULL: all; on the puller or the source */

/* From GemelConfigChanged and GemelHistoryPort.sunk: what a store has just made durable. */
void gemel_sync_config_changed (GemelSync *sync,
                                GPtrArray *entries); /* of GemelEntry; referenced */
void gemel_sync_history_moved (GemelSync   *sync,
                               const guint8 origin[16],
                               guint64      mark);

/* Configuration. NOT_AUTHORITY, SWITCHING, STALLED by the view; else as the store says. */
void     gemel_sync_config_write_async (GemelSync          *sync,
                                        GPtrArray          *ops, /* of GemelConfigOp, taken */
                                        GemelDurability     wanted,
                                        GCancellable       *cancellable,
                                        GAsyncReadyCallback callback,
                                        gpointer            user_data);
gboolean gemel_sync_config_write_finish (GemelSync       *sync,
                                         GAsyncResult    *result,
                                         GemelPosition   *ret_position,
                                         GemelDurability *ret_reached,
                                         GError         **error) G_GNUC_WARN_UNUSED_RESULT;

/** One change of runtime state. */
typedef struct
{
  char   *key;
  GBytes *value; /* (nullable): NULL deletes */
} GemelStateOp;
GemelStateOp *gemel_state_op_new (const char *key,
                                  GBytes     *value);
void          gemel_state_op_free (GemelStateOp *op);

/* Runtime state. @term 0: the present one; else OLD_TERM when it is over. NOT_ACTIVE elsewhere. */
void     gemel_sync_state_post_async (GemelSync          *sync,
                                      const char         *provider,
                                      guint64             term,
                                      GPtrArray          *ops, /* of GemelStateOp, transfer full */
                                      GemelDurability     wanted,
                                      GCancellable       *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer            user_data);
gboolean gemel_sync_state_post_finish (GemelSync          *sync,
                                       GAsyncResult       *result,
                                       GemelStatePosition *ret_position,
                                       GemelDurability    *ret_reached,
                                       GError            **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_sync_state_get_async (GemelSync          *sync,
                                     const char         *provider,
                                     const char         *key,
                                     GCancellable       *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer            user_data);
GBytes  *gemel_sync_state_get_finish (GemelSync          *sync,
                                      GAsyncResult       *result,
                                      GemelStatePosition *ret_version, /* (nullable) */
                                      GError            **error) G_GNUC_WARN_UNUSED_RESULT;
/* Finish gives "a(saytt)": key, value, epoch, seq; paged in key order. */
void      gemel_sync_state_list_async (GemelSync          *sync,
                                       const char         *provider,
                                       const char         *prefix,    /* (nullable) */
                                       const char         *after_key, /* (nullable) */
                                       guint               limit,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data);
GVariant *gemel_sync_state_list_finish (GemelSync    *sync,
                                        GAsyncResult *result,
                                        GError      **error) G_GNUC_WARN_UNUSED_RESULT;
char    **gemel_sync_state_dup_providers (GemelSync *sync);

/* The data door: a connected socket of which the caller gets one end (to pass on by D-Bus).
 * @kind: "state", "history" or "config". The bytes are documented in sync/DOOR.md. */
int gemel_sync_open_door (GemelSync  *sync,
                          const char *kind,
                          const char *provider,
                          GError    **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
