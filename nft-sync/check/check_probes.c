/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>

#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_groups.h"
#include "nft-sync/check/facts_interfaces.h"
#include "nft-sync/check/placement.h"
#include "nft-sync/check/rule_commands.h"

#define GROUPS_TEXT_MAX 512
#define NEEDS_PLACE "a node for pods that no node known here is for, by nodeSelector or affinity"

static const struct check not_admitted = {
	"probe-not-admitted",
	SEVERITY_ERROR,
	"a probe, or a hook, that the security groups do not let through",
	"In strict mode kubelet's probes leave the node by its primary interface and come back by "
	"the pod's branch interface: the node's groups must let them out and the pod's groups let "
	"them in. A pod whose liveness or startup probe is dropped is killed again and again; one "
	"whose readiness probe is dropped never gets traffic. Hooks of httpGet go the same way: "
	"after "
	"postStart the container is killed, preStop holds the pod up until its grace is over.",
	"EKS User Guide, Security groups for Pods, considerations; amazon-vpc-cni-k8s issue 1260",
};

static const struct check early_demux = {
	"probe-early-demux",
	SEVERITY_ERROR,
	"TCP early demux is on where pods are strict and probed",
	"The answer to a probe comes back by another interface than the probe left by. With "
	"net.ipv4.tcp_early_demux on, the kernel hands it to kubelet's socket as of the wrong "
	"interface and drops it: TCP, HTTP and gRPC probes of strict pods fail whatever their "
	"groups permit.",
	"EKS User Guide, Security groups for Pods, DISABLE_TCP_EARLY_DEMUX; "
	"amazon-vpc-cni-k8s pull request 1212",
};

static const struct check port_name = {
	"probe-port-name",
	SEVERITY_ERROR,
	"a probe of a named port that its container does not have",
	"kubelet looks the name up among the container's own ports. The API server accepts a name "
	"that is not there, and the probe then fails for ever.",
	"Kubernetes documentation, Configure Liveness, Readiness and Startup Probes, named ports",
};

static const struct check *const checks[] = {&not_admitted, &early_demux, &port_name, NULL};

/* One pod, or template, on one node. */
struct probing {
	const struct pod_facts *pod;
	const char *node;             /* "" = not known */
	struct node_groups groups;    /* of the node */
	const struct prefix *address; /* likewise, that kubelet probes from; NULL: not known */
	bool by_fabric;               /* the node's own groups are asked, too */
};

static bool is_over_network(const struct probe *probe)
{
	/* Another host is kubelet's business, not the pod's. */
	return probe->port && !probe->host[0];
}

static bool is_probed(const struct pod_facts *pod)
{
	for (size_t i = 0; i < pod->probe_count; i++)
		if (is_over_network(&pod->probes[i]))
			return true;
	return false;
}

static const struct prefix *pod_address(const struct pod_facts *pod)
{
	return pod->pod && pod->pod->address_count > 0 ? &pod->pod->addresses[0] : NULL;
}

/* kubelet probes a pod's first address, from the node's of that family. */
static const struct prefix *probing_address(const struct node *node, const struct pod_facts *pod)
{
	const struct prefix *to = pod_address(pod);
	for (size_t i = 0; node && i < node->address_count; i++)
		if (!to || node->addresses[i].family == to->family)
			return &node->addresses[i];
	return NULL;
}

static struct probing probing_of(const struct facts *facts, const struct pod_facts *pod,
                                 const char *node, enum mode mode)
{
	return (struct probing){
		.pod = pod,
		.node = node,
		.groups = facts_node_groups(facts, node),
		.address = probing_address(model_node(facts->model, node), pod),
		.by_fabric = mode == MODE_STRICT,
	};
}

static struct admission_question to_pod(const struct facts *facts, const struct probing *probing,
                                        const struct probe *probe)
{
	const struct pod_facts_groups *groups = &probing->pod->groups;
	return (struct admission_question){
		.facts = facts,
		.direction = DIRECTION_INGRESS,
		.groups = (const char *const *)groups->ids,
		.group_count = groups->count,
		.protocol = IPPROTO_TCP,
		.port = probe->port,
		.peer_groups = probing->groups.ids,
		.peer_group_count = probing->groups.count,
		.peer_groups_known = probing->groups.count > 0 || is_elsewhere(facts),
		.peer_address = probing->address,
	};
}

static struct admission_question from_node(const struct facts *facts, const struct probing *probing,
                                           const struct probe *probe)
{
	const struct pod_facts_groups *groups = &probing->pod->groups;
	return (struct admission_question){
		.facts = facts,
		.direction = DIRECTION_EGRESS,
		.groups = probing->groups.ids,
		.group_count = probing->groups.count,
		.protocol = IPPROTO_TCP,
		.port = probe->port,
		.peer_groups = (const char *const *)groups->ids,
		.peer_group_count = groups->count,
		.peer_groups_known = true,
		.peer_address = pod_address(probing->pod),
		.peer_family = probing->address ? probing->address->family : AF_UNSPEC,
	};
}

/* *ret_question is the one that refused it, or could not be answered. */
static struct admission ask(const struct facts *facts, const struct probing *probing,
                            const struct probe *probe, struct admission_question *ret_question)
{
	struct admission admission;
	*ret_question = to_pod(facts, probing, probe);
	admission = admission_of(ret_question);
	if (admission.answer == REFUSED || !probing->by_fabric)
		return admission;
	if (probing->groups.count == 0)
		return admission.answer == ADMITTED
		               ? (struct admission){ADMISSION_UNKNOWN, NEEDS_INTERFACES}
		               : admission;
	const struct admission_question out = from_node(facts, probing, probe);
	const struct admission by_node = admission_of(&out);
	if (by_node.answer == REFUSED)
		*ret_question = out;
	return by_node.answer == REFUSED ? by_node : admission;
}

static void say(struct check_run *run, const struct pod_facts *of, const struct probing *probing,
                const struct probe *probe, const struct admission_question *question)
{
	char groups[GROUPS_TEXT_MAX];
	bool by_pod = question->direction == DIRECTION_INGRESS;
	struct finding *finding = check_found(
		run, &not_admitted, of->kind, &of->fact,
		"the %s of container %s, tcp/%u, from %s%s: %s groups %s do not let it %s",
		probe_kind_name(probe->kind), probe->container, probe->port,
		probing->node[0] ? "node " : "any node", probing->node,
		by_pod ? "the pod's" : "the node's",
		ids_text(question->groups, question->group_count, groups, sizeof(groups)),
		by_pod ? "in" : "out");
	fix_by_admitting(run, finding, question);
}

/* Liveness and readiness mostly ask the same port: said once. */
static bool is_first_of_port(const struct pod_facts *pod, size_t probe)
{
	for (size_t i = 0; i < probe; i++)
		if (is_over_network(&pod->probes[i]) &&
		    pod->probes[i].port == pod->probes[probe].port)
			return false;
	return true;
}

static void need(struct check_run *run, const struct admission *admission)
{
	check_needs(run, &not_admitted, admission->needs ? admission->needs : NEEDS_NODES);
}

/* Of a pod that is on a node. True if something was found. */
static bool judge_placed(struct check_run *run, const struct pod_facts *of,
                         const struct probing *probing)
{
	const struct pod_facts *pod = probing->pod;
	bool found = false;
	for (size_t i = 0; i < pod->probe_count; i++) {
		struct admission_question question;
		struct admission admission;
		if (!is_over_network(&pod->probes[i]) || !is_first_of_port(pod, i))
			continue;
		admission = ask(run->facts, probing, &pod->probes[i], &question);
		if (admission.answer == ADMISSION_UNKNOWN)
			need(run, &admission);
		if (admission.answer != REFUSED)
			continue;
		say(run, of, probing, &pod->probes[i], &question);
		found = true;
	}
	return found;
}

/* Of what may come to several nodes: said where none of them will do, for nobody here knows what
 * else decides where it goes. */
static void judge_probe_anywhere(struct check_run *run, const struct pod_facts *pod,
                                 const struct probe *probe, enum mode mode)
{
	size_t count, asked = 0;
	const struct node_facts *nodes = facts_of(run->facts, FACT_NODE, &count);
	struct admission_question question;
	struct probing probing = {0};
	for (size_t i = 0; i < count; i++) {
		struct admission admission;
		if (!is_node_judged(run->facts, &nodes[i]) || !is_vpc_cni_node(&nodes[i]) ||
		    !may_be_on(pod, &nodes[i]))
			continue;
		asked++;
		probing = probing_of(run->facts, pod, nodes[i].fact.name, mode);
		admission = ask(run->facts, &probing, probe, &question);
		if (admission.answer == ADMISSION_UNKNOWN)
			need(run, &admission);
		if (admission.answer != REFUSED)
			return;
	}
	if (asked == 0) {
		check_needs(run, &not_admitted,
		            run->facts->known[FACT_NODE] ? NEEDS_PLACE : NEEDS_NODES);
		return;
	}
	if (asked > 1)
		probing.node = "";
	say(run, pod, &probing, probe, &question);
}

static void judge_anywhere(struct check_run *run, const struct pod_facts *pod, enum mode mode)
{
	for (size_t i = 0; i < pod->probe_count; i++)
		if (is_over_network(&pod->probes[i]) && is_first_of_port(pod, i))
			judge_probe_anywhere(run, pod, &pod->probes[i], mode);
}

/* Which templates pods were made of, and of which something was said. */
struct template_marks {
	const struct pod_facts *templates;
	size_t count;
	bool *placed, *said;
};

static bool open_marks(struct check_run *run, struct template_marks *ret)
{
	ret->templates = facts_of(run->facts, FACT_TEMPLATE, &ret->count);
	ret->placed = arena_array(run->arena, ret->count + 1, sizeof(bool));
	ret->said = arena_array(run->arena, ret->count + 1, sizeof(bool));
	run->failed |= !ret->placed || !ret->said;
	return ret->placed && ret->said;
}

static bool is_judged_here(const struct check_run *run, const struct pod_facts *pod)
{
	return is_judged(run->facts, pod) && has_groups(pod) && is_probed(pod);
}

static void judge_pod_on_node(struct check_run *run, const struct pod_facts *pod, enum mode mode,
                              const struct template_marks *marks)
{
	const struct probing probing = probing_of(run->facts, pod, pod->node, mode);
	const struct pod_facts *template = template_of(run->facts, pod);
	size_t of = template ? (size_t)(template - marks->templates) : marks->count;
	check_judged(run, &not_admitted);
	if (template && marks->said[of])
		return;
	marks->placed[of] = true;
	marks->said[of] = judge_placed(run, template ? template : pod, &probing);
}

static void judge_all(struct check_run *run, enum mode mode)
{
	struct template_marks marks;
	size_t count;
	const struct pod_facts *pods = facts_of(run->facts, FACT_POD, &count);
	if (!open_marks(run, &marks))
		return;
	for (size_t i = 0; i < count; i++) {
		if (!is_judged_here(run, &pods[i]))
			continue;
		if (pods[i].node[0])
			judge_pod_on_node(run, &pods[i], mode, &marks);
		else if (!template_of(run->facts, &pods[i]))
			judge_anywhere(run, &pods[i], mode);
	}
	for (size_t i = 0; i < marks.count; i++) {
		if (marks.placed[i] || !is_judged_here(run, &marks.templates[i]) ||
		    template_of(run->facts, &marks.templates[i]))
			continue;
		check_judged(run, &not_admitted);
		judge_anywhere(run, &marks.templates[i], mode);
	}
}

static size_t count_probed(const struct check_run *run, enum fact_kind kind)
{
	size_t count, probed = 0;
	const struct pod_facts *pods = facts_of(run->facts, kind, &count);
	for (size_t i = 0; i < count; i++)
		probed += is_judged_here(run, &pods[i]);
	return probed;
}

static void judge_early_demux(struct check_run *run, const struct cni_facts *cni)
{
	struct finding *finding;
	if (count_probed(run, FACT_POD) + count_probed(run, FACT_TEMPLATE) == 0)
		return;
	check_judged(run, &early_demux);
	if (cni->early_demux_off || cni->mode == MODE_STANDARD)
		return;
	finding = check_found(run, &early_demux, "DaemonSet", &cni->fact,
	                      "DISABLE_TCP_EARLY_DEMUX of its init container is not \"true\", and "
	                      "pods with groups are probed");
	finding_fix(run, finding,
	            "kubectl patch daemonset %s -n %s -p '{\"spec\":{\"template\":{\"spec\":"
	            "{\"initContainers\":[{\"name\":\"aws-vpc-cni-init\",\"env\":[{\"name\":"
	            "\"DISABLE_TCP_EARLY_DEMUX\",\"value\":\"true\"}]}]}}}}'",
	            cni->fact.name, cni->fact.namespace);
}

static const struct probe *unknown_port(const struct pod_facts *pod)
{
	for (size_t i = 0; i < pod->probe_count; i++)
		if (pod->probes[i].port == 0)
			return &pod->probes[i];
	return NULL;
}

static enum judgement judge_names(struct check_run *run, const struct pod_facts *pod, char *what)
{
	const struct probe *probe = unknown_port(pod);
	(void)run;
	if (!has_groups(pod) || pod->probe_count == 0)
		return NOT_JUDGED;
	if (!probe)
		return JUDGED_RIGHT;
	(void)snprintf(what, WHAT_MAX, "the %s of container %s asks port \"%s\"",
	               probe_kind_name(probe->kind), probe->container, probe->port_name);
	return JUDGED_WRONG;
}

static void fix_name(struct check_run *run, struct finding *finding, const struct pod_facts *pod)
{
	const struct probe *probe = unknown_port(pod);
	finding_fix(run, finding,
	            "ports:    # of container %s\n- {name: %s, containerPort: NUMBER}",
	            probe->container, probe->port_name);
}

static void need_kinds(struct check_run *run)
{
	const bool *known = run->facts->known;
	if (!known[FACT_POD])
		group_needs(run, &check_probes, NEEDS_PODS);
	if (!known[FACT_TEMPLATE])
		group_needs(run, &check_probes, NEEDS_TEMPLATES);
	if (!known[FACT_POLICY])
		group_needs(run, &check_probes, NEEDS_POLICIES);
}

/* kubelet's packets do not pass the fabric, and podsg lets them through. */
static void judge_exempt(struct check_run *run)
{
	size_t probed = count_probed(run, FACT_POD) + count_probed(run, FACT_TEMPLATE);
	for (size_t i = 0; i < probed; i++)
		check_judged(run, &not_admitted);
}

static void judge_in_mode(struct check_run *run, enum mode mode, bool by_fabric)
{
	if (mode == MODE_STANDARD && run->facts->config->exempt[EXEMPT_NODE_PROBE])
		judge_exempt(run);
	else if (!run->facts->known[FACT_GROUP])
		check_needs(run, &not_admitted, NEEDS_GROUPS);
	else
		judge_all(run, by_fabric ? MODE_STRICT : MODE_STANDARD);
}

static void run_probes(struct check_run *run)
{
	const struct cni_facts *cni = facts_cni(run->facts);
	need_kinds(run);
	judge_workloads(run, &port_name, judge_names, fix_name);
	if (cni) {
		judge_early_demux(run, cni);
		judge_in_mode(run, cni->mode, cni->mode == MODE_STRICT);
	} else if (facts_other_cni(run->facts)) {
		/* podsg alone judges there, and no packet takes the way by the fabric. */
		judge_in_mode(run, run->facts->config->enforcing_mode, false);
	} else {
		check_needs(run, &not_admitted, NEEDS_CNI);
		check_needs(run, &early_demux, NEEDS_CNI);
	}
}

const struct check_group check_probes = {"Probes", checks, run_probes, false};
