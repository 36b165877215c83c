/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What every SQLite handle of Gemel has in common: how it is opened, and the one place where
 * SQLite's result codes become GEMEL_ERROR. No policy about jobs or tables.
 */
#pragma once

#include "store/gemel-worker.h"

G_BEGIN_DECLS

void     gemel_sqlite_set_error (GError    **error,
                                 sqlite3    *db,
                                 int         rc,
                                 const char *what);
sqlite3 *gemel_sqlite_open (const char *path,
                            GError    **error) G_GNUC_WARN_UNUSED_RESULT;
sqlite3 *gemel_sqlite_open_copy (const char *path,
                                 GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_sqlite_exec (sqlite3    *db,
                            const char *sql,
                            GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_sqlite_get_int (sqlite3    *db,
                               const char *sql,
                               gint64     *ret_value,
                               GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_sqlite_migrate (sqlite3              *db,
                               const GemelMigration *migrations,
                               guint                 n_migrations,
                               GError              **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
