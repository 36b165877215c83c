/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * gemelctl: the command line of Gemel. Everything is in gemel-ctl.c and the commands.
 */
#include "ctl/gemel-ctl.h"

int
main (int    argc,
      char **argv)
{
  return gemel_ctl_main (argc, argv);
}
