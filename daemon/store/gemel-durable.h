/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Steps on files that are on disk when they return. Blocking: never on a main context.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

void     gemel_durable_set_errno (GError    **error,
                                  int         code,
                                  const char *what,
                                  const char *path);
gboolean gemel_durable_ensure_file (const char *path,
                                    GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_durable_sync_file (const char *path,
                                  GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_durable_sync_dir_of (const char *path,
                                    GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_durable_rename (const char *from,
                               const char *to,
                               GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_durable_keep (const char *path,
                             const char *keep_path,
                             GError    **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
