/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The one decision-maker: who is active, in which term, and why.
 *
 * Pure: no I/O, no clock, no logging, no allocation, no globals. The host (link thread or
 * simulator) feeds one input at a time with the node's own CLOCK_BOOTTIME and carries out the
 * actions in their order. Same inputs, same actions, byte for byte. GemelCore is plain data:
 * memcpy is a snapshot. A node says with SYNC that it is eligible; until then, and again after a
 * change of role, it never becomes active by itself.
 *
 *                       peer-active, peer-decides
 *        +--------------------------------------------+
 *        |                                            v
 *   [undecided] --no-active, master-first--> [candidate] <--prepare,--- [standby]
 *        ^  ^                                  |  |  |    no-active,       ^  ^
 *        |  |                     term-durable,|  |  |    death-notice     |  |
 *        |  |                        committed v  |  +--peer-active, ------+  |
 *        |  +----stall--------------- [active]    |     timeout               |
 *        |                              |  ^      |                           |
 *        |          user, recovery, stop|  |rolled-back                       |
 *        |                              v  |      |                           |
 *        +----stall----------------- [handover] --+--committed----------------+
 *
 *   [fault]: the term or the journal cannot be written; never takes over.
 *
 * The whole table is in gemel-core-edges.c; an edge that is not in it is a bug and aborts.
 * This is the part of PROTOCOL.md for pairs without a witness; section and row numbers in the
 * sources refer to it.
 */
#pragma once

#include "api/gemel-enums.h"
#include "core/gemel-position.h"

G_BEGIN_DECLS

/* A peer that is paired but broken must not push the term to its end: a jump above this is
 * refused and counted (an operator can still take it over by forcing a node active). */
#define GEMEL_TERM_JUMP_MAX (G_GUINT64_CONSTANT (1) << 32)
#define GEMEL_ACTIONS_MAX   32

/** Everything tunable. Durations in µs of the node's own clock. gemel_core_settings_check (). */
typedef struct
{
  GemelRole         role;
  guint             slot;          /* 0 or 1; bound to the node, not to the role */
  GemelLevel        standby_level; /* cold or warm */
  GemelRecoveryMode recovery_mode; /* the master's counts; sent to the backup in each beat */
  gboolean          trust_refused; /* refused connections on all paths prove death */
  gboolean          dual_master;   /* with manual recovery too, the master wins a dual active */

  gint64 heartbeat_interval_us;
  gint64 rtt_budget_us;
  gint64 lease_us;   /* L: how old an echo may be to count */
  gint64 promise_us; /* G: how long a node stays away after it handed over */
  gint64 failover_timeout_us;
  gint64 startup_allowance_us;
  gint64 recovery_delay_us;
  gint64 recovery_delay_max_us;
  gint64 drain_timeout_us;
  gint64 ready_timeout_us;
  gint64 stall_limit_us;
  gint64 clock_jump_limit_us;
  guint  drift_ppm; /* rho, for the frozen-clock check */
} GemelCoreSettings;

/** What must be on disk before it is acted upon. */
typedef struct
{
  guint64  term;             /* highest seen or proposed */
  guint64  last_active_term; /* of this node */
  gboolean clean_stop;       /* the last run ended in order */
} GemelStable;

typedef enum
{
  GEMEL_MESSAGE_BEAT = 1,
  GEMEL_MESSAGE_PREPARE = 2, /* active -> standby: take over, I have stopped at `position` */
  GEMEL_MESSAGE_READY = 3,   /* standby -> active: I am at `position`, my term is `proposal` */
  GEMEL_MESSAGE_COMMIT = 4,  /* old active -> new: I have stopped for good, go */
  GEMEL_MESSAGE_ABORT = 5,   /* either: the switchover `switch_id` is off, for `cause` */
  GEMEL_MESSAGE_REQUEST = 6, /* standby -> active: somebody here asks you to hand over */
} GemelMessageKind;

/** What two cores say to each other. Every message is also a beat. */
typedef struct
{
  GemelMessageKind  kind;
  guint64           nonce;       /* of the sender's process; new at each start */
  guint64           echo_nonce;  /* last nonce heard from the receiver; 0: none */
  gint64            ts_us;       /* sender's clock when it sent this */
  gint64            echo_us;     /* ts_us of the last message heard from the receiver */
  gint64            hold_us;     /* between hearing that one and sending this */
  gint64            unix_us;     /* sender's wall clock, for the offset only */
  guint64           term;        /* sender's highest term */
  guint64           active_term; /* 0 unless the sender is effectively active */
  guint64           since_term;  /* first term of the sender's uninterrupted activity */
  GemelState        state;
  GemelRole         role;
  GemelRecoveryMode recovery_mode;
  gboolean          eligible;    /* could take over */
  gboolean          synced;      /* in step with the other node: nothing known is missing */
  gboolean          holds_state; /* has the runtime state of the last activity in memory */
  gboolean          dual_master; /* the sender's setting; the master's counts */
  guint64           switch_id;
  guint64           proposal;    /* READY, COMMIT: the term that the successor proposed */
  gint64            ready_ts_us; /* COMMIT: ts_us of the READY it answers */
  GemelPairPosition position;    /* PREPARE, READY */
  GemelCause        cause;       /* ABORT */
} GemelMessage;

typedef enum
{
  GEMEL_INPUT_TICK = 1, /* the deadline came */
  GEMEL_INPUT_MESSAGE,  /* u.message: authenticated, of the current session */
  GEMEL_INPUT_LINK_UP,  /* a session with the paired peer stands */
  GEMEL_INPUT_LINK_DOWN,
  GEMEL_INPUT_REFUSED,        /* refused on all paths, twice */
  GEMEL_INPUT_DEATH_NOTICE,   /* u.term: proven by the peer's guard */
  GEMEL_INPUT_PERSISTED,      /* u.persist_id */
  GEMEL_INPUT_PERSIST_FAILED, /* u.persist_id */
  GEMEL_INPUT_SYNC,           /* u.sync: this node's own standing */
  GEMEL_INPUT_QUIESCED,       /* u.caught: edits and effects stopped, queues empty, here */
  GEMEL_INPUT_CAUGHT_UP,      /* u.caught: applied and durable up to here (answer to CATCH_UP) */
  GEMEL_INPUT_POSITION,       /* u.caught.position: moved although quiesced */
  GEMEL_INPUT_JOURNAL_FAILED,
  GEMEL_INPUT_JOURNAL_OK,
  GEMEL_INPUT_REQUEST_SWITCHOVER, /* u.request_id */
  GEMEL_INPUT_ABORT_SWITCHOVER,   /* u.request_id */
  GEMEL_INPUT_FORCE_ACTIVE,       /* u.request_id */
  GEMEL_INPUT_SETTINGS,           /* u.settings */
  GEMEL_INPUT_STOP,
} GemelInputType;
#define GEMEL_N_INPUTS 20

typedef struct
{
  GemelInputType type;
  gint64         now_us;  /* CLOCK_BOOTTIME of this node */
  gint64         unix_us; /* wall clock of this node; only its jumps matter here */
  union
  {
    GemelMessage message;
    guint64      term;
    guint64      persist_id;
    guint64      request_id;
    struct
    {
      gboolean eligible; /* has the configuration of this pair, stores are open */
      gboolean synced;   /* as a standby: at the peer's tail, runtime state complete */
    } sync;
    struct
    {
      guint64           switch_id;
      GemelPairPosition position;
    } caught;
    GemelCoreSettings settings;
  } u;
} GemelInput;

typedef enum
{
  GEMEL_ACTION_SEND = 1,  /* u.message */
  GEMEL_ACTION_PERSIST,   /* u.persist; answer with PERSISTED or PERSIST_FAILED, ids in order */
  GEMEL_ACTION_LEVEL,     /* u.level: carry it out before any later action */
  GEMEL_ACTION_QUIESCE,   /* u.switch_id: stop edits and active modules, drain, then QUIESCED */
  GEMEL_ACTION_UNQUIESCE, /* the switchover is off: go on as active */
  GEMEL_ACTION_CATCH_UP,  /* u.catch_up: apply and sync up to there, then CAUGHT_UP */
  GEMEL_ACTION_EVENT,     /* u.event */
  GEMEL_ACTION_REPLY,     /* u.reply: the end of a request */
  GEMEL_ACTION_EXIT,      /* everything is handed over: stop the process */
} GemelActionType;

typedef struct
{
  GemelActionType type;
  union
  {
    GemelMessage message;
    struct
    {
      guint64     id;
      GemelStable stable;
    } persist;
    struct
    {
      GemelLevel level;
      GemelCause cause;
      guint64    term; /* of the activity if active, else the highest known */
    } level;
    guint64 switch_id;
    struct
    {
      guint64           switch_id;
      GemelPairPosition target;
    } catch_up;
    struct
    {
      GemelEventCode code;
      GemelCause     cause;
      guint64        term;
      gint64         a; /* meaning depends on the code; durations in µs */
      gint64         b;
    } event;
    struct
    {
      guint64    request_id;
      gboolean   done;
      GemelCause cause; /* why not */
    } reply;
  } u;
} GemelAction;

typedef struct
{
  GemelAction v[GEMEL_ACTIONS_MAX];
  guint       n;
  gint64      next_deadline_us; /* feed TICK then, at the latest; G_MAXINT64: never */
} GemelActions;

/** Counters of what was refused or happened; each ends up in the snapshot. */
typedef struct
{
  guint64 messages_stale;     /* echo of an earlier process or from before a stall */
  guint64 messages_violating; /* own slot's parity, term jump, impossible values */
  guint64 votes_late;         /* READY or COMMIT too old or of another attempt */
  guint64 notices_ignored;    /* death notice for a term that is not the peer's */
  guint64 refused_ignored;    /* refused connections, not trusted */
  guint64 stalls;
  guint64 clock_jumps;
  guint64 takeovers;
  guint64 switchovers_done;
  guint64 switchovers_failed;
  guint64 dual_actives;
} GemelCoreCounters;

/** Plain data. The fields are the core's own; hosts read gemel_core_get_view (). */
typedef struct
{
  GemelCoreSettings settings;
  GemelStable       stable;
  guint64           nonce;
  guint64           rng;            /* for ids only */
  gboolean          never_eligible; /* the term file was unreadable at start */

  GemelState state;
  GemelCause state_cause;
  GemelLevel level; /* last level announced */
  gint64     now_us;
  gint64     last_step_us;
  gint64     wall_offset_us; /* unix - now at the last step */
  gint64     state_since_us; /* when state was entered */
  gint64     level_since_us;

  guint64    persist_asked; /* ids */
  guint64    persist_done;
  guint64    proposal;         /* own term while candidate or re-asserting */
  guint64    proposal_persist; /* its persist id */
  guint64    active_term;
  guint64    since_term;
  gint64     promise_until_us;
  gboolean   promise_given;      /* by a commit of this process, not just assumed at the start */
  gboolean   holds_state;        /* was active, or in step while the peer was, since the start */
  gint64     no_active_until_us; /* when the silence is long enough */
  gint64     fresh_since_us;     /* answers to what was sent before do not count */
  gint64     next_beat_us;
  gboolean   eligible;
  gboolean   synced;
  gboolean   journal_failed;
  gint64     journal_failed_us;
  gboolean   term_failed; /* the last write of the term failed; tried again while in fault */
  gint64     term_retry_us;
  GemelCause candidate_cause; /* why this node became a candidate */
  GemelCause silence_cause;   /* what ended the waiting for an active node early; or NONE */
  gboolean   stopping;
  gboolean   stop_asked;
  guint64    stop_persist; /* EXIT when this is written */
  gboolean   exited;

  struct
  {
    gboolean          link_up;
    gboolean          alive; /* heard within failover_timeout */
    gboolean          known; /* heard at least once since the start */
    guint64           nonce;
    gint64            heard_us;    /* own clock */
    gint64            heard_ts_us; /* its clock, for the echo */
    gint64            active_heard_us;
    guint64           active_nonce; /* of the process that was last heard active; 0: none */
    guint64           term;
    guint64           active_term; /* the last it was active in, as heard */
    guint64           since_term;
    gboolean          effective;
    GemelState        state;
    GemelRole         role;
    GemelRecoveryMode recovery_mode;
    gboolean          dual_master;
    gboolean          eligible;
    gboolean          synced;
    gboolean          holds_state;
    gint64            synced_since_us; /* 0: not synced */
    gint64            rtt_us;          /* smoothed; 0: unknown */
    gint64            best_offset_us;  /* of its clock against ours, frozen-clock check */
    gint64            best_offset_at_us;
    gboolean          offset_known;
    gint64            wall_offset_us; /* its wall clock minus ours, best recent round trip */
    gint64            wall_error_us;
    gint64            wall_at_us;
  } peer;

  struct
  {
    guint64           id;         /* 0: none */
    guint64           request_id; /* to answer; 0: nobody asked */
    GemelCause        cause;
    gint64            deadline_us;
    gboolean          quiesced;
    gboolean          caught_up;
    GemelMessageKind  said;          /* last of PREPARE, READY, COMMIT that left */
    guint64           peer_request;  /* switch_id of the peer's REQUEST; 0: nobody there asked */
    gint64            prepare_ts_us; /* successor: sender's clock in the first PREPARE */
    gint64            ready_sent_us; /* successor: own clock in the last READY */
    GemelPairPosition position;
    guint64           committed_term; /* handed over to; COMMIT is repeated until seen */
    guint64           commit_persist;
    gint64            ready_ts_us;
    gint64            started_us;
  } handover;
  guint64 pending_request; /* forwarded to the active peer */
  gint64  pending_request_until_us;
  guint64 force_request;

  gint64 recovery_delay_us; /* doubled per give-back within ten minutes */
  gint64 last_recovery_us;

  GemelCoreCounters counters;
  guint64           edges_taken; /* bit per row of the edge table, for the simulator */
} GemelCore;

/** What everybody else may know of the core, copied after each step. */
typedef struct
{
  GemelRole         role;
  guint             slot;
  GemelState        state;
  GemelCause        cause; /* of the last change of state */
  GemelLevel        level;
  GemelLevel        standby_level;
  GemelRecoveryMode recovery_mode; /* in force: the master's */
  GemelAssurance    assurance;
  guint64           term;        /* highest known */
  guint64           active_term; /* 0 unless active */
  gint64            level_since_us;
  gint64            acts_until_us; /* effects are allowed before this; 0: not at all */
  gboolean          switching;
  gboolean          may_write_config; /* holds the authority and is not switching */
  gboolean          has_authority;
  gboolean          may_post_state;
  gboolean          eligible;
  gboolean          synced;
  gint64            recovery_due_us; /* when control is given back by itself; 0: not planned */

  gboolean   peer_link_up;
  gboolean   peer_alive;
  gboolean   peer_known;
  gint64     peer_heard_us;
  GemelRole  peer_role;
  GemelState peer_state;
  GemelLevel peer_level; /* active or standby; the exact standby level comes by status */
  guint64    peer_term;
  gboolean   peer_effective;
  gboolean   peer_eligible;
  gboolean   peer_synced;
  gint64     rtt_us;
  gint64     wall_offset_us;
  gint64     wall_error_us;

  GemelCoreCounters counters;
} GemelView;

typedef struct
{
  GemelState from;
  GemelState to;
  GemelCause cause;
} GemelEdge;

void     gemel_core_init (GemelCore               *core,
                          const GemelCoreSettings *settings,
                          const GemelStable       *stable,
                          gboolean                 stable_readable,
                          guint64                  nonce,
                          gint64                   now_us,
                          gint64                   unix_us);
void     gemel_core_step (GemelCore        *core,
                          const GemelInput *input,
                          GemelActions     *actions);
gboolean gemel_core_is_effective (const GemelCore *core,
                                  gint64           now_us);
gboolean gemel_core_may_act (const GemelView *view,
                             gint64           now_us);
void     gemel_core_get_view (const GemelCore *core,
                              GemelView       *ret_view);
void     gemel_core_assert_invariants (const GemelCore *core);

const GemelEdge *gemel_core_get_edges (guint *ret_n_edges);
guint            gemel_core_edge_index (GemelState from,
                                        GemelState to,
                                        GemelCause cause);
gboolean         gemel_core_edge_taken (const GemelCore *core,
                                        guint            index);

/** The three sets of timers that go together (PROTOCOL.md section 6). */
typedef enum
{
  GEMEL_PROFILE_FAST = 0,
  GEMEL_PROFILE_LAN = 1,
  GEMEL_PROFILE_WAN = 2,
} GemelProfile;

void     gemel_core_settings_init (GemelCoreSettings *settings,
                                   GemelProfile       profile,
                                   GemelRole          role);
gboolean gemel_core_settings_check (const GemelCoreSettings *settings,
                                    char                    *ret_problem,
                                    gsize                    problem_bytes);

/* Deliberate faults, compiled in only by the simulator's mutant build (-DGEMEL_CORE_MUTANTS);
 * each must be caught by an invariant. */
#ifdef GEMEL_CORE_MUTANTS
typedef enum
{
  GEMEL_MUTANT_NONE = 0,
  GEMEL_MUTANT_TERM_NOT_PERSISTED, /* acts on a proposal before it is on disk (S2) */
  GEMEL_MUTANT_NO_PARITY,          /* both slots use the same numbers (S2) */
  GEMEL_MUTANT_NO_STALL_CHECK,     /* goes on as active after a pause (dual after wake) */
  GEMEL_MUTANT_NO_DRAIN,           /* hands over without quiescing or comparing (S3) */
  GEMEL_MUTANT_LATE_DEMOTE,        /* stops effects after the commit was sent (S3) */
  GEMEL_MUTANT_READY_BEFORE_SYNC,  /* answers READY before it caught up (S3, with NO_COMPARE) */
  GEMEL_MUTANT_NO_PROMISE,         /* may activate again right after a commit */
  GEMEL_MUTANT_NOTICE_ANY_TERM,    /* a late death notice counts for a new term */
  GEMEL_MUTANT_MASTER_WINS,        /* manual recovery: the master always wins a dual (S5) */
  GEMEL_MUTANT_NO_DUAL_RESOLVE,    /* both stay active after healing (S4) */
  GEMEL_MUTANT_STALE_DECIDES,      /* messages from before a stall or restart decide */
  GEMEL_MUTANT_REFUSED_IS_DEATH,   /* refused connections count without being trusted */
  GEMEL_MUTANT_INELIGIBLE_TAKES,   /* a node without the pair's data takes over */
  GEMEL_N_MUTANTS
} GemelMutant;
extern GemelMutant gemel_core_mutant;
#  define GEMEL_MUTANT(name) (gemel_core_mutant == GEMEL_MUTANT_##name)
#else
#  define GEMEL_MUTANT(name) FALSE
#endif

G_END_DECLS
