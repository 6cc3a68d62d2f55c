/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RULE_MAKING_H
#define PODSG_RULE_MAKING_H

/* What the files that draw a rule set share: rule_image.c and those beside it. */

#include "nft-sync/draw/rule_image.h"

struct box_layout;

struct making {
	struct rule_image *image;
	const struct rule_set *rules;
	const struct member_image *const *members;
	struct peer_chains *peer_chains;
	enum direction direction;
	enum rules_use use;
	const char *groups; /* for comments */
	char prefix[64];    /* of all names: "rules-egress-0123456789abcdef" */
	size_t set_capacity, chain_capacity;
	struct box_layout *layouts; /* one for each set of boxes, made by make_box_sets() */
};

/* The fields of a packet that a class is judged by, besides the peer's address. */
void class_fields(enum match_class class, uint8_t family, enum field fields[static 2]);
const char *class_name(enum match_class class);

/* Writes a span's first or last values as the fields of a key. */
void put_span(uint8_t *key, unsigned *offset, enum match_class class, const struct span *span,
              bool last);

/* A new set with intervals; fields that are FIELD_NONE are left out. NULL: no memory. */
struct image_set *making_set(struct making *making, const char *name,
                             const enum field fields[static IMAGE_FIELDS_MAX], enum set_data data,
                             const char *comment);
/* Takes over the caller's reference. */
int making_chain(struct making *making, struct image_chain *chain);

/* rule_image_boxes.c: sets for the boxes, and a rule for each set in chain. */
int make_box_sets(struct making *making);
void add_box_rules(const struct making *making, struct image_chain *chain, bool ports);

/*
 * rule_image_peers.c: sets for what peer groups may, and the rules in chain. Ports are asked last:
 * a map leads from the port to the groups that may use it.
 */
int make_peer_sets(struct making *making);
void add_peer_rules(const struct making *making, struct image_chain *chain, bool ports);

/* rule_image_dnat.c: the chain for flows to a node port, at the end of making->image->chains. */
int make_dnat_chain(struct making *making);

#endif
