/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What gemel-node-db.c and gemel-node-events.c share. Nobody else includes this.
 */
#pragma once

#include "store/gemel-node-db.h"

G_BEGIN_DECLS

struct _GemelNodeDb
{
  GemelWorker *worker;
  gint         events_max; /* atomic */
};

G_END_DECLS
