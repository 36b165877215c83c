/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Channel `config`, the puller's part: entries that wait are applied together and confirmed when
 * they are on disk; a full copy is staged, proven, and put in place by the store in one rename.
 * What this node had and the source lacks is kept in keep_dir before it goes.
 */
#include "sync/gemel-config-private.h"

#include <glib/gstdio.h>

#define WAITING_BYTES_MAX (4 * 1024 * 1024) /* received, not yet applied or written */
#define RETRY_MS_MIN      1000
#define RETRY_MS_MAX      60000

static void apply (GemelConfigStream *self);
static void write_chunks (GemelConfigStream *self);

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static gboolean
on_turn (gpointer data)
{
  GemelConfigStream *self = data;

  g_source_set_ready_time (self->turn, -1);
  apply (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_turn (GSource    *source,
               GSourceFunc callback,
               gpointer    data)
{
  return callback (data);
}

/* tidy: static-mutable: GLib wants it so */
static GSourceFuncs turn_funcs = { NULL, NULL, dispatch_turn, NULL, NULL, NULL };

/**
 * gemel_config_pull_init:
 * @self: the channel
 *
 * Thread: sync
 */
void
gemel_config_pull_init (GemelConfigStream *self)
{
  self->retry_ms = RETRY_MS_MIN;
  self->turn = g_source_new (&turn_funcs, sizeof (GSource));
  g_source_set_callback (self->turn, on_turn, self, NULL);
  g_source_set_ready_time (self->turn, -1);
  g_source_attach (self->turn, self->sync->context);
}

/**
 * gemel_config_pull_clear:
 * @self: the channel
 *
 * Thread: sync
 */
void
gemel_config_pull_clear (GemelConfigStream *self)
{
  clear_source (&self->turn);
}

static void
listen_less (GemelConfigStream *self)
{
  self->paused = TRUE;
  gemel_stream_pause (self->stream);
}

static void
listen_again (GemelConfigStream *self)
{
  if (self->paused && self->stream != NULL)
    gemel_stream_resume (self->stream);
  self->paused = FALSE;
}

/**
 * gemel_config_pull_reset:
 * @self: the channel
 *
 * Forgets what has arrived and was not applied. What the store is doing goes on, and what it gives
 * is taken into account when the channel asks again.
 *
 * Thread: sync
 */
void
gemel_config_pull_reset (GemelConfigStream *self)
{
  self->planned = FALSE;
  self->full = FALSE;
  self->synced = FALSE;
  self->level_known = FALSE;
  self->ask_again = FALSE;
  self->end_came = FALSE;
  self->writing = FALSE;
  self->waiting_bytes = 0;
  self->chunks_bytes = 0;
  self->figures.full_total_bytes = 0;
  self->figures.full_done_bytes = 0;
  g_ptr_array_set_size (self->waiting, 0);
  g_ptr_array_set_size (self->chunks, 0);
  listen_again (self);
  clear_source (&self->retry);
  if (!self->replacing)
    g_clear_pointer (&self->copy_in, gemel_full_copy_unref);
}

/**
 * gemel_config_pull_awaits:
 * @self: the channel of a puller whose peer is the source
 *
 * How long the source takes to make a full copy depends on its size, so there is no limit to that.
 *
 * Returns: whether the source owes something, and nothing here keeps it from being taken.
 * Thread: sync
 */
gboolean
gemel_config_pull_awaits (GemelConfigStream *self)
{
  gboolean busy = self->applying || self->replacing || self->writing || self->paused ||
                  self->retry != NULL;

  return !self->synced && !busy && (!self->full || self->copy_in != NULL);
}

/**
 * gemel_config_pull_ask:
 * @self: the channel of a puller whose peer is the source
 *
 * Asks with the position on disk; waits for the store when it is changing just now.
 *
 * Thread: sync
 */
void
gemel_config_pull_ask (GemelConfigStream *self)
{
  GemelConfigInfo info;

  gemel_config_pull_reset (self);
  if (self->applying || self->replacing)
    {
      self->ask_again = TRUE;
      return;
    }
  gemel_config_db_get_info (self->sync->options.config, &info);
  self->applied = info.head;
  self->generation++;
  self->asked_us = gemel_sync_now_us ();
  gemel_config_stream_send_hello (self);
  self->want = GEMEL_SYNC_REASON_NONE;
  gemel_sync_update_standing (self->sync);
}

static gboolean
on_retry (gpointer data)
{
  GemelConfigStream *self = data;

  clear_source (&self->retry);
  if (self->stream != NULL && !self->source && self->peer_source)
    gemel_config_pull_ask (self);
  return G_SOURCE_REMOVE;
}

static void
retry_later (GemelConfigStream *self)
{
  gemel_config_pull_reset (self);
  self->retry = g_timeout_source_new (self->retry_ms);
  g_source_set_callback (self->retry, on_retry, self, NULL);
  g_source_attach (self->retry, self->sync->context);
  gemel_sync_update_standing (self->sync);
}

static void
fail_full (GemelConfigStream *self,
           const GError      *error)
{
  gemel_sync_event (self->sync, GEMEL_EVENT_FULL_SYNC_FAILED, "config", error->message, 0);
  self->incompatible = gemel_error_is (error, GEMEL_ERROR_INCOMPATIBLE);
  retry_later (self);
  self->retry_ms = MIN (self->retry_ms * 2, RETRY_MS_MAX);
}

/* --- entries --------------------------------------------------------------------------------- */

static void
check_level (GemelConfigStream *self)
{
  if (!self->level_known || self->applied.seq < self->level_seq)
    return;
  self->level_known = FALSE;
  self->synced = TRUE;
  self->incompatible = FALSE;
  self->retry_ms = RETRY_MS_MIN;
  self->sync->standing.had_config = TRUE;
  self->figures.full_sync_needed = FALSE;
  self->figures.last_pull_unix_us = g_get_real_time ();
  self->figures.last_pull_duration_us = gemel_sync_now_us () - self->asked_us;
  gemel_sync_update_standing (self->sync);
}

static void
send_ack (GemelConfigStream *self)
{
  guint64 seq = GUINT64_TO_LE (self->applied.seq);

  if (self->stream != NULL)
    gemel_stream_send (self->stream, GEMEL_SYNC_CONFIG_ACK, 0, &seq, sizeof seq);
}

/** Entries that the store is applying; void or not, the store has to be awaited. */
typedef struct
{
  GemelConfigOpData *op;
  GPtrArray         *entries;
} Apply;

static void
on_apply_failed (GemelConfigStream *self,
                 const GError      *error)
{
  gemel_sync_event (self->sync, GEMEL_EVENT_FULL_SYNC_NEEDED, "config", error->message,
                    GEMEL_SYNC_REASON_APPLY_FAILED);
  self->want = GEMEL_SYNC_REASON_APPLY_FAILED;
  self->figures.full_sync_needed = TRUE;
  self->figures.last_full_reason = GEMEL_SYNC_REASON_APPLY_FAILED;
  gemel_config_pull_ask (self);
}

static void
on_applied (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  Apply             *job = data;
  GemelConfigStream *self = job->op->self;
  GemelSync         *sync = self->sync;
  const GemelEntry  *last = job->entries->pdata[job->entries->len - 1];
  g_autoptr (GError) error = NULL;
  gboolean           done = gemel_config_db_apply_finish (sync->options.config, result, &error);

  self->applying = FALSE;
  self->figures.last_apply_duration_us = gemel_sync_now_us () - self->apply_started_us;
  if (done)
    self->applied = last->position;
  g_ptr_array_unref (job->entries);
  if (!gemel_config_op_end (job->op))
    {
      if (self->ask_again && self->stream != NULL)
        gemel_config_pull_ask (self);
    }
  else if (self->ask_again)
    gemel_config_pull_ask (self);
  else if (!done)
    on_apply_failed (self, error);
  else
    {
      send_ack (self);
      check_level (self);
      apply (self);
    }
  g_free (job);
  gemel_sync_check_change (sync);
}

static void
apply (GemelConfigStream *self)
{
  Apply *job;

  if (self->applying || self->waiting->len == 0)
    return;
  listen_again (self);
  job = g_new (Apply, 1);
  job->op = gemel_config_op_begin (self);
  job->entries = g_steal_pointer (&self->waiting);
  self->waiting = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_entry_unref);
  self->waiting_bytes = 0;
  self->applying = TRUE;
  self->apply_started_us = gemel_sync_now_us ();
  gemel_config_db_apply_async (self->sync->options.config, job->entries, NULL, on_applied, job);
}

static gboolean
take_entries (GemelConfigStream *self,
              const guint8      *body,
              gsize              size,
              GError           **error)
{
  GemelReader reader = gemel_reader (body, size);

  while (self->planned && reader.left > 0 && !reader.bad)
    {
      gsize         entry_bytes = gemel_reader_u32 (&reader);
      const guint8 *bytes = gemel_reader_take (&reader, entry_bytes);
      GemelEntry   *entry = bytes != NULL ? gemel_entry_decode (bytes, entry_bytes, error) : NULL;

      if (entry != NULL)
        g_ptr_array_add (self->waiting, entry);
      else if (bytes != NULL)
        return FALSE;
    }
  if (!self->planned)
    return TRUE;
  if (!gemel_reader_finish (&reader, "config ENTRIES", error))
    return FALSE;
  self->figures.last_pull_unix_us = g_get_real_time ();
  self->waiting_bytes += size;
  if (self->waiting_bytes > WAITING_BYTES_MAX)
    listen_less (self);
  /* Frames that came together are applied together: one sync of the disk for all. */
  g_source_set_ready_time (self->turn, 0);
  return TRUE;
}

static gboolean
take_level (GemelConfigStream *self,
            const guint8      *body,
            gsize              size,
            GError           **error)
{
  GemelReader reader = gemel_reader (body, size);

  self->level_seq = gemel_reader_u64 (&reader);
  if (!gemel_reader_finish (&reader, "config LEVEL", error))
    return FALSE;
  self->level_known = self->planned;
  check_level (self);
  return TRUE;
}

static gboolean
take_plan (GemelConfigStream *self,
           const guint8      *body,
           gsize              size,
           GError           **error)
{
  GemelReader   reader = gemel_reader (body, size);
  guint32       generation = gemel_reader_u32 (&reader);
  GemelSyncPlan plan = (GemelSyncPlan) gemel_reader_u8 (&reader);
  guint8        reason = gemel_reader_u8 (&reader);
  GemelPosition head;

  (void) gemel_reader_u16 (&reader);
  gemel_reader_position (&reader, &head);
  if (!gemel_reader_finish (&reader, "config PLAN", error))
    return FALSE;
  if (generation != self->generation)
    return TRUE;
  self->planned = TRUE;
  self->full = plan == GEMEL_SYNC_FULL || plan == GEMEL_SYNC_DIVERGED;
  if (!self->full)
    return TRUE;
  self->keep = self->applied.seq > 0 &&
               (plan == GEMEL_SYNC_DIVERGED || reason == GEMEL_SYNC_REASON_LINEAGE);
  self->figures.full_sync_needed = TRUE;
  self->figures.last_full_reason = (GemelSyncReason) reason;
  gemel_sync_event (self->sync, GEMEL_EVENT_FULL_SYNC_NEEDED, "config",
                    gemel_sync_reason_to_string ((GemelSyncReason) reason), reason);
  return TRUE;
}

/* --- full copy ------------------------------------------------------------------------------- */

static gboolean
take_begin (GemelConfigStream *self,
            const guint8      *body,
            gsize              size,
            GError           **error)
{
  GemelReader        reader = gemel_reader (body, size);
  g_autofree char   *name = g_strdup_printf ("config-in-%08x.db", g_random_int ());
  g_autofree char   *path = g_build_filename (self->sync->options.stage_dir, name, NULL);
  g_autoptr (GError) local_error = NULL;

  self->full_bytes = gemel_reader_u64 (&reader);
  gemel_reader_position (&reader, &self->full_head);
  if (!gemel_reader_finish (&reader, "config BEGIN", error))
    return FALSE;
  if (!self->planned || self->copy_in != NULL)
    return TRUE;
  self->figures.full_total_bytes = self->full_bytes;
  self->figures.full_done_bytes = 0;
  self->copy_in = gemel_full_copy_open_stage (path, &local_error);
  if (self->copy_in == NULL)
    fail_full (self, local_error);
  return TRUE;
}

static char *
keep_path (GemelConfigStream *self)
{
  g_autoptr (GDateTime) now = g_date_time_new_now_utc ();
  g_autofree char      *stamp = g_date_time_format (now, "%Y%m%dT%H%M%SZ");
  g_autofree char      *name = g_strdup_printf ("config-%s-t%" G_GUINT64_FORMAT
                                                "-s%" G_GUINT64_FORMAT "-%04x.db",
                                                stamp, self->applied.term, self->applied.seq,
                                                (guint) g_random_int_range (0, 65536));

  return g_build_filename (self->sync->options.keep_dir, name, NULL);
}

/** The store is putting a full copy in place. */
typedef struct
{
  GemelConfigOpData *op;
  char              *keep; /* (nullable) */
} Replace;

static void
tell_replaced (GemelConfigStream *self,
               const char        *keep)
{
  GemelConfigInfo info;

  gemel_config_db_get_info (self->sync->options.config, &info);
  self->applied = info.head;
  self->figures.full_syncs++;
  self->figures.full_total_bytes = 0;
  self->figures.full_done_bytes = 0;
  self->figures.last_pull_unix_us = g_get_real_time ();
  if (keep != NULL)
    gemel_sync_event (self->sync, GEMEL_EVENT_CONFIG_KEPT, "config", keep, 0);
  gemel_sync_event (self->sync, GEMEL_EVENT_FULL_SYNC_DONE, "config",
                    gemel_sync_reason_to_string (self->figures.last_full_reason),
                    (gint64) self->full_bytes);
}

static void
on_replaced (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  Replace           *job = data;
  GemelConfigStream *self = job->op->self;
  GemelSync         *sync = self->sync;
  g_autofree char   *keep = job->keep;
  g_autoptr (GError) error = NULL;
  gboolean           done = gemel_config_db_replace_finish (sync->options.config, result, &error);

  self->replacing = FALSE;
  g_clear_pointer (&self->copy_in, gemel_full_copy_unref);
  (void) gemel_config_op_end (job->op);
  g_free (job);
  if (sync->port->soft_restart != NULL)
    sync->port->soft_restart (FALSE, sync->user_data);
  if (done)
    tell_replaced (self, keep);
  else
    fail_full (self, error);
  if (done && self->stream != NULL && !self->source && self->peer_source)
    gemel_config_pull_ask (self);
  gemel_sync_update_standing (sync);
  gemel_sync_check_change (sync);
}

static void
on_sealed (GObject      *source,
           GAsyncResult *result,
           gpointer      data)
{
  GemelConfigStream *self = ((GemelConfigOpData *) data)->self;
  g_autoptr (GError) error = NULL;
  gboolean           done = gemel_full_copy_seal_finish (self->copy_in, result, &error);
  Replace           *job;

  if (!gemel_config_op_end (data))
    return;
  if (!done)
    {
      fail_full (self, error);
      return;
    }
  self->replacing = TRUE;
  gemel_sync_update_standing (self->sync);
  if (self->sync->port->soft_restart != NULL)
    self->sync->port->soft_restart (TRUE, self->sync->user_data);
  job = g_new (Replace, 1);
  job->op = gemel_config_op_begin (self);
  job->keep = self->keep ? keep_path (self) : NULL;
  gemel_config_db_replace_async (self->sync->options.config,
                                 gemel_full_copy_get_path (self->copy_in), &self->full_head,
                                 job->keep, NULL, on_replaced, job);
}

static void
on_chunks_written (GObject      *source,
                   GAsyncResult *result,
                   gpointer      data)
{
  GemelConfigStream *self = ((GemelConfigOpData *) data)->self;
  g_autoptr (GError) error = NULL;
  gboolean           done = gemel_full_copy_write_finish (self->copy_in, result, &error);

  if (!gemel_config_op_end (data))
    return;
  self->writing = FALSE;
  if (done)
    write_chunks (self);
  else
    fail_full (self, error);
}

/* What has come goes to the file; at the end the file is sealed. */
static void
write_chunks (GemelConfigStream *self)
{
  GPtrArray *chunks;

  if (self->writing)
    return;
  if (self->chunks->len > 0)
    {
      listen_again (self);
      chunks = g_steal_pointer (&self->chunks);
      self->chunks = g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
      self->chunks_bytes = 0;
      self->writing = TRUE;
      gemel_full_copy_write_async (self->copy_in, chunks, NULL, on_chunks_written,
                                   gemel_config_op_begin (self));
    }
  else if (self->end_came)
    {
      self->end_came = FALSE;
      self->writing = TRUE;
      gemel_full_copy_seal_async (self->copy_in, self->end_hash, self->full_bytes, NULL, on_sealed,
                                  gemel_config_op_begin (self));
    }
}

static gboolean
take_chunk (GemelConfigStream *self,
            const guint8      *body,
            gsize              size,
            GError           **error)
{
  if (!self->planned || self->copy_in == NULL)
    return TRUE;
  self->figures.full_done_bytes += size;
  if (size == 0 || size > GEMEL_CHUNK_BYTES || self->figures.full_done_bytes > self->full_bytes ||
      self->end_came)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                           "full copy is larger than announced");
      return FALSE;
    }
  g_ptr_array_add (self->chunks, g_bytes_new (body, size));
  self->chunks_bytes += size;
  if (self->chunks_bytes > WAITING_BYTES_MAX)
    listen_less (self);
  write_chunks (self);
  return TRUE;
}

static gboolean
take_end (GemelConfigStream *self,
          const guint8      *body,
          gsize              size,
          GError           **error)
{
  GemelReader   reader = gemel_reader (body, size);
  const guint8 *hash = gemel_reader_take (&reader, GEMEL_COPY_HASH_BYTES);

  if (!gemel_reader_finish (&reader, "config END", error))
    return FALSE;
  if (!self->planned || self->copy_in == NULL)
    return TRUE;
  memcpy (self->end_hash, hash, sizeof self->end_hash);
  self->end_came = TRUE;
  write_chunks (self);
  return TRUE;
}

static gboolean
take_failed (GemelConfigStream *self,
             const guint8      *body,
             gsize              size)
{
  g_autofree char *text = g_utf8_make_valid ((const char *) body,
                                             (gssize) MIN (size, GEMEL_TEXT_BYTES_MAX));

  gemel_sync_event (self->sync, GEMEL_EVENT_FULL_SYNC_FAILED, "config", text, 0);
  retry_later (self);
  return TRUE;
}

static gboolean
take_resync (GemelConfigStream *self,
             const guint8      *body,
             gsize              size,
             GError           **error)
{
  GemelReader reader = gemel_reader (body, size);
  guint8      reason = gemel_reader_u8 (&reader);

  if (!gemel_reader_finish (&reader, "config RESYNC", error))
    return FALSE;
  self->want = (GemelSyncReason) reason;
  gemel_config_pull_ask (self);
  return TRUE;
}

/**
 * gemel_config_pull_frame:
 * @self: the channel
 * @type: frame type
 * @body: its body
 * @size: bytes
 * @error: return location
 *
 * Takes a frame that only the source sends. What a former source still had in flight is void once
 * this node is the source itself.
 *
 * Returns: %FALSE when the frame breaks the protocol.
 * Errors: %GEMEL_ERROR_PROTOCOL, or of the entry
 * Thread: sync
 */
gboolean
gemel_config_pull_frame (GemelConfigStream *self,
                         guint16            type,
                         const guint8      *body,
                         gsize              size,
                         GError           **error)
{
  if (self->source && type >= GEMEL_SYNC_CONFIG_PLAN && type <= GEMEL_SYNC_CONFIG_FAILED)
    return TRUE;
  switch (type)
    {
    case GEMEL_SYNC_CONFIG_PLAN:
      return take_plan (self, body, size, error);
    case GEMEL_SYNC_CONFIG_ENTRIES:
      return take_entries (self, body, size, error);
    case GEMEL_SYNC_CONFIG_LEVEL:
      return take_level (self, body, size, error);
    case GEMEL_SYNC_CONFIG_RESYNC:
      return take_resync (self, body, size, error);
    case GEMEL_SYNC_CONFIG_BEGIN:
      return take_begin (self, body, size, error);
    case GEMEL_SYNC_CONFIG_CHUNK:
      return take_chunk (self, body, size, error);
    case GEMEL_SYNC_CONFIG_END:
      return take_end (self, body, size, error);
    case GEMEL_SYNC_CONFIG_FAILED:
      return take_failed (self, body, size);
    default:
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                   "frame %u does not belong to channel config", type);
      return FALSE;
    }
}
