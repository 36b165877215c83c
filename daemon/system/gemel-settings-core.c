/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Settings as a whole: what the core needs of them, the rules between values, and
 * their description.
 */
#include "system/gemel-settings-private.h"

#include "api/gemel-error.h"

#define PROBLEM_BYTES 512
#define US_PER_MS     1000

/* The durations of the core and their settings. */
static const struct
{
  const char *key;    /* of group failover, in ms */
  gsize       offset; /* of a gint64 in µs */
} durations[] = {
  { "heartbeat-interval-ms", G_STRUCT_OFFSET (GemelCoreSettings, heartbeat_interval_us) },
  { "rtt-budget-ms", G_STRUCT_OFFSET (GemelCoreSettings, rtt_budget_us) },
  { "lease-ms", G_STRUCT_OFFSET (GemelCoreSettings, lease_us) },
  { "promise-ms", G_STRUCT_OFFSET (GemelCoreSettings, promise_us) },
  { "failover-timeout-ms", G_STRUCT_OFFSET (GemelCoreSettings, failover_timeout_us) },
  { "startup-allowance-ms", G_STRUCT_OFFSET (GemelCoreSettings, startup_allowance_us) },
  { "recovery-delay-ms", G_STRUCT_OFFSET (GemelCoreSettings, recovery_delay_us) },
  { "recovery-delay-max-ms", G_STRUCT_OFFSET (GemelCoreSettings, recovery_delay_max_us) },
  { "drain-timeout-ms", G_STRUCT_OFFSET (GemelCoreSettings, drain_timeout_us) },
  { "ready-timeout-ms", G_STRUCT_OFFSET (GemelCoreSettings, ready_timeout_us) },
  { "stall-limit-ms", G_STRUCT_OFFSET (GemelCoreSettings, stall_limit_us) },
  { "clock-jump-limit-ms", G_STRUCT_OFFSET (GemelCoreSettings, clock_jump_limit_us) },
};

static gint64 *
duration_of (GemelCoreSettings *core,
             const char        *key)
{
  for (guint i = 0; i < G_N_ELEMENTS (durations); i++)
    {
      if (g_str_equal (durations[i].key, key))
        return &G_STRUCT_MEMBER (gint64, core, durations[i].offset);
    }
  return NULL;
}

static void
fill_from_profile (GemelSettings     *settings,
                   GemelCoreSettings *ret_core)
{
  const char *profile = gemel_settings_get_string (settings, "failover.profile");
  GemelRole   role;

  if (!gemel_role_from_string (gemel_settings_get_string (settings, "node.role"), &role))
    role = GEMEL_ROLE_INDEPENDENT;
  if (g_str_equal (profile, "fast"))
    gemel_core_settings_init (ret_core, GEMEL_PROFILE_FAST, role);
  else if (g_str_equal (profile, "wan"))
    gemel_core_settings_init (ret_core, GEMEL_PROFILE_WAN, role);
  else
    gemel_core_settings_init (ret_core, GEMEL_PROFILE_LAN, role);
}

/**
 * gemel_settings_profile_value:
 * @settings: the settings
 * @info: a setting that follows the profile
 *
 * Returns: what the profile in force says, in the unit of the setting.
 * Thread: the owner's
 */
gint64
gemel_settings_profile_value (GemelSettings          *settings,
                              const GemelSettingInfo *info)
{
  GemelCoreSettings core;
  const gint64     *duration = duration_of (&core, info->key);

  fill_from_profile (settings, &core);
  return duration != NULL ? *duration / US_PER_MS : (gint64) core.drift_ppm;
}

/**
 * gemel_settings_fill_core:
 * @settings: the settings
 * @slot: 0 or 1, this node's place in the pair
 * @ret_core: (out): what the core needs
 *
 * The profile's values with the single ones that were set over them.
 *
 * Thread: the owner's
 */
void
gemel_settings_fill_core (GemelSettings     *settings,
                          guint              slot,
                          GemelCoreSettings *ret_core)
{
  fill_from_profile (settings, ret_core);
  for (guint i = 0; i < G_N_ELEMENTS (durations); i++)
    {
      g_autofree char *name = g_strconcat ("failover.", durations[i].key, NULL);

      /* Only what was set: the profile may know fractions of the unit. */
      if (gemel_settings_get_layer (settings, name) != GEMEL_LAYER_BUILT_IN)
        G_STRUCT_MEMBER (gint64, ret_core,
                         durations[i].offset) = gemel_settings_get_int (settings, name) * US_PER_MS;
    }
  ret_core->slot = slot;
  ret_core->drift_ppm = (guint) gemel_settings_get_int (settings, "failover.drift-ppm");
  ret_core->trust_refused = gemel_settings_get_bool (settings, "failover.trust-refused");
  ret_core->dual_master =
    g_str_equal (gemel_settings_get_string (settings, "failover.dual-active-rule"), "master");
  if (!gemel_level_from_string (gemel_settings_get_string (settings, "node.standby-level"),
                                &ret_core->standby_level))
    ret_core->standby_level = GEMEL_LEVEL_COLD;
  if (!gemel_recovery_mode_from_string (gemel_settings_get_string (settings, "failover.recovery-"
                                                                             "mode"),
                                        &ret_core->recovery_mode))
    ret_core->recovery_mode = GEMEL_RECOVERY_AUTOMATIC;
}

/**
 * gemel_settings_check:
 * @settings: the settings
 * @error: return location
 *
 * The rules between values. Each value by itself was checked when it came in.
 *
 * Returns: whether all values fit together.
 * Errors: %GEMEL_ERROR_SETTING with the rule, its arithmetic and what to change.
 * Thread: the owner's
 */
gboolean
gemel_settings_check (GemelSettings *settings,
                      GError       **error)
{
  gint64            reconnect_min = gemel_settings_get_int (settings, "link.reconnect-min-ms");
  gint64            reconnect_max = gemel_settings_get_int (settings, "link.reconnect-max-ms");
  GemelCoreSettings core;
  char              problem[PROBLEM_BYTES] = "";

  if (reconnect_min > reconnect_max)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                   "[link] reconnect-min-ms (%" G_GINT64_FORMAT
                   " ms) is above reconnect-max-ms (%" G_GINT64_FORMAT
                   " ms); lower the first or raise the second",
                   reconnect_min, reconnect_max);
      return FALSE;
    }
  gemel_settings_fill_core (settings, 0, &core);
  if (!gemel_core_settings_check (&core, problem, sizeof problem))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                   "the settings of [failover] do not fit together: %s", problem);
      return FALSE;
    }
  return TRUE;
}

static const char *
layer_to_string (GemelSettingLayer layer)
{
  switch (layer)
    {
    case GEMEL_LAYER_BUILT_IN:
      return "built-in";
    case GEMEL_LAYER_FILE:
      return "file";
    case GEMEL_LAYER_RUNTIME:
      return "runtime";
    }
  return "unknown";
}

/* Text of the value in force, and of the built-in one, with the profile's number where it counts.
 */
static char *
dup_shown (GemelSettings          *settings,
           const GemelSettingInfo *info,
           const char             *value)
{
  if (info->type == GEMEL_SETTING_INT && *value == '\0')
    return g_strdup_printf ("%" G_GINT64_FORMAT, gemel_settings_profile_value (settings, info));
  return g_strdup (value);
}

/**
 * gemel_settings_describe:
 * @settings: the settings
 *
 * Returns: (transfer floating): a(sssssssssb): name, type, unit, range, default, value, layer,
 *   scope, summary, whether a change waits for the next start.
 * Thread: the owner's
 */
GVariant *
gemel_settings_describe (GemelSettings *settings)
{
  GVariantBuilder         builder;
  guint                   n_table;
  const GemelSettingInfo *table = gemel_settings_get_table (&n_table);

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sssssssssb)"));
  for (guint i = 0; i < n_table; i++)
    {
      const GemelSettingInfo *info = &table[i];
      GemelSettingLayer       layer;
      g_autofree char        *name = g_strconcat (info->group, ".", info->key, NULL);
      g_autofree char        *range = gemel_setting_dup_range (info);
      g_autofree char        *value = dup_shown (settings, info,
                                                 gemel_settings_lookup (settings, info, &layer));
      g_autofree char        *fallback = dup_shown (settings, info, info->fallback);

      g_variant_builder_add (&builder, "(sssssssssb)", name,
                             gemel_setting_type_to_string (info->type),
                             info->unit != NULL ? info->unit : "", range, fallback, value,
                             layer_to_string (layer),
                             info->scope == GEMEL_SCOPE_SHARED ? "shared" : "node", info->summary,
                             info->restart);
    }
  return g_variant_builder_end (&builder);
}
