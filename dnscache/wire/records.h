/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_RECORDS_H
#define PODSG_DNS_RECORDS_H

/*
 * A message taken apart: what upstream answered, or what a plugin makes up, before it becomes a
 * struct dns_answer. Off the hot path. Everything lives in the caller's arena.
 */

#include "common/arena.h"
#include "common/error.h"
#include "dnscache/wire/query.h"

#define DNS_RECORDS_MAX 4096 /* of one message */
#define DNS_CHAIN_MAX 16     /* CNAMEs and DNAMEs one behind the other */

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL, DNS_SECTIONS };

struct dns_record {
	struct dns_name owner; /* case as sent */
	enum dns_section section;
	uint16_t type;
	uint16_t class;
	uint32_t ttl;        /* above 2^31 - 1 is 0: RFC 2181 §8 */
	const uint8_t *data; /* names in it are whole: no compression */
	uint16_t data_size;
};

struct dns_records {
	struct arena *arena;
	struct dns_question question; /* what was asked; name as sent */
	uint16_t flags;               /* of the header */
	uint16_t rcode;               /* with EDNS's upper bits */
	struct dns_record *list;      /* in the order of the message; OPT is not in it */
	size_t count;
	size_t capacity;
	bool edns;          /* the message had an OPT */
	const uint8_t *ede; /* EDE options, whole (code, size, value), one behind the other */
	uint16_t ede_size;  /* at most DNS_EDE_MAX; what is more is left out */
};
#define DNS_EDE_MAX 256

/*
 * A message from upstream. -EBADMSG: broken, or its question is not ours; err says what. The class
 * of every record is IN or it is left out. Names inside the data of types that may be compressed
 * (RFC 1035's, RFC 3597 §4) are written out.
 */
int dns_records_read(const uint8_t *message, size_t size, const struct dns_question *question,
                     struct arena *arena, struct dns_records *ret, struct error *err);

/* An empty NOERROR for the plugins to add to. */
void dns_records_begin(struct dns_records *records, const struct dns_question *question,
                       struct arena *arena);
/* Copies. -ENOMEM, -E2BIG. */
int dns_records_add(struct dns_records *records, const struct dns_record *record);

/*
 * Leaves what belongs to the question: in the answer the chain of CNAMEs and DNAMEs from the name
 * asked for and the records asked for at its end (with RRSIGs of these), in the authority what is
 * about a zone of the chain's end (SOA, NS, NSEC, NSEC3, DS, RRSIG), in the additional addresses
 * of names that those mention. -ELOOP: the chain is longer than DNS_CHAIN_MAX or bites its tail.
 */
int dns_records_scrub(struct dns_records *records);

#endif
