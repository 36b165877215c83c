/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Figures over time for the charts: a ring of samples a series, read back down-sampled. In memory,
 * bounded: one sample each ten seconds for a day. Main thread.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define GEMEL_SERIES_INTERVAL_S  10
#define GEMEL_SERIES_SAMPLES_MAX (24 * 3600 / GEMEL_SERIES_INTERVAL_S)

typedef struct _GemelSeries GemelSeries;

GemelSeries *gemel_series_new (void);
void         gemel_series_free (GemelSeries *series);
void         gemel_series_add (GemelSeries *series,
                               gint64       unix_us,
                               double       value);
GVariant    *gemel_series_read (GemelSeries *series,
                                gint64       from_unix_us,
                                gint64       to_unix_us,
                                guint        points);

G_END_DECLS
