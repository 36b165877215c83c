/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the tests of the store share: a passing folder, and waiting for an async answer.
 */
#pragma once

#include "api/gemel-error.h"
#include "store/gemel-config-db.h"
#include <glib/gstdio.h>
#include <string.h>

typedef struct
{
  char *dir;
  char *path; /* dir/test.db */
} Fixture;

static inline void
fixture_set_up (Fixture      *fixture,
                gconstpointer data)
{
  fixture->dir = g_dir_make_tmp ("gemel-store-XXXXXX", NULL);
  g_assert_nonnull (fixture->dir);
  fixture->path = g_build_filename (fixture->dir, "test.db", NULL);
}

static inline void
fixture_tear_down (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GDir) dir = g_dir_open (fixture->dir, 0, NULL);
  const char      *name;

  while ((name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *path = g_build_filename (fixture->dir, name, NULL);

      g_unlink (path);
    }
  g_rmdir (fixture->dir);
  g_free (fixture->dir);
  g_free (fixture->path);
}

static inline char *
fixture_path (Fixture    *fixture,
              const char *name)
{
  return g_build_filename (fixture->dir, name, NULL);
}

/** Answers of async calls, in the order in which they came. */
typedef struct
{
  GPtrArray *results;
} Waiter;

static inline void
waiter_cb (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  Waiter *waiter = user_data;

  if (waiter->results == NULL)
    waiter->results = g_ptr_array_new_with_free_func (g_object_unref);
  g_ptr_array_add (waiter->results, g_object_ref (result));
}

static inline GAsyncResult *
waiter_wait (Waiter *waiter,
             guint   n)
{
  while (waiter->results == NULL || waiter->results->len < n)
    g_main_context_iteration (NULL, TRUE);
  return g_ptr_array_index (waiter->results, n - 1);
}

static inline void
waiter_clear (Waiter *waiter)
{
  g_clear_pointer (&waiter->results, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Waiter, waiter_clear)

static const guint8 fixture_node[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static inline GemelConfigDb *
fixture_open_config (const char *path)
{
  g_autoptr (GError) error = NULL;
  GemelConfigDb     *db = gemel_config_db_open (path, fixture_node, NULL, NULL, &error);

  g_assert_no_error (error);
  return db;
}

static inline GPtrArray *
fixture_ops (const char *provider,
             const char *key,
             const char *value)
{
  GPtrArray         *ops = g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_config_op_free);
  g_autoptr (GBytes) bytes = value != NULL ? g_bytes_new (value, strlen (value)) : NULL;

  g_ptr_array_add (ops, gemel_config_op_new (provider, key, bytes));
  return ops;
}

static inline gboolean
fixture_write (GemelConfigDb *db,
               guint64        term,
               const char    *key,
               const char    *value,
               GemelPosition *ret_position,
               GError       **error)
{
  g_auto (Waiter) waiter = { 0 };

  gemel_config_db_write_async (db, term, fixture_ops ("p", key, value), NULL, waiter_cb, &waiter);
  return gemel_config_db_write_finish (db, waiter_wait (&waiter, 1), ret_position, error);
}

static inline GPtrArray *
fixture_read_tail (GemelConfigDb *db,
                   guint64        after_seq,
                   gsize          bytes_max,
                   GError       **error)
{
  g_auto (Waiter) waiter = { 0 };

  gemel_config_db_read_tail_async (db, after_seq, bytes_max, NULL, waiter_cb, &waiter);
  return gemel_config_db_read_tail_finish (db, waiter_wait (&waiter, 1), error);
}

static inline char *
fixture_get (GemelConfigDb *db,
             const char    *key,
             GError       **error)
{
  g_auto (Waiter)    waiter = { 0 };
  g_autoptr (GBytes) bytes = NULL;

  gemel_config_db_get_async (db, "p", key, NULL, waiter_cb, &waiter);
  bytes = gemel_config_db_get_finish (db, waiter_wait (&waiter, 1), error);
  return bytes == NULL ? NULL
                       : g_strndup (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes));
}

static inline gboolean
fixture_backup (GemelConfigDb *db,
                const char    *path,
                GemelPosition *ret_position,
                GError       **error)
{
  g_auto (Waiter) waiter = { 0 };

  gemel_config_db_backup_async (db, path, NULL, NULL, NULL, waiter_cb, &waiter);
  return gemel_config_db_backup_finish (db, waiter_wait (&waiter, 1), ret_position, error);
}

static inline gboolean
fixture_replace (GemelConfigDb       *db,
                 const char          *staged,
                 const GemelPosition *head,
                 const char          *keep,
                 GError             **error)
{
  g_auto (Waiter) waiter = { 0 };

  gemel_config_db_replace_async (db, staged, head, keep, NULL, waiter_cb, &waiter);
  return gemel_config_db_replace_finish (db, waiter_wait (&waiter, 1), error);
}

/* Reads the whole journal after @base and computes each hash anew; returns the last position. */
static inline GemelPosition
fixture_verify_chain (GemelConfigDb       *db,
                      const GemelPosition *base)
{
  GemelPosition at = *base;

  for (;;)
    {
      g_autoptr (GError)    error = NULL;
      g_autoptr (GPtrArray) page = fixture_read_tail (db, at.seq, 100000, &error);

      g_assert_no_error (error);
      if (page->len == 0)
        return at;
      for (guint i = 0; i < page->len; i++)
        {
          GemelEntry *entry = g_ptr_array_index (page, i);
          guint8      hash[GEMEL_HASH_BYTES];

          g_assert_cmpuint (entry->position.seq, ==, at.seq + 1);
          gemel_entry_compute_hash (entry, at.hash, hash);
          g_assert_cmpmem (hash, sizeof hash, entry->position.hash, sizeof hash);
          at = entry->position;
        }
    }
}
