/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/digest.h"
#include "nft-sync/draw/image_text.h"
#include "nft-sync/draw/statement.h"
#include "tests/unit/images.h"

#define WORD_SIZE 128

static void put_word(uint8_t *key, enum key_type type, const char *word)
{
	unsigned offset = 0;
	struct prefix prefix;
	uint16_t port;
	uint8_t number;

	switch (type) {
	case KEY_INTERFACE:
		key_put_name(key, &offset, word);
		break;
	case KEY_ADDRESS4:
	case KEY_ADDRESS6:
		assert_int_equal(address_parse(word, &prefix), 0);
		key_put_address(key, &offset, &prefix);
		break;
	case KEY_PORT:
		port = htons((uint16_t)strtoul(word, NULL, 10));
		key_put(key, &offset, &port, sizeof(port));
		break;
	default:
		number = (uint8_t)strtoul(word, NULL, 10);
		key_put(key, &offset, &number, sizeof(number));
		break;
	}
}

static void put_element(enum key_type type, const char *element, uint8_t *key, uint8_t *last)
{
	const char *dash = type == KEY_INTERFACE ? NULL : strchr(element, '-');
	char low[WORD_SIZE];

	(void)snprintf(low, sizeof(low), "%.*s",
	               (int)(dash != NULL ? (size_t)(dash - element) : strlen(element)), element);
	put_word(key, type, low);
	put_word(last, type, dash != NULL ? dash + 1 : low);
}

struct image_set *set_of(const char *name, enum key_type type, bool interval,
                         const char *const *elements)
{
	struct image_set *set = image_set_new(name, &type, 1, DATA_NONE);

	assert_non_null(set);
	set->interval = interval;
	for (size_t i = 0; elements[i] != NULL; i++) {
		uint8_t key[IMAGE_KEY_MAX];
		uint8_t last[IMAGE_KEY_MAX];

		put_element(type, elements[i], key, last);
		assert_int_equal(image_set_add(set, key, last, NULL, NULL), 0);
	}
	assert_int_equal(image_set_finish(set), 0);
	return set;
}

struct image_set *map_of(const char *name, const char *const (*elements)[2])
{
	enum key_type type = KEY_INTERFACE;
	struct image_set *set = image_set_new(name, &type, 1, DATA_VERDICT);

	assert_non_null(set);
	for (size_t i = 0; elements[i][0] != NULL; i++) {
		struct verdict_to verdict = {.code = VERDICT_JUMP};
		uint8_t key[IMAGE_KEY_MAX];

		(void)snprintf(verdict.chain, sizeof(verdict.chain), "%s", elements[i][1]);
		put_word(key, type, elements[i][0]);
		assert_int_equal(image_set_add(set, key, NULL, &verdict, NULL), 0);
	}
	assert_int_equal(image_set_finish(set), 0);
	return set;
}

void chain_digest(struct image_chain *chain)
{
	chain->digest = 0;
	if (chain->rule_count > 0)
		chain->digest = digest_bytes(DIGEST_START, chain->rules,
		                             chain->rule_count * sizeof(*chain->rules));
	chain->digested = true;
}

static void add_rule(struct image_chain *chain, const char *line)
{
	struct image_rule *rule = image_chain_rule(chain);
	bool jump = strncmp(line, "jump ", 5) == 0;

	if (line[0] == '@')
		(void)verdict_map(rule, line + 1, FIELD_IN, FIELD_NONE, FIELD_NONE);
	else if (jump || strncmp(line, "goto ", 5) == 0)
		give_verdict(rule, jump ? VERDICT_JUMP : VERDICT_GOTO, line + 5);
	else
		give_verdict(rule, VERDICT_DROP, "");
}

struct image_chain *chain_of(const char *name, const char *rules)
{
	struct image_chain *chain = image_chain_new(name, "");
	char *copy = strdup(rules);
	char *rest = copy;

	assert_non_null(chain);
	assert_non_null(copy);
	for (const char *line; (line = strsep(&rest, "\n")) != NULL;)
		if (line[0] != '\0')
			add_rule(chain, line);
	free(copy);
	chain_digest(chain);
	return chain;
}

struct image *image_of(struct image_set *const *sets, struct image_chain *const *chains)
{
	struct image *image = image_new();

	assert_non_null(image);
	image->present = true;
	for (size_t i = 0; sets[i] != NULL; i++)
		assert_int_equal(image_add_set(image, sets[i]), 0);
	for (size_t i = 0; chains[i] != NULL; i++)
		assert_int_equal(image_add_chain(image, chains[i]), 0);
	image_finish(image);
	return image;
}

static struct image_set *set_copy(const struct image_set *set)
{
	struct image_set *copy = image_set_new(set->name, set->types, set->field_count, set->data);

	assert_non_null(copy);
	copy->interval = set->interval;
	copy->counters = set->counters;
	for (size_t i = 0; i < set->count; i++)
		assert_int_equal(image_set_add(copy, image_set_key(set, i), image_set_last(set, i),
		                               set->verdicts ? &set->verdicts[i] : NULL,
		                               set->comments ? set->comments[i] : NULL),
		                 0);
	return copy;
}

static struct image_chain *chain_copy(const struct image_chain *chain, bool rules)
{
	struct image_chain *copy = image_chain_new(chain->name, chain->comment);

	assert_non_null(copy);
	copy->hook = chain->hook;
	copy->priority = chain->priority;
	copy->digest = chain->digest;
	copy->digested = chain->digested;
	for (size_t i = 0; rules && i < chain->rule_count; i++)
		*image_chain_rule(copy) = chain->rules[i];
	return copy;
}

struct image *image_copy(const struct image *image, bool rules)
{
	struct image *copy = image_new();

	assert_non_null(copy);
	copy->present = image->present;
	for (size_t i = 0; i < image->set_count; i++)
		assert_int_equal(image_add_set(copy, set_copy(image->sets[i])), 0);
	for (size_t i = 0; i < image->chain_count; i++)
		assert_int_equal(image_add_chain(copy, chain_copy(image->chains[i], rules)), 0);
	image_finish(copy);
	return copy;
}

bool set_has(const struct image_set *set, const char *element)
{
	uint8_t wanted[2 * IMAGE_KEY_MAX];

	put_element(set->types[0], element, wanted, wanted + set->key_length);
	for (size_t i = 0; i < set->count; i++)
		if (memcmp(image_set_key(set, i), wanted, image_set_stride(set)) == 0)
			return true;
	return false;
}

char *image_text(const struct image *image)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	image_print(image, "t", out);
	assert_int_equal(fclose(out), 0);
	return text;
}
