/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/journal.h"
#include "nft-sync/check/check_node.h"

#define RP_FILTER_STRICT 1
#define NEEDS_NETWORK "the links and ip rules of this network namespace"

const struct check node_rp_filter = {
	"node-rp-filter",
	SEVERITY_ERROR,
	"reverse path filtering of the primary interface drops what comes to standard pods",
	"Answers from the internet and packets to a NodePort come to a standard pod by the node's "
	"primary interface, but the route back that the kernel looks for is in the table of the "
	"pod's branch: with rp_filter 1 it drops them, silently. The VPC CNI sets 2; somebody has "
	"set it back. Of branch devices and pods' interfaces any value will do.",
	"Linux, Documentation/networking/ip-sysctl.rst, rp_filter; amazon-vpc-cni-k8s, "
	"AWS_VPC_K8S_CNI_CONFIGURE_RPFILTER, and issue 75",
};

const struct check node_early_demux = {
	"node-early-demux",
	SEVERITY_ERROR,
	"early demultiplexing drops what strict pods answer to kubelet",
	"A probe of a strict pod leaves by the primary interface and its answer comes back by the "
	"pod's own: with net.ipv4.tcp_early_demux 1 the kernel gives the answer to the socket by a "
	"route of the wrong interface, and drops it. HTTP and TCP probes fail, and the pod never "
	"becomes ready.",
	"EKS User Guide, Security groups for Pods, considerations (DISABLE_TCP_EARLY_DEMUX); "
	"amazon-vpc-cni-k8s issue 1260 and pull request 1212",
};

const struct check node_forwarding = {
	"node-forwarding",
	SEVERITY_ERROR,
	"the node forwards no packets",
	"Every packet of a pod is forwarded by its node: without it no pod of this node has a "
	"network.",
	"Linux, Documentation/networking/ip-sysctl.rst, ip_forward and conf/all/forwarding",
};

const struct check node_kernel = {
	"node-kernel",
	SEVERITY_ERROR,
	"a kernel that cannot hold the rules",
	"Rules are sets of address ranges and ports together, which nf_tables has since Linux 5.6; "
	"on an older kernel nothing that podsg writes is taken, and pods stay closed.",
	"Linux 5.6, nf_tables: set type pipapo, concatenations with ranges",
};

const struct check node_table_owner = {
	"node-table-owner",
	SEVERITY_INFO,
	"a kernel that cannot keep others off podsg's table",
	"Since Linux 6.9 a table may have an owner, and stays when that one is gone: another "
	"program's flush ruleset passes it over. On an older kernel it takes podsg's table like "
	"any other, and podsg puts it back within milliseconds.",
	"podsg.yaml(5), nftSync.ownTable; Linux 6.9, nf_tables: NFT_TABLE_F_PERSIST",
};

const struct check node_ipvs_strict = {
	"node-ipvs-strict",
	SEVERITY_ERROR,
	"kube-proxy in IPVS mode on a node with strict pods",
	"In IPVS mode the addresses of Services are the node's own, on the device kube-ipvs0, and "
	"are translated where packets come in for the node itself. A strict pod's packets never "
	"do: they leave by its branch device with the Service's address, and nothing answers.",
	"amazon-vpc-cni-k8s issue 2982; EKS User Guide, Security groups for Pods, considerations",
};

const struct check node_leftovers = {
	"node-leftovers",
	SEVERITY_WARNING,
	"branch devices and ip rules of pods that are gone",
	"A pod that gets the same VLAN or the same name later meets them: its packets go the way "
	"of the one that is gone, and it has no network.",
	"amazon-vpc-cni-k8s issues 1313, 1374 and 1375",
};

/* The greater of what is said of all interfaces and of this one is in force. */
static int rp_filter_of(const char *interface)
{
	int own = host_interface_sysctl(interface, "rp_filter");
	int all = host_interface_sysctl("all", "rp_filter");
	return own > all ? own : all;
}

static void judge_rp_filter(const struct node_run *node)
{
	const char *primary = node->sight.primary;
	char path[96];
	if (node->standard == 0 || !primary[0])
		return;
	check_judged(node->run, &node_rp_filter);
	if (rp_filter_of(primary) != RP_FILTER_STRICT)
		return;
	(void)snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/rp_filter", primary);
	const struct fact fact = node_fact(node, path);
	struct finding *finding = check_found(node->run, &node_rp_filter, "Node", &fact,
	                                      "rp_filter of %s is 1, and %zu pods are standard",
	                                      primary, node->standard);
	finding_fix(node->run, finding,
	            "sysctl -w net/ipv4/conf/%s/rp_filter=2\n"
	            "grep -rs rp_filter /etc/sysctl.conf /etc/sysctl.d /usr/lib/sysctl.d    "
	            "# who sets it",
	            primary);
}

static void judge_early_demux(const struct node_run *node)
{
	static const char path[] = "/proc/sys/net/ipv4/tcp_early_demux";
	const struct fact fact = node_fact(node, path);
	if (node->strict == 0)
		return;
	check_judged(node->run, &node_early_demux);
	if (host_sysctl("net/ipv4/tcp_early_demux") != 1)
		return;
	struct finding *finding = check_found(
		node->run, &node_early_demux, "Node", &fact,
		"net.ipv4.tcp_early_demux is 1, and %s/%s and %zu more pods are strict",
		node->a_strict->fact.namespace, node->a_strict->fact.name, node->strict - 1);
	finding_fix(node->run, finding,
	            "kubectl patch daemonset aws-node -n kube-system -p "
	            "'{\"spec\":{\"template\":{\"spec\":{\"initContainers\":[{\"name\":"
	            "\"aws-vpc-cni-init\",\"env\":[{\"name\":\"DISABLE_TCP_EARLY_DEMUX\","
	            "\"value\":\"true\"}]}]}}}}'\n"
	            "sysctl -w net.ipv4.tcp_early_demux=0    # until then");
}

static void judge_forwarding_of(const struct node_run *node, const char *name, const char *sysctl)
{
	char path[64];
	check_judged(node->run, &node_forwarding);
	if (host_sysctl(name) != 0)
		return;
	(void)snprintf(path, sizeof(path), "/proc/sys/%s", name);
	const struct fact fact = node_fact(node, path);
	struct finding *finding =
		check_found(node->run, &node_forwarding, "Node", &fact, "%s is 0", sysctl);
	finding_fix(node->run, finding,
	            "sysctl -w %s=1\necho %s=1 >/etc/sysctl.d/99-podsg-forwarding.conf", sysctl,
	            sysctl);
}

static void judge_forwarding(const struct node_run *node)
{
	if (node->strict + node->standard == 0)
		return;
	judge_forwarding_of(node, "net/ipv4/ip_forward", "net.ipv4.ip_forward");
	if (node->ipv6)
		judge_forwarding_of(node, "net/ipv6/conf/all/forwarding",
		                    "net.ipv6.conf.all.forwarding");
}

/* NULL: it is that new, or nobody asked. */
static struct finding *find_older_kernel(const struct node_run *node, const struct check *check,
                                         const unsigned needed[static 2])
{
	const struct fact fact = node_fact(node, "/proc/sys/kernel/osrelease");
	check_judged(node->run, check);
	if (host_version_compare(&node->sight.kernel, needed, 2) >= 0)
		return NULL;
	return check_found(node->run, check, "Node", &fact, "runs Linux %s",
	                   node->sight.kernel.text);
}

static void judge_kernel(const struct node_run *node)
{
	static const unsigned needed[] = {5, 6};
	finding_fix(node->run, find_older_kernel(node, &node_kernel, needed),
	            "an AMI with Linux 5.10 or later: Amazon Linux 2023, Bottlerocket, or Amazon "
	            "Linux 2 with kernel-5.10");
}

static void judge_table_owner(const struct node_run *node)
{
	static const unsigned needed[] = {6, 9};
	if (!node->run->facts->config->nft_sync.own_table)
		return;
	finding_fix(node->run, find_older_kernel(node, &node_table_owner, needed),
	            "podsgctl check --only node-flush-ruleset,node-firewalld,node-repairs    "
	            "# who would flush it");
}

static void judge_ipvs(const struct node_run *node)
{
	const struct fact fact = node_fact(node, "/sys/class/net/kube-ipvs0");
	if (node->strict == 0)
		return;
	check_judged(node->run, &node_ipvs_strict);
	if (!network_link_named(&node->sight.network, "kube-ipvs0"))
		return;
	struct finding *finding = check_found(
		node->run, &node_ipvs_strict, "Node", &fact,
		"has the device kube-ipvs0, and %s/%s and %zu more pods are strict",
		node->a_strict->fact.namespace, node->a_strict->fact.name, node->strict - 1);
	finding_fix(
		node->run, finding,
		"kubectl edit configmap kube-proxy-config -n kube-system    # mode: \"iptables\"\n"
		"kubectl rollout restart daemonset kube-proxy -n kube-system\n"
		"ip link del kube-ipvs0    # what IPVS mode left, on each node");
}

/* What there is of a VLAN, and whether somebody has it. */
struct vlan_use {
	bool claimed, device;
	unsigned rules;
};

static int claim_attachment(void *context, const struct attachment *attachment)
{
	struct vlan_use *uses = context;
	if (attachment->vlan <= BRANCH_VLAN_MAX)
		uses[attachment->vlan].claimed = true;
	return 0;
}

static void claim(const struct node_run *node, struct vlan_use *uses)
{
	const struct journal_visitor visitor = {.attachment = claim_attachment, .context = uses};
	const struct config *config = node->run->facts->config;
	size_t count;
	const struct pod_facts *pods = facts_of(node->run->facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++) {
		const struct pod *pod = pods[i].pod;
		if (pod && pod->eni && !pod->finished && pod->eni->vlan_id <= BRANCH_VLAN_MAX &&
		    strcmp(pod->node, config->node.name) == 0)
			uses[pod->eni->vlan_id].claimed = true;
	}
	/* Its entries have their own clean-up. One that cannot be read claims nothing. */
	(void)journal_walk(config->hooks.journal, &visitor, NULL);
}

/* 0: it is no branch device. */
static unsigned device_vlan(const char *name)
{
	size_t length = strlen(BRANCH_DEVICE_PREFIX);
	char *end;
	if (strncmp(name, BRANCH_DEVICE_PREFIX, length) != 0 ||
	    !isdigit((unsigned char)name[length]))
		return 0;
	unsigned long vlan = strtoul(name + length, &end, 10);
	return *end == '\0' && vlan <= BRANCH_VLAN_MAX ? (unsigned)vlan : 0;
}

static void judge_vlan(const struct node_run *node, unsigned vlan, const struct vlan_use *use)
{
	char name[16];
	(void)snprintf(name, sizeof(name), BRANCH_DEVICE_PREFIX "%u", vlan);
	const struct fact fact = {.namespace = "",
	                          .name = node_text(node, name),
	                          .file = node_text(node, "/proc/net/vlan/config")};
	if (!use->device && use->rules == 0)
		return;
	check_judged(node->run, &node_leftovers);
	if (use->claimed)
		return;
	struct finding *finding = check_found(
		node->run, &node_leftovers, "Interface", &fact,
		"no pod of this node has VLAN %u, but there %s %s%u ip rules to table %u", vlan,
		use->device ? "are" : "is no device and are", use->device ? "the device and " : "",
		use->rules, BRANCH_TABLE_BASE + vlan);
	finding_fix(
		node->run, finding,
		"podsg-eni-gc host --dry-run    # what it would remove, and why it keeps the rest\n"
		"podsg-eni-gc host");
}

static void judge_leftovers(const struct node_run *node)
{
	struct vlan_use uses[BRANCH_VLAN_MAX + 1] = {0};
	const struct network_state *network = &node->sight.network;
	if (!node->run->facts->known[FACT_POD])
		return;
	claim(node, uses);
	for (NETWORK_EACH(link, item, network))
		uses[device_vlan(item->name)].device = true;
	for (NETWORK_EACH(rule, item, network)) {
		if (item->priority != RULE_TO_ADDRESS)
			uses[branch_table_vlan(item->table)].rules++;
	}
	for (unsigned vlan = 1; vlan <= BRANCH_VLAN_MAX; vlan++)
		judge_vlan(node, vlan, &uses[vlan]);
}

static void need_network(const struct node_run *node)
{
	check_needs(node->run, &node_ipvs_strict, NEEDS_NETWORK);
	check_needs(node->run, &node_leftovers, NEEDS_NETWORK);
}

void judge_node_network(const struct node_run *node)
{
	judge_rp_filter(node);
	judge_early_demux(node);
	judge_forwarding(node);
	judge_kernel(node);
	judge_table_owner(node);
	if (node->sight.network_error.code) {
		need_network(node);
		return;
	}
	judge_ipvs(node);
	judge_leftovers(node);
}
