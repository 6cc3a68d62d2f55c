/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/wire/answer.h"

#define RECORD_HEAD 10 /* type, class, TTL, size: behind a record's owner */
#define EDE_HEAD 6     /* the option's code and size, the error's code */

_Static_assert(sizeof(struct dns_answer) % sizeof(uint64_t) == 0, "what follows is aligned");

struct dns_answer *dns_answer_failure(enum dns_ede ede, const char *text, uint32_t lifetime,
                                      uint32_t now, struct arena *arena)
{
	size_t length = text ? strnlen(text, DNS_EDE_MAX - EDE_HEAD) : 0;
	size_t ede_size = ede == DNS_EDE_NONE ? 0 : EDE_HEAD + length;
	struct dns_answer *answer = arena_alloc(arena, sizeof(*answer) + ede_size + 7);
	if (!answer)
		return NULL;
	answer->born = now;
	answer->lifetime = lifetime;
	answer->flags = DNS_RCODE_SERVFAIL;
	answer->rcode = DNS_RCODE_SERVFAIL;
	answer->kind = DNS_KIND_FAILURE;
	answer->ede_size = (uint16_t)ede_size;
	answer->size = dns_answer_whole_size(answer);
	if (ede_size > 0) {
		uint8_t *option = (uint8_t *)(answer + 1);
		dns_put_u16(option, DNS_OPTION_EDE);
		dns_put_u16(option + 2, (uint16_t)(ede_size - 4));
		dns_put_u16(option + 4, (uint16_t)ede);
		if (length > 0)
			memcpy(option + EDE_HEAD, text, length);
	}
	return answer;
}

/* Records one behind the other, as many as the counts say, each with its TTL where ttl_at says. */
static bool body_sane(const struct dns_answer *answer)
{
	const uint8_t *body = dns_answer_body(answer);
	size_t body_at = DNS_HEADER_SIZE + answer->name_length + 4u;
	size_t at = 0;
	for (unsigned i = 0; i < answer->ttl_count; i++) {
		if (dns_name_skip(body, answer->body_size, &at) < 0 ||
		    answer->body_size - at < RECORD_HEAD ||
		    dns_answer_ttl_at(answer)[i] != body_at + at + 4)
			return false;
		at += RECORD_HEAD + dns_u16(body + at + 8);
		if (at > answer->body_size)
			return false;
	}
	return at == answer->body_size;
}

static bool ede_sane(const struct dns_answer *answer)
{
	const uint8_t *ede = dns_answer_ede(answer);
	size_t at = 0;
	while (at < answer->ede_size) {
		if (answer->ede_size - at < EDE_HEAD)
			return false;
		at += 4u + dns_u16(ede + at + 2);
	}
	return at == answer->ede_size && answer->ede_size <= DNS_EDE_MAX;
}

bool dns_answer_sane(const struct dns_answer *answer, size_t room)
{
	unsigned count = 0;
	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		count += answer->counts[i];
	return room >= sizeof(*answer) && answer->size <= room &&
	       answer->size == dns_answer_whole_size(answer) && answer->ttl_count == count &&
	       count <= DNS_RECORDS_MAX && answer->kind <= DNS_KIND_OTHER &&
	       (answer->name_length > 0 || count == 0) &&
	       DNS_HEADER_SIZE + answer->name_length + 4u + answer->body_size <= DNS_MESSAGE_MAX &&
	       body_sane(answer) && ede_sane(answer);
}
