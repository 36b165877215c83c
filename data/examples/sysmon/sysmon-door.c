/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Opening is asynchronous; sending writes a few kilobytes into a local socket, and the owner has at
 * most one batch under way, so the credit never makes it wait.
 */
#include "sysmon-door.h"

#include "api/gemel-names.h"

#include <gio/gunixfdlist.h>
#include <glib-unix.h>

#define RETRY_MS        500
#define CALL_TIMEOUT_MS 5000

struct _SysmonDoor
{
  GDBusConnection *bus;
  char            *kind;
  char            *provider;
  SysmonDoorPort   port;
  gpointer         user_data;
  GCancellable    *opening;  /* (nullable): a call is under way */
  GemelDoorClient *client;   /* (nullable) */
  GSource         *readable; /* (nullable) */
  GSource         *later;    /* (nullable): retry, or a second look at what was kept */
};

static void
clear_source (GSource **source)
{
  if (*source != NULL)
    g_source_destroy (*source);
  g_clear_pointer (source, g_source_unref);
}

static void
shut (SysmonDoor *door)
{
  const gboolean was_open = door->client != NULL;

  if (door->opening != NULL)
    g_cancellable_cancel (door->opening);
  g_clear_object (&door->opening);
  clear_source (&door->readable);
  clear_source (&door->later);
  g_clear_pointer (&door->client, gemel_door_client_free);
  if (was_open && door->port.closed != NULL)
    door->port.closed (door->user_data);
}

static void
call_later (SysmonDoor *door, guint after_ms, GSourceFunc function)
{
  clear_source (&door->later);
  door->later = g_timeout_source_new (after_ms);
  g_source_set_callback (door->later, function, door, NULL);
  g_source_attach (door->later, NULL);
}

static gboolean
on_retry (gpointer user_data)
{
  sysmon_door_open (user_data);
  return G_SOURCE_REMOVE;
}

static void
fail (SysmonDoor *door, const GError *error)
{
  g_printerr ("sysmon: the %s door: %s; trying again\n", door->kind, error->message);
  shut (door);
  call_later (door, RETRY_MS, on_retry);
}

/* Passes on what is there. The owner may shut or open the door anew in a call: then it is over. */
static void
drain (SysmonDoor *door)
{
  GemelDoorClient *client = door->client;

  while (client != NULL && door->client == client)
    {
      g_autoptr (GError) local_error = NULL;
      GemelDoorEvent     event;

      if (gemel_door_client_next (client, 0, &event, &local_error))
        door->port.event (&event, door->user_data);
      else if (gemel_error_is (local_error, GEMEL_ERROR_TIMEOUT))
        return;
      else
        {
          fail (door, local_error);
          return;
        }
    }
}

static gboolean
on_readable (int fd, GIOCondition condition, gpointer user_data)
{
  drain (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_kept (gpointer user_data)
{
  SysmonDoor *door = user_data;

  clear_source (&door->later);
  drain (door);
  return G_SOURCE_REMOVE;
}

static gboolean
take_stream (SysmonDoor *door, GVariant *reply, GUnixFDList *fds, GError **error)
{
  gint32 index = -1;
  int    fd;

  g_variant_get (reply, "(h)", &index);
  fd = fds != NULL ? g_unix_fd_list_get (fds, index, error) : -1;
  if (fd < 0)
    {
      if (error != NULL && *error == NULL)
        g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "no socket came");
      return FALSE;
    }
  door->client = gemel_door_client_new (fd, error);
  return door->client != NULL;
}

static void
on_stream (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GUnixFDList) fds = NULL;
  g_autoptr (GError)      local_error = NULL;
  g_autoptr (GVariant)    reply = g_dbus_connection_call_with_unix_fd_list_finish (
       G_DBUS_CONNECTION (source), &fds, result, &local_error);
  SysmonDoor *door = user_data;

  if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED))
    return;
  g_clear_object (&door->opening);
  if (reply == NULL || !take_stream (door, reply, fds, &local_error))
    {
      fail (door, local_error);
      return;
    }
  door->readable =
    g_unix_fd_source_new (gemel_door_client_get_fd (door->client), G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback (door->readable, G_SOURCE_FUNC (on_readable), door, NULL);
  g_source_attach (door->readable, NULL);
  door->port.opened (door->user_data);
}

/**
 * sysmon_door_new:
 * @bus: the node's bus
 * @kind: "state" or "history"
 * @provider: provider to write to
 * @port: what to call
 * @user_data: for @port
 *
 * Returns: (transfer full): a door that is not open.
 * Thread: main
 */
SysmonDoor *
sysmon_door_new (GDBusConnection      *bus,
                 const char           *kind,
                 const char           *provider,
                 const SysmonDoorPort *port,
                 gpointer              user_data)
{
  SysmonDoor *door = g_new0 (SysmonDoor, 1);

  door->bus = g_object_ref (bus);
  door->kind = g_strdup (kind);
  door->provider = g_strdup (provider);
  door->port = *port;
  door->user_data = user_data;
  return door;
}

/**
 * sysmon_door_free:
 * @door: (transfer full): a door
 *
 * Thread: main
 */
void
sysmon_door_free (SysmonDoor *door)
{
  door->port.closed = NULL;
  shut (door);
  g_object_unref (door->bus);
  g_free (door->kind);
  g_free (door->provider);
  g_free (door);
}

/**
 * sysmon_door_open:
 * @door: a door
 *
 * Opens it, or shuts it and opens it anew.
 *
 * Thread: main
 */
void
sysmon_door_open (SysmonDoor *door)
{
  shut (door);
  door->opening = g_cancellable_new ();
  g_dbus_connection_call_with_unix_fd_list (
    door->bus, GEMEL_BUS_NAME, GEMEL_BUS_PATH_NODE, GEMEL_BUS_NAME ".Node", "OpenStream",
    g_variant_new ("(ssa{sv})", door->kind, door->provider, NULL), G_VARIANT_TYPE ("(h)"),
    G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, NULL, door->opening, on_stream, door);
}

/**
 * sysmon_door_get_client:
 * @door: a door
 *
 * Returns: (transfer none) (nullable): what to put batches into; %NULL while it is not open.
 * Thread: main
 */
GemelDoorClient *
sysmon_door_get_client (SysmonDoor *door)
{
  return door->client;
}

/**
 * sysmon_door_send:
 * @door: an open door with something put
 * @wanted: durability that the answer waits for
 * @term: the term that the writer believes in; 0: the present one
 *
 * Returns: whether it was sent; if not, the door is shut and opens anew by itself.
 * Thread: main
 */
gboolean
sysmon_door_send (SysmonDoor *door, GemelDurability wanted, guint64 term)
{
  g_autoptr (GError) local_error = NULL;

  if (gemel_door_client_send (door->client, wanted, term, NULL, &local_error))
    {
      /* What came meanwhile was kept, and its socket may stay silent. */
      call_later (door, 0, on_kept);
      return TRUE;
    }
  fail (door, local_error);
  return FALSE;
}

/**
 * sysmon_door_subscribe:
 * @door: an open state door
 *
 * Returns: whether it was asked.
 * Thread: main
 */
gboolean
sysmon_door_subscribe (SysmonDoor *door)
{
  g_autoptr (GError) local_error = NULL;

  if (gemel_door_client_subscribe (door->client, &local_error))
    return TRUE;
  fail (door, local_error);
  return FALSE;
}
