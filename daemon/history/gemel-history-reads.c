/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What others ask of the sink without changing it: marks, pages for the peer, ranges, the ledger.
 */
#include "history/gemel-history-private.h"

#include "api/gemel-error.h"

#include <string.h>

static GVariant *
finish_variant (GAsyncResult *result,
                gpointer      source_tag,
                GError      **error)
{
  GemelOperation *operation = gemel_history_finish (result, source_tag, error);

  return operation != NULL ? g_variant_ref (operation->variant) : NULL;
}

static gpointer
marks_job (GemelWorker  *worker,
           gpointer      data,
           GCancellable *cancellable,
           GError      **error)
{
  GemelOperation *operation = data;

  operation->variant = gemel_sink_marks (&operation->history->sink, error);
  return operation->variant;
}

/**
 * gemel_history_get_marks_async:
 * @history: the history
 * @cancellable: (nullable): a cancellable
 * @callback: called with the answer
 * @user_data: for @callback
 *
 * Asks how far each origin's history is in this node's sink.
 *
 * Thread: any with a main context
 */
void
gemel_history_get_marks_async (GemelHistory       *history,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  gemel_history_push (history->sink.worker, GEMEL_JOB_READ, marks_job, gemel_history_on_job_done,
                      gemel_history_operation_new (history), gemel_history_get_marks_async,
                      cancellable, callback, user_data);
}

/**
 * gemel_history_get_marks_finish:
 * @history: the history
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: (transfer full): "a(ayt)": origin, mark; ordered by origin.
 * Errors: %GEMEL_ERROR_STORE
 * Thread: that of the callback
 */
GVariant *
gemel_history_get_marks_finish (GemelHistory *history,
                                GAsyncResult *result,
                                GError      **error)
{
  return finish_variant (result, gemel_history_get_marks_async, error);
}

static gpointer
read_job (GemelWorker  *worker,
          gpointer      data,
          GCancellable *cancellable,
          GError      **error)
{
  GemelOperation *operation = data;

  if (!gemel_sink_read (&operation->history->sink, operation->origin, operation->seq,
                        operation->rows_max, &operation->page, error))
    return NULL;
  return GINT_TO_POINTER (TRUE);
}

/**
 * gemel_history_read_async:
 * @history: the history
 * @origin: 16 bytes: whose rows
 * @after_seq: rows with larger numbers
 * @rows_max: at most so many, never more than a batch may hold
 * @cancellable: (nullable): a cancellable
 * @callback: called with the answer
 * @user_data: for @callback
 *
 * Reads a page for the peer; it always fits into one frame.
 *
 * Thread: any with a main context
 */
void
gemel_history_read_async (GemelHistory       *history,
                          const guint8        origin[16],
                          guint64             after_seq,
                          guint               rows_max,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  GemelOperation *operation = gemel_history_operation_new (history);

  memcpy (operation->origin, origin, sizeof operation->origin);
  operation->seq = after_seq;
  operation->rows_max = rows_max;
  gemel_history_push (history->sink.worker, GEMEL_JOB_READ, read_job, gemel_history_on_job_done,
                      operation, gemel_history_read_async, cancellable, callback, user_data);
}

/**
 * gemel_history_read_finish:
 * @history: the history
 * @result: as given to the callback
 * @ret_first_seq: (out) (optional): number of the first row
 * @ret_last_seq: (out) (optional): number of the last row
 * @error: return location
 *
 * Returns: (transfer full) (nullable): an encoded batch of consecutive rows; %NULL without @error
 *   when there is nothing more.
 * Errors: %GEMEL_ERROR_STORE
 * Thread: that of the callback
 */
GBytes *
gemel_history_read_finish (GemelHistory *history,
                           GAsyncResult *result,
                           guint64      *ret_first_seq,
                           guint64      *ret_last_seq,
                           GError      **error)
{
  GemelOperation *operation = gemel_history_finish (result, gemel_history_read_async, error);

  if (operation == NULL || operation->page.points == NULL)
    return NULL;
  if (ret_first_seq != NULL)
    *ret_first_seq = operation->page.first_seq;
  if (ret_last_seq != NULL)
    *ret_last_seq = operation->page.last_seq;
  return g_bytes_ref (operation->page.points);
}

static gpointer
query_job (GemelWorker  *worker,
           gpointer      data,
           GCancellable *cancellable,
           GError      **error)
{
  GemelOperation *operation = data;

  operation->variant = gemel_sink_query (&operation->history->sink, &operation->query, error);
  return operation->variant;
}

/**
 * gemel_history_query_async:
 * @history: the history
 * @query: what is wanted; both ends of the range belong to it; limit from 1 to 100,000
 * @cancellable: (nullable): a cancellable
 * @callback: called with the answer
 * @user_data: for @callback
 *
 * Thread: any with a main context
 */
void
gemel_history_query_async (GemelHistory            *history,
                           const GemelHistoryQuery *query,
                           GCancellable            *cancellable,
                           GAsyncReadyCallback      callback,
                           gpointer                 user_data)
{
  GemelOperation *operation = NULL;

  if (query->limit == 0 || query->limit > GEMEL_HISTORY_QUERY_ROWS_MAX)
    {
      gemel_history_refuse (
        g_error_new (GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                     "a query of history can ask for 1 to %d rows; ask in pages",
                     GEMEL_HISTORY_QUERY_ROWS_MAX),
        gemel_history_query_async, cancellable, callback, user_data);
      return;
    }
  operation = gemel_history_operation_new (history);
  operation->query = *query;
  operation->query.tag = g_strdup (query->tag);
  gemel_history_push (history->sink.worker, GEMEL_JOB_READ, query_job, gemel_history_on_job_done,
                      operation, gemel_history_query_async, cancellable, callback, user_data);
}

/**
 * gemel_history_query_finish:
 * @history: the history
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: (transfer full): "a(sxuvayt)": tag, time, status, value, origin, sequence.
 * Errors: %GEMEL_ERROR_INVALID_ARGS, %GEMEL_ERROR_STORE, %GEMEL_ERROR_CORRUPT
 * Thread: that of the callback
 */
GVariant *
gemel_history_query_finish (GemelHistory *history,
                            GAsyncResult *result,
                            GError      **error)
{
  return finish_variant (result, gemel_history_query_async, error);
}

static gpointer
ledger_job (GemelWorker  *worker,
            gpointer      data,
            GCancellable *cancellable,
            GError      **error)
{
  GemelOperation *operation = data;

  operation->variant = gemel_sink_ledger (&operation->history->sink, error);
  return operation->variant;
}

/**
 * gemel_history_ledger_async:
 * @history: the history
 * @cancellable: (nullable): a cancellable
 * @callback: called with the answer
 * @user_data: for @callback
 *
 * Counts all rows; a large history holds up the sink for that long, while the buffer takes what
 * comes.
 *
 * Thread: any with a main context
 */
void
gemel_history_ledger_async (GemelHistory       *history,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  gemel_history_push (history->sink.worker, GEMEL_JOB_READ, ledger_job, gemel_history_on_job_done,
                      gemel_history_operation_new (history), gemel_history_ledger_async,
                      cancellable, callback, user_data);
}

/**
 * gemel_history_ledger_finish:
 * @history: the history
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: (transfer full): "a(aytttttt)": origin, rows, first, last, mark, gaps, duplicates.
 * Errors: %GEMEL_ERROR_STORE
 * Thread: that of the callback
 */
GVariant *
gemel_history_ledger_finish (GemelHistory *history,
                             GAsyncResult *result,
                             GError      **error)
{
  return finish_variant (result, gemel_history_ledger_async, error);
}
