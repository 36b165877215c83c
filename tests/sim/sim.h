/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The simulator: two nodes with the real core, a virtual world around them, and a judge.
 *
 * One seed makes a plan: settings, the nature of the network and the disks, and a list of faults
 * with their times. The plan decides everything else: small decisions (is this message lost?) are
 * keyed by (seed, stream, counter), so that the removal of one fault leaves the others as they
 * were. That is what makes shrinking work.
 */
#pragma once

#include <stdio.h>

#include "core/gemel-core.h"

G_BEGIN_DECLS

#define SIM_FAULTS_MAX   192
#define SIM_DETAIL_BYTES 240

typedef enum
{
  SIM_FAULT_CRASH = 0,     /* the process dies; the guard tells the peer */
  SIM_FAULT_MACHINE_CRASH, /* power lost: nobody tells, the boot clock starts again */
  SIM_FAULT_PAUSE,         /* SIGSTOP: inputs wait, the clock runs */
  SIM_FAULT_VM_PAUSE,      /* inputs wait and the clock stands still */
  SIM_FAULT_STOP,          /* clean stop, then a start */
  SIM_FAULT_CUT,           /* nothing passes in either direction */
  SIM_FAULT_CUT_ONE_WAY,   /* nothing passes from this node */
  SIM_FAULT_LOSS,          /* a part of what this node sends is lost */
  SIM_FAULT_DELAY,         /* what this node sends takes longer */
  SIM_FAULT_DUPLICATE,     /* what this node sends arrives twice */
  SIM_FAULT_REORDER,       /* what this node sends overtakes itself */
  SIM_FAULT_CLOG,          /* what this node sends waits, then arrives at once */
  SIM_FAULT_RESET,         /* the session breaks and comes back */
  SIM_FAULT_FALSE_REFUSAL, /* a firewall refuses connections to a living peer */
  SIM_FAULT_NOTICE_LOST,   /* the next death notice of this node is lost */
  SIM_FAULT_NOTICE_LATE,   /* the next death notice of this node is late */
  SIM_FAULT_CLOCK_STEP,    /* the wall clock jumps */
  SIM_FAULT_CLOCK_DRIFT,   /* the boot clock changes its rate */
  SIM_FAULT_TERM_ERROR,    /* the term cannot be written */
  SIM_FAULT_TERM_SLOW,     /* writing the term takes long */
  SIM_FAULT_TERM_TORN,     /* power lost and the term file is unreadable afterwards */
  SIM_FAULT_JOURNAL_ERROR, /* the configuration journal cannot be written */
  SIM_FAULT_SYNC_LOST,     /* this node loses its place: full copies are needed */
  SIM_FAULT_LATE_COMMIT,   /* an edit in flight finishes after the drain */
  SIM_FAULT_SWITCHOVER,    /* a person asks for a switchover here */
  SIM_FAULT_ABORT,         /* a person aborts a switchover here */
  SIM_FAULT_FORCE,         /* an administrator forces this node active */
  SIM_FAULT_SETTINGS,      /* a person changes recovery mode and standby level */
  SIM_FAULT_UNPAIR,        /* the node becomes independent for a while */
  SIM_FAULT_SWAP,          /* master and backup change their roles */
  SIM_N_FAULTS
} SimFaultType;

/** One fault of the plan. */
typedef struct
{
  gint64       at_us; /* world time */
  SimFaultType type;
  guint        node;
  gint64       duration_us; /* 0 where the fault is a moment */
  gint64       amount;      /* depends on the type: ppm, µs or bits */
} SimFault;

/** Everything that a run depends on. Plain data. */
typedef struct
{
  guint64           seed;
  guint64           steps;  /* the run goes on until both cores together took so many */
  guint             mutant; /* GemelMutant; only in mutant builds */
  GemelCoreSettings settings[2];
  gint64            chaos_us; /* after this nothing is broken any more */
  gint64            delay_min_us;
  gint64            delay_mean_us; /* of the exponential part */
  gint64            loss_ppm;      /* outside of faults */
  gint64            drift_ppm[2];
  gint64            term_write_us;
  gint64            journal_write_us;
  gint64            dial_us;         /* between two attempts to connect */
  gint64            link_timeout_us; /* silence that ends a session */
  gint64            notice_us;       /* from death to the notice: modules are stopped */
  gint64            edit_us;         /* between two edits */
  gint64            post_us;         /* between two posts of runtime state */
  gint64            pull_us;         /* between two pulls when all is level */
  gint64            soft_restart_us;
  gint64            journal_keep;  /* entries that a tail may have; fewer are compacted away */
  gint64            backup_is_new; /* node 1 has no configuration of the pair yet */
  gint64            roles_swapped; /* slot 1 is the master */
  guint             n_faults;
  SimFault          faults[SIM_FAULTS_MAX]; /* by time */
} SimPlan;

/** What a broken run broke. */
typedef struct
{
  gboolean failed;
  char     invariant[32];
  char     detail[SIM_DETAIL_BYTES];
  gint64   at_us; /* world time */
  guint64  steps;
  guint64  fingerprint; /* of everything that happened; equal runs, equal fingerprints */
} SimVerdict;

/** Sums over runs. */
typedef struct
{
  guint64 runs;
  guint64 steps;
  guint64 simulated_us;
  guint64 takeovers;
  guint64 switchovers_done;
  guint64 switchovers_failed;
  guint64 dual_actives; /* seen by the world, all of them explained by a fault */
  guint64 stalls;
  guint64 messages;
  guint64 edits;
  guint64 posts;
  guint64 pair_acks;
  guint64 state_restarts; /* state acknowledged by the pair that went with a restarted active */
  guint64 divergences;    /* journal tails kept aside */
  guint64 faults[SIM_N_FAULTS];
  guint64 edges; /* bit per row of gemel_core_get_edges () */
} SimStats;

typedef struct _SimWorld SimWorld;

SimWorld *sim_world_new (void);
void      sim_world_free (SimWorld *world);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimWorld, sim_world_free)

gboolean sim_run (SimWorld      *world,
                  const SimPlan *plan,
                  SimStats      *stats,
                  FILE          *trace,
                  SimVerdict    *ret_verdict);

/* sim-plan.c, sim-plan-file.c */
void        sim_plan_from_seed (SimPlan *plan,
                                guint64  seed,
                                guint64  steps);
void        sim_plan_print (const SimPlan *plan,
                            FILE          *out);
gboolean    sim_plan_load (SimPlan    *plan,
                           const char *path,
                           GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean    sim_fault_allowed (const SimPlan *plan,
                               SimFaultType   type);
const char *sim_fault_name (SimFaultType type);

/* sim-shrink.c */
guint sim_shrink (SimWorld         *world,
                  SimPlan          *plan,
                  const SimVerdict *verdict,
                  guint             budget_runs);

/* sim-mutant.c */
void        sim_mutant_set (guint mutant);
guint       sim_mutant_count (void);
const char *sim_mutant_name (guint mutant);
gboolean    sim_mutant_find (const char *name,
                             guint      *ret_mutant);

G_END_DECLS
