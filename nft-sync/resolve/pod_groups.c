/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/resolve/pod_groups.h"

void group_list_add(struct group_list *list, const char *id)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->ids[i], id) == 0)
			return;
	if (list->count == BRANCH_GROUPS_MAX)
		list->cut = true;
	else
		list->ids[list->count++] = id;
}

static bool group_list_has(const struct group_list *list, const char *id)
{
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->ids[i], id) == 0)
			return true;
	return false;
}

bool group_list_equal(const struct group_list *a, const struct group_list *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (!group_list_has(b, a->ids[i]))
			return false;
	return a->count == b->count;
}

static void add_all(struct group_list *list, const char *const *ids, size_t count)
{
	for (size_t i = 0; i < count && !list->cut; i++)
		group_list_add(list, ids[i]);
}

static size_t first_policy(const struct pod_groups_input *input, const char *namespace)
{
	size_t low = 0;
	size_t high = input->policy_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(input->policies[middle]->namespace, namespace) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* As the VPC resource controller does it (reference: pkg/utils/helper.go, filterPodSecurityGroups):
 * the labels asked for are those of the ServiceAccount object. */
bool policy_matches(const struct model *model, const struct security_group_policy *policy,
                    const struct pod *pod, bool *missing_service_account)
{
	const struct service_account *account;

	if (policy->group_count == 0 || (policy->pods == NULL && policy->service_accounts == NULL))
		return false;
	if (policy->pods != NULL && !selector_matches(policy->pods, &pod->labels))
		return false;
	if (policy->service_accounts == NULL)
		return true;
	account = model_service_account(model, pod->namespace, pod->service_account);
	if (account == NULL) {
		*missing_service_account = true;
		return false;
	}
	return selector_matches(policy->service_accounts, &account->labels);
}

void pod_policy_groups(const struct pod_groups_input *input, const struct pod *pod,
                       struct pod_groups *ret)
{
	for (size_t i = first_policy(input, pod->namespace); i < input->policy_count; i++) {
		const struct security_group_policy *policy = input->policies[i];

		if (strcmp(policy->namespace, pod->namespace) != 0)
			break;
		if (policy_matches(input->model, policy, pod, &ret->missing_service_account))
			add_all(&ret->policy_groups, policy->groups, policy->group_count);
	}
}

void pod_groups(const struct pod_groups_input *input, const struct pod *pod, struct pod_groups *ret)
{
	bool matched;

	ret->has_branch = false;
	ret->missing_service_account = false;
	ret->interface = NULL;
	ret->groups.count = ret->policy_groups.count = 0;
	ret->groups.cut = ret->policy_groups.cut = false;
	if (pod->host_network || pod->finished)
		return;
	pod_policy_groups(input, pod, ret);
	matched = ret->policy_groups.count > 0;
	ret->has_branch = pod->eni != NULL || (matched && input->enforce_without_eni);
	if (!ret->has_branch)
		return;
	if (pod->eni != NULL)
		ret->interface = model_interface(input->model, pod->eni->id);
	if (ret->interface != NULL) {
		ret->origin = GROUPS_FROM_ENI;
		add_all(&ret->groups, ret->interface->groups, ret->interface->group_count);
	} else if (matched) {
		ret->origin = GROUPS_FROM_POLICIES;
		ret->groups = ret->policy_groups;
	} else {
		ret->origin = GROUPS_FROM_NODE;
	}
}

const struct prefix *pod_addresses(const struct pod *pod, size_t *count)
{
	if (pod->eni != NULL) {
		*count = pod->eni->address_count;
		return pod->eni->addresses;
	}
	*count = pod->address_count;
	return pod->addresses;
}
