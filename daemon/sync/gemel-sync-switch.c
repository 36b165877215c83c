/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the core has to know of this thread: the standing of the node, and the two steps of a
 * planned switchover that are carried out here. Nothing is decided here.
 */
#include "sync/gemel-sync-private.h"

#define HISTORY_PATIENCE_MS \
  200 /* rows are exactly once anyway, so a switchover does not wait longer */

/**
 * gemel_sync_get_position:
 * @sync: the sync thread
 * @ret_position: (out): what is applied and durable here
 *
 * Thread: sync
 */
void
gemel_sync_get_position (GemelSync         *sync,
                         GemelPairPosition *ret_position)
{
  GemelConfigInfo info;

  gemel_config_db_get_info (sync->options.config, &info);
  ret_position->config = info.head;
  ret_position->state = gemel_state_store_get_position (sync->state);
}

static GemelConfigState
get_config_state (GemelSync *sync)
{
  gboolean good = sync->view.has_authority ? gemel_config_stream_is_level (sync->config_stream)
                                           : gemel_config_stream_is_synced (sync->config_stream);

  if (!gemel_config_stream_is_attached (sync->config_stream))
    return GEMEL_CONFIG_STATE_UNKNOWN;
  if (!sync->view.has_authority && gemel_config_stream_is_incompatible (sync->config_stream))
    return GEMEL_CONFIG_STATE_INCOMPATIBLE;
  return good ? GEMEL_CONFIG_STATE_GOOD : GEMEL_CONFIG_STATE_OUT_OF_DATE;
}

/**
 * gemel_sync_update_standing:
 * @sync: the sync thread
 *
 * Tells the node's standing when it changed. A node that has the authority has its own
 * configuration, and an active node has its own state; the rest has to follow the peer.
 *
 * Thread: sync
 */
void
gemel_sync_update_standing (GemelSync *sync)
{
  gboolean eligible = (sync->view.has_authority || sync->standing.had_config) &&
                      !gemel_config_stream_is_replacing (sync->config_stream);
  gboolean synced = (sync->view.has_authority ||
                     gemel_config_stream_is_synced (sync->config_stream)) &&
                    (sync->view.active_term != 0 ||
                     gemel_state_stream_is_synced (sync->state_stream));
  GemelConfigState config_state = get_config_state (sync);

  if (sync->standing.told && sync->standing.eligible == eligible &&
      sync->standing.synced == synced && sync->standing.config_state == config_state)
    return;
  sync->standing.told = TRUE;
  sync->standing.eligible = eligible;
  sync->standing.synced = synced;
  sync->standing.config_state = config_state;
  if (sync->port->standing != NULL)
    sync->port->standing (eligible, synced, config_state, sync->user_data);
}

static gboolean
is_drained (GemelSync *sync)
{
  gboolean config = sync->view.has_authority
                      ? gemel_config_stream_is_confirmed (sync->config_stream)
                      : !gemel_config_stream_is_busy (sync->config_stream);
  gboolean patient = gemel_sync_now_us () - sync->change.since_us < HISTORY_PATIENCE_MS * 1000;

  return sync->config_writes == 0 && config &&
         gemel_state_stream_is_confirmed (sync->state_stream) &&
         (!patient || gemel_history_stream_is_flushed (sync->history_stream));
}

static void
check_quiesce (GemelSync *sync)
{
  GemelPairPosition position;

  if (!sync->change.quiesced && !is_drained (sync))
    return;
  gemel_sync_get_position (sync, &position);
  if (sync->change.quiesced && gemel_pair_position_equal (&position, &sync->change.told))
    return;
  sync->change.told = position;
  if (sync->change.quiesced)
    sync->port->moved (&position, sync->user_data);
  else
    sync->port->quiesced (sync->change.quiesce_id, &position, sync->user_data);
  sync->change.quiesced = TRUE;
}

static void
check_catch_up (GemelSync *sync)
{
  const GemelPairPosition *target = &sync->change.target;
  GemelPairPosition        position;
  guint64                  id = sync->change.catch_up_id;

  gemel_sync_get_position (sync, &position);
  if (position.config.seq < target->config.seq || position.state.epoch != target->state.epoch ||
      position.state.seq < target->state.seq || gemel_config_stream_is_busy (sync->config_stream) ||
      gemel_state_store_is_in_full (sync->state))
    return;
  sync->change.catch_up_id = 0;
  sync->port->caught_up (id, &position, sync->user_data);
}

/**
 * gemel_sync_check_change:
 * @sync: the sync thread
 *
 * To be called whenever something was confirmed, applied or lost.
 *
 * Thread: sync
 */
void
gemel_sync_check_change (GemelSync *sync)
{
  if (sync->change.quiesce_id != 0)
    check_quiesce (sync);
  if (sync->change.catch_up_id != 0)
    check_catch_up (sync);
}

static gboolean
on_patience (gpointer data)
{
  gemel_sync_check_change (data);
  return G_SOURCE_REMOVE;
}

static void
drop_patience (GemelSync *sync)
{
  if (sync->change.patience != NULL)
    g_source_destroy (sync->change.patience);
  g_clear_pointer (&sync->change.patience, g_source_unref);
}

static void
do_quiesce (GemelSync *sync,
            gpointer   data)
{
  drop_patience (sync);
  if (sync->stopping)
    return;
  sync->change.quiesce_id = *(const guint64 *) data;
  sync->change.quiesced = FALSE;
  sync->change.since_us = gemel_sync_now_us ();
  sync->change.patience = g_timeout_source_new (HISTORY_PATIENCE_MS + 1);
  g_source_set_callback (sync->change.patience, on_patience, sync, NULL);
  g_source_attach (sync->change.patience, sync->context);
  gemel_sync_check_change (sync);
}

/**
 * gemel_sync_quiesce:
 * @sync: the sync thread
 * @switch_id: of the switchover, not 0
 *
 * From now on writes are refused with GEMEL_ERROR_SWITCHING; port->quiesced comes when what was
 * accepted is confirmed by the peer.
 *
 * Thread: any
 */
void
gemel_sync_quiesce (GemelSync *sync,
                    guint64    switch_id)
{
  gemel_sync_call (sync, do_quiesce, g_memdup2 (&switch_id, sizeof switch_id), g_free);
}

/**
 * gemel_sync_end_change:
 * @sync: the sync thread
 *
 * The switchover is over or off.
 *
 * Thread: sync
 */
void
gemel_sync_end_change (GemelSync *sync)
{
  drop_patience (sync);
  sync->change.quiesce_id = 0;
  sync->change.quiesced = FALSE;
}

static void
do_unquiesce (GemelSync *sync,
              gpointer   data)
{
  gemel_sync_end_change (sync);
}

/**
 * gemel_sync_unquiesce:
 * @sync: the sync thread
 *
 * The switchover is over or off: writes are judged by the view alone again.
 *
 * Thread: any
 */
void
gemel_sync_unquiesce (GemelSync *sync)
{
  gemel_sync_call (sync, do_unquiesce, NULL, NULL);
}

typedef struct
{
  guint64           switch_id;
  GemelPairPosition target;
} CatchUp;

static void
do_catch_up (GemelSync *sync,
             gpointer   data)
{
  const CatchUp *catch_up = data;

  sync->change.catch_up_id = catch_up->switch_id;
  sync->change.target = catch_up->target;
  gemel_sync_check_change (sync);
}

/**
 * gemel_sync_catch_up:
 * @sync: the sync thread
 * @switch_id: of the switchover, not 0
 * @target: where the active node stopped
 *
 * port->caught_up comes with the position of this node when it has everything up to @target on
 * disk. A later call takes the place of an earlier one.
 *
 * Thread: any
 */
void
gemel_sync_catch_up (GemelSync               *sync,
                     guint64                  switch_id,
                     const GemelPairPosition *target)
{
  CatchUp *catch_up = g_new (CatchUp, 1);

  catch_up->switch_id = switch_id;
  catch_up->target = *target;
  gemel_sync_call (sync, do_catch_up, catch_up, g_free);
}
