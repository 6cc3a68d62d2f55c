/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_groups.h"

#define CLUSTER_TAG "kubernetes.io/cluster/"
#define TAG_MAX 160 /* of the tag with the cluster's name, which has at most 100 characters */
#define GROUPS_MAX 64

static const struct check load_balancer_tag = {
	"load-balancer-tag",
	SEVERITY_ERROR,
	"pods behind load balancers of whose groups not exactly one has the cluster's tag",
	"The AWS Load Balancer Controller admits a load balancer to its targets by a rule in one "
	"of the pod's security groups. Where there are several it takes the one with the tag "
	"kubernetes.io/cluster/NAME; where none or more than one has it, it stops with \"expected "
	"exactly one securityGroup tagged\", and the pod is never registered.",
	"EKS User Guide, Assign security groups to individual Pods; aws-load-balancer-controller "
	"issues 1897 and 2922",
};

static const struct check *const checks[] = {&load_balancer_tag, NULL};

/* The first Service that selects the pod; balanced: and by which a load balancer reaches the pod
 * itself. NULL: none does. */
static const struct service_facts *find_service(const struct facts *facts,
                                                const struct pod_facts *pod, bool balanced)
{
	const void *of_namespace;
	size_t count;
	facts_of_namespace(facts, FACT_SERVICE, pod->fact.namespace, &of_namespace, &count);
	const struct service_facts *services = of_namespace;
	for (size_t i = 0; i < count; i++)
		if ((services[i].balances_pods || !balanced) &&
		    service_selects(&services[i], pod->fact.namespace, &pod->labels))
			return &services[i];
	return NULL;
}

/* Those of the pod's groups that have the tag. False: a group is not known. */
static bool find_tagged(const struct facts *facts, const struct pod_facts *pod, const char *tag,
                        const char *ret[static GROUPS_MAX], size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < pod->groups.count; i++) {
		const struct group_facts *group = facts_group(facts, pod->groups.ids[i]);
		if (!group)
			return false;
		if (label_value(&group->tags, tag) && *count < GROUPS_MAX)
			ret[(*count)++] = pod->groups.ids[i];
	}
	return true;
}

static const char *tag_text(const struct facts *facts, char buffer[static TAG_MAX])
{
	(void)snprintf(buffer, TAG_MAX, CLUSTER_TAG "%s", facts->cluster);
	return buffer;
}

/* Nobody has to know of load balancers whose pods can't be behind one. */
static void say_missing(struct check_run *run, const struct pod_facts *pod)
{
	static const struct {
		enum fact_kind kind;
		const char *what;
	} needs[] = {
		{FACT_SERVICE, NEEDS_SERVICES},
		{FACT_TARGET_GROUP_BINDING, NEEDS_TARGET_GROUP_BINDINGS},
		{FACT_GROUP, NEEDS_GROUPS},
	};
	if (run->facts->known[FACT_SERVICE] && !find_service(run->facts, pod, false))
		return;
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (!run->facts->known[needs[i].kind])
			check_needs(run, &load_balancer_tag, needs[i].what);
	if (!run->facts->cluster[0])
		check_needs(run, &load_balancer_tag, NEEDS_EKS);
}

static enum judgement judge_tags(struct check_run *run, const struct pod_facts *pod, char *what)
{
	const char *tagged[GROUPS_MAX];
	char tag[TAG_MAX], ids[WHAT_MAX / 2];
	const struct service_facts *service;
	size_t count;
	/* Of a pod on Fargate its groups are those of its own interface as well. */
	if (!(has_groups(pod) || pod->fargate) || pod->groups.count < 2)
		return NOT_JUDGED;
	say_missing(run, pod);
	service = find_service(run->facts, pod, true);
	if (!service || !run->facts->cluster[0])
		return NOT_JUDGED;
	if (!find_tagged(run->facts, pod, tag_text(run->facts, tag), tagged, &count)) {
		check_needs(run, &load_balancer_tag, NEEDS_GROUPS);
		return NOT_JUDGED;
	}
	(void)snprintf(what, WHAT_MAX,
	               "Service %s selects it, and of its %zu groups %s%s the tag %s",
	               service->fact.name, pod->groups.count,
	               count > 0 ? ids_text(tagged, count, ids, sizeof(ids)) : "none",
	               count > 0 ? " have" : " has", tag);
	return count == 1 ? JUDGED_RIGHT : JUDGED_WRONG;
}

/* EKS gives the cluster's own group its tag back: that one keeps it. */
static const char *find_keeper(const struct facts *facts, const char *const *tagged, size_t count)
{
	const struct eks_facts *eks = facts_eks(facts);
	return eks && ids_have(tagged, count, eks->group) ? eks->group : tagged[0];
}

static void fix_tags(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	const char *tagged[GROUPS_MAX], *others[GROUPS_MAX];
	char tag[TAG_MAX], ids[WHAT_MAX / 2];
	size_t count, other_count = 0;
	(void)find_tagged(run->facts, pod, tag_text(run->facts, tag), tagged, &count);
	if (count == 0) {
		finding_fix(run, finding,
		            "aws ec2 create-tags --resources %s --tags Key=%s,Value=shared",
		            pod->groups.ids[0], tag);
		return;
	}
	const char *keeper = find_keeper(run->facts, tagged, count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(tagged[i], keeper) != 0)
			others[other_count++] = tagged[i];
	ids_text(others, other_count, ids, sizeof(ids));
	for (char *comma = ids; (comma = strchr(comma, ',')); comma++)
		*comma = ' ';
	finding_fix(run, finding, "aws ec2 delete-tags --resources %s --tags Key=%s", ids, tag);
}

static void run_load_balancers(struct check_run *run)
{
	if (!run->facts->known[FACT_POD])
		check_needs(run, &load_balancer_tag, NEEDS_PODS);
	if (!run->facts->known[FACT_POLICY])
		check_needs(run, &load_balancer_tag, NEEDS_POLICIES);
	judge_workloads(run, &load_balancer_tag, judge_tags, fix_tags);
}

const struct check_group check_load_balancers = {"Load balancers", checks, run_load_balancers,
                                                 false};
