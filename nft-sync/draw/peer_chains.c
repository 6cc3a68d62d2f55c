/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/digest.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/draw/peer_chains.h"
#include "nft-sync/draw/statement.h"

/* A chain and which sets of its groups it was made for. */
struct entry {
	struct image_chain *chain;
	uint64_t shape;
};

struct peer_chains {
	struct entry *entries; /* by name */
	size_t count, capacity;
};

struct peer_chains *peer_chains_new(void)
{
	return calloc(1, sizeof(struct peer_chains));
}

void peer_chains_free(struct peer_chains *chains)
{
	if (!chains)
		return;
	for (size_t i = 0; i < chains->count; i++)
		image_chain_unref(chains->entries[i].chain);
	free(chains->entries);
	free(chains);
}

void peer_chains_tidy(struct peer_chains *chains)
{
	size_t kept = 0;
	for (size_t i = 0; i < chains->count; i++) {
		if (chains->entries[i].chain->references > 1)
			chains->entries[kept++] = chains->entries[i];
		else
			image_chain_unref(chains->entries[i].chain);
	}
	chains->count = kept;
}

void rules_permit(struct image_rule *rule, enum direction direction, enum rules_use use)
{
	if (use == RULES_OF_NODE)
		give_verdict(rule, VERDICT_RETURN, "");
	else
		give_verdict(rule, VERDICT_GOTO,
		             direction == DIRECTION_EGRESS ? CHAIN_PERMIT_EGRESS
		                                           : CHAIN_PERMIT_INGRESS);
}

void rules_drop(struct image_chain *chain, enum direction direction, enum rules_use use)
{
	char name[IMAGE_NAME_MAX];
	snprintf(name, sizeof(name), "drop-%s-%s", direction_name(direction),
	         use == RULES_OF_NODE ? DROP_NODE : DROP_RULES);
	give_verdict(image_chain_rule(chain), VERDICT_GOTO, name);
}

static uint64_t list_shape(const struct peer_list *list)
{
	uint64_t shape = DIGEST_START;
	for (size_t i = 0; i < list->count; i++)
		for (int kind = 0; kind < MEMBER_KINDS; kind++)
			shape = digest_u64(shape, list->members[i]->sets[kind] != NULL);
	return shape;
}

/* One group gives its name, several a digest of theirs. */
static void chain_name(enum direction direction, enum rules_use use, const struct peer_list *list,
                       char name[static IMAGE_NAME_MAX])
{
	const char *node = use == RULES_OF_NODE ? "node-" : "";
	const char *preposition = direction == DIRECTION_EGRESS ? "to" : "from";
	uint64_t digest = DIGEST_START;
	if (list->count == 1 && is_nft_name(list->ids[0])) {
		snprintf(name, IMAGE_NAME_MAX, "%s%s-%s", node, preposition, list->ids[0]);
		return;
	}
	for (size_t i = 0; i < list->count; i++)
		digest = digest_text(digest, list->ids[i]);
	snprintf(name, IMAGE_NAME_MAX, "%s%s-%016llx", node, preposition,
	         (unsigned long long)digest);
}

static void chain_comment(const struct peer_list *list, char comment[static IMAGE_COMMENT_MAX])
{
	size_t used = 0;
	comment[0] = '\0';
	for (size_t i = 0; i < list->count && used < IMAGE_COMMENT_MAX; i++)
		used += (size_t)snprintf(comment + used, IMAGE_COMMENT_MAX - used, "%s%s",
		                         i ? " " : "members of ", list->ids[i]);
}

static struct image_chain *make_chain(const char *name, enum direction direction,
                                      enum rules_use use, const struct peer_list *list)
{
	char comment[IMAGE_COMMENT_MAX];
	chain_comment(list, comment);
	struct image_chain *chain = image_chain_new(name, comment);
	for (size_t i = 0; i < list->count; i++)
		for (enum member_kind kind = MEMBERS4; kind < MEMBER_KINDS; kind++)
			if (list->members[i]->sets[kind])
				rules_permit(match_member(image_chain_rule(chain), direction, kind,
				                          list->members[i]),
				             direction, use);
	rules_drop(chain, direction, use);
	if (chain && chain->failed) {
		image_chain_unref(chain);
		return NULL;
	}
	return chain;
}

static size_t find_place(const struct peer_chains *chains, const char *name)
{
	size_t low = 0;
	size_t high = chains->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(chains->entries[middle].chain->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool make_room(struct peer_chains *chains)
{
	if (chains->count < chains->capacity)
		return true;
	size_t capacity = chains->capacity ? 2 * chains->capacity : 32;
	struct entry *larger = reallocarray(chains->entries, capacity, sizeof(*larger));
	if (!larger)
		return false;
	chains->entries = larger;
	chains->capacity = capacity;
	return true;
}

struct image_chain *peer_chains_get(struct peer_chains *chains, enum direction direction,
                                    enum rules_use use, const struct peer_list *list)
{
	char name[IMAGE_NAME_MAX];
	chain_name(direction, use, list, name);
	uint64_t shape = list_shape(list);
	size_t place = find_place(chains, name);
	bool known = place < chains->count && strcmp(chains->entries[place].chain->name, name) == 0;
	if (known && chains->entries[place].shape == shape)
		return chains->entries[place].chain;
	struct image_chain *chain = make_chain(name, direction, use, list);
	if (!chain || !make_room(chains)) {
		image_chain_unref(chain);
		return NULL;
	}
	if (known)
		image_chain_unref(chains->entries[place].chain);
	else
		memmove(chains->entries + place + 1, chains->entries + place,
		        (chains->count++ - place) * sizeof(*chains->entries));
	chains->entries[place] = (struct entry){.chain = chain, .shape = shape};
	return chain;
}
