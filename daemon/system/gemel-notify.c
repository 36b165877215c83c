/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One datagram to the service manager. Nothing waits for it and nothing depends on it: a manager
 * that does not listen must not hold up a node.
 */
#include "system/gemel-notify.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Fills @address from the path, or name with a leading '@'; its length, 0 when it is neither. */
static socklen_t
fill_address (struct sockaddr_un *address,
              const char         *path)
{
  gsize n_bytes = strlen (path);

  if ((path[0] != '/' && path[0] != '@') || path[1] == '\0' || n_bytes >= sizeof address->sun_path)
    return 0;
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  memcpy (address->sun_path, path, n_bytes);
  if (path[0] == '@')
    address->sun_path[0] = '\0';
  return (socklen_t) (G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + n_bytes);
}

/**
 * gemel_notify:
 * @text: assignments, one a line: "READY=1\nSTATUS=..."
 *
 * Tells the service manager, if there is one that asks (NOTIFY_SOCKET). A message that it cannot
 * take at once is lost.
 *
 * Thread: any
 */
void
gemel_notify (const char *text)
{
  const char        *path = g_getenv ("NOTIFY_SOCKET");
  struct sockaddr_un address;
  socklen_t          n_address = path != NULL ? fill_address (&address, path) : 0;
  int                fd;

  if (n_address == 0)
    return;
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return;
  (void) sendto (fd, text, strlen (text), MSG_NOSIGNAL, (const struct sockaddr *) &address,
                 n_address);
  (void) close (fd);
}

/**
 * gemel_notify_get_watchdog_us:
 *
 * Returns: how often WATCHDOG=1 must be told at the latest, in µs; 0: nobody watches this process.
 * Thread: any
 */
gint64
gemel_notify_get_watchdog_us (void)
{
  const char *usec = g_getenv ("WATCHDOG_USEC");
  const char *pid = g_getenv ("WATCHDOG_PID");
  gint64      value;
  gint64      watched;

  if (usec == NULL || !g_ascii_string_to_signed (usec, 10, 1, G_MAXINT64, &value, NULL))
    return 0;
  if (pid == NULL)
    return value;
  /* The manager watches gemel-guard, which hands its environment to gemeld and leaves the feeding
   * to it: so the number may be that of the parent. */
  if (!g_ascii_string_to_signed (pid, 10, 1, G_MAXINT32, &watched, NULL) ||
      (watched != getpid () && watched != getppid ()))
    return 0;
  return value;
}
