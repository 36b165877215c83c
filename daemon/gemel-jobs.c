/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A small table of jobs.
 */
#include "gemel-jobs.h"

#include "api/gemel-error.h"
#include "system/gemel-clock.h"

#define KEEP_SECONDS 300

typedef struct
{
  GemelJobs    *jobs;
  guint64       id;
  char         *operation;
  char         *result;
  char         *message;
  double        progress;
  gint64        started_unix_us;
  gboolean      is_cancellable;
  GCancellable *cancellable;
  GSource      *expiry; /* (nullable): set when it ended */
} Job;

struct _GemelJobs
{
  GHashTable      *table; /* of Job by its own id */
  guint64          last_id;
  GemelJobsChanged changed;
  gpointer         user_data;
};

static void
job_free (gpointer data)
{
  Job *job = data;

  if (job->expiry != NULL)
    g_source_destroy (job->expiry);
  g_clear_pointer (&job->expiry, g_source_unref);
  g_clear_object (&job->cancellable);
  g_free (job->operation);
  g_free (job->result);
  g_free (job->message);
  g_free (job);
}

/**
 * gemel_jobs_new:
 * @changed: called at each change, and with gone when a job is forgotten
 * @user_data: for @changed
 *
 * Returns: (transfer full): an empty table.
 * Thread: main
 */
GemelJobs *
gemel_jobs_new (GemelJobsChanged changed,
                gpointer         user_data)
{
  GemelJobs *self = g_new0 (GemelJobs, 1);

  self->table = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, job_free);
  self->changed = changed;
  self->user_data = user_data;
  return self;
}

/**
 * gemel_jobs_free:
 * @jobs: (transfer full): the table
 * Thread: main
 */
void
gemel_jobs_free (GemelJobs *jobs)
{
  g_hash_table_unref (jobs->table);
  g_free (jobs);
}

static Job *
find (GemelJobs *jobs,
      guint64    id)
{
  return g_hash_table_lookup (jobs->table, &id);
}

static void
forget_oldest_ended (GemelJobs *jobs)
{
  GHashTableIter iter;
  gpointer       value;
  Job           *oldest = NULL;
  guint64        id;

  g_hash_table_iter_init (&iter, jobs->table);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Job *job = value;

      if (job->expiry != NULL && (oldest == NULL || job->id < oldest->id))
        oldest = job;
    }
  if (oldest == NULL)
    return;
  id = oldest->id;
  g_hash_table_remove (jobs->table, &id);
  jobs->changed (id, TRUE, jobs->user_data);
}

/**
 * gemel_jobs_begin:
 * @jobs: the table
 * @operation: token, for example "failover"
 * @cancellable: whether Cancel makes sense
 * @error: GEMEL_ERROR_LIMIT when too many jobs run
 *
 * Returns: the id of the new job, or 0.
 * Thread: main
 */
guint64
gemel_jobs_begin (GemelJobs  *jobs,
                  const char *operation,
                  gboolean    cancellable,
                  GError    **error)
{
  Job *job;

  if (g_hash_table_size (jobs->table) >= GEMEL_JOBS_MAX)
    forget_oldest_ended (jobs);
  if (g_hash_table_size (jobs->table) >= GEMEL_JOBS_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                   "%d jobs are running; wait for one to end or cancel it", GEMEL_JOBS_MAX);
      return 0;
    }
  job = g_new0 (Job, 1);
  job->jobs = jobs;
  job->id = ++jobs->last_id;
  job->operation = g_strdup (operation);
  job->result = g_strdup ("");
  job->message = g_strdup ("");
  job->progress = -1;
  job->started_unix_us = gemel_clock_unix_us ();
  job->is_cancellable = cancellable;
  job->cancellable = g_cancellable_new ();
  g_hash_table_insert (jobs->table, &job->id, job);
  jobs->changed (job->id, FALSE, jobs->user_data);
  return job->id;
}

/**
 * gemel_jobs_report:
 * @jobs: the table
 * @id: a job; an unknown one is ignored
 * @progress: 0..1, < 0 unknown
 * @message: (nullable): what it does now
 * Thread: main
 */
void
gemel_jobs_report (GemelJobs  *jobs,
                   guint64     id,
                   double      progress,
                   const char *message)
{
  Job *job = find (jobs, id);

  if (job == NULL || job->expiry != NULL)
    return;
  job->progress = progress;
  if (message != NULL)
    {
      g_free (job->message);
      job->message = g_strdup (message);
    }
  jobs->changed (id, FALSE, jobs->user_data);
}

static gboolean
on_expired (gpointer user_data)
{
  Job       *job = user_data;
  GemelJobs *jobs = job->jobs;
  guint64    id = job->id;

  g_hash_table_remove (jobs->table, &id);
  jobs->changed (id, TRUE, jobs->user_data);
  return G_SOURCE_REMOVE;
}

/**
 * gemel_jobs_end:
 * @jobs: the table
 * @id: a job; one that ended already is left as it is
 * @result: "done", "failed", "cancelled" or "unknown"
 * @message: (nullable): why
 * Thread: main
 */
void
gemel_jobs_end (GemelJobs  *jobs,
                guint64     id,
                const char *result,
                const char *message)
{
  Job *job = find (jobs, id);

  if (job == NULL || job->expiry != NULL)
    return;
  g_free (job->result);
  job->result = g_strdup (result);
  g_free (job->message);
  job->message = g_strdup (message != NULL ? message : "");
  job->progress = 1;
  job->is_cancellable = FALSE;
  job->expiry = g_timeout_source_new_seconds (KEEP_SECONDS);
  g_source_set_callback (job->expiry, on_expired, job, NULL);
  g_source_attach (job->expiry, NULL);
  jobs->changed (id, FALSE, jobs->user_data);
}

/**
 * gemel_jobs_get:
 * @jobs: the table
 * @id: a job
 * @ret_info: (out): its strings are lent until the job changes
 *
 * Returns: %FALSE when there is no such job.
 * Thread: main
 */
gboolean
gemel_jobs_get (GemelJobs    *jobs,
                guint64       id,
                GemelJobInfo *ret_info)
{
  Job *job = find (jobs, id);

  if (job == NULL)
    return FALSE;
  ret_info->id = id;
  ret_info->operation = job->operation;
  ret_info->progress = job->progress;
  ret_info->result = job->result;
  ret_info->message = job->message;
  ret_info->started_unix_us = job->started_unix_us;
  ret_info->cancellable = job->is_cancellable;
  return TRUE;
}

/**
 * gemel_jobs_get_cancellable:
 * @jobs: the table
 * @id: a job
 *
 * Returns: (transfer none) (nullable): what its work watches; %NULL when it ended, cannot be
 *   cancelled or is unknown.
 * Thread: main
 */
GCancellable *
gemel_jobs_get_cancellable (GemelJobs *jobs,
                            guint64    id)
{
  Job *job = find (jobs, id);

  return job != NULL && job->is_cancellable ? job->cancellable : NULL;
}

/**
 * gemel_jobs_find_running:
 * @jobs: the table
 * @operation: token
 *
 * Returns: the id of a running job of that kind, or 0.
 * Thread: main
 */
guint64
gemel_jobs_find_running (GemelJobs  *jobs,
                         const char *operation)
{
  GHashTableIter iter;
  gpointer       value;

  g_hash_table_iter_init (&iter, jobs->table);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    {
      Job *job = value;

      if (job->expiry == NULL && g_str_equal (job->operation, operation))
        return job->id;
    }
  return 0;
}
