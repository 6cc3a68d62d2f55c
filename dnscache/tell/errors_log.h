/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_ERRORS_LOG_H
#define PODSG_DNS_ERRORS_LOG_H

/* Corefile's `errors`: why a question failed, and with `consolidate` how often instead. */

#include "dnscache/corefile/settings.h"
#include "dnscache/plugin/pattern.h"
#include "dnscache/wire/query.h"

/* From any worker. Nothing is said where the block has no `errors`. */
void errors_log(const struct server_block *block, const struct dns_question *question,
                const char *why);
/* Says what was consolidated in times that are over; now and then, from one thread. */
void errors_log_settle(void);

/* `debug`: of a question that is answered, after so many microseconds. */
void debug_log(const struct dns_question *question, uint16_t rcode, const char *source,
               uint64_t took);

#endif
