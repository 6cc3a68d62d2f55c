/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/draw/delta.h"

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

/* Of large sets most elements are the same, many in a row: those are compared at once. */
#define ROW 64

static bool same_row(const struct image_set *a, size_t i, const struct image_set *b, size_t j)
{
	bool plain = !a->verdicts && !a->comments && !b->comments;
	return plain && a->count - i >= ROW && b->count - j >= ROW &&
	       memcmp(image_set_key(a, i), image_set_key(b, j), ROW * image_set_stride(a)) == 0;
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
		if (same_row(a, i, b, j)) {
			i += ROW - 1;
			j += ROW;
			continue;
		}
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

/* Both images side by side: what each set and chain of one is in the other. */
struct comparison {
	const struct image *from;
	const struct image *to;
	const struct image_set **old_sets;     /* by index in to; NULL: new */
	const struct image_chain **old_chains; /* likewise */
	bool *gone_sets;                       /* by index in from */
	bool *gone_chains;
};

static int compare_sets(const struct image_set *a, const struct image_set *b)
{
	return a == b ? 0 : strcmp(a->name, b->name);
}

static int compare_chains(const struct image_chain *a, const struct image_chain *b)
{
	return a == b ? 0 : strcmp(a->name, b->name);
}

static void pair_sets(struct comparison *c)
{
	size_t j = 0;
	for (size_t i = 0; i < c->to->set_count; i++) {
		const struct image_set *set = c->to->sets[i];
		int order = 1;
		while (j < c->from->set_count && (order = compare_sets(c->from->sets[j], set)) < 0)
			c->gone_sets[j++] = true;
		c->old_sets[i] = order == 0 ? c->from->sets[j++] : NULL;
	}
	while (j < c->from->set_count)
		c->gone_sets[j++] = true;
}

static void pair_chains(struct comparison *c)
{
	size_t j = 0;
	for (size_t i = 0; i < c->to->chain_count; i++) {
		const struct image_chain *chain = c->to->chains[i];
		int order = 1;
		while (j < c->from->chain_count &&
		       (order = compare_chains(c->from->chains[j], chain)) < 0)
			c->gone_chains[j++] = true;
		c->old_chains[i] = order == 0 ? c->from->chains[j++] : NULL;
	}
	while (j < c->from->chain_count)
		c->gone_chains[j++] = true;
}

static void comparison_done(struct comparison *c)
{
	free(c->old_sets);
	free(c->old_chains);
	free(c->gone_sets);
	free(c->gone_chains);
}

static int compare_images(const struct image *from, const struct image *to, struct comparison *c)
{
	*c = (struct comparison){.from = from, .to = to};
	c->old_sets = calloc(to->set_count + 1, sizeof(*c->old_sets));
	c->old_chains = calloc(to->chain_count + 1, sizeof(*c->old_chains));
	c->gone_sets = calloc(from->set_count + 1, sizeof(*c->gone_sets));
	c->gone_chains = calloc(from->chain_count + 1, sizeof(*c->gone_chains));
	if (!c->old_sets || !c->old_chains || !c->gone_sets || !c->gone_chains) {
		comparison_done(c);
		return -ENOMEM;
	}
	pair_sets(c);
	pair_chains(c);
	return 0;
}

static int delta_new_sets(struct delta *delta, const struct comparison *c)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < c->to->set_count; i++)
		if (!c->old_sets[i])
			r = delta_add_set(delta, DELTA_ADD_SET, c->to->sets[i]);
	return r;
}

static int delta_new_chains(struct delta *delta, const struct comparison *c)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < c->to->chain_count; i++)
		if (!c->old_chains[i])
			r = delta_add_chain(delta, DELTA_ADD_CHAIN, c->to->chains[i]);
	return r;
}

/* Verdict maps are filled last, when the chains they lead to have their rules. */
static int delta_fill_new_sets(struct delta *delta, const struct comparison *c, bool verdicts)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < c->to->set_count; i++) {
		const struct image_set *set = c->to->sets[i];
		if (c->old_sets[i] || set->count == 0 || (set->data == DATA_VERDICT) != verdicts)
			continue;
		delta->elements_added += set->count;
		r = delta_add_set(delta, DELTA_ADD_ELEMENTS, set);
	}
	return r;
}

static int delta_rules(struct delta *delta, const struct comparison *c)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < c->to->chain_count; i++) {
		const struct image_chain *chain = c->to->chains[i];
		const struct image_chain *old = c->old_chains[i];
		if (old && (old == chain || old->digest == chain->digest))
			continue;
		if (old)
			r = delta_add_chain(delta, DELTA_FLUSH_CHAIN, chain);
		if (r == 0 && chain->rule_count > 0)
			r = delta_add_chain(delta, DELTA_ADD_RULES, chain);
	}
	return r;
}

static int delta_changed_sets(struct delta *delta, const struct comparison *c)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < c->to->set_count; i++) {
		const struct image_set *set = c->to->sets[i];
		const struct image_set *old = c->old_sets[i];
		if (!old || old == set)
			continue;
		r = delta_elements(delta, DELTA_DELETE_ELEMENTS, old, set);
		if (r == 0)
			r = delta_elements(delta, DELTA_ADD_ELEMENTS, set, old);
	}
	return r;
}

/* Chains that go may refer to one another, to sets that go, and be referred to by maps that go. */
static int delta_gone(struct delta *delta, const struct comparison *c)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < c->from->chain_count; i++)
		if (c->gone_chains[i])
			r = delta_add_chain(delta, DELTA_FLUSH_CHAIN, c->from->chains[i]);
	for (size_t i = 0; r == 0 && i < c->from->set_count; i++)
		if (c->gone_sets[i])
			r = delta_add_set(delta, DELTA_DELETE_SET, c->from->sets[i]);
	for (size_t i = 0; r == 0 && i < c->from->chain_count; i++)
		if (c->gone_chains[i])
			r = delta_add_chain(delta, DELTA_DELETE_CHAIN, c->from->chains[i]);
	return r;
}

/* A set or base chain of our name but another definition can't be changed in place; and in the
 * transaction that adopts a table the kernel takes no new base chain (EINVAL). */
static bool must_replace(const struct comparison *c)
{
	if (c->from->foreign)
		return true;
	for (size_t i = 0; i < c->to->set_count; i++) {
		const struct image_set *old = c->old_sets[i];
		if (old && old != c->to->sets[i] && !image_set_same_definition(old, c->to->sets[i]))
			return true;
	}
	for (size_t i = 0; i < c->to->chain_count; i++) {
		const struct image_chain *old = c->old_chains[i];
		if (!old && c->from->orphan && c->to->chains[i]->hook != HOOK_NONE)
			return true;
		if (old && (old->hook != c->to->chains[i]->hook ||
		            old->priority != c->to->chains[i]->priority))
			return true;
	}
	return false;
}

static int delta_steps(struct delta *delta, const struct comparison *c)
{
	int r = delta_new_sets(delta, c);
	if (r == 0)
		r = delta_fill_new_sets(delta, c, false);
	if (r == 0)
		r = delta_new_chains(delta, c);
	if (r == 0)
		r = delta_rules(delta, c);
	if (r == 0)
		r = delta_fill_new_sets(delta, c, true);
	if (r == 0)
		r = delta_changed_sets(delta, c);
	if (r == 0)
		r = delta_gone(delta, c);
	return r;
}

/* From nothing: the table is made, whatever was there before is deleted first. */
static int delta_anew(struct delta *delta, const struct image *to, bool replace)
{
	static const struct image nothing = {0};
	struct comparison c;
	int r = 0;
	if (replace)
		r = delta_add(delta, (struct delta_step){.kind = DELTA_DELETE_TABLE});
	if (r == 0)
		r = delta_add(delta, (struct delta_step){.kind = DELTA_ADD_TABLE});
	if (r == 0)
		r = compare_images(&nothing, to, &c);
	if (r < 0)
		return r;
	r = delta_steps(delta, &c);
	comparison_done(&c);
	return r;
}

static int delta_fill(struct delta *delta, const struct image *from, const struct image *to)
{
	struct comparison c;
	bool there = from && from->present;
	if (!to->present)
		return there ? delta_add(delta, (struct delta_step){.kind = DELTA_DELETE_TABLE})
		             : 0;
	if (!there)
		return delta_anew(delta, to, false);
	int r = compare_images(from, to, &c);
	if (r < 0)
		return r;
	if (must_replace(&c)) {
		r = delta_anew(delta, to, true);
	} else {
		if (from->orphan)
			r = delta_add(delta, (struct delta_step){.kind = DELTA_ADD_TABLE});
		if (r == 0)
			r = delta_steps(delta, &c);
	}
	comparison_done(&c);
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
