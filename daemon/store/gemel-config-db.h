/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * config.db: records by provider and key, and the journal of their changes, in one transaction.
 *
 * An entry is one Write: a list of operations that happen together. Its chain hash is
 * SHA-256 (hash of the entry before || header || payload); layout in gemel-journal-entry.c.
 * The lineage is the identity of the journal: made with the database, taken over with a full
 * backup. base is the position below which entries are no longer kept.
 */
#pragma once

#include "api/gemel-names.h"
#include "core/gemel-position.h"
#include "store/gemel-worker.h"

G_BEGIN_DECLS

typedef struct _GemelConfigDb GemelConfigDb;

/** One change of one record. */
typedef struct
{
  char   *provider;
  char   *key;
  GBytes *value; /* (nullable): NULL deletes */
} GemelConfigOp;

GemelConfigOp *gemel_config_op_new (const char *provider,
                                    const char *key,
                                    GBytes     *value);
void           gemel_config_op_free (GemelConfigOp *op);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelConfigOp, gemel_config_op_free)

/** A journal entry as it travels and lies on disk. Immutable, counted. */
typedef struct
{
  GemelPosition position;   /* term, seq, hash of this entry */
  guint8        origin[16]; /* node uuid of the writer */
  gint64        unix_us;
  GBytes       *payload; /* encoded operations */
} GemelEntry;

/** Payload of one entry; leaves room for the headers of a frame. */
#define GEMEL_ENTRY_PAYLOAD_BYTES_MAX (GEMEL_FRAME_BYTES_MAX - 4096)
/** An encoded entry without its payload. */
#define GEMEL_ENTRY_HEADER_BYTES 80

GemelEntry *gemel_entry_new (const guint8 prev_hash[GEMEL_HASH_BYTES],
                             guint64      term,
                             guint64      seq,
                             const guint8 origin[16],
                             gint64       unix_us,
                             GBytes      *payload);
void        gemel_entry_compute_hash (const GemelEntry *entry,
                                      const guint8      prev_hash[GEMEL_HASH_BYTES],
                                      guint8            ret_hash[GEMEL_HASH_BYTES]);
GBytes     *gemel_config_ops_encode (GPtrArray *ops, /* of GemelConfigOp */
                                     GError   **error) G_GNUC_WARN_UNUSED_RESULT;
GemelEntry *gemel_entry_ref (GemelEntry *entry);
void        gemel_entry_unref (GemelEntry *entry);
GBytes     *gemel_entry_encode (const GemelEntry *entry);
GemelEntry *gemel_entry_decode (const guint8 *data,
                                gsize         size,
                                GError      **error) G_GNUC_WARN_UNUSED_RESULT;
/* of GemelConfigOp */
GPtrArray *gemel_entry_dup_ops (const GemelEntry *entry,
                                GError          **error) G_GNUC_WARN_UNUSED_RESULT;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelEntry, gemel_entry_unref)

typedef struct
{
  char          lineage[37];
  GemelPosition head;
  guint64       base_seq;
  guint64       n_records;
  guint64       journal_bytes;
  guint64       journal_entries;
  guint64       file_bytes;
} GemelConfigInfo;

/**
 * GemelConfigChanged:
 *
 * Called in the worker's thread after each commit that appended entries; must only queue.
 * @entries: (element-type GemelEntry): what was appended, in order
 */
typedef void (*GemelConfigChanged) (GPtrArray             *entries,
                                    const GemelConfigInfo *info,
                                    gpointer               user_data);

GemelConfigDb *gemel_config_db_open (const char        *path,
                                     const guint8       node_uuid[16],
                                     GemelConfigChanged changed,
                                     gpointer           user_data,
                                     GError           **error) G_GNUC_WARN_UNUSED_RESULT;
void           gemel_config_db_close (GemelConfigDb *db);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelConfigDb, gemel_config_db_close)

/* any thread: a copy kept after each commit */
void gemel_config_db_get_info (GemelConfigDb   *db,
                               GemelConfigInfo *ret_info);

/* Writer (the node that has the authority). */
void     gemel_config_db_write_async (GemelConfigDb      *db,
                                      guint64             term,
                                      GPtrArray          *ops, /* of GemelConfigOp, transfer full */
                                      GCancellable       *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer            user_data);
gboolean gemel_config_db_write_finish (GemelConfigDb *db,
                                       GAsyncResult  *result,
                                       GemelPosition *ret_position,
                                       GError       **error) G_GNUC_WARN_UNUSED_RESULT;

/* Puller. Verifies sequence and chain hash of each entry; all or nothing. */
void     gemel_config_db_apply_async (GemelConfigDb      *db,
                                      GPtrArray          *entries, /* of GemelEntry */
                                      GCancellable       *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer            user_data);
gboolean gemel_config_db_apply_finish (GemelConfigDb *db,
                                       GAsyncResult  *result,
                                       GError       **error) G_GNUC_WARN_UNUSED_RESULT;

/* Reading records. */
void    gemel_config_db_get_async (GemelConfigDb      *db,
                                   const char         *provider,
                                   const char         *key,
                                   GCancellable       *cancellable,
                                   GAsyncReadyCallback callback,
                                   gpointer            user_data);
GBytes *gemel_config_db_get_finish (GemelConfigDb *db,
                                    GAsyncResult  *result,
                                    GError       **error) G_GNUC_WARN_UNUSED_RESULT; /* NOT_FOUND */

typedef struct
{
  char   *provider;
  char   *key;
  GBytes *value;
  guint64 seq; /* of the entry that wrote it */
} GemelConfigRecord;
void gemel_config_record_free (GemelConfigRecord *record);

/* Paged: keys after @after_key (provider fixed) or providers and keys when @provider is NULL. */
void       gemel_config_db_list_async (GemelConfigDb      *db,
                                       const char         *provider,  /* (nullable) */
                                       const char         *prefix,    /* (nullable) */
                                       const char         *after_key, /* (nullable) */
                                       guint               limit,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data);
GPtrArray *gemel_config_db_list_finish (GemelConfigDb *db,
                                        GAsyncResult  *result,
                                        GError       **error) G_GNUC_WARN_UNUSED_RESULT;

/* Source of a pull: the facts for gemel_position_plan (), then pages of the tail. */
void       gemel_config_db_facts_async (GemelConfigDb       *db,
                                        const char          *puller_lineage,
                                        const GemelPosition *puller,
                                        GCancellable        *cancellable,
                                        GAsyncReadyCallback  callback,
                                        gpointer             user_data);
gboolean   gemel_config_db_facts_finish (GemelConfigDb    *db,
                                         GAsyncResult     *result,
                                         GemelSourceFacts *ret_facts,
                                         GError          **error) G_GNUC_WARN_UNUSED_RESULT;
void       gemel_config_db_read_tail_async (GemelConfigDb      *db,
                                            guint64             after_seq,
                                            gsize               bytes_max,
                                            GCancellable       *cancellable,
                                            GAsyncReadyCallback callback,
                                            gpointer            user_data);
GPtrArray *gemel_config_db_read_tail_finish (GemelConfigDb *db,
                                             GAsyncResult  *result,
                                             GError       **error) G_GNUC_WARN_UNUSED_RESULT;

/* Full backup: online backup on the worker's own connection, a few pages between two jobs, so
 * that writers go on (from another connection it would restart for ever). */
typedef void (*GemelBackupProgress) (guint    pages_done,
                                     guint    pages_total,
                                     gpointer user_data); /* worker's thread */
void     gemel_config_db_backup_async (GemelConfigDb      *db,
                                       const char         *dest_path,
                                       GemelBackupProgress progress,
                                       gpointer            progress_data,
                                       GCancellable       *cancellable,
                                       GAsyncReadyCallback callback,
                                       gpointer            user_data);
gboolean gemel_config_db_backup_finish (GemelConfigDb *db,
                                        GAsyncResult  *result,
                                        GemelPosition *ret_position, /* head inside the copy */
                                        GError       **error) G_GNUC_WARN_UNUSED_RESULT;

/* Puller: verify @staged_path (integrity, lineage, head), keep the present file as @keep_path when
 * that is not NULL, put the staged one in its place by one rename, reopen. A crash leaves the old
 * or the new one, never a mixture. */
void     gemel_config_db_replace_async (GemelConfigDb       *db,
                                        const char          *staged_path,
                                        const GemelPosition *expected_head,
                                        const char          *keep_path, /* (nullable) */
                                        GCancellable        *cancellable,
                                        GAsyncReadyCallback  callback,
                                        gpointer             user_data);
gboolean gemel_config_db_replace_finish (GemelConfigDb *db,
                                         GAsyncResult  *result,
                                         GError       **error) G_GNUC_WARN_UNUSED_RESULT;

/* Keeps the newest entries up to these limits; older ones leave, base moves up. */
void gemel_config_db_set_limits (GemelConfigDb *db,
                                 guint64        journal_bytes_max,
                                 guint64        journal_entries_max);

G_END_DECLS
