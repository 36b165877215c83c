/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Sealed heartbeats over UDP, and the ear for the peer's death notice.
 *
 * One socket; keys and counters come with each session. What does not authenticate is counted and
 * dropped. The notice key of a session is kept for a minute after its end, since a connection
 * breaks in the moment in which the process at its other end dies.
 */
#pragma once

#include "link/gemel-wire.h"

G_BEGIN_DECLS

#define GEMEL_NOTICE_KEPT_US (60 * G_USEC_PER_SEC)

typedef struct _GemelHeartbeat GemelHeartbeat;

typedef struct
{
  void (*beat) (const GemelMessage *message,
                gboolean            hears_datagrams,
                gpointer            user_data);
  void (*death) (guint64  term,
                 gpointer user_data);
} GemelHeartbeatCallbacks;

typedef struct
{
  guint64 sent;
  guint64 received; /* good ones */
  guint64 bad;      /* not ours, altered or replayed */
} GemelHeartbeatCounters;

GemelHeartbeat *gemel_heartbeat_new (const char                    *bind_address,
                                     guint16                        port,
                                     const GemelHeartbeatCallbacks *callbacks, /* static */
                                     gpointer                       user_data,
                                     GError                       **error)
  G_GNUC_WARN_UNUSED_RESULT;
void    gemel_heartbeat_free (GemelHeartbeat *heartbeat);
void    gemel_heartbeat_start (GemelHeartbeat *heartbeat);
guint16 gemel_heartbeat_get_port (const GemelHeartbeat *heartbeat);
int     gemel_heartbeat_get_fd (const GemelHeartbeat *heartbeat);
void    gemel_heartbeat_begin (GemelHeartbeat     *heartbeat,
                               const GemelHello   *own,
                               const GemelHello   *peer,
                               GInetSocketAddress *peer_address); /* (nullable) */
void    gemel_heartbeat_end (GemelHeartbeat *heartbeat,
                             gint64          now_us);
void    gemel_heartbeat_send (GemelHeartbeat *heartbeat,
                              GBytes         *body);
gsize   gemel_heartbeat_get_peer_address (const GemelHeartbeat *heartbeat,
                                          guint8                ret_sockaddr[128]);
void    gemel_heartbeat_get_counters (const GemelHeartbeat   *heartbeat,
                                      GemelHeartbeatCounters *ret_counters);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelHeartbeat, gemel_heartbeat_free)

G_END_DECLS
