/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A journal entry as it travels and lies on disk. All numbers are little endian.
 *
 *   offset  bytes  field
 *        0      1  version = 1
 *        1      1  kind = 1: changes of records
 *        2      2  flags = 0
 *        4      4  payload bytes, n <= GEMEL_ENTRY_PAYLOAD_BYTES_MAX
 *        8      8  term
 *       16      8  seq, from 1
 *       24     16  origin: node uuid of the writer
 *       40      8  unix time of the write, µs, signed
 *       48     32  chain hash = SHA-256 (hash of the entry before || bytes 0..47 || payload);
 *                  before the first entry stand 32 zero bytes
 *       80      n  payload: u32 count of operations, then each:
 *
 *        0      1  1 set, 2 delete
 *        1      1  provider bytes, 1..GEMEL_PROVIDER_NAME_BYTES_MAX
 *        2      2  key bytes, 1..GEMEL_KEY_BYTES_MAX
 *        4      4  value bytes, 0..GEMEL_VALUE_BYTES_MAX; 0 for delete
 *        8      .  provider, key, value
 *
 * Valid: exactly these values and sizes, nothing after the last byte, 1..GEMEL_BATCH_ITEMS_MAX
 * operations, provider and key UTF-8 without control characters. Everything else is
 * GEMEL_ERROR_PROTOCOL. Whether the hash fits is for who knows the entry before: the database.
 * Crash: an entry and the records that it changes are one SQLite transaction; there is no half one.
 */
#include "store/gemel-config-db.h"

#include "api/gemel-error.h"
#include "api/gemel-names.h"
#include <string.h>

#define ENTRY_VERSION       1
#define ENTRY_KIND_RECORDS  1
#define HASHED_HEADER_BYTES 48
#define OP_HEADER_BYTES     8
#define OP_SET              1
#define OP_DELETE           2

G_STATIC_ASSERT (HASHED_HEADER_BYTES + GEMEL_HASH_BYTES == GEMEL_ENTRY_HEADER_BYTES);

static void
put_u16 (guint8 *at,
         guint16 value)
{
  value = GUINT16_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static void
put_u32 (guint8 *at,
         guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static void
put_u64 (guint8 *at,
         guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static guint16
get_u16 (const guint8 *at)
{
  guint16 value;

  memcpy (&value, at, sizeof value);
  return GUINT16_FROM_LE (value);
}

static guint32
get_u32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, sizeof value);
  return GUINT32_FROM_LE (value);
}

static guint64
get_u64 (const guint8 *at)
{
  guint64 value;

  memcpy (&value, at, sizeof value);
  return GUINT64_FROM_LE (value);
}

/**
 * gemel_config_op_new:
 * @provider: name of the provider
 * @key: key of the record
 * @value: (nullable) (transfer none): %NULL deletes
 *
 * Sizes and characters are checked by who encodes it.
 *
 * Returns: (transfer full): the operation.
 * Thread: any
 */
GemelConfigOp *
gemel_config_op_new (const char *provider,
                     const char *key,
                     GBytes     *value)
{
  GemelConfigOp *op = g_new0 (GemelConfigOp, 1);

  op->provider = g_strdup (provider);
  op->key = g_strdup (key);
  op->value = value != NULL ? g_bytes_ref (value) : NULL;
  return op;
}

/**
 * gemel_config_op_free:
 * @op: (transfer full) (nullable): an operation
 *
 * Thread: any
 */
void
gemel_config_op_free (GemelConfigOp *op)
{
  if (op == NULL)
    return;
  g_free (op->provider);
  g_free (op->key);
  g_clear_pointer (&op->value, g_bytes_unref);
  g_free (op);
}

static gboolean
is_valid_name (const char *name,
               gsize       size,
               gsize       size_max)
{
  if (size == 0 || size > size_max || !g_utf8_validate_len (name, size, NULL))
    return FALSE;
  for (gsize i = 0; i < size; i++)
    if (g_ascii_iscntrl (name[i]))
      return FALSE;
  return TRUE;
}

static gboolean
check_op (const GemelConfigOp *op,
          GError             **error)
{
  const char *provider = op->provider != NULL ? op->provider : "";
  const char *key = op->key != NULL ? op->key : "";

  if (!is_valid_name (provider, strlen (provider), GEMEL_PROVIDER_NAME_BYTES_MAX))
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                 "provider names are 1 to %d bytes of UTF-8 without control characters",
                 GEMEL_PROVIDER_NAME_BYTES_MAX);
  else if (!is_valid_name (key, strlen (key), GEMEL_KEY_BYTES_MAX))
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                 "keys are 1 to %d bytes of UTF-8 without control characters",
                 GEMEL_KEY_BYTES_MAX);
  else if (op->value != NULL && g_bytes_get_size (op->value) > GEMEL_VALUE_BYTES_MAX)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                 "the value of %s has %" G_GSIZE_FORMAT " bytes, at most %d are allowed",
                 key, g_bytes_get_size (op->value), GEMEL_VALUE_BYTES_MAX);
  else
    return TRUE;
  return FALSE;
}

static void
append_op (GByteArray          *out,
           const GemelConfigOp *op)
{
  guint8        header[OP_HEADER_BYTES];
  gsize         provider_size = strlen (op->provider);
  gsize         key_size = strlen (op->key);
  gsize         value_size = 0;
  const guint8 *value = op->value != NULL ? g_bytes_get_data (op->value, &value_size) : NULL;

  header[0] = op->value != NULL ? OP_SET : OP_DELETE;
  header[1] = (guint8) provider_size;
  put_u16 (header + 2, (guint16) key_size);
  put_u32 (header + 4, (guint32) value_size);
  g_byte_array_append (out, header, sizeof header);
  g_byte_array_append (out, (const guint8 *) op->provider, (guint) provider_size);
  g_byte_array_append (out, (const guint8 *) op->key, (guint) key_size);
  if (value_size > 0)
    g_byte_array_append (out, value, (guint) value_size);
}

/**
 * gemel_config_ops_encode:
 * @ops: (element-type GemelConfigOp): what happens together, in order
 * @error: return location
 *
 * Returns: (transfer full) (nullable): the payload of an entry.
 * Errors: %GEMEL_ERROR_INVALID_ARGS (no operations, bad names), %GEMEL_ERROR_TOO_BIG
 * Thread: any
 */
GBytes *
gemel_config_ops_encode (GPtrArray *ops,
                         GError   **error)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  guint8                 count[4];

  if (ops == NULL || ops->len == 0 || ops->len > GEMEL_BATCH_ITEMS_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "a write has 1 to %d operations", GEMEL_BATCH_ITEMS_MAX);
      return NULL;
    }
  put_u32 (count, ops->len);
  g_byte_array_append (out, count, sizeof count);
  for (guint i = 0; i < ops->len; i++)
    {
      if (!check_op (g_ptr_array_index (ops, i), error))
        return NULL;
      append_op (out, g_ptr_array_index (ops, i));
      if (out->len > GEMEL_ENTRY_PAYLOAD_BYTES_MAX)
        {
          g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                       "a write has at most %d bytes, split it", GEMEL_ENTRY_PAYLOAD_BYTES_MAX);
          return NULL;
        }
    }
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

static void
entry_clear (gpointer data)
{
  GemelEntry *entry = data;

  g_clear_pointer (&entry->payload, g_bytes_unref);
}

/**
 * gemel_entry_ref:
 * @entry: an entry
 *
 * Returns: (transfer full): @entry.
 * Thread: any
 */
GemelEntry *
gemel_entry_ref (GemelEntry *entry)
{
  return g_atomic_rc_box_acquire (entry);
}

/**
 * gemel_entry_unref:
 * @entry: (transfer full) (nullable): an entry
 *
 * Thread: any
 */
void
gemel_entry_unref (GemelEntry *entry)
{
  if (entry != NULL)
    g_atomic_rc_box_release_full (entry, entry_clear);
}

static void
encode_header (const GemelEntry *entry,
               guint8            header[GEMEL_ENTRY_HEADER_BYTES])
{
  header[0] = ENTRY_VERSION;
  header[1] = ENTRY_KIND_RECORDS;
  put_u16 (header + 2, 0);
  put_u32 (header + 4, (guint32) g_bytes_get_size (entry->payload));
  put_u64 (header + 8, entry->position.term);
  put_u64 (header + 16, entry->position.seq);
  memcpy (header + 24, entry->origin, sizeof entry->origin);
  put_u64 (header + 40, (guint64) entry->unix_us);
  memcpy (header + HASHED_HEADER_BYTES, entry->position.hash, GEMEL_HASH_BYTES);
}

/**
 * gemel_entry_compute_hash:
 * @entry: an entry; the hash in it is not looked at
 * @prev_hash: hash of the entry before, zeros before the first
 * @ret_hash: return location
 *
 * Thread: any
 */
void
gemel_entry_compute_hash (const GemelEntry *entry,
                          const guint8      prev_hash[GEMEL_HASH_BYTES],
                          guint8            ret_hash[GEMEL_HASH_BYTES])
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  guint8                header[GEMEL_ENTRY_HEADER_BYTES];
  gsize                 size = GEMEL_HASH_BYTES;

  encode_header (entry, header);
  g_checksum_update (sum, prev_hash, GEMEL_HASH_BYTES);
  g_checksum_update (sum, header, HASHED_HEADER_BYTES);
  g_checksum_update (sum, g_bytes_get_data (entry->payload, NULL),
                     (gssize) g_bytes_get_size (entry->payload));
  g_checksum_get_digest (sum, ret_hash, &size);
}

/**
 * gemel_entry_new:
 * @prev_hash: hash of the entry before, zeros before the first
 * @term: of the writer
 * @seq: that of the entry before plus one
 * @origin: node uuid of the writer
 * @unix_us: wall clock of the writer, µs
 * @payload: (transfer none): of gemel_config_ops_encode()
 *
 * Returns: (transfer full): the entry with its chain hash.
 * Thread: any
 */
GemelEntry *
gemel_entry_new (const guint8 prev_hash[GEMEL_HASH_BYTES],
                 guint64      term,
                 guint64      seq,
                 const guint8 origin[16],
                 gint64       unix_us,
                 GBytes      *payload)
{
  GemelEntry *entry = g_atomic_rc_box_new0 (GemelEntry);

  entry->position.term = term;
  entry->position.seq = seq;
  memcpy (entry->origin, origin, sizeof entry->origin);
  entry->unix_us = unix_us;
  entry->payload = g_bytes_ref (payload);
  gemel_entry_compute_hash (entry, prev_hash, entry->position.hash);
  return entry;
}

/**
 * gemel_entry_encode:
 * @entry: an entry
 *
 * Returns: (transfer full): the bytes that gemel_entry_decode() reads.
 * Thread: any
 */
GBytes *
gemel_entry_encode (const GemelEntry *entry)
{
  gsize         size;
  const guint8 *payload = g_bytes_get_data (entry->payload, &size);
  guint8       *out = g_malloc (GEMEL_ENTRY_HEADER_BYTES + size);

  encode_header (entry, out);
  memcpy (out + GEMEL_ENTRY_HEADER_BYTES, payload, size);
  return g_bytes_new_take (out, GEMEL_ENTRY_HEADER_BYTES + size);
}

/**
 * gemel_entry_decode:
 * @data: (array length=size): bytes of exactly one entry, from anywhere
 * @size: how many
 * @error: return location
 *
 * Returns: (transfer full) (nullable): the entry; whether its hash fits is not known yet.
 * Errors: %GEMEL_ERROR_PROTOCOL
 * Thread: any
 */
GemelEntry *
gemel_entry_decode (const guint8 *data,
                    gsize         size,
                    GError      **error)
{
  GemelEntry *entry;

  if (size < GEMEL_ENTRY_HEADER_BYTES || data[0] != ENTRY_VERSION ||
      data[1] != ENTRY_KIND_RECORDS || get_u16 (data + 2) != 0 ||
      size - GEMEL_ENTRY_HEADER_BYTES > GEMEL_ENTRY_PAYLOAD_BYTES_MAX ||
      get_u32 (data + 4) != size - GEMEL_ENTRY_HEADER_BYTES || get_u64 (data + 16) == 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                           "not a journal entry of a known version, check both versions");
      return NULL;
    }
  entry = g_atomic_rc_box_new0 (GemelEntry);
  entry->position.term = get_u64 (data + 8);
  entry->position.seq = get_u64 (data + 16);
  memcpy (entry->origin, data + 24, sizeof entry->origin);
  entry->unix_us = (gint64) get_u64 (data + 40);
  memcpy (entry->position.hash, data + HASHED_HEADER_BYTES, GEMEL_HASH_BYTES);
  entry->payload = g_bytes_new (data + GEMEL_ENTRY_HEADER_BYTES, size - GEMEL_ENTRY_HEADER_BYTES);
  return entry;
}

/* Returns the operation and moves *at behind it, or NULL when the bytes make no sense. */
static GemelConfigOp *
decode_op (const guint8 **at,
           gsize         *left)
{
  const guint8  *header = *at;
  const char    *provider;
  const char    *key;
  gsize          key_size, value_size, size;
  GemelConfigOp *op;

  if (*left < OP_HEADER_BYTES)
    return NULL;
  key_size = get_u16 (header + 2);
  value_size = get_u32 (header + 4);
  size = OP_HEADER_BYTES + header[1] + key_size + value_size;
  if ((header[0] != OP_SET && header[0] != OP_DELETE) || value_size > GEMEL_VALUE_BYTES_MAX ||
      (header[0] == OP_DELETE && value_size != 0) || size > *left)
    return NULL;
  provider = (const char *) header + OP_HEADER_BYTES;
  key = provider + header[1];
  if (!is_valid_name (provider, header[1], GEMEL_PROVIDER_NAME_BYTES_MAX) ||
      !is_valid_name (key, key_size, GEMEL_KEY_BYTES_MAX))
    return NULL;
  op = g_new0 (GemelConfigOp, 1);
  op->provider = g_strndup (provider, header[1]);
  op->key = g_strndup (key, key_size);
  if (header[0] == OP_SET)
    op->value = g_bytes_new (key + key_size, value_size);
  *at += size;
  *left -= size;
  return op;
}

/**
 * gemel_entry_dup_ops:
 * @entry: an entry, from anywhere
 * @error: return location
 *
 * Returns: (transfer full) (element-type GemelConfigOp) (nullable): what it changes, in order.
 * Errors: %GEMEL_ERROR_PROTOCOL
 * Thread: any
 */
GPtrArray *
gemel_entry_dup_ops (const GemelEntry *entry,
                     GError          **error)
{
  GDestroyNotify        free_op = (GDestroyNotify) gemel_config_op_free;
  g_autoptr (GPtrArray) ops = g_ptr_array_new_with_free_func (free_op);
  gsize                 left;
  const guint8         *at = g_bytes_get_data (entry->payload, &left);
  guint32               count = 0;
  GemelConfigOp        *op = NULL;

  if (left >= 4)
    {
      count = get_u32 (at);
      at += 4;
      left -= 4;
    }
  while (count <= GEMEL_BATCH_ITEMS_MAX && ops->len < count &&
         (op = decode_op (&at, &left)) != NULL)
    g_ptr_array_add (ops, op);
  if (count == 0 || ops->len != count || left != 0)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                   "journal entry %" G_GUINT64_FORMAT " holds no valid operations, sync in full",
                   entry->position.seq);
      return NULL;
    }
  return g_steal_pointer (&ops);
}
