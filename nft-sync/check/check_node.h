/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_CHECK_NODE_H
#define PODSG_CHECK_NODE_H

/* Inside the checks of the node itself: what they share. */

#include "nft-sync/check/check.h"
#include "nft-sync/check/facts_host.h"
#include "nft-sync/check/facts_pods.h"

struct node_run {
	struct check_run *run;
	struct host_sight sight;
	size_t strict; /* pods of this node that have groups */
	size_t standard;
	const struct pod_facts *a_strict; /* one of them, for sentences */
	bool ipv6;                        /* some of them has an address */
};

/* The node as an object; file: where its fault is to be seen. */
struct fact node_fact(const struct node_run *node, const char *file);
/* Kept as long as findings are. */
const char *node_text(const struct node_run *node, const char *text);

enum mode node_mode(const struct node_run *node); /* of pods that come */
/* Of standard pods' interfaces, as the VPC CNI names them. */
const char *node_veth(const struct node_run *node);
/* What its interface is named after; false: it has none that is known. */
bool node_pinned_mode(const struct node_run *node, const struct pod_facts *pod, enum mode *ret);
/* It is on this node, and has groups. */
bool is_node_pod(const struct node_run *node, const struct pod_facts *pod);

extern const struct check node_mode_pinned, node_veth_prefix;
extern const struct check node_plugin_last, node_plugin_missing, node_nft_old, node_nft_ifname,
	node_flush_ruleset, node_firewalld, node_repairs;
extern const struct check node_rp_filter, node_early_demux, node_forwarding, node_kernel,
	node_table_owner, node_ipvs_strict, node_leftovers;

void judge_node_mode(const struct node_run *node);    /* check_node_mode.c */
void judge_node_tools(const struct node_run *node);   /* check_node_tools.c */
void judge_node_network(const struct node_run *node); /* check_node_network.c */

#endif
