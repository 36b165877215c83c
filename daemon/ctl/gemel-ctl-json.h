/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * JSON for programs: from D-Bus values to members with stable names.
 */
#pragma once

#include "ctl/gemel-ctl.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

void  gemel_ctl_json_add_text (JsonBuilder *json,
                               const char  *name,
                               const char  *value);
void  gemel_ctl_json_add_int (JsonBuilder *json,
                              const char  *name,
                              gint64       value);
void  gemel_ctl_json_add_bool (JsonBuilder *json,
                               const char  *name,
                               gboolean     value);
void  gemel_ctl_json_add_variant (JsonBuilder *json,
                                  const char  *name,
                                  GVariant    *value);
void  gemel_ctl_json_add_row (JsonBuilder       *json,
                              const char *const *names,
                              GVariant          *tuple);
void  gemel_ctl_json_add_properties (JsonBuilder *json,
                                     GVariant    *properties);
char *gemel_ctl_json_name (const char *property);
void  gemel_ctl_json_print (GemelCtl    *ctl,
                            JsonBuilder *json);
void  gemel_ctl_json_print_line (JsonBuilder *json);

G_END_DECLS
