/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The thread of one database, its queue and the group commit.
 *
 *   queue: W1 W2 W3 R4 W5 ->  BEGIN [W1] [W2] [W3] COMMIT, answer 1 2 3;  R4, answer;  BEGIN [W5]
 *
 * Invariants:
 *  - a writing job is answered after the COMMIT of its group, with the group's error if that fails;
 *  - [..] is a savepoint: a job that fails undoes itself and nothing else. Some errors of SQLite
 *    (disk full, I/O) end the whole transaction; then every job of the group gets that error;
 *  - what was cancelled in time never began; what began is answered with what really happened.
 */
#include "store/gemel-worker.h"

#include "api/gemel-error.h"
#include "store/gemel-sqlite.h"

typedef struct
{
  GemelJobKind   kind;
  GemelJobFunc   func;
  gpointer       data;        /* owned, freed with data_free */
  GDestroyNotify data_free;   /* (nullable) */
  GDestroyNotify result_free; /* (nullable) */
  GCancellable  *cancellable; /* (nullable), owned */
  GTask         *task;        /* (nullable), owned: NULL when somebody waits in run () */
  gpointer       result;
  GError        *error;
  gboolean       done; /* of run (): under the worker's mutex */
} Job;

struct _GemelWorker
{
  char                 *path;
  GThread              *thread;
  sqlite3              *db;         /* (nullable): NULL after a failed reopen */
  GHashTable           *statements; /* literal -> sqlite3_stmt */
  const GemelMigration *migrations; /* (nullable): static table */
  guint                 n_migrations;
  gboolean              again;     /* the job that runs now wants to run again */
  GemelWorkerCommitted  committed; /* (nullable) */
  gpointer              committed_data;

  GMutex              mutex; /* guards what follows */
  GCond               wake;  /* a job came, or closing */
  GCond               done;  /* a job of run () is done */
  GQueue              jobs;
  gboolean            closing;
  GemelWorkerCounters counters;
};

static void
job_free (Job *job)
{
  if (job->data_free != NULL && job->data != NULL)
    job->data_free (job->data);
  if (job->result_free != NULL && job->result != NULL)
    job->result_free (job->result);
  g_clear_error (&job->error);
  g_clear_object (&job->cancellable);
  g_clear_object (&job->task);
  g_free (job);
}

static void
statement_free (gpointer stmt)
{
  (void) sqlite3_finalize (stmt);
}

/* A statement that a job left in the middle of its rows would hold a read transaction open, and
 * that would starve the checkpoints. */
static void
reset_statements (GemelWorker *worker)
{
  sqlite3_stmt *stmt = NULL;

  while (worker->db != NULL && (stmt = sqlite3_next_stmt (worker->db, stmt)) != NULL)
    if (sqlite3_stmt_busy (stmt))
      (void) sqlite3_reset (stmt);
}

static void
count_answer (GemelWorker *worker,
              const Job   *job)
{
  if (job->error == NULL)
    worker->counters.jobs++;
  else if (gemel_error_is (job->error, GEMEL_ERROR_CANCELLED))
    worker->counters.cancelled++;
  else
    worker->counters.failed++;
}

/* Ends the life of a job, except of one that somebody waits for in run () and frees there. */
static void
answer (GemelWorker *worker,
        Job         *job)
{
  gboolean is_waited_for = job->task == NULL;

  if (job->data_free != NULL && job->data != NULL)
    job->data_free (g_steal_pointer (&job->data));

  g_mutex_lock (&worker->mutex);
  count_answer (worker, job);
  job->done = TRUE;
  if (is_waited_for)
    g_cond_broadcast (&worker->done);
  g_mutex_unlock (&worker->mutex);
  if (is_waited_for)
    return;

  if (job->error != NULL)
    g_task_return_error (job->task, g_steal_pointer (&job->error));
  else
    g_task_return_pointer (job->task, g_steal_pointer (&job->result), job->result_free);
  job_free (job);
}

/* Takes the result back: the job did its part, but its group is not on disk. */
static void
fail_job (Job          *job,
          const GError *error)
{
  if (job->error != NULL)
    return;
  if (job->result_free != NULL && job->result != NULL)
    job->result_free (job->result);
  job->result = NULL;
  job->error = g_error_copy (error);
}

static gboolean
has_db (GemelWorker *worker,
        GError     **error)
{
  return worker->db != NULL || gemel_worker_reopen_db (worker, error);
}

/* Returns whether the job succeeded; otherwise job->error is set. */
static gboolean
call_job (GemelWorker *worker,
          Job         *job)
{
  if (g_cancellable_is_cancelled (job->cancellable))
    {
      g_set_error_literal (&job->error, GEMEL_ERROR, GEMEL_ERROR_CANCELLED,
                           "cancelled before it began");
      return FALSE;
    }
  if (!has_db (worker, &job->error))
    return FALSE;
  job->result = job->func (worker, job->data, job->cancellable, &job->error);
  reset_statements (worker);
  if (job->result != NULL || worker->again)
    return TRUE;
  if (job->error == NULL)
    g_set_error_literal (&job->error, GEMEL_ERROR, GEMEL_ERROR_FAILED,
                         "the job gave neither a result nor an error, report this as a bug");
  return FALSE;
}

/* Returns FALSE when the group's transaction is gone: SQLite ended it, or undoing failed. */
static gboolean
call_in_savepoint (GemelWorker *worker,
                   Job         *job,
                   GError     **error)
{
  if (!gemel_worker_exec (worker, "SAVEPOINT job", error))
    return FALSE;
  if (call_job (worker, job))
    return gemel_worker_exec (worker, "RELEASE job", error);
  if (worker->db != NULL && !sqlite3_get_autocommit (worker->db))
    return gemel_worker_exec (worker, "ROLLBACK TO job", error) &&
           gemel_worker_exec (worker, "RELEASE job", error);
  g_propagate_error (error, g_error_copy (job->error));
  return FALSE;
}

static Job *
take_next_of_group (GemelWorker *worker,
                    guint        n_in_group)
{
  Job *job = NULL;
  Job *next;

  g_mutex_lock (&worker->mutex);
  next = g_queue_peek_head (&worker->jobs);
  if (next != NULL && next->kind == GEMEL_JOB_WRITE && n_in_group < GEMEL_WORKER_GROUP_JOBS_MAX)
    job = g_queue_pop_head (&worker->jobs);
  g_mutex_unlock (&worker->mutex);
  return job;
}

static gboolean
run_group_jobs (GemelWorker *worker,
                GPtrArray   *group,
                GError     **error)
{
  if (!has_db (worker, error) || !gemel_worker_exec (worker, "BEGIN IMMEDIATE", error))
    return FALSE;
  for (Job *job = g_ptr_array_index (group, 0); job != NULL;)
    {
      if (!call_in_savepoint (worker, job, error))
        return FALSE;
      job = take_next_of_group (worker, group->len);
      if (job != NULL)
        g_ptr_array_add (group, job);
    }
  return gemel_worker_exec (worker, "COMMIT", error);
}

static void
end_group (GemelWorker *worker,
           gboolean     committed)
{
  if (!committed && worker->db != NULL && !sqlite3_get_autocommit (worker->db))
    (void) sqlite3_exec (worker->db, "ROLLBACK", NULL, NULL, NULL);
  g_mutex_lock (&worker->mutex);
  if (committed)
    worker->counters.commits++;
  else
    worker->counters.lost++;
  g_mutex_unlock (&worker->mutex);
  if (worker->committed != NULL)
    worker->committed (worker, committed, worker->committed_data);
}

static void
run_group (GemelWorker *worker,
           Job         *first)
{
  g_autoptr (GPtrArray) group = g_ptr_array_new ();
  g_autoptr (GError)    error = NULL;

  g_ptr_array_add (group, first);
  end_group (worker, run_group_jobs (worker, group, &error));
  for (guint i = 0; i < group->len; i++)
    {
      Job *job = g_ptr_array_index (group, i);

      if (error != NULL)
        fail_job (job, error);
      answer (worker, job);
    }
}

static void
run_single (GemelWorker *worker,
            Job         *job)
{
  worker->again = FALSE;
  (void) call_job (worker, job);
  if (worker->again && job->error == NULL)
    {
      g_mutex_lock (&worker->mutex);
      g_queue_push_tail (&worker->jobs, job);
      g_mutex_unlock (&worker->mutex);
    }
  else
    answer (worker, job);
  worker->again = FALSE;
}

static Job *
wait_for_job (GemelWorker *worker)
{
  Job *job;

  g_mutex_lock (&worker->mutex);
  while (worker->jobs.length == 0 && !worker->closing)
    g_cond_wait (&worker->wake, &worker->mutex);
  job = g_queue_pop_head (&worker->jobs);
  g_mutex_unlock (&worker->mutex);
  return job;
}

static gpointer
worker_thread (gpointer data)
{
  GemelWorker *worker = data;
  Job         *job;

  while ((job = wait_for_job (worker)) != NULL)
    if (job->kind == GEMEL_JOB_WRITE)
      run_group (worker, job);
    else
      run_single (worker, job);
  return NULL;
}

/* Returns FALSE when the queue is full or the worker is closing. */
static gboolean
enqueue (GemelWorker *worker,
         Job         *job,
         GError     **error)
{
  gboolean taken = FALSE;

  g_mutex_lock (&worker->mutex);
  if (worker->closing)
    g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_CANCELLED, "the store is being closed");
  else if (worker->jobs.length >= GEMEL_WORKER_JOBS_MAX)
    {
      worker->counters.refused++;
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_BUSY,
                   "the store has %d jobs waiting already, try again later",
                   GEMEL_WORKER_JOBS_MAX);
    }
  else
    {
      g_queue_push_tail (&worker->jobs, job);
      g_cond_signal (&worker->wake);
      taken = TRUE;
    }
  g_mutex_unlock (&worker->mutex);
  return taken;
}

/**
 * gemel_worker_open:
 * @path: the database file; made when it is not there
 * @thread_name: up to 15 characters, for top and gdb
 * @error: return location
 *
 * Opens the database and starts its thread.
 *
 * Returns: (transfer full) (nullable): the worker; close it with gemel_worker_close().
 * Errors: %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_STORE
 * Thread: any; blocks
 */
GemelWorker *
gemel_worker_open (const char *path,
                   const char *thread_name,
                   GError    **error)
{
  sqlite3     *db = gemel_sqlite_open (path, error);
  GemelWorker *worker;

  if (db == NULL)
    return NULL;
  worker = g_new0 (GemelWorker, 1);
  worker->path = g_strdup (path);
  worker->db = db;
  worker->statements = g_hash_table_new_full (NULL, NULL, NULL, statement_free);
  g_mutex_init (&worker->mutex);
  g_cond_init (&worker->wake);
  g_cond_init (&worker->done);
  g_queue_init (&worker->jobs);
  worker->thread = g_thread_new (thread_name, worker_thread, worker);
  return worker;
}

/**
 * gemel_worker_close:
 * @worker: (transfer full) (nullable): a worker
 *
 * Runs what is queued, joins the thread, closes the database. Jobs that run again and again end
 * with %GEMEL_ERROR_CANCELLED. Nobody may push any more.
 *
 * Thread: any but the worker's; blocks
 */
void
gemel_worker_close (GemelWorker *worker)
{
  if (worker == NULL)
    return;
  g_mutex_lock (&worker->mutex);
  worker->closing = TRUE;
  g_cond_signal (&worker->wake);
  g_mutex_unlock (&worker->mutex);
  g_thread_join (worker->thread);

  g_hash_table_unref (worker->statements);
  (void) sqlite3_close (worker->db);
  g_cond_clear (&worker->wake);
  g_cond_clear (&worker->done);
  g_mutex_clear (&worker->mutex);
  g_free (worker->path);
  g_free (worker);
}

static GTask *
new_task (GCancellable       *cancellable,
          GAsyncReadyCallback callback,
          gpointer            user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, gemel_worker_push_async);
  /* What was committed is reported as committed, also to somebody who has lost interest. */
  g_task_set_check_cancellable (task, FALSE);
  return task;
}

/**
 * gemel_worker_push_async:
 * @worker: a worker
 * @kind: how the job stands to transactions
 * @func: (scope async): what to do, in the worker's thread
 * @data: (transfer full): for @func
 * @data_free: (nullable): frees @data, in any thread, before the answer
 * @result_free: (nullable): frees a result that nobody takes
 * @cancellable: (nullable): looked at before the job begins, and by @func if it likes
 * @callback: (nullable): called in the caller's thread-default context; %NULL: fire and forget,
 *   errors are then seen in the counters alone
 * @user_data: for @callback
 *
 * Errors of finish: %GEMEL_ERROR_BUSY (queue full), %GEMEL_ERROR_CANCELLED, those of @func and, for
 *   a writing job, those of the commit
 * Thread: any
 */
void
gemel_worker_push_async (GemelWorker        *worker,
                         GemelJobKind        kind,
                         GemelJobFunc        func,
                         gpointer            data,
                         GDestroyNotify      data_free,
                         GDestroyNotify      result_free,
                         GCancellable       *cancellable,
                         GAsyncReadyCallback callback,
                         gpointer            user_data)
{
  Job               *job = g_new0 (Job, 1);
  g_autoptr (GError) error = NULL;

  job->kind = kind;
  job->func = func;
  job->data = data;
  job->data_free = data_free;
  job->result_free = result_free;
  g_set_object (&job->cancellable, cancellable);
  job->task = new_task (cancellable, callback, user_data);
  if (enqueue (worker, job, &error))
    return;
  g_task_return_error (job->task, g_steal_pointer (&error));
  job_free (job);
}

/**
 * gemel_worker_refuse_async:
 * @error: (transfer full): why
 * @cancellable: (nullable): of the caller
 * @callback: (nullable): of the caller
 * @user_data: for @callback
 *
 * Answers like gemel_worker_push_async() without a job: for what a check at the edge refused.
 *
 * Thread: any
 */
void
gemel_worker_refuse_async (GError             *error,
                           GCancellable       *cancellable,
                           GAsyncReadyCallback callback,
                           gpointer            user_data)
{
  g_autoptr (GTask) task = new_task (cancellable, callback, user_data);

  g_task_return_error (task, error);
}

/**
 * gemel_worker_push_finish:
 * @worker: a worker
 * @result: as given to the callback
 * @error: return location
 *
 * Returns: (transfer full) (nullable): what the job returned.
 * Errors: see gemel_worker_push_async()
 * Thread: that of the callback
 */
gpointer
gemel_worker_push_finish (GemelWorker  *worker,
                          GAsyncResult *result,
                          GError      **error)
{
  g_return_val_if_fail (g_task_is_valid (result, NULL), NULL);
  g_return_val_if_fail (g_async_result_is_tagged (result, gemel_worker_push_async), NULL);

  return g_task_propagate_pointer (G_TASK (result), error);
}

/**
 * gemel_worker_run:
 * @worker: a worker
 * @kind: how the job stands to transactions
 * @func: (scope call): what to do, in the worker's thread
 * @data: for @func; stays the caller's
 * @error: return location
 *
 * Waits for the job. For start-up, tools and tests; never on a main context, never inside a job.
 *
 * Returns: (transfer full) (nullable): what @func returned.
 * Errors: see gemel_worker_push_async(); %GEMEL_ERROR_FAILED inside a job
 * Thread: any but the worker's; blocks
 */
gpointer
gemel_worker_run (GemelWorker *worker,
                  GemelJobKind kind,
                  GemelJobFunc func,
                  gpointer     data,
                  GError     **error)
{
  Job job = { .kind = kind, .func = func, .data = data };

  if (g_thread_self () == worker->thread)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_FAILED,
                           "a job cannot wait for another job of its own worker");
      return NULL;
    }
  if (!enqueue (worker, &job, error))
    return NULL;
  g_mutex_lock (&worker->mutex);
  while (!job.done)
    g_cond_wait (&worker->done, &worker->mutex);
  g_mutex_unlock (&worker->mutex);
  if (job.error != NULL)
    g_propagate_error (error, job.error);
  return job.result;
}

/**
 * gemel_worker_set_committed:
 * @worker: a worker to which nobody has pushed a writing job yet
 * @committed: called after each group
 * @user_data: for @committed
 *
 * Thread: any; before the first write
 */
void
gemel_worker_set_committed (GemelWorker         *worker,
                            GemelWorkerCommitted committed,
                            gpointer             user_data)
{
  worker->committed_data = user_data;
  worker->committed = committed;
}

/**
 * gemel_worker_get_counters:
 * @worker: a worker
 * @ret_counters: return location
 *
 * Thread: any
 */
void
gemel_worker_get_counters (GemelWorker         *worker,
                           GemelWorkerCounters *ret_counters)
{
  g_mutex_lock (&worker->mutex);
  *ret_counters = worker->counters;
  ret_counters->waiting = worker->jobs.length;
  g_mutex_unlock (&worker->mutex);
}

/**
 * gemel_worker_get_db:
 * @worker: a worker
 *
 * Returns: (transfer none): the handle.
 * Thread: the worker's, inside a job
 */
sqlite3 *
gemel_worker_get_db (GemelWorker *worker)
{
  return worker->db;
}

/**
 * gemel_worker_prepare:
 * @worker: a worker
 * @sql: a literal: the cache is keyed by its address
 * @error: return location
 *
 * Returns: (transfer none) (nullable): the statement, reset and without bindings; it is reset again
 *   when the job ends. Two uses at one time need two literals.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_CORRUPT
 * Thread: the worker's, inside a job
 */
sqlite3_stmt *
gemel_worker_prepare (GemelWorker *worker,
                      const char  *sql,
                      GError     **error)
{
  sqlite3_stmt *stmt = g_hash_table_lookup (worker->statements, sql);
  int           rc;

  if (stmt != NULL)
    {
      (void) sqlite3_reset (stmt);
      (void) sqlite3_clear_bindings (stmt);
      return stmt;
    }
  rc = sqlite3_prepare_v3 (worker->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL);
  if (rc != SQLITE_OK)
    {
      gemel_sqlite_set_error (error, worker->db, rc, "cannot prepare a statement");
      return NULL;
    }
  g_hash_table_insert (worker->statements, (gpointer) sql, stmt);
  return stmt;
}

/**
 * gemel_worker_exec:
 * @worker: a worker
 * @sql: a literal: one statement without parameters, kept prepared
 * @error: return location
 *
 * Returns: whether it ran to its end.
 * Errors: as gemel_worker_step_done()
 * Thread: the worker's, inside a job
 */
gboolean
gemel_worker_exec (GemelWorker *worker,
                   const char  *sql,
                   GError     **error)
{
  sqlite3_stmt *stmt = gemel_worker_prepare (worker, sql, error);

  return stmt != NULL && gemel_worker_step_done (worker, stmt, error);
}

/**
 * gemel_worker_step_done:
 * @worker: a worker
 * @stmt: of gemel_worker_prepare(), with its parameters bound
 * @error: return location
 *
 * Runs a statement to its end, past rows that nobody wants, and resets it.
 *
 * Returns: whether it succeeded.
 * Errors: %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_STORE
 * Thread: the worker's, inside a job
 */
gboolean
gemel_worker_step_done (GemelWorker  *worker,
                        sqlite3_stmt *stmt,
                        GError      **error)
{
  int rc;

  do
    rc = sqlite3_step (stmt);
  while (rc == SQLITE_ROW);
  if (rc != SQLITE_DONE)
    gemel_sqlite_set_error (error, worker->db, rc, "cannot write");
  (void) sqlite3_reset (stmt);
  return rc == SQLITE_DONE;
}

/**
 * gemel_worker_run_again:
 * @worker: a worker
 *
 * Long work in slices: the job that runs now, of kind %GEMEL_JOB_ALONE, returns %NULL without an
 * error and is called again with the same data after those that wait now.
 *
 * Returns: %FALSE when the worker is closing: end with %GEMEL_ERROR_CANCELLED then.
 * Thread: the worker's, inside a job
 */
gboolean
gemel_worker_run_again (GemelWorker *worker)
{
  g_mutex_lock (&worker->mutex);
  worker->again = !worker->closing;
  g_mutex_unlock (&worker->mutex);
  return worker->again;
}

/**
 * gemel_worker_close_db:
 * @worker: a worker
 * @error: return location
 *
 * Moves everything from the -wal into the file and closes the handle, so that the file alone is
 * complete and can be renamed or replaced. Follow it with gemel_worker_reopen_db().
 *
 * Returns: whether the file is complete and closed; otherwise the handle is as it was.
 * Errors: %GEMEL_ERROR_STORE when another process reads the file; as gemel_worker_step_done()
 * Thread: the worker's, inside a job of kind %GEMEL_JOB_ALONE
 */
gboolean
gemel_worker_close_db (GemelWorker *worker,
                       GError     **error)
{
  gint64 busy;

  if (!gemel_sqlite_get_int (worker->db, "PRAGMA wal_checkpoint(TRUNCATE)", &busy, error))
    return FALSE;
  if (busy != 0)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE,
                   "%s is in use by another process, close that and try again", worker->path);
      return FALSE;
    }
  g_hash_table_remove_all (worker->statements);
  (void) sqlite3_close (worker->db);
  worker->db = NULL;
  return TRUE;
}

/**
 * gemel_worker_reopen_db:
 * @worker: a worker after gemel_worker_close_db()
 * @error: return location
 *
 * Opens whatever has the name now and runs the migrations that it lacks. After an error each later
 * job tries again.
 *
 * Returns: whether the database is open.
 * Errors: as gemel_worker_open() and gemel_worker_migrate()
 * Thread: the worker's, inside a job
 */
gboolean
gemel_worker_reopen_db (GemelWorker *worker,
                        GError     **error)
{
  sqlite3 *db = gemel_sqlite_open (worker->path, error);

  if (db == NULL)
    return FALSE;
  if (!gemel_sqlite_migrate (db, worker->migrations, worker->n_migrations, error))
    {
      (void) sqlite3_close (db);
      return FALSE;
    }
  worker->db = db;
  return TRUE;
}

static gpointer
migrate_job (GemelWorker  *worker,
             gpointer      data,
             GCancellable *cancellable,
             GError      **error)
{
  gboolean ok = gemel_sqlite_migrate (worker->db, worker->migrations, worker->n_migrations, error);

  return GINT_TO_POINTER (ok);
}

/**
 * gemel_worker_migrate:
 * @worker: a worker
 * @migrations: a static table of all that this version knows, in order
 * @n_migrations: how many
 * @error: return location
 *
 * Brings the schema up to date; the table is kept for gemel_worker_reopen_db().
 *
 * Returns: whether the database now has the newest schema.
 * Errors: %GEMEL_ERROR_INCOMPATIBLE when a newer version wrote it; as gemel_worker_step_done()
 * Thread: any but the worker's; blocks; at start-up
 */
gboolean
gemel_worker_migrate (GemelWorker          *worker,
                      const GemelMigration *migrations,
                      guint                 n_migrations,
                      GError              **error)
{
  worker->migrations = migrations;
  worker->n_migrations = n_migrations;
  return gemel_worker_run (worker, GEMEL_JOB_ALONE, migrate_job, NULL, error) != NULL;
}
