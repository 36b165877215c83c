/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The pair in one sentence, worst news first:
 *
 *   both active > fault > switching > nobody active > peer lost > not level > ready
 */
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl-view.h"

#include <string.h>

static gboolean
is_active (const GemelCtlNodeView *node)
{
  return strcmp (node->level, "active") == 0;
}

static const char *
peer_name (const GemelCtlView *view)
{
  return *view->peer.name != '\0' ? view->peer.name : "the peer";
}

static char *
since_seen (const GemelCtlView *view)
{
  g_autofree char *ago = NULL;

  if (view->last_seen_usec == 0)
    return g_strdup ("has not been heard since the start");
  ago = gemel_ctl_format_duration (MAX (view->unix_us - view->last_seen_usec, 0));
  return g_strdup_printf ("has not been heard for %s", ago);
}

static char *
alone_text (const GemelCtlView *view,
            GemelCtlStyle      *ret_style)
{
  *ret_style = GEMEL_CTL_WARN;
  if (is_active (&view->self))
    return g_strdup_printf ("%s is active on its own: it is not paired (gemelctl pair invite).",
                            view->self.name);
  return g_strdup_printf ("%s is %s and not paired.", view->self.name, view->self.level);
}

static char *
lost_text (const GemelCtlView *view,
           GemelCtlStyle      *ret_style)
{
  g_autofree char *seen = since_seen (view);

  if (is_active (&view->self))
    {
      *ret_style = GEMEL_CTL_WARN;
      return g_strdup_printf ("%s is active (%s); %s %s: nobody would take over.", view->self.name,
                              view->self.role, peer_name (view), seen);
    }
  *ret_style = GEMEL_CTL_BAD;
  return g_strdup_printf ("%s is %s (%s); %s %s: no active node is seen.", view->self.name,
                          view->self.level, view->self.role, peer_name (view), seen);
}

/* @standby is not active; @synced and @eligible are about it. */
static char *
ready_text (const GemelCtlView     *view,
            const GemelCtlNodeView *active,
            const GemelCtlNodeView *standby,
            GemelCtlStyle          *ret_style)
{
  const char      *active_name = active == &view->peer ? peer_name (view) : active->name;
  const char      *standby_name = standby == &view->peer ? peer_name (view) : standby->name;
  g_autofree char *head = g_strdup_printf ("%s is active (%s); %s", active_name, active->role,
                                           standby_name);

  *ret_style = GEMEL_CTL_WARN;
  if (strcmp (standby->level, "undecided") == 0)
    return g_strconcat (head, " is undecided: it starts, or asks who is active.", NULL);
  if (!standby->synced)
    return g_strconcat (head, " is not level yet: a failover now could lose something.", NULL);
  if (!standby->eligible)
    return g_strconcat (head, " is level but cannot take over; its events say why.", NULL);
  *ret_style = GEMEL_CTL_GOOD;
  return g_strconcat (head, " is level and ready.", NULL);
}

static char *
pair_text (const GemelCtlView *view,
           GemelCtlStyle      *ret_style)
{
  const gboolean peer_active = view->alive && is_active (&view->peer);
  const char    *peer = peer_name (view);

  if (is_active (&view->self) && peer_active)
    {
      *ret_style = GEMEL_CTL_BAD;
      return g_strdup_printf ("BOTH NODES ARE ACTIVE: %s and %s; one of them gives way by the rule "
                              "of the pair (gemelctl events).",
                              view->self.name, peer);
    }
  if (strcmp (view->state, "fault") == 0)
    {
      *ret_style = GEMEL_CTL_BAD;
      return g_strdup_printf ("%s has a fault (%s) and cannot be active; %s is %s.",
                              view->self.name, view->cause, peer,
                              view->alive ? view->peer.level : "not heard");
    }
  if (view->switching)
    {
      *ret_style = GEMEL_CTL_WARN;
      return g_strdup_printf ("A switchover is under way: %s is %s, %s is %s.", view->self.name,
                              view->self.level, peer, view->peer.level);
    }
  if (!view->alive)
    return lost_text (view, ret_style);
  if (is_active (&view->self))
    return ready_text (view, &view->self, &view->peer, ret_style);
  if (peer_active)
    return ready_text (view, &view->peer, &view->self, ret_style);
  *ret_style = GEMEL_CTL_BAD;
  return g_strdup_printf ("Neither node is active: %s is %s, %s is %s.", view->self.name,
                          view->self.level, peer, view->peer.level);
}

/**
 * gemel_ctl_view_sentence:
 * @view: both nodes
 * @ret_style: (out): how good that is
 *
 * Returns: (transfer full): one safe line in plain words.
 * Thread: any
 */
char *
gemel_ctl_view_sentence (const GemelCtlView *view,
                         GemelCtlStyle      *ret_style)
{
  g_autofree char *text = view->paired ? pair_text (view, ret_style) : alone_text (view, ret_style);

  if (view->recovery_due_usec > view->unix_us && view->paired)
    {
      g_autofree char *in = gemel_ctl_format_duration (view->recovery_due_usec - view->unix_us);
      g_autofree char *head = g_steal_pointer (&text);

      text = g_strdup_printf ("%s Control goes back to the master in %s.", head, in);
    }
  return gemel_ctl_sanitize (text);
}
