/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Frames over any GIOStream: a TLS connection to the peer, or the socket of a data door.
 *
 *   offset size
 *   0      4    length of the body in bytes, little endian, at most the stream's limit
 *   4      2    type
 *   6      2    flags, meaning by type; unknown bits are zero
 *   8      n    body
 *
 * Frames that wait are written together in one piece (a TLS record costs as much as many small
 * frames). One write is outstanding at a time and its buffer is never touched (GnuTLS keeps it).
 * A body longer than the limit, an unknown type or a callback that returns FALSE ends the stream.
 *
 * Not thread-safe: everything happens in the thread-default context in which it was started.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _GemelStream GemelStream;

typedef struct
{
  /* One whole frame; @body is lent. FALSE with @error set ends the stream with that error. */
  gboolean (*frame) (GemelStream  *stream,
                     guint16       type,
                     guint16       flags,
                     const guint8 *body,
                     gsize         size,
                     gpointer      user_data,
                     GError      **error);
  /* Exactly once; @error is NULL when the other side closed in order. No call-back follows. */
  void (*closed) (GemelStream  *stream,
                  const GError *error,
                  gpointer      user_data);
  /* (nullable) What was queued fell below the low mark after being above the high mark. */
  void (*drained) (GemelStream *stream,
                   gpointer     user_data);
} GemelStreamCallbacks;

GemelStream *gemel_stream_new (GIOStream                  *io,
                               gsize                       frame_bytes_max,
                               const GemelStreamCallbacks *callbacks, /* static */
                               gpointer                    user_data);
GemelStream *gemel_stream_ref (GemelStream *stream);
void         gemel_stream_unref (GemelStream *stream);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelStream, gemel_stream_unref)

void gemel_stream_start (GemelStream *stream); /* begins reading, in this context */
void gemel_stream_send (GemelStream  *stream,
                        guint16       type,
                        guint16       flags,
                        gconstpointer body,
                        gsize         size);
/* Two-part send without a copy of the first part by the caller. */
void  gemel_stream_send_parts (GemelStream  *stream,
                               guint16       type,
                               guint16       flags,
                               gconstpointer head,
                               gsize         head_size,
                               gconstpointer tail,
                               gsize         tail_size);
gsize gemel_stream_get_queued_bytes (GemelStream *stream);
void  gemel_stream_pause (GemelStream *stream); /* stop reading: back-pressure */
void  gemel_stream_resume (GemelStream *stream);
/* flushes what is queued for at most 1 s, then closes; no `closed` call */
void       gemel_stream_close (GemelStream *stream);
gboolean   gemel_stream_is_open (GemelStream *stream);
GIOStream *gemel_stream_get_io (GemelStream *stream);
/* Bytes since the start, for the counters. */
guint64 gemel_stream_get_bytes_read (GemelStream *stream);
guint64 gemel_stream_get_bytes_written (GemelStream *stream);

G_END_DECLS
