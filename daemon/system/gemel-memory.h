/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Keeping the process in memory, so that a heartbeat never waits for a page.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

gboolean gemel_memory_keep (void);

G_END_DECLS
