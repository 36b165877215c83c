/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Positions in what is kept in sync, and every decision that compares two of them.
 *
 * A journal position is (term, sequence, chain hash). One writer per term, so equal (term,
 * sequence) means equal entry; the hash proves it, also after a disk was restored. Comparing
 * sequences alone is not enough: two journals of one length with other content would stop
 * replication for ever (PROTOCOL.md section 14).
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define GEMEL_HASH_BYTES 32

/** A place in the configuration journal. All zero: before the first entry. */
typedef struct
{
  guint64 term;
  guint64 seq;
  guint8  hash[GEMEL_HASH_BYTES];
} GemelPosition;

/** A place in the stream of runtime state: epoch is the term of the active node that counts. */
typedef struct
{
  guint64 epoch;
  guint64 seq;
} GemelStatePosition;

/** Both together: what a planned switchover compares before it commits. */
typedef struct
{
  GemelPosition      config;
  GemelStatePosition state;
} GemelPairPosition;

typedef enum
{
  GEMEL_SYNC_EQUAL = 0,    /* nothing to do */
  GEMEL_SYNC_TAIL = 1,     /* the puller has a prefix: send what follows its position */
  GEMEL_SYNC_FULL = 2,     /* the puller cannot be brought up by a tail: send everything */
  GEMEL_SYNC_DIVERGED = 3, /* the puller has entries that the source lacks: keep them, then full */
} GemelSyncPlan;

typedef enum
{
  GEMEL_SYNC_REASON_NONE = 0,
  GEMEL_SYNC_REASON_LINEAGE = 1,      /* another journal altogether, or none yet */
  GEMEL_SYNC_REASON_COMPACTED = 2,    /* the tail that is missing is no longer kept */
  GEMEL_SYNC_REASON_HASH = 3,         /* same place, other content */
  GEMEL_SYNC_REASON_AHEAD = 4,        /* the puller has more than the source */
  GEMEL_SYNC_REASON_OPERATOR = 5,     /* a person asked for it */
  GEMEL_SYNC_REASON_TOO_FAR = 6,      /* the tail is larger than a full copy */
  GEMEL_SYNC_REASON_APPLY_FAILED = 7, /* the puller could not apply an entry */
  GEMEL_SYNC_REASON_EPOCH = 8,        /* state: counted by another active node */
  GEMEL_SYNC_REASON_OVERFLOW = 9,     /* state: the delta buffer no longer reaches back so far */
  GEMEL_SYNC_REASON_CONNECTED = 10,   /* state: a new connection without a usable position */
} GemelSyncReason;

/** What the source knows when a puller asks. */
typedef struct
{
  gboolean      same_lineage; /* the puller names this journal */
  GemelPosition head;         /* last entry of the source */
  guint64       base_seq;     /* entries with seq > base_seq are kept */
  /* an entry (or the base) with the puller's seq is kept ... */
  gboolean puller_known;
  guint64  term_at_puller;                   /* ... with this term ... */
  guint8   hash_at_puller[GEMEL_HASH_BYTES]; /* ... and this chain hash */
  guint64  tail_bytes;                       /* size of what the puller lacks */
  guint64  full_bytes;                       /* size of a full copy */
} GemelSourceFacts;

gboolean gemel_position_equal (const GemelPosition *a,
                               const GemelPosition *b);
gboolean gemel_pair_position_equal (const GemelPairPosition *a,
                                    const GemelPairPosition *b);

GemelSyncPlan gemel_position_plan (const GemelSourceFacts *source,
                                   const GemelPosition    *puller,
                                   GemelSyncReason        *ret_reason);

gboolean gemel_state_position_follows (const GemelStatePosition *have,
                                       const GemelStatePosition *delta);
/* tidy: symbols: runtime state has a position, too */
GemelSyncPlan gemel_state_plan (const GemelStatePosition *head,
                                guint64                   oldest_buffered_seq,
                                const GemelStatePosition *have,
                                GemelSyncReason          *ret_reason);

/** What to do with a batch of history rows [first, last] of one origin, given the mark. */
typedef enum
{
  GEMEL_BATCH_ACCEPT = 0, /* it continues exactly at the mark */
  GEMEL_BATCH_SKIP = 1,   /* all of it is there already */
  GEMEL_BATCH_TRIM = 2,   /* its head is there already: take what is above the mark */
  GEMEL_BATCH_GAP = 3,    /* something between mark and first is missing: ask from the mark */
} GemelBatchVerdict;

/* tidy: symbols: the noun is that of the folder that asks */
GemelBatchVerdict gemel_history_judge (guint64 mark,
                                       guint64 first_seq,
                                       guint64 last_seq);

const char *gemel_sync_plan_to_string (GemelSyncPlan plan);
const char *gemel_sync_reason_to_string (GemelSyncReason reason);

G_END_DECLS
