/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/check/dns_peers.h"
#include "nft-sync/check/facts_endpoints.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/facts_pods.h"

#define DNS_PORT 53
#define PEERS_MAX 1024
#define DNS_NAMESPACE "kube-system"
#define DNS_LABEL "k8s-app"
#define DNS_LABEL_VALUE "kube-dns"

static bool is_dns_pod(const struct pod_facts *pod)
{
	const char *app = label_value(&pod->labels, DNS_LABEL);
	return app && strcmp(app, DNS_LABEL_VALUE) == 0 &&
	       strcmp(pod->fact.namespace, DNS_NAMESPACE) == 0 &&
	       strcmp(pod->phase, "Running") == 0;
}

/* VPC+2 is asked by this address, too; as an address of the VPC nobody here can tell it. */
static bool is_resolver_of_vpc(const struct prefix *address)
{
	static const char *const texts[] = {"169.254.169.253", "fd00:ec2::253"};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct prefix resolver;
		if (address_parse(texts[i], &resolver) == 0 && prefix_equal(&resolver, address))
			return true;
	}
	return false;
}

static void add(struct check_run *run, struct vector *peers, const struct prefix *address,
                uint16_t udp_port, uint16_t tcp_port)
{
	struct dns_peer *peer = peers->count < PEERS_MAX ? vector_push(peers) : NULL;
	if (peer)
		*peer = (struct dns_peer){
			.address = *address, .udp_port = udp_port, .tcp_port = tcp_port};
	else
		run->failed |= peers->count < PEERS_MAX;
}

static void add_configured(struct check_run *run, struct vector *peers)
{
	const struct config *config = run->facts->config;
	for (size_t i = 0; i < config->dns.cluster_server_count; i++)
		add(run, peers, &config->dns.cluster_servers[i], DNS_PORT, DNS_PORT);
}

static void add_slices(struct check_run *run, struct vector *peers)
{
	const struct cluster_dns *const *dns;
	size_t count;
	if (model_cluster_dns(run->facts->model, &dns, &count) < 0) {
		run->failed = true;
		return;
	}
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; dns[i]->endpoints && k < dns[i]->address_count; k++)
			add(run, peers, &dns[i]->addresses[k], dns[i]->udp_port, dns[i]->tcp_port);
}

static void add_endpoints(struct check_run *run, struct vector *peers)
{
	const struct dns_endpoints_facts *endpoints = facts_dns_endpoints(run->facts);
	for (size_t i = 0; endpoints && i < endpoints->address_count; i++)
		add(run, peers, &endpoints->addresses[i],
		    endpoints->udp_port ? endpoints->udp_port : DNS_PORT,
		    endpoints->tcp_port ? endpoints->tcp_port : DNS_PORT);
}

static void add_pods(struct check_run *run, struct vector *peers)
{
	size_t count;
	const struct pod_facts *pods = facts_of(run->facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++)
		if (is_dns_pod(&pods[i]) && pods[i].pod && pods[i].pod->address_count > 0)
			add(run, peers, &pods[i].pod->addresses[0], DNS_PORT, DNS_PORT);
}

static bool has_address(const struct pod_facts *pod, const struct prefix *address)
{
	if (!pod->pod || pod->pod->finished)
		return false;
	for (size_t i = 0; i < pod->pod->address_count; i++)
		if (prefix_equal(&pod->pod->addresses[i], address))
			return true;
	return false;
}

static const struct pod_facts *pod_at(const struct facts *facts, const struct prefix *address)
{
	size_t count;
	const struct pod_facts *pods = facts_of(facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++)
		if (has_address(&pods[i], address))
			return &pods[i];
	return NULL;
}

/* EC2 knows best; else it is the pod's own groups, or its node's. */
static void find_groups(const struct facts *facts, struct dns_peer *peer)
{
	const struct network_interface *interface =
		model_interface_at(facts->model, &peer->address);
	const struct pod_facts *pod = interface ? NULL : pod_at(facts, &peer->address);
	if (interface) {
		peer->groups = (const char *const *)interface->groups;
		peer->group_count = interface->group_count;
	} else if (pod && has_groups(pod)) {
		peer->groups = (const char *const *)pod->groups.ids;
		peer->group_count = pod->groups.count;
	} else if (pod) {
		const struct node_groups groups = facts_node_groups(facts, pod->node);
		peer->groups = groups.ids;
		peer->group_count = groups.count;
	}
}

static bool drop_unfiltered(struct vector *peers)
{
	struct dns_peer *items = peers->items;
	size_t kept = 0, count = peers->count;
	for (size_t i = 0; i < count; i++)
		if (!is_resolver_of_vpc(&items[i].address))
			items[kept++] = items[i];
	peers->count = kept;
	return kept < count;
}

struct dns_peers dns_peers_of(struct check_run *run, bool *ret_unfiltered)
{
	static void (*const sources[])(struct check_run * run, struct vector * peers) = {
		add_configured, add_slices, add_endpoints, add_pods};
	struct vector peers = {.item_size = sizeof(struct dns_peer)};
	struct dns_peers ret = {0};
	struct dns_peer *items;
	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && peers.count == 0; i++)
		sources[i](run, &peers);
	*ret_unfiltered = drop_unfiltered(&peers);
	items = peers.items;
	for (size_t i = 0; i < peers.count; i++)
		find_groups(run->facts, &items[i]);
	if (vector_move(&peers, run->arena, &ret.items, &ret.count) < 0) {
		run->failed = true;
		ret = (struct dns_peers){0};
	}
	vector_done(&peers);
	return ret;
}
