/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Proof that the judge can see: each rule that is removed from the core must be caught by one of
 * the invariants that stand for it, within a budget of seeds.
 */
#include <string.h>

#include "sim.h"

#define SEEDS_MAX 400
#define STEPS     20000

typedef struct
{
  guint       mutant;
  const char *invariants[4]; /* any of these stands for the rule */
} Expectation;

static const Expectation expectations[] = {
  { GEMEL_MUTANT_TERM_NOT_PERSISTED, { "term-not-durable" } },
  { GEMEL_MUTANT_NO_PARITY, { "term-parity", "log-matching" } },
  { GEMEL_MUTANT_NO_STALL_CHECK, { "stalled-effect" } },
  { GEMEL_MUTANT_NO_DRAIN, { "switchover-lost" } },
  { GEMEL_MUTANT_LATE_DEMOTE, { "commit-late" } },
  { GEMEL_MUTANT_READY_BEFORE_SYNC, { "ready-early", "switchover-lost" } },
  { GEMEL_MUTANT_NO_PROMISE, { "promise" } },
  { GEMEL_MUTANT_NOTICE_ANY_TERM, { "early-takeover", "stale-exchange", "promise" } },
  { GEMEL_MUTANT_MASTER_WINS, { "incumbent-lost" } },
  { GEMEL_MUTANT_NO_DUAL_RESOLVE, { "dual-active", "one-active" } },
  { GEMEL_MUTANT_STALE_DECIDES, { "stale-exchange", "early-takeover", "stalled-effect" } },
  { GEMEL_MUTANT_REFUSED_IS_DEATH, { "early-takeover", "stale-exchange" } },
  { GEMEL_MUTANT_INELIGIBLE_TAKES, { "eligible" } },
};

static gboolean
is_expected (const Expectation *e,
             const char        *invariant)
{
  for (guint i = 0; i < G_N_ELEMENTS (e->invariants) && e->invariants[i] != NULL; i++)
    if (strcmp (e->invariants[i], invariant) == 0)
      return TRUE;
  return FALSE;
}

/* Some other invariant may break first in some seeds; that does not count. */
static gboolean
find_failure (SimWorld          *world,
              const Expectation *e,
              SimPlan           *plan,
              SimVerdict        *ret_verdict)
{
  for (guint64 seed = 1; seed <= SEEDS_MAX; seed++)
    {
      sim_plan_from_seed (plan, seed, STEPS);
      plan->mutant = e->mutant;
      if (!sim_run (world, plan, NULL, NULL, ret_verdict) &&
          is_expected (e, ret_verdict->invariant))
        return TRUE;
    }
  return FALSE;
}

static void
test_mutant_is_caught (gconstpointer data)
{
  const Expectation   *e = data;
  g_autoptr (SimWorld) world = sim_world_new ();
  g_autofree SimPlan  *plan = g_new0 (SimPlan, 1);
  SimVerdict           verdict = { 0 };

  if (!find_failure (world, e, plan, &verdict))
    {
      g_test_message ("%s was not caught in %d seeds", sim_mutant_name (e->mutant), SEEDS_MAX);
      g_test_fail ();
      return;
    }
  g_test_message ("%s: seed %" G_GUINT64_FORMAT ", %s: %s", sim_mutant_name (e->mutant), plan->seed,
                  verdict.invariant, verdict.detail);
  /* It is the mutation that breaks it, not the seed. */
  plan->mutant = 0;
  g_assert_true (sim_run (world, plan, NULL, NULL, &verdict));
}

static void
test_every_mutant_is_expected (void)
{
  guint n = 0;

  for (guint mutant = 1; mutant < GEMEL_N_MUTANTS; mutant++)
    for (guint i = 0; i < G_N_ELEMENTS (expectations); i++)
      n += expectations[i].mutant == mutant;
  g_assert_cmpuint (n, ==, GEMEL_N_MUTANTS - 1);
  g_assert_cmpuint (sim_mutant_count (), ==, GEMEL_N_MUTANTS);
}

static void
test_shrinker_finds_a_small_plan (void)
{
  static const Expectation e = { GEMEL_MUTANT_NO_STALL_CHECK, { "stalled-effect" } };
  g_autoptr (SimWorld)     world = sim_world_new ();
  g_autofree SimPlan      *plan = g_new0 (SimPlan, 1);
  SimVerdict               found;
  SimVerdict               again;
  guint                    n_before;

  g_assert_true (find_failure (world, &e, plan, &found));
  n_before = plan->n_faults;
  g_assert_cmpuint (sim_shrink (world, plan, &found, 1500), <=, 1500);
  g_test_message ("%u faults became %u", n_before, plan->n_faults);
  g_assert_cmpuint (plan->n_faults, <=, 6);
  g_assert_false (sim_run (world, plan, NULL, NULL, &again));
  g_assert_cmpstr (again.invariant, ==, found.invariant);
}

static void
test_shrinker_keeps_its_budget (void)
{
  static const Expectation e = { GEMEL_MUTANT_NO_STALL_CHECK, { "stalled-effect" } };
  g_autoptr (SimWorld)     world = sim_world_new ();
  g_autofree SimPlan      *plan = g_new0 (SimPlan, 1);
  SimVerdict               found;
  SimVerdict               again;

  g_assert_true (find_failure (world, &e, plan, &found));
  g_assert_cmpuint (sim_shrink (world, plan, &found, 3), ==, 3);
  g_assert_false (sim_run (world, plan, NULL, NULL, &again));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_summary ("Each deliberate fault of the core is caught by the invariant that stands for "
                  "it.");
  g_test_add_func ("/sim/mutants/all-are-expected", test_every_mutant_is_expected);
  for (guint i = 0; i < G_N_ELEMENTS (expectations); i++)
    {
      g_autofree char *path = g_strdup_printf ("/sim/mutants/%s-is-caught",
                                               sim_mutant_name (expectations[i].mutant));

      g_test_add_data_func (path, &expectations[i], test_mutant_is_caught);
    }
  g_test_add_func ("/sim/shrink/finds-a-small-plan", test_shrinker_finds_a_small_plan);
  g_test_add_func ("/sim/shrink/keeps-its-budget", test_shrinker_keeps_its_budget);
  return g_test_run ();
}
