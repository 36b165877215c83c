/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Reading frames: one large buffer, parsed in place, nothing is allocated for a frame. A frame that
 * does not fit makes the buffer grow, up to the largest frame, and it shrinks again afterwards.
 */
#include "link/gemel-stream-private.h"

#include "api/gemel-error.h"

#include <string.h>

#define READ_BUFFER_BYTES (128 * 1024)
/* What one turn of the main loop may read before others get theirs. */
#define READS_PER_TURN 16

static guint32
get_u32 (const guint8 *bytes)
{
  guint32 value;

  memcpy (&value, bytes, sizeof value);
  return GUINT32_FROM_LE (value);
}

static guint16
get_u16 (const guint8 *bytes)
{
  guint16 value;

  memcpy (&value, bytes, sizeof value);
  return GUINT16_FROM_LE (value);
}

/* FALSE: no whole frame is there, or the stream is over. */
static gboolean
parse_one (GemelStream *stream)
{
  const guint8      *at = stream->read_buffer + stream->read_start;
  gsize              available = stream->read_end - stream->read_start;
  gsize              size;
  g_autoptr (GError) error = NULL;

  if (available < GEMEL_STREAM_HEADER_BYTES)
    return FALSE;
  size = get_u32 (at);
  if (size > stream->frame_bytes_max)
    {
      gemel_stream_end (stream, g_error_new (GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                                             "frame of %" G_GSIZE_FORMAT
                                             " bytes came, at most %" G_GSIZE_FORMAT " are allowed",
                                             size, stream->frame_bytes_max));
      return FALSE;
    }
  if (available - GEMEL_STREAM_HEADER_BYTES < size)
    return FALSE;
  stream->read_start += GEMEL_STREAM_HEADER_BYTES + size;
  if (!stream->callbacks->frame (stream, get_u16 (at + 4), get_u16 (at + 6),
                                 at + GEMEL_STREAM_HEADER_BYTES, size, stream->user_data, &error))
    {
      if (error == NULL)
        g_set_error_literal (&error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "frame was refused");
      gemel_stream_end (stream, g_steal_pointer (&error));
      return FALSE;
    }
  return TRUE;
}

/* Everything that came is parsed: now the end of the input may be told. */
static void
report_end_of_input (GemelStream *stream)
{
  if (stream->read_error != NULL)
    gemel_stream_end (stream, gemel_stream_broken (stream->read_error));
  else if (stream->read_start < stream->read_end)
    gemel_stream_end (stream,
                      g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                                           "connection was closed in the middle of a frame"));
  else
    gemel_stream_end (stream, NULL);
}

/**
 * gemel_stream_discard_input:
 * @stream: a stream
 *
 * While flushing: the other side may have to be read before it reads what it is sent.
 *
 * Thread: the stream's
 */
void
gemel_stream_discard_input (GemelStream *stream)
{
  if (stream->state != STREAM_CLOSING || stream->dispatching || stream->at_eof ||
      stream->read_error != NULL)
    return;
  if (gemel_stream_get_queued_bytes (stream) > 0)
    gemel_stream_start_read (stream);
}

/**
 * gemel_stream_parse:
 * @stream: a stream
 *
 * Delivers the frames that are there, unless the receiver is busy or pauses, then reads more.
 *
 * Thread: the stream's
 */
void
gemel_stream_parse (GemelStream *stream)
{
  if (stream->dispatching)
    return;
  stream->n_pending++;
  stream->dispatching = TRUE;
  while (stream->state == STREAM_OPEN && !stream->paused && stream->later_error == NULL)
    if (!parse_one (stream))
      break;
  stream->dispatching = FALSE;
  if (stream->state == STREAM_OPEN && !stream->paused && stream->later_error == NULL)
    {
      if (stream->at_eof || stream->read_error != NULL)
        report_end_of_input (stream);
      else
        gemel_stream_start_read (stream);
    }
  gemel_stream_discard_input (stream);
  gemel_stream_release (stream);
}

/* Room for more: moved to the front, given back after a large frame, or doubled inside one. */
static void
make_room (GemelStream *stream)
{
  gsize used = stream->read_end - stream->read_start;

  if (stream->state != STREAM_OPEN)
    used = 0;
  if (used == 0)
    stream->read_start = stream->read_end = 0;
  if (used == 0 && stream->read_size > READ_BUFFER_BYTES)
    {
      g_clear_pointer (&stream->read_buffer, g_free);
      stream->read_size = 0;
    }
  if (stream->read_buffer == NULL)
    {
      stream->read_size = READ_BUFFER_BYTES;
      stream->read_buffer = g_malloc (stream->read_size);
    }
  if (stream->read_start > 0 && stream->read_size - stream->read_end < READ_BUFFER_BYTES / 2)
    {
      memmove (stream->read_buffer, stream->read_buffer + stream->read_start, used);
      stream->read_start = 0;
      stream->read_end = used;
    }
  if (stream->read_end == stream->read_size)
    {
      stream->read_size =
        MIN (stream->read_size * 2, stream->frame_bytes_max + GEMEL_STREAM_HEADER_BYTES);
      stream->read_buffer = g_realloc (stream->read_buffer, stream->read_size);
    }
}

static void
take_read (GemelStream *stream,
           gssize       n,
           GError      *error)
{
  if (n > 0)
    {
      stream->read_end += (gsize) n;
      stream->bytes_read += (guint64) n;
    }
  else if (n == 0)
    stream->at_eof = TRUE;
  else
    stream->read_error = error;
}

/* A TLS read gives one record; what is decrypted or waiting in the socket is taken along. */
static void
read_more_now (GemelStream *stream)
{
  GPollableInputStream *in;
  guint                 i;

  if (!G_IS_POLLABLE_INPUT_STREAM (stream->in))
    return;
  in = G_POLLABLE_INPUT_STREAM (stream->in);
  if (!g_pollable_input_stream_can_poll (in))
    return;
  for (i = 1; i < READS_PER_TURN && stream->read_end < stream->read_size && !stream->at_eof; i++)
    {
      g_autoptr (GError) error = NULL;
      gssize             n;

      n = g_pollable_input_stream_read_nonblocking (in, stream->read_buffer + stream->read_end,
                                                    stream->read_size - stream->read_end, NULL,
                                                    &error);
      if (n < 0 && g_error_matches (error, G_IO_ERROR, G_IO_ERROR_WOULD_BLOCK))
        return;
      take_read (stream, n, n < 0 ? g_steal_pointer (&error) : NULL);
      if (n < 0)
        return;
    }
}

static void
on_read (GObject      *source,
         GAsyncResult *result,
         gpointer      data)
{
  GemelStream       *stream = data;
  g_autoptr (GError) error = NULL;
  gssize             n;

  n = g_input_stream_read_finish (G_INPUT_STREAM (source), result, &error);
  stream->reading = FALSE;
  take_read (stream, n, g_steal_pointer (&error));
  if (n > 0 && stream->state == STREAM_OPEN)
    read_more_now (stream);
  if (stream->state == STREAM_OPEN)
    gemel_stream_parse (stream);
  else
    gemel_stream_discard_input (stream);
  gemel_stream_advance_close (stream);
  gemel_stream_release (stream);
}

/**
 * gemel_stream_start_read:
 * @stream: a stream
 *
 * Begins a read unless one is outstanding.
 *
 * Thread: the stream's
 */
void
gemel_stream_start_read (GemelStream *stream)
{
  if (stream->reading || !stream->started || g_cancellable_is_cancelled (stream->cancellable))
    return;
  make_room (stream);
  stream->reading = TRUE;
  stream->n_pending++;
  g_input_stream_read_async (stream->in, stream->read_buffer + stream->read_end,
                             stream->read_size - stream->read_end, G_PRIORITY_DEFAULT,
                             stream->cancellable, on_read, stream);
}
