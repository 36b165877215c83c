/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * One door both ways: subscribed for what others write, and used to post what changed here. It is
 * opened anew at each change of activity: nothing is decided before the full state is known.
 */
#include "sysmon-board.h"

#include "sysmon-door.h"

#include <string.h>

#define PROVIDER      "alarms"
#define ACK_PREFIX    "ack/"
#define KEY_BYTES_MAX 64

/** What is known and what must be told about one alarm. */
typedef struct
{
  SysmonAlarm alarm;
  gboolean    dirty;                 /* the record must be posted */
  gboolean    sent;                  /* it is in the post that is under way */
  gboolean    acked;                 /* ack/NAME is there */
  char        who[SYSMON_WHO_BYTES]; /* its text */
} Slot;

struct _SysmonBoard
{
  SysmonDoor       *door;
  SysmonThresholds *thresholds;
  char             *node;
  Slot              slot[SYSMON_N_ALARMS];
  guint64           term;      /* 0: this node is not active */
  gboolean          known;     /* the full state was read since the door opened */
  gboolean          under_way; /* a post is not answered */
};

static void post (SysmonBoard *board);

static gboolean
is_in_charge (SysmonBoard *board)
{
  return board->term != 0 && board->known;
}

/* A node that follows takes records; the one in charge wrote them itself. */
static void
take_record (SysmonBoard *board, SysmonAlarmId id, const GemelDoorChange *change)
{
  g_autoptr (GError) local_error = NULL;
  SysmonAlarm       *alarm = &board->slot[id].alarm;

  if (is_in_charge (board))
    return;
  if (!change->set)
    sysmon_alarm_init (alarm);
  else if (!sysmon_alarm_from_json (alarm, (const char *) change->value,
                                    (gssize) change->value_bytes, &local_error))
    g_printerr ("sysmon: the record of %s is refused: %s\n", sysmon_alarm_name (id),
                local_error->message);
}

static void
take_ack (SysmonBoard *board, const char *name, const GemelDoorChange *change)
{
  SysmonAlarmId id;
  Slot         *slot;

  if (!sysmon_alarm_find (name, &id))
    return;
  slot = &board->slot[id];
  slot->acked = change->set;
  if (change->set)
    {
      const gsize bytes = MIN (change->value_bytes, sizeof slot->who - 1);

      memcpy (slot->who, change->value, bytes);
      slot->who[bytes] = '\0';
    }
}

static void
take_changes (SysmonBoard *board, GemelDoorEvent *event)
{
  GemelDoorChange change;

  while (gemel_door_event_next_change (event, &change))
    {
      char          key[KEY_BYTES_MAX];
      SysmonAlarmId id;

      if (change.key_bytes >= sizeof key)
        continue;
      memcpy (key, change.key, change.key_bytes);
      key[change.key_bytes] = '\0';
      if (g_str_has_prefix (key, ACK_PREFIX))
        take_ack (board, key + strlen (ACK_PREFIX), &change);
      else if (sysmon_alarm_find (key, &id))
        take_record (board, id, &change);
    }
}

static void
report (SysmonAlarmId id, const SysmonAlarm *alarm)
{
  g_printerr ("sysmon: alarm %s is %s, value %.1f%s%s\n", sysmon_alarm_name (id),
              sysmon_alarm_state_name (alarm->state), alarm->value,
              alarm->acknowledged_unix_us != 0 ? ", acknowledged by " : "", alarm->acknowledged_by);
}

static void
fold_acks (SysmonBoard *board)
{
  for (guint i = 0; i < SYSMON_N_ALARMS; i++)
    {
      Slot *slot = &board->slot[i];

      if (!slot->acked)
        continue;
      if (sysmon_alarm_acknowledge (&slot->alarm, slot->who, g_get_real_time ()))
        report ((SysmonAlarmId) i, &slot->alarm);
      slot->dirty =
        TRUE; /* the post deletes ack/NAME, also when there was nothing to acknowledge */
    }
}

static void
forget (SysmonBoard *board)
{
  for (guint i = 0; i < SYSMON_N_ALARMS; i++)
    {
      board->slot[i].acked = FALSE;
      if (!is_in_charge (board))
        sysmon_alarm_init (&board->slot[i].alarm);
    }
}

static void
begin (SysmonBoard *board)
{
  const gboolean first = !board->known;

  board->known = TRUE;
  for (guint i = 0; i < SYSMON_N_ALARMS && first; i++)
    board->slot[i].dirty = board->term != 0;
}

static void
take_answer (SysmonBoard *board, const GemelDoorEvent *event)
{
  board->under_way = FALSE;
  for (guint i = 0; i < SYSMON_N_ALARMS; i++)
    {
      Slot *slot = &board->slot[i];

      slot->dirty = slot->dirty || (slot->sent && !event->ok);
      slot->sent = FALSE;
    }
  if (!event->ok)
    g_printerr ("sysmon: alarms were not taken: %s\n", event->message);
}

static void
on_event (GemelDoorEvent *event, gpointer user_data)
{
  SysmonBoard *board = user_data;

  switch (event->type)
    {
    case GEMEL_DOOR_ANSWER:
      take_answer (board, event);
      return; /* what was refused is posted again with the next sample */
    case GEMEL_DOOR_FULL_BEGIN:
      forget (board);
      return;
    case GEMEL_DOOR_ITEMS:
    case GEMEL_DOOR_DELTA:
      take_changes (board, event);
      break;
    case GEMEL_DOOR_FULL_END:
      begin (board);
      break;
    }
  if (is_in_charge (board))
    {
      fold_acks (board);
      post (board);
    }
}

static void
on_opened (gpointer user_data)
{
  SysmonBoard *board = user_data;

  (void) sysmon_door_subscribe (board->door);
}

static void
on_closed (gpointer user_data)
{
  SysmonBoard *board = user_data;

  board->known = FALSE;
  board->under_way = FALSE;
  for (guint i = 0; i < SYSMON_N_ALARMS; i++)
    board->slot[i].sent = board->slot[i].dirty = FALSE;
}

/* Record and deletion of the acknowledgement go in one post: both happen or none. */
static void
post (SysmonBoard *board)
{
  GemelDoorClient *client = sysmon_door_get_client (board->door);
  guint            n = 0;

  if (client == NULL || board->under_way)
    return;
  for (guint i = 0; i < SYSMON_N_ALARMS; i++)
    {
      const SysmonAlarmId id = (SysmonAlarmId) i;
      Slot               *slot = &board->slot[i];
      g_autofree char    *json = NULL;

      if (!slot->dirty)
        continue;
      json = sysmon_alarm_to_json (&slot->alarm, id, sysmon_thresholds_get (board->thresholds, id),
                                   board->node);
      gemel_door_client_put (client, sysmon_alarm_name (id), json, strlen (json));
      if (slot->acked)
        {
          g_autofree char *key = g_strconcat (ACK_PREFIX, sysmon_alarm_name (id), NULL);

          gemel_door_client_put (client, key, NULL, 0);
        }
      slot->dirty = FALSE;
      slot->sent = TRUE;
      n++;
    }
  board->under_way = n > 0;
  if (n > 0)
    (void) sysmon_door_send (board->door, GEMEL_DURABILITY_PAIR, board->term);
}

/**
 * sysmon_board_new:
 * @bus: the node's bus
 * @thresholds: (transfer none): limits; must live longer
 * @node: name of this node
 *
 * Returns: (transfer full): a board that follows.
 * Thread: main
 */
SysmonBoard *
sysmon_board_new (GDBusConnection *bus, SysmonThresholds *thresholds, const char *node)
{
  const SysmonDoorPort port = { .opened = on_opened, .event = on_event, .closed = on_closed };
  SysmonBoard         *board = g_new0 (SysmonBoard, 1);

  board->thresholds = thresholds;
  board->node = g_strdup (node);
  forget (board);
  board->door = sysmon_door_new (bus, "state", PROVIDER, &port, board);
  sysmon_door_open (board->door);
  return board;
}

/**
 * sysmon_board_free:
 * @board: (transfer full): a board
 *
 * Thread: main
 */
void
sysmon_board_free (SysmonBoard *board)
{
  sysmon_door_free (board->door);
  g_free (board->node);
  g_free (board);
}

/**
 * sysmon_board_set_active:
 * @board: a board
 * @term: the term in which this node is active; 0: it is not
 *
 * Thread: main
 */
void
sysmon_board_set_active (SysmonBoard *board, guint64 term)
{
  if (board->term == term)
    return;
  board->term = term;
  board->known = FALSE;
  sysmon_door_open (board->door);
}

/**
 * sysmon_board_step:
 * @board: a board
 * @figures: the newest sample
 *
 * Evaluates the alarms while this node is active and knows the pair's records.
 *
 * Thread: main
 */
void
sysmon_board_step (SysmonBoard *board, const SysmonFigures *figures)
{
  if (!is_in_charge (board))
    return;
  for (guint i = 0; i < SYSMON_N_ALARMS; i++)
    {
      const SysmonAlarmId id = (SysmonAlarmId) i;
      Slot               *slot = &board->slot[i];

      if (!sysmon_alarm_step (&slot->alarm, id, sysmon_thresholds_get (board->thresholds, id),
                              figures->watched[i], figures->mono_us, figures->unix_us))
        continue;
      slot->dirty = TRUE;
      report (id, &slot->alarm);
    }
  post (board);
}

/**
 * sysmon_board_touch:
 * @board: a board
 * @id: an alarm whose limits changed
 *
 * Its record names the limits, so it is posted again.
 *
 * Thread: main
 */
void
sysmon_board_touch (SysmonBoard *board, SysmonAlarmId id)
{
  board->slot[id].dirty = is_in_charge (board);
}
