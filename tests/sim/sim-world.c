/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One run: the world is made from a plan, events happen in the order of time, and the judge looks
 * on. First chaos with the faults of the plan, then calm, then judgement, then on until the steps
 * are done, during which nothing may move any more.
 */
#include "sim-private.h"

#include <signal.h>
#include <string.h>

static SimWorld *escaping; /* tidy: static-mutable: a signal handler has no other way to know */

static void
on_abort (int number)
{
  if (escaping != NULL)
    siglongjmp (escaping->escape, 1);
}

/**
 * sim_world_new:
 *
 * Returns: (transfer full): room for one run at a time.
 */
SimWorld *
sim_world_new (void)
{
  SimWorld *w = g_new0 (SimWorld, 1);

  for (guint i = 0; i < 2; i++)
    w->nodes[i].journal = g_new (SimEntry, SIM_EDITS_MAX + 1);
  return w;
}

/**
 * sim_world_free:
 * @world: (transfer full): not running
 */
void
sim_world_free (SimWorld *world)
{
  sim_payloads_reset (world);
  for (guint i = 0; i < 2; i++)
    g_free (world->nodes[i].journal);
  g_free (world);
}

static void
reset_node (SimWorld *w,
            guint     index)
{
  SimNode  *node = &w->nodes[index];
  SimEntry *journal = node->journal;

  memset (node, 0, sizeof *node);
  node->index = index;
  node->journal = journal;
  node->settings = w->plan.settings[index];
  node->machine_up = TRUE;
  node->tick_us = G_MAXINT64;
  node->drift_ppm = w->plan.drift_ppm[index];
  node->clock_boot_us = (gint64) (sim_host_draw (w) % 1000000000);
  node->wall_offset_us = (gint64) (sim_host_draw (w) % 1000000000000);
  node->has_config = index == 0 || !w->plan.backup_is_new;
  if (w->plan.roles_swapped && w->plan.backup_is_new)
    node->has_config = index == 1;
  node->request_us = G_MININT64 / 4;
  node->automatic_us = G_MININT64 / 4;
}

static void
reset (SimWorld      *w,
       const SimPlan *plan,
       FILE          *trace)
{
  w->plan = *plan;
  w->trace = trace;
  memset (&w->stats, 0, sizeof w->stats);
  memset (&w->verdict, 0, sizeof w->verdict);
  memset (&w->handover, 0, sizeof w->handover);
  memset (w->pair_acks, 0, sizeof w->pair_acks);
  memset (w->edit_flags, 0, sizeof w->edit_flags);
  w->now_us = 0;
  w->order = 0;
  w->steps = 0;
  w->fingerprint = plan->seed;
  w->n_sessions = 0;
  w->n_requests = 0;
  w->n_values = 0;
  w->n_host_draws = 0;
  w->n_edits = 0;
  w->n_events = 0;
  w->calm = FALSE;
  w->judged = FALSE;
  w->dual_since_us = G_MAXINT64;
  w->frozen_until_us = -1;
  sim_payloads_reset (w);
  for (guint i = 0; i < 2; i++)
    reset_node (w, i);
  /* At the start nobody has heard anybody. */
  w->disturbed_until_us = sim_margin_us (w);
  for (guint i = 0; i < plan->n_faults; i++)
    sim_push (w, plan->faults[i].at_us, SIM_EVENT_FAULT, plan->faults[i].node, 0, i, 0);
  sim_push (w, plan->chaos_us, SIM_EVENT_CALM, 0, 0, 0, 0);
  sim_push (w, plan->chaos_us + 2 * sim_margin_us (w) + plan->settings[0].startup_allowance_us,
            SIM_EVENT_REPAIR, 0, 0, 0, 0);
  sim_push (w,
            plan->chaos_us + 2 * sim_margin_us (w) + plan->settings[0].startup_allowance_us +
              sim_calm_bound_us (w),
            SIM_EVENT_JUDGE, 0, 0, 0, 0);
}

/* ---- events ---- */

static void
on_message (SimWorld *w,
            SimNode  *node,
            guint     payload)
{
  SimPayload *p = &w->payloads[payload];

  if (node->up && node->session != 0 && node->session == p->session)
    {
      node->heard_us = w->now_us;
      switch (p->kind)
        {
        case SIM_PAYLOAD_CORE:
          w->input.u.message = p->u.core;
          sim_step_type (w, node, GEMEL_INPUT_MESSAGE);
          break;
        case SIM_PAYLOAD_PULL:
          sim_on_pull (w, node, p);
          break;
        case SIM_PAYLOAD_ANSWER:
          sim_on_answer (w, node, p);
          break;
        }
      sim_host_look (w, node);
    }
  else if (p->session != node->session)
    sim_reset_sender (w, node, p->session);
  sim_payload_give (w, payload);
}

static void
on_link_up (SimWorld *w,
            SimNode  *node,
            guint64   session)
{
  if (node->session != 0)
    sim_step_type (w, node, GEMEL_INPUT_LINK_DOWN);
  node->session = session;
  node->last_session = session;
  node->heard_us = w->now_us;
  node->peer_has = 0;
  sim_step_type (w, node, GEMEL_INPUT_LINK_UP);
  sim_host_look (w, node);
  sim_pull (w, node);
}

static void
on_link_down (SimWorld *w,
              SimNode  *node,
              guint64   session)
{
  if (node->session == 0 || node->session != session)
    return;
  sim_close_session (w, node);
  node->config_level = FALSE;
  node->state_level = FALSE;
  sim_step_type (w, node, GEMEL_INPUT_LINK_DOWN);
  sim_host_look (w, node);
}

static void
again (SimWorld       *w,
       const SimEvent *event,
       gint64          interval_us)
{
  sim_push (w, w->now_us + interval_us, event->type, event->node, event->life, 0, 0);
}

static void
on_periodic (SimWorld       *w,
             SimNode        *node,
             const SimEvent *event)
{
  if (event->type == SIM_EVENT_DIAL)
    {
      sim_dial (w, node);
      again (w, event,
             w->plan.dial_us / 2 + 1 + (gint64) (sim_host_draw (w) % (guint64) w->plan.dial_us));
    }
  else if (event->type == SIM_EVENT_IDLE)
    {
      sim_check_idle (w, node);
      again (w, event, w->plan.link_timeout_us / 4 + 1);
    }
  else if (event->type == SIM_EVENT_EDIT)
    {
      sim_host_edit (w, node);
      again (w, event,
             w->plan.edit_us / 2 + 1 + (gint64) (sim_host_draw (w) % (guint64) w->plan.edit_us));
    }
  else if (event->type == SIM_EVENT_POST)
    {
      sim_host_post (w, node);
      again (w, event,
             w->plan.post_us / 2 + 1 + (gint64) (sim_host_draw (w) % (guint64) w->plan.post_us));
    }
  else
    {
      sim_pull (w, node);
      again (w, event, w->plan.pull_us);
    }
}

/* Events of a running process. */
static void
on_process_event (SimWorld       *w,
                  SimNode        *node,
                  const SimEvent *event)
{
  switch ((SimEventType) event->type)
    {
    case SIM_EVENT_LINK_UP:
      on_link_up (w, node, event->a);
      break;
    case SIM_EVENT_LINK_DOWN:
      on_link_down (w, node, event->a);
      break;
    case SIM_EVENT_REFUSED:
      if (node->session == 0)
        sim_step_type (w, node, GEMEL_INPUT_REFUSED);
      break;
    case SIM_EVENT_NOTICE:
      w->input.u.term = event->a;
      sim_step_type (w, node, GEMEL_INPUT_DEATH_NOTICE);
      break;
    case SIM_EVENT_PERSIST_TOLD:
      w->input.u.persist_id = event->a;
      sim_step_type (w, node, event->b == 0 ? GEMEL_INPUT_PERSISTED : GEMEL_INPUT_PERSIST_FAILED);
      break;
    case SIM_EVENT_DIAL:
    case SIM_EVENT_IDLE:
    case SIM_EVENT_EDIT:
    case SIM_EVENT_POST:
    case SIM_EVENT_PULL:
      on_periodic (w, node, event);
      break;
    case SIM_EVENT_EDIT_DONE:
      node->edits_in_flight -= event->b == 0;
      sim_host_edit_done (w, node, (guint) event->a);
      break;
    case SIM_EVENT_SYNCED:
      node->journal_durable = MAX (node->journal_durable, MIN (event->a, node->journal_len));
      break;
    case SIM_EVENT_DRAINED:
      sim_host_drained (w, node, event->a);
      break;
    case SIM_EVENT_SOFT_RESTARTED:
      node->soft_restarting = FALSE;
      break;
    case SIM_EVENT_KILL:
      sim_end_process (w, node, FALSE, node->restart_us);
      return;
    case SIM_EVENT_MESSAGE:
    case SIM_EVENT_NOTICE_SENT:
    case SIM_EVENT_PERSIST_DONE:
    case SIM_EVENT_START:
    case SIM_EVENT_RESUME:
    case SIM_EVENT_FAULT:
    case SIM_EVENT_FAULT_END:
    case SIM_EVENT_CALM:
    case SIM_EVENT_REPAIR:
    case SIM_EVENT_JUDGE:
      g_assert_not_reached ();
    }
  sim_host_look (w, node);
}

/* Events of the world; returns whether it was one. */
static gboolean
on_world_event (SimWorld       *w,
                SimNode        *node,
                const SimEvent *event)
{
  switch ((SimEventType) event->type)
    {
    case SIM_EVENT_FAULT:
      sim_fault_begin (w, &w->plan.faults[event->a], (guint) event->a);
      return TRUE;
    case SIM_EVENT_FAULT_END:
      sim_fault_end (w, &w->plan.faults[event->a]);
      return TRUE;
    case SIM_EVENT_CALM:
      sim_calm (w);
      return TRUE;
    case SIM_EVENT_REPAIR:
      sim_repair (w);
      return TRUE;
    case SIM_EVENT_JUDGE:
      w->judged = TRUE;
      sim_judge_end (w);
      return TRUE;
    case SIM_EVENT_START:
      sim_start (w, node);
      return TRUE;
    case SIM_EVENT_NOTICE_SENT:
      sim_send_notice (w, node, event->a);
      return TRUE;
    case SIM_EVENT_RESUME:
      if (node->paused && node->life == event->life && node->resume_us <= w->now_us)
        sim_resume (w, node);
      return TRUE;
    case SIM_EVENT_PERSIST_DONE:
      if (node->up && node->life == event->life)
        sim_persist_done (w, node, event);
      return TRUE;
    case SIM_EVENT_MESSAGE:
    case SIM_EVENT_LINK_UP:
    case SIM_EVENT_LINK_DOWN:
    case SIM_EVENT_REFUSED:
    case SIM_EVENT_NOTICE:
    case SIM_EVENT_PERSIST_TOLD:
    case SIM_EVENT_DIAL:
    case SIM_EVENT_IDLE:
    case SIM_EVENT_EDIT:
    case SIM_EVENT_EDIT_DONE:
    case SIM_EVENT_POST:
    case SIM_EVENT_PULL:
    case SIM_EVENT_SYNCED:
    case SIM_EVENT_DRAINED:
    case SIM_EVENT_SOFT_RESTARTED:
    case SIM_EVENT_KILL:
      return FALSE;
    }
  return FALSE;
}

static void
dispatch (SimWorld       *w,
          const SimEvent *event)
{
  SimNode *node = &w->nodes[event->node];

  if (on_world_event (w, node, event))
    return;
  if (node->paused && (event->life == 0 || event->life == node->life))
    {
      sim_push (w, node->resume_us, event->type, event->node, event->life, event->a, event->b);
      return;
    }
  if (event->type == SIM_EVENT_MESSAGE)
    on_message (w, node, (guint) event->a);
  else if (node->up && (event->life == 0 || event->life == node->life))
    on_process_event (w, node, event);
}

static void
tick (SimWorld *w,
      SimNode  *node)
{
  w->now_us = node->tick_us;
  if (node->paused)
    {
      node->tick_us = node->resume_us + 1;
      return;
    }
  sim_step_type (w, node, GEMEL_INPUT_TICK);
  sim_host_look (w, node);
}

static gboolean
is_over (const SimWorld *w)
{
  return w->verdict.failed || (w->judged && w->steps >= w->plan.steps);
}

static void
run (SimWorld *w)
{
  SimEvent event;

  for (guint i = 0; i < 2; i++)
    sim_start (w, &w->nodes[i]);
  while (!is_over (w))
    {
      SimNode *next = w->nodes[0].tick_us <= w->nodes[1].tick_us ? &w->nodes[0] : &w->nodes[1];

      if (!sim_pop (w, next->tick_us, &event))
        {
          tick (w, next);
          continue;
        }
      w->now_us = event.at_us;
      dispatch (w, &event);
    }
}

static void
add_stats (SimWorld *w,
           SimStats *stats)
{
  const guint64 *from = (const guint64 *) &w->stats;
  guint64       *to = (guint64 *) stats;
  guint64        edges;

  w->stats.runs = 1;
  w->stats.steps = w->steps;
  w->stats.simulated_us = (guint64) w->now_us;
  edges = stats->edges | w->stats.edges;
  for (gsize i = 0; i < sizeof *stats / sizeof (guint64); i++)
    to[i] += from[i];
  stats->edges = edges;
}

/**
 * sim_run:
 * @world: room
 * @plan: what happens; copied
 * @stats: (nullable): sums are added here
 * @trace: (nullable): one line a step
 * @ret_verdict: (out): how it ended
 *
 * Not re-entrant: an assertion of the core is caught by a signal handler.
 *
 * Returns: whether all invariants held.
 */
gboolean
sim_run (SimWorld      *world,
         const SimPlan *plan,
         SimStats      *stats,
         FILE          *trace,
         SimVerdict    *ret_verdict)
{
  struct sigaction action = { .sa_handler = on_abort };
  struct sigaction before;

  sim_mutant_set (plan->mutant);
  reset (world, plan, trace);
  escaping = world;
  (void) sigaction (SIGABRT, &action, &before);
  if (sigsetjmp (world->escape, 1) == 0)
    run (world);
  else
    sim_fail (world, "assertion", "the core contradicts itself");
  (void) sigaction (SIGABRT, &before, NULL);
  escaping = NULL;
  world->verdict.fingerprint = world->fingerprint;
  world->verdict.steps = world->steps;
  *ret_verdict = world->verdict;
  if (stats != NULL)
    add_stats (world, stats);
  return !world->verdict.failed;
}
