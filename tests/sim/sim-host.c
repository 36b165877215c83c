/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What a node does beside deciding: edits in its journal, posts of runtime state, and
 * the answers that the core waits for. It looks at the view and at nothing else of
 * the core, as the daemon does.
 */
#include "sim-private.h"

#include <string.h>

/**
 * sim_fill_position:
 * @node: a node
 * @len: of its journal, or shorter
 * @ret_position: (out): the place after @len entries
 */
void
sim_fill_position (const SimNode *node,
                   guint64        len,
                   GemelPosition *ret_position)
{
  memset (ret_position, 0, sizeof *ret_position);
  if (len == 0)
    return;
  ret_position->seq = len;
  ret_position->term = node->journal[len - 1].term;
  memcpy (ret_position->hash, &node->journal[len - 1].hash, sizeof (guint64));
}

/**
 * sim_host_position:
 * @node: a node
 * @ret_position: (out): where it is, durably
 */
void
sim_host_position (const SimNode     *node,
                   GemelPairPosition *ret_position)
{
  sim_fill_position (node, node->journal_durable, &ret_position->config);
  ret_position->state = node->state;
}

/**
 * sim_host_start:
 * @w: the world
 * @node: a new process; its disks are as they were
 */
void
sim_host_start (SimWorld *w,
                SimNode  *node)
{
  node->level = node->view.level;
  node->quiesced = FALSE;
  node->drained = FALSE;
  node->catch_up_id = 0;
  node->edits_in_flight = 0;
  node->soft_restarting = FALSE;
  node->config_level = FALSE;
  node->state_level = FALSE;
  node->config_reset = FALSE;
  node->state_reset = FALSE;
  node->state = (GemelStatePosition){ 0, 0 };
  memset (node->values, 0, sizeof node->values);
  node->deltas_base = 0;
  node->acked_seq = 0;
  node->told_broken = FALSE;
  node->told_eligible = FALSE;
  node->told_synced = FALSE;
  node->peer_has = 0;
  node->armed_term = 0;
}

/**
 * sim_host_report:
 * @w: the world
 * @node: a node
 *
 * Tells the core how this node stands, when that has changed.
 */
void
sim_host_report (SimWorld *w,
                 SimNode  *node)
{
  gboolean eligible = node->has_config && !node->soft_restarting;
  gboolean config_level = node->settings.role == GEMEL_ROLE_MASTER || node->config_level;
  gboolean synced = eligible && node->session != 0 && config_level && node->state_level &&
                    node->level != GEMEL_LEVEL_ACTIVE;

  if (eligible == node->told_eligible && synced == node->told_synced)
    return;
  node->told_eligible = eligible;
  node->told_synced = synced;
  w->input.u.sync.eligible = eligible;
  w->input.u.sync.synced = synced;
  sim_step_type (w, node, GEMEL_INPUT_SYNC);
}

static void
tell_position (SimWorld      *w,
               SimNode       *node,
               GemelInputType type,
               guint64        switch_id)
{
  node->told_seq = node->journal_durable;
  node->told_state_seq = node->state.seq;
  w->input.u.caught.switch_id = switch_id;
  sim_host_position (node, &w->input.u.caught.position);
  sim_step_type (w, node, type);
}

static gboolean
has_moved (const SimNode *node)
{
  return node->told_seq != node->journal_durable || node->told_state_seq != node->state.seq;
}

/* The successor: everything of the old active node is here and durable, and everything of this
 * node is there. */
static gboolean
has_caught_up (const SimNode *node)
{
  GemelPosition here;

  if (node->journal_durable != node->journal_len || node->edits_in_flight > 0 ||
      node->state.epoch != node->catch_up.state.epoch || node->state.seq < node->catch_up.state.seq)
    return FALSE;
  if (node->settings.role == GEMEL_ROLE_MASTER)
    return node->peer_has == node->journal_len;
  if (node->journal_len < node->catch_up.config.seq)
    return FALSE;
  sim_fill_position (node, node->catch_up.config.seq, &here);
  return gemel_position_equal (&here, &node->catch_up.config);
}

/* Another role: the session ends, and what was in step with the peer is so no more. */
static void
tell_settings (SimWorld *w,
               SimNode  *node)
{
  gboolean role_changed = node->core.settings.role != node->settings.role;

  if (memcmp (&node->core.settings, &node->settings, sizeof node->settings) == 0)
    return;
  w->input.u.settings = node->settings;
  sim_step_type (w, node, GEMEL_INPUT_SETTINGS);
  if (!role_changed)
    return;
  sim_close_session (w, node);
  sim_step_type (w, node, GEMEL_INPUT_LINK_DOWN);
  node->told_eligible = FALSE;
  node->told_synced = FALSE;
  node->config_level = FALSE;
  node->state_level = FALSE;
}

static void
tell_journal (SimWorld *w,
              SimNode  *node)
{
  if (node->told_broken == node->journal_broken)
    return;
  node->told_broken = node->journal_broken;
  sim_step_type (w, node,
                 node->journal_broken ? GEMEL_INPUT_JOURNAL_FAILED : GEMEL_INPUT_JOURNAL_OK);
}

/**
 * sim_host_look:
 * @w: the world
 * @node: looks when it can
 *
 * After each event: what does the new view mean, and what has to be reported?
 */
void
sim_host_look (SimWorld *w,
               SimNode  *node)
{
  if (!node->up || node->paused)
    return;
  tell_settings (w, node);
  tell_journal (w, node);
  if (node->view.active_term != 0 && node->view.active_term != node->state.epoch)
    {
      node->state.epoch = node->view.active_term;
      node->deltas_base = node->state.seq;
      node->acked_seq = node->state.seq;
    }
  if (node->quiesced && node->drained && has_moved (node))
    tell_position (w, node, GEMEL_INPUT_POSITION, node->quiesce_id);
  if (node->catch_up_id != 0 && node->view.state != GEMEL_STATE_CANDIDATE)
    node->catch_up_id = 0;
  if (node->catch_up_id != 0 && has_caught_up (node) && has_moved (node))
    {
      node->ready_id = node->catch_up_id;
      tell_position (w, node, GEMEL_INPUT_CAUGHT_UP, node->catch_up_id);
    }
  sim_host_report (w, node);
}

/**
 * sim_host_level:
 * @w: the world
 * @node: its level was set just now
 *
 * Effects start or stop, and the guard learns what to say.
 */
void
sim_host_level (SimWorld *w,
                SimNode  *node)
{
  if (node->level == GEMEL_LEVEL_ACTIVE)
    {
      node->armed_term = node->view.active_term;
      node->quiesced = FALSE;
      node->state_level = FALSE;
      return;
    }
  /* Its modules may still run down after an ordered stop; the guard proves their end. */
  if (!node->stopping || node->level != GEMEL_LEVEL_UNDECIDED)
    node->armed_term = 0;
  node->quiesced = FALSE;
  node->state_level = FALSE;
}

/* ---- edits ---- */

/**
 * sim_host_edit:
 * @w: the world
 * @node: a node
 *
 * Somebody changes the configuration here, if this node may write.
 */
void
sim_host_edit (SimWorld *w,
               SimNode  *node)
{
  gint64 at_us = w->now_us + w->plan.journal_write_us;

  if (!node->view.may_write_config || node->journal_broken || w->n_edits == SIM_EDITS_MAX)
    return;
  if (node->late_commit_us > 0)
    {
      at_us += node->late_commit_us;
      node->late_commit_us = 0;
    }
  else
    node->edits_in_flight++;
  sim_push (w, at_us, SIM_EVENT_EDIT_DONE, node->index, node->life, w->n_edits,
            at_us > w->now_us + w->plan.journal_write_us);
  w->n_edits++;
}

/**
 * sim_host_edit_done:
 * @w: the world
 * @node: a node
 * @edit: which
 *
 * The transaction has committed: the entry is durable and acknowledged.
 */
void
sim_host_edit_done (SimWorld *w,
                    SimNode  *node,
                    guint     edit)
{
  SimEntry *entry = &node->journal[node->journal_len];
  guint64   before = node->journal_len == 0 ? 0 : node->journal[node->journal_len - 1].hash;
  guint64   last_term = node->journal_len == 0 ? 0 : node->journal[node->journal_len - 1].term;

  if (!node->view.has_authority || node->journal_broken || node->journal_len == SIM_EDITS_MAX ||
      node->journal_len != node->journal_durable)
    return;
  entry->term = MAX (last_term,
                     node->view.active_term != 0 ? node->view.active_term : node->view.term);
  entry->edit = edit;
  entry->hash = sim_mix (sim_mix (before + entry->term) + edit + 1);
  node->journal_len++;
  node->journal_durable = node->journal_len;
  w->edit_flags[edit] |= SIM_EDIT_ACKNOWLEDGED;
  w->stats.edits++;
  sim_judge_entry (w, node, node->journal_len - 1);
}

/* ---- runtime state ---- */

/**
 * sim_host_post:
 * @w: the world
 * @node: a node
 *
 * A module posts a value, if this node is active: the effect that the guard stands before.
 */
void
sim_host_post (SimWorld *w,
               SimNode  *node)
{
  SimDelta *delta;

  if (!node->view.may_post_state || node->quiesced || node->level != GEMEL_LEVEL_ACTIVE ||
      node->state.epoch != node->view.active_term ||
      !gemel_core_may_act (&node->view, sim_boot_us (w, node)))
    return;
  if (node->must_refresh)
    sim_fail (w, "stalled-effect", "node %u acts after a pause and before any fresh exchange",
              node->index);
  node->state.seq++;
  delta = &node->deltas[node->state.seq % SIM_DELTAS];
  delta->seq = node->state.seq;
  delta->key = (guint32) (sim_host_draw (w) % SIM_KEYS);
  delta->value = ++w->n_values;
  node->values[delta->key] = delta->value;
  if (node->state.seq - node->deltas_base > SIM_DELTAS)
    node->deltas_base = node->state.seq - SIM_DELTAS;
  w->stats.posts++;
  sim_push_delta (w, node);
}

/* ---- switchover ---- */

/**
 * sim_host_quiesce:
 * @w: the world
 * @node: active
 * @switch_id: the attempt
 *
 * No new effects from here on; what is under way is waited for.
 */
void
sim_host_quiesce (SimWorld *w,
                  SimNode  *node,
                  guint64   switch_id)
{
  gint64 drain_us = w->plan.journal_write_us +
                    (gint64) (sim_host_draw (w) % (guint64) w->plan.pull_us) / 4;

  node->quiesced = TRUE;
  node->drained = FALSE;
  node->quiesce_id = switch_id;
  sim_push (w, w->now_us + drain_us, SIM_EVENT_DRAINED, node->index, node->life, switch_id, 0);
}

/**
 * sim_host_drained:
 * @w: the world
 * @node: perhaps still in that attempt
 * @switch_id: the attempt
 */
void
sim_host_drained (SimWorld *w,
                  SimNode  *node,
                  guint64   switch_id)
{
  if (!node->quiesced || node->quiesce_id != switch_id || node->drained)
    return;
  if (node->edits_in_flight > 0 || node->journal_durable != node->journal_len)
    {
      sim_push (w, w->now_us + w->plan.journal_write_us + 1, SIM_EVENT_DRAINED, node->index,
                node->life, switch_id, 0);
      return;
    }
  node->drained = TRUE;
  tell_position (w, node, GEMEL_INPUT_QUIESCED, switch_id);
}
