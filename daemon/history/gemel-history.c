/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The history of one node: opening, closing and counting. What it does on request is in
 * gemel-history-calls.c.
 */
#include "history/gemel-history-private.h"

#include <string.h>

/**
 * gemel_history_ref:
 * @history: the history
 *
 * An operation holds a reference, so that an answer which arrives after the history was closed
 * still finds its counters.
 *
 * Returns: (transfer full): @history
 * Thread: any
 */
GemelHistory *
gemel_history_ref (GemelHistory *history)
{
  g_atomic_ref_count_inc (&history->refs);
  return history;
}

/**
 * gemel_history_unref:
 * @history: (transfer full): the history
 *
 * Thread: any
 */
void
gemel_history_unref (GemelHistory *history)
{
  if (!g_atomic_ref_count_dec (&history->refs))
    return;
  g_mutex_clear (&history->mutex);
  g_cond_clear (&history->wake);
  g_free (history);
}

static gboolean
open_stores (GemelHistory *history,
             const char   *dir,
             GError      **error)
{
  g_autofree char *buffer_path = g_build_filename (dir, "buffer.db", NULL);
  g_autofree char *sink_path = g_build_filename (dir, "history.db", NULL);
  guint64          mark = 0;

  if (!gemel_sink_open (&history->sink, sink_path, history->uuid, &mark, error))
    return FALSE;
  history->buffer = gemel_worker_open (buffer_path, "history-buffer", error);
  if (history->buffer == NULL)
    return FALSE;
  history->stats.own_sink_seq = mark;
  return gemel_history_buffer_prepare (history->buffer, mark, &history->stats.own_seq,
                                       &history->bytes, error);
}

/**
 * gemel_history_open:
 * @dir: an existing folder that holds buffer.db and history.db, or will
 * @node_uuid: 16 bytes: the origin of what this node takes
 * @buffer_bytes_max: setting history.buffer-bytes-max, in bytes
 * @port: (nullable): who is told; called in the history's threads, must only queue
 * @user_data: for @port
 * @error: return location
 *
 * Opens both databases, continues the numbers and begins to forward what waits.
 *
 * Returns: (transfer full): the history.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_DISK_FULL
 * Thread: any that may wait for the disk
 */
GemelHistory *
gemel_history_open (const char             *dir,
                    const guint8            node_uuid[16],
                    guint64                 buffer_bytes_max,
                    const GemelHistoryPort *port,
                    gpointer                user_data,
                    GError                **error)
{
  GemelHistory *history = g_new0 (GemelHistory, 1);

  g_atomic_ref_count_init (&history->refs);
  g_mutex_init (&history->mutex);
  g_cond_init (&history->wake);
  memcpy (history->uuid, node_uuid, sizeof history->uuid);
  history->buffer_bytes_max = buffer_bytes_max;
  history->user_data = user_data;
  history->waiting = TRUE; /* look once for what a crash left */
  if (port != NULL)
    history->port = *port;
  if (!open_stores (history, dir, error))
    {
      gemel_history_close (history);
      return NULL;
    }
  history->forwarder = g_thread_new ("history-forward", gemel_history_forward_thread, history);
  return history;
}

/**
 * gemel_history_close:
 * @history: (transfer full): the history
 *
 * Finishes the round under way, what was queued before, and no more; what waits in the buffer
 * waits there for the next start.
 *
 * Thread: the one that opened; no other may still use @history
 */
void
gemel_history_close (GemelHistory *history)
{
  g_mutex_lock (&history->mutex);
  history->closing = TRUE;
  g_cond_signal (&history->wake);
  g_mutex_unlock (&history->mutex);
  g_clear_pointer (&history->forwarder, g_thread_join);
  g_clear_pointer (&history->buffer, gemel_worker_close);
  gemel_sink_close (&history->sink);
  gemel_history_unref (history);
}

/**
 * gemel_history_get_stats:
 * @history: the history
 * @ret_stats: (out caller-allocates): a copy of the counters
 *
 * Thread: any
 */
void
gemel_history_get_stats (GemelHistory      *history,
                         GemelHistoryStats *ret_stats)
{
  g_mutex_lock (&history->mutex);
  *ret_stats = history->stats;
  ret_stats->buffered_bytes = history->bytes;
  g_mutex_unlock (&history->mutex);
  /* The writer's answer may come later than the forwarder. */
  ret_stats->own_seq = MAX (ret_stats->own_seq, ret_stats->own_sink_seq);
  ret_stats->buffered_points = ret_stats->own_seq - ret_stats->own_sink_seq;
}

/**
 * gemel_history_set_peer_acked:
 * @history: the history
 * @own_seq: the peer's mark of this node
 *
 * Thread: any
 */
void
gemel_history_set_peer_acked (GemelHistory *history,
                              guint64       own_seq)
{
  g_mutex_lock (&history->mutex);
  history->stats.peer_acked_seq = own_seq;
  g_mutex_unlock (&history->mutex);
}

/**
 * gemel_history_get_buffer:
 * @history: the history
 *
 * Returns: (transfer none): the worker of buffer.db, for tests.
 * Thread: any
 */
GemelWorker *
gemel_history_get_buffer (GemelHistory *history)
{
  return history->buffer;
}

/**
 * gemel_history_get_sink:
 * @history: the history
 *
 * Returns: (transfer none): the worker of history.db, for tests.
 * Thread: any
 */
GemelWorker *
gemel_history_get_sink (GemelHistory *history)
{
  return history->sink.worker;
}
