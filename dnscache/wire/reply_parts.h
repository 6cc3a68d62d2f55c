/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_REPLY_PARTS_H
#define PODSG_DNS_REPLY_PARTS_H

/* The pieces that reply.c puts together. */

#include "dnscache/wire/reply.h"

/* What of an answer finds room. */
struct dns_cut {
	uint16_t counts[DNS_SECTIONS];
	uint16_t records; /* all of these */
	uint16_t body_size;
	bool truncated; /* TC belongs in the header */
};

/* The RRsets from the front whose bytes are at most room. */
void dns_cut_answer(const struct dns_answer *answer, bool dnssec_ok, size_t room,
                    struct dns_cut *ret);

/* Bytes of the OPT without EDE; 0 where the client sent none. */
size_t dns_opt_size(const struct dns_query *query, const struct dns_reply_form *form);
/* answer: may be NULL. room: an EDE option that finds none is left out. Returns the bytes written.
 */
size_t dns_opt_write(const struct dns_query *query, uint16_t rcode, const struct dns_answer *answer,
                     const struct dns_reply_form *form, size_t room, uint8_t *out);

#endif
