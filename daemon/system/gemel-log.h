/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The only file that calls GLib's log API. Every line has a provider ("core", "link", "config",
 * "state", "history", "dbus", "module", "store" ...), goes into a bounded ring that D-Bus pages
 * through if its level is enabled for that provider, and on to the journal or stderr when it is at
 * least `message` or its provider is set to merge. Any thread may log; never secrets.
 */
#pragma once

#include "api/gemel-enums.h"
#include <gio/gio.h>

G_BEGIN_DECLS

typedef enum
{
  GEMEL_LOG_TRACE = 0,
  GEMEL_LOG_DEBUG = 1,
  GEMEL_LOG_INFO = 2,
  GEMEL_LOG_WARNING = 3,
  GEMEL_LOG_ERROR = 4,
} GemelLogLevel;

#define GEMEL_LOG_LINE_BYTES_MAX  4096              /* a longer line is cut */
#define GEMEL_LOG_RING_BYTES_MAX  (8 * 1024 * 1024) /* text kept, whatever the number of lines */
#define GEMEL_LOG_PROVIDERS_MAX   256               /* more are logged as "other" */
#define GEMEL_LOG_QUERY_LINES_MAX 1000              /* of one answer; a limit of 0 means this */

const char *gemel_log_level_to_string (GemelLogLevel level);
gboolean    gemel_log_level_from_string (const char    *text,
                                         GemelLogLevel *ret_level) G_GNUC_WARN_UNUSED_RESULT;

void gemel_log_init (const char *node_name,
                     guint       ring_lines_max,
                     gboolean    to_stderr); /* once, in main () */
void gemel_log (const char   *provider,
                GemelLogLevel level,
                const char   *format,
                ...) G_GNUC_PRINTF (3, 4);
void gemel_log_error (const char   *provider,
                      const char   *doing,
                      const GError *error);
/* An event also is a journal line with its MESSAGE_ID and fields. */
void gemel_log_event (GemelEventCode code,
                      GemelCause     cause,
                      guint64        term,
                      const char    *message);

gboolean gemel_log_set_level (const char   *provider, /* "*": all */
                              GemelLogLevel level,
                              GError      **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_log_set_merge (const char *provider,
                              gboolean    merge,
                              GError    **error) G_GNUC_WARN_UNUSED_RESULT;
/* a(ssb): provider, level, merge */
GVariant *gemel_log_list_providers (void);

typedef struct
{
  guint64       after_id;  /* not 0: the oldest lines after it, for who follows */
  guint64       before_id; /* not 0: only lines before it; without after_id the newest ones */
  GemelLogLevel level_min;
  const char   *provider; /* (nullable): all */
  const char   *text;     /* (nullable): must occur in the message */
  guint         limit;
} GemelLogQuery;
/* a(txsss): id, unix µs, provider, level, message; oldest first */
GVariant *gemel_log_query (const GemelLogQuery *query);
guint64   gemel_log_get_dropped (void); /* lines that left the ring because of its bounds */

G_END_DECLS
