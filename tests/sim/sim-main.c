/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemel-sim: runs seeds, prints what broke with the shortest plan that breaks it, and sums up.
 */
#include <glib/gstdio.h>

#include "sim.h"

#define STEPS_DEFAULT     20000
#define SHRINK_RUNS       400
#define FAILURES_MAX      5
#define EDGES_MATTER_RUNS 2000

typedef struct
{
  gint64   seed;
  gint     runs;
  gint64   steps;
  gdouble  hours;
  gboolean trace;
  gboolean check_determinism;
  gboolean allow_missing_edges;
  gboolean no_shrink;
  char    *mutant_name;
  char    *replay;
  guint    mutant;
} Options;

static void
print_failure (const SimPlan    *plan,
               const SimVerdict *v)
{
  g_print ("FAILED seed=%" G_GUINT64_FORMAT " invariant=%s time=%" G_GINT64_FORMAT
           " us step=%" G_GUINT64_FORMAT " fingerprint=%016" G_GINT64_MODIFIER "x: %s\n",
           plan->seed, v->invariant, v->at_us, v->steps, v->fingerprint, v->detail);
}

static void
print_shrunk (SimWorld         *world,
              SimPlan          *plan,
              const SimVerdict *v)
{
  guint used = sim_shrink (world, plan, v, SHRINK_RUNS);

  g_print ("# the shortest plan found in %u runs has %u faults; keep it in a file for --replay\n",
           used, plan->n_faults);
  fflush (stdout);
  sim_plan_print (plan, stdout);
  fflush (stdout);
}

static void
print_summary (const SimStats *s,
               gint64          took_us)
{
  gdouble seconds = (gdouble) MAX (took_us, 1) / 1e6;

  g_print ("runs %" G_GUINT64_FORMAT ", steps %" G_GUINT64_FORMAT
           " (%.2f M/s), simulated hours %.1f (%.1f h/s)\n",
           s->runs, s->steps, (gdouble) s->steps / seconds / 1e6, (gdouble) s->simulated_us / 3.6e9,
           (gdouble) s->simulated_us / 3.6e9 / seconds);
  g_print ("takeovers %" G_GUINT64_FORMAT ", switchovers done %" G_GUINT64_FORMAT
           " failed %" G_GUINT64_FORMAT ", stalls %" G_GUINT64_FORMAT
           ", dual actives (each after a disturbance) %" G_GUINT64_FORMAT "\n",
           s->takeovers, s->switchovers_done, s->switchovers_failed, s->stalls, s->dual_actives);
  g_print ("messages %" G_GUINT64_FORMAT ", edits %" G_GUINT64_FORMAT ", posts %" G_GUINT64_FORMAT
           ", acknowledged by the pair %" G_GUINT64_FORMAT ", tails kept %" G_GUINT64_FORMAT
           ", state gone with a restarted active %" G_GUINT64_FORMAT "\n",
           s->messages, s->edits, s->posts, s->pair_acks, s->divergences, s->state_restarts);
  g_print ("faults:");
  for (guint i = 0; i < SIM_N_FAULTS; i++)
    g_print (" %s %" G_GUINT64_FORMAT, sim_fault_name (i), s->faults[i]);
  g_print ("\n");
}

static guint
print_edges (const SimStats *s)
{
  guint            n_edges;
  guint            missing = 0;
  const GemelEdge *edges = gemel_core_get_edges (&n_edges);

  for (guint i = 0; i < n_edges; i++)
    {
      if ((s->edges >> i & 1) != 0)
        continue;
      missing++;
      g_print ("edge never taken: %s -> %s (%s)\n", gemel_state_to_string (edges[i].from),
               gemel_state_to_string (edges[i].to), gemel_cause_to_string (edges[i].cause));
    }
  g_print ("edges taken: %u of %u\n", n_edges - missing, n_edges);
  return missing;
}

static gboolean
run_one (SimWorld      *world,
         SimPlan       *plan,
         const Options *options,
         SimStats      *stats)
{
  SimVerdict verdict;
  SimVerdict second;

  if (!sim_run (world, plan, stats, options->trace ? stdout : NULL, &verdict))
    {
      print_failure (plan, &verdict);
      if (!options->no_shrink)
        print_shrunk (world, plan, &verdict);
      return FALSE;
    }
  if (!options->check_determinism)
    return TRUE;
  (void) sim_run (world, plan, NULL, NULL, &second);
  if (second.fingerprint == verdict.fingerprint && second.steps == verdict.steps)
    return TRUE;
  g_print ("FAILED seed=%" G_GUINT64_FORMAT " invariant=determinism: two runs differ\n",
           plan->seed);
  return FALSE;
}

static gboolean
run_replay (const Options *options)
{
  g_autoptr (SimWorld) world = sim_world_new ();
  g_autoptr (GError)   error = NULL;
  g_autofree SimPlan  *plan = g_new0 (SimPlan, 1);
  SimStats             stats = { 0 };
  SimVerdict           verdict;

  if (!sim_plan_load (plan, options->replay, &error))
    {
      g_printerr ("gemel-sim: %s\n", error->message);
      return FALSE;
    }
  if (options->mutant != 0)
    plan->mutant = options->mutant;
  if (sim_run (world, plan, &stats, options->trace ? stdout : NULL, &verdict))
    {
      g_print ("replay of %s: all invariants held\n", options->replay);
      return TRUE;
    }
  print_failure (plan, &verdict);
  return FALSE;
}

static gboolean
run_seeds (const Options *options)
{
  g_autoptr (SimWorld) world = sim_world_new ();
  g_autofree SimPlan  *plan = g_new0 (SimPlan, 1);
  SimStats             stats = { 0 };
  gint64               began_us = g_get_monotonic_time ();
  guint                failures = 0;
  guint                missing;

  for (gint i = 0; failures < FAILURES_MAX; i++)
    {
      gboolean enough = options->hours > 0 ? (gdouble) stats.simulated_us / 3.6e9 >= options->hours
                                           : i >= options->runs;

      if (enough)
        break;
      sim_plan_from_seed (plan, (guint64) options->seed + (guint64) i, (guint64) options->steps);
      plan->mutant = options->mutant;
      failures += !run_one (world, plan, options, &stats);
    }
  print_summary (&stats, g_get_monotonic_time () - began_us);
  missing = print_edges (&stats);
  g_print ("%u failed\n", failures);
  return failures == 0 &&
         (missing == 0 || stats.runs < EDGES_MATTER_RUNS || options->allow_missing_edges);
}

int
main (int    argc,
      char **argv)
{
  Options            options = { .seed = 1, .runs = 100, .steps = STEPS_DEFAULT };
  const GOptionEntry entries[] = {
    { "seed", 's', 0, G_OPTION_ARG_INT64, &options.seed, "First seed", "S" },
    { "runs", 'n', 0, G_OPTION_ARG_INT, &options.runs, "How many seeds", "N" },
    { "steps", 'k', 0, G_OPTION_ARG_INT64, &options.steps, "Steps of both cores in one run", "K" },
    { "hours", 0, 0, G_OPTION_ARG_DOUBLE, &options.hours, "Instead of --runs: simulated hours",
      "H" },
    { "trace", 't', 0, G_OPTION_ARG_NONE, &options.trace, "One line a step", NULL },
    { "mutant", 'm', 0, G_OPTION_ARG_STRING, &options.mutant_name,
      "Break the core on purpose (gemel-sim-mutants only)", "NAME" },
    { "replay", 'r', 0, G_OPTION_ARG_FILENAME, &options.replay, "Run a saved plan", "FILE" },
    { "check-determinism", 0, 0, G_OPTION_ARG_NONE, &options.check_determinism,
      "Run each seed twice and compare", NULL },
    { "allow-missing-edges", 0, 0, G_OPTION_ARG_NONE, &options.allow_missing_edges,
      "Edges that were never taken are no failure", NULL },
    { "no-shrink", 0, 0, G_OPTION_ARG_NONE, &options.no_shrink, "Print failures as they are",
      NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("- two nodes in a virtual world");
  g_autoptr (GError)         error = NULL;
  gboolean                   ok;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    {
      g_printerr ("gemel-sim: %s\n", error->message);
      return 2;
    }
  if (options.steps <= 0 ||
      (options.mutant_name != NULL && !sim_mutant_find (options.mutant_name, &options.mutant)))
    {
      g_printerr ("gemel-sim: no such mutant in this build, or no steps\n");
      return 2;
    }
  ok = options.replay != NULL ? run_replay (&options) : run_seeds (&options);
  g_free (options.mutant_name);
  g_free (options.replay);
  return ok ? 0 : 1;
}
