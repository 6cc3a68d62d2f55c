/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "common/siphash.h"
#include "dnscache/wire/record_data.h"
#include "dnscache/wire/records_order.h"

#define SET_NONE UINT16_MAX

struct rrset {
	uint16_t first;    /* record of it */
	uint16_t count[2]; /* records; RRSIGs */
	uint16_t next[2];  /* place of the next one */
};

struct grouping {
	const struct dns_records *records;
	uint16_t *slots; /* sets by hash */
	size_t slot_mask;
	struct rrset *sets;
	size_t set_count;
	uint16_t *set_of; /* by record */
};

static bool same_set(const struct dns_record *a, const struct dns_record *b)
{
	return a->section == b->section && dns_record_covers(a) == dns_record_covers(b) &&
	       dns_name_equal(&a->owner, &b->owner);
}

/* Keyed, because upstream could choose owners that meet in one slot. */
static size_t hash_set(const struct dns_record *record)
{
	struct siphash hash = siphash_begin(siphash_process_key());
	struct dns_name owner;
	owner.length = record->owner.length;
	dns_wire_lower(owner.wire, record->owner.wire, owner.length);
	siphash_word(&hash, (uint64_t)record->section << 16 | dns_record_covers(record));
	siphash_bytes(&hash, owner.wire, owner.length);
	return siphash_end(&hash);
}

static void put_in_set(struct grouping *grouping, size_t i)
{
	const struct dns_record *list = grouping->records->list;
	size_t slot = hash_set(&list[i]) & grouping->slot_mask;
	while (grouping->slots[slot] != SET_NONE &&
	       !same_set(&list[i], &list[grouping->sets[grouping->slots[slot]].first]))
		slot = (slot + 1) & grouping->slot_mask;
	if (grouping->slots[slot] == SET_NONE) {
		grouping->slots[slot] = (uint16_t)grouping->set_count;
		grouping->sets[grouping->set_count++].first = (uint16_t)i;
	}
	grouping->set_of[i] = grouping->slots[slot];
	grouping->sets[grouping->set_of[i]].count[list[i].type == DNS_TYPE_RRSIG]++;
}

static void place_sets(struct grouping *grouping)
{
	const struct dns_record *list = grouping->records->list;
	uint16_t place = 0;
	for (unsigned section = 0; section < DNS_SECTIONS; section++) {
		for (size_t i = 0; i < grouping->set_count; i++) {
			struct rrset *set = &grouping->sets[i];
			if (list[set->first].section != section)
				continue;
			set->next[0] = place;
			set->next[1] = place + set->count[0];
			place = set->next[1] + set->count[1];
		}
	}
}

static int begin_grouping(struct grouping *grouping, const struct dns_records *records)
{
	size_t slots = 4;
	while (slots < 2 * records->count)
		slots *= 2;
	*grouping = (struct grouping){
		.records = records,
		.slot_mask = slots - 1,
		.slots = arena_array(records->arena, slots, sizeof(uint16_t)),
		.sets = arena_array(records->arena, records->count, sizeof(struct rrset)),
		.set_of = arena_array(records->arena, records->count, sizeof(uint16_t)),
	};
	if (!grouping->slots || !grouping->sets || !grouping->set_of)
		return -ENOMEM;
	memset(grouping->slots, 0xff, slots * sizeof(uint16_t));
	return 0;
}

int dns_records_order(const struct dns_records *records, uint16_t **ret)
{
	struct grouping grouping;
	uint16_t *order = arena_array(records->arena, records->count, sizeof(*order));
	if (!order || begin_grouping(&grouping, records) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < records->count; i++)
		put_in_set(&grouping, i);
	place_sets(&grouping);
	for (size_t i = 0; i < records->count; i++) {
		bool signature = records->list[i].type == DNS_TYPE_RRSIG;
		order[grouping.sets[grouping.set_of[i]].next[signature]++] = (uint16_t)i;
	}
	*ret = order;
	return 0;
}
