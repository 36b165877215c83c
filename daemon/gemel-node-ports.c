/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the parts in the main thread report: the listener and the modules.
 */
#include "gemel-node-private.h"

static void
on_accepted (GemelListener *listener,
             GemelChannel   channel,
             GIOStream     *io,
             gpointer       user_data)
{
  GemelNode *node = user_data;

  switch (channel)
    {
    case GEMEL_CHANNEL_CONTROL:
      gemel_link_adopt (node->link, io);
      break;
    case GEMEL_CHANNEL_DATA:
      gemel_sync_adopt (node->sync, io);
      break;
    case GEMEL_CHANNEL_PAIR:
      gemel_node_serve_pairing (node, io);
      break;
    }
}

static void
on_refused (GemelListener *listener,
            const char    *address,
            const char    *why,
            gpointer       user_data)
{
  g_autofree char *message = g_strdup_printf ("connection from %s was refused: %s", address, why);

  gemel_node_add_event (user_data, GEMEL_EVENT_PEER_REFUSED, GEMEL_CAUSE_NONE, 0, address, message,
                        0, 0);
}

const GemelListenerCallbacks gemel_node_listener_callbacks = {
  .accepted = on_accepted,
  .refused = on_refused,
};

static void
on_module_event (GemelEventCode code,
                 const char    *module,
                 const char    *message,
                 gpointer       user_data)
{
  gemel_node_add_event (user_data, code, GEMEL_CAUSE_NONE, 0, module, message, 0, 0);
}

static void
on_settled (GemelLevel level,
            gpointer   user_data)
{
  GemelNode *node = user_data;

  if (node->exiting)
    {
      node->stopped (node->stopped_data);
      return;
    }
  if (node->quiesce_id != 0)
    {
      gemel_sync_quiesce (node->sync, node->quiesce_id);
      node->quiesce_id = 0;
    }
}

const GemelModulesPort gemel_node_modules_port = {
  .event = on_module_event,
  .settled = on_settled,
};
