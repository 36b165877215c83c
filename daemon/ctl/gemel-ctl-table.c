/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Columns are as wide as their widest cell; when that is too much, the widest columns give way
 * first and their cells end in an ellipsis. A title that begins with ">" makes a column of numbers.
 */
#include "ctl/gemel-ctl-table.h"

#include "ctl/gemel-ctl-format.h"

#include <string.h>

#define GAP        2
#define COLUMN_MIN 6

typedef struct
{
  char         *text;
  GemelCtlStyle style;
} Cell;

struct _GemelCtlTable
{
  const char *const *titles;
  guint              n_columns;
  GArray            *cells; /* of Cell, row by row */
};

static const char *const codes[] = {
  [GEMEL_CTL_PLAIN] = NULL,
  [GEMEL_CTL_BOLD] = "\033[1m",
  [GEMEL_CTL_GOOD] = "\033[32m",
  [GEMEL_CTL_WARN] = "\033[1;33m",
  [GEMEL_CTL_BAD] = "\033[1;31m",
  [GEMEL_CTL_DIM] = "\033[2m",
};

static void
clear_cell (gpointer data)
{
  g_free (((Cell *) data)->text);
}

/**
 * gemel_ctl_table_new:
 * @titles: (transfer none): titles of the columns, %NULL-terminated, kept; ">" before one aligns
 *   it to the right
 *
 * Returns: (transfer full): a table without rows.
 * Thread: any
 */
GemelCtlTable *
gemel_ctl_table_new (const char *const *titles)
{
  GemelCtlTable *self = g_new0 (GemelCtlTable, 1);

  self->titles = titles;
  self->n_columns = g_strv_length ((char **) titles);
  self->cells = g_array_new (FALSE, FALSE, sizeof (Cell));
  g_array_set_clear_func (self->cells, clear_cell);
  return self;
}

/**
 * gemel_ctl_table_free:
 * @table: (transfer full): a table
 * Thread: any
 */
void
gemel_ctl_table_free (GemelCtlTable *table)
{
  g_array_unref (table->cells);
  g_free (table);
}

/**
 * gemel_ctl_table_add:
 * @table: a table
 * @text: what the next cell says; may come from anywhere
 * @style: how it looks
 * Thread: any
 */
void
gemel_ctl_table_add (GemelCtlTable *table,
                     const char    *text,
                     GemelCtlStyle  style)
{
  Cell cell = { gemel_ctl_sanitize (text), style };

  g_array_append_val (table->cells, cell);
}

/**
 * gemel_ctl_table_take:
 * @table: a table
 * @text: (transfer full): what the next cell says, plain
 * Thread: any
 */
void
gemel_ctl_table_take (GemelCtlTable *table,
                      char          *text)
{
  g_autofree char *owned = text;

  gemel_ctl_table_add (table, owned, GEMEL_CTL_PLAIN);
}

/**
 * gemel_ctl_table_add_count:
 * @table: a table
 * @count: what the next cell says
 * Thread: any
 */
void
gemel_ctl_table_add_count (GemelCtlTable *table,
                           guint64        count)
{
  gemel_ctl_table_take (table, g_strdup_printf ("%" G_GUINT64_FORMAT, count));
}

/**
 * gemel_ctl_table_get_n_rows:
 * @table: a table
 *
 * Returns: how many rows it has.
 * Thread: any
 */
guint
gemel_ctl_table_get_n_rows (GemelCtlTable *table)
{
  return table->cells->len / table->n_columns;
}

static const char *
get_title (GemelCtlTable *table,
           guint          column)
{
  const char *title = table->titles[column];

  return title[0] == '>' ? title + 1 : title;
}

static void
measure (GemelCtlTable *table,
         guint         *widths)
{
  for (guint c = 0; c < table->n_columns; c++)
    widths[c] = gemel_ctl_text_width (get_title (table, c));
  for (guint i = 0; i < table->cells->len; i++)
    {
      const guint width = gemel_ctl_text_width (g_array_index (table->cells, Cell, i).text);

      widths[i % table->n_columns] = MAX (widths[i % table->n_columns], width);
    }
}

static void
fit (GemelCtlTable *table,
     guint         *widths,
     guint          width)
{
  for (;;)
    {
      guint total = GAP * (table->n_columns - 1);
      guint widest = 0;

      for (guint c = 0; c < table->n_columns; c++)
        {
          total += widths[c];
          if (widths[c] > widths[widest])
            widest = c;
        }
      if (width == 0 || total <= width || widths[widest] <= COLUMN_MIN)
        return;
      widths[widest] -= MIN (total - width, MAX (widths[widest] / 4, 1));
      widths[widest] = MAX (widths[widest], COLUMN_MIN);
    }
}

/* Appends @text cut to @width columns; returns how many it took. */
static guint
append_cut (GString    *out,
            const char *text,
            guint       width)
{
  guint used = 0;

  if (gemel_ctl_text_width (text) <= width)
    {
      g_string_append (out, text);
      return gemel_ctl_text_width (text);
    }
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    {
      const gunichar c = g_utf8_get_char (p);
      const guint    w = g_unichar_iszerowidth (c) ? 0 : g_unichar_iswide (c) ? 2
                                                                              : 1;

      if (used + w + 1 > width)
        break;
      g_string_append_unichar (out, c);
      used += w;
    }
  g_string_append (out, "…");
  return used + 1;
}

static void
append_spaces (GString *out,
               guint    n)
{
  for (guint i = 0; i < n; i++)
    g_string_append_c (out, ' ');
}

static void
append_cell (GemelCtlTable *table,
             GString       *out,
             guint          column,
             const char    *text,
             const char    *code,
             const guint   *widths)
{
  g_autoptr (GString) cut = g_string_new (NULL);
  const guint         used = append_cut (cut, text, widths[column]);
  const gboolean      right = table->titles[column][0] == '>';
  const gboolean      last = column + 1 == table->n_columns;

  if (right)
    append_spaces (out, widths[column] - used);
  if (code != NULL && cut->len > 0)
    g_string_append_printf (out, "%s%s\033[0m", code, cut->str);
  else
    g_string_append (out, cut->str);
  if (!right && !last)
    append_spaces (out, widths[column] - used);
  if (!last)
    append_spaces (out, GAP);
}

static void
end_row (GString *out)
{
  while (out->len > 0 && out->str[out->len - 1] == ' ')
    g_string_truncate (out, out->len - 1);
  g_string_append_c (out, '\n');
}

/**
 * gemel_ctl_table_render:
 * @table: a table
 * @width: columns that there are; 0: no limit
 * @colour: whether styles are shown
 *
 * Returns: (transfer full): titles and rows, each with a line feed.
 * Thread: any
 */
char *
gemel_ctl_table_render (GemelCtlTable *table,
                        guint          width,
                        gboolean       colour)
{
  GString          *out = g_string_new (NULL);
  g_autofree guint *widths = g_new0 (guint, table->n_columns);

  measure (table, widths);
  fit (table, widths, width);
  for (guint c = 0; c < table->n_columns; c++)
    append_cell (table, out, c, get_title (table, c), colour ? codes[GEMEL_CTL_BOLD] : NULL,
                 widths);
  end_row (out);
  for (guint i = 0; i < table->cells->len; i++)
    {
      const Cell *cell = &g_array_index (table->cells, Cell, i);

      append_cell (table, out, i % table->n_columns, cell->text, colour ? codes[cell->style] : NULL,
                   widths);
      if (i % table->n_columns + 1 == table->n_columns)
        end_row (out);
    }
  return g_string_free (out, FALSE);
}

/**
 * gemel_ctl_paint:
 * @text: safe text
 * @style: how it looks
 * @colour: whether styles are shown
 *
 * Returns: (transfer full): @text, with the codes of a terminal around it when @colour.
 * Thread: any
 */
char *
gemel_ctl_paint (const char   *text,
                 GemelCtlStyle style,
                 gboolean      colour)
{
  if (!colour || codes[style] == NULL)
    return g_strdup (text);
  return g_strdup_printf ("%s%s\033[0m", codes[style], text);
}
