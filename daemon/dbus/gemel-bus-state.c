/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * org.gemel.Gemel1.State: runtime state, posted to and read from sync.
 */
#include "dbus/gemel-dbus-private.h"

static const GemelBusOption post_options[] = {
  { "durability", "s" },
  { "term", "t" },
  { NULL, NULL },
};

static gboolean
add_sets (GPtrArray *ops,
          GVariant  *sets,
          GError   **error)
{
  GVariantIter iter;
  const char  *key;
  GVariant    *boxed;

  g_variant_iter_init (&iter, sets);
  while (g_variant_iter_next (&iter, "(&s@ay)", &key, &boxed))
    {
      g_autoptr (GVariant) value = boxed;
      g_autoptr (GBytes)   bytes = NULL;

      if (!gemel_bus_check_key (key, error))
        return FALSE;
      bytes = gemel_bus_dup_value (value, error);
      if (bytes == NULL)
        return FALSE;
      g_ptr_array_add (ops, gemel_state_op_new (key, bytes));
    }
  return TRUE;
}

static GPtrArray *
parse_ops (GemelBusCall *call,
           GError      **error)
{
  g_autoptr (GPtrArray) ops = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_state_op_free);
  g_autoptr (GVariant)  sets = g_variant_get_child_value (call->parameters, 1);
  g_autoptr (GVariant)  deletes = g_variant_get_child_value (call->parameters, 2);
  GVariantIter          iter;
  const char           *key;

  if (!gemel_bus_check_items (g_variant_n_children (sets) + g_variant_n_children (deletes),
                              error) ||
      !add_sets (ops, sets, error))
    return NULL;
  g_variant_iter_init (&iter, deletes);
  while (g_variant_iter_next (&iter, "&s", &key))
    {
      if (!gemel_bus_check_key (key, error))
        return NULL;
      g_ptr_array_add (ops, gemel_state_op_new (key, NULL));
    }
  return g_steal_pointer (&ops);
}

static gboolean
check_post (GemelBusCall *call,
            GError      **error)
{
  g_autoptr (GPtrArray) ops = NULL;
  GemelDurability       durability;
  const char           *provider;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  if (!gemel_bus_check_provider (provider, error) ||
      !gemel_bus_call_get_durability (call, &durability, error))
    return FALSE;
  ops = parse_ops (call, error);
  return ops != NULL;
}

static void
post_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  GemelBusCall        *call = user_data;
  const GemelRequests *requests = call->dbus->requests;
  GemelStatePosition   position;
  GemelDurability      reached;
  GError              *local_error = NULL;

  if (gemel_sync_state_post_finish (requests->get_sync (requests->node), result, &position,
                                    &reached, &local_error))
    gemel_bus_call_return (call, g_variant_new ("(tts)", position.epoch, position.seq,
                                                gemel_durability_to_string (reached)));
  else
    gemel_bus_call_fail (call, local_error);
}

static void
run_post (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GemelDurability      durability;
  GError              *local_error = NULL;
  GPtrArray           *ops = parse_ops (call, &local_error);
  const char          *provider;
  guint64              term = 0;

  if (ops == NULL || !gemel_bus_call_get_durability (call, &durability, &local_error))
    {
      g_clear_pointer (&ops, g_ptr_array_unref);
      gemel_bus_call_fail (call, local_error);
      return;
    }
  g_variant_get_child (call->parameters, 0, "&s", &provider);
  (void) g_variant_dict_lookup (call->options, "term", "t", &term);
  gemel_sync_state_post_async (requests->get_sync (requests->node), provider, term, ops, durability,
                               call->dbus->cancellable, post_cb, call);
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
  GemelStatePosition   version = { 0 };
  GError              *local_error = NULL;
  g_autoptr (GBytes)   value = gemel_sync_state_get_finish (requests->get_sync (requests->node),
                                                            result, &version, &local_error);

  if (value == NULL)
    gemel_bus_call_fail (call, local_error);
  else
    gemel_bus_call_return (call, g_variant_new ("(@aytt)", gemel_bus_bytes_to_variant (value),
                                                version.epoch, version.seq));
}

static void
run_get (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  const char          *provider;
  const char          *key;

  g_variant_get_child (call->parameters, 0, "&s", &provider);
  g_variant_get_child (call->parameters, 1, "&s", &key);
  gemel_sync_state_get_async (requests->get_sync (requests->node), provider, key,
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
  return gemel_bus_check_provider (provider, error) && gemel_bus_check_limit (limit, error);
}

static void
list_cb (GObject      *source,
         GAsyncResult *result,
         gpointer      user_data)
{
  GemelBusCall        *call = user_data;
  const GemelRequests *requests = call->dbus->requests;
  GError              *local_error = NULL;
  GVariant            *values =
    gemel_sync_state_list_finish (requests->get_sync (requests->node), result, &local_error);
  g_autoptr (GVariant) page = NULL;

  if (values == NULL)
    {
      gemel_bus_call_fail (call, local_error);
      return;
    }
  page = gemel_bus_trim_page (g_variant_take_ref (values), GEMEL_BUS_PAGE_BYTES_MAX);
  gemel_bus_call_return (call, g_variant_new ("(@a(saytt))", page));
}

static void
run_list (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  const char          *provider;
  const char          *prefix;
  const char          *after;
  guint32              limit;

  g_variant_get (call->parameters, "(&s&s&su@a{sv})", &provider, &prefix, &after, &limit, NULL);
  gemel_sync_state_list_async (requests->get_sync (requests->node), provider,
                               *prefix ? prefix : NULL, *after ? after : NULL, limit,
                               call->dbus->cancellable, list_cb, call);
}

static void
run_list_providers (GemelBusCall *call)
{
  const GemelRequests *requests = call->dbus->requests;
  GemelSync           *sync = requests->get_sync (requests->node);
  g_auto (GStrv)       providers = gemel_sync_state_dup_providers (sync);

  gemel_bus_call_return (call, g_variant_new ("(^as)", providers));
}

/* clang-format off */
static const GemelBusMethod methods[] = {
  { "Post", GEMEL_RIGHT_CONFIGURE, post_options, check_post, run_post },
  { "Get", GEMEL_RIGHT_READ_LOG, NULL, check_get, run_get },
  { "List", GEMEL_RIGHT_READ_LOG, NULL, check_list, run_list },
  { "ListProviders", GEMEL_RIGHT_NONE, NULL, NULL, run_list_providers },
};
/* clang-format on */

/**
 * gemel_bus_state_make:
 * @dbus: whose
 *
 * Returns: (transfer full): the interface of the runtime state, empty until it is rendered.
 * Thread: main
 */
GemelBusState *
gemel_bus_state_make (GemelDbus *dbus)
{
  GemelBusState *state = gemel_bus_state_skeleton_new ();

  gemel_bus_connect_methods (dbus, state, methods, G_N_ELEMENTS (methods));
  return state;
}

/**
 * gemel_bus_state_render:
 * @state: the interface
 * @snapshot: what it shall show
 *
 * Thread: main
 */
void
gemel_bus_state_render (GemelBusState       *state,
                        const GemelSnapshot *snapshot)
{
  gemel_bus_state_set_may_post (state, snapshot->view.may_post_state);
  gemel_bus_state_set_overflows (state, snapshot->sync.state_overflows);
  gemel_bus_state_set_refused_term (state, snapshot->sync.state_old_term);
  gemel_bus_state_set_refused_limit (state, snapshot->sync.state_limit);
}
