/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * From a seed to a plan. Settings are part of what is drawn: fixed default timers hide bugs.
 */
#include "sim-rand.h"
#include "sim.h"

#include <string.h>

typedef struct
{
  guint64 seed;
  guint64 n;
} Draw;

static guint64
draw (Draw *d)
{
  return sim_rand (d->seed, SIM_STREAM_PLAN, d->n++);
}

static gint64
draw_range (Draw  *d,
            gint64 low,
            gint64 high)
{
  if (high <= low)
    return low;
  return low + (gint64) (draw (d) % (guint64) (high - low + 1));
}

static gboolean
draw_chance (Draw *d,
             guint percent)
{
  return draw (d) % 100 < percent;
}

/* Small values as often as large ones. */
static gint64
draw_log (Draw  *d,
          gint64 low,
          gint64 high)
{
  gint64 top = low;

  while (top < high && draw_chance (d, 75))
    top *= 2;
  return draw_range (d, low, MIN (top, high));
}

static void
draw_swarm_timers (GemelCoreSettings *s,
                   Draw              *d)
{
  gint64 hb = draw_log (d, 2000, 1000000);

  s->heartbeat_interval_us = hb;
  s->rtt_budget_us = draw_range (d, MAX (1000, hb / 2), MAX (1000, 3 * hb));
  s->stall_limit_us = draw_range (d, hb * 3 / 2 + 1, hb * 4);
  s->lease_us = MAX (s->rtt_budget_us + 2 * hb, s->stall_limit_us + 1000) +
                draw_range (d, 0, 2 * hb);
  s->drift_ppm = (guint) draw_range (d, 1000, 30000);
  s->promise_us = s->lease_us * (1000000 + s->drift_ppm) / (1000000 - s->drift_ppm) + 1 +
                  (hb <= 20000 ? 3000 : 100000) + draw_range (d, 0, hb);
  s->failover_timeout_us = MAX (3 * hb, s->stall_limit_us) + draw_range (d, 0, 10 * hb);
  s->startup_allowance_us = MAX (s->promise_us, s->failover_timeout_us) * draw_range (d, 10, 60) /
                            10;
  s->drain_timeout_us = 10000 + draw_range (d, hb, 30 * hb);
  s->ready_timeout_us = 10000 + draw_range (d, hb, 30 * hb);
}

static void
draw_settings (SimPlan *plan,
               Draw    *d)
{
  GemelCoreSettings *s = &plan->settings[0];
  guint              kind = (guint) draw_range (d, 0, 5);

  gemel_core_settings_init (s, kind == 0 ? GEMEL_PROFILE_LAN : kind == 1 ? GEMEL_PROFILE_FAST
                                                                         : GEMEL_PROFILE_WAN,
                            GEMEL_ROLE_MASTER);
  if (kind > 1)
    draw_swarm_timers (s, d);
  else
    s->startup_allowance_us = s->promise_us + draw_range (d, 0, 10 * s->failover_timeout_us);
  s->recovery_delay_us = draw_log (d, s->heartbeat_interval_us, 20 * s->failover_timeout_us);
  s->recovery_delay_max_us = s->recovery_delay_us * draw_range (d, 1, 6);
  s->recovery_mode = draw_chance (d, 50) ? GEMEL_RECOVERY_AUTOMATIC : GEMEL_RECOVERY_MANUAL;
  s->standby_level = draw_chance (d, 50) ? GEMEL_LEVEL_WARM : GEMEL_LEVEL_COLD;
  s->trust_refused = draw_chance (d, 30);
  s->dual_master = draw_chance (d, 20);
  plan->settings[1] = *s;
  plan->settings[1].startup_allowance_us = s->startup_allowance_us * draw_range (d, 10, 20) / 10;
  plan->roles_swapped = draw_chance (d, 25);
  for (guint i = 0; i < 2; i++)
    {
      plan->settings[i].slot = i;
      plan->settings[i].role = (i == 0) != plan->roles_swapped ? GEMEL_ROLE_MASTER
                                                               : GEMEL_ROLE_BACKUP;
    }
}

static void
draw_world (SimPlan *plan,
            Draw    *d)
{
  const GemelCoreSettings *s = &plan->settings[0];
  gint64                   hb = s->heartbeat_interval_us;
  gint64                   rtt = MIN (s->rtt_budget_us, hb);

  plan->delay_min_us = draw_range (d, rtt / 100, rtt / 10);
  plan->delay_mean_us = draw_range (d, rtt / 100, rtt / 20);
  plan->loss_ppm = draw_chance (d, 50) ? 0 : draw_log (d, 1000, 200000);
  for (guint i = 0; i < 2; i++)
    plan->drift_ppm[i] = draw_range (d, -(gint64) s->drift_ppm / 2, s->drift_ppm / 2);
  plan->term_write_us = draw_log (d, 50, MAX (100, hb / 4));
  plan->journal_write_us = draw_log (d, 50, MAX (100, hb / 2));
  plan->dial_us = draw_range (d, hb / 2, 3 * hb);
  plan->link_timeout_us = s->failover_timeout_us * draw_range (d, 10, 30) / 10;
  plan->notice_us = draw_chance (d, 30) ? 1 : draw_log (d, hb / 20 + 1, 2 * hb);
  plan->edit_us = draw_range (d, hb, 20 * hb);
  plan->post_us = draw_range (d, hb, 10 * hb);
  plan->pull_us = draw_range (d, hb, 3 * hb);
  plan->soft_restart_us = draw_range (d, hb / 2, 4 * hb);
  plan->journal_keep = draw_chance (d, 30) ? draw_range (d, 4, 64) : 1 << 20;
  plan->backup_is_new = draw_chance (d, 20);
  /* A heartbeat makes about four steps: two ticks and two messages. The rest is for the calm. */
  plan->chaos_us = (gint64) plan->steps * hb / 5;
}

/**
 * sim_fault_allowed:
 * @plan: its settings are filled in
 * @type: a class of faults
 *
 * Some faults break a promise that the settings make, or void an invariant that other runs check.
 *
 * Returns: whether runs with these settings may have such faults; then each has one at least.
 */
gboolean
sim_fault_allowed (const SimPlan *plan,
                   SimFaultType   type)
{
  guint64 mark = sim_rand (plan->seed, SIM_STREAM_PLAN, G_MAXUINT32);

  if (type == SIM_FAULT_FALSE_REFUSAL)
    return !plan->settings[0].trust_refused;
  if (type == SIM_FAULT_FORCE || type == SIM_FAULT_TERM_TORN)
    return mark % 8 == 0;
  if (type == SIM_FAULT_UNPAIR)
    return mark % 8 == 1;
  if (type == SIM_FAULT_SWAP)
    return mark % 8 == 2;
  return TRUE;
}

static gint64
draw_amount (const SimPlan *plan,
             SimFaultType   type,
             Draw          *d)
{
  const GemelCoreSettings *s = &plan->settings[0];

  if (type == SIM_FAULT_LOSS || type == SIM_FAULT_DUPLICATE)
    return draw_range (d, 50000, 900000);
  if (type == SIM_FAULT_DELAY)
    return draw_log (d, s->heartbeat_interval_us / 2, 4 * s->failover_timeout_us);
  if (type == SIM_FAULT_REORDER)
    return draw_range (d, s->heartbeat_interval_us / 4, 4 * s->heartbeat_interval_us);
  if (type == SIM_FAULT_CLOCK_STEP)
    return draw_range (d, -10 * s->clock_jump_limit_us, 10 * s->clock_jump_limit_us);
  if (type == SIM_FAULT_CLOCK_DRIFT)
    return draw_range (d, -(gint64) s->drift_ppm, s->drift_ppm);
  if (type == SIM_FAULT_TERM_SLOW || type == SIM_FAULT_LATE_COMMIT || type == SIM_FAULT_NOTICE_LATE)
    return draw_log (d, s->heartbeat_interval_us, 4 * s->failover_timeout_us);
  return (gint64) (draw (d) & 0xff);
}

static void
add_fault (SimPlan     *plan,
           SimFaultType type,
           Draw        *d)
{
  const GemelCoreSettings *s = &plan->settings[0];
  gint64                   longest = MIN (6 * s->failover_timeout_us, plan->chaos_us / 10);
  SimFault                *f = &plan->faults[plan->n_faults];

  f->type = type;
  f->node = (guint) draw_range (d, 0, 1);
  f->at_us = draw_range (d, 0, plan->chaos_us * 9 / 10);
  /* Faults that meet are worth more than faults alone. */
  if (plan->n_faults > 0 && draw_chance (d, 40))
    f->at_us = MIN (plan->faults[plan->n_faults - 1].at_us +
                      draw_log (d, 10, 2 * s->failover_timeout_us),
                    plan->chaos_us * 9 / 10);
  f->duration_us = draw_log (d, s->heartbeat_interval_us / 2, longest);
  f->amount = draw_amount (plan, type, d);
  plan->n_faults++;
}

static void
add_exactly (SimPlan     *plan,
             SimFaultType type,
             guint        node,
             gint64       at_us,
             gint64       duration_us,
             gint64       amount)
{
  if (sim_fault_allowed (plan, type))
    plan->faults[plan->n_faults++] = (SimFault){ at_us, type, node, duration_us, amount };
}

/* A switchover that is disturbed while it is under way: chance alone rarely hits so short a time.
 */
static void
add_disturbed_switchover (SimPlan *plan,
                          Draw    *d)
{
  static const SimFaultType disturbances[] = {
    SIM_FAULT_JOURNAL_ERROR, SIM_FAULT_VM_PAUSE, SIM_FAULT_SWAP, SIM_FAULT_CRASH,
    SIM_FAULT_PAUSE, SIM_FAULT_CUT, SIM_FAULT_SETTINGS, SIM_FAULT_FORCE,
    SIM_FAULT_STOP, SIM_FAULT_LATE_COMMIT, SIM_FAULT_TERM_ERROR
  };
  const GemelCoreSettings *s = &plan->settings[0];
  gint64                   at_us = draw_range (d, plan->chaos_us / 20, plan->chaos_us * 9 / 10);
  gint64                   later_us = at_us +
                    draw_log (d, MAX (plan->delay_min_us, 10), 2 * s->heartbeat_interval_us);
  gint64 duration_us = draw_range (d, s->failover_timeout_us / 2, 3 * s->failover_timeout_us);
  guint  node = (guint) draw_range (d, 0, 1);

  add_exactly (plan, SIM_FAULT_SWITCHOVER, node, at_us, 0, 0);
  if (draw_chance (d, 60))
    {
      add_exactly (plan, disturbances[draw (d) % G_N_ELEMENTS (disturbances)],
                   (guint) draw_range (d, 0, 1), later_us, duration_us,
                   draw_range (d, 0, s->heartbeat_interval_us));
      return;
    }
  /* Aborted and asked for again, while the word of it gets lost. */
  add_exactly (plan, SIM_FAULT_LOSS, node, later_us, draw_log (d, 1000, s->heartbeat_interval_us),
               700000);
  add_exactly (plan, SIM_FAULT_ABORT, node, later_us + 1, 0, 0);
  add_exactly (plan, SIM_FAULT_SWITCHOVER, node, later_us + 2, 0, 0);
}

/* An order to a node that has just begun and knows nothing yet. */
static void
add_early_order (SimPlan *plan,
                 Draw    *d)
{
  const GemelCoreSettings *s = &plan->settings[0];
  gint64                   at_us = draw_range (d, 0, plan->chaos_us * 8 / 10);
  guint                    node = (guint) draw_range (d, 0, 1);

  if (!sim_fault_allowed (plan, SIM_FAULT_FORCE))
    return;
  add_exactly (plan, SIM_FAULT_CUT, node, at_us, s->failover_timeout_us, 0);
  add_exactly (plan, SIM_FAULT_CRASH, node, at_us + 1, 1, 0);
  add_exactly (plan, SIM_FAULT_FORCE, node,
               at_us + plan->notice_us + draw_range (d, 2, s->startup_allowance_us / 2), 0, 0);
}

static int
compare_faults (gconstpointer a,
                gconstpointer b)
{
  const SimFault *fa = a;
  const SimFault *fb = b;

  if (fa->at_us != fb->at_us)
    return fa->at_us < fb->at_us ? -1 : 1;
  if (fa->type != fb->type)
    return fa->type < fb->type ? -1 : 1;
  return (int) fa->node - (int) fb->node;
}

/* Classes that deserve more than their share. */
static SimFaultType
draw_type (Draw *d)
{
  static const SimFaultType often[] = { SIM_FAULT_CRASH, SIM_FAULT_PAUSE,
                                        SIM_FAULT_CUT, SIM_FAULT_CUT_ONE_WAY,
                                        SIM_FAULT_SWITCHOVER, SIM_FAULT_SWITCHOVER,
                                        SIM_FAULT_MACHINE_CRASH };

  if (draw_chance (d, 50))
    return often[draw (d) % G_N_ELEMENTS (often)];
  return (SimFaultType) (draw (d) % SIM_N_FAULTS);
}

/**
 * sim_plan_from_seed:
 * @plan: (out): filled completely
 * @seed: any number
 * @steps: length of the run
 *
 * The same seed and length make the same plan.
 */
void
sim_plan_from_seed (SimPlan *plan,
                    guint64  seed,
                    guint64  steps)
{
  Draw  d = { seed, 0 };
  guint extras;

  memset (plan, 0, sizeof *plan);
  plan->seed = seed;
  plan->steps = steps;
  draw_settings (plan, &d);
  draw_world (plan, &d);
  for (guint type = 0; type < SIM_N_FAULTS; type++)
    if (sim_fault_allowed (plan, type))
      add_fault (plan, type, &d);
  extras = (guint) draw_range (&d, 10, 60);
  for (guint i = 0; i < extras; i++)
    {
      SimFaultType type = draw_type (&d);

      if (sim_fault_allowed (plan, type))
        add_fault (plan, type, &d);
    }
  extras = (guint) draw_range (&d, 2, 8);
  for (guint i = 0; i < extras; i++)
    add_disturbed_switchover (plan, &d);
  add_early_order (plan, &d);
  qsort (plan->faults, plan->n_faults, sizeof *plan->faults, compare_faults);
}
