/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Samples that wait for history: bounded, the oldest leaves first and is counted.
 *
 * A sample is kept as the points of a history batch (daemon/sync/DOOR.md), without its count.
 */
#pragma once

#include "sysmon-figures.h"

G_BEGIN_DECLS

typedef struct _SysmonRing SysmonRing;

SysmonRing *sysmon_ring_new (guint samples_max);
void        sysmon_ring_free (SysmonRing *ring);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SysmonRing, sysmon_ring_free)

void    sysmon_ring_push (SysmonRing *ring, const char *prefix, const SysmonFigures *figures);
GBytes *sysmon_ring_take (SysmonRing *ring, guint samples_max, guint *ret_samples);
guint   sysmon_ring_get_length (SysmonRing *ring);
guint64 sysmon_ring_get_dropped (SysmonRing *ring);

G_END_DECLS
