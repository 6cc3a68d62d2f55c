/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "nft-sync/draw/box_order.h"
#include "nft-sync/draw/rule_making.h"
#include "nft-sync/draw/statement.h"

/*
 * For every byte of an address that a prefix leaves open a set with intervals (nft_set_pipapo) sets
 * 256 buckets: 17 us for an IPv6 network, measured. Where many prefixes have the same length, their
 * boxes go into a masked set instead, in which a network is its first address alone, and which is
 * asked once for each length with the packet's address masked: 1 us a box as a hash, and where many
 * have ranges of ports, 2 to 6 us as intervals of ports.
 */
#define ADDRESS6_BITS 128
#define LENGTHS_MAX 6      /* each is a look-up more for a new flow */
#define OPEN_BYTES_MIN 128 /* in all boxes together, for which that is worth it */

/* How the boxes of a set are shared out to sets of the kernel. */
struct box_layout {
	const struct box_set *boxes;
	unsigned lengths[LENGTHS_MAX]; /* of prefixes that the masked set has */
	unsigned length_count;
	size_t masked; /* boxes in the masked set; the rest are intervals of addresses */
	bool ranges;   /* the masked set is to take ranges of ports: it is no hash */
	bool port_first;
};

static bool is_network6(const struct box_set *boxes, const struct box *box)
{
	return boxes->family == AF_INET6 && boxes->class == MATCH_PORTS && box->prefix.length > 0;
}

static bool may_be_masked(const struct box_layout *layout, const struct box *box)
{
	return is_network6(layout->boxes, box) &&
	       (layout->ranges || box->span.low == box->span.high);
}

static size_t open_bytes(size_t count, unsigned length)
{
	return count * ((ADDRESS6_BITS - length) / 8);
}

static bool has_many_ranges(const struct box_set *boxes)
{
	size_t open = 0;
	for (size_t i = 0; i < boxes->count; i++) {
		const struct box *box = &boxes->boxes[i];
		if (is_network6(boxes, box) && box->span.low < box->span.high)
			open += open_bytes(1, box->prefix.length);
	}
	return open >= OPEN_BYTES_MIN;
}

/* The length whose boxes leave most bytes open. */
static unsigned costliest(const size_t counts[static ADDRESS6_BITS + 1])
{
	unsigned length = 0;
	for (unsigned i = 1; i <= ADDRESS6_BITS; i++)
		if (open_bytes(counts[i], i) > open_bytes(counts[length], length))
			length = i;
	return length;
}

static void choose_length(struct box_layout *layout, size_t *count, unsigned length)
{
	layout->lengths[layout->length_count++] = length;
	*count = 0;
}

/* A few lengths more, and hardly ever there is anything left for a set of intervals. */
static void choose_rest(struct box_layout *layout, size_t counts[static ADDRESS6_BITS + 1])
{
	unsigned left = 0;
	for (unsigned i = 1; i <= ADDRESS6_BITS; i++)
		left += counts[i] > 0;
	if (layout->length_count == 0 || layout->length_count + left > LENGTHS_MAX)
		return;
	for (unsigned i = 1; i <= ADDRESS6_BITS; i++)
		if (counts[i] > 0)
			choose_length(layout, &counts[i], i);
}

static void choose_lengths(struct box_layout *layout)
{
	size_t counts[ADDRESS6_BITS + 1] = {0};
	size_t able = 0;
	const struct box_set *boxes = layout->boxes;
	for (size_t i = 0; i < boxes->count; i++)
		if (may_be_masked(layout, &boxes->boxes[i])) {
			counts[boxes->boxes[i].prefix.length]++;
			able++;
		}
	while (layout->length_count < LENGTHS_MAX) {
		unsigned length = costliest(counts);
		if (open_bytes(counts[length], length) < OPEN_BYTES_MIN)
			break;
		choose_length(layout, &counts[length], length);
	}
	if (able == boxes->count)
		choose_rest(layout, counts);
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

static bool is_masked(const struct box_layout *layout, const struct box *box)
{
	bool has_length = false;
	if (layout->length_count == 0 || !may_be_masked(layout, box))
		return false;
	for (unsigned i = 0; i < layout->length_count; i++) {
		if (is_mistakable(&box->prefix, layout->lengths[i]))
			return false;
		has_length = has_length || layout->lengths[i] == box->prefix.length;
	}
	return has_length;
}

static struct box_layout layout_of(const struct box_set *boxes)
{
	struct box_layout layout = {.boxes = boxes,
	                            .ranges = has_many_ranges(boxes),
	                            .port_first = box_set_port_first(boxes)};
	choose_lengths(&layout);
	for (size_t i = 0; layout.length_count > 0 && i < boxes->count; i++)
		layout.masked += is_masked(&layout, &boxes->boxes[i]);
	return layout;
}

/* "…-ports4", "…-ports4-1" for the next depth, "…-ports6-nets" for the masked set. */
static void set_name(const struct making *making, const struct box_layout *layout, bool masked,
                     char name[static IMAGE_NAME_MAX])
{
	const struct box_set *boxes = layout->boxes;
	int used = snprintf(name, IMAGE_NAME_MAX, "%s-%s%d%s", making->prefix,
	                    class_name(boxes->class), boxes->family == AF_INET ? 4 : 6,
	                    masked ? "-nets" : "");
	if (boxes->depth > 0)
		snprintf(name + used, IMAGE_NAME_MAX - (size_t)used, "-%u", boxes->depth);
}

static bool is_hash(const struct box_layout *layout, bool masked)
{
	return masked && !layout->ranges;
}

static bool is_port_first(const struct box_layout *layout, bool masked)
{
	return layout->port_first && !is_hash(layout, masked);
}

/* The fields of the set's key, in the order in which the kernel is to look at them. */
static void set_fields(const struct making *making, const struct box_layout *layout, bool masked,
                       enum field fields[static IMAGE_FIELDS_MAX])
{
	const struct box_set *boxes = layout->boxes;
	fields[0] = peer_field(making->direction, boxes->family);
	class_fields(boxes->class, boxes->family, fields + 1);
	if (is_port_first(layout, masked)) {
		fields[2] = fields[0];
		fields[0] = FIELD_PORT;
	}
}

static void put_box(uint8_t *key, const struct prefix *address, const struct span *span,
                    enum match_class class, bool port_first, bool last)
{
	unsigned length = 0;
	uint16_t port = htobe16(last ? span->high : span->low);
	if (port_first) {
		key_put(key, &length, &port, sizeof(port));
		key_put(key, &length, &span->protocol, 1);
		key_put_address(key, &length, address);
	} else {
		key_put_address(key, &length, address);
		put_span(key, &length, class, span, last);
	}
}

static int add_box(struct image_set *set, const struct box_layout *layout, const struct box *box,
                   bool masked)
{
	uint8_t key[IMAGE_KEY_MAX];
	uint8_t last[IMAGE_KEY_MAX];
	enum match_class class = layout->boxes->class;
	bool port_first = is_port_first(layout, masked);
	struct prefix end = masked ? box->prefix : prefix_last(&box->prefix);
	put_box(key, &box->prefix, &box->span, class, port_first, false);
	put_box(last, &end, &box->span, class, port_first, true);
	return image_set_add(set, key, last, NULL, NULL);
}

static int make_set(struct making *making, const struct box_layout *layout, bool masked)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX];
	const struct box_set *boxes = layout->boxes;
	int r = 0;
	set_fields(making, layout, masked, fields);
	set_name(making, layout, masked, name);
	struct image_set *set = making_set(making, name, fields, DATA_NONE, making->groups);
	if (!set)
		return -ENOMEM;
	set->interval = !is_hash(layout, masked);
	for (size_t i = 0; r == 0 && i < boxes->count; i++)
		if (is_masked(layout, &boxes->boxes[i]) == masked)
			r = add_box(set, layout, &boxes->boxes[i], masked);
	return r == 0 ? image_set_finish(set) : r;
}

int make_box_sets(struct making *making)
{
	int r = 0;
	making->layouts = calloc(making->rules->set_count + 1, sizeof(*making->layouts));
	if (!making->layouts)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < making->rules->set_count; i++) {
		struct box_layout *layout = &making->layouts[i];
		*layout = layout_of(&making->rules->sets[i]);
		if (layout->masked > 0)
			r = make_set(making, layout, true);
		if (r == 0 && layout->masked < layout->boxes->count)
			r = make_set(making, layout, false);
	}
	return r;
}

/* mask: of the address, so many bits count; 0: all. */
static void add_rule(const struct making *making, struct image_chain *chain,
                     const struct box_layout *layout, bool masked, unsigned mask)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX];
	set_fields(making, layout, masked, fields);
	set_name(making, layout, masked, name);
	rules_permit(mask_address(match_set(image_chain_rule(chain), name, fields[0], fields[1],
	                                    fields[2]),
	                          mask),
	             making->direction, making->use);
}

static void add_rules(const struct making *making, struct image_chain *chain,
                      const struct box_layout *layout)
{
	for (unsigned i = 0; layout->masked > 0 && i < layout->length_count; i++)
		add_rule(making, chain, layout, true, layout->lengths[i] % ADDRESS6_BITS);
	if (layout->masked < layout->boxes->count)
		add_rule(making, chain, layout, false, 0);
}

void add_box_rules(const struct making *making, struct image_chain *chain, bool ports)
{
	for (size_t i = 0; i < making->rules->set_count; i++) {
		const struct box_layout *layout = &making->layouts[i];
		if (ports || layout->boxes->class != MATCH_PORTS)
			add_rules(making, chain, layout);
	}
}
