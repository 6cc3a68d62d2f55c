/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nft-sync/resolve/attachment_pod.h"
#include "nft-sync/resolve/resolver.h"

/* Behind all that are not: its interface may still be there, and the pod's rules with it. */
static bool is_gone(const struct attachment *attachment)
{
	return attachment->state == ATTACHMENT_GONE;
}

static int pod_compare(const struct pod *a, const struct pod *b)
{
	uintptr_t left = (uintptr_t)a;
	uintptr_t right = (uintptr_t)b;
	return left < right ? -1 : left > right;
}

/* Of one sandbox the first interface is the pod's, any other one was added to it. */
static int attached_compare(const void *a, const void *b)
{
	const struct attached *left = a;
	const struct attached *right = b;
	int order = pod_compare(left->pod, right->pod);
	if (order != 0)
		return order;
	if (is_gone(left->attachment) != is_gone(right->attachment))
		return is_gone(left->attachment) ? 1 : -1;
	if (left->attachment->created == right->attachment->created)
		return strcmp(left->attachment->sandbox, right->attachment->sandbox);
	return left->attachment->created > right->attachment->created ? -1 : 1;
}

/* The first of the pod's, or where it would be. */
static size_t lower_bound(const struct resolver *resolver, const struct pod *pod)
{
	size_t low = 0;
	size_t high = resolver->attached_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (pod_compare(resolver->attached[middle].pod, pod) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * By its very name and number. The number goes again to an interface that is moved in from a pod's
 * namespace, as most are made, once the one before is gone.
 */
static bool is_known(const struct resolver *resolver, const struct host_link *link)
{
	const struct attachment *const *attachments;
	size_t count;
	if (model_attachments(resolver->model, &attachments, &count) < 0)
		return true;
	for (size_t i = 0; i < count; i++)
		if (attachments[i]->interface_index == link->index &&
		    strcmp(attachments[i]->interface, link->name) == 0)
			return true;
	return false;
}

const struct host_link *resolver_link(const struct resolver *resolver,
                                      const struct attachment *attachment)
{
	const struct host_link *link = host_link_once(resolver->host, attachment->interface);
	if (!attachment->interface_index || (link && link->index == attachment->interface_index))
		return link;
	link = host_link_numbered(resolver->host, attachment->interface_index);
	if (!link || strcmp(link->first_name, attachment->interface) == 0)
		return link;
	return is_gone(attachment) || is_known(resolver, link) ? NULL : link;
}

const struct attachment *resolver_attachment(const struct resolver *resolver, const struct pod *pod)
{
	size_t first = lower_bound(resolver, pod);
	const struct attachment *found = NULL;
	for (size_t i = first; i < resolver->attached_count; i++) {
		const struct attached *next = &resolver->attached[i];
		if (next->pod != pod ||
		    (found && (strcmp(next->attachment->sandbox, found->sandbox) != 0 ||
		               is_gone(next->attachment) != is_gone(found))))
			break;
		found = next->attachment;
	}
	if (found && is_gone(found) && !resolver_link(resolver, found))
		return NULL;
	return found;
}

void resolver_take_sandbox(const struct attachment *attachment, struct branch *branch)
{
	struct branch_sandbox *sandbox = &branch->sandbox;
	if (is_gone(attachment))
		return;
	memcpy(sandbox->sandbox, attachment->sandbox, sizeof(sandbox->sandbox));
	memcpy(sandbox->ifname, attachment->ifname, sizeof(sandbox->ifname));
	sandbox->state = attachment->state;
	sandbox->created = attachment->created;
}

static int note_unfiltered(struct resolver *resolver, const struct attachment *attachment)
{
	struct resolution *out = resolver->out;
	struct unfiltered *next = &out->unfiltered[out->unfiltered_count++];
	*next = (struct unfiltered){
		.namespace = arena_strdup(resolver->arena, attachment->namespace),
		.pod = arena_strdup(resolver->arena, attachment->pod),
		.uid = arena_strdup(resolver->arena, attachment->uid),
		.interface = arena_strdup(resolver->arena, attachment->interface)};
	if (!next->namespace || !next->pod || !next->uid || !next->interface)
		return -ENOMEM;
	problems_add(&resolver->problems,
	             "pod %s/%s runs unfiltered on %s: podsg-cni let it start (failurePolicy: "
	             "ignore), and no source knows the pod yet",
	             next->namespace, next->pod, next->interface);
	return 0;
}

static bool is_unfiltered(const struct resolver *resolver, const struct attachment *attachment)
{
	return attachment->state == ATTACHMENT_UNFILTERED && attachment_has_pod(attachment) &&
	       resolver_link(resolver, attachment);
}

static int match(struct resolver *resolver, const struct attachment *attachment)
{
	const struct pod *pod =
		attachment_pod(attachment, resolver->config->node.name, resolver->model);
	if (!pod)
		return is_unfiltered(resolver, attachment) ? note_unfiltered(resolver, attachment)
		                                           : 0;
	if (resolver_is_local(resolver, pod))
		resolver->attached[resolver->attached_count++] = (struct attached){pod, attachment};
	return 0;
}

int resolve_attachments(struct resolver *resolver)
{
	const struct attachment *const *attachments;
	size_t count;
	int r = model_attachments(resolver->model, &attachments, &count);
	if (r < 0)
		return r;
	struct arena *arena = resolver->arena;
	resolver->attached = arena_array(arena, count + 1, sizeof(*resolver->attached));
	resolver->out->unfiltered =
		arena_array(arena, count + 1, sizeof(*resolver->out->unfiltered));
	if (!resolver->attached || !resolver->out->unfiltered)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = match(resolver, attachments[i]);
	if (resolver->attached_count > 1)
		qsort(resolver->attached, resolver->attached_count, sizeof(*resolver->attached),
		      attached_compare);
	return r;
}
