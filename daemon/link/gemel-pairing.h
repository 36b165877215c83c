/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Pairing by one pasted code. The code is text, base32 with a check sum, and carries what the
 * joiner needs: address, the inviter's pin, a 128-bit secret. It is good for ten minutes, one use
 * and three tries. Both sides prove the secret with HMAC-SHA-256 over (role, both pins, TLS
 * exporter of this very session), so a man in the middle cannot pass the proof on. On success both
 * know the other's node uuid and pin, and the joiner learns pair uuid and its slot.
 */
#pragma once

#include "link/gemel-connect.h"

G_BEGIN_DECLS

#define GEMEL_PAIRING_SECONDS 600
#define GEMEL_PAIRING_TRIES   3

/** What both sides know afterwards. */
typedef struct
{
  guint8 pair_uuid[16];
  guint8 peer_uuid[16];
  guint8 peer_pin[GEMEL_PIN_BYTES];
  char  *peer_name;
  char  *peer_address; /* joiner: where the master listens */
  guint  slot;         /* of this node */
} GemelPairingResult;
void gemel_pairing_result_free (GemelPairingResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelPairingResult, gemel_pairing_result_free)

/* Inviter. One invitation at a time; a new one voids the old. */
typedef struct _GemelInvitation GemelInvitation;
GemelInvitation                *gemel_invitation_new (const GemelKeys *keys,
                                                      const char      *address,
                                                      const guint8     node_uuid[16],
                                                      const char      *node_name,
                                                      gint64           now_us); /* boot time */
void                            gemel_invitation_free (GemelInvitation *invitation);
const char                     *gemel_invitation_get_code (GemelInvitation *invitation);
gint64                          gemel_invitation_get_expiry_us (GemelInvitation *invitation);
/* Not used, not expired, not void by wrong tries. */
gboolean gemel_invitation_is_standing (GemelInvitation *invitation);
/* 5 s for each frame unless told otherwise, for tests. */
void gemel_invitation_set_step_ms (GemelInvitation *invitation,
                                   guint            step_ms);
/* Runs the inviter's side on an accepted GEMEL_CHANNEL_PAIR connection. */
void                gemel_invitation_serve_async (GemelInvitation    *invitation,
                                                  GIOStream          *io,
                                                  GCancellable       *cancellable,
                                                  GAsyncReadyCallback callback,
                                                  gpointer            user_data);
GemelPairingResult *gemel_invitation_serve_finish (GemelInvitation *invitation,
                                                   GAsyncResult    *result,
                                                   GError         **error)
  G_GNUC_WARN_UNUSED_RESULT;
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelInvitation, gemel_invitation_free)

/* Joiner. */
void                gemel_pairing_join_async (const GemelKeys    *keys,
                                              const char         *code,
                                              const guint8        node_uuid[16],
                                              const char         *node_name,
                                              GCancellable       *cancellable,
                                              GAsyncReadyCallback callback,
                                              gpointer            user_data);
GemelPairingResult *gemel_pairing_join_finish (GAsyncResult *result,
                                               GError      **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
