/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_WANTED_H
#define PODSG_WANTED_H

/* What this node's rules need to know, for the live sources to ask for: worked out from a
 * resolution and the model, nothing fetched. */

#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolution.h"

/* Ids, sorted, each once, known to the model or not. */
struct wanted_ids {
	char **ids;
	size_t count;
};

struct wanted {
	struct wanted_ids groups;       /* of the branch interfaces and the node: rules needed */
	struct wanted_ids members;      /* that rules of those refer to: members needed */
	struct wanted_ids prefix_lists; /* likewise: entries needed */
};

int wanted_make(const struct resolution *resolution, const struct model *model,
                struct wanted *ret); /* -ENOMEM */
void wanted_done(struct wanted *wanted);
bool wanted_equal(const struct wanted *a, const struct wanted *b);

#endif
