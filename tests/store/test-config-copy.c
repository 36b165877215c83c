/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * config.db: full backup while writers go on, and putting one in place.
 */
#include "store-fixture.h"

static void
fill (GemelConfigDb *db,
      guint          n,
      gsize          size)
{
  g_autofree char *value = g_strnfill (size, 'v');
  g_auto (Waiter)  waiter = { 0 };

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *key = g_strdup_printf ("fill/%u", i);

      gemel_config_db_write_async (db, 1, fixture_ops ("p", key, value), NULL, waiter_cb, &waiter);
    }
  waiter_wait (&waiter, n);
}

typedef struct
{
  GemelConfigDb *db;
  Waiter         writes;
  guint          pushed;
  guint          slices;
  gboolean       pages_fit;
  GCancellable  *cancellable; /* (nullable): cancelled in the third slice */
} Busy;

/* In the worker's thread: each slice queues a write that runs before the next slice. */
static void
on_progress (guint    done,
             guint    total,
             gpointer user_data)
{
  Busy            *busy = user_data;
  g_autofree char *key = g_strdup_printf ("during/%u", busy->slices);

  busy->pages_fit = done <= total;
  busy->slices++;
  if (busy->cancellable != NULL && busy->slices == 3)
    g_cancellable_cancel (busy->cancellable);
  gemel_config_db_write_async (busy->db, 1, fixture_ops ("p", key, "x"), NULL, NULL, NULL);
}

static void
test_copy_backup (Fixture      *fixture,
                  gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autofree char          *dest = fixture_path (fixture, "copy.db");
  g_autoptr (GemelConfigDb) copy = NULL;
  g_auto (Waiter)           waiter = { 0 };
  g_autoptr (GError)        error = NULL;
  Busy                      busy = { .db = db };
  GemelPosition             position = { 0 }, head;
  GemelConfigInfo           source, info;

  g_test_summary ("A write between each two slices: the backup ends, and the copy holds exactly "
                  "the "
                  "head that it names, with what was written meanwhile");
  fill (db, 100, 50000);
  gemel_config_db_backup_async (db, dest, on_progress, &busy, NULL, waiter_cb, &waiter);
  g_assert_true (
    gemel_config_db_backup_finish (db, waiter_wait (&waiter, 1), &position, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (busy.slices, >, 10);
  g_assert_true (busy.pages_fit);
  g_assert_cmpuint (position.seq, ==, 100 + busy.slices - 1);

  copy = fixture_open_config (dest);
  gemel_config_db_get_info (copy, &info);
  gemel_config_db_get_info (db, &source);
  g_assert_cmpstr (info.lineage, ==, source.lineage);
  g_assert_cmpuint (info.n_records, ==, position.seq);
  head = fixture_verify_chain (copy, &(GemelPosition){ 0 });
  g_assert_cmpmem (&head, sizeof head, &position, sizeof position);
}

static void
test_copy_cancel (Fixture      *fixture,
                  gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autofree char          *dest = fixture_path (fixture, "copy.db");
  g_autoptr (GCancellable)  cancellable = g_cancellable_new ();
  g_autoptr (GError)        error = NULL;
  g_auto (Waiter)           waiter = { 0 };
  Busy                      busy = { .db = db, .cancellable = cancellable };

  g_test_summary ("A cancelled backup leaves no file, and the database goes on");
  fill (db, 50, 50000);
  gemel_config_db_backup_async (db, dest, on_progress, &busy, cancellable, waiter_cb, &waiter);
  g_assert_false (gemel_config_db_backup_finish (db, waiter_wait (&waiter, 1), NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_CANCELLED);
  g_clear_error (&error);
  g_assert_cmpuint (busy.slices, ==, 3);
  g_assert_false (g_file_test (dest, G_FILE_TEST_EXISTS));
  g_assert_true (fixture_write (db, 1, "after", "x", NULL, &error));
}

static void
test_copy_close (Fixture      *fixture,
                 gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autofree char          *dest = fixture_path (fixture, "copy.db");
  g_auto (Waiter)           waiter = { 0 };

  g_test_summary ("Closing while a backup runs ends it and removes the half copy");
  fill (db, 100, 50000);
  gemel_config_db_backup_async (db, dest, NULL, NULL, NULL, waiter_cb, &waiter);
  g_clear_pointer (&db, gemel_config_db_close);
  g_assert_true (g_task_had_error (G_TASK (waiter_wait (&waiter, 1))));
  g_assert_false (g_file_test (dest, G_FILE_TEST_EXISTS));
}

static void
test_copy_replace (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GemelConfigDb) source = fixture_open_config (fixture->path);
  g_autofree char          *staged = fixture_path (fixture, "staged.db");
  g_autofree char          *path = fixture_path (fixture, "puller.db");
  g_autofree char          *kept = fixture_path (fixture, "kept.db");
  g_autoptr (GemelConfigDb) puller = fixture_open_config (path);
  g_autoptr (GemelConfigDb) old = NULL;
  g_autofree char          *value = NULL, *old_value = NULL;
  g_autoptr (GError)        error = NULL;
  GemelPosition             head, next;
  GemelConfigInfo           a, b;

  g_test_summary ("A full backup takes the place, the old file stays whole under its other name, "
                  "and the journal goes on behind the head");
  g_assert_true (fixture_write (source, 4, "k", "new", NULL, &error));
  g_assert_true (fixture_write (puller, 1, "k", "old", NULL, &error));
  g_assert_true (fixture_backup (source, staged, &head, &error));
  g_assert_true (fixture_replace (puller, staged, &head, kept, &error));
  g_assert_no_error (error);
  g_assert_false (g_file_test (staged, G_FILE_TEST_EXISTS));
  gemel_config_db_get_info (source, &a);
  gemel_config_db_get_info (puller, &b);
  g_assert_cmpmem (&a.head, sizeof a.head, &b.head, sizeof b.head);
  g_assert_cmpstr (a.lineage, ==, b.lineage);
  value = fixture_get (puller, "k", &error);
  g_assert_cmpstr (value, ==, "new");
  g_assert_true (fixture_write (puller, 4, "k2", "x", &next, &error));
  g_assert_cmpuint (next.seq, ==, head.seq + 1);
  fixture_verify_chain (puller, &(GemelPosition){ 0 });

  old = fixture_open_config (kept);
  old_value = fixture_get (old, "k", &error);
  g_assert_cmpstr (old_value, ==, "old");
}

static void
test_copy_replace_refused (Fixture      *fixture,
                           gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autofree char          *staged = fixture_path (fixture, "staged.db");
  g_autofree char          *noise = fixture_path (fixture, "noise.db");
  g_autofree char          *missing = fixture_path (fixture, "missing.db");
  g_autofree char          *taken = fixture_path (fixture, "taken.db");
  g_autofree char          *text = g_strnfill (20000, 'x');
  g_autofree char          *value = NULL;
  g_autoptr (GError)        error = NULL;
  GemelPosition             head, wrong;

  g_test_summary ("Another head, noise, nothing, and a taken name are refused; the present "
                  "database "
                  "goes on");
  g_assert_true (fixture_write (db, 1, "k", "1", NULL, &error));
  g_assert_true (fixture_backup (db, staged, &head, &error));
  wrong = head;
  wrong.hash[5] ^= 1;
  g_assert_false (fixture_replace (db, staged, &wrong, NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (noise, text, -1, NULL));
  g_assert_false (fixture_replace (db, noise, &head, NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT);
  g_clear_error (&error);
  g_assert_false (fixture_replace (db, missing, &head, NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE);
  g_clear_error (&error);
  g_assert_true (g_file_set_contents (taken, text, -1, NULL));
  g_assert_false (fixture_replace (db, staged, &head, taken, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
  g_clear_error (&error);
  g_assert_true (fixture_write (db, 1, "k", "2", NULL, &error));
  value = fixture_get (db, "k", &error);
  g_assert_cmpstr (value, ==, "2");
}

static void
test_copy_damaged (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autofree char          *staged = fixture_path (fixture, "staged.db");
  g_autofree char          *bytes = NULL;
  g_autoptr (GError)        error = NULL;
  GemelPosition             head;
  gsize                     size;

  g_test_summary ("A page of zeros inside a staged copy is found before it takes the place");
  fill (db, 400, 500);
  g_assert_true (fixture_backup (db, staged, &head, &error));
  g_assert_true (g_file_get_contents (staged, &bytes, &size, NULL));
  memset (bytes + 4096 * 6, 0, 4096 * 3);
  g_assert_true (g_file_set_contents (staged, bytes, (gssize) size, NULL));
  g_assert_false (fixture_replace (db, staged, &head, NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_CORRUPT);
  g_clear_error (&error);
  g_assert_true (g_file_test (staged, G_FILE_TEST_EXISTS));
  g_assert_true (fixture_write (db, 1, "k", "goes on", NULL, &error));
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("/store/config-copy/backup-ends-while-writers-go-on", test_copy_backup);
  ADD ("/store/config-copy/cancelled-backup-leaves-no-file", test_copy_cancel);
  ADD ("/store/config-copy/closing-ends-a-backup", test_copy_close);
  ADD ("/store/config-copy/replace-keeps-the-old-file", test_copy_replace);
  ADD ("/store/config-copy/unfit-copies-are-refused", test_copy_replace_refused);
  ADD ("/store/config-copy/damaged-copy-is-found", test_copy_damaged);
  return g_test_run ();
}
