/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The tokens of the enums in gemel-enums.h, one table an enum. Tokens are part of the D-Bus
 * interface and of files on disk: they are added to, never changed.
 */
#include "api/gemel-enums.h"

#include <string.h>

static const char *
to_token (const char *const *tokens,
          gsize              n_tokens,
          guint              value)
{
  if (value >= n_tokens || tokens[value] == NULL)
    return "unknown";
  return tokens[value];
}

static gboolean
from_token (const char *const *tokens,
            gsize              n_tokens,
            const char        *text,
            guint             *ret_value)
{
  for (guint i = 0; text != NULL && i < n_tokens; i++)
    {
      if (tokens[i] != NULL && strcmp (tokens[i], text) == 0)
        {
          *ret_value = i;
          return TRUE;
        }
    }
  return FALSE;
}

static const char *const role_tokens[] = {
  [GEMEL_ROLE_INDEPENDENT] = "independent",
  [GEMEL_ROLE_MASTER] = "master",
  [GEMEL_ROLE_BACKUP] = "backup",
};

/**
 * gemel_role_to_string:
 * @role: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_role_to_string (GemelRole role)
{
  return to_token (role_tokens, G_N_ELEMENTS (role_tokens), (guint) role);
}

/**
 * gemel_role_from_string:
 * @text: a token
 * @ret_role: (out): the value, written only on success
 *
 * Returns: %FALSE when @text is no token of this enum.
 * Thread: any
 */
gboolean
gemel_role_from_string (const char *text,
                        GemelRole  *ret_role)
{
  guint value;

  if (!from_token (role_tokens, G_N_ELEMENTS (role_tokens), text, &value))
    return FALSE;
  *ret_role = (GemelRole) value;
  return TRUE;
}

static const char *const level_tokens[] = {
  [GEMEL_LEVEL_UNDECIDED] = "undecided",
  [GEMEL_LEVEL_COLD] = "cold",
  [GEMEL_LEVEL_WARM] = "warm",
  [GEMEL_LEVEL_ACTIVE] = "active",
};

/**
 * gemel_level_to_string:
 * @level: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_level_to_string (GemelLevel level)
{
  return to_token (level_tokens, G_N_ELEMENTS (level_tokens), (guint) level);
}

/**
 * gemel_level_from_string:
 * @text: a token
 * @ret_level: (out): the value, written only on success
 *
 * Returns: %FALSE when @text is no token of this enum.
 * Thread: any
 */
gboolean
gemel_level_from_string (const char *text,
                         GemelLevel *ret_level)
{
  guint value;

  if (!from_token (level_tokens, G_N_ELEMENTS (level_tokens), text, &value))
    return FALSE;
  *ret_level = (GemelLevel) value;
  return TRUE;
}

static const char *const recovery_mode_tokens[] = {
  [GEMEL_RECOVERY_AUTOMATIC] = "automatic",
  [GEMEL_RECOVERY_MANUAL] = "manual",
};

/**
 * gemel_recovery_mode_to_string:
 * @mode: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_recovery_mode_to_string (GemelRecoveryMode mode)
{
  return to_token (recovery_mode_tokens, G_N_ELEMENTS (recovery_mode_tokens), (guint) mode);
}

/**
 * gemel_recovery_mode_from_string:
 * @text: a token
 * @ret_mode: (out): the value, written only on success
 *
 * Returns: %FALSE when @text is no token of this enum.
 * Thread: any
 */
gboolean
gemel_recovery_mode_from_string (const char        *text,
                                 GemelRecoveryMode *ret_mode)
{
  guint value;

  if (!from_token (recovery_mode_tokens, G_N_ELEMENTS (recovery_mode_tokens), text, &value))
    return FALSE;
  *ret_mode = (GemelRecoveryMode) value;
  return TRUE;
}

static const char *const history_level_tokens[] = {
  [GEMEL_HISTORY_FULL] = "full",
  [GEMEL_HISTORY_PARTIAL] = "partial",
};

/**
 * gemel_history_level_to_string:
 * @level: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_history_level_to_string (GemelHistoryLevel level)
{
  return to_token (history_level_tokens, G_N_ELEMENTS (history_level_tokens), (guint) level);
}

/**
 * gemel_history_level_from_string:
 * @text: a token
 * @ret_level: (out): the value, written only on success
 *
 * Returns: %FALSE when @text is no token of this enum.
 * Thread: any
 */
gboolean
gemel_history_level_from_string (const char        *text,
                                 GemelHistoryLevel *ret_level)
{
  guint value;

  if (!from_token (history_level_tokens, G_N_ELEMENTS (history_level_tokens), text, &value))
    return FALSE;
  *ret_level = (GemelHistoryLevel) value;
  return TRUE;
}

static const char *const durability_tokens[] = {
  [GEMEL_DURABILITY_LOCAL] = "local",
  [GEMEL_DURABILITY_PAIR] = "pair",
};

/**
 * gemel_durability_to_string:
 * @durability: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_durability_to_string (GemelDurability durability)
{
  return to_token (durability_tokens, G_N_ELEMENTS (durability_tokens), (guint) durability);
}

/**
 * gemel_durability_from_string:
 * @text: a token
 * @ret_durability: (out): the value, written only on success
 *
 * Returns: %FALSE when @text is no token of this enum.
 * Thread: any
 */
gboolean
gemel_durability_from_string (const char      *text,
                              GemelDurability *ret_durability)
{
  guint value;

  if (!from_token (durability_tokens, G_N_ELEMENTS (durability_tokens), text, &value))
    return FALSE;
  *ret_durability = (GemelDurability) value;
  return TRUE;
}

static const char *const severity_tokens[] = {
  [GEMEL_SEVERITY_INFO] = "info",
  [GEMEL_SEVERITY_NOTICE] = "notice",
  [GEMEL_SEVERITY_WARNING] = "warning",
  [GEMEL_SEVERITY_CRITICAL] = "critical",
};

/**
 * gemel_severity_to_string:
 * @severity: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_severity_to_string (GemelSeverity severity)
{
  return to_token (severity_tokens, G_N_ELEMENTS (severity_tokens), (guint) severity);
}

/**
 * gemel_severity_from_string:
 * @text: a token
 * @ret_severity: (out): the value, written only on success
 *
 * Returns: %FALSE when @text is no token of this enum.
 * Thread: any
 */
gboolean
gemel_severity_from_string (const char    *text,
                            GemelSeverity *ret_severity)
{
  guint value;

  if (!from_token (severity_tokens, G_N_ELEMENTS (severity_tokens), text, &value))
    return FALSE;
  *ret_severity = (GemelSeverity) value;
  return TRUE;
}

static const char *const config_state_tokens[] = {
  [GEMEL_CONFIG_STATE_UNKNOWN] = "unknown",
  [GEMEL_CONFIG_STATE_GOOD] = "good",
  [GEMEL_CONFIG_STATE_OUT_OF_DATE] = "out-of-date",
  [GEMEL_CONFIG_STATE_INCOMPATIBLE] = "incompatible",
};

/**
 * gemel_config_state_to_string:
 * @state: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_config_state_to_string (GemelConfigState state)
{
  return to_token (config_state_tokens, G_N_ELEMENTS (config_state_tokens), (guint) state);
}

static const char *const assurance_tokens[] = {
  [GEMEL_ASSURANCE_NONE] = "none",
  [GEMEL_ASSURANCE_PEER_ONLY] = "peer-only",
  [GEMEL_ASSURANCE_MULTI_PATH] = "multi-path",
  [GEMEL_ASSURANCE_WITNESS] = "witness",
};

/**
 * gemel_assurance_to_string:
 * @assurance: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_assurance_to_string (GemelAssurance assurance)
{
  return to_token (assurance_tokens, G_N_ELEMENTS (assurance_tokens), (guint) assurance);
}

static const char *const state_tokens[] = {
  [GEMEL_STATE_UNDECIDED] = "undecided",
  [GEMEL_STATE_STANDBY] = "standby",
  [GEMEL_STATE_CANDIDATE] = "candidate",
  [GEMEL_STATE_ACTIVE] = "active",
  [GEMEL_STATE_HANDOVER] = "handover",
  [GEMEL_STATE_FAULT] = "fault",
};

/**
 * gemel_state_to_string:
 * @state: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_state_to_string (GemelState state)
{
  return to_token (state_tokens, G_N_ELEMENTS (state_tokens), (guint) state);
}

static const char *const cause_tokens[] = {
  [GEMEL_CAUSE_NONE] = "none",
  [GEMEL_CAUSE_PEER_ACTIVE] = "peer-active",
  [GEMEL_CAUSE_PEER_DECIDES] = "peer-decides",
  [GEMEL_CAUSE_MASTER_FIRST] = "master-first",
  [GEMEL_CAUSE_NO_ACTIVE] = "no-active",
  [GEMEL_CAUSE_INDEPENDENT] = "independent",
  [GEMEL_CAUSE_DEATH_NOTICE] = "death-notice",
  [GEMEL_CAUSE_REFUSED] = "refused",
  [GEMEL_CAUSE_PREPARE] = "prepare",
  [GEMEL_CAUSE_COMMITTED] = "committed",
  [GEMEL_CAUSE_TERM_DURABLE] = "term-durable",
  [GEMEL_CAUSE_USER] = "user",
  [GEMEL_CAUSE_RECOVERY] = "recovery",
  [GEMEL_CAUSE_STOP] = "stop",
  [GEMEL_CAUSE_ROLLED_BACK] = "rolled-back",
  [GEMEL_CAUSE_DUAL_LOST] = "dual-lost",
  [GEMEL_CAUSE_DUAL_WON] = "dual-won",
  [GEMEL_CAUSE_STALL] = "stall",
  [GEMEL_CAUSE_FROZEN_CLOCK] = "frozen-clock",
  [GEMEL_CAUSE_TERM_NOT_DURABLE] = "term-not-durable",
  [GEMEL_CAUSE_JOURNAL_FAILED] = "journal-failed",
  [GEMEL_CAUSE_FORCED] = "forced",
  [GEMEL_CAUSE_ROLE_CHANGED] = "role-changed",
  [GEMEL_CAUSE_LINK_LOST] = "link-lost",
  [GEMEL_CAUSE_TIMEOUT] = "timeout",
  [GEMEL_CAUSE_ABORTED] = "aborted",
  [GEMEL_CAUSE_NOT_LEVEL] = "not-level",
  [GEMEL_CAUSE_BUSY] = "busy",
  [GEMEL_CAUSE_NO_PEER] = "no-peer",
  [GEMEL_CAUSE_NOT_ELIGIBLE] = "not-eligible",
  [GEMEL_CAUSE_NEWER_TERM] = "newer-term",
  [GEMEL_CAUSE_CLEARED] = "cleared",
  [GEMEL_CAUSE_STARTED] = "started",
  [GEMEL_CAUSE_NOT_ACTIVE] = "not-active",
  [GEMEL_CAUSE_PEER_RESTARTED] = "peer-restarted",
};

/**
 * gemel_cause_to_string:
 * @cause: a value
 *
 * Returns: (transfer none): the stable token of the value, "unknown" for a number without one.
 * Thread: any
 */
const char *
gemel_cause_to_string (GemelCause cause)
{
  return to_token (cause_tokens, G_N_ELEMENTS (cause_tokens), (guint) cause);
}

/* clang-format off */
#define EVENT(event, severity, token, id) \
  { GEMEL_EVENT_##event, GEMEL_SEVERITY_##severity, token, id }

static const GemelEventInfo events[] = {
  EVENT (STARTED, NOTICE, "started", "0add6ec10e4f43deb26750f17b41d2c1"),
  EVENT (STOPPED, NOTICE, "stopped", "fb35c77e444e4a7f9d5f7eb6b20437c8"),
  EVENT (LEVEL_CHANGED, NOTICE, "level-changed", "41711afe1b8f43c48d53d819392b2c47"),
  EVENT (CHANGEOVER, WARNING, "changeover", "18200a0166414b5b8bae2ce5d5678a30"),
  EVENT (SWITCHOVER_STARTED, NOTICE, "switchover-started", "86ee15a758ad40d6bc82dc639dcba140"),
  EVENT (SWITCHOVER_DONE, NOTICE, "switchover-done", "6e29bedd63f1423da55a7646fbc15dae"),
  EVENT (SWITCHOVER_FAILED, WARNING, "switchover-failed", "f997adefcd014462bb4ee8b5a9acc11b"),
  EVENT (SWITCHOVER_UNKNOWN, WARNING, "switchover-unknown", "669f45d88f3b478dad374f4c61fff8e1"),
  EVENT (PEER_LOST, WARNING, "peer-lost", "3ee2201d33df4fbbb2274a09a98959b4"),
  EVENT (PEER_BACK, NOTICE, "peer-back", "1b01fb449da64287966b3515e71dee2a"),
  EVENT (DUAL_ACTIVE, CRITICAL, "dual-active", "b5428c9233a14cdd8acec7b53777ebed"),
  EVENT (DUAL_RESOLVED, WARNING, "dual-resolved", "c93228fb5f1347349d3de0738b9f3a42"),
  EVENT (STALLED, WARNING, "stalled", "79e9b2a4a5d84f77b4dad2a0eb561453"),
  EVENT (CLOCK_JUMPED, WARNING, "clock-jumped", "2b434462d9234207a4b6f6fde5fcf575"),
  EVENT (TERM_NOT_DURABLE, CRITICAL, "term-not-durable", "9708aa8e5e304505bb0c39e8755406d1"),
  EVENT (JOURNAL_FAILED, CRITICAL, "journal-failed", "765820a0f92a426ba2027cb7ce5fd70c"),
  EVENT (FORCED_ACTIVE, CRITICAL, "forced-active", "45f1424d804842f5af731cf375c9f9a2"),
  EVENT (DEATH_NOTICE, WARNING, "death-notice", "1a27b8f0d27f45ab89755822ec97392a"),
  EVENT (PROTOCOL_VIOLATION, WARNING, "protocol-violation", "58d718ebaf4c4878a6c7a3ba7923dff4"),
  EVENT (RECOVERY_SCHEDULED, INFO, "recovery-scheduled", "8618c3d628e540bc9dc6c59972606a8a"),
  EVENT (FAULT_CLEARED, NOTICE, "fault-cleared", "3b000330bfec493aa84833222038dc74"),
  EVENT (LINK_UP, INFO, "link-up", "041d45363add4257b2fe77e434984d0a"),
  EVENT (LINK_DOWN, NOTICE, "link-down", "0610ac4b41ea4906badbaa6fcd886c39"),
  EVENT (PEER_REFUSED, WARNING, "peer-refused", "75f02d8f9f9b469891d5e0c5a27a1ac9"),
  EVENT (PAIRING_INVITED, INFO, "pairing-invited", "e6f8281adf834bd1a44149a96a199eeb"),
  EVENT (PAIRED, NOTICE, "paired", "7ab408bd6842430d8551b95fc92cb231"),
  EVENT (PAIRING_REFUSED, WARNING, "pairing-refused", "8e79987a00db417c9f3c093bd80964a0"),
  EVENT (UNPAIRED, NOTICE, "unpaired", "0328dfa195974a538fa2a6a9ff293749"),
  EVENT (IDENTITY_CLASH, CRITICAL, "identity-clash", "3afb742099bd458db10d9191c3ff7aa6"),
  EVENT (FULL_SYNC_NEEDED, WARNING, "full-sync-needed", "ac65f75a29d342f3b3e4f91532a7136e"),
  EVENT (FULL_SYNC_DONE, NOTICE, "full-sync-done", "b055c15cdf694fa190632219cc90fd6b"),
  EVENT (FULL_SYNC_FAILED, WARNING, "full-sync-failed", "ec7046b1bdbf4c04aaadb89bf9bbf7e9"),
  EVENT (CONFIG_KEPT, WARNING, "config-kept", "db952f13b8cb4838aeb14f413fe1b922"),
  EVENT (STATE_OVERFLOW, WARNING, "state-overflow", "c0c581c08ade42f1a6d65bca0470620f"),
  EVENT (HISTORY_LIMIT, WARNING, "history-limit", "3991c581789946708decff416a823d55"),
  EVENT (HISTORY_QUARANTINED, WARNING, "history-quarantined", "e4875e06ebc24ab9ae4829bf05415919"),
  EVENT (LIMIT_REACHED, WARNING, "limit-reached", "8a6da2ff4f82467cb5bbd02e27b13dc9"),
  EVENT (SETTING_CHANGED, NOTICE, "setting-changed", "a64b2b3d6d89495ca04c2669d317373d"),
  EVENT (SETTING_REFUSED, WARNING, "setting-refused", "73f3dec5762945b4b70481f9deaf8933"),
  EVENT (MODULE_STARTED, INFO, "module-started", "97e9aad8c4d9458a82682551723fab77"),
  EVENT (MODULE_FAILED, WARNING, "module-failed", "ecf39954829c4a59828af03b26199180"),
  EVENT (MODULE_STOPPED, INFO, "module-stopped", "37662e6a9c294469b3437771010aad09"),
  EVENT (STORE_FAILED, CRITICAL, "store-failed", "3d5ec15b80734ca4a2e983e6ce1ab232"),
};
/* clang-format on */

/**
 * gemel_event_info:
 * @code: an event code
 *
 * Returns: (transfer none) (nullable): what belongs to the code, %NULL for an unknown one.
 * Thread: any
 */
const GemelEventInfo *
gemel_event_info (GemelEventCode code)
{
  for (guint i = 0; i < G_N_ELEMENTS (events); i++)
    {
      if (events[i].code == code)
        return &events[i];
    }
  return NULL;
}

/**
 * gemel_event_info_by_token:
 * @token: for example "changeover"
 *
 * Returns: (transfer none) (nullable): the event with that token.
 * Thread: any
 */
const GemelEventInfo *
gemel_event_info_by_token (const char *token)
{
  for (guint i = 0; token != NULL && i < G_N_ELEMENTS (events); i++)
    {
      if (strcmp (events[i].token, token) == 0)
        return &events[i];
    }
  return NULL;
}
