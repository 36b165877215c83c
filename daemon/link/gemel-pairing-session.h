/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One pairing connection, as both sides see it. Used by pairing alone.
 *
 *   type          body                                             who, in this order
 *   1 PROOF       u8 version (1), 32 proof                         joiner, then inviter
 *   2 IDENTITY    16 node uuid, 16 pair uuid, u8 slot of the       joiner (pair uuid and slot
 *                 receiver, name 1..64 bytes UTF-8                 are 0), then inviter
 *   3 CONFIRM     nothing                                          inviter, then joiner
 *   4 REFUSED     u8 reason                                        inviter, instead of a frame
 *
 * Each side waits 5 s for a frame. The joiner is paired when it has sent its CONFIRM, the inviter
 * when it has received it. When that last frame is lost the joiner alone is paired: the inviter
 * says that pairing was not finished, and joining again with a new code replaces what the joiner
 * has.
 */
#pragma once

#include "link/gemel-pairing-code.h"
#include "link/gemel-pairing.h"
#include "link/gemel-stream.h"

G_BEGIN_DECLS

#define GEMEL_PAIRING_STEP_MS 5000

typedef enum
{
  GEMEL_PAIRING_FRAME_PROOF = 1,
  GEMEL_PAIRING_FRAME_IDENTITY = 2,
  GEMEL_PAIRING_FRAME_CONFIRM = 3,
  GEMEL_PAIRING_FRAME_REFUSED = 4,
} GemelPairingFrame;

typedef enum
{
  GEMEL_PAIRING_REFUSAL_WRONG = 1,
  GEMEL_PAIRING_REFUSAL_EXPIRED = 2,
  GEMEL_PAIRING_REFUSAL_USED = 3,
  GEMEL_PAIRING_REFUSAL_TRIES = 4,
  GEMEL_PAIRING_REFUSAL_IDENTITY = 5,
  GEMEL_PAIRING_REFUSAL_BUSY = 6,
  GEMEL_PAIRING_REFUSAL_VERSION = 7,
} GemelPairingRefusal;
#define GEMEL_N_PAIRING_REFUSALS 8

typedef struct _GemelPairingSession GemelPairingSession;
struct _GemelPairingSession
{
  GTask              *task;
  GemelStream        *stream;
  GTlsConnection     *tls; /* of stream */
  GemelPairingSide    side;
  GemelInvitation    *invitation; /* (nullable) inviter only */
  GemelPairingFrame   expected;
  gboolean            proven; /* the other side's proof was right */
  guint               step_ms;
  guint8              secret[GEMEL_PAIRING_SECRET_BYTES];
  guint8              own_pin[GEMEL_PIN_BYTES];
  guint8              node_uuid[16];
  char               *node_name;
  GSource            *timer;
  GSource            *cancel_source; /* (nullable) */
  GemelPairingResult *result;
  /* The next frame, of the expected type. It may end the session and must then return TRUE. */
  gboolean (*step) (GemelPairingSession *session,
                    const guint8        *body,
                    gsize                size,
                    GError             **error);
  /* (nullable) The owner must forget it. */
  void (*ended) (GemelPairingSession *session);
};

GemelPairingSession *gemel_pairing_session_new (GTask           *task, /* (transfer full) */
                                                GemelPairingSide side,
                                                const guint8     own_pin[GEMEL_PIN_BYTES],
                                                const guint8     secret[GEMEL_PAIRING_SECRET_BYTES],
                                                const guint8     node_uuid[16],
                                                const char      *node_name);
gboolean             gemel_pairing_session_start (GemelPairingSession *session,
                                                  GIOStream           *io,
                                                  guint                step_ms,
                                                  GError             **error)
  G_GNUC_WARN_UNUSED_RESULT;
void     gemel_pairing_session_expect (GemelPairingSession *session,
                                       GemelPairingFrame    frame);
void     gemel_pairing_session_fail (GemelPairingSession *session,
                                     GError              *error); /* (transfer full) */
void     gemel_pairing_session_refuse (GemelPairingSession *session,
                                       GemelPairingRefusal  reason);
void     gemel_pairing_session_succeed (GemelPairingSession *session);
gboolean gemel_pairing_session_send_proof (GemelPairingSession *session,
                                           GError             **error)
  G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_pairing_session_check_proof (GemelPairingSession *session,
                                            const guint8        *body,
                                            gboolean            *ret_right,
                                            GError             **error)
  G_GNUC_WARN_UNUSED_RESULT;
void     gemel_pairing_session_send_identity (GemelPairingSession *session,
                                              guint                slot);
gboolean gemel_pairing_session_take_identity (GemelPairingSession *session,
                                              const guint8        *body,
                                              gsize                size,
                                              GError             **error)
  G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_pairing_name_is_good (const char *name,
                                     gsize       size);

G_END_DECLS
