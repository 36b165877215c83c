/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * From errors to exit codes.
 */
#include "ctl/gemel-ctl.h"

/**
 * gemel_ctl_error_quark:
 *
 * Errors that gemelctl finds by itself; the code is the exit code.
 *
 * Returns: the quark.
 * Thread: any
 */
G_DEFINE_QUARK (gemel - ctl - error - quark, gemel_ctl_error)

static GemelCtlStatus
status_of_gemel_error (GemelError code)
{
  switch (code)
    {
    case GEMEL_ERROR_NOT_AUTHORIZED:
      return GEMEL_CTL_NOT_AUTHORISED;
    case GEMEL_ERROR_INVALID_ARGS:
    case GEMEL_ERROR_SETTING:
    case GEMEL_ERROR_TOO_BIG:
      return GEMEL_CTL_USAGE;
    case GEMEL_ERROR_NOT_AUTHORITY:
    case GEMEL_ERROR_NOT_ACTIVE:
    case GEMEL_ERROR_OLD_TERM:
    case GEMEL_ERROR_SWITCHING:
    case GEMEL_ERROR_PEER_UNAVAILABLE:
    case GEMEL_ERROR_NOT_PAIRED:
    case GEMEL_ERROR_ALREADY_PAIRED:
    case GEMEL_ERROR_NOT_LEVEL:
    case GEMEL_ERROR_BUSY:
    case GEMEL_ERROR_STALLED:
      return GEMEL_CTL_REFUSED;
    case GEMEL_ERROR_FAILED:
    case GEMEL_ERROR_NOT_FOUND:
    case GEMEL_ERROR_PAIRING_REFUSED:
    case GEMEL_ERROR_LIMIT:
    case GEMEL_ERROR_PROTOCOL:
    case GEMEL_ERROR_IDENTITY:
    case GEMEL_ERROR_INCOMPATIBLE:
    case GEMEL_ERROR_STORE:
    case GEMEL_ERROR_DISK_FULL:
    case GEMEL_ERROR_CORRUPT:
    case GEMEL_ERROR_DIVERGED:
    case GEMEL_ERROR_TIMEOUT:
    case GEMEL_ERROR_CANCELLED:
    case GEMEL_N_ERRORS:
      return GEMEL_CTL_FAILED;
    }
  return GEMEL_CTL_FAILED;
}

/**
 * gemel_ctl_error_to_status:
 * @error: what a command returned
 *
 * Returns: the exit code for it.
 * Thread: any
 */
GemelCtlStatus
gemel_ctl_error_to_status (const GError *error)
{
  if (error->domain == GEMEL_CTL_ERROR)
    return (GemelCtlStatus) error->code;
  if (error->domain == GEMEL_ERROR)
    return status_of_gemel_error ((GemelError) error->code);
  if (error->domain == G_OPTION_ERROR)
    return GEMEL_CTL_USAGE;
  return GEMEL_CTL_FAILED;
}
