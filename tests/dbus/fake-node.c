/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The functions of GemelRequests over memory. Those of sync, store and history: fake-stores.c.
 */
#include "fake-node.h"

static GemelSnapshot *
ref_snapshot (gpointer node)
{
  return gemel_snapshot_ref (((FakeNode *) node)->snapshot);
}

static guint64
begin_job (FakeNode   *node,
           const char *operation,
           const char *text,
           GError    **error)
{
  node->calls++;
  g_free (node->text);
  node->text = g_strdup (text);
  if (node->refusal != NULL)
    {
      g_propagate_error (error, g_error_copy (node->refusal));
      return 0;
    }
  return gemel_jobs_begin (node->jobs, operation, TRUE, error);
}

static guint64
request_failover (gpointer node,
                  GError **error)
{
  return begin_job (node, "failover", NULL, error);
}

static guint64
force_active (gpointer node,
              GError **error)
{
  return begin_job (node, "force-active", NULL, error);
}

static guint64
force_resync (gpointer    node,
              const char *provider,
              GError    **error)
{
  return begin_job (node, "resync", provider, error);
}

static guint64
pair_join (gpointer    node,
           const char *code,
           GError    **error)
{
  return begin_job (node, "pair-join", code, error);
}

static gboolean
job_cancel (gpointer node,
            guint64  id,
            GError **error)
{
  FakeNode *self = node;

  if (gemel_jobs_get_cancellable (self->jobs, id) == NULL)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_BUSY, "too late");
      return FALSE;
    }
  gemel_jobs_end (self->jobs, id, "cancelled", "by a person");
  return TRUE;
}

static gboolean
job_get (gpointer      node,
         guint64       id,
         GemelJobInfo *ret_info)
{
  return gemel_jobs_get (((FakeNode *) node)->jobs, id, ret_info);
}

static char *
pair_invite (gpointer    node,
             const char *address,
             gint64     *ret_expiry_unix_us,
             GError    **error)
{
  FakeNode *self = node;

  if (self->refusal != NULL)
    {
      g_propagate_error (error, g_error_copy (self->refusal));
      return NULL;
    }
  *ret_expiry_unix_us = 123456;
  return g_strdup_printf ("CODE-%s", address ? address : "own");
}

static void
return_done (FakeNode           *node,
             GAsyncReadyCallback callback,
             gpointer            user_data)
{
  g_autoptr (GTask) task = g_task_new (NULL, NULL, callback, user_data);

  node->calls++;
  if (node->refusal != NULL)
    g_task_return_error (task, g_error_copy (node->refusal));
  else
    g_task_return_boolean (task, TRUE);
}

static void
unpair_async (gpointer            node,
              GAsyncReadyCallback callback,
              gpointer            user_data)
{
  return_done (node, callback, user_data);
}

static void
set_setting_async (gpointer            node,
                   const char         *name,
                   const char         *value,
                   GAsyncReadyCallback callback,
                   gpointer            user_data)
{
  FakeNode *self = node;

  g_free (self->text);
  self->text = g_strdup_printf ("%s=%s", name, value ? value : "(reset)");
  return_done (self, callback, user_data);
}

static gboolean
finish (gpointer      node,
        GAsyncResult *result,
        GError      **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static GemelSettings *
get_settings (gpointer node)
{
  return ((FakeNode *) node)->settings;
}

static GemelSync *
get_sync (gpointer node)
{
  return node;
}

static GemelConfigDb *
get_config (gpointer node)
{
  return node;
}

static GemelHistory *
get_history (gpointer node)
{
  return node;
}

static GemelNodeDb *
get_node_db (gpointer node)
{
  return node;
}

static GVariant *
get_series (gpointer    node,
            const char *provider,
            const char *series,
            gint64      from_unix_us,
            gint64      to_unix_us,
            guint       points,
            GError    **error)
{
  FakeNode *self = node;

  if (self->refusal != NULL)
    {
      g_propagate_error (error, g_error_copy (self->refusal));
      return NULL;
    }
  g_free (self->text);
  self->text = g_strdup_printf ("%s %s", provider, series);
  return g_variant_new_parsed ("[(%x, 1.5), (%x, 2.5)]", from_unix_us, (gint64) points);
}

static GVariant *
describe_modules (gpointer node)
{
  return g_variant_new_parsed ("[('sysmon', 'warm', 'running', @u 12, @u 3, @x 4)]");
}

static void
on_job (guint64  id,
        gboolean gone,
        gpointer user_data)
{
  FakeNode *node = user_data;

  if (node->dbus != NULL)
    gemel_dbus_get_surface ()->job_changed (id, gone, node->dbus);
}

/**
 * fake_node_new:
 *
 * Returns: (transfer full): a node with a full snapshot.
 */
FakeNode *
fake_node_new (void)
{
  FakeNode *node = g_new0 (FakeNode, 1);

  node->requests = (GemelRequests){
    node,
    ref_snapshot,
    request_failover,
    force_active,
    force_resync,
    pair_join,
    job_cancel,
    job_get,
    pair_invite,
    unpair_async,
    set_setting_async,
    finish,
    get_settings,
    get_sync,
    get_config,
    get_history,
    get_node_db,
    get_series,
    describe_modules,
  };
  node->snapshot = fake_snapshot_new (1);
  node->jobs = gemel_jobs_new (on_job, node);
  node->settings = gemel_settings_new ();
  node->records = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                         (GDestroyNotify) g_bytes_unref);
  return node;
}

/**
 * fake_node_free:
 * @node: (transfer full): a node
 */
void
fake_node_free (FakeNode *node)
{
  gemel_snapshot_unref (node->snapshot);
  gemel_jobs_free (node->jobs);
  gemel_settings_free (node->settings);
  g_hash_table_unref (node->records);
  g_clear_error (&node->refusal);
  g_clear_object (&node->held);
  g_free (node->text);
  g_free (node);
}

/**
 * fake_node_set_snapshot:
 * @node: a node
 * @snapshot: (transfer full): what it shows now
 */
void
fake_node_set_snapshot (FakeNode      *node,
                        GemelSnapshot *snapshot)
{
  gemel_snapshot_unref (node->snapshot);
  node->snapshot = snapshot;
  if (node->dbus != NULL)
    gemel_dbus_get_surface ()->snapshot_changed (snapshot, node->dbus);
}
