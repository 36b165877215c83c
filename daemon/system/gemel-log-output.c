/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Writes a line to the system journal, with fields, or to stderr as text. All fields are strings
 * and carry their length, so none of them can be read past its end.
 */
#include "system/gemel-log-private.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FIELDS_MAX 12

typedef struct
{
  GLogField v[FIELDS_MAX];
  gsize     n;
} Fields;

static void
add_field (Fields     *fields,
           const char *key,
           const char *value)
{
  if (fields->n >= FIELDS_MAX || value == NULL || *value == '\0')
    return;
  fields->v[fields->n].key = key;
  fields->v[fields->n].value = value;
  fields->v[fields->n].length = (gssize) strlen (value);
  fields->n++;
}

static void
write_journal (const GemelLogEntry *entry,
               const char          *line,
               const char          *node_name)
{
  Fields fields = { .n = 0 };
  char   priority[2] = { (char) ('0' + entry->priority), '\0' };
  char   term[24];

  g_snprintf (term, sizeof term, "%" G_GUINT64_FORMAT, entry->term);
  add_field (&fields, "MESSAGE", line);
  add_field (&fields, "PRIORITY", priority);
  add_field (&fields, "SYSLOG_IDENTIFIER", "gemeld");
  add_field (&fields, "GEMEL_NODE", node_name);
  add_field (&fields, "GEMEL_PROVIDER", entry->provider);
  if (entry->event != NULL)
    {
      add_field (&fields, "MESSAGE_ID", entry->event->message_id);
      add_field (&fields, "GEMEL_EVENT", entry->event->token);
      add_field (&fields, "GEMEL_REASON", gemel_cause_to_string (entry->cause));
      add_field (&fields, "GEMEL_TERM", term);
    }
  (void) g_log_writer_journald (G_LOG_LEVEL_MESSAGE, fields.v, fields.n, NULL);
}

/* One call of write (2) a line, so that lines of several threads do not mix. */
static void
write_stderr (const char *provider,
              const char *line)
{
  g_autofree char *text = g_strdup_printf ("gemeld: %s: %s\n", provider, line);
  const char      *p = text;
  gsize            left = strlen (text);

  while (left > 0)
    {
      gssize n_bytes = write (STDERR_FILENO, p, left);

      if (n_bytes < 0 && errno == EINTR)
        continue;
      if (n_bytes <= 0)
        return;
      p += n_bytes;
      left -= (gsize) n_bytes;
    }
}

/**
 * gemel_log_output:
 * @entry: what is logged
 * @line: its text as one harmless line
 * @node_name: (nullable): this node
 * @journal: whether stderr is the system journal
 *
 * Errors have nowhere to go and are ignored.
 *
 * Thread: any; may wait for a reader of stderr, so no lock is held here
 */
void
gemel_log_output (const GemelLogEntry *entry,
                  const char          *line,
                  const char          *node_name,
                  gboolean             journal)
{
  if (journal)
    write_journal (entry, line, node_name);
  else
    write_stderr (entry->provider, line);
}
