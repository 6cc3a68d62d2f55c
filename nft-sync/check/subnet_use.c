/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <sys/socket.h>

#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/instance_types.h"
#include "nft-sync/check/subnet_use.h"

static void open_uses(struct check_run *run, struct subnet_uses *uses)
{
	const struct subnet_facts *subnets = facts_of(run->facts, FACT_SUBNET, &uses->count);
	uses->items = arena_array(run->arena, uses->count + 1, sizeof(*uses->items));
	if (!uses->items) {
		run->failed = true;
		uses->count = 0;
	}
	for (size_t i = 0; i < uses->count; i++) {
		uses->items[i].subnet = &subnets[i];
		uses->items[i].table = route_table_of(run->facts, &subnets[i]);
	}
}

/* NULL: it is not known. */
static struct subnet_use *use_of(const struct facts *facts, struct subnet_uses *uses,
                                 const struct subnet_facts *subnet)
{
	size_t ignored;
	const struct subnet_facts *first = facts_of(facts, FACT_SUBNET, &ignored);
	return subnet && uses->count > 0 ? &uses->items[subnet - first] : NULL;
}

static void count_cluster(const struct facts *facts, struct subnet_uses *uses)
{
	const struct eks_facts *cluster = facts_eks(facts);
	for (size_t i = 0; cluster && i < cluster->subnet_count; i++) {
		const struct subnet_facts *subnet = facts_subnet(facts, cluster->subnets[i]);
		struct subnet_use *use = use_of(facts, uses, subnet);
		if (use)
			use->cluster = true;
		else
			uses->strangers = true;
	}
}

static bool may_have_branches(const struct facts *facts, const struct node_facts *node)
{
	struct instance_limits limits;
	return is_vpc_cni_node(node) &&
	       (node->pod_enis > 0 ||
	        (instance_limits(facts, node->instance_type, &limits) && limits.branches > 0));
}

/* custom: pods have addresses where ENIConfigs say. */
static void count_node(const struct facts *facts, struct subnet_uses *uses,
                       const struct node_facts *node, bool custom)
{
	const struct prefix *address = node->address_count > 0 ? node->addresses : NULL;
	struct subnet_use *use;
	if (!address || !is_node_judged(facts, node))
		return;
	use = use_of(facts, uses, subnet_at(facts, address));
	if (!use) {
		uses->strangers |= node->instance_id[0] != '\0';
		return;
	}
	use->nodes++;
	if (!use->first_node)
		use->first_node = node;
	use->for_branches |= !custom && may_have_branches(facts, node);
}

static void count_nodes(const struct facts *facts, struct subnet_uses *uses)
{
	const struct cni_facts *cni = facts_cni(facts);
	size_t count;
	const struct node_facts *nodes = facts_of(facts, FACT_NODE, &count);
	for (size_t i = 0; i < count; i++)
		count_node(facts, uses, &nodes[i], cni && cni->custom_networking);
}

static void count_eni_configs(const struct facts *facts, struct subnet_uses *uses)
{
	const struct cni_facts *cni = facts_cni(facts);
	size_t count;
	const struct eni_config_facts *configs = facts_of(facts, FACT_ENI_CONFIG, &count);
	for (size_t i = 0; cni && cni->custom_networking && i < count; i++) {
		struct subnet_use *use =
			use_of(facts, uses, facts_subnet(facts, configs[i].subnet));
		if (use)
			use->for_branches = true;
		else
			uses->strangers = true;
	}
}

/* Nobody translates IPv6 addresses. */
static const struct prefix *branch_address(const struct pod_facts *pod)
{
	const struct branch_eni *eni = pod->pod ? pod->pod->eni : NULL;
	for (size_t i = 0; eni && i < eni->address_count; i++)
		if (eni->addresses[i].family == AF_INET)
			return &eni->addresses[i];
	return NULL;
}

static void count_pods(const struct facts *facts, struct subnet_uses *uses)
{
	size_t count;
	const struct pod_facts *pods = facts_of(facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++) {
		const struct prefix *address = branch_address(&pods[i]);
		struct subnet_use *use;
		if (!address || !is_judged(facts, &pods[i]))
			continue;
		use = use_of(facts, uses, subnet_at(facts, address));
		uses->strangers |= !use;
		if (use && use->pods++ == 0)
			use->first_pod = &pods[i];
	}
}

struct subnet_uses subnet_uses_of(struct check_run *run)
{
	struct subnet_uses uses = {0};
	open_uses(run, &uses);
	count_cluster(run->facts, &uses);
	count_nodes(run->facts, &uses);
	count_eni_configs(run->facts, &uses);
	count_pods(run->facts, &uses);
	return uses;
}

const char *nodes_text(const struct subnet_use *use, char buffer[static USERS_TEXT_MAX])
{
	int length = snprintf(buffer, USERS_TEXT_MAX, "%s", use->first_node->fact.name);
	if (use->nodes > 1)
		(void)snprintf(buffer + length, USERS_TEXT_MAX - (size_t)length, " and %zu more",
		               use->nodes - 1);
	return buffer;
}
