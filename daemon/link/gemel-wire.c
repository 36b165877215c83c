/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The control frames as bytes (format: gemel-wire.h). What comes from the other side is checked
 * here once, field by field, into a core type; nothing behind this file checks again.
 */
#include "link/gemel-wire.h"

#include "api/gemel-error.h"

#include <string.h>

#define HELLO_TYPE     "(suuuusayayyyayaytqa{sv})"
#define MESSAGE_TYPE   "(ttxxxxtttyyyybbbbbttxttaytta{sv})"
#define STATUS_TYPE    "(ssyyyyxxttaytttsa{sv})"
#define NAME_BYTES_MAX 256
/* Longer than any process runs; keeps every sum of two times far from overflow. */
#define TIME_US_MAX (G_MAXINT64 / 4)

static GVariant *
bytes_variant (const guint8 *bytes,
               gsize         size)
{
  return g_variant_new_fixed_array (G_VARIANT_TYPE_BYTE, bytes, size, 1);
}

static GVariant *
no_extensions (void)
{
  return g_variant_new_array (G_VARIANT_TYPE ("{sv}"), NULL, 0);
}

/* Little endian on every machine. */
static GBytes *
serialize (GVariant *value)
{
  g_autoptr (GVariant) native = g_variant_ref_sink (value);
  g_autoptr (GVariant) little = G_BYTE_ORDER == G_LITTLE_ENDIAN ? g_variant_get_normal_form (native)
                                                                : g_variant_byteswap (native);

  return g_variant_get_data_as_bytes (little);
}

static gboolean
malformed (const char *what,
           GError    **error)
{
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_PROTOCOL, "%s from the other node is malformed",
               what);
  return FALSE;
}

static GVariant *
deserialize (const char   *type,
             gconstpointer data,
             gsize         size,
             const char   *what,
             GError      **error)
{
  g_autoptr (GBytes)   bytes = g_bytes_new (data, size);
  g_autoptr (GVariant) value = g_variant_ref_sink (
    g_variant_new_from_bytes (G_VARIANT_TYPE (type), bytes, FALSE));

  if (!g_variant_is_normal_form (value))
    {
      (void) malformed (what, error);
      return NULL;
    }
  return G_BYTE_ORDER == G_LITTLE_ENDIAN ? g_steal_pointer (&value) : g_variant_byteswap (value);
}

/* Takes @value. */
static gboolean
take_bytes (GVariant *value,
            guint8   *ret_bytes,
            gsize     size)
{
  g_autoptr (GVariant) owned = value;
  gsize                n;
  gconstpointer        data = g_variant_get_fixed_array (owned, &n, 1);

  if (n != size)
    return FALSE;
  memcpy (ret_bytes, data, size);
  return TRUE;
}

static gboolean
is_time (gint64 us)
{
  return us >= -TIME_US_MAX && us <= TIME_US_MAX;
}

/* ---- HELLO ---- */

/**
 * gemel_wire_encode_hello:
 * @hello: what to say
 *
 * Returns: (transfer full): the frame's body.
 * Thread: any
 */
GBytes *
gemel_wire_encode_hello (const GemelHello *hello)
{
  return serialize (
    g_variant_new ("(suuuus@ay@ayyy@ay@aytq@a{sv})", GEMEL_WIRE_MAGIC, hello->core_min,
                   hello->core_max, hello->proto_min, hello->proto_max, hello->version,
                   bytes_variant (hello->pair_uuid, sizeof hello->pair_uuid),
                   bytes_variant (hello->node_uuid, sizeof hello->node_uuid), (guchar) hello->slot,
                   (guchar) hello->role,
                   bytes_variant (hello->heartbeat_key, sizeof hello->heartbeat_key),
                   bytes_variant (hello->notice_key, sizeof hello->notice_key), hello->session,
                   hello->udp_port, no_extensions ()));
}

/**
 * gemel_wire_decode_hello:
 * @bytes: the frame's body
 * @size: bytes
 * @ret_hello: (out): on success
 * @error: return location
 *
 * Returns: whether it is well-formed; whether it is welcome, gemel_hello_judge () says.
 * Errors: GEMEL_ERROR_PROTOCOL
 * Thread: any
 */
gboolean
gemel_wire_decode_hello (gconstpointer bytes,
                         gsize         size,
                         GemelHello   *ret_hello,
                         GError      **error)
{
  g_autoptr (GVariant) value = deserialize (HELLO_TYPE, bytes, size, "HELLO", error);
  GemelHello           hello = { 0 };
  const char          *magic;
  const char          *version;
  GVariant            *pair, *node, *heartbeat_key, *notice_key;
  guchar               slot, role;
  gboolean             good;

  if (value == NULL)
    return FALSE;
  g_variant_get (value, "(&suuuu&s@ay@ayyy@ay@aytq@a{sv})", &magic,
                 &hello.core_min, &hello.core_max, &hello.proto_min, &hello.proto_max, &version,
                 &pair, &node, &slot, &role, &heartbeat_key, &notice_key,
                 &hello.session, &hello.udp_port, NULL);
  good = take_bytes (pair, hello.pair_uuid, sizeof hello.pair_uuid);
  good &= take_bytes (node, hello.node_uuid, sizeof hello.node_uuid);
  good &= take_bytes (heartbeat_key, hello.heartbeat_key, sizeof hello.heartbeat_key);
  good &= take_bytes (notice_key, hello.notice_key, sizeof hello.notice_key);
  good &= g_str_equal (magic, GEMEL_WIRE_MAGIC);
  good &= slot <= 1 && role <= GEMEL_ROLE_BACKUP && hello.session != 0;
  good &= hello.core_min <= hello.core_max && hello.proto_min <= hello.proto_max;
  if (!good)
    return malformed ("HELLO", error);
  hello.slot = slot;
  hello.role = (GemelRole) role;
  (void) g_strlcpy (hello.version, version, sizeof hello.version);
  *ret_hello = hello;
  return TRUE;
}

static gboolean
ranges_meet (guint a_min,
             guint a_max,
             guint b_min,
             guint b_max)
{
  return MAX (a_min, b_min) <= MIN (a_max, b_max);
}

static GemelVerdict
judge (const GemelHello *own,
       const GemelHello *peer,
       const guint8     *paired_node_uuid)
{
  if (memcmp (own->node_uuid, peer->node_uuid, sizeof own->node_uuid) == 0)
    return GEMEL_VERDICT_CLASH;
  if (memcmp (own->pair_uuid, peer->pair_uuid, sizeof own->pair_uuid) != 0)
    return GEMEL_VERDICT_OTHER_PAIR;
  if (memcmp (paired_node_uuid, peer->node_uuid, sizeof peer->node_uuid) != 0)
    return GEMEL_VERDICT_OTHER_NODE;
  if (own->role == peer->role || peer->role == GEMEL_ROLE_INDEPENDENT)
    return GEMEL_VERDICT_SAME_ROLE;
  if (own->slot == peer->slot)
    return GEMEL_VERDICT_SAME_SLOT;
  if (!ranges_meet (own->core_min, own->core_max, peer->core_min, peer->core_max) ||
      !ranges_meet (own->proto_min, own->proto_max, peer->proto_min, peer->proto_max))
    return GEMEL_VERDICT_NO_COMMON_VERSION;
  return GEMEL_VERDICT_WELCOME;
}

/**
 * gemel_hello_judge:
 * @own: what this node said
 * @peer: what the other one said
 * @paired_node_uuid: of the node that this one is paired with
 * @error: return location
 *
 * Returns: whether the two may form a session; @error is set unless it is welcome.
 * Errors: GEMEL_ERROR_IDENTITY, GEMEL_ERROR_SETTING, GEMEL_ERROR_INCOMPATIBLE
 * Thread: any
 */
GemelVerdict
gemel_hello_judge (const GemelHello *own,
                   const GemelHello *peer,
                   const guint8      paired_node_uuid[16],
                   GError          **error)
{
  GemelVerdict verdict = judge (own, peer, paired_node_uuid);

  switch (verdict)
    {
    case GEMEL_VERDICT_WELCOME:
      break;
    case GEMEL_VERDICT_CLASH:
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                           "the other node has this node's identity: its disk is a copy; give it a "
                           "new identity and pair it again");
      break;
    case GEMEL_VERDICT_OTHER_PAIR:
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                           "the other node belongs to another pair: pair the two again");
      break;
    case GEMEL_VERDICT_OTHER_NODE:
      g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_IDENTITY,
                           "the other node is not the one that this node was paired with: pair the "
                           "two again");
      break;
    case GEMEL_VERDICT_SAME_ROLE:
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                   "the roles %s here and %s there do not fit: one must be master, the other "
                   "backup",
                   gemel_role_to_string (own->role), gemel_role_to_string (peer->role));
      break;
    case GEMEL_VERDICT_SAME_SLOT:
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_SETTING,
                   "both nodes have slot %u: pair the two again", own->slot);
      break;
    case GEMEL_VERDICT_NO_COMMON_VERSION:
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_INCOMPATIBLE,
                   "version %s here and %s there have no common protocol: upgrade the older one",
                   own->version, peer->version);
      break;
    }
  return verdict;
}

/* ---- messages of the core ---- */

/**
 * gemel_wire_encode_message:
 * @message: of the core
 * @hears_datagrams: whether the receiver's datagrams reach this node
 *
 * Returns: (transfer full): the body; the kind is in the frame's type.
 * Thread: any
 */
GBytes *
gemel_wire_encode_message (const GemelMessage *message,
                           gboolean            hears_datagrams)
{
  const GemelPairPosition *at = &message->position;

  return serialize (
    g_variant_new ("(ttxxxxtttyyyybbbbbttxtt@aytt@a{sv})", message->nonce, message->echo_nonce,
                   message->ts_us, message->echo_us, message->hold_us, message->unix_us,
                   message->term, message->active_term, message->since_term,
                   (guchar) message->state, (guchar) message->role, (guchar) message->recovery_mode,
                   (guchar) message->cause, message->eligible, message->synced,
                   message->holds_state, message->dual_master, hears_datagrams, message->switch_id,
                   message->proposal, message->ready_ts_us, at->config.term, at->config.seq,
                   bytes_variant (at->config.hash, sizeof at->config.hash), at->state.epoch,
                   at->state.seq, no_extensions ()));
}

static gboolean
message_is_possible (const GemelMessage *m)
{
  return m->kind >= GEMEL_MESSAGE_BEAT && m->kind <= GEMEL_MESSAGE_REQUEST &&
         (guint) m->state < GEMEL_N_STATES && m->role <= GEMEL_ROLE_BACKUP &&
         m->recovery_mode <= GEMEL_RECOVERY_MANUAL && (guint) m->cause < GEMEL_N_CAUSES &&
         m->nonce != 0 && is_time (m->ts_us) && is_time (m->echo_us) && m->hold_us >= 0 &&
         is_time (m->hold_us) && is_time (m->unix_us) && is_time (m->ready_ts_us);
}

/**
 * gemel_wire_decode_message:
 * @kind: from the frame's type; %GEMEL_MESSAGE_BEAT for a datagram
 * @bytes: the body
 * @size: bytes
 * @ret_message: (out): on success
 * @ret_hears_datagrams: (out): whether this node's datagrams reach the sender
 * @error: return location
 *
 * Returns: whether every field has a possible value.
 * Errors: GEMEL_ERROR_PROTOCOL
 * Thread: any
 */
gboolean
gemel_wire_decode_message (GemelMessageKind kind,
                           gconstpointer    bytes,
                           gsize            size,
                           GemelMessage    *ret_message,
                           gboolean        *ret_hears_datagrams,
                           GError         **error)
{
  g_autoptr (GVariant) value = deserialize (MESSAGE_TYPE, bytes, size, "message", error);
  GemelMessage         m = { .kind = kind };
  GVariant            *hash;
  guchar               state, role, recovery_mode, cause;
  gboolean             hears;

  if (value == NULL)
    return FALSE;
  g_variant_get (value, "(ttxxxxtttyyyybbbbbttxtt@aytt@a{sv})",
                 &m.nonce, &m.echo_nonce, &m.ts_us, &m.echo_us, &m.hold_us, &m.unix_us,
                 &m.term, &m.active_term, &m.since_term, &state, &role, &recovery_mode, &cause,
                 &m.eligible, &m.synced, &m.holds_state, &m.dual_master, &hears,
                 &m.switch_id, &m.proposal, &m.ready_ts_us,
                 &m.position.config.term, &m.position.config.seq, &hash,
                 &m.position.state.epoch, &m.position.state.seq, NULL);
  m.state = (GemelState) state;
  m.role = (GemelRole) role;
  m.recovery_mode = (GemelRecoveryMode) recovery_mode;
  m.cause = (GemelCause) cause;
  if (!take_bytes (hash, m.position.config.hash, sizeof m.position.config.hash) ||
      !message_is_possible (&m))
    return malformed ("message", error);
  *ret_message = m;
  *ret_hears_datagrams = hears;
  return TRUE;
}

/* ---- STATUS ---- */

/**
 * gemel_peer_status_copy:
 * @status: to copy
 *
 * Returns: (transfer full): a copy with its own strings.
 * Thread: any
 */
GemelPeerStatus *
gemel_peer_status_copy (const GemelPeerStatus *status)
{
  GemelPeerStatus *copy = g_memdup2 (status, sizeof *status);

  copy->name = g_strdup (status->name);
  copy->version = g_strdup (status->version);
  copy->json = g_strdup (status->json);
  return copy;
}

/**
 * gemel_peer_status_free:
 * @status: (nullable): to free with its strings
 * Thread: any
 */
void
gemel_peer_status_free (GemelPeerStatus *status)
{
  if (status == NULL)
    return;
  g_free (status->name);
  g_free (status->version);
  g_free (status->json);
  g_free (status);
}

/* GVariant takes valid UTF-8 alone, and the other side takes no more than this. */
static char *
text_for_wire (const char *text,
               gsize       bytes_max)
{
  g_autofree char *valid = g_utf8_make_valid (text != NULL ? text : "", -1);
  const char      *end = valid;

  if (strlen (valid) <= bytes_max)
    return g_steal_pointer (&valid);
  while ((gsize) (g_utf8_next_char (end) - valid) <= bytes_max)
    end = g_utf8_next_char (end);
  return g_strndup (valid, (gsize) (end - valid));
}

/**
 * gemel_wire_encode_status:
 * @status: of this node; names are cut at 256 bytes, a json part above 64 KiB is left out
 *
 * Returns: (transfer full): the frame's body.
 * Thread: any
 */
GBytes *
gemel_wire_encode_status (const GemelPeerStatus *status)
{
  g_autofree char *name = text_for_wire (status->name, NAME_BYTES_MAX);
  g_autofree char *version = text_for_wire (status->version, NAME_BYTES_MAX);
  gboolean         has_json = status->json != NULL &&
                      strlen (status->json) <= GEMEL_WIRE_JSON_BYTES_MAX &&
                      g_utf8_validate (status->json, -1, NULL);

  return serialize (
    g_variant_new ("(ssyyyyxxtt@ayttts@a{sv})", name, version, (guchar) status->level,
                   (guchar) status->standby_level, (guchar) status->history_level,
                   (guchar) status->config_state, status->uptime_us, status->level_age_us,
                   status->position.config.term, status->position.config.seq,
                   bytes_variant (status->position.config.hash,
                                  sizeof status->position.config.hash),
                   status->position.state.epoch, status->position.state.seq, status->history_seq,
                   has_json ? status->json : "", no_extensions ()));
}

static gboolean
status_is_possible (const GemelPeerStatus *status)
{
  return status->level <= GEMEL_LEVEL_ACTIVE && status->standby_level <= GEMEL_LEVEL_ACTIVE &&
         status->history_level <= GEMEL_HISTORY_PARTIAL &&
         status->config_state <= GEMEL_CONFIG_STATE_INCOMPATIBLE &&
         is_time (status->uptime_us) && is_time (status->level_age_us) &&
         strlen (status->name) <= NAME_BYTES_MAX && strlen (status->version) <= NAME_BYTES_MAX &&
         (status->json == NULL || strlen (status->json) <= GEMEL_WIRE_JSON_BYTES_MAX);
}

/**
 * gemel_wire_decode_status:
 * @bytes: the frame's body
 * @size: bytes
 * @error: return location
 *
 * Returns: (transfer full) (nullable): the status.
 * Errors: GEMEL_ERROR_PROTOCOL
 * Thread: any
 */
GemelPeerStatus *
gemel_wire_decode_status (gconstpointer bytes,
                          gsize         size,
                          GError      **error)
{
  g_autoptr (GVariant) value = deserialize (STATUS_TYPE, bytes, size, "STATUS", error);
  GemelPeerStatus     *status;
  GVariant            *hash;
  guchar               level, standby_level, history_level, config_state;
  gboolean             good;

  if (value == NULL)
    return NULL;
  status = g_new0 (GemelPeerStatus, 1);
  g_variant_get (value, "(ssyyyyxxtt@aytttsa{sv})", &status->name, &status->version,
                 &level, &standby_level, &history_level, &config_state,
                 &status->uptime_us, &status->level_age_us,
                 &status->position.config.term, &status->position.config.seq, &hash,
                 &status->position.state.epoch, &status->position.state.seq,
                 &status->history_seq, &status->json, NULL);
  status->level = (GemelLevel) level;
  status->standby_level = (GemelLevel) standby_level;
  status->history_level = (GemelHistoryLevel) history_level;
  status->config_state = (GemelConfigState) config_state;
  if (*status->json == '\0')
    g_clear_pointer (&status->json, g_free);
  good = take_bytes (hash, status->position.config.hash, sizeof status->position.config.hash);
  if (good && status_is_possible (status))
    return status;
  gemel_peer_status_free (status);
  (void) malformed ("STATUS", error);
  return NULL;
}
