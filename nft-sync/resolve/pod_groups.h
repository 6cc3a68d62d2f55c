/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_POD_GROUPS_H
#define PODSG_POD_GROUPS_H

/* Which security groups a pod has, and from where. */

#include "nft-sync/model/model.h"
#include "nft-sync/resolve/resolution.h"

#define BRANCH_GROUPS_MAX 64 /* EC2 allows at most 16 on an interface */

struct group_list {
	const char *ids[BRANCH_GROUPS_MAX];
	size_t count;
	bool cut; /* there were more */
};

void group_list_add(struct group_list *list, const char *id);                  /* once */
bool group_list_equal(const struct group_list *a, const struct group_list *b); /* as sets */

struct pod_groups {
	bool has_branch; /* else the pod is none of ours, and the rest is empty */
	enum groups_origin origin;
	struct group_list groups; /* empty for GROUPS_FROM_NODE */
	struct group_list policy_groups;
	const struct network_interface *interface; /* its ENI where that is listed, or NULL */
	bool missing_service_account; /* a policy asked for its labels: it did not match */
};

/* policies are the model's, sorted. enforce_without_eni: a pod that a policy matches has a branch
 * interface without an ENI, too. */
struct pod_groups_input {
	const struct model *model;
	const struct security_group_policy *const *policies;
	size_t policy_count;
	bool enforce_without_eni;
};

/* Of a policy of the pod's namespace; looks at no more of the pod than pod_policy_groups() does.
 * *missing_service_account becomes true where it asks for labels of one that is not known. */
bool policy_matches(const struct model *model, const struct security_group_policy *policy,
                    const struct pod *pod, bool *missing_service_account);

/* The groups that the policies give it, in policy_groups, and missing_service_account; nothing of a
 * pod but its namespace, labels and service account is looked at. */
void pod_policy_groups(const struct pod_groups_input *input, const struct pod *pod,
                       struct pod_groups *ret);

void pod_groups(const struct pod_groups_input *input, const struct pod *pod,
                struct pod_groups *ret);

/* The annotation's addresses, else those of the pod's status. */
const struct prefix *pod_addresses(const struct pod *pod, size_t *count);

#endif
