/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Printing what is new until the user has seen enough.
 */
#pragma once

#include "ctl/gemel-ctl.h"

G_BEGIN_DECLS

/** Prints what came after @last and moves it on; @last is 0 at first. */
typedef gboolean (*GemelCtlPrintNew) (gpointer user_data,
                                      guint64 *last,
                                      GError **error);

gboolean gemel_ctl_follow (GemelCtl        *ctl,
                           const char      *interface,
                           const char      *signal,
                           GemelCtlPrintNew print_new,
                           gpointer         user_data,
                           GError         **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
