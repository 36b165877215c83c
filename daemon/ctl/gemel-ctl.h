/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What every command of gemelctl is given: the options that all commands have, the way to the
 * daemon, and the errors that become exit codes.
 */
#pragma once

#include "api/gemel-error.h"
#include "api/gemel-names.h"

#include <gio/gio.h>

G_BEGIN_DECLS

#define GEMEL_CTL_ERROR (gemel_ctl_error_quark ())

/** Exit codes; also the codes of GEMEL_CTL_ERROR. Documented in --help and never renumbered. */
typedef enum
{
  GEMEL_CTL_DONE = 0,
  GEMEL_CTL_FAILED = 1,
  GEMEL_CTL_USAGE = 2,
  GEMEL_CTL_NOT_AUTHORISED = 3,
  GEMEL_CTL_NO_DAEMON = 4,
  GEMEL_CTL_REFUSED = 5, /* by the state of the pair: not active, not level, switching ... */
} GemelCtlStatus;

typedef struct _GemelCtl GemelCtl;

/** @args: the arguments after the words of the command; see gemel_ctl_parse (). */
typedef gboolean (*GemelCtlRun) (GemelCtl *ctl,
                                 char   ***args,
                                 GError  **error);

typedef struct
{
  const char *name; /* one or two words */
  GemelCtlRun run;
  const char *description; /* (nullable): one line; NULL: not in the help */
} GemelCtlCommand;

struct _GemelCtl
{
  char                  *bus_address; /* (nullable): the system bus */
  gboolean               json;
  gboolean               no_color;
  double                 timeout_s;
  char                  *timeout_text; /* (nullable): --timeout as it was given */
  gboolean               tty;          /* standard output is a terminal */
  gboolean               colour;       /* bold and colour may be used */
  guint                  width;        /* columns of the terminal; 0: no limit */
  const GemelCtlCommand *command;
  GDBusConnection       *connection; /* (nullable): until the first call */
  GemelCtlStatus         status;     /* exit code of a command that did not fail */
};

GQuark         gemel_ctl_error_quark (void);
GemelCtlStatus gemel_ctl_error_to_status (const GError *error);

int      gemel_ctl_main (int    argc,
                         char **argv);
gboolean gemel_ctl_parse (GemelCtl           *ctl,
                          const GOptionEntry *entries,
                          const char         *parameters,
                          guint               n_min,
                          guint               n_max,
                          char             ***args,
                          GError            **error) G_GNUC_WARN_UNUSED_RESULT;

const GemelCtlCommand *gemel_ctl_get_commands (void);
const GemelCtlCommand *gemel_ctl_find_command (const char *const *args,
                                               guint             *ret_words);
void                   gemel_ctl_join_words (char **words);
const char            *gemel_ctl_nearest_command (const char *text);

G_END_DECLS
