/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <string.h>

#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/dns_peers.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/facts_nodes.h"
#include "nft-sync/check/facts_proxy.h"
#include "nft-sync/check/facts_vpc.h"
#include "nft-sync/check/pod_bundles.h"
#include "nft-sync/check/rule_commands.h"

#define GROUPS_TEXT_MAX 512

static const struct check dns_egress = {
	"dns-egress",
	SEVERITY_ERROR,
	"groups that do not let their pods ask the cluster's DNS servers",
	"Every name that such a pod looks up times out after 5 seconds a try, and what it needs "
	"looks dead. UDP alone is not enough: an answer that does not fit a datagram is fetched "
	"over TCP. podsg-dnscache on the node serves only whom these rules let ask.",
	"EKS User Guide, Security groups for Pods, considerations; RFC 7766",
};

static const struct check dns_ingress = {
	"dns-ingress",
	SEVERITY_ERROR,
	"the DNS servers' groups do not let pods in that have groups of their own",
	"The cluster's DNS servers have the cluster security group or their nodes', which admit "
	"the "
	"nodes but not branch interfaces with other groups: such a pod's queries leave it and are "
	"dropped at the server.",
	"EKS User Guide, Security groups for Pods, considerations",
};

static const struct check *const checks[] = {&dns_egress, &dns_ingress, NULL};

static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

/* "Default" asks the node's resolvers, "None" those that it names. */
static bool asks_cluster(const struct pod_facts *pod)
{
	return strcmp(pod->dns_policy, "Default") != 0 && strcmp(pod->dns_policy, "None") != 0;
}

static uint16_t port_of(const struct dns_peer *server, uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? server->udp_port : server->tcp_port;
}

static struct admission_question egress_to(const struct facts *facts,
                                           const struct pod_bundle *bundle,
                                           const struct dns_peer *server, uint8_t protocol)
{
	return (struct admission_question){
		.facts = facts,
		.direction = DIRECTION_EGRESS,
		.groups = bundle->groups,
		.group_count = bundle->group_count,
		.protocol = protocol,
		.port = port_of(server, protocol),
		.peer_groups = server->groups,
		.peer_group_count = server->group_count,
		.peer_groups_known = server->group_count > 0 || is_elsewhere(facts),
		.peer_address = &server->address,
	};
}

/* Without address: that of the pods is looked at where it matters. */
static struct admission_question ingress_from(const struct facts *facts,
                                              const struct pod_bundle *bundle,
                                              const struct dns_peer *server, uint8_t protocol)
{
	return (struct admission_question){
		.facts = facts,
		.direction = DIRECTION_INGRESS,
		.groups = server->groups,
		.group_count = server->group_count,
		.protocol = protocol,
		.port = port_of(server, protocol),
		.peer_groups = bundle->groups,
		.peer_group_count = bundle->group_count,
		.peer_groups_known = true,
		.peer_family = server->address.family,
	};
}

static const struct prefix *address_of(const struct pod_facts *pod, uint8_t family)
{
	for (size_t i = 0; pod->pod && i < pod->pod->address_count; i++)
		if (pod->pod->addresses[i].family == family)
			return &pod->pod->addresses[i];
	return NULL;
}

/* Where all of the VPC is let in, pods are that do not run yet. */
static struct admission ask_for_vpc(struct admission_question question)
{
	const struct config *config = question.facts->config;
	struct admission admission = {ADMISSION_UNKNOWN, NEEDS_VPCS};
	size_t count;
	const struct vpc_facts *vpcs = facts_of(question.facts, FACT_VPC, &count);
	for (size_t i = 0; i < config->vpc_cidr_count && admission.answer != ADMITTED; i++) {
		question.peer_address = &config->vpc_cidrs[i];
		admission = admission_of(&question);
	}
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < vpcs[i].prefix_count && admission.answer != ADMITTED; k++) {
			question.peer_address = &vpcs[i].prefixes[k];
			admission = admission_of(&question);
		}
	if (admission.answer == REFUSED)
		return (struct admission){ADMISSION_UNKNOWN, NEEDS_PODS};
	return admission;
}

/* The first pod that is not let in decides. */
static struct admission ask_for_pods(struct admission_question question,
                                     const struct pod_bundle *bundle, uint8_t family)
{
	struct admission admission = {ADMISSION_UNKNOWN, NULL};
	for (size_t i = 0; i < bundle->pod_count; i++) {
		question.peer_address = address_of(bundle->pods[i], family);
		if (!question.peer_address)
			continue;
		admission = admission_of(&question);
		if (admission.answer != ADMITTED)
			return admission;
	}
	question.peer_address = NULL;
	return admission.answer == ADMITTED ? admission : ask_for_vpc(question);
}

static struct admission ask(const struct admission_question *question,
                            const struct pod_bundle *bundle, uint8_t family)
{
	const struct admission admission = admission_of(question);
	/* Outside of EC2 only pods with groups are filtered. */
	if (question->group_count == 0 && is_elsewhere(question->facts))
		return (struct admission){ADMITTED, NULL};
	if (question->group_count == 0)
		return (struct admission){ADMISSION_UNKNOWN, NEEDS_INTERFACES};
	if (admission.answer != ADMISSION_UNKNOWN || question->peer_address)
		return admission;
	return ask_for_pods(*question, bundle, family);
}

typedef struct admission_question make_question(const struct facts *facts,
                                                const struct pod_bundle *bundle,
                                                const struct dns_peer *server, uint8_t protocol);

/* Of one family, the first server that refuses; NULL: none does. */
static const struct dns_peer *find_refusing(struct check_run *run, const struct check *check,
                                            make_question *make, const struct pod_bundle *bundle,
                                            const struct dns_peers *servers, uint8_t family,
                                            uint8_t protocol)
{
	for (size_t i = 0; i < servers->count; i++) {
		const struct dns_peer *server = &servers->items[i];
		if (server->address.family != family)
			continue;
		const struct admission_question question =
			make(run->facts, bundle, server, protocol);
		const struct admission admission = ask(&question, bundle, family);
		if (admission.answer == ADMISSION_UNKNOWN)
			check_needs(run, check, admission.needs ? admission.needs : NEEDS_PODS);
		if (admission.answer == REFUSED)
			return server;
	}
	return NULL;
}

static bool has_family(const struct dns_peers *servers, uint8_t family)
{
	for (size_t i = 0; i < servers->count; i++)
		if (servers->items[i].address.family == family)
			return true;
	return false;
}

/* A resolver may ask any server of a family, and one family is enough. */
static const struct dns_peer *refusing(struct check_run *run, const struct check *check,
                                       make_question *make, const struct pod_bundle *bundle,
                                       const struct dns_peers *servers, uint8_t protocol)
{
	static const uint8_t families[] = {AF_INET6, AF_INET};
	const struct dns_peer *server = NULL;
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
		if (!has_family(servers, families[i]))
			continue;
		server = find_refusing(run, check, make, bundle, servers, families[i], protocol);
		if (!server)
			return NULL;
	}
	return server;
}

/* What the groups refuse of one server. */
struct refusal {
	const struct dns_peer *server;
	struct admission_question questions[PROTOCOLS]; /* alike but for the protocol */
	size_t count;
};

static void fix(struct check_run *run, struct finding *finding, const struct refusal *refusal)
{
	char commands[PROTOCOLS][ADMIT_TEXT_MAX] = {""};
	for (size_t i = 0; i < refusal->count; i++)
		(void)admit_text(&refusal->questions[i], commands[i]);
	finding_fix(run, finding, "%s%s%s", commands[0], commands[1][0] ? "\n" : "", commands[1]);
}

static void say(struct check_run *run, const struct check *check, const struct pod_facts *pod,
                const struct refusal *refusal)
{
	const struct admission_question *question = &refusal->questions[0];
	bool egress = question->direction == DIRECTION_EGRESS;
	char groups[GROUPS_TEXT_MAX], others[GROUPS_TEXT_MAX], address[PREFIX_TEXT_MAX];
	struct finding *finding = check_found(
		run, check, pod->kind, &pod->fact,
		"%s groups %s let no %s%s %u %s%s, the cluster's DNS server%s%s",
		egress ? "its" : "the DNS server's",
		ids_text(question->groups, question->group_count, groups, sizeof(groups)),
		admission_protocol(question->protocol), refusal->count > 1 ? " or TCP" : "",
		question->port, egress ? "out to " : "in, at ",
		prefix_text(&refusal->server->address, address), egress ? "" : ", from ",
		egress ? ""
		       : ids_text(question->peer_groups, question->peer_group_count, others,
	                          sizeof(others)));
	fix(run, finding, refusal);
}

/* Mostly neither protocol is let through: that is one thing to say. */
static bool is_of(const struct refusal *refusal, const struct dns_peer *server,
                  const struct admission_question *question)
{
	return refusal->count > 0 && refusal->server == server &&
	       refusal->questions[0].port == question->port;
}

static size_t find_refusals(struct check_run *run, const struct check *check, make_question *make,
                            const struct pod_bundle *bundle, const struct dns_peers *servers,
                            struct refusal refusals[static PROTOCOLS])
{
	size_t count = 0;
	for (size_t p = 0; p < PROTOCOLS; p++) {
		const struct dns_peer *server =
			refusing(run, check, make, bundle, servers, protocols[p]);
		if (!server)
			continue;
		const struct admission_question question =
			make(run->facts, bundle, server, protocols[p]);
		if (count == 0 || !is_of(&refusals[0], server, &question))
			refusals[count++] = (struct refusal){.server = server};
		struct refusal *refusal = &refusals[count - 1];
		refusal->questions[refusal->count++] = question;
	}
	return count;
}

static void judge_bundle(struct check_run *run, const struct check *check, make_question *make,
                         const struct pod_bundle *bundle, const struct dns_peers *servers)
{
	struct refusal refusals[PROTOCOLS];
	size_t count = find_refusals(run, check, make, bundle, servers, refusals);
	for (size_t i = 0; i < bundle->pod_count; i++) {
		check_judged(run, check);
		if (!is_named(run, bundle->pods[i]))
			continue;
		for (size_t k = 0; k < count; k++)
			say(run, check, bundle->pods[i], &refusals[k]);
	}
}

static void need_kinds(struct check_run *run)
{
	const bool *known = run->facts->known;
	if (!known[FACT_GROUP])
		group_needs(run, &check_dns, NEEDS_GROUPS);
	if (!known[FACT_POLICY])
		group_needs(run, &check_dns, NEEDS_POLICIES);
	if (!known[FACT_POD] && !known[FACT_TEMPLATE])
		group_needs(run, &check_dns, NEEDS_PODS);
}

/* What standard pods ask is answered on the node, by a cache that asks with the node's groups. */
static bool is_asked_by_nodes(const struct facts *facts)
{
	const struct cni_facts *cni = facts_cni(facts);
	return cni && cni->mode == MODE_STANDARD && facts_node_local_dns(facts);
}

static void run_dns(struct check_run *run)
{
	const struct pod_bundles bundles = pod_bundles_of(run, asks_cluster);
	bool unfiltered;
	const struct dns_peers servers = dns_peers_of(run, &unfiltered);
	need_kinds(run);
	if (servers.count == 0 && !unfiltered) {
		group_needs(run, &check_dns, NEEDS_DNS_SERVERS);
		return;
	}
	if (!run->facts->known[FACT_GROUP])
		return;
	for (size_t i = 0; i < bundles.count; i++) {
		judge_bundle(run, &dns_egress, egress_to, &bundles.items[i], &servers);
		if (is_asked_by_nodes(run->facts))
			check_judged(run, &dns_ingress);
		else
			judge_bundle(run, &dns_ingress, ingress_from, &bundles.items[i], &servers);
	}
}

const struct check_group check_dns = {"DNS", checks, run_dns, false};
