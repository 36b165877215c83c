/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One control connection: greeting, then messages of the core and status.
 *
 *   GREETING --HELLO of the peer is welcome--> CONFIRMING --its CONFIRM fits--> UP
 *
 * Both sides speak at once; each may end it at any time. Before UP nothing of the peer is used. The
 * greeting has a deadline, because in TLS 1.3 a dialler believes in a connection that the other
 * side has refused.
 */
#pragma once

#include "link/gemel-stream.h"
#include "link/gemel-wire.h"

G_BEGIN_DECLS

#define GEMEL_GREETING_MS 5000

typedef struct _GemelSession GemelSession;

typedef struct
{
  void (*up) (GemelSession *session,
              gpointer      user_data);
  void (*message) (GemelSession       *session,
                   const GemelMessage *message,
                   gboolean            hears_datagrams,
                   gpointer            user_data);
  void (*status) (GemelSession          *session,
                  const GemelPeerStatus *status,
                  gpointer               user_data);
  /* Last call; frees the session. @error is NULL when the peer closed in order. */
  void (*ended) (GemelSession *session,
                 const GError *error,
                 gpointer      user_data);
} GemelSessionCallbacks;

GemelSession *gemel_session_new (GIOStream                   *io, /* (transfer full) */
                                 gboolean                     dialled,
                                 const GemelHello            *own,
                                 const guint8                 peer_uuid[16],
                                 const GemelSessionCallbacks *callbacks, /* static */
                                 gpointer                     user_data);
void          gemel_session_free (GemelSession *session);
gboolean      gemel_session_is_up (const GemelSession *session);
gboolean      gemel_session_was_dialled (const GemelSession *session);
GemelVerdict  gemel_session_get_verdict (const GemelSession *session);

const GemelHello   *gemel_session_get_own_hello (const GemelSession *session);
const GemelHello   *gemel_session_get_peer_hello (const GemelSession *session);
GInetSocketAddress *gemel_session_dup_peer_address (const GemelSession *session); /* (nullable) */
GIOStream          *gemel_session_get_io (const GemelSession *session);

void gemel_session_send_message (GemelSession    *session,
                                 GemelMessageKind kind,
                                 GBytes          *body);
void gemel_session_send_status (GemelSession          *session,
                                const GemelPeerStatus *status);
void gemel_session_get_frames (const GemelSession *session,
                               guint64            *ret_sent,
                               guint64            *ret_received);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelSession, gemel_session_free)

G_END_DECLS
