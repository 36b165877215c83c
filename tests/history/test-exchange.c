/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Two histories that exchange rows until both hold the union; and reading from one of them.
 */
#include "history-fixture.h"

#include "api/gemel-error.h"

#include <string.h>

#define EXCHANGE_STEPS 400
#define STRANGER       7

static void
receive_n (Fixture *fixture,
           guint64  first_seq,
           guint    n_points,
           guint64  expected_mark)
{
  guint8             origin[16];
  g_autoptr (GBytes) points = make_points ("far", (gint64) first_seq * 1000, n_points);
  g_autoptr (GError) error = NULL;
  guint64            mark = 0;

  memset (origin, STRANGER, sizeof origin);
  g_assert_true (receive_points (fixture, origin, first_seq, points, &mark, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (mark, ==, expected_mark);
}

static void
test_exchange_judged (void)
{
  Fixture            fixture;
  guint8             origin[16];
  g_autoptr (GBytes) points = make_points ("far", 1, 10);
  g_autoptr (GError) gap = NULL;
  g_autoptr (GError) own = NULL;
  g_autoptr (GError) zero = NULL;
  GemelHistoryStats  stats;

  g_test_summary ("rows of another origin are taken, skipped, trimmed or refused by the mark");
  memset (origin, STRANGER, sizeof origin);
  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  receive_n (&fixture, 1, 10, 10);
  receive_n (&fixture, 1, 10, 10); /* replay */
  receive_n (&fixture, 3, 4, 10);  /* inside */
  receive_n (&fixture, 6, 10, 15); /* trimmed */
  g_assert_false (receive_points (&fixture, origin, 17, points, NULL, &gap));
  g_assert_error (gap, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
  g_assert_false (receive_points (&fixture, origin, 0, points, NULL, &zero));
  g_assert_error (zero, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
  g_assert_false (receive_points (&fixture, fixture.uuid, 1, points, NULL, &own));
  g_assert_error (own, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
  assert_ledger (&fixture, origin, 15);
  gemel_history_get_stats (fixture.history, &stats);
  g_assert_cmpuint (stats.received_points, ==, 15);
  g_assert_cmpuint (stats.skipped_points, ==, 10 + 4 + 5);
  fixture_clear (&fixture);
}

/* One page of @origin from @from to @to; sometimes it gets lost, or comes from too early. */
static gboolean
carry_page (Fixture     *from,
            Fixture     *to,
            const guint8 origin[16])
{
  guint64            after = get_mark (to, origin);
  guint64            first = 0, last = 0, mark = 0;
  g_autoptr (GBytes) page = NULL;
  g_autoptr (GError) error = NULL;

  if (g_test_rand_int_range (0, 4) == 0)
    after -= MIN (after, 5u);
  page = read_points (from, origin, after, (guint) g_test_rand_int_range (1, 40), &first, &last);
  if (page == NULL)
    return FALSE;
  g_assert_cmpuint (first, ==, after + 1);
  if (g_test_rand_int_range (0, 4) == 0)
    return TRUE;
  g_assert_true (receive_points (to, origin, first, page, &mark, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (mark, >=, last);
  return TRUE;
}

static void
restart (Fixture *fixture)
{
  fixture_close (fixture);
  fixture_open (fixture, FIXTURE_BUFFER_BYTES_MAX);
}

static guint64
write_some (Fixture *fixture,
            guint64  seq)
{
  guint      n = (guint) g_test_rand_int_range (1, 30);
  char       tag[] = "both";
  char       text[] = "words";
  GemelPoint point = {
    .tag = tag, .unix_us = (gint64) seq * 10, .type = GEMEL_VALUE_STRING, .v.s = text
  };
  g_autoptr (GBytes) points =
    n == 1 ? gemel_points_encode (&point, 1) : make_points ("both", (gint64) seq * 10, n);
  g_autoptr (GError) error = NULL;
  guint64            last = 0;

  g_assert_true (write_points (fixture, points, &last, &error));
  g_assert_cmpuint (last, ==, seq + n);
  return last;
}

static void
assert_equal_rows (Fixture     *a,
                   Fixture     *b,
                   const guint8 origin[16])
{
  guint64 after = 0;

  for (;;)
    {
      guint64            first_a = 0, last_a = 0, first_b = 0, last_b = 0;
      g_autoptr (GBytes) page_a = read_points (a, origin, after, 1000, &first_a, &last_a);
      g_autoptr (GBytes) page_b = read_points (b, origin, after, 1000, &first_b, &last_b);

      g_assert_true ((page_a == NULL) == (page_b == NULL));
      if (page_a == NULL)
        return;
      g_assert_cmpuint (first_a, ==, first_b);
      g_assert_cmpuint (last_a, ==, last_b);
      g_assert_true (g_bytes_equal (page_a, page_b));
      after = last_a;
    }
}

static void
test_exchange_union (void)
{
  Fixture              nodes[2];
  guint64              seqs[2] = { 0, 0 };
  g_autoptr (GVariant) found_a = NULL;
  g_autoptr (GVariant) found_b = NULL;

  g_test_summary (
    "both nodes write, exchange, lose pages, repeat pages and restart; in the end both "
    "hold the same rows");
  for (guint i = 0; i < 2; i++)
    {
      fixture_init (&nodes[i], (guint8) (i + 1));
      fixture_open (&nodes[i], FIXTURE_BUFFER_BYTES_MAX);
    }
  for (guint step = 0; step < EXCHANGE_STEPS; step++)
    {
      guint i = (guint) g_test_rand_int_range (0, 2);
      int   what = g_test_rand_int_range (0, 20);

      if (what < 8)
        seqs[i] = write_some (&nodes[i], seqs[i]);
      else if (what < 19)
        (void) carry_page (&nodes[i], &nodes[1 - i], nodes[i].uuid);
      else
        restart (&nodes[i]);
    }
  for (guint i = 0; i < 2; i++)
    {
      wait_until_sunk (&nodes[i], seqs[i]);
      while (carry_page (&nodes[i], &nodes[1 - i], nodes[i].uuid) ||
             get_mark (&nodes[1 - i], nodes[i].uuid) < seqs[i])
        ;
      assert_ledger (&nodes[i], nodes[i].uuid, seqs[i]);
      assert_ledger (&nodes[1 - i], nodes[i].uuid, seqs[i]);
      assert_equal_rows (&nodes[0], &nodes[1], nodes[i].uuid);
    }
  found_a = query_points (&nodes[0], NULL, 0, G_MAXINT64, 100000, FALSE);
  found_b = query_points (&nodes[1], NULL, 0, G_MAXINT64, 100000, FALSE);
  g_assert_cmpuint (g_variant_n_children (found_a), ==, seqs[0] + seqs[1]);
  g_assert_cmpuint (g_variant_n_children (found_b), ==, seqs[0] + seqs[1]);
  for (guint i = 0; i < 2; i++)
    fixture_clear (&nodes[i]);
}

static void
assert_times (GVariant *found,
              gint64    first_us,
              gint64    step_us,
              gsize     n)
{
  g_assert_cmpuint (g_variant_n_children (found), ==, n);
  for (gsize i = 0; i < n; i++)
    {
      gint64 unix_us = 0;

      g_variant_get_child (found, i, "(&sxuv@ayt)", NULL, &unix_us, NULL, NULL, NULL, NULL);
      g_assert_cmpint (unix_us, ==, first_us + (gint64) i * step_us);
    }
}

static void
test_exchange_query (void)
{
  Fixture            fixture;
  g_autoptr (GBytes) late = make_points ("a", 100, 50);
  g_autoptr (GBytes) early = make_points ("a", 50, 50);
  g_autoptr (GBytes) other = make_points ("b", 150, 50);
  g_autoptr (GError) error = NULL;

  g_test_summary (
    "a range has both ends, an order, a limit, one tag or all; late points are in place");
  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  g_assert_true (write_points (&fixture, late, NULL, &error));
  g_assert_true (write_points (&fixture, early, NULL, &error));
  g_assert_true (write_points (&fixture, other, NULL, &error));
  wait_until_sunk (&fixture, 150);
  {
    g_autoptr (GVariant) ends = query_points (&fixture, "a", 60, 120, 1000, FALSE);
    g_autoptr (GVariant) newest = query_points (&fixture, "a", 0, 1000, 7, TRUE);
    g_autoptr (GVariant) oldest = query_points (&fixture, "a", 0, 1000, 7, FALSE);
    g_autoptr (GVariant) all = query_points (&fixture, NULL, 0, G_MAXINT64, 1000, FALSE);
    g_autoptr (GVariant) none = query_points (&fixture, "nobody", 0, G_MAXINT64, 10, FALSE);
    g_autoptr (GVariant) inverted = query_points (&fixture, "a", 120, 60, 10, FALSE);
    g_autoptr (GVariant) extreme = query_points (&fixture, "a", G_MININT64, G_MAXINT64, 1000, TRUE);

    assert_times (ends, 60, 1, 61);
    assert_times (newest, 149, -1, 7);
    assert_times (oldest, 50, 1, 7);
    assert_times (all, 50, 1, 150);
    assert_times (none, 0, 0, 0);
    assert_times (inverted, 0, 0, 0);
    assert_times (extreme, 149, -1, 100);
  }
  fixture_clear (&fixture);
}

static void
test_exchange_query_long (void)
{
  Fixture fixture;
  gint64  hour_us = GEMEL_HISTORY_BLOCK_SPAN_US;

  g_test_summary (
    "points that are hours apart are in blocks of their own and are found from inside");
  fixture_init (&fixture, 1);
  fixture_open (&fixture, FIXTURE_BUFFER_BYTES_MAX);
  {
    char                 tag[] = "slow";
    GemelPoint           points[48];
    g_autoptr (GBytes)   bytes = NULL;
    g_autoptr (GError)   error = NULL;
    g_autoptr (GVariant) late = NULL;
    g_autoptr (GVariant) few = NULL;

    for (guint i = 0; i < G_N_ELEMENTS (points); i++)
      points[i] = (GemelPoint){
        .tag = tag, .unix_us = i * hour_us / 2, .type = GEMEL_VALUE_BOOL, .v.b = TRUE
      };
    bytes = gemel_points_encode (points, G_N_ELEMENTS (points));
    g_assert_true (write_points (&fixture, bytes, NULL, &error));
    wait_until_sunk (&fixture, G_N_ELEMENTS (points));
    late = query_points (&fixture, "slow", hour_us * 10 + 1, hour_us * 12, 100, FALSE);
    few = query_points (&fixture, "slow", 0, G_MAXINT64, 3, TRUE);
    assert_times (late, hour_us * 10 + hour_us / 2, hour_us / 2, 4);
    assert_times (few, 47 * hour_us / 2, -hour_us / 2, 3);
    g_assert_cmpint (
      select_int (gemel_history_get_sink (fixture.history), "SELECT count (*) FROM block"), ==, 16);
  }
  fixture_clear (&fixture);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/history/exchange/judged-by-the-mark", test_exchange_judged);
  g_test_add_func ("/history/exchange/both-hold-the-union", test_exchange_union);
  g_test_add_func ("/history/query/range-order-limit", test_exchange_query);
  g_test_add_func ("/history/query/long-ranges", test_exchange_query_long);
  return g_test_run ();
}
