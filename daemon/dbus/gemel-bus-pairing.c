/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.Pairing: inviting, joining, unpairing. Codes are secrets and never logged.
 */
#include "dbus/gemel-dbus-private.h"

#include <string.h>

#define ADDRESS_BYTES_MAX 260
#define CODE_BYTES_MAX    1024

static gboolean
check_text (const char *text,
            const char *what,
            gsize       bytes_min,
            gsize       bytes_max,
            GError    **error)
{
  gsize size = strlen (text);

  if (size >= bytes_min && size <= bytes_max)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
               "%s has %" G_GSIZE_FORMAT " bytes; %" G_GSIZE_FORMAT " to %" G_GSIZE_FORMAT
               " are possible",
               what, size, bytes_min, bytes_max);
  return FALSE;
}

static gboolean
check_invite (GemelBusCall *call,
              GError      **error)
{
  const char *address;

  g_variant_get_child (call->parameters, 0, "&s", &address);
  return check_text (address, "the address", 0, ADDRESS_BYTES_MAX, error);
}

static void
run_invite (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  g_autofree char     *code = NULL;
  GError              *local_error = NULL;
  const char          *address;
  gint64               expiry_unix_us = 0;

  g_variant_get_child (call->parameters, 0, "&s", &address);
  code = requests->pair_invite (requests->node, *address ? address : NULL, &expiry_unix_us,
                                &local_error);
  if (code == NULL)
    gemel_bus_call_fail (call, local_error);
  else
    gemel_bus_call_return (call, g_variant_new ("(st)", code, gemel_bus_usec (expiry_unix_us)));
}

static gboolean
check_join (GemelBusCall *call,
            GError      **error)
{
  const char *code;

  g_variant_get_child (call->parameters, 0, "&s", &code);
  return check_text (code, "the code", 1, CODE_BYTES_MAX, error);
}

static void
run_join (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  const char          *code;
  guint64              id;

  g_variant_get_child (call->parameters, 0, "&s", &code);
  id = requests->pair_join (requests->node, code, &local_error);
  gemel_bus_jobs_reply (call->dbus->jobs, call, id, local_error);
}

static void
unpair_cb (GObject      *source,
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
run_unpair (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;

  requests->unpair_async (requests->node, unpair_cb, call);
}

static const GemelBusMethod methods[] = {
  { "Invite", GEMEL_RIGHT_PAIR, NULL, check_invite, run_invite },
  { "Join", GEMEL_RIGHT_PAIR, NULL, check_join, run_join },
  { "Unpair", GEMEL_RIGHT_PAIR, NULL, NULL, run_unpair },
};

/**
 * gemel_bus_pairing_make:
 * @dbus: whose
 *
 * Returns: (transfer full): the interface of pairing.
 * Thread: main
 */
GemelBusPairing *
gemel_bus_pairing_make (GemelDbus *dbus)
{
  GemelBusPairing *pairing = gemel_bus_pairing_skeleton_new ();

  gemel_bus_connect_methods (dbus, pairing, methods, G_N_ELEMENTS (methods));
  return pairing;
}
