/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The ring, and the points' layout.
 */
#include "sysmon-ring.h"

#include "api/gemel-names.h"

#include <string.h>

#define TYPE_DOUBLE 1
#define HEAD_BYTES  16

typedef struct
{
  GByteArray *points;
  guint32     n;
} Sample;

struct _SysmonRing
{
  GQueue  samples; /* of Sample, oldest first */
  guint   samples_max;
  guint64 dropped;
};

static void
sample_free (gpointer data)
{
  Sample *sample = data;

  g_byte_array_unref (sample->points);
  g_free (sample);
}

/**
 * sysmon_ring_new:
 * @samples_max: how many samples it keeps, at least 1
 *
 * Returns: (transfer full): an empty ring.
 * Thread: main
 */
SysmonRing *
sysmon_ring_new (guint samples_max)
{
  SysmonRing *ring = g_new0 (SysmonRing, 1);

  g_queue_init (&ring->samples);
  ring->samples_max = MAX (samples_max, 1);
  return ring;
}

/**
 * sysmon_ring_free:
 * @ring: (transfer full): a ring
 *
 * Thread: main
 */
void
sysmon_ring_free (SysmonRing *ring)
{
  g_queue_clear_full (&ring->samples, sample_free);
  g_free (ring);
}

static void
append_point (GByteArray *bytes, const char *tag, gint64 unix_us, double value)
{
  const guint16 tag_bytes = (guint16) MIN (strlen (tag), GEMEL_TAG_BYTES_MAX);
  const guint16 tag_le = GUINT16_TO_LE (tag_bytes);
  const gint64  time_le = GINT64_TO_LE (unix_us);
  guint8        head[HEAD_BYTES] = { TYPE_DOUBLE };
  guint64       bits;

  memcpy (head + 2, &tag_le, sizeof tag_le);
  memcpy (head + 8, &time_le, sizeof time_le); /* the status between them is 0, Good */
  memcpy (&bits, &value, sizeof bits);
  bits = GUINT64_TO_LE (bits);
  g_byte_array_append (bytes, head, sizeof head);
  g_byte_array_append (bytes, (const guint8 *) tag, tag_bytes);
  g_byte_array_append (bytes, (const guint8 *) &bits, sizeof bits);
}

/**
 * sysmon_ring_push:
 * @ring: a ring
 * @prefix: the first part of each tag
 * @figures: a sample
 *
 * A full ring drops its oldest sample and counts it.
 *
 * Thread: main
 */
void
sysmon_ring_push (SysmonRing *ring, const char *prefix, const SysmonFigures *figures)
{
  Sample *sample = g_new0 (Sample, 1);

  sample->points = g_byte_array_new ();
  sample->n = figures->n;
  for (guint i = 0; i < figures->n; i++)
    {
      g_autofree char *tag = g_strconcat (prefix, "/", figures->figure[i].tag, NULL);

      append_point (sample->points, tag, figures->unix_us, figures->figure[i].value);
    }
  if (g_queue_get_length (&ring->samples) >= ring->samples_max)
    {
      sample_free (g_queue_pop_head (&ring->samples));
      ring->dropped++;
    }
  g_queue_push_tail (&ring->samples, sample);
}

/**
 * sysmon_ring_take:
 * @ring: a ring
 * @samples_max: how many samples at most
 * @ret_samples: (out): how many it are
 *
 * Takes the oldest samples out, as one history batch.
 *
 * Returns: (transfer full) (nullable): the batch, or %NULL when the ring is empty.
 * Thread: main
 */
GBytes *
sysmon_ring_take (SysmonRing *ring, guint samples_max, guint *ret_samples)
{
  GByteArray *batch;
  guint32     points = 0;
  guint       samples = 0;

  if (g_queue_is_empty (&ring->samples))
    return NULL;
  batch = g_byte_array_new ();
  g_byte_array_append (batch, (const guint8 *) &points, sizeof points);
  while (samples < samples_max && !g_queue_is_empty (&ring->samples))
    {
      const Sample *next = g_queue_peek_head (&ring->samples);

      if (samples > 0 && points + next->n > GEMEL_BATCH_ITEMS_MAX)
        break;
      points += next->n;
      samples++;
      g_byte_array_append (batch, next->points->data, next->points->len);
      sample_free (g_queue_pop_head (&ring->samples));
    }
  points = GUINT32_TO_LE (points);
  memcpy (batch->data, &points, sizeof points);
  *ret_samples = samples;
  return g_byte_array_free_to_bytes (batch);
}

/**
 * sysmon_ring_get_length:
 * @ring: a ring
 *
 * Returns: how many samples wait.
 * Thread: main
 */
guint
sysmon_ring_get_length (SysmonRing *ring)
{
  return g_queue_get_length (&ring->samples);
}

/**
 * sysmon_ring_get_dropped:
 * @ring: a ring
 *
 * Returns: how many samples it had to drop.
 * Thread: main
 */
guint64
sysmon_ring_get_dropped (SysmonRing *ring)
{
  return ring->dropped;
}
