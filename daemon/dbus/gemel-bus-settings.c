/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The part of org.gemel.Gemel1.Node about settings and modules.
 */
#include "dbus/gemel-dbus-private.h"

#include <string.h>

#define SETTING_NAME_BYTES_MAX 128

static gboolean
check_setting (GemelBusCall *call,
               GError      **error)
{
  const char *name;

  g_variant_get_child (call->parameters, 0, "&s", &name);
  if (*name == '\0' || strlen (name) > SETTING_NAME_BYTES_MAX)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                           "that is no name of a setting; ListSettings has them all");
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_set_setting (GemelBusCall *call,
                   GError      **error)
{
  const char *value;

  g_variant_get_child (call->parameters, 1, "&s", &value);
  if (strlen (value) > GEMEL_TEXT_BYTES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG, "a value has at most %d bytes",
                   GEMEL_TEXT_BYTES_MAX);
      return FALSE;
    }
  return check_setting (call, error);
}

static void
set_setting_cb (GObject      *source,
                GAsyncResult *result,
                gpointer      user_data)
{
  GemelBusCall        *call = user_data;
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;

  if (requests->finish (requests->node, result, &local_error))
    gemel_bus_call_return (call, NULL);
  else
    gemel_bus_call_fail (call, local_error);
}

static void
run_set_setting (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  const char          *name;
  const char          *value;

  g_variant_get_child (call->parameters, 0, "&s", &name);
  g_variant_get_child (call->parameters, 1, "&s", &value);
  requests->set_setting_async (requests->node, name, value, set_setting_cb, call);
}

static void
run_reset_setting (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  const char          *name;

  g_variant_get_child (call->parameters, 0, "&s", &name);
  requests->set_setting_async (requests->node, name, NULL, set_setting_cb, call);
}

/* @array: floating or not, as the parts of the node give it. */
static void
return_array (GemelBusCall *call,
              GVariant     *array)
{
  g_autoptr (GVariant) owned = g_variant_take_ref (array);

  gemel_bus_call_return (call, g_variant_new_tuple (&owned, 1));
}

static void
run_list_settings (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;

  return_array (call, gemel_settings_describe (requests->get_settings (requests->node)));
}

static void
run_describe_modules (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;

  return_array (call, requests->describe_modules (requests->node));
}

/* clang-format off */
static const GemelBusMethod methods[] = {
  { "SetSetting", GEMEL_RIGHT_CONFIGURE, NULL, check_set_setting, run_set_setting },
  { "ResetSetting", GEMEL_RIGHT_CONFIGURE, NULL, check_setting, run_reset_setting },
  { "ListSettings", GEMEL_RIGHT_NONE, NULL, NULL, run_list_settings },
  { "DescribeModules", GEMEL_RIGHT_NONE, NULL, NULL, run_describe_modules },
};
/* clang-format on */

/**
 * gemel_bus_node_connect_settings:
 * @dbus: whose
 * @node: the interface of this node
 *
 * Serves the methods of @node that are about settings and modules.
 * Thread: main
 */
void
gemel_bus_node_connect_settings (GemelDbus    *dbus,
                                 GemelBusNode *node)
{
  gemel_bus_connect_methods (dbus, node, methods, G_N_ELEMENTS (methods));
}
