/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * How gemelctl shows things: durations, sizes, times, tables, and the sentence for each state.
 */
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-table.h"
#include "ctl/gemel-ctl-view.h"
#include "ctl/gemel-ctl.h"

#include <locale.h>
#include <string.h>

#define NOW G_GINT64_CONSTANT (1795385593000000)

static void
assert_take (char       *got,
             const char *expected)
{
  g_assert_cmpstr (got, ==, expected);
  g_free (got);
}

static void
test_format_duration (void)
{
  assert_take (gemel_ctl_format_duration (0), "0 µs");
  assert_take (gemel_ctl_format_duration (850), "850 µs");
  assert_take (gemel_ctl_format_duration (12345), "12.3 ms");
  assert_take (gemel_ctl_format_duration (999990), "1.0 s");
  assert_take (gemel_ctl_format_duration (59990000), "1 min 0 s");
  assert_take (gemel_ctl_format_duration (184 * G_USEC_PER_SEC), "3 min 4 s");
  assert_take (gemel_ctl_format_duration (G_GINT64_CONSTANT (7500) * G_USEC_PER_SEC), "2 h 5 min");
  assert_take (gemel_ctl_format_duration (G_GINT64_CONSTANT (90000) * G_USEC_PER_SEC), "1 d 1 h");
  assert_take (gemel_ctl_format_duration (-1500), "−1.5 ms");
}

static void
test_format_numbers (void)
{
  assert_take (gemel_ctl_format_bytes (512), "512 B");
  assert_take (gemel_ctl_format_bytes (1536), "1.5 KiB");
  assert_take (gemel_ctl_format_bytes (1024 * 1024 - 1), "1.0 MiB");
  assert_take (gemel_ctl_format_rate (0), "0");
  assert_take (gemel_ctl_format_rate (12.34), "12.3");
  assert_take (gemel_ctl_format_rate (5120), "5120");
  assert_take (gemel_ctl_format_number (0.1), "0.1");
  assert_take (gemel_ctl_format_number (1.0 / 3.0), "0.3333333333333333");
  assert_take (gemel_ctl_format_time (0), "never");
  assert_take (gemel_ctl_format_time (NOW + 123999), "2026-11-22 22:13:13.123 UTC");
}

static GVariant *
new_bytes (const char *bytes,
           gsize       n)
{
  return g_variant_ref_sink (g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, n, 1));
}

static void
test_format_values (void)
{
  g_autoptr (GVariant) text = new_bytes ("käse", 5);
  g_autoptr (GVariant) bytes = new_bytes ("\xff\x00", 2);

  assert_take (gemel_ctl_format_value (text), "käse");
  assert_take (gemel_ctl_format_value (bytes), "0xff00");
  assert_take (gemel_ctl_sanitize ("a\033[2Jb\nc"), "a\\u001b[2Jb\\nc");
  assert_take (gemel_ctl_sanitize ("a\xff"), "a�");
  g_assert_cmpuint (gemel_ctl_text_width ("日本ab"), ==, 6);
}

static void
assert_time (const char *text,
             gint64      expected)
{
  g_autoptr (GError) error = NULL;
  gint64             usec = -1;

  g_assert_true (gemel_ctl_parse_time (text, NOW, &usec, &error));
  g_assert_no_error (error);
  g_assert_cmpint (usec, ==, expected);
}

static void
test_time_forms (void)
{
  static const char *const bad[] = { "", "yesterdayish", "-10", "-10parsec", "@",
                                     "@1e99", "25:99", "2026-13-01", "-nans", "-infh" };

  assert_time ("now", NOW);
  assert_time ("-10min", NOW - (gint64) 600 * G_USEC_PER_SEC);
  assert_time ("-1.5h", NOW - G_GINT64_CONSTANT (5400) * G_USEC_PER_SEC);
  assert_time ("@1795385593", NOW);
  assert_time ("2026-11-22T22:13:13Z", NOW);
  assert_time ("2026-11-22 22:13:13", NOW);
  assert_time ("22:13", NOW - 13 * G_USEC_PER_SEC);
  assert_time ("2026-11-22 22:13", NOW - 13 * G_USEC_PER_SEC);
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;
      gint64             usec = 7;

      g_assert_false (gemel_ctl_parse_time (bad[i], NOW, &usec, &error));
      g_assert_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE);
      g_assert_cmpint (usec, ==, 7);
    }
}

static void
test_table_aligns (void)
{
  static const char *const  titles[] = { "name", ">n", "text", NULL };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (titles);

  gemel_ctl_table_add (table, "äöü", GEMEL_CTL_PLAIN);
  gemel_ctl_table_add_count (table, 7);
  gemel_ctl_table_add (table, "x\033y", GEMEL_CTL_BAD);
  gemel_ctl_table_add (table, "日本語", GEMEL_CTL_PLAIN);
  gemel_ctl_table_add_count (table, 100);
  gemel_ctl_table_add (table, "", GEMEL_CTL_PLAIN);
  assert_take (gemel_ctl_table_render (table, 0, FALSE),
               "name      n  text\näöü       7  x\\u001by\n日本語  100\n");
}

static void
test_table_fits (void)
{
  static const char *const  titles[] = { "a", "b", NULL };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (titles);
  g_autofree char          *text = NULL;
  g_auto (GStrv)            lines = NULL;

  gemel_ctl_table_add (table, "short", GEMEL_CTL_PLAIN);
  gemel_ctl_table_add (table, "日本日本日本日本日本日本日本日本日本日本日本日本日本日本日本", GEMEL_CTL_PLAIN);
  text = gemel_ctl_table_render (table, 40, FALSE);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    g_assert_cmpuint (gemel_ctl_text_width (lines[i]), <=, 40);
  g_assert_nonnull (strstr (text, "…"));
}

/* ---- sentences ---- */

#define VIEW                                               \
  "{\"usec\":%" G_GINT64_FORMAT ","                        \
  "\"node\":{\"name\":\"node-a\",\"role\":\"master\",%s}," \
  "\"peer\":{\"name\":\"node-b\",\"role\":\"backup\",%s}}"

static void
assert_sentence (const char   *node,
                 const char   *peer,
                 const char   *expected,
                 GemelCtlStyle expected_style)
{
  g_autofree char      *json = g_strdup_printf (VIEW, NOW, node, peer);
  g_auto (GemelCtlView) view = { 0 };
  g_autoptr (GError)    error = NULL;
  g_autofree char      *page = NULL;
  GemelCtlStyle         style = GEMEL_CTL_PLAIN;

  g_assert_true (gemel_ctl_view_parse (json, &view, &error));
  g_assert_no_error (error);
  assert_take (gemel_ctl_view_sentence (&view, &style), expected);
  g_assert_cmpint (style, ==, expected_style);
  page = gemel_ctl_view_render (&view, TRUE, 0, FALSE);
  g_assert_true (g_str_has_prefix (page, expected));
}

#define PAIRED "\"paired\":true,"
#define ACTIVE PAIRED "\"activity_level\":\"active\",\"state\":\"active\""
#define ALIVE  "\"alive\":true,\"connected\":true,"

static void
test_sentence_for_each_state (void)
{
  assert_sentence (ACTIVE, ALIVE "\"activity_level\":\"warm\",\"synced\":true,\"eligible\":true",
                   "node-a is active (master); node-b is level and ready.", GEMEL_CTL_GOOD);
  assert_sentence (ACTIVE, ALIVE "\"activity_level\":\"warm\",\"synced\":false,\"eligible\":true",
                   "node-a is active (master); node-b is not level yet: "
                   "a failover now could lose something.",
                   GEMEL_CTL_WARN);
  assert_sentence (ACTIVE, ALIVE "\"activity_level\":\"warm\",\"synced\":true",
                   "node-a is active (master); node-b is level but cannot take over; "
                   "its events say why.",
                   GEMEL_CTL_WARN);
  assert_sentence (ACTIVE, ALIVE "\"activity_level\":\"undecided\"",
                   "node-a is active (master); node-b is undecided: it starts, or asks who is "
                   "active.",
                   GEMEL_CTL_WARN);
  assert_sentence (ACTIVE, "\"activity_level\":\"warm\",\"last_seen_usec\":1795385409000000",
                   "node-a is active (master); node-b has not been heard for 3 min 4 s: "
                   "nobody would take over.",
                   GEMEL_CTL_WARN);
  assert_sentence (PAIRED "\"activity_level\":\"warm\",\"state\":\"standby\"",
                   "\"activity_level\":\"active\"",
                   "node-a is warm (master); node-b has not been heard since the start: "
                   "no active node is seen.",
                   GEMEL_CTL_BAD);
  assert_sentence (PAIRED "\"activity_level\":\"warm\",\"synced\":true,\"eligible\":true",
                   ALIVE "\"activity_level\":\"active\"",
                   "node-b is active (backup); node-a is level and ready.", GEMEL_CTL_GOOD);
  assert_sentence (ACTIVE, ALIVE "\"activity_level\":\"active\"",
                   "BOTH NODES ARE ACTIVE: node-a and node-b; one of them gives way by the rule of "
                   "the pair (gemelctl events).",
                   GEMEL_CTL_BAD);
  assert_sentence (ACTIVE ",\"switching\":true", ALIVE "\"activity_level\":\"warm\"",
                   "A switchover is under way: node-a is active, node-b is warm.", GEMEL_CTL_WARN);
  assert_sentence (PAIRED "\"activity_level\":\"undecided\"", ALIVE "\"activity_level\":\"cold\"",
                   "Neither node is active: node-a is undecided, node-b is cold.", GEMEL_CTL_BAD);
  assert_sentence (PAIRED "\"activity_level\":\"cold\",\"state\":\"fault\","
                          "\"cause\":\"term-not-durable\"",
                   ALIVE "\"activity_level\":\"active\"",
                   "node-a has a fault (term-not-durable) and cannot be active; node-b is active.",
                   GEMEL_CTL_BAD);
  assert_sentence ("\"activity_level\":\"active\"", "\"connected\":false",
                   "node-a is active on its own: it is not paired (gemelctl pair invite).",
                   GEMEL_CTL_WARN);
}

static void
test_view_survives_nonsense (void)
{
  static const char *const bad[] = { "", "[]", "{", "null", "7" };
  static const char *const odd[] = {
    "{}",
    "{\"node\":7,\"peer\":[]}",
    "{\"node\":{\"name\":null,\"term\":{}},\"providers\":7}",
    "{\"providers\":[7,null]}",
  };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_auto (GemelCtlView) view = { 0 };
      g_autoptr (GError)    error = NULL;

      g_assert_false (gemel_ctl_view_parse (bad[i], &view, &error));
      g_assert_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED);
    }
  for (guint i = 0; i < G_N_ELEMENTS (odd); i++)
    {
      g_auto (GemelCtlView) view = { 0 };
      g_autofree char      *page = NULL;

      g_assert_true (gemel_ctl_view_parse (odd[i], &view, NULL));
      page = gemel_ctl_view_render (&view, TRUE, 80, TRUE);
      g_assert_nonnull (page);
    }
}

static void
test_names_and_nearest (void)
{
  assert_take (gemel_ctl_json_name ("LastPullUSec"), "last_pull_usec");
  assert_take (gemel_ctl_json_name ("HeadSeq"), "head_seq");
  g_assert_cmpstr (gemel_ctl_nearest_command ("staus"), ==, "status");
  g_assert_cmpstr (gemel_ctl_nearest_command ("config gte"), ==, "config get");
  g_assert_null (gemel_ctl_nearest_command ("xyzzy"));
  g_assert_null (gemel_ctl_nearest_command ("a very long text that can be no command at all"));
}

int
main (int    argc,
      char **argv)
{
  g_setenv ("TZ", "UTC", TRUE);
  setlocale (LC_ALL, "");
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ctl/format/durations-have-two-units-at-most", test_format_duration);
  g_test_add_func ("/ctl/format/numbers-and-times", test_format_numbers);
  g_test_add_func ("/ctl/format/values-are-safe", test_format_values);
  g_test_add_func ("/ctl/time/forms-that-people-write", test_time_forms);
  g_test_add_func ("/ctl/table/aligns-by-columns-of-the-terminal", test_table_aligns);
  g_test_add_func ("/ctl/table/fits-into-the-width", test_table_fits);
  g_test_add_func ("/ctl/view/a-sentence-for-each-state", test_sentence_for_each_state);
  g_test_add_func ("/ctl/view/nonsense-is-survived", test_view_survives_nonsense);
  g_test_add_func ("/ctl/commands/names-and-nearest", test_names_and_nearest);
  return g_test_run ();
}
