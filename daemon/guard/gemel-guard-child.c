/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Starting gemeld, and ending everything that it left behind.
 *
 * The guard is the subreaper of its descendants: whatever process of gemeld loses its parent
 * becomes the guard's own child, in whatever session or process group it is. So when the guard has
 * no child left, the kernel says that nothing that gemeld started is alive. That, and not a list of
 * pids, is the proof which a death notice needs.
 */
#include "guard/gemel-guard-child.h"

#include "api/gemel-error.h"
#include "link/gemel-guard-wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN_PATH "/proc/thread-self/children"
/* Between two looks at the children that were killed. */
#define LOOK_MS 1

static gboolean
set_errno_error (GError    **error,
                 const char *what,
                 int         code)
{
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "%s: %s", what, g_strerror (code));
  return FALSE;
}

/**
 * gemel_guard_become_reaper:
 * @error: return location
 *
 * From now on orphaned descendants become children of this process.
 *
 * Returns: %TRUE on success.
 * Errors: GEMEL_ERROR_FAILED
 * Thread: main
 */
gboolean
gemel_guard_become_reaper (GError **error)
{
  return prctl (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 ||
         set_errno_error (error, "cannot become the reaper of gemeld's children", errno);
}

/* In the child. Ends in exec or exit. */
G_NORETURN static void
run_child (char **argv,
           pid_t  guard,
           int    socket_fd)
{
  g_autofree char *fd_text = g_strdup_printf ("%d", socket_fd);
  g_autofree char *pid_text = g_strdup_printf ("%d", (int) getpid ());
  sigset_t         none;

  /* The death of the guard must lead to an orderly stop, not to a gemeld without a guard. */
  (void) prctl (PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (getppid () != guard)
    _exit (EXIT_FAILURE);
  (void) sigemptyset (&none);
  (void) sigprocmask (SIG_SETMASK, &none, NULL);
  (void) g_setenv (GEMEL_GUARD_FD_ENV, fd_text, TRUE);
  /* systemd names the guard there; the one that feeds is gemeld. */
  if (g_getenv ("WATCHDOG_PID") != NULL)
    (void) g_setenv ("WATCHDOG_PID", pid_text, TRUE);
  (void) execvp (argv[0], argv);
  g_printerr ("gemel-guard: cannot run %s: %s\n", argv[0], g_strerror (errno));
  _exit (GEMEL_GUARD_EXIT_CONFIG);
}

/**
 * gemel_guard_spawn:
 * @argv: program and arguments
 * @ret_pid: (out): of gemeld
 * @ret_pidfd: (out): becomes readable when it ends; owned by the caller
 * @ret_socket: (out): the guard's end of the pair; owned by the caller
 * @error: return location
 *
 * Returns: %TRUE if it was forked; a program that cannot be run exits with
 *   %GEMEL_GUARD_EXIT_CONFIG.
 * Errors: GEMEL_ERROR_FAILED
 * Thread: main; the process has no other
 */
gboolean
gemel_guard_spawn (char   **argv,
                   pid_t   *ret_pid,
                   int     *ret_pidfd,
                   int     *ret_socket,
                   GError **error)
{
  pid_t guard = getpid ();
  pid_t pid;
  int   pair[2];
  int   pidfd;

  if (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair) != 0)
    return set_errno_error (error, "cannot make the socket to gemeld", errno);
  pid = fork ();
  if (pid == 0)
    {
      (void) close (pair[0]);
      run_child (argv, guard, pair[1]);
    }
  (void) close (pair[1]);
  pidfd = pid > 0 ? pidfd_open (pid, 0) : -1;
  if (pidfd < 0)
    {
      (void) set_errno_error (error, "cannot start gemeld", errno);
      (void) close (pair[0]);
      if (pid > 0)
        (void) kill (pid, SIGKILL);
      return FALSE;
    }
  *ret_pid = pid;
  *ret_pidfd = pidfd;
  *ret_socket = pair[0];
  return TRUE;
}

/* Whole process groups first, so that one of them cannot fork faster than it is found. */
static void
kill_children (void)
{
  g_autofree char *text = NULL;
  g_auto (GStrv)   pids = NULL;
  guint            i;

  if (!g_file_get_contents (CHILDREN_PATH, &text, NULL, NULL))
    return;
  pids = g_strsplit (text, " ", -1);
  for (i = 0; pids[i] != NULL; i++)
    {
      pid_t pid = (pid_t) g_ascii_strtoll (pids[i], NULL, 10);
      pid_t group = pid > 0 ? getpgid (pid) : -1;

      if (pid <= 0)
        continue;
      if (group > 1 && group != getpgrp ())
        (void) kill (-group, SIGKILL);
      (void) kill (pid, SIGKILL);
    }
}

/* Counts the dead into *n_stopped. Returns whether no child is left. */
static gboolean
reap_all (guint *n_stopped)
{
  pid_t pid;

  while ((pid = waitpid (-1, NULL, WNOHANG)) > 0)
    (*n_stopped)++;
  return pid < 0 && errno == ECHILD;
}

/**
 * gemel_guard_stop_descendants:
 * @timeout_us: how long to try
 * @ret_n_stopped: (out): how many ended
 *
 * Kills whatever gemeld left behind. To be called when gemeld itself is dead and reaped.
 *
 * Returns: whether it is proven that nothing is left.
 * Thread: main
 */
gboolean
gemel_guard_stop_descendants (gint64 timeout_us,
                              guint *ret_n_stopped)
{
  gint64 until_us = g_get_monotonic_time () + timeout_us;

  *ret_n_stopped = 0;
  while (!reap_all (ret_n_stopped))
    {
      if (g_get_monotonic_time () >= until_us)
        return FALSE;
      kill_children ();
      (void) poll (NULL, 0, LOOK_MS);
    }
  return TRUE;
}

/**
 * gemel_guard_reap_orphans:
 * @gemeld: its pid, which is left alone
 *
 * Collects what ended among the orphans that this process inherited while gemeld lives.
 * Thread: main
 */
void
gemel_guard_reap_orphans (pid_t gemeld)
{
  siginfo_t info;

  for (;;)
    {
      memset (&info, 0, sizeof info);
      if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0 ||
          info.si_pid == gemeld)
        return;
      (void) waitpid (info.si_pid, NULL, WNOHANG);
    }
}
