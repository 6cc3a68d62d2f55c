/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/wire/reply.h"

#define ARENA_SIZE (16u << 20)
#define OPTIONS 8 /* bytes in front of the message */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool holds)
{
	if (!holds)
		abort();
}

/* The first bytes of the input say how it is asked for. */
struct wish {
	struct dns_reply_form form;
	struct dns_lifetimes lifetimes;
	bool edns;
	bool scrub;
};

static struct wish read_wish(const uint8_t *data)
{
	struct wish wish = {
		.form =
			{
				.now = data[0],
				.fresh = data[1] & 1,
				.keep_ttl = data[1] & 2,
				.stale_ttl = data[1] & 4 ? 30 : 0,
				.ede = data[1] & 8 ? DNS_EDE_STALE : DNS_EDE_NONE,
				.ede_text = data[1] & 16 ? "text" : NULL,
				.udp_size = DNS_UDP_DEFAULT,
				.keepalive = data[1] & 32,
			},
		.lifetimes =
			{
				.success_min = data[4],
				.success_max = data[4] + 100u * data[5],
				.denial_min = data[6],
				.denial_max = data[6] + 100u * data[7],
				.failure = 5,
			},
		.edns = data[1] & 64,
		.scrub = data[1] & 128,
	};
	wish.form.limit = dns_u16(data + 2);
	if (wish.form.limit < DNS_UDP_PLAIN)
		wish.form.limit = DNS_UDP_PLAIN;
	return wish;
}

/* The message's own, so that it is an answer to it. */
static bool read_question(const uint8_t *message, size_t size, struct dns_question *ret)
{
	size_t at = DNS_HEADER_SIZE;
	memset(ret, 0, sizeof(*ret));
	if (size < at || dns_name_read(message, size, &at, &ret->name) < 0 || size - at < 4)
		return false;
	ret->type = dns_u16(message + at);
	return true;
}

/* The reply can be read again, and says what the answer says unless it was too long. */
static void check_reply(const struct dns_question *question, const struct dns_answer *answer,
                        const struct wish *wish, struct arena *arena)
{
	uint8_t packet[DNS_UPSTREAM_QUERY_MAX];
	struct dns_query query;
	struct dns_records again;
	size_t size = dns_question_write(question, 7, DNS_UDP_DEFAULT, wish->edns, packet);
	uint8_t *out = calloc(1, wish->form.limit);
	expect(out);
	if (dns_query_read(packet, size, &query) == DNS_QUERY_GOOD) {
		size = dns_reply(&query, answer, &wish->form, out);
		expect(size <= wish->form.limit);
		int r = dns_records_read(out, size, question, arena, &again, NULL);
		expect(r == 0);
		expect(again.count <= answer->ttl_count);
		expect(again.flags & DNS_FLAG_TC || again.count >= answer->counts[DNS_ANSWER]);
		expect(wish->edns == again.edns);
	}
	free(out);
}

static void check_answer(const uint8_t *message, size_t size, const struct wish *wish,
                         struct arena *arena)
{
	struct dns_question question;
	struct dns_records records;
	struct dns_answer *answer;
	if (!read_question(message, size, &question) ||
	    dns_records_read(message, size, &question, arena, &records, NULL) < 0 ||
	    (wish->scrub && dns_records_scrub(&records) < 0) ||
	    dns_answer_pack(&records, &wish->lifetimes, 0, arena, &answer) < 0)
		return;
	expect(dns_answer_sane(answer, answer->size) && answer->size <= DNS_ANSWER_MAX);
	check_reply(&question, answer, wish, arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < OPTIONS || size > OPTIONS + DNS_MESSAGE_MAX)
		return 0;
	struct wish wish = read_wish(data);
	struct arena *arena = arena_new(ARENA_SIZE);
	expect(arena);
	/* A copy of its own: a read in front of it is seen, too. */
	uint8_t *message = malloc(size > OPTIONS ? size - OPTIONS : 1);
	expect(message);
	memcpy(message, data + OPTIONS, size - OPTIONS);
	check_answer(message, size - OPTIONS, &wish, arena);
	free(message);
	arena_free(arena);
	return 0;
}
