/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_withheld.h"

#define GROUPS_QUOTA 5 /* of an interface, where nobody has asked EC2 for more */
#define GROUPS_LIMIT 16
#define QUOTAS "Amazon VPC User Guide, Quotas, Security groups per network interface"

static const struct check policy_group_unknown = {
	"policy-group-unknown",
	SEVERITY_ERROR,
	"policies with security groups that do not exist",
	"EC2 refuses to make the pod's ENI (InvalidSecurityGroupID.NotFound), and the pod hangs in "
	"ContainerCreating for as long as the policy says so. A policy lists ids, never names.",
	"amazon-vpc-resource-controller-k8s, event BranchAllocationFailed; EC2 API, error codes",
};

static const struct check policy_group_vpc = {
	"policy-group-vpc",
	SEVERITY_ERROR,
	"policies with security groups of another VPC",
	"A network interface may have groups of its own VPC only, and those that somebody has "
	"associated with that VPC: else EC2 refuses to make the ENI, and the pod hangs.",
	"EKS User Guide, Assign security groups to individual Pods; Amazon VPC User Guide, "
	"Associate security groups with multiple VPCs",
};

static const struct check policy_group_owner = {
	"policy-group-owner",
	SEVERITY_WARNING,
	"policies with security groups that another account owns",
	"In a shared VPC an account may use its own security groups only, and those that their "
	"owner has shared with it: else EC2 refuses to make the ENI, and the pod hangs.",
	"Amazon VPC User Guide, Share your VPC subnets with other accounts, and Share security "
	"groups with AWS Organizations",
};

static const struct check pod_groups_many = {
	"pod-groups-many",
	SEVERITY_WARNING,
	"pods with more security groups than EC2's default quota permits",
	"All policies that match a pod give it their groups. An interface may have 5 of them "
	"unless "
	"the account's quota was raised: else EC2 refuses to make the ENI, and the pod hangs.",
	QUOTAS,
};

static const struct check pod_groups_too_many = {
	"pod-groups-too-many",
	SEVERITY_ERROR,
	"pods with more security groups than any interface can have",
	"All policies that match a pod give it their groups. No quota goes beyond 16 of an "
	"interface: EC2 refuses to make the ENI, and the pod hangs.",
	QUOTAS,
};

static const struct check pod_groups_outdated = {
	"pod-groups-outdated",
	SEVERITY_WARNING,
	"pods whose ENI has other groups than their policies now say",
	"Policies and labels are looked at when the ENI is made and never again: a policy that was "
	"changed changes no pod that runs.",
	"amazon-vpc-resource-controller-k8s issue 11",
};

static const struct check *const checks[] = {
	&policy_group_unknown,
	&policy_group_vpc,
	&policy_group_owner,
	&pod_groups_many,
	&pod_groups_too_many,
	&pod_groups_outdated,
	NULL,
};

/* Where the cluster's nodes are, by what EC2 says of one of them. */
static const struct interface_facts *find_node_interface(const struct facts *facts)
{
	size_t count;
	const struct node_facts *nodes = facts_of(facts, FACT_NODE, &count);
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < nodes[i].address_count; k++) {
			const struct interface_facts *interface =
				facts_interface_at(facts, &nodes[i].addresses[k]);
			if (interface)
				return interface;
		}
	const struct interface_facts *interfaces = facts_of(facts, FACT_INTERFACE, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(interfaces[i].type, "trunk") == 0 ||
		    strcmp(interfaces[i].type, "branch") == 0)
			return &interfaces[i];
	return NULL;
}

struct place {
	const char *vpc, *account; /* of the cluster; "" = not known */
};

static struct place find_place(const struct facts *facts)
{
	const struct eks_facts *eks = facts_eks(facts);
	const struct interface_facts *interface = find_node_interface(facts);
	struct place place = {"", ""};
	if (eks)
		place.vpc = eks->vpc;
	if (interface && !place.vpc[0])
		place.vpc = interface->vpc_id;
	if (interface)
		place.account = interface->owner;
	return place;
}

/* "sg-" and 8 or 17 hexadecimal digits. */
static bool is_group_id(const char *id)
{
	size_t digits;
	if (strncmp(id, "sg-", 3) != 0)
		return false;
	digits = strspn(id + 3, "0123456789abcdef");
	return !id[3 + digits] && (digits == 8 || digits == 17);
}

/* NULL: there is none of that name. */
static const struct group_facts *find_group_called(const struct facts *facts, const char *title)
{
	size_t count;
	const struct group_facts *groups = facts_of(facts, FACT_GROUP, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(groups[i].title, title) == 0)
			return &groups[i];
	return NULL;
}

static void say_unknown(struct check_run *run, const struct policy_facts *policy, const char *id)
{
	bool is_id = is_group_id(id);
	const struct group_facts *called = is_id ? NULL : find_group_called(run->facts, id);
	struct finding *finding = check_found(
		run, &policy_group_unknown, "SecurityGroupPolicy", &policy->fact, "%s %s", id,
		is_id    ? "is not among the security groups that EC2 describes"
		: called ? "is the name of a security group, not its id"
			 : "is not the id of a security group");
	if (called)
		finding_fix(run, finding, "groupIds: [%s]    # of %s, in the policy's spec",
		            called->fact.name, id);
	else if (is_id)
		finding_fix(run, finding,
		            "aws ec2 describe-security-groups --group-ids %s    # is it there?\n"
		            "kubectl edit securitygrouppolicy %s -n %s",
		            id, policy->fact.name, policy->fact.namespace);
	else
		finding_fix(run, finding, "kubectl edit securitygrouppolicy %s -n %s    # sg-…",
		            policy->fact.name, policy->fact.namespace);
}

static void judge_existence(struct check_run *run, const struct policy_facts *policy,
                            const char *id)
{
	if (is_group_id(id) && !run->facts->known[FACT_GROUP])
		return;
	check_judged(run, &policy_group_unknown);
	if (!facts_group(run->facts, id))
		say_unknown(run, policy, id);
}

static void judge_vpc(struct check_run *run, const struct policy_facts *policy,
                      const struct group_facts *group, const struct place *place)
{
	struct finding *finding;
	if (!place->vpc[0] || !group->vpc_id[0])
		return;
	bool is_of_vpc = group_is_of_vpc(run->facts, group, place->vpc);
	if (!is_of_vpc && facts_withheld(run->facts, NEEDS_GROUP_VPCS)) {
		check_needs(run, &policy_group_vpc, NEEDS_GROUP_VPCS);
		return;
	}
	check_judged(run, &policy_group_vpc);
	if (is_of_vpc)
		return;
	finding = check_found(run, &policy_group_vpc, "SecurityGroupPolicy", &policy->fact,
	                      "%s is of %s, the cluster is in %s", group->fact.name, group->vpc_id,
	                      place->vpc);
	finding_fix(run, finding,
	            "aws ec2 associate-security-group-vpc --group-id %s --vpc-id %s    # or a "
	            "group of %s in the policy\n" NEEDS_GROUP_VPCS
	            "    # says what is associated already",
	            group->fact.name, place->vpc, place->vpc);
}

static void judge_owner(struct check_run *run, const struct policy_facts *policy,
                        const struct group_facts *group, const struct place *place)
{
	struct finding *finding;
	if (!place->account[0] || !group->owner[0])
		return;
	check_judged(run, &policy_group_owner);
	if (strcmp(group->owner, place->account) == 0)
		return;
	finding = check_found(run, &policy_group_owner, "SecurityGroupPolicy", &policy->fact,
	                      "%s is owned by account %s, the cluster's nodes by %s",
	                      group->fact.name, group->owner, place->account);
	finding_fix(run, finding,
	            "# as account %s, or a group of account %s in the policy:\n"
	            "aws ram create-resource-share --name pods --principals %s --resource-arns "
	            "arn:aws:ec2:REGION:%s:security-group/%s",
	            group->owner, place->account, place->account, group->owner, group->fact.name);
}

static void judge_policy(struct check_run *run, const struct policy_facts *policy,
                         const struct place *place)
{
	for (size_t i = 0; i < policy->policy->group_count; i++) {
		const char *id = policy->policy->groups[i];
		const struct group_facts *group = facts_group(run->facts, id);
		judge_existence(run, policy, id);
		if (!group)
			continue;
		judge_vpc(run, policy, group, place);
		judge_owner(run, policy, group, place);
	}
}

static bool gets_groups(const struct pod_facts *pod)
{
	return pod->groups.policy_count > 0 && !pod->host_network && !pod->windows &&
	       !pod->auto_mode;
}

static enum judgement judge_many(struct check_run *run, const struct pod_facts *pod, char *what)
{
	size_t count = pod->groups.policy_count;
	(void)run;
	if (!gets_groups(pod))
		return NOT_JUDGED;
	(void)snprintf(what, WHAT_MAX, "its policies give it %zu security groups", count);
	return count > GROUPS_QUOTA && count <= GROUPS_LIMIT ? JUDGED_WRONG : JUDGED_RIGHT;
}

static enum judgement judge_too_many(struct check_run *run, const struct pod_facts *pod, char *what)
{
	enum judgement judgement = judge_many(run, pod, what);
	if (judgement == NOT_JUDGED)
		return NOT_JUDGED;
	return pod->groups.policy_count > GROUPS_LIMIT ? JUDGED_WRONG : JUDGED_RIGHT;
}

static void fix_many(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	(void)pod;
	finding_fix(run, finding,
	            "# fewer groups in the policies that match it, or a higher quota:\n"
	            "aws service-quotas request-service-quota-increase --service-code vpc "
	            "--quota-code L-2AFB9258 --desired-value %zu",
	            pod->groups.policy_count);
}

static void fix_too_many(struct check_run *run, struct finding *finding,
                         const struct pod_facts *pod)
{
	fix_by_selector(run, finding, pod);
}

static bool have_same(const struct pod_facts_groups *groups)
{
	for (size_t i = 0; i < groups->count; i++)
		if (!ids_have(groups->policy_ids, groups->policy_count, groups->ids[i]))
			return false;
	return groups->count == groups->policy_count;
}

static enum judgement judge_outdated(struct check_run *run, const struct pod_facts *pod, char *what)
{
	char real[WHAT_MAX / 3], wanted[WHAT_MAX / 3];
	(void)run;
	if (!pod->groups.from_eni)
		return NOT_JUDGED;
	ids_text(pod->groups.ids, pod->groups.count, real, sizeof(real));
	ids_text(pod->groups.policy_ids, pod->groups.policy_count, wanted, sizeof(wanted));
	(void)snprintf(what, WHAT_MAX, "its ENI has %s, its policies now give %s",
	               real[0] ? real : "no groups", wanted[0] ? wanted : "none");
	return have_same(&pod->groups) ? JUDGED_RIGHT : JUDGED_WRONG;
}

/* A pod has an ENI that no document describes. */
static bool lacks_interfaces(const struct facts *facts)
{
	size_t count;
	const struct pod_facts *pods = facts_of(facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++)
		if (is_judged(facts, &pods[i]) && pods[i].pod && pods[i].pod->eni &&
		    !pods[i].groups.from_eni && !pods[i].host_network)
			return true;
	return false;
}

static void say_needs(struct check_run *run, const struct place *place)
{
	static const struct check *const of_pods[] = {&pod_groups_many, &pod_groups_too_many};
	const struct facts *facts = run->facts;
	if (!facts->known[FACT_POLICY])
		group_needs(run, &check_pod_groups, NEEDS_POLICIES);
	for (size_t i = 0; i < sizeof(of_pods) / sizeof(of_pods[0]); i++) {
		if (!facts->known[FACT_POD])
			check_needs(run, of_pods[i], NEEDS_PODS);
		if (!facts->known[FACT_TEMPLATE])
			check_needs(run, of_pods[i], NEEDS_TEMPLATES);
	}
	if (!facts->known[FACT_GROUP]) {
		check_needs(run, &policy_group_unknown, NEEDS_GROUPS);
		check_needs(run, &policy_group_vpc, NEEDS_GROUPS);
		check_needs(run, &policy_group_owner, NEEDS_GROUPS);
	}
	if (is_elsewhere(facts))
		place = NULL;
	if (place && !place->vpc[0])
		check_needs(run, &policy_group_vpc, NEEDS_EKS);
	if (place && !place->account[0])
		check_needs(run, &policy_group_owner, NEEDS_INTERFACES);
	if (!facts->known[FACT_POD])
		check_needs(run, &pod_groups_outdated, NEEDS_PODS);
	if (lacks_interfaces(facts))
		check_needs(run, &pod_groups_outdated, NEEDS_INTERFACES);
}

static void run_pod_groups(struct check_run *run)
{
	const struct place place = find_place(run->facts);
	size_t count;
	const struct policy_facts *policies = facts_of(run->facts, FACT_POLICY, &count);
	for (size_t i = 0; i < count; i++)
		if (is_policy_judged(run->facts, &policies[i]))
			judge_policy(run, &policies[i], &place);
	judge_workloads(run, &pod_groups_many, judge_many, fix_many);
	judge_workloads(run, &pod_groups_too_many, judge_too_many, fix_too_many);
	if (run->facts->known[FACT_POLICY])
		judge_pods(run, &pod_groups_outdated, judge_outdated, fix_by_restart);
	say_needs(run, &place);
}

const struct check_group check_pod_groups = {"Pods' groups", checks, run_pod_groups, false};
