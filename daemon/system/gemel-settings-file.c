/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Key files: gemel.conf and the drop-ins beside it. A file counts as a whole or not at all; what a
 * later file says wins, value by value.
 */
#include "system/gemel-settings-private.h"

#include "api/gemel-error.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define MODULE_GROUP_PREFIX "module "

/* What one file adds; taken over only when all of it was good. */
typedef struct
{
  GHashTable *values;  /* name -> value */
  GPtrArray  *modules; /* of GemelModuleSettings: all known so far, changed by this file */
} FileContent;

static void
file_content_clear (FileContent *content)
{
  g_clear_pointer (&content->values, g_hash_table_unref);
  g_clear_pointer (&content->modules, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (FileContent, file_content_clear)

static gboolean
read_value (GKeyFile    *file,
            const char  *group,
            const char  *key,
            FileContent *content,
            GError     **error)
{
  g_autofree char        *name = g_strconcat (group, ".", key, NULL);
  g_autofree char        *text = NULL;
  g_autoptr (GError)      local_error = NULL;
  const GemelSettingInfo *info = gemel_settings_find (name);
  char                   *value;

  if (info == NULL)
    {
      g_propagate_error (error, gemel_settings_unknown_error (group, key));
      return FALSE;
    }
  text = g_key_file_get_string (file, group, key, &local_error);
  /* A wrong escape gives an error and, for a string, a text all the same. */
  if (text == NULL || local_error != NULL)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING, "the value cannot be read: %s",
                   local_error != NULL ? local_error->message : "it is empty");
      return FALSE;
    }
  value = gemel_setting_normalize (info, text, error);
  if (value == NULL)
    return FALSE;
  g_hash_table_insert (content->values, g_steal_pointer (&name), value);
  return TRUE;
}

static gboolean
read_group (GKeyFile    *file,
            const char  *group,
            FileContent *content,
            GError     **error)
{
  g_auto (GStrv) keys = NULL;

  if (g_str_has_prefix (group, MODULE_GROUP_PREFIX))
    return gemel_settings_read_module (file, group, content->modules, error);
  keys = g_key_file_get_keys (file, group, NULL, NULL);
  if (keys == NULL || keys[0] == NULL)
    return TRUE;
  for (guint i = 0; keys[i] != NULL; i++)
    {
      if (!read_value (file, group, keys[i], content, error))
        {
          g_prefix_error (error, "[%s] %s: ", group, keys[i]);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
read_text (const char *path,
           char      **ret_text,
           gsize      *ret_bytes,
           GError    **error)
{
  g_autoptr (GError) local_error = NULL;
  GStatBuf           info;

  /* Looked at before it is opened: a pipe would never end and a device has no size. */
  if (g_stat (path, &info) != 0)
    {
      int saved_errno = errno;

      g_set_error (error, GEMEL_ERROR,
                   saved_errno == ENOENT ? GEMEL_ERROR_NOT_FOUND : GEMEL_ERROR_FAILED,
                   "cannot be read: %s", g_strerror (saved_errno));
      return FALSE;
    }
  if (!S_ISREG (info.st_mode) || info.st_size > GEMEL_SETTINGS_FILE_BYTES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "is not a plain file of at most %d bytes; split it or remove what does not "
                   "belong there",
                   GEMEL_SETTINGS_FILE_BYTES_MAX);
      return FALSE;
    }
  /* tidy: no-sync-calls: a small local file, at the start and when it is read again */
  if (!g_file_get_contents (path, ret_text, ret_bytes, &local_error))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "cannot be read: %s",
                   local_error->message);
      return FALSE;
    }
  return TRUE;
}

static gboolean
parse_text (const char  *text,
            gsize        n_bytes,
            FileContent *content,
            GError     **error)
{
  g_autoptr (GKeyFile) file = g_key_file_new ();
  g_autoptr (GError)   local_error = NULL;
  g_auto (GStrv)       groups = NULL;

  if (memchr (text, '\0', n_bytes) != NULL || !g_utf8_validate_len (text, n_bytes, NULL))
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                           "is not UTF-8 text; write it anew");
      return FALSE;
    }
  if (n_bytes > 0 &&
      !g_key_file_load_from_data (file, text, n_bytes, G_KEY_FILE_NONE, &local_error))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING, "is not a key file: %s",
                   local_error->message);
      return FALSE;
    }
  groups = g_key_file_get_groups (file, NULL);
  for (guint i = 0; groups[i] != NULL; i++)
    {
      if (!read_group (file, groups[i], content, error))
        return FALSE;
    }
  return TRUE;
}

static void
take_over (GemelSettings *settings,
           FileContent   *content)
{
  GHashTableIter iter;
  gpointer       name, value;

  g_hash_table_iter_init (&iter, content->values);
  while (g_hash_table_iter_next (&iter, &name, &value))
    {
      g_hash_table_iter_steal (&iter);
      g_hash_table_replace (settings->file, name, value);
    }
  g_ptr_array_unref (settings->modules);
  settings->modules = g_steal_pointer (&content->modules);
}

/**
 * gemel_settings_load_file:
 * @settings: the settings
 * @path: a key file
 * @error: return location
 *
 * Reads a file into the file layer, over what earlier files said. Rules between values are not
 * checked here, because a later file may complete them: gemel_settings_check () after the last.
 *
 * Returns: whether all of the file was taken; on error nothing is changed.
 * Errors: %GEMEL_ERROR_NOT_FOUND when there is no such file, %GEMEL_ERROR_TOO_BIG,
 *   %GEMEL_ERROR_SETTING with file, group, key and what is allowed, else %GEMEL_ERROR_FAILED.
 * Thread: the owner's
 */
gboolean
gemel_settings_load_file (GemelSettings *settings,
                          const char    *path,
                          GError       **error)
{
  g_auto (FileContent) content = { NULL, NULL };
  g_autofree char     *text = NULL;
  gsize                n_bytes;

  content.values = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  content.modules = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_module_settings_free);
  for (guint i = 0; i < settings->modules->len; i++)
    g_ptr_array_add (content.modules, gemel_module_settings_copy (settings->modules->pdata[i]));

  if (!read_text (path, &text, &n_bytes, error) || !parse_text (text, n_bytes, &content, error))
    {
      g_prefix_error (error, "%s: ", path);
      return FALSE;
    }
  take_over (settings, &content);
  return TRUE;
}

static int
compare_names (gconstpointer a,
               gconstpointer b)
{
  return strcmp (*(const char *const *) a, *(const char *const *) b);
}

static GPtrArray *
list_drop_ins (const char *dir,
               GError    **error)
{
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GDir)      folder = NULL;
  g_autoptr (GError)    local_error = NULL;
  const char           *name;

  /* Most machines have no such folder. */
  if (!g_file_test (dir, G_FILE_TEST_EXISTS))
    return g_steal_pointer (&names);
  folder = g_dir_open (dir, 0, &local_error);
  if (folder == NULL)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "%s: cannot be read: %s", dir,
                   local_error->message);
      return NULL;
    }
  while ((name = g_dir_read_name (folder)) != NULL)
    {
      if (g_str_has_suffix (name, ".conf") && *name != '.')
        g_ptr_array_add (names, g_strdup (name));
    }
  if (names->len > GEMEL_SETTINGS_FILES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                   "%s: there are %u files, at most %d are read; join some of them", dir,
                   names->len, GEMEL_SETTINGS_FILES_MAX);
      return NULL;
    }
  g_ptr_array_sort (names, compare_names);
  return g_steal_pointer (&names);
}

/**
 * gemel_settings_load_dir:
 * @settings: the settings
 * @dir: the folder of gemel.conf, usually /etc/gemel
 * @error: return location
 *
 * Reads gemel.conf and then the files of gemel.conf.d that end in .conf, in the order of their
 * names, and checks that all values fit together. What is not there is not missed.
 *
 * Returns: whether everything was good; on error what was read before it stays.
 * Errors: as gemel_settings_load_file () and gemel_settings_check (), and %GEMEL_ERROR_LIMIT.
 * Thread: the owner's
 */
gboolean
gemel_settings_load_dir (GemelSettings *settings,
                         const char    *dir,
                         GError       **error)
{
  g_autofree char      *main_path = g_build_filename (dir, "gemel.conf", NULL);
  g_autofree char      *drop_in_dir = g_build_filename (dir, "gemel.conf.d", NULL);
  g_autoptr (GPtrArray) names = NULL;

  if (g_file_test (main_path, G_FILE_TEST_EXISTS) &&
      !gemel_settings_load_file (settings, main_path, error))
    return FALSE;
  names = list_drop_ins (drop_in_dir, error);
  if (names == NULL)
    return FALSE;
  for (guint i = 0; i < names->len; i++)
    {
      g_autofree char *path = g_build_filename (drop_in_dir, names->pdata[i], NULL);

      if (!gemel_settings_load_file (settings, path, error))
        return FALSE;
    }
  return gemel_settings_check (settings, error);
}
