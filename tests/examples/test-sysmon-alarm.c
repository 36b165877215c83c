/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Alarms: hysteresis, acknowledgement, thresholds and records as JSON.
 */
#include "sysmon-alarm.h"

#include <math.h>
#include <string.h>

#define MS 1000

static const SysmonThreshold limits = { .raise = 90, .clear = 80, .for_ms = 300 };

static gboolean
step (SysmonAlarm *alarm, double value, gint64 now_us)
{
  return sysmon_alarm_step (alarm, SYSMON_ALARM_CPU_HIGH, &limits, value, now_us, 1000000 + now_us);
}

static void
raise_alarm (SysmonAlarm *alarm)
{
  sysmon_alarm_init (alarm);
  (void) step (alarm, 95, 0);
  g_assert_true (step (alarm, 95, 300 * MS));
  g_assert_cmpint (alarm->state, ==, SYSMON_ACTIVE);
}

static void
test_is_raised_after_its_time (void)
{
  SysmonAlarm alarm;

  sysmon_alarm_init (&alarm);
  g_assert_false (step (&alarm, 95, 0));
  g_assert_false (step (&alarm, 95, 200 * MS));
  g_assert_false (step (&alarm, 85, 250 * MS)); /* the time begins again */
  g_assert_false (step (&alarm, 95, 300 * MS));
  g_assert_false (step (&alarm, 95, 599 * MS));
  g_assert_true (step (&alarm, 90, 600 * MS));
  g_assert_cmpint (alarm.state, ==, SYSMON_ACTIVE);
  g_assert_cmpint (alarm.since_unix_us, ==, 1000000 + 600 * MS);
}

static void
test_stays_between_its_two_limits (void)
{
  SysmonAlarm alarm;

  raise_alarm (&alarm);
  for (gint64 i = 0; i < 20; i++)
    g_assert_false (step (&alarm, i % 2 == 0 ? 81 : 95, 400 * MS + i * 100 * MS));
  g_assert_true (step (&alarm, 79.9, 5000 * MS));
  g_assert_cmpint (alarm.state, ==, SYSMON_CLEARED);
}

static void
test_cleared_waits_for_its_acknowledgement (void)
{
  SysmonAlarm alarm;

  raise_alarm (&alarm);
  g_assert_true (step (&alarm, 10, 400 * MS));
  g_assert_cmpint (alarm.state, ==, SYSMON_CLEARED);
  g_assert_false (step (&alarm, 10, 9000 * MS));
  g_assert_true (sysmon_alarm_acknowledge (&alarm, "operator", 7));
  g_assert_cmpint (alarm.state, ==, SYSMON_NORMAL);
  g_assert_cmpstr (alarm.acknowledged_by, ==, "operator");
}

static void
test_acknowledged_ends_in_normal_and_is_forgotten_by_the_next (void)
{
  SysmonAlarm alarm;

  raise_alarm (&alarm);
  g_assert_true (sysmon_alarm_acknowledge (&alarm, "operator", 7));
  g_assert_cmpint (alarm.state, ==, SYSMON_ACTIVE_ACKNOWLEDGED);
  g_assert_false (sysmon_alarm_acknowledge (&alarm, "somebody else", 8));
  g_assert_true (step (&alarm, 10, 500 * MS));
  g_assert_cmpint (alarm.state, ==, SYSMON_NORMAL);
  g_assert_false (sysmon_alarm_acknowledge (&alarm, "operator", 9));
  (void) step (&alarm, 95, 600 * MS);
  g_assert_true (step (&alarm, 95, 900 * MS));
  g_assert_cmpint (alarm.state, ==, SYSMON_ACTIVE);
  g_assert_cmpstr (alarm.acknowledged_by, ==, "");
}

static void
test_low_alarm_looks_downwards (void)
{
  const SysmonThreshold low = { .raise = 10, .clear = 15, .for_ms = 0 };
  SysmonAlarm           alarm;

  sysmon_alarm_init (&alarm);
  g_assert_false (sysmon_alarm_step (&alarm, SYSMON_ALARM_MEMORY_LOW, &low, 12, 0, 0));
  g_assert_true (sysmon_alarm_step (&alarm, SYSMON_ALARM_MEMORY_LOW, &low, 10, 0, 0));
  g_assert_false (sysmon_alarm_step (&alarm, SYSMON_ALARM_MEMORY_LOW, &low, 15, 0, 0));
  g_assert_true (sysmon_alarm_step (&alarm, SYSMON_ALARM_MEMORY_LOW, &low, 15.1, 0, 0));
}

static void
test_unknown_value_changes_nothing (void)
{
  SysmonAlarm alarm;

  raise_alarm (&alarm);
  g_assert_false (step (&alarm, NAN, 9000 * MS));
  g_assert_cmpint (alarm.state, ==, SYSMON_ACTIVE);
  sysmon_alarm_init (&alarm);
  g_assert_false (step (&alarm, 95, 0));
  g_assert_false (step (&alarm, NAN, 100 * MS)); /* nor does the time begin again */
  g_assert_true (step (&alarm, 95, 300 * MS));
}

static void
test_record_survives_the_way_to_the_peer (void)
{
  g_autoptr (GError) local_error = NULL;
  g_autofree char   *json = NULL;
  SysmonAlarm        alarm;
  SysmonAlarm        there;

  raise_alarm (&alarm);
  g_assert_true (sysmon_alarm_acknowledge (&alarm, "Zoë \"Q\"", 1234567890123456));
  json = sysmon_alarm_to_json (&alarm, SYSMON_ALARM_CPU_HIGH, &limits, "node-a");
  sysmon_alarm_init (&there);
  g_assert_true (sysmon_alarm_from_json (&there, json, -1, &local_error));
  g_assert_no_error (local_error);
  g_assert_cmpint (there.state, ==, SYSMON_ACTIVE_ACKNOWLEDGED);
  g_assert_cmpstr (there.acknowledged_by, ==, "Zoë \"Q\"");
  g_assert_cmpint (there.acknowledged_unix_us, ==, 1234567890123456);
  g_assert_false (step (&there, 95, 0)); /* and goes on from there */
  g_assert_true (step (&there, 10, 1));
  g_assert_cmpint (there.state, ==, SYSMON_NORMAL);
}

static void
test_bad_records_are_refused (void)
{
  static const char *const bad[] = { "",
                                     "{",
                                     "[]",
                                     "null",
                                     "7",
                                     "{}",
                                     "{\"state\":7}",
                                     "{\"state\":[]}",
                                     "{\"state\":\"hot\"}",
                                     "\xff",
                                     "{\"state\":null}" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) local_error = NULL;
      SysmonAlarm        alarm;

      raise_alarm (&alarm);
      g_assert_false (
        sysmon_alarm_from_json (&alarm, bad[i], (gssize) strlen (bad[i]), &local_error));
      g_assert_error (local_error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
      g_assert_cmpint (alarm.state, ==, SYSMON_ACTIVE);
    }
}

static void
test_long_names_are_cut_between_characters (void)
{
  SysmonAlarm      alarm;
  g_autofree char *long_name = g_strnfill (62, 'x');
  g_autofree char *who = g_strconcat (long_name, "ëëë", NULL);

  raise_alarm (&alarm);
  g_assert_true (sysmon_alarm_acknowledge (&alarm, who, 1));
  g_assert_true (g_utf8_validate (alarm.acknowledged_by, -1, NULL));
  g_assert_cmpstr (alarm.acknowledged_by, ==, long_name);
}

static void
test_threshold_is_read_and_completed (void)
{
  g_autoptr (GError) local_error = NULL;
  SysmonThreshold    threshold;

  g_assert_true (sysmon_threshold_parse (SYSMON_ALARM_CPU_HIGH,
                                         "{\"raise\":70,\"clear\":60.5,\"for_ms\":0}", -1,
                                         &threshold, &local_error));
  g_assert_no_error (local_error);
  g_assert_cmpfloat_with_epsilon (threshold.clear, 60.5, 1e-9);
  g_assert_cmpuint (threshold.for_ms, ==, 0);
  g_assert_true (
    sysmon_threshold_parse (SYSMON_ALARM_CPU_HIGH, "{\"raise\":50}", -1, &threshold, &local_error));
  g_assert_cmpfloat_with_epsilon (threshold.clear, 50, 1e-9);
  g_assert_true (sysmon_threshold_parse (SYSMON_ALARM_MEMORY_LOW, "{\"raise\":50}", -1, &threshold,
                                         &local_error));
  g_assert_cmpfloat_with_epsilon (threshold.clear, 50, 1e-9);
  g_assert_true (
    sysmon_threshold_parse (SYSMON_ALARM_CPU_HIGH, "{}", -1, &threshold, &local_error));
  g_assert_cmpfloat_with_epsilon (threshold.raise,
                                  sysmon_threshold_default (SYSMON_ALARM_CPU_HIGH).raise, 1e-9);
}

static void
test_wrong_thresholds_are_refused_with_a_reason (void)
{
  static const char *const bad[][2] = {
    { "", "object" },
    { "90", "object" },
    { "{\"raise\":\"90\"}", "raise" },
    { "{\"raise\":true}", "raise" },
    { "{\"raise\":null}", "raise" },
    { "{\"rise\":90}", "rise" },
    { "{\"raise\":50,\"clear\":60}", "clear" },
    { "{\"for_ms\":-1}", "for_ms" },
    { "{\"for_ms\":600001}", "for_ms" },
    { "{\"raise\":1e999}", "" },
    { "{\"raise\":", "JSON" },
    { "\xff\xff", "UTF-8" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) local_error = NULL;
      SysmonThreshold    threshold = limits;

      g_assert_false (sysmon_threshold_parse (
        SYSMON_ALARM_CPU_HIGH, bad[i][0], (gssize) strlen (bad[i][0]), &threshold, &local_error));
      g_assert_error (local_error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
      g_assert_nonnull (strstr (local_error->message, bad[i][1]));
      g_assert_cmpfloat_with_epsilon (threshold.raise, limits.raise, 1e-9);
      g_assert_cmpfloat_with_epsilon (threshold.clear, limits.clear, 1e-9);
      g_assert_cmpuint (threshold.for_ms, ==, limits.for_ms);
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sysmon/alarm/is-raised-after-its-time", test_is_raised_after_its_time);
  g_test_add_func ("/sysmon/alarm/stays-between-its-two-limits", test_stays_between_its_two_limits);
  g_test_add_func ("/sysmon/alarm/cleared-waits-for-its-acknowledgement",
                   test_cleared_waits_for_its_acknowledgement);
  g_test_add_func ("/sysmon/alarm/acknowledged-ends-in-normal-and-is-forgotten-by-the-next",
                   test_acknowledged_ends_in_normal_and_is_forgotten_by_the_next);
  g_test_add_func ("/sysmon/alarm/low-alarm-looks-downwards", test_low_alarm_looks_downwards);
  g_test_add_func ("/sysmon/alarm/unknown-value-changes-nothing",
                   test_unknown_value_changes_nothing);
  g_test_add_func ("/sysmon/alarm/record-survives-the-way-to-the-peer",
                   test_record_survives_the_way_to_the_peer);
  g_test_add_func ("/sysmon/alarm/bad-records-are-refused", test_bad_records_are_refused);
  g_test_add_func ("/sysmon/alarm/long-names-are-cut-between-characters",
                   test_long_names_are_cut_between_characters);
  g_test_add_func ("/sysmon/threshold/is-read-and-completed", test_threshold_is_read_and_completed);
  g_test_add_func ("/sysmon/threshold/wrong-ones-are-refused-with-a-reason",
                   test_wrong_thresholds_are_refused_with_a_reason);
  return g_test_run ();
}
