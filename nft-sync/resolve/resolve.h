/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RESOLVE_H
#define PODSG_RESOLVE_H

/* From the model and the facts of the host to what they mean for this node. */

#include "common/config.h"
#include "common/error.h"
#include "nft-sync/host/host.h"
#include "nft-sync/model/members.h"
#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolution.h"

#define BRANCHES_MAX 4096 /* of one node */

/*
 * previous may be NULL; modes of pods and interfaces of pods that are gone are taken from it, it
 * need not outlive the call. config must outlive the result. -ENOMEM, -E2BIG beyond BRANCHES_MAX.
 */
int resolve(struct model *model, const struct config *config, const struct host *host,
            const struct resolution *previous, struct resolution **ret, struct error *err);

/* Whether resolve() would make the same of the model: no document has changed, and of the groups
 * whose members are shown none has others. Pods of other nodes that nobody refers to do not count.
 * The host's facts and the configuration are the caller's. False also on lack of memory. */
bool resolution_is_current(const struct resolution *resolution, struct model *model);

/* An empty one, for whoever fills in branches that were known before a restart. */
struct resolution *resolution_new(const struct config *config);

/* Keeps a list of members alive as long as the resolution, whose reference it takes. -ENOMEM: then
 * the reference is dropped. */
int resolution_keep(struct resolution *resolution, struct member_list *list);

void resolution_free(struct resolution *resolution); /* accepts NULL */

#endif
