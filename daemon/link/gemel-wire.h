/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The control frames as bytes. HELLO, STATUS and the core's messages are GVariants in normal form,
 * little endian, of the fixed types below, each with an extensible part a{sv} at its end whose
 * unknown keys are ignored; everything else is checked before use.
 *
 *   type     body
 *   1        HELLO    (suuuusayayyyayaytqa{sv})
 *   2        CONFIRM  32 bytes: SHA-256 of the dialler's HELLO body, then the other's
 *   3        STATUS   (ssyyyyxxttaytttsa{sv})
 *   16+kind  message  (ttxxxxtttyyyybbbbbttxttaytta{sv}); kind: GemelMessageKind
 *
 * The message's last fixed boolean says "your datagrams reach me". A heartbeat datagram carries the
 * body of a BEAT.
 */
#pragma once

#include "link/gemel-link.h"
#include "link/gemel-seal.h"

G_BEGIN_DECLS

#define GEMEL_WIRE_MAGIC          "GEMEL"
#define GEMEL_WIRE_CORE_VERSION   1
#define GEMEL_WIRE_PROTO_VERSION  1
#define GEMEL_CONFIRM_BYTES       32
#define GEMEL_WIRE_JSON_BYTES_MAX (64 * 1024)

enum
{
  GEMEL_FRAME_HELLO = 1,
  GEMEL_FRAME_CONFIRM = 2,
  GEMEL_FRAME_STATUS = 3,
  GEMEL_FRAME_MESSAGE = 16, /* + GemelMessageKind */
};

/** The first frame of each side. */
typedef struct
{
  guint     core_min, core_max;   /* messages, frozen as 1 */
  guint     proto_min, proto_max; /* data channels */
  char      version[32];          /* of the program, for people */
  guint8    pair_uuid[16];
  guint8    node_uuid[16];
  guint     slot;
  GemelRole role;
  guint8    heartbeat_key[GEMEL_SEAL_KEY_BYTES]; /* seals the sender's heartbeats */
  guint8    notice_key[GEMEL_SEAL_KEY_BYTES];    /* seals its guard's death notice */
  guint64   session;                             /* random */
  guint16   udp_port;                            /* where its heartbeat socket is; 0: none */
} GemelHello;

/** What one node thinks of the other's HELLO. */
typedef enum
{
  GEMEL_VERDICT_WELCOME = 0,
  GEMEL_VERDICT_CLASH, /* it has this node's identity: a cloned disk */
  GEMEL_VERDICT_OTHER_PAIR,
  GEMEL_VERDICT_OTHER_NODE,
  GEMEL_VERDICT_SAME_ROLE,
  GEMEL_VERDICT_SAME_SLOT,
  GEMEL_VERDICT_NO_COMMON_VERSION,
} GemelVerdict;

GBytes          *gemel_wire_encode_hello (const GemelHello *hello);
gboolean         gemel_wire_decode_hello (gconstpointer bytes,
                                          gsize         size,
                                          GemelHello   *ret_hello,
                                          GError      **error) G_GNUC_WARN_UNUSED_RESULT;
GBytes          *gemel_wire_encode_message (const GemelMessage *message,
                                            gboolean            hears_datagrams);
gboolean         gemel_wire_decode_message (GemelMessageKind kind,
                                            gconstpointer    bytes,
                                            gsize            size,
                                            GemelMessage    *ret_message,
                                            gboolean        *ret_hears_datagrams,
                                            GError         **error) G_GNUC_WARN_UNUSED_RESULT;
GBytes          *gemel_wire_encode_status (const GemelPeerStatus *status);
GemelPeerStatus *gemel_wire_decode_status (gconstpointer bytes,
                                           gsize         size,
                                           GError      **error) G_GNUC_WARN_UNUSED_RESULT;

GemelVerdict gemel_hello_judge (const GemelHello *own,
                                const GemelHello *peer,
                                const guint8      paired_node_uuid[16],
                                GError          **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
