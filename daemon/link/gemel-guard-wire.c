/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Records between gemeld and gemel-guard, and the death notice (format: gemel-guard-wire.h).
 * Both programs are built with this file; it keeps no state and never blocks.
 */
#include "link/gemel-guard-wire.h"

#include "api/gemel-error.h"
#include "link/gemel-seal.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECORD_VERSION  1
#define ARM_FIXED_BYTES (2 + 16 + 32 + 8 + 8 + 2)
#define DEATH_WORD      "GEMEL-DEATH"
#define DEATH_WORD_SIZE (sizeof DEATH_WORD - 1)
#define DEATH_BYTES     (DEATH_WORD_SIZE + 16 + 8)

static void
append_u64 (GByteArray *to,
            guint64     value)
{
  guint64 little = GUINT64_TO_LE (value);

  g_byte_array_append (to, (const guint8 *) &little, sizeof little);
}

static guint64
get_u64 (const guint8 *at)
{
  guint64 little;

  memcpy (&little, at, sizeof little);
  return GUINT64_FROM_LE (little);
}

static void
set_errno_error (GError    **error,
                 const char *what,
                 int         code)
{
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_FAILED, "%s: %s", what, g_strerror (code));
}

/* @pass_fd: -1 or a descriptor that goes along. */
static gboolean
send_record (int           guard_fd,
             const guint8 *record,
             gsize         size,
             int           pass_fd,
             GError      **error)
{
  union
  {
    struct cmsghdr head;
    char           bytes[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct iovec  part = { (void *) record, size };
  struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
  gssize        n;

  if (pass_fd >= 0)
    {
      message.msg_control = control.bytes;
      message.msg_controllen = sizeof control.bytes;
      control.head.cmsg_level = SOL_SOCKET;
      control.head.cmsg_type = SCM_RIGHTS;
      control.head.cmsg_len = CMSG_LEN (sizeof (int));
      memcpy (CMSG_DATA (&control.head), &pass_fd, sizeof pass_fd);
    }
  do
    n = sendmsg (guard_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
  while (n < 0 && errno == EINTR);
  if (n == (gssize) size)
    return TRUE;
  set_errno_error (error, "cannot tell gemel-guard", n < 0 ? errno : EMSGSIZE);
  return FALSE;
}

/**
 * gemel_guard_send_arm:
 * @guard_fd: the inherited socket
 * @orders: what to do if this process dies
 * @udp_fd: socket of the heartbeats; stays the caller's
 * @error: return location
 *
 * Replaces earlier orders.
 *
 * Returns: %TRUE if the guard will read it.
 * Errors: GEMEL_ERROR_FAILED (the guard is gone or its socket is full),
 *   GEMEL_ERROR_INVALID_ARGS (address too long)
 * Thread: any
 */
gboolean
gemel_guard_send_arm (int                     guard_fd,
                      const GemelGuardOrders *orders,
                      int                     udp_fd,
                      GError                **error)
{
  g_autoptr (GByteArray) record = g_byte_array_new ();
  guint8                 head[2] = { 'A', RECORD_VERSION };
  guint16                address_size;
  gboolean               sent;

  if (orders->peer_address_size == 0 || orders->peer_address_size > sizeof orders->peer_address)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                           "address of the peer has an impossible size");
      return FALSE;
    }
  address_size = GUINT16_TO_LE ((guint16) orders->peer_address_size);
  g_byte_array_append (record, head, sizeof head);
  g_byte_array_append (record, orders->node_uuid, sizeof orders->node_uuid);
  g_byte_array_append (record, orders->key, sizeof orders->key);
  append_u64 (record, orders->session);
  append_u64 (record, orders->term);
  g_byte_array_append (record, (const guint8 *) &address_size, sizeof address_size);
  g_byte_array_append (record, orders->peer_address, (guint) orders->peer_address_size);
  sent = send_record (guard_fd, record->data, record->len, udp_fd, error);
  explicit_bzero (record->data, record->len);
  return sent;
}

/**
 * gemel_guard_send_disarm:
 * @guard_fd: the inherited socket
 * @error: return location
 *
 * Nothing is to be told when this process dies.
 *
 * Returns: %TRUE if the guard will read it.
 * Errors: GEMEL_ERROR_FAILED
 * Thread: any
 */
gboolean
gemel_guard_send_disarm (int      guard_fd,
                         GError **error)
{
  return send_record (guard_fd, (const guint8 *) "D", 1, -1, error);
}

/**
 * gemel_guard_send_stop:
 * @guard_fd: the inherited socket
 * @error: return location
 *
 * This process ends in order: not to be started again.
 *
 * Returns: %TRUE if the guard will read it.
 * Errors: GEMEL_ERROR_FAILED
 * Thread: any
 */
gboolean
gemel_guard_send_stop (int      guard_fd,
                       GError **error)
{
  return send_record (guard_fd, (const guint8 *) "S", 1, -1, error);
}

static gboolean
parse_arm (const guint8     *record,
           gsize             size,
           GemelGuardOrders *ret_orders)
{
  const guint8 *at = record + 2;
  guint16       address_size;

  if (size < ARM_FIXED_BYTES || record[1] != RECORD_VERSION)
    return FALSE;
  memset (ret_orders, 0, sizeof *ret_orders);
  memcpy (ret_orders->node_uuid, at, 16);
  memcpy (ret_orders->key, at + 16, 32);
  ret_orders->session = get_u64 (at + 48);
  ret_orders->term = get_u64 (at + 56);
  memcpy (&address_size, at + 64, sizeof address_size);
  ret_orders->peer_address_size = GUINT16_FROM_LE (address_size);
  if (ret_orders->peer_address_size > sizeof ret_orders->peer_address ||
      ret_orders->peer_address_size == 0 ||
      size != ARM_FIXED_BYTES + ret_orders->peer_address_size)
    return FALSE;
  memcpy (ret_orders->peer_address, at + 66, ret_orders->peer_address_size);
  return TRUE;
}

static gboolean
parse_record (const guint8     *record,
              gsize             size,
              gboolean          has_fd,
              GemelGuardRecord *ret_record,
              GemelGuardOrders *ret_orders)
{
  if (record[0] == 'A' && has_fd && parse_arm (record, size, ret_orders))
    *ret_record = GEMEL_GUARD_RECORD_ARM;
  else if (record[0] == 'D' && size == 1)
    *ret_record = GEMEL_GUARD_RECORD_DISARM;
  else if (record[0] == 'S' && size == 1)
    *ret_record = GEMEL_GUARD_RECORD_STOP;
  else
    return FALSE;
  return TRUE;
}

static int
passed_fd (struct msghdr *message)
{
  struct cmsghdr *head = CMSG_FIRSTHDR (message);
  int             fd = -1;

  if (head != NULL && head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS &&
      head->cmsg_len == CMSG_LEN (sizeof (int)))
    memcpy (&fd, CMSG_DATA (head), sizeof fd);
  return fd;
}

/**
 * gemel_guard_receive:
 * @fd: the guard's end of the pair
 * @ret_record: (out): what came
 * @ret_orders: (out): set for %GEMEL_GUARD_RECORD_ARM
 * @ret_udp_fd: (out): for the same, owned by the caller; else -1
 * @error: return location
 *
 * Reads one record without waiting.
 *
 * Returns: %FALSE when the record makes no sense or the socket is broken.
 * Errors: GEMEL_ERROR_PROTOCOL, GEMEL_ERROR_FAILED
 * Thread: any
 */
gboolean
gemel_guard_receive (int               fd,
                     GemelGuardRecord *ret_record,
                     GemelGuardOrders *ret_orders,
                     int              *ret_udp_fd,
                     GError          **error)
{
  guint8 record[GEMEL_GUARD_RECORD_BYTES_MAX];
  union
  {
    struct cmsghdr head;
    char           bytes[CMSG_SPACE (sizeof (int))];
  } control = { 0 };
  struct iovec  part = { record, sizeof record };
  struct msghdr message = { .msg_iov = &part,
                            .msg_iovlen = 1,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes };
  gssize        n;
  int           udp_fd;

  *ret_udp_fd = -1;
  do
    n = recvmsg (fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (n < 0 && errno == EINTR);
  if (n < 0 && (errno == EAGAIN || errno == ECONNRESET))
    {
      *ret_record = errno == EAGAIN ? GEMEL_GUARD_RECORD_NONE : GEMEL_GUARD_RECORD_CLOSED;
      return TRUE;
    }
  if (n < 0)
    {
      set_errno_error (error, "cannot read what gemeld says", errno);
      return FALSE;
    }
  if (n == 0)
    {
      *ret_record = GEMEL_GUARD_RECORD_CLOSED;
      return TRUE;
    }
  udp_fd = passed_fd (&message);
  if (!parse_record (record, (gsize) n, udp_fd >= 0, ret_record, ret_orders))
    {
      if (udp_fd >= 0)
        (void) close (udp_fd);
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL,
                   "record of %" G_GSSIZE_FORMAT " bytes from gemeld makes no sense", n);
      return FALSE;
    }
  explicit_bzero (record, sizeof record);
  *ret_udp_fd = udp_fd;
  return TRUE;
}

/**
 * gemel_death_notice_seal:
 * @orders: the last orders of the process that died
 * @counter: another one for each copy
 *
 * Returns: (transfer full) (nullable): the datagram; %NULL when the cipher cannot be used.
 * Thread: any
 */
GBytes *
gemel_death_notice_seal (const GemelGuardOrders *orders,
                         guint64                 counter)
{
  g_autoptr (GByteArray) body = g_byte_array_new ();
  guint8                 datagram[GEMEL_DATAGRAM_BYTES_MAX];
  gsize                  size;

  g_byte_array_append (body, (const guint8 *) DEATH_WORD, DEATH_WORD_SIZE);
  g_byte_array_append (body, orders->node_uuid, sizeof orders->node_uuid);
  append_u64 (body, orders->term);
  if (!gemel_seal_close (GEMEL_SEAL_DEATH, orders->key, orders->session, counter, body->data,
                         body->len, datagram, &size, NULL))
    return NULL;
  return g_bytes_new (datagram, size);
}

/**
 * gemel_death_notice_open:
 * @datagram: as received, from any address
 * @size: bytes
 * @key: notice key that the peer gave in @session
 * @session: of the peer
 * @node_uuid: of the peer
 * @ret_term: (out): the term that is dead
 * @error: return location
 *
 * Returns: %TRUE if the peer's guard said so.
 * Errors: GEMEL_ERROR_IDENTITY
 * Thread: any
 */
gboolean
gemel_death_notice_open (const guint8 *datagram,
                         gsize         size,
                         const guint8  key[32],
                         guint64       session,
                         const guint8  node_uuid[16],
                         guint64      *ret_term,
                         GError      **error)
{
  guint8  body[GEMEL_DATAGRAM_BYTES_MAX];
  gsize   body_size;
  guint64 counter;

  if (!gemel_seal_open (GEMEL_SEAL_DEATH, key, session, datagram, size, body, &body_size, &counter,
                        error))
    return FALSE;
  if (body_size != DEATH_BYTES || memcmp (body, DEATH_WORD, DEATH_WORD_SIZE) != 0 ||
      memcmp (body + DEATH_WORD_SIZE, node_uuid, 16) != 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                           "death notice is not about the peer");
      return FALSE;
    }
  *ret_term = get_u64 (body + DEATH_WORD_SIZE + 16);
  return TRUE;
}
