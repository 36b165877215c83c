/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The words of Gemel as numbers: what a node is, does and says.
 *
 * This is the only header outside core/ that core/ includes, so it includes glib.h alone.
 * Every enum has a pair of functions to and from the token that D-Bus, files and people see.
 * Numbers of enums that travel between nodes or lie on disk are written out and never reused.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/** Who owns the configuration and who dials whom. Fixed by settings. */
typedef enum
{
  GEMEL_ROLE_INDEPENDENT = 0,
  GEMEL_ROLE_MASTER = 1,
  GEMEL_ROLE_BACKUP = 2,
} GemelRole;

/** What a node does now. */
typedef enum
{
  GEMEL_LEVEL_UNDECIDED = 0,
  GEMEL_LEVEL_COLD = 1,
  GEMEL_LEVEL_WARM = 2,
  GEMEL_LEVEL_ACTIVE = 3,
} GemelLevel;

/** Whether a returning master takes over by itself. */
typedef enum
{
  GEMEL_RECOVERY_AUTOMATIC = 0,
  GEMEL_RECOVERY_MANUAL = 1,
} GemelRecoveryMode;

/** What the backup does with history while it is active. */
typedef enum
{
  GEMEL_HISTORY_FULL = 0,
  GEMEL_HISTORY_PARTIAL = 1,
} GemelHistoryLevel;

/** What an acknowledgement means: this node has it, or the peer has it too. */
typedef enum
{
  GEMEL_DURABILITY_LOCAL = 0,
  GEMEL_DURABILITY_PAIR = 1,
} GemelDurability;

/** How the configuration of this node relates to the peer's. */
typedef enum
{
  GEMEL_CONFIG_STATE_UNKNOWN = 0,
  GEMEL_CONFIG_STATE_GOOD = 1,
  GEMEL_CONFIG_STATE_OUT_OF_DATE = 2,
  GEMEL_CONFIG_STATE_INCOMPATIBLE = 3,
} GemelConfigState;

/** How much keeps two nodes from being active at once. */
typedef enum
{
  GEMEL_ASSURANCE_NONE = 0,
  GEMEL_ASSURANCE_PEER_ONLY = 1,
  GEMEL_ASSURANCE_MULTI_PATH = 2,
  GEMEL_ASSURANCE_WITNESS = 3,
} GemelAssurance;

typedef enum
{
  GEMEL_SEVERITY_INFO = 0,
  GEMEL_SEVERITY_NOTICE = 1,
  GEMEL_SEVERITY_WARNING = 2,
  GEMEL_SEVERITY_CRITICAL = 3,
} GemelSeverity;

/** Internal state of the core (PROTOCOL.md section 4): U, S, C, A, H, F. */
typedef enum
{
  GEMEL_STATE_UNDECIDED = 0,
  GEMEL_STATE_STANDBY = 1,
  GEMEL_STATE_CANDIDATE = 2,
  GEMEL_STATE_ACTIVE = 3,
  GEMEL_STATE_HANDOVER = 4,
  GEMEL_STATE_FAULT = 5,
} GemelState;
#define GEMEL_N_STATES 6

/** Why the core changed state: the label of an edge, and the reason in events and receipts. */
typedef enum
{
  GEMEL_CAUSE_NONE = 0,
  GEMEL_CAUSE_PEER_ACTIVE = 1,       /* a fresh message shows the peer active */
  GEMEL_CAUSE_PEER_DECIDES = 2,      /* neither is active, the master goes first */
  GEMEL_CAUSE_MASTER_FIRST = 3,      /* neither is active, this is the master */
  GEMEL_CAUSE_NO_ACTIVE = 4,         /* no active node seen for the time-out or allowance */
  GEMEL_CAUSE_INDEPENDENT = 5,       /* no pair: always active */
  GEMEL_CAUSE_DEATH_NOTICE = 6,      /* the peer's guard proved that the active process died */
  GEMEL_CAUSE_REFUSED = 7,           /* connections refused on all paths, and trusted */
  GEMEL_CAUSE_PREPARE = 8,           /* the active node asked this one to take over */
  GEMEL_CAUSE_COMMITTED = 9,         /* planned switchover: authority was handed over */
  GEMEL_CAUSE_TERM_DURABLE = 10,     /* own proposal is on disk and nothing stands against it */
  GEMEL_CAUSE_USER = 11,             /* a person asked */
  GEMEL_CAUSE_RECOVERY = 12,         /* automatic recovery: give back to the master */
  GEMEL_CAUSE_STOP = 13,             /* this node is being stopped */
  GEMEL_CAUSE_ROLLED_BACK = 14,      /* a switchover did not finish and was undone */
  GEMEL_CAUSE_DUAL_LOST = 15,        /* both were active, the rule chose the peer */
  GEMEL_CAUSE_DUAL_WON = 16,         /* both were active, the rule chose this node */
  GEMEL_CAUSE_STALL = 17,            /* this process did not run for too long */
  GEMEL_CAUSE_FROZEN_CLOCK = 18,     /* this machine stood still together with its clock */
  GEMEL_CAUSE_TERM_NOT_DURABLE = 19, /* the term could not be written */
  GEMEL_CAUSE_JOURNAL_FAILED = 20,   /* the configuration journal could not be written */
  GEMEL_CAUSE_FORCED = 21,           /* an administrator forced this node active */
  GEMEL_CAUSE_ROLE_CHANGED = 22,     /* the settings gave this node another role */
  GEMEL_CAUSE_LINK_LOST = 23,        /* the link broke while a switchover was under way */
  GEMEL_CAUSE_TIMEOUT = 24,          /* a step of a switchover took too long */
  GEMEL_CAUSE_ABORTED = 25,          /* a person or the peer aborted */
  GEMEL_CAUSE_NOT_LEVEL = 26,        /* positions differ, or the peer is not in step */
  GEMEL_CAUSE_BUSY = 27,             /* another switchover is under way */
  GEMEL_CAUSE_NO_PEER = 28,          /* the peer is not reachable */
  GEMEL_CAUSE_NOT_ELIGIBLE = 29,     /* the node that should take over cannot */
  GEMEL_CAUSE_NEWER_TERM = 30,       /* a higher term was seen; the proposal is void */
  GEMEL_CAUSE_CLEARED = 31,          /* the fault was repaired */
  GEMEL_CAUSE_STARTED = 32,          /* the process started */
  GEMEL_CAUSE_NOT_ACTIVE = 33,       /* asked of a node that is not active */
  GEMEL_CAUSE_PEER_RESTARTED = 34,   /* another process speaks for the peer */
} GemelCause;
#define GEMEL_N_CAUSES 35

/** What happened: the code of an event. Severity and journal ids: gemel_event_info (). */
typedef enum
{
  GEMEL_EVENT_STARTED = 1,
  GEMEL_EVENT_STOPPED = 2,
  GEMEL_EVENT_LEVEL_CHANGED = 3,
  GEMEL_EVENT_CHANGEOVER = 4, /* this node became active; the cause says how */
  GEMEL_EVENT_SWITCHOVER_STARTED = 5,
  GEMEL_EVENT_SWITCHOVER_DONE = 6,
  GEMEL_EVENT_SWITCHOVER_FAILED = 7,  /* rolled back or refused; still active here */
  GEMEL_EVENT_SWITCHOVER_UNKNOWN = 8, /* handed over, success not seen: look at the levels */
  GEMEL_EVENT_PEER_LOST = 9,
  GEMEL_EVENT_PEER_BACK = 10,
  GEMEL_EVENT_DUAL_ACTIVE = 11,
  GEMEL_EVENT_DUAL_RESOLVED = 12,
  GEMEL_EVENT_STALLED = 13,
  GEMEL_EVENT_CLOCK_JUMPED = 14,
  GEMEL_EVENT_TERM_NOT_DURABLE = 15,
  GEMEL_EVENT_JOURNAL_FAILED = 16,
  GEMEL_EVENT_FORCED_ACTIVE = 17,
  GEMEL_EVENT_DEATH_NOTICE = 18,
  GEMEL_EVENT_PROTOCOL_VIOLATION = 19,
  GEMEL_EVENT_RECOVERY_SCHEDULED = 20,
  GEMEL_EVENT_FAULT_CLEARED = 21,
  GEMEL_EVENT_LINK_UP = 32,
  GEMEL_EVENT_LINK_DOWN = 33,
  GEMEL_EVENT_PEER_REFUSED = 34, /* somebody who is not the peer tried to get in */
  GEMEL_EVENT_PAIRING_INVITED = 35,
  GEMEL_EVENT_PAIRED = 36,
  GEMEL_EVENT_PAIRING_REFUSED = 37,
  GEMEL_EVENT_UNPAIRED = 38,
  GEMEL_EVENT_IDENTITY_CLASH = 39,
  GEMEL_EVENT_FULL_SYNC_NEEDED = 64,
  GEMEL_EVENT_FULL_SYNC_DONE = 65,
  GEMEL_EVENT_FULL_SYNC_FAILED = 66,
  GEMEL_EVENT_CONFIG_KEPT = 67, /* a replaced or diverged configuration went to quarantine */
  GEMEL_EVENT_STATE_OVERFLOW = 68,
  GEMEL_EVENT_HISTORY_LIMIT = 69,
  GEMEL_EVENT_HISTORY_QUARANTINED = 70,
  GEMEL_EVENT_LIMIT_REACHED = 71,
  GEMEL_EVENT_SETTING_CHANGED = 96,
  GEMEL_EVENT_SETTING_REFUSED = 97,
  GEMEL_EVENT_MODULE_STARTED = 98,
  GEMEL_EVENT_MODULE_FAILED = 99,
  GEMEL_EVENT_MODULE_STOPPED = 100,
  GEMEL_EVENT_STORE_FAILED = 101,
} GemelEventCode;

typedef struct
{
  GemelEventCode code;
  GemelSeverity  severity;
  const char    *token;      /* "level-changed": stable, for programs */
  const char    *message_id; /* 32 hex digits, the journal's MESSAGE_ID */
} GemelEventInfo;

const GemelEventInfo *gemel_event_info (GemelEventCode code);
const GemelEventInfo *gemel_event_info_by_token (const char *token);

const char *gemel_role_to_string (GemelRole role);
gboolean    gemel_role_from_string (const char *text,
                                    GemelRole  *ret_role) G_GNUC_WARN_UNUSED_RESULT;

const char *gemel_level_to_string (GemelLevel level);
gboolean    gemel_level_from_string (const char *text,
                                     GemelLevel *ret_level) G_GNUC_WARN_UNUSED_RESULT;

const char *gemel_recovery_mode_to_string (GemelRecoveryMode mode);
gboolean    gemel_recovery_mode_from_string (const char        *text,
                                             GemelRecoveryMode *ret_mode) G_GNUC_WARN_UNUSED_RESULT;

const char *gemel_history_level_to_string (GemelHistoryLevel level);
gboolean    gemel_history_level_from_string (const char        *text,
                                             GemelHistoryLevel *ret_level)
  G_GNUC_WARN_UNUSED_RESULT;

const char *gemel_durability_to_string (GemelDurability durability);
gboolean    gemel_durability_from_string (const char      *text,
                                          GemelDurability *ret_durability)
  G_GNUC_WARN_UNUSED_RESULT;

const char *gemel_severity_to_string (GemelSeverity severity);
gboolean    gemel_severity_from_string (const char    *text,
                                        GemelSeverity *ret_severity) G_GNUC_WARN_UNUSED_RESULT;

const char *gemel_config_state_to_string (GemelConfigState state);
const char *gemel_assurance_to_string (GemelAssurance assurance);
const char *gemel_state_to_string (GemelState state);
const char *gemel_cause_to_string (GemelCause cause);

G_END_DECLS
