/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_RING_H
#define PODSG_DNS_RING_H

/* The ring of a shard as its writer sees it, who holds the lock. */

#include "dnscache/cache/shard.h"

static inline uint64_t ring_tail(const struct shard *shard)
{
	return atomic_load_explicit(&shard->span->tail, memory_order_relaxed);
}

static inline uint64_t ring_head(const struct shard *shard)
{
	return atomic_load_explicit(&shard->span->head, memory_order_relaxed);
}

/* No reader believes what is before the tail, so writing may begin. */
static inline void ring_move_tail(struct shard *shard, uint64_t position)
{
	atomic_store_explicit(&shard->span->tail, position, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

/* All before the head is written: a successor may read it. */
static inline void ring_move_head(struct shard *shard, uint64_t position)
{
	atomic_store_explicit(&shard->span->head, position, memory_order_release);
}

static inline void ring_store(struct shard *shard, uint32_t offset, uint64_t word)
{
	atomic_store_explicit(shard->ring + offset, word, memory_order_relaxed);
}

static inline struct shard_entry ring_entry(const struct shard *shard, uint64_t position)
{
	uint64_t word = shard_load(shard->ring + shard_offset(shard, position));
	struct shard_entry entry;

	memcpy(&entry, &word, sizeof(entry));
	return entry;
}

static inline void ring_store_entry(struct shard *shard, uint64_t position,
                                    struct shard_entry entry)
{
	uint64_t word;

	memcpy(&word, &entry, sizeof(word));
	ring_store(shard, shard_offset(shard, position), word);
}

static inline uint64_t ring_behind(const struct shard *shard, uint64_t position, uint32_t units)
{
	uint64_t lap = UINT64_C(1) << shard->lap_shift;

	position += units;
	if (shard_offset(shard, position) == shard->units)
		position = (position | (lap - 1)) + 1;
	return position;
}

/* Of an entry that is written, and whose lock is held. */
static inline const void *ring_bytes(const struct shard *shard, uint64_t position, unsigned unit)
{
	return shard->plain + (size_t)(shard_offset(shard, position) + unit) * SHARD_UNIT;
}

static inline const struct dns_answer *ring_answer(const struct shard *shard, uint64_t position)
{
	const _Atomic uint64_t *at = shard->ring + shard_offset(shard, position);
	unsigned names = shard_name_units((uint8_t)shard_load(at + 1));

	return ring_bytes(shard, position, SHARD_KEY_UNITS + names);
}

static inline bool ring_leads_on(const struct shard *shard, uint64_t position,
                                 struct shard_entry entry)
{
	return entry.units > 0 && entry.units <= shard->units - shard_offset(shard, position);
}

#endif
