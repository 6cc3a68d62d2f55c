/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_PAGES_H
#define PODSG_PAGES_H

/* What the HTTP server shows: /metrics, /healthz, and / that names them. */

#include "common/http_server.h"
#include "nft-sync/answer/metrics.h"
#include "nft-sync/sync.h"

/* now: milliseconds of a clock that does not go back. */
void page_answer(const struct sync *sync, struct metrics *metrics, uint64_t now, const char *path,
                 struct http_reply *reply);

#endif
