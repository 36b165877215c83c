/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The network between the nodes, and the session that the backup dials, as the link thread keeps
 * it: messages belong to a session and are dropped with it; a partition is noticed by silence; the
 * death of a process closes its sockets at once, the death of a machine does not.
 */
#include "sim-private.h"

static guint64
keyed (SimWorld *w,
       SimStream stream,
       SimNode  *sender)
{
  return sim_rand (w->plan.seed, stream + sender->index, sender->n_sent);
}

/**
 * sim_path_is_free:
 * @w: the world
 * @from: the sender
 *
 * Returns: whether something that @from sends now arrives, loss apart.
 */
gboolean
sim_path_is_free (const SimWorld *w,
                  guint           from)
{
  const SimNode *sender = &w->nodes[from];
  const SimNode *receiver = &w->nodes[1 - from];

  return sender->cut_until_us <= w->now_us && sender->clog_until_us <= w->now_us &&
         sender->machine_up && receiver->machine_up && !sender->vm_paused && !receiver->vm_paused;
}

static gint64
draw_arrival (SimWorld *w,
              SimNode  *sender)
{
  guint64 random = keyed (w, SIM_STREAM_DELAY, sender);
  gint64  jitter_max_us = MIN (w->plan.settings[0].rtt_budget_us,
                               w->plan.settings[0].heartbeat_interval_us) /
                         2;
  gint64 at_us = w->now_us + w->plan.delay_min_us +
                 MIN (sim_exponential (random, w->plan.delay_mean_us), jitter_max_us);

  if (sender->delay_until_us > w->now_us)
    at_us += sim_exponential (sim_mix (random), sender->delay_us);
  if (sender->clog_until_us > w->now_us)
    at_us = MAX (at_us, sender->clog_until_us);
  if (sender->reorder_until_us > w->now_us)
    return at_us + (gint64) (sim_mix (random + 1) % (guint64) sender->reorder_us);
  at_us = MAX (at_us, sender->last_arrival_us + 1);
  sender->last_arrival_us = at_us;
  return at_us;
}

/**
 * sim_send:
 * @w: the world
 * @from: the sender
 * @payload: (transfer full): what it sends, filled in but for the session
 *
 * Returns: whether it is under way.
 */
gboolean
sim_send (SimWorld *w,
          guint     from,
          guint     payload)
{
  SimNode    *sender = &w->nodes[from];
  SimPayload *p = &w->payloads[payload];
  gint64      loss_ppm = w->calm ? 0 : w->plan.loss_ppm;
  gint64      at_us;

  sender->n_sent++;
  w->stats.messages++;
  if (sender->loss_until_us > w->now_us)
    loss_ppm = MAX (loss_ppm, sender->loss_ppm);
  if (sender->session == 0 || sender->cut_until_us > w->now_us ||
      (loss_ppm > 0 && (gint64) (keyed (w, SIM_STREAM_LOSS, sender) % 1000000) < loss_ppm))
    {
      sim_payload_give (w, payload);
      return FALSE;
    }
  p->session = sender->session;
  at_us = draw_arrival (w, sender);
  if (sender->duplicate_until_us > w->now_us && p->kind == SIM_PAYLOAD_CORE &&
      (gint64) (keyed (w, SIM_STREAM_DUPLICATE, sender) % 1000000) < sender->duplicate_ppm)
    {
      guint copy = sim_payload_take (w);

      if (copy != SIM_NO_PAYLOAD)
        {
          w->payloads[copy] = *p;
          sim_push (w, at_us + w->plan.settings[0].heartbeat_interval_us / 3, SIM_EVENT_MESSAGE,
                    1 - from, 0, copy, 0);
        }
    }
  sim_push (w, at_us, SIM_EVENT_MESSAGE, 1 - from, 0, payload, 0);
  return TRUE;
}

static gint64
hop_us (SimWorld *w,
        SimNode  *sender)
{
  sender->n_sent++;
  return w->plan.delay_min_us +
         MIN (sim_exponential (keyed (w, SIM_STREAM_DELAY, sender), w->plan.delay_mean_us),
              w->plan.settings[0].rtt_budget_us / 2) +
         1;
}

/**
 * sim_dial:
 * @w: the world
 * @node: the one that dials: the backup
 *
 * One attempt to connect. A living process whose machine is reachable answers; a dead one whose
 * machine lives refuses.
 */
void
sim_dial (SimWorld *w,
          SimNode  *node)
{
  SimNode *peer = sim_peer (w, node);
  gint64   there_us = hop_us (w, node);
  gint64   back_us = hop_us (w, peer);

  if (node->session != 0 || node->settings.role != GEMEL_ROLE_BACKUP)
    return;
  if (!sim_path_is_free (w, node->index) || !sim_path_is_free (w, peer->index))
    {
      node->refusals = 0;
      return;
    }
  if (!peer->up)
    {
      if (++node->refusals >= 2)
        sim_push (w, w->now_us + there_us + back_us, SIM_EVENT_REFUSED, node->index, node->life, 0,
                  0);
      return;
    }
  node->refusals = 0;
  if (peer->paused || peer->settings.role != GEMEL_ROLE_MASTER)
    return;
  w->n_sessions++;
  sim_push (w, w->now_us + 2 * there_us + back_us, SIM_EVENT_LINK_UP, peer->index, peer->life,
            w->n_sessions, 0);
  sim_push (w, w->now_us + 2 * there_us + 2 * back_us, SIM_EVENT_LINK_UP, node->index, node->life,
            w->n_sessions, 0);
}

/**
 * sim_close_session:
 * @w: the world
 * @node: whose end is closed
 *
 * The other end hears of it when the path is free, else by silence.
 */
void
sim_close_session (SimWorld *w,
                   SimNode  *node)
{
  if (node->session != 0 && sim_path_is_free (w, node->index))
    sim_push (w, w->now_us + hop_us (w, node), SIM_EVENT_LINK_DOWN, 1 - node->index, 0,
              node->session, 0);
  node->session = 0;
}

/**
 * sim_reset_sender:
 * @w: the world
 * @node: got something of a session that it does not have any more
 * @session: that session
 *
 * The machine answers with a reset, so a peer notices a quick restart long before silence tells.
 */
void
sim_reset_sender (SimWorld *w,
                  SimNode  *node,
                  guint64   session)
{
  if (!node->machine_up || session > node->last_session || !sim_path_is_free (w, node->index))
    return;
  sim_push (w, w->now_us + hop_us (w, node), SIM_EVENT_LINK_DOWN, 1 - node->index, 0, session, 0);
}

/**
 * sim_check_idle:
 * @w: the world
 * @node: a node
 *
 * Ends a session in which nothing was heard for too long.
 */
void
sim_check_idle (SimWorld *w,
                SimNode  *node)
{
  if (node->session == 0 || w->now_us - node->heard_us <= w->plan.link_timeout_us)
    return;
  sim_close_session (w, node);
  sim_step_type (w, node, GEMEL_INPUT_LINK_DOWN);
  sim_host_look (w, node);
}

/**
 * sim_send_notice:
 * @w: the world
 * @node: whose guard it is
 * @term: of the dead
 *
 * The guard has stopped the modules; it tells the peer once.
 */
void
sim_send_notice (SimWorld *w,
                 SimNode  *node,
                 guint64   term)
{
  gint64   late_us = node->notice_late_us;
  gboolean lost = node->notice_lost;

  node->notice_late_us = 0;
  node->notice_lost = FALSE;
  if (lost || !node->machine_up || node->cut_until_us > w->now_us)
    return;
  sim_push (w, MAX (w->now_us, node->clog_until_us) + hop_us (w, node) + late_us, SIM_EVENT_NOTICE,
            1 - node->index, 0, term, 0);
}
