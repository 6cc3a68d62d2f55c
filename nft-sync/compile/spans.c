/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>

#include "nft-sync/compile/spans.h"

static bool within(int32_t value, int32_t low, int32_t high)
{
	return low <= value && value <= high;
}

static bool ports_of_rule(const struct sg_rule *rule, struct span *ret)
{
	if (!within(rule->from, 0, rule->to) || !within(rule->to, 0, UINT16_MAX))
		return false;
	ret->low = (uint16_t)rule->from;
	ret->high = (uint16_t)rule->to;
	return true;
}

/*
 * There are only three shapes: everything, all codes of one type, and one code of one type. They
 * nest or are disjoint, and each is also one plain range of 16-bit numbers; key_set and the merge
 * of neighbours in the sort order rely on both.
 */
static bool icmp_of_rule(const struct sg_rule *rule, struct span *ret)
{
	if (rule->from == -1)
		return true;
	if (!within(rule->from, 0, UINT8_MAX) || !within(rule->to, -1, UINT8_MAX))
		return false;
	ret->low = (uint16_t)(rule->from << 8 | (rule->to == -1 ? 0 : rule->to));
	ret->high = (uint16_t)(rule->from << 8 | (rule->to == -1 ? UINT8_MAX : rule->to));
	return true;
}

bool span_of_rule(const struct sg_rule *rule, enum match_class *ret_class, struct span *ret)
{
	if (!within(rule->protocol, PROTOCOL_ALL, UINT8_MAX))
		return false;
	*ret = (struct span){.low = 0, .high = UINT16_MAX};
	if (rule->protocol == PROTOCOL_ALL) {
		*ret_class = MATCH_ALL;
		return true;
	}
	ret->protocol = (uint8_t)rule->protocol;
	switch (rule->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		*ret_class = MATCH_PORTS;
		return ports_of_rule(rule, ret);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		*ret_class = MATCH_ICMP;
		return icmp_of_rule(rule, ret);
	default:
		*ret_class = MATCH_PROTOCOL;
		return true;
	}
}

bool span_in_family(enum match_class class, const struct span *span, uint8_t family)
{
	return class != MATCH_ICMP || match_class_of(family, span->protocol) == MATCH_ICMP;
}

enum match_class match_class_of(uint8_t family, uint8_t protocol)
{
	if (protocol == IPPROTO_TCP || protocol == IPPROTO_UDP)
		return MATCH_PORTS;
	if (protocol == (family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6))
		return MATCH_ICMP;
	return MATCH_PROTOCOL;
}

int span_compare(const struct span *a, const struct span *b)
{
	if (a->protocol != b->protocol)
		return a->protocol < b->protocol ? -1 : 1;
	if (a->low != b->low)
		return a->low < b->low ? -1 : 1;
	if (a->high != b->high)
		return a->high > b->high ? -1 : 1;
	return 0;
}

bool span_covers(enum match_class class, const struct span *outer, const struct span *inner)
{
	if (outer->protocol != inner->protocol)
		return false;
	if (class != MATCH_ICMP)
		return outer->low <= inner->low && inner->high <= outer->high;
	return outer->low >> 8 <= inner->low >> 8 && inner->high >> 8 <= outer->high >> 8 &&
	       (outer->low & 0xff) <= (inner->low & 0xff) &&
	       (inner->high & 0xff) <= (outer->high & 0xff);
}

bool span_absorb(enum match_class class, struct span *into, const struct span *next)
{
	if (span_covers(class, into, next))
		return true;
	if (class != MATCH_PORTS || into->protocol != next->protocol || next->low > into->high + 1)
		return false;
	into->high = next->high;
	return true;
}
