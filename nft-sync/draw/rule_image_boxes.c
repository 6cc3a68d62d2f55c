/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "nft-sync/draw/box_order.h"
#include "nft-sync/draw/rule_making.h"
#include "nft-sync/draw/statement.h"

/*
 * For every byte of an address that a prefix leaves open a set with intervals (nft_set_pipapo) sets
 * 256 buckets: 17 us for an IPv6 network, measured. Where many prefixes have the same length, boxes
 * of a single port go into a hash set instead: 1 us, and the look-up masks the address.
 */
#define ADDRESS6_BITS 128
#define EXACT_LENGTHS_MAX 4 /* each is a look-up more for a new flow */
#define OPEN_BYTES_MIN 128  /* in all boxes of a length, for which that is worth it */

/* What one set of the kernel holds of a set of boxes. */
struct box_part {
	const struct box_set *boxes;
	unsigned
		length; /* boxes of prefixes of this length, as hashes; 0: the rest, as intervals */
	bool port_first;
};

struct box_parts {
	struct box_part parts[EXACT_LENGTHS_MAX + 1];
	unsigned count;
};

static bool is_exact(const struct box_set *boxes, const struct box *box)
{
	return boxes->family == AF_INET6 && boxes->class == MATCH_PORTS &&
	       box->span.low == box->span.high && box->prefix.length > 0;
}

static size_t open_bytes(const size_t counts[static ADDRESS6_BITS + 1], unsigned length)
{
	return counts[length] * ((ADDRESS6_BITS - length) / 8);
}

/* The length whose boxes leave most bytes open. */
static unsigned costliest(const size_t counts[static ADDRESS6_BITS + 1])
{
	unsigned length = 0;
	for (unsigned i = 1; i <= ADDRESS6_BITS; i++)
		if (open_bytes(counts, i) > open_bytes(counts, length))
			length = i;
	return length;
}

static struct box_parts box_parts(const struct box_set *boxes)
{
	size_t counts[ADDRESS6_BITS + 1] = {0};
	size_t rest = boxes->count;
	struct box_parts parts = {0};
	for (size_t i = 0; i < boxes->count; i++)
		if (is_exact(boxes, &boxes->boxes[i]))
			counts[boxes->boxes[i].prefix.length]++;
	while (parts.count < EXACT_LENGTHS_MAX) {
		unsigned length = costliest(counts);
		if (open_bytes(counts, length) < OPEN_BYTES_MIN)
			break;
		parts.parts[parts.count++] = (struct box_part){.boxes = boxes, .length = length};
		rest -= counts[length];
		counts[length] = 0;
	}
	if (rest > 0)
		parts.parts[parts.count++] =
			(struct box_part){.boxes = boxes, .port_first = box_set_port_first(boxes)};
	return parts;
}

/* The last of the parts is the rest: it has what no other one takes. */
static bool part_takes(const struct box_parts *parts, unsigned part, const struct box *box)
{
	unsigned exact = 0;
	while (exact < parts->count && parts->parts[exact].length > 0 &&
	       !(is_exact(parts->parts[exact].boxes, box) &&
	         parts->parts[exact].length == box->prefix.length))
		exact++;
	return exact == part;
}

/* "…-ports4", "…-ports4-1" for the next depth, "…-ports6-of64" for prefixes of one length. */
static void part_name(const struct making *making, const struct box_part *part,
                      char name[static IMAGE_NAME_MAX])
{
	const struct box_set *boxes = part->boxes;
	int used = snprintf(name, IMAGE_NAME_MAX, "%s-%s%d", making->prefix,
	                    class_name(boxes->class), boxes->family == AF_INET ? 4 : 6);
	if (boxes->depth > 0)
		used += snprintf(name + used, IMAGE_NAME_MAX - (size_t)used, "-%u", boxes->depth);
	if (part->length > 0)
		snprintf(name + used, IMAGE_NAME_MAX - (size_t)used, "-of%u", part->length);
}

/* The fields of the set's key, in the order in which the kernel is to look at them. */
static void part_fields(const struct making *making, const struct box_part *part,
                        enum field fields[static IMAGE_FIELDS_MAX])
{
	const struct box_set *boxes = part->boxes;
	fields[0] = peer_field(making->direction, boxes->family);
	class_fields(boxes->class, boxes->family, fields + 1);
	if (part->port_first) {
		fields[2] = fields[0];
		fields[0] = FIELD_PORT;
	}
}

static void put_box(uint8_t *key, const struct box_part *part, const struct box *box, bool last)
{
	unsigned length = 0;
	struct prefix address = last ? prefix_last(&box->prefix) : box->prefix;
	uint16_t port = htobe16(last ? box->span.high : box->span.low);
	if (part->port_first) {
		key_put(key, &length, &port, sizeof(port));
		key_put(key, &length, &box->span.protocol, 1);
		key_put_address(key, &length, &address);
	} else {
		key_put_address(key, &length, &address);
		put_span(key, &length, part->boxes->class, &box->span, last);
	}
}

static int add_box(struct image_set *set, const struct box_part *part, const struct box *box)
{
	uint8_t key[IMAGE_KEY_MAX];
	uint8_t last[IMAGE_KEY_MAX];
	put_box(key, part, box, false);
	if (part->length == 0)
		put_box(last, part, box, true);
	return image_set_add(set, key, part->length == 0 ? last : NULL, NULL, NULL);
}

static int make_part(struct making *making, const struct box_parts *parts, unsigned index)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX];
	const struct box_part *part = &parts->parts[index];
	const struct box_set *boxes = part->boxes;
	int r = 0;
	part_fields(making, part, fields);
	part_name(making, part, name);
	struct image_set *set = making_set(making, name, fields, DATA_NONE, making->groups);
	if (!set)
		return -ENOMEM;
	set->interval = part->length == 0;
	for (size_t i = 0; r == 0 && i < boxes->count; i++)
		if (part_takes(parts, index, &boxes->boxes[i]))
			r = add_box(set, part, &boxes->boxes[i]);
	return r == 0 ? image_set_finish(set) : r;
}

int make_box_sets(struct making *making)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < making->rules->set_count; i++) {
		const struct box_parts parts = box_parts(&making->rules->sets[i]);
		for (unsigned j = 0; r == 0 && j < parts.count; j++)
			r = make_part(making, &parts, j);
	}
	return r;
}

static void add_part_rule(const struct making *making, struct image_chain *chain,
                          const struct box_part *part)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX];
	part_fields(making, part, fields);
	part_name(making, part, name);
	struct image_rule *rule =
		match_set(image_chain_rule(chain), name, fields[0], fields[1], fields[2]);
	mask_address(rule, part->length);
	rules_permit(rule, making->direction, making->use);
}

void add_box_rules(const struct making *making, struct image_chain *chain, bool ports)
{
	for (size_t i = 0; i < making->rules->set_count; i++) {
		const struct box_parts parts = box_parts(&making->rules->sets[i]);
		if (!ports && making->rules->sets[i].class == MATCH_PORTS)
			continue;
		for (unsigned j = 0; j < parts.count; j++)
			add_part_rule(making, chain, &parts.parts[j]);
	}
}
