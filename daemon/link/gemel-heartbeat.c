/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Sealed heartbeats over UDP (model: gemel-heartbeat.h). Sends and opens; when to send and what a
 * beat means is not known here.
 */
#include "link/gemel-heartbeat.h"

#include "api/gemel-error.h"
#include "link/gemel-guard-wire.h"
#include "link/gemel-link-clock.h"

#include <errno.h>
#include <glib-unix.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A flood must not keep the link thread from its timer. */
#define DATAGRAMS_PER_TURN 64

/** What opens a death notice. */
typedef struct
{
  gboolean known;
  guint8   key[GEMEL_SEAL_KEY_BYTES];
  guint64  session;
  guint8   node_uuid[16];
  gint64   until_us; /* boot time */
} NoticeKey;

struct _GemelHeartbeat
{
  const GemelHeartbeatCallbacks *callbacks;
  gpointer                       user_data;
  int                            fd;
  int                            family;
  guint16                        port;
  GSource                       *source; /* (nullable) */
  gboolean                       open;   /* a session stands */
  guint8                         own_key[GEMEL_SEAL_KEY_BYTES];
  guint64                        own_session;
  guint64                        counter; /* last one used */
  guint8                         peer_key[GEMEL_SEAL_KEY_BYTES];
  guint64                        peer_session;
  GemelReplayWindow              window;
  struct sockaddr_storage        peer;
  socklen_t                      peer_size;   /* 0: not known */
  NoticeKey                      notice;      /* of the session */
  NoticeKey                      last_notice; /* of the one before */
  GemelHeartbeatCounters         counters;
};

/* ---- the socket ---- */

static gboolean
to_sockaddr (GInetSocketAddress      *address,
             struct sockaddr_storage *ret_sockaddr,
             socklen_t               *ret_size)
{
  gssize size = g_socket_address_get_native_size (G_SOCKET_ADDRESS (address));

  memset (ret_sockaddr, 0, sizeof *ret_sockaddr);
  if (size <= 0 || (gsize) size > sizeof *ret_sockaddr ||
      !g_socket_address_to_native (G_SOCKET_ADDRESS (address), ret_sockaddr, sizeof *ret_sockaddr,
                                   NULL))
    return FALSE;
  *ret_size = (socklen_t) size;
  return TRUE;
}

static int
try_bind (const struct sockaddr_storage *address,
          socklen_t                      size,
          gboolean                       dual)
{
  int fd = socket (address->ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int v6_only = 0;
  int code;

  if (fd < 0)
    return -1;
  if (dual)
    (void) setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof v6_only);
  if (bind (fd, (const struct sockaddr *) address, size) == 0)
    return fd;
  code = errno;
  (void) close (fd);
  errno = code;
  return -1;
}

static int
bind_to (const char *text,
         guint16     port,
         int        *ret_family)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new_from_string (text, port);
  struct sockaddr_storage    native;
  socklen_t                  size;

  if (address == NULL || !to_sockaddr (G_INET_SOCKET_ADDRESS (address), &native, &size))
    {
      errno = EINVAL;
      return -1;
    }
  *ret_family = native.ss_family;
  return try_bind (&native, size, g_str_equal (text, "::"));
}

static guint16
bound_port (int fd)
{
  struct sockaddr_storage    native;
  socklen_t                  size = sizeof native;
  g_autoptr (GSocketAddress) address = NULL;

  if (getsockname (fd, (struct sockaddr *) &native, &size) != 0)
    return 0;
  address = g_socket_address_new_from_native (&native, size);
  return G_IS_INET_SOCKET_ADDRESS (address)
           ? g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address))
           : 0;
}

/* An IPv4 address inside IPv6 or out of it, as the socket needs it. */
static gboolean
fit_family (GInetSocketAddress      *address,
            guint16                  port,
            int                      family,
            struct sockaddr_storage *ret_sockaddr,
            socklen_t               *ret_size)
{
  GInetAddress                  *ip = g_inet_socket_address_get_address (address);
  const guint8                  *bytes = g_inet_address_to_bytes (ip);
  guint8                         mapped[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
  g_autoptr (GInetAddress)       fit = NULL;
  g_autoptr (GInetSocketAddress) whole = NULL;
  guint32                        scope_id = 0;

  if (g_inet_address_get_family (ip) == G_SOCKET_FAMILY_IPV4 && family == AF_INET6)
    {
      memcpy (mapped + 12, bytes, 4);
      fit = g_inet_address_new_from_bytes (mapped, G_SOCKET_FAMILY_IPV6);
    }
  else if (g_inet_address_get_family (ip) == G_SOCKET_FAMILY_IPV6 && family == AF_INET)
    {
      if (memcmp (bytes, mapped, 12) != 0)
        return FALSE;
      fit = g_inet_address_new_from_bytes (bytes + 12, G_SOCKET_FAMILY_IPV4);
    }
  else
    fit = g_object_ref (ip);
  if (g_inet_address_get_family (ip) == G_SOCKET_FAMILY_IPV6)
    scope_id = g_inet_socket_address_get_scope_id (address);
  whole = g_object_new (G_TYPE_INET_SOCKET_ADDRESS, "address", fit, "port", (guint) port,
                        "scope-id", scope_id, NULL);
  return to_sockaddr (whole, ret_sockaddr, ret_size);
}

/**
 * gemel_heartbeat_new:
 * @bind_address: numeric; "" for all addresses
 * @port: 0: any
 * @callbacks: (static): what is heard
 * @user_data: for @callbacks
 * @error: return location
 *
 * Returns: (transfer full) (nullable): a bound socket that is not yet listened to.
 * Errors: GEMEL_ERROR_BUSY when another program has the port, else GEMEL_ERROR_FAILED
 * Thread: any
 */
GemelHeartbeat *
gemel_heartbeat_new (const char                    *bind_address,
                     guint16                        port,
                     const GemelHeartbeatCallbacks *callbacks,
                     gpointer                       user_data,
                     GError                       **error)
{
  gboolean        any = bind_address == NULL || *bind_address == '\0';
  GemelHeartbeat *heartbeat;
  int             family = AF_UNSPEC;
  int             fd = bind_to (any ? "::" : bind_address, port, &family);

  if (fd < 0 && any)
    fd = bind_to ("0.0.0.0", port, &family);
  if (fd < 0)
    {
      g_set_error (error, GEMEL_ERROR, errno == EADDRINUSE ? GEMEL_ERROR_BUSY : GEMEL_ERROR_FAILED,
                   "cannot bind the heartbeats to '%s' port %u: %s; each node on one machine needs "
                   "a port of its own",
                   bind_address != NULL ? bind_address : "", (guint) port, g_strerror (errno));
      return NULL;
    }
  heartbeat = g_new0 (GemelHeartbeat, 1);
  heartbeat->callbacks = callbacks;
  heartbeat->user_data = user_data;
  heartbeat->fd = fd;
  heartbeat->family = family;
  heartbeat->port = bound_port (fd);
  return heartbeat;
}

/**
 * gemel_heartbeat_free:
 * @heartbeat: to close
 * Thread: that of gemel_heartbeat_start ()
 */
void
gemel_heartbeat_free (GemelHeartbeat *heartbeat)
{
  if (heartbeat->source != NULL)
    g_source_destroy (heartbeat->source);
  g_clear_pointer (&heartbeat->source, g_source_unref);
  (void) close (heartbeat->fd);
  explicit_bzero (heartbeat, sizeof *heartbeat);
  g_free (heartbeat);
}

/* ---- hearing ---- */

static gboolean
open_notice (const NoticeKey *key,
             const guint8    *datagram,
             gsize            size,
             guint64         *ret_term)
{
  return key->known && gemel_link_boot_us () <= key->until_us &&
         gemel_death_notice_open (datagram, size, key->key, key->session, key->node_uuid, ret_term,
                                  NULL);
}

static gboolean
on_notice (GemelHeartbeat *heartbeat,
           const guint8   *datagram,
           gsize           size)
{
  guint64 term;

  if (!open_notice (&heartbeat->notice, datagram, size, &term) &&
      !open_notice (&heartbeat->last_notice, datagram, size, &term))
    return FALSE;
  heartbeat->counters.received++;
  heartbeat->callbacks->death (term, heartbeat->user_data);
  return TRUE;
}

static gboolean
on_beat (GemelHeartbeat                *heartbeat,
         const guint8                  *datagram,
         gsize                          size,
         const struct sockaddr_storage *from,
         socklen_t                      from_size)
{
  guint8       body[GEMEL_DATAGRAM_BYTES_MAX];
  gsize        body_size;
  guint64      counter;
  GemelMessage m;
  gboolean     hears;

  if (!heartbeat->open ||
      !gemel_seal_open (GEMEL_SEAL_HEARTBEAT, heartbeat->peer_key, heartbeat->peer_session,
                        datagram, size, body, &body_size, &counter, NULL) ||
      !gemel_replay_window_take (&heartbeat->window, counter) ||
      !gemel_wire_decode_message (GEMEL_MESSAGE_BEAT, body, body_size, &m, &hears, NULL))
    return FALSE;
  /* The newest good one shows where the peer is now, also through an address translation. */
  if (counter == heartbeat->window.highest)
    {
      heartbeat->peer = *from;
      heartbeat->peer_size = from_size;
    }
  heartbeat->counters.received++;
  heartbeat->callbacks->beat (&m, hears, heartbeat->user_data);
  return TRUE;
}

static gboolean
on_readable (int          fd,
             GIOCondition condition,
             gpointer     user_data)
{
  GemelHeartbeat         *heartbeat = user_data;
  guint8                  datagram[GEMEL_DATAGRAM_BYTES_MAX + 1];
  struct sockaddr_storage from;
  GemelSealKind           kind;
  guint64                 session;
  guint                   i;

  for (i = 0; i < DATAGRAMS_PER_TURN; i++)
    {
      socklen_t from_size = sizeof from;
      gssize    n = recvfrom (fd, datagram, sizeof datagram, MSG_DONTWAIT,
                              (struct sockaddr *) &from,
                              &from_size);
      gboolean  good = FALSE;

      /* An error that an earlier datagram came back with is taken off by reading it. */
      if (n < 0 && errno == EAGAIN)
        break;
      if (n < 0)
        continue;
      if (gemel_seal_peek (datagram, (gsize) n, &kind, &session))
        good = kind == GEMEL_SEAL_DEATH
                 ? on_notice (heartbeat, datagram, (gsize) n)
                 : on_beat (heartbeat, datagram, (gsize) n, &from, from_size);
      if (!good)
        heartbeat->counters.bad++;
    }
  return G_SOURCE_CONTINUE;
}

/**
 * gemel_heartbeat_start:
 * @heartbeat: the socket
 *
 * Listens in the thread-default context of this call.
 * Thread: one with a main context, which all later calls use
 */
void
gemel_heartbeat_start (GemelHeartbeat *heartbeat)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  heartbeat->source = g_unix_fd_source_new (heartbeat->fd, G_IO_IN);
  g_source_set_priority (heartbeat->source, G_PRIORITY_HIGH);
  g_source_set_callback (heartbeat->source, G_SOURCE_FUNC (on_readable), heartbeat, NULL);
  g_source_attach (heartbeat->source, context);
}

/**
 * gemel_heartbeat_get_port:
 * @heartbeat: the socket
 *
 * Returns: the port it is bound to.
 * Thread: any
 */
guint16
gemel_heartbeat_get_port (const GemelHeartbeat *heartbeat)
{
  return heartbeat->port;
}

/**
 * gemel_heartbeat_get_fd:
 * @heartbeat: the socket
 *
 * Returns: its descriptor, for the guard; stays the socket's.
 * Thread: any
 */
int
gemel_heartbeat_get_fd (const GemelHeartbeat *heartbeat)
{
  return heartbeat->fd;
}

/**
 * gemel_heartbeat_begin:
 * @heartbeat: the socket
 * @own: what this node said in the new session
 * @peer: what the peer said
 * @peer_address: (nullable): of the peer's end of the connection
 *
 * A session stands: its keys count from now on.
 * Thread: the socket's
 */
void
gemel_heartbeat_begin (GemelHeartbeat     *heartbeat,
                       const GemelHello   *own,
                       const GemelHello   *peer,
                       GInetSocketAddress *peer_address)
{
  heartbeat->open = TRUE;
  memcpy (heartbeat->own_key, own->heartbeat_key, sizeof heartbeat->own_key);
  heartbeat->own_session = own->session;
  heartbeat->counter = 0;
  memcpy (heartbeat->peer_key, peer->heartbeat_key, sizeof heartbeat->peer_key);
  heartbeat->peer_session = peer->session;
  memset (&heartbeat->window, 0, sizeof heartbeat->window);
  heartbeat->peer_size = 0;
  if (peer_address != NULL && peer->udp_port != 0 &&
      !fit_family (peer_address, peer->udp_port, heartbeat->family, &heartbeat->peer,
                   &heartbeat->peer_size))
    heartbeat->peer_size = 0;
  heartbeat->notice.known = TRUE;
  heartbeat->notice.until_us = G_MAXINT64;
  heartbeat->notice.session = peer->session;
  memcpy (heartbeat->notice.key, peer->notice_key, sizeof heartbeat->notice.key);
  memcpy (heartbeat->notice.node_uuid, peer->node_uuid, sizeof heartbeat->notice.node_uuid);
}

/**
 * gemel_heartbeat_end:
 * @heartbeat: the socket
 * @now_us: boot time
 *
 * The session is over; its death notice is still understood for a minute.
 * Thread: the socket's
 */
void
gemel_heartbeat_end (GemelHeartbeat *heartbeat,
                     gint64          now_us)
{
  if (!heartbeat->open)
    return;
  heartbeat->open = FALSE;
  heartbeat->peer_size = 0;
  heartbeat->last_notice = heartbeat->notice;
  heartbeat->last_notice.until_us = now_us + GEMEL_NOTICE_KEPT_US;
  heartbeat->notice.known = FALSE;
  explicit_bzero (heartbeat->own_key, sizeof heartbeat->own_key);
  explicit_bzero (heartbeat->peer_key, sizeof heartbeat->peer_key);
}

/**
 * gemel_heartbeat_send:
 * @heartbeat: the socket
 * @body: by gemel_wire_encode_message (), of a beat
 *
 * Nothing happens when no session stands or the peer's address is not known; a datagram that the
 * kernel does not take is lost, as any other may be.
 * Thread: the socket's
 */
void
gemel_heartbeat_send (GemelHeartbeat *heartbeat,
                      GBytes         *body)
{
  guint8        datagram[GEMEL_DATAGRAM_BYTES_MAX];
  gsize         body_size, size;
  gconstpointer data = g_bytes_get_data (body, &body_size);

  if (!heartbeat->open || heartbeat->peer_size == 0)
    return;
  if (!gemel_seal_close (GEMEL_SEAL_HEARTBEAT, heartbeat->own_key, heartbeat->own_session,
                         ++heartbeat->counter, data, body_size, datagram, &size, NULL))
    return;
  if (sendto (heartbeat->fd, datagram, size, MSG_DONTWAIT | MSG_NOSIGNAL,
              (const struct sockaddr *) &heartbeat->peer, heartbeat->peer_size) == (gssize) size)
    heartbeat->counters.sent++;
}

/**
 * gemel_heartbeat_get_peer_address:
 * @heartbeat: the socket
 * @ret_sockaddr: (out): where the peer is
 *
 * Returns: bytes of @ret_sockaddr; 0: not known.
 * Thread: the socket's
 */
gsize
gemel_heartbeat_get_peer_address (const GemelHeartbeat *heartbeat,
                                  guint8                ret_sockaddr[128])
{
  G_STATIC_ASSERT (sizeof heartbeat->peer <= 128);

  memcpy (ret_sockaddr, &heartbeat->peer, sizeof heartbeat->peer);
  return heartbeat->peer_size;
}

/**
 * gemel_heartbeat_get_counters:
 * @heartbeat: the socket
 * @ret_counters: (out): since its start
 * Thread: the socket's
 */
void
gemel_heartbeat_get_counters (const GemelHeartbeat   *heartbeat,
                              GemelHeartbeatCounters *ret_counters)
{
  *ret_counters = heartbeat->counters;
}
