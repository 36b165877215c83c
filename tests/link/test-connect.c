/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Listening and dialling on loopback, both ends in one main loop: who gets in, who does not, and
 * that each refusal is counted.
 */
#include "api/gemel-error.h"
#include "link-support.h"

typedef struct
{
  GemelKeys      server_keys;
  GemelKeys      client_keys;
  GemelKeys      other_keys;
  GemelListener *listener;
  char          *address;
  GPtrArray     *accepted; /* of GIOStream */
  GemelChannel   channel;  /* of the last */
  guint          n_reports;
  GIOStream     *dialled;
  GError        *dial_error;
  gboolean       dial_done;
  gboolean       dial_refused;
} Fixture;

static void
on_accepted (GemelListener *listener,
             GemelChannel   channel,
             GIOStream     *io,
             gpointer       data)
{
  Fixture *f = data;

  f->channel = channel;
  g_ptr_array_add (f->accepted, io);
}

static void
on_refused (GemelListener *listener,
            const char    *address,
            const char    *why,
            gpointer       data)
{
  Fixture *f = data;

  g_test_message ("%s: %s", address, why);
  f->n_reports++;
}

static const GemelListenerCallbacks callbacks = { on_accepted, on_refused };

static void
set_up (Fixture      *f,
        gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  link_support_make_keys (&f->server_keys);
  link_support_make_keys (&f->client_keys);
  link_support_make_keys (&f->other_keys);
  f->accepted = g_ptr_array_new_with_free_func (g_object_unref);
  f->listener = gemel_listener_new (&f->server_keys, data != NULL ? data : "127.0.0.1", 0,
                                    &callbacks, f, &error);
  g_assert_no_error (error);
  gemel_listener_set_peer (f->listener, f->client_keys.pin);
  f->address = g_strdup_printf ("127.0.0.1:%u", gemel_listener_get_port (f->listener));
}

static void
tear_down (Fixture      *f,
           gconstpointer data)
{
  g_clear_object (&f->dialled);
  g_clear_error (&f->dial_error);
  g_clear_pointer (&f->listener, gemel_listener_free);
  g_ptr_array_unref (f->accepted);
  gemel_keys_clear (&f->server_keys);
  gemel_keys_clear (&f->client_keys);
  gemel_keys_clear (&f->other_keys);
  g_free (f->address);
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

static void
on_dialled (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  Fixture *f = data;

  f->dialled = gemel_dial_finish (result, &f->dial_error);
  if (f->dialled == NULL)
    f->dial_refused = gemel_dial_was_refused (result);
  f->dial_done = TRUE;
}

static void
dial (Fixture         *f,
      const GemelKeys *keys,
      const guint8    *pin,
      GemelChannel     channel)
{
  g_clear_object (&f->dialled);
  g_clear_error (&f->dial_error);
  f->dial_done = FALSE;
  gemel_dial_async (keys, f->address, pin, channel, 10000, NULL, on_dialled, f);
  wait_until (f->dial_done);
}

static GemelListenerCounters
counters (Fixture *f)
{
  GemelListenerCounters found;

  gemel_listener_get_counters (f->listener, &found);
  return found;
}

static void
test_pinned_peer_gets_in (Fixture      *f,
                          gconstpointer data)
{
  guint i;

  for (i = 0; i < 2; i++)
    {
      dial (f, &f->client_keys, f->server_keys.pin, (GemelChannel) i);
      g_assert_no_error (f->dial_error);
      wait_until (f->accepted->len == i + 1);
      g_assert_cmpint (f->channel, ==, i);
    }
  g_assert_cmpuint (counters (f).accepted, ==, 2);
  g_assert_cmpuint (f->n_reports, ==, 0);
}

static void
test_other_certificate_is_refused (Fixture      *f,
                                   gconstpointer data)
{
  guint i;

  /* Five times: one report. */
  for (i = 0; i < 5; i++)
    {
      dial (f, &f->other_keys, f->server_keys.pin, GEMEL_CHANNEL_CONTROL);
      wait_until (counters (f).refused_pin == i + 1);
    }
  g_assert_cmpuint (f->accepted->len, ==, 0);
  g_assert_cmpuint (f->n_reports, ==, 1);
}

static void
test_without_peer_nobody_gets_in (Fixture      *f,
                                  gconstpointer data)
{
  gemel_listener_set_peer (f->listener, NULL);
  dial (f, &f->client_keys, f->server_keys.pin, GEMEL_CHANNEL_CONTROL);
  wait_until (counters (f).refused_pin == 1);
  gemel_listener_set_pairing (f->listener, TRUE);
  dial (f, &f->client_keys, f->server_keys.pin, GEMEL_CHANNEL_DATA);
  wait_until (counters (f).refused_pin == 2);
  g_assert_cmpuint (f->accepted->len, ==, 0);
}

static void
test_wrong_server_is_refused_by_dialler (Fixture      *f,
                                         gconstpointer data)
{
  dial (f, &f->client_keys, f->other_keys.pin, GEMEL_CHANNEL_CONTROL);
  g_assert_error (f->dial_error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY);
  g_assert_null (f->dialled);
}

static void
test_pairing_only_while_open (Fixture      *f,
                              gconstpointer data)
{
  dial (f, &f->client_keys, NULL, GEMEL_CHANNEL_PAIR);
  wait_until (counters (f).refused_pairing == 1);
  gemel_listener_set_pairing (f->listener, TRUE);
  dial (f, &f->other_keys, NULL, GEMEL_CHANNEL_PAIR);
  g_assert_no_error (f->dial_error);
  wait_until (f->accepted->len == 1);
  g_assert_cmpint (f->channel, ==, GEMEL_CHANNEL_PAIR);
}

static void
run_raw (Fixture    *f,
         const char *protocol,
         RawTlsFlags flags)
{
  gint     done = 0;
  GThread *thread;

  thread =
    link_support_raw_client_start (gemel_listener_get_port (f->listener), protocol, flags, &done);
  wait_until (g_atomic_int_get (&done) == 1);
  g_thread_join (thread);
  g_assert_cmpuint (f->accepted->len, ==, 0);
}

static void
test_old_tls_is_refused (Fixture      *f,
                         gconstpointer data)
{
  run_raw (f, "gemel-control/1", RAW_TLS_1_2);
  g_assert_cmpuint (counters (f).refused_tls, ==, 1);
}

static void
test_no_certificate_is_refused (Fixture      *f,
                                gconstpointer data)
{
  run_raw (f, "gemel-control/1", RAW_TLS_NO_CERTIFICATE);
  g_assert_cmpuint (counters (f).refused_tls, ==, 1);
  gemel_listener_set_pairing (f->listener, TRUE);
  run_raw (f, "gemel-pair/1", RAW_TLS_NO_CERTIFICATE);
  g_assert_cmpuint (counters (f).refused_tls, ==, 2);
}

static void
test_no_protocol_is_refused (Fixture      *f,
                             gconstpointer data)
{
  gemel_listener_set_pairing (f->listener, TRUE);
  run_raw (f, NULL, RAW_TLS_NO_ALPN);
  g_assert_cmpuint (counters (f).refused_alpn, ==, 1);
  run_raw (f, "h2", 0);
  g_assert_cmpuint (counters (f).refused_alpn, ==, 2);
}

static void
test_plain_text_is_refused (Fixture      *f,
                            gconstpointer data)
{
  static const char   request[] = "GET / HTTP/1.1\r\nHost: gemel\r\n\r\n";
  g_autoptr (GSocket) socket =
    link_support_tcp_connect (NULL, gemel_listener_get_port (f->listener));
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_socket_send (socket, request, sizeof request - 1, NULL, &error), ==,
                   sizeof request - 1);
  wait_until (counters (f).refused_tls == 1);
}

static void
test_silent_client_times_out (Fixture      *f,
                              gconstpointer data)
{
  g_autoptr (GSocket) socket = NULL;
  char                byte;

  gemel_listener_set_handshake_ms (f->listener, 50);
  socket = link_support_tcp_connect (NULL, gemel_listener_get_port (f->listener));
  wait_until (counters (f).refused_tls == 1);
  g_socket_set_timeout (socket, 10);
  g_assert_cmpint (g_socket_receive (socket, &byte, 1, NULL, NULL), ==, 0);
}

static void
test_peer_gets_in_through_a_flood (Fixture      *f,
                                   gconstpointer data)
{
  g_autoptr (GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  guint16               port = gemel_listener_get_port (f->listener);
  guint                 i;

  for (i = 0; i < 200; i++)
    {
      g_autofree char *from = g_strdup_printf ("127.0.0.%u", 1 + i % 10);

      g_ptr_array_add (sockets, link_support_tcp_connect (from, port));
      link_support_turn ();
    }
  wait_until (counters (f).refused_busy >= 200 - 32);
  dial (f, &f->client_keys, f->server_keys.pin, GEMEL_CHANNEL_CONTROL);
  g_assert_no_error (f->dial_error);
  wait_until (f->accepted->len == 1);
  g_assert_cmpuint (f->n_reports, <=, 10);
}

static void
test_one_address_holds_eight (Fixture      *f,
                              gconstpointer data)
{
  g_autoptr (GPtrArray) sockets = g_ptr_array_new_with_free_func (g_object_unref);
  guint16               port = gemel_listener_get_port (f->listener);
  guint                 i;

  for (i = 0; i < 10; i++)
    g_ptr_array_add (sockets, link_support_tcp_connect ("127.0.0.2", port));
  wait_until (counters (f).refused_busy == 2);
  g_assert_cmpuint (counters (f).refused_tls, ==, 0);
}

static void
test_nobody_listens (Fixture      *f,
                     gconstpointer data)
{
  g_clear_pointer (&f->listener, gemel_listener_free);
  dial (f, &f->client_keys, f->server_keys.pin, GEMEL_CHANNEL_CONTROL);
  g_assert_error (f->dial_error, GEMEL_ERROR, GEMEL_ERROR_PEER_UNAVAILABLE);
  g_assert_true (f->dial_refused);
}

static void
test_dial_gives_up (Fixture      *f,
                    gconstpointer data)
{
  g_autoptr (GSocketListener) silent = g_socket_listener_new ();
  g_autoptr (GCancellable)    cancellable = g_cancellable_new ();
  guint16                     port = g_socket_listener_add_any_inet_port (silent, NULL, NULL);

  g_free (f->address);
  f->address = g_strdup_printf ("127.0.0.1:%u", port);
  gemel_dial_async (&f->client_keys, f->address, NULL, GEMEL_CHANNEL_PAIR, 50, NULL, on_dialled, f);
  wait_until (f->dial_done);
  g_assert_error (f->dial_error, GEMEL_ERROR, GEMEL_ERROR_TIMEOUT);
  g_clear_error (&f->dial_error);
  f->dial_done = FALSE;
  gemel_dial_async (&f->client_keys, f->address, NULL, GEMEL_CHANNEL_PAIR, 10000, cancellable,
                    on_dialled, f);
  link_support_turn ();
  g_cancellable_cancel (cancellable);
  wait_until (f->dial_done);
  g_assert_error (f->dial_error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
}

static void
test_bad_addresses (Fixture      *f,
                    gconstpointer data)
{
  static const char *const bad[] = { "", "host:99999999", "[::1" };
  g_autoptr (GError)       error = NULL;
  guint                    i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_free (f->address);
      f->address = g_strdup (bad[i]);
      dial (f, &f->client_keys, NULL, GEMEL_CHANNEL_PAIR);
      g_assert_nonnull (f->dial_error);
      g_assert_true (f->dial_error->domain == GEMEL_ERROR);
    }
  g_assert_null (gemel_listener_new (&f->server_keys, "not-an-address", 0, &callbacks, f, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING);
}

static void
test_port_in_use (Fixture      *f,
                  gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  GemelListener     *first =
    gemel_listener_new (&f->server_keys, "127.0.0.1", 0, &callbacks, f, &error);

  g_test_summary ("A port that another program has may become free: that is no wrong setting");
  g_assert_no_error (error);
  g_assert_null (gemel_listener_new (&f->server_keys, "127.0.0.1",
                                     gemel_listener_get_port (first), &callbacks, f, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_BUSY);
  gemel_listener_free (first);
}

static void
test_freed_in_a_handshake (Fixture      *f,
                           gconstpointer data)
{
  g_autoptr (GSocket) socket =
    link_support_tcp_connect (NULL, gemel_listener_get_port (f->listener));
  char byte;

  link_support_turn ();
  g_clear_pointer (&f->listener, gemel_listener_free);
  g_socket_set_blocking (socket, FALSE);
  wait_until (g_socket_receive (socket, &byte, 1, NULL, NULL) == 0);
}

#define ADD(path, bind, function) \
  g_test_add ("/link/connect/" path, Fixture, bind, set_up, function, tear_down)

int
main (int   argc,
      char *argv[])
{
  gemel_connect_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("pinned-peer-gets-in", NULL, test_pinned_peer_gets_in);
  ADD ("pinned-peer-gets-in-on-all-addresses", "", test_pinned_peer_gets_in);
  ADD ("other-certificate-is-refused", NULL, test_other_certificate_is_refused);
  ADD ("without-peer-nobody-gets-in", NULL, test_without_peer_nobody_gets_in);
  ADD ("wrong-server-is-refused-by-dialler", NULL, test_wrong_server_is_refused_by_dialler);
  ADD ("pairing-only-while-open", NULL, test_pairing_only_while_open);
  ADD ("old-tls-is-refused", NULL, test_old_tls_is_refused);
  ADD ("no-certificate-is-refused", NULL, test_no_certificate_is_refused);
  ADD ("no-protocol-is-refused", NULL, test_no_protocol_is_refused);
  ADD ("plain-text-is-refused", NULL, test_plain_text_is_refused);
  ADD ("silent-client-times-out", NULL, test_silent_client_times_out);
  ADD ("peer-gets-in-through-a-flood", NULL, test_peer_gets_in_through_a_flood);
  ADD ("one-address-holds-eight", NULL, test_one_address_holds_eight);
  ADD ("nobody-listens", NULL, test_nobody_listens);
  ADD ("dial-gives-up", NULL, test_dial_gives_up);
  ADD ("bad-addresses", NULL, test_bad_addresses);
  ADD ("port-in-use", NULL, test_port_in_use);
  ADD ("freed-in-a-handshake", NULL, test_freed_in_a_handshake);
  return g_test_run ();
}
