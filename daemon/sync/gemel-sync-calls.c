/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The asynchronous calls of gemel-sync.h: each carries its arguments to the sync thread in a GTask
 * and its result back to the caller's context.
 */
#include "sync/gemel-sync-private.h"

/** Arguments and result of any of the calls. */
typedef struct
{
  GPtrArray         *config_ops; /* (nullable): of GemelConfigOp */
  GByteArray        *state_ops;  /* (nullable): encoded */
  guint              n_ops;
  char              *provider;
  char              *key; /* or prefix */
  char              *after_key;
  guint              limit;
  guint64            term;
  GemelDurability    wanted;
  GemelPosition      position;
  GemelStatePosition state_position;
  GemelDurability    reached;
} CallData;

static void
call_data_free (gpointer data)
{
  CallData *call = data;

  g_clear_pointer (&call->config_ops, g_ptr_array_unref);
  g_clear_pointer (&call->state_ops, g_byte_array_unref);
  g_free (call->provider);
  g_free (call->key);
  g_free (call->after_key);
  g_free (call);
}

static GTask *
call_task_new (CallData           *call,
               gpointer            tag,
               GCancellable       *cancellable,
               GAsyncReadyCallback callback,
               gpointer            user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  g_task_set_task_data (task, call, call_data_free);
  return task;
}

/* --- configuration --------------------------------------------------------------------------- */

static void
on_config_written (const GemelPosition *position,
                   GemelDurability      reached,
                   const GError        *error,
                   gpointer             data)
{
  g_autoptr (GTask) task = data;
  CallData         *call = g_task_get_task_data (task);

  if (error != NULL)
    {
      g_task_return_error (task, g_error_copy (error));
      return;
    }
  call->position = *position;
  call->reached = reached;
  g_task_return_boolean (task, TRUE);
}

static void
do_config_write (GemelSync *sync,
                 gpointer   data)
{
  GTask    *task = data;
  CallData *call = g_task_get_task_data (task);

  gemel_sync_write_config (sync, g_steal_pointer (&call->config_ops), call->wanted,
                           g_task_get_cancellable (task), on_config_written, g_object_ref (task));
}

/**
 * gemel_sync_config_write_async:
 * @sync: the sync thread
 * @ops: (transfer full) (element-type GemelConfigOp): what changes together
 * @wanted: which durability the caller waits for
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_sync_config_write_async (GemelSync          *sync,
                               GPtrArray          *ops,
                               GemelDurability     wanted,
                               GCancellable       *cancellable,
                               GAsyncReadyCallback callback,
                               gpointer            user_data)
{
  CallData *call = g_new0 (CallData, 1);

  call->config_ops = ops;
  call->wanted = wanted;
  gemel_sync_call (sync, do_config_write,
                   call_task_new (call, gemel_sync_config_write_async, cancellable, callback,
                                  user_data),
                   g_object_unref);
}

/**
 * gemel_sync_config_write_finish:
 * @sync: the sync thread
 * @result: of the callback
 * @ret_position: (out) (optional): where the journal is after the write
 * @ret_reached: (out) (optional): the durability that was reached
 * @error: return location
 *
 * Returns: whether it was written.
 * Errors: %GEMEL_ERROR_NOT_AUTHORITY, %GEMEL_ERROR_SWITCHING, %GEMEL_ERROR_STALLED,
 *   %GEMEL_ERROR_TOO_BIG, %GEMEL_ERROR_LIMIT, or of the store
 * Thread: that of the callback
 */
gboolean
gemel_sync_config_write_finish (GemelSync       *sync,
                                GAsyncResult    *result,
                                GemelPosition   *ret_position,
                                GemelDurability *ret_reached,
                                GError         **error)
{
  const CallData *call = g_task_get_task_data (G_TASK (result));

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  if (ret_position != NULL)
    *ret_position = call->position;
  if (ret_reached != NULL)
    *ret_reached = call->reached;
  return TRUE;
}

/* --- posting state --------------------------------------------------------------------------- */

/**
 * gemel_state_op_new:
 * @key: key
 * @value: (nullable): value, referenced; %NULL deletes the key
 *
 * Returns: (transfer full): one change.
 * Thread: any
 */
GemelStateOp *
gemel_state_op_new (const char *key,
                    GBytes     *value)
{
  GemelStateOp *op = g_new0 (GemelStateOp, 1);

  op->key = g_strdup (key);
  op->value = value != NULL ? g_bytes_ref (value) : NULL;
  return op;
}

/**
 * gemel_state_op_free:
 * @op: (nullable): a change
 *
 * Thread: any
 */
void
gemel_state_op_free (GemelStateOp *op)
{
  if (op == NULL)
    return;
  g_free (op->key);
  g_clear_pointer (&op->value, g_bytes_unref);
  g_free (op);
}

static void
on_state_confirmed (GemelDurability reached,
                    gpointer        data)
{
  g_autoptr (GTask) task = data;
  CallData         *call = g_task_get_task_data (task);

  call->reached = reached;
  g_task_return_boolean (task, TRUE);
}

static void
do_state_post (GemelSync *sync,
               gpointer   data)
{
  GTask    *task = data;
  CallData *call = g_task_get_task_data (task);
  GError   *error = NULL;

  if (!gemel_sync_post (sync, call->provider, call->term, call->state_ops->data,
                        call->state_ops->len, call->n_ops, &call->state_position, &error))
    g_task_return_error (task, error);
  else
    gemel_sync_wait_state (sync, call->state_position.seq, call->wanted, on_state_confirmed,
                           g_object_ref (task));
}

/**
 * gemel_sync_state_post_async:
 * @sync: the sync thread
 * @provider: name of the provider
 * @term: 0: the present one; else the one that the writer believes in
 * @ops: (transfer full) (element-type GemelStateOp): what changes together
 * @wanted: which durability the caller waits for
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * Thread: any
 */
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
  CallData *call = g_new0 (CallData, 1);

  call->provider = g_strdup (provider);
  call->term = term;
  call->wanted = wanted;
  call->n_ops = ops->len;
  call->state_ops = g_byte_array_new ();
  for (guint i = 0; i < ops->len; i++)
    {
      const GemelStateOp *op = ops->pdata[i];
      gsize               size = 0;
      gconstpointer       value = op->value != NULL ? g_bytes_get_data (op->value, &size) : NULL;

      gemel_state_ops_append (call->state_ops, op->key, value, size, op->value != NULL);
    }
  g_ptr_array_unref (ops);
  gemel_sync_call (sync, do_state_post,
                   call_task_new (call, gemel_sync_state_post_async, cancellable, callback,
                                  user_data),
                   g_object_unref);
}

/**
 * gemel_sync_state_post_finish:
 * @sync: the sync thread
 * @result: of the callback
 * @ret_position: (out) (optional): place of the last change
 * @ret_reached: (out) (optional): the durability that was reached
 * @error: return location
 *
 * Returns: whether it was posted.
 * Errors: as gemel_sync_post ()
 * Thread: that of the callback
 */
gboolean
gemel_sync_state_post_finish (GemelSync          *sync,
                              GAsyncResult       *result,
                              GemelStatePosition *ret_position,
                              GemelDurability    *ret_reached,
                              GError            **error)
{
  const CallData *call = g_task_get_task_data (G_TASK (result));

  if (!g_task_propagate_boolean (G_TASK (result), error))
    return FALSE;
  if (ret_position != NULL)
    *ret_position = call->state_position;
  if (ret_reached != NULL)
    *ret_reached = call->reached;
  return TRUE;
}

/* --- reading state --------------------------------------------------------------------------- */

static void
do_state_get (GemelSync *sync,
              gpointer   data)
{
  GTask    *task = data;
  CallData *call = g_task_get_task_data (task);
  GError   *error = NULL;
  GBytes   *value = gemel_state_store_dup_value (sync->state, call->provider, call->key,
                                                 &call->state_position, &error);

  if (value != NULL)
    g_task_return_pointer (task, value, (GDestroyNotify) g_bytes_unref);
  else
    g_task_return_error (task, error);
}

/**
 * gemel_sync_state_get_async:
 * @sync: the sync thread
 * @provider: name of the provider
 * @key: key
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_sync_state_get_async (GemelSync          *sync,
                            const char         *provider,
                            const char         *key,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  CallData *call = g_new0 (CallData, 1);

  call->provider = g_strdup (provider);
  call->key = g_strdup (key);
  gemel_sync_call (sync, do_state_get,
                   call_task_new (call, gemel_sync_state_get_async, cancellable, callback,
                                  user_data),
                   g_object_unref);
}

/**
 * gemel_sync_state_get_finish:
 * @sync: the sync thread
 * @result: of the callback
 * @ret_version: (out) (optional): which change wrote it
 * @error: return location
 *
 * Returns: (transfer full): the value.
 * Errors: %GEMEL_ERROR_NOT_FOUND
 * Thread: that of the callback
 */
GBytes *
gemel_sync_state_get_finish (GemelSync          *sync,
                             GAsyncResult       *result,
                             GemelStatePosition *ret_version,
                             GError            **error)
{
  const CallData *call = g_task_get_task_data (G_TASK (result));

  if (ret_version != NULL)
    *ret_version = call->state_position;
  return g_task_propagate_pointer (G_TASK (result), error);
}

static void
do_state_list (GemelSync *sync,
               gpointer   data)
{
  GTask    *task = data;
  CallData *call = g_task_get_task_data (task);
  GError   *error = NULL;
  GVariant *page = gemel_state_store_list (sync->state, call->provider, call->key, call->after_key,
                                           call->limit, &error);

  if (page != NULL)
    g_task_return_pointer (task, g_variant_ref_sink (page), (GDestroyNotify) g_variant_unref);
  else
    g_task_return_error (task, error);
}

/**
 * gemel_sync_state_list_async:
 * @sync: the sync thread
 * @provider: name of the provider
 * @prefix: (nullable): only keys that begin so
 * @after_key: (nullable): only keys behind this one
 * @limit: how many at most
 * @cancellable: (nullable): to give up
 * @callback: called in the caller's context
 * @user_data: for @callback
 *
 * Thread: any
 */
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
  CallData *call = g_new0 (CallData, 1);

  call->provider = g_strdup (provider);
  call->key = g_strdup (prefix);
  call->after_key = g_strdup (after_key);
  call->limit = limit;
  gemel_sync_call (sync, do_state_list,
                   call_task_new (call, gemel_sync_state_list_async, cancellable, callback,
                                  user_data),
                   g_object_unref);
}

/**
 * gemel_sync_state_list_finish:
 * @sync: the sync thread
 * @result: of the callback
 * @error: return location
 *
 * Returns: (transfer full): "a(saytt)": key, value, epoch, seq, in key order.
 * Errors: %GEMEL_ERROR_NOT_FOUND
 * Thread: that of the callback
 */
GVariant *
gemel_sync_state_list_finish (GemelSync    *sync,
                              GAsyncResult *result,
                              GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
