/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One thread that owns one SQLite handle. Jobs run in order; writing jobs that wait together are
 * committed together (group commit), each inside its own savepoint, so that a failing job undoes
 * only itself and nobody is told "done" before the commit is on disk.
 */
#pragma once

#include <gio/gio.h>
#include <sqlite3.h>

G_BEGIN_DECLS

typedef struct _GemelWorker GemelWorker;

typedef enum
{
  GEMEL_JOB_READ = 0,  /* outside of any transaction */
  GEMEL_JOB_WRITE = 1, /* inside the group's transaction */
  GEMEL_JOB_ALONE = 2, /* manages its own transaction; the group before it is committed first */
} GemelJobKind;

/**
 * GemelJobFunc:
 * @worker: the worker, for gemel_worker_prepare ()
 * @data: of the job
 * @cancellable: (nullable): of the caller
 * @error: set it and return %NULL/%FALSE
 *
 * Returns: (transfer full): any pointer on success; for a job without a result use
 *   GINT_TO_POINTER (TRUE). It is freed with the destroy function given to push.
 * Thread: the worker's
 */
typedef gpointer (*GemelJobFunc) (GemelWorker  *worker,
                                  gpointer      data,
                                  GCancellable *cancellable,
                                  GError      **error);

/** Jobs that may wait; one more is refused with %GEMEL_ERROR_BUSY. */
#define GEMEL_WORKER_JOBS_MAX 4096
/** Writing jobs that are committed together at most. */
#define GEMEL_WORKER_GROUP_JOBS_MAX 128

/** Since the start. */
typedef struct
{
  guint64 jobs;      /* answered with a result */
  guint64 failed;    /* answered with an error of their own or of their group */
  guint64 cancelled; /* given up before they began */
  guint64 refused;   /* more than GEMEL_WORKER_JOBS_MAX were waiting */
  guint64 commits;   /* groups that are on disk */
  guint64 lost;      /* groups whose commit failed */
  guint   waiting;   /* jobs, now */
} GemelWorkerCounters;

/**
 * GemelWorkerCommitted:
 * @committed: %FALSE when the whole group was rolled back
 *
 * Called in the worker's thread after each group, before its jobs are answered.
 */
typedef void (*GemelWorkerCommitted) (GemelWorker *worker,
                                      gboolean     committed,
                                      gpointer     user_data);

GemelWorker *gemel_worker_open (const char *path,
                                const char *thread_name,
                                GError    **error) G_GNUC_WARN_UNUSED_RESULT;
void         gemel_worker_close (GemelWorker *worker); /* runs what is queued, then joins */

void     gemel_worker_push_async (GemelWorker        *worker,
                                  GemelJobKind        kind,
                                  GemelJobFunc        func,
                                  gpointer            data,
                                  GDestroyNotify      data_free,
                                  GDestroyNotify      result_free,
                                  GCancellable       *cancellable,
                                  GAsyncReadyCallback callback,
                                  gpointer            user_data);
gpointer gemel_worker_push_finish (GemelWorker  *worker,
                                   GAsyncResult *result,
                                   GError      **error) G_GNUC_WARN_UNUSED_RESULT;

/* Answers as push_async () would, without having queued anything; for checks at the edge. */
void gemel_worker_refuse_async (GError             *error, /* transfer full */
                                GCancellable       *cancellable,
                                GAsyncReadyCallback callback,
                                gpointer            user_data);

/* Waits for the job; for start-up, tools and tests, never on a main context. */
gpointer gemel_worker_run (GemelWorker *worker,
                           GemelJobKind kind,
                           GemelJobFunc func,
                           gpointer     data,
                           GError     **error) G_GNUC_WARN_UNUSED_RESULT;

void gemel_worker_set_committed (GemelWorker         *worker,
                                 GemelWorkerCommitted committed,
                                 gpointer             user_data); /* before the first write */
void gemel_worker_get_counters (GemelWorker         *worker,
                                GemelWorkerCounters *ret_counters); /* any thread */

/* Inside a job only. */
sqlite3      *gemel_worker_get_db (GemelWorker *worker);
sqlite3_stmt *gemel_worker_prepare (GemelWorker *worker,
                                    const char  *sql, /* a literal: the cache is keyed by pointer */
                                    GError     **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean      gemel_worker_exec (GemelWorker *worker,
                                 const char  *sql,
                                 GError     **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean      gemel_worker_step_done (GemelWorker  *worker,
                                      sqlite3_stmt *stmt,
                                      GError      **error) G_GNUC_WARN_UNUSED_RESULT;

/* Inside a job of kind GEMEL_JOB_ALONE only. */
/* FALSE: closing */
gboolean gemel_worker_run_again (GemelWorker *worker) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_worker_close_db (GemelWorker *worker,
                                GError     **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_worker_reopen_db (GemelWorker *worker,
                                 GError     **error) G_GNUC_WARN_UNUSED_RESULT;

/** One line each, numbered from 1 by their place; runs what PRAGMA user_version lacks. */
typedef struct
{
  const char *what;
  const char *sql;
} GemelMigration;

gboolean gemel_worker_migrate (GemelWorker          *worker,
                               const GemelMigration *migrations,
                               guint                 n_migrations,
                               GError              **error) G_GNUC_WARN_UNUSED_RESULT;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelWorker, gemel_worker_close)

G_END_DECLS
