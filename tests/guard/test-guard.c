/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemel-guard with a fake gemeld: what it does when one of the two is killed, and that a death
 * notice is sent only when everything that gemeld started is gone. The test is the peer.
 */
#include "link/gemel-guard-wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY         65534
#define WAIT_US        (20 * G_USEC_PER_SEC)
#define NO_NOTICE_MS   300
#define NOTICE_WAIT_MS 20000

typedef struct
{
  char   *folder;
  int     udp_fd; /* the peer's */
  guint16 port;
  pid_t   guard; /* 0: none */
} Fixture;

#define wait_until(condition)                                      \
  G_STMT_START                                                     \
  {                                                                \
    gint64 wait_end_us = g_get_monotonic_time () + WAIT_US;        \
    while (!(condition))                                           \
      {                                                            \
        g_assert_cmpint (g_get_monotonic_time (), <, wait_end_us); \
        g_usleep (1000);                                           \
      }                                                            \
  }                                                                \
  G_STMT_END

static void
set_up (Fixture      *fixture,
        gconstpointer data)
{
  struct sockaddr_in address = { .sin_family = AF_INET };
  socklen_t          size = sizeof address;

  /* What a killed guard leaves comes to the test, which ends it. */
  g_assert_cmpint (prctl (PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), ==, 0);
  fixture->folder = g_dir_make_tmp ("gemel-guard-XXXXXX", NULL);
  g_assert_cmpint (g_chmod (fixture->folder, 0777), ==, 0);
  fixture->udp_fd = socket (AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  g_assert_cmpint (bind (fixture->udp_fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_cmpint (getsockname (fixture->udp_fd, (struct sockaddr *) &address, &size), ==, 0);
  fixture->port = ntohs (address.sin_port);
}

/* Pids in a file, a line each. */
static GArray *
read_pids (Fixture    *fixture,
           const char *name)
{
  g_autofree char *path = g_build_filename (fixture->folder, name, NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv)   lines = NULL;
  GArray          *pids = g_array_new (FALSE, FALSE, sizeof (pid_t));
  guint            i;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return pids;
  lines = g_strsplit (text, "\n", -1);
  for (i = 0; lines[i] != NULL && lines[i + 1] != NULL; i++)
    {
      pid_t pid = (pid_t) atoi (lines[i]);

      g_array_append_val (pids, pid);
    }
  return pids;
}

static guint
count (Fixture    *fixture,
       const char *name)
{
  g_autoptr (GArray) pids = read_pids (fixture, name);

  return pids->len;
}

static pid_t
pid_at (Fixture    *fixture,
        const char *name,
        guint       index)
{
  g_autoptr (GArray) pids = read_pids (fixture, name);

  g_assert_cmpuint (index, <, pids->len);
  return g_array_index (pids, pid_t, index);
}

static void
kill_all_in (Fixture    *fixture,
             const char *name)
{
  g_autoptr (GArray) pids = read_pids (fixture, name);
  guint              i;

  for (i = 0; i < pids->len; i++)
    (void) kill (g_array_index (pids, pid_t, i), SIGKILL);
}

static void
remove_file (Fixture    *fixture,
             const char *name)
{
  g_autofree char *path = g_build_filename (fixture->folder, name, NULL);

  (void) g_unlink (path);
}

static void
tear_down (Fixture      *fixture,
           gconstpointer data)
{
  if (fixture->guard > 0)
    (void) kill (fixture->guard, SIGKILL);
  kill_all_in (fixture, "starts");
  kill_all_in (fixture, "modules");
  while (waitpid (-1, NULL, 0) > 0)
    ;
  (void) close (fixture->udp_fd);
  remove_file (fixture, "starts");
  remove_file (fixture, "modules");
  remove_file (fixture, "term");
  remove_file (fixture, "program");
  remove_file (fixture, "guard-copy");
  remove_file (fixture, "gemeld-copy");
  (void) g_rmdir (fixture->folder);
  g_free (fixture->folder);
}

/* @module: (nullable): with it, the guard runs as nobody. */
static gboolean
copy_program (const char *from,
              const char *to,
              int         mode)
{
  g_autofree char   *text = NULL;
  g_autoptr (GError) error = NULL;
  gsize              size;

  return g_file_get_contents (from, &text, &size, &error) &&
         g_file_set_contents (to, text, (gssize) size, &error) && g_chmod (to, mode) == 0;
}

/* The build may be below a folder that only root may enter. */
static void
make_readable_copies (Fixture *fixture,
                      char   **guard,
                      char   **gemeld)
{
  *guard = g_build_filename (fixture->folder, "guard-copy", NULL);
  *gemeld = g_build_filename (fixture->folder, "gemeld-copy", NULL);
  g_assert_true (copy_program (g_getenv ("GEMEL_TEST_GUARD"), *guard, 0755));
  g_assert_true (copy_program (g_getenv ("GEMEL_TEST_FAKE_GEMELD"), *gemeld, 0755));
}

static void
start_guard (Fixture    *fixture,
             const char *option,
             const char *mode,
             const char *module)
{
  g_autofree char *port = g_strdup_printf ("%u", (guint) fixture->port);
  g_autofree char *guard = g_strdup (g_getenv ("GEMEL_TEST_GUARD"));
  g_autofree char *gemeld = g_strdup (g_getenv ("GEMEL_TEST_FAKE_GEMELD"));

  if (module != NULL)
    {
      g_clear_pointer (&guard, g_free);
      g_clear_pointer (&gemeld, g_free);
      make_readable_copies (fixture, &guard, &gemeld);
    }
  fixture->guard = fork ();
  if (fixture->guard > 0)
    return;
  if (module != NULL && (setgid (NOBODY) != 0 || setuid (NOBODY) != 0))
    _exit (94);
  (void) execl (guard, guard, option, "--", gemeld, fixture->folder, port, mode, module, NULL);
  _exit (93);
}

/* Opens the next notice. FALSE: none came in time. */
static gboolean
receive_notice (Fixture *fixture,
                int      timeout_ms)
{
  struct pollfd      poll_fd = { .fd = fixture->udp_fd, .events = POLLIN };
  g_autoptr (GError) error = NULL;
  guint8             datagram[2000];
  guint8             key[32], uuid[16];
  guint64            term;
  gssize             n;

  if (poll (&poll_fd, 1, timeout_ms) <= 0)
    return FALSE;
  n = recv (fixture->udp_fd, datagram, sizeof datagram, 0);
  g_assert_cmpint (n, >, 0);
  memset (key, 2, sizeof key);
  memset (uuid, 1, sizeof uuid);
  g_assert_true (gemel_death_notice_open (datagram, (gsize) n, key, 3, uuid, &term, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (term, ==, 7);
  return TRUE;
}

static gboolean
is_gone (pid_t pid)
{
  return kill (pid, 0) != 0 && errno == ESRCH;
}

/* Of the guard; it is gone then. */
static int
wait_status (Fixture *fixture)
{
  gint64 until_us = g_get_monotonic_time () + WAIT_US;
  int    status = 0;
  pid_t  pid;

  while ((pid = waitpid (fixture->guard, &status, WNOHANG)) == 0)
    {
      g_assert_cmpint (g_get_monotonic_time (), <, until_us);
      g_usleep (1000);
    }
  g_assert_cmpint (pid, ==, fixture->guard);
  fixture->guard = 0;
  g_assert_true (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static void
test_kill_gemeld (Fixture      *fixture,
                  gconstpointer data)
{
  gint64 killed_us;
  pid_t  first;
  guint  copies = 0;

  start_guard (fixture, "--stop-timeout=20", "run", NULL);
  wait_until (count (fixture, "starts") == 1);
  first = pid_at (fixture, "starts", 0);
  killed_us = g_get_monotonic_time ();
  g_assert_cmpint (kill (first, SIGKILL), ==, 0);
  g_assert_true (receive_notice (fixture, NOTICE_WAIT_MS));
  g_test_message ("notice %" G_GINT64_FORMAT " us after the kill",
                  g_get_monotonic_time () - killed_us);
  g_assert_true (is_gone (pid_at (fixture, "modules", 0)));
  g_assert_true (is_gone (pid_at (fixture, "modules", 1)));
  g_assert_true (is_gone (first));
  while (copies < 4)
    {
      g_assert_true (receive_notice (fixture, NOTICE_WAIT_MS));
      copies++;
    }
  wait_until (count (fixture, "starts") == 2);
  g_assert_false (receive_notice (fixture, 0));
  g_assert_cmpint (kill (fixture->guard, SIGTERM), ==, 0);
  g_assert_cmpint (wait_status (fixture), ==, 0);
}

static void
test_kill_guard (Fixture      *fixture,
                 gconstpointer data)
{
  start_guard (fixture, "--stop-timeout=20", "run", NULL);
  wait_until (count (fixture, "starts") == 1);
  g_assert_cmpint (kill (fixture->guard, SIGKILL), ==, 0);
  wait_until (count (fixture, "term") == 1);
  g_assert_cmpint (pid_at (fixture, "term", 0), ==, pid_at (fixture, "starts", 0));
  g_assert_false (receive_notice (fixture, NO_NOTICE_MS));
}

static void
test_kill_both (Fixture      *fixture,
                gconstpointer data)
{
  start_guard (fixture, "--stop-timeout=20", "deaf", NULL);
  wait_until (count (fixture, "starts") == 1);
  g_assert_cmpint (kill (fixture->guard, SIGKILL), ==, 0);
  g_assert_cmpint (kill (pid_at (fixture, "starts", 0), SIGKILL), ==, 0);
  g_assert_false (receive_notice (fixture, NO_NOTICE_MS));
  g_assert_cmpuint (count (fixture, "starts"), ==, 1);
}

static gboolean
make_set_user_id_copy (const char *path)
{
  return copy_program (g_getenv ("GEMEL_TEST_FAKE_GEMELD"), path, 04755);
}

static void
test_module_that_cannot_be_stopped (Fixture      *fixture,
                                    gconstpointer data)
{
  g_autofree char *program = g_build_filename (fixture->folder, "program", NULL);
  pid_t            module;

  if (geteuid () != 0)
    {
      g_test_skip ("needs root: the module must be a process that the guard may not kill");
      return;
    }
  g_assert_true (make_set_user_id_copy (program));
  start_guard (fixture, "--kill-timeout=100", "stubborn", program);
  wait_until (count (fixture, "starts") == 1);
  module = pid_at (fixture, "modules", 0);
  g_assert_cmpint (kill (pid_at (fixture, "starts", 0), SIGKILL), ==, 0);
  wait_until (count (fixture, "starts") == 2);
  g_assert_false (receive_notice (fixture, NO_NOTICE_MS));
  g_assert_false (is_gone (module));
}

static void
test_disarmed (Fixture      *fixture,
               gconstpointer data)
{
  start_guard (fixture, "--stop-timeout=20", "disarm", NULL);
  wait_until (count (fixture, "starts") == 1);
  g_assert_cmpint (kill (pid_at (fixture, "starts", 0), SIGKILL), ==, 0);
  wait_until (count (fixture, "starts") == 2);
  g_assert_false (receive_notice (fixture, NO_NOTICE_MS));
  g_assert_true (is_gone (pid_at (fixture, "modules", 0)));
}

static void
test_exit_status (Fixture      *fixture,
                  gconstpointer data)
{
  start_guard (fixture, "--stop-timeout=20", "exit-0", NULL);
  g_assert_cmpint (wait_status (fixture), ==, 0);
  start_guard (fixture, "--stop-timeout=20", "exit-78", NULL);
  g_assert_cmpint (wait_status (fixture), ==, 78);
  start_guard (fixture, "--stop-timeout=20", "stop", NULL);
  g_assert_cmpint (wait_status (fixture), ==, 3);
  g_assert_cmpuint (count (fixture, "starts"), ==, 3);
  start_guard (fixture, "--nonsense", "exit-0", NULL);
  g_assert_cmpint (wait_status (fixture), ==, 78);
  g_assert_cmpuint (count (fixture, "starts"), ==, 3);
}

static void
test_back_off (Fixture      *fixture,
               gconstpointer data)
{
  gint64 from_us = g_get_monotonic_time ();

  start_guard (fixture, "--stop-timeout=20", "exit-1", NULL);
  wait_until (count (fixture, "starts") >= 5);
  g_assert_cmpint (g_get_monotonic_time () - from_us, >=, (20 + 40 + 80 + 160) * 1000);
  g_assert_cmpint (kill (fixture->guard, SIGTERM), ==, 0);
  g_assert_cmpint (wait_status (fixture), <=, 1);
}

static void
test_stop_during_back_off (Fixture      *fixture,
                           gconstpointer data)
{
  start_guard (fixture, "--stop-timeout=20", "exit-1", NULL);
  /* The next start would be 320 ms away. */
  wait_until (count (fixture, "starts") == 5);
  wait_until (is_gone (pid_at (fixture, "starts", 4)));
  g_assert_cmpint (kill (fixture->guard, SIGTERM), ==, 0);
  g_assert_cmpint (wait_status (fixture), ==, 0);
  g_assert_cmpuint (count (fixture, "starts"), ==, 5);
}

static void
test_deaf_gemeld (Fixture      *fixture,
                  gconstpointer data)
{
  start_guard (fixture, "--stop-timeout=0", "deaf", NULL);
  wait_until (count (fixture, "starts") == 1);
  g_assert_cmpint (kill (fixture->guard, SIGTERM), ==, 0);
  g_assert_cmpint (wait_status (fixture), ==, 128 + SIGKILL);
  g_assert_true (receive_notice (fixture, NOTICE_WAIT_MS));
  g_assert_true (is_gone (pid_at (fixture, "modules", 1)));
}

static void
test_second_signal (Fixture      *fixture,
                    gconstpointer data)
{
  start_guard (fixture, "--stop-timeout=1000", "deaf", NULL);
  wait_until (count (fixture, "starts") == 1);
  g_assert_cmpint (kill (fixture->guard, SIGTERM), ==, 0);
  /* Two signals of one kind that wait are one; another kind is not. */
  g_assert_cmpint (kill (fixture->guard, SIGINT), ==, 0);
  g_assert_cmpint (wait_status (fixture), ==, 128 + SIGKILL);
}

static void
test_watchdog (Fixture      *fixture,
               gconstpointer data)
{
  start_guard (fixture, "--stop-timeout=1000", "deaf", NULL);
  wait_until (count (fixture, "starts") == 1);
  g_assert_cmpint (kill (fixture->guard, SIGABRT), ==, 0);
  g_assert_cmpint (wait_status (fixture), ==, 128 + SIGKILL);
  g_assert_true (receive_notice (fixture, NOTICE_WAIT_MS));
  g_assert_true (is_gone (pid_at (fixture, "modules", 1)));
  g_assert_cmpuint (count (fixture, "starts"), ==, 1);
}

#define ADD(path, function) g_test_add (path, Fixture, NULL, set_up, function, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/guard/kill/of-gemeld-stops-modules-then-tells-then-restarts", test_kill_gemeld);
  ADD ("/guard/kill/of-the-guard-stops-gemeld-in-order", test_kill_guard);
  ADD ("/guard/kill/of-both-tells-nobody", test_kill_both);
  ADD ("/guard/notice/not-sent-when-a-module-cannot-be-stopped",
       test_module_that_cannot_be_stopped);
  ADD ("/guard/notice/not-sent-when-disarmed", test_disarmed);
  ADD ("/guard/life/exit-status-is-handed-on", test_exit_status);
  ADD ("/guard/life/restarts-back-off", test_back_off);
  ADD ("/guard/life/stop-during-back-off-is-no-failure", test_stop_during_back_off);
  ADD ("/guard/life/deaf-gemeld-is-killed-when-patience-ends", test_deaf_gemeld);
  ADD ("/guard/life/second-signal-kills-at-once", test_second_signal);
  ADD ("/guard/life/the-watchdog-kills-at-once-and-tells", test_watchdog);
  return g_test_run ();
}
