/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The control frames as bytes: every field there and back, and nothing malformed gets in.
 */
#include "api/gemel-error.h"
#include "link/gemel-wire.h"

#include <string.h>

#define MUTATIONS 20000

static void
fill_message (GemelMessage *m)
{
  memset (m, 0, sizeof *m);
  m->kind = GEMEL_MESSAGE_READY;
  m->nonce = 11;
  m->echo_nonce = 12;
  m->ts_us = 13;
  m->echo_us = 14;
  m->hold_us = 15;
  m->unix_us = G_GINT64_CONSTANT (1700000000000000);
  m->term = 17;
  m->active_term = 18;
  m->since_term = 19;
  m->state = GEMEL_STATE_CANDIDATE;
  m->role = GEMEL_ROLE_BACKUP;
  m->recovery_mode = GEMEL_RECOVERY_MANUAL;
  m->eligible = TRUE;
  m->synced = TRUE;
  m->holds_state = TRUE;
  m->dual_master = TRUE;
  m->switch_id = 20;
  m->proposal = 21;
  m->ready_ts_us = 22;
  m->position.config.term = 23;
  m->position.config.seq = 24;
  memset (m->position.config.hash, 25, sizeof m->position.config.hash);
  m->position.state.epoch = 26;
  m->position.state.seq = 27;
  m->cause = GEMEL_CAUSE_TIMEOUT;
}

static gboolean
decode_message (GBytes       *bytes,
                GemelMessage *ret_message,
                gboolean     *ret_hears,
                GError      **error)
{
  gsize         size;
  gconstpointer data = g_bytes_get_data (bytes, &size);

  return gemel_wire_decode_message (GEMEL_MESSAGE_READY, data, size, ret_message, ret_hears, error);
}

static void
test_message_every_field (void)
{
  GemelMessage       said, heard;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  gboolean           hears = FALSE;

  fill_message (&said);
  memset (&heard, 0, sizeof heard);
  bytes = gemel_wire_encode_message (&said, TRUE);
  g_assert_cmpuint (g_bytes_get_size (bytes), <=,
                    GEMEL_DATAGRAM_BYTES_MAX - GEMEL_SEAL_EXTRA_BYTES);
  g_assert_true (decode_message (bytes, &heard, &hears, &error));
  g_assert_no_error (error);
  g_assert_true (hears);
  g_assert_cmpuint (heard.nonce, ==, 11);
  g_assert_cmpuint (heard.echo_nonce, ==, 12);
  g_assert_cmpint (heard.ts_us, ==, 13);
  g_assert_cmpint (heard.echo_us, ==, 14);
  g_assert_cmpint (heard.hold_us, ==, 15);
  g_assert_cmpint (heard.unix_us, ==, said.unix_us);
  g_assert_cmpuint (heard.term, ==, 17);
  g_assert_cmpuint (heard.active_term, ==, 18);
  g_assert_cmpuint (heard.since_term, ==, 19);
  g_assert_cmpint (heard.kind, ==, said.kind);
  g_assert_cmpint (heard.state, ==, said.state);
  g_assert_cmpint (heard.role, ==, said.role);
  g_assert_cmpint (heard.recovery_mode, ==, said.recovery_mode);
  g_assert_cmpint (heard.cause, ==, said.cause);
  g_assert_true (heard.eligible && heard.synced && heard.holds_state && heard.dual_master);
  g_assert_cmpuint (heard.switch_id, ==, 20);
  g_assert_cmpuint (heard.proposal, ==, 21);
  g_assert_cmpint (heard.ready_ts_us, ==, 22);
  g_assert_true (gemel_pair_position_equal (&heard.position, &said.position));
}

static void
assert_message_refused (const GemelMessage *m)
{
  g_autoptr (GBytes) bytes = gemel_wire_encode_message (m, FALSE);
  g_autoptr (GError) error = NULL;
  GemelMessage       heard;
  gboolean           hears;

  g_assert_false (decode_message (bytes, &heard, &hears, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
}

static void
test_message_impossible_values (void)
{
  GemelMessage m;

  fill_message (&m);
  m.state = (GemelState) GEMEL_N_STATES;
  assert_message_refused (&m);
  fill_message (&m);
  m.role = (GemelRole) 3;
  assert_message_refused (&m);
  fill_message (&m);
  m.recovery_mode = (GemelRecoveryMode) 2;
  assert_message_refused (&m);
  fill_message (&m);
  m.cause = (GemelCause) GEMEL_N_CAUSES;
  assert_message_refused (&m);
  fill_message (&m);
  m.nonce = 0;
  assert_message_refused (&m);
  fill_message (&m);
  m.hold_us = -1;
  assert_message_refused (&m);
  fill_message (&m);
  m.ts_us = G_MAXINT64;
  assert_message_refused (&m);
}

static void
test_message_unknown_kind (void)
{
  GemelMessage       m, heard;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;
  gboolean           hears;
  gsize              size;
  gconstpointer      data;

  fill_message (&m);
  bytes = gemel_wire_encode_message (&m, FALSE);
  data = g_bytes_get_data (bytes, &size);
  g_assert_false (
    gemel_wire_decode_message ((GemelMessageKind) 7, data, size, &heard, &hears, &error));
  g_assert_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
}

static void
fill_hello (GemelHello *hello)
{
  memset (hello, 0, sizeof *hello);
  hello->core_min = 1;
  hello->core_max = 2;
  hello->proto_min = 3;
  hello->proto_max = 4;
  (void) g_strlcpy (hello->version, "0.1.0", sizeof hello->version);
  memset (hello->pair_uuid, 5, sizeof hello->pair_uuid);
  memset (hello->node_uuid, 6, sizeof hello->node_uuid);
  hello->slot = 1;
  hello->role = GEMEL_ROLE_BACKUP;
  memset (hello->heartbeat_key, 7, sizeof hello->heartbeat_key);
  memset (hello->notice_key, 8, sizeof hello->notice_key);
  hello->session = 9;
  hello->udp_port = 8060;
}

static void
test_hello_every_field (void)
{
  GemelHello         said, heard;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  fill_hello (&said);
  bytes = gemel_wire_encode_hello (&said);
  g_assert_true (gemel_wire_decode_hello (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                          &heard, &error));
  g_assert_no_error (error);
  g_assert_cmpmem (&heard, sizeof heard, &said, sizeof said);
}

static GemelVerdict
judge (const GemelHello *own,
       const GemelHello *peer,
       guint8            paired)
{
  g_autoptr (GError) error = NULL;
  guint8             uuid[16];
  GemelVerdict       verdict;

  memset (uuid, paired, sizeof uuid);
  verdict = gemel_hello_judge (own, peer, uuid, &error);
  g_assert_true ((error == NULL) == (verdict == GEMEL_VERDICT_WELCOME));
  return verdict;
}

static void
test_hello_who_is_welcome (void)
{
  GemelHello own, peer;

  fill_hello (&own);
  fill_hello (&peer);
  memset (peer.node_uuid, 16, sizeof peer.node_uuid);
  peer.role = GEMEL_ROLE_MASTER;
  peer.slot = 0;
  g_assert_cmpint (judge (&own, &peer, 16), ==, GEMEL_VERDICT_WELCOME);
  g_assert_cmpint (judge (&own, &own, 16), ==, GEMEL_VERDICT_CLASH);
  g_assert_cmpint (judge (&own, &peer, 17), ==, GEMEL_VERDICT_OTHER_NODE);
  peer.slot = 1;
  g_assert_cmpint (judge (&own, &peer, 16), ==, GEMEL_VERDICT_SAME_SLOT);
  peer.slot = 0;
  peer.role = GEMEL_ROLE_BACKUP;
  g_assert_cmpint (judge (&own, &peer, 16), ==, GEMEL_VERDICT_SAME_ROLE);
  peer.role = GEMEL_ROLE_INDEPENDENT;
  g_assert_cmpint (judge (&own, &peer, 16), ==, GEMEL_VERDICT_SAME_ROLE);
  peer.role = GEMEL_ROLE_MASTER;
  peer.core_min = peer.core_max = 3;
  g_assert_cmpint (judge (&own, &peer, 16), ==, GEMEL_VERDICT_NO_COMMON_VERSION);
  peer.core_max = peer.core_min = 1;
  peer.proto_min = peer.proto_max = 2;
  g_assert_cmpint (judge (&own, &peer, 16), ==, GEMEL_VERDICT_NO_COMMON_VERSION);
  peer.proto_max = 3;
  g_assert_cmpint (judge (&own, &peer, 16), ==, GEMEL_VERDICT_WELCOME);
  peer.pair_uuid[0]++;
  g_assert_cmpint (judge (&own, &peer, 16), ==, GEMEL_VERDICT_OTHER_PAIR);
}

static void
fill_status (GemelPeerStatus *status)
{
  memset (status, 0, sizeof *status);
  status->name = (char *) "left";
  status->version = (char *) "0.1.0";
  status->level = GEMEL_LEVEL_WARM;
  status->standby_level = GEMEL_LEVEL_COLD;
  status->history_level = GEMEL_HISTORY_PARTIAL;
  status->config_state = GEMEL_CONFIG_STATE_GOOD;
  status->uptime_us = 1;
  status->level_age_us = 2;
  status->position.config.term = 3;
  status->position.config.seq = 4;
  memset (status->position.config.hash, 5, sizeof status->position.config.hash);
  status->position.state.epoch = 6;
  status->position.state.seq = 7;
  status->history_seq = 8;
  status->json = (char *) "{}";
}

static void
test_status_every_field (void)
{
  GemelPeerStatus    said, *heard;
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  fill_status (&said);
  bytes = gemel_wire_encode_status (&said);
  heard = gemel_wire_decode_status (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                    &error);
  g_assert_no_error (error);
  g_assert_cmpstr (heard->name, ==, "left");
  g_assert_cmpstr (heard->version, ==, "0.1.0");
  g_assert_cmpint (heard->level, ==, GEMEL_LEVEL_WARM);
  g_assert_cmpint (heard->standby_level, ==, GEMEL_LEVEL_COLD);
  g_assert_cmpint (heard->history_level, ==, GEMEL_HISTORY_PARTIAL);
  g_assert_cmpint (heard->config_state, ==, GEMEL_CONFIG_STATE_GOOD);
  g_assert_cmpint (heard->uptime_us, ==, 1);
  g_assert_cmpint (heard->level_age_us, ==, 2);
  g_assert_true (gemel_pair_position_equal (&heard->position, &said.position));
  g_assert_cmpuint (heard->history_seq, ==, 8);
  g_assert_cmpstr (heard->json, ==, "{}");
  gemel_peer_status_free (heard);
}

static void
test_status_odd_text_is_made_fit (void)
{
  GemelPeerStatus    said, *heard;
  g_autofree char   *long_name = g_strnfill (1000, 'x');
  g_autofree char   *long_json = g_strnfill (GEMEL_WIRE_JSON_BYTES_MAX + 1, ' ');
  g_autoptr (GBytes) bytes = NULL;
  g_autoptr (GError) error = NULL;

  fill_status (&said);
  said.name = long_name;
  said.version = (char *) "\xff";
  said.json = long_json;
  bytes = gemel_wire_encode_status (&said);
  heard = gemel_wire_decode_status (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes),
                                    &error);
  g_assert_no_error (error);
  g_assert_cmpuint (strlen (heard->name), ==, 256);
  g_assert_true (g_utf8_validate (heard->version, -1, NULL));
  g_assert_null (heard->json);
  gemel_peer_status_free (heard);
}

/* Whatever it decodes to must pass the checks; whatever it does not must set an error. */
static void
decode_any (const guint8 *data,
            gsize         size)
{
  g_autoptr (GError) hello_error = NULL;
  g_autoptr (GError) message_error = NULL;
  g_autoptr (GError) status_error = NULL;
  GemelHello         hello;
  GemelMessage       m;
  GemelPeerStatus   *status;
  gboolean           hears;

  if (gemel_wire_decode_hello (data, size, &hello, &hello_error))
    g_assert_cmpuint (hello.slot, <=, 1);
  else
    g_assert_error (hello_error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
  if (gemel_wire_decode_message (GEMEL_MESSAGE_BEAT, data, size, &m, &hears, &message_error))
    g_assert_cmpint (m.state, <, GEMEL_N_STATES);
  else
    g_assert_error (message_error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL);
  status = gemel_wire_decode_status (data, size, &status_error);
  g_assert_true ((status == NULL) == (status_error != NULL));
  gemel_peer_status_free (status);
}

static void
mutate (GRand  *rand,
        GBytes *original)
{
  gsize              size = g_bytes_get_size (original);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (original, NULL), size);
  gint               n = g_rand_int_range (rand, 1, 6);

  while (n-- > 0)
    data[g_rand_int_range (rand, 0, (gint) size)] = (guint8) g_rand_int_range (rand, 0, 256);
  if (g_rand_boolean (rand))
    size = (gsize) g_rand_int_range (rand, 0, (gint) size);
  decode_any (data, size);
}

static void
test_mutations_never_crash (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (20);
  GemelMessage      m;
  GemelHello        hello;
  GemelPeerStatus   status;
  GBytes           *originals[3];
  guint             i;

  fill_message (&m);
  fill_hello (&hello);
  fill_status (&status);
  originals[0] = gemel_wire_encode_message (&m, TRUE);
  originals[1] = gemel_wire_encode_hello (&hello);
  originals[2] = gemel_wire_encode_status (&status);
  for (i = 0; i < MUTATIONS; i++)
    mutate (rand, originals[i % 3]);
  decode_any ((const guint8 *) "", 0);
  for (i = 0; i < 3; i++)
    g_bytes_unref (originals[i]);
}

int
main (int    argc,
      char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/link/wire/message-every-field", test_message_every_field);
  g_test_add_func ("/link/wire/message-impossible-values-are-refused",
                   test_message_impossible_values);
  g_test_add_func ("/link/wire/message-unknown-kind-is-refused", test_message_unknown_kind);
  g_test_add_func ("/link/wire/hello-every-field", test_hello_every_field);
  g_test_add_func ("/link/wire/hello-who-is-welcome", test_hello_who_is_welcome);
  g_test_add_func ("/link/wire/status-every-field", test_status_every_field);
  g_test_add_func ("/link/wire/status-odd-text-is-made-fit", test_status_odd_text_is_made_fit);
  g_test_add_func ("/link/wire/mutations-never-crash", test_mutations_never_crash);
  return g_test_run ();
}
