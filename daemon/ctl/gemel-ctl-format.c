/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Values as people read them. Everything that came from outside passes gemel_ctl_sanitize () before
 * it reaches a terminal, so that a record or a log line cannot move the cursor.
 */
#include "ctl/gemel-ctl-format.h"

#include <math.h>
#include <string.h>

#define MS     G_GINT64_CONSTANT (1000)
#define SECOND G_GINT64_CONSTANT (1000000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define PREVIEW_CHARS_MAX 72

/**
 * gemel_ctl_format_duration:
 * @us: a duration, µs
 *
 * Returns: (transfer full): with two units at most: "12.3 ms", "3 min 4 s".
 * Thread: any
 */
char *
gemel_ctl_format_duration (gint64 us)
{
  if (us < 0)
    {
      g_autofree char *positive = gemel_ctl_format_duration (us == G_MININT64 ? G_MAXINT64 : -us);

      return g_strconcat ("−", positive, NULL);
    }
  if (us < MS)
    return g_strdup_printf ("%d µs", (int) us);
  /* What rounds to the next unit is shown in it: never "1000.0 ms" or "60.0 s". */
  if (us < SECOND - 50)
    return g_strdup_printf ("%.1f ms", (double) us / (double) MS);
  if (us < MINUTE - 50000)
    return g_strdup_printf ("%.1f s", (double) us / (double) SECOND);
  if (us < MINUTE)
    us = MINUTE;
  if (us < HOUR)
    return g_strdup_printf ("%d min %d s", (int) (us / MINUTE), (int) (us % MINUTE / SECOND));
  if (us < DAY)
    return g_strdup_printf ("%d h %d min", (int) (us / HOUR), (int) (us % HOUR / MINUTE));
  return g_strdup_printf ("%d d %d h", (int) (us / DAY), (int) (us % DAY / HOUR));
}

/**
 * gemel_ctl_format_bytes:
 * @bytes: a size
 *
 * Returns: (transfer full): in powers of 1024: "512 B", "1.5 KiB".
 * Thread: any
 */
char *
gemel_ctl_format_bytes (guint64 bytes)
{
  static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
  double                   value = (double) bytes;
  guint                    unit = 0;

  if (bytes < 1024)
    return g_strdup_printf ("%u B", (guint) bytes);
  while (value >= 1023.95 && unit + 1 < G_N_ELEMENTS (units))
    {
      value /= 1024;
      unit++;
    }
  return g_strdup_printf ("%.1f %s", value, units[unit]);
}

/**
 * gemel_ctl_format_time:
 * @unix_us: wall clock, µs UTC; 0: never
 *
 * Returns: (transfer full): local time with its zone, to a millisecond.
 * Thread: any
 */
char *
gemel_ctl_format_time (gint64 unix_us)
{
  g_autoptr (GDateTime) utc = NULL;
  g_autoptr (GDateTime) local = NULL;
  g_autofree char      *head = NULL;
  g_autofree char      *zone = NULL;

  if (unix_us == 0)
    return g_strdup ("never");
  utc = g_date_time_new_from_unix_utc (unix_us / SECOND - (unix_us % SECOND < 0 ? 1 : 0));
  local = utc != NULL ? g_date_time_to_local (utc) : NULL;
  if (local == NULL)
    return g_strdup_printf ("%" G_GINT64_FORMAT " µs", unix_us);
  head = g_date_time_format (local, "%Y-%m-%d %H:%M:%S");
  zone = g_date_time_format (local, "%Z");
  return g_strdup_printf ("%s.%03d %s", head, (int) (((unix_us % SECOND) + SECOND) % SECOND / MS),
                          zone);
}

/**
 * gemel_ctl_format_rate:
 * @per_second: a rate
 *
 * Returns: (transfer full): "0", "12.3" or "5120".
 * Thread: any
 */
char *
gemel_ctl_format_rate (double per_second)
{
  if (!isfinite (per_second))
    return g_strdup ("?");
  if (per_second < 0.05)
    return g_strdup ("0");
  return per_second < 999.95 ? g_strdup_printf ("%.1f", per_second)
                             : g_strdup_printf ("%.0f", per_second);
}

/**
 * gemel_ctl_format_number:
 * @value: a number
 *
 * Returns: (transfer full): the shortest text that reads back as @value, with a point.
 * Thread: any
 */
char *
gemel_ctl_format_number (double value)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE];

  for (int digits = 6; digits <= 17; digits++)
    {
      char format[8];

      (void) g_snprintf (format, sizeof format, "%%.%dg", digits);
      g_ascii_formatd (text, sizeof text, format, value);
      if (memcmp (&(double){ g_ascii_strtod (text, NULL) }, &value, sizeof value) == 0)
        break;
    }
  return g_strdup (text);
}

/**
 * gemel_ctl_format_variant:
 * @value: a basic value
 *
 * Returns: (transfer full): it as plain text, strings without quotes.
 * Thread: any
 */
char *
gemel_ctl_format_variant (GVariant *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    return g_variant_dup_string (value, NULL);
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_DOUBLE))
    return gemel_ctl_format_number (g_variant_get_double (value));
  return g_variant_print (value, FALSE);
}

/**
 * gemel_ctl_format_hex:
 * @bytes: an ay
 *
 * Returns: (transfer full): lower-case hexadecimal.
 * Thread: any
 */
char *
gemel_ctl_format_hex (GVariant *bytes)
{
  gsize         n;
  const guint8 *data = g_variant_get_fixed_array (bytes, &n, 1);
  GString      *hex = g_string_sized_new (n * 2 + 1);

  for (gsize i = 0; i < n; i++)
    g_string_append_printf (hex, "%02x", data[i]);
  return g_string_free (hex, FALSE);
}

/**
 * gemel_ctl_format_uuid:
 * @bytes: an ay
 *
 * Returns: (transfer full): with dashes when it has the size of a UUID, else hexadecimal.
 * Thread: any
 */
char *
gemel_ctl_format_uuid (GVariant *bytes)
{
  g_autofree char *hex = gemel_ctl_format_hex (bytes);

  if (strlen (hex) != 32)
    return g_steal_pointer (&hex);
  return g_strdup_printf ("%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
}

/**
 * gemel_ctl_dup_text:
 * @bytes: an ay
 *
 * Returns: (transfer full) (nullable): it as text; %NULL when it is not valid UTF-8.
 * Thread: any
 */
char *
gemel_ctl_dup_text (GVariant *bytes)
{
  gsize       n;
  const char *data = g_variant_get_fixed_array (bytes, &n, 1);

  if (n == 0)
    return g_strdup ("");
  /* With a length, a zero byte is not valid either. */
  return g_utf8_validate (data, (gssize) n, NULL) ? g_strndup (data, n) : NULL;
}

/**
 * gemel_ctl_format_value:
 * @bytes: an ay
 *
 * Returns: (transfer full): text when it is valid UTF-8, else "0x" and hexadecimal.
 * Thread: any
 */
char *
gemel_ctl_format_value (GVariant *bytes)
{
  g_autofree char *text = gemel_ctl_dup_text (bytes);
  g_autofree char *hex = NULL;

  if (text != NULL)
    return g_steal_pointer (&text);
  hex = gemel_ctl_format_hex (bytes);
  return g_strconcat ("0x", hex, NULL);
}

/**
 * gemel_ctl_format_preview:
 * @bytes: an ay
 *
 * Returns: (transfer full): its beginning, for a cell of a table.
 * Thread: any
 */
char *
gemel_ctl_format_preview (GVariant *bytes)
{
  g_autofree char *whole = gemel_ctl_format_value (bytes);
  g_autofree char *begin = NULL;

  if (g_utf8_strlen (whole, -1) <= PREVIEW_CHARS_MAX)
    return g_steal_pointer (&whole);
  begin = g_utf8_substring (whole, 0, PREVIEW_CHARS_MAX - 1);
  return g_strconcat (begin, "…", NULL);
}

/* Control characters, and those that turn the direction of what follows. */
static gboolean
is_unsafe (gunichar c)
{
  return g_unichar_iscntrl (c) || (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069);
}

/**
 * gemel_ctl_sanitize:
 * @text: text from anywhere
 *
 * Returns: (transfer full): one line of valid UTF-8 without control characters; those are written
 *   as escapes.
 * Thread: any
 */
char *
gemel_ctl_sanitize (const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  GString         *out = g_string_sized_new (strlen (valid) + 1);

  for (const char *p = valid; *p != '\0'; p = g_utf8_next_char (p))
    {
      const gunichar c = g_utf8_get_char (p);

      if (c == '\n')
        g_string_append (out, "\\n");
      else if (c == '\t')
        g_string_append (out, "\\t");
      else if (is_unsafe (c))
        g_string_append_printf (out, "\\u%04x", c);
      else
        g_string_append_unichar (out, c);
    }
  return g_string_free (out, FALSE);
}

/**
 * gemel_ctl_text_width:
 * @text: valid UTF-8
 *
 * Returns: how many columns of a terminal it takes.
 * Thread: any
 */
guint
gemel_ctl_text_width (const char *text)
{
  guint width = 0;

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      const gunichar c = g_utf8_get_char (p);

      if (!g_unichar_iszerowidth (c))
        width += g_unichar_iswide (c) ? 2 : 1;
    }
  return width;
}
