/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A table for people: aligned columns that fit into the width of the terminal.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef struct _GemelCtlTable GemelCtlTable;

/** How a cell looks on a terminal. Words always say the same: colour is never alone. */
typedef enum
{
  GEMEL_CTL_PLAIN = 0,
  GEMEL_CTL_BOLD,
  GEMEL_CTL_GOOD,
  GEMEL_CTL_WARN,
  GEMEL_CTL_BAD,
  GEMEL_CTL_DIM,
} GemelCtlStyle;

GemelCtlTable *gemel_ctl_table_new (const char *const *titles);
void           gemel_ctl_table_free (GemelCtlTable *table);
void           gemel_ctl_table_add (GemelCtlTable *table,
                                    const char    *text,
                                    GemelCtlStyle  style);
void           gemel_ctl_table_take (GemelCtlTable *table,
                                     char          *text);
void           gemel_ctl_table_add_count (GemelCtlTable *table,
                                          guint64        count);
guint          gemel_ctl_table_get_n_rows (GemelCtlTable *table);
char          *gemel_ctl_table_render (GemelCtlTable *table,
                                       guint          width,
                                       gboolean       colour);
char          *gemel_ctl_paint (const char   *text,
                                GemelCtlStyle style,
                                gboolean      colour);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelCtlTable, gemel_ctl_table_free)

G_END_DECLS
