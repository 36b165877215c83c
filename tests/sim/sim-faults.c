/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What each class of faults does to the world, and the calm after them.
 */
#include "sim-private.h"

/**
 * sim_margin_us:
 * @w: the world
 *
 * How long after a disturbance two nodes may still both be active: until the session stands again,
 * each has heard the other, and a term was written.
 *
 * Returns: µs.
 */
gint64
sim_margin_us (const SimWorld *w)
{
  const GemelCoreSettings *s = &w->plan.settings[0];

  return 2 * s->failover_timeout_us + w->plan.link_timeout_us + 6 * w->plan.dial_us +
         12 * s->heartbeat_interval_us + 4 * s->rtt_budget_us + 20 * w->plan.term_write_us;
}

static void
disturb (SimWorld *w,
         gint64    until_us)
{
  w->disturbed_until_us = MAX (w->disturbed_until_us, until_us + sim_margin_us (w));
}

static void
ask (SimWorld      *w,
     SimNode       *node,
     GemelInputType type)
{
  if (!node->up || node->paused)
    return;
  /* The manual says: with an unreadable term, only after it has heard the other node. */
  if (type == GEMEL_INPUT_FORCE_ACTIVE && node->core.never_eligible && !node->view.peer_known)
    return;
  if (type != GEMEL_INPUT_ABORT_SWITCHOVER)
    node->request_id = ++w->n_requests;
  w->input.u.request_id = node->request_id;
  if (type == GEMEL_INPUT_REQUEST_SWITCHOVER)
    node->request_us = w->now_us;
  if (type == GEMEL_INPUT_FORCE_ACTIVE)
    {
      disturb (w, w->now_us + sim_margin_us (w));
      w->frozen_until_us = MAX (w->frozen_until_us, w->now_us + sim_margin_us (w));
    }
  sim_step_type (w, node, type);
  sim_host_look (w, node);
}

static void
change_settings (SimWorld *w,
                 gint64    bits)
{
  for (guint i = 0; i < 2; i++)
    if (w->nodes[i].settings.recovery_mode == GEMEL_RECOVERY_AUTOMATIC)
      w->nodes[i].automatic_us = w->now_us;
  for (guint i = 0; i < 2; i++)
    {
      SimNode *node = &w->nodes[i];

      node->settings.recovery_mode = (bits & 1) != 0 ? GEMEL_RECOVERY_AUTOMATIC
                                                     : GEMEL_RECOVERY_MANUAL;
      node->settings.standby_level = (bits >> i & 2) != 0 ? GEMEL_LEVEL_WARM : GEMEL_LEVEL_COLD;
      node->settings.dual_master = (bits & 24) == 24;
      sim_host_look (w, node);
    }
}

static void
begin_network_fault (SimWorld       *w,
                     const SimFault *f,
                     gint64          until_us)
{
  SimNode *node = &w->nodes[f->node];

  disturb (w, until_us);
  if (f->type == SIM_FAULT_LOSS)
    {
      node->loss_until_us = until_us;
      node->loss_ppm = f->amount;
    }
  else if (f->type == SIM_FAULT_DELAY)
    {
      node->delay_until_us = until_us;
      node->delay_us = f->amount;
      disturb (w, until_us + 10 * f->amount);
    }
  else if (f->type == SIM_FAULT_DUPLICATE)
    {
      node->duplicate_until_us = until_us;
      node->duplicate_ppm = f->amount;
    }
  else if (f->type == SIM_FAULT_REORDER)
    {
      node->reorder_until_us = until_us;
      node->reorder_us = MAX (f->amount, 1);
    }
  else if (f->type == SIM_FAULT_CLOG)
    node->clog_until_us = until_us;
  else
    {
      node->cut_until_us = MAX (node->cut_until_us, until_us);
      if (f->type != SIM_FAULT_CUT_ONE_WAY)
        sim_peer (w, node)->cut_until_us = MAX (sim_peer (w, node)->cut_until_us, until_us);
    }
}

/* A firewall that rejects: the session breaks at the backup, new ones are refused, and the master
 * lives. */
static void
begin_false_refusal (SimWorld       *w,
                     const SimFault *f,
                     gint64          until_us)
{
  SimNode *backup = w->nodes[0].settings.role == GEMEL_ROLE_BACKUP ? &w->nodes[0] : &w->nodes[1];

  begin_network_fault (w, f, until_us);
  if (!backup->up)
    return;
  if (backup->session != 0)
    sim_push (w, w->now_us + 1, SIM_EVENT_LINK_DOWN, backup->index, backup->life, backup->session,
              0);
  for (gint64 at_us = w->now_us + 2 * w->plan.dial_us; at_us < until_us;
       at_us += 4 * w->plan.dial_us)
    sim_push (w, at_us, SIM_EVENT_REFUSED, backup->index, backup->life, 0, 0);
}

static void
begin_disk_fault (SimWorld       *w,
                  const SimFault *f,
                  gint64          until_us)
{
  SimNode *node = &w->nodes[f->node];

  if (f->type == SIM_FAULT_TERM_ERROR)
    node->term_error_until_us = until_us;
  else if (f->type == SIM_FAULT_TERM_SLOW)
    {
      node->term_slow_until_us = until_us;
      node->term_slow_us = f->amount;
      disturb (w, until_us + 4 * f->amount);
    }
  else
    {
      node->journal_broken = TRUE;
      sim_host_look (w, node);
    }
}

static void
begin_process_fault (SimWorld       *w,
                     const SimFault *f)
{
  SimNode *node = &w->nodes[f->node];
  gboolean vm = f->type == SIM_FAULT_VM_PAUSE;

  if (f->type == SIM_FAULT_PAUSE || vm)
    {
      disturb (w, w->now_us + f->duration_us);
      sim_pause (w, node, f->duration_us, vm);
    }
  else if (f->type == SIM_FAULT_STOP)
    {
      if (!node->up || node->paused || node->stopping)
        return;
      node->stopping = TRUE;
      node->restart_us = f->duration_us;
      sim_push (w,
                w->now_us + node->settings.drain_timeout_us + node->settings.ready_timeout_us +
                  2 * node->settings.promise_us,
                SIM_EVENT_KILL, node->index, node->life, 0, 0);
      sim_step_type (w, node, GEMEL_INPUT_STOP);
      sim_host_look (w, node);
    }
  else
    {
      /* A machine that dies says no farewell: the other one keeps a dead session for a while, and a
       * short start-up allowance may end before a new one stands. */
      if (f->type != SIM_FAULT_CRASH)
        disturb (w, w->now_us + f->duration_us);
      sim_end_process (w, node, f->type != SIM_FAULT_CRASH, f->duration_us);
      /* Nobody could know the terms any more if both were lost. */
      if (f->type == SIM_FAULT_TERM_TORN && !sim_peer (w, node)->torn)
        node->torn = TRUE;
    }
}

static void
begin_host_fault (SimWorld       *w,
                  const SimFault *f)
{
  SimNode *node = &w->nodes[f->node];

  if (f->type == SIM_FAULT_CLOCK_STEP)
    node->wall_offset_us += f->amount;
  else if (f->type == SIM_FAULT_CLOCK_DRIFT)
    sim_set_clock (w, node, node->vm_paused ? node->drift_ppm : f->amount);
  else if (f->type == SIM_FAULT_NOTICE_LOST)
    node->notice_lost = TRUE;
  else if (f->type == SIM_FAULT_NOTICE_LATE)
    node->notice_late_us = f->amount;
  else if (f->type == SIM_FAULT_LATE_COMMIT)
    node->late_commit_us = f->amount;
  else
    {
      node->config_reset = node->settings.role == GEMEL_ROLE_BACKUP;
      if (node->config_reset && (f->amount & 1) != 0)
        node->has_config = FALSE;
      node->state_reset = node->level != GEMEL_LEVEL_ACTIVE;
      node->config_level = FALSE;
      node->state_level = FALSE;
      sim_host_look (w, node);
    }
}

static void
unpair (SimWorld *w,
        SimNode  *node,
        gint64    until_us)
{
  node->settings.role = GEMEL_ROLE_INDEPENDENT;
  disturb (w, until_us + 2 * node->settings.startup_allowance_us);
  sim_host_look (w, node);
}

static void
begin_reset (SimWorld *w,
             SimNode  *node)
{
  disturb (w, w->now_us);
  if (node->session != 0)
    sim_push (w, w->now_us + 1, SIM_EVENT_LINK_DOWN, node->index, node->life, node->session, 0);
}

/* Each learns it in its own time; meanwhile they refuse each other's messages. */
static void
swap_roles (SimWorld *w)
{
  GemelRole role = w->nodes[0].settings.role;

  if (role == GEMEL_ROLE_INDEPENDENT || w->nodes[1].settings.role == GEMEL_ROLE_INDEPENDENT)
    return;
  /* A node without the configuration cannot become its owner. */
  for (guint i = 0; i < 2; i++)
    if (!w->nodes[i].has_config || w->nodes[i].config_reset)
      return;
  w->nodes[0].settings.role = w->nodes[1].settings.role;
  w->nodes[1].settings.role = role;
  disturb (w, w->now_us + 2 * w->nodes[0].settings.startup_allowance_us +
                2 * w->nodes[1].settings.startup_allowance_us);
  for (guint i = 0; i < 2; i++)
    sim_host_look (w, &w->nodes[i]);
}

/**
 * sim_fault_begin:
 * @w: the world
 * @fault: of the plan
 * @index: its place there
 */
void
sim_fault_begin (SimWorld       *w,
                 const SimFault *fault,
                 guint           index)
{
  SimNode *node = &w->nodes[fault->node];
  gint64   until_us = MIN (w->now_us + fault->duration_us, w->plan.chaos_us);

  w->stats.faults[fault->type]++;
  sim_push (w, until_us, SIM_EVENT_FAULT_END, fault->node, 0, index, 0);
  switch (fault->type)
    {
    case SIM_FAULT_CRASH:
    case SIM_FAULT_MACHINE_CRASH:
    case SIM_FAULT_TERM_TORN:
    case SIM_FAULT_PAUSE:
    case SIM_FAULT_VM_PAUSE:
    case SIM_FAULT_STOP:
      begin_process_fault (w, fault);
      break;
    case SIM_FAULT_CUT:
    case SIM_FAULT_CUT_ONE_WAY:
    case SIM_FAULT_LOSS:
    case SIM_FAULT_DELAY:
    case SIM_FAULT_DUPLICATE:
    case SIM_FAULT_REORDER:
    case SIM_FAULT_CLOG:
      begin_network_fault (w, fault, until_us);
      break;
    case SIM_FAULT_RESET:
      begin_reset (w, node);
      break;
    case SIM_FAULT_FALSE_REFUSAL:
      begin_false_refusal (w, fault, until_us);
      break;
    case SIM_FAULT_NOTICE_LOST:
    case SIM_FAULT_NOTICE_LATE:
    case SIM_FAULT_CLOCK_STEP:
    case SIM_FAULT_CLOCK_DRIFT:
    case SIM_FAULT_SYNC_LOST:
    case SIM_FAULT_LATE_COMMIT:
      begin_host_fault (w, fault);
      break;
    case SIM_FAULT_TERM_ERROR:
    case SIM_FAULT_TERM_SLOW:
    case SIM_FAULT_JOURNAL_ERROR:
      begin_disk_fault (w, fault, until_us);
      break;
    case SIM_FAULT_SWITCHOVER:
      ask (w, node, GEMEL_INPUT_REQUEST_SWITCHOVER);
      break;
    case SIM_FAULT_ABORT:
      ask (w, node, GEMEL_INPUT_ABORT_SWITCHOVER);
      break;
    case SIM_FAULT_FORCE:
      ask (w, node, GEMEL_INPUT_FORCE_ACTIVE);
      break;
    case SIM_FAULT_SETTINGS:
      change_settings (w, fault->amount);
      break;
    case SIM_FAULT_UNPAIR:
      unpair (w, node, until_us);
      break;
    case SIM_FAULT_SWAP:
      swap_roles (w);
      break;
    case SIM_N_FAULTS:
      break;
    }
}

static void
mend_journal (SimWorld *w,
              SimNode  *node)
{
  node->journal_broken = FALSE;
  sim_host_look (w, node);
}

static void
pair_again (SimWorld *w,
            SimNode  *node)
{
  if (node->settings.role != GEMEL_ROLE_INDEPENDENT)
    return;
  node->settings.role = w->plan.settings[node->index].role;
  disturb (w, w->now_us + 2 * node->settings.startup_allowance_us);
  sim_host_look (w, node);
}

/**
 * sim_fault_end:
 * @w: the world
 * @fault: whose duration is over
 *
 * Most faults end by the clock; these need a hand.
 */
void
sim_fault_end (SimWorld       *w,
               const SimFault *fault)
{
  SimNode *node = &w->nodes[fault->node];

  if (fault->type == SIM_FAULT_JOURNAL_ERROR)
    mend_journal (w, node);
  else if (fault->type == SIM_FAULT_UNPAIR)
    pair_again (w, node);
  else if (fault->type == SIM_FAULT_CLOG)
    w->disturbed_until_us = MAX (w->disturbed_until_us, w->now_us + sim_margin_us (w));
}

/**
 * sim_calm:
 * @w: the world
 *
 * Nothing is broken any more; everything that is down starts.
 */
void
sim_calm (SimWorld *w)
{
  w->calm = TRUE;
  for (guint i = 0; i < 2; i++)
    {
      SimNode *node = &w->nodes[i];

      node->cut_until_us = 0;
      node->clog_until_us = 0;
      node->loss_until_us = 0;
      node->delay_until_us = 0;
      node->duplicate_until_us = 0;
      node->reorder_until_us = 0;
      node->term_error_until_us = 0;
      node->term_slow_until_us = 0;
      node->late_commit_us = 0;
      node->journal_broken = FALSE;
      if (node->paused)
        {
          node->resume_us = w->now_us;
          sim_push (w, w->now_us, SIM_EVENT_RESUME, node->index, node->life, 0, 0);
        }
      sim_host_look (w, node);
      sim_push (w, w->now_us + w->plan.notice_us + 2, SIM_EVENT_START, i, 0, 0, 0);
    }
  disturb (w, w->now_us);
}

/**
 * sim_repair:
 * @w: the world, calm for a while
 *
 * An operator finds a node whose term file was unreadable. It has heard its peer, so it knows the
 * highest term, and may be used again.
 */
void
sim_repair (SimWorld *w)
{
  for (guint i = 0; i < 2; i++)
    {
      SimNode *node = &w->nodes[i];

      pair_again (w, node);
      if (node->up && node->core.never_eligible)
        ask (w, node, GEMEL_INPUT_FORCE_ACTIVE);
    }
}
