/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Puts the objects on the bus, keeps them as the newest snapshot says, owns the bus name.
 *
 *   /org/gemel/Gemel1                    ObjectManager
 *   /org/gemel/Gemel1/node               Node Config State History Events Log Pairing
 *   /org/gemel/Gemel1/peer               Peer
 *   /org/gemel/Gemel1/provider/NAME      Provider
 *   /org/gemel/Gemel1/job/ID             Job
 */
#include "dbus/gemel-dbus-private.h"

#include "system/gemel-log.h"

static void
dbus_clear (gpointer data)
{
  GemelDbus *dbus = data;

  gemel_bus_jobs_free (dbus->jobs);
  gemel_bus_providers_free (dbus->providers);
  g_object_unref (dbus->node);
  g_object_unref (dbus->config);
  g_object_unref (dbus->state);
  g_object_unref (dbus->history);
  g_object_unref (dbus->events);
  g_object_unref (dbus->log);
  g_object_unref (dbus->pairing);
  g_object_unref (dbus->peer);
  g_object_unref (dbus->manager);
  g_object_unref (dbus->cancellable);
  gemel_authority_unref (dbus->authority);
  g_clear_pointer (&dbus->snapshot, gemel_snapshot_unref);
  g_object_unref (dbus->connection);
}

/**
 * gemel_dbus_ref:
 * @dbus: the bus side
 *
 * Each call under way holds a reference.
 *
 * Returns: (transfer full): @dbus.
 * Thread: main
 */
GemelDbus *
gemel_dbus_ref (GemelDbus *dbus)
{
  return g_rc_box_acquire (dbus);
}

/**
 * gemel_dbus_unref:
 * @dbus: (transfer full): the bus side
 *
 * Thread: main
 */
void
gemel_dbus_unref (GemelDbus *dbus)
{
  g_rc_box_release_full (dbus, dbus_clear);
}

static void
render (GemelDbus     *dbus,
        GemelSnapshot *snapshot)
{
  g_clear_pointer (&dbus->snapshot, gemel_snapshot_unref);
  dbus->snapshot = gemel_snapshot_ref (snapshot);
  gemel_bus_node_render (dbus->node, snapshot);
  gemel_bus_config_render (dbus->config, snapshot);
  gemel_bus_state_render (dbus->state, snapshot);
  gemel_bus_history_render (dbus->history, snapshot);
  gemel_bus_events_render (dbus->events, snapshot);
  gemel_bus_log_set_dropped (dbus->log, gemel_log_get_dropped ());
  gemel_bus_peer_render (dbus->peer, snapshot);
  gemel_bus_providers_render (dbus->providers, snapshot);
}

static void
on_snapshot_changed (GemelSnapshot *snapshot,
                     gpointer       user_data)
{
  GemelDbus *dbus = user_data;

  if (!dbus->closed)
    render (dbus, snapshot);
}

static void
on_event_added (const GemelEvent *event,
                gpointer          user_data)
{
  GemelDbus *dbus = user_data;

  if (!dbus->closed)
    gemel_bus_events_emit (dbus->events, event);
}

static void
on_job_changed (guint64  id,
                gboolean gone,
                gpointer user_data)
{
  GemelDbus *dbus = user_data;

  if (!dbus->closed)
    gemel_bus_jobs_changed (dbus->jobs, id, gone);
}

static void
on_config_changed (guint64            seq,
                   const char *const *providers,
                   gpointer           user_data)
{
  GemelDbus *dbus = user_data;

  if (!dbus->closed)
    gemel_bus_config_emit_changed (dbus->config, seq, providers);
}

/**
 * gemel_dbus_get_surface:
 *
 * Returns: (transfer none): the functions by which the node tells the bus side; their user_data
 *   is the #GemelDbus.
 * Thread: any
 */
const GemelSurface *
gemel_dbus_get_surface (void)
{
  static const GemelSurface surface = {
    .snapshot_changed = on_snapshot_changed,
    .event_added = on_event_added,
    .job_changed = on_job_changed,
    .config_changed = on_config_changed,
  };

  return &surface;
}

static void
make_interfaces (GemelDbus *dbus)
{
  dbus->node = gemel_bus_node_make (dbus);
  dbus->config = gemel_bus_config_make (dbus);
  dbus->state = gemel_bus_state_make (dbus);
  dbus->history = gemel_bus_history_make (dbus);
  dbus->events = gemel_bus_events_make (dbus);
  dbus->log = gemel_bus_log_make (dbus);
  dbus->pairing = gemel_bus_pairing_make (dbus);
  dbus->peer = gemel_bus_peer_make (dbus);
}

static void
export_objects (GemelDbus *dbus)
{
  gpointer                        on_node[] = { dbus->node, dbus->config, dbus->state,
                                                dbus->history,
                                                dbus->events, dbus->log, dbus->pairing };
  g_autoptr (GDBusObjectSkeleton) node = g_dbus_object_skeleton_new (GEMEL_BUS_PATH_NODE);
  g_autoptr (GDBusObjectSkeleton) peer = g_dbus_object_skeleton_new (GEMEL_BUS_PATH_PEER);

  for (guint i = 0; i < G_N_ELEMENTS (on_node); i++)
    g_dbus_object_skeleton_add_interface (node, G_DBUS_INTERFACE_SKELETON (on_node[i]));
  g_dbus_object_skeleton_add_interface (peer, G_DBUS_INTERFACE_SKELETON (dbus->peer));
  g_dbus_object_manager_server_export (dbus->manager, node);
  g_dbus_object_manager_server_export (dbus->manager, peer);
}

/**
 * gemel_dbus_new:
 * @connection: a connection to a bus
 * @private_bus: the bus belongs to this node alone (--bus-address); only its own user may call
 * @requests: the way in; must live until gemel_dbus_free()
 * @error: return location
 *
 * Exports every object with the present snapshot. The bus name is not taken yet. With @private_bus
 * this waits for the bus daemons to say who they are; call it at the start only.
 *
 * Returns: (transfer full) (nullable): the bus side.
 * Errors: %GEMEL_ERROR_SETTING when the private bus is the system bus.
 * Thread: main
 */
GemelDbus *
gemel_dbus_new (GDBusConnection     *connection,
                gboolean             private_bus,
                const GemelRequests *requests,
                GError             **error)
{
  g_autoptr (GemelAuthority) authority = gemel_authority_new (connection, private_bus, error);
  g_autoptr (GemelSnapshot)  snapshot = NULL;
  GemelDbus                 *dbus;

  if (authority == NULL)
    return NULL;
  dbus = g_rc_box_new0 (GemelDbus);
  dbus->connection = g_object_ref (connection);
  dbus->private_bus = private_bus;
  dbus->requests = requests;
  dbus->authority = g_steal_pointer (&authority);
  dbus->cancellable = g_cancellable_new ();
  dbus->manager = g_dbus_object_manager_server_new (GEMEL_BUS_PATH);
  make_interfaces (dbus);
  dbus->providers = gemel_bus_providers_new (dbus);
  dbus->jobs = gemel_bus_jobs_new (dbus);

  snapshot = requests->ref_snapshot (requests->node);
  render (dbus, snapshot);
  export_objects (dbus);
  g_dbus_object_manager_server_set_connection (dbus->manager, connection);
  return dbus;
}

/**
 * gemel_dbus_free:
 * @dbus: (transfer full): the bus side
 *
 * Takes the objects off the bus and gives the name back. Calls under way are cancelled; they answer
 * when their work has come back, and @requests must be there until then.
 * Thread: main
 */
void
gemel_dbus_free (GemelDbus *dbus)
{
  dbus->closed = TRUE;
  dbus->name_func = NULL;
  if (dbus->name_id != 0)
    g_bus_unown_name (dbus->name_id);
  g_cancellable_cancel (dbus->cancellable);
  g_dbus_object_manager_server_set_connection (dbus->manager, NULL);
  gemel_dbus_unref (dbus);
}

static void
on_name_acquired (GDBusConnection *connection,
                  const char      *name,
                  gpointer         user_data)
{
  GemelDbus *dbus = user_data;

  if (dbus->name_func != NULL)
    dbus->name_func (TRUE, dbus->name_data);
}

static void
on_name_lost (GDBusConnection *connection,
              const char      *name,
              gpointer         user_data)
{
  GemelDbus *dbus = user_data;

  if (dbus->name_func != NULL)
    dbus->name_func (FALSE, dbus->name_data);
}

static void
unref_name_data (gpointer data)
{
  gemel_dbus_unref (data);
}

/**
 * gemel_dbus_own_name:
 * @dbus: the bus side
 * @func: (nullable): told whether the name is ours
 * @user_data: for @func
 *
 * Asks for org.gemel.Gemel1, once. It is the last step of a start: who sees the name may call.
 * Another node's name is not taken from it.
 * Thread: main
 */
void
gemel_dbus_own_name (GemelDbus        *dbus,
                     GemelDbusNameFunc func,
                     gpointer          user_data)
{
  g_return_if_fail (dbus->name_id == 0);

  dbus->name_func = func;
  dbus->name_data = user_data;
  dbus->name_id = g_bus_own_name_on_connection (
    dbus->connection, GEMEL_BUS_NAME, G_BUS_NAME_OWNER_FLAGS_DO_NOT_QUEUE, on_name_acquired,
    on_name_lost, gemel_dbus_ref (dbus), unref_name_data);
}
