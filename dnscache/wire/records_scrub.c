/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/wire/record_data.h"
#include "dnscache/wire/records.h"

/* A name in the data of a record that is kept, in lower case. */
struct mention {
	const uint8_t *name;
	uint8_t length;
};

struct scrub {
	struct dns_records *records;
	bool *kept;              /* by record */
	struct dns_record *list; /* what is kept, in its new order */
	size_t count;
	/* The names from the one asked for to the chain's end. */
	struct dns_name chain[DNS_CHAIN_MAX + 1];
	size_t chain_count;
	struct mention *mentions;
	size_t mention_count;
};

static void keep(struct scrub *scrub, size_t i)
{
	if (scrub->kept[i])
		return;
	scrub->kept[i] = true;
	scrub->list[scrub->count++] = scrub->records->list[i];
}

static const struct dns_name *chain_end(const struct scrub *scrub)
{
	return &scrub->chain[scrub->chain_count - 1];
}

static bool is_in(const struct dns_record *record, enum dns_section section,
                  const struct dns_name *owner)
{
	return record->section == section && dns_name_equal(&record->owner, owner);
}

static void keep_signatures(struct scrub *scrub, const struct dns_record *of)
{
	const struct dns_records *records = scrub->records;
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];
		if (record->type == DNS_TYPE_RRSIG && dns_record_covers(record) == of->type &&
		    is_in(record, of->section, &of->owner))
			keep(scrub, i);
	}
}

/* What was asked for, at the chain's end. */
static bool keep_wanted(struct scrub *scrub)
{
	const struct dns_records *records = scrub->records;
	uint16_t type = records->question.type;
	const struct dns_record *any = NULL;
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];
		if ((record->type == type || type == DNS_TYPE_ANY) &&
		    is_in(record, DNS_ANSWER, chain_end(scrub))) {
			keep(scrub, i);
			any = record;
		}
	}
	if (any)
		keep_signatures(scrub, any);
	return any;
}

/* The DNAME that a CNAME at the chain's end was made from. */
static void keep_dname(struct scrub *scrub)
{
	const struct dns_records *records = scrub->records;
	const struct dns_name *end = chain_end(scrub);
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];
		if (record->section == DNS_ANSWER && record->type == DNS_TYPE_DNAME &&
		    record->owner.length < end->length && dns_name_under(end, &record->owner)) {
			keep(scrub, i);
			keep_signatures(scrub, record);
			return;
		}
	}
}

/* One more link. Returns 1; 0: there is none; -ELOOP. */
static int keep_cname(struct scrub *scrub)
{
	const struct dns_records *records = scrub->records;
	struct dns_name target;
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];
		if (record->type != DNS_TYPE_CNAME || !is_in(record, DNS_ANSWER, chain_end(scrub)))
			continue;
		if (scrub->kept[i] || scrub->chain_count > DNS_CHAIN_MAX)
			return -ELOOP;
		if (dns_data_target(record, &target) < 0)
			return 0;
		keep(scrub, i);
		keep_signatures(scrub, record);
		scrub->chain[scrub->chain_count++] = target;
		return 1;
	}
	return 0;
}

static int scrub_answer(struct scrub *scrub)
{
	int r = 1;
	while (r > 0) {
		if (keep_wanted(scrub))
			return 0;
		keep_dname(scrub);
		r = keep_cname(scrub);
	}
	return r;
}

static bool signed_in_chain(const struct scrub *scrub, const struct dns_record *signature)
{
	struct dns_name signer;
	size_t at = DNS_RRSIG_SIGNER;
	if (signature->data_size <= at ||
	    dns_name_read(signature->data, signature->data_size, &at, &signer) < 0 ||
	    !dns_name_under(&signature->owner, &signer))
		return false;
	for (size_t i = 0; i < scrub->chain_count; i++)
		if (dns_name_under(&scrub->chain[i], &signer))
			return true;
	return false;
}

/*
 * A proof that something isn't there has an owner of its own; its signature says of which zone it
 * is, and without one it proves nothing. Any zone of the chain will do: a CNAME made from a
 * wildcard needs one as well.
 */
static void keep_proofs(struct scrub *scrub)
{
	const struct dns_records *records = scrub->records;
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *signature = &records->list[i];
		uint16_t covers = dns_record_covers(signature);
		if (signature->section != DNS_AUTHORITY || signature->type != DNS_TYPE_RRSIG ||
		    scrub->kept[i] || (covers != DNS_TYPE_NSEC && covers != DNS_TYPE_NSEC3) ||
		    !signed_in_chain(scrub, signature))
			continue;
		for (size_t j = 0; j < records->count; j++)
			if (dns_record_covers(&records->list[j]) == covers &&
			    is_in(&records->list[j], DNS_AUTHORITY, &signature->owner))
				keep(scrub, j);
	}
}

/* SOA, NS and DS of a zone that the chain's end is in; of SOAs one. */
static void scrub_authority(struct scrub *scrub)
{
	const struct dns_records *records = scrub->records;
	bool soa = false;
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];
		uint16_t covers = dns_record_covers(record);
		if (record->section != DNS_AUTHORITY ||
		    (covers != DNS_TYPE_SOA && covers != DNS_TYPE_NS && covers != DNS_TYPE_DS) ||
		    !dns_name_under(chain_end(scrub), &record->owner) ||
		    (record->type == DNS_TYPE_SOA && soa))
			continue;
		soa |= record->type == DNS_TYPE_SOA;
		keep(scrub, i);
	}
	keep_proofs(scrub);
}

static int compare_mentions(const void *a, const void *b)
{
	const struct mention *left = a;
	const struct mention *right = b;
	if (left->length != right->length)
		return left->length < right->length ? -1 : 1;
	return memcmp(left->name, right->name, left->length);
}

static int find_mentions(struct scrub *scrub)
{
	struct arena *arena = scrub->records->arena;
	scrub->mentions = arena_array(arena, scrub->count, sizeof(*scrub->mentions));
	if (!scrub->mentions)
		return -ENOMEM;
	for (size_t i = 0; i < scrub->count; i++) {
		struct dns_name target;
		if (dns_data_target(&scrub->list[i], &target) < 0)
			continue;
		uint8_t *name = arena_alloc(arena, target.length);
		if (!name)
			return -ENOMEM;
		dns_wire_lower(name, target.wire, target.length);
		scrub->mentions[scrub->mention_count++] = (struct mention){name, target.length};
	}
	/* Sorted, because upstream may mention thousands and send as many addresses. */
	qsort(scrub->mentions, scrub->mention_count, sizeof(*scrub->mentions), compare_mentions);
	return 0;
}

static bool is_mentioned(const struct scrub *scrub, const struct dns_name *name)
{
	uint8_t lower[DNS_NAME_MAX];
	const struct mention wanted = {lower, name->length};
	dns_wire_lower(lower, name->wire, name->length);
	return bsearch(&wanted, scrub->mentions, scrub->mention_count, sizeof(*scrub->mentions),
	               compare_mentions);
}

static int scrub_additional(struct scrub *scrub)
{
	const struct dns_records *records = scrub->records;
	if (find_mentions(scrub) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];
		uint16_t covers = dns_record_covers(record);
		if (record->section == DNS_ADDITIONAL &&
		    (covers == DNS_TYPE_A || covers == DNS_TYPE_AAAA) &&
		    is_mentioned(scrub, &record->owner))
			keep(scrub, i);
	}
	return 0;
}

int dns_records_scrub(struct dns_records *records)
{
	struct scrub scrub = {
		.records = records,
		.kept = arena_array(records->arena, records->count, sizeof(bool)),
		.list = arena_array(records->arena, records->count, sizeof(struct dns_record)),
		.chain_count = 1,
	};
	if (!scrub.kept || !scrub.list)
		return -ENOMEM;
	scrub.chain[0] = records->question.name;
	int r = scrub_answer(&scrub);
	if (r < 0)
		return r;
	scrub_authority(&scrub);
	r = scrub_additional(&scrub);
	if (r < 0)
		return r;
	records->list = scrub.list;
	records->count = scrub.count;
	records->capacity = scrub.count;
	return 0;
}
