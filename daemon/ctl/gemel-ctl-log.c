/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl log: lines by provider, and which of them are kept.
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-follow.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-table.h"

#include <string.h>

#define LIMIT_DEFAULT 100
#define LEVELS        "trace, debug, info, warning or error"

typedef struct
{
  char    *provider;
  char    *level;
  char    *grep;
  int      limit;
  gboolean follow;
} LogQuery;

static void
query_clear (LogQuery *query)
{
  g_free (query->provider);
  g_free (query->level);
  g_free (query->grep);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (LogQuery, query_clear)

static const char *const names[] = { "id", "usec", "provider", "level", "message", NULL };

static gboolean
check_level (const char *level,
             GError    **error)
{
  static const char *const levels[] = { "trace", "debug", "info", "warning", "error", NULL };

  if (level == NULL || g_strv_contains (levels, level))
    return TRUE;
  g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "“%s” is no level; it is " LEVELS, level);
  return FALSE;
}

static GVariant *
make_filter (const LogQuery *query,
             guint64         before,
             guint64         after,
             guint           limit)
{
  GVariantDict filter;

  g_variant_dict_init (&filter, NULL);
  g_variant_dict_insert (&filter, "limit", "u", limit);
  if (before > 0)
    g_variant_dict_insert (&filter, "before", "t", before);
  if (after > 0)
    g_variant_dict_insert (&filter, "after", "t", after);
  if (query->provider != NULL)
    g_variant_dict_insert (&filter, "provider", "s", query->provider);
  if (query->level != NULL)
    g_variant_dict_insert (&filter, "level", "s", query->level);
  if (query->grep != NULL)
    g_variant_dict_insert (&filter, "text", "s", query->grep);
  return g_variant_dict_end (&filter);
}

static GVariant *
fetch_page (GemelCtl       *ctl,
            const LogQuery *query,
            guint64         before,
            guint64         after,
            guint           limit,
            GError        **error)
{
  g_autoptr (GVariant) reply = gemel_ctl_call (ctl, "Log", "List",
                                               g_variant_new ("(@a{sv})",
                                                              make_filter (query, before, after,
                                                                           limit)),
                                               "(a(txsss))", error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

static void
print_line (GemelCtl *ctl,
            GVariant *line)
{
  g_autofree char *time = NULL;
  g_autofree char *padded = NULL;
  g_autofree char *level_text = NULL;
  g_autofree char *safe = NULL;
  const char      *provider, *level, *message;
  gint64           usec;

  if (ctl->json)
    {
      g_autoptr (JsonBuilder) json = json_builder_new ();

      gemel_ctl_json_add_row (json, names, line);
      gemel_ctl_json_print_line (json);
      return;
    }
  g_variant_get (line, "(tx&s&s&s)", NULL, &usec, &provider, &level, &message);
  time = gemel_ctl_format_time (usec);
  padded = g_strdup_printf ("%-7s", level);
  level_text = gemel_ctl_paint (padded,
                                strcmp (level, "error") == 0     ? GEMEL_CTL_BAD
                                : strcmp (level, "warning") == 0 ? GEMEL_CTL_WARN
                                                                 : GEMEL_CTL_PLAIN,
                                ctl->colour);
  safe = gemel_ctl_sanitize (message);
  g_print ("%s  %s  %-8s  %s\n", time, level_text, provider, safe);
}

/* Pages backwards until the limit, then gives them oldest first. */
static GPtrArray *
fetch_newest (GemelCtl       *ctl,
              const LogQuery *query,
              GError        **error)
{
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  guint64               before = 0;

  while (lines->len < (guint) query->limit)
    {
      const guint          page = MIN ((guint) query->limit - lines->len, GEMEL_CTL_PAGE);
      g_autoptr (GVariant) rows = fetch_page (ctl, query, before, 0, page, error);
      const gsize          n = rows != NULL ? g_variant_n_children (rows) : 0;

      if (rows == NULL)
        return NULL;
      for (gsize i = 0; i < n; i++)
        g_ptr_array_insert (lines, (gint) i, g_variant_get_child_value (rows, i));
      if (n < page)
        break;
      g_variant_get_child (lines->pdata[0], 0, "t", &before);
    }
  return g_steal_pointer (&lines);
}

typedef struct
{
  GemelCtl       *ctl;
  const LogQuery *query;
} Watch;

static gboolean
print_new (gpointer user_data,
           guint64 *last,
           GError **error)
{
  const Watch          *watch = user_data;
  g_autoptr (GPtrArray) first = NULL;

  if (*last == 0)
    {
      first = fetch_newest (watch->ctl, watch->query, error);
      for (guint i = 0; first != NULL && i < first->len; i++)
        {
          print_line (watch->ctl, first->pdata[i]);
          g_variant_get_child (first->pdata[i], 0, "t", last);
        }
      return first != NULL;
    }
  for (;;)
    {
      g_autoptr (GVariant) rows = fetch_page (watch->ctl, watch->query, 0, *last, GEMEL_CTL_PAGE,
                                              error);
      const gsize          n = rows != NULL ? g_variant_n_children (rows) : 0;

      for (gsize i = 0; i < n; i++)
        {
          g_autoptr (GVariant) line = g_variant_get_child_value (rows, i);

          print_line (watch->ctl, line);
          g_variant_get_child (line, 0, "t", last);
        }
      if (n < GEMEL_CTL_PAGE)
        return rows != NULL;
    }
}

static void
print_lines (GemelCtl  *ctl,
             GPtrArray *lines)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();

  if (!ctl->json)
    {
      for (guint i = 0; i < lines->len; i++)
        print_line (ctl, lines->pdata[i]);
      return;
    }
  json_builder_begin_array (json);
  for (guint i = 0; i < lines->len; i++)
    gemel_ctl_json_add_row (json, names, lines->pdata[i]);
  json_builder_end_array (json);
  gemel_ctl_json_print (ctl, json);
}

/**
 * gemel_ctl_log:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the lines were printed.
 * Thread: main
 */
gboolean
gemel_ctl_log (GemelCtl *ctl,
               char   ***args,
               GError  **error)
{
  g_auto (LogQuery) query = { .limit = LIMIT_DEFAULT };
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "provider", 'p', 0, G_OPTION_ARG_STRING, &query.provider,
      "Only lines of this provider", "PROVIDER" },
    { "level", 'l', 0, G_OPTION_ARG_STRING, &query.level, "At least " LEVELS, "LEVEL" },
    { "limit", 'n', 0, G_OPTION_ARG_INT, &query.limit, "The newest N (default 100)", "N" },
    { "grep", 'g', 0, G_OPTION_ARG_STRING, &query.grep, "Only lines with this text", "TEXT" },
    { "follow", 'f', 0, G_OPTION_ARG_NONE, &query.follow, "Print new ones as they come", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  /* clang-format on */
  g_autoptr (GPtrArray) lines = NULL;

  if (!gemel_ctl_parse (ctl, entries, "", 0, 0, args, error) || !check_level (query.level, error))
    return FALSE;
  if (query.limit < 1)
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "--limit is a number of lines, 1 or more");
      return FALSE;
    }
  if (query.follow)
    return gemel_ctl_follow (ctl, GEMEL_BUS_NAME ".Log", NULL, print_new, &(Watch){ ctl, &query },
                             error);
  lines = fetch_newest (ctl, &query, error);
  if (lines == NULL)
    return FALSE;
  print_lines (ctl, lines);
  return TRUE;
}

static void
print_changed (GemelCtl   *ctl,
               const char *provider,
               const char *name,
               const char *value)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();

  if (!ctl->json)
    {
      g_print ("%s: %s %s\n", strcmp (provider, "*") == 0 ? "all providers" : provider, name,
               value);
      return;
    }
  json_builder_begin_object (json);
  gemel_ctl_json_add_text (json, "provider", provider);
  gemel_ctl_json_add_text (json, name, value);
  json_builder_end_object (json);
  gemel_ctl_json_print (ctl, json);
}

/**
 * gemel_ctl_log_level:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the level was changed.
 * Thread: main
 */
gboolean
gemel_ctl_log_level (GemelCtl *ctl,
                     char   ***args,
                     GError  **error)
{
  g_autoptr (GVariant) reply = NULL;

  if (!gemel_ctl_parse (ctl, NULL, "PROVIDER|* LEVEL", 2, 2, args, error) ||
      !check_level ((*args)[1], error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Log", "SetLevel",
                          g_variant_new ("(ss@a{sv})", (*args)[0], (*args)[1],
                                         gemel_ctl_no_options ()),
                          "()", error);
  if (reply == NULL)
    return FALSE;
  print_changed (ctl, (*args)[0], "level", (*args)[1]);
  return TRUE;
}

/**
 * gemel_ctl_log_merge:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether it was changed.
 * Thread: main
 */
gboolean
gemel_ctl_log_merge (GemelCtl *ctl,
                     char   ***args,
                     GError  **error)
{
  g_autoptr (GVariant) reply = NULL;
  gboolean             on;

  if (!gemel_ctl_parse (ctl, NULL, "PROVIDER|* on|off", 2, 2, args, error))
    return FALSE;
  on = strcmp ((*args)[1], "on") == 0;
  if (!on && strcmp ((*args)[1], "off") != 0)
    {
      g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "merge is on or off, not “%s”",
                   (*args)[1]);
      return FALSE;
    }
  reply = gemel_ctl_call (ctl, "Log", "SetMerge",
                          g_variant_new ("(sb@a{sv})", (*args)[0], on, gemel_ctl_no_options ()),
                          "()", error);
  if (reply == NULL)
    return FALSE;
  print_changed (ctl, (*args)[0], "merge", (*args)[1]);
  return TRUE;
}

/**
 * gemel_ctl_log_providers:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether they were printed.
 * Thread: main
 */
gboolean
gemel_ctl_log_providers (GemelCtl *ctl,
                         char   ***args,
                         GError  **error)
{
  static const char *const  titles[] = { "provider", "level", "merged to the journal", NULL };
  static const char *const  members[] = { "provider", "level", "merge", NULL };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autoptr (GVariant)      reply = NULL;
  g_autoptr (GVariant)      rows = NULL;
  g_autofree char          *text = NULL;

  if (!gemel_ctl_parse (ctl, NULL, "", 0, 0, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Log", "ListProviders",
                          g_variant_new ("(@a{sv})", gemel_ctl_no_options ()), "(a(ssb))", error);
  if (reply == NULL)
    return FALSE;
  rows = g_variant_get_child_value (reply, 0);
  json_builder_begin_array (json);
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      const char          *provider, *level;
      gboolean             merge;

      g_variant_get (row, "(&s&sb)", &provider, &level, &merge);
      gemel_ctl_table_add (table, provider, GEMEL_CTL_PLAIN);
      gemel_ctl_table_add (table, level, GEMEL_CTL_PLAIN);
      gemel_ctl_table_add (table, merge ? "yes" : "no", GEMEL_CTL_PLAIN);
      gemel_ctl_json_add_row (json, members, row);
    }
  json_builder_end_array (json);
  text = gemel_ctl_table_render (table, ctl->width, ctl->colour);
  if (ctl->json)
    gemel_ctl_json_print (ctl, json);
  else
    g_print ("%s", text);
  return TRUE;
}
