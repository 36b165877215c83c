/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Parsers of /proc. Texts are those of proc(5); counters are unsigned and wrap nowhere in practice.
 */
#include "sysmon-proc.h"

#include <string.h>

#define SECTOR_BYTES 512u /* of /proc/diskstats, whatever the disk has */

static gboolean
fail (GError **error, const char *file, const char *what)
{
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
               "/proc/%s: %s; is this Linux's own /proc?", file, what);
  return FALSE;
}

/* Reads up to n numbers that stand with blanks between them; returns how many there were. */
static guint
take_numbers (const char *text, guint64 *ret_numbers, guint n)
{
  guint found = 0;

  while (found < n)
    {
      char *end = NULL;

      while (*text == ' ' || *text == '\t')
        text++;
      if (!g_ascii_isdigit (*text))
        break;
      ret_numbers[found] = g_ascii_strtoull (text, &end, 10);
      text = end;
      found++;
    }
  return found;
}

/* The line after this one; NULL after the last one. */
static const char *
next_line (const char *line)
{
  const char *end = strchr (line, '\n');

  return end != NULL && end[1] != '\0' ? end + 1 : NULL;
}

/**
 * sysmon_parse_stat:
 * @text: /proc/stat
 * @reading: (inout): gets the cpu counters
 * @error: return location
 *
 * More processors than %SYSMON_CPUS_MAX count in the total only.
 *
 * Returns: whether the total was found.
 * Errors: %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
sysmon_parse_stat (const char *text, SysmonReading *reading, GError **error)
{
  gboolean found = FALSE;

  reading->n_cpus = 0;
  for (const char *line = text; line != NULL && g_str_has_prefix (line, "cpu");
       line = next_line (line))
    {
      const gboolean is_total = line[3] == ' ';
      const char    *numbers = line + 3 + strspn (line + 3, "0123456789");
      guint64        n[8] = { 0 }; /* user nice system idle iowait irq softirq steal */
      SysmonCpu      cpu = { 0 };

      if (take_numbers (numbers, n, 8) < 4)
        return fail (error, "stat", "a cpu line has too few numbers");
      for (guint i = 0; i < 8; i++)
        cpu.total += n[i];
      cpu.busy = cpu.total - n[3] - n[4];
      if (is_total)
        reading->cpu_total = cpu;
      else if (reading->n_cpus < SYSMON_CPUS_MAX)
        reading->cpu[reading->n_cpus++] = cpu;
      found = found || is_total;
    }
  return found || fail (error, "stat", "no line begins with cpu");
}

static gboolean
find_kib (const char *text, const char *name, guint64 *ret_kib)
{
  const gsize bytes = strlen (name);

  for (const char *line = text; line != NULL; line = next_line (line))
    {
      if (strncmp (line, name, bytes) == 0 && line[bytes] == ':')
        return take_numbers (line + bytes + 1, ret_kib, 1) == 1;
    }
  return FALSE;
}

/**
 * sysmon_parse_meminfo:
 * @text: /proc/meminfo
 * @reading: (inout): gets the memory figures
 * @error: return location
 *
 * Returns: whether total and available memory were found; without swap there is none in use.
 * Errors: %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
sysmon_parse_meminfo (const char *text, SysmonReading *reading, GError **error)
{
  guint64 total = 0;
  guint64 available = 0;
  guint64 swap_total = 0;
  guint64 swap_free = 0;

  if (!find_kib (text, "MemTotal", &total) || total == 0 ||
      !find_kib (text, "MemAvailable", &available))
    return fail (error, "meminfo", "MemTotal or MemAvailable is missing");
  (void) find_kib (text, "SwapTotal", &swap_total);
  (void) find_kib (text, "SwapFree", &swap_free);
  reading->memory_total_kib = total;
  reading->memory_available_kib = MIN (available, total);
  reading->swap_used_kib = swap_total - MIN (swap_free, swap_total);
  return TRUE;
}

/* Partitions follow their disk: "sda1" after "sda", "nvme0n1p1" after "nvme0n1". What is layered
 * over disks would count twice, and loop devices are files. */
static gboolean
is_whole_disk (const char *name, const SysmonReading *reading)
{
  static const char *const others[] = { "loop", "ram", "zram", "dm-", "md", "sr", "nbd", "fd" };

  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    {
      if (g_str_has_prefix (name, others[i]))
        return FALSE;
    }
  for (guint i = 0; i < reading->n_disks; i++)
    {
      const char *disk = reading->disk[i].name;
      const char *rest = name + strlen (disk);

      if (g_str_has_prefix (name, disk) && (*rest == 'p' || g_ascii_isdigit (*rest)))
        return FALSE;
    }
  return TRUE;
}

/**
 * sysmon_parse_diskstats:
 * @text: /proc/diskstats
 * @reading: (inout): gets the disks
 * @error: return location
 *
 * Returns: whether every line could be read; a machine without disks has none.
 * Errors: %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
sysmon_parse_diskstats (const char *text, SysmonReading *reading, GError **error)
{
  guint64 sectors_read = 0;
  guint64 sectors_written = 0;

  reading->n_disks = 0;
  for (const char *line = *text != '\0' ? text : NULL; line != NULL; line = next_line (line))
    {
      const char      *name = line + strspn (line, " 0123456789");
      const gsize      bytes = strcspn (name, " \n");
      g_autofree char *disk = g_strndup (name, bytes);
      guint64          n[10] = { 0 };

      if (bytes == 0 || take_numbers (name + bytes, n, 10) < 10)
        return fail (error, "diskstats", "a line has too few numbers");
      if (bytes >= SYSMON_DISK_NAME_BYTES || reading->n_disks >= SYSMON_DISKS_MAX ||
          !is_whole_disk (disk, reading))
        continue;
      (void) g_strlcpy (reading->disk[reading->n_disks].name, disk, SYSMON_DISK_NAME_BYTES);
      reading->disk[reading->n_disks++].busy_ms = n[9];
      sectors_read += n[2];
      sectors_written += n[6];
    }
  reading->disk_read_bytes = sectors_read * SECTOR_BYTES;
  reading->disk_written_bytes = sectors_written * SECTOR_BYTES;
  return TRUE;
}

/**
 * sysmon_parse_netdev:
 * @text: /proc/net/dev
 * @reading: (inout): gets the bytes of all interfaces but loopback
 * @error: return location
 *
 * Returns: whether every line could be read.
 * Errors: %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
sysmon_parse_netdev (const char *text, SysmonReading *reading, GError **error)
{
  guint64 received = 0;
  guint64 sent = 0;

  for (const char *line = *text != '\0' ? text : NULL; line != NULL; line = next_line (line))
    {
      const char *name = line + strspn (line, " ");
      const gsize bytes = strcspn (name, ":|\n");
      guint64     n[9] = { 0 };

      if (name[bytes] == '|') /* the two lines of the head */
        continue;
      if (name[bytes] != ':' || take_numbers (name + bytes + 1, n, 9) < 9)
        return fail (error, "net/dev", "a line has too few numbers");
      if (bytes == 2 && strncmp (name, "lo", 2) == 0)
        continue;
      received += n[0];
      sent += n[8];
    }
  reading->network_received_bytes = received;
  reading->network_sent_bytes = sent;
  return TRUE;
}

/* A number that is no date, no infinity and not negative. */
static gboolean
take_decimal (const char *text, const char **ret_end, double *ret_value)
{
  char  *end = NULL;
  double value;

  if (!g_ascii_isdigit (*text))
    return FALSE;
  value = g_ascii_strtod (text, &end);
  *ret_end = end;
  *ret_value = value;
  return TRUE;
}

/**
 * sysmon_parse_loadavg:
 * @text: /proc/loadavg
 * @reading: (inout): gets the three loads
 * @error: return location
 *
 * Returns: whether they are there.
 * Errors: %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
sysmon_parse_loadavg (const char *text, SysmonReading *reading, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (reading->load); i++)
    {
      text += strspn (text, " ");
      if (!take_decimal (text, &text, &reading->load[i]))
        return fail (error, "loadavg", "there are no three numbers");
    }
  return TRUE;
}

/**
 * sysmon_parse_pressure:
 * @text: a file of /proc/pressure
 * @kind: which one
 * @reading: (inout): gets the share of time, in percent
 * @error: return location
 *
 * Returns: whether the figure is there.
 * Errors: %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
sysmon_parse_pressure (const char    *text,
                       SysmonPressure kind,
                       SysmonReading *reading,
                       GError       **error)
{
  static const char begin[] = "some avg10=";
  const char       *end = NULL;

  reading->has_pressure[kind] =
    g_str_has_prefix (text, begin) &&
    take_decimal (text + strlen (begin), &end, &reading->pressure[kind]);
  return reading->has_pressure[kind] || fail (error, "pressure", "no line begins with some avg10=");
}

/**
 * sysmon_parse_statm:
 * @text: /proc/self/statm
 * @page_bytes: size of a page
 * @reading: (inout): gets the memory of this process
 * @error: return location
 *
 * Returns: whether the figure is there.
 * Errors: %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
sysmon_parse_statm (const char *text, gsize page_bytes, SysmonReading *reading, GError **error)
{
  guint64 n[2] = { 0 };

  if (take_numbers (text, n, 2) < 2)
    return fail (error, "self/statm", "there are no two numbers");
  reading->own_rss_bytes = n[1] * page_bytes;
  return TRUE;
}
