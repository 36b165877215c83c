/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Who may call: a foreign user on a private bus, and on a system bus with and without polkit.
 */
#include "bus-fixture.h"

#include "dbus/gemel-authority.h"
#include <string.h>

#define FAILOVER "org.gemel.Gemel1.Node.RequestFailover"
#define DESCRIBE "org.gemel.Gemel1.Node.Describe"

static gboolean
call_as_nobody (BusFixture *fx,
                const char *method,
                char      **ret_output)
{
  if (bus_fixture_call_as_nobody (fx, NODE, method, "{}", NULL, ret_output))
    return TRUE;
  g_test_skip ("only root can call as another user");
  return FALSE;
}

static void
test_authority_private_bus (BusFixture   *fx,
                            gconstpointer data)
{
  g_autofree char     *failover = NULL;
  g_autofree char     *description = NULL;
  g_autoptr (GVariant) node = NULL;
  guint64              denied;

  g_test_summary ("on a private bus another user may do nothing, and it is counted");
  if (!call_as_nobody (fx, FAILOVER, &failover) || !call_as_nobody (fx, DESCRIBE, &description))
    return;
  g_assert_nonnull (strstr (failover, "org.gemel.Gemel1.Error.NotAuthorized"));
  g_assert_nonnull (strstr (description, "org.gemel.Gemel1.Error.NotAuthorized"));
  g_assert_cmpuint (fx->node->calls, ==, 0);
  node = bus_fixture_get_all (fx, NODE, "Node");
  g_assert_true (g_variant_lookup (node, "CallsDenied", "t", &denied));
  g_assert_cmpuint (denied, ==, 2);
}

static void
test_authority_without_polkit (BusFixture   *fx,
                               gconstpointer data)
{
  g_autofree char *failover = NULL;
  g_autofree char *description = NULL;

  g_test_summary ("without polkit another user may only look");
  if (!call_as_nobody (fx, FAILOVER, &failover) || !call_as_nobody (fx, DESCRIBE, &description))
    return;
  g_assert_nonnull (strstr (failover, "org.gemel.Gemel1.Error.NotAuthorized"));
  g_assert_nonnull (strstr (failover, "polkit is not running"));
  g_assert_nonnull (strstr (description, "gw-a"));
  g_assert_cmpuint (fx->node->calls, ==, 0);
}

static const char polkit_xml[] =
  "<node><interface name='org.freedesktop.PolicyKit1.Authority'>"
  "<method name='CheckAuthorization'><arg type='(sa{sv})' direction='in'/>"
  "<arg type='s' direction='in'/><arg type='a{ss}' direction='in'/><arg type='u' direction='in'/>"
  "<arg type='s' direction='in'/><arg type='(bba{ss})' direction='out'/></method>"
  "</interface></node>";

/** What the false polkit says, and what it was asked. */
typedef struct
{
  gboolean authorized;
  gboolean challenge;
  char    *question;
} Polkit;

static void
on_polkit_call (GDBusConnection       *connection,
                const char            *sender,
                const char            *path,
                const char            *interface,
                const char            *method,
                GVariant              *parameters,
                GDBusMethodInvocation *invocation,
                gpointer               user_data)
{
  Polkit     *polkit = user_data;
  const char *kind;
  const char *action;

  g_variant_get (parameters, "((&s@a{sv})&s@a{ss}u&s)", &kind, NULL, &action, NULL, NULL, NULL);
  g_free (polkit->question);
  polkit->question = g_strdup_printf ("%s %s", kind, action);
  g_dbus_method_invocation_return_value (
    invocation, g_variant_new ("((bba{ss}))", polkit->authorized, polkit->challenge, NULL));
}

static void
start_polkit (BusFixture *fx,
              Polkit     *polkit)
{
  static const GDBusInterfaceVTable vtable = { .method_call = on_polkit_call };
  g_autoptr (GDBusNodeInfo)         info = g_dbus_node_info_new_for_xml (polkit_xml, NULL);
  g_autoptr (GVariant)              reply = NULL;
  g_autoptr (GError)                error = NULL;

  g_assert_nonnull (info);
  g_assert_cmpuint (g_dbus_connection_register_object (
                      fx->client, "/org/freedesktop/PolicyKit1/Authority", info->interfaces[0],
                      &vtable, polkit, NULL, NULL),
                    >, 0);
  reply = g_dbus_connection_call_sync (fx->client, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                       "org.freedesktop.DBus", "RequestName",
                                       g_variant_new ("(su)", "org.freedesktop.PolicyKit1", 0u),
                                       NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, &error);
  g_assert_no_error (error);
}

static void
test_authority_polkit_decides (BusFixture   *fx,
                               gconstpointer data)
{
  Polkit           polkit = { FALSE, FALSE, NULL };
  g_autofree char *refused = NULL;
  g_autofree char *challenged = NULL;
  g_autofree char *allowed = NULL;

  g_test_summary ("polkit's no is a no, its yes a yes, and it is asked about the caller's bus "
                  "name");
  start_polkit (fx, &polkit);
  if (!call_as_nobody (fx, FAILOVER, &refused))
    return;
  g_assert_nonnull (strstr (refused, "polkit refused"));
  g_assert_cmpstr (polkit.question, ==, "system-bus-name org.gemel.Gemel1.operate");
  polkit.challenge = TRUE;
  g_assert_true (call_as_nobody (fx, FAILOVER, &challenged));
  g_assert_nonnull (strstr (challenged, "authentication is needed"));
  g_assert_cmpuint (fx->node->calls, ==, 0);
  polkit.authorized = TRUE;
  g_assert_true (call_as_nobody (fx, FAILOVER, &allowed));
  g_assert_nonnull (strstr (allowed, GEMEL_BUS_PATH_JOBS "/1"));
  g_assert_cmpuint (fx->node->calls, ==, 1);
  g_free (polkit.question);
}

static void
test_authority_refuses_system_bus_as_private (BusFixture   *fx,
                                              gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  GemelDbus         *dbus;

  g_test_summary ("a private bus that is the system bus is refused, whatever its address looks "
                  "like");
  g_assert_true (g_setenv ("DBUS_SYSTEM_BUS_ADDRESS", fx->address, TRUE));
  dbus = gemel_dbus_new (fx->server, TRUE, &fx->node->requests, &error);
  g_unsetenv ("DBUS_SYSTEM_BUS_ADDRESS");
  g_assert_null (dbus);
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING);
}

static void
on_checked (GObject      *source,
            GAsyncResult *result,
            gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
test_authority_forgets_callers_that_left (BusFixture   *fx,
                                          gconstpointer data)
{
  g_autoptr (GError)          error = NULL;
  g_autoptr (GemelAuthority)  authority = gemel_authority_new (fx->server, TRUE, &error);
  g_autoptr (GDBusConnection) caller = bus_fixture_connect (fx);
  g_autoptr (GAsyncResult)    result = NULL;
  g_autoptr (GAsyncResult)    nobody = NULL;

  g_test_summary ("a caller's uid is remembered until it leaves; a caller without a name is "
                  "refused");
  g_assert_no_error (error);
  gemel_authority_check_async (authority, g_dbus_connection_get_unique_name (caller),
                               GEMEL_RIGHT_OPERATE, FALSE, NULL, on_checked, &result);
  gemel_authority_check_async (authority, NULL, GEMEL_RIGHT_NONE, FALSE, NULL, on_checked, &nobody);
  while (result == NULL || nobody == NULL)
    g_main_context_iteration (NULL, TRUE);
  g_assert_true (gemel_authority_check_finish (authority, result, &error));
  g_assert_cmpuint (gemel_authority_get_n_senders (authority), ==, 1);
  g_assert_true (g_dbus_connection_close_sync (caller, NULL, NULL));
  while (gemel_authority_get_n_senders (authority) > 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_false (gemel_authority_check_finish (authority, nobody, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_AUTHORIZED);
}

#define ADD(path, set_up, function) \
  g_test_add (path, BusFixture, NULL, set_up, function, bus_fixture_tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/dbus/authority/private-bus", bus_fixture_set_up, test_authority_private_bus);
  ADD ("/dbus/authority/without-polkit", bus_fixture_set_up_system, test_authority_without_polkit);
  ADD ("/dbus/authority/polkit-decides", bus_fixture_set_up_system, test_authority_polkit_decides);
  ADD ("/dbus/authority/refuses-system-bus-as-private", bus_fixture_set_up_system,
       test_authority_refuses_system_bus_as_private);
  ADD ("/dbus/authority/forgets-callers-that-left", bus_fixture_set_up,
       test_authority_forgets_callers_that_left);
  return g_test_run ();
}
