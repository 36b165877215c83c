/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Data doors of a node that is active and has the authority, from the outside: the C client where
 * the client behaves, a bare socket where it does not.
 */
#include "api/gemel-door-client.h"
#include "sync-node.h"
#include "sync/gemel-door.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static void
node_setup (SyncNode    **node,
            gconstpointer data)
{
  *node = sync_node_new (1);
  (*node)->options.door_clients_max = 4;
  sync_node_set_authority (*node, TRUE, 3);
  sync_node_set_active (*node, 3);
  sync_node_start (*node);
}

static void
node_teardown (SyncNode    **node,
               gconstpointer data)
{
  sync_node_free (*node);
}

static int
open_fd (SyncNode   *node,
         const char *kind)
{
  g_autoptr (GError) error = NULL;
  int                fd = gemel_sync_open_door (node->sync, kind, "test", &error);

  g_assert_no_error (error);
  g_assert_cmpint (fd, >=, 0);
  return fd;
}

static GemelDoorClient *
open_client (SyncNode   *node,
             const char *kind)
{
  g_autoptr (GError) error = NULL;
  GemelDoorClient   *client = gemel_door_client_new (open_fd (node, kind), &error);

  g_assert_no_error (error);
  return client;
}

static void
send_batch (GemelDoorClient *client,
            guint64          term)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (gemel_door_client_send (client, GEMEL_DURABILITY_PAIR, term, NULL, &error));
  g_assert_no_error (error);
}

static void
next_event (GemelDoorClient *client,
            GemelDoorEvent  *event)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (gemel_door_client_next (client, 30000, event, &error));
  g_assert_no_error (error);
}

static void
test_state (SyncNode    **node,
            gconstpointer data)
{
  g_autoptr (GemelDoorClient) client = open_client (*node, "state");
  g_autofree char            *value = NULL;
  GemelDoorEvent              event;

  g_test_summary ("A batch is answered with its place; a refused one with the error, and the door "
                  "stays");
  g_assert_cmpstr (gemel_door_client_get_provider (client), ==, "test");
  gemel_door_client_put (client, "a", "1", 1);
  gemel_door_client_put (client, "b", "2", 1);
  send_batch (client, 0);
  next_event (client, &event);
  g_assert_cmpint (event.type, ==, GEMEL_DOOR_ANSWER);
  g_assert_true (event.ok);
  g_assert_cmpuint (event.place_a, ==, 3);
  g_assert_cmpuint (event.place_b, ==, 2);
  g_assert_cmpint (event.reached, ==, GEMEL_DURABILITY_LOCAL);
  gemel_door_client_put (client, "a", "x", 1);
  send_batch (client, 1);
  next_event (client, &event);
  g_assert_false (event.ok);
  g_assert_cmpstr (event.error_name, ==, "org.gemel.Gemel1.Error.OldTerm");
  value = sync_node_get_state (*node, "a");
  g_assert_cmpstr (value, ==, "1");
}

static void
test_subscription (SyncNode    **node,
                   gconstpointer data)
{
  g_autoptr (GemelDoorClient) client = open_client (*node, "state");
  g_autoptr (GError)          error = NULL;
  GemelDoorEvent              event;
  GemelDoorChange             change;

  g_test_summary ("A subscriber gets everything that is there, then what changes");
  g_assert_true (sync_node_post (*node, 0, "old", "1", GEMEL_DURABILITY_LOCAL, NULL, NULL));
  g_assert_true (gemel_door_client_subscribe (client, &error));
  next_event (client, &event);
  g_assert_cmpint (event.type, ==, GEMEL_DOOR_FULL_BEGIN);
  next_event (client, &event);
  g_assert_cmpint (event.type, ==, GEMEL_DOOR_ITEMS);
  g_assert_true (gemel_door_event_next_change (&event, &change));
  g_assert_cmpmem (change.key, change.key_bytes, "old", 3);
  g_assert_cmpmem (change.value, change.value_bytes, "1", 1);
  g_assert_false (gemel_door_event_next_change (&event, &change));
  next_event (client, &event);
  g_assert_cmpint (event.type, ==, GEMEL_DOOR_FULL_END);
  g_assert_true (sync_node_post (*node, 0, "old", NULL, GEMEL_DURABILITY_LOCAL, NULL, NULL));
  next_event (client, &event);
  g_assert_cmpint (event.type, ==, GEMEL_DOOR_DELTA);
  g_assert_true (gemel_door_event_next_change (&event, &change));
  g_assert_false (change.set);
}

static void
test_config_and_history (SyncNode    **node,
                         gconstpointer data)
{
  g_autoptr (GemelDoorClient) config = open_client (*node, "config");
  g_autoptr (GemelDoorClient) history = open_client (*node, "history");
  g_autofree char            *value = NULL;
  char                        tag[] = "tag";
  GemelPoint                  point = {
                     .tag = tag, .unix_us = 5, .type = GEMEL_VALUE_DOUBLE, .v.d = 1.5
  };
  g_autoptr (GBytes) points = gemel_points_encode (&point, 1);
  GemelDoorEvent     event;

  g_test_summary ("Configuration and history doors write and answer, and refuse garbage with an "
                  "answer");
  gemel_door_client_put (config, "k", "v", 1);
  send_batch (config, 0);
  next_event (config, &event);
  g_assert_true (event.ok);
  g_assert_cmpuint (event.place_b, ==, 1);
  value = sync_node_read (*node, "k");
  g_assert_cmpstr (value, ==, "v");
  gemel_door_client_put_points (history, g_bytes_get_data (points, NULL),
                                g_bytes_get_size (points));
  send_batch (history, 0);
  next_event (history, &event);
  g_assert_true (event.ok);
  g_assert_cmpuint (event.place_b, ==, 1);
  gemel_door_client_put_points (history, "garbage", 7);
  send_batch (history, 0);
  next_event (history, &event);
  g_assert_false (event.ok);
  gemel_door_client_put (config, "", "v", 1);
  send_batch (config, 0);
  next_event (config, &event);
  g_assert_false (event.ok);
}

static void
test_many_clients (SyncNode    **node,
                   gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  int                fds[4];

  g_test_summary ("Beyond the limit a door is refused; a closed one makes room");
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = open_fd (*node, "state");
  g_assert_cmpint (gemel_sync_open_door ((*node)->sync, "state", "test", &error), ==, -1);
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  wait_until (g_atomic_int_get (&(*node)->sync->n_doors) == 0);
  g_clear_error (&error);
  g_assert_cmpint (gemel_sync_open_door ((*node)->sync, "water", "test", &error), ==, -1);
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
  g_clear_error (&error);
  g_assert_cmpint (gemel_sync_open_door ((*node)->sync, "state", "../etc", &error), ==, -1);
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
}

/* --- clients that misbehave ------------------------------------------------------------------ */

/* Reads until the daemon closes. Returns the type of the last frame. */
static guint
read_to_end (int fd)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  guint8                 chunk[4096];
  ssize_t                n;
  gsize                  at = 0;
  guint                  last = 0;

  while ((n = read (fd, chunk, sizeof chunk)) > 0)
    g_byte_array_append (all, chunk, (guint) n);
  while (at + 8 <= all->len)
    {
      GemelReader reader = gemel_reader (all->data + at, 8);
      guint32     size = gemel_reader_u32 (&reader);

      last = gemel_reader_u16 (&reader);
      at += 8 + (gsize) size;
    }
  close (fd);
  return last;
}

static void
send_frame (int           fd,
            guint32       claimed,
            guint16       type,
            gconstpointer body,
            gsize         size)
{
  g_autoptr (GByteArray) frame = g_byte_array_new ();

  gemel_put_u32 (frame, claimed);
  gemel_put_u16 (frame, type);
  gemel_put_u16 (frame, 0);
  gemel_put_bytes (frame, body, size);
  (void) send (fd, frame->data, frame->len, MSG_NOSIGNAL);
}

static void
test_garbage (SyncNode    **node,
              gconstpointer data)
{
  guint8 zeros[64] = { 0 };
  int    fd;

  g_test_summary ("Unknown frames, cut-off heads and oversized bodies end the door, and only that");
  fd = open_fd (*node, "state");
  send_frame (fd, 4, 99, zeros, 4);
  g_assert_cmpuint (read_to_end (fd), ==, GEMEL_DOOR_FRAME_ERROR);
  fd = open_fd (*node, "state");
  send_frame (fd, 10, GEMEL_DOOR_FRAME_BATCH, zeros, 10);
  g_assert_cmpuint (read_to_end (fd), ==, GEMEL_DOOR_FRAME_ERROR);
  fd = open_fd (*node, "config");
  send_frame (fd, 0, GEMEL_DOOR_FRAME_SUBSCRIBE, zeros, 0);
  g_assert_cmpuint (read_to_end (fd), ==, GEMEL_DOOR_FRAME_ERROR);
  fd = open_fd (*node, "state");
  send_frame (fd, 0x7fffffff, GEMEL_DOOR_FRAME_BATCH, zeros, 8);
  g_assert_cmpuint (read_to_end (fd), ==, GEMEL_DOOR_FRAME_HELLO);
  wait_until ((*node)->counters.door_refused == 4);
  g_assert_true (sync_node_post (*node, 0, "k", "1", GEMEL_DURABILITY_LOCAL, NULL, NULL));
}

/* A peer that is connected and never confirms lets answers wait. */
static void
test_credit (SyncNode    **node,
             gconstpointer data)
{
  SyncNode              *peer = sync_node_new (2);
  g_autofree char       *value = g_strnfill (200 * 1024, 'x');
  g_autoptr (GByteArray) batch = g_byte_array_new ();
  int                    fd;

  g_test_summary ("A client that sends more than its credit without waiting loses the door");
  sync_node_start (peer);
  sync_node_connect (*node, peer);
  wait_until (sync_node_is_synced (peer));
  g_assert_true (sync_node_post (*node, 0, "k", "1", GEMEL_DURABILITY_PAIR, NULL, NULL));
  gemel_put_u64 (batch, 1);
  gemel_put_u32 (batch, GEMEL_DURABILITY_PAIR);
  gemel_put_u32 (batch, 4);
  gemel_put_u64 (batch, 0);
  for (guint i = 0; i < 4; i++)
    gemel_state_ops_append (batch, "k", value, strlen (value), TRUE);
  fd = open_fd (*node, "state");
  for (guint i = 0; i < 400; i++)
    send_frame (fd, batch->len, GEMEL_DOOR_FRAME_BATCH, batch->data, batch->len);
  g_assert_cmpuint (read_to_end (fd), ==, GEMEL_DOOR_FRAME_ERROR);
  sync_node_free (peer);
}

static void
do_short_patience (GemelSync *sync,
                   gpointer   data)
{
  gemel_doors_set_patience (sync->doors, 200);
}

static void
test_never_reads (SyncNode    **node,
                  gconstpointer data)
{
  g_autoptr (GByteArray) batch = g_byte_array_new ();
  struct pollfd          poll_fd = { .events = POLLOUT };
  gint64                 end_us = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;

  g_test_summary ("A client that never reads its answers is not listened to, then closed");
  gemel_sync_call ((*node)->sync, do_short_patience, NULL, NULL);
  gemel_put_u64 (batch, 1);
  gemel_put_u32 (batch, 0);
  gemel_put_u32 (batch, 1);
  gemel_put_u64 (batch, 0);
  gemel_state_ops_append (batch, "k", "v", 1, TRUE);
  poll_fd.fd = open_fd (*node, "state");
  while (g_atomic_int_get (&(*node)->sync->n_doors) > 0 && g_get_monotonic_time () < end_us)
    if (poll (&poll_fd, 1, 10) > 0)
      send_frame (poll_fd.fd, batch->len, GEMEL_DOOR_FRAME_BATCH, batch->data, batch->len);
  g_assert_cmpint (g_atomic_int_get (&(*node)->sync->n_doors), ==, 0);
  wait_until (sync_node_count (*node, GEMEL_EVENT_LIMIT_REACHED) == 1);
  close (poll_fd.fd);
}

static void
test_python (SyncNode    **node,
             gconstpointer data)
{
  g_autofree char   *script = g_build_filename (g_getenv ("GEMEL_DOOR_PYTHON_TEST"), NULL);
  const int          fds[] = { open_fd (*node, "state"), open_fd (*node, "config"),
                               open_fd (*node, "history") };
  g_autofree char   *state = g_strdup_printf ("%d", fds[0]);
  g_autofree char   *config = g_strdup_printf ("%d", fds[1]);
  g_autofree char   *history = g_strdup_printf ("%d", fds[2]);
  const char *const  argv[] = { "python3", script, state, config, history, NULL };
  g_autofree char   *value = NULL;
  g_autoptr (GError) error = NULL;
  int                status = -1;

  g_test_summary ("The Python client talks through all three kinds of door");
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    g_assert_cmpint (fcntl (fds[i], F_SETFD, 0), ==, 0);
  g_assert_true (g_spawn_sync (NULL, (char **) argv, NULL,
                               G_SPAWN_SEARCH_PATH | G_SPAWN_LEAVE_DESCRIPTORS_OPEN, NULL, NULL,
                               NULL, NULL, &status, &error));
  g_assert_no_error (error);
  g_assert_true (g_spawn_check_wait_status (status, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
  value = sync_node_get_state (*node, "from/python");
  g_assert_cmpstr (value, ==, "running");
}

#define add(path, func) g_test_add (path, SyncNode *, NULL, node_setup, func, node_teardown)

int
main (int    argc,
      char **argv)
{
  g_setenv ("G_TLS_GNUTLS_PRIORITY", "NORMAL:-VERS-ALL:+VERS-TLS1.3", TRUE);
  g_test_init (&argc, &argv, NULL);
  add ("/sync/door/state-batches-and-answers", test_state);
  add ("/sync/door/subscription", test_subscription);
  add ("/sync/door/config-and-history", test_config_and_history);
  add ("/sync/door/too-many-clients", test_many_clients);
  add ("/sync/door/garbage-ends-the-door", test_garbage);
  add ("/sync/door/credit-exceeded", test_credit);
  add ("/sync/door/client-that-never-reads", test_never_reads);
  add ("/sync/door/python-client", test_python);
  return g_test_run ();
}
