/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Batches that come through a door, and their answers. A batch that the node refuses gets an answer
 * with the error and the door stays; only a client that breaks the framing or its credit loses it.
 */
#include "sync/gemel-door.h"

/** A batch that waits for its answer. */
typedef struct
{
  GemelDoor      *door;
  guint64         id;
  guint32         size; /* of the frame's body: the credit that the answer gives back */
  GemelDurability wanted;
  guint64         place_a;
  guint64         place_b;
} Batch;

static void
answer (GemelDoor      *door,
        const Batch    *batch,
        GemelDurability reached,
        const GError   *error)
{
  g_autoptr (GByteArray) body = NULL;

  door->unanswered -= batch->size;
  if (door->stream == NULL)
    return;
  body = g_byte_array_sized_new (64);
  gemel_put_u64 (body, batch->id);
  gemel_put_u8 (body, error == NULL);
  gemel_put_u8 (body, (guint8) reached);
  gemel_put_u16 (body, 0);
  gemel_put_u32 (body, batch->size);
  gemel_put_u64 (body, batch->place_a);
  gemel_put_u64 (body, batch->place_b);
  if (error != NULL)
    gemel_door_put_error (body, error);
  gemel_stream_send (door->stream, GEMEL_DOOR_FRAME_ANSWER, 0, body->data, body->len);
  gemel_door_check_queue (door);
}

static Batch *
batch_new (GemelDoor   *door,
           const Batch *from)
{
  Batch *batch = g_new (Batch, 1);

  *batch = *from;
  batch->door = gemel_door_ref (door);
  return batch;
}

static void
batch_free (Batch *batch)
{
  gemel_door_unref (batch->door);
  g_free (batch);
}

/* --- state ----------------------------------------------------------------------------------- */

static void
on_state_confirmed (GemelDurability reached,
                    gpointer        data)
{
  Batch *batch = data;

  answer (batch->door, batch, reached, NULL);
  batch_free (batch);
}

static void
take_state (GemelDoor    *door,
            Batch        *batch,
            guint64       term,
            const guint8 *ops,
            gsize         size,
            guint32       n_ops)
{
  g_autoptr (GError) error = NULL;
  GemelStatePosition last = { 0 };

  if (!gemel_sync_post (door->sync, door->provider, term, ops, size, n_ops, &last, &error))
    {
      answer (door, batch, GEMEL_DURABILITY_LOCAL, error);
      return;
    }
  batch->place_a = last.epoch;
  batch->place_b = last.seq;
  gemel_sync_wait_state (door->sync, last.seq, batch->wanted, on_state_confirmed,
                         batch_new (door, batch));
}

/* --- configuration --------------------------------------------------------------------------- */

static void
on_config_written (const GemelPosition *position,
                   GemelDurability      reached,
                   const GError        *error,
                   gpointer             data)
{
  Batch *batch = data;

  if (position != NULL)
    {
      batch->place_a = position->term;
      batch->place_b = position->seq;
    }
  answer (batch->door, batch, reached, error);
  batch_free (batch);
}

static GPtrArray *
decode_config (GemelDoor    *door,
               const guint8 *ops,
               gsize         size)
{
  GPtrArray       *list = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_config_op_free);
  GemelStateChange change;

  while (gemel_state_next_change (&ops, &size, &change))
    {
      g_autofree char   *key = g_strndup (change.key, change.key_bytes);
      g_autoptr (GBytes) value = change.set ? g_bytes_new (change.value, change.value_bytes) : NULL;

      g_ptr_array_add (list, gemel_config_op_new (door->provider, key, value));
    }
  return list;
}

static void
take_config (GemelDoor    *door,
             Batch        *batch,
             const guint8 *ops,
             gsize         size,
             guint32       n_ops)
{
  g_autoptr (GError) error = NULL;

  if (!gemel_state_ops_check (ops, size, n_ops, &error))
    {
      answer (door, batch, GEMEL_DURABILITY_LOCAL, error);
      return;
    }
  gemel_sync_write_config (door->sync, decode_config (door, ops, size), batch->wanted, NULL,
                           on_config_written, batch_new (door, batch));
}

/* --- history --------------------------------------------------------------------------------- */

static void
on_history_written (GObject      *source,
                    GAsyncResult *result,
                    gpointer      data)
{
  Batch             *batch = data;
  GemelSync         *sync = batch->door->sync;
  g_autoptr (GError) error = NULL;

  if (!gemel_history_write_finish (sync->options.history, result, &batch->place_b, &error))
    batch->place_b = 0;
  answer (batch->door, batch, GEMEL_DURABILITY_LOCAL, error);
  batch_free (batch);
  gemel_sync_release (sync);
}

static void
take_history (GemelDoor    *door,
              Batch        *batch,
              const guint8 *points,
              gsize         size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = NULL;
  guint              n_points;

  if (!gemel_points_check (points, size, &n_points, &error))
    {
      answer (door, batch, GEMEL_DURABILITY_LOCAL, error);
      return;
    }
  bytes = g_bytes_new (points, size);
  gemel_sync_hold (door->sync);
  gemel_history_write_async (door->sync->options.history, bytes, NULL, on_history_written,
                             batch_new (door, batch));
}

/**
 * gemel_door_take_batch:
 * @door: an open door
 * @body: body of a BATCH frame
 * @size: its size in bytes
 * @error: return location
 *
 * Returns: %FALSE when the client broke the framing or its credit and must go.
 * Errors: %GEMEL_ERROR_PROTOCOL, %GEMEL_ERROR_LIMIT
 * Thread: sync
 */
gboolean
gemel_door_take_batch (GemelDoor    *door,
                       const guint8 *body,
                       gsize         size,
                       GError      **error)
{
  GemelReader reader = gemel_reader (body, size);
  Batch       batch = { .id = gemel_reader_u64 (&reader), .size = (guint32) size };
  guint8      wanted = gemel_reader_u8 (&reader);
  guint32     zero = gemel_reader_u8 (&reader) | (guint32) gemel_reader_u16 (&reader);
  guint32     n_items = gemel_reader_u32 (&reader);
  guint64     term = gemel_reader_u64 (&reader);

  if (reader.bad || zero != 0 || wanted > GEMEL_DURABILITY_PAIR)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                           "head of a batch is cut off or has unknown bits");
      return FALSE;
    }
  if (door->unanswered + size > GEMEL_DOOR_CREDIT_BYTES)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                   "more than %d bytes are unanswered, wait for answers", GEMEL_DOOR_CREDIT_BYTES);
      return FALSE;
    }
  door->unanswered += size;
  batch.wanted = (GemelDurability) wanted;
  if (door->kind == GEMEL_DOOR_STATE)
    take_state (door, &batch, term, reader.data, reader.left, n_items);
  else if (door->kind == GEMEL_DOOR_CONFIG)
    take_config (door, &batch, reader.data, reader.left, n_items);
  else
    take_history (door, &batch, reader.data, reader.left);
  return TRUE;
}
