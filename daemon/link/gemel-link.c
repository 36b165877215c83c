/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The link thread: its life, its clock and its inbox. The step of the core is in gemel-link-step.c,
 * the peer in gemel-link-peer.c.
 *
 * Others reach the thread through a queue and an eventfd, so nobody waits and nothing is shared but
 * the copy of the view and the counters.
 */
#include "link/gemel-link-private.h"

#include "api/gemel-error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <gnutls/crypto.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* How long the end of the link waits for connections that are being closed. */
#define FAREWELL_US (2 * G_USEC_PER_SEC)

typedef enum
{
  JOB_INPUT,
  JOB_ADOPT,
  JOB_SET_PEER,
  JOB_SET_STATUS,
  JOB_QUIT,
} JobKind;

typedef struct
{
  JobKind          kind;
  GemelInput       input;
  GIOStream       *io;
  GemelPeerStatus *status;
  gboolean         paired;
  guint8           pair_uuid[16];
  guint8           peer_uuid[16];
  guint8           peer_pin[GEMEL_PIN_BYTES];
  char            *peer_host_and_port;
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;

  g_clear_object (&job->io);
  gemel_peer_status_free (job->status);
  g_free (job->peer_host_and_port);
  g_free (job);
}

static Job *
job_new (JobKind kind)
{
  Job *job = g_new0 (Job, 1);

  job->kind = kind;
  return job;
}

static void
post (GemelLink *link,
      Job       *job)
{
  guint64 one = 1;

  g_async_queue_push (link->inbox, job);
  /* It can only be full, and then the thread wakes anyway. */
  while (write (link->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
    ;
}

/**
 * gemel_link_clear_source:
 * @source: (inout) (nullable): destroyed and set to %NULL
 * Thread: link
 */
void
gemel_link_clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

/* ---- the inbox ---- */

static void
take_input (GemelLink  *link,
            GemelInput *input)
{
  GemelRole before = link->core.settings.role;

  gemel_link_step (link, input);
  if (link->core.settings.role == before)
    return;
  gemel_link_drop_peer (link);
  gemel_link_begin_dialling (link);
}

static void
take_peer (GemelLink *link,
           Job       *job)
{
  gemel_link_drop_peer (link);
  link->options.paired = job->paired;
  memcpy (link->options.pair_uuid, job->pair_uuid, sizeof job->pair_uuid);
  memcpy (link->options.peer_uuid, job->peer_uuid, sizeof job->peer_uuid);
  memcpy (link->options.peer_pin, job->peer_pin, sizeof job->peer_pin);
  g_free (link->options.peer_host_and_port);
  link->options.peer_host_and_port = g_steal_pointer (&job->peer_host_and_port);
  gemel_link_begin_dialling (link);
}

static void
take_job (GemelLink *link,
          Job       *job)
{
  switch (job->kind)
    {
    case JOB_INPUT:
      take_input (link, &job->input);
      break;
    case JOB_ADOPT:
      gemel_link_greet (link, g_steal_pointer (&job->io), FALSE);
      break;
    case JOB_SET_PEER:
      take_peer (link, job);
      break;
    case JOB_SET_STATUS:
      gemel_peer_status_free (link->own_status);
      link->own_status = g_steal_pointer (&job->status);
      gemel_link_send_status (link);
      break;
    case JOB_QUIT:
      g_main_loop_quit (link->loop);
      break;
    }
}

static gboolean
on_wake (int          fd,
         GIOCondition condition,
         gpointer     user_data)
{
  GemelLink *link = user_data;
  guint64    count;
  Job       *job;

  (void) !read (fd, &count, sizeof count);
  while ((job = g_async_queue_try_pop (link->inbox)) != NULL)
    {
      take_job (link, job);
      job_free (job);
    }
  gemel_link_publish_counters (link);
  return G_SOURCE_CONTINUE;
}

/* ---- the clock ---- */

static gboolean
on_timer (int          fd,
          GIOCondition condition,
          gpointer     user_data)
{
  GemelLink *link = user_data;
  guint64    count;
  gint64     late_us = gemel_link_boot_us () - link->deadline_us;

  if (read (fd, &count, sizeof count) < 0)
    return G_SOURCE_CONTINUE;
  g_mutex_lock (&link->lock);
  link->counters.worst_turn_us = MAX (link->counters.worst_turn_us, late_us);
  if (late_us > link->core.settings.heartbeat_interval_us)
    link->counters.late_turns++;
  g_mutex_unlock (&link->lock);
  gemel_link_step_simple (link, GEMEL_INPUT_TICK);
  gemel_link_publish_counters (link);
  return G_SOURCE_CONTINUE;
}

/* A main loop that hangs must not look alive because this thread runs. */
static gboolean
on_watchdog (gpointer user_data)
{
  GemelLink *link = user_data;
  gint       now_s = (gint) (gemel_link_boot_us () / G_USEC_PER_SEC);

  if (link->options.liveness == NULL ||
      now_s - g_atomic_int_get (link->options.liveness) <= (gint) link->options.liveness_timeout_s)
    link->port->feed_watchdog (link->user_data);
  return G_SOURCE_CONTINUE;
}

static GSource *
watch_fd (GemelLink        *link,
          int               fd,
          GUnixFDSourceFunc callback)
{
  GSource *source = g_unix_fd_source_new (fd, G_IO_IN);

  g_source_set_priority (source, G_PRIORITY_HIGH);
  g_source_set_callback (source, G_SOURCE_FUNC (callback), link, NULL);
  g_source_attach (source, link->context);
  return source;
}

/* ---- the thread ---- */

static void
ask_for_real_time (GemelLink *link)
{
  struct sched_param param = { .sched_priority = (int) link->options.real_time_priority };
  gboolean           granted;

  if (link->options.real_time_priority == 0)
    return;
  granted = pthread_setschedparam (pthread_self (), SCHED_FIFO | SCHED_RESET_ON_FORK, &param) == 0;
  g_mutex_lock (&link->lock);
  link->counters.real_time = granted;
  g_mutex_unlock (&link->lock);
}

static void
start_watchdog (GemelLink *link)
{
  if (link->options.watchdog_us <= 0 || link->port->feed_watchdog == NULL)
    return;
  (void) on_watchdog (link);
  /* Four times in the period: after a suspend the stamp of the main loop is old for one turn. */
  link->watchdog_timer = g_timeout_source_new ((guint) MAX (1, link->options.watchdog_us / 4000));
  g_source_set_callback (link->watchdog_timer, on_watchdog, link, NULL);
  g_source_attach (link->watchdog_timer, link->context);
}

/* Closing flushes what was said last; it needs turns of this context. */
static void
say_farewell (GemelLink *link)
{
  gint64                until_us = gemel_link_boot_us () + FAREWELL_US;
  g_autoptr (GIOStream) io = link->session != NULL
                               ? g_object_ref (gemel_session_get_io (link->session))
                               : NULL;

  link->exiting = TRUE;
  gemel_link_drop_peer (link);
  while ((link->n_dials > 0 || (io != NULL && !g_io_stream_is_closed (io))) &&
         gemel_link_boot_us () < until_us)
    {
      if (!g_main_context_iteration (link->context, FALSE))
        g_usleep (1000); /* tidy: no-sync-calls: the thread's last act, with a deadline */
    }
}

static gpointer
link_thread (gpointer data)
{
  GemelLink *link = data;

  g_main_context_push_thread_default (link->context);
  ask_for_real_time (link);
  link->timer = watch_fd (link, link->timer_fd, on_timer);
  link->wake = watch_fd (link, link->wake_fd, on_wake);
  gemel_heartbeat_start (link->heartbeat);
  start_watchdog (link);
  gemel_link_step_simple (link, GEMEL_INPUT_TICK);
  gemel_link_begin_dialling (link);
  g_main_loop_run (link->loop);
  say_farewell (link);
  gemel_link_clear_source (&link->watchdog_timer);
  gemel_link_clear_source (&link->timer);
  gemel_link_clear_source (&link->wake);
  g_clear_pointer (&link->heartbeat, gemel_heartbeat_free);
  g_main_context_pop_thread_default (link->context);
  return NULL;
}

/* ---- for other threads ---- */

static void
on_persisted (guint64       persist_id,
              const GError *error,
              gpointer      user_data)
{
  GemelInput input = { .type = error == NULL ? GEMEL_INPUT_PERSISTED : GEMEL_INPUT_PERSIST_FAILED,
                       .u.persist_id = persist_id };

  gemel_link_push (user_data, &input);
}

static void
copy_options (GemelLink              *link,
              const GemelLinkOptions *options)
{
  link->options = *options;
  link->options.term_path = g_strdup (options->term_path);
  link->options.node_name = g_strdup (options->node_name);
  link->options.peer_host_and_port = g_strdup (options->peer_host_and_port);
  link->options.bind_address = g_strdup (options->bind_address);
  link->options.reconnect_ms_min = MAX (options->reconnect_ms_min, 1);
  link->options.reconnect_ms_max = MAX (options->reconnect_ms_max, link->options.reconnect_ms_min);
}

static gboolean
open_clock (GemelLink *link,
            GError   **error)
{
  link->timer_fd = timerfd_create (CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  link->wake_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (link->timer_fd >= 0 && link->wake_fd >= 0)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "cannot make the clock of the link: %s",
               g_strerror (errno));
  return FALSE;
}

static gboolean
begin_core (GemelLink *link,
            GError   **error)
{
  guint64 nonce;

  if (link->options.term_path != NULL)
    {
      link->term_file = gemel_term_file_open (link->options.term_path, &link->options.stable,
                                              &link->options.stable_readable, on_persisted, link,
                                              error);
      if (link->term_file == NULL)
        return FALSE;
    }
  if (gnutls_rnd (GNUTLS_RND_RANDOM, &nonce, sizeof nonce) != 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_FAILED,
                           "no random numbers are to be had");
      return FALSE;
    }
  gemel_core_init (&link->core, &link->options.core, &link->options.stable,
                   link->options.stable_readable, nonce | 1, gemel_link_boot_us (),
                   gemel_link_unix_us ());
  gemel_core_get_view (&link->core, &link->view);
  return TRUE;
}

/**
 * gemel_link_new:
 * @options: copied, except for what its fields lend
 * @port: (static): what is reported; every function but feed_watchdog is set
 * @user_data: for @port
 * @error: return location
 *
 * Reads the term and binds the heartbeats. A guard_fd becomes close-on-exec.
 *
 * Returns: (transfer full) (nullable): a link that does not run yet.
 * Errors: GEMEL_ERROR_SETTING (address or port), those of gemel_term_file_open (),
 *   GEMEL_ERROR_FAILED
 * Thread: any
 */
GemelLink *
gemel_link_new (const GemelLinkOptions *options,
                const GemelLinkPort    *port,
                gpointer                user_data,
                GError                **error)
{
  g_autoptr (GemelLink) link = g_new0 (GemelLink, 1);

  copy_options (link, options);
  link->port = port;
  link->user_data = user_data;
  link->timer_fd = -1;
  link->wake_fd = -1;
  link->deadline_us = G_MAXINT64;
  g_mutex_init (&link->lock);
  link->inbox = g_async_queue_new_full (job_free);
  link->greetings = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_session_free);
  link->context = g_main_context_new ();
  link->loop = g_main_loop_new (link->context, FALSE);
  if (options->guard_fd >= 0)
    (void) fcntl (options->guard_fd, F_SETFD, FD_CLOEXEC);
  if (!open_clock (link, error))
    return NULL;
  link->heartbeat = gemel_heartbeat_new (options->bind_address, options->port,
                                         &gemel_link_heartbeat_callbacks, link, error);
  if (link->heartbeat == NULL || !begin_core (link, error))
    return NULL;
  return g_steal_pointer (&link);
}

/**
 * gemel_link_start:
 * @link: a new link
 *
 * Starts the thread; calls of the port may come from now on.
 * Thread: any
 */
void
gemel_link_start (GemelLink *link)
{
  g_return_if_fail (link->thread == NULL);

  link->thread = g_thread_new ("link", link_thread, link);
}

/**
 * gemel_link_free:
 * @link: to end; waits for its thread
 *
 * No call of the port follows. It ends the process's part in the pair without a word to the guard:
 * push GEMEL_INPUT_STOP first and wait for exit ().
 * Thread: any but the link's
 */
void
gemel_link_free (GemelLink *link)
{
  if (link->thread != NULL)
    {
      post (link, job_new (JOB_QUIT));
      g_thread_join (link->thread);
    }
  /* Its thread may still report a write, to a queue that nobody reads. */
  g_clear_pointer (&link->term_file, gemel_term_file_close);
  g_clear_pointer (&link->heartbeat, gemel_heartbeat_free);
  g_ptr_array_unref (link->greetings);
  g_async_queue_unref (link->inbox);
  g_main_loop_unref (link->loop);
  g_main_context_unref (link->context);
  if (link->timer_fd >= 0)
    (void) close (link->timer_fd);
  if (link->wake_fd >= 0)
    (void) close (link->wake_fd);
  gemel_peer_status_free (link->own_status);
  g_mutex_clear (&link->lock);
  g_free (link->options.term_path);
  g_free (link->options.node_name);
  g_free (link->options.peer_host_and_port);
  g_free (link->options.bind_address);
  g_free (link);
}

/**
 * gemel_link_push:
 * @link: the link
 * @input: copied; its times are filled in by the link thread
 * Thread: any
 */
void
gemel_link_push (GemelLink        *link,
                 const GemelInput *input)
{
  Job *job = job_new (JOB_INPUT);

  job->input = *input;
  post (link, job);
}

/**
 * gemel_link_adopt:
 * @link: the link
 * @io: (transfer full): an accepted control connection whose pin was checked; its user must not
 *   have operations under way
 * Thread: any
 */
void
gemel_link_adopt (GemelLink *link,
                  GIOStream *io)
{
  Job *job = job_new (JOB_ADOPT);

  job->io = io;
  post (link, job);
}

/**
 * gemel_link_set_peer:
 * @link: the link
 * @paired: whether there is a peer
 * @pair_uuid: of the pair
 * @peer_uuid: of the peer
 * @peer_pin: of the peer's key
 * @peer_host_and_port: (nullable): where the master listens; %NULL: wait to be dialled
 *
 * Drops the session and starts anew.
 * Thread: any
 */
void
gemel_link_set_peer (GemelLink   *link,
                     gboolean     paired,
                     const guint8 pair_uuid[16],
                     const guint8 peer_uuid[16],
                     const guint8 peer_pin[GEMEL_PIN_BYTES],
                     const char  *peer_host_and_port)
{
  Job *job = job_new (JOB_SET_PEER);

  job->paired = paired;
  memcpy (job->pair_uuid, pair_uuid, sizeof job->pair_uuid);
  memcpy (job->peer_uuid, peer_uuid, sizeof job->peer_uuid);
  memcpy (job->peer_pin, peer_pin, sizeof job->peer_pin);
  job->peer_host_and_port = g_strdup (peer_host_and_port);
  post (link, job);
}

/**
 * gemel_link_set_status:
 * @link: the link
 * @own: copied; sent now and once a second
 * Thread: any
 */
void
gemel_link_set_status (GemelLink             *link,
                       const GemelPeerStatus *own)
{
  Job *job = job_new (JOB_SET_STATUS);

  job->status = gemel_peer_status_copy (own);
  post (link, job);
}

/**
 * gemel_link_get_counters:
 * @link: the link
 * @ret_counters: (out): at the last turn
 * Thread: any
 */
void
gemel_link_get_counters (GemelLink         *link,
                         GemelLinkCounters *ret_counters)
{
  g_mutex_lock (&link->lock);
  *ret_counters = link->counters;
  g_mutex_unlock (&link->lock);
}

/**
 * gemel_link_get_view:
 * @link: the link
 * @ret_view: (out): after the last step
 * Thread: any
 */
void
gemel_link_get_view (GemelLink *link,
                     GemelView *ret_view)
{
  g_mutex_lock (&link->lock);
  *ret_view = link->view;
  g_mutex_unlock (&link->lock);
}

/**
 * gemel_link_get_udp_port:
 * @link: the link
 *
 * Returns: the port of its heartbeats.
 * Thread: any, before gemel_link_free ()
 */
guint16
gemel_link_get_udp_port (GemelLink *link)
{
  return gemel_heartbeat_get_port (link->heartbeat);
}
