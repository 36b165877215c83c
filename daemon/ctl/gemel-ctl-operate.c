/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl failover, resync, jobs: what changes who is active, and what takes a while.
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-table.h"
#include "ctl/gemel-ctl-view.h"

#include <string.h>

#define JOB_INTERFACE GEMEL_BUS_NAME ".Job"

/* A switchover that the state of the pair forbids, by the cause in its event. */
static gboolean
is_refusal (const char *cause)
{
  static const char *const causes[] = { "not-level", "not-eligible", "no-peer",
                                        "busy", "not-active", NULL };

  return g_strv_contains (causes, cause);
}

/* The job says in words why it failed; the event of it says so in a token. */
static gboolean
was_refused (GemelCtl          *ctl,
             const GemelCtlJob *job)
{
  g_autoptr (GVariant) reply = NULL;
  g_autoptr (GVariant) list = NULL;
  g_autoptr (GVariant) row = NULL;
  GVariantDict         filter;
  const char          *cause;

  g_variant_dict_init (&filter, NULL);
  g_variant_dict_insert (&filter, "code", "s", "switchover-failed");
  g_variant_dict_insert (&filter, "from", "t", (guint64) MAX (job->started_unix_us, 0));
  g_variant_dict_insert (&filter, "limit", "u", 1u);
  reply = gemel_ctl_call (ctl, "Events", "List",
                          g_variant_new ("(@a{sv})", g_variant_dict_end (&filter)),
                          "(a(ttsstssssxx))", NULL);
  list = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
  if (list == NULL || g_variant_n_children (list) == 0)
    return FALSE;
  row = g_variant_get_child_value (list, 0);
  g_variant_get_child (row, 5, "&s", &cause);
  return is_refusal (cause);
}

static gboolean
finish_failover (GemelCtl   *ctl,
                 const char *path,
                 const char *done_text,
                 GError    **error)
{
  g_auto (GemelCtlJob)  job = { 0 };
  g_auto (GemelCtlView) view = { 0 };
  g_autofree char      *sentence = NULL;
  GemelCtlStyle         style;

  if (!gemel_ctl_job_follow (ctl, path, &job, error))
    return FALSE;
  if (!gemel_ctl_job_finish (ctl, &job, done_text, error))
    {
      if (error != NULL && *error != NULL && strcmp (job.result, "failed") == 0 &&
          was_refused (ctl, &job))
        (*error)->code = GEMEL_CTL_REFUSED;
      return FALSE;
    }
  if (ctl->json || !gemel_ctl_view_load (ctl, &view, NULL))
    return TRUE;
  sentence = gemel_ctl_view_sentence (&view, &style);
  g_print ("%s\n", sentence);
  return TRUE;
}

static gboolean
force_active (GemelCtl   *ctl,
              const char *node,
              gboolean    wait,
              GError    **error)
{
  g_autoptr (GVariant) reply = NULL;
  GVariantDict         options;
  const char          *path;

  g_variant_dict_init (&options, NULL);
  g_variant_dict_insert (&options, "confirm", "s", node);
  reply = gemel_ctl_call (ctl, "Node", "ForceActive",
                          g_variant_new ("(@a{sv})", g_variant_dict_end (&options)), "(o)", error);
  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(&o)", &path);
  if (wait)
    return finish_failover (ctl, path, "Forced active; make sure that the other node is not",
                            error);
  gemel_ctl_job_print_started (ctl, path);
  return TRUE;
}

static gboolean
request_failover (GemelCtl *ctl,
                  gboolean  wait,
                  GError  **error)
{
  g_autoptr (GVariant) reply = gemel_ctl_call (ctl, "Node", "RequestFailover",
                                               g_variant_new ("(@a{sv})", gemel_ctl_no_options ()),
                                               "(o)", error);
  const char          *path;

  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(&o)", &path);
  if (wait)
    return finish_failover (ctl, path, "Switchover done", error);
  gemel_ctl_job_print_started (ctl, path);
  return TRUE;
}

/**
 * gemel_ctl_failover:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether it was done (or, with --no-wait, started).
 * Thread: main
 */
gboolean
gemel_ctl_failover (GemelCtl *ctl,
                    char   ***args,
                    GError  **error)
{
  gboolean no_wait = FALSE;
  gboolean wait = FALSE;
  gboolean force = FALSE;
  gboolean sure = FALSE;
  /* clang-format off */
  const GOptionEntry entries[] = {
    { "wait", 0, 0, G_OPTION_ARG_NONE, &wait, "Follow it to its end (the default)", NULL },
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &no_wait, "Only start it", NULL },
    { "force-active", 0, 0, G_OPTION_ARG_NONE, &force,
      "Make this node active although it cannot know what the other does; name this NODE, "
      "and add --yes-i-know", NULL },
    { "yes-i-know", 0, 0, G_OPTION_ARG_NONE, &sure,
      "With --force-active: two nodes may be active after this", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  /* clang-format on */

  if (!gemel_ctl_parse (ctl, entries, "[NODE]", 0, 1, args, error))
    return FALSE;
  if (wait && no_wait)
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "either --wait or --no-wait");
      return FALSE;
    }
  if (!force && (sure || (*args)[0] != NULL))
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "a planned switchover goes to the other node by itself; NODE and "
                           "--yes-i-know belong to --force-active");
      return FALSE;
    }
  if (!force)
    return request_failover (ctl, !no_wait, error);
  if (!sure || (*args)[0] == NULL)
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "two nodes may be active after this: gemelctl failover --force-active "
                           "--yes-i-know NODE, with the name of this node");
      return FALSE;
    }
  return force_active (ctl, (*args)[0], !no_wait, error);
}

/**
 * gemel_ctl_resync:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether it was done (or, with --no-wait, started).
 * Thread: main
 */
gboolean
gemel_ctl_resync (GemelCtl *ctl,
                  char   ***args,
                  GError  **error)
{
  gboolean           no_wait = FALSE;
  const GOptionEntry entries[] = {
    { "no-wait", 0, 0, G_OPTION_ARG_NONE, &no_wait, "Only start it", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GVariant) reply = NULL;
  g_auto (GemelCtlJob) job = { 0 };
  const char          *path;

  if (!gemel_ctl_parse (ctl, entries, "[PROVIDER]", 0, 1, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Node", "ForceResync",
                          g_variant_new ("(s@a{sv})", (*args)[0] != NULL ? (*args)[0] : "",
                                         gemel_ctl_no_options ()),
                          "(o)", error);
  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(&o)", &path);
  if (no_wait)
    {
      gemel_ctl_job_print_started (ctl, path);
      return TRUE;
    }
  return gemel_ctl_job_follow (ctl, path, &job, error) &&
         gemel_ctl_job_finish (ctl, &job, "Re-sync done", error);
}

/* ---- jobs ---- */

static const char *const job_titles[] = { ">job", "operation", "result", ">progress",
                                          "started", "message", NULL };

static GemelCtlStyle
result_style (const char *result)
{
  if (strcmp (result, "done") == 0)
    return GEMEL_CTL_GOOD;
  return strcmp (result, "failed") == 0 ? GEMEL_CTL_BAD : GEMEL_CTL_PLAIN;
}

static void
add_job_row (GemelCtlTable *table,
             const char    *path,
             GVariant      *job)
{
  const char *operation = "";
  const char *result = "";
  const char *message = "";
  double      progress = -1;
  guint64     started = 0;

  (void) g_variant_lookup (job, "Operation", "&s", &operation);
  (void) g_variant_lookup (job, "Result", "&s", &result);
  (void) g_variant_lookup (job, "Message", "&s", &message);
  (void) g_variant_lookup (job, "Progress", "d", &progress);
  (void) g_variant_lookup (job, "StartedUSec", "t", &started);
  gemel_ctl_table_add (table, strrchr (path, '/') + 1, GEMEL_CTL_PLAIN);
  gemel_ctl_table_add (table, operation, GEMEL_CTL_PLAIN);
  gemel_ctl_table_add (table, *result != '\0' ? result : "running", result_style (result));
  gemel_ctl_table_take (table, progress >= 0 ? g_strdup_printf ("%.0f %%", progress * 100)
                                             : g_strdup ("–"));
  gemel_ctl_table_take (table, gemel_ctl_format_time ((gint64) started));
  gemel_ctl_table_add (table, message, GEMEL_CTL_PLAIN);
}

static int
compare_paths (gconstpointer a,
               gconstpointer b)
{
  const char   *path_a = *(const char *const *) a;
  const char   *path_b = *(const char *const *) b;
  const guint64 id_a = g_ascii_strtoull (strrchr (path_a, '/') + 1, NULL, 10);
  const guint64 id_b = g_ascii_strtoull (strrchr (path_b, '/') + 1, NULL, 10);

  return id_a < id_b ? -1 : id_a > id_b;
}

static void
print_jobs (GemelCtl   *ctl,
            GHashTable *jobs,
            GPtrArray  *paths)
{
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (job_titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autofree char          *text = NULL;

  json_builder_begin_array (json);
  for (guint i = 0; i < paths->len; i++)
    {
      GVariant *job = g_hash_table_lookup (jobs, paths->pdata[i]);

      add_job_row (table, paths->pdata[i], job);
      json_builder_begin_object (json);
      gemel_ctl_json_add_text (json, "job", paths->pdata[i]);
      gemel_ctl_json_add_properties (json, job);
      json_builder_end_object (json);
    }
  json_builder_end_array (json);
  if (ctl->json)
    {
      gemel_ctl_json_print (ctl, json);
      return;
    }
  text = paths->len > 0 ? gemel_ctl_table_render (table, ctl->width, ctl->colour)
                        : g_strdup ("No job runs or ended in the last minutes.\n");
  g_print ("%s", text);
}

/**
 * gemel_ctl_jobs:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the table was printed.
 * Thread: main
 */
gboolean
gemel_ctl_jobs (GemelCtl *ctl,
                char   ***args,
                GError  **error)
{
  g_autoptr (GVariant)   reply = NULL;
  g_autoptr (GVariant)   objects = NULL;
  g_autoptr (GHashTable) jobs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free,
                                                       (GDestroyNotify) g_variant_unref);
  g_autoptr (GPtrArray)  paths = g_ptr_array_new ();
  GVariantIter           iter;
  const char            *path;
  GVariant              *interfaces;

  if (!gemel_ctl_parse (ctl, NULL, "", 0, 0, args, error))
    return FALSE;
  reply = gemel_ctl_call_at (ctl, GEMEL_BUS_PATH, "org.freedesktop.DBus.ObjectManager",
                             "GetManagedObjects", NULL, "(a{oa{sa{sv}}})", error);
  if (reply == NULL)
    return FALSE;
  objects = g_variant_get_child_value (reply, 0);
  g_variant_iter_init (&iter, objects);
  while (g_variant_iter_loop (&iter, "{&o@a{sa{sv}}}", &path, &interfaces))
    {
      GVariant *job = g_variant_lookup_value (interfaces, JOB_INTERFACE, G_VARIANT_TYPE_VARDICT);

      if (job != NULL)
        {
          char *key = g_strdup (path);

          g_hash_table_insert (jobs, key, job);
          g_ptr_array_add (paths, key);
        }
    }
  g_ptr_array_sort (paths, compare_paths);
  print_jobs (ctl, jobs, paths);
  return TRUE;
}
