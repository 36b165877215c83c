/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The one truth out: everything that any surface shows of this node, composed by gemel-node in the
 * main thread, immutable, counted, with a serial. Made at once when level, term or link change, at
 * most ten times a second otherwise. D-Bus, SNMP, HTTP, gemelctl and the app render it and nothing
 * else, so no surface can disagree with another and no poller can slow a failover.
 */
#pragma once

#include "history/gemel-history.h"
#include "link/gemel-link.h"
#include "sync/gemel-sync.h"

G_BEGIN_DECLS

typedef struct
{
  guint64 serial;
  gint64  boot_us; /* when it was made */
  gint64  unix_us;

  char             *name;
  char             *version;
  char              node_uuid[37];
  char              pair_uuid[37]; /* "" when not paired */
  char             *fingerprint;   /* of this node's key, for people */
  gboolean          paired;
  GemelView         view;
  GemelHistoryLevel history_level;
  gint64            started_unix_us;
  gint64            level_since_unix_us;
  gint64            last_changeover_unix_us; /* 0: none since the start */
  GemelCause        last_changeover_cause;
  guint64           events; /* stored since the start */
  guint64           last_event_id;

  char            *peer_address;        /* (nullable) */
  GemelPeerStatus *peer;                /* (nullable): last status heard */
  gint64           peer_status_unix_us; /* when */

  GemelConfigState      config_state;
  GemelConfigInfo       config;
  GemelProviderStats   *providers;
  guint                 n_providers;
  GemelHistoryStats     history;
  GemelLinkCounters     link;
  GemelListenerCounters listener;
  GemelSyncCounters     sync;
} GemelSnapshot;

GemelSnapshot *gemel_snapshot_new (void);
GemelSnapshot *gemel_snapshot_ref (GemelSnapshot *snapshot);
void           gemel_snapshot_unref (GemelSnapshot *snapshot);
char          *gemel_snapshot_to_json (const GemelSnapshot *snapshot); /* Describe () */
GemelLevel     gemel_snapshot_get_peer_level (const GemelSnapshot *snapshot);
gint64         gemel_snapshot_get_peer_seen_unix_us (const GemelSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelSnapshot, gemel_snapshot_unref)

G_END_DECLS
