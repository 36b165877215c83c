/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Two link threads in one process, over loopback, with the real core, keys and term files: who
 * becomes active, takeover, switchover, the death notice, and who is turned away.
 */
#include "link-support.h"
#include "link/gemel-guard-wire.h"
#include "link/gemel-link.h"

#include <arpa/inet.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct
{
  GemelKeys         keys;
  char             *folder;
  GemelCoreSettings settings;
  GemelListener    *listener; /* (nullable) */
  GemelLinkOptions  options;
  GemelLink        *link;
  /* Set in the link thread, atomic. */
  gint level;
  gint n_sessions;
  gint session_up;
  gint n_quiesce;
  gint reply_done; /* -1: none */
  gint n_status;
  gint n_exit;
  gint n_fed;
  gint n_views;
  gint events[128];
} Node;

typedef struct
{
  Node nodes[2]; /* master, backup */
} Pair;

static const guint8 pair_uuid[16] = "one and the same";

/* ---- the port ---- */

static void
on_view (const GemelView *view,
         gpointer         user_data)
{
  g_atomic_int_inc (&((Node *) user_data)->n_views);
}

static void
on_level (GemelLevel level,
          GemelCause cause,
          guint64    term,
          gpointer   user_data)
{
  g_atomic_int_set (&((Node *) user_data)->level, (gint) level);
}

static void
on_event (GemelEventCode code,
          GemelCause     cause,
          guint64        term,
          gint64         a,
          gint64         b,
          const char    *text,
          gpointer       user_data)
{
  g_test_message ("%s: %s %s %s", ((Node *) user_data)->options.node_name,
                  gemel_event_info (code)->token, gemel_cause_to_string (cause),
                  text != NULL ? text : "");
  g_atomic_int_inc (&((Node *) user_data)->events[code]);
}

static void
on_quiesce (guint64  switch_id,
            gpointer user_data)
{
  Node      *node = user_data;
  GemelInput input = { .type = GEMEL_INPUT_QUIESCED, .u.caught.switch_id = switch_id };

  g_atomic_int_inc (&node->n_quiesce);
  gemel_link_push (node->link, &input);
}

static void
on_unquiesce (guint64  switch_id,
              gpointer user_data)
{
}

static void
on_catch_up (guint64                  switch_id,
             const GemelPairPosition *target,
             gpointer                 user_data)
{
  Node      *node = user_data;
  GemelInput input = { .type = GEMEL_INPUT_CAUGHT_UP, .u.caught.switch_id = switch_id };

  input.u.caught.position = *target;
  gemel_link_push (node->link, &input);
}

static void
on_reply (guint64    request_id,
          gboolean   done,
          GemelCause cause,
          gpointer   user_data)
{
  g_atomic_int_set (&((Node *) user_data)->reply_done, done);
}

static void
on_peer_status (const GemelPeerStatus *status,
                gpointer               user_data)
{
  if (status != NULL && g_str_equal (status->name, "status"))
    g_atomic_int_inc (&((Node *) user_data)->n_status);
}

static void
on_session (gboolean    up,
            const char *peer_address,
            gpointer    user_data)
{
  Node *node = user_data;

  g_atomic_int_set (&node->session_up, up);
  if (up)
    g_atomic_int_inc (&node->n_sessions);
}

static void
on_exit_asked (gpointer user_data)
{
  g_atomic_int_inc (&((Node *) user_data)->n_exit);
}

static void
on_feed (gpointer user_data)
{
  g_atomic_int_inc (&((Node *) user_data)->n_fed);
}

static const GemelLinkPort port = {
  .view = on_view,
  .level = on_level,
  .event = on_event,
  .quiesce = on_quiesce,
  .unquiesce = on_unquiesce,
  .catch_up = on_catch_up,
  .reply = on_reply,
  .peer_status = on_peer_status,
  .session = on_session,
  .exit = on_exit_asked,
  .feed_watchdog = on_feed,
};

static void
on_accepted (GemelListener *listener,
             GemelChannel   channel,
             GIOStream     *io,
             gpointer       user_data)
{
  Node *node = user_data;

  if (node->link != NULL)
    gemel_link_adopt (node->link, io);
  else
    g_object_unref (io);
}

static void
on_refused (GemelListener *listener,
            const char    *address,
            const char    *why,
            gpointer       user_data)
{
}

static const GemelListenerCallbacks listener_callbacks = {
  .accepted = on_accepted,
  .refused = on_refused,
};

/* ---- a pair ---- */

static void
set_up_node (Node     *node,
             GemelRole role,
             Node     *peer)
{
  gboolean is_master = role == GEMEL_ROLE_MASTER;
  char     problem[256];

  node->folder = g_dir_make_tmp ("gemel-link-XXXXXX", NULL);
  node->reply_done = -1;
  gemel_core_settings_init (&node->settings, GEMEL_PROFILE_LAN, role);
  node->settings.slot = is_master ? 0 : 1;
  node->settings.heartbeat_interval_us = 50 * 1000;
  node->settings.startup_allowance_us = (is_master ? 1500 : 3000) * 1000;
  g_assert_true (gemel_core_settings_check (&node->settings, problem, sizeof problem));
  node->options.keys = &node->keys;
  node->options.core = node->settings;
  node->options.term_path = g_build_filename (node->folder, "term", NULL);
  node->options.node_name = g_strdup (is_master ? "master" : "backup");
  memset (node->options.node_uuid, is_master ? 1 : 2, 16);
  node->options.bind_address = g_strdup ("127.0.0.1");
  node->options.paired = TRUE;
  memcpy (node->options.pair_uuid, pair_uuid, 16);
  memset (node->options.peer_uuid, is_master ? 2 : 1, 16);
  memcpy (node->options.peer_pin, peer->keys.pin, GEMEL_PIN_BYTES);
  node->options.reconnect_ms_min = 10;
  node->options.reconnect_ms_max = 100;
  node->options.guard_fd = -1;
}

static void
set_up (Pair         *pair,
        gconstpointer data)
{
  Node              *master = &pair->nodes[0];
  Node              *backup = &pair->nodes[1];
  g_autoptr (GError) error = NULL;

  link_support_make_keys (&master->keys);
  link_support_make_keys (&backup->keys);
  set_up_node (master, GEMEL_ROLE_MASTER, backup);
  set_up_node (backup, GEMEL_ROLE_BACKUP, master);
  master->listener = gemel_listener_new (&master->keys, "127.0.0.1", 0, &listener_callbacks, master,
                                         &error);
  g_assert_no_error (error);
  gemel_listener_set_peer (master->listener, backup->keys.pin);
  backup->options.peer_host_and_port = g_strdup_printf ("127.0.0.1:%u",
                                                        gemel_listener_get_port (master->listener));
}

static void
start (Node *node)
{
  GemelInput         sync = { .type = GEMEL_INPUT_SYNC, .u.sync = { TRUE, TRUE } };
  g_autoptr (GError) error = NULL;

  node->link = gemel_link_new (&node->options, &port, node, &error);
  g_assert_no_error (error);
  gemel_link_push (node->link, &sync);
  gemel_link_start (node->link);
}

static void
tear_down_node (Node *node)
{
  g_clear_pointer (&node->link, gemel_link_free);
  g_clear_pointer (&node->listener, gemel_listener_free);
  (void) g_unlink (node->options.term_path);
  (void) g_rmdir (node->folder);
  g_free (node->folder);
  g_free (node->options.term_path);
  g_free (node->options.node_name);
  g_free (node->options.bind_address);
  g_free (node->options.peer_host_and_port);
  gemel_keys_clear (&node->keys);
}

static void
tear_down (Pair         *pair,
           gconstpointer data)
{
  tear_down_node (&pair->nodes[0]);
  tear_down_node (&pair->nodes[1]);
}

static GemelView
view_of (Node *node)
{
  GemelView view;

  gemel_link_get_view (node->link, &view);
  return view;
}

static gboolean
is_active (Node *node)
{
  return view_of (node).level == GEMEL_LEVEL_ACTIVE;
}

static void
start_both (Pair *pair)
{
  start (&pair->nodes[0]);
  start (&pair->nodes[1]);
  wait_until (is_active (&pair->nodes[0]) &&
              view_of (&pair->nodes[1]).state == GEMEL_STATE_STANDBY &&
              view_of (&pair->nodes[1]).peer_effective && view_of (&pair->nodes[0]).peer_synced);
}

static GemelLinkCounters
counters_of (Node *node)
{
  GemelLinkCounters counters;

  gemel_link_get_counters (node->link, &counters);
  return counters;
}

static gint
events_of (Node          *node,
           GemelEventCode code)
{
  return g_atomic_int_get (&node->events[code]);
}

/* ---- tests ---- */

static void
test_master_becomes_active (Pair         *pair,
                            gconstpointer data)
{
  GemelPeerStatus status = { .name = (char *) "status", .version = (char *) "1" };

  pair->nodes[0].options.real_time_priority = 1;
  start_both (pair);
  g_test_message ("real time: %d", counters_of (&pair->nodes[0]).real_time);
  g_assert_false (is_active (&pair->nodes[1]));
  g_assert_cmpint (events_of (&pair->nodes[0], GEMEL_EVENT_LINK_UP), ==, 1);
  wait_until (counters_of (&pair->nodes[0]).datagrams_work &&
              counters_of (&pair->nodes[1]).datagrams_work);
  /* The node that is confirmed first may beat before the other one knows the key. */
  g_assert_cmpuint (counters_of (&pair->nodes[0]).datagrams_bad, <=, 2);
  g_assert_cmpint (g_atomic_int_get (&pair->nodes[0].n_views), >, 0);
  gemel_link_set_status (pair->nodes[0].link, &status);
  gemel_link_set_status (pair->nodes[1].link, &status);
  wait_until (g_atomic_int_get (&pair->nodes[0].n_status) > 1 &&
              g_atomic_int_get (&pair->nodes[1].n_status) > 1);
}

static void
test_backup_takes_over (Pair         *pair,
                        gconstpointer data)
{
  start_both (pair);
  g_clear_pointer (&pair->nodes[0].link, gemel_link_free);
  wait_until (is_active (&pair->nodes[1]));
  g_assert_cmpint (g_atomic_int_get (&pair->nodes[1].session_up), ==, FALSE);
  g_assert_cmpuint (view_of (&pair->nodes[1]).counters.takeovers, ==, 1);
  start (&pair->nodes[0]);
  wait_until (view_of (&pair->nodes[0]).state == GEMEL_STATE_STANDBY);
  g_assert_true (is_active (&pair->nodes[1]));
}

static void
test_planned_switchover (Pair         *pair,
                         gconstpointer data)
{
  GemelInput request = { .type = GEMEL_INPUT_REQUEST_SWITCHOVER, .u.request_id = 5 };

  start_both (pair);
  gemel_link_push (pair->nodes[0].link, &request);
  wait_until (is_active (&pair->nodes[1]) && !is_active (&pair->nodes[0]));
  wait_until (g_atomic_int_get (&pair->nodes[0].reply_done) == TRUE);
  g_assert_cmpint (g_atomic_int_get (&pair->nodes[0].n_quiesce), ==, 1);
  g_assert_cmpuint (view_of (&pair->nodes[0]).counters.switchovers_done, ==, 1);
}

static void
test_stop_hands_over_and_exits (Pair         *pair,
                                gconstpointer data)
{
  GemelInput stop = { .type = GEMEL_INPUT_STOP };

  start_both (pair);
  gemel_link_push (pair->nodes[0].link, &stop);
  wait_until (g_atomic_int_get (&pair->nodes[0].n_exit) == 1);
  wait_until (is_active (&pair->nodes[1]));
}

static void
test_blocked_datagrams (Pair         *pair,
                        gconstpointer data)
{
  gint64 heard_us;

  /* The session is IPv4, the master's heartbeats are on IPv6 alone: neither reaches the other. */
  g_free (pair->nodes[0].options.bind_address);
  pair->nodes[0].options.bind_address = g_strdup ("::1");
  pair->nodes[0].options.port = 0;
  start_both (pair);
  heard_us = view_of (&pair->nodes[1]).peer_heard_us;
  wait_until (view_of (&pair->nodes[1]).peer_heard_us > heard_us + 20 * 50 * 1000);
  g_assert_cmpint (events_of (&pair->nodes[1], GEMEL_EVENT_PEER_LOST), ==, 0);
  g_assert_false (is_active (&pair->nodes[1]));
  g_assert_cmpuint (counters_of (&pair->nodes[1]).frames_received, >, 15);
}

static void
test_identity_clash (Pair         *pair,
                     gconstpointer data)
{
  memset (pair->nodes[1].options.node_uuid, 1, 16);
  start (&pair->nodes[0]);
  start (&pair->nodes[1]);
  wait_until (events_of (&pair->nodes[0], GEMEL_EVENT_IDENTITY_CLASH) > 0 ||
              events_of (&pair->nodes[1], GEMEL_EVENT_IDENTITY_CLASH) > 0);
  wait_until (counters_of (&pair->nodes[1]).connect_failures > 3);
  g_assert_cmpint (events_of (&pair->nodes[1], GEMEL_EVENT_IDENTITY_CLASH), <=, 1);
  g_assert_cmpint (g_atomic_int_get (&pair->nodes[0].n_sessions), ==, 0);
  g_assert_cmpint (g_atomic_int_get (&pair->nodes[1].n_sessions), ==, 0);
}

static void
test_other_pair (Pair         *pair,
                 gconstpointer data)
{
  memset (pair->nodes[1].options.pair_uuid, 9, 16);
  start (&pair->nodes[0]);
  start (&pair->nodes[1]);
  wait_until (events_of (&pair->nodes[0], GEMEL_EVENT_PEER_REFUSED) > 0 ||
              events_of (&pair->nodes[1], GEMEL_EVENT_PEER_REFUSED) > 0);
  g_assert_cmpint (g_atomic_int_get (&pair->nodes[0].n_sessions), ==, 0);
}

static void
test_new_session_replaces_old (Pair         *pair,
                               gconstpointer data)
{
  Node *backup = &pair->nodes[1];

  start_both (pair);
  gemel_link_set_peer (backup->link, TRUE, pair_uuid, backup->options.peer_uuid,
                       backup->options.peer_pin, backup->options.peer_host_and_port);
  wait_until (g_atomic_int_get (&pair->nodes[0].n_sessions) == 2 &&
              g_atomic_int_get (&pair->nodes[1].n_sessions) == 2);
  wait_until (g_atomic_int_get (&pair->nodes[0].session_up) &&
              view_of (&pair->nodes[0]).peer_link_up);
  g_assert_true (is_active (&pair->nodes[0]));
  g_assert_false (is_active (backup));
}

static void
test_end_of_pairing_drops_the_session (Pair         *pair,
                                       gconstpointer data)
{
  Node               *master = &pair->nodes[0];
  GemelPeerStatus     status = { 0 };
  static const guint8 none[GEMEL_PIN_BYTES];

  start_both (pair);
  gemel_link_set_status (master->link, &status);
  gemel_link_set_peer (master->link, FALSE, none, none, none, NULL);
  wait_until (!g_atomic_int_get (&master->session_up) &&
              !g_atomic_int_get (&pair->nodes[1].session_up));
}

/* The test plays the guard of the master. */
static void
test_death_notice (Pair         *pair,
                   gconstpointer data)
{
  Node              *backup = &pair->nodes[1];
  GemelGuardRecord   record = GEMEL_GUARD_RECORD_NONE;
  GemelGuardOrders   orders;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) notice = NULL;
  struct sockaddr_in to = { .sin_family = AF_INET };
  gint64             sent_us;
  int                guard[2], udp_fd = -1, sender = socket (AF_INET, SOCK_DGRAM, 0);

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, guard), ==, 0);
  pair->nodes[0].options.guard_fd = guard[0];
  start_both (pair);
  wait_until (gemel_guard_receive (guard[1], &record, &orders, &udp_fd, &error) &&
              record == GEMEL_GUARD_RECORD_ARM);
  g_assert_cmpuint (orders.term, ==, view_of (&pair->nodes[0]).active_term);
  g_clear_pointer (&pair->nodes[0].link, gemel_link_free);
  wait_until (!g_atomic_int_get (&backup->session_up));
  g_assert_false (is_active (backup));
  notice = gemel_death_notice_seal (&orders, 1);
  to.sin_port = htons (gemel_link_get_udp_port (backup->link));
  to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  sent_us = g_get_monotonic_time ();
  g_assert_cmpint (sendto (sender, g_bytes_get_data (notice, NULL), g_bytes_get_size (notice), 0,
                           (struct sockaddr *) &to, sizeof to),
                   >, 0);
  while (!is_active (backup))
    g_thread_yield ();
  g_test_message ("takeover %" G_GINT64_FORMAT " us after the notice",
                  g_get_monotonic_time () - sent_us);
  g_assert_cmpint (events_of (backup, GEMEL_EVENT_DEATH_NOTICE), ==, 1);
  (void) close (udp_fd);
  (void) close (sender);
  (void) close (guard[0]);
  (void) close (guard[1]);
}

static void
test_refused_is_reported (Pair         *pair,
                          gconstpointer data)
{
  Node *backup = &pair->nodes[1];

  start_both (pair);
  g_clear_pointer (&pair->nodes[0].listener, gemel_listener_free);
  g_clear_pointer (&pair->nodes[0].link, gemel_link_free);
  wait_until (view_of (backup).counters.refused_ignored > 0);
}

static void
test_watchdog_needs_a_live_main_loop (Pair         *pair,
                                      gconstpointer data)
{
  Node *live = &pair->nodes[0];
  Node *hung = &pair->nodes[1];
  gint  old_stamp = -1000000;

  live->options.watchdog_us = hung->options.watchdog_us = 20 * 1000;
  hung->options.liveness = &old_stamp;
  hung->options.liveness_timeout_s = 5;
  start (live);
  start (hung);
  wait_until (g_atomic_int_get (&live->n_fed) > 10);
  g_assert_cmpint (g_atomic_int_get (&hung->n_fed), ==, 0);
  g_clear_pointer (&hung->link, gemel_link_free); /* it has the address of a local */
}

/* A node that starts late in the period of its watchdog must not be ended for that. */
static void
test_watchdog_is_fed_at_the_start (Pair         *pair,
                                   gconstpointer data)
{
  Node *node = &pair->nodes[0];

  node->options.watchdog_us = G_TIME_SPAN_HOUR;
  start (node);
  wait_until (g_atomic_int_get (&node->n_fed) == 1);
}

static void
test_garbage_datagrams (Pair         *pair,
                        gconstpointer data)
{
  Node              *master = &pair->nodes[0];
  struct sockaddr_in to = { .sin_family = AF_INET };
  guint8             garbage[200] = "GMLH";
  int                sender = socket (AF_INET, SOCK_DGRAM, 0);
  guint              i;

  start_both (pair);
  to.sin_port = htons (gemel_link_get_udp_port (master->link));
  to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  for (i = 0; i < 100; i++)
    {
      garbage[3] = i % 2 == 0 ? 'H' : 'D';
      (void) sendto (sender, garbage, i * 2, 0, (struct sockaddr *) &to, sizeof to);
    }
  wait_until (counters_of (master).datagrams_bad >= 100);
  g_assert_true (is_active (master));
  (void) close (sender);
}

static void
test_port_in_use (Pair         *pair,
                  gconstpointer data)
{
  g_autoptr (GError)    error = NULL;
  g_autoptr (GemelLink) second = NULL;

  start (&pair->nodes[0]);
  pair->nodes[1].options.port = gemel_link_get_udp_port (pair->nodes[0].link);
  second = gemel_link_new (&pair->nodes[1].options, &port, &pair->nodes[1], &error);
  g_assert_null (second);
  g_assert_nonnull (error);
}

#define ADD(path, function) g_test_add (path, Pair, NULL, set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/link/thread/master-becomes-active-and-both-tell-their-status", test_master_becomes_active);
  ADD ("/link/thread/backup-takes-over-when-the-master-is-gone", test_backup_takes_over);
  ADD ("/link/thread/planned-switchover", test_planned_switchover);
  ADD ("/link/thread/stop-hands-over-and-exits", test_stop_hands_over_and_exits);
  ADD ("/link/thread/blocked-datagrams-fall-back-to-tls", test_blocked_datagrams);
  ADD ("/link/thread/identity-clash-is-refused", test_identity_clash);
  ADD ("/link/thread/other-pair-is-refused", test_other_pair);
  ADD ("/link/thread/new-session-replaces-the-old", test_new_session_replaces_old);
  ADD ("/link/thread/end-of-pairing-drops-the-session", test_end_of_pairing_drops_the_session);
  ADD ("/link/thread/death-notice-releases-the-backup", test_death_notice);
  ADD ("/link/thread/refused-connections-are-reported", test_refused_is_reported);
  ADD ("/link/thread/watchdog-needs-a-live-main-loop", test_watchdog_needs_a_live_main_loop);
  ADD ("/link/thread/watchdog-is-fed-at-the-start", test_watchdog_is_fed_at_the_start);
  ADD ("/link/thread/garbage-datagrams-are-counted", test_garbage_datagrams);
  ADD ("/link/thread/port-in-use-is-an-error", test_port_in_use);
  return g_test_run ();
}
