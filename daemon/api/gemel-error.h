/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The one public error domain. Every code has a D-Bus name (org.gemel.Gemel1.Error.*),
 * registered from one table, so an error keeps its code from the place where it
 * happens to the caller's screen.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define GEMEL_ERROR (gemel_error_quark ())

typedef enum
{
  GEMEL_ERROR_FAILED = 0,
  GEMEL_ERROR_INVALID_ARGS, /* the caller passed something that makes no sense */
  GEMEL_ERROR_NOT_FOUND,
  GEMEL_ERROR_NOT_AUTHORIZED,
  GEMEL_ERROR_NOT_AUTHORITY, /* configuration cannot be written here; message names who can */
  GEMEL_ERROR_NOT_ACTIVE,    /* only the active node does this; message names it */
  GEMEL_ERROR_OLD_TERM,      /* the write carries a term that is over */
  GEMEL_ERROR_SWITCHING,     /* switchover in progress, try again */
  GEMEL_ERROR_PEER_UNAVAILABLE,
  GEMEL_ERROR_NOT_PAIRED,
  GEMEL_ERROR_ALREADY_PAIRED,
  GEMEL_ERROR_PAIRING_REFUSED, /* wrong, used or expired code */
  GEMEL_ERROR_NOT_LEVEL,       /* the nodes are not in step */
  GEMEL_ERROR_BUSY,
  GEMEL_ERROR_LIMIT, /* a limit was reached; message names it and the setting */
  GEMEL_ERROR_TOO_BIG,
  GEMEL_ERROR_PROTOCOL,     /* the other side broke the protocol */
  GEMEL_ERROR_IDENTITY,     /* certificate, fingerprint or identity does not fit */
  GEMEL_ERROR_INCOMPATIBLE, /* versions without a common protocol */
  GEMEL_ERROR_STORE,        /* the database refused; message has SQLite's words */
  GEMEL_ERROR_DISK_FULL,
  GEMEL_ERROR_CORRUPT,  /* checksum or chain does not fit */
  GEMEL_ERROR_DIVERGED, /* both sides have entries the other lacks */
  GEMEL_ERROR_TIMEOUT,
  GEMEL_ERROR_CANCELLED,
  GEMEL_ERROR_SETTING, /* unknown setting or value outside its range */
  GEMEL_ERROR_STALLED, /* this node was stopped for too long and must ask first */
  GEMEL_N_ERRORS
} GemelError;

GQuark   gemel_error_quark (void);
gboolean gemel_error_is (const GError *error,
                         GemelError    code);

G_END_DECLS
