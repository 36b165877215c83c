/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The client of the data door (bytes: daemon/sync/DOOR.md). A blocking socket, one buffer for what
 * came and one for the batch that is being put together. It checks every length that it is told.
 */
#include "api/gemel-door-client.h"
#include "api/gemel-names.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEADER_BYTES     8
#define BATCH_HEAD_BYTES 24
#define ANSWER_BYTES     32
#define HELLO_TIMEOUT_MS 5000
#define FRAME_HELLO      1
#define FRAME_ERROR      7
#define FRAME_BATCH      16
#define FRAME_SUBSCRIBE  17

struct _GemelDoorClient
{
  int         fd;
  GByteArray *in;
  gsize       in_at; /* first byte that was not taken */
  GByteArray *out;   /* header, head and operations of the next batch */
  guint32     n_items;
  guint64     next_id;
  guint32     credit;
  guint32     unanswered;
  char       *provider;
  GPtrArray  *held;    /* of GByteArray: frames that came while send () waited */
  GByteArray *current; /* (nullable): the held frame that was lent last */
  char       *text;    /* name and message of the event that was lent last */
};

static guint16
get_u16 (const guint8 *at)
{
  guint16 value;

  memcpy (&value, at, sizeof value);
  return GUINT16_FROM_LE (value);
}

static guint32
get_u32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, sizeof value);
  return GUINT32_FROM_LE (value);
}

static guint64
get_u64 (const guint8 *at)
{
  guint64 value;

  memcpy (&value, at, sizeof value);
  return GUINT64_FROM_LE (value);
}

static void
set_u16 (guint8 *at,
         guint16 value)
{
  value = GUINT16_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static void
set_u32 (guint8 *at,
         guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static void
set_u64 (guint8 *at,
         guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static gboolean
fail_broken (GError    **error,
             const char *why)
{
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PEER_UNAVAILABLE,
               "data door is closed: %s, open it again", why);
  return FALSE;
}

static gboolean
fail_garbage (GError **error)
{
  g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                       "data door sent a frame that makes no sense, compare the versions");
  return FALSE;
}

static gboolean
wait_readable (GemelDoorClient *client,
               int              timeout_ms,
               GError         **error)
{
  struct pollfd poll_fd = { client->fd, POLLIN, 0 };
  int           n = TEMP_FAILURE_RETRY (poll (&poll_fd, 1, timeout_ms));

  if (n > 0)
    return TRUE;
  if (n < 0)
    return fail_broken (error, g_strerror (errno));
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TIMEOUT,
               "nothing came through the data door in %d ms", timeout_ms);
  return FALSE;
}

static gboolean
read_some (GemelDoorClient *client,
           GError         **error)
{
  guint8  chunk[16384];
  ssize_t n = TEMP_FAILURE_RETRY (recv (client->fd, chunk, sizeof chunk, 0));

  if (n <= 0)
    return fail_broken (error, n == 0 ? "the other side closed it" : g_strerror (errno));
  if (client->in_at > 0)
    g_byte_array_remove_range (client->in, 0, (guint) client->in_at);
  client->in_at = 0;
  g_byte_array_append (client->in, chunk, (guint) n);
  return TRUE;
}

/* Reads until a whole frame is there. *ret_frame points into the buffer and is taken. */
static gboolean
take_frame (GemelDoorClient *client,
            int              timeout_ms,
            const guint8   **ret_frame,
            GError         **error)
{
  gsize have = client->in->len - client->in_at;
  gsize size = have >= HEADER_BYTES ? get_u32 (client->in->data + client->in_at) : 0;

  while (have < HEADER_BYTES || have - HEADER_BYTES < size)
    {
      if (!wait_readable (client, timeout_ms, error) || !read_some (client, error))
        return FALSE;
      have = client->in->len - client->in_at;
      size = have >= HEADER_BYTES ? get_u32 (client->in->data + client->in_at) : 0;
      if (size > GEMEL_FRAME_BYTES_MAX)
        return fail_garbage (error);
    }
  *ret_frame = client->in->data + client->in_at;
  client->in_at += HEADER_BYTES + size;
  return TRUE;
}

/* Two texts with u16 lengths; kept, terminated, in client->text. */
static gboolean
take_texts (GemelDoorClient *client,
            const guint8    *at,
            gsize            size,
            const char     **ret_name,
            const char     **ret_message,
            GError         **error)
{
  gsize name = size >= 2 ? get_u16 (at) : 0;
  gsize message = size >= 4 + name ? get_u16 (at + 2 + name) : 0;

  if (size != 4 + name + message)
    return fail_garbage (error);
  g_free (client->text);
  client->text = g_malloc0 (name + message + 2);
  memcpy (client->text, at + 2, name);
  memcpy (client->text + name + 1, at + 4 + name, message);
  *ret_name = client->text;
  *ret_message = client->text + name + 1;
  return TRUE;
}

static gboolean
take_hello (GemelDoorClient *client,
            GError         **error)
{
  const guint8 *frame = NULL;
  gsize         size;

  if (!take_frame (client, HELLO_TIMEOUT_MS, &frame, error))
    return FALSE;
  size = get_u32 (frame);
  if (get_u16 (frame + 4) != FRAME_HELLO || size < 18 ||
      size != 18u + get_u16 (frame + HEADER_BYTES + 16))
    return fail_garbage (error);
  if (get_u16 (frame + HEADER_BYTES) != 1)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INCOMPATIBLE,
                   "data door speaks version %u, this client 1: upgrade it",
                   get_u16 (frame + HEADER_BYTES));
      return FALSE;
    }
  client->credit = get_u32 (frame + HEADER_BYTES + 4);
  client->provider = g_strndup ((const char *) frame + HEADER_BYTES + 18, size - 18);
  return TRUE;
}

static void
begin_batch (GemelDoorClient *client)
{
  g_byte_array_set_size (client->out, HEADER_BYTES + BATCH_HEAD_BYTES);
  memset (client->out->data, 0, client->out->len);
  client->n_items = 0;
}

/**
 * gemel_door_client_new:
 * @fd: (transfer full): the socket that OpenStream () gave; closed also on error
 * @error: return location
 *
 * Waits for the greeting of the daemon.
 *
 * Returns: (transfer full): a client.
 * Errors: %GEMEL_ERROR_INCOMPATIBLE, %GEMEL_ERROR_PROTOCOL, %GEMEL_ERROR_TIMEOUT,
 *   %GEMEL_ERROR_PEER_UNAVAILABLE
 * Thread: any; a client belongs to one thread at a time
 */
GemelDoorClient *
gemel_door_client_new (int      fd,
                       GError **error)
{
  GemelDoorClient *client = g_new0 (GemelDoorClient, 1);

  client->fd = fd;
  client->in = g_byte_array_new ();
  client->out = g_byte_array_new ();
  client->held = g_ptr_array_new_with_free_func ((GDestroyNotify) g_byte_array_unref);
  begin_batch (client);
  if (take_hello (client, error))
    return client;
  gemel_door_client_free (client);
  return NULL;
}

/**
 * gemel_door_client_free:
 * @client: (nullable): a client; its socket is closed
 *
 * Thread: the client's
 */
void
gemel_door_client_free (GemelDoorClient *client)
{
  if (client == NULL)
    return;
  (void) close (client->fd);
  g_byte_array_unref (client->in);
  g_byte_array_unref (client->out);
  g_clear_pointer (&client->current, g_byte_array_unref);
  g_ptr_array_unref (client->held);
  g_free (client->provider);
  g_free (client->text);
  g_free (client);
}

/**
 * gemel_door_client_get_fd:
 * @client: a client
 *
 * Returns: its socket, to be polled for reading; call gemel_door_client_next () with a timeout of 0
 *   until that says %GEMEL_ERROR_TIMEOUT.
 * Thread: any
 */
int
gemel_door_client_get_fd (GemelDoorClient *client)
{
  return client->fd;
}

/**
 * gemel_door_client_get_provider:
 * @client: a client
 *
 * Returns: (transfer none): whose door it is.
 * Thread: any
 */
const char *
gemel_door_client_get_provider (GemelDoorClient *client)
{
  return client->provider;
}

/**
 * gemel_door_client_put:
 * @client: a client of a state or config door
 * @key: key
 * @value: (nullable): value; %NULL deletes the key
 * @value_bytes: its size
 *
 * Adds an operation to the next batch. Limits are the daemon's and come with the answer.
 *
 * Thread: the client's
 */
void
gemel_door_client_put (GemelDoorClient *client,
                       const char      *key,
                       gconstpointer    value,
                       gsize            value_bytes)
{
  guint8 head[8] = { 0 };
  gsize  key_bytes = MIN (strlen (key), G_MAXUINT16);

  set_u16 (head, (guint16) key_bytes);
  head[2] = value != NULL;
  set_u32 (head + 4, value != NULL ? (guint32) value_bytes : 0);
  g_byte_array_append (client->out, head, sizeof head);
  g_byte_array_append (client->out, (const guint8 *) key, (guint) key_bytes);
  if (value != NULL && value_bytes > 0)
    g_byte_array_append (client->out, value, (guint) value_bytes);
  client->n_items++;
}

/**
 * gemel_door_client_put_points:
 * @client: a client of a history door
 * @points: points in the layout of history/gemel-history.h, with their count
 * @size: bytes
 *
 * Makes them the next batch, in the place of what was put before.
 *
 * Thread: the client's
 */
void
gemel_door_client_put_points (GemelDoorClient *client,
                              gconstpointer    points,
                              gsize            size)
{
  begin_batch (client);
  g_byte_array_append (client->out, points, (guint) size);
}

/* An answer gives credit back, whoever takes it later. */
static void
note_answer (GemelDoorClient *client,
             const guint8    *frame)
{
  if (get_u16 (frame + 4) == GEMEL_DOOR_ANSWER && get_u32 (frame) >= ANSWER_BYTES)
    client->unanswered -= MIN (client->unanswered, get_u32 (frame + HEADER_BYTES + 12));
}

static gboolean
hold_frame (GemelDoorClient *client,
            int              timeout_ms,
            GError         **error)
{
  const guint8 *frame = NULL;
  GByteArray   *copy;

  if (!take_frame (client, timeout_ms, &frame, error))
    return FALSE;
  note_answer (client, frame);
  copy = g_byte_array_new ();
  g_byte_array_append (copy, frame, HEADER_BYTES + get_u32 (frame));
  g_ptr_array_add (client->held, copy);
  return TRUE;
}

/* The daemon stops listening to who does not read, so reading goes on while the socket is full. */
static gboolean
write_all (GemelDoorClient *client,
           const guint8    *data,
           gsize            size,
           GError         **error)
{
  while (size > 0)
    {
      ssize_t n = TEMP_FAILURE_RETRY (send (client->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT));

      if (n < 0 && errno != EAGAIN)
        return fail_broken (error, g_strerror (errno));
      if (n < 0)
        {
          struct pollfd poll_fd = { client->fd, POLLIN | POLLOUT, 0 };

          (void) TEMP_FAILURE_RETRY (poll (&poll_fd, 1, -1));
          if ((poll_fd.revents & POLLIN) != 0 && !hold_frame (client, -1, error))
            return FALSE;
          continue;
        }
      data += n;
      size -= (gsize) n;
    }
  return TRUE;
}

/**
 * gemel_door_client_send:
 * @client: a client
 * @wanted: which durability the answer waits for
 * @term: the term that the writer believes in; 0: the present one
 * @ret_id: (out) (optional): id of the batch, repeated in its answer
 * @error: return location
 *
 * Sends what was put, as one batch that happens as a whole. Waits while the credit is used up.
 *
 * Returns: whether it was sent; the answer comes through gemel_door_client_next ().
 * Errors: %GEMEL_ERROR_TOO_BIG for a batch beyond a frame, %GEMEL_ERROR_PEER_UNAVAILABLE
 * Thread: the client's
 */
gboolean
gemel_door_client_send (GemelDoorClient *client,
                        GemelDurability  wanted,
                        guint64          term,
                        guint64         *ret_id,
                        GError         **error)
{
  guint32  size = client->out->len - HEADER_BYTES;
  guint8  *head = client->out->data;
  gboolean sent;

  if (size > GEMEL_FRAME_BYTES_MAX)
    {
      begin_batch (client);
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "batch of %u bytes is larger than %d, split it", size, GEMEL_FRAME_BYTES_MAX);
      return FALSE;
    }
  while (client->unanswered > 0 && client->unanswered + size > client->credit)
    if (!hold_frame (client, -1, error))
      return FALSE;
  set_u32 (head, size);
  set_u16 (head + 4, FRAME_BATCH);
  set_u64 (head + HEADER_BYTES, ++client->next_id);
  head[HEADER_BYTES + 8] = (guint8) wanted;
  set_u32 (head + HEADER_BYTES + 12, client->n_items);
  set_u64 (head + HEADER_BYTES + 16, term);
  client->unanswered += size;
  sent = write_all (client, client->out->data, client->out->len, error);
  begin_batch (client);
  if (sent && ret_id != NULL)
    *ret_id = client->next_id;
  return sent;
}

/**
 * gemel_door_client_subscribe:
 * @client: a client of a state door
 * @error: return location
 *
 * Asks for the full state and every change after it.
 *
 * Returns: whether it was asked.
 * Errors: %GEMEL_ERROR_PEER_UNAVAILABLE
 * Thread: the client's
 */
gboolean
gemel_door_client_subscribe (GemelDoorClient *client,
                             GError         **error)
{
  guint8 header[HEADER_BYTES] = { 0 };

  set_u16 (header + 4, FRAME_SUBSCRIBE);
  return write_all (client, header, sizeof header, error);
}

static gboolean
parse_answer (GemelDoorClient *client,
              const guint8    *body,
              gsize            size,
              GemelDoorEvent  *event,
              GError         **error)
{
  if (size < ANSWER_BYTES)
    return fail_garbage (error);
  event->id = get_u64 (body);
  event->ok = body[8] != 0;
  event->reached = body[9] == GEMEL_DURABILITY_PAIR ? GEMEL_DURABILITY_PAIR
                                                    : GEMEL_DURABILITY_LOCAL;
  event->place_a = get_u64 (body + 16);
  event->place_b = get_u64 (body + 24);
  if (event->ok)
    return TRUE;
  return take_texts (client, body + ANSWER_BYTES, size - ANSWER_BYTES, &event->error_name,
                     &event->message, error);
}

/* The first bytes of a DELTA and of ITEMS, before the operations. */
static gboolean
skip_head (GemelDoorEvent *event,
           GError        **error)
{
  gsize head = 24;

  if (event->type == GEMEL_DOOR_ITEMS)
    head = event->size >= 8 ? 8u + get_u16 (event->body) : 8;
  if (event->size < head)
    return fail_garbage (error);
  if (event->type == GEMEL_DOOR_DELTA)
    {
      event->place_a = get_u64 (event->body);
      event->place_b = get_u64 (event->body + 8);
    }
  event->body += head;
  event->size -= head;
  return TRUE;
}

static gboolean
parse_event (GemelDoorClient *client,
             const guint8    *frame,
             GemelDoorEvent  *event,
             GError         **error)
{
  const guint8 *body = frame + HEADER_BYTES;
  gsize         size = get_u32 (frame);
  guint16       type = get_u16 (frame + 4);
  const char   *name = NULL;
  const char   *message = NULL;

  *event = (GemelDoorEvent){ .type = (GemelDoorEventType) type, .body = body, .size = size };
  if (type == GEMEL_DOOR_ANSWER)
    return parse_answer (client, body, size, event, error);
  if (type == GEMEL_DOOR_DELTA || type == GEMEL_DOOR_ITEMS)
    return skip_head (event, error);
  if ((type == GEMEL_DOOR_FULL_BEGIN || type == GEMEL_DOOR_FULL_END) && size == 16)
    {
      event->place_a = get_u64 (body);
      event->place_b = get_u64 (body + 8);
      return TRUE;
    }
  if (type != FRAME_ERROR)
    return fail_garbage (error);
  if (take_texts (client, body, size, &name, &message, error))
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "data door was closed: %s", message);
  return FALSE;
}

/**
 * gemel_door_client_next:
 * @client: a client
 * @timeout_ms: how long to wait; 0: only what is there, -1: for ever
 * @ret_event: (out): what came; its pointers are lent until the next call
 * @error: return location
 *
 * Returns: whether something came.
 * Errors: %GEMEL_ERROR_TIMEOUT when nothing came; after any other error the door is over
 * Thread: the client's
 */
gboolean
gemel_door_client_next (GemelDoorClient *client,
                        int              timeout_ms,
                        GemelDoorEvent  *ret_event,
                        GError         **error)
{
  const guint8 *frame = NULL;

  g_clear_pointer (&client->current, g_byte_array_unref);
  if (client->held->len > 0)
    {
      client->current = g_byte_array_ref (client->held->pdata[0]);
      g_ptr_array_remove_index (client->held, 0);
      frame = client->current->data;
    }
  else
    {
      if (!take_frame (client, timeout_ms, &frame, error))
        return FALSE;
      note_answer (client, frame);
    }
  return parse_event (client, frame, ret_event, error);
}

/**
 * gemel_door_event_next_change:
 * @event: (inout): a DELTA or ITEMS event; moves on
 * @ret_change: (out): the next key of it
 *
 * Returns: %FALSE when there is none left.
 * Thread: the client's
 */
gboolean
gemel_door_event_next_change (GemelDoorEvent  *event,
                              GemelDoorChange *ret_change)
{
  gsize head = event->type == GEMEL_DOOR_ITEMS ? 24 : 8;
  gsize size;

  if (event->size < head)
    return FALSE;
  ret_change->key_bytes = get_u16 (event->body);
  ret_change->set = event->type == GEMEL_DOOR_ITEMS || event->body[2] != 0;
  ret_change->value_bytes = get_u32 (event->body + 4);
  size = head + ret_change->key_bytes + (gsize) ret_change->value_bytes;
  if (event->size < size)
    return FALSE;
  ret_change->key = (const char *) event->body + head;
  ret_change->value = event->body + head + ret_change->key_bytes;
  event->body += size;
  event->size -= size;
  return TRUE;
}
