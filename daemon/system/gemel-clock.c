/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The two clocks. Neither call can fail with these clock ids and a valid pointer.
 */
#include "system/gemel-clock.h"

#include <time.h>

static gint64
read_us (clockid_t id)
{
  struct timespec now;

  (void) clock_gettime (id, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/**
 * gemel_clock_boot_us:
 *
 * Returns: time since the machine started, suspended time included, in µs.
 * Thread: any
 */
gint64
gemel_clock_boot_us (void)
{
  return read_us (CLOCK_BOOTTIME);
}

/**
 * gemel_clock_unix_us:
 *
 * Returns: wall clock, in µs since 1970 UTC.
 * Thread: any
 */
gint64
gemel_clock_unix_us (void)
{
  return read_us (CLOCK_REALTIME);
}
