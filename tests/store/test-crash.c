/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What kill -9 leaves. The program starts itself as a child that works and says on its stdout what
 * was acknowledged; the parent kills it after some lines and looks at the files.
 */
#include "store-fixture.h"
#include "store/gemel-term-file.h"
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>

#define ROUNDS 12

static const char *program;

static void
say (guint64 number)
{
  char line[32];
  int  size = g_snprintf (line, sizeof line, "%" G_GUINT64_FORMAT "\n", number);

  if (write (STDOUT_FILENO, line, (size_t) size) != size)
    _exit (2);
}

/* Four writes are always under way; a number is said when its entry was acknowledged. */
G_GNUC_NORETURN static void
child_write (const char *path)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (path);

  for (;;)
    {
      g_auto (Waiter) waiter = { 0 };

      for (guint i = 0; i < 4; i++)
        gemel_config_db_write_async (db, 1, fixture_ops ("p", "k", "some value"), NULL, waiter_cb,
                                     &waiter);
      for (guint i = 0; i < 4; i++)
        {
          GemelPosition position = { 0 };

          waiter_wait (&waiter, i + 1);
          if (!gemel_config_db_write_finish (db, waiter.results->pdata[i], &position, NULL))
            _exit (1);
          say (position.seq);
        }
    }
}

G_GNUC_NORETURN static void
child_replace (const char *path)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (path);
  g_autofree char          *dir = g_path_get_dirname (path);
  g_autofree char          *staged = g_build_filename (dir, "staged.db", NULL);

  for (guint64 n = 0;; n++)
    {
      g_autofree char *from = g_build_filename (dir, n % 2 == 0 ? "a.db" : "b.db", NULL);
      g_autofree char *keep = g_strdup_printf ("%s/keep-%" G_GUINT64_FORMAT, dir, n);
      g_autofree char *head = NULL;
      g_autofree char *name = g_strconcat (from, ".head", NULL);
      g_autofree char *bytes = NULL;
      gsize            size;

      if (!g_file_get_contents (name, &head, NULL, NULL) ||
          !g_file_get_contents (from, &bytes, &size, NULL) ||
          !g_file_set_contents (staged, bytes, (gssize) size, NULL) ||
          !fixture_replace (db, staged, (GemelPosition *) (void *) head, keep, NULL))
        _exit (1);
      g_unlink (keep);
      /* A write keeps a -wal alive that must never meet the next file. */
      if (!fixture_write (db, 9, "mine", "x", NULL, NULL))
        _exit (1);
      say (n);
    }
}

static void
on_term_persisted (guint64       id,
                   const GError *error,
                   gpointer      user_data)
{
  if (error != NULL)
    _exit (1);
  say (id);
  *(volatile gint *) user_data = (gint) id;
}

G_GNUC_NORETURN static void
child_term (const char *path)
{
  static gint               done;
  GemelStable               stable;
  gboolean                  readable;
  g_autoptr (GemelTermFile) file =
    gemel_term_file_open (path, &stable, &readable, on_term_persisted, &done, NULL);

  if (file == NULL || !readable)
    _exit (1);
  for (;;)
    {
      stable.term++;
      gemel_term_file_write (file, stable.term, &stable);
      while (g_atomic_int_get (&done) != (gint) stable.term)
        g_thread_yield ();
    }
}

/* Runs a child until it has said @lines lines, kills it, and returns the last number it said. */
static guint64
run_and_kill (const char *what,
              const char *path,
              guint       lines)
{
  const char        *argv[] = { program, what, path, NULL };
  g_autoptr (GError) error = NULL;
  GPid               pid;
  int                out;
  FILE              *stream;
  char               line[64];
  guint64            last = 0;
  int                status;

  g_assert_true (g_spawn_async_with_pipes (NULL, (char **) argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD,
                                           NULL, NULL, &pid, NULL, &out, NULL, &error));
  g_assert_no_error (error);
  stream = fdopen (out, "r");
  for (guint i = 0; i < lines && fgets (line, sizeof line, stream) != NULL; i++)
    last = g_ascii_strtoull (line, NULL, 10);
  kill (pid, SIGKILL);
  while (fgets (line, sizeof line, stream) != NULL)
    if (strchr (line, '\n') != NULL)
      last = g_ascii_strtoull (line, NULL, 10);
  fclose (stream);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status));
  g_spawn_close_pid (pid);
  return last;
}

static void
test_crash_writes (Fixture      *fixture,
                   gconstpointer data)
{
  guint64 before = 0;

  g_test_summary ("Every acknowledged entry is there after kill -9, and the chain verifies");
  for (guint round = 0; round < ROUNDS; round++)
    {
      guint64 acked =
        run_and_kill ("--write", fixture->path, (guint) g_test_rand_int_range (1, 300));
      g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
      GemelPosition             head = fixture_verify_chain (db, &(GemelPosition){ 0 });

      g_assert_cmpuint (acked, >, before);
      g_assert_cmpuint (head.seq, >=, acked);
      before = head.seq;
    }
}

static void
make_source (const char    *path,
             guint          n,
             GemelPosition *ret_head)
{
  g_autofree char          *head_path = g_strconcat (path, ".head", NULL);
  g_autofree char          *origin = g_strconcat (path, ".origin", NULL);
  g_autoptr (GemelConfigDb) db = fixture_open_config (origin);

  for (guint i = 0; i < n; i++)
    g_assert_true (fixture_write (db, 1, "k", path, NULL, NULL));
  g_assert_true (fixture_backup (db, path, ret_head, NULL));
  g_assert_true (
    g_file_set_contents (head_path, (char *) ret_head, sizeof *ret_head, NULL));
}

static void
test_crash_replace (Fixture      *fixture,
                    gconstpointer data)
{
  g_autofree char *path_a = fixture_path (fixture, "a.db");
  g_autofree char *path_b = fixture_path (fixture, "b.db");
  GemelPosition    a, b;

  g_test_summary ("kill -9 at any step of a replace leaves one of the two files, whole");
  make_source (path_a, 3, &a);
  make_source (path_b, 7, &b);
  for (guint round = 0; round < ROUNDS; round++)
    {
      g_autoptr (GemelConfigDb) db = NULL;
      GemelPosition             head;

      run_and_kill ("--replace", fixture->path, (guint) g_test_rand_int_range (1, 20));
      db = fixture_open_config (fixture->path);
      head = fixture_verify_chain (db, &(GemelPosition){ 0 });
      /* One entry more is the child's own write behind the copy. */
      g_assert_true (head.seq == a.seq || head.seq == a.seq + 1 || head.seq == b.seq ||
                     head.seq == b.seq + 1);
    }
}

/* The state of the disk after each step that a crash can follow, made by hand. */
static void
test_crash_steps (Fixture      *fixture,
                  gconstpointer data)
{
  g_autofree char          *staged = fixture_path (fixture, "staged.db");
  g_autofree char          *kept = fixture_path (fixture, "kept.db");
  g_autofree char          *path = fixture_path (fixture, "puller.db");
  g_autoptr (GemelConfigDb) source = fixture_open_config (fixture->path);
  g_autoptr (GemelConfigDb) puller = fixture_open_config (path);
  g_autoptr (GError)        error = NULL;
  GemelPosition             head, old;
  GemelConfigInfo           info;

  g_test_summary ("Closed, second name made, renamed: each opens as old or new, and can be redone");
  g_assert_true (fixture_write (source, 2, "k", "new", &head, &error));
  g_assert_true (fixture_backup (source, staged, &head, &error));
  g_assert_true (fixture_write (puller, 1, "k", "old", &old, &error));
  g_clear_pointer (&puller, gemel_config_db_close);
  g_assert_cmpint (link (path, kept), ==, 0);
  puller = fixture_open_config (path);
  gemel_config_db_get_info (puller, &info);
  g_assert_cmpmem (&info.head, sizeof old, &old, sizeof old);
  g_assert_true (fixture_replace (puller, staged, &head, kept, &error));
  g_assert_no_error (error);
  g_clear_pointer (&puller, gemel_config_db_close);

  g_assert_cmpint (g_rename (kept, staged), ==, 0);
  g_assert_cmpint (g_rename (staged, path), ==, 0);
  puller = fixture_open_config (path);
  gemel_config_db_get_info (puller, &info);
  g_assert_cmpmem (&info.head, sizeof old, &old, sizeof old);
}

static void
test_crash_term (Fixture      *fixture,
                 gconstpointer data)
{
  g_test_summary ("After kill -9 the term is what was acknowledged last, or the one under way");
  for (guint round = 0; round < ROUNDS; round++)
    {
      guint64 acked =
        run_and_kill ("--term", fixture->path, (guint) g_test_rand_int_range (1, 100));
      GemelStable               stable;
      gboolean                  readable;
      g_autoptr (GemelTermFile) file =
        gemel_term_file_open (fixture->path, &stable, &readable, on_term_persisted, NULL, NULL);

      g_assert_nonnull (file);
      g_assert_true (readable);
      g_assert_cmpuint (stable.term, >=, acked);
      g_assert_cmpuint (stable.term, <=, acked + 1);
    }
}

int
main (int    argc,
      char **argv)
{
  program = argv[0];
  if (argc == 3 && g_str_equal (argv[1], "--write"))
    child_write (argv[2]);
  if (argc == 3 && g_str_equal (argv[1], "--replace"))
    child_replace (argv[2]);
  if (argc == 3 && g_str_equal (argv[1], "--term"))
    child_term (argv[2]);
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("/store/crash/acknowledged-entries-survive", test_crash_writes);
  ADD ("/store/crash/replace-leaves-old-or-new", test_crash_replace);
  ADD ("/store/crash/each-step-of-replace-can-be-redone", test_crash_steps);
  ADD ("/store/crash/acknowledged-term-survives", test_crash_term);
  return g_test_run ();
}
