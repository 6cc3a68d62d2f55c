/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hooks/eni-gc/gc_protobuf.h"

#define VARINT_BYTES_MAX 10
#define FIELD_NUMBER_MAX ((1U << 29) - 1)

static bool read_varint(struct gc_protobuf *message, uint64_t *ret)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < VARINT_BYTES_MAX && message->at < message->end; i++) {
		uint8_t byte = *message->at++;
		/* The tenth byte has room for one bit. */
		if (i == VARINT_BYTES_MAX - 1 && byte > 1)
			return false;
		value |= (uint64_t)(byte & 0x7f) << (7 * i);
		if (byte < 0x80) {
			*ret = value;
			return true;
		}
	}
	return false;
}

static bool pass(struct gc_protobuf *message, uint64_t length, struct gc_protobuf_field *field)
{
	if (length > (size_t)(message->end - message->at))
		return false;
	field->data = message->at;
	field->length = (size_t)length;
	message->at += length;
	return true;
}

static bool read_value(struct gc_protobuf *message, struct gc_protobuf_field *field)
{
	uint64_t length;
	switch (field->type) {
	case GC_PROTOBUF_VARINT:
		return read_varint(message, &field->value);
	case GC_PROTOBUF_FIXED64:
		return pass(message, 8, field);
	case GC_PROTOBUF_FIXED32:
		return pass(message, 4, field);
	case GC_PROTOBUF_BYTES:
		return read_varint(message, &length) && pass(message, length, field);
	}
	return false;
}

static bool read_field(struct gc_protobuf *message, struct gc_protobuf_field *field)
{
	uint64_t key;
	if (!read_varint(message, &key) || key >> 3 == 0 || key >> 3 > FIELD_NUMBER_MAX)
		return false;
	*field = (struct gc_protobuf_field){.number = (uint32_t)(key >> 3),
	                                    .type = (enum gc_protobuf_type)(key & 7)};
	return read_value(message, field);
}

void gc_protobuf_open(struct gc_protobuf *message, const void *data, size_t length)
{
	const uint8_t *bytes = data;
	*message = (struct gc_protobuf){.at = bytes, .end = bytes + length};
}

bool gc_protobuf_next(struct gc_protobuf *message, struct gc_protobuf_field *ret)
{
	if (message->broken || message->at == message->end)
		return false;
	message->broken = !read_field(message, ret);
	return !message->broken;
}
