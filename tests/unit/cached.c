/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/cached.h"

static uint64_t random_state;

void cached_key(const struct cache *cache, unsigned number, struct cached_key *ret)
{
	int length = snprintf((char *)ret->name, sizeof(ret->name), "%cname-%u%cexample%ccom", 1,
	                      number, 7, 3);

	ret->name[0] = (uint8_t)(length - 13);
	ret->key = (struct cache_key){
		.partition = 7,
		.type = DNS_TYPE_AAAA,
		.name = ret->name,
		.name_length = (uint8_t)(length + 1),
	};
	ret->key.hash = cache_key_hash(cache, &ret->key);
}

static void put_u32(uint8_t *at, unsigned value)
{
	dns_put_u16(at, (uint16_t)(value >> 16));
	dns_put_u16(at + 2, (uint16_t)value);
}

/* An AAAA record of the question's name: the address says what it belongs to. */
static void put_record(uint8_t *at, unsigned number, unsigned version, unsigned index)
{
	static const uint8_t head[] = {0xc0, 0x0c, 0, DNS_TYPE_AAAA, 0, 1, 0, 0, 14, 16, 0, 16};

	memcpy(at, head, sizeof(head));
	put_u32(at + 12, number);
	put_u32(at + 16, version);
	put_u32(at + 20, index);
	put_u32(at + 24, number * 2654435761u ^ version * 40503u ^ index);
}

void cached_answer(unsigned number, unsigned version, unsigned records, union cached_answer *ret)
{
	struct cached_key key = {.name = {0}};
	uint8_t *bytes = (uint8_t *)ret + sizeof(struct dns_answer);
	size_t used = sizeof(struct dns_answer) + records * (2 + (size_t)CACHED_RECORD);
	int length = snprintf((char *)key.name, sizeof(key.name), "name-%u", number) + 14;
	size_t body_at = DNS_HEADER_SIZE + (size_t)length + 4;

	ret->answer = (struct dns_answer){
		.size = (uint32_t)((used + 7) / 8 * 8),
		.born = 1000,
		.lifetime = 3600,
		.counts = {(uint16_t)records},
		.body_size = (uint16_t)(records * CACHED_RECORD),
		.ttl_count = (uint16_t)records,
		.name_length = (uint8_t)length,
		.kind = records > 0 ? DNS_KIND_SUCCESS : DNS_KIND_FAILURE,
		.rcode = records > 0 ? DNS_RCODE_NOERROR : DNS_RCODE_SERVFAIL,
	};
	if (records == 0)
		ret->answer.flags = (uint16_t)(version % 16);
	memset((uint8_t *)ret + used, 0, ret->answer.size - used);
	for (unsigned i = 0; i < records; i++) {
		uint16_t ttl_at = (uint16_t)(body_at + (size_t)i * CACHED_RECORD + 6);

		memcpy(bytes + 2 * (size_t)i, &ttl_at, sizeof(ttl_at));
		put_record(bytes + 2 * (size_t)records + (size_t)i * CACHED_RECORD, number, version,
		           i);
	}
}

bool cached_answer_is(const union cached_answer *answer, unsigned number, unsigned *version)
{
	static _Thread_local union cached_answer whole;
	unsigned records = answer->answer.ttl_count;
	const uint8_t *record = (const uint8_t *)answer + sizeof(struct dns_answer) + 2 * records;

	if (records > CACHED_RECORDS_MAX)
		return false;
	*version = records > 0 ? dns_u32(record + 16) : answer->answer.flags;
	cached_answer(number, *version, records, &whole);
	whole.answer.born = answer->answer.born;
	whole.answer.lifetime = answer->answer.lifetime;
	return memcmp(&whole, answer, whole.answer.size) == 0;
}

struct cache *cached_open(size_t bytes)
{
	struct error err = {0};
	struct cache *cache;
	bool adopted;

	if (cache_open(bytes, -1, &cache, &adopted, &err) < 0)
		fail_msg("%s", err.text);
	assert_false(adopted);
	return cache;
}

struct cache *cached_succeed(struct cache *cache, size_t bytes, bool *adopted)
{
	struct error err = {0};
	int memfd = dup(cache_memfd(cache));

	cache_prove(cache);
	cache_close(cache);
	assert_true(memfd >= 0);
	if (cache_open(bytes, memfd, &cache, adopted, &err) < 0)
		fail_msg("%s", err.text);
	return cache;
}

void cached_put(struct cache *cache, unsigned number, unsigned version, unsigned records)
{
	static _Thread_local union cached_answer answer;
	struct cached_key key;

	cached_key(cache, number, &key);
	cached_answer(number, version, records, &answer);
	cache_put(cache, &key.key, &answer.answer);
}

unsigned cached_get(const struct cache *cache, unsigned number)
{
	static _Thread_local union cached_answer answer;
	struct cached_key key;
	unsigned version = 0;

	cached_key(cache, number, &key);
	if (!cache_get(cache, &key.key, &answer.answer, sizeof(answer), NULL, NULL))
		return 0;
	if (!cached_answer_is(&answer, number, &version))
		fail_msg("name-%u got an answer that is not its own, or not whole", number);
	return version;
}

uint64_t cached_entries(const struct cache *cache)
{
	struct cache_statistics statistics;

	cache_statistics(cache, &statistics);
	return statistics.entries[0] + statistics.entries[1];
}

void cached_random_begin(void)
{
	const char *given = getenv("PODSG_SEED");

	if (given)
		random_state = strtoull(given, NULL, 0);
	else if (getrandom(&random_state, sizeof(random_state), 0) != sizeof(random_state))
		random_state = 1;
	print_message("PODSG_SEED=%" PRIu64 "\n", random_state);
}

/* splitmix64 */
unsigned cached_random(unsigned below)
{
	uint64_t value = random_state += 0x9e3779b97f4a7c15;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return (unsigned)((value ^ value >> 31) % below);
}
