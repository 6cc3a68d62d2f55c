/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_HOLDING_H
#define PODSG_HOLDING_H

/* A document inside the model: an index entry for each of its objects, worked out once. */

#include "common/arena.h"
#include "common/document.h"
#include "nft-sync/model/index.h"
#include "nft-sync/model/model.h"

#include <stdbool.h>
#include <sys/queue.h>

enum kind {
	KIND_GROUP,
	KIND_INTERFACE,
	KIND_INTERFACE_ADDRESS,
	KIND_PREFIX_LIST,
	KIND_POD,
	KIND_SERVICE_ACCOUNT,
	KIND_POLICY,
	KIND_NODE,
	KIND_CLUSTER_DNS,
	KIND_INSTANCE,
	KIND_ATTACHMENT, /* by sandbox and interface in the pod */
};
#define KINDS 11

/* There is one node, and so one instance. */
#define INSTANCE_KEY "of this node"

struct entry {
	struct index_entry index; /* first: the index hands out entries */
	LIST_ENTRY(entry) same_kind;
	struct holding *owner;
	const void *object;
	const struct group_peers *peers; /* of a group; else NULL */
	bool shadowed;                   /* another document's object of the same key is in force */
};

struct holding {
	struct document *document;
	struct arena *arena;       /* of the groups' peers; NULL where there are no groups */
	struct entry *entries;     /* kind by kind */
	uint32_t first[KINDS + 1]; /* those of kind k are first[k] up to first[k + 1] */
	size_t entry_count;
	size_t shadowed_count; /* addresses left out */
};

/* Takes the document only on success. */
int holding_new(struct document *document, struct holding **ret);
void holding_free(struct holding *holding); /* accepts NULL; frees the document */

const char *holding_name(const struct holding *holding);
bool holding_has(const struct holding *holding, enum kind kind);

#endif
