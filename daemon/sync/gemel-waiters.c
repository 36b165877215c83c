/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A queue of writers that wait for the peer. All have the same patience, so the oldest is also the
 * first to give up.
 */
#include "sync/gemel-waiters.h"

typedef struct
{
  guint64         seq;
  gint64          deadline_us;
  GemelWaiterFunc func;
  gpointer        data;
} Waiter;

static void
pop (GemelWaiters   *waiters,
     GemelDurability reached)
{
  Waiter *waiter = g_queue_pop_head (&waiters->queue);

  waiter->func (reached, waiter->data);
  g_free (waiter);
}

/**
 * gemel_waiters_add:
 * @waiters: a queue
 * @seq: the place that the peer has to confirm; not below the last one added
 * @deadline_us: monotonic; after it the writer is told `local`
 * @func: called once
 * @data: for @func
 *
 * Thread: the owner's
 */
void
gemel_waiters_add (GemelWaiters   *waiters,
                   guint64         seq,
                   gint64          deadline_us,
                   GemelWaiterFunc func,
                   gpointer        data)
{
  Waiter *waiter = g_new (Waiter, 1);

  *waiter = (Waiter){ seq, deadline_us, func, data };
  g_queue_push_tail (&waiters->queue, waiter);
}

/**
 * gemel_waiters_reach:
 * @waiters: a queue
 * @seq: everything up to here is confirmed
 *
 * Thread: the owner's
 */
void
gemel_waiters_reach (GemelWaiters *waiters,
                     guint64       seq)
{
  while (!g_queue_is_empty (&waiters->queue) && ((Waiter *) waiters->queue.head->data)->seq <= seq)
    pop (waiters, GEMEL_DURABILITY_PAIR);
}

/**
 * gemel_waiters_expire:
 * @waiters: a queue
 * @now_us: monotonic
 *
 * Tells those whose time is over.
 *
 * Thread: the owner's
 */
void
gemel_waiters_expire (GemelWaiters *waiters,
                      gint64        now_us)
{
  while (!g_queue_is_empty (&waiters->queue) &&
         ((Waiter *) waiters->queue.head->data)->deadline_us <= now_us)
    pop (waiters, GEMEL_DURABILITY_LOCAL);
}

/**
 * gemel_waiters_give_up:
 * @waiters: a queue
 *
 * The peer is gone or no longer level: tells everybody who waits.
 *
 * Thread: the owner's
 */
void
gemel_waiters_give_up (GemelWaiters *waiters)
{
  for (guint n = g_queue_get_length (&waiters->queue); n > 0; n--)
    pop (waiters, GEMEL_DURABILITY_LOCAL);
}

/**
 * gemel_waiters_get_deadline_us:
 * @waiters: a queue
 *
 * Returns: monotonic time at which the oldest gives up; -1 when nobody waits.
 * Thread: the owner's
 */
gint64
gemel_waiters_get_deadline_us (const GemelWaiters *waiters)
{
  if (waiters->queue.head == NULL)
    return -1;
  return ((const Waiter *) waiters->queue.head->data)->deadline_us;
}
