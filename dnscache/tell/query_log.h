/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_QUERY_LOG_H
#define PODSG_DNS_QUERY_LOG_H

/* Corefile's `log`: a line a query on standard output, in CoreDNS's formats. */

#include "dnscache/corefile/settings.h"
#include "dnscache/wire/query.h"

struct client;

/* microseconds: how long the answer took. What a full pipe does not take is lost. */
void query_log(const struct log_settings *settings, const struct client *client,
               const struct dns_query *query, const uint8_t *reply, size_t size,
               uint64_t microseconds);
uint64_t query_log_lost(void); /* lines, since the start */

#endif
