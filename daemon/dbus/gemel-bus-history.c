/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.History: points in and out.
 */
#include "dbus/gemel-dbus-private.h"

#include <string.h>

static const GemelBusOption query_options[] = {
  { "newest_first", "b" },
  { NULL, NULL },
};

/* @value is unpacked into @point, whose text it then owns. */
static gboolean
fill_value (GemelPoint *point,
            GVariant   *value)
{
  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_DOUBLE:
      point->type = GEMEL_VALUE_DOUBLE;
      point->v.d = g_variant_get_double (value);
      return TRUE;
    case G_VARIANT_CLASS_INT64:
      point->type = GEMEL_VALUE_INT64;
      point->v.i = g_variant_get_int64 (value);
      return TRUE;
    case G_VARIANT_CLASS_INT32:
      point->type = GEMEL_VALUE_INT64;
      point->v.i = g_variant_get_int32 (value);
      return TRUE;
    case G_VARIANT_CLASS_UINT32:
      point->type = GEMEL_VALUE_INT64;
      point->v.i = g_variant_get_uint32 (value);
      return TRUE;
    case G_VARIANT_CLASS_BOOLEAN:
      point->type = GEMEL_VALUE_BOOL;
      point->v.b = g_variant_get_boolean (value);
      return TRUE;
    case G_VARIANT_CLASS_STRING:
      point->type = GEMEL_VALUE_STRING;
      point->v.s = g_variant_dup_string (value, NULL);
      return TRUE;
    case G_VARIANT_CLASS_BYTE:
    case G_VARIANT_CLASS_INT16:
    case G_VARIANT_CLASS_UINT16:
    case G_VARIANT_CLASS_UINT64:
    case G_VARIANT_CLASS_HANDLE:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
    case G_VARIANT_CLASS_VARIANT:
    case G_VARIANT_CLASS_MAYBE:
    case G_VARIANT_CLASS_ARRAY:
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
      break;
    }
  return FALSE;
}

static gboolean
check_point (const char *tag,
             GVariant   *value,
             gsize       index,
             GError    **error)
{
  gsize    size = strlen (tag);
  gboolean is_text = g_variant_is_of_type (value, G_VARIANT_TYPE_STRING);

  if (size == 0 || size > GEMEL_TAG_BYTES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "point %" G_GSIZE_FORMAT ": a tag has 1 to %d bytes, not %" G_GSIZE_FORMAT,
                   index, GEMEL_TAG_BYTES_MAX, size);
      return FALSE;
    }
  if (is_text && g_variant_get_size (value) > GEMEL_TEXT_BYTES_MAX + 1)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "point %" G_GSIZE_FORMAT ": a text has at most %d bytes", index,
                   GEMEL_TEXT_BYTES_MAX);
      return FALSE;
    }
  return TRUE;
}

static gboolean
add_point (GArray   *points,
           GVariant *item,
           gsize     index,
           GError  **error)
{
  g_autoptr (GVariant) value = NULL;
  GemelPoint           point = { 0 };
  const char          *tag;

  g_variant_get (item, "(&sxuv)", &tag, &point.unix_us, &point.status, &value);
  if (!check_point (tag, value, index, error))
    return FALSE;
  if (!fill_value (&point, value))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "point %" G_GSIZE_FORMAT
                   " (%s): a value is of type d, x, i, u, b or s, not %.32s",
                   index, tag, g_variant_get_type_string (value));
      return FALSE;
    }
  point.tag = g_strdup (tag);
  g_array_append_val (points, point);
  return TRUE;
}

static GBytes *
parse_points (GemelBusCall *call,
              GError      **error)
{
  g_autoptr (GVariant) items = g_variant_get_child_value (call->parameters, 0);
  const gsize          n_items = g_variant_n_children (items);
  g_autoptr (GArray)   points = NULL;

  if (!gemel_bus_check_items (n_items, error))
    return NULL;
  points = g_array_sized_new (FALSE, FALSE, sizeof (GemelPoint), (guint) n_items);
  g_array_set_clear_func (points, (GDestroyNotify) gemel_point_clear);
  for (gsize i = 0; i < n_items; i++)
    {
      g_autoptr (GVariant) item = g_variant_get_child_value (items, i);

      if (!add_point (points, item, i, error))
        return NULL;
    }
  return gemel_points_encode ((const GemelPoint *) (void *) points->data, points->len);
}

static void
write_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  GemelBusCall        *call = user_data;
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  guint64              last_seq;

  if (gemel_history_write_finish (requests->get_history (requests->node), result, &last_seq,
                                  &local_error))
    gemel_bus_call_return (call, g_variant_new ("(t)", last_seq));
  else
    gemel_bus_call_fail (call, local_error);
}

static void
run_write (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  g_autoptr (GBytes)   points = parse_points (call, &local_error);

  if (points == NULL)
    gemel_bus_call_fail (call, local_error);
  else
    gemel_history_write_async (requests->get_history (requests->node), points,
                               call->dbus->cancellable, write_cb, call);
}

static gboolean
check_query (GemelBusCall *call,
             GError      **error)
{
  const char *tag;
  gint64      from;
  gint64      to;
  guint32     limit;

  g_variant_get (call->parameters, "(&sxxu@a{sv})", &tag, &from, &to, &limit, NULL);
  if (strlen (tag) > GEMEL_TAG_BYTES_MAX || (to != 0 && from > to))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "give a tag of at most %d bytes and a range that ends after it begins",
                   GEMEL_TAG_BYTES_MAX);
      return FALSE;
    }
  return gemel_bus_check_limit (limit, error);
}

static void
query_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  GemelBusCall        *call = user_data;
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  GVariant            *points =
    gemel_history_query_finish (requests->get_history (requests->node), result, &local_error);
  g_autoptr (GVariant) page = NULL;

  if (points == NULL)
    {
      gemel_bus_call_fail (call, local_error);
      return;
    }
  page = gemel_bus_trim_page (g_variant_take_ref (points), GEMEL_BUS_PAGE_BYTES_MAX);
  gemel_bus_call_return (call, g_variant_new ("(@a(sxuvayt))", page));
}

static void
run_query (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GemelHistoryQuery    query = { 0 };
  g_autofree char     *tag = NULL;

  g_variant_get (call->parameters, "(sxxu@a{sv})", &tag, &query.from_unix_us, &query.to_unix_us,
                 &query.limit, NULL);
  query.tag = *tag ? tag : NULL;
  if (query.to_unix_us == 0)
    query.to_unix_us = G_MAXINT64;
  (void) g_variant_dict_lookup (call->options, "newest_first", "b", &query.newest_first);
  gemel_history_query_async (requests->get_history (requests->node), &query,
                             call->dbus->cancellable, query_cb, call);
}

static void
ledger_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  GemelBusCall        *call = user_data;
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  g_autoptr (GVariant) origins =
    gemel_history_ledger_finish (requests->get_history (requests->node), result, &local_error);

  if (origins == NULL)
    {
      gemel_bus_call_fail (call, local_error);
      return;
    }
  origins = g_variant_take_ref (origins);
  gemel_bus_call_return (call, g_variant_new ("(@a(aytttttt))", origins));
}

static void
run_ledger (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;

  gemel_history_ledger_async (requests->get_history (requests->node), call->dbus->cancellable,
                              ledger_cb, call);
}

static gboolean
check_write (GemelBusCall *call,
             GError      **error)
{
  g_autoptr (GBytes) points = parse_points (call, error);

  return points != NULL;
}

/* clang-format off */
static const GemelBusMethod methods[] = {
  { "Write", GEMEL_RIGHT_CONFIGURE, NULL, check_write, run_write },
  { "Query", GEMEL_RIGHT_READ_LOG, query_options, check_query, run_query },
  { "Ledger", GEMEL_RIGHT_NONE, NULL, NULL, run_ledger },
};
/* clang-format on */

/**
 * gemel_bus_history_make:
 * @dbus: whose
 *
 * Returns: (transfer full): the interface of the history, empty until it is rendered.
 * Thread: main
 */
GemelBusHistory *
gemel_bus_history_make (GemelDbus *dbus)
{
  GemelBusHistory *history = gemel_bus_history_skeleton_new ();

  gemel_bus_connect_methods (dbus, history, methods, G_N_ELEMENTS (methods));
  return history;
}

/**
 * gemel_bus_history_render:
 * @history: the interface
 * @snapshot: what it shall show
 *
 * Thread: main
 */
void
gemel_bus_history_render (GemelBusHistory     *history,
                          const GemelSnapshot *snapshot)
{
  const GemelHistoryStats *stats = &snapshot->history;

  gemel_bus_history_set_written (history, stats->written);
  gemel_bus_history_set_buffered_points (history, stats->buffered_points);
  gemel_bus_history_set_buffered_bytes (history, stats->buffered_bytes);
  gemel_bus_history_set_sink_points (history, stats->sink_points);
  gemel_bus_history_set_received_points (history, stats->received_points);
  gemel_bus_history_set_skipped_points (history, stats->skipped_points);
  gemel_bus_history_set_own_seq (history, stats->own_seq);
  gemel_bus_history_set_own_sink_seq (history, stats->own_sink_seq);
  gemel_bus_history_set_peer_acked_seq (history, stats->peer_acked_seq);
  gemel_bus_history_set_quarantined (history, stats->quarantined);
  gemel_bus_history_set_refused_limit (history, stats->refused_limit);
}
