/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Values that the user gives: as an argument, from a file, from standard input.
 */
#pragma once

#include "ctl/gemel-ctl.h"

G_BEGIN_DECLS

GVariant *gemel_ctl_read_value (const char *argument,
                                const char *file,
                                GError    **error) G_GNUC_WARN_UNUSED_RESULT;
void      gemel_ctl_print_value (GVariant *value,
                                 gboolean  raw);
GVariant *gemel_ctl_durability_options (const char *durability,
                                        GError    **error) G_GNUC_WARN_UNUSED_RESULT;
void      gemel_ctl_print_written (GemelCtl   *ctl,
                                   const char *what,
                                   const char *generation_name,
                                   GVariant   *reply);

G_END_DECLS
