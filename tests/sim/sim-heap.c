/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The future: a binary heap of events by (time, order of creation), and the pool of messages that
 * are under way. Nothing here allocates while a run goes on.
 */
#include "sim-private.h"

static gboolean
is_before (const SimEvent *a,
           const SimEvent *b)
{
  return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

/**
 * sim_push:
 * @w: the world
 * @at_us: world time
 * @type: what will happen
 * @node: to whom
 * @life: of the process it is for; 0: whatever runs there then
 * @a: depends on @type
 * @b: depends on @type
 */
void
sim_push (SimWorld    *w,
          gint64       at_us,
          SimEventType type,
          guint        node,
          guint32      life,
          guint64      a,
          gint64       b)
{
  SimEvent event = { at_us, w->order++, life, (guint8) type, (guint8) node, a, b };
  guint    i = w->n_events++;

  g_assert (i < SIM_EVENTS_MAX);
  while (i > 0)
    {
      guint parent = (i - 1) / 2;

      if (!is_before (&event, &w->heap[parent]))
        break;
      w->heap[i] = w->heap[parent];
      i = parent;
    }
  w->heap[i] = event;
}

/**
 * sim_pop:
 * @w: the world
 * @before_us: take nothing later than this
 * @ret_event: (out): the earliest event
 *
 * Returns: whether there was one.
 */
gboolean
sim_pop (SimWorld *w,
         gint64    before_us,
         SimEvent *ret_event)
{
  SimEvent last;
  guint    i = 0;

  if (w->n_events == 0 || w->heap[0].at_us > before_us)
    return FALSE;
  *ret_event = w->heap[0];
  last = w->heap[--w->n_events];
  for (;;)
    {
      guint child = 2 * i + 1;

      if (child >= w->n_events)
        break;
      if (child + 1 < w->n_events && is_before (&w->heap[child + 1], &w->heap[child]))
        child++;
      if (!is_before (&w->heap[child], &last))
        break;
      w->heap[i] = w->heap[child];
      i = child;
    }
  w->heap[i] = last;
  return TRUE;
}

/**
 * sim_payload_take:
 * @w: the world
 *
 * Returns: a free message, or %SIM_NO_PAYLOAD when too many are under way.
 */
guint
sim_payload_take (SimWorld *w)
{
  guint payload = w->free_payload;

  if (payload == SIM_NO_PAYLOAD)
    return payload;
  w->free_payload = w->payloads[payload].next_free;
  return payload;
}

/**
 * sim_payload_give:
 * @w: the world
 * @payload: a message that nobody needs any more
 */
void
sim_payload_give (SimWorld *w,
                  guint     payload)
{
  SimPayload *p = &w->payloads[payload];

  if (p->kind == SIM_PAYLOAD_ANSWER)
    g_free (p->u.answer.full);
  p->kind = SIM_PAYLOAD_CORE;
  p->next_free = w->free_payload;
  w->free_payload = payload;
}

/**
 * sim_payloads_reset:
 * @w: the world
 *
 * All messages are free again.
 */
void
sim_payloads_reset (SimWorld *w)
{
  for (guint i = 0; i < SIM_PAYLOADS_MAX; i++)
    {
      SimPayload *p = &w->payloads[i];

      if (p->kind == SIM_PAYLOAD_ANSWER)
        g_free (p->u.answer.full);
      p->kind = SIM_PAYLOAD_CORE;
      p->next_free = i + 1 < SIM_PAYLOADS_MAX ? i + 1 : SIM_NO_PAYLOAD;
    }
  w->free_payload = 0;
}
