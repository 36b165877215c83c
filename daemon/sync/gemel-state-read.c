/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Reading the state store: one value, pages in key order, and the walk for a full state.
 */
#include "sync/gemel-state-private.h"
#include "sync/gemel-sync-wire.h"

/**
 * gemel_state_store_dup_value:
 * @store: a store
 * @provider: name of a provider
 * @key: key
 * @ret_version: (out) (optional): which change wrote it
 * @error: return location
 *
 * Returns: (transfer full): the value.
 * Errors: %GEMEL_ERROR_NOT_FOUND
 * Thread: the owner's
 */
GBytes *
gemel_state_store_dup_value (GemelStateStore    *store,
                             const char         *provider,
                             const char         *key,
                             GemelStatePosition *ret_version,
                             GError            **error)
{
  GemelStateProvider *from = gemel_state_store_find (store, provider);
  GemelStateEntry    *entry = NULL;

  if (from != NULL)
    entry = gemel_state_table_find (from->table, key, strlen (key));
  if (entry == NULL)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND, "state/%s has no key %s", provider,
                   key);
      return NULL;
    }
  if (ret_version != NULL)
    *ret_version = (GemelStatePosition){ .epoch = entry->epoch, .seq = entry->seq };
  return g_bytes_new (gemel_state_entry_get_value (entry), entry->value_bytes);
}

/* The first place in @sorted whose key is above @after, or not below @prefix. */
static guint
find_start (GPtrArray  *sorted,
            const char *prefix,
            const char *after)
{
  guint low = 0;
  guint high = sorted->len;

  while (low < high)
    {
      guint                  middle = low + (high - low) / 2;
      const GemelStateEntry *entry = sorted->pdata[middle];

      if ((after != NULL && strcmp (entry->key, after) <= 0) ||
          (prefix != NULL && strcmp (entry->key, prefix) < 0))
        low = middle + 1;
      else
        high = middle;
    }
  return low;
}

/**
 * gemel_state_store_list:
 * @store: a store
 * @provider: name of a provider
 * @prefix: (nullable): only keys that begin so
 * @after_key: (nullable): only keys behind this one
 * @limit: how many at most
 * @error: return location
 *
 * Returns: (transfer full): "a(saytt)": key, value, epoch, seq, in key order; floating.
 * Errors: %GEMEL_ERROR_NOT_FOUND when nobody ever posted under that name
 * Thread: the owner's
 */
GVariant *
gemel_state_store_list (GemelStateStore *store,
                        const char      *provider,
                        const char      *prefix,
                        const char      *after_key,
                        guint            limit,
                        GError         **error)
{
  GemelStateProvider *from = gemel_state_store_find (store, provider);
  GVariantBuilder     builder;
  GPtrArray          *sorted;

  if (from == NULL)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND, "there is no provider state/%s",
                   provider);
      return NULL;
    }
  sorted = gemel_state_table_get_sorted (from->table);
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(saytt)"));
  for (guint i = find_start (sorted, prefix, after_key); i < sorted->len && limit > 0; i++, limit--)
    {
      const GemelStateEntry *entry = sorted->pdata[i];

      if (prefix != NULL && !g_str_has_prefix (entry->key, prefix))
        break;
      g_variant_builder_add (&builder, "(s@aytt)", entry->key,
                             g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE,
                                                        gemel_state_entry_get_value (entry),
                                                        entry->value_bytes, 1),
                             entry->epoch, entry->seq);
    }
  return g_variant_builder_end (&builder);
}

struct _GemelStateWalk
{
  GPtrArray *providers; /* of GemelStateProvider, not owned */
  GPtrArray *entries;   /* (nullable): of the provider at which the walk is */
  guint      provider;
  guint      entry;
};

/**
 * gemel_state_walk_new:
 * @store: a store, which must outlive the walk
 * @provider: (nullable): only this one
 *
 * Returns: (transfer full): a walk through the keys that are there now.
 * Thread: the owner's
 */
GemelStateWalk *
gemel_state_walk_new (GemelStateStore *store,
                      const char      *provider)
{
  GemelStateWalk *walk = g_new0 (GemelStateWalk, 1);

  walk->providers = g_ptr_array_new ();
  for (guint i = 0; i < store->providers->len; i++)
    {
      GemelStateProvider *candidate = store->providers->pdata[i];

      if (provider == NULL || strcmp (candidate->name, provider) == 0)
        g_ptr_array_add (walk->providers, candidate);
    }
  return walk;
}

/**
 * gemel_state_walk_free:
 * @walk: (nullable): a walk
 *
 * Thread: the owner's
 */
void
gemel_state_walk_free (GemelStateWalk *walk)
{
  if (walk == NULL)
    return;
  g_clear_pointer (&walk->entries, g_ptr_array_unref);
  g_ptr_array_unref (walk->providers);
  g_free (walk);
}

static void
put_item (GByteArray            *items,
          const GemelStateEntry *entry)
{
  gemel_put_u16 (items, entry->key_bytes);
  gemel_put_u16 (items, 0);
  gemel_put_u32 (items, entry->value_bytes);
  gemel_put_u64 (items, entry->epoch);
  gemel_put_u64 (items, entry->seq);
  gemel_put_bytes (items, entry->key, entry->key_bytes);
  gemel_put_bytes (items, gemel_state_entry_get_value (entry), entry->value_bytes);
}

static void
put_some (GemelStateWalk           *walk,
          const GemelStateProvider *provider,
          GByteArray               *items)
{
  guint32 count = 0;

  gemel_put_u16 (items, provider->name_bytes);
  gemel_put_u16 (items, 0);
  gemel_put_u32 (items, 0);
  gemel_put_bytes (items, provider->name, provider->name_bytes);
  while (walk->entry < walk->entries->len && items->len < GEMEL_STATE_WALK_BYTES)
    {
      const GemelStateEntry *entry = walk->entries->pdata[walk->entry++];

      /* A dead one was deleted or outgrew its place, and the delta that says so was sent or will
       * be. */
      if (entry->dead)
        continue;
      put_item (items, entry);
      count++;
    }
  count = GUINT32_TO_LE (count);
  memcpy (items->data + 4, &count, sizeof count);
}

/**
 * gemel_state_walk_next:
 * @walk: a walk
 * @items: (out caller-allocates): emptied, then filled with the body of one ITEMS frame
 *
 * Gives the next part, with the values of this moment. A provider without keys still gives one
 * empty part, so that the other side learns of it.
 *
 * Returns: %FALSE when nothing was left.
 * Thread: the owner's
 */
gboolean
gemel_state_walk_next (GemelStateWalk *walk,
                       GByteArray     *items)
{
  GemelStateProvider *provider;

  g_byte_array_set_size (items, 0);
  if (walk->provider >= walk->providers->len)
    return FALSE;
  provider = walk->providers->pdata[walk->provider];
  if (walk->entries == NULL)
    {
      walk->entries = gemel_state_table_ref_entries (provider->table);
      walk->entry = 0;
    }
  put_some (walk, provider, items);
  if (walk->entry >= walk->entries->len)
    {
      g_clear_pointer (&walk->entries, g_ptr_array_unref);
      walk->provider++;
    }
  return TRUE;
}
