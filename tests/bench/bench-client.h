/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the benchmarks that talk to a running node share: a clock, a door, one batch and its answer.
 */
#pragma once

#include "api/gemel-door-client.h"

#include <time.h>

gint64           bench_now_us (clockid_t clock);
GemelDoorClient *bench_open_door (const char *bus,
                                  const char *kind,
                                  GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean         bench_send_and_wait (GemelDoorClient *door,
                                      GemelDurability  wanted,
                                      GemelDoorEvent  *ret_answer,
                                      GError         **error) G_GNUC_WARN_UNUSED_RESULT;
