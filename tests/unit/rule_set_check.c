/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/rule_set_check.h"

static bool ranges_meet(unsigned a_low, unsigned a_high, unsigned b_low, unsigned b_high)
{
	return a_low <= b_high && b_low <= a_high;
}

static bool spans_overlap(enum match_class class, const struct span *a, const struct span *b)
{
	if (a->protocol != b->protocol)
		return false;
	if (class != MATCH_ICMP)
		return ranges_meet(a->low, a->high, b->low, b->high);
	return ranges_meet(a->low >> 8, a->high >> 8, b->low >> 8, b->high >> 8) &&
	       ranges_meet(a->low & 0xff, a->high & 0xff, b->low & 0xff, b->high & 0xff);
}

static bool prefixes_overlap(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, b) || prefix_contains(b, a);
}

static bool span_is_canonical(enum match_class class, uint8_t family, const struct span *span)
{
	switch (class) {
	case MATCH_ALL:
		return span->protocol == 0 && span->low == 0 && span->high == 0xffff;
	case MATCH_PORTS:
		return (span->protocol == 6 || span->protocol == 17) && span->low <= span->high;
	case MATCH_ICMP:
		if (span->protocol != 1 && span->protocol != 58)
			return false;
		return family == AF_UNSPEC || (span->protocol == 1) == (family == AF_INET);
	case MATCH_PROTOCOL:
		return span->low == 0 && span->high == 0xffff;
	}
	return false;
}

static int compare_boxes(const struct box *a, const struct box *b)
{
	int order = prefix_compare(&a->prefix, &b->prefix);

	if (order == 0)
		order = (int)a->span.protocol - (int)b->span.protocol;
	return order != 0 ? order : (int)a->span.low - (int)b->span.low;
}

static const char *check_boxes(const struct box_set *set)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct box *box = &set->boxes[i];

		if (box->prefix.family != set->family)
			return "a set holds one family";
		if (!span_is_canonical(set->class, set->family, &box->span))
			return "spans are written as struct span says";
		if (i > 0 && compare_boxes(&set->boxes[i - 1], box) >= 0)
			return "boxes are sorted by prefix, protocol, low";
		for (size_t j = 0; j < i; j++) {
			if (prefixes_overlap(&set->boxes[j].prefix, &box->prefix) &&
			    spans_overlap(set->class, &set->boxes[j].span, &box->span))
				return "no two boxes of a set overlap";
		}
	}
	return NULL;
}

static const char *check_order(const struct box_set *before, const struct box_set *set)
{
	if (set->count == 0)
		return "no set is empty";
	if (before == NULL || before->family != set->family || before->class != set->class) {
		if (set->depth != 0)
			return "depths begin with 0";
		if (before != NULL &&
		    (before->family > set->family ||
		     (before->family == set->family && before->class > set->class)))
			return "sets are ordered by family and class";
		return NULL;
	}
	return set->depth == before->depth + 1 ? NULL : "depths count up by one";
}

static bool all_set_covers(const struct box_set *all, const struct box_set *set)
{
	for (size_t i = 0; i < all->count; i++) {
		for (size_t j = 0; j < set->count; j++) {
			if (prefix_contains(&all->boxes[i].prefix, &set->boxes[j].prefix))
				return true;
		}
	}
	return false;
}

static const char *check_all_sets(const struct rule_set *set)
{
	for (size_t i = 0; i < set->set_count; i++) {
		if (set->sets[i].class != MATCH_ALL)
			continue;
		if (set->sets[i].depth > 0)
			return "prefixes of the ALL set are disjoint";
		for (size_t j = 0; j < set->set_count; j++) {
			if (i != j && all_set_covers(&set->sets[i], &set->sets[j]))
				return "what lies in a prefix of the ALL set is left out";
		}
	}
	return NULL;
}

static bool spans_nest(enum match_class class, const struct span *outer, const struct span *inner)
{
	if (outer->protocol != inner->protocol)
		return false;
	if (class != MATCH_ICMP)
		return outer->low <= inner->low && inner->high <= outer->high;
	return outer->low >> 8 <= inner->low >> 8 && inner->high >> 8 <= outer->high >> 8 &&
	       (outer->low & 0xff) <= (inner->low & 0xff) &&
	       (inner->high & 0xff) <= (outer->high & 0xff);
}

/* A box sits deeper only because one of an enclosing prefix is in its way, and not all of it. */
static const char *check_depth(const struct box_set *shallower, const struct box_set *set,
                               const struct box *box)
{
	bool in_the_way = false;

	for (size_t i = 0; i < shallower->count; i++) {
		const struct box *other = &shallower->boxes[i];

		if (!prefix_contains(&other->prefix, &box->prefix))
			continue;
		if (spans_nest(set->class, &other->span, &box->span))
			return "a box covered whole by another is left out";
		in_the_way |= spans_overlap(set->class, &other->span, &box->span);
	}
	return in_the_way ? NULL : "a box has the lowest depth that is free";
}

static const char *check_depths(const struct rule_set *set)
{
	const char *broken = NULL;

	for (size_t i = 0; i < set->set_count; i++) {
		const struct box_set *deep = &set->sets[i];

		for (size_t j = i - deep->depth; j < i; j++) {
			for (size_t k = 0; k < deep->count && broken == NULL; k++)
				broken = check_depth(&set->sets[j], deep, &deep->boxes[k]);
		}
	}
	return broken;
}

static const char *check_spans(const struct peer_group *peer, enum match_class class)
{
	const struct span *spans = peer->spans[class];

	for (size_t i = 0; i < peer->span_count[class]; i++) {
		if (!span_is_canonical(class, AF_UNSPEC, &spans[i]))
			return "spans of a group are written as struct span says";
		if (i == 0)
			continue;
		if (spans[i - 1].protocol > spans[i].protocol ||
		    (spans[i - 1].protocol == spans[i].protocol &&
		     spans[i - 1].low >= spans[i].low))
			return "spans of a group are sorted by protocol and low";
		if (spans_overlap(class, &spans[i - 1], &spans[i]))
			return "spans of a group do not overlap";
		if (class == MATCH_PORTS && spans[i - 1].protocol == spans[i].protocol &&
		    spans[i - 1].high + 1 == spans[i].low)
			return "port spans of a group do not touch";
	}
	return NULL;
}

static const char *check_peer(const struct peer_group *before, const struct peer_group *peer)
{
	size_t spans = 0;

	if (before != NULL && strcmp(before->id, peer->id) >= 0)
		return "groups are sorted by id, none is there twice";
	for (unsigned class = 0; class < MATCH_CLASSES; class += 1) {
		const char *broken = check_spans(peer, (enum match_class) class);

		if (broken != NULL)
			return broken;
		spans += peer->span_count[class];
	}
	return peer->all == (spans == 0) ? NULL : "a group has spans or permits all";
}

const char *rule_set_broken_promise(const struct rule_set *set)
{
	const char *broken = check_all_sets(set);

	for (size_t i = 0; i < set->set_count && broken == NULL; i++) {
		broken = check_order(i > 0 ? &set->sets[i - 1] : NULL, &set->sets[i]);
		if (broken == NULL)
			broken = check_boxes(&set->sets[i]);
	}
	if (broken == NULL)
		broken = check_depths(set);
	for (size_t i = 0; i < set->peer_count && broken == NULL; i++)
		broken = check_peer(i > 0 ? &set->peers[i - 1] : NULL, &set->peers[i]);
	return broken;
}
