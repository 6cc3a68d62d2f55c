/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/cache/ring.h"

/* Units that a put may write again beyond its own: it has to end soon. About 70 usual answers; each
 * was of use at least once since, so on the whole sparing costs less than that use. */
#define SPARED_UNITS 1024

static bool one_lap(const struct shard *shard, uint64_t a, uint64_t b)
{
	return a >> shard->lap_shift == b >> shard->lap_shift;
}

/* Units from the head on without a break; tail is at most a lap behind. */
static uint32_t room_at_head(const struct shard *shard)
{
	uint64_t head = ring_head(shard);
	uint64_t tail = ring_tail(shard);

	if (one_lap(shard, tail, head))
		return shard->units - shard_offset(shard, head);
	return shard_offset(shard, tail) - shard_offset(shard, head);
}

static unsigned kind_of(struct shard_entry entry)
{
	return entry.state == SHARD_ENTRY_SUCCESS ? 0 : 1;
}

/* Too old to be served even as a stale one. */
static bool is_gone(const struct shard *shard, uint64_t position, uint32_t now)
{
	const struct dns_answer *answer = ring_answer(shard, position);

	return dns_answer_age(answer, now) > (uint64_t)answer->lifetime + shard->keep_stale;
}

static void count_in(struct shard *shard, struct shard_entry entry)
{
	shard->entries[kind_of(entry)]++;
	shard->bytes += (uint64_t)entry.units * SHARD_UNIT;
}

static void count_out(struct shard *shard, struct shard_entry entry)
{
	shard->entries[kind_of(entry)]--;
	shard->bytes -= (uint64_t)entry.units * SHARD_UNIT;
}

/* An entry that nobody finds any more waits in the ring until the tail comes by. */
static void kill_entry(struct shard *shard, uint64_t position)
{
	struct shard_entry entry = ring_entry(shard, position);

	count_out(shard, entry);
	entry.state = SHARD_ENTRY_DEAD;
	ring_store_entry(shard, position, entry);
}

static void evict(struct shard *shard, uint64_t position, uint32_t now)
{
	if (!is_gone(shard, position, now))
		shard->evictions[kind_of(ring_entry(shard, position))]++;
	kill_entry(shard, position);
}

/* A place in a bucket; slot is NULL where there is none. */
struct place {
	_Atomic uint64_t *slot;
	_Atomic uint8_t *used;
};

static struct place place_in(struct shard_bucket *bucket, unsigned number)
{
	return (struct place){&bucket->slots[number], &bucket->used[number]};
}

static bool is_used(struct place place)
{
	return atomic_load_explicit(place.used, memory_order_relaxed) > 0;
}

static uint64_t position_in(struct place place)
{
	return shard_load(place.slot) & SHARD_POSITION_MASK;
}

/* It says nothing about the ring: empty, or of what shard_empty() threw away. */
static bool is_free(const struct shard *shard, struct place place)
{
	return position_in(place) < ring_tail(shard);
}

static void vacate(struct place place)
{
	atomic_store_explicit(place.slot, 0, memory_order_relaxed);
}

/* Whoever finds the position finds the entry. */
static void occupy(struct place place, uint32_t hash, uint64_t position)
{
	atomic_store_explicit(place.used, 0, memory_order_relaxed);
	atomic_store_explicit(place.slot, shard_slot(hash, position), memory_order_release);
}

static struct place place_of(const struct shard *shard, uint32_t hash, uint64_t position)
{
	struct shard_bucket *bucket = shard_bucket(shard, hash);

	for (unsigned i = 0; i < SHARD_SLOTS; i++) {
		if (shard_load(&bucket->slots[i]) == shard_slot(hash, position))
			return place_in(bucket, i);
	}
	return (struct place){NULL, NULL};
}

/* Writes the entry at the tail again at the head. It fits there: it has just made that room. Both
 * may overlap, the new one before the old one. */
static void spare(struct shard *shard, struct place place, struct shard_entry entry)
{
	unsigned uses = entry.uses + atomic_load_explicit(place.used, memory_order_relaxed);
	uint64_t head = ring_head(shard);
	uint32_t from = shard_offset(shard, ring_tail(shard));
	uint32_t to = shard_offset(shard, head);

	entry.uses = (uint8_t)(uses > UINT8_MAX ? UINT8_MAX : uses);
	ring_move_tail(shard, ring_behind(shard, ring_tail(shard), entry.units));
	ring_store_entry(shard, head, entry);
	for (uint32_t i = 1; i < entry.units; i++)
		ring_store(shard, to + i, shard_load(shard->ring + from + i));
	ring_move_head(shard, ring_behind(shard, head, entry.units));
	occupy(place, entry.hash, head);
}

/* Moves the tail over one entry. */
static void make_way(struct shard *shard, uint32_t now, uint32_t *may_spare)
{
	uint64_t tail = ring_tail(shard);
	struct shard_entry entry = ring_entry(shard, tail);
	struct place place = {NULL, NULL};

	if (!ring_leads_on(shard, tail, entry)) {
		shard_empty(shard);
		return;
	}
	if (entry.state != SHARD_ENTRY_DEAD)
		place = place_of(shard, entry.hash, tail);
	if (place.slot && *may_spare > 0 && is_used(place) && !is_gone(shard, tail, now)) {
		*may_spare -= *may_spare < entry.units ? *may_spare : entry.units;
		spare(shard, place, entry);
		return;
	}
	if (place.slot) {
		evict(shard, tail, now);
		vacate(place);
	}
	ring_move_tail(shard, ring_behind(shard, tail, entry.units));
}

static void fill_lap(struct shard *shard)
{
	uint64_t head = ring_head(shard);
	uint32_t left = shard->units - shard_offset(shard, head);

	ring_store_entry(shard, head, (struct shard_entry){.units = (uint16_t)left});
	ring_move_head(shard, ring_behind(shard, head, left));
}

static void make_room(struct shard *shard, uint32_t units, uint32_t now)
{
	uint32_t may_spare = units + SPARED_UNITS;

	while (room_at_head(shard) < units) {
		if (one_lap(shard, ring_tail(shard), ring_head(shard)))
			fill_lap(shard);
		else
			make_way(shard, now, &may_spare);
	}
}

/* A key has one place at the most; vacant is the first that is free. */
static struct place find(const struct shard *shard, const struct cache_key *key,
                         struct place *vacant)
{
	uint32_t hash = shard_key_hash(key);
	struct shard_bucket *bucket = shard_bucket(shard, hash);

	*vacant = (struct place){NULL, NULL};
	for (unsigned i = 0; i < SHARD_SLOTS; i++) {
		struct place place = place_in(bucket, i);
		uint64_t position = position_in(place);

		if (is_free(shard, place)) {
			if (!vacant->slot)
				*vacant = place;
		} else if (shard_load(place.slot) == shard_slot(hash, position) &&
		           shard_entry_is(shard, shard_offset(shard, position), key)) {
			return place;
		}
	}
	return (struct place){NULL, NULL};
}

/* Expired is worth least, then what nobody asked for, then the oldest. */
static uint64_t worth(const struct shard *shard, struct place place, uint32_t now)
{
	uint64_t rank = is_gone(shard, position_in(place), now) ? 0 : is_used(place) ? 2 : 1;

	return rank << SHARD_POSITION_BITS | position_in(place);
}

static struct place clear_worst(struct shard *shard, uint32_t hash, uint32_t now)
{
	struct shard_bucket *bucket = shard_bucket(shard, hash);
	struct place worst = place_in(bucket, 0);

	for (unsigned i = 1; i < SHARD_SLOTS; i++) {
		struct place place = place_in(bucket, i);

		if (worth(shard, place, now) < worth(shard, worst, now))
			worst = place;
	}
	evict(shard, position_in(worst), now);
	return worst;
}

void shard_publish(struct shard *shard, const struct cache_key *key, uint64_t position,
                   uint32_t now)
{
	struct place vacant;
	struct place place = find(shard, key, &vacant);

	if (place.slot)
		kill_entry(shard, position_in(place));
	else
		place = vacant.slot ? vacant : clear_worst(shard, shard_key_hash(key), now);
	occupy(place, shard_key_hash(key), position);
	count_in(shard, ring_entry(shard, position));
}

static void write_entry(struct shard *shard, uint64_t position, struct shard_entry entry,
                        const struct cache_key *key, const struct dns_answer *answer)
{
	uint32_t at = shard_offset(shard, position);
	unsigned names = shard_name_units(key->name_length);

	ring_store_entry(shard, position, entry);
	ring_store(shard, at + 1, shard_key_word(key));
	at += SHARD_KEY_UNITS;
	for (unsigned i = 0; i < names; i++)
		ring_store(shard, at++, shard_name_word(key, i));
	for (size_t i = 0; i < answer->size; i += SHARD_UNIT) {
		uint64_t word;

		memcpy(&word, (const char *)answer + i, sizeof(word));
		ring_store(shard, at++, word);
	}
}

void shard_put(struct shard *shard, const struct cache_key *key, const struct dns_answer *answer)
{
	uint32_t units =
		SHARD_KEY_UNITS + shard_name_units(key->name_length) + answer->size / SHARD_UNIT;
	struct shard_entry entry = {
		.hash = shard_key_hash(key),
		.units = (uint16_t)units,
		.state = answer->kind == DNS_KIND_SUCCESS ? SHARD_ENTRY_SUCCESS : SHARD_ENTRY_OTHER,
	};
	uint64_t position;

	if (units > shard->units / 4 || units > UINT16_MAX) {
		shard_drop(shard, key);
		return;
	}
	__builtin_prefetch(shard_bucket(shard, entry.hash), 1);
	make_room(shard, units, answer->born);
	position = ring_head(shard);
	write_entry(shard, position, entry, key, answer);
	ring_move_head(shard, ring_behind(shard, position, units));
	shard_publish(shard, key, position, answer->born);
}

void shard_drop(struct shard *shard, const struct cache_key *key)
{
	struct place vacant;
	struct place place = find(shard, key, &vacant);

	if (!place.slot)
		return;
	kill_entry(shard, position_in(place));
	vacate(place);
}

void shard_empty(struct shard *shard)
{
	ring_move_tail(shard, ring_head(shard));
	memset(shard->entries, 0, sizeof(shard->entries));
	shard->bytes = 0;
}

void shard_init(struct shard *shard, struct shard_span *span, void *memory, size_t size)
{
	uint8_t *bytes = memory;

	shard->buckets = (uint32_t)(size / (sizeof(struct shard_bucket) + SHARD_BUCKET_RING));
	shard->units = shard->buckets * (SHARD_BUCKET_RING / SHARD_UNIT);
	shard->lap_shift = 0;
	while (UINT64_C(1) << shard->lap_shift < shard->units)
		shard->lap_shift++;
	shard->span = span;
	shard->index = memory;
	shard->plain = bytes + shard_index_bytes(shard);
	shard->ring = (_Atomic uint64_t *)(shard->index + shard->buckets);
}

size_t shard_index_bytes(const struct shard *shard)
{
	return shard->buckets * sizeof(*shard->index);
}
