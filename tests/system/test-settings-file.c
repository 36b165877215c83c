/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Key files: layers, drop-ins, module sections, and files that are wrong.
 */
#include "api/gemel-error.h"
#include "system/gemel-settings.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

typedef struct
{
  char          *dir;
  char          *main_path;
  GemelSettings *settings;
} Fixture;

static void
write_file (Fixture    *f,
            const char *name,
            const char *text)
{
  g_autofree char   *path = g_build_filename (f->dir, name, NULL);
  g_autofree char   *dir = g_path_get_dirname (path);
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (g_mkdir_with_parents (dir, 0700), ==, 0);
  g_assert_true (g_file_set_contents (path, text, -1, &error));
  g_assert_no_error (error);
}

static void
set_up (Fixture      *f,
        gconstpointer data)
{
  f->dir = g_dir_make_tmp ("gemel-settings-XXXXXX", NULL);
  f->main_path = g_build_filename (f->dir, "gemel.conf", NULL);
  f->settings = gemel_settings_new ();
}

static void
remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char      *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *child = g_build_filename (path, name, NULL);

      remove_tree (child);
    }
  (void) g_remove (path);
}

static void
tear_down (Fixture      *f,
           gconstpointer data)
{
  remove_tree (f->dir);
  gemel_settings_free (f->settings);
  g_free (f->main_path);
  g_free (f->dir);
}

static void
assert_bad (Fixture    *f,
            const char *text,
            const char *words)
{
  g_autoptr (GError) error = NULL;

  write_file (f, "gemel.conf", text);
  g_assert_false (gemel_settings_load_file (f->settings, f->main_path, &error));
  g_assert_nonnull (error);
  g_assert_true (error->domain == GEMEL_ERROR);
  g_assert_true (g_str_has_prefix (error->message, f->main_path));
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, words));
}

static void
load (Fixture *f)
{
  g_autoptr (GError) error = NULL;
  gboolean           loaded = gemel_settings_load_dir (f->settings, f->dir, &error);

  g_assert_no_error (error);
  g_assert_true (loaded);
}

static void
test_file_layers_are_ordered (Fixture      *f,
                              gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  write_file (f, "gemel.conf",
              "# a comment\n[link]\nport=9001\n\n[failover]\nlease-ms=1150\ntrust-refused=yes\n");
  write_file (f, "gemel.conf.d/20-b.conf", "[link]\nport=9003\n");
  write_file (f, "gemel.conf.d/10-a.conf", "[link]\nport=9002\nreal-time-priority=0\n");
  write_file (f, "gemel.conf.d/30-c.conf.bak", "[link]\nport=9004\n");
  write_file (f, "gemel.conf.d/.hidden.conf", "nonsense");
  load (f);
  g_assert_cmpint (gemel_settings_get_int (f->settings, "link.port"), ==, 9003);
  g_assert_cmpint (gemel_settings_get_int (f->settings, "link.real-time-priority"), ==, 0);
  g_assert_cmpint (gemel_settings_get_int (f->settings, "failover.lease-ms"), ==, 1150);
  g_assert_true (gemel_settings_get_bool (f->settings, "failover.trust-refused"));
  g_assert_cmpint (gemel_settings_get_layer (f->settings, "link.port"), ==, GEMEL_LAYER_FILE);
  g_assert_true (gemel_settings_set (f->settings, "link.port", "9009", &error));
  g_assert_cmpint (gemel_settings_get_int (f->settings, "link.port"), ==, 9009);
  g_assert_true (gemel_settings_set (f->settings, "link.port", NULL, &error));
  g_assert_cmpint (gemel_settings_get_int (f->settings, "link.port"), ==, 9003);
}

static void
test_file_none_is_fine_for_a_folder_only (Fixture      *f,
                                          gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  load (f);
  write_file (f, "gemel.conf", "");
  load (f);
  g_assert_cmpint (g_remove (f->main_path), ==, 0);
  g_assert_false (gemel_settings_load_file (f->settings, f->main_path, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND);
}

static void
test_file_bad_ones_are_named (Fixture      *f,
                              gconstpointer data)
{
  g_autofree char *big = g_strnfill (GEMEL_SETTINGS_FILE_BYTES_MAX + 1, '#');

  g_test_summary ("File, group, key, range and unit are in the message; nothing of a bad file "
                  "counts.");
  assert_bad (f, "[link]\nport=9001\nreconnect-min-ms=5\n", "[link] reconnect-min-ms: \"5\"");
  assert_bad (f, "[link]\nreconnect-min-ms=5\n", "10..60000 ms");
  assert_bad (f, "[link]\nprot=1\n", "[link] prot: there is no such key; did you mean port?");
  assert_bad (f, "[lnik]\nport=1\n", "did you mean [link]?");
  assert_bad (f, "port=1\n", "is not a key file");
  assert_bad (f, "[link\nport=1\n", "is not a key file");
  assert_bad (f, "[link]\nport\n", "is not a key file");
  assert_bad (f, "[link]\nport=\n", "is not a whole number");
  assert_bad (f, "[node]\nname=a\\qb\n", "cannot be read");
  assert_bad (f, "[node]\nname=\xff\xfe\n", "UTF-8");
  assert_bad (f, big, "at most 1048576 bytes");
  g_assert_cmpint (gemel_settings_get_int (f->settings, "link.port"), ==, 8060);
}

static void
test_file_that_is_none (Fixture      *f,
                        gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  g_assert_cmpint (mkfifo (f->main_path, 0600), ==, 0);
  g_assert_false (gemel_settings_load_file (f->settings, f->main_path, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG);
  g_clear_error (&error);
  g_assert_false (gemel_settings_load_file (f->settings, f->dir, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG);
}

static void
test_file_rules_count_after_the_last (Fixture      *f,
                                      gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  write_file (f, "gemel.conf", "[link]\nreconnect-min-ms=5000\n");
  write_file (f, "gemel.conf.d/a.conf", "[link]\nreconnect-max-ms=6000\n");
  load (f);
  write_file (f, "gemel.conf.d/b.conf", "[link]\nreconnect-max-ms=4000\n");
  g_assert_false (gemel_settings_load_dir (f->settings, f->dir, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING);
  g_assert_nonnull (strstr (error->message, "4000 ms"));
}

static void
test_file_modules_are_read (Fixture      *f,
                            gconstpointer data)
{
  const GemelModuleSettings *module;
  GPtrArray                 *modules;

  write_file (f, "gemel.conf",
              "[module sysmon]\nexec=/usr/bin/python3 'a b.py' "
              "--x\nlevel=warm\nstop-timeout-ms=250\n"
              "[module other]\nexec=/bin/true\nworking-directory=/tmp\n[link]\nport=9000\n");
  write_file (f, "gemel.conf.d/x.conf", "[module sysmon]\nlevel=active\n");
  load (f);
  modules = gemel_settings_get_modules (f->settings);
  g_assert_cmpuint (modules->len, ==, 2);
  module = modules->pdata[0];
  g_assert_cmpstr (module->name, ==, "sysmon");
  g_assert_cmpint (module->level, ==, GEMEL_LEVEL_ACTIVE);
  g_assert_cmpuint (module->stop_timeout_ms, ==, 250);
  g_assert_cmpuint (g_strv_length (module->argv), ==, 3);
  g_assert_cmpstr (module->argv[1], ==, "a b.py");
  module = modules->pdata[1];
  g_assert_cmpstr (module->working_dir, ==, "/tmp");
  g_assert_cmpuint (module->stop_timeout_ms, ==, 5000);
}

static void
test_file_bad_modules_are_named (Fixture      *f,
                                 gconstpointer data)
{
  g_autoptr (GString) many = g_string_new (NULL);

  assert_bad (f, "[module a]\nlevel=warm\n", "[module a]: exec is missing");
  assert_bad (f, "[module a]\nexec=\n", "is no command line");
  assert_bad (f, "[module a]\nexec='x\n", "is no command line");
  assert_bad (f, "[module a]\nexec=x\nlevel=cold\n", "warm|active");
  assert_bad (f, "[module a]\nexec=x\nlevle=warm\n", "did you mean level?");
  assert_bad (f, "[module a]\nexec=x\nstop-timeout-ms=5\n", "10..600000 ms");
  assert_bad (f, "[module a]\nexec=x\nworking-directory=rel\n", "absolute path");
  assert_bad (f, "[module ]\nexec=x\n", "no name of a module");
  assert_bad (f, "[module a/b]\nexec=x\n", "no name of a module");
  assert_bad (f, "[module]\nexec=x\n", "did you mean [module");
  for (guint i = 0; i <= GEMEL_MODULES_MAX; i++)
    g_string_append_printf (many, "[module m%u]\nexec=x\n", i);
  assert_bad (f, many->str, "already 64 modules");
  g_assert_cmpuint (gemel_settings_get_modules (f->settings)->len, ==, 0);
}

#define ADD(path, func) \
  g_test_add ("/system/settings-file/" path, Fixture, NULL, set_up, func, tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("layers-are-ordered", test_file_layers_are_ordered);
  ADD ("none-is-fine-for-a-folder-only", test_file_none_is_fine_for_a_folder_only);
  ADD ("bad-ones-are-named", test_file_bad_ones_are_named);
  ADD ("that-is-none", test_file_that_is_none);
  ADD ("rules-count-after-the-last", test_file_rules_count_after_the_last);
  ADD ("modules-are-read", test_file_modules_are_read);
  ADD ("bad-modules-are-named", test_file_bad_modules_are_named);
  return g_test_run ();
}
