/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Shared by the files of the link thread. Everything here belongs to that thread, except for what
 * stands under "shared".
 */
#pragma once

#include "link/gemel-heartbeat.h"
#include "link/gemel-link-clock.h"
#include "link/gemel-link.h"
#include "link/gemel-session.h"
#include "store/gemel-term-file.h"

G_BEGIN_DECLS

#define GEMEL_GREETINGS_MAX 4

/** Kinds of event that a stranger can cause; each is reported once a minute at most. */
typedef enum
{
  GEMEL_LINK_ALARM_REFUSED,
  GEMEL_LINK_ALARM_CLASH,
  GEMEL_LINK_ALARM_GUARD,
} GemelLinkAlarm;
#define GEMEL_N_LINK_ALARMS 3

struct _GemelLink
{
  GemelLinkOptions     options; /* copied; the peer's part changes with set_peer */
  const GemelLinkPort *port;
  gpointer             user_data;

  GMainContext *context;
  GMainLoop    *loop;
  GThread      *thread; /* (nullable) until started */
  int           timer_fd;
  GSource      *timer;
  gint64        deadline_us; /* what the timer is armed to; G_MAXINT64: not */

  GemelCore      core;
  gboolean       stepping;
  GemelTermFile *term_file; /* (nullable) */
  GemelView      told_view; /* last one given to the port */
  gint64         told_us;
  gboolean       exiting;

  GPtrArray       *greetings; /* of GemelSession, owned */
  GemelSession    *session;   /* (nullable), owned: up */
  GSource         *status_timer;
  GSource         *watchdog_timer;
  GemelPeerStatus *own_status; /* (nullable) */
  guint64          last_nonce; /* of the newest message */
  gint64           last_ts_us;

  GSource      *dial_timer;       /* (nullable) */
  GCancellable *dial_cancellable; /* (nullable): a dial is under way */
  guint         n_dials;          /* not yet called back, cancelled ones too */
  guint         backoff_ms;
  guint         n_refused; /* in a row */

  GemelHeartbeat *heartbeat;
  gint64          heard_datagram_us; /* 0: never in this session */
  gint64          peer_hears_us;     /* when the peer last said that it hears ours; 0: does not */

  gboolean guard_armed;
  guint64  guard_term;
  guint64  guard_session;
  guint64  guard_address_sum; /* of the sockaddr */

  gint64  alarm_us[GEMEL_N_LINK_ALARMS]; /* when last reported; 0: never */
  guint64 frames_sent;                   /* of sessions that are over */
  guint64 frames_received;

  /* Shared. */
  GAsyncQueue      *inbox;
  int               wake_fd;
  GSource          *wake;
  GMutex            lock; /* for the two below */
  GemelView         view;
  GemelLinkCounters counters;
};

/* gemel-link-step.c */
void     gemel_link_step (GemelLink  *link,
                          GemelInput *input);
void     gemel_link_step_simple (GemelLink     *link,
                                 GemelInputType type);
void     gemel_link_report (GemelLink     *link,
                            GemelEventCode code,
                            const char    *text);
void     gemel_link_alarm (GemelLink     *link,
                           GemelLinkAlarm alarm,
                           GemelEventCode code,
                           const char    *text);
void     gemel_link_publish_counters (GemelLink *link);
gboolean gemel_link_datagrams_work (const GemelLink *link);
gboolean gemel_link_hears_datagrams (const GemelLink *link);

/* gemel-link-peer.c */
extern const GemelHeartbeatCallbacks gemel_link_heartbeat_callbacks;
void                                 gemel_link_drop_peer (GemelLink *link);
void                                 gemel_link_begin_dialling (GemelLink *link);
void                                 gemel_link_greet (GemelLink *link,
                                                       GIOStream *io,
                                                       gboolean   dialled);
void                                 gemel_link_send_status (GemelLink *link);

/* gemel-link.c */
void gemel_link_clear_source (GSource **source);

G_END_DECLS
