/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Both ends of the copied file. The file is deleted with the last reference, except that the stage
 * may have been renamed away by then, which is how a copy succeeds.
 */
#include "sync/gemel-full-copy.h"
#include "api/gemel-error.h"
#include "api/gemel-names.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct _GemelFullCopy
{
  gatomicrefcount  refs; /* tasks hold one, in their thread */
  char            *path;
  int              fd;
  guint64          done; /* bytes hashed */
  gnutls_hash_hd_t hash;
};

typedef struct
{
  guint8  hash[GEMEL_COPY_HASH_BYTES];
  guint64 size;
} Seal;

static gboolean
set_errno (GError    **error,
           const char *what,
           const char *path)
{
  int code = errno;

  g_set_error (error, GEMEL_ERROR, code == ENOSPC ? GEMEL_ERROR_DISK_FULL : GEMEL_ERROR_STORE,
               "cannot %s %s: %s", what, path, g_strerror (code));
  return FALSE;
}

static GemelFullCopy *
copy_open (const char *path,
           int         flags,
           GError    **error)
{
  GemelFullCopy *copy = g_new0 (GemelFullCopy, 1);

  g_atomic_ref_count_init (&copy->refs);
  copy->path = g_strdup (path);
  copy->fd = g_open (path, flags | O_CLOEXEC, 0600);
  if (copy->fd >= 0 && gnutls_hash_init (&copy->hash, GNUTLS_DIG_SHA256) == 0)
    return copy;
  (void) set_errno (error, "open", path);
  gemel_full_copy_unref (copy);
  return NULL;
}

/**
 * gemel_full_copy_open_source:
 * @path: a file that was made for this copy; it is deleted in the end
 * @ret_size: (out): its size in bytes
 * @error: return location
 *
 * Returns: (transfer full): a copy to read from.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL
 * Thread: any
 */
GemelFullCopy *
gemel_full_copy_open_source (const char *path,
                             guint64    *ret_size,
                             GError    **error)
{
  g_autoptr (GemelFullCopy) copy = copy_open (path, O_RDONLY, error);
  struct stat               info;

  if (copy == NULL)
    return NULL;
  if (fstat (copy->fd, &info) != 0)
    {
      (void) set_errno (error, "look at", path);
      return NULL;
    }
  *ret_size = (guint64) info.st_size;
  return g_steal_pointer (&copy);
}

/**
 * gemel_full_copy_open_stage:
 * @path: where the file is put together; what is there is replaced
 * @error: return location
 *
 * Returns: (transfer full): a copy to write to.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL
 * Thread: any
 */
GemelFullCopy *
gemel_full_copy_open_stage (const char *path,
                            GError    **error)
{
  return copy_open (path, O_WRONLY | O_CREAT | O_TRUNC, error);
}

/**
 * gemel_full_copy_ref:
 * @copy: a copy
 *
 * Returns: (transfer full): @copy.
 * Thread: any
 */
GemelFullCopy *
gemel_full_copy_ref (GemelFullCopy *copy)
{
  g_atomic_ref_count_inc (&copy->refs);
  return copy;
}

/**
 * gemel_full_copy_unref:
 * @copy: (transfer full): a copy
 *
 * Thread: any
 */
void
gemel_full_copy_unref (GemelFullCopy *copy)
{
  if (!g_atomic_ref_count_dec (&copy->refs))
    return;
  if (copy->hash != NULL)
    gnutls_hash_deinit (copy->hash, NULL);
  if (copy->fd >= 0)
    {
      (void) close (copy->fd);
      (void) g_unlink (copy->path);
    }
  g_free (copy->path);
  g_free (copy);
}

/**
 * gemel_full_copy_get_path:
 * @copy: a copy
 *
 * Returns: (transfer none): its file.
 * Thread: any
 */
const char *
gemel_full_copy_get_path (GemelFullCopy *copy)
{
  return copy->path;
}

/**
 * gemel_full_copy_get_hash:
 * @copy: a copy with no operation outstanding
 * @ret_hash: (out): SHA-256 of all that went through; the hash begins anew
 *
 * Thread: any
 */
void
gemel_full_copy_get_hash (GemelFullCopy *copy,
                          guint8         ret_hash[GEMEL_COPY_HASH_BYTES])
{
  gnutls_hash_output (copy->hash, ret_hash);
}

static GTask *
task_new (GemelFullCopy      *copy,
          gpointer            tag,
          GCancellable       *cancellable,
          GAsyncReadyCallback callback,
          gpointer            user_data)
{
  GTask *task = g_task_new (NULL, cancellable, callback, user_data);

  g_task_set_source_tag (task, tag);
  g_object_set_data_full (G_OBJECT (task), "gemel-copy", gemel_full_copy_ref (copy),
                          (GDestroyNotify) gemel_full_copy_unref);
  return task;
}

static void
read_thread (GTask        *task,
             gpointer      source,
             gpointer      data,
             GCancellable *cancellable)
{
  GemelFullCopy     *copy = g_object_get_data (G_OBJECT (task), "gemel-copy");
  g_autofree guint8 *buffer = g_malloc (GEMEL_CHUNK_BYTES);
  gssize             n = TEMP_FAILURE_RETRY (read (copy->fd, buffer, GEMEL_CHUNK_BYTES));
  GError            *error = NULL;

  if (n < 0)
    {
      (void) set_errno (&error, "read", copy->path);
      g_task_return_error (task, error);
      return;
    }
  if (n > 0)
    (void) gnutls_hash (copy->hash, buffer, (gsize) n);
  copy->done += (guint64) n;
  g_task_return_pointer (task, g_bytes_new_take (g_steal_pointer (&buffer), (gsize) n),
                         (GDestroyNotify) g_bytes_unref);
}

/**
 * gemel_full_copy_read_async:
 * @copy: a copy to read from
 * @cancellable: (nullable): to give up
 * @callback: called when the next chunk is there
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_full_copy_read_async (GemelFullCopy      *copy,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  g_autoptr (GTask) task = task_new (copy, gemel_full_copy_read_async, cancellable, callback,
                                     user_data);

  g_task_run_in_thread (task, read_thread);
}

/**
 * gemel_full_copy_read_finish:
 * @copy: the copy
 * @result: of the callback
 * @error: return location
 *
 * Returns: (transfer full): at most GEMEL_CHUNK_BYTES; empty at the end.
 * Errors: %GEMEL_ERROR_STORE
 * Thread: that of the callback
 */
GBytes *
gemel_full_copy_read_finish (GemelFullCopy *copy,
                             GAsyncResult  *result,
                             GError       **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

static gboolean
write_all (GemelFullCopy *copy,
           const guint8  *data,
           gsize          size,
           GError       **error)
{
  while (size > 0)
    {
      gssize n = TEMP_FAILURE_RETRY (write (copy->fd, data, size));

      if (n < 0)
        return set_errno (error, "write", copy->path);
      data += n;
      size -= (gsize) n;
    }
  return TRUE;
}

static void
write_thread (GTask        *task,
              gpointer      source,
              gpointer      data,
              GCancellable *cancellable)
{
  GemelFullCopy *copy = g_object_get_data (G_OBJECT (task), "gemel-copy");
  GPtrArray     *chunks = data;
  GError        *error = NULL;

  for (guint i = 0; i < chunks->len; i++)
    {
      gsize         size;
      const guint8 *bytes = g_bytes_get_data (chunks->pdata[i], &size);

      (void) gnutls_hash (copy->hash, bytes, size);
      copy->done += size;
      if (!write_all (copy, bytes, size, &error))
        {
          g_task_return_error (task, error);
          return;
        }
    }
  g_task_return_boolean (task, TRUE);
}

/**
 * gemel_full_copy_write_async:
 * @copy: a copy to write to
 * @chunks: (transfer full) (element-type GBytes): the next chunks in order
 * @cancellable: (nullable): to give up
 * @callback: called when they are written
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_full_copy_write_async (GemelFullCopy      *copy,
                             GPtrArray          *chunks,
                             GCancellable       *cancellable,
                             GAsyncReadyCallback callback,
                             gpointer            user_data)
{
  g_autoptr (GTask) task = task_new (copy, gemel_full_copy_write_async, cancellable, callback,
                                     user_data);

  g_task_set_task_data (task, chunks, (GDestroyNotify) g_ptr_array_unref);
  g_task_run_in_thread (task, write_thread);
}

/**
 * gemel_full_copy_write_finish:
 * @copy: the copy
 * @result: of the callback
 * @error: return location
 *
 * Returns: whether everything was written.
 * Errors: %GEMEL_ERROR_STORE, %GEMEL_ERROR_DISK_FULL
 * Thread: that of the callback
 */
gboolean
gemel_full_copy_write_finish (GemelFullCopy *copy,
                              GAsyncResult  *result,
                              GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}

static void
seal_thread (GTask        *task,
             gpointer      source,
             gpointer      data,
             GCancellable *cancellable)
{
  GemelFullCopy *copy = g_object_get_data (G_OBJECT (task), "gemel-copy");
  const Seal    *seal = data;
  guint8         hash[GEMEL_COPY_HASH_BYTES];
  GError        *error = NULL;

  gnutls_hash_output (copy->hash, hash);
  if (copy->done != seal->size || memcmp (hash, seal->hash, sizeof hash) != 0)
    {
      g_task_return_new_error (task, GEMEL_ERROR, GEMEL_ERROR_CORRUPT,
                               "full copy of %" G_GUINT64_FORMAT
                               " bytes does not have the size or hash that was announced, it is "
                               "asked for again",
                               copy->done);
      return;
    }
  /* tidy: no-sync-calls: this is the thread of a task */
  if (fsync (copy->fd) != 0)
    {
      (void) set_errno (&error, "sync", copy->path);
      g_task_return_error (task, error);
      return;
    }
  g_task_return_boolean (task, TRUE);
}

/**
 * gemel_full_copy_seal_async:
 * @copy: a copy to which everything was written
 * @hash: what its SHA-256 has to be
 * @size: what its size has to be, in bytes
 * @cancellable: (nullable): to give up
 * @callback: called when the file is proven and on disk
 * @user_data: for @callback
 *
 * Thread: any
 */
void
gemel_full_copy_seal_async (GemelFullCopy      *copy,
                            const guint8        hash[GEMEL_COPY_HASH_BYTES],
                            guint64             size,
                            GCancellable       *cancellable,
                            GAsyncReadyCallback callback,
                            gpointer            user_data)
{
  g_autoptr (GTask) task = task_new (copy, gemel_full_copy_seal_async, cancellable, callback,
                                     user_data);
  Seal             *seal = g_new (Seal, 1);

  memcpy (seal->hash, hash, GEMEL_COPY_HASH_BYTES);
  seal->size = size;
  g_task_set_task_data (task, seal, g_free);
  g_task_run_in_thread (task, seal_thread);
}

/**
 * gemel_full_copy_seal_finish:
 * @copy: the copy
 * @result: of the callback
 * @error: return location
 *
 * Returns: whether the file is what was announced, and on disk.
 * Errors: %GEMEL_ERROR_CORRUPT, %GEMEL_ERROR_STORE
 * Thread: that of the callback
 */
gboolean
gemel_full_copy_seal_finish (GemelFullCopy *copy,
                             GAsyncResult  *result,
                             GError       **error)
{
  return g_task_propagate_boolean (G_TASK (result), error);
}
