/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The figures of the providers, as the status page of the reference has them. Told at most twice a
 * second, and only when something changed.
 */
#include "sync/gemel-sync-private.h"

static void
put_pull (GemelProviderStats     *stats,
          const GemelPullFigures *figures)
{
  stats->last_pull_unix_us = figures->last_pull_unix_us;
  stats->last_pull_duration_us = figures->last_pull_duration_us;
  stats->last_apply_duration_us = figures->last_apply_duration_us;
  stats->full_sync_needed = figures->full_sync_needed;
  stats->full_syncs = figures->full_syncs;
  stats->last_full_reason = figures->last_full_reason;
  stats->full_done_bytes = figures->full_done_bytes;
  stats->full_total_bytes = figures->full_total_bytes;
}

static void
put_rates (GemelProviderStats *stats,
           GemelRate          *queued,
           GemelRate          *dispatched)
{
  gint64 now_us = gemel_sync_now_us ();

  stats->queued_per_s = gemel_rate_get (queued, now_us);
  stats->dispatched_per_s = gemel_rate_get (dispatched, now_us);
  stats->queued_total = queued->total;
  stats->dispatched_total = dispatched->total;
}

static void
add_config (GemelSync *sync,
            GArray    *all)
{
  GemelProviderStats stats = { .name = "config", .source = sync->view.has_authority };
  GemelConfigInfo    info;
  guint64            acked = gemel_config_stream_get_acked (sync->config_stream);

  gemel_config_db_get_info (sync->options.config, &info);
  stats.entries = info.n_records;
  stats.bytes = info.journal_bytes;
  if (stats.source && sync->paired)
    stats.pending_updates = info.head.seq - MIN (acked, info.head.seq);
  put_rates (&stats, &sync->config_queued, &sync->config_dispatched);
  put_pull (&stats, gemel_config_stream_get_figures (sync->config_stream));
  stats.restart_required = gemel_config_stream_is_replacing (sync->config_stream);
  g_array_append_val (all, stats);
}

static void
add_state (GemelSync *sync,
           GArray    *all)
{
  GPtrArray *providers = gemel_state_store_get_providers (sync->state);

  for (guint i = 0; i < providers->len; i++)
    {
      GemelStateProvider *provider = providers->pdata[i];
      GemelProviderStats  stats = { .source = sync->view.active_term != 0 };

      (void) g_snprintf (stats.name, sizeof stats.name, "state/%s", provider->name);
      stats.entries = provider->entries;
      stats.bytes = provider->bytes;
      stats.pending_updates = sync->paired ? provider->pending : 0;
      put_rates (&stats, &provider->queued, &provider->dispatched);
      put_pull (&stats, gemel_state_stream_get_figures (sync->state_stream));
      g_array_append_val (all, stats);
    }
}

static void
add_history (GemelSync *sync,
             GArray    *all)
{
  GemelProviderStats stats = { .name = "history", .source = TRUE };
  GemelHistoryStats  history;

  gemel_history_get_stats (sync->options.history, &history);
  gemel_rate_add (&sync->history_queued, (guint) (history.written - sync->history_written),
                  gemel_sync_now_us ());
  sync->history_written = history.written;
  stats.entries = history.own_sink_seq + history.received_points;
  stats.bytes = history.buffered_bytes;
  if (sync->paired)
    stats.pending_updates = history.own_seq - MIN (history.peer_acked_seq, history.own_seq);
  put_rates (&stats, &sync->history_queued, &sync->history_dispatched);
  stats.last_pull_unix_us = gemel_history_stream_get_last_pull_unix_us (sync->history_stream);
  stats.last_apply_duration_us =
    gemel_history_stream_get_last_apply_duration_us (sync->history_stream);
  g_array_append_val (all, stats);
}

/**
 * gemel_sync_tell_stats:
 * @sync: the sync thread
 *
 * Thread: sync
 */
void
gemel_sync_tell_stats (GemelSync *sync)
{
  g_autoptr (GArray) all = g_array_new (FALSE, TRUE, sizeof (GemelProviderStats));

  add_config (sync, all);
  add_state (sync, all);
  add_history (sync, all);
  gemel_peer_get_bytes (sync->peer, &sync->counters.peer_bytes_sent,
                        &sync->counters.peer_bytes_received);
  sync->counters.door_clients = (guint64) MAX (g_atomic_int_get (&sync->n_doors), 0);
  if (all->len == sync->stats->len &&
      memcmp (&sync->counters, &sync->counters_told, sizeof sync->counters) == 0 &&
      memcmp (all->data, sync->stats->data, all->len * sizeof (GemelProviderStats)) == 0)
    return;
  sync->counters_told = sync->counters;
  g_array_unref (sync->stats);
  sync->stats = g_array_ref (all);
  if (sync->port->stats != NULL)
    sync->port->stats ((const GemelProviderStats *) (gpointer) all->data, all->len, &sync->counters,
                       sync->user_data);
}

typedef struct
{
  GMutex   lock;
  GCond    done;
  gboolean ready;
  char   **names;
} ProvidersCall;

static void
do_dup_providers (GemelSync *sync,
                  gpointer   data)
{
  ProvidersCall           *call = data;
  GPtrArray               *providers = gemel_state_store_get_providers (sync->state);
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();

  for (guint i = 0; i < providers->len; i++)
    g_strv_builder_add (names, ((GemelStateProvider *) providers->pdata[i])->name);
  g_mutex_lock (&call->lock);
  call->names = g_strv_builder_end (names);
  call->ready = TRUE;
  g_cond_signal (&call->done);
  g_mutex_unlock (&call->lock);
}

/**
 * gemel_sync_state_dup_providers:
 * @sync: the sync thread
 *
 * Waits for the sync thread, which never waits itself, so this takes microseconds.
 *
 * Returns: (transfer full) (array zero-terminated=1): names of all providers of runtime state.
 * Thread: any but sync
 */
char **
gemel_sync_state_dup_providers (GemelSync *sync)
{
  ProvidersCall call = { 0 };

  g_mutex_init (&call.lock);
  g_cond_init (&call.done);
  gemel_sync_call (sync, do_dup_providers, &call, NULL);
  g_mutex_lock (&call.lock);
  while (!call.ready)
    g_cond_wait (&call.done, &call.lock);
  g_mutex_unlock (&call.lock);
  g_mutex_clear (&call.lock);
  g_cond_clear (&call.done);
  return call.names;
}
