/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Settings: single values, layers, rules between values, what the core gets, the description.
 */
#include "api/gemel-error.h"
#include "system/gemel-settings-private.h"

#include <string.h>

static void
assert_refused (GemelSettings *settings,
                const char    *name,
                const char    *value,
                const char    *words)
{
  g_autoptr (GError) error = NULL;

  g_assert_false (gemel_settings_set (settings, name, value, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING);
  if (strstr (error->message, words) == NULL)
    g_test_message ("\"%s\" does not say \"%s\"", error->message, words);
  g_assert_nonnull (strstr (error->message, words));
}

static void
assert_set (GemelSettings *settings,
            const char    *name,
            const char    *value)
{
  g_autoptr (GError) error = NULL;
  gboolean           done = gemel_settings_set (settings, name, value, &error);

  g_assert_no_error (error);
  g_assert_true (done);
}

static char *
dup_name (const GemelSettingInfo *info)
{
  return g_strconcat (info->group, ".", info->key, NULL);
}

static void
test_settings_every_number_keeps_its_range (void)
{
  guint                   n_table;
  const GemelSettingInfo *table = gemel_settings_get_table (&n_table);
  guint                   n_numbers = 0;

  g_test_summary ("Each number refuses one below and one above its range and names range and "
                  "unit.");
  for (guint i = 0; i < n_table; i++)
    {
      g_autoptr (GemelSettings) settings = gemel_settings_new ();
      g_autofree char          *name = dup_name (&table[i]);
      g_autofree char          *below = g_strdup_printf ("%" G_GINT64_FORMAT, table[i].min - 1);
      g_autofree char          *above = g_strdup_printf ("%" G_GINT64_FORMAT, table[i].max + 1);
      g_autofree char          *range = NULL;

      if (table[i].type != GEMEL_SETTING_INT)
        continue;
      n_numbers++;
      range = g_strdup_printf ("%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT "%s%s", table[i].min,
                               table[i].max, table[i].unit != NULL ? " " : "",
                               table[i].unit != NULL ? table[i].unit : "");
      assert_refused (settings, name, below, range);
      assert_refused (settings, name, above, range);
      assert_refused (settings, name, above, name);
      assert_refused (settings, name, "99999999999999999999999999", range);
      assert_refused (settings, name, "12x", "is not a whole number");
      assert_refused (settings, name, "", "is not a whole number");
      assert_refused (settings, name, "1.5", "is not a whole number");
      g_assert_cmpint (gemel_settings_get_layer (settings, name), ==, GEMEL_LAYER_BUILT_IN);
    }
  g_assert_cmpuint (n_numbers, >, 20);
}

static void
test_settings_every_value_keeps_its_type (void)
{
  guint                   n_table;
  const GemelSettingInfo *table = gemel_settings_get_table (&n_table);
  g_autofree char        *long_text = g_strnfill (5000, 'a');

  for (guint i = 0; i < n_table; i++)
    {
      g_autoptr (GemelSettings) settings = gemel_settings_new ();
      g_autofree char          *name = dup_name (&table[i]);

      switch (table[i].type)
        {
        case GEMEL_SETTING_INT:
          break;
        case GEMEL_SETTING_BOOL:
          assert_refused (settings, name, "maybe", "true|false");
          assert_set (settings, name, "yes");
          g_assert_true (gemel_settings_get_bool (settings, name));
          assert_set (settings, name, "0");
          g_assert_false (gemel_settings_get_bool (settings, name));
          break;
        case GEMEL_SETTING_TOKEN:
          assert_refused (settings, name, "nonsense", table[i].choices[0]);
          for (guint j = 0; table[i].choices[j] != NULL; j++)
            assert_set (settings, name, table[i].choices[j]);
          break;
        case GEMEL_SETTING_STRING:
          assert_refused (settings, name, long_text, "is too long");
          assert_refused (settings, name, "a\nb", "cannot be shown");
          assert_refused (settings, name, "a\xff", "cannot be shown");
          break;
        case GEMEL_SETTING_LIST:
          assert_refused (settings, name, long_text, "item");
          break;
        }
    }
}

static void
test_settings_table_is_sound (void)
{
  guint                     n_table;
  const GemelSettingInfo   *table = gemel_settings_get_table (&n_table);
  g_autoptr (GHashTable)    names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GemelSettings) settings = gemel_settings_new ();
  g_autoptr (GError)        error = NULL;

  g_test_summary ("Names are unique, groups together, built-in values pass their own checks.");
  for (guint i = 0; i < n_table; i++)
    {
      char    *name = dup_name (&table[i]);
      gboolean follows_profile = table[i].type == GEMEL_SETTING_INT &&
                                 *table[i].fallback == '\0';
      g_autofree char *normalized = NULL;

      g_assert_true (gemel_settings_find (name) == &table[i]);
      g_assert_true (g_hash_table_add (names, name));
      g_assert_true (g_str_has_suffix (table[i].summary, "."));
      g_assert_true (follows_profile == (follows_profile && g_str_equal (table[i].group, "failove"
                                                                                         "r")));
      if (follows_profile)
        {
          g_assert_cmpint (gemel_settings_get_int (settings, name), >=, table[i].min);
          g_assert_cmpint (gemel_settings_get_int (settings, name), <=, table[i].max);
          continue;
        }
      normalized = gemel_setting_normalize (&table[i], table[i].fallback, &error);
      g_assert_no_error (error);
      g_assert_cmpstr (normalized, ==, table[i].fallback);
    }
  g_assert_true (gemel_settings_check (settings, &error));
  g_assert_no_error (error);
}

static void
test_settings_unknown_name_is_refused_with_the_nearest (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();

  assert_refused (settings, "link.prot", "8060", "did you mean port?");
  assert_refused (settings, "lnik.port", "8060", "did you mean [link]?");
  assert_refused (settings, "failover.heartbeat-intervall-ms", "1",
                  "did you mean heartbeat-interval-ms?");
  assert_refused (settings, "node.port", "1", "it belongs to [link]");
  assert_refused (settings, "link.zzzzzzzzzz", "1", "see gemel.conf (5)");
  assert_refused (settings, "", "1", "no such group");
  assert_refused (settings, "port", "1", "no such group");
  assert_refused (settings, "link.\xff\xfe", "1", "no such key");
  g_assert_null (gemel_settings_find ("link"));
  g_assert_null (gemel_settings_find ("lin.port"));
}

static void
test_settings_distance_counts_edits (void)
{
  g_autofree char *long_word = g_strnfill (200, 'x');

  g_assert_cmpuint (gemel_settings_distance ("", ""), ==, 0);
  g_assert_cmpuint (gemel_settings_distance ("kitten", "sitting"), ==, 3);
  g_assert_cmpuint (gemel_settings_distance ("abc", ""), ==, 3);
  g_assert_cmpuint (gemel_settings_distance ("port", "prot"), ==, 2);
  g_assert_cmpuint (gemel_settings_distance (long_word, "x"), ==, G_MAXUINT);
}

static void
test_settings_runtime_change_and_back (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();

  g_assert_cmpint (gemel_settings_get_int (settings, "link.port"), ==, 8060);
  assert_set (settings, "link.port", " 9000 ");
  g_assert_cmpint (gemel_settings_get_int (settings, "link.port"), ==, 9000);
  g_assert_cmpint (gemel_settings_get_layer (settings, "link.port"), ==, GEMEL_LAYER_RUNTIME);
  assert_set (settings, "link.port", NULL);
  g_assert_cmpint (gemel_settings_get_int (settings, "link.port"), ==, 8060);
  g_assert_cmpint (gemel_settings_get_layer (settings, "link.port"), ==, GEMEL_LAYER_BUILT_IN);
  g_assert_cmpstr (gemel_settings_get_string (settings, "node.name"), ==, g_get_host_name ());
}

static void
test_settings_addresses_are_checked (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();

  assert_set (settings, "link.bind-address", "127.0.0.1");
  assert_set (settings, "link.bind-address", "::1");
  assert_set (settings, "link.bind-address", "");
  assert_refused (settings, "link.bind-address", "localhost", "in figures");
  assert_refused (settings, "link.bind-address", "1.2.3", "in figures");
  assert_set (settings, "link.peer", "gw-a.example");
  assert_set (settings, "link.peer", "192.0.2.1:8061");
  assert_set (settings, "link.peer", "[2001:db8::1]:8060");
  assert_refused (settings, "link.peer", "gw-a:port", "host:port");
  assert_refused (settings, "link.peer", "gw-a:70000", "host:port");
  assert_refused (settings, "link.peer", "http://gw-a/", "host:port");
  assert_refused (settings, "link.public-address", "a b", "host:port");
  assert_refused (settings, "node.name", "a/b", "letters");
  assert_set (settings, "node.name", "gw-a.plant_1");
}

static void
test_settings_list_is_split (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();
  g_autoptr (GString)       many = g_string_new (NULL);
  g_auto (GStrv)            items = NULL;
  g_auto (GStrv)            none = gemel_settings_dup_list (settings, "log.merge");

  g_assert_cmpuint (g_strv_length (none), ==, 0);
  assert_set (settings, "log.merge", " link ; sync;;");
  items = gemel_settings_dup_list (settings, "log.merge");
  g_assert_cmpuint (g_strv_length (items), ==, 2);
  g_assert_cmpstr (items[0], ==, "link");
  g_assert_cmpstr (items[1], ==, "sync");
  for (guint i = 0; i < 65; i++)
    g_string_append (many, "a;");
  assert_refused (settings, "log.merge", many->str, "at most 64 items");
}

static void
test_settings_rules_between_values (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();
  GemelCoreSettings         core;

  assert_refused (settings, "failover.lease-ms", "100", "lease");
  assert_refused (settings, "failover.promise-ms", "1200", "promise");
  assert_refused (settings, "failover.startup-allowance-ms", "0", "startup-allowance");
  assert_refused (settings, "failover.failover-timeout-ms", "300", "failover-timeout");
  assert_refused (settings, "link.reconnect-min-ms", "5000", "reconnect-max-ms (2000 ms)");
  g_assert_cmpint (gemel_settings_get_int (settings, "failover.lease-ms"), ==, 1200);
  gemel_settings_fill_core (settings, 1, &core);
  g_assert_cmpint (core.lease_us, ==, 1200000);
}

static void
test_settings_runtime_layer_is_loaded_as_one (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();
  g_autoptr (GHashTable)    values = g_hash_table_new (g_str_hash, g_str_equal);
  g_autoptr (GError)        error = NULL;

  g_test_summary ("Two values that only fit together are taken together; a bad one changes "
                  "nothing.");
  assert_set (settings, "link.port", "9000");
  g_hash_table_insert (values, (gpointer) "link.reconnect-min-ms", (gpointer) "5000");
  g_hash_table_insert (values, (gpointer) "link.reconnect-max-ms", (gpointer) "6000");
  g_assert_true (gemel_settings_load_runtime (settings, values, &error));
  g_assert_no_error (error);
  g_assert_cmpint (gemel_settings_get_int (settings, "link.reconnect-min-ms"), ==, 5000);
  g_assert_cmpint (gemel_settings_get_int (settings, "link.port"), ==, 8060);

  g_hash_table_insert (values, (gpointer) "link.reconnect-max-ms", (gpointer) "100");
  g_assert_false (gemel_settings_load_runtime (settings, values, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING);
  g_assert_cmpint (gemel_settings_get_int (settings, "link.reconnect-max-ms"), ==, 6000);
  g_clear_error (&error);
  g_hash_table_insert (values, (gpointer) "gone.setting", (gpointer) "1");
  g_assert_false (gemel_settings_load_runtime (settings, values, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING);
}

static void
test_settings_core_follows_profile_and_single_values (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();
  GemelCoreSettings         core;
  GemelCoreSettings         fast;

  assert_set (settings, "node.role", "backup");
  assert_set (settings, "node.standby-level", "cold");
  assert_set (settings, "failover.profile", "fast");
  assert_set (settings, "failover.recovery-mode", "manual");
  assert_set (settings, "failover.trust-refused", "true");
  assert_set (settings, "failover.dual-active-rule", "master");
  assert_set (settings, "failover.failover-timeout-ms", "50");
  assert_set (settings, "failover.drift-ppm", "500");
  gemel_core_settings_init (&fast, GEMEL_PROFILE_FAST, GEMEL_ROLE_BACKUP);
  gemel_settings_fill_core (settings, 1, &core);

  g_assert_cmpuint (core.slot, ==, 1);
  g_assert_cmpint (core.role, ==, GEMEL_ROLE_BACKUP);
  g_assert_cmpint (core.standby_level, ==, GEMEL_LEVEL_COLD);
  g_assert_cmpint (core.recovery_mode, ==, GEMEL_RECOVERY_MANUAL);
  g_assert_true (core.trust_refused);
  g_assert_true (core.dual_master);
  g_assert_cmpint (core.heartbeat_interval_us, ==, fast.heartbeat_interval_us);
  g_assert_cmpint (core.startup_allowance_us, ==, fast.startup_allowance_us);
  g_assert_cmpint (core.failover_timeout_us, ==, 50000);
  g_assert_cmpuint (core.drift_ppm, ==, 500);
  g_assert_cmpint (gemel_settings_get_int (settings, "failover.heartbeat-interval-ms"), ==, 10);
}

static void
test_settings_describe_shows_all (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();
  g_autoptr (GVariant)      list = NULL;
  const char               *name, *type, *unit, *range, *fallback, *value, *layer, *scope, *summary;
  GVariantIter              iter;
  gboolean                  restart;
  gboolean                  seen = FALSE;
  guint                     n_table;

  (void) gemel_settings_get_table (&n_table);
  assert_set (settings, "failover.lease-ms", "1100");
  list = g_variant_ref_sink (gemel_settings_describe (settings));
  g_assert_cmpuint (g_variant_n_children (list), ==, n_table);
  g_variant_iter_init (&iter, list);
  while (g_variant_iter_next (&iter, "(&s&s&s&s&s&s&s&s&sb)", &name, &type, &unit, &range,
                              &fallback, &value, &layer, &scope, &summary, &restart))
    {
      if (!g_str_equal (name, "failover.lease-ms"))
        continue;
      seen = TRUE;
      g_assert_cmpstr (type, ==, "int");
      g_assert_cmpstr (unit, ==, "ms");
      g_assert_cmpstr (range, ==, "10..300000");
      g_assert_cmpstr (fallback, ==, "1200");
      g_assert_cmpstr (value, ==, "1100");
      g_assert_cmpstr (layer, ==, "runtime");
      g_assert_cmpstr (scope, ==, "node");
      g_assert_false (restart);
    }
  g_assert_true (seen);
}

static void
test_settings_reference_settings_have_a_counterpart (void)
{
  static const char *const wanted[] = {
    "noderole",
    "standbyactivitylevel",
    "backupfailovertimeout",
    "joinwaittime",
    "sync.timeoutSecs",
    "autodetectlocalinterface",
    "bindinterface",
    "gateway.publicAddress",
    "activehistorylevel",
    "useActiveUptimeToResolveConflict",
    "maxdisk_mb",
    "runtimeupdatequeuemax",
    "masterrecoverymode",
    "gan.host",
    "gan.port",
    "pingRate",
    "pingTimeout",
    "pingMaxMissed",
    "websocketTimeout",
    "httpReadTimeout",
    "backupreconnectperiod",
  };
  guint                   n_table;
  const GemelSettingInfo *table = gemel_settings_get_table (&n_table);

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++)
    {
      gboolean found = FALSE;

      for (guint j = 0; j < n_table; j++)
        found = found ||
                (table[j].reference != NULL && strstr (table[j].reference, wanted[i]) != NULL);
      if (!found)
        g_test_message ("no counterpart of %s", wanted[i]);
      g_assert_true (found);
    }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/system/settings/every-number-keeps-its-range",
                   test_settings_every_number_keeps_its_range);
  g_test_add_func ("/system/settings/every-value-keeps-its-type",
                   test_settings_every_value_keeps_its_type);
  g_test_add_func ("/system/settings/table-is-sound", test_settings_table_is_sound);
  g_test_add_func ("/system/settings/unknown-name-is-refused-with-the-nearest",
                   test_settings_unknown_name_is_refused_with_the_nearest);
  g_test_add_func ("/system/settings/distance-counts-edits", test_settings_distance_counts_edits);
  g_test_add_func ("/system/settings/runtime-change-and-back",
                   test_settings_runtime_change_and_back);
  g_test_add_func ("/system/settings/addresses-are-checked", test_settings_addresses_are_checked);
  g_test_add_func ("/system/settings/list-is-split", test_settings_list_is_split);
  g_test_add_func ("/system/settings/rules-between-values", test_settings_rules_between_values);
  g_test_add_func ("/system/settings/runtime-layer-is-loaded-as-one",
                   test_settings_runtime_layer_is_loaded_as_one);
  g_test_add_func ("/system/settings/core-follows-profile-and-single-values",
                   test_settings_core_follows_profile_and_single_values);
  g_test_add_func ("/system/settings/describe-shows-all", test_settings_describe_shows_all);
  g_test_add_func ("/system/settings/reference-settings-have-a-counterpart",
                   test_settings_reference_settings_have_a_counterpart);
  return g_test_run ();
}
