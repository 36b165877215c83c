/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * node.db: identity, settings, events and intervals, each over a restart.
 */
#include "store-fixture.h"
#include "store/gemel-node-db.h"

static GemelNodeDb *
open_db (const char *path)
{
  g_autoptr (GError) error = NULL;
  GemelNodeDb       *db = gemel_node_db_open (path, &error);

  g_assert_no_error (error);
  return db;
}

static gboolean
save_identity (GemelNodeDb             *db,
               const GemelNodeIdentity *identity,
               GError                 **error)
{
  g_auto (Waiter) waiter = { 0 };

  gemel_node_db_save_identity_async (db, identity, NULL, waiter_cb, &waiter);
  return gemel_node_db_save_identity_finish (db, waiter_wait (&waiter, 1), error);
}

static gboolean
save_setting (GemelNodeDb *db,
              const char  *name,
              const char  *value,
              GError     **error)
{
  g_auto (Waiter) waiter = { 0 };

  gemel_node_db_save_setting_async (db, name, value, NULL, waiter_cb, &waiter);
  return gemel_node_db_save_setting_finish (db, waiter_wait (&waiter, 1), error);
}

static guint64
add_event (GemelNodeDb   *db,
           gint64         unix_us,
           GemelSeverity  severity,
           GemelEventCode code)
{
  g_auto (Waiter)    waiter = { 0 };
  g_autoptr (GError) error = NULL;
  GemelEvent         event = { .unix_us = unix_us,
                               .boot_us = 7,
                               .code = code,
                               .severity = severity,
                               .term = 3,
                               .cause = GEMEL_CAUSE_USER,
                               .node = (char *) "n1",
                               .message = (char *) "it happened",
                               .a = -1,
                               .b = 2 };
  guint64            id;

  gemel_node_db_add_event_async (db, &event, NULL, waiter_cb, &waiter);
  id = gemel_node_db_add_event_finish (db, waiter_wait (&waiter, 1), &error);
  g_assert_no_error (error);
  return id;
}

static GPtrArray *
list_events (GemelNodeDb    *db,
             GemelEventQuery query)
{
  g_auto (Waiter)    waiter = { 0 };
  g_autoptr (GError) error = NULL;
  GPtrArray         *events;

  gemel_node_db_list_events_async (db, &query, NULL, waiter_cb, &waiter);
  events = gemel_node_db_list_events_finish (db, waiter_wait (&waiter, 1), &error);
  g_assert_no_error (error);
  return events;
}

static void
test_node_identity (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr (GemelNodeDb) db = open_db (fixture->path);
  g_autofree char        *other_path = fixture_path (fixture, "other.db");
  g_autoptr (GemelNodeDb) other_db = open_db (other_path);
  g_autoptr (GError)      error = NULL;
  GemelNodeIdentity       first, again, other;

  g_test_summary ("The first start makes a random identity, later starts keep it and the pair");
  g_assert_true (gemel_node_db_load_identity (db, &first, &error));
  g_assert_true (gemel_node_db_load_identity (other_db, &other, &error));
  g_assert_cmpint (memcmp (first.node_uuid, other.node_uuid, 16), !=, 0);
  g_assert_false (first.paired);
  first.paired = TRUE;
  first.slot = 1;
  first.synced_once = TRUE;
  memset (first.pair_uuid, 2, 16);
  memset (first.peer_uuid, 3, 16);
  memset (first.peer_pin, 4, 32);
  g_assert_true (save_identity (db, &first, &error));
  g_clear_pointer (&db, gemel_node_db_close);
  db = open_db (fixture->path);
  g_assert_true (gemel_node_db_load_identity (db, &again, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (first.node_uuid, 16, again.node_uuid, 16);
  g_assert_cmpmem (first.pair_uuid, 16, again.pair_uuid, 16);
  g_assert_cmpmem (first.peer_uuid, 16, again.peer_uuid, 16);
  g_assert_cmpmem (first.peer_pin, 32, again.peer_pin, 32);
  g_assert_true (again.paired && again.synced_once && again.slot == 1);
  first.slot = 2;
  g_assert_false (save_identity (db, &first, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_STORE);
}

static void
test_node_settings (Fixture      *fixture,
                    gconstpointer data)
{
  g_autoptr (GemelNodeDb) db = open_db (fixture->path);
  g_autoptr (GHashTable)  settings = NULL;
  g_autoptr (GError)      error = NULL;

  g_test_summary ("Settings are kept, replaced and removed; names without sense are refused");
  g_assert_true (save_setting (db, "node.name", "a", &error));
  g_assert_true (save_setting (db, "node.name", "b", &error));
  g_assert_true (save_setting (db, "link.port", "1", &error));
  g_assert_true (save_setting (db, "link.port", NULL, &error));
  g_assert_no_error (error);
  g_assert_false (save_setting (db, "", "x", &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING);
  g_clear_error (&error);
  g_clear_pointer (&db, gemel_node_db_close);
  db = open_db (fixture->path);
  settings = gemel_node_db_load_settings (db, &error);
  g_assert_cmpuint (g_hash_table_size (settings), ==, 1);
  g_assert_cmpstr (g_hash_table_lookup (settings, "node.name"), ==, "b");
}

static void
test_node_events (Fixture      *fixture,
                  gconstpointer data)
{
  g_autoptr (GemelNodeDb) db = open_db (fixture->path);
  g_autoptr (GPtrArray)   all = NULL, page = NULL, severe = NULL, code = NULL, time = NULL;
  const GemelEvent       *event;

  g_test_summary ("Events come back whole, newest first, by page, severity, code and time; the "
                  "table "
                  "keeps the newest only and ids go on");
  gemel_node_db_set_events_max (db, 10);
  for (int i = 1; i <= 25; i++)
    g_assert_cmpuint (add_event (db, i * 100, i % 4,
                                 i % 2 ? GEMEL_EVENT_STARTED : GEMEL_EVENT_STOPPED),
                      ==, (guint64) i);
  all = list_events (db, (GemelEventQuery){ 0 });
  g_assert_cmpuint (all->len, ==, 10);
  event = all->pdata[0];
  g_assert_cmpuint (event->id, ==, 25);
  g_assert_cmpint (event->unix_us, ==, 2500);
  g_assert_cmpint (event->a, ==, -1);
  g_assert_cmpint ((int) event->cause, ==, GEMEL_CAUSE_USER);
  g_assert_cmpstr (event->message, ==, "it happened");
  g_assert_null (event->subject);

  page = list_events (db, (GemelEventQuery){ .before_id = 22, .after_id = 17, .limit = 3 });
  g_assert_cmpuint (page->len, ==, 3);
  g_assert_cmpuint (((GemelEvent *) page->pdata[0])->id, ==, 21);
  severe = list_events (db, (GemelEventQuery){ .severity_min = GEMEL_SEVERITY_CRITICAL });
  g_assert_cmpuint (severe->len, ==, 2);
  code = list_events (db, (GemelEventQuery){ .code = GEMEL_EVENT_STOPPED });
  g_assert_cmpuint (code->len, ==, 5);
  time = list_events (db, (GemelEventQuery){ .from_unix_us = 2000, .to_unix_us = 2200 });
  g_assert_cmpuint (time->len, ==, 3);

  g_clear_pointer (&db, gemel_node_db_close);
  db = open_db (fixture->path);
  g_assert_cmpuint (add_event (db, 1, GEMEL_SEVERITY_INFO, GEMEL_EVENT_STARTED), ==, 26);
}

static GPtrArray *
list_intervals (GemelNodeDb *db,
                guint64      before,
                guint        limit)
{
  g_auto (Waiter)    waiter = { 0 };
  g_autoptr (GError) error = NULL;
  GPtrArray         *intervals;

  gemel_node_db_list_intervals_async (db, before, limit, NULL, waiter_cb, &waiter);
  intervals = gemel_node_db_list_intervals_finish (db, waiter_wait (&waiter, 1), &error);
  g_assert_no_error (error);
  return intervals;
}

static void
test_node_intervals (Fixture      *fixture,
                     gconstpointer data)
{
  g_autoptr (GemelNodeDb) db = open_db (fixture->path);
  g_autoptr (GPtrArray)   intervals = NULL, older = NULL;
  const GemelInterval    *interval;

  g_test_summary ("An interval ends at its last mark; one that was never ended says so");
  gemel_node_db_begin_interval (db, 4, 1000);
  gemel_node_db_mark_interval (db, 4, 2000, FALSE);
  gemel_node_db_mark_interval (db, 4, 3000, TRUE);
  gemel_node_db_begin_interval (db, 6, 5000);
  gemel_node_db_mark_interval (db, 6, 7000, FALSE);
  gemel_node_db_mark_interval (db, 6, 6000, FALSE);
  g_clear_pointer (&db, gemel_node_db_close);
  db = open_db (fixture->path);
  intervals = list_intervals (db, 0, 0);
  g_assert_cmpuint (intervals->len, ==, 2);
  interval = intervals->pdata[0];
  g_assert_true (interval->term == 6 && !interval->ended);
  g_assert_cmpint (interval->to_unix_us, ==, 7000);
  older = list_intervals (db, 6, 10);
  g_assert_cmpuint (older->len, ==, 1);
  interval = older->pdata[0];
  g_assert_true (interval->ended && interval->from_unix_us == 1000 && interval->to_unix_us == 3000);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(path, func) g_test_add (path, Fixture, NULL, fixture_set_up, func, fixture_tear_down)
  ADD ("/store/node-db/identity-is-made-once-and-kept", test_node_identity);
  ADD ("/store/node-db/settings-are-kept", test_node_settings);
  ADD ("/store/node-db/events-are-paged-and-bounded", test_node_events);
  ADD ("/store/node-db/intervals-end-at-their-last-mark", test_node_intervals);
  return g_test_run ();
}
