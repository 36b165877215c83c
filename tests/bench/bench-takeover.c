/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One client at the data door of one node, writing runtime state one update at a time without a
 * pause. It kills what it is told to and says when the first update was acknowledged, or goes on
 * until an update is refused and says when the last one was. takeover.py starts it and makes the
 * table. All times are CLOCK_MONOTONIC, µs, so that two of these programs can be compared.
 */
#include "bench-client.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

/* A refused client asks again after this; it must not take the processor from who takes over. */
#define PAUSE_US 50

typedef struct
{
  char    *bus;
  char   **kill_pids; /* (nullable) */
  gboolean until_refused;
} Options;

/* One update and its answer; FALSE with @error: the door is over. */
static gboolean
write_one (GemelDoorClient *client, guint64 number, gboolean *ret_ok, GError **error)
{
  GemelDoorEvent event;

  gemel_door_client_put (client, "key", &number, sizeof number);
  if (!bench_send_and_wait (client, GEMEL_DURABILITY_LOCAL, &event, error))
    return FALSE;
  *ret_ok = event.ok;
  return TRUE;
}

/* All are stopped before the first dies, so that none can tell anybody. */
static gboolean
kill_all (char **pids, GError **error)
{
  guint n = pids != NULL ? g_strv_length (pids) : 0;

  for (guint i = 0; n > 1 && i < n; i++)
    (void) kill ((pid_t) g_ascii_strtoll (pids[i], NULL, 10), SIGSTOP);
  for (guint i = 0; i < n; i++)
    if (kill ((pid_t) g_ascii_strtoll (pids[i], NULL, 10), SIGKILL) != 0)
      {
        g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "cannot kill %s: %s", pids[i],
                     g_strerror (errno));
        return FALSE;
      }
  return TRUE;
}

static gboolean
measure (GemelDoorClient *client, const Options *options, GError **error)
{
  gint64   start_us;
  gint64   start_unix_us;
  gint64   first_us = 0;
  gint64   last_us = 0;
  guint64  number = 0;
  gboolean ok = FALSE;

  if (!write_one (client, number++, &ok, error))
    return FALSE;
  (void) printf ("ready\n");
  (void) fflush (stdout);
  start_us = bench_now_us (CLOCK_MONOTONIC);
  start_unix_us = bench_now_us (CLOCK_REALTIME);
  if (!kill_all (options->kill_pids, error))
    return FALSE;
  do
    {
      if (!write_one (client, number++, &ok, error))
        {
          if (!options->until_refused)
            return FALSE;
          g_clear_error (error);
          break;
        }
      if (ok)
        last_us = bench_now_us (CLOCK_MONOTONIC);
      if (ok && first_us == 0)
        first_us = last_us;
      if (!ok && !options->until_refused)
        g_usleep (PAUSE_US);
    }
  while (ok == options->until_refused);
  (void) printf ("%" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GINT64_FORMAT
                 "\n",
                 start_us, start_unix_us, first_us, last_us);
  return TRUE;
}

int
main (int argc, char **argv)
{
  Options      options = { 0 };
  GOptionEntry entries[] = {
    { "bus", 0, 0, G_OPTION_ARG_STRING, &options.bus, "Bus of the node to write to", "ADDRESS" },
    { "kill", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.kill_pids,
      "Process to kill when ready; may be repeated", "PID" },
    { "until-refused", 0, 0, G_OPTION_ARG_NONE, &options.until_refused,
      "Write until an update is refused", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext)  context = g_option_context_new (NULL);
  g_autoptr (GemelDoorClient) client = NULL;
  g_autoptr (GError)          error = NULL;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error) || options.bus == NULL)
    {
      (void) fprintf (stderr, "%s\n", error != NULL ? error->message : "--bus is needed");
      return 64;
    }
  client = bench_open_door (options.bus, "state", &error);
  if (client == NULL || !measure (client, &options, &error))
    {
      (void) fprintf (stderr, "%s\n", error->message);
      return 1;
    }
  g_strfreev (options.kill_pids);
  g_free (options.bus);
  return 0;
}
