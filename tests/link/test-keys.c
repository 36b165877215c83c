/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The key file: made once, the same afterwards, and never used when it is damaged or open to all.
 */
#include "api/gemel-error.h"
#include "link-support.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

typedef struct
{
  char     *folder;
  char     *path;
  GemelKeys keys;
} Fixture;

static void
set_up (Fixture      *f,
        gconstpointer data)
{
  f->folder = g_dir_make_tmp ("gemel-keys-XXXXXX", NULL);
  f->path = g_build_filename (f->folder, "key.pem", NULL);
}

static void
tear_down (Fixture      *f,
           gconstpointer data)
{
  gemel_keys_clear (&f->keys);
  (void) g_unlink (f->path);
  g_assert_cmpint (g_rmdir (f->folder), ==, 0); /* nothing else was left there */
  g_free (f->folder);
  g_free (f->path);
}

static void
make (Fixture *f)
{
  g_autoptr (GError) error = NULL;

  g_assert_true (gemel_keys_load_or_make (f->path, "node-a", &f->keys, &error));
  g_assert_no_error (error);
}

static void
expect_refusal (Fixture    *f,
                const char *advice)
{
  g_autoptr (GError) error = NULL;
  GemelKeys          keys = { 0 };

  g_assert_false (gemel_keys_load_or_make (f->path, "node-a", &keys, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY);
  g_assert_nonnull (strstr (error->message, advice));
  g_assert_null (strstr (error->message, "PRIVATE KEY"));
}

static void
test_same_after_restart (Fixture      *f,
                         gconstpointer data)
{
  GemelKeys   again = { 0 };
  guint8      pin[GEMEL_PIN_BYTES];
  struct stat status;

  make (f);
  g_assert_cmpint (stat (f->path, &status), ==, 0);
  g_assert_cmpint (status.st_mode & 07777, ==, 0600);
  g_assert_true (gemel_keys_load_or_make (f->path, "other-name", &again, NULL));
  g_assert_cmpmem (f->keys.pin, sizeof pin, again.pin, sizeof pin);
  g_assert_true (gemel_pin_of_certificate (again.certificate, pin, NULL));
  g_assert_cmpmem (f->keys.pin, sizeof pin, pin, sizeof pin);
  gemel_keys_clear (&again);
}

static void
test_two_nodes_differ (Fixture      *f,
                       gconstpointer data)
{
  GemelKeys other = { 0 };

  make (f);
  link_support_make_keys (&other);
  g_assert_cmpint (memcmp (f->keys.pin, other.pin, GEMEL_PIN_BYTES), !=, 0);
  gemel_keys_clear (&other);
}

static void
test_open_file_is_refused (Fixture      *f,
                           gconstpointer data)
{
  make (f);
  g_assert_cmpint (g_chmod (f->path, 0640), ==, 0);
  expect_refusal (f, "chmod 600");
}

static void
test_damaged_file_is_refused (Fixture      *f,
                              gconstpointer data)
{
  g_autofree char *text = NULL;
  gsize            size;

  make (f);
  g_assert_true (g_file_get_contents (f->path, &text, &size, NULL));
  g_assert_true (g_file_set_contents_full (f->path, text, (gssize) size / 2,
                                           G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  expect_refusal (f, "move it away and pair again");
  g_assert_true (
    g_file_set_contents_full (f->path, "", 0, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  expect_refusal (f, "move it away and pair again");
  g_assert_true (
    g_file_set_contents_full (f->path, "hello", 5, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  expect_refusal (f, "move it away and pair again");
}

static void
test_mixed_halves_are_refused (Fixture      *f,
                               gconstpointer data)
{
  GemelKeys        other = { 0 };
  g_autofree char *key = NULL;
  g_autofree char *certificate = NULL;
  g_autofree char *both = NULL;

  make (f);
  link_support_make_keys (&other);
  g_object_get (f->keys.certificate, "private-key-pem", &key, NULL);
  g_object_get (other.certificate, "certificate-pem", &certificate, NULL);
  both = g_strconcat (key, certificate, NULL);
  g_assert_true (
    g_file_set_contents_full (f->path, both, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  expect_refusal (f, "do not belong together");
  gemel_keys_clear (&other);
}

static void
test_link_and_huge_file_are_refused (Fixture      *f,
                                     gconstpointer data)
{
  g_autofree char *huge = g_strnfill (100000, 'x');

  g_assert_true (
    g_file_set_contents_full (f->path, huge, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  expect_refusal (f, "longer than");
  g_assert_cmpint (g_unlink (f->path), ==, 0);
  g_assert_cmpint (symlink ("/dev/null", f->path), ==, 0);
  expect_refusal (f, "plain file");
}

static void
test_bad_name_and_folder (Fixture      *f,
                          gconstpointer data)
{
  static const char *const bad[] = {
    "", "\xff", "12345678901234567890123456789012345678901234567890123456789012345"
  };
  g_autofree char   *nowhere = g_build_filename (f->folder, "nowhere", "key.pem", NULL);
  g_autoptr (GError) folder_error = NULL;
  guint              i;

  for (i = 0; i < G_N_ELEMENTS (bad); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (gemel_keys_load_or_make (f->path, bad[i], &f->keys, &error));
      g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
    }
  g_assert_false (gemel_keys_load_or_make (nowhere, "node-a", &f->keys, &folder_error));
  g_assert_error (folder_error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY);
}

static void
test_pin_for_people (void)
{
  guint8           pin[GEMEL_PIN_BYTES] = { 0xab, 0x12, 0xcd, 0x34 };
  g_autofree char *text = gemel_pin_to_string (pin);

  g_assert_true (g_str_has_prefix (text, "AB12 CD34 0000 "));
  g_assert_cmpuint (strlen (text), ==, 64 + 15);
}

#define ADD(path, function) \
  g_test_add ("/link/keys/" path, Fixture, NULL, set_up, function, tear_down)

int
main (int   argc,
      char *argv[])
{
  gemel_connect_init ();
  g_test_init (&argc, &argv, NULL);
  ADD ("same-after-restart", test_same_after_restart);
  ADD ("two-nodes-differ", test_two_nodes_differ);
  ADD ("open-file-is-refused", test_open_file_is_refused);
  ADD ("damaged-file-is-refused", test_damaged_file_is_refused);
  ADD ("mixed-halves-are-refused", test_mixed_halves_are_refused);
  ADD ("link-and-huge-file-are-refused", test_link_and_huge_file_are_refused);
  ADD ("bad-name-and-folder", test_bad_name_and_folder);
  g_test_add_func ("/link/keys/pin-for-people", test_pin_for_people);
  return g_test_run ();
}
