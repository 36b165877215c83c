/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * Names and limits that more than one program must agree on.
 */
#pragma once

#define GEMEL_BUS_NAME           "org.gemel.Gemel1"
#define GEMEL_BUS_PATH           "/org/gemel/Gemel1"
#define GEMEL_BUS_PATH_NODE      GEMEL_BUS_PATH "/node"
#define GEMEL_BUS_PATH_PEER      GEMEL_BUS_PATH "/peer"
#define GEMEL_BUS_PATH_PROVIDERS GEMEL_BUS_PATH "/provider"
#define GEMEL_BUS_PATH_JOBS      GEMEL_BUS_PATH "/job"

#define GEMEL_PORT_DEFAULT 8060

/* Limits of what callers may send; each is checked once, at the edge where it comes in. */
#define GEMEL_PROVIDER_NAME_BYTES_MAX 64
#define GEMEL_KEY_BYTES_MAX           512
#define GEMEL_VALUE_BYTES_MAX         (256 * 1024)
#define GEMEL_TAG_BYTES_MAX           256
#define GEMEL_TEXT_BYTES_MAX          4096
#define GEMEL_BATCH_ITEMS_MAX         10000
#define GEMEL_FRAME_BYTES_MAX         (1024 * 1024)
#define GEMEL_CHUNK_BYTES             (256 * 1024)

/* What a module finds in its environment. */
#define GEMEL_ENV_BUS_ADDRESS "GEMEL_BUS_ADDRESS"
#define GEMEL_ENV_LEVEL       "GEMEL_LEVEL"
#define GEMEL_ENV_TERM        "GEMEL_TERM"
#define GEMEL_ENV_MODULE      "GEMEL_MODULE"
#define GEMEL_ENV_NODE        "GEMEL_NODE"
#define GEMEL_ENV_STATE_DIR   "GEMEL_STATE_DIR"
