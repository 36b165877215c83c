/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Builds the parts, starts them in an order in which nothing is used before it is there, and takes
 * them down in the reverse order.
 */
#include "api/gemel-error.h"
#include "gemel-node-private.h"
#include "system/gemel-clock.h"
#include "system/gemel-notify.h"

#include <glib/gstdio.h>
#include <string.h>

#define KEY_FILE "node.pem"

static char *
path_of (GemelNode  *node,
         const char *name)
{
  return g_build_filename (node->state_dir, name, NULL);
}

static gboolean
make_dirs (GemelNode *node,
           GError   **error)
{
  const char *names[] = { "", "history", "stage", "quarantine" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    {
      g_autofree char *path = path_of (node, names[i]);

      if (g_mkdir_with_parents (path, 0700) == 0)
        continue;
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE,
                   "cannot make the folder %s: %s; check --state-dir and its owner", path,
                   g_strerror (errno));
      return FALSE;
    }
  return TRUE;
}

static gboolean
open_stores (GemelNode *node,
             GError   **error)
{
  g_autofree char *node_path = path_of (node, "node.db");
  g_autofree char *config_path = path_of (node, "config.db");
  g_autofree char *history_dir = path_of (node, "history");
  g_autofree char *key_path = path_of (node, KEY_FILE);

  node->node_db = gemel_node_db_open (node_path, error);
  if (node->node_db == NULL ||
      !gemel_node_db_load_identity (node->node_db, &node->identity, error) ||
      !gemel_node_load_settings (node, error))
    return FALSE;
  gemel_node_db_set_events_max (node->node_db,
                                (guint) gemel_settings_get_int (node->settings, "events.max"));
  if (!gemel_keys_load_or_make (key_path, node->name, &node->keys, error))
    return FALSE;
  node->config = gemel_config_db_open (config_path, node->identity.node_uuid,
                                       gemel_node_on_config_changed, node, error);
  if (node->config == NULL)
    return FALSE;
  gemel_config_db_set_limits (node->config,
                              (guint64) gemel_settings_get_int (node->settings, "config.journal-"
                                                                                "bytes-max"),
                              (guint64) gemel_settings_get_int (node->settings, "config.journal-"
                                                                                "entries-max"));
  node->history = gemel_history_open (history_dir, node->identity.node_uuid,
                                      (guint64) gemel_settings_get_int (node->settings,
                                                                        "history.buffer-bytes-max"),
                                      &gemel_node_history_port, node, error);
  return node->history != NULL;
}

static GemelLink *
make_link (GemelNode *node,
           int        guard_fd,
           GError   **error)
{
  const char *peer = gemel_settings_get_string (node->settings, "link.peer");
  gboolean    dials = node->identity.paired &&
                   strcmp (gemel_settings_get_string (node->settings, "node.role"), "backup") == 0;
  g_autofree char *term_path = path_of (node, "term");
  GemelLinkOptions o = { 0 };

  o.keys = &node->keys;
  gemel_settings_fill_core (node->settings, node->identity.slot, &o.core);
  o.term_path = term_path;
  o.node_name = node->name;
  memcpy (o.node_uuid, node->identity.node_uuid, 16);
  o.peer_host_and_port = dials && peer[0] != '\0' ? (char *) peer : NULL;
  o.bind_address = (char *) gemel_settings_get_string (node->settings, "link.bind-address");
  o.port = (guint16) gemel_settings_get_int (node->settings, "link.port");
  o.paired = node->identity.paired;
  memcpy (o.pair_uuid, node->identity.pair_uuid, 16);
  memcpy (o.peer_uuid, node->identity.peer_uuid, 16);
  memcpy (o.peer_pin, node->identity.peer_pin, GEMEL_PIN_BYTES);
  o.reconnect_ms_min = (guint) gemel_settings_get_int (node->settings, "link.reconnect-min-ms");
  o.reconnect_ms_max = (guint) gemel_settings_get_int (node->settings, "link.reconnect-max-ms");
  o.guard_fd = guard_fd;
  o.real_time_priority = (guint) gemel_settings_get_int (node->settings, "link.real-time-priority");
  o.watchdog_us = gemel_notify_get_watchdog_us ();
  o.liveness = &node->liveness;
  o.liveness_timeout_s = (guint) gemel_settings_get_int (node->settings, "link.liveness-timeout-s");
  return gemel_link_new (&o, &gemel_node_link_port, node, error);
}

static GemelSync *
make_sync (GemelNode *node,
           GError   **error)
{
  g_autofree char *stage_dir = path_of (node, "stage");
  g_autofree char *keep_dir = path_of (node, "quarantine");
  GemelSyncOptions o = { 0 };

  o.keys = &node->keys;
  o.config = node->config;
  o.history = node->history;
  o.stage_dir = stage_dir;
  o.keep_dir = keep_dir;
  o.eligible = node->identity.synced_once || !node->identity.paired;
  o.state_buffer_bytes_max = (guint64) gemel_settings_get_int (node->settings, "state.buffer-bytes-"
                                                                               "max");
  o.state_bytes_max = (guint64) gemel_settings_get_int (node->settings, "state.bytes-max");
  o.door_clients_max = (guint) gemel_settings_get_int (node->settings, "door.clients-max");
  o.pair_ack_timeout_ms = (guint) gemel_settings_get_int (node->settings, "config.pair-ack-timeout-"
                                                                          "ms");
  o.sync_timeout_ms = (guint) gemel_settings_get_int (node->settings, "link.sync-timeout-s") * 1000;
  return gemel_sync_new (&o, &gemel_node_sync_port, node, error);
}

static gboolean
build (GemelNode              *node,
       const GemelNodeOptions *options,
       GError                **error)
{
  GemelSync *sync;

  if (!make_dirs (node, error) || !open_stores (node, error))
    return FALSE;
  node->link = make_link (node, options->guard_fd, error);
  if (node->link == NULL)
    return FALSE;
  sync = make_sync (node, error);
  if (sync == NULL)
    return FALSE;
  g_mutex_lock (&node->sync_lock);
  node->sync = sync;
  g_mutex_unlock (&node->sync_lock);
  node->listener = gemel_listener_new (&node->keys,
                                       gemel_settings_get_string (node->settings, "link.bind-"
                                                                                  "address"),
                                       (guint16) gemel_settings_get_int (node->settings, "link."
                                                                                         "port"),
                                       &gemel_node_listener_callbacks, node, error);
  if (node->listener == NULL)
    return FALSE;
  node->modules = gemel_modules_new (gemel_settings_get_modules (node->settings),
                                     options->bus_address, node->state_dir, node->name,
                                     &gemel_node_modules_port, node);
  return TRUE;
}

static void
on_job_changed (guint64  id,
                gboolean gone,
                gpointer user_data)
{
  GemelNode *node = user_data;

  if (node->surface != NULL)
    node->surface->job_changed (id, gone, node->surface_data);
}

static void
series_free (gpointer data)
{
  gemel_series_free (data);
}

/**
 * gemel_node_new:
 * @options: where and how; its settings are taken over
 * @stopped: called once after gemel_node_stop (), or when the core asks to exit
 * @user_data: for @stopped
 * @error: of the stores, the keys, the settings or the port; says what to do
 *
 * Opens everything; nothing is decided or answered before gemel_node_start ().
 *
 * Returns: (transfer full) (nullable): the node.
 * Thread: main
 */
GemelNode *
gemel_node_new (GemelNodeOptions *options,
                GemelNodeStopped  stopped,
                gpointer          user_data,
                GError          **error)
{
  g_autoptr (GemelNode) node = g_new0 (GemelNode, 1);
  const char           *name;

  node->context = g_main_context_ref (g_main_context_default ());
  node->stopped = stopped;
  node->stopped_data = user_data;
  node->settings = g_steal_pointer (&options->settings);
  node->state_dir = g_canonicalize_filename (options->state_dir, NULL);
  node->cancellable = g_cancellable_new ();
  node->started_unix_us = gemel_clock_unix_us ();
  node->started_boot_us = gemel_clock_boot_us ();
  node->series = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, series_free);
  node->jobs = gemel_jobs_new (on_job_changed, node);
  name = gemel_settings_get_string (node->settings, "node.name");
  node->name = g_strdup (name[0] != '\0' ? name : g_get_host_name ());
  if (!build (node, options, error))
    return NULL;
  gemel_node_fill_requests (node);
  gemel_node_compose (node);
  return g_steal_pointer (&node);
}

static gboolean
on_second (gpointer user_data)
{
  gemel_node_on_second (user_data);
  return G_SOURCE_CONTINUE;
}

/**
 * gemel_node_start:
 * @node: the node
 *
 * From here on it takes part.
 * Thread: main
 */
void
gemel_node_start (GemelNode *node)
{
  g_autofree char *message = g_strdup_printf ("gemeld %s started as %s", GEMEL_VERSION,
                                              gemel_settings_get_string (node->settings, "node."
                                                                                         "role"));

  gemel_node_add_event (node, GEMEL_EVENT_STARTED, GEMEL_CAUSE_STARTED, 0, NULL, message, 0, 0);
  gemel_node_take_shared_settings (node);
  gemel_node_apply_peer (node);
  node->second_timer = g_timeout_source_new_seconds (1);
  g_source_set_callback (node->second_timer, on_second, node, NULL);
  g_source_attach (node->second_timer, node->context);
  gemel_node_on_second (node);
  gemel_link_start (node->link);
}

/**
 * gemel_node_stop:
 * @node: the node
 *
 * Hands over first if somebody can take it, within the drain time-out; then stops the modules and
 * calls `stopped`.
 * Thread: main
 */
void
gemel_node_stop (GemelNode *node)
{
  GemelInput input = { .type = GEMEL_INPUT_STOP };

  gemel_link_push (node->link, &input);
}

/* The link thread and the stores' workers still run and report; they find no sync from here on. */
static void
detach_sync (GemelNode *node)
{
  GemelSync *sync;

  g_mutex_lock (&node->sync_lock);
  sync = g_steal_pointer (&node->sync);
  g_mutex_unlock (&node->sync_lock);
  g_clear_pointer (&sync, gemel_sync_free);
}

/**
 * gemel_node_free:
 * @node: (transfer full) (nullable): the node; a half-built one too
 *
 * First those who bring work in, then those who do it.
 * Thread: main
 */
void
gemel_node_free (GemelNode *node)
{
  if (node == NULL)
    return;
  g_cancellable_cancel (node->cancellable);
  if (node->second_timer != NULL)
    g_source_destroy (node->second_timer);
  g_clear_pointer (&node->second_timer, g_source_unref);
  if (node->compose_timer != NULL)
    g_source_destroy (node->compose_timer);
  g_clear_pointer (&node->compose_timer, g_source_unref);
  g_clear_pointer (&node->modules, gemel_modules_free);
  g_clear_pointer (&node->listener, gemel_listener_free);
  g_clear_pointer (&node->invitation, gemel_invitation_free);
  detach_sync (node);
  g_clear_pointer (&node->link, gemel_link_free);
  g_clear_pointer (&node->history, gemel_history_close);
  g_clear_pointer (&node->config, gemel_config_db_close);
  g_clear_pointer (&node->node_db, gemel_node_db_close);
  gemel_keys_clear (&node->keys);
  g_clear_pointer (&node->jobs, gemel_jobs_free);
  g_clear_pointer (&node->series, g_hash_table_unref);
  g_clear_pointer (&node->snapshot, gemel_snapshot_unref);
  g_clear_pointer (&node->peer, gemel_peer_status_free);
  g_clear_pointer (&node->told, gemel_peer_status_free);
  g_clear_pointer (&node->settings, gemel_settings_free);
  g_clear_object (&node->cancellable);
  g_free (node->log_level);
  g_strfreev (node->log_merge);
  g_free (node->providers);
  g_free (node->peer_address);
  g_free (node->state_dir);
  g_free (node->name);
  g_clear_pointer (&node->context, g_main_context_unref);
  g_free (node);
}

/**
 * gemel_node_get_requests:
 * @node: the node
 *
 * Returns: (transfer none): the way in, as long as the node lives.
 * Thread: main
 */
const GemelRequests *
gemel_node_get_requests (GemelNode *node)
{
  return &node->requests;
}

/**
 * gemel_node_set_surface:
 * @node: the node
 * @surface: (nullable): who is told of changes
 * @user_data: for @surface
 * Thread: main
 */
void
gemel_node_set_surface (GemelNode          *node,
                        const GemelSurface *surface,
                        gpointer            user_data)
{
  node->surface = surface;
  node->surface_data = user_data;
  if (surface != NULL)
    surface->snapshot_changed (node->snapshot, user_data);
}

/**
 * gemel_node_dup_status_line:
 * @node: the node
 *
 * Returns: (transfer full): one line for systemd: level, role, peer.
 * Thread: main
 */
char *
gemel_node_dup_status_line (GemelNode *node)
{
  const GemelSnapshot *s = node->snapshot;

  return g_strdup_printf ("%s (%s), peer %s", gemel_level_to_string (s->view.level),
                          gemel_role_to_string (s->view.role),
                          !s->paired             ? "none"
                          : s->view.peer_link_up ? "connected"
                                                 : "not connected");
}
