/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl modules, series, and the words that the shell completes.
 */
#include "api/gemel-enums.h"
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-table.h"
#include "ctl/gemel-ctl-view.h"

#include <string.h>

#define POINTS_DEFAULT 60

static GemelCtlStyle
module_style (const char *state)
{
  if (strcmp (state, "running") == 0)
    return GEMEL_CTL_GOOD;
  return strcmp (state, "waiting") == 0 ? GEMEL_CTL_WARN : GEMEL_CTL_PLAIN;
}

static void
add_module (GemelCtlTable *table,
            GVariant      *row)
{
  const char *name, *level, *state;
  guint32     pid, restarts;
  gint64      since;

  g_variant_get (row, "(&s&s&suux)", &name, &level, &state, &pid, &restarts, &since);
  gemel_ctl_table_add (table, name, GEMEL_CTL_PLAIN);
  gemel_ctl_table_add (table, level, GEMEL_CTL_PLAIN);
  gemel_ctl_table_add (table, state, module_style (state));
  gemel_ctl_table_take (table, pid != 0 ? g_strdup_printf ("%u", pid) : g_strdup ("–"));
  gemel_ctl_table_add_count (table, restarts);
  gemel_ctl_table_take (table, gemel_ctl_format_time (since));
}

/**
 * gemel_ctl_modules:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether they were printed.
 * Thread: main
 */
gboolean
gemel_ctl_modules (GemelCtl *ctl,
                   char   ***args,
                   GError  **error)
{
  static const char *const  titles[] = { "module", "runs at", "state", ">pid",
                                         ">restarts", "since", NULL };
  static const char *const  names[] = { "name", "level", "state", "pid",
                                        "restarts", "since_usec", NULL };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autoptr (GVariant)      reply = NULL;
  g_autoptr (GVariant)      rows = NULL;
  g_autofree char          *text = NULL;

  if (!gemel_ctl_parse (ctl, NULL, "", 0, 0, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Node", "DescribeModules",
                          g_variant_new ("(@a{sv})", gemel_ctl_no_options ()), "(a(sssuux))",
                          error);
  if (reply == NULL)
    return FALSE;
  rows = g_variant_get_child_value (reply, 0);
  json_builder_begin_array (json);
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

      add_module (table, row);
      gemel_ctl_json_add_row (json, names, row);
    }
  json_builder_end_array (json);
  if (ctl->json)
    {
      gemel_ctl_json_print (ctl, json);
      return TRUE;
    }
  if (gemel_ctl_table_get_n_rows (table) > 0)
    text = gemel_ctl_table_render (table, ctl->width, ctl->colour);
  else
    text = g_strdup ("This node has no modules; a [module NAME] section in gemel.conf makes "
                     "one.\n");
  g_print ("%s", text);
  return TRUE;
}

/* ---- series ---- */

static void
print_series (GemelCtl *ctl,
              GVariant *rows)
{
  static const char *const  titles[] = { "time", ">value", NULL };
  static const char *const  names[] = { "usec", "value", NULL };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autofree char          *text = NULL;

  json_builder_begin_array (json);
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      guint64              usec;
      double               value;

      g_variant_get (row, "(td)", &usec, &value);
      gemel_ctl_table_take (table, gemel_ctl_format_time ((gint64) usec));
      gemel_ctl_table_take (table, gemel_ctl_format_number (value));
      gemel_ctl_json_add_row (json, names, row);
    }
  json_builder_end_array (json);
  if (ctl->json)
    {
      gemel_ctl_json_print (ctl, json);
      return;
    }
  if (gemel_ctl_table_get_n_rows (table) > 0)
    text = gemel_ctl_table_render (table, ctl->width, ctl->colour);
  else
    text = g_strdup ("There are no samples in that time.\n");
  g_print ("%s", text);
}

/**
 * gemel_ctl_series:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether there is such a series.
 * Thread: main
 */
gboolean
gemel_ctl_series (GemelCtl *ctl,
                  char   ***args,
                  GError  **error)
{
  g_autofree char   *from_text = NULL;
  g_autofree char   *to_text = NULL;
  int                points = POINTS_DEFAULT;
  const GOptionEntry entries[] = {
    { "from", 0, 0, G_OPTION_ARG_STRING, &from_text, "From this time on (default: everything)",
      "TIME" },
    { "to", 0, 0, G_OPTION_ARG_STRING, &to_text, "Up to this time (default: now)", "TIME" },
    { "points", 'n', 0, G_OPTION_ARG_INT, &points, "How many at most, 1 to 1000 (default 60)",
      "N" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  const gint64         now = gemel_ctl_now_unix_us ();
  g_autofree char     *path = NULL;
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) rows = NULL;
  gint64               from = 0;
  gint64               to = 0;

  if (!gemel_ctl_parse (ctl, entries, "PROVIDER SERIES", 2, 2, args, error) ||
      (from_text != NULL && !gemel_ctl_parse_time (from_text, now, &from, error)) ||
      (to_text != NULL && !gemel_ctl_parse_time (to_text, now, &to, error)))
    return FALSE;
  if (points < 1 || points > GEMEL_CTL_PAGE)
    {
      g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "--points is 1 to %d", GEMEL_CTL_PAGE);
      return FALSE;
    }
  path = gemel_ctl_provider_path ((*args)[0]);
  reply = gemel_ctl_call_at (ctl, path, GEMEL_BUS_NAME ".Provider", "GetSeries",
                             g_variant_new ("(sttu@a{sv})", (*args)[1], (guint64) MAX (from, 0),
                                            (guint64) MAX (to, 0), (guint) points,
                                            gemel_ctl_no_options ()),
                             "(a(td))", error);
  if (reply == NULL)
    return FALSE;
  rows = g_variant_get_child_value (reply, 0);
  print_series (ctl, rows);
  return TRUE;
}

/* ---- words for the completion ---- */

static void
print_commands (void)
{
  const GemelCtlCommand *commands = gemel_ctl_get_commands ();

  for (guint i = 0; commands[i].name != NULL; i++)
    {
      if (commands[i].description != NULL)
        g_print ("%s\n", commands[i].name);
    }
}

static void
print_event_codes (void)
{
  /* The numbers have gaps, so all that a code can be are tried. */
  for (guint code = 1; code <= GEMEL_EVENT_STORE_FAILED; code++)
    {
      const GemelEventInfo *info = gemel_event_info ((GemelEventCode) code);

      if (info != NULL)
        g_print ("%s\n", info->token);
    }
}

static gboolean
print_providers (GemelCtl *ctl,
                 GError  **error)
{
  g_auto (GemelCtlView) view = { 0 };
  JsonArray            *providers;

  if (!gemel_ctl_view_load (ctl, &view, error))
    return FALSE;
  providers = json_object_has_member (view.root, "providers")
                ? json_object_get_array_member (view.root, "providers")
                : NULL;
  for (guint i = 0; providers != NULL && i < json_array_get_length (providers); i++)
    {
      JsonObject *provider = json_array_get_object_element (providers, i);

      g_print ("%s\n", json_object_get_string_member_with_default (provider, "name", ""));
    }
  return TRUE;
}

/* The first strings of the rows that a method returns. */
static gboolean
print_first (GemelCtl   *ctl,
             const char *interface,
             const char *method,
             const char *type,
             GError    **error)
{
  g_autoptr (GVariant) reply = gemel_ctl_call (ctl, interface, method,
                                               g_variant_new ("(@a{sv})", gemel_ctl_no_options ()),
                                               type, error);
  g_autoptr (GVariant) rows = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;

  for (gsize i = 0; rows != NULL && i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      g_autoptr (GVariant) first = g_variant_is_of_type (row, G_VARIANT_TYPE_STRING)
                                     ? g_variant_ref (row)
                                     : g_variant_get_child_value (row, 0);

      g_print ("%s\n", g_variant_get_string (first, NULL));
    }
  return rows != NULL;
}

/**
 * gemel_ctl_words:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Prints the words that can stand somewhere, one a line, for data/gemelctl.bash.
 *
 * Returns: whether they were printed.
 * Thread: main
 */
gboolean
gemel_ctl_words (GemelCtl *ctl,
                 char   ***args,
                 GError  **error)
{
  const char *kind;

  if (!gemel_ctl_parse (ctl, NULL,
                        "commands|events|providers|settings|state-providers|log-providers", 1, 1,
                        args, error))
    return FALSE;
  kind = (*args)[0];
  if (strcmp (kind, "commands") == 0)
    print_commands ();
  else if (strcmp (kind, "events") == 0)
    print_event_codes ();
  else if (strcmp (kind, "providers") == 0)
    return print_providers (ctl, error);
  else if (strcmp (kind, "settings") == 0)
    return print_first (ctl, "Node", "ListSettings", "(a(sssssssssb))", error);
  else if (strcmp (kind, "state-providers") == 0)
    return print_first (ctl, "State", "ListProviders", "(as)", error);
  else if (strcmp (kind, "log-providers") == 0)
    return print_first (ctl, "Log", "ListProviders", "(a(ssb))", error);
  else
    {
      g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "there are no words of kind “%s”",
                   kind);
      return FALSE;
    }
  return TRUE;
}
