/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Frames over any GIOStream (format: gemel-stream.h).
 *
 *   OPEN ----close ()----> CLOSING ----flushed, or 1 s----> io closed
 *   OPEN ----error, EOF--> ENDED   ----reads and writes are back--> io closed
 *
 * Reading: one large buffer, parsed in place, nothing is allocated for a frame. Writing: what is
 * sent while a write is outstanding collects in a second buffer, and the two change places.
 * TLS refuses to close while a read or write is outstanding, so both are cancelled and awaited.
 *
 * This file does not know what a frame means and never waits for the other side.
 */
#include "link/gemel-stream.h"

#include "api/gemel-error.h"

#include <string.h>

#define HEADER_BYTES      8
#define READ_BUFFER_BYTES (128 * 1024)
/* What one turn of the main loop may read before others get theirs. */
#define READS_PER_TURN 16
/* One write; also the step in which `drained` can notice progress. */
#define WRITE_PIECE_BYTES (256 * 1024)
/* A write buffer that grew beyond this is given back when it is empty. */
#define WRITE_BUFFER_KEEP_BYTES (1024 * 1024)
#define QUEUED_BYTES_HIGH       (1024 * 1024)
#define QUEUED_BYTES_LOW        (256 * 1024)
#define QUEUED_BYTES_MAX        (64 * 1024 * 1024)
#define CLOSE_MS_MAX            1000

typedef enum
{
  STREAM_OPEN,
  STREAM_CLOSING, /* by this side: flush, then close; nobody is called */
  STREAM_ENDED,   /* broken, or closed by the other side */
} StreamState;

struct _GemelStream
{
  guint                       n_refs;    /* of users */
  guint                       n_pending; /* operations and call-backs that still need the struct */
  GIOStream                  *io;
  GInputStream               *in;  /* of io */
  GOutputStream              *out; /* of io */
  gsize                       frame_bytes_max;
  const GemelStreamCallbacks *callbacks;
  gpointer                    user_data;
  StreamState                 state;
  GCancellable               *cancellable;       /* of the read and the write */
  GCancellable               *close_cancellable; /* of the closing */
  GSource                    *later;             /* (nullable) parse again, or end with later_error */
  GSource                    *close_timer;       /* (nullable) */
  GError                     *later_error;       /* (nullable) */

  guint8  *read_buffer;
  gsize    read_size;  /* of read_buffer */
  gsize    read_start; /* first byte not yet parsed */
  gsize    read_end;
  gboolean reading; /* a read is outstanding */
  gboolean started;
  gboolean paused;
  gboolean dispatching;
  gboolean at_eof;
  GError  *read_error; /* (nullable) reported when what came before it is parsed */

  GByteArray *filling; /* sent, not yet handed to a write */
  GByteArray *writing; /* never touched while a write is outstanding */
  gsize       written; /* of writing */
  gsize       piece;   /* outstanding write; 0: none */
  gboolean    above_high;
  gboolean    gave_up; /* the flush took too long */
  gboolean    io_closing;

  guint64 bytes_read;
  guint64 bytes_written;
};

static void parse (GemelStream *stream);
static void start_read (GemelStream *stream);
static void start_write (GemelStream *stream);

static void
free_if_unused (GemelStream *stream)
{
  if (stream->n_refs > 0 || stream->n_pending > 0)
    return;
  g_clear_pointer (&stream->read_buffer, g_free);
  g_byte_array_unref (stream->filling);
  g_byte_array_unref (stream->writing);
  g_clear_error (&stream->later_error);
  g_clear_error (&stream->read_error);
  g_object_unref (stream->cancellable);
  g_object_unref (stream->close_cancellable);
  g_object_unref (stream->io);
  g_free (stream);
}

static void
release (GemelStream *stream)
{
  stream->n_pending--;
  free_if_unused (stream);
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Without a farewell: a TLS close_notify to a stuck peer would block, so the socket goes. */
static void
close_hard (GIOStream *io)
{
  g_autoptr (GIOStream) base = NULL;

  if (G_IS_TLS_CONNECTION (io))
    g_object_get (io, "base-io-stream", &base, NULL);
  (void) g_io_stream_close (base != NULL ? base : io, NULL, NULL);
}

static void
on_io_closed (GObject      *source,
              GAsyncResult *result,
              gpointer      data)
{
  GemelStream *stream = data;

  (void) g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
  close_hard (stream->io);
  clear_source (&stream->close_timer);
  release (stream);
}

/* Goes as far towards a closed connection as is possible now; each completion calls it again. */
static void
advance_close (GemelStream *stream)
{
  if (stream->state == STREAM_OPEN || stream->io_closing)
    return;
  if (stream->state == STREAM_CLOSING && !stream->gave_up && gemel_stream_get_queued_bytes (stream) > 0)
    return;
  g_cancellable_cancel (stream->cancellable);
  if (stream->reading || stream->piece > 0)
    return;
  stream->io_closing = TRUE;
  if (stream->state == STREAM_ENDED || stream->gave_up)
    {
      close_hard (stream->io);
      clear_source (&stream->close_timer);
      return;
    }
  stream->n_pending++;
  g_io_stream_close_async (stream->io, G_PRIORITY_DEFAULT, stream->close_cancellable, on_io_closed, stream);
}

/* Takes @error. */
static void
end (GemelStream *stream,
     GError      *error)
{
  g_autoptr (GError) owned = error;

  if (stream->state != STREAM_OPEN)
    return;
  stream->n_pending++;
  stream->state = STREAM_ENDED;
  clear_source (&stream->later);
  stream->callbacks->closed (stream, owned, stream->user_data);
  advance_close (stream);
  release (stream);
}

static gboolean
on_later (gpointer data)
{
  GemelStream *stream = data;

  clear_source (&stream->later);
  stream->n_pending++;
  if (stream->later_error != NULL)
    end (stream, g_steal_pointer (&stream->later_error));
  else
    parse (stream);
  release (stream);
  return G_SOURCE_REMOVE;
}

/* Callers of send () and resume () do not expect call-backs before they return. */
static void
call_later (GemelStream *stream)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  if (stream->later != NULL || stream->state != STREAM_OPEN)
    return;
  stream->later = g_idle_source_new ();
  g_source_set_priority (stream->later, G_PRIORITY_DEFAULT);
  g_source_set_callback (stream->later, on_later, stream, NULL);
  g_source_attach (stream->later, context);
}

/* Takes @error. */
static void
fail_later (GemelStream *stream,
            GError      *error)
{
  if (stream->later_error != NULL)
    {
      g_error_free (error);
      return;
    }
  stream->later_error = error;
  call_later (stream);
}

static GError *
broken (const GError *error)
{
  return g_error_new (GEMEL_ERROR, GEMEL_ERROR_PEER_UNAVAILABLE, "connection broke: %s", error->message);
}

/* --- reading --------------------------------------------------------------------------------- */

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

  if (available < HEADER_BYTES)
    return FALSE;
  size = get_u32 (at);
  if (size > stream->frame_bytes_max)
    {
      end (stream, g_error_new (GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "frame of %" G_GSIZE_FORMAT " bytes came, at most %" G_GSIZE_FORMAT " are allowed", size, stream->frame_bytes_max));
      return FALSE;
    }
  if (available - HEADER_BYTES < size)
    return FALSE;
  stream->read_start += HEADER_BYTES + size;
  if (!stream->callbacks->frame (stream, get_u16 (at + 4), get_u16 (at + 6), at + HEADER_BYTES, size, stream->user_data, &error))
    {
      if (error == NULL)
        g_set_error_literal (&error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "frame was refused");
      end (stream, g_steal_pointer (&error));
      return FALSE;
    }
  return TRUE;
}

/* Everything that came is parsed: now the end of the input may be told. */
static void
report_end_of_input (GemelStream *stream)
{
  if (stream->read_error != NULL)
    end (stream, broken (stream->read_error));
  else if (stream->read_start < stream->read_end)
    end (stream, g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "connection was closed in the middle of a frame"));
  else
    end (stream, NULL);
}

/* While flushing: the other side may have to be read before it reads what it is sent. */
static void
discard_input (GemelStream *stream)
{
  if (stream->state != STREAM_CLOSING || stream->dispatching || stream->at_eof || stream->read_error != NULL)
    return;
  if (gemel_stream_get_queued_bytes (stream) > 0)
    start_read (stream);
}

/* The frames that are there, unless the receiver is busy, then more reading. */
static void
parse (GemelStream *stream)
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
        start_read (stream);
    }
  discard_input (stream);
  release (stream);
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
      stream->read_size = MIN (stream->read_size * 2, stream->frame_bytes_max + HEADER_BYTES);
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

      n = g_pollable_input_stream_read_nonblocking (in, stream->read_buffer + stream->read_end, stream->read_size - stream->read_end, NULL, &error);
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
    parse (stream);
  else
    discard_input (stream);
  advance_close (stream);
  release (stream);
}

static void
start_read (GemelStream *stream)
{
  if (stream->reading || !stream->started || g_cancellable_is_cancelled (stream->cancellable))
    return;
  make_room (stream);
  stream->reading = TRUE;
  stream->n_pending++;
  g_input_stream_read_async (stream->in, stream->read_buffer + stream->read_end, stream->read_size - stream->read_end, G_PRIORITY_DEFAULT, stream->cancellable, on_read, stream);
}

/* --- writing --------------------------------------------------------------------------------- */

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
    end (stream, broken (error));
  else
    stream->gave_up = TRUE;
  check_drained (stream);
  advance_close (stream);
  release (stream);
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
  g_output_stream_write_all_async (stream->out, stream->writing->data + stream->written, stream->piece, G_PRIORITY_DEFAULT, stream->cancellable, on_written, stream);
}

/* --- for users ------------------------------------------------------------------------------- */

/**
 * gemel_stream_new:
 * @io: (transfer none): a connection that is ready for use, handshake done
 * @frame_bytes_max: largest body in bytes, both ways
 * @callbacks: static; `frame` and `closed` must be there
 * @user_data: for the call-backs; must live until `closed` or gemel_stream_close ()
 *
 * Returns: (transfer full): the stream, with one reference; nothing is read before
 *   gemel_stream_start (). When the last reference is dropped while it is open it closes as with
 *   gemel_stream_close ().
 * Thread: the one that will start it
 */
GemelStream *
gemel_stream_new (GIOStream                  *io,
                  gsize                       frame_bytes_max,
                  const GemelStreamCallbacks *callbacks,
                  gpointer                    user_data)
{
  GemelStream *stream;

  g_return_val_if_fail (G_IS_IO_STREAM (io), NULL);
  g_return_val_if_fail (callbacks != NULL && callbacks->frame != NULL && callbacks->closed != NULL, NULL);
  g_return_val_if_fail (frame_bytes_max <= G_MAXUINT32, NULL);

  stream = g_new0 (GemelStream, 1);
  stream->n_refs = 1;
  stream->io = g_object_ref (io);
  stream->in = g_io_stream_get_input_stream (io);
  stream->out = g_io_stream_get_output_stream (io);
  stream->frame_bytes_max = frame_bytes_max;
  stream->callbacks = callbacks;
  stream->user_data = user_data;
  stream->cancellable = g_cancellable_new ();
  stream->close_cancellable = g_cancellable_new ();
  stream->filling = g_byte_array_new ();
  stream->writing = g_byte_array_new ();
  return stream;
}

/**
 * gemel_stream_ref:
 * @stream: a stream
 *
 * Returns: (transfer full): @stream with one more reference.
 * Thread: the stream's
 */
GemelStream *
gemel_stream_ref (GemelStream *stream)
{
  stream->n_refs++;
  return stream;
}

/**
 * gemel_stream_unref:
 * @stream: (transfer full): a stream
 *
 * Drops a reference. The last one closes an open stream; its context must still run for a moment
 * so that what is outstanding can come back.
 *
 * Thread: the stream's
 */
void
gemel_stream_unref (GemelStream *stream)
{
  g_return_if_fail (stream->n_refs > 0);

  stream->n_pending++;
  if (stream->n_refs == 1)
    gemel_stream_close (stream);
  stream->n_refs--;
  release (stream);
}

/**
 * gemel_stream_start:
 * @stream: a stream
 *
 * Begins reading. Call-backs come in the thread-default context of this call, never before it
 * returns.
 *
 * Thread: the stream's
 */
void
gemel_stream_start (GemelStream *stream)
{
  if (stream->started || stream->state != STREAM_OPEN)
    return;
  stream->started = TRUE;
  if (!stream->paused)
    start_read (stream);
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
  guint8  header[HEADER_BYTES];
  guint32 size_le;
  guint16 type_le = GUINT16_TO_LE (type);
  guint16 flags_le = GUINT16_TO_LE (flags);
  gsize   queued;

  if (stream->state != STREAM_OPEN || stream->later_error != NULL)
    return;
  if (head_size > stream->frame_bytes_max || tail_size > stream->frame_bytes_max - head_size)
    {
      fail_later (stream, g_error_new (GEMEL_ERROR, GEMEL_ERROR_TOO_BIG, "frame to send is longer than %" G_GSIZE_FORMAT " bytes: send it in pieces", stream->frame_bytes_max));
      return;
    }
  queued = gemel_stream_get_queued_bytes (stream) + HEADER_BYTES + head_size + tail_size;
  if (queued > QUEUED_BYTES_MAX)
    {
      fail_later (stream, g_error_new (GEMEL_ERROR, GEMEL_ERROR_LIMIT, "the other side reads too slowly: more than %d bytes wait to be sent", QUEUED_BYTES_MAX));
      return;
    }
  size_le = GUINT32_TO_LE ((guint32) (head_size + tail_size));
  memcpy (header, &size_le, 4);
  memcpy (header + 4, &type_le, 2);
  memcpy (header + 6, &flags_le, 2);
  g_byte_array_append (stream->filling, header, HEADER_BYTES);
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

/**
 * gemel_stream_pause:
 * @stream: a stream
 *
 * No frame is delivered and at most one buffer more is read until gemel_stream_resume (). The end
 * of the connection is not noticed meanwhile, except by writing.
 *
 * Thread: the stream's, also inside `frame`
 */
void
gemel_stream_pause (GemelStream *stream)
{
  stream->paused = TRUE;
}

/**
 * gemel_stream_resume:
 * @stream: a stream
 *
 * Ends a pause; frames come again after this call has returned.
 *
 * Thread: the stream's
 */
void
gemel_stream_resume (GemelStream *stream)
{
  if (!stream->paused)
    return;
  stream->paused = FALSE;
  if (stream->started)
    call_later (stream);
}

static gboolean
on_close_timer (gpointer data)
{
  GemelStream *stream = data;

  stream->n_pending++;
  clear_source (&stream->close_timer);
  stream->gave_up = TRUE;
  g_cancellable_cancel (stream->cancellable);
  g_cancellable_cancel (stream->close_cancellable);
  advance_close (stream);
  release (stream);
  return G_SOURCE_REMOVE;
}

/**
 * gemel_stream_close:
 * @stream: a stream
 *
 * Flushes what is queued for at most a second, says farewell and closes, in the background of the
 * stream's context. No call-back follows.
 *
 * Thread: the stream's, also inside a call-back
 */
void
gemel_stream_close (GemelStream *stream)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  if (stream->state != STREAM_OPEN)
    return;
  stream->n_pending++;
  stream->state = STREAM_CLOSING;
  clear_source (&stream->later);
  stream->close_timer = g_timeout_source_new (CLOSE_MS_MAX);
  g_source_set_callback (stream->close_timer, on_close_timer, stream, NULL);
  g_source_attach (stream->close_timer, context);
  discard_input (stream);
  advance_close (stream);
  release (stream);
}

/**
 * gemel_stream_is_open:
 * @stream: a stream
 *
 * Returns: whether frames can still be sent and received.
 * Thread: the stream's
 */
gboolean
gemel_stream_is_open (GemelStream *stream)
{
  return stream->state == STREAM_OPEN && stream->later_error == NULL;
}

/**
 * gemel_stream_get_io:
 * @stream: a stream
 *
 * Returns: (transfer none): the connection, to look at; reading or writing is the stream's.
 * Thread: the stream's
 */
GIOStream *
gemel_stream_get_io (GemelStream *stream)
{
  return stream->io;
}

/**
 * gemel_stream_get_bytes_read:
 * @stream: a stream
 *
 * Returns: bytes received since the start, headers included.
 * Thread: the stream's
 */
guint64
gemel_stream_get_bytes_read (GemelStream *stream)
{
  return stream->bytes_read;
}

/**
 * gemel_stream_get_bytes_written:
 * @stream: a stream
 *
 * Returns: bytes that the connection took since the start, headers included.
 * Thread: the stream's
 */
guint64
gemel_stream_get_bytes_written (GemelStream *stream)
{
  return stream->bytes_written;
}
