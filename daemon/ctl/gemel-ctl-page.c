/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The status page: sentence, both nodes side by side, providers, and counters when asked for.
 */
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-view.h"

#include <string.h>

#define KEY_WIDTH 28

static const char *
or_dash (const char *text)
{
  return text != NULL && *text != '\0' && strcmp (text, "unknown") != 0 ? text : "–";
}

static GemelCtlStyle
level_style (const char *level)
{
  if (strcmp (level, "active") == 0)
    return GEMEL_CTL_GOOD;
  return strcmp (level, "undecided") == 0 ? GEMEL_CTL_WARN : GEMEL_CTL_PLAIN;
}

static char *
format_since (const GemelCtlView *view,
              gint64              since_usec)
{
  return since_usec > 0 ? gemel_ctl_format_duration (MAX (view->unix_us - since_usec, 0))
                        : g_strdup ("–");
}

static void
add_line (GemelCtlTable *table,
          const char    *what,
          const char    *self,
          const char    *peer)
{
  gemel_ctl_table_add (table, what, GEMEL_CTL_PLAIN);
  gemel_ctl_table_add (table, or_dash (self), GEMEL_CTL_PLAIN);
  gemel_ctl_table_add (table, or_dash (peer), GEMEL_CTL_PLAIN);
}

static void
add_since (GemelCtlTable      *table,
           const GemelCtlView *view)
{
  g_autofree char *self = format_since (view, view->self.level_since_usec);
  g_autofree char *peer = format_since (view, view->alive ? view->peer.level_since_usec : 0);

  add_line (table, "uptime since changeover", self, peer);
}

static void
add_term (GemelCtlTable      *table,
          const GemelCtlView *view)
{
  g_autofree char *self = g_strdup_printf ("%" G_GUINT64_FORMAT, view->self.term);
  g_autofree char *peer = view->peer.term > 0
                            ? g_strdup_printf ("%" G_GUINT64_FORMAT, view->peer.term)
                            : g_strdup ("");

  add_line (table, "term", self, peer);
}

static void
add_levels (GemelCtlTable      *table,
            const GemelCtlView *view)
{
  const gboolean   known = view->paired && view->last_seen_usec != 0;
  const char      *level = known ? view->peer.level : "–";
  g_autofree char *last = known && !view->alive ? g_strdup_printf ("%s (last heard)", level)
                                                : g_strdup (level);

  gemel_ctl_table_add (table, "activity level", GEMEL_CTL_PLAIN);
  gemel_ctl_table_add (table, or_dash (view->self.level), level_style (view->self.level));
  gemel_ctl_table_add (table, last,
                       known && view->alive ? level_style (view->peer.level) : GEMEL_CTL_DIM);
}

static const char *
yes_no (gboolean flag)
{
  return flag ? "yes" : "no";
}

static char *
render_nodes (const GemelCtlView *view,
              guint               width,
              gboolean            colour)
{
  const GemelCtlNodeView   *s = &view->self;
  const GemelCtlNodeView   *p = &view->peer;
  const char               *no_name = view->paired ? "peer" : "no peer";
  g_autofree char          *self_name = gemel_ctl_sanitize (*s->name != '\0' ? s->name
                                                                             : "this node");
  g_autofree char          *self_here = g_strconcat (self_name, " (here)", NULL);
  g_autofree char          *peer_name = gemel_ctl_sanitize (*p->name != '\0' ? p->name : no_name);
  const char               *titles[] = { "", self_here, peer_name, NULL };
  g_autoptr (GemelCtlTable) table = gemel_ctl_table_new (titles);
  const char               *connected = view->paired ? yes_no (view->connected) : "";

  add_line (table, "role", s->role, p->role);
  add_levels (table, view);
  add_line (table, "standby level", s->standby_level, p->standby_level);
  add_line (table, "peer connected", connected, connected);
  add_since (table, view);
  add_line (table, "configuration state", s->config_state, p->config_state);
  add_line (table, "synced", view->paired ? yes_no (s->synced) : "",
            view->paired ? yes_no (p->synced) : "");
  add_line (table, "could take over", yes_no (s->eligible),
            view->alive ? yes_no (p->eligible) : "");
  add_line (table, "history level", s->history_level, p->history_level);
  add_term (table, view);
  add_line (table, "version", s->version, p->version);
  return gemel_ctl_table_render (table, width, colour);
}

static char *
render_facts (const GemelCtlView *view)
{
  g_autofree char *rtt = view->rtt_us > 0 ? gemel_ctl_format_duration (view->rtt_us)
                                          : g_strdup ("–");
  g_autofree char *when = gemel_ctl_format_time (view->last_changeover_usec);
  g_autofree char *address = gemel_ctl_sanitize (or_dash (view->address));
  const gboolean   changed = view->last_changeover_usec != 0;

  return g_strdup_printf ("recovery mode %s · assurance %s · round trip %s · peer address %s\n"
                          "last changeover %s%s%s%s\n",
                          or_dash (view->recovery_mode), or_dash (view->assurance), rtt, address,
                          when, changed ? " (" : "", changed ? view->last_cause : "",
                          changed ? ")" : "");
}

/* ---- providers ---- */

static gint64
get_int (JsonObject *object,
         const char *name)
{
  return json_object_get_int_member_with_default (object, name, 0);
}

static void
add_name (GemelCtlTable *table,
          JsonObject    *p)
{
  gemel_ctl_table_add (table, json_object_get_string_member_with_default (p, "name", "?"),
                       GEMEL_CTL_PLAIN);
}

static void
add_int (GemelCtlTable *table,
         JsonObject    *p,
         const char    *name)
{
  gemel_ctl_table_take (table, g_strdup_printf ("%" G_GINT64_FORMAT, get_int (p, name)));
}

static void
add_rate (GemelCtlTable *table,
          JsonObject    *p,
          const char    *name)
{
  const double rate = json_object_get_double_member_with_default (p, name, 0);

  gemel_ctl_table_take (table, gemel_ctl_format_rate (rate));
}

static void
add_duration (GemelCtlTable *table,
              gint64         us,
              gboolean       known)
{
  gemel_ctl_table_take (table, known ? gemel_ctl_format_duration (us) : g_strdup ("–"));
}

static void
add_flag (GemelCtlTable *table,
          gboolean       flag,
          GemelCtlStyle  style)
{
  gemel_ctl_table_add (table, yes_no (flag), flag ? style : GEMEL_CTL_PLAIN);
}

static void
add_source (GemelCtlTable *table,
            JsonObject    *p)
{
  add_name (table, p);
  add_int (table, p, "pending_updates");
  add_rate (table, p, "queued_per_second");
  add_rate (table, p, "dispatched_per_second");
  add_int (table, p, "entries");
  gemel_ctl_table_take (table, gemel_ctl_format_bytes ((guint64) MAX (get_int (p, "bytes"), 0)));
}

static void
add_puller (GemelCtlTable      *table,
            const GemelCtlView *view,
            JsonObject         *p)
{
  const gint64     pulled = get_int (p, "last_pull_usec");
  const gint64     total = get_int (p, "full_total_bytes");
  const gint64     age_us = MAX (view->unix_us - pulled, 0);
  g_autofree char *ago = pulled > 0 ? gemel_ctl_format_duration (age_us) : NULL;

  add_name (table, p);
  gemel_ctl_table_take (table, ago != NULL ? g_strconcat (ago, " ago", NULL) : g_strdup ("never"));
  add_duration (table, get_int (p, "last_pull_duration_usec"), pulled > 0);
  add_duration (table, get_int (p, "last_apply_duration_usec"), pulled > 0);
  add_flag (table, json_object_get_boolean_member_with_default (p, "full_sync_needed", FALSE),
            GEMEL_CTL_WARN);
  add_flag (table, json_object_get_boolean_member_with_default (p, "restart_required", FALSE),
            GEMEL_CTL_WARN);
  if (total > 0)
    gemel_ctl_table_take (table, g_strdup_printf ("full sync %.0f %%",
                                                  (double) get_int (p, "full_done_bytes") * 100.0 /
                                                    (double) total));
  else
    add_int (table, p, "entries");
}

/* clang-format off */
static const char *const source_titles[] = {
  "provider (source)", ">pending updates", ">queued/s", ">dispatched/s", ">entries", ">size", NULL
};
static const char *const puller_titles[] = {
  "provider (puller)", ">last pull", ">pull took", ">apply took", "full sync needed",
  "restart required", ">entries", NULL
};
/* clang-format on */

static void
append_providers (GString            *out,
                  const GemelCtlView *view,
                  guint               width,
                  gboolean            colour)
{
  g_autoptr (GemelCtlTable) sources = gemel_ctl_table_new (source_titles);
  g_autoptr (GemelCtlTable) pullers = gemel_ctl_table_new (puller_titles);
  JsonNode                 *node = json_object_get_member (view->root, "providers");
  const gboolean            is_array = node != NULL && JSON_NODE_HOLDS_ARRAY (node);
  JsonArray                *array = is_array ? json_node_get_array (node) : NULL;

  for (guint i = 0; array != NULL && i < json_array_get_length (array); i++)
    {
      JsonNode   *element = json_array_get_element (array, i);
      JsonObject *provider = NULL;

      if (!JSON_NODE_HOLDS_OBJECT (element))
        continue;
      provider = json_node_get_object (element);
      if (json_object_get_boolean_member_with_default (provider, "source", FALSE))
        add_source (sources, provider);
      else
        add_puller (pullers, view, provider);
    }
  if (gemel_ctl_table_get_n_rows (sources) > 0)
    {
      g_autofree char *text = gemel_ctl_table_render (sources, width, colour);

      g_string_append_printf (out, "\n%s", text);
    }
  if (gemel_ctl_table_get_n_rows (pullers) > 0)
    {
      g_autofree char *text = gemel_ctl_table_render (pullers, width, colour);

      g_string_append_printf (out, "\n%s", text);
    }
}

/* ---- counters ---- */

static char *
format_member (const char *name,
               JsonNode   *value)
{
  if (json_node_get_value_type (value) == G_TYPE_BOOLEAN)
    return g_strdup (json_node_get_boolean (value) ? "yes" : "no");
  if (json_node_get_value_type (value) == G_TYPE_STRING)
    return gemel_ctl_sanitize (json_node_get_string (value));
  if (g_str_has_suffix (name, "_usec"))
    return gemel_ctl_format_duration (json_node_get_int (value));
  if (strstr (name, "bytes") != NULL)
    return gemel_ctl_format_bytes ((guint64) MAX (json_node_get_int (value), 0));
  return g_strdup_printf ("%" G_GINT64_FORMAT, json_node_get_int (value));
}

static void
append_counters (GString            *out,
                 const GemelCtlView *view,
                 const char         *group)
{
  JsonNode      *node = json_object_get_member (view->root, group);
  JsonObjectIter iter;
  const char    *name;
  JsonNode      *value;

  if (node == NULL || !JSON_NODE_HOLDS_OBJECT (node))
    return;
  g_string_append_printf (out, "\n%s\n", group);
  json_object_iter_init_ordered (&iter, json_node_get_object (node));
  while (json_object_iter_next_ordered (&iter, &name, &value))
    {
      g_autofree char *text = NULL;
      g_autofree char *words = g_strdelimit (g_strdup (name), "_", ' ');

      if (!JSON_NODE_HOLDS_VALUE (value))
        continue;
      text = format_member (name, value);
      if (g_str_has_suffix (words, " usec"))
        words[strlen (words) - strlen (" usec")] = '\0';
      g_string_append_printf (out, "  %-*s %s\n", KEY_WIDTH, words, text);
    }
}

/**
 * gemel_ctl_view_render:
 * @view: both nodes
 * @all: also the counters
 * @width: columns that there are; 0: no limit
 * @colour: whether styles are shown
 *
 * Returns: (transfer full): the status page.
 * Thread: any
 */
char *
gemel_ctl_view_render (const GemelCtlView *view,
                       gboolean            all,
                       guint               width,
                       gboolean            colour)
{
  GemelCtlStyle    style = GEMEL_CTL_PLAIN;
  g_autofree char *plain = gemel_ctl_view_sentence (view, &style);
  g_autofree char *sentence = gemel_ctl_paint (plain, style, colour);
  g_autofree char *nodes = render_nodes (view, width, colour);
  g_autofree char *facts = render_facts (view);
  GString         *out = g_string_new (NULL);

  g_string_append_printf (out, "%s\n\n%s\n%s", sentence, nodes, facts);
  append_providers (out, view, width, colour);
  if (all)
    {
      append_counters (out, view, "config");
      append_counters (out, view, "history");
      append_counters (out, view, "counters");
    }
  return g_string_free (out, FALSE);
}
