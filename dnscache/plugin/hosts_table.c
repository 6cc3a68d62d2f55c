/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/siphash.h"
#include "dnscache/plugin/hosts_table.h"

/* A name and a family together, so that a name with a million of one is none the slower to be
 * looked up in the other. */
static uint64_t hash_name(const uint8_t *wire, uint8_t length, uint8_t family)
{
	struct siphash hash = siphash_begin(siphash_process_key());

	siphash_word(&hash, family);
	siphash_bytes(&hash, wire, length);
	return siphash_end(&hash);
}

static uint64_t hash_address(const uint8_t address[static 16], uint8_t family)
{
	struct siphash hash = siphash_begin(siphash_process_key());

	siphash_word(&hash, family);
	siphash_bytes(&hash, address, 16);
	return siphash_end(&hash);
}

static uint32_t grown(uint32_t capacity, uint32_t least)
{
	if (capacity == 0)
		capacity = 64;
	while (capacity < least)
		capacity *= 2;
	return capacity;
}

static int make_room(struct hosts_table *table, uint32_t name_size)
{
	if (table->count == table->capacity) {
		uint32_t capacity = grown(table->capacity, table->count + 1);
		void *entries = reallocarray(table->entries, capacity, sizeof(*table->entries));

		if (!entries)
			return -ENOMEM;
		table->entries = entries;
		table->capacity = capacity;
	}
	if (table->names_capacity - table->names_size < name_size) {
		uint32_t capacity = grown(table->names_capacity, table->names_size + name_size);
		void *names = realloc(table->names, capacity);

		if (!names)
			return -ENOMEM;
		table->names = names;
		table->names_capacity = capacity;
	}
	return 0;
}

int hosts_table_add(struct hosts_table *table, const struct dns_name *name,
                    const struct prefix *address)
{
	struct dns_name lower = *name;
	struct hosts_entry *entry;
	uint8_t *copy;

	if (table->count == HOSTS_ENTRIES_MAX)
		return -E2BIG;
	if (make_room(table, 1u + name->length) < 0)
		return -ENOMEM;
	dns_name_lower(&lower);
	entry = &table->entries[table->count++];
	*entry = (struct hosts_entry){.name = table->names_size, .family = address->family};
	memcpy(entry->address, address->address, sizeof(entry->address));
	copy = table->names + table->names_size;
	copy[0] = lower.length;
	memcpy(copy + 1, lower.wire, lower.length);
	table->names_size += 1u + lower.length;
	return 0;
}

static uint32_t *name_head(const struct hosts_table *table, const uint8_t *wire, uint8_t length,
                           uint8_t family)
{
	return &table->by_name[hash_name(wire, length, family) & table->mask];
}

static uint32_t *address_head(const struct hosts_table *table, const uint8_t address[static 16],
                              uint8_t family)
{
	return &table->by_address[hash_address(address, family) & table->mask];
}

int hosts_table_index(struct hosts_table *table)
{
	uint32_t size = grown(0, table->count + 1);

	table->by_name = calloc(size, sizeof(*table->by_name));
	table->by_address = calloc(size, sizeof(*table->by_address));
	if (!table->by_name || !table->by_address)
		return -ENOMEM;
	table->mask = size - 1;
	/* From behind: every chain is then in the order of the entries. */
	for (uint32_t i = table->count; i > 0; i--) {
		struct hosts_entry *entry = &table->entries[i - 1];
		const uint8_t *name = table->names + entry->name;
		uint32_t *head = name_head(table, name + 1, name[0], entry->family);

		entry->next_by_name = *head;
		*head = i;
		head = address_head(table, entry->address, entry->family);
		entry->next_by_address = *head;
		*head = i;
	}
	return 0;
}

void hosts_table_done(struct hosts_table *table)
{
	free(table->entries);
	free(table->names);
	free(table->by_name);
	free(table->by_address);
	*table = (struct hosts_table){0};
}

const struct hosts_entry *hosts_table_of_name(const struct hosts_table *table,
                                              const struct dns_name *name, uint8_t family,
                                              const struct hosts_entry *after)
{
	struct dns_name lower = *name;
	uint32_t next;

	dns_name_lower(&lower);
	next = after ? after->next_by_name : *name_head(table, lower.wire, lower.length, family);
	while (next != 0) {
		const struct hosts_entry *entry = &table->entries[next - 1];
		const uint8_t *stored = table->names + entry->name;

		if (entry->family == family && stored[0] == lower.length &&
		    memcmp(stored + 1, lower.wire, lower.length) == 0)
			return entry;
		next = entry->next_by_name;
	}
	return NULL;
}

const struct hosts_entry *hosts_table_of_address(const struct hosts_table *table,
                                                 const struct prefix *address,
                                                 const struct hosts_entry *after)
{
	uint32_t next = after ? after->next_by_address
	                      : *address_head(table, address->address, address->family);

	while (next != 0) {
		const struct hosts_entry *entry = &table->entries[next - 1];

		if (entry->family == address->family &&
		    memcmp(entry->address, address->address, sizeof(entry->address)) == 0)
			return entry;
		next = entry->next_by_address;
	}
	return NULL;
}

void hosts_table_name(const struct hosts_table *table, const struct hosts_entry *entry,
                      struct dns_name *ret)
{
	const uint8_t *stored = table->names + entry->name;

	ret->length = stored[0];
	memcpy(ret->wire, stored + 1, stored[0]);
}
