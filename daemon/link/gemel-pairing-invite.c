/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The inviter's side of pairing: one invitation with its code, and the joiners that try it.
 *
 *   STANDING --right proof--> USED
 *   STANDING --third wrong proof--> VOID
 *   STANDING --ten minutes of boot time--> expired
 *
 * A right proof uses the code up even when that session breaks later: a person makes a new one.
 */
#include "link/gemel-pairing.h"

#include "api/gemel-error.h"
#include "link/gemel-pairing-session.h"

#include <gnutls/crypto.h>
#include <time.h>

/* Silent ones wait for 5 s each; when there are more the oldest that has proved nothing goes. */
#define SESSIONS_MAX 8
#define JOINER_SLOT  1

struct _GemelInvitation
{
  guint8           pin[GEMEL_PIN_BYTES];
  guint8           node_uuid[16];
  char            *node_name;
  GemelPairingCode code;
  char            *text;
  gint64           expiry_us; /* boot time */
  guint            n_wrong;
  gboolean         used;
  guint            step_ms;
  GPtrArray       *sessions; /* of GemelPairingSession, oldest first */
};

static gint64
get_boot_us (void)
{
  struct timespec now;

  (void) clock_gettime (CLOCK_BOOTTIME, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* 0: it can still be used. */
static guint
why_not (GemelInvitation *invitation)
{
  if (invitation->used)
    return GEMEL_PAIRING_REFUSAL_USED;
  if (invitation->n_wrong >= GEMEL_PAIRING_TRIES)
    return GEMEL_PAIRING_REFUSAL_TRIES;
  if (get_boot_us () >= invitation->expiry_us)
    return GEMEL_PAIRING_REFUSAL_EXPIRED;
  return 0;
}

static gboolean
on_proof (GemelPairingSession *session,
          const guint8        *body,
          GError             **error)
{
  GemelInvitation *invitation = session->invitation;
  guint            reason = why_not (invitation);
  gboolean         right = FALSE;

  if (reason == 0 && !gemel_pairing_session_check_proof (session, body, &right, error))
    return FALSE;
  if (reason == 0 && !right)
    {
      invitation->n_wrong++;
      reason = GEMEL_PAIRING_REFUSAL_WRONG;
    }
  if (reason != 0)
    {
      gemel_pairing_session_refuse (session, (GemelPairingRefusal) reason);
      return TRUE;
    }
  invitation->used = TRUE;
  if (!gemel_pairing_session_send_proof (session, error))
    return FALSE;
  gemel_pairing_session_expect (session, GEMEL_PAIRING_FRAME_IDENTITY);
  return TRUE;
}

/* RFC 9562 version 4. */
static gboolean
make_uuid (guint8   ret_uuid[16],
           GError **error)
{
  if (gnutls_rnd (GNUTLS_RND_NONCE, ret_uuid, 16) < 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "no random numbers: try again");
      return FALSE;
    }
  ret_uuid[6] = (ret_uuid[6] & 0x0f) | 0x40;
  ret_uuid[8] = (ret_uuid[8] & 0x3f) | 0x80;
  return TRUE;
}

static gboolean
on_identity (GemelPairingSession *session,
             const guint8        *body,
             gsize                size,
             GError             **error)
{
  g_autoptr (GError) local_error = NULL;

  if (!gemel_pairing_session_take_identity (session, body, size, &local_error))
    {
      if (gemel_error_is (local_error, GEMEL_ERROR_IDENTITY))
        {
          gemel_pairing_session_refuse (session, GEMEL_PAIRING_REFUSAL_IDENTITY);
          return TRUE;
        }
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  if (!make_uuid (session->result->pair_uuid, error))
    return FALSE;
  gemel_pairing_session_send_identity (session, JOINER_SLOT);
  gemel_stream_send (session->stream, GEMEL_PAIRING_FRAME_CONFIRM, 0, NULL, 0);
  gemel_pairing_session_expect (session, GEMEL_PAIRING_FRAME_CONFIRM);
  return TRUE;
}

static gboolean
on_step (GemelPairingSession *session,
         const guint8        *body,
         gsize                size,
         GError             **error)
{
  if (session->expected == GEMEL_PAIRING_FRAME_PROOF)
    return on_proof (session, body, error);
  if (session->expected == GEMEL_PAIRING_FRAME_IDENTITY)
    return on_identity (session, body, size, error);
  gemel_pairing_session_succeed (session);
  return TRUE;
}

static void
on_session_ended (GemelPairingSession *session)
{
  g_ptr_array_remove (session->invitation->sessions, session);
}

static void
make_room (GemelInvitation *invitation)
{
  guint i;

  if (invitation->sessions->len < SESSIONS_MAX)
    return;
  for (i = 0; i < invitation->sessions->len; i++)
    {
      GemelPairingSession *session = g_ptr_array_index (invitation->sessions, i);

      if (session->proven)
        continue;
      gemel_pairing_session_refuse (session, GEMEL_PAIRING_REFUSAL_BUSY);
      return;
    }
}

/**
 * gemel_invitation_new:
 * @keys: this node's
 * @address: host:port where the joiner finds this node, 1 to 255 bytes
 * @node_uuid: of this node
 * @node_name: of this node, 1 to 64 bytes of UTF-8
 * @now_us: CLOCK_BOOTTIME in microseconds
 *
 * Returns: (transfer full) (nullable): an invitation that stands from now on; %NULL when an
 *   argument makes no sense or the system has no random numbers.
 * Thread: the one that serves it
 */
GemelInvitation *
gemel_invitation_new (const GemelKeys *keys,
                      const char      *address,
                      const guint8     node_uuid[16],
                      const char      *node_name,
                      gint64           now_us)
{
  GemelInvitation *invitation;
  guint8           secret[GEMEL_PAIRING_SECRET_BYTES];

  if (*address == '\0' || strlen (address) > GEMEL_PAIRING_ADDRESS_BYTES_MAX ||
      !gemel_pairing_name_is_good (node_name, strlen (node_name)) ||
      gnutls_rnd (GNUTLS_RND_KEY, secret, sizeof secret) < 0)
    return NULL;
  invitation = g_new0 (GemelInvitation, 1);
  memcpy (invitation->pin, keys->pin, sizeof keys->pin);
  memcpy (invitation->node_uuid, node_uuid, sizeof invitation->node_uuid);
  invitation->node_name = g_strdup (node_name);
  memcpy (invitation->code.pin, keys->pin, sizeof keys->pin);
  memcpy (invitation->code.secret, secret, sizeof secret);
  memcpy (invitation->code.address, address, strlen (address));
  gnutls_memset (secret, 0, sizeof secret);
  invitation->text = gemel_pairing_code_to_string (&invitation->code);
  invitation->expiry_us = now_us + (gint64) GEMEL_PAIRING_SECONDS * G_USEC_PER_SEC;
  invitation->step_ms = GEMEL_PAIRING_STEP_MS;
  invitation->sessions = g_ptr_array_new ();
  return invitation;
}

/**
 * gemel_invitation_free:
 * @invitation: (transfer full): an invitation
 *
 * Voids the code. Joiners that are under way are refused, and their tasks fail; their call-backs
 * may come before this returns, and may still call gemel_invitation_serve_finish ().
 *
 * Thread: the invitation's; not inside the call-back of one of its tasks
 */
void
gemel_invitation_free (GemelInvitation *invitation)
{
  while (invitation->sessions->len > 0)
    gemel_pairing_session_refuse (g_ptr_array_index (invitation->sessions, 0),
                                  GEMEL_PAIRING_REFUSAL_EXPIRED);
  g_ptr_array_unref (invitation->sessions);
  gemel_pairing_code_clear (&invitation->code);
  gnutls_memset (invitation->text, 0, strlen (invitation->text));
  g_free (invitation->text);
  g_free (invitation->node_name);
  g_free (invitation);
}

/**
 * gemel_invitation_get_code:
 * @invitation: an invitation
 *
 * Returns: (transfer none): the text to paste. It is a secret: show it to the caller, never log it.
 * Thread: the invitation's
 */
const char *
gemel_invitation_get_code (GemelInvitation *invitation)
{
  return invitation->text;
}

/**
 * gemel_invitation_get_expiry_us:
 * @invitation: an invitation
 *
 * Returns: boot time in microseconds from which on the code is void.
 * Thread: the invitation's
 */
gint64
gemel_invitation_get_expiry_us (GemelInvitation *invitation)
{
  return invitation->expiry_us;
}

/**
 * gemel_invitation_is_standing:
 * @invitation: an invitation
 *
 * Returns: whether its code can still be used; when not, close pairing at the listener.
 * Thread: the invitation's
 */
gboolean
gemel_invitation_is_standing (GemelInvitation *invitation)
{
  return why_not (invitation) == 0;
}

/**
 * gemel_invitation_set_step_ms:
 * @invitation: an invitation
 * @step_ms: how long a joiner may take for each frame; 5 s unless told otherwise
 *
 * Thread: the invitation's
 */
void
gemel_invitation_set_step_ms (GemelInvitation *invitation,
                              guint            step_ms)
{
  invitation->step_ms = step_ms;
}

/**
 * gemel_invitation_serve_async:
 * @invitation: an invitation
 * @io: (transfer none): an accepted pairing connection
 * @cancellable: (nullable): gives up
 * @callback: called in the thread-default context of this call
 * @user_data: for @callback
 *
 * Lets somebody try to join. Several may be under way; at most one succeeds.
 *
 * Thread: the invitation's
 */
void
gemel_invitation_serve_async (GemelInvitation    *invitation,
                              GIOStream          *io,
                              GCancellable       *cancellable,
                              GAsyncReadyCallback callback,
                              gpointer            user_data)
{
  GTask               *task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GError)   error = NULL;
  GemelPairingSession *session;

  g_task_set_source_tag (task, gemel_invitation_serve_async);
  make_room (invitation);
  session = gemel_pairing_session_new (task, GEMEL_PAIRING_INVITER, invitation->pin,
                                       invitation->code.secret, invitation->node_uuid,
                                       invitation->node_name);
  session->invitation = invitation;
  session->step = on_step;
  session->ended = on_session_ended;
  g_ptr_array_add (invitation->sessions, session);
  if (!gemel_pairing_session_start (session, io, invitation->step_ms, &error))
    gemel_pairing_session_fail (session, g_steal_pointer (&error));
}

/**
 * gemel_invitation_serve_finish:
 * @invitation: not looked at; it may be gone
 * @result: of gemel_invitation_serve_async ()
 * @error: return location
 *
 * Returns: (transfer full): what this node now knows (slot 0, no address of the joiner).
 * Errors: GEMEL_ERROR_PAIRING_REFUSED (wrong, used or expired: count it with
 *   gemel_listener_note_pairing_refused ()), GEMEL_ERROR_TIMEOUT, GEMEL_ERROR_PROTOCOL,
 *   GEMEL_ERROR_PEER_UNAVAILABLE, GEMEL_ERROR_IDENTITY, GEMEL_ERROR_INCOMPATIBLE,
 *   GEMEL_ERROR_BUSY, G_IO_ERROR_CANCELLED
 * Thread: the invitation's
 */
GemelPairingResult *
gemel_invitation_serve_finish (GemelInvitation *invitation,
                               GAsyncResult    *result,
                               GError         **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}
