/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Channel `history`: each side tells the marks of its sink and sends what the other lacks, of its
 * own and every other origin, so that both sinks hold the union. Exactly once is the sink's work
 * (gemel_history_judge ()); a gap makes this side tell its marks again, and the other goes on from
 * there. A node whose files were lost goes on above the numbers that its peer has seen.
 */
#include "sync/gemel-sync-private.h"

#define ROWS_MAX             4000
#define ROWS_BYTES_MAX       (GEMEL_FRAME_BYTES_MAX - 64)
#define ORIGINS_MAX          64
#define RECEIVING_BYTES_MAX  (4 * 1024 * 1024)
#define RETRY_MS             1000
#define UNCONFIRMED_ROWS_MAX (16 * ROWS_MAX) /* sent ahead of the peer's disk */

typedef struct
{
  guint8  uuid[GEMEL_UUID_BYTES];
  guint64 mark;      /* of this node's sink */
  guint64 sent;      /* of what the peer was sent or is known to have */
  guint64 confirmed; /* durable at the peer */
  guint   rows_max;  /* for the next read; smaller after a batch that did not fit a frame */
} Origin;

struct _GemelHistoryStream
{
  GemelSync    *sync;
  GemelStream  *stream; /* (nullable): lent by the peer */
  GArray       *origins;
  GCancellable *cancellable; /* of everything that is under way on this connection */
  gboolean      told;        /* the peer told its marks */
  gboolean      reading;
  gboolean      telling;
  gsize         receiving_bytes;
  gboolean      paused;
  GSource      *retry; /* (nullable): rows could not be stored; marks are told again later */
  gint64        last_pull_unix_us;
  gint64        last_apply_duration_us;
};

/** One step that comes back later. */
typedef struct
{
  GemelHistoryStream *self;
  GCancellable       *cancellable;
  guint8              origin[GEMEL_UUID_BYTES];
  guint64             after;
  gsize               size;
  gint64              began_us;
} Op;

static void pump (GemelHistoryStream *self);

static Op *
op_begin (GemelHistoryStream *self,
          const guint8       *origin)
{
  Op *op = g_new0 (Op, 1);

  op->self = self;
  op->cancellable = g_object_ref (self->cancellable);
  if (origin != NULL)
    memcpy (op->origin, origin, GEMEL_UUID_BYTES);
  gemel_sync_hold (self->sync);
  return op;
}

/* FALSE: the connection that it belonged to is gone. */
static gboolean
op_end (Op *op)
{
  gboolean valid = !g_cancellable_is_cancelled (op->cancellable);

  gemel_sync_release (op->self->sync);
  g_object_unref (op->cancellable);
  g_free (op);
  return valid;
}

/**
 * gemel_history_stream_new:
 * @sync: the sync thread
 *
 * Returns: (transfer full): the channel, not attached.
 * Thread: sync
 */
GemelHistoryStream *
gemel_history_stream_new (GemelSync *sync)
{
  GemelHistoryStream *self = g_new0 (GemelHistoryStream, 1);

  self->sync = sync;
  self->origins = g_array_new (FALSE, TRUE, sizeof (Origin));
  self->cancellable = g_cancellable_new ();
  return self;
}

/**
 * gemel_history_stream_free:
 * @self: (nullable): a detached channel with nothing outstanding
 *
 * Thread: sync
 */
void
gemel_history_stream_free (GemelHistoryStream *self)
{
  if (self == NULL)
    return;
  g_array_unref (self->origins);
  g_object_unref (self->cancellable);
  g_free (self);
}

static Origin *
find_origin (GemelHistoryStream *self,
             const guint8       *uuid)
{
  for (guint i = 0; i < self->origins->len; i++)
    {
      Origin *origin = &g_array_index (self->origins, Origin, i);

      if (memcmp (origin->uuid, uuid, GEMEL_UUID_BYTES) == 0)
        return origin;
    }
  return NULL;
}

/* NULL: there are too many already; their rows stay where they are. */
static Origin *
ensure_origin (GemelHistoryStream *self,
               const guint8       *uuid)
{
  Origin *found = find_origin (self, uuid);
  Origin  fresh = { .rows_max = ROWS_MAX };

  if (found != NULL || self->origins->len >= ORIGINS_MAX)
    return found;
  memcpy (fresh.uuid, uuid, GEMEL_UUID_BYTES);
  g_array_append_val (self->origins, fresh);
  return &g_array_index (self->origins, Origin, self->origins->len - 1);
}

/* --- telling marks --------------------------------------------------------------------------- */

/* Only this node numbers its own history, so nobody has to give it back: its mark is told as the
 * highest one. */
static void
send_marks (GemelHistoryStream *self,
            GVariant           *marks)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  const guint8          *own = self->sync->options.node_uuid;
  guint32                told = 1;
  guint32                told_le;

  gemel_put_u32 (body, 0);
  gemel_put_bytes (body, own, GEMEL_UUID_BYTES);
  gemel_put_u64 (body, G_MAXINT64);
  for (gsize i = 0; i < g_variant_n_children (marks); i++)
    {
      g_autoptr (GVariant) uuid = NULL;
      Origin              *origin;
      const guint8        *bytes;
      gsize                size;
      guint64              mark;

      g_variant_get_child (marks, i, "(@ayt)", &uuid, &mark);
      bytes = g_variant_get_fixed_array (uuid, &size, 1);
      if (size != GEMEL_UUID_BYTES)
        continue;
      origin = ensure_origin (self, bytes);
      if (origin != NULL)
        origin->mark = mark;
      if (memcmp (bytes, own, size) == 0 || told == ORIGINS_MAX)
        continue;
      gemel_put_bytes (body, bytes, size);
      gemel_put_u64 (body, mark);
      told++;
    }
  told_le = GUINT32_TO_LE (told);
  memcpy (body->data, &told_le, sizeof told_le);
  gemel_stream_send (self->stream, GEMEL_SYNC_HISTORY_HELLO, 0, body->data, body->len);
}

static void
on_marks (GObject      *source,
          GAsyncResult *result,
          gpointer      data)
{
  GemelHistoryStream  *self = ((Op *) data)->self;
  g_autoptr (GError)   error = NULL;
  g_autoptr (GVariant) marks = gemel_history_get_marks_finish (self->sync->options.history, result,
                                                               &error);

  if (!op_end (data))
    return;
  self->telling = FALSE;
  if (marks == NULL)
    {
      gemel_sync_event (self->sync, GEMEL_EVENT_STORE_FAILED, "history", error->message, 0);
      return;
    }
  send_marks (self, marks);
  pump (self);
}

static void
tell_marks (GemelHistoryStream *self)
{
  if (self->telling)
    return;
  self->telling = TRUE;
  gemel_history_get_marks_async (self->sync->options.history, NULL, on_marks,
                                 op_begin (self, NULL));
}

/* --- sending rows ---------------------------------------------------------------------------- */

static void
on_read (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  Op                 *op = data;
  GemelHistoryStream *self = op->self;
  g_autoptr (GError)  error = NULL;
  guint64             first = 0;
  guint64             last = 0;
  g_autoptr (GBytes)  rows = gemel_history_read_finish (self->sync->options.history, result, &first,
                                                        &last, &error);
  Origin             *origin = find_origin (self, op->origin);
  guint64             after = op->after;
  guint8              head[GEMEL_UUID_BYTES + 8];
  guint64             first_le = GUINT64_TO_LE (first);

  if (!op_end (op))
    return;
  self->reading = FALSE;
  if (origin == NULL || origin->sent != after)
    pump (self); /* the peer told other marks meanwhile */
  else if (error != NULL)
    {
      gemel_sync_event (self->sync, GEMEL_EVENT_STORE_FAILED, "history", error->message, 0);
      origin->mark = after;
    }
  else if (rows == NULL)
    {
      origin->mark = after;
      pump (self);
    }
  else if (g_bytes_get_size (rows) > ROWS_BYTES_MAX && origin->rows_max > 1)
    {
      origin->rows_max /= 4;
      origin->rows_max = MAX (origin->rows_max, 1);
      pump (self);
    }
  else
    {
      memcpy (head, origin->uuid, GEMEL_UUID_BYTES);
      memcpy (head + GEMEL_UUID_BYTES, &first_le, sizeof first_le);
      gemel_stream_send_parts (self->stream, GEMEL_SYNC_HISTORY_ROWS, 0, head, sizeof head,
                               g_bytes_get_data (rows, NULL), g_bytes_get_size (rows));
      origin->sent = last;
      origin->rows_max = MIN (origin->rows_max * 2, ROWS_MAX);
      pump (self);
    }
}

/* Reads the next rows that the peer lacks, one read at a time. */
static void
pump (GemelHistoryStream *self)
{
  if (self->stream == NULL || !self->told || self->reading ||
      gemel_stream_get_queued_bytes (self->stream) >= GEMEL_SYNC_QUEUE_BYTES_MAX)
    return;
  for (guint i = 0; i < self->origins->len; i++)
    {
      Origin *origin = &g_array_index (self->origins, Origin, i);
      Op     *op;

      if (origin->sent >= origin->mark || origin->sent - origin->confirmed > UNCONFIRMED_ROWS_MAX)
        continue;
      op = op_begin (self, origin->uuid);
      op->after = origin->sent;
      self->reading = TRUE;
      gemel_history_read_async (self->sync->options.history, origin->uuid, origin->sent,
                                origin->rows_max, NULL, on_read, op);
      return;
    }
}

/**
 * gemel_history_stream_moved:
 * @self: the channel
 * @origin: whose rows came into the sink
 * @mark: the sink's new mark of that origin
 *
 * Thread: sync
 */
void
gemel_history_stream_moved (GemelHistoryStream *self,
                            const guint8        origin[16],
                            guint64             mark)
{
  Origin *found = ensure_origin (self, origin);

  if (found == NULL)
    return;
  found->mark = MAX (found->mark, mark);
  pump (self);
}

static void
note_confirmed (GemelHistoryStream *self,
                Origin             *origin,
                guint64             mark)
{
  GemelSync *sync = self->sync;

  origin->confirmed = MAX (origin->confirmed, mark);
  if (memcmp (origin->uuid, sync->options.node_uuid, GEMEL_UUID_BYTES) != 0)
    return;
  gemel_history_set_peer_acked (sync->options.history, origin->confirmed);
  if (origin->confirmed > sync->history_acked)
    gemel_rate_add (&sync->history_dispatched, (guint) (origin->confirmed - sync->history_acked),
                    gemel_sync_now_us ());
  sync->history_acked = MAX (sync->history_acked, origin->confirmed);
  gemel_sync_check_change (sync);
}

static gboolean
take_hello (GemelHistoryStream *self,
            const guint8       *body,
            gsize               size,
            GError            **error)
{
  GemelReader reader = gemel_reader (body, size);
  guint32     n = gemel_reader_u32 (&reader);

  if (n > ORIGINS_MAX || reader.left != (gsize) n * (GEMEL_UUID_BYTES + 8))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "history HELLO does not hold %u marks",
                   n);
      return FALSE;
    }
  /* An origin that the peer does not name is one of which it has nothing. */
  for (guint i = 0; i < self->origins->len; i++)
    {
      Origin *origin = &g_array_index (self->origins, Origin, i);

      origin->sent = 0;
      origin->confirmed = 0;
    }
  for (guint32 i = 0; i < n; i++)
    {
      const guint8 *uuid = gemel_reader_take (&reader, GEMEL_UUID_BYTES);
      guint64       mark = gemel_reader_u64 (&reader);
      Origin       *origin = ensure_origin (self, uuid);

      if (origin == NULL)
        continue;
      origin->sent = mark;
      if (memcmp (uuid, self->sync->options.node_uuid, GEMEL_UUID_BYTES) == 0)
        gemel_history_skip_numbers (self->sync->options.history, mark);
      note_confirmed (self, origin, mark);
    }
  self->told = TRUE;
  pump (self);
  return TRUE;
}

static gboolean
take_ack (GemelHistoryStream *self,
          const guint8       *body,
          gsize               size,
          GError            **error)
{
  GemelReader   reader = gemel_reader (body, size);
  const guint8 *uuid = gemel_reader_take (&reader, GEMEL_UUID_BYTES);
  guint64       mark = gemel_reader_u64 (&reader);
  Origin       *origin;

  if (!gemel_reader_finish (&reader, "history ACK", error))
    return FALSE;
  origin = find_origin (self, uuid);
  if (origin != NULL && mark <= origin->sent)
    note_confirmed (self, origin, mark);
  pump (self);
  return TRUE;
}

/* --- receiving rows -------------------------------------------------------------------------- */

static void
note_received (GemelHistoryStream *self,
               const guint8       *uuid,
               guint64             mark)
{
  Origin *origin = ensure_origin (self, uuid);
  guint64 mark_le = GUINT64_TO_LE (mark);

  /* The peer has what it sent, so that it is not sent back. */
  if (origin != NULL)
    {
      origin->sent = MAX (origin->sent, mark);
      origin->confirmed = MAX (origin->confirmed, mark);
      origin->mark = MAX (origin->mark, mark);
    }
  self->last_pull_unix_us = g_get_real_time ();
  gemel_stream_send_parts (self->stream, GEMEL_SYNC_HISTORY_ACK, 0, uuid, GEMEL_UUID_BYTES,
                           &mark_le, sizeof mark_le);
}

static void
drop_retry (GemelHistoryStream *self)
{
  if (self->retry != NULL)
    g_source_destroy (self->retry);
  g_clear_pointer (&self->retry, g_source_unref);
}

static gboolean
on_retry (gpointer data)
{
  GemelHistoryStream *self = data;

  drop_retry (self);
  tell_marks (self);
  return G_SOURCE_REMOVE;
}

/* The disk is full or busy: the peer is asked to begin anew after a while, not at once. */
static void
retry_later (GemelHistoryStream *self,
             const GError       *error)
{
  gemel_sync_event (self->sync, GEMEL_EVENT_STORE_FAILED, "history", error->message, 0);
  self->retry = g_timeout_source_new (RETRY_MS);
  g_source_set_callback (self->retry, on_retry, self, NULL);
  g_source_attach (self->retry, self->sync->context);
}

static void
on_received (GObject      *source,
             GAsyncResult *result,
             gpointer      data)
{
  Op                 *op = data;
  GemelHistoryStream *self = op->self;
  guint8              uuid[GEMEL_UUID_BYTES];
  guint64             mark = 0;
  g_autoptr (GError)  error = NULL;
  gboolean            done = gemel_history_receive_finish (self->sync->options.history, result,
                                                           &mark, &error);
  gsize               size = op->size;
  gint64              took_us = gemel_sync_now_us () - op->began_us;

  memcpy (uuid, op->origin, sizeof uuid);
  if (!op_end (op))
    return;
  self->receiving_bytes -= size;
  if (self->paused && self->receiving_bytes < RECEIVING_BYTES_MAX / 2)
    {
      self->paused = FALSE;
      gemel_stream_resume (self->stream);
    }
  if (done)
    self->last_apply_duration_us = took_us;
  if (done)
    note_received (self, uuid, mark);
  else if (self->retry != NULL)
    return; /* what came behind rows that failed has a gap before it */
  else if (gemel_error_is (error, GEMEL_ERROR_PROTOCOL))
    tell_marks (self);
  else
    retry_later (self, error);
}

static gboolean
take_rows (GemelHistoryStream *self,
           const guint8       *body,
           gsize               size,
           GError            **error)
{
  GemelReader        reader = gemel_reader (body, size);
  const guint8      *uuid = gemel_reader_take (&reader, GEMEL_UUID_BYTES);
  guint64            first = gemel_reader_u64 (&reader);
  g_autoptr (GBytes) rows = NULL;
  guint              n_rows;
  Op                *op;

  if (reader.bad || first == 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "history ROWS are cut off");
      return FALSE;
    }
  if (!gemel_points_check (reader.data, reader.left, &n_rows, error))
    return FALSE;
  if (self->retry != NULL)
    return TRUE;
  rows = g_bytes_new (reader.data, reader.left);
  op = op_begin (self, uuid);
  op->size = size;
  op->began_us = gemel_sync_now_us ();
  self->receiving_bytes += size;
  if (!self->paused && self->receiving_bytes > RECEIVING_BYTES_MAX)
    {
      self->paused = TRUE;
      gemel_stream_pause (self->stream);
    }
  gemel_history_receive_async (self->sync->options.history, uuid, first, rows, NULL, on_received,
                               op);
  return TRUE;
}

/* --- the connection -------------------------------------------------------------------------- */

static gboolean
on_frame (gpointer      channel,
          guint16       type,
          const guint8 *body,
          gsize         size,
          GError      **error)
{
  switch (type)
    {
    case GEMEL_SYNC_HISTORY_HELLO:
      return take_hello (channel, body, size, error);
    case GEMEL_SYNC_HISTORY_ROWS:
      return take_rows (channel, body, size, error);
    case GEMEL_SYNC_HISTORY_ACK:
      return take_ack (channel, body, size, error);
    default:
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                   "frame %u does not belong to channel history", type);
      return FALSE;
    }
}

static void
on_attach (gpointer     channel,
           GemelStream *stream)
{
  GemelHistoryStream *self = channel;

  self->stream = stream;
  tell_marks (self);
}

static void
on_detach (gpointer channel)
{
  GemelHistoryStream *self = channel;

  g_cancellable_cancel (self->cancellable);
  g_object_unref (self->cancellable);
  self->cancellable = g_cancellable_new ();
  drop_retry (self);
  self->stream = NULL;
  self->told = FALSE;
  self->reading = FALSE;
  self->telling = FALSE;
  self->paused = FALSE;
  self->receiving_bytes = 0;
}

static void
on_drained (gpointer channel)
{
  pump (channel);
}

static gboolean
awaits (gpointer channel)
{
  GemelHistoryStream *self = channel;

  for (guint i = 0; i < self->origins->len && self->told; i++)
    {
      const Origin *origin = &g_array_index (self->origins, Origin, i);

      if (origin->sent > origin->confirmed && !self->paused)
        return TRUE;
    }
  return !self->told;
}

static const GemelPeerChannel handler = { on_attach, on_detach, on_frame, on_drained, awaits };

/**
 * gemel_history_stream_connect:
 * @self: the channel
 * @peer: the connections
 *
 * Thread: sync
 */
void
gemel_history_stream_connect (GemelHistoryStream *self,
                              GemelPeer          *peer)
{
  gemel_peer_add (peer, GEMEL_SYNC_CHANNEL_HISTORY, &handler, self);
}

/**
 * gemel_history_stream_is_flushed:
 * @self: the channel
 *
 * Returns: whether the peer has confirmed everything of this sink, as far as is known here.
 * Thread: sync
 */
gboolean
gemel_history_stream_is_flushed (GemelHistoryStream *self)
{
  for (guint i = 0; i < self->origins->len; i++)
    {
      const Origin *origin = &g_array_index (self->origins, Origin, i);

      if (origin->confirmed < origin->mark)
        return FALSE;
    }
  return self->told;
}

/**
 * gemel_history_stream_get_last_pull_unix_us:
 * @self: the channel
 *
 * Returns: when rows of the peer came last, wall clock; 0: never.
 * Thread: sync
 */
gint64
gemel_history_stream_get_last_pull_unix_us (GemelHistoryStream *self)
{
  return self->last_pull_unix_us;
}

/**
 * gemel_history_stream_get_last_apply_duration_us:
 * @self: the channel
 *
 * Returns: how long the sink took for the last rows of the peer, its queue included; 0: never.
 * Thread: sync
 */
gint64
gemel_history_stream_get_last_apply_duration_us (GemelHistoryStream *self)
{
  return self->last_apply_duration_us;
}
