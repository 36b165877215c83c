/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Locks what is touched (MCL_ONFAULT); what is never touched costs nothing.
 *
 * A limit of locked memory counts what is mapped, not what is touched. Below such a limit the lock
 * is worse than none: a later thread or allocation fails, and with it the process. So either there
 * is room for everything, or nothing is locked.
 */
#include "system/gemel-memory.h"

#include <sys/mman.h>

/* More than the address space that a node will ever map. */
#define ROOM_BYTES (G_GUINT64_CONSTANT (1) << 40)

static gboolean
has_room (void)
{
  void *room = mmap (NULL, ROOM_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                     0);

  if (room == MAP_FAILED)
    return FALSE;
  (void) munmap (room, ROOM_BYTES);
  return TRUE;
}

/**
 * gemel_memory_keep:
 *
 * Keeps in memory what this process touches from now on and what it maps, if the limit of locked
 * memory (LimitMEMLOCK=infinity) or a privilege allows that for everything.
 *
 * Returns: whether it does.
 * Thread: main, before there are others
 */
gboolean
gemel_memory_keep (void)
{
  if (mlockall (MCL_FUTURE | MCL_ONFAULT) != 0)
    return FALSE;
  if (has_room () && mlockall (MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0)
    return TRUE;
  (void) munlockall ();
  return FALSE;
}
