/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The node's key and certificate: made once, kept in one PEM file that only the node may read.
 *
 * Identity is the public key alone. Names and dates in a certificate are never looked at, so that
 * neither a wrong clock nor a renewed certificate can part a pair. This file never replaces a key
 * file that exists: a damaged one is a person's decision.
 */
#include "link/gemel-keys.h"

#include "api/gemel-error.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_FILE_BYTES_MAX    (64 * 1024)
#define COMMON_NAME_BYTES_MAX 64
#define SERIAL_BYTES          16

G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_crt_t, gnutls_x509_crt_deinit, NULL)
G_DEFINE_AUTO_CLEANUP_FREE_FUNC (gnutls_x509_privkey_t, gnutls_x509_privkey_deinit, NULL)

/* PEM with a private key inside: overwritten before it is given back. */
typedef struct
{
  guint8 *data;
  gsize   size;
} SecretText;

static void
secret_text_clear (SecretText *text)
{
  if (text->data != NULL)
    gnutls_memset (text->data, 0, text->size);
  g_clear_pointer (&text->data, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (SecretText, secret_text_clear)

static gboolean
gnutls_ok (int         code,
           const char *what,
           GError    **error)
{
  if (code >= 0)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY, "%s: %s", what, gnutls_strerror (code));
  return FALSE;
}

static gboolean
pin_of_crt (gnutls_x509_crt_t crt,
            guint8            ret_pin[GEMEL_PIN_BYTES],
            GError          **error)
{
  guint8 pin[GEMEL_PIN_BYTES];
  size_t size = sizeof pin;

  if (!gnutls_ok (gnutls_x509_crt_get_key_id (crt, GNUTLS_KEYID_USE_SHA256, pin, &size),
                  "cannot compute the pin of a certificate", error))
    return FALSE;
  memcpy (ret_pin, pin, sizeof pin);
  return TRUE;
}

/**
 * gemel_pin_of_certificate:
 * @certificate: a certificate
 * @ret_pin: (out caller-allocates): SHA-256 of its public key (SubjectPublicKeyInfo)
 * @error: return location
 *
 * Returns: whether @ret_pin was set.
 * Errors: GEMEL_ERROR_IDENTITY when the certificate cannot be read
 * Thread: any
 */
gboolean
gemel_pin_of_certificate (GTlsCertificate *certificate,
                          guint8           ret_pin[GEMEL_PIN_BYTES],
                          GError         **error)
{
  g_autoptr (GByteArray)     der = NULL;
  g_auto (gnutls_x509_crt_t) crt = NULL;
  gnutls_datum_t             datum;

  g_object_get (certificate, "certificate", &der, NULL);
  if (der == NULL)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY, "certificate is empty");
      return FALSE;
    }
  datum.data = der->data;
  datum.size = der->len;
  return gnutls_ok (gnutls_x509_crt_init (&crt), "cannot read a certificate", error) &&
         gnutls_ok (gnutls_x509_crt_import (crt, &datum, GNUTLS_X509_FMT_DER),
                    "cannot read a certificate", error) &&
         pin_of_crt (crt, ret_pin, error);
}

/**
 * gemel_pin_to_string:
 * @pin: a pin
 *
 * Returns: (transfer full): all 64 digits in groups of four, for people to compare.
 * Thread: any
 */
char *
gemel_pin_to_string (const guint8 pin[GEMEL_PIN_BYTES])
{
  GString *text = g_string_new (NULL);
  guint    i;

  for (i = 0; i < GEMEL_PIN_BYTES; i++)
    {
      if (i > 0 && i % 2 == 0)
        g_string_append_c (text, ' ');
      g_string_append_printf (text, "%02X", pin[i]);
    }
  return g_string_free (text, FALSE);
}

/**
 * gemel_keys_clear:
 * @keys: keys, or zeros
 *
 * Gives back what @keys holds.
 *
 * Thread: any
 */
void
gemel_keys_clear (GemelKeys *keys)
{
  g_clear_object (&keys->certificate);
  memset (keys->pin, 0, sizeof keys->pin);
}

/* --- making ---------------------------------------------------------------------------------- */

static gboolean
fill_certificate (gnutls_x509_crt_t     crt,
                  gnutls_x509_privkey_t key,
                  const char           *common_name,
                  GError              **error)
{
  const char *what = "cannot make a certificate";
  guint8      serial[SERIAL_BYTES];

  if (!gnutls_ok (gnutls_rnd (GNUTLS_RND_NONCE, serial, sizeof serial), what, error))
    return FALSE;
  /* The number must be positive and must not begin with a zero byte. */
  serial[0] = (serial[0] & 0x7f) | 0x40;
  /* Dates that never matter: a node without a clock must be able to start. */
  return gnutls_ok (gnutls_x509_crt_set_version (crt, 3), what, error) &&
         gnutls_ok (gnutls_x509_crt_set_serial (crt, serial, sizeof serial), what, error) &&
         gnutls_ok (gnutls_x509_crt_set_activation_time (crt, 0), what, error) &&
         gnutls_ok (
           gnutls_x509_crt_set_expiration_time (crt, GNUTLS_X509_NO_WELL_DEFINED_EXPIRATION), what,
           error) &&
         gnutls_ok (gnutls_x509_crt_set_dn_by_oid (crt, GNUTLS_OID_X520_COMMON_NAME, 0, common_name,
                                                   (guint) strlen (common_name)),
                    what, error) &&
         gnutls_ok (gnutls_x509_crt_set_basic_constraints (crt, 0, -1), what, error) &&
         gnutls_ok (gnutls_x509_crt_set_key_usage (crt, GNUTLS_KEY_DIGITAL_SIGNATURE), what,
                    error) &&
         gnutls_ok (gnutls_x509_crt_set_key_purpose_oid (crt, GNUTLS_KP_TLS_WWW_SERVER, 0), what,
                    error) &&
         gnutls_ok (gnutls_x509_crt_set_key_purpose_oid (crt, GNUTLS_KP_TLS_WWW_CLIENT, 0), what,
                    error) &&
         gnutls_ok (gnutls_x509_crt_set_key (crt, key), what, error) &&
         gnutls_ok (gnutls_x509_crt_sign2 (crt, crt, key, GNUTLS_DIG_SHA256, 0), what, error);
}

static gboolean
make_pem (const char *common_name,
          SecretText *ret_pem,
          GError    **error)
{
  g_auto (gnutls_x509_privkey_t) key = NULL;
  g_auto (gnutls_x509_crt_t)     crt = NULL;
  gnutls_datum_t                 key_pem = { NULL, 0 };
  gnutls_datum_t                 crt_pem = { NULL, 0 };
  const char                    *what = "cannot make a key";
  gboolean                       done;

  done = gnutls_ok (gnutls_x509_privkey_init (&key), what, error) &&
         gnutls_ok (gnutls_x509_privkey_generate (
                      key, GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS (GNUTLS_ECC_CURVE_SECP256R1), 0),
                    what, error) &&
         gnutls_ok (gnutls_x509_crt_init (&crt), what, error) &&
         fill_certificate (crt, key, common_name, error) &&
         gnutls_ok (gnutls_x509_crt_export2 (crt, GNUTLS_X509_FMT_PEM, &crt_pem), what, error) &&
         gnutls_ok (gnutls_x509_privkey_export2_pkcs8 (key, GNUTLS_X509_FMT_PEM, NULL,
                                                       GNUTLS_PKCS_PLAIN, &key_pem),
                    what, error);
  if (done)
    {
      ret_pem->size = key_pem.size + crt_pem.size;
      ret_pem->data = g_malloc (ret_pem->size);
      memcpy (ret_pem->data, key_pem.data, key_pem.size);
      memcpy (ret_pem->data + key_pem.size, crt_pem.data, crt_pem.size);
    }
  if (key_pem.data != NULL)
    gnutls_memset (key_pem.data, 0, key_pem.size);
  gnutls_free (key_pem.data);
  gnutls_free (crt_pem.data);
  return done;
}

static gboolean
write_all (int               fd,
           const SecretText *text)
{
  gsize done = 0;

  while (done < text->size)
    {
      gssize n = write (fd, text->data + done, text->size - done);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      done += (gsize) n;
    }
  /* tidy: no-sync-calls: a new key, once in a node's life, before its threads run */
  return fsync (fd) == 0;
}

static gboolean
sync_folder_of (const char *path)
{
  g_autofree char *folder = g_path_get_dirname (path);
  int              fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean         done;

  if (fd < 0)
    return FALSE;
  /* tidy: no-sync-calls: as above */
  done = fsync (fd) == 0;
  (void) close (fd);
  return done;
}

static gboolean
write_key_file (const char       *path,
                const SecretText *pem,
                GError          **error)
{
  g_autofree char *tmp = g_strconcat (path, ".XXXXXX", NULL);
  int              fd = g_mkstemp_full (tmp, O_RDWR | O_CLOEXEC, 0600);
  gboolean         done;

  done = fd >= 0 && write_all (fd, pem) && g_rename (tmp, path) == 0 && sync_folder_of (path);
  if (!done)
    {
      int code = errno;

      g_set_error (
        error, GEMEL_ERROR, code == ENOSPC ? GEMEL_ERROR_DISK_FULL : GEMEL_ERROR_IDENTITY,
        "cannot write key file %s: %s: check the folder and its rights", path, g_strerror (code));
      if (fd >= 0)
        (void) g_unlink (tmp);
    }
  if (fd >= 0)
    (void) close (fd);
  return done;
}

/* --- loading --------------------------------------------------------------------------------- */

static gboolean
check_rights (const char *path,
              int         fd,
              GError    **error)
{
  struct stat status;

  if (fstat (fd, &status) != 0 || !S_ISREG (status.st_mode))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                   "key file %s is not a plain file: move it away", path);
      return FALSE;
    }
  if ((status.st_mode & 077) != 0)
    {
      g_set_error (
        error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
        "key file %s is open to others (mode %04o): run chmod 600 on it; if somebody may have "
        "read it, move it away and pair again",
        path, (guint) (status.st_mode & 07777));
      return FALSE;
    }
  if (status.st_uid != geteuid ())
    {
      g_set_error (
        error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
        "key file %s belongs to user %u, not to user %u who runs this node: run chown on it", path,
        (guint) status.st_uid, (guint) geteuid ());
      return FALSE;
    }
  return TRUE;
}

static gboolean
read_pem (int         fd,
          SecretText *ret_pem,
          GError    **error)
{
  g_auto (SecretText) text = { g_malloc (KEY_FILE_BYTES_MAX), KEY_FILE_BYTES_MAX };
  gsize               size = 0;

  while (size < KEY_FILE_BYTES_MAX)
    {
      gssize n = read (fd, text.data + size, KEY_FILE_BYTES_MAX - size);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY, g_strerror (errno));
          return FALSE;
        }
      if (n == 0)
        {
          ret_pem->data = g_steal_pointer (&text.data);
          ret_pem->size = size;
          return TRUE;
        }
      size += (gsize) n;
    }
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY, "longer than %d bytes",
               KEY_FILE_BYTES_MAX);
  return FALSE;
}

/* The two halves must belong together, or every handshake would fail with words about TLS. */
static gboolean
check_halves (const SecretText *pem,
              guint8            ret_pin[GEMEL_PIN_BYTES],
              GError          **error)
{
  g_auto (gnutls_x509_privkey_t) key = NULL;
  g_auto (gnutls_x509_crt_t)     crt = NULL;
  gnutls_datum_t                 datum = { pem->data, (guint) pem->size };
  guint8                         pin[GEMEL_PIN_BYTES];
  guint8                         key_pin[GEMEL_PIN_BYTES];
  size_t                         size = sizeof key_pin;

  if (!gnutls_ok (gnutls_x509_privkey_init (&key), "private key", error) ||
      !gnutls_ok (gnutls_x509_privkey_import2 (key, &datum, GNUTLS_X509_FMT_PEM, NULL, 0),
                  "private key", error) ||
      !gnutls_ok (gnutls_x509_crt_init (&crt), "certificate", error) ||
      !gnutls_ok (gnutls_x509_crt_import (crt, &datum, GNUTLS_X509_FMT_PEM), "certificate",
                  error) ||
      !gnutls_ok (gnutls_x509_privkey_get_key_id (key, GNUTLS_KEYID_USE_SHA256, key_pin, &size),
                  "private key", error) ||
      !pin_of_crt (crt, pin, error))
    return FALSE;
  if (memcmp (pin, key_pin, sizeof pin) != 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                           "key and certificate do not belong together");
      return FALSE;
    }
  memcpy (ret_pin, pin, sizeof pin);
  return TRUE;
}

static gboolean
take_pem (const char       *path,
          const SecretText *pem,
          GemelKeys        *ret_keys,
          GError          **error)
{
  g_autoptr (GError)          local_error = NULL;
  g_autoptr (GTlsCertificate) certificate = NULL;
  guint8                      pin[GEMEL_PIN_BYTES];

  if (check_halves (pem, pin, &local_error))
    certificate =
      g_tls_certificate_new_from_pem ((const char *) pem->data, (gssize) pem->size, &local_error);
  if (certificate == NULL)
    {
      g_set_error (
        error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
        "key file %s is damaged (%s): restore it from a copy, or move it away and pair again", path,
        local_error->message);
      return FALSE;
    }
  ret_keys->certificate = g_steal_pointer (&certificate);
  memcpy (ret_keys->pin, pin, sizeof pin);
  return TRUE;
}

/**
 * gemel_keys_load_or_make:
 * @path: the key file, in a folder that exists
 * @common_name: name in a new certificate, for people only; 1 to 64 bytes of UTF-8
 * @ret_keys: (out caller-allocates): to be cleared with gemel_keys_clear ()
 * @error: return location
 *
 * Reads the key file. When there is none, makes a key (ECDSA P-256) and a self-signed certificate
 * and writes them so that a crash leaves either a whole file or none.
 *
 * Returns: whether @ret_keys was set.
 * Errors: GEMEL_ERROR_IDENTITY when the file is damaged, not this user's or open to others;
 *   GEMEL_ERROR_DISK_FULL; GEMEL_ERROR_INVALID_ARGS for the name
 * Thread: any; reads and writes a file
 */
gboolean
gemel_keys_load_or_make (const char *path,
                         const char *common_name,
                         GemelKeys  *ret_keys,
                         GError    **error)
{
  g_auto (SecretText) pem = { NULL, 0 };
  g_autoptr (GError)  local_error = NULL;
  int                 fd = open (path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  gboolean            done;

  if (fd >= 0)
    {
      done = check_rights (path, fd, error);
      if (done && !read_pem (fd, &pem, &local_error))
        {
          g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY, "cannot read key file %s: %s",
                       path, local_error->message);
          done = FALSE;
        }
      (void) close (fd);
      return done && take_pem (path, &pem, ret_keys, error);
    }
  if (errno != ENOENT)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                   "cannot open key file %s: %s: check its rights and that it is a plain file",
                   path, g_strerror (errno));
      return FALSE;
    }
  if (*common_name == '\0' || strlen (common_name) > COMMON_NAME_BYTES_MAX ||
      !g_utf8_validate (common_name, -1, NULL))
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "node name must have 1 to %d bytes of UTF-8", COMMON_NAME_BYTES_MAX);
      return FALSE;
    }
  return make_pem (common_name, &pem, error) && write_key_file (path, &pem, error) &&
         take_pem (path, &pem, ret_keys, error);
}
