/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The node of the tests: what gemel-node does for a real one, without deciding anything.
 */
#include "sync-node.h"

#include <glib/gstdio.h>

static void
on_event (GemelEventCode code,
          const char    *subject,
          const char    *message,
          gint64         a,
          gpointer       user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  node->events[code]++;
  g_mutex_unlock (&node->lock);
  g_test_message ("node %u: event %d %s: %s", node->uuid[0], (int) code, subject, message);
}

static void
on_stats (const GemelProviderStats *stats,
          guint                     n_stats,
          const GemelSyncCounters  *counters,
          gpointer                  user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  g_array_set_size (node->stats, 0);
  g_array_append_vals (node->stats, stats, n_stats);
  node->counters = *counters;
  g_mutex_unlock (&node->lock);
}

static void
on_standing (gboolean         eligible,
             gboolean         synced,
             GemelConfigState config_state,
             gpointer         user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  node->eligible = eligible;
  node->synced = synced;
  node->config_state = config_state;
  g_mutex_unlock (&node->lock);
}

static void
on_quiesced (guint64                  switch_id,
             const GemelPairPosition *position,
             gpointer                 user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  node->quiesced_id = switch_id;
  node->quiesced_at = *position;
  g_mutex_unlock (&node->lock);
}

static void
on_caught_up (guint64                  switch_id,
              const GemelPairPosition *position,
              gpointer                 user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  node->caught_up_id = switch_id;
  node->caught_up_at = *position;
  g_mutex_unlock (&node->lock);
}

static void
on_moved (const GemelPairPosition *position,
          gpointer                 user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  node->moved++;
  g_mutex_unlock (&node->lock);
}

static void
on_soft_restart (gboolean begin,
                 gpointer user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  *(begin ? &node->restarts_begun : &node->restarts_ended) += 1;
  g_mutex_unlock (&node->lock);
}

static const GemelSyncPort port = {
  on_event, on_stats, on_standing, on_quiesced, on_caught_up, on_moved, on_soft_restart
};

static void
on_config_changed (GPtrArray             *entries,
                   const GemelConfigInfo *info,
                   gpointer               user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  node->config_commits++;
  if (node->sync != NULL)
    gemel_sync_config_changed (node->sync, entries);
  g_mutex_unlock (&node->lock);
}

static void
on_sunk (const guint8 origin[16],
         guint64      mark,
         gpointer     user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  if (node->sync != NULL)
    gemel_sync_history_moved (node->sync, origin, mark);
  g_mutex_unlock (&node->lock);
}

static void
on_history_event (int         code,
                  const char *message,
                  gint64      a,
                  gpointer    user_data)
{
  SyncNode *node = user_data;

  g_mutex_lock (&node->lock);
  node->events[code]++;
  g_mutex_unlock (&node->lock);
  g_test_message ("node %u: event %d history: %s", node->uuid[0], code, message);
}

static const GemelHistoryPort history_port = { on_sunk, on_history_event };

static void
on_accepted (GemelListener *listener,
             GemelChannel   channel,
             GIOStream     *io,
             gpointer       user_data)
{
  SyncNode *node = user_data;

  if (channel == GEMEL_CHANNEL_DATA && node->sync != NULL)
    gemel_sync_adopt (node->sync, io);
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

static const GemelListenerCallbacks listener_callbacks = { on_accepted, on_refused };

static gboolean
on_turn (gpointer data)
{
  return G_SOURCE_REMOVE;
}

/**
 * sync_node_turn:
 *
 * One turn of the default context, at most 2 ms.
 */
void
sync_node_turn (void)
{
  guint id = g_timeout_add (2, on_turn, NULL);

  g_main_context_iteration (NULL, TRUE);
  if (g_main_context_find_source_by_id (NULL, id) != NULL)
    g_source_remove (id);
}

/**
 * sync_node_new:
 * @id: 1 or 2
 *
 * Returns: a node that is not started.
 */
SyncNode *
sync_node_new (guint8 id)
{
  SyncNode          *node = g_new0 (SyncNode, 1);
  g_autoptr (GError) error = NULL;
  g_autofree char   *path = NULL;
  gboolean           made;

  g_mutex_init (&node->lock);
  node->stats = g_array_new (FALSE, TRUE, sizeof (GemelProviderStats));
  node->dir = g_dir_make_tmp ("gemel-sync-XXXXXX", &error);
  g_assert_no_error (error);
  memset (node->uuid, id, sizeof node->uuid);
  path = g_build_filename (node->dir, "node.pem", NULL);
  made = gemel_keys_load_or_make (path, "gemel test", &node->keys, &error);
  g_assert_no_error (error);
  g_assert_true (made);
  node->view.role = id == 1 ? GEMEL_ROLE_MASTER : GEMEL_ROLE_BACKUP;
  node->options = (GemelSyncOptions){
    .stage_dir = g_build_filename (node->dir, "stage", NULL),
    .keep_dir = g_build_filename (node->dir, "kept", NULL),
    .state_buffer_bytes_max = 8 * 1024 * 1024,
    .state_bytes_max = 256 * 1024 * 1024,
    .door_clients_max = 64,
    .pair_ack_timeout_ms = 2000,
    .sync_timeout_ms = 60000,
  };
  memcpy (node->options.node_uuid, node->uuid, sizeof node->uuid);
  return node;
}

/**
 * sync_node_start:
 * @node: a stopped node
 */
void
sync_node_start (SyncNode *node)
{
  g_autofree char   *config = g_build_filename (node->dir, "config.db", NULL);
  g_autofree char   *history = g_build_filename (node->dir, "history", NULL);
  g_autoptr (GError) error = NULL;
  GemelSync         *sync;

  (void) g_mkdir (history, 0700);
  node->config = gemel_config_db_open (config, node->uuid, on_config_changed, node, &error);
  g_assert_no_error (error);
  node->history = gemel_history_open (history, node->uuid, 64 * 1024 * 1024, &history_port, node,
                                      &error);
  g_assert_no_error (error);
  node->options.keys = &node->keys;
  node->options.config = node->config;
  node->options.history = node->history;
  sync = gemel_sync_new (&node->options, &port, node, &error);
  g_assert_no_error (error);
  g_mutex_lock (&node->lock);
  node->sync = sync;
  g_mutex_unlock (&node->lock);
  node->listener = gemel_listener_new (&node->keys, "127.0.0.1", 0, &listener_callbacks, node,
                                       &error);
  g_assert_no_error (error);
  gemel_sync_set_view (node->sync, &node->view);
}

/**
 * sync_node_stop:
 * @node: a node; nothing happens when it is stopped
 */
void
sync_node_stop (SyncNode *node)
{
  GemelSync *sync;

  g_mutex_lock (&node->lock);
  sync = g_steal_pointer (&node->sync);
  node->synced = FALSE;
  g_mutex_unlock (&node->lock);
  if (sync == NULL)
    return;
  g_clear_pointer (&node->listener, gemel_listener_free);
  gemel_sync_free (sync);
  g_clear_pointer (&node->history, gemel_history_close);
  g_clear_pointer (&node->config, gemel_config_db_close);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char      *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  (void) g_remove (path);
}

/**
 * sync_node_free:
 * @node: a node
 */
void
sync_node_free (SyncNode *node)
{
  sync_node_stop (node);
  remove_tree (node->dir);
  gemel_keys_clear (&node->keys);
  g_array_unref (node->stats);
  g_free (node->options.stage_dir);
  g_free (node->options.keep_dir);
  g_free (node->dir);
  g_mutex_clear (&node->lock);
  g_free (node);
}

/**
 * sync_node_set_active:
 * @node: a node
 * @term: of its activity; 0: it is a standby
 */
void
sync_node_set_active (SyncNode *node,
                      guint64   term)
{
  node->view.active_term = term;
  node->view.term = MAX (node->view.term, term);
  node->view.state = term != 0 ? GEMEL_STATE_ACTIVE : GEMEL_STATE_STANDBY;
  node->view.level = term != 0 ? GEMEL_LEVEL_ACTIVE : GEMEL_LEVEL_WARM;
  node->view.may_post_state = term != 0;
  node->view.acts_until_us = term != 0 ? G_MAXINT64 : 0;
  if (node->sync != NULL)
    gemel_sync_set_view (node->sync, &node->view);
}

/**
 * sync_node_set_authority:
 * @node: a node
 * @authority: whether it may write configuration
 * @term: in which term it writes
 */
void
sync_node_set_authority (SyncNode *node,
                         gboolean  authority,
                         guint64   term)
{
  node->view.has_authority = authority;
  node->view.may_write_config = authority;
  node->view.term = term;
  if (node->sync != NULL)
    gemel_sync_set_view (node->sync, &node->view);
}

/**
 * sync_node_connect:
 * @master: is dialled
 * @backup: dials
 */
void
sync_node_connect (SyncNode *master,
                   SyncNode *backup)
{
  g_autofree char *address = g_strdup_printf ("127.0.0.1:%u",
                                              gemel_listener_get_port (master->listener));

  gemel_listener_set_peer (master->listener, backup->keys.pin);
  gemel_sync_set_peer (master->sync, NULL, backup->keys.pin, TRUE);
  gemel_sync_set_peer (backup->sync, address, master->keys.pin, TRUE);
}

/**
 * sync_node_disconnect:
 * @node: a node whose session goes down
 */
void
sync_node_disconnect (SyncNode *node)
{
  gemel_sync_set_peer (node->sync, NULL, NULL, FALSE);
}

/**
 * sync_node_is_synced:
 * @node: a node
 *
 * Returns: what it told last.
 */
gboolean
sync_node_is_synced (SyncNode *node)
{
  gboolean synced;

  g_mutex_lock (&node->lock);
  synced = node->synced;
  g_mutex_unlock (&node->lock);
  return synced;
}

/**
 * sync_node_count:
 * @node: a node
 * @code: of an event
 *
 * Returns: how often it was told.
 */
guint
sync_node_count (SyncNode      *node,
                 GemelEventCode code)
{
  guint count;

  g_mutex_lock (&node->lock);
  count = node->events[code];
  g_mutex_unlock (&node->lock);
  return count;
}

/* --- calls that wait for their answer -------------------------------------------------------- */

static void
on_result (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  *(GAsyncResult **) data = g_object_ref (result);
}

/**
 * sync_node_write:
 * @node: a node
 * @key: of provider "test"
 * @value: (nullable): %NULL deletes
 * @wanted: durability
 * @ret_reached: (optional): durability
 * @error: return location
 *
 * Returns: whether the configuration was written.
 */
gboolean
sync_node_write (SyncNode        *node,
                 const char      *key,
                 const char      *value,
                 GemelDurability  wanted,
                 GemelDurability *ret_reached,
                 GError         **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes)       bytes = value != NULL ? g_bytes_new (value, strlen (value)) : NULL;
  GDestroyNotify           free_one = (GDestroyNotify) gemel_config_op_free;
  GPtrArray               *ops = g_ptr_array_new_with_free_func (free_one);

  g_ptr_array_add (ops, gemel_config_op_new ("test", key, bytes));
  gemel_sync_config_write_async (node->sync, ops, wanted, NULL, on_result, &result);
  wait_until (result != NULL);
  return gemel_sync_config_write_finish (node->sync, result, NULL, ret_reached, error);
}

/**
 * sync_node_read:
 * @node: a node
 * @key: of provider "test"
 *
 * Returns: (nullable): its value in the configuration.
 */
char *
sync_node_read (SyncNode   *node,
                const char *key)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes)       bytes = NULL;

  gemel_config_db_get_async (node->config, "test", key, NULL, on_result, &result);
  wait_until (result != NULL);
  bytes = gemel_config_db_get_finish (node->config, result, NULL);
  return bytes != NULL ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes))
                       : NULL;
}

/**
 * sync_node_post:
 * @node: a node
 * @term: that the writer believes in
 * @key: of provider "test"
 * @value: (nullable): %NULL deletes
 * @wanted: durability
 * @ret_reached: (optional): durability
 * @error: return location
 *
 * Returns: whether the state was posted.
 */
gboolean
sync_node_post (SyncNode        *node,
                guint64          term,
                const char      *key,
                const char      *value,
                GemelDurability  wanted,
                GemelDurability *ret_reached,
                GError         **error)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes)       bytes = value != NULL ? g_bytes_new (value, strlen (value)) : NULL;
  GDestroyNotify           free_one = (GDestroyNotify) gemel_state_op_free;
  GPtrArray               *ops = g_ptr_array_new_with_free_func (free_one);

  g_ptr_array_add (ops, gemel_state_op_new (key, bytes));
  gemel_sync_state_post_async (node->sync, "test", term, ops, wanted, NULL, on_result, &result);
  wait_until (result != NULL);
  return gemel_sync_state_post_finish (node->sync, result, NULL, ret_reached, error);
}

/**
 * sync_node_get_state:
 * @node: a node
 * @key: of provider "test"
 *
 * Returns: (nullable): its value in the runtime state.
 */
char *
sync_node_get_state (SyncNode   *node,
                     const char *key)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GBytes)       bytes = NULL;

  gemel_sync_state_get_async (node->sync, "test", key, NULL, on_result, &result);
  wait_until (result != NULL);
  bytes = gemel_sync_state_get_finish (node->sync, result, NULL, NULL);
  return bytes != NULL ? g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes))
                       : NULL;
}

/**
 * sync_node_write_history:
 * @node: a node
 * @n_points: how many
 */
void
sync_node_write_history (SyncNode *node,
                         guint     n_points)
{
  g_autofree GemelPoint   *points = g_new0 (GemelPoint, n_points);
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError)       error = NULL;
  g_autoptr (GBytes)       bytes = NULL;
  char                     tag[] = "tag";

  for (guint i = 0; i < n_points; i++)
    points[i] = (GemelPoint){
      .tag = tag, .unix_us = 1000 + i, .type = GEMEL_VALUE_INT64, .v.i = i
    };
  bytes = gemel_points_encode (points, n_points);
  gemel_history_write_async (node->history, bytes, NULL, on_result, &result);
  wait_until (result != NULL);
  g_assert_true (gemel_history_write_finish (node->history, result, NULL, &error));
  g_assert_no_error (error);
}

/**
 * sync_node_count_history:
 * @node: a node
 * @origin: whose rows
 *
 * Returns: how many rows of that origin its sink has.
 */
guint64
sync_node_count_history (SyncNode     *node,
                         const guint8 *origin)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant)     ledger = NULL;
  guint64                  found = 0;

  gemel_history_ledger_async (node->history, NULL, on_result, &result);
  wait_until (result != NULL);
  ledger = gemel_history_ledger_finish (node->history, result, NULL);
  g_assert_nonnull (ledger);
  for (gsize i = 0; i < g_variant_n_children (ledger); i++)
    {
      g_autoptr (GVariant) uuid = NULL;
      guint64              rows, first, last, mark, gaps, duplicates;

      g_variant_get_child (ledger, i, "(@aytttttt)", &uuid, &rows, &first, &last, &mark, &gaps,
                           &duplicates);
      g_assert_cmpuint (gaps, ==, 0);
      g_assert_cmpuint (duplicates, ==, 0);
      if (memcmp (g_variant_get_data (uuid), origin, GEMEL_UUID_BYTES) == 0)
        found = rows;
    }
  return found;
}

/**
 * sync_node_get_seq:
 * @node: a node
 *
 * Returns: how many entries its journal has had.
 */
guint64
sync_node_get_seq (SyncNode *node)
{
  GemelConfigInfo info;

  gemel_config_db_get_info (node->config, &info);
  return info.head.seq;
}
