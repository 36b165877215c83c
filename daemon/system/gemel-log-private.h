/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the files behind gemel-log.h share.
 */
#pragma once

#include "system/gemel-log.h"

G_BEGIN_DECLS

/** A line to be written, wherever it goes. */
typedef struct
{
  const char           *provider;
  GemelLogLevel         level;
  int                   priority; /* syslog's, 0..7 */
  gboolean              out;      /* for journal or stderr even without merge */
  const char           *message;  /* any bytes */
  const GemelEventInfo *event;    /* (nullable) */
  GemelCause            cause;    /* of the event */
  guint64               term;     /* of the event */
} GemelLogEntry;

/* One line of text out of any bytes: gemel-log-text.c */
char *gemel_log_dup_line (const char *text);

/* Where lines go beside the ring: gemel-log-output.c */
void gemel_log_output (const GemelLogEntry *entry,
                       const char          *line,
                       const char          *node_name,
                       gboolean             journal);

/* Ring and providers: gemel-log-ring.c. Not thread-safe: gemel-log.c holds its lock. */
typedef struct _GemelLogRing GemelLogRing;

GemelLogRing *gemel_log_ring_new (guint lines_max);
void          gemel_log_ring_free (GemelLogRing *ring);
gboolean      gemel_log_ring_wants (GemelLogRing *ring,
                                    const char   *provider,
                                    GemelLogLevel level,
                                    gboolean     *ret_merge);
void          gemel_log_ring_push (GemelLogRing *ring,
                                   const char   *provider,
                                   GemelLogLevel level,
                                   gint64        unix_us,
                                   const char   *line);
gboolean      gemel_log_ring_set_level (GemelLogRing *ring,
                                        const char   *provider,
                                        GemelLogLevel level,
                                        GError      **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean      gemel_log_ring_set_merge (GemelLogRing *ring,
                                        const char   *provider,
                                        gboolean      merge,
                                        GError      **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant     *gemel_log_ring_list (GemelLogRing *ring);
GVariant     *gemel_log_ring_query (GemelLogRing        *ring,
                                    const GemelLogQuery *query);
guint64       gemel_log_ring_get_dropped (GemelLogRing *ring);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelLogRing, gemel_log_ring_free)

G_END_DECLS
