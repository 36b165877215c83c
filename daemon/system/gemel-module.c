/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The life of one module.
 *
 *              start                    asked to stop, or died
 *   [stopped] ------> [running] --------------------------------> [stopping]
 *       ^  ^             ^                                             |
 *       |  |             | pause over                                  | nothing left of the group
 *       |  +-- asked --- [waiting] <-------- still wanted, died -------+
 *       +------------------------------------ not wanted --------------+
 *
 * A module is stopped only when its leader is reaped and no process of its group is left: what is
 * left could still act for an active node. A process that leaves the group on purpose is beyond
 * this file; the service manager's control group has it.
 */
#include "system/gemel-clock.h"
#include "system/gemel-module-private.h"

#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define QUICK_FAILURE_US    (10 * G_USEC_PER_SEC)
#define QUICK_FAILURES_FREE 2 /* in a row, before the pause grows */
#define PAUSE_MS_MIN        250
#define PAUSE_MS_MAX        30000
#define GROUP_POLL_MS       5
#define FREE_WAIT_US        G_USEC_PER_SEC

/**
 * gemel_module_state_to_string:
 * @state: a state
 *
 * Returns: (transfer none): its token.
 * Thread: any
 */
const char *
gemel_module_state_to_string (GemelModuleState state)
{
  switch (state)
    {
    case GEMEL_MODULE_STOPPED:
      return "stopped";
    case GEMEL_MODULE_RUNNING:
      return "running";
    case GEMEL_MODULE_STOPPING:
      return "stopping";
    case GEMEL_MODULE_WAITING:
      return "waiting";
    }
  return "unknown";
}

static void
clear_source (GSource **source)
{
  if (*source == NULL)
    return;
  g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
set_timer (GemelModule *module,
           guint        ms,
           GSourceFunc  func)
{
  clear_source (&module->timer);
  module->timer = g_timeout_source_new (ms);
  g_source_set_callback (module->timer, func, module, NULL);
  (void) g_source_attach (module->timer, NULL);
}

static void
set_state (GemelModule     *module,
           GemelModuleState state)
{
  if (module->state == state)
    return;
  module->state = state;
  module->since_unix_us = gemel_clock_unix_us ();
  module->port->changed (module, module->user_data);
}

/* In the child, between fork and exec: only calls that are safe there. */
static void
set_up_child (gpointer user_data)
{
  GPid     parent = *(const GPid *) user_data;
  sigset_t none;

  (void) setpgid (0, 0);
  (void) sigemptyset (&none);
  (void) sigprocmask (SIG_SETMASK, &none, NULL);
  (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
  /* The parent may have died before the line above. */
  if (getppid () != parent)
    _exit (127);
}

/* When memory ends, modules go before the node. Not in the child before exec: there it is still a
 * process without core dumps, whose files in /proc belong to root. */
static void
make_first_to_go (GPid pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/oom_score_adj", pid);
  int              fd = open (path, O_WRONLY | O_CLOEXEC);

  if (fd < 0)
    return;
  (void) !write (fd, "0", 1);
  (void) close (fd);
}

static void start (GemelModule *module);

static gboolean
on_pause_over (gpointer user_data)
{
  GemelModule *module = user_data;

  clear_source (&module->timer);
  module->restarts++;
  start (module);
  return G_SOURCE_REMOVE;
}

static guint
next_pause_ms (GemelModule *module)
{
  guint pause_ms = PAUSE_MS_MIN;

  for (guint i = QUICK_FAILURES_FREE; i <= module->quick_failures && pause_ms < PAUSE_MS_MAX; i++)
    pause_ms *= 2;
  return MIN (pause_ms, PAUSE_MS_MAX);
}

/* It died, or could not be started, although it should run. */
static void
fail (GemelModule *module,
      const char  *why)
{
  g_autofree char *message = NULL;
  guint            pause_ms;

  if (gemel_clock_boot_us () - module->started_us < QUICK_FAILURE_US)
    module->quick_failures++;
  else
    module->quick_failures = 0;
  pause_ms = next_pause_ms (module);
  message = g_strdup_printf ("module %s %s; it is started again in %u ms", module->settings->name,
                             why, pause_ms);
  set_timer (module, pause_ms, on_pause_over);
  module->port->event (module, GEMEL_EVENT_MODULE_FAILED, message, module->user_data);
}

/* Nothing of the group is left. */
static void
on_gone (GemelModule *module)
{
  g_autofree char *died = g_steal_pointer (&module->died);
  g_autofree char *message = g_strdup_printf ("module %s stopped", module->settings->name);

  clear_source (&module->timer);
  g_clear_pointer (&module->output, gemel_module_output_free);
  module->pid = 0;
  if (died != NULL && module->wanted)
    {
      set_state (module, GEMEL_MODULE_WAITING);
      fail (module, died);
      return;
    }
  set_state (module, GEMEL_MODULE_STOPPED);
  module->port->event (module, GEMEL_EVENT_MODULE_STOPPED, message, module->user_data);
  if (module->wanted && module->state == GEMEL_MODULE_STOPPED)
    start (module);
}

static gboolean
on_look_at_group (gpointer user_data)
{
  GemelModule *module = user_data;

  if (!gemel_process_group_is_gone (module->pid))
    {
      if (gemel_clock_boot_us () >= module->deadline_us)
        gemel_process_group_kill (module->pid, SIGKILL);
      return G_SOURCE_CONTINUE;
    }
  on_gone (module);
  return G_SOURCE_REMOVE;
}

static void
on_leader_ended (GPid     pid,
                 gint     wait_status,
                 gpointer user_data)
{
  GemelModule     *module = user_data;
  g_autofree char *why = NULL;

  clear_source (&module->watch);
  module->reaped = TRUE;
  if (module->state == GEMEL_MODULE_RUNNING)
    {
      if (WIFSIGNALED (wait_status))
        why = g_strdup_printf ("was killed by signal %d", WTERMSIG (wait_status));
      else
        why = g_strdup_printf ("ended with exit status %d", WEXITSTATUS (wait_status));
      /* What it left behind has lost its head and was not asked to end: it has no time for that. */
      module->deadline_us = 0;
      gemel_process_group_kill (pid, SIGKILL);
    }
  g_free (module->died);
  module->died = g_steal_pointer (&why);
  set_state (module, GEMEL_MODULE_STOPPING);
  if (gemel_process_group_is_gone (pid))
    on_gone (module);
  else
    set_timer (module, GROUP_POLL_MS, on_look_at_group);
}

static gboolean
on_deadline (gpointer user_data)
{
  GemelModule     *module = user_data;
  g_autofree char *message = NULL;

  message = g_strdup_printf ("module %s did not end within %u ms and is killed",
                             module->settings->name, module->settings->stop_timeout_ms);
  clear_source (&module->timer);
  gemel_process_group_kill (module->pid, SIGKILL);
  module->port->event (module, GEMEL_EVENT_MODULE_FAILED, message, module->user_data);
  return G_SOURCE_REMOVE;
}

static void
begin_stop (GemelModule *module)
{
  set_state (module, GEMEL_MODULE_STOPPING);
  module->deadline_us = gemel_clock_boot_us () + (gint64) module->settings->stop_timeout_ms * 1000;
  set_timer (module, module->settings->stop_timeout_ms, on_deadline);
  gemel_process_group_kill (module->pid, SIGTERM);
}

static gboolean
spawn (GemelModule *module,
       GError     **error)
{
  GPid     parent = getpid ();
  int      fds[2];
  gboolean done;

  if (!g_unix_open_pipe (fds, FD_CLOEXEC, error))
    return FALSE;
  done = g_spawn_async_with_pipes_and_fds (module->settings->working_dir,
                                           (const char *const *) module->settings->argv,
                                           (const char *const *) module->environment,
                                           G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH,
                                           set_up_child, &parent, -1, fds[1], fds[1], NULL, NULL, 0,
                                           &module->pid, NULL, NULL, NULL, error);
  (void) close (fds[1]);
  if (!done || !g_unix_set_fd_nonblocking (fds[0], TRUE, NULL))
    {
      (void) close (fds[0]);
      return done;
    }
  module->output = gemel_module_output_new (module->settings->name, fds[0]);
  return TRUE;
}

static void
start (GemelModule *module)
{
  g_autoptr (GError) local_error = NULL;
  g_autofree char   *why = NULL;
  g_autofree char   *message = NULL;

  module->started_us = gemel_clock_boot_us ();
  module->reaped = FALSE;
  if (!spawn (module, &local_error))
    {
      why = g_strdup_printf ("could not be started: %s", local_error->message);
      module->pid = 0;
      set_state (module, GEMEL_MODULE_WAITING);
      fail (module, why);
      return;
    }
  make_first_to_go (module->pid);
  /* Also here, so that the group exists whoever is first. */
  (void) setpgid (module->pid, module->pid);
  module->watch = g_child_watch_source_new (module->pid);
  g_source_set_priority (module->watch, G_PRIORITY_HIGH);
  g_source_set_callback (module->watch, (GSourceFunc) (void (*) (void)) on_leader_ended, module,
                         NULL);
  (void) g_source_attach (module->watch, NULL);
  message = g_strdup_printf ("module %s runs as process %d", module->settings->name, module->pid);
  set_state (module, GEMEL_MODULE_RUNNING);
  module->port->event (module, GEMEL_EVENT_MODULE_STARTED, message, module->user_data);
}

/**
 * gemel_module_set_wanted:
 * @module: a module
 * @wanted: whether it should run
 * @environment: (transfer full) (nullable): its environment at the next start; %NULL keeps the one
 *   before
 *
 * Starts it, stops it, or does nothing. A module that is being stopped and is wanted again starts
 * when it is gone.
 *
 * Thread: main
 */
void
gemel_module_set_wanted (GemelModule *module,
                         gboolean     wanted,
                         char       **environment)
{
  gboolean before = module->wanted;

  if (environment != NULL)
    {
      g_strfreev (module->environment);
      module->environment = environment;
    }
  module->wanted = wanted;
  if (wanted && !before)
    module->quick_failures = 0;
  if (wanted && module->state == GEMEL_MODULE_STOPPED)
    start (module);
  else if (!wanted && module->state == GEMEL_MODULE_RUNNING)
    begin_stop (module);
  else if (!wanted && module->state == GEMEL_MODULE_WAITING)
    {
      clear_source (&module->timer);
      set_state (module, GEMEL_MODULE_STOPPED);
    }
}

/**
 * gemel_module_new:
 * @settings: copied
 * @port: static, what is told about it
 * @user_data: for @port
 *
 * Returns: (transfer full): a module that does not run.
 * Thread: main
 */
GemelModule *
gemel_module_new (const GemelModuleSettings *settings,
                  const GemelModulePort     *port,
                  gpointer                   user_data)
{
  GemelModule *module = g_new0 (GemelModule, 1);

  module->settings = gemel_module_settings_copy (settings);
  module->port = port;
  module->user_data = user_data;
  module->since_unix_us = gemel_clock_unix_us ();
  return module;
}

/* For the end of the process: nobody runs the main loop any more. */
static void
kill_now (GemelModule *module)
{
  gint64 give_up_us = gemel_clock_boot_us () + FREE_WAIT_US;

  gemel_process_group_kill (module->pid, SIGKILL);
  while (gemel_clock_boot_us () < give_up_us)
    {
      if (!module->reaped && waitpid (module->pid, NULL, WNOHANG) != 0)
        module->reaped = TRUE;
      if (module->reaped && gemel_process_group_is_gone (module->pid))
        return;
      g_usleep (1000); /* tidy: no-sync-calls: only when the process ends, with a deadline */
    }
}

/**
 * gemel_module_free:
 * @module: (transfer full) (nullable): what to free
 *
 * Kills what is left of it and waits up to a second for its end; tells nobody.
 *
 * Thread: main
 */
void
gemel_module_free (GemelModule *module)
{
  if (module == NULL)
    return;
  clear_source (&module->watch);
  clear_source (&module->timer);
  if (module->pid != 0)
    kill_now (module);
  g_clear_pointer (&module->output, gemel_module_output_free);
  gemel_module_settings_free (module->settings);
  g_strfreev (module->environment);
  g_free (module->died);
  g_free (module);
}
