/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the files of the simulator share: the world, its two nodes, and the ghosts, which are what
 * the judge remembers and no node can see.
 */
#pragma once

#include <setjmp.h>

#include "sim-rand.h"
#include "sim.h"

G_BEGIN_DECLS

#define SIM_KEYS         4  /* of runtime state */
#define SIM_BATCH        8  /* entries or deltas in one answer */
#define SIM_DELTAS       32 /* buffer of the active node */
#define SIM_EDITS_MAX    (1 << 14)
#define SIM_PERSISTS_MAX 64
#define SIM_PAYLOADS_MAX 4096 /* messages under way */
#define SIM_EVENTS_MAX   16384

typedef enum
{
  SIM_EVENT_MESSAGE,   /* a: payload */
  SIM_EVENT_LINK_UP,   /* a: session */
  SIM_EVENT_LINK_DOWN, /* a: session */
  SIM_EVENT_REFUSED,
  SIM_EVENT_NOTICE,       /* a: term */
  SIM_EVENT_NOTICE_SENT,  /* a: term; the guard of this node sends it now */
  SIM_EVENT_PERSIST_DONE, /* a: id, b: failed */
  SIM_EVENT_PERSIST_TOLD, /* a: id, b: failed */
  SIM_EVENT_DIAL,
  SIM_EVENT_IDLE,
  SIM_EVENT_EDIT,
  SIM_EVENT_EDIT_DONE, /* a: edit */
  SIM_EVENT_POST,
  SIM_EVENT_PULL,
  SIM_EVENT_SYNCED,  /* a: journal length that is durable now */
  SIM_EVENT_DRAINED, /* a: switch id */
  SIM_EVENT_SOFT_RESTARTED,
  SIM_EVENT_START,
  SIM_EVENT_KILL, /* a clean stop that took too long */
  SIM_EVENT_RESUME,
  SIM_EVENT_FAULT,     /* a: index */
  SIM_EVENT_FAULT_END, /* a: index */
  SIM_EVENT_CALM,
  SIM_EVENT_REPAIR, /* an operator looks at what is still broken */
  SIM_EVENT_JUDGE,  /* the bound of S4 is over */
} SimEventType;

typedef struct
{
  gint64  at_us;
  guint64 order;
  guint32 life; /* of the process it is for; 0: any */
  guint8  type;
  guint8  node;
  guint64 a;
  gint64  b;
} SimEvent;

typedef struct
{
  guint64 term;
  guint64 hash;
  guint32 edit;
} SimEntry;

typedef struct
{
  guint64 seq;
  guint32 key;
  guint64 value;
} SimDelta;

typedef enum
{
  SIM_PAYLOAD_CORE,
  SIM_PAYLOAD_PULL,
  SIM_PAYLOAD_ANSWER,
} SimPayloadKind;

/** A message under way. */
typedef struct
{
  SimPayloadKind kind;
  guint          next_free;
  guint64        session;
  union
  {
    GemelMessage core;
    struct
    {
      GemelPairPosition have;
      gboolean          config_reset; /* needs a full copy */
      gboolean          state_reset;
      gboolean          standing_by; /* may acknowledge for the pair */
      guint32           life;
    } pull;
    struct
    {
      gboolean           config_source;
      GemelSyncPlan      config_plan;
      guint64            config_len; /* of the source */
      guint              n_entries;
      guint64            first; /* index of the first entry */
      SimEntry           entries[SIM_BATCH];
      SimEntry          *full; /* owned; config_len entries */
      gboolean           state_source;
      GemelSyncPlan      state_plan;
      GemelStatePosition state_head;
      guint              n_deltas;
      SimDelta           deltas[SIM_BATCH];
      guint64            values[SIM_KEYS];
      guint32            life; /* of the source */
    } answer;
  } u;
} SimPayload;

typedef struct
{
  guint64     id;
  GemelStable stable;
} SimPersist;

typedef struct
{
  guint             index;
  GemelCore         core;
  GemelView         view;
  GemelCoreSettings settings;

  /* machine and process */
  gboolean machine_up;
  gboolean up;
  gboolean paused;
  gboolean vm_paused;
  gboolean stopping;
  guint32  life;
  gint64   resume_us;
  gint64   tick_us;    /* world time of the next TICK; G_MAXINT64: none */
  gint64   restart_us; /* how long it stays down after a stop */

  /* clock */
  gint64 clock_world_us; /* base of the line */
  gint64 clock_boot_us;
  gint64 drift_ppm;
  gint64 wall_offset_us;

  /* term file */
  GemelStable durable;
  gboolean    torn;
  SimPersist  persists[SIM_PERSISTS_MAX];
  guint       n_persists;
  gint64      persist_busy_us;
  gint64      term_error_until_us;
  gint64      term_slow_until_us;
  gint64      term_slow_us;

  /* network of what this node sends */
  gint64   cut_until_us;
  gint64   clog_until_us;
  gint64   loss_until_us;
  gint64   loss_ppm;
  gint64   delay_until_us;
  gint64   delay_us;
  gint64   duplicate_until_us;
  gint64   duplicate_ppm;
  gint64   reorder_until_us;
  gint64   reorder_us;
  gint64   last_arrival_us;
  guint64  n_sent;
  guint64  session;
  guint64  last_session; /* of this machine; anything older is answered with a reset */
  gint64   heard_us;     /* world time; of the session */
  guint    refusals;
  guint64  armed_term; /* what the guard would say */
  gboolean notice_lost;
  gint64   notice_late_us;

  /* host: journal, state, standing */
  GemelLevel         level;
  gboolean           quiesced;
  guint64            quiesce_id;
  gboolean           drained;
  guint64            catch_up_id;
  GemelPairPosition  catch_up;
  SimEntry          *journal; /* SIM_EDITS_MAX */
  guint64            journal_len;
  guint64            journal_durable;
  gboolean           journal_broken;
  gboolean           told_broken;
  guint              edits_in_flight;
  gint64             late_commit_us;
  gboolean           has_config; /* of this pair; durable */
  gboolean           soft_restarting;
  gboolean           config_level;
  gboolean           state_level;
  gboolean           config_reset;
  gboolean           state_reset;
  GemelStatePosition state;
  guint64            values[SIM_KEYS];
  SimDelta           deltas[SIM_DELTAS];
  guint64            deltas_base; /* seq below the oldest one that is kept */
  gboolean           told_eligible;
  gboolean           told_synced;
  guint64            told_seq; /* POSITION and CAUGHT_UP: what the core was told last */
  guint64            told_state_seq;
  guint64            acked_seq; /* runtime state that the pair has */
  guint64            peer_has;  /* entries that the peer has, as its last pull said */

  /* ghosts */
  guint64  seen_term;     /* S2: highest durable or announced */
  guint64  used_term;     /* S2: last activation */
  gint64   fresh_from_us; /* boot time; exchanges before it do not count */
  gboolean fresh;
  gboolean decided;         /* was a standby before the pause: a silence is enough for it */
  gboolean must_refresh;    /* slept too long: no effect before a fresh exchange */
  gint64   active_heard_us; /* boot time; peer said that it is active */
  gboolean peer_idle;       /* the last word of the peer was: not active */
  guint64  heard_term;      /* it was active in */
  gboolean excused;         /* notice or trusted refusal: may act without silence */
  guint64  heard_nonce;
  gint64   heard_ts_us;      /* newest word of that process */
  gboolean had_data;         /* when its candidacy began */
  gboolean forced;           /* an order: may act whatever it hears */
  gint64   promise_until_us; /* boot time; given with a commit */
  gint64   start_promise_us; /* boot time; for what the process before this one may have given */
  guint64  ready_id;         /* CAUGHT_UP was reported for it */
  guint64  since_term;
  guint64  request_id;   /* last of a person here */
  gint64   request_us;   /* world time of the last request of a person */
  gint64   automatic_us; /* world time when recovery was automatic last */
} SimNode;

typedef struct
{
  gboolean           valid;
  guint              from;
  guint64            journal_len;
  guint64            journal_hash;
  GemelStatePosition state;
  guint64            values[SIM_KEYS];
} SimHandover;

typedef struct
{
  guint64 value;
  guint   source;
  guint32 source_life;
  guint   holder;
  guint32 holder_life;
} SimPairAck;

struct _SimWorld
{
  SimPlan      plan;
  SimStats     stats;
  SimVerdict   verdict;
  FILE        *trace;
  gint64       now_us;
  guint64      order;
  guint64      steps;
  guint64      fingerprint;
  guint64      n_sessions;
  guint64      n_requests;
  guint64      n_values;
  guint64      n_host_draws;
  gboolean     calm;
  gboolean     judged;
  gint64       disturbed_until_us; /* a dual active before this has an excuse */
  gint64       dual_since_us;      /* G_MAXINT64: there is none */
  SimNode      nodes[2];
  gint64       frozen_until_us; /* A1 is false, or an administrator overruled the rules */
  SimHandover  handover;
  SimPairAck   pair_acks[SIM_KEYS];
  guint        n_edits;
  guint8       edit_flags[SIM_EDITS_MAX];
  GemelActions actions;
  GemelInput   input;
  SimEvent     heap[SIM_EVENTS_MAX];
  guint        n_events;
  SimPayload   payloads[SIM_PAYLOADS_MAX];
  guint        free_payload;
  sigjmp_buf   escape; /* an assertion of the core ends the run, not the simulator */
};

#define SIM_EDIT_ACKNOWLEDGED 1
#define SIM_EDIT_KEPT         2
#define SIM_NO_PAYLOAD        G_MAXUINT

/* sim-heap.c */
void     sim_push (SimWorld    *w,
                   gint64       at_us,
                   SimEventType type,
                   guint        node,
                   guint32      life,
                   guint64      a,
                   gint64       b);
gboolean sim_pop (SimWorld *w,
                  gint64    before_us,
                  SimEvent *ret_event);
guint    sim_payload_take (SimWorld *w);
void     sim_payload_give (SimWorld *w,
                           guint     payload);
void     sim_payloads_reset (SimWorld *w);

/* sim-net.c */
gboolean sim_path_is_free (const SimWorld *w,
                           guint           from);
gboolean sim_send (SimWorld *w,
                   guint     from,
                   guint     payload);
void     sim_dial (SimWorld *w,
                   SimNode  *node);
void     sim_close_session (SimWorld *w,
                            SimNode  *node);
void     sim_reset_sender (SimWorld *w,
                           SimNode  *node,
                           guint64   session);
void     sim_check_idle (SimWorld *w,
                         SimNode  *node);
void     sim_send_notice (SimWorld *w,
                          SimNode  *node,
                          guint64   term);

/* sim-node.c */
gint64 sim_boot_us (const SimWorld *w,
                    const SimNode  *node);
void   sim_set_clock (SimWorld *w,
                      SimNode  *node,
                      gint64    drift_ppm);
void   sim_start (SimWorld *w,
                  SimNode  *node);
void   sim_end_process (SimWorld *w,
                        SimNode  *node,
                        gboolean  machine,
                        gint64    down_us);
void   sim_pause (SimWorld *w,
                  SimNode  *node,
                  gint64    duration_us,
                  gboolean  vm);
void   sim_resume (SimWorld *w,
                   SimNode  *node);
void   sim_step (SimWorld *w,
                 SimNode  *node);
void   sim_step_type (SimWorld      *w,
                      SimNode       *node,
                      GemelInputType type);
void   sim_persist_done (SimWorld       *w,
                         SimNode        *node,
                         const SimEvent *event);

/* sim-host.c */
void sim_host_start (SimWorld *w,
                     SimNode  *node);
void sim_host_look (SimWorld *w,
                    SimNode  *node);
void sim_host_level (SimWorld *w,
                     SimNode  *node);
void sim_host_edit (SimWorld *w,
                    SimNode  *node);
void sim_host_edit_done (SimWorld *w,
                         SimNode  *node,
                         guint     edit);
void sim_host_post (SimWorld *w,
                    SimNode  *node);
void sim_host_quiesce (SimWorld *w,
                       SimNode  *node,
                       guint64   switch_id);
void sim_host_drained (SimWorld *w,
                       SimNode  *node,
                       guint64   switch_id);
void sim_host_report (SimWorld *w,
                      SimNode  *node);
void sim_host_position (const SimNode     *node,
                        GemelPairPosition *ret_position);
void sim_fill_position (const SimNode *node,
                        guint64        len,
                        GemelPosition *ret_position);

/* sim-sync.c */
void sim_pull (SimWorld *w,
               SimNode  *node);
void sim_on_pull (SimWorld         *w,
                  SimNode          *node,
                  const SimPayload *payload);
void sim_on_answer (SimWorld         *w,
                    SimNode          *node,
                    const SimPayload *payload);
void sim_push_delta (SimWorld *w,
                     SimNode  *node);

/* sim-faults.c */
void   sim_fault_begin (SimWorld       *w,
                        const SimFault *fault,
                        guint           index);
void   sim_fault_end (SimWorld       *w,
                      const SimFault *fault);
void   sim_calm (SimWorld *w);
void   sim_repair (SimWorld *w);
gint64 sim_margin_us (const SimWorld *w);

/* sim-judge.c */
void sim_fail (SimWorld   *w,
               const char *invariant,
               const char *format,
               ...) G_GNUC_PRINTF (3, 4);
void sim_judge_start (SimWorld *w,
                      SimNode  *node);
void sim_judge_input (SimWorld         *w,
                      SimNode          *node,
                      const GemelInput *input);
void sim_judge_step (SimWorld        *w,
                     SimNode         *node,
                     const GemelView *before);
void sim_judge_action (SimWorld          *w,
                       SimNode           *node,
                       const GemelAction *action);
void sim_judge_resume (SimWorld *w,
                       SimNode  *node,
                       gint64    gap_us);
void sim_judge_entry (SimWorld *w,
                      SimNode  *node,
                      guint64   index);
void sim_judge_full_state (SimWorld      *w,
                           SimNode       *node,
                           const guint64 *values,
                           guint32        source_life);
void sim_judge_dual (SimWorld *w);

/* sim-judge-end.c */
gint64 sim_calm_bound_us (const SimWorld *w);
void   sim_judge_end (SimWorld *w);

static inline SimNode *
sim_peer (SimWorld      *w,
          const SimNode *node)
{
  return &w->nodes[1 - node->index];
}

static inline gboolean
sim_is_acting (const SimWorld *w,
               const SimNode  *node)
{
  return node->up && !node->paused && node->level == GEMEL_LEVEL_ACTIVE && !node->quiesced &&
         gemel_core_may_act (&node->view, sim_boot_us (w, node));
}

static inline guint64
sim_host_draw (SimWorld *w)
{
  return sim_rand (w->plan.seed, SIM_STREAM_HOST, w->n_host_draws++);
}

G_END_DECLS
