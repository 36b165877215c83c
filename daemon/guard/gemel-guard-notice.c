/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The death notice on its way. Sends only; whether there is a proof, the caller knows.
 */
#include "guard/gemel-guard-notice.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* When each copy leaves, ms after the proof. */
static const gint64 copies_ms[] = { 0, 1, 5, 20, 100 };

/**
 * gemel_guard_notice_clear:
 * @notice: to disarm
 * Thread: main
 */
void
gemel_guard_notice_clear (GemelGuardNotice *notice)
{
  if (notice->udp_fd >= 0)
    (void) close (notice->udp_fd);
  explicit_bzero (notice, sizeof *notice);
  notice->udp_fd = -1;
}

/**
 * gemel_guard_notice_arm:
 * @notice: to arm, replacing what was there
 * @orders: from gemeld
 * @udp_fd: taken over
 * Thread: main
 */
void
gemel_guard_notice_arm (GemelGuardNotice       *notice,
                        const GemelGuardOrders *orders,
                        int                     udp_fd)
{
  gemel_guard_notice_clear (notice);
  notice->orders = *orders;
  notice->udp_fd = udp_fd;
}

/**
 * gemel_guard_notice_start:
 * @notice: armed, or nothing happens
 * @now_us: monotonic
 *
 * The proof is there: the copies may leave.
 * Thread: main
 */
void
gemel_guard_notice_start (GemelGuardNotice *notice,
                          gint64            now_us)
{
  if (notice->udp_fd >= 0)
    notice->started_us = now_us;
}

static void
send_copy (GemelGuardNotice *notice)
{
  g_autoptr (GBytes) datagram = gemel_death_notice_seal (&notice->orders, notice->n_sent + 1);
  gsize              size;
  gconstpointer      data;

  notice->n_sent++;
  if (datagram == NULL)
    return;
  data = g_bytes_get_data (datagram, &size);
  (void) sendto (notice->udp_fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *) (gconstpointer) notice->orders.peer_address,
                 (socklen_t) notice->orders.peer_address_size);
}

/**
 * gemel_guard_notice_run:
 * @notice: maybe under way
 * @now_us: monotonic
 *
 * Sends what is due; clears @notice after the last copy.
 *
 * Returns: when to call it again, monotonic µs; %G_MAXINT64: never.
 * Thread: main
 */
gint64
gemel_guard_notice_run (GemelGuardNotice *notice,
                        gint64            now_us)
{
  if (notice->started_us == 0)
    return G_MAXINT64;
  while (notice->n_sent < G_N_ELEMENTS (copies_ms))
    {
      gint64 due_us = notice->started_us + copies_ms[notice->n_sent] * 1000;

      if (due_us > now_us)
        return due_us;
      send_copy (notice);
    }
  gemel_guard_notice_clear (notice);
  return G_MAXINT64;
}

/**
 * gemel_guard_notice_describe:
 * @notice: armed
 *
 * Returns: (transfer full): "127.0.0.1:8061", for the log.
 * Thread: main
 */
char *
gemel_guard_notice_describe (const GemelGuardNotice *notice)
{
  struct sockaddr_storage address = { 0 };
  struct sockaddr_in      v4;
  struct sockaddr_in6     v6;
  char                    text[INET6_ADDRSTRLEN] = "?";

  memcpy (&address, notice->orders.peer_address,
          MIN (sizeof address, notice->orders.peer_address_size));
  if (address.ss_family == AF_INET)
    {
      memcpy (&v4, &address, sizeof v4);
      (void) inet_ntop (AF_INET, &v4.sin_addr, text, sizeof text);
      return g_strdup_printf ("%s:%u", text, ntohs (v4.sin_port));
    }
  memcpy (&v6, &address, sizeof v6);
  (void) inet_ntop (AF_INET6, &v6.sin6_addr, text, sizeof text);
  return g_strdup_printf ("[%s]:%u", text, ntohs (v6.sin6_port));
}
