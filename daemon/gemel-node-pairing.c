/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Pairing and its end, as this node lives it: identity, role, who may connect.
 */
#include "api/gemel-error.h"
#include "api/gemel-names.h"
#include "gemel-node-private.h"
#include "system/gemel-clock.h"

#include <string.h>

/* Where the backup dials the master: what the setting says, else what pairing found. */
static char *
dup_dial_address (GemelNode *node)
{
  const char *peer = gemel_settings_get_string (node->settings, "link.peer");

  if (strcmp (gemel_settings_get_string (node->settings, "node.role"), "backup") != 0 ||
      !node->identity.paired)
    return NULL;
  return peer[0] != '\0' ? g_strdup (peer) : NULL;
}

/**
 * gemel_node_apply_peer:
 * @node: the node
 *
 * Tells listener and sync who the peer is now.
 * Thread: main
 */
void
gemel_node_apply_peer (GemelNode *node)
{
  g_autofree char *address = dup_dial_address (node);
  const guint8    *pin = node->identity.paired ? node->identity.peer_pin : NULL;

  gemel_listener_set_peer (node->listener, pin);
  gemel_sync_set_peer (node->sync, address, pin, node->session_up);
}

static void
tell_link (GemelNode *node)
{
  g_autofree char *address = dup_dial_address (node);

  gemel_link_set_peer (node->link, node->identity.paired, node->identity.pair_uuid,
                       node->identity.peer_uuid, node->identity.peer_pin, address);
}

static void
on_saved (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  GemelNode         *node = user_data;
  g_autoptr (GError) local_error = NULL;

  if (!gemel_node_db_save_identity_finish (node->node_db, result, &local_error))
    gemel_log_error ("link", "saving the identity of the pair", local_error);
}

static void
on_peer_saved (GObject      *source,
               GAsyncResult *result,
               gpointer      user_data)
{
  GemelNode         *node = user_data;
  g_autoptr (GError) local_error = NULL;

  if (!gemel_node_db_save_setting_finish (node->node_db, result, &local_error))
    gemel_log_error ("link", "saving the address of the master", local_error);
}

static void
save_peer_address (GemelNode  *node,
                   const char *address)
{
  g_autoptr (GError) local_error = NULL;

  if (!gemel_settings_set (node->settings, "link.peer", address, &local_error))
    gemel_log_error ("link", "the address of the master", local_error);
  else
    gemel_node_db_save_setting_async (node->node_db, "link.peer", address, NULL, on_peer_saved,
                                      node);
}

/* Both sides end here; the slot says which one this is. */
static gboolean
adopt_pair (GemelNode                *node,
            const GemelPairingResult *result,
            GError                  **error)
{
  GemelRole        role = result->slot == 0 ? GEMEL_ROLE_MASTER : GEMEL_ROLE_BACKUP;
  g_autofree char *message = g_strdup_printf ("paired with %s as %s", result->peer_name,
                                              gemel_role_to_string (role));

  if (!gemel_node_save_role (node, role, error))
    return FALSE;
  node->identity.paired = TRUE;
  node->identity.slot = result->slot;
  node->identity.synced_once = role == GEMEL_ROLE_MASTER;
  memcpy (node->identity.pair_uuid, result->pair_uuid, 16);
  memcpy (node->identity.peer_uuid, result->peer_uuid, 16);
  memcpy (node->identity.peer_pin, result->peer_pin, GEMEL_PIN_BYTES);
  gemel_node_db_save_identity_async (node->node_db, &node->identity, NULL, on_saved, node);
  if (result->peer_address != NULL)
    save_peer_address (node, result->peer_address);
  gemel_node_add_event (node, GEMEL_EVENT_PAIRED, GEMEL_CAUSE_USER, 0, result->peer_name, message,
                        0, 0);
  gemel_sync_new_pair (node->sync, role == GEMEL_ROLE_MASTER);
  gemel_node_apply_settings (node);
  gemel_node_apply_peer (node);
  tell_link (node);
  return TRUE;
}

/* ---- the inviting side ---- */

static char *
dup_public_address (GemelNode  *node,
                    const char *asked)
{
  guint16                        port = gemel_listener_get_port (node->listener);
  const char                    *host = asked;
  g_autoptr (GSocketConnectable) parsed = NULL;

  if (host == NULL || host[0] == '\0')
    host = gemel_settings_get_string (node->settings, "link.public-address");
  if (host[0] == '\0')
    host = gemel_settings_get_string (node->settings, "link.bind-address");
  if (host[0] == '\0')
    host = g_get_host_name ();
  parsed = g_network_address_parse (host, port, NULL);
  if (parsed == NULL)
    return g_strdup (host);
  if (strchr (g_network_address_get_hostname (G_NETWORK_ADDRESS (parsed)), ':') != NULL)
    return g_strdup_printf ("[%s]:%u", g_network_address_get_hostname (G_NETWORK_ADDRESS (parsed)),
                            g_network_address_get_port (G_NETWORK_ADDRESS (parsed)));
  return g_strdup_printf ("%s:%u", g_network_address_get_hostname (G_NETWORK_ADDRESS (parsed)),
                          g_network_address_get_port (G_NETWORK_ADDRESS (parsed)));
}

/**
 * gemel_node_pair_invite:
 * @node: the node, independent or a master without a peer
 * @address: (nullable): host or host:port under which the other node reaches this one
 * @ret_expiry_unix_us: (out): when the code ends
 * @error: ALREADY_PAIRED, INVALID_ARGS
 *
 * Returns: (transfer full) (nullable): the one-time code. It is a secret: it is never logged.
 * Thread: main
 */
char *
gemel_node_pair_invite (GemelNode  *node,
                        const char *address,
                        gint64     *ret_expiry_unix_us,
                        GError    **error)
{
  g_autofree char *public_address = NULL;
  gint64           now_us = gemel_clock_boot_us ();

  if (node->identity.paired)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_ALREADY_PAIRED,
                           "this node is paired; remove the pairing first (gemelctl pair remove)");
      return NULL;
    }
  if (strcmp (gemel_settings_get_string (node->settings, "node.role"), "backup") == 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                           "the master invites; this node is set up as the backup (setting "
                           "node.role)");
      return NULL;
    }
  public_address = dup_public_address (node, address);
  g_clear_pointer (&node->invitation, gemel_invitation_free);
  node->invitation = gemel_invitation_new (&node->keys, public_address, node->identity.node_uuid,
                                           node->name, now_us);
  if (node->invitation == NULL)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "\"%s\" is no address that the other node could dial; pass host or host:port",
                   public_address);
      return NULL;
    }
  gemel_listener_set_pairing (node->listener, TRUE);
  *ret_expiry_unix_us = gemel_clock_unix_us () + gemel_invitation_get_expiry_us (node->invitation) -
                        now_us;
  gemel_node_add_event (node, GEMEL_EVENT_PAIRING_INVITED, GEMEL_CAUSE_USER, 0, public_address,
                        "an invitation to pair stands for ten minutes", 0, 0);
  return g_strdup (gemel_invitation_get_code (node->invitation));
}

typedef struct
{
  GemelNode *node;
  char      *address;
} Guest;

static void
on_served (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Guest                         *guest = user_data;
  GemelNode                     *node = guest->node;
  g_autofree char               *address = g_steal_pointer (&guest->address);
  g_autoptr (GError)             local_error = NULL;
  g_autoptr (GemelPairingResult) pair = NULL;

  g_free (guest);
  if (node->invitation == NULL)
    return;
  pair = gemel_invitation_serve_finish (node->invitation, result, &local_error);
  if (pair != NULL && !node->identity.paired && adopt_pair (node, pair, &local_error))
    {
      gemel_listener_set_pairing (node->listener, FALSE);
      g_clear_pointer (&node->invitation, gemel_invitation_free);
      return;
    }
  if (!gemel_invitation_is_standing (node->invitation))
    gemel_listener_set_pairing (node->listener, FALSE);
  gemel_listener_note_pairing_refused (node->listener, address,
                                       local_error != NULL ? local_error->message
                                                           : "already paired");
  gemel_node_add_event (node, GEMEL_EVENT_PAIRING_REFUSED, GEMEL_CAUSE_NONE, 0, address,
                        local_error != NULL ? local_error->message : "already paired", 0, 0);
}

/**
 * gemel_node_serve_pairing:
 * @node: the node
 * @io: (transfer full): an accepted connection of somebody who wants to pair
 * Thread: main
 */
void
gemel_node_serve_pairing (GemelNode *node,
                          GIOStream *io)
{
  g_autoptr (GIOStream) owned = io;
  Guest                *guest;

  if (node->invitation == NULL)
    return;
  guest = g_new0 (Guest, 1);
  guest->node = node;
  guest->address = gemel_connect_dup_peer_address (io);
  gemel_invitation_serve_async (node->invitation, io, node->cancellable, on_served, guest);
}

/* ---- the joining side ---- */

typedef struct
{
  GemelNode *node;
  guint64    job;
} Join;

static void
on_joined (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  g_autofree Join               *join = user_data;
  GemelNode                     *node = join->node;
  g_autoptr (GError)             local_error = NULL;
  g_autoptr (GemelPairingResult) pair = gemel_pairing_join_finish (result, &local_error);

  if (pair != NULL && adopt_pair (node, pair, &local_error))
    {
      gemel_jobs_end (node->jobs, join->job, "done",
                      "paired; the configuration of the master is on its way");
      return;
    }
  gemel_node_add_event (node, GEMEL_EVENT_PAIRING_REFUSED, GEMEL_CAUSE_NONE, 0, NULL,
                        local_error->message, 0, 0);
  gemel_jobs_end (node->jobs, join->job,
                  g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED) ? "cancelled"
                                                                                  : "failed",
                  local_error->message);
}

/**
 * gemel_node_pair_join:
 * @node: the node
 * @code: as the master's invitation shows it
 * @error: ALREADY_PAIRED, LIMIT
 *
 * Returns: the id of the job, or 0.
 * Thread: main
 */
guint64
gemel_node_pair_join (GemelNode  *node,
                      const char *code,
                      GError    **error)
{
  Join   *join;
  guint64 job;

  if (node->identity.paired)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_ALREADY_PAIRED,
                           "this node is paired; remove the pairing first (gemelctl pair remove)");
      return 0;
    }
  if (gemel_jobs_find_running (node->jobs, "pair-join") != 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_BUSY, "this node is joining already");
      return 0;
    }
  job = gemel_jobs_begin (node->jobs, "pair-join", TRUE, error);
  if (job == 0)
    return 0;
  join = g_new0 (Join, 1);
  join->node = node;
  join->job = job;
  gemel_pairing_join_async (&node->keys, code, node->identity.node_uuid, node->name,
                            gemel_jobs_get_cancellable (node->jobs, job), on_joined, join);
  return job;
}

/* ---- the end of a pair ---- */

typedef struct
{
  GemelNode *node;
  GTask     *task;
} Unpair;

static void
on_unpaired (GObject      *source,
             GAsyncResult *result,
             gpointer      user_data)
{
  g_autofree Unpair *unpair = user_data;
  GemelNode         *node = unpair->node;
  g_autoptr (GTask)  task = unpair->task;
  g_autoptr (GError) local_error = NULL;

  if (!gemel_node_db_save_identity_finish (node->node_db, result, &local_error))
    {
      g_task_return_error (task, g_steal_pointer (&local_error));
      return;
    }
  gemel_node_add_event (node, GEMEL_EVENT_UNPAIRED, GEMEL_CAUSE_USER, 0, NULL,
                        "the pairing was removed; this node is independent", 0, 0);
  node->session_up = FALSE;
  g_clear_pointer (&node->peer, gemel_peer_status_free);
  g_clear_pointer (&node->peer_address, g_free);
  save_peer_address (node, NULL);
  tell_link (node);
  gemel_node_apply_peer (node);
  gemel_node_apply_settings (node);
  gemel_sync_new_pair (node->sync, TRUE);
  g_task_return_boolean (task, TRUE);
}

/**
 * gemel_node_unpair:
 * @node: the node
 * @task: (transfer full): returns a boolean; NOT_PAIRED, or of the store
 *
 * This node alone forgets its peer; the peer finds out when it is refused.
 * Thread: main
 */
void
gemel_node_unpair (GemelNode *node,
                   GTask     *task)
{
  g_autoptr (GError) local_error = NULL;
  Unpair            *unpair;

  if (!node->identity.paired || !gemel_node_save_role (node, GEMEL_ROLE_INDEPENDENT, &local_error))
    {
      if (local_error == NULL)
        g_set_error_literal (&local_error, GEMEL_ERROR, GEMEL_ERROR_NOT_PAIRED,
                             "this node is not paired");
      g_task_return_error (task, g_steal_pointer (&local_error));
      g_object_unref (task);
      return;
    }
  node->identity.paired = FALSE;
  node->identity.synced_once = FALSE;
  memset (node->identity.pair_uuid, 0, sizeof node->identity.pair_uuid);
  memset (node->identity.peer_uuid, 0, sizeof node->identity.peer_uuid);
  memset (node->identity.peer_pin, 0, sizeof node->identity.peer_pin);
  unpair = g_new0 (Unpair, 1);
  unpair->node = node;
  unpair->task = task;
  gemel_node_db_save_identity_async (node->node_db, &node->identity, NULL, on_unpaired, unpair);
}
