/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Sealed datagrams, the replay window, the death notice and the records to the guard.
 */
#include "api/gemel-error.h"
#include "link/gemel-guard-wire.h"
#include "link/gemel-seal.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SESSION G_GUINT64_CONSTANT (0x1122334455667788)

static const guint8 key[GEMEL_SEAL_KEY_BYTES] = "a key of thirty-two bytes, yes!";
static const guint8 uuid[16] = "a node of a pair";

static void
seal (guint8 *datagram,
      gsize  *size,
      guint64 counter)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (gemel_seal_close (GEMEL_SEAL_HEARTBEAT, key, SESSION, counter,
                                   (const guint8 *) "tick", 4, datagram, size, &error));
  g_assert_no_error (error);
}

static void
test_seal_round_trip (void)
{
  guint8             datagram[GEMEL_DATAGRAM_BYTES_MAX];
  guint8             body[GEMEL_DATAGRAM_BYTES_MAX];
  gsize              size, body_size;
  guint64            counter, session;
  GemelSealKind      kind;
  g_autoptr (GError) error = NULL;

  seal (datagram, &size, 42);
  g_assert_cmpuint (size, ==, 4 + GEMEL_SEAL_EXTRA_BYTES);
  g_assert_null (memmem (datagram, size, "tick", 4));
  g_assert_true (gemel_seal_peek (datagram, size, &kind, &session));
  g_assert_cmpint (kind, ==, GEMEL_SEAL_HEARTBEAT);
  g_assert_cmpuint (session, ==, SESSION);
  g_assert_true (gemel_seal_open (GEMEL_SEAL_HEARTBEAT, key, SESSION, datagram, size, body,
                                  &body_size, &counter, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (body, body_size, "tick", 4);
  g_assert_cmpuint (counter, ==, 42);
}

static void
assert_refused (GemelSealKind kind,
                const guint8 *with_key,
                guint64       session,
                const guint8 *datagram,
                gsize         size)
{
  guint8             body[GEMEL_DATAGRAM_BYTES_MAX];
  gsize              body_size;
  guint64            counter;
  g_autoptr (GError) error = NULL;

  g_assert_false (
    gemel_seal_open (kind, with_key, session, datagram, size, body, &body_size, &counter, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY);
}

static void
test_seal_every_altered_bit_is_refused (void)
{
  guint8 datagram[GEMEL_DATAGRAM_BYTES_MAX];
  gsize  size, i;

  seal (datagram, &size, 1);
  for (i = 0; i < size * 8; i++)
    {
      datagram[i / 8] ^= (guint8) (1 << i % 8);
      assert_refused (GEMEL_SEAL_HEARTBEAT, key, SESSION, datagram, size);
      datagram[i / 8] ^= (guint8) (1 << i % 8);
    }
  for (i = 0; i < size; i++)
    assert_refused (GEMEL_SEAL_HEARTBEAT, key, SESSION, datagram, i);
}

static void
test_seal_wrong_key_session_or_kind_is_refused (void)
{
  guint8 datagram[GEMEL_DATAGRAM_BYTES_MAX];
  guint8 other_key[GEMEL_SEAL_KEY_BYTES] = { 1 };
  gsize  size;

  seal (datagram, &size, 1);
  assert_refused (GEMEL_SEAL_HEARTBEAT, other_key, SESSION, datagram, size);
  assert_refused (GEMEL_SEAL_HEARTBEAT, key, SESSION + 1, datagram, size);
  assert_refused (GEMEL_SEAL_DEATH, key, SESSION, datagram, size);
}

static void
test_seal_body_too_big_is_refused (void)
{
  guint8             datagram[GEMEL_DATAGRAM_BYTES_MAX];
  guint8             body[GEMEL_DATAGRAM_BYTES_MAX] = { 0 };
  gsize              size;
  gsize              most = GEMEL_DATAGRAM_BYTES_MAX - GEMEL_SEAL_EXTRA_BYTES;
  g_autoptr (GError) error = NULL;

  g_assert_true (
    gemel_seal_close (GEMEL_SEAL_HEARTBEAT, key, 1, 1, body, most, datagram, &size, NULL));
  g_assert_cmpuint (size, ==, GEMEL_DATAGRAM_BYTES_MAX);
  g_assert_false (
    gemel_seal_close (GEMEL_SEAL_HEARTBEAT, key, 1, 1, body, most + 1, datagram, &size, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG);
}

static void
test_window_each_counter_once (void)
{
  GemelReplayWindow window = { 0 };
  guint64           i;

  g_assert_true (gemel_replay_window_take (&window, 100));
  g_assert_false (gemel_replay_window_take (&window, 100));
  for (i = 99; i > 100 - GEMEL_REPLAY_WINDOW; i--)
    {
      g_assert_true (gemel_replay_window_take (&window, i));
      g_assert_false (gemel_replay_window_take (&window, i));
    }
  g_assert_false (gemel_replay_window_take (&window, 100 - GEMEL_REPLAY_WINDOW));
  g_assert_false (gemel_replay_window_take (&window, 0));
  g_assert_true (gemel_replay_window_take (&window, 102));
  g_assert_true (gemel_replay_window_take (&window, 101));
  g_assert_false (gemel_replay_window_take (&window, 101));
  g_assert_false (gemel_replay_window_take (&window, 100));
  g_assert_true (gemel_replay_window_take (&window, 1000000));
  g_assert_false (gemel_replay_window_take (&window, 102));
  g_assert_true (gemel_replay_window_take (&window, 999937));
  g_assert_false (gemel_replay_window_take (&window, 999936));
  g_assert_true (gemel_replay_window_take (&window, G_MAXUINT64));
}

static void
test_window_zero_is_a_counter_like_others (void)
{
  GemelReplayWindow window = { 0 };

  g_assert_true (gemel_replay_window_take (&window, 0));
  g_assert_false (gemel_replay_window_take (&window, 0));
  g_assert_true (gemel_replay_window_take (&window, 1));
}

static void
fill_orders (GemelGuardOrders *orders)
{
  struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons (4) };

  memset (orders, 0, sizeof *orders);
  memcpy (orders->node_uuid, uuid, sizeof uuid);
  memcpy (orders->key, key, sizeof key);
  orders->session = SESSION;
  orders->term = 7;
  memcpy (orders->peer_address, &address, sizeof address);
  orders->peer_address_size = sizeof address;
}

static void
test_notice_round_trip (void)
{
  GemelGuardOrders   orders;
  g_autoptr (GBytes) notice = NULL;
  g_autoptr (GError) error = NULL;
  const guint8      *data;
  guint8             other[16] = { 0 };
  gsize              size;
  guint64            term;

  fill_orders (&orders);
  notice = gemel_death_notice_seal (&orders, 1);
  data = g_bytes_get_data (notice, &size);
  g_assert_true (gemel_death_notice_open (data, size, key, SESSION, uuid, &term, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (term, ==, 7);
  g_assert_false (gemel_death_notice_open (data, size, key, SESSION, other, &term, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY);
  g_clear_error (&error);
  g_assert_false (gemel_death_notice_open (data, size, key, SESSION + 1, uuid, &term, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY);
}

static void
test_records_arrive_with_the_socket (void)
{
  GemelGuardOrders   orders, got;
  GemelGuardRecord   record;
  g_autoptr (GError) error = NULL;
  int                pair[2], udp_fd = socket (AF_INET, SOCK_DGRAM, 0), got_fd;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
  fill_orders (&orders);
  g_assert_true (gemel_guard_receive (pair[1], &record, &got, &got_fd, &error));
  g_assert_cmpint (record, ==, GEMEL_GUARD_RECORD_NONE);
  g_assert_true (gemel_guard_send_arm (pair[0], &orders, udp_fd, &error));
  g_assert_true (gemel_guard_send_disarm (pair[0], &error));
  g_assert_true (gemel_guard_send_stop (pair[0], &error));
  g_assert_no_error (error);
  (void) close (pair[0]);

  g_assert_true (gemel_guard_receive (pair[1], &record, &got, &got_fd, &error));
  g_assert_cmpint (record, ==, GEMEL_GUARD_RECORD_ARM);
  g_assert_cmpmem (&got, sizeof got, &orders, sizeof orders);
  g_assert_cmpint (got_fd, >=, 0);
  (void) close (got_fd);
  g_assert_true (gemel_guard_receive (pair[1], &record, &got, &got_fd, &error));
  g_assert_cmpint (record, ==, GEMEL_GUARD_RECORD_DISARM);
  g_assert_cmpint (got_fd, ==, -1);
  g_assert_true (gemel_guard_receive (pair[1], &record, &got, &got_fd, &error));
  g_assert_cmpint (record, ==, GEMEL_GUARD_RECORD_STOP);
  g_assert_true (gemel_guard_receive (pair[1], &record, &got, &got_fd, &error));
  g_assert_cmpint (record, ==, GEMEL_GUARD_RECORD_CLOSED);
  (void) close (pair[1]);
  (void) close (udp_fd);
}

static void
test_records_garbage_is_refused (void)
{
  GemelGuardOrders  got;
  GemelGuardRecord  record;
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  guint8            bytes[GEMEL_GUARD_RECORD_BYTES_MAX];
  int               pair[2], got_fd;
  guint             i, j;

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
  for (i = 0; i < 2000; i++)
    {
      gsize              size = (gsize) g_rand_int_range (rand, 2, sizeof bytes);
      g_autoptr (GError) error = NULL;

      for (j = 0; j < size; j++)
        bytes[j] = (guint8) g_rand_int_range (rand, 0, 256);
      bytes[0] = "ADSX"[i % 4];
      bytes[1] = i % 3 == 0 ? 1 : bytes[1];
      g_assert_cmpint (send (pair[0], bytes, size, 0), ==, (int) size);
      g_assert_false (gemel_guard_receive (pair[1], &record, &got, &got_fd, &error));
      g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
      g_assert_cmpint (got_fd, ==, -1);
    }
  (void) close (pair[0]);
  (void) close (pair[1]);
}

static void
test_records_to_a_dead_guard_fail (void)
{
  GemelGuardOrders   orders;
  g_autoptr (GError) error = NULL;
  int                pair[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair), ==, 0);
  (void) close (pair[1]);
  g_assert_false (gemel_guard_send_disarm (pair[0], &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED);
  g_clear_error (&error);
  fill_orders (&orders);
  orders.peer_address_size = sizeof orders.peer_address + 1;
  g_assert_false (gemel_guard_send_arm (pair[0], &orders, -1, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
  (void) close (pair[0]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/link/seal/opens-with-the-same-key", test_seal_round_trip);
  g_test_add_func ("/link/seal/every-altered-bit-is-refused",
                   test_seal_every_altered_bit_is_refused);
  g_test_add_func ("/link/seal/wrong-key-session-or-kind-is-refused",
                   test_seal_wrong_key_session_or_kind_is_refused);
  g_test_add_func ("/link/seal/body-too-big-is-refused", test_seal_body_too_big_is_refused);
  g_test_add_func ("/link/replay-window/each-counter-once", test_window_each_counter_once);
  g_test_add_func ("/link/replay-window/zero-is-a-counter-like-others",
                   test_window_zero_is_a_counter_like_others);
  g_test_add_func ("/link/death-notice/proves-node-session-and-term", test_notice_round_trip);
  g_test_add_func ("/link/guard-records/arrive-with-the-socket",
                   test_records_arrive_with_the_socket);
  g_test_add_func ("/link/guard-records/garbage-is-refused", test_records_garbage_is_refused);
  g_test_add_func ("/link/guard-records/to-a-dead-guard-fail", test_records_to_a_dead_guard_fail);
  return g_test_run ();
}
