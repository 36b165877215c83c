/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Which modules run at which level, and when a level is settled.
 *
 *   undecided, cold   none
 *   warm, quiesced    those of level warm
 *   active            all
 */
#include "api/gemel-names.h"
#include "system/gemel-module-private.h"

#include <glib/gstdio.h>

struct _GemelModules
{
  GPtrArray              *modules; /* of GemelModule */
  char                   *bus_address;
  char                   *state_dir;
  char                   *node_name;
  const GemelModulesPort *port; /* static */
  gpointer                user_data;
  GemelLevel              level; /* that was asked for; warm while quiesced */
  guint64                 term;
  gboolean                unsettled; /* the port waits to hear of the level */
  GSource                *settled;   /* (nullable): tells it from the main loop */
};

static gboolean
should_run (GemelModules      *modules,
            const GemelModule *module)
{
  return modules->level >= module->settings->level;
}

static gboolean
on_tell_settled (gpointer user_data)
{
  GemelModules *modules = user_data;

  g_clear_pointer (&modules->settled, g_source_unref);
  modules->unsettled = FALSE;
  modules->port->settled (modules->level, modules->user_data);
  return G_SOURCE_REMOVE;
}

static void
clear_settled (GemelModules *modules)
{
  if (modules->settled == NULL)
    return;
  g_source_destroy (modules->settled);
  g_clear_pointer (&modules->settled, g_source_unref);
}

/* Asks for the call of settled () when nothing runs that must not. The call comes from the main
 * loop, never from inside a request. */
static void
look_whether_settled (GemelModules *modules)
{
  if (!modules->unsettled || modules->settled != NULL)
    return;
  for (guint i = 0; i < modules->modules->len; i++)
    {
      const GemelModule *module = modules->modules->pdata[i];

      if (!should_run (modules, module) && module->state != GEMEL_MODULE_STOPPED)
        return;
    }
  modules->settled = g_idle_source_new ();
  g_source_set_priority (modules->settled, G_PRIORITY_HIGH);
  g_source_set_callback (modules->settled, on_tell_settled, modules, NULL);
  (void) g_source_attach (modules->settled, NULL);
}

static void
on_module_event (GemelModule   *module,
                 GemelEventCode code,
                 const char    *message,
                 gpointer       user_data)
{
  GemelModules *modules = user_data;

  modules->port->event (code, module->settings->name, message, modules->user_data);
}

static void
on_module_changed (GemelModule *module,
                   gpointer     user_data)
{
  look_whether_settled (user_data);
}

static const GemelModulePort module_port = {
  .event = on_module_event,
  .changed = on_module_changed,
};

/* A folder of its own, so that modules cannot disturb each other or the node. */
static char *
ensure_state_dir (GemelModules *modules,
                  const char   *name)
{
  char *dir = g_build_filename (modules->state_dir, "modules", name, NULL);

  /* A module that needs the folder finds out itself, and says so in its own words. */
  (void) g_mkdir_with_parents (dir, 0700);
  return dir;
}

static char **
dup_environment (GemelModules      *modules,
                 const GemelModule *module)
{
  static const char *const own[] = { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                     "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES" };
  g_autofree char         *term = g_strdup_printf ("%" G_GUINT64_FORMAT, modules->term);
  g_autofree char         *state_dir = ensure_state_dir (modules, module->settings->name);
  char                   **environment = g_get_environ ();

  /* What the service manager told this process is not for its children. */
  for (guint i = 0; i < G_N_ELEMENTS (own); i++)
    environment = g_environ_unsetenv (environment, own[i]);
  environment = g_environ_setenv (environment, GEMEL_ENV_BUS_ADDRESS, modules->bus_address, TRUE);
  environment = g_environ_setenv (environment, GEMEL_ENV_LEVEL,
                                  gemel_level_to_string (modules->level), TRUE);
  environment = g_environ_setenv (environment, GEMEL_ENV_TERM, term, TRUE);
  environment = g_environ_setenv (environment, GEMEL_ENV_MODULE, module->settings->name, TRUE);
  environment = g_environ_setenv (environment, GEMEL_ENV_NODE, modules->node_name, TRUE);
  environment = g_environ_setenv (environment, GEMEL_ENV_STATE_DIR, state_dir, TRUE);
  return environment;
}

static void
ask_for_level (GemelModules *modules,
               GemelLevel    level)
{
  modules->level = level;
  modules->unsettled = TRUE;
  clear_settled (modules);
  /* What has to end is asked first: it decides when the level is settled. */
  for (guint i = 0; i < modules->modules->len; i++)
    {
      GemelModule *module = modules->modules->pdata[i];

      if (!should_run (modules, module))
        gemel_module_set_wanted (module, FALSE, NULL);
    }
  for (guint i = 0; i < modules->modules->len; i++)
    {
      GemelModule *module = modules->modules->pdata[i];

      if (should_run (modules, module))
        gemel_module_set_wanted (module, TRUE, dup_environment (modules, module));
    }
  look_whether_settled (modules);
}

/**
 * gemel_modules_new:
 * @modules: (element-type GemelModuleSettings): what may run, copied
 * @bus_address: of the bus that the node is on
 * @state_dir: the node's folder; each module gets "modules/NAME" in it
 * @node_name: this node
 * @port: static, what is told
 * @user_data: for @port
 *
 * Returns: (transfer full): the modules at level undecided: none runs.
 * Thread: main
 */
GemelModules *
gemel_modules_new (GPtrArray              *modules,
                   const char             *bus_address,
                   const char             *state_dir,
                   const char             *node_name,
                   const GemelModulesPort *port,
                   gpointer                user_data)
{
  GemelModules *self = g_new0 (GemelModules, 1);

  self->modules = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_module_free);
  self->bus_address = g_strdup (bus_address != NULL ? bus_address : "");
  self->state_dir = g_strdup (state_dir);
  self->node_name = g_strdup (node_name);
  self->port = port;
  self->user_data = user_data;
  self->level = GEMEL_LEVEL_UNDECIDED;
  for (guint i = 0; i < modules->len; i++)
    g_ptr_array_add (self->modules, gemel_module_new (modules->pdata[i], &module_port, self));
  return self;
}

/**
 * gemel_modules_free:
 * @modules: (transfer full) (nullable): what to free
 *
 * Kills what is left, without a deadline and without a word to the port.
 *
 * Thread: main
 */
void
gemel_modules_free (GemelModules *modules)
{
  if (modules == NULL)
    return;
  clear_settled (modules);
  g_ptr_array_unref (modules->modules);
  g_free (modules->bus_address);
  g_free (modules->state_dir);
  g_free (modules->node_name);
  g_free (modules);
}

/**
 * gemel_modules_set_level:
 * @modules: the modules
 * @level: the new level of the node
 * @term: its term, for the environment of what is started from now on
 *
 * Stops what must not run at @level and starts what should. The port's settled () comes once, when
 * nothing is left of what must not run; a later request before that takes the place of this one.
 *
 * Thread: main
 */
void
gemel_modules_set_level (GemelModules *modules,
                         GemelLevel    level,
                         guint64       term)
{
  modules->term = term;
  ask_for_level (modules, level);
}

/**
 * gemel_modules_quiesce:
 * @modules: the modules
 *
 * Stops what runs only while active and keeps the rest; settled (warm) says that it is done. At
 * another level than active nothing changes, and settled (that level) comes.
 *
 * Thread: main
 */
void
gemel_modules_quiesce (GemelModules *modules)
{
  ask_for_level (modules, MIN (modules->level, GEMEL_LEVEL_WARM));
}

/**
 * gemel_modules_stop_all:
 * @modules: the modules
 *
 * Stops everything; settled (undecided) says that it is done.
 *
 * Thread: main
 */
void
gemel_modules_stop_all (GemelModules *modules)
{
  ask_for_level (modules, GEMEL_LEVEL_UNDECIDED);
}

/**
 * gemel_modules_describe:
 * @modules: the modules
 *
 * Returns: (transfer floating): a(sssuux): name, level, state (stopped, running, stopping or
 *   waiting), process id or 0, restarts, wall clock of the state in µs.
 * Thread: main
 */
GVariant *
gemel_modules_describe (GemelModules *modules)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(sssuux)"));
  for (guint i = 0; i < modules->modules->len; i++)
    {
      const GemelModule *module = modules->modules->pdata[i];

      g_variant_builder_add (&builder, "(sssuux)", module->settings->name,
                             gemel_level_to_string (module->settings->level),
                             gemel_module_state_to_string (module->state), (guint32) module->pid,
                             module->restarts, module->since_unix_us);
    }
  return g_variant_builder_end (&builder);
}
