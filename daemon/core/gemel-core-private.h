/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What the files of the core share: the one way to change state, to emit an action, to persist.
 */
#pragma once

#include "core/gemel-core.h"

#include <string.h>

G_BEGIN_DECLS

/* Actions. */
GemelAction *gemel_core_emit (GemelActions   *out,
                              GemelActionType type);
void         gemel_core_emit_event (GemelCore     *core,
                                    GemelActions  *out,
                                    GemelEventCode code,
                                    GemelCause     cause,
                                    gint64         a,
                                    gint64         b);
void         gemel_core_emit_reply (GemelActions *out,
                                    guint64       request_id,
                                    gboolean      done,
                                    GemelCause    cause);
void         gemel_core_emit_message (GemelCore       *core,
                                      GemelActions    *out,
                                      GemelMessageKind kind,
                                      guint64          switch_id,
                                      GemelCause       cause);
guint64      gemel_core_persist (GemelCore    *core,
                                 GemelActions *out);

/* State. */
void              gemel_core_move (GemelCore    *core,
                                   GemelState    to,
                                   GemelCause    cause,
                                   GemelActions *out);
void              gemel_core_become_candidate (GemelCore    *core,
                                               GemelCause    cause,
                                               GemelActions *out);
void              gemel_core_reassert (GemelCore    *core,
                                       GemelCause    cause,
                                       GemelActions *out);
void              gemel_core_become_standby (GemelCore    *core,
                                             GemelCause    cause,
                                             GemelActions *out);
void              gemel_core_become_undecided (GemelCore    *core,
                                               GemelCause    cause,
                                               GemelActions *out);
void              gemel_core_become_active (GemelCore    *core,
                                            GemelCause    cause,
                                            GemelActions *out);
void              gemel_core_become_faulty (GemelCore    *core,
                                            GemelCause    cause,
                                            GemelActions *out);
guint64           gemel_core_next_term (const GemelCore *core);
gint64            gemel_core_demotion_limit_us (const GemelCore *core);
gboolean          gemel_core_is_active_state (const GemelCore *core);
GemelRecoveryMode gemel_core_recovery_mode (const GemelCore *core);

/* gemel-core-peer.c */
void gemel_core_on_message (GemelCore          *core,
                            const GemelMessage *message,
                            gint64              unix_us,
                            GemelActions       *out);
void gemel_core_on_link_up (GemelCore *core);
void gemel_core_on_link_down (GemelCore    *core,
                              GemelActions *out);
void gemel_core_on_death_notice (GemelCore    *core,
                                 guint64       term,
                                 GemelActions *out);
void gemel_core_on_refused (GemelCore    *core,
                            GemelActions *out);
void gemel_core_forget_peer (GemelCore *core);

/* gemel-core-switch.c */
gboolean         gemel_core_peer_can_take (const GemelCore *core,
                                           GemelCause      *ret_cause);
void             gemel_core_begin_handover (GemelCore    *core,
                                            GemelCause    cause,
                                            guint64       request_id,
                                            guint64       peer_request,
                                            GemelActions *out);
void             gemel_core_roll_back (GemelCore    *core,
                                       GemelCause    cause,
                                       GemelActions *out);
void             gemel_core_leave_handover (GemelCore    *core,
                                            GemelCause    cause,
                                            GemelActions *out);
void             gemel_core_drop_handover (GemelCore    *core,
                                           GemelActions *out);
void             gemel_core_end_commit (GemelCore    *core,
                                        gboolean      seen,
                                        GemelActions *out);
void             gemel_core_on_switch_message (GemelCore          *core,
                                               const GemelMessage *message,
                                               GemelActions       *out);
void             gemel_core_on_request (GemelCore    *core,
                                        guint64       request_id,
                                        GemelActions *out);
void             gemel_core_on_abort_request (GemelCore    *core,
                                              guint64       request_id,
                                              GemelActions *out);
void             gemel_core_on_quiesced (GemelCore        *core,
                                         const GemelInput *in);
void             gemel_core_on_caught_up (GemelCore        *core,
                                          const GemelInput *in);
GemelMessageKind gemel_core_message_due (const GemelCore *core);

/* gemel-core-timers.c */
void   gemel_core_run_timers (GemelCore    *core,
                              GemelActions *out);
gint64 gemel_core_next_deadline (const GemelCore *core);

G_END_DECLS
