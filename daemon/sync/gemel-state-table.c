/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A table of keys made for many small changes of the same keys: a value that fits is overwritten in
 * place, so that a steady flow of updates allocates nothing.
 */
#include "sync/gemel-state-table.h"

#include <string.h>

#define VALUE_ROOM_ALIGN 16

static guint64
hash_bytes (const char *data,
            gsize       size)
{
  guint64 hash = size * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  while (size > 0)
    {
      guint64 word = 0;
      gsize   n = MIN (size, sizeof word);

      memcpy (&word, data, n);
      hash = (hash ^ word) * G_GUINT64_CONSTANT (0xff51afd7ed558ccd);
      hash ^= hash >> 32;
      data += n;
      size -= n;
    }
  return hash;
}

static guint
entry_hash (gconstpointer entry)
{
  return (guint) ((const GemelStateEntry *) entry)->hash;
}

static gboolean
entry_equal (gconstpointer a,
             gconstpointer b)
{
  const GemelStateEntry *left = a;
  const GemelStateEntry *right = b;

  return left->hash == right->hash && left->key_bytes == right->key_bytes &&
         memcmp (left->key, right->key, left->key_bytes) == 0;
}

static void
entry_unref (gpointer data)
{
  GemelStateEntry *entry = data;

  if (--entry->refs == 0)
    g_free (entry);
}

/* The table lets go of an entry; a walk that holds it must not send it any more. */
static void
entry_leave (gpointer data)
{
  GemelStateEntry *entry = data;

  entry->dead = TRUE;
  entry_unref (entry);
}

static GemelStateEntry *
entry_new (const GemelStateChange *change,
           guint64                 hash)
{
  guint32          steps = (change->value_bytes + VALUE_ROOM_ALIGN - 1) / VALUE_ROOM_ALIGN;
  guint32          room = steps * VALUE_ROOM_ALIGN;
  GemelStateEntry *entry = g_malloc (sizeof *entry + change->key_bytes + 1 + room);

  *entry = (GemelStateEntry){
    .key = (const char *) entry->data,
    .hash = hash,
    .refs = 1,
    .value_room = room,
    .key_bytes = change->key_bytes,
  };
  memcpy (entry->data, change->key, change->key_bytes);
  entry->data[change->key_bytes] = 0;
  return entry;
}

/**
 * gemel_state_table_new:
 *
 * Returns: (transfer full): an empty table.
 * Thread: the owner's
 */
GemelStateTable *
gemel_state_table_new (void)
{
  GemelStateTable *table = g_new0 (GemelStateTable, 1);

  table->entries = g_hash_table_new_full (entry_hash, entry_equal, entry_leave, NULL);
  return table;
}

/**
 * gemel_state_table_free:
 * @table: (nullable): a table
 *
 * Thread: the owner's
 */
void
gemel_state_table_free (GemelStateTable *table)
{
  if (table == NULL)
    return;
  g_clear_pointer (&table->sorted, g_ptr_array_unref);
  g_hash_table_unref (table->entries);
  g_free (table);
}

static GemelStateEntry *
lookup (GemelStateTable *table,
        const char      *key,
        gsize            key_bytes,
        guint64          hash)
{
  GemelStateEntry probe = { .key = key, .hash = hash, .key_bytes = (guint16) key_bytes };

  return g_hash_table_lookup (table->entries, &probe);
}

/**
 * gemel_state_table_find:
 * @table: a table
 * @key: a key, not necessarily terminated
 * @key_bytes: its length
 *
 * Returns: (transfer none) (nullable): the entry.
 * Thread: the owner's
 */
GemelStateEntry *
gemel_state_table_find (GemelStateTable *table,
                        const char      *key,
                        gsize            key_bytes)
{
  if (key_bytes > G_MAXUINT16)
    return NULL;
  return lookup (table, key, key_bytes, hash_bytes (key, key_bytes));
}

static void
remove_entry (GemelStateTable *table,
              GemelStateEntry *entry)
{
  table->bytes -= gemel_state_entry_cost (entry->key_bytes, entry->value_bytes);
  g_clear_pointer (&table->sorted, g_ptr_array_unref);
  g_hash_table_remove (table->entries, entry);
}

static GemelStateEntry *
add_entry (GemelStateTable        *table,
           const GemelStateChange *change,
           guint64                 hash)
{
  GemelStateEntry *entry = entry_new (change, hash);

  table->bytes += gemel_state_entry_cost (entry->key_bytes, 0);
  g_clear_pointer (&table->sorted, g_ptr_array_unref);
  g_hash_table_add (table->entries, entry);
  return entry;
}

/**
 * gemel_state_table_change:
 * @table: a table
 * @change: a checked change
 * @epoch: epoch of the change
 * @seq: place of the change in the epoch
 *
 * Thread: the owner's
 */
void
gemel_state_table_change (GemelStateTable        *table,
                          const GemelStateChange *change,
                          guint64                 epoch,
                          guint64                 seq)
{
  guint64          hash = hash_bytes (change->key, change->key_bytes);
  GemelStateEntry *entry = lookup (table, change->key, change->key_bytes, hash);

  if (entry != NULL && (!change->set || entry->value_room < change->value_bytes))
    {
      remove_entry (table, entry);
      entry = NULL;
    }
  if (!change->set)
    return;
  if (entry == NULL)
    entry = add_entry (table, change, hash);
  table->bytes += change->value_bytes;
  table->bytes -= entry->value_bytes;
  if (change->value_bytes > 0)
    memcpy (entry->data + entry->key_bytes + 1, change->value, change->value_bytes);
  entry->value_bytes = change->value_bytes;
  entry->epoch = epoch;
  entry->seq = seq;
}

static int
compare_entries (gconstpointer a,
                 gconstpointer b)
{
  const GemelStateEntry *left = *(GemelStateEntry *const *) a;
  const GemelStateEntry *right = *(GemelStateEntry *const *) b;

  return strcmp (left->key, right->key);
}

/**
 * gemel_state_table_get_sorted:
 * @table: a table
 *
 * Returns: (transfer none) (element-type GemelStateEntry): all entries in key order, until the next
 *   key comes or goes.
 * Thread: the owner's
 */
GPtrArray *
gemel_state_table_get_sorted (GemelStateTable *table)
{
  if (table->sorted == NULL)
    {
      table->sorted = gemel_state_table_ref_entries (table);
      g_ptr_array_sort (table->sorted, compare_entries);
    }
  return table->sorted;
}

/**
 * gemel_state_table_ref_entries:
 * @table: a table
 *
 * Returns: (transfer full) (element-type GemelStateEntry): the present entries, in no order; those
 *   that leave the table later are marked dead.
 * Thread: the owner's
 */
GPtrArray *
gemel_state_table_ref_entries (GemelStateTable *table)
{
  GPtrArray       *entries = g_ptr_array_new_full (g_hash_table_size (table->entries), entry_unref);
  GHashTableIter   iter;
  GemelStateEntry *entry;

  g_hash_table_iter_init (&iter, table->entries);
  while (g_hash_table_iter_next (&iter, (gpointer *) &entry, NULL))
    {
      entry->refs++;
      g_ptr_array_add (entries, entry);
    }
  return entries;
}
