/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The node's own key and self-signed certificate (ECDSA P-256, made at the first start with
 * GnuTLS, 0600), and the pin: SHA-256 of the public key (SPKI), so that a certificate can be
 * renewed without pairing anew.
 */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define GEMEL_PIN_BYTES 32

typedef struct
{
  GTlsCertificate *certificate; /* with the private key */
  guint8           pin[GEMEL_PIN_BYTES];
} GemelKeys;

gboolean gemel_keys_load_or_make (const char *path, /* a PEM file, key and certificate */
                                  const char *common_name,
                                  GemelKeys  *ret_keys,
                                  GError    **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_keys_clear (GemelKeys *keys);
/* tidy: symbols: a pin is how a key is known */
gboolean gemel_pin_of_certificate (GTlsCertificate *certificate,
                                   guint8           ret_pin[GEMEL_PIN_BYTES],
                                   GError         **error) G_GNUC_WARN_UNUSED_RESULT;
/* tidy: symbols: as above */
char *gemel_pin_to_string (const guint8 pin[GEMEL_PIN_BYTES]); /* "AB12 CD34 …", for people */

G_END_DECLS
