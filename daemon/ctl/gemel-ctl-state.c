/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl state: the runtime state, key to value by provider.
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-table.h"
#include "ctl/gemel-ctl-value.h"

static gboolean
post (GemelCtl   *ctl,
      const char *provider,
      GVariant   *sets,
      GVariant   *deletes,
      GVariant   *options,
      const char *what,
      GError    **error)
{
  g_autoptr (GVariant) reply = gemel_ctl_call (ctl, "State", "Post",
                                               g_variant_new ("(s@a(say)@as@a{sv})", provider, sets,
                                                              deletes, options),
                                               "(tts)", error);

  if (reply == NULL)
    return FALSE;
  gemel_ctl_print_written (ctl, what, "epoch", reply);
  return TRUE;
}

/**
 * gemel_ctl_state_post:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether it was posted.
 * Thread: main
 */
gboolean
gemel_ctl_state_post (GemelCtl *ctl,
                      char   ***args,
                      GError  **error)
{
  g_autofree char   *file = NULL;
  g_autofree char   *durability = NULL;
  const GOptionEntry entries[] = {
    { "file", 0, 0, G_OPTION_ARG_FILENAME, &file, "Take the value from this file", "FILE" },
    { "durability", 0, 0, G_OPTION_ARG_STRING, &durability,
      "Wait until this node or the pair has it", "local|pair" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GVariant) options = NULL;
  GVariant            *value;
  GVariant            *set;

  if (!gemel_ctl_parse (ctl, entries, "PROVIDER KEY [VALUE|-]", 2, 3, args, error))
    return FALSE;
  options = gemel_ctl_durability_options (durability, error);
  if (options == NULL)
    return FALSE;
  g_variant_ref_sink (options);
  value = gemel_ctl_read_value ((*args)[2], file, error);
  if (value == NULL)
    return FALSE;
  set = g_variant_new ("(s@ay)", (*args)[1], value);
  return post (ctl, (*args)[0], g_variant_new_array (NULL, &set, 1), g_variant_new_strv (NULL, 0),
               options, "posted", error);
}

/**
 * gemel_ctl_state_delete:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the value is gone.
 * Thread: main
 */
gboolean
gemel_ctl_state_delete (GemelCtl *ctl,
                        char   ***args,
                        GError  **error)
{
  g_autofree char   *durability = NULL;
  const GOptionEntry entries[] = {
    { "durability", 0, 0, G_OPTION_ARG_STRING, &durability,
      "Wait until this node or the pair has it", "local|pair" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  GVariant *options;

  if (!gemel_ctl_parse (ctl, entries, "PROVIDER KEY", 2, 2, args, error))
    return FALSE;
  options = gemel_ctl_durability_options (durability, error);
  if (options == NULL)
    return FALSE;
  return post (ctl, (*args)[0], g_variant_new_array (G_VARIANT_TYPE ("(say)"), NULL, 0),
               g_variant_new_strv ((const char *const *) (*args + 1), 1), options, "deleted",
               error);
}

/**
 * gemel_ctl_state_get:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether there is such a value.
 * Thread: main
 */
gboolean
gemel_ctl_state_get (GemelCtl *ctl,
                     char   ***args,
                     GError  **error)
{
  gboolean           raw = FALSE;
  const GOptionEntry entries[] = {
    { "raw", 0, 0, G_OPTION_ARG_NONE, &raw, "The bytes and nothing else", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  static const char *const names[] = { "value", "epoch", "seq", NULL };
  g_autoptr (GVariant)     reply = NULL;
  g_autoptr (GVariant)     value = NULL;
  g_autoptr (JsonBuilder)  json = json_builder_new ();

  if (!gemel_ctl_parse (ctl, entries, "PROVIDER KEY", 2, 2, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "State", "Get",
                          g_variant_new ("(ss@a{sv})", (*args)[0], (*args)[1],
                                         gemel_ctl_no_options ()),
                          "(aytt)", error);
  if (reply == NULL)
    return FALSE;
  value = g_variant_get_child_value (reply, 0);
  if (ctl->json && !raw)
    {
      gemel_ctl_json_add_row (json, names, reply);
      gemel_ctl_json_print (ctl, json);
    }
  else
    gemel_ctl_print_value (value, raw);
  return TRUE;
}

static const char *const value_titles[] = { "key", "value", ">size", ">epoch", ">seq", NULL };
static const char *const value_names[] = { "key", "value", "epoch", "seq", NULL };

static void
add_value (GemelCtlTable *table,
           JsonBuilder   *json,
           GVariant      *row)
{
  g_autoptr (GVariant) value = g_variant_get_child_value (row, 1);
  const char          *key;
  guint64              epoch;
  guint64              seq;

  g_variant_get (row, "(&s@aytt)", &key, NULL, &epoch, &seq);
  gemel_ctl_table_add (table, key, GEMEL_CTL_PLAIN);
  gemel_ctl_table_take (table, gemel_ctl_format_preview (value));
  gemel_ctl_table_take (table, gemel_ctl_format_bytes (g_variant_get_size (value)));
  gemel_ctl_table_add_count (table, epoch);
  gemel_ctl_table_add_count (table, seq);
  gemel_ctl_json_add_row (json, value_names, row);
}

static gboolean
list_pages (GemelCtl      *ctl,
            const char    *provider,
            const char    *prefix,
            GemelCtlTable *table,
            JsonBuilder   *json,
            GError       **error)
{
  g_autofree char *after = g_strdup ("");

  for (;;)
    {
      g_autoptr (GVariant) reply = gemel_ctl_call (ctl, "State", "List",
                                                   g_variant_new ("(sssu@a{sv})", provider, prefix,
                                                                  after, GEMEL_CTL_PAGE,
                                                                  gemel_ctl_no_options ()),
                                                   "(a(saytt))", error);
      g_autoptr (GVariant) rows = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
      const gsize          n = rows != NULL ? g_variant_n_children (rows) : 0;

      if (reply == NULL || n == 0)
        return reply != NULL;
      for (gsize i = 0; i < n; i++)
        {
          g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);

          add_value (table, json, row);
          g_free (after);
          g_variant_get (row, "(s@aytt)", &after, NULL, NULL, NULL);
        }
    }
}

/**
 * gemel_ctl_state_list:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the values were printed.
 * Thread: main
 */
gboolean
gemel_ctl_state_list (GemelCtl *ctl,
                      char   ***args,
                      GError  **error)
{
  g_autofree char   *prefix = NULL;
  const GOptionEntry entries[] = {
    { "prefix", 0, 0, G_OPTION_ARG_STRING, &prefix, "Only keys that begin so", "TEXT" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (value_titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autofree char          *text = NULL;

  if (!gemel_ctl_parse (ctl, entries, "PROVIDER", 1, 1, args, error))
    return FALSE;
  json_builder_begin_array (json);
  if (!list_pages (ctl, (*args)[0], prefix != NULL ? prefix : "", table, json, error))
    return FALSE;
  json_builder_end_array (json);
  if (ctl->json)
    {
      gemel_ctl_json_print (ctl, json);
      return TRUE;
    }
  if (gemel_ctl_table_get_n_rows (table) > 0)
    text = gemel_ctl_table_render (table, ctl->width, ctl->colour);
  else
    text = g_strdup ("There are no such values.\n");
  g_print ("%s", text);
  return TRUE;
}

/**
 * gemel_ctl_state_providers:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the names were printed.
 * Thread: main
 */
gboolean
gemel_ctl_state_providers (GemelCtl *ctl,
                           char   ***args,
                           GError  **error)
{
  g_autoptr (GVariant)    reply = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autofree const char **names = NULL;

  if (!gemel_ctl_parse (ctl, NULL, "", 0, 0, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "State", "ListProviders",
                          g_variant_new ("(@a{sv})", gemel_ctl_no_options ()), "(as)", error);
  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(^a&s)", &names);
  json_builder_begin_array (json);
  for (guint i = 0; names[i] != NULL; i++)
    {
      g_autofree char *safe = gemel_ctl_sanitize (names[i]);

      json_builder_add_string_value (json, names[i]);
      if (!ctl->json)
        g_print ("%s\n", safe);
    }
  json_builder_end_array (json);
  if (ctl->json)
    gemel_ctl_json_print (ctl, json);
  return TRUE;
}
