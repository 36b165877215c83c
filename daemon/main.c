/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemeld: options, log, signals, the main loop. The node does the rest.
 *
 * Exit status: 0 after an orderly stop; 78 (EX_CONFIG) when settings, keys or stores must be mended
 * by a person, so that the guard does not try again; 1 for everything else: a bus, an address, a
 * port or room on the disk may come.
 */
#include "api/gemel-error.h"
#include "api/gemel-names.h"
#include "dbus/gemel-dbus.h"
#include "gemel-node.h"
#include "link/gemel-guard-wire.h"
#include "system/gemel-log.h"
#include "system/gemel-memory.h"
#include "system/gemel-notify.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sysexits.h>

#define CONFIG_DIR       "/etc/gemel" /* gemel.conf and gemel.conf.d are in it */
#define STATE_DIR        "/var/lib/gemel"
#define STOP_SECONDS_MAX 25

typedef struct
{
  char    *config_file;
  char    *state_dir;
  char    *bus_address;
  gboolean check;
  gboolean version;
} Options;

typedef struct
{
  GMainLoop *loop;
  GemelNode *node;
  GemelDbus *dbus;
  int        status;
  gboolean   stopping;
  char      *status_line;
} Program;

static gboolean
parse_options (int      argc,
               char   **argv,
               Options *options,
               GError **error)
{
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config_file,
      "Settings file, alone (default " CONFIG_DIR "/gemel.conf and gemel.conf.d)", "FILE" },
    { "state-dir", 's', 0, G_OPTION_ARG_FILENAME, &options->state_dir,
      "Folder for everything that is kept (default " STATE_DIR ")", "DIR" },
    { "bus-address", 'b', 0, G_OPTION_ARG_STRING, &options->bus_address,
      "Serve on this private bus instead of the system bus", "ADDRESS" },
    { "check", 'n', 0, G_OPTION_ARG_NONE, &options->check,
      "Read the settings, say whether they are right, and end", NULL },
    { "version", 0, 0, G_OPTION_ARG_NONE, &options->version, "Print the version and end", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  /* clang-format on */
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_summary (context, "The redundancy service of one node of a pair.");
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;
  if (argc > 1)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS, "unknown argument %s; see --help",
                   argv[1]);
      return FALSE;
    }
  return TRUE;
}

static GemelSettings *
load_settings (const Options *options,
               GError       **error)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();
  gboolean                  good;

  if (options->config_file != NULL)
    good = gemel_settings_load_file (settings, options->config_file, error) &&
           gemel_settings_check (settings, error);
  else
    good = gemel_settings_load_dir (settings, CONFIG_DIR, error);
  return good ? g_steal_pointer (&settings) : NULL;
}

static void
keep_in_memory (void)
{
  if (!gemel_memory_keep ())
    gemel_log ("node", GEMEL_LOG_INFO,
               "memory is not locked, so heartbeats may wait for a page; LimitMEMLOCK=infinity "
               "allows it");
  /* Keys must not end in a core dump. */
  (void) prctl (PR_SET_DUMPABLE, 0);
}

static void
on_stopped (gpointer user_data)
{
  Program *program = user_data;

  g_main_loop_quit (program->loop);
}

static gboolean
on_too_long (gpointer user_data)
{
  Program *program = user_data;

  gemel_log ("node", GEMEL_LOG_WARNING, "stopping took longer than %d s; ending without a handover",
             STOP_SECONDS_MAX);
  g_main_loop_quit (program->loop);
  return G_SOURCE_REMOVE;
}

static gboolean
on_signal (gpointer user_data)
{
  Program *program = user_data;

  if (program->stopping)
    {
      gemel_log ("node", GEMEL_LOG_WARNING, "asked to stop again; ending at once");
      g_main_loop_quit (program->loop);
      return G_SOURCE_CONTINUE;
    }
  program->stopping = TRUE;
  gemel_notify ("STOPPING=1");
  gemel_node_stop (program->node);
  g_timeout_add_seconds (STOP_SECONDS_MAX, on_too_long, program);
  return G_SOURCE_CONTINUE;
}

static void
on_bus_name (gboolean owned,
             gpointer user_data)
{
  if (!owned)
    gemel_log ("dbus", GEMEL_LOG_WARNING,
               "the name " GEMEL_BUS_NAME
               " is not ours: another gemeld runs on this bus, or its policy is missing");
}

static gboolean
tell_systemd (gpointer user_data)
{
  Program         *program = user_data;
  g_autofree char *line = gemel_node_dup_status_line (program->node);

  if (g_strcmp0 (line, program->status_line) != 0)
    {
      g_autofree char *text = g_strconcat ("STATUS=", line, NULL);

      gemel_notify (text);
      g_free (program->status_line);
      program->status_line = g_steal_pointer (&line);
    }
  return G_SOURCE_CONTINUE;
}

static GDBusConnection *
connect_bus (const Options *options,
             GError       **error)
{
  const GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                     G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION;

  if (options->bus_address == NULL)
    return g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, error);
  return g_dbus_connection_new_for_address_sync (options->bus_address, flags, NULL, NULL, error);
}

static int
guard_fd (void)
{
  const char *text = g_getenv (GEMEL_GUARD_FD_ENV);
  gint64      fd;

  if (text == NULL || !g_ascii_string_to_signed (text, 10, 3, 1023, &fd, NULL))
    return -1;
  /* Modules must not inherit it. */
  (void) fcntl ((int) fd, F_SETFD, FD_CLOEXEC);
  g_unsetenv (GEMEL_GUARD_FD_ENV);
  return (int) fd;
}

static gboolean
set_up (Program       *program,
        const Options *options,
        GemelSettings *settings,
        GError       **error)
{
  g_autoptr (GDBusConnection) bus = connect_bus (options, error);
  GemelNodeOptions            node_options = { 0 };

  if (bus == NULL)
    {
      gemel_settings_free (settings);
      g_prefix_error (error, "connecting to the bus: ");
      return FALSE;
    }
  g_dbus_connection_set_exit_on_close (bus, FALSE);
  node_options.state_dir = options->state_dir != NULL ? options->state_dir : (char *) STATE_DIR;
  node_options.bus_address = options->bus_address;
  node_options.guard_fd = guard_fd ();
  node_options.settings = settings;
  program->node = gemel_node_new (&node_options, on_stopped, program, error);
  if (program->node == NULL)
    return FALSE;
  program->dbus = gemel_dbus_new (bus, options->bus_address != NULL,
                                  gemel_node_get_requests (program->node), error);
  if (program->dbus == NULL)
    return FALSE;
  gemel_node_set_surface (program->node, gemel_dbus_get_surface (), program->dbus);
  gemel_node_start (program->node);
  gemel_dbus_own_name (program->dbus, on_bus_name, program);
  return TRUE;
}

/* Whether trying again later can help: a bus that is not there yet, a port that a killed daemon
 * still holds until its last thread is gone, a disk that somebody clears. The rest needs a
 * person. */
static gboolean
passes_by_itself (const GError *error)
{
  return error->domain != GEMEL_ERROR || gemel_error_is (error, GEMEL_ERROR_BUSY) ||
         gemel_error_is (error, GEMEL_ERROR_DISK_FULL) ||
         gemel_error_is (error, GEMEL_ERROR_FAILED) || gemel_error_is (error, GEMEL_ERROR_TIMEOUT);
}

static int
run (const Options *options)
{
  g_autoptr (GError)        local_error = NULL;
  g_autoptr (GemelSettings) settings = load_settings (options, &local_error);
  Program                   program = { 0 };

  if (settings == NULL)
    {
      g_printerr ("gemeld: %s\n", local_error->message);
      return EX_CONFIG;
    }
  if (options->check)
    {
      g_print ("the settings are right\n");
      return EXIT_SUCCESS;
    }
  gemel_log_init (gemel_settings_get_string (settings, "node.name"),
                  (guint) gemel_settings_get_int (settings, "log.lines-max"), TRUE);
  keep_in_memory ();
  program.loop = g_main_loop_new (NULL, FALSE);
  if (set_up (&program, options, g_steal_pointer (&settings), &local_error))
    {
      g_unix_signal_add (SIGTERM, on_signal, &program);
      g_unix_signal_add (SIGINT, on_signal, &program);
      g_timeout_add_seconds (1, tell_systemd, &program);
      gemel_notify ("READY=1");
      (void) tell_systemd (&program);
      g_main_loop_run (program.loop);
    }
  else
    {
      gemel_log_error ("node", "starting", local_error);
      program.status = passes_by_itself (local_error) ? EXIT_FAILURE : EX_CONFIG;
    }
  if (program.node != NULL)
    gemel_node_set_surface (program.node, NULL, NULL);
  g_clear_pointer (&program.dbus, gemel_dbus_free);
  g_clear_pointer (&program.node, gemel_node_free);
  g_main_loop_unref (program.loop);
  g_free (program.status_line);
  return program.status;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (GError) local_error = NULL;
  Options            options = { 0 };
  int                status;

  setlocale (LC_ALL, "");
  gemel_connect_init ();
  if (!parse_options (argc, argv, &options, &local_error))
    {
      g_printerr ("gemeld: %s\n", local_error->message);
      return EX_USAGE;
    }
  if (options.version)
    {
      g_print ("gemeld %s\n", GEMEL_VERSION);
      return EXIT_SUCCESS;
    }
  status = run (&options);
  g_free (options.config_file);
  g_free (options.state_dir);
  g_free (options.bus_address);
  return status;
}
