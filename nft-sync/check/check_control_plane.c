/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/check/rule_commands.h"
#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_eks.h"
#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_pods.h"
#include "nft-sync/check/facts_vpc.h"

#define KUBELET_PORT 10250
#define API_SERVER_PORT 443
#define DNS_PORT 53

static const struct check control_plane_to_nodes = {
	"control-plane-to-nodes",
	SEVERITY_ERROR,
	"groups that keep the control plane from the nodes' kubelets",
	"The API server asks kubelet at TCP 10250 for logs, exec, attach and metrics. Without a "
	"rule "
	"on both sides these time out; pods run, and nobody can look into them.",
	"EKS User Guide, Security group requirements, restricting cluster traffic",
};

static const struct check nodes_to_control_plane = {
	"nodes-to-control-plane",
	SEVERITY_ERROR,
	"groups that keep nodes from the API server",
	"kubelet, kube-proxy and the VPC CNI ask the API server at TCP 443 of its interfaces in "
	"the "
	"VPC. Without a rule on both sides nodes never join, or turn NotReady.",
	"EKS User Guide, Security group requirements, restricting cluster traffic",
};

static const struct check nodes_to_dns = {
	"nodes-to-dns",
	SEVERITY_ERROR,
	"groups that keep pods of one node from the cluster's DNS on another",
	"Pods without groups of their own, CoreDNS mostly among them, send and receive by the "
	"groups of their node. Without UDP and TCP 53 between these, names resolve on some nodes "
	"and not on others.",
	"EKS User Guide, Security group requirements, restricting cluster traffic",
};

static const struct check *const checks[] = {&control_plane_to_nodes, &nodes_to_control_plane,
                                             &nodes_to_dns, NULL};

/* Those at one end of a way: all have the same groups. */
struct side {
	const char *name; /* "the control plane" */
	const char *const *groups;
	size_t group_count;
	const struct prefix *const *addresses; /* an element may be NULL: not known */
	size_t address_count;
};

/* A node, and what it is sorted by. */
struct grouped_node {
	const struct node_facts *node;
	struct node_groups groups;
	bool serves_dns;
};

struct grouped_nodes {
	struct grouped_node *items; /* sorted by groups */
	const struct prefix **addresses;
	size_t count;
};

static int compare_lists(const struct node_groups *a, const struct node_groups *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++) {
		int order = strcmp(a->ids[i], b->ids[i]);
		if (order)
			return order;
	}
	return (a->count > b->count) - (a->count < b->count);
}

static int compare_grouped(const void *a, const void *b)
{
	const struct grouped_node *left = a, *right = b;
	int order = compare_lists(&left->groups, &right->groups);
	return order ? order : strcmp(left->node->fact.name, right->node->fact.name);
}

static void add_node(struct check_run *run, struct grouped_nodes *nodes,
                     const struct node_facts *node)
{
	const struct grouped_node grouped = {
		.node = node, .groups = facts_node_groups(run->facts, node->fact.name)};
	if (!node->instance_id[0])
		return;
	if (grouped.groups.count == 0)
		group_needs(run, &check_control_plane, NEEDS_INTERFACES);
	else
		nodes->items[nodes->count++] = grouped;
}

static struct grouped_nodes grouped_nodes_of(struct check_run *run)
{
	struct grouped_nodes ret = {0};
	size_t count;
	const struct node_facts *nodes = facts_of(run->facts, FACT_NODE, &count);
	ret.items = arena_array(run->arena, count + 1, sizeof(*ret.items));
	ret.addresses = arena_array(run->arena, count + 1, sizeof(*ret.addresses));
	if (!ret.items || !ret.addresses) {
		run->failed = true;
		return ret;
	}
	for (size_t i = 0; i < count; i++)
		add_node(run, &ret, &nodes[i]);
	qsort(ret.items, ret.count, sizeof(*ret.items), compare_grouped);
	for (size_t i = 0; i < ret.count; i++)
		if (ret.items[i].node->address_count > 0)
			ret.addresses[i] = ret.items[i].node->addresses;
	return ret;
}

/* The nodes from i on that have the same groups. */
static struct side side_at(const struct grouped_nodes *nodes, size_t i)
{
	const struct node_groups *groups = &nodes->items[i].groups;
	struct side side = {"nodes", groups->ids, groups->count, &nodes->addresses[i], 1};
	while (i + side.address_count < nodes->count &&
	       compare_lists(groups, &nodes->items[i + side.address_count].groups) == 0)
		side.address_count++;
	return side;
}

static const char **control_plane_groups(struct check_run *run, const struct eks_facts *cluster,
                                         size_t *count)
{
	const char **groups = arena_array(run->arena, cluster->group_count + 1, sizeof(*groups));
	*count = 0;
	if (!groups)
		return NULL;
	if (cluster->group[0])
		groups[(*count)++] = cluster->group;
	for (size_t i = 0; i < cluster->group_count; i++)
		groups[(*count)++] = cluster->groups[i];
	return groups;
}

/* EKS makes its interfaces anew now and then: they may have any address of the cluster's subnets.
 */
static struct side control_plane_side(struct check_run *run, const struct eks_facts *cluster)
{
	struct side side = {.name = "the control plane"};
	const struct prefix **addresses =
		arena_array(run->arena, cluster->subnet_count + 1, sizeof(const struct prefix *));
	side.groups = control_plane_groups(run, cluster, &side.group_count);
	side.addresses = addresses;
	if (!addresses || !side.groups) {
		run->failed = true;
		return (struct side){0};
	}
	for (size_t i = 0; i < cluster->subnet_count; i++) {
		const struct subnet_facts *subnet = facts_subnet(run->facts, cluster->subnets[i]);
		if (subnet)
			addresses[side.address_count++] =
				subnet_prefix(subnet, cluster->ipv6 ? AF_INET6 : AF_INET);
	}
	if (side.address_count == 0)
		side.address_count = 1;
	return side;
}

/* To or from each of them; one who is refused counts, then one of whom it is not known. */
static struct admission ask(struct admission_question *question, const struct side *peer)
{
	struct admission ret = {ADMITTED, NULL};
	question->peer_groups = peer->groups;
	question->peer_group_count = peer->group_count;
	for (size_t i = 0; i < peer->address_count; i++) {
		struct admission one;
		question->peer_address = peer->addresses[i];
		one = admission_of(question);
		if (one.answer == REFUSED)
			return one;
		if (one.answer == ADMISSION_UNKNOWN)
			ret = one;
	}
	return ret;
}

static void judge_direction(struct check_run *run, const struct check *check,
                            struct admission_question *question, const struct side *peer)
{
	struct admission admission = ask(question, peer);
	const struct group_facts *group = facts_group(run->facts, question->groups[0]);
	bool in = question->direction == DIRECTION_INGRESS;
	char groups[WHAT_MAX / 4], peer_groups[WHAT_MAX / 4], fix[ADMIT_TEXT_MAX];
	struct finding *finding;
	if (admission.answer == ADMISSION_UNKNOWN)
		check_needs(run, check, admission.needs ? admission.needs : NEEDS_SUBNETS);
	if (admission.answer != REFUSED || !group)
		return;
	finding = check_found(
		run, check, "SecurityGroup", &group->fact, "no rule of %s lets %s %u %s %s (%s)",
		ids_text(question->groups, question->group_count, groups, sizeof(groups)),
		admission_protocol(question->protocol), question->port, in ? "in from" : "out to",
		peer->name,
		ids_text(peer->groups, peer->group_count, peer_groups, sizeof(peer_groups)));
	finding_fix(run, finding, "%s", admit_text(question, fix));
}

static void judge_way(struct check_run *run, const struct check *check, uint8_t protocol,
                      uint16_t port, const struct side *from, const struct side *to)
{
	struct admission_question out = {.facts = run->facts,
	                                 .direction = DIRECTION_EGRESS,
	                                 .groups = from->groups,
	                                 .group_count = from->group_count,
	                                 .protocol = protocol,
	                                 .port = port,
	                                 .peer_groups_known = true};
	struct admission_question in = out;
	in.direction = DIRECTION_INGRESS;
	in.groups = to->groups;
	in.group_count = to->group_count;
	check_judged(run, check);
	judge_direction(run, check, &out, to);
	judge_direction(run, check, &in, from);
}

static void judge_control_plane(struct check_run *run, const struct eks_facts *cluster,
                                const struct grouped_nodes *nodes)
{
	const struct side plane = control_plane_side(run, cluster);
	struct side side;
	if (plane.group_count == 0)
		return;
	for (size_t i = 0; i < nodes->count; i += side.address_count) {
		side = side_at(nodes, i);
		judge_way(run, &control_plane_to_nodes, IPPROTO_TCP, KUBELET_PORT, &plane, &side);
		judge_way(run, &nodes_to_control_plane, IPPROTO_TCP, API_SERVER_PORT, &side,
		          &plane);
	}
}

static bool is_dns_server(const struct pod_facts *pod)
{
	const char *app = label_value(&pod->labels, "k8s-app");
	return app && strcmp(app, "kube-dns") == 0 &&
	       strcmp(pod->fact.namespace, "kube-system") == 0 && !is_finished(pod) &&
	       !has_groups(pod);
}

/* Which of the nodes have a DNS server on them that goes by their groups. */
static void find_servers(const struct facts *facts, struct grouped_nodes *nodes)
{
	size_t count;
	const struct pod_facts *pods = facts_of(facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++) {
		if (!is_dns_server(&pods[i]))
			continue;
		for (size_t k = 0; k < nodes->count; k++)
			if (strcmp(nodes->items[k].node->fact.name, pods[i].node) == 0)
				nodes->items[k].serves_dns = true;
	}
}

static bool has_server(const struct grouped_nodes *nodes, size_t i, const struct side *side)
{
	for (size_t k = i; k < i + side->address_count; k++)
		if (nodes->items[k].serves_dns)
			return true;
	return false;
}

static void judge_dns(struct check_run *run, const struct grouped_nodes *nodes)
{
	struct side server, side;
	for (size_t i = 0; i < nodes->count; i += server.address_count) {
		server = side_at(nodes, i);
		if (!has_server(nodes, i, &server))
			continue;
		for (size_t k = 0; k < nodes->count; k += side.address_count) {
			side = side_at(nodes, k);
			judge_way(run, &nodes_to_dns, IPPROTO_UDP, DNS_PORT, &side, &server);
			judge_way(run, &nodes_to_dns, IPPROTO_TCP, DNS_PORT, &side, &server);
		}
	}
}

static void run_control_plane(struct check_run *run)
{
	const struct eks_facts *cluster = facts_eks(run->facts);
	struct grouped_nodes nodes;
	if (is_elsewhere(run->facts))
		return;
	if (!run->facts->known[FACT_NODE])
		group_needs(run, &check_control_plane, NEEDS_NODES);
	if (!run->facts->known[FACT_POD])
		check_needs(run, &nodes_to_dns, NEEDS_PODS);
	if (!cluster) {
		check_needs(run, &control_plane_to_nodes, NEEDS_EKS);
		check_needs(run, &nodes_to_control_plane, NEEDS_EKS);
	}
	nodes = grouped_nodes_of(run);
	if (cluster)
		judge_control_plane(run, cluster, &nodes);
	find_servers(run->facts, &nodes);
	judge_dns(run, &nodes);
}

const struct check_group check_control_plane = {"Control plane and nodes", checks,
                                                run_control_plane, false};
