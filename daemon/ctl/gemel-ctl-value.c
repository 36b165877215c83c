/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Values in and out; shared by config and state.
 */
#include "ctl/gemel-ctl-value.h"

#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static gboolean
read_all (int         fd,
          const char *name,
          GByteArray *bytes,
          GError    **error)
{
  guint8 block[16384];

  for (;;)
    {
      const gssize n = read (fd, block, sizeof block);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        {
          g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED, "cannot read %s: %s", name,
                       g_strerror (errno));
          return FALSE;
        }
      if (n == 0)
        return TRUE;
      g_byte_array_append (bytes, block, (guint) n);
      if (bytes->len > GEMEL_VALUE_BYTES_MAX)
        {
          g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                       "%s has more than %d KiB, which is the limit of a value", name,
                       GEMEL_VALUE_BYTES_MAX / 1024);
          return FALSE;
        }
    }
}

static GVariant *
take_bytes (GByteArray *bytes)
{
  g_autoptr (GBytes) data = g_byte_array_free_to_bytes (bytes);

  return g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, data, TRUE);
}

static GVariant *
read_file (const char *file,
           GError    **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  FILE                  *stream = fopen (file, "re");
  gboolean               ok;

  if (stream == NULL)
    {
      g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "cannot open %s: %s", file,
                   g_strerror (errno));
      return NULL;
    }
  ok = read_all (fileno (stream), file, bytes, error);
  (void) fclose (stream);
  return ok ? take_bytes (g_steal_pointer (&bytes)) : NULL;
}

/**
 * gemel_ctl_read_value:
 * @argument: (nullable): the value itself, "-" for standard input
 * @file: (nullable): a file that holds it instead
 * @error: GEMEL_CTL_USAGE
 *
 * Bytes are taken as they are: a line feed at the end of a file belongs to the value.
 *
 * Returns: (transfer floating) (nullable): an ay.
 * Thread: main
 */
GVariant *
gemel_ctl_read_value (const char *argument,
                      const char *file,
                      GError    **error)
{
  g_autoptr (GByteArray) bytes = NULL;

  if ((argument == NULL) == (file == NULL))
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "give the value as VALUE, with --file FILE, or - for standard input");
      return NULL;
    }
  if (file != NULL)
    return read_file (file, error);
  if (strcmp (argument, "-") != 0)
    {
      bytes = g_byte_array_new ();
      g_byte_array_append (bytes, (const guint8 *) argument, (guint) strlen (argument));
      return take_bytes (g_steal_pointer (&bytes));
    }
  bytes = g_byte_array_new ();
  if (!read_all (STDIN_FILENO, "standard input", bytes, error))
    return NULL;
  return take_bytes (g_steal_pointer (&bytes));
}

/* For a terminal: text keeps its lines, everything else that moves a cursor is written out. */
static char *
make_lines_safe (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL; i++)
    {
      char *safe = gemel_ctl_sanitize (lines[i]);

      g_free (lines[i]);
      lines[i] = safe;
    }
  return g_strjoinv ("\n", lines);
}

/**
 * gemel_ctl_print_value:
 * @value: an ay
 * @raw: the bytes and nothing else
 * Thread: main
 */
void
gemel_ctl_print_value (GVariant *value,
                       gboolean  raw)
{
  g_autofree char *text = NULL;
  g_autofree char *safe = NULL;

  if (raw)
    {
      gsize         n;
      const guint8 *data = g_variant_get_fixed_array (value, &n, 1);

      (void) fflush (stdout);
      (void) fwrite (data, 1, n, stdout);
      (void) fflush (stdout);
      return;
    }
  text = gemel_ctl_format_value (value);
  safe = isatty (STDOUT_FILENO) == 1 ? make_lines_safe (text) : g_strdup (text);
  g_print ("%s%s", safe, g_str_has_suffix (safe, "\n") ? "" : "\n");
}

/**
 * gemel_ctl_durability_options:
 * @durability: (nullable): what the user wants
 * @error: GEMEL_CTL_USAGE
 *
 * Returns: (transfer floating) (nullable): the a{sv} of a write.
 * Thread: any
 */
GVariant *
gemel_ctl_durability_options (const char *durability,
                              GError    **error)
{
  GVariantDict options;

  g_variant_dict_init (&options, NULL);
  if (durability == NULL)
    return g_variant_dict_end (&options);
  if (strcmp (durability, "local") != 0 && strcmp (durability, "pair") != 0)
    {
      g_variant_dict_clear (&options);
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "--durability is local or pair");
      return NULL;
    }
  g_variant_dict_insert (&options, "durability", "s", durability);
  return g_variant_dict_end (&options);
}

/**
 * gemel_ctl_print_written:
 * @ctl: the frame
 * @what: "written" or "deleted"
 * @generation_name: "term" or "epoch"
 * @reply: (tts): that, sequence, durability reached
 * Thread: main
 */
void
gemel_ctl_print_written (GemelCtl   *ctl,
                         const char *what,
                         const char *generation_name,
                         GVariant   *reply)
{
  const char             *names[] = { generation_name, "seq", "durability", NULL };
  g_autoptr (JsonBuilder) json = json_builder_new ();
  guint64                 generation;
  guint64                 seq;
  const char             *durability;

  g_variant_get (reply, "(tt&s)", &generation, &seq, &durability);
  if (ctl->json)
    {
      gemel_ctl_json_add_row (json, names, reply);
      gemel_ctl_json_print (ctl, json);
      return;
    }
  g_print ("%s: %s %" G_GUINT64_FORMAT ", seq %" G_GUINT64_FORMAT ", durability %s (%s)\n", what,
           generation_name, generation, seq, durability,
           strcmp (durability, "pair") == 0 ? "both nodes have it" : "this node has it");
}
