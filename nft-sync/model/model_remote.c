/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "nft-sync/model/model_state.h"

/* The pods of documents that are there, too, are no members on their own account. */
static void note_overlap(struct model *model, const char *namespace, const char *name)
{
	if (model_pod(model, namespace, name) != NULL)
		model->overlap_generation++;
}

bool model_same_remote_pod(struct model *model, const char *namespace, const char *name,
                           uint64_t digest)
{
	return remote_pods_same(model->remotes, namespace, name, digest);
}

int model_put_remote_pod(struct model *model, const struct pod *pod, uint64_t digest,
                         struct error *err)
{
	size_t before = remote_pods_count(model->remotes);
	int ret = remote_pods_put(model->remotes, pod, digest, err);

	if (ret < 0)
		return ret;
	if (remote_pods_count(model->remotes) != before)
		note_overlap(model, pod->namespace, pod->name);
	return 0;
}

void model_remove_remote_pod(struct model *model, const char *namespace, const char *name)
{
	if (remote_pods_remove(model->remotes, namespace, name))
		note_overlap(model, namespace, name);
}

size_t model_remote_count(const struct model *model)
{
	return remote_pods_count(model->remotes);
}

bool model_remote_has(const struct model *model, const char *namespace, const char *name)
{
	return remote_pods_has(model->remotes, namespace, name);
}

void model_remote_begin(struct model *model)
{
	remote_pods_begin(model->remotes);
}

void model_remote_sweep(struct model *model)
{
	if (remote_pods_sweep(model->remotes) > 0)
		model->overlap_generation++;
}

/* Their groups depend on policies, service accounts and interfaces, and on nothing else. */
static uint64_t stamp_of(const struct model *model, bool enforce_without_eni)
{
	uint64_t sum = model->generations[KIND_POLICY] + model->generations[KIND_SERVICE_ACCOUNT] +
	               model->generations[KIND_INTERFACE];

	return 2 * sum + enforce_without_eni;
}

int model_remote_apply(struct model *model, bool enforce_without_eni)
{
	struct pod_groups_input input = {.model = model,
	                                 .enforce_without_eni = enforce_without_eni};

	if (model_policies(model, &input.policies, &input.policy_count) < 0)
		return -ENOMEM;
	return remote_pods_apply(model->remotes, model->members, &input,
	                         stamp_of(model, enforce_without_eni));
}
