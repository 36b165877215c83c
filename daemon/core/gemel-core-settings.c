/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The timers: three profiles and the rules between single values (PROTOCOL.md section 6).
 */
#include "core/gemel-core-private.h"

#define MS(n) ((gint64) (n) *1000)
#define S(n)  ((gint64) (n) *1000000)

typedef struct
{
  gint64 heartbeat_interval_us;
  gint64 rtt_budget_us;
  gint64 lease_us;
  gint64 promise_us;
  gint64 failover_timeout_us;
  gint64 master_allowance_us;
  gint64 backup_allowance_us;
  gint64 drain_timeout_us;
  gint64 ready_timeout_us;
  gint64 stall_limit_us;
} Profile;

/* clang-format off */
static const Profile profiles[] = {
  [GEMEL_PROFILE_FAST] = { MS (10),  MS (6),   MS (26),   MS (30),   MS (30),
                           S (15),   S (20),   S (10),    S (5),     MS (15) },
  [GEMEL_PROFILE_LAN]  = { MS (200), MS (500), MS (1200), MS (1400), MS (2000),
                           S (15),   S (20),   S (10),    S (5),     MS (600) },
  [GEMEL_PROFILE_WAN]  = { S (1),    S (3),    S (8),     S (9),     S (10),
                           S (30),   S (40),   S (30),    S (15),    S (4) },
};
/* clang-format on */

/**
 * gemel_core_settings_init:
 * @settings: (out): filled completely
 * @profile: which set of timers
 * @role: of this node; the master waits less at start, so that it goes first
 *
 * Slot 0, warm standby, automatic recovery. The result passes gemel_core_settings_check ().
 * Thread: any
 */
void
gemel_core_settings_init (GemelCoreSettings *settings,
                          GemelProfile       profile,
                          GemelRole          role)
{
  const Profile *p = &profiles[profile];

  memset (settings, 0, sizeof *settings);
  settings->role = role;
  settings->standby_level = GEMEL_LEVEL_WARM;
  settings->recovery_mode = GEMEL_RECOVERY_AUTOMATIC;
  settings->heartbeat_interval_us = p->heartbeat_interval_us;
  settings->rtt_budget_us = p->rtt_budget_us;
  settings->lease_us = p->lease_us;
  settings->promise_us = p->promise_us;
  settings->failover_timeout_us = p->failover_timeout_us;
  settings->startup_allowance_us = role == GEMEL_ROLE_BACKUP ? p->backup_allowance_us
                                                             : p->master_allowance_us;
  settings->recovery_delay_us = S (10);
  settings->recovery_delay_max_us = S (300);
  settings->drain_timeout_us = p->drain_timeout_us;
  settings->ready_timeout_us = p->ready_timeout_us;
  settings->stall_limit_us = p->stall_limit_us;
  settings->clock_jump_limit_us = MS (500);
  settings->drift_ppm = 10000;
}

/* What G must be at least: L as the other clock may count it, and a margin for the work between. */
static gint64
least_promise_us (const GemelCoreSettings *s)
{
  gint64 margin_us = s->heartbeat_interval_us <= MS (20) ? MS (3) : MS (100);

  return s->lease_us * (1000000 + s->drift_ppm) / (1000000 - s->drift_ppm) + margin_us;
}

typedef struct
{
  const char *name;
  gint64      value_us;
  const char *rule;
  gint64      least_us;
} Rule;

static gboolean
check_rules (const GemelCoreSettings *s,
             char                    *ret_problem,
             gsize                    problem_bytes)
{
  /* clang-format off */
  const Rule rules[] = {
    { "heartbeat-interval", s->heartbeat_interval_us, "1 ms", MS (1) },
    { "rtt-budget", s->rtt_budget_us, "1 ms", MS (1) },
    { "lease", s->lease_us, "rtt-budget + 2 * heartbeat-interval",
      s->rtt_budget_us + 2 * s->heartbeat_interval_us },
    { "promise", s->promise_us, "lease as a drifting clock counts it, and a margin",
      least_promise_us (s) },
    { "failover-timeout", s->failover_timeout_us, "3 * heartbeat-interval",
      3 * s->heartbeat_interval_us },
    { "failover-timeout", s->failover_timeout_us, "stall-limit", s->stall_limit_us },
    { "startup-allowance", s->startup_allowance_us, "promise", s->promise_us },
    { "stall-limit", s->stall_limit_us, "heartbeat-interval and a half",
      s->heartbeat_interval_us * 3 / 2 },
    { "lease", s->lease_us, "stall-limit + 1 ms", s->stall_limit_us + MS (1) },
    { "drain-timeout", s->drain_timeout_us, "10 ms", MS (10) },
    { "ready-timeout", s->ready_timeout_us, "10 ms", MS (10) },
    { "clock-jump-limit", s->clock_jump_limit_us, "10 ms", MS (10) },
    { "recovery-delay", s->recovery_delay_us, "0 ms", 0 },
    { "recovery-delay-max", s->recovery_delay_max_us, "recovery-delay", s->recovery_delay_us },
  };
  /* clang-format on */

  for (guint i = 0; i < G_N_ELEMENTS (rules); i++)
    {
      const Rule *r = &rules[i];

      if (r->value_us >= r->least_us)
        continue;
      g_snprintf (ret_problem, problem_bytes,
                  "%s is %" G_GINT64_FORMAT ".%03d ms but must be at least %" G_GINT64_FORMAT
                  ".%03d ms (%s)",
                  r->name, r->value_us / 1000, (int) (r->value_us % 1000), r->least_us / 1000,
                  (int) (r->least_us % 1000), r->rule);
      return FALSE;
    }
  return TRUE;
}

/**
 * gemel_core_settings_check:
 * @settings: to check
 * @ret_problem: (out): a sentence with the arithmetic, written only when a rule is broken
 * @problem_bytes: size of @ret_problem; 200 is enough
 *
 * The rules between values, in one place.
 *
 * Returns: whether the core may run with these settings.
 * Thread: any
 */
gboolean
gemel_core_settings_check (const GemelCoreSettings *settings,
                           char                    *ret_problem,
                           gsize                    problem_bytes)
{
  const char *problem = NULL;

  if (settings->slot > 1)
    problem = "slot must be 0 or 1";
  else if (settings->standby_level != GEMEL_LEVEL_COLD &&
           settings->standby_level != GEMEL_LEVEL_WARM)
    problem = "standby-level must be cold or warm";
  else if (settings->drift_ppm > 100000)
    problem = "clock drift above 10 % is not supported";
  if (problem != NULL)
    {
      g_strlcpy (ret_problem, problem, problem_bytes);
      return FALSE;
    }
  return check_rules (settings, ret_problem, problem_bytes);
}
