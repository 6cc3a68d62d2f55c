/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_CACHE_H
#define PODSG_DNS_CACHE_H

/*
 * One cache for all zones and all workers, in one block of memory whose size never changes. Readers
 * take no lock and write nothing but a byte that says "this was of use"; a writer locks its shard.
 *
 * A shard is a ring of answers in the order they came and an index into it. The oldest answer goes
 * when a new one needs its room, unless it was of use since it came or was last spared: then it is
 * written again at the head (CLOCK, without a list). An answer is never changed once it is
 * in the index; positions in the ring only grow, so a reader that has copied one knows whether the
 * writer was there meanwhile by one comparison.
 *
 * The memory is a memfd: a successor of this process can take it over through the service manager.
 */

#include "common/error.h"
#include "dnscache/wire/answer.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CACHE_BYTES_MIN (1024u * 1024)

enum dns_key_flag {
	DNS_KEY_DO = 1,
	DNS_KEY_CD = 2,
	DNS_KEY_DNS64 = 4, /* AAAA made from A */
};

/* What an answer is an answer to. partition: of which zone with which upstreams, so that a changed
 * Corefile never finds what another one has asked. */
struct cache_key {
	uint64_t hash; /* cache_key_hash() */
	uint32_t partition;
	uint16_t type;
	uint8_t flags;
	uint8_t name_length;
	const uint8_t *name; /* lower case, wire form */
};

static inline bool cache_key_equal(const struct cache_key *a, const struct cache_key *b)
{
	return a->hash == b->hash && a->partition == b->partition && a->type == b->type &&
	       a->flags == b->flags && a->name_length == b->name_length &&
	       memcmp(a->name, b->name, a->name_length) == 0;
}

struct cache;

/*
 * bytes: of the whole block, at least CACHE_BYTES_MIN. memfd: -1, or one that a former process has
 * left; it is taken over if it was made by a cache of this layout, size and boot, and every answer
 * in it is looked at before it is believed; else a new one is made and *adopted is false. That
 * process must be gone. The cache owns the descriptor, whatever is returned.
 *
 * Who takes one over calls cache_prove() once it has lived with it for a while, or ends in good
 * order. One that CACHE_TRIALS processes in a row have not lived with is emptied and not taken: it
 * may be what they die of, be it by an answer in it or by the memory that it takes.
 */
#define CACHE_TRIALS 2
int cache_open(size_t bytes, int memfd, struct cache **ret, bool *adopted, struct error *err);
void cache_prove(struct cache *cache);
void cache_close(struct cache *cache); /* accepts NULL; the memory lives while a memfd is open */
int cache_memfd(const struct cache *cache);

/* Depends on a secret of the cache, so that nobody can fill one bucket. */
uint64_t cache_key_hash(const struct cache *cache, const struct cache_key *key);

/* Hints for who has several keys at hand: the first asks for the memory of the index, the second,
 * some hundred nanoseconds later, for the answer's. */
void cache_prefetch(const struct cache *cache, uint64_t hash);
void cache_prefetch_answer(const struct cache *cache, uint64_t hash);

/*
 * Copies the answer into out, whose room is in bytes (8-aligned). Returns false: not there, or
 * larger than room; *needed, if not NULL, says how much it takes, 0: not there. uses, if not NULL,
 * gets how often it was asked for since it came (it stops at 255). Freshness is the caller's
 * business.
 */
bool cache_get(const struct cache *cache, const struct cache_key *key, struct dns_answer *out,
               size_t room, size_t *needed, unsigned *uses);

/* Takes the place of an older answer to the same key. An answer larger than a quarter of a shard
 * is not kept. What has expired is judged by when this one was born. */
void cache_put(struct cache *cache, const struct cache_key *key, const struct dns_answer *answer);
void cache_drop(struct cache *cache, const struct cache_key *key);
void cache_clear(struct cache *cache);

/* Answers older than lifetime + seconds are not spared when their room is needed. */
void cache_keep_stale(struct cache *cache, uint32_t seconds);

struct cache_statistics {
	uint64_t entries[2];   /* by enum dns_answer_kind: successes; all else */
	uint64_t evictions[2]; /* of what could still have been served */
	uint64_t bytes;        /* that answers take now */
	uint64_t capacity;     /* that they may take */
};
void cache_statistics(const struct cache *cache, struct cache_statistics *ret);

#endif
