/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The sync thread: its life, and what the node tells it. Calls from other threads become sources of
 * its context and run in the order of calling.
 */
#include "sync/gemel-sync-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_MS 500 /* figures are told at most twice a second */

/** A call that travels to the sync thread. */
typedef struct
{
  GemelSync     *sync;
  GemelSyncFunc  func;
  gpointer       data;
  GDestroyNotify data_free;
} Call;

/**
 * gemel_sync_now_us:
 *
 * Returns: monotonic time in µs.
 * Thread: any
 */
gint64
gemel_sync_now_us (void)
{
  return g_get_monotonic_time ();
}

/**
 * gemel_sync_event:
 * @sync: the sync thread
 * @code: what happened
 * @subject: to what
 * @message: in words
 * @a: figure, by code
 *
 * Thread: sync
 */
void
gemel_sync_event (GemelSync     *sync,
                  GemelEventCode code,
                  const char    *subject,
                  const char    *message,
                  gint64         a)
{
  if (sync->port->event != NULL)
    sync->port->event (code, subject, message, a, sync->user_data);
}

/**
 * gemel_sync_hold:
 * @sync: the sync thread
 *
 * Something asynchronous began: the thread does not end before it has come back.
 *
 * Thread: any
 */
void
gemel_sync_hold (GemelSync *sync)
{
  g_atomic_int_inc (&sync->n_pending);
}

/**
 * gemel_sync_release:
 * @sync: the sync thread
 *
 * Thread: any
 */
void
gemel_sync_release (GemelSync *sync)
{
  g_autoptr (GMainContext) context = g_main_context_ref (sync->context);

  if (g_atomic_int_dec_and_test (&sync->n_pending))
    g_main_context_wakeup (context);
}

static void
on_io_gone (gpointer data,
            GObject *where)
{
  gemel_sync_release (data);
}

/**
 * gemel_sync_track:
 * @sync: the sync thread
 * @io: a connection that now belongs to it
 *
 * Closing a connection takes its time; the thread does not end before it is gone.
 *
 * Thread: sync
 */
void
gemel_sync_track (GemelSync *sync,
                  GIOStream *io)
{
  gemel_sync_hold (sync);
  g_object_weak_ref (G_OBJECT (io), on_io_gone, sync);
}

static gboolean
on_call (gpointer data)
{
  Call *call = data;

  call->func (call->sync, call->data);
  return G_SOURCE_REMOVE;
}

static void
call_free (gpointer data)
{
  Call *call = data;

  if (call->data_free != NULL)
    call->data_free (call->data);
  g_free (call);
}

/**
 * gemel_sync_call:
 * @sync: the sync thread
 * @func: called there
 * @data: for @func
 * @data_free: (nullable): for @data, afterwards
 *
 * Thread: any
 */
void
gemel_sync_call (GemelSync     *sync,
                 GemelSyncFunc  func,
                 gpointer       data,
                 GDestroyNotify data_free)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  Call               *call = g_new (Call, 1);

  *call = (Call){ sync, func, data, data_free };
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, on_call, call, call_free);
  g_source_attach (source, sync->context);
}

/* --- timers ---------------------------------------------------------------------------------- */

static gboolean
on_waiters_timer (gpointer data)
{
  GemelSync *sync = data;
  gint64     now_us = gemel_sync_now_us ();

  gemel_waiters_expire (&sync->config_waiters, now_us);
  gemel_waiters_expire (&sync->state_waiters, now_us);
  g_source_set_ready_time (sync->waiters_timer, -1);
  gemel_sync_arm_waiters (sync);
  return G_SOURCE_CONTINUE;
}

/**
 * gemel_sync_arm_waiters:
 * @sync: the sync thread
 *
 * To be called after a writer began to wait. The timer is left alone while it is armed for an
 * earlier time: it looks again then.
 *
 * Thread: sync
 */
void
gemel_sync_arm_waiters (GemelSync *sync)
{
  gint64 config_us = gemel_waiters_get_deadline_us (&sync->config_waiters);
  gint64 state_us = gemel_waiters_get_deadline_us (&sync->state_waiters);
  gint64 armed_us = g_source_get_ready_time (sync->waiters_timer);
  gint64 due_us = config_us;

  if (due_us < 0 || (state_us >= 0 && state_us < due_us))
    due_us = state_us;
  if (due_us >= 0 && (armed_us < 0 || due_us < armed_us))
    g_source_set_ready_time (sync->waiters_timer, due_us);
}

static gboolean
dispatch_timer (GSource    *source,
                GSourceFunc callback,
                gpointer    data)
{
  return callback (data);
}

/* tidy: static-mutable: GLib wants it so */
static GSourceFuncs timer_funcs = { NULL, NULL, dispatch_timer, NULL, NULL, NULL };

static gboolean
on_tick (gpointer data)
{
  GemelSync *sync = data;

  gemel_peer_check_silence (sync->peer, gemel_sync_now_us ());
  gemel_sync_tell_stats (sync);
  return G_SOURCE_CONTINUE;
}

/* --- the thread ------------------------------------------------------------------------------ */

static void
on_state_changed (GemelStateProvider *provider,
                  guint64             epoch,
                  guint64             first_seq,
                  guint               n_ops,
                  const guint8       *ops,
                  gsize               size,
                  gpointer            user_data)
{
  GemelSync *sync = user_data;

  gemel_doors_state_changed (sync->doors, provider, epoch, first_seq, n_ops, ops, size);
}

static void
on_state_replaced (gpointer user_data)
{
  gemel_doors_state_replaced (((GemelSync *) user_data)->doors);
}

static const GemelStateCallbacks state_callbacks = { on_state_changed, on_state_replaced };

static void
add_sources (GemelSync *sync)
{
  sync->waiters_timer = g_source_new (&timer_funcs, sizeof (GSource));
  g_source_set_callback (sync->waiters_timer, on_waiters_timer, sync, NULL);
  g_source_set_ready_time (sync->waiters_timer, -1);
  g_source_attach (sync->waiters_timer, sync->context);
  sync->tick = g_timeout_source_new (TICK_MS);
  g_source_set_callback (sync->tick, on_tick, sync, NULL);
  g_source_attach (sync->tick, sync->context);
}

static void
begin (GemelSync *sync)
{
  sync->stats = g_array_new (FALSE, TRUE, sizeof (GemelProviderStats));
  sync->state = gemel_state_store_new (sync->options.state_buffer_bytes_max,
                                       sync->options.state_bytes_max, &state_callbacks, sync);
  add_sources (sync);
  sync->doors = gemel_doors_new (sync);
  sync->peer = gemel_peer_new (sync);
  sync->config_stream = gemel_config_stream_new (sync);
  sync->state_stream = gemel_state_stream_new (sync);
  sync->history_stream = gemel_history_stream_new (sync);
  gemel_config_stream_connect (sync->config_stream, sync->peer);
  gemel_state_stream_connect (sync->state_stream, sync->peer);
  gemel_history_stream_connect (sync->history_stream, sync->peer);
}

static void
end (GemelSync *sync)
{
  gemel_doors_free (sync->doors);
  gemel_peer_free (sync->peer);
  gemel_config_stream_free (sync->config_stream);
  gemel_state_stream_free (sync->state_stream);
  gemel_history_stream_free (sync->history_stream);
  g_source_destroy (sync->waiters_timer);
  g_source_unref (sync->waiters_timer);
  g_source_destroy (sync->tick);
  g_source_unref (sync->tick);
  g_array_unref (sync->stats);
  gemel_state_store_free (sync->state);
}

static void
do_stop (GemelSync *sync,
         gpointer   data)
{
  sync->stopping = TRUE;
  if (sync->change.patience != NULL)
    g_source_destroy (sync->change.patience);
  g_clear_pointer (&sync->change.patience, g_source_unref);
  gemel_doors_close (sync->doors);
  gemel_peer_set (sync->peer, NULL, NULL, FALSE);
  gemel_waiters_give_up (&sync->config_waiters);
  gemel_waiters_give_up (&sync->state_waiters);
}

static gpointer
run (gpointer data)
{
  GemelSync *sync = data;

  g_main_context_push_thread_default (sync->context);
  begin (sync);
  while (!sync->stopping || g_atomic_int_get (&sync->n_pending) > 0)
    (void) g_main_context_iteration (sync->context, TRUE);
  end (sync);
  while (g_main_context_iteration (sync->context, FALSE))
    continue;
  g_main_context_pop_thread_default (sync->context);
  return NULL;
}

static gboolean
ensure_dir (const char *path,
            GError    **error)
{
  if (g_mkdir_with_parents (path, 0700) == 0)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE, "cannot make folder %s: %s", path,
               g_strerror (errno));
  return FALSE;
}

/* Copies that a crash left behind are of no use: a full copy begins anew. */
static void
clean_stage (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char      *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *file = g_build_filename (path, name, NULL);

      if (g_str_has_prefix (name, "config-out-") || g_str_has_prefix (name, "config-in-"))
        (void) g_unlink (file);
    }
}

/**
 * gemel_sync_new:
 * @options: settings, copied; what is lent must outlive the object
 * @port: static; who is told
 * @user_data: for @port
 * @error: return location
 *
 * Starts the sync thread. It is not connected, not active and has no authority
 * until the node says so.
 *
 * Returns: (transfer full): the running thread.
 * Errors: %GEMEL_ERROR_STORE when its folders cannot be made
 * Thread: any
 */
GemelSync *
gemel_sync_new (const GemelSyncOptions *options,
                const GemelSyncPort    *port,
                gpointer                user_data,
                GError                **error)
{
  GemelSync *sync;

  if (!ensure_dir (options->stage_dir, error) || !ensure_dir (options->keep_dir, error))
    return NULL;
  clean_stage (options->stage_dir);
  sync = g_new0 (GemelSync, 1);
  sync->options = *options;
  sync->options.stage_dir = g_strdup (options->stage_dir);
  sync->options.keep_dir = g_strdup (options->keep_dir);
  sync->port = port;
  sync->user_data = user_data;
  sync->standing.had_config = options->eligible;
  sync->context = g_main_context_new ();
  sync->thread = g_thread_new ("gemel-sync", run, sync);
  return sync;
}

/**
 * gemel_sync_free:
 * @sync: (nullable): the object
 *
 * Closes doors and connections, waits for what the stores are doing for it, ends the thread. No
 * other call may be made or be under way.
 *
 * Thread: any but sync
 */
void
gemel_sync_free (GemelSync *sync)
{
  if (sync == NULL)
    return;
  gemel_sync_call (sync, do_stop, NULL, NULL);
  g_thread_join (sync->thread);
  g_main_context_unref (sync->context);
  g_free (sync->options.stage_dir);
  g_free (sync->options.keep_dir);
  g_free (sync->peer_name);
  g_free (sync);
}

/* --- what the node says ---------------------------------------------------------------------- */

/* What a node counted while it was alone must not compare as equal to what its new master counted:
 * two independent nodes begin with the same terms. */
static void
forget_own_state (GemelSync *sync)
{
  const GemelStatePosition nowhere = { 0 };
  GemelStatePosition       had = gemel_state_store_get_position (sync->state);

  gemel_state_store_begin_full (sync->state);
  gemel_state_store_commit_full (sync->state, &nowhere);
  if (had.seq != 0)
    gemel_sync_event (sync, GEMEL_EVENT_FULL_SYNC_NEEDED, "state",
                      "this node joined a pair, its own runtime state makes room for the master's",
                      (gint64) had.seq);
}

static void
do_set_view (GemelSync *sync,
             gpointer   data)
{
  guint64   before = sync->view.active_term;
  GemelRole role = sync->view.role;

  sync->view = *(const GemelView *) data;
  /* With another role the core waits to hear anew whether this node is eligible. */
  if (sync->view.role != role)
    sync->standing.told = FALSE;
  if (sync->view.role == GEMEL_ROLE_BACKUP && role == GEMEL_ROLE_INDEPENDENT)
    forget_own_state (sync);
  if (sync->view.active_term != before)
    {
      if (sync->view.active_term != 0)
        gemel_state_store_set_epoch (sync->state, sync->view.active_term);
      gemel_sync_end_change (sync);
      gemel_state_stream_set_source (sync->state_stream, sync->view.active_term != 0);
    }
  gemel_config_stream_set_source (sync->config_stream, sync->view.has_authority);
  gemel_sync_update_standing (sync);
  gemel_sync_check_change (sync);
}

/**
 * gemel_sync_set_view:
 * @sync: the sync thread
 * @view: what the core decided, copied
 *
 * Thread: any
 */
void
gemel_sync_set_view (GemelSync       *sync,
                     const GemelView *view)
{
  gemel_sync_call (sync, do_set_view, g_memdup2 (view, sizeof *view), g_free);
}

typedef struct
{
  char    *dial;
  guint8   pin[GEMEL_PIN_BYTES];
  gboolean paired;
  gboolean session_up;
} SetPeer;

static void
set_peer_free (gpointer data)
{
  g_free (((SetPeer *) data)->dial);
  g_free (data);
}

static void
do_set_peer (GemelSync *sync,
             gpointer   data)
{
  const SetPeer *set = data;

  if (sync->stopping)
    return;
  sync->paired = set->paired;
  gemel_peer_set (sync->peer, set->dial, set->paired ? set->pin : NULL, set->session_up);
  gemel_sync_update_standing (sync);
}

/**
 * gemel_sync_set_peer:
 * @sync: the sync thread
 * @dial_host_and_port: (nullable): where to dial; %NULL: this side is dialled
 * @peer_pin: (nullable): GEMEL_PIN_BYTES; %NULL: not paired, every connection goes
 * @session_up: whether the control session stands; connections live with it
 *
 * Thread: any
 */
void
gemel_sync_set_peer (GemelSync    *sync,
                     const char   *dial_host_and_port,
                     const guint8 *peer_pin,
                     gboolean      session_up)
{
  SetPeer *set = g_new0 (SetPeer, 1);

  set->dial = g_strdup (dial_host_and_port);
  set->paired = peer_pin != NULL;
  set->session_up = session_up;
  if (peer_pin != NULL)
    memcpy (set->pin, peer_pin, sizeof set->pin);
  gemel_sync_call (sync, do_set_peer, set, set_peer_free);
}

static void
do_set_peer_name (GemelSync *sync,
                  gpointer   data)
{
  g_free (sync->peer_name);
  sync->peer_name = g_strdup (data);
}

/**
 * gemel_sync_set_peer_name:
 * @sync: the sync thread
 * @name: as the peer calls itself
 *
 * Thread: any
 */
void
gemel_sync_set_peer_name (GemelSync  *sync,
                          const char *name)
{
  gemel_sync_call (sync, do_set_peer_name, g_strdup (name), g_free);
}

static void
do_new_pair (GemelSync *sync,
             gpointer   data)
{
  sync->standing.had_config = GPOINTER_TO_INT (data);
  sync->standing.told = FALSE;
  gemel_sync_update_standing (sync);
}

/**
 * gemel_sync_new_pair:
 * @sync: the sync thread
 * @has_config: whether the configuration here is the one of the new pair, as on its master
 *
 * Another pair, or none: what was received before does not make this node eligible.
 *
 * Thread: any
 */
void
gemel_sync_new_pair (GemelSync *sync,
                     gboolean   has_config)
{
  gemel_sync_call (sync, do_new_pair, GINT_TO_POINTER (has_config), NULL);
}

static void
do_adopt (GemelSync *sync,
          gpointer   data)
{
  gemel_peer_adopt (sync->peer, data);
}

/**
 * gemel_sync_adopt:
 * @sync: the sync thread
 * @io: (transfer full): an accepted data connection, handshake done, pin checked
 *
 * Thread: any
 */
void
gemel_sync_adopt (GemelSync *sync,
                  GIOStream *io)
{
  gemel_sync_call (sync, do_adopt, io, g_object_unref);
}

static void
do_force_full (GemelSync *sync,
               gpointer   data)
{
  const char *provider = data;

  if (provider == NULL || strcmp (provider, "config") == 0)
    gemel_config_stream_force_full (sync->config_stream);
  if (provider == NULL || g_str_has_prefix (provider, "state"))
    gemel_state_stream_force_full (sync->state_stream);
}

/**
 * gemel_sync_force_full:
 * @sync: the sync thread
 * @provider: (nullable): "config" or "state/NAME"; %NULL: all
 *
 * Asks for a full sync, on either node. The state of all providers goes together. Does nothing
 * while the peer is not connected: it gets what it needs when it comes.
 *
 * Thread: any
 */
void
gemel_sync_force_full (GemelSync  *sync,
                       const char *provider)
{
  gemel_sync_call (sync, do_force_full, g_strdup (provider), g_free);
}

static void
do_config_changed (GemelSync *sync,
                   gpointer   data)
{
  GPtrArray *entries = data;

  gemel_rate_add (&sync->config_queued, entries->len, gemel_sync_now_us ());
  gemel_config_stream_changed (sync->config_stream, entries);
  gemel_sync_check_change (sync);
}

/**
 * gemel_sync_config_changed:
 * @sync: the sync thread
 * @entries: (element-type GemelEntry): what the store just committed; from GemelConfigChanged
 *
 * Thread: any; only queues
 */
void
gemel_sync_config_changed (GemelSync *sync,
                           GPtrArray *entries)
{
  GPtrArray *copy = g_ptr_array_new_full (entries->len, (GDestroyNotify) gemel_entry_unref);

  for (guint i = 0; i < entries->len; i++)
    g_ptr_array_add (copy, gemel_entry_ref (entries->pdata[i]));
  gemel_sync_call (sync, do_config_changed, copy, (GDestroyNotify) g_ptr_array_unref);
}

typedef struct
{
  guint8  origin[GEMEL_UUID_BYTES];
  guint64 mark;
} Moved;

static void
do_history_moved (GemelSync *sync,
                  gpointer   data)
{
  const Moved *moved = data;

  gemel_history_stream_moved (sync->history_stream, moved->origin, moved->mark);
}

/**
 * gemel_sync_history_moved:
 * @sync: the sync thread
 * @origin: whose rows came into this node's sink
 * @mark: the sink's new mark; from GemelHistoryPort.sunk
 *
 * Thread: any; only queues
 */
void
gemel_sync_history_moved (GemelSync   *sync,
                          const guint8 origin[16],
                          guint64      mark)
{
  Moved *moved = g_new (Moved, 1);

  memcpy (moved->origin, origin, sizeof moved->origin);
  moved->mark = mark;
  gemel_sync_call (sync, do_history_moved, moved, g_free);
}

/* --- doors ----------------------------------------------------------------------------------- */

typedef struct
{
  int   fd; /* -1: handed on */
  guint kind;
  char  provider[GEMEL_PROVIDER_NAME_BYTES_MAX + 1];
} TakeDoor;

static void
take_door_free (gpointer data)
{
  if (((TakeDoor *) data)->fd >= 0)
    (void) close (((TakeDoor *) data)->fd);
  g_free (data);
}

static void
do_take_door (GemelSync *sync,
              gpointer   data)
{
  TakeDoor *take = data;

  gemel_doors_take (sync->doors, take->fd, take->kind, take->provider);
  take->fd = -1;
}

static void
do_count_refused (GemelSync *sync,
                  gpointer   data)
{
  sync->counters.door_refused++;
}

static gboolean
reserve_door (GemelSync *sync,
              GError   **error)
{
  if (g_atomic_int_add (&sync->n_doors, 1) < (gint) sync->options.door_clients_max)
    return TRUE;
  g_atomic_int_dec_and_test (&sync->n_doors);
  gemel_sync_call (sync, do_count_refused, NULL, NULL);
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
               "%u programs have a data door open, close one or raise the setting",
               sync->options.door_clients_max);
  return FALSE;
}

/**
 * gemel_sync_open_door:
 * @sync: the sync thread
 * @kind: "state", "history" or "config"
 * @provider: name of the provider; ignored for history
 * @error: return location
 *
 * Opens a data door. The bytes that go through it are documented in DOOR.md.
 *
 * Returns: a connected socket for the client, to be passed on or closed; -1 on error.
 * Errors: %GEMEL_ERROR_INVALID_ARGS for a bad kind or name, %GEMEL_ERROR_LIMIT for too many doors
 * Thread: any
 */
int
gemel_sync_open_door (GemelSync  *sync,
                      const char *kind,
                      const char *provider,
                      GError    **error)
{
  TakeDoor *take;
  int       fds[2];
  gint      number = gemel_door_kind_from_string (kind);

  if (number < 0)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "there is no door of kind %s, use state, history or config", kind);
      return -1;
    }
  if (strcmp (kind, "history") == 0)
    provider = "history";
  if (!gemel_provider_name_check (provider, strlen (provider), error) ||
      !reserve_door (sync, error))
    return -1;
  if (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "cannot make a socket pair: %s",
                   g_strerror (errno));
      g_atomic_int_dec_and_test (&sync->n_doors);
      return -1;
    }
  take = g_new0 (TakeDoor, 1);
  take->fd = fds[0];
  take->kind = (guint) number;
  (void) g_strlcpy (take->provider, provider, sizeof take->provider);
  gemel_sync_call (sync, do_take_door, take, take_door_free);
  return fds[1];
}
