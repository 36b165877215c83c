/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What gemeld tells its guard over the inherited socket pair, and the death notice that the guard
 * sends to the peer when gemeld and all its modules are gone.
 *
 * The pair is SOCK_SEQPACKET, its descriptor is in the environment (GEMEL_GUARD_FD). One record a
 * packet; integers little endian.
 *
 *   ARM     'A' 1 byte, then: u8 version (1), 16 node uuid, 32 key, u64 session, u64 term,
 *           u16 address length, sockaddr of the peer; the UDP socket of the heartbeats comes along
 *           as SCM_RIGHTS, so the notice leaves by the path that is known to work
 *   DISARM  'D': no session, or not active: nothing to say when this process dies
 *   STOP    'S': ending in order; do not start it again
 *
 * The notice is a datagram like a heartbeat: header (magic, session, counter), then the sealed
 * body "GEMEL-DEATH", node uuid, u64 term. The key is the session's own notice key, which the nodes
 * give each other inside TLS, so it proves the session; the counter space is its own.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define GEMEL_GUARD_FD_ENV           "GEMEL_GUARD_FD"
#define GEMEL_GUARD_RECORD_BYTES_MAX 256

typedef struct
{
  guint8  node_uuid[16];
  guint8  key[32];
  guint64 session;
  guint64 term;
  guint8  peer_address[128]; /* a sockaddr */
  gsize   peer_address_size;
} GemelGuardOrders;

/* gemeld's side. */
gboolean gemel_guard_send_arm (int                     guard_fd,
                               const GemelGuardOrders *orders,
                               int                     udp_fd,
                               GError                **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_guard_send_disarm (int      guard_fd,
                                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_guard_send_stop (int      guard_fd,
                                GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The guard's side. */
typedef enum
{
  GEMEL_GUARD_RECORD_NONE = 0, /* nothing waits */
  GEMEL_GUARD_RECORD_ARM,
  GEMEL_GUARD_RECORD_DISARM,
  GEMEL_GUARD_RECORD_STOP,
  GEMEL_GUARD_RECORD_CLOSED,
} GemelGuardRecord;
gboolean gemel_guard_receive (int               fd,
                              GemelGuardRecord *ret_record,
                              GemelGuardOrders *ret_orders,
                              int              *ret_udp_fd, /* -1 or owned by the caller */
                              GError          **error) G_GNUC_WARN_UNUSED_RESULT;

/* tidy: symbols: the sealed datagram goes to the peer, it is not the guard's own */
GBytes *gemel_death_notice_seal (const GemelGuardOrders *orders,
                                 guint64                 counter);
/* tidy: symbols: as above */
gboolean gemel_death_notice_open (const guint8 *datagram,
                                  gsize         size,
                                  const guint8  key[32],
                                  guint64       session,
                                  const guint8  node_uuid[16],
                                  guint64      *ret_term,
                                  GError      **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
