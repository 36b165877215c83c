/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * How numbers, times and bytes look to people, and how people write times.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

char *gemel_ctl_format_duration (gint64 us);
char *gemel_ctl_format_bytes (guint64 bytes);
char *gemel_ctl_format_time (gint64 unix_us);
char *gemel_ctl_format_rate (double per_second);
char *gemel_ctl_format_number (double value);
char *gemel_ctl_format_variant (GVariant *value);
char *gemel_ctl_format_value (GVariant *bytes);
char *gemel_ctl_format_preview (GVariant *bytes);
char *gemel_ctl_format_hex (GVariant *bytes);
char *gemel_ctl_format_uuid (GVariant *bytes);
char *gemel_ctl_dup_text (GVariant *bytes);
char *gemel_ctl_sanitize (const char *text);
guint gemel_ctl_text_width (const char *text);

gint64   gemel_ctl_now_unix_us (void);
gboolean gemel_ctl_parse_time (const char *text,
                               gint64      now_unix_us,
                               gint64     *ret_unix_us,
                               GError    **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
