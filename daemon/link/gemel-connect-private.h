/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Copyright (C) 2026 The Gemel authors
 *
 * What listening and dialling have in common. Not for other folders.
 */
#pragma once

#include "link/gemel-connect.h"

G_BEGIN_DECLS

const char *gemel_connect_protocol_of_channel (GemelChannel channel);
gboolean    gemel_connect_channel_of_session (GTlsConnection *tls,
                                              GemelChannel   *ret_channel)
  G_GNUC_WARN_UNUSED_RESULT;
gboolean        gemel_connect_is_tls_1_3 (GTlsConnection *tls);
gboolean        gemel_connect_pin_fits (GTlsCertificate *certificate,
                                        const guint8    *pin);
void            gemel_connect_tune_socket (GSocket *socket);
void            gemel_connect_close_hard (GIOStream *io);
void            gemel_connect_shut (GTlsConnection *tls);
GTlsConnection *gemel_connect_new_client (GIOStream       *base,
                                          const GemelKeys *keys,
                                          GemelChannel     channel,
                                          GError         **error) G_GNUC_WARN_UNUSED_RESULT;
GTlsConnection *gemel_connect_new_server (GIOStream       *base,
                                          const GemelKeys *keys,
                                          GError         **error) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
