/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdbool.h>
#include <string.h>

#include "dnscache/plugin/loadbalance.h"
#include "dnscache/wire/dns.h"
#include "dnscache/wire/name.h"

#define POINTER 0xc0
#define RECORD_HEAD 10 /* type, class, TTL, size: behind the owner */
#define MX_NAME 2      /* where the name is in its data */

struct message {
	uint8_t *bytes;
	size_t size;
};

struct record {
	size_t start, end;
	size_t data;
	uint16_t owner; /* the compression pointer it is; 0: something else */
	uint16_t type;
};

/* Records of one owner and type, one behind the other. */
struct run {
	size_t start, end;
	unsigned count;
	uint16_t owner, type;
};

/* Behind the labels at `at`; *pointer: the compression pointer at their end, 0 for the root.
 * Returns 0 where there is no name. */
static size_t skip_name(const struct message *message, size_t at, uint16_t *pointer)
{
	*pointer = 0;
	while (at < message->size && message->bytes[at] > 0 && message->bytes[at] <= DNS_LABEL_MAX)
		at += 1u + message->bytes[at];
	if (at >= message->size)
		return 0;
	if (message->bytes[at] == 0)
		return at + 1;
	if (message->bytes[at] < POINTER || message->size - at < 2)
		return 0;
	*pointer = dns_u16(message->bytes + at);
	return at + 2;
}

static bool read_record(const struct message *message, size_t at, struct record *ret)
{
	uint16_t pointer;
	size_t head = skip_name(message, at, &pointer);

	if (head == 0 || message->size - head < RECORD_HEAD)
		return false;
	ret->start = at;
	ret->owner = head - at == 2 ? pointer : 0;
	ret->type = dns_u16(message->bytes + head);
	ret->data = head + RECORD_HEAD;
	ret->end = ret->data + dns_u16(message->bytes + head + 8);
	return ret->end <= message->size;
}

static bool can_turn(const struct record *record)
{
	return record->owner != 0 && (record->type == DNS_TYPE_A || record->type == DNS_TYPE_AAAA ||
	                              record->type == DNS_TYPE_MX);
}

/* Whether the pointer, if it is one, leads into the run. */
static bool leads_into(const struct run *run, uint16_t pointer)
{
	size_t target = pointer & 0x3fff;

	return pointer != 0 && target >= run->start && target < run->end;
}

static bool leans_on(const struct message *message, const struct record *record,
                     const struct run *run)
{
	uint16_t pointer;

	(void)skip_name(message, record->start, &pointer);
	if (leads_into(run, pointer))
		return true;
	switch (record->type) {
	case DNS_TYPE_A:
	case DNS_TYPE_AAAA:
	case DNS_TYPE_OPT:
		return false;
	case DNS_TYPE_MX:
		return record->end - record->data < MX_NAME + 1 ||
		       skip_name(message, record->data + MX_NAME, &pointer) != record->end ||
		       leads_into(run, pointer);
	default:
		/* Names may be anywhere in its data. */
		return true;
	}
}

/* Addresses hold no names, and their owners are pointers: only an MX has what others, here or
 * behind it, can lean on. */
static bool is_free(const struct message *message, const struct run *run, unsigned records_behind)
{
	struct record record = {.end = run->start};

	if (leads_into(run, run->owner))
		return false;
	if (run->type != DNS_TYPE_MX)
		return true;
	for (unsigned i = 0; i < run->count + records_behind; i++) {
		if (!read_record(message, record.end, &record) || leans_on(message, &record, run))
			return false;
	}
	return true;
}

static void turn_run(const struct message *message, const struct run *run, uint32_t turn)
{
	uint8_t front[LOADBALANCE_BYTES_MAX];
	struct record record = {.end = run->start};
	uint8_t *start = message->bytes + run->start;
	size_t size = run->end - run->start;
	size_t moved;

	if (size > sizeof(front))
		return;
	for (uint32_t i = turn % run->count; i > 0; i--)
		(void)read_record(message, record.end, &record);
	moved = record.end - run->start;
	memcpy(front, start, moved);
	memmove(start, start + moved, size - moved);
	memcpy(start + size - moved, front, moved);
}

/* The run that begins with the record at `at`, of at most `left`. */
static bool read_run(const struct message *message, size_t at, unsigned left, struct run *ret)
{
	struct record record;

	if (!read_record(message, at, &record))
		return false;
	*ret = (struct run){
		.start = at,
		.end = record.end,
		.count = 1,
		.owner = record.owner,
		.type = record.type,
	};
	while (can_turn(&record) && ret->count < left) {
		if (!read_record(message, ret->end, &record))
			return false;
		if (record.owner != ret->owner || record.type != ret->type)
			break;
		ret->end = record.end;
		ret->count++;
	}
	return true;
}

void loadbalance_rotate(uint8_t *bytes, size_t size, uint32_t turn)
{
	const struct message message = {.bytes = bytes, .size = size};
	unsigned answers;
	unsigned behind;
	uint16_t pointer;
	size_t at;

	if (size < DNS_HEADER_SIZE || (dns_u16(bytes + 2) & DNS_FLAGS_RCODE) != DNS_RCODE_NOERROR ||
	    dns_u16(bytes + 4) != 1)
		return;
	answers = dns_u16(bytes + 6);
	behind = answers + dns_u16(bytes + 8) + dns_u16(bytes + 10);
	at = skip_name(&message, DNS_HEADER_SIZE, &pointer);
	if (at == 0 || answers < 2)
		return;
	at += 4;
	while (answers > 0) {
		struct run run;

		if (!read_run(&message, at, answers, &run))
			return;
		answers -= run.count;
		behind -= run.count;
		if (run.count > 1 && is_free(&message, &run, behind))
			turn_run(&message, &run, turn);
		at = run.end;
	}
}
