/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the adapters of one bus share. Each adapter has a _new that makes the skeleton and connects
 * its methods, and a _render that copies its part of the snapshot into it.
 */
#pragma once

#include "dbus/gemel-bus-call.h"
#include "dbus/gemel-bus-generated.h"
#include "dbus/gemel-dbus.h"

G_BEGIN_DECLS

/* How long and how many: a late reader must still find what became of a job. */
#define GEMEL_BUS_JOB_KEEP_SECONDS  300
#define GEMEL_BUS_JOBS_FINISHED_MAX 32
#define GEMEL_BUS_JOBS_RUNNING_MAX  32

typedef struct _GemelBusJobs      GemelBusJobs;
typedef struct _GemelBusProviders GemelBusProviders;

struct _GemelDbus
{
  GDBusConnection          *connection;
  gboolean                  private_bus;
  const GemelRequests      *requests; /* lent; not called once closed */
  GemelAuthority           *authority;
  GDBusObjectManagerServer *manager;
  GCancellable             *cancellable;
  gboolean                  closed;
  GemelSnapshot            *snapshot; /* (nullable): the newest */

  GemelBusNode    *node;
  GemelBusConfig  *config;
  GemelBusState   *state;
  GemelBusHistory *history;
  GemelBusEvents  *events;
  GemelBusLog     *log;
  GemelBusPairing *pairing;
  GemelBusPeer    *peer;

  GemelBusProviders *providers;
  GemelBusJobs      *jobs;

  guint             name_id;
  GemelDbusNameFunc name_func;
  gpointer          name_data;

  guint   calls;         /* under way */
  guint64 calls_denied;  /* for lack of rights */
  guint64 calls_limited; /* too many under way */
};

GemelDbus *gemel_dbus_ref (GemelDbus *dbus);
void       gemel_dbus_unref (GemelDbus *dbus);

GemelBusNode    *gemel_bus_node_make (GemelDbus *dbus);
GemelBusPeer    *gemel_bus_peer_make (GemelDbus *dbus);
GemelBusConfig  *gemel_bus_config_make (GemelDbus *dbus);
GemelBusState   *gemel_bus_state_make (GemelDbus *dbus);
GemelBusHistory *gemel_bus_history_make (GemelDbus *dbus);
GemelBusEvents  *gemel_bus_events_make (GemelDbus *dbus);
GemelBusLog     *gemel_bus_log_make (GemelDbus *dbus);
GemelBusPairing *gemel_bus_pairing_make (GemelDbus *dbus);

void gemel_bus_node_render (GemelBusNode        *node,
                            const GemelSnapshot *snapshot);
void gemel_bus_peer_render (GemelBusPeer        *peer,
                            const GemelSnapshot *snapshot);
void gemel_bus_config_render (GemelBusConfig      *config,
                              const GemelSnapshot *snapshot);
void gemel_bus_state_render (GemelBusState       *state,
                             const GemelSnapshot *snapshot);
void gemel_bus_history_render (GemelBusHistory     *history,
                               const GemelSnapshot *snapshot);
void gemel_bus_events_render (GemelBusEvents      *events,
                              const GemelSnapshot *snapshot);
void gemel_bus_events_emit (GemelBusEvents   *events,
                            const GemelEvent *event);

void gemel_bus_node_connect_settings (GemelDbus    *dbus,
                                      GemelBusNode *node);

GemelBusProviders *gemel_bus_providers_new (GemelDbus *dbus);
void               gemel_bus_providers_free (GemelBusProviders *providers);
void               gemel_bus_providers_render (GemelBusProviders   *providers,
                                               const GemelSnapshot *snapshot);
char              *gemel_bus_dup_provider_path (const char *name);

GemelBusJobs *gemel_bus_jobs_new (GemelDbus *dbus);
void          gemel_bus_jobs_free (GemelBusJobs *jobs);
void          gemel_bus_jobs_changed (GemelBusJobs *jobs,
                                      guint64       id,
                                      gboolean      gone);
void          gemel_bus_jobs_reply (GemelBusJobs *jobs,
                                    GemelBusCall *call,
                                    guint64       id,
                                    GError       *error);

G_END_DECLS
