/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/wire/record_data.h"
#include "dnscache/wire/records.h"

#define RECORD_HEAD 10 /* type, class, TTL, size: behind a record's owner */
#define RECORD_LEAST (1 + RECORD_HEAD)
#define RECORDS_FIRST 8
#define TTL_MAX INT32_MAX

struct reader {
	const uint8_t *message;
	size_t size;
	size_t at;
	struct dns_records *records;
	struct error *err;
};

/* What stands in front of a record's data. */
struct record_head {
	size_t at; /* of the record */
	struct dns_name owner;
	uint16_t type;
	uint16_t class;
	uint32_t ttl;
	size_t data_at;
	uint16_t data_size;
};

static int broken(const struct reader *reader, size_t at, const char *what)
{
	return error_set(reader->err, -EBADMSG, "broken answer: byte %zu: %s", at, what);
}

static int read_question(struct reader *reader, const struct dns_question *question)
{
	const uint8_t *message = reader->message;
	struct dns_name name;
	if (reader->size < DNS_HEADER_SIZE)
		return error_set(reader->err, -EBADMSG, "broken answer: %zu bytes", reader->size);
	uint16_t flags = dns_u16(message + 2);
	if (!(flags & DNS_FLAG_QR) || flags & DNS_FLAGS_OPCODE)
		return error_set(reader->err, -EBADMSG, "not an answer to a query");
	if (dns_u16(message + 4) != 1)
		return error_set(reader->err, -EBADMSG, "an answer with %u questions",
		                 dns_u16(message + 4));
	reader->at = DNS_HEADER_SIZE;
	if (dns_name_read(message, reader->size, &reader->at, &name) < 0 ||
	    reader->size - reader->at < 4)
		return broken(reader, DNS_HEADER_SIZE, "no question");
	if (!dns_name_equal(&name, &question->name) ||
	    dns_u16(message + reader->at) != question->type ||
	    dns_u16(message + reader->at + 2) != DNS_CLASS_IN)
		return error_set(reader->err, -EBADMSG, "an answer to another question");
	reader->at += 4;
	reader->records->flags = flags;
	reader->records->rcode = flags & DNS_FLAGS_RCODE;
	return 0;
}

static int read_head(struct reader *reader, struct record_head *ret)
{
	ret->at = reader->at;
	if (dns_name_read(reader->message, reader->size, &reader->at, &ret->owner) < 0)
		return broken(reader, ret->at, "a name that can't be read");
	if (reader->size - reader->at < RECORD_HEAD)
		return broken(reader, ret->at, "a record that is cut off");
	const uint8_t *head = reader->message + reader->at;
	ret->type = dns_u16(head);
	ret->class = dns_u16(head + 2);
	ret->ttl = dns_u32(head + 4);
	ret->data_size = dns_u16(head + 8);
	ret->data_at = reader->at + RECORD_HEAD;
	if (ret->data_size > reader->size - ret->data_at)
		return broken(reader, ret->at, "data that reaches behind the end");
	reader->at = ret->data_at + ret->data_size;
	return 0;
}

/* The EDE options of an OPT, whole: those that find room. */
static int read_options(struct reader *reader, const struct record_head *head)
{
	struct dns_records *records = reader->records;
	const uint8_t *data = reader->message + head->data_at;
	uint8_t *kept = arena_alloc(records->arena, DNS_EDE_MAX);
	if (!kept)
		return -ENOMEM;
	records->ede = kept;
	for (size_t at = 0; at < head->data_size;) {
		if (head->data_size - at < 4 || dns_u16(data + at + 2) > head->data_size - at - 4)
			return broken(reader, head->data_at + at, "an option that is cut off");
		size_t size = 4u + dns_u16(data + at + 2);
		if (dns_u16(data + at) == DNS_OPTION_EDE && size >= 6 &&
		    size <= (size_t)DNS_EDE_MAX - records->ede_size) {
			memcpy(kept + records->ede_size, data + at, size);
			records->ede_size += (uint16_t)size;
		}
		at += size;
	}
	return 0;
}

static int read_opt(struct reader *reader, const struct record_head *head, enum dns_section section)
{
	struct dns_records *records = reader->records;
	if (records->edns || section != DNS_ADDITIONAL || head->owner.length != 1)
		return broken(reader, head->at, "an OPT where none may be");
	records->edns = true;
	records->rcode |= (uint16_t)(head->ttl >> 24 << 4);
	return head->data_size > 0 ? read_options(reader, head) : 0;
}

static int read_record(struct reader *reader, enum dns_section section)
{
	struct dns_records *records = reader->records;
	struct record_head head;
	int r = read_head(reader, &head);
	if (r < 0)
		return r;
	if (head.type == DNS_TYPE_OPT)
		return read_opt(reader, &head, section);
	if (head.class != DNS_CLASS_IN)
		return 0;
	if (records->count == records->capacity)
		return broken(reader, head.at, "too many records");
	struct dns_record *record = &records->list[records->count];
	record->owner = head.owner;
	record->section = section;
	record->type = head.type;
	record->class = head.class;
	record->ttl = head.ttl > TTL_MAX ? 0 : head.ttl;
	r = dns_data_read(reader->message, head.data_at, head.data_size, head.type, records->arena,
	                  &record->data, &record->data_size);
	if (r == -EBADMSG)
		return broken(reader, head.data_at, "data that is not its type's");
	records->count += r == 0;
	return r;
}

/* Room for as many as the header says, if the message can hold them. */
static int make_room(struct reader *reader)
{
	struct dns_records *records = reader->records;
	size_t claimed = 0;
	size_t possible = (reader->size - reader->at) / RECORD_LEAST;
	for (unsigned i = 0; i < DNS_SECTIONS; i++)
		claimed += dns_u16(reader->message + 6 + 2 * i);
	if (claimed > possible)
		return broken(reader, reader->at, "fewer records than it says");
	records->capacity = claimed < DNS_RECORDS_MAX ? claimed : DNS_RECORDS_MAX;
	records->list = arena_array(records->arena, records->capacity, sizeof(*records->list));
	return records->list ? 0 : -ENOMEM;
}

/* What stands behind the last record is passed over: some servers send it, and it goes nowhere. */
int dns_records_read(const uint8_t *message, size_t size, const struct dns_question *question,
                     struct arena *arena, struct dns_records *ret, struct error *err)
{
	struct reader reader = {.message = message, .size = size, .records = ret, .err = err};
	dns_records_begin(ret, question, arena);
	int r = read_question(&reader, question);
	if (r == 0)
		r = make_room(&reader);
	for (unsigned section = 0; r == 0 && section < DNS_SECTIONS; section++) {
		unsigned count = dns_u16(message + 6 + 2 * section);
		for (unsigned i = 0; r == 0 && i < count; i++)
			r = read_record(&reader, section);
	}
	return r == -ENOMEM ? error_set(err, r, "no memory for an answer") : r;
}

void dns_records_begin(struct dns_records *records, const struct dns_question *question,
                       struct arena *arena)
{
	*records = (struct dns_records){
		.arena = arena,
		.question = *question,
		.flags = DNS_FLAG_QR,
	};
}

static int grow(struct dns_records *records)
{
	size_t capacity = records->capacity ? 2 * records->capacity : RECORDS_FIRST;
	if (records->count >= DNS_RECORDS_MAX)
		return -E2BIG;
	struct dns_record *list = arena_array(records->arena, capacity, sizeof(*list));
	if (!list)
		return -ENOMEM;
	if (records->count > 0)
		memcpy(list, records->list, records->count * sizeof(*list));
	records->list = list;
	records->capacity = capacity;
	return 0;
}

int dns_records_add(struct dns_records *records, const struct dns_record *record)
{
	int r = records->count == records->capacity ? grow(records) : 0;
	if (r < 0)
		return r;
	uint8_t *data = arena_alloc(records->arena, record->data_size);
	if (!data)
		return -ENOMEM;
	if (record->data_size > 0)
		memcpy(data, record->data, record->data_size);
	records->list[records->count] = *record;
	records->list[records->count].data = data;
	records->count++;
	return 0;
}
