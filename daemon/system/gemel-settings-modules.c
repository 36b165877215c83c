/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Sections [module NAME] of the key files.
 *
 *   [module sysmon]
 *   exec=/usr/lib/gemel/sysmon --interval 100     words as a shell would split them, no shell runs
 *   level=active                                  or warm
 *   stop-timeout-ms=5000
 *   working-directory=/var/lib/sysmon
 */
#include "system/gemel-settings-private.h"

#include "api/gemel-error.h"

#include <string.h>

#define STOP_TIMEOUT_MS_MIN 10
#define STOP_TIMEOUT_MS_MAX 600000

static const char *const module_keys[] = { "exec", "level", "stop-timeout-ms", "working-directory",
                                           NULL };

/**
 * gemel_module_settings_free:
 * @module: (transfer full) (nullable): what to free
 *
 * Thread: any
 */
void
gemel_module_settings_free (GemelModuleSettings *module)
{
  if (module == NULL)
    return;
  g_free (module->name);
  g_strfreev (module->argv);
  g_free (module->working_dir);
  g_free (module);
}

/**
 * gemel_module_settings_copy:
 * @module: a module's settings
 *
 * Returns: (transfer full): a copy.
 * Thread: any
 */
GemelModuleSettings *
gemel_module_settings_copy (const GemelModuleSettings *module)
{
  GemelModuleSettings *copy = g_new0 (GemelModuleSettings, 1);

  copy->name = g_strdup (module->name);
  copy->argv = g_strdupv (module->argv);
  copy->level = module->level;
  copy->stop_timeout_ms = module->stop_timeout_ms;
  copy->has_stop_timeout = module->has_stop_timeout;
  copy->working_dir = g_strdup (module->working_dir);
  return copy;
}

static gboolean
is_module_name (const char *name)
{
  if (*name == '\0' || strlen (name) > GEMEL_MODULE_NAME_BYTES_MAX)
    return FALSE;
  for (const char *p = name; *p != '\0'; p++)
    {
      if (!g_ascii_isalnum (*p) && *p != '-' && *p != '_')
        return FALSE;
    }
  return TRUE;
}

/* The module of that name, made when it is new. */
static GemelModuleSettings *
ensure_module (GPtrArray  *modules,
               const char *name,
               GError    **error)
{
  GemelModuleSettings *module;

  for (guint i = 0; i < modules->len; i++)
    {
      module = modules->pdata[i];
      if (g_str_equal (module->name, name))
        return module;
    }
  if (!is_module_name (name))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                   "is no name of a module; give 1..%d letters, digits, '-' and '_'",
                   GEMEL_MODULE_NAME_BYTES_MAX);
      return NULL;
    }
  if (modules->len >= GEMEL_MODULES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                   "there are already %d modules; remove one", GEMEL_MODULES_MAX);
      return NULL;
    }
  module = g_new0 (GemelModuleSettings, 1);
  module->name = g_strdup (name);
  module->level = GEMEL_LEVEL_ACTIVE;
  g_ptr_array_add (modules, module);
  return module;
}

static gboolean
set_exec (GemelModuleSettings *module,
          const char          *text,
          GError             **error)
{
  g_autoptr (GError) local_error = NULL;
  char             **argv = NULL;

  if (!g_shell_parse_argv (text, NULL, &argv, &local_error))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                   "is no command line: %s; quote words as in a shell", local_error->message);
      return FALSE;
    }
  g_strfreev (module->argv);
  module->argv = argv;
  return TRUE;
}

static gboolean
set_level (GemelModuleSettings *module,
           const char          *text,
           GError             **error)
{
  GemelLevel level;

  if (!gemel_level_from_string (text, &level) ||
      (level != GEMEL_LEVEL_WARM && level != GEMEL_LEVEL_ACTIVE))
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                           "is none of the choices; give warm|active");
      return FALSE;
    }
  module->level = level;
  return TRUE;
}

static gboolean
set_stop_timeout (GemelModuleSettings *module,
                  const char          *text,
                  GError             **error)
{
  gint64 value;

  if (!g_ascii_string_to_signed (text, 10, STOP_TIMEOUT_MS_MIN, STOP_TIMEOUT_MS_MAX, &value, NULL))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                   "is no number in the range; give %d..%d ms", STOP_TIMEOUT_MS_MIN,
                   STOP_TIMEOUT_MS_MAX);
      return FALSE;
    }
  module->stop_timeout_ms = (guint) value;
  module->has_stop_timeout = TRUE;
  return TRUE;
}

static gboolean
set_working_dir (GemelModuleSettings *module,
                 const char          *text,
                 GError             **error)
{
  if (!g_path_is_absolute (text))
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                           "is no absolute path; begin it with '/'");
      return FALSE;
    }
  g_free (module->working_dir);
  module->working_dir = g_strdup (text);
  return TRUE;
}

static gboolean
set_key (GemelModuleSettings *module,
         const char          *key,
         const char          *text,
         GError             **error)
{
  const char *nearest;

  if (g_str_equal (key, "exec"))
    return set_exec (module, text, error);
  if (g_str_equal (key, "level"))
    return set_level (module, text, error);
  if (g_str_equal (key, "stop-timeout-ms"))
    return set_stop_timeout (module, text, error);
  if (g_str_equal (key, "working-directory"))
    return set_working_dir (module, text, error);

  nearest = gemel_settings_nearest (key, module_keys);
  if (nearest != NULL)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING, "there is no such key; did you mean %s?",
                 nearest);
  else
    g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                         "there is no such key; a module has exec, level, stop-timeout-ms and "
                         "working-directory");
  return FALSE;
}

/**
 * gemel_settings_read_module:
 * @file: a key file
 * @group: its group, "module NAME"
 * @modules: (element-type GemelModuleSettings): the modules so far; one is changed or added
 * @error: return location
 *
 * Returns: whether the section is good.
 * Errors: %GEMEL_ERROR_SETTING or %GEMEL_ERROR_LIMIT with group, key and what is allowed.
 * Thread: any
 */
gboolean
gemel_settings_read_module (GKeyFile   *file,
                            const char *group,
                            GPtrArray  *modules,
                            GError    **error)
{
  g_autofree char     *name = g_strstrip (g_strdup (group + strlen ("module ")));
  g_auto (GStrv)       keys = g_key_file_get_keys (file, group, NULL, NULL);
  GemelModuleSettings *module = ensure_module (modules, name, error);

  if (module == NULL)
    {
      g_prefix_error (error, "[%s]: ", group);
      return FALSE;
    }
  for (guint i = 0; keys != NULL && keys[i] != NULL; i++)
    {
      g_autoptr (GError) local_error = NULL;
      g_autofree char   *text = g_key_file_get_string (file, group, keys[i], &local_error);
      gboolean           readable = text != NULL && local_error == NULL;

      if (!readable)
        g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                             "the value cannot be read; write a backslash as \\\\");
      if (!readable || !set_key (module, keys[i], text, error))
        {
          g_prefix_error (error, "[%s] %s: ", group, keys[i]);
          return FALSE;
        }
    }
  if (module->argv == NULL)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                   "[%s]: exec is missing; give the command line of the module", group);
      return FALSE;
    }
  return TRUE;
}
