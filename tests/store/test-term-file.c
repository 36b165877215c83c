/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The term file: fresh start, damage to one and to both slots, order of answers, one process.
 */
#include "store-fixture.h"
#include "store/gemel-term-file.h"

typedef struct
{
  GMutex  mutex;
  GCond   cond;
  guint64 last_id;
  guint   answers;
} Answers;

static void
on_persisted (guint64       id,
              const GError *error,
              gpointer      user_data)
{
  Answers *answers = user_data;

  g_assert_no_error (error);
  g_mutex_lock (&answers->mutex);
  g_assert_cmpuint (id, >, answers->last_id);
  answers->last_id = id;
  answers->answers++;
  g_cond_broadcast (&answers->cond);
  g_mutex_unlock (&answers->mutex);
}

static GemelTermFile *
open_file (const char  *path,
           Answers     *answers,
           GemelStable *ret_stable,
           gboolean    *ret_readable)
{
  g_autoptr (GError) error = NULL;
  GemelTermFile     *file =
    gemel_term_file_open (path, ret_stable, ret_readable, on_persisted, answers, &error);

  g_assert_no_error (error);
  return file;
}

static void
write_terms (const char *path,
             guint       n)
{
  Answers        answers = { 0 };
  GemelStable    stable;
  gboolean       readable;
  GemelTermFile *file = open_file (path, &answers, &stable, &readable);

  for (guint i = 1; i <= n; i++)
    {
      stable = (GemelStable){ .term = i * 10, .last_active_term = i, .clean_stop = i % 2 };
      gemel_term_file_write (file, i, &stable);
      g_mutex_lock (&answers.mutex);
      while (answers.last_id != i)
        g_cond_wait (&answers.cond, &answers.mutex);
      g_mutex_unlock (&answers.mutex);
    }
  gemel_term_file_close (file);
}

static void
damage (const char *path,
        gsize       offset)
{
  g_autofree char *bytes = NULL;
  gsize            size;

  g_assert_true (g_file_get_contents (path, &bytes, &size, NULL));
  bytes[offset] ^= 4;
  g_assert_true (g_file_set_contents (path, bytes, (gssize) size, NULL));
}

static GemelStable
read_back (const char *path,
           gboolean   *ret_readable)
{
  Answers        answers = { 0 };
  GemelStable    stable;
  GemelTermFile *file = open_file (path, &answers, &stable, ret_readable);

  gemel_term_file_close (file);
  return stable;
}

static void
test_term_fresh (Fixture      *fixture,
                 gconstpointer data)
{
  GemelStable stable;
  gboolean    readable;
  GStatBuf    info;

  g_test_summary ("No file and an empty file are a fresh start with all of its space");
  stable = read_back (fixture->path, &readable);
  g_assert_true (readable);
  g_assert_cmpuint (stable.term, ==, 0);
  g_assert_cmpint (g_stat (fixture->path, &info), ==, 0);
  g_assert_cmpint (info.st_size, ==, 4096);
  g_assert_cmpint (info.st_mode & 0777, ==, 0600);
  g_assert_true (g_file_set_contents (fixture->path, "", 0, NULL));
  stable = read_back (fixture->path, &readable);
  g_assert_true (readable);
}

static void
test_term_kept (Fixture      *fixture,
                gconstpointer data)
{
  GemelStable stable;
  gboolean    readable;

  g_test_summary ("What was written is read back, all fields");
  write_terms (fixture->path, 3);
  stable = read_back (fixture->path, &readable);
  g_assert_true (readable);
  g_assert_cmpuint (stable.term, ==, 30);
  g_assert_cmpuint (stable.last_active_term, ==, 3);
  g_assert_true (stable.clean_stop);
}

static void
test_term_one_slot (Fixture      *fixture,
                    gconstpointer data)
{
  g_test_summary ("Any damaged byte of either slot: the other one has what was acknowledged, and "
                  "the "
                  "next write repairs");
  for (guint slot = 0; slot < 2; slot++)
    for (gsize offset = 0; offset < 512; offset += 37)
      {
        GemelStable stable;
        gboolean    readable;

        g_unlink (fixture->path);
        write_terms (fixture->path, 5);
        damage (fixture->path, slot * 512 + offset);
        stable = read_back (fixture->path, &readable);
        g_assert_true (readable);
        g_assert_cmpuint (stable.term, ==, 50);
        write_terms (fixture->path, 1);
        damage (fixture->path, (1 - slot) * 512 + offset);
        stable = read_back (fixture->path, &readable);
        g_assert_true (readable);
        g_assert_cmpuint (stable.term, ==, 10);
      }
}

static void
test_term_torn (Fixture      *fixture,
                gconstpointer data)
{
  GemelStable      stable;
  gboolean         readable;
  g_autofree char *old = NULL;
  g_autofree char *new = NULL;
  gsize size;

  g_test_summary ("A slot that is half old, half new was never acknowledged: the other one counts");
  write_terms (fixture->path, 5);
  g_assert_true (g_file_get_contents (fixture->path, &old, &size, NULL));
  write_terms (fixture->path, 6);
  g_assert_true (g_file_get_contents (fixture->path, &new, &size, NULL));
  memcpy (old, new, 256);
  g_assert_true (g_file_set_contents (fixture->path, old, (gssize) size, NULL));
  stable = read_back (fixture->path, &readable);
  g_assert_true (readable);
  g_assert_cmpuint (stable.term, ==, 50);
}

static void
test_term_both (Fixture      *fixture,
                gconstpointer data)
{
  GemelStable stable;
  gboolean    readable;

  g_test_summary ("Both slots bad, or a cut file: unreadable and zeros, until somebody writes");
  write_terms (fixture->path, 5);
  damage (fixture->path, 30);
  damage (fixture->path, 512 + 30);
  stable = read_back (fixture->path, &readable);
  g_assert_false (readable);
  g_assert_cmpuint (stable.term, ==, 0);
  stable = read_back (fixture->path, &readable);
  g_assert_false (readable);
  write_terms (fixture->path, 2);
  stable = read_back (fixture->path, &readable);
  g_assert_true (readable);
  g_assert_cmpuint (stable.term, ==, 20);
  g_assert_true (g_file_set_contents (fixture->path, "short", -1, NULL));
  stable = read_back (fixture->path, &readable);
  g_assert_false (readable);
}

static void
test_term_order (Fixture      *fixture,
                 gconstpointer data)
{
  Answers        answers = { 0 };
  GemelStable    stable;
  gboolean       readable;
  GemelTermFile *file = open_file (fixture->path, &answers, &stable, &readable);

  g_test_summary ("Each of many writes is answered once, in order; closing waits for them");
  for (guint i = 1; i <= 500; i++)
    {
      stable.term = i;
      gemel_term_file_write (file, i, &stable);
    }
  gemel_term_file_close (file);
  g_assert_cmpuint (answers.answers, ==, 500);
  stable = read_back (fixture->path, &readable);
  g_assert_cmpuint (stable.term, ==, 500);
}

static void
test_term_locked (Fixture      *fixture,
                  gconstpointer data)
{
  Answers                   answers = { 0 };
  GemelStable               stable;
  gboolean                  readable;
  g_autoptr (GemelTermFile) file = open_file (fixture->path, &answers, &stable, &readable);
  g_autoptr (GError)        error = NULL;

  g_test_summary ("A second user of the file is refused");
  g_assert_null (
    gemel_term_file_open (fixture->path, &stable, &readable, on_persisted, &answers, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_BUSY);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("/store/term-file/no-file-is-a-fresh-start", test_term_fresh);
  ADD ("/store/term-file/what-was-written-is-read-back", test_term_kept);
  ADD ("/store/term-file/one-damaged-slot-is-survived", test_term_one_slot);
  ADD ("/store/term-file/torn-slot-was-never-acknowledged", test_term_torn);
  ADD ("/store/term-file/two-damaged-slots-are-unreadable", test_term_both);
  ADD ("/store/term-file/answers-come-once-and-in-order", test_term_order);
  ADD ("/store/term-file/second-process-is-refused", test_term_locked);
  return g_test_run ();
}
