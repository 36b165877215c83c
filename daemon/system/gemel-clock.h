/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The two clocks. Boot time also runs while the machine is suspended, so it shows what a process
 * slept through; it orders and measures. Wall time is for people and for history.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gint64 gemel_clock_boot_us (void); /* CLOCK_BOOTTIME in µs */
gint64 gemel_clock_unix_us (void); /* CLOCK_REALTIME in µs */

G_END_DECLS
