/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The node: builds every part, wires them, takes them down again. It decides nothing: who is active
 * is the core's business, and what happens to data is sync's and history's.
 *
 * Everything here runs in the main thread; what other threads report is posted to it.
 */
#pragma once

#include "gemel-requests.h"

G_BEGIN_DECLS

typedef struct _GemelNode GemelNode;

typedef struct
{
  char          *state_dir;   /* node.db, config.db, history/, keys, term */
  char          *bus_address; /* (nullable): given to modules */
  int            guard_fd;    /* -1: no guard */
  GemelSettings *settings;    /* (transfer full): files are loaded */
} GemelNodeOptions;

/** Called once, when everything is handed over and stopped. */
typedef void (*GemelNodeStopped) (gpointer user_data);

GemelNode *gemel_node_new (GemelNodeOptions *options,
                           GemelNodeStopped  stopped,
                           gpointer          user_data,
                           GError          **error) G_GNUC_WARN_UNUSED_RESULT;
void       gemel_node_start (GemelNode *node);
void       gemel_node_stop (GemelNode *node);
void       gemel_node_free (GemelNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelNode, gemel_node_free)

const GemelRequests *gemel_node_get_requests (GemelNode *node);
void                 gemel_node_set_surface (GemelNode          *node,
                                             const GemelSurface *surface, /* (nullable) */
                                             gpointer            user_data);
char                *gemel_node_dup_status_line (GemelNode *node);

G_END_DECLS
