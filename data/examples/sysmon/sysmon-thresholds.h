/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The thresholds of all alarms, kept as configuration provider "sysmon" says.
 */
#pragma once

#include "sysmon-alarm.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define SYSMON_PROVIDER "sysmon"

typedef struct _SysmonThresholds SysmonThresholds;

SysmonThresholds *sysmon_thresholds_new (GDBusConnection *bus,
                                         void (*changed) (SysmonAlarmId id, gpointer user_data),
                                         gpointer user_data);
void              sysmon_thresholds_free (SysmonThresholds *thresholds);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SysmonThresholds, sysmon_thresholds_free)

const SysmonThreshold *sysmon_thresholds_get (SysmonThresholds *thresholds, SysmonAlarmId id);

G_END_DECLS
