/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl pair: making and ending the pair.
 */
#include "ctl/gemel-ctl-bus.h"
#include "ctl/gemel-ctl-commands.h"
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-json.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX 4096

/**
 * gemel_ctl_pair_invite:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether a code was made.
 * Thread: main
 */
gboolean
gemel_ctl_pair_invite (GemelCtl *ctl,
                       char   ***args,
                       GError  **error)
{
  g_autofree char   *address = NULL;
  const GOptionEntry entries[] = {
    { "address", 0, 0, G_OPTION_ARG_STRING, &address, "Where the other node reaches this one",
      "HOST[:PORT]" },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GVariant)    reply = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autofree char        *until = NULL;
  g_autofree char        *left = NULL;
  const char             *code;
  guint64                 expires;

  if (!gemel_ctl_parse (ctl, entries, "", 0, 0, args, error))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Pairing", "Invite",
                          g_variant_new ("(s@a{sv})", address != NULL ? address : "",
                                         gemel_ctl_no_options ()),
                          "(st)", error);
  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(&st)", &code, &expires);
  if (ctl->json)
    {
      json_builder_begin_object (json);
      gemel_ctl_json_add_text (json, "code", code);
      gemel_ctl_json_add_int (json, "expires_usec", (gint64) expires);
      json_builder_end_object (json);
      gemel_ctl_json_print (ctl, json);
      return TRUE;
    }
  until = gemel_ctl_format_time ((gint64) expires);
  left = gemel_ctl_format_duration (MAX ((gint64) expires - gemel_ctl_now_unix_us (), 0));
  /* The code alone on standard output, so that code=$(gemelctl pair invite) works. */
  g_printerr ("On the other node, type: gemelctl pair join CODE\nThe code works once, until %s "
              "(%s). Whoever has it can join: keep it to yourself.\n",
              until, left);
  g_print ("%s\n", code);
  return TRUE;
}

static char *
read_line (GError **error)
{
  char line[LINE_BYTES_MAX];

  if (isatty (STDIN_FILENO) == 1)
    g_printerr ("Code: ");
  if (fgets (line, sizeof line, stdin) == NULL)
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "no code came from standard input; paste what “gemelctl pair invite” "
                           "printed");
      return NULL;
    }
  if (!g_utf8_validate (line, -1, NULL))
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "that is no pairing code; paste what “gemelctl pair invite” printed");
      return NULL;
    }
  return g_strdup (g_strstrip (line));
}

/**
 * gemel_ctl_pair_join:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the nodes are a pair now.
 * Thread: main
 */
gboolean
gemel_ctl_pair_join (GemelCtl *ctl,
                     char   ***args,
                     GError  **error)
{
  g_autoptr (GVariant) reply = NULL;
  g_auto (GemelCtlJob) job = { 0 };
  g_autofree char     *code = NULL;
  const char          *path;

  if (!gemel_ctl_parse (ctl, NULL, "CODE|-", 1, 1, args, error))
    return FALSE;
  code = strcmp ((*args)[0], "-") == 0 ? read_line (error) : g_strdup ((*args)[0]);
  if (code == NULL)
    return FALSE;
  reply = gemel_ctl_call (ctl, "Pairing", "Join",
                          g_variant_new ("(s@a{sv})", code, gemel_ctl_no_options ()), "(o)", error);
  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(&o)", &path);
  return gemel_ctl_job_follow (ctl, path, &job, error) &&
         gemel_ctl_job_finish (ctl, &job, "Done", error);
}

static gboolean
confirm_remove (GError **error)
{
  char line[16];

  if (isatty (STDIN_FILENO) != 1)
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
                           "this ends the pair: confirm with --yes");
      return FALSE;
    }
  g_printerr ("This node forgets its peer; what is stored stays. Type yes to go on: ");
  if (fgets (line, sizeof line, stdin) != NULL && strcmp (g_strstrip (line), "yes") == 0)
    return TRUE;
  g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED, "nothing was changed");
  return FALSE;
}

/**
 * gemel_ctl_pair_remove:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether the peer is forgotten.
 * Thread: main
 */
gboolean
gemel_ctl_pair_remove (GemelCtl *ctl,
                       char   ***args,
                       GError  **error)
{
  gboolean           yes = FALSE;
  const GOptionEntry entries[] = {
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &yes, "Do not ask", NULL },
    { NULL, 0, 0, 0, NULL, NULL, NULL },
  };
  g_autoptr (GVariant)    reply = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();

  if (!gemel_ctl_parse (ctl, entries, "", 0, 0, args, error) || (!yes && !confirm_remove (error)))
    return FALSE;
  reply = gemel_ctl_call (ctl, "Pairing", "Unpair",
                          g_variant_new ("(@a{sv})", gemel_ctl_no_options ()), "()", error);
  if (reply == NULL)
    return FALSE;
  if (!ctl->json)
    {
      g_print ("This node has no peer any more. Do the same on the other node.\n");
      return TRUE;
    }
  json_builder_begin_object (json);
  gemel_ctl_json_add_bool (json, "paired", FALSE);
  json_builder_end_object (json);
  gemel_ctl_json_print (ctl, json);
  return TRUE;
}

static const char *
lookup_text (GVariant   *properties,
             const char *name)
{
  const char *text = "";

  (void) g_variant_lookup (properties, name, "&s", &text);
  return text;
}

static void
print_pair (GemelCtl *ctl,
            GVariant *node,
            GVariant *peer,
            gboolean  paired)
{
  g_autofree char *name = gemel_ctl_sanitize (lookup_text (peer, "Name"));
  g_autofree char *address = gemel_ctl_sanitize (lookup_text (peer, "Address"));
  gboolean         connected = FALSE;

  (void) g_variant_lookup (peer, "Connected", "b", &connected);
  if (!paired)
    g_print ("%s is not paired. On the master: gemelctl pair invite; on the backup: gemelctl pair "
             "join CODE.\n",
             lookup_text (node, "Name"));
  else
    g_print ("%s (%s) is paired with %s%s%s; %s.\n", lookup_text (node, "Name"),
             lookup_text (node, "Role"), *name != '\0' ? name : "a peer that was not heard yet",
             *address != '\0' ? " at " : "", address,
             connected ? "the connection stands" : "there is no connection now");
  g_print ("fingerprint %s\n", lookup_text (node, "Fingerprint"));
  if (paired)
    g_print ("pair        %s\n", lookup_text (node, "PairUuid"));
}

/**
 * gemel_ctl_pair_status:
 * @ctl: the frame
 * @args: what follows the command
 * @error: why not
 *
 * Returns: whether it was printed.
 * Thread: main
 */
gboolean
gemel_ctl_pair_status (GemelCtl *ctl,
                       char   ***args,
                       GError  **error)
{
  g_autoptr (GVariant)    node = NULL;
  g_autoptr (GVariant)    peer = NULL;
  g_autoptr (JsonBuilder) json = json_builder_new ();
  gboolean                paired = FALSE;
  gboolean                connected = FALSE;

  if (!gemel_ctl_parse (ctl, NULL, "", 0, 0, args, error))
    return FALSE;
  node = gemel_ctl_get_all (ctl, GEMEL_BUS_PATH_NODE, "Node", error);
  peer = node != NULL ? gemel_ctl_get_all (ctl, GEMEL_BUS_PATH_PEER, "Peer", error) : NULL;
  if (peer == NULL)
    return FALSE;
  (void) g_variant_lookup (node, "Paired", "b", &paired);
  (void) g_variant_lookup (peer, "Connected", "b", &connected);
  if (!ctl->json)
    {
      print_pair (ctl, node, peer, paired);
      return TRUE;
    }
  json_builder_begin_object (json);
  gemel_ctl_json_add_bool (json, "paired", paired);
  gemel_ctl_json_add_text (json, "name", lookup_text (node, "Name"));
  gemel_ctl_json_add_text (json, "role", lookup_text (node, "Role"));
  gemel_ctl_json_add_text (json, "fingerprint", lookup_text (node, "Fingerprint"));
  gemel_ctl_json_add_text (json, "pair_uuid", lookup_text (node, "PairUuid"));
  gemel_ctl_json_add_text (json, "peer_name", lookup_text (peer, "Name"));
  gemel_ctl_json_add_text (json, "peer_address", lookup_text (peer, "Address"));
  gemel_ctl_json_add_bool (json, "connected", connected);
  json_builder_end_object (json);
  gemel_ctl_json_print (ctl, json);
  return TRUE;
}
