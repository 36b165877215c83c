/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Plans as text, so that a broken run can be kept, read and replayed after the code has changed.
 *
 *   plan 1
 *   set NAME VALUE            of the plan
 *   node N NAME VALUE         of a node's settings
 *   fault AT TYPE NODE DURATION AMOUNT
 *
 * All times in µs. Lines that start with # are comments.
 */
#include "sim.h"

#include <gio/gio.h>
#include <string.h>

typedef struct
{
  const char *name;
  gsize       offset;
  gsize       size;
} Field;

#define PLAN_FIELD(member)                                                        \
  {                                                                               \
#    member, G_STRUCT_OFFSET(SimPlan, member), sizeof(((SimPlan *) NULL)->member) \
  }
#define NODE_FIELD(member)                               \
  {                                                      \
#    member, G_STRUCT_OFFSET(GemelCoreSettings, member), \
      sizeof(((GemelCoreSettings *) NULL)->member)       \
  }

static const Field plan_fields[] = {
  PLAN_FIELD (seed),
  PLAN_FIELD (steps),
  PLAN_FIELD (chaos_us),
  PLAN_FIELD (delay_min_us),
  PLAN_FIELD (delay_mean_us),
  PLAN_FIELD (loss_ppm),
  PLAN_FIELD (drift_ppm[0]),
  PLAN_FIELD (drift_ppm[1]),
  PLAN_FIELD (term_write_us),
  PLAN_FIELD (journal_write_us),
  PLAN_FIELD (dial_us),
  PLAN_FIELD (link_timeout_us),
  PLAN_FIELD (notice_us),
  PLAN_FIELD (edit_us),
  PLAN_FIELD (post_us),
  PLAN_FIELD (pull_us),
  PLAN_FIELD (soft_restart_us),
  PLAN_FIELD (journal_keep),
  PLAN_FIELD (backup_is_new),
  PLAN_FIELD (roles_swapped),
};

static const Field node_fields[] = {
  NODE_FIELD (role),
  NODE_FIELD (slot),
  NODE_FIELD (standby_level),
  NODE_FIELD (recovery_mode),
  NODE_FIELD (trust_refused),
  NODE_FIELD (dual_master),
  NODE_FIELD (heartbeat_interval_us),
  NODE_FIELD (rtt_budget_us),
  NODE_FIELD (lease_us),
  NODE_FIELD (promise_us),
  NODE_FIELD (failover_timeout_us),
  NODE_FIELD (startup_allowance_us),
  NODE_FIELD (recovery_delay_us),
  NODE_FIELD (recovery_delay_max_us),
  NODE_FIELD (drain_timeout_us),
  NODE_FIELD (ready_timeout_us),
  NODE_FIELD (stall_limit_us),
  NODE_FIELD (clock_jump_limit_us),
  NODE_FIELD (drift_ppm),
};

static const char *const fault_names[SIM_N_FAULTS] = {
  [SIM_FAULT_CRASH] = "crash",
  [SIM_FAULT_MACHINE_CRASH] = "machine-crash",
  [SIM_FAULT_PAUSE] = "pause",
  [SIM_FAULT_VM_PAUSE] = "vm-pause",
  [SIM_FAULT_STOP] = "stop",
  [SIM_FAULT_CUT] = "cut",
  [SIM_FAULT_CUT_ONE_WAY] = "cut-one-way",
  [SIM_FAULT_LOSS] = "loss",
  [SIM_FAULT_DELAY] = "delay",
  [SIM_FAULT_DUPLICATE] = "duplicate",
  [SIM_FAULT_REORDER] = "reorder",
  [SIM_FAULT_CLOG] = "clog",
  [SIM_FAULT_RESET] = "reset",
  [SIM_FAULT_FALSE_REFUSAL] = "false-refusal",
  [SIM_FAULT_NOTICE_LOST] = "notice-lost",
  [SIM_FAULT_NOTICE_LATE] = "notice-late",
  [SIM_FAULT_CLOCK_STEP] = "clock-step",
  [SIM_FAULT_CLOCK_DRIFT] = "clock-drift",
  [SIM_FAULT_TERM_ERROR] = "term-error",
  [SIM_FAULT_TERM_SLOW] = "term-slow",
  [SIM_FAULT_TERM_TORN] = "term-torn",
  [SIM_FAULT_JOURNAL_ERROR] = "journal-error",
  [SIM_FAULT_SYNC_LOST] = "sync-lost",
  [SIM_FAULT_LATE_COMMIT] = "late-commit",
  [SIM_FAULT_SWITCHOVER] = "switchover",
  [SIM_FAULT_ABORT] = "abort",
  [SIM_FAULT_FORCE] = "force",
  [SIM_FAULT_SETTINGS] = "settings",
  [SIM_FAULT_UNPAIR] = "unpair",
  [SIM_FAULT_SWAP] = "swap",
};

static gint64
get_field (gconstpointer base,
           const Field  *field)
{
  gconstpointer at = (const guint8 *) base + field->offset;
  gint64        wide;
  gint32        narrow;

  if (field->size == sizeof wide)
    {
      memcpy (&wide, at, sizeof wide);
      return wide;
    }
  memcpy (&narrow, at, sizeof narrow);
  return narrow;
}

static void
set_field (gpointer     base,
           const Field *field,
           gint64       value)
{
  gpointer at = (guint8 *) base + field->offset;
  gint32   narrow = (gint32) value;

  if (field->size == sizeof value)
    memcpy (at, &value, sizeof value);
  else
    memcpy (at, &narrow, sizeof narrow);
}

static const Field *
find_field (const Field *fields,
            guint        n_fields,
            const char  *name)
{
  for (guint i = 0; i < n_fields; i++)
    if (strcmp (fields[i].name, name) == 0)
      return &fields[i];
  return NULL;
}

/**
 * sim_fault_name:
 * @type: a class of faults
 *
 * Returns: (transfer none): its name in plans and summaries.
 */
const char *
sim_fault_name (SimFaultType type)
{
  return type < SIM_N_FAULTS ? fault_names[type] : "unknown";
}

/**
 * sim_plan_print:
 * @plan: a plan
 * @out: where to
 *
 * Writes what sim_plan_load () reads.
 */
void
sim_plan_print (const SimPlan *plan,
                FILE          *out)
{
  fprintf (out, "plan 1\n");
  if (plan->mutant != 0)
    fprintf (out, "mutant %s\n", sim_mutant_name (plan->mutant));
  for (guint i = 0; i < G_N_ELEMENTS (plan_fields); i++)
    fprintf (out, "set %s %" G_GINT64_FORMAT "\n", plan_fields[i].name,
             get_field (plan, &plan_fields[i]));
  for (guint node = 0; node < 2; node++)
    for (guint i = 0; i < G_N_ELEMENTS (node_fields); i++)
      fprintf (out, "node %u %s %" G_GINT64_FORMAT "\n", node, node_fields[i].name,
               get_field (&plan->settings[node], &node_fields[i]));
  for (guint i = 0; i < plan->n_faults; i++)
    {
      const SimFault *f = &plan->faults[i];

      fprintf (out, "fault %" G_GINT64_FORMAT " %s %u %" G_GINT64_FORMAT " %" G_GINT64_FORMAT "\n",
               f->at_us, fault_names[f->type], f->node, f->duration_us, f->amount);
    }
}

static gboolean
parse_number (const char *text,
              gint64     *ret_value)
{
  if (text[0] != '-')
    {
      guint64 value;

      if (!g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, &value, NULL))
        return FALSE;
      *ret_value = (gint64) value;
      return TRUE;
    }
  return g_ascii_string_to_signed (text, 10, G_MININT64, G_MAXINT64, ret_value, NULL);
}

static gboolean
parse_fault (SimPlan *plan,
             char   **words)
{
  SimFault *f = &plan->faults[plan->n_faults];
  gint64    node;
  guint     type = 0;

  if (plan->n_faults == SIM_FAULTS_MAX)
    return FALSE;
  while (type < SIM_N_FAULTS && strcmp (fault_names[type], words[2]) != 0)
    type++;
  if (type == SIM_N_FAULTS || !parse_number (words[1], &f->at_us) ||
      !parse_number (words[3], &node) || node < 0 || node > 1 ||
      !parse_number (words[4], &f->duration_us) || !parse_number (words[5], &f->amount))
    return FALSE;
  f->type = type;
  f->node = (guint) node;
  plan->n_faults++;
  return TRUE;
}

static gboolean
parse_line (SimPlan *plan,
            char   **words)
{
  guint        n = g_strv_length (words);
  const Field *field;
  gint64       value;
  gint64       node;

  if (n == 2 && strcmp (words[0], "plan") == 0)
    return strcmp (words[1], "1") == 0;
  if (n == 2 && strcmp (words[0], "mutant") == 0)
    return sim_mutant_find (words[1], &plan->mutant);
  if (n == 3 && strcmp (words[0], "set") == 0 && parse_number (words[2], &value))
    {
      field = find_field (plan_fields, G_N_ELEMENTS (plan_fields), words[1]);
      if (field != NULL)
        set_field (plan, field, value);
      return field != NULL;
    }
  if (n == 4 && strcmp (words[0], "node") == 0 && parse_number (words[1], &node) && node >= 0 &&
      node < 2 && parse_number (words[3], &value))
    {
      field = find_field (node_fields, G_N_ELEMENTS (node_fields), words[2]);
      if (field != NULL)
        set_field (&plan->settings[node], field, value);
      return field != NULL;
    }
  return n == 6 && strcmp (words[0], "fault") == 0 && parse_fault (plan, words);
}

/* Times that are not positive would stop the world's clock. */
static gboolean
is_usable (const SimPlan *plan)
{
  char problem[200];

  return gemel_core_settings_check (&plan->settings[0], problem, sizeof problem) &&
         gemel_core_settings_check (&plan->settings[1], problem, sizeof problem) &&
         plan->settings[0].slot == 0 && plan->settings[1].slot == 1 && plan->steps > 0 &&
         plan->chaos_us > 0 && plan->delay_min_us >= 0 && plan->delay_mean_us >= 0 &&
         plan->term_write_us >= 0 && plan->journal_write_us >= 0 && plan->dial_us > 0 &&
         plan->link_timeout_us > 0 && plan->notice_us >= 0 && plan->edit_us > 0 &&
         plan->post_us > 0 && plan->pull_us > 0 && plan->soft_restart_us > 0 &&
         plan->journal_keep > 0;
}

/**
 * sim_plan_load:
 * @plan: (out): filled on success
 * @path: a file that sim_plan_print () wrote
 * @error: return location
 *
 * Returns: whether the file holds a usable plan. Errors: those of reading, and
 *   %G_IO_ERROR_INVALID_DATA with the line.
 */
gboolean
sim_plan_load (SimPlan    *plan,
               const char *path,
               GError    **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv)   lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, error))
    return FALSE;
  memset (plan, 0, sizeof *plan);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    {
      g_auto (GStrv) words = g_strsplit (g_strstrip (lines[i]), " ", -1);

      if (lines[i][0] == '\0' || lines[i][0] == '#')
        continue;
      if (!parse_line (plan, words))
        {
          g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                       "%s line %u is not part of a plan: \"%s\"", path, i + 1, lines[i]);
          return FALSE;
        }
    }
  if (is_usable (plan))
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s is not a complete plan", path);
  return FALSE;
}
