/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl watch: the status page, live. On a terminal it is redrawn at each change and each second
 * until "q"; elsewhere each change is a line. It outlives a restart of the daemon.
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-view.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define TICK_MS            1000
#define SETTLE_MS          50 /* changes that come together are drawn together */
#define ENTER_SCREEN       "\033[?1049h\033[?25l"
#define LEAVE_SCREEN       "\033[?25h\033[?1049l"
#define HOME               "\033[H"
#define CLEAR_REST_OF_LINE "\033[K"
#define CLEAR_REST         "\033[J"

typedef struct
{
  GemelCtl      *ctl;
  GMainLoop     *loop;
  gboolean       all;
  gboolean       screen;
  int            left;    /* shows until the end; < 0: no end */
  guint          pending; /* source of a draw that waits */
  char          *said;    /* last line, so that it is not said twice */
  guint64        serial;
  GError        *error;
  struct termios terminal; /* as it was */
  gboolean       raw;
} Watch;

static void
count_down (Watch *watch)
{
  if (watch->left > 0 && --watch->left == 0)
    g_main_loop_quit (watch->loop);
}

static void
measure (GemelCtl *ctl,
         guint    *ret_rows)
{
  struct winsize size = { 0 };

  *ret_rows = 0;
  if (ioctl (STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
    return;
  ctl->width = size.ws_col;
  *ret_rows = size.ws_row;
}

/* Line by line over what stood there, so that nothing flickers. */
static void
draw (Watch      *watch,
      const char *page)
{
  g_auto (GStrv)   lines = NULL;
  g_autofree char *now = gemel_ctl_format_time (gemel_ctl_now_unix_us ());
  GString         *out = g_string_new (HOME);
  guint            rows;

  measure (watch->ctl, &rows);
  lines = g_strsplit (page, "\n", -1);
  for (guint i = 0; lines[i] != NULL && (rows == 0 || i + 2 < rows); i++)
    g_string_append_printf (out, "%s" CLEAR_REST_OF_LINE "\n", lines[i]);
  g_string_append_printf (out, CLEAR_REST "%s · q ends", now);
  g_print ("%s", out->str);
  (void) fflush (stdout);
  g_string_free (out, TRUE);
}

static void
say (Watch      *watch,
     const char *text,
     gboolean    always)
{
  g_autofree char *now = NULL;

  if (!always && g_strcmp0 (watch->said, text) == 0)
    return;
  g_free (watch->said);
  watch->said = g_strdup (text);
  now = gemel_ctl_format_time (gemel_ctl_now_unix_us ());
  g_print ("%s  %s\n", now, text);
  (void) fflush (stdout);
  count_down (watch);
}

static void
show_view (Watch              *watch,
           const GemelCtlView *view)
{
  GemelCtlStyle    style;
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;

  if (watch->ctl->json)
    {
      if (view->serial == watch->serial)
        return;
      watch->serial = view->serial;
      g_print ("%s\n", view->text);
      (void) fflush (stdout);
      count_down (watch);
      return;
    }
  if (watch->screen)
    {
      guint rows;

      measure (watch->ctl, &rows);
      text = gemel_ctl_view_render (view, watch->all, watch->ctl->width, watch->ctl->colour);
      draw (watch, text);
      count_down (watch);
      return;
    }
  text = gemel_ctl_view_sentence (view, &style);
  line = g_strdup_printf ("term %" G_GUINT64_FORMAT ": %s", view->self.term, text);
  say (watch, line, FALSE);
}

static void
show (Watch *watch)
{
  g_auto (GemelCtlView) view = { 0 };
  g_autoptr (GError)    local_error = NULL;

  if (gemel_ctl_view_load (watch->ctl, &view, &local_error))
    {
      show_view (watch, &view);
      return;
    }
  if (gemel_ctl_error_to_status (local_error) != GEMEL_CTL_NO_DAEMON)
    {
      watch->error = g_steal_pointer (&local_error);
      g_main_loop_quit (watch->loop);
      return;
    }
  if (watch->screen)
    draw (watch, "gemeld is not there; waiting for it.\n");
  else if (!watch->ctl->json)
    say (watch, "gemeld is not there; waiting for it.", FALSE);
}

static gboolean
on_pending (gpointer user_data)
{
  Watch *watch = user_data;

  watch->pending = 0;
  show (watch);
  return G_SOURCE_REMOVE;
}

static void
on_changed (GDBusConnection *connection,
            const char      *sender,
            const char      *path,
            const char      *interface,
            const char      *signal,
            GVariant        *parameters,
            gpointer         user_data)
{
  Watch *watch = user_data;

  /* Without a screen each change counts for itself. */
  if (!watch->screen)
    show (watch);
  else if (watch->pending == 0)
    watch->pending = g_timeout_add (SETTLE_MS, on_pending, watch);
}

static gboolean
on_tick (gpointer user_data)
{
  show (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_end (gpointer user_data)
{
  Watch *watch = user_data;

  g_main_loop_quit (watch->loop);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_key (int          fd,
        GIOCondition condition,
        gpointer     user_data)
{
  Watch *watch = user_data;
  char   key;

  if (read (fd, &key, 1) != 1)
    return G_SOURCE_REMOVE;
  if (key == 'q' || key == 'Q')
    g_main_loop_quit (watch->loop);
  return G_SOURCE_CONTINUE;
}

static guint
enter_screen (Watch *watch)
{
  struct termios raw;

  g_print (ENTER_SCREEN);
  if (isatty (STDIN_FILENO) != 1 || tcgetattr (STDIN_FILENO, &watch->terminal) != 0)
    return 0;
  raw = watch->terminal;
  raw.c_lflag &= ~((tcflag_t) ICANON | (tcflag_t) ECHO);
  watch->raw = tcsetattr (STDIN_FILENO, TCSANOW, &raw) == 0;
  return g_unix_fd_add (STDIN_FILENO, G_IO_IN, on_key, watch);
}

static void
leave_screen (Watch *watch)
{
  if (watch->raw)
    (void) tcsetattr (STDIN_FILENO, TCSANOW, &watch->terminal);
  g_print (LEAVE_SCREEN);
}

static void
run (Watch *watch)
{
  const guint changed = gemel_ctl_subscribe (watch->ctl, "org.freedesktop.DBus.Properties",
                                             "PropertiesChanged", NULL, on_changed, watch);
  const guint tick = g_timeout_add (TICK_MS, on_tick, watch);
  const guint interrupt = g_unix_signal_add (SIGINT, on_end, watch);
  const guint terminate = g_unix_signal_add (SIGTERM, on_end, watch);
  const guint key = watch->screen ? enter_screen (watch) : 0;
  GSource    *key_source = NULL;

  show (watch);
  if (watch->left != 0 && watch->error == NULL)
    g_main_loop_run (watch->loop);
  if (watch->screen)
    leave_screen (watch);
  key_source = key != 0 ? g_main_context_find_source_by_id (NULL, key) : NULL;
  if (key_source != NULL)
    g_source_destroy (key_source);
  if (watch->pending != 0)
    g_source_remove (watch->pending);
  g_source_remove (terminate);
  g_source_remove (interrupt);
  g_source_remove (tick);
  g_dbus_connection_signal_unsubscribe (watch->ctl->connection, changed);
  g_free (watch->said);
}

/**
 * gemel_ctl_watch:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the user ended it, or N were shown.
 * Thread: main
 */
gboolean
gemel_ctl_watch (GemelCtl *ctl,
                 char   ***args,
                 GError  **error)
{
  gboolean           all = FALSE;
  int                count = -1;
  const GOptionEntry entries[] = {
    { "all", 'a', 0, G_OPTION_ARG_NONE, &all, "Also show all counters", NULL },
    { "count", 'n', 0, G_OPTION_ARG_INT, &count, "End after N", "N" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_auto (GemelCtlView) first = { 0 };
  Watch                 watch = { .ctl = ctl, .loop = loop };

  if (!gemel_ctl_parse (ctl, entries, "", 0, 0, args, error))
    return FALSE;
  if (count == 0 || count < -1)
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "--count is 1 or more");
      return FALSE;
    }
  /* Without a daemon at the beginning the user should know at once. */
  if (!gemel_ctl_view_load (ctl, &first, error))
    return FALSE;
  watch.all = all;
  watch.left = count;
  watch.screen = ctl->tty && !ctl->json;
  run (&watch);
  if (watch.error == NULL)
    return TRUE;
  g_propagate_error (error, watch.error);
  return FALSE;
}
