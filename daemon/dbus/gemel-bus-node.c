/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.Node: what this node is and does, and the requests that change who is active.
 * Settings and modules: gemel-bus-settings.c.
 */
#include "dbus/gemel-dbus-private.h"

#include <string.h>

/* Tenths of a second: the due time is kept on another clock, and the difference of the two jitters
 * by microseconds, which would be a change with each snapshot. */
#define DUE_GRAIN_US 100000

static const GemelBusOption force_active_options[] = {
  { "confirm", "s" },
  { NULL, NULL },
};

static void
run_request_failover (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  const guint64        id = requests->request_failover (requests->node, &local_error);

  gemel_bus_jobs_reply (call->dbus->jobs, call, id, local_error);
}

static gboolean
check_force_active (GemelBusCall *call,
                    GError      **error)
{
  const char *confirm;

  if (g_variant_dict_lookup (call->options, "confirm", "&s", &confirm) &&
      strcmp (confirm, gemel_bus_node_get_name (call->dbus->node)) == 0)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
               "two nodes may be active after this: give the option confirm with the name of the "
               "node that shall be active, \"%s\"",
               gemel_bus_node_get_name (call->dbus->node));
  return FALSE;
}

static void
run_force_active (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  const guint64        id = requests->force_active (requests->node, &local_error);

  gemel_bus_jobs_reply (call->dbus->jobs, call, id, local_error);
}

static gboolean
check_force_resync (GemelBusCall *call,
                    GError      **error)
{
  const char *provider;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  if (*provider == '\0')
    return TRUE;
  return gemel_bus_check_provider (
    g_str_has_prefix (provider, "state/") ? provider + strlen ("state/") : provider, error);
}

static void
run_force_resync (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  const char          *provider;
  guint64              id;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  id = requests->force_resync (requests->node, *provider ? provider : NULL, &local_error);

  gemel_bus_jobs_reply (call->dbus->jobs, call, id, local_error);
}

static void
run_describe (GemelBusCall *call)
{
  g_autofree char *json = gemel_snapshot_to_json (call->dbus->snapshot);

  gemel_bus_call_return (call, g_variant_new ("(s)", json));
}

static gboolean
check_open_stream (GemelBusCall *call,
                   GError      **error)
{
  static const char *const kinds[] = { "state", "history", "config", NULL };
  GDBusConnection         *connection = g_dbus_method_invocation_get_connection (call->invocation);
  const char              *kind;
  const char              *provider;

  g_variant_get_child (call->parameters, 0, "&s", &kind);
  g_variant_get_child (call->parameters, 1, "&s", &provider);
  /* Sending one on a connection that cannot closes the whole connection. */
  if ((g_dbus_connection_get_capabilities (connection) & G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING) ==
      0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                           "this connection cannot pass file descriptors; connect by a local "
                           "socket, or use the paged methods of Config, State and History");
      return FALSE;
    }
  if (!g_strv_contains (kinds, kind))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "there is no stream of kind \"%.64s\"; use state, history or config", kind);
      return FALSE;
    }
  if (*provider == '\0' && strcmp (kind, "history") == 0)
    return TRUE;
  return gemel_bus_check_provider (provider, error);
}

static void
run_open_stream (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  const char          *kind;
  const char          *provider;
  int                  fd;

  g_variant_get_child (call->parameters, 0, "&s", &kind);
  g_variant_get_child (call->parameters, 1, "&s", &provider);
  fd = gemel_sync_open_door (requests->get_sync (requests->node), kind, provider, &local_error);
  if (fd < 0)
    gemel_bus_call_fail (call, local_error);
  else
    gemel_bus_call_return_fd (call, fd);
}

/* clang-format off */
static const GemelBusMethod methods[] = {
  { "RequestFailover", GEMEL_RIGHT_OPERATE, NULL, NULL, run_request_failover },
  { "ForceActive", GEMEL_RIGHT_OPERATE, force_active_options,
    check_force_active, run_force_active },
  { "ForceResync", GEMEL_RIGHT_OPERATE, NULL, check_force_resync, run_force_resync },
  { "Describe", GEMEL_RIGHT_NONE, NULL, NULL, run_describe },
  { "OpenStream", GEMEL_RIGHT_CONFIGURE, NULL, check_open_stream, run_open_stream },
};
/* clang-format on */

/**
 * gemel_bus_node_make:
 * @dbus: whose
 *
 * Returns: (transfer full): the interface of this node, empty until it is rendered.
 * Thread: main
 */
GemelBusNode *
gemel_bus_node_make (GemelDbus *dbus)
{
  GemelBusNode *node = gemel_bus_node_skeleton_new ();

  gemel_bus_connect_methods (dbus, node, methods, G_N_ELEMENTS (methods));
  gemel_bus_node_connect_settings (dbus, node);
  return node;
}

static void
render_identity (GemelBusNode        *node,
                 const GemelSnapshot *s)
{
  gemel_bus_node_set_name (node, s->name);
  gemel_bus_node_set_version (node, s->version);
  gemel_bus_node_set_uuid (node, s->node_uuid);
  gemel_bus_node_set_pair_uuid (node, s->pair_uuid);
  gemel_bus_node_set_paired (node, s->paired);
  gemel_bus_node_set_fingerprint (node, s->fingerprint);
}

static guint64
render_due (const GemelSnapshot *s)
{
  if (s->view.recovery_due_us == 0)
    return 0;
  return gemel_bus_usec ((s->unix_us + s->view.recovery_due_us - s->boot_us + DUE_GRAIN_US / 2) /
                         DUE_GRAIN_US * DUE_GRAIN_US);
}

static void
render_view (GemelBusNode        *node,
             const GemelSnapshot *s)
{
  const GemelView *view = &s->view;

  gemel_bus_node_set_role (node, gemel_role_to_string (view->role));
  gemel_bus_node_set_activity_level (node, gemel_level_to_string (view->level));
  gemel_bus_node_set_standby_level (node, gemel_level_to_string (view->standby_level));
  gemel_bus_node_set_recovery_mode (node, gemel_recovery_mode_to_string (view->recovery_mode));
  gemel_bus_node_set_history_level (node, gemel_history_level_to_string (s->history_level));
  gemel_bus_node_set_assurance (node, gemel_assurance_to_string (view->assurance));
  gemel_bus_node_set_state (node, gemel_state_to_string (view->state));
  gemel_bus_node_set_cause (node, gemel_cause_to_string (view->cause));
  gemel_bus_node_set_term (node, view->term);
  gemel_bus_node_set_active_term (node, view->active_term);
  gemel_bus_node_set_switching (node, view->switching);
  gemel_bus_node_set_has_authority (node, view->has_authority);
  gemel_bus_node_set_may_write_config (node, view->may_write_config);
  gemel_bus_node_set_config_state (node, gemel_config_state_to_string (s->config_state));
  gemel_bus_node_set_synced (node, view->synced);
  gemel_bus_node_set_eligible (node, view->eligible);
  gemel_bus_node_set_started_usec (node, gemel_bus_usec (s->started_unix_us));
  gemel_bus_node_set_level_since_usec (node, gemel_bus_usec (s->level_since_unix_us));
  gemel_bus_node_set_last_changeover_usec (node, gemel_bus_usec (s->last_changeover_unix_us));
  gemel_bus_node_set_last_changeover_cause (node, gemel_cause_to_string (s->last_changeover_cause));
  gemel_bus_node_set_recovery_due_usec (node, render_due (s));
}

static void
render_core_counters (GemelBusNode            *node,
                      const GemelCoreCounters *counters)
{
  gemel_bus_node_set_takeovers (node, counters->takeovers);
  gemel_bus_node_set_switchovers_done (node, counters->switchovers_done);
  gemel_bus_node_set_switchovers_failed (node, counters->switchovers_failed);
  gemel_bus_node_set_dual_actives (node, counters->dual_actives);
  gemel_bus_node_set_stalls (node, counters->stalls);
  gemel_bus_node_set_clock_jumps (node, counters->clock_jumps);
  gemel_bus_node_set_messages_stale (node, counters->messages_stale);
  gemel_bus_node_set_messages_violating (node, counters->messages_violating);
  gemel_bus_node_set_votes_late (node, counters->votes_late);
  gemel_bus_node_set_notices_ignored (node, counters->notices_ignored);
  gemel_bus_node_set_refused_ignored (node, counters->refused_ignored);
}

static void
render_other_counters (GemelBusNode        *node,
                       const GemelSnapshot *s)
{
  gemel_bus_node_set_late_turns (node, s->link.late_turns);
  gemel_bus_node_set_worst_turn_usec (node, gemel_bus_usec (s->link.worst_turn_us));
  gemel_bus_node_set_real_time (node, s->link.real_time);
  gemel_bus_node_set_connections_accepted (node, s->listener.accepted);
  gemel_bus_node_set_refused_tls (node, s->listener.refused_tls);
  gemel_bus_node_set_refused_alpn (node, s->listener.refused_alpn);
  gemel_bus_node_set_refused_pin (node, s->listener.refused_pin);
  gemel_bus_node_set_refused_busy (node, s->listener.refused_busy);
  gemel_bus_node_set_refused_pairing (node, s->listener.refused_pairing);
  gemel_bus_node_set_door_clients (node, s->sync.door_clients);
  gemel_bus_node_set_door_refused (node, s->sync.door_refused);
  gemel_bus_node_set_door_frames (node, s->sync.door_frames);
  gemel_bus_node_set_peer_bytes_sent (node, s->sync.peer_bytes_sent);
  gemel_bus_node_set_peer_bytes_received (node, s->sync.peer_bytes_received);
}

/**
 * gemel_bus_node_render:
 * @node: the interface
 * @snapshot: what it shall show
 *
 * Only what differs is announced, all of it in one PropertiesChanged.
 * Thread: main
 */
void
gemel_bus_node_render (GemelBusNode        *node,
                       const GemelSnapshot *snapshot)
{
  render_identity (node, snapshot);
  render_view (node, snapshot);
  render_core_counters (node, &snapshot->view.counters);
  render_other_counters (node, snapshot);
  gemel_bus_node_set_snapshot_serial (node, snapshot->serial);
}
