/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/delta.h"

static int delta_add(struct delta *delta, struct delta_step step)
{
	if (delta->count == delta->capacity) {
		size_t capacity = delta->capacity ? 2 * delta->capacity : 64;
		struct delta_step *steps = reallocarray(delta->steps, capacity, sizeof(*steps));
		if (!steps) {
			free(step.indexes);
			return -ENOMEM;
		}
		delta->steps = steps;
		delta->capacity = capacity;
	}
	delta->steps[delta->count++] = step;
	return 0;
}

static int delta_add_set(struct delta *delta, enum delta_kind kind, const struct image_set *set)
{
	return delta_add(delta, (struct delta_step){.kind = kind, .set = set, .count = set->count});
}

static int delta_add_chain(struct delta *delta, enum delta_kind kind,
                           const struct image_chain *chain)
{
	return delta_add(delta, (struct delta_step){.kind = kind, .chain = chain});
}

static bool same_comment(const struct image_set *a, size_t i, const struct image_set *b, size_t j)
{
	const char *x = a->comments && a->comments[i] ? a->comments[i] : "";
	const char *y = b->comments && b->comments[j] ? b->comments[j] : "";
	return strcmp(x, y) == 0;
}

/* Of two elements with the same key. */
static bool same_element(const struct image_set *a, size_t i, const struct image_set *b, size_t j)
{
	if (memcmp(image_set_key(a, i), image_set_key(b, j), image_set_stride(a)) != 0)
		return false;
	if (a->verdicts && (a->verdicts[i].code != b->verdicts[j].code ||
	                    strcmp(a->verdicts[i].chain, b->verdicts[j].chain) != 0))
		return false;
	return same_comment(a, i, b, j);
}

/* The indexes of the elements of a that b does not have alike; NULL and 0 where there are none. */
static int elements_missing(const struct image_set *a, const struct image_set *b, size_t **indexes,
                            size_t *count)
{
	size_t j = 0;
	size_t capacity = 0;
	*indexes = NULL;
	*count = 0;
	for (size_t i = 0; i < a->count; i++) {
		int order = -1;
		while (j < b->count && (order = memcmp(image_set_key(b, j), image_set_key(a, i),
		                                       a->key_length)) < 0)
			j++;
		if (j < b->count && order == 0 && same_element(a, i, b, j))
			continue;
		if (*count == capacity) {
			capacity = capacity ? 2 * capacity : 8;
			size_t *larger = reallocarray(*indexes, capacity, sizeof(*larger));
			if (!larger) {
				free(*indexes);
				return -ENOMEM;
			}
			*indexes = larger;
		}
		(*indexes)[(*count)++] = i;
	}
	return 0;
}

static int delta_elements(struct delta *delta, enum delta_kind kind, const struct image_set *in,
                          const struct image_set *other)
{
	size_t *indexes;
	size_t count;
	int r = elements_missing(in, other, &indexes, &count);
	if (r < 0 || count == 0)
		return r;
	if (kind == DELTA_ADD_ELEMENTS)
		delta->elements_added += count;
	else
		delta->elements_deleted += count;
	return delta_add(
		delta,
		(struct delta_step){.kind = kind, .set = in, .indexes = indexes, .count = count});
}

static int delta_new_sets(struct delta *delta, const struct image *from, const struct image *to)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < to->set_count; i++)
		if (!image_find_set(from, to->sets[i]->name))
			r = delta_add_set(delta, DELTA_ADD_SET, to->sets[i]);
	return r;
}

static int delta_new_chains(struct delta *delta, const struct image *from, const struct image *to)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < to->chain_count; i++)
		if (!image_find_chain(from, to->chains[i]->name))
			r = delta_add_chain(delta, DELTA_ADD_CHAIN, to->chains[i]);
	return r;
}

/* Verdict maps are filled last, when the chains they lead to have their rules. */
static int delta_fill_new_sets(struct delta *delta, const struct image *from,
                               const struct image *to, bool verdicts)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < to->set_count; i++) {
		const struct image_set *set = to->sets[i];
		if (set->count == 0 || (set->data == DATA_VERDICT) != verdicts ||
		    image_find_set(from, set->name))
			continue;
		delta->elements_added += set->count;
		r = delta_add_set(delta, DELTA_ADD_ELEMENTS, set);
	}
	return r;
}

static int delta_rules(struct delta *delta, const struct image *from, const struct image *to)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < to->chain_count; i++) {
		const struct image_chain *chain = to->chains[i];
		const struct image_chain *old = image_find_chain(from, chain->name);
		if (old && (old == chain || old->digest == chain->digest))
			continue;
		if (old)
			r = delta_add_chain(delta, DELTA_FLUSH_CHAIN, chain);
		if (r == 0 && chain->rule_count > 0)
			r = delta_add_chain(delta, DELTA_ADD_RULES, chain);
	}
	return r;
}

static int delta_changed_sets(struct delta *delta, const struct image *from, const struct image *to)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < to->set_count; i++) {
		const struct image_set *set = to->sets[i];
		const struct image_set *old = image_find_set(from, set->name);
		if (!old || old == set)
			continue;
		r = delta_elements(delta, DELTA_DELETE_ELEMENTS, old, set);
		if (r == 0)
			r = delta_elements(delta, DELTA_ADD_ELEMENTS, set, old);
	}
	return r;
}

/* Chains that go may refer to one another, to sets that go, and be referred to by maps that go. */
static int delta_gone(struct delta *delta, const struct image *from, const struct image *to)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < from->chain_count; i++)
		if (!image_find_chain(to, from->chains[i]->name))
			r = delta_add_chain(delta, DELTA_FLUSH_CHAIN, from->chains[i]);
	for (size_t i = 0; r == 0 && i < from->set_count; i++)
		if (!image_find_set(to, from->sets[i]->name))
			r = delta_add_set(delta, DELTA_DELETE_SET, from->sets[i]);
	for (size_t i = 0; r == 0 && i < from->chain_count; i++)
		if (!image_find_chain(to, from->chains[i]->name))
			r = delta_add_chain(delta, DELTA_DELETE_CHAIN, from->chains[i]);
	return r;
}

/* A set or base chain of our name but another definition can't be changed in place. */
static bool must_replace(const struct image *from, const struct image *to)
{
	if (from->foreign)
		return true;
	for (size_t i = 0; i < to->set_count; i++) {
		const struct image_set *old = image_find_set(from, to->sets[i]->name);
		if (old && !image_set_same_definition(old, to->sets[i]))
			return true;
	}
	for (size_t i = 0; i < to->chain_count; i++) {
		const struct image_chain *old = image_find_chain(from, to->chains[i]->name);
		if (old &&
		    (old->hook != to->chains[i]->hook || old->priority != to->chains[i]->priority))
			return true;
	}
	return false;
}

static int delta_fill(struct delta *delta, const struct image *from, const struct image *to)
{
	static const struct image nothing = {0};
	int r = 0;
	if (from && from->present && must_replace(from, to)) {
		r = delta_add(delta, (struct delta_step){.kind = DELTA_DELETE_TABLE});
		from = NULL;
	}
	if (from && from->present && from->orphan && r == 0)
		r = delta_add(delta, (struct delta_step){.kind = DELTA_ADD_TABLE});
	if (!from || !from->present) {
		from = &nothing;
		if (r == 0)
			r = delta_add(delta, (struct delta_step){.kind = DELTA_ADD_TABLE});
	}
	if (r == 0)
		r = delta_new_sets(delta, from, to);
	if (r == 0)
		r = delta_fill_new_sets(delta, from, to, false);
	if (r == 0)
		r = delta_new_chains(delta, from, to);
	if (r == 0)
		r = delta_rules(delta, from, to);
	if (r == 0)
		r = delta_fill_new_sets(delta, from, to, true);
	if (r == 0)
		r = delta_changed_sets(delta, from, to);
	if (r == 0)
		r = delta_gone(delta, from, to);
	return r;
}

int delta_make(const struct image *from, const struct image *to, struct delta **ret)
{
	struct delta *delta = calloc(1, sizeof(*delta));
	if (!delta)
		return -ENOMEM;
	int r = delta_fill(delta, from, to);
	if (r < 0) {
		delta_free(delta);
		return r;
	}
	*ret = delta;
	return 0;
}

void delta_free(struct delta *delta)
{
	if (!delta)
		return;
	for (size_t i = 0; i < delta->count; i++)
		free(delta->steps[i].indexes);
	free(delta->steps);
	free(delta);
}
