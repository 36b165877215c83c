/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What both ends of a connection have in common: TLS 1.3 alone, the protocols, the pin, the socket.
 *
 * TLS connections are made with the properties of their backend, because the usual constructors
 * load the system's certificate authorities (13 ms and 8 MB) that Gemel never asks.
 */
#include "link/gemel-connect.h"

#include "link/gemel-connect-private.h"

#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

/* Resumed sessions would skip the certificates, so there are no tickets. */
#define TLS_PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3:%NO_TICKETS"

/* A broom for half-open sockets, never a decision: that is for heartbeats. It must be far longer
 * than a receiver may hold its window shut (gemel_stream_pause). */
#define TCP_USER_TIMEOUT_MS      30000
#define TCP_KEEPALIVE_IDLE_S     5
#define TCP_KEEPALIVE_INTERVAL_S 5
#define TCP_KEEPALIVE_PROBES     3

static const char *const protocols[GEMEL_N_CHANNELS + 1] = {
  [GEMEL_CHANNEL_CONTROL] = "gemel-control/1",
  [GEMEL_CHANNEL_DATA] = "gemel-data/1",
  [GEMEL_CHANNEL_PAIR] = "gemel-pair/1",
};

/**
 * gemel_connect_init:
 *
 * Makes TLS 1.3 the only version of this process. It must be the first thing in main (), before
 * another thread runs and before anything of GIO is used; each session is checked all the same.
 *
 * Thread: main, alone
 */
void
gemel_connect_init (void)
{
  (void) g_setenv ("G_TLS_GNUTLS_PRIORITY", TLS_PRIORITY, TRUE);
  (void) g_setenv ("GIO_USE_TLS", "gnutls", TRUE);
}

/**
 * gemel_connect_protocol_of_channel:
 * @channel: a channel
 *
 * Returns: its ALPN name.
 * Thread: any
 */
const char *
gemel_connect_protocol_of_channel (GemelChannel channel)
{
  return protocols[channel];
}

/**
 * gemel_connect_channel_of_session:
 * @tls: a connection after its handshake
 * @ret_channel: (out): the channel that was agreed on
 *
 * Returns: whether one of ours was agreed on; TLS itself does not mind when none was.
 * Thread: any
 */
gboolean
gemel_connect_channel_of_session (GTlsConnection *tls,
                                  GemelChannel   *ret_channel)
{
  const char *agreed = g_tls_connection_get_negotiated_protocol (tls);
  guint       i;

  for (i = 0; i < GEMEL_N_CHANNELS; i++)
    if (g_strcmp0 (agreed, protocols[i]) == 0)
      {
        *ret_channel = (GemelChannel) i;
        return TRUE;
      }
  return FALSE;
}

/**
 * gemel_connect_is_tls_1_3:
 * @tls: a connection after its handshake
 *
 * Returns: whether it speaks TLS 1.3.
 * Thread: any
 */
gboolean
gemel_connect_is_tls_1_3 (GTlsConnection *tls)
{
  return g_tls_connection_get_protocol_version (tls) == G_TLS_PROTOCOL_VERSION_TLS_1_3;
}

/**
 * gemel_connect_pin_fits:
 * @certificate: (nullable): the other side's
 * @pin: (nullable): the pin it must have
 *
 * Returns: whether both are there and fit; takes the same time wherever they differ.
 * Thread: any
 */
gboolean
gemel_connect_pin_fits (GTlsCertificate *certificate,
                        const guint8    *pin)
{
  guint8 found[GEMEL_PIN_BYTES];

  if (certificate == NULL || pin == NULL || !gemel_pin_of_certificate (certificate, found, NULL))
    return FALSE;
  return gnutls_memcmp (found, pin, sizeof found) == 0;
}

/**
 * gemel_connect_tune_socket:
 * @socket: a connected TCP socket
 *
 * Small frames leave at once; a peer that vanished is noticed by the kernel in the end.
 *
 * Thread: any
 */
void
gemel_connect_tune_socket (GSocket *socket)
{
  /* Each only makes things better, and none is missing on Linux. */
  (void) g_socket_set_option (socket, IPPROTO_TCP, TCP_NODELAY, 1, NULL);
  (void) g_socket_set_option (socket, IPPROTO_TCP, TCP_USER_TIMEOUT, TCP_USER_TIMEOUT_MS, NULL);
  (void) g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPIDLE, TCP_KEEPALIVE_IDLE_S, NULL);
  (void) g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPINTVL, TCP_KEEPALIVE_INTERVAL_S, NULL);
  (void) g_socket_set_option (socket, IPPROTO_TCP, TCP_KEEPCNT, TCP_KEEPALIVE_PROBES, NULL);
  g_socket_set_keepalive (socket, TRUE);
}

/**
 * gemel_connect_shut:
 * @tls: a connection in its handshake
 *
 * Ends the handshake from outside: it fails with an end of file. A handshake runs in a thread of
 * its own, and cancelling it from here would race with that thread's sources of the cancellable
 * (GLib frees them without a lock against the one who cancels).
 *
 * Thread: that of the handshake's call-back
 */
void
gemel_connect_shut (GTlsConnection *tls)
{
  g_autoptr (GIOStream) base = NULL;

  g_object_get (tls, "base-io-stream", &base, NULL);
  if (G_IS_SOCKET_CONNECTION (base))
    (void) g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (base)), TRUE,
                              TRUE, NULL);
}

/**
 * gemel_connect_close_hard:
 * @io: a connection without outstanding operations
 *
 * Closes the socket without a TLS farewell, which could block.
 *
 * Thread: any
 */
void
gemel_connect_close_hard (GIOStream *io)
{
  g_autoptr (GIOStream) base = NULL;

  if (G_IS_TLS_CONNECTION (io))
    g_object_get (io, "base-io-stream", &base, NULL);
  (void) g_io_stream_close (base != NULL ? base : io, NULL, NULL);
}

/**
 * gemel_connect_dup_peer_address:
 * @io: a connection that was accepted or dialled
 *
 * Returns: (transfer full): the other side's IP address without port, "unknown" when it is gone.
 * Thread: any
 */
char *
gemel_connect_dup_peer_address (GIOStream *io)
{
  g_autoptr (GIOStream)      base = NULL;
  g_autoptr (GSocketAddress) address = NULL;
  GInetAddress              *inet;

  if (G_IS_TLS_CONNECTION (io))
    g_object_get (io, "base-io-stream", &base, NULL);
  else
    base = g_object_ref (io);
  if (G_IS_SOCKET_CONNECTION (base))
    address = g_socket_connection_get_remote_address (G_SOCKET_CONNECTION (base), NULL);
  if (address == NULL || !G_IS_INET_SOCKET_ADDRESS (address))
    return g_strdup ("unknown");
  inet = g_inet_socket_address_get_address (G_INET_SOCKET_ADDRESS (address));
  return g_inet_address_to_string (inet);
}

/**
 * gemel_connect_new_client:
 * @base: a TCP connection
 * @keys: this node's
 * @channel: what to ask for
 * @error: return location
 *
 * Returns: (transfer full): a client that still has to do its handshake.
 * Errors: those of G_TLS_ERROR
 * Thread: any
 */
GTlsConnection *
gemel_connect_new_client (GIOStream       *base,
                          const GemelKeys *keys,
                          GemelChannel     channel,
                          GError         **error)
{
  const char     *asked[] = { protocols[channel], NULL };
  GTlsConnection *tls;

  tls = g_initable_new (g_tls_backend_get_client_connection_type (g_tls_backend_get_default ()),
                        NULL, error, "base-io-stream", base, "server-identity", NULL, "database",
                        NULL, "advertised-protocols", asked, NULL);
  if (tls != NULL)
    g_tls_connection_set_certificate (tls, keys->certificate);
  return tls;
}

/**
 * gemel_connect_new_server:
 * @base: a TCP connection
 * @keys: this node's
 * @error: return location
 *
 * Returns: (transfer full): a server that wants a certificate and has its handshake before it.
 * Errors: those of G_TLS_ERROR
 * Thread: any
 */
GTlsConnection *
gemel_connect_new_server (GIOStream       *base,
                          const GemelKeys *keys,
                          GError         **error)
{
  return g_initable_new (g_tls_backend_get_server_connection_type (g_tls_backend_get_default ()),
                         NULL, error, "base-io-stream", base, "certificate", keys->certificate,
                         "authentication-mode", G_TLS_AUTHENTICATION_REQUIRED, "database", NULL,
                         "advertised-protocols", protocols, NULL);
}
