/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Makes one harmless line of any text: what a module or a peer writes must not look like a line of
 * its own, move a terminal's cursor or fill the memory.
 */
#include "system/gemel-log-private.h"

#include <string.h>

#define CUT_MARK "…"

/* Appends one character, or its escape; returns the bytes it took of the input. */
static gsize
append_char (GString    *line,
             const char *p)
{
  gunichar c = g_utf8_get_char_validated (p, -1);

  if (c == (gunichar) -1 || c == (gunichar) -2)
    {
      g_string_append_printf (line, "\\x%02x", (guint) (guint8) *p);
      return 1;
    }
  if (c == '\n')
    g_string_append (line, "\\n");
  else if (c == '\t')
    g_string_append (line, "\\t");
  else if (c == '\r')
    g_string_append (line, "\\r");
  else if (c < 0x80 && g_ascii_iscntrl ((char) c))
    g_string_append_printf (line, "\\x%02x", c);
  else if (g_unichar_iscntrl (c) || g_unichar_type (c) == G_UNICODE_FORMAT)
    g_string_append_printf (line, "\\u%04x", c);
  else
    g_string_append_unichar (line, c);
  return (gsize) (g_utf8_next_char (p) - p);
}

/**
 * gemel_log_dup_line:
 * @text: any bytes
 *
 * Returns: (transfer full): valid UTF-8 without control characters, at most
 *   %GEMEL_LOG_LINE_BYTES_MAX bytes; a cut line ends with an ellipsis.
 * Thread: any
 */
char *
gemel_log_dup_line (const char *text)
{
  GString *line = g_string_sized_new (128);

  for (const char *p = text; *p != '\0';)
    {
      gsize before = line->len;

      p += append_char (line, p);
      if (line->len > GEMEL_LOG_LINE_BYTES_MAX - strlen (CUT_MARK))
        {
          g_string_truncate (line, before);
          g_string_append (line, CUT_MARK);
          break;
        }
    }
  return g_string_free (line, FALSE);
}
