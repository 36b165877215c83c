/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Frames over TCP and over TLS, both ends in one main loop.
 */
#include "api/gemel-error.h"
#include "link-support.h"
#include "link/gemel-stream.h"

#define FRAME_BYTES_MAX   (1024 * 1024)
#define MARKS_FRAME_BYTES (64 * 1024)

typedef struct
{
  GemelStream *stream;
  GIOStream   *io;
  guint        n_frames;
  guint64      body_bytes;
  guint64      next_value; /* of the next body, in order */
  gboolean     check_order;
  guint        pause_at; /* pauses itself at this frame; 0: never */
  guint        refuse_at;
  guint        close_at;
  guint        n_drained;
  guint        n_closed;
  GError      *error;
} End;

typedef struct
{
  GemelKeys      keys;
  GemelListener *listener;
  End            a;
  End            b;
} Fixture;

static gboolean
on_frame (GemelStream  *stream,
          guint16       type,
          guint16       flags,
          const guint8 *body,
          gsize         size,
          gpointer      data,
          GError      **error)
{
  End *e = data;

  g_assert_cmpuint (e->n_closed, ==, 0);
  e->n_frames++;
  e->body_bytes += size;
  if (e->check_order)
    {
      guint64 value;
      gsize   i;

      g_assert_cmpuint (size, >=, sizeof value);
      memcpy (&value, body, sizeof value);
      g_assert_cmpuint (value, ==, e->next_value++);
      g_assert_cmpuint (type, ==, value & 0xffff);
      g_assert_cmpuint (flags, ==, (value >> 3) & 0xffff);
      for (i = sizeof value; i < size; i++)
        if (body[i] != (guint8) (value + i))
          g_error ("byte %" G_GSIZE_FORMAT " of frame %" G_GUINT64_FORMAT " is wrong", i, value);
    }
  if (e->n_frames == e->pause_at)
    gemel_stream_pause (stream);
  if (e->n_frames == e->close_at)
    gemel_stream_close (stream);
  if (e->n_frames == e->refuse_at)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "unknown type");
      return FALSE;
    }
  return TRUE;
}

static void
on_closed (GemelStream  *stream,
           const GError *error,
           gpointer      data)
{
  End *e = data;

  e->n_closed++;
  e->error = error != NULL ? g_error_copy (error) : NULL;
}

static void
on_drained (GemelStream *stream,
            gpointer     data)
{
  End *e = data;

  e->n_drained++;
}

static const GemelStreamCallbacks stream_callbacks = { on_frame, on_closed, on_drained };

static void
begin (End *e)
{
  e->stream = gemel_stream_new (e->io, FRAME_BYTES_MAX, &stream_callbacks, e);
  gemel_stream_start (e->stream);
}

static void
on_accepted (GemelListener *listener,
             GemelChannel   channel,
             GIOStream     *io,
             gpointer       data)
{
  Fixture *f = data;

  f->b.io = io;
}

static void
on_dialled (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  Fixture           *f = data;
  g_autoptr (GError) error = NULL;

  f->a.io = gemel_dial_finish (result, &error);
  g_assert_no_error (error);
}

static const GemelListenerCallbacks listener_callbacks = { on_accepted, NULL };

static void
set_up_tls (Fixture *f)
{
  g_autofree char *address = NULL;

  link_support_make_keys (&f->keys);
  f->listener = gemel_listener_new (&f->keys, "127.0.0.1", 0, &listener_callbacks, f, NULL);
  gemel_listener_set_peer (f->listener, f->keys.pin);
  address = g_strdup_printf ("127.0.0.1:%u", gemel_listener_get_port (f->listener));
  gemel_dial_async (&f->keys, address, f->keys.pin, GEMEL_CHANNEL_DATA, 10000, NULL, on_dialled, f);
  wait_until (f->a.io != NULL && f->b.io != NULL);
}

static void
set_up (Fixture      *f,
        gconstpointer tls)
{
  if (tls != NULL)
    set_up_tls (f);
  else
    link_support_tcp_pair ((GSocketConnection **) &f->a.io, (GSocketConnection **) &f->b.io);
  begin (&f->a);
  begin (&f->b);
}

static void
end_of (End *e)
{
  g_autoptr (GIOStream) io = g_steal_pointer (&e->io);

  g_clear_pointer (&e->stream, gemel_stream_unref);
  /* The stream gives the connection back when its closing is done. */
  wait_until (G_OBJECT (io)->ref_count == 1);
  g_clear_error (&e->error);
}

static void
tear_down (Fixture      *f,
           gconstpointer tls)
{
  end_of (&f->a);
  end_of (&f->b);
  g_clear_pointer (&f->listener, gemel_listener_free);
  gemel_keys_clear (&f->keys);
}

static void
send_value (End    *e,
            guint64 value,
            gsize   size)
{
  g_autofree guint8 *body = g_malloc (size);
  gsize              i;

  memcpy (body, &value, sizeof value);
  for (i = sizeof value; i < size; i++)
    body[i] = (guint8) (value + i);
  gemel_stream_send (e->stream, (guint16) value, (guint16) (value >> 3), body, size);
}

static void
test_round_trip (Fixture      *f,
                 gconstpointer tls)
{
  gemel_stream_send (f->a.stream, 1, 0, NULL, 0);
  gemel_stream_send_parts (f->a.stream, 2, 0, "abc", 3, "de", 2);
  gemel_stream_send (f->b.stream, 3, 0, "x", 1);
  wait_until (f->b.n_frames == 2 && f->a.n_frames == 1);
  g_assert_cmpuint (f->b.body_bytes, ==, 5);
  g_assert_cmpuint (gemel_stream_get_bytes_written (f->a.stream), ==, 21);
  g_assert_cmpuint (gemel_stream_get_bytes_read (f->b.stream), ==, 21);
  g_assert_cmpuint (gemel_stream_get_queued_bytes (f->a.stream), ==, 0);
}

static void
test_small_frames_in_order (Fixture      *f,
                            gconstpointer tls)
{
  guint64 i, n = 300000;
  gint64  start_us = g_get_monotonic_time ();

  f->b.check_order = TRUE;
  for (i = 0; i < n; i++)
    send_value (&f->a, i, 64);
  wait_until (f->b.n_frames == n);
  g_test_message ("%.0f frames/s",
                  (double) n * 1e6 / (double) (g_get_monotonic_time () - start_us));
}

static void
test_bulk (Fixture      *f,
           gconstpointer tls)
{
  guint64 sent = 0, total = 64;
  gint64  start_us = g_get_monotonic_time ();

  f->b.check_order = TRUE;
  while (f->b.n_frames < total)
    {
      while (sent < total && gemel_stream_get_queued_bytes (f->a.stream) < 4 * FRAME_BYTES_MAX)
        send_value (&f->a, sent++, FRAME_BYTES_MAX);
      link_support_turn ();
    }
  g_assert_cmpuint (f->b.body_bytes, ==, total * FRAME_BYTES_MAX);
  g_test_message ("%.0f MB/s",
                  (double) f->b.body_bytes / (double) (g_get_monotonic_time () - start_us));
}

static void
test_both_ways_at_once (Fixture      *f,
                        gconstpointer tls)
{
  guint64 i;

  f->a.check_order = f->b.check_order = TRUE;
  for (i = 0; i < 200; i++)
    {
      send_value (&f->a, i, 40000 + (gsize) i);
      send_value (&f->b, i, 30000 + (gsize) i);
    }
  wait_until (f->a.n_frames == 200 && f->b.n_frames == 200);
}

static void
test_back_pressure (Fixture      *f,
                    gconstpointer tls)
{
  guint64 i, n = 800; /* 50 MiB: more than the kernel holds */

  f->b.check_order = TRUE;
  f->b.pause_at = 3;
  for (i = 0; i < n; i++)
    send_value (&f->a, i, MARKS_FRAME_BYTES);
  wait_until (f->b.n_frames == 3);
  for (i = 0; i < 50; i++)
    link_support_turn ();
  g_assert_cmpuint (f->b.n_frames, ==, 3);
  g_assert_cmpuint (f->a.n_drained, ==, 0);
  g_assert_cmpuint (gemel_stream_get_queued_bytes (f->a.stream), >, 1024 * 1024);
  gemel_stream_resume (f->b.stream);
  g_assert_cmpuint (f->b.n_frames, ==, 3); /* not before resume () returns */
  wait_until (f->b.n_frames == n);
  g_assert_cmpuint (f->a.n_drained, ==, 1);
}

static void
test_queue_limit (Fixture      *f,
                  gconstpointer tls)
{
  guint i;

  gemel_stream_pause (f->b.stream);
  for (i = 0; i < 70; i++)
    send_value (&f->a, i, FRAME_BYTES_MAX);
  g_assert_false (gemel_stream_is_open (f->a.stream));
  g_assert_cmpuint (f->a.n_closed, ==, 0); /* not inside send () */
  wait_until (f->a.n_closed == 1);
  g_assert_error (f->a.error, GEMEL_ERROR, GEMEL_ERROR_LIMIT);
  gemel_stream_resume (f->b.stream);
  wait_until (f->b.n_closed == 1);
  g_assert_nonnull (f->b.error);
}

static void
test_too_big_to_send (Fixture      *f,
                      gconstpointer tls)
{
  g_autofree char *body = g_malloc0 (FRAME_BYTES_MAX);

  gemel_stream_send_parts (f->a.stream, 1, 0, body, FRAME_BYTES_MAX, "x", 1);
  wait_until (f->a.n_closed == 1);
  g_assert_error (f->a.error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG);
}

static void
write_raw (End          *e,
           gconstpointer bytes,
           gsize         size)
{
  g_assert_true (g_output_stream_write_all (g_io_stream_get_output_stream (e->io), bytes, size,
                                            NULL, NULL, NULL));
}

static void
test_oversize_frame (Fixture      *f,
                     gconstpointer tls)
{
  static const guint8 over[] = { 1, 0, 0x10, 0, 1, 0, 0, 0 };

  write_raw (&f->a, over, sizeof over);
  wait_until (f->b.n_closed == 1);
  g_assert_error (f->b.error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
  g_assert_cmpuint (f->b.n_frames, ==, 0);
}

static void
test_largest_length (Fixture      *f,
                     gconstpointer tls)
{
  static const guint8 over[] = { 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1 };

  write_raw (&f->a, over, sizeof over);
  wait_until (f->b.n_closed == 1);
  g_assert_error (f->b.error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
}

static void
test_truncated_frame (Fixture      *f,
                      gconstpointer tls)
{
  static const guint8 part[] = { 100, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3 };

  write_raw (&f->a, part, sizeof part);
  gemel_stream_close (f->a.stream);
  wait_until (f->b.n_closed == 1);
  g_assert_error (f->b.error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
}

static void
test_close_flushes (Fixture      *f,
                    gconstpointer tls)
{
  guint i;

  f->b.check_order = TRUE;
  for (i = 0; i < 100; i++)
    send_value (&f->a, i, 100000);
  gemel_stream_close (f->a.stream);
  gemel_stream_send (f->a.stream, 1, 0, "late", 4);
  g_assert_false (gemel_stream_is_open (f->a.stream));
  wait_until (f->b.n_closed == 1);
  g_assert_no_error (f->b.error);
  g_assert_cmpuint (f->b.n_frames, ==, 100);
  g_assert_cmpuint (f->a.n_closed, ==, 0);
}

static void
test_close_while_both_send (Fixture      *f,
                            gconstpointer tls)
{
  guint i;

  for (i = 0; i < 100; i++)
    {
      send_value (&f->a, i, 100000);
      send_value (&f->b, i, 100000);
    }
  gemel_stream_close (f->a.stream);
  wait_until (f->b.n_closed == 1);
  g_assert_cmpuint (f->a.n_frames, ==, 0);
}

static void
test_close_of_a_stuck_peer (Fixture      *f,
                            gconstpointer tls)
{
  guint i;

  gemel_stream_pause (f->b.stream);
  for (i = 0; i < 40; i++)
    send_value (&f->a, i, FRAME_BYTES_MAX);
  gemel_stream_close (f->a.stream);
  g_clear_pointer (&f->a.stream, gemel_stream_unref);
  wait_until (G_OBJECT (f->a.io)->ref_count == 1);
}

static void
test_close_inside_a_frame (Fixture      *f,
                           gconstpointer tls)
{
  guint i;

  f->b.close_at = 2;
  for (i = 0; i < 10; i++)
    gemel_stream_send (f->a.stream, 1, 0, "x", 1);
  wait_until (f->a.n_closed == 1);
  g_assert_cmpuint (f->b.n_frames, ==, 2);
  g_assert_cmpuint (f->b.n_closed, ==, 0);
}

static void
test_receiver_refuses (Fixture      *f,
                       gconstpointer tls)
{
  f->b.refuse_at = 2;
  gemel_stream_send (f->a.stream, 1, 0, "x", 1);
  gemel_stream_send (f->a.stream, 1, 0, "x", 1);
  gemel_stream_send (f->a.stream, 1, 0, "x", 1);
  wait_until (f->b.n_closed == 1 && f->a.n_closed == 1);
  g_assert_error (f->b.error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
  g_assert_cmpuint (f->b.n_frames, ==, 2);
  g_assert_false (gemel_stream_is_open (f->b.stream));
}

static void
test_frames_before_the_end (Fixture      *f,
                            gconstpointer tls)
{
  guint i;

  f->b.pause_at = 3;
  for (i = 0; i < 6; i++) /* all but the first arrive in one piece */
    gemel_stream_send (f->a.stream, 1, 0, "x", 1);
  gemel_stream_close (f->a.stream);
  wait_until (f->b.n_frames >= 3);
  for (i = 0; i < 10; i++)
    link_support_turn ();
  g_assert_cmpuint (f->b.n_frames, ==, 3);
  g_assert_cmpuint (f->b.n_closed, ==, 0);
  gemel_stream_resume (f->b.stream);
  wait_until (f->b.n_closed == 1);
  g_assert_no_error (f->b.error);
  g_assert_cmpuint (f->b.n_frames, ==, 6);
}

/* TLS alone: a bare end of TCP cannot be told from an orderly one. */
static void
test_dead_peer (Fixture      *f,
                gconstpointer tls)
{
  g_autoptr (GIOStream) base = NULL;

  g_object_get (f->a.io, "base-io-stream", &base, NULL);
  g_assert_true (g_socket_shutdown (g_socket_connection_get_socket (G_SOCKET_CONNECTION (base)),
                                    FALSE, TRUE, NULL));
  wait_until (f->b.n_closed == 1);
  g_assert_error (f->b.error, GEMEL_ERROR, GEMEL_ERROR_PEER_UNAVAILABLE);
}

#define ADD(path, function)                                                          \
  g_test_add ("/link/stream/tcp/" path, Fixture, NULL, set_up, function, tear_down); \
  g_test_add ("/link/stream/tls/" path, Fixture, "tls", set_up, function, tear_down)

int
main (int   argc,
      char *argv[])
{
  gemel_connect_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("round-trip", test_round_trip);
  ADD ("small-frames-in-order", test_small_frames_in_order);
  ADD ("bulk", test_bulk);
  ADD ("both-ways-at-once", test_both_ways_at_once);
  ADD ("back-pressure", test_back_pressure);
  ADD ("queue-limit", test_queue_limit);
  ADD ("too-big-to-send", test_too_big_to_send);
  ADD ("oversize-frame", test_oversize_frame);
  ADD ("largest-length", test_largest_length);
  ADD ("truncated-frame", test_truncated_frame);
  ADD ("close-flushes", test_close_flushes);
  ADD ("close-while-both-send", test_close_while_both_send);
  ADD ("close-of-a-stuck-peer", test_close_of_a_stuck_peer);
  ADD ("close-inside-a-frame", test_close_inside_a_frame);
  ADD ("receiver-refuses", test_receiver_refuses);
  ADD ("frames-before-the-end", test_frames_before_the_end);
  g_test_add ("/link/stream/tls/dead-peer", Fixture, "tls", set_up, test_dead_peer, tear_down);
  return g_test_run ();
}
