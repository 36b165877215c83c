/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A machine with its clock and its term file, and the process on it that steps the core and carries
 * out what it says. Restarts see what was durable and nothing else.
 */
#include "sim-private.h"

#include <string.h>

/**
 * sim_boot_us:
 * @w: the world
 * @node: a node
 *
 * Returns: its CLOCK_BOOTTIME now.
 */
gint64
sim_boot_us (const SimWorld *w,
             const SimNode  *node)
{
  gint64 passed_us = node->vm_paused ? 0 : w->now_us - node->clock_world_us;

  return node->clock_boot_us + passed_us + passed_us * node->drift_ppm / 1000000;
}

static gint64
world_us (const SimWorld *w,
          const SimNode  *node,
          gint64          boot_us)
{
  gint64 passed_us = boot_us - node->clock_boot_us;
  gint64 at_us;

  if (boot_us == G_MAXINT64)
    return G_MAXINT64;
  at_us = node->clock_world_us + passed_us -
          passed_us * node->drift_ppm / (1000000 + node->drift_ppm);
  return MAX (at_us + 1, w->now_us);
}

/**
 * sim_set_clock:
 * @w: the world
 * @node: a node
 * @drift_ppm: its rate from now on
 *
 * A new line from the point where the old one is now.
 */
void
sim_set_clock (SimWorld *w,
               SimNode  *node,
               gint64    drift_ppm)
{
  node->clock_boot_us = sim_boot_us (w, node);
  node->clock_world_us = w->now_us;
  node->drift_ppm = drift_ppm;
}

/* ---- the term file ---- */

static void
ask_persist (SimWorld          *w,
             SimNode           *node,
             guint64            id,
             const GemelStable *stable)
{
  gint64 at_us = MAX (w->now_us, node->persist_busy_us) + w->plan.term_write_us;

  g_assert (node->n_persists < SIM_PERSISTS_MAX);
  if (node->term_slow_until_us > w->now_us)
    at_us += node->term_slow_us;
  node->persist_busy_us = at_us;
  node->persists[node->n_persists++] = (SimPersist){ id, *stable };
  sim_push (w, at_us, SIM_EVENT_PERSIST_DONE, node->index, node->life, id,
            node->term_error_until_us > w->now_us);
}

static void
make_durable (SimNode           *node,
              const GemelStable *stable)
{
  node->durable = *stable;
  node->torn = FALSE;
}

/**
 * sim_persist_done:
 * @w: the world
 * @node: whose disk
 * @event: PERSIST_DONE
 *
 * The disk has written, or has failed, also while the process is paused; the process hears of it
 * when it runs.
 */
void
sim_persist_done (SimWorld       *w,
                  SimNode        *node,
                  const SimEvent *event)
{
  g_assert (node->n_persists > 0 && node->persists[0].id == event->a);
  if (event->b == 0)
    make_durable (node, &node->persists[0].stable);
  node->n_persists--;
  memmove (&node->persists[0], &node->persists[1], node->n_persists * sizeof node->persists[0]);
  sim_push (w, node->paused ? node->resume_us : w->now_us, SIM_EVENT_PERSIST_TOLD, node->index,
            node->life, event->a, event->b);
}

/* What was under way when the process died: the disk may have done a part of it. */
static void
crash_persists (SimWorld *w,
                SimNode  *node)
{
  guint n = (guint) (sim_rand (w->plan.seed, SIM_STREAM_CRASH + node->index, node->life) %
                     (node->n_persists + 1));

  if (n > 0 && node->term_error_until_us <= w->now_us)
    make_durable (node, &node->persists[n - 1].stable);
  node->n_persists = 0;
  node->persist_busy_us = 0;
}

/* ---- the process ---- */

static void
push_jittered (SimWorld    *w,
               SimNode     *node,
               SimEventType type,
               gint64       interval_us)
{
  sim_push (w, w->now_us + 1 + (gint64) (sim_host_draw (w) % (guint64) interval_us), type,
            node->index, node->life, 0, 0);
}

/**
 * sim_start:
 * @w: the world
 * @node: not running
 *
 * A new process: it knows its settings and what is on its disks.
 */
void
sim_start (SimWorld *w,
           SimNode  *node)
{
  static const GemelStable nothing = { 0 };
  gint64                   now_us;

  if (node->up)
    return;
  node->machine_up = TRUE;
  node->up = TRUE;
  node->paused = FALSE;
  node->vm_paused = FALSE;
  node->stopping = FALSE;
  node->life++;
  now_us = sim_boot_us (w, node);
  gemel_core_init (&node->core, &node->settings, node->torn ? &nothing : &node->durable,
                   !node->torn,
                   sim_rand (w->plan.seed, SIM_STREAM_NONCE + node->index, node->life) | 1, now_us,
                   now_us + node->wall_offset_us);
  gemel_core_get_view (&node->core, &node->view);
  node->session = 0;
  node->refusals = 0;
  sim_host_start (w, node);
  sim_judge_start (w, node);
  push_jittered (w, node, SIM_EVENT_DIAL, w->plan.dial_us);
  push_jittered (w, node, SIM_EVENT_IDLE, w->plan.link_timeout_us / 4 + 1);
  push_jittered (w, node, SIM_EVENT_EDIT, w->plan.edit_us);
  push_jittered (w, node, SIM_EVENT_POST, w->plan.post_us);
  push_jittered (w, node, SIM_EVENT_PULL, w->plan.pull_us);
  sim_step_type (w, node, GEMEL_INPUT_TICK);
  sim_host_look (w, node);
}

/**
 * sim_end_process:
 * @w: the world
 * @node: a node
 * @machine: whether the whole machine goes down
 * @down_us: until it starts again
 *
 * The end without any order. If only the process dies, its guard lives and tells.
 */
void
sim_end_process (SimWorld *w,
                 SimNode  *node,
                 gboolean  machine,
                 gint64    down_us)
{
  if (!node->up)
    return;
  if (machine)
    node->session = 0;
  sim_close_session (w, node);
  node->up = FALSE;
  node->tick_us = G_MAXINT64;
  node->journal_len = node->journal_durable;
  node->level = GEMEL_LEVEL_UNDECIDED;
  crash_persists (w, node);
  if (node->vm_paused)
    {
      node->vm_paused = FALSE;
      node->clock_world_us = w->now_us;
    }
  node->paused = FALSE;
  if (machine)
    {
      node->machine_up = FALSE;
      node->clock_world_us = w->now_us;
      node->clock_boot_us = (gint64) (sim_host_draw (w) % 1000000);
    }
  else if (node->armed_term != 0)
    sim_push (w, w->now_us + w->plan.notice_us, SIM_EVENT_NOTICE_SENT, node->index, 0,
              node->armed_term, 0);
  node->armed_term = 0;
  sim_push (w, w->now_us + MAX (down_us, w->plan.notice_us + 1), SIM_EVENT_START, node->index, 0, 0,
            0);
}

/**
 * sim_pause:
 * @w: the world
 * @node: a node
 * @duration_us: world time
 * @vm: whether its clock stands still as well
 */
void
sim_pause (SimWorld *w,
           SimNode  *node,
           gint64    duration_us,
           gboolean  vm)
{
  if (!node->up || node->paused)
    return;
  node->paused = TRUE;
  if (vm)
    {
      sim_set_clock (w, node, node->drift_ppm);
      node->vm_paused = TRUE;
      w->frozen_until_us = MAX (w->frozen_until_us, w->now_us + duration_us + sim_margin_us (w));
    }
  node->resume_us = w->now_us + duration_us;
  sim_push (w, node->resume_us, SIM_EVENT_RESUME, node->index, node->life, 0, 0);
}

/**
 * sim_resume:
 * @w: the world
 * @node: paused
 *
 * What waits is served at once; whether the timer or the messages come first is chance.
 */
void
sim_resume (SimWorld *w,
            SimNode  *node)
{
  gint64 gap_us;

  node->paused = FALSE;
  if (node->vm_paused)
    {
      node->vm_paused = FALSE;
      node->clock_world_us = w->now_us;
    }
  gap_us = sim_boot_us (w, node) - node->core.last_step_us;
  sim_judge_resume (w, node, gap_us);
  node->tick_us = w->now_us + 1;
  if (sim_rand (w->plan.seed, SIM_STREAM_RESUME + node->index, node->core.persist_asked) & 1)
    {
      sim_step_type (w, node, GEMEL_INPUT_TICK);
      sim_host_look (w, node);
    }
}

/* ---- actions ---- */

static void
send_message (SimWorld           *w,
              SimNode            *node,
              const GemelMessage *message)
{
  guint payload = sim_payload_take (w);

  if (payload == SIM_NO_PAYLOAD)
    return;
  w->payloads[payload].kind = SIM_PAYLOAD_CORE;
  w->payloads[payload].u.core = *message;
  (void) sim_send (w, node->index, payload);
}

static void
count_event (SimWorld      *w,
             GemelEventCode code)
{
  w->stats.switchovers_done += code == GEMEL_EVENT_SWITCHOVER_DONE;
  w->stats.switchovers_failed += code == GEMEL_EVENT_SWITCHOVER_FAILED;
  w->stats.stalls += code == GEMEL_EVENT_STALLED;
}

static void
carry_out (SimWorld          *w,
           SimNode           *node,
           const GemelAction *action)
{
  switch (action->type)
    {
    case GEMEL_ACTION_SEND:
      send_message (w, node, &action->u.message);
      break;
    case GEMEL_ACTION_PERSIST:
      ask_persist (w, node, action->u.persist.id, &action->u.persist.stable);
      break;
    case GEMEL_ACTION_LEVEL:
      node->level = action->u.level.level;
      sim_host_level (w, node);
      break;
    case GEMEL_ACTION_QUIESCE:
      sim_host_quiesce (w, node, action->u.switch_id);
      break;
    case GEMEL_ACTION_UNQUIESCE:
      node->quiesced = FALSE;
      break;
    case GEMEL_ACTION_CATCH_UP:
      node->catch_up_id = action->u.catch_up.switch_id;
      node->catch_up = action->u.catch_up.target;
      node->told_seq = G_MAXUINT64;
      sim_pull (w, node);
      break;
    case GEMEL_ACTION_EVENT:
      count_event (w, action->u.event.code);
      break;
    case GEMEL_ACTION_REPLY:
      break;
    case GEMEL_ACTION_EXIT:
      sim_push (w, w->now_us, SIM_EVENT_KILL, node->index, node->life, 0, 0);
      break;
    }
}

static void
trace_step (SimWorld        *w,
            SimNode         *node,
            const GemelView *before)
{
  fprintf (w->trace, "%12" G_GINT64_FORMAT " n%u input %2d", w->now_us, node->index,
           (int) w->input.type);
  if (w->input.type == GEMEL_INPUT_MESSAGE)
    fprintf (w->trace, " kind %d %s term %" G_GUINT64_FORMAT " active %" G_GUINT64_FORMAT,
             (int) w->input.u.message.kind, gemel_state_to_string (w->input.u.message.state),
             w->input.u.message.term, w->input.u.message.active_term);
  fprintf (w->trace, " | %s", gemel_state_to_string (node->view.state));
  if (node->view.state != before->state)
    fprintf (w->trace, " <- %s (%s)", gemel_state_to_string (before->state),
             gemel_cause_to_string (node->view.cause));
  fprintf (w->trace, " term %" G_GUINT64_FORMAT " active %" G_GUINT64_FORMAT " |", node->view.term,
           node->view.active_term);
  for (guint i = 0; i < w->actions.n; i++)
    {
      const GemelAction *a = &w->actions.v[i];

      fprintf (w->trace, " %d", (int) a->type);
      if (a->type == GEMEL_ACTION_SEND)
        fprintf (w->trace, ":%d", (int) a->u.message.kind);
      else if (a->type == GEMEL_ACTION_EVENT)
        fprintf (w->trace, ":%s", gemel_event_info (a->u.event.code)->token);
      else if (a->type == GEMEL_ACTION_REPLY)
        fprintf (w->trace, ":%s",
                 a->u.reply.done ? "done" : gemel_cause_to_string (a->u.reply.cause));
    }
  fputc ('\n', w->trace);
}

/**
 * sim_step:
 * @w: the world; its input is filled in but for the clocks
 * @node: who takes it
 *
 * One step of a core, judged, and its actions carried out in their order.
 */
void
sim_step (SimWorld *w,
          SimNode  *node)
{
  GemelView before = node->view;

  w->input.now_us = sim_boot_us (w, node);
  w->input.unix_us = w->input.now_us + node->wall_offset_us;
  sim_judge_input (w, node, &w->input);
  gemel_core_step (&node->core, &w->input, &w->actions);
  gemel_core_get_view (&node->core, &node->view);
  w->steps++;
  w->stats.edges |= node->core.edges_taken;
  w->fingerprint = sim_mix (w->fingerprint ^ (guint64) w->now_us) +
                   ((guint64) w->input.type << 32) + ((guint64) node->view.state << 24) +
                   (node->view.term << 8) + w->actions.n * 2 + node->index;
  if (w->trace != NULL)
    trace_step (w, node, &before);
  node->tick_us = world_us (w, node, w->actions.next_deadline_us);
  for (guint i = 0; i < w->actions.n; i++)
    {
      sim_judge_action (w, node, &w->actions.v[i]);
      carry_out (w, node, &w->actions.v[i]);
    }
  sim_judge_step (w, node, &before);
}

/**
 * sim_step_type:
 * @w: the world
 * @node: who takes it
 * @type: an input without anything in it
 */
void
sim_step_type (SimWorld      *w,
               SimNode       *node,
               GemelInputType type)
{
  w->input.type = type;
  sim_step (w, node);
}
