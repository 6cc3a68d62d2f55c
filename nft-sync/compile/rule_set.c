/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/compile/boxes.h"
#include "nft-sync/compile/rule_set.h"
#include "nft-sync/compile/spans.h"

#define ARENA_CEILING (32U << 20)

struct reference {
	const char *group;
	enum match_class class;
	struct span span;
};

/* What the rules ask for before normalisation. The first walk over them only counts: the arrays
 * are NULL until the second. */
struct demand {
	struct placed_box *boxes;
	size_t box_count;
	struct reference *references;
	size_t reference_count;
	const char **missing; /* prefix lists */
	size_t missing_count;
};

static void add_box(struct demand *demand, const struct prefix *prefix, enum match_class class,
                    const struct span *span)
{
	if (!span_in_family(class, span, prefix->family))
		return;
	if (demand->boxes != NULL)
		demand->boxes[demand->box_count] =
			(struct placed_box){.box = {*prefix, *span}, .class = class};
	demand->box_count++;
}

static void add_reference(struct demand *demand, const char *group, enum match_class class,
                          const struct span *span)
{
	if (demand->references != NULL)
		demand->references[demand->reference_count] =
			(struct reference){group, class, *span};
	demand->reference_count++;
}

static void add_missing(struct demand *demand, const char *list)
{
	if (demand->missing != NULL)
		demand->missing[demand->missing_count] = list;
	demand->missing_count++;
}

static size_t demand_size(const struct demand *demand)
{
	return demand->box_count + demand->reference_count + demand->missing_count;
}

static void add_list(struct demand *demand, const struct rule_set_input *input, const char *id,
                     enum match_class class, const struct span *span)
{
	const struct prefix_list *list = input->prefix_list(input->context, id);

	if (list == NULL || !list->known) {
		add_missing(demand, id);
		return;
	}
	for (size_t i = 0; i < list->entry_count && demand_size(demand) <= RULE_SET_BOXES_MAX; i++)
		add_box(demand, &list->entries[i], class, span);
}

static void add_rule(struct demand *demand, const struct rule_set_input *input,
                     const struct sg_rule *rule)
{
	enum match_class class;
	struct span span;

	if (!span_of_rule(rule, &class, &span))
		return;
	switch (rule->peer) {
	case RULE_PEER_PREFIX:
		add_box(demand, &rule->prefix, class, &span);
		break;
	case RULE_PEER_PREFIX_LIST:
		add_list(demand, input, rule->peer_id, class, &span);
		break;
	case RULE_PEER_GROUP:
		add_reference(demand, rule->peer_id, class, &span);
		break;
	}
}

static int add_rules(struct demand *demand, const struct rule_set_input *input, struct error *err)
{
	for (size_t i = 0; i < input->group_count; i++) {
		const struct security_group *group = input->groups[i];

		for (size_t j = 0; j < group->rule_count[input->direction]; j++) {
			add_rule(demand, input, &group->rules[input->direction][j]);
			if (demand_size(demand) > RULE_SET_BOXES_MAX)
				return error_set(err, -E2BIG,
				                 "%s rules of %s: more than %d prefixes and "
				                 "references with all prefix lists expanded",
				                 direction_name(input->direction), group->id,
				                 RULE_SET_BOXES_MAX);
		}
	}
	return 0;
}

static int demand_collect(struct demand *demand, const struct rule_set_input *input,
                          struct arena *scratch, struct error *err)
{
	struct demand size = {0};
	int ret = add_rules(&size, input, err);

	if (ret < 0)
		return ret;
	demand->boxes = arena_array(scratch, size.box_count, sizeof(*demand->boxes));
	demand->references =
		arena_array(scratch, size.reference_count, sizeof(*demand->references));
	demand->missing = arena_array(scratch, size.missing_count, sizeof(*demand->missing));
	if (demand->boxes == NULL || demand->references == NULL || demand->missing == NULL)
		return -ENOMEM;
	return add_rules(demand, input, err);
}

static bool same_set(const struct placed_box *a, const struct placed_box *b)
{
	return a->box.prefix.family == b->box.prefix.family && a->class == b->class &&
	       a->depth == b->depth;
}

static size_t count_sets(const struct placed_box *boxes, size_t count)
{
	size_t sets = 0;

	for (size_t i = 0; i < count; i++)
		sets += i == 0 || !same_set(&boxes[i - 1], &boxes[i]);
	return sets;
}

static int make_sets(struct rule_set *set, const struct placed_box *placed, size_t count)
{
	struct box *boxes = arena_array(set->arena, count, sizeof(*boxes));
	struct box_set *current = NULL;

	set->sets = arena_array(set->arena, count_sets(placed, count), sizeof(*set->sets));
	if (boxes == NULL || set->sets == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (current == NULL || !same_set(&placed[i - 1], &placed[i])) {
			current = &set->sets[set->set_count++];
			current->family = placed[i].box.prefix.family;
			current->class = placed[i].class;
			current->depth = placed[i].depth;
			current->boxes = &boxes[i];
		}
		boxes[i] = placed[i].box;
		current->count++;
	}
	return 0;
}

static int compare_references(const void *left, const void *right)
{
	const struct reference *a = left;
	const struct reference *b = right;
	int order = strcmp(a->group, b->group);

	if (order != 0)
		return order;
	if (a->class != b->class)
		return a->class < b->class ? -1 : 1;
	return span_compare(&a->span, &b->span);
}

/* One group's references: sorted, so that ALL comes first and makes the others pointless. */
static int make_peer(struct peer_group *peer, struct arena *arena,
                     const struct reference *references, size_t count)
{
	struct span *spans = arena_array(arena, count, sizeof(*spans));
	size_t used = 0;

	peer->id = arena_strdup(arena, references[0].group);
	if (peer->id == NULL || spans == NULL)
		return -ENOMEM;
	peer->all = references[0].class == MATCH_ALL;
	for (size_t i = 0; i < count && !peer->all; i++) {
		enum match_class class = references[i].class;

		if (peer->span_count[class] == 0)
			peer->spans[class] = &spans[used];
		else if (span_absorb(class, &spans[used - 1], &references[i].span))
			continue;
		spans[used++] = references[i].span;
		peer->span_count[class]++;
	}
	return 0;
}

static size_t same_group_run(const struct reference *references, size_t count)
{
	size_t run = 1;

	while (run < count && strcmp(references[0].group, references[run].group) == 0)
		run++;
	return run;
}

static int make_peers(struct rule_set *set, struct reference *references, size_t count)
{
	size_t run;
	int ret;

	qsort(references, count, sizeof(*references), compare_references);
	set->peers = arena_array(set->arena, count, sizeof(*set->peers));
	if (set->peers == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i += run) {
		run = same_group_run(&references[i], count - i);
		ret = make_peer(&set->peers[set->peer_count], set->arena, &references[i], run);
		if (ret < 0)
			return ret;
		set->peer_count++;
	}
	return 0;
}

static int compare_ids(const void *left, const void *right)
{
	const char *const *a = left;
	const char *const *b = right;

	return strcmp(*a, *b);
}

static int make_missing(struct rule_set *set, const char **ids, size_t count)
{
	qsort(ids, count, sizeof(*ids), compare_ids);
	set->missing_prefix_lists = arena_array(set->arena, count, sizeof(*ids));
	if (set->missing_prefix_lists == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		if (i > 0 && strcmp(ids[i - 1], ids[i]) == 0)
			continue;
		const char *id = arena_strdup(set->arena, ids[i]);

		if (id == NULL)
			return -ENOMEM;
		set->missing_prefix_lists[set->missing_prefix_list_count++] = id;
	}
	return 0;
}

static int compile(struct rule_set *set, const struct rule_set_input *input, struct arena *scratch,
                   struct error *err)
{
	struct demand demand = {0};
	int ret = demand_collect(&demand, input, scratch, err);

	if (ret == 0)
		ret = boxes_normalise(demand.boxes, &demand.box_count, scratch);
	if (ret == 0)
		ret = make_sets(set, demand.boxes, demand.box_count);
	if (ret == 0)
		ret = make_peers(set, demand.references, demand.reference_count);
	if (ret == 0)
		ret = make_missing(set, demand.missing, demand.missing_count);
	return ret;
}

static struct rule_set *rule_set_new(void)
{
	struct arena *arena = arena_new(ARENA_CEILING);
	struct rule_set *set = arena != NULL ? arena_alloc(arena, sizeof(*set)) : NULL;

	if (set == NULL)
		arena_free(arena);
	else
		set->arena = arena;
	return set;
}

int rule_set_compile(const struct rule_set_input *input, struct rule_set **ret, struct error *err)
{
	struct arena *scratch = arena_new(ARENA_CEILING);
	struct rule_set *set = rule_set_new();
	int code = -ENOMEM;

	if (scratch == NULL || set == NULL)
		goto out;
	code = compile(set, input, scratch, err);
	if (code < 0)
		goto out;
	*ret = set;
	set = NULL;
out:
	rule_set_free(set);
	arena_free(scratch);
	if (code == -ENOMEM)
		error_set(err, code, "%s rules: out of memory", direction_name(input->direction));
	return code;
}

void rule_set_free(struct rule_set *set)
{
	if (set != NULL)
		arena_free(set->arena);
}

size_t rule_set_elements(const struct rule_set *set)
{
	size_t elements = 0;

	for (size_t i = 0; i < set->set_count; i++)
		elements += set->sets[i].count;
	for (size_t i = 0; i < set->peer_count; i++) {
		for (size_t j = 0; j < MATCH_CLASSES; j++)
			elements += set->peers[i].span_count[j];
	}
	return elements;
}

static bool box_set_holds(const struct box_set *set, const struct prefix *peer,
                          const struct span *point)
{
	for (size_t i = 0; i < set->count; i++) {
		const struct box *box = &set->boxes[i];

		if (prefix_contains(&box->prefix, peer) &&
		    (set->class == MATCH_ALL || span_covers(set->class, &box->span, point)))
			return true;
	}
	return false;
}

static bool peer_group_permits(const struct peer_group *peer, enum match_class class,
                               const struct span *point)
{
	for (size_t i = 0; i < peer->span_count[class]; i++) {
		if (span_covers(class, &peer->spans[class][i], point))
			return true;
	}
	return peer->all;
}

bool rule_set_permits(const struct rule_set *set, const struct match *match,
                      bool (*is_member)(void *context, const char *group,
                                        const struct prefix *address),
                      void *context)
{
	enum match_class class = match_class_of(match->peer.family, match->protocol);
	struct span point = {match->protocol, match->value, match->value};

	for (size_t i = 0; i < set->set_count; i++) {
		const struct box_set *boxes = &set->sets[i];

		if (boxes->family == match->peer.family &&
		    (boxes->class == MATCH_ALL || boxes->class == class) &&
		    box_set_holds(boxes, &match->peer, &point))
			return true;
	}
	for (size_t i = 0; i < set->peer_count && is_member != NULL; i++) {
		const struct peer_group *peer = &set->peers[i];

		if (peer_group_permits(peer, class, &point) &&
		    is_member(context, peer->id, &match->peer))
			return true;
	}
	return false;
}
