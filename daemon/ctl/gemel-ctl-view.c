/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Reading what Describe () says into a GemelCtlView.
 */
#include "ctl/gemel-ctl-view.h"

#include "ctl/gemel-ctl-bus.h"

static const char *
text_of (JsonObject *object,
         const char *name)
{
  JsonNode   *node = object != NULL ? json_object_get_member (object, name) : NULL;
  const char *text = node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node)
                                                                  : NULL;

  return text != NULL ? text : "";
}

static gint64
int_of (JsonObject *object,
        const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_int (node) : 0;
}

static gboolean
bool_of (JsonObject *object,
         const char *name)
{
  JsonNode *node = object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) && json_node_get_boolean (node);
}

static JsonObject *
object_of (JsonObject *object,
           const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

static void
read_node (GemelCtlNodeView *node,
           JsonObject       *object)
{
  node->name = text_of (object, "name");
  node->version = text_of (object, "version");
  node->role = text_of (object, "role");
  node->level = text_of (object, "activity_level");
  node->standby_level = text_of (object, "standby_level");
  node->config_state = text_of (object, "config_state");
  node->history_level = text_of (object, "history_level");
  node->term = (guint64) MAX (int_of (object, "term"), 0);
  node->synced = bool_of (object, "synced");
  node->eligible = bool_of (object, "eligible");
  node->level_since_usec = int_of (object, "level_since_usec");
}

static void
read_document (GemelCtlView *view)
{
  JsonObject *node = object_of (view->root, "node");
  JsonObject *peer = object_of (view->root, "peer");

  view->serial = (guint64) int_of (view->root, "serial");
  view->unix_us = int_of (view->root, "usec");
  read_node (&view->self, node);
  read_node (&view->peer, peer);
  view->paired = bool_of (node, "paired");
  view->switching = bool_of (node, "switching");
  view->state = text_of (node, "state");
  view->cause = text_of (node, "cause");
  view->recovery_mode = text_of (node, "recovery_mode");
  view->assurance = text_of (node, "assurance");
  view->last_cause = text_of (node, "last_changeover_cause");
  view->last_changeover_usec = int_of (node, "last_changeover_usec");
  view->connected = bool_of (peer, "connected");
  view->alive = bool_of (peer, "alive");
  view->address = text_of (peer, "address");
  view->last_seen_usec = int_of (peer, "last_seen_usec");
  view->rtt_us = int_of (peer, "rtt_usec");
}

/**
 * gemel_ctl_view_parse:
 * @text: what Describe () returned
 * @ret_view: (out caller-allocates): the view
 * @error: GEMEL_CTL_FAILED
 *
 * Members that are missing or of another type read as empty: a newer daemon may say less.
 *
 * Returns: whether @text is a JSON object.
 * Thread: any
 */
gboolean
gemel_ctl_view_parse (const char   *text,
                      GemelCtlView *ret_view,
                      GError      **error)
{
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError)     local_error = NULL;
  JsonNode              *root;

  if (!json_parser_load_from_data (parser, text, -1, &local_error))
    {
      g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED,
                   "gemeld described itself in words that are no JSON: %s", local_error->message);
      return FALSE;
    }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root))
    {
      g_set_error_literal (error, GEMEL_CTL_ERROR, GEMEL_CTL_FAILED,
                           "gemeld described itself without a JSON object; are gemeld and gemelctl "
                           "of one version?");
      return FALSE;
    }
  *ret_view = (GemelCtlView){ 0 };
  ret_view->parser = g_steal_pointer (&parser);
  ret_view->text = g_strdup (text);
  ret_view->root = json_node_get_object (root);
  read_document (ret_view);
  return TRUE;
}

/**
 * gemel_ctl_view_load:
 * @ctl: the frame
 * @ret_view: (out caller-allocates): the view
 * @error: as gemel_ctl_call ()
 *
 * Asks the daemon.
 *
 * Returns: whether it answered.
 * Thread: main
 */
gboolean
gemel_ctl_view_load (GemelCtl     *ctl,
                     GemelCtlView *ret_view,
                     GError      **error)
{
  g_autoptr (GVariant) reply = gemel_ctl_call (ctl, "Node", "Describe",
                                               g_variant_new ("(@a{sv})", gemel_ctl_no_options ()),
                                               "(s)", error);
  g_autoptr (GVariant) node = NULL;
  g_autoptr (GVariant) peer = NULL;
  guint64              value = 0;
  const char          *text;

  if (reply == NULL)
    return FALSE;
  g_variant_get (reply, "(&s)", &text);
  if (!gemel_ctl_view_parse (text, ret_view, error))
    return FALSE;
  /* The document has no word for these two; without them the page is still right. */
  peer = gemel_ctl_get_all (ctl, GEMEL_BUS_PATH_PEER, "Peer", NULL);
  if (peer != NULL && ret_view->peer.level_since_usec == 0 &&
      g_variant_lookup (peer, "LevelSinceUSec", "t", &value))
    ret_view->peer.level_since_usec = (gint64) value;
  node = gemel_ctl_get_all (ctl, GEMEL_BUS_PATH_NODE, "Node", NULL);
  if (node != NULL && g_variant_lookup (node, "RecoveryDueUSec", "t", &value))
    ret_view->recovery_due_usec = (gint64) value;
  return TRUE;
}

/**
 * gemel_ctl_view_clear:
 * @view: a view
 * Thread: any
 */
void
gemel_ctl_view_clear (GemelCtlView *view)
{
  g_clear_object (&view->parser);
  g_clear_pointer (&view->text, g_free);
}
