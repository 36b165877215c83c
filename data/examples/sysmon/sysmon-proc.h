/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the kernel counts, as /proc tells it: raw counters at one moment.
 *
 * Each file has its parser, which takes the text, so that a machine that is not this one can be
 * tried. A parser refuses what it does not understand and names the file; it never guesses.
 */
#pragma once

#include "api/gemel-error.h"

G_BEGIN_DECLS

#define SYSMON_CPUS_MAX        64
#define SYSMON_DISKS_MAX       32
#define SYSMON_DISK_NAME_BYTES 32

typedef struct
{
  guint64 busy;  /* ticks since boot */
  guint64 total; /* ticks since boot */
} SysmonCpu;

typedef struct
{
  char    name[SYSMON_DISK_NAME_BYTES];
  guint64 busy_ms; /* since boot */
} SysmonDisk;

typedef enum
{
  SYSMON_PRESSURE_CPU,
  SYSMON_PRESSURE_MEMORY,
  SYSMON_PRESSURE_IO,
} SysmonPressure;
#define SYSMON_N_PRESSURES 3

/** One moment. Counters grow since boot; the rest are figures of now. */
typedef struct
{
  gint64     taken_us;      /* monotonic */
  gint64     taken_unix_us; /* wall clock */
  SysmonCpu  cpu_total;
  SysmonCpu  cpu[SYSMON_CPUS_MAX];
  guint      n_cpus;
  guint64    memory_total_kib;
  guint64    memory_available_kib;
  guint64    swap_used_kib;
  SysmonDisk disk[SYSMON_DISKS_MAX]; /* whole disks, no partitions */
  guint      n_disks;
  guint64    disk_read_bytes;
  guint64    disk_written_bytes;
  guint64    network_received_bytes; /* all interfaces but loopback */
  guint64    network_sent_bytes;
  double     load[3];                          /* 1, 5, 15 minutes */
  double     pressure[SYSMON_N_PRESSURES];     /* percent of the last 10 s that some task waited */
  gboolean   has_pressure[SYSMON_N_PRESSURES]; /* the kernel can be built without it */
  guint64    own_rss_bytes;
} SysmonReading;

gboolean sysmon_parse_stat (const char *text, SysmonReading *reading, GError **error)
  G_GNUC_WARN_UNUSED_RESULT;
gboolean sysmon_parse_meminfo (const char *text, SysmonReading *reading, GError **error)
  G_GNUC_WARN_UNUSED_RESULT;
gboolean sysmon_parse_diskstats (const char *text, SysmonReading *reading, GError **error)
  G_GNUC_WARN_UNUSED_RESULT;
gboolean sysmon_parse_netdev (const char *text, SysmonReading *reading, GError **error)
  G_GNUC_WARN_UNUSED_RESULT;
gboolean sysmon_parse_loadavg (const char *text, SysmonReading *reading, GError **error)
  G_GNUC_WARN_UNUSED_RESULT;
gboolean sysmon_parse_pressure (const char    *text,
                                SysmonPressure kind,
                                SysmonReading *reading,
                                GError       **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean
sysmon_parse_statm (const char *text, gsize page_bytes, SysmonReading *reading, GError **error)
  G_GNUC_WARN_UNUSED_RESULT;

gboolean sysmon_read (const char *proc_dir, SysmonReading *ret_reading, GError **error)
  G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
