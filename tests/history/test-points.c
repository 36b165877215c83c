/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The encoded batch: what goes in comes out, and nothing that is damaged gets through.
 */
#include "api/gemel-error.h"
#include "api/gemel-names.h"
#include "history/gemel-history.h"

#include <math.h>
#include <string.h>

static GBytes *
encode_each_type (void)
{
  char       name[] = "pump/näme";
  char       text[] = "läuft";
  GemelPoint points[] = {
    { .tag = name, .unix_us = 1, .status = 0, .type = GEMEL_VALUE_DOUBLE, .v.d = -0.5 },
    { .tag = name,
      .unix_us = 2,
      .status = 0x80000000u,
      .type = GEMEL_VALUE_INT64,
      .v.i = G_MININT64 },
    { .tag = name, .unix_us = 3, .status = 7, .type = GEMEL_VALUE_BOOL, .v.b = TRUE },
    { .tag = name, .unix_us = 4, .status = 0, .type = GEMEL_VALUE_STRING, .v.s = text },
  };

  return gemel_points_encode (points, G_N_ELEMENTS (points));
}

static GBytes *
encode_tag (const char *tag,
            guint       n_points)
{
  g_autofree GemelPoint *points = g_new0 (GemelPoint, n_points);

  for (guint i = 0; i < n_points; i++)
    points[i] = (GemelPoint){
      .tag = (char *) (gsize) tag, .unix_us = i, .type = GEMEL_VALUE_INT64, .v.i = i
    };
  return gemel_points_encode (points, n_points);
}

static void
assert_refused (const guint8 *data,
                gsize         size,
                GemelError    code)
{
  g_autoptr (GError) checked = NULL;
  g_autoptr (GError) decoded = NULL;

  g_assert_false (gemel_points_check (data, size, NULL, &checked));
  g_assert_error (checked, GEMEL_ERROR, (int) code);
  g_assert_null (gemel_points_decode (data, size, &decoded));
  g_assert_error (decoded, GEMEL_ERROR, (int) code);
}

static void
test_points_round_trip (void)
{
  g_autoptr (GBytes) bytes = encode_each_type ();
  g_autoptr (GBytes) again = NULL;
  g_autoptr (GArray) points = NULL;
  g_autoptr (GError) error = NULL;
  gsize              size = 0;
  const guint8      *data = g_bytes_get_data (bytes, &size);
  guint              count = 0;

  g_test_summary ("every type survives encoding and decoding, and encodes to the same bytes again");
  g_assert_true (gemel_points_check (data, size, &count, &error));
  g_assert_cmpuint (count, ==, 4);
  points = gemel_points_decode (data, size, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (points->len, ==, 4);
  g_assert_cmpfloat_with_epsilon (g_array_index (points, GemelPoint, 0).v.d, -0.5, 1e-12);
  g_assert_cmpint (g_array_index (points, GemelPoint, 1).v.i, ==, G_MININT64);
  g_assert_cmpuint (g_array_index (points, GemelPoint, 1).status, ==, 0x80000000u);
  g_assert_true (g_array_index (points, GemelPoint, 2).v.b);
  g_assert_cmpstr (g_array_index (points, GemelPoint, 3).v.s, ==, "läuft");
  g_assert_cmpstr (g_array_index (points, GemelPoint, 3).tag, ==, "pump/näme");
  again = gemel_points_encode ((const GemelPoint *) (gconstpointer) points->data, points->len);
  g_assert_true (g_bytes_equal (bytes, again));
}

static void
test_points_truncated (void)
{
  g_autoptr (GBytes) bytes = encode_each_type ();
  gsize              size = 0;
  const guint8      *data = g_bytes_get_data (bytes, &size);

  g_test_summary ("a batch that is cut at any byte is refused; the copy is exact, so that a read "
                  "beyond it is seen by the sanitizer");
  for (gsize cut = 0; cut < size; cut++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, MAX (cut, 1));

      assert_refused (copy, cut, GEMEL_ERROR_INVALID_ARGS);
    }
}

static void
test_points_damaged (void)
{
  g_autoptr (GBytes) bytes = encode_each_type ();
  gsize              size = 0;
  const guint8      *data = g_bytes_get_data (bytes, &size);

  g_test_summary ("any byte may have any value: the batch is refused or decoded, never a crash");
  for (gsize at = 0; at < size; at++)
    for (guint value = 0; value < 256; value += 5)
      {
        g_autofree guint8 *copy = g_memdup2 (data, size);
        g_autoptr (GArray) points = NULL;
        g_autoptr (GError) error = NULL;

        copy[at] = (guint8) value;
        points = gemel_points_decode (copy, size, &error);
        g_assert_true ((points == NULL) == (error != NULL));
      }
}

static void
test_points_refused (void)
{
  static const struct
  {
    gsize      at;
    guint8     value;
    GemelError code;
  } cases[] = {
    { 0, 3, GEMEL_ERROR_INVALID_ARGS },     /* fewer points than there are */
    { 0, 5, GEMEL_ERROR_INVALID_ARGS },     /* more points than there are */
    { 0, 0, GEMEL_ERROR_INVALID_ARGS },     /* none */
    { 2, 1, GEMEL_ERROR_TOO_BIG },          /* 65,540 points */
    { 4, 0, GEMEL_ERROR_INVALID_ARGS },     /* type */
    { 4, 5, GEMEL_ERROR_INVALID_ARGS },     /* type */
    { 5, 1, GEMEL_ERROR_INVALID_ARGS },     /* reserved byte */
    { 6, 0, GEMEL_ERROR_INVALID_ARGS },     /* empty tag */
    { 7, 2, GEMEL_ERROR_INVALID_ARGS },     /* tag of more than 256 bytes */
    { 19, 0x80, GEMEL_ERROR_INVALID_ARGS }, /* time before 1970 */
    { 19, 0x7f, GEMEL_ERROR_INVALID_ARGS }, /* time after 9999 */
    { 20, 0xff, GEMEL_ERROR_INVALID_ARGS }, /* tag not UTF-8 */
    { 20, 0, GEMEL_ERROR_INVALID_ARGS },    /* NUL in the tag */
  };
  g_autoptr (GBytes) bytes = encode_each_type ();
  gsize              size = 0;
  const guint8      *data = g_bytes_get_data (bytes, &size);

  g_test_summary ("each rule of the format refuses what breaks it");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autofree guint8 *copy = g_memdup2 (data, size);

      copy[cases[i].at] = cases[i].value;
      if (cases[i].at == 0 && cases[i].value == 0)
        memset (copy, 0, 4);
      assert_refused (copy, size, cases[i].code);
    }
}

static void
test_points_bad_text (void)
{
  char               tag[] = "a";
  char               text[] = "\xff\xfe";
  GemelPoint         point = { .tag = tag, .type = GEMEL_VALUE_STRING, .v.s = text };
  g_autoptr (GBytes) bytes = gemel_points_encode (&point, 1);
  g_autoptr (GBytes) bytes_bool = NULL;
  g_autofree guint8 *copy = NULL;
  g_autofree char   *long_text = g_strnfill (GEMEL_TEXT_BYTES_MAX + 1, 'x');
  g_autoptr (GBytes) bytes_long = NULL;

  assert_refused (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                  GEMEL_ERROR_INVALID_ARGS);
  point.v.s = long_text;
  bytes_long = gemel_points_encode (&point, 1);
  assert_refused (g_bytes_get_data (bytes_long, NULL), g_bytes_get_size (bytes_long),
                  GEMEL_ERROR_INVALID_ARGS);
  point = (GemelPoint){ .tag = tag, .type = GEMEL_VALUE_BOOL, .v.b = TRUE };
  bytes_bool = gemel_points_encode (&point, 1);
  copy = g_memdup2 (g_bytes_get_data (bytes_bool, NULL), g_bytes_get_size (bytes_bool));
  copy[4 + 16 + 1] = 2;
  assert_refused (copy, g_bytes_get_size (bytes_bool), GEMEL_ERROR_INVALID_ARGS);
}

static void
test_points_limits (void)
{
  g_autofree char   *tag = g_strnfill (GEMEL_TAG_BYTES_MAX, 't');
  g_autofree char   *long_tag = g_strnfill (GEMEL_TAG_BYTES_MAX + 1, 't');
  g_autoptr (GBytes) fits = encode_tag (tag, 1);
  g_autoptr (GBytes) long_one = encode_tag (long_tag, 1);
  g_autoptr (GBytes) most = encode_tag ("t", GEMEL_BATCH_ITEMS_MAX);
  g_autoptr (GBytes) many = encode_tag ("t", GEMEL_BATCH_ITEMS_MAX + 1);
  g_autoptr (GBytes) large = encode_tag (tag, GEMEL_BATCH_ITEMS_MAX);
  g_autoptr (GError) error = NULL;

  g_test_summary ("what is as large as allowed passes, one more does not");
  g_assert_true (
    gemel_points_check (g_bytes_get_data (fits, NULL), g_bytes_get_size (fits), NULL, &error));
  g_assert_true (
    gemel_points_check (g_bytes_get_data (most, NULL), g_bytes_get_size (most), NULL, &error));
  g_assert_no_error (error);
  assert_refused (g_bytes_get_data (long_one, NULL), g_bytes_get_size (long_one),
                  GEMEL_ERROR_INVALID_ARGS);
  assert_refused (g_bytes_get_data (many, NULL), g_bytes_get_size (many), GEMEL_ERROR_TOO_BIG);
  assert_refused (g_bytes_get_data (large, NULL), g_bytes_get_size (large), GEMEL_ERROR_TOO_BIG);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/history/points/every-type-survives", test_points_round_trip);
  g_test_add_func ("/history/points/truncated-at-any-byte-is-refused", test_points_truncated);
  g_test_add_func ("/history/points/damaged-bytes-never-crash", test_points_damaged);
  g_test_add_func ("/history/points/each-rule-refuses", test_points_refused);
  g_test_add_func ("/history/points/bad-text-is-refused", test_points_bad_text);
  g_test_add_func ("/history/points/limits-are-exact", test_points_limits);
  return g_test_run ();
}
