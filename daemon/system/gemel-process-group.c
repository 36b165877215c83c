/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Process groups: to end all of a module and to know that all of it has ended.
 *
 * The number of a group cannot be given to another process while the group has members, so it is
 * safe to ask for until it was seen empty once.
 */
#include "system/gemel-module-private.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* Reads state and group of one process; FALSE when it is gone. */
static gboolean
read_stat (const char *pid,
           char       *ret_state,
           GPid       *ret_group)
{
  g_autofree char *path = g_build_filename ("/proc", pid, "stat", NULL);
  g_autofree char *text = NULL;
  g_auto (GStrv)   words = NULL;
  const char      *end;

  /* tidy: no-sync-calls: a file of /proc is memory */
  if (!g_file_get_contents (path, &text, NULL, NULL))
    return FALSE;
  /* The name, in brackets, may hold anything; the last bracket ends it. */
  end = strrchr (text, ')');
  if (end == NULL || end[1] != ' ')
    return FALSE;
  words = g_strsplit (end + 2, " ", 4);
  if (g_strv_length (words) < 4)
    return FALSE;
  *ret_state = words[0][0];
  *ret_group = (GPid) g_ascii_strtoll (words[2], NULL, 10);
  return TRUE;
}

/* Zombies are members for kill (2) until their parent looks, which may not be this process. */
static gboolean
has_live_member (GPid leader)
{
  g_autoptr (GDir) proc = g_dir_open ("/proc", 0, NULL);
  const char      *name;
  char             state;
  GPid             group;

  if (proc == NULL)
    return TRUE;
  while ((name = g_dir_read_name (proc)) != NULL)
    {
      if (!g_ascii_isdigit (*name) || !read_stat (name, &state, &group))
        continue;
      if (group == leader && state != 'Z' && state != 'X')
        return TRUE;
    }
  return FALSE;
}

/**
 * gemel_process_group_is_gone:
 * @leader: the number of the group
 *
 * Returns: whether no process of the group can do anything any more.
 * Thread: any
 */
gboolean
gemel_process_group_is_gone (GPid leader)
{
  if (kill (-leader, 0) != 0 && errno == ESRCH)
    return TRUE;
  return !has_live_member (leader);
}

/**
 * gemel_process_group_kill:
 * @leader: the number of the group
 * @signal_number: what to send to all of its members
 *
 * Thread: any
 */
void
gemel_process_group_kill (GPid leader,
                          int  signal_number)
{
  /* 0 and 1 would mean this process' own group and everything there is. */
  g_return_if_fail (leader > 1);
  (void) kill (-leader, signal_number);
}
