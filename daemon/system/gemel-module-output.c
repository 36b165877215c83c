/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What a module writes to stdout and stderr becomes lines of the log, provider "module/NAME".
 *
 * The pipe is always read, so a module never waits for the log; lines above the rate are counted
 * and the count is logged, a line without end is cut.
 */
#include "system/gemel-clock.h"
#include "system/gemel-log.h"
#include "system/gemel-module-private.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES           4096
#define LINES_PER_WINDOW_MAX 200
#define WINDOW_US            (10 * G_USEC_PER_SEC)
#define READS_PER_TURN_MAX   16

struct _GemelModuleOutput
{
  char    *provider; /* "module/NAME" */
  int      fd;       /* the reading end, owned */
  GSource *source;
  GString *line;    /* begun and not ended, at most GEMEL_LOG_LINE_BYTES_MAX */
  gboolean cutting; /* the rest of an overlong line is passed over */
  gint64   window_start_us;
  guint    window_lines;
  guint64  dropped; /* in this window */
};

static void
report_dropped (GemelModuleOutput *output)
{
  if (output->dropped > 0)
    gemel_log (output->provider, GEMEL_LOG_WARNING,
               "%" G_GUINT64_FORMAT " lines were not kept: more than %d in %d s", output->dropped,
               LINES_PER_WINDOW_MAX, (int) (WINDOW_US / G_USEC_PER_SEC));
  output->dropped = 0;
}

static void
end_line (GemelModuleOutput *output)
{
  gint64 now_us = gemel_clock_boot_us ();

  if (now_us - output->window_start_us >= WINDOW_US)
    {
      report_dropped (output);
      output->window_start_us = now_us;
      output->window_lines = 0;
    }
  if (output->line->len > 0)
    {
      if (output->window_lines++ < LINES_PER_WINDOW_MAX)
        gemel_log (output->provider, GEMEL_LOG_INFO, "%s", output->line->str);
      else
        output->dropped++;
    }
  g_string_truncate (output->line, 0);
  output->cutting = FALSE;
}

static void
take_bytes (GemelModuleOutput *output,
            const char        *bytes,
            gsize              n_bytes)
{
  for (gsize i = 0; i < n_bytes; i++)
    {
      if (bytes[i] == '\n')
        {
          end_line (output);
          continue;
        }
      if (output->cutting)
        continue;
      /* A zero would end the text: it is shown as what it is not allowed to be. */
      g_string_append_c (output->line, bytes[i] == '\0' ? '\x01' : bytes[i]);
      output->cutting = output->line->len > GEMEL_LOG_LINE_BYTES_MAX;
    }
}

/* Reads what is there, bounded; FALSE at the end. */
static gboolean
read_some (GemelModuleOutput *output)
{
  char bytes[READ_BYTES];

  for (guint i = 0; i < READS_PER_TURN_MAX; i++)
    {
      gssize n_bytes = read (output->fd, bytes, sizeof bytes);

      if (n_bytes < 0 && errno == EINTR)
        continue;
      if (n_bytes < 0)
        return errno == EAGAIN;
      if (n_bytes == 0)
        return FALSE;
      take_bytes (output, bytes, (gsize) n_bytes);
    }
  return TRUE;
}

static gboolean
on_readable (gint         fd,
             GIOCondition condition,
             gpointer     user_data)
{
  return read_some (user_data) ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/**
 * gemel_module_output_new:
 * @module_name: the module
 * @fd: (transfer full): the reading end of its output, not blocking
 *
 * Returns: (transfer full): what reads it, in the default main context, until it is freed.
 * Thread: main
 */
GemelModuleOutput *
gemel_module_output_new (const char *module_name,
                         int         fd)
{
  GemelModuleOutput *output = g_new0 (GemelModuleOutput, 1);

  output->provider = g_strconcat ("module/", module_name, NULL);
  output->fd = fd;
  output->line = g_string_new (NULL);
  output->window_start_us = gemel_clock_boot_us ();
  output->source = g_unix_fd_source_new (fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_priority (output->source, G_PRIORITY_DEFAULT_IDLE);
  g_source_set_callback (output->source, (GSourceFunc) (void (*) (void)) on_readable, output, NULL);
  (void) g_source_attach (output->source, NULL);
  return output;
}

/**
 * gemel_module_output_free:
 * @output: (transfer full) (nullable): what to free
 *
 * Logs what the module wrote last and closes the pipe.
 *
 * Thread: main
 */
void
gemel_module_output_free (GemelModuleOutput *output)
{
  if (output == NULL)
    return;
  (void) read_some (output);
  end_line (output);
  report_dropped (output);
  g_source_destroy (output->source);
  g_source_unref (output->source);
  (void) close (output->fd);
  g_string_free (output->line, TRUE);
  g_free (output->provider);
  g_free (output);
}
