/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What must hold when everything was whole for long enough: one active node, the right one, and the
 * same data on both (S4, S6).
 */
#include "sim-private.h"

/**
 * sim_calm_bound_us:
 * @w: the world
 *
 * The bound of S4, counted from the last repair: both start-up allowances, twice the margin for a
 * dual that is found and resolved, the longest recovery delay, and a switchover that fails once.
 *
 * Returns: µs.
 */
gint64
sim_calm_bound_us (const SimWorld *w)
{
  const GemelCoreSettings *s = &w->plan.settings[0];
  gint64                   switchover_us = s->drain_timeout_us + s->ready_timeout_us +
                         s->promise_us;
  gint64 allowance_us = MAX (s->startup_allowance_us,
                             w->plan.settings[1].startup_allowance_us);

  return 2 * allowance_us + 4 * sim_margin_us (w) + 2 * (s->recovery_delay_max_us + switchover_us) +
         40 * w->plan.pull_us + 4 * w->plan.soft_restart_us + G_TIME_SPAN_MILLISECOND;
}

static void
judge_who (SimWorld *w)
{
  SimNode *master = w->nodes[0].settings.role == GEMEL_ROLE_MASTER ? &w->nodes[0] : &w->nodes[1];
  guint    n_acting = 0;

  for (guint i = 0; i < 2; i++)
    {
      SimNode *node = &w->nodes[i];

      n_acting += node->view.level == GEMEL_LEVEL_ACTIVE;
      if (node->view.level != GEMEL_LEVEL_ACTIVE &&
          node->view.level != node->settings.standby_level)
        sim_fail (w, "level", "node %u is at level %s in calm", i,
                  gemel_level_to_string (node->view.level));
      if (node->level != node->view.level)
        sim_fail (w, "level", "node %u says %s and does %s", i,
                  gemel_level_to_string (node->view.level), gemel_level_to_string (node->level));
    }
  if (n_acting != 1)
    sim_fail (w, "one-active", "%u nodes are active in calm: %s and %s", n_acting,
              gemel_state_to_string (w->nodes[0].view.state),
              gemel_state_to_string (w->nodes[1].view.state));
  if (master->settings.recovery_mode == GEMEL_RECOVERY_AUTOMATIC &&
      master->view.level != GEMEL_LEVEL_ACTIVE)
    sim_fail (w, "one-active", "the master is not active in calm, with automatic recovery");
}

static void
judge_data (SimWorld *w)
{
  SimNode *a = &w->nodes[0];
  SimNode *b = &w->nodes[1];
  guint64  shorter = MIN (a->journal_len, b->journal_len);

  if (shorter + 3 * SIM_BATCH < MAX (a->journal_len, b->journal_len))
    sim_fail (w, "journals",
              "the journals have %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT " entries",
              a->journal_len, b->journal_len);
  if (shorter > 0 && a->journal[shorter - 1].hash != b->journal[shorter - 1].hash)
    sim_fail (w, "journals", "the journals differ at sequence %" G_GUINT64_FORMAT, shorter);
  if (a->state.epoch != b->state.epoch)
    sim_fail (w, "state", "the runtime states are of different terms in calm");
}

/* S6. */
static void
judge_edits (SimWorld *w)
{
  for (guint i = 0; i < 2; i++)
    for (guint64 entry = 0; entry < w->nodes[i].journal_len; entry++)
      w->edit_flags[w->nodes[i].journal[entry].edit] |= SIM_EDIT_KEPT;
  for (guint edit = 0; edit < w->n_edits; edit++)
    if ((w->edit_flags[edit] & SIM_EDIT_ACKNOWLEDGED) != 0 &&
        (w->edit_flags[edit] & SIM_EDIT_KEPT) == 0)
      {
        sim_fail (w, "edit-lost", "edit %u was acknowledged and is nowhere", edit);
        return;
      }
}

/**
 * sim_judge_end:
 * @w: the world, calm for longer than the bound
 */
void
sim_judge_end (SimWorld *w)
{
  for (guint i = 0; i < 2; i++)
    if (!w->nodes[i].up)
      {
        sim_fail (w, "level", "node %u does not run in calm", i);
        return;
      }
  judge_who (w);
  judge_data (w);
  judge_edits (w);
}
