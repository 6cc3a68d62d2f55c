/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/resolve/resolution.h"

/* The first branch whose interface does not come before the name. */
static size_t lower_bound(const struct resolution *resolution, const char *interface)
{
	size_t low = 0;
	size_t high = resolution->branch_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(resolution->branches[middle].interface, interface) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How many of the sorted prefixes do not come behind the key. */
static size_t upper_bound(const struct member_set *members, const struct prefix *key)
{
	size_t low = 0;
	size_t high = members->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (prefix_compare(&members->prefixes[middle], key) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The longest prefix of the address that holds other, an address of its family, too. */
static struct prefix common_prefix(const struct prefix *address, const struct prefix *other)
{
	struct prefix common = {.family = address->family};

	for (unsigned i = 0; i < sizeof(common.address); i++) {
		uint8_t differing = address->address[i] ^ other->address[i];
		uint8_t mask = 0xff;

		while (differing & mask)
			mask = (uint8_t)(mask << 1);
		common.address[i] = address->address[i] & mask;
		common.length = (uint8_t)(i * 8 + (unsigned)__builtin_popcount(mask));
		if (differing)
			break;
	}
	return common;
}

/* Two branches have one interface while a newer pod claims it from an older one. */
const struct branch *resolution_branch(const struct resolution *resolution, const char *interface)
{
	const struct branch *found = NULL;

	if (interface[0] == '\0')
		return NULL;
	for (size_t i = lower_bound(resolution, interface); i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];

		if (strcmp(branch->interface, interface) != 0)
			break;
		if (branch->state != BRANCH_CLAIMED)
			return branch;
		found = branch;
	}
	return found;
}

const struct branch *resolution_branch_at(const struct resolution *resolution,
                                          const struct prefix *address)
{
	const struct branch *found = NULL;

	for (size_t i = 0; i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];

		if (!branch_has_address(branch, address))
			continue;
		if (branch->state != BRANCH_CLAIMED)
			return branch;
		found = branch;
	}
	return found;
}

const struct branch *resolution_branch_of_sandbox(const struct resolution *resolution,
                                                  const char *sandbox, const char *ifname)
{
	for (size_t i = 0; i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];

		if (strcmp(branch->sandbox.sandbox, sandbox) == 0 &&
		    strcmp(branch->sandbox.ifname, ifname) == 0)
			return branch;
	}
	return NULL;
}

/* While an older sandbox of it lingers, the one that is not an orphan. */
const struct branch *resolution_branch_of_pod(const struct resolution *resolution,
                                              const char *namespace, const char *pod,
                                              const char *uid)
{
	const struct branch *found = NULL;

	for (size_t i = 0; i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];

		if (strcmp(branch->uid, uid) != 0 || strcmp(branch->pod, pod) != 0 ||
		    strcmp(branch->namespace, namespace) != 0)
			continue;
		if (!branch->orphan)
			return branch;
		found = branch;
	}
	return found;
}

const struct member_set *resolution_members(const struct resolution *resolution, const char *group)
{
	size_t low = 0;
	size_t high = resolution->member_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(resolution->members[middle].group, group);

		if (order == 0)
			return &resolution->members[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/*
 * Prefixes nest, so the last one that does not come behind the address need not be the one that
 * holds it. But whatever holds it and comes before that one holds both of them: go on with what
 * they have in common. It gets shorter each time.
 */
bool member_set_contains(const struct member_set *members, const struct prefix *address)
{
	struct prefix key = *address;
	size_t before;

	while ((before = upper_bound(members, &key)) > 0) {
		const struct prefix *candidate = &members->prefixes[before - 1];

		if (prefix_contains(candidate, address))
			return true;
		if (candidate->family != address->family)
			return false;
		key = common_prefix(address, candidate);
	}
	return false;
}

bool branch_has_address(const struct branch *branch, const struct prefix *address)
{
	for (size_t i = 0; i < branch->address_count; i++) {
		if (prefix_contains(&branch->addresses[i], address))
			return true;
	}
	return false;
}

bool branch_is_strict_path(const struct branch *branch)
{
	return branch->mode == MODE_STRICT && branch->device[0] != '\0';
}
