/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/cache/shard.h"

/* How often a reader looks again when the writer was faster. */
#define TRIES 4

enum outcome { ABSENT, FOUND, TOO_LARGE };

/* The answer's first unit. */
struct answer_begin {
	uint32_t size;
	uint32_t born;
};
_Static_assert(offsetof(struct dns_answer, size) == 0, "the size is read before the answer");
_Static_assert(sizeof(struct dns_answer) % SHARD_UNIT == 0, "answers are copied in units");

/* What is read here may have been overwritten half-way: the size is believed as far as it stays in
 * the ring, and the caller throws all away if it was. */
static enum outcome copy_answer(const struct shard *shard, uint32_t offset, struct dns_answer *out,
                                size_t room, size_t *size)
{
	const _Atomic uint64_t *from = shard->ring + offset;
	size_t units = shard->units - offset;
	uint64_t word;
	struct answer_begin begin;

	if (units == 0)
		return ABSENT;
	word = shard_load(from);
	memcpy(&begin, &word, sizeof(begin));
	if (begin.size / SHARD_UNIT > units || begin.size % SHARD_UNIT != 0)
		return ABSENT;
	*size = begin.size;
	if (begin.size > room)
		return TOO_LARGE;
	units = begin.size / SHARD_UNIT;
	for (size_t i = 0; i < units; i++) {
		word = shard_load(from + i);
		memcpy((char *)out + i * SHARD_UNIT, &word, sizeof(word));
	}
	return FOUND;
}

static unsigned count_use(_Atomic uint8_t *used)
{
	unsigned uses = atomic_load_explicit(used, memory_order_relaxed);

	if (uses < UINT8_MAX)
		atomic_store_explicit(used, (uint8_t)++uses, memory_order_relaxed);
	return uses;
}

static unsigned former_uses(const struct shard *shard, uint32_t offset)
{
	uint64_t word = shard_load(shard->ring + offset);
	struct shard_entry entry;

	memcpy(&entry, &word, sizeof(entry));
	return entry.uses;
}

static bool overrun(const struct shard *shard, uint64_t position)
{
	atomic_thread_fence(memory_order_acquire);
	return position < atomic_load_explicit(&shard->span->tail, memory_order_relaxed);
}

struct wish {
	const struct cache_key *key;
	struct dns_answer *out;
	size_t room;
	size_t size;
	unsigned uses;
};

/* again: the writer was at an entry that might have been the right one. */
static enum outcome look(const struct shard *shard, struct wish *wish, bool *again)
{
	uint32_t hash = shard_key_hash(wish->key);
	struct shard_bucket *bucket = shard_bucket(shard, hash);

	*again = false;
	for (unsigned i = 0; i < SHARD_SLOTS; i++) {
		uint64_t slot = atomic_load_explicit(&bucket->slots[i], memory_order_acquire);
		uint64_t position = slot & SHARD_POSITION_MASK;
		uint32_t offset = shard_offset(shard, position);
		enum outcome outcome = ABSENT;
		unsigned former = 0;

		if (slot != shard_slot(hash, position) || position == 0)
			continue;
		if (shard_entry_is(shard, offset, wish->key)) {
			former = former_uses(shard, offset);
			offset += SHARD_KEY_UNITS + shard_name_units(wish->key->name_length);
			outcome = copy_answer(shard, offset, wish->out, wish->room, &wish->size);
		}
		if (overrun(shard, position)) {
			*again = true;
		} else if (outcome != ABSENT) {
			wish->uses = former + count_use(&bucket->used[i]);
			return outcome;
		}
	}
	return ABSENT;
}

bool shard_get(const struct shard *shard, const struct cache_key *key, struct dns_answer *out,
               size_t room, size_t *needed, unsigned *uses)
{
	struct wish wish = {.key = key, .out = out, .room = room};
	enum outcome outcome = ABSENT;
	bool again = true;

	for (unsigned i = 0; i < TRIES && again && outcome == ABSENT; i++)
		outcome = look(shard, &wish, &again);
	if (needed)
		*needed = outcome == ABSENT ? 0 : wish.size;
	if (uses)
		*uses = wish.uses > UINT8_MAX ? UINT8_MAX : wish.uses;
	return outcome == FOUND;
}

void shard_prefetch_answer(const struct shard *shard, uint32_t hash)
{
	const struct shard_bucket *bucket = shard_bucket(shard, hash);

	for (unsigned i = 0; i < SHARD_SLOTS; i++) {
		uint64_t slot = shard_load(&bucket->slots[i]);
		uint64_t position = slot & SHARD_POSITION_MASK;
		const _Atomic uint64_t *entry = shard->ring + shard_offset(shard, position);

		if (slot == shard_slot(hash, position)) {
			__builtin_prefetch(entry);
			__builtin_prefetch(entry + 8);
			return;
		}
	}
}
