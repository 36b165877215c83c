/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl events: what happened, oldest first, as a log is read.
 */
#include "api/gemel-enums.h"
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-follow.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-table.h"

#define LIMIT_DEFAULT 50
#define EVENTS_TYPE   "(a(ttsstssssxx))"

typedef struct
{
  int           limit;
  char         *severity;
  char         *code;
  char         *since;
  char         *until;
  gboolean      follow;
  gint64        since_unix_us; /* 0: no bound */
  gint64        until_unix_us; /* 0: no bound */
  GemelSeverity severity_min;
} EventQuery;

static void
query_clear (EventQuery *query)
{
  g_free (query->severity);
  g_free (query->code);
  g_free (query->since);
  g_free (query->until);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (EventQuery, query_clear)

static const char *const names[] = { "id", "usec", "severity", "code", "term", "cause",
                                     "node", "subject", "message", "a", "b", NULL };
static const char *const titles[] = {
  "time", "severity", "event", ">term", "cause", "message", NULL
};

static GemelCtlStyle
severity_style (const char *severity)
{
  GemelSeverity value;

  if (!gemel_severity_from_string (severity, &value) || value < GEMEL_SEVERITY_WARNING)
    return GEMEL_CTL_PLAIN;
  return value == GEMEL_SEVERITY_CRITICAL ? GEMEL_CTL_BAD : GEMEL_CTL_WARN;
}

static void
add_event (GemelCtlTable *table,
           GVariant      *event)
{
  guint64     id, usec, term;
  const char *severity, *code, *cause, *node, *subject, *message;

  g_variant_get (event, "(tt&s&st&s&s&s&sxx)", &id, &usec, &severity, &code, &term, &cause, &node,
                 &subject, &message, NULL, NULL);
  gemel_ctl_table_take (table, gemel_ctl_format_time ((gint64) usec));
  gemel_ctl_table_add (table, severity, severity_style (severity));
  gemel_ctl_table_add (table, code, GEMEL_CTL_PLAIN);
  gemel_ctl_table_add_count (table, term);
  gemel_ctl_table_add (table, cause, GEMEL_CTL_PLAIN);
  gemel_ctl_table_take (table, *subject != '\0' ? g_strdup_printf ("%s: %s", subject, message)
                                                : g_strdup (message));
}

static gboolean
check_query (EventQuery *query,
             GError    **error)
{
  const gint64 now = gemel_ctl_now_unix_us ();

  if (query->limit < 1)
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "--limit is a number of events, 1 or more");
      return FALSE;
    }
  if (query->severity != NULL &&
      !gemel_severity_from_string (query->severity, &query->severity_min))
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "--severity is info, notice, warning or critical; events at least that "
                           "severe are shown");
      return FALSE;
    }
  if (query->code != NULL && gemel_event_info_by_token (query->code) == NULL)
    {
      g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                   "there is no event “%s”; gemelctl completion-words events prints all codes",
                   query->code);
      return FALSE;
    }
  return (query->since == NULL ||
          gemel_ctl_parse_time (query->since, now, &query->since_unix_us, error)) &&
         (query->until == NULL ||
          gemel_ctl_parse_time (query->until, now, &query->until_unix_us, error));
}

static GVariant *
make_filter (const EventQuery *query,
             guint64           before,
             guint64           after,
             guint             limit)
{
  GVariantDict filter;

  g_variant_dict_init (&filter, NULL);
  g_variant_dict_insert (&filter, "limit", "u", limit);
  if (before > 0)
    g_variant_dict_insert (&filter, "before", "t", before);
  if (after > 0)
    g_variant_dict_insert (&filter, "after", "t", after);
  if (query->severity != NULL)
    g_variant_dict_insert (&filter, "severity", "s", query->severity);
  if (query->code != NULL)
    g_variant_dict_insert (&filter, "code", "s", query->code);
  if (query->since_unix_us > 0)
    g_variant_dict_insert (&filter, "from", "t", (guint64) query->since_unix_us);
  if (query->until_unix_us > 0)
    g_variant_dict_insert (&filter, "to", "t", (guint64) query->until_unix_us);
  return g_variant_dict_end (&filter);
}

/* Newest first, at most the limit of the query; pages until then. */
static GPtrArray *
fetch (GemelCtl         *ctl,
       const EventQuery *query,
       guint64           after,
       GError          **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) g_variant_unref);
  guint64               before = 0;

  while (events->len < (guint) query->limit)
    {
      const guint          page = MIN ((guint) query->limit - events->len, GEMEL_CTL_PAGE);
      g_autoptr (GVariant) reply = gemel_ctl_call (ctl, "Events", "List",
                                                   g_variant_new ("(@a{sv})",
                                                                  make_filter (query, before, after,
                                                                               page)),
                                                   EVENTS_TYPE, error);
      g_autoptr (GVariant) rows = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
      const gsize          n = rows != NULL ? g_variant_n_children (rows) : 0;

      if (reply == NULL)
        return NULL;
      if (n == 0)
        break;
      for (gsize i = 0; i < n; i++)
        {
          GVariant *event = g_variant_get_child_value (rows, i);

          g_variant_get_child (event, 0, "t", &before);
          g_ptr_array_add (events, event);
        }
    }
  return g_steal_pointer (&events);
}

static void
print_events (GemelCtl  *ctl,
              GPtrArray *events)
{
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autofree char          *text = NULL;

  json_builder_begin_array (json);
  for (guint i = events->len; i > 0; i--)
    {
      add_event (table, events->pdata[i - 1]);
      gemel_ctl_json_add_row (json, names, events->pdata[i - 1]);
    }
  json_builder_end_array (json);
  if (ctl->json)
    {
      gemel_ctl_json_print (ctl, json);
      return;
    }
  text = events->len > 0 ? gemel_ctl_table_render (table, ctl->width, ctl->colour)
                         : g_strdup ("There are no such events.\n");
  g_print ("%s", text);
}

static void
print_line (GemelCtl *ctl,
            GVariant *event)
{
  g_autofree char *time = NULL;
  g_autofree char *padded = NULL;
  g_autofree char *painted = NULL;
  g_autofree char *safe = NULL;
  const char      *severity, *code, *subject, *message;
  guint64          usec;

  if (ctl->json)
    {
      g_autoptr (JsonBuilder) json = json_builder_new ();

      gemel_ctl_json_add_row (json, names, event);
      gemel_ctl_json_print_line (json);
      return;
    }
  g_variant_get (event, "(tt&s&st&s&s&s&sxx)", NULL, &usec, &severity, &code, NULL, NULL, NULL,
                 &subject, &message, NULL, NULL);
  time = gemel_ctl_format_time ((gint64) usec);
  padded = g_strdup_printf ("%-8s", severity);
  painted = gemel_ctl_paint (padded, severity_style (severity), ctl->colour);
  safe = gemel_ctl_sanitize (message);
  g_print ("%s  %s  %-18s  %s%s%s\n", time, painted, code, subject, *subject != '\0' ? ": " : "",
           safe);
}

typedef struct
{
  GemelCtl         *ctl;
  const EventQuery *query;
} Watch;

/* Each turn asks for what is new: nothing is missed, also across a restart of the daemon. */
static gboolean
print_new (gpointer user_data,
           guint64 *last,
           GError **error)
{
  const Watch          *watch = user_data;
  EventQuery            all = *watch->query;
  g_autoptr (GPtrArray) events = NULL;

  if (*last > 0)
    all.limit = G_MAXINT;
  events = fetch (watch->ctl, &all, *last, error);
  if (events == NULL)
    return FALSE;
  for (guint i = events->len; i > 0; i--)
    {
      print_line (watch->ctl, events->pdata[i - 1]);
      g_variant_get_child (events->pdata[i - 1], 0, "t", last);
    }
  return TRUE;
}

/**
 * gemel_ctl_events:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the events were printed.
 * Thread: main
 */
gboolean
gemel_ctl_events (GemelCtl *ctl,
                  char   ***args,
                  GError  **error)
{
  g_auto (EventQuery) query = { .limit = LIMIT_DEFAULT };
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "limit", 'n', 0, G_OPTION_ARG_INT, &query.limit, "The newest N (default 50)", "N" },
    { "severity", 0, 0, G_OPTION_ARG_STRING, &query.severity,
      "At least info, notice, warning or critical", "SEVERITY" },
    { "code", 0, 0, G_OPTION_ARG_STRING, &query.code,
      "Only this kind, for example changeover", "CODE" },
    { "since", 0, 0, G_OPTION_ARG_STRING, &query.since,
      "From this time on: -10min, 10:00, 2026-11-22 …", "TIME" },
    { "until", 0, 0, G_OPTION_ARG_STRING, &query.until, "Up to this time", "TIME" },
    { "follow", 'f', 0, G_OPTION_ARG_NONE, &query.follow, "Print new ones as they come", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  /* clang-format on */
  g_autoptr (GPtrArray) events = NULL;

  if (!gemel_ctl_parse (ctl, entries, "", 0, 0, args, error) || !check_query (&query, error))
    return FALSE;
  if (query.follow)
    return gemel_ctl_follow (ctl, GEMEL_BUS_NAME ".Events", "Added", print_new,
                             &(Watch){ ctl, &query }, error);
  events = fetch (ctl, &query, 0, error);
  if (events == NULL)
    return FALSE;
  print_events (ctl, events);
  return TRUE;
}
