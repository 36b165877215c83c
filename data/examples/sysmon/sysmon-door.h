/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A data door that stays open: asks the node for it, watches its socket in the main loop, and asks
 * again, with a pause, when it breaks.
 */
#pragma once

#include "api/gemel-door-client.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _SysmonDoor SysmonDoor;

typedef struct
{
  void (*opened) (gpointer user_data);
  void (*event) (GemelDoorEvent *event, gpointer user_data);
  void (*closed) (gpointer user_data); /* whatever was under way is not answered any more */
} SysmonDoorPort;

SysmonDoor *sysmon_door_new (GDBusConnection      *bus,
                             const char           *kind,     /* "state" or "history" */
                             const char           *provider, /* empty for history */
                             const SysmonDoorPort *port,
                             gpointer              user_data);
void        sysmon_door_free (SysmonDoor *door);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SysmonDoor, sysmon_door_free)

void sysmon_door_open (SysmonDoor *door);
GemelDoorClient          *
sysmon_door_get_client (SysmonDoor *door); /* (nullable): NULL while it is not open */
gboolean sysmon_door_send (SysmonDoor *door, GemelDurability wanted, guint64 term);
gboolean sysmon_door_subscribe (SysmonDoor *door);

G_END_DECLS
