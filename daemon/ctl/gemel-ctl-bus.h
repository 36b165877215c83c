/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The way to the daemon: calls, properties, signals, jobs.
 */
#pragma once

#include "ctl/gemel-ctl.h"

G_BEGIN_DECLS

#define GEMEL_CTL_PAGE 1000 /* records asked for at once; the daemon allows no more */

gboolean  gemel_ctl_connect (GemelCtl *ctl,
                             GError  **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *gemel_ctl_call (GemelCtl   *ctl,
                          const char *interface,
                          const char *method,
                          GVariant   *parameters,
                          const char *reply_type,
                          GError    **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *gemel_ctl_call_at (GemelCtl   *ctl,
                             const char *path,
                             const char *interface,
                             const char *method,
                             GVariant   *parameters,
                             const char *reply_type,
                             GError    **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *gemel_ctl_get_all (GemelCtl   *ctl,
                             const char *path,
                             const char *interface,
                             GError    **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *gemel_ctl_no_options (void);
char     *gemel_ctl_provider_path (const char *name);

guint gemel_ctl_subscribe (GemelCtl           *ctl,
                           const char         *interface,
                           const char         *signal,
                           const char         *path,
                           GDBusSignalCallback callback,
                           gpointer            user_data);

/** How a job ended; strings are owned. */
typedef struct
{
  char    *path;
  char    *operation;
  char    *result;
  char    *message;
  gint64   started_unix_us;
  gint64   took_us;
  gboolean running;
} GemelCtlJob;

void     gemel_ctl_job_clear (GemelCtlJob *job);
gboolean gemel_ctl_job_follow (GemelCtl    *ctl,
                               const char  *path,
                               GemelCtlJob *ret_job,
                               GError     **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_ctl_job_finish (GemelCtl    *ctl,
                               GemelCtlJob *job,
                               const char  *done_text,
                               GError     **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_ctl_job_print_started (GemelCtl   *ctl,
                                      const char *path);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GemelCtlJob, gemel_ctl_job_clear)

G_END_DECLS
