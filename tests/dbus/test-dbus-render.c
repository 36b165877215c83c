/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the bus shows is the snapshot: values, types, changes, introspection.
 */
#include "bus-fixture.h"

#include <json-glib/json-glib.h>
#include <string.h>

/* "last_pull_usec" -> "LastPullUSec" */
static char *
to_property_name (const char *member)
{
  g_auto (GStrv)      words = g_strsplit (member, "_", -1);
  g_autoptr (GString) name = g_string_new (NULL);

  for (guint i = 0; words[i] != NULL; i++)
    {
      if (strcmp (words[i], "usec") == 0)
        g_string_append (name, "USec");
      else
        g_string_append_printf (name, "%c%s", g_ascii_toupper (words[i][0]), words[i] + 1);
    }
  return g_string_free (g_steal_pointer (&name), FALSE);
}

static gboolean
equals (GVariant *property,
        JsonNode *node)
{
  if (g_variant_is_of_type (property, G_VARIANT_TYPE_STRING))
    return strcmp (g_variant_get_string (property, NULL), json_node_get_string (node)) == 0;
  if (g_variant_is_of_type (property, G_VARIANT_TYPE_BOOLEAN))
    return g_variant_get_boolean (property) == json_node_get_boolean (node);
  if (g_variant_is_of_type (property, G_VARIANT_TYPE_UINT64))
    return g_variant_get_uint64 (property) == (guint64) json_node_get_int (node);
  if (g_variant_is_of_type (property, G_VARIANT_TYPE_INT64))
    return g_variant_get_int64 (property) == json_node_get_int (node);
  return ABS (g_variant_get_double (property) - json_node_get_double (node)) < 1e-9;
}

/* Members of @object that are no property of @properties are counted in the result. */
static guint
compare (GVariant   *properties,
         JsonObject *object)
{
  JsonObjectIter iter;
  const char    *member;
  JsonNode      *node;
  guint          unknown = 0;

  json_object_iter_init (&iter, object);
  while (json_object_iter_next (&iter, &member, &node))
    {
      g_autofree char     *name = to_property_name (member);
      g_autoptr (GVariant) property = g_variant_lookup_value (properties, name, NULL);

      if (property == NULL)
        {
          g_test_message ("%s is only in Describe", member);
          unknown++;
        }
      else if (!equals (property, node))
        g_error ("%s differs from Describe: %s", name,
                 g_variant_get_string (g_variant_ref_sink (g_variant_new_take_string (
                                         g_variant_print (property, TRUE))),
                                       NULL));
    }
  return unknown;
}

static JsonParser *
describe (BusFixture *fx)
{
  g_autoptr (GError)     error = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GVariant)   reply = bus_fixture_call (fx, NODE, "Node", "Describe",
                                                   g_variant_new_parsed ("(@a{sv} {},)"), &error);
  const char            *json;

  g_assert_no_error (error);
  g_variant_get (reply, "(&s)", &json);
  g_assert_true (json_parser_load_from_data (parser, json, -1, &error));
  g_assert_no_error (error);
  return g_steal_pointer (&parser);
}

static void
test_render_equals_describe (BusFixture   *fx,
                             gconstpointer data)
{
  g_autoptr (JsonParser)   parser = describe (fx);
  JsonObject              *root = json_node_get_object (json_parser_get_root (parser));
  g_autoptr (GVariant)     node = bus_fixture_get_all (fx, NODE, "Node");
  g_autoptr (GVariant)     peer = bus_fixture_get_all (fx, GEMEL_BUS_PATH_PEER, "Peer");
  g_autoptr (GVariant)     config = bus_fixture_get_all (fx, NODE, "Config");
  g_autoptr (GVariant)     history = bus_fixture_get_all (fx, NODE, "History");
  JsonArray               *providers = json_object_get_array_member (root, "providers");
  static const char *const paths[] = {
    GEMEL_BUS_PATH_PROVIDERS "/config",
    GEMEL_BUS_PATH_PROVIDERS "/state_2fsys_2dmon",
  };

  g_test_summary ("each figure of Describe is the property of the same name");
  g_assert_cmpuint (compare (node, json_object_get_object_member (root, "node")), ==, 1);
  g_assert_cmpuint (compare (peer, json_object_get_object_member (root, "peer")), ==, 0);
  g_assert_cmpuint (compare (config, json_object_get_object_member (root, "config")), ==, 1);
  g_assert_cmpuint (compare (history, json_object_get_object_member (root, "history")), ==, 0);
  g_assert_cmpuint (json_array_get_length (providers), ==, G_N_ELEMENTS (paths));
  for (guint i = 0; i < G_N_ELEMENTS (paths); i++)
    {
      g_autoptr (GVariant) provider = bus_fixture_get_all (fx, paths[i], "Provider");

      g_assert_cmpuint (compare (provider, json_array_get_object_element (providers, i)), ==, 0);
    }
}

/* What Describe has elsewhere or not at all, against the figures of fake-snapshot.c. */
static const struct
{
  const char *path;
  const char *interface;
  const char *property;
  const char *value;
} fixed[] = {
  { NODE, "Node", "Name", "'gw-a'" },
  { NODE, "Node", "Role", "'master'" },
  { NODE, "Node", "ActivityLevel", "'active'" },
  { NODE, "Node", "StandbyLevel", "'warm'" },
  { NODE, "Node", "RecoveryMode", "'manual'" },
  { NODE, "Node", "Assurance", "'peer-only'" },
  { NODE, "Node", "Cause", "'term-durable'" },
  { NODE, "Node", "LastChangeoverCause", "'death-notice'" },
  { NODE, "Node", "Term", "uint64 17" },
  { NODE, "Node", "RecoveryDueUSec", "uint64 1760000005000000" },
  { NODE, "Node", "SnapshotSerial", "uint64 1" },
  { NODE, "Node", "MessagesStale", "uint64 101" },
  { NODE, "Node", "MessagesViolating", "uint64 102" },
  { NODE, "Node", "VotesLate", "uint64 103" },
  { NODE, "Node", "NoticesIgnored", "uint64 104" },
  { NODE, "Node", "RefusedIgnored", "uint64 105" },
  { NODE, "Node", "Stalls", "uint64 106" },
  { NODE, "Node", "ClockJumps", "uint64 107" },
  { NODE, "Node", "Takeovers", "uint64 108" },
  { NODE, "Node", "SwitchoversDone", "uint64 109" },
  { NODE, "Node", "SwitchoversFailed", "uint64 110" },
  { NODE, "Node", "DualActives", "uint64 111" },
  { NODE, "Node", "LateTurns", "uint64 59" },
  { NODE, "Node", "WorstTurnUSec", "uint64 60" },
  { NODE, "Node", "RealTime", "false" },
  { NODE, "Node", "ConnectionsAccepted", "uint64 71" },
  { NODE, "Node", "RefusedPin", "uint64 72" },
  { NODE, "Node", "RefusedTls", "uint64 73" },
  { NODE, "Node", "RefusedAlpn", "uint64 74" },
  { NODE, "Node", "RefusedBusy", "uint64 75" },
  { NODE, "Node", "RefusedPairing", "uint64 76" },
  { NODE, "Node", "DoorClients", "uint64 81" },
  { NODE, "Node", "DoorRefused", "uint64 82" },
  { NODE, "Node", "DoorFrames", "uint64 83" },
  { NODE, "Node", "PeerBytesSent", "uint64 84" },
  { NODE, "Node", "PeerBytesReceived", "uint64 85" },
  { NODE, "State", "MayPost", "true" },
  { NODE, "State", "Overflows", "uint64 86" },
  { NODE, "State", "RefusedTerm", "uint64 87" },
  { NODE, "State", "RefusedLimit", "uint64 88" },
  { NODE, "Events", "Stored", "uint64 61" },
  { NODE, "Events", "LastId", "uint64 62" },
  { GEMEL_BUS_PATH_PEER, "Peer", "Known", "true" },
  { GEMEL_BUS_PATH_PEER, "Peer", "State", "'standby'" },
  { GEMEL_BUS_PATH_PEER, "Peer", "ActivityLevel", "'warm'" },
  { GEMEL_BUS_PATH_PEER, "Peer", "ClockOffsetUSec", "int64 -3000" },
  { GEMEL_BUS_PATH_PEER, "Peer", "LastSeenUSec", "uint64 1759999999998766" },
  { GEMEL_BUS_PATH_PEER, "Peer", "UptimeUSec", "uint64 77000000" },
  { GEMEL_BUS_PATH_PEER, "Peer", "LevelSinceUSec", "uint64 1759999933999000" },
  { GEMEL_BUS_PATH_PEER, "Peer", "ConfigTerm", "uint64 14" },
  { GEMEL_BUS_PATH_PEER, "Peer", "ConfigSeq", "uint64 140" },
  { GEMEL_BUS_PATH_PEER, "Peer", "StateEpoch", "uint64 13" },
  { GEMEL_BUS_PATH_PEER, "Peer", "StateSeq", "uint64 130" },
  { GEMEL_BUS_PATH_PEER, "Peer", "HistorySeq", "uint64 1300" },
  { GEMEL_BUS_PATH_PEER, "Peer", "DatagramsWork", "true" },
  { GEMEL_BUS_PATH_PEER, "Peer", "DatagramsSent", "uint64 51" },
  { GEMEL_BUS_PATH_PEER, "Peer", "DatagramsReceived", "uint64 52" },
  { GEMEL_BUS_PATH_PEER, "Peer", "DatagramsBad", "uint64 53" },
  { GEMEL_BUS_PATH_PEER, "Peer", "FramesSent", "uint64 54" },
  { GEMEL_BUS_PATH_PEER, "Peer", "FramesReceived", "uint64 55" },
  { GEMEL_BUS_PATH_PEER, "Peer", "FramesBad", "uint64 56" },
  { GEMEL_BUS_PATH_PEER, "Peer", "Connects", "uint64 57" },
  { GEMEL_BUS_PATH_PEER, "Peer", "ConnectFailures", "uint64 58" },
};

static void
test_render_fixed_figures (BusFixture   *fx,
                           gconstpointer data)
{
  g_test_summary ("properties with their types against the figures of the snapshot");
  for (guint i = 0; i < G_N_ELEMENTS (fixed); i++)
    {
      g_autoptr (GVariant) all = bus_fixture_get_all (fx, fixed[i].path, fixed[i].interface);
      g_autoptr (GVariant) value = g_variant_lookup_value (all, fixed[i].property, NULL);
      g_autofree char     *text = value ? g_variant_print (value, TRUE) : g_strdup ("(missing)");

      if (strcmp (text, fixed[i].value) != 0)
        g_error ("%s.%s is %s, not %s", fixed[i].interface, fixed[i].property, text,
                 fixed[i].value);
    }
}

typedef struct
{
  guint     n;
  GVariant *last; /* (nullable) */
} Changes;

static void
on_changed (GDBusConnection *connection,
            const char      *sender,
            const char      *path,
            const char      *interface,
            const char      *signal,
            GVariant        *parameters,
            gpointer         user_data)
{
  Changes *changes = user_data;

  changes->n++;
  g_clear_pointer (&changes->last, g_variant_unref);
  changes->last = g_variant_ref (parameters);
}

static void
test_render_announces_changes_only (BusFixture   *fx,
                                    gconstpointer data)
{
  Changes              changes = { 0 };
  GemelSnapshot       *next = fake_snapshot_new (2);
  g_autoptr (GVariant) changed = NULL;
  const char          *level;
  guint                id = g_dbus_connection_signal_subscribe (fx->client, NULL,
                                                                "org.freedesktop.DBus.Properties",
                                                                "PropertiesChanged", NULL, NULL,
                                                                G_DBUS_SIGNAL_FLAGS_NONE,
                                                                on_changed, &changes,
                                                                NULL);

  g_test_summary ("a snapshot without news is silent; one change is one signal with one property");
  bus_fixture_settle (fx);
  next->view.counters.messages_stale = 9999; /* a high-rate counter */
  next->view.rtt_us = 9999;
  fake_node_set_snapshot (fx->node, next);
  bus_fixture_settle (fx);
  g_assert_cmpuint (changes.n, ==, 0);

  next = fake_snapshot_new (3);
  next->view.level = GEMEL_LEVEL_WARM;
  fake_node_set_snapshot (fx->node, next);
  bus_fixture_settle (fx);
  g_assert_cmpuint (changes.n, ==, 1);
  changed = g_variant_get_child_value (changes.last, 1);
  g_assert_cmpuint (g_variant_n_children (changed), ==, 1);
  g_assert_true (g_variant_lookup (changed, "ActivityLevel", "&s", &level));
  g_assert_cmpstr (level, ==, "warm");

  g_dbus_connection_signal_unsubscribe (fx->client, id);
  g_variant_unref (changes.last);
}

static void
test_render_providers_come_and_go (BusFixture   *fx,
                                   gconstpointer data)
{
  GemelSnapshot       *next = fake_snapshot_new (2);
  g_autoptr (GVariant) objects = NULL;
  g_autoptr (GVariant) fewer = NULL;
  g_autoptr (GError)   error = NULL;

  g_test_summary ("the object manager lists node, peer and the providers of the snapshot");
  objects = bus_fixture_call (fx, GEMEL_BUS_PATH, "org.freedesktop.DBus.ObjectManager",
                              "GetManagedObjects", NULL, &error);
  g_assert_no_error (error);
  objects = g_variant_get_child_value (g_steal_pointer (&objects), 0);
  g_assert_cmpuint (g_variant_n_children (objects), ==, 4);

  next->n_providers = 1;
  fake_node_set_snapshot (fx->node, next);
  fewer = bus_fixture_call (fx, GEMEL_BUS_PATH, "org.freedesktop.DBus.ObjectManager",
                            "GetManagedObjects", NULL, &error);
  g_assert_no_error (error);
  fewer = g_variant_get_child_value (g_steal_pointer (&fewer), 0);
  g_assert_cmpuint (g_variant_n_children (fewer), ==, 3);
}

static void
test_render_unpaired_node (BusFixture   *fx,
                           gconstpointer data)
{
  GemelSnapshot       *alone = gemel_snapshot_new ();
  g_autoptr (GVariant) peer = NULL;
  g_autoptr (GVariant) node = NULL;
  const char          *text;

  g_test_summary ("a node that never heard of a peer shows no invention");
  alone->serial = 2;
  alone->name = g_strdup ("alone");
  alone->version = g_strdup ("1.0");
  alone->fingerprint = g_strdup ("");
  fake_node_set_snapshot (fx->node, alone);
  peer = bus_fixture_get_all (fx, GEMEL_BUS_PATH_PEER, "Peer");
  node = bus_fixture_get_all (fx, NODE, "Node");
  g_assert_true (g_variant_lookup (peer, "Role", "&s", &text));
  g_assert_cmpstr (text, ==, "unknown");
  g_assert_true (g_variant_lookup (peer, "StandbyLevel", "&s", &text));
  g_assert_cmpstr (text, ==, "unknown");
  g_assert_true (g_variant_lookup (peer, "Name", "&s", &text));
  g_assert_cmpstr (text, ==, "");
  g_assert_true (g_variant_lookup (node, "PairUuid", "&s", &text));
  g_assert_cmpstr (text, ==, "");
}

/* The generator keeps its own annotations to itself. */
static char *
dup_xml (GDBusInterfaceInfo *info)
{
  g_autoptr (GString) xml = g_string_new (NULL);
  g_autoptr (GRegex)  generators =
    g_regex_new ("\\s*<annotation name=\"org\\.gtk\\.[^>]*>\\s*</annotation>", 0, 0, NULL);

  g_dbus_interface_info_generate_xml (info, 0, xml);
  return g_regex_replace_literal (generators, xml->str, -1, 0, "", 0, NULL);
}

static void
compare_interface (GDBusNodeInfo *live,
                   const char    *name)
{
  g_autofree char          *file = g_strdup_printf ("../data/dbus/org.gemel.Gemel1.%s.xml", name);
  g_autofree char          *path = g_test_build_filename (G_TEST_DIST, file, NULL);
  g_autofree char          *full = g_strconcat ("org.gemel.Gemel1.", name, NULL);
  g_autofree char          *xml = NULL;
  g_autoptr (GDBusNodeInfo) written = NULL;
  g_autofree char          *expected = NULL;
  g_autofree char          *shown = NULL;
  GDBusInterfaceInfo       *info;

  g_assert_true (g_file_get_contents (path, &xml, NULL, NULL));
  written = g_dbus_node_info_new_for_xml (xml, NULL);
  g_assert_nonnull (written);
  info = g_dbus_node_info_lookup_interface (live, full);
  g_assert_nonnull (info);
  expected = dup_xml (written->interfaces[0]);
  shown = dup_xml (info);
  g_assert_cmpstr (expected, ==, shown);
}

static void
test_render_introspection_is_the_xml (BusFixture   *fx,
                                      gconstpointer data)
{
  static const struct
  {
    const char *path;
    const char *names[8];
  } objects[] = {
    { NODE, { "Node", "Config", "State", "History", "Events", "Log", "Pairing", NULL } },
    { GEMEL_BUS_PATH_PEER, { "Peer", NULL } },
    { GEMEL_BUS_PATH_PROVIDERS "/config", { "Provider", NULL } },
    { GEMEL_BUS_PATH_JOBS "/1", { "Job", NULL } },
  };
  GError *no_error = NULL;

  g_test_summary ("what is on the bus is what data/dbus documents");
  g_assert_cmpuint (gemel_jobs_begin (fx->node->jobs, "failover", FALSE, &no_error), ==, 1);
  for (guint i = 0; i < G_N_ELEMENTS (objects); i++)
    {
      g_autoptr (GError)   error = NULL;
      g_autoptr (GVariant) reply = bus_fixture_call (
        fx, objects[i].path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL, &error);
      g_autoptr (GDBusNodeInfo) live = NULL;
      const char               *xml;

      g_assert_no_error (error);
      g_variant_get (reply, "(&s)", &xml);
      live = g_dbus_node_info_new_for_xml (xml, &error);
      g_assert_no_error (error);
      for (guint j = 0; objects[i].names[j] != NULL; j++)
        compare_interface (live, objects[i].names[j]);
    }
}

#define ADD(path, function) \
  g_test_add (path, BusFixture, NULL, bus_fixture_set_up, function, bus_fixture_tear_down)

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/dbus/render/equals-describe", test_render_equals_describe);
  ADD ("/dbus/render/shows-the-figures-of-the-snapshot", test_render_fixed_figures);
  ADD ("/dbus/render/announces-changes-only", test_render_announces_changes_only);
  ADD ("/dbus/render/providers-come-and-go", test_render_providers_come_and_go);
  ADD ("/dbus/render/unpaired-node", test_render_unpaired_node);
  ADD ("/dbus/render/introspection-is-the-xml", test_render_introspection_is_the_xml);
  return g_test_run ();
}
