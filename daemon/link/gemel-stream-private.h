/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The inside of a stream, for its three files: gemel-stream.c (life), -read.c and -write.c.
 */
#pragma once

#include "link/gemel-stream.h"

G_BEGIN_DECLS

#define GEMEL_STREAM_HEADER_BYTES 8

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
  GSource                    *later;             /* (nullable) parse again, or end */
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

void    gemel_stream_release (GemelStream *stream);
void    gemel_stream_advance_close (GemelStream *stream);
void    gemel_stream_end (GemelStream *stream,
                          GError      *error);
void    gemel_stream_fail_later (GemelStream *stream,
                                 GError      *error);
GError *gemel_stream_broken (const GError *error);
void    gemel_stream_parse (GemelStream *stream);
void    gemel_stream_start_read (GemelStream *stream);
void    gemel_stream_discard_input (GemelStream *stream);

G_END_DECLS
