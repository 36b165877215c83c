/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Bytes that are valid UTF-8 become a string under their name, others a hexadecimal string under
 * the name with "_hex" behind it, so that a reader is never in doubt.
 */
#include "ctl/gemel-ctl-json.h"

#include "ctl/gemel-ctl-format.h"

#include <math.h>

/**
 * gemel_ctl_json_add_text:
 * @json: within an object
 * @name: of the member
 * @value: its value
 * Thread: any
 */
void
gemel_ctl_json_add_text (JsonBuilder *json,
                         const char  *name,
                         const char  *value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_string_value (json, value);
}

/**
 * gemel_ctl_json_add_int:
 * @json: within an object
 * @name: of the member
 * @value: its value
 * Thread: any
 */
void
gemel_ctl_json_add_int (JsonBuilder *json,
                        const char  *name,
                        gint64       value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_int_value (json, value);
}

/**
 * gemel_ctl_json_add_bool:
 * @json: within an object
 * @name: of the member
 * @value: its value
 * Thread: any
 */
void
gemel_ctl_json_add_bool (JsonBuilder *json,
                         const char  *name,
                         gboolean     value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_boolean_value (json, value);
}

static void
add_bytes (JsonBuilder *json,
           const char  *name,
           GVariant    *bytes)
{
  g_autofree char *text = gemel_ctl_dup_text (bytes);
  g_autofree char *hex = NULL;
  g_autofree char *hex_name = NULL;

  if (text != NULL)
    {
      gemel_ctl_json_add_text (json, name, text);
      return;
    }
  hex = gemel_ctl_format_hex (bytes);
  hex_name = g_strconcat (name, "_hex", NULL);
  gemel_ctl_json_add_text (json, hex_name, hex);
}

static void
add_basic (JsonBuilder *json,
           GVariant    *value)
{
  switch (g_variant_classify (value)) /* tidy: switch-default: an open set of types */
    {
    case G_VARIANT_CLASS_BOOLEAN:
      json_builder_add_boolean_value (json, g_variant_get_boolean (value));
      return;
    case G_VARIANT_CLASS_INT32:
      json_builder_add_int_value (json, g_variant_get_int32 (value));
      return;
    case G_VARIANT_CLASS_UINT32:
      json_builder_add_int_value (json, g_variant_get_uint32 (value));
      return;
    case G_VARIANT_CLASS_INT64:
      json_builder_add_int_value (json, g_variant_get_int64 (value));
      return;
    case G_VARIANT_CLASS_UINT64:
      json_builder_add_int_value (json, (gint64) MIN (g_variant_get_uint64 (value),
                                                      (guint64) G_MAXINT64));
      return;
    case G_VARIANT_CLASS_DOUBLE:
      /* JSON has no word for these. */
      if (isfinite (g_variant_get_double (value)))
        json_builder_add_double_value (json, g_variant_get_double (value));
      else
        json_builder_add_null_value (json);
      return;
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
      json_builder_add_string_value (json, g_variant_get_string (value, NULL));
      return;
    case G_VARIANT_CLASS_BYTE:
    case G_VARIANT_CLASS_INT16:
    case G_VARIANT_CLASS_UINT16:
    case G_VARIANT_CLASS_HANDLE:
    case G_VARIANT_CLASS_VARIANT:
    case G_VARIANT_CLASS_MAYBE:
    case G_VARIANT_CLASS_ARRAY:
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
    default:
      {
        g_autofree char *text = g_variant_print (value, FALSE);

        json_builder_add_string_value (json, text);
      }
    }
}

/**
 * gemel_ctl_json_add_variant:
 * @json: within an object
 * @name: of the member
 * @value: a value from the bus; a v is opened, an ay is text or hexadecimal
 * Thread: any
 */
void
gemel_ctl_json_add_variant (JsonBuilder *json,
                            const char  *name,
                            GVariant    *value)
{
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_VARIANT))
    {
      g_autoptr (GVariant) inner = g_variant_get_variant (value);

      gemel_ctl_json_add_variant (json, name, inner);
      return;
    }
  if (g_variant_is_of_type (value, G_VARIANT_TYPE_BYTESTRING))
    {
      add_bytes (json, name, value);
      return;
    }
  json_builder_set_member_name (json, name);
  add_basic (json, value);
}

/**
 * gemel_ctl_json_add_row:
 * @json: where an object may stand
 * @names: of the children, %NULL-terminated
 * @tuple: a tuple with as many children
 * Thread: any
 */
void
gemel_ctl_json_add_row (JsonBuilder       *json,
                        const char *const *names,
                        GVariant          *tuple)
{
  json_builder_begin_object (json);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autoptr (GVariant) child = g_variant_get_child_value (tuple, i);

      gemel_ctl_json_add_variant (json, names[i], child);
    }
  json_builder_end_object (json);
}

/**
 * gemel_ctl_json_name:
 * @property: name of a D-Bus property, "LastPullUSec"
 *
 * Returns: (transfer full): the name of the member, "last_pull_usec".
 * Thread: any
 */
char *
gemel_ctl_json_name (const char *property)
{
  GString *name = g_string_new (NULL);

  for (const char *p = property; *p != '\0'; p++)
    {
      /* "USec" is one word. */
      const gboolean in_unit = p > property && p[-1] == 'U' && g_str_has_prefix (p, "Sec");

      if (g_ascii_isupper (*p) && p > property && !in_unit)
        g_string_append_c (name, '_');
      g_string_append_c (name, g_ascii_tolower (*p));
    }
  return g_string_free (name, FALSE);
}

/**
 * gemel_ctl_json_add_properties:
 * @json: within an object
 * @properties: an a{sv}
 * Thread: any
 */
void
gemel_ctl_json_add_properties (JsonBuilder *json,
                               GVariant    *properties)
{
  GVariantIter iter;
  const char  *key;
  GVariant    *value;

  g_variant_iter_init (&iter, properties);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    {
      g_autofree char *name = gemel_ctl_json_name (key);

      gemel_ctl_json_add_variant (json, name, value);
    }
}

/**
 * gemel_ctl_json_print:
 * @ctl: the frame
 * @json: a complete document
 *
 * Indented for the eye on a terminal, one line for programs.
 * Thread: main
 */
void
gemel_ctl_json_print (GemelCtl    *ctl,
                      JsonBuilder *json)
{
  g_autoptr (JsonNode) root = json_builder_get_root (json);
  g_autofree char     *text = json_to_string (root, ctl->tty);

  g_print ("%s\n", text);
}

/**
 * gemel_ctl_json_print_line:
 * @json: a complete document
 *
 * One line, for streams.
 * Thread: main
 */
void
gemel_ctl_json_print_line (JsonBuilder *json)
{
  g_autoptr (JsonNode) root = json_builder_get_root (json);
  g_autofree char     *text = json_to_string (root, FALSE);

  g_print ("%s\n", text);
}
