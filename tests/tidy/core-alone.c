/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * The whole core linked against glib alone, not even gobject: if it called anything else, this
 * program could not be linked. It asks for nothing but its own start.
 */
#include "core/gemel-core.h"

int
main (void)
{
  return 0;
}
