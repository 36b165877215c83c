/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The life of a stream: made, started, closed or broken (format: gemel-stream.h).
 *
 *   OPEN ----close ()----> CLOSING ----flushed, or 1 s----> io closed
 *   OPEN ----error, EOF--> ENDED   ----reads and writes are back--> io closed
 *
 * TLS refuses to close while a read or write is outstanding, so both are cancelled and awaited.
 * This file does not know what a frame means and never waits for the other side.
 */
#include "link/gemel-stream-private.h"

#include "api/gemel-error.h"
#include "link/gemel-connect-private.h"

#define CLOSE_MS_MAX 1000

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

/**
 * gemel_stream_release:
 * @stream: a stream
 *
 * Drops the hold of an operation or call-back (n_pending); the last one frees the struct.
 *
 * Thread: the stream's
 */
void
gemel_stream_release (GemelStream *stream)
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

static void
on_io_closed (GObject      *source,
              GAsyncResult *result,
              gpointer      data)
{
  GemelStream *stream = data;

  (void) g_io_stream_close_finish (G_IO_STREAM (source), result, NULL);
  gemel_connect_close_hard (stream->io);
  clear_source (&stream->close_timer);
  gemel_stream_release (stream);
}

/**
 * gemel_stream_advance_close:
 * @stream: a stream
 *
 * Goes as far towards a closed connection as is possible now; each completion calls it again.
 *
 * Thread: the stream's
 */
void
gemel_stream_advance_close (GemelStream *stream)
{
  if (stream->state == STREAM_OPEN || stream->io_closing)
    return;
  if (stream->state == STREAM_CLOSING && !stream->gave_up &&
      gemel_stream_get_queued_bytes (stream) > 0)
    return;
  g_cancellable_cancel (stream->cancellable);
  if (stream->reading || stream->piece > 0)
    return;
  stream->io_closing = TRUE;
  if (stream->state == STREAM_ENDED || stream->gave_up)
    {
      gemel_connect_close_hard (stream->io);
      clear_source (&stream->close_timer);
      return;
    }
  stream->n_pending++;
  g_io_stream_close_async (stream->io, G_PRIORITY_DEFAULT, stream->close_cancellable, on_io_closed,
                           stream);
}

/**
 * gemel_stream_end:
 * @stream: a stream
 * @error: (transfer full) (nullable): why; %NULL when the other side closed in order
 *
 * Ends an open stream from inside the main loop and calls `closed`.
 *
 * Thread: the stream's
 */
void
gemel_stream_end (GemelStream *stream,
                  GError      *error)
{
  g_autoptr (GError) owned = error;

  if (stream->state != STREAM_OPEN)
    return;
  stream->n_pending++;
  stream->state = STREAM_ENDED;
  clear_source (&stream->later);
  stream->callbacks->closed (stream, owned, stream->user_data);
  gemel_stream_advance_close (stream);
  gemel_stream_release (stream);
}

static gboolean
on_later (gpointer data)
{
  GemelStream *stream = data;

  clear_source (&stream->later);
  stream->n_pending++;
  if (stream->later_error != NULL)
    gemel_stream_end (stream, g_steal_pointer (&stream->later_error));
  else
    gemel_stream_parse (stream);
  gemel_stream_release (stream);
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

/**
 * gemel_stream_fail_later:
 * @stream: a stream
 * @error: (transfer full): why
 *
 * Ends the stream when the caller of send () has returned; until then it takes no more.
 *
 * Thread: the stream's
 */
void
gemel_stream_fail_later (GemelStream *stream,
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

/**
 * gemel_stream_broken:
 * @error: of the connection
 *
 * Returns: (transfer full): the same as GEMEL_ERROR_PEER_UNAVAILABLE.
 * Thread: any
 */
GError *
gemel_stream_broken (const GError *error)
{
  return g_error_new (GEMEL_ERROR, GEMEL_ERROR_PEER_UNAVAILABLE, "connection broke: %s",
                      error->message);
}

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
  g_return_val_if_fail (callbacks != NULL && callbacks->frame != NULL && callbacks->closed != NULL,
                        NULL);
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
  gemel_stream_release (stream);
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
    gemel_stream_start_read (stream);
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
  gemel_stream_advance_close (stream);
  gemel_stream_release (stream);
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
  gemel_stream_discard_input (stream);
  gemel_stream_advance_close (stream);
  gemel_stream_release (stream);
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
