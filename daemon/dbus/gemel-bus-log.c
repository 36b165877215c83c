/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.Log: pages through the ring of log lines and sets levels by provider.
 */
#include "dbus/gemel-dbus-private.h"

#include "system/gemel-log.h"
#include <string.h>

static const GemelBusOption list_options[] = {
  { "after", "t" },
  { "before", "t" },
  { "level", "s" },
  { "limit", "u" },
  { "provider", "s" },
  { "text", "s" },
  { NULL, NULL },
};

static gboolean
parse_level (const char    *text,
             GemelLogLevel *ret_level,
             GError       **error)
{
  if (gemel_log_level_from_string (text, ret_level))
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
               "level is trace, debug, info, warning or error, not \"%.32s\"", text);
  return FALSE;
}

static gboolean
check_log_provider (const char *provider,
                    GError    **error)
{
  return strcmp (provider, "*") == 0 || gemel_bus_check_provider (provider, error);
}

/* The strings of @query belong to the call's options. */
static gboolean
parse_query (GemelBusCall  *call,
             GemelLogQuery *query,
             GError       **error)
{
  const char *level;

  *query = (GemelLogQuery){ .limit = GEMEL_BUS_PAGE_DEFAULT };
  (void) g_variant_dict_lookup (call->options, "before", "t", &query->before_id);
  (void) g_variant_dict_lookup (call->options, "after", "t", &query->after_id);
  (void) g_variant_dict_lookup (call->options, "provider", "&s", &query->provider);
  (void) g_variant_dict_lookup (call->options, "text", "&s", &query->text);
  (void) g_variant_dict_lookup (call->options, "limit", "u", &query->limit);
  if (g_variant_dict_lookup (call->options, "level", "&s", &level) &&
      !parse_level (level, &query->level_min, error))
    return FALSE;
  if (query->text != NULL && strlen (query->text) > GEMEL_TEXT_BYTES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG, "text has at most %d bytes",
                   GEMEL_TEXT_BYTES_MAX);
      return FALSE;
    }
  return gemel_bus_check_limit (query->limit, error);
}

static gboolean
check_list (GemelBusCall *call,
            GError      **error)
{
  GemelLogQuery query;

  return parse_query (call, &query, error);
}

static void
return_array (GemelBusCall *call,
              GVariant     *array)
{
  g_autoptr (GVariant) owned = g_variant_take_ref (array);

  gemel_bus_call_return (call, g_variant_new_tuple (&owned, 1));
}

static void
run_list (GemelBusCall *call)
{
  GemelLogQuery query;
  GError       *local_error = NULL;

  if (parse_query (call, &query, &local_error))
    return_array (call, gemel_log_query (&query));
  else
    gemel_bus_call_fail (call, local_error);
}

static gboolean
check_set_level (GemelBusCall *call,
                 GError      **error)
{
  const char   *provider;
  const char   *text;
  GemelLogLevel level;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  g_variant_get_child (call->parameters, 1, "&s", &text);
  return check_log_provider (provider, error) && parse_level (text, &level, error);
}

static void
run_set_level (GemelBusCall *call)
{
  const char   *provider;
  const char   *text;
  GemelLogLevel level;
  GError       *local_error = NULL;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  g_variant_get_child (call->parameters, 1, "&s", &text);
  if (parse_level (text, &level, &local_error) &&
      gemel_log_set_level (provider, level, &local_error))
    gemel_bus_call_return (call, NULL);
  else
    gemel_bus_call_fail (call, local_error);
}

static gboolean
check_set_merge (GemelBusCall *call,
                 GError      **error)
{
  const char *provider;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  return check_log_provider (provider, error);
}

static void
run_set_merge (GemelBusCall *call)
{
  const char *provider;
  gboolean    merge;
  GError     *local_error = NULL;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  g_variant_get_child (call->parameters, 1, "b", &merge);
  if (gemel_log_set_merge (provider, merge, &local_error))
    gemel_bus_call_return (call, NULL);
  else
    gemel_bus_call_fail (call, local_error);
}

static void
run_list_providers (GemelBusCall *call)
{
  return_array (call, gemel_log_list_providers ());
}

/* clang-format off */
static const GemelBusMethod methods[] = {
  { "List", GEMEL_RIGHT_READ_LOG, list_options, check_list, run_list },
  { "SetLevel", GEMEL_RIGHT_DEBUG, NULL, check_set_level, run_set_level },
  { "SetMerge", GEMEL_RIGHT_DEBUG, NULL, check_set_merge, run_set_merge },
  { "ListProviders", GEMEL_RIGHT_NONE, NULL, NULL, run_list_providers },
};
/* clang-format on */

/**
 * gemel_bus_log_make:
 * @dbus: whose
 *
 * Returns: (transfer full): the interface of the log.
 * Thread: main
 */
GemelBusLog *
gemel_bus_log_make (GemelDbus *dbus)
{
  GemelBusLog *log = gemel_bus_log_skeleton_new ();

  gemel_bus_connect_methods (dbus, log, methods, G_N_ELEMENTS (methods));
  return log;
}
