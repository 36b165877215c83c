/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One record an alarm, its key is the alarm's name. Read at the start and whenever Config.Changed
 * names the provider, on the active node and on the standby alike. A deleted record means the
 * default; a wrong one is refused and the old limits stay.
 */
#include "sysmon-thresholds.h"

#include "api/gemel-names.h"

#define CALL_TIMEOUT_MS  5000
#define RETRY_MS         1000
#define RECORDS_MAX      1000
#define CONFIG_INTERFACE GEMEL_BUS_NAME ".Config"

struct _SysmonThresholds
{
  GDBusConnection *bus;
  GCancellable    *cancellable;
  GSource         *retry; /* (nullable) */
  guint            subscription;
  SysmonThreshold  threshold[SYSMON_N_ALARMS];
  void (*changed) (SysmonAlarmId id, gpointer user_data);
  gpointer user_data;
};

static void read_records (SysmonThresholds *thresholds);

static void
set_threshold (SysmonThresholds *thresholds, SysmonAlarmId id, const SysmonThreshold *threshold)
{
  SysmonThreshold *old = &thresholds->threshold[id];
  const gboolean   same = !(old->raise < threshold->raise) && !(old->raise > threshold->raise) &&
                        !(old->clear < threshold->clear) && !(old->clear > threshold->clear) &&
                        old->for_ms == threshold->for_ms;

  if (same)
    return;
  *old = *threshold;
  g_printerr ("sysmon: threshold %s: raise %g, clear %g, for %u ms\n", sysmon_alarm_name (id),
              old->raise, old->clear, old->for_ms);
  thresholds->changed (id, thresholds->user_data);
}

static void
take_record (SysmonThresholds *thresholds, SysmonAlarmId id, const char *json, gsize size)
{
  g_autoptr (GError) local_error = NULL;
  SysmonThreshold    threshold;

  if (sysmon_threshold_parse (id, json, (gssize) size, &threshold, &local_error))
    set_threshold (thresholds, id, &threshold);
  else
    g_printerr ("sysmon: threshold %s is refused, the old one stays: %s\n", sysmon_alarm_name (id),
                local_error->message);
}

static void
take_records (SysmonThresholds *thresholds, GVariant *records)
{
  gboolean     found[SYSMON_N_ALARMS] = { FALSE };
  GVariantIter iter;
  const char  *key = NULL;
  GVariant    *value = NULL;

  g_variant_iter_init (&iter, records);
  while (g_variant_iter_loop (&iter, "(&s&s@ayt)", NULL, &key, &value, NULL))
    {
      gsize         size = 0;
      const char   *json = g_variant_get_fixed_array (value, &size, 1);
      SysmonAlarmId id;

      if (!sysmon_alarm_find (key, &id))
        continue;
      found[id] = TRUE;
      take_record (thresholds, id, json != NULL ? json : "", size);
    }
  for (guint i = 0; i < SYSMON_N_ALARMS; i++)
    {
      const SysmonThreshold standard = sysmon_threshold_default ((SysmonAlarmId) i);

      if (!found[i])
        set_threshold (thresholds, (SysmonAlarmId) i, &standard);
    }
}

static gboolean
on_retry (gpointer user_data)
{
  SysmonThresholds *thresholds = user_data;

  g_clear_pointer (&thresholds->retry, g_source_unref);
  read_records (thresholds);
  return G_SOURCE_REMOVE;
}

static void
on_records (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError)   local_error = NULL;
  g_autoptr (GVariant) reply =
    g_dbus_connection_call_finish (G_DBUS_CONNECTION (source), result, &local_error);
  SysmonThresholds *thresholds = user_data;

  if (reply != NULL)
    {
      g_autoptr (GVariant) records = g_variant_get_child_value (reply, 0);

      take_records (thresholds, records);
      return;
    }
  if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_CANCELLED) || thresholds->retry != NULL)
    return;
  g_printerr ("sysmon: reading thresholds: %s; trying again\n", local_error->message);
  thresholds->retry = g_timeout_source_new (RETRY_MS);
  g_source_set_callback (thresholds->retry, on_retry, thresholds, NULL);
  g_source_attach (thresholds->retry, NULL);
}

static void
read_records (SysmonThresholds *thresholds)
{
  g_dbus_connection_call (
    thresholds->bus, GEMEL_BUS_NAME, GEMEL_BUS_PATH_NODE, CONFIG_INTERFACE, "List",
    g_variant_new ("(sssua{sv})", SYSMON_PROVIDER, "", "", (guint32) RECORDS_MAX, NULL),
    G_VARIANT_TYPE ("(a(ssayt))"), G_DBUS_CALL_FLAGS_NONE, CALL_TIMEOUT_MS, thresholds->cancellable,
    on_records, thresholds);
}

static void
on_changed (GDBusConnection *bus,
            const char      *sender,
            const char      *path,
            const char      *interface,
            const char      *signal,
            GVariant        *parameters,
            gpointer         user_data)
{
  g_autofree const char **providers = NULL;

  if (!g_variant_is_of_type (parameters, G_VARIANT_TYPE ("(tas)")))
    return;
  g_variant_get (parameters, "(t^a&s)", NULL, &providers);
  /* Nobody is named after a full backup: everything may have changed. */
  if (providers[0] == NULL || g_strv_contains (providers, SYSMON_PROVIDER))
    read_records (user_data);
}

/**
 * sysmon_thresholds_new:
 * @bus: the node's bus
 * @changed: called when the limits of an alarm are others now
 * @user_data: for @changed
 *
 * Returns: (transfer full): the defaults, soon what the configuration says.
 * Thread: main
 */
SysmonThresholds *
sysmon_thresholds_new (GDBusConnection *bus,
                       void (*changed) (SysmonAlarmId id, gpointer user_data),
                       gpointer user_data)
{
  SysmonThresholds *thresholds = g_new0 (SysmonThresholds, 1);

  thresholds->bus = g_object_ref (bus);
  thresholds->cancellable = g_cancellable_new ();
  thresholds->changed = changed;
  thresholds->user_data = user_data;
  for (guint i = 0; i < SYSMON_N_ALARMS; i++)
    thresholds->threshold[i] = sysmon_threshold_default ((SysmonAlarmId) i);
  thresholds->subscription = g_dbus_connection_signal_subscribe (
    bus, GEMEL_BUS_NAME, CONFIG_INTERFACE, "Changed", GEMEL_BUS_PATH_NODE, NULL,
    G_DBUS_SIGNAL_FLAGS_NONE, on_changed, thresholds, NULL);
  read_records (thresholds);
  return thresholds;
}

/**
 * sysmon_thresholds_free:
 * @thresholds: (transfer full): what to free
 *
 * Thread: main
 */
void
sysmon_thresholds_free (SysmonThresholds *thresholds)
{
  g_dbus_connection_signal_unsubscribe (thresholds->bus, thresholds->subscription);
  g_cancellable_cancel (thresholds->cancellable);
  g_object_unref (thresholds->cancellable);
  if (thresholds->retry != NULL)
    g_source_destroy (thresholds->retry);
  g_clear_pointer (&thresholds->retry, g_source_unref);
  g_object_unref (thresholds->bus);
  g_free (thresholds);
}

/**
 * sysmon_thresholds_get:
 * @thresholds: the thresholds
 * @id: an alarm
 *
 * Returns: (transfer none): its limits.
 * Thread: main
 */
const SysmonThreshold *
sysmon_thresholds_get (SysmonThresholds *thresholds, SysmonAlarmId id)
{
  return &thresholds->threshold[id];
}
