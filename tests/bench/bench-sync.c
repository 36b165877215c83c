/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * How fast runtime state and configuration reach the other node: two processes, each with a sync
 * thread and real stores, TLS on loopback between them. The load comes through data doors (local
 * sockets, C client, one thread that polls all clients) in the active process; what becomes visible
 * is seen through a door of the standby process. Medians of RUNS runs.
 *
 * The parent is the standby; it starts itself again as the active node and talks to that by lines:
 *   child: "ready PORT PIN"      parent: "pin PIN"
 *   parent: "load KIND CLIENTS OPS"   child: "rate PER_S P50_US P99_US"
 *   parent: "single N"                child: "rate 0 P50_US P99_US" (time to `pair`)
 */
#include "../sync/sync-node.h"
#include "api/gemel-door-client.h"

#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define RUNS            5
#define RUN_US          (G_USEC_PER_SEC)
#define SINGLES         2000u
#define SINGLE_PAUSE_US 500
#define CLIENTS_MAX     64
#define VALUE_BYTES     32

typedef struct
{
  GemelDoorClient *door;
  gint64           sent_us;
} Client;

static int
compare_doubles (gconstpointer a,
                 gconstpointer b)
{
  double left = *(const double *) a;
  double right = *(const double *) b;

  return (left > right) - (left < right);
}

static double
percentile (GArray *values,
            double  part)
{
  if (values->len == 0)
    return 0;
  g_array_sort (values, compare_doubles);
  return g_array_index (values, double, MIN (values->len - 1, (guint) (part * values->len)));
}

/* --- the active process ---------------------------------------------------------------------- */

static void
send_batch (Client *client,
            guint   number,
            guint   n_ops)
{
  char               value[VALUE_BYTES] = "0123456789012345678901234567890";
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n_ops; i++)
    {
      char key[32];

      (void) g_snprintf (key, sizeof key, "client%u/key%u", number, i);
      gemel_door_client_put (client->door, key, value, sizeof value);
    }
  client->sent_us = g_get_monotonic_time ();
  if (!gemel_door_client_send (client->door, GEMEL_DURABILITY_PAIR, 0, NULL, &error))
    g_error ("%s", error->message);
}

/* Takes one answer; FALSE when there is none. */
static gboolean
take_answer (Client *client,
             GArray *times,
             int     timeout_ms)
{
  g_autoptr (GError) error = NULL;
  GemelDoorEvent     event;
  double             took_us;

  if (!gemel_door_client_next (client->door, timeout_ms, &event, &error))
    {
      if (!gemel_error_is (error, GEMEL_ERROR_TIMEOUT))
        g_error ("%s", error->message);
      return FALSE;
    }
  if (!event.ok || event.reached != GEMEL_DURABILITY_PAIR)
    g_error ("a batch was not replicated: %s", event.ok ? "local" : event.message);
  took_us = (double) (g_get_monotonic_time () - client->sent_us);
  g_array_append_val (times, took_us);
  return TRUE;
}

static void
run_load (SyncNode   *node,
          const char *kind,
          guint       n_clients,
          guint       n_ops)
{
  Client             clients[CLIENTS_MAX] = { 0 };
  struct pollfd      fds[CLIENTS_MAX];
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));
  gint64             start_us;
  gint64             end_us;

  for (guint i = 0; i < n_clients; i++)
    {
      clients[i].door = gemel_door_client_new (gemel_sync_open_door (node->sync, kind, "bench",
                                                                     NULL),
                                               NULL);
      fds[i] = (struct pollfd){ gemel_door_client_get_fd (clients[i].door), POLLIN, 0 };
    }
  start_us = g_get_monotonic_time ();
  for (guint i = 0; i < n_clients; i++)
    send_batch (&clients[i], i, n_ops);
  while (g_get_monotonic_time () - start_us < RUN_US)
    {
      (void) poll (fds, n_clients, 1000);
      for (guint i = 0; i < n_clients; i++)
        if (fds[i].revents != 0 && take_answer (&clients[i], times, 0))
          send_batch (&clients[i], i, n_ops);
    }
  end_us = g_get_monotonic_time ();
  printf ("rate %.0f %.0f %.0f\n",
          (double) times->len * n_ops * G_USEC_PER_SEC / (double) (end_us - start_us),
          percentile (times, 0.5), percentile (times, 0.99));
  for (guint i = 0; i < n_clients; i++)
    {
      (void) take_answer (&clients[i], times, 5000);
      gemel_door_client_free (clients[i].door);
    }
}

/* One update after the other, each with the time of its sending as the value. */
static void
run_single (SyncNode *node,
            guint     n)
{
  Client             client = { 0 };
  g_autoptr (GArray) times = g_array_new (FALSE, FALSE, sizeof (double));

  client.door = gemel_door_client_new (gemel_sync_open_door (node->sync, "state", "single", NULL),
                                       NULL);
  for (guint i = 0; i < n; i++)
    {
      client.sent_us = g_get_monotonic_time ();
      gemel_door_client_put (client.door, "now", &client.sent_us, sizeof client.sent_us);
      if (!gemel_door_client_send (client.door, GEMEL_DURABILITY_PAIR, 0, NULL, NULL) ||
          !take_answer (&client, times, 5000))
        g_error ("no answer");
      g_usleep (SINGLE_PAUSE_US);
    }
  printf ("rate 0 %.0f %.0f\n", percentile (times, 0.5), percentile (times, 0.99));
  gemel_door_client_free (client.door);
}

static void
print_pin (const guint8 *pin)
{
  for (guint i = 0; i < GEMEL_PIN_BYTES; i++)
    printf ("%02x", pin[i]);
  printf ("\n");
}

static void
parse_pin (const char *text,
           guint8     *pin)
{
  for (guint i = 0; i < GEMEL_PIN_BYTES; i++)
    pin[i] = (guint8) (g_ascii_xdigit_value (text[2 * i]) * 16 +
                       g_ascii_xdigit_value (text[2 * i + 1]));
}

/** The active process: its node, and whether the parent still wants something. */
typedef struct
{
  SyncNode *node;
  gint      over; /* atomic */
} Active;

static gpointer
serve (gpointer data)
{
  Active   *active = data;
  SyncNode *node = active->node;
  char      line[256];
  char      text[80];
  guint     clients;
  guint     ops;

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      guint8 pin[GEMEL_PIN_BYTES];

      if (sscanf (line, "pin %64s", text) == 1)
        {
          parse_pin (text, pin);
          gemel_listener_set_peer (node->listener, pin);
          gemel_sync_set_peer (node->sync, NULL, pin, TRUE);
        }
      else if (sscanf (line, "load %10s %u %u", text, &clients, &ops) == 3)
        run_load (node, text, clients, ops);
      else if (sscanf (line, "single %u", &ops) == 1)
        run_single (node, ops);
      (void) fflush (stdout);
    }
  g_atomic_int_set (&active->over, 1);
  g_main_context_wakeup (NULL);
  return NULL;
}

static int
be_active (void)
{
  SyncNode *node = sync_node_new (1);
  Active    active = { node, 0 };
  GThread  *thread;

  sync_node_set_authority (node, TRUE, 3);
  sync_node_set_active (node, 3);
  sync_node_start (node);
  printf ("ready %u ", gemel_listener_get_port (node->listener));
  print_pin (node->keys.pin);
  (void) fflush (stdout);
  thread = g_thread_new ("bench-load", serve, &active);
  /* The parent ends this process by closing its input; serve () wakes this loop then. */
  while (!g_atomic_int_get (&active.over))
    g_main_context_iteration (NULL, TRUE);
  (void) g_thread_join (thread);
  sync_node_free (node);
  return 0;
}

/* --- the standby process --------------------------------------------------------------------- */

typedef struct
{
  FILE     *to;
  FILE     *from;
  GPid      pid;
  SyncNode *node;
} Bench;

static void
ask (Bench  *bench,
     double *ret_rate,
     double *ret_p50,
     double *ret_p99)
{
  char line[256];

  (void) fflush (bench->to);
  if (fgets (line, sizeof line, bench->from) == NULL ||
      sscanf (line, "rate %lf %lf %lf", ret_rate, ret_p50, ret_p99) != 3)
    g_error ("the active process gave no result");
}

static void
report (const char *what,
        GArray     *rates,
        GArray     *p50,
        GArray     *p99)
{
  printf ("%-52s %10.0f/s  p50 %7.0f us  p99 %7.0f us\n", what, percentile (rates, 0.5),
          percentile (p50, 0.5), percentile (p99, 0.5));
  (void) fflush (stdout);
}

static void
bench_load (Bench      *bench,
            const char *what,
            const char *kind,
            guint       clients,
            guint       ops)
{
  g_autoptr (GArray) rates = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) p50 = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) p99 = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < RUNS; i++)
    {
      double rate, half, most;

      fprintf (bench->to, "load %s %u %u\n", kind, clients, ops);
      ask (bench, &rate, &half, &most);
      g_array_append_val (rates, rate);
      g_array_append_val (p50, half);
      g_array_append_val (p99, most);
    }
  report (what, rates, p50, p99);
}

/* Notes how old each update is when the standby's door shows it. */
static void
watch (GemelDoorClient *door,
       GArray          *ages,
       guint            n)
{
  GemelDoorEvent  event;
  GemelDoorChange change;

  while (ages->len < n && gemel_door_client_next (door, 5000, &event, NULL))
    while (event.type == GEMEL_DOOR_DELTA && gemel_door_event_next_change (&event, &change))
      {
        gint64 sent_us;
        double age_us;

        memcpy (&sent_us, change.value, sizeof sent_us);
        age_us = (double) (g_get_monotonic_time () - sent_us);
        g_array_append_val (ages, age_us);
      }
}

static void
bench_single (Bench *bench)
{
  g_autoptr (GArray) seen50 = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) seen99 = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) pair50 = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) pair99 = g_array_new (FALSE, FALSE, sizeof (double));
  g_autoptr (GArray) none = g_array_new (FALSE, FALSE, sizeof (double));

  for (guint i = 0; i < RUNS; i++)
    {
      g_autoptr (GArray) ages = g_array_new (FALSE, FALSE, sizeof (double));
      int                fd = gemel_sync_open_door (bench->node->sync, "state", "single", NULL);
      GemelDoorClient   *door = gemel_door_client_new (fd, NULL);
      double             rate, half, most;

      if (!gemel_door_client_subscribe (door, NULL))
        g_error ("cannot subscribe");
      fprintf (bench->to, "single %u\n", SINGLES);
      (void) fflush (bench->to);
      watch (door, ages, SINGLES);
      ask (bench, &rate, &half, &most);
      g_array_append_val (pair50, half);
      g_array_append_val (pair99, most);
      half = percentile (ages, 0.5);
      most = percentile (ages, 0.99);
      g_array_append_val (seen50, half);
      g_array_append_val (seen99, most);
      gemel_door_client_free (door);
    }
  report ("state, one update visible on the standby", none, seen50, seen99);
  report ("state, one update acknowledged as pair", none, pair50, pair99);
}

static void
start_active (Bench      *bench,
              const char *self)
{
  const char *const  argv[] = { self, "--active", NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char   *address = NULL;
  char               line[256];
  char               pin_text[80];
  guint8             pin[GEMEL_PIN_BYTES];
  guint              port_number;
  int                in;
  int                out;

  if (!g_spawn_async_with_pipes (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL,
                                 &bench->pid, &in, &out, NULL, &error))
    g_error ("%s", error->message);
  bench->to = fdopen (in, "w");
  bench->from = fdopen (out, "r");
  if (fgets (line, sizeof line, bench->from) == NULL ||
      sscanf (line, "ready %u %64s", &port_number, pin_text) != 2)
    g_error ("the active process did not start");
  parse_pin (pin_text, pin);
  fprintf (bench->to, "pin ");
  for (guint i = 0; i < GEMEL_PIN_BYTES; i++)
    fprintf (bench->to, "%02x", bench->node->keys.pin[i]);
  fprintf (bench->to, "\n");
  (void) fflush (bench->to);
  address = g_strdup_printf ("127.0.0.1:%u", port_number);
  gemel_sync_set_peer (bench->node->sync, address, pin, TRUE);
}

int
main (int    argc,
      char **argv)
{
  Bench bench = { 0 };

  g_setenv ("G_TLS_GNUTLS_PRIORITY", "NORMAL:-VERS-ALL:+VERS-TLS1.3", TRUE);
  if (argc > 1 && strcmp (argv[1], "--active") == 0)
    return be_active ();
  bench.node = sync_node_new (2);
  sync_node_start (bench.node);
  start_active (&bench, argv[0]);
  wait_until (sync_node_is_synced (bench.node));
  printf ("door: local socket of OpenStream (), C client; two processes, TLS 1.3 on loopback; "
          "median of %d runs\n",
          RUNS);
  bench_load (&bench, "state, replicated, 50 clients x 16 updates", "state", 50, 16);
  bench_load (&bench, "state, replicated, 1 client x 16 updates", "state", 1, 16);
  bench_single (&bench);
  bench_load (&bench, "configuration, durable on both, 1 writer", "config", 1, 1);
  bench_load (&bench, "configuration, durable on both, 8 writers", "config", 8, 1);
  (void) fclose (bench.to);
  (void) fclose (bench.from);
  g_spawn_close_pid (bench.pid);
  sync_node_free (bench.node);
  return 0;
}
