/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The pairing code as text (format: gemel-pairing-code.h). Nothing that a person pastes crashes or
 * is half accepted: one wrong letter is found by the check sum.
 */
#include "link/gemel-pairing-code.h"

#include "api/gemel-error.h"

#include <gnutls/crypto.h>
#include <string.h>

#define VERSION_LETTER    'A'
#define CHECK_BYTES       4
#define FIXED_BYTES       (GEMEL_PIN_BYTES + GEMEL_PAIRING_SECRET_BYTES)
#define PAYLOAD_BYTES_MAX (FIXED_BYTES + GEMEL_PAIRING_ADDRESS_BYTES_MAX + CHECK_BYTES)
#define PAYLOAD_BYTES_MIN (FIXED_BYTES + 1 + CHECK_BYTES)
#define GROUP_LETTERS     5
#define ADVICE            "copy the whole code that 'gemelctl pair invite' printed on the master"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static void
compute_check (const guint8 *payload,
               gsize         size,
               guint8        ret_check[CHECK_BYTES])
{
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  const guint8          version = VERSION_LETTER;
  guint8                digest[32];
  gsize                 digest_size = sizeof digest;

  g_checksum_update (checksum, &version, 1);
  g_checksum_update (checksum, payload, (gssize) size);
  g_checksum_get_digest (checksum, digest, &digest_size);
  memcpy (ret_check, digest, CHECK_BYTES);
}

static char *
to_text (const guint8 *payload,
         gsize         size)
{
  GString *text = g_string_new (NULL);
  gsize    n_letters = (size * 8 + 4) / 5;
  gsize    i;

  g_string_append_c (text, VERSION_LETTER);
  for (i = 0; i < n_letters; i++)
    {
      gsize byte = i * 5 / 8;
      guint pair = (guint) payload[byte] << 8 | (byte + 1 < size ? payload[byte + 1] : 0u);

      if (i % GROUP_LETTERS == 0)
        g_string_append_c (text, '-');
      g_string_append_c (text, alphabet[(pair >> (11 - i * 5 % 8)) & 31]);
    }
  return g_string_free (text, FALSE);
}

/**
 * gemel_pairing_code_to_string:
 * @code: a code; its address must not be empty
 *
 * Returns: (transfer full): the text to paste. It holds the secret.
 * Thread: any
 */
char *
gemel_pairing_code_to_string (const GemelPairingCode *code)
{
  guint8 payload[PAYLOAD_BYTES_MAX];
  gsize  address_size = strlen (code->address);
  gsize  size = FIXED_BYTES + address_size;
  char  *text;

  memcpy (payload, code->pin, GEMEL_PIN_BYTES);
  memcpy (payload + GEMEL_PIN_BYTES, code->secret, GEMEL_PAIRING_SECRET_BYTES);
  memcpy (payload + FIXED_BYTES, code->address, address_size);
  compute_check (payload, size, payload + size);
  text = to_text (payload, size + CHECK_BYTES);
  gnutls_memset (payload, 0, sizeof payload);
  return text;
}

static gboolean
refuse (GError    **error,
        const char *what)
{
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS, "pairing code %s: %s", what, ADVICE);
  return FALSE;
}

/* Letters after the version; whatever follows the last whole byte must be zero. */
static gboolean
from_text (const char *text,
           guint8     *payload,
           gsize      *ret_size,
           GError    **error)
{
  guint32 bits = 0;
  guint   n_bits = 0;
  gsize   size = 0;

  for (; *text != '\0'; text++)
    {
      const char *found;

      if (*text == '-' || g_ascii_isspace (*text))
        continue;
      found = strchr (alphabet, g_ascii_toupper (*text));
      if (found == NULL)
        return refuse (error, "has a letter that does not belong there");
      bits = ((bits << 5) | (guint32) (found - alphabet)) & 0xffff;
      n_bits += 5;
      if (n_bits < 8)
        continue;
      if (size == PAYLOAD_BYTES_MAX)
        return refuse (error, "is too long");
      n_bits -= 8;
      payload[size++] = (guint8) (bits >> n_bits);
    }
  if (n_bits >= 5 || (bits & ((1u << n_bits) - 1)) != 0)
    return refuse (error, "is not complete");
  *ret_size = size;
  return TRUE;
}

static gboolean
is_plain_text (const char *text,
               gsize       size)
{
  gsize i;

  for (i = 0; i < size; i++)
    if ((guint8) text[i] <= 0x20 || text[i] == 0x7f)
      return FALSE;
  return g_utf8_validate_len (text, size, NULL);
}

/**
 * gemel_pairing_code_from_string:
 * @text: what a person pasted
 * @ret_code: (out caller-allocates): to be cleared with gemel_pairing_code_clear ()
 * @error: return location
 *
 * Returns: whether @text is a whole code.
 * Errors: GEMEL_ERROR_INVALID_ARGS, GEMEL_ERROR_INCOMPATIBLE for a code of another version
 * Thread: any
 */
gboolean
gemel_pairing_code_from_string (const char       *text,
                                GemelPairingCode *ret_code,
                                GError          **error)
{
  guint8 payload[PAYLOAD_BYTES_MAX];
  guint8 check[CHECK_BYTES];
  gsize  size, address_size;

  while (g_ascii_isspace (*text))
    text++;
  if (*text == '\0')
    return refuse (error, "is empty");
  if (g_ascii_toupper (*text) != VERSION_LETTER)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INCOMPATIBLE,
                           "this is not a pairing code of this version: " ADVICE
                           ", and run the same version on both nodes");
      return FALSE;
    }
  if (!from_text (text + 1, payload, &size, error))
    return FALSE;
  if (size < PAYLOAD_BYTES_MIN)
    return refuse (error, "is not complete");
  size -= CHECK_BYTES;
  compute_check (payload, size, check);
  if (memcmp (check, payload + size, CHECK_BYTES) != 0)
    return refuse (error, "has a wrong letter or is not complete");
  address_size = size - FIXED_BYTES;
  if (!is_plain_text ((const char *) payload + FIXED_BYTES, address_size))
    return refuse (error, "has a bad address");
  memcpy (ret_code->pin, payload, GEMEL_PIN_BYTES);
  memcpy (ret_code->secret, payload + GEMEL_PIN_BYTES, GEMEL_PAIRING_SECRET_BYTES);
  memcpy (ret_code->address, payload + FIXED_BYTES, address_size);
  ret_code->address[address_size] = '\0';
  gnutls_memset (payload, 0, sizeof payload);
  return TRUE;
}

/**
 * gemel_pairing_code_clear:
 * @code: a code, or zeros
 *
 * Overwrites it, since it holds the secret.
 *
 * Thread: any
 */
void
gemel_pairing_code_clear (GemelPairingCode *code)
{
  gnutls_memset (code, 0, sizeof *code);
}
