/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Sentences for the events of the core.
 */
#include "gemel-event-text.h"

/* clang-format off */
static const char *const cause_texts[] = {
  [GEMEL_CAUSE_NONE] = "no reason given",
  [GEMEL_CAUSE_PEER_ACTIVE] = "the peer is active",
  [GEMEL_CAUSE_PEER_DECIDES] = "neither node is active and the master goes first",
  [GEMEL_CAUSE_MASTER_FIRST] = "neither node is active and this is the master",
  [GEMEL_CAUSE_NO_ACTIVE] = "no active node was heard for the failover timeout",
  [GEMEL_CAUSE_INDEPENDENT] = "this node is independent",
  [GEMEL_CAUSE_DEATH_NOTICE] = "the peer's guard proved that its process died",
  [GEMEL_CAUSE_REFUSED] = "the peer refuses connections on all paths",
  [GEMEL_CAUSE_PREPARE] = "the active node asked this one to take over",
  [GEMEL_CAUSE_COMMITTED] = "the active node handed over",
  [GEMEL_CAUSE_TERM_DURABLE] = "its term is on disk and nothing stands against it",
  [GEMEL_CAUSE_USER] = "a person asked for it",
  [GEMEL_CAUSE_RECOVERY] = "the master is back and recovery mode is automatic",
  [GEMEL_CAUSE_STOP] = "this node is being stopped",
  [GEMEL_CAUSE_ROLLED_BACK] = "the switchover did not finish",
  [GEMEL_CAUSE_DUAL_LOST] = "both nodes were active and the rule chose the peer",
  [GEMEL_CAUSE_DUAL_WON] = "both nodes were active and the rule chose this one",
  [GEMEL_CAUSE_STALL] = "this process did not run for too long",
  [GEMEL_CAUSE_FROZEN_CLOCK] = "this machine stood still together with its clock",
  [GEMEL_CAUSE_TERM_NOT_DURABLE] = "the term cannot be written to disk",
  [GEMEL_CAUSE_JOURNAL_FAILED] = "the configuration journal cannot be written",
  [GEMEL_CAUSE_FORCED] = "an administrator forced it",
  [GEMEL_CAUSE_ROLE_CHANGED] = "the role of this node changed",
  [GEMEL_CAUSE_LINK_LOST] = "the link to the peer broke",
  [GEMEL_CAUSE_TIMEOUT] = "it took too long",
  [GEMEL_CAUSE_ABORTED] = "it was aborted",
  [GEMEL_CAUSE_NOT_LEVEL] =
    "the standby is not level with the active node; wait until it is in step",
  [GEMEL_CAUSE_BUSY] = "another switchover is under way",
  [GEMEL_CAUSE_NO_PEER] = "the peer is not reachable",
  [GEMEL_CAUSE_NOT_ELIGIBLE] = "the peer is not able to take over; look at its events",
  [GEMEL_CAUSE_NEWER_TERM] = "a newer term was seen",
  [GEMEL_CAUSE_CLEARED] = "the fault was repaired",
  [GEMEL_CAUSE_STARTED] = "the process started",
  [GEMEL_CAUSE_NOT_ACTIVE] = "no node is active",
  [GEMEL_CAUSE_PEER_RESTARTED] = "the active process is gone and the peer started anew",
};
/* clang-format on */

G_STATIC_ASSERT (G_N_ELEMENTS (cause_texts) == GEMEL_N_CAUSES);

/**
 * gemel_cause_text:
 * @cause: a cause
 *
 * Returns: (transfer none): half a sentence that can follow "because".
 * Thread: any
 */
const char *
gemel_cause_text (GemelCause cause)
{
  if ((guint) cause >= G_N_ELEMENTS (cause_texts))
    return "unknown";
  return cause_texts[cause];
}

#define MS(us) ((double) (us) / 1000.0)

static char *
changeover_text (GemelCause cause,
                 guint64    term,
                 gint64     silence_us)
{
  if (cause == GEMEL_CAUSE_DEATH_NOTICE || cause == GEMEL_CAUSE_NO_ACTIVE ||
      cause == GEMEL_CAUSE_REFUSED || cause == GEMEL_CAUSE_PEER_RESTARTED)
    return g_strdup_printf ("this node took over in term %" G_GUINT64_FORMAT
                            ": %s; the active node was last heard %.1f ms before",
                            term, gemel_cause_text (cause), MS (silence_us));
  return g_strdup_printf ("this node is active in term %" G_GUINT64_FORMAT ": %s", term,
                          gemel_cause_text (cause));
}

/**
 * gemel_event_text:
 * @code: what happened
 * @cause: why
 * @term: of the event
 * @a: by code, as in GemelAction
 * @b: by code
 *
 * Returns: (transfer full): a sentence, lower case, without a full stop.
 * Thread: any
 */
char *
gemel_event_text (GemelEventCode code,
                  GemelCause     cause,
                  guint64        term,
                  gint64         a,
                  gint64         b)
{
  const char           *why = gemel_cause_text (cause);
  const GemelEventInfo *info = gemel_event_info (code);

  if (code == GEMEL_EVENT_CHANGEOVER)
    return changeover_text (cause, term, a);
  if (code == GEMEL_EVENT_LEVEL_CHANGED)
    return g_strdup_printf ("activity level changed from %s to %s: %s",
                            gemel_level_to_string ((GemelLevel) a),
                            gemel_level_to_string ((GemelLevel) b), why);
  if (code == GEMEL_EVENT_SWITCHOVER_STARTED)
    return g_strdup_printf ("switchover to the peer started: %s", why);
  if (code == GEMEL_EVENT_SWITCHOVER_DONE)
    return g_strdup_printf ("switchover done in %.1f ms, nothing lost: %s", MS (a), why);
  if (code == GEMEL_EVENT_SWITCHOVER_FAILED)
    return g_strdup_printf ("switchover did not happen, nothing changed: %s", why);
  if (code == GEMEL_EVENT_SWITCHOVER_UNKNOWN)
    return g_strdup_printf ("handed over, but the peer was not seen active within %.1f ms; look at "
                            "the levels",
                            MS (a));
  if (code == GEMEL_EVENT_PEER_LOST)
    return g_strdup_printf ("the peer has been silent for %.1f ms", MS (a));
  if (code == GEMEL_EVENT_PEER_BACK)
    return g_strdup ("the peer is heard");
  if (code == GEMEL_EVENT_DUAL_ACTIVE)
    return g_strdup_printf ("both nodes were active, here in term %" G_GINT64_FORMAT
                            ", the peer in term %" G_GINT64_FORMAT,
                            a, b);
  if (code == GEMEL_EVENT_DUAL_RESOLVED)
    return g_strdup_printf ("one active node again: %s", why);
  if (code == GEMEL_EVENT_STALLED)
    return g_strdup_printf ("%s: %.1f ms, limit %.1f ms", why, MS (a), MS (b));
  if (code == GEMEL_EVENT_CLOCK_JUMPED)
    return g_strdup_printf ("the wall clock jumped by %.1f ms", MS (a));
  if (code == GEMEL_EVENT_TERM_NOT_DURABLE || code == GEMEL_EVENT_JOURNAL_FAILED)
    return g_strdup_printf ("%s: check the disk of this node", why);
  if (code == GEMEL_EVENT_DEATH_NOTICE)
    return g_strdup_printf ("death notice for term %" G_GINT64_FORMAT
                            ": %s and its modules stopped",
                            a, why);
  if (code == GEMEL_EVENT_FORCED_ACTIVE)
    return g_strdup ("this node was forced active; make sure that the peer is not");
  if (code == GEMEL_EVENT_PROTOCOL_VIOLATION)
    return g_strdup ("the peer broke the protocol; its messages are refused and counted");
  return g_strdup_printf ("%s: %s", info != NULL ? info->token : "event", why);
}

/**
 * gemel_event_text_about:
 * @code: what happened
 * @subject: (nullable): a provider
 * @detail: a reason, an address, a path or an error, as the part that reports it has it
 *
 * Returns: (transfer full): a sentence, lower case, without a full stop.
 * Thread: any
 */
char *
gemel_event_text_about (GemelEventCode code,
                        const char    *subject,
                        const char    *detail)
{
  const char *what = subject != NULL ? subject : "the peer";

  if (code == GEMEL_EVENT_LINK_UP)
    return g_strdup_printf ("the link to the peer at %s stands", detail);
  if (code == GEMEL_EVENT_LINK_DOWN)
    return g_strdup_printf ("the link to the peer broke: %s", detail);
  if (code == GEMEL_EVENT_FULL_SYNC_NEEDED)
    return g_strdup_printf ("%s needs a full copy: %s", what, detail);
  if (code == GEMEL_EVENT_FULL_SYNC_DONE)
    return g_strdup_printf ("a full copy of %s was taken and verified: %s", what, detail);
  if (code == GEMEL_EVENT_FULL_SYNC_FAILED)
    return g_strdup_printf ("the full copy of %s failed and is tried again: %s", what, detail);
  if (code == GEMEL_EVENT_CONFIG_KEPT)
    return g_strdup_printf ("the configuration that was replaced is kept in %s", detail);
  return g_strdup (detail);
}
