/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "nft-sync/box_order.h"
#include "nft-sync/rule_making.h"
#include "nft-sync/statement.h"

static void box_set_name(const struct making *making, const struct box_set *boxes,
                         char name[static IMAGE_NAME_MAX])
{
	int used = snprintf(name, IMAGE_NAME_MAX, "%s-%s%d", making->prefix,
	                    class_name(boxes->class), boxes->family == AF_INET ? 4 : 6);
	if (boxes->depth > 0)
		snprintf(name + used, IMAGE_NAME_MAX - (size_t)used, "-%u", boxes->depth);
}

/* The fields of the set's key, in the order in which the kernel is to look at them. */
static void box_fields(const struct making *making, const struct box_set *boxes,
                       enum field fields[static IMAGE_FIELDS_MAX])
{
	fields[0] = peer_field(making->direction, boxes->family);
	class_fields(boxes->class, boxes->family, fields + 1);
	if (box_set_port_first(boxes)) {
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

static int make_box_set(struct making *making, const struct box_set *boxes)
{
	char name[IMAGE_NAME_MAX];
	enum field fields[IMAGE_FIELDS_MAX];
	int r = 0;
	box_fields(making, boxes, fields);
	box_set_name(making, boxes, name);
	struct image_set *set = making_set(making, name, fields, DATA_NONE, making->groups);
	if (!set)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < boxes->count; i++) {
		uint8_t key[IMAGE_KEY_MAX];
		uint8_t last[IMAGE_KEY_MAX];
		bool port_first = fields[0] == FIELD_PORT;
		put_box(key, &boxes->boxes[i], boxes->class, port_first, false);
		put_box(last, &boxes->boxes[i], boxes->class, port_first, true);
		r = image_set_add(set, key, last, NULL, NULL);
	}
	return r == 0 ? image_set_finish(set) : r;
}

int make_box_sets(struct making *making)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < making->rules->set_count; i++)
		r = make_box_set(making, &making->rules->sets[i]);
	return r;
}

void add_box_rules(const struct making *making, struct image_chain *chain, bool ports)
{
	for (size_t i = 0; i < making->rules->set_count; i++) {
		const struct box_set *boxes = &making->rules->sets[i];
		char name[IMAGE_NAME_MAX];
		enum field fields[IMAGE_FIELDS_MAX];
		if (!ports && boxes->class == MATCH_PORTS)
			continue;
		box_fields(making, boxes, fields);
		box_set_name(making, boxes, name);
		rules_permit(
			match_set(image_chain_rule(chain), name, fields[0], fields[1], fields[2]),
			making->direction, making->use);
	}
}
