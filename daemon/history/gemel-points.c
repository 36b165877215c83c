/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The encoded batch: how points lie on disk, on the wire and in the data door.
 *
 *   u32 count, then for each point, little endian:
 *   u8 type | u8 0 | u16 tag bytes | u32 status | i64 unix_us | tag | value
 *   value: 8 bytes (double, int64, bool as 0 or 1), or u32 length and that many bytes of text.
 *
 * Valid: 1 to 10,000 points, no byte left over, at most one frame; a tag of 1 to 256 bytes and a
 * text of at most 4,096, both UTF-8 without NUL; a time from 1970 to 9999. Anything else is
 * refused as a whole: nothing here ever takes a part of a batch.
 */
#include "history/gemel-points-private.h"

#include "api/gemel-error.h"
#include "api/gemel-names.h"

#include <string.h>

#define HEAD_BYTES  16u
#define COUNT_BYTES 4u
#define UNIX_US_MAX G_GINT64_CONSTANT (253402300799999999) /* end of the year 9999 */

static guint16
get_u16 (const guint8 *at)
{
  guint16 raw = 0;

  memcpy (&raw, at, sizeof raw);
  return GUINT16_FROM_LE (raw);
}

static guint32
get_u32 (const guint8 *at)
{
  guint32 raw = 0;

  memcpy (&raw, at, sizeof raw);
  return GUINT32_FROM_LE (raw);
}

static guint64
get_u64 (const guint8 *at)
{
  guint64 raw = 0;

  memcpy (&raw, at, sizeof raw);
  return GUINT64_FROM_LE (raw);
}

static void
put_u32 (guint8 *at,
         guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static void
put_u64 (guint8 *at,
         guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

/**
 * gemel_point_clear:
 * @point: a point
 *
 * Frees what @point owns, so that it can be used again.
 *
 * Thread: any
 */
void
gemel_point_clear (GemelPoint *point)
{
  g_clear_pointer (&point->tag, g_free);
  if (point->type == GEMEL_VALUE_STRING)
    g_clear_pointer (&point->v.s, g_free);
  memset (point, 0, sizeof *point);
}

static gboolean
refuse (GemelPointCursor *cursor,
        const char       *what,
        GError          **error)
{
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
               "history batch is not valid at byte %" G_GSIZE_FORMAT ": %s; encode it again",
               cursor->at, what);
  return FALSE;
}

/**
 * gemel_point_cursor_init:
 * @cursor: (out caller-allocates): the cursor
 * @data: (array length=size): an encoded batch, which must outlive @cursor
 * @size: bytes in @data
 * @without_tag: whether the tags are left out (blocks of the sink)
 * @error: return location
 *
 * Reads the count of the batch.
 *
 * Returns: whether the batch can begin like this.
 * Errors: %GEMEL_ERROR_INVALID_ARGS, %GEMEL_ERROR_TOO_BIG
 * Thread: any
 */
gboolean
gemel_point_cursor_init (GemelPointCursor *cursor,
                         const guint8     *data,
                         gsize             size,
                         gboolean          without_tag,
                         GError          **error)
{
  *cursor = (GemelPointCursor){ .data = data, .size = size, .without_tag = without_tag };
  if (size > GEMEL_FRAME_BYTES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "history batch has %" G_GSIZE_FORMAT " bytes, at most %u; send smaller batches",
                   size, (guint) GEMEL_FRAME_BYTES_MAX);
      return FALSE;
    }
  if (size < COUNT_BYTES)
    return refuse (cursor, "the count is cut off", error);
  cursor->left = get_u32 (data);
  if (cursor->left == 0)
    return refuse (cursor, "it holds no points", error);
  if (cursor->left > GEMEL_BATCH_ITEMS_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "history batch has %u points, at most %u; send smaller batches",
                   cursor->left, (guint) GEMEL_BATCH_ITEMS_MAX);
      return FALSE;
    }
  cursor->at = COUNT_BYTES;
  return TRUE;
}

static gboolean
text_is_valid (const char *text,
               guint       bytes)
{
  return g_utf8_validate_len (text, bytes, NULL);
}

static gboolean
read_text (GemelPointCursor *cursor,
           GemelPointView   *view,
           GError          **error)
{
  if (cursor->size - cursor->at < 4)
    return refuse (cursor, "a text length is cut off", error);
  view->text_bytes = get_u32 (cursor->data + cursor->at);
  if (view->text_bytes > GEMEL_TEXT_BYTES_MAX)
    return refuse (cursor, "a text is longer than 4096 bytes", error);
  cursor->at += 4;
  if (cursor->size - cursor->at < view->text_bytes)
    return refuse (cursor, "a text is cut off", error);
  view->text = (const char *) cursor->data + cursor->at;
  if (!text_is_valid (view->text, view->text_bytes))
    return refuse (cursor, "a text is not UTF-8", error);
  cursor->at += view->text_bytes;
  return TRUE;
}

static gboolean
read_value (GemelPointCursor *cursor,
            GemelPointView   *view,
            GError          **error)
{
  guint64 raw = 0;

  if (view->type == GEMEL_VALUE_STRING)
    return read_text (cursor, view, error);
  if (cursor->size - cursor->at < 8)
    return refuse (cursor, "a value is cut off", error);
  raw = get_u64 (cursor->data + cursor->at);
  if (view->type == GEMEL_VALUE_BOOL && raw > 1)
    return refuse (cursor, "a bool is neither 0 nor 1", error);
  if (view->type == GEMEL_VALUE_DOUBLE)
    memcpy (&view->d, &raw, sizeof view->d);
  else
    view->i = (gint64) raw;
  cursor->at += 8;
  return TRUE;
}

static gboolean
read_tag (GemelPointCursor *cursor,
          GemelPointView   *view,
          GError          **error)
{
  if (cursor->without_tag ? view->tag_bytes != 0 : view->tag_bytes == 0)
    return refuse (cursor, "a tag is empty", error);
  if (view->tag_bytes > GEMEL_TAG_BYTES_MAX)
    return refuse (cursor, "a tag is longer than 256 bytes", error);
  if (cursor->size - cursor->at < view->tag_bytes)
    return refuse (cursor, "a tag is cut off", error);
  view->tag = (const char *) cursor->data + cursor->at;
  if (!text_is_valid (view->tag, view->tag_bytes))
    return refuse (cursor, "a tag is not UTF-8", error);
  cursor->at += view->tag_bytes;
  return TRUE;
}

/**
 * gemel_point_cursor_next:
 * @cursor: a cursor with points left
 * @ret_view: (out caller-allocates): the point; borrows from the batch
 * @error: return location
 *
 * Reads one point and moves on; after the last one the batch must end exactly here.
 *
 * Returns: whether the point is valid.
 * Errors: %GEMEL_ERROR_INVALID_ARGS with the place and what is wrong there
 * Thread: any
 */
gboolean
gemel_point_cursor_next (GemelPointCursor *cursor,
                         GemelPointView   *ret_view,
                         GError          **error)
{
  const guint8  *head = cursor->data + cursor->at;
  GemelPointView view = { 0 };

  if (cursor->left == 0)
    return refuse (cursor, "it has no more points", error);
  if (cursor->size - cursor->at < HEAD_BYTES)
    return refuse (cursor, "a point is cut off", error);
  if (head[0] < GEMEL_VALUE_DOUBLE || head[0] > GEMEL_VALUE_STRING)
    return refuse (cursor, "a type is unknown", error);
  if (head[1] != 0)
    return refuse (cursor, "a reserved byte is not 0", error);
  view.type = (GemelValueType) head[0];
  view.tag_bytes = get_u16 (head + 2);
  view.status = get_u32 (head + 4);
  view.unix_us = (gint64) get_u64 (head + 8);
  if (view.unix_us < 0 || view.unix_us > UNIX_US_MAX)
    return refuse (cursor, "a time is outside of 1970 to 9999", error);
  cursor->at += HEAD_BYTES;
  if (!read_tag (cursor, &view, error) || !read_value (cursor, &view, error))
    return FALSE;
  cursor->left--;
  if (cursor->left == 0 && cursor->at != cursor->size)
    return refuse (cursor, "bytes follow the last point", error);
  *ret_view = view;
  return TRUE;
}

/**
 * gemel_points_begin:
 * @bytes: where a batch begins at the end
 *
 * Leaves room for the count, which gemel_points_end () fills in.
 *
 * Thread: any
 */
void
gemel_points_begin (GByteArray *bytes)
{
  static const guint8 no_count[COUNT_BYTES] = { 0 };

  g_byte_array_append (bytes, no_count, sizeof no_count);
}

/**
 * gemel_points_append:
 * @bytes: a batch that was begun
 * @view: the point to add
 *
 * Thread: any
 */
void
gemel_points_append (GByteArray           *bytes,
                     const GemelPointView *view)
{
  gboolean text = view->type == GEMEL_VALUE_STRING;
  gsize    at = bytes->len;
  guint8  *to = NULL;
  guint64  raw = (guint64) view->i;

  g_byte_array_set_size (
    bytes, (guint) (at + HEAD_BYTES + view->tag_bytes + (text ? 4 + view->text_bytes : 8)));
  to = bytes->data + at;
  to[0] = (guint8) view->type;
  to[1] = 0;
  to[2] = (guint8) (view->tag_bytes & 0xff);
  to[3] = (guint8) (view->tag_bytes >> 8);
  put_u32 (to + 4, view->status);
  put_u64 (to + 8, (guint64) view->unix_us);
  to += HEAD_BYTES;
  if (view->tag_bytes > 0)
    memcpy (to, view->tag, view->tag_bytes);
  to += view->tag_bytes;
  if (text)
    {
      put_u32 (to, view->text_bytes);
      if (view->text_bytes > 0)
        memcpy (to + 4, view->text, view->text_bytes);
      return;
    }
  if (view->type == GEMEL_VALUE_DOUBLE)
    memcpy (&raw, &view->d, sizeof raw);
  put_u64 (to, raw);
}

/**
 * gemel_points_end:
 * @bytes: a batch
 * @begin: offset at which gemel_points_begin () was called
 * @n_points: how many were added
 *
 * Thread: any
 */
void
gemel_points_end (GByteArray *bytes,
                  gsize       begin,
                  guint       n_points)
{
  put_u32 (bytes->data + begin, n_points);
}

static guint
bounded_length (const char *text)
{
  gsize length = text != NULL ? strlen (text) : 0;

  return (guint) MIN (length, (gsize) G_MAXUINT16);
}

/**
 * gemel_points_encode:
 * @points: (array length=n_points): points; type, tag and value set
 * @n_points: how many
 *
 * Encodes without judging: what is too long or too much is refused by gemel_points_check (),
 * which every way in calls.
 *
 * Returns: (transfer full): the batch.
 * Thread: any
 */
GBytes *
gemel_points_encode (const GemelPoint *points,
                     guint             n_points)
{
  GByteArray *bytes = g_byte_array_sized_new (COUNT_BYTES + n_points * 48);

  gemel_points_begin (bytes);
  for (guint i = 0; i < n_points; i++)
    {
      const GemelPoint *point = &points[i];
      GemelPointView    view = { .type = point->type,
                                 .status = point->status,
                                 .unix_us = point->unix_us };

      view.tag = point->tag;
      view.tag_bytes = bounded_length (point->tag);
      if (point->type == GEMEL_VALUE_DOUBLE)
        view.d = point->v.d;
      else if (point->type == GEMEL_VALUE_INT64)
        view.i = point->v.i;
      else if (point->type == GEMEL_VALUE_BOOL)
        view.i = point->v.b ? 1 : 0;
      else
        {
          view.text = point->v.s;
          view.text_bytes = bounded_length (point->v.s);
        }
      gemel_points_append (bytes, &view);
    }
  gemel_points_end (bytes, 0, n_points);
  return g_byte_array_free_to_bytes (bytes);
}

static void
point_from_view (GemelPoint           *point,
                 const GemelPointView *view)
{
  *point = (GemelPoint){ .tag = g_strndup (view->tag, view->tag_bytes),
                         .unix_us = view->unix_us,
                         .status = view->status,
                         .type = view->type };
  switch (view->type)
    {
    case GEMEL_VALUE_DOUBLE:
      point->v.d = view->d;
      break;
    case GEMEL_VALUE_INT64:
      point->v.i = view->i;
      break;
    case GEMEL_VALUE_BOOL:
      point->v.b = view->i != 0;
      break;
    case GEMEL_VALUE_STRING:
      point->v.s = g_strndup (view->text, view->text_bytes);
      break;
    }
}

/**
 * gemel_points_decode:
 * @data: (array length=size): an encoded batch
 * @size: bytes in @data
 * @error: return location
 *
 * Returns: (transfer full) (element-type GemelPoint): the points; clears its elements when freed.
 * Errors: as gemel_points_check ()
 * Thread: any
 */
GArray *
gemel_points_decode (const guint8 *data,
                     gsize         size,
                     GError      **error)
{
  g_autoptr (GArray) points = g_array_new (FALSE, FALSE, sizeof (GemelPoint));
  GemelPointCursor   cursor;

  g_array_set_clear_func (points, (GDestroyNotify) gemel_point_clear);
  if (!gemel_point_cursor_init (&cursor, data, size, FALSE, error))
    return NULL;
  while (cursor.left > 0)
    {
      GemelPointView view;
      GemelPoint     point;

      if (!gemel_point_cursor_next (&cursor, &view, error))
        return NULL;
      point_from_view (&point, &view);
      g_array_append_val (points, point);
    }
  return g_steal_pointer (&points);
}

/**
 * gemel_points_check:
 * @data: (array length=size): an encoded batch
 * @size: bytes in @data
 * @ret_count: (out) (optional): how many points it holds
 * @error: return location
 *
 * Walks through the whole batch without allocation.
 *
 * Returns: whether it is valid.
 * Errors: %GEMEL_ERROR_INVALID_ARGS with the place and what is wrong there, %GEMEL_ERROR_TOO_BIG
 * Thread: any
 */
gboolean
gemel_points_check (const guint8 *data,
                    gsize         size,
                    guint        *ret_count,
                    GError      **error)
{
  GemelPointCursor cursor;
  guint            count = 0;

  if (!gemel_point_cursor_init (&cursor, data, size, FALSE, error))
    return FALSE;
  count = cursor.left;
  while (cursor.left > 0)
    {
      GemelPointView view;

      if (!gemel_point_cursor_next (&cursor, &view, error))
        return FALSE;
    }
  if (ret_count != NULL)
    *ret_count = count;
  return TRUE;
}

/**
 * gemel_point_view_to_variant:
 * @view: a point
 *
 * Returns: (transfer floating): its value as "d", "x", "b" or "s".
 * Thread: any
 */
GVariant *
gemel_point_view_to_variant (const GemelPointView *view)
{
  switch (view->type)
    {
    case GEMEL_VALUE_DOUBLE:
      return g_variant_new_double (view->d);
    case GEMEL_VALUE_INT64:
      return g_variant_new_int64 (view->i);
    case GEMEL_VALUE_BOOL:
      return g_variant_new_boolean (view->i != 0);
    case GEMEL_VALUE_STRING:
      break;
    }
  return g_variant_new_take_string (g_strndup (view->text, view->text_bytes));
}
