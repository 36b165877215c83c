/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Counting a snapshot, and rendering it as the JSON that Describe () returns.
 *
 * The JSON is for programs: names are the D-Bus property names in snake case, times are µs,
 * states are tokens. Members are added, never renamed.
 */
#include "gemel-snapshot.h"

#include <json-glib/json-glib.h>

/**
 * gemel_snapshot_new:
 *
 * Returns: (transfer full): an empty snapshot; only its maker writes to it, before anybody else
 *   sees it.
 * Thread: main
 */
GemelSnapshot *
gemel_snapshot_new (void)
{
  return g_atomic_rc_box_new0 (GemelSnapshot);
}

/**
 * gemel_snapshot_ref:
 * @snapshot: a snapshot
 *
 * Returns: (transfer full): the same, counted once more.
 * Thread: any
 */
GemelSnapshot *
gemel_snapshot_ref (GemelSnapshot *snapshot)
{
  return g_atomic_rc_box_acquire (snapshot);
}

static void
clear (gpointer data)
{
  GemelSnapshot *self = data;

  g_free (self->name);
  g_free (self->version);
  g_free (self->fingerprint);
  g_free (self->peer_address);
  g_clear_pointer (&self->peer, gemel_peer_status_free);
  g_free (self->providers);
}

/**
 * gemel_snapshot_unref:
 * @snapshot: (transfer full): a snapshot
 * Thread: any
 */
void
gemel_snapshot_unref (GemelSnapshot *snapshot)
{
  g_atomic_rc_box_release_full (snapshot, clear);
}

/* ---- JSON ---- */

static void
add_text (JsonBuilder *json,
          const char  *name,
          const char  *value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_string_value (json, value != NULL ? value : "");
}

static void
add_int (JsonBuilder *json,
         const char  *name,
         gint64       value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_int_value (json, value);
}

static void
add_count (JsonBuilder *json,
           const char  *name,
           guint64      value)
{
  add_int (json, name, (gint64) MIN (value, (guint64) G_MAXINT64));
}

static void
add_bool (JsonBuilder *json,
          const char  *name,
          gboolean     value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_boolean_value (json, value);
}

static void
add_rate (JsonBuilder *json,
          const char  *name,
          double       value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_double_value (json, value);
}

static void
begin (JsonBuilder *json,
       const char  *name)
{
  json_builder_set_member_name (json, name);
  json_builder_begin_object (json);
}

static void
add_node (JsonBuilder         *json,
          const GemelSnapshot *s)
{
  begin (json, "node");
  add_text (json, "name", s->name);
  add_text (json, "version", s->version);
  add_text (json, "uuid", s->node_uuid);
  add_bool (json, "paired", s->paired);
  add_text (json, "pair_uuid", s->pair_uuid);
  add_text (json, "fingerprint", s->fingerprint);
  add_text (json, "role", gemel_role_to_string (s->view.role));
  add_text (json, "activity_level", gemel_level_to_string (s->view.level));
  add_text (json, "standby_level", gemel_level_to_string (s->view.standby_level));
  add_text (json, "state", gemel_state_to_string (s->view.state));
  add_text (json, "cause", gemel_cause_to_string (s->view.cause));
  add_text (json, "recovery_mode", gemel_recovery_mode_to_string (s->view.recovery_mode));
  add_text (json, "history_level", gemel_history_level_to_string (s->history_level));
  add_text (json, "assurance", gemel_assurance_to_string (s->view.assurance));
  add_text (json, "config_state", gemel_config_state_to_string (s->config_state));
  add_count (json, "term", s->view.term);
  add_count (json, "active_term", s->view.active_term);
  add_bool (json, "switching", s->view.switching);
  add_bool (json, "has_authority", s->view.has_authority);
  add_bool (json, "may_write_config", s->view.may_write_config);
  add_bool (json, "eligible", s->view.eligible);
  add_bool (json, "synced", s->view.synced);
  add_int (json, "started_usec", s->started_unix_us);
  add_int (json, "level_since_usec", s->level_since_unix_us);
  add_int (json, "last_changeover_usec", s->last_changeover_unix_us);
  add_text (json, "last_changeover_cause", gemel_cause_to_string (s->last_changeover_cause));
  add_count (json, "last_event_id", s->last_event_id);
  json_builder_end_object (json);
}

static void
add_peer (JsonBuilder         *json,
          const GemelSnapshot *s)
{
  const GemelPeerStatus *p = s->peer;

  begin (json, "peer");
  add_text (json, "address", s->peer_address);
  add_bool (json, "connected", s->view.peer_link_up);
  add_bool (json, "alive", s->view.peer_alive);
  add_text (json, "name", p != NULL ? p->name : "");
  add_text (json, "version", p != NULL ? p->version : "");
  add_text (json, "role",
            s->view.peer_known ? gemel_role_to_string (s->view.peer_role) : "unknown");
  add_text (json, "activity_level", gemel_level_to_string (gemel_snapshot_get_peer_level (s)));
  add_text (json, "standby_level",
            p != NULL ? gemel_level_to_string (p->standby_level) : "unknown");
  add_text (json, "config_state",
            gemel_config_state_to_string (p != NULL ? p->config_state
                                                    : GEMEL_CONFIG_STATE_UNKNOWN));
  add_text (json, "history_level",
            p != NULL ? gemel_history_level_to_string (p->history_level) : "unknown");
  add_bool (json, "eligible", s->view.peer_eligible);
  add_bool (json, "synced", s->view.peer_synced);
  add_count (json, "term", s->view.peer_term);
  add_int (json, "rtt_usec", s->view.rtt_us);
  add_int (json, "clock_offset_usec", s->view.wall_offset_us);
  add_int (json, "clock_error_usec", s->view.wall_error_us);
  add_int (json, "last_seen_usec", gemel_snapshot_get_peer_seen_unix_us (s));
  json_builder_end_object (json);
}

static void
add_provider (JsonBuilder              *json,
              const GemelProviderStats *p)
{
  json_builder_begin_object (json);
  add_text (json, "name", p->name);
  add_bool (json, "source", p->source);
  add_count (json, "entries", p->entries);
  add_count (json, "bytes", p->bytes);
  add_count (json, "pending_updates", p->pending_updates);
  add_rate (json, "queued_per_second", p->queued_per_s);
  add_rate (json, "dispatched_per_second", p->dispatched_per_s);
  add_count (json, "queued_total", p->queued_total);
  add_count (json, "dispatched_total", p->dispatched_total);
  add_int (json, "last_pull_usec", p->last_pull_unix_us);
  add_int (json, "last_pull_duration_usec", p->last_pull_duration_us);
  add_int (json, "last_apply_duration_usec", p->last_apply_duration_us);
  add_bool (json, "full_sync_needed", p->full_sync_needed);
  add_bool (json, "restart_required", p->restart_required);
  add_count (json, "full_syncs", p->full_syncs);
  add_text (json, "last_full_reason", gemel_sync_reason_to_string (p->last_full_reason));
  add_count (json, "full_done_bytes", p->full_done_bytes);
  add_count (json, "full_total_bytes", p->full_total_bytes);
  json_builder_end_object (json);
}

static void
add_config (JsonBuilder           *json,
            const GemelConfigInfo *c)
{
  g_autofree char *hash = NULL;
  GString         *hex = g_string_new (NULL);

  for (guint i = 0; i < GEMEL_HASH_BYTES; i++)
    g_string_append_printf (hex, "%02x", c->head.hash[i]);
  hash = g_string_free (hex, FALSE);

  begin (json, "config");
  add_text (json, "lineage", c->lineage);
  add_count (json, "head_term", c->head.term);
  add_count (json, "head_seq", c->head.seq);
  add_text (json, "head_hash", hash);
  add_count (json, "base_seq", c->base_seq);
  add_count (json, "records", c->n_records);
  add_count (json, "journal_bytes", c->journal_bytes);
  add_count (json, "journal_entries", c->journal_entries);
  add_count (json, "file_bytes", c->file_bytes);
  json_builder_end_object (json);
}

static void
add_history (JsonBuilder             *json,
             const GemelHistoryStats *h)
{
  begin (json, "history");
  add_count (json, "written", h->written);
  add_count (json, "buffered_points", h->buffered_points);
  add_count (json, "buffered_bytes", h->buffered_bytes);
  add_count (json, "sink_points", h->sink_points);
  add_count (json, "received_points", h->received_points);
  add_count (json, "skipped_points", h->skipped_points);
  add_count (json, "own_seq", h->own_seq);
  add_count (json, "own_sink_seq", h->own_sink_seq);
  add_count (json, "peer_acked_seq", h->peer_acked_seq);
  add_count (json, "quarantined", h->quarantined);
  add_count (json, "refused_limit", h->refused_limit);
  json_builder_end_object (json);
}

static void
add_core_counters (JsonBuilder             *json,
                   const GemelCoreCounters *c)
{
  add_count (json, "messages_stale", c->messages_stale);
  add_count (json, "messages_violating", c->messages_violating);
  add_count (json, "votes_late", c->votes_late);
  add_count (json, "notices_ignored", c->notices_ignored);
  add_count (json, "refused_ignored", c->refused_ignored);
  add_count (json, "stalls", c->stalls);
  add_count (json, "clock_jumps", c->clock_jumps);
  add_count (json, "takeovers", c->takeovers);
  add_count (json, "switchovers_done", c->switchovers_done);
  add_count (json, "switchovers_failed", c->switchovers_failed);
  add_count (json, "dual_actives", c->dual_actives);
}

static void
add_link_counters (JsonBuilder             *json,
                   const GemelLinkCounters *c)
{
  add_count (json, "datagrams_sent", c->datagrams_sent);
  add_count (json, "datagrams_received", c->datagrams_received);
  add_count (json, "datagrams_bad", c->datagrams_bad);
  add_count (json, "frames_sent", c->frames_sent);
  add_count (json, "frames_received", c->frames_received);
  add_count (json, "frames_bad", c->frames_bad);
  add_count (json, "connects", c->connects);
  add_count (json, "connect_failures", c->connect_failures);
  add_count (json, "late_turns", c->late_turns);
  add_int (json, "worst_turn_usec", c->worst_turn_us);
  add_bool (json, "datagrams_work", c->datagrams_work);
  add_bool (json, "real_time", c->real_time);
}

static void
add_edge_counters (JsonBuilder         *json,
                   const GemelSnapshot *s)
{
  add_count (json, "accepted", s->listener.accepted);
  add_count (json, "refused_pin", s->listener.refused_pin);
  add_count (json, "refused_tls", s->listener.refused_tls);
  add_count (json, "refused_alpn", s->listener.refused_alpn);
  add_count (json, "refused_busy", s->listener.refused_busy);
  add_count (json, "refused_pairing", s->listener.refused_pairing);
  add_count (json, "door_clients", s->sync.door_clients);
  add_count (json, "door_refused", s->sync.door_refused);
  add_count (json, "door_frames", s->sync.door_frames);
  add_count (json, "peer_bytes_sent", s->sync.peer_bytes_sent);
  add_count (json, "peer_bytes_received", s->sync.peer_bytes_received);
  add_count (json, "state_overflows", s->sync.state_overflows);
  add_count (json, "state_old_term", s->sync.state_old_term);
  add_count (json, "state_limit", s->sync.state_limit);
}

/**
 * gemel_snapshot_to_json:
 * @snapshot: a snapshot
 *
 * Returns: (transfer full): one JSON object.
 * Thread: any
 */
char *
gemel_snapshot_to_json (const GemelSnapshot *snapshot)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonNode)    root = NULL;

  json_builder_begin_object (json);
  add_count (json, "serial", snapshot->serial);
  add_int (json, "usec", snapshot->unix_us);
  add_node (json, snapshot);
  add_peer (json, snapshot);
  add_config (json, &snapshot->config);
  json_builder_set_member_name (json, "providers");
  json_builder_begin_array (json);
  for (guint i = 0; i < snapshot->n_providers; i++)
    add_provider (json, &snapshot->providers[i]);
  json_builder_end_array (json);
  add_history (json, &snapshot->history);
  begin (json, "counters");
  add_core_counters (json, &snapshot->view.counters);
  add_link_counters (json, &snapshot->link);
  add_edge_counters (json, snapshot);
  json_builder_end_object (json);
  json_builder_end_object (json);
  root = json_builder_get_root (json);
  return json_to_string (root, FALSE);
}

/**
 * gemel_snapshot_get_peer_level:
 * @snapshot: a snapshot
 *
 * Heartbeats know first whether the peer is active; its own status knows whether a standby is cold
 * or warm.
 *
 * Returns: the peer's level as far as it is known.
 * Thread: any
 */
GemelLevel
gemel_snapshot_get_peer_level (const GemelSnapshot *snapshot)
{
  if (snapshot->view.peer_level == GEMEL_LEVEL_COLD && snapshot->peer != NULL)
    return snapshot->peer->standby_level;
  return snapshot->view.peer_level;
}

/**
 * gemel_snapshot_get_peer_seen_unix_us:
 * @snapshot: a snapshot
 *
 * Returns: when the peer was last heard, wall clock in µs; 0: never.
 * Thread: any
 */
gint64
gemel_snapshot_get_peer_seen_unix_us (const GemelSnapshot *snapshot)
{
  if (!snapshot->view.peer_known)
    return 0;
  return snapshot->unix_us - (snapshot->boot_us - snapshot->view.peer_heard_us);
}
