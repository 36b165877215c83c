/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Starts and stops the bus, and makes calls while the main context runs.
 */
#include "bus-fixture.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define NOBODY          65534
#define CALL_TIMEOUT_MS 20000

/* Everybody may connect, as on the system bus; who may do what is the node's business. */
static const char config_head[] =
  "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
  " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
  "<busconfig><listen>unix:path=";
static const char config_tail[] =
  "/bus</listen><auth>EXTERNAL</auth>"
  "<policy context=\"default\"><allow user=\"*\"/><allow own=\"*\"/>"
  "<allow send_destination=\"*\"/><allow receive_sender=\"*\"/></policy></busconfig>\n";

static void
write_config (const char *dir,
              const char *path)
{
  g_autofree char *text = g_strconcat (config_head, dir, config_tail, NULL);

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
}

/* A test that aborts must not leave a bus behind. */
static void
die_with_the_test (gpointer data)
{
  (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
}

static void
start_daemon (BusFixture *fx)
{
  g_autofree char                *path = g_build_filename (fx->dir, "bus.conf", NULL);
  g_autofree char                *option = g_strdup_printf ("--config-file=%s", path);
  g_autoptr (GSubprocessLauncher) launcher =
    g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE | G_SUBPROCESS_FLAGS_STDERR_SILENCE);
  g_autoptr (GDataInputStream) lines = NULL;
  g_autoptr (GError)           error = NULL;

  write_config (fx->dir, path);
  g_subprocess_launcher_set_child_setup (launcher, die_with_the_test, NULL, NULL);
  fx->daemon = g_subprocess_launcher_spawn (launcher, &error, "dbus-daemon", option, "--nofork",
                                            "--print-address=1", NULL);
  g_assert_no_error (error);
  lines = g_data_input_stream_new (g_subprocess_get_stdout_pipe (fx->daemon));
  fx->address = g_data_input_stream_read_line (lines, NULL, NULL, &error);
  g_assert_no_error (error);
  g_assert_nonnull (fx->address);
}

GDBusConnection *
bus_fixture_connect (BusFixture *fx)
{
  g_autoptr (GError) error = NULL;
  GDBusConnection   *connection =
    g_dbus_connection_new_for_address_sync (fx->address,
                                            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                              G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
                                            NULL, NULL, &error);

  g_assert_no_error (error);
  return connection;
}

void
bus_fixture_start (BusFixture *fx)
{
  g_autoptr (GError) error = NULL;

  fx->dir = g_dir_make_tmp ("gemel-bus-XXXXXX", &error);
  g_assert_no_error (error);
  g_assert_cmpint (g_chmod (fx->dir, 0755), ==, 0);
  start_daemon (fx);
  fx->server = bus_fixture_connect (fx);
  fx->client = bus_fixture_connect (fx);
  fx->node = fake_node_new ();
}

static void
serve (BusFixture *fx,
       gboolean    private_bus)
{
  g_autoptr (GError) error = NULL;

  fx->dbus = gemel_dbus_new (fx->server, private_bus, &fx->node->requests, &error);
  g_assert_no_error (error);
  fx->node->dbus = fx->dbus;
}

void
bus_fixture_set_up (BusFixture   *fx,
                    gconstpointer data)
{
  bus_fixture_start (fx);
  serve (fx, TRUE);
}

void
bus_fixture_set_up_system (BusFixture   *fx,
                           gconstpointer data)
{
  bus_fixture_start (fx);
  serve (fx, FALSE);
}

static void
remove_file (const char *dir,
             const char *name)
{
  g_autofree char *path = g_build_filename (dir, name, NULL);

  (void) g_unlink (path);
}

void
bus_fixture_tear_down (BusFixture   *fx,
                       gconstpointer data)
{
  fx->node->dbus = NULL;
  g_clear_pointer (&fx->dbus, gemel_dbus_free);
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  fake_node_free (fx->node);
  g_assert_true (g_dbus_connection_close_sync (fx->client, NULL, NULL));
  g_assert_true (g_dbus_connection_close_sync (fx->server, NULL, NULL));
  while (g_main_context_iteration (NULL, FALSE))
    continue;
  g_object_unref (fx->client);
  g_object_unref (fx->server);
  g_subprocess_force_exit (fx->daemon);
  g_assert_true (g_subprocess_wait (fx->daemon, NULL, NULL));
  g_object_unref (fx->daemon);
  remove_file (fx->dir, "bus.conf");
  remove_file (fx->dir, "bus");
  g_assert_cmpint (g_rmdir (fx->dir), ==, 0);
  g_free (fx->dir);
  g_free (fx->address);
}

static void
on_result (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static GVariant *
call_raw (BusFixture *fx,
          const char *path,
          const char *interface,
          const char *method,
          GVariant   *arguments,
          GError    **error)
{
  g_autoptr (GAsyncResult) result = NULL;

  g_dbus_connection_call (fx->client, g_dbus_connection_get_unique_name (fx->server), path,
                          interface, method, arguments, NULL, G_DBUS_CALL_FLAGS_NONE,
                          CALL_TIMEOUT_MS, NULL, on_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  return g_dbus_connection_call_finish (fx->client, result, error);
}

GVariant *
bus_fixture_call (BusFixture *fx,
                  const char *path,
                  const char *interface,
                  const char *method,
                  GVariant   *arguments,
                  GError    **error)
{
  g_autofree char *full = strchr (interface, '.')
                            ? g_strdup (interface)
                            : g_strconcat ("org.gemel.Gemel1.", interface, NULL);

  return call_raw (fx, path, full, method, arguments, error);
}

/* What was sent before this is here afterwards: a bus keeps the order. */
void
bus_fixture_settle (BusFixture *fx)
{
  for (guint i = 0; i < 2; i++)
    {
      g_autoptr (GVariant) pong = call_raw (fx, NODE, "org.freedesktop.DBus.Peer", "Ping", NULL,
                                            NULL);

      g_assert_nonnull (pong);
    }
}

GVariant *
bus_fixture_get_all (BusFixture *fx,
                     const char *path,
                     const char *interface)
{
  g_autofree char     *full = g_strconcat ("org.gemel.Gemel1.", interface, NULL);
  g_autoptr (GError)   error = NULL;
  g_autoptr (GVariant) reply = call_raw (fx, path, "org.freedesktop.DBus.Properties", "GetAll",
                                         g_variant_new ("(s)", full), &error);

  g_assert_no_error (error);
  return g_variant_get_child_value (reply, 0);
}

static void
become_nobody (gpointer data)
{
  if (setgid (NOBODY) != 0 || setuid (NOBODY) != 0)
    _exit (126);
}

gboolean
bus_fixture_call_as_nobody (BusFixture *fx,
                            const char *path,
                            const char *method,
                            const char *argument_1,
                            const char *argument_2,
                            char      **ret_output)
{
  g_autoptr (GSubprocessLauncher) launcher = NULL;
  g_autoptr (GSubprocess)         process = NULL;
  g_autoptr (GAsyncResult)        result = NULL;
  g_autoptr (GError)              error = NULL;

  if (geteuid () != 0)
    return FALSE;
  launcher = g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE |
                                        G_SUBPROCESS_FLAGS_STDERR_MERGE);
  g_subprocess_launcher_set_child_setup (launcher, become_nobody, NULL, NULL);
  g_subprocess_launcher_set_cwd (launcher, "/");
  process = g_subprocess_launcher_spawn (launcher, &error, "gdbus", "call", "--address",
                                         fx->address, "--dest",
                                         g_dbus_connection_get_unique_name (fx->server),
                                         "--object-path", path, "--method", method, argument_1,
                                         argument_2, NULL);
  g_assert_no_error (error);
  g_subprocess_communicate_utf8_async (process, NULL, NULL, on_result, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (g_subprocess_communicate_utf8_finish (process, result, ret_output, NULL, &error));
  g_assert_no_error (error);
  return TRUE;
}
