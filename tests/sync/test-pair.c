/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Two sync threads over TLS on loopback: configuration, state and history follow, are cut off,
 * diverge and come together again.
 */
#include "sync-node.h"

#include <glib/gstdio.h>
#include <sqlite3.h>

typedef struct
{
  SyncNode *master;
  SyncNode *backup;
} Pair;

static void
pair_setup (Pair         *pair,
            gconstpointer data)
{
  pair->master = sync_node_new (1);
  pair->backup = sync_node_new (2);
  sync_node_set_authority (pair->master, TRUE, 3);
  sync_node_set_active (pair->master, 3);
  sync_node_start (pair->master);
  sync_node_start (pair->backup);
}

static void
pair_teardown (Pair         *pair,
               gconstpointer data)
{
  sync_node_free (pair->backup);
  sync_node_free (pair->master);
}

static void
pair_up (Pair *pair)
{
  sync_node_connect (pair->master, pair->backup);
  wait_until (sync_node_is_synced (pair->backup));
}

static void
write_some (SyncNode   *node,
            const char *prefix,
            guint       n)
{
  for (guint i = 0; i < n; i++)
    {
      g_autofree char   *key = g_strdup_printf ("%s%u", prefix, i);
      g_autoptr (GError) error = NULL;

      g_assert_true (sync_node_write (node, key, key, GEMEL_DURABILITY_LOCAL, NULL, &error));
      g_assert_no_error (error);
    }
}

static void
assert_config (SyncNode   *node,
               const char *key,
               const char *value)
{
  g_autofree char *found = sync_node_read (node, key);

  g_assert_cmpstr (found, ==, value);
}

static void
assert_state (SyncNode   *node,
              const char *key,
              const char *value)
{
  g_autofree char *found = sync_node_get_state (node, key);

  g_assert_cmpstr (found, ==, value);
}

static gboolean
has_state (SyncNode   *node,
           const char *key,
           const char *value)
{
  g_autofree char *found = sync_node_get_state (node, key);

  return g_strcmp0 (found, value) == 0;
}

static guint
count_kept (SyncNode *node)
{
  g_autoptr (GDir) dir = g_dir_open (node->options.keep_dir, 0, NULL);
  const char      *name;
  guint            n = 0;

  while ((name = g_dir_read_name (dir)) != NULL)
    n += g_str_has_suffix (name, ".db");
  return n;
}

/* --- configuration --------------------------------------------------------------------------- */

static void
test_config_full_then_tail (Pair         *pair,
                            gconstpointer data)
{
  GemelDurability    reached = GEMEL_DURABILITY_LOCAL;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A new backup gets a full backup once, then entries as they commit, confirmed as "
                  "pair");
  write_some (pair->master, "a", 20);
  g_assert_false (pair->backup->eligible);
  pair_up (pair);
  assert_config (pair->backup, "a19", "a19");
  g_assert_true (pair->backup->eligible);
  g_assert_cmpuint (pair->backup->restarts_begun, ==, 1);
  g_assert_cmpuint (pair->backup->restarts_ended, ==, 1);
  g_assert_cmpuint (count_kept (pair->backup), ==, 0);
  wait_until (pair->master->config_state == GEMEL_CONFIG_STATE_GOOD);
  g_assert_true (sync_node_write (pair->master, "b", "1", GEMEL_DURABILITY_PAIR, &reached, &error));
  g_assert_no_error (error);
  g_assert_cmpint (reached, ==, GEMEL_DURABILITY_PAIR);
  assert_config (pair->backup, "b", "1");
  g_assert_cmpuint (sync_node_count (pair->backup, GEMEL_EVENT_FULL_SYNC_DONE), ==, 1);
}

static void
test_config_tail_after_restart (Pair         *pair,
                                gconstpointer data)
{
  g_test_summary ("A puller and a source that restart go on with a tail, without a full backup");
  pair_up (pair);
  sync_node_stop (pair->backup);
  write_some (pair->master, "b", 50);
  sync_node_start (pair->backup);
  pair_up (pair);
  assert_config (pair->backup, "b49", "b49");
  sync_node_disconnect (pair->backup);
  sync_node_stop (pair->master);
  sync_node_start (pair->master);
  write_some (pair->master, "c", 5);
  pair_up (pair);
  assert_config (pair->backup, "c4", "c4");
  g_assert_cmpuint (sync_node_count (pair->backup, GEMEL_EVENT_FULL_SYNC_DONE), ==, 1);
}

static void
test_config_diverged_is_kept (Pair         *pair,
                              gconstpointer data)
{
  g_test_summary ("A backup that wrote what the master lacks keeps its file, with an event, and "
                  "follows");
  write_some (pair->master, "a", 3);
  pair_up (pair);
  sync_node_disconnect (pair->backup);
  sync_node_set_authority (pair->backup, TRUE, 4);
  write_some (pair->backup, "lost", 2);
  write_some (pair->master, "b", 2);
  sync_node_set_authority (pair->backup, FALSE, 4);
  pair_up (pair);
  wait_until (sync_node_get_seq (pair->backup) == sync_node_get_seq (pair->master));
  assert_config (pair->backup, "lost0", NULL);
  assert_config (pair->backup, "b1", "b1");
  g_assert_cmpuint (count_kept (pair->backup), ==, 1);
  g_assert_cmpuint (sync_node_count (pair->backup, GEMEL_EVENT_CONFIG_KEPT), ==, 1);
}

static void
test_config_forced_full (Pair         *pair,
                         gconstpointer data)
{
  g_test_summary ("A person can force a full backup from either side");
  write_some (pair->master, "a", 3);
  pair_up (pair);
  gemel_sync_force_full (pair->master->sync, "config");
  wait_until (sync_node_count (pair->backup, GEMEL_EVENT_FULL_SYNC_DONE) == 2);
  wait_until (sync_node_is_synced (pair->backup));
  gemel_sync_force_full (pair->backup->sync, NULL);
  wait_until (sync_node_count (pair->backup, GEMEL_EVENT_FULL_SYNC_DONE) == 3);
  wait_until (sync_node_is_synced (pair->backup));
  write_some (pair->master, "b", 1);
  wait_until (sync_node_get_seq (pair->backup) == 4);
}

/* Puts a row into the backup's records that makes the next entry fail. */
static void
spoil (SyncNode *node)
{
  g_autofree char *path = g_build_filename (node->dir, "config.db", NULL);
  sqlite3         *db = NULL;
  char            *message = NULL;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  sqlite3_busy_timeout (db, 5000);
  g_assert_cmpint (sqlite3_exec (db,
                                 "CREATE TRIGGER spoil BEFORE INSERT ON record BEGIN SELECT RAISE "
                                 "(ABORT, 'spoiled'); END",
                                 NULL, NULL, &message),
                   ==, SQLITE_OK);
  sqlite3_close (db);
}

static void
test_config_apply_failure_gives_full (Pair         *pair,
                                      gconstpointer data)
{
  g_test_summary ("An entry that cannot be applied leads to a full backup with the reason");
  write_some (pair->master, "a", 3);
  pair_up (pair);
  spoil (pair->backup);
  write_some (pair->master, "b", 1);
  wait_until (sync_node_count (pair->backup, GEMEL_EVENT_FULL_SYNC_DONE) == 2);
  wait_until (sync_node_is_synced (pair->backup));
  assert_config (pair->backup, "b0", "b0");
}

static void
test_config_applied_together (Pair         *pair,
                              gconstpointer data)
{
  guint before;

  g_test_summary ("Entries that come together are one transaction of the backup");
  pair_up (pair);
  sync_node_disconnect (pair->backup);
  write_some (pair->master, "a", 30);
  before = pair->backup->config_commits;
  pair_up (pair);
  wait_until (sync_node_get_seq (pair->backup) == 30);
  g_assert_cmpuint (pair->backup->config_commits - before, ==, 1);
}

static void
test_config_listens_again (Pair         *pair,
                           gconstpointer data)
{
  g_autofree char *big = g_strnfill (200 * 1024, 'x');
  g_autofree char *path = g_build_filename (pair->backup->dir, "config.db", NULL);
  sqlite3         *db = NULL;

  g_test_summary ("A backup that could not apply what came, and had stopped listening, goes on "
                  "afterwards");
  pair_up (pair);
  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char *key = g_strdup_printf ("big%u", i);

      g_assert_true (sync_node_write (pair->master, key, big, GEMEL_DURABILITY_LOCAL, NULL, NULL));
    }
  wait_until (sync_node_count (pair->backup, GEMEL_EVENT_FULL_SYNC_NEEDED) == 2);
  sqlite3_close (db);
  wait_until (sync_node_is_synced (pair->backup) && sync_node_get_seq (pair->backup) == 50);
}

static void
set_schema (SyncNode   *node,
            const char *pragma)
{
  g_autofree char *path = g_build_filename (node->dir, "config.db", NULL);
  sqlite3         *db = NULL;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  sqlite3_busy_timeout (db, 5000);
  g_assert_cmpint (sqlite3_exec (db, pragma, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
}

static void
test_config_incompatible (Pair         *pair,
                          gconstpointer data)
{
  g_test_summary ("A backup that is too old for the master's configuration says so, and recovers");
  pair_up (pair);
  set_schema (pair->master, "PRAGMA user_version=99");
  gemel_sync_force_full (pair->backup->sync, "config");
  wait_until (pair->backup->config_state == GEMEL_CONFIG_STATE_INCOMPATIBLE);
  g_assert_false (sync_node_is_synced (pair->backup));
  set_schema (pair->master, "PRAGMA user_version=1");
  gemel_sync_force_full (pair->backup->sync, "config");
  wait_until (sync_node_is_synced (pair->backup) &&
              pair->backup->config_state == GEMEL_CONFIG_STATE_GOOD);
}

static void
test_config_refused_elsewhere (Pair         *pair,
                               gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_test_summary ("Without the authority a write is refused, and the error names the node that has "
                  "it");
  g_assert_false (sync_node_write (pair->backup, "a", "1", GEMEL_DURABILITY_LOCAL, NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_AUTHORITY);
  g_assert_nonnull (strstr (error->message, "master"));
}

static void
test_config_large_full (Pair         *pair,
                        gconstpointer data)
{
  g_autofree char *big = g_strnfill (200 * 1024, 'x');

  g_test_summary ("A copy of many chunks arrives whole while the master keeps writing");
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *key = g_strdup_printf ("big%u", i);

      g_assert_true (sync_node_write (pair->master, key, big, GEMEL_DURABILITY_LOCAL, NULL, NULL));
    }
  sync_node_connect (pair->master, pair->backup);
  write_some (pair->master, "during", 200);
  wait_until (sync_node_is_synced (pair->backup) && sync_node_get_seq (pair->backup) == 300);
  assert_config (pair->backup, "big99", big);
  assert_config (pair->backup, "during199", "during199");
}

static void
test_config_puller_restarts_in_copy (Pair         *pair,
                                     gconstpointer data)
{
  g_autofree char *big = g_strnfill (200 * 1024, 'x');

  g_test_summary ("A puller that goes away in the middle of a full copy starts it anew and leaves "
                  "no rest");
  for (guint i = 0; i < 100; i++)
    {
      g_autofree char *key = g_strdup_printf ("big%u", i);

      g_assert_true (sync_node_write (pair->master, key, big, GEMEL_DURABILITY_LOCAL, NULL, NULL));
    }
  for (guint round = 0; round < 5; round++)
    {
      g_autoptr (GDir) stage = NULL;

      sync_node_connect (pair->master, pair->backup);
      for (guint turn = 0; turn < 10 + round * 5; turn++)
        sync_node_turn ();
      sync_node_stop (pair->backup);
      sync_node_start (pair->backup);
      stage = g_dir_open (pair->backup->options.stage_dir, 0, NULL);
      g_assert_null (g_dir_read_name (stage));
    }
  pair_up (pair);
  assert_config (pair->backup, "big99", big);
  g_assert_cmpuint (sync_node_get_seq (pair->backup), ==, 100);
}

/* --- state ----------------------------------------------------------------------------------- */

static void
test_state_deltas (Pair         *pair,
                   gconstpointer data)
{
  GemelDurability    reached = GEMEL_DURABILITY_PAIR;
  g_autoptr (GError) error = NULL;

  g_test_summary ("Posted alone an update is local; on a level standby it is pair and there");
  g_assert_true (
    sync_node_post (pair->master, 0, "k", "1", GEMEL_DURABILITY_PAIR, &reached, &error));
  g_assert_cmpint (reached, ==, GEMEL_DURABILITY_LOCAL);
  pair_up (pair);
  assert_state (pair->backup, "k", "1");
  g_assert_true (
    sync_node_post (pair->master, 3, "k", "2", GEMEL_DURABILITY_PAIR, &reached, &error));
  g_assert_cmpint (reached, ==, GEMEL_DURABILITY_PAIR);
  assert_state (pair->backup, "k", "2");
  g_assert_true (
    sync_node_post (pair->master, 0, "k", NULL, GEMEL_DURABILITY_PAIR, &reached, &error));
  assert_state (pair->backup, "k", NULL);
}

static void
test_state_refusals (Pair         *pair,
                     gconstpointer data)
{
  g_autoptr (GError) old_term = NULL;
  g_autoptr (GError) not_active = NULL;

  g_test_summary ("An old term and a node that is not active are refused");
  g_assert_false (
    sync_node_post (pair->master, 1, "k", "1", GEMEL_DURABILITY_LOCAL, NULL, &old_term));
  g_assert_error (old_term, GEMEL_ERROR, GEMEL_ERROR_OLD_TERM);
  g_assert_false (
    sync_node_post (pair->backup, 0, "k", "1", GEMEL_DURABILITY_LOCAL, NULL, &not_active));
  g_assert_error (not_active, GEMEL_ERROR, GEMEL_ERROR_NOT_ACTIVE);
  wait_until (pair->master->counters.state_old_term == 1);
}

static void
test_state_takeover (Pair         *pair,
                     gconstpointer data)
{
  g_test_summary ("A takeover starts with the values, and the old active node follows in the new "
                  "epoch");
  pair_up (pair);
  g_assert_true (
    sync_node_post (pair->master, 0, "k", "before", GEMEL_DURABILITY_PAIR, NULL, NULL));
  sync_node_set_active (pair->master, 0);
  sync_node_set_active (pair->backup, 4);
  assert_state (pair->backup, "k", "before");
  g_assert_true (
    sync_node_post (pair->backup, 4, "k", "after", GEMEL_DURABILITY_LOCAL, NULL, NULL));
  wait_until (has_state (pair->master, "k", "after"));
  wait_until (sync_node_is_synced (pair->master));
}

static void
test_state_overflow (Pair         *pair,
                     gconstpointer data)
{
  g_autofree char *big = g_strnfill (100 * 1024, 'x');

  g_test_summary ("A standby that was away for longer than the buffer reaches gets a full state");
  pair_up (pair);
  sync_node_disconnect (pair->backup);
  for (guint i = 0; i < 200; i++)
    {
      g_autofree char *key = g_strdup_printf ("k%u", i);

      g_assert_true (
        sync_node_post (pair->master, 0, key, big, GEMEL_DURABILITY_LOCAL, NULL, NULL));
    }
  pair_up (pair);
  assert_state (pair->backup, "k0", big);
  assert_state (pair->backup, "k199", big);
}

static void
test_state_silent_peer_is_local (Pair         *pair,
                                 gconstpointer data)
{
  GemelDurability reached = GEMEL_DURABILITY_PAIR;

  g_test_summary ("When the peer goes, those who wait for it are told local");
  pair_up (pair);
  g_assert_true (sync_node_post (pair->master, 0, "k", "1", GEMEL_DURABILITY_PAIR, &reached, NULL));
  g_assert_cmpint (reached, ==, GEMEL_DURABILITY_PAIR);
  sync_node_stop (pair->backup);
  g_assert_true (sync_node_post (pair->master, 0, "k", "2", GEMEL_DURABILITY_PAIR, &reached, NULL));
  g_assert_cmpint (reached, ==, GEMEL_DURABILITY_LOCAL);
}

static void
do_block (GemelSync *sync,
          gpointer   data)
{
  g_mutex_lock (data);
  g_mutex_unlock (data);
}

static void
test_state_silent_peer_times_out (Pair         *pair,
                                  gconstpointer data)
{
  GemelDurability reached = GEMEL_DURABILITY_PAIR;
  GMutex          gate;

  g_test_summary ("A peer that is connected and says nothing makes an answer local after the "
                  "time-out");
  sync_node_stop (pair->master);
  pair->master->options.pair_ack_timeout_ms = 100;
  sync_node_start (pair->master);
  pair_up (pair);
  g_assert_true (sync_node_post (pair->master, 0, "k", "1", GEMEL_DURABILITY_PAIR, &reached, NULL));
  g_mutex_init (&gate);
  g_mutex_lock (&gate);
  gemel_sync_call (pair->backup->sync, do_block, &gate, NULL);
  g_assert_true (sync_node_post (pair->master, 0, "k", "2", GEMEL_DURABILITY_PAIR, &reached, NULL));
  g_assert_cmpint (reached, ==, GEMEL_DURABILITY_LOCAL);
  g_assert_true (sync_node_write (pair->master, "k", "2", GEMEL_DURABILITY_PAIR, &reached, NULL));
  g_assert_cmpint (reached, ==, GEMEL_DURABILITY_LOCAL);
  g_mutex_unlock (&gate);
  g_assert_true (sync_node_post (pair->master, 0, "k", "3", GEMEL_DURABILITY_PAIR, &reached, NULL));
  wait_until (sync_node_get_seq (pair->backup) == 1);
  g_mutex_clear (&gate);
}

static void
test_silent_peer_is_dialled_anew (Pair         *pair,
                                  gconstpointer data)
{
  GMutex gate;

  g_test_summary ("A peer that is connected and does not answer loses its connections after "
                  "the time of one exchange");
  sync_node_stop (pair->backup);
  pair->backup->options.sync_timeout_ms = 300;
  sync_node_start (pair->backup);
  pair_up (pair);
  g_mutex_init (&gate);
  g_mutex_lock (&gate);
  gemel_sync_call (pair->master->sync, do_block, &gate, NULL);
  gemel_sync_force_full (pair->backup->sync, NULL);
  wait_until (sync_node_count (pair->backup, GEMEL_EVENT_PROTOCOL_VIOLATION) >= 2);
  g_assert_cmpint (pair->backup->config_state, ==, GEMEL_CONFIG_STATE_UNKNOWN);
  g_mutex_unlock (&gate);
  wait_until (sync_node_is_synced (pair->backup));
  g_mutex_clear (&gate);
}

/* --- history --------------------------------------------------------------------------------- */

/* Of the last thing told about `history`. */
static gint64
get_history_apply_us (SyncNode *node)
{
  gint64 found = 0;

  g_mutex_lock (&node->lock);
  for (guint i = 0; i < node->stats->len; i++)
    {
      const GemelProviderStats *stats = &g_array_index (node->stats, GemelProviderStats, i);

      if (strcmp (stats->name, "history") == 0)
        found = stats->last_apply_duration_us;
    }
  g_mutex_unlock (&node->lock);
  return found;
}

static void
test_history_union (Pair         *pair,
                    gconstpointer data)
{
  g_test_summary ("After interruptions both sinks hold the union, without gap or duplicate");
  for (guint round = 0; round < 5; round++)
    {
      sync_node_connect (pair->master, pair->backup);
      sync_node_write_history (pair->master, 700);
      sync_node_write_history (pair->backup, 300);
      if (round % 2 == 0)
        sync_node_disconnect (pair->backup);
      sync_node_write_history (pair->backup, 300);
    }
  sync_node_connect (pair->master, pair->backup);
  wait_until (sync_node_count_history (pair->backup, pair->master->uuid) == 3500);
  wait_until (sync_node_count_history (pair->master, pair->backup->uuid) == 3000);
  wait_until (get_history_apply_us (pair->backup) > 0);
}

static void
remove_history (SyncNode *node)
{
  static const char *const names[] = { "buffer.db", "buffer.db-wal", "buffer.db-shm",
                                       "history.db", "history.db-wal", "history.db-shm" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = g_build_filename (node->dir, "history", names[i], NULL);

      (void) g_unlink (path);
    }
}

static void
test_history_lost_files (Pair         *pair,
                         gconstpointer data)
{
  SyncNode *backup = pair->backup;
  guint64   received;

  g_test_summary ("A node that lost its history does not number new points as its peer has "
                  "numbered old ones");
  pair_up (pair);
  sync_node_write_history (pair->master, 700);
  wait_until (sync_node_count_history (backup, pair->master->uuid) == 700);
  sync_node_stop (pair->master);
  remove_history (pair->master);
  sync_node_start (pair->master);
  pair_up (pair);
  wait_until (sync_node_count (pair->master, GEMEL_EVENT_STORE_FAILED) == 1);
  sync_node_write_history (pair->master, 300);
  wait_until (sync_node_count_history (backup, pair->master->uuid) == 1000);
  received = pair->master->counters.peer_bytes_received;
  wait_until (pair->master->counters.peer_bytes_received > 0);
  g_assert_cmpuint (received, <, 100 * 1024);
}

static void
test_history_retry (Pair         *pair,
                    gconstpointer data)
{
  g_autofree char *path = g_build_filename (pair->backup->dir, "history", "history.db", NULL);
  sqlite3         *db = NULL;

  g_test_summary ("Rows that the disk refused come again when it takes them, without a new row "
                  "behind them");
  pair_up (pair);
  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, "BEGIN IMMEDIATE", NULL, NULL, NULL), ==, SQLITE_OK);
  sync_node_write_history (pair->master, 700);
  wait_until (sync_node_count (pair->backup, GEMEL_EVENT_STORE_FAILED) == 1);
  sqlite3_close (db);
  wait_until (sync_node_count_history (pair->backup, pair->master->uuid) == 700);
}

/* --- switchover ------------------------------------------------------------------------------ */

static void
test_quiesce_and_catch_up (Pair         *pair,
                           gconstpointer data)
{
  g_autoptr (GError) refused = NULL;

  g_test_summary ("Quiesced, both nodes are at the same position and writes are refused");
  pair_up (pair);
  g_assert_true (sync_node_post (pair->master, 0, "k", "1", GEMEL_DURABILITY_LOCAL, NULL, NULL));
  write_some (pair->master, "a", 2);
  gemel_sync_quiesce (pair->master->sync, 77);
  wait_until (pair->master->quiesced_id == 77);
  gemel_sync_catch_up (pair->backup->sync, 77, &pair->master->quiesced_at);
  wait_until (pair->backup->caught_up_id == 77);
  g_assert_true (
    gemel_pair_position_equal (&pair->master->quiesced_at, &pair->backup->caught_up_at));
  g_assert_false (
    sync_node_post (pair->master, 0, "k", "2", GEMEL_DURABILITY_LOCAL, NULL, &refused));
  g_assert_error (refused, GEMEL_ERROR, GEMEL_ERROR_SWITCHING);
  gemel_sync_unquiesce (pair->master->sync);
  g_assert_true (sync_node_post (pair->master, 0, "k", "2", GEMEL_DURABILITY_LOCAL, NULL, NULL));
}

static void
test_moved_while_quiesced (Pair         *pair,
                           gconstpointer data)
{
  g_test_summary ("Configuration that the master wrote late moves a quiesced backup, and that is "
                  "told");
  pair_up (pair);
  sync_node_set_active (pair->master, 0);
  sync_node_set_active (pair->backup, 4);
  wait_until (sync_node_is_synced (pair->master));
  gemel_sync_quiesce (pair->backup->sync, 9);
  wait_until (pair->backup->quiesced_id == 9);
  g_assert_cmpuint (pair->backup->moved, ==, 0);
  write_some (pair->master, "late", 1);
  wait_until (pair->backup->moved == 1);
  gemel_sync_catch_up (pair->master->sync, 9, &pair->backup->quiesced_at);
  wait_until (pair->master->caught_up_id == 9);
}

static void
test_stats (Pair         *pair,
            gconstpointer data)
{
  g_test_summary ("Figures count what was queued, and what the peer has not pulled");
  pair_up (pair);
  g_assert_true (sync_node_post (pair->master, 0, "k", "1", GEMEL_DURABILITY_PAIR, NULL, NULL));
  wait_until (pair->master->stats->len == 3 &&
              g_array_index (pair->master->stats, GemelProviderStats, 1).dispatched_total == 1);
  g_assert_cmpstr (g_array_index (pair->master->stats, GemelProviderStats, 1).name, ==,
                   "state/test");
  g_assert_cmpuint (g_array_index (pair->master->stats, GemelProviderStats, 1).pending_updates, ==,
                    0);
}

#define add(path, func) g_test_add (path, Pair, NULL, pair_setup, func, pair_teardown)

int
main (int    argc,
      char **argv)
{
  g_setenv ("G_TLS_GNUTLS_PRIORITY", "NORMAL:-VERS-ALL:+VERS-TLS1.3", TRUE);
  g_test_init (&argc, &argv, NULL);
  add ("/sync/config/full-backup-then-tail", test_config_full_then_tail);
  add ("/sync/config/tail-after-restarts", test_config_tail_after_restart);
  add ("/sync/config/diverged-file-is-kept", test_config_diverged_is_kept);
  add ("/sync/config/full-backup-by-force", test_config_forced_full);
  add ("/sync/config/apply-failure-gives-full-backup", test_config_apply_failure_gives_full);
  add ("/sync/config/applied-together", test_config_applied_together);
  add ("/sync/config/listens-again-after-a-failure", test_config_listens_again);
  add ("/sync/config/incompatible", test_config_incompatible);
  add ("/sync/config/refused-without-authority", test_config_refused_elsewhere);
  add ("/sync/config/large-copy-while-writing", test_config_large_full);
  add ("/sync/config/puller-restarts-in-a-copy", test_config_puller_restarts_in_copy);
  add ("/sync/state/deltas-and-durability", test_state_deltas);
  add ("/sync/state/old-term-and-standby-refused", test_state_refusals);
  add ("/sync/state/takeover-keeps-values", test_state_takeover);
  add ("/sync/state/overflow-gives-full-state", test_state_overflow);
  add ("/sync/state/local-when-the-peer-goes", test_state_silent_peer_is_local);
  add ("/sync/state/local-when-the-peer-is-silent", test_state_silent_peer_times_out);
  add ("/sync/link/silent-peer-is-dialled-anew", test_silent_peer_is_dialled_anew);
  add ("/sync/history/union-after-interruptions", test_history_union);
  add ("/sync/history/lost-files", test_history_lost_files);
  add ("/sync/history/rows-again-after-a-failure", test_history_retry);
  add ("/sync/switch/quiesced-and-caught-up-are-equal", test_quiesce_and_catch_up);
  add ("/sync/switch/moved-while-quiesced", test_moved_while_quiesced);
  add ("/sync/stats/queued-and-dispatched", test_stats);
  return g_test_run ();
}
