/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/intern.h"

#define SLOTS_FIRST 64
#define STRINGS_MAX (512U << 10)

struct string_slot {
	const char *text; /* NULL: free */
	uint64_t hash;
};

struct definition_slot {
	const char *outer;
	const char *name; /* NULL: free */
	unsigned kind;
	unsigned line;
};

/* Open addressing; slot counts are powers of two, and at most half of them are used. */
struct intern {
	struct arena *arena;
	uint64_t seed; /* documents must not be able to choose who collides */
	struct string_slot *strings;
	size_t string_slots;
	size_t string_count;
	struct definition_slot *definitions;
	size_t definition_slots;
	size_t definition_count;
};

static uint64_t mix(uint64_t value)
{
	value ^= value >> 32;
	value *= 0x9e3779b97f4a7c15U;
	value ^= value >> 29;
	value *= 0xbf58476d1ce4e5b9U;
	return value ^ value >> 32;
}

static uint64_t hash_text(uint64_t seed, const char *text, size_t length)
{
	uint64_t hash = seed ^ length;
	uint64_t word;

	for (; length >= sizeof(word); text += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, text, sizeof(word));
		hash = mix(hash ^ word);
	}
	word = 0;
	memcpy(&word, text, length);
	return mix(hash ^ word ^ seed >> 1);
}

static struct string_slot *find_string(const struct intern *intern, const char *text, uint64_t hash)
{
	size_t i = hash & (intern->string_slots - 1);

	while (intern->strings[i].text != NULL &&
	       (intern->strings[i].hash != hash || strcmp(intern->strings[i].text, text) != 0))
		i = (i + 1) & (intern->string_slots - 1);
	return &intern->strings[i];
}

static int grow_strings(struct intern *intern)
{
	struct string_slot *old = intern->strings;
	size_t old_slots = intern->string_slots;
	size_t slots = old_slots > 0 ? old_slots * 2 : SLOTS_FIRST;
	struct string_slot *new = calloc(slots, sizeof(*new));

	if (new == NULL)
		return -ENOMEM;
	intern->strings = new;
	intern->string_slots = slots;
	for (size_t i = 0; i < old_slots; i++) {
		if (old[i].text != NULL)
			*find_string(intern, old[i].text, old[i].hash) = old[i];
	}
	free(old);
	return 0;
}

static struct definition_slot *find_definition(const struct intern *intern,
                                               const struct definition_slot *key)
{
	uint64_t hash = mix(mix((uintptr_t)key->name ^ intern->seed) ^ (uintptr_t)key->outer);
	size_t i = mix(hash ^ key->kind) & (intern->definition_slots - 1);

	for (;; i = (i + 1) & (intern->definition_slots - 1)) {
		struct definition_slot *slot = &intern->definitions[i];

		if (slot->name == NULL || (slot->name == key->name && slot->outer == key->outer &&
		                           slot->kind == key->kind))
			return slot;
	}
}

static int grow_definitions(struct intern *intern)
{
	struct definition_slot *old = intern->definitions;
	size_t old_slots = intern->definition_slots;
	size_t slots = old_slots > 0 ? old_slots * 2 : SLOTS_FIRST;
	struct definition_slot *new = calloc(slots, sizeof(*new));

	if (new == NULL)
		return -ENOMEM;
	intern->definitions = new;
	intern->definition_slots = slots;
	for (size_t i = 0; i < old_slots; i++) {
		if (old[i].name != NULL)
			*find_definition(intern, &old[i]) = old[i];
	}
	free(old);
	return 0;
}

/* Drawn once: a live source makes thousands of documents in a second. Before the kernel has entropy
 * a guessable seed is better than none. */
static uint64_t process_seed(void)
{
	static uint64_t seed;

	if (seed == 0 && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = (uintptr_t)&seed;
	return seed;
}

struct intern *intern_new(struct arena *arena)
{
	struct intern *intern = calloc(1, sizeof(*intern));

	if (intern == NULL)
		return NULL;
	intern->arena = arena;
	intern->seed = process_seed();
	return intern;
}

void intern_free(struct intern *intern)
{
	if (intern == NULL)
		return;
	free(intern->strings);
	free(intern->definitions);
	free(intern);
}

const char *intern_string(struct intern *intern, const char *text)
{
	size_t length = strlen(text);
	uint64_t hash = hash_text(intern->seed, text, length);
	struct string_slot *slot;

	if (intern->string_count * 2 >= intern->string_slots && grow_strings(intern) < 0)
		return NULL;
	slot = find_string(intern, text, hash);
	if (slot->text != NULL)
		return slot->text;
	if (intern->string_count == STRINGS_MAX)
		return NULL;
	slot->text = arena_strndup(intern->arena, text, length);
	if (slot->text == NULL)
		return NULL;
	slot->hash = hash;
	intern->string_count++;
	return slot->text;
}

int intern_define(struct intern *intern, unsigned kind, const char *outer, const char *name,
                  unsigned line, unsigned *ret_line)
{
	const struct definition_slot key = {
		.outer = outer, .name = name, .kind = kind, .line = line};
	struct definition_slot *slot;

	if (intern->definition_count * 2 >= intern->definition_slots &&
	    grow_definitions(intern) < 0)
		return -ENOMEM;
	slot = find_definition(intern, &key);
	if (slot->name != NULL) {
		*ret_line = slot->line;
		return 1;
	}
	*slot = key;
	intern->definition_count++;
	return 0;
}
