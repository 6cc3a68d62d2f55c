/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_CACHED_H
#define PODSG_TESTS_CACHED_H

/* Keys and answers for the tests of the cache: an answer says which key it belongs to and which
 * version it is, so that a wrong one or a torn one shows. */

#include "dnscache/cache/cache.h"

#define CACHED_RECORD 28 /* bytes of body for each record */
#define CACHED_RECORDS_MAX 2200

struct cached_key {
	struct cache_key key; /* with a pointer to name */
	uint8_t name[64];
};
/* key.name points into ret. */
void cached_key(const struct cache *cache, unsigned number, struct cached_key *ret);

union cached_answer {
	struct dns_answer answer;
	uint64_t units[DNS_ANSWER_MAX / 8];
};
void cached_answer(unsigned number, unsigned version, unsigned records, union cached_answer *ret);
/* Whether it is what cached_answer() made, whole; *version says which, born and lifetime are left
 * out. */
bool cached_answer_is(const union cached_answer *answer, unsigned number, unsigned *version);

struct cache *cached_open(size_t bytes);
/* The memory of one cache, as a successor's; closes the cache. */
struct cache *cached_succeed(struct cache *cache, size_t bytes, bool *adopted);

/* Puts with lifetime 3600, born at 1000. */
void cached_put(struct cache *cache, unsigned number, unsigned version, unsigned records);
/* 0: not there; else the version. An answer that is not whole fails the test. */
unsigned cached_get(const struct cache *cache, unsigned number);
uint64_t cached_entries(const struct cache *cache);

/* PODSG_SEED where it is set; said on the screen. */
void cached_random_begin(void);
unsigned cached_random(unsigned below);

#endif
