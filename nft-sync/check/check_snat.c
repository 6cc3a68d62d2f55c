/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/subnet_use.h"
#include "nft-sync/check/pod_bundles.h"

static const struct check no_way_to_internet = {
	"no-way-to-internet",
	SEVERITY_WARNING,
	"pods with groups in a public subnet, with addresses that nobody translates",
	"In strict mode, and where source NAT is left to others, a pod with groups sends with its "
	"own private address. An internet gateway lets only public addresses through, and a branch "
	"interface has none: the pod's connections to the internet time out.",
	"EKS User Guide, Security groups for Pods, considerations (private subnets, NAT gateway)",
};

static const struct check internet_egress_by_node_groups = {
	"internet-egress-by-node-groups",
	SEVERITY_INFO,
	"pods whose packets to the internet EC2 judges by the node's groups",
	"In standard mode the VPC CNI gives packets that leave the VPC the node's own address, and "
	"sends them by the node's own interface: EC2 sees no pod. podsg judges them on the node, "
	"by "
	"the pod's groups and by the node's.",
	"amazon-vpc-cni-k8s, README (POD_SECURITY_GROUP_ENFORCING_MODE, "
	"AWS_VPC_K8S_CNI_EXTERNALSNAT)",
};

static const struct check excluded_from_snat = {
	"excluded-from-snat",
	SEVERITY_INFO,
	"destinations outside the VPC for which there is no source NAT",
	"Packets to them keep the pod's address and leave by its branch interface: its own groups "
	"hold, and the way back has to know the address. With external source NAT the list has no "
	"effect.",
	"amazon-vpc-cni-k8s, README (AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS)",
};

static const struct check eni_config_groups = {
	"eni-config-groups",
	SEVERITY_INFO,
	"groups of an ENIConfig that do not hold for pods with groups",
	"With custom networking pods have the groups of their node's ENIConfig, except those that "
	"a SecurityGroupPolicy matches: these have the policy's groups and none of the "
	"ENIConfig's.",
	"EKS User Guide, Security groups for Pods, considerations (custom networking)",
};

static const struct check *const checks[] = {
	&no_way_to_internet,
	&internet_egress_by_node_groups,
	&excluded_from_snat,
	&eni_config_groups,
	NULL,
};

static bool excludes_all(const struct cni_facts *cni)
{
	for (size_t i = 0; i < cni->excluded_count; i++)
		if (cni->excluded[i].length == 0)
			return true;
	return false;
}

/* Pods with groups send to the internet with their own addresses. */
static bool keeps_addresses(const struct cni_facts *cni)
{
	return cni->mode == MODE_STRICT || cni->external_snat || excludes_all(cni);
}

/* A subnet of the same zone from which private addresses get out. NULL: none is known. */
static const char *find_private(const struct subnet_uses *uses, const struct subnet_use *than)
{
	for (size_t i = 0; i < uses->count; i++) {
		const struct subnet_use *use = &uses->items[i];
		if (strcmp(use->subnet->vpc, than->subnet->vpc) == 0 &&
		    strcmp(use->subnet->zone, than->subnet->zone) == 0 && use->table &&
		    use->table->gateway[0] && !is_public(use->table))
			return use->subnet->fact.name;
	}
	return NULL;
}

static void fix_public(struct check_run *run, struct finding *finding,
                       const struct subnet_uses *uses, const struct subnet_use *use)
{
	const struct eks_facts *cluster = facts_eks(run->facts);
	const char *other = find_private(uses, use);
	finding_fix(
		run, finding,
		"aws eks create-nodegroup --cluster-name %s --nodegroup-name NAME \\\n"
		"    --subnets %s --node-role ARN    # one whose default route is a NAT gateway\n"
		"kubectl set env daemonset aws-node -n kube-system "
		"POD_SECURITY_GROUP_ENFORCING_MODE=standard \\\n"
		"    AWS_VPC_K8S_CNI_EXTERNALSNAT=false    # or this, and new pods",
		cluster ? cluster->fact.name : "CLUSTER", other ? other : "SUBNET");
}

#define SENDERS_TEXT_MAX 640

/* Who has addresses there, or will have. */
static const char *senders_text(const struct subnet_use *use, char buffer[static SENDERS_TEXT_MAX])
{
	const struct pod_facts *pod = use->first_pod;
	if (use->pods > 1)
		(void)snprintf(buffer, SENDERS_TEXT_MAX, "pods %s/%s and %zu more have",
		               pod->fact.namespace, pod->fact.name, use->pods - 1);
	else if (use->pods == 1)
		(void)snprintf(buffer, SENDERS_TEXT_MAX, "pod %s/%s has", pod->fact.namespace,
		               pod->fact.name);
	else
		(void)snprintf(buffer, SENDERS_TEXT_MAX, "pods with groups will have");
	return buffer;
}

static void judge_subnet(struct check_run *run, const struct subnet_uses *uses,
                         const struct subnet_use *use)
{
	struct finding *finding;
	char who[SENDERS_TEXT_MAX];
	if (!use->for_branches && use->pods == 0)
		return;
	if (!use->table) {
		check_needs(run, &no_way_to_internet, NEEDS_ROUTE_TABLES);
		return;
	}
	check_judged(run, &no_way_to_internet);
	if (!is_public(use->table))
		return;
	(void)senders_text(use, who);
	finding = check_found(run, &no_way_to_internet, "Subnet", &use->subnet->fact,
	                      "its way to the internet is %s (%s), for public addresses only; %s "
	                      "private addresses in it that are not translated",
	                      use->table->gateway, use->table->fact.name, who);
	fix_public(run, finding, uses, use);
}

/* cni: NULL = not known. */
static void need_ways(struct check_run *run, const struct cni_facts *cni)
{
	if (cni && cni->custom_networking && !run->facts->known[FACT_ENI_CONFIG])
		check_needs(run, &no_way_to_internet, NEEDS_ENI_CONFIGS);
	if (!run->facts->known[FACT_SUBNET])
		check_needs(run, &no_way_to_internet, NEEDS_SUBNETS);
	if (!run->facts->known[FACT_ROUTE_TABLE])
		check_needs(run, &no_way_to_internet, NEEDS_ROUTE_TABLES);
	if (!run->facts->known[FACT_NODE])
		check_needs(run, &no_way_to_internet, NEEDS_NODES);
}

static void judge_subnets(struct check_run *run, const struct cni_facts *cni)
{
	struct subnet_uses uses;
	/* Nobody translates IPv6 addresses, and an internet gateway lets them through. */
	if (!keeps_addresses(cni) || facts_ipv6(run->facts)) {
		check_judged(run, &no_way_to_internet);
		return;
	}
	need_ways(run, cni);
	uses = subnet_uses_of(run);
	if (uses.strangers)
		check_needs(run, &no_way_to_internet, NEEDS_SUBNETS);
	for (size_t i = 0; i < uses.count; i++)
		judge_subnet(run, &uses, &uses.items[i]);
}

static bool any_has_groups(const struct facts *facts, enum fact_kind kind)
{
	size_t count;
	const struct pod_facts *pods = facts_of(facts, kind, &count);
	for (size_t i = 0; i < count; i++)
		if (is_judged(facts, &pods[i]) && has_groups(&pods[i]))
			return true;
	return false;
}

static void judge_egress(struct check_run *run, const struct cni_facts *cni)
{
	struct finding *finding;
	check_judged(run, &internet_egress_by_node_groups);
	if (keeps_addresses(cni) || !cni->pod_eni || facts_ipv6(run->facts))
		return;
	finding = check_found(run, &internet_egress_by_node_groups, "DaemonSet", &cni->fact,
	                      "mode standard without external source NAT: EC2 judges packets of "
	                      "pods with groups that leave the VPC by their node's groups");
	finding_fix(run, finding,
	            "kubectl set env daemonset aws-node -n kube-system "
	            "AWS_VPC_K8S_CNI_EXTERNALSNAT=true    # where subnets have a NAT gateway");
}

static void judge_excluded(struct check_run *run, const struct cni_facts *cni)
{
	char prefix[PREFIX_TEXT_MAX];
	check_judged(run, &excluded_from_snat);
	for (size_t i = 0;
	     i < cni->excluded_count && cni->mode == MODE_STANDARD && !facts_ipv6(run->facts);
	     i++) {
		(void)prefix_text(&cni->excluded[i], prefix);
		if (cni->external_snat)
			(void)check_found(run, &excluded_from_snat, "DaemonSet", &cni->fact,
			                  "%s is excluded from source NAT, which is left to others "
			                  "altogether",
			                  prefix);
		else
			(void)check_found(run, &excluded_from_snat, "DaemonSet", &cni->fact,
			                  "EC2 judges packets of pods with groups to %s by the "
			                  "pods' groups",
			                  prefix);
	}
}

static void judge_eni_configs(struct check_run *run, const struct cni_facts *cni)
{
	char text[WHAT_MAX / 2];
	size_t count;
	const struct eni_config_facts *configs = facts_of(run->facts, FACT_ENI_CONFIG, &count);
	if (!cni->custom_networking)
		return;
	if (!run->facts->known[FACT_ENI_CONFIG])
		check_needs(run, &eni_config_groups, NEEDS_ENI_CONFIGS);
	for (size_t i = 0; i < count; i++) {
		const struct eni_config_facts *config = &configs[i];
		check_judged(run, &eni_config_groups);
		if (config->group_count > 0)
			(void)check_found(run, &eni_config_groups, "ENIConfig", &config->fact,
			                  "its groups (%s) are not those of pods that a "
			                  "SecurityGroupPolicy matches",
			                  ids_text((const char *const *)config->groups,
			                           config->group_count, text, sizeof(text)));
	}
}

static void run_snat(struct check_run *run)
{
	const struct cni_facts *cni = facts_cni(run->facts);
	if (is_elsewhere(run->facts) || facts_other_cni(run->facts))
		return;
	if (!cni) {
		group_needs(run, &check_snat, NEEDS_CNI);
		need_ways(run, NULL);
	}
	if (!run->facts->known[FACT_POD])
		group_needs(run, &check_snat, NEEDS_PODS);
	if (!run->facts->known[FACT_POLICY])
		group_needs(run, &check_snat, NEEDS_POLICIES);
	if (!cni ||
	    !(any_has_groups(run->facts, FACT_POD) || any_has_groups(run->facts, FACT_TEMPLATE)))
		return;
	judge_subnets(run, cni);
	judge_egress(run, cni);
	judge_excluded(run, cni);
	judge_eni_configs(run, cni);
}

const struct check_group check_snat = {"Source NAT", checks, run_snat, false};
