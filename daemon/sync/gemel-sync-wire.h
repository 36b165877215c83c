/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the sync threads of the two nodes say to each other: every frame, byte by byte.
 *
 * Frames are those of link/gemel-stream.h (u32 length, u16 type, u16 flags = 0, body). Numbers are
 * little endian. One TLS connection a channel; both sides send what they hold (HELLO) when it
 * stands, and again when they became or ceased to be the source.
 *
 *   position  = u64 term, u64 seq, u8 hash[32]                                        48 bytes
 *   OPEN      first frame of the dialler: u32 magic, u16 version_min, u16 version_max,
 *             u8 channel, u8 zero[3]                                                  12 bytes
 *   OPENED    answer: u16 version, u16 zero                                            4 bytes
 *
 * Channel config. The puller is the node without the authority.
 *   HELLO     u32 generation, u8 source, u8 wanted reason (GemelSyncReason, 0: none), u16 zero,
 *             u8 lineage[36], position                                                92 bytes
 *   PLAN      source, to the HELLO of that generation: u32 generation, u8 plan, u8 reason,
 *             u16 zero, position of its head                                          56 bytes
 *   ENTRIES   journal entries that follow each other: u32 bytes, entry as gemel_entry_encode ()
 *             writes it, and so on: what was committed together is applied together
 *   LEVEL     u64 seq: everything up to here was sent
 *   ACK       puller: u64 seq: everything up to here is durable
 *   RESYNC    source: u8 reason: ask again, with this wanted reason
 *   BEGIN     full copy: u64 size of the file, position of the head inside it         56 bytes
 *   CHUNK     at most GEMEL_CHUNK_BYTES of the file, in order
 *   END       u8 sha256[32] of the file
 *   FAILED    the copy cannot be made: text; the puller asks again later
 *
 * Channel state. The puller is the node that is not active.
 *   HELLO     u32 generation, u8 source, u8 want full, u16 zero, u64 epoch, u64 seq   24 bytes
 *   PLAN      u32 generation, u8 plan, u8 reason, u16 zero, u64 epoch, u64 seq        24 bytes
 *   DELTA     u64 epoch, u64 first_seq, u16 provider bytes, u16 zero, u32 ops, provider, ops
 *   ITEMS     u16 provider bytes, u16 zero, u32 items, provider, items: part of a full state
 *   LEVEL     u64 epoch, u64 seq: the full state or the tail is complete up to here
 *   ACK       puller: u64 epoch, u64 seq: everything up to here is applied
 *   RESYNC    source: u8 reason
 *   op        u16 key bytes, u8 kind (0 delete, 1 set), u8 zero, u32 value bytes, key, value
 *   item      u16 key bytes, u16 zero, u32 value bytes, u64 epoch, u64 seq, key, value
 *
 * Channel history, both directions at once.
 *   HELLO     u32 count, then for each origin: u8 uuid[16], u64 mark of the sender's sink
 *   ROWS      u8 uuid[16], u64 first_seq, points as in history/gemel-history.h
 *   ACK       u8 uuid[16], u64 mark: durable in the sender's sink
 *
 * Validity: a frame that is too short, has bytes left over, breaks a limit of api/gemel-names.h or
 * comes from the wrong side ends the connection with GEMEL_ERROR_PROTOCOL. Data frames that belong
 * to an older generation than the puller's last HELLO are dropped. A connection that breaks leaves
 * nothing half done: entries are applied whole, a full state is swapped in at LEVEL, a full copy is
 * put in place at END.
 */
#pragma once

#include "api/gemel-error.h"
#include "api/gemel-names.h"
#include "core/gemel-position.h"

#include <string.h>

G_BEGIN_DECLS

#define GEMEL_SYNC_MAGIC       0x4c4d4547u /* "GEML" */
#define GEMEL_SYNC_VERSION_MIN 1
#define GEMEL_SYNC_VERSION_MAX 1
#define GEMEL_LINEAGE_BYTES    36
#define GEMEL_UUID_BYTES       16

/* How much may wait in a stream before its producer stops; the stream calls `drained` later. */
#define GEMEL_SYNC_QUEUE_BYTES_MAX (2 * 1024 * 1024)

typedef enum
{
  GEMEL_SYNC_CHANNEL_CONFIG = 0,
  GEMEL_SYNC_CHANNEL_STATE = 1,
  GEMEL_SYNC_CHANNEL_HISTORY = 2,
} GemelSyncChannel;
#define GEMEL_SYNC_N_CHANNELS 3

typedef enum
{
  GEMEL_SYNC_OPEN = 1,
  GEMEL_SYNC_OPENED = 2,
  GEMEL_SYNC_CONFIG_HELLO = 16,
  GEMEL_SYNC_CONFIG_PLAN = 17,
  GEMEL_SYNC_CONFIG_ENTRIES = 18,
  GEMEL_SYNC_CONFIG_LEVEL = 19,
  GEMEL_SYNC_CONFIG_ACK = 20,
  GEMEL_SYNC_CONFIG_RESYNC = 21,
  GEMEL_SYNC_CONFIG_BEGIN = 22,
  GEMEL_SYNC_CONFIG_CHUNK = 23,
  GEMEL_SYNC_CONFIG_END = 24,
  GEMEL_SYNC_CONFIG_FAILED = 25,
  GEMEL_SYNC_STATE_HELLO = 32,
  GEMEL_SYNC_STATE_PLAN = 33,
  GEMEL_SYNC_STATE_DELTA = 34,
  GEMEL_SYNC_STATE_ITEMS = 35,
  GEMEL_SYNC_STATE_LEVEL = 36,
  GEMEL_SYNC_STATE_ACK = 37,
  GEMEL_SYNC_STATE_RESYNC = 38,
  GEMEL_SYNC_HISTORY_HELLO = 48,
  GEMEL_SYNC_HISTORY_ROWS = 49,
  GEMEL_SYNC_HISTORY_ACK = 50,
} GemelSyncFrame;

/** Takes a body apart; once something was missing, `bad` stays and every number is 0. */
typedef struct
{
  const guint8 *data;
  gsize         left;
  gboolean      bad;
} GemelReader;

static inline GemelReader
gemel_reader (const guint8 *data,
              gsize         size)
{
  return (GemelReader){ data, size, FALSE };
}

/* NULL when fewer than @size bytes are left; a pointer into the body otherwise. */
static inline const guint8 *
gemel_reader_take (GemelReader *reader,
                   gsize        size)
{
  const guint8 *at = reader->data;

  if (reader->bad || size > reader->left)
    {
      reader->bad = TRUE;
      return NULL;
    }
  reader->data += size;
  reader->left -= size;
  return at;
}

static inline guint8
gemel_reader_u8 (GemelReader *reader)
{
  const guint8 *at = gemel_reader_take (reader, 1);

  return at != NULL ? at[0] : 0;
}

static inline guint16
gemel_reader_u16 (GemelReader *reader)
{
  guint16       value = 0;
  const guint8 *at = gemel_reader_take (reader, sizeof value);

  if (at != NULL)
    memcpy (&value, at, sizeof value);
  return GUINT16_FROM_LE (value);
}

static inline guint32
gemel_reader_u32 (GemelReader *reader)
{
  guint32       value = 0;
  const guint8 *at = gemel_reader_take (reader, sizeof value);

  if (at != NULL)
    memcpy (&value, at, sizeof value);
  return GUINT32_FROM_LE (value);
}

static inline guint64
gemel_reader_u64 (GemelReader *reader)
{
  guint64       value = 0;
  const guint8 *at = gemel_reader_take (reader, sizeof value);

  if (at != NULL)
    memcpy (&value, at, sizeof value);
  return GUINT64_FROM_LE (value);
}

static inline void
gemel_reader_position (GemelReader   *reader,
                       GemelPosition *ret_position)
{
  const guint8 *hash;

  ret_position->term = gemel_reader_u64 (reader);
  ret_position->seq = gemel_reader_u64 (reader);
  hash = gemel_reader_take (reader, GEMEL_HASH_BYTES);
  if (hash != NULL)
    memcpy (ret_position->hash, hash, GEMEL_HASH_BYTES);
}

/* Everything was there and nothing is left over. */
gboolean gemel_reader_finish (const GemelReader *reader,
                              const char        *frame,
                              GError           **error) G_GNUC_WARN_UNUSED_RESULT;

static inline void
gemel_put_u8 (GByteArray *out,
              guint8      value)
{
  g_byte_array_append (out, &value, 1);
}

static inline void
gemel_put_u16 (GByteArray *out,
               guint16     value)
{
  value = GUINT16_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, sizeof value);
}

static inline void
gemel_put_u32 (GByteArray *out,
               guint32     value)
{
  value = GUINT32_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, sizeof value);
}

static inline void
gemel_put_u64 (GByteArray *out,
               guint64     value)
{
  value = GUINT64_TO_LE (value);
  g_byte_array_append (out, (const guint8 *) &value, sizeof value);
}

static inline void
gemel_put_bytes (GByteArray   *out,
                 gconstpointer data,
                 gsize         size)
{
  g_byte_array_append (out, data, (guint) size);
}

static inline void
gemel_put_position (GByteArray          *out,
                    const GemelPosition *position)
{
  gemel_put_u64 (out, position->term);
  gemel_put_u64 (out, position->seq);
  gemel_put_bytes (out, position->hash, GEMEL_HASH_BYTES);
}

/* tidy: symbols: providers are known to config, state and history */
gboolean gemel_provider_name_check (const char *name,
                                    gsize       size,
                                    GError    **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
