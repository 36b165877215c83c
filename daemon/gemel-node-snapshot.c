/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Composing the snapshot: at once when something urgent changed, else at most ten times a second,
 * and once a second in any case, so that ages on the surfaces go on.
 */
#include "gemel-node-private.h"
#include "system/gemel-clock.h"

#include <string.h>

#define COMPOSE_INTERVAL_US (G_TIME_SPAN_SECOND / 10)
#define STATUS_INTERVAL_US  (G_TIME_SPAN_SECOND * 9 / 10)

static void
copy_parts (GemelNode     *node,
            GemelSnapshot *s)
{
  gemel_link_get_view (node->link, &s->view);
  gemel_link_get_counters (node->link, &s->link);
  gemel_listener_get_counters (node->listener, &s->listener);
  gemel_config_db_get_info (node->config, &s->config);
  gemel_history_get_stats (node->history, &s->history);
  s->sync = node->sync_counters;
  s->config_state = node->config_state;
  s->providers = g_memdup2 (node->providers, node->n_providers * sizeof *node->providers);
  s->n_providers = node->n_providers;
  s->peer_address = g_strdup (node->peer_address);
  s->peer = node->peer != NULL ? gemel_peer_status_copy (node->peer) : NULL;
  s->peer_status_unix_us = node->peer_status_unix_us;
}

static void
uuid_to_text (const guint8 uuid[16],
              char         ret_text[37])
{
  const guint8 *u = uuid;

  g_snprintf (ret_text, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
              u[0], u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12],
              u[13], u[14], u[15]);
}

static GemelSnapshot *
make (GemelNode *node)
{
  GemelSnapshot *s = gemel_snapshot_new ();

  s->serial = ++node->serial;
  s->boot_us = gemel_clock_boot_us ();
  s->unix_us = gemel_clock_unix_us ();
  s->name = g_strdup (node->name);
  s->version = g_strdup (GEMEL_VERSION);
  uuid_to_text (node->identity.node_uuid, s->node_uuid);
  s->paired = node->identity.paired;
  if (s->paired)
    uuid_to_text (node->identity.pair_uuid, s->pair_uuid);
  s->fingerprint = gemel_pin_to_string (node->keys.pin);
  if (!gemel_history_level_from_string (gemel_settings_get_string (node->settings, "history.level"),
                                        &s->history_level))
    s->history_level = GEMEL_HISTORY_FULL;
  copy_parts (node, s);
  s->started_unix_us = node->started_unix_us;
  s->level_since_unix_us = s->unix_us - (s->boot_us - s->view.level_since_us);
  s->last_changeover_unix_us = node->last_changeover_unix_us;
  s->last_changeover_cause = node->last_changeover_cause;
  s->events = node->events;
  s->last_event_id = node->last_event_id;
  return s;
}

/**
 * gemel_node_status_is_news:
 * @a: (nullable): a status
 * @b: (nullable): another
 *
 * Ages alone are no news: two nodes that told each other every new age would never be quiet.
 *
 * Returns: whether they differ in anything but ages.
 * Thread: any
 */
gboolean
gemel_node_status_is_news (const GemelPeerStatus *a,
                           const GemelPeerStatus *b)
{
  if (a == NULL || b == NULL)
    return a != b;
  return g_strcmp0 (a->name, b->name) != 0 || g_strcmp0 (a->version, b->version) != 0 ||
         a->level != b->level || a->standby_level != b->standby_level ||
         a->history_level != b->history_level || a->config_state != b->config_state ||
         !gemel_pair_position_equal (&a->position, &b->position) ||
         a->history_seq != b->history_seq;
}

/* What the peer's surfaces show of this node: at each change, and once a second for the ages. */
static void
tell_peer (GemelNode           *node,
           const GemelSnapshot *s)
{
  GemelPeerStatus own = { 0 };

  own.name = s->name;
  own.version = s->version;
  own.level = s->view.level;
  own.standby_level = s->view.standby_level;
  own.history_level = s->history_level;
  own.config_state = s->config_state;
  own.uptime_us = s->boot_us - node->started_boot_us;
  own.level_age_us = s->boot_us - s->view.level_since_us;
  own.position.config = s->config.head;
  own.history_seq = s->history.own_seq;
  if (!gemel_node_status_is_news (&own, node->told) &&
      s->boot_us - node->told_us < STATUS_INTERVAL_US)
    return;
  g_clear_pointer (&node->told, gemel_peer_status_free);
  node->told = gemel_peer_status_copy (&own);
  node->told_us = s->boot_us;
  gemel_link_set_status (node->link, &own);
}

/**
 * gemel_node_compose:
 * @node: the node
 *
 * Makes the next snapshot and gives it to the surface and the peer.
 * Thread: main
 */
void
gemel_node_compose (GemelNode *node)
{
  GemelSnapshot *next;

  g_atomic_int_set (&node->compose_asked, 0);
  if (node->compose_timer != NULL)
    g_source_destroy (node->compose_timer);
  g_clear_pointer (&node->compose_timer, g_source_unref);

  next = make (node);
  g_clear_pointer (&node->snapshot, gemel_snapshot_unref);
  node->snapshot = next;
  node->last_compose_us = next->boot_us;
  tell_peer (node, next);
  if (node->surface != NULL)
    node->surface->snapshot_changed (next, node->surface_data);
}

static gboolean
on_compose_due (gpointer user_data)
{
  gemel_node_compose (user_data);
  return G_SOURCE_REMOVE;
}

static void
compose_now (GemelNode *node,
             gpointer   data)
{
  gemel_node_compose (node);
}

static void
compose_soon (GemelNode *node,
              gpointer   data)
{
  gint64 wait_us = node->last_compose_us + COMPOSE_INTERVAL_US - gemel_clock_boot_us ();

  if (node->compose_timer != NULL)
    return;
  if (wait_us <= 0)
    {
      gemel_node_compose (node);
      return;
    }
  node->compose_timer = g_timeout_source_new ((guint) (wait_us / 1000 + 1));
  g_source_set_callback (node->compose_timer, on_compose_due, node, NULL);
  g_source_attach (node->compose_timer, node->context);
}

/**
 * gemel_node_mark:
 * @node: the node
 * @urgent: level, term or link changed: compose at once
 * Thread: any
 */
void
gemel_node_mark (GemelNode *node,
                 gboolean   urgent)
{
  gint asked = urgent ? 2 : 1;
  gint before = g_atomic_int_get (&node->compose_asked);

  if (before >= asked || !g_atomic_int_compare_and_exchange (&node->compose_asked, before, asked))
    return;
  gemel_node_post (node, urgent ? compose_now : compose_soon, NULL, NULL);
}

static GemelSeries *
ensure_series (GemelNode  *node,
               const char *provider,
               const char *series)
{
  g_autofree char *key = g_strconcat (provider, "\n", series, NULL);
  GemelSeries     *found = g_hash_table_lookup (node->series, key);

  if (found == NULL)
    {
      found = gemel_series_new ();
      g_hash_table_insert (node->series, g_steal_pointer (&key), found);
    }
  return found;
}

static void
sample (GemelNode *node)
{
  gint64          now_unix_us = gemel_clock_unix_us ();
  GemelConfigInfo info;

  gemel_config_db_get_info (node->config, &info);
  gemel_series_add (ensure_series (node, "config", "cache-bytes"), now_unix_us,
                    (double) info.journal_bytes);
  gemel_series_add (ensure_series (node, "config", "cache-entries"), now_unix_us,
                    (double) info.journal_entries);
  for (guint i = 0; i < node->n_providers; i++)
    {
      const GemelProviderStats *p = &node->providers[i];

      gemel_series_add (ensure_series (node, p->name, "pending"), now_unix_us,
                        (double) p->pending_updates);
      gemel_series_add (ensure_series (node, p->name, "queued-rate"), now_unix_us, p->queued_per_s);
      gemel_series_add (ensure_series (node, p->name, "dispatched-rate"), now_unix_us,
                        p->dispatched_per_s);
    }
}

/**
 * gemel_node_on_second:
 * @node: the node
 *
 * Once a second: sign of life for the link thread, activity mark, series, a fresh snapshot.
 * Thread: main
 */
void
gemel_node_on_second (GemelNode *node)
{
  gint64 now_us = gemel_clock_boot_us ();

  g_atomic_int_set (&node->liveness, (gint) (now_us / G_TIME_SPAN_SECOND));
  if (node->interval_term != 0)
    gemel_node_db_mark_interval (node->node_db, node->interval_term, gemel_clock_unix_us (), FALSE);
  if (node->last_sample_us == 0 ||
      now_us - node->last_sample_us >= GEMEL_SERIES_INTERVAL_S * G_TIME_SPAN_SECOND)
    {
      node->last_sample_us = now_us;
      sample (node);
    }
  gemel_node_mark (node, FALSE);
}
