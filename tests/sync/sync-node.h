/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A node without a core: stores in a temp dir, a listener on loopback and a sync thread whose view
 * is made by hand. Two of them are a pair. Used by the tests and by bench-sync.
 */
#pragma once

#include "link/gemel-connect.h"
#include "sync/gemel-sync-private.h"

G_BEGIN_DECLS

typedef struct
{
  char            *dir;
  guint8           uuid[16];
  GemelKeys        keys;
  GemelConfigDb   *config;
  GemelHistory    *history;
  GemelSync       *sync; /* under lock */
  GemelListener   *listener;
  GemelSyncOptions options;
  GemelView        view;

  GMutex            lock;
  guint             events[128];
  gboolean          eligible;
  gboolean          synced;
  GemelConfigState  config_state;
  guint64           quiesced_id;
  GemelPairPosition quiesced_at;
  guint64           caught_up_id;
  GemelPairPosition caught_up_at;
  guint             moved;
  guint             config_commits;
  guint             restarts_begun;
  guint             restarts_ended;
  GArray           *stats;
  GemelSyncCounters counters;
} SyncNode;

/* Runs the default context until @condition holds; fails after 30 s. */
#define wait_until(condition)                                           \
  G_STMT_START                                                          \
  {                                                                     \
    gint64 wait_end_us = g_get_monotonic_time () + 30 * G_USEC_PER_SEC; \
    while (!(condition))                                                \
      {                                                                 \
        g_assert_cmpint (g_get_monotonic_time (), <, wait_end_us);      \
        sync_node_turn ();                                              \
      }                                                                 \
  }                                                                     \
  G_STMT_END

void      sync_node_turn (void);
SyncNode *sync_node_new (guint8 id);
void      sync_node_free (SyncNode *node);
void      sync_node_start (SyncNode *node); /* opens the stores and begins */
void      sync_node_stop (SyncNode *node);
void      sync_node_set_active (SyncNode *node,
                                guint64   term); /* 0: standby */
void      sync_node_set_authority (SyncNode *node,
                                   gboolean  authority,
                                   guint64   term);
void      sync_node_connect (SyncNode *master,
                             SyncNode *backup); /* the backup dials */
void      sync_node_disconnect (SyncNode *node);
gboolean  sync_node_is_synced (SyncNode *node);
guint     sync_node_count (SyncNode      *node,
                           GemelEventCode code);

gboolean sync_node_write (SyncNode        *node,
                          const char      *key,
                          const char      *value,
                          GemelDurability  wanted,
                          GemelDurability *ret_reached,
                          GError         **error) G_GNUC_WARN_UNUSED_RESULT;
char    *sync_node_read (SyncNode   *node,
                         const char *key); /* NULL: not there */
gboolean sync_node_post (SyncNode        *node,
                         guint64          term,
                         const char      *key,
                         const char      *value,
                         GemelDurability  wanted,
                         GemelDurability *ret_reached,
                         GError         **error) G_GNUC_WARN_UNUSED_RESULT;
char    *sync_node_get_state (SyncNode   *node,
                              const char *key); /* NULL: not there */
void     sync_node_write_history (SyncNode *node,
                                  guint     n_points);
guint64  sync_node_count_history (SyncNode     *node,
                                  const guint8 *origin); /* rows; fails on a gap or duplicate */
guint64  sync_node_get_seq (SyncNode *node);             /* of the configuration */

G_END_DECLS
