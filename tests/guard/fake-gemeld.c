/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the guard's tests start in the place of gemeld: fake-gemeld FOLDER PORT MODE [MODULE]
 *
 * Each start appends a line with its pid to FOLDER/starts; each module one to FOLDER/modules. MODE:
 *   run       arms the guard, starts two modules that ignore SIGTERM, waits; SIGTERM:
 *             FOLDER/term, 0
 *   stubborn  the same, with MODULE (a copy of this program that is set-user-id root) as module
 *   disarm    like run, but disarmed at the end
 *   deaf      like run, but deaf to SIGTERM and SIGINT
 *   stop      says STOP and exits with 3
 *   exit-N    exits with N
 *   module    a module: ignores SIGTERM, waits for ever
 */
#include "link/gemel-guard-wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void
note (const char *folder,
      const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *line = g_strdup_printf ("%d\n", (int) getpid ());
  int              fd = open (path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

  if (fd < 0 || write (fd, line, strlen (line)) < 0)
    _exit (99);
  (void) close (fd);
}

G_NORETURN static void
wait_for_ever (void)
{
  for (;;)
    (void) pause ();
}

G_NORETURN static void
be_module (const char *folder)
{
  (void) !setuid (geteuid ());
  (void) signal (SIGTERM, SIG_IGN);
  note (folder, "modules");
  wait_for_ever ();
}

/* @far: in a session of its own, by way of a process that has ended. */
static void
start_module (const char *folder,
              const char *program,
              gboolean    far)
{
  pid_t pid = fork ();

  if (pid > 0)
    {
      if (far)
        (void) waitpid (pid, NULL, 0);
      return;
    }
  if (far)
    {
      (void) setsid ();
      if (fork () > 0)
        _exit (0);
    }
  if (program == NULL)
    be_module (folder);
  (void) execl (program, program, folder, "0", "module", NULL);
  _exit (98);
}

static void
wait_for_modules (const char *folder,
                  gsize       n)
{
  g_autofree char *path = g_build_filename (folder, "modules", NULL);
  gsize            lines = 0;

  while (lines < n)
    {
      g_autofree char *text = NULL;
      gsize            size = 0, i;

      lines = 0;
      (void) g_file_get_contents (path, &text, &size, NULL);
      for (i = 0; i < size; i++)
        lines += text[i] == '\n';
      g_usleep (1000);
    }
}

static void
arm (int     guard_fd,
     guint16 port)
{
  GemelGuardOrders   orders = { 0 };
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons (port) };
  int                udp_fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

  to.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  memset (orders.node_uuid, 1, sizeof orders.node_uuid);
  memset (orders.key, 2, sizeof orders.key);
  orders.session = 3;
  orders.term = 7;
  memcpy (orders.peer_address, &to, sizeof to);
  orders.peer_address_size = sizeof to;
  if (!gemel_guard_send_arm (guard_fd, &orders, udp_fd, NULL))
    _exit (97);
}

int
main (int    argc,
      char **argv)
{
  const char *folder = argv[1];
  const char *mode = argv[3];
  const char *fd_text = g_getenv (GEMEL_GUARD_FD_ENV);
  int         guard_fd = fd_text != NULL ? atoi (fd_text) : -1;
  sigset_t    set;
  int         number;

  if (g_str_equal (mode, "module"))
    be_module (folder);
  (void) sigemptyset (&set);
  (void) sigaddset (&set, SIGINT);
  (void) sigaddset (&set, SIGTERM);
  (void) sigprocmask (SIG_BLOCK, &set, NULL);
  if (g_str_has_prefix (mode, "exit-"))
    {
      note (folder, "starts");
      return atoi (mode + 5);
    }
  if (g_str_equal (mode, "stop"))
    {
      note (folder, "starts");
      return gemel_guard_send_stop (guard_fd, NULL) ? 3 : 96;
    }
  (void) fcntl (guard_fd, F_SETFD, FD_CLOEXEC);
  start_module (folder, argc > 4 ? argv[4] : NULL, FALSE);
  start_module (folder, argc > 4 ? argv[4] : NULL, TRUE);
  wait_for_modules (folder, 2);
  arm (guard_fd, (guint16) atoi (argv[2]));
  if (g_str_equal (mode, "disarm") && !gemel_guard_send_disarm (guard_fd, NULL))
    return 95;
  note (folder, "starts");
  if (g_str_equal (mode, "deaf"))
    wait_for_ever ();
  (void) sigwait (&set, &number);
  note (folder, "term");
  return 0;
}
