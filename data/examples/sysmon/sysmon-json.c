/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Thresholds and alarm records as JSON.
 *
 * What people write (a threshold) is checked strictly: an unknown member is a typing error that
 * would otherwise be believed. What the other node wrote (a record) may have members of a newer
 * version.
 */
#include "sysmon-alarm.h"

#include <json-glib/json-glib.h>
#include <math.h>

#define FOR_MS_MAX 600000

/* clang-format off */
static const SysmonThreshold defaults[SYSMON_N_ALARMS] = {
  [SYSMON_ALARM_CPU_HIGH] = { .raise = 90, .clear = 80, .for_ms = 3000 },
  [SYSMON_ALARM_MEMORY_LOW] = { .raise = 10, .clear = 15, .for_ms = 1000 },
  [SYSMON_ALARM_DISK_BUSY] = { .raise = 90, .clear = 70, .for_ms = 5000 },
  [SYSMON_ALARM_PRESSURE_HIGH] = { .raise = 40, .clear = 20, .for_ms = 1000 },
};
/* clang-format on */

/**
 * sysmon_threshold_default:
 * @id: an alarm
 *
 * Returns: the limits that count without a configuration record.
 * Thread: any
 */
SysmonThreshold
sysmon_threshold_default (SysmonAlarmId id)
{
  return defaults[id];
}

static JsonObject *
parse_object (const char *json, gssize json_bytes, JsonParser *parser, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  JsonNode          *root;

  if (!g_utf8_validate (json, json_bytes, NULL) ||
      !json_parser_load_from_data (parser, json, json_bytes, &local_error))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS, "no JSON: %s",
                   local_error != NULL ? local_error->message : "not UTF-8");
      return NULL;
    }
  root = json_parser_get_root (parser);
  if (root != NULL && JSON_NODE_HOLDS_OBJECT (root))
    return json_node_get_object (root);
  g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                       "no JSON object; give {\"raise\": 90, \"clear\": 80, \"for_ms\": 3000}");
  return NULL;
}

static gboolean
take_number (JsonNode *node, const char *name, double *ret_value, GError **error)
{
  const GType type =
    JSON_NODE_HOLDS_VALUE (node) ? json_node_get_value_type (node) : G_TYPE_INVALID;

  if (type == G_TYPE_INT64 || type == G_TYPE_DOUBLE)
    {
      *ret_value = json_node_get_double (node);
      if (isfinite (*ret_value))
        return TRUE;
    }
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS, "%s is no number", name);
  return FALSE;
}

static gboolean
take_member (SysmonThreshold *threshold, const char *name, JsonNode *node, GError **error)
{
  double for_ms = 0;

  if (g_str_equal (name, "raise"))
    return take_number (node, name, &threshold->raise, error);
  if (g_str_equal (name, "clear"))
    return take_number (node, name, &threshold->clear, error);
  if (!g_str_equal (name, "for_ms"))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "%s is unknown; there are raise, clear and for_ms", name);
      return FALSE;
    }
  if (!take_number (node, name, &for_ms, error))
    return FALSE;
  if (for_ms < 0 || for_ms > FOR_MS_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS, "for_ms is outside 0..%d",
                   FOR_MS_MAX);
      return FALSE;
    }
  threshold->for_ms = (guint) for_ms;
  return TRUE;
}

/**
 * sysmon_threshold_parse:
 * @id: the alarm that it is for
 * @json: {"raise": number, "clear": number, "for_ms": 0..600000}; what is left out has its default
 * @json_bytes: length, or -1
 * @ret_threshold: (out): the limits, only when they are right
 * @error: return location
 *
 * Returns: whether they are right.
 * Errors: %GEMEL_ERROR_INVALID_ARGS, with what is wrong
 * Thread: any
 */
gboolean
sysmon_threshold_parse (SysmonAlarmId    id,
                        const char      *json,
                        gssize           json_bytes,
                        SysmonThreshold *ret_threshold,
                        GError         **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GList)      names = NULL;
  JsonObject            *object = parse_object (json, json_bytes, parser, error);
  SysmonThreshold        threshold = defaults[id];
  const gboolean         below = id == SYSMON_ALARM_MEMORY_LOW;

  if (object == NULL)
    return FALSE;
  names = json_object_get_members (object);
  for (GList *l = names; l != NULL; l = l->next)
    {
      if (!take_member (&threshold, l->data, json_object_get_member (object, l->data), error))
        return FALSE;
    }
  /* Without a limit for clearing, the raised one is the farthest that it can be. */
  if (!json_object_has_member (object, "clear"))
    threshold.clear =
      below ? MAX (threshold.clear, threshold.raise) : MIN (threshold.clear, threshold.raise);
  if (below ? threshold.clear < threshold.raise : threshold.clear > threshold.raise)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "clear (%g) must not be %s raise (%g)", threshold.clear,
                   below ? "below" : "above", threshold.raise);
      return FALSE;
    }
  *ret_threshold = threshold;
  return TRUE;
}

/**
 * sysmon_alarm_to_json:
 * @alarm: an alarm
 * @id: which one
 * @threshold: the limits that count
 * @node: name of the node whose machine it is about
 *
 * Returns: (transfer full): its record.
 * Thread: any
 */
char *
sysmon_alarm_to_json (const SysmonAlarm     *alarm,
                      SysmonAlarmId          id,
                      const SysmonThreshold *threshold,
                      const char            *node)
{
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (JsonNode)    root = NULL;

  json_builder_begin_object (builder);
  json_builder_add_string_value (json_builder_set_member_name (builder, "alarm"),
                                 sysmon_alarm_name (id));
  json_builder_add_string_value (json_builder_set_member_name (builder, "state"),
                                 sysmon_alarm_state_name (alarm->state));
  json_builder_add_string_value (json_builder_set_member_name (builder, "node"), node);
  json_builder_add_int_value (json_builder_set_member_name (builder, "since_unix_us"),
                              alarm->since_unix_us);
  json_builder_add_double_value (json_builder_set_member_name (builder, "value"), alarm->value);
  json_builder_add_double_value (json_builder_set_member_name (builder, "raise"), threshold->raise);
  json_builder_add_double_value (json_builder_set_member_name (builder, "clear"), threshold->clear);
  json_builder_add_string_value (json_builder_set_member_name (builder, "acknowledged_by"),
                                 alarm->acknowledged_by);
  json_builder_add_int_value (json_builder_set_member_name (builder, "acknowledged_unix_us"),
                              alarm->acknowledged_unix_us);
  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  return json_to_string (root, FALSE);
}

static gboolean
find_state (const char *name, SysmonAlarmState *ret_state)
{
  for (guint i = SYSMON_NORMAL; i <= SYSMON_CLEARED; i++)
    {
      if (g_strcmp0 (sysmon_alarm_state_name ((SysmonAlarmState) i), name) == 0)
        {
          *ret_state = (SysmonAlarmState) i;
          return TRUE;
        }
    }
  return FALSE;
}

static gint64
get_int (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_int (node) : 0;
}

static const char *
get_text (JsonObject *object, const char *name)
{
  JsonNode   *node = json_object_get_member (object, name);
  const char *text =
    node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;

  return text != NULL ? text : "";
}

/**
 * sysmon_alarm_from_json:
 * @alarm: (inout): becomes what the record says, only when it is right
 * @json: a record
 * @json_bytes: length, or -1
 * @error: return location
 *
 * Returns: whether it is a record.
 * Errors: %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
sysmon_alarm_from_json (SysmonAlarm *alarm, const char *json, gssize json_bytes, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  JsonObject            *object = parse_object (json, json_bytes, parser, error);
  JsonNode              *value;

  if (object == NULL)
    return FALSE;
  if (!find_state (get_text (object, "state"), &alarm->state))
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS, "no known state");
      return FALSE;
    }
  value = json_object_get_member (object, "value");
  alarm->value = value != NULL && JSON_NODE_HOLDS_VALUE (value) ? json_node_get_double (value) : 0;
  alarm->since_unix_us = get_int (object, "since_unix_us");
  alarm->acknowledged_unix_us = get_int (object, "acknowledged_unix_us");
  (void) g_strlcpy (alarm->acknowledged_by, get_text (object, "acknowledged_by"),
                    sizeof alarm->acknowledged_by);
  alarm->exceeded_us = -1;
  return TRUE;
}
