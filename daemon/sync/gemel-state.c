/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The state store: providers, posting, and the buffer of deltas. The puller's side is in
 * gemel-state-pull.c, reading in gemel-state-read.c.
 */
#include "sync/gemel-state-private.h"
#include "sync/gemel-sync-wire.h"

static void
provider_free (gpointer data)
{
  GemelStateProvider *provider = data;

  gemel_state_table_free (provider->table);
  gemel_state_table_free (provider->staged);
  g_free (provider);
}

/**
 * gemel_state_store_new:
 * @buffer_bytes_max: how many bytes of deltas are kept for a peer that lags
 * @bytes_max: how many bytes all keys and values may have together
 * @callbacks: (nullable): static; told about each change
 * @user_data: for @callbacks
 *
 * Returns: (transfer full): an empty store at position (0, 0).
 * Thread: the owner's; the store belongs to one thread
 */
GemelStateStore *
gemel_state_store_new (guint64                    buffer_bytes_max,
                       guint64                    bytes_max,
                       const GemelStateCallbacks *callbacks,
                       gpointer                   user_data)
{
  GemelStateStore *store = g_new0 (GemelStateStore, 1);

  store->buffer_bytes_max = buffer_bytes_max;
  store->bytes_max = bytes_max;
  store->callbacks = callbacks;
  store->user_data = user_data;
  store->by_name = g_hash_table_new (g_str_hash, g_str_equal);
  store->providers = g_ptr_array_new_with_free_func (provider_free);
  return store;
}

static void
drop_oldest (GemelStateStore *store)
{
  GemelStateSegment *segment = store->oldest;

  if (store->unsent == segment)
    {
      store->unsent = segment->next;
      store->overflown = TRUE;
    }
  if (store->unconfirmed == segment)
    {
      store->unconfirmed = segment->next;
      segment->provider->pending -= segment->n_ops;
    }
  store->oldest = segment->next;
  if (store->oldest == NULL)
    store->newest = NULL;
  store->buffer_bytes -= sizeof *segment + segment->size;
  g_free (segment);
}

/**
 * gemel_state_store_clear_buffer:
 * @store: a store
 *
 * Forgets all deltas: they belong to an epoch that is over.
 *
 * Thread: the owner's
 */
void
gemel_state_store_clear_buffer (GemelStateStore *store)
{
  while (store->oldest != NULL)
    drop_oldest (store);
  store->overflown = FALSE;
}

/**
 * gemel_state_store_free:
 * @store: (nullable): a store
 *
 * Thread: the owner's
 */
void
gemel_state_store_free (GemelStateStore *store)
{
  if (store == NULL)
    return;
  gemel_state_store_clear_buffer (store);
  g_hash_table_unref (store->by_name);
  g_ptr_array_unref (store->providers);
  g_free (store);
}

/**
 * gemel_state_store_get_position:
 * @store: a store
 *
 * Returns: the place of the last change that the store holds.
 * Thread: the owner's
 */
GemelStatePosition
gemel_state_store_get_position (const GemelStateStore *store)
{
  return store->position;
}

/**
 * gemel_state_store_get_providers:
 * @store: a store
 *
 * Returns: (transfer none) (element-type GemelStateProvider): in the order in which they came.
 * Thread: the owner's
 */
GPtrArray *
gemel_state_store_get_providers (GemelStateStore *store)
{
  return store->providers;
}

/**
 * gemel_state_store_find:
 * @store: a store
 * @name: name of a provider
 *
 * Returns: (transfer none) (nullable): the provider.
 * Thread: the owner's
 */
GemelStateProvider *
gemel_state_store_find (GemelStateStore *store,
                        const char      *name)
{
  return g_hash_table_lookup (store->by_name, name);
}

/**
 * gemel_state_store_ensure:
 * @store: a store
 * @name: name, not necessarily terminated
 * @size: its length in bytes
 * @error: return location
 *
 * Returns: (transfer none): the provider of that name, made when it is new.
 * Errors: %GEMEL_ERROR_INVALID_ARGS for a bad name, %GEMEL_ERROR_LIMIT for too many
 * Thread: the owner's
 */
GemelStateProvider *
gemel_state_store_ensure (GemelStateStore *store,
                          const char      *name,
                          gsize            size,
                          GError         **error)
{
  char                copy[GEMEL_PROVIDER_NAME_BYTES_MAX + 1] = "";
  GemelStateProvider *provider;

  if (!gemel_provider_name_check (name, size, error))
    return NULL;
  memcpy (copy, name, size);
  provider = g_hash_table_lookup (store->by_name, copy);
  if (provider != NULL)
    return provider;
  if (store->providers->len >= GEMEL_STATE_PROVIDERS_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                   "there are %d providers of state already, use one of them",
                   GEMEL_STATE_PROVIDERS_MAX);
      return NULL;
    }
  provider = g_new0 (GemelStateProvider, 1);
  memcpy (provider->name, copy, size);
  provider->name_bytes = (guint16) size;
  provider->table = gemel_state_table_new ();
  if (store->in_full)
    provider->staged = gemel_state_table_new ();
  g_ptr_array_add (store->providers, provider);
  g_hash_table_insert (store->by_name, provider->name, provider);
  return provider;
}

/**
 * gemel_state_store_set_epoch:
 * @store: a store
 * @epoch: the term of this node's activity
 *
 * This node became active: it counts from 0 in its own epoch. The values stay, they are what a
 * takeover starts with; the deltas of the old epoch go.
 *
 * Thread: the owner's
 */
void
gemel_state_store_set_epoch (GemelStateStore *store,
                             guint64          epoch)
{
  if (store->position.epoch == epoch)
    return;
  gemel_state_store_abort_full (store);
  gemel_state_store_clear_buffer (store);
  store->position = (GemelStatePosition){ .epoch = epoch };
}

/**
 * gemel_state_store_change_all:
 * @store: a store
 * @provider: a provider of it
 * @table: its present or its staged table
 * @ops: checked operations
 * @size: their size
 * @epoch: epoch
 * @first_seq: place of the first operation
 *
 * Thread: the owner's
 */
void
gemel_state_store_change_all (GemelStateStore    *store,
                              GemelStateProvider *provider,
                              GemelStateTable    *table,
                              const guint8       *ops,
                              gsize               size,
                              guint64             epoch,
                              guint64             first_seq)
{
  GemelStateChange change;
  guint64          before = table->bytes;

  while (gemel_state_next_change (&ops, &size, &change))
    gemel_state_table_change (table, &change, epoch, first_seq++);
  if (table != provider->table)
    return;
  store->bytes += table->bytes - before;
  provider->bytes = table->bytes;
  provider->entries = g_hash_table_size (table->entries);
}

/* Exact only when the rough bound does not settle it: that needs a look-up a key. */
static gboolean
fits (GemelStateStore    *store,
      GemelStateProvider *provider,
      const guint8       *ops,
      gsize               size,
      guint               n_ops)
{
  GemelStateChange change;
  gint64           grow = 0;

  if (store->bytes + size + (guint64) n_ops * GEMEL_STATE_ENTRY_COST <= store->bytes_max)
    return TRUE;
  while (gemel_state_next_change (&ops, &size, &change))
    {
      GemelStateEntry *entry = gemel_state_table_find (provider->table, change.key,
                                                       change.key_bytes);

      if (change.set)
        grow += (gint64) gemel_state_entry_cost (change.key_bytes, change.value_bytes);
      if (entry != NULL)
        grow -= (gint64) gemel_state_entry_cost (entry->key_bytes, entry->value_bytes);
    }
  return grow <= 0 || store->bytes + (guint64) grow <= store->bytes_max;
}

static void
put_delta_head (guint8                   *data,
                const GemelStateProvider *provider,
                guint64                   epoch,
                guint64                   first_seq,
                guint32                   n_ops)
{
  guint16 name_bytes = GUINT16_TO_LE (provider->name_bytes);

  epoch = GUINT64_TO_LE (epoch);
  first_seq = GUINT64_TO_LE (first_seq);
  n_ops = GUINT32_TO_LE (n_ops);
  memcpy (data, &epoch, 8);
  memcpy (data + 8, &first_seq, 8);
  memcpy (data + 16, &name_bytes, 2);
  memset (data + 18, 0, 2);
  memcpy (data + 20, &n_ops, 4);
  memcpy (data + GEMEL_DELTA_HEAD_BYTES, provider->name, provider->name_bytes);
}

static void
buffer_append (GemelStateStore    *store,
               GemelStateProvider *provider,
               const guint8       *ops,
               gsize               size,
               guint               n_ops)
{
  gsize              head = GEMEL_DELTA_HEAD_BYTES + provider->name_bytes;
  GemelStateSegment *segment = g_malloc (sizeof *segment + head + size);

  *segment = (GemelStateSegment){
    .provider = provider,
    .first_seq = store->position.seq + 1,
    .n_ops = n_ops,
    .size = (guint32) (head + size),
  };
  put_delta_head (segment->data, provider, store->position.epoch, segment->first_seq, n_ops);
  memcpy (segment->data + head, ops, size);
  if (store->newest != NULL)
    store->newest->next = segment;
  else
    store->oldest = segment;
  store->newest = segment;
  if (store->unsent == NULL)
    store->unsent = segment;
  if (store->unconfirmed == NULL)
    store->unconfirmed = segment;
  provider->pending += n_ops;
  store->buffer_bytes += sizeof *segment + segment->size;
  while (store->buffer_bytes > store->buffer_bytes_max)
    drop_oldest (store);
}

/**
 * gemel_state_store_post:
 * @store: the store of the active node
 * @provider: name of a provider, terminated
 * @ops: encoded operations, from anywhere
 * @size: their size in bytes
 * @n_ops: how many there are
 * @now_us: monotonic time, for the rates
 * @error: return location
 *
 * Carries out all operations of a batch or none, and keeps it for the peer. The place of the last
 * one is gemel_state_store_get_position () afterwards.
 *
 * Returns: whether it was done.
 * Errors: %GEMEL_ERROR_INVALID_ARGS, %GEMEL_ERROR_TOO_BIG, %GEMEL_ERROR_LIMIT
 * Thread: the owner's
 */
gboolean
gemel_state_store_post (GemelStateStore *store,
                        const char      *provider,
                        const guint8    *ops,
                        gsize            size,
                        guint            n_ops,
                        gint64           now_us,
                        GError         **error)
{
  GemelStateProvider *to;
  guint64             first_seq = store->position.seq + 1;

  if (!gemel_state_ops_check (ops, size, n_ops, error))
    return FALSE;
  to = gemel_state_store_ensure (store, provider, strlen (provider), error);
  if (to == NULL)
    return FALSE;
  if (!fits (store, to, ops, size, n_ops))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                   "runtime state would exceed %" G_GUINT64_FORMAT
                   " bytes, delete keys or raise the setting",
                   store->bytes_max);
      return FALSE;
    }
  gemel_state_store_change_all (store, to, to->table, ops, size, store->position.epoch, first_seq);
  buffer_append (store, to, ops, size, n_ops);
  store->position.seq += n_ops;
  gemel_rate_add (&to->queued, n_ops, now_us);
  if (store->callbacks != NULL)
    store->callbacks->changed (to, store->position.epoch, first_seq, n_ops, ops, size,
                               store->user_data);
  return TRUE;
}

/**
 * gemel_state_store_get_oldest_seq:
 * @store: a store
 *
 * Returns: the first operation that the buffer still holds; one above the head when it is empty.
 * Thread: the owner's
 */
guint64
gemel_state_store_get_oldest_seq (const GemelStateStore *store)
{
  return store->oldest != NULL ? store->oldest->first_seq : store->position.seq + 1;
}

/**
 * gemel_state_store_seek:
 * @store: a store
 * @seq: the last operation that the peer has
 *
 * Puts the sender's cursor behind @seq and ends an overflow.
 *
 * Thread: the owner's
 */
void
gemel_state_store_seek (GemelStateStore *store,
                        guint64          seq)
{
  store->unsent = store->oldest;
  while (store->unsent != NULL && store->unsent->first_seq <= seq)
    store->unsent = store->unsent->next;
  store->overflown = FALSE;
}

/**
 * gemel_state_store_take_unsent:
 * @store: a store
 *
 * Returns: (transfer none) (nullable): the next batch for the peer, valid until the next post.
 * Thread: the owner's
 */
const GemelStateSegment *
gemel_state_store_take_unsent (GemelStateStore *store)
{
  GemelStateSegment *segment = store->unsent;

  if (segment != NULL)
    store->unsent = segment->next;
  return segment;
}

/**
 * gemel_state_store_has_unsent:
 * @store: a store
 *
 * Returns: whether the cursor stands before a batch.
 * Thread: the owner's
 */
gboolean
gemel_state_store_has_unsent (const GemelStateStore *store)
{
  return store->unsent != NULL;
}

/**
 * gemel_state_store_is_overflown:
 * @store: a store
 *
 * Returns: whether a batch left the buffer before the cursor had passed it, since the last seek.
 * Thread: the owner's
 */
gboolean
gemel_state_store_is_overflown (const GemelStateStore *store)
{
  return store->overflown;
}

/**
 * gemel_state_store_confirm:
 * @store: a store
 * @seq: the last operation of the present epoch that the peer has applied
 * @now_us: monotonic time, for the rates
 *
 * Thread: the owner's
 */
void
gemel_state_store_confirm (GemelStateStore *store,
                           guint64          seq,
                           gint64           now_us)
{
  GemelStateSegment *segment = store->unconfirmed;

  while (segment != NULL && segment->first_seq + segment->n_ops - 1 <= seq)
    {
      segment->provider->pending -= segment->n_ops;
      gemel_rate_add (&segment->provider->dispatched, segment->n_ops, now_us);
      segment = segment->next;
    }
  store->unconfirmed = segment;
}
