/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A clock, a door, one batch and its answer.
 */
#include "bench-client.h"

#include "api/gemel-names.h"

#include <gio/gunixfdlist.h>

#define PROVIDER      "bench"
#define ANSWER_MS_MAX 60000

/**
 * bench_now_us:
 * @clock: which one
 *
 * Returns: its time, µs.
 * Thread: any
 */
gint64
bench_now_us (clockid_t clock)
{
  struct timespec now;

  (void) clock_gettime (clock, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/**
 * bench_open_door:
 * @bus: address of the bus of a node
 * @kind: "state" or "config"
 * @error: where to say what failed
 *
 * Returns: (transfer full) (nullable): a door for the provider of the benchmarks.
 * Errors: of the bus and of OpenStream.
 * Thread: any
 */
GemelDoorClient *
bench_open_door (const char *bus, const char *kind, GError **error)
{
  g_autoptr (GDBusConnection) connection = NULL;
  g_autoptr (GVariant)        reply = NULL;
  g_autoptr (GUnixFDList)     fds = NULL;
  GVariantBuilder             options;
  int                         fd;

  connection = g_dbus_connection_new_for_address_sync (
    bus,
    G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT | G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
    NULL, NULL, error);
  if (connection == NULL)
    return NULL;
  g_variant_builder_init (&options, G_VARIANT_TYPE_VARDICT);
  reply = g_dbus_connection_call_with_unix_fd_list_sync (
    connection, GEMEL_BUS_NAME, GEMEL_BUS_PATH_NODE, GEMEL_BUS_NAME ".Node", "OpenStream",
    g_variant_new ("(ssa{sv})", kind, PROVIDER, &options), G_VARIANT_TYPE ("(h)"),
    G_DBUS_CALL_FLAGS_NONE, -1, NULL, &fds, NULL, error);
  if (reply == NULL)
    return NULL;
  fd = g_unix_fd_list_get (fds, 0, error);
  return fd < 0 ? NULL : gemel_door_client_new (fd, error);
}

/**
 * bench_send_and_wait:
 * @door: with a batch put into it
 * @wanted: durability to ask for
 * @ret_answer: (out): the answer, lent until the next call
 * @error: where to say what failed
 *
 * Returns: whether there was an answer; it may be a refusal.
 * Errors: of the door, which is over then.
 * Thread: the one that uses @door
 */
gboolean
bench_send_and_wait (GemelDoorClient *door,
                     GemelDurability  wanted,
                     GemelDoorEvent  *ret_answer,
                     GError         **error)
{
  if (!gemel_door_client_send (door, wanted, 0, NULL, error))
    return FALSE;
  do
    {
      if (!gemel_door_client_next (door, ANSWER_MS_MAX, ret_answer, error))
        return FALSE;
    }
  while (ret_answer->type != GEMEL_DOOR_ANSWER);
  return TRUE;
}
