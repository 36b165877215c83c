/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Listening: TCP, TLS 1.3 with a certificate, pin, protocol; whoever passes is handed on.
 *
 * Nobody can lock the peer out by holding unfinished handshakes: when there are too many from one
 * address or in all, the oldest of the address that holds most makes room. A real handshake takes
 * milliseconds, so it is hardly ever the oldest.
 *
 * This file never reads or writes on a connection and does not log; it counts and reports.
 */
#include "link/gemel-connect.h"

#include "api/gemel-error.h"
#include "link/gemel-connect-private.h"

#include <netinet/in.h>

#define HANDSHAKE_MS_MAX           5000
#define UNFINISHED_MAX             32
#define UNFINISHED_PER_ADDRESS_MAX 8
#define BACKLOG                    16
#define ACCEPTS_PER_TURN           16
/* After accept () failed for want of descriptors or memory. */
#define ACCEPT_PAUSE_MS 100

#define REPORT_INTERVAL_US       (60 * G_USEC_PER_SEC)
#define REPORTS_PER_INTERVAL_MAX 10

typedef struct
{
  GemelListener  *listener; /* (nullable) NULL once nobody waits for the result */
  GTlsConnection *tls;
  char           *address;
  GSource        *timer; /* (nullable) */
  gboolean        wrong_pin;
  gboolean        timed_out;
} Handshake;

struct _GemelListener
{
  GSocket                      *socket;
  GemelKeys                     keys; /* a reference of its own */
  const GemelListenerCallbacks *callbacks;
  gpointer                      user_data;
  GMainContext                 *context;
  GSource                      *accept_source; /* the socket, or the pause after a failure */
  GPtrArray                    *handshakes;    /* of Handshake, oldest first */
  guint                         handshake_ms;
  gboolean                      has_peer;
  guint8                        peer_pin[GEMEL_PIN_BYTES];
  gboolean                      pairing_open;
  GHashTable                   *reported; /* address -> gint64 *, monotonic time of its report */
  GemelListenerCounters         counters;
};

static void
destroy_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* --- reports --------------------------------------------------------------------------------- */

static gboolean
is_old_report (gpointer address,
               gpointer value,
               gpointer data)
{
  const gint64 *at_us = value;
  const gint64 *now_us = data;

  return *now_us - *at_us >= REPORT_INTERVAL_US;
}

/* Whoever knocks a thousand times makes one report a minute, and a thousand who knock make ten. */
static void
refuse (GemelListener *listener,
        guint64       *counter,
        const char    *address,
        const char    *why)
{
  gint64  now_us = g_get_monotonic_time ();
  gint64 *at_us;

  *counter += 1;
  g_hash_table_foreach_remove (listener->reported, is_old_report, &now_us);
  if (g_hash_table_size (listener->reported) >= REPORTS_PER_INTERVAL_MAX ||
      g_hash_table_contains (listener->reported, address))
    return;
  at_us = g_new (gint64, 1);
  *at_us = now_us;
  g_hash_table_insert (listener->reported, g_strdup (address), at_us);
  if (listener->callbacks->refused != NULL)
    listener->callbacks->refused (listener, address, why, listener->user_data);
}

/* --- handshakes ------------------------------------------------------------------------------ */

static void
handshake_free (Handshake *handshake)
{
  destroy_source (&handshake->timer);
  g_signal_handlers_disconnect_by_data (handshake->tls, handshake);
  g_clear_object (&handshake->tls);
  g_free (handshake->address);
  g_free (handshake);
}

/* Its call-back will come and free it. */
static void
drop_handshake (Handshake *handshake)
{
  GemelListener *listener = g_steal_pointer (&handshake->listener);

  destroy_source (&handshake->timer);
  gemel_connect_shut (handshake->tls);
  g_ptr_array_remove (listener->handshakes, handshake);
}

static guint
count_from (GemelListener *listener,
            const char    *address)
{
  guint i, n = 0;

  for (i = 0; i < listener->handshakes->len; i++)
    {
      const Handshake *handshake = g_ptr_array_index (listener->handshakes, i);

      n += g_str_equal (handshake->address, address) ? 1 : 0;
    }
  return n;
}

/* The oldest of the address that holds most. */
static Handshake *
find_victim (GemelListener *listener)
{
  Handshake *victim = NULL;
  guint      i, most = 0;

  for (i = 0; i < listener->handshakes->len; i++)
    {
      Handshake *handshake = g_ptr_array_index (listener->handshakes, i);
      guint      n = count_from (listener, handshake->address);

      if (n > most)
        {
          most = n;
          victim = handshake;
        }
    }
  return victim;
}

static Handshake *
find_oldest_from (GemelListener *listener,
                  const char    *address)
{
  guint i;

  for (i = 0; i < listener->handshakes->len; i++)
    {
      Handshake *handshake = g_ptr_array_index (listener->handshakes, i);

      if (g_str_equal (handshake->address, address))
        return handshake;
    }
  return NULL;
}

static void
make_room (GemelListener *listener,
           const char    *address)
{
  g_autofree char *loser = NULL;
  Handshake       *victim = NULL;

  if (count_from (listener, address) >= UNFINISHED_PER_ADDRESS_MAX)
    victim = find_oldest_from (listener, address);
  else if (listener->handshakes->len >= UNFINISHED_MAX)
    victim = find_victim (listener);
  if (victim == NULL)
    return;
  loser = g_strdup (victim->address);
  drop_handshake (victim);
  refuse (listener, &listener->counters.refused_busy, loser, "too many unfinished handshakes");
}

static gboolean
on_accept_certificate (GTlsConnection      *tls,
                       GTlsCertificate     *certificate,
                       GTlsCertificateFlags flags,
                       gpointer             data)
{
  Handshake     *handshake = data;
  GemelListener *listener = handshake->listener;

  if (listener == NULL)
    return FALSE;
  if (listener->pairing_open)
    return TRUE; /* which protocol it is allowed is decided when that is known */
  handshake->wrong_pin =
    !gemel_connect_pin_fits (certificate, listener->has_peer ? listener->peer_pin : NULL);
  return !handshake->wrong_pin;
}

static void
refuse_handshake (Handshake    *handshake,
                  const GError *error)
{
  GemelListener *listener = handshake->listener;

  if (handshake->wrong_pin && !listener->has_peer)
    refuse (listener, &listener->counters.refused_pin, handshake->address,
            "this node is not paired and no invitation stands");
  else if (handshake->wrong_pin)
    refuse (listener, &listener->counters.refused_pin, handshake->address,
            "its key is not that of the paired node");
  else if (handshake->timed_out)
    refuse (listener, &listener->counters.refused_tls, handshake->address,
            "handshake took too long");
  else
    refuse (listener, &listener->counters.refused_tls, handshake->address, error->message);
}

/* After a handshake that TLS is content with. */
static gboolean
check_session (Handshake    *handshake,
               GemelChannel *ret_channel)
{
  GemelListener  *listener = handshake->listener;
  GTlsConnection *tls = handshake->tls;
  gboolean        is_peer;

  is_peer = gemel_connect_pin_fits (g_tls_connection_get_peer_certificate (tls),
                                    listener->has_peer ? listener->peer_pin : NULL);
  if (!gemel_connect_is_tls_1_3 (tls))
    refuse (listener, &listener->counters.refused_tls, handshake->address, "TLS older than 1.3");
  else if (!gemel_connect_channel_of_session (tls, ret_channel))
    refuse (listener, &listener->counters.refused_alpn, handshake->address,
            "no protocol that this node knows");
  else if (*ret_channel == GEMEL_CHANNEL_PAIR && !listener->pairing_open)
    refuse (listener, &listener->counters.refused_pairing, handshake->address,
            "no invitation stands");
  else if (*ret_channel != GEMEL_CHANNEL_PAIR && !is_peer)
    refuse (listener, &listener->counters.refused_pin, handshake->address,
            "its key is not that of the paired node");
  else
    return TRUE;
  return FALSE;
}

static void
on_handshake (GObject      *source,
              GAsyncResult *result,
              gpointer      data)
{
  Handshake                 *handshake = data;
  GemelListener             *listener = handshake->listener;
  GemelChannel               channel = GEMEL_CHANNEL_CONTROL;
  g_autoptr (GError)         error = NULL;
  g_autoptr (GTlsConnection) tls = g_object_ref (handshake->tls);
  gboolean                   done;

  done = g_tls_connection_handshake_finish (tls, result, &error);
  if (listener != NULL)
    g_ptr_array_remove (listener->handshakes, handshake);
  if (listener != NULL && !done)
    refuse_handshake (handshake, error);
  if (listener == NULL || !done || !check_session (handshake, &channel))
    {
      handshake_free (handshake);
      gemel_connect_close_hard (G_IO_STREAM (tls));
      return;
    }
  handshake_free (handshake);
  listener->counters.accepted++;
  listener->callbacks->accepted (listener, channel, G_IO_STREAM (g_steal_pointer (&tls)),
                                 listener->user_data);
}

static gboolean
on_handshake_timer (gpointer data)
{
  Handshake *handshake = data;

  handshake->timed_out = TRUE;
  gemel_connect_shut (handshake->tls);
  return G_SOURCE_REMOVE;
}

/* --- accepting ------------------------------------------------------------------------------- */

static void
start_handshake (GemelListener *listener,
                 GSocket       *socket)
{
  g_autoptr (GSocketConnection) base = g_socket_connection_factory_create_connection (socket);
  g_autoptr (GTlsConnection)    tls = NULL;
  g_autoptr (GError)            error = NULL;
  g_autofree char              *address = gemel_connect_dup_peer_address (G_IO_STREAM (base));
  Handshake                    *handshake;

  gemel_connect_tune_socket (socket);
  make_room (listener, address);
  tls = gemel_connect_new_server (G_IO_STREAM (base), &listener->keys, &error);
  if (tls == NULL)
    {
      refuse (listener, &listener->counters.refused_tls, address, error->message);
      return;
    }
  handshake = g_new0 (Handshake, 1);
  handshake->listener = listener;
  handshake->tls = g_steal_pointer (&tls);
  handshake->address = g_steal_pointer (&address);
  handshake->timer = g_timeout_source_new (listener->handshake_ms);
  g_source_set_callback (handshake->timer, on_handshake_timer, handshake, NULL);
  g_source_attach (handshake->timer, listener->context);
  g_signal_connect (handshake->tls, "accept-certificate", G_CALLBACK (on_accept_certificate),
                    handshake);
  g_ptr_array_add (listener->handshakes, handshake);
  g_tls_connection_handshake_async (handshake->tls, G_PRIORITY_DEFAULT, NULL, on_handshake,
                                    handshake);
}

static void start_accepting (GemelListener *listener);

static gboolean
on_pause_over (gpointer data)
{
  start_accepting (data);
  return G_SOURCE_REMOVE;
}

/* A socket that stays readable while accept () fails would keep the loop spinning. */
static void
pause_accepting (GemelListener *listener)
{
  destroy_source (&listener->accept_source);
  listener->accept_source = g_timeout_source_new (ACCEPT_PAUSE_MS);
  g_source_set_callback (listener->accept_source, on_pause_over, listener, NULL);
  g_source_attach (listener->accept_source, listener->context);
}

static gboolean
on_connection (GSocket     *socket,
               GIOCondition condition,
               gpointer     data)
{
  GemelListener *listener = data;
  guint          i;

  for (i = 0; i < ACCEPTS_PER_TURN; i++)
    {
      g_autoptr (GError)  error = NULL;
      g_autoptr (GSocket) accepted = g_socket_accept (socket, NULL, &error);

      if (accepted != NULL)
        start_handshake (listener, accepted);
      else if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        break;
      else if (!g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED))
        {
          pause_accepting (listener);
          break;
        }
    }
  return G_SOURCE_CONTINUE;
}

static void
start_accepting (GemelListener *listener)
{
  destroy_source (&listener->accept_source);
  listener->accept_source = g_socket_create_source (listener->socket, G_IO_IN, NULL);
  g_source_set_callback (listener->accept_source, G_SOURCE_FUNC (on_connection), listener, NULL);
  g_source_attach (listener->accept_source, listener->context);
}

static GSocket *
listen_on (GInetAddress *inet,
           guint16       port,
           GError      **error)
{
  g_autoptr (GSocketAddress) address = g_inet_socket_address_new (inet, port);
  GSocketFamily              family = g_inet_address_get_family (inet);
  g_autoptr (GSocket)        socket =
    g_socket_new (family, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, error);

  if (socket == NULL)
    return NULL;
  g_socket_set_blocking (socket, FALSE);
  g_socket_set_listen_backlog (socket, BACKLOG);
  if (family == G_SOCKET_FAMILY_IPV6 && g_inet_address_get_is_any (inet))
    (void) g_socket_set_option (socket, IPPROTO_IPV6, IPV6_V6ONLY, 0, NULL);
  if (!g_socket_bind (socket, address, TRUE, error) || !g_socket_listen (socket, error))
    return NULL;
  return g_steal_pointer (&socket);
}

static GSocket *
listen_on_text (const char *bind_address,
                guint16     port,
                GError    **error)
{
  g_autoptr (GInetAddress) inet = NULL;
  g_autoptr (GError)       local_error = NULL;
  GSocket                 *socket;

  if (*bind_address != '\0')
    inet = g_inet_address_new_from_string (bind_address);
  if (*bind_address != '\0' && inet == NULL)
    {
      g_set_error (
        error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
        "bind address '%s' is not an IP address: give one of this machine, or nothing for all",
        bind_address);
      return NULL;
    }
  if (inet == NULL || g_inet_address_get_is_any (inet))
    {
      g_autoptr (GInetAddress) any6 = g_inet_address_new_any (G_SOCKET_FAMILY_IPV6);
      g_autoptr (GInetAddress) any4 = g_inet_address_new_any (G_SOCKET_FAMILY_IPV4);

      /* A machine may have no IPv6. */
      socket = listen_on (any6, port, NULL);
      if (socket == NULL)
        socket = listen_on (any4, port, &local_error);
    }
  else
    socket = listen_on (inet, port, &local_error);
  if (socket == NULL)
    g_set_error (error, GEMEL_ERROR,
                 g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_ADDRESS_IN_USE)
                   ? GEMEL_ERROR_BUSY
                   : GEMEL_ERROR_SETTING,
                 "cannot listen on '%s' port %u: %s: is another program there?", bind_address, port,
                 local_error->message);
  return socket;
}

/* --- for users ------------------------------------------------------------------------------- */

/**
 * gemel_listener_new:
 * @keys: this node's; what is needed is kept
 * @bind_address: an IP address; "", "0.0.0.0" and "::" are all addresses of both families
 * @port: 0 for any
 * @callbacks: static; `accepted` must be there
 * @user_data: for the call-backs
 * @error: return location
 *
 * Listens at once. Without a peer and without open pairing everybody is refused.
 *
 * Returns: (transfer full): the listener.
 * Errors: GEMEL_ERROR_SETTING when it is no address, GEMEL_ERROR_BUSY when another program has the
 *   port, GEMEL_ERROR_FAILED when the address cannot be used now
 * Thread: the one with the context (main); call-backs come there
 */
GemelListener *
gemel_listener_new (const GemelKeys              *keys,
                    const char                   *bind_address,
                    guint16                       port,
                    const GemelListenerCallbacks *callbacks,
                    gpointer                      user_data,
                    GError                      **error)
{
  GSocket       *socket = listen_on_text (bind_address, port, error);
  GemelListener *listener;

  if (socket == NULL)
    return NULL;
  listener = g_new0 (GemelListener, 1);
  listener->socket = socket;
  listener->keys.certificate = g_object_ref (keys->certificate);
  memcpy (listener->keys.pin, keys->pin, sizeof keys->pin);
  listener->callbacks = callbacks;
  listener->user_data = user_data;
  listener->context = g_main_context_ref_thread_default ();
  listener->handshakes = g_ptr_array_new ();
  listener->handshake_ms = HANDSHAKE_MS_MAX;
  listener->reported = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  start_accepting (listener);
  return listener;
}

/**
 * gemel_listener_free:
 * @listener: (transfer full): a listener
 *
 * Stops listening and gives up unfinished handshakes. No call-back follows.
 *
 * Thread: the listener's; not inside one of its call-backs
 */
void
gemel_listener_free (GemelListener *listener)
{
  destroy_source (&listener->accept_source);
  while (listener->handshakes->len > 0)
    drop_handshake (g_ptr_array_index (listener->handshakes, 0));
  g_ptr_array_unref (listener->handshakes);
  (void) g_socket_close (listener->socket, NULL);
  g_object_unref (listener->socket);
  gemel_keys_clear (&listener->keys);
  g_hash_table_unref (listener->reported);
  g_main_context_unref (listener->context);
  g_free (listener);
}

/**
 * gemel_listener_get_port:
 * @listener: a listener
 *
 * Returns: the TCP port, also when any was asked for.
 * Thread: the listener's
 */
guint16
gemel_listener_get_port (GemelListener *listener)
{
  g_autoptr (GSocketAddress) address = g_socket_get_local_address (listener->socket, NULL);

  return address != NULL ? g_inet_socket_address_get_port (G_INET_SOCKET_ADDRESS (address)) : 0;
}

/**
 * gemel_listener_set_peer:
 * @listener: a listener
 * @pin: (nullable): the paired node's; %NULL when there is none
 *
 * Who may use control and data from now on. Connections handed on before are the owner's to end.
 *
 * Thread: the listener's
 */
void
gemel_listener_set_peer (GemelListener *listener,
                         const guint8  *pin)
{
  listener->has_peer = pin != NULL;
  if (pin != NULL)
    memcpy (listener->peer_pin, pin, sizeof listener->peer_pin);
}

/**
 * gemel_listener_set_pairing:
 * @listener: a listener
 * @open: whether an invitation stands
 *
 * While it is open, unknown certificates may use the pairing protocol, and it alone.
 *
 * Thread: the listener's
 */
void
gemel_listener_set_pairing (GemelListener *listener,
                            gboolean       open)
{
  listener->pairing_open = open;
}

/**
 * gemel_listener_get_counters:
 * @listener: a listener
 * @ret_counters: (out caller-allocates): since the start
 *
 * Thread: the listener's
 */
void
gemel_listener_get_counters (GemelListener         *listener,
                             GemelListenerCounters *ret_counters)
{
  *ret_counters = listener->counters;
}

/**
 * gemel_listener_note_pairing_refused:
 * @listener: a listener
 * @address: who it was, as of gemel_connect_dup_peer_address ()
 * @why: one phrase
 *
 * Counts and reports what was refused on a pairing connection that had been handed on.
 *
 * Thread: the listener's
 */
void
gemel_listener_note_pairing_refused (GemelListener *listener,
                                     const char    *address,
                                     const char    *why)
{
  refuse (listener, &listener->counters.refused_pairing, address, why);
}

/**
 * gemel_listener_set_handshake_ms:
 * @listener: a listener
 * @handshake_ms: how long handshakes may take that begin from now on
 *
 * Thread: the listener's
 */
void
gemel_listener_set_handshake_ms (GemelListener *listener,
                                 guint          handshake_ms)
{
  listener->handshake_ms = handshake_ms;
}
