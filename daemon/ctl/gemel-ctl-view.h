/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Both nodes as this one sees them, and the one sentence that says how the pair is.
 */
#pragma once

#include "ctl/gemel-ctl-table.h"
#include "ctl/gemel-ctl.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

/** One node, as far as it is known; strings are lent by the document. */
typedef struct
{
  const char *name;
  const char *role;
  const char *level;
  const char *standby_level;
  const char *config_state;
  const char *history_level;
  const char *version;
  guint64     term;
  gboolean    synced;
  gboolean    eligible;
  gint64      level_since_usec; /* 0: unknown */
} GemelCtlNodeView;

typedef struct
{
  JsonParser      *parser; /* (nullable): owns the strings */
  char            *text;   /* (nullable): the document itself */
  JsonObject      *root;
  gint64           unix_us;
  guint64          serial;
  GemelCtlNodeView self;
  GemelCtlNodeView peer;
  gboolean         paired;
  gboolean         switching;
  gboolean         connected; /* control connection to the peer */
  gboolean         alive;     /* peer heard within the failover timeout */
  const char      *address;
  const char      *state;
  const char      *cause;
  const char      *recovery_mode;
  const char      *assurance;
  const char      *last_cause;
  gint64           last_changeover_usec;
  gint64           last_seen_usec;
  gint64           rtt_us;
  gint64           recovery_due_usec; /* 0: not planned */
} GemelCtlView;

gboolean gemel_ctl_view_parse (const char   *text,
                               GemelCtlView *ret_view,
                               GError      **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean gemel_ctl_view_load (GemelCtl     *ctl,
                              GemelCtlView *ret_view,
                              GError      **error) G_GNUC_WARN_UNUSED_RESULT;
void     gemel_ctl_view_clear (GemelCtlView *view);
char    *gemel_ctl_view_sentence (const GemelCtlView *view,
                                  GemelCtlStyle      *ret_style);
char    *gemel_ctl_view_render (const GemelCtlView *view,
                                gboolean            all,
                                guint               width,
                                gboolean            colour);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (GemelCtlView, gemel_ctl_view_clear)

G_END_DECLS
