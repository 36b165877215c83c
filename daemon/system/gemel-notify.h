/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * sd_notify (3) in a few lines: READY=1, STATUS=, WATCHDOG=1, STOPPING=1. Without NOTIFY_SOCKET
 * every call does nothing. Any thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void   gemel_notify (const char *text);
gint64 gemel_notify_get_watchdog_us (void); /* 0: no watchdog is asked for */

G_END_DECLS
