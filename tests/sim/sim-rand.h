/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Keyed random numbers: a function of (seed, stream, counter), not a running generator.
 */
#pragma once

#include <glib.h>

typedef enum
{
  SIM_STREAM_PLAN = 1,
  SIM_STREAM_LOSS = 2, /* and 3: one a sender */
  SIM_STREAM_DELAY = 4,
  SIM_STREAM_DUPLICATE = 6,
  SIM_STREAM_DISK = 8,
  SIM_STREAM_NONCE = 10,
  SIM_STREAM_HOST = 12,
  SIM_STREAM_CRASH = 14,
  SIM_STREAM_RESUME = 16,
} SimStream;

static inline guint64
sim_mix (guint64 x)
{
  x ^= x >> 30;
  x *= G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  x ^= x >> 27;
  x *= G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return x ^ (x >> 31);
}

static inline guint64
sim_rand (guint64 seed,
          guint   stream,
          guint64 counter)
{
  guint64 key = sim_mix (seed + stream * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));

  return sim_mix (key + counter * G_GUINT64_CONSTANT (0xd1342543de82ef95));
}

/* Exponential with this mean, in integers: the leading zeros are geometric. */
static inline gint64
sim_exponential (guint64 random,
                 gint64  mean)
{
  gint64 halvings = random == 0 ? 64 : __builtin_clzll (random);

  return mean * 710 / 1024 * halvings + mean * (gint64) (random & 1023) / 1478;
}
