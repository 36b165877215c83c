/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Times as people write them: "-10min", "2026-11-22 10:00", "10:00", "@1700000000", "now".
 */
#include "ctl/gemel-ctl-format.h"
#include "ctl/gemel-ctl.h"

#include <math.h>
#include <string.h>

#define SECOND 1e6
#define FAR_US 9e15 /* beyond the year 2200: certainly a slip */

typedef struct
{
  const char *name;
  double      us;
} Unit;

/* clang-format off */
static const Unit units[] = {
  { "us", 1 }, { "µs", 1 },
  { "ms", 1e3 },
  { "s", 1e6 }, { "sec", 1e6 },
  { "m", 60e6 }, { "min", 60e6 },
  { "h", 3600e6 },
  { "d", 86400e6 }, { "day", 86400e6 }, { "days", 86400e6 },
  { "w", 604800e6 },
};
/* clang-format on */

/**
 * gemel_ctl_now_unix_us:
 *
 * Returns: wall clock, µs UTC.
 * Thread: any
 */
gint64
gemel_ctl_now_unix_us (void)
{
  return g_get_real_time ();
}

static gboolean
parse_ago (const char *text,
           gint64      now_unix_us,
           gint64     *ret_unix_us)
{
  char        *end;
  const double value = g_ascii_strtod (text, &end);

  for (guint i = 0; end != text && i < G_N_ELEMENTS (units); i++)
    {
      if (strcmp (end, units[i].name) == 0 && isfinite (value) &&
          fabs (value * units[i].us) < FAR_US)
        {
          *ret_unix_us = now_unix_us - (gint64) fabs (value * units[i].us);
          return TRUE;
        }
    }
  return FALSE;
}

static gboolean
parse_epoch (const char *text,
             gint64     *ret_unix_us)
{
  char        *end;
  const double seconds = g_ascii_strtod (text, &end);

  if (end == text || *end != '\0' || !isfinite (seconds) || fabs (seconds * SECOND) > FAR_US)
    return FALSE;
  *ret_unix_us = (gint64) (seconds * SECOND);
  return TRUE;
}

static gboolean
parse_date (const char *text,
            gint64      now_unix_us,
            gint64     *ret_unix_us)
{
  g_autoptr (GTimeZone) zone = g_time_zone_new_local ();
  g_autoptr (GDateTime) now = g_date_time_new_from_unix_local (now_unix_us / (gint64) SECOND);
  g_autoptr (GDateTime) parsed = NULL;
  g_autofree char      *today = g_date_time_format (now, "%Y-%m-%d");
  g_autofree char      *full = NULL;

  if (strchr (text, '-') == NULL && strchr (text, ':') != NULL)
    full = g_strconcat (today, "T", text, NULL);
  else if (strlen (text) == strlen ("2026-01-01"))
    full = g_strconcat (text, "T00:00:00", NULL);
  else
    full = g_strdup (text);
  if (strlen (full) > strlen (today) && full[strlen (today)] == ' ')
    full[strlen (today)] = 'T';
  /* ISO 8601 has seconds; people leave them out. */
  if (strlen (full) == strlen ("2026-01-01T10:00"))
    {
      g_autofree char *minutes = g_steal_pointer (&full);

      full = g_strconcat (minutes, ":00", NULL);
    }
  parsed = g_date_time_new_from_iso8601 (full, zone);
  if (parsed == NULL)
    return FALSE;
  *ret_unix_us = g_date_time_to_unix (parsed) * (gint64) SECOND +
                 g_date_time_get_microsecond (parsed);
  return TRUE;
}

/**
 * gemel_ctl_parse_time:
 * @text: what the user wrote
 * @now_unix_us: wall clock, µs UTC
 * @ret_unix_us: (out): µs UTC
 * @error: GEMEL_CTL_USAGE with the forms that there are
 *
 * Returns: whether @text is a time.
 * Thread: any
 */
gboolean
gemel_ctl_parse_time (const char *text,
                      gint64      now_unix_us,
                      gint64     *ret_unix_us,
                      GError    **error)
{
  if (strcmp (text, "now") == 0)
    {
      *ret_unix_us = now_unix_us;
      return TRUE;
    }
  if (text[0] == '@' && parse_epoch (text + 1, ret_unix_us))
    return TRUE;
  if (parse_ago (text, now_unix_us, ret_unix_us) || parse_date (text, now_unix_us, ret_unix_us))
    return TRUE;
  g_set_error (error, GEMEL_CTL_ERROR, GEMEL_CTL_USAGE,
               "“%s” is no time; write -10min, -2h, 10:00, 2026-11-22, \"2026-11-22 10:00\", "
               "@SECONDS or now",
               text);
  return FALSE;
}
