/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Who may write now, and the two ways of writing: configuration through the store, runtime state
 * into memory. Doors and D-Bus come together here. What may be done is in the view alone.
 */
#include "sync/gemel-sync-private.h"

#include <time.h>

/* One entry is one frame, so a write has to fit into one. */
#define WRITE_BYTES_MAX (GEMEL_FRAME_BYTES_MAX - 64 * 1024)
#define OP_COST         32

static gint64
boot_us (void)
{
  struct timespec now;

  (void) clock_gettime (CLOCK_BOOTTIME, &now);
  return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

static gboolean
refuse_switching (GError **error)
{
  g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_SWITCHING,
                       "switchover in progress, try again");
  return FALSE;
}

static const char *
peer_name (GemelSync *sync)
{
  if (sync->peer_name != NULL)
    return sync->peer_name;
  return sync->view.role == GEMEL_ROLE_MASTER ? "the backup" : "the master";
}

/* --- runtime state --------------------------------------------------------------------------- */

static gboolean
may_post (GemelSync *sync,
          guint64    term,
          GError   **error)
{
  if (sync->view.active_term == 0)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_ACTIVE,
                   "this node is not active, post on %s", peer_name (sync));
      return FALSE;
    }
  if (term != 0 && term != sync->view.active_term)
    {
      sync->counters.state_old_term++;
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_OLD_TERM,
                   "term %" G_GUINT64_FORMAT " is over, the present one is %" G_GUINT64_FORMAT,
                   term, sync->view.active_term);
      return FALSE;
    }
  if (sync->change.quiesce_id != 0 || sync->view.switching)
    return refuse_switching (error);
  if (sync->view.may_post_state && gemel_core_may_act (&sync->view, boot_us ()))
    return TRUE;
  g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_STALLED,
                       "this node stood still for too long and asks its peer first, try again");
  return FALSE;
}

/**
 * gemel_sync_post:
 * @sync: the sync thread
 * @provider: name of a provider
 * @term: the term that the writer believes in; 0: the present one
 * @ops: encoded operations, from anywhere
 * @size: their size
 * @n_ops: how many
 * @ret_last: (out): place of the last operation
 * @error: return location
 *
 * Posts runtime state on the active node and sends it to the peer.
 *
 * Returns: whether it was done.
 * Errors: %GEMEL_ERROR_NOT_ACTIVE, %GEMEL_ERROR_OLD_TERM, %GEMEL_ERROR_SWITCHING,
 *   %GEMEL_ERROR_STALLED, or as gemel_state_store_post ()
 * Thread: sync
 */
gboolean
gemel_sync_post (GemelSync          *sync,
                 const char         *provider,
                 guint64             term,
                 const guint8       *ops,
                 gsize               size,
                 guint               n_ops,
                 GemelStatePosition *ret_last,
                 GError            **error)
{
  g_autoptr (GError) local_error = NULL;

  if (!may_post (sync, term, error))
    return FALSE;
  if (!gemel_state_store_post (sync->state, provider, ops, size, n_ops, gemel_sync_now_us (),
                               &local_error))
    {
      if (gemel_error_is (local_error, GEMEL_ERROR_LIMIT) ||
          gemel_error_is (local_error, GEMEL_ERROR_TOO_BIG))
        sync->counters.state_limit++;
      g_propagate_error (error, g_steal_pointer (&local_error));
      return FALSE;
    }
  *ret_last = gemel_state_store_get_position (sync->state);
  gemel_state_stream_pump (sync->state_stream);
  return TRUE;
}

/**
 * gemel_sync_wait_state:
 * @sync: the sync thread
 * @seq: place of the last operation of a post
 * @wanted: `pair` waits for the standby while that is level
 * @func: called once, perhaps before this returns
 * @data: for @func
 *
 * Thread: sync
 */
void
gemel_sync_wait_state (GemelSync      *sync,
                       guint64         seq,
                       GemelDurability wanted,
                       GemelWaiterFunc func,
                       gpointer        data)
{
  if (wanted != GEMEL_DURABILITY_PAIR || !gemel_state_stream_is_level (sync->state_stream))
    {
      func (GEMEL_DURABILITY_LOCAL, data);
      return;
    }
  gemel_waiters_add (&sync->state_waiters, seq,
                     gemel_sync_now_us () + (gint64) sync->options.pair_ack_timeout_ms * 1000, func,
                     data);
  gemel_sync_arm_waiters (sync);
}

/* --- configuration --------------------------------------------------------------------------- */

typedef struct
{
  GemelSync         *sync;
  GemelDurability    wanted;
  GemelPosition      position;
  GemelConfigWritten func;
  gpointer           data;
} Write;

static gboolean
may_write (GemelSync *sync,
           GError   **error)
{
  if (!sync->view.has_authority)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_NOT_AUTHORITY,
                   "this node does not have the configuration authority, write on %s",
                   peer_name (sync));
      return FALSE;
    }
  if (sync->change.quiesce_id != 0 || sync->view.switching)
    return refuse_switching (error);
  if (sync->view.may_write_config)
    return TRUE;
  g_set_error_literal (error, GEMEL_ERROR, GEMEL_ERROR_STALLED,
                       "this node cannot write configuration now, it asks its peer first, try "
                       "again");
  return FALSE;
}

static gboolean
ops_fit (GPtrArray *ops,
         GError   **error)
{
  gsize size = 0;

  if (ops->len == 0 || ops->len > GEMEL_BATCH_ITEMS_MAX)
    {
      g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_LIMIT,
                   "a write holds 1 to %d operations, not %u", GEMEL_BATCH_ITEMS_MAX, ops->len);
      return FALSE;
    }
  for (guint i = 0; i < ops->len; i++)
    {
      const GemelConfigOp *op = ops->pdata[i];

      size += OP_COST + strlen (op->provider) + strlen (op->key) +
              (op->value != NULL ? g_bytes_get_size (op->value) : 0);
    }
  if (size <= WRITE_BYTES_MAX)
    return TRUE;
  g_set_error (error, GEMEL_ERROR, GEMEL_ERROR_TOO_BIG,
               "a write of %" G_GSIZE_FORMAT " bytes is larger than %d, split it", size,
               WRITE_BYTES_MAX);
  return FALSE;
}

static void
on_confirmed (GemelDurability reached,
              gpointer        data)
{
  Write *write = data;

  write->func (&write->position, reached, NULL, write->data);
  g_free (write);
}

static void
on_written (GObject      *source,
            GAsyncResult *result,
            gpointer      data)
{
  Write             *write = data;
  GemelSync         *sync = write->sync;
  g_autoptr (GError) error = NULL;
  gboolean           done = gemel_config_db_write_finish (sync->options.config, result,
                                                          &write->position,
                                                          &error);

  sync->config_writes--;
  if (!done)
    {
      write->func (NULL, GEMEL_DURABILITY_LOCAL, error, write->data);
      g_free (write);
    }
  else if (write->position.seq <= gemel_config_stream_get_acked (sync->config_stream))
    on_confirmed (GEMEL_DURABILITY_PAIR, write);
  else if (write->wanted != GEMEL_DURABILITY_PAIR ||
           !gemel_config_stream_is_level (sync->config_stream) || sync->stopping)
    on_confirmed (GEMEL_DURABILITY_LOCAL, write);
  else
    {
      gemel_waiters_add (&sync->config_waiters, write->position.seq,
                         gemel_sync_now_us () + (gint64) sync->options.pair_ack_timeout_ms * 1000,
                         on_confirmed, write);
      gemel_sync_arm_waiters (sync);
    }
  gemel_sync_check_change (sync);
  gemel_sync_release (sync);
}

/**
 * gemel_sync_write_config:
 * @sync: the sync thread
 * @ops: (transfer full) (element-type GemelConfigOp): what changes together
 * @wanted: `pair` waits for the puller's disk while that follows
 * @cancellable: (nullable): gives up waiting for the store
 * @func: called once, perhaps before this returns
 * @data: for @func
 *
 * Thread: sync
 */
void
gemel_sync_write_config (GemelSync         *sync,
                         GPtrArray         *ops,
                         GemelDurability    wanted,
                         GCancellable      *cancellable,
                         GemelConfigWritten func,
                         gpointer           data)
{
  g_autoptr (GError) error = NULL;
  Write             *write;

  if (!may_write (sync, &error) || !ops_fit (ops, &error))
    {
      g_ptr_array_unref (ops);
      func (NULL, GEMEL_DURABILITY_LOCAL, error, data);
      return;
    }
  write = g_new0 (Write, 1);
  write->sync = sync;
  write->wanted = wanted;
  write->func = func;
  write->data = data;
  sync->config_writes++;
  gemel_sync_hold (sync);
  gemel_config_db_write_async (sync->options.config, sync->view.term, ops, cancellable, on_written,
                               write);
}
