/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Starting gemeld, and ending everything that it left behind.
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

G_BEGIN_DECLS

/* sysexits.h EX_CONFIG: starting it again would fail in the same way. */
#define GEMEL_GUARD_EXIT_CONFIG 78

gboolean gemel_guard_become_reaper (GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_guard_spawn (char   **argv,
                            pid_t   *ret_pid,
                            int     *ret_pidfd,
                            int     *ret_socket,
                            GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_guard_stop_descendants (gint64 timeout_us,
                                       guint *ret_n_stopped) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_guard_reap_orphans (pid_t gemeld);

G_END_DECLS
