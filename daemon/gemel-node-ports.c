/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the parts report. Each port function runs in the thread of its part: it hands data straight
 * to another part where that is a queue (link to sync and back), and posts the rest to the main
 * thread as one small record.
 */
#include "gemel-event-text.h"
#include "gemel-node-private.h"
#include "system/gemel-clock.h"
#include "system/gemel-notify.h"

typedef struct
{
  GemelNode     *node;
  GemelNodeCall  func;
  gpointer       data;
  GDestroyNotify data_free;
} Call;

static gboolean
run_call (gpointer user_data)
{
  Call *call = user_data;

  call->func (call->node, call->data);
  return G_SOURCE_REMOVE;
}

static void
call_free (gpointer user_data)
{
  Call *call = user_data;

  if (call->data_free != NULL)
    call->data_free (call->data);
  g_free (call);
}

/**
 * gemel_node_post:
 * @node: the node
 * @func: runs in the main thread, in the order of posting
 * @data: for @func
 * @data_free: (nullable): for @data
 * Thread: any
 */
void
gemel_node_post (GemelNode     *node,
                 GemelNodeCall  func,
                 gpointer       data,
                 GDestroyNotify data_free)
{
  g_autoptr (GSource) source = g_idle_source_new ();
  Call               *call = g_new0 (Call, 1);

  call->node = node;
  call->func = func;
  call->data = data;
  call->data_free = data_free;
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, run_call, call, call_free);
  g_source_attach (source, node->context);
}

/* ---- events ---- */

typedef struct
{
  GemelNode  *node;
  GemelEvent *event;
} PendingEvent;

static void
on_event_stored (GObject      *source,
                 GAsyncResult *result,
                 gpointer      user_data)
{
  g_autofree PendingEvent *pending = user_data;
  g_autoptr (GemelEvent)   event = pending->event;
  g_autoptr (GError)       local_error = NULL;
  GemelNode               *node = pending->node;
  guint64                  id = gemel_node_db_add_event_finish (node->node_db, result,
                                                                &local_error);

  if (id == 0)
    {
      gemel_log_error ("store", "storing an event", local_error);
      return;
    }
  event->id = id;
  node->events++;
  node->last_event_id = MAX (node->last_event_id, id);
  if (node->surface != NULL)
    node->surface->event_added (event, node->surface_data);
  gemel_node_mark (node, FALSE);
}

/**
 * gemel_node_add_event:
 * @node: the node
 * @code: what happened; its severity is in the table of codes
 * @cause: why
 * @term: of the event
 * @subject: (nullable): provider, module, address
 * @message: one sentence
 * @a: by code
 * @b: by code
 *
 * To the store, the journal and, with its id, to the surfaces.
 * Thread: main
 */
void
gemel_node_add_event (GemelNode     *node,
                      GemelEventCode code,
                      GemelCause     cause,
                      guint64        term,
                      const char    *subject,
                      const char    *message,
                      gint64         a,
                      gint64         b)
{
  const GemelEventInfo *info = gemel_event_info (code);
  PendingEvent         *pending = g_new0 (PendingEvent, 1);
  GemelEvent           *event = g_new0 (GemelEvent, 1);

  event->unix_us = gemel_clock_unix_us ();
  event->boot_us = gemel_clock_boot_us ();
  event->code = code;
  event->severity = info != NULL ? info->severity : GEMEL_SEVERITY_INFO;
  event->term = term;
  event->cause = cause;
  event->node = g_strdup (node->name);
  event->subject = g_strdup (subject);
  event->message = g_strdup (message);
  event->a = a;
  event->b = b;
  gemel_log_event (code, cause, term, message);
  pending->node = node;
  pending->event = event;
  gemel_node_db_add_event_async (node->node_db, event, NULL, on_event_stored, pending);
}

/* A report of something that happened, on its way to the main thread. */
typedef struct
{
  GemelEventCode code;
  GemelCause     cause;
  guint64        term;
  gint64         a;
  gint64         b;
  char          *subject;
  char          *message;
} Report;

static void
report_free (gpointer data)
{
  Report *report = data;

  g_free (report->subject);
  g_free (report->message);
  g_free (report);
}

static void
take_report (GemelNode *node,
             gpointer   data)
{
  const Report *r = data;

  gboolean gave_up = r->code == GEMEL_EVENT_LEVEL_CHANGED && r->a == GEMEL_LEVEL_ACTIVE;

  if (r->code == GEMEL_EVENT_CHANGEOVER || gave_up)
    {
      node->last_changeover_unix_us = gemel_clock_unix_us ();
      node->last_changeover_cause = r->cause;
    }
  gemel_node_add_event (node, r->code, r->cause, r->term, r->subject, r->message, r->a, r->b);
}

static Report *
report_new (GemelEventCode code,
            const char    *subject,
            const char    *message)
{
  Report *report = g_new0 (Report, 1);

  report->code = code;
  report->subject = g_strdup (subject);
  report->message = g_strdup (message);
  return report;
}

/* ---- the link ---- */

static gboolean
view_is_news (const GemelView *a,
              const GemelView *b)
{
  return a->state != b->state || a->level != b->level || a->active_term != b->active_term ||
         a->term != b->term || a->switching != b->switching || a->peer_link_up != b->peer_link_up ||
         a->peer_alive != b->peer_alive || a->peer_effective != b->peer_effective ||
         a->peer_synced != b->peer_synced || a->synced != b->synced || a->role != b->role ||
         a->may_write_config != b->may_write_config || a->recovery_due_us != b->recovery_due_us ||
         a->peer_eligible != b->peer_eligible || a->eligible != b->eligible ||
         a->recovery_mode != b->recovery_mode;
}

static void
on_view (const GemelView *view,
         gpointer         user_data)
{
  GemelNode *node = user_data;

  if (node->sync != NULL)
    gemel_sync_set_view (node->sync, view);
  /* Only this thread touches last_view. Mere times are read when something else changes. */
  if (!view_is_news (view, &node->last_view))
    return;
  node->last_view = *view;
  gemel_node_mark (node, TRUE);
}

typedef struct
{
  GemelLevel level;
  guint64    term;
} LevelChange;

static void
take_level (GemelNode *node,
            gpointer   data)
{
  const LevelChange *change = data;

  if (node->interval_term != 0)
    gemel_node_db_mark_interval (node->node_db, node->interval_term, gemel_clock_unix_us (), TRUE);
  node->interval_term = 0;
  if (change->level == GEMEL_LEVEL_ACTIVE)
    {
      node->interval_term = change->term;
      gemel_node_db_begin_interval (node->node_db, change->term, gemel_clock_unix_us ());
    }
  if (!node->exiting)
    gemel_modules_set_level (node->modules, change->level, change->term);
}

static void
on_level (GemelLevel level,
          GemelCause cause,
          guint64    term,
          gpointer   user_data)
{
  LevelChange *change = g_new0 (LevelChange, 1);

  change->level = level;
  change->term = term;
  gemel_node_post (user_data, take_level, change, g_free);
}

static void
on_link_event (GemelEventCode code,
               GemelCause     cause,
               guint64        term,
               gint64         a,
               gint64         b,
               const char    *text,
               gpointer       user_data)
{
  g_autofree char *sentence = text == NULL ? gemel_event_text (code, cause, term, a, b) : NULL;
  g_autofree char *told = text != NULL ? gemel_event_text_about (code, NULL, text) : NULL;
  Report          *report = report_new (code, text, told != NULL ? told : sentence);

  report->cause = cause;
  report->term = term;
  report->a = a;
  report->b = b;
  gemel_node_post (user_data, take_report, report, report_free);
}

/* Modules first: what they still write while they stop must be drained too. */
static void
take_quiesce (GemelNode *node,
              gpointer   data)
{
  node->quiesce_id = *(guint64 *) data;
  gemel_modules_quiesce (node->modules);
}

static void
on_quiesce (guint64  switch_id,
            gpointer user_data)
{
  gemel_node_post (user_data, take_quiesce, g_memdup2 (&switch_id, sizeof switch_id), g_free);
}

static void
take_unquiesce (GemelNode *node,
                gpointer   data)
{
  node->quiesce_id = 0;
  if (!node->exiting && node->interval_term != 0)
    gemel_modules_set_level (node->modules, GEMEL_LEVEL_ACTIVE, node->interval_term);
}

static void
on_unquiesce (guint64  switch_id,
              gpointer user_data)
{
  GemelNode *node = user_data;

  gemel_sync_unquiesce (node->sync);
  gemel_node_post (node, take_unquiesce, NULL, NULL);
}

static void
on_catch_up (guint64                  switch_id,
             const GemelPairPosition *target,
             gpointer                 user_data)
{
  GemelNode *node = user_data;

  gemel_sync_catch_up (node->sync, switch_id, target);
}

typedef struct
{
  guint64    id;
  gboolean   done;
  GemelCause cause;
} Reply;

static void
take_reply (GemelNode *node,
            gpointer   data)
{
  const Reply *reply = data;

  gemel_node_on_reply (node, reply->id, reply->done, reply->cause);
}

static void
on_reply (guint64    request_id,
          gboolean   done,
          GemelCause cause,
          gpointer   user_data)
{
  Reply *reply = g_new0 (Reply, 1);

  reply->id = request_id;
  reply->done = done;
  reply->cause = cause;
  gemel_node_post (user_data, take_reply, reply, g_free);
}

static void
take_peer_status (GemelNode *node,
                  gpointer   data)
{
  gboolean news;

  if (data == NULL)
    return; /* the last one stays, with its age */
  news = gemel_node_status_is_news (node->peer, data);
  g_clear_pointer (&node->peer, gemel_peer_status_free);
  node->peer = gemel_peer_status_copy (data);
  node->peer_status_unix_us = gemel_clock_unix_us ();
  if (!news)
    return;
  gemel_sync_set_peer_name (node->sync, node->peer->name);
  gemel_node_mark (node, FALSE);
}

static void
free_peer_status (gpointer data)
{
  if (data != NULL)
    gemel_peer_status_free (data);
}

static void
on_peer_status (const GemelPeerStatus *status,
                gpointer               user_data)
{
  gemel_node_post (user_data, take_peer_status,
                   status != NULL ? gemel_peer_status_copy (status) : NULL, free_peer_status);
}

typedef struct
{
  gboolean up;
  char    *address;
} Session;

static void
session_free (gpointer data)
{
  Session *session = data;

  g_free (session->address);
  g_free (session);
}

static void
take_session (GemelNode *node,
              gpointer   data)
{
  const Session *session = data;

  node->session_up = session->up;
  if (session->address != NULL)
    {
      g_free (node->peer_address);
      node->peer_address = g_strdup (session->address);
    }
  gemel_node_apply_peer (node);
  gemel_node_mark (node, TRUE);
}

static void
on_session (gboolean    up,
            const char *peer_address,
            gpointer    user_data)
{
  Session *session = g_new0 (Session, 1);

  session->up = up;
  session->address = g_strdup (peer_address);
  gemel_node_post (user_data, take_session, session, session_free);
}

/* Everything is handed over: the modules stop, then the process. */
static void
take_exit (GemelNode *node,
           gpointer   data)
{
  node->exiting = TRUE;
  gemel_modules_stop_all (node->modules);
}

static void
on_core_exit (gpointer user_data)
{
  gemel_node_post (user_data, take_exit, NULL, NULL);
}

static void
on_feed_watchdog (gpointer user_data)
{
  gemel_notify ("WATCHDOG=1");
}

const GemelLinkPort gemel_node_link_port = {
  .view = on_view,
  .level = on_level,
  .event = on_link_event,
  .quiesce = on_quiesce,
  .unquiesce = on_unquiesce,
  .catch_up = on_catch_up,
  .reply = on_reply,
  .peer_status = on_peer_status,
  .session = on_session,
  .exit = on_core_exit,
  .feed_watchdog = on_feed_watchdog,
};

/* ---- sync ---- */

static void
on_sync_event (GemelEventCode code,
               const char    *subject,
               const char    *message,
               gint64         a,
               gpointer       user_data)
{
  g_autofree char *told = gemel_event_text_about (code, subject, message);
  Report          *report = report_new (code, subject, told);

  report->a = a;
  gemel_node_post (user_data, take_report, report, report_free);
}

typedef struct
{
  GemelProviderStats *stats;
  guint               n;
  GemelSyncCounters   counters;
} Stats;

static void
stats_free (gpointer data)
{
  Stats *stats = data;

  g_free (stats->stats);
  g_free (stats);
}

static void
take_stats (GemelNode *node,
            gpointer   data)
{
  Stats *stats = data;

  g_free (node->providers);
  node->providers = g_steal_pointer (&stats->stats);
  node->n_providers = stats->n;
  node->sync_counters = stats->counters;
  gemel_node_watch_resync (node);
  gemel_node_mark (node, FALSE);
}

static void
on_stats (const GemelProviderStats *stats,
          guint                     n_stats,
          const GemelSyncCounters  *counters,
          gpointer                  user_data)
{
  Stats *copy = g_new0 (Stats, 1);

  copy->stats = g_memdup2 (stats, n_stats * sizeof *stats);
  copy->n = n_stats;
  copy->counters = *counters;
  gemel_node_post (user_data, take_stats, copy, stats_free);
}

typedef struct
{
  gboolean         eligible;
  GemelConfigState config_state;
} Standing;

static void
on_identity_saved (GObject      *source,
                   GAsyncResult *result,
                   gpointer      user_data)
{
  GemelNode         *node = user_data;
  g_autoptr (GError) local_error = NULL;

  if (!gemel_node_db_save_identity_finish (node->node_db, result, &local_error))
    gemel_log_error ("store", "remembering that the configuration of the pair was received",
                     local_error);
}

static void
take_standing (GemelNode *node,
               gpointer   data)
{
  const Standing *standing = data;

  node->config_state = standing->config_state;
  if (standing->eligible && !node->identity.synced_once)
    {
      node->identity.synced_once = TRUE;
      gemel_node_db_save_identity_async (node->node_db, &node->identity, NULL, on_identity_saved,
                                         node);
    }
  gemel_node_mark (node, TRUE);
}

static void
on_standing (gboolean         eligible,
             gboolean         synced,
             GemelConfigState config_state,
             gpointer         user_data)
{
  GemelNode *node = user_data;
  GemelInput input = { .type = GEMEL_INPUT_SYNC, .u.sync = { eligible, synced } };
  Standing  *standing = g_new0 (Standing, 1);

  gemel_link_push (node->link, &input);
  standing->eligible = eligible;
  standing->config_state = config_state;
  gemel_node_post (node, take_standing, standing, g_free);
}

static void
push_position (GemelNode               *node,
               GemelInputType           type,
               guint64                  switch_id,
               const GemelPairPosition *position)
{
  GemelInput input = { .type = type };

  input.u.caught.switch_id = switch_id;
  input.u.caught.position = *position;
  gemel_link_push (node->link, &input);
}

static void
on_quiesced (guint64                  switch_id,
             const GemelPairPosition *position,
             gpointer                 user_data)
{
  push_position (user_data, GEMEL_INPUT_QUIESCED, switch_id, position);
}

static void
on_caught_up (guint64                  switch_id,
              const GemelPairPosition *position,
              gpointer                 user_data)
{
  push_position (user_data, GEMEL_INPUT_CAUGHT_UP, switch_id, position);
}

static void
on_moved (const GemelPairPosition *position,
          gpointer                 user_data)
{
  push_position (user_data, GEMEL_INPUT_POSITION, 0, position);
}

/* A full backup replaced the configuration: modules must not see half of it. */
static void
take_soft_restart (GemelNode *node,
                   gpointer   data)
{
  gboolean  begin = GPOINTER_TO_INT (data);
  GemelView view;

  if (node->exiting)
    return;
  gemel_link_get_view (node->link, &view);
  if (begin)
    gemel_modules_set_level (node->modules, GEMEL_LEVEL_UNDECIDED, view.term);
  else
    {
      gemel_modules_set_level (node->modules, view.level,
                               view.level == GEMEL_LEVEL_ACTIVE ? view.active_term : view.term);
      gemel_node_take_shared_settings (node);
    }
}

static void
on_soft_restart (gboolean begin,
                 gpointer user_data)
{
  gemel_node_post (user_data, take_soft_restart, GINT_TO_POINTER (begin), NULL);
}

const GemelSyncPort gemel_node_sync_port = {
  .event = on_sync_event,
  .stats = on_stats,
  .standing = on_standing,
  .quiesced = on_quiesced,
  .caught_up = on_caught_up,
  .moved = on_moved,
  .soft_restart = on_soft_restart,
};

/* ---- stores ---- */

typedef struct
{
  guint64 seq;
  GStrv   providers;
} ConfigChange;

static void
config_change_free (gpointer data)
{
  ConfigChange *change = data;

  g_strfreev (change->providers);
  g_free (change);
}

static void
take_config_change (GemelNode *node,
                    gpointer   data)
{
  const ConfigChange *change = data;
  const char *const  *providers = (const char *const *) change->providers;

  if (g_strv_contains (providers, GEMEL_SETTINGS_PROVIDER))
    gemel_node_take_shared_settings (node);
  if (node->surface != NULL)
    node->surface->config_changed (change->seq, providers, node->surface_data);
}

static GStrv
dup_touched_providers (GPtrArray *entries)
{
  g_autoptr (GStrvBuilder) names = g_strv_builder_new ();
  g_autoptr (GHashTable)   seen = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);

  for (guint i = 0; i < entries->len; i++)
    {
      g_autoptr (GPtrArray) ops = gemel_entry_dup_ops (g_ptr_array_index (entries, i), NULL);

      for (guint j = 0; ops != NULL && j < ops->len; j++)
        {
          const GemelConfigOp *op = g_ptr_array_index (ops, j);

          if (g_hash_table_add (seen, g_strdup (op->provider)))
            g_strv_builder_add (names, op->provider);
        }
    }
  return g_strv_builder_end (names);
}

/**
 * gemel_node_on_config_changed:
 * @entries: appended just now
 * @info: the store afterwards
 * @user_data: the node
 * Thread: the configuration store's
 */
void
gemel_node_on_config_changed (GPtrArray             *entries,
                              const GemelConfigInfo *info,
                              gpointer               user_data)
{
  GemelNode    *node = user_data;
  ConfigChange *change = g_new0 (ConfigChange, 1);

  if (node->sync != NULL)
    gemel_sync_config_changed (node->sync, entries);
  change->seq = info->head.seq;
  change->providers = dup_touched_providers (entries);
  gemel_node_post (node, take_config_change, change, config_change_free);
  gemel_node_mark (node, FALSE);
}

static void
on_sunk (const guint8 origin[16],
         guint64      mark,
         gpointer     user_data)
{
  GemelNode *node = user_data;

  if (node->sync != NULL)
    gemel_sync_history_moved (node->sync, origin, mark);
}

static void
on_history_event (int         gemel_event_code,
                  const char *message,
                  gint64      a,
                  gpointer    user_data)
{
  Report *report = report_new ((GemelEventCode) gemel_event_code, "history", message);

  report->a = a;
  gemel_node_post (user_data, take_report, report, report_free);
}

const GemelHistoryPort gemel_node_history_port = {
  .sunk = on_sunk,
  .event = on_history_event,
};

/* ---- the listener (main thread) ---- */

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

/* ---- modules (main thread) ---- */

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
