/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The way into the main thread for what other threads report, and from a report to an event: in the
 * store, in the journal, on the surfaces.
 */
#include "gemel-node-private.h"
#include "system/gemel-clock.h"

typedef struct
{
  GemelNode     *node;
  GemelNodeCall  func;
  gpointer       data;
  GDestroyNotify data_free;
} Call;

static gboolean
run_call (gpointer user_data)
{
  Call *call = user_data;

  call->func (call->node, call->data);
  return G_SOURCE_REMOVE;
}

static void
call_free (gpointer user_data)
{
  Call *call = user_data;

  if (call->data_free != NULL)
    call->data_free (call->data);
  g_free (call);
}

/**
 * gemel_node_post:
 * @node: the node
 * @func: runs in the main thread, in the order of posting
 * @data: for @func
 * @data_free: (nullable): for @data
 * Thread: any
 */
void
gemel_node_post (GemelNode     *node,
                 GemelNodeCall  func,
                 gpointer       data,
                 GDestroyNotify data_free)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  Call               *call = g_new0 (Call, 1);

  call->node = node;
  call->func = func;
  call->data = data;
  call->data_free = data_free;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, run_call, call, call_free);
  g_source_attach (source, node->context);
}

typedef struct
{
  GemelNode  *node;
  GemelEvent *event;
} PendingEvent;

static void
on_event_stored (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autofree PendingEvent *pending = user_data;
  g_autoptr (GemelEvent)   event = pending->event;
  g_autoptr (GError)       local_error = NULL;
  GemelNode               *node = pending->node;
  guint64                  id = gemel_node_db_add_event_finish (node->node_db, result,
                                                                &local_error);

  if (id == 0)
    {
      gemel_log_error ("store", "storing an event", local_error);
      return;
    }
  event->id = id;
  node->events++;
  node->last_event_id = MAX (node->last_event_id, id);
  if (node->surface != NULL)
    node->surface->event_added (event, node->surface_data);
  gemel_node_mark (node, FALSE);
}

/**
 * gemel_node_add_event:
 * @node: the node
 * @code: what happened; its severity is in the table of codes
 * @cause: why
 * @term: of the event
 * @subject: (nullable): provider, module, address
 * @message: one sentence
 * @a: by code
 * @b: by code
 *
 * To the store, the journal and, with its id, to the surfaces.
 * Thread: main
 */
void
gemel_node_add_event (GemelNode     *node,
                      GemelEventCode code,
                      GemelCause     cause,
                      guint64        term,
                      const char    *subject,
                      const char    *message,
                      gint64         a,
                      gint64         b)
{
  const GemelEventInfo *info = gemel_event_info (code);
  PendingEvent         *pending = g_new0 (PendingEvent, 1);
  GemelEvent           *event = g_new0 (GemelEvent, 1);

  event->unix_us = gemel_clock_unix_us ();
  event->boot_us = gemel_clock_boot_us ();
  event->code = code;
  event->severity = info != NULL ? info->severity : GEMEL_SEVERITY_INFO;
  event->term = term;
  event->cause = cause;
  event->node = g_strdup (node->name);
  event->subject = g_strdup (subject);
  event->message = g_strdup (message);
  event->a = a;
  event->b = b;
  gemel_log_event (code, cause, term, message);
  pending->node = node;
  pending->event = event;
  gemel_node_db_add_event_async (node->node_db, event, NULL, on_event_stored, pending);
}

static void
report_free (gpointer data)
{
  GemelNodeReport *report = data;

  g_free (report->subject);
  g_free (report->message);
  g_free (report);
}

static void
take_report (GemelNode *node,
             gpointer   data)
{
  const GemelNodeReport *r = data;

  gboolean gave_up = r->code == GEMEL_EVENT_LEVEL_CHANGED && r->a == GEMEL_LEVEL_ACTIVE;

  if (r->code == GEMEL_EVENT_CHANGEOVER || gave_up)
    {
      node->last_changeover_unix_us = gemel_clock_unix_us ();
      node->last_changeover_cause = r->cause;
    }
  gemel_node_add_event (node, r->code, r->cause, r->term, r->subject, r->message, r->a, r->b);
}

/**
 * gemel_node_report_new:
 * @code: what happened
 * @subject: (nullable): provider, module, address
 * @message: one sentence
 *
 * Returns: (transfer full): a report without cause, term and figures.
 * Thread: any
 */
GemelNodeReport *
gemel_node_report_new (GemelEventCode code,
                       const char    *subject,
                       const char    *message)
{
  GemelNodeReport *report = g_new0 (GemelNodeReport, 1);

  report->code = code;
  report->subject = g_strdup (subject);
  report->message = g_strdup (message);
  return report;
}

/**
 * gemel_node_report:
 * @node: the node
 * @report: (transfer full): becomes an event in the main thread
 * Thread: any
 */
void
gemel_node_report (GemelNode       *node,
                   GemelNodeReport *report)
{
  gemel_node_post (node, take_report, report, report_free);
}
