/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Long work that a person waits for. A job is kept for five minutes after its end, so that a late
 * look still finds the result. At most GEMEL_JOBS_MAX. Main thread.
 */
#pragma once

#include "gemel-requests.h"

G_BEGIN_DECLS

#define GEMEL_JOBS_MAX 32

typedef struct _GemelJobs GemelJobs;
typedef void (*GemelJobsChanged) (guint64  id,
                                  gboolean gone,
                                  gpointer user_data);

GemelJobs    *gemel_jobs_new (GemelJobsChanged changed,
                              gpointer         user_data);
void          gemel_jobs_free (GemelJobs *jobs);
guint64       gemel_jobs_begin (GemelJobs  *jobs,
                                const char *operation,
                                gboolean    cancellable,
                                GError    **error) G_GNUC_WARN_UNUSED_RESULT; /* 0 with LIMIT */
void          gemel_jobs_report (GemelJobs  *jobs,
                                 guint64     id,
                                 double      progress,
                                 const char *message);
void          gemel_jobs_end (GemelJobs  *jobs,
                              guint64     id,
                              const char *result,
                              const char *message);
gboolean      gemel_jobs_get (GemelJobs    *jobs,
                              guint64       id,
                              GemelJobInfo *ret_info);
GCancellable *gemel_jobs_get_cancellable (GemelJobs *jobs,
                                          guint64    id); /* (nullable), lent */
guint64       gemel_jobs_find_running (GemelJobs  *jobs,
                                       const char *operation); /* 0: none */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelJobs, gemel_jobs_free)

G_END_DECLS
