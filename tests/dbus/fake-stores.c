/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The functions of sync, store and history that the adapters call, over the memory of a FakeNode.
 */
#include "fake-node.h"

#include <string.h>
#include <sys/socket.h>

void
gemel_peer_status_free (GemelPeerStatus *status)
{
  g_free (status->name);
  g_free (status->version);
  g_free (status->json);
  g_free (status);
}

GemelConfigOp *
gemel_config_op_new (const char *provider,
                     const char *key,
                     GBytes     *value)
{
  GemelConfigOp *op = g_new0 (GemelConfigOp, 1);

  op->provider = g_strdup (provider);
  op->key = g_strdup (key);
  op->value = value ? g_bytes_ref (value) : NULL;
  return op;
}

void
gemel_config_op_free (GemelConfigOp *op)
{
  g_free (op->provider);
  g_free (op->key);
  g_clear_pointer (&op->value, g_bytes_unref);
  g_free (op);
}

void
gemel_config_record_free (GemelConfigRecord *record)
{
  g_free (record->provider);
  g_free (record->key);
  g_bytes_unref (record->value);
  g_free (record);
}

GemelStateOp *
gemel_state_op_new (const char *key,
                    GBytes     *value)
{
  GemelStateOp *op = g_new0 (GemelStateOp, 1);

  op->key = g_strdup (key);
  op->value = value ? g_bytes_ref (value) : NULL;
  return op;
}

void
gemel_state_op_free (GemelStateOp *op)
{
  g_free (op->key);
  g_clear_pointer (&op->value, g_bytes_unref);
  g_free (op);
}

void
gemel_event_free (GemelEvent *event)
{
  g_free (event->node);
  g_free (event->subject);
  g_free (event->message);
  g_free (event);
}

/* Answers at once, or when the test says so. */
static void
answer (FakeNode           *node,
        GCancellable       *cancellable,
        GAsyncReadyCallback callback,
        gpointer            user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  node->calls++;
  if (node->hold)
    node->held = g_object_ref (task);
  else if (node->refusal != NULL)
    g_task_return_error (task, g_error_copy (node->refusal));
  else
    g_task_return_boolean (task, TRUE);
  g_object_unref (task);
}

static void
put (FakeNode   *node,
     const char *provider,
     const char *key,
     GBytes     *value)
{
  g_autofree char *name = g_strdup_printf ("%s %s", provider, key);

  if (node->refusal != NULL)
    return;
  if (value == NULL)
    g_hash_table_remove (node->records, name);
  else
    g_hash_table_insert (node->records, g_steal_pointer (&name), g_bytes_ref (value));
}

void
gemel_sync_config_write_async (GemelSync          *sync,
                               GPtrArray          *ops,
                               GemelDurability     wanted,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  FakeNode *node = (FakeNode *) sync;

  node->wanted = wanted;
  node->n_ops = ops->len;
  for (guint i = 0; i < ops->len; i++)
    {
      const GemelConfigOp *op = g_ptr_array_index (ops, i);

      put (node, op->provider, op->key, op->value);
    }
  g_ptr_array_unref (ops);
  answer (node, cancellable, callback, user_data);
}

gboolean
gemel_sync_config_write_finish (GemelSync       *sync,
                                GAsyncResult    *result,
                                GemelPosition   *ret_position,
                                GemelDurability *ret_reached,
                                GError         **error)
{
  FakeNode *node = (FakeNode *) sync;

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  memset (ret_position, 0, sizeof *ret_position);
  ret_position->term = 7;
  ret_position->seq = ++node->seq;
  *ret_reached = node->wanted;
  return TRUE;
}

static void
look_up (FakeNode           *node,
         const char         *provider,
         const char         *key,
         GAsyncReadyCallback callback,
         gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  g_autofree char  *name = g_strdup_printf ("%s %s", provider, key);
  GBytes           *value = g_hash_table_lookup (node->records, name);

  if (value == NULL)
    g_task_return_new_error (task, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND, "no record");
  else
    g_task_return_pointer (task, g_bytes_ref (value), (GDestroyNotify) g_bytes_unref);
}

void
gemel_config_db_get_async (GemelConfigDb      *db,
                           const char         *provider,
                           const char         *key,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data)
{
  look_up ((FakeNode *) db, provider, key, callback, user_data);
}

GBytes *
gemel_config_db_get_finish (GemelConfigDb *db,
                            GAsyncResult  *result,
                            GError       **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
gemel_config_db_list_async (GemelConfigDb      *db,
                            const char         *provider,
                            const char         *prefix,
                            const char         *after_key,
                            guint               limit,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  FakeNode         *node = (FakeNode *) db;
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);
  GDestroyNotify    free_one = (GDestroyNotify) gemel_config_record_free;
  GPtrArray        *records = g_ptr_array_new_with_free_func (free_one);

  g_free (node->text);
  node->text = g_strdup_printf ("%s|%s|%s|%u", provider ? provider : "NULL",
                                prefix ? prefix : "NULL", after_key ? after_key : "NULL", limit);
  for (guint i = 0; i < limit; i++)
    {
      GemelConfigRecord *record = g_new0 (GemelConfigRecord, 1);

      record->provider = g_strdup ("p");
      record->key = g_strdup_printf ("%05u", i);
      record->value = g_bytes_new_take (g_malloc0 (node->value_bytes), node->value_bytes);
      record->seq = i;
      g_ptr_array_add (records, record);
    }
  g_task_return_pointer (task, records, (GDestroyNotify) g_ptr_array_unref);
}

GPtrArray *
gemel_config_db_list_finish (GemelConfigDb *db,
                             GAsyncResult  *result,
                             GError       **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
gemel_sync_state_post_async (GemelSync          *sync,
                             const char         *provider,
                             guint64             term,
                             GPtrArray          *ops,
                             GemelDurability     wanted,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  FakeNode *node = (FakeNode *) sync;

  node->wanted = wanted;
  node->term = term;
  node->n_ops = ops->len;
  for (guint i = 0; i < ops->len; i++)
    {
      const GemelStateOp *op = g_ptr_array_index (ops, i);

      put (node, provider, op->key, op->value);
    }
  g_ptr_array_unref (ops);
  answer (node, cancellable, callback, user_data);
}

gboolean
gemel_sync_state_post_finish (GemelSync          *sync,
                              GAsyncResult       *result,
                              GemelStatePosition *ret_position,
                              GemelDurability    *ret_reached,
                              GError            **error)
{
  FakeNode *node = (FakeNode *) sync;

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  *ret_position = (GemelStatePosition){ 16, ++node->seq };
  *ret_reached = node->wanted;
  return TRUE;
}

void
gemel_sync_state_get_async (GemelSync          *sync,
                            const char         *provider,
                            const char         *key,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  look_up ((FakeNode *) sync, provider, key, callback, user_data);
}

GBytes *
gemel_sync_state_get_finish (GemelSync          *sync,
                             GAsyncResult       *result,
                             GemelStatePosition *ret_version,
                             GError            **error)
{
  if (ret_version != NULL)
    *ret_version = (GemelStatePosition){ 16, 3 };
  return g_task_propagate_pointer (G_TASK (result), error);
}

void
gemel_sync_state_list_async (GemelSync          *sync,
                             const char         *provider,
                             const char         *prefix,
                             const char         *after_key,
                             guint               limit,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  answer ((FakeNode *) sync, cancellable, callback, user_data);
}

GVariant *
gemel_sync_state_list_finish (GemelSync    *sync,
                              GAsyncResult *result,
                              GError      **error)
{
  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  return g_variant_new_parsed ("[('k', @ay [1, 2], @t 16, @t 3)]");
}

char **
gemel_sync_state_dup_providers (GemelSync *sync)
{
  return g_strsplit ("alarms,sysmon", ",", -1);
}

int
gemel_sync_open_door (GemelSync  *sync,
                      const char *kind,
                      const char *provider,
                      GError    **error)
{
  FakeNode *node = (FakeNode *) sync;
  int       pair[2];

  node->calls++;
  if (node->refusal != NULL)
    {
      g_propagate_error (error, g_error_copy (node->refusal));
      return -1;
    }
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
  g_assert_cmpint (send (pair[0], "hello", 5, 0), ==, 5);
  close (pair[0]);
  return pair[1];
}

void
gemel_point_clear (GemelPoint *point)
{
  g_free (point->tag);
  if (point->type == GEMEL_VALUE_STRING)
    g_free (point->v.s);
}

/* Text instead of the real layout: the test reads what arrived. */
GBytes *
gemel_points_encode (const GemelPoint *points,
                     guint             n_points)
{
  GString *text = g_string_new (NULL);
  gsize    size;

  for (guint i = 0; i < n_points; i++)
    {
      const GemelPoint *p = &points[i];

      g_string_append_printf (text, "%s@%" G_GINT64_FORMAT "/%u=", p->tag, p->unix_us, p->status);
      if (p->type == GEMEL_VALUE_DOUBLE)
        g_string_append_printf (text, "d%g;", p->v.d);
      else if (p->type == GEMEL_VALUE_INT64)
        g_string_append_printf (text, "i%" G_GINT64_FORMAT ";", p->v.i);
      else if (p->type == GEMEL_VALUE_BOOL)
        g_string_append_printf (text, "b%d;", p->v.b);
      else
        g_string_append_printf (text, "s%s;", p->v.s);
    }
  size = text->len;
  return g_bytes_new_take (g_string_free (text, FALSE), size);
}

void
gemel_history_write_async (GemelHistory       *history,
                           GBytes             *points,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data)
{
  FakeNode   *node = (FakeNode *) history;
  gsize       size;
  const char *data = g_bytes_get_data (points, &size);

  g_free (node->text);
  node->text = g_strndup (data, size);
  answer (node, cancellable, callback, user_data);
}

gboolean
gemel_history_write_finish (GemelHistory *history,
                            GAsyncResult *result,
                            guint64      *ret_last_seq,
                            GError      **error)
{
  *ret_last_seq = 99;
  return g_task_propagate_boolean (G_TASK (result), error);
}

void
gemel_history_query_async (GemelHistory            *history,
                           const GemelHistoryQuery *query,
                           GCancellable            *cancellable,
                           GAsyncReadyCallback      callback,
                           gpointer                 user_data)
{
  FakeNode *node = (FakeNode *) history;

  node->query = *query;
  g_free (node->text);
  node->text = g_strdup (query->tag);
  answer (node, cancellable, callback, user_data);
}

GVariant *
gemel_history_query_finish (GemelHistory *history,
                            GAsyncResult *result,
                            GError      **error)
{
  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  return g_variant_new_parsed ("[('t', @x 5, @u 0, <1.5>, @ay [9], @t 8)]");
}

void
gemel_history_ledger_async (GemelHistory       *history,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  answer ((FakeNode *) history, cancellable, callback, user_data);
}

GVariant *
gemel_history_ledger_finish (GemelHistory *history,
                             GAsyncResult *result,
                             GError      **error)
{
  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  return g_variant_new_parsed ("[(@ay [9], @t 1, @t 2, @t 3, @t 4, @t 5, @t 6)]");
}

void
gemel_node_db_list_events_async (GemelNodeDb           *db,
                                 const GemelEventQuery *query,
                                 GCancellable          *cancellable,
                                 GAsyncReadyCallback    callback,
                                 gpointer               user_data)
{
  FakeNode *node = (FakeNode *) db;

  node->events = *query;
  answer (node, cancellable, callback, user_data);
}

GPtrArray *
gemel_node_db_list_events_finish (GemelNodeDb  *db,
                                  GAsyncResult *result,
                                  GError      **error)
{
  GPtrArray  *events;
  GemelEvent *event;

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return NULL;
  events = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_event_free);
  event = g_new0 (GemelEvent, 1);
  event->id = 5;
  event->unix_us = 6;
  event->code = GEMEL_EVENT_CHANGEOVER;
  event->severity = GEMEL_SEVERITY_WARNING;
  event->term = 7;
  event->cause = GEMEL_CAUSE_DEATH_NOTICE;
  event->node = g_strdup ("gw-a");
  event->message = g_strdup ("took over");
  event->a = -1;
  event->b = 2;
  g_ptr_array_add (events, event);
  return events;
}
