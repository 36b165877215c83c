/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The commands, as the table in gemel-ctl-commands.c lists them. All have one shape:
 * gemel-ctl.h, GemelCtlRun.
 */
#pragma once

#include "ctl/gemel-ctl.h"

G_BEGIN_DECLS

#define GEMEL_CTL_COMMAND(name)  \
  gboolean name (GemelCtl *ctl,  \
                 char   ***args, \
                 GError  **error) G_GNUC_WARN_UNUSED_RESULT

GEMEL_CTL_COMMAND (gemel_ctl_config_delete);
GEMEL_CTL_COMMAND (gemel_ctl_config_get);
GEMEL_CTL_COMMAND (gemel_ctl_config_info);
GEMEL_CTL_COMMAND (gemel_ctl_config_list);
GEMEL_CTL_COMMAND (gemel_ctl_config_set);
GEMEL_CTL_COMMAND (gemel_ctl_describe);
GEMEL_CTL_COMMAND (gemel_ctl_events);
GEMEL_CTL_COMMAND (gemel_ctl_failover);
GEMEL_CTL_COMMAND (gemel_ctl_history_ledger);
GEMEL_CTL_COMMAND (gemel_ctl_history_query);
GEMEL_CTL_COMMAND (gemel_ctl_history_stats);
GEMEL_CTL_COMMAND (gemel_ctl_history_write);
GEMEL_CTL_COMMAND (gemel_ctl_jobs);
GEMEL_CTL_COMMAND (gemel_ctl_log);
GEMEL_CTL_COMMAND (gemel_ctl_log_level);
GEMEL_CTL_COMMAND (gemel_ctl_log_merge);
GEMEL_CTL_COMMAND (gemel_ctl_log_providers);
GEMEL_CTL_COMMAND (gemel_ctl_modules);
GEMEL_CTL_COMMAND (gemel_ctl_pair_invite);
GEMEL_CTL_COMMAND (gemel_ctl_pair_join);
GEMEL_CTL_COMMAND (gemel_ctl_pair_remove);
GEMEL_CTL_COMMAND (gemel_ctl_pair_status);
GEMEL_CTL_COMMAND (gemel_ctl_resync);
GEMEL_CTL_COMMAND (gemel_ctl_series);
GEMEL_CTL_COMMAND (gemel_ctl_settings_describe);
GEMEL_CTL_COMMAND (gemel_ctl_settings_get);
GEMEL_CTL_COMMAND (gemel_ctl_settings_list);
GEMEL_CTL_COMMAND (gemel_ctl_settings_reset);
GEMEL_CTL_COMMAND (gemel_ctl_settings_set);
GEMEL_CTL_COMMAND (gemel_ctl_state_delete);
GEMEL_CTL_COMMAND (gemel_ctl_state_get);
GEMEL_CTL_COMMAND (gemel_ctl_state_list);
GEMEL_CTL_COMMAND (gemel_ctl_state_post);
GEMEL_CTL_COMMAND (gemel_ctl_state_providers);
GEMEL_CTL_COMMAND (gemel_ctl_status);
GEMEL_CTL_COMMAND (gemel_ctl_watch);
GEMEL_CTL_COMMAND (gemel_ctl_words);

G_END_DECLS
