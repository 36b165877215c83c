/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.Provider: one object for each thing that is kept in sync. Objects come and go
 * with the providers of the snapshot.
 */
#include "dbus/gemel-dbus-private.h"

#include <string.h>

struct _GemelBusProviders
{
  GemelDbus  *dbus;
  GHashTable *objects; /* name -> GemelBusProvider */
};

static gboolean
check_get_series (GemelBusCall *call,
                  GError      **error)
{
  guint64 from;
  guint64 to;
  guint32 points;

  g_variant_get_child (call->parameters, 1, "t", &from);
  g_variant_get_child (call->parameters, 2, "t", &to);
  g_variant_get_child (call->parameters, 3, "u", &points);
  if (from > G_MAXINT64 || to > G_MAXINT64 || (to != 0 && from > to))
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                           "the range ends before it begins; give µs UTC, or 0 as its end for now");
      return FALSE;
    }
  return gemel_bus_check_limit (points, error);
}

static GVariant *
to_unsigned_times (GVariant *series)
{
  g_auto (GVariantBuilder) builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(td)"));
  GVariantIter             iter;
  gint64                   unix_us;
  double                   value;

  g_variant_iter_init (&iter, series);
  while (g_variant_iter_next (&iter, "(xd)", &unix_us, &value))
    g_variant_builder_add (&builder, "(td)", gemel_bus_usec (unix_us), value);
  return g_variant_new ("(a(td))", &builder);
}

static const char *
find_provider_name (GemelBusCall *call)
{
  const char                *path = g_dbus_method_invocation_get_object_path (call->invocation);
  g_autoptr (GDBusInterface) interface = g_dbus_object_manager_get_interface (
    G_DBUS_OBJECT_MANAGER (call->dbus->manager), path, "org.gemel.Gemel1.Provider");

  return interface ? gemel_bus_provider_get_name (GEMEL_BUS_PROVIDER (interface)) : NULL;
}

static void
run_get_series (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  const char          *provider = find_provider_name (call);
  g_autoptr (GVariant) series = NULL;
  GError              *local_error = NULL;
  const char          *name;
  guint64              from;
  guint64              to;
  guint32              points;

  if (provider == NULL)
    {
      gemel_bus_call_fail (call, g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND,
                                                      "this provider is gone; list them again"));
      return;
    }
  g_variant_get (call->parameters, "(&sttu@a{sv})", &name, &from, &to, &points, NULL);
  series = requests->get_series (requests->node, provider, name, (gint64) from,
                                 to ? (gint64) to : g_get_real_time (), points, &local_error);
  if (series == NULL)
    {
      gemel_bus_call_fail (call, local_error);
      return;
    }
  series = g_variant_take_ref (series);
  gemel_bus_call_return (call, to_unsigned_times (series));
}

static const GemelBusMethod methods[] = {
  { "GetSeries", GEMEL_RIGHT_NONE, NULL, check_get_series, run_get_series },
};

/**
 * gemel_bus_dup_provider_path:
 * @name: "config", "state/NAME" ...
 *
 * Returns: (transfer full): the object path; what is no letter or digit is _xx in hexadecimal.
 * Thread: any
 */
char *
gemel_bus_dup_provider_path (const char *name)
{
  g_autoptr (GString) path = g_string_new (GEMEL_BUS_PATH_PROVIDERS "/");

  for (const guchar *p = (const guchar *) name; *p != '\0'; p++)
    {
      if (g_ascii_isalnum (*p))
        g_string_append_c (path, (char) *p);
      else
        g_string_append_printf (path, "_%02x", (guint) *p);
    }
  return g_string_free (g_steal_pointer (&path), FALSE);
}

/**
 * gemel_bus_providers_new:
 * @dbus: whose
 *
 * Returns: (transfer full): an empty set of provider objects.
 * Thread: main
 */
GemelBusProviders *
gemel_bus_providers_new (GemelDbus *dbus)
{
  GemelBusProviders *providers = g_new0 (GemelBusProviders, 1);

  providers->dbus = dbus;
  providers->objects = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_object_unref);
  return providers;
}

/**
 * gemel_bus_providers_free:
 * @providers: (transfer full): the set
 *
 * Thread: main
 */
void
gemel_bus_providers_free (GemelBusProviders *providers)
{
  g_hash_table_unref (providers->objects);
  g_free (providers);
}

static void
render_one (GemelBusProvider         *provider,
            const GemelProviderStats *stats)
{
  gemel_bus_provider_set_name (provider, stats->name);
  gemel_bus_provider_set_source (provider, stats->source);
  gemel_bus_provider_set_entries (provider, stats->entries);
  gemel_bus_provider_set_bytes (provider, stats->bytes);
  gemel_bus_provider_set_pending_updates (provider, stats->pending_updates);
  gemel_bus_provider_set_queued_per_second (provider, stats->queued_per_s);
  gemel_bus_provider_set_dispatched_per_second (provider, stats->dispatched_per_s);
  gemel_bus_provider_set_queued_total (provider, stats->queued_total);
  gemel_bus_provider_set_dispatched_total (provider, stats->dispatched_total);
  gemel_bus_provider_set_last_pull_usec (provider, gemel_bus_usec (stats->last_pull_unix_us));
  gemel_bus_provider_set_last_pull_duration_usec (provider,
                                                  gemel_bus_usec (stats->last_pull_duration_us));
  gemel_bus_provider_set_last_apply_duration_usec (provider,
                                                   gemel_bus_usec (stats->last_apply_duration_us));
  gemel_bus_provider_set_full_sync_needed (provider, stats->full_sync_needed);
  gemel_bus_provider_set_restart_required (provider, stats->restart_required);
  gemel_bus_provider_set_full_syncs (provider, stats->full_syncs);
  gemel_bus_provider_set_last_full_reason (provider,
                                           gemel_sync_reason_to_string (stats->last_full_reason));
  gemel_bus_provider_set_full_done_bytes (provider, stats->full_done_bytes);
  gemel_bus_provider_set_full_total_bytes (provider, stats->full_total_bytes);
}

/* Rendered before it is exported: a client that hears of it sees it complete. */
static void
add_provider (GemelBusProviders        *providers,
              const GemelProviderStats *stats)
{
  g_autofree char                *path = gemel_bus_dup_provider_path (stats->name);
  g_autoptr (GDBusObjectSkeleton) object = g_dbus_object_skeleton_new (path);
  GemelBusProvider               *provider = gemel_bus_provider_skeleton_new ();

  gemel_bus_connect_methods (providers->dbus, provider, methods, G_N_ELEMENTS (methods));
  render_one (provider, stats);
  g_dbus_object_skeleton_add_interface (object, G_DBUS_INTERFACE_SKELETON (provider));
  g_dbus_object_manager_server_export (providers->dbus->manager, object);
  g_hash_table_insert (providers->objects, g_strdup (stats->name), provider);
}

static gboolean
snapshot_has (const GemelSnapshot *snapshot,
              const char          *name)
{
  for (guint i = 0; i < snapshot->n_providers; i++)
    {
      if (strcmp (snapshot->providers[i].name, name) == 0)
        return TRUE;
    }
  return FALSE;
}

static void
remove_gone (GemelBusProviders   *providers,
             const GemelSnapshot *snapshot)
{
  GHashTableIter iter;
  gpointer       name;

  g_hash_table_iter_init (&iter, providers->objects);
  while (g_hash_table_iter_next (&iter, &name, NULL))
    {
      g_autofree char *path = NULL;

      if (snapshot_has (snapshot, name))
        continue;
      path = gemel_bus_dup_provider_path (name);
      g_dbus_object_manager_server_unexport (providers->dbus->manager, path);
      g_hash_table_iter_remove (&iter);
    }
}

/**
 * gemel_bus_providers_render:
 * @providers: the set
 * @snapshot: what it shall show
 *
 * Thread: main
 */
void
gemel_bus_providers_render (GemelBusProviders   *providers,
                            const GemelSnapshot *snapshot)
{
  remove_gone (providers, snapshot);
  for (guint i = 0; i < snapshot->n_providers; i++)
    {
      const GemelProviderStats *stats = &snapshot->providers[i];
      GemelBusProvider         *provider = g_hash_table_lookup (providers->objects, stats->name);

      if (provider == NULL)
        add_provider (providers, stats);
      else
        render_one (provider, stats);
    }
}
