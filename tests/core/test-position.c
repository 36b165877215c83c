/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Positions: which plan follows from which facts.
 */
#include <string.h>

#include "core/gemel-position.h"

static GemelPosition
at (guint64 term,
    guint64 seq,
    guint8  mark)
{
  GemelPosition position = { term, seq, { mark } };

  return position;
}

typedef struct
{
  const char     *name;
  gboolean        same_lineage;
  guint64         head_seq;
  guint64         base_seq;
  guint64         puller_seq;
  guint8          puller_mark; /* the source has mark 7 everywhere, in term 3 */
  guint64         puller_term;
  guint64         tail_bytes;
  GemelSyncPlan   plan;
  GemelSyncReason reason;
} PlanCase;

/* clang-format off */
static const PlanCase plan_cases[] = {
  { "equal",          TRUE,  10, 0, 10, 7, 3, 0,   GEMEL_SYNC_EQUAL,    GEMEL_SYNC_REASON_NONE },
  { "tail",           TRUE,  10, 0, 4,  7, 3, 10,  GEMEL_SYNC_TAIL,     GEMEL_SYNC_REASON_NONE },
  { "tail-from-base", TRUE,  10, 4, 4,  7, 3, 10,  GEMEL_SYNC_TAIL,     GEMEL_SYNC_REASON_NONE },
  { "lineage",        FALSE, 10, 0, 10, 7, 3, 0,   GEMEL_SYNC_FULL,     GEMEL_SYNC_REASON_LINEAGE },
  { "compacted",      TRUE,  10, 5, 4,  7, 3, 10,  GEMEL_SYNC_FULL,
    GEMEL_SYNC_REASON_COMPACTED },
  { "too-far",        TRUE,  10, 0, 4,  7, 3, 101, GEMEL_SYNC_FULL,     GEMEL_SYNC_REASON_TOO_FAR },
  { "just-not-far",   TRUE,  10, 0, 4,  7, 3, 100, GEMEL_SYNC_TAIL,     GEMEL_SYNC_REASON_NONE },
  { "ahead",          TRUE,  10, 0, 11, 7, 3, 0,   GEMEL_SYNC_DIVERGED, GEMEL_SYNC_REASON_AHEAD },
  { "other-hash",     TRUE,  10, 0, 10, 8, 3, 0,   GEMEL_SYNC_DIVERGED, GEMEL_SYNC_REASON_HASH },
  { "other-term",     TRUE,  10, 0, 10, 7, 2, 0,   GEMEL_SYNC_DIVERGED, GEMEL_SYNC_REASON_HASH },
  { "other-hash-low", TRUE,  10, 0, 4,  8, 3, 10,  GEMEL_SYNC_DIVERGED, GEMEL_SYNC_REASON_HASH },
};
/* clang-format on */

static void
test_plan (gconstpointer data)
{
  const PlanCase  *c = data;
  GemelSourceFacts source = { 0 };
  GemelPosition    puller = at (c->puller_term, c->puller_seq, c->puller_mark);
  GemelSyncReason  reason = GEMEL_SYNC_REASON_OPERATOR;

  source.same_lineage = c->same_lineage;
  source.head = at (3, c->head_seq, 7);
  source.base_seq = c->base_seq;
  source.puller_known = c->puller_seq >= c->base_seq && c->puller_seq <= c->head_seq;
  source.term_at_puller = 3;
  source.hash_at_puller[0] = 7;
  source.tail_bytes = c->tail_bytes;
  source.full_bytes = 100;
  g_assert_cmpint (gemel_position_plan (&source, &puller, &reason), ==, c->plan);
  g_assert_cmpint (reason, ==, c->reason);
}

static void
test_plan_of_an_empty_puller (void)
{
  GemelSourceFacts source = {
    .same_lineage = TRUE, .head = at (3, 10, 7), .puller_known = TRUE, .full_bytes = 100
  };
  GemelPosition   nothing = { 0 };
  GemelSyncReason reason;

  g_assert_cmpint (gemel_position_plan (&source, &nothing, &reason), ==, GEMEL_SYNC_TAIL);
  source.head = nothing;
  g_assert_cmpint (gemel_position_plan (&source, &nothing, &reason), ==, GEMEL_SYNC_EQUAL);
}

static void
test_equality_looks_at_everything (void)
{
  GemelPairPosition a = { at (3, 10, 7), { 5, 9 } };
  GemelPairPosition b = a;

  g_assert_true (gemel_pair_position_equal (&a, &b));
  b.config.hash[GEMEL_HASH_BYTES - 1] = 1;
  g_assert_false (gemel_position_equal (&a.config, &b.config));
  b = a;
  b.config.term++;
  g_assert_false (gemel_pair_position_equal (&a, &b));
  b = a;
  b.config.seq++;
  g_assert_false (gemel_pair_position_equal (&a, &b));
  b = a;
  b.state.epoch++;
  g_assert_false (gemel_pair_position_equal (&a, &b));
  b = a;
  b.state.seq++;
  g_assert_false (gemel_pair_position_equal (&a, &b));
}

typedef struct
{
  const char        *name;
  GemelStatePosition have;
  GemelSyncPlan      plan;
  GemelSyncReason    reason;
} StateCase;

/* The source is at epoch 4, sequence 100, and its buffer begins at 91. */
static const StateCase state_cases[] = {
  { "equal", { 4, 100 }, GEMEL_SYNC_EQUAL, GEMEL_SYNC_REASON_NONE },
  { "tail", { 4, 95 }, GEMEL_SYNC_TAIL, GEMEL_SYNC_REASON_NONE },
  { "oldest", { 4, 90 }, GEMEL_SYNC_TAIL, GEMEL_SYNC_REASON_NONE },
  { "overflow", { 4, 89 }, GEMEL_SYNC_FULL, GEMEL_SYNC_REASON_OVERFLOW },
  { "ahead", { 4, 101 }, GEMEL_SYNC_FULL, GEMEL_SYNC_REASON_AHEAD },
  { "older-epoch", { 3, 100 }, GEMEL_SYNC_FULL, GEMEL_SYNC_REASON_EPOCH },
  { "newer-epoch", { 5, 100 }, GEMEL_SYNC_FULL, GEMEL_SYNC_REASON_EPOCH },
  { "nothing", { 0, 0 }, GEMEL_SYNC_FULL, GEMEL_SYNC_REASON_CONNECTED },
};

static void
test_state_plan (gconstpointer data)
{
  const StateCase   *c = data;
  GemelStatePosition head = { 4, 100 };
  GemelSyncReason    reason = GEMEL_SYNC_REASON_OPERATOR;

  g_assert_cmpint (gemel_state_plan (&head, 91, &c->have, &reason), ==, c->plan);
  g_assert_cmpint (reason, ==, c->reason);
}

static void
test_state_follows_only_the_next (void)
{
  GemelStatePosition have = { 4, 10 };
  GemelStatePosition next = { 4, 11 };
  GemelStatePosition gap = { 4, 12 };
  GemelStatePosition again = { 4, 10 };
  GemelStatePosition other = { 5, 11 };

  g_assert_true (gemel_state_position_follows (&have, &next));
  g_assert_false (gemel_state_position_follows (&have, &gap));
  g_assert_false (gemel_state_position_follows (&have, &again));
  g_assert_false (gemel_state_position_follows (&have, &other));
}

static void
test_history_is_judged_by_its_mark (void)
{
  g_assert_cmpint (gemel_history_judge (0, 1, 5), ==, GEMEL_BATCH_ACCEPT);
  g_assert_cmpint (gemel_history_judge (5, 6, 6), ==, GEMEL_BATCH_ACCEPT);
  g_assert_cmpint (gemel_history_judge (5, 1, 5), ==, GEMEL_BATCH_SKIP);
  g_assert_cmpint (gemel_history_judge (9, 1, 5), ==, GEMEL_BATCH_SKIP);
  g_assert_cmpint (gemel_history_judge (3, 1, 5), ==, GEMEL_BATCH_TRIM);
  g_assert_cmpint (gemel_history_judge (3, 5, 9), ==, GEMEL_BATCH_GAP);
  g_assert_cmpint (gemel_history_judge (0, 2, 2), ==, GEMEL_BATCH_GAP);
}

static void
test_words_are_known (void)
{
  for (guint plan = GEMEL_SYNC_EQUAL; plan <= GEMEL_SYNC_DIVERGED; plan++)
    g_assert_cmpstr (gemel_sync_plan_to_string (plan), !=, "unknown");
  for (guint reason = GEMEL_SYNC_REASON_NONE; reason <= GEMEL_SYNC_REASON_CONNECTED; reason++)
    g_assert_cmpstr (gemel_sync_reason_to_string (reason), !=, "unknown");
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_summary ("What two positions mean for each other, as truth tables.");
  for (guint i = 0; i < G_N_ELEMENTS (plan_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/core/position/plan-%s", plan_cases[i].name);

      g_test_add_data_func (path, &plan_cases[i], test_plan);
    }
  for (guint i = 0; i < G_N_ELEMENTS (state_cases); i++)
    {
      g_autofree char *path = g_strdup_printf ("/core/position/state-%s", state_cases[i].name);

      g_test_add_data_func (path, &state_cases[i], test_state_plan);
    }
  g_test_add_func ("/core/position/plan-of-an-empty-puller", test_plan_of_an_empty_puller);
  g_test_add_func ("/core/position/equality-looks-at-everything",
                   test_equality_looks_at_everything);
  g_test_add_func ("/core/position/state-follows-only-the-next", test_state_follows_only_the_next);
  g_test_add_func ("/core/position/history-is-judged-by-its-mark",
                   test_history_is_judged_by_its_mark);
  g_test_add_func ("/core/position/words-are-known", test_words_are_known);
  return g_test_run ();
}
