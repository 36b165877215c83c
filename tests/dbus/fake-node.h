/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A node without a network or a disk: it fills GemelRequests, keeps what it was given in memory and
 * answers at once. sync, store and history are the same object, cast.
 */
#pragma once

#include "dbus/gemel-dbus.h"
#include "gemel-jobs.h"

G_BEGIN_DECLS

typedef struct
{
  GemelRequests  requests;
  GemelSnapshot *snapshot;
  GemelJobs     *jobs;
  GemelSettings *settings;
  GemelDbus     *dbus;    /* lent; told of jobs */
  GHashTable    *records; /* "provider key" -> GBytes */
  guint64        seq;

  /* What the last call brought. */
  GemelDurability   wanted;
  guint64           term;
  guint             n_ops;
  char             *text;
  GemelEventQuery   events;
  GemelHistoryQuery query;
  guint             n_points;

  guint    calls;   /* that reached the node */
  GError  *refusal; /* (nullable): every call fails with it */
  GTask   *held;    /* (nullable): a write that is answered later */
  gboolean hold;
  guint    value_bytes; /* of each record that List makes up; 0: the real ones */
} FakeNode;

FakeNode *fake_node_new (void);
void      fake_node_free (FakeNode *node);
void      fake_node_set_snapshot (FakeNode      *node,
                                  GemelSnapshot *snapshot);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (FakeNode, fake_node_free)

GemelSnapshot *fake_snapshot_new (guint64 serial);

G_END_DECLS
