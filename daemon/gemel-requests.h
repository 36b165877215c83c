/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What a surface can ask of the node: the way in, as the snapshot is the way out. gemel-node fills
 * this table; dbus/ (and later http/) calls it after it has authorised the caller. Main thread.
 * Every async call has exactly one callback; errors are GEMEL_ERROR.
 */
#pragma once

#include "gemel-snapshot.h"
#include "store/gemel-node-db.h"
#include "system/gemel-settings.h"

G_BEGIN_DECLS

/** Long work that a person waits for; shown as a Job object on the bus. */
typedef struct _GemelJob GemelJob;
typedef struct
{
  guint64     id;
  const char *operation; /* "failover", "resync", "pair-join" ... */
  double      progress;  /* 0..1; < 0: unknown */
  const char *result;    /* "": running; "done", "failed", "cancelled", "unknown" */
  const char *message;   /* why it failed, or what it does now */
  gint64      started_unix_us;
  gboolean    cancellable;
} GemelJobInfo;

typedef struct
{
  gpointer node;

  GemelSnapshot *(*ref_snapshot) (gpointer node);

  /* Start a job; return its id, or 0 with @error. The job is seen through jobs_changed. */
  guint64 (*request_failover) (gpointer node, GError **error);
  guint64 (*force_active) (gpointer node, GError **error);
  guint64 (*force_resync) (gpointer node, const char *provider, GError **error);
  guint64 (*pair_join) (gpointer node, const char *code, GError **error);
  gboolean (*job_cancel) (gpointer node, guint64 id, GError **error);
  /* strings lent until the next main loop turn */
  gboolean (*job_get) (gpointer node, guint64 id, GemelJobInfo *ret_info);

  char *(*pair_invite) (gpointer    node,
                        const char *address,
                        gint64     *ret_expiry_unix_us,
                        GError    **error);
  void (*unpair_async) (gpointer node, GAsyncReadyCallback callback, gpointer user_data);

  void (*set_setting_async) (gpointer            node,
                             const char         *name,
                             const char         *value,
                             GAsyncReadyCallback callback,
                             gpointer            user_data);
  /* of unpair, set_setting */
  gboolean (*finish) (gpointer node, GAsyncResult *result, GError **error);
  GemelSettings *(*get_settings) (gpointer node);

  GemelSync *(*get_sync) (gpointer node);       /* config writes, state, doors */
  GemelConfigDb *(*get_config) (gpointer node); /* reads */
  GemelHistory *(*get_history) (gpointer node);
  GemelNodeDb *(*get_node_db) (gpointer node); /* events */
  /* Down-sampled series: a(xd) of unix µs and value, at most @points pairs. */
  GVariant *(*get_series) (gpointer    node,
                           const char *provider,
                           const char *series,
                           gint64      from_unix_us,
                           gint64      to_unix_us,
                           guint       points,
                           GError    **error);
  GVariant *(*describe_modules) (gpointer node);
} GemelRequests;

/** What the node tells its surfaces, in the main thread. */
typedef struct
{
  void (*snapshot_changed) (GemelSnapshot *snapshot, gpointer user_data);
  void (*event_added) (const GemelEvent *event, gpointer user_data); /* with its id */
  void (*job_changed) (guint64 id, gboolean gone, gpointer user_data);
  /* entries landed: last seq, NULL-terminated names */
  void (*config_changed) (guint64 seq, const char *const *providers, gpointer user_data);
} GemelSurface;

G_END_DECLS
