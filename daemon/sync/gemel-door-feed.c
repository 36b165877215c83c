/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What a subscriber of runtime state gets: the full state of its provider, then every change, on
 * the active node and on the standby. A subscriber that lags loses deltas and gets a full state
 * again, so that what waits for it is bounded.
 */
#include "sync/gemel-door.h"

static void
send_place (GemelDoor     *door,
            GemelDoorFrame type)
{
  GemelStatePosition position = gemel_state_store_get_position (door->sync->state);
  guint64            body[2] = { GUINT64_TO_LE (position.epoch), GUINT64_TO_LE (position.seq) };

  gemel_stream_send (door->stream, (guint16) type, 0, body, sizeof body);
}

/**
 * gemel_door_begin_feed:
 * @door: a door of kind state
 *
 * Begins a full state, of which the changes that come meanwhile are a part.
 *
 * Thread: sync
 */
void
gemel_door_begin_feed (GemelDoor *door)
{
  g_clear_pointer (&door->walk, gemel_state_walk_free);
  door->subscribed = TRUE;
  door->lagging = FALSE;
  door->walk = gemel_state_walk_new (door->sync->state, door->provider);
  send_place (door, GEMEL_DOOR_FRAME_FULL_BEGIN);
  gemel_door_pump_feed (door);
}

/**
 * gemel_door_pump_feed:
 * @door: a door
 *
 * Sends what waits for a subscriber, as much as its socket may hold.
 *
 * Thread: sync
 */
void
gemel_door_pump_feed (GemelDoor *door)
{
  g_autoptr (GByteArray) items = NULL;

  if (door->stream == NULL || !door->subscribed)
    return;
  if (door->lagging)
    {
      gemel_door_begin_feed (door);
      return;
    }
  if (door->walk == NULL)
    return;
  items = g_byte_array_new ();
  while (gemel_stream_get_queued_bytes (door->stream) < GEMEL_DOOR_QUEUE_BYTES_MAX)
    {
      if (!gemel_state_walk_next (door->walk, items))
        {
          g_clear_pointer (&door->walk, gemel_state_walk_free);
          send_place (door, GEMEL_DOOR_FRAME_FULL_END);
          break;
        }
      gemel_stream_send (door->stream, GEMEL_DOOR_FRAME_ITEMS, 0, items->data, items->len);
    }
  gemel_door_check_queue (door);
}

static void
feed_delta (GemelDoor    *door,
            const guint8 *head,
            gsize         head_bytes,
            const guint8 *ops,
            gsize         size)
{
  if (door->lagging)
    return;
  if (gemel_stream_get_queued_bytes (door->stream) >= GEMEL_DOOR_QUEUE_BYTES_MAX)
    {
      door->lagging = TRUE;
      gemel_door_check_queue (door);
      return;
    }
  gemel_stream_send_parts (door->stream, GEMEL_DOOR_FRAME_DELTA, 0, head, head_bytes, ops, size);
}

/**
 * gemel_doors_state_changed:
 * @doors: the doors
 * @provider: whose keys changed
 * @epoch: epoch of the changes
 * @first_seq: place of the first
 * @n_ops: how many
 * @ops: encoded
 * @size: their size in bytes
 *
 * Thread: sync
 */
void
gemel_doors_state_changed (GemelDoors         *doors,
                           GemelStateProvider *provider,
                           guint64             epoch,
                           guint64             first_seq,
                           guint               n_ops,
                           const guint8       *ops,
                           gsize               size)
{
  struct
  {
    guint64 epoch;
    guint64 first_seq;
    guint32 n_ops;
    guint32 zero;
  } head = { GUINT64_TO_LE (epoch), GUINT64_TO_LE (first_seq), GUINT32_TO_LE (n_ops), 0 };

  for (GList *at = doors->list; at != NULL; at = at->next)
    {
      GemelDoor *door = at->data;

      if (door->subscribed && strcmp (door->provider, provider->name) == 0)
        feed_delta (door, (const guint8 *) &head, sizeof head, ops, size);
    }
}

/**
 * gemel_doors_state_replaced:
 * @doors: the doors
 *
 * A full state of the peer took the place of everything: subscribers get it too.
 *
 * Thread: sync
 */
void
gemel_doors_state_replaced (GemelDoors *doors)
{
  for (GList *at = doors->list; at != NULL; at = at->next)
    {
      GemelDoor *door = at->data;

      if (door->subscribed)
        gemel_door_begin_feed (door);
    }
}
