/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the files behind gemel-settings.h share.
 */
#pragma once

#include "system/gemel-settings.h"

G_BEGIN_DECLS

struct _GemelSettings
{
  GHashTable *file;    /* name -> value as text, from the key files */
  GHashTable *runtime; /* name -> value as text, changed at run time */
  GPtrArray  *modules; /* of GemelModuleSettings, in the order in which they were met */
};

/* Single values: gemel-settings-value.c */
char       *gemel_setting_normalize (const GemelSettingInfo *info,
                                     const char             *value,
                                     GError                **error) G_GNUC_WARN_UNUSED_RESULT;
char       *gemel_setting_dup_range (const GemelSettingInfo *info);
const char *gemel_setting_type_to_string (GemelSettingType type);
gboolean    gemel_setting_check_name (const char *value,
                                      GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean    gemel_setting_check_address (const char *value,
                                         GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean    gemel_setting_check_host (const char *value,
                                      GError    **error) G_GNUC_WARN_UNUSED_RESULT;

/* Suggestions for what was mistyped: gemel-settings-nearest.c */
guint       gemel_settings_distance (const char *a,
                                     const char *b);
const char *gemel_settings_nearest (const char        *word,
                                    const char *const *known);
GError     *gemel_settings_unknown_error (const char *group,
                                          const char *key);

/* Sections [module NAME]: gemel-settings-modules.c */
GemelModuleSettings *gemel_module_settings_copy (const GemelModuleSettings *module);
gboolean             gemel_settings_read_module (GKeyFile   *file,
                                                 const char *group,
                                                 GPtrArray  *modules,
                                                 GError    **error) G_GNUC_WARN_UNUSED_RESULT;

/* Layers: gemel-settings.c */
const char *gemel_settings_lookup (GemelSettings          *settings,
                                   const GemelSettingInfo *info,
                                   GemelSettingLayer      *ret_layer);

/* What follows the profile: gemel-settings-core.c */
gint64 gemel_settings_profile_value (GemelSettings          *settings,
                                     const GemelSettingInfo *info);

G_END_DECLS
