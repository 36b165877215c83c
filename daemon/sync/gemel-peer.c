/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The data connections to the peer: one a channel, dialled by the backup while the control session
 * stands, taken over from the listener on the other side. What is said on them is not known here.
 *
 * TLS has proven by pin who the other side is, so the first frame only names version and channel.
 * A newer connection of a channel takes the place of the older one: its dialler has given that up.
 */
#include "sync/gemel-sync-private.h"

#define BACK_OFF_MS_MIN 50
#define BACK_OFF_MS_MAX 5000
#define NAMELESS_MAX    8 /* accepted connections whose first frame has not come */

typedef struct
{
  GemelPeer              *peer;
  GemelSyncChannel        channel;
  const GemelPeerChannel *handler;
  gpointer                data;
  GemelStream            *stream;   /* (nullable) */
  gboolean                opened;   /* the handler has it */
  GCancellable           *dialling; /* (nullable) */
  GSource                *again;    /* (nullable): back-off */
  guint                   back_off_ms;
  gint64                  heard_us; /* monotonic; when the peer said something, or had not to */
} Slot;

/** An accepted connection that has not said yet which channel it is. */
typedef struct
{
  GemelPeer   *peer;
  GemelStream *stream;
  GSource     *timeout;
} Nameless;

struct _GemelPeer
{
  GemelSync *sync;
  Slot       slots[GEMEL_SYNC_N_CHANNELS];
  GList     *nameless;
  char      *dial; /* (nullable) */
  guint8     pin[GEMEL_PIN_BYTES];
  gboolean   has_pin;
  gboolean   session_up;
  guint64    bytes_sent; /* of connections that are gone */
  guint64    bytes_received;
};

static void slot_dial (Slot *slot);

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static GSource *
add_timer (guint       ms,
           GSourceFunc func,
           gpointer    data)
{
  GSource *source = g_timeout_source_new (ms);

  g_source_set_callback (source, func, data, NULL);
  g_source_attach (source, g_main_context_get_thread_default ());
  return source;
}

static void
slot_drop (Slot *slot)
{
  GemelStream *stream = g_steal_pointer (&slot->stream);

  if (stream == NULL)
    return;
  slot->peer->bytes_sent += gemel_stream_get_bytes_written (stream);
  slot->peer->bytes_received += gemel_stream_get_bytes_read (stream);
  if (slot->opened)
    slot->handler->detach (slot->data);
  slot->opened = FALSE;
  gemel_stream_close (stream);
  gemel_stream_unref (stream);
}

static gboolean
on_again (gpointer data)
{
  Slot *slot = data;

  clear_source (&slot->again);
  slot_dial (slot);
  return G_SOURCE_REMOVE;
}

static void
slot_dial_later (Slot *slot)
{
  guint jitter = (guint) g_random_int_range (0, (gint32) slot->back_off_ms / 4 + 1);

  clear_source (&slot->again);
  slot->again = add_timer (slot->back_off_ms + jitter, on_again, slot);
  slot->back_off_ms = MIN (slot->back_off_ms * 2, BACK_OFF_MS_MAX);
}

static void
slot_open (Slot *slot)
{
  slot->opened = TRUE;
  slot->heard_us = gemel_sync_now_us ();
  slot->back_off_ms = BACK_OFF_MS_MIN;
  slot->handler->attach (slot->data, slot->stream);
}

static gboolean
check_opened (const guint8 *body,
              gsize         size,
              GError      **error)
{
  GemelReader reader = gemel_reader (body, size);
  guint16     version = gemel_reader_u16 (&reader);

  (void) gemel_reader_u16 (&reader);
  if (!gemel_reader_finish (&reader, "OPENED", error))
    return FALSE;
  if (version >= GEMEL_SYNC_VERSION_MIN && version <= GEMEL_SYNC_VERSION_MAX)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INCOMPATIBLE,
               "the peer speaks data protocol %u, upgrade the older node", version);
  return FALSE;
}

static gboolean
on_frame (GemelStream  *stream,
          guint16       type,
          guint16       flags,
          const guint8 *body,
          gsize         size,
          gpointer      user_data,
          GError      **error)
{
  Slot *slot = user_data;

  slot->heard_us = gemel_sync_now_us ();
  if (slot->opened)
    return slot->handler->frame (slot->data, type, body, size, error);
  if (type != GEMEL_SYNC_OPENED)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "frame %u came before OPENED", type);
      return FALSE;
    }
  if (!check_opened (body, size, error))
    return FALSE;
  slot_open (slot);
  return TRUE;
}

static void
on_closed (GemelStream  *stream,
           const GError *error,
           gpointer      user_data)
{
  Slot *slot = user_data;

  if (error != NULL && !gemel_error_is (error, GEMEL_ERROR_PEER_UNAVAILABLE))
    gemel_sync_event (slot->peer->sync, GEMEL_EVENT_PROTOCOL_VIOLATION, "data", error->message,
                      (gint64) slot->channel);
  slot_drop (slot);
  if (slot->peer->dial != NULL && slot->peer->session_up)
    slot_dial_later (slot);
}

static void
on_drained (GemelStream *stream,
            gpointer     user_data)
{
  Slot *slot = user_data;

  if (slot->opened)
    slot->handler->drained (slot->data);
}

static const GemelStreamCallbacks slot_callbacks = { on_frame, on_closed, on_drained };

static void
slot_take_dialled (Slot      *slot,
                   GIOStream *io)
{
  g_autoptr (GByteArray) open = g_byte_array_new ();

  gemel_sync_track (slot->peer->sync, io);
  slot->stream = gemel_stream_new (io, GEMEL_FRAME_BYTES_MAX, &slot_callbacks, slot);
  slot->heard_us = gemel_sync_now_us ();
  gemel_stream_start (slot->stream);
  gemel_put_u32 (open, GEMEL_SYNC_MAGIC);
  gemel_put_u16 (open, GEMEL_SYNC_VERSION_MIN);
  gemel_put_u16 (open, GEMEL_SYNC_VERSION_MAX);
  gemel_put_u32 (open, slot->channel);
  gemel_stream_send (slot->stream, GEMEL_SYNC_OPEN, 0, open->data, open->len);
}

static void
on_dialled (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  Slot                 *slot = data;
  g_autoptr (GError)    error = NULL;
  g_autoptr (GIOStream) io = gemel_dial_finish (result, &error);
  GemelSync            *sync = slot->peer->sync;

  /* A cancelled dial is known by its error: the slot may be dialling anew already. */
  if (io != NULL && slot->dialling != NULL && slot->stream == NULL)
    {
      g_clear_object (&slot->dialling);
      slot_take_dialled (slot, io);
    }
  else if (io == NULL && slot->dialling != NULL && !g_cancellable_is_cancelled (slot->dialling) &&
           !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED) &&
           !gemel_error_is (error, GEMEL_ERROR_CANCELLED))
    {
      g_clear_object (&slot->dialling);
      slot_dial_later (slot);
    }
  gemel_sync_release (sync);
}

static void
slot_dial (Slot *slot)
{
  GemelPeer *peer = slot->peer;

  if (slot->stream != NULL || slot->dialling != NULL || peer->dial == NULL || !peer->session_up)
    return;
  slot->dialling = g_cancellable_new ();
  gemel_sync_hold (peer->sync);
  gemel_dial_async (peer->sync->options.keys, peer->dial, peer->pin, GEMEL_CHANNEL_DATA,
                    peer->sync->options.sync_timeout_ms, slot->dialling, on_dialled, slot);
}

static void
slot_stop (Slot *slot)
{
  clear_source (&slot->again);
  if (slot->dialling != NULL)
    g_cancellable_cancel (slot->dialling);
  g_clear_object (&slot->dialling);
  slot_drop (slot);
  slot->back_off_ms = BACK_OFF_MS_MIN;
}

static void
nameless_free (Nameless *nameless)
{
  nameless->peer->nameless = g_list_remove (nameless->peer->nameless, nameless);
  clear_source (&nameless->timeout);
  gemel_stream_close (nameless->stream);
  gemel_stream_unref (nameless->stream);
  g_free (nameless);
}

static gboolean
on_nameless_timeout (gpointer data)
{
  nameless_free (data);
  return G_SOURCE_REMOVE;
}

/* The channel that an OPEN frame names. */
static gboolean
parse_open (const guint8     *body,
            gsize             size,
            GemelSyncChannel *ret_channel,
            GError          **error)
{
  GemelReader reader = gemel_reader (body, size);
  guint32     magic = gemel_reader_u32 (&reader);
  guint16     version_min = gemel_reader_u16 (&reader);
  guint16     version_max = gemel_reader_u16 (&reader);
  guint32     channel = gemel_reader_u32 (&reader);

  if (!gemel_reader_finish (&reader, "OPEN", error))
    return FALSE;
  if (magic != GEMEL_SYNC_MAGIC || channel >= GEMEL_SYNC_N_CHANNELS)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                           "first frame names no channel");
      return FALSE;
    }
  if (version_min > GEMEL_SYNC_VERSION_MAX || version_max < GEMEL_SYNC_VERSION_MIN)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INCOMPATIBLE,
                   "the peer speaks data protocols %u to %u, upgrade the older node", version_min,
                   version_max);
      return FALSE;
    }
  *ret_channel = (GemelSyncChannel) channel;
  return TRUE;
}

/* A stream keeps the call-backs it was made with, so an accepted connection is served through its
 * Nameless for as long as it lives: this is the record that leads to its slot afterwards. */
typedef struct
{
  GemelPeer *peer;
  Nameless  *nameless; /* until the channel is known */
  Slot      *slot;     /* afterwards */
} Accepted;

static gboolean
on_accepted_frame (GemelStream  *stream,
                   guint16       type,
                   guint16       flags,
                   const guint8 *body,
                   gsize         size,
                   gpointer      user_data,
                   GError      **error)
{
  Accepted        *accepted = user_data;
  Slot            *slot;
  GemelSyncChannel channel = GEMEL_SYNC_CHANNEL_CONFIG;
  const guint8     opened[4] = { GEMEL_SYNC_VERSION_MAX, 0, 0, 0 };

  if (accepted->slot != NULL)
    return on_frame (stream, type, flags, body, size, accepted->slot, error);
  if (type != GEMEL_SYNC_OPEN)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "frame %u came before OPEN", type);
      return FALSE;
    }
  if (!parse_open (body, size, &channel, error))
    return FALSE;
  slot = &accepted->peer->slots[channel];
  slot_drop (slot);
  slot->stream = gemel_stream_ref (stream);
  accepted->slot = slot;
  accepted->peer->nameless = g_list_remove (accepted->peer->nameless, accepted->nameless);
  clear_source (&accepted->nameless->timeout);
  gemel_stream_unref (stream);
  g_clear_pointer (&accepted->nameless, g_free);
  gemel_stream_send (stream, GEMEL_SYNC_OPENED, 0, opened, sizeof opened);
  slot_open (slot);
  return TRUE;
}

static void
on_accepted_closed (GemelStream  *stream,
                    const GError *error,
                    gpointer      user_data)
{
  Accepted *accepted = user_data;

  if (accepted->slot != NULL)
    on_closed (stream, error, accepted->slot);
  else
    {
      if (error != NULL)
        gemel_sync_event (accepted->peer->sync, GEMEL_EVENT_PROTOCOL_VIOLATION, "data",
                          error->message, -1);
      nameless_free (accepted->nameless);
    }
}

static void
on_accepted_drained (GemelStream *stream,
                     gpointer     user_data)
{
  Accepted *accepted = user_data;

  if (accepted->slot != NULL)
    on_drained (stream, accepted->slot);
}

static const GemelStreamCallbacks accepted_callbacks = { on_accepted_frame, on_accepted_closed,
                                                         on_accepted_drained };

/**
 * gemel_peer_adopt:
 * @peer: the connections
 * @io: a connection that the listener accepted, its pin checked
 *
 * Thread: sync
 */
void
gemel_peer_adopt (GemelPeer *peer,
                  GIOStream *io)
{
  Accepted *accepted;
  Nameless *nameless;

  if (!peer->has_pin || peer->sync->stopping || g_list_length (peer->nameless) >= NAMELESS_MAX)
    return;
  accepted = g_new0 (Accepted, 1);
  nameless = g_new0 (Nameless, 1);
  gemel_sync_track (peer->sync, io);
  g_object_set_data_full (G_OBJECT (io), "gemel-accepted", accepted, g_free);
  nameless->peer = peer;
  nameless->stream = gemel_stream_new (io, GEMEL_FRAME_BYTES_MAX, &accepted_callbacks, accepted);
  nameless->timeout = add_timer (peer->sync->options.sync_timeout_ms, on_nameless_timeout,
                                 nameless);
  peer->nameless = g_list_prepend (peer->nameless, nameless);
  accepted->peer = peer;
  accepted->nameless = nameless;
  gemel_stream_start (nameless->stream);
}

/**
 * gemel_peer_new:
 * @sync: the sync thread
 *
 * Returns: (transfer full): no connections yet.
 * Thread: sync
 */
GemelPeer *
gemel_peer_new (GemelSync *sync)
{
  GemelPeer *peer = g_new0 (GemelPeer, 1);

  peer->sync = sync;
  for (guint i = 0; i < GEMEL_SYNC_N_CHANNELS; i++)
    peer->slots[i] = (Slot){ .peer = peer,
                             .channel = (GemelSyncChannel) i,
                             .back_off_ms = BACK_OFF_MS_MIN };
  return peer;
}

/**
 * gemel_peer_add:
 * @peer: the connections
 * @channel: which one
 * @handler: static; who talks on it
 * @data: for @handler
 *
 * Thread: sync
 */
void
gemel_peer_add (GemelPeer              *peer,
                GemelSyncChannel        channel,
                const GemelPeerChannel *handler,
                gpointer                data)
{
  peer->slots[channel].handler = handler;
  peer->slots[channel].data = data;
}

static void
stop_all (GemelPeer *peer)
{
  for (guint i = 0; i < GEMEL_SYNC_N_CHANNELS; i++)
    slot_stop (&peer->slots[i]);
  while (peer->nameless != NULL)
    nameless_free (peer->nameless->data);
}

/**
 * gemel_peer_set:
 * @peer: the connections
 * @dial: (nullable): host and port to dial; %NULL: this side is dialled
 * @pin: (nullable): the paired key; %NULL: not paired
 * @session_up: whether the control session stands
 *
 * Connections live with the control session: when it goes or the peer is another one, they go.
 *
 * Thread: sync
 */
void
gemel_peer_set (GemelPeer    *peer,
                const char   *dial,
                const guint8 *pin,
                gboolean      session_up)
{
  gboolean same = g_strcmp0 (dial, peer->dial) == 0 && (pin != NULL) == peer->has_pin &&
                  (pin == NULL || memcmp (pin, peer->pin, GEMEL_PIN_BYTES) == 0);
  gboolean lost = peer->session_up && !session_up;

  peer->session_up = session_up && pin != NULL;
  if (!same)
    {
      g_free (peer->dial);
      peer->dial = g_strdup (dial);
      peer->has_pin = pin != NULL;
      if (pin != NULL)
        memcpy (peer->pin, pin, GEMEL_PIN_BYTES);
    }
  if (!same || lost)
    stop_all (peer);
  for (guint i = 0; i < GEMEL_SYNC_N_CHANNELS && peer->session_up; i++)
    if (peer->slots[i].again == NULL)
      slot_dial (&peer->slots[i]);
}

static void
slot_check_silence (Slot  *slot,
                    gint64 now_us)
{
  GemelSync       *sync = slot->peer->sync;
  g_autofree char *message = NULL;

  if (slot->stream == NULL || (slot->opened && !slot->handler->awaits (slot->data)))
    slot->heard_us = now_us;
  if (now_us - slot->heard_us < (gint64) sync->options.sync_timeout_ms * 1000)
    return;
  message = g_strdup_printf ("the peer was asked and said nothing for %u ms, the connection is "
                             "made anew",
                             sync->options.sync_timeout_ms);
  gemel_sync_event (sync, GEMEL_EVENT_PROTOCOL_VIOLATION, "data", message, (gint64) slot->channel);
  slot_drop (slot);
  if (slot->peer->dial != NULL && slot->peer->session_up)
    slot_dial_later (slot);
}

/**
 * gemel_peer_check_silence:
 * @peer: the connections
 * @now_us: monotonic time
 *
 * To be called from time to time: a connection on which the peer owes an answer for longer than
 * one exchange may take is dropped; the dialling side dials again.
 *
 * Thread: sync
 */
void
gemel_peer_check_silence (GemelPeer *peer,
                          gint64     now_us)
{
  for (guint i = 0; i < GEMEL_SYNC_N_CHANNELS; i++)
    slot_check_silence (&peer->slots[i], now_us);
}

/**
 * gemel_peer_free:
 * @peer: (nullable): the connections
 *
 * Thread: sync
 */
void
gemel_peer_free (GemelPeer *peer)
{
  if (peer == NULL)
    return;
  stop_all (peer);
  g_free (peer->dial);
  g_free (peer);
}

/**
 * gemel_peer_get_bytes:
 * @peer: the connections
 * @ret_sent: (out): bytes given to TLS since the start
 * @ret_received: (out): bytes taken from TLS since the start
 *
 * Thread: sync
 */
void
gemel_peer_get_bytes (GemelPeer *peer,
                      guint64   *ret_sent,
                      guint64   *ret_received)
{
  *ret_sent = peer->bytes_sent;
  *ret_received = peer->bytes_received;
  for (guint i = 0; i < GEMEL_SYNC_N_CHANNELS; i++)
    {
      GemelStream *stream = peer->slots[i].stream;

      *ret_sent += stream != NULL ? gemel_stream_get_bytes_written (stream) : 0;
      *ret_received += stream != NULL ? gemel_stream_get_bytes_read (stream) : 0;
    }
}
