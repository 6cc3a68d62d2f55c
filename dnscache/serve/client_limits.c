/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"
#include "dnscache/serve/client_limits.h"

#define PLACES 8192 /* a power of two */
#define TOKEN 1000  /* of one query: milliseconds times queries a second make whole numbers */

/* When tokens were counted last, in milliseconds, above; how many there were then, below. */
typedef _Atomic uint64_t bucket;

struct client_limits {
	uint32_t per_second;
	uint32_t outstanding;
	bucket buckets[PLACES];
	_Atomic uint32_t waiting[PLACES];
};

struct client_limits *client_limits_new(uint32_t per_second, uint32_t outstanding)
{
	struct client_limits *limits = calloc(1, sizeof(*limits));
	if (!limits)
		return NULL;
	limits->per_second = per_second;
	limits->outstanding = outstanding;
	return limits;
}

void client_limits_free(struct client_limits *limits)
{
	free(limits);
}

uint32_t client_hash(const struct client_limits *limits, const struct sockaddr *address)
{
	if (!limits->per_second && !limits->outstanding)
		return 0;
	struct siphash hash = siphash_begin(siphash_process_key());
	if (address->sa_family == AF_INET) {
		siphash_word(&hash,
		             ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr);
	} else {
		uint64_t words[2];
		memcpy(words, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
		       sizeof(words));
		siphash_word(&hash, words[0]);
		siphash_word(&hash, words[1]);
	}
	return (uint32_t)siphash_end(&hash);
}

bool client_limits_query(struct client_limits *limits, uint32_t hash, uint64_t now)
{
	if (!limits->per_second)
		return true;
	bucket *place = &limits->buckets[hash % PLACES];
	uint64_t full = (uint64_t)limits->per_second * TOKEN;
	uint64_t before = atomic_load_explicit(place, memory_order_relaxed);
	uint64_t after;
	do {
		uint64_t passed = (uint32_t)((uint32_t)now - (uint32_t)(before >> 32));
		uint64_t tokens = (uint32_t)before + passed * limits->per_second;
		if (tokens > full || before == 0)
			tokens = full;
		if (tokens < TOKEN)
			return false;
		after = now << 32 | (tokens - TOKEN);
	} while (!atomic_compare_exchange_weak_explicit(place, &before, after, memory_order_relaxed,
	                                                memory_order_relaxed));
	return true;
}

bool client_limits_wait(struct client_limits *limits, uint32_t hash)
{
	if (!limits->outstanding)
		return true;
	_Atomic uint32_t *place = &limits->waiting[hash % PLACES];
	uint32_t before = atomic_fetch_add_explicit(place, 1, memory_order_relaxed);
	if (before < limits->outstanding)
		return true;
	atomic_fetch_sub_explicit(place, 1, memory_order_relaxed);
	return false;
}

void client_limits_waited(struct client_limits *limits, uint32_t hash)
{
	if (limits->outstanding)
		atomic_fetch_sub_explicit(&limits->waiting[hash % PLACES], 1, memory_order_relaxed);
}
