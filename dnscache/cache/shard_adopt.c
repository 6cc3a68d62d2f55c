/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "dnscache/cache/ring.h"

/* How many entries a former process's index is filled ahead of. */
#define ANNOUNCED 16
/* Positions that a ring may be adopted with: far from the last one. */
#define ADOPTED_POSITION_MAX (SHARD_POSITION_MASK / 2)

static uint64_t first_position(const struct shard *shard)
{
	return UINT64_C(1) << shard->lap_shift;
}

void shard_begin(struct shard *shard)
{
	ring_move_head(shard, first_position(shard));
	shard_empty(shard);
}

static bool span_is_sane(const struct shard *shard)
{
	uint64_t tail = ring_tail(shard);
	uint64_t head = ring_head(shard);

	return tail >= first_position(shard) && tail <= head && head <= ADOPTED_POSITION_MAX &&
	       head - tail <= first_position(shard) && shard_offset(shard, tail) < shard->units &&
	       shard_offset(shard, head) < shard->units;
}

static bool entry_is_sane(const struct shard *shard, uint64_t position, struct shard_entry entry)
{
	const _Atomic uint64_t *at = shard->ring + shard_offset(shard, position);
	size_t least = SHARD_KEY_UNITS + sizeof(struct dns_answer) / SHARD_UNIT;
	size_t length;
	size_t room;
	const struct dns_answer *answer;

	if (entry.units < least)
		return false;
	length = (uint8_t)shard_load(at + 1);
	if (length == 0 || entry.units < least + shard_name_units((unsigned)length))
		return false;
	answer = ring_answer(shard, position);
	room = (entry.units - SHARD_KEY_UNITS - shard_name_units((unsigned)length)) * SHARD_UNIT;
	return answer->size == room && dns_answer_sane(answer, room) &&
	       (answer->kind == DNS_KIND_SUCCESS) == (entry.state == SHARD_ENTRY_SUCCESS);
}

static void adopt_entry(struct shard *shard, uint64_t position, struct shard_entry entry)
{
	const _Atomic uint64_t *at = shard->ring + shard_offset(shard, position);
	uint64_t word = shard_load(at + 1);
	struct cache_key key = {
		.hash = (uint64_t)entry.hash << 32,
		.partition = (uint32_t)(word >> 32),
		.type = (uint16_t)(word >> 16),
		.flags = (uint8_t)(word >> 8),
		.name_length = (uint8_t)word,
		.name = ring_bytes(shard, position, SHARD_KEY_UNITS),
	};

	shard_publish(shard, &key, position, ring_answer(shard, position)->born);
}

/* Asks for the bucket of the entry at position; returns the position behind it. */
static uint64_t announce(const struct shard *shard, uint64_t position, uint64_t head)
{
	struct shard_entry entry;

	if (position >= head)
		return head;
	entry = ring_entry(shard, position);
	if (!ring_leads_on(shard, position, entry))
		return head;
	__builtin_prefetch(shard_bucket(shard, entry.hash), 1);
	return ring_behind(shard, position, entry.units);
}

static void adopt_if_sane(struct shard *shard, uint64_t position, struct shard_entry entry)
{
	if (entry.state == SHARD_ENTRY_DEAD)
		return;
	if (entry_is_sane(shard, position, entry)) {
		adopt_entry(shard, position, entry);
		return;
	}
	entry.state = SHARD_ENTRY_DEAD;
	ring_store_entry(shard, position, entry);
}

/* Entries lie one behind the other, their buckets anywhere: these are asked for in advance. */
void shard_adopt(struct shard *shard)
{
	uint64_t head = ring_head(shard);
	uint64_t position = ring_tail(shard);
	uint64_t ahead = position;

	if (!span_is_sane(shard)) {
		shard_begin(shard);
		return;
	}
	for (unsigned i = 0; i < ANNOUNCED; i++)
		ahead = announce(shard, ahead, head);
	while (position < head) {
		struct shard_entry entry = ring_entry(shard, position);

		ahead = announce(shard, ahead, head);
		if (!ring_leads_on(shard, position, entry))
			break;
		adopt_if_sane(shard, position, entry);
		position = ring_behind(shard, position, entry.units);
	}
	if (position != head)
		shard_empty(shard);
}
