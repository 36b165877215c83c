/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The shortest plan that still breaks the same invariant: ddmin on the list of faults, then the
 * steady troubles of the world, one by one.
 */
#include "sim.h"

#include <string.h>

#define LAST_FAULTS_MAX 6
#define LUCK_MAX        16

typedef struct
{
  SimWorld         *world;
  const SimVerdict *wanted;
  guint             left; /* runs */
  guint             used;
} Shrinker;

static gboolean
still_fails (Shrinker      *s,
             const SimPlan *plan)
{
  SimVerdict verdict;

  if (s->left == 0)
    return FALSE;
  s->left--;
  s->used++;
  return !sim_run (s->world, plan, NULL, NULL, &verdict) &&
         strcmp (verdict.invariant, s->wanted->invariant) == 0;
}

static gboolean
try_without (Shrinker *s,
             SimPlan  *plan,
             guint     first,
             guint     n)
{
  SimPlan candidate = *plan;

  memmove (&candidate.faults[first], &candidate.faults[first + n],
           (plan->n_faults - first - n) * sizeof candidate.faults[0]);
  candidate.n_faults -= n;
  if (!still_fails (s, &candidate))
    return FALSE;
  *plan = candidate;
  return TRUE;
}

/* Faults that came after the failure had no part in it. */
static void
drop_later_faults (Shrinker *s,
                   SimPlan  *plan)
{
  guint keep = 0;

  while (keep < plan->n_faults && plan->faults[keep].at_us <= s->wanted->at_us)
    keep++;
  if (keep < plan->n_faults)
    (void) try_without (s, plan, keep, plan->n_faults - keep);
}

/* Often the last faults are all that it takes, with a little luck in the small decisions: those are
 * drawn anew from other seeds. */
static void
keep_last_faults (Shrinker *s,
                  SimPlan  *plan)
{
  for (guint keep = 0; keep <= LAST_FAULTS_MAX && keep < plan->n_faults; keep++)
    for (guint luck = 0; luck < LUCK_MAX; luck++)
      {
        SimPlan candidate = *plan;

        candidate.seed += luck;
        if (try_without (s, &candidate, 0, plan->n_faults - keep))
          {
            *plan = candidate;
            return;
          }
      }
}

static void
drop_faults (Shrinker *s,
             SimPlan  *plan)
{
  guint chunk = MAX (plan->n_faults / 2, 1);

  while (plan->n_faults > 0 && s->left > 0)
    {
      gboolean dropped = FALSE;

      for (guint first = 0; first < plan->n_faults;)
        {
          if (try_without (s, plan, first, MIN (chunk, plan->n_faults - first)))
            dropped = TRUE;
          else
            first += chunk;
        }
      if (chunk == 1 && !dropped)
        break;
      chunk = MAX (chunk / 2, 1);
    }
}

static void
quieten (Shrinker *s,
         SimPlan  *plan)
{
  gint64 *const troubles[] = { &plan->loss_ppm, &plan->drift_ppm[0], &plan->drift_ppm[1],
                               &plan->backup_is_new };

  for (guint i = 0; i < G_N_ELEMENTS (troubles); i++)
    {
      gint64 before = *troubles[i];

      *troubles[i] = 0;
      if (before != 0 && !still_fails (s, plan))
        *troubles[i] = before;
    }
}

/**
 * sim_shrink:
 * @world: room
 * @plan: (inout): breaks @verdict's invariant, before and after
 * @verdict: what it breaks
 * @budget_runs: how many runs this may cost
 *
 * Returns: the runs that were used.
 */
guint
sim_shrink (SimWorld         *world,
            SimPlan          *plan,
            const SimVerdict *verdict,
            guint             budget_runs)
{
  Shrinker s = { world, verdict, budget_runs, 0 };

  drop_later_faults (&s, plan);
  keep_last_faults (&s, plan);
  drop_faults (&s, plan);
  quieten (&s, plan);
  return s.used;
}
