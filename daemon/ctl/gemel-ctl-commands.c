/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The table of commands, how a command is found by its words, and which one was probably meant.
 */
#include "ctl/gemel-ctl-commands.h"

#include <string.h>

#define WORDS_MAX      2
#define NAME_BYTES_MAX 32
#define DISTANCE_MAX   3

/* clang-format off */
static const GemelCtlCommand commands[] = {
  { "status", gemel_ctl_status, "Both nodes side by side, and what a failover would do now" },
  { "watch", gemel_ctl_watch, "The same, live" },
  { "pair invite", gemel_ctl_pair_invite, "Make the one-time code that the other node joins with" },
  { "pair join", gemel_ctl_pair_join, "Pair this node with the one that made the code" },
  { "pair remove", gemel_ctl_pair_remove, "Forget the peer" },
  { "pair status", gemel_ctl_pair_status, "Whether and with whom this node is paired" },
  { "failover", gemel_ctl_failover, "Planned switchover to the other node" },
  { "resync", gemel_ctl_resync, "Make the standby fetch a whole copy" },
  { "jobs", gemel_ctl_jobs, "Long work that runs or ended a moment ago" },
  { "events", gemel_ctl_events, "What happened, and why" },
  { "log", gemel_ctl_log, "Lines of the log" },
  { "log level", gemel_ctl_log_level, "Which lines of a provider are kept" },
  { "log merge", gemel_ctl_log_merge, "Whether a provider's lines go to the journal as well" },
  { "log providers", gemel_ctl_log_providers, "The providers of log lines" },
  { "config get", gemel_ctl_config_get, "Print a configuration record" },
  { "config set", gemel_ctl_config_set, "Write a configuration record" },
  { "config delete", gemel_ctl_config_delete, "Delete a configuration record" },
  { "config list", gemel_ctl_config_list, "Configuration records" },
  { "config info", gemel_ctl_config_info, "The configuration journal" },
  { "state get", gemel_ctl_state_get, "Print a value of the runtime state" },
  { "state post", gemel_ctl_state_post, "Write a value of the runtime state (active node)" },
  { "state delete", gemel_ctl_state_delete, "Delete a value of the runtime state (active node)" },
  { "state list", gemel_ctl_state_list, "Values of the runtime state" },
  { "state providers", gemel_ctl_state_providers, "Who has runtime state" },
  { "history write", gemel_ctl_history_write, "Write a point" },
  { "history query", gemel_ctl_history_query, "Points over time" },
  { "history ledger", gemel_ctl_history_ledger, "Count rows, gaps and duplicates by origin" },
  { "history stats", gemel_ctl_history_stats, "Counters of the history" },
  { "settings list", gemel_ctl_settings_list, "Every setting with its value" },
  { "settings get", gemel_ctl_settings_get, "Print the value of a setting" },
  { "settings set", gemel_ctl_settings_set, "Change a setting; survives a restart" },
  { "settings reset", gemel_ctl_settings_reset, "Go back to the key files or the built-in value" },
  { "settings describe", gemel_ctl_settings_describe, "What a setting means" },
  { "modules", gemel_ctl_modules, "The modules of this node" },
  { "series", gemel_ctl_series, "A figure of a provider over time" },
  { "describe", gemel_ctl_describe, "The whole snapshot as JSON" },
  { "completion-words", gemel_ctl_words, NULL },
  { NULL, NULL, NULL },
};
/* clang-format on */

/**
 * gemel_ctl_get_commands:
 *
 * Returns: (transfer none): the table; its last entry has no name.
 * Thread: main
 */
const GemelCtlCommand *
gemel_ctl_get_commands (void)
{
  return commands;
}

static const GemelCtlCommand *
find_name (const char *name)
{
  for (guint i = 0; commands[i].name != NULL; i++)
    {
      if (strcmp (commands[i].name, name) == 0)
        return &commands[i];
    }
  return NULL;
}

/**
 * gemel_ctl_find_command:
 * @args: the words that the user gave, %NULL-terminated
 * @ret_words: (out): how many of them name the command
 *
 * Two words win over one: "log level" is not "log" with an argument.
 *
 * Returns: (transfer none) (nullable): the command.
 * Thread: main
 */
const GemelCtlCommand *
gemel_ctl_find_command (const char *const *args,
                        guint             *ret_words)
{
  const GemelCtlCommand *found = NULL;

  if (args[0] != NULL && args[1] != NULL)
    {
      g_autofree char *both = g_strconcat (args[0], " ", args[1], NULL);

      found = find_name (both);
      *ret_words = WORDS_MAX;
    }
  if (found == NULL && args[0] != NULL)
    {
      found = find_name (args[0]);
      *ret_words = 1;
    }
  return found;
}

/**
 * gemel_ctl_join_words:
 * @words: (inout): the words that the user gave, %NULL-terminated
 *
 * Brings the second word of a command before the options that stand between the two: "pair --yes
 * remove" becomes "pair remove --yes". Leaves alone what is no command, what is one with its first
 * word only, and what comes after "--".
 *
 * Thread: main
 */
void
gemel_ctl_join_words (char **words)
{
  if (words[0] == NULL || find_name (words[0]) != NULL)
    return;
  for (guint i = 1; words[i] != NULL && strcmp (words[i], "--") != 0; i++)
    {
      g_autofree char *both = g_strconcat (words[0], " ", words[i], NULL);
      char            *second = words[i];

      if (find_name (both) == NULL)
        continue;
      memmove (words + 2, words + 1, (i - 1) * sizeof *words);
      words[1] = second;
      return;
    }
}

/* Levenshtein distance; both texts are short. */
static guint
distance (const char *a,
          const char *b)
{
  guint       row[NAME_BYTES_MAX + 1];
  const guint n = (guint) strlen (b);

  for (guint j = 0; j <= n; j++)
    row[j] = j;
  for (guint i = 0; a[i] != '\0'; i++)
    {
      guint diagonal = row[0];

      row[0] = i + 1;
      for (guint j = 0; j < n; j++)
        {
          const guint above = row[j + 1];

          row[j + 1] = MIN (MIN (above, row[j]) + 1, diagonal + (a[i] == b[j] ? 0 : 1));
          diagonal = above;
        }
    }
  return row[n];
}

/**
 * gemel_ctl_nearest_command:
 * @text: words that are no command
 *
 * Returns: (transfer none) (nullable): the command that was probably meant.
 * Thread: main
 */
const char *
gemel_ctl_nearest_command (const char *text)
{
  const char *nearest = NULL;
  guint       best = DISTANCE_MAX + 1;

  if (strlen (text) > NAME_BYTES_MAX)
    return NULL;
  for (guint i = 0; commands[i].name != NULL; i++)
    {
      const guint d = distance (text, commands[i].name);

      /* With fewer letters right than wrong it is another word. */
      if (commands[i].description != NULL && d < best && d * 2 <= strlen (text))
        {
          best = d;
          nearest = commands[i].name;
        }
    }
  return nearest;
}
