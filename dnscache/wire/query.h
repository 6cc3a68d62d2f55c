/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_QUERY_H
#define PODSG_DNS_QUERY_H

/* A client's query, read in place: nothing is allocated, nothing copied but the lower-case name. */

#include "dnscache/wire/dns.h"
#include "dnscache/wire/name.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_query {
	const uint8_t *packet; /* the caller's; the question stands at DNS_HEADER_SIZE */
	uint16_t size;
	uint16_t id;
	uint16_t flags; /* the header's, as sent */
	uint16_t type;
	uint16_t class;
	struct {
		bool present;
		bool dnssec_ok;
		bool keepalive; /* the client has sent RFC 7828's option */
		uint8_t version;
		uint16_t udp_size;     /* at least DNS_UDP_PLAIN */
		const uint8_t *cookie; /* in packet: 8 bytes, or 8 and the server's; NULL: none */
		uint8_t cookie_size;   /* 8, or 16..40 */
	} edns;
	/* Lower case; in packet as the client wrote it. The last one: who keeps many queries makes
	 * it anew out of the packet. */
	struct dns_name name;
};

enum dns_query_verdict {
	DNS_QUERY_GOOD,
	DNS_QUERY_DROP,    /* a runt or an answer: silence, or two servers would talk for ever */
	DNS_QUERY_FORMERR, /* QDCOUNT other than 1, trailing or broken records, two OPT, bad option
	                    */
	DNS_QUERY_NOTIMP,  /* an opcode other than QUERY */
	DNS_QUERY_REFUSED, /* a class other than IN; AXFR, IXFR and other meta types */
	DNS_QUERY_BADVERS, /* an EDNS version other than 0 */
};

/* Whatever the verdict but DROP, id and flags are set, and name, type and edns where they could be
 * read (name.length is 0 otherwise), so that an error can be answered with the question in it. */
enum dns_query_verdict dns_query_read(const uint8_t *packet, size_t size, struct dns_query *ret);

#define DNS_QUESTION_MAX (DNS_HEADER_SIZE + DNS_NAME_MAX + 4)

/* Bytes of header and question: where the first record of the answer begins. */
static inline size_t dns_query_body(const struct dns_query *query)
{
	return DNS_HEADER_SIZE + query->name.length + 4u;
}

/*
 * The query that goes upstream: RD set, AD set (its answer tells what was validated, and one answer
 * serves clients that want to know and those that don't: RFC 6840 §5.7), one question, our own OPT
 * (udp_size, DO as dnssec_ok says, no option of the client: RFC 7871 §7.1.2, RFC 6891 §6.2.6).
 * Returns its size, at most DNS_UPSTREAM_QUERY_MAX.
 */
#define DNS_UPSTREAM_QUERY_MAX (DNS_QUESTION_MAX + 11)
struct dns_question {
	struct dns_name name;
	uint16_t type;
	bool dnssec_ok;
	bool checking_disabled;
};
size_t dns_question_write(const struct dns_question *question, uint16_t id, uint16_t udp_size,
                          bool edns, uint8_t out[static DNS_UPSTREAM_QUERY_MAX]);

#endif
