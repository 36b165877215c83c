/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Channel `config`, what both sides share and the source's part. The node with the authority
 * announces itself; the other asks with its position; gemel_position_plan () decides.
 *
 * Nothing is queued here: an entry that was just committed goes out at once while the connection
 * takes it, and is read back from the journal when it did not.
 */
#include "sync/gemel-config-private.h"

#include <glib/gstdio.h>

#define PAGE_BYTES    (512 * 1024)
#define ENTRIES_BYTES (128 * 1024) /* a frame is sent when it has so many */

static void page (GemelConfigStream *self);
static void copy_next (GemelConfigStream *self);

/**
 * gemel_config_op_begin:
 * @self: the channel
 *
 * Returns: (transfer full): the token of an asynchronous step that begins now.
 * Thread: sync
 */
GemelConfigOpData *
gemel_config_op_begin (GemelConfigStream *self)
{
  GemelConfigOpData *op = g_new (GemelConfigOpData, 1);

  op->self = self;
  op->cancellable = g_object_ref (self->cancellable);
  gemel_sync_hold (self->sync);
  return op;
}

/**
 * gemel_config_op_end:
 * @op: (transfer full): the token, when the step has come back
 *
 * Returns: %FALSE when its result is void, because the channel was reset meanwhile.
 * Thread: sync
 */
gboolean
gemel_config_op_end (GemelConfigOpData *op)
{
  gboolean valid = !g_cancellable_is_cancelled (op->cancellable);

  gemel_sync_release (op->self->sync);
  g_object_unref (op->cancellable);
  g_free (op);
  return valid;
}

/**
 * gemel_config_stream_new:
 * @sync: the sync thread
 *
 * Returns: (transfer full): the channel, not attached.
 * Thread: sync
 */
GemelConfigStream *
gemel_config_stream_new (GemelSync *sync)
{
  GemelConfigStream *self = g_new0 (GemelConfigStream, 1);
  GemelConfigInfo    info;

  self->sync = sync;
  self->cancellable = g_cancellable_new ();
  self->entries = g_byte_array_new ();
  self->waiting = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_entry_unref);
  self->chunks = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  gemel_config_db_get_info (sync->options.config, &info);
  self->applied = info.head;
  gemel_config_pull_init (self);
  return self;
}

static void
reset_source (GemelConfigStream *self)
{
  self->step = GEMEL_SOURCE_IDLE;
  self->reading = FALSE;
  self->followed = FALSE;
  self->acked_seq = 0;
  g_clear_pointer (&self->copy_out, gemel_full_copy_unref);
  gemel_waiters_give_up (&self->sync->config_waiters);
}

/* Whatever is under way becomes void. */
static void
reset (GemelConfigStream *self)
{
  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  reset_source (self);
  gemel_config_pull_reset (self);
}

/**
 * gemel_config_stream_free:
 * @self: (nullable): a detached channel with nothing outstanding
 *
 * Thread: sync
 */
void
gemel_config_stream_free (GemelConfigStream *self)
{
  if (self == NULL)
    return;
  reset (self);
  gemel_config_pull_clear (self);
  g_object_unref (self->cancellable);
  g_byte_array_unref (self->entries);
  g_ptr_array_unref (self->waiting);
  g_ptr_array_unref (self->chunks);
  g_free (self);
}

/**
 * gemel_config_stream_send_hello:
 * @self: an attached channel
 *
 * Announces this node as the source, or asks as a puller.
 *
 * Thread: sync
 */
void
gemel_config_stream_send_hello (GemelConfigStream *self)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  GemelConfigInfo        info;

  gemel_config_db_get_info (self->sync->options.config, &info);
  gemel_put_u32 (body, self->generation);
  gemel_put_u8 (body, self->source);
  gemel_put_u8 (body, (guint8) self->want);
  gemel_put_u16 (body, 0);
  gemel_put_bytes (body, info.lineage, GEMEL_LINEAGE_BYTES);
  gemel_put_position (body, &info.head);
  gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_HELLO, 0, body->data, body->len);
}

/* --- source: tail ---------------------------------------------------------------------------- */

static gboolean
has_room (GemelConfigStream *self)
{
  return gemel_stream_get_queued_bytes (self->stream) < GEMEL_SYNC_QUEUE_BYTES_MAX;
}

static void
send_entries (GemelConfigStream *self)
{
  if (self->entries->len > 0)
    gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_ENTRIES, 0, self->entries->data,
                       self->entries->len);
  g_byte_array_set_size (self->entries, 0);
}

/* An entry of any size fits into a frame; send_entries () has to follow. */
static void
add_entry (GemelConfigStream *self,
           const GemelEntry  *entry)
{
  g_autoptr (GBytes) bytes = gemel_entry_encode (entry);
  gsize              size = g_bytes_get_size (bytes);

  if (self->entries->len + size > ENTRIES_BYTES)
    send_entries (self);
  gemel_put_u32 (self->entries, (guint32) size);
  gemel_put_bytes (self->entries, g_bytes_get_data (bytes, NULL), size);
  self->sent_seq = entry->position.seq;
}

static void
send_failed (GemelConfigStream *self,
             const GError      *error)
{
  self->step = GEMEL_SOURCE_IDLE;
  gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_FAILED, 0, error->message,
                     strlen (error->message));
  gemel_sync_event (self->sync, GEMEL_EVENT_FULL_SYNC_FAILED, "config", error->message, 0);
}

static void
on_page (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  GemelConfigStream    *self = ((GemelConfigOpData *) data)->self;
  g_autoptr (GError)    error = NULL;
  g_autoptr (GPtrArray) entries = gemel_config_db_read_tail_finish (self->sync->options.config,
                                                                    result, &error);
  guint64               level;

  if (!gemel_config_op_end (data))
    return;
  self->reading = FALSE;
  if (entries == NULL)
    {
      send_failed (self, error);
      return;
    }
  for (guint i = 0; i < entries->len; i++)
    add_entry (self, entries->pdata[i]);
  send_entries (self);
  if (entries->len > 0)
    {
      page (self);
      return;
    }
  self->step = GEMEL_SOURCE_LIVE;
  self->followed = TRUE;
  level = GUINT64_TO_LE (self->sent_seq);
  gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_LEVEL, 0, &level, sizeof level);
  gemel_sync_update_standing (self->sync);
}

static void
page (GemelConfigStream *self)
{
  if (self->reading || !has_room (self))
    return;
  self->reading = TRUE;
  gemel_config_db_read_tail_async (self->sync->options.config, self->sent_seq, PAGE_BYTES, NULL,
                                   on_page, gemel_config_op_begin (self));
}

/**
 * gemel_config_stream_changed:
 * @self: the channel
 * @entries: (element-type GemelEntry): what was just committed here, in order
 *
 * Thread: sync
 */
void
gemel_config_stream_changed (GemelConfigStream *self,
                             GPtrArray         *entries)
{
  if (self->stream == NULL || self->step != GEMEL_SOURCE_LIVE)
    return;
  for (guint i = 0; i < entries->len; i++)
    {
      const GemelEntry *entry = entries->pdata[i];

      if (entry->position.seq <= self->sent_seq)
        continue;
      if (entry->position.seq != self->sent_seq + 1 || !has_room (self))
        {
          self->step = GEMEL_SOURCE_PAGING;
          break;
        }
      add_entry (self, entry);
    }
  send_entries (self);
  if (self->step == GEMEL_SOURCE_PAGING)
    page (self);
}

/* --- source: full copy ----------------------------------------------------------------------- */

static void
on_chunk (GObject      *source,
          GAsyncResult *result,
          gpointer      data)
{
  GemelConfigStream *self = ((GemelConfigOpData *) data)->self;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) chunk = gemel_full_copy_read_finish (self->copy_out, result, &error);
  guint8             hash[GEMEL_COPY_HASH_BYTES];

  if (!gemel_config_op_end (data))
    return;
  self->reading = FALSE;
  if (chunk == NULL)
    send_failed (self, error);
  else if (g_bytes_get_size (chunk) > 0)
    {
      gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_CHUNK, 0, g_bytes_get_data (chunk, NULL),
                         g_bytes_get_size (chunk));
      copy_next (self);
    }
  else
    {
      gemel_full_copy_get_hash (self->copy_out, hash);
      gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_END, 0, hash, sizeof hash);
      g_clear_pointer (&self->copy_out, gemel_full_copy_unref);
      self->step = GEMEL_SOURCE_IDLE;
      self->gave_full = TRUE;
    }
}

static void
copy_next (GemelConfigStream *self)
{
  if (self->reading || !has_room (self))
    return;
  self->reading = TRUE;
  gemel_full_copy_read_async (self->copy_out, NULL, on_chunk, gemel_config_op_begin (self));
}

static char *
out_path (GemelConfigStream *self)
{
  g_autofree char *name = g_strdup_printf ("config-out-%08x.db", g_random_int ());

  return g_build_filename (self->sync->options.stage_dir, name, NULL);
}

static void
on_backed_up (GObject      *source,
              GAsyncResult *result,
              gpointer      data)
{
  GemelConfigStream *self = ((GemelConfigOpData *) data)->self;
  g_autofree char   *path = g_strdup (
      g_object_get_data (G_OBJECT (((GemelConfigOpData *) data)->cancellable), "gemel-out"));
  g_autoptr (GError)     error = NULL;
  g_autoptr (GByteArray) body = g_byte_array_new ();
  GemelPosition          head;
  guint64                size = 0;
  gboolean               done = gemel_config_db_backup_finish (self->sync->options.config, result,
                                                               &head, &error);

  if (!gemel_config_op_end (data))
    {
      (void) g_unlink (path);
      return;
    }
  if (done)
    self->copy_out = gemel_full_copy_open_source (path, &size, &error);
  if (self->copy_out == NULL)
    {
      (void) g_unlink (path);
      send_failed (self, error);
      return;
    }
  self->step = GEMEL_SOURCE_COPYING;
  gemel_put_u64 (body, size);
  gemel_put_position (body, &head);
  gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_BEGIN, 0, body->data, body->len);
  copy_next (self);
}

static void
begin_full (GemelConfigStream *self)
{
  char *path = out_path (self);

  self->step = GEMEL_SOURCE_BACKING_UP;
  g_object_set_data_full (G_OBJECT (self->cancellable), "gemel-out", path, g_free);
  gemel_config_db_backup_async (self->sync->options.config, path, NULL, NULL, self->cancellable,
                                on_backed_up, gemel_config_op_begin (self));
}

/* --- source: the plan ------------------------------------------------------------------------ */

static void
send_plan (GemelConfigStream      *self,
           const GemelSourceFacts *facts,
           GemelSyncPlan           plan,
           GemelSyncReason         reason)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();

  gemel_put_u32 (body, self->ask_generation);
  gemel_put_u8 (body, (guint8) plan);
  gemel_put_u8 (body, (guint8) reason);
  gemel_put_u16 (body, 0);
  gemel_put_position (body, &facts->head);
  gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_PLAN, 0, body->data, body->len);
}

static void
on_facts (GObject      *source,
          GAsyncResult *result,
          gpointer      data)
{
  GemelConfigStream *self = ((GemelConfigOpData *) data)->self;
  g_autoptr (GError) error = NULL;
  GemelSourceFacts   facts;
  GemelSyncReason    reason = GEMEL_SYNC_REASON_NONE;
  GemelSyncPlan      plan;
  gboolean           done = gemel_config_db_facts_finish (self->sync->options.config, result,
                                                          &facts, &error);

  if (!gemel_config_op_end (data))
    return;
  if (!done)
    {
      send_failed (self, error);
      return;
    }
  plan = gemel_position_plan (&facts, &self->ask_position, &reason);
  if (self->ask_reason != GEMEL_SYNC_REASON_NONE && plan != GEMEL_SYNC_DIVERGED)
    {
      plan = GEMEL_SYNC_FULL;
      reason = self->ask_reason;
    }
  send_plan (self, &facts, plan, reason);
  if (plan == GEMEL_SYNC_FULL || plan == GEMEL_SYNC_DIVERGED)
    {
      begin_full (self);
      return;
    }
  if (self->gave_full)
    self->figures.full_syncs++;
  self->gave_full = FALSE;
  self->step = GEMEL_SOURCE_PAGING;
  self->sent_seq = self->ask_position.seq;
  self->acked_seq = self->ask_position.seq;
  page (self);
}

static gboolean
take_ask (GemelConfigStream   *self,
          guint32              generation,
          guint8               reason,
          const char          *lineage,
          const GemelPosition *position)
{
  g_autofree char *name = g_strndup (lineage, GEMEL_LINEAGE_BYTES);

  reset (self);
  self->ask_generation = generation;
  self->ask_position = *position;
  self->ask_reason = (GemelSyncReason) reason;
  self->step = GEMEL_SOURCE_PLANNING;
  gemel_config_db_facts_async (self->sync->options.config, name, position, NULL, on_facts,
                               gemel_config_op_begin (self));
  gemel_sync_update_standing (self->sync);
  return TRUE;
}

static gboolean
take_hello (GemelConfigStream *self,
            const guint8      *body,
            gsize              size,
            GError           **error)
{
  GemelReader   reader = gemel_reader (body, size);
  guint32       generation = gemel_reader_u32 (&reader);
  gboolean      peer_source = gemel_reader_u8 (&reader) != 0;
  guint8        want = gemel_reader_u8 (&reader);
  const char   *lineage;
  GemelPosition position;

  (void) gemel_reader_u16 (&reader);
  lineage = (const char *) gemel_reader_take (&reader, GEMEL_LINEAGE_BYTES);
  gemel_reader_position (&reader, &position);
  if (!gemel_reader_finish (&reader, "config HELLO", error))
    return FALSE;
  self->peer_source = peer_source;
  if (self->source && !peer_source)
    return take_ask (self, generation, want, lineage, &position);
  if (!self->source && peer_source)
    gemel_config_pull_ask (self);
  else
    gemel_sync_update_standing (self->sync);
  return TRUE;
}

static gboolean
take_ack (GemelConfigStream *self,
          const guint8      *body,
          gsize              size,
          GError           **error)
{
  GemelReader reader = gemel_reader (body, size);
  guint64     seq = gemel_reader_u64 (&reader);

  if (!gemel_reader_finish (&reader, "config ACK", error))
    return FALSE;
  if ((self->step != GEMEL_SOURCE_PAGING && self->step != GEMEL_SOURCE_LIVE) ||
      seq > self->sent_seq || seq <= self->acked_seq)
    return TRUE;
  gemel_rate_add (&self->sync->config_dispatched, (guint) (seq - self->acked_seq),
                  gemel_sync_now_us ());
  self->acked_seq = seq;
  gemel_waiters_reach (&self->sync->config_waiters, seq);
  gemel_sync_check_change (self->sync);
  return TRUE;
}

/* --- both ------------------------------------------------------------------------------------ */

static gboolean
on_frame (gpointer      channel,
          guint16       type,
          const guint8 *body,
          gsize         size,
          GError      **error)
{
  GemelConfigStream *self = channel;

  if (type == GEMEL_SYNC_CONFIG_HELLO)
    return take_hello (self, body, size, error);
  if (type == GEMEL_SYNC_CONFIG_ACK)
    return take_ack (self, body, size, error);
  return gemel_config_pull_frame (self, type, body, size, error);
}

static void
on_attach (gpointer     channel,
           GemelStream *stream)
{
  GemelConfigStream *self = channel;

  self->stream = stream;
  self->peer_source = FALSE;
  if (self->source)
    gemel_config_stream_send_hello (self);
  gemel_sync_update_standing (self->sync);
}

static void
on_detach (gpointer channel)
{
  GemelConfigStream *self = channel;

  self->stream = NULL;
  self->peer_source = FALSE;
  reset (self);
  gemel_sync_update_standing (self->sync);
  gemel_sync_check_change (self->sync);
}

static void
on_drained (gpointer channel)
{
  GemelConfigStream *self = channel;

  if (self->step == GEMEL_SOURCE_PAGING)
    page (self);
  else if (self->step == GEMEL_SOURCE_COPYING)
    copy_next (self);
}

static gboolean
awaits (gpointer channel)
{
  GemelConfigStream *self = channel;

  if (self->source)
    return self->step == GEMEL_SOURCE_LIVE && self->sent_seq > self->acked_seq;
  return self->peer_source && gemel_config_pull_awaits (self);
}

static const GemelPeerChannel handler = { on_attach, on_detach, on_frame, on_drained, awaits };

/**
 * gemel_config_stream_connect:
 * @self: the channel
 * @peer: the connections
 *
 * Thread: sync
 */
void
gemel_config_stream_connect (GemelConfigStream *self,
                             GemelPeer         *peer)
{
  gemel_peer_add (peer, GEMEL_SYNC_CHANNEL_CONFIG, &handler, self);
}

/**
 * gemel_config_stream_set_source:
 * @self: the channel
 * @source: whether this node has the authority
 *
 * Thread: sync
 */
void
gemel_config_stream_set_source (GemelConfigStream *self,
                                gboolean           source)
{
  if (self->source == source)
    return;
  self->source = source;
  reset (self);
  if (self->stream != NULL && !source && self->peer_source)
    gemel_config_pull_ask (self);
  else if (self->stream != NULL)
    gemel_config_stream_send_hello (self);
}

/**
 * gemel_config_stream_force_full:
 * @self: the channel
 *
 * A person wants the puller to get everything anew; on either node.
 *
 * Thread: sync
 */
void
gemel_config_stream_force_full (GemelConfigStream *self)
{
  guint8 reason = GEMEL_SYNC_REASON_OPERATOR;

  if (self->stream == NULL)
    return;
  if (self->source)
    gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_RESYNC, 0, &reason, 1);
  else if (self->peer_source)
    {
      self->want = GEMEL_SYNC_REASON_OPERATOR;
      gemel_config_pull_ask (self);
    }
}

/**
 * gemel_config_stream_is_level:
 * @self: the channel
 *
 * Returns: on the source: whether the puller follows, so that `pair` can be reached.
 * Thread: sync
 */
gboolean
gemel_config_stream_is_level (GemelConfigStream *self)
{
  return self->followed;
}

/**
 * gemel_config_stream_is_confirmed:
 * @self: the channel
 *
 * Returns: on the source: whether the puller has everything on its disk.
 * Thread: sync
 */
gboolean
gemel_config_stream_is_confirmed (GemelConfigStream *self)
{
  GemelConfigInfo info;

  gemel_config_db_get_info (self->sync->options.config, &info);
  return gemel_config_stream_is_level (self) && self->acked_seq == info.head.seq;
}

/**
 * gemel_config_stream_is_synced:
 * @self: the channel
 *
 * Returns: on the puller: whether it is at the source's tail.
 * Thread: sync
 */
gboolean
gemel_config_stream_is_synced (GemelConfigStream *self)
{
  return self->synced;
}

/**
 * gemel_config_stream_is_busy:
 * @self: the channel
 *
 * Returns: on the puller: whether something that came is not yet on disk.
 * Thread: sync
 */
gboolean
gemel_config_stream_is_busy (GemelConfigStream *self)
{
  return self->applying || self->waiting->len > 0 || self->copy_in != NULL;
}

/**
 * gemel_config_stream_is_replacing:
 * @self: the channel
 *
 * Returns: on the puller: whether a full copy takes its place just now.
 * Thread: sync
 */
gboolean
gemel_config_stream_is_replacing (GemelConfigStream *self)
{
  return self->replacing;
}

/**
 * gemel_config_stream_is_incompatible:
 * @self: the channel
 *
 * Returns: on the puller: whether the last full copy was refused because this version is too old
 *   for it.
 * Thread: sync
 */
gboolean
gemel_config_stream_is_incompatible (GemelConfigStream *self)
{
  return self->incompatible;
}

/**
 * gemel_config_stream_is_attached:
 * @self: the channel
 *
 * Returns: whether the peer is connected.
 * Thread: sync
 */
gboolean
gemel_config_stream_is_attached (GemelConfigStream *self)
{
  return self->stream != NULL;
}

/**
 * gemel_config_stream_get_acked:
 * @self: the channel
 *
 * Returns: on the source: how far the puller is known to be.
 * Thread: sync
 */
guint64
gemel_config_stream_get_acked (GemelConfigStream *self)
{
  return self->acked_seq;
}

/**
 * gemel_config_stream_get_figures:
 * @self: the channel
 *
 * Returns: (transfer none): what the puller measured.
 * Thread: sync
 */
const GemelPullFigures *
gemel_config_stream_get_figures (GemelConfigStream *self)
{
  return &self->figures;
}
