/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Sealed datagrams: AES-256-GCM with a key that the nodes gave each other inside TLS.
 *
 *   offset size
 *   0      4    magic: "GMLH" heartbeat, "GMLD" death notice
 *   4      8    session of the sender, little endian
 *   12     8    counter, little endian; never used twice with one key
 *   20     n    body, encrypted
 *   20+n   16   tag over header and body
 *
 * Nonce: the low 4 bytes of the session, then the counter. A datagram is good once: the receiver
 * keeps the highest counter and which of the 64 below it were seen.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define GEMEL_SEAL_KEY_BYTES    32
#define GEMEL_SEAL_HEADER_BYTES 20
#define GEMEL_SEAL_TAG_BYTES    16
#define GEMEL_SEAL_EXTRA_BYTES  (GEMEL_SEAL_HEADER_BYTES + GEMEL_SEAL_TAG_BYTES)
/* Below the MTU of anything that is in use, so a datagram is never split. */
#define GEMEL_DATAGRAM_BYTES_MAX 1200
#define GEMEL_REPLAY_WINDOW      64

typedef enum
{
  GEMEL_SEAL_HEARTBEAT = 0,
  GEMEL_SEAL_DEATH = 1,
} GemelSealKind;

/** Which counters of a session were seen. All zero: none. */
typedef struct
{
  guint64  highest;
  guint64  seen; /* bit n: highest - n */
  gboolean any;
} GemelReplayWindow;

gboolean gemel_replay_window_take (GemelReplayWindow *window,
                                   guint64            counter) G_GNUC_WARN_UNUSED_RESULT;

gboolean gemel_seal_peek (const guint8  *datagram,
                          gsize          size,
                          GemelSealKind *ret_kind,
                          guint64       *ret_session) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_seal_close (GemelSealKind kind,
                           const guint8  key[GEMEL_SEAL_KEY_BYTES],
                           guint64       session,
                           guint64       counter,
                           const guint8 *body,
                           gsize         size,
                           guint8        ret_datagram[GEMEL_DATAGRAM_BYTES_MAX],
                           gsize        *ret_size,
                           GError      **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_seal_open (GemelSealKind kind,
                          const guint8  key[GEMEL_SEAL_KEY_BYTES],
                          guint64       session,
                          const guint8 *datagram,
                          gsize         size,
                          guint8        ret_body[GEMEL_DATAGRAM_BYTES_MAX],
                          gsize        *ret_size,
                          guint64      *ret_counter,
                          GError      **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
