/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl history: points over time, and the proof that none is missing.
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-table.h"

#include <errno.h>
#include <string.h>

#define LIMIT_DEFAULT 100

/* ---- write ---- */

static GVariant *
make_value (const char *text,
            const char *type,
            GError    **error)
{
  char *end = NULL;

  errno = 0;
  if (strcmp (type, "string") == 0)
    return g_variant_new_string (text);
  if (strcmp (type, "bool") == 0 && (strcmp (text, "true") == 0 || strcmp (text, "false") == 0))
    return g_variant_new_boolean (text[0] == 't');
  if (strcmp (type, "int") == 0)
    {
      const gint64 value = g_ascii_strtoll (text, &end, 10);

      if (end != text && *end == '\0' && errno == 0)
        return g_variant_new_int64 (value);
    }
  if (strcmp (type, "double") == 0)
    {
      const double value = g_ascii_strtod (text, &end);

      if (end != text && *end == '\0')
        return g_variant_new_double (value);
    }
  g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
               "“%s” is no value of type %s; --type is double, int, bool or string", text, type);
  return NULL;
}

static gboolean
parse_status (const char *text,
              guint32    *ret_status,
              GError    **error)
{
  char   *end = NULL;
  guint64 value = 0;

  errno = 0;
  if (text != NULL)
    value = g_ascii_strtoull (text, &end, 0);
  if (text == NULL ||
      (end != text && *end == '\0' && errno == 0 && value <= G_MAXUINT32 && text[0] != '-'))
    {
      *ret_status = (guint32) value;
      return TRUE;
    }
  g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
               "“%s” is no OPC UA status code; 0 is good, 0x80000000 is bad", text);
  return FALSE;
}

/**
 * gemel_ctl_history_write:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the point was taken.
 * Thread: main
 */
gboolean
gemel_ctl_history_write (GemelCtl *ctl,
                         char   ***args,
                         GError  **error)
{
  g_autofree char *type = NULL;
  g_autofree char *status_text = NULL;
  g_autofree char *time_text = NULL;
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "type", 0, 0, G_OPTION_ARG_STRING, &type, "double (default), int, bool or string", "TYPE" },
    { "status", 0, 0, G_OPTION_ARG_STRING, &status_text,
      "OPC UA status code (default 0: good)", "CODE" },
    { "time", 0, 0, G_OPTION_ARG_STRING, &time_text, "Time of the point (default: now)", "TIME" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  /* clang-format on */
  const gint64            now = gemel_ctl_now_unix_us ();
  g_autoptr (GVariant)    reply = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  GVariant               *value;
  GVariant               *point;
  guint32                 status;
  gint64                  usec = now;
  guint64                 seq;

  /* A value below zero looks like an option: "--" before it. */
  if (!gemel_ctl_parse (ctl, entries, "TAG [--] VALUE", 2, 2, args, error) ||
      !parse_status (status_text, &status, error) ||
      (time_text != NULL && !gemel_ctl_parse_time (time_text, now, &usec, error)))
    return FALSE;
  value = make_value ((*args)[1], type != NULL ? type : "double", error);
  if (value == NULL)
    return FALSE;
  point = g_variant_new ("(sxuv)", (*args)[0], usec, status, value);
  reply = gemel_ctl_call (ctl, "History", "Write",
                          g_variant_new ("(@a(sxuv)@a{sv})", g_variant_new_array (NULL, &point, 1),
                                         gemel_ctl_no_options ()),
                          "(t)", error);
  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(t)", &seq);
  if (!ctl->json)
    {
      g_print ("written: seq %" G_GUINT64_FORMAT ", on this node's disk\n", seq);
      return TRUE;
    }
  json_builder_begin_object (json);
  gemel_ctl_json_add_int (json, "last_seq", (gint64) seq);
  json_builder_end_object (json);
  gemel_ctl_json_print (ctl, json);
  return TRUE;
}

/* ---- query ---- */

static const char *const point_titles[] = { "time", "tag", ">value", "status",
                                            "origin", ">seq", NULL };

static void
add_point_json (JsonBuilder *json,
                GVariant    *row)
{
  static const char *const names[] = { "tag", "usec", "status", "value", NULL };
  g_autoptr (GVariant)     bytes = g_variant_get_child_value (row, 4);
  g_autofree char         *origin = gemel_ctl_format_uuid (bytes);
  guint64                  seq;

  g_variant_get_child (row, 5, "t", &seq);
  json_builder_begin_object (json);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (row, i);

      gemel_ctl_json_add_variant (json, names[i], child);
    }
  gemel_ctl_json_add_text (json, "origin", origin);
  gemel_ctl_json_add_int (json, "seq", (gint64) seq);
  json_builder_end_object (json);
}

static char *
format_status (guint32 status)
{
  static const char *const severities[] = { "good", "uncertain", "bad", "bad" };

  return status == 0 ? g_strdup ("good")
                     : g_strdup_printf ("%s 0x%08x", severities[status >> 30], status);
}

static void
add_point (GemelCtlTable *table,
           GVariant      *row)
{
  const char          *tag;
  gint64               usec;
  guint32              status;
  guint64              seq;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) bytes = NULL;
  g_autofree char     *origin = NULL;

  g_variant_get (row, "(&sxuv@ayt)", &tag, &usec, &status, &value, &bytes, &seq);
  origin = gemel_ctl_format_uuid (bytes);
  gemel_ctl_table_take (table, gemel_ctl_format_time (usec));
  gemel_ctl_table_add (table, tag, GEMEL_CTL_PLAIN);
  gemel_ctl_table_take (table, gemel_ctl_format_variant (value));
  gemel_ctl_table_take (table, format_status (status));
  gemel_ctl_table_take (table, g_strndup (origin, strlen ("01234567")));
  gemel_ctl_table_add_count (table, seq);
}

/* RFC 4180: quotes around it when needed, doubled within. */
static void
append_csv (GString    *out,
            const char *text)
{
  g_auto (GStrv)   parts = NULL;
  g_autofree char *doubled = NULL;

  if (strpbrk (text, ",\"\r\n") == NULL)
    {
      g_string_append (out, text);
      return;
    }
  parts = g_strsplit (text, "\"", -1);
  doubled = g_strjoinv ("\"\"", parts);
  g_string_append_printf (out, "\"%s\"", doubled);
}

static void
append_point_csv (GString  *out,
                  GVariant *row)
{
  const char          *tag;
  gint64               usec;
  guint32              status;
  guint64              seq;
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) bytes = NULL;
  g_autofree char     *origin = NULL;
  g_autofree char     *text = NULL;

  g_variant_get (row, "(&sxuv@ayt)", &tag, &usec, &status, &value, &bytes, &seq);
  origin = gemel_ctl_format_uuid (bytes);
  text = gemel_ctl_format_variant (value);
  append_csv (out, tag);
  g_string_append_printf (out, ",%" G_GINT64_FORMAT ",%u,", usec, status);
  append_csv (out, text);
  g_string_append_printf (out, ",%s,%" G_GUINT64_FORMAT "\n", origin, seq);
}

static void
print_points (GemelCtl *ctl,
              GVariant *rows,
              gboolean  csv)
{
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (point_titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autoptr (GString)       lines = g_string_new ("tag,usec,status,value,origin,seq\n");
  g_autofree char          *text = NULL;

  json_builder_begin_array (json);
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

      add_point (table, row);
      add_point_json (json, row);
      append_point_csv (lines, row);
    }
  json_builder_end_array (json);
  if (csv)
    g_print ("%s", lines->str);
  else if (ctl->json)
    gemel_ctl_json_print (ctl, json);
  else
    {
      text = g_variant_n_children (rows) > 0
               ? gemel_ctl_table_render (table, ctl->width, ctl->colour)
               : g_strdup ("There are no such points.\n");
      g_print ("%s", text);
    }
}

/**
 * gemel_ctl_history_query:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * The oldest points of the range, in time order; what comes after them is found by asking again
 * from the time of the last one.
 *
 * Returns: whether they were printed.
 * Thread: main
 */
gboolean
gemel_ctl_history_query (GemelCtl *ctl,
                         char   ***args,
                         GError  **error)
{
  g_autofree char *from_text = NULL;
  g_autofree char *to_text = NULL;
  gboolean         csv = FALSE;
  int              limit = LIMIT_DEFAULT;
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &from_text,
      "From this time on: -10min, 10:00, 2026-11-22 …", "TIME" },
    { "to", 0, 0, G_OPTION_ARG_STRING, &to_text, "Up to this time", "TIME" },
    { "limit", 'n', 0, G_OPTION_ARG_INT, &limit, "The oldest N, 1 to 1000 (default 100)", "N" },
    { "csv", 0, 0, G_OPTION_ARG_NONE, &csv, "Comma-separated values, times in µs UTC", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  /* clang-format on */
  const gint64         now = gemel_ctl_now_unix_us ();
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) rows = NULL;
  gint64               from = 0;
  gint64               to = 0;

  if (!gemel_ctl_parse (ctl, entries, "[TAG]", 0, 1, args, error) ||
      (from_text != NULL && !gemel_ctl_parse_time (from_text, now, &from, error)) ||
      (to_text != NULL && !gemel_ctl_parse_time (to_text, now, &to, error)))
    return FALSE;
  if (limit < 1 || limit > GEMEL_CTL_PAGE)
    {
      g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "--limit is 1 to %d", GEMEL_CTL_PAGE);
      return FALSE;
    }
  reply = gemel_ctl_call (ctl, "History", "Query",
                          g_variant_new ("(sxxu@a{sv})", (*args)[0] != NULL ? (*args)[0] : "", from,
                                         to, (guint) limit, gemel_ctl_no_options ()),
                          "(a(sxuvayt))", error);
  if (reply == NULL)
    return FALSE;
  rows = g_variant_get_child_value (reply, 0);
  print_points (ctl, rows, csv);
  return TRUE;
}

/* ---- ledger ---- */

static const char *const ledger_titles[] = { "origin", ">rows", ">first", ">last",
                                             ">mark", ">gaps", ">duplicates", NULL };
static const char *const ledger_names[] = { "rows", "first", "last", "mark",
                                            "gaps", "duplicates", NULL };

static void
add_origin (GemelCtlTable *table,
            JsonBuilder   *json,
            GVariant      *row,
            guint64       *faults)
{
  g_autoptr (GVariant) bytes = g_variant_get_child_value (row, 0);
  g_autofree char     *origin = gemel_ctl_format_uuid (bytes);

  gemel_ctl_table_add (table, origin, GEMEL_CTL_PLAIN);
  json_builder_begin_object (json);
  gemel_ctl_json_add_text (json, "origin", origin);
  for (guint i = 0; ledger_names[i] != NULL; i++)
    {
      const gboolean   is_fault = i >= 4;
      g_autofree char *text = NULL;
      guint64          count;

      g_variant_get_child (row, i + 1, "t", &count);
      text = g_strdup_printf ("%" G_GUINT64_FORMAT, count);
      gemel_ctl_table_add (table, text, is_fault && count > 0 ? GEMEL_CTL_BAD : GEMEL_CTL_PLAIN);
      gemel_ctl_json_add_int (json, ledger_names[i], (gint64) count);
      if (is_fault)
        *faults += count;
    }
  json_builder_end_object (json);
}

/**
 * gemel_ctl_history_ledger:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * With --check the exit code is 1 when anything is missing or twice.
 *
 * Returns: whether the ledger was printed.
 * Thread: main
 */
gboolean
gemel_ctl_history_ledger (GemelCtl *ctl,
                          char   ***args,
                          GError  **error)
{
  gboolean           check = FALSE;
  const GOptionEntry entries[] = {
    { "check", 0, 0, G_OPTION_ARG_NONE, &check, "Exit with 1 when there is a gap or a duplicate",
      NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (ledger_titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autoptr (GVariant)      reply = NULL;
  g_autoptr (GVariant)      rows = NULL;
  g_autofree char          *text = NULL;
  guint64                   faults = 0;

  if (!gemel_ctl_parse (ctl, entries, "", 0, 0, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "History", "Ledger",
                          g_variant_new ("(@a{sv})", gemel_ctl_no_options ()), "(a(aytttttt))",
                          error);
  if (reply == NULL)
    return FALSE;
  rows = g_variant_get_child_value (reply, 0);
  json_builder_begin_array (json);
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

      add_origin (table, json, row, &faults);
    }
  json_builder_end_array (json);
  text = gemel_ctl_table_render (table, ctl->width, ctl->colour);
  if (ctl->json)
    gemel_ctl_json_print (ctl, json);
  else
    g_print ("%s%s\n", text,
             faults == 0 ? "Nothing is missing and nothing is twice."
                         : "THERE ARE GAPS OR DUPLICATES.");
  if (check && faults > 0)
    ctl->status = GEMEL_CTL_FAILED;
  return TRUE;
}

/**
 * gemel_ctl_history_stats:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the counters were printed.
 * Thread: main
 */
gboolean
gemel_ctl_history_stats (GemelCtl *ctl,
                         char   ***args,
                         GError  **error)
{
  /* clang-format off */
  static const char *const lines[][2] = {
    { "Written", "points taken since the start" },
    { "BufferedPoints", "points in the buffer, not yet in the sink" },
    { "SinkPoints", "points forwarded to the sink" },
    { "ReceivedPoints", "points that came from the peer" },
    { "SkippedPoints", "points that were there already" },
    { "OwnSeq", "last sequence of this node" },
    { "OwnSinkSeq", "how far this node's sink has them" },
    { "PeerAckedSeq", "how far the peer has them" },
    { "Quarantined", "batches that the sink refused" },
    { "RefusedLimit", "writes refused because the buffer was full" },
  };
  /* clang-format on */
  g_autoptr (GVariant)    stats = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();

  if (!gemel_ctl_parse (ctl, NULL, "", 0, 0, args, error))
    return FALSE;
  stats = gemel_ctl_get_all (ctl, GEMEL_BUS_PATH_NODE, "History", error);
  if (stats == NULL)
    return FALSE;
  if (ctl->json)
    {
      json_builder_begin_object (json);
      gemel_ctl_json_add_properties (json, stats);
      json_builder_end_object (json);
      gemel_ctl_json_print (ctl, json);
      return TRUE;
    }
  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      guint64 count = 0;

      (void) g_variant_lookup (stats, lines[i][0], "t", &count);
      g_print ("%-44s %" G_GUINT64_FORMAT "\n", lines[i][1], count);
    }
  return TRUE;
}
