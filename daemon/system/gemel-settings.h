/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The settings: one table with type, unit, range, default and scope of each, and the layers
 * built-in < key files < runtime changes. The same table makes the manual page and the D-Bus
 * description. A value outside its range is refused with the range in the message; an unknown key
 * is refused with the nearest known one.
 *
 * Not thread-safe: the main thread owns it and hands copies of what others need.
 */
#pragma once

#include "core/gemel-core.h"
#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  GEMEL_SETTING_STRING,
  GEMEL_SETTING_BOOL,
  GEMEL_SETTING_INT,
  GEMEL_SETTING_TOKEN, /* one of choices */
  GEMEL_SETTING_LIST,  /* strings separated by ';' */
} GemelSettingType;

typedef enum
{
  GEMEL_SCOPE_NODE,   /* belongs to this node, never replicated */
  GEMEL_SCOPE_SHARED, /* the master's value counts on both */
} GemelSettingScope;

typedef enum
{
  GEMEL_LAYER_BUILT_IN,
  GEMEL_LAYER_FILE,
  GEMEL_LAYER_RUNTIME,
} GemelSettingLayer;

typedef struct
{
  const char        *group;
  const char        *key;
  GemelSettingType   type;
  GemelSettingScope  scope;
  const char        *unit;      /* (nullable): "ms", "s", "bytes", "MB" */
  gint64             min;       /* INT: the value; else 0 */
  gint64             max;       /* INT: the value; STRING: bytes; LIST: items */
  const char        *fallback;  /* the built-in value; "" for INT: follows the profile */
  const char *const *choices;   /* (nullable): TOKEN */
  gboolean           restart;   /* takes effect at the next start of gemeld */
  const char        *summary;   /* one sentence */
  const char        *reference; /* (nullable): the reference product's name for it */
  /* (nullable): a STRING that is not empty */
  gboolean (*check) (const char *value, GError **error);
} GemelSettingInfo;

typedef struct _GemelSettings GemelSettings;

const GemelSettingInfo *gemel_settings_get_table (guint *ret_n);

GemelSettings *gemel_settings_new (void);
void           gemel_settings_free (GemelSettings *settings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelSettings, gemel_settings_free)

gboolean gemel_settings_load_file (GemelSettings *settings,
                                   const char    *path,
                                   GError       **error) G_GNUC_WARN_UNUSED_RESULT;
/* gemel.conf, then the *.conf files of gemel.conf.d in the order of their names. */
gboolean gemel_settings_load_dir (GemelSettings *settings,
                                  const char    *dir, /* "/etc/gemel" */
                                  GError       **error) G_GNUC_WARN_UNUSED_RESULT;
/* The whole runtime layer as it was saved: name -> value. Rules between values are checked once, at
 * the end; on error nothing is changed. */
gboolean gemel_settings_load_runtime (GemelSettings *settings,
                                      GHashTable    *values,
                                      GError       **error) G_GNUC_WARN_UNUSED_RESULT;
/* Runtime layer. @value NULL goes back to the file's or built-in value. Checks the single value and
 * then the rules between values (gemel_core_settings_check ()); on error nothing is changed. */
gboolean gemel_settings_set (GemelSettings *settings,
                             const char    *name, /* "group.key" */
                             const char    *value,
                             GError       **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_settings_check (GemelSettings *settings,
                               GError       **error) G_GNUC_WARN_UNUSED_RESULT;

const char *gemel_settings_get_string (GemelSettings *settings, const char *name);
/* An unset value that follows the profile comes from the profile. */
gint64                  gemel_settings_get_int (GemelSettings *settings, const char *name);
gboolean                gemel_settings_get_bool (GemelSettings *settings, const char *name);
char                  **gemel_settings_dup_list (GemelSettings *settings, const char *name);
GemelSettingLayer       gemel_settings_get_layer (GemelSettings *settings, const char *name);
const GemelSettingInfo *gemel_settings_find (const char *name);

#define GEMEL_SETTINGS_FILE_BYTES_MAX (1024 * 1024) /* of one key file */
#define GEMEL_SETTINGS_FILES_MAX      256           /* of gemel.conf.d */
#define GEMEL_MODULES_MAX             64            /* sections [module NAME] */
#define GEMEL_MODULE_NAME_BYTES_MAX   48            /* so that "module/NAME" is a provider name */

/* Sections [module NAME] of the key files. */
typedef struct
{
  char      *name;
  char     **argv;
  GemelLevel level; /* warm: runs while warm or active; active: only while active */
  guint      stop_timeout_ms;
  gboolean   has_stop_timeout; /* of its own; else it has that of group modules */
  char      *working_dir;      /* (nullable) */
} GemelModuleSettings;
void       gemel_module_settings_free (GemelModuleSettings *module);
GPtrArray *gemel_settings_get_modules (GemelSettings *settings); /* of GemelModuleSettings, lent */

/* What the core needs, from profile and single values. */
void gemel_settings_fill_core (GemelSettings     *settings,
                               guint              slot,
                               GemelCoreSettings *ret_core);

/* a(sssssssssb): for D-Bus Describe and gemelctl: name, type, unit, range, default, value, layer,
 * scope, summary, restart. */
GVariant *gemel_settings_describe (GemelSettings *settings);

G_END_DECLS
