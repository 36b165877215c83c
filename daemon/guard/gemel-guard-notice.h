/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The death notice on its way: some copies, apart from each other, since a datagram may be lost.
 */
#pragma once

#include "link/gemel-guard-wire.h"

G_BEGIN_DECLS

/** All zero but udp_fd -1: nothing to tell. */
typedef struct
{
  GemelGuardOrders orders;
  int              udp_fd;     /* owned; -1: not armed */
  gint64           started_us; /* monotonic; 0: not under way */
  guint            n_sent;
} GemelGuardNotice;

void   gemel_guard_notice_clear (GemelGuardNotice *notice);
void   gemel_guard_notice_arm (GemelGuardNotice       *notice,
                               const GemelGuardOrders *orders,
                               int                     udp_fd);
void   gemel_guard_notice_start (GemelGuardNotice *notice,
                                 gint64            now_us);
gint64 gemel_guard_notice_run (GemelGuardNotice *notice,
                               gint64            now_us);
char  *gemel_guard_notice_describe (const GemelGuardNotice *notice);

G_END_DECLS
