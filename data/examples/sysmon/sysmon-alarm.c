/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The states of an alarm. No I/O, no clock.
 */
#include "sysmon-alarm.h"

#include <math.h>

static const char *const alarm_names[SYSMON_N_ALARMS] = {
  [SYSMON_ALARM_CPU_HIGH] = "cpu-high",
  [SYSMON_ALARM_MEMORY_LOW] = "memory-low",
  [SYSMON_ALARM_DISK_BUSY] = "disk-busy",
  [SYSMON_ALARM_PRESSURE_HIGH] = "pressure-high",
};

static const char *const state_names[] = {
  [SYSMON_NORMAL] = "normal",
  [SYSMON_ACTIVE] = "active",
  [SYSMON_ACTIVE_ACKNOWLEDGED] = "active-acknowledged",
  [SYSMON_CLEARED] = "cleared",
};

/**
 * sysmon_alarm_name:
 * @id: an alarm
 *
 * Returns: (transfer none): its name, the key of its record.
 * Thread: any
 */
const char *
sysmon_alarm_name (SysmonAlarmId id)
{
  return alarm_names[id];
}

/**
 * sysmon_alarm_find:
 * @name: a name
 * @ret_id: (out): the alarm
 *
 * Returns: whether there is one.
 * Thread: any
 */
gboolean
sysmon_alarm_find (const char *name, SysmonAlarmId *ret_id)
{
  for (guint i = 0; i < SYSMON_N_ALARMS; i++)
    {
      if (g_str_equal (alarm_names[i], name))
        {
          *ret_id = (SysmonAlarmId) i;
          return TRUE;
        }
    }
  return FALSE;
}

/**
 * sysmon_alarm_state_name:
 * @state: a state
 *
 * Returns: (transfer none): its word in records.
 * Thread: any
 */
const char *
sysmon_alarm_state_name (SysmonAlarmState state)
{
  return state_names[state];
}

/**
 * sysmon_alarm_init:
 * @alarm: (out): becomes normal
 *
 * Thread: any
 */
void
sysmon_alarm_init (SysmonAlarm *alarm)
{
  *alarm = (SysmonAlarm){ .state = SYSMON_NORMAL, .exceeded_us = -1 };
}

static void
enter (SysmonAlarm *alarm, SysmonAlarmState state, double value, gint64 now_unix_us)
{
  if (state != SYSMON_ACTIVE_ACKNOWLEDGED)
    {
      alarm->acknowledged_unix_us = 0;
      alarm->acknowledged_by[0] = '\0';
    }
  alarm->state = state;
  alarm->since_unix_us = now_unix_us;
  alarm->value = value;
}

/* How long it has been exceeded; a value in between the two limits neither begins nor ends it. */
static gboolean
is_raised (SysmonAlarm *alarm, const SysmonThreshold *threshold, gboolean exceeded, gint64 now_us)
{
  if (!exceeded)
    alarm->exceeded_us = -1;
  else if (alarm->exceeded_us < 0)
    alarm->exceeded_us = now_us;
  return exceeded && now_us - alarm->exceeded_us >= (gint64) threshold->for_ms * 1000;
}

/**
 * sysmon_alarm_step:
 * @alarm: (inout): an alarm
 * @id: which one
 * @threshold: its limits
 * @value: the figure of now; NAN when it is not known, which changes nothing
 * @now_us: monotonic
 * @now_unix_us: wall clock
 *
 * Returns: whether the state changed.
 * Thread: any
 */
gboolean
sysmon_alarm_step (SysmonAlarm           *alarm,
                   SysmonAlarmId          id,
                   const SysmonThreshold *threshold,
                   double                 value,
                   gint64                 now_us,
                   gint64                 now_unix_us)
{
  const gboolean below = id == SYSMON_ALARM_MEMORY_LOW;
  gboolean       raised;
  gboolean       over;

  if (isnan (value))
    return FALSE;
  raised = is_raised (alarm, threshold,
                      below ? value <= threshold->raise : value >= threshold->raise, now_us);
  over = below ? value > threshold->clear : value < threshold->clear;
  switch (alarm->state)
    {
    case SYSMON_NORMAL:
    case SYSMON_CLEARED:
      if (!raised)
        return FALSE;
      enter (alarm, SYSMON_ACTIVE, value, now_unix_us);
      return TRUE;
    case SYSMON_ACTIVE:
    case SYSMON_ACTIVE_ACKNOWLEDGED:
      if (!over)
        return FALSE;
      enter (alarm, alarm->state == SYSMON_ACTIVE ? SYSMON_CLEARED : SYSMON_NORMAL, value,
             now_unix_us);
      return TRUE;
    }
  g_assert_not_reached ();
}

/**
 * sysmon_alarm_acknowledge:
 * @alarm: (inout): an alarm
 * @who: who has seen it; longer texts are cut
 * @now_unix_us: wall clock
 *
 * Returns: whether there was something to acknowledge.
 * Thread: any
 */
gboolean
sysmon_alarm_acknowledge (SysmonAlarm *alarm, const char *who, gint64 now_unix_us)
{
  const char *end = NULL;

  if (alarm->state != SYSMON_ACTIVE && alarm->state != SYSMON_CLEARED)
    return FALSE;
  if (alarm->state == SYSMON_CLEARED)
    enter (alarm, SYSMON_NORMAL, alarm->value, now_unix_us);
  else
    enter (alarm, SYSMON_ACTIVE_ACKNOWLEDGED, alarm->value, now_unix_us);
  alarm->acknowledged_unix_us = now_unix_us;
  (void) g_strlcpy (alarm->acknowledged_by, who, sizeof alarm->acknowledged_by);
  if (!g_utf8_validate (alarm->acknowledged_by, -1, &end))
    alarm->acknowledged_by[end - alarm->acknowledged_by] = '\0';
  return TRUE;
}
