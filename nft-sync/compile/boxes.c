/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "nft-sync/compile/boxes.h"
#include "nft-sync/compile/key_set.h"
#include "nft-sync/compile/spans.h"

#define LEVELS_MAX 129 /* IPv6 prefixes have 0..128 bits */

/* The boxes of one prefix that encloses the present one. They are sorted and disjoint. */
struct level {
	size_t begin;
	size_t end;
};

/*
 * One walk over the sorted boxes. Behind `kept`, boxes[] is input still to be read; before it, the
 * result. Boxes that enclose the present prefix and share a depth have disjoint keys, so a set of
 * keys for each depth is all that the search for a free depth needs.
 */
struct placement {
	struct placed_box *boxes;
	size_t kept;
	size_t all_begin; /* boxes of class ALL of the present family */
	size_t all_end;
	struct level levels[LEVELS_MAX];
	unsigned level_count;
	struct key_set *taken[LEVELS_MAX]; /* by depth, made when first needed */
	struct arena *scratch;
};

static int compare_unsigned(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

static int compare_boxes(const struct box *a, const struct box *b)
{
	int order = prefix_compare(&a->prefix, &b->prefix);

	return order != 0 ? order : span_compare(&a->span, &b->span);
}

static int by_class(const void *left, const void *right)
{
	const struct placed_box *a = left;
	const struct placed_box *b = right;
	int order = compare_unsigned(a->box.prefix.family, b->box.prefix.family);

	if (order == 0)
		order = compare_unsigned(a->class, b->class);
	return order != 0 ? order : compare_boxes(&a->box, &b->box);
}

static int by_set(const void *left, const void *right)
{
	const struct placed_box *a = left;
	const struct placed_box *b = right;
	int order = compare_unsigned(a->box.prefix.family, b->box.prefix.family);

	if (order == 0)
		order = compare_unsigned(a->class, b->class);
	if (order == 0)
		order = compare_unsigned(a->depth, b->depth);
	return order != 0 ? order : compare_boxes(&a->box, &b->box);
}

static bool same_prefix(const struct placed_box *a, const struct placed_box *b)
{
	return a->class == b->class && prefix_equal(&a->box.prefix, &b->box.prefix);
}

static size_t merge_spans(struct placed_box *boxes, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && same_prefix(&boxes[kept - 1], &boxes[i]) &&
		    span_absorb(boxes[i].class, &boxes[kept - 1].box.span, &boxes[i].box.span))
			continue;
		boxes[kept++] = boxes[i];
	}
	return kept;
}

static void keys_of(const struct placed_box *box, uint32_t *ret_first, uint32_t *ret_last)
{
	const struct span *span = &box->box.span;
	uint32_t plane = box->class == MATCH_PORTS && span->protocol == IPPROTO_UDP ? 65536 : 0;

	if (box->class == MATCH_PROTOCOL) {
		*ret_first = *ret_last = span->protocol;
		return;
	}
	*ret_first = plane + span->low;
	*ret_last = plane + span->high;
}

/* The last of the sorted boxes begin..end that does not come behind the key, or NULL. */
static const struct placed_box *last_before(const struct placed_box *boxes, size_t begin,
                                            size_t end, const struct placed_box *key,
                                            int (*compare)(const struct box *, const struct box *))
{
	size_t low = begin;
	size_t high = end;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&boxes[middle].box, &key->box) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low > begin ? &boxes[low - 1] : NULL;
}

static int compare_prefixes(const struct box *a, const struct box *b)
{
	return prefix_compare(&a->prefix, &b->prefix);
}

static int compare_lows(const struct box *a, const struct box *b)
{
	int order = compare_unsigned(a->span.protocol, b->span.protocol);

	return order != 0 ? order : compare_unsigned(a->span.low, b->span.low);
}

static bool is_in_all(const struct placement *placement, const struct placed_box *box)
{
	const struct placed_box *all = last_before(placement->boxes, placement->all_begin,
	                                           placement->all_end, box, compare_prefixes);

	return all != NULL && prefix_contains(&all->box.prefix, &box->box.prefix);
}

static bool is_covered(const struct placement *placement, const struct placed_box *box)
{
	if (is_in_all(placement, box))
		return true;
	for (unsigned i = 0; i < placement->level_count; i++) {
		const struct level *level = &placement->levels[i];
		const struct placed_box *outer =
			last_before(placement->boxes, level->begin, level->end, box, compare_lows);

		if (outer != NULL && span_covers(box->class, &outer->box.span, &box->box.span))
			return true;
	}
	return false;
}

/* A depth is taken only by a box of an enclosing prefix, and the outermost prefix has depth 0: by
 * induction there are never more depths than levels. */
static int place(struct placement *placement, const struct placed_box *box)
{
	unsigned depth = 0;
	uint32_t first;
	uint32_t last;

	keys_of(box, &first, &last);
	while (placement->taken[depth] != NULL &&
	       key_set_meets(placement->taken[depth], first, last))
		depth++;
	if (placement->taken[depth] == NULL) {
		placement->taken[depth] = arena_alloc(placement->scratch, sizeof(struct key_set));
		if (placement->taken[depth] == NULL)
			return -ENOMEM;
	}
	key_set_add(placement->taken[depth], first, last);
	placement->boxes[placement->kept] = *box;
	placement->boxes[placement->kept++].depth = depth;
	return 0;
}

static void leave_level(struct placement *placement)
{
	const struct level *level = &placement->levels[--placement->level_count];

	for (size_t i = level->begin; i < level->end; i++) {
		const struct placed_box *box = &placement->boxes[i];
		uint32_t first;
		uint32_t last;

		keys_of(box, &first, &last);
		key_set_remove(placement->taken[box->depth], first, last);
	}
}

static bool encloses(const struct placed_box *outer, const struct placed_box *inner)
{
	return outer->class == inner->class &&
	       prefix_contains(&outer->box.prefix, &inner->box.prefix);
}

static void leave_levels_not_around(struct placement *placement, const struct placed_box *box)
{
	while (placement->level_count > 0) {
		size_t top = placement->levels[placement->level_count - 1].begin;

		if (encloses(&placement->boxes[top], box))
			break;
		leave_level(placement);
	}
}

static void enter_level(struct placement *placement, size_t begin)
{
	const struct placed_box *boxes = placement->boxes;

	if (begin == placement->kept)
		return;
	placement->levels[placement->level_count++] = (struct level){begin, placement->kept};
	if (boxes[begin].class != MATCH_ALL)
		return;
	if (placement->all_end == 0 ||
	    boxes[placement->all_begin].box.prefix.family != boxes[begin].box.prefix.family)
		placement->all_begin = begin;
	placement->all_end = placement->kept;
}

/* All boxes of one class and prefix: input[0..count), which may be overwritten by the result. */
static int place_prefix(struct placement *placement, const struct placed_box *input, size_t count)
{
	size_t begin = placement->kept;
	int ret;

	leave_levels_not_around(placement, input);
	for (size_t i = 0; i < count; i++) {
		struct placed_box box = input[i];

		if (is_covered(placement, &box))
			continue;
		ret = place(placement, &box);
		if (ret < 0)
			return ret;
	}
	enter_level(placement, begin);
	return 0;
}

static int place_all(struct placement *placement, size_t count)
{
	size_t end;
	int ret;

	for (size_t begin = 0; begin < count; begin = end) {
		const struct placed_box *input = &placement->boxes[begin];

		end = begin + 1;
		while (end < count && same_prefix(input, &placement->boxes[end]))
			end++;
		ret = place_prefix(placement, input, end - begin);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int boxes_normalise(struct placed_box *boxes, size_t *count, struct arena *scratch)
{
	struct placement *placement = arena_alloc(scratch, sizeof(*placement));
	int ret;

	if (placement == NULL)
		return -ENOMEM;
	placement->boxes = boxes;
	placement->scratch = scratch;
	qsort(boxes, *count, sizeof(*boxes), by_class);
	ret = place_all(placement, merge_spans(boxes, *count));
	if (ret < 0)
		return ret;
	*count = placement->kept;
	qsort(boxes, *count, sizeof(*boxes), by_set);
	return 0;
}
