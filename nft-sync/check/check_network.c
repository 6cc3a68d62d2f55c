/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/subnet_use.h"

#define FEW_ADDRESSES 16
#define CLUSTER_ADDRESSES 6 /* of a subnet that only EKS's own interfaces are in */

static const struct check network_size = {
	"network-size",
	SEVERITY_ERROR,
	"a block of addresses of a size that EC2 does not have",
	"EC2 refuses to make such a VPC or subnet. IPv4 blocks are /16 to /28; IPv6 blocks of a "
	"VPC "
	"/44 to /60 and of a subnet /44 to /64, in steps of 4.",
	"VPC User Guide, VPC CIDR blocks and Subnet CIDR blocks",
};

static const struct check subnet_full = {
	"subnet-full",
	SEVERITY_ERROR,
	"a subnet without a free address",
	"Every branch interface takes an address of its subnet. Without one EC2 refuses it: the "
	"pod "
	"hangs in ContainerCreating with the event BranchAllocationFailed. EKS can't move its own "
	"interfaces there either, so that the cluster can't be upgraded.",
	"EKS User Guide, VPC and subnet requirements; EC2 error InsufficientFreeAddressesInSubnet",
};

static const struct check subnet_few_addresses = {
	"subnet-few-addresses",
	SEVERITY_WARNING,
	"a subnet with few free addresses",
	"Every branch interface takes an address of its subnet, and gives it back a minute after "
	"its pod is gone. A rollout needs addresses for old and new pods at once; EKS needs up to "
	"five in the cluster's subnets for an upgrade.",
	"EKS User Guide, VPC and subnet requirements",
};

static const struct check cluster_subnet_shared = {
	"cluster-subnet-shared",
	SEVERITY_INFO,
	"a cluster subnet in which nodes are, too",
	"EKS recommends small subnets (/28) for its own interfaces alone: nodes and pods can't use "
	"up the addresses then that it needs to upgrade the cluster.",
	"EKS User Guide, VPC and subnet requirements; EKS Best Practices Guide, VPC and Subnet "
	"Considerations",
};

static const struct check cluster_zones = {
	"cluster-zones",
	SEVERITY_ERROR,
	"a cluster whose subnets are all in one zone",
	"EKS wants subnets in two availability zones at least: its control plane is in both, and "
	"outlives one of them.",
	"EKS User Guide, VPC and subnet requirements",
};

static const struct check *const checks[] = {
	&network_size,          &subnet_full,   &subnet_few_addresses,
	&cluster_subnet_shared, &cluster_zones, NULL,
};

struct size_rule {
	unsigned min, max; /* lengths; IPv6's are in steps of 4 */
};

static void judge_size(struct check_run *run, const char *kind, const struct fact *object,
                       const struct prefix *prefix, const struct size_rule *ipv6)
{
	static const struct size_rule ipv4 = {16, 28};
	const struct size_rule *rule = prefix->family == AF_INET ? &ipv4 : ipv6;
	bool step = prefix->family == AF_INET || prefix->length % 4 == 0;
	char text[PREFIX_TEXT_MAX];
	struct finding *finding;
	check_judged(run, &network_size);
	if (prefix->length >= rule->min && prefix->length <= rule->max && step)
		return;
	finding = check_found(run, &network_size, kind, object, "its block %s is no /%u to /%u%s",
	                      prefix_text(prefix, text), rule->min, rule->max,
	                      prefix->family == AF_INET ? "" : " in steps of 4");
	finding_fix(run, finding, "a length from /%u to /%u in the plan: EC2 takes no other",
	            rule->min, rule->max);
}

static void judge_sizes(struct check_run *run)
{
	static const struct size_rule of_vpc = {44, 60}, of_subnet = {44, 64};
	size_t vpc_count, subnet_count;
	const struct vpc_facts *vpcs = facts_of(run->facts, FACT_VPC, &vpc_count);
	const struct subnet_facts *subnets = facts_of(run->facts, FACT_SUBNET, &subnet_count);
	if (!run->facts->known[FACT_VPC])
		check_needs(run, &network_size, NEEDS_VPCS);
	for (size_t i = 0; i < vpc_count; i++)
		for (size_t k = 0; k < vpcs[i].prefix_count; k++)
			judge_size(run, "VPC", &vpcs[i].fact, &vpcs[i].prefixes[k], &of_vpc);
	for (size_t i = 0; i < subnet_count; i++)
		for (size_t k = 0; k < subnets[i].prefix_count; k++)
			judge_size(run, "Subnet", &subnets[i].fact, &subnets[i].prefixes[k],
			           &of_subnet);
}

/* Whom the want of addresses hits. */
static const char *users_of(const struct subnet_use *use)
{
	if (use->for_branches || use->pods > 0)
		return "pods with groups";
	return use->nodes > 0 ? "nodes and pods" : "EKS's own interfaces";
}

static void fix_addresses(struct check_run *run, struct finding *finding,
                          const struct subnet_use *use)
{
	finding_fix(run, finding,
	            "aws ec2 associate-vpc-cidr-block --vpc-id %s --cidr-block 100.64.0.0/16\n"
	            "aws ec2 create-subnet --vpc-id %s --availability-zone %s --cidr-block "
	            "100.64.0.0/19    # then ENIConfigs, or nodes, there",
	            use->subnet->vpc, use->subnet->vpc,
	            use->subnet->zone[0] ? use->subnet->zone : "ZONE");
}

static void judge_addresses(struct check_run *run, const struct subnet_use *use)
{
	const struct subnet_facts *subnet = use->subnet;
	bool others = use->nodes > 0 || use->for_branches || use->pods > 0;
	int few = others ? FEW_ADDRESSES : CLUSTER_ADDRESSES;
	struct finding *finding = NULL;
	if (subnet->available < 0)
		return;
	check_judged(run, &subnet_full);
	check_judged(run, &subnet_few_addresses);
	if (subnet->available == 0)
		finding = check_found(run, &subnet_full, "Subnet", &subnet->fact,
		                      "no IPv4 address is free for %s", users_of(use));
	else if (subnet->available < few)
		finding = check_found(run, &subnet_few_addresses, "Subnet", &subnet->fact,
		                      "%d IPv4 addresses are free for %s", subnet->available,
		                      users_of(use));
	if (finding)
		fix_addresses(run, finding, use);
}

static void judge_shared(struct check_run *run, const struct subnet_use *use)
{
	char nodes[USERS_TEXT_MAX];
	if (!use->cluster)
		return;
	check_judged(run, &cluster_subnet_shared);
	if (use->nodes > 0)
		(void)check_found(run, &cluster_subnet_shared, "Subnet", &use->subnet->fact,
		                  "nodes are in it: %s", nodes_text(use, nodes));
}

static void judge_subnets(struct check_run *run)
{
	const struct subnet_uses uses = subnet_uses_of(run);
	for (size_t i = 0; i < uses.count; i++) {
		if (!is_used(&uses.items[i]))
			continue;
		judge_addresses(run, &uses.items[i]);
		judge_shared(run, &uses.items[i]);
	}
	if (uses.strangers) {
		check_needs(run, &subnet_full, NEEDS_SUBNETS);
		check_needs(run, &subnet_few_addresses, NEEDS_SUBNETS);
	}
}

static void judge_zones(struct check_run *run, const struct eks_facts *cluster)
{
	const char *zone = NULL;
	struct finding *finding;
	for (size_t i = 0; i < cluster->subnet_count; i++) {
		const struct subnet_facts *subnet = facts_subnet(run->facts, cluster->subnets[i]);
		if (!subnet) {
			check_needs(run, &cluster_zones, NEEDS_SUBNETS);
			return;
		}
		if (zone && strcmp(zone, subnet->zone) != 0) {
			check_judged(run, &cluster_zones);
			return;
		}
		zone = subnet->zone;
	}
	if (!zone || !zone[0])
		return;
	check_judged(run, &cluster_zones);
	finding = check_found(run, &cluster_zones, "Cluster", &cluster->fact,
	                      "all its subnets are in %s", zone);
	finding_fix(run, finding,
	            "aws eks update-cluster-config --name %s \\\n"
	            "    --resources-vpc-config subnetIds=%s,SUBNET    # one of another zone",
	            cluster->fact.name, cluster->subnets[0]);
}

static void run_network(struct check_run *run)
{
	const struct eks_facts *cluster = facts_eks(run->facts);
	if (is_elsewhere(run->facts))
		return;
	if (!run->facts->known[FACT_SUBNET])
		group_needs(run, &check_network, NEEDS_SUBNETS);
	if (!run->facts->known[FACT_NODE]) {
		check_needs(run, &subnet_full, NEEDS_NODES);
		check_needs(run, &subnet_few_addresses, NEEDS_NODES);
		check_needs(run, &cluster_subnet_shared, NEEDS_NODES);
	}
	if (!cluster) {
		check_needs(run, &subnet_full, NEEDS_EKS);
		check_needs(run, &subnet_few_addresses, NEEDS_EKS);
		check_needs(run, &cluster_subnet_shared, NEEDS_EKS);
		check_needs(run, &cluster_zones, NEEDS_EKS);
	}
	judge_sizes(run);
	judge_subnets(run);
	if (cluster)
		judge_zones(run, cluster);
}

const struct check_group check_network = {"Network plan", checks, run_network, false};
