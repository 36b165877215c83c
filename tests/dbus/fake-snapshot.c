/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A snapshot in which every figure is another one, so that two mixed-up properties show.
 */
#include "fake-node.h"

#include <string.h>

#define BASE_UNIX_US G_GINT64_CONSTANT (1760000000000000)
#define BASE_BOOT_US G_GINT64_CONSTANT (900000000)

static void
fill_view (GemelView *view)
{
  view->role = GEMEL_ROLE_MASTER;
  view->state = GEMEL_STATE_ACTIVE;
  view->cause = GEMEL_CAUSE_TERM_DURABLE;
  view->level = GEMEL_LEVEL_ACTIVE;
  view->standby_level = GEMEL_LEVEL_WARM;
  view->recovery_mode = GEMEL_RECOVERY_MANUAL;
  view->assurance = GEMEL_ASSURANCE_PEER_ONLY;
  view->term = 17;
  view->active_term = 16;
  view->has_authority = TRUE;
  view->may_write_config = TRUE;
  view->may_post_state = TRUE;
  view->eligible = TRUE;
  view->recovery_due_us = BASE_BOOT_US + 5000000;
  view->peer_link_up = TRUE;
  view->peer_alive = TRUE;
  view->peer_known = TRUE;
  view->peer_heard_us = BASE_BOOT_US - 1234;
  view->peer_role = GEMEL_ROLE_BACKUP;
  view->peer_state = GEMEL_STATE_STANDBY;
  view->peer_level = GEMEL_LEVEL_COLD;
  view->peer_term = 15;
  view->peer_synced = TRUE;
  view->rtt_us = 211;
  view->wall_offset_us = -3000;
  view->wall_error_us = 105;
  view->counters = (GemelCoreCounters){ 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111 };
}

static GemelPeerStatus *
make_status (void)
{
  GemelPeerStatus *status = g_new0 (GemelPeerStatus, 1);

  status->name = g_strdup ("gw-b");
  status->version = g_strdup ("0.9");
  status->level = GEMEL_LEVEL_WARM;
  status->standby_level = GEMEL_LEVEL_WARM;
  status->history_level = GEMEL_HISTORY_PARTIAL;
  status->config_state = GEMEL_CONFIG_STATE_OUT_OF_DATE;
  status->uptime_us = 77000000;
  status->level_age_us = 66000000;
  status->position.config.term = 14;
  status->position.config.seq = 140;
  status->position.state.epoch = 13;
  status->position.state.seq = 130;
  status->history_seq = 1300;
  return status;
}

static void
fill_providers (GemelSnapshot *s)
{
  s->n_providers = 2;
  s->providers = g_new0 (GemelProviderStats, 2);
  g_strlcpy (s->providers[0].name, "config", sizeof s->providers[0].name);
  g_strlcpy (s->providers[1].name, "state/sys-mon", sizeof s->providers[1].name);
  for (guint i = 0; i < 2; i++)
    {
      GemelProviderStats *p = &s->providers[i];
      const guint         base = 1000 * (i + 1);

      p->source = i == 0;
      p->entries = base + 1;
      p->bytes = base + 2;
      p->pending_updates = base + 3;
      p->queued_per_s = base + 4.5;
      p->dispatched_per_s = base + 5.25;
      p->queued_total = base + 6;
      p->dispatched_total = base + 7;
      p->last_pull_unix_us = base + 8;
      p->last_pull_duration_us = base + 9;
      p->last_apply_duration_us = base + 10;
      p->full_sync_needed = i == 1;
      p->restart_required = i == 0;
      p->full_syncs = base + 11;
      p->last_full_reason = GEMEL_SYNC_REASON_OVERFLOW;
      p->full_done_bytes = base + 12;
      p->full_total_bytes = base + 13;
    }
}

static void
fill_counters (GemelSnapshot *s)
{
  s->config = (GemelConfigInfo){ "lineage", { 16, 160, { 0xab, 0xcd } }, 20, 21, 22, 23, 24 };
  s->history = (GemelHistoryStats){ 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41 };
  s->link = (GemelLinkCounters){ 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, TRUE, FALSE };
  s->listener = (GemelListenerCounters){ 71, 72, 73, 74, 75, 76 };
  s->sync = (GemelSyncCounters){ 81, 82, 83, 84, 85, 86, 87, 88 };
}

/**
 * fake_snapshot_new:
 * @serial: its number
 *
 * Returns: (transfer full): a full snapshot of a paired, active master.
 */
GemelSnapshot *
fake_snapshot_new (guint64 serial)
{
  GemelSnapshot *s = gemel_snapshot_new ();

  s->serial = serial;
  s->boot_us = BASE_BOOT_US;
  s->unix_us = BASE_UNIX_US;
  s->name = g_strdup ("gw-a");
  s->version = g_strdup ("1.0");
  strcpy (s->node_uuid, "node-uuid");
  strcpy (s->pair_uuid, "pair-uuid");
  s->fingerprint = g_strdup ("AA:BB");
  s->paired = TRUE;
  s->history_level = GEMEL_HISTORY_PARTIAL;
  s->started_unix_us = BASE_UNIX_US - 4000;
  s->level_since_unix_us = BASE_UNIX_US - 3000;
  s->last_changeover_unix_us = BASE_UNIX_US - 2000;
  s->last_changeover_cause = GEMEL_CAUSE_DEATH_NOTICE;
  s->events = 61;
  s->last_event_id = 62;
  s->peer_address = g_strdup ("192.0.2.2:8060");
  s->peer = make_status ();
  s->peer_status_unix_us = BASE_UNIX_US - 1000;
  s->config_state = GEMEL_CONFIG_STATE_GOOD;
  fill_view (&s->view);
  fill_providers (s);
  fill_counters (s);
  return s;
}
