/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/resolve/resolver.h"

/*
 * What only one branch may hold. A prefix has room for the name of a link as well; the families of
 * links are none of the kernel's.
 */
struct claim {
	struct prefix key;
	struct branch *branch;
};

enum { CLAIM_DEVICE = 0, CLAIM_INTERFACE = 1 };
#define CLAIMS_MAX (POD_ADDRESSES_MAX + 1) /* of one branch in one round */

static struct prefix link_key(uint8_t kind, const char name[static INTERFACE_NAME_MAX])
{
	struct prefix key = {.family = kind};

	_Static_assert(sizeof(key.address) == INTERFACE_NAME_MAX, "a link's name is the key");
	memcpy(key.address, name, strnlen(name, INTERFACE_NAME_MAX));
	return key;
}

/* When it got its interface, in milliseconds; as near as is known, and never later than that. */
static int64_t age_of(const struct branch *branch)
{
	return branch->sandbox.created != 0 ? branch->sandbox.created : branch->created * 1000;
}

/* The stronger first: a pod of the documents, the newer, the greater uid. */
static int strength_compare(const struct branch *a, const struct branch *b)
{
	if (a->orphan != b->orphan)
		return a->orphan ? 1 : -1;
	if (age_of(a) != age_of(b))
		return age_of(a) > age_of(b) ? -1 : 1;
	return strcmp(b->uid, a->uid);
}

static int claim_compare(const void *a, const void *b)
{
	const struct claim *left = a;
	const struct claim *right = b;
	int order = prefix_compare(&left->key, &right->key);

	return order != 0 ? order : strength_compare(left->branch, right->branch);
}

static const char *claim_text(const struct claim *claim, char buffer[static PREFIX_TEXT_MAX])
{
	if (claim->key.family == CLAIM_DEVICE)
		return claim->branch->device;
	if (claim->key.family == CLAIM_INTERFACE)
		return claim->branch->interface;
	return prefix_text(&claim->key, buffer);
}

static bool is_same_pod(const struct branch *a, const struct branch *b)
{
	return strcmp(a->uid, b->uid) == 0 && strcmp(a->pod, b->pod) == 0 &&
	       strcmp(a->namespace, b->namespace) == 0;
}

static void lose(struct resolver *resolver, const struct claim *holder, const struct claim *loser)
{
	char text[PREFIX_TEXT_MAX];

	loser->branch->state = BRANCH_CLAIMED;
	if (is_same_pod(loser->branch, holder->branch))
		problems_add(&resolver->problems,
		             "pod %s/%s: %s is held by its newer sandbox: the older one is closed",
		             loser->branch->namespace, loser->branch->pod, claim_text(loser, text));
	else
		problems_add(&resolver->problems,
		             "pod %s/%s: %s is held by the newer pod %s/%s: it is closed",
		             loser->branch->namespace, loser->branch->pod, claim_text(loser, text),
		             holder->branch->namespace, holder->branch->pod);
}

static void judge_claims(struct resolver *resolver, struct claim *claims, size_t count)
{
	const struct claim *holder = claims;

	if (count > 1)
		qsort(claims, count, sizeof(*claims), claim_compare);
	for (size_t i = 1; i < count; i++) {
		if (prefix_compare(&claims[i].key, &holder->key) != 0)
			holder = &claims[i];
		else if (claims[i].branch != holder->branch)
			lose(resolver, holder, &claims[i]);
	}
}

/* One interface is one branch: the older one is left out altogether. */
static int claim_interfaces(struct resolver *resolver)
{
	struct resolution *out = resolver->out;
	struct claim *claims = calloc(out->branch_count + 1, sizeof(*claims));
	size_t kept = 0;

	if (claims == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < out->branch_count; i++)
		claims[i] = (struct claim){link_key(CLAIM_INTERFACE, out->branches[i].interface),
		                           &out->branches[i]};
	judge_claims(resolver, claims, out->branch_count);
	free(claims);
	for (size_t i = 0; i < out->branch_count; i++)
		if (out->branches[i].state != BRANCH_CLAIMED)
			out->branches[kept++] = out->branches[i];
	out->branch_count = kept;
	return 0;
}

static size_t add_claims(struct branch *branch, struct claim *claims)
{
	size_t count = 0;

	if (branch->device[0] != '\0')
		claims[count++] = (struct claim){link_key(CLAIM_DEVICE, branch->device), branch};
	for (size_t i = 0; i < branch->address_count; i++)
		claims[count++] = (struct claim){branch->addresses[i], branch};
	return count;
}

int resolve_claims(struct resolver *resolver)
{
	struct resolution *out = resolver->out;
	struct claim *claims;
	size_t count = 0;
	int ret = claim_interfaces(resolver);

	if (ret < 0)
		return ret;
	claims = calloc(out->branch_count + 1, CLAIMS_MAX * sizeof(*claims));
	if (claims == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < out->branch_count; i++)
		count += add_claims(&out->branches[i], &claims[count]);
	judge_claims(resolver, claims, count);
	free(claims);
	resolver_sort_branches(resolver);
	return 0;
}
