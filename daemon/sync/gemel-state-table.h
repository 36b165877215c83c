/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The keys of one provider: a hash table of entries, each one allocation that holds key and value.
 * Internal to the state store.
 */
#pragma once

#include "sync/gemel-state.h"

G_BEGIN_DECLS

/** One key. Counted, because a walk may still look at one that left the table. */
typedef struct
{
  const char *key; /* its own, or a caller's while it only asks */
  guint64     hash;
  guint64     epoch;
  guint64     seq;
  guint32     refs;
  guint32     value_bytes;
  guint32     value_room;
  guint16     key_bytes;
  gboolean    dead;   /* no longer in the table */
  guint8      data[]; /* key, 0, value */
} GemelStateEntry;

struct _GemelStateTable
{
  GHashTable *entries; /* set of GemelStateEntry */
  GPtrArray  *sorted;  /* (nullable): of the same entries, made when somebody lists */
  guint64     bytes;
};

GemelStateTable *gemel_state_table_new (void);
void             gemel_state_table_free (GemelStateTable *table);
void             gemel_state_table_change (GemelStateTable        *table,
                                           const GemelStateChange *change,
                                           guint64                 epoch,
                                           guint64                 seq);
GemelStateEntry *gemel_state_table_find (GemelStateTable *table,
                                         const char      *key,
                                         gsize            key_bytes);
GPtrArray       *gemel_state_table_get_sorted (GemelStateTable *table);
GPtrArray       *gemel_state_table_ref_entries (GemelStateTable *table);

static inline const guint8 *
gemel_state_entry_get_value (const GemelStateEntry *entry)
{
  return entry->data + entry->key_bytes + 1;
}

static inline guint64
gemel_state_entry_cost (gsize key_bytes,
                        gsize value_bytes)
{
  return GEMEL_STATE_ENTRY_COST + key_bytes + value_bytes;
}

G_END_DECLS
