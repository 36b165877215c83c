/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * config.db: records and journal, apply, facts, compaction, pages, bad input.
 */
#include "store-fixture.h"

static const GemelPosition start = { 0 };

static void
write_many (GemelConfigDb *db,
            guint64        term,
            guint          n)
{
  g_auto (Waiter) waiter = { 0 };

  for (guint i = 0; i < n; i++)
    {
      g_autofree char *key = g_strdup_printf ("key/%03u", i);

      gemel_config_db_write_async (db, term, fixture_ops ("p", key, key), NULL, waiter_cb, &waiter);
    }
  waiter_wait (&waiter, n);
  for (guint i = 0; i < n; i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_true (gemel_config_db_write_finish (db, waiter.results->pdata[i], NULL, &error));
      g_assert_no_error (error);
    }
}

static gboolean
apply (GemelConfigDb *db,
       GPtrArray     *entries,
       GError       **error)
{
  g_auto (Waiter) waiter = { 0 };

  gemel_config_db_apply_async (db, entries, NULL, waiter_cb, &waiter);
  return gemel_config_db_apply_finish (db, waiter_wait (&waiter, 1), error);
}

static GemelSourceFacts
get_facts (GemelConfigDb       *db,
           const char          *lineage,
           const GemelPosition *puller)
{
  g_auto (Waiter)    waiter = { 0 };
  g_autoptr (GError) error = NULL;
  GemelSourceFacts   facts = { 0 };

  gemel_config_db_facts_async (db, lineage, puller, NULL, waiter_cb, &waiter);
  g_assert_true (gemel_config_db_facts_finish (db, waiter_wait (&waiter, 1), &facts, &error));
  g_assert_no_error (error);
  return facts;
}

static GPtrArray *
list (GemelConfigDb *db,
      const char    *provider,
      const char    *prefix,
      const char    *after,
      guint          limit)
{
  g_auto (Waiter)    waiter = { 0 };
  g_autoptr (GError) error = NULL;
  GPtrArray         *records;

  gemel_config_db_list_async (db, provider, prefix, after, limit, NULL, waiter_cb, &waiter);
  records = gemel_config_db_list_finish (db, waiter_wait (&waiter, 1), &error);
  g_assert_no_error (error);
  return records;
}

static void
test_config_write (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autoptr (GError)        error = NULL;
  g_autofree char          *value = NULL;
  GemelPosition             position, head;
  GemelConfigInfo           info, again;

  g_test_summary ("Set, overwrite and delete are three chained entries that outlive a restart");
  g_assert_true (fixture_write (db, 5, "a", "1", &position, &error));
  g_assert_cmpuint (position.seq, ==, 1);
  g_assert_cmpuint (position.term, ==, 5);
  g_assert_true (fixture_write (db, 5, "a", "2", NULL, &error));
  g_assert_true (fixture_write (db, 7, "b", "", NULL, &error));
  g_assert_true (fixture_write (db, 7, "b", NULL, &position, &error));
  g_assert_no_error (error);
  gemel_config_db_get_info (db, &info);
  g_assert_cmpuint (info.n_records, ==, 1);
  g_assert_cmpuint (info.journal_entries, ==, 4);
  g_assert_cmpuint (info.file_bytes, >, 0);
  head = fixture_verify_chain (db, &start);
  g_assert_cmpmem (&head, sizeof head, &position, sizeof position);

  g_clear_pointer (&db, gemel_config_db_close);
  db = fixture_open_config (fixture->path);
  gemel_config_db_get_info (db, &again);
  g_assert_cmpmem (&again, sizeof again, &info, sizeof info);
  value = fixture_get (db, "a", &error);
  g_assert_cmpstr (value, ==, "2");
  g_assert_null (fixture_get (db, "b", &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND);
}

static void
test_config_old_term (Fixture      *fixture,
                      gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autoptr (GError)        error = NULL;
  GemelConfigInfo           info;

  g_test_summary ("A write under a term that is over is refused and changes nothing");
  g_assert_true (fixture_write (db, 8, "a", "1", NULL, &error));
  g_assert_false (fixture_write (db, 7, "a", "2", NULL, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_OLD_TERM);
  gemel_config_db_get_info (db, &info);
  g_assert_cmpuint (info.head.seq, ==, 1);
}

static void
test_config_bad_input (Fixture      *fixture,
                       gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autofree char          *big = g_strnfill (GEMEL_VALUE_BYTES_MAX + 1, 'x');
  g_autofree char          *long_key = g_strnfill (GEMEL_KEY_BYTES_MAX + 1, 'k');
  const struct
  {
    const char *key;
    const char *value;
    GemelError  code;
  } cases[] = {
    { "", "x", GEMEL_ERROR_INVALID_ARGS },
    { "a\nb", "x", GEMEL_ERROR_INVALID_ARGS },
    { "\xff", "x", GEMEL_ERROR_INVALID_ARGS },
    { long_key, "x", GEMEL_ERROR_INVALID_ARGS },
    { "k", big, GEMEL_ERROR_TOO_BIG },
  };
  g_auto (Waiter)    waiter = { 0 };
  g_autoptr (GError) no_ops = NULL;

  g_test_summary ("Names and sizes outside their limits are refused by name");
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      g_autoptr (GError) error = NULL;

      g_assert_false (fixture_write (db, 1, cases[i].key, cases[i].value, NULL, &error));
      g_assert_error (error, GEMEL_ERROR, (int) cases[i].code);
    }
  gemel_config_db_write_async (db, 1, g_ptr_array_new (), NULL, waiter_cb, &waiter);
  g_assert_false (
    gemel_config_db_write_finish (db, waiter_wait (&waiter, 1), NULL, &no_ops));
  g_assert_error (no_ops, GEMEL_ERROR, GEMEL_ERROR_INVALID_ARGS);
}

static void
test_config_apply (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GemelConfigDb) source = fixture_open_config (fixture->path);
  g_autofree char          *path = fixture_path (fixture, "puller.db");
  g_autoptr (GemelConfigDb) puller = fixture_open_config (path);
  g_autoptr (GPtrArray)     entries = NULL;
  g_autoptr (GError)        error = NULL;
  GemelConfigInfo           a, b;
  g_autofree char          *value = NULL;

  g_test_summary ("Entries that went over the wire make an equal database on the other side");
  write_many (source, 3, 50);
  entries = fixture_read_tail (source, 0, G_MAXSIZE, &error);
  for (guint i = 0; i < entries->len; i++)
    {
      g_autoptr (GBytes) wire = gemel_entry_encode (entries->pdata[i]);
      gsize              size;
      const guint8      *bytes = g_bytes_get_data (wire, &size);

      gemel_entry_unref (entries->pdata[i]);
      entries->pdata[i] = gemel_entry_decode (bytes, size, &error);
      g_assert_no_error (error);
    }
  g_assert_true (apply (puller, entries, &error));
  g_assert_no_error (error);
  gemel_config_db_get_info (source, &a);
  gemel_config_db_get_info (puller, &b);
  g_assert_cmpmem (&a.head, sizeof a.head, &b.head, sizeof b.head);
  g_assert_cmpuint (a.n_records, ==, b.n_records);
  value = fixture_get (puller, "key/049", &error);
  g_assert_cmpstr (value, ==, "key/049");

  g_assert_false (apply (puller, entries, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
}

static void
test_config_flipped_bit (Fixture      *fixture,
                         gconstpointer data)
{
  g_autoptr (GemelConfigDb) source = fixture_open_config (fixture->path);
  g_autoptr (GError)        error = NULL;
  g_autoptr (GBytes)        wire = NULL;
  g_autoptr (GPtrArray)     good = NULL;
  gsize                     size;

  g_test_summary ("Any flipped bit of an entry is refused, and nothing of the batch stays");
  write_many (source, 3, 3);
  good = fixture_read_tail (source, 0, G_MAXSIZE, &error);
  wire = gemel_entry_encode (good->pdata[2]);
  size = g_bytes_get_size (wire);
  for (gsize bit = 0; bit < size * 8; bit += 5)
    {
      g_autofree guint8     *bytes = g_memdup2 (g_bytes_get_data (wire, NULL), size);
      g_autoptr (GemelEntry) entry = NULL;
      g_autoptr (GPtrArray)  batch =
        g_ptr_array_new_with_free_func ((GDestroyNotify) gemel_entry_unref);
      g_autofree char          *path = fixture_path (fixture, "flipped.db");
      g_autoptr (GemelConfigDb) puller = NULL;
      GemelConfigInfo           info;

      bytes[bit / 8] ^= (guint8) (1 << bit % 8);
      entry = gemel_entry_decode (bytes, size, &error);
      if (entry == NULL)
        {
          g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
          g_clear_error (&error);
          continue;
        }
      puller = fixture_open_config (path);
      g_ptr_array_add (batch, gemel_entry_ref (good->pdata[0]));
      g_ptr_array_add (batch, gemel_entry_ref (good->pdata[1]));
      g_ptr_array_add (batch, g_steal_pointer (&entry));
      g_assert_false (apply (puller, batch, &error));
      g_assert_true (gemel_error_is (error, GEMEL_ERROR_CORRUPT) ||
                     gemel_error_is (error, GEMEL_ERROR_PROTOCOL) ||
                     gemel_error_is (error, GEMEL_ERROR_OLD_TERM));
      g_clear_error (&error);
      gemel_config_db_get_info (puller, &info);
      g_assert_cmpuint (info.head.seq, ==, 0);
      g_assert_cmpuint (info.n_records, ==, 0);
    }
}

static void
test_config_decode_noise (void)
{
  g_test_summary ("Cut, grown and random bytes are refused and never read past their end");
  for (guint i = 0; i < 20000; i++)
    {
      gsize                  size = (gsize) g_test_rand_int_range (0, 200);
      g_autofree guint8     *bytes = g_malloc (size);
      g_autoptr (GError)     error = NULL;
      g_autoptr (GemelEntry) entry = NULL;

      for (gsize at = 0; at < size; at++)
        bytes[at] = (guint8) g_test_rand_int_range (0, i % 2 == 0 ? 256 : 4);
      if (size >= GEMEL_ENTRY_HEADER_BYTES && i % 4 < 2)
        {
          memset (bytes, 0, 8);
          bytes[0] = bytes[1] = 1;
          bytes[4] = (guint8) (size - GEMEL_ENTRY_HEADER_BYTES);
        }
      entry = gemel_entry_decode (bytes, size, &error);
      g_assert_true ((entry == NULL) == (error != NULL));
      if (entry != NULL)
        {
          g_autoptr (GPtrArray) ops = gemel_entry_dup_ops (entry, &error);

          g_assert_true ((ops == NULL) == (error != NULL));
        }
    }
}

static void
test_config_facts (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autoptr (GPtrArray)     tail = NULL;
  g_autoptr (GError)        error = NULL;
  GemelConfigInfo           info;
  GemelSourceFacts          facts;
  GemelPosition             at;

  g_test_summary ("The facts about pullers: at the start, inside, at the head, ahead, elsewhere");
  write_many (db, 3, 10);
  gemel_config_db_get_info (db, &info);
  facts = get_facts (db, info.lineage, &start);
  g_assert_true (facts.same_lineage && facts.puller_known);
  g_assert_cmpuint (facts.tail_bytes, ==, info.journal_bytes);
  g_assert_cmpuint (facts.full_bytes, ==, info.file_bytes);

  tail = fixture_read_tail (db, 3, 1, &error);
  g_assert_cmpuint (tail->len, ==, 1);
  at = ((GemelEntry *) tail->pdata[0])->position;
  facts = get_facts (db, info.lineage, &at);
  g_assert_true (facts.puller_known);
  g_assert_cmpuint (facts.term_at_puller, ==, 3);
  g_assert_cmpmem (facts.hash_at_puller, GEMEL_HASH_BYTES, at.hash, GEMEL_HASH_BYTES);

  facts = get_facts (db, "another", &info.head);
  g_assert_false (facts.same_lineage);
  g_assert_cmpuint (facts.tail_bytes, ==, 0);
  at.seq = 11;
  g_assert_false (get_facts (db, NULL, &at).puller_known);
  at.seq = G_MAXUINT64;
  g_assert_false (get_facts (db, NULL, &at).puller_known);
}

static void
test_config_compaction (Fixture      *fixture,
                        gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autoptr (GError)        error = NULL;
  GemelConfigInfo           before, info;
  GemelSourceFacts          facts;
  GemelPosition             base = { 0 }, head;

  g_test_summary ("Old entries leave, the chain goes on from the base, also after a restart");
  write_many (db, 3, 40);
  gemel_config_db_get_info (db, &before);
  gemel_config_db_set_limits (db, G_MAXUINT64, 10);
  g_assert_true (fixture_write (db, 3, "one-more", "x", NULL, &error));
  gemel_config_db_get_info (db, &info);
  g_assert_cmpuint (info.journal_entries, ==, 10);
  g_assert_cmpuint (info.base_seq, ==, 31);
  g_assert_cmpuint (info.n_records, ==, before.n_records + 1);
  g_assert_null (fixture_read_tail (db, 30, 1000, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_FOUND);
  g_clear_error (&error);

  base.seq = 31;
  facts = get_facts (db, info.lineage, &base);
  g_assert_true (facts.puller_known);
  base.term = facts.term_at_puller;
  memcpy (base.hash, facts.hash_at_puller, GEMEL_HASH_BYTES);
  head = fixture_verify_chain (db, &base);
  g_assert_cmpmem (&head, sizeof head, &info.head, sizeof head);

  gemel_config_db_set_limits (db, 1, 1);
  g_clear_pointer (&db, gemel_config_db_close);
  db = fixture_open_config (fixture->path);
  gemel_config_db_get_info (db, &info);
  g_assert_cmpuint (info.journal_entries, ==, 1);
  g_assert_cmpmem (&head, sizeof head, &info.head, sizeof head);
  g_assert_true (fixture_write (db, 3, "after", "x", NULL, &error));
  g_assert_no_error (error);
}

static void
test_config_pages (Fixture      *fixture,
                   gconstpointer data)
{
  g_autoptr (GemelConfigDb) db = fixture_open_config (fixture->path);
  g_autoptr (GError)        error = NULL;
  g_autofree char          *after = NULL;
  guint64                   seq = 0;
  guint                     n = 0;

  g_test_summary ("Pages of the tail and of records join without holes");
  write_many (db, 1, 100);
  for (;;)
    {
      g_autoptr (GPtrArray) page = fixture_read_tail (db, seq, 1000, &error);

      if (page->len == 0)
        break;
      g_assert_cmpuint (page->len, <, 20);
      seq = ((GemelEntry *) page->pdata[page->len - 1])->position.seq;
      n += page->len;
    }
  g_assert_cmpuint (n, ==, 100);
  n = 0;
  for (;;)
    {
      g_autoptr (GPtrArray) page = list (db, NULL, NULL, after, 7);
      GemelConfigRecord    *last;

      if (page->len == 0)
        break;
      n += page->len;
      last = page->pdata[page->len - 1];
      g_free (after);
      after = g_strconcat (last->provider, "\n", last->key, NULL);
    }
  g_assert_cmpuint (n, ==, 100);
  {
    g_autoptr (GPtrArray) prefixed = list (db, "p", "key/01", NULL, 0);
    g_autoptr (GPtrArray) rest = list (db, "p", "key/01", "key/015", 0);
    g_autoptr (GPtrArray) none = list (db, "q", NULL, NULL, 0);

    g_assert_cmpuint (prefixed->len, ==, 10);
    g_assert_cmpuint (rest->len, ==, 4);
    g_assert_cmpuint (none->len, ==, 0);
  }
}

typedef struct
{
  GemelConfigDb *db;
  guint          id;
} Writer;

static gpointer
writer_thread (gpointer data)
{
  Writer                  *writer = data;
  g_autoptr (GMainContext) context = g_main_context_new ();

  g_main_context_push_thread_default (context);
  for (guint i = 0; i < 50; i++)
    {
      g_autofree char   *key = g_strdup_printf ("w%u/%u", writer->id, i);
      g_auto (Waiter)    waiter = { 0 };
      g_autoptr (GError) error = NULL;

      gemel_config_db_write_async (writer->db, 1, fixture_ops ("p", key, key), NULL, waiter_cb,
                                   &waiter);
      while (waiter.results == NULL)
        g_main_context_iteration (context, TRUE);
      g_assert_true (
        gemel_config_db_write_finish (writer->db, waiter.results->pdata[0], NULL, &error));
      g_assert_no_error (error);
    }
  g_main_context_pop_thread_default (context);
  return NULL;
}

static guint64 changed_seq;

static void
on_changed (GPtrArray             *entries,
            const GemelConfigInfo *info,
            gpointer               user_data)
{
  for (guint i = 0; i < entries->len; i++)
    g_assert_cmpuint (((GemelEntry *) entries->pdata[i])->position.seq, ==, ++changed_seq);
  g_assert_cmpuint (info->head.seq, ==, changed_seq);
}

static void
test_config_writers (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr (GError)        error = NULL;
  g_autoptr (GemelConfigDb) db =
    gemel_config_db_open (fixture->path, fixture_node, on_changed, NULL, &error);
  Writer        writers[8];
  GThread      *threads[8];
  GemelPosition head;

  g_test_summary ("Eight threads write: every entry is told once, in order, and the chain holds");
  for (guint i = 0; i < 8; i++)
    {
      writers[i] = (Writer){ .db = db, .id = i };
      threads[i] = g_thread_new ("writer", writer_thread, &writers[i]);
    }
  for (guint i = 0; i < 8; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (changed_seq, ==, 400);
  head = fixture_verify_chain (db, &start);
  g_assert_cmpuint (head.seq, ==, 400);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("/store/config-db/writes-are-chained-and-kept", test_config_write);
  ADD ("/store/config-db/old-term-is-refused", test_config_old_term);
  ADD ("/store/config-db/bad-input-is-refused", test_config_bad_input);
  ADD ("/store/config-db/apply-makes-an-equal-database", test_config_apply);
  ADD ("/store/config-db/flipped-bit-is-refused-as-a-whole", test_config_flipped_bit);
  g_test_add_func ("/store/config-db/noise-is-no-entry", test_config_decode_noise);
  ADD ("/store/config-db/facts-about-pullers", test_config_facts);
  ADD ("/store/config-db/compaction-keeps-the-chain", test_config_compaction);
  ADD ("/store/config-db/pages-join-without-holes", test_config_pages);
  ADD ("/store/config-db/many-writers-one-chain", test_config_writers);
  return g_test_run ();
}
