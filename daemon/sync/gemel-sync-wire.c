/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The checks that every frame and every name goes through.
 */
#include "sync/gemel-sync-wire.h"

/**
 * gemel_reader_finish:
 * @reader: a reader at the end of a body
 * @frame: what was read, for the message
 * @error: return location
 *
 * Returns: %FALSE when the body was too short or too long.
 * Errors: %GEMEL_ERROR_PROTOCOL
 * Thread: any
 */
gboolean
gemel_reader_finish (const GemelReader *reader,
                     const char        *frame,
                     GError           **error)
{
  if (!reader->bad && reader->left == 0)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
               "frame %s is %s, compare the versions of both sides", frame,
               reader->bad ? "too short" : "too long");
  return FALSE;
}

/**
 * gemel_provider_name_check:
 * @name: a name, not necessarily terminated
 * @size: its length in bytes
 * @error: return location
 *
 * A provider is named with letters, digits, '.', '_' and '-', so that it fits into paths, bus
 * names and labels alike.
 *
 * Returns: whether @name can name a provider.
 * Errors: %GEMEL_ERROR_INVALID_ARGS
 * Thread: any
 */
gboolean
gemel_provider_name_check (const char *name,
                           gsize       size,
                           GError    **error)
{
  gboolean good = size > 0 && size <= GEMEL_PROVIDER_NAME_BYTES_MAX;

  for (gsize i = 0; good && i < size; i++)
    good = name[i] != 0 && (g_ascii_isalnum (name[i]) || strchr ("._-", name[i]) != NULL);
  if (!good)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                 "provider name is not 1 to %d letters, digits, '.', '_' or '-'",
                 GEMEL_PROVIDER_NAME_BYTES_MAX);
  return good;
}
