/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl config: records by provider and key.
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-table.h"
#include "ctl/gemel-ctl-value.h"

#include <string.h>

/**
 * gemel_ctl_config_get:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether there is such a record.
 * Thread: main
 */
gboolean
gemel_ctl_config_get (GemelCtl *ctl,
                      char   ***args,
                      GError  **error)
{
  gboolean           raw = FALSE;
  const GOptionEntry entries[] = {
    { "raw", 0, 0, G_OPTION_ARG_NONE, &raw, "The bytes and nothing else", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GVariant)    reply = NULL;
  g_autoptr (GVariant)    value = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();

  if (!gemel_ctl_parse (ctl, entries, "PROVIDER KEY", 2, 2, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Config", "Get",
                          g_variant_new ("(ss@a{sv})", (*args)[0], (*args)[1],
                                         gemel_ctl_no_options ()),
                          "(ay)", error);
  if (reply == NULL)
    return FALSE;
  value = g_variant_get_child_value (reply, 0);
  if (!ctl->json || raw)
    {
      gemel_ctl_print_value (value, raw);
      return TRUE;
    }
  json_builder_begin_object (json);
  gemel_ctl_json_add_text (json, "provider", (*args)[0]);
  gemel_ctl_json_add_text (json, "key", (*args)[1]);
  gemel_ctl_json_add_variant (json, "value", value);
  json_builder_end_object (json);
  gemel_ctl_json_print (ctl, json);
  return TRUE;
}

/**
 * gemel_ctl_config_set:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the record was written.
 * Thread: main
 */
gboolean
gemel_ctl_config_set (GemelCtl *ctl,
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
  g_autoptr (GVariant) value = NULL;
  g_autoptr (GVariant) reply = NULL;

  if (!gemel_ctl_parse (ctl, entries, "PROVIDER KEY [VALUE|-]", 2, 3, args, error))
    return FALSE;
  options = gemel_ctl_durability_options (durability, error);
  value = options != NULL ? gemel_ctl_read_value ((*args)[2], file, error) : NULL;
  if (value == NULL)
    return FALSE;
  g_variant_ref_sink (options);
  g_variant_ref_sink (value);
  reply = gemel_ctl_call (ctl, "Config", "Set",
                          g_variant_new ("(ss@ay@a{sv})", (*args)[0], (*args)[1], value, options),
                          "(tts)", error);
  if (reply == NULL)
    return FALSE;
  gemel_ctl_print_written (ctl, "written", "term", reply);
  return TRUE;
}

/**
 * gemel_ctl_config_delete:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the record is gone.
 * Thread: main
 */
gboolean
gemel_ctl_config_delete (GemelCtl *ctl,
                         char   ***args,
                         GError  **error)
{
  g_autofree char   *durability = NULL;
  const GOptionEntry entries[] = {
    { "durability", 0, 0, G_OPTION_ARG_STRING, &durability,
      "Wait until this node or the pair has it", "local|pair" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GVariant) reply = NULL;
  GVariant            *options;

  if (!gemel_ctl_parse (ctl, entries, "PROVIDER KEY", 2, 2, args, error))
    return FALSE;
  options = gemel_ctl_durability_options (durability, error);
  if (options == NULL)
    return FALSE;
  reply = gemel_ctl_call (ctl, "Config", "Delete",
                          g_variant_new ("(ss@a{sv})", (*args)[0], (*args)[1], options), "(tts)",
                          error);
  if (reply == NULL)
    return FALSE;
  gemel_ctl_print_written (ctl, "deleted", "term", reply);
  return TRUE;
}

static const char *const record_titles[] = { "provider", "key", "value", ">size", ">seq", NULL };
static const char *const record_names[] = { "provider", "key", "value", "seq", NULL };

static void
add_record (GemelCtlTable *table,
            JsonBuilder   *json,
            GVariant      *row)
{
  g_autoptr (GVariant) value = g_variant_get_child_value (row, 2);
  const char          *provider;
  const char          *key;
  guint64              seq;

  g_variant_get (row, "(&s&s@ayt)", &provider, &key, NULL, &seq);
  gemel_ctl_table_add (table, provider, GEMEL_CTL_PLAIN);
  gemel_ctl_table_add (table, key, GEMEL_CTL_PLAIN);
  gemel_ctl_table_take (table, gemel_ctl_format_preview (value));
  gemel_ctl_table_take (table, gemel_ctl_format_bytes (g_variant_get_size (value)));
  gemel_ctl_table_add_count (table, seq);
  gemel_ctl_json_add_row (json, record_names, row);
}

/* Adds all pages; a page may be shorter than asked, only an empty one is the end. */
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
      g_autoptr (GVariant) reply = gemel_ctl_call (ctl, "Config", "List",
                                                   g_variant_new ("(sssu@a{sv})", provider, prefix,
                                                                  after, GEMEL_CTL_PAGE,
                                                                  gemel_ctl_no_options ()),
                                                   "(a(ssayt))", error);
      g_autoptr (GVariant) rows = reply != NULL ? g_variant_get_child_value (reply, 0) : NULL;
      const gsize          n = rows != NULL ? g_variant_n_children (rows) : 0;

      if (reply == NULL || n == 0)
        return reply != NULL;
      for (gsize i = 0; i < n; i++)
        {
          g_autoptr (GVariant) row = g_variant_get_child_value (rows, i);
          const char          *in;
          const char          *key;

          add_record (table, json, row);
          g_variant_get (row, "(&s&s@ayt)", &in, &key, NULL, NULL);
          g_free (after);
          after = *provider != '\0' ? g_strdup (key) : g_strconcat (in, "/", key, NULL);
        }
    }
}

/**
 * gemel_ctl_config_list:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the records were printed.
 * Thread: main
 */
gboolean
gemel_ctl_config_list (GemelCtl *ctl,
                       char   ***args,
                       GError  **error)
{
  g_autofree char   *prefix = NULL;
  const GOptionEntry entries[] = {
    { "prefix", 0, 0, G_OPTION_ARG_STRING, &prefix, "Only keys that begin so", "TEXT" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (record_titles);
  g_autoptr (JsonBuilder)   json = json_builder_new ();
  g_autofree char          *text = NULL;

  if (!gemel_ctl_parse (ctl, entries, "[PROVIDER]", 0, 1, args, error))
    return FALSE;
  json_builder_begin_array (json);
  if (!list_pages (ctl, (*args)[0] != NULL ? (*args)[0] : "", prefix != NULL ? prefix : "", table,
                   json, error))
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
    text = g_strdup ("There are no such records.\n");
  g_print ("%s", text);
  return TRUE;
}

static const char *
info_text (GVariant   *info,
           const char *name)
{
  const char *text = "";

  (void) g_variant_lookup (info, name, "&s", &text);
  return text;
}

static guint64
info_count (GVariant   *info,
            const char *name)
{
  guint64 count = 0;

  (void) g_variant_lookup (info, name, "t", &count);
  return count;
}

/**
 * gemel_ctl_config_info:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether it was printed.
 * Thread: main
 */
gboolean
gemel_ctl_config_info (GemelCtl *ctl,
                       char   ***args,
                       GError  **error)
{
  g_autoptr (GVariant)    info = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autofree char        *bytes = NULL;

  if (!gemel_ctl_parse (ctl, NULL, "", 0, 0, args, error))
    return FALSE;
  info = gemel_ctl_get_all (ctl, GEMEL_BUS_PATH_NODE, "Config", error);
  if (info == NULL)
    return FALSE;
  if (ctl->json)
    {
      json_builder_begin_object (json);
      gemel_ctl_json_add_properties (json, info);
      json_builder_end_object (json);
      gemel_ctl_json_print (ctl, json);
      return TRUE;
    }
  bytes = gemel_ctl_format_bytes (info_count (info, "JournalBytes"));
  g_print ("records        %" G_GUINT64_FORMAT "\n", info_count (info, "Records"));
  g_print ("last entry     term %" G_GUINT64_FORMAT ", seq %" G_GUINT64_FORMAT "\n",
           info_count (info, "HeadTerm"), info_count (info, "HeadSeq"));
  g_print ("chain hash     %s\n", info_text (info, "HeadHash"));
  g_print ("lineage        %s\n", info_text (info, "Lineage"));
  g_print ("journal        %" G_GUINT64_FORMAT " entries after seq %" G_GUINT64_FORMAT ", %s\n",
           info_count (info, "JournalEntries"), info_count (info, "BaseSeq"), bytes);
  return TRUE;
}
