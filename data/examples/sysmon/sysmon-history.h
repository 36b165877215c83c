/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Samples on their way into history: ring, one batch under way, repeated until it is taken.
 */
#pragma once

#include "sysmon-figures.h"

#include <gio/gio.h>

G_BEGIN_DECLS

typedef struct _SysmonHistory SysmonHistory;

typedef struct
{
  guint64 taken;   /* samples that history acknowledged */
  guint64 waiting; /* samples in the ring and under way */
  guint64 dropped; /* samples that found the ring full, or that history refused for good */
  guint64 retries; /* batches that had to be offered again */
} SysmonHistoryStats;

SysmonHistory *sysmon_history_new (GDBusConnection *bus, const char *prefix);
void           sysmon_history_free (SysmonHistory *history);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SysmonHistory, sysmon_history_free)

void sysmon_history_add (SysmonHistory *history, const SysmonFigures *figures);
void sysmon_history_flush (SysmonHistory *history);
void sysmon_history_get_stats (SysmonHistory *history, SysmonHistoryStats *ret_stats);

G_END_DECLS
