/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The pairing code as text, and the proof that somebody has it. Used by pairing alone.
 *
 *   A-XXXXX-XXXXX-…   version letter, then base32 (RFC 4648, no padding) in groups of five of
 *
 *   offset size
 *   0      32   the inviter's pin
 *   32     16   secret
 *   48     n    address, host:port, UTF-8, 1 to 255 bytes
 *   48+n   4    check sum: first bytes of SHA-256 over the version letter and what is before
 *
 * Case, spaces and dashes do not matter when a code is read.
 */
#pragma once

#include "link/gemel-keys.h"

G_BEGIN_DECLS

#define GEMEL_PAIRING_SECRET_BYTES      16
#define GEMEL_PAIRING_PROOF_BYTES       32
#define GEMEL_PAIRING_ADDRESS_BYTES_MAX 255

typedef struct
{
  guint8 pin[GEMEL_PIN_BYTES];
  guint8 secret[GEMEL_PAIRING_SECRET_BYTES];
  char   address[GEMEL_PAIRING_ADDRESS_BYTES_MAX + 1];
} GemelPairingCode;

char    *gemel_pairing_code_to_string (const GemelPairingCode *code);
gboolean gemel_pairing_code_from_string (const char       *text,
                                         GemelPairingCode *ret_code,
                                         GError          **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_pairing_code_clear (GemelPairingCode *code);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GemelPairingCode, gemel_pairing_code_clear)

/* Who proves; part of what is proved, so that a proof cannot be sent back. */
typedef enum
{
  GEMEL_PAIRING_JOINER = 1,
  GEMEL_PAIRING_INVITER = 2,
} GemelPairingSide;

gboolean gemel_pairing_proof_make (GTlsConnection  *tls,
                                   const guint8     secret[GEMEL_PAIRING_SECRET_BYTES],
                                   GemelPairingSide side,
                                   const guint8     joiner_pin[GEMEL_PIN_BYTES],
                                   const guint8     inviter_pin[GEMEL_PIN_BYTES],
                                   guint8           ret_proof[GEMEL_PAIRING_PROOF_BYTES],
                                   GError         **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_pairing_proof_equal (const guint8 a[GEMEL_PAIRING_PROOF_BYTES],
                                    const guint8 b[GEMEL_PAIRING_PROOF_BYTES]);

G_END_DECLS
