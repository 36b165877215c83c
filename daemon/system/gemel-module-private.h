/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One module: its process, its output, its pauses. gemel-modules.c decides which ones should run.
 */
#pragma once

#include "system/gemel-modules.h"
#include "system/gemel-settings-private.h"

G_BEGIN_DECLS

/* A process group is asked for by the number of its leader. */
gboolean gemel_process_group_is_gone (GPid leader);
void     gemel_process_group_kill (GPid leader,
                                   int  signal_number);

/** Reads what a module writes and puts it into the log, bounded. */
typedef struct _GemelModuleOutput GemelModuleOutput;

GemelModuleOutput *gemel_module_output_new (const char *module_name,
                                            int         fd);
void               gemel_module_output_free (GemelModuleOutput *output);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelModuleOutput, gemel_module_output_free)

typedef enum
{
  GEMEL_MODULE_STOPPED, /* no process of it is left */
  GEMEL_MODULE_RUNNING,
  GEMEL_MODULE_STOPPING, /* asked to end, or its leader died and others of its group are left */
  GEMEL_MODULE_WAITING,  /* died; started again after a pause */
} GemelModuleState;

typedef struct _GemelModule GemelModule;

typedef struct
{
  void (*event) (GemelModule *module, GemelEventCode code, const char *message, gpointer user_data);
  void (*changed) (GemelModule *module, gpointer user_data); /* the state is another */
} GemelModulePort;

struct _GemelModule
{
  GemelModuleSettings   *settings;
  const GemelModulePort *port; /* static */
  gpointer               user_data;
  char                 **environment; /* (nullable): of the next start */
  GemelModuleState       state;
  gint64                 since_unix_us;  /* of the state */
  gboolean               wanted;         /* should run */
  GPid                   pid;            /* leader and number of the group; 0: none */
  gboolean               reaped;         /* the leader is; the group may be left */
  char                  *died;           /* (nullable): why the leader ended though it was wanted */
  gint64                 deadline_us;    /* boot time: when what is left of the group is killed */
  gint64                 started_us;     /* boot time */
  guint                  quick_failures; /* in a row */
  guint                  restarts;
  GSource               *watch;  /* (nullable): of the leader */
  GSource               *timer;  /* (nullable): stop deadline, pause, or look at the group */
  GemelModuleOutput     *output; /* (nullable) */
};

GemelModule *gemel_module_new (const GemelModuleSettings *settings,
                               const GemelModulePort     *port,
                               gpointer                   user_data);
void         gemel_module_free (GemelModule *module);
void         gemel_module_set_wanted (GemelModule *module,
                                      gboolean     wanted,
                                      char       **environment);
const char  *gemel_module_state_to_string (GemelModuleState state);

G_END_DECLS
