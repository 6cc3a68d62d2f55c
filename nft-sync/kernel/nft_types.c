/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which brings another one */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "nft-sync/kernel/nft_types.h"

/*
 * nft's data types. The kernel stores the number without reading it; nft shows a set by it. They
 * are part of nft's stored format (include/datatype.h), so they never change. A concatenation is
 * the types of its fields, six bits each.
 */
#define CONCATENATION_BITS 6
#define CONCATENATION_MASK 0x3fU

static const uint32_t type_numbers[] = {
	[KEY_NONE] = 0,         [KEY_INTERFACE] = 41,   [KEY_ADDRESS4] = 7,   [KEY_ADDRESS6] = 8,
	[KEY_PROTOCOL] = 12,    [KEY_PORT] = 13,        [KEY_ICMP_TYPE] = 14, [KEY_ICMP_CODE] = 32,
	[KEY_ICMPV6_TYPE] = 29, [KEY_ICMPV6_CODE] = 33,
};
#define TYPES (sizeof(type_numbers) / sizeof(type_numbers[0]))

uint32_t nft_set_key_type(const struct image_set *set)
{
	uint32_t type = 0;
	for (unsigned i = 0; i < set->field_count; i++)
		type = type << CONCATENATION_BITS | type_numbers[set->types[i]];
	return type;
}

uint32_t nft_set_key_length(const struct image_set *set)
{
	return set->field_count == 1 ? key_type_length(set->types[0]) : set->key_length;
}

uint32_t nft_set_flags(const struct image_set *set)
{
	uint32_t flags = 0;
	if (set->interval)
		flags |= NFT_SET_INTERVAL;
	if (set->interval && set->field_count > 1)
		flags |= NFT_SET_CONCAT;
	if (set->data != DATA_NONE)
		flags |= NFT_SET_MAP;
	return flags;
}

uint32_t nft_set_data_type(enum set_data data)
{
	switch (data) {
	case DATA_VERDICT:
		return NFT_DATA_VERDICT;
	case DATA_ADDRESS4:
		return type_numbers[KEY_ADDRESS4];
	case DATA_ADDRESS6:
		return type_numbers[KEY_ADDRESS6];
	case DATA_NONE:
		break;
	}
	return 0;
}

uint32_t nft_set_data_length(enum set_data data)
{
	switch (data) {
	case DATA_ADDRESS4:
		return 4;
	case DATA_ADDRESS6:
		return 16;
	case DATA_VERDICT: /* the kernel knows */
	case DATA_NONE:
		break;
	}
	return 0;
}

static const struct {
	enum verdict_code code;
	uint32_t number;
} verdicts[] = {
	{VERDICT_DROP, NF_DROP},
	{VERDICT_RETURN, (uint32_t)NFT_RETURN},
	{VERDICT_JUMP, (uint32_t)NFT_JUMP},
	{VERDICT_GOTO, (uint32_t)NFT_GOTO},
};
#define VERDICTS (sizeof(verdicts) / sizeof(verdicts[0]))

uint32_t nft_verdict_code(enum verdict_code code)
{
	for (size_t i = 0; i < VERDICTS; i++)
		if (verdicts[i].code == code)
			return verdicts[i].number;
	return (uint32_t)NFT_CONTINUE;
}

enum verdict_code nft_verdict_of(uint32_t code)
{
	for (size_t i = 0; i < VERDICTS; i++)
		if (verdicts[i].number == code)
			return verdicts[i].code;
	return VERDICT_NONE;
}

static const struct {
	enum image_hook hook;
	uint32_t number;
	const char *type;
} hooks[] = {
	{HOOK_INPUT, NF_INET_LOCAL_IN, "filter"},
	{HOOK_FORWARD, NF_INET_FORWARD, "filter"},
	{HOOK_OUTPUT, NF_INET_LOCAL_OUT, "filter"},
	{HOOK_POSTROUTING, NF_INET_POST_ROUTING, "filter"},
	{HOOK_PREROUTING_NAT, NF_INET_PRE_ROUTING, "nat"},
	{HOOK_POSTROUTING_NAT, NF_INET_POST_ROUTING, "nat"},
};
#define HOOKS (sizeof(hooks) / sizeof(hooks[0]))

uint32_t nft_hook_number(enum image_hook hook)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (hooks[i].hook == hook)
			return hooks[i].number;
	return 0;
}

const char *nft_hook_type(enum image_hook hook)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (hooks[i].hook == hook)
			return hooks[i].type;
	return "filter";
}

enum image_hook nft_hook_of(uint32_t number, const char *type)
{
	for (size_t i = 0; i < HOOKS; i++)
		if (hooks[i].number == number && strcmp(hooks[i].type, type) == 0)
			return hooks[i].hook;
	return HOOK_NONE;
}

static enum key_type key_type_of(uint32_t number)
{
	for (size_t i = 1; i < TYPES; i++)
		if (type_numbers[i] == number)
			return (enum key_type)i;
	return KEY_NONE;
}

int nft_set_types(uint32_t key_type, enum key_type types[static IMAGE_FIELDS_MAX], unsigned *count)
{
	unsigned fields = 0;
	for (uint32_t rest = key_type; rest; rest >>= CONCATENATION_BITS)
		fields++;
	if (fields == 0 || fields > IMAGE_FIELDS_MAX)
		return -EINVAL;
	for (unsigned i = fields; i-- > 0; key_type >>= CONCATENATION_BITS) {
		types[i] = key_type_of(key_type & CONCATENATION_MASK);
		if (types[i] == KEY_NONE)
			return -EINVAL;
	}
	*count = fields;
	return 0;
}

int nft_set_data(uint32_t flags, uint32_t data_type, enum set_data *ret)
{
	static const enum set_data kinds[] = {DATA_VERDICT, DATA_ADDRESS4, DATA_ADDRESS6};
	if (!(flags & NFT_SET_MAP)) {
		*ret = DATA_NONE;
		return 0;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (nft_set_data_type(kinds[i]) == data_type) {
			*ret = kinds[i];
			return 0;
		}
	return -EINVAL;
}
