/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The sync thread from inside: what its parts share and how they call each other. Everything here
 * belongs to the sync thread.
 *
 *   gemel-sync.c            thread, settings, what the node says
 *   gemel-sync-write.c      who may write; configuration writes and state posts
 *   gemel-sync-read.c       reading runtime state
 *   gemel-sync-switch.c     standing, quiesce, catch up
 *   gemel-sync-stats.c      figures of the providers
 *   gemel-peer.c            the connections; calls the three channels below
 *   gemel-config-stream.c, gemel-config-pull.c, gemel-full-copy.c
 *   gemel-state-stream.c, gemel-history-stream.c
 *   gemel-door.c, gemel-door-batch.c, gemel-door-feed.c
 */
#pragma once

#include "link/gemel-stream.h"
#include "sync/gemel-state.h"
#include "sync/gemel-sync-wire.h"
#include "sync/gemel-sync.h"
#include "sync/gemel-waiters.h"

G_BEGIN_DECLS

typedef struct _GemelPeer          GemelPeer;
typedef struct _GemelConfigStream  GemelConfigStream;
typedef struct _GemelStateStream   GemelStateStream;
typedef struct _GemelHistoryStream GemelHistoryStream;
typedef struct _GemelDoors         GemelDoors;

/** What is shown of a puller, besides what its store knows. */
typedef struct
{
  gint64          last_pull_unix_us;
  gint64          last_pull_duration_us;
  gint64          last_apply_duration_us;
  gboolean        full_sync_needed;
  guint64         full_syncs;
  GemelSyncReason last_full_reason;
  guint64         full_done_bytes;
  guint64         full_total_bytes;
} GemelPullFigures;

struct _GemelSync
{
  GemelSyncOptions     options; /* strings are copies */
  const GemelSyncPort *port;
  gpointer             user_data;
  GMainContext        *context;
  GThread             *thread;
  gboolean             stopping;
  /* atomic: asynchronous work and connections that still come back */
  gint n_pending;
  gint n_doors; /* atomic: open or being opened */

  GemelView           view;
  gboolean            paired;
  char               *peer_name; /* (nullable) until it was heard */
  GemelStateStore    *state;
  GemelPeer          *peer;
  GemelConfigStream  *config_stream;
  GemelStateStream   *state_stream;
  GemelHistoryStream *history_stream;
  GemelDoors         *doors;

  GemelWaiters config_waiters;
  GemelWaiters state_waiters;
  GSource     *waiters_timer;
  guint        config_writes; /* running in the store */

  struct
  {
    gboolean         had_config;
    gboolean         told;
    gboolean         eligible;
    gboolean         synced;
    GemelConfigState config_state;
  } standing;
  struct
  {
    guint64           quiesce_id; /* 0: none */
    gboolean          quiesced;   /* told */
    gint64            since_us;   /* when it was asked */
    GSource          *patience;   /* (nullable): end of waiting for history */
    GemelPairPosition told;
    guint64           catch_up_id; /* 0: none */
    GemelPairPosition target;
  } change;

  GSource          *tick;
  GArray           *stats; /* of GemelProviderStats, as last told */
  GemelSyncCounters counters;
  GemelSyncCounters counters_told;
  GemelRate         config_queued;
  GemelRate         config_dispatched;
  GemelRate         history_queued;
  GemelRate         history_dispatched;
  guint64           history_written; /* counted into history_queued */
  guint64           history_acked;   /* counted into history_dispatched */
};

/* gemel-sync.c */
gint64 gemel_sync_now_us (void);
void   gemel_sync_event (GemelSync     *sync,
                         GemelEventCode code,
                         const char    *subject,
                         const char    *message,
                         gint64         a);
void   gemel_sync_hold (GemelSync *sync);
void   gemel_sync_release (GemelSync *sync);
void   gemel_sync_track (GemelSync *sync,
                         GIOStream *io);
void   gemel_sync_arm_waiters (GemelSync *sync);
typedef void (*GemelSyncFunc) (GemelSync *sync,
                               gpointer   data);
void gemel_sync_call (GemelSync     *sync,
                      GemelSyncFunc  func,
                      gpointer       data,
                      GDestroyNotify data_free);

/* gemel-sync-write.c */
gboolean gemel_sync_post (GemelSync          *sync,
                          const char         *provider,
                          guint64             term,
                          const guint8       *ops,
                          gsize               size,
                          guint               n_ops,
                          GemelStatePosition *ret_last,
                          GError            **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_sync_wait_state (GemelSync      *sync,
                                guint64         seq,
                                GemelDurability wanted,
                                GemelWaiterFunc func,
                                gpointer        data);
/* @error NULL: written at @position. Called once. */
typedef void (*GemelConfigWritten) (const GemelPosition *position,
                                    GemelDurability      reached,
                                    const GError        *error,
                                    gpointer             data);
void gemel_sync_write_config (GemelSync         *sync,
                              GPtrArray         *ops,
                              GemelDurability    wanted,
                              GCancellable      *cancellable,
                              GemelConfigWritten func,
                              gpointer           data);

/* gemel-sync-switch.c */
void gemel_sync_update_standing (GemelSync *sync);
void gemel_sync_check_change (GemelSync *sync);
void gemel_sync_end_change (GemelSync *sync);
void gemel_sync_get_position (GemelSync         *sync,
                              GemelPairPosition *ret_position);

/* gemel-sync-stats.c */
void gemel_sync_tell_stats (GemelSync *sync);

/* gemel-peer.c */
typedef struct
{
  void (*attach) (gpointer channel, GemelStream *stream);
  void (*detach) (gpointer channel);
  gboolean (*frame) (gpointer      channel,
                     guint16       type,
                     const guint8 *body,
                     gsize         size,
                     GError      **error);
  void (*drained) (gpointer channel);
  gboolean (*awaits) (gpointer channel); /* whether it is the peer's turn to say something */
} GemelPeerChannel;

GemelPeer *gemel_peer_new (GemelSync *sync);
void       gemel_peer_free (GemelPeer *peer);
void       gemel_peer_add (GemelPeer              *peer,
                           GemelSyncChannel        channel,
                           const GemelPeerChannel *handler,
                           gpointer                data);
void       gemel_peer_set (GemelPeer    *peer,
                           const char   *dial,
                           const guint8 *pin,
                           gboolean      session_up);
void       gemel_peer_adopt (GemelPeer *peer,
                             GIOStream *io);
void       gemel_peer_check_silence (GemelPeer *peer,
                                     gint64     now_us);
void       gemel_peer_get_bytes (GemelPeer *peer,
                                 guint64   *ret_sent,
                                 guint64   *ret_received);

/* gemel-config-stream.c and gemel-config-pull.c */
GemelConfigStream *gemel_config_stream_new (GemelSync *sync);
void               gemel_config_stream_free (GemelConfigStream *self);
void               gemel_config_stream_set_source (GemelConfigStream *self,
                                                   gboolean           source);
void               gemel_config_stream_changed (GemelConfigStream *self,
                                                GPtrArray         *entries);
void               gemel_config_stream_force_full (GemelConfigStream *self);
void               gemel_config_stream_connect (GemelConfigStream *self,
                                                GemelPeer         *peer);
/* source: the peer follows */
gboolean gemel_config_stream_is_level (GemelConfigStream *self);
gboolean gemel_config_stream_is_confirmed (GemelConfigStream *self);
/* puller: at the tail */
gboolean gemel_config_stream_is_synced (GemelConfigStream *self);
/* puller: entries wait */
gboolean gemel_config_stream_is_busy (GemelConfigStream *self);
gboolean gemel_config_stream_is_replacing (GemelConfigStream *self);
/* Puller: it cannot use what the source has. */
gboolean                gemel_config_stream_is_incompatible (GemelConfigStream *self);
gboolean                gemel_config_stream_is_attached (GemelConfigStream *self);
guint64                 gemel_config_stream_get_acked (GemelConfigStream *self);
const GemelPullFigures *gemel_config_stream_get_figures (GemelConfigStream *self);

/* gemel-state-stream.c */
GemelStateStream       *gemel_state_stream_new (GemelSync *sync);
void                    gemel_state_stream_free (GemelStateStream *self);
void                    gemel_state_stream_set_source (GemelStateStream *self,
                                                       gboolean          source);
void                    gemel_state_stream_pump (GemelStateStream *self);
void                    gemel_state_stream_force_full (GemelStateStream *self);
void                    gemel_state_stream_connect (GemelStateStream *self,
                                                    GemelPeer        *peer);
gboolean                gemel_state_stream_is_level (GemelStateStream *self);
gboolean                gemel_state_stream_is_confirmed (GemelStateStream *self);
gboolean                gemel_state_stream_is_synced (GemelStateStream *self);
const GemelPullFigures *gemel_state_stream_get_figures (GemelStateStream *self);

/* gemel-history-stream.c */
GemelHistoryStream *gemel_history_stream_new (GemelSync *sync);
void                gemel_history_stream_free (GemelHistoryStream *self);
void                gemel_history_stream_moved (GemelHistoryStream *self,
                                                const guint8        origin[16],
                                                guint64             mark);
void                gemel_history_stream_connect (GemelHistoryStream *self,
                                                  GemelPeer          *peer);
gboolean            gemel_history_stream_is_flushed (GemelHistoryStream *self);
gint64              gemel_history_stream_get_last_pull_unix_us (GemelHistoryStream *self);
gint64              gemel_history_stream_get_last_apply_duration_us (GemelHistoryStream *self);

/* gemel-door.c */
GemelDoors *gemel_doors_new (GemelSync *sync);
void        gemel_doors_free (GemelDoors *doors);
void        gemel_doors_close (GemelDoors *doors);
gint        gemel_door_kind_from_string (const char *kind); /* -1: none */
void        gemel_doors_take (GemelDoors *doors,
                              int         fd,
                              guint       kind,
                              const char *provider);
void        gemel_doors_state_changed (GemelDoors         *doors,
                                       GemelStateProvider *provider,
                                       guint64             epoch,
                                       guint64             first_seq,
                                       guint               n_ops,
                                       const guint8       *ops,
                                       gsize               size);
void        gemel_doors_state_replaced (GemelDoors *doors);

G_END_DECLS
