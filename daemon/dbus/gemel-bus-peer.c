/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.Peer: the other node as this one sees it. It has properties only.
 */
#include "dbus/gemel-dbus-private.h"

/**
 * gemel_bus_peer_make:
 * @dbus: whose
 *
 * Returns: (transfer full): the interface of the peer, empty until it is rendered.
 * Thread: main
 */
GemelBusPeer *
gemel_bus_peer_make (GemelDbus *dbus)
{
  return gemel_bus_peer_skeleton_new ();
}

static void
render_view (GemelBusPeer        *peer,
             const GemelSnapshot *s)
{
  const GemelView *view = &s->view;
  const gboolean   known = view->peer_known;

  gemel_bus_peer_set_address (peer, s->peer_address ? s->peer_address : "");
  gemel_bus_peer_set_known (peer, known);
  gemel_bus_peer_set_connected (peer, view->peer_link_up);
  gemel_bus_peer_set_alive (peer, view->peer_alive);
  gemel_bus_peer_set_role (peer, known ? gemel_role_to_string (view->peer_role) : "unknown");
  gemel_bus_peer_set_state (peer, known ? gemel_state_to_string (view->peer_state) : "unknown");
  gemel_bus_peer_set_term (peer, view->peer_term);
  gemel_bus_peer_set_synced (peer, view->peer_synced);
  gemel_bus_peer_set_eligible (peer, view->peer_eligible);
  gemel_bus_peer_set_last_seen_usec (peer,
                                     gemel_bus_usec (gemel_snapshot_get_peer_seen_unix_us (s)));
  gemel_bus_peer_set_rtt_usec (peer, gemel_bus_usec (view->rtt_us));
  gemel_bus_peer_set_clock_offset_usec (peer, view->wall_offset_us);
  gemel_bus_peer_set_clock_error_usec (peer, gemel_bus_usec (view->wall_error_us));
}

static void
render_status (GemelBusPeer        *peer,
               const GemelSnapshot *s)
{
  static const GemelPeerStatus nothing; /* all zero */
  const GemelPeerStatus       *status = s->peer ? s->peer : &nothing;
  const gboolean               heard = s->peer != NULL;

  gemel_bus_peer_set_name (peer, status->name ? status->name : "");
  gemel_bus_peer_set_version (peer, status->version ? status->version : "");
  gemel_bus_peer_set_activity_level (peer,
                                     gemel_level_to_string (gemel_snapshot_get_peer_level (s)));
  gemel_bus_peer_set_standby_level (
    peer, heard ? gemel_level_to_string (status->standby_level) : "unknown");
  gemel_bus_peer_set_history_level (
    peer, heard ? gemel_history_level_to_string (status->history_level) : "unknown");
  gemel_bus_peer_set_config_state (peer, gemel_config_state_to_string (status->config_state));
  gemel_bus_peer_set_uptime_usec (peer, gemel_bus_usec (status->uptime_us));
  gemel_bus_peer_set_level_since_usec (
    peer, heard ? gemel_bus_usec (s->peer_status_unix_us - status->level_age_us) : 0);
  gemel_bus_peer_set_config_term (peer, status->position.config.term);
  gemel_bus_peer_set_config_seq (peer, status->position.config.seq);
  gemel_bus_peer_set_state_epoch (peer, status->position.state.epoch);
  gemel_bus_peer_set_state_seq (peer, status->position.state.seq);
  gemel_bus_peer_set_history_seq (peer, status->history_seq);
}

static void
render_link (GemelBusPeer            *peer,
             const GemelLinkCounters *link)
{
  gemel_bus_peer_set_datagrams_work (peer, link->datagrams_work);
  gemel_bus_peer_set_datagrams_sent (peer, link->datagrams_sent);
  gemel_bus_peer_set_datagrams_received (peer, link->datagrams_received);
  gemel_bus_peer_set_datagrams_bad (peer, link->datagrams_bad);
  gemel_bus_peer_set_frames_sent (peer, link->frames_sent);
  gemel_bus_peer_set_frames_received (peer, link->frames_received);
  gemel_bus_peer_set_frames_bad (peer, link->frames_bad);
  gemel_bus_peer_set_connects (peer, link->connects);
  gemel_bus_peer_set_connect_failures (peer, link->connect_failures);
}

/**
 * gemel_bus_peer_render:
 * @peer: the interface
 * @snapshot: what it shall show
 *
 * Thread: main
 */
void
gemel_bus_peer_render (GemelBusPeer        *peer,
                       const GemelSnapshot *snapshot)
{
  render_view (peer, snapshot);
  render_status (peer, snapshot);
  render_link (peer, &snapshot->link);
}
