/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The term on disk: a small file with two checksummed 512-byte slots written in turn with O_DSYNC
 * (PROTOCOL.md section 2), by a thread of its own, so that neither a database checkpoint nor a
 * slow disk delays a heartbeat.
 */
#pragma once

#include "core/gemel-core.h"
#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _GemelTermFile GemelTermFile;

/**
 * GemelTermPersisted:
 *
 * Called in the file's thread, once per write in the order asked; must only queue.
 */
typedef void (*GemelTermPersisted) (guint64       persist_id,
                                    const GError *error, /* (nullable) */
                                    gpointer      user_data);

/* Opens or makes the file. A file whose both slots are torn is not an error: *ret_readable is
 * FALSE then, and the node is not eligible until an operator says so. */
GemelTermFile *gemel_term_file_open (const char        *path,
                                     GemelStable       *ret_stable,
                                     gboolean          *ret_readable,
                                     GemelTermPersisted persisted,
                                     gpointer           user_data,
                                     GError           **error) G_GNUC_WARN_UNUSED_RESULT;
void           gemel_term_file_write (GemelTermFile     *file,
                                      guint64            persist_id,
                                      const GemelStable *stable); /* any thread */
void           gemel_term_file_close (GemelTermFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelTermFile, gemel_term_file_close)

G_END_DECLS
