/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Data doors: the life of a client, and the list of all. What a batch does is in
 * gemel-door-batch.c, what a subscriber gets in gemel-door-feed.c. A client can hurt only itself:
 * what breaks the rules ends its door, what it does not read is bounded.
 */
#include "sync/gemel-door.h"

#include <gio/gunixfdlist.h>
#include <sys/socket.h>
#include <unistd.h>

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/**
 * gemel_door_ref:
 * @door: a door
 *
 * Returns: (transfer full): @door.
 * Thread: sync
 */
GemelDoor *
gemel_door_ref (GemelDoor *door)
{
  door->refs++;
  return door;
}

/**
 * gemel_door_unref:
 * @door: (transfer full): a door
 *
 * Thread: sync
 */
void
gemel_door_unref (GemelDoor *door)
{
  if (--door->refs == 0)
    g_free (door);
}

/**
 * gemel_door_close:
 * @door: a door; nothing happens when it is closed already
 *
 * Sends what is queued, closes the socket and forgets the client.
 *
 * Thread: sync
 */
void
gemel_door_close (GemelDoor *door)
{
  GemelStream *stream = g_steal_pointer (&door->stream);

  if (stream == NULL)
    return;
  clear_source (&door->patience);
  g_clear_pointer (&door->walk, gemel_state_walk_free);
  door->subscribed = FALSE;
  door->doors->list = g_list_remove (door->doors->list, door);
  gemel_stream_close (stream);
  gemel_stream_unref (stream);
  (void) g_atomic_int_dec_and_test (&door->sync->n_doors);
  gemel_door_unref (door);
}

/**
 * gemel_door_put_error:
 * @out: where to append
 * @error: an error of %GEMEL_ERROR
 *
 * Appends u16 length and D-Bus name, u16 length and message.
 *
 * Thread: sync
 */
void
gemel_door_put_error (GByteArray   *out,
                      const GError *error)
{
  g_autofree char *name = g_dbus_error_encode_gerror (error);
  gsize            message_bytes = MIN (strlen (error->message), GEMEL_TEXT_BYTES_MAX);

  gemel_put_u16 (out, (guint16) strlen (name));
  gemel_put_bytes (out, name, strlen (name));
  gemel_put_u16 (out, (guint16) message_bytes);
  gemel_put_bytes (out, error->message, message_bytes);
}

/* The client is told why, then the door closes. Counted as refused. */
static void
end_with_error (GemelDoor    *door,
                const GError *error)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();

  door->sync->counters.door_refused++;
  gemel_door_put_error (body, error);
  gemel_stream_send (door->stream, GEMEL_DOOR_FRAME_ERROR, 0, body->data, body->len);
  gemel_door_close (door);
}

static gboolean
take_frame (GemelDoor    *door,
            guint16       type,
            const guint8 *body,
            gsize         size,
            GError      **error)
{
  if (type == GEMEL_DOOR_FRAME_BATCH)
    return gemel_door_take_batch (door, body, size, error);
  if (type == GEMEL_DOOR_FRAME_SUBSCRIBE && door->kind == GEMEL_DOOR_STATE && size == 0)
    {
      gemel_door_begin_feed (door);
      return TRUE;
    }
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
               "a client may not send frame %u of %" G_GSIZE_FORMAT " bytes through this door",
               type, size);
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
  GemelDoor         *door = user_data;
  g_autoptr (GError) local_error = NULL;

  door->sync->counters.door_frames++;
  if (!take_frame (door, type, body, size, &local_error))
    end_with_error (door, local_error);
  else if (door->stream != NULL)
    gemel_door_check_queue (door);
  return TRUE;
}

/* A frame that is too long ends the stream before it is read; such a client learns it by the end
 * of the door, because nothing can be sent on a stream that is over. */
static void
on_closed (GemelStream  *stream,
           const GError *error,
           gpointer      user_data)
{
  GemelDoor *door = user_data;

  if (error != NULL && gemel_error_is (error, GEMEL_ERROR_PROTOCOL))
    door->sync->counters.door_refused++;
  gemel_door_close (door);
}

static gboolean
on_impatient (gpointer data)
{
  GemelDoor *door = data;

  door->sync->counters.door_refused++;
  gemel_sync_event (door->sync, GEMEL_EVENT_LIMIT_REACHED, "door",
                    "a client did not read its answers, its door was closed", door->kind);
  gemel_door_close (door);
  return G_SOURCE_REMOVE;
}

/**
 * gemel_door_check_queue:
 * @door: an open door
 *
 * Stops listening to a client that does not read, and gives it a while.
 *
 * Thread: sync
 */
void
gemel_door_check_queue (GemelDoor *door)
{
  if (door->patience != NULL ||
      gemel_stream_get_queued_bytes (door->stream) < GEMEL_DOOR_QUEUE_BYTES_MAX)
    return;
  gemel_stream_pause (door->stream);
  door->patience = g_timeout_source_new (door->doors->patience_ms);
  g_source_set_callback (door->patience, on_impatient, door, NULL);
  g_source_attach (door->patience, door->sync->context);
}

static void
on_drained (GemelStream *stream,
            gpointer     user_data)
{
  GemelDoor *door = user_data;

  if (door->patience != NULL)
    {
      clear_source (&door->patience);
      gemel_stream_resume (stream);
    }
  gemel_door_pump_feed (door);
}

static const GemelStreamCallbacks callbacks = { on_frame, on_closed, on_drained };

/**
 * gemel_doors_new:
 * @sync: the sync thread
 *
 * Returns: (transfer full): no doors.
 * Thread: sync
 */
GemelDoors *
gemel_doors_new (GemelSync *sync)
{
  GemelDoors *doors = g_new0 (GemelDoors, 1);

  doors->sync = sync;
  doors->patience_ms = GEMEL_DOOR_PATIENCE_MS;
  return doors;
}

/**
 * gemel_doors_close:
 * @doors: the doors
 *
 * Thread: sync
 */
void
gemel_doors_close (GemelDoors *doors)
{
  while (doors->list != NULL)
    gemel_door_close (doors->list->data);
}

/**
 * gemel_doors_free:
 * @doors: (nullable): closed doors
 *
 * Thread: sync
 */
void
gemel_doors_free (GemelDoors *doors)
{
  g_free (doors);
}

/**
 * gemel_door_kind_from_string:
 * @kind: "state", "history" or "config"
 *
 * Returns: its number, -1 for anything else.
 * Thread: any
 */
gint
gemel_door_kind_from_string (const char *kind)
{
  static const char *const kinds[] = { NULL, "state", "history", "config" };

  for (guint i = GEMEL_DOOR_STATE; kind != NULL && i < G_N_ELEMENTS (kinds); i++)
    if (strcmp (kinds[i], kind) == 0)
      return (gint) i;
  return -1;
}

static void
send_hello (GemelDoor *door)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();

  gemel_put_u16 (body, GEMEL_DOOR_VERSION);
  gemel_put_u8 (body, (guint8) door->kind);
  gemel_put_u8 (body, 0);
  gemel_put_u32 (body, GEMEL_DOOR_CREDIT_BYTES);
  gemel_put_u32 (body, GEMEL_FRAME_BYTES_MAX);
  gemel_put_u32 (body, GEMEL_BATCH_ITEMS_MAX);
  gemel_put_u16 (body, (guint16) strlen (door->provider));
  gemel_put_bytes (body, door->provider, strlen (door->provider));
  gemel_stream_send (door->stream, GEMEL_DOOR_FRAME_HELLO, 0, body->data, body->len);
}

/**
 * gemel_doors_take:
 * @doors: the doors
 * @fd: (transfer full): this side of the socket pair
 * @kind: of the door
 * @provider: whose
 *
 * Serves a new client, for which a place is reserved in GemelSync.n_doors.
 *
 * Thread: sync
 */
void
gemel_doors_take (GemelDoors *doors,
                  int         fd,
                  guint       kind,
                  const char *provider)
{
  g_autoptr (GError)            error = NULL;
  g_autoptr (GSocket)           socket = NULL;
  g_autoptr (GSocketConnection) io = NULL;
  GemelDoor                    *door;

  if (!doors->sync->stopping)
    socket = g_socket_new_from_fd (fd, &error);
  if (socket == NULL)
    {
      (void) close (fd);
      (void) g_atomic_int_dec_and_test (&doors->sync->n_doors);
      return;
    }
  io = g_socket_connection_factory_create_connection (socket);
  door = g_new0 (GemelDoor, 1);
  door->refs = 1;
  door->sync = doors->sync;
  door->doors = doors;
  door->kind = (GemelDoorKind) kind;
  (void) g_strlcpy (door->provider, provider, sizeof door->provider);
  doors->list = g_list_prepend (doors->list, door);
  gemel_sync_track (doors->sync, G_IO_STREAM (io));
  door->stream = gemel_stream_new (G_IO_STREAM (io), GEMEL_FRAME_BYTES_MAX, &callbacks, door);
  gemel_stream_start (door->stream);
  send_hello (door);
}

/**
 * gemel_doors_set_patience:
 * @doors: the doors
 * @patience_ms: how long a client may leave its answers unread
 *
 * For tests, which do not want to wait for GEMEL_DOOR_PATIENCE_MS.
 *
 * Thread: sync
 */
void
gemel_doors_set_patience (GemelDoors *doors,
                          guint       patience_ms)
{
  doors->patience_ms = patience_ms;
}
