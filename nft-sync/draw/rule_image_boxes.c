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
 * of a single port go into one hash set instead, 1 us each, which is asked once for each length
 * with the packet's address masked.
 */
#define ADDRESS6_BITS 128
#define LENGTHS_MAX 6      /* each is a look-up more for a new flow */
#define OPEN_BYTES_MIN 128 /* in all boxes of a length, for which that is worth it */

/* How the boxes of a set are shared out to sets of the kernel. */
struct layout {
	const struct box_set *boxes;
	unsigned lengths[LENGTHS_MAX]; /* of prefixes that the hash set has */
	unsigned length_count;
	size_t hashed; /* boxes in the hash set; the rest are intervals */
	bool port_first;
};

static bool may_be_hashed(const struct box_set *boxes, const struct box *box)
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

static void choose_lengths(struct layout *layout)
{
	size_t counts[ADDRESS6_BITS + 1] = {0};
	const struct box_set *boxes = layout->boxes;
	for (size_t i = 0; i < boxes->count; i++)
		if (may_be_hashed(boxes, &boxes->boxes[i]))
			counts[boxes->boxes[i].prefix.length]++;
	while (layout->length_count < LENGTHS_MAX) {
		unsigned length = costliest(counts);
		if (open_bytes(counts, length) < OPEN_BYTES_MIN)
			break;
		layout->lengths[layout->length_count++] = length;
		counts[length] = 0;
	}
}

/* With the shorter mask, packets of the whole shorter network would look like the longer one. */
static bool is_mistakable(const struct prefix *prefix, unsigned length)
{
	if (length >= prefix->length)
		return false;
	for (unsigned bit = length; bit < prefix->length; bit++)
		if (prefix->address[bit / 8] & (0x80U >> (bit % 8)))
			return false;
	return true;
}

static bool is_hashed(const struct layout *layout, const struct box *box)
{
	bool has_length = false;
	if (!may_be_hashed(layout->boxes, box))
		return false;
	for (unsigned i = 0; i < layout->length_count; i++) {
		if (is_mistakable(&box->prefix, layout->lengths[i]))
			return false;
		has_length = has_length || layout->lengths[i] == box->prefix.length;
	}
	return has_length;
}

static struct layout layout_of(const struct box_set *boxes)
{
	struct layout layout = {.boxes = boxes, .port_first = box_set_port_first(boxes)};
	choose_lengths(&layout);
	for (size_t i = 0; layout.length_count > 0 && i < boxes->count; i++)
		layout.hashed += is_hashed(&layout, &boxes->boxes[i]);
	return layout;
}

/* "…-ports4", "…-ports4-1" for the next depth, "…-ports6-nets" for what is hashed. */
static void set_name(const struct making *making, const struct layout *layout, bool hashed,
                     char name[static IMAGE_NAME_MAX])
{
	const struct box_set *boxes = layout->boxes;
	int used = snprintf(name, IMAGE_NAME_MAX, "%s-%s%d%s", making->prefix,
	                    class_name(boxes->class), boxes->family == AF_INET ? 4 : 6,
	                    hashed ? "-nets" : "");
	if (boxes->depth > 0)
		snprintf(name + used, IMAGE_NAME_MAX - (size_t)used, "-%u", boxes->depth);
}

/* The fields of the set's key, in the order in which the kernel is to look at them. */
static void set_fields(const struct making *making, const struct layout *layout, bool hashed,
                       enum field fields[static IMAGE_FIELDS_MAX])
{
	const struct box_set *boxes = layout->boxes;
	fields[0] = peer_field(making->direction, boxes->family);
	class_fields(boxes->class, boxes->family, fields + 1);
	if (layout->port_first && !hashed) {
		fields[2] = fields[0];
		fields[0] = FIELD_PORT;
	}
}

static void put_box(uint8_t *key, const struct box *box, enum match_class class, bool port_first,
                    bool last)
{
	unsigned length = 0;
	struct prefix address = last ? prefix_last(&box->prefix) : box->prefix;
	uint16_t port = htobe16(last ? box->span.high : box->span.low);
	if (port_first) {
		key_put(key, &length, &port, sizeof(port));
		key_put(key, &length, &box->span.protocol, 1);
		key_put_address(key, &length, &address);
	} else {
		key_put_address(key, &length, &address);
		put_span(key, &length, class, &box->span, last);
	}
}

static int add_box(struct image_set *set, const struct layout *layout, const struct box *box)
{
	uint8_t key[IMAGE_KEY_MAX];
	uint8_t last[IMAGE_KEY_MAX];
	bool port_first = layout->port_first && set->interval;
	put_box(key, box, layout->boxes->class, port_first, false);
	put_box(last, box, layout->boxes->class, port_first, true);
	return image_set_add(set, key, last, NULL, NULL);
}

static int make_set(struct making *making, const struct layout *layout, bool hashed)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX];
	const struct box_set *boxes = layout->boxes;
	int r = 0;
	set_fields(making, layout, hashed, fields);
	set_name(making, layout, hashed, name);
	struct image_set *set = making_set(making, name, fields, DATA_NONE, making->groups);
	if (!set)
		return -ENOMEM;
	set->interval = !hashed;
	for (size_t i = 0; r == 0 && i < boxes->count; i++)
		if (is_hashed(layout, &boxes->boxes[i]) == hashed)
			r = add_box(set, layout, &boxes->boxes[i]);
	return r == 0 ? image_set_finish(set) : r;
}

int make_box_sets(struct making *making)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < making->rules->set_count; i++) {
		const struct layout layout = layout_of(&making->rules->sets[i]);
		if (layout.hashed > 0)
			r = make_set(making, &layout, true);
		if (r == 0 && layout.hashed < layout.boxes->count)
			r = make_set(making, &layout, false);
	}
	return r;
}

/* mask: of the address, so many bits count; 0: all. */
static void add_rule(const struct making *making, struct image_chain *chain,
                     const struct layout *layout, bool hashed, unsigned mask)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX];
	set_fields(making, layout, hashed, fields);
	set_name(making, layout, hashed, name);
	rules_permit(mask_address(match_set(image_chain_rule(chain), name, fields[0], fields[1],
	                                    fields[2]),
	                          mask),
	             making->direction, making->use);
}

static void add_rules(const struct making *making, struct image_chain *chain,
                      const struct layout *layout)
{
	for (unsigned i = 0; layout->hashed > 0 && i < layout->length_count; i++)
		add_rule(making, chain, layout, true, layout->lengths[i]);
	if (layout->hashed < layout->boxes->count)
		add_rule(making, chain, layout, false, 0);
}

void add_box_rules(const struct making *making, struct image_chain *chain, bool ports)
{
	for (size_t i = 0; i < making->rules->set_count; i++) {
		const struct layout layout = layout_of(&making->rules->sets[i]);
		if (ports || layout.boxes->class != MATCH_PORTS)
			add_rules(making, chain, &layout);
	}
}
