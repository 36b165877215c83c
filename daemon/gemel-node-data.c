/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the sync thread and the stores report: positions go straight to the link, whose door is a
 * queue; figures, events and changes are posted to the main thread.
 */
#include "gemel-event-text.h"
#include "gemel-node-private.h"

static void
on_sync_event (GemelEventCode code,
               const char    *subject,
               const char    *message,
               gint64         a,
               gpointer       user_data)
{
  g_autofree char *told = gemel_event_text_about (code, subject, message);
  GemelNodeReport *report = gemel_node_report_new (code, subject, told);

  report->a = a;
  gemel_node_report (user_data, report);
}

typedef struct
{
  GemelProviderStats *stats;
  guint               n;
  GemelSyncCounters   counters;
} Stats;

static void
stats_free (gpointer data)
{
  Stats *stats = data;

  g_free (stats->stats);
  g_free (stats);
}

static void
take_stats (GemelNode *node,
            gpointer   data)
{
  Stats *stats = data;

  g_free (node->providers);
  node->providers = g_steal_pointer (&stats->stats);
  node->n_providers = stats->n;
  node->sync_counters = stats->counters;
  gemel_node_watch_resync (node);
  gemel_node_mark (node, FALSE);
}

static void
on_stats (const GemelProviderStats *stats,
          guint                     n_stats,
          const GemelSyncCounters  *counters,
          gpointer                  user_data)
{
  Stats *copy = g_new0 (Stats, 1);

  copy->stats = g_memdup2 (stats, n_stats * sizeof *stats);
  copy->n = n_stats;
  copy->counters = *counters;
  gemel_node_post (user_data, take_stats, copy, stats_free);
}

typedef struct
{
  gboolean         eligible;
  GemelConfigState config_state;
} Standing;

static void
on_identity_saved (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  GemelNode         *node = user_data;
  g_autoptr (GError) local_error = NULL;

  if (!gemel_node_db_save_identity_finish (node->node_db, result, &local_error))
    gemel_log_error ("store", "remembering that the configuration of the pair was received",
                     local_error);
}

static void
take_standing (GemelNode *node,
               gpointer   data)
{
  const Standing *standing = data;

  node->config_state = standing->config_state;
  if (standing->eligible && !node->identity.synced_once)
    {
      node->identity.synced_once = TRUE;
      gemel_node_db_save_identity_async (node->node_db, &node->identity, NULL, on_identity_saved,
                                         node);
    }
  gemel_node_mark (node, TRUE);
}

static void
on_standing (gboolean         eligible,
             gboolean         synced,
             GemelConfigState config_state,
             gpointer         user_data)
{
  GemelNode *node = user_data;
  GemelInput input = { .type = GEMEL_INPUT_SYNC, .u.sync = { eligible, synced } };
  Standing  *standing = g_new0 (Standing, 1);

  gemel_link_push (node->link, &input);
  standing->eligible = eligible;
  standing->config_state = config_state;
  gemel_node_post (node, take_standing, standing, g_free);
}

static void
push_position (GemelNode               *node,
               GemelInputType           type,
               guint64                  switch_id,
               const GemelPairPosition *position)
{
  GemelInput input = { .type = type };

  input.u.caught.switch_id = switch_id;
  input.u.caught.position = *position;
  gemel_link_push (node->link, &input);
}

static void
on_quiesced (guint64                  switch_id,
             const GemelPairPosition *position,
             gpointer                 user_data)
{
  push_position (user_data, GEMEL_INPUT_QUIESCED, switch_id, position);
}

static void
on_caught_up (guint64                  switch_id,
              const GemelPairPosition *position,
              gpointer                 user_data)
{
  push_position (user_data, GEMEL_INPUT_CAUGHT_UP, switch_id, position);
}

static void
on_moved (const GemelPairPosition *position,
          gpointer                 user_data)
{
  push_position (user_data, GEMEL_INPUT_POSITION, 0, position);
}

/* A full backup replaced the configuration: modules must not see half of it. */
static void
take_soft_restart (GemelNode *node,
                   gpointer   data)
{
  gboolean  begin = GPOINTER_TO_INT (data);
  GemelView view;

  if (node->exiting)
    return;
  gemel_link_get_view (node->link, &view);
  if (begin)
    gemel_modules_set_level (node->modules, GEMEL_LEVEL_UNDECIDED, view.term);
  else
    {
      gemel_modules_set_level (node->modules, view.level,
                               view.level == GEMEL_LEVEL_ACTIVE ? view.active_term : view.term);
      gemel_node_take_shared_settings (node);
    }
}

static void
on_soft_restart (gboolean begin,
                 gpointer user_data)
{
  gemel_node_post (user_data, take_soft_restart, GINT_TO_POINTER (begin), NULL);
}

const GemelSyncPort gemel_node_sync_port = {
  .event = on_sync_event,
  .stats = on_stats,
  .standing = on_standing,
  .quiesced = on_quiesced,
  .caught_up = on_caught_up,
  .moved = on_moved,
  .soft_restart = on_soft_restart,
};

typedef struct
{
  guint64 seq;
  GStrv   providers;
} ConfigChange;

static void
config_change_free (gpointer data)
{
  ConfigChange *change = data;

  g_strfreev (change->providers);
  g_free (change);
}

static void
take_config_change (GemelNode *node,
                    gpointer   data)
{
  const ConfigChange *change = data;
  const char *const  *providers = (const char *const *) change->providers;

  if (g_strv_contains (providers, GEMEL_SETTINGS_PROVIDER))
    gemel_node_take_shared_settings (node);
  if (node->surface != NULL)
    node->surface->config_changed (change->seq, providers, node->surface_data);
}

static GStrv
dup_touched_providers (GPtrArray *entries)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  g_autoptr (GHashTable)   seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < entries->len; i++)
    {
      g_autoptr (GPtrArray) ops = gemel_entry_dup_ops (g_ptr_array_index (entries, i), NULL);

      for (guint j = 0; ops != NULL && j < ops->len; j++)
        {
          const GemelConfigOp *op = g_ptr_array_index (ops, j);

          if (g_hash_table_add (seen, g_strdup (op->provider)))
            g_strv_builder_add (names, op->provider);
        }
    }
  return g_strv_builder_end (names);
}

/**
 * gemel_node_on_config_changed:
 * @entries: appended just now
 * @info: the store afterwards
 * @user_data: the node
 * Thread: the configuration store's
 */
void
gemel_node_on_config_changed (GPtrArray             *entries,
                              const GemelConfigInfo *info,
                              gpointer               user_data)
{
  GemelNode    *node = user_data;
  ConfigChange *change = g_new0 (ConfigChange, 1);

  g_mutex_lock (&node->sync_lock);
  if (node->sync != NULL)
    gemel_sync_config_changed (node->sync, entries);
  g_mutex_unlock (&node->sync_lock);
  change->seq = info->head.seq;
  change->providers = dup_touched_providers (entries);
  gemel_node_post (node, take_config_change, change, config_change_free);
  gemel_node_mark (node, FALSE);
}

static void
on_sunk (const guint8 origin[16],
         guint64      mark,
         gpointer     user_data)
{
  GemelNode *node = user_data;

  g_mutex_lock (&node->sync_lock);
  if (node->sync != NULL)
    gemel_sync_history_moved (node->sync, origin, mark);
  g_mutex_unlock (&node->sync_lock);
}

static void
on_history_event (int         gemel_event_code,
                  const char *message,
                  gint64      a,
                  gpointer    user_data)
{
  GemelNodeReport *report = gemel_node_report_new ((GemelEventCode) gemel_event_code, "history",
                                                   message);

  report->a = a;
  gemel_node_report (user_data, report);
}

const GemelHistoryPort gemel_node_history_port = {
  .sunk = on_sunk,
  .event = on_history_event,
};
