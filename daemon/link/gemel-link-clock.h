/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The two clocks of the link thread. It is a header of its own because link/ stands below system/.
 */
#pragma once

#include <glib.h>
#include <time.h>

static inline gint64
gemel_link_clock_us (clockid_t clock)
{
  struct timespec now;

  (void) clock_gettime (clock, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static inline gint64
gemel_link_boot_us (void)
{
  return gemel_link_clock_us (CLOCK_BOOTTIME);
}

static inline gint64
gemel_link_unix_us (void)
{
  return gemel_link_clock_us (CLOCK_REALTIME);
}
