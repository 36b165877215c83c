/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Channel `state`: the active node announces itself, the other asks with its position, and gets
 * the deltas that it lacks or a full state, then every change as it happens.
 *
 *   source: [idle] --ask--> [sending] --LEVEL, confirmed--> [level]
 *   puller: [idle] --announcement--> [asked] --PLAN--> [pulling] --LEVEL--> [synced]
 *
 * Deltas go before parts of a full state, so a part always has the values of its moment.
 */
#include "sync/gemel-sync-private.h"

struct _GemelStateStream
{
  GemelSync   *sync;
  GemelStream *stream; /* (nullable): lent by the peer */
  gboolean     source;
  gboolean     peer_source; /* as last announced */

  /* source */
  gboolean        asked; /* the puller asked and was answered */
  GemelStateWalk *walk;  /* (nullable): of a full state under way */
  gboolean        level_due;
  gboolean        level;     /* the puller confirmed what LEVEL named */
  gboolean        gave_full; /* it counts when the puller confirms its end */
  guint64         level_seq;
  guint64         acked_seq;
  GByteArray     *items;

  /* puller */
  guint32          generation;
  gboolean         planned;
  gboolean         synced;
  gboolean         want_full;
  gint64           asked_us;
  GSource         *ack; /* fires once a turn of the loop */
  GemelPullFigures figures;
};

static gboolean
on_ack (gpointer data)
{
  GemelStateStream  *self = data;
  GemelStatePosition position = gemel_state_store_get_position (self->sync->state);
  guint64            body[2] = { GUINT64_TO_LE (position.epoch), GUINT64_TO_LE (position.seq) };

  g_source_set_ready_time (self->ack, -1);
  if (self->stream != NULL && self->planned && !gemel_state_store_is_in_full (self->sync->state))
    gemel_stream_send (self->stream, GEMEL_SYNC_STATE_ACK, 0, body, sizeof body);
  gemel_sync_check_change (self->sync);
  return G_SOURCE_CONTINUE;
}

static gboolean
dispatch_ack (GSource    *source,
              GSourceFunc callback,
              gpointer    data)
{
  return callback (data);
}

/* tidy: static-mutable: GLib wants it so */
static GSourceFuncs ack_funcs = { NULL, NULL, dispatch_ack, NULL, NULL, NULL };

/**
 * gemel_state_stream_new:
 * @sync: the sync thread, whose state store exists
 *
 * Returns: (transfer full): the channel, not attached.
 * Thread: sync
 */
GemelStateStream *
gemel_state_stream_new (GemelSync *sync)
{
  GemelStateStream *self = g_new0 (GemelStateStream, 1);

  self->sync = sync;
  self->items = g_byte_array_new ();
  self->ack = g_source_new (&ack_funcs, sizeof (GSource));
  g_source_set_callback (self->ack, on_ack, self, NULL);
  g_source_set_ready_time (self->ack, -1);
  g_source_attach (self->ack, sync->context);
  return self;
}

/**
 * gemel_state_stream_free:
 * @self: (nullable): a detached channel
 *
 * Thread: sync
 */
void
gemel_state_stream_free (GemelStateStream *self)
{
  if (self == NULL)
    return;
  g_source_destroy (self->ack);
  g_source_unref (self->ack);
  g_clear_pointer (&self->walk, gemel_state_walk_free);
  g_byte_array_unref (self->items);
  g_free (self);
}

static void
send_hello (GemelStateStream *self)
{
  GemelStatePosition     position = gemel_state_store_get_position (self->sync->state);
  g_autoptr (GByteArray) body = g_byte_array_new ();

  gemel_put_u32 (body, self->generation);
  gemel_put_u8 (body, self->source);
  gemel_put_u8 (body, self->want_full);
  gemel_put_u16 (body, 0);
  gemel_put_u64 (body, position.epoch);
  gemel_put_u64 (body, position.seq);
  gemel_stream_send (self->stream, GEMEL_SYNC_STATE_HELLO, 0, body->data, body->len);
}

/* --- source ---------------------------------------------------------------------------------- */

static void
reset_source (GemelStateStream *self)
{
  self->asked = FALSE;
  self->level = FALSE;
  self->level_due = FALSE;
  self->acked_seq = 0;
  g_clear_pointer (&self->walk, gemel_state_walk_free);
  gemel_waiters_give_up (&self->sync->state_waiters);
}

static void
send_level (GemelStateStream *self)
{
  GemelStatePosition head = gemel_state_store_get_position (self->sync->state);
  guint64            body[2] = { GUINT64_TO_LE (head.epoch), GUINT64_TO_LE (head.seq) };

  self->level_due = FALSE;
  self->level_seq = head.seq;
  gemel_stream_send (self->stream, GEMEL_SYNC_STATE_LEVEL, 0, body, sizeof body);
}

static void
send_resync (GemelStateStream *self,
             GemelSyncReason   reason)
{
  guint8 body = (guint8) reason;

  reset_source (self);
  gemel_stream_send (self->stream, GEMEL_SYNC_STATE_RESYNC, 0, &body, 1);
}

static void
on_overflow (GemelStateStream *self)
{
  self->sync->counters.state_overflows++;
  gemel_sync_event (self->sync, GEMEL_EVENT_STATE_OVERFLOW, "state",
                    "the peer lags behind the delta buffer, it gets a full state",
                    (gint64) self->sync->options.state_buffer_bytes_max);
  gemel_state_store_seek (self->sync->state,
                          gemel_state_store_get_position (self->sync->state).seq);
  send_resync (self, GEMEL_SYNC_REASON_OVERFLOW);
}

/* FALSE: there is nothing to send now. */
static gboolean
send_next (GemelStateStream *self)
{
  GemelStateStore         *store = self->sync->state;
  const GemelStateSegment *segment = gemel_state_store_take_unsent (store);

  if (segment != NULL)
    gemel_stream_send (self->stream, GEMEL_SYNC_STATE_DELTA, 0, segment->data, segment->size);
  else if (self->walk != NULL && gemel_state_walk_next (self->walk, self->items))
    gemel_stream_send (self->stream, GEMEL_SYNC_STATE_ITEMS, 0, self->items->data,
                       self->items->len);
  else if (self->level_due)
    {
      g_clear_pointer (&self->walk, gemel_state_walk_free);
      send_level (self);
    }
  else
    return FALSE;
  return TRUE;
}

/**
 * gemel_state_stream_pump:
 * @self: the channel
 *
 * Sends what waits for the peer, as much as the connection may hold.
 *
 * Thread: sync
 */
void
gemel_state_stream_pump (GemelStateStream *self)
{
  if (self->stream == NULL || !self->source || !self->asked)
    return;
  if (gemel_state_store_is_overflown (self->sync->state))
    {
      on_overflow (self);
      return;
    }
  while (gemel_stream_get_queued_bytes (self->stream) < GEMEL_SYNC_QUEUE_BYTES_MAX)
    if (!send_next (self))
      break;
}

static void
answer (GemelStateStream         *self,
        guint32                   generation,
        const GemelStatePosition *have,
        gboolean                  want_full)
{
  GemelStateStore       *store = self->sync->state;
  GemelStatePosition     head = gemel_state_store_get_position (store);
  GemelSyncReason        reason = GEMEL_SYNC_REASON_NONE;
  GemelSyncPlan          plan = gemel_state_plan (&head, gemel_state_store_get_oldest_seq (store),
                                                  have,
                                                  &reason);
  g_autoptr (GByteArray) body = g_byte_array_new ();

  reset_source (self);
  if (want_full)
    {
      plan = GEMEL_SYNC_FULL;
      reason = GEMEL_SYNC_REASON_OPERATOR;
    }
  gemel_put_u32 (body, generation);
  gemel_put_u8 (body, (guint8) plan);
  gemel_put_u8 (body, (guint8) reason);
  gemel_put_u16 (body, 0);
  gemel_put_u64 (body, head.epoch);
  gemel_put_u64 (body, head.seq);
  gemel_stream_send (self->stream, GEMEL_SYNC_STATE_PLAN, 0, body->data, body->len);
  self->gave_full = plan == GEMEL_SYNC_FULL;
  if (self->gave_full)
    self->walk = gemel_state_walk_new (store, NULL);
  gemel_state_store_seek (store, plan == GEMEL_SYNC_FULL ? head.seq : have->seq);
  self->asked = TRUE;
  self->level_due = TRUE;
  gemel_state_stream_pump (self);
}

static gboolean
take_ack (GemelStateStream *self,
          const guint8     *body,
          gsize             size,
          GError          **error)
{
  GemelReader        reader = gemel_reader (body, size);
  GemelStatePosition head = gemel_state_store_get_position (self->sync->state);
  guint64            epoch = gemel_reader_u64 (&reader);
  guint64            seq = gemel_reader_u64 (&reader);

  if (!gemel_reader_finish (&reader, "state ACK", error))
    return FALSE;
  if (!self->source || !self->asked || epoch != head.epoch || seq > head.seq)
    return TRUE;
  self->acked_seq = seq;
  if (!self->level_due && self->walk == NULL && seq >= self->level_seq)
    {
      self->level = TRUE;
      self->figures.full_syncs += self->gave_full ? 1 : 0;
      self->gave_full = FALSE;
    }
  gemel_state_store_confirm (self->sync->state, seq, gemel_sync_now_us ());
  gemel_waiters_reach (&self->sync->state_waiters, seq);
  gemel_sync_check_change (self->sync);
  return TRUE;
}

/* --- puller ---------------------------------------------------------------------------------- */

static void
reset_puller (GemelStateStream *self)
{
  self->planned = FALSE;
  self->synced = FALSE;
  self->figures.full_total_bytes = 0;
  self->figures.full_done_bytes = 0;
  gemel_state_store_abort_full (self->sync->state);
}

static void
ask (GemelStateStream *self)
{
  reset_puller (self);
  self->generation++;
  self->asked_us = gemel_sync_now_us ();
  send_hello (self);
  self->want_full = FALSE;
  gemel_sync_update_standing (self->sync);
}

static gboolean
take_plan (GemelStateStream *self,
           const guint8     *body,
           gsize             size,
           GError          **error)
{
  GemelReader   reader = gemel_reader (body, size);
  guint32       generation = gemel_reader_u32 (&reader);
  GemelSyncPlan plan = (GemelSyncPlan) gemel_reader_u8 (&reader);
  guint8        reason = gemel_reader_u8 (&reader);

  (void) gemel_reader_u16 (&reader);
  (void) gemel_reader_u64 (&reader);
  (void) gemel_reader_u64 (&reader);
  if (!gemel_reader_finish (&reader, "state PLAN", error))
    return FALSE;
  if (self->source || generation != self->generation)
    return TRUE;
  self->planned = TRUE;
  if (plan != GEMEL_SYNC_FULL)
    return TRUE;
  self->figures.full_sync_needed = TRUE;
  self->figures.last_full_reason = (GemelSyncReason) reason;
  gemel_state_store_begin_full (self->sync->state);
  return TRUE;
}

static gboolean
take_level (GemelStateStream *self,
            const guint8     *body,
            gsize             size,
            GError          **error)
{
  GemelReader        reader = gemel_reader (body, size);
  GemelStatePosition position;

  position.epoch = gemel_reader_u64 (&reader);
  position.seq = gemel_reader_u64 (&reader);
  if (!gemel_reader_finish (&reader, "state LEVEL", error))
    return FALSE;
  if (!self->planned)
    return TRUE;
  if (gemel_state_store_is_in_full (self->sync->state))
    {
      gemel_state_store_commit_full (self->sync->state, &position);
      self->figures.full_syncs++;
      self->figures.full_total_bytes = 0;
      self->figures.full_done_bytes = 0;
      self->figures.full_sync_needed = FALSE;
    }
  self->synced = TRUE;
  self->figures.last_pull_unix_us = g_get_real_time ();
  self->figures.last_pull_duration_us = gemel_sync_now_us () - self->asked_us;
  g_source_set_ready_time (self->ack, 0);
  gemel_sync_update_standing (self->sync);
  return TRUE;
}

static gboolean
take_delta (GemelStateStream *self,
            const guint8     *body,
            gsize             size,
            GError          **error)
{
  gint64 before = gemel_sync_now_us ();

  if (!self->planned)
    return TRUE;
  if (!gemel_state_store_apply (self->sync->state, body, size, before, error))
    return FALSE;
  self->figures.last_apply_duration_us = gemel_sync_now_us () - before;
  self->figures.last_pull_unix_us = g_get_real_time ();
  g_source_set_ready_time (self->ack, 0);
  return TRUE;
}

static gboolean
take_items (GemelStateStream *self,
            const guint8     *body,
            gsize             size,
            GError          **error)
{
  if (!self->planned)
    return TRUE;
  self->figures.full_done_bytes += size;
  self->figures.full_total_bytes = self->figures.full_done_bytes;
  return gemel_state_store_add_items (self->sync->state, body, size, error);
}

static gboolean
take_resync (GemelStateStream *self,
             const guint8     *body,
             gsize             size,
             GError          **error)
{
  GemelReader     reader = gemel_reader (body, size);
  GemelSyncReason reason = (GemelSyncReason) gemel_reader_u8 (&reader);

  if (!gemel_reader_finish (&reader, "state RESYNC", error))
    return FALSE;
  self->want_full = reason == GEMEL_SYNC_REASON_OPERATOR;
  if (!self->source)
    ask (self);
  return TRUE;
}

/* --- both ------------------------------------------------------------------------------------ */

static gboolean
take_hello (GemelStateStream *self,
            const guint8     *body,
            gsize             size,
            GError          **error)
{
  GemelReader        reader = gemel_reader (body, size);
  GemelStatePosition have;
  guint32            generation = gemel_reader_u32 (&reader);
  gboolean           want_full;

  self->peer_source = gemel_reader_u8 (&reader) != 0;
  want_full = gemel_reader_u8 (&reader) != 0;
  (void) gemel_reader_u16 (&reader);
  have.epoch = gemel_reader_u64 (&reader);
  have.seq = gemel_reader_u64 (&reader);
  if (!gemel_reader_finish (&reader, "state HELLO", error))
    return FALSE;
  if (self->source && !self->peer_source && generation != 0)
    answer (self, generation, &have, want_full);
  else if (!self->source && self->peer_source)
    ask (self);
  else if (!self->source && self->synced)
    {
      /* The peer is no longer the source: what it had is what there is, but nobody adds to it. */
      self->synced = FALSE;
      gemel_sync_update_standing (self->sync);
    }
  return TRUE;
}

static gboolean
on_frame (gpointer      channel,
          guint16       type,
          const guint8 *body,
          gsize         size,
          GError      **error)
{
  GemelStateStream *self = channel;
  gboolean (*take) (GemelStateStream *, const guint8 *, gsize, GError **) = NULL;

  switch (type)
    {
    case GEMEL_SYNC_STATE_HELLO:
      return take_hello (self, body, size, error);
    case GEMEL_SYNC_STATE_ACK:
      return take_ack (self, body, size, error);
    case GEMEL_SYNC_STATE_PLAN:
      take = take_plan;
      break;
    case GEMEL_SYNC_STATE_DELTA:
      take = take_delta;
      break;
    case GEMEL_SYNC_STATE_ITEMS:
      take = take_items;
      break;
    case GEMEL_SYNC_STATE_LEVEL:
      take = take_level;
      break;
    case GEMEL_SYNC_STATE_RESYNC:
      take = take_resync;
      break;
    default:
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                   "frame %u does not belong to channel state", type);
      return FALSE;
    }
  /* What a former source still had in flight is void once this node is the source itself. */
  return self->source ? TRUE : take (self, body, size, error);
}

static void
on_attach (gpointer     channel,
           GemelStream *stream)
{
  GemelStateStream *self = channel;

  self->stream = stream;
  self->peer_source = FALSE;
  if (self->source)
    send_hello (self);
}

static void
on_detach (gpointer channel)
{
  GemelStateStream *self = channel;

  self->stream = NULL;
  self->peer_source = FALSE;
  reset_source (self);
  reset_puller (self);
  gemel_sync_update_standing (self->sync);
  gemel_sync_check_change (self->sync);
}

static void
on_drained (gpointer channel)
{
  gemel_state_stream_pump (channel);
}

static gboolean
awaits (gpointer channel)
{
  GemelStateStream  *self = channel;
  GemelStatePosition head = gemel_state_store_get_position (self->sync->state);

  if (!self->source)
    return self->peer_source && !self->synced;
  return self->asked && !self->level_due && (!self->level || self->acked_seq < head.seq);
}

static const GemelPeerChannel handler = { on_attach, on_detach, on_frame, on_drained, awaits };

/**
 * gemel_state_stream_connect:
 * @self: the channel
 * @peer: the connections
 *
 * Thread: sync
 */
void
gemel_state_stream_connect (GemelStateStream *self,
                            GemelPeer        *peer)
{
  gemel_peer_add (peer, GEMEL_SYNC_CHANNEL_STATE, &handler, self);
}

/**
 * gemel_state_stream_set_source:
 * @self: the channel
 * @source: whether this node is active
 *
 * To be called when that changed, or when the epoch did.
 *
 * Thread: sync
 */
void
gemel_state_stream_set_source (GemelStateStream *self,
                               gboolean          source)
{
  self->source = source;
  reset_source (self);
  reset_puller (self);
  if (self->stream == NULL)
    return;
  if (source || !self->peer_source)
    send_hello (self);
  else
    ask (self);
}

/**
 * gemel_state_stream_force_full:
 * @self: the channel
 *
 * A person wants the standby to get everything anew; on either node.
 *
 * Thread: sync
 */
void
gemel_state_stream_force_full (GemelStateStream *self)
{
  if (self->stream == NULL)
    return;
  self->want_full = !self->source;
  if (self->source)
    send_resync (self, GEMEL_SYNC_REASON_OPERATOR);
  else if (self->peer_source)
    ask (self);
}

/**
 * gemel_state_stream_is_level:
 * @self: the channel
 *
 * Returns: on the source: whether the standby is level, so that `pair` can be reached.
 * Thread: sync
 */
gboolean
gemel_state_stream_is_level (GemelStateStream *self)
{
  return self->level;
}

/**
 * gemel_state_stream_is_confirmed:
 * @self: the channel
 *
 * Returns: on the source: whether the standby has confirmed every change.
 * Thread: sync
 */
gboolean
gemel_state_stream_is_confirmed (GemelStateStream *self)
{
  return self->level && self->acked_seq == gemel_state_store_get_position (self->sync->state).seq;
}

/**
 * gemel_state_stream_is_synced:
 * @self: the channel
 *
 * Returns: on the puller: whether its state is complete and follows.
 * Thread: sync
 */
gboolean
gemel_state_stream_is_synced (GemelStateStream *self)
{
  return self->synced;
}

/**
 * gemel_state_stream_get_figures:
 * @self: the channel
 *
 * Returns: (transfer none): what the puller measured.
 * Thread: sync
 */
const GemelPullFigures *
gemel_state_stream_get_figures (GemelStateStream *self)
{
  return &self->figures;
}
