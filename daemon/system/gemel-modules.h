/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Starts configured executables as children at their level, stops them with a deadline (SIGTERM,
 * then SIGKILL to the process group), starts them again with back-off when they die. After two
 * failures within ten seconds of their start in a row the pause doubles up to 30 s.
 *
 * Main thread only. Level changes are asked for; `settled` says when every module that must not run
 * at that level is gone.
 */
#pragma once

#include "system/gemel-settings.h"

G_BEGIN_DECLS

typedef struct _GemelModules GemelModules;

typedef struct
{
  void (*event) (GemelEventCode code, const char *module, const char *message, gpointer user_data);
  void (*settled) (GemelLevel level, gpointer user_data); /* after set_level, quiesce, stop_all */
} GemelModulesPort;

GemelModules *gemel_modules_new (GPtrArray              *modules,
                                 const char             *bus_address,
                                 const char             *state_dir,
                                 const char             *node_name,
                                 const GemelModulesPort *port,
                                 gpointer                user_data);
void          gemel_modules_free (GemelModules *modules); /* kills what is left */
void          gemel_modules_set_level (GemelModules *modules,
                                       GemelLevel    level,
                                       guint64       term);
/* Handover: stop what runs only while active, keep the rest, then settled (WARM); undone by
 * set_level (ACTIVE). */
void gemel_modules_quiesce (GemelModules *modules);
void gemel_modules_stop_all (GemelModules *modules); /* then settled (UNDECIDED) */
/* a(sssuux): name, level, state, pid, restarts, since */
GVariant *gemel_modules_describe (GemelModules *modules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelModules, gemel_modules_free)

G_END_DECLS
