/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * data/gemel.conf: it has every setting, with the value that counts without it, and can be loaded
 * as it is and with all lines in force.
 */
#include "system/gemel-settings.h"

#include <glib/gstdio.h>
#include <string.h>

static char *
read_example (void)
{
  g_autofree char   *path = g_test_build_filename (G_TEST_DIST, "..", "data", "gemel.conf", NULL);
  g_autoptr (GError) error = NULL;
  char              *text = NULL;

  g_assert_true (g_file_get_contents (path, &text, NULL, &error));
  g_assert_no_error (error);
  return text;
}

/* Lines of settings begin with '#' and no space. */
static char *
uncomment (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  GString       *result = g_string_new (NULL);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      const char *line = lines[i];

      if (line[0] == '#' && line[1] != ' ' && line[1] != '\0')
        line++;
      g_string_append_printf (result, "%s\n", line);
    }
  return g_string_free (result, FALSE);
}

static void
load_text (GemelSettings *settings,
           const char    *text)
{
  g_autofree char   *dir = g_dir_make_tmp ("gemel-example-XXXXXX", NULL);
  g_autofree char   *path = g_build_filename (dir, "gemel.conf", NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (g_file_set_contents (path, text, -1, &error));
  g_assert_true (gemel_settings_load_dir (settings, dir, &error));
  g_assert_no_error (error);
  (void) g_remove (path);
  (void) g_rmdir (dir);
}

static void
test_example_as_it_is_changes_nothing (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();
  g_autofree char          *text = read_example ();
  guint                     n_table;
  const GemelSettingInfo   *table = gemel_settings_get_table (&n_table);

  load_text (settings, text);
  for (guint i = 0; i < n_table; i++)
    {
      g_autofree char *name = g_strconcat (table[i].group, ".", table[i].key, NULL);

      g_assert_cmpint (gemel_settings_get_layer (settings, name), ==, GEMEL_LAYER_BUILT_IN);
    }
}

static void
test_example_shows_every_built_in_value (void)
{
  g_autoptr (GemelSettings) settings = gemel_settings_new ();
  g_autofree char          *text = read_example ();
  g_autofree char          *in_force = uncomment (text);
  g_autoptr (GVariant)      list = NULL;
  const char               *name, *fallback, *value, *layer;

  load_text (settings, in_force);
  list = g_variant_ref_sink (gemel_settings_describe (settings));
  for (gsize i = 0; i < g_variant_n_children (list); i++)
    {
      g_variant_get_child (list, i, "(&s&s&s&s&s&s&s&s&sb)", &name, NULL, NULL, NULL, &fallback,
                           &value, &layer, NULL, NULL, NULL);
      if (!g_str_equal (layer, "file"))
        g_test_message ("%s is missing", name);
      g_assert_cmpstr (layer, ==, "file");
      g_assert_cmpstr (value, ==, fallback);
    }
  g_assert_cmpuint (gemel_settings_get_modules (settings)->len, ==, 1);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/system/example/as-it-is-changes-nothing",
                   test_example_as_it_is_changes_nothing);
  g_test_add_func ("/system/example/shows-every-built-in-value",
                   test_example_shows_every_built_in_value);
  return g_test_run ();
}
