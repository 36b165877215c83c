/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the files of the configuration database share: writing (gemel-config-db.c), reading
 * (gemel-config-read.c) and whole copies (gemel-config-copy.c). Nobody else includes this.
 */
#pragma once

#include "store/gemel-config-db.h"

G_BEGIN_DECLS

struct _GemelConfigDb
{
  GemelWorker       *worker;
  guint8             node_uuid[16];
  char              *path;
  GemelConfigChanged changed; /* (nullable) */
  gpointer           user_data;

  /* The worker's thread only. */
  GemelConfigInfo working;   /* with the group that is under way */
  GemelConfigInfo committed; /* as on disk */
  gboolean        is_stale;  /* the file was replaced and could not be read since */
  GPtrArray      *appended;  /* of GemelEntry: by the group that is under way */

  GMutex          mutex;         /* guards what follows */
  GemelConfigInfo published;     /* copy of committed, for any thread */
  gsize           waiting_bytes; /* payloads of writes and applies in the queue */
  guint64         journal_bytes_max;
  guint64         journal_entries_max;
};

gboolean    gemel_config_db_load_info (GemelWorker     *worker,
                                       GemelConfigInfo *ret_info,
                                       GError         **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean    gemel_config_db_ensure_loaded (GemelConfigDb *db,
                                           GError       **error) G_GNUC_WARN_UNUSED_RESULT;
void        gemel_config_db_publish (GemelConfigDb *db);
gboolean    gemel_config_db_read_meta (sqlite3         *handle,
                                       GemelConfigInfo *ret_info,
                                       GError         **error) G_GNUC_WARN_UNUSED_RESULT;
GemelEntry *gemel_config_entry_from_row (sqlite3_stmt *stmt,
                                         GError      **error) G_GNUC_WARN_UNUSED_RESULT;

/* Columns in the order that gemel_config_entry_from_row () reads. */
#define GEMEL_CONFIG_ENTRY_COLUMNS "seq, term, origin, unix_us, hash, payload"

G_END_DECLS
