/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/wire/record_data.h"

/* In front of and in the names, at most: three strings and a name (NAPTR), or two names (SOA). */
#define DATA_MAX (4 + 3 * 256 + 2 * DNS_NAME_MAX)

enum {
	TYPE_MD = 3,
	TYPE_MF = 4,
	TYPE_MB = 7,
	TYPE_MG = 8,
	TYPE_MR = 9,
	TYPE_MINFO = 14,
	TYPE_RP = 17,
	TYPE_AFSDB = 18,
	TYPE_RT = 21,
	TYPE_SIG = 24,
	TYPE_PX = 26,
	TYPE_NXT = 30,
	TYPE_KX = 36,
	TYPE_SVCB = 64,
};

/* Besides RFC 1035's, those that RFC 3597 §4 says are to be understood when they come compressed,
 * and those whose target is looked for. */
static const struct dns_data_shape shapes[] = {
	{DNS_TYPE_NS, .names = 1, .compress = true, .compressed = true},
	{DNS_TYPE_CNAME, .names = 1, .compress = true, .compressed = true},
	{DNS_TYPE_PTR, .names = 1, .compress = true, .compressed = true},
	{DNS_TYPE_SOA, .names = 2, .compress = true, .compressed = true},
	{DNS_TYPE_MX, .before = 2, .names = 1, .compress = true, .compressed = true},
	{TYPE_MD, .names = 1, .compress = true, .compressed = true},
	{TYPE_MF, .names = 1, .compress = true, .compressed = true},
	{TYPE_MB, .names = 1, .compress = true, .compressed = true},
	{TYPE_MG, .names = 1, .compress = true, .compressed = true},
	{TYPE_MR, .names = 1, .compress = true, .compressed = true},
	{TYPE_MINFO, .names = 2, .compress = true, .compressed = true},
	{TYPE_RP, .names = 2, .compressed = true},
	{TYPE_AFSDB, .before = 2, .names = 1, .compressed = true},
	{TYPE_RT, .before = 2, .names = 1, .compressed = true},
	{TYPE_SIG, .before = DNS_RRSIG_SIGNER, .names = 1, .compressed = true},
	{TYPE_PX, .before = 2, .names = 2, .compressed = true},
	{TYPE_NXT, .names = 1, .compressed = true},
	{TYPE_KX, .before = 2, .names = 1, .compressed = true},
	{DNS_TYPE_SRV, .before = 6, .names = 1, .compressed = true},
	{DNS_TYPE_NAPTR, .before = 4, .strings = 3, .names = 1, .compressed = true},
	{DNS_TYPE_DNAME, .names = 1, .compressed = true},
	{TYPE_SVCB, .before = 2, .names = 1},
	{DNS_TYPE_HTTPS, .before = 2, .names = 1},
};

const struct dns_data_shape *dns_data_shape(uint16_t type)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].type == type)
			return &shapes[i];
	return NULL;
}

/* Moves *at from the begin of the data to its first name. */
static int skip_to_names(const struct dns_data_shape *shape, const uint8_t *message, size_t end,
                         size_t *at)
{
	size_t before = shape->before;
	for (unsigned i = 0; i <= shape->strings; i++) {
		if (before > end - *at)
			return -EBADMSG;
		*at += before;
		if (i == shape->strings)
			break;
		if (*at >= end)
			return -EBADMSG;
		before = 1u + message[*at];
	}
	return 0;
}

int dns_data_names(const struct dns_data_shape *shape, const uint8_t *data, size_t size,
                   size_t *ret)
{
	size_t at = 0;
	if (skip_to_names(shape, data, size, &at) < 0)
		return -EBADMSG;
	*ret = at;
	for (unsigned i = 0; i < shape->names; i++) {
		size_t label = at;
		while (label < size && data[label] > 0 && data[label] <= DNS_LABEL_MAX)
			label += 1u + data[label];
		if (label >= size || data[label] > 0 || label - at >= DNS_NAME_MAX)
			return -EBADMSG;
		at = label + 1;
	}
	return 0;
}

static int copy(const uint8_t *data, size_t size, struct arena *arena, const uint8_t **ret,
                uint16_t *ret_size)
{
	uint8_t *to = arena_alloc(arena, size);
	if (!to)
		return -ENOMEM;
	memcpy(to, data, size);
	*ret = to;
	*ret_size = (uint16_t)size;
	return 0;
}

/* The names of [offset, end), whole, behind what stands in front of them. */
static int write_out(const struct dns_data_shape *shape, const uint8_t *message, size_t offset,
                     size_t end, struct arena *arena, const uint8_t **ret, uint16_t *ret_size)
{
	uint8_t head[DATA_MAX];
	size_t at = offset;
	if (skip_to_names(shape, message, end, &at) < 0)
		return -EBADMSG;
	size_t used = at - offset;
	memcpy(head, message + offset, used);
	for (unsigned i = 0; i < shape->names; i++) {
		struct dns_name name;
		/* With the data's end as the message's, a name can't reach behind it. */
		if (dns_name_read(message, end, &at, &name) < 0)
			return -EBADMSG;
		memcpy(head + used, name.wire, name.length);
		used += name.length;
	}
	if (used + (end - at) > UINT16_MAX)
		return -EBADMSG;
	uint8_t *to = arena_alloc(arena, used + (end - at));
	if (!to)
		return -ENOMEM;
	memcpy(to, head, used);
	memcpy(to + used, message + at, end - at);
	*ret = to;
	*ret_size = (uint16_t)(used + (end - at));
	return 0;
}

int dns_data_read(const uint8_t *message, size_t offset, size_t size, uint16_t type,
                  struct arena *arena, const uint8_t **ret, uint16_t *ret_size)
{
	const struct dns_data_shape *shape = dns_data_shape(type);
	if ((type == DNS_TYPE_A && size != 4) || (type == DNS_TYPE_AAAA && size != 16))
		return -EBADMSG;
	if (shape && shape->compressed)
		return write_out(shape, message, offset, offset + size, arena, ret, ret_size);
	return copy(message + offset, size, arena, ret, ret_size);
}

int dns_data_target(const struct dns_record *record, struct dns_name *ret)
{
	static const uint16_t leading[] = {DNS_TYPE_CNAME, DNS_TYPE_DNAME, DNS_TYPE_NS,
	                                   DNS_TYPE_MX,    DNS_TYPE_SRV,   TYPE_SVCB,
	                                   DNS_TYPE_HTTPS};
	bool leads = false;
	size_t at;
	for (size_t i = 0; i < sizeof(leading) / sizeof(leading[0]); i++)
		leads |= record->type == leading[i];
	const struct dns_data_shape *shape = leads ? dns_data_shape(record->type) : NULL;
	if (!shape || dns_data_names(shape, record->data, record->data_size, &at) < 0 ||
	    dns_name_read(record->data, record->data_size, &at, ret) < 0)
		return -ENOENT;
	if (ret->length == 1 && (record->type == TYPE_SVCB || record->type == DNS_TYPE_HTTPS))
		*ret = record->owner;
	return 0;
}
