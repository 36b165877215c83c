/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One control connection (model: gemel-session.h). Decides whether the peer is welcome, and hands
 * on what it says; what that means, the core knows.
 */
#include "link/gemel-session.h"

#include "api/gemel-error.h"

#include <string.h>

#define CONTROL_FRAME_BYTES_MAX (GEMEL_WIRE_JSON_BYTES_MAX + 4096)

typedef enum
{
  SESSION_GREETING,
  SESSION_CONFIRMING,
  SESSION_UP,
} SessionState;

struct _GemelSession
{
  GemelStream                 *stream;
  const GemelSessionCallbacks *callbacks;
  gpointer                     user_data;
  SessionState                 state;
  gboolean                     dialled;
  GemelVerdict                 verdict;
  GemelHello                   own;
  GemelHello                   peer;
  GBytes                      *own_bytes; /* HELLO as sent */
  guint8                       peer_uuid[16];
  guint8                       confirm[GEMEL_CONFIRM_BYTES]; /* expected; set when CONFIRMING */
  GSource                     *deadline;                     /* (nullable): until UP */
  guint64                      frames_sent;
  guint64                      frames_received;
};

static void
send_frame (GemelSession *session,
            guint16       type,
            GBytes       *body)
{
  gsize         size;
  gconstpointer data = g_bytes_get_data (body, &size);

  session->frames_sent++;
  gemel_stream_send (session->stream, type, 0, data, size);
}

static void
clear_deadline (GemelSession *session)
{
  if (session->deadline == NULL)
    return;
  g_source_destroy (session->deadline);
  g_clear_pointer (&session->deadline, g_source_unref);
}

static gboolean
protocol_error (GError    **error,
                const char *text)
{
  g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, text);
  return FALSE;
}

static void
compute_confirm (GemelSession *session,
                 const guint8 *peer_bytes,
                 gsize         peer_size)
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize                 own_size, n = sizeof session->confirm;
  const guint8         *own_bytes = g_bytes_get_data (session->own_bytes, &own_size);

  if (session->dialled)
    g_checksum_update (sum, own_bytes, (gssize) own_size);
  g_checksum_update (sum, peer_bytes, (gssize) peer_size);
  if (!session->dialled)
    g_checksum_update (sum, own_bytes, (gssize) own_size);
  g_checksum_get_digest (sum, session->confirm, &n);
}

static gboolean
on_hello (GemelSession *session,
          const guint8 *body,
          gsize         size,
          GError      **error)
{
  if (!gemel_wire_decode_hello (body, size, &session->peer, error))
    return FALSE;
  session->verdict = gemel_hello_judge (&session->own, &session->peer, session->peer_uuid, error);
  if (session->verdict != GEMEL_VERDICT_WELCOME)
    return FALSE;
  compute_confirm (session, body, size);
  session->state = SESSION_CONFIRMING;
  session->frames_sent++;
  gemel_stream_send (session->stream, GEMEL_FRAME_CONFIRM, 0, session->confirm,
                     sizeof session->confirm);
  return TRUE;
}

static gboolean
on_confirm (GemelSession *session,
            const guint8 *body,
            gsize         size,
            GError      **error)
{
  if (size != sizeof session->confirm || memcmp (body, session->confirm, size) != 0)
    return protocol_error (error, "the two nodes did not see the same greeting");
  clear_deadline (session);
  session->state = SESSION_UP;
  session->callbacks->up (session, session->user_data);
  return TRUE;
}

static gboolean
on_frame_when_up (GemelSession *session,
                  guint16       type,
                  const guint8 *body,
                  gsize         size,
                  GError      **error)
{
  GemelMessage m;
  gboolean     hears;

  if (type == GEMEL_FRAME_STATUS)
    {
      GemelPeerStatus *status = gemel_wire_decode_status (body, size, error);

      if (status == NULL)
        return FALSE;
      session->callbacks->status (session, status, session->user_data);
      gemel_peer_status_free (status);
      return TRUE;
    }
  if (type <= GEMEL_FRAME_MESSAGE)
    return protocol_error (error, "a frame of an unknown type came");
  if (!gemel_wire_decode_message ((GemelMessageKind) (type - GEMEL_FRAME_MESSAGE), body, size, &m,
                                  &hears, error))
    return FALSE;
  session->callbacks->message (session, &m, hears, session->user_data);
  return TRUE;
}

static gboolean
on_frame (GemelStream  *stream,
          guint16       type,
          guint16       flags,
          const guint8 *body,
          gsize         size,
          gpointer      user_data,
          GError      **error)
{
  GemelSession *session = user_data;

  session->frames_received++;
  switch (session->state)
    {
    case SESSION_GREETING:
      if (type != GEMEL_FRAME_HELLO)
        return protocol_error (error, "the other node did not begin with HELLO");
      return on_hello (session, body, size, error);
    case SESSION_CONFIRMING:
      if (type != GEMEL_FRAME_CONFIRM)
        return protocol_error (error, "the other node did not confirm the greeting");
      return on_confirm (session, body, size, error);
    case SESSION_UP:
      return on_frame_when_up (session, type, body, size, error);
    }
  return FALSE;
}

static void
on_closed (GemelStream  *stream,
           const GError *error,
           gpointer      user_data)
{
  GemelSession *session = user_data;

  session->callbacks->ended (session, error, session->user_data);
}

static const GemelStreamCallbacks stream_callbacks = {
  .frame = on_frame,
  .closed = on_closed,
};

static gboolean
on_deadline (gpointer user_data)
{
  GemelSession      *session = user_data;
  g_autoptr (GError) error = g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_TIMEOUT,
                                                  "the other node accepted the connection but did "
                                                  "not greet: see its log");

  clear_deadline (session);
  session->callbacks->ended (session, error, session->user_data);
  return G_SOURCE_REMOVE;
}

/**
 * gemel_session_new:
 * @io: (transfer full): a connection whose pin was checked
 * @dialled: whether this node dialled it
 * @own: what to say of this node, with keys of this session alone
 * @peer_uuid: of the paired node
 * @callbacks: (static): called in the thread-default context of this call
 * @user_data: for @callbacks
 *
 * Sends HELLO and begins to read.
 *
 * Returns: (transfer full): a greeting session.
 * Thread: one with a main context, which all later calls use
 */
GemelSession *
gemel_session_new (GIOStream                   *io,
                   gboolean                     dialled,
                   const GemelHello            *own,
                   const guint8                 peer_uuid[16],
                   const GemelSessionCallbacks *callbacks,
                   gpointer                     user_data)
{
  g_autoptr (GMainContext) context = g_main_context_ref_thread_default ();
  g_autoptr (GIOStream)    owned = io;
  GemelSession            *session = g_new0 (GemelSession, 1);

  session->callbacks = callbacks;
  session->user_data = user_data;
  session->dialled = dialled;
  session->own = *own;
  session->own_bytes = gemel_wire_encode_hello (own);
  memcpy (session->peer_uuid, peer_uuid, sizeof session->peer_uuid);
  session->stream = gemel_stream_new (owned, CONTROL_FRAME_BYTES_MAX, &stream_callbacks, session);
  session->deadline = g_timeout_source_new (GEMEL_GREETING_MS);
  g_source_set_callback (session->deadline, on_deadline, session, NULL);
  g_source_attach (session->deadline, context);
  gemel_stream_start (session->stream);
  send_frame (session, GEMEL_FRAME_HELLO, session->own_bytes);
  return session;
}

/**
 * gemel_session_free:
 * @session: to end; what is queued is still flushed
 *
 * No call-back follows.
 * Thread: the session's
 */
void
gemel_session_free (GemelSession *session)
{
  clear_deadline (session);
  gemel_stream_close (session->stream);
  gemel_stream_unref (session->stream);
  g_bytes_unref (session->own_bytes);
  explicit_bzero (session, sizeof *session);
  g_free (session);
}

/**
 * gemel_session_is_up:
 * @session: the session
 *
 * Returns: whether the greeting is over.
 * Thread: the session's
 */
gboolean
gemel_session_is_up (const GemelSession *session)
{
  return session->state == SESSION_UP;
}

/**
 * gemel_session_was_dialled:
 * @session: the session
 *
 * Returns: whether this node dialled.
 * Thread: the session's
 */
gboolean
gemel_session_was_dialled (const GemelSession *session)
{
  return session->dialled;
}

/**
 * gemel_session_get_verdict:
 * @session: the session
 *
 * Returns: what this node thought of the peer's HELLO; WELCOME as long as none came.
 * Thread: the session's
 */
GemelVerdict
gemel_session_get_verdict (const GemelSession *session)
{
  return session->verdict;
}

/**
 * gemel_session_get_own_hello:
 * @session: the session
 *
 * Returns: (transfer none): what this node said.
 * Thread: the session's
 */
const GemelHello *
gemel_session_get_own_hello (const GemelSession *session)
{
  return &session->own;
}

/**
 * gemel_session_get_peer_hello:
 * @session: a session that is up
 *
 * Returns: (transfer none): what the peer said.
 * Thread: the session's
 */
const GemelHello *
gemel_session_get_peer_hello (const GemelSession *session)
{
  return &session->peer;
}

/**
 * gemel_session_get_io:
 * @session: the session
 *
 * Returns: (transfer none): its connection.
 * Thread: the session's
 */
GIOStream *
gemel_session_get_io (const GemelSession *session)
{
  return gemel_stream_get_io (session->stream);
}

/**
 * gemel_session_dup_peer_address:
 * @session: the session
 *
 * Returns: (transfer full) (nullable): where the connection comes from or goes to.
 * Thread: the session's
 */
GInetSocketAddress *
gemel_session_dup_peer_address (const GemelSession *session)
{
  GIOStream            *io = gemel_session_get_io (session);
  g_autoptr (GIOStream) base = NULL;
  GSocketAddress       *address = NULL;

  if (G_IS_TLS_CONNECTION (io))
    g_object_get (io, "base-io-stream", &base, NULL);
  else
    base = g_object_ref (io);
  if (G_IS_SOCKET_CONNECTION (base))
    address = g_socket_connection_get_remote_address (G_SOCKET_CONNECTION (base), NULL);
  if (address != NULL && !G_IS_INET_SOCKET_ADDRESS (address))
    g_clear_object (&address);
  return (GInetSocketAddress *) address;
}

/**
 * gemel_session_send_message:
 * @session: a session that is up
 * @kind: of the message
 * @body: by gemel_wire_encode_message ()
 * Thread: the session's
 */
void
gemel_session_send_message (GemelSession    *session,
                            GemelMessageKind kind,
                            GBytes          *body)
{
  send_frame (session, (guint16) (GEMEL_FRAME_MESSAGE + kind), body);
}

/**
 * gemel_session_send_status:
 * @session: a session that is up
 * @status: of this node
 * Thread: the session's
 */
void
gemel_session_send_status (GemelSession          *session,
                           const GemelPeerStatus *status)
{
  g_autoptr (GBytes) body = gemel_wire_encode_status (status);

  send_frame (session, GEMEL_FRAME_STATUS, body);
}

/**
 * gemel_session_get_frames:
 * @session: the session
 * @ret_sent: (out): since its start
 * @ret_received: (out): since its start
 * Thread: the session's
 */
void
gemel_session_get_frames (const GemelSession *session,
                          guint64            *ret_sent,
                          guint64            *ret_received)
{
  *ret_sent = session->frames_sent;
  *ret_received = session->frames_received;
}
