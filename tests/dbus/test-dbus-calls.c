/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Each method: what it refuses before the node hears of it, and what it passes on.
 */
#include "bus-fixture.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#define PROVIDER GEMEL_BUS_PATH_PROVIDERS "/config"
#define LONG_64  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

typedef struct
{
  const char *path;
  const char *interface;
  const char *method;
  const char *arguments;
  const char *expected; /* the reply, or the last part of the error's name */
} Row;

static const Row refusals[] = {
  { NODE, "Node", "RequestFailover", "({'fast': <true>},)", "InvalidArgs" },
  { NODE, "Node", "Describe", "({'x': <1>},)", "InvalidArgs" },
  { NODE, "Node", "ForceActive", "(@a{sv} {},)", "InvalidArgs" },
  { NODE, "Node", "ForceActive", "({'confirm': <'gw-b'>},)", "InvalidArgs" },
  { NODE, "Node", "ForceActive", "({'confirm': <1>},)", "InvalidArgs" },
  { NODE, "Node", "ForceResync", "('../x', @a{sv} {})", "InvalidArgs" },
  { NODE, "Node", "ForceResync", "('state/', @a{sv} {})", "InvalidArgs" },
  { NODE, "Node", "SetSetting", "('', 'x', @a{sv} {})", "Setting" },
  { NODE, "Node", "ResetSetting", "('', @a{sv} {})", "Setting" },
  { NODE, "Node", "OpenStream", "('bulk', 'p', @a{sv} {})", "InvalidArgs" },
  { NODE, "Node", "OpenStream", "('state', '', @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "Set", "('', 'k', @ay [1], @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "Set", "('a/b', 'k', @ay [1], @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "Set", "('-p', 'k', @ay [1], @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "Set", "('" LONG_64 "a', 'k', @ay [1], @a{sv} {})", "TooBig" },
  { NODE, "Config", "Set", "('p', '', @ay [1], @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "Set", "('p', 'k', @ay [1], {'durability': <'all'>})", "InvalidArgs" },
  { NODE, "Config", "Set", "('p', 'k', @ay [1], {'durabilty': <'pair'>})", "InvalidArgs" },
  { NODE, "Config", "Delete", "('p', '', @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "SetMany", "(@a(ssay) [], @a(ss) [], @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "SetMany", "(@a(ssay) [('p', '', [])], @a(ss) [], @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "Get", "('p', 'nothing', @a{sv} {})", "NotFound" },
  { NODE, "Config", "Get", "('', 'k', @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "List", "('p', '', '', @u 0, @a{sv} {})", "InvalidArgs" },
  { NODE, "Config", "List", "('p', '', '', @u 1001, @a{sv} {})", "InvalidArgs" },
  { NODE, "State", "Post", "('p', @a(say) [], @as [], @a{sv} {})", "InvalidArgs" },
  { NODE, "State", "Post", "('p', @a(say) [], [''], @a{sv} {})", "InvalidArgs" },
  { NODE, "State", "Post", "('p', @a(say) [], ['k'], {'term': <1>})", "InvalidArgs" },
  { NODE, "State", "Get", "('p', 'nothing', @a{sv} {})", "NotFound" },
  { NODE, "State", "List", "('p', '', '', @u 0, @a{sv} {})", "InvalidArgs" },
  { NODE, "History", "Write", "(@a(sxuv) [], @a{sv} {})", "InvalidArgs" },
  { NODE, "History", "Write", "(@a(sxuv) [('', 1, 0, <1.5>)], @a{sv} {})", "InvalidArgs" },
  { NODE, "History", "Write", "(@a(sxuv) [('t', 1, 0, <['x']>)], @a{sv} {})", "InvalidArgs" },
  { NODE, "History", "Query", "('t', @x 9, @x 8, @u 10, @a{sv} {})", "InvalidArgs" },
  { NODE, "Events", "List", "({'limit': <@u 1001>},)", "InvalidArgs" },
  { NODE, "Events", "List", "({'severity': <'loud'>},)", "InvalidArgs" },
  { NODE, "Events", "List", "({'code': <'no-such-event'>},)", "InvalidArgs" },
  { NODE, "Log", "List", "({'level': <'loud'>},)", "InvalidArgs" },
  { NODE, "Log", "SetLevel", "('core', 'loud', @a{sv} {})", "InvalidArgs" },
  { NODE, "Log", "SetLevel", "('', 'debug', @a{sv} {})", "InvalidArgs" },
  { NODE, "Pairing", "Join", "('', @a{sv} {})", "InvalidArgs" },
  { PROVIDER, "Provider", "GetSeries", "('bytes', @t 5, @t 4, @u 10, @a{sv} {})", "InvalidArgs" },
  { PROVIDER, "Provider", "GetSeries", "('bytes', @t 0, @t 0, @u 0, @a{sv} {})", "InvalidArgs" },
};

static GVariant *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  GVariant          *value = g_variant_parse (NULL, text, NULL, NULL, &error);

  g_assert_no_error (error);
  return value;
}

static void
assert_refused (BusFixture *fx,
                const Row  *row,
                GVariant   *arguments)
{
  g_autofree char     *expected = g_strconcat ("org.gemel.Gemel1.Error.", row->expected, NULL);
  g_autofree char     *name = NULL;
  g_autoptr (GError)   error = NULL;
  g_autoptr (GVariant) reply =
    bus_fixture_call (fx, row->path, row->interface, row->method, arguments, &error);

  if (reply != NULL)
    g_error ("%s.%s %s was not refused", row->interface, row->method, row->arguments);
  name = g_dbus_error_get_remote_error (error);
  if (g_strcmp0 (name, expected) != 0)
    g_error ("%s.%s %s: %s (%s), not %s", row->interface, row->method, row->arguments,
             name ? name : "local", error->message, expected);
}

static void
test_calls_refuse_bad_arguments (BusFixture   *fx,
                                 gconstpointer data)
{
  g_test_summary ("bad arguments have a named error and never reach the node");
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++)
    {
      g_autoptr (GVariant) arguments = parse (refusals[i].arguments);

      assert_refused (fx, &refusals[i], arguments);
    }
  g_assert_cmpuint (fx->node->calls, ==, 0);
}

static const Row replies[] = {
  { NODE, "Config", "Set", "('p', 'k', @ay [1, 0, 2], @a{sv} {})", "(uint64 7, uint64 1, 'pair')" },
  { NODE, "Config", "Get", "('p', 'k', @a{sv} {})", "([byte 0x01, 0x00, 0x02],)" },
  { NODE, "Config", "Set", "('p', 'e', @ay [], {'durability': <'local'>})",
    "(uint64 7, uint64 2, 'local')" },
  { NODE, "Config", "Get", "('p', 'e', @a{sv} {})", "(@ay [],)" },
  { NODE, "Config", "SetMany", "([('p', 'm', @ay [5])], [('p', 'e')], @a{sv} {})",
    "(uint64 7, uint64 3, 'pair')" },
  { NODE, "Config", "Get", "('p', 'm', @a{sv} {})", "([byte 0x05],)" },
  { NODE, "Config", "Delete", "('p', 'm', @a{sv} {})", "(uint64 7, uint64 4, 'pair')" },
  { NODE, "Config", "List", "('p', 'x', '', @u 1, @a{sv} {})",
    "([('p', '00000', @ay [], uint64 0)],)" },
  { NODE, "State", "Post", "('p', [('s', @ay [9])], ['t'], {'term': <@t 16>})",
    "(uint64 16, uint64 5, 'pair')" },
  { NODE, "State", "Get", "('p', 's', @a{sv} {})", "([byte 0x09], uint64 16, uint64 3)" },
  { NODE, "State", "List", "('p', '', '', @u 9, @a{sv} {})",
    "([('k', [byte 0x01, 0x02], uint64 16, uint64 3)],)" },
  { NODE, "State", "ListProviders", "(@a{sv} {},)", "(['alarms', 'sysmon'],)" },
  { NODE, "History", "Write",
    "(@a(sxuv) [('t', 1, 2, <1.5>), ('u', 3, 0, <true>), ('v', 4, 0, <'x'>), ('w', 5, 0, <@u 6>)], "
    "@a{sv} {})",
    "(uint64 99,)" },
  { NODE, "History", "Query", "('t', @x 0, @x 0, @u 10, {'newest_first': <true>})",
    "([('t', int64 5, uint32 0, <1.5>, [byte 0x09], uint64 8)],)" },
  { NODE, "History", "Ledger", "(@a{sv} {},)",
    "([([byte 0x09], uint64 1, uint64 2, uint64 3, uint64 4, uint64 5, uint64 6)],)" },
  { NODE, "Events", "List", "({'before': <@t 9>, 'severity': <'warning'>, 'limit': <@u 3>},)",
    "([(uint64 5, uint64 6, 'warning', 'changeover', uint64 7, 'death-notice', 'gw-a', '', 'took "
    "over', int64 -1, int64 2)],)" },
  { NODE, "Pairing", "Invite", "('', @a{sv} {})", "('CODE-own', uint64 123456)" },
  { NODE, "Pairing", "Unpair", "(@a{sv} {},)", "()" },
  { NODE, "Node", "SetSetting", "('a.b', '5', @a{sv} {})", "()" },
  { NODE, "Node", "ResetSetting", "('a.b', @a{sv} {})", "()" },
  { NODE, "Node", "DescribeModules", "(@a{sv} {},)",
    "([('sysmon', 'warm', 'running', uint32 12, uint32 3, int64 4)],)" },
  { NODE, "Log", "SetLevel", "('*', 'debug', @a{sv} {})", "()" },
  { NODE, "Log", "SetMerge", "('*', false, @a{sv} {})", "()" },
  { PROVIDER, "Provider", "GetSeries", "('bytes', @t 4, @t 9, @u 10, @a{sv} {})",
    "([(uint64 4, 1.5), (10, 2.5)],)" },
  { NODE, "Node", "RequestFailover", "(@a{sv} {},)", "(objectpath '/org/gemel/Gemel1/job/1',)" },
  { NODE, "Node", "ForceActive", "({'confirm': <'gw-a'>},)",
    "(objectpath '/org/gemel/Gemel1/job/2',)" },
  { NODE, "Node", "ForceResync", "('state/sysmon', @a{sv} {})",
    "(objectpath '/org/gemel/Gemel1/job/3',)" },
  { NODE, "Pairing", "Join", "('CODE', @a{sv} {})", "(objectpath '/org/gemel/Gemel1/job/4',)" },
};

static void
test_calls_pass_on (BusFixture   *fx,
                    gconstpointer data)
{
  g_test_summary ("good calls reach the node and its answer comes back with the types of the XML");
  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    {
      const Row           *row = &replies[i];
      g_autoptr (GVariant) arguments = parse (row->arguments);
      g_autoptr (GError)   error = NULL;
      g_autoptr (GVariant) reply =
        bus_fixture_call (fx, row->path, row->interface, row->method, arguments, &error);
      g_autofree char *text = NULL;

      g_assert_no_error (error);
      text = g_variant_print (reply, TRUE);
      if (strcmp (text, row->expected) != 0)
        g_error ("%s.%s: %s, not %s", row->interface, row->method, text, row->expected);
    }
  g_assert_cmpuint (fx->node->term, ==, 16);
  g_assert_cmpint (fx->node->query.to_unix_us, ==, G_MAXINT64);
  g_assert_true (fx->node->query.newest_first);
  g_assert_cmpuint (fx->node->events.before_id, ==, 9);
  g_assert_cmpuint (fx->node->events.limit, ==, 3);
  g_assert_cmpint (fx->node->events.severity_min, ==, GEMEL_SEVERITY_WARNING);
}

static void
test_calls_carry_named_errors (BusFixture   *fx,
                               gconstpointer data)
{
  static const Row     row = { NODE, "Config", "Set", "('p', 'k', @ay [1], @a{sv} {})",
                               "NotAuthority" };
  static const Row     failover = { NODE, "Node", "RequestFailover", "(@a{sv} {},)",
                                    "NotAuthority" };
  g_autoptr (GVariant) arguments = parse (row.arguments);
  g_autoptr (GVariant) none = parse (failover.arguments);

  g_test_summary ("an error of the node arrives with its own name");
  fx->node->refusal = g_error_new_literal (GEMEL_ERROR, GEMEL_ERROR_NOT_AUTHORITY, "ask gw-b");
  assert_refused (fx, &row, arguments);
  assert_refused (fx, &failover, none);
}

static void
test_calls_limit_sizes (BusFixture   *fx,
                        gconstpointer data)
{
  static const Row     set = { NODE, "Config", "Set", "(big value)", "TooBig" };
  static const Row     many = { NODE, "State", "Post", "(many keys)", "TooBig" };
  g_autofree guint8   *bytes = g_malloc0 (GEMEL_VALUE_BYTES_MAX + 1);
  GVariantBuilder      keys;
  g_autoptr (GVariant) page = NULL;
  g_autoptr (GVariant) records = NULL;
  g_autoptr (GError)   error = NULL;

  g_test_summary ("too large values and batches are refused, too large pages are cut");
  assert_refused (fx, &set,
                  g_variant_new ("(ss@aya{sv})", "p", "k",
                                 g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes,
                                                            GEMEL_VALUE_BYTES_MAX + 1, 1),
                                 NULL));
  g_variant_builder_init (&keys, G_VARIANT_TYPE ("as"));
  for (guint i = 0; i <= GEMEL_BATCH_ITEMS_MAX; i++)
    g_variant_builder_add (&keys, "s", "k");
  assert_refused (fx, &many, g_variant_new ("(sa(say)asa{sv})", "p", NULL, &keys, NULL));

  fx->node->value_bytes = GEMEL_VALUE_BYTES_MAX;
  page = bus_fixture_call (fx, NODE, "Config", "List",
                           g_variant_new ("(sssua{sv})", "p", "", "", 100, NULL), &error);
  g_assert_no_error (error);
  records = g_variant_get_child_value (page, 0);
  g_assert_cmpuint (g_variant_n_children (records), ==, 31);
  g_assert_cmpuint (g_variant_get_size (page), <=, 8 * 1024 * 1024);
}

static char *
dup_result (BusFixture *fx,
            const char *path)
{
  g_autoptr (GVariant) all = bus_fixture_get_all (fx, path, "Job");
  char                *result = NULL;

  g_assert_true (g_variant_lookup (all, "Result", "s", &result));
  return result;
}

static void
test_calls_job_lives_and_is_cancelled (BusFixture   *fx,
                                       gconstpointer data)
{
  static const char    path[] = GEMEL_BUS_PATH_JOBS "/1";
  static const Row     again = { GEMEL_BUS_PATH_JOBS "/1", "Job", "Cancel", "(@a{sv} {},)",
                                 "Busy" };
  g_autoptr (GError)   error = NULL;
  g_autoptr (GVariant) none = parse ("(@a{sv} {},)");
  g_autoptr (GVariant) started = bus_fixture_call (fx, NODE, "Node", "RequestFailover", none,
                                                   &error);
  g_autoptr (GVariant) cancelled = NULL;
  g_autofree char     *before = NULL;
  g_autofree char     *after = NULL;

  g_test_summary ("a job is there when its path arrives, ends as the node says, and goes with it");
  g_assert_no_error (error);
  before = dup_result (fx, path);
  g_assert_cmpstr (before, ==, "");
  cancelled = bus_fixture_call (fx, path, "Job", "Cancel", none, &error);
  g_assert_no_error (error);
  after = dup_result (fx, path);
  g_assert_cmpstr (after, ==, "cancelled");
  assert_refused (fx, &again, none);

  gemel_dbus_get_surface ()->job_changed (1, TRUE, fx->dbus);
  g_clear_pointer (&cancelled, g_variant_unref);
  cancelled = bus_fixture_call (fx, path, "Job", "Cancel", none, &error);
  g_assert_error (error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_METHOD);
}

typedef struct
{
  GString *text;
} Signals;

static void
on_signal (GDBusConnection *connection,
           const char      *sender,
           const char      *path,
           const char      *interface,
           const char      *signal,
           GVariant        *parameters,
           gpointer         user_data)
{
  g_autofree char *text = g_variant_print (parameters, FALSE);

  g_string_append_printf (((Signals *) user_data)->text, "%s%s ", signal, text);
}

static void
test_calls_signals (BusFixture   *fx,
                    gconstpointer data)
{
  static const char *const providers[] = { "alarms", "sysmon", NULL };
  g_autoptr (GString)      text = g_string_new (NULL);
  Signals                  signals = { text };
  GemelEvent               event = { .id = 5,
                                     .unix_us = 6,
                                     .code = GEMEL_EVENT_PEER_LOST,
                                     .severity = GEMEL_SEVERITY_WARNING,
                                     .term = 7,
                                     .node = (char *) "gw-a",
                                     .message = (char *) "silence" };
  const GemelSurface      *surface = gemel_dbus_get_surface ();
  guint                    id = g_dbus_connection_signal_subscribe (fx->client, NULL, NULL, NULL,
                                                                    NODE, NULL,
                                                                    G_DBUS_SIGNAL_FLAGS_NONE,
                                                                    on_signal, &signals,
                                                                    NULL);

  g_test_summary ("events and changes of the configuration are told to everybody");
  bus_fixture_settle (fx);
  surface->event_added (&event, fx->dbus);
  surface->config_changed (42, providers, fx->dbus);
  bus_fixture_settle (fx);
  g_assert_cmpstr (text->str, ==,
                   "Added(5, 6, 'warning', 'peer-lost', 7, 'none', 'gw-a', '', 'silence', 0, 0) "
                   "Changed(42, ['alarms', 'sysmon']) ");
  g_dbus_connection_signal_unsubscribe (fx->client, id);
}

static void
test_calls_list_pages (BusFixture   *fx,
                       gconstpointer data)
{
  g_autoptr (GError)   error = NULL;
  g_autoptr (GVariant) all = bus_fixture_call (fx, NODE, "Config", "List",
                                               g_variant_new ("(sssua{sv})", "", "x", "p/a/b", 1,
                                                              NULL),
                                               &error);
  g_autoptr (GVariant) one = NULL;

  g_test_summary ("the place of a page is given to the store in the store's own form");
  g_assert_no_error (error);
  g_assert_cmpstr (fx->node->text, ==, "NULL|x|p\na/b|1");
  one = bus_fixture_call (fx, NODE, "Config", "List",
                          g_variant_new ("(sssua{sv})", "p", "", "a/b", 2, NULL), &error);
  g_assert_no_error (error);
  g_assert_cmpstr (fx->node->text, ==, "p|NULL|a/b|2");
}

static void
on_opened (GObject      *source,
           GAsyncResult *result,
           gpointer      user_data)
{
  *(GAsyncResult **) user_data = g_object_ref (result);
}

static void
test_calls_open_stream (BusFixture   *fx,
                        gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GUnixFDList)  list = NULL;
  g_autoptr (GVariant)     reply = NULL;
  g_autoptr (GError)       error = NULL;
  char                     bytes[8] = "";
  int                      fd;

  g_test_summary ("the door that sync opened arrives as a socket that can be read");
  g_dbus_connection_call_with_unix_fd_list (
    fx->client, g_dbus_connection_get_unique_name (fx->server), NODE, "org.gemel.Gemel1.Node",
    "OpenStream", parse ("('state', 'sysmon', @a{sv} {})"), NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL,
    NULL, on_opened, &result);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  reply = g_dbus_connection_call_with_unix_fd_list_finish (fx->client, &list, result, &error);
  g_assert_no_error (error);
  fd = g_unix_fd_list_get (list, 0, &error);
  g_assert_no_error (error);
  g_assert_cmpint (read (fd, bytes, sizeof bytes - 1), ==, 5);
  g_assert_cmpstr (bytes, ==, "hello");
  close (fd);
}

static void
on_name (gboolean owned,
         gpointer user_data)
{
  *(int *) user_data = owned;
}

static void
test_calls_name_comes_last (BusFixture   *fx,
                            gconstpointer data)
{
  int owned = -1;

  g_test_summary ("the objects are there before the name, and taking it is reported");
  g_assert_cmpint (owned, ==, -1);
  gemel_dbus_own_name (fx->dbus, on_name, &owned);
  while (owned < 0)
    g_main_context_iteration (NULL, TRUE);
  g_assert_cmpint (owned, ==, 1);
}

static void
test_calls_stop_while_waiting (BusFixture   *fx,
                               gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GVariant)     reply = NULL;
  g_autoptr (GError)       error = NULL;

  g_test_summary ("a call that waits when the node stops is answered and outlives the objects");
  fx->node->hold = TRUE;
  g_dbus_connection_call (fx->client, g_dbus_connection_get_unique_name (fx->server), NODE,
                          "org.gemel.Gemel1.Config", "Set",
                          parse ("('p', 'k', @ay [1], @a{sv} {})"), NULL, G_DBUS_CALL_FLAGS_NONE,
                          -1, NULL, on_opened, &result);
  while (fx->node->held == NULL)
    g_main_context_iteration (NULL, TRUE);
  fx->node->dbus = NULL;
  g_clear_pointer (&fx->dbus, gemel_dbus_free);
  g_task_return_boolean (fx->node->held, TRUE);
  while (result == NULL)
    g_main_context_iteration (NULL, TRUE);
  reply = g_dbus_connection_call_finish (fx->client, result, &error);
  g_assert_null (reply);
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_CANCELLED);
}

#define ADD(path, function) \
  g_test_add (path, BusFixture, NULL, bus_fixture_set_up, function, bus_fixture_tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/dbus/calls/refuse-bad-arguments", test_calls_refuse_bad_arguments);
  ADD ("/dbus/calls/pass-on", test_calls_pass_on);
  ADD ("/dbus/calls/carry-named-errors", test_calls_carry_named_errors);
  ADD ("/dbus/calls/limit-sizes", test_calls_limit_sizes);
  ADD ("/dbus/calls/job-lives-and-is-cancelled", test_calls_job_lives_and_is_cancelled);
  ADD ("/dbus/calls/list-pages", test_calls_list_pages);
  ADD ("/dbus/calls/signals", test_calls_signals);
  ADD ("/dbus/calls/open-stream", test_calls_open_stream);
  ADD ("/dbus/calls/name-comes-last", test_calls_name_comes_last);
  ADD ("/dbus/calls/stop-while-waiting", test_calls_stop_while_waiting);
  return g_test_run ();
}
