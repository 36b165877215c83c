/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The log: bounds, levels, merge, pages, escapes, threads, what GLib writes, and stderr.
 */
#include "api/gemel-error.h"
#include "system/gemel-log.h"

#include <string.h>

typedef struct
{
  guint64 first_id;
  guint64 last_id;
  guint   n;
  char   *last_text;
  char   *last_level;
} Page;

static void
page_clear (Page *page)
{
  g_free (page->last_text);
  g_free (page->last_level);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Page, page_clear)

static Page
read_page (const GemelLogQuery *query)
{
  g_autoptr (GVariant) lines = g_variant_ref_sink (gemel_log_query (query));
  Page                 page = { 0 };
  GVariantIter         iter;
  const char          *provider, *level, *text;
  guint64              id;
  gint64               unix_us;

  g_variant_iter_init (&iter, lines);
  while (g_variant_iter_next (&iter, "(tx&s&s&s)", &id, &unix_us, &provider, &level, &text))
    {
      g_assert_cmpuint (id, >, page.last_id);
      g_assert_true (g_utf8_validate (text, -1, NULL));
      if (page.n++ == 0)
        page.first_id = id;
      page.last_id = id;
      g_free (page.last_text);
      g_free (page.last_level);
      page.last_text = g_strdup (text);
      page.last_level = g_strdup (level);
    }
  return page;
}

static Page
read_all (void)
{
  GemelLogQuery query = { 0 };

  return read_page (&query);
}

static void
test_log_ring_is_bounded_in_lines (void)
{
  gemel_log_init ("n", 5, FALSE);
  for (guint i = 1; i <= 12; i++)
    gemel_log ("link", GEMEL_LOG_INFO, "line %u", i);
  {
    g_auto (Page) page = read_all ();

    g_assert_cmpuint (page.n, ==, 5);
    g_assert_cmpuint (page.first_id, ==, 8);
    g_assert_cmpuint (page.last_id, ==, 12);
    g_assert_cmpstr (page.last_text, ==, "line 12");
    g_assert_cmpuint (gemel_log_get_dropped (), ==, 7);
  }
}

static void
test_log_ring_is_bounded_in_bytes (void)
{
  g_autofree char *big = g_strnfill (GEMEL_LOG_LINE_BYTES_MAX, 'x');
  guint            n_lines = 2 * GEMEL_LOG_RING_BYTES_MAX / GEMEL_LOG_LINE_BYTES_MAX;

  gemel_log_init ("n", 1000000, FALSE);
  for (guint i = 0; i < n_lines; i++)
    gemel_log ("link", GEMEL_LOG_INFO, "%s", big);
  g_assert_cmpuint (gemel_log_get_dropped (), >, n_lines / 3);
  g_assert_cmpuint (gemel_log_get_dropped (), <, n_lines);
}

static void
test_log_long_lines_are_cut (void)
{
  g_autofree char *big = g_strnfill (3 * GEMEL_LOG_LINE_BYTES_MAX, '\n');
  g_autofree char *exact = g_strnfill (GEMEL_LOG_LINE_BYTES_MAX - 3, 'a');

  gemel_log_init ("n", 10, FALSE);
  gemel_log ("link", GEMEL_LOG_INFO, "%s", big);
  {
    g_auto (Page) page = read_all ();

    g_assert_cmpuint (strlen (page.last_text), <=, GEMEL_LOG_LINE_BYTES_MAX);
    g_assert_true (g_str_has_suffix (page.last_text, "…"));
  }
  gemel_log ("link", GEMEL_LOG_INFO, "%s", exact);
  {
    g_auto (Page) page = read_all ();

    g_assert_cmpstr (page.last_text, ==, exact);
  }
}

static void
test_log_control_characters_are_escaped (void)
{
  gemel_log_init ("n", 10, FALSE);
  gemel_log ("link", GEMEL_LOG_INFO, "%s", "a\nb\tc\r\x1b[2J\x7f \xff\xfeü\xc2\x85\xe2\x80\xae");
  {
    g_auto (Page) page = read_all ();

    g_assert_cmpstr (page.last_text, ==, "a\\nb\\tc\\r\\x1b[2J\\x7f \\xff\\xfeü\\u0085\\u202e");
  }
}

static void
test_log_levels_are_per_provider (void)
{
  g_autoptr (GError) error = NULL;

  gemel_log_init ("n", 100, FALSE);
  gemel_log ("link", GEMEL_LOG_DEBUG, "not kept");
  g_assert_true (gemel_log_set_level ("link", GEMEL_LOG_TRACE, &error));
  gemel_log ("link", GEMEL_LOG_TRACE, "kept");
  gemel_log ("sync", GEMEL_LOG_DEBUG, "not kept");
  g_assert_true (gemel_log_set_level ("*", GEMEL_LOG_ERROR, &error));
  gemel_log ("link", GEMEL_LOG_WARNING, "not kept");
  gemel_log ("never-seen", GEMEL_LOG_WARNING, "not kept");
  gemel_log ("never-seen", GEMEL_LOG_ERROR, "kept");
  gemel_log ("link", (GemelLogLevel) 77, "kept");
  {
    g_auto (Page) page = read_all ();

    g_assert_cmpuint (page.n, ==, 3);
    g_assert_cmpstr (page.last_level, ==, "error");
  }
  g_assert_false (gemel_log_set_level ("lnik", GEMEL_LOG_INFO, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND);
  g_clear_error (&error);
  g_assert_false (gemel_log_set_level ("link", (GemelLogLevel) 9, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
  g_clear_error (&error);
  g_assert_true (gemel_log_set_level ("module/new", GEMEL_LOG_DEBUG, &error));
}

static void
test_log_providers_are_bounded (void)
{
  g_autoptr (GVariant) list = NULL;
  g_autoptr (GError)   error = NULL;

  gemel_log_init ("n", 1000, FALSE);
  for (guint i = 0; i < 2 * GEMEL_LOG_PROVIDERS_MAX; i++)
    {
      g_autofree char *name = g_strdup_printf ("p%u", i);

      gemel_log (name, GEMEL_LOG_INFO, "x");
    }
  gemel_log ("not a\nname", GEMEL_LOG_INFO, "x");
  list = g_variant_ref_sink (gemel_log_list_providers ());
  g_assert_cmpuint (g_variant_n_children (list), ==, GEMEL_LOG_PROVIDERS_MAX);
  g_assert_false (gemel_log_set_merge ("module/late", TRUE, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT);
}

static void
test_log_pages_in_both_directions (void)
{
  GemelLogQuery after = { .after_id = 10, .limit = 5 };
  GemelLogQuery before = { .before_id = 50, .limit = 5 };
  GemelLogQuery newest = { .limit = 1 };
  GemelLogQuery grave = { .level_min = GEMEL_LOG_WARNING };
  GemelLogQuery words = { .provider = "sync", .text = "7" };

  gemel_log_init ("n", 5000, FALSE);
  for (guint i = 1; i <= 2000; i++)
    gemel_log (i % 2 == 0 ? "link" : "sync", i == 1500 ? GEMEL_LOG_WARNING : GEMEL_LOG_INFO,
               "line %u", i);
  {
    g_auto (Page) page = read_page (&after);
    g_auto (Page) older = read_page (&before);
    g_auto (Page) last = read_page (&newest);
    g_auto (Page) warnings = read_page (&grave);
    g_auto (Page) found = read_page (&words);
    g_auto (Page) all = read_all ();

    g_assert_cmpuint (page.first_id, ==, 11);
    g_assert_cmpuint (page.n, ==, 5);
    g_assert_cmpuint (older.first_id, ==, 45);
    g_assert_cmpuint (older.last_id, ==, 49);
    g_assert_cmpuint (last.last_id, ==, 2000);
    g_assert_cmpuint (warnings.n, ==, 1);
    g_assert_cmpuint (warnings.last_id, ==, 1500);
    g_assert_cmpuint (found.first_id, ==, 7);
    g_assert_cmpuint (all.n, ==, GEMEL_LOG_QUERY_LINES_MAX);
    g_assert_cmpuint (all.first_id, ==, 1001);
    g_assert_cmpuint (all.last_id, ==, 2000);
  }
}

static gpointer
log_much (gpointer data)
{
  for (guint i = 0; i < 2000; i++)
    gemel_log (data, GEMEL_LOG_INFO, "line %u", i);
  return NULL;
}

static void
test_log_threads_lose_nothing (void)
{
  static const char *const names[] = { "link", "sync", "store", "history" };
  GThread                 *threads[G_N_ELEMENTS (names)];
  GemelLogQuery            query = { .before_id = G_MAXUINT64, .limit = 1 };

  gemel_log_init ("n", 100, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    threads[i] = g_thread_new (names[i], log_much, (gpointer) names[i]);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    (void) g_thread_join (threads[i]);
  {
    g_auto (Page) page = read_page (&query);

    g_assert_cmpuint (page.last_id, ==, 8000);
    g_assert_cmpuint (gemel_log_get_dropped (), ==, 7900);
  }
}

static void
test_log_takes_what_glib_logs (void)
{
  GemelLogQuery query = { .provider = "glib" };

  gemel_log_init ("n", 100, FALSE);
  g_log ("GLib-Net", G_LOG_LEVEL_MESSAGE, "from a\nlibrary");
  {
    g_auto (Page) page = read_page (&query);

    g_assert_cmpuint (page.n, ==, 1);
    g_assert_cmpstr (page.last_text, ==, "GLib-Net: from a\\nlibrary");
  }
}

static void
test_log_level_tokens_go_both_ways (void)
{
  GemelLogLevel level = GEMEL_LOG_INFO;

  for (int i = GEMEL_LOG_TRACE; i <= GEMEL_LOG_ERROR; i++)
    {
      g_assert_true (
        gemel_log_level_from_string (gemel_log_level_to_string ((GemelLogLevel) i), &level));
      g_assert_cmpint (level, ==, i);
    }
  g_assert_false (gemel_log_level_from_string ("loud", &level));
  g_assert_false (gemel_log_level_from_string (NULL, &level));
  g_assert_cmpstr (gemel_log_level_to_string ((GemelLogLevel) 42), ==, "unknown");
}

static void
test_log_stderr_gets_what_matters (void)
{
  g_autoptr (GError) error = NULL;

  if (g_test_subprocess ())
    {
      gemel_log_init ("n", 100, TRUE);
      gemel_log ("link", GEMEL_LOG_INFO, "quiet");
      gemel_log ("link", GEMEL_LOG_WARNING, "two\nlines");
      g_assert_true (gemel_log_set_merge ("sync", TRUE, &error));
      gemel_log ("sync", GEMEL_LOG_INFO, "merged");
      gemel_log_event (GEMEL_EVENT_LINK_UP, GEMEL_CAUSE_NONE, 7, "the link is up");
      gemel_log_event ((GemelEventCode) 9999, GEMEL_CAUSE_NONE, 0, "of a later version");
      return;
    }
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*gemeld: link: two\\nlines\ngemeld: sync: merged\ngemeld: event: the "
                             "link is up\n"
                             "gemeld: event: of a later version\n");
  g_test_trap_assert_stderr_unmatched ("*quiet*");
}

static void
test_log_event_is_a_line (void)
{
  GemelLogQuery      query = { .provider = "event" };
  g_autoptr (GError) error = NULL;

  gemel_log_init ("n", 100, FALSE);
  g_assert_true (gemel_log_set_level ("*", GEMEL_LOG_ERROR, &error));
  gemel_log_event (GEMEL_EVENT_CHANGEOVER, GEMEL_CAUSE_DEATH_NOTICE, 12, "active now");
  {
    g_auto (Page) page = read_page (&query);

    g_assert_cmpuint (page.n, ==, 1);
    g_assert_cmpstr (page.last_level, ==, "warning");
    g_assert_cmpstr (page.last_text, ==, "active now");
  }
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/system/log/ring-is-bounded-in-lines", test_log_ring_is_bounded_in_lines);
  g_test_add_func ("/system/log/ring-is-bounded-in-bytes", test_log_ring_is_bounded_in_bytes);
  g_test_add_func ("/system/log/long-lines-are-cut", test_log_long_lines_are_cut);
  g_test_add_func ("/system/log/control-characters-are-escaped",
                   test_log_control_characters_are_escaped);
  g_test_add_func ("/system/log/levels-are-per-provider", test_log_levels_are_per_provider);
  g_test_add_func ("/system/log/providers-are-bounded", test_log_providers_are_bounded);
  g_test_add_func ("/system/log/pages-in-both-directions", test_log_pages_in_both_directions);
  g_test_add_func ("/system/log/threads-lose-nothing", test_log_threads_lose_nothing);
  g_test_add_func ("/system/log/takes-what-glib-logs", test_log_takes_what_glib_logs);
  g_test_add_func ("/system/log/level-tokens-go-both-ways", test_log_level_tokens_go_both_ways);
  g_test_add_func ("/system/log/stderr-gets-what-matters", test_log_stderr_gets_what_matters);
  g_test_add_func ("/system/log/event-is-a-line", test_log_event_is_a_line);
  return g_test_run ();
}
