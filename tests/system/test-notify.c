/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Messages to the service manager, played by a socket of the test; and the two clocks.
 */
#include "system/gemel-clock.h"
#include "system/gemel-memory.h"
#include "system/gemel-notify.h"

#include <gio/gio.h>
#include <gio/gunixsocketaddress.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static GSocket *
listen_at (const char            *path,
           int                    n_bytes,
           GUnixSocketAddressType type)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new_with_type (path, n_bytes, type);
  g_autoptr (GError)         error = NULL;
  GSocket                   *socket = g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_DATAGRAM,
                                                    G_SOCKET_PROTOCOL_DEFAULT, &error);

  g_assert_no_error (error);
  g_assert_true (g_socket_bind (socket, address, FALSE, &error));
  g_assert_no_error (error);
  g_socket_set_timeout (socket, 10);
  return socket;
}

static void
assert_receives (GSocket    *socket,
                 const char *text)
{
  char               buffer[256] = "";
  g_autoptr (GError) error = NULL;
  gssize             n_bytes = g_socket_receive (socket, buffer, sizeof buffer - 1, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpint (n_bytes, ==, strlen (text));
  g_assert_cmpstr (buffer, ==, text);
}

static void
test_notify_reaches_a_path (void)
{
  g_autofree char    *dir = g_dir_make_tmp ("gemel-notify-XXXXXX", NULL);
  g_autofree char    *path = g_build_filename (dir, "notify", NULL);
  g_autoptr (GSocket) socket = listen_at (path, -1, G_UNIX_SOCKET_ADDRESS_PATH);

  g_setenv ("NOTIFY_SOCKET", path, TRUE);
  gemel_notify ("READY=1\nSTATUS=active");
  assert_receives (socket, "READY=1\nSTATUS=active");
  (void) g_remove (path);
  gemel_notify ("WATCHDOG=1");
  (void) g_rmdir (dir);
}

static void
test_notify_reaches_an_abstract_socket (void)
{
  g_autofree char    *name = g_strdup_printf ("gemel-test-%d-%u", getpid (), g_random_int ());
  g_autofree char    *env = g_strconcat ("@", name, NULL);
  g_autoptr (GSocket) socket = listen_at (name, (int) strlen (name),
                                          G_UNIX_SOCKET_ADDRESS_ABSTRACT);

  g_setenv ("NOTIFY_SOCKET", env, TRUE);
  gemel_notify ("STOPPING=1");
  assert_receives (socket, "STOPPING=1");
}

static void
test_notify_bad_socket_is_nothing (void)
{
  g_autofree char *long_path = g_strnfill (300, '/');

  g_unsetenv ("NOTIFY_SOCKET");
  gemel_notify ("READY=1");
  g_setenv ("NOTIFY_SOCKET", "relative", TRUE);
  gemel_notify ("READY=1");
  g_setenv ("NOTIFY_SOCKET", "@", TRUE);
  gemel_notify ("READY=1");
  g_setenv ("NOTIFY_SOCKET", long_path, TRUE);
  gemel_notify ("READY=1");
  g_setenv ("NOTIFY_SOCKET", "/nowhere/at/all", TRUE);
  gemel_notify ("READY=1");
}

static void
test_notify_full_socket_does_not_block (void)
{
  g_autofree char    *name = g_strdup_printf ("gemel-full-%d-%u", getpid (), g_random_int ());
  g_autofree char    *env = g_strconcat ("@", name, NULL);
  g_autoptr (GSocket) socket = listen_at (name, (int) strlen (name),
                                          G_UNIX_SOCKET_ADDRESS_ABSTRACT);

  g_setenv ("NOTIFY_SOCKET", env, TRUE);
  for (guint i = 0; i < 10000; i++)
    gemel_notify ("WATCHDOG=1");
  assert_receives (socket, "WATCHDOG=1");
}

static void
test_notify_watchdog_is_read (void)
{
  g_autofree char *own = g_strdup_printf ("%d", getpid ());
  g_autofree char *parent = g_strdup_printf ("%d", getppid ());

  g_unsetenv ("WATCHDOG_PID");
  g_unsetenv ("WATCHDOG_USEC");
  g_assert_cmpint (gemel_notify_get_watchdog_us (), ==, 0);
  g_setenv ("WATCHDOG_USEC", "10000000", TRUE);
  g_assert_cmpint (gemel_notify_get_watchdog_us (), ==, 10000000);
  g_setenv ("WATCHDOG_PID", own, TRUE);
  g_assert_cmpint (gemel_notify_get_watchdog_us (), ==, 10000000);
  g_setenv ("WATCHDOG_PID", parent, TRUE);
  g_assert_cmpint (gemel_notify_get_watchdog_us (), ==, 10000000);
  g_setenv ("WATCHDOG_PID", "1999999999", TRUE);
  g_assert_cmpint (gemel_notify_get_watchdog_us (), ==, 0);
  g_setenv ("WATCHDOG_PID", own, TRUE);
  g_setenv ("WATCHDOG_USEC", "-5", TRUE);
  g_assert_cmpint (gemel_notify_get_watchdog_us (), ==, 0);
  g_setenv ("WATCHDOG_USEC", "soon", TRUE);
  g_assert_cmpint (gemel_notify_get_watchdog_us (), ==, 0);
}

static void
test_clock_both_run (void)
{
  gint64 boot_us = gemel_clock_boot_us ();
  gint64 unix_us = gemel_clock_unix_us ();

  g_assert_cmpint (boot_us, >, 0);
  g_assert_cmpint (gemel_clock_boot_us (), >=, boot_us);
  g_assert_cmpint (ABS (unix_us - g_get_real_time ()), <, 60 * G_USEC_PER_SEC);
}

static gpointer
do_nothing (gpointer data)
{
  return data;
}

/* In a process without privileges and with little memory that it may lock: 0 when all is well. */
G_GNUC_UNUSED static int
keep_below_a_limit (void)
{
  struct rlimit       limit = { 1024 * 1024, 1024 * 1024 };
  g_autoptr (GThread) thread = NULL;

  if (setrlimit (RLIMIT_MEMLOCK, &limit) != 0 || (geteuid () == 0 && setuid (NOBODY) != 0))
    return 1;
  if (gemel_memory_keep ())
    return 2;
  thread = g_thread_try_new ("later", do_nothing, NULL, NULL);
  if (thread == NULL)
    return 3;
  (void) g_thread_join (g_steal_pointer (&thread));
  return 0;
}

G_GNUC_UNUSED static void
test_memory_limit_does_not_stop_threads (void)
{
  int   status = 0;
  pid_t pid = fork ();

  if (pid == 0)
    _exit (keep_below_a_limit ());
  g_assert_cmpint (pid, >, 0);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFEXITED (status));
  g_assert_cmpint (WEXITSTATUS (status), ==, 0);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/system/notify/reaches-a-path", test_notify_reaches_a_path);
  g_test_add_func ("/system/notify/reaches-an-abstract-socket",
                   test_notify_reaches_an_abstract_socket);
  g_test_add_func ("/system/notify/bad-socket-is-nothing", test_notify_bad_socket_is_nothing);
  g_test_add_func ("/system/notify/full-socket-does-not-block",
                   test_notify_full_socket_does_not_block);
  g_test_add_func ("/system/notify/watchdog-is-read", test_notify_watchdog_is_read);
  g_test_add_func ("/system/clock/both-run", test_clock_both_run);
#ifndef __SANITIZE_ADDRESS__ /* its shadow memory is what no limit allows */
  g_test_add_func ("/system/memory/limit-does-not-stop-threads",
                   test_memory_limit_does_not_stop_threads);
#endif
  return g_test_run ();
}
