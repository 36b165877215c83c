/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The simulator itself: plans, determinism, replay.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "sim.h"

typedef struct
{
  char     *dir;
  char     *path;
  SimWorld *world;
  SimPlan   plan;
} Fixture;

static void
set_up (Fixture      *f,
        gconstpointer unused)
{
  f->dir = g_dir_make_tmp ("gemel-sim-XXXXXX", NULL);
  g_assert_nonnull (f->dir);
  f->path = g_build_filename (f->dir, "plan", NULL);
  f->world = sim_world_new ();
}

static void
tear_down (Fixture      *f,
           gconstpointer unused)
{
  (void) g_unlink (f->path);
  (void) g_rmdir (f->dir);
  g_free (f->path);
  g_free (f->dir);
  sim_world_free (f->world);
}

static void
write_plan (Fixture *f)
{
  FILE *file = g_fopen (f->path, "w");

  g_assert_nonnull (file);
  sim_plan_print (&f->plan, file);
  g_assert_cmpint (fclose (file), ==, 0);
}

static void
test_plan_settings_are_valid (void)
{
  g_autofree SimPlan *plan = g_new0 (SimPlan, 1);
  char                problem[200] = "";

  for (guint64 seed = 0; seed < 3000; seed++)
    {
      sim_plan_from_seed (plan, seed, 20000);
      for (guint i = 0; i < 2; i++)
        {
          gboolean valid = gemel_core_settings_check (&plan->settings[i], problem, sizeof problem);

          g_assert_cmpstr (problem, ==, "");
          g_assert_true (valid);
        }
      g_assert_cmpuint (plan->settings[0].role, !=, plan->settings[1].role);
    }
}

static void
test_plan_has_every_allowed_fault (void)
{
  g_autofree SimPlan *plan = g_new0 (SimPlan, 1);
  guint               ever[SIM_N_FAULTS] = { 0 };

  for (guint64 seed = 0; seed < 200; seed++)
    {
      guint here[SIM_N_FAULTS] = { 0 };

      sim_plan_from_seed (plan, seed, 20000);
      for (guint i = 0; i < plan->n_faults; i++)
        {
          here[plan->faults[i].type]++;
          g_assert_cmpint (plan->faults[i].at_us, <=, plan->chaos_us);
          g_assert_true (i == 0 || plan->faults[i - 1].at_us <= plan->faults[i].at_us);
        }
      for (guint type = 0; type < SIM_N_FAULTS; type++)
        {
          g_assert_cmpint (here[type] > 0, ==, sim_fault_allowed (plan, type));
          ever[type] += here[type];
        }
    }
  for (guint type = 0; type < SIM_N_FAULTS; type++)
    g_assert_cmpuint (ever[type], >, 0);
}

static void
test_run_is_the_same_twice (Fixture      *f,
                            gconstpointer unused)
{
  SimVerdict first;
  SimVerdict second;
  guint64    before = 0;

  for (guint64 seed = 500; seed < 510; seed++)
    {
      sim_plan_from_seed (&f->plan, seed, 20000);
      (void) sim_run (f->world, &f->plan, NULL, NULL, &first);
      (void) sim_run (f->world, &f->plan, NULL, NULL, &second);
      g_assert_cmpuint (first.fingerprint, ==, second.fingerprint);
      g_assert_cmpuint (first.steps, ==, second.steps);
      g_assert_cmpuint (first.fingerprint, !=, before);
      before = first.fingerprint;
    }
}

static void
test_run_takes_all_its_steps (Fixture      *f,
                              gconstpointer unused)
{
  SimStats   stats = { 0 };
  SimVerdict verdict;

  sim_plan_from_seed (&f->plan, 1, 20000);
  g_assert_true (sim_run (f->world, &f->plan, &stats, NULL, &verdict));
  g_assert_cmpuint (stats.steps, >=, 20000);
  g_assert_cmpuint (stats.runs, ==, 1);
  for (guint type = 0; type < SIM_N_FAULTS; type++)
    if (sim_fault_allowed (&f->plan, type))
      g_assert_cmpuint (stats.faults[type], >, 0);
}

static void
test_replay_is_the_same_run (Fixture      *f,
                             gconstpointer unused)
{
  g_autofree SimPlan *loaded = g_new0 (SimPlan, 1);
  g_autoptr (GError)  error = NULL;
  SimVerdict          first;
  SimVerdict          second;

  sim_plan_from_seed (&f->plan, G_MAXUINT64 - 5, 5000);
  write_plan (f);
  g_assert_true (sim_plan_load (loaded, f->path, &error));
  g_assert_no_error (error);
  g_assert_cmpint (memcmp (loaded, &f->plan, sizeof *loaded), ==, 0);
  (void) sim_run (f->world, &f->plan, NULL, NULL, &first);
  (void) sim_run (f->world, loaded, NULL, NULL, &second);
  g_assert_cmpuint (first.fingerprint, ==, second.fingerprint);
}

static void
test_bad_plans_are_refused (Fixture      *f,
                            gconstpointer unused)
{
  static const char *const bad[] = {
    "",
    "plan 2\n",
    "plan 1\nset nothing 1\n",
    "plan 1\nset seed x\n",
    "plan 1\nnode 2 slot 1\n",
    "plan 1\nnode 0 slot 99999999999999999999\n",
    "plan 1\nfault 1 earthquake 0 1 1\n",
    "plan 1\nfault 1 crash 7 1 1\n",
    "plan 1\nfault 1 crash 0 1\n",
    "plan 1\nmutant no-such-thing\n",
    "plan 1\nset steps 1\n",
    "\xff\xfe\n",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_true (g_file_set_contents (f->path, bad[i], -1, NULL));
      g_assert_false (sim_plan_load (&f->plan, f->path, &error));
      g_assert_nonnull (error);
    }
}

static void
test_too_many_faults_are_refused (Fixture      *f,
                                  gconstpointer unused)
{
  g_autoptr (GString) text = g_string_new ("plan 1\n");
  g_autoptr (GError)  error = NULL;

  for (guint i = 0; i <= SIM_FAULTS_MAX; i++)
    g_string_append (text, "fault 1 crash 0 1 1\n");
  g_assert_true (g_file_set_contents (f->path, text->str, -1, NULL));
  g_assert_false (sim_plan_load (&f->plan, f->path, &error));
  g_assert_nonnull (error);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_summary ("Plans are valid and complete, a seed is one run and no other, and saved plans "
                  "replay.");
  g_test_add_func ("/sim/plan/settings-are-always-valid", test_plan_settings_are_valid);
  g_test_add_func ("/sim/plan/has-every-allowed-fault", test_plan_has_every_allowed_fault);
  g_test_add ("/sim/run/is-the-same-twice", Fixture, NULL, set_up, test_run_is_the_same_twice,
              tear_down);
  g_test_add ("/sim/run/takes-all-its-steps", Fixture, NULL, set_up, test_run_takes_all_its_steps,
              tear_down);
  g_test_add ("/sim/replay/is-the-same-run", Fixture, NULL, set_up, test_replay_is_the_same_run,
              tear_down);
  g_test_add ("/sim/replay/refuses-bad-plans", Fixture, NULL, set_up, test_bad_plans_are_refused,
              tear_down);
  g_test_add ("/sim/replay/refuses-too-many-faults", Fixture, NULL, set_up,
              test_too_many_faults_are_refused, tear_down);
  return g_test_run ();
}
