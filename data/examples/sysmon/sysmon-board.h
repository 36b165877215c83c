/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The alarms of the pair, as runtime state of provider "alarms".
 *
 *   NAME        the record of an alarm, JSON; written by the module on the active node
 *   ack/NAME    an acknowledgement that waits: its text says who; written by people, folded into
 *               the record and deleted by the module on the active node
 *
 * The standby follows the same records, so after a takeover it begins with what the pair knows.
 */
#pragma once

#include "sysmon-figures.h"
#include "sysmon-thresholds.h"

G_BEGIN_DECLS

typedef struct _SysmonBoard SysmonBoard;

SysmonBoard      *
sysmon_board_new (GDBusConnection *bus, SysmonThresholds *thresholds, const char *node);
void sysmon_board_free (SysmonBoard *board);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SysmonBoard, sysmon_board_free)

void sysmon_board_set_active (SysmonBoard *board, guint64 term);
void sysmon_board_step (SysmonBoard *board, const SysmonFigures *figures);
void sysmon_board_touch (SysmonBoard *board, SysmonAlarmId id);

G_END_DECLS
