/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The proof that a side has the secret of a pairing code: HMAC-SHA-256, keyed by the secret, over
 *
 *   label with its zero byte | side, 1 byte | joiner's pin, 32 | inviter's pin, 32 | exporter, 32
 *
 * The exporter (RFC 9266) is another one in every TLS session, so that whoever stands between two
 * sessions has nothing to pass on.
 */
#include "link/gemel-pairing-code.h"

#include "api/gemel-error.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define LABEL          "gemel-pairing/1"
#define EXPORTER_BYTES 32

/**
 * gemel_pairing_proof_make:
 * @tls: the session in which the proof is given
 * @secret: of the code
 * @side: who proves
 * @joiner_pin: pin of the joiner's certificate in @tls
 * @inviter_pin: pin of the inviter's certificate in @tls
 * @ret_proof: (out caller-allocates): the proof
 * @error: return location
 *
 * Returns: whether @ret_proof was set.
 * Errors: GEMEL_ERROR_FAILED when TLS has no exporter
 * Thread: any
 */
gboolean
gemel_pairing_proof_make (GTlsConnection  *tls,
                          const guint8     secret[GEMEL_PAIRING_SECRET_BYTES],
                          GemelPairingSide side,
                          const guint8     joiner_pin[GEMEL_PIN_BYTES],
                          const guint8     inviter_pin[GEMEL_PIN_BYTES],
                          guint8           ret_proof[GEMEL_PAIRING_PROOF_BYTES],
                          GError         **error)
{
  g_autoptr (GByteArray) exporter = g_byte_array_new ();
  g_autoptr (GByteArray) text = g_byte_array_new ();
  g_autoptr (GError)     local_error = NULL;
  const guint8           side_byte = (guint8) side;
  int                    code;

  if (!g_tls_connection_get_channel_binding_data (tls, G_TLS_CHANNEL_BINDING_TLS_EXPORTER, exporter,
                                                  &local_error) ||
      exporter->len != EXPORTER_BYTES)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED,
                   "this TLS library cannot bind a code to its session: %s",
                   local_error != NULL ? local_error->message : "exporter of another size");
      return FALSE;
    }
  g_byte_array_append (text, (const guint8 *) LABEL, sizeof LABEL);
  g_byte_array_append (text, &side_byte, 1);
  g_byte_array_append (text, joiner_pin, GEMEL_PIN_BYTES);
  g_byte_array_append (text, inviter_pin, GEMEL_PIN_BYTES);
  g_byte_array_append (text, exporter->data, exporter->len);
  code = gnutls_hmac_fast (GNUTLS_MAC_SHA256, secret, GEMEL_PAIRING_SECRET_BYTES, text->data,
                           text->len, ret_proof);
  if (code < 0)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "cannot compute the proof of a code: %s",
                 gnutls_strerror (code));
  return code >= 0;
}

/**
 * gemel_pairing_proof_equal:
 * @a: a proof
 * @b: another
 *
 * Returns: whether they are equal; takes the same time wherever they differ.
 * Thread: any
 */
gboolean
gemel_pairing_proof_equal (const guint8 a[GEMEL_PAIRING_PROOF_BYTES],
                           const guint8 b[GEMEL_PAIRING_PROOF_BYTES])
{
  return gnutls_memcmp (a, b, GEMEL_PAIRING_PROOF_BYTES) == 0;
}
