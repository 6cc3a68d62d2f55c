/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SPANS_H
#define PODSG_SPANS_H

/* The compiler's view of what a rule matches beside the peer address: a class and a span. */

#include "nft-sync/compile/rule_set.h"

/* False where the rule can match no packet: an impossible protocol, port, type or code. */
bool span_of_rule(const struct sg_rule *rule, enum match_class *ret_class, struct span *ret);

/* Whether packets of the family exist that a span of the class can match. */
bool span_in_family(enum match_class class, const struct span *span, uint8_t family);

enum match_class match_class_of(uint8_t family, uint8_t protocol);

/* Order: protocol, low, the wider first. */
int span_compare(const struct span *a, const struct span *b);

bool span_covers(enum match_class class, const struct span *outer, const struct span *inner);

/* Makes `into` hold `next` as well if the union is one span; next must not come before it. */
bool span_absorb(enum match_class class, struct span *into, const struct span *next);

#endif
