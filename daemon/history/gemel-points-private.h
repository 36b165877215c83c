/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Walking through an encoded batch without allocation; shared by the files of daemon/history.
 */
#pragma once

#include "history/gemel-history.h"

G_BEGIN_DECLS

/** One point that lies inside an encoded batch; tag and text are borrowed and not terminated. */
typedef struct
{
  GemelValueType type;
  guint32        status;
  gint64         unix_us;
  const char    *tag;
  guint          tag_bytes;
  double         d;    /* double */
  gint64         i;    /* int64, and bool as 0/1 */
  const char    *text; /* string */
  guint          text_bytes;
} GemelPointView;

typedef struct
{
  const guint8 *data;
  gsize         size;
  gsize         at;
  guint         left;        /* points that follow */
  gboolean      without_tag; /* inside a block every tag has length 0 */
} GemelPointCursor;

gboolean gemel_point_cursor_init (GemelPointCursor *cursor,
                                  const guint8     *data,
                                  gsize             size,
                                  gboolean          without_tag,
                                  GError          **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_point_cursor_next (GemelPointCursor *cursor,
                                  GemelPointView   *ret_view,
                                  GError          **error) G_GNUC_WARN_UNUSED_RESULT;

void      gemel_points_begin (GByteArray *bytes);
void      gemel_points_append (GByteArray           *bytes,
                               const GemelPointView *view);
void      gemel_points_end (GByteArray *bytes,
                            gsize       begin,
                            guint       n_points);
GVariant *gemel_point_view_to_variant (const GemelPointView *view);

G_END_DECLS
