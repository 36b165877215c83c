/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Writers that wait for the peer: first in, first out, because places only grow. Each is told once,
 * with the durability that was reached: `pair` when the peer has confirmed its place, `local` when
 * it took too long or the peer is gone.
 */
#pragma once

#include "api/gemel-enums.h"

G_BEGIN_DECLS

typedef void (*GemelWaiterFunc) (GemelDurability reached,
                                 gpointer        data);

typedef struct
{
  GQueue queue; /* of Waiter, by seq */
} GemelWaiters;

void   gemel_waiters_add (GemelWaiters   *waiters,
                          guint64         seq,
                          gint64          deadline_us,
                          GemelWaiterFunc func,
                          gpointer        data);
void   gemel_waiters_reach (GemelWaiters *waiters,
                            guint64       seq);
void   gemel_waiters_expire (GemelWaiters *waiters,
                             gint64        now_us);
void   gemel_waiters_give_up (GemelWaiters *waiters);
gint64 gemel_waiters_get_deadline_us (const GemelWaiters *waiters); /* -1: nobody waits */

G_END_DECLS
