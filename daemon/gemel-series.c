/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A ring of samples and its down-sampled reading.
 */
#include "gemel-series.h"

typedef struct
{
  gint64 unix_us;
  double value;
} Sample;

struct _GemelSeries
{
  Sample *ring;
  guint   first;
  guint   n;
};

/**
 * gemel_series_new:
 *
 * Returns: (transfer full): an empty series.
 * Thread: main
 */
GemelSeries *
gemel_series_new (void)
{
  GemelSeries *self = g_new0 (GemelSeries, 1);

  self->ring = g_new0 (Sample, GEMEL_SERIES_SAMPLES_MAX);
  return self;
}

/**
 * gemel_series_free:
 * @series: (transfer full) (nullable): a series
 * Thread: main
 */
void
gemel_series_free (GemelSeries *series)
{
  if (series == NULL)
    return;
  g_free (series->ring);
  g_free (series);
}

static const Sample *
at (const GemelSeries *series,
    guint              i)
{
  return &series->ring[(series->first + i) % GEMEL_SERIES_SAMPLES_MAX];
}

/**
 * gemel_series_add:
 * @series: a series
 * @unix_us: wall clock
 * @value: the sample; the oldest leaves when the ring is full
 * Thread: main
 */
void
gemel_series_add (GemelSeries *series,
                  gint64       unix_us,
                  double       value)
{
  Sample *slot;

  if (series->n == GEMEL_SERIES_SAMPLES_MAX)
    {
      series->first = (series->first + 1) % GEMEL_SERIES_SAMPLES_MAX;
      series->n--;
    }
  slot = &series->ring[(series->first + series->n) % GEMEL_SERIES_SAMPLES_MAX];
  slot->unix_us = unix_us;
  slot->value = value;
  series->n++;
}

/**
 * gemel_series_read:
 * @series: a series
 * @from_unix_us: first time wanted
 * @to_unix_us: last time wanted; 0: now
 * @points: at most so many, at least 1
 *
 * Samples are joined in groups of equal count; a point is the mean of its group at the time of its
 * last sample, so that the newest point is never older than the newest sample.
 *
 * Returns: (transfer floating): a(xd): µs and value, in order of time.
 * Thread: main
 */
GVariant *
gemel_series_read (GemelSeries *series,
                   gint64       from_unix_us,
                   gint64       to_unix_us,
                   guint        points)
{
  GVariantBuilder builder = G_VARIANT_BUILDER_INIT (G_VARIANT_TYPE ("a(xd)"));
  guint           begin = 0, end = series->n, group;

  while (begin < end && at (series, begin)->unix_us < from_unix_us)
    begin++;
  while (end > begin && to_unix_us != 0 && at (series, end - 1)->unix_us > to_unix_us)
    end--;
  group = (end - begin + MAX (points, 1) - 1) / MAX (points, 1);
  while (begin < end)
    {
      guint  n = (end - begin) % group == 0 ? group : (end - begin) % group;
      double sum = 0;

      for (guint i = 0; i < n; i++)
        sum += at (series, begin + i)->value;
      begin += n;
      g_variant_builder_add (&builder, "(xd)", at (series, begin - 1)->unix_us, sum / n);
    }
  return g_variant_builder_end (&builder);
}
