/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1 on a bus: renders the snapshot as objects and passes requests in. It decides
 * nothing and knows nothing of the node but GemelRequests and GemelSnapshot. Main thread only.
 */
#pragma once

#include "gemel-requests.h"

G_BEGIN_DECLS

typedef struct _GemelDbus GemelDbus;

/**
 * GemelDbusNameFunc:
 * @owned: whether the bus name is ours now; %FALSE: another process has it or the bus went away
 *
 * Called in the main thread after each change.
 */
typedef void (*GemelDbusNameFunc) (gboolean owned,
                                   gpointer user_data);

GemelDbus *gemel_dbus_new (GDBusConnection     *connection,
                           gboolean             private_bus,
                           const GemelRequests *requests, /* lent */
                           GError             **error) G_GNUC_WARN_UNUSED_RESULT;
void       gemel_dbus_free (GemelDbus *dbus);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelDbus, gemel_dbus_free)

/* Last of all, when the node is ready: clients start to call when they see the name. */
void gemel_dbus_own_name (GemelDbus        *dbus,
                          GemelDbusNameFunc func, /* (nullable) */
                          gpointer          user_data);

/* How the node tells it; user_data of each function is the GemelDbus. */
const GemelSurface *gemel_dbus_get_surface (void);

G_END_DECLS
