/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_ANSWER_H
#define PODSG_DNS_ANSWER_H

/*
 * An answer as it is cached and sent: the bytes that stand behind the question of a message, ready
 * to be copied behind any client's own question, and where their TTLs are. One flat block that can
 * be copied with memcpy(), in the byte order of the machine.
 */

#include "dnscache/wire/query.h"
#include "dnscache/wire/records.h"

#define DNS_CLOCKS_APART 8 /* seconds that a worker may have stood still since it looked */

enum dns_answer_kind {
	DNS_KIND_SUCCESS,
	DNS_KIND_DENIAL,  /* NXDOMAIN, or no data */
	DNS_KIND_FAILURE, /* SERVFAIL, NOTIMP, or nothing came: RFC 9520 */
	DNS_KIND_OTHER,   /* REFUSED and all else: passed on, never kept */
};

struct dns_answer {
	uint32_t size;     /* bytes of the whole block, a multiple of 8 */
	uint32_t born;     /* seconds of CLOCK_MONOTONIC */
	uint32_t lifetime; /* seconds it is fresh; 0 = answered, not kept */
	uint16_t flags;    /* AA, TC, AD and the rcode's lower 4 bits as upstream sent them */
	uint16_t rcode;    /* whole */
	uint16_t counts[DNS_SECTIONS]; /* records, without OPT */
	uint16_t body_size;
	uint16_t ttl_count;
	uint16_t ede_size;   /* bytes of EDE options behind the body */
	uint8_t kind;        /* enum dns_answer_kind */
	uint8_t rotate;      /* loadbalance: the answer section is one that may be turned round */
	uint8_t name_length; /* of the question it was made for; 0: no records, for any */
	uint8_t reserved;
	/* uint16_t ttl_at[ttl_count]; uint8_t body[body_size]; uint8_t ede[ede_size]; padding.
	 * ttl_at counts from the begin of the message; the body's compression pointers likewise,
	 * for a question name of the very length it was made for. */
};
#define DNS_ANSWER_MAX                                                                             \
	(sizeof(struct dns_answer) + DNS_MESSAGE_MAX + 2 * DNS_RECORDS_MAX + DNS_EDE_MAX + 8)

static inline const uint16_t *dns_answer_ttl_at(const struct dns_answer *answer)
{
	return (const uint16_t *)(answer + 1);
}

static inline const uint8_t *dns_answer_body(const struct dns_answer *answer)
{
	return (const uint8_t *)(dns_answer_ttl_at(answer) + answer->ttl_count);
}

static inline const uint8_t *dns_answer_ede(const struct dns_answer *answer)
{
	return dns_answer_body(answer) + answer->body_size;
}

static inline uint32_t dns_answer_whole_size(const struct dns_answer *answer)
{
	uint32_t size =
		sizeof(*answer) + 2u * answer->ttl_count + answer->body_size + answer->ede_size;
	return (size + 7) & ~7u;
}

/* How long answers may be kept: cache {success, denial, servfail} of the Corefile, seconds. */
struct dns_lifetimes {
	uint32_t success_max, success_min;
	uint32_t denial_max, denial_min;
	uint32_t failure;
	bool keep_ttl; /* `keepttl`: TTLs don't count down */
};

/*
 * Packs records, by section, each RRset in one piece with its RRSIGs behind it. Owners equal to the
 * question's name become pointers to it; other names are compressed where RFC 3597 allows.
 * Lifetime: the least TTL of the answer section (with the RRSIGs'); for a denial min(SOA TTL, SOA
 * MINIMUM), and without SOA 0 (RFC 2308 §5); a failure's; within the limits, which hold for the
 * TTLs that are sent, too. TC makes the lifetime 0.
 * The block is in arena. -ENOMEM, -EMSGSIZE: more than 65,535 bytes.
 */
int dns_answer_pack(const struct dns_records *records, const struct dns_lifetimes *lifetimes,
                    uint32_t now, struct arena *arena, struct dns_answer **ret);

/* Nothing came, or nothing usable: SERVFAIL with an EDE. In arena; NULL: no memory. */
struct dns_answer *dns_answer_failure(enum dns_ede ede, const char *text, uint32_t lifetime,
                                      uint32_t now, struct arena *arena);

/* Whether a block read from memory that outlived a process can be used at all. */
bool dns_answer_sane(const struct dns_answer *answer, size_t room);

/* Every worker looks at the clock for itself: now may be a moment before the answer came to another
 * one. What seems to come from further ahead is a damaged one, and very old. */
static inline uint32_t dns_answer_age(const struct dns_answer *answer, uint32_t now)
{
	uint32_t age = now - answer->born;
	return age <= UINT32_MAX - DNS_CLOCKS_APART ? age : 0;
}

static inline bool dns_answer_fresh(const struct dns_answer *answer, uint32_t now)
{
	return dns_answer_age(answer, now) < answer->lifetime;
}

#endif
