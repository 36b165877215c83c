/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What both sides of a pairing connection do alike: frames, time limits, the end. The order of the
 * steps and what is decided in them is in gemel-pairing-invite.c and gemel-pairing-join.c.
 */
#include "link/gemel-pairing-session.h"

#include "api/gemel-error.h"

#include <gnutls/gnutls.h>
#include <string.h>

#define FRAME_BYTES_MAX      256
#define NAME_BYTES_MAX       64
#define UUID_BYTES           16
#define PROTOCOL_VERSION     1
#define PROOF_FRAME_BYTES    (1 + GEMEL_PAIRING_PROOF_BYTES)
#define IDENTITY_FIXED_BYTES (2 * UUID_BYTES + 1)
#define INVITE_AGAIN \
  ": run 'gemelctl pair invite' on the master again, join with the new code"

/* What a person reads, on either side. */
static const char *const refusals[GEMEL_N_PAIRING_REFUSALS] = {
  [GEMEL_PAIRING_REFUSAL_WRONG] =
    "pairing code is wrong: copy the whole code that 'gemelctl pair invite' printed on the master",
  [GEMEL_PAIRING_REFUSAL_EXPIRED] = "pairing code expired" INVITE_AGAIN,
  [GEMEL_PAIRING_REFUSAL_USED] = "pairing code was used before" INVITE_AGAIN,
  [GEMEL_PAIRING_REFUSAL_TRIES] = "pairing code is void after too many wrong tries" INVITE_AGAIN,
  [GEMEL_PAIRING_REFUSAL_IDENTITY] =
    "both nodes have the same identity: one is a copy of the other's disk: remove "
    "the state folder of one, start it and pair again",
  [GEMEL_PAIRING_REFUSAL_BUSY] = "too many nodes join at once: try again in a few seconds",
  [GEMEL_PAIRING_REFUSAL_VERSION] =
    "the nodes pair in different ways: run the same version on both",
};

static GError *
refusal_error (guint reason)
{
  GemelError code = GEMEL_ERROR_PAIRING_REFUSED;

  if (reason >= GEMEL_N_PAIRING_REFUSALS || refusals[reason] == NULL)
    return g_error_new_literal (GEMEL_ERROR, code, "pairing was refused" INVITE_AGAIN);
  if (reason == GEMEL_PAIRING_REFUSAL_IDENTITY)
    code = GEMEL_ERROR_IDENTITY;
  if (reason == GEMEL_PAIRING_REFUSAL_VERSION)
    code = GEMEL_ERROR_INCOMPATIBLE;
  if (reason == GEMEL_PAIRING_REFUSAL_BUSY)
    code = GEMEL_ERROR_BUSY;
  return g_error_new_literal (GEMEL_ERROR, code, refusals[reason]);
}

static void
destroy_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* Returns what the task is to be given back; the session is gone. */
static GTask *
dismantle (GemelPairingSession *session,
           GemelPairingResult **ret_result)
{
  GTask *task = session->task;

  if (session->ended != NULL)
    session->ended (session);
  destroy_source (&session->timer);
  destroy_source (&session->cancel_source);
  if (session->stream != NULL)
    gemel_stream_close (session->stream);
  g_clear_pointer (&session->stream, gemel_stream_unref);
  gnutls_memset (session->secret, 0, sizeof session->secret);
  *ret_result = session->result;
  g_free (session->node_name);
  g_free (session);
  return task;
}

/**
 * gemel_pairing_session_fail:
 * @session: (transfer full): a session
 * @error: (transfer full): why
 *
 * Ends it and tells the task.
 *
 * Thread: the session's
 */
void
gemel_pairing_session_fail (GemelPairingSession *session,
                            GError              *error)
{
  g_autoptr (GemelPairingResult) result = NULL;
  g_autoptr (GTask)              task = dismantle (session, &result);

  g_task_return_error (task, error);
}

/**
 * gemel_pairing_session_succeed:
 * @session: (transfer full): a session whose result is complete
 *
 * Ends it, what was sent last goes out, and tells the task.
 *
 * Thread: the session's
 */
void
gemel_pairing_session_succeed (GemelPairingSession *session)
{
  GemelPairingResult *result = NULL;
  g_autoptr (GTask)   task = dismantle (session, &result);

  g_task_return_pointer (task, result, (GDestroyNotify) gemel_pairing_result_free);
}

/**
 * gemel_pairing_session_refuse:
 * @session: (transfer full): a session
 * @reason: why
 *
 * Tells the other side and ends the session with the same words here.
 *
 * Thread: the session's
 */
void
gemel_pairing_session_refuse (GemelPairingSession *session,
                              GemelPairingRefusal  reason)
{
  const guint8 body = (guint8) reason;

  gemel_stream_send (session->stream, GEMEL_PAIRING_FRAME_REFUSED, 0, &body, 1);
  gemel_pairing_session_fail (session, refusal_error (reason));
}

static gboolean
on_timer (gpointer data)
{
  gemel_pairing_session_fail (
    data, g_error_new_literal (
            GEMEL_ERROR, GEMEL_ERROR_TIMEOUT,
            "pairing was not finished: the other node did not answer in time" INVITE_AGAIN));
  return G_SOURCE_REMOVE;
}

static gboolean
on_cancelled (GCancellable *cancellable,
              gpointer      data)
{
  gemel_pairing_session_fail (
    data, g_error_new_literal (G_IO_ERROR, G_IO_ERROR_CANCELLED, "pairing was cancelled"));
  return G_SOURCE_REMOVE;
}

/**
 * gemel_pairing_session_expect:
 * @session: a session
 * @frame: what must come next, within the time of a step
 *
 * Thread: the session's
 */
void
gemel_pairing_session_expect (GemelPairingSession *session,
                              GemelPairingFrame    frame)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();

  session->expected = frame;
  destroy_source (&session->timer);
  session->timer = g_timeout_source_new (session->step_ms);
  g_source_set_callback (session->timer, on_timer, session, NULL);
  g_source_attach (session->timer, context);
}

static gboolean
on_frame (GemelStream  *stream,
          guint16       type,
          guint16       flags,
          const guint8 *body,
          gsize         size,
          gpointer      data,
          GError      **error)
{
  GemelPairingSession *session = data;

  if (type == GEMEL_PAIRING_FRAME_REFUSED && session->side == GEMEL_PAIRING_JOINER && size == 1)
    {
      gemel_pairing_session_fail (session, refusal_error (body[0]));
      return TRUE;
    }
  if (type != session->expected || flags != 0 ||
      (type == GEMEL_PAIRING_FRAME_PROOF && size != PROOF_FRAME_BYTES) ||
      (type == GEMEL_PAIRING_FRAME_CONFIRM && size != 0))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                   "the other side does not pair as it should (frame %u of %" G_GSIZE_FORMAT
                   " bytes)" INVITE_AGAIN,
                   type, size);
      return FALSE;
    }
  return session->step (session, body, size, error);
}

static void
on_closed (GemelStream  *stream,
           const GError *error,
           gpointer      data)
{
  GemelPairingSession *session = data;

  /* A master without a standing invitation closes without a word. */
  if (error != NULL && error->code != GEMEL_ERROR_PEER_UNAVAILABLE)
    gemel_pairing_session_fail (session, g_error_copy (error));
  else if (session->side == GEMEL_PAIRING_JOINER && !session->proven)
    gemel_pairing_session_fail (
      session,
      g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_PAIRING_REFUSED,
                           "the master does not wait for this code any more" INVITE_AGAIN));
  else
    gemel_pairing_session_fail (
      session, g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_PEER_UNAVAILABLE,
                                    "pairing was not finished: the connection broke" INVITE_AGAIN));
}

static const GemelStreamCallbacks stream_callbacks = { on_frame, on_closed, NULL };

/**
 * gemel_pairing_session_new:
 * @task: (transfer full): told at the end; its cancellable ends the session
 * @side: of this node
 * @own_pin: of this node
 * @secret: of the code
 * @node_uuid: of this node
 * @node_name: of this node
 *
 * Returns: (transfer full): a session that waits for its connection.
 * Thread: that of the task
 */
GemelPairingSession *
gemel_pairing_session_new (GTask           *task,
                           GemelPairingSide side,
                           const guint8     own_pin[GEMEL_PIN_BYTES],
                           const guint8     secret[GEMEL_PAIRING_SECRET_BYTES],
                           const guint8     node_uuid[16],
                           const char      *node_name)
{
  GemelPairingSession *session = g_new0 (GemelPairingSession, 1);

  session->task = task;
  session->side = side;
  session->step_ms = GEMEL_PAIRING_STEP_MS;
  memcpy (session->own_pin, own_pin, sizeof session->own_pin);
  memcpy (session->secret, secret, sizeof session->secret);
  memcpy (session->node_uuid, node_uuid, sizeof session->node_uuid);
  session->node_name = g_strdup (node_name);
  session->result = g_new0 (GemelPairingResult, 1);
  return session;
}

/**
 * gemel_pairing_session_start:
 * @session: a session
 * @io: a TLS connection after its handshake
 * @step_ms: how long each frame may take
 * @error: return location
 *
 * Begins; the joiner's proof is what is expected first.
 *
 * Returns: whether it runs; if not the caller ends it with @error.
 * Errors: GEMEL_ERROR_IDENTITY when the other side's certificate cannot be read
 * Thread: the session's
 */
gboolean
gemel_pairing_session_start (GemelPairingSession *session,
                             GIOStream           *io,
                             guint                step_ms,
                             GError             **error)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  GCancellable            *cancellable = g_task_get_cancellable (session->task);
  GTlsCertificate         *certificate = NULL;

  session->step_ms = step_ms;
  session->stream = gemel_stream_new (io, FRAME_BYTES_MAX, &stream_callbacks, session);
  if (G_IS_TLS_CONNECTION (io))
    certificate = g_tls_connection_get_peer_certificate (G_TLS_CONNECTION (io));
  if (certificate == NULL)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                           "the other side has no certificate");
      return FALSE;
    }
  session->tls = G_TLS_CONNECTION (io);
  if (!gemel_pin_of_certificate (certificate, session->result->peer_pin, error))
    return FALSE;
  if (cancellable != NULL)
    {
      session->cancel_source = g_cancellable_source_new (cancellable);
      g_source_set_callback (session->cancel_source, G_SOURCE_FUNC (on_cancelled), session, NULL);
      g_source_attach (session->cancel_source, context);
    }
  gemel_pairing_session_expect (session, GEMEL_PAIRING_FRAME_PROOF);
  gemel_stream_start (session->stream);
  return TRUE;
}

static gboolean
make_proof (GemelPairingSession *session,
            GemelPairingSide     side,
            guint8               ret_proof[GEMEL_PAIRING_PROOF_BYTES],
            GError             **error)
{
  const guint8 *peer_pin = session->result->peer_pin;
  gboolean      joins = session->side == GEMEL_PAIRING_JOINER;

  return gemel_pairing_proof_make (session->tls, session->secret, side,
                                   joins ? session->own_pin : peer_pin,
                                   joins ? peer_pin : session->own_pin, ret_proof, error);
}

/**
 * gemel_pairing_session_send_proof:
 * @session: a session that runs
 * @error: return location
 *
 * Returns: whether this side's proof was sent.
 * Errors: GEMEL_ERROR_FAILED
 * Thread: the session's
 */
gboolean
gemel_pairing_session_send_proof (GemelPairingSession *session,
                                  GError             **error)
{
  guint8 body[PROOF_FRAME_BYTES] = { PROTOCOL_VERSION };

  if (!make_proof (session, session->side, body + 1, error))
    return FALSE;
  gemel_stream_send (session->stream, GEMEL_PAIRING_FRAME_PROOF, 0, body, sizeof body);
  return TRUE;
}

/**
 * gemel_pairing_session_check_proof:
 * @session: a session that runs
 * @body: a PROOF frame, of the right size
 * @ret_right: (out): whether the other side has the secret
 * @error: return location
 *
 * Returns: whether it could be checked.
 * Errors: GEMEL_ERROR_INCOMPATIBLE, GEMEL_ERROR_FAILED
 * Thread: the session's
 */
gboolean
gemel_pairing_session_check_proof (GemelPairingSession *session,
                                   const guint8        *body,
                                   gboolean            *ret_right,
                                   GError             **error)
{
  guint8           proof[GEMEL_PAIRING_PROOF_BYTES];
  GemelPairingSide other =
    session->side == GEMEL_PAIRING_JOINER ? GEMEL_PAIRING_INVITER : GEMEL_PAIRING_JOINER;

  if (body[0] != PROTOCOL_VERSION)
    {
      g_propagate_error (error, refusal_error (GEMEL_PAIRING_REFUSAL_VERSION));
      return FALSE;
    }
  if (!make_proof (session, other, proof, error))
    return FALSE;
  session->proven = gemel_pairing_proof_equal (proof, body + 1);
  *ret_right = session->proven;
  return TRUE;
}

/**
 * gemel_pairing_session_send_identity:
 * @session: a session that runs
 * @slot: of the receiver; 0 from the joiner
 *
 * Sends who this node is, and the pair's uuid as far as it is known here.
 *
 * Thread: the session's
 */
void
gemel_pairing_session_send_identity (GemelPairingSession *session,
                                     guint                slot)
{
  guint8 fixed[IDENTITY_FIXED_BYTES];

  memcpy (fixed, session->node_uuid, UUID_BYTES);
  memcpy (fixed + UUID_BYTES, session->result->pair_uuid, UUID_BYTES);
  fixed[2 * UUID_BYTES] = (guint8) slot;
  gemel_stream_send_parts (session->stream, GEMEL_PAIRING_FRAME_IDENTITY, 0, fixed, sizeof fixed,
                           session->node_name, strlen (session->node_name));
}

/**
 * gemel_pairing_name_is_good:
 * @name: what should be a node's name, not necessarily ending in a zero byte
 * @size: in bytes
 *
 * Returns: whether it is 1 to 64 bytes of UTF-8 without control characters.
 * Thread: any
 */
gboolean
gemel_pairing_name_is_good (const char *name,
                            gsize       size)
{
  const char *at;

  if (size == 0 || size > NAME_BYTES_MAX || !g_utf8_validate_len (name, size, NULL))
    return FALSE;
  for (at = name; at < name + size; at = g_utf8_next_char (at))
    if (g_unichar_iscntrl (g_utf8_get_char (at)))
      return FALSE;
  return TRUE;
}

/**
 * gemel_pairing_session_take_identity:
 * @session: a session that runs
 * @body: an IDENTITY frame
 * @size: in bytes
 * @error: return location
 *
 * Puts the other node's uuid and name into the result; at the joiner pair uuid and slot too.
 *
 * Returns: whether it makes sense.
 * Errors: GEMEL_ERROR_PROTOCOL; GEMEL_ERROR_IDENTITY when it is this node's own
 * Thread: the session's
 */
gboolean
gemel_pairing_session_take_identity (GemelPairingSession *session,
                                     const guint8        *body,
                                     gsize                size,
                                     GError             **error)
{
  const char *name = (const char *) body + IDENTITY_FIXED_BYTES;

  if (size <= IDENTITY_FIXED_BYTES ||
      !gemel_pairing_name_is_good (name, size - IDENTITY_FIXED_BYTES) ||
      body[2 * UUID_BYTES] != (session->side == GEMEL_PAIRING_JOINER ? 1 : 0))
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                           "the other node's identity makes no sense" INVITE_AGAIN);
      return FALSE;
    }
  if (memcmp (body, session->node_uuid, UUID_BYTES) == 0)
    {
      g_propagate_error (error, refusal_error (GEMEL_PAIRING_REFUSAL_IDENTITY));
      return FALSE;
    }
  memcpy (session->result->peer_uuid, body, UUID_BYTES);
  g_free (session->result->peer_name);
  session->result->peer_name = g_strndup (name, size - IDENTITY_FIXED_BYTES);
  if (session->side == GEMEL_PAIRING_JOINER)
    {
      memcpy (session->result->pair_uuid, body + UUID_BYTES, UUID_BYTES);
      session->result->slot = body[2 * UUID_BYTES];
    }
  return TRUE;
}

/**
 * gemel_pairing_result_free:
 * @result: (transfer full) (nullable): a result
 *
 * Thread: any
 */
void
gemel_pairing_result_free (GemelPairingResult *result)
{
  if (result == NULL)
    return;
  g_free (result->peer_name);
  g_free (result->peer_address);
  g_free (result);
}
