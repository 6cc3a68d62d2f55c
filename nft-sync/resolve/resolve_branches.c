/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/resolve/attachment_pod.h"
#include "nft-sync/resolve/interface_name.h"
#include "nft-sync/resolve/resolver.h"

static bool is_branch_of(const struct branch *branch, const struct pod *pod)
{
	return branch != NULL && strcmp(branch->uid, pod->uid) == 0 &&
	       strcmp(branch->pod, pod->name) == 0 &&
	       strcmp(branch->namespace, pod->namespace) == 0;
}

/* What a former resolution settled for this very pod, else the mode of new sandboxes. */
static enum mode preferred_mode(const struct resolver *resolver, const struct pod *pod,
                                char names[static 2][INTERFACE_NAME_MAX])
{
	for (unsigned mode = MODE_STRICT; mode <= MODE_STANDARD && resolver->previous != NULL;
	     mode++) {
		const struct branch *former = resolution_branch(resolver->previous, names[mode]);

		if (is_branch_of(former, pod))
			return former->mode;
	}
	return resolver->config->enforcing_mode;
}

/*
 * The mode was fixed when the sandbox was made, and its mark is the prefix of the interface. Both
 * interfaces exist when the pod was made anew in another mode and the old sandbox lingers: then
 * the preferred one is taken.
 */
static void settle_interface(const struct resolver *resolver, const struct pod *pod,
                             struct branch *branch)
{
	char names[2][INTERFACE_NAME_MAX];
	enum mode mode;
	enum mode other;

	interface_name(STRICT_PREFIX, pod->namespace, pod->name, names[MODE_STRICT]);
	interface_name(resolver->config->veth_prefix, pod->namespace, pod->name,
	               names[MODE_STANDARD]);
	mode = preferred_mode(resolver, pod, names);
	other = mode == MODE_STRICT ? MODE_STANDARD : MODE_STRICT;
	if (host_link_once(resolver->host, names[mode]) == NULL &&
	    host_link_once(resolver->host, names[other]) != NULL)
		mode = other;
	branch->mode = mode;
	branch_take_link(branch, host_link_once(resolver->host, names[mode]), names[mode]);
}

/* A journal that was lost takes no pod's rules away: the interface that had them is still there. */
static void settle_by_former(const struct resolver *resolver, const struct pod *pod,
                             struct branch *branch)
{
	const struct branch *former = NULL;
	const struct host_link *link;

	if (resolver->previous)
		former = resolution_branch_of_pod(resolver->previous, pod->namespace, pod->name,
		                                  pod->uid);
	link = former ? resolver_link_again(resolver, former) : NULL;
	if (!link)
		return;
	branch->mode = former->mode;
	branch_take_link(branch, link, former->interface);
}

/* As podsg-cni saw it. An interface that it did not see is looked for, but the mode holds. */
static void settle_by_journal(const struct resolver *resolver, const struct attachment *attachment,
                              struct branch *branch)
{
	branch->mode = attachment->mode;
	resolver_take_sandbox(attachment, branch);
	if (attachment->device[0] != '\0')
		memcpy(branch->device, attachment->device, INTERFACE_NAME_MAX);
	if (attachment->interface[0] == '\0')
		return;
	branch_take_link(branch, resolver_link(resolver, attachment), attachment->interface);
}

/* Root's doing; CNIs and this node's own names know nothing of it. */
static void say_renamed(struct resolver *resolver, const struct attachment *attachment,
                        const struct branch *branch)
{
	const char *name =
		attachment && attachment->interface[0] != '\0' ? attachment->interface : branch->first_name;

	if (strcmp(name, branch->interface) != 0)
		problems_add(&resolver->problems,
		             "pod %s/%s: its interface %s is called %s now: its rules follow it",
		             branch->namespace, branch->pod, name, branch->interface);
}

static int copy_names(struct resolver *resolver, const struct pod *pod, struct branch *branch)
{
	branch->namespace = arena_strdup(resolver->arena, pod->namespace);
	branch->pod = arena_strdup(resolver->arena, pod->name);
	branch->uid = arena_strdup(resolver->arena, pod->uid);
	if (branch->namespace == NULL || branch->pod == NULL || branch->uid == NULL)
		return -ENOMEM;
	return 0;
}

/* attachment may be NULL. */
static void copy_addresses(const struct pod *pod, const struct attachment *attachment,
                           struct branch *branch)
{
	size_t count;
	const struct prefix *addresses = pod_addresses(pod, &count);

	if (pod->eni == NULL && attachment && attachment->address_count > 0) {
		addresses = attachment->addresses;
		count = attachment->address_count;
	}
	if (count > POD_ADDRESSES_MAX)
		count = POD_ADDRESSES_MAX;
	memcpy(branch->addresses, addresses, count * sizeof(*addresses));
	branch->address_count = count;
}

static int take_groups(struct resolver *resolver, const struct pod_groups *groups,
                       struct branch *branch)
{
	branch->origin = groups->origin;
	if (groups->origin == GROUPS_FROM_NODE) {
		branch->groups = resolver->out->node_groups;
		branch->group_count = resolver->out->node_group_count;
		return 0;
	}
	branch->groups = resolver_copy_ids(resolver, groups->groups.ids, groups->groups.count);
	branch->group_count = groups->groups.count;
	return branch->groups != NULL ? 0 : -ENOMEM;
}

static const char *list_text(const struct group_list *list, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < list->count && used < size; i++) {
		int written = snprintf(buffer + used, size - used, "%s%s", i > 0 ? ", " : "",
		                       list->ids[i]);

		if (written < 0)
			break;
		used += (size_t)written;
	}
	return list->count > 0 ? buffer : "none";
}

static void say_difference(struct resolver *resolver, const struct pod *pod,
                           const struct pod_groups *groups)
{
	char real[160];
	char wanted[160];

	if (groups->interface == NULL || groups->policy_groups.count == 0 ||
	    group_list_equal(&groups->groups, &groups->policy_groups))
		return;
	problems_add(&resolver->problems,
	             "pod %s/%s: its ENI %s has the security groups %s, its policies say %s: the "
	             "ENI's are in force",
	             pod->namespace, pod->name, groups->interface->id,
	             list_text(&groups->groups, real, sizeof(real)),
	             list_text(&groups->policy_groups, wanted, sizeof(wanted)));
}

static void say_problems(struct resolver *resolver, const struct pod *pod,
                         const struct pod_groups *groups)
{
	if (groups->missing_service_account)
		problems_add(&resolver->problems,
		             "service account %s/%s of pod %s is not known: policies that select "
		             "service accounts do not match the pod",
		             pod->namespace, pod->service_account, pod->name);
	if (groups->groups.cut || groups->policy_groups.cut)
		problems_add(
			&resolver->problems,
			"pod %s/%s has more than %d security groups: the others permit nothing",
			pod->namespace, pod->name, BRANCH_GROUPS_MAX);
	if (groups->has_branch && groups->origin == GROUPS_FROM_NODE &&
	    resolver->out->node_group_count == 0)
		problems_add(&resolver->problems,
		             "pod %s/%s has the node's security groups, which are not known: it is "
		             "closed",
		             pod->namespace, pod->name);
	say_difference(resolver, pod, groups);
}

static int add_pod(struct resolver *resolver, const struct pod *pod,
                   const struct pod_groups *groups)
{
	const struct attachment *attachment = resolver_attachment(resolver, pod);
	struct branch *branch = resolver_add_branch(resolver);

	if (branch == NULL)
		return -E2BIG;
	settle_interface(resolver, pod, branch);
	if (pod->eni != NULL)
		(void)snprintf(branch->device, sizeof(branch->device), "vlan.eth.%u",
		               pod->eni->vlan_id);
	if (attachment)
		settle_by_journal(resolver, attachment, branch);
	else if (!branch->present)
		settle_by_former(resolver, pod, branch);
	branch->source_dest_check =
		groups->interface == NULL || groups->interface->source_dest_check;
	branch->created = pod->created;
	copy_addresses(pod, attachment, branch);
	if (copy_names(resolver, pod, branch) < 0)
		return -ENOMEM;
	say_renamed(resolver, attachment, branch);
	return take_groups(resolver, groups, branch);
}

/* Room for all that can come: the pods of this node and those of the previous resolution. */
static int reserve_branches(struct resolver *resolver)
{
	size_t capacity = resolver->previous != NULL ? resolver->previous->branch_count : 0;

	for (size_t i = 0; i < resolver->pod_count; i++)
		capacity += resolver_is_local(resolver, resolver->pods[i]);
	if (capacity > BRANCHES_MAX)
		capacity = BRANCHES_MAX;
	resolver->out->branches =
		arena_array(resolver->arena, capacity != 0 ? capacity : 1, sizeof(struct branch));
	return resolver->out->branches != NULL ? 0 : -ENOMEM;
}

const struct host_link *resolver_link_again(const struct resolver *resolver,
                                            const struct branch *former)
{
	const struct host_link *link = host_link_numbered(resolver->host, former->index);

	return link && strcmp(link->first_name, former->first_name) == 0
	               ? link
	               : host_link_once(resolver->host, former->first_name);
}

void branch_take_link(struct branch *branch, const struct host_link *link,
                      const char name[static INTERFACE_NAME_MAX])
{
	branch->present = link != NULL;
	branch->index = link ? link->index : 0;
	memcpy(branch->interface, link ? link->name : name, INTERFACE_NAME_MAX);
	memcpy(branch->first_name, link ? link->first_name : name, INTERFACE_NAME_MAX);
}

struct branch *resolver_add_branch(struct resolver *resolver)
{
	if (resolver->out->branch_count == BRANCHES_MAX)
		return NULL;
	return &resolver->out->branches[resolver->out->branch_count++];
}

int resolve_branches(struct resolver *resolver)
{
	struct pod_groups groups = {0};
	int ret = reserve_branches(resolver);

	for (size_t i = 0; ret == 0 && i < resolver->pod_count; i++) {
		const struct pod *pod = resolver->pods[i];

		if (!resolver_is_local(resolver, pod))
			continue;
		pod_groups(&resolver->input, pod, &groups);
		say_problems(resolver, pod, &groups);
		if (groups.has_branch)
			ret = add_pod(resolver, pod, &groups);
	}
	return ret;
}

static int branch_compare(const void *a, const void *b)
{
	const struct branch *left = a;
	const struct branch *right = b;

	return strcmp(left->interface, right->interface);
}

void resolver_sort_branches(struct resolver *resolver)
{
	struct resolution *out = resolver->out;

	if (out->branch_count > 1)
		qsort(out->branches, out->branch_count, sizeof(*out->branches), branch_compare);
}

static bool is_known(const struct resolver *resolver, const struct branch *branch)
{
	for (size_t i = 0; i < branch->group_count; i++)
		if (model_group(resolver->model, branch->groups[i]) != NULL)
			return true;
	return false;
}

static void say_unknown_groups(struct resolver *resolver, const struct branch *branch)
{
	/* The node's own are reported once, as the node's. */
	if (branch->origin == GROUPS_FROM_NODE)
		return;
	for (size_t i = 0; i < branch->group_count; i++)
		if (model_group(resolver->model, branch->groups[i]) == NULL)
			problems_add(
				&resolver->problems,
				"security group %s of pod %s/%s is not known: it permits nothing",
				branch->groups[i], branch->namespace, branch->pod);
}

void resolve_states(struct resolver *resolver)
{
	for (size_t i = 0; i < resolver->out->branch_count; i++) {
		struct branch *branch = &resolver->out->branches[i];

		say_unknown_groups(resolver, branch);
		if (branch->state == BRANCH_OPEN && !is_known(resolver, branch))
			branch->state = BRANCH_CLOSED;
	}
}
