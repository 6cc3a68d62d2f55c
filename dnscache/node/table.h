/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_TABLE_H
#define PODSG_DNS_TABLE_H

/* The tables' text, as nft(8) reads it. Every function allocates it; NULL: no memory. */

#include "common/dns_packet.h"
#include "dnscache/node/network.h"

#define DNS_TABLE DNS_TABLES
#define DNS_AWAY_TABLE DNS_TABLES "-away"

#define DNS_COUNTER_QUERIES "queries"
#define DNS_COUNTER_ANSWERS "answers"
#define DNS_COUNTER_PASSED "passed"

/* The table that takes packets off connection tracking, in place of what stands. owned: it ends
 * with the socket that made it. */
char *dns_table_text(const struct network_settings *settings, const char *const *strict,
                     size_t strict_count, bool owned);
/* Changes only who is passed by: the counters go on. */
char *dns_table_strict_text(const char *const *strict, size_t strict_count);

/* The table for when nobody answers, in place of what stands. */
char *dns_away_text(const struct network_settings *settings, const struct cluster_server *servers,
                    size_t server_count);

#endif
