/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/resolve/attachment_pod.h"
#include "nft-sync/resolve/pod_groups.h"

bool attachment_has_pod(const struct attachment *attachment)
{
	return attachment->pod[0] != '\0';
}

/* kubelet calls a static pod by the hash of its file, the API server its mirror otherwise. */
static bool is_uid_of(const char *uid, const struct pod *pod)
{
	if (!uid[0] || !pod->uid[0] || strcmp(uid, pod->uid) == 0)
		return true;
	return pod->config_hash && strcmp(uid, pod->config_hash) == 0;
}

static bool has_address(const struct pod *pod, const struct prefix *address)
{
	size_t count;
	const struct prefix *addresses = pod_addresses(pod, &count);
	for (size_t i = 0; i < count; i++)
		if (prefix_compare(&addresses[i], address) == 0)
			return true;
	return false;
}

static bool has_any_address(const struct pod *pod, const struct attachment *attachment)
{
	for (size_t i = 0; i < attachment->address_count; i++)
		if (has_address(pod, &attachment->addresses[i]))
			return true;
	return false;
}

static const struct pod *pod_at(const struct attachment *attachment, const char *node,
                                struct model *model)
{
	const struct pod *const *pods;
	size_t count;
	if (model_pods(model, &pods, &count) < 0)
		return NULL;
	for (size_t i = 0; i < count; i++)
		if (!pods[i]->host_network && !pods[i]->finished &&
		    strcmp(pods[i]->node, node) == 0 && has_any_address(pods[i], attachment))
			return pods[i];
	return NULL;
}

const struct pod *attachment_pod(const struct attachment *attachment, const char *node,
                                 struct model *model)
{
	if (!attachment_has_pod(attachment))
		return pod_at(attachment, node, model);
	const struct pod *pod = model_pod(model, attachment->namespace, attachment->pod);
	return pod && is_uid_of(attachment->uid, pod) ? pod : NULL;
}
