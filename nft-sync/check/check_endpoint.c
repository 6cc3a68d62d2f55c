/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/subnet_use.h"

static const struct check endpoint_no_way = {
	"endpoint-no-way",
	SEVERITY_ERROR,
	"nodes that can't reach the API server",
	"Without a private endpoint the API server is on the internet only. Nodes of a subnet that "
	"has no way there never join the cluster, and the VPC CNI on them hands out no address.",
	"EKS User Guide, Cluster API server endpoint",
};

static const struct check endpoint_restricted = {
	"endpoint-restricted",
	SEVERITY_WARNING,
	"an API server that nodes reach from public addresses on a list",
	"Without a private endpoint nodes come to the API server with the public address of their "
	"NAT gateway, or with their own. One that is not on the list, such as a new NAT gateway's, "
	"cuts its nodes off.",
	"EKS User Guide, Cluster API server endpoint; EKS API Reference, VpcConfigResponse",
};

static const struct check endpoint_dns = {
	"endpoint-dns",
	SEVERITY_ERROR,
	"a private endpoint whose name does not resolve to private addresses",
	"The private endpoint is a private hosted zone of the VPC, which is asked only where the "
	"VPC "
	"has both enableDnsSupport and enableDnsHostnames on: without them nodes resolve the name "
	"to public addresses, or not at all.",
	"EKS User Guide, Cluster API server endpoint; VPC User Guide, DNS attributes",
};

static const struct check endpoint_private_only = {
	"endpoint-private-only",
	SEVERITY_INFO,
	"a private endpoint to which no private way leads",
	"kubectl and pipelines outside the VPC reach a private endpoint by a VPN, a peering or a "
	"transit gateway only. Without one there is only what runs inside the VPC.",
	"EKS User Guide, Cluster API server endpoint, accessing a private only API server",
};

static const struct check *const checks[] = {
	&endpoint_no_way, &endpoint_restricted, &endpoint_dns, &endpoint_private_only, NULL,
};

static void fix_by_private_access(struct check_run *run, struct finding *finding,
                                  const struct eks_facts *cluster)
{
	finding_fix(run, finding,
	            "aws eks update-cluster-config --name %s \\\n"
	            "    --resources-vpc-config endpointPrivateAccess=true",
	            cluster->fact.name);
}

static bool has_way(const struct subnet_use *use, const struct eks_facts *cluster)
{
	if (cluster->ipv6 && use->table->gateway_v6[0])
		return true;
	if (is_public(use->table))
		return use->subnet->public_ips || use->first_node->public_address;
	return use->table->gateway[0];
}

static void judge_subnet(struct check_run *run, const struct eks_facts *cluster,
                         const struct subnet_use *use)
{
	struct finding *finding;
	char nodes[USERS_TEXT_MAX];
	if (use->nodes == 0)
		return;
	if (!use->table) {
		check_needs(run, &endpoint_no_way, NEEDS_ROUTE_TABLES);
		return;
	}
	check_judged(run, &endpoint_no_way);
	if (has_way(use, cluster))
		return;
	finding = check_found(run, &endpoint_no_way, "Subnet", &use->subnet->fact,
	                      "its nodes, %s, have no way to the internet (%s)",
	                      nodes_text(use, nodes),
	                      is_public(use->table) ? "no public address" : "no default route");
	fix_by_private_access(run, finding, cluster);
}

static void judge_ways(struct check_run *run, const struct eks_facts *cluster)
{
	struct subnet_uses uses;
	if (cluster->private_access) {
		check_judged(run, &endpoint_no_way);
		return;
	}
	if (!run->facts->known[FACT_NODE])
		check_needs(run, &endpoint_no_way, NEEDS_NODES);
	if (!run->facts->known[FACT_SUBNET])
		check_needs(run, &endpoint_no_way, NEEDS_SUBNETS);
	uses = subnet_uses_of(run);
	for (size_t i = 0; i < uses.count; i++)
		judge_subnet(run, cluster, &uses.items[i]);
}

static bool is_open(const struct eks_facts *cluster)
{
	for (size_t i = 0; i < cluster->public_prefix_count; i++)
		if (cluster->public_prefixes[i].length == 0)
			return true;
	return cluster->public_prefix_count == 0;
}

static void judge_restriction(struct check_run *run, const struct eks_facts *cluster)
{
	char prefix[PREFIX_TEXT_MAX];
	size_t more = cluster->public_prefix_count - 1;
	struct finding *finding;
	check_judged(run, &endpoint_restricted);
	if (cluster->private_access || !cluster->public_access || is_open(cluster))
		return;
	finding = check_found(run, &endpoint_restricted, "Cluster", &cluster->fact,
	                      "its nodes have to come from %s%s, and there is no private endpoint",
	                      prefix_text(&cluster->public_prefixes[0], prefix),
	                      more > 0 ? " or another of its public access CIDRs" : "");
	fix_by_private_access(run, finding, cluster);
}

static void judge_attribute(struct check_run *run, const struct eks_facts *cluster,
                            const char *attribute, const char *option, const char *needs)
{
	const struct vpc_attribute_facts *known =
		facts_find(run->facts, FACT_VPC_ATTRIBUTE, attribute, cluster->vpc);
	struct finding *finding;
	struct fact vpc;
	if (!known) {
		check_needs(run, &endpoint_dns, needs);
		return;
	}
	check_judged(run, &endpoint_dns);
	if (known->on)
		return;
	vpc = known->fact;
	vpc.namespace = "";
	finding = check_found(run, &endpoint_dns, "VPC", &vpc, "%s is off", attribute);
	finding_fix(run, finding, "aws ec2 modify-vpc-attribute --vpc-id %s --%s", cluster->vpc,
	            option);
}

static void judge_dns(struct check_run *run, const struct eks_facts *cluster)
{
	if (!cluster->private_access) {
		check_judged(run, &endpoint_dns);
		return;
	}
	judge_attribute(run, cluster, "enableDnsSupport", "enable-dns-support",
	                NEEDS_VPC_DNS_SUPPORT);
	judge_attribute(run, cluster, "enableDnsHostnames", "enable-dns-hostnames",
	                NEEDS_VPC_DNS_HOSTNAMES);
}

static bool any_leads_elsewhere(const struct facts *facts, const char *vpc)
{
	size_t count;
	const struct route_table_facts *tables = facts_of(facts, FACT_ROUTE_TABLE, &count);
	for (size_t i = 0; i < count; i++)
		if (tables[i].leads_elsewhere && strcmp(tables[i].vpc, vpc) == 0)
			return true;
	return false;
}

static void judge_private_way(struct check_run *run, const struct eks_facts *cluster)
{
	struct finding *finding;
	if (!cluster->public_access && !run->facts->known[FACT_ROUTE_TABLE]) {
		check_needs(run, &endpoint_private_only, NEEDS_ROUTE_TABLES);
		return;
	}
	check_judged(run, &endpoint_private_only);
	if (cluster->public_access || any_leads_elsewhere(run->facts, cluster->vpc))
		return;
	finding =
		check_found(run, &endpoint_private_only, "Cluster", &cluster->fact,
	                    "its endpoint is private, and no route of %s leads to another network",
	                    cluster->vpc);
	finding_fix(run, finding,
	            "aws eks update-cluster-config --name %s \\\n"
	            "    --resources-vpc-config "
	            "endpointPublicAccess=true,publicAccessCidrs=YOUR-ADDRESS/32    # or a VPN",
	            cluster->fact.name);
}

static void run_endpoint(struct check_run *run)
{
	const struct eks_facts *cluster = facts_eks(run->facts);
	if (!cluster) {
		if (is_elsewhere(run->facts))
			return;
		group_needs(run, &check_endpoint, NEEDS_EKS);
		return;
	}
	judge_ways(run, cluster);
	judge_restriction(run, cluster);
	judge_dns(run, cluster);
	judge_private_way(run, cluster);
}

const struct check_group check_endpoint = {"API server endpoint", checks, run_endpoint, false};
