/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One-minute averages without an allocation or a timer: time comes in with each call.
 */
#include "sync/gemel-rates.h"

#include <string.h>

/* Empties the buckets of the seconds that went by since the last call. */
static void
advance (GemelRate *rate,
         gint64     second)
{
  gint64 steps = second - rate->second;

  if (steps <= 0)
    return;
  if (steps >= GEMEL_RATE_SECONDS)
    {
      memset (rate->bucket, 0, sizeof rate->bucket);
      rate->sum = 0;
    }
  else
    {
      for (gint64 s = rate->second + 1; s <= second; s++)
        {
          rate->sum -= rate->bucket[s % GEMEL_RATE_SECONDS];
          rate->bucket[s % GEMEL_RATE_SECONDS] = 0;
        }
    }
  rate->second = second;
}

/**
 * gemel_rate_add:
 * @rate: a rate
 * @n: how many happened now
 * @now_us: monotonic time in µs
 *
 * Thread: the owner's
 */
void
gemel_rate_add (GemelRate *rate,
                guint      n,
                gint64     now_us)
{
  advance (rate, now_us / G_USEC_PER_SEC);
  rate->bucket[rate->second % GEMEL_RATE_SECONDS] += n;
  rate->sum += n;
  rate->total += n;
}

/**
 * gemel_rate_get:
 * @rate: a rate
 * @now_us: monotonic time in µs
 *
 * Returns: how many a second, averaged over the last minute.
 * Thread: the owner's
 */
double
gemel_rate_get (GemelRate *rate,
                gint64     now_us)
{
  advance (rate, now_us / G_USEC_PER_SEC);
  return (double) rate->sum / GEMEL_RATE_SECONDS;
}
