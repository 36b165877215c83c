/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The file of a full backup, read in chunks on one side and written on the other, with SHA-256 over
 * all of it. Reading, hashing and writing happen in pool threads, so that 1 GB never stands before
 * a state delta. One operation of a copy at a time; results come back in the caller's context.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define GEMEL_COPY_HASH_BYTES 32

typedef struct _GemelFullCopy GemelFullCopy;

GemelFullCopy *gemel_full_copy_open_source (const char *path,
                                            guint64    *ret_size,
                                            GError    **error) G_GNUC_WARN_UNUSED_RESULT;
GemelFullCopy *gemel_full_copy_open_stage (const char *path,
                                           GError    **error) G_GNUC_WARN_UNUSED_RESULT;
GemelFullCopy *gemel_full_copy_ref (GemelFullCopy *copy);
void           gemel_full_copy_unref (GemelFullCopy *copy);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelFullCopy, gemel_full_copy_unref)
const char *gemel_full_copy_get_path (GemelFullCopy *copy);

void gemel_full_copy_read_async (GemelFullCopy      *copy,
                                 GCancellable       *cancellable,
                                 GAsyncReadyCallback callback,
                                 gpointer            user_data);
/* empty: the end */
GBytes *gemel_full_copy_read_finish (GemelFullCopy *copy,
                                     GAsyncResult  *result,
                                     GError       **error) G_GNUC_WARN_UNUSED_RESULT;

void     gemel_full_copy_write_async (GemelFullCopy      *copy,
                                      GPtrArray          *chunks,
                                      GCancellable       *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer            user_data);
gboolean gemel_full_copy_write_finish (GemelFullCopy *copy,
                                       GAsyncResult  *result,
                                       GError       **error) G_GNUC_WARN_UNUSED_RESULT;

void     gemel_full_copy_seal_async (GemelFullCopy      *copy,
                                     const guint8        hash[GEMEL_COPY_HASH_BYTES],
                                     guint64             size,
                                     GCancellable       *cancellable,
                                     GAsyncReadyCallback callback,
                                     gpointer            user_data);
gboolean gemel_full_copy_seal_finish (GemelFullCopy *copy,
                                      GAsyncResult  *result,
                                      GError       **error) G_GNUC_WARN_UNUSED_RESULT;

void gemel_full_copy_get_hash (GemelFullCopy *copy,
                               guint8         ret_hash[GEMEL_COPY_HASH_BYTES]);

G_END_DECLS
