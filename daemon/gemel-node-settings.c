/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Carrying settings: node-local runtime changes live in node.db; shared ones are configuration
 * records, so that they replicate and take effect on both nodes by the same path.
 */
#include "api/gemel-error.h"
#include "gemel-node-private.h"

#include <string.h>

/**
 * gemel_node_load_settings:
 * @node: the node, node_db open
 * @error: GEMEL_ERROR_STORE, or GEMEL_ERROR_SETTING when files and stored changes contradict
 *
 * Puts the stored node-local changes over what the files say.
 *
 * Returns: whether the settings are complete.
 * Thread: main, at start
 */
gboolean
gemel_node_load_settings (GemelNode *node,
                          GError   **error)
{
  g_autoptr (GHashTable) stored = gemel_node_db_load_settings (node->node_db, error);

  if (stored == NULL)
    return FALSE;
  if (gemel_settings_load_runtime (node->settings, stored, error))
    return TRUE;
  /* Without them the node might start in another role than its pair knows. */
  g_prefix_error (error, "the changes made at run time do not fit the settings files any more; "
                         "mend the files: ");
  return FALSE;
}

static void
apply_log_level (GemelNode *node)
{
  const char        *token = gemel_settings_get_string (node->settings, "log.level");
  g_autoptr (GError) local_error = NULL;
  GemelLogLevel      level;

  if (g_strcmp0 (token, node->log_level) == 0)
    return;
  g_free (node->log_level);
  node->log_level = g_strdup (token);
  if (gemel_log_level_from_string (token, &level) &&
      !gemel_log_set_level ("*", level, &local_error))
    gemel_log_error ("settings", "log.level", local_error);
}

static void
set_merge (char   **providers,
           gboolean merge)
{
  for (guint i = 0; providers != NULL && providers[i] != NULL; i++)
    {
      g_autoptr (GError) local_error = NULL;

      if (!gemel_log_set_merge (providers[i], merge, &local_error))
        gemel_log_error ("settings", "log.merge", local_error);
    }
}

static void
apply_log_merge (GemelNode *node)
{
  g_auto (GStrv) merge = gemel_settings_dup_list (node->settings, "log.merge");

  if (merge != NULL && node->log_merge != NULL &&
      g_strv_equal ((const char *const *) merge, (const char *const *) node->log_merge))
    return;
  set_merge (node->log_merge, FALSE);
  set_merge (merge, TRUE);
  g_strfreev (node->log_merge);
  node->log_merge = g_steal_pointer (&merge);
}

/* Only what changed: what a person set for one provider at run time must outlive other changes. */
static void
apply_log (GemelNode *node)
{
  apply_log_level (node);
  apply_log_merge (node);
}

/**
 * gemel_node_apply_settings:
 * @node: the node, running
 *
 * Hands the present values to those who can take them while they run.
 * Thread: main
 */
void
gemel_node_apply_settings (GemelNode *node)
{
  GemelInput input = { .type = GEMEL_INPUT_SETTINGS };

  gemel_settings_fill_core (node->settings, node->identity.slot, &input.u.settings);
  gemel_link_push (node->link, &input);
  gemel_config_db_set_limits (node->config,
                              (guint64) gemel_settings_get_int (node->settings, "config.journal-"
                                                                                "bytes-max"),
                              (guint64) gemel_settings_get_int (node->settings, "config.journal-"
                                                                                "entries-max"));
  gemel_node_db_set_events_max (node->node_db,
                                (guint) gemel_settings_get_int (node->settings, "events.max"));
  apply_log (node);
  gemel_node_mark (node, TRUE);
}

typedef struct
{
  GemelNode *node;
  GTask     *task;
  char      *name;
  char      *value;  /* (nullable) */
  char      *before; /* (nullable): runtime value to go back to */
} Change;

static void
change_free (Change *change)
{
  g_object_unref (change->task);
  g_free (change->name);
  g_free (change->value);
  g_free (change->before);
  g_free (change);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Change, change_free)

static void
note_change (Change *change)
{
  g_autofree char *message = change->value != NULL
                               ? g_strdup_printf ("setting %s is now %s", change->name,
                                                  change->value)
                               : g_strdup_printf ("setting %s went back to %s", change->name,
                                                  gemel_settings_get_string (change->node->settings,
                                                                             change->name));

  gemel_node_add_event (change->node, GEMEL_EVENT_SETTING_CHANGED, GEMEL_CAUSE_USER, 0,
                        change->name, message, 0, 0);
  gemel_node_apply_settings (change->node);
}

static void
on_setting_saved (GObject      *source,
                  GAsyncResult *result,
                  gpointer      user_data)
{
  g_autoptr (Change) change = user_data;
  GemelNode         *node = change->node;
  g_autoptr (GError) local_error = NULL;

  if (!gemel_node_db_save_setting_finish (node->node_db, result, &local_error))
    {
      if (!gemel_settings_set (node->settings, change->name, change->before, NULL))
        gemel_log ("settings", GEMEL_LOG_WARNING, "%s keeps its unsaved value until the next start",
                   change->name);
      g_task_return_error (change->task, g_steal_pointer (&local_error));
      return;
    }
  note_change (change);
  g_task_return_boolean (change->task, TRUE);
}

static void
on_shared_written (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  g_autoptr (Change) change = user_data;
  g_autoptr (GError) local_error = NULL;

  /* The new value comes back with the change of the configuration, here as on the peer. */
  if (!gemel_sync_config_write_finish (change->node->sync, result, NULL, NULL, &local_error))
    g_task_return_error (change->task, g_steal_pointer (&local_error));
  else
    g_task_return_boolean (change->task, TRUE);
}

static void
write_shared (Change *change)
{
  GPtrArray         *ops = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_config_op_free);
  g_autoptr (GBytes) value = change->value != NULL
                               ? g_bytes_new (change->value, strlen (change->value))
                               : NULL;

  g_ptr_array_add (ops, gemel_config_op_new (GEMEL_SETTINGS_PROVIDER, change->name, value));
  gemel_sync_config_write_async (change->node->sync, ops, GEMEL_DURABILITY_LOCAL, NULL,
                                 on_shared_written, change);
}

/**
 * gemel_node_set_setting:
 * @node: the node
 * @name: "group.key"
 * @value: (nullable): %NULL goes back to the file's or the built-in value
 * @task: (transfer full): returns a boolean; GEMEL_ERROR_SETTING, GEMEL_ERROR_NOT_AUTHORITY, or of
 *   the store
 * Thread: main
 */
void
gemel_node_set_setting (GemelNode  *node,
                        const char *name,
                        const char *value,
                        GTask      *task)
{
  const GemelSettingInfo *info = gemel_settings_find (name);
  g_autoptr (Change)      change = g_new0 (Change, 1);
  g_autoptr (GError)      local_error = NULL;

  change->node = node;
  change->task = task;
  change->name = g_strdup (name);
  change->value = g_strdup (value);
  if (info != NULL && gemel_settings_get_layer (node->settings, name) == GEMEL_LAYER_RUNTIME)
    change->before = g_strdup (gemel_settings_get_string (node->settings, name));
  if (g_str_equal (name, "node.role") && node->identity.paired)
    {
      g_task_return_new_error (task, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                               "the role of a paired node is fixed; unpair it first (gemelctl pair "
                               "remove)");
      return;
    }
  if (!gemel_settings_set (node->settings, name, value, &local_error))
    {
      gemel_node_add_event (node, GEMEL_EVENT_SETTING_REFUSED, GEMEL_CAUSE_USER, 0, name,
                            local_error->message, 0, 0);
      g_task_return_error (task, g_steal_pointer (&local_error));
      return;
    }
  if (info->scope == GEMEL_SCOPE_SHARED)
    {
      /* It was only tried: it counts when it comes back through the configuration. */
      if (!gemel_settings_set (node->settings, name, change->before, &local_error))
        gemel_log_error ("settings", name, local_error);
      write_shared (g_steal_pointer (&change));
      return;
    }
  gemel_node_db_save_setting_async (node->node_db, name, value, NULL, on_setting_saved, change);
  g_steal_pointer (&change);
}

static void
take_records (GemelNode *node,
              GPtrArray *records)
{
  guint                   n_settings;
  const GemelSettingInfo *table = gemel_settings_get_table (&n_settings);

  for (guint i = 0; i < n_settings; i++)
    {
      g_autofree char   *name = g_strconcat (table[i].group, ".", table[i].key, NULL);
      g_autofree char   *value = NULL;
      g_autoptr (GError) local_error = NULL;

      if (table[i].scope != GEMEL_SCOPE_SHARED)
        continue;
      for (guint j = 0; j < records->len; j++)
        {
          const GemelConfigRecord *record = g_ptr_array_index (records, j);
          gsize                    size;
          const char              *data = g_bytes_get_data (record->value, &size);

          if (g_str_equal (record->key, name))
            value = g_strndup (data != NULL ? data : "", size);
        }
      if (value == NULL && gemel_settings_get_layer (node->settings, name) != GEMEL_LAYER_RUNTIME)
        continue;
      if (!gemel_settings_set (node->settings, name, value, &local_error))
        gemel_node_add_event (node, GEMEL_EVENT_SETTING_REFUSED, GEMEL_CAUSE_NONE, 0, name,
                              local_error->message, 0, 0);
    }
  gemel_node_apply_settings (node);
}

static void
on_records_listed (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  GemelNode            *node = user_data;
  g_autoptr (GError)    local_error = NULL;
  g_autoptr (GPtrArray) records = gemel_config_db_list_finish (node->config, result, &local_error);

  if (records == NULL)
    gemel_log_error ("settings", "reading the shared settings", local_error);
  else
    take_records (node, records);
}

/**
 * gemel_node_take_shared_settings:
 * @node: the node
 *
 * Reads the shared settings from the configuration and applies them.
 * Thread: main
 */
void
gemel_node_take_shared_settings (GemelNode *node)
{
  gemel_config_db_list_async (node->config, GEMEL_SETTINGS_PROVIDER, NULL, NULL, 1000,
                              node->cancellable, on_records_listed, node);
}

static void
on_role_saved (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  GemelNode         *node = user_data;
  g_autoptr (GError) local_error = NULL;

  if (!gemel_node_db_save_setting_finish (node->node_db, result, &local_error))
    gemel_log_error ("settings", "saving the role", local_error);
}

/**
 * gemel_node_save_role:
 * @node: the node
 * @role: given by pairing
 * @error: GEMEL_ERROR_SETTING when it does not fit the other settings
 *
 * Returns: whether the role is set.
 * Thread: main
 */
gboolean
gemel_node_save_role (GemelNode *node,
                      GemelRole  role,
                      GError   **error)
{
  const char *token = gemel_role_to_string (role);

  if (!gemel_settings_set (node->settings, "node.role", token, error))
    return FALSE;
  gemel_node_db_save_setting_async (node->node_db, "node.role", token, NULL, on_role_saved, node);
  return TRUE;
}
