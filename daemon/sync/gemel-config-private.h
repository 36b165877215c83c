/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the two files of channel `config` share.
 *
 *   source: [idle] --ask--> [planning] --tail--> [paging] --LEVEL--> [live]
 *                               |  full             ^  tail read for what did not fit
 *                               v                   |
 *                            [backing up] --> [copying] --END--> [idle], the puller asks again
 *
 *   puller: [idle] --announcement--> [asked] --PLAN--> [pulling] --LEVEL, applied--> [synced]
 *                                        ^       |  full
 *                                        |       v
 *                                        +-- [receiving] --> [sealing] --> [replacing]
 */
#pragma once

#include "sync/gemel-full-copy.h"
#include "sync/gemel-sync-private.h"

G_BEGIN_DECLS

typedef enum
{
  GEMEL_SOURCE_IDLE = 0,
  GEMEL_SOURCE_PLANNING,
  GEMEL_SOURCE_PAGING,
  GEMEL_SOURCE_LIVE,
  GEMEL_SOURCE_BACKING_UP,
  GEMEL_SOURCE_COPYING,
} GemelSourceStep;

struct _GemelConfigStream
{
  GemelSync    *sync;
  GemelStream  *stream; /* (nullable): lent by the peer */
  gboolean      source;
  gboolean      peer_source; /* as last announced */
  GCancellable *cancellable; /* of everything that is under way; a new one at each turn */

  /* source */
  GemelSourceStep step;
  guint32         ask_generation;
  GemelPosition   ask_position;
  GemelSyncReason ask_reason;
  GByteArray     *entries; /* body of the next ENTRIES frame */
  guint64         sent_seq;
  guint64         acked_seq;
  gboolean        followed;  /* LEVEL was sent: the puller keeps up from here */
  gboolean        gave_full; /* END was sent: it counts when the puller goes on from the copy */
  gboolean        reading;   /* a page or a chunk is on its way */
  GemelFullCopy  *copy_out;

  /* puller */
  guint32         generation;
  gboolean        planned;
  gboolean        full; /* the plan is a full copy, which the source has to make first */
  gboolean        synced;
  GemelSyncReason want;      /* for the next ask */
  gboolean        ask_again; /* when the store is done with what it does */
  gint64          asked_us;
  GPtrArray      *waiting; /* of GemelEntry */
  gsize           waiting_bytes;
  gboolean        paused; /* too much waits, the stream is not listened to */
  gboolean        applying;
  GSource        *turn; /* fires once all that came together is taken */
  gint64          apply_started_us;
  gboolean        level_known;
  guint64         level_seq;
  GemelPosition   applied;
  /* a full copy that arrives */
  GemelFullCopy   *copy_in;
  GPtrArray       *chunks; /* of GBytes, not yet written */
  gsize            chunks_bytes;
  gboolean         writing;
  gboolean         end_came;
  guint8           end_hash[GEMEL_COPY_HASH_BYTES];
  guint64          full_bytes;
  GemelPosition    full_head;
  gboolean         keep; /* the present file goes to keep_dir */
  gboolean         replacing;
  GSource         *retry;        /* (nullable): ask again after a failure */
  guint            retry_ms;     /* longer with each full copy that fails */
  gboolean         incompatible; /* this version cannot use what the source has */
  GemelPullFigures figures;
};

/** An asynchronous step: void when the channel has moved on since. */
typedef struct
{
  GemelConfigStream *self;
  GCancellable      *cancellable;
} GemelConfigOpData;

GemelConfigOpData *gemel_config_op_begin (GemelConfigStream *self);
gboolean           gemel_config_op_end (GemelConfigOpData *op); /* FALSE: void */

void     gemel_config_pull_init (GemelConfigStream *self);
void     gemel_config_pull_clear (GemelConfigStream *self);
void     gemel_config_pull_reset (GemelConfigStream *self);
gboolean gemel_config_pull_awaits (GemelConfigStream *self);
void     gemel_config_pull_ask (GemelConfigStream *self);
gboolean gemel_config_pull_frame (GemelConfigStream *self,
                                  guint16            type,
                                  const guint8      *body,
                                  gsize              size,
                                  GError           **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_config_stream_send_hello (GemelConfigStream *self);

G_END_DECLS
