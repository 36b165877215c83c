/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Writing frames: what is sent while a write is outstanding collects in a second buffer, and the
 * two change places. The bytes of a write are never touched before it is done.
 */
#include "link/gemel-stream-private.h"

#include "api/gemel-error.h"

#include <string.h>

/* One write; also the step in which `drained` can notice progress. */
#define WRITE_PIECE_BYTES (256 * 1024)
/* A write buffer that grew beyond this is given back when it is empty. */
#define WRITE_BUFFER_KEEP_BYTES (1024 * 1024)
#define QUEUED_BYTES_HIGH       (1024 * 1024)
#define QUEUED_BYTES_LOW        (256 * 1024)
#define QUEUED_BYTES_MAX        (64 * 1024 * 1024)

static void start_write (GemelStream *stream);

static void
check_drained (GemelStream *stream)
{
  if (!stream->above_high || gemel_stream_get_queued_bytes (stream) >= QUEUED_BYTES_LOW)
    return;
  stream->above_high = FALSE;
  if (stream->state == STREAM_OPEN && stream->callbacks->drained != NULL)
    stream->callbacks->drained (stream, stream->user_data);
}

static void
on_written (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  GemelStream       *stream = data;
  g_autoptr (GError) error = NULL;
  gboolean           done;

  done = g_output_stream_write_all_finish (G_OUTPUT_STREAM (source), result, NULL, &error);
  if (done)
    {
      stream->written += stream->piece;
      stream->bytes_written += stream->piece;
    }
  stream->piece = 0;
  if (done && !stream->gave_up && stream->state != STREAM_ENDED)
    start_write (stream);
  else if (stream->state == STREAM_OPEN)
    gemel_stream_end (stream, gemel_stream_broken (error));
  else
    stream->gave_up = TRUE;
  check_drained (stream);
  gemel_stream_advance_close (stream);
  gemel_stream_release (stream);
}

static void
swap_buffers (GemelStream *stream)
{
  GByteArray *empty = stream->writing;

  if (empty->len > WRITE_BUFFER_KEEP_BYTES)
    {
      g_byte_array_unref (empty);
      empty = g_byte_array_new ();
    }
  g_byte_array_set_size (empty, 0);
  stream->writing = stream->filling;
  stream->filling = empty;
  stream->written = 0;
}

static void
start_write (GemelStream *stream)
{
  if (stream->piece > 0)
    return;
  if (stream->written == stream->writing->len)
    swap_buffers (stream);
  if (stream->writing->len == 0)
    return;
  stream->piece = MIN (stream->writing->len - stream->written, WRITE_PIECE_BYTES);
  stream->n_pending++;
  g_output_stream_write_all_async (stream->out, stream->writing->data + stream->written,
                                   stream->piece, G_PRIORITY_DEFAULT, stream->cancellable,
                                   on_written, stream);
}

/**
 * gemel_stream_send:
 * @stream: a stream
 * @type: frame type
 * @flags: frame flags
 * @body: (nullable): @size bytes, copied
 * @size: bytes, at most the stream's limit
 *
 * Queues a frame and writes it as soon as the connection takes it. On a stream that is no longer
 * open nothing happens. A body beyond the limit, or more waiting than the stream may hold, ends
 * the stream (GEMEL_ERROR_TOO_BIG, GEMEL_ERROR_LIMIT) after this call has returned.
 *
 * Thread: the stream's
 */
void
gemel_stream_send (GemelStream  *stream,
                   guint16       type,
                   guint16       flags,
                   gconstpointer body,
                   gsize         size)
{
  gemel_stream_send_parts (stream, type, flags, body, size, NULL, 0);
}

/**
 * gemel_stream_send_parts:
 * @stream: a stream
 * @type: frame type
 * @flags: frame flags
 * @head: (nullable): first part of the body, copied
 * @head_size: bytes
 * @tail: (nullable): second part of the body, copied
 * @tail_size: bytes
 *
 * As gemel_stream_send (), for a body that lies in two places.
 *
 * Thread: the stream's
 */
void
gemel_stream_send_parts (GemelStream  *stream,
                         guint16       type,
                         guint16       flags,
                         gconstpointer head,
                         gsize         head_size,
                         gconstpointer tail,
                         gsize         tail_size)
{
  guint8  header[GEMEL_STREAM_HEADER_BYTES];
  guint32 size_le;
  guint16 type_le = GUINT16_TO_LE (type);
  guint16 flags_le = GUINT16_TO_LE (flags);
  gsize   queued;

  if (stream->state != STREAM_OPEN || stream->later_error != NULL)
    return;
  if (head_size > stream->frame_bytes_max || tail_size > stream->frame_bytes_max - head_size)
    {
      gemel_stream_fail_later (stream, g_error_new (GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                                                    "frame to send is longer than %" G_GSIZE_FORMAT
                                                    " bytes: send it in pieces",
                                                    stream->frame_bytes_max));
      return;
    }
  queued = gemel_stream_get_queued_bytes (stream);
  queued += GEMEL_STREAM_HEADER_BYTES + head_size + tail_size;
  if (queued > QUEUED_BYTES_MAX)
    {
      gemel_stream_fail_later (
        stream, g_error_new (GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                             "the other side reads too slowly: more than %d bytes wait to be sent",
                             QUEUED_BYTES_MAX));
      return;
    }
  size_le = GUINT32_TO_LE ((guint32) (head_size + tail_size));
  memcpy (header, &size_le, 4);
  memcpy (header + 4, &type_le, 2);
  memcpy (header + 6, &flags_le, 2);
  g_byte_array_append (stream->filling, header, GEMEL_STREAM_HEADER_BYTES);
  if (head_size > 0)
    g_byte_array_append (stream->filling, head, (guint) head_size);
  if (tail_size > 0)
    g_byte_array_append (stream->filling, tail, (guint) tail_size);
  if (queued > QUEUED_BYTES_HIGH)
    stream->above_high = TRUE;
  start_write (stream);
}

/**
 * gemel_stream_get_queued_bytes:
 * @stream: a stream
 *
 * Returns: bytes that were sent here and not yet taken by the connection, headers included.
 * Thread: the stream's
 */
gsize
gemel_stream_get_queued_bytes (GemelStream *stream)
{
  return stream->filling->len + (stream->writing->len - stream->written);
}
