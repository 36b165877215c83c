/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A batch that was refused for now (buffer full, disk full, switchover) is offered again unchanged;
 * one that is refused for good is dropped and counted, so that it cannot stand in the way for ever.
 * A batch whose answer was lost with the door is offered again too: then its points may be there
 * twice (the node has no way to know them), which is better than once too few.
 */
#include "sysmon-history.h"

#include "sysmon-door.h"
#include "sysmon-ring.h"

#define RING_SAMPLES_MAX  600 /* a minute at 100 ms */
#define BATCH_SAMPLES_MAX 50

struct _SysmonHistory
{
  SysmonDoor *door;
  SysmonRing *ring;
  char       *prefix;
  GBytes     *batch; /* (nullable): what must be taken next */
  guint       batch_samples;
  gboolean    under_way; /* it was sent and is not answered */
  guint64     taken;
  guint64     refused;
  guint64     retries;
};

static void
on_opened (gpointer user_data)
{
  sysmon_history_flush (user_data);
}

static void
on_closed (gpointer user_data)
{
  SysmonHistory *history = user_data;

  history->retries += history->under_way ? 1 : 0;
  history->under_way = FALSE;
}

static gboolean
is_for_good (const char *error_name)
{
  return g_str_has_suffix (error_name, ".InvalidArgs") || g_str_has_suffix (error_name, ".TooBig");
}

static void
forget_batch (SysmonHistory *history)
{
  g_clear_pointer (&history->batch, g_bytes_unref);
  history->batch_samples = 0;
}

static void
on_event (GemelDoorEvent *event, gpointer user_data)
{
  SysmonHistory *history = user_data;

  if (event->type != GEMEL_DOOR_ANSWER || !history->under_way)
    return;
  history->under_way = FALSE;
  if (event->ok)
    {
      history->taken += history->batch_samples;
      forget_batch (history);
      sysmon_history_flush (history);
      return;
    }
  if (is_for_good (event->error_name))
    {
      g_printerr ("sysmon: history refuses a batch for good: %s\n", event->message);
      history->refused += history->batch_samples;
      forget_batch (history);
      return;
    }
  /* The next sample comes soon enough to be the timer of the next attempt. */
  if (history->retries++ % 100 == 0)
    g_printerr ("sysmon: history does not take samples now: %s; keeping them\n", event->message);
}

/**
 * sysmon_history_new:
 * @bus: the node's bus
 * @prefix: first part of each tag
 *
 * Returns: (transfer full): a writer that opens its door by itself.
 * Thread: main
 */
SysmonHistory *
sysmon_history_new (GDBusConnection *bus, const char *prefix)
{
  const SysmonDoorPort port = { .opened = on_opened, .event = on_event, .closed = on_closed };
  SysmonHistory       *history = g_new0 (SysmonHistory, 1);

  history->prefix = g_strdup (prefix);
  history->ring = sysmon_ring_new (RING_SAMPLES_MAX);
  history->door = sysmon_door_new (bus, "history", "", &port, history);
  sysmon_door_open (history->door);
  return history;
}

/**
 * sysmon_history_free:
 * @history: (transfer full): a writer
 *
 * Thread: main
 */
void
sysmon_history_free (SysmonHistory *history)
{
  sysmon_door_free (history->door);
  sysmon_ring_free (history->ring);
  forget_batch (history);
  g_free (history->prefix);
  g_free (history);
}

/**
 * sysmon_history_add:
 * @history: a writer
 * @figures: a sample
 *
 * Thread: main
 */
void
sysmon_history_add (SysmonHistory *history, const SysmonFigures *figures)
{
  sysmon_ring_push (history->ring, history->prefix, figures);
  sysmon_history_flush (history);
}

/**
 * sysmon_history_flush:
 * @history: a writer
 *
 * Offers what waits, unless an answer is still to come. Also for a node that is not active any
 * more: what was measured while it was belongs into history.
 *
 * Thread: main
 */
void
sysmon_history_flush (SysmonHistory *history)
{
  GemelDoorClient *client = sysmon_door_get_client (history->door);
  gsize            size = 0;
  gconstpointer    data;

  if (client == NULL || history->under_way)
    return;
  if (history->batch == NULL)
    history->batch = sysmon_ring_take (history->ring, BATCH_SAMPLES_MAX, &history->batch_samples);
  if (history->batch == NULL)
    return;
  data = g_bytes_get_data (history->batch, &size);
  gemel_door_client_put_points (client, data, size);
  history->under_way = TRUE;
  (void) sysmon_door_send (history->door, GEMEL_DURABILITY_LOCAL, 0);
}

/**
 * sysmon_history_get_stats:
 * @history: a writer
 * @ret_stats: (out): its counters
 *
 * Thread: main
 */
void
sysmon_history_get_stats (SysmonHistory *history, SysmonHistoryStats *ret_stats)
{
  ret_stats->taken = history->taken;
  ret_stats->waiting = sysmon_ring_get_length (history->ring) + history->batch_samples;
  ret_stats->dropped = sysmon_ring_get_dropped (history->ring) + history->refused;
  ret_stats->retries = history->retries;
}
