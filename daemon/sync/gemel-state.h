/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Runtime state in memory: provider -> key -> value with its version, and the deltas that a peer
 * may still lack. Pure: no I/O, no clock, no threads.
 *
 * On the active node gemel_state_store_post () gives each change the next place (epoch, seq) and
 * keeps the batch, encoded once, in a buffer bounded by bytes; the sender walks through it with a
 * cursor. On the other node gemel_state_store_apply () takes the same bytes. A full state arrives
 * in parts beside the present one and is swapped in at its end.
 *
 * A full state is not a frozen copy: the sender walks the keys while changes go on and sends those
 * as deltas in between. Operations are absolute (set, delete), so the receiver that takes both in
 * the order of sending holds exactly the sender's state when the walk has ended and all deltas made
 * until then have arrived. Layouts of op, item, DELTA and ITEMS: gemel-sync-wire.h.
 */
#pragma once

#include "core/gemel-position.h"
#include "sync/gemel-rates.h"

G_BEGIN_DECLS

#define GEMEL_STATE_PROVIDERS_MAX 256
#define GEMEL_STATE_ENTRY_COST    64          /* bytes counted for a key besides key and value */
#define GEMEL_STATE_WALK_BYTES    (64 * 1024) /* one part of a full state */
#define GEMEL_OP_DELETE           0
#define GEMEL_OP_SET              1
#define GEMEL_OP_HEAD_BYTES       8
#define GEMEL_ITEM_HEAD_BYTES     24
#define GEMEL_DELTA_HEAD_BYTES    24

typedef struct _GemelStateStore GemelStateStore;
typedef struct _GemelStateTable GemelStateTable;

/** One change of one key, as it lies in a batch. Pointers into the batch. */
typedef struct
{
  const char   *key; /* not terminated */
  guint16       key_bytes;
  gboolean      set;
  const guint8 *value;
  guint32       value_bytes;
} GemelStateChange;

/** A provider of runtime state. Lives as long as the store. */
typedef struct
{
  char             name[65];
  guint16          name_bytes;
  GemelStateTable *table;
  GemelStateTable *staged; /* (nullable): while a full state arrives */
  guint64          entries;
  guint64          bytes;
  guint64          pending;    /* ops in the buffer that the peer has not confirmed */
  GemelRate        queued;     /* ops posted here, or applied from the peer */
  GemelRate        dispatched; /* ops that the peer confirmed */
} GemelStateProvider;

/** A batch in the buffer: the body of a DELTA frame. */
typedef struct _GemelStateSegment
{
  struct _GemelStateSegment *next;
  GemelStateProvider        *provider;
  guint64                    first_seq;
  guint32                    n_ops;
  guint32                    size;
  guint8                     data[];
} GemelStateSegment;

/** Called inside post, apply and commit; must not call back into the store. */
typedef struct
{
  void (*changed) (GemelStateProvider *provider,
                   guint64             epoch,
                   guint64             first_seq,
                   guint               n_ops,
                   const guint8       *ops,
                   gsize               size,
                   gpointer            user_data);
  void (*replaced) (gpointer user_data); /* a full state took the place of everything */
} GemelStateCallbacks;

gboolean gemel_state_next_change (const guint8    **ops,
                                  gsize            *left,
                                  GemelStateChange *ret_change);
gboolean gemel_state_ops_check (const guint8 *ops,
                                gsize         size,
                                guint         n_ops,
                                GError      **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_state_ops_append (GByteArray   *ops,
                                 const char   *key,
                                 gconstpointer value,
                                 gsize         value_bytes,
                                 gboolean      set);

GemelStateStore *gemel_state_store_new (guint64                    buffer_bytes_max,
                                        guint64                    bytes_max,
                                        const GemelStateCallbacks *callbacks,
                                        gpointer                   user_data);
void             gemel_state_store_free (GemelStateStore *store);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelStateStore, gemel_state_store_free)

GemelStatePosition gemel_state_store_get_position (const GemelStateStore *store);
/* of GemelStateProvider */
GPtrArray          *gemel_state_store_get_providers (GemelStateStore *store);
GemelStateProvider *gemel_state_store_find (GemelStateStore *store,
                                            const char      *name);

/* Source. */
void     gemel_state_store_set_epoch (GemelStateStore *store,
                                      guint64          epoch);
gboolean gemel_state_store_post (GemelStateStore *store,
                                 const char      *provider,
                                 const guint8    *ops,
                                 gsize            size,
                                 guint            n_ops,
                                 gint64           now_us,
                                 GError         **error) G_GNUC_WARN_UNUSED_RESULT;
/* The buffer: seek to a position, then take batch after batch. */
guint64                  gemel_state_store_get_oldest_seq (const GemelStateStore *store);
void                     gemel_state_store_seek (GemelStateStore *store,
                                                 guint64          seq);
const GemelStateSegment *gemel_state_store_take_unsent (GemelStateStore *store);
gboolean                 gemel_state_store_has_unsent (const GemelStateStore *store);
gboolean                 gemel_state_store_is_overflown (const GemelStateStore *store);
void                     gemel_state_store_confirm (GemelStateStore *store,
                                                    guint64          seq,
                                                    gint64           now_us);

/** A walk through the keys for a full state. */
typedef struct _GemelStateWalk GemelStateWalk;
/* (nullable): all */
GemelStateWalk *gemel_state_walk_new (GemelStateStore *store,
                                      const char      *provider);
/* FALSE: nothing was left */
gboolean gemel_state_walk_next (GemelStateWalk *walk,
                                GByteArray     *items);
void     gemel_state_walk_free (GemelStateWalk *walk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelStateWalk, gemel_state_walk_free)

/* Puller. */
gboolean gemel_state_store_apply (GemelStateStore *store,
                                  const guint8    *delta,
                                  gsize            size,
                                  gint64           now_us,
                                  GError         **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_state_store_begin_full (GemelStateStore *store);
gboolean gemel_state_store_add_items (GemelStateStore *store,
                                      const guint8    *items,
                                      gsize            size,
                                      GError         **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_state_store_is_in_full (const GemelStateStore *store);
void     gemel_state_store_commit_full (GemelStateStore          *store,
                                        const GemelStatePosition *position);
void     gemel_state_store_abort_full (GemelStateStore *store);

/* Reading. */
GBytes   *gemel_state_store_dup_value (GemelStateStore    *store,
                                       const char         *provider,
                                       const char         *key,
                                       GemelStatePosition *ret_version,
                                       GError            **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *gemel_state_store_list (GemelStateStore *store,
                                  const char      *provider,
                                  const char      *prefix,
                                  const char      *after_key,
                                  guint            limit,
                                  GError         **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
