/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The lines that are kept and the providers that wrote them.
 *
 * Both are bounded: the oldest lines leave when there are too many of them or too much text;
 * providers beyond their limit share the name "other". Ids grow by one a line and are never used
 * again, so a reader sees what it missed. The owner holds a lock.
 */
#include "api/gemel-error.h"
#include "api/gemel-names.h"
#include "system/gemel-log-private.h"

#include <string.h>

#define OTHER_PROVIDER      "other"
#define LINE_OVERHEAD_BYTES ((gsize) sizeof (LogLine))

/* Those that exist before they have said anything, so that their level can be set early. */
static const char *const known_providers[] = {
  "config",
  "core",
  "dbus",
  "door",
  "event",
  "glib",
  "guard",
  "history",
  "http",
  "link",
  "module",
  "node",
  OTHER_PROVIDER,
  "settings",
  "state",
  "store",
  "sync",
};

typedef struct
{
  char         *name;
  GemelLogLevel level;
  gboolean      merge;
} LogProvider;

typedef struct
{
  guint64            id;
  gint64             unix_us;
  const LogProvider *provider; /* providers live as long as the ring */
  GemelLogLevel      level;
  gsize              n_bytes; /* of the text with its end */
  char               text[];
} LogLine;

struct _GemelLogRing
{
  GQueue        lines;     /* of LogLine, oldest first */
  GHashTable   *providers; /* name -> LogProvider */
  guint         lines_max;
  gsize         bytes;
  guint64       last_id;
  guint64       dropped;
  GemelLogLevel default_level;
  gboolean      default_merge;
};

static void
provider_free (LogProvider *provider)
{
  g_free (provider->name);
  g_free (provider);
}

static LogProvider *
add_provider (GemelLogRing *ring,
              const char   *name)
{
  LogProvider *provider = g_new0 (LogProvider, 1);

  provider->name = g_strdup (name);
  provider->level = ring->default_level;
  provider->merge = ring->default_merge;
  g_hash_table_insert (ring->providers, provider->name, provider);
  return provider;
}

/**
 * gemel_log_ring_new:
 * @lines_max: how many lines are kept, at least 1
 *
 * Returns: (transfer full): an empty ring; all providers are at level info and not merged.
 * Thread: any
 */
GemelLogRing *
gemel_log_ring_new (guint lines_max)
{
  GemelLogRing *ring = g_new0 (GemelLogRing, 1);

  ring->lines_max = MAX (lines_max, 1);
  ring->default_level = GEMEL_LOG_INFO;
  ring->providers = g_hash_table_new_full (g_str_hash, g_str_equal, NULL,
                                           (GDestroyNotify) provider_free);
  g_queue_init (&ring->lines);
  for (guint i = 0; i < G_N_ELEMENTS (known_providers); i++)
    (void) add_provider (ring, known_providers[i]);
  return ring;
}

/**
 * gemel_log_ring_free:
 * @ring: (transfer full) (nullable): what to free
 *
 * Thread: the lock's holder
 */
void
gemel_log_ring_free (GemelLogRing *ring)
{
  if (ring == NULL)
    return;
  g_queue_clear_full (&ring->lines, g_free);
  g_hash_table_unref (ring->providers);
  g_free (ring);
}

static gboolean
is_provider_name (const char *name)
{
  gsize n_bytes = strlen (name);

  if (n_bytes == 0 || n_bytes > GEMEL_PROVIDER_NAME_BYTES_MAX)
    return FALSE;
  for (const char *p = name; *p != '\0'; p++)
    {
      if (!g_ascii_isalnum (*p) && strchr ("/-_.", *p) == NULL)
        return FALSE;
    }
  return TRUE;
}

/* The provider of that name, added when there is room, else the one that stands for the rest. */
static LogProvider *
ensure_provider (GemelLogRing *ring,
                 const char   *name)
{
  LogProvider *provider = g_hash_table_lookup (ring->providers, name);

  if (provider != NULL)
    return provider;
  if (!is_provider_name (name) || g_hash_table_size (ring->providers) >= GEMEL_LOG_PROVIDERS_MAX)
    return g_hash_table_lookup (ring->providers, OTHER_PROVIDER);
  return add_provider (ring, name);
}

/**
 * gemel_log_ring_wants:
 * @ring: the ring
 * @provider: who wants to log
 * @level: at which level
 * @ret_merge: (out): whether all lines of the provider also go to the journal
 *
 * Returns: whether lines of that level are wanted from that provider.
 * Thread: the lock's holder
 */
gboolean
gemel_log_ring_wants (GemelLogRing *ring,
                      const char   *provider,
                      GemelLogLevel level,
                      gboolean     *ret_merge)
{
  const LogProvider *known = ensure_provider (ring, provider);

  *ret_merge = known->merge;
  return level >= known->level;
}

static void
drop_oldest (GemelLogRing *ring)
{
  g_autofree LogLine *line = g_queue_pop_head (&ring->lines);

  ring->bytes -= line->n_bytes + LINE_OVERHEAD_BYTES;
  ring->dropped++;
}

/**
 * gemel_log_ring_push:
 * @ring: the ring
 * @provider: who logs
 * @level: at which level
 * @unix_us: when, wall clock in µs
 * @text: one line of valid UTF-8
 *
 * Thread: the lock's holder
 */
void
gemel_log_ring_push (GemelLogRing *ring,
                     const char   *provider,
                     GemelLogLevel level,
                     gint64        unix_us,
                     const char   *text)
{
  gsize    n_bytes = strlen (text) + 1;
  LogLine *line = g_malloc (sizeof (LogLine) + n_bytes);

  line->id = ++ring->last_id;
  line->unix_us = unix_us;
  line->provider = ensure_provider (ring, provider);
  line->level = level;
  line->n_bytes = n_bytes;
  memcpy (line->text, text, n_bytes);
  ring->bytes += n_bytes + LINE_OVERHEAD_BYTES;
  g_queue_push_tail (&ring->lines, line);
  while (ring->lines.length > ring->lines_max ||
         (ring->bytes > GEMEL_LOG_RING_BYTES_MAX && ring->lines.length > 1))
    drop_oldest (ring);
}

/* For a person's request: an unknown name is more often a mistake than a provider to come, except
 * for those that carry the name of something that the person configured. */
static LogProvider *
require_provider (GemelLogRing *ring,
                  const char   *name,
                  GError      **error)
{
  LogProvider *provider = g_hash_table_lookup (ring->providers, name);

  if (provider != NULL)
    return provider;
  if (!is_provider_name (name) || strchr (name, '/') == NULL)
    {
      g_autofree char *shown = gemel_log_dup_line (name);

      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND,
                   "nothing logs as \"%.64s\"; list the providers of the log first", shown);
      return NULL;
    }
  if (g_hash_table_size (ring->providers) >= GEMEL_LOG_PROVIDERS_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                   "there are already %d providers; set \"%s\" instead", GEMEL_LOG_PROVIDERS_MAX,
                   OTHER_PROVIDER);
      return NULL;
    }
  return add_provider (ring, name);
}

/**
 * gemel_log_ring_set_level:
 * @ring: the ring
 * @provider: a provider, or "*" for all that are and will be
 * @level: the least level that is wanted
 * @error: return location
 *
 * Returns: whether the provider is known.
 * Errors: %GEMEL_ERROR_NOT_FOUND, %GEMEL_ERROR_LIMIT
 * Thread: the lock's holder
 */
gboolean
gemel_log_ring_set_level (GemelLogRing *ring,
                          const char   *provider,
                          GemelLogLevel level,
                          GError      **error)
{
  LogProvider   *known;
  GHashTableIter iter;
  gpointer       value;

  if (!g_str_equal (provider, "*"))
    {
      known = require_provider (ring, provider, error);
      if (known != NULL)
        known->level = level;
      return known != NULL;
    }
  ring->default_level = level;
  g_hash_table_iter_init (&iter, ring->providers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ((LogProvider *) value)->level = level;
  return TRUE;
}

/**
 * gemel_log_ring_set_merge:
 * @ring: the ring
 * @provider: a provider, or "*" for all that are and will be
 * @merge: whether all its lines also go to the journal
 * @error: return location
 *
 * Returns: whether the provider is known.
 * Errors: %GEMEL_ERROR_NOT_FOUND, %GEMEL_ERROR_LIMIT
 * Thread: the lock's holder
 */
gboolean
gemel_log_ring_set_merge (GemelLogRing *ring,
                          const char   *provider,
                          gboolean      merge,
                          GError      **error)
{
  LogProvider   *known;
  GHashTableIter iter;
  gpointer       value;

  if (!g_str_equal (provider, "*"))
    {
      known = require_provider (ring, provider, error);
      if (known != NULL)
        known->merge = merge;
      return known != NULL;
    }
  ring->default_merge = merge;
  g_hash_table_iter_init (&iter, ring->providers);
  while (g_hash_table_iter_next (&iter, NULL, &value))
    ((LogProvider *) value)->merge = merge;
  return TRUE;
}

/**
 * gemel_log_ring_list:
 * @ring: the ring
 *
 * Returns: (transfer floating): a(ssb): provider, level, merge, in the order of the names.
 * Thread: the lock's holder
 */
GVariant *
gemel_log_ring_list (GemelLogRing *ring)
{
  g_autoptr (GList) names = g_list_sort (g_hash_table_get_keys (ring->providers),
                                         (GCompareFunc) strcmp);
  GVariantBuilder   builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(ssb)"));
  for (GList *l = names; l != NULL; l = l->next)
    {
      const LogProvider *provider = g_hash_table_lookup (ring->providers, l->data);

      g_variant_builder_add (&builder, "(ssb)", provider->name,
                             gemel_log_level_to_string (provider->level), provider->merge);
    }
  return g_variant_builder_end (&builder);
}

static gboolean
matches (const LogLine       *line,
         const GemelLogQuery *query)
{
  return line->id > query->after_id && (query->before_id == 0 || line->id < query->before_id) &&
         line->level >= query->level_min &&
         (query->provider == NULL || g_str_equal (query->provider, line->provider->name)) &&
         (query->text == NULL || strstr (line->text, query->text) != NULL);
}

/**
 * gemel_log_ring_query:
 * @ring: the ring
 * @query: what is wanted
 *
 * With after_id the oldest lines after it, for who follows; else the newest, or the newest before
 * before_id, for who looks back.
 *
 * Returns: (transfer floating): a(txsss): id, unix µs, provider, level, text; oldest first.
 * Thread: the lock's holder
 */
GVariant *
gemel_log_ring_query (GemelLogRing        *ring,
                      const GemelLogQuery *query)
{
  guint           limit = query->limit == 0 ? GEMEL_LOG_QUERY_LINES_MAX
                                            : MIN (query->limit, GEMEL_LOG_QUERY_LINES_MAX);
  gboolean        backwards = query->after_id == 0;
  g_auto (GQueue) found = G_QUEUE_INIT;
  GVariantBuilder builder;

  for (GList *l = backwards ? ring->lines.tail : ring->lines.head;
       l != NULL && found.length < limit; l = backwards ? l->prev : l->next)
    {
      if (!matches (l->data, query))
        continue;
      if (backwards)
        g_queue_push_head (&found, l->data);
      else
        g_queue_push_tail (&found, l->data);
    }
  g_variant_builder_init (&builder, G_VARIANT_TYPE ("a(txsss)"));
  for (GList *l = found.head; l != NULL; l = l->next)
    {
      const LogLine *line = l->data;

      g_variant_builder_add (&builder, "(txsss)", line->id, line->unix_us, line->provider->name,
                             gemel_log_level_to_string (line->level), line->text);
    }
  return g_variant_builder_end (&builder);
}

/**
 * gemel_log_ring_get_dropped:
 * @ring: the ring
 *
 * Returns: how many lines left because of the bounds.
 * Thread: the lock's holder
 */
guint64
gemel_log_ring_get_dropped (GemelLogRing *ring)
{
  return ring->dropped;
}
