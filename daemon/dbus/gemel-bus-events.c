/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.Events: what happened, paged from node.db, and a signal for each new event.
 */
#include "dbus/gemel-dbus-private.h"

static const GemelBusOption list_options[] = {
  { "after", "t" },
  { "before", "t" },
  { "code", "s" },
  { "from", "t" },
  { "limit", "u" },
  { "severity", "s" },
  { "to", "t" },
  { NULL, NULL },
};

static gboolean
parse_tokens (GemelBusCall    *call,
              GemelEventQuery *query,
              GError         **error)
{
  const GemelEventInfo *info;
  const char           *text;

  if (g_variant_dict_lookup (call->options, "severity", "&s", &text) &&
      !gemel_severity_from_string (text, &query->severity_min))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "severity is info, notice, warning or critical, not \"%.32s\"", text);
      return FALSE;
    }
  if (g_variant_dict_lookup (call->options, "code", "&s", &text))
    {
      info = gemel_event_info_by_token (text);
      if (info == NULL)
        {
          g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                       "there is no event \"%.64s\"; codes look like \"level-changed\"", text);
          return FALSE;
        }
      query->code = info->code;
    }
  return TRUE;
}

static gboolean
parse_query (GemelBusCall    *call,
             GemelEventQuery *query,
             GError         **error)
{
  guint64 from = 0;
  guint64 to = 0;

  *query = (GemelEventQuery){ .limit = GEMEL_BUS_PAGE_DEFAULT };
  (void) g_variant_dict_lookup (call->options, "before", "t", &query->before_id);
  (void) g_variant_dict_lookup (call->options, "after", "t", &query->after_id);
  (void) g_variant_dict_lookup (call->options, "from", "t", &from);
  (void) g_variant_dict_lookup (call->options, "to", "t", &to);
  (void) g_variant_dict_lookup (call->options, "limit", "u", &query->limit);
  query->from_unix_us = (gint64) MIN (from, G_MAXINT64);
  query->to_unix_us = (gint64) MIN (to, G_MAXINT64);
  return gemel_bus_check_limit (query->limit, error) && parse_tokens (call, query, error);
}

static gboolean
check_list (GemelBusCall *call,
            GError      **error)
{
  GemelEventQuery query;

  return parse_query (call, &query, error);
}

static const char *
get_token (const GemelEvent *event)
{
  const GemelEventInfo *info = gemel_event_info (event->code);

  return info ? info->token : "unknown";
}

static void
list_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  GemelBusCall         *call = user_data;
  const GemelRequests  *requests = call->dbus->requests;
  GError               *local_error = NULL;
  g_autoptr (GPtrArray) events = gemel_node_db_list_events_finish (
    requests->get_node_db (requests->node), result, &local_error);
  GVariantBuilder builder;

  if (events == NULL)
    {
      gemel_bus_call_fail (call, local_error);
      return;
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ttsstssssxx)"));
  for (guint i = 0; i < events->len; i++)
    {
      const GemelEvent *event = g_ptr_array_index (events, i);

      g_variant_builder_add (&builder, "(ttsstssssxx)", event->id, gemel_bus_usec (event->unix_us),
                             gemel_severity_to_string (event->severity), get_token (event),
                             event->term, gemel_cause_to_string (event->cause), event->node,
                             event->subject ? event->subject : "", event->message, event->a,
                             event->b);
    }
  gemel_bus_call_return (call, g_variant_new ("(a(ttsstssssxx))", &builder));
}

static void
run_list (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GemelEventQuery      query;
  GError              *local_error = NULL;

  if (parse_query (call, &query, &local_error))
    gemel_node_db_list_events_async (requests->get_node_db (requests->node), &query,
                                     call->dbus->cancellable, list_cb, call);
  else
    gemel_bus_call_fail (call, local_error);
}

static const GemelBusMethod methods[] = {
  { "List", GEMEL_RIGHT_NONE, list_options, check_list, run_list },
};

/**
 * gemel_bus_events_make:
 * @dbus: whose
 *
 * Returns: (transfer full): the interface of the events, empty until it is rendered.
 * Thread: main
 */
GemelBusEvents *
gemel_bus_events_make (GemelDbus *dbus)
{
  GemelBusEvents *events = gemel_bus_events_skeleton_new ();

  gemel_bus_connect_methods (dbus, events, methods, G_N_ELEMENTS (methods));
  return events;
}

/**
 * gemel_bus_events_render:
 * @events: the interface
 * @snapshot: what it shall show
 *
 * Thread: main
 */
void
gemel_bus_events_render (GemelBusEvents      *events,
                         const GemelSnapshot *snapshot)
{
  gemel_bus_events_set_stored (events, snapshot->events);
  gemel_bus_events_set_last_id (events, snapshot->last_event_id);
}

/**
 * gemel_bus_events_emit:
 * @events: the interface
 * @event: a stored event, with its id
 *
 * Emits Added.
 * Thread: main
 */
void
gemel_bus_events_emit (GemelBusEvents   *events,
                       const GemelEvent *event)
{
  gemel_bus_events_emit_added (events, event->id, gemel_bus_usec (event->unix_us),
                               gemel_severity_to_string (event->severity), get_token (event),
                               event->term, gemel_cause_to_string (event->cause), event->node,
                               event->subject ? event->subject : "", event->message, event->a,
                               event->b);
}
