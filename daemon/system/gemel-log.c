/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The way in of every line. The log is the one thing that the whole process shares, because GLib
 * and libraries write to it too; one lock keeps it, and is not held while a line goes out.
 *
 * Lines do not pass through GLib's logger on their way out (a field that is no string crashes it,
 * and its fatal levels would let an operator's error abort the node); GLib's own lines come in
 * through the writer function.
 */
#include "api/gemel-error.h"
#include "system/gemel-clock.h"
#include "system/gemel-log-private.h"

#include <string.h>
#include <unistd.h>

#define LINES_BEFORE_INIT_MAX 100

/* clang-format off */
static const char *const level_tokens[] = {
  [GEMEL_LOG_TRACE] = "trace",
  [GEMEL_LOG_DEBUG] = "debug",
  [GEMEL_LOG_INFO] = "info",
  [GEMEL_LOG_WARNING] = "warning",
  [GEMEL_LOG_ERROR] = "error",
};

/* syslog (3) */
static const int level_priorities[] = {
  [GEMEL_LOG_TRACE] = 7,
  [GEMEL_LOG_DEBUG] = 7,
  [GEMEL_LOG_INFO] = 6,
  [GEMEL_LOG_WARNING] = 4,
  [GEMEL_LOG_ERROR] = 3,
};
/* clang-format on */

typedef struct
{
  GMutex        lock;
  GemelLogRing *ring;
  char         *node_name;
  gboolean      to_stderr;
  gboolean      journal;
  gboolean      writer_set;
} Log;

static Log the_log; /* tidy: static-mutable: the process has one log, guarded by its lock */

/**
 * gemel_log_level_to_string:
 * @level: a level
 *
 * Returns: (transfer none): its token, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_log_level_to_string (GemelLogLevel level)
{
  return (gsize) level < G_N_ELEMENTS (level_tokens) ? level_tokens[level] : "unknown";
}

/**
 * gemel_log_level_from_string:
 * @text: (nullable): a token
 * @ret_level: (out): the level, written only on success
 *
 * Returns: %FALSE when @text is no level.
 * Thread: any
 */
gboolean
gemel_log_level_from_string (const char    *text,
                             GemelLogLevel *ret_level)
{
  for (guint i = 0; text != NULL && i < G_N_ELEMENTS (level_tokens); i++)
    {
      if (g_str_equal (level_tokens[i], text))
        {
          *ret_level = (GemelLogLevel) i;
          return TRUE;
        }
    }
  return FALSE;
}

/* With the lock held: what was logged before main () set up the log is kept too. */
static GemelLogRing *
ensure_ring (void)
{
  if (the_log.ring == NULL)
    the_log.ring = gemel_log_ring_new (LINES_BEFORE_INIT_MAX);
  return the_log.ring;
}

static void
log_entry (const GemelLogEntry *entry)
{
  g_autofree char *line = NULL;
  g_autofree char *node_name = NULL;
  gboolean         out;
  gboolean         journal;
  gboolean         merge;
  gboolean         wanted;

  g_mutex_lock (&the_log.lock);
  wanted = gemel_log_ring_wants (ensure_ring (), entry->provider, entry->level, &merge);
  out = (entry->out || merge) && the_log.to_stderr;
  journal = the_log.journal;
  if (wanted || entry->event != NULL)
    {
      line = gemel_log_dup_line (entry->message);
      gemel_log_ring_push (the_log.ring, entry->provider, entry->level, gemel_clock_unix_us (),
                           line);
      node_name = out ? g_strdup (the_log.node_name) : NULL;
    }
  g_mutex_unlock (&the_log.lock);

  if (line != NULL && out)
    gemel_log_output (entry, line, node_name, journal);
}

static GemelLogLevel
level_of_glib (GLogLevelFlags flags)
{
  if ((flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) != 0)
    return GEMEL_LOG_ERROR;
  if ((flags & G_LOG_LEVEL_WARNING) != 0)
    return GEMEL_LOG_WARNING;
  if ((flags & (G_LOG_LEVEL_MESSAGE | G_LOG_LEVEL_INFO)) != 0)
    return GEMEL_LOG_INFO;
  return GEMEL_LOG_DEBUG;
}

static char *
dup_field (const GLogField *fields,
           gsize            n_fields,
           const char      *key)
{
  for (gsize i = 0; i < n_fields; i++)
    {
      if (strcmp (fields[i].key, key) == 0)
        return fields[i].length < 0 ? g_strdup (fields[i].value)
                                    : g_strndup (fields[i].value, (gsize) fields[i].length);
    }
  return NULL;
}

/* What GLib and libraries log. */
static GLogWriterOutput
write_glib (GLogLevelFlags   flags,
            const GLogField *fields,
            gsize            n_fields,
            gpointer         user_data)
{
  g_autofree char *message = dup_field (fields, n_fields, "MESSAGE");
  g_autofree char *domain = dup_field (fields, n_fields, "GLIB_DOMAIN");
  g_autofree char *text = NULL;
  GemelLogEntry    entry = { .provider = "glib", .level = level_of_glib (flags) };

  text = g_strdup_printf ("%s: %s", domain != NULL ? domain : "default",
                          message != NULL ? message : "");
  entry.priority = level_priorities[entry.level];
  entry.out = (flags & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING |
                        G_LOG_LEVEL_MESSAGE)) != 0;
  entry.message = text;
  log_entry (&entry);
  return G_LOG_WRITER_HANDLED;
}

/**
 * gemel_log_init:
 * @node_name: this node, a field of every line in the journal
 * @ring_lines_max: how many lines are kept
 * @to_stderr: whether lines also go to the journal, if stderr is that, or to stderr
 *
 * Sets up the log and takes over what GLib logs. Lines of before are forgotten.
 *
 * Thread: main, before there are others
 */
void
gemel_log_init (const char *node_name,
                guint       ring_lines_max,
                gboolean    to_stderr)
{
  gboolean set_writer;

  g_mutex_lock (&the_log.lock);
  gemel_log_ring_free (the_log.ring);
  the_log.ring = gemel_log_ring_new (ring_lines_max);
  g_free (the_log.node_name);
  the_log.node_name = g_strdup (node_name);
  the_log.to_stderr = to_stderr;
  the_log.journal = g_log_writer_is_journald (STDERR_FILENO);
  set_writer = !the_log.writer_set;
  the_log.writer_set = TRUE;
  g_mutex_unlock (&the_log.lock);

  /* GLib allows this once in a process. */
  if (set_writer)
    g_log_set_writer_func (write_glib, NULL, NULL);
}

/**
 * gemel_log:
 * @provider: who logs: "link", "module/sysmon"
 * @level: how grave it is
 * @format: printf () format of a text without newline, full stop and secrets
 * @...: its arguments
 *
 * Thread: any
 */
void
gemel_log (const char   *provider,
           GemelLogLevel level,
           const char   *format,
           ...)
{
  g_autofree char *message = NULL;
  GemelLogLevel    known = CLAMP (level, GEMEL_LOG_TRACE, GEMEL_LOG_ERROR);
  GemelLogEntry    entry = { .provider = provider, .level = known };
  va_list          args;

  va_start (args, format);
  message = g_strdup_vprintf (format, args);
  va_end (args);
  entry.priority = level_priorities[known];
  entry.out = known >= GEMEL_LOG_WARNING;
  entry.message = message;
  log_entry (&entry);
}

/**
 * gemel_log_error:
 * @provider: who logs
 * @doing: what was tried: "opening the journal"
 * @error: (nullable): why it failed
 *
 * Thread: any
 */
void
gemel_log_error (const char   *provider,
                 const char   *doing,
                 const GError *error)
{
  gemel_log (provider, GEMEL_LOG_ERROR, "%s: %s", doing,
             error != NULL ? error->message : "unknown error");
}

/**
 * gemel_log_event:
 * @code: what happened
 * @cause: why, %GEMEL_CAUSE_NONE when that says nothing
 * @term: in which term, 0 when that says nothing
 * @message: in words
 *
 * Events always are lines of the log and of the journal, whatever the level of "event" is.
 *
 * Thread: any
 */
void
gemel_log_event (GemelEventCode code,
                 GemelCause     cause,
                 guint64        term,
                 const char    *message)
{
  GemelLogEntry entry = {
    .provider = "event", .out = TRUE, .message = message, .cause = cause, .term = term
  };

  entry.event = gemel_event_info (code);
  entry.level = GEMEL_LOG_INFO;
  entry.priority = 6;
  if (entry.event != NULL)
    {
      switch (entry.event->severity)
        {
        case GEMEL_SEVERITY_INFO:
          break;
        case GEMEL_SEVERITY_NOTICE:
          entry.priority = 5;
          break;
        case GEMEL_SEVERITY_WARNING:
          entry.level = GEMEL_LOG_WARNING;
          entry.priority = 4;
          break;
        case GEMEL_SEVERITY_CRITICAL:
          entry.level = GEMEL_LOG_ERROR;
          entry.priority = 2;
          break;
        }
    }
  log_entry (&entry);
}

/**
 * gemel_log_set_level:
 * @provider: a provider, or "*" for all
 * @level: the least level of the lines that are kept
 * @error: return location
 *
 * Returns: whether it is in force.
 * Errors: %GEMEL_ERROR_NOT_FOUND for a provider that does not exist, %GEMEL_ERROR_LIMIT,
 *   %GEMEL_ERROR_INVALID_ARGS for a level that does not exist.
 * Thread: any
 */
gboolean
gemel_log_set_level (const char   *provider,
                     GemelLogLevel level,
                     GError      **error)
{
  gboolean done;

  if ((gsize) level >= G_N_ELEMENTS (level_tokens))
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                           "there is no such level; give trace, debug, info, warning or error");
      return FALSE;
    }
  g_mutex_lock (&the_log.lock);
  done = gemel_log_ring_set_level (ensure_ring (), provider, level, error);
  g_mutex_unlock (&the_log.lock);
  return done;
}

/**
 * gemel_log_set_merge:
 * @provider: a provider, or "*" for all
 * @merge: whether all its lines go to the journal too
 * @error: return location
 *
 * Returns: whether it is in force.
 * Errors: %GEMEL_ERROR_NOT_FOUND for a provider that does not exist, %GEMEL_ERROR_LIMIT
 * Thread: any
 */
gboolean
gemel_log_set_merge (const char *provider,
                     gboolean    merge,
                     GError    **error)
{
  gboolean done;

  g_mutex_lock (&the_log.lock);
  done = gemel_log_ring_set_merge (ensure_ring (), provider, merge, error);
  g_mutex_unlock (&the_log.lock);
  return done;
}

/**
 * gemel_log_list_providers:
 *
 * Returns: (transfer floating): a(ssb): provider, level, merge.
 * Thread: any
 */
GVariant *
gemel_log_list_providers (void)
{
  GVariant *list;

  g_mutex_lock (&the_log.lock);
  list = gemel_log_ring_list (ensure_ring ());
  g_mutex_unlock (&the_log.lock);
  return list;
}

/**
 * gemel_log_query:
 * @query: which lines
 *
 * Returns: (transfer floating): a(txsss): id, unix µs, provider, level, message; oldest first, at
 *   most %GEMEL_LOG_QUERY_LINES_MAX.
 * Thread: any
 */
GVariant *
gemel_log_query (const GemelLogQuery *query)
{
  GVariant *lines;

  g_mutex_lock (&the_log.lock);
  lines = gemel_log_ring_query (ensure_ring (), query);
  g_mutex_unlock (&the_log.lock);
  return lines;
}

/**
 * gemel_log_get_dropped:
 *
 * Returns: how many lines left the ring because of its bounds.
 * Thread: any
 */
guint64
gemel_log_get_dropped (void)
{
  guint64 dropped;

  g_mutex_lock (&the_log.lock);
  dropped = gemel_log_ring_get_dropped (ensure_ring ());
  g_mutex_unlock (&the_log.lock);
  return dropped;
}
