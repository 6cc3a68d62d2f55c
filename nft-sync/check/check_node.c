/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/check/check_node.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/resolve/interface_name.h"

static const struct check *const checks[] = {
	&node_plugin_last,
	&node_plugin_missing,
	&node_rp_filter,
	&node_early_demux,
	&node_forwarding,
	&node_kernel,
	&node_table_owner,
	&node_nft_old,
	&node_nft_ifname,
	&node_flush_ruleset,
	&node_firewalld,
	&node_repairs,
	&node_ipvs_strict,
	&node_leftovers,
	&node_mode_pinned,
	&node_veth_prefix,
	NULL,
};

struct fact node_fact(const struct node_run *node, const char *file)
{
	return (struct fact){.namespace = "",
	                     .name = node->run->facts->config->node.name,
	                     .file = node_text(node, file)};
}

const char *node_text(const struct node_run *node, const char *text)
{
	const char *kept = arena_strdup(node->run->arena, text);
	if (!kept)
		node->run->failed = true;
	return kept ? kept : "";
}

static bool has_link(const struct node_run *node, const char *prefix, const struct pod_facts *pod)
{
	char name[16];
	interface_name(prefix, pod->fact.namespace, pod->fact.name, name);
	return !node->sight.network_error.code && network_link_named(&node->sight.network, name);
}

enum mode node_mode(const struct node_run *node)
{
	const struct cni_facts *cni = facts_cni(node->run->facts);
	return cni ? cni->mode : node->run->facts->config->enforcing_mode;
}

const char *node_veth(const struct node_run *node)
{
	const struct cni_facts *cni = facts_cni(node->run->facts);
	return cni ? cni->veth_prefix : node->run->facts->config->veth_prefix;
}

bool node_pinned_mode(const struct node_run *node, const struct pod_facts *pod, enum mode *ret)
{
	bool strict = has_link(node, STRICT_PREFIX, pod);
	if (!strict && !has_link(node, node_veth(node), pod))
		return false;
	*ret = strict ? MODE_STRICT : MODE_STANDARD;
	return true;
}

/* A pod keeps the mode that its interface is named after, whatever the node's is now. */
static bool is_strict(const struct node_run *node, const struct pod_facts *pod)
{
	enum mode mode = node_mode(node);
	(void)node_pinned_mode(node, pod, &mode);
	return mode == MODE_STRICT;
}

bool is_node_pod(const struct node_run *node, const struct pod_facts *pod)
{
	const struct facts *facts = node->run->facts;
	return has_groups(pod) && strcmp(pod->node, facts->config->node.name) == 0 &&
	       is_judged(facts, pod);
}

static void count_pod(struct node_run *node, const struct pod_facts *pod)
{
	bool strict = is_strict(node, pod);
	node->strict += strict;
	node->standard += !strict;
	if (strict && !node->a_strict)
		node->a_strict = pod;
	for (size_t i = 0; pod->pod && i < pod->pod->address_count; i++)
		node->ipv6 |= pod->pod->addresses[i].family == AF_INET6;
}

static void count_pods(struct node_run *node)
{
	const struct facts *facts = node->run->facts;
	size_t count;
	const struct pod_facts *pods = facts_of(facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++)
		if (is_node_pod(node, &pods[i]))
			count_pod(node, &pods[i]);
}

static void need_pods(const struct node_run *node)
{
	const struct check *const hang_on_pods[] = {&node_early_demux, &node_ipvs_strict,
	                                            &node_leftovers, &node_mode_pinned};
	for (size_t i = 0; i < sizeof(hang_on_pods) / sizeof(hang_on_pods[0]); i++) {
		if (!node->run->facts->known[FACT_POD])
			check_needs(node->run, hang_on_pods[i], NEEDS_PODS);
		if (!node->run->facts->known[FACT_POLICY] && hang_on_pods[i] != &node_leftovers)
			check_needs(node->run, hang_on_pods[i], NEEDS_POLICIES);
	}
}

static void run_node(struct check_run *run)
{
	struct node_run node = {.run = run};
	struct error err = {0};
	if (host_sight_open(&node.sight, run->facts, &err) < 0) {
		run->failed = true;
		return;
	}
	count_pods(&node);
	need_pods(&node);
	judge_node_network(&node);
	judge_node_tools(&node);
	judge_node_mode(&node);
	host_sight_close(&node.sight);
}

const struct check_group check_node = {"Node", checks, run_node, true};
