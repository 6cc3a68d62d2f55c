/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_RESOLVER_H
#define PODSG_RESOLVER_H

/* The steps of resolve(), in their order. Each returns 0 or a negative errno. */

#include "nft-sync/resolve/pod_groups.h"
#include "nft-sync/resolve/problems.h"
#include "nft-sync/resolve/resolve.h"

/* An attachment and the pod of this node that it is of. */
struct attached {
	const struct pod *pod;
	const struct attachment *attachment;
};

struct resolver {
	struct model *model;
	const struct config *config;
	const struct host *host;
	const struct resolution *previous; /* or NULL */
	struct resolution *out;
	struct arena *arena; /* of out */
	struct problems problems;
	struct pod_groups_input input;
	const struct pod *const *pods; /* of the whole cluster */
	size_t pod_count;
	struct attached *attached; /* by pod, what counts first */
	size_t attached_count;
};

int resolve_node(struct resolver *resolver);
int resolve_dns(struct resolver *resolver);
int resolve_attachments(struct resolver *resolver);
int resolve_branches(struct resolver *resolver);
int resolve_orphans(struct resolver *resolver);
int resolve_claims(struct resolver *resolver);
void resolve_states(struct resolver *resolver);
int resolve_members(struct resolver *resolver);

/* A pod of this node, as far as its document goes. */
bool resolver_is_local(const struct resolver *resolver, const struct pod *pod);

/* Whose interface, mode and addresses the pod has; NULL: the journal does not say. */
const struct attachment *resolver_attachment(const struct resolver *resolver,
                                             const struct pod *pod);
/*
 * Its host interface, whatever somebody has called it since, or NULL: a later one of the same name
 * is another one.
 */
const struct host_link *resolver_link(const struct resolver *resolver,
                                      const struct attachment *attachment);
void resolver_take_sandbox(const struct attachment *attachment, struct branch *branch);

/* The interface of a branch of the resolution before, or the one that was made anew in its place.
 */
const struct host_link *resolver_link_again(const struct resolver *resolver,
                                            const struct branch *former);
/* link may be NULL: then name is what its interface is to be called. */
void branch_take_link(struct branch *branch, const struct host_link *link,
                      const char name[static INTERFACE_NAME_MAX]);

/* The next branch, empty, at the end of out->branches, or NULL. */
struct branch *resolver_add_branch(struct resolver *resolver);

const char **resolver_copy_ids(struct resolver *resolver, const char *const *ids, size_t count);
void resolver_sort_branches(struct resolver *resolver);

#endif
