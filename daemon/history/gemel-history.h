/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * History: points go into a durable local buffer (acknowledged then), on to this node's sink, and
 * to the peer, exactly once by (origin, sequence), so that both sinks hold the union.
 *
 * buffer.db takes batches and keeps them until the sink has them. history.db is the sink: rows
 * keyed (origin, seq), and a mark for each origin that moves in the same transaction as the rows.
 * The origin of a point is the node that took it; its sequence numbers have no holes.
 */
#pragma once

#include "core/gemel-position.h"
#include "store/gemel-worker.h"

G_BEGIN_DECLS

typedef struct _GemelHistory GemelHistory;

typedef enum
{
  GEMEL_VALUE_DOUBLE = 1,
  GEMEL_VALUE_INT64 = 2,
  GEMEL_VALUE_BOOL = 3,
  GEMEL_VALUE_STRING = 4,
} GemelValueType;

typedef struct
{
  char          *tag;
  gint64         unix_us;
  guint32        status; /* OPC UA StatusCode; 0 = Good */
  GemelValueType type;
  union
  {
    double   d;
    gint64   i;
    gboolean b;
    char    *s;
  } v;
} GemelPoint;
void gemel_point_clear (GemelPoint *point);

/* A batch on disk and on the wire: u32 count, then for each point: u8 type, u8 0, u16 tag bytes,
 * u32 status, i64 unix_us, tag, then 8 bytes (double, int64, 0/1) or u32 length and text; all
 * little endian. The same layout is what the data door takes. */
GBytes *gemel_points_encode (const GemelPoint *points,
                             guint             n_points);
/* of GemelPoint, clear func set */
GArray *gemel_points_decode (const guint8 *data,
                             gsize         size,
                             GError      **error) G_GNUC_WARN_UNUSED_RESULT;
/* without allocation */
gboolean gemel_points_check (const guint8 *data,
                             gsize         size,
                             guint        *ret_count,
                             GError      **error) G_GNUC_WARN_UNUSED_RESULT;

typedef struct
{
  guint64 written;         /* points taken since the start */
  guint64 buffered_points; /* in the buffer, not yet in the sink */
  guint64 buffered_bytes;
  guint64 sink_points;     /* forwarded since the start */
  guint64 received_points; /* from the peer since the start */
  guint64 skipped_points;  /* offered again and there already */
  guint64 own_seq;         /* last sequence of this node */
  guint64 own_sink_seq;    /* mark of this node in its own sink */
  guint64 peer_acked_seq;  /* how far the peer has this node's history */
  guint64 quarantined;     /* batches that the sink refused */
  guint64 refused_limit;   /* writes refused because the buffer is full */
} GemelHistoryStats;

/** Called in a worker's thread; must only queue. */
typedef struct
{
  /* the sink's mark of an origin moved */
  void (*sunk) (const guint8 origin[16], guint64 mark, gpointer user_data);
  void (*event) (int gemel_event_code, const char *message, gint64 a, gpointer user_data);
} GemelHistoryPort;

GemelHistory *gemel_history_open (const char             *dir, /* holds buffer.db and history.db */
                                  const guint8            node_uuid[16],
                                  guint64                 buffer_bytes_max,
                                  const GemelHistoryPort *port,
                                  gpointer                user_data,
                                  GError                **error) G_GNUC_WARN_UNUSED_RESULT;
/* forwards nothing more, closes cleanly */
void gemel_history_close (GemelHistory *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelHistory, gemel_history_close)

/* Acknowledged = durable in the buffer. @points is an encoded batch. Finish gives the sequence of
 * the last point. */
void     gemel_history_write_async (GemelHistory       *history,
                                    GBytes             *points,
                                    GCancellable       *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer            user_data);
gboolean gemel_history_write_finish (GemelHistory *history,
                                     GAsyncResult *result,
                                     guint64      *ret_last_seq,
                                     GError      **error) G_GNUC_WARN_UNUSED_RESULT;

/* Exchange with the peer. */
/* The peer has this node's rows up to there. */
void gemel_history_skip_numbers (GemelHistory *history,
                                 guint64       seq);
void gemel_history_get_marks_async (GemelHistory       *history,
                                    GCancellable       *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer            user_data);
/* a(ayt): origin, mark */
GVariant *gemel_history_get_marks_finish (GemelHistory *history,
                                          GAsyncResult *result,
                                          GError      **error) G_GNUC_WARN_UNUSED_RESULT;
/* A batch of @origin's rows from the sink, seq > @after_seq; NULL without error: nothing more. */
void    gemel_history_read_async (GemelHistory       *history,
                                  const guint8        origin[16],
                                  guint64             after_seq,
                                  guint               rows_max,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data);
GBytes *gemel_history_read_finish (GemelHistory *history,
                                   GAsyncResult *result,
                                   guint64      *ret_first_seq,
                                   guint64      *ret_last_seq,
                                   GError      **error) G_GNUC_WARN_UNUSED_RESULT;
/* Rows of another origin into the sink; durable when it finishes. Judged by gemel_history_judge ():
 * a gap is the error GEMEL_ERROR_PROTOCOL and changes nothing. Finish gives the mark. */
void     gemel_history_receive_async (GemelHistory       *history,
                                      const guint8        origin[16],
                                      guint64             first_seq,
                                      GBytes             *points,
                                      GCancellable       *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer            user_data);
gboolean gemel_history_receive_finish (GemelHistory *history,
                                       GAsyncResult *result,
                                       guint64      *ret_mark,
                                       GError      **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_history_set_peer_acked (GemelHistory *history,
                                       guint64       own_seq);

/* Reading for people and programs. */
typedef struct
{
  char    *tag; /* (nullable): all */
  gint64   from_unix_us;
  gint64   to_unix_us;
  guint    limit;
  gboolean newest_first;
} GemelHistoryQuery;
/* Finish gives "a(sxuvayt)": tag, time, status, value, origin, seq. */
void      gemel_history_query_async (GemelHistory            *history,
                                     const GemelHistoryQuery *query,
                                     GCancellable            *cancellable,
                                     GAsyncReadyCallback      callback,
                                     gpointer                 user_data);
GVariant *gemel_history_query_finish (GemelHistory *history,
                                      GAsyncResult *result,
                                      GError      **error) G_GNUC_WARN_UNUSED_RESULT;
/* The ledger: for each origin its rows, first and last seq, gaps and duplicates, counted from the
 * rows themselves. "a(aytttttt)": origin, rows, first_seq, last_seq, mark, gaps, duplicates. */
void      gemel_history_ledger_async (GemelHistory       *history,
                                      GCancellable       *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer            user_data);
GVariant *gemel_history_ledger_finish (GemelHistory *history,
                                       GAsyncResult *result,
                                       GError      **error) G_GNUC_WARN_UNUSED_RESULT;

void gemel_history_get_stats (GemelHistory      *history,
                              GemelHistoryStats *ret_stats); /* any thread */

G_END_DECLS
