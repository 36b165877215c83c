/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What somebody may have meant: the known word with the fewest edits to the one that was written.
 */
#include "system/gemel-settings-private.h"

#include "api/gemel-error.h"

#include <string.h>

#define WORD_BYTES_MAX 80

/**
 * gemel_settings_distance:
 * @a: a word
 * @b: another word
 *
 * Counts the edits (insert, delete, replace one byte) that make one word of the other.
 *
 * Returns: the number; %G_MAXUINT when one of them is too long to be looked at.
 * Thread: any
 */
guint
gemel_settings_distance (const char *a,
                         const char *b)
{
  guint row[WORD_BYTES_MAX + 1];
  gsize n_a = strlen (a);
  gsize n_b = strlen (b);

  if (n_a > WORD_BYTES_MAX || n_b > WORD_BYTES_MAX)
    return G_MAXUINT;
  for (guint j = 0; j <= n_b; j++)
    row[j] = j;
  for (guint i = 1; i <= n_a; i++)
    {
      guint diagonal = row[0];

      row[0] = i;
      for (guint j = 1; j <= n_b; j++)
        {
          guint replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);

          diagonal = row[j];
          row[j] = MIN (replaced, MIN (row[j], row[j - 1]) + 1);
        }
    }
  return row[n_b];
}

/**
 * gemel_settings_nearest:
 * @word: what was written
 * @known: %NULL-terminated, the words that exist
 *
 * Returns: (transfer none) (nullable): the nearest of @known, %NULL when none is near enough to be
 *   what was meant (more than a third of the word differs, at least two letters).
 * Thread: any
 */
const char *
gemel_settings_nearest (const char        *word,
                        const char *const *known)
{
  const char *nearest = NULL;
  guint       nearest_distance = MAX (2, (guint) MIN (strlen (word), WORD_BYTES_MAX) / 3) + 1;

  for (guint i = 0; known[i] != NULL; i++)
    {
      guint distance = gemel_settings_distance (word, known[i]);

      if (distance < nearest_distance)
        {
          nearest = known[i];
          nearest_distance = distance;
        }
    }
  return nearest;
}

/* All groups, or the keys of one; each once. */
static GPtrArray *
list_words (const char *group)
{
  GPtrArray              *words = g_ptr_array_new ();
  guint                   n_table;
  const GemelSettingInfo *table = gemel_settings_get_table (&n_table);

  for (guint i = 0; i < n_table; i++)
    {
      if (group == NULL && (i == 0 || !g_str_equal (table[i].group, table[i - 1].group)))
        g_ptr_array_add (words, (gpointer) table[i].group);
      else if (group != NULL && g_str_equal (table[i].group, group))
        g_ptr_array_add (words, (gpointer) table[i].key);
    }
  g_ptr_array_add (words, NULL);
  return words;
}

static const GemelSettingInfo *
find_in_other_group (const char *key)
{
  guint                   n_table;
  const GemelSettingInfo *table = gemel_settings_get_table (&n_table);

  for (guint i = 0; i < n_table; i++)
    {
      if (g_str_equal (table[i].key, key))
        return &table[i];
    }
  return NULL;
}

static GError *
unknown_group (const char *group)
{
  g_autoptr (GPtrArray) words = list_words (NULL);
  const char           *nearest = gemel_settings_nearest (group,
                                                          (const char *const *) words->pdata);

  if (nearest == NULL && g_ascii_strncasecmp (group, "module", 6) == 0)
    nearest = "module NAME";
  if (nearest == NULL)
    return g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_SETTING,
                                "there is no such group; see gemel.conf (5) for all of them");
  return g_error_new (GEMEL_ERROR, GEMEL_ERROR_SETTING,
                      "there is no such group; did you mean [%s]?", nearest);
}

/**
 * gemel_settings_unknown_error:
 * @group: the group that was written
 * @key: (nullable): the key that was written in it
 *
 * Says that a setting does not exist and which one may have been meant: a key of the same group, or
 * the same key in another group.
 *
 * Returns: (transfer full): the error, without the names that were written.
 * Thread: any
 */
GError *
gemel_settings_unknown_error (const char *group,
                              const char *key)
{
  g_autoptr (GPtrArray)   words = list_words (group);
  const GemelSettingInfo *elsewhere;
  const char             *nearest;

  if (words->len <= 1 || key == NULL)
    return unknown_group (group);
  nearest = gemel_settings_nearest (key, (const char *const *) words->pdata);
  elsewhere = find_in_other_group (key);
  if (elsewhere != NULL)
    return g_error_new (GEMEL_ERROR, GEMEL_ERROR_SETTING,
                        "there is no such key here; it belongs to [%s]", elsewhere->group);
  if (nearest != NULL)
    return g_error_new (GEMEL_ERROR, GEMEL_ERROR_SETTING,
                        "there is no such key; did you mean %s?", nearest);
  return g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_SETTING,
                              "there is no such key; see gemel.conf (5) for all of them");
}
