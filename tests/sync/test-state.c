/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The state store by itself: posting, limits, the delta buffer, a full state taken while changes
 * go on, and the one-minute rates.
 */
#include "sync/gemel-state.h"
#include "sync/gemel-sync-wire.h"

#define BUFFER_BYTES (64 * 1024)
#define STATE_BYTES  (1024 * 1024)

static gboolean
post (GemelStateStore *store,
      const char      *key,
      const char      *value,
      GError         **error)
{
  g_autoptr (GByteArray) ops = g_byte_array_new ();

  gemel_state_ops_append (ops, key, value, value != NULL ? strlen (value) : 0, value != NULL);
  return gemel_state_store_post (store, "p", ops->data, ops->len, 1, 1000000, error);
}

static char *
get (GemelStateStore *store,
     const char      *key)
{
  g_autoptr (GBytes) value = gemel_state_store_dup_value (store, "p", key, NULL, NULL);

  if (value == NULL)
    return NULL;
  return g_bytes_get_size (value) > 0
           ? g_strndup (g_bytes_get_data (value, NULL), g_bytes_get_size (value))
           : g_strdup ("");
}

static void
assert_value (GemelStateStore *store,
              const char      *key,
              const char      *value)
{
  g_autofree char *found = get (store, key);

  g_assert_cmpstr (found, ==, value);
}

static GemelStateStore *
store_new (guint64 epoch)
{
  GemelStateStore *store = gemel_state_store_new (BUFFER_BYTES, STATE_BYTES, NULL, NULL);

  gemel_state_store_set_epoch (store, epoch);
  return store;
}

static void
test_post (void)
{
  g_autoptr (GemelStateStore) store = store_new (5);
  GemelStatePosition          version = { 0 };
  g_autoptr (GBytes)          value = NULL;

  g_test_summary ("Values are set, overwritten, grown and deleted; each change has its place");
  g_assert_true (post (store, "a", "1", NULL));
  g_assert_true (post (store, "a", "a much longer value than before", NULL));
  g_assert_true (post (store, "b", "", NULL));
  assert_value (store, "a", "a much longer value than before");
  assert_value (store, "b", "");
  value = gemel_state_store_dup_value (store, "p", "a", &version, NULL);
  g_assert_cmpuint (version.epoch, ==, 5);
  g_assert_cmpuint (version.seq, ==, 2);
  g_assert_true (post (store, "a", NULL, NULL));
  assert_value (store, "a", NULL);
  g_assert_cmpuint (gemel_state_store_find (store, "p")->entries, ==, 1);
  g_assert_cmpuint (gemel_state_store_get_position (store).seq, ==, 4);
}

static void
test_bad_batches (void)
{
  g_autoptr (GemelStateStore) store = store_new (5);
  g_autoptr (GByteArray)      ops = g_byte_array_new ();
  g_autofree char            *long_key = g_strnfill (GEMEL_KEY_BYTES_MAX + 1, 'k');
  g_autoptr (GRand)           rand = g_rand_new_with_seed (7);

  g_test_summary ("Cut-off, oversized and random batches change nothing");
  gemel_state_ops_append (ops, "key", "value", 5, TRUE);
  for (guint size = 0; size < ops->len; size++)
    g_assert_false (gemel_state_store_post (store, "p", ops->data, size, 1, 0, NULL));
  g_assert_false (gemel_state_store_post (store, "p", ops->data, ops->len, 2, 0, NULL));
  g_assert_false (gemel_state_store_post (store, "p", ops->data, ops->len, 0, 0, NULL));
  g_assert_false (gemel_state_store_post (store, "a/b", ops->data, ops->len, 1, 0, NULL));
  g_assert_false (post (store, long_key, "v", NULL));
  g_assert_false (post (store, "\xff\xfe", "v", NULL));
  for (guint i = 0; i < 2000; i++)
    {
      guint8 junk[64];

      for (guint j = 0; j < sizeof junk; j++)
        junk[j] = (guint8) g_rand_int (rand);
      if (!gemel_state_store_apply (store, junk, sizeof junk, 0, NULL))
        g_assert_cmpuint (gemel_state_store_get_position (store).seq, ==, 0);
    }
  g_assert_null (gemel_state_store_find (store, "a/b"));
}

static void
test_limit (void)
{
  g_autoptr (GemelStateStore) store = store_new (5);
  g_autofree char            *big = g_strnfill (200 * 1024, 'x');
  g_autoptr (GError)          error = NULL;
  guint                       n = 0;

  g_test_summary ("Beyond the size limit a post is refused as a whole; overwriting still works");
  while (post (store, g_intern_string ((char[]){ (char) ('a' + n), 0 }), big, &error))
    n++;
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT);
  g_assert_cmpuint (n, ==, 5);
  g_assert_true (post (store, "a", big, NULL));
  g_assert_true (post (store, "b", NULL, NULL));
  g_assert_true (post (store, "z", big, NULL));
}

/* Sends everything unsent from @from to @to. */
static void
transfer (GemelStateStore *from,
          GemelStateStore *to)
{
  const GemelStateSegment *segment;
  g_autoptr (GError)       error = NULL;

  while ((segment = gemel_state_store_take_unsent (from)) != NULL)
    {
      g_assert_true (gemel_state_store_apply (to, segment->data, segment->size, 0, &error));
      g_assert_no_error (error);
    }
}

static void
test_full_while_changing (void)
{
  g_autoptr (GemelStateStore) source = store_new (5);
  g_autoptr (GemelStateStore) puller = gemel_state_store_new (BUFFER_BYTES, STATE_BYTES, NULL,
                                                              NULL);
  g_autoptr (GemelStateWalk)  walk = NULL;
  g_autoptr (GByteArray)      items = g_byte_array_new ();
  g_autoptr (GVariant)        left = NULL;
  g_autoptr (GVariant)        right = NULL;
  GemelStatePosition          head;
  guint                       round = 0;

  g_test_summary ("A full state walked while keys change, come and go is exactly the source's in "
                  "the end");
  for (guint i = 0; i < 4000; i++)
    {
      g_autofree char *key = g_strdup_printf ("k%u", i);

      g_assert_true (post (source, key, "some value of some length", NULL));
    }
  gemel_state_store_seek (source, gemel_state_store_get_position (source).seq);
  walk = gemel_state_walk_new (source, NULL);
  gemel_state_store_begin_full (puller);
  while (gemel_state_walk_next (walk, items))
    {
      g_assert_true (gemel_state_store_add_items (puller, items->data, items->len, NULL));
      for (guint i = 0; i < 20; i++)
        {
          g_autofree char *key = g_strdup_printf ("k%u", (round * 977 + i * 131) % 4100);

          g_assert_true (post (source, key,
                               i % 3 == 0   ? NULL
                               : i % 3 == 1 ? "v"
                                            : "a value that has outgrown its place by far",
                               NULL));
        }
      transfer (source, puller);
      round++;
    }
  g_assert_cmpuint (round, >, 2);
  head = gemel_state_store_get_position (source);
  assert_value (puller, "k1", NULL);
  gemel_state_store_commit_full (puller, &head);
  left = g_variant_ref_sink (gemel_state_store_list (source, "p", NULL, NULL, 10000, NULL));
  right = g_variant_ref_sink (gemel_state_store_list (puller, "p", NULL, NULL, 10000, NULL));
  g_assert_true (g_variant_equal (left, right));
  g_assert_true (post (source, "next", "1", NULL));
  transfer (source, puller);
  assert_value (puller, "next", "1");
}

static void
test_overflow (void)
{
  g_autoptr (GemelStateStore) store = store_new (5);
  g_autofree char            *value = g_strnfill (1000, 'x');

  g_test_summary ("A buffer that is full drops the oldest delta and says so");
  g_assert_true (post (store, "k", value, NULL));
  g_assert_false (gemel_state_store_is_overflown (store));
  for (guint i = 0; i < 100; i++)
    g_assert_true (post (store, "k", value, NULL));
  g_assert_true (gemel_state_store_is_overflown (store));
  g_assert_cmpuint (gemel_state_store_get_oldest_seq (store), >, 1);
  g_assert_cmpuint (gemel_state_store_find (store, "p")->pending, <, 101);
  gemel_state_store_seek (store, gemel_state_store_get_position (store).seq);
  g_assert_false (gemel_state_store_is_overflown (store));
  gemel_state_store_confirm (store, 101, 1000000);
  g_assert_cmpuint (gemel_state_store_find (store, "p")->pending, ==, 0);
}

static void
test_gap (void)
{
  g_autoptr (GemelStateStore) source = store_new (5);
  g_autoptr (GemelStateStore) puller = store_new (5);
  const GemelStateSegment    *second;
  g_autoptr (GError)          error = NULL;

  g_test_summary ("A delta that does not follow is refused and changes nothing");
  g_assert_true (post (source, "a", "1", NULL));
  g_assert_true (post (source, "a", "2", NULL));
  (void) gemel_state_store_take_unsent (source);
  second = gemel_state_store_take_unsent (source);
  g_assert_false (gemel_state_store_apply (puller, second->data, second->size, 0, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
  assert_value (puller, "a", NULL);
}

static void
test_epoch (void)
{
  g_autoptr (GemelStateStore) store = store_new (5);

  g_test_summary ("A new epoch keeps the values and forgets the deltas");
  g_assert_true (post (store, "a", "1", NULL));
  gemel_state_store_set_epoch (store, 6);
  assert_value (store, "a", "1");
  g_assert_cmpuint (gemel_state_store_get_position (store).epoch, ==, 6);
  g_assert_cmpuint (gemel_state_store_get_position (store).seq, ==, 0);
  g_assert_false (gemel_state_store_has_unsent (store));
}

static void
test_pages (void)
{
  g_autoptr (GemelStateStore) store = store_new (5);
  g_autoptr (GVariant)        page = NULL;
  g_autoptr (GVariant)        rest = NULL;
  const char                 *key;

  g_test_summary ("Keys come in order, by prefix and page after page");
  for (guint i = 0; i < 30; i++)
    {
      g_autofree char *name = g_strdup_printf ("%c%02u", i % 2 == 0 ? 'a' : 'b', i);

      g_assert_true (post (store, name, "v", NULL));
    }
  page = g_variant_ref_sink (gemel_state_store_list (store, "p", "b", NULL, 10, NULL));
  g_assert_cmpuint (g_variant_n_children (page), ==, 10);
  g_variant_get_child (page, 9, "(&s@aytt)", &key, NULL, NULL, NULL);
  g_assert_cmpstr (key, ==, "b19");
  rest = g_variant_ref_sink (gemel_state_store_list (store, "p", "b", key, 10, NULL));
  g_assert_cmpuint (g_variant_n_children (rest), ==, 5);
  g_assert_null (gemel_state_store_list (store, "nobody", NULL, NULL, 10, NULL));
}

static void
test_rates (void)
{
  GemelRate rate = { 0 };

  g_test_summary ("A rate is an average of the last minute and fades out");
  for (gint64 s = 1; s <= 60; s++)
    gemel_rate_add (&rate, 30, s * G_USEC_PER_SEC);
  g_assert_cmpfloat_with_epsilon (gemel_rate_get (&rate, 60 * G_USEC_PER_SEC), 30.0, 1e-9);
  g_assert_cmpfloat_with_epsilon (gemel_rate_get (&rate, 90 * G_USEC_PER_SEC), 15.0, 1e-9);
  g_assert_cmpfloat_with_epsilon (gemel_rate_get (&rate, 500 * G_USEC_PER_SEC), 0.0, 1e-9);
  g_assert_cmpuint (rate.total, ==, 1800);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/sync/state-store/set-grow-delete", test_post);
  g_test_add_func ("/sync/state-store/bad-batches-change-nothing", test_bad_batches);
  g_test_add_func ("/sync/state-store/size-limit", test_limit);
  g_test_add_func ("/sync/state-store/full-state-while-changing", test_full_while_changing);
  g_test_add_func ("/sync/state-store/buffer-overflow", test_overflow);
  g_test_add_func ("/sync/state-store/gap-is-refused", test_gap);
  g_test_add_func ("/sync/state-store/epoch-keeps-values", test_epoch);
  g_test_add_func ("/sync/state-store/pages-in-key-order", test_pages);
  g_test_add_func ("/sync/rates/one-minute-average", test_rates);
  return g_test_run ();
}
