/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemel-guard: the parent of gemeld. It has no data and decides nothing about redundancy.
 *
 *   gemel-guard [--stop-timeout=SECONDS] [--kill-timeout=MS] -- /usr/libexec/gemeld ARGUMENTS
 *
 *   running --gemeld died--> its modules are stopped --all gone--> death notice --> waiting
 *      ^                                             --not all---> (no notice) ------> |
 *      +----------------- back-off: 20 ms, doubled to 5 s, anew after 10 s ------------+
 *
 * SIGTERM: gemeld may end in order, within the stop time-out. SIGABRT, the service watchdog: gemeld
 * does not answer and is killed at once. After both the guard ends.
 *
 * gemeld that ends with 0 or said STOP is not started again, and neither is one that exits with 78
 * (its configuration is wrong). The notice goes out only when it is proven that nothing which
 * gemeld started is alive.
 */
#include "api/gemel-error.h"
#include "guard/gemel-guard-child.h"
#include "guard/gemel-guard-notice.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_US_MIN   (20 * 1000)
#define BACKOFF_US_MAX   (5 * G_USEC_PER_SEC)
#define LONG_LIFE_US     (10 * G_USEC_PER_SEC)
#define STOP_TIMEOUT_S   30
#define KILL_TIMEOUT_MS  2000
#define RECORDS_PER_TURN 64

typedef struct
{
  char           **argv;
  gint64           stop_timeout_us;
  gint64           kill_timeout_us;
  int              signal_fd;
  pid_t            pid;       /* of gemeld; 0: not running */
  int              pidfd;     /* -1: not running */
  int              socket_fd; /* to gemeld; -1: none */
  gint64           started_us;
  gint64           backoff_us;
  gint64           restart_us; /* when to start it; G_MAXINT64: not now */
  gboolean         orderly;    /* gemeld said STOP */
  gboolean         stopping;   /* a signal told the guard to end */
  gint64           kill_us;    /* when patience with a stopping gemeld ends */
  gboolean         ended;
  int              status; /* of the guard, when ended */
  GemelGuardNotice notice;
} Guard;

static void
close_fd (int *fd)
{
  if (*fd >= 0)
    (void) close (*fd);
  *fd = -1;
}

static void
start_gemeld (Guard *guard)
{
  g_autoptr (GError) error = NULL;

  guard->restart_us = G_MAXINT64;
  guard->orderly = FALSE;
  guard->started_us = g_get_monotonic_time ();
  if (gemel_guard_spawn (guard->argv, &guard->pid, &guard->pidfd, &guard->socket_fd, &error))
    return;
  g_printerr ("gemel-guard: %s\n", error->message);
  guard->restart_us = guard->started_us + guard->backoff_us;
  guard->backoff_us = MIN (guard->backoff_us * 2, BACKOFF_US_MAX);
}

/* Returns whether there may be more. */
static gboolean
take_record (Guard *guard)
{
  GemelGuardRecord   record = GEMEL_GUARD_RECORD_NONE;
  GemelGuardOrders   orders;
  g_autoptr (GError) error = NULL;
  int                udp_fd;

  if (!gemel_guard_receive (guard->socket_fd, &record, &orders, &udp_fd, &error))
    {
      g_printerr ("gemel-guard: %s\n", error->message);
      /* What it meant is not known, so the old orders must not be carried out either. */
      gemel_guard_notice_clear (&guard->notice);
      return g_error_matches (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
    }
  switch (record)
    {
    case GEMEL_GUARD_RECORD_NONE:
      return FALSE;
    case GEMEL_GUARD_RECORD_ARM:
      gemel_guard_notice_arm (&guard->notice, &orders, udp_fd);
      break;
    case GEMEL_GUARD_RECORD_DISARM:
      gemel_guard_notice_clear (&guard->notice);
      break;
    case GEMEL_GUARD_RECORD_STOP:
      guard->orderly = TRUE;
      break;
    case GEMEL_GUARD_RECORD_CLOSED:
      close_fd (&guard->socket_fd);
      return FALSE;
    }
  return TRUE;
}

static void
take_records (Guard *guard,
              guint  limit)
{
  guint i;

  for (i = 0; i < limit && guard->socket_fd >= 0; i++)
    if (!take_record (guard))
      return;
}

static char *
describe_end (int wait_status)
{
  if (WIFSIGNALED (wait_status))
    return g_strdup_printf ("died of signal %d", WTERMSIG (wait_status));
  return g_strdup_printf ("exited with status %d", WEXITSTATUS (wait_status));
}

/* Stops what is left and, with the proof, sends the notice at once: others wait for it. */
static void
clean_up (Guard *guard,
          int    wait_status)
{
  g_autofree char *how = describe_end (wait_status);
  g_autofree char *told = NULL;
  g_autofree char *peer = NULL;
  gint64           from_us = g_get_monotonic_time ();
  guint64          term = guard->notice.orders.term;
  gboolean         armed = guard->notice.udp_fd >= 0;
  gboolean         all_gone;
  guint            n_stopped;

  peer = armed ? gemel_guard_notice_describe (&guard->notice) : NULL;
  all_gone = gemel_guard_stop_descendants (guard->kill_timeout_us, &n_stopped);
  if (all_gone)
    {
      gemel_guard_notice_start (&guard->notice, g_get_monotonic_time ());
      (void) gemel_guard_notice_run (&guard->notice, g_get_monotonic_time ());
    }
  else
    gemel_guard_notice_clear (&guard->notice);
  if (!all_gone)
    told = g_strdup ("some of its processes cannot be stopped, so no death notice is sent");
  else if (armed)
    told = g_strdup_printf ("death notice for term %" G_GUINT64_FORMAT " sent to %s", term, peer);
  else
    told = g_strdup ("no death notice was asked for");
  g_printerr ("gemel-guard: gemeld (pid %d) %s; %u processes stopped in %" G_GINT64_FORMAT
              " ms; %s\n",
              (int) guard->pid, how, n_stopped, (g_get_monotonic_time () - from_us) / 1000, told);
}

static void
on_gemeld_ended (Guard *guard)
{
  int      wait_status = 0;
  gint64   now_us;
  gboolean again;

  if (waitpid (guard->pid, &wait_status, WNOHANG) != guard->pid)
    return;
  /* What it said last counts, be it a DISARM in the moment before. */
  take_records (guard, G_MAXUINT);
  close_fd (&guard->socket_fd);
  close_fd (&guard->pidfd);
  clean_up (guard, wait_status);
  guard->pid = 0;
  guard->status = WIFEXITED (wait_status) ? WEXITSTATUS (wait_status)
                                          : 128 + WTERMSIG (wait_status);
  again = !guard->stopping && !guard->orderly && guard->status != 0 &&
          guard->status != GEMEL_GUARD_EXIT_CONFIG;
  if (!again)
    {
      guard->ended = TRUE;
      return;
    }
  now_us = g_get_monotonic_time ();
  if (now_us - guard->started_us >= LONG_LIFE_US)
    guard->backoff_us = BACKOFF_US_MIN;
  guard->restart_us = now_us + guard->backoff_us;
  guard->backoff_us = MIN (guard->backoff_us * 2, BACKOFF_US_MAX);
}

static void
on_stop_signal (Guard *guard,
                int    number)
{
  if (guard->pid == 0)
    {
      /* Between two starts: what the last one died of is not how this stop went. */
      guard->ended = TRUE;
      guard->status = EXIT_SUCCESS;
    }
  else if (guard->stopping || number == SIGABRT)
    guard->kill_us = 0;
  else
    {
      guard->kill_us = g_get_monotonic_time () + guard->stop_timeout_us;
      (void) kill (guard->pid, number);
    }
  guard->stopping = TRUE;
}

static void
on_signal (Guard *guard)
{
  struct signalfd_siginfo info;

  while (read (guard->signal_fd, &info, sizeof info) == (ssize_t) sizeof info)
    {
      if (info.ssi_signo == SIGCHLD)
        gemel_guard_reap_orphans (guard->pid);
      else if (info.ssi_signo == SIGHUP)
        (void) (guard->pid > 0 ? kill (guard->pid, SIGHUP) : 0);
      else
        on_stop_signal (guard, (int) info.ssi_signo);
    }
}

/* Timed work. Returns when the next is due. */
static gint64
run_timers (Guard *guard)
{
  gint64 now_us = g_get_monotonic_time ();
  gint64 notice_us = gemel_guard_notice_run (&guard->notice, now_us);

  if (guard->pid > 0 && guard->stopping && now_us >= guard->kill_us)
    {
      guard->kill_us = G_MAXINT64;
      (void) kill (guard->pid, SIGKILL);
    }
  /* The socket of the notice holds the port that the next gemeld binds. */
  if (guard->pid == 0 && !guard->ended && now_us >= guard->restart_us && notice_us == G_MAXINT64)
    start_gemeld (guard);
  if (guard->pid > 0 && guard->stopping)
    return MIN (notice_us, guard->kill_us);
  return notice_us != G_MAXINT64 ? notice_us : guard->restart_us;
}

static void
wait_for_events (Guard *guard,
                 gint64 due_us)
{
  struct pollfd fds[] = {
    { .fd = guard->signal_fd, .events = POLLIN },
    { .fd = guard->pidfd, .events = POLLIN },
    { .fd = guard->socket_fd, .events = POLLIN },
  };
  gint64          left_us = MAX (0, due_us - g_get_monotonic_time ());
  struct timespec left = { left_us / G_USEC_PER_SEC, left_us % G_USEC_PER_SEC * 1000 };

  if (ppoll (fds, G_N_ELEMENTS (fds), due_us == G_MAXINT64 ? NULL : &left, NULL) < 0)
    return;
  if (fds[1].revents != 0)
    on_gemeld_ended (guard);
  else if (fds[2].revents != 0)
    take_records (guard, RECORDS_PER_TURN);
  if (fds[0].revents != 0)
    on_signal (guard);
}

static gboolean
open_signals (Guard   *guard,
              GError **error)
{
  sigset_t set;

  (void) sigemptyset (&set);
  (void) sigaddset (&set, SIGTERM);
  (void) sigaddset (&set, SIGINT);
  (void) sigaddset (&set, SIGHUP);
  (void) sigaddset (&set, SIGABRT);
  (void) sigaddset (&set, SIGCHLD);
  (void) sigprocmask (SIG_BLOCK, &set, NULL);
  guard->signal_fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  if (guard->signal_fd >= 0)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "cannot watch signals: %s",
               g_strerror (errno));
  return FALSE;
}

static gboolean
parse_options (int      argc,
               char   **argv,
               Guard   *guard,
               GError **error)
{
  int          stop_timeout_s = STOP_TIMEOUT_S;
  int          kill_timeout_ms = KILL_TIMEOUT_MS;
  GOptionEntry entries[] = {
    { "stop-timeout", 0, 0, G_OPTION_ARG_INT, &stop_timeout_s, "Patience with a stopping gemeld",
      "SECONDS" },
    { "kill-timeout", 0, 0, G_OPTION_ARG_INT, &kill_timeout_ms,
      "Patience with what gemeld left behind", "MS" },
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &guard->argv, NULL,
      "-- PROGRAM [ARGUMENT…]" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);

  g_option_context_set_strict_posix (context, TRUE);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;
  if (guard->argv == NULL || stop_timeout_s < 0 || kill_timeout_ms < 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                           "say which program to run, after --; time limits are not negative");
      return FALSE;
    }
  guard->stop_timeout_us = stop_timeout_s * G_USEC_PER_SEC;
  guard->kill_timeout_us = kill_timeout_ms * (gint64) 1000;
  return TRUE;
}

int
main (int    argc,
      char **argv)
{
  Guard              guard = { .pidfd = -1,
                               .socket_fd = -1,
                               .signal_fd = -1,
                               .backoff_us = BACKOFF_US_MIN,
                               .notice = { .udp_fd = -1 } };
  g_autoptr (GError) error = NULL;

  if (!parse_options (argc, argv, &guard, &error) || !gemel_guard_become_reaper (&error) ||
      !open_signals (&guard, &error))
    {
      g_printerr ("gemel-guard: %s\n", error->message);
      return GEMEL_GUARD_EXIT_CONFIG;
    }
  start_gemeld (&guard);
  for (;;)
    {
      gint64 due_us = run_timers (&guard);

      if (guard.ended && guard.notice.started_us == 0)
        break;
      wait_for_events (&guard, due_us);
    }
  gemel_guard_notice_clear (&guard.notice);
  close_fd (&guard.signal_fd);
  g_strfreev (guard.argv);
  return guard.status;
}
