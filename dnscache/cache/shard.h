/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_SHARD_H
#define PODSG_DNS_SHARD_H

/*
 * One shard of the cache: a ring of entries and an index into it. Only dnscache/cache/ includes
 * this.
 *
 * The ring is an array of 8-byte units. A position is the lap in the upper bits and the unit in the
 * lower ones, so positions only grow and need no division. What lies in [tail, head) is there;
 * entries never go over the end of the ring.
 *
 * An entry is
 *	unit 0	struct shard_entry
 *	unit 1	partition, type, flags and length of the name, of the key
 *	…	the name, filled up with zeros
 *	…	the answer
 *
 * The writer moves the tail over an entry before it writes there. Who has copied an entry and then
 * still finds the tail before it has copied what was written in one piece.
 */

#include "dnscache/cache/cache.h"

#include <endian.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define SHARD_SLOTS 7
#define SHARD_UNIT 8
#define SHARD_KEY_UNITS 2 /* of an entry before the name */
/* Of ring for each bucket. Few answers with their keys are smaller than 100 bytes, so buckets are
 * seldom full. */
#define SHARD_BUCKET_RING (SHARD_SLOTS * 64)

#define SHARD_POSITION_BITS 48
#define SHARD_POSITION_MASK ((UINT64_C(1) << SHARD_POSITION_BITS) - 1)

enum shard_entry_state {
	SHARD_ENTRY_DEAD, /* replaced or dropped, or fills the end of the ring */
	SHARD_ENTRY_SUCCESS,
	SHARD_ENTRY_OTHER,
};

struct shard_entry {
	uint32_t hash;  /* the upper half of the key's */
	uint16_t units; /* of the whole entry */
	uint8_t uses;   /* until it was last spared */
	uint8_t state;  /* enum shard_entry_state */
};

/* One cache line. */
struct shard_bucket {
	_Alignas(64) _Atomic uint64_t slots[SHARD_SLOTS]; /* 16 bits of hash, position; 0: empty */
	_Atomic uint8_t used[SHARD_SLOTS + 1]; /* how often since it came or was spared */
};

/* In the memory that outlives the process. */
struct shard_span {
	_Alignas(64) _Atomic uint64_t tail;
	_Atomic uint64_t head;
};

struct shard {
	struct shard_span *span;
	struct shard_bucket *index;
	_Atomic uint64_t *ring;
	const uint8_t *plain; /* the ring, for who holds the lock */
	uint32_t buckets;
	uint32_t units; /* of the ring */
	unsigned lap_shift;

	/* A lock must not lie in memory that outlives who holds it. */
	_Alignas(64) pthread_mutex_t lock;
	uint32_t keep_stale;
	uint64_t entries[2];
	uint64_t evictions[2];
	uint64_t bytes;
};

/* memory: of size bytes, 64-aligned; laid out by its size alone, and the index, of so many bytes,
 * is in front. Nothing is written there. The lock is the caller's to make and unmake. */
void shard_init(struct shard *shard, struct shard_span *span, void *memory, size_t size);
size_t shard_index_bytes(const struct shard *shard);

/* The writer's side; the caller holds the lock. */
void shard_put(struct shard *shard, const struct cache_key *key, const struct dns_answer *answer);
void shard_drop(struct shard *shard, const struct cache_key *key);
void shard_empty(struct shard *shard);
/* Lets the index know of an entry in the ring, instead of an older one of this key. */
void shard_publish(struct shard *shard, const struct cache_key *key, uint64_t position,
                   uint32_t now);
/* The index is zeros. The ring begins anew, or is what a former process has left: then what makes
 * sense of it is put into the index. */
void shard_begin(struct shard *shard);
void shard_adopt(struct shard *shard);

/* The reader's side: as cache_get(). */
bool shard_get(const struct shard *shard, const struct cache_key *key, struct dns_answer *out,
               size_t room, size_t *needed, unsigned *uses);
void shard_prefetch_answer(const struct shard *shard, uint32_t hash);

static inline uint64_t shard_load(const _Atomic uint64_t *at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

static inline struct shard_bucket *shard_bucket(const struct shard *shard, uint32_t hash)
{
	return shard->index + ((uint64_t)hash * shard->buckets >> 32);
}

static inline uint64_t shard_slot(uint32_t hash, uint64_t position)
{
	return (uint64_t)hash << SHARD_POSITION_BITS | position;
}

static inline uint32_t shard_offset(const struct shard *shard, uint64_t position)
{
	return (uint32_t)(position & ((UINT64_C(1) << shard->lap_shift) - 1));
}

static inline uint32_t shard_key_hash(const struct cache_key *key)
{
	return (uint32_t)(key->hash >> 32);
}

static inline uint64_t shard_key_word(const struct cache_key *key)
{
	return (uint64_t)key->partition << 32 | (uint64_t)key->type << 16 |
	       (uint64_t)key->flags << 8 | key->name_length;
}

static inline unsigned shard_name_units(unsigned length)
{
	return (length + SHARD_UNIT - 1) / SHARD_UNIT;
}

/* The unit'th 8 bytes of the name, with zeros behind its end, where nothing is read. */
static inline uint64_t shard_name_word(const struct cache_key *key, unsigned unit)
{
	const uint8_t *at = key->name + (size_t)unit * SHARD_UNIT;
	unsigned left = key->name_length - unit * SHARD_UNIT;
	uint64_t word = 0;

	if (left >= SHARD_UNIT) {
		memcpy(&word, at, SHARD_UNIT);
	} else if (unit > 0) {
		/* Bytes of the unit before, pushed out: faster than a memcpy() of any size. */
		memcpy(&word, at + left - SHARD_UNIT, SHARD_UNIT);
		word = htole64(le64toh(word) >> (SHARD_UNIT - left) * 8);
	} else {
		memcpy(&word, at, left);
	}
	return word;
}

/* Whether the entry at offset, which may be anything, begins with this key. */
static inline bool shard_entry_is(const struct shard *shard, uint32_t offset,
                                  const struct cache_key *key)
{
	const _Atomic uint64_t *at = shard->ring + offset;
	unsigned names = shard_name_units(key->name_length);

	if (shard->units - offset < SHARD_KEY_UNITS + names ||
	    shard_load(at + 1) != shard_key_word(key))
		return false;
	for (unsigned i = 0; i < names; i++) {
		if (shard_load(at + SHARD_KEY_UNITS + i) != shard_name_word(key, i))
			return false;
	}
	return true;
}

#endif
