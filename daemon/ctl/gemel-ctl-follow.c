/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * --follow: asks for what is new at each signal and twice a second besides, and outlives a restart
 * of the daemon. Ctrl-C or SIGTERM ends it.
 */
#include "ctl/gemel-ctl-follow.h"

#include "ctl/gemel-ctl-bus.h"

#include <glib-unix.h>
#include <signal.h>

#define ASK_MS 500

typedef struct
{
  GemelCtl        *ctl;
  GMainLoop       *loop;
  GemelCtlPrintNew print_new;
  gpointer         user_data;
  guint64          last;
  gboolean         gone; /* the daemon does not answer; said once */
  GError          *error;
} Follow;

static void
ask (Follow *follow)
{
  g_autoptr (GError) local_error = NULL;

  if (follow->print_new (follow->user_data, &follow->last, &local_error))
    {
      if (follow->gone)
        g_printerr ("gemelctl: gemeld is back\n");
      follow->gone = FALSE;
      return;
    }
  if (gemel_ctl_error_to_status (local_error) != GEMEL_CTL_NO_DAEMON)
    {
      follow->error = g_steal_pointer (&local_error);
      g_main_loop_quit (follow->loop);
      return;
    }
  if (!follow->gone)
    g_printerr ("gemelctl: gemeld is gone; waiting for it\n");
  follow->gone = TRUE;
}

static void
on_signal (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *signal,
           GVariant        *parameters,
           gpointer         user_data)
{
  ask (user_data);
}

static gboolean
on_tick (gpointer user_data)
{
  ask (user_data);
  return G_SOURCE_CONTINUE;
}

static gboolean
on_end (gpointer user_data)
{
  Follow *follow = user_data;

  g_main_loop_quit (follow->loop);
  return G_SOURCE_CONTINUE;
}

/**
 * gemel_ctl_follow:
 * @ctl: the frame
 * @interface: full name of an interface
 * @signal: (nullable): its signal that says that there is something new
 * @print_new: prints it
 * @user_data: for @print_new
 * @error: what @print_new said the first time, or later when it was not "no daemon"
 *
 * Returns: whether the user ended it.
 * Thread: main
 */
gboolean
gemel_ctl_follow (GemelCtl        *ctl,
                  const char      *interface,
                  const char      *signal,
                  GemelCtlPrintNew print_new,
                  gpointer         user_data,
                  GError         **error)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Follow                follow = { ctl, loop, print_new, user_data, 0, FALSE, NULL };
  guint                 subscription = 0;
  guint                 tick;
  guint                 interrupt;
  guint                 terminate;

  /* Without a daemon at the beginning there is nothing to follow. */
  if (!print_new (user_data, &follow.last, error))
    return FALSE;
  if (signal != NULL)
    subscription = gemel_ctl_subscribe (ctl, interface, signal, NULL, on_signal, &follow);
  tick = g_timeout_add (ASK_MS, on_tick, &follow);
  interrupt = g_unix_signal_add (SIGINT, on_end, &follow);
  terminate = g_unix_signal_add (SIGTERM, on_end, &follow);
  g_main_loop_run (loop);
  g_source_remove (terminate);
  g_source_remove (interrupt);
  g_source_remove (tick);
  if (subscription != 0)
    g_dbus_connection_signal_unsubscribe (ctl->connection, subscription);
  if (follow.error == NULL)
    return TRUE;
  g_propagate_error (error, follow.error);
  return FALSE;
}
