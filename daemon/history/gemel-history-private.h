/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the files of daemon/history share: the buffer, the sink and the thread between them.
 */
#pragma once

#include "history/gemel-history.h"
#include "history/gemel-points-private.h"

G_BEGIN_DECLS

#define GEMEL_HISTORY_ORIGIN_BYTES 16
/** Points that the forwarder joins into one transaction of the sink; a batch is never split. */
#define GEMEL_HISTORY_FORWARD_ROWS 10000
/** Rows that one page for the peer or one query answers with at most. */
#define GEMEL_HISTORY_QUERY_ROWS_MAX 100000
/** A block of the sink covers at most this time, so that a range is found from its first time. */
#define GEMEL_HISTORY_BLOCK_SPAN_US    (G_GINT64_CONSTANT (3600) * G_USEC_PER_SEC)
#define GEMEL_HISTORY_BLOCK_POINTS_MAX 128
/** Names of tags that are kept in memory; beyond it they are looked up anew. */
#define GEMEL_HISTORY_TAG_CACHE_MAX  100000
#define GEMEL_HISTORY_QUARANTINE_TAG "gemel/quarantine"

/** Consecutive points of one origin; last_seq - first_seq + 1 of them. */
typedef struct
{
  guint64 first_seq;
  guint64 last_seq;
  GBytes *points;
} GemelBatch;

void gemel_batch_free (GemelBatch *batch);

/** What one transaction of the sink did. */
typedef struct
{
  guint64 mark;        /* of the origin, after it */
  guint64 taken;       /* rows that are new */
  guint64 skipped;     /* rows that were there already */
  guint64 quarantined; /* batches */
  guint64 crossed;     /* rows that nobody has: the sink is older than the buffer */
} GemelSinkTaken;

typedef struct
{
  GemelWorker *worker;
  guint8       uuid[GEMEL_HISTORY_ORIGIN_BYTES]; /* this node */
  GHashTable
    *tag_ids; /* worker's thread: name -> id, only what is committed or in this transaction */
} GemelSink;

/* Buffer. */
gboolean   gemel_history_buffer_prepare (GemelWorker *buffer,
                                         guint64      mark,
                                         guint64     *ret_last_seq,
                                         guint64     *ret_bytes,
                                         GError     **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean   gemel_history_buffer_skip (GemelWorker *buffer,
                                      guint64      seq,
                                      guint64     *ret_had,
                                      GError     **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean   gemel_history_buffer_add (GemelWorker *buffer,
                                     GBytes      *points,
                                     guint        n_points,
                                     guint64     *ret_last_seq,
                                     GError     **error) G_GNUC_WARN_UNUSED_RESULT;
GPtrArray *gemel_history_buffer_next (GemelWorker *buffer,
                                      guint64      mark,
                                      guint64     *ret_bytes_freed,
                                      GError     **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sink. */
gboolean  gemel_sink_open (GemelSink   *sink,
                           const char  *path,
                           const guint8 uuid[16],
                           guint64     *ret_mark,
                           GError     **error) G_GNUC_WARN_UNUSED_RESULT;
void      gemel_sink_close (GemelSink *sink);
gboolean  gemel_sink_take (GemelSink      *sink,
                           const guint8    origin[16],
                           GPtrArray      *batches,
                           GemelSinkTaken *ret_taken,
                           GError        **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *gemel_sink_marks (GemelSink *sink,
                            GError   **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean  gemel_sink_read (GemelSink   *sink,
                           const guint8 origin[16],
                           guint64      after_seq,
                           guint        rows_max,
                           GemelBatch  *ret_batch,
                           GError     **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *gemel_sink_ledger (GemelSink *sink,
                             GError   **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *gemel_sink_query (GemelSink               *sink,
                            const GemelHistoryQuery *query,
                            GError                 **error) G_GNUC_WARN_UNUSED_RESULT;

/* Shared by the sink's files. */
gboolean gemel_sink_ensure_origin (GemelSink   *sink,
                                   const guint8 uuid[16],
                                   gint64      *ret_id,
                                   guint64     *ret_mark,
                                   GError     **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_sink_ensure_tag (GemelSink            *sink,
                                const GemelPointView *view,
                                gint64               *ret_id,
                                GError              **error) G_GNUC_WARN_UNUSED_RESULT;
/* tidy: unused-result: it makes the error, and FALSE for its caller to return */
gboolean gemel_history_store_error (GemelWorker *worker,
                                    int          rc,
                                    const char  *what,
                                    GError     **error);

/* The object. */
struct _GemelHistory
{
  gatomicrefcount  refs; /* the owner, and each operation under way */
  guint8           uuid[GEMEL_HISTORY_ORIGIN_BYTES];
  guint64          buffer_bytes_max;
  GemelHistoryPort port;
  gpointer         user_data;
  GemelWorker     *buffer;
  GemelSink        sink;
  GThread         *forwarder;

  GMutex            mutex;   /* guards what follows */
  GCond             wake;    /* of the forwarder */
  gboolean          waiting; /* a batch was added since the forwarder looked */
  gboolean          closing;
  gboolean          full;  /* the event about the limit was sent */
  guint64           bytes; /* in the buffer or on the way into it */
  GemelHistoryStats stats;
};

GemelHistory *gemel_history_ref (GemelHistory *history);
void          gemel_history_unref (GemelHistory *history);

gpointer gemel_history_forward_thread (gpointer history);
void     gemel_history_wake (GemelHistory *history);
void     gemel_history_send_event (GemelHistory *history,
                                   int           code,
                                   const char   *message,
                                   gint64        a);

/** One operation; most fields belong to some of them only. */
typedef struct
{
  GemelHistory     *history; /* a reference */
  guint8            origin[GEMEL_HISTORY_ORIGIN_BYTES];
  GBytes           *points; /* (nullable) */
  guint             n_points;
  guint64           seq; /* after (read), last (write), mark (receive) */
  guint             rows_max;
  GemelBatch        page; /* read: the result */
  GemelHistoryQuery query;
  GemelSinkTaken    taken;
  GVariant         *variant; /* (nullable): the result */
} GemelOperation;

GemelOperation *gemel_history_operation_new (GemelHistory *history);
void            gemel_history_push (GemelWorker        *worker,
                                    GemelJobKind        kind,
                                    GemelJobFunc        func,
                                    GAsyncReadyCallback on_done,
                                    GemelOperation     *operation,
                                    gpointer            source_tag,
                                    GCancellable       *cancellable,
                                    GAsyncReadyCallback callback,
                                    gpointer            user_data);
void            gemel_history_on_job_done (GObject      *source,
                                           GAsyncResult *result,
                                           gpointer      user_data);
void            gemel_history_refuse (GError             *error,
                                      gpointer            source_tag,
                                      GCancellable       *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer            user_data);
GemelOperation *gemel_history_finish (GAsyncResult *result,
                                      gpointer      source_tag,
                                      GError      **error) G_GNUC_WARN_UNUSED_RESULT;

/* For tests: the handles, to make them fail on purpose. */
GemelWorker *gemel_history_get_buffer (GemelHistory *history);
GemelWorker *gemel_history_get_sink (GemelHistory *history);

G_END_DECLS
