/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl status, describe.
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-json.h"
#include "ctl/gemel-ctl-view.h"

/* The document of Describe () with the sentence as one more member. */
static void
print_json (GemelCtl           *ctl,
            const GemelCtlView *view)
{
  GemelCtlStyle    style = GEMEL_CTL_PLAIN;
  g_autofree char *sentence = gemel_ctl_view_sentence (view, &style);
  g_autofree char *text = NULL;

  json_object_set_string_member (view->root, "summary", sentence);
  json_object_set_boolean_member (view->root, "ready", style == GEMEL_CTL_GOOD);
  text = json_to_string (json_parser_get_root (view->parser), ctl->tty);
  g_print ("%s\n", text);
}

/**
 * gemel_ctl_status:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the page was printed.
 * Thread: main
 */
gboolean
gemel_ctl_status (GemelCtl *ctl,
                  char   ***args,
                  GError  **error)
{
  gboolean           all = FALSE;
  const GOptionEntry entries[] = {
    { "all", 'a', 0, G_OPTION_ARG_NONE, &all, "Also show all counters", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_auto (GemelCtlView) view = { 0 };
  g_autofree char      *page = NULL;

  if (!gemel_ctl_parse (ctl, entries, "", 0, 0, args, error) ||
      !gemel_ctl_view_load (ctl, &view, error))
    return FALSE;
  if (ctl->json)
    {
      print_json (ctl, &view);
      return TRUE;
    }
  page = gemel_ctl_view_render (&view, all, ctl->width, ctl->colour);
  g_print ("%s", page);
  return TRUE;
}

/**
 * gemel_ctl_describe:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Prints exactly what the daemon says, unchanged.
 *
 * Returns: whether it was printed.
 * Thread: main
 */
gboolean
gemel_ctl_describe (GemelCtl *ctl,
                    char   ***args,
                    GError  **error)
{
  g_autoptr (GVariant) reply = NULL;
  const char          *text;

  if (!gemel_ctl_parse (ctl, NULL, "", 0, 0, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Node", "Describe",
                          g_variant_new ("(@a{sv})", gemel_ctl_no_options ()), "(s)", error);
  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(&s)", &text);
  g_print ("%s\n", text);
  return TRUE;
}
