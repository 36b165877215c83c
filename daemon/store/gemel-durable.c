/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Making, renaming and keeping files so that a crash right afterwards cannot undo it: the file is
 * synced first, then its directory. Refuses nothing and decides nothing.
 */
#include "store/gemel-durable.h"

#include "api/gemel-error.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

/**
 * gemel_durable_set_errno:
 * @error: (nullable): where to put it
 * @code: value of errno
 * @what: what was tried ("cannot open")
 * @path: of what
 *
 * The only place of the store where errno becomes a %GEMEL_ERROR.
 *
 * Thread: any
 */
void
gemel_durable_set_errno (GError    **error,
                         int         code,
                         const char *what,
                         const char *path)
{
  if (code == ENOSPC || code == EDQUOT)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_DISK_FULL,
                 "%s %s: %s, free some disk space", what, path, g_strerror (code));
  else if (code == ENOENT)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND,
                 "%s %s: %s, check the path", what, path, g_strerror (code));
  else
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE,
                 "%s %s: %s, check the disk and the permissions", what, path, g_strerror (code));
}

static gboolean
sync_path (const char *path,
           int         flags,
           GError    **error)
{
  int fd = g_open (path, flags | O_CLOEXEC, 0);
  int code = 0;

  if (fd < 0)
    {
      gemel_durable_set_errno (error, errno, "cannot open", path);
      return FALSE;
    }
  if (fsync (fd) != 0)
    code = errno;
  (void) close (fd);
  if (code != 0)
    gemel_durable_set_errno (error, code, "cannot sync", path);
  return code == 0;
}

/**
 * gemel_durable_sync_file:
 * @path: a file
 * @error: return location
 *
 * Returns: whether its content is on disk.
 * Errors: as gemel_durable_set_errno()
 * Thread: any; blocks
 */
gboolean
gemel_durable_sync_file (const char *path,
                         GError    **error)
{
  return sync_path (path, O_RDONLY, error);
}

/**
 * gemel_durable_sync_dir_of:
 * @path: a file whose directory entry was made, renamed or removed
 * @error: return location
 *
 * Returns: whether that is on disk.
 * Errors: as gemel_durable_set_errno()
 * Thread: any; blocks
 */
gboolean
gemel_durable_sync_dir_of (const char *path,
                           GError    **error)
{
  g_autofree char *dir = g_path_get_dirname (path);

  return sync_path (dir, O_RDONLY | O_DIRECTORY, error);
}

/**
 * gemel_durable_ensure_file:
 * @path: a file
 * @error: return location
 *
 * Makes an empty file that only this user can read, unless it is there.
 *
 * Returns: whether the file is there.
 * Errors: as gemel_durable_set_errno()
 * Thread: any; blocks
 */
gboolean
gemel_durable_ensure_file (const char *path,
                           GError    **error)
{
  int fd = g_open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

  if (fd < 0 && errno == EEXIST)
    return TRUE;
  if (fd < 0)
    {
      gemel_durable_set_errno (error, errno, "cannot make", path);
      return FALSE;
    }
  (void) close (fd);
  return gemel_durable_sync_dir_of (path, error);
}

/**
 * gemel_durable_rename:
 * @from: a file whose content is on disk already
 * @to: its new name, on the same file system; replaced when it is there
 * @error: return location
 *
 * Returns: whether the new name is on disk. After an error of the directory sync the name has
 *   changed, but a crash may still bring back the old one.
 * Errors: as gemel_durable_set_errno()
 * Thread: any; blocks
 */
gboolean
gemel_durable_rename (const char *from,
                      const char *to,
                      GError    **error)
{
  if (g_rename (from, to) != 0)
    {
      gemel_durable_set_errno (error, errno, "cannot put in place", to);
      return FALSE;
    }
  return gemel_durable_sync_dir_of (to, error);
}

static gboolean
is_same_file (const char *a,
              const char *b)
{
  GStatBuf stat_a;
  GStatBuf stat_b;

  return g_stat (a, &stat_a) == 0 && g_stat (b, &stat_b) == 0 &&
         stat_a.st_dev == stat_b.st_dev && stat_a.st_ino == stat_b.st_ino;
}

/* For a quarantine folder on another file system: a copy under a passing name, then renamed. */
static gboolean
keep_copy (const char *path,
           const char *keep_path,
           GError    **error)
{
  g_autofree char   *part = g_strconcat (keep_path, ".part", NULL);
  g_autoptr (GFile)  from = g_file_new_for_path (path);
  g_autoptr (GFile)  to = g_file_new_for_path (part);
  g_autoptr (GError) local_error = NULL;

  if (!g_file_copy (from, to, G_FILE_COPY_OVERWRITE, NULL, NULL, NULL, &local_error))
    {
      gboolean full = g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_NO_SPACE);

      g_set_error (error, GEMEL_ERROR, full ? GEMEL_ERROR_DISK_FULL : GEMEL_ERROR_STORE,
                   "cannot keep %s as %s: %s", path, keep_path, local_error->message);
      return FALSE;
    }
  return gemel_durable_sync_file (part, error) && gemel_durable_rename (part, keep_path, error);
}

/**
 * gemel_durable_keep:
 * @path: a complete file that nobody writes
 * @keep_path: where it shall also be
 * @error: return location
 *
 * A second name for the file (hard link), or a copy where that cannot be. Doing it twice is fine.
 *
 * Returns: whether @keep_path is on disk.
 * Errors: %GEMEL_ERROR_INVALID_ARGS when another file has that name; gemel_durable_set_errno()
 * Thread: any; blocks
 */
gboolean
gemel_durable_keep (const char *path,
                    const char *keep_path,
                    GError    **error)
{
  if (link (path, keep_path) == 0)
    return gemel_durable_sync_dir_of (keep_path, error);
  if (errno == EEXIST)
    {
      if (is_same_file (path, keep_path))
        return gemel_durable_sync_dir_of (keep_path, error);
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS,
                   "%s is there already, choose another name to keep the old file", keep_path);
      return FALSE;
    }
  if (errno == EXDEV || errno == EPERM || errno == EMLINK || errno == EOPNOTSUPP)
    return keep_copy (path, keep_path, error);
  gemel_durable_set_errno (error, errno, "cannot keep the old file as", keep_path);
  return FALSE;
}
