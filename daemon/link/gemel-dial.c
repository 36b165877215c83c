/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Dialling: name, TCP, TLS 1.3, pin, protocol, within one time limit.
 *
 * A TLS 1.3 client is done before the server has looked at its certificate. A connection from here
 * is therefore good only when the other side has answered the first frame.
 */
#include "link/gemel-connect.h"

#include "api/gemel-error.h"
#include "api/gemel-names.h"
#include "link/gemel-connect-private.h"

typedef struct
{
  GTlsCertificate *certificate;
  guint8           peer_pin[GEMEL_PIN_BYTES];
  gboolean         has_peer_pin;
  GemelChannel     channel;
  char            *host_and_port;
  GCancellable    *inner; /* of connecting; cancelled by the caller's and by the time limit */
  GSource         *timer;
  GSource         *outer; /* (nullable) watches the caller's cancellable */
  GTlsConnection  *tls;   /* (nullable) */
  gboolean         timed_out;
  gboolean         wrong_pin;
  gboolean         was_refused;
} DialData;

static void
destroy_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
dial_data_free (gpointer data)
{
  DialData *dial = data;

  destroy_source (&dial->timer);
  destroy_source (&dial->outer);
  g_clear_object (&dial->certificate);
  g_clear_object (&dial->inner);
  g_clear_object (&dial->tls);
  g_free (dial->host_and_port);
  g_free (dial);
}

/* Gives @task back with words for what went wrong; takes the reference. */
static void
fail (GTask        *task,
      const GError *error)
{
  g_autoptr (GTask) owned = task;
  DialData         *dial = g_task_get_task_data (task);

  destroy_source (&dial->timer);
  destroy_source (&dial->outer);
  if (dial->tls != NULL)
    gemel_connect_close_hard (G_IO_STREAM (dial->tls));
  dial->was_refused = g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED);
  if (g_task_return_error_if_cancelled (task))
    return;
  if (dial->wrong_pin)
    g_task_return_new_error (
      task, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
      "%s is not the paired node: its key has another fingerprint; check the "
      "address, or pair again if it was set up anew",
      dial->host_and_port);
  else if (dial->timed_out)
    g_task_return_new_error (
      task, GEMEL_ERROR, GEMEL_ERROR_TIMEOUT,
      "%s did not answer in time: check the address, the network and the firewall",
      dial->host_and_port);
  else if (error->domain == GEMEL_ERROR)
    g_task_return_error (task, g_error_copy (error));
  else
    g_task_return_new_error (task, GEMEL_ERROR, GEMEL_ERROR_PEER_UNAVAILABLE,
                             "cannot connect to %s: %s", dial->host_and_port, error->message);
}

static gboolean
on_accept_certificate (GTlsConnection      *tls,
                       GTlsCertificate     *certificate,
                       GTlsCertificateFlags flags,
                       gpointer             data)
{
  DialData *dial = data;

  if (!dial->has_peer_pin)
    return TRUE;
  dial->wrong_pin = !gemel_connect_pin_fits (certificate, dial->peer_pin);
  return !dial->wrong_pin;
}

static gboolean
check_session (DialData *dial,
               GError  **error)
{
  GemelChannel channel;

  if (!gemel_connect_is_tls_1_3 (dial->tls))
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "%s does not speak TLS 1.3",
                 dial->host_and_port);
  else if (!gemel_connect_channel_of_session (dial->tls, &channel) || channel != dial->channel)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INCOMPATIBLE,
                 "%s does not speak %s: is it a Gemel node of this version?", dial->host_and_port,
                 gemel_connect_protocol_of_channel (dial->channel));
  else if (dial->has_peer_pin &&
           !gemel_connect_pin_fits (g_tls_connection_get_peer_certificate (dial->tls),
                                    dial->peer_pin))
    {
      dial->wrong_pin = TRUE;
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY, "wrong pin");
    }
  else
    return TRUE;
  return FALSE;
}

static void
on_handshake (GObject      *source,
              GAsyncResult *result,
              gpointer      data)
{
  GTask             *task = data;
  DialData          *dial = g_task_get_task_data (task);
  g_autoptr (GError) error = NULL;

  if (!g_tls_connection_handshake_finish (G_TLS_CONNECTION (source), result, &error) ||
      !check_session (dial, &error))
    {
      fail (task, error);
      return;
    }
  destroy_source (&dial->timer);
  destroy_source (&dial->outer);
  g_signal_handlers_disconnect_by_data (dial->tls, dial);
  g_task_return_pointer (task, g_steal_pointer (&dial->tls), g_object_unref);
  g_object_unref (task);
}

static void
on_connected (GObject      *source,
              GAsyncResult *result,
              gpointer      data)
{
  GTask                        *task = data;
  DialData                     *dial = g_task_get_task_data (task);
  GemelKeys                     keys = { dial->certificate, { 0 } };
  g_autoptr (GSocketConnection) base = NULL;
  g_autoptr (GError)            error = NULL;

  base = g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);
  if (base != NULL)
    {
      gemel_connect_tune_socket (g_socket_connection_get_socket (base));
      dial->tls = gemel_connect_new_client (G_IO_STREAM (base), &keys, dial->channel, &error);
    }
  if (dial->tls == NULL)
    {
      fail (task, error);
      return;
    }
  g_signal_connect (dial->tls, "accept-certificate", G_CALLBACK (on_accept_certificate), dial);
  g_tls_connection_handshake_async (dial->tls, G_PRIORITY_DEFAULT, NULL, on_handshake, task);
}

static void
give_up (DialData *dial)
{
  if (dial->tls != NULL)
    gemel_connect_shut (dial->tls);
  else
    g_cancellable_cancel (dial->inner);
}

static gboolean
on_timer (gpointer data)
{
  DialData *dial = data;

  dial->timed_out = TRUE;
  give_up (dial);
  return G_SOURCE_REMOVE;
}

static gboolean
on_outer_cancelled (GCancellable *cancellable,
                    gpointer      data)
{
  DialData *dial = data;

  give_up (dial);
  return G_SOURCE_REMOVE;
}

static void
watch_limits (DialData     *dial,
              guint         timeout_ms,
              GCancellable *cancellable)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  dial->timer = g_timeout_source_new (timeout_ms);
  g_source_set_callback (dial->timer, on_timer, dial, NULL);
  g_source_attach (dial->timer, context);
  if (cancellable == NULL)
    return;
  dial->outer = g_cancellable_source_new (cancellable);
  g_source_set_callback (dial->outer, G_SOURCE_FUNC (on_outer_cancelled), dial, NULL);
  g_source_attach (dial->outer, context);
}

/**
 * gemel_dial_async:
 * @keys: this node's; only needed during this call
 * @host_and_port: name or address, IPv6 in brackets when a port follows; port 8060 by default
 * @peer_pin: (nullable): the pin that the other side must have; %NULL accepts any (pairing)
 * @channel: what to ask for
 * @timeout_ms: for everything together
 * @cancellable: (nullable): gives up
 * @callback: called in the thread-default context of this call
 * @user_data: for @callback
 *
 * Connects to a node. The other side may still refuse this node's certificate when this has
 * succeeded: wait for its first frame.
 *
 * Thread: any with a main context
 */
void
gemel_dial_async (const GemelKeys    *keys,
                  const char         *host_and_port,
                  const guint8       *peer_pin,
                  GemelChannel        channel,
                  guint               timeout_ms,
                  GCancellable       *cancellable,
                  GAsyncReadyCallback callback,
                  gpointer            user_data)
{
  g_autoptr (GSocketConnectable) address = NULL;
  g_autoptr (GSocketClient)      client = NULL;
  GTask                         *task = g_task_new (NULL, cancellable, callback, user_data);
  DialData                      *dial = g_new0 (DialData, 1);

  g_task_set_source_tag (task, gemel_dial_async);
  g_task_set_task_data (task, dial, dial_data_free);
  dial->certificate = g_object_ref (keys->certificate);
  dial->has_peer_pin = peer_pin != NULL;
  if (peer_pin != NULL)
    memcpy (dial->peer_pin, peer_pin, sizeof dial->peer_pin);
  dial->channel = channel;
  dial->host_and_port = g_strdup (host_and_port);
  dial->inner = g_cancellable_new ();
  if (*host_and_port != '\0')
    address = g_network_address_parse (host_and_port, GEMEL_PORT_DEFAULT, NULL);
  if (address == NULL)
    {
      g_task_return_new_error (task, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                               "'%s' is not an address: give host or host:port", host_and_port);
      g_object_unref (task);
      return;
    }
  watch_limits (dial, timeout_ms, cancellable);
  client = g_socket_client_new ();
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, address, dial->inner, on_connected, task);
}

/**
 * gemel_dial_finish:
 * @result: of gemel_dial_async ()
 * @error: return location
 *
 * Returns: (transfer full): a GTlsConnection.
 * Errors: GEMEL_ERROR_IDENTITY (not the pinned node), GEMEL_ERROR_TIMEOUT,
 *   GEMEL_ERROR_PEER_UNAVAILABLE, GEMEL_ERROR_INCOMPATIBLE, GEMEL_ERROR_PROTOCOL,
 *   GEMEL_ERROR_INVALID_ARGS (address), G_IO_ERROR_CANCELLED
 * Thread: that of gemel_dial_async ()
 */
GIOStream *
gemel_dial_finish (GAsyncResult *result,
                   GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * gemel_dial_was_refused:
 * @result: of gemel_dial_async (), failed
 *
 * Returns: whether the host answered that nobody listens: a hint, never proof (a firewall can say
 *   so for a living node).
 * Thread: that of gemel_dial_async ()
 */
gboolean
gemel_dial_was_refused (GAsyncResult *result)
{
  DialData *dial = g_task_get_task_data (G_TASK (result));

  return dial->was_refused;
}
