/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Modules with real processes: levels, deadline, refusal to end, death, grandchildren, output.
 */
#include "system/gemel-log.h"
#include "system/gemel-module-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define LIMIT_S 30
#define NOBODY  65534

typedef struct
{
  char         *dir;
  GPtrArray    *settings;
  GemelModules *modules;
  guint         started;
  guint         failed;
  guint         stopped;
  guint         settled;
  GemelLevel    settled_level;
  gboolean      was_clean;    /* at settled (): all that had to go was gone */
  GPtrArray    *must_be_gone; /* of names of files with process ids */
  char         *last_failure;
  gboolean      gave_up;
} Fixture;

static void
on_event (GemelEventCode code,
          const char    *module,
          const char    *message,
          gpointer       user_data)
{
  Fixture *f = user_data;

  f->started += code == GEMEL_EVENT_MODULE_STARTED;
  f->stopped += code == GEMEL_EVENT_MODULE_STOPPED;
  if (code == GEMEL_EVENT_MODULE_FAILED)
    {
      f->failed++;
      g_free (f->last_failure);
      f->last_failure = g_strdup (message);
    }
}

static char *
read_text (Fixture    *f,
           const char *name)
{
  g_autofree char *path = g_build_filename (f->dir, name, NULL);
  char            *text = NULL;

  (void) g_file_get_contents (path, &text, NULL, NULL);
  return text;
}

static GPid
read_pid (Fixture    *f,
          const char *name)
{
  g_autofree char *text = read_text (f, name);

  return text != NULL && strchr (text, '\n') != NULL ? (GPid) g_ascii_strtoll (text, NULL, 10) : 0;
}

/* A process that is nobody's child any more may stay as a zombie where init is slow: it is gone. */
static gboolean
is_alive (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  const char      *end;

  if (kill (pid, 0) != 0 && errno == ESRCH)
    return FALSE;
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  end = strrchr (text, ')');
  return end != NULL && end[2] != 'Z' && end[2] != 'X';
}

static void
on_settled (GemelLevel level,
            gpointer   user_data)
{
  Fixture *f = user_data;

  f->settled++;
  f->settled_level = level;
  f->was_clean = TRUE;
  for (guint i = 0; i < f->must_be_gone->len; i++)
    f->was_clean = f->was_clean && !is_alive (read_pid (f, f->must_be_gone->pdata[i]));
}

static const GemelModulesPort port = { on_event, on_settled };

static void
set_up (Fixture      *f,
        gconstpointer data)
{
  f->dir = g_dir_make_tmp ("gemel-modules-XXXXXX", NULL);
  f->settings = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_module_settings_free);
  f->must_be_gone = g_ptr_array_new ();
  gemel_log_init ("test", 1000, FALSE);
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char      *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  (void) g_remove (path);
}

static void
tear_down (Fixture      *f,
           gconstpointer data)
{
  gemel_modules_free (f->modules);
  remove_tree (f->dir);
  g_ptr_array_unref (f->settings);
  g_ptr_array_unref (f->must_be_gone);
  g_free (f->last_failure);
  g_free (f->dir);
}

static void
add_module (Fixture    *f,
            const char *name,
            GemelLevel  level,
            guint       stop_timeout_ms,
            const char *script)
{
  GemelModuleSettings *module = g_new0 (GemelModuleSettings, 1);

  module->name = g_strdup (name);
  module->level = level;
  module->stop_timeout_ms = stop_timeout_ms;
  module->working_dir = g_strdup (f->dir);
  module->argv = g_new0 (char *, 4);
  module->argv[0] = g_strdup ("/bin/sh");
  module->argv[1] = g_strdup ("-c");
  module->argv[2] = g_strdup (script);
  g_ptr_array_add (f->settings, module);
}

static void
build (Fixture *f)
{
  f->modules = gemel_modules_new (f->settings, "unix:path=/nowhere", f->dir, "gw-a", &port, f);
}

static gboolean
on_limit (gpointer user_data)
{
  ((Fixture *) user_data)->gave_up = TRUE;
  return G_SOURCE_CONTINUE;
}

static gboolean
on_look (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Runs the main loop until the condition holds; it is looked at every few milliseconds. */
#define WAIT_FOR(f, condition)                                       \
  G_STMT_START                                                       \
  {                                                                  \
    guint limit_id = g_timeout_add_seconds (LIMIT_S, on_limit, (f)); \
    guint look_id = g_timeout_add (5, on_look, NULL);                \
    while (!(condition) && !(f)->gave_up)                            \
      (void) g_main_context_iteration (NULL, TRUE);                  \
    (void) g_source_remove (limit_id);                               \
    (void) g_source_remove (look_id);                                \
    g_assert_true (condition);                                       \
  }                                                                  \
  G_STMT_END

static void
set_level (Fixture   *f,
           GemelLevel level)
{
  guint before = f->settled;

  gemel_modules_set_level (f->modules, level, 7);
  g_assert_cmpuint (f->settled, ==, before);
  WAIT_FOR (f, f->settled == before + 1);
  g_assert_cmpint (f->settled_level, ==, level);
}

static char *
dup_state (Fixture *f,
           guint    index)
{
  g_autoptr (GVariant) list = g_variant_ref_sink (gemel_modules_describe (f->modules));
  const char          *state;

  g_variant_get_child (list, index, "(&s&s&suux)", NULL, NULL, &state, NULL, NULL, NULL);
  return g_strdup (state);
}

static void
assert_state (Fixture    *f,
              guint       index,
              const char *wanted)
{
  g_autofree char *state = dup_state (f, index);

  g_assert_cmpstr (state, ==, wanted);
}

static void
test_modules_run_at_their_level (Fixture      *f,
                                 gconstpointer data)
{
  GPid warm_pid;

  add_module (f, "w", GEMEL_LEVEL_WARM, 5000, "echo $$ > w; exec sleep 1000");
  add_module (f, "a", GEMEL_LEVEL_ACTIVE, 5000, "echo $$ > a; exec sleep 1000");
  build (f);
  set_level (f, GEMEL_LEVEL_COLD);
  g_assert_cmpuint (f->started, ==, 0);

  set_level (f, GEMEL_LEVEL_WARM);
  WAIT_FOR (f, read_pid (f, "w") != 0);
  warm_pid = read_pid (f, "w");
  assert_state (f, 0, "running");
  assert_state (f, 1, "stopped");

  set_level (f, GEMEL_LEVEL_ACTIVE);
  WAIT_FOR (f, read_pid (f, "a") != 0);
  assert_state (f, 1, "running");
  set_level (f, GEMEL_LEVEL_ACTIVE);
  g_assert_cmpuint (f->started, ==, 2);

  g_ptr_array_add (f->must_be_gone, (gpointer) "a");
  set_level (f, GEMEL_LEVEL_WARM);
  g_assert_true (f->was_clean);
  g_assert_true (is_alive (warm_pid));
  g_assert_cmpint (read_pid (f, "w"), ==, warm_pid);

  g_ptr_array_add (f->must_be_gone, (gpointer) "w");
  set_level (f, GEMEL_LEVEL_UNDECIDED);
  g_assert_true (f->was_clean);
  g_assert_cmpuint (f->stopped, ==, 2);
  g_assert_cmpuint (f->failed, ==, 0);
}

static void
test_modules_know_where_they_are (Fixture      *f,
                                  gconstpointer data)
{
  g_autofree char *wanted = NULL;
  g_autofree char *text = NULL;

  g_setenv ("NOTIFY_SOCKET", "/nowhere", TRUE);
  add_module (f, "env", GEMEL_LEVEL_ACTIVE, 5000,
              "test -d $GEMEL_STATE_DIR && echo $GEMEL_BUS_ADDRESS $GEMEL_LEVEL $GEMEL_TERM "
              "$GEMEL_MODULE $GEMEL_NODE "
              "$GEMEL_STATE_DIR x$NOTIFY_SOCKET > env; exec sleep 1000");
  build (f);
  set_level (f, GEMEL_LEVEL_ACTIVE);
  WAIT_FOR (f, (g_free (text), text = read_text (f, "env")) != NULL && strchr (text, '\n') != NULL);
  wanted = g_strdup_printf ("unix:path=/nowhere active 7 env gw-a %s/modules/env x\n", f->dir);
  g_assert_cmpstr (text, ==, wanted);
  g_unsetenv ("NOTIFY_SOCKET");
}

static void
test_modules_have_time_to_end (Fixture      *f,
                               gconstpointer data)
{
  g_autofree char *text = NULL;

  g_test_summary ("A module and what it started may tidy up after SIGTERM; settled waits for "
                  "both.");
  add_module (f, "slow", GEMEL_LEVEL_ACTIVE, 20000,
              "sh -c 'trap \"sleep 0.4; echo child >> done; exit\" TERM; echo $$ > child; while :; "
              "do sleep 0.05; done' &\n"
              "trap 'echo leader >> done; exit' TERM; echo $$ > leader; while :; do sleep 0.05; "
              "done");
  g_ptr_array_add (f->must_be_gone, (gpointer) "leader");
  g_ptr_array_add (f->must_be_gone, (gpointer) "child");
  build (f);
  set_level (f, GEMEL_LEVEL_ACTIVE);
  WAIT_FOR (f, read_pid (f, "leader") != 0 && read_pid (f, "child") != 0);
  set_level (f, GEMEL_LEVEL_COLD);
  g_assert_true (f->was_clean);
  text = read_text (f, "done");
  g_assert_cmpstr (text, ==, "leader\nchild\n");
  g_assert_cmpuint (f->failed, ==, 0);
}

static void
test_modules_that_refuse_are_killed (Fixture      *f,
                                     gconstpointer data)
{
  gint64 begin_us;

  add_module (f, "deaf", GEMEL_LEVEL_ACTIVE, 200,
              "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > child; while :; do sleep 1000; done' "
              "&\n"
              "echo $$ > leader; while :; do sleep 1000; done");
  g_ptr_array_add (f->must_be_gone, (gpointer) "leader");
  g_ptr_array_add (f->must_be_gone, (gpointer) "child");
  build (f);
  set_level (f, GEMEL_LEVEL_ACTIVE);
  WAIT_FOR (f, read_pid (f, "leader") != 0 && read_pid (f, "child") != 0);
  begin_us = g_get_monotonic_time ();
  set_level (f, GEMEL_LEVEL_WARM);
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, 200000);
  g_assert_true (f->was_clean);
  g_assert_cmpuint (f->failed, ==, 1);
  g_assert_nonnull (strstr (f->last_failure, "did not end within 200 ms"));
}

static void
test_modules_that_die_are_started_again (Fixture      *f,
                                         gconstpointer data)
{
  GPid pid;

  add_module (f, "mortal", GEMEL_LEVEL_ACTIVE, 5000,
              "sleep 1000 & echo $! > child; echo $$ > leader; wait");
  build (f);
  set_level (f, GEMEL_LEVEL_ACTIVE);
  WAIT_FOR (f, read_pid (f, "leader") != 0);
  pid = read_pid (f, "child");
  g_assert_cmpint (kill (read_pid (f, "leader"), SIGKILL), ==, 0);
  WAIT_FOR (f, f->started == 2);
  g_assert_false (is_alive (pid));
  g_assert_cmpuint (f->failed, ==, 1);
  g_assert_nonnull (strstr (f->last_failure, "was killed by signal 9"));
  assert_state (f, 0, "running");
}

static void
test_modules_that_die_at_once_wait_longer (Fixture      *f,
                                           gconstpointer data)
{
  gint64               begin_us = g_get_monotonic_time ();
  guint32              restarts;
  g_autoptr (GVariant) list = NULL;

  add_module (f, "dead", GEMEL_LEVEL_ACTIVE, 5000, "exit 3");
  build (f);
  set_level (f, GEMEL_LEVEL_ACTIVE);
  WAIT_FOR (f, f->failed == 3);
  /* 250 ms, then 500: the third start is not before that. */
  g_assert_cmpint (g_get_monotonic_time () - begin_us, >=, 750000);
  g_assert_nonnull (strstr (f->last_failure, "exit status 3"));
  g_assert_nonnull (strstr (f->last_failure, "in 1000 ms"));
  list = g_variant_ref_sink (gemel_modules_describe (f->modules));
  g_variant_get_child (list, 0, "(&s&s&suux)", NULL, NULL, NULL, NULL, &restarts, NULL);
  g_assert_cmpuint (restarts, ==, 2);
  assert_state (f, 0, "waiting");
  set_level (f, GEMEL_LEVEL_COLD);
  assert_state (f, 0, "stopped");
}

static void
test_modules_that_are_missing_are_reported (Fixture      *f,
                                            gconstpointer data)
{
  GemelModuleSettings *module;

  add_module (f, "missing", GEMEL_LEVEL_ACTIVE, 5000, "");
  module = f->settings->pdata[0];
  g_free (module->argv[0]);
  module->argv[0] = g_strdup ("/nowhere/at-all");
  build (f);
  set_level (f, GEMEL_LEVEL_ACTIVE);
  g_assert_cmpuint (f->failed, >=, 1);
  g_assert_nonnull (strstr (f->last_failure, "could not be started"));
  assert_state (f, 0, "waiting");
}

static void
test_modules_wanted_again_while_stopping (Fixture      *f,
                                          gconstpointer data)
{
  GPid pid;

  g_test_summary ("Handover and back: the later request counts, and settled comes once.");
  add_module (f, "a", GEMEL_LEVEL_ACTIVE, 5000,
              "trap 'sleep 0.2; exit' TERM; echo $$ > a; while :; do sleep 0.05; done");
  add_module (f, "w", GEMEL_LEVEL_WARM, 5000, "exec sleep 1000");
  build (f);
  set_level (f, GEMEL_LEVEL_ACTIVE);
  WAIT_FOR (f, read_pid (f, "a") != 0);
  pid = read_pid (f, "a");
  gemel_modules_quiesce (f->modules);
  assert_state (f, 0, "stopping");
  assert_state (f, 1, "running");
  set_level (f, GEMEL_LEVEL_ACTIVE);
  g_assert_cmpuint (f->settled, ==, 2);
  WAIT_FOR (f, f->started == 3);
  g_assert_false (is_alive (pid));

  gemel_modules_quiesce (f->modules);
  WAIT_FOR (f, f->settled == 3);
  g_assert_cmpint (f->settled_level, ==, GEMEL_LEVEL_WARM);
  assert_state (f, 0, "stopped");
  assert_state (f, 1, "running");
  gemel_modules_stop_all (f->modules);
  WAIT_FOR (f, f->settled == 4);
  g_assert_cmpint (f->settled_level, ==, GEMEL_LEVEL_UNDECIDED);
  assert_state (f, 1, "stopped");
}

static void
test_modules_free_kills_what_is_left (Fixture      *f,
                                      gconstpointer data)
{
  GPid leader;
  GPid child;

  add_module (f, "a", GEMEL_LEVEL_ACTIVE, 5000,
              "trap '' TERM; sh -c 'trap \"\" TERM; while :; do sleep 1000; done' & echo $! > "
              "child; echo $$ > a; wait");
  build (f);
  set_level (f, GEMEL_LEVEL_ACTIVE);
  WAIT_FOR (f, read_pid (f, "a") != 0);
  leader = read_pid (f, "a");
  child = read_pid (f, "child");
  g_clear_pointer (&f->modules, gemel_modules_free);
  g_assert_false (is_alive (leader));
  g_assert_false (is_alive (child));
}

static void
test_modules_die_with_their_parent (Fixture      *f,
                                    gconstpointer data)
{
  const char *dir = g_getenv ("GEMEL_TEST_DIR");
  GPid        pid;

  if (g_test_subprocess ())
    {
      /* The folder of the test above counts, not the one of this process. */
      remove_tree (f->dir);
      g_free (f->dir);
      f->dir = g_strdup (dir);
      add_module (f, "a", GEMEL_LEVEL_ACTIVE, 5000, "echo $$ > a; exec sleep 1000");
      build (f);
      set_level (f, GEMEL_LEVEL_ACTIVE);
      WAIT_FOR (f, read_pid (f, "a") != 0);
      _exit (0);
    }
  g_setenv ("GEMEL_TEST_DIR", f->dir, TRUE);
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_unsetenv ("GEMEL_TEST_DIR");
  pid = read_pid (f, "a");
  g_assert_cmpint (pid, >, 1);
  WAIT_FOR (f, !is_alive (pid));
}

/* As the unit runs gemeld: another user than root, and no core dumps, so that its files in /proc
 * belong to root. */
static void
drop_privileges (Fixture *f)
{
  int fd = open ("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

  g_assert_cmpint (g_chmod (f->dir, 0777), ==, 0);
  g_assert_cmpint (write (fd, "100", 3), ==, 3);
  (void) close (fd);
  if (geteuid () == 0)
    g_assert_cmpint (setuid (NOBODY), ==, 0);
  g_assert_cmpint (prctl (PR_SET_DUMPABLE, 0), ==, 0);
}

static void
test_modules_leave_memory_first (Fixture      *f,
                                 gconstpointer data)
{
  const char *dir = g_getenv ("GEMEL_TEST_DIR");

  if (g_test_subprocess ())
    {
      remove_tree (f->dir);
      g_free (f->dir);
      f->dir = g_strdup (dir);
      drop_privileges (f);
      add_module (f, "a", GEMEL_LEVEL_ACTIVE, 5000,
                  "until grep -qx 0 /proc/$$/oom_score_adj; do sleep 0.01; done; "
                  "echo $$ > a; exec sleep 1000");
      build (f);
      set_level (f, GEMEL_LEVEL_ACTIVE);
      WAIT_FOR (f, read_pid (f, "a") != 0);
      _exit (0);
    }
  g_setenv ("GEMEL_TEST_DIR", f->dir, TRUE);
  g_test_trap_subprocess (NULL, 0, 0);
  g_test_trap_assert_passed ();
  g_unsetenv ("GEMEL_TEST_DIR");
}

static guint
count_lines (const char *provider,
             const char *text)
{
  GemelLogQuery        query = { .provider = provider, .text = text };
  g_autoptr (GVariant) lines = g_variant_ref_sink (gemel_log_query (&query));

  return (guint) g_variant_n_children (lines);
}

static void
test_modules_output_is_logged_and_bounded (Fixture      *f,
                                           gconstpointer data)
{
  add_module (f, "talk", GEMEL_LEVEL_ACTIVE, 5000,
              "echo to-out; echo to-err >&2; head -c 100000 /dev/zero | tr '\\0' x; echo; printf "
              "'no end'; "
              "i=0; while [ $i -lt 1000 ]; do echo; echo line; i=$((i+1)); done; echo $$ > all; "
              "exec sleep 1000");
  build (f);
  set_level (f, GEMEL_LEVEL_ACTIVE);
  WAIT_FOR (f, read_pid (f, "all") != 0);
  set_level (f, GEMEL_LEVEL_COLD);
  g_assert_cmpuint (count_lines ("module/talk", "to-out"), ==, 1);
  g_assert_cmpuint (count_lines ("module/talk", "to-err"), ==, 1);
  g_assert_cmpuint (count_lines ("module/talk", "xxxx"), ==, 1);
  g_assert_cmpuint (count_lines ("module/talk", "no end"), ==, 1);
  g_assert_cmpuint (count_lines ("module/talk", "line"), <=, 201);
  g_assert_cmpuint (count_lines ("module/talk", "lines were not kept"), ==, 1);
}

#define ADD(path, func) g_test_add ("/system/modules/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("run-at-their-level", test_modules_run_at_their_level);
  ADD ("know-where-they-are", test_modules_know_where_they_are);
  ADD ("have-time-to-end", test_modules_have_time_to_end);
  ADD ("that-refuse-are-killed", test_modules_that_refuse_are_killed);
  ADD ("that-die-are-started-again", test_modules_that_die_are_started_again);
  ADD ("that-die-at-once-wait-longer", test_modules_that_die_at_once_wait_longer);
  ADD ("that-are-missing-are-reported", test_modules_that_are_missing_are_reported);
  ADD ("wanted-again-while-stopping", test_modules_wanted_again_while_stopping);
  ADD ("free-kills-what-is-left", test_modules_free_kills_what_is_left);
  ADD ("die-with-their-parent", test_modules_die_with_their_parent);
  ADD ("leave-memory-first", test_modules_leave_memory_first);
  ADD ("output-is-logged-and-bounded", test_modules_output_is_logged_and_bounded);
  return g_test_run ();
}
