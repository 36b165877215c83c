/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Who may do what over the bus. On the system bus root and the daemon's own user may do everything
 * and polkit decides about the others; on a private bus only the daemon's own user may do anything.
 * A caller is its unique name and the uid that the bus daemon vouches for, never a process id.
 * Main thread only; nothing here waits.
 */
#pragma once

#include "api/gemel-error.h"

G_BEGIN_DECLS

/* How many callers' uids are remembered at most; others are looked up for each call. */
#define GEMEL_AUTHORITY_SENDERS_MAX 256

/** What a method needs; each but NONE is a polkit action org.gemel.Gemel1.TOKEN. */
typedef enum
{
  GEMEL_RIGHT_NONE = 0,
  GEMEL_RIGHT_OPERATE = 1,   /* failover, re-sync, jobs */
  GEMEL_RIGHT_CONFIGURE = 2, /* settings, and writing of configuration, state and history */
  GEMEL_RIGHT_PAIR = 3,      /* inviting, joining, unpairing */
  GEMEL_RIGHT_READ_LOG = 4,  /* log lines and the values of what is kept in sync */
  GEMEL_RIGHT_DEBUG = 5,     /* levels of the log */
} GemelRight;

const char *gemel_right_get_action_id (GemelRight right);

typedef struct _GemelAuthority GemelAuthority;

GemelAuthority *gemel_authority_new (GDBusConnection *connection,
                                     gboolean         private_bus,
                                     GError         **error) G_GNUC_WARN_UNUSED_RESULT;
void            gemel_authority_unref (GemelAuthority *authority);
guint           gemel_authority_get_n_senders (GemelAuthority *authority);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelAuthority, gemel_authority_unref)

void     gemel_authority_check_async (GemelAuthority     *authority,
                                      const char         *sender, /* (nullable) */
                                      GemelRight          right,
                                      gboolean            interactive,
                                      GCancellable       *cancellable,
                                      GAsyncReadyCallback callback,
                                      gpointer            user_data);
gboolean gemel_authority_check_finish (GemelAuthority *authority,
                                       GAsyncResult   *result,
                                       GError        **error) G_GNUC_WARN_UNUSED_RESULT;

gboolean gemel_bus_is_system (GDBusConnection *connection) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
