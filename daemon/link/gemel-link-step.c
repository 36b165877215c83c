/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One step of the core in the link thread: the input gets its time, the actions are carried out in
 * their order, the view is published before anything is sent, and the guard's orders follow.
 */
#include "link/gemel-link-private.h"

#include "link/gemel-guard-wire.h"

#include <string.h>
#include <sys/timerfd.h>

#define ALARM_PAUSE_US (60 * G_USEC_PER_SEC)

/* How long one datagram shows that the path works. */
static gint64
datagram_window_us (const GemelLink *link)
{
  return 3 * link->core.settings.heartbeat_interval_us + link->core.settings.rtt_budget_us;
}

/**
 * gemel_link_hears_datagrams:
 * @link: the link
 *
 * Returns: whether the peer's datagrams reach this node.
 * Thread: link
 */
gboolean
gemel_link_hears_datagrams (const GemelLink *link)
{
  return link->heard_datagram_us != 0 &&
         gemel_link_boot_us () - link->heard_datagram_us <= datagram_window_us (link);
}

/**
 * gemel_link_datagrams_work:
 * @link: the link
 *
 * Returns: whether datagrams go both ways, as far as both nodes know.
 * Thread: link
 */
gboolean
gemel_link_datagrams_work (const GemelLink *link)
{
  return gemel_link_hears_datagrams (link) && link->peer_hears_us != 0 &&
         gemel_link_boot_us () - link->peer_hears_us <= datagram_window_us (link);
}

/**
 * gemel_link_report:
 * @link: the link
 * @code: what happened
 * @text: (nullable): in words
 * Thread: link
 */
void
gemel_link_report (GemelLink     *link,
                   GemelEventCode code,
                   const char    *text)
{
  link->port->event (code, GEMEL_CAUSE_NONE, link->core.stable.term, 0, 0, text, link->user_data);
}

/**
 * gemel_link_alarm:
 * @link: the link
 * @alarm: which one, for the limit of one a minute
 * @code: what happened
 * @text: in words
 * Thread: link
 */
void
gemel_link_alarm (GemelLink     *link,
                  GemelLinkAlarm alarm,
                  GemelEventCode code,
                  const char    *text)
{
  gint64 now_us = gemel_link_boot_us ();

  if (link->alarm_us[alarm] != 0 && now_us - link->alarm_us[alarm] < ALARM_PAUSE_US)
    return;
  link->alarm_us[alarm] = now_us;
  gemel_link_report (link, code, text);
}

/* ---- the view ---- */

/* What changes at every step and is no news. */
static void
remove_noise (GemelView *view)
{
  view->acts_until_us = view->acts_until_us != 0;
  view->peer_heard_us = 0;
  view->rtt_us = 0;
  view->wall_offset_us = 0;
  view->wall_error_us = 0;
  memset (&view->counters, 0, sizeof view->counters);
}

static gboolean
is_news (const GemelView *before,
         const GemelView *now)
{
  GemelView a = *before;
  GemelView b = *now;

  remove_noise (&a);
  remove_noise (&b);
  return memcmp (&a, &b, sizeof a) != 0;
}

static void
publish_view (GemelLink *link,
              gint64     now_us)
{
  GemelView view;

  gemel_core_get_view (&link->core, &view);
  g_mutex_lock (&link->lock);
  link->view = view;
  g_mutex_unlock (&link->lock);
  if (!is_news (&link->told_view, &view) &&
      now_us - link->told_us < link->core.settings.heartbeat_interval_us)
    return;
  link->told_view = view;
  link->told_us = now_us;
  link->port->view (&view, link->user_data);
}

/**
 * gemel_link_publish_counters:
 * @link: the link
 *
 * Collects what the parts counted where any thread can see it.
 * Thread: link
 */
void
gemel_link_publish_counters (GemelLink *link)
{
  GemelHeartbeatCounters datagrams;
  guint64                sent = 0, received = 0;

  gemel_heartbeat_get_counters (link->heartbeat, &datagrams);
  if (link->session != NULL)
    gemel_session_get_frames (link->session, &sent, &received);
  g_mutex_lock (&link->lock);
  link->counters.datagrams_sent = datagrams.sent;
  link->counters.datagrams_received = datagrams.received;
  link->counters.datagrams_bad = datagrams.bad;
  link->counters.frames_sent = link->frames_sent + sent;
  link->counters.frames_received = link->frames_received + received;
  link->counters.datagrams_work = link->session != NULL && gemel_link_datagrams_work (link);
  g_mutex_unlock (&link->lock);
}

/* ---- actions ---- */

static void
send_message (GemelLink          *link,
              const GemelMessage *m)
{
  g_autoptr (GBytes) body = NULL;

  if (link->session == NULL)
    return;
  body = gemel_wire_encode_message (m, gemel_link_hears_datagrams (link));
  if (m->kind == GEMEL_MESSAGE_BEAT)
    {
      /* As a datagram always: that is how both find out whether the path works. */
      gemel_heartbeat_send (link->heartbeat, body);
      if (gemel_link_datagrams_work (link))
        return;
    }
  gemel_session_send_message (link->session, m->kind, body);
}

static void
persist (GemelLink         *link,
         guint64            id,
         const GemelStable *stable)
{
  GemelInput done = { .type = GEMEL_INPUT_PERSISTED, .u.persist_id = id };

  if (link->term_file != NULL)
    gemel_term_file_write (link->term_file, id, stable);
  else
    gemel_link_push (link, &done);
}

static void
leave (GemelLink *link)
{
  if (link->options.guard_fd >= 0 && !gemel_guard_send_stop (link->options.guard_fd, NULL))
    gemel_link_alarm (link, GEMEL_LINK_ALARM_GUARD, GEMEL_EVENT_LIMIT_REACHED,
                      "gemel-guard cannot be told that this is an orderly end");
  link->exiting = TRUE;
  link->port->exit (link->user_data);
}

static void
carry_out (GemelLink         *link,
           const GemelAction *action)
{
  const GemelLinkPort *port = link->port;
  gpointer             data = link->user_data;

  switch (action->type)
    {
    case GEMEL_ACTION_SEND:
      send_message (link, &action->u.message);
      break;
    case GEMEL_ACTION_PERSIST:
      persist (link, action->u.persist.id, &action->u.persist.stable);
      break;
    case GEMEL_ACTION_LEVEL:
      port->level (action->u.level.level, action->u.level.cause, action->u.level.term, data);
      break;
    case GEMEL_ACTION_QUIESCE:
      port->quiesce (action->u.switch_id, data);
      break;
    case GEMEL_ACTION_UNQUIESCE:
      port->unquiesce (action->u.switch_id, data);
      break;
    case GEMEL_ACTION_CATCH_UP:
      port->catch_up (action->u.catch_up.switch_id, &action->u.catch_up.target, data);
      break;
    case GEMEL_ACTION_EVENT:
      port->event (action->u.event.code, action->u.event.cause, action->u.event.term,
                   action->u.event.a, action->u.event.b, NULL, data);
      break;
    case GEMEL_ACTION_REPLY:
      port->reply (action->u.reply.request_id, action->u.reply.done, action->u.reply.cause, data);
      break;
    case GEMEL_ACTION_EXIT:
      leave (link);
      break;
    }
}

/* ---- the guard ---- */

static void
disarm_guard (GemelLink *link)
{
  if (!link->guard_armed)
    return;
  link->guard_armed = FALSE;
  if (!gemel_guard_send_disarm (link->options.guard_fd, NULL))
    gemel_link_alarm (link, GEMEL_LINK_ALARM_GUARD, GEMEL_EVENT_LIMIT_REACHED,
                      "gemel-guard cannot be told that its orders are void");
}

static guint64
sum_address (const guint8 *bytes,
             gsize         size)
{
  guint64 sum = G_GUINT64_CONSTANT (1469598103934665603);
  gsize   i;

  for (i = 0; i < size; i++)
    sum = (sum ^ bytes[i]) * G_GUINT64_CONSTANT (1099511628211);
  return sum;
}

static void
arm_guard (GemelLink *link)
{
  const GemelHello  *own = gemel_session_get_own_hello (link->session);
  GemelGuardOrders   orders = { 0 };
  g_autoptr (GError) error = NULL;
  guint64            address_sum;

  orders.peer_address_size = gemel_heartbeat_get_peer_address (link->heartbeat,
                                                               orders.peer_address);
  if (orders.peer_address_size == 0)
    {
      disarm_guard (link);
      return;
    }
  address_sum = sum_address (orders.peer_address, orders.peer_address_size);
  if (link->guard_armed && link->guard_term == link->core.active_term &&
      link->guard_session == own->session && link->guard_address_sum == address_sum)
    return;
  memcpy (orders.node_uuid, own->node_uuid, sizeof orders.node_uuid);
  memcpy (orders.key, own->notice_key, sizeof orders.key);
  orders.session = own->session;
  orders.term = link->core.active_term;
  link->guard_armed = gemel_guard_send_arm (link->options.guard_fd, &orders,
                                            gemel_heartbeat_get_fd (link->heartbeat), &error);
  if (!link->guard_armed)
    gemel_link_alarm (link, GEMEL_LINK_ALARM_GUARD, GEMEL_EVENT_LIMIT_REACHED, error->message);
  link->guard_term = orders.term;
  link->guard_session = orders.session;
  link->guard_address_sum = address_sum;
  explicit_bzero (&orders, sizeof orders);
}

/* Armed whenever this node is active and its peer could take over at once. */
static void
update_guard (GemelLink *link,
              gint64     now_us)
{
  if (link->options.guard_fd < 0)
    return;
  if (link->session != NULL && gemel_core_is_effective (&link->core, now_us))
    arm_guard (link);
  else if (link->core.state == GEMEL_STATE_UNDECIDED &&
           link->core.state_cause == GEMEL_CAUSE_STOP && link->session != NULL)
    return; /* stopping without a successor: the guard tells the peer when all is gone */
  else
    disarm_guard (link);
}

/* ---- the step ---- */

static void
arm_timer (GemelLink *link,
           gint64     deadline_us)
{
  struct itimerspec when = { 0 };

  link->deadline_us = deadline_us;
  if (deadline_us != G_MAXINT64)
    {
      deadline_us = MAX (deadline_us, 1);
      when.it_value.tv_sec = deadline_us / G_USEC_PER_SEC;
      when.it_value.tv_nsec = deadline_us % G_USEC_PER_SEC * 1000;
    }
  (void) timerfd_settime (link->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/**
 * gemel_link_step:
 * @link: the link
 * @input: its times are filled in
 *
 * Thread: link
 */
void
gemel_link_step (GemelLink  *link,
                 GemelInput *input)
{
  GemelActions actions;
  guint        i;

  g_assert (!link->stepping);
  if (link->exiting)
    return;
  link->stepping = TRUE;
  input->now_us = gemel_link_boot_us ();
  input->unix_us = gemel_link_unix_us ();
  gemel_core_step (&link->core, input, &actions);
  /* Whoever acts looks at the view: it must be shut before the peer is told to go on. */
  publish_view (link, input->now_us);
  for (i = 0; i < actions.n; i++)
    carry_out (link, &actions.v[i]);
  update_guard (link, input->now_us);
  arm_timer (link, link->exiting ? G_MAXINT64 : actions.next_deadline_us);
  link->stepping = FALSE;
}

/**
 * gemel_link_step_simple:
 * @link: the link
 * @type: of an input without more to say
 *
 * Thread: link
 */
void
gemel_link_step_simple (GemelLink     *link,
                        GemelInputType type)
{
  GemelInput input = { .type = type };

  gemel_link_step (link, &input);
}
