/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_MODEL_STATE_H
#define PODSG_MODEL_STATE_H

/* The inside of the model, shared by the files that make it up. */

#include "nft-sync/model/holding.h"
#include "nft-sync/model/index.h"
#include "nft-sync/model/members.h"
#include "nft-sync/model/model.h"
#include "nft-sync/model/remote_pods.h"

/* The objects of one kind that are in force, worked out when asked for. */
struct listing {
	const void **objects;
	size_t count;
	uint64_t generation; /* of the model's kind when it was worked out */
};

LIST_HEAD(entries, entry);

struct model {
	struct holding **holdings; /* by name of the document */
	size_t holding_count;
	size_t holding_capacity;
	size_t shadowed_count; /* of all of them */
	struct entries kinds[KINDS];
	struct index index;
	struct members *members;
	struct remote_pods *remotes;
	uint64_t overlap_generation; /* of what is both in documents and remote */
	uint64_t generations[KINDS]; /* begin at 1 */
	struct listing pods;
	struct listing policies;
	struct listing cluster_dns;
	struct listing attachments;
};

struct entry *model_first(const struct model *model, const struct index_key *key);
struct entry *model_next(const struct entry *entry);
struct entry *model_in_force(const struct model *model, const struct index_key *key);

#endif
