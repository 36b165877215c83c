/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.Config: configuration records. Writes go through sync (which knows who may write
 * and what durability was reached), reads go straight to the store.
 */
#include "dbus/gemel-dbus-private.h"

#include <string.h>

static const GemelBusOption write_options[] = {
  { "durability", "s" },
  { NULL, NULL },
};

static gboolean
add_set (GPtrArray  *ops,
         const char *provider,
         const char *key,
         GVariant   *value,
         GError    **error)
{
  g_autoptr (GBytes) bytes = NULL;

  if (!gemel_bus_check_provider (provider, error) || !gemel_bus_check_key (key, error))
    return FALSE;
  bytes = gemel_bus_dup_value (value, error);
  if (bytes == NULL)
    return FALSE;
  g_ptr_array_add (ops, gemel_config_op_new (provider, key, bytes));
  return TRUE;
}

static gboolean
add_delete (GPtrArray  *ops,
            const char *provider,
            const char *key,
            GError    **error)
{
  if (!gemel_bus_check_provider (provider, error) || !gemel_bus_check_key (key, error))
    return FALSE;
  g_ptr_array_add (ops, gemel_config_op_new (provider, key, NULL));
  return TRUE;
}

static gboolean
add_many (GPtrArray *ops,
          GVariant  *sets,
          GVariant  *deletes,
          GError   **error)
{
  GVariantIter iter;
  const char  *provider;
  const char  *key;
  GVariant    *boxed;

  if (!gemel_bus_check_items (g_variant_n_children (sets) + g_variant_n_children (deletes), error))
    return FALSE;
  g_variant_iter_init (&iter, sets);
  while (g_variant_iter_next (&iter, "(&s&s@ay)", &provider, &key, &boxed))
    {
      g_autoptr (GVariant) value = boxed;

      if (!add_set (ops, provider, key, value, error))
        return FALSE;
    }
  g_variant_iter_init (&iter, deletes);
  while (g_variant_iter_next (&iter, "(&s&s)", &provider, &key))
    {
      if (!add_delete (ops, provider, key, error))
        return FALSE;
    }
  return TRUE;
}

/* Set, Delete and SetMany differ only in how they are written down. */
static GPtrArray *
parse_ops (GemelBusCall *call,
           GError      **error)
{
  g_autoptr (GPtrArray) ops = g_ptr_array_new_with_free_func (
    (GDestroyNotify) gemel_config_op_free);
  g_autoptr (GVariant) first = g_variant_get_child_value (call->parameters, 0);
  g_autoptr (GVariant) second = g_variant_get_child_value (call->parameters, 1);
  g_autoptr (GVariant) third = g_variant_get_child_value (call->parameters, 2);
  gboolean             ok;

  if (!g_variant_is_of_type (first, G_VARIANT_TYPE_STRING))
    ok = add_many (ops, first, second, error);
  else if (g_variant_is_of_type (third, G_VARIANT_TYPE_BYTESTRING))
    ok = add_set (ops, g_variant_get_string (first, NULL), g_variant_get_string (second, NULL),
                  third, error);
  else
    ok = add_delete (ops, g_variant_get_string (first, NULL), g_variant_get_string (second, NULL),
                     error);
  return ok ? g_steal_pointer (&ops) : NULL;
}

static gboolean
check_write (GemelBusCall *call,
             GError      **error)
{
  g_autoptr (GPtrArray) ops = NULL;
  GemelDurability       durability;

  if (!gemel_bus_call_get_durability (call, &durability, error))
    return FALSE;
  ops = parse_ops (call, error);
  return ops != NULL;
}

static void
write_cb (GObject      *source,
          GAsyncResult *result,
          gpointer      user_data)
{
  GemelBusCall        *call = user_data;
  const GemelRequests *requests = call->dbus->requests;
  GemelPosition        position;
  GemelDurability      reached;
  GError              *local_error = NULL;

  if (gemel_sync_config_write_finish (requests->get_sync (requests->node), result, &position,
                                      &reached, &local_error))
    gemel_bus_call_return (call, g_variant_new ("(tts)", position.term, position.seq,
                                                gemel_durability_to_string (reached)));
  else
    gemel_bus_call_fail (call, local_error);
}

static void
run_write (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GemelDurability      durability;
  GError              *local_error = NULL;
  GPtrArray           *ops = parse_ops (call, &local_error);

  if (ops == NULL || !gemel_bus_call_get_durability (call, &durability, &local_error))
    {
      g_clear_pointer (&ops, g_ptr_array_unref);
      gemel_bus_call_fail (call, local_error);
      return;
    }
  gemel_sync_config_write_async (requests->get_sync (requests->node), ops, durability,
                                 call->dbus->cancellable, write_cb, call);
}

static gboolean
check_get (GemelBusCall *call,
           GError      **error)
{
  const char *provider;
  const char *key;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  g_variant_get_child (call->parameters, 1, "&s", &key);
  return gemel_bus_check_provider (provider, error) && gemel_bus_check_key (key, error);
}

static void
get_cb (GObject      *source,
        GAsyncResult *result,
        gpointer      user_data)
{
  GemelBusCall        *call = user_data;
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  g_autoptr (GBytes)   value =
    gemel_config_db_get_finish (requests->get_config (requests->node), result, &local_error);

  if (value == NULL)
    gemel_bus_call_fail (call, local_error);
  else
    gemel_bus_call_return (call, g_variant_new ("(@ay)", gemel_bus_bytes_to_variant (value)));
}

static void
run_get (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  const char          *provider;
  const char          *key;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  g_variant_get_child (call->parameters, 1, "&s", &key);
  gemel_config_db_get_async (requests->get_config (requests->node), provider, key,
                             call->dbus->cancellable, get_cb, call);
}

static gboolean
check_list (GemelBusCall *call,
            GError      **error)
{
  const char *provider;
  guint32     limit;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  g_variant_get_child (call->parameters, 3, "u", &limit);
  if (*provider != '\0' && !gemel_bus_check_provider (provider, error))
    return FALSE;
  return gemel_bus_check_limit (limit, error);
}

static GVariant *
records_to_variant (GPtrArray *records)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssayt)"));
  for (guint i = 0; i < records->len; i++)
    {
      const GemelConfigRecord *record = g_ptr_array_index (records, i);

      g_variant_builder_add (&builder, "(ss@ayt)", record->provider, record->key,
                             gemel_bus_bytes_to_variant (record->value), record->seq);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

static void
list_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  GemelBusCall         *call = user_data;
  const GemelRequests  *requests = call->dbus->requests;
  GError               *local_error = NULL;
  g_autoptr (GPtrArray) records =
    gemel_config_db_list_finish (requests->get_config (requests->node), result, &local_error);
  g_autoptr (GVariant) page = NULL;

  if (records == NULL)
    {
      gemel_bus_call_fail (call, local_error);
      return;
    }
  page = gemel_bus_trim_page (records_to_variant (records), GEMEL_BUS_PAGE_BYTES_MAX);
  gemel_bus_call_return (call, g_variant_new ("(@a(ssayt))", page));
}

/* Without a provider a place is PROVIDER/KEY here and has a line feed between them in the store. */
static char *
dup_after (const char *provider,
           const char *after)
{
  char *place = *after ? g_strdup (after) : NULL;
  char *slash = place ? strchr (place, '/') : NULL;

  if (*provider == '\0' && slash != NULL)
    *slash = '\n';
  return place;
}

static void
run_list (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  g_autofree char     *place = NULL;
  const char          *provider;
  const char          *prefix;
  const char          *after;
  guint32              limit;

  g_variant_get (call->parameters, "(&s&s&su@a{sv})", &provider, &prefix, &after, &limit, NULL);
  place = dup_after (provider, after);
  gemel_config_db_list_async (requests->get_config (requests->node), *provider ? provider : NULL,
                              *prefix ? prefix : NULL, place, limit, call->dbus->cancellable,
                              list_cb, call);
}

/* clang-format off */
static const GemelBusMethod methods[] = {
  { "Get", GEMEL_RIGHT_READ_LOG, NULL, check_get, run_get },
  { "Set", GEMEL_RIGHT_CONFIGURE, write_options, check_write, run_write },
  { "Delete", GEMEL_RIGHT_CONFIGURE, write_options, check_write, run_write },
  { "SetMany", GEMEL_RIGHT_CONFIGURE, write_options, check_write, run_write },
  { "List", GEMEL_RIGHT_READ_LOG, NULL, check_list, run_list },
};
/* clang-format on */

/**
 * gemel_bus_config_make:
 * @dbus: whose
 *
 * Returns: (transfer full): the interface of the configuration, empty until it is rendered.
 * Thread: main
 */
GemelBusConfig *
gemel_bus_config_make (GemelDbus *dbus)
{
  GemelBusConfig *config = gemel_bus_config_skeleton_new ();

  gemel_bus_connect_methods (dbus, config, methods, G_N_ELEMENTS (methods));
  return config;
}

/**
 * gemel_bus_config_render:
 * @config: the interface
 * @snapshot: what it shall show
 *
 * Thread: main
 */
void
gemel_bus_config_render (GemelBusConfig      *config,
                         const GemelSnapshot *snapshot)
{
  const GemelConfigInfo *info = &snapshot->config;
  char                   hash[2 * GEMEL_HASH_BYTES + 1];

  for (guint i = 0; i < GEMEL_HASH_BYTES; i++)
    g_snprintf (hash + 2 * i, 3, "%02x", (guint) info->head.hash[i]);
  gemel_bus_config_set_lineage (config, info->lineage);
  gemel_bus_config_set_head_term (config, info->head.term);
  gemel_bus_config_set_head_seq (config, info->head.seq);
  gemel_bus_config_set_head_hash (config, hash);
  gemel_bus_config_set_base_seq (config, info->base_seq);
  gemel_bus_config_set_records (config, info->n_records);
  gemel_bus_config_set_journal_bytes (config, info->journal_bytes);
  gemel_bus_config_set_journal_entries (config, info->journal_entries);
}
