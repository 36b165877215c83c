/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl settings: every setting with its meaning.
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-table.h"

#include <string.h>

static const char *const names[] = { "name", "type", "unit", "range", "default", "value",
                                     "layer", "scope", "summary", "needs_restart", NULL };

typedef struct
{
  const char *name, *type, *unit, *range, *def, *value, *layer, *scope, *summary;
  gboolean    restart;
} Setting;

static void
read_row (GVariant *row,
          Setting  *ret_setting)
{
  g_variant_get (row, "(&s&s&s&s&s&s&s&s&sb)", &ret_setting->name, &ret_setting->type,
                 &ret_setting->unit, &ret_setting->range, &ret_setting->def, &ret_setting->value,
                 &ret_setting->layer, &ret_setting->scope, &ret_setting->summary,
                 &ret_setting->restart);
}

static GVariant *
fetch (GemelCtl *ctl,
       GError  **error)
{
  g_autoptr (GVariant) reply = gemel_ctl_call (ctl, "Node", "ListSettings",
                                               g_variant_new ("(@a{sv})", gemel_ctl_no_options ()),
                                               "(a(sssssssssb))", error);

  return reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
}

/* The row of one setting; the error names one that sounds alike. */
static GVariant *
fetch_one (GemelCtl   *ctl,
           const char *name,
           GError    **error)
{
  g_autoptr (GVariant) rows = fetch (ctl, error);
  const char          *last_word = strrchr (name, '.') != NULL ? strrchr (name, '.') + 1 : name;
  g_autoptr (GString)  alike = g_string_new (NULL);

  if (rows == NULL)
    return NULL;
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      Setting              setting;

      read_row (row, &setting);
      if (strcmp (setting.name, name) == 0)
        return g_steal_pointer (&row);
      if (*last_word != '\0' && strstr (setting.name, last_word) != NULL && alike->len < 200)
        g_string_append_printf (alike, "%s%s", alike->len > 0 ? ", " : "", setting.name);
    }
  g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE, "there is no setting “%s”; %s%s%s", name,
               alike->len > 0 ? "did you mean " : "gemelctl settings list has them all", alike->str,
               alike->len > 0 ? "?" : "");
  return NULL;
}

/**
 * gemel_ctl_settings_list:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether they were printed.
 * Thread: main
 */
gboolean
gemel_ctl_settings_list (GemelCtl *ctl,
                         char   ***args,
                         GError  **error)
{
  static const char *const  titles[] = { "setting", "value", "unit", "from",
                                         "scope", "meaning", NULL };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autoptr (GVariant)      rows = NULL;
  g_autofree char          *text = NULL;

  if (!gemel_ctl_parse (ctl, NULL, "[PREFIX]", 0, 1, args, error))
    return FALSE;
  rows = fetch (ctl, error);
  if (rows == NULL)
    return FALSE;
  json_builder_begin_array (json);
  for (gsize i = 0; i < g_variant_n_children (rows); i++)
    {
      g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
      Setting              s;

      read_row (row, &s);
      if ((*args)[0] != NULL && !g_str_has_prefix (s.name, (*args)[0]))
        continue;
      gemel_ctl_json_add_row (json, names, row);
      gemel_ctl_table_add (table, s.name, GEMEL_CTL_PLAIN);
      /* Bold is what differs from the built-in value; the layer says it in words. */
      gemel_ctl_table_add (table, s.value,
                           strcmp (s.layer, "built-in") == 0 ? GEMEL_CTL_PLAIN : GEMEL_CTL_BOLD);
      gemel_ctl_table_add (table, s.unit, GEMEL_CTL_PLAIN);
      gemel_ctl_table_add (table, s.layer, GEMEL_CTL_PLAIN);
      gemel_ctl_table_add (table, s.scope, GEMEL_CTL_PLAIN);
      gemel_ctl_table_add (table, s.summary, GEMEL_CTL_PLAIN);
    }
  json_builder_end_array (json);
  text = gemel_ctl_table_render (table, ctl->width, ctl->colour);
  if (ctl->json)
    gemel_ctl_json_print (ctl, json);
  else
    g_print ("%s", text);
  return TRUE;
}

/**
 * gemel_ctl_settings_get:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether there is such a setting.
 * Thread: main
 */
gboolean
gemel_ctl_settings_get (GemelCtl *ctl,
                        char   ***args,
                        GError  **error)
{
  g_autoptr (GVariant)    row = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autofree char        *safe = NULL;
  Setting                 setting;

  if (!gemel_ctl_parse (ctl, NULL, "NAME", 1, 1, args, error))
    return FALSE;
  row = fetch_one (ctl, (*args)[0], error);
  if (row == NULL)
    return FALSE;
  read_row (row, &setting);
  safe = gemel_ctl_sanitize (setting.value);
  if (ctl->json)
    {
      gemel_ctl_json_add_row (json, names, row);
      gemel_ctl_json_print (ctl, json);
    }
  else
    g_print ("%s\n", safe);
  return TRUE;
}

static gboolean
print_changed (GemelCtl   *ctl,
               const char *name,
               GError    **error)
{
  g_autoptr (GVariant)    row = fetch_one (ctl, name, error);
  g_autoptr (JsonBuilder) json = json_builder_new ();
  Setting                 s;

  if (row == NULL)
    return FALSE;
  read_row (row, &s);
  if (ctl->json)
    {
      gemel_ctl_json_add_row (json, names, row);
      gemel_ctl_json_print (ctl, json);
      return TRUE;
    }
  g_print ("%s = %s%s%s (%s)%s\n", s.name, s.value, *s.unit != '\0' ? " " : "", s.unit, s.layer,
           s.restart ? "; restart gemeld for it to count" : "");
  return TRUE;
}

/**
 * gemel_ctl_settings_set:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether it was changed.
 * Thread: main
 */
gboolean
gemel_ctl_settings_set (GemelCtl *ctl,
                        char   ***args,
                        GError  **error)
{
  g_autoptr (GVariant) reply = NULL;

  if (!gemel_ctl_parse (ctl, NULL, "NAME [--] VALUE", 2, 2, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Node", "SetSetting",
                          g_variant_new ("(ss@a{sv})", (*args)[0], (*args)[1],
                                         gemel_ctl_no_options ()),
                          "()", error);
  return reply != NULL && print_changed (ctl, (*args)[0], error);
}

/**
 * gemel_ctl_settings_reset:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether it was reset.
 * Thread: main
 */
gboolean
gemel_ctl_settings_reset (GemelCtl *ctl,
                          char   ***args,
                          GError  **error)
{
  g_autoptr (GVariant) reply = NULL;

  if (!gemel_ctl_parse (ctl, NULL, "NAME", 1, 1, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Node", "ResetSetting",
                          g_variant_new ("(s@a{sv})", (*args)[0], gemel_ctl_no_options ()), "()",
                          error);
  return reply != NULL && print_changed (ctl, (*args)[0], error);
}

/**
 * gemel_ctl_settings_describe:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether there is such a setting.
 * Thread: main
 */
gboolean
gemel_ctl_settings_describe (GemelCtl *ctl,
                             char   ***args,
                             GError  **error)
{
  g_autoptr (GVariant)    row = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  Setting                 s;

  if (!gemel_ctl_parse (ctl, NULL, "NAME", 1, 1, args, error))
    return FALSE;
  row = fetch_one (ctl, (*args)[0], error);
  if (row == NULL)
    return FALSE;
  read_row (row, &s);
  if (ctl->json)
    {
      gemel_ctl_json_add_row (json, names, row);
      gemel_ctl_json_print (ctl, json);
      return TRUE;
    }
  g_print ("%s: %s\n", s.name, s.summary);
  g_print ("  value    %s%s%s (from: %s)\n", s.value, *s.unit != '\0' ? " " : "", s.unit, s.layer);
  g_print ("  default  %s\n", *s.def != '\0' ? s.def : "(none)");
  g_print ("  type     %s\n", s.type);
  g_print ("  range    %s\n", *s.range != '\0' ? s.range : "any");
  g_print ("  scope    %s\n", s.scope);
  g_print ("  restart  %s\n", s.restart ? "needed before a change counts" : "not needed");
  return TRUE;
}
