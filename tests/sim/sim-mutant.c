/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The deliberate faults of the core by name. In ordinary builds there are none.
 */
#include "sim.h"

#include <string.h>

static const char *const names[] = {
  "none",
#ifdef GEMEL_CORE_MUTANTS
  "term-not-persisted",
  "no-parity",
  "no-stall-check",
  "no-drain",
  "late-demote",
  "ready-before-sync",
  "no-promise",
  "notice-any-term",
  "master-wins",
  "no-dual-resolve",
  "stale-decides",
  "refused-is-death",
  "ineligible-takes",
#endif
};

#ifdef GEMEL_CORE_MUTANTS
G_STATIC_ASSERT (G_N_ELEMENTS (names) == GEMEL_N_MUTANTS);
#endif

/**
 * sim_mutant_set:
 * @mutant: a GemelMutant; 0: the core as it is
 *
 * Breaks the core on purpose, or mends it.
 */
void
sim_mutant_set (guint mutant)
{
#ifdef GEMEL_CORE_MUTANTS
  gemel_core_mutant = (GemelMutant) mutant;
#else
  g_assert (mutant == 0);
#endif
}

/**
 * sim_mutant_count:
 *
 * Returns: how many there are, with 0, which is none.
 */
guint
sim_mutant_count (void)
{
  return G_N_ELEMENTS (names);
}

/**
 * sim_mutant_name:
 * @mutant: below sim_mutant_count ()
 *
 * Returns: (transfer none): its name.
 */
const char *
sim_mutant_name (guint mutant)
{
  return mutant < G_N_ELEMENTS (names) ? names[mutant] : "unknown";
}

/**
 * sim_mutant_find:
 * @name: as sim_mutant_name () says
 * @ret_mutant: (out): its number
 *
 * Returns: whether this build has such a mutant.
 */
gboolean
sim_mutant_find (const char *name,
                 guint      *ret_mutant)
{
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      if (strcmp (names[i], name) != 0)
        continue;
      *ret_mutant = i;
      return TRUE;
    }
  return FALSE;
}
