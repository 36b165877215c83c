/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Batches of operations as bytes: read, check, write. The same bytes come through a door, lie in
 * the delta buffer and travel to the peer, so a batch is encoded once.
 */
#include "sync/gemel-state.h"
#include "sync/gemel-sync-wire.h"

/**
 * gemel_state_next_change:
 * @ops: (inout): where to read; moves to the next operation
 * @left: (inout): bytes that are left
 * @ret_change: (out): the operation, pointing into @ops
 *
 * Returns: %FALSE when no whole operation is left; then nothing moved.
 * Thread: any
 */
gboolean
gemel_state_next_change (const guint8    **ops,
                         gsize            *left,
                         GemelStateChange *ret_change)
{
  GemelReader      reader = gemel_reader (*ops, *left);
  GemelStateChange change;
  guint8           kind;

  change.key_bytes = gemel_reader_u16 (&reader);
  kind = gemel_reader_u8 (&reader);
  (void) gemel_reader_u8 (&reader);
  change.value_bytes = gemel_reader_u32 (&reader);
  change.key = (const char *) gemel_reader_take (&reader, change.key_bytes);
  change.value = gemel_reader_take (&reader, change.value_bytes);
  if (reader.bad || kind > GEMEL_OP_SET)
    return FALSE;
  change.set = kind == GEMEL_OP_SET;
  *ops = reader.data;
  *left = reader.left;
  *ret_change = change;
  return TRUE;
}

static gboolean
change_check (const GemelStateChange *change,
              GError                **error)
{
  if (change->key_bytes == 0 || change->key_bytes > GEMEL_KEY_BYTES_MAX ||
      !g_utf8_validate_len (change->key, change->key_bytes, NULL))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "key is not 1 to %d bytes of UTF-8", GEMEL_KEY_BYTES_MAX);
      return FALSE;
    }
  if (change->value_bytes > GEMEL_VALUE_BYTES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "value of %u bytes is larger than %d, split it", change->value_bytes,
                   GEMEL_VALUE_BYTES_MAX);
      return FALSE;
    }
  return TRUE;
}

/**
 * gemel_state_ops_check:
 * @ops: encoded operations
 * @size: their size in bytes
 * @n_ops: how many there must be
 * @error: return location
 *
 * Returns: whether @ops are exactly @n_ops well-formed operations within the limits.
 * Errors: %GEMEL_ERROR_INVALID_ARGS, %GEMEL_ERROR_TOO_BIG, %GEMEL_ERROR_LIMIT
 * Thread: any
 */
gboolean
gemel_state_ops_check (const guint8 *ops,
                       gsize         size,
                       guint         n_ops,
                       GError      **error)
{
  GemelStateChange change;

  if (n_ops == 0 || n_ops > GEMEL_BATCH_ITEMS_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                   "a batch holds 1 to %d operations, not %u", GEMEL_BATCH_ITEMS_MAX, n_ops);
      return FALSE;
    }
  for (guint i = 0; i < n_ops; i++)
    {
      if (!gemel_state_next_change (&ops, &size, &change))
        {
          g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                       "operation %u of the batch is cut off or of unknown kind", i);
          return FALSE;
        }
      if (!change_check (&change, error))
        return FALSE;
    }
  if (size == 0)
    return TRUE;
  g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                       "bytes are left after the last operation of the batch");
  return FALSE;
}

/**
 * gemel_state_ops_append:
 * @ops: batch that is being built
 * @key: key
 * @value: (nullable): value bytes
 * @value_bytes: how many
 * @set: %FALSE deletes the key
 *
 * Appends one operation. Limits are checked later, with the whole batch.
 *
 * Thread: any
 */
void
gemel_state_ops_append (GByteArray   *ops,
                        const char   *key,
                        gconstpointer value,
                        gsize         value_bytes,
                        gboolean      set)
{
  gsize key_bytes = MIN (strlen (key), G_MAXUINT16);

  gemel_put_u16 (ops, (guint16) key_bytes);
  gemel_put_u8 (ops, set ? GEMEL_OP_SET : GEMEL_OP_DELETE);
  gemel_put_u8 (ops, 0);
  gemel_put_u32 (ops, set ? (guint32) value_bytes : 0);
  gemel_put_bytes (ops, key, key_bytes);
  if (set && value_bytes > 0)
    gemel_put_bytes (ops, value, value_bytes);
}
