/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * A history in a folder of its own, and calls that wait for their answers.
 */
#pragma once

#include "history/gemel-history-private.h"

#define FIXTURE_BUFFER_BYTES_MAX (64 * 1024 * 1024)

typedef struct
{
  char         *dir;
  guint8        uuid[16];
  GemelHistory *history; /* (nullable) */
  int           events;  /* atomic: how many */
  int           last_event;
} Fixture;

void fixture_init (Fixture *fixture,
                   guint8   id);
void fixture_open (Fixture *fixture,
                   guint64  buffer_bytes_max);
void fixture_close (Fixture *fixture);
void fixture_clear (Fixture *fixture);

GBytes   *make_points (const char *tag,
                       gint64      first_us,
                       guint       n_points);
gboolean  write_points (Fixture *fixture,
                        GBytes  *points,
                        guint64 *ret_last_seq,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean  receive_points (Fixture     *fixture,
                          const guint8 origin[16],
                          guint64      first_seq,
                          GBytes      *points,
                          guint64     *ret_mark,
                          GError     **error) G_GNUC_WARN_UNUSED_RESULT;
GBytes   *read_points (Fixture     *fixture,
                       const guint8 origin[16],
                       guint64      after_seq,
                       guint        rows_max,
                       guint64     *ret_first_seq,
                       guint64     *ret_last_seq);
guint64   get_mark (Fixture     *fixture,
                    const guint8 origin[16]);
GVariant *query_points (Fixture    *fixture,
                        const char *tag,
                        gint64      from_unix_us,
                        gint64      to_unix_us,
                        guint       limit,
                        gboolean    newest_first);
void      assert_ledger (Fixture     *fixture,
                         const guint8 origin[16],
                         guint64      rows);
void      wait_until_sunk (Fixture *fixture,
                           guint64  own_seq);
void      run_sql (GemelWorker *worker,
                   const char  *sql);
gint64    select_int (GemelWorker *worker,
                      const char  *sql);
