/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * TLS connections between the nodes: TLS 1.3 alone, both sides with a certificate, sorted by ALPN.
 *
 *   gemel-control/1   the link thread's: core messages and status, one per pair
 *   gemel-data/1      the sync thread's: first frame names the channel (config, state, history)
 *   gemel-pair/1      pairing: the only one that an unknown certificate may use, and only while an
 *                     invitation stands
 *
 * The listener runs in the main context and hands finished connections on; dialling runs in the
 * context of the caller. Whoever is not the pinned peer is closed, counted and reported once a
 * minute at most. Limits: handshakes 5 s, 32 unfinished connections, backlog 16.
 */
#pragma once

#include "link/gemel-keys.h"

G_BEGIN_DECLS

/* The very first call in main (): TLS 1.3 for the whole process. */
void gemel_connect_init (void);
/* The other side's IP address without port. */
char *gemel_connect_dup_peer_address (GIOStream *io);

typedef enum
{
  GEMEL_CHANNEL_CONTROL = 0,
  GEMEL_CHANNEL_DATA = 1,
  GEMEL_CHANNEL_PAIR = 2,
} GemelChannel;
#define GEMEL_N_CHANNELS 3

typedef struct
{
  guint64 accepted;
  guint64 refused_pin;     /* not the paired certificate */
  guint64 refused_tls;     /* handshake failed: plain text, old TLS, no certificate, time-out */
  guint64 refused_alpn;    /* no or unknown protocol */
  guint64 refused_busy;    /* too many unfinished handshakes */
  guint64 refused_pairing; /* wrong, used or expired code */
} GemelListenerCounters;

typedef struct _GemelListener GemelListener;

typedef struct
{
  /* @io is handed over, handshake done, the peer's pin checked (except for GEMEL_CHANNEL_PAIR). */
  void (*accepted) (GemelListener *listener,
                    GemelChannel   channel,
                    GIOStream     *io, /* (transfer full): a GTlsConnection */
                    gpointer       user_data);
  /* Somebody was turned away. @address: for the event; @why: one phrase. */
  void (*refused) (GemelListener *listener,
                   const char    *address,
                   const char    *why,
                   gpointer       user_data);
} GemelListenerCallbacks;

GemelListener *gemel_listener_new (const GemelKeys              *keys,
                                   const char                   *bind_address,
                                   guint16                       port,
                                   const GemelListenerCallbacks *callbacks,
                                   gpointer                      user_data,
                                   GError                      **error) G_GNUC_WARN_UNUSED_RESULT;
void           gemel_listener_free (GemelListener *listener);
guint16        gemel_listener_get_port (GemelListener *listener);
void           gemel_listener_set_peer (GemelListener *listener,
                                        const guint8  *pin); /* (nullable) */
void           gemel_listener_set_pairing (GemelListener *listener,
                                           gboolean       open);
void           gemel_listener_get_counters (GemelListener         *listener,
                                            GemelListenerCounters *ret_counters);
/* A code was wrong, used or expired (gemel_invitation_serve_finish): counted and reported here. */
void gemel_listener_note_pairing_refused (GemelListener *listener,
                                          const char    *address,
                                          const char    *why);
/* 5 s unless told otherwise, for tests. */
void gemel_listener_set_handshake_ms (GemelListener *listener,
                                      guint          handshake_ms);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelListener, gemel_listener_free)

/* Dial: name resolution, TCP (NODELAY, keep-alive), TLS 1.3, pin, ALPN. @peer_pin NULL accepts any
 * certificate (pairing only). The result is a GTlsConnection. */
void       gemel_dial_async (const GemelKeys    *keys,
                             const char         *host_and_port,
                             const guint8       *peer_pin, /* (nullable) */
                             GemelChannel        channel,
                             guint               timeout_ms,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data);
GIOStream *gemel_dial_finish (GAsyncResult *result,
                              GError      **error) G_GNUC_WARN_UNUSED_RESULT;
/* The failed dial was answered with a refusal: a hint, never proof. */
gboolean gemel_dial_was_refused (GAsyncResult *result);

G_END_DECLS
