/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/draw/image.h"

static const struct {
	enum field field;
	enum key_type type;
} field_types[] = {
	{FIELD_IN, KEY_INTERFACE},
	{FIELD_OUT, KEY_INTERFACE},
	{FIELD_SOURCE4, KEY_ADDRESS4},
	{FIELD_DESTINATION4, KEY_ADDRESS4},
	{FIELD_SOURCE6, KEY_ADDRESS6},
	{FIELD_DESTINATION6, KEY_ADDRESS6},
	{FIELD_PROTOCOL, KEY_PROTOCOL},
	{FIELD_PORT, KEY_PORT},
	{FIELD_SOURCE_PORT, KEY_PORT},
	{FIELD_ICMP_TYPE, KEY_ICMP_TYPE},
	{FIELD_ICMP_CODE, KEY_ICMP_CODE},
	{FIELD_ICMPV6_TYPE, KEY_ICMPV6_TYPE},
	{FIELD_ICMPV6_CODE, KEY_ICMPV6_CODE},
};

enum key_type field_type(enum field field)
{
	for (size_t i = 0; i < sizeof(field_types) / sizeof(field_types[0]); i++)
		if (field_types[i].field == field)
			return field_types[i].type;
	return KEY_NONE;
}

unsigned key_type_length(enum key_type type)
{
	switch (type) {
	case KEY_INTERFACE:
		return IFNAMSIZ;
	case KEY_ADDRESS4:
		return 4;
	case KEY_ADDRESS6:
		return 16;
	case KEY_PORT:
		return 2;
	case KEY_PROTOCOL:
	case KEY_ICMP_TYPE:
	case KEY_ICMP_CODE:
	case KEY_ICMPV6_TYPE:
	case KEY_ICMPV6_CODE:
		return 1;
	case KEY_NONE:
		break;
	}
	return 0;
}

static unsigned padded(unsigned length)
{
	return (length + 3) & ~3U;
}

void key_put(uint8_t *key, unsigned *offset, const void *value, unsigned length)
{
	memset(key + *offset, 0, padded(length));
	memcpy(key + *offset, value, length);
	*offset += padded(length);
}

void key_put_name(uint8_t *key, unsigned *offset, const char *interface)
{
	char name[IFNAMSIZ] = "";
	strncpy(name, interface, sizeof(name) - 1);
	key_put(key, offset, name, sizeof(name));
}

void key_put_address(uint8_t *key, unsigned *offset, const struct prefix *prefix)
{
	key_put(key, offset, prefix->address, prefix->family == AF_INET ? 4 : 16);
}

/* Doubles an array so that one more element fits; the old one stays where memory is short. */
static int grow(void **array, size_t count, size_t size)
{
	void *larger = reallocarray(*array, count, size);
	if (!larger)
		return -ENOMEM;
	*array = larger;
	return 0;
}

struct image_set *image_set_new(const char *name, const enum key_type *types, unsigned count,
                                enum set_data data)
{
	struct image_set *set = calloc(1, sizeof(*set));
	if (!set)
		return NULL;
	set->references = 1;
	strncpy(set->name, name, sizeof(set->name) - 1);
	set->field_count = count;
	set->data = data;
	for (unsigned i = 0; i < count; i++) {
		set->types[i] = types[i];
		/* A key of a single field is not padded by anyone; ours only matter padded. */
		set->key_length += padded(key_type_length(types[i]));
	}
	return set;
}

struct image_set *image_set_for(const char *name, const char *comment, const enum key_type *types,
                                unsigned count, enum set_data data)
{
	struct image_set *set = image_set_new(name, types, count, data);
	if (set)
		snprintf(set->comment, sizeof(set->comment), "%s", comment);
	return set;
}

size_t image_set_stride(const struct image_set *set)
{
	return set->interval ? 2U * set->key_length : set->key_length;
}

const uint8_t *image_set_key(const struct image_set *set, size_t index)
{
	return set->keys + index * image_set_stride(set);
}

const uint8_t *image_set_last(const struct image_set *set, size_t index)
{
	return set->interval ? image_set_key(set, index) + set->key_length : NULL;
}

static int image_set_grow(struct image_set *set)
{
	size_t capacity = set->capacity ? 2 * set->capacity : 8;
	void *keys = set->keys;
	void *verdicts = set->verdicts;
	void *comments = set->comments;
	int r = grow(&keys, capacity, image_set_stride(set));
	set->keys = keys;
	if (r == 0 && set->data == DATA_VERDICT) {
		r = grow(&verdicts, capacity, sizeof(*set->verdicts));
		set->verdicts = verdicts;
	}
	if (r == 0 && set->comments) {
		r = grow(&comments, capacity, sizeof(*set->comments));
		set->comments = comments;
	}
	if (r == 0)
		set->capacity = capacity;
	return r;
}

static int image_set_comment(struct image_set *set, const char *comment)
{
	if (!set->comments && !comment)
		return 0;
	if (!set->comments) {
		set->comments = calloc(set->capacity, sizeof(*set->comments));
		if (!set->comments)
			return -ENOMEM;
	}
	set->comments[set->count] = NULL;
	if (!comment)
		return 0;
	set->comments[set->count] = strndup(comment, IMAGE_COMMENT_MAX - 1);
	return set->comments[set->count] ? 0 : -ENOMEM;
}

int image_set_add(struct image_set *set, const uint8_t *key, const uint8_t *last,
                  const struct verdict_to *verdict, const char *comment)
{
	if (set->count == set->capacity) {
		int r = image_set_grow(set);
		if (r < 0)
			return r;
	}
	int r = image_set_comment(set, comment);
	if (r < 0)
		return r;
	uint8_t *slot = set->keys + set->count * image_set_stride(set);
	memcpy(slot, key, set->key_length);
	if (set->interval)
		memcpy(slot + set->key_length, last ? last : key, set->key_length);
	if (set->verdicts)
		set->verdicts[set->count] = verdict ? *verdict : (struct verdict_to){0};
	set->count++;
	return 0;
}

static int compare_indexes(const void *a, const void *b, void *context)
{
	const struct image_set *set = context;
	size_t x = *(const size_t *)a;
	size_t y = *(const size_t *)b;
	int order = memcmp(image_set_key(set, x), image_set_key(set, y), image_set_stride(set));
	if (order)
		return order;
	return x < y ? -1 : x > y;
}

static bool is_sorted(const struct image_set *set)
{
	for (size_t i = 1; i < set->count; i++)
		if (memcmp(image_set_key(set, i - 1), image_set_key(set, i), set->key_length) >= 0)
			return false;
	return true;
}

/* Moves element from of old to the end of set; the comment changes hands. */
static void image_set_move(struct image_set *set, struct image_set *old, size_t from)
{
	size_t stride = image_set_stride(set);
	bool again = set->count && memcmp(image_set_key(set, set->count - 1),
	                                  image_set_key(old, from), set->key_length) == 0;
	if (again)
		return;
	memcpy(set->keys + set->count * stride, image_set_key(old, from), stride);
	if (set->verdicts)
		set->verdicts[set->count] = old->verdicts[from];
	if (set->comments) {
		set->comments[set->count] = old->comments[from];
		old->comments[from] = NULL;
	}
	set->count++;
}

static void image_set_clear(struct image_set *set)
{
	for (size_t i = 0; set->comments && i < set->capacity && i < set->count; i++)
		free(set->comments[i]);
	free(set->comments);
	free(set->verdicts);
	free(set->keys);
	set->keys = NULL;
	set->verdicts = NULL;
	set->comments = NULL;
	set->count = 0;
	set->capacity = 0;
}

int image_set_finish(struct image_set *set)
{
	if (is_sorted(set))
		return 0;
	struct image_set old = *set;
	size_t count = set->count;
	size_t *order = reallocarray(NULL, count, sizeof(*order));
	uint8_t *keys = reallocarray(NULL, count, image_set_stride(set));
	struct verdict_to *verdicts = NULL;
	char **comments = NULL;
	if (old.verdicts)
		verdicts = reallocarray(NULL, count, sizeof(*verdicts));
	if (old.comments)
		comments = calloc(count, sizeof(*comments));
	if (!order || !keys || (old.verdicts && !verdicts) || (old.comments && !comments)) {
		free(order);
		free(keys);
		free(verdicts);
		free(comments);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		order[i] = i;
	qsort_r(order, count, sizeof(*order), compare_indexes, set);
	set->keys = keys;
	set->verdicts = verdicts;
	set->comments = comments;
	set->count = 0;
	set->capacity = count;
	for (size_t i = 0; i < count; i++)
		image_set_move(set, &old, order[i]);
	image_set_clear(&old);
	free(order);
	return 0;
}

bool image_set_same_definition(const struct image_set *a, const struct image_set *b)
{
	return a->field_count == b->field_count && a->interval == b->interval &&
	       a->counters == b->counters && a->data == b->data &&
	       memcmp(a->types, b->types, sizeof(a->types)) == 0;
}

struct image_set *image_set_ref(struct image_set *set)
{
	set->references++;
	return set;
}

void image_set_unref(struct image_set *set)
{
	if (!set || --set->references > 0)
		return;
	image_set_clear(set);
	free(set);
}

struct image_chain *image_chain_new(const char *name, const char *comment)
{
	struct image_chain *chain = calloc(1, sizeof(*chain));
	if (!chain)
		return NULL;
	chain->references = 1;
	strncpy(chain->name, name, sizeof(chain->name) - 1);
	strncpy(chain->comment, comment, sizeof(chain->comment) - 1);
	return chain;
}

struct image_rule *image_chain_rule(struct image_chain *chain)
{
	if (!chain || chain->failed)
		return NULL;
	if (chain->rule_count == chain->capacity) {
		size_t capacity = chain->capacity ? 2 * chain->capacity : 8;
		void *rules = chain->rules;
		if (grow(&rules, capacity, sizeof(*chain->rules)) < 0) {
			chain->failed = true;
			return NULL;
		}
		chain->rules = rules;
		chain->capacity = capacity;
	}
	struct image_rule *rule = &chain->rules[chain->rule_count++];
	memset(rule, 0, sizeof(*rule));
	return rule;
}

struct image_chain *image_chain_ref(struct image_chain *chain)
{
	chain->references++;
	return chain;
}

void image_chain_unref(struct image_chain *chain)
{
	if (!chain || --chain->references > 0)
		return;
	free(chain->rules);
	free(chain);
}

struct image *image_new(void)
{
	return calloc(1, sizeof(struct image));
}

void image_parts_free(struct image_set **sets, size_t set_count, struct image_chain **chains,
                      size_t chain_count)
{
	for (size_t i = 0; i < set_count; i++)
		image_set_unref(sets[i]);
	for (size_t i = 0; i < chain_count; i++)
		image_chain_unref(chains[i]);
	free(sets);
	free(chains);
}

void image_free(struct image *image)
{
	if (!image)
		return;
	image_parts_free(image->sets, image->set_count, image->chains, image->chain_count);
	free(image);
}

int image_add_set(struct image *image, struct image_set *set)
{
	if (!set)
		return -ENOMEM;
	if (image->set_count == image->set_capacity) {
		size_t capacity = image->set_capacity ? 2 * image->set_capacity : 64;
		void *sets = image->sets;
		if (grow(&sets, capacity, sizeof(*image->sets)) < 0) {
			image_set_unref(set);
			return -ENOMEM;
		}
		image->sets = sets;
		image->set_capacity = capacity;
	}
	image->sets[image->set_count++] = set;
	return 0;
}

int image_add_chain(struct image *image, struct image_chain *chain)
{
	if (!chain || chain->failed) {
		image_chain_unref(chain);
		return -ENOMEM;
	}
	if (image->chain_count == image->chain_capacity) {
		size_t capacity = image->chain_capacity ? 2 * image->chain_capacity : 64;
		void *chains = image->chains;
		if (grow(&chains, capacity, sizeof(*image->chains)) < 0) {
			image_chain_unref(chain);
			return -ENOMEM;
		}
		image->chains = chains;
		image->chain_capacity = capacity;
	}
	image->chains[image->chain_count++] = chain;
	return 0;
}

int image_add_set_once(struct image *image, struct image_set *set, uint64_t stamp)
{
	if (set->stamp == stamp)
		return 0;
	set->stamp = stamp;
	return image_add_set(image, image_set_ref(set));
}

int image_add_chain_once(struct image *image, struct image_chain *chain, uint64_t stamp)
{
	if (chain->stamp == stamp)
		return 0;
	chain->stamp = stamp;
	return image_add_chain(image, image_chain_ref(chain));
}

static int compare_sets(const void *a, const void *b)
{
	const struct image_set *const *x = a;
	const struct image_set *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static int compare_chains(const void *a, const void *b)
{
	const struct image_chain *const *x = a;
	const struct image_chain *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

static void image_finish_sets(struct image *image)
{
	size_t kept = 0;
	qsort(image->sets, image->set_count, sizeof(image->sets[0]), compare_sets);
	for (size_t i = 0; i < image->set_count; i++) {
		if (kept > 0 && strcmp(image->sets[kept - 1]->name, image->sets[i]->name) == 0)
			image_set_unref(image->sets[i]);
		else
			image->sets[kept++] = image->sets[i];
	}
	image->set_count = kept;
}

static void image_finish_chains(struct image *image)
{
	size_t kept = 0;
	qsort(image->chains, image->chain_count, sizeof(image->chains[0]), compare_chains);
	for (size_t i = 0; i < image->chain_count; i++) {
		if (kept > 0 && strcmp(image->chains[kept - 1]->name, image->chains[i]->name) == 0)
			image_chain_unref(image->chains[i]);
		else
			image->chains[kept++] = image->chains[i];
	}
	image->chain_count = kept;
}

void image_finish(struct image *image)
{
	if (image->set_count)
		image_finish_sets(image);
	if (image->chain_count)
		image_finish_chains(image);
}

struct image_set *image_find_set(const struct image *image, const char *name)
{
	struct image_set wanted = {0};
	strncpy(wanted.name, name, sizeof(wanted.name) - 1);
	const struct image_set *key = &wanted;
	struct image_set **found = NULL;
	if (image->set_count)
		found = bsearch(&key, image->sets, image->set_count, sizeof(image->sets[0]),
		                compare_sets);
	return found ? *found : NULL;
}

struct image_chain *image_find_chain(const struct image *image, const char *name)
{
	struct image_chain wanted = {0};
	strncpy(wanted.name, name, sizeof(wanted.name) - 1);
	const struct image_chain *key = &wanted;
	struct image_chain **found = NULL;
	if (image->chain_count)
		found = bsearch(&key, image->chains, image->chain_count, sizeof(image->chains[0]),
		                compare_chains);
	return found ? *found : NULL;
}
