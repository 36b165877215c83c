/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A rate a second, averaged over the last minute: sixty buckets of one second.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define GEMEL_RATE_SECONDS 60

/** All zero is a fresh one. */
typedef struct
{
  guint32 bucket[GEMEL_RATE_SECONDS];
  gint64  second; /* of the newest bucket, monotonic */
  guint64 sum;    /* of all buckets */
  guint64 total;  /* since the start */
} GemelRate;

void   gemel_rate_add (GemelRate *rate,
                       guint      n,
                       gint64     now_us);
double gemel_rate_get (GemelRate *rate,
                       gint64     now_us);

G_END_DECLS
