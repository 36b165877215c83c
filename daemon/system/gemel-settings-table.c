/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The table of all settings. Everything else about settings (reading, checking, the manual page,
 * the D-Bus description) follows from it.
 *
 * Settings of the reference product that have no counterpart, and why: TLS on or off (plain
 * text is refused by decision), send and receive threads (the thread layout is fixed),
 * revision and lineage (data, not settings), sizes in numbers of updates (here they are bytes,
 * which is what fills memory).
 */
#include "system/gemel-settings-private.h"

#define SECOND_MS         1000
#define MINUTE_MS         (60 * SECOND_MS)
#define MIB               (G_GINT64_CONSTANT (1024) * 1024)
#define GIB               (1024 * MIB)
#define ADDRESS_BYTES_MAX 255

/* The delta buffer must hold 200 updates of the largest kind (256 KiB of value), as the reference
 * counts them: 52 MiB. It is a bound, not an allocation. */
#define STATE_BUFFER_DEFAULT "67108864"

static const char *const role_choices[] = { "independent", "master", "backup", NULL };
static const char *const standby_choices[] = { "cold", "warm", NULL };
static const char *const profile_choices[] = { "fast", "lan", "wan", NULL };
static const char *const recovery_choices[] = { "automatic", "manual", NULL };
static const char *const dual_choices[] = { "longest-active", "master", NULL };
/* "partial" joins when it is carried out; until then it is refused rather than ignored. */
static const char *const history_choices[] = { "full", NULL };
static const char *const log_choices[] = { "trace", "debug", "info", "warning", "error", NULL };

/* clang-format off */
#define TEXT(bytes_max) GEMEL_SETTING_STRING, GEMEL_SCOPE_NODE, NULL, 0, bytes_max
#define TOKEN GEMEL_SETTING_TOKEN, GEMEL_SCOPE_NODE, NULL, 0, 0
#define SHARED_TOKEN GEMEL_SETTING_TOKEN, GEMEL_SCOPE_SHARED, NULL, 0, 0
#define SWITCH GEMEL_SETTING_BOOL, GEMEL_SCOPE_NODE, NULL, 0, 0
#define NUMBER(unit, min, max) GEMEL_SETTING_INT, GEMEL_SCOPE_NODE, unit, min, max
#define LIST(items_max) GEMEL_SETTING_LIST, GEMEL_SCOPE_NODE, NULL, 0, items_max
#define RESTART TRUE
#define AT_ONCE FALSE
#define PROFILE "" /* unset: the value of the profile */

static const GemelSettingInfo table[] = {
  { "node", "name", TEXT (64), "", NULL, RESTART,
    "Name of this node in events and on every surface; empty: the host name.",
    "system name", gemel_setting_check_name },
  { "node", "role", TOKEN, "independent", role_choices, RESTART,
    "Whether this node owns the configuration (master), follows it (backup) or is alone.",
    "redundancy.noderole" },
  { "node", "standby-level", TOKEN, "warm", standby_choices, AT_ONCE,
    "What this node does while it is not active: cold runs nothing, warm runs the modules of "
    "level warm.",
    "redundancy.standbyactivitylevel" },

  { "failover", "profile", TOKEN, "lan", profile_choices, AT_ONCE,
    "The set of timers that every unset value of this group follows.", NULL },
  { "failover", "recovery-mode", SHARED_TOKEN, "automatic", recovery_choices, AT_ONCE,
    "Whether a returning master takes over by itself; the master's value counts.",
    "redundancy.masterrecoverymode" },
  { "failover", "failover-timeout-ms", NUMBER ("ms", 20, 10 * MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "How long no active node may be heard before this one takes over.",
    "redundancy.backupfailovertimeout, redundancy.gan.pingMaxMissed" },
  { "failover", "startup-allowance-ms", NUMBER ("ms", 0, 30 * MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "How long a starting node waits for its peer before it decides alone.",
    "redundancy.joinwaittime" },
  { "failover", "heartbeat-interval-ms", NUMBER ("ms", 5, MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "Time between two heartbeats.", "redundancy.gan.pingRate" },
  { "failover", "rtt-budget-ms", NUMBER ("ms", 1, MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "The longest round trip of a heartbeat that is still healthy.", "redundancy.gan.pingTimeout" },
  { "failover", "lease-ms", NUMBER ("ms", 10, 5 * MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "How old an echo of the peer may be and still count.", NULL },
  { "failover", "promise-ms", NUMBER ("ms", 10, 5 * MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "How long a node stays away after it handed over.", NULL },
  { "failover", "recovery-delay-ms", NUMBER ("ms", 0, 60 * MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "How long a returned master must be in step before it is given back its activity.", NULL },
  { "failover", "recovery-delay-max-ms", NUMBER ("ms", 0, 24 * 60 * MINUTE_MS), PROFILE,
    NULL, AT_ONCE,
    "The end of the doubling of recovery-delay-ms when giving back repeats.", NULL },
  { "failover", "drain-timeout-ms", NUMBER ("ms", 100, 10 * MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "How long a planned switchover may take to stop modules and empty the queues.", NULL },
  { "failover", "ready-timeout-ms", NUMBER ("ms", 100, 10 * MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "How long the standby may take to catch up in a planned switchover.", NULL },
  { "failover", "stall-limit-ms", NUMBER ("ms", 5, MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "A node that did not run for longer than this asks its peer before it acts again.", NULL },
  { "failover", "clock-jump-limit-ms", NUMBER ("ms", 10, 60 * MINUTE_MS), PROFILE, NULL, AT_ONCE,
    "A jump of the wall clock above this is an event.", NULL },
  { "failover", "drift-ppm", NUMBER ("ppm", 0, 100000), PROFILE, NULL, AT_ONCE,
    "How far the clocks of the two machines may drift apart.", NULL },
  { "failover", "trust-refused", SWITCH, "false", NULL, AT_ONCE,
    "Whether refused connections on all paths prove that the peer is dead; "
    "a firewall can send them too.",
    NULL },
  { "failover", "dual-active-rule", TOKEN, "longest-active", dual_choices, AT_ONCE,
    "With manual recovery: who stays active when both were, the longest active node or always "
    "the master.",
    "useActiveUptimeToResolveConflict" },

  { "link", "bind-address", TEXT (ADDRESS_BYTES_MAX), "", NULL, RESTART,
    "Address to listen on; empty: all of this machine's.",
    "redundancy.bindinterface, redundancy.autodetectlocalinterface", gemel_setting_check_address },
  { "link", "port", NUMBER (NULL, 1, 65535), "8060", NULL, RESTART,
    "TCP and UDP port to listen on.", "redundancy.gan.port" },
  { "link", "peer", TEXT (ADDRESS_BYTES_MAX), "", NULL, RESTART,
    "Host, or host:port, of the master, for the backup to dial; empty: as pairing found it.",
    "redundancy.gan.host", gemel_setting_check_host },
  { "link", "public-address", TEXT (ADDRESS_BYTES_MAX), "", NULL, AT_ONCE,
    "Host, or host:port, told to the peer and to clients; empty: found out.",
    "gateway.publicAddress", gemel_setting_check_host },
  { "link", "reconnect-min-ms", NUMBER ("ms", 10, MINUTE_MS), "100", NULL, RESTART,
    "First pause before the backup dials again; it doubles.", "redundancy.backupreconnectperiod" },
  { "link", "reconnect-max-ms", NUMBER ("ms", 10, 10 * MINUTE_MS), "2000", NULL, RESTART,
    "Longest pause before the backup dials again.", "redundancy.backupreconnectperiod" },
  { "link", "real-time-priority", NUMBER (NULL, 0, 99), "10", NULL, RESTART,
    "Real-time priority (SCHED_FIFO) of the thread that keeps the heartbeats; "
    "0: do not ask for it.",
    NULL },
  { "link", "sync-timeout-s", NUMBER ("s", 1, 3600), "60", NULL, RESTART,
    "Longest time without progress in one exchange of data with the peer.",
    "redundancy.sync.timeoutSecs, redundancy.gan.httpReadTimeout, "
    "redundancy.gan.websocketTimeout" },
  { "link", "liveness-timeout-s", NUMBER ("s", 2, 300), "10", NULL, RESTART,
    "The service watchdog is no longer fed when the main loop stood still for so long.", NULL },

  { "config", "journal-bytes-max", NUMBER ("bytes", MIB, 64 * GIB), "104857600", NULL, AT_ONCE,
    "Disk budget of the configuration journal; what is older needs a full backup.",
    "redundancy.maxdisk_mb" },
  { "config", "journal-entries-max", NUMBER (NULL, 100, 100000000), "1000000", NULL, AT_ONCE,
    "Entries kept in the configuration journal.", NULL },
  { "config", "pair-ack-timeout-ms", NUMBER ("ms", 10, MINUTE_MS), "2000", NULL, RESTART,
    "How long a write of durability pair waits for the peer before it is answered as local.",
    NULL },

  { "state", "buffer-bytes-max", NUMBER ("bytes", MIB, 4 * GIB), STATE_BUFFER_DEFAULT,
    NULL, RESTART,
    "Changes of runtime state kept for a peer that lags; more than that needs a full state.",
    "redundancy.runtimeupdatequeuemax" },
  { "state", "bytes-max", NUMBER ("bytes", MIB, 16 * GIB), "268435456", NULL, RESTART,
    "Memory for the runtime state of all providers together.", NULL },

  { "history", "level", TOKEN, "full", history_choices, AT_ONCE,
    "What this node does with history while it is active as the backup: full forwards at once.",
    "redundancy.activehistorylevel" },
  { "history", "buffer-bytes-max", NUMBER ("bytes", MIB, 1024 * GIB), "1073741824", NULL, RESTART,
    "Disk budget of the history that waits for its sink.", NULL },

  { "events", "max", NUMBER (NULL, 100, 10000000), "10000", NULL, AT_ONCE,
    "Events kept; the oldest leave first.", NULL },

  { "log", "lines-max", NUMBER (NULL, 100, 1000000), "10000", NULL, RESTART,
    "Lines kept in memory for reading over D-Bus.", NULL },
  { "log", "level", TOKEN, "info", log_choices, AT_ONCE,
    "Least level of the lines that are kept; single providers can differ at run time.", NULL },
  { "log", "merge", LIST (64), "", NULL, AT_ONCE,
    "Providers whose lines all go to the system journal too; *: all.", NULL },

  { "modules", "stop-timeout-ms", NUMBER ("ms", 10, 10 * MINUTE_MS), "5000", NULL, RESTART,
    "How long a module may take to end after SIGTERM before it is killed.", NULL },

  { "door", "clients-max", NUMBER (NULL, 1, 4096), "256", NULL, RESTART,
    "Streams that local clients may have open at once.", NULL },
};
/* clang-format on */

/**
 * gemel_settings_get_table:
 * @ret_n: (out): the number of settings
 *
 * Returns: (transfer none): all settings, those of one group together.
 * Thread: any
 */
const GemelSettingInfo *
gemel_settings_get_table (guint *ret_n)
{
  *ret_n = G_N_ELEMENTS (table);
  return table;
}
