/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the core says in numbers, as a sentence for people: what happened, why, and
 * how long it took.
 */
#pragma once

#include "api/gemel-enums.h"

G_BEGIN_DECLS

char *gemel_event_text (GemelEventCode code,
                        GemelCause     cause,
                        guint64        term,
                        gint64         a,
                        gint64         b);
char *gemel_event_text_about (GemelEventCode code,
                              const char    *subject,
                              const char    *detail);
/* tidy: symbols: of a GemelCause */
const char *gemel_cause_text (GemelCause cause);

G_END_DECLS
