/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Numbers of the data door; the bytes are described in DOOR.md. One door is one GemelDoor.
 */
#pragma once

#include "sync/gemel-sync-private.h"

G_BEGIN_DECLS

#define GEMEL_DOOR_VERSION          1
#define GEMEL_DOOR_CREDIT_BYTES     (4 * 1024 * 1024)
#define GEMEL_DOOR_BATCH_HEAD_BYTES 24
/* Answers and deltas that a client does not read: from the first it is not listened to, and when
 * that does not help in time the door closes. A subscriber that lags gets a full state again. */
#define GEMEL_DOOR_QUEUE_BYTES_MAX (2 * 1024 * 1024)
#define GEMEL_DOOR_PATIENCE_MS     10000

typedef enum
{
  GEMEL_DOOR_STATE = 1,
  GEMEL_DOOR_HISTORY = 2,
  GEMEL_DOOR_CONFIG = 3,
} GemelDoorKind;

typedef enum
{
  GEMEL_DOOR_FRAME_HELLO = 1,
  GEMEL_DOOR_FRAME_ANSWER = 2,
  GEMEL_DOOR_FRAME_DELTA = 3,
  GEMEL_DOOR_FRAME_FULL_BEGIN = 4,
  GEMEL_DOOR_FRAME_ITEMS = 5,
  GEMEL_DOOR_FRAME_FULL_END = 6,
  GEMEL_DOOR_FRAME_ERROR = 7,
  GEMEL_DOOR_FRAME_BATCH = 16,
  GEMEL_DOOR_FRAME_SUBSCRIBE = 17,
} GemelDoorFrame;

/** One client. Counted: an answer may come when the client is gone. */
typedef struct
{
  GemelSync      *sync;
  GemelDoors     *doors;
  guint           refs;
  GemelDoorKind   kind;
  char            provider[GEMEL_PROVIDER_NAME_BYTES_MAX + 1];
  GemelStream    *stream;     /* (nullable): NULL when it is over */
  gsize           unanswered; /* bytes of batches that wait for their answer */
  GSource        *patience;   /* (nullable): runs while the client does not read */
  gboolean        subscribed;
  gboolean        lagging; /* a delta was left out: a full state is due */
  GemelStateWalk *walk;    /* (nullable): of a full state under way */
} GemelDoor;

struct _GemelDoors
{
  GemelSync *sync;
  GList     *list; /* of GemelDoor */
  guint      patience_ms;
};

GemelDoor *gemel_door_ref (GemelDoor *door);
void       gemel_door_unref (GemelDoor *door);
void       gemel_door_close (GemelDoor *door);
void       gemel_door_check_queue (GemelDoor *door);

gboolean gemel_door_take_batch (GemelDoor    *door,
                                const guint8 *body,
                                gsize         size,
                                GError      **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_door_put_error (GByteArray   *out,
                               const GError *error);

void gemel_doors_set_patience (GemelDoors *doors,
                               guint       patience_ms);
void gemel_door_begin_feed (GemelDoor *door);
void gemel_door_pump_feed (GemelDoor *door);

G_END_DECLS
