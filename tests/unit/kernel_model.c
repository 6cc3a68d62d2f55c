/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/kernel_model.h"

#define OBJECTS_MAX 64
#define TEXT_SIZE 512

struct model_element {
	uint8_t key[2 * IMAGE_KEY_MAX];
	struct verdict_to verdict;
	char comment[IMAGE_COMMENT_MAX];
};

struct model_set {
	bool present;
	struct image_set definition; /* its arrays are not used */
	struct model_element *elements;
	size_t count, capacity;
};

struct model_chain {
	bool present;
	char name[IMAGE_NAME_MAX];
	enum image_hook hook;
	int priority;
	struct image_rule *rules;
	size_t rule_count;
};

struct kernel_model {
	bool table;
	struct model_set sets[OBJECTS_MAX];
	struct model_chain chains[OBJECTS_MAX];
};

struct kernel_model *kernel_model_new(void)
{
	struct kernel_model *kernel = calloc(1, sizeof(*kernel));

	assert_non_null(kernel);
	return kernel;
}

static void drop_set(struct model_set *set)
{
	free(set->elements);
	*set = (struct model_set){0};
}

static void drop_chain(struct model_chain *chain)
{
	free(chain->rules);
	*chain = (struct model_chain){0};
}

static void drop_table(struct kernel_model *kernel)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		drop_set(&kernel->sets[i]);
		drop_chain(&kernel->chains[i]);
	}
	kernel->table = false;
}

void kernel_model_free(struct kernel_model *kernel)
{
	if (kernel == NULL)
		return;
	drop_table(kernel);
	free(kernel);
}

static const char *say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static const char *say(const char *format, ...)
{
	static char text[TEXT_SIZE];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return text;
}

static struct model_set *find_set(struct kernel_model *kernel, const char *name)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++)
		if (kernel->sets[i].present && strcmp(kernel->sets[i].definition.name, name) == 0)
			return &kernel->sets[i];
	return NULL;
}

static struct model_chain *find_chain(struct kernel_model *kernel, const char *name)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++)
		if (kernel->chains[i].present && strcmp(kernel->chains[i].name, name) == 0)
			return &kernel->chains[i];
	return NULL;
}

static bool statement_names(const struct statement *s, const char *set, const char *chain)
{
	bool of_set = s->kind == STATEMENT_LOOKUP || s->kind == STATEMENT_VERDICT_MAP ||
	              s->kind == STATEMENT_SNAT;
	bool of_chain = s->kind == STATEMENT_VERDICT &&
	                (s->verdict == VERDICT_JUMP || s->verdict == VERDICT_GOTO);

	if (set != NULL && of_set && strcmp(s->name, set) == 0)
		return true;
	return chain != NULL && of_chain && strcmp(s->name, chain) == 0;
}

/* The name of a chain with a rule that names the set or chain; NULL if there is none. */
static const char *named_by_rule(const struct kernel_model *kernel, const char *set,
                                 const char *chain)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		const struct model_chain *one = &kernel->chains[i];

		for (size_t j = 0; one->present && j < one->rule_count; j++)
			for (unsigned k = 0; k < one->rules[j].count; k++)
				if (statement_names(&one->rules[j].statements[k], set, chain))
					return one->name;
	}
	return NULL;
}

static const char *named_by_element(const struct kernel_model *kernel, const char *chain)
{
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		const struct model_set *set = &kernel->sets[i];

		for (size_t j = 0; set->present && j < set->count; j++)
			if (strcmp(set->elements[j].verdict.chain, chain) == 0)
				return set->definition.name;
	}
	return NULL;
}

static const char *add_set(struct kernel_model *kernel, const struct image_set *set)
{
	if (find_set(kernel, set->name) != NULL)
		return say("EEXIST: set %s", set->name);
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		if (kernel->sets[i].present)
			continue;
		kernel->sets[i] = (struct model_set){.present = true, .definition = *set};
		return NULL;
	}
	return say("ENFILE: set %s", set->name);
}

static const char *delete_set(struct kernel_model *kernel, const struct image_set *wanted)
{
	struct model_set *set = find_set(kernel, wanted->name);
	const char *user = named_by_rule(kernel, wanted->name, NULL);

	if (set == NULL)
		return say("ENOENT: set %s", wanted->name);
	if (user != NULL)
		return say("EBUSY: set %s is used by chain %s", wanted->name, user);
	drop_set(set);
	return NULL;
}

static const char *add_chain(struct kernel_model *kernel, const struct image_chain *chain)
{
	if (find_chain(kernel, chain->name) != NULL)
		return say("EEXIST: chain %s", chain->name);
	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		struct model_chain *new = &kernel->chains[i];

		if (new->present)
			continue;
		*new = (struct model_chain){
			.present = true, .hook = chain->hook, .priority = chain->priority};
		memcpy(new->name, chain->name, sizeof(new->name));
		return NULL;
	}
	return say("ENFILE: chain %s", chain->name);
}

static const char *flush_chain(struct kernel_model *kernel, const struct image_chain *wanted)
{
	struct model_chain *chain = find_chain(kernel, wanted->name);

	if (chain == NULL)
		return say("ENOENT: chain %s", wanted->name);
	free(chain->rules);
	chain->rules = NULL;
	chain->rule_count = 0;
	return NULL;
}

static const char *delete_chain(struct kernel_model *kernel, const struct image_chain *wanted)
{
	struct model_chain *chain = find_chain(kernel, wanted->name);

	if (chain == NULL)
		return say("ENOENT: chain %s", wanted->name);
	if (chain->rule_count > 0)
		return say("EBUSY: chain %s has rules", wanted->name);
	if (named_by_rule(kernel, NULL, wanted->name) != NULL)
		return say("EBUSY: chain %s is named by a rule of chain %s", wanted->name,
		           named_by_rule(kernel, NULL, wanted->name));
	if (named_by_element(kernel, wanted->name) != NULL)
		return say("EBUSY: chain %s is named by map %s", wanted->name,
		           named_by_element(kernel, wanted->name));
	drop_chain(chain);
	return NULL;
}

static const char *missing_name(struct kernel_model *kernel, const struct statement *s)
{
	if (statement_names(s, s->name, NULL) && find_set(kernel, s->name) == NULL)
		return say("ENOENT: a rule names set %s", s->name);
	if (statement_names(s, NULL, s->name) && find_chain(kernel, s->name) == NULL)
		return say("ENOENT: a rule names chain %s", s->name);
	return NULL;
}

static const char *add_rules(struct kernel_model *kernel, const struct image_chain *wanted)
{
	struct model_chain *chain = find_chain(kernel, wanted->name);
	const char *missing = NULL;

	if (chain == NULL)
		return say("ENOENT: chain %s", wanted->name);
	for (size_t i = 0; i < wanted->rule_count; i++)
		for (unsigned j = 0; missing == NULL && j < wanted->rules[i].count; j++)
			missing = missing_name(kernel, &wanted->rules[i].statements[j]);
	if (missing != NULL)
		return missing;
	size_t count = chain->rule_count + wanted->rule_count;
	struct image_rule *rules = reallocarray(chain->rules, count, sizeof(*rules));

	assert_non_null(rules);
	memcpy(rules + chain->rule_count, wanted->rules, wanted->rule_count * sizeof(*rules));
	chain->rules = rules;
	chain->rule_count = count;
	return NULL;
}

static size_t find_element(const struct model_set *set, const uint8_t *key)
{
	for (size_t i = 0; i < set->count; i++)
		if (memcmp(set->elements[i].key, key, image_set_stride(&set->definition)) == 0)
			return i;
	return set->count;
}

static const char *add_element(struct kernel_model *kernel, struct model_set *set,
                               const struct image_set *from, size_t index)
{
	struct model_element new = {0};

	if (find_element(set, image_set_key(from, index)) < set->count)
		return say("EEXIST: element of set %s", from->name);
	memcpy(new.key, image_set_key(from, index), image_set_stride(from));
	if (from->verdicts != NULL)
		new.verdict = from->verdicts[index];
	if (new.verdict.chain[0] != '\0' && find_chain(kernel, new.verdict.chain) == NULL)
		return say("ENOENT: map %s names chain %s", from->name, new.verdict.chain);
	if (from->comments != NULL && from->comments[index] != NULL)
		(void)snprintf(new.comment, sizeof(new.comment), "%s", from->comments[index]);
	if (set->count == set->capacity) {
		set->capacity = 2 * set->capacity + 8;
		set->elements = reallocarray(set->elements, set->capacity, sizeof(new));
		assert_non_null(set->elements);
	}
	set->elements[set->count++] = new;
	return NULL;
}

static const char *delete_element(struct model_set *set, const struct image_set *from, size_t index)
{
	size_t place = find_element(set, image_set_key(from, index));

	if (place == set->count)
		return say("ENOENT: element of set %s", from->name);
	set->elements[place] = set->elements[--set->count];
	return NULL;
}

static const char *change_elements(struct kernel_model *kernel, const struct delta_step *step)
{
	struct model_set *set = find_set(kernel, step->set->name);
	const char *refused = NULL;

	if (set == NULL)
		return say("ENOENT: set %s", step->set->name);
	if (step->count == 0)
		return say("a step without elements: set %s", step->set->name);
	for (size_t i = 0; refused == NULL && i < step->count; i++) {
		size_t index = step->indexes != NULL ? step->indexes[i] : i;

		refused = step->kind == DELTA_ADD_ELEMENTS
		                  ? add_element(kernel, set, step->set, index)
		                  : delete_element(set, step->set, index);
	}
	return refused;
}

static const char *apply_step(struct kernel_model *kernel, const struct delta_step *step)
{
	if (step->kind != DELTA_ADD_TABLE && !kernel->table)
		return say("ENOENT: no table");
	switch (step->kind) {
	case DELTA_DELETE_TABLE:
		drop_table(kernel);
		return NULL;
	case DELTA_ADD_TABLE:
		kernel->table = true;
		return NULL;
	case DELTA_ADD_SET:
		return add_set(kernel, step->set);
	case DELTA_ADD_CHAIN:
		return add_chain(kernel, step->chain);
	case DELTA_FLUSH_CHAIN:
		return flush_chain(kernel, step->chain);
	case DELTA_ADD_RULES:
		return add_rules(kernel, step->chain);
	case DELTA_DELETE_ELEMENTS:
	case DELTA_ADD_ELEMENTS:
		return change_elements(kernel, step);
	case DELTA_DELETE_SET:
		return delete_set(kernel, step->set);
	case DELTA_DELETE_CHAIN:
		return delete_chain(kernel, step->chain);
	}
	return "no such step";
}

const char *kernel_model_apply(struct kernel_model *kernel, const struct delta *delta)
{
	const char *refused = NULL;

	for (size_t i = 0; refused == NULL && i < delta->count; i++)
		refused = apply_step(kernel, &delta->steps[i]);
	return refused;
}

static const char *set_differs(const struct model_set *set, const struct image_set *wanted)
{
	if (set == NULL)
		return say("set %s is missing", wanted->name);
	if (!image_set_same_definition(&set->definition, wanted))
		return say("set %s is defined otherwise", wanted->name);
	if (set->count != wanted->count)
		return say("set %s has %zu elements, not %zu", wanted->name, set->count,
		           wanted->count);
	for (size_t i = 0; i < wanted->count; i++) {
		size_t place = find_element(set, image_set_key(wanted, i));
		const char *comment = wanted->comments ? wanted->comments[i] : NULL;

		if (place == set->count)
			return say("set %s lacks an element", wanted->name);
		if (wanted->verdicts != NULL &&
		    (set->elements[place].verdict.code != wanted->verdicts[i].code ||
		     strcmp(set->elements[place].verdict.chain, wanted->verdicts[i].chain) != 0))
			return say("map %s leads elsewhere", wanted->name);
		if (strcmp(set->elements[place].comment, comment != NULL ? comment : "") != 0)
			return say("set %s has another comment", wanted->name);
	}
	return NULL;
}

static const char *chain_differs(const struct model_chain *chain, const struct image_chain *wanted)
{
	if (chain == NULL)
		return say("chain %s is missing", wanted->name);
	if (chain->hook != wanted->hook || chain->priority != wanted->priority)
		return say("chain %s is hooked otherwise", wanted->name);
	if (chain->rule_count != wanted->rule_count ||
	    (wanted->rule_count > 0 &&
	     memcmp(chain->rules, wanted->rules, wanted->rule_count * sizeof(*wanted->rules)) != 0))
		return say("chain %s has other rules", wanted->name);
	return NULL;
}

const char *kernel_model_differs(struct kernel_model *kernel, const struct image *image)
{
	const char *difference = kernel->table ? NULL : "there is no table";
	size_t sets = 0;
	size_t chains = 0;

	for (size_t i = 0; i < OBJECTS_MAX; i++) {
		sets += kernel->sets[i].present;
		chains += kernel->chains[i].present;
	}
	if (difference == NULL && (sets != image->set_count || chains != image->chain_count))
		difference = say("%zu sets and %zu chains, not %zu and %zu", sets, chains,
		                 image->set_count, image->chain_count);
	for (size_t i = 0; difference == NULL && i < image->set_count; i++)
		difference = set_differs(find_set(kernel, image->sets[i]->name), image->sets[i]);
	for (size_t i = 0; difference == NULL && i < image->chain_count; i++)
		difference =
			chain_differs(find_chain(kernel, image->chains[i]->name), image->chains[i]);
	return difference;
}
