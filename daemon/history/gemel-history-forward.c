/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The thread that carries the buffer into the sink.
 *
 *   wait -> [buffer: drop what the sink has, read what follows] -> [sink: take it] -> wait
 *
 * Dropping rides in the transaction of the next read, so one round costs one commit on each side. A
 * crash in between offers a batch again, and the mark makes that change nothing. When a step fails
 * it is tried again, later and later; nothing is dropped before the sink's commit.
 */
#include "history/gemel-history-private.h"

#include "api/gemel-enums.h"
#include "api/gemel-error.h"

#define RETRY_US_MIN (100 * G_TIME_SPAN_MILLISECOND)
#define RETRY_US_MAX (5 * G_TIME_SPAN_SECOND)

typedef struct
{
  GemelHistory  *history;
  guint64        mark;
  guint64        bytes_freed;
  GPtrArray     *batches; /* (nullable) */
  GemelSinkTaken taken;
} Round;

static gpointer
next_job (GemelWorker  *worker,
          gpointer      data,
          GCancellable *cancellable,
          GError      **error)
{
  Round *round = data;

  g_clear_pointer (&round->batches, g_ptr_array_unref);
  round->batches = gemel_history_buffer_next (worker, round->mark, &round->bytes_freed, error);
  return round->batches != NULL ? GINT_TO_POINTER (TRUE) : NULL;
}

static gpointer
take_job (GemelWorker  *worker,
          gpointer      data,
          GCancellable *cancellable,
          GError      **error)
{
  Round        *round = data;
  GemelHistory *history = round->history;

  if (!gemel_sink_take (&history->sink, history->uuid, round->batches, &round->taken, error))
    return NULL;
  return GINT_TO_POINTER (TRUE);
}

static void
count_freed (GemelHistory *history,
             guint64       bytes)
{
  g_mutex_lock (&history->mutex);
  history->bytes -= MIN (bytes, history->bytes);
  if (history->bytes < history->buffer_bytes_max / 2)
    history->full = FALSE;
  g_mutex_unlock (&history->mutex);
}

static void
count_taken (GemelHistory         *history,
             const GemelSinkTaken *taken)
{
  g_mutex_lock (&history->mutex);
  history->stats.sink_points += taken->taken;
  history->stats.skipped_points += taken->skipped;
  history->stats.quarantined += taken->quarantined;
  history->stats.own_sink_seq = taken->mark;
  g_mutex_unlock (&history->mutex);
}

static void
tell_taken (GemelHistory         *history,
            const GemelSinkTaken *taken)
{
  if (taken->quarantined > 0)
    gemel_history_send_event (history, GEMEL_EVENT_HISTORY_QUARANTINED,
                              "history that could not be decoded went to quarantine in history.db",
                              (gint64) taken->quarantined);
  if (taken->crossed > 0)
    gemel_history_send_event (history, GEMEL_EVENT_STORE_FAILED,
                              "history.db is older than the buffer and lacks points of this node; "
                              "copy it from the peer if the peer has them",
                              (gint64) taken->crossed);
  if (history->port.sunk != NULL)
    history->port.sunk (history->uuid, taken->mark, history->user_data);
}

/* One round; whether more may wait. */
static gboolean
forward (GemelHistory *history,
         guint64      *mark,
         gboolean     *ret_more,
         GError      **error)
{
  Round    round = { .history = history, .mark = *mark };
  gboolean done = FALSE;

  *ret_more = FALSE;
  if (gemel_worker_run (history->buffer, GEMEL_JOB_WRITE, next_job, &round, error) != NULL)
    {
      count_freed (history, round.bytes_freed);
      done = round.batches->len == 0 || gemel_worker_run (history->sink.worker, GEMEL_JOB_ALONE,
                                                          take_job, &round, error) != NULL;
      *ret_more = done && round.batches->len > 0;
    }
  if (*ret_more)
    {
      *mark = round.taken.mark;
      count_taken (history, &round.taken);
      tell_taken (history, &round.taken);
    }
  g_clear_pointer (&round.batches, g_ptr_array_unref);
  return done;
}

/* Waits for a write, or until @until_us when it is not 0; FALSE when closing. */
static gboolean
wait_for_work (GemelHistory *history,
               gint64        until_us)
{
  gboolean closing = FALSE;

  g_mutex_lock (&history->mutex);
  while (!history->closing && (until_us != 0 || !history->waiting))
    {
      if (until_us == 0)
        g_cond_wait (&history->wake, &history->mutex);
      else if (!g_cond_wait_until (&history->wake, &history->mutex, until_us))
        break;
    }
  history->waiting = FALSE;
  closing = history->closing;
  g_mutex_unlock (&history->mutex);
  return !closing;
}

static gboolean
is_closing (GemelHistory *history)
{
  gboolean closing = FALSE;

  g_mutex_lock (&history->mutex);
  closing = history->closing;
  g_mutex_unlock (&history->mutex);
  return closing;
}

/**
 * gemel_history_forward_thread:
 * @data: (type GemelHistory): the history
 *
 * Carries batches until the history closes. The first failure in a row is told as an event.
 *
 * Returns: %NULL
 * Thread: its own
 */
gpointer
gemel_history_forward_thread (gpointer data)
{
  GemelHistory *history = data;
  guint64       mark = history->stats.own_sink_seq; /* before anybody else can write it */
  gint64        retry_us = 0;
  gint64        until_us = 0;

  while (wait_for_work (history, until_us))
    {
      gboolean more = TRUE;

      while (more && !is_closing (history))
        {
          g_autoptr (GError) error = NULL;

          if (forward (history, &mark, &more, &error))
            {
              retry_us = 0;
              until_us = 0;
              continue;
            }
          if (retry_us == 0)
            gemel_history_send_event (history, GEMEL_EVENT_STORE_FAILED, error->message, 0);
          retry_us = CLAMP (retry_us * 2, RETRY_US_MIN, RETRY_US_MAX);
          until_us = g_get_monotonic_time () + retry_us;
        }
    }
  return NULL;
}

/**
 * gemel_history_wake:
 * @history: the history
 *
 * Tells the forwarder that a batch was added.
 *
 * Thread: any
 */
void
gemel_history_wake (GemelHistory *history)
{
  g_mutex_lock (&history->mutex);
  history->waiting = TRUE;
  g_cond_signal (&history->wake);
  g_mutex_unlock (&history->mutex);
}

/**
 * gemel_history_send_event:
 * @history: the history
 * @code: a #GemelEventCode
 * @message: what happened and what to do
 * @a: a number that belongs to it
 *
 * Thread: any, without the mutex
 */
void
gemel_history_send_event (GemelHistory *history,
                          int           code,
                          const char   *message,
                          gint64        a)
{
  if (history->port.event != NULL)
    history->port.event (code, message, a, history->user_data);
}
