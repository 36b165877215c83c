/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The link thread: owns the core, the control connection, the heartbeats and the term file.
 *
 * It runs in its own GMainContext with a timerfd, at real-time priority where that is allowed, and
 * does no other work, so that neither fsync, D-Bus nor a copy of 1 GB can delay a heartbeat. The
 * outside talks to it by gemel_link_push () (any thread) and hears through the port.
 */
#pragma once

#include "core/gemel-core.h"
#include "link/gemel-connect.h"

G_BEGIN_DECLS

typedef struct _GemelLink GemelLink;

/** What the peer tells about itself once a second and at each change, beside the core's messages.
 */
typedef struct
{
  char             *name;
  char             *version;
  GemelLevel        level;
  GemelLevel        standby_level;
  GemelHistoryLevel history_level;
  GemelConfigState  config_state;
  gint64            uptime_us;    /* of its process */
  gint64            level_age_us; /* since its last change of level */
  GemelPairPosition position;
  guint64           history_seq; /* last sequence of its own history */
  char             *json;        /* (nullable) more figures for the status page, a JSON object */
} GemelPeerStatus;
GemelPeerStatus *gemel_peer_status_copy (const GemelPeerStatus *status);
void             gemel_peer_status_free (GemelPeerStatus *status);

typedef struct
{
  guint64  datagrams_sent;
  guint64  datagrams_received;
  guint64  datagrams_bad; /* not ours, altered or replayed */
  guint64  frames_sent;
  guint64  frames_received;
  guint64  frames_bad;
  guint64  connects;
  guint64  connect_failures;
  guint64  late_turns;    /* the timer was served more than a heartbeat late */
  gint64   worst_turn_us; /* largest lateness so far */
  gboolean datagrams_work;
  gboolean real_time; /* SCHED_FIFO was granted */
} GemelLinkCounters;

/**
 * GemelLinkPort:
 *
 * What the link thread reports. Everything is called in the link thread and must only queue.
 */
typedef struct
{
  /* after a step that changed it, at most per heartbeat otherwise */
  void (*view) (const GemelView *view, gpointer user_data);
  void (*level) (GemelLevel level, GemelCause cause, guint64 term, gpointer user_data);
  void (*event) (GemelEventCode code,
                 GemelCause     cause,
                 guint64        term,
                 gint64         a,
                 gint64         b,
                 const char    *text /* (nullable) */,
                 gpointer       user_data);
  void (*quiesce) (guint64 switch_id, gpointer user_data);
  void (*unquiesce) (guint64 switch_id, gpointer user_data);
  void (*catch_up) (guint64 switch_id, const GemelPairPosition *target, gpointer user_data);
  void (*reply) (guint64 request_id, gboolean done, GemelCause cause, gpointer user_data);
  /* NULL: link is down */
  void (*peer_status) (const GemelPeerStatus *status, gpointer user_data);
  /* control session: data channels may be dialled now */
  void (*session) (gboolean up, const char *peer_address, gpointer user_data);
  void (*exit) (gpointer user_data);
  /* (nullable) twice a watchdog_us while both loops run */
  void (*feed_watchdog) (gpointer user_data);
} GemelLinkPort;

typedef struct
{
  GemelKeys        *keys; /* lent for the life of the link */
  GemelCoreSettings core;
  GemelStable       stable; /* used only without term_path; else the file's counts */
  gboolean          stable_readable;
  char             *term_path; /* (nullable): nothing is written, each write succeeds */
  char             *node_name;
  guint8            node_uuid[16];
  char             *peer_host_and_port; /* backup: the master's address; NULL: wait to be dialled */
  char             *bind_address;
  guint16           port; /* udp port to bind: the listener's */
  gboolean          paired;
  guint8            pair_uuid[16];
  guint8            peer_uuid[16];
  guint8            peer_pin[GEMEL_PIN_BYTES];
  guint             reconnect_ms_min; /* back-off with jitter between these */
  guint             reconnect_ms_max;
  int               guard_fd;           /* -1: no guard; socket to gemel-guard */
  guint             real_time_priority; /* 0: do not ask for SCHED_FIFO */
  /* (nullable) main loop's stamp, seconds of boot time, atomic */
  gint  *liveness;
  guint  liveness_timeout_s; /* no watchdog feeding when the main loop is older */
  gint64 watchdog_us;        /* 0: feed_watchdog is never called */
} GemelLinkOptions;

GemelLink *gemel_link_new (const GemelLinkOptions *options, /* copied */
                           const GemelLinkPort    *port,    /* static */
                           gpointer                user_data,
                           GError                **error) G_GNUC_WARN_UNUSED_RESULT;
void       gemel_link_start (GemelLink *link);
void       gemel_link_free (GemelLink *link); /* stops and joins the thread */
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GemelLink, gemel_link_free)

/* Any thread. now_us and unix_us are filled in by the link thread. */
void gemel_link_push (GemelLink        *link,
                      const GemelInput *input);
/* An accepted control connection (from the listener). */
void gemel_link_adopt (GemelLink *link,
                       GIOStream *io); /* (transfer full) */
/* Pairing, or its end, or another address of the master: drops the session and starts anew. */
void    gemel_link_set_peer (GemelLink   *link,
                             gboolean     paired,
                             const guint8 pair_uuid[16],
                             const guint8 peer_uuid[16],
                             const guint8 peer_pin[GEMEL_PIN_BYTES],
                             const char  *peer_host_and_port); /* (nullable) */
void    gemel_link_set_status (GemelLink             *link,
                               const GemelPeerStatus *own); /* copied; sent to the peer */
void    gemel_link_get_counters (GemelLink         *link,
                                 GemelLinkCounters *ret_counters); /* any thread */
void    gemel_link_get_view (GemelLink *link,
                             GemelView *ret_view); /* any thread: the newest */
guint16 gemel_link_get_udp_port (GemelLink *link); /* any thread: of the heartbeats */

G_END_DECLS
