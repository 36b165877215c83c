/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The way in: fills GemelRequests with functions of the node.
 */
#include "api/gemel-error.h"
#include "gemel-event-text.h"
#include "gemel-node-private.h"

#include <string.h>

static GemelSnapshot *
ref_snapshot (gpointer data)
{
  GemelNode *node = data;

  return gemel_snapshot_ref (node->snapshot);
}

static guint64
begin_core_job (GemelNode     *node,
                const char    *operation,
                GemelInputType type,
                GError       **error)
{
  GemelInput input = { .type = type };
  guint64    job = gemel_jobs_begin (node->jobs, operation, type == GEMEL_INPUT_REQUEST_SWITCHOVER,
                                     error);

  if (job == 0)
    return 0;
  /* The job's id is the request's id: the core answers with it. */
  input.u.request_id = job;
  gemel_link_push (node->link, &input);
  return job;
}

static guint64
request_failover (gpointer data,
                  GError **error)
{
  GemelNode *node = data;

  if (!node->identity.paired)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_NOT_PAIRED,
                           "this node has no peer to hand over to; pair it first (gemelctl pair "
                           "invite)");
      return 0;
    }
  return begin_core_job (node, "failover", GEMEL_INPUT_REQUEST_SWITCHOVER, error);
}

static guint64
force_active (gpointer data,
              GError **error)
{
  return begin_core_job (data, "force-active", GEMEL_INPUT_FORCE_ACTIVE, error);
}

/**
 * gemel_node_on_reply:
 * @node: the node
 * @request_id: of the job
 * @done: whether it was done
 * @cause: why not; COMMITTED: handed over, success not seen
 * Thread: main
 */
void
gemel_node_on_reply (GemelNode *node,
                     guint64    request_id,
                     gboolean   done,
                     GemelCause cause)
{
  if (done)
    gemel_jobs_end (node->jobs, request_id, "done", NULL);
  else if (cause == GEMEL_CAUSE_COMMITTED)
    gemel_jobs_end (node->jobs, request_id, "unknown",
                    "handed over, but the peer was not seen active; look at the levels");
  else if (cause == GEMEL_CAUSE_ABORTED)
    gemel_jobs_end (node->jobs, request_id, "cancelled", gemel_cause_text (cause));
  else
    gemel_jobs_end (node->jobs, request_id, "failed", gemel_cause_text (cause));
}

/* ---- re-sync ---- */

static guint64
count_full_syncs (GemelNode *node,
                  gboolean  *ret_needed,
                  double    *ret_progress)
{
  guint64 n = 0;

  *ret_needed = FALSE;
  *ret_progress = -1;
  for (guint i = 0; i < node->n_providers; i++)
    {
      const GemelProviderStats *p = &node->providers[i];

      n += p->full_syncs;
      *ret_needed |= p->full_sync_needed;
      if (p->full_total_bytes > 0)
        *ret_progress = (double) p->full_done_bytes / (double) p->full_total_bytes;
    }
  return n;
}

/* Each side of history sends what the other lacks, so there is no copy to take. */
static gboolean
is_pulled (GemelNode  *node,
           const char *provider,
           GError    **error)
{
  gboolean known = provider == NULL || provider[0] == '\0' || g_str_equal (provider, "config") ||
                   g_str_equal (provider, "state");

  for (guint i = 0; !known && i < node->n_providers; i++)
    known = g_str_has_prefix (provider, "state/") &&
            g_str_equal (node->providers[i].name, provider);
  if (!known)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND,
                 "%s cannot be re-synchronised; there are config, state, and state/NAME of a "
                 "provider that has state (gemelctl status)",
                 provider);
  return known;
}

static guint64
force_resync (gpointer    data,
              const char *provider,
              GError    **error)
{
  GemelNode *node = data;
  gboolean   needed;
  double     progress;

  if (!node->session_up)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PEER_UNAVAILABLE,
                           "the peer is not connected; re-sync when it is (gemelctl status)");
      return 0;
    }
  if (!is_pulled (node, provider, error))
    return 0;
  if (gemel_jobs_find_running (node->jobs, "resync") != 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_BUSY, "a re-sync is running already");
      return 0;
    }
  node->resync_job = gemel_jobs_begin (node->jobs, "resync", FALSE, error);
  if (node->resync_job == 0)
    return 0;
  node->resync_base = count_full_syncs (node, &needed, &progress);
  gemel_sync_force_full (node->sync, provider != NULL && provider[0] != '\0' ? provider : NULL);
  return node->resync_job;
}

/**
 * gemel_node_watch_resync:
 * @node: the node, with new statistics
 *
 * A re-sync is over when a full sync was counted since and none is needed any more.
 * Thread: main
 */
void
gemel_node_watch_resync (GemelNode *node)
{
  gboolean needed;
  double   progress;
  guint64  n;

  if (node->resync_job == 0)
    return;
  n = count_full_syncs (node, &needed, &progress);
  if (n > node->resync_base && !needed && progress < 0)
    {
      gemel_jobs_end (node->jobs, node->resync_job, "done",
                      "the whole copy was taken and verified");
      node->resync_job = 0;
    }
  else if (!node->session_up)
    {
      gemel_jobs_end (node->jobs, node->resync_job, "failed",
                      "the peer was lost; the copy begins anew when it is back");
      node->resync_job = 0;
    }
  else
    gemel_jobs_report (node->jobs, node->resync_job, progress, NULL);
}

/* ---- jobs, settings, the rest ---- */

static gboolean
job_cancel (gpointer data,
            guint64  id,
            GError **error)
{
  GemelNode    *node = data;
  GCancellable *cancellable = gemel_jobs_get_cancellable (node->jobs, id);
  GemelInput    input = { .type = GEMEL_INPUT_ABORT_SWITCHOVER, .u.request_id = id };

  if (cancellable == NULL)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND,
                   "job %" G_GUINT64_FORMAT " does not run or cannot be cancelled", id);
      return FALSE;
    }
  g_cancellable_cancel (cancellable);
  gemel_link_push (node->link, &input);
  return TRUE;
}

static gboolean
job_get (gpointer      data,
         guint64       id,
         GemelJobInfo *ret_info)
{
  GemelNode *node = data;

  return gemel_jobs_get (node->jobs, id, ret_info);
}

static guint64
pair_join (gpointer    data,
           const char *code,
           GError    **error)
{
  return gemel_node_pair_join (data, code, error);
}

static char *
pair_invite (gpointer    data,
             const char *address,
             gint64     *ret_expiry_unix_us,
             GError    **error)
{
  return gemel_node_pair_invite (data, address, ret_expiry_unix_us, error);
}

static void
unpair_async (gpointer            data,
              GAsyncReadyCallback callback,
              gpointer            user_data)
{
  gemel_node_unpair (data, g_task_new (NULL, NULL, callback, user_data));
}

static void
set_setting_async (gpointer            data,
                   const char         *name,
                   const char         *value,
                   GAsyncReadyCallback callback,
                   gpointer            user_data)
{
  gemel_node_set_setting (data, name, value, g_task_new (NULL, NULL, callback, user_data));
}

static gboolean
finish (gpointer      data,
        GAsyncResult *result,
        GError      **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static GemelSettings *
get_settings (gpointer data)
{
  return ((GemelNode *) data)->settings;
}

static GemelSync *
get_sync (gpointer data)
{
  return ((GemelNode *) data)->sync;
}

static GemelConfigDb *
get_config (gpointer data)
{
  return ((GemelNode *) data)->config;
}

static GemelHistory *
get_history (gpointer data)
{
  return ((GemelNode *) data)->history;
}

static GemelNodeDb *
get_node_db (gpointer data)
{
  return ((GemelNode *) data)->node_db;
}

static GVariant *
get_series (gpointer    data,
            const char *provider,
            const char *series,
            gint64      from_unix_us,
            gint64      to_unix_us,
            guint       points,
            GError    **error)
{
  GemelNode       *node = data;
  g_autofree char *key = g_strconcat (provider, "\n", series, NULL);
  GemelSeries     *found = g_hash_table_lookup (node->series, key);

  if (found == NULL)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND,
                   "provider %s has no series %s (there are pending, queued-rate and "
                   "dispatched-rate, and cache-bytes and cache-entries of config)",
                   provider, series);
      return NULL;
    }
  return gemel_series_read (found, from_unix_us, to_unix_us, points);
}

static GVariant *
describe_modules (gpointer data)
{
  return gemel_modules_describe (((GemelNode *) data)->modules);
}

/**
 * gemel_node_fill_requests:
 * @node: the node
 * Thread: main
 */
void
gemel_node_fill_requests (GemelNode *node)
{
  node->requests = (GemelRequests){
    .node = node,
    .ref_snapshot = ref_snapshot,
    .request_failover = request_failover,
    .force_active = force_active,
    .force_resync = force_resync,
    .pair_join = pair_join,
    .job_cancel = job_cancel,
    .job_get = job_get,
    .pair_invite = pair_invite,
    .unpair_async = unpair_async,
    .set_setting_async = set_setting_async,
    .finish = finish,
    .get_settings = get_settings,
    .get_sync = get_sync,
    .get_config = get_config,
    .get_history = get_history,
    .get_node_db = get_node_db,
    .get_series = get_series,
    .describe_modules = describe_modules,
  };
}
