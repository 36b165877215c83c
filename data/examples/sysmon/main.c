/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * sysmon: a module that watches its machine.
 *
 * Each interval it reads /proc. While its node is active it writes history and keeps the alarms; as
 * standby it follows thresholds and alarms and writes nothing. It finds its node's bus in
 * GEMEL_BUS_ADDRESS and ends when the node leaves that bus; the node starts it again.
 */
#include "sysmon-board.h"
#include "sysmon-history.h"

#include "api/gemel-names.h"

#include <glib-unix.h>
#include <stdlib.h>
#include <sysexits.h>

#define INTERVAL_MS_DEFAULT 100
#define INTERVAL_MS_MIN     10
#define INTERVAL_MS_MAX     60000
#define NODE_WAIT_S         10
#define FLUSH_MS_MAX        1000
#define FLUSH_LOOK_MS       10

typedef struct
{
  GMainLoop        *loop;
  GDBusProxy       *node;
  SysmonThresholds *thresholds; /* (nullable): NULL until the node is there */
  SysmonBoard      *board;      /* (nullable): likewise */
  SysmonHistory    *history;    /* (nullable): likewise */
  char             *proc_dir;
  int               interval_ms;
  SysmonReading     before; /* taken_us 0: none yet */
  gboolean          active;
  gboolean          failing;       /* the last reading failed, and it was said */
  gint64            stop_until_us; /* 0: not stopping */
  int               status;
} Sysmon;

static void
end (Sysmon *sysmon, int status, const char *reason)
{
  g_printerr ("sysmon: %s\n", reason);
  sysmon->status = status;
  g_main_loop_quit (sysmon->loop);
}

static void
add_own_figures (Sysmon *sysmon, SysmonFigures *figures)
{
  SysmonHistoryStats stats;

  sysmon_history_get_stats (sysmon->history, &stats);
  sysmon_figures_add (figures, "sysmon/waiting-samples", (double) stats.waiting);
  sysmon_figures_add (figures, "sysmon/dropped-samples", (double) stats.dropped);
}

static void
use_reading (Sysmon *sysmon, const SysmonReading *now)
{
  SysmonFigures figures;

  sysmon_figures_make (&sysmon->before, now, &figures);
  add_own_figures (sysmon, &figures);
  if (sysmon->active)
    sysmon_history_add (sysmon->history, &figures);
  else
    sysmon_history_flush (sysmon->history);
  sysmon_board_step (sysmon->board, &figures);
}

static gboolean
on_tick (gpointer user_data)
{
  Sysmon            *sysmon = user_data;
  g_autoptr (GError) local_error = NULL;
  SysmonReading      now;

  if (sysmon->history == NULL || sysmon->stop_until_us != 0)
    return G_SOURCE_CONTINUE;
  if (!sysmon_read (sysmon->proc_dir, &now, &local_error))
    {
      if (!sysmon->failing)
        g_printerr ("sysmon: no sample: %s\n", local_error->message);
      sysmon->failing = TRUE;
      return G_SOURCE_CONTINUE;
    }
  sysmon->failing = FALSE;
  if (sysmon->before.taken_us != 0)
    use_reading (sysmon, &now);
  sysmon->before = now;
  return G_SOURCE_CONTINUE;
}

static char *
dup_property (Sysmon *sysmon, const char *name)
{
  g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (sysmon->node, name);

  return value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_STRING)
           ? g_variant_dup_string (value, NULL)
           : NULL;
}

static guint64
get_active_term (Sysmon *sysmon)
{
  g_autoptr (GVariant) value = g_dbus_proxy_get_cached_property (sysmon->node, "ActiveTerm");

  return value != NULL && g_variant_is_of_type (value, G_VARIANT_TYPE_UINT64)
           ? g_variant_get_uint64 (value)
           : 0;
}

static void
follow_level (Sysmon *sysmon)
{
  g_autofree char *level = dup_property (sysmon, "ActivityLevel");
  const guint64    term = get_active_term (sysmon);
  const gboolean   active = g_strcmp0 (level, "active") == 0 && term != 0;

  if (active != sysmon->active)
    g_printerr ("sysmon: this node is %s, term %" G_GUINT64_FORMAT "\n",
                level != NULL ? level : "unknown", term);
  sysmon->active = active;
  sysmon_board_set_active (sysmon->board, active ? term : 0);
}

static void
on_properties (GDBusProxy *node, GVariant *changed, char **invalidated, gpointer user_data)
{
  Sysmon *sysmon = user_data;

  if (sysmon->board != NULL)
    follow_level (sysmon);
}

static void
on_threshold (SysmonAlarmId id, gpointer user_data)
{
  Sysmon *sysmon = user_data;

  if (sysmon->board != NULL)
    sysmon_board_touch (sysmon->board, id);
}

static void
begin (Sysmon *sysmon)
{
  GDBusConnection *bus = g_dbus_proxy_get_connection (sysmon->node);
  g_autofree char *name = dup_property (sysmon, "Name");
  const char      *prefix = name != NULL && *name != '\0' ? name : "node";

  sysmon->thresholds = sysmon_thresholds_new (bus, on_threshold, sysmon);
  sysmon->board = sysmon_board_new (bus, sysmon->thresholds, prefix);
  sysmon->history = sysmon_history_new (bus, prefix);
  follow_level (sysmon);
}

static void
on_owner (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  Sysmon          *sysmon = user_data;
  g_autofree char *owner = g_dbus_proxy_get_name_owner (sysmon->node);

  if (owner != NULL && sysmon->board == NULL)
    begin (sysmon);
  else if (owner == NULL && sysmon->board != NULL)
    end (sysmon, EXIT_SUCCESS, "the node left its bus");
}

static void
on_bus_closed (GDBusConnection *bus, gboolean remote_vanished, GError *error, gpointer user_data)
{
  end (user_data, EXIT_SUCCESS, "the bus is gone");
}

static gboolean
on_no_node (gpointer user_data)
{
  Sysmon *sysmon = user_data;

  if (sysmon->board == NULL)
    end (sysmon, EX_UNAVAILABLE, "no node came to this bus");
  return G_SOURCE_REMOVE;
}

static gboolean
on_flush (gpointer user_data)
{
  Sysmon            *sysmon = user_data;
  SysmonHistoryStats stats = { 0 };

  if (sysmon->history != NULL)
    sysmon_history_get_stats (sysmon->history, &stats);
  if (stats.waiting == 0)
    end (sysmon, EXIT_SUCCESS, "stopped, every sample was taken");
  else if (g_get_monotonic_time () > sysmon->stop_until_us)
    end (sysmon, EXIT_SUCCESS, "stopped, some samples were not taken");
  return G_SOURCE_CONTINUE;
}

static gboolean
on_stop (gpointer user_data)
{
  Sysmon *sysmon = user_data;

  if (sysmon->stop_until_us == 0)
    {
      sysmon->stop_until_us = g_get_monotonic_time () + FLUSH_MS_MAX * 1000;
      g_timeout_add (FLUSH_LOOK_MS, on_flush, sysmon);
    }
  return G_SOURCE_CONTINUE;
}

static GDBusProxy *
connect_node (const char *address, GError **error)
{
  const GDBusConnectionFlags flags =
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION;
  g_autoptr (GDBusConnection) bus = NULL;

  /* Nothing runs yet that could be kept waiting. */
  if (address != NULL)
    bus = g_dbus_connection_new_for_address_sync (address, flags, NULL, NULL, error);
  else
    bus = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, error);
  if (bus == NULL)
    return NULL;
  g_dbus_connection_set_exit_on_close (bus, FALSE);
  return g_dbus_proxy_new_sync (bus, G_DBUS_PROXY_FLAGS_DO_NOT_AUTO_START, NULL, GEMEL_BUS_NAME,
                                GEMEL_BUS_PATH_NODE, GEMEL_BUS_NAME ".Node", NULL, error);
}

static gboolean
parse_options (int argc, char **argv, Sysmon *sysmon, GError **error)
{
  const GOptionEntry entries[] = {
    { "interval", 'i', 0, G_OPTION_ARG_INT, &sysmon->interval_ms,
      "Time between two samples, 10..60000 (default 100)", "MS" },
    { "proc", 'p', 0, G_OPTION_ARG_FILENAME, &sysmon->proc_dir, "Read another folder than /proc",
      "DIR" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context,
                                "Watches this machine: history, alarms and thresholds in Gemel.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;
  if (argc == 1 && sysmon->interval_ms >= INTERVAL_MS_MIN && sysmon->interval_ms <= INTERVAL_MS_MAX)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
               "an argument is unknown, or the interval is outside %d..%d; see --help",
               INTERVAL_MS_MIN, INTERVAL_MS_MAX);
  return FALSE;
}

static void
clear (Sysmon *sysmon)
{
  g_clear_pointer (&sysmon->history, sysmon_history_free);
  g_clear_pointer (&sysmon->board, sysmon_board_free);
  g_clear_pointer (&sysmon->thresholds, sysmon_thresholds_free);
  g_clear_object (&sysmon->node);
  g_clear_pointer (&sysmon->loop, g_main_loop_unref);
  g_clear_pointer (&sysmon->proc_dir, g_free);
}

static void
run (Sysmon *sysmon)
{
  sysmon->loop = g_main_loop_new (NULL, FALSE);
  g_signal_connect (sysmon->node, "notify::g-name-owner", G_CALLBACK (on_owner), sysmon);
  g_signal_connect (sysmon->node, "g-properties-changed", G_CALLBACK (on_properties), sysmon);
  g_signal_connect (g_dbus_proxy_get_connection (sysmon->node), "closed",
                    G_CALLBACK (on_bus_closed), sysmon);
  g_unix_signal_add (SIGTERM, on_stop, sysmon);
  g_unix_signal_add (SIGINT, on_stop, sysmon);
  g_timeout_add_full (G_PRIORITY_HIGH, (guint) sysmon->interval_ms, on_tick, sysmon, NULL);
  g_timeout_add_seconds (NODE_WAIT_S, on_no_node, sysmon);
  on_owner (NULL, NULL, sysmon);
  g_main_loop_run (sysmon->loop);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) local_error = NULL;
  Sysmon             sysmon = { .interval_ms = INTERVAL_MS_DEFAULT };

  if (!parse_options (argc, argv, &sysmon, &local_error))
    {
      g_printerr ("sysmon: %s\n", local_error->message);
      clear (&sysmon);
      return EX_USAGE;
    }
  if (sysmon.proc_dir == NULL)
    sysmon.proc_dir = g_strdup ("/proc");
  sysmon.node = connect_node (g_getenv (GEMEL_ENV_BUS_ADDRESS), &local_error);
  if (sysmon.node == NULL)
    {
      g_printerr ("sysmon: connecting to the bus: %s\n", local_error->message);
      clear (&sysmon);
      return EX_UNAVAILABLE;
    }
  run (&sysmon);
  clear (&sysmon);
  return sysmon.status;
}
