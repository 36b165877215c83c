/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One value as text: whether it fits its setting, and the one way to write it. Messages say what is
 * wrong with the value; the caller puts file, group and key before them.
 */
#include "system/gemel-settings-private.h"

#include "api/gemel-error.h"
#include "api/gemel-names.h"

#include <string.h>

#define LIST_ITEM_BYTES_MAX 64

static const char *const true_words[] = { "true", "yes", "on", "1", NULL };
static const char *const false_words[] = { "false", "no", "off", "0", NULL };

/**
 * gemel_setting_type_to_string:
 * @type: a type
 *
 * Returns: (transfer none): its word, as D-Bus and the manual show it.
 * Thread: any
 */
const char *
gemel_setting_type_to_string (GemelSettingType type)
{
  switch (type)
    {
    case GEMEL_SETTING_STRING:
      return "string";
    case GEMEL_SETTING_BOOL:
      return "bool";
    case GEMEL_SETTING_INT:
      return "int";
    case GEMEL_SETTING_TOKEN:
      return "token";
    case GEMEL_SETTING_LIST:
      return "list";
    }
  return "unknown";
}

/**
 * gemel_setting_dup_range:
 * @info: a setting
 *
 * Returns: (transfer full): what may be written there, for people: "1..65535", "cold|warm".
 * Thread: any
 */
char *
gemel_setting_dup_range (const GemelSettingInfo *info)
{
  switch (info->type)
    {
    case GEMEL_SETTING_STRING:
      return g_strdup_printf ("at most %" G_GINT64_FORMAT " bytes", info->max);
    case GEMEL_SETTING_BOOL:
      return g_strdup ("true|false");
    case GEMEL_SETTING_INT:
      return g_strdup_printf ("%" G_GINT64_FORMAT "..%" G_GINT64_FORMAT, info->min, info->max);
    case GEMEL_SETTING_TOKEN:
      return g_strjoinv ("|", (char **) info->choices);
    case GEMEL_SETTING_LIST:
      return g_strdup_printf ("at most %" G_GINT64_FORMAT " items, separated by ';'", info->max);
    }
  return g_strdup ("");
}

/* Value and range as a message shows them: bounded and on one line. */
static GError *
refuse (const GemelSettingInfo *info,
        const char             *value,
        const char             *what)
{
  g_autofree char *shown = g_strndup (value, 64);
  g_autofree char *escaped = g_strescape (shown, NULL);
  g_autofree char *range = gemel_setting_dup_range (info);

  return g_error_new (GEMEL_ERROR, GEMEL_ERROR_SETTING, "\"%s\" %s; give %s%s%s", escaped, what,
                      range, info->unit != NULL ? " " : "", info->unit != NULL ? info->unit : "");
}

static char *
normalize_int (const GemelSettingInfo *info,
               const char             *value,
               GError                **error)
{
  g_autoptr (GError) local_error = NULL;
  gint64             number;

  if (g_ascii_string_to_signed (value, 10, info->min, info->max, &number, &local_error))
    return g_strdup_printf ("%" G_GINT64_FORMAT, number);
  if (g_error_matches (local_error, G_NUMBER_PARSER_ERROR, G_NUMBER_PARSER_ERROR_OUT_OF_BOUNDS))
    g_propagate_error (error, refuse (info, value, "is outside the range"));
  else
    g_propagate_error (error, refuse (info, value, "is not a whole number"));
  return NULL;
}

static char *
normalize_bool (const GemelSettingInfo *info,
                const char             *value,
                GError                **error)
{
  if (g_strv_contains (true_words, value))
    return g_strdup ("true");
  if (g_strv_contains (false_words, value))
    return g_strdup ("false");
  g_propagate_error (error, refuse (info, value, "is neither true nor false"));
  return NULL;
}

static gboolean
is_printable (const char *value)
{
  if (!g_utf8_validate (value, -1, NULL))
    return FALSE;
  for (const char *p = value; *p != '\0'; p = g_utf8_next_char (p))
    {
      if (g_unichar_iscntrl (g_utf8_get_char (p)))
        return FALSE;
    }
  return TRUE;
}

static char *
normalize_string (const GemelSettingInfo *info,
                  const char             *value,
                  GError                **error)
{
  if (strlen (value) > (gsize) info->max)
    {
      g_propagate_error (error, refuse (info, value, "is too long"));
      return NULL;
    }
  if (!is_printable (value))
    {
      g_propagate_error (error, refuse (info, value, "has characters that cannot be shown"));
      return NULL;
    }
  if (*value != '\0' && info->check != NULL && !info->check (value, error))
    return NULL;
  return g_strdup (value);
}

static char *
normalize_list (const GemelSettingInfo *info,
                const char             *value,
                GError                **error)
{
  g_auto (GStrv)      items = g_strsplit (value, ";", -1);
  g_autoptr (GString) joined = g_string_new (NULL);
  gint64              n_items = 0;

  for (guint i = 0; items[i] != NULL; i++)
    {
      const char *item = g_strstrip (items[i]);

      if (*item == '\0')
        continue;
      n_items++;
      if (strlen (item) > LIST_ITEM_BYTES_MAX || !is_printable (item) || n_items > info->max)
        {
          g_propagate_error (error,
                             refuse (info, item, "is one item too many or cannot be an item"));
          return NULL;
        }
      g_string_append_printf (joined, "%s%s", joined->len > 0 ? ";" : "", item);
    }
  return g_string_free (g_steal_pointer (&joined), FALSE);
}

/**
 * gemel_setting_normalize:
 * @info: a setting
 * @value: what somebody wrote
 * @error: return location
 *
 * Checks a single value. White space around it does not count.
 *
 * Returns: (transfer full) (nullable): the value as it is kept, %NULL when it does not fit.
 * Errors: %GEMEL_ERROR_SETTING with the value, what is wrong, the range and the unit.
 * Thread: any
 */
char *
gemel_setting_normalize (const GemelSettingInfo *info,
                         const char             *value,
                         GError                **error)
{
  g_autofree char *text = g_strstrip (g_strdup (value));

  switch (info->type)
    {
    case GEMEL_SETTING_STRING:
      return normalize_string (info, text, error);
    case GEMEL_SETTING_BOOL:
      return normalize_bool (info, text, error);
    case GEMEL_SETTING_INT:
      return normalize_int (info, text, error);
    case GEMEL_SETTING_TOKEN:
      if (g_strv_contains (info->choices, text))
        return g_steal_pointer (&text);
      g_propagate_error (error, refuse (info, text, "is none of the choices"));
      return NULL;
    case GEMEL_SETTING_LIST:
      return normalize_list (info, text, error);
    }
  g_propagate_error (error, refuse (info, text, "has no known type"));
  return NULL;
}

/**
 * gemel_setting_check_name:
 * @value: the name of a node
 * @error: return location
 *
 * Returns: whether it is made of letters, digits, '.', '-' and '_'.
 * Errors: %GEMEL_ERROR_SETTING
 * Thread: any
 */
gboolean
gemel_setting_check_name (const char *value,
                          GError    **error)
{
  for (const char *p = value; *p != '\0'; p++)
    {
      if (g_ascii_isalnum (*p) || strchr (".-_", *p) != NULL)
        continue;
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                   "\"%s\" is no name of a node; use letters, digits, '.', '-' and '_'", value);
      return FALSE;
    }
  return TRUE;
}

/**
 * gemel_setting_check_address:
 * @value: an address to listen on
 * @error: return location
 *
 * Returns: whether it is an IPv4 or IPv6 address in figures.
 * Errors: %GEMEL_ERROR_SETTING
 * Thread: any
 */
gboolean
gemel_setting_check_address (const char *value,
                             GError    **error)
{
  g_autoptr (GInetAddress) address = g_inet_address_new_from_string (value);

  if (address != NULL)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
               "\"%s\" is no address of this machine; give it in figures, such as 192.0.2.1 or "
               "2001:db8::1",
               value);
  return FALSE;
}

/**
 * gemel_setting_check_host:
 * @value: where a node can be reached
 * @error: return location
 *
 * Returns: whether it reads as host, host:port, address or [address]:port.
 * Errors: %GEMEL_ERROR_SETTING
 * Thread: any
 */
gboolean
gemel_setting_check_host (const char *value,
                          GError    **error)
{
  g_autoptr (GSocketConnectable) address = NULL;
  g_autoptr (GError)             local_error = NULL;

  address = g_network_address_parse (value, GEMEL_PORT_DEFAULT, &local_error);
  if (address != NULL && strpbrk (value, " \t/@") == NULL &&
      g_network_address_get_port (G_NETWORK_ADDRESS (address)) != 0 &&
      *g_network_address_get_hostname (G_NETWORK_ADDRESS (address)) != '\0')
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
               "\"%s\" is no host; give host or host:port, with an IPv6 address as "
               "[2001:db8::1]:8060",
               value);
  return FALSE;
}
