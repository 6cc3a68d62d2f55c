/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_GC_PROTOBUF_H
#define PODSG_GC_PROTOBUF_H

/* A walk over the fields of one message in protobuf's wire format. It copies nothing: what a field
 * holds lies in the message. Groups, which proto3 does not have, are refused. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gc_protobuf_type {
	GC_PROTOBUF_VARINT = 0,
	GC_PROTOBUF_FIXED64 = 1,
	GC_PROTOBUF_BYTES = 2, /* also strings and messages */
	GC_PROTOBUF_FIXED32 = 5,
};

struct gc_protobuf {
	const uint8_t *at;
	const uint8_t *end;
	bool broken; /* the walk ended before the message did */
};

struct gc_protobuf_field {
	uint32_t number;
	enum gc_protobuf_type type;
	uint64_t value;      /* of a varint */
	const uint8_t *data; /* of bytes */
	size_t length;
};

void gc_protobuf_open(struct gc_protobuf *message, const void *data, size_t length);

/* False: the message is at its end, or broken. */
bool gc_protobuf_next(struct gc_protobuf *message, struct gc_protobuf_field *ret);

#endif
