/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Shared by the tests of the link; see link-support.h.
 */
#include "link-support.h"

#include <glib/gstdio.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#define RAW_TIMEOUT_MS 10000

static gboolean
on_turn_over (gpointer data)
{
  return G_SOURCE_CONTINUE;
}

/**
 * link_support_turn:
 *
 * One turn of the default main context; it ends after 10 ms when nothing happens.
 *
 * Thread: main
 */
void
link_support_turn (void)
{
  GSource *timer = g_timeout_source_new (10);

  g_source_set_callback (timer, on_turn_over, NULL, NULL);
  g_source_attach (timer, NULL);
  g_main_context_iteration (NULL, TRUE);
  g_source_destroy (timer);
  g_source_unref (timer);
}

/**
 * link_support_make_keys:
 * @ret_keys: (out caller-allocates): new keys; their file is gone already
 *
 * Thread: any
 */
void
link_support_make_keys (GemelKeys *ret_keys)
{
  g_autofree char   *folder = g_dir_make_tmp ("gemel-keys-XXXXXX", NULL);
  g_autofree char   *path = g_build_filename (folder, "key.pem", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (gemel_keys_load_or_make (path, "node", ret_keys, &error));
  g_assert_no_error (error);
  g_assert_cmpint (g_unlink (path), ==, 0);
  g_assert_cmpint (g_rmdir (folder), ==, 0);
}

/**
 * link_support_tcp_connect:
 * @from_address: (nullable): IPv4 address to come from
 * @port: where to, on 127.0.0.1
 *
 * Returns: (transfer full): a connected socket.
 * Thread: any
 */
GSocket *
link_support_tcp_connect (const char *from_address,
                          guint16     port)
{
  g_autoptr (GError)  error = NULL;
  g_autoptr (GSocket) socket =
    g_socket_new (G_SOCKET_FAMILY_IPV4, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_TCP, &error);
  g_autoptr (GSocketAddress) to = g_inet_socket_address_new_from_string ("127.0.0.1", port);

  g_assert_no_error (error);
  if (from_address != NULL)
    {
      g_autoptr (GSocketAddress) from = g_inet_socket_address_new_from_string (from_address, 0);

      g_assert_true (g_socket_bind (socket, from, FALSE, &error));
    }
  g_assert_true (g_socket_connect (socket, to, NULL, &error));
  return g_steal_pointer (&socket);
}

/**
 * link_support_tcp_pair:
 * @ret_a: (out) (transfer full): one end
 * @ret_b: (out) (transfer full): the other
 *
 * Thread: any
 */
void
link_support_tcp_pair (GSocketConnection **ret_a,
                       GSocketConnection **ret_b)
{
  g_autoptr (GError)          error = NULL;
  g_autoptr (GSocketListener) listener = g_socket_listener_new ();
  guint16                     port = g_socket_listener_add_any_inet_port (listener, NULL, &error);
  g_autoptr (GSocket)         socket = link_support_tcp_connect (NULL, port);

  *ret_a = g_socket_connection_factory_create_connection (socket);
  *ret_b = g_socket_listener_accept (listener, NULL, NULL, &error);
  g_assert_no_error (error);
}

typedef struct
{
  guint16     port;
  char       *protocol;
  RawTlsFlags flags;
  gint       *done;
} RawClient;

static void
set_certificate (gnutls_certificate_credentials_t credentials)
{
  GemelKeys        keys = { 0 };
  g_autofree char *certificate_pem = NULL;
  g_autofree char *key_pem = NULL;
  gnutls_datum_t   certificate, key;

  link_support_make_keys (&keys);
  g_object_get (keys.certificate, "certificate-pem", &certificate_pem, "private-key-pem", &key_pem,
                NULL);
  certificate.data = (guint8 *) certificate_pem;
  certificate.size = (guint) strlen (certificate_pem);
  key.data = (guint8 *) key_pem;
  key.size = (guint) strlen (key_pem);
  g_assert_cmpint (
    gnutls_certificate_set_x509_key_mem (credentials, &certificate, &key, GNUTLS_X509_FMT_PEM), >=,
    0);
  gemel_keys_clear (&keys);
}

static gpointer
run_raw_client (gpointer data)
{
  RawClient                       *client = data;
  g_autoptr (GSocket)              socket = link_support_tcp_connect (NULL, client->port);
  gnutls_certificate_credentials_t credentials;
  gnutls_session_t                 session;
  gnutls_datum_t                   protocol = { (guint8 *) client->protocol,
                              client->protocol != NULL ? (guint) strlen (client->protocol) : 0 };
  char                             byte;
  int                              code;

  g_assert_cmpint (gnutls_certificate_allocate_credentials (&credentials), ==, 0);
  if ((client->flags & RAW_TLS_NO_CERTIFICATE) == 0)
    set_certificate (credentials);
  g_assert_cmpint (gnutls_init (&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), ==, 0);
  g_assert_cmpint (
    gnutls_priority_set_direct (
      session, (client->flags & RAW_TLS_1_2) != 0 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2" : "NORMAL",
      NULL),
    ==, 0);
  g_assert_cmpint (gnutls_credentials_set (session, GNUTLS_CRD_CERTIFICATE, credentials), ==, 0);
  if ((client->flags & RAW_TLS_NO_ALPN) == 0)
    g_assert_cmpint (gnutls_alpn_set_protocols (session, &protocol, 1, 0), ==, 0);
  gnutls_transport_set_int (session, g_socket_get_fd (socket));
  gnutls_handshake_set_timeout (session, RAW_TIMEOUT_MS);
  gnutls_record_set_timeout (session, RAW_TIMEOUT_MS);
  do
    code = gnutls_handshake (session);
  while (code < 0 && !gnutls_error_is_fatal (code));
  if (code >= 0)
    while (gnutls_record_recv (session, &byte, 1) > 0)
      ;
  gnutls_deinit (session);
  gnutls_certificate_free_credentials (credentials);
  g_atomic_int_set (client->done, 1);
  g_free (client->protocol);
  g_free (client);
  return GINT_TO_POINTER (code);
}

/**
 * link_support_raw_client_start:
 * @port: of the listener on 127.0.0.1
 * @protocol: (nullable): ALPN name
 * @flags: how to misbehave
 * @done: set to 1 when the other side has closed
 *
 * Returns: (transfer full): a thread to be joined after @done.
 * Thread: any
 */
GThread *
link_support_raw_client_start (guint16     port,
                               const char *protocol,
                               RawTlsFlags flags,
                               gint       *done)
{
  RawClient *client = g_new0 (RawClient, 1);

  client->port = port;
  client->protocol = g_strdup (protocol);
  client->flags = flags;
  client->done = done;
  return g_thread_new ("raw-client", run_raw_client, client);
}
