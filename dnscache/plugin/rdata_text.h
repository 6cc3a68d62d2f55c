/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_RDATA_TEXT_H
#define PODSG_DNS_RDATA_TEXT_H

/*
 * The data of a record from its presentation format (RFC 1035 §5.1): A, AAAA, CNAME, DNAME, NS,
 * PTR, MX, TXT, SRV, SOA, HINFO, CAA, NAPTR, and any type as \# SIZE HEX (RFC 3597 §5). Names
 * without the final dot are whole all the same.
 */

#include "dnscache/wire/name.h"

/* A word, or a text between quotes without these; escapes are still in it. */
struct rdata_word {
	const char *text;
	size_t length;
	bool quoted;
};

#define RDATA_MAX 8192 /* bytes */

/* Returns the size, or -EBADMSG. */
int rdata_parse(uint16_t type, const struct rdata_word *words, size_t count,
                uint8_t ret[static RDATA_MAX]);

int rdata_word_name(const struct rdata_word *word, struct dns_name *ret);
/* "3600" or "1h30m". */
int rdata_word_ttl(const struct rdata_word *word, uint32_t *ret);

#endif
