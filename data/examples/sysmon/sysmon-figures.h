/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Two readings make figures: shares and rates over the time between them.
 */
#pragma once

#include "sysmon-alarm.h"
#include "sysmon-proc.h"

G_BEGIN_DECLS

#define SYSMON_TAG_BYTES   48
#define SYSMON_FIGURES_MAX (SYSMON_CPUS_MAX + 24)

typedef struct
{
  char   tag[SYSMON_TAG_BYTES]; /* "cpu/total" */
  double value;
} SysmonFigure;

typedef struct
{
  gint64       unix_us;
  gint64       mono_us;
  guint        n;
  SysmonFigure figure[SYSMON_FIGURES_MAX];
  double       watched[SYSMON_N_ALARMS]; /* what the alarms look at; NAN: not known */
} SysmonFigures;

void sysmon_figures_make (const SysmonReading *before,
                          const SysmonReading *now,
                          SysmonFigures       *ret_figures);
void sysmon_figures_add (SysmonFigures *figures, const char *tag, double value);

G_END_DECLS
