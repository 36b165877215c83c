/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Checks of arguments that more than one interface has. What passes here is within the limits of
 * api/gemel-names.h; everything else is refused with a sentence that names the limit.
 */
#include "dbus/gemel-bus-call.h"

#include <string.h>

/**
 * gemel_bus_check_provider:
 * @name: from a caller
 * @error: return location
 *
 * A provider name is 1 to %GEMEL_PROVIDER_NAME_BYTES_MAX letters, digits, ".", "_" and "-", and
 * begins with a letter or digit.
 *
 * Returns: whether @name is one.
 * Errors: %GEMEL_ERROR_INVALID_ARGS, %GEMEL_ERROR_TOO_BIG.
 * Thread: any
 */
gboolean
gemel_bus_check_provider (const char *name,
                          GError    **error)
{
  gsize size = strlen (name);

  if (size > GEMEL_PROVIDER_NAME_BYTES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "the provider name has %" G_GSIZE_FORMAT " bytes; %d are allowed", size,
                   GEMEL_PROVIDER_NAME_BYTES_MAX);
      return FALSE;
    }
  if (!g_ascii_isalnum (name[0]) ||
      strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") != size)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "\"%s\" is no provider name: use letters, digits, \".\", \"_\" and \"-\", and "
                   "begin with a letter or digit",
                   name);
      return FALSE;
    }
  return TRUE;
}

/**
 * gemel_bus_check_key:
 * @key: from a caller
 * @error: return location
 *
 * Returns: whether @key has 1 to %GEMEL_KEY_BYTES_MAX bytes.
 * Errors: %GEMEL_ERROR_INVALID_ARGS, %GEMEL_ERROR_TOO_BIG.
 * Thread: any
 */
gboolean
gemel_bus_check_key (const char *key,
                     GError    **error)
{
  gsize size = strlen (key);

  if (size == 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                           "the key is empty; give it a name");
      return FALSE;
    }
  if (size > GEMEL_KEY_BYTES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "the key has %" G_GSIZE_FORMAT " bytes; %d are allowed", size,
                   GEMEL_KEY_BYTES_MAX);
      return FALSE;
    }
  return TRUE;
}

/**
 * gemel_bus_check_limit:
 * @limit: items of a page
 * @error: return location
 *
 * Returns: whether @limit is 1 to %GEMEL_BUS_PAGE_MAX.
 * Errors: %GEMEL_ERROR_INVALID_ARGS.
 * Thread: any
 */
gboolean
gemel_bus_check_limit (guint    limit,
                       GError **error)
{
  if (limit >= 1 && limit <= GEMEL_BUS_PAGE_MAX)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
               "a page has 1 to %d items, not %u; ask for the next page after the last item",
               GEMEL_BUS_PAGE_MAX, limit);
  return FALSE;
}

/**
 * gemel_bus_check_items:
 * @n_items: changes or points in one call
 * @error: return location
 *
 * Returns: whether there are 1 to %GEMEL_BATCH_ITEMS_MAX.
 * Errors: %GEMEL_ERROR_INVALID_ARGS, %GEMEL_ERROR_TOO_BIG.
 * Thread: any
 */
gboolean
gemel_bus_check_items (gsize    n_items,
                       GError **error)
{
  if (n_items == 0)
    {
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                           "nothing to write; give at least one item");
      return FALSE;
    }
  if (n_items > GEMEL_BATCH_ITEMS_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "%" G_GSIZE_FORMAT " items in one call; %d are allowed, split them", n_items,
                   GEMEL_BATCH_ITEMS_MAX);
      return FALSE;
    }
  return TRUE;
}

/**
 * gemel_bus_dup_value:
 * @value: of type "ay"
 * @error: return location
 *
 * Copies the value, so that it does not keep the whole message.
 *
 * Returns: (transfer full) (nullable): its bytes.
 * Errors: %GEMEL_ERROR_TOO_BIG above %GEMEL_VALUE_BYTES_MAX.
 * Thread: any
 */
GBytes *
gemel_bus_dup_value (GVariant *value,
                     GError  **error)
{
  gsize       size;
  const void *data = g_variant_get_fixed_array (value, &size, 1);

  if (size > GEMEL_VALUE_BYTES_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
                   "the value has %" G_GSIZE_FORMAT " bytes; %d are allowed", size,
                   GEMEL_VALUE_BYTES_MAX);
      return NULL;
    }
  return g_bytes_new (data, size);
}

/**
 * gemel_bus_call_get_durability:
 * @call: a call with the option "durability"
 * @ret_durability: (out): %GEMEL_DURABILITY_PAIR when the caller does not say
 * @error: return location
 *
 * Returns: %FALSE when the option has an unknown value.
 * Errors: %GEMEL_ERROR_INVALID_ARGS.
 * Thread: main
 */
gboolean
gemel_bus_call_get_durability (GemelBusCall    *call,
                               GemelDurability *ret_durability,
                               GError         **error)
{
  const char *text;

  *ret_durability = GEMEL_DURABILITY_PAIR;
  if (!g_variant_dict_lookup (call->options, "durability", "&s", &text) ||
      gemel_durability_from_string (text, ret_durability))
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
               "durability is \"local\" or \"pair\", not \"%.32s\"", text);
  return FALSE;
}

/**
 * gemel_bus_trim_page:
 * @items: (transfer full): an array
 * @bytes_max: how large a page may be
 *
 * Takes items from the end until the page is small enough; one item always stays, so that a
 * reader gets on.
 *
 * Returns: (transfer full): an array of the same type.
 * Thread: any
 */
GVariant *
gemel_bus_trim_page (GVariant *items,
                     gsize     bytes_max)
{
  g_autoptr (GVariant) all = items;
  GVariantBuilder      builder;
  gsize                bytes = 0;

  if (g_variant_get_size (all) <= bytes_max)
    return g_steal_pointer (&all);

  g_variant_builder_init (&builder, g_variant_get_type (all));
  for (gsize i = 0; i < g_variant_n_children (all); i++)
    {
      g_autoptr (GVariant) item = g_variant_get_child_value (all, i);

      bytes += g_variant_get_size (item);
      if (i > 0 && bytes > bytes_max)
        break;
      g_variant_builder_add_value (&builder, item);
    }
  return g_variant_ref_sink (g_variant_builder_end (&builder));
}

/**
 * gemel_bus_usec:
 * @unix_us: a time stamp or duration in µs
 *
 * Returns: the same for a property of type "t"; 0 for what is negative.
 * Thread: any
 */
guint64
gemel_bus_usec (gint64 unix_us)
{
  return unix_us > 0 ? (guint64) unix_us : 0;
}

/**
 * gemel_bus_bytes_to_variant:
 * @bytes: a value
 *
 * Returns: (transfer floating): of type "ay", sharing the memory of @bytes.
 * Thread: any
 */
GVariant *
gemel_bus_bytes_to_variant (GBytes *bytes)
{
  return g_variant_new_from_bytes (G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
}
