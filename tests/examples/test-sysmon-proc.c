/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Reading /proc from fixtures, figures between two readings, and the ring of samples.
 */
#include "sysmon-figures.h"
#include "sysmon-ring.h"

#include "history/gemel-history.h"

#include <math.h>
#include <string.h>

static char *
fixture (void)
{
  return g_build_filename (g_getenv ("GEMEL_FIXTURES"), "proc", NULL);
}

static SysmonReading
read_fixture (void)
{
  g_autoptr (GError) local_error = NULL;
  g_autofree char   *dir = fixture ();
  SysmonReading      reading;

  g_assert_true (sysmon_read (dir, &reading, &local_error));
  g_assert_no_error (local_error);
  return reading;
}

static void
test_read_takes_every_file (void)
{
  SysmonReading reading = read_fixture ();

  g_test_summary ("Every figure of a machine with known numbers is found");
  g_assert_cmpuint (reading.n_cpus, ==, 2);
  g_assert_cmpuint (reading.cpu_total.total, ==, 10000);
  g_assert_cmpuint (reading.cpu_total.busy, ==, 1600);
  g_assert_cmpuint (reading.cpu[1].busy, ==, 700);
  g_assert_cmpuint (reading.memory_total_kib, ==, 8000000);
  g_assert_cmpuint (reading.memory_available_kib, ==, 2000000);
  g_assert_cmpuint (reading.swap_used_kib, ==, 250000);
  g_assert_cmpfloat_with_epsilon (reading.load[2], 2.06, 1e-9);
  g_assert_cmpfloat_with_epsilon (reading.pressure[SYSMON_PRESSURE_IO], 35.72, 1e-9);
  g_assert_true (reading.has_pressure[SYSMON_PRESSURE_MEMORY]);
  g_assert_cmpuint (reading.own_rss_bytes % 434, ==, 0);
}

static void
test_read_counts_whole_disks_and_real_interfaces (void)
{
  SysmonReading reading = read_fixture ();

  g_test_summary ("Partitions, layers over disks, loop devices and loopback would count twice");
  g_assert_cmpuint (reading.n_disks, ==, 2);
  g_assert_cmpstr (reading.disk[0].name, ==, "sda");
  g_assert_cmpstr (reading.disk[1].name, ==, "nvme0n1");
  g_assert_cmpuint (reading.disk_read_bytes, ==, 22000 * 512);
  g_assert_cmpuint (reading.disk_written_bytes, ==, 44000 * 512);
  g_assert_cmpuint (reading.network_received_bytes, ==, 120000);
  g_assert_cmpuint (reading.network_sent_bytes, ==, 60000);
}

static void
test_read_names_what_is_missing (void)
{
  g_autoptr (GError) local_error = NULL;
  SysmonReading      reading;

  g_assert_false (sysmon_read ("/nowhere", &reading, &local_error));
  g_assert_error (local_error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_assert_nonnull (strstr (local_error->message, "stat"));
}

static void
test_read_takes_the_real_machine (void)
{
  g_autoptr (GError) local_error = NULL;
  SysmonReading      reading;

  g_assert_true (sysmon_read ("/proc", &reading, &local_error));
  g_assert_no_error (local_error);
  g_assert_cmpuint (reading.n_cpus, >, 0);
  g_assert_cmpuint (reading.memory_total_kib, >, 0);
}

static void
test_parsers_refuse_what_they_do_not_understand (void)
{
  static const char *const bad[] = {
    "", "\n", "cpu", "cpu \n", "cpu a b c d", "intr 1 2",
    "-1 -2 -3", "\xff\xfe", "MemTotal:\n", "some avg10=", "x: 1 2"
  };

  g_test_summary ("Cut-off and foreign texts are an error or nothing, never a crash or a guess");
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      SysmonReading reading = { 0 };

      g_assert_false (sysmon_parse_stat (bad[i], &reading, NULL));
      g_assert_false (sysmon_parse_meminfo (bad[i], &reading, NULL));
      g_assert_false (sysmon_parse_loadavg (bad[i], &reading, NULL));
      g_assert_false (sysmon_parse_pressure (bad[i], SYSMON_PRESSURE_CPU, &reading, NULL));
      g_assert_false (sysmon_parse_statm (bad[i], 4096, &reading, NULL));
      g_assert_cmpuint (reading.n_cpus, ==, 0);
      if (*bad[i] == '\0')
        continue;
      g_assert_false (sysmon_parse_diskstats (bad[i], &reading, NULL));
      g_assert_false (sysmon_parse_netdev (bad[i], &reading, NULL));
    }
}

static void
test_more_processors_than_kept_count_in_the_total (void)
{
  g_autoptr (GString) text = g_string_new ("cpu  1 1 1 1 1 1 1 1\n");
  SysmonReading       reading = { 0 };

  for (guint i = 0; i < SYSMON_CPUS_MAX + 10; i++)
    g_string_append_printf (text, "cpu%u 1 1 1 1 1 1 1 1\n", i);
  g_assert_true (sysmon_parse_stat (text->str, &reading, NULL));
  g_assert_cmpuint (reading.n_cpus, ==, SYSMON_CPUS_MAX);
}

static double
find_figure (const SysmonFigures *figures, const char *tag)
{
  for (guint i = 0; i < figures->n; i++)
    {
      if (strcmp (figures->figure[i].tag, tag) == 0)
        return figures->figure[i].value;
    }
  return NAN;
}

static void
test_figures_are_rates_between_two_readings (void)
{
  SysmonReading before = read_fixture ();
  SysmonReading now = before;
  SysmonFigures figures;

  now.taken_us += 500000;
  now.cpu_total.total += 100;
  now.cpu_total.busy += 25;
  now.disk[1].busy_ms += 250;
  now.disk_written_bytes += 1000;
  now.network_sent_bytes += 2000;
  sysmon_figures_make (&before, &now, &figures);
  g_assert_cmpfloat_with_epsilon (find_figure (&figures, "cpu/total"), 25, 1e-9);
  g_assert_cmpfloat_with_epsilon (find_figure (&figures, "cpu/0"), 0, 1e-9);
  g_assert_cmpfloat_with_epsilon (find_figure (&figures, "disk/busy-percent"), 50, 1e-9);
  g_assert_cmpfloat_with_epsilon (find_figure (&figures, "disk/written-bytes-per-second"), 2000,
                                  1e-9);
  g_assert_cmpfloat_with_epsilon (find_figure (&figures, "network/sent-bytes-per-second"), 4000,
                                  1e-9);
  g_assert_cmpfloat_with_epsilon (figures.watched[SYSMON_ALARM_MEMORY_LOW], 25, 1e-9);
  g_assert_cmpfloat_with_epsilon (figures.watched[SYSMON_ALARM_PRESSURE_HIGH], 35.72, 1e-9);
}

static void
test_figures_of_counters_that_went_back_are_zero (void)
{
  SysmonReading before = read_fixture ();
  SysmonReading now = before;
  SysmonFigures figures;

  now.taken_us += 100000;
  now.cpu_total.busy = now.cpu_total.total = 0;
  now.network_sent_bytes = 0;
  now.n_disks = 0;
  memset (now.has_pressure, 0, sizeof now.has_pressure);
  sysmon_figures_make (&before, &now, &figures);
  g_assert_cmpfloat_with_epsilon (find_figure (&figures, "cpu/total"), 0, 1e-9);
  g_assert_cmpfloat_with_epsilon (find_figure (&figures, "network/sent-bytes-per-second"), 0, 1e-9);
  g_assert_true (isnan (find_figure (&figures, "pressure/cpu")));
  g_assert_true (isnan (figures.watched[SYSMON_ALARM_PRESSURE_HIGH]));
  g_assert_true (isnan (figures.watched[SYSMON_ALARM_DISK_BUSY]));
}

static void
push (SysmonRing *ring, gint64 unix_us)
{
  SysmonFigures figures = { .unix_us = unix_us };

  sysmon_figures_add (&figures, "cpu/total", 12.5);
  sysmon_figures_add (&figures, "load/1", -0.5);
  sysmon_ring_push (ring, "node-a", &figures);
}

static void
test_ring_gives_batches_that_history_takes (void)
{
  g_autoptr (SysmonRing) ring = sysmon_ring_new (10);
  g_autoptr (GError)     local_error = NULL;
  g_autoptr (GBytes)     batch = NULL;
  g_autoptr (GArray)     points = NULL;
  const GemelPoint      *point;
  guint                  samples = 0;

  for (gint64 i = 0; i < 3; i++)
    push (ring, 1000 + i);
  batch = sysmon_ring_take (ring, 2, &samples);
  g_assert_cmpuint (samples, ==, 2);
  g_assert_cmpuint (sysmon_ring_get_length (ring), ==, 1);
  points =
    gemel_points_decode (g_bytes_get_data (batch, NULL), g_bytes_get_size (batch), &local_error);
  g_assert_no_error (local_error);
  g_assert_cmpuint (points->len, ==, 4);
  point = &g_array_index (points, GemelPoint, 3);
  g_assert_cmpstr (point->tag, ==, "node-a/load/1");
  g_assert_cmpint (point->unix_us, ==, 1001);
  g_assert_cmpuint (point->status, ==, 0);
  g_assert_cmpfloat_with_epsilon (point->v.d, -0.5, 1e-9);
}

static void
test_ring_drops_the_oldest_and_counts (void)
{
  g_autoptr (SysmonRing) ring = sysmon_ring_new (3);
  g_autoptr (GBytes)     batch = NULL;
  g_autoptr (GArray)     points = NULL;
  guint                  samples = 0;

  g_assert_null (sysmon_ring_take (ring, 10, &samples));
  for (gint64 i = 0; i < 5; i++)
    push (ring, 1000 + i);
  g_assert_cmpuint (sysmon_ring_get_length (ring), ==, 3);
  g_assert_cmpuint (sysmon_ring_get_dropped (ring), ==, 2);
  batch = sysmon_ring_take (ring, 10, &samples);
  g_assert_cmpuint (samples, ==, 3);
  points = gemel_points_decode (g_bytes_get_data (batch, NULL), g_bytes_get_size (batch), NULL);
  g_assert_nonnull (points);
  g_assert_cmpint (g_array_index (points, GemelPoint, 0).unix_us, ==, 1002);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sysmon/read/takes-every-file", test_read_takes_every_file);
  g_test_add_func ("/sysmon/read/counts-whole-disks-and-real-interfaces",
                   test_read_counts_whole_disks_and_real_interfaces);
  g_test_add_func ("/sysmon/read/names-what-is-missing", test_read_names_what_is_missing);
  g_test_add_func ("/sysmon/read/takes-the-real-machine", test_read_takes_the_real_machine);
  g_test_add_func ("/sysmon/read/parsers-refuse-what-they-do-not-understand",
                   test_parsers_refuse_what_they_do_not_understand);
  g_test_add_func ("/sysmon/read/more-processors-than-kept-count-in-the-total",
                   test_more_processors_than_kept_count_in_the_total);
  g_test_add_func ("/sysmon/figures/are-rates-between-two-readings",
                   test_figures_are_rates_between_two_readings);
  g_test_add_func ("/sysmon/figures/of-counters-that-went-back-are-zero",
                   test_figures_of_counters_that_went_back_are_zero);
  g_test_add_func ("/sysmon/ring/gives-batches-that-history-takes",
                   test_ring_gives_batches_that_history_takes);
  g_test_add_func ("/sysmon/ring/drops-the-oldest-and-counts",
                   test_ring_drops_the_oldest_and_counts);
  return g_test_run ();
}
