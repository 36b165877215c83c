/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The link thread and its peer: dialling with back-off, greetings, the one session that stands,
 * and what is heard on either path.
 *
 * The backup dials. A connection greets first; the first one that is confirmed becomes the session,
 * and a newer one takes the place of an older one, since a peer that comes anew has left the old.
 */
#include "link/gemel-link-private.h"

#include "api/gemel-error.h"

#include <gnutls/crypto.h>
#include <string.h>

#define DIAL_TIMEOUT_MS 5000
#define STATUS_MS       1000

static void dial (GemelLink *link);

static gboolean
may_have_peer (const GemelLink *link)
{
  return link->options.paired && link->core.settings.role != GEMEL_ROLE_INDEPENDENT &&
         !link->exiting;
}

/* ---- dialling ---- */

static gboolean
on_dial_timer (gpointer user_data)
{
  GemelLink *link = user_data;

  gemel_link_clear_source (&link->dial_timer);
  dial (link);
  return G_SOURCE_REMOVE;
}

static void
dial_later (GemelLink *link,
            guint      delay_ms)
{
  gemel_link_clear_source (&link->dial_timer);
  if (!may_have_peer (link) || link->core.settings.role != GEMEL_ROLE_BACKUP ||
      link->options.peer_host_and_port == NULL)
    return;
  link->dial_timer = g_timeout_source_new (delay_ms);
  g_source_set_callback (link->dial_timer, on_dial_timer, link, NULL);
  g_source_attach (link->dial_timer, link->context);
}

/* Half to the whole of a delay that doubles, so that many nodes do not come back at once. */
static void
dial_after_backoff (GemelLink *link)
{
  guint delay_ms = link->backoff_ms / 2 +
                   (guint) g_random_int_range (0, (gint) (link->backoff_ms / 2 + 1));

  link->backoff_ms = MIN (link->backoff_ms * 2, link->options.reconnect_ms_max);
  dial_later (link, delay_ms);
}

/* Two refusals in a row, half a heartbeat apart: a hint that the peer's process is gone. */
static void
on_dial_failed (GemelLink *link,
                gboolean   refused)
{
  g_mutex_lock (&link->lock);
  link->counters.connect_failures++;
  g_mutex_unlock (&link->lock);
  link->n_refused = refused ? link->n_refused + 1 : 0;
  if (link->n_refused == 1)
    {
      dial_later (link, (guint) MAX (1, link->core.settings.heartbeat_interval_us / 2000));
      return;
    }
  if (link->n_refused == 2)
    gemel_link_step_simple (link, GEMEL_INPUT_REFUSED);
  dial_after_backoff (link);
}

static void
on_dialled (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  GemelLink            *link = user_data;
  g_autoptr (GError)    error = NULL;
  g_autoptr (GIOStream) io = gemel_dial_finish (result, &error);
  gboolean              current = link->dial_cancellable != NULL &&
                     link->dial_cancellable == g_task_get_cancellable (G_TASK (result));

  link->n_dials--;
  if (!current)
    {
      if (io != NULL)
        g_io_stream_close_async (io, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
      return;
    }
  g_clear_object (&link->dial_cancellable);
  if (io != NULL)
    {
      gemel_link_greet (link, g_steal_pointer (&io), TRUE);
      return;
    }
  if (g_error_matches (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY))
    gemel_link_alarm (link, GEMEL_LINK_ALARM_REFUSED, GEMEL_EVENT_PEER_REFUSED, error->message);
  on_dial_failed (link, gemel_dial_was_refused (result));
}

static void
dial (GemelLink *link)
{
  if (link->dial_cancellable != NULL || link->session != NULL || link->greetings->len > 0)
    return;
  link->dial_cancellable = g_cancellable_new ();
  link->n_dials++;
  gemel_dial_async (link->options.keys, link->options.peer_host_and_port, link->options.peer_pin,
                    GEMEL_CHANNEL_CONTROL, DIAL_TIMEOUT_MS, link->dial_cancellable, on_dialled,
                    link);
}

/**
 * gemel_link_begin_dialling:
 * @link: the link
 *
 * If this is the backup's part; without delay and with the back-off at its start.
 * Thread: link
 */
void
gemel_link_begin_dialling (GemelLink *link)
{
  link->backoff_ms = link->options.reconnect_ms_min;
  link->n_refused = 0;
  dial_later (link, 0);
}

/* ---- what is heard ---- */

static void
on_message (GemelLink          *link,
            const GemelMessage *m,
            gboolean            hears_datagrams)
{
  GemelInput input = { .type = GEMEL_INPUT_MESSAGE, .u.message = *m };
  gboolean   newer = m->nonce != link->last_nonce || m->ts_us > link->last_ts_us;

  /* While the path is being tried, a beat comes by both; and a late one has nothing to say. */
  if (m->kind == GEMEL_MESSAGE_BEAT && !newer)
    return;
  if (newer)
    {
      link->last_nonce = m->nonce;
      link->last_ts_us = m->ts_us;
      link->peer_hears_us = hears_datagrams ? gemel_link_boot_us () : 0;
    }
  gemel_link_step (link, &input);
}

static void
on_beat (const GemelMessage *m,
         gboolean            hears_datagrams,
         gpointer            user_data)
{
  GemelLink *link = user_data;

  link->heard_datagram_us = gemel_link_boot_us ();
  on_message (link, m, hears_datagrams);
}

static void
on_death (guint64  term,
          gpointer user_data)
{
  GemelInput input = { .type = GEMEL_INPUT_DEATH_NOTICE, .u.term = term };

  gemel_link_step (user_data, &input);
}

const GemelHeartbeatCallbacks gemel_link_heartbeat_callbacks = {
  .beat = on_beat,
  .death = on_death,
};

static void
on_session_message (GemelSession       *session,
                    const GemelMessage *m,
                    gboolean            hears_datagrams,
                    gpointer            user_data)
{
  GemelLink *link = user_data;

  if (session == link->session)
    on_message (link, m, hears_datagrams);
}

static void
on_session_status (GemelSession          *session,
                   const GemelPeerStatus *status,
                   gpointer               user_data)
{
  GemelLink *link = user_data;

  if (session == link->session)
    link->port->peer_status (status, link->user_data);
}

/* ---- the session ---- */

/**
 * gemel_link_send_status:
 * @link: the link
 *
 * Tells the peer how this node is, if there is a session and something to tell.
 * Thread: link
 */
void
gemel_link_send_status (GemelLink *link)
{
  if (link->session != NULL && link->own_status != NULL)
    gemel_session_send_status (link->session, link->own_status);
}

static gboolean
on_status_timer (gpointer user_data)
{
  gemel_link_send_status (user_data);
  return G_SOURCE_CONTINUE;
}

/* The session is over: taken out of the link before anybody is told. */
static void
end_session (GemelLink  *link,
             const char *why)
{
  GemelSession *session = g_steal_pointer (&link->session);
  guint64       sent, received;

  if (session == NULL)
    return;
  gemel_link_clear_source (&link->status_timer);
  gemel_session_get_frames (session, &sent, &received);
  link->frames_sent += sent;
  link->frames_received += received;
  gemel_session_free (session);
  gemel_heartbeat_end (link->heartbeat, gemel_link_boot_us ());
  link->heard_datagram_us = 0;
  link->peer_hears_us = 0;
  gemel_link_report (link, GEMEL_EVENT_LINK_DOWN, why);
  link->port->session (FALSE, NULL, link->user_data);
  link->port->peer_status (NULL, link->user_data);
  gemel_link_step_simple (link, GEMEL_INPUT_LINK_DOWN);
}

static void
on_session_up (GemelSession *session,
               gpointer      user_data)
{
  GemelLink                     *link = user_data;
  g_autoptr (GInetSocketAddress) address = gemel_session_dup_peer_address (session);
  g_autofree char               *text = NULL;
  guint                          index;

  if (g_ptr_array_find (link->greetings, session, &index))
    (void) g_ptr_array_steal_index_fast (link->greetings, index);
  end_session (link, "the peer connected anew");
  link->session = session;
  link->n_refused = 0;
  link->backoff_ms = link->options.reconnect_ms_min;
  link->last_nonce = 0;
  gemel_heartbeat_begin (link->heartbeat, gemel_session_get_own_hello (session),
                         gemel_session_get_peer_hello (session), address);
  if (address != NULL)
    text = g_inet_address_to_string (g_inet_socket_address_get_address (address));
  g_mutex_lock (&link->lock);
  link->counters.connects++;
  g_mutex_unlock (&link->lock);
  link->status_timer = g_timeout_source_new (STATUS_MS);
  g_source_set_callback (link->status_timer, on_status_timer, link, NULL);
  g_source_attach (link->status_timer, link->context);
  gemel_link_report (link, GEMEL_EVENT_LINK_UP, text);
  gemel_link_step_simple (link, GEMEL_INPUT_LINK_UP);
  link->port->session (TRUE, text, link->user_data);
  gemel_link_send_status (link);
}

static void
report_refusal (GemelLink    *link,
                GemelVerdict  verdict,
                const GError *error)
{
  gboolean clash = verdict == GEMEL_VERDICT_CLASH;

  if (verdict == GEMEL_VERDICT_WELCOME)
    return;
  gemel_link_alarm (link, clash ? GEMEL_LINK_ALARM_CLASH : GEMEL_LINK_ALARM_REFUSED,
                    clash ? GEMEL_EVENT_IDENTITY_CLASH : GEMEL_EVENT_PEER_REFUSED, error->message);
}

static void
on_session_ended (GemelSession *session,
                  const GError *error,
                  gpointer      user_data)
{
  GemelLink *link = user_data;
  gboolean   dialled = gemel_session_was_dialled (session);

  if (g_error_matches (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL))
    {
      g_mutex_lock (&link->lock);
      link->counters.frames_bad++;
      g_mutex_unlock (&link->lock);
    }
  if (session == link->session)
    {
      end_session (link, error != NULL ? error->message : "the peer closed the connection");
      if (dialled)
        gemel_link_begin_dialling (link);
      return;
    }
  report_refusal (link, gemel_session_get_verdict (session), error);
  (void) g_ptr_array_remove_fast (link->greetings, session);
  if (dialled)
    on_dial_failed (link, FALSE);
}

static const GemelSessionCallbacks session_callbacks = {
  .up = on_session_up,
  .message = on_session_message,
  .status = on_session_status,
  .ended = on_session_ended,
};

static gboolean
make_hello (GemelLink  *link,
            GemelHello *ret_hello)
{
  GemelHello hello = {
    .core_min = GEMEL_WIRE_CORE_VERSION,
    .core_max = GEMEL_WIRE_CORE_VERSION,
    .proto_min = GEMEL_WIRE_PROTO_VERSION,
    .proto_max = GEMEL_WIRE_PROTO_VERSION,
    .version = GEMEL_VERSION,
    .slot = link->core.settings.slot,
    .role = link->core.settings.role,
    .udp_port = gemel_heartbeat_get_port (link->heartbeat),
  };

  memcpy (hello.pair_uuid, link->options.pair_uuid, sizeof hello.pair_uuid);
  memcpy (hello.node_uuid, link->options.node_uuid, sizeof hello.node_uuid);
  if (gnutls_rnd (GNUTLS_RND_KEY, hello.heartbeat_key, sizeof hello.heartbeat_key) != 0 ||
      gnutls_rnd (GNUTLS_RND_KEY, hello.notice_key, sizeof hello.notice_key) != 0 ||
      gnutls_rnd (GNUTLS_RND_RANDOM, &hello.session, sizeof hello.session) != 0)
    return FALSE;
  hello.session |= 1; /* 0 is no session */
  *ret_hello = hello;
  explicit_bzero (&hello, sizeof hello);
  return TRUE;
}

/**
 * gemel_link_greet:
 * @link: the link
 * @io: (transfer full): a connection to the pinned peer
 * @dialled: whether this node dialled it
 *
 * Begins the greeting. At most %GEMEL_GREETINGS_MAX are under way; the oldest gives way.
 * Thread: link
 */
void
gemel_link_greet (GemelLink *link,
                  GIOStream *io,
                  gboolean   dialled)
{
  GemelHello hello;

  if (!may_have_peer (link) || !make_hello (link, &hello))
    {
      g_io_stream_close_async (io, G_PRIORITY_DEFAULT, NULL, NULL, NULL);
      g_object_unref (io);
      return;
    }
  if (link->greetings->len == GEMEL_GREETINGS_MAX)
    (void) g_ptr_array_remove_index (link->greetings, 0);
  g_ptr_array_add (link->greetings, gemel_session_new (io, dialled, &hello, link->options.peer_uuid,
                                                       &session_callbacks, link));
  explicit_bzero (&hello, sizeof hello);
}

/**
 * gemel_link_drop_peer:
 * @link: the link
 *
 * Ends the session, the greetings and the dial.
 * Thread: link
 */
void
gemel_link_drop_peer (GemelLink *link)
{
  gemel_link_clear_source (&link->dial_timer);
  if (link->dial_cancellable != NULL)
    g_cancellable_cancel (link->dial_cancellable);
  g_clear_object (&link->dial_cancellable);
  g_ptr_array_set_size (link->greetings, 0);
  end_session (link, "this node ended it");
}
