/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Sealed datagrams (format: gemel-seal.h). Knows nothing of sockets and of what the body means, so
 * that gemel-guard can be built with it alone.
 */
#include "link/gemel-seal.h"

#include "api/gemel-error.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>

#define NONCE_BYTES 12

static const char magics[][5] = {
  [GEMEL_SEAL_HEARTBEAT] = "GMLH",
  [GEMEL_SEAL_DEATH] = "GMLD",
};

static void
put_u64 (guint8 *at,
         guint64 value)
{
  guint64 little = GUINT64_TO_LE (value);

  memcpy (at, &little, sizeof little);
}

static guint64
get_u64 (const guint8 *at)
{
  guint64 little;

  memcpy (&little, at, sizeof little);
  return GUINT64_FROM_LE (little);
}

static gboolean
set_gnutls_error (GError    **error,
                  const char *what,
                  int         code)
{
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "%s: %s", what, gnutls_strerror (code));
  return FALSE;
}

/* The caller deinitialises *ret_cipher on success. */
static gboolean
open_cipher (const guint8            *key,
             gnutls_aead_cipher_hd_t *ret_cipher,
             GError                 **error)
{
  gnutls_datum_t datum = { (unsigned char *) key, GEMEL_SEAL_KEY_BYTES };
  int            code = gnutls_aead_cipher_init (ret_cipher, GNUTLS_CIPHER_AES_256_GCM, &datum);

  return code == 0 || set_gnutls_error (error, "cannot use AES-256-GCM", code);
}

/* @header: magic, session, counter; the nonce is made of the last two. */
static void
make_nonce (const guint8 *header,
            guint8        ret_nonce[NONCE_BYTES])
{
  memcpy (ret_nonce, header + 4, 4);
  memcpy (ret_nonce + 4, header + 12, 8);
}

/**
 * gemel_replay_window_take:
 * @window: of one session
 * @counter: of a datagram whose tag was good
 *
 * Returns: whether it is new; it counts as seen then.
 * Thread: any, one at a time
 */
gboolean
gemel_replay_window_take (GemelReplayWindow *window,
                          guint64            counter)
{
  guint64 ahead;
  guint64 behind;

  if (!window->any || counter > window->highest)
    {
      ahead = window->any ? counter - window->highest : GEMEL_REPLAY_WINDOW;
      window->seen = ahead >= GEMEL_REPLAY_WINDOW ? 1 : (window->seen << ahead) | 1;
      window->highest = counter;
      window->any = TRUE;
      return TRUE;
    }
  behind = window->highest - counter;
  if (behind >= GEMEL_REPLAY_WINDOW || (window->seen >> behind & 1) != 0)
    return FALSE;
  window->seen |= G_GUINT64_CONSTANT (1) << behind;
  return TRUE;
}

/**
 * gemel_seal_peek:
 * @datagram: as received
 * @size: bytes
 * @ret_kind: (out): by its magic
 * @ret_session: (out): whose key would open it
 *
 * Looks at the header; nothing of it is proven yet.
 *
 * Returns: whether it could be one of ours.
 * Thread: any
 */
gboolean
gemel_seal_peek (const guint8  *datagram,
                 gsize          size,
                 GemelSealKind *ret_kind,
                 guint64       *ret_session)
{
  guint i;

  if (size < GEMEL_SEAL_EXTRA_BYTES || size > GEMEL_DATAGRAM_BYTES_MAX)
    return FALSE;
  for (i = 0; i < G_N_ELEMENTS (magics); i++)
    if (memcmp (datagram, magics[i], 4) == 0)
      {
        *ret_kind = (GemelSealKind) i;
        *ret_session = get_u64 (datagram + 4);
        return TRUE;
      }
  return FALSE;
}

/**
 * gemel_seal_close:
 * @kind: what the body is
 * @key: of the sender for this session
 * @session: of the sender
 * @counter: never used before with @key
 * @body: what to say
 * @size: bytes of @body
 * @ret_datagram: (out): the sealed datagram
 * @ret_size: (out): its bytes
 * @error: return location
 *
 * Returns: %TRUE on success.
 * Errors: GEMEL_ERROR_TOO_BIG; GEMEL_ERROR_FAILED (the cipher)
 * Thread: any
 */
gboolean
gemel_seal_close (GemelSealKind kind,
                  const guint8  key[GEMEL_SEAL_KEY_BYTES],
                  guint64       session,
                  guint64       counter,
                  const guint8 *body,
                  gsize         size,
                  guint8        ret_datagram[GEMEL_DATAGRAM_BYTES_MAX],
                  gsize        *ret_size,
                  GError      **error)
{
  gnutls_aead_cipher_hd_t cipher;
  guint8                  nonce[NONCE_BYTES];
  size_t                  sealed = GEMEL_DATAGRAM_BYTES_MAX - GEMEL_SEAL_HEADER_BYTES;
  int                     code;

  if (size > GEMEL_DATAGRAM_BYTES_MAX - GEMEL_SEAL_EXTRA_BYTES)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "datagram body of %" G_GSIZE_FORMAT " bytes is too big", size);
      return FALSE;
    }
  if (!open_cipher (key, &cipher, error))
    return FALSE;
  memcpy (ret_datagram, magics[kind], 4);
  put_u64 (ret_datagram + 4, session);
  put_u64 (ret_datagram + 12, counter);
  make_nonce (ret_datagram, nonce);
  code = gnutls_aead_cipher_encrypt (cipher, nonce, sizeof nonce, ret_datagram,
                                     GEMEL_SEAL_HEADER_BYTES, GEMEL_SEAL_TAG_BYTES, body, size,
                                     ret_datagram + GEMEL_SEAL_HEADER_BYTES, &sealed);
  gnutls_aead_cipher_deinit (cipher);
  if (code != 0)
    return set_gnutls_error (error, "cannot seal a datagram", code);
  *ret_size = GEMEL_SEAL_HEADER_BYTES + sealed;
  return TRUE;
}

/**
 * gemel_seal_open:
 * @kind: what is expected
 * @key: of the sender for this session
 * @session: of the sender
 * @datagram: as received
 * @size: bytes
 * @ret_body: (out): what was said
 * @ret_size: (out): its bytes
 * @ret_counter: (out): for the replay window, which the caller keeps
 * @error: return location
 *
 * Returns: %TRUE if it is from the holder of the key, unaltered.
 * Errors: GEMEL_ERROR_IDENTITY; GEMEL_ERROR_FAILED (the cipher)
 * Thread: any
 */
gboolean
gemel_seal_open (GemelSealKind kind,
                 const guint8  key[GEMEL_SEAL_KEY_BYTES],
                 guint64       session,
                 const guint8 *datagram,
                 gsize         size,
                 guint8        ret_body[GEMEL_DATAGRAM_BYTES_MAX],
                 gsize        *ret_size,
                 guint64      *ret_counter,
                 GError      **error)
{
  gnutls_aead_cipher_hd_t cipher;
  GemelSealKind           got_kind;
  guint64                 got_session;
  guint8                  nonce[NONCE_BYTES];
  size_t                  opened = GEMEL_DATAGRAM_BYTES_MAX;
  int                     code;

  if (!gemel_seal_peek (datagram, size, &got_kind, &got_session) || got_kind != kind ||
      got_session != session)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                           "datagram is not of this session");
      return FALSE;
    }
  if (!open_cipher (key, &cipher, error))
    return FALSE;
  make_nonce (datagram, nonce);
  code = gnutls_aead_cipher_decrypt (cipher, nonce, sizeof nonce, datagram, GEMEL_SEAL_HEADER_BYTES,
                                     GEMEL_SEAL_TAG_BYTES, datagram + GEMEL_SEAL_HEADER_BYTES,
                                     size - GEMEL_SEAL_HEADER_BYTES, ret_body, &opened);
  gnutls_aead_cipher_deinit (cipher);
  if (code != 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                           "datagram was altered or sealed with another key");
      return FALSE;
    }
  *ret_size = opened;
  *ret_counter = get_u64 (datagram + 12);
  return TRUE;
}
