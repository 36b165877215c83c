/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the files of the state store share.
 */
#pragma once

#include "sync/gemel-state-table.h"

G_BEGIN_DECLS

struct _GemelStateStore
{
  GemelStatePosition         position;
  GHashTable                *by_name;   /* name (the provider's own) -> GemelStateProvider */
  GPtrArray                 *providers; /* owns them */
  guint64                    bytes;     /* of all present tables */
  guint64                    bytes_max;
  const GemelStateCallbacks *callbacks; /* (nullable) */
  gpointer                   user_data;

  /* Deltas, oldest first. The cursors point into the list; NULL: at its end. */
  GemelStateSegment *oldest;
  GemelStateSegment *newest;
  GemelStateSegment *unsent;
  GemelStateSegment *unconfirmed;
  guint64            buffer_bytes;
  guint64            buffer_bytes_max;
  gboolean           overflown;

  gboolean in_full; /* staged tables are being filled */
};

GemelStateProvider *gemel_state_store_ensure (GemelStateStore *store,
                                              const char      *name,
                                              gsize            size,
                                              GError         **error) G_GNUC_WARN_UNUSED_RESULT;
void                gemel_state_store_clear_buffer (GemelStateStore *store);
void                gemel_state_store_change_all (GemelStateStore    *store,
                                                  GemelStateProvider *provider,
                                                  GemelStateTable    *table,
                                                  const guint8       *ops,
                                                  gsize               size,
                                                  guint64             epoch,
                                                  guint64             first_seq);

G_END_DECLS
