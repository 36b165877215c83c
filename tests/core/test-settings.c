/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The rules between timers: each is enforced, at its edge, and its message shows the arithmetic.
 */
#include <string.h>

#include "core/gemel-core.h"

static void
test_profiles_pass (void)
{
  char problem[200] = "untouched";

  for (guint profile = GEMEL_PROFILE_FAST; profile <= GEMEL_PROFILE_WAN; profile++)
    for (guint role = GEMEL_ROLE_INDEPENDENT; role <= GEMEL_ROLE_BACKUP; role++)
      {
        GemelCoreSettings s;

        gemel_core_settings_init (&s, profile, role);
        g_assert_true (gemel_core_settings_check (&s, problem, sizeof problem));
        g_assert_cmpstr (problem, ==, "untouched");
        g_assert_cmpint (s.role, ==, role);
      }
}

static void
test_lan_has_the_written_defaults (void)
{
  GemelCoreSettings s;

  gemel_core_settings_init (&s, GEMEL_PROFILE_LAN, GEMEL_ROLE_MASTER);
  g_assert_cmpint (s.heartbeat_interval_us, ==, 200000);
  g_assert_cmpint (s.lease_us, ==, 1200000);
  g_assert_cmpint (s.promise_us, ==, 1400000);
  g_assert_cmpint (s.failover_timeout_us, ==, 2000000);
  g_assert_cmpint (s.startup_allowance_us, ==, 15000000);
  gemel_core_settings_init (&s, GEMEL_PROFILE_LAN, GEMEL_ROLE_BACKUP);
  g_assert_cmpint (s.startup_allowance_us, ==, 20000000);
}

typedef struct
{
  const char *name; /* begins the message */
  gsize       offset;
  gint64      good_us; /* the least that passes, in the lan profile */
} Edge;

#define EDGE(name, member, good)                            \
  {                                                         \
    name, G_STRUCT_OFFSET (GemelCoreSettings, member), good \
  }

static const Edge edges[] = {
  EDGE ("lease", lease_us, 900000),
  EDGE ("failover-timeout", failover_timeout_us, 600000),
  EDGE ("startup-allowance", startup_allowance_us, 1400000),
  EDGE ("stall-limit", stall_limit_us, 300000),
  EDGE ("drain-timeout", drain_timeout_us, 10000),
  EDGE ("ready-timeout", ready_timeout_us, 10000),
  EDGE ("clock-jump-limit", clock_jump_limit_us, 10000),
  EDGE ("recovery-delay", recovery_delay_us, 0),
  EDGE ("recovery-delay-max", recovery_delay_max_us, 10000000),
  EDGE ("rtt-budget", rtt_budget_us, 1000),
  EDGE ("heartbeat-interval", heartbeat_interval_us, 1000),
};

static void
test_rule_is_enforced_at_its_edge (gconstpointer data)
{
  const Edge       *edge = data;
  GemelCoreSettings s;
  char              problem[200] = "";
  gint64            value = edge->good_us;

  gemel_core_settings_init (&s, GEMEL_PROFILE_LAN, GEMEL_ROLE_MASTER);
  memcpy ((guint8 *) &s + edge->offset, &value, sizeof value);
  (void) gemel_core_settings_check (&s, problem, sizeof problem);
  g_assert_cmpstr (problem, ==, "");
  value--;
  memcpy ((guint8 *) &s + edge->offset, &value, sizeof value);
  g_assert_false (gemel_core_settings_check (&s, problem, sizeof problem));
  g_assert_true (g_str_has_prefix (problem, edge->name));
  g_assert_nonnull (strstr (problem, "must be at least"));
}

static void
test_promise_covers_the_drift (void)
{
  GemelCoreSettings s;
  char              problem[200] = "";

  gemel_core_settings_init (&s, GEMEL_PROFILE_LAN, GEMEL_ROLE_MASTER);
  s.promise_us = s.lease_us + 100000;
  g_assert_false (gemel_core_settings_check (&s, problem, sizeof problem));
  g_assert_true (g_str_has_prefix (problem, "promise is 1300.000 ms but must be at least 1324.242 "
                                            "ms"));
}

static void
test_other_values_are_refused (void)
{
  GemelCoreSettings s;
  char              problem[200] = "";

  gemel_core_settings_init (&s, GEMEL_PROFILE_LAN, GEMEL_ROLE_MASTER);
  s.slot = 2;
  g_assert_false (gemel_core_settings_check (&s, problem, sizeof problem));
  g_assert_nonnull (strstr (problem, "slot"));
  s.slot = 0;
  s.standby_level = GEMEL_LEVEL_ACTIVE;
  g_assert_false (gemel_core_settings_check (&s, problem, sizeof problem));
  g_assert_nonnull (strstr (problem, "standby-level"));
  s.standby_level = GEMEL_LEVEL_COLD;
  s.drift_ppm = 100001;
  g_assert_false (gemel_core_settings_check (&s, problem, sizeof problem));
  g_assert_nonnull (strstr (problem, "drift"));
}

static void
test_short_buffer_is_respected (void)
{
  GemelCoreSettings s;
  char              problem[8] = "";

  gemel_core_settings_init (&s, GEMEL_PROFILE_LAN, GEMEL_ROLE_MASTER);
  s.lease_us = 1;
  g_assert_false (gemel_core_settings_check (&s, problem, sizeof problem));
  g_assert_cmpuint (strlen (problem), ==, 7);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_summary ("The profiles pass, and every rule is refused one microsecond below its edge.");
  g_test_add_func ("/core/settings/profiles-pass", test_profiles_pass);
  g_test_add_func ("/core/settings/lan-has-the-written-defaults",
                   test_lan_has_the_written_defaults);
  for (guint i = 0; i < G_N_ELEMENTS (edges); i++)
    {
      g_autofree char *path = g_strdup_printf ("/core/settings/%s-is-enforced-at-its-edge",
                                               edges[i].name);

      g_test_add_data_func (path, &edges[i], test_rule_is_enforced_at_its_edge);
    }
  g_test_add_func ("/core/settings/promise-covers-the-drift", test_promise_covers_the_drift);
  g_test_add_func ("/core/settings/other-values-are-refused", test_other_values_are_refused);
  g_test_add_func ("/core/settings/short-buffer-is-respected", test_short_buffer_is_respected);
  return g_test_run ();
}
