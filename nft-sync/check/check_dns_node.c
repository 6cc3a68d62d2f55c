/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/node_local.h"
#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_host.h"
#include "nft-sync/check/facts_proxy.h"

#define SYSTEM_NAMESPACE "kube-system"
#define RESOLVER_OF_VPC "169.254.169.253"
#define NEEDS_DAEMON_SETS "kubectl get daemonsets -n kube-system -o json"
#define NEEDS_LED                                                                                  \
	"podsg-nft-sync on the pods' nodes, which leads queries to dns.listen to the cluster's "   \
	"DNS servers"

static const struct check node_local_set = {
	"dns-node-local-strict",
	SEVERITY_ERROR,
	"NodeLocal DNSCache on nodes whose pods are strict",
	"Nothing on the node is reachable from a strict pod but by way of the VPC, and so its "
	"link-local address is not reachable at all. Where NodeLocal DNSCache has the cluster's "
	"DNS "
	"address, too, it takes packets to that address out of connection tracking: kube-proxy "
	"can't rewrite those of strict pods any more, and they lose DNS altogether.",
	"amazon-vpc-cni-k8s issue 1384; EKS Best Practices Guide, Security groups per Pod",
};

static const struct check node_local_resolver = {
	"dns-node-local-resolver",
	SEVERITY_ERROR,
	"a strict pod that asks a node-local resolver",
	"A strict pod's packets leave by its branch interface, whatever their address: a resolver "
	"on the node never sees them. podsg-nft-sync leads those to the addresses in dns.listen to "
	"the cluster's DNS servers, and no others.",
	"amazon-vpc-cni-k8s issues 1384 and 1662",
};

static const struct check ipvs = {
	"dns-ipvs-strict",
	SEVERITY_ERROR,
	"kube-proxy in IPVS mode where pods are strict",
	"IPVS rewrites addresses of Services when packets are delivered to the node itself. Those "
	"of "
	"strict pods never are: no Service works for them, the cluster's DNS first of all.",
	"amazon-vpc-cni-k8s issue 2982",
};

static const struct check *const checks[] = {&node_local_set, &node_local_resolver, &ipvs, NULL};

static bool any_has_groups(const struct check_run *run, enum fact_kind kind)
{
	size_t count;
	const struct pod_facts *pods = facts_of(run->facts, kind, &count);
	for (size_t i = 0; i < count; i++)
		if (has_groups(&pods[i]) && is_judged(run->facts, &pods[i]))
			return true;
	return false;
}

/* The one of the VPC CNI may have come alone; of others there are always some. */
static bool lists_daemon_sets(const struct facts *facts)
{
	size_t count;
	const struct pod_facts *templates = facts_of(facts, FACT_TEMPLATE, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(templates[i].kind, "DaemonSet") == 0 &&
		    strcmp(templates[i].fact.namespace, SYSTEM_NAMESPACE) == 0 &&
		    strcmp(templates[i].fact.name, CNI_DAEMON_SET) != 0)
			return true;
	return false;
}

/* NULL: it has none but node-local ones. */
static const struct prefix *cluster_address(const struct node_local_dns_facts *cache)
{
	for (size_t i = 0; i < cache->address_count; i++)
		if (!address_is_node_local(&cache->addresses[i]))
			return &cache->addresses[i];
	return NULL;
}

static void judge_node_local_set(struct check_run *run)
{
	const struct node_local_dns_facts *cache = facts_node_local_dns(run->facts);
	const struct prefix *address = cache ? cluster_address(cache) : NULL;
	char text[PREFIX_TEXT_MAX];
	struct finding *finding;
	if (!cache && !lists_daemon_sets(run->facts)) {
		check_needs(run, &node_local_set, NEEDS_DAEMON_SETS);
		return;
	}
	check_judged(run, &node_local_set);
	if (!cache)
		return;
	if (address)
		finding = check_found(run, &node_local_set, "DaemonSet", &cache->fact,
		                      "it takes packets to the cluster's DNS address %s out of "
		                      "connection tracking",
		                      prefix_text(address, text));
	else
		finding = check_found(run, &node_local_set, "DaemonSet", &cache->fact,
		                      "it listens where strict pods can't reach it");
	finding_fix(run, finding,
	            "kubectl delete daemonset %s -n %s    # podsg-dnscache in its place, "
	            "or: kubectl set env daemonset %s -n %s "
	            "POD_SECURITY_GROUP_ENFORCING_MODE=standard",
	            cache->fact.name, cache->fact.namespace, CNI_DAEMON_SET, CNI_NAMESPACE);
}

static bool is_listened_on(const struct config *config, const struct prefix *address)
{
	for (size_t i = 0; i < config->dns.listen_count; i++)
		if (prefix_equal(&config->dns.listen[i], address))
			return true;
	return false;
}

static bool is_of_node(const struct prefix *address)
{
	struct prefix of_vpc;
	bool is_vpc =
		address_parse(RESOLVER_OF_VPC, &of_vpc) == 0 && prefix_equal(address, &of_vpc);
	return address_is_node_local(address) && !is_vpc;
}

/* NULL: none of its resolvers is on the node. */
static const struct prefix *resolver_on_node(const struct pod_facts *pod)
{
	for (size_t i = 0; i < pod->nameserver_count; i++)
		if (is_of_node(&pod->nameservers[i]))
			return &pod->nameservers[i];
	return NULL;
}

/* podsg.yaml says what is to be led. Whether it is, only the node itself knows. */
static enum judgement judge_led(struct check_run *run, const struct prefix *address, char *what)
{
	const struct facts *facts = run->facts;
	int servers = -ENOENT;
	char text[PREFIX_TEXT_MAX];
	if (facts->here)
		servers = host_led_servers(facts->config->nft_sync.branches, address->family);
	if (servers < 0) {
		check_needs(run, &node_local_resolver, NEEDS_LED);
		return NOT_JUDGED;
	}
	(void)snprintf(what, WHAT_MAX,
	               "its dnsConfig names %s, and podsg-nft-sync knows no DNS server of the "
	               "cluster to lead its queries to",
	               prefix_text(address, text));
	return servers > 0 ? JUDGED_RIGHT : JUDGED_WRONG;
}

static enum judgement judge_resolver(struct check_run *run, const struct pod_facts *pod, char *what)
{
	const struct prefix *address = resolver_on_node(pod);
	char text[PREFIX_TEXT_MAX];
	if (!has_groups(pod))
		return NOT_JUDGED;
	if (!address)
		return JUDGED_RIGHT;
	if (is_listened_on(run->facts->config, address))
		return judge_led(run, address, what);
	(void)snprintf(what, WHAT_MAX,
	               "its dnsConfig names %s, which is not among the addresses of dns.listen",
	               prefix_text(address, text));
	return JUDGED_WRONG;
}

static void fix_resolver(struct check_run *run, struct finding *finding,
                         const struct pod_facts *pod)
{
	const struct prefix *address = resolver_on_node(pod);
	bool listened = is_listened_on(run->facts->config, address);
	char text[PREFIX_TEXT_MAX];
	finding_fix(run, finding,
	            "dnsPolicy: ClusterFirst    # and no nameservers in its dnsConfig; or in "
	            "podsg.yaml: dns: {%s: [%s]}",
	            listened ? "clusterServers" : "listen",
	            listened ? "ADDRESS" : prefix_text(address, text));
}

static void judge_ipvs(struct check_run *run)
{
	const struct kube_proxy_facts *proxy = facts_kube_proxy(run->facts);
	struct finding *finding;
	if (!proxy) {
		check_needs(run, &ipvs, NEEDS_KUBE_PROXY);
		return;
	}
	check_judged(run, &ipvs);
	if (strcmp(proxy->mode, "ipvs") != 0)
		return;
	finding = check_found(run, &ipvs, proxy->kind, &proxy->fact,
	                      "kube-proxy's mode is ipvs, and pods with groups are strict");
	if (strcmp(proxy->kind, "ConfigMap") == 0)
		finding_fix(run, finding,
		            "kubectl get configmap %s -n %s -o yaml | "
		            "sed 's/\\(^ *mode:\\).*/\\1 iptables/' | kubectl apply -f -\n"
		            "kubectl rollout restart daemonset kube-proxy -n %s",
		            proxy->fact.name, proxy->fact.namespace, proxy->fact.namespace);
	else
		finding_fix(run, finding,
		            "kubectl edit daemonset %s -n %s    # --proxy-mode=iptables",
		            proxy->fact.name, proxy->fact.namespace);
}

/* In standard mode the node's own addresses are reached as from any pod. */
static void nothing_is_strict(struct check_run *run)
{
	for (size_t i = 0; checks[i]; i++)
		check_judged(run, checks[i]);
}

static void need_kinds(struct check_run *run)
{
	const bool *known = run->facts->known;
	if (!known[FACT_POLICY])
		group_needs(run, &check_dns_node, NEEDS_POLICIES);
	if (!known[FACT_POD] && !known[FACT_TEMPLATE])
		group_needs(run, &check_dns_node, NEEDS_PODS);
}

static void run_dns_node(struct check_run *run)
{
	const struct cni_facts *cni = facts_cni(run->facts);
	need_kinds(run);
	if (!cni && !facts_other_cni(run->facts)) {
		group_needs(run, &check_dns_node, NEEDS_CNI);
		return;
	}
	if (!any_has_groups(run, FACT_POD) && !any_has_groups(run, FACT_TEMPLATE))
		return;
	if (!cni || cni->mode != MODE_STRICT) {
		nothing_is_strict(run);
		return;
	}
	judge_node_local_set(run);
	judge_workloads(run, &node_local_resolver, judge_resolver, fix_resolver);
	judge_ipvs(run);
}

const struct check_group check_dns_node = {"DNS and the node", checks, run_dns_node, false};
