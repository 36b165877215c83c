/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Rates. A counter that went back (a disk was pulled, an interface came anew) gives 0 once, never a
 * wild number.
 */
#include "sysmon-figures.h"

#include <math.h>
#include <string.h>

#define KIB 1024.0

static double
share_of (SysmonCpu before, SysmonCpu now)
{
  if (now.total <= before.total || now.busy < before.busy)
    return 0;
  return MIN (100.0,
              100.0 * (double) (now.busy - before.busy) / (double) (now.total - before.total));
}

static double
rate_of (guint64 before, guint64 now, gint64 elapsed_us)
{
  if (now < before || elapsed_us <= 0)
    return 0;
  return (double) (now - before) * G_USEC_PER_SEC / (double) elapsed_us;
}

/**
 * sysmon_figures_add:
 * @figures: (inout): figures
 * @tag: what it is
 * @value: its value
 *
 * Adds a figure; beyond %SYSMON_FIGURES_MAX nothing is added.
 *
 * Thread: any
 */
void
sysmon_figures_add (SysmonFigures *figures, const char *tag, double value)
{
  if (figures->n >= SYSMON_FIGURES_MAX)
    return;
  (void) g_strlcpy (figures->figure[figures->n].tag, tag, SYSMON_TAG_BYTES);
  figures->figure[figures->n++].value = value;
}

static void
add_cpus (const SysmonReading *before, const SysmonReading *now, SysmonFigures *figures)
{
  const double total = share_of (before->cpu_total, now->cpu_total);

  sysmon_figures_add (figures, "cpu/total", total);
  figures->watched[SYSMON_ALARM_CPU_HIGH] = total;
  for (guint i = 0; i < MIN (before->n_cpus, now->n_cpus); i++)
    {
      char tag[SYSMON_TAG_BYTES];

      (void) g_snprintf (tag, sizeof tag, "cpu/%u", i);
      sysmon_figures_add (figures, tag, share_of (before->cpu[i], now->cpu[i]));
    }
  sysmon_figures_add (figures, "load/1", now->load[0]);
  sysmon_figures_add (figures, "load/5", now->load[1]);
  sysmon_figures_add (figures, "load/15", now->load[2]);
}

static void
add_memory (const SysmonReading *now, SysmonFigures *figures)
{
  const double available =
    100.0 * (double) now->memory_available_kib / (double) MAX (now->memory_total_kib, 1);

  sysmon_figures_add (figures, "memory/available-percent", available);
  sysmon_figures_add (figures, "memory/available-bytes", (double) now->memory_available_kib * KIB);
  sysmon_figures_add (figures, "memory/swap-used-bytes", (double) now->swap_used_kib * KIB);
  figures->watched[SYSMON_ALARM_MEMORY_LOW] = available;
}

/* How busy the busiest disk was; disks are found by name, since they come and go. */
static double
busiest (const SysmonReading *before, const SysmonReading *now)
{
  const gint64 elapsed_us = now->taken_us - before->taken_us;
  double       most = 0;

  for (guint i = 0; i < now->n_disks; i++)
    for (guint j = 0; j < before->n_disks; j++)
      {
        if (strcmp (now->disk[i].name, before->disk[j].name) == 0)
          most =
            MAX (most, rate_of (before->disk[j].busy_ms, now->disk[i].busy_ms, elapsed_us) / 10.0);
      }
  return MIN (most, 100.0);
}

static void
add_disk_and_network (const SysmonReading *before, const SysmonReading *now, SysmonFigures *figures)
{
  const gint64 us = now->taken_us - before->taken_us;
  const double busy = busiest (before, now);

  sysmon_figures_add (figures, "disk/busy-percent", busy);
  sysmon_figures_add (figures, "disk/read-bytes-per-second",
                      rate_of (before->disk_read_bytes, now->disk_read_bytes, us));
  sysmon_figures_add (figures, "disk/written-bytes-per-second",
                      rate_of (before->disk_written_bytes, now->disk_written_bytes, us));
  sysmon_figures_add (figures, "network/received-bytes-per-second",
                      rate_of (before->network_received_bytes, now->network_received_bytes, us));
  sysmon_figures_add (figures, "network/sent-bytes-per-second",
                      rate_of (before->network_sent_bytes, now->network_sent_bytes, us));
  figures->watched[SYSMON_ALARM_DISK_BUSY] = now->n_disks > 0 ? busy : NAN;
}

static void
add_pressure (const SysmonReading *now, SysmonFigures *figures)
{
  static const char *const tags[SYSMON_N_PRESSURES] = {
    [SYSMON_PRESSURE_CPU] = "pressure/cpu",
    [SYSMON_PRESSURE_MEMORY] = "pressure/memory",
    [SYSMON_PRESSURE_IO] = "pressure/io",
  };
  double most = NAN;

  for (guint i = 0; i < SYSMON_N_PRESSURES; i++)
    {
      if (!now->has_pressure[i])
        continue;
      sysmon_figures_add (figures, tags[i], now->pressure[i]);
      most = fmax (most, now->pressure[i]); /* fmax prefers the number */
    }
  figures->watched[SYSMON_ALARM_PRESSURE_HIGH] = most;
}

/**
 * sysmon_figures_make:
 * @before: the reading before
 * @now: the reading of now
 * @ret_figures: (out): shares in percent, rates in bytes a second
 *
 * Thread: any
 */
void
sysmon_figures_make (const SysmonReading *before,
                     const SysmonReading *now,
                     SysmonFigures       *ret_figures)
{
  ret_figures->n = 0;
  ret_figures->unix_us = now->taken_unix_us;
  ret_figures->mono_us = now->taken_us;
  add_cpus (before, now, ret_figures);
  add_memory (now, ret_figures);
  add_disk_and_network (before, now, ret_figures);
  add_pressure (now, ret_figures);
  sysmon_figures_add (ret_figures, "sysmon/rss-bytes", (double) now->own_rss_bytes);
}
