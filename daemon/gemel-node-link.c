/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the link thread reports. It hands data straight to sync, whose door is a queue, and posts
 * the rest to the main thread as one small record.
 */
#include "gemel-event-text.h"
#include "gemel-node-private.h"
#include "system/gemel-clock.h"
#include "system/gemel-notify.h"

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

  g_mutex_lock (&node->sync_lock);
  if (node->sync != NULL)
    gemel_sync_set_view (node->sync, view);
  g_mutex_unlock (&node->sync_lock);
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
  GemelNodeReport *report = gemel_node_report_new (code, text, told != NULL ? told : sentence);

  report->cause = cause;
  report->term = term;
  report->a = a;
  report->b = b;
  gemel_node_report (user_data, report);
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

  g_mutex_lock (&node->sync_lock);
  if (node->sync != NULL)
    gemel_sync_unquiesce (node->sync);
  g_mutex_unlock (&node->sync_lock);
  gemel_node_post (node, take_unquiesce, NULL, NULL);
}

static void
on_catch_up (guint64                  switch_id,
             const GemelPairPosition *target,
             gpointer                 user_data)
{
  GemelNode *node = user_data;

  g_mutex_lock (&node->sync_lock);
  if (node->sync != NULL)
    gemel_sync_catch_up (node->sync, switch_id, target);
  g_mutex_unlock (&node->sync_lock);
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
