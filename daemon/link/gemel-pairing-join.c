/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The joiner's side of pairing: dials the address in the code, takes only the key that the code
 * names, and proves the secret first.
 */
#include "link/gemel-pairing.h"

#include "api/gemel-error.h"
#include "link/gemel-pairing-session.h"

typedef struct
{
  GemelKeys        keys; /* with a reference of its own */
  GemelPairingCode code;
  guint8           node_uuid[16];
  char            *node_name;
} JoinData;

static void
join_data_free (gpointer data)
{
  JoinData *join = data;

  gemel_keys_clear (&join->keys);
  gemel_pairing_code_clear (&join->code);
  g_free (join->node_name);
  g_free (join);
}

static gboolean
on_proof (GemelPairingSession *session,
          const guint8        *body,
          gsize                size,
          GError             **error)
{
  gboolean right;

  if (!gemel_pairing_session_check_proof (session, body, &right, error))
    return FALSE;
  if (!right)
    {
      g_set_error_literal (
        error, GEMEL_ERROR, GEMEL_ERROR_PAIRING_REFUSED,
        "the node that answered does not have the code: somebody may stand between: "
        "check the address and run 'gemelctl pair invite' on the master again");
      return FALSE;
    }
  gemel_pairing_session_send_identity (session, 0);
  gemel_pairing_session_expect (session, GEMEL_PAIRING_FRAME_IDENTITY);
  return TRUE;
}

static gboolean
on_step (GemelPairingSession *session,
         const guint8        *body,
         gsize                size,
         GError             **error)
{
  if (session->expected == GEMEL_PAIRING_FRAME_PROOF)
    return on_proof (session, body, size, error);
  if (session->expected == GEMEL_PAIRING_FRAME_IDENTITY)
    {
      if (!gemel_pairing_session_take_identity (session, body, size, error))
        return FALSE;
      gemel_pairing_session_expect (session, GEMEL_PAIRING_FRAME_CONFIRM);
      return TRUE;
    }
  gemel_stream_send (session->stream, GEMEL_PAIRING_FRAME_CONFIRM, 0, NULL, 0);
  gemel_pairing_session_succeed (session);
  return TRUE;
}

static void
on_dialled (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  g_autoptr (GTask)     task = data;
  JoinData             *join = g_task_get_task_data (task);
  g_autoptr (GError)    error = NULL;
  g_autoptr (GIOStream) io = gemel_dial_finish (result, &error);
  GemelPairingSession  *session;

  if (io == NULL)
    {
      if (gemel_error_is (error, GEMEL_ERROR_IDENTITY))
        g_task_return_new_error (
          task, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
          "%s is not the node that made this code: check that the address leads to the master, "
          "then run 'gemelctl pair invite' there again",
          join->code.address);
      else
        g_task_return_error (task, g_steal_pointer (&error));
      return;
    }
  session =
    gemel_pairing_session_new (g_steal_pointer (&task), GEMEL_PAIRING_JOINER, join->keys.pin,
                               join->code.secret, join->node_uuid, join->node_name);
  session->step = on_step;
  session->result->peer_address = g_strdup (join->code.address);
  if (!gemel_pairing_session_start (session, io, GEMEL_PAIRING_STEP_MS, &error) ||
      !gemel_pairing_session_send_proof (session, &error))
    gemel_pairing_session_fail (session, g_steal_pointer (&error));
}

/**
 * gemel_pairing_join_async:
 * @keys: this node's; only needed during this call
 * @code: what a person pasted
 * @node_uuid: of this node
 * @node_name: of this node, 1 to 64 bytes of UTF-8
 * @cancellable: (nullable): gives up
 * @callback: called in the thread-default context of this call
 * @user_data: for @callback
 *
 * Pairs with the node that made @code. It may be called while this node is paired: when the last
 * frame of an earlier pairing was lost, the inviter is not paired and this node is; success then
 * replaces what this node had.
 *
 * Thread: any with a main context
 */
void
gemel_pairing_join_async (const GemelKeys    *keys,
                          const char         *code,
                          const guint8        node_uuid[16],
                          const char         *node_name,
                          GCancellable       *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer            user_data)
{
  g_autoptr (GTask)  task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GError) error = NULL;
  JoinData          *join = g_new0 (JoinData, 1);

  g_task_set_source_tag (task, gemel_pairing_join_async);
  g_task_set_task_data (task, join, join_data_free);
  join->keys.certificate = g_object_ref (keys->certificate);
  memcpy (join->keys.pin, keys->pin, sizeof keys->pin);
  memcpy (join->node_uuid, node_uuid, sizeof join->node_uuid);
  join->node_name = g_strdup (node_name);
  if (!gemel_pairing_name_is_good (node_name, strlen (node_name)))
    g_task_return_new_error (
      task, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
      "node name must have 1 to 64 bytes of UTF-8: change it in the settings");
  else if (!gemel_pairing_code_from_string (code, &join->code, &error))
    g_task_return_error (task, g_steal_pointer (&error));
  else
    {
      const char   *address = join->code.address;
      const guint8 *pin = join->code.pin;

      gemel_dial_async (keys, address, pin, GEMEL_CHANNEL_PAIR, GEMEL_PAIRING_STEP_MS, cancellable,
                        on_dialled, g_steal_pointer (&task));
    }
}

/**
 * gemel_pairing_join_finish:
 * @result: of gemel_pairing_join_async ()
 * @error: return location
 *
 * Returns: (transfer full): what this node now knows; it must be stored before it is used.
 * Errors: GEMEL_ERROR_PAIRING_REFUSED (wrong, used or expired), GEMEL_ERROR_INVALID_ARGS (not a
 *   code), GEMEL_ERROR_IDENTITY (another node answered, or a copied disk), GEMEL_ERROR_TIMEOUT,
 *   GEMEL_ERROR_PEER_UNAVAILABLE, GEMEL_ERROR_PROTOCOL, GEMEL_ERROR_INCOMPATIBLE,
 *   GEMEL_ERROR_BUSY, G_IO_ERROR_CANCELLED
 * Thread: that of gemel_pairing_join_async ()
 */
GemelPairingResult *
gemel_pairing_join_finish (GAsyncResult *result,
                           GError      **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
