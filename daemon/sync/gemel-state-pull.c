/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The state store of a standby: deltas in order, and a full state built beside the present one.
 */
#include "sync/gemel-state-private.h"
#include "sync/gemel-sync-wire.h"

static gboolean
place_check (GemelStateStore          *store,
             const GemelStatePosition *first,
             guint                     n_ops,
             GError                  **error)
{
  if (n_ops > 0 && first->seq > 0 && first->seq <= G_MAXUINT64 - n_ops &&
      (store->in_full || gemel_state_position_follows (&store->position, first)))
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
               "state delta at (%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT
               ") does not follow (%" G_GUINT64_FORMAT ", %" G_GUINT64_FORMAT
               "), ask for a full state",
               first->epoch, first->seq, store->position.epoch, store->position.seq);
  return FALSE;
}

/**
 * gemel_state_store_apply:
 * @store: the store of a standby
 * @delta: body of a DELTA frame
 * @size: its size in bytes
 * @now_us: monotonic time, for the rates
 * @error: return location
 *
 * Applies one batch of the active node: to the staged tables while a full state arrives, else to
 * the present ones, and then it has to follow the last one exactly.
 *
 * Returns: whether it was applied; nothing changed when not.
 * Errors: %GEMEL_ERROR_PROTOCOL for a gap, else as gemel_state_ops_check ()
 * Thread: the owner's
 */
gboolean
gemel_state_store_apply (GemelStateStore *store,
                         const guint8    *delta,
                         gsize            size,
                         gint64           now_us,
                         GError         **error)
{
  GemelReader         reader = gemel_reader (delta, size);
  GemelStatePosition  first;
  GemelStateProvider *provider;
  const char         *name;
  guint16             name_bytes;
  guint32             n_ops;

  first.epoch = gemel_reader_u64 (&reader);
  first.seq = gemel_reader_u64 (&reader);
  name_bytes = gemel_reader_u16 (&reader);
  (void) gemel_reader_u16 (&reader);
  n_ops = gemel_reader_u32 (&reader);
  name = (const char *) gemel_reader_take (&reader, name_bytes);
  if (!place_check (store, &first, n_ops, error) ||
      !gemel_state_ops_check (reader.data, reader.left, n_ops, error))
    return FALSE;
  provider = gemel_state_store_ensure (store, name, name != NULL ? name_bytes : 0, error);
  if (provider == NULL)
    return FALSE;
  gemel_state_store_change_all (store, provider,
                                store->in_full ? provider->staged : provider->table, reader.data,
                                reader.left, first.epoch, first.seq);
  gemel_rate_add (&provider->queued, n_ops, now_us);
  if (store->in_full)
    return TRUE;
  store->position.seq += n_ops;
  if (store->callbacks != NULL)
    store->callbacks->changed (provider, first.epoch, first.seq, n_ops, reader.data, reader.left,
                               store->user_data);
  return TRUE;
}

/**
 * gemel_state_store_begin_full:
 * @store: a store
 *
 * Begins a full state: what comes now goes into empty tables beside the present ones.
 *
 * Thread: the owner's
 */
void
gemel_state_store_begin_full (GemelStateStore *store)
{
  gemel_state_store_abort_full (store);
  store->in_full = TRUE;
  for (guint i = 0; i < store->providers->len; i++)
    {
      GemelStateProvider *provider = store->providers->pdata[i];

      provider->staged = gemel_state_table_new ();
    }
}

/**
 * gemel_state_store_is_in_full:
 * @store: a store
 *
 * Returns: whether a full state is arriving.
 * Thread: the owner's
 */
gboolean
gemel_state_store_is_in_full (const GemelStateStore *store)
{
  return store->in_full;
}

static gboolean
next_item (GemelReader      *reader,
           GemelStateChange *ret_change,
           guint64          *ret_epoch,
           guint64          *ret_seq)
{
  ret_change->set = TRUE;
  ret_change->key_bytes = gemel_reader_u16 (reader);
  (void) gemel_reader_u16 (reader);
  ret_change->value_bytes = gemel_reader_u32 (reader);
  *ret_epoch = gemel_reader_u64 (reader);
  *ret_seq = gemel_reader_u64 (reader);
  ret_change->key = (const char *) gemel_reader_take (reader, ret_change->key_bytes);
  ret_change->value = gemel_reader_take (reader, ret_change->value_bytes);
  return !reader->bad && ret_change->key_bytes > 0 &&
         ret_change->key_bytes <= GEMEL_KEY_BYTES_MAX &&
         ret_change->value_bytes <= GEMEL_VALUE_BYTES_MAX &&
         g_utf8_validate_len (ret_change->key, ret_change->key_bytes, NULL);
}

/**
 * gemel_state_store_add_items:
 * @store: a store in which a full state was begun
 * @items: body of an ITEMS frame
 * @size: its size in bytes
 * @error: return location
 *
 * Returns: whether the items were taken; after an error the full state must be aborted.
 * Errors: %GEMEL_ERROR_PROTOCOL
 * Thread: the owner's
 */
gboolean
gemel_state_store_add_items (GemelStateStore *store,
                             const guint8    *items,
                             gsize            size,
                             GError         **error)
{
  GemelReader         reader = gemel_reader (items, size);
  guint16             name_bytes = gemel_reader_u16 (&reader);
  GemelStateProvider *provider;
  const char         *name;
  guint32             n_items;

  (void) gemel_reader_u16 (&reader);
  n_items = gemel_reader_u32 (&reader);
  name = (const char *) gemel_reader_take (&reader, name_bytes);
  if (!store->in_full)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                           "items came without a full state");
      return FALSE;
    }
  provider = gemel_state_store_ensure (store, name, name != NULL ? name_bytes : 0, error);
  if (provider == NULL)
    return FALSE;
  for (guint32 i = 0; i < n_items; i++)
    {
      GemelStateChange change;
      guint64          epoch;
      guint64          seq;

      if (!next_item (&reader, &change, &epoch, &seq))
        {
          g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                       "item %u of a full state is cut off or breaks a limit", i);
          return FALSE;
        }
      gemel_state_table_change (provider->staged, &change, epoch, seq);
    }
  return gemel_reader_finish (&reader, "ITEMS", error);
}

/**
 * gemel_state_store_commit_full:
 * @store: a store in which a full state was begun
 * @position: where the active node was when it ended
 *
 * Puts the staged tables in the place of the present ones, all at once.
 *
 * Thread: the owner's
 */
void
gemel_state_store_commit_full (GemelStateStore          *store,
                               const GemelStatePosition *position)
{
  g_return_if_fail (store->in_full);

  gemel_state_store_clear_buffer (store);
  store->position = *position;
  store->in_full = FALSE;
  store->bytes = 0;
  for (guint i = 0; i < store->providers->len; i++)
    {
      GemelStateProvider *provider = store->providers->pdata[i];

      gemel_state_table_free (provider->table);
      provider->table = g_steal_pointer (&provider->staged);
      provider->bytes = provider->table->bytes;
      provider->entries = g_hash_table_size (provider->table->entries);
      store->bytes += provider->bytes;
    }
  if (store->callbacks != NULL)
    store->callbacks->replaced (store->user_data);
}

/**
 * gemel_state_store_abort_full:
 * @store: a store
 *
 * Forgets what arrived of a full state; the present state stays as it is.
 *
 * Thread: the owner's
 */
void
gemel_state_store_abort_full (GemelStateStore *store)
{
  store->in_full = FALSE;
  for (guint i = 0; i < store->providers->len; i++)
    {
      GemelStateProvider *provider = store->providers->pdata[i];

      g_clear_pointer (&provider->staged, gemel_state_table_free);
    }
}
