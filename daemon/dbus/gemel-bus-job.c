/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.Job: one object for each piece of long work, as long as the node knows it.
 */
#include "dbus/gemel-dbus-private.h"

#include <string.h>

struct _GemelBusJobs
{
  GemelDbus  *dbus;
  GHashTable *table; /* of Job by its own id */
};

typedef struct
{
  guint64      id;
  char        *path;
  GemelBusJob *skeleton; /* owned */
} Job;

static void
job_free (gpointer data)
{
  Job *job = data;

  g_object_unref (job->skeleton);
  g_free (job->path);
  g_free (job);
}

static void
run_cancel (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  const char          *path = g_dbus_method_invocation_get_object_path (call->invocation);
  const guint64        id = g_ascii_strtoull (path + strlen (GEMEL_BUS_PATH_JOBS "/"), NULL, 10);
  GError              *local_error = NULL;

  if (requests->job_cancel (requests->node, id, &local_error))
    gemel_bus_call_return (call, NULL);
  else
    gemel_bus_call_fail (call, local_error);
}

static const GemelBusMethod methods[] = {
  { "Cancel", GEMEL_RIGHT_OPERATE, NULL, NULL, run_cancel },
};

static void
render_job (GemelBusJob        *skeleton,
            const GemelJobInfo *info)
{
  gemel_bus_job_set_operation (skeleton, info->operation);
  gemel_bus_job_set_progress (skeleton, info->progress);
  gemel_bus_job_set_result (skeleton, info->result);
  gemel_bus_job_set_message (skeleton, info->message ? info->message : "");
  gemel_bus_job_set_started_usec (skeleton, gemel_bus_usec (info->started_unix_us));
  gemel_bus_job_set_cancellable (skeleton, info->cancellable);
}

static void
add_job (GemelBusJobs       *jobs,
         const GemelJobInfo *info)
{
  g_autoptr (GDBusObjectSkeleton) object = NULL;
  Job                            *job = g_new0 (Job, 1);

  job->id = info->id;
  job->path = g_strdup_printf (GEMEL_BUS_PATH_JOBS "/%" G_GUINT64_FORMAT, info->id);
  job->skeleton = gemel_bus_job_skeleton_new ();
  gemel_bus_connect_methods (jobs->dbus, job->skeleton, methods, G_N_ELEMENTS (methods));
  render_job (job->skeleton, info);

  object = g_dbus_object_skeleton_new (job->path);
  g_dbus_object_skeleton_add_interface (object, G_DBUS_INTERFACE_SKELETON (job->skeleton));
  g_dbus_object_manager_server_export (jobs->dbus->manager, object);
  g_hash_table_insert (jobs->table, &job->id, job);
}

/**
 * gemel_bus_jobs_new:
 * @dbus: whose
 *
 * Returns: (transfer full): an empty set of jobs.
 * Thread: main
 */
GemelBusJobs *
gemel_bus_jobs_new (GemelDbus *dbus)
{
  GemelBusJobs *jobs = g_new0 (GemelBusJobs, 1);

  jobs->dbus = dbus;
  jobs->table = g_hash_table_new_full (g_int64_hash, g_int64_equal, NULL, job_free);
  return jobs;
}

/**
 * gemel_bus_jobs_free:
 * @jobs: (transfer full): the set
 *
 * Thread: main
 */
void
gemel_bus_jobs_free (GemelBusJobs *jobs)
{
  g_hash_table_unref (jobs->table);
  g_free (jobs);
}

static void
drop_job (GemelBusJobs *jobs,
          Job          *job)
{
  const guint64 id = job->id;

  g_dbus_object_manager_server_unexport (jobs->dbus->manager, job->path);
  g_hash_table_remove (jobs->table, &id);
}

/**
 * gemel_bus_jobs_changed:
 * @jobs: the set
 * @id: a job
 * @gone: the node knows it no more
 *
 * Shows the job as it is now, or takes it down.
 * Thread: main
 */
void
gemel_bus_jobs_changed (GemelBusJobs *jobs,
                        guint64       id,
                        gboolean      gone)
{
  const GemelRequests *requests = jobs->dbus->requests;
  Job                 *job = g_hash_table_lookup (jobs->table, &id);
  GemelJobInfo         info = { 0 };

  if (gone || !requests->job_get (requests->node, id, &info))
    {
      if (job != NULL)
        drop_job (jobs, job);
      return;
    }
  if (job == NULL)
    add_job (jobs, &info);
  else
    render_job (job->skeleton, &info);
}

/**
 * gemel_bus_jobs_reply:
 * @jobs: the set
 * @call: (transfer full): the call that started the job
 * @id: the job, or 0
 * @error: (transfer full) (nullable): why there is none
 *
 * Answers with the path of the job, which is there when the answer arrives.
 * Thread: main
 */
void
gemel_bus_jobs_reply (GemelBusJobs *jobs,
                      GemelBusCall *call,
                      guint64       id,
                      GError       *error)
{
  const Job *job;

  if (id == 0)
    {
      gemel_bus_call_fail (call, error);
      return;
    }
  if (!g_hash_table_contains (jobs->table, &id))
    gemel_bus_jobs_changed (jobs, id, FALSE);
  job = g_hash_table_lookup (jobs->table, &id);
  if (job == NULL)
    gemel_bus_call_fail (call, g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_FAILED,
                                                    "the job ended before it could be shown; look "
                                                    "at the events"));
  else
    gemel_bus_call_return (call, g_variant_new ("(o)", job->path));
}
