/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Reads the files of /proc that sysmon-proc.c understands.
 */
#include "sysmon-proc.h"

#include <unistd.h>

typedef gboolean (*Parser) (const char *text, SysmonReading *reading, GError **error);

typedef struct
{
  const char *name;
  Parser      parse;
  gboolean    needed; /* a container may hide the others */
} ProcFile;

static const char *const pressure_files[SYSMON_N_PRESSURES] = {
  [SYSMON_PRESSURE_CPU] = "pressure/cpu",
  [SYSMON_PRESSURE_MEMORY] = "pressure/memory",
  [SYSMON_PRESSURE_IO] = "pressure/io",
};

static char *
load (const char *proc_dir, const char *name, GError **error)
{
  g_autofree char *path = g_build_filename (proc_dir, name, NULL);
  char            *text = NULL;

  if (g_file_get_contents (path, &text, NULL, error))
    return text;
  return NULL;
}

static gboolean
parse_own_memory (const char *text, SysmonReading *reading, GError **error)
{
  return sysmon_parse_statm (text, (gsize) sysconf (_SC_PAGESIZE), reading, error);
}

static gboolean
read_file (const ProcFile *file, const char *proc_dir, SysmonReading *reading, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autofree char   *text = load (proc_dir, file->name, &local_error);

  if (text != NULL)
    return file->parse (text, reading, error);
  if (!file->needed)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

/**
 * sysmon_read:
 * @proc_dir: "/proc", or a copy of one
 * @ret_reading: (out): what it says, with the time
 * @error: return location
 *
 * Returns: whether processors, memory and load could be read; what else is missing stays zero.
 * Errors: %G_FILE_ERROR, %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
sysmon_read (const char *proc_dir, SysmonReading *ret_reading, GError **error)
{
  static const ProcFile files[] = {
    { "stat", sysmon_parse_stat, TRUE },
    { "meminfo", sysmon_parse_meminfo, TRUE },
    { "loadavg", sysmon_parse_loadavg, TRUE },
    { "diskstats", sysmon_parse_diskstats, FALSE },
    { "net/dev", sysmon_parse_netdev, FALSE },
    { "self/statm", parse_own_memory, FALSE },
  };
  SysmonReading reading = { .taken_us = g_get_monotonic_time (),
                            .taken_unix_us = g_get_real_time () };

  for (guint i = 0; i < G_N_ELEMENTS (files); i++)
    {
      if (!read_file (&files[i], proc_dir, &reading, error))
        return FALSE;
    }
  for (guint i = 0; i < SYSMON_N_PRESSURES; i++)
    {
      g_autofree char *text = load (proc_dir, pressure_files[i], NULL);

      if (text != NULL && !sysmon_parse_pressure (text, (SysmonPressure) i, &reading, error))
        return FALSE;
    }
  *ret_reading = reading;
  return TRUE;
}
