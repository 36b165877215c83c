/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A dbus-daemon of its own in a temporary folder, a fake node served on it, and a client.
 */
#pragma once

#include "api/gemel-names.h"
#include "fake-node.h"

G_BEGIN_DECLS

typedef struct
{
  char            *dir;
  char            *address;
  GSubprocess     *daemon;
  GDBusConnection *server;
  GDBusConnection *client;
  FakeNode        *node;
  GemelDbus       *dbus;
} BusFixture;

/* bus and node, nothing served yet */
void bus_fixture_start (BusFixture *fx);
/* served as on a private bus */
void bus_fixture_set_up (BusFixture *fx, gconstpointer data);
/* served as on the system bus */
void bus_fixture_set_up_system (BusFixture *fx, gconstpointer data);
void bus_fixture_tear_down (BusFixture *fx, gconstpointer data);
void bus_fixture_settle (BusFixture *fx);

GDBusConnection *bus_fixture_connect (BusFixture *fx);
GVariant        *bus_fixture_call (BusFixture *fx,
                                   const char *path,
                                   const char *interface, /* "Node", or a full name */
                                   const char *method,
                                   GVariant   *arguments,
                                   GError    **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant        *bus_fixture_get_all (BusFixture *fx,
                                      const char *path,
                                      const char *interface);
/* Runs `gdbus call` as nobody; FALSE when this test may not change its user. */
gboolean bus_fixture_call_as_nobody (BusFixture *fx,
                                     const char *path,
                                     const char *method,
                                     const char *argument_1,
                                     const char *argument_2,
                                     char      **ret_output);

#define NODE GEMEL_BUS_PATH_NODE

G_END_DECLS
