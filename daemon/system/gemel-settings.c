/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The settings object: three layers, the nearest one counts. Every value in it was checked when it
 * came in, so reading cannot fail.
 */
#include "system/gemel-settings-private.h"

#include "api/gemel-error.h"

#include <string.h>

/**
 * gemel_settings_new:
 *
 * Returns: (transfer full): settings with nothing but the built-in values.
 * Thread: any; the object belongs to the one that made it
 */
GemelSettings *
gemel_settings_new (void)
{
  GemelSettings *settings = g_new0 (GemelSettings, 1);

  settings->file = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  settings->runtime = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  settings->modules = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_module_settings_free);
  return settings;
}

/**
 * gemel_settings_free:
 * @settings: (transfer full) (nullable): what to free
 *
 * Thread: the owner's
 */
void
gemel_settings_free (GemelSettings *settings)
{
  if (settings == NULL)
    return;
  g_hash_table_unref (settings->file);
  g_hash_table_unref (settings->runtime);
  g_ptr_array_unref (settings->modules);
  g_free (settings);
}

/**
 * gemel_settings_find:
 * @name: "group.key"
 *
 * Returns: (transfer none) (nullable): the setting with that name.
 * Thread: any
 */
const GemelSettingInfo *
gemel_settings_find (const char *name)
{
  const char             *dot = strchr (name, '.');
  guint                   n_table;
  const GemelSettingInfo *table = gemel_settings_get_table (&n_table);

  for (guint i = 0; dot != NULL && i < n_table; i++)
    {
      gsize group_bytes = strlen (table[i].group);

      if ((gsize) (dot - name) == group_bytes && strncmp (name, table[i].group, group_bytes) == 0 &&
          strcmp (dot + 1, table[i].key) == 0)
        return &table[i];
    }
  return NULL;
}

/**
 * gemel_settings_lookup:
 * @settings: the settings
 * @info: a row of the table
 * @ret_layer: (out) (nullable): where the value comes from
 *
 * Returns: (transfer none): the value in force as text, "" when it follows the profile; valid until
 *   the next change.
 * Thread: the owner's
 */
const char *
gemel_settings_lookup (GemelSettings          *settings,
                       const GemelSettingInfo *info,
                       GemelSettingLayer      *ret_layer)
{
  g_autofree char  *name = g_strconcat (info->group, ".", info->key, NULL);
  GemelSettingLayer layer = GEMEL_LAYER_RUNTIME;
  const char       *value = g_hash_table_lookup (settings->runtime, name);

  if (value == NULL)
    {
      layer = GEMEL_LAYER_FILE;
      value = g_hash_table_lookup (settings->file, name);
    }
  if (value == NULL)
    {
      layer = GEMEL_LAYER_BUILT_IN;
      value = info->fallback;
    }
  if (ret_layer != NULL)
    *ret_layer = layer;
  return value;
}

/**
 * gemel_settings_get_string:
 * @settings: the settings
 * @name: "group.key" of a setting of the table
 *
 * Returns: (transfer none): the value as text, valid until the next change. For an unset node.name
 *   that is the host name.
 * Thread: the owner's
 */
const char *
gemel_settings_get_string (GemelSettings *settings,
                           const char    *name)
{
  const GemelSettingInfo *info = gemel_settings_find (name);
  const char             *value;

  g_return_val_if_fail (info != NULL, "");
  value = gemel_settings_lookup (settings, info, NULL);
  if (*value == '\0' && g_str_equal (name, "node.name"))
    return g_get_host_name ();
  return value;
}

/**
 * gemel_settings_get_int:
 * @settings: the settings
 * @name: "group.key" of a setting of type int
 *
 * Returns: the value in the unit of the setting; for an unset one that follows the profile, the
 *   profile's.
 * Thread: the owner's
 */
gint64
gemel_settings_get_int (GemelSettings *settings,
                        const char    *name)
{
  const GemelSettingInfo *info = gemel_settings_find (name);
  const char             *value;

  g_return_val_if_fail (info != NULL && info->type == GEMEL_SETTING_INT, 0);
  value = gemel_settings_lookup (settings, info, NULL);
  if (*value == '\0')
    return gemel_settings_profile_value (settings, info);
  return g_ascii_strtoll (value, NULL, 10);
}

/**
 * gemel_settings_get_bool:
 * @settings: the settings
 * @name: "group.key" of a setting of type bool
 *
 * Returns: the value.
 * Thread: the owner's
 */
gboolean
gemel_settings_get_bool (GemelSettings *settings,
                         const char    *name)
{
  const GemelSettingInfo *info = gemel_settings_find (name);

  g_return_val_if_fail (info != NULL && info->type == GEMEL_SETTING_BOOL, FALSE);
  return g_str_equal (gemel_settings_lookup (settings, info, NULL), "true");
}

/**
 * gemel_settings_dup_list:
 * @settings: the settings
 * @name: "group.key" of a setting of type list
 *
 * Returns: (transfer full): the items, %NULL-terminated.
 * Thread: the owner's
 */
char **
gemel_settings_dup_list (GemelSettings *settings,
                         const char    *name)
{
  const GemelSettingInfo *info = gemel_settings_find (name);

  g_return_val_if_fail (info != NULL && info->type == GEMEL_SETTING_LIST, NULL);
  return g_strsplit (gemel_settings_lookup (settings, info, NULL), ";", -1);
}

/**
 * gemel_settings_get_layer:
 * @settings: the settings
 * @name: "group.key" of a setting of the table
 *
 * Returns: where its value comes from.
 * Thread: the owner's
 */
GemelSettingLayer
gemel_settings_get_layer (GemelSettings *settings,
                          const char    *name)
{
  const GemelSettingInfo *info = gemel_settings_find (name);
  GemelSettingLayer       layer = GEMEL_LAYER_BUILT_IN;

  g_return_val_if_fail (info != NULL, GEMEL_LAYER_BUILT_IN);
  (void) gemel_settings_lookup (settings, info, &layer);
  return layer;
}

/**
 * gemel_settings_get_modules:
 * @settings: the settings
 *
 * A module without a stop-timeout-ms of its own has that of group modules.
 *
 * Returns: (transfer none) (element-type GemelModuleSettings): the modules of the key files.
 * Thread: the owner's
 */
GPtrArray *
gemel_settings_get_modules (GemelSettings *settings)
{
  guint fallback_ms = (guint) gemel_settings_get_int (settings, "modules.stop-timeout-ms");

  for (guint i = 0; i < settings->modules->len; i++)
    {
      GemelModuleSettings *module = settings->modules->pdata[i];

      if (!module->has_stop_timeout)
        module->stop_timeout_ms = fallback_ms;
    }
  return settings->modules;
}

/* Checks one change; @value NULL asks to forget it. */
static gboolean
check_change (const char *name,
              const char *value,
              char      **ret_value,
              GError    **error)
{
  const GemelSettingInfo *info = gemel_settings_find (name);
  g_auto (GStrv)          words = NULL;

  if (info == NULL)
    {
      words = g_strsplit (name, ".", 2);
      g_propagate_prefixed_error (error,
                                  gemel_settings_unknown_error (words[0] != NULL ? words[0] : "",
                                                                words[0] != NULL ? words[1] : NULL),
                                  "setting %.80s: ", g_utf8_validate (name, -1, NULL) ? name : "?");
      return FALSE;
    }
  if (value == NULL)
    {
      *ret_value = NULL;
      return TRUE;
    }
  *ret_value = gemel_setting_normalize (info, value, error);
  if (*ret_value == NULL)
    g_prefix_error (error, "setting %s: ", name);
  return *ret_value != NULL;
}

/* Puts another runtime layer in force if its values fit together. */
static gboolean
try_runtime (GemelSettings *settings,
             GHashTable    *values,
             GError       **error)
{
  GHashTable *before = settings->runtime;

  settings->runtime = values;
  if (!gemel_settings_check (settings, error))
    {
      settings->runtime = before;
      return FALSE;
    }
  g_hash_table_ref (values);
  g_hash_table_unref (before);
  return TRUE;
}

static GHashTable *
copy_values (GHashTable *values)
{
  GHashTable    *copy = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter iter;
  gpointer       name, value;

  g_hash_table_iter_init (&iter, values);
  while (g_hash_table_iter_next (&iter, &name, &value))
    g_hash_table_insert (copy, g_strdup (name), g_strdup (value));
  return copy;
}

/**
 * gemel_settings_set:
 * @settings: the settings
 * @name: "group.key"
 * @value: (nullable): the new value, %NULL to go back to the value of the file or the built-in one
 * @error: return location
 *
 * Changes the runtime layer. The value is checked by itself and then with all the others; on error
 * nothing is changed.
 *
 * Returns: whether the change is in force.
 * Errors: %GEMEL_ERROR_SETTING with the name, the range and the unit, or the rule that is broken.
 * Thread: the owner's
 */
gboolean
gemel_settings_set (GemelSettings *settings,
                    const char    *name,
                    const char    *value,
                    GError       **error)
{
  g_autoptr (GHashTable) values = NULL;
  g_autofree char       *normalized = NULL;

  if (!check_change (name, value, &normalized, error))
    return FALSE;
  values = copy_values (settings->runtime);
  if (normalized == NULL)
    g_hash_table_remove (values, name);
  else
    g_hash_table_insert (values, g_strdup (name), g_steal_pointer (&normalized));
  return try_runtime (settings, values, error);
}

/**
 * gemel_settings_load_runtime:
 * @settings: the settings
 * @values: (element-type utf8 utf8): name to value, as it was saved
 * @error: return location
 *
 * Puts a whole runtime layer in force, in place of the one before. The rules between values are
 * checked once, so that the order of @values does not matter.
 *
 * Returns: whether the layer is in force; on error nothing is changed.
 * Errors: %GEMEL_ERROR_SETTING
 * Thread: the owner's
 */
gboolean
gemel_settings_load_runtime (GemelSettings *settings,
                             GHashTable    *values,
                             GError       **error)
{
  g_autoptr (GHashTable) checked = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  GHashTableIter         iter;
  gpointer               name, value;

  g_hash_table_iter_init (&iter, values);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      char *normalized = NULL;

      if (!check_change (name, value, &normalized, error))
        return FALSE;
      if (normalized != NULL)
        g_hash_table_insert (checked, g_strdup (name), normalized);
    }
  return try_runtime (settings, checked, error);
}
