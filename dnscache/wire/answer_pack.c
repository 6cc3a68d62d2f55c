/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/wire/answer.h"
#include "dnscache/wire/answer_ttl.h"
#include "dnscache/wire/record_data.h"
#include "dnscache/wire/records_order.h"

#define RECORD_HEAD 10 /* type, class, TTL, size: behind a record's owner */
#define POINTER 0xc000u
#define POINTERS_END 0x4000u /* offsets that a pointer can't hold */
#define NAMES_KNOWN 512      /* a power of 2 */
#define LABELS_MAX (DNS_NAME_MAX / 2)

struct packer {
	const struct dns_name *question;
	size_t body_at; /* of the message */
	uint8_t *body;
	size_t size; /* of the body so far */
	size_t room;
	bool full;
	/* Where in the message a name begins, by its hash: the first of those that share a slot
	 * stays, so that a hostile message costs no more than any other. 0: none. */
	uint16_t known[NAMES_KNOWN];
};

/* A name's ends, one for each label. */
struct name_ends {
	unsigned count;
	uint8_t at[LABELS_MAX];
	uint16_t slot[LABELS_MAX];
};

static void split_name(const uint8_t *wire, struct name_ends *ret)
{
	uint32_t hash = 2166136261u; /* FNV-1a */
	unsigned count = 0;
	for (unsigned at = 0; wire[at]; at += 1u + wire[at])
		ret->at[count++] = (uint8_t)at;
	ret->count = count;
	for (unsigned i = count; i-- > 0;) {
		const uint8_t *label = wire + ret->at[i];
		for (unsigned j = 0; j <= *label; j++) {
			uint8_t byte = label[j];
			byte |= byte >= 'A' && byte <= 'Z' ? 0x20 : 0;
			hash = (hash ^ byte) * 16777619u;
		}
		ret->slot[i] = (uint16_t)((hash ^ hash >> 16) % NAMES_KNOWN);
	}
}

static const uint8_t *message_at(const struct packer *packer, size_t offset)
{
	if (offset < packer->body_at)
		return packer->question->wire + (offset - DNS_HEADER_SIZE);
	return packer->body + (offset - packer->body_at);
}

/* Whether the name at offset of the message, which we have written, is this one. */
static bool is_name(const struct packer *packer, size_t offset, const uint8_t *name)
{
	for (;;) {
		const uint8_t *label = message_at(packer, offset);
		if (*label > DNS_LABEL_MAX) {
			offset = dns_u16(label) & (POINTERS_END - 1);
			continue;
		}
		if (*label != *name || !dns_wire_equal(label + 1, name + 1, *label))
			return false;
		if (*label == 0)
			return true;
		offset += 1u + *label;
		name += 1u + *name;
	}
}

static void know_name(struct packer *packer, const struct name_ends *ends, unsigned count,
                      size_t offset)
{
	for (unsigned i = 0; i < count && offset + ends->at[i] < POINTERS_END; i++)
		if (packer->known[ends->slot[i]] == 0)
			packer->known[ends->slot[i]] = (uint16_t)(offset + ends->at[i]);
}

static void put_bytes(struct packer *packer, const void *bytes, size_t size)
{
	packer->full |= size > packer->room - packer->size;
	if (packer->full)
		return;
	if (size > 0)
		memcpy(packer->body + packer->size, bytes, size);
	packer->size += size;
}

static void put_u16(struct packer *packer, uint16_t value)
{
	uint8_t bytes[2];
	dns_put_u16(bytes, value);
	put_bytes(packer, bytes, sizeof(bytes));
}

static void put_name(struct packer *packer, const uint8_t *wire)
{
	struct name_ends ends;
	size_t offset = packer->body_at + packer->size;
	unsigned fresh = 0; /* labels in front of what is known */
	size_t known = 0;
	split_name(wire, &ends);
	for (; fresh < ends.count; fresh++) {
		known = packer->known[ends.slot[fresh]];
		if (known > 0 && is_name(packer, known, wire + ends.at[fresh]))
			break;
	}
	if (fresh == ends.count) {
		size_t last = ends.count ? ends.at[ends.count - 1] : 0;
		put_bytes(packer, wire, last + wire[last] + (ends.count ? 2 : 1));
	} else {
		put_bytes(packer, wire, ends.at[fresh]);
		put_u16(packer, (uint16_t)(POINTER | known));
	}
	if (!packer->full)
		know_name(packer, &ends, fresh, offset);
}

static void put_data(struct packer *packer, const struct dns_record *record)
{
	const struct dns_data_shape *shape = dns_data_shape(record->type);
	const uint8_t *data = record->data;
	size_t size_at = packer->size;
	size_t at;
	put_u16(packer, record->data_size);
	if (!shape || !shape->compress || dns_data_names(shape, data, record->data_size, &at) < 0) {
		put_bytes(packer, data, record->data_size);
		return;
	}
	put_bytes(packer, data, at);
	for (unsigned i = 0; i < shape->names; i++) {
		put_name(packer, data + at);
		while (data[at])
			at += 1u + data[at];
		at++;
	}
	put_bytes(packer, data + at, record->data_size - at);
	if (!packer->full)
		dns_put_u16(packer->body + size_at, (uint16_t)(packer->size - size_at - 2));
}

/* Returns where its TTL stands in the message. */
static uint16_t put_record(struct packer *packer, const struct dns_record *record, uint32_t ttl)
{
	uint8_t head[RECORD_HEAD - 2];
	put_name(packer, record->owner.wire);
	size_t ttl_at = packer->body_at + packer->size + 4;
	dns_put_u16(head, record->type);
	dns_put_u16(head + 2, record->class);
	dns_put_u32(head + 4, ttl);
	put_bytes(packer, head, sizeof(head));
	put_data(packer, record);
	return (uint16_t)ttl_at;
}

/* Bytes of the body if nothing could be compressed. */
static size_t body_bound(const struct dns_records *records, size_t body_at)
{
	size_t size = 0;
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];
		size += record->owner.length + RECORD_HEAD + (size_t)record->data_size;
	}
	return size < DNS_MESSAGE_MAX - body_at ? size : DNS_MESSAGE_MAX - body_at;
}

static bool may_rotate(const struct dns_records *records)
{
	unsigned count = 0;
	for (size_t i = 0; i < records->count; i++) {
		const struct dns_record *record = &records->list[i];
		count += record->section == DNS_ANSWER &&
		         (record->type == DNS_TYPE_A || record->type == DNS_TYPE_AAAA ||
		          record->type == DNS_TYPE_MX);
	}
	return count > 1;
}

static int put_records(struct packer *packer, const struct dns_records *records,
                       const struct dns_ttl_rule *rule, struct dns_answer *answer)
{
	uint16_t *ttl_at = (uint16_t *)(answer + 1);
	struct name_ends ends;
	uint16_t *order;
	if (dns_records_order(records, &order) < 0)
		return -ENOMEM;
	split_name(packer->question->wire, &ends);
	know_name(packer, &ends, ends.count, DNS_HEADER_SIZE);
	for (size_t i = 0; i < records->count && !packer->full; i++) {
		const struct dns_record *record = &records->list[order[i]];
		answer->counts[record->section]++;
		ttl_at[i] = put_record(packer, record, dns_ttl_of(rule, record));
	}
	return packer->full ? -EMSGSIZE : 0;
}

int dns_answer_pack(const struct dns_records *records, const struct dns_lifetimes *lifetimes,
                    uint32_t now, struct arena *arena, struct dns_answer **ret)
{
	size_t body_at = DNS_HEADER_SIZE + records->question.name.length + 4u;
	size_t room = body_bound(records, body_at);
	size_t ttl_size = sizeof(uint16_t) * records->count;
	struct dns_answer *answer =
		arena_alloc(arena, sizeof(*answer) + ttl_size + room + records->ede_size + 7);
	struct dns_ttl_rule rule;
	if (!answer)
		return -ENOMEM;
	struct packer packer = {
		.question = &records->question.name,
		.body_at = body_at,
		.body = (uint8_t *)(answer + 1) + ttl_size,
		.room = room,
	};
	dns_ttl_judge(records, lifetimes, &rule);
	int r = put_records(&packer, records, &rule, answer);
	if (r < 0)
		return r;
	answer->born = now;
	answer->lifetime = rule.lifetime;
	answer->kind = (uint8_t)rule.kind;
	answer->flags = records->flags & (DNS_FLAG_AA | DNS_FLAG_TC | DNS_FLAG_AD);
	answer->flags |= records->rcode & DNS_FLAGS_RCODE;
	answer->rcode = records->rcode;
	answer->name_length = records->question.name.length;
	answer->rotate = may_rotate(records);
	answer->ttl_count = (uint16_t)records->count;
	answer->body_size = (uint16_t)packer.size;
	answer->ede_size = records->ede_size;
	if (records->ede_size > 0)
		memcpy(packer.body + packer.size, records->ede, records->ede_size);
	answer->size = dns_answer_whole_size(answer);
	*ret = answer;
	return 0;
}
