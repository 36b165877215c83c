/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Calls to the daemon. Errors come back without D-Bus prefixes; everything that means "nobody is
 * there" becomes one error that says what to do.
 */
#include "ctl/gemel-ctl-bus.h"

#include <string.h>

#define INTERFACE_PREFIX GEMEL_BUS_NAME "."

static void
set_no_daemon (GemelCtl   *ctl,
               const char *why,
               GError    **error)
{
  if (ctl->bus_address != NULL)
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_NO_DAEMON,
                 "no daemon on the bus %s (%s); start gemeld with that --bus-address",
                 ctl->bus_address, why);
  else
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_NO_DAEMON,
                 "no daemon on the system bus (%s); start it with “systemctl start gemeld”, or "
                 "name another bus with --bus-address",
                 why);
}

/**
 * gemel_ctl_connect:
 * @ctl: the frame
 * @error: GEMEL_CTL_NO_DAEMON
 *
 * Returns: whether there is a connection to the bus.
 * Thread: main
 */
gboolean
gemel_ctl_connect (GemelCtl *ctl,
                   GError  **error)
{
  const GDBusConnectionFlags flags = G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                                     G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION;
  g_autoptr (GError) local_error = NULL;

  if (ctl->connection != NULL && !g_dbus_connection_is_closed (ctl->connection))
    return TRUE;
  g_clear_object (&ctl->connection);
  if (ctl->bus_address != NULL)
    ctl->connection = g_dbus_connection_new_for_address_sync (ctl->bus_address, flags, NULL, NULL,
                                                              &local_error);
  else
    ctl->connection = g_bus_get_sync (G_BUS_TYPE_SYSTEM, NULL, &local_error);
  if (ctl->connection == NULL)
    {
      set_no_daemon (ctl, local_error->message, error);
      return FALSE;
    }
  g_dbus_connection_set_exit_on_close (ctl->connection, FALSE);
  return TRUE;
}

static gboolean
means_absent (const GError *error)
{
  return g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_NAME_HAS_NO_OWNER) ||
         g_error_matches (error, G_DBUS_ERROR, G_DBUS_ERROR_DISCONNECTED) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CLOSED) ||
         g_error_matches (error, G_IO_ERROR, G_IO_ERROR_BROKEN_PIPE);
}

/* From what GDBus says to what a user can act on. */
static void
translate (GemelCtl *ctl,
           GError   *failure,
           GError  **error)
{
  g_autoptr (GError) owned = failure;

  (void) g_dbus_error_strip_remote_error (owned);
  if (means_absent (owned))
    set_no_daemon (ctl, "gemeld does not run", error);
  else if (g_error_matches (owned, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY))
    g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED,
                         "gemeld ended or did not answer while this was under way; look at "
                         "“gemelctl status” whether it was done");
  else if (g_error_matches (owned, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ||
           g_error_matches (owned, G_DBUS_ERROR, G_DBUS_ERROR_TIMEOUT))
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED,
                 "gemeld did not answer within %g s; give it longer with --timeout SECONDS",
                 ctl->timeout_s);
  else if (g_error_matches (owned, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED) ||
           g_error_matches (owned, G_DBUS_ERROR, G_DBUS_ERROR_AUTH_FAILED))
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_NOT_AUTHORISED, "not authorised: %s",
                 owned->message);
  else if (g_error_matches (owned, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD) ||
           g_error_matches (owned, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_INTERFACE))
    g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED,
                 "this gemeld does not know that; are gemeld and gemelctl of one version? (%s)",
                 owned->message);
  else
    g_propagate_error (error, g_steal_pointer (&owned));
}

/**
 * gemel_ctl_call_at:
 * @ctl: the frame
 * @path: object path
 * @interface: full name of the interface
 * @method: its method
 * @parameters: (nullable) (transfer floating): a tuple
 * @reply_type: type of the answer
 * @error: GEMEL_ERROR or GEMEL_CTL_ERROR
 *
 * Never starts the daemon: whoever asks for the state wants to know that it does not run.
 *
 * Returns: (transfer full) (nullable): the answer, a tuple.
 * Thread: main
 */
GVariant *
gemel_ctl_call_at (GemelCtl   *ctl,
                   const char *path,
                   const char *interface,
                   const char *method,
                   GVariant   *parameters,
                   const char *reply_type,
                   GError    **error)
{
  g_autoptr (GVariant) owned = parameters != NULL ? g_variant_ref_sink (parameters) : NULL;
  GError              *local_error = NULL;
  GVariant            *reply;

  if (!gemel_ctl_connect (ctl, error))
    return NULL;
  /* Registers the names of the errors, so that they come back with their codes. */
  (void) gemel_error_quark ();
  reply = g_dbus_connection_call_sync (ctl->connection, GEMEL_BUS_NAME, path, interface, method,
                                       owned, G_VARIANT_TYPE (reply_type),
                                       G_DBUS_CALL_FLAGS_NO_AUTO_START |
                                         G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION,
                                       (int) (ctl->timeout_s * 1000), NULL, &local_error);
  if (reply == NULL)
    translate (ctl, local_error, error);
  return reply;
}

/**
 * gemel_ctl_call:
 * @ctl: the frame
 * @interface: last word of the interface, for example "Node"
 * @method: its method
 * @parameters: (nullable) (transfer floating): a tuple
 * @reply_type: type of the answer
 * @error: as gemel_ctl_call_at ()
 *
 * Calls the object of the node.
 *
 * Returns: (transfer full) (nullable): the answer, a tuple.
 * Thread: main
 */
GVariant *
gemel_ctl_call (GemelCtl   *ctl,
                const char *interface,
                const char *method,
                GVariant   *parameters,
                const char *reply_type,
                GError    **error)
{
  g_autofree char *full = g_strconcat (INTERFACE_PREFIX, interface, NULL);

  return gemel_ctl_call_at (ctl, GEMEL_BUS_PATH_NODE, full, method, parameters, reply_type, error);
}

/**
 * gemel_ctl_get_all:
 * @ctl: the frame
 * @path: object path
 * @interface: last word of the interface
 * @error: as gemel_ctl_call_at ()
 *
 * Returns: (transfer full) (nullable): its properties, a{sv}.
 * Thread: main
 */
GVariant *
gemel_ctl_get_all (GemelCtl   *ctl,
                   const char *path,
                   const char *interface,
                   GError    **error)
{
  g_autofree char     *full = g_strconcat (INTERFACE_PREFIX, interface, NULL);
  g_autoptr (GVariant) reply = gemel_ctl_call_at (ctl, path, "org.freedesktop.DBus.Properties",
                                                  "GetAll", g_variant_new ("(s)", full), "(a{sv})",
                                                  error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/**
 * gemel_ctl_no_options:
 *
 * Returns: (transfer floating): an empty a{sv}.
 * Thread: any
 */
GVariant *
gemel_ctl_no_options (void)
{
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
}

/**
 * gemel_ctl_provider_path:
 * @name: name of a provider, for example "state/alarms"
 *
 * Returns: (transfer full): its object path.
 * Thread: any
 */
char *
gemel_ctl_provider_path (const char *name)
{
  GString *path = g_string_new (GEMEL_BUS_PATH_PROVIDERS "/");

  for (const char *p = name; *p != '\0'; p++)
    {
      if (g_ascii_isalnum (*p))
        g_string_append_c (path, *p);
      else
        g_string_append_printf (path, "_%02x", (guint) (guchar) *p);
    }
  return g_string_free (path, FALSE);
}

/**
 * gemel_ctl_subscribe:
 * @ctl: the frame, connected
 * @interface: full name of the interface of the signal
 * @signal: its name
 * @path: (nullable): object path; %NULL: any
 * @callback: called in the main loop
 * @user_data: for @callback
 *
 * Returns: the subscription.
 * Thread: main
 */
guint
gemel_ctl_subscribe (GemelCtl           *ctl,
                     const char         *interface,
                     const char         *signal,
                     const char         *path,
                     GDBusSignalCallback callback,
                     gpointer            user_data)
{
  return g_dbus_connection_signal_subscribe (ctl->connection, GEMEL_BUS_NAME, interface, signal,
                                             path, NULL, G_DBUS_SIGNAL_FLAGS_NONE, callback,
                                             user_data, NULL);
}
