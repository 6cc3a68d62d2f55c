/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_ANSWER_TTL_H
#define PODSG_DNS_ANSWER_TTL_H

/* What kind of answer records are, how long it is kept and what TTLs it gets. */

#include "dnscache/wire/answer.h"

struct dns_ttl_rule {
	enum dns_answer_kind kind;
	uint32_t lifetime;
	uint32_t least, most; /* of every TTL */
	uint32_t soa_most;    /* of a denial's SOA: RFC 2308 §5 */
};

void dns_ttl_judge(const struct dns_records *records, const struct dns_lifetimes *lifetimes,
                   struct dns_ttl_rule *ret);
uint32_t dns_ttl_of(const struct dns_ttl_rule *rule, const struct dns_record *record);

#endif
