/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What a running pair takes through the data door: so many clients, each with a door and a thread
 * of its own, each waiting for the answer to a batch before it sends the next one. Prints updates
 * a second and how long a batch took.
 */
#include "bench-client.h"

#include <stdio.h>

#define VALUE_BYTES   100
#define KEYS_A_CLIENT 1000
#define SAMPLES_MAX   2000000

typedef struct
{
  char *bus;
  char *kind;
  char *durability;
  int   clients;
  int   batch;
  int   seconds;
} Options;

typedef struct
{
  const Options *options;
  gint64         end_us;
  guint          index;
  guint64        n_updates;
  guint64        n_short; /* acknowledged with less than was asked for */
  GArray        *samples; /* of gint64, µs a batch */
  GError        *error;
} Client;

static gboolean
write_batch (Client *self, GemelDoorClient *door, guint64 *number, GError **error)
{
  gboolean        pair = g_str_equal (self->options->durability, "pair");
  guint8          value[VALUE_BYTES] = { 0 };
  char            key[32];
  gint64          start_us = bench_now_us (CLOCK_MONOTONIC);
  GemelDoorEvent  event;
  GemelDurability reached;

  for (int i = 0; i < self->options->batch; i++, (*number)++)
    {
      (void) g_snprintf (key, sizeof key, "%u/%" G_GUINT64_FORMAT, self->index,
                         *number % KEYS_A_CLIENT);
      memcpy (value, number, sizeof *number);
      gemel_door_client_put (door, key, value, sizeof value);
    }
  if (!bench_send_and_wait (door, pair ? GEMEL_DURABILITY_PAIR : GEMEL_DURABILITY_LOCAL, &event,
                            error))
    return FALSE;
  if (!event.ok)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "refused: %s", event.message);
      return FALSE;
    }
  reached = event.reached;
  self->n_updates += (guint) self->options->batch;
  self->n_short += pair && reached != GEMEL_DURABILITY_PAIR;
  start_us = bench_now_us (CLOCK_MONOTONIC) - start_us;
  if (self->samples->len < SAMPLES_MAX)
    g_array_append_val (self->samples, start_us);
  return TRUE;
}

static gpointer
run_client (gpointer data)
{
  Client                     *self = data;
  g_autoptr (GemelDoorClient) door =
    bench_open_door (self->options->bus, self->options->kind, &self->error);
  guint64 number = 0;

  while (door != NULL && bench_now_us (CLOCK_MONOTONIC) < self->end_us)
    if (!write_batch (self, door, &number, &self->error))
      break;
  return NULL;
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 left = *(const gint64 *) a;
  gint64 right = *(const gint64 *) b;

  return (left > right) - (left < right);
}

/* kind, clients, batch, updates/s, p50, p99 µs, batches that reached less than asked. */
static gboolean
print_result (const Options *options, Client *clients, gint64 took_us)
{
  g_autoptr (GArray) all = g_array_new (FALSE, FALSE, sizeof (gint64));
  guint64            n_updates = 0;
  guint64            n_short = 0;

  for (int i = 0; i < options->clients; i++)
    {
      if (clients[i].error != NULL)
        {
          (void) fprintf (stderr, "%s\n", clients[i].error->message);
          return FALSE;
        }
      n_updates += clients[i].n_updates;
      n_short += clients[i].n_short;
      g_array_append_vals (all, clients[i].samples->data, clients[i].samples->len);
    }
  g_array_sort (all, compare_times);
  if (all->len == 0)
    return FALSE;
  (void) printf ("%.0f %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GUINT64_FORMAT "\n",
                 (double) n_updates * G_USEC_PER_SEC / (double) took_us,
                 g_array_index (all, gint64, all->len / 2),
                 g_array_index (all, gint64, all->len * 99 / 100), n_short);
  return TRUE;
}

static gboolean
run (const Options *options)
{
  g_autofree Client   *clients = g_new0 (Client, options->clients);
  g_autofree GThread **threads = g_new0 (GThread *, options->clients);
  gint64               start_us = bench_now_us (CLOCK_MONOTONIC);
  gboolean             ok;

  for (int i = 0; i < options->clients; i++)
    {
      clients[i] = (Client){ .options = options,
                             .index = (guint) i,
                             .end_us = start_us + options->seconds * G_USEC_PER_SEC,
                             .samples = g_array_new (FALSE, FALSE, sizeof (gint64)) };
      threads[i] = g_thread_new ("client", run_client, &clients[i]);
    }
  for (int i = 0; i < options->clients; i++)
    (void) g_thread_join (threads[i]);
  ok = print_result (options, clients, bench_now_us (CLOCK_MONOTONIC) - start_us);
  for (int i = 0; i < options->clients; i++)
    {
      g_array_unref (clients[i].samples);
      g_clear_error (&clients[i].error);
    }
  return ok;
}

int
main (int argc, char **argv)
{
  Options      options = { .clients = 1, .batch = 1, .seconds = 3 };
  GOptionEntry entries[] = {
    { "bus", 0, 0, G_OPTION_ARG_STRING, &options.bus, "Bus of the node to write to", "ADDRESS" },
    { "kind", 0, 0, G_OPTION_ARG_STRING, &options.kind, "state or config", "KIND" },
    { "durability", 0, 0, G_OPTION_ARG_STRING, &options.durability, "local or pair", "TOKEN" },
    { "clients", 0, 0, G_OPTION_ARG_INT, &options.clients, "How many", "N" },
    { "batch", 0, 0, G_OPTION_ARG_INT, &options.batch, "Updates a batch", "N" },
    { "seconds", 0, 0, G_OPTION_ARG_INT, &options.seconds, "How long", "N" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError)         error = NULL;
  gboolean                   ok;

  g_option_context_add_main_entries (context, entries, NULL);
  ok = g_option_context_parse (context, &argc, &argv, &error);
  if (!ok || options.bus == NULL || options.kind == NULL || options.durability == NULL ||
      options.clients < 1 || options.batch < 1 || options.seconds < 1)
    {
      (void) fprintf (stderr, "%s\n",
                      error != NULL ? error->message : "--bus, --kind and --durability are needed");
      return 64;
    }
  ok = run (&options);
  g_free (options.bus);
  g_free (options.kind);
  g_free (options.durability);
  return ok ? 0 : 1;
}
