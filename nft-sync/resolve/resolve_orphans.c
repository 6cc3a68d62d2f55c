/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "nft-sync/resolve/attachment_pod.h"
#include "nft-sync/resolve/resolver.h"

/*
 * Still in the documents: what they say of the pod holds, even that it is none of ours. But an
 * interface of a former sandbox of a pod that is ours is in nobody's hands but the orphan's.
 */
static bool is_documented(const struct resolver *resolver, const struct branch *branch)
{
	const struct pod *pod = model_pod(resolver->model, branch->namespace, branch->pod);

	if (pod == NULL || strcmp(pod->uid, branch->uid) != 0 || pod->finished)
		return false;
	return (!branch->orphan && branch->sandbox.sandbox[0] == '\0') ||
	       resolution_branch_of_pod(resolver->out, branch->namespace, branch->pod,
	                                branch->uid) == NULL;
}

/* branches up to count are sorted by interface. */
static bool is_taken(const struct resolver *resolver, size_t count, const char *interface)
{
	size_t low = 0;
	size_t high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(resolver->out->branches[middle].interface, interface);

		if (order == 0)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

/* A newer pod may have got an interface of the name. */
static bool is_of(const struct attachment *attachment, const struct branch *branch)
{
	if (strcmp(attachment->sandbox, branch->sandbox.sandbox) == 0)
		return true;
	if (!attachment_has_pod(attachment))
		return attachment->address_count > 0 &&
		       branch_has_address(branch, &attachment->addresses[0]);
	return strcmp(attachment->pod, branch->pod) == 0 &&
	       strcmp(attachment->namespace, branch->namespace) == 0 &&
	       strcmp(attachment->uid, branch->uid) == 0;
}

static const struct attachment *find_attachment(const struct resolver *resolver,
                                                const struct branch *branch)
{
	const struct attachment *const *attachments;
	size_t count;

	if (model_attachments(resolver->model, &attachments, &count) < 0)
		return NULL;
	for (size_t i = 0; i < count; i++) {
		const struct host_link *link;

		if (attachments[i]->state == ATTACHMENT_GONE || !is_of(attachments[i], branch))
			continue;
		link = resolver_link(resolver, attachments[i]);
		if (link && strcmp(link->name, branch->interface) == 0)
			return attachments[i];
	}
	return NULL;
}

/* After a restart only the journal knows it; and it may be gone by now. */
static void settle_sandbox(const struct resolver *resolver, struct branch *branch)
{
	const struct attachment *attachment = find_attachment(resolver, branch);

	branch->sandbox.sandbox[0] = '\0';
	branch->sandbox.ifname[0] = '\0';
	if (attachment)
		resolver_take_sandbox(attachment, branch);
}

static int copy_orphan(struct resolver *resolver, const struct branch *former,
                       const struct host_link *link)
{
	struct branch *branch = resolver_add_branch(resolver);

	if (branch == NULL)
		return -E2BIG;
	*branch = *former;
	branch->orphan = true;
	branch_take_link(branch, link, former->interface);
	settle_sandbox(resolver, branch);
	branch->state = BRANCH_OPEN;
	branch->namespace = arena_strdup(resolver->arena, former->namespace);
	branch->pod = arena_strdup(resolver->arena, former->pod);
	branch->uid = arena_strdup(resolver->arena, former->uid);
	if (branch->namespace == NULL || branch->pod == NULL || branch->uid == NULL)
		return -ENOMEM;
	if (former->origin == GROUPS_FROM_NODE && resolver->out->node_group_count > 0) {
		branch->groups = resolver->out->node_groups;
		branch->group_count = resolver->out->node_group_count;
		return 0;
	}
	branch->groups = resolver_copy_ids(resolver, former->groups, former->group_count);
	return branch->groups != NULL ? 0 : -ENOMEM;
}

int resolve_orphans(struct resolver *resolver)
{
	const struct resolution *previous = resolver->previous;
	size_t count = resolver->out->branch_count;

	resolver_sort_branches(resolver);
	for (size_t i = 0; previous != NULL && i < previous->branch_count; i++) {
		const struct branch *branch = &previous->branches[i];

		if (is_documented(resolver, branch))
			continue;

		const struct host_link *link = resolver_link_again(resolver, branch);

		if (link == NULL || is_taken(resolver, count, link->name))
			continue;

		int ret = copy_orphan(resolver, branch, link);

		if (ret < 0)
			return ret;
	}
	return 0;
}
