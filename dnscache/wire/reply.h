/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_REPLY_H
#define PODSG_DNS_REPLY_H

/* Messages to clients. On the hot path: no allocation, one pass over the bytes. */

#include "dnscache/wire/answer.h"
#include "dnscache/wire/cookie.h"
#include "dnscache/wire/query.h"

/* How an answer is told to one client. */
struct dns_reply_form {
	uint32_t now;       /* seconds of CLOCK_MONOTONIC */
	bool fresh;         /* straight from upstream: AA is passed on; else it is cleared */
	bool keep_ttl;      /* Corefile's keepttl */
	uint32_t stale_ttl; /* 0: TTLs by age; else every TTL is at most this (RFC 8767 §4: 30) */
	enum dns_ede ede;   /* one more, our own; DNS_EDE_NONE */
	const char *ede_text;  /* NULL: none */
	size_t limit;          /* bytes this client takes, DNS_UDP_PLAIN to DNS_MESSAGE_MAX */
	uint16_t udp_size;     /* what our OPT announces */
	const uint8_t *cookie; /* the server's 16 bytes (RFC 9018); NULL: no cookie in the reply */
	uint16_t keepalive;    /* units of 100 ms, of RFC 7828; 0: no option */
};

/*
 * The whole message: the client's id, RD, CD and question bytes, RA, AD only where the client can
 * use it (RFC 6840 §5.7-5.8), the body with its TTLs counted down, an OPT where the client sent
 * one, with upstream's EDE and ours. What is longer than the limit loses the EDE, then whole
 * RRsets, additional ones first, then authority; where answers are lost, or a part of the authority
 * that a denial or DNSSEC needs (RFC 2181 §9, RFC 4035 §3.1), TC is set. out has form->limit bytes
 * and overlaps query->packet in no way. Returns the size.
 */
size_t dns_reply(const struct dns_query *query, const struct dns_answer *answer,
                 const struct dns_reply_form *form, uint8_t *out);

/* Without records: FORMERR, REFUSED, BADVERS, …, or an empty TC=1 (truncated) that makes the
 * client come again by TCP. query as dns_query_read() left it. Returns the size. */
size_t dns_reply_empty(const struct dns_query *query, uint16_t rcode, bool truncated,
                       const struct dns_reply_form *form, uint8_t *out);

#endif
