/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The error domain and its D-Bus names.
 */
#include "api/gemel-error.h"

/* clang-format off */
static const GDBusErrorEntry entries[] = {
  { GEMEL_ERROR_FAILED, "org.gemel.Gemel1.Error.Failed" },
  { GEMEL_ERROR_INVALID_ARGS, "org.gemel.Gemel1.Error.InvalidArgs" },
  { GEMEL_ERROR_NOT_FOUND, "org.gemel.Gemel1.Error.NotFound" },
  { GEMEL_ERROR_NOT_AUTHORIZED, "org.gemel.Gemel1.Error.NotAuthorized" },
  { GEMEL_ERROR_NOT_AUTHORITY, "org.gemel.Gemel1.Error.NotAuthority" },
  { GEMEL_ERROR_NOT_ACTIVE, "org.gemel.Gemel1.Error.NotActive" },
  { GEMEL_ERROR_OLD_TERM, "org.gemel.Gemel1.Error.OldTerm" },
  { GEMEL_ERROR_SWITCHING, "org.gemel.Gemel1.Error.Switching" },
  { GEMEL_ERROR_PEER_UNAVAILABLE, "org.gemel.Gemel1.Error.PeerUnavailable" },
  { GEMEL_ERROR_NOT_PAIRED, "org.gemel.Gemel1.Error.NotPaired" },
  { GEMEL_ERROR_ALREADY_PAIRED, "org.gemel.Gemel1.Error.AlreadyPaired" },
  { GEMEL_ERROR_PAIRING_REFUSED, "org.gemel.Gemel1.Error.PairingRefused" },
  { GEMEL_ERROR_NOT_LEVEL, "org.gemel.Gemel1.Error.NotLevel" },
  { GEMEL_ERROR_BUSY, "org.gemel.Gemel1.Error.Busy" },
  { GEMEL_ERROR_LIMIT, "org.gemel.Gemel1.Error.Limit" },
  { GEMEL_ERROR_TOO_BIG, "org.gemel.Gemel1.Error.TooBig" },
  { GEMEL_ERROR_PROTOCOL, "org.gemel.Gemel1.Error.Protocol" },
  { GEMEL_ERROR_IDENTITY, "org.gemel.Gemel1.Error.Identity" },
  { GEMEL_ERROR_INCOMPATIBLE, "org.gemel.Gemel1.Error.Incompatible" },
  { GEMEL_ERROR_STORE, "org.gemel.Gemel1.Error.Store" },
  { GEMEL_ERROR_DISK_FULL, "org.gemel.Gemel1.Error.DiskFull" },
  { GEMEL_ERROR_CORRUPT, "org.gemel.Gemel1.Error.Corrupt" },
  { GEMEL_ERROR_DIVERGED, "org.gemel.Gemel1.Error.Diverged" },
  { GEMEL_ERROR_TIMEOUT, "org.gemel.Gemel1.Error.Timeout" },
  { GEMEL_ERROR_CANCELLED, "org.gemel.Gemel1.Error.Cancelled" },
  { GEMEL_ERROR_SETTING, "org.gemel.Gemel1.Error.Setting" },
  { GEMEL_ERROR_STALLED, "org.gemel.Gemel1.Error.Stalled" },
};
/* clang-format on */

G_STATIC_ASSERT (G_N_ELEMENTS (entries) == GEMEL_N_ERRORS);

/**
 * gemel_error_quark:
 *
 * The domain of every error that leaves Gemel. The first call registers the D-Bus names, so that
 * an error crosses the bus with its code in both directions.
 *
 * Returns: the quark.
 * Thread: any
 */
GQuark
gemel_error_quark (void)
{
  static gsize quark = 0; /* tidy: static-mutable: written once by the registration below */

  g_dbus_error_register_error_domain ("gemel-error-quark", &quark, entries, G_N_ELEMENTS (entries));
  return (GQuark) quark;
}

/**
 * gemel_error_is:
 * @error: (nullable): an error
 * @code: a code of %GEMEL_ERROR
 *
 * Returns: whether @error is of Gemel's domain and has that code.
 * Thread: any
 */
gboolean
gemel_error_is (const GError *error,
                GemelError    code)
{
  return g_error_matches (error, GEMEL_ERROR, (gint) code);
}
