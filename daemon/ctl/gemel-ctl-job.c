/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Following a job: each step a line, until it has a result or the daemon is gone.
 *
 * The object is asked again twice a second as well as listened to: a signal that was sent before
 * the subscription counted is lost, and a daemon that dies sends none.
 *
 * A job that stands still for longer than --timeout is left alone. A re-sync may move a large
 * store, and only the node that takes the copy can say how far it is: unless --timeout was given it
 * is followed for as long as the daemon says that it runs (the daemon ends it when the peer is
 * lost).
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"

#include <string.h>

#define ASK_MS         500
#define LONG_OPERATION "resync"

typedef struct
{
  GemelCtl    *ctl;
  GMainLoop   *loop;
  GemelCtlJob *job;
  GError      *error;
  char        *said;
  double       progress; /* 0..1, < 0: unknown */
  gint64       moved_us; /* monotonic: when it said something new or went on */
} Follow;

/**
 * gemel_ctl_job_clear:
 * @job: a job
 * Thread: main
 */
void
gemel_ctl_job_clear (GemelCtlJob *job)
{
  g_clear_pointer (&job->path, g_free);
  g_clear_pointer (&job->operation, g_free);
  g_clear_pointer (&job->result, g_free);
  g_clear_pointer (&job->message, g_free);
}

static void
say_step (Follow   *follow,
          GVariant *properties)
{
  double           progress = -1;
  const char      *message = "";
  g_autofree char *safe = NULL;
  g_autofree char *line = NULL;

  (void) g_variant_lookup (properties, "Progress", "d", &progress);
  (void) g_variant_lookup (properties, "Message", "&s", &message);
  safe = gemel_ctl_sanitize (message);
  if (progress >= 0)
    line = g_strdup_printf ("%3.0f %%%s%s", progress * 100, *safe != '\0' ? "  " : "", safe);
  else
    line = g_strdup (safe);
  /* A whole percent of much data takes long; less than one is life as well. */
  if (progress > follow->progress || progress < follow->progress)
    follow->moved_us = g_get_monotonic_time ();
  follow->progress = progress;
  if (*line == '\0' || g_strcmp0 (line, follow->said) == 0)
    return;
  if (!follow->ctl->json)
    g_print ("  %s\n", line);
  g_free (follow->said);
  follow->said = g_steal_pointer (&line);
  follow->moved_us = g_get_monotonic_time ();
}

/* Takes over what the job says; returns whether it has ended. */
static gboolean
take (Follow   *follow,
      GVariant *properties)
{
  GemelCtlJob *job = follow->job;
  guint64      started = 0;

  gemel_ctl_job_clear (job);
  if (!g_variant_lookup (properties, "Operation", "s", &job->operation))
    job->operation = g_strdup ("job");
  if (!g_variant_lookup (properties, "Result", "s", &job->result))
    job->result = g_strdup ("");
  if (!g_variant_lookup (properties, "Message", "s", &job->message))
    job->message = g_strdup ("");
  (void) g_variant_lookup (properties, "StartedUSec", "t", &started);
  job->started_unix_us = (gint64) started;
  if (*job->result != '\0')
    return TRUE;
  say_step (follow, properties);
  return FALSE;
}

static gboolean
stands_still (const Follow *follow)
{
  const GemelCtl *ctl = follow->ctl;
  const gint64    still_us = g_get_monotonic_time () - follow->moved_us;

  if (ctl->timeout_text == NULL && strcmp (follow->job->operation, LONG_OPERATION) == 0)
    return FALSE;
  return (double) still_us >= ctl->timeout_s * G_USEC_PER_SEC;
}

static void
ask (Follow     *follow,
     const char *path)
{
  g_autoptr (GVariant) properties = NULL;

  if (!g_main_loop_is_running (follow->loop) || follow->error != NULL)
    return;
  properties = gemel_ctl_get_all (follow->ctl, path, "Job", &follow->error);
  if (properties == NULL || take (follow, properties))
    {
      g_main_loop_quit (follow->loop);
      return;
    }
  if (!stands_still (follow))
    return;
  g_set_error (&follow->error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED,
               "%s has not moved for %g s and goes on without being watched; “gemelctl jobs” "
               "shows it, --timeout SECONDS waits longer",
               follow->job->operation, follow->ctl->timeout_s);
  g_main_loop_quit (follow->loop);
}

typedef struct
{
  Follow     *follow;
  const char *path;
} Ask;

static void
on_changed (GDBusConnection *connection,
            const char      *sender,
            const char      *path,
            const char      *interface,
            const char      *signal,
            GVariant        *parameters,
            gpointer         user_data)
{
  Ask *a = user_data;

  ask (a->follow, a->path);
}

static gboolean
on_tick (gpointer user_data)
{
  Ask *a = user_data;

  ask (a->follow, a->path);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_start (gpointer user_data)
{
  (void) on_tick (user_data);
  return G_SOURCE_REMOVE;
}

/**
 * gemel_ctl_job_follow:
 * @ctl: the frame
 * @path: of the job
 * @ret_job: (out caller-allocates): how it ended
 * @error: when the job cannot be seen any more
 *
 * Prints each step and returns when the job has a result.
 *
 * Returns: whether a result was seen; it may be a bad one.
 * Thread: main
 */
gboolean
gemel_ctl_job_follow (GemelCtl    *ctl,
                      const char  *path,
                      GemelCtlJob *ret_job,
                      GError     **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Follow                follow = { .ctl = ctl, .loop = loop, .job = ret_job, .progress = -1 };
  Ask                   a = { &follow, path };
  const gint64          begin_us = g_get_monotonic_time ();
  const guint           subscription = gemel_ctl_subscribe (ctl, "org.freedesktop.DBus.Properties",
                                                            "PropertiesChanged", path,
                                                            on_changed, &a);
  const guint           tick = g_timeout_add (ASK_MS, on_tick, &a);

  *ret_job = (GemelCtlJob){ 0 };
  follow.moved_us = begin_us;
  g_idle_add (on_start, &a);
  g_main_loop_run (loop);
  g_source_remove (tick);
  g_dbus_connection_signal_unsubscribe (ctl->connection, subscription);
  g_free (follow.said);
  ret_job->took_us = g_get_monotonic_time () - begin_us;
  if (follow.error == NULL)
    {
      ret_job->path = g_strdup (path);
      return TRUE;
    }
  gemel_ctl_job_clear (ret_job);
  g_propagate_error (error, follow.error);
  return FALSE;
}

static void
print_job_json (GemelCtl          *ctl,
                const GemelCtlJob *job)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();

  json_builder_begin_object (json);
  gemel_ctl_json_add_text (json, "job", job->path);
  gemel_ctl_json_add_text (json, "operation", job->operation);
  gemel_ctl_json_add_text (json, "result", job->result);
  gemel_ctl_json_add_text (json, "message", job->message);
  gemel_ctl_json_add_int (json, "started_usec", job->started_unix_us);
  gemel_ctl_json_add_int (json, "took_usec", job->took_us);
  json_builder_end_object (json);
  gemel_ctl_json_print (ctl, json);
}

/**
 * gemel_ctl_job_finish:
 * @ctl: the frame
 * @job: a job that has ended
 * @done_text: what to say when it was done
 * @error: GEMEL_CTL_FAILED when it was not
 *
 * Prints how the job ended.
 *
 * Returns: whether it was done.
 * Thread: main
 */
gboolean
gemel_ctl_job_finish (GemelCtl    *ctl,
                      GemelCtlJob *job,
                      const char  *done_text,
                      GError     **error)
{
  g_autofree char *took = gemel_ctl_format_duration (job->took_us);
  g_autofree char *message = gemel_ctl_sanitize (job->message);

  if (ctl->json)
    print_job_json (ctl, job);
  if (strcmp (job->result, "done") == 0)
    {
      if (!ctl->json)
        g_print ("%s%s%s (%s)\n", done_text, *message != '\0' ? ": " : "", message, took);
      return TRUE;
    }
  g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED, "%s %s: %s", job->operation,
               strcmp (job->result, "unknown") == 0 ? "has an unknown end" : job->result,
               *message != '\0' ? message : "no reason was given; look at “gemelctl events”");
  return FALSE;
}

/**
 * gemel_ctl_job_print_started:
 * @ctl: the frame
 * @path: of a job that nobody waits for
 * Thread: main
 */
void
gemel_ctl_job_print_started (GemelCtl   *ctl,
                             const char *path)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();

  if (!ctl->json)
    {
      g_print ("Started as job %s; “gemelctl jobs” shows how it goes.\n", strrchr (path, '/') + 1);
      return;
    }
  json_builder_begin_object (json);
  gemel_ctl_json_add_text (json, "job", path);
  gemel_ctl_json_add_text (json, "result", "");
  json_builder_end_object (json);
  gemel_ctl_json_print (ctl, json);
}
