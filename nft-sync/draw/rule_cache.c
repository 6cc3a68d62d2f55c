/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/digest.h"
#include "nft-sync/draw/member_cache.h"
#include "nft-sync/draw/rule_cache.h"

/* A referenced group and which sets of prefixes it had when the rules were drawn. */
struct cached_peer {
	struct member_entry *group;
	unsigned shape;
};

/* A rule set, by the groups it is of (key) and what they say (content). */
struct cached_rules {
	uint64_t key;
	uint64_t content;
	uint64_t request;   /* the ids, as they were asked for last */
	uint64_t validated; /* the generation of the model's rules when that was */
	size_t elements;
	struct rule_image *image;
	struct cached_peer *peers; /* referenced groups: their members go into the image too */
	size_t peer_count;
	bool used;
};

/* The digest of a group's rules of one direction, good while no rule of the model changes. */
struct cached_digest {
	const struct security_group *group;
	uint64_t digests[DIRECTIONS];
};

struct rule_cache {
	struct cached_rules **rules;
	size_t rule_count, rule_capacity;
	struct member_cache *members;
	struct peer_chains *peer_chains;
	uint64_t stamp;                /* of this rendering */
	struct cached_digest *digests; /* by address of the group */
	size_t digest_count, digest_capacity;
	uint64_t rules_generation; /* of the digests */
	struct model *model;
	size_t count, compiled, elements;
};

struct rule_cache *rule_cache_new(void)
{
	struct rule_cache *cache = calloc(1, sizeof(*cache));
	if (!cache)
		return NULL;
	cache->members = member_cache_new();
	cache->peer_chains = peer_chains_new();
	if (cache->members && cache->peer_chains)
		return cache;
	rule_cache_free(cache);
	return NULL;
}

static void cached_rules_free(struct cached_rules *rules)
{
	if (!rules)
		return;
	for (size_t i = 0; i < rules->peer_count; i++)
		member_cache_release(rules->peers[i].group);
	free(rules->peers);
	rule_image_free(rules->image);
	free(rules);
}

void rule_cache_free(struct rule_cache *cache)
{
	if (!cache)
		return;
	for (size_t i = 0; i < cache->rule_count; i++)
		cached_rules_free(cache->rules[i]);
	member_cache_free(cache->members);
	peer_chains_free(cache->peer_chains);
	free(cache->rules);
	free(cache->digests);
	free(cache);
}

/* Room for one more element; false when memory is short. */
static bool make_room(void **array, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return true;
	size_t wanted = *capacity ? 2 * *capacity : 64;
	void *larger = reallocarray(*array, wanted, size);
	if (!larger)
		return false;
	*array = larger;
	*capacity = wanted;
	return true;
}

int rule_cache_begin(struct rule_cache *cache, const struct resolution *resolution,
                     struct model *model)
{
	static uint64_t renderings; /* stamps are never used again, by whatever cache */
	cache->stamp = ++renderings;
	cache->model = model;
	cache->count = cache->compiled = cache->elements = 0;
	if (cache->rules_generation != model_rules_generation(model))
		cache->digest_count = 0;
	cache->rules_generation = model_rules_generation(model);
	for (size_t i = 0; i < cache->rule_count; i++)
		cache->rules[i]->used = false;
	return member_cache_begin(cache->members, resolution);
}

void rule_cache_end(struct rule_cache *cache)
{
	size_t kept = 0;
	for (size_t i = 0; i < cache->rule_count; i++) {
		if (cache->rules[i]->used)
			cache->rules[kept++] = cache->rules[i];
		else
			cached_rules_free(cache->rules[i]);
	}
	cache->rule_count = kept;
	member_cache_tidy(cache->members);
	peer_chains_tidy(cache->peer_chains);
}

/* All rules of all groups are digested when one has changed: a word at a time, not a byte. */
static uint64_t digest_word(uint64_t digest, uint64_t word)
{
	digest = (digest ^ word) * 0x9e3779b97f4a7c15ULL;
	return digest ^ digest >> 32;
}

static uint64_t digest_prefix(uint64_t digest, const struct prefix *prefix)
{
	uint64_t halves[2];
	_Static_assert(sizeof(halves) == sizeof(prefix->address), "an address is two words");
	memcpy(halves, prefix->address, sizeof(halves));
	digest = digest_word(digest, (uint64_t)prefix->family << 8 | prefix->length);
	return digest_word(digest_word(digest, halves[0]), halves[1]);
}

static uint64_t digest_list(uint64_t digest, const struct prefix_list *list)
{
	for (size_t i = 0; list && i < list->entry_count; i++)
		digest = digest_prefix(digest, &list->entries[i]);
	return digest_word(digest, list ? list->entry_count + 1 : 0);
}

static uint64_t digest_rules(const struct model *model, const struct security_group *group,
                             enum direction direction)
{
	uint64_t digest = DIGEST_START;
	for (size_t i = 0; i < group->rule_count[direction]; i++) {
		const struct sg_rule *rule = &group->rules[direction][i];
		digest = digest_word(digest, (uint64_t)(uint16_t)rule->protocol << 32 |
		                                     (uint32_t)rule->peer);
		digest = digest_word(digest,
		                     (uint64_t)(uint32_t)rule->from << 32 | (uint32_t)rule->to);
		digest = digest_prefix(digest, &rule->prefix);
		if (rule->peer_id)
			digest = digest_text(digest, rule->peer_id);
		if (rule->peer == RULE_PEER_PREFIX_LIST)
			digest = digest_list(digest, model_prefix_list(model, rule->peer_id));
	}
	return digest;
}

static size_t digest_place(const struct rule_cache *cache, const struct security_group *group)
{
	size_t low = 0;
	size_t high = cache->digest_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (cache->digests[middle].group < group)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int group_digest(struct rule_cache *cache, const struct security_group *group,
                        enum direction direction, uint64_t *ret)
{
	size_t place = digest_place(cache, group);
	if (place < cache->digest_count && cache->digests[place].group == group) {
		*ret = cache->digests[place].digests[direction];
		return 0;
	}
	void *digests = cache->digests;
	if (!make_room(&digests, cache->digest_count, &cache->digest_capacity,
	               sizeof(*cache->digests)))
		return -ENOMEM;
	cache->digests = digests;
	memmove(cache->digests + place + 1, cache->digests + place,
	        (cache->digest_count++ - place) * sizeof(*cache->digests));
	struct cached_digest *digest = &cache->digests[place];
	digest->group = group;
	for (enum direction d = DIRECTION_INGRESS; d <= DIRECTION_EGRESS; d++)
		digest->digests[d] = digest_rules(cache->model, group, d);
	*ret = digest->digests[direction];
	return 0;
}

static const struct prefix_list *look_up_list(void *context, const char *id)
{
	return model_prefix_list(context, id);
}

static unsigned member_shape(const struct member_image *image)
{
	return (image->sets[MEMBERS_NET4] ? 1U : 0) | (image->sets[MEMBERS_NET6] ? 2U : 0);
}

/* The member sets of every peer group, in the order of the rule set; entry remembers them. */
static int gather_peers(struct rule_cache *cache, struct cached_rules *entry,
                        const struct rule_set *set, const struct member_image **members)
{
	entry->peers = calloc(set->peer_count + 1, sizeof(*entry->peers));
	if (!entry->peers)
		return -ENOMEM;
	for (size_t i = 0; i < set->peer_count; i++) {
		struct member_entry *group = member_cache_hold(cache->members, set->peers[i].id);
		if (!group)
			return -ENOMEM;
		entry->peers[i] = (struct cached_peer){group, member_shape(&group->image)};
		entry->peer_count++;
		members[i] = &group->image;
	}
	return 0;
}

static int draw_rules(struct rule_cache *cache, struct cached_rules *entry,
                      const struct rule_set *set, enum direction direction, enum rules_use use,
                      const char *comment)
{
	const struct member_image **members = calloc(set->peer_count + 1, sizeof(*members));
	int r = members ? gather_peers(cache, entry, set, members) : -ENOMEM;
	if (r == 0)
		r = rule_image_make(set, members, direction, use, rule_image_digest(set, members),
		                    comment, cache->peer_chains, &entry->image);
	entry->elements = rule_set_elements(set);
	free(members);
	return r;
}

/* The known groups among those asked for, sorted by id, each once. */
struct group_list {
	const struct security_group **groups;
	size_t count;
	uint64_t key;
	uint64_t content;
};

static int compare_groups(const void *a, const void *b)
{
	const struct security_group *const *x = a;
	const struct security_group *const *y = b;
	return strcmp((*x)->id, (*y)->id);
}

static int gather_groups(struct rule_cache *cache, enum direction direction, enum rules_use use,
                         const char *const *ids, size_t count, struct group_list *list)
{
	memset(list, 0, sizeof(*list));
	list->groups = calloc(count + 1, sizeof(*list->groups));
	if (!list->groups)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct security_group *group = model_group(cache->model, ids[i]);
		if (group)
			list->groups[list->count++] = group;
	}
	if (list->count)
		qsort(list->groups, list->count, sizeof(list->groups[0]), compare_groups);
	list->key = digest_u64(DIGEST_START, (uint64_t)direction << 8 | (uint64_t)use);
	list->content = DIGEST_START;
	for (size_t i = 0; i < list->count; i++) {
		uint64_t digest = 0;
		int r = group_digest(cache, list->groups[i], direction, &digest);
		if (r < 0)
			return r;
		list->key = digest_text(list->key, list->groups[i]->id);
		list->content = digest_u64(list->content, digest);
	}
	return 0;
}

static void groups_comment(const struct group_list *list, char *comment, size_t size)
{
	size_t used = 0;
	comment[0] = '\0';
	for (size_t i = 0; i < list->count && used < size; i++)
		used += (size_t)snprintf(comment + used, size - used, "%s%s", i ? " " : "",
		                         list->groups[i]->id);
}

static int compile_rules(struct rule_cache *cache, const struct group_list *list,
                         enum direction direction, enum rules_use use, struct cached_rules **ret,
                         struct error *err)
{
	struct rule_set *set = NULL;
	char comment[IMAGE_COMMENT_MAX];
	struct rule_set_input input = {.direction = direction,
	                               .groups = list->groups,
	                               .group_count = list->count,
	                               .prefix_list = look_up_list,
	                               .context = cache->model};
	struct cached_rules *entry = calloc(1, sizeof(*entry));
	int r = entry ? rule_set_compile(&input, &set, err) : -ENOMEM;
	groups_comment(list, comment, sizeof(comment));
	if (r == 0)
		r = draw_rules(cache, entry, set, direction, use, comment);
	rule_set_free(set);
	if (r < 0) {
		cached_rules_free(entry);
		return error_set(err, r, "no memory for a rule set");
	}
	entry->key = list->key;
	entry->content = list->content;
	cache->compiled++;
	*ret = entry;
	return 0;
}

/* Whether a group now has, or no longer has, a set of prefixes: the rules must say so. */
static bool members_changed_shape(const struct cached_rules *entry)
{
	for (size_t i = 0; i < entry->peer_count; i++)
		if (member_shape(&entry->peers[i].group->image) != entry->peers[i].shape)
			return true;
	return false;
}

static int current_rules(struct rule_cache *cache, const struct group_list *list,
                         enum direction direction, enum rules_use use, struct cached_rules **ret,
                         struct error *err)
{
	size_t place = 0;
	while (place < cache->rule_count && cache->rules[place]->key != list->key)
		place++;
	bool known = place < cache->rule_count;
	if (known && cache->rules[place]->content == list->content &&
	    !members_changed_shape(cache->rules[place])) {
		*ret = cache->rules[place];
		return 0;
	}
	void *rules = cache->rules;
	if (!known &&
	    !make_room(&rules, cache->rule_count, &cache->rule_capacity, sizeof(*cache->rules)))
		return error_set(err, -ENOMEM, "no memory for a rule set");
	cache->rules = rules;
	int r = compile_rules(cache, list, direction, use, ret, err);
	if (r < 0)
		return r;
	if (known)
		cached_rules_free(cache->rules[place]);
	else
		cache->rule_count++;
	cache->rules[place] = *ret;
	return 0;
}

static int add_members_to_image(const struct cached_rules *entry, struct image *image,
                                uint64_t stamp)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < entry->peer_count; i++) {
		const struct member_image *members = &entry->peers[i].group->image;
		for (int kind = 0; r == 0 && kind < MEMBER_KINDS; kind++)
			if (members->sets[kind])
				r = image_add_set_once(image, members->sets[kind], stamp);
	}
	return r;
}

static int add_rules_to_image(const struct rule_image *rules, struct image *image, uint64_t stamp)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < rules->set_count; i++)
		r = image_add_set_once(image, rules->sets[i], stamp);
	for (size_t i = 0; r == 0 && i < rules->chain_count; i++)
		r = image_add_chain_once(image, rules->chains[i], stamp);
	return r;
}

static uint64_t digest_request(enum direction direction, enum rules_use use,
                               const char *const *groups, size_t count)
{
	uint64_t digest = digest_u64(DIGEST_START, (uint64_t)direction << 8 | (uint64_t)use);
	for (size_t i = 0; i < count; i++)
		digest = digest_text(digest, groups[i]);
	return digest;
}

/* The same ids, and no rule of the model has changed since: nothing needs to be looked up. */
static struct cached_rules *unchanged_rules(const struct rule_cache *cache, uint64_t request)
{
	for (size_t i = 0; i < cache->rule_count; i++) {
		struct cached_rules *entry = cache->rules[i];
		if (entry->request == request && entry->validated == cache->rules_generation &&
		    !members_changed_shape(entry))
			return entry;
	}
	return NULL;
}

static int find_rules(struct rule_cache *cache, enum direction direction, enum rules_use use,
                      const char *const *groups, size_t count, struct cached_rules **ret,
                      struct error *err)
{
	struct group_list list;
	uint64_t request = digest_request(direction, use, groups, count);
	*ret = unchanged_rules(cache, request);
	if (*ret)
		return 0;
	int r = gather_groups(cache, direction, use, groups, count, &list);
	if (r == 0)
		r = current_rules(cache, &list, direction, use, ret, err);
	free(list.groups);
	if (r == 0 && *ret) {
		(*ret)->request = request;
		(*ret)->validated = cache->rules_generation;
	}
	return r;
}

int rule_cache_render(struct rule_cache *cache, enum direction direction, enum rules_use use,
                      const char *const *groups, size_t group_count, struct image *image,
                      char *chain, struct error *err)
{
	struct cached_rules *entry = NULL;
	int r = find_rules(cache, direction, use, groups, group_count, &entry, err);
	if (r < 0 || !entry || !entry->image || entry->image->chain_count == 0)
		return error_set(err, r, "no memory for a rule set");
	snprintf(chain, IMAGE_NAME_MAX, "%s", entry->image->chains[0]->name);
	if (entry->used)
		return 0;
	entry->used = true;
	cache->count++;
	cache->elements += entry->elements;
	r = add_rules_to_image(entry->image, image, cache->stamp);
	if (r == 0)
		r = add_members_to_image(entry, image, cache->stamp);
	return r < 0 ? error_set(err, r, "no memory for a rule set") : 0;
}

size_t rule_cache_count(const struct rule_cache *cache)
{
	return cache->count;
}

size_t rule_cache_compiled(const struct rule_cache *cache)
{
	return cache->compiled;
}

size_t rule_cache_elements(const struct rule_cache *cache)
{
	return cache->elements;
}
