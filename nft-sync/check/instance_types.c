/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "nft-sync/check/instance_types.h"

#define LIMIT_MAX 100000

/* Of the default card; types with one card may leave the cards out. */
static int read_interfaces(struct loader *loader, const struct field *network)
{
	const struct field index = field_member(network, "DefaultNetworkCardIndex");
	const struct field cards = field_member(network, "NetworkCards");
	int wanted = read_integer(loader, &index, 0, LIMIT_MAX, 0);
	const cJSON *value;
	size_t i = 0;
	cJSON_ArrayForEach (value, cards.value) {
		const struct field card = field_element(&cards, i++, value);
		const struct field number = field_member(&card, "NetworkCardIndex");
		const struct field maximum = field_member(&card, "MaximumNetworkInterfaces");
		if (read_integer(loader, &number, 0, LIMIT_MAX, 0) == wanted)
			return read_integer(loader, &maximum, 0, LIMIT_MAX, 0);
	}
	const struct field all = field_member(network, "MaximumNetworkInterfaces");
	return read_integer(loader, &all, 0, LIMIT_MAX, 0);
}

void load_instance_type_facts(struct loader *loader, const struct field *object)
{
	const struct field field = field_member(object, "InstanceType");
	const struct field network = read_object(loader, object, "NetworkInfo", OPTIONAL);
	const struct field addresses = field_member(&network, "Ipv4AddressesPerInterface");
	const struct object_name name = {"", read_name(loader, &field, REQUIRED)};
	struct instance_type_facts *type = fact_push(loader, FACT_INSTANCE_TYPE, object, &name);
	if (!type)
		return;
	type->interfaces = read_interfaces(loader, &network);
	type->addresses = read_integer(loader, &addresses, 0, LIMIT_MAX, 0);
}

/* The word's place in a list of words, or where a word begins with it; NULL: it is not there. */
static const char *find_word(const char *words, const char *word, size_t length, char end)
{
	for (const char *at = words; *at; at += strcspn(at, " "), at += *at == ' ')
		if (strncmp(at, word, length) == 0 &&
		    (at[length] == end || (end == ' ' && !at[length])))
			return at;
	return NULL;
}

/* "9/3/10" */
static void read_limits(const char *text, struct instance_limits *ret)
{
	char *end;
	ret->branches = (int)strtol(text, &end, 10);
	ret->interfaces = *end == '/' ? (int)strtol(end + 1, &end, 10) : 0;
	ret->addresses = *end == '/' ? (int)strtol(end + 1, &end, 10) : 0;
}

bool branch_limits_find(const char *type, struct instance_limits *ret)
{
	const char *dot = strchr(type, '.');
	const char *found;
	size_t family = dot ? (size_t)(dot - type) : 0, size;
	if (family == 0 || !dot[1] || strpbrk(type, " ="))
		return false;
	size = strlen(dot + 1);
	for (const struct branch_limits *at = branch_limits; at->families; at++) {
		if (!find_word(at->families, type, family, ' '))
			continue;
		found = find_word(at->sizes, dot + 1, size, '=');
		if (found)
			read_limits(found + size + 1, ret);
		return found;
	}
	return false;
}

bool instance_limits(const struct facts *facts, const char *type, struct instance_limits *ret)
{
	const struct instance_type_facts *fact = facts_find(facts, FACT_INSTANCE_TYPE, "", type);
	bool known = branch_limits_find(type, ret);
	if (!known)
		*ret = (struct instance_limits){.branches = -1};
	if (fact && fact->interfaces > 0 && fact->addresses > 0) {
		ret->interfaces = fact->interfaces;
		ret->addresses = fact->addresses;
	}
	return known || fact;
}
