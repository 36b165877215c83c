/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The way of every method call: options checked against the method's table, arguments parsed,
 * caller authorised, work done, one reply. An interface is one table of GemelBusMethod; its
 * functions only parse and hand over.
 */
#pragma once

#include "api/gemel-names.h"
#include "dbus/gemel-authority.h"
#include "gemel-requests.h"

G_BEGIN_DECLS

typedef struct _GemelDbus GemelDbus;

/* Calls that wait for a store, the peer or a person at once; more are refused with Limit. */
#define GEMEL_BUS_CALLS_MAX 1024
/* Items of a page at most, and how many of them when the caller does not say. */
#define GEMEL_BUS_PAGE_MAX     1000
#define GEMEL_BUS_PAGE_DEFAULT 100
/* Bytes of a page: far below what a bus daemon lets through (32 MiB on the system bus). */
#define GEMEL_BUS_PAGE_BYTES_MAX (8 * 1024 * 1024)

/** One key that the dictionary at the end of a method may hold. */
typedef struct
{
  const char *key;
  const char *type; /* D-Bus signature */
} GemelBusOption;

/** A method call from its arrival to its reply. The reply frees it. */
typedef struct
{
  GemelDbus                    *dbus;       /* owned reference */
  GDBusMethodInvocation        *invocation; /* owned until the reply */
  GVariant                     *parameters; /* lent by invocation */
  GVariantDict                 *options;    /* owned; keys and types are checked */
  const struct _GemelBusMethod *method;
} GemelBusCall;

/** How a method is served. */
typedef struct _GemelBusMethod
{
  const char           *name; /* as in the XML */
  GemelRight            right;
  const GemelBusOption *options; /* (nullable): ends with a NULL key */
  /* (nullable): looks at the arguments before anybody is asked for a password. */
  gboolean (*check) (GemelBusCall *call,
                     GError      **error);
  /* Does the work; must end in one reply, now or later. */
  void (*run) (GemelBusCall *call);
} GemelBusMethod;

void gemel_bus_connect_methods (GemelDbus            *dbus,
                                gpointer              skeleton,
                                const GemelBusMethod *methods,
                                guint                 n_methods);

void gemel_bus_call_return (GemelBusCall *call,
                            GVariant     *value);
void gemel_bus_call_return_fd (GemelBusCall *call,
                               int           fd);
void gemel_bus_call_fail (GemelBusCall *call,
                          GError       *error);

/* Pieces that the adapters share. */
gboolean  gemel_bus_check_provider (const char *name,
                                    GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean  gemel_bus_check_key (const char *key,
                               GError    **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean  gemel_bus_check_limit (guint    limit,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean  gemel_bus_check_items (gsize    n_items,
                                 GError **error) G_GNUC_WARN_UNUSED_RESULT;
GBytes   *gemel_bus_dup_value (GVariant *value,
                               GError  **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean  gemel_bus_call_get_durability (GemelBusCall    *call,
                                         GemelDurability *ret_durability,
                                         GError         **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *gemel_bus_trim_page (GVariant *items,
                               gsize     bytes_max) G_GNUC_WARN_UNUSED_RESULT;
guint64   gemel_bus_usec (gint64 unix_us);
GVariant *gemel_bus_bytes_to_variant (GBytes *bytes);

G_END_DECLS
