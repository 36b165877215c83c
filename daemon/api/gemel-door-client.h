/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A small client of the data door, for programs and benchmarks: one thread, no main loop needed.
 *
 * Get a socket with OpenStream () on the bus, make a client of it, put operations into a batch,
 * send, and read answers with gemel_door_client_next (). Sending waits while the credit is used up
 * and keeps the answers that come meanwhile, so nothing is lost and nothing grows without bound.
 * gemel_door_client_get_fd () can be polled for reading. The bytes: daemon/sync/DOOR.md.
 */
#pragma once

#include "api/gemel-enums.h"
#include "api/gemel-error.h"

G_BEGIN_DECLS

typedef struct _GemelDoorClient GemelDoorClient;

typedef enum
{
  GEMEL_DOOR_ANSWER = 2,     /* to a batch */
  GEMEL_DOOR_DELTA = 3,      /* body: operations, one after the other */
  GEMEL_DOOR_FULL_BEGIN = 4, /* forget what is known, items follow */
  GEMEL_DOOR_ITEMS = 5,      /* body: items of a full state */
  GEMEL_DOOR_FULL_END = 6,
} GemelDoorEventType;

/** Something that came. Lent until the next call with the same client. */
typedef struct
{
  GemelDoorEventType type;
  guint64            id;         /* ANSWER: of the batch */
  gboolean           ok;         /* ANSWER */
  GemelDurability    reached;    /* ANSWER */
  guint64            place_a;    /* term or epoch */
  guint64            place_b;    /* sequence */
  const char        *error_name; /* ANSWER that is not ok: D-Bus error name */
  const char        *message;
  const guint8      *body; /* DELTA, ITEMS */
  gsize              size;
} GemelDoorEvent;

/** One key of a DELTA or of ITEMS. */
typedef struct
{
  const char   *key; /* not terminated */
  guint16       key_bytes;
  gboolean      set; /* FALSE: it was deleted */
  const guint8 *value;
  guint32       value_bytes;
} GemelDoorChange;

GemelDoorClient *gemel_door_client_new (int      fd, /* (transfer full) */
                                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
void             gemel_door_client_free (GemelDoorClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelDoorClient, gemel_door_client_free)

int         gemel_door_client_get_fd (GemelDoorClient *client);
const char *gemel_door_client_get_provider (GemelDoorClient *client);

void     gemel_door_client_put (GemelDoorClient *client,
                                const char      *key,
                                gconstpointer    value, /* (nullable): NULL deletes */
                                gsize            value_bytes);
void     gemel_door_client_put_points (GemelDoorClient *client,
                                       gconstpointer    points, /* history layout */
                                       gsize            size);
gboolean gemel_door_client_send (GemelDoorClient *client,
                                 GemelDurability  wanted,
                                 guint64          term, /* 0: the present one */
                                 guint64         *ret_id,
                                 GError         **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_door_client_subscribe (GemelDoorClient *client,
                                      GError         **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_door_client_next (GemelDoorClient *client,
                                 int              timeout_ms, /* -1: for ever */
                                 GemelDoorEvent  *ret_event,
                                 GError         **error) G_GNUC_WARN_UNUSED_RESULT; /* TIMEOUT */
gboolean gemel_door_event_next_change (GemelDoorEvent  *event,
                                       GemelDoorChange *ret_change);

G_END_DECLS
