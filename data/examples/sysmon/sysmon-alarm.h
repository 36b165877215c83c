/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Alarms with hysteresis and acknowledgement. Pure: time and value come in, the new state comes
 * out.
 *
 *              exceeded for for_ms                 acknowledged
 *     normal ----------------------> active ----------------------> active-acknowledged
 *       ^                             |  ^                               |
 *       |                     cleared |  | exceeded                      | cleared
 *       |        acknowledged         v  |                               |
 *       +-------------------------- cleared                              |
 *       +----------------------------------------------------------------+
 *
 * "cleared" is an alarm that is over and that nobody has acknowledged yet.
 */
#pragma once

#include "api/gemel-error.h"

G_BEGIN_DECLS

#define SYSMON_WHO_BYTES 64

typedef enum
{
  SYSMON_ALARM_CPU_HIGH,
  SYSMON_ALARM_MEMORY_LOW,
  SYSMON_ALARM_DISK_BUSY,
  SYSMON_ALARM_PRESSURE_HIGH,
} SysmonAlarmId;
#define SYSMON_N_ALARMS 4

typedef enum
{
  SYSMON_NORMAL,
  SYSMON_ACTIVE,
  SYSMON_ACTIVE_ACKNOWLEDGED,
  SYSMON_CLEARED,
} SysmonAlarmState;

/** When an alarm is raised and cleared. Above: raise >= clear; below: raise <= clear. */
typedef struct
{
  double raise;
  double clear;
  guint  for_ms; /* how long it must be exceeded; 0..600000 */
} SysmonThreshold;

typedef struct
{
  SysmonAlarmState state;
  gint64           since_unix_us;        /* of this state; 0: never left normal */
  gint64           acknowledged_unix_us; /* 0: not acknowledged */
  char             acknowledged_by[SYSMON_WHO_BYTES];
  double           value;       /* when the state changed */
  gint64           exceeded_us; /* monotonic, since when; -1: not exceeded. Not in records */
} SysmonAlarm;

const char *sysmon_alarm_name (SysmonAlarmId id);
gboolean    sysmon_alarm_find (const char *name, SysmonAlarmId *ret_id);
const char *sysmon_alarm_state_name (SysmonAlarmState state);

SysmonThreshold sysmon_threshold_default (SysmonAlarmId id);
gboolean        sysmon_threshold_parse (SysmonAlarmId    id,
                                        const char      *json,
                                        gssize           json_bytes,
                                        SysmonThreshold *ret_threshold,
                                        GError         **error) G_GNUC_WARN_UNUSED_RESULT;

void     sysmon_alarm_init (SysmonAlarm *alarm);
gboolean sysmon_alarm_step (SysmonAlarm           *alarm,
                            SysmonAlarmId          id,
                            const SysmonThreshold *threshold,
                            double                 value,
                            gint64                 now_us,
                            gint64                 now_unix_us);
gboolean sysmon_alarm_acknowledge (SysmonAlarm *alarm, const char *who, gint64 now_unix_us);
char    *sysmon_alarm_to_json (const SysmonAlarm     *alarm,
                               SysmonAlarmId          id,
                               const SysmonThreshold *threshold,
                               const char            *node);
gboolean
sysmon_alarm_from_json (SysmonAlarm *alarm, const char *json, gssize json_bytes, GError **error)
  G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
