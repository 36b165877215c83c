/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What others ask of the history. Each call is checked here, becomes a job of the buffer's or the
 * sink's worker, and is answered in the caller's main context.
 */
#include "history/gemel-history-private.h"

#include "api/gemel-enums.h"
#include "api/gemel-error.h"
#include "api/gemel-names.h"

#include <string.h>

/**
 * gemel_history_operation_new:
 * @history: the history
 *
 * Returns: (transfer full): an operation that holds @history; pushing it frees it in the end.
 * Thread: any
 */
GemelOperation *
gemel_history_operation_new (GemelHistory *history)
{
  GemelOperation *operation = g_new0 (GemelOperation, 1);

  operation->history = gemel_history_ref (history);
  return operation;
}

static void
operation_free (GemelOperation *operation)
{
  g_clear_pointer (&operation->points, g_bytes_unref);
  g_clear_pointer (&operation->page.points, g_bytes_unref);
  g_clear_pointer (&operation->variant, g_variant_unref);
  g_free (operation->query.tag);
  gemel_history_unref (operation->history);
  g_free (operation);
}

/**
 * gemel_history_on_job_done:
 * @source: unused
 * @result: the worker's answer
 * @user_data: (transfer full): the operation's task
 *
 * Passes the worker's answer on; the task owns the operation.
 *
 * Thread: that of the caller's main context
 */
void
gemel_history_on_job_done (GObject      *source,
                           GAsyncResult *result,
                           gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GemelOperation   *operation = g_task_get_task_data (task);
  GError           *error = NULL;

  (void) source;
  if (gemel_worker_push_finish (NULL, result, &error) == NULL)
    g_task_return_error (task, error);
  else
    g_task_return_pointer (task, operation, NULL);
}

/**
 * gemel_history_push:
 * @worker: of the buffer or the sink
 * @kind: of the job
 * @func: the job; gets @operation
 * @on_done: gets the task of the operation, normally gemel_history_on_job_done ()
 * @operation: (transfer full): the operation
 * @source_tag: the function that others called
 * @cancellable: (nullable): gives up only what did not begin
 * @callback: of the caller
 * @user_data: for @callback
 *
 * Thread: any with a main context
 */
void
gemel_history_push (GemelWorker        *worker,
                    GemelJobKind        kind,
                    GemelJobFunc        func,
                    GAsyncReadyCallback on_done,
                    GemelOperation     *operation,
                    gpointer            source_tag,
                    GCancellable       *cancellable,
                    GAsyncReadyCallback callback,
                    gpointer            user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, source_tag);
  /* What was begun is answered with what happened, whatever was cancelled meanwhile. */
  g_task_set_check_cancellable (task, FALSE);
  g_task_set_task_data (task, operation, (GDestroyNotify) operation_free);
  gemel_worker_push_async (worker, kind, func, operation, NULL, NULL, cancellable, on_done, task);
}

/**
 * gemel_history_refuse:
 * @error: (transfer full): why
 * @source_tag: the function that others called
 * @cancellable: (nullable): of the caller
 * @callback: of the caller
 * @user_data: for @callback
 *
 * Answers without having done anything.
 *
 * Thread: any with a main context
 */
void
gemel_history_refuse (GError             *error,
                      gpointer            source_tag,
                      GCancellable       *cancellable,
                      GAsyncReadyCallback callback,
                      gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, source_tag);
  g_task_set_check_cancellable (task, FALSE);
  g_task_return_error (task, error);
}

/**
 * gemel_history_finish:
 * @result: as given to the callback
 * @source_tag: the function that was called
 * @error: return location
 *
 * Returns: (transfer none) (nullable): the operation, which lives as long as @result.
 * Thread: that of the callback
 */
GemelOperation *
gemel_history_finish (GAsyncResult *result,
                      gpointer      source_tag,
                      GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, source_tag), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Room is taken before the job is queued, so that what waits for the worker counts as well. */
static gboolean
reserve (GemelHistory *history,
         gsize         size,
         GError      **error)
{
  gboolean fits = FALSE;
  gboolean tell = FALSE;
  guint64  bytes = 0;

  g_mutex_lock (&history->mutex);
  bytes = history->bytes;
  fits = bytes <= history->buffer_bytes_max && size <= history->buffer_bytes_max - bytes;
  if (fits)
    history->bytes += size;
  else
    {
      history->stats.refused_limit++;
      tell = !history->full;
      history->full = TRUE;
    }
  g_mutex_unlock (&history->mutex);
  if (fits)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
               "history buffer is full: %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
               " bytes wait for the sink; see why history.db does not take them, or raise "
               "history.buffer-bytes-max",
               bytes, history->buffer_bytes_max);
  if (tell)
    gemel_history_send_event (
      history, GEMEL_EVENT_HISTORY_LIMIT,
      "history buffer is full, writes are refused (history.buffer-bytes-max)",
      (gint64) history->buffer_bytes_max);
  return FALSE;
}

static gpointer
write_job (GemelWorker  *worker,
           gpointer      data,
           GCancellable *cancellable,
           GError      **error)
{
  GemelOperation *operation = data;

  if (!gemel_history_buffer_add (worker, operation->points, operation->n_points, &operation->seq,
                                 error))
    return NULL;
  /* The forwarder's job comes after this one, and its result after this one's commit. */
  gemel_history_wake (operation->history);
  return GINT_TO_POINTER (TRUE);
}

static void
on_written (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  g_autoptr (GTask) task = user_data;
  GemelOperation   *operation = g_task_get_task_data (task);
  GemelHistory     *history = operation->history;
  GError           *error = NULL;
  gboolean          done = gemel_worker_push_finish (NULL, result, &error) != NULL;

  g_mutex_lock (&history->mutex);
  if (done)
    {
      history->stats.written += operation->n_points;
      history->stats.own_seq = MAX (history->stats.own_seq, operation->seq);
    }
  else
    history->bytes -= MIN (history->bytes, g_bytes_get_size (operation->points));
  g_mutex_unlock (&history->mutex);
  if (done)
    g_task_return_pointer (task, operation, NULL);
  else
    g_task_return_error (task, error);
}

/**
 * gemel_history_write_async:
 * @history: the history
 * @points: an encoded batch
 * @cancellable: (nullable): gives up only what did not begin
 * @callback: called when the batch is durable in the buffer, or refused
 * @user_data: for @callback
 *
 * Takes points of this node. They get consecutive numbers, in the order of the calls.
 *
 * Thread: any with a main context
 */
void
gemel_history_write_async (GemelHistory       *history,
                           GBytes             *points,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data)
{
  GError         *error = NULL;
  gsize           size = 0;
  const guint8   *data = g_bytes_get_data (points, &size);
  guint           n_points = 0;
  GemelOperation *operation = NULL;

  if (!gemel_points_check (data, size, &n_points, &error) || !reserve (history, size, &error))
    {
      gemel_history_refuse (error, gemel_history_write_async, cancellable, callback, user_data);
      return;
    }
  operation = gemel_history_operation_new (history);
  operation->points = g_bytes_ref (points);
  operation->n_points = n_points;
  gemel_history_push (history->buffer, GEMEL_JOB_WRITE, write_job, on_written, operation,
                      gemel_history_write_async, cancellable, callback, user_data);
}

/**
 * gemel_history_write_finish:
 * @history: the history
 * @result: as given to the callback
 * @ret_last_seq: (out) (optional): the number of the last point
 * @error: return location
 *
 * Returns: whether the points are durable.
 * Errors: %GEMEL_ERROR_LIMIT when the buffer is full, %GEMEL_ERROR_INVALID_ARGS and
 *   %GEMEL_ERROR_TOO_BIG for a batch that is not valid, %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL,
 *   %GEMEL_ERROR_BUSY, %GEMEL_ERROR_CANCELLED
 * Thread: that of the callback
 */
gboolean
gemel_history_write_finish (GemelHistory *history,
                            GAsyncResult *result,
                            guint64      *ret_last_seq,
                            GError      **error)
{
  GemelOperation *operation = gemel_history_finish (result, gemel_history_write_async, error);

  if (operation != NULL && ret_last_seq != NULL)
    *ret_last_seq = operation->seq;
  return operation != NULL;
}

typedef struct
{
  GemelHistory *history;
  guint64       seq;
} Skip;

static void
skip_free (gpointer data)
{
  gemel_history_unref (((Skip *) data)->history);
  g_free (data);
}

static gpointer
skip_job (GemelWorker  *worker,
          gpointer      data,
          GCancellable *cancellable,
          GError      **error)
{
  const Skip   *skip = data;
  GemelHistory *history = skip->history;
  guint64       had = 0;

  if (!gemel_history_buffer_skip (worker, skip->seq, &had, error))
    return NULL;
  if (had < skip->seq)
    gemel_history_send_event (history, GEMEL_EVENT_STORE_FAILED,
                              "the peer has history of this node that its own files lack, "
                              "new points are numbered behind it",
                              (gint64) (skip->seq - had));
  return GINT_TO_POINTER (TRUE);
}

/**
 * gemel_history_skip_numbers:
 * @history: an open history
 * @seq: what the peer has of this node
 *
 * The files of this node may be older than what the peer has, or new: points that took those
 * numbers again would be held for points that the peer has already. Does nothing while the own
 * numbers are at @seq or above, which is the rule.
 *
 * Thread: any
 */
void
gemel_history_skip_numbers (GemelHistory *history,
                            guint64       seq)
{
  GemelHistoryStats stats;
  Skip             *skip;

  gemel_history_get_stats (history, &stats);
  if (seq <= stats.own_seq || seq > G_MAXINT64 / 2)
    return;
  skip = g_new (Skip, 1);
  skip->history = gemel_history_ref (history);
  skip->seq = seq;
  gemel_worker_push_async (history->buffer, GEMEL_JOB_WRITE, skip_job, skip, skip_free, NULL, NULL,
                           NULL, NULL);
}

static gpointer
receive_job (GemelWorker  *worker,
             gpointer      data,
             GCancellable *cancellable,
             GError      **error)
{
  GemelOperation       *operation = data;
  g_autoptr (GPtrArray) batches =
    g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_batch_free);
  GemelHistory *history = operation->history;
  GemelBatch   *batch = g_new0 (GemelBatch, 1);

  batch->first_seq = operation->seq;
  batch->last_seq = operation->seq + operation->n_points - 1;
  batch->points = g_bytes_ref (operation->points);
  g_ptr_array_add (batches, batch);
  if (!gemel_sink_take (&history->sink, operation->origin, batches, &operation->taken, error))
    return NULL;
  g_mutex_lock (&history->mutex);
  history->stats.received_points += operation->taken.taken;
  history->stats.skipped_points += operation->taken.skipped;
  g_mutex_unlock (&history->mutex);
  if (history->port.sunk != NULL && operation->taken.taken > 0)
    history->port.sunk (operation->origin, operation->taken.mark, history->user_data);
  return GINT_TO_POINTER (TRUE);
}

/**
 * gemel_history_receive_async:
 * @history: the history
 * @origin: 16 bytes: whose rows; never this node
 * @first_seq: number of the first point, at least 1
 * @points: an encoded batch
 * @cancellable: (nullable): gives up only what did not begin
 * @callback: called when the rows are durable in the sink, or refused
 * @user_data: for @callback
 *
 * Takes the peer's rows: what is there already is skipped, so a repetition changes nothing.
 *
 * Thread: any with a main context
 */
void
gemel_history_receive_async (GemelHistory       *history,
                             const guint8        origin[16],
                             guint64             first_seq,
                             GBytes             *points,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  GError         *error = NULL;
  gsize           size = 0;
  const guint8   *data = g_bytes_get_data (points, &size);
  guint           n_points = 0;
  GemelOperation *operation = NULL;

  if (memcmp (origin, history->uuid, sizeof history->uuid) == 0)
    g_set_error_literal (&error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                         "history of this node was offered by its peer; only this node numbers it");
  else if (gemel_points_check (data, size, &n_points, &error) &&
           (first_seq == 0 || first_seq > (guint64) G_MAXINT64 - n_points))
    g_set_error (&error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                 "history cannot begin at %" G_GUINT64_FORMAT, first_seq);
  if (error != NULL)
    {
      gemel_history_refuse (error, gemel_history_receive_async, cancellable, callback, user_data);
      return;
    }
  operation = gemel_history_operation_new (history);
  memcpy (operation->origin, origin, sizeof operation->origin);
  operation->seq = first_seq;
  operation->points = g_bytes_ref (points);
  operation->n_points = n_points;
  gemel_history_push (history->sink.worker, GEMEL_JOB_ALONE, receive_job, gemel_history_on_job_done,
                      operation, gemel_history_receive_async, cancellable, callback, user_data);
}

/**
 * gemel_history_receive_finish:
 * @history: the history
 * @result: as given to the callback
 * @ret_mark: (out) (optional): how far the origin's history is in the sink now
 * @error: return location
 *
 * Returns: whether everything up to the mark is durable.
 * Errors: %GEMEL_ERROR_PROTOCOL for a gap, %GEMEL_ERROR_INVALID_ARGS and %GEMEL_ERROR_TOO_BIG for a
 *   batch that is not valid, %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_BUSY
 * Thread: that of the callback
 */
gboolean
gemel_history_receive_finish (GemelHistory *history,
                              GAsyncResult *result,
                              guint64      *ret_mark,
                              GError      **error)
{
  GemelOperation *operation = gemel_history_finish (result, gemel_history_receive_async, error);

  if (operation != NULL && ret_mark != NULL)
    *ret_mark = operation->taken.mark;
  return operation != NULL;
}
