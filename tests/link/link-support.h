/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the tests of the link share: waiting for a condition, keys in a temporary folder, and a
 * peer that speaks bare GnuTLS in a thread of its own, so that it can misbehave.
 */
#pragma once

#include "link/gemel-connect.h"

G_BEGIN_DECLS

/* Runs the default context until @condition holds; fails the test after 20 s. */
#define wait_until(condition)                                           \
  G_STMT_START                                                          \
  {                                                                     \
    gint64 wait_end_us = g_get_monotonic_time () + 20 * G_USEC_PER_SEC; \
    while (!(condition))                                                \
      {                                                                 \
        g_assert_cmpint (g_get_monotonic_time (), <, wait_end_us);      \
        link_support_turn ();                                           \
      }                                                                 \
  }                                                                     \
  G_STMT_END

void link_support_turn (void); /* one turn of the default context, at most 10 ms */
void link_support_make_keys (GemelKeys *ret_keys);

typedef enum
{
  RAW_TLS_NO_CERTIFICATE = 1 << 0,
  RAW_TLS_NO_ALPN = 1 << 1,
  RAW_TLS_1_2 = 1 << 2,
} RawTlsFlags;

/* A client of bare GnuTLS: handshake, then reads until the other side closes. Blocking: it runs in
 * a thread. Returns the code of the handshake. */
GThread *link_support_raw_client_start (guint16     port,
                                        const char *protocol, /* (nullable) */
                                        RawTlsFlags flags,
                                        gint       *done); /* set to 1 at the end, atomic */
/* Two connected TCP sockets on loopback. */
void     link_support_tcp_pair (GSocketConnection **ret_a,
                                GSocketConnection **ret_b);
GSocket *link_support_tcp_connect (const char *from_address,
                                   guint16     port);

G_END_DECLS
