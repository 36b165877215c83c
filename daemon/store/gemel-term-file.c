/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The term on disk. The file has 4096 bytes, all written when it is made, so that a full disk
 * cannot stop a later write: slot 0 at 0, slot 1 at 512, the rest zeros. A slot, little endian:
 *
 *   offset  bytes  field
 *        0      8  magic "GEMELTRM"
 *        8      4  version = 1
 *       12      4  flags: bit 0 clean_stop, others 0
 *       16      8  sequence of the write
 *       24      8  term
 *       32      8  last_active_term
 *       40    440  zeros
 *      480     32  SHA-256 of bytes 0..479
 *
 * A write goes with O_DSYNC first to one slot; then it is acknowledged; then to the other slot, so
 * that both hold the same when nothing is going on. Never to the only good slot.
 *
 * Reading: the good slot with the higher sequence. One slot bad: the other is the truth, for
 *  - it was torn by a crash in the first half of a write: that write was never acknowledged;
 *  - it was torn in the second half: the first slot has what was acknowledged;
 *  - it went bad later: the other slot has the same.
 * Both bad, or a file of another size: unreadable, the node is not eligible ("never start at 0").
 * No file, or an empty one: a fresh start. A new file is complete before it gets its name.
 */
#include "store/gemel-term-file.h"

#include "api/gemel-error.h"
#include "store/gemel-durable.h"
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES      4096
#define SLOT_BYTES      512
#define SUMMED_BYTES    480
#define SUM_BYTES       32
#define SLOT_MAGIC      "GEMELTRM"
#define SLOT_VERSION    1
#define FLAG_CLEAN_STOP 1
#define WRITES_MAX      1024 /* waiting behind a disk that hangs; later ones are not answered */

/** One slot in memory. */
typedef struct
{
  guint64     sequence;
  GemelStable stable;
} Slot;

typedef struct
{
  guint64     id;
  GemelStable stable;
} Write;

struct _GemelTermFile
{
  char              *path;
  int                fd;
  GThread           *thread;
  GemelTermPersisted persisted;
  gpointer           user_data;

  /* The thread only, after open. */
  guint64  sequence;
  gboolean is_good[2];
  guint    next; /* slot that the next write goes to first */

  GMutex   mutex; /* guards what follows */
  GCond    wake;
  GQueue   writes; /* of Write */
  gboolean closing;
};

static void
put_u64 (guint8 *at,
         guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, sizeof value);
}

static guint64
get_u64 (const guint8 *at)
{
  guint64 value;

  memcpy (&value, at, sizeof value);
  return GUINT64_FROM_LE (value);
}

static void
sum_slot (const guint8 *bytes,
          guint8        ret_sum[SUM_BYTES])
{
  g_autoptr (GChecksum) sum = g_checksum_new (G_CHECKSUM_SHA256);
  gsize                 size = SUM_BYTES;

  g_checksum_update (sum, bytes, SUMMED_BYTES);
  g_checksum_get_digest (sum, ret_sum, &size);
}

static void
encode_slot (const Slot *slot,
             guint8      bytes[SLOT_BYTES])
{
  guint64 flags = slot->stable.clean_stop ? FLAG_CLEAN_STOP : 0;

  memset (bytes, 0, SLOT_BYTES);
  memcpy (bytes, SLOT_MAGIC, 8);
  put_u64 (bytes + 8, SLOT_VERSION | flags << 32);
  put_u64 (bytes + 16, slot->sequence);
  put_u64 (bytes + 24, slot->stable.term);
  put_u64 (bytes + 32, slot->stable.last_active_term);
  sum_slot (bytes, bytes + SUMMED_BYTES);
}

static gboolean
decode_slot (const guint8 *bytes,
             Slot         *ret_slot)
{
  guint8  sum[SUM_BYTES];
  guint64 head = get_u64 (bytes + 8);

  sum_slot (bytes, sum);
  if (memcmp (bytes, SLOT_MAGIC, 8) != 0 || memcmp (bytes + SUMMED_BYTES, sum, SUM_BYTES) != 0 ||
      (head & 0xffffffff) != SLOT_VERSION || head >> 32 > FLAG_CLEAN_STOP)
    return FALSE;
  ret_slot->sequence = get_u64 (bytes + 16);
  ret_slot->stable.term = get_u64 (bytes + 24);
  ret_slot->stable.last_active_term = get_u64 (bytes + 32);
  ret_slot->stable.clean_stop = head >> 32 == FLAG_CLEAN_STOP;
  return TRUE;
}

static gboolean
write_all_at (int           fd,
              const guint8 *bytes,
              gsize         size,
              off_t         offset,
              const char   *path,
              GError      **error)
{
  gssize written;

  do
    written = pwrite (fd, bytes, size, offset);
  while (written < 0 && errno == EINTR);
  if (written == (gssize) size)
    return TRUE;
  gemel_durable_set_errno (error, written < 0 ? errno : EIO, "cannot write", path);
  return FALSE;
}

static gboolean
write_slot (GemelTermFile *file,
            guint          index,
            const Slot    *slot,
            GError       **error)
{
  guint8 bytes[SLOT_BYTES];

  encode_slot (slot, bytes);
  file->is_good[index] = FALSE;
  if (!write_all_at (file->fd, bytes, sizeof bytes, (off_t) index * SLOT_BYTES, file->path, error))
    return FALSE;
  file->is_good[index] = TRUE;
  return TRUE;
}

/* After a failed write the slot is bad, and the next write must not go to the other one. */
static gboolean
write_first (GemelTermFile     *file,
             const GemelStable *stable,
             Slot              *ret_slot,
             GError           **error)
{
  *ret_slot = (Slot){ .sequence = ++file->sequence, .stable = *stable };
  if (file->is_good[file->next] && !file->is_good[1 - file->next])
    file->next = 1 - file->next;
  return write_slot (file, file->next, ret_slot, error);
}

/* The second copy guards against damage only, so an error here changes nothing that was said. */
static void
write_second (GemelTermFile *file,
              const Slot    *slot)
{
  file->next = 1 - file->next;
  (void) write_slot (file, file->next, slot, NULL);
}

/* Takes all that wait: only the newest needs to be written, and then all are on disk. */
static gboolean
take_writes (GemelTermFile *file,
             GQueue        *ret_writes)
{
  g_queue_init (ret_writes);
  g_mutex_lock (&file->mutex);
  while (file->writes.length == 0 && !file->closing)
    g_cond_wait (&file->wake, &file->mutex);
  *ret_writes = file->writes;
  g_queue_init (&file->writes);
  g_mutex_unlock (&file->mutex);
  return ret_writes->length > 0;
}

static gpointer
term_thread (gpointer data)
{
  GemelTermFile *file = data;
  GQueue         writes;

  while (take_writes (file, &writes))
    {
      const Write       *newest = g_queue_peek_tail (&writes);
      g_autoptr (GError) error = NULL;
      Slot               slot;
      gboolean           ok = write_first (file, &newest->stable, &slot, &error);
      Write             *write;

      while ((write = g_queue_pop_head (&writes)) != NULL)
        {
          file->persisted (write->id, error, file->user_data);
          g_free (write);
        }
      if (ok)
        write_second (file, &slot);
    }
  return NULL;
}

static gboolean
write_new_file (int         fd,
                const char *path,
                GError    **error)
{
  guint8 bytes[FILE_BYTES] = { 0 };
  Slot   slot = { .sequence = 1 };

  encode_slot (&slot, bytes);
  encode_slot (&slot, bytes + SLOT_BYTES);
  return write_all_at (fd, bytes, sizeof bytes, 0, path, error);
}

/* The file is complete and on disk before it gets its name, so half a new one is never seen. */
static gboolean
make_file (const char *path,
           GError    **error)
{
  g_autofree char *part = g_strconcat (path, ".new", NULL);
  int              fd = g_open (part, O_WRONLY | O_CREAT | O_TRUNC | O_DSYNC | O_CLOEXEC, 0600);
  gboolean         ok;

  if (fd < 0)
    {
      gemel_durable_set_errno (error, errno, "cannot make", part);
      return FALSE;
    }
  ok = write_new_file (fd, part, error);
  (void) close (fd);
  return ok && gemel_durable_sync_file (part, error) && gemel_durable_rename (part, path, error);
}

static gboolean
ensure_file (const char *path,
             GError    **error)
{
  GStatBuf info;

  if (g_stat (path, &info) == 0)
    return info.st_size > 0 || make_file (path, error);
  if (errno == ENOENT)
    return make_file (path, error);
  gemel_durable_set_errno (error, errno, "cannot look at", path);
  return FALSE;
}

/* Two processes with one term would be two nodes with one identity. */
static gboolean
lock_file (int         fd,
           const char *path,
           GError    **error)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

  if (fcntl (fd, F_OFD_SETLK, &lock) == 0)
    return TRUE;
  if (errno == EACCES || errno == EAGAIN)
    g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_BUSY,
                 "%s is in use, stop the other process of this node first", path);
  else
    gemel_durable_set_errno (error, errno, "cannot lock", path);
  return FALSE;
}

/* Returns whether there is something to go by. */
static gboolean
read_slots (GemelTermFile *file,
            GemelStable   *ret_stable)
{
  guint8 bytes[2 * SLOT_BYTES];
  Slot   slots[2] = { 0 };
  guint  newest;

  if (pread (file->fd, bytes, sizeof bytes, 0) != (gssize) sizeof bytes)
    return FALSE;
  for (guint i = 0; i < 2; i++)
    file->is_good[i] = decode_slot (bytes + i * SLOT_BYTES, &slots[i]);
  newest = file->is_good[1] && (!file->is_good[0] || slots[1].sequence > slots[0].sequence) ? 1 : 0;
  file->sequence = slots[newest].sequence;
  file->next = 1 - newest;
  *ret_stable = slots[newest].stable;
  return file->is_good[newest];
}

/**
 * gemel_term_file_open:
 * @path: of the file; made when it is not there
 * @ret_stable: return location for what is on disk; zeros when it is new or unreadable
 * @ret_readable: return location: %FALSE when both slots are bad; the file is left as it is until
 *   the first write
 * @persisted: called in the file's thread, once a write in the order asked
 * @user_data: for @persisted
 * @error: return location
 *
 * Returns: (transfer full) (nullable): the file, with its thread.
 * Errors: %GEMEL_ERROR_BUSY (in use by another process), %GEMEL_ERROR_DISK_FULL, %GEMEL_ERROR_STORE
 * Thread: any; blocks
 */
GemelTermFile *
gemel_term_file_open (const char        *path,
                      GemelStable       *ret_stable,
                      gboolean          *ret_readable,
                      GemelTermPersisted persisted,
                      gpointer           user_data,
                      GError           **error)
{
  g_autoptr (GemelTermFile) file = g_new0 (GemelTermFile, 1);
  GemelStable               stable = { 0 };
  gboolean                  readable;

  g_mutex_init (&file->mutex);
  g_cond_init (&file->wake);
  g_queue_init (&file->writes);
  file->path = g_strdup (path);
  file->persisted = persisted;
  file->user_data = user_data;
  file->fd = -1;
  if (!ensure_file (path, error))
    return NULL;
  file->fd = g_open (path, O_RDWR | O_DSYNC | O_CLOEXEC, 0);
  if (file->fd < 0)
    {
      gemel_durable_set_errno (error, errno, "cannot open", path);
      return NULL;
    }
  if (!lock_file (file->fd, path, error))
    return NULL;
  readable = read_slots (file, &stable);
  file->thread = g_thread_new ("term-file", term_thread, file);
  *ret_stable = readable ? stable : (GemelStable){ 0 };
  *ret_readable = readable;
  return g_steal_pointer (&file);
}

/**
 * gemel_term_file_write:
 * @file: a file
 * @persist_id: given back when it is on disk
 * @stable: what to write; copied
 *
 * Queues a write. When the disk hangs and very many wait already, it is not answered, as if the
 * disk hung for ever: the core then stays as it is.
 *
 * Thread: any
 */
void
gemel_term_file_write (GemelTermFile     *file,
                       guint64            persist_id,
                       const GemelStable *stable)
{
  g_mutex_lock (&file->mutex);
  if (file->writes.length < WRITES_MAX)
    {
      Write *write = g_new0 (Write, 1);

      write->id = persist_id;
      write->stable = *stable;
      g_queue_push_tail (&file->writes, write);
      g_cond_signal (&file->wake);
    }
  g_mutex_unlock (&file->mutex);
}

/**
 * gemel_term_file_close:
 * @file: (transfer full) (nullable): a file
 *
 * Writes what is queued, answers it, and closes.
 *
 * Thread: any but the file's; blocks
 */
void
gemel_term_file_close (GemelTermFile *file)
{
  if (file == NULL)
    return;
  g_mutex_lock (&file->mutex);
  file->closing = TRUE;
  g_cond_signal (&file->wake);
  g_mutex_unlock (&file->mutex);
  if (file->thread != NULL)
    g_thread_join (file->thread);
  if (file->fd >= 0)
    (void) close (file->fd);
  g_cond_clear (&file->wake);
  g_mutex_clear (&file->mutex);
  g_free (file->path);
  g_free (file);
}
