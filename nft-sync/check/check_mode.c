/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "nft-sync/check/check_workloads.h"
#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_eks.h"

#define USER_GUIDE "EKS User Guide, Assign security groups to individual Pods"
#define STANDARD_FIX                                                                               \
	"kubectl set env daemonset aws-node -n kube-system "                                       \
	"POD_SECURITY_GROUP_ENFORCING_MODE=standard    # then restart the pods with groups"
#define NEEDS_VERSION "the version of aws-node's image: amazon-k8s-cni:v1.18.1"

static const struct check cni_pod_eni_off = {
	"cni-pod-eni-off",
	SEVERITY_ERROR,
	"policies in a cluster whose VPC CNI gives no pod an ENI",
	"Unless ENABLE_POD_ENI is true no node gets a trunk interface: pods that policies match "
	"wait "
	"for vpc.amazonaws.com/pod-eni for good, as no node has any.",
	"EKS User Guide, Configure the Amazon VPC CNI plugin for security groups for Pods",
};

static const struct check cni_too_old = {
	"cni-too-old",
	SEVERITY_ERROR,
	"policies in a cluster whose VPC CNI does not know security groups for pods",
	"The VPC CNI knows security groups for pods since 1.7.7, and of pods with IPv6 addresses "
	"since 1.16.0. With an older one pods that policies match hang, or have the node's groups.",
	"EKS User Guide, Configure the Amazon VPC CNI plugin for security groups for Pods",
};

static const struct check cni_mode_unknown = {
	"cni-mode-unknown",
	SEVERITY_ERROR,
	"an enforcing mode that the VPC CNI does not know",
	"POD_SECURITY_GROUP_ENFORCING_MODE is strict or standard, in small letters. With another "
	"word, and ENABLE_POD_ENI, aws-node stops as soon as it starts: new nodes never become "
	"ready, and on others no new pod gets an address.",
	"amazon-vpc-cni-k8s, cmd/aws-vpc-cni/main.go (validateEnvVars), scripts/entrypoint.sh "
	"before "
	"1.13",

};

static const struct check cni_mode_too_old = {
	"cni-mode-too-old",
	SEVERITY_ERROR,
	"standard mode for a VPC CNI that knows strict only",
	"The VPC CNI knows POD_SECURITY_GROUP_ENFORCING_MODE since 1.11.0. An older one passes "
	"over it: pods with groups are strict, whatever it says.",
	"amazon-vpc-cni-k8s pull request 1907",
};

static const struct check strict_service_local = {
	"strict-service-local",
	SEVERITY_ERROR,
	"strict pods behind Services with externalTrafficPolicy: Local",
	"What comes to a port of the node cannot be handed to a strict pod on that node: "
	"everything "
	"to and from such a pod has to pass the VPC. With Local the Service's clients get no "
	"answer.",
	USER_GUIDE,
};

static const struct check strict_instance_targets = {
	"strict-instance-targets",
	SEVERITY_INFO,
	"strict pods behind load balancers whose targets are nodes",
	"The node sends such connections on with its own address: the pod's groups have to admit "
	"the "
	"nodes' groups, and rules for the clients or the load balancer's group match nothing.",
	"EKS Best Practices Guide, Security groups per Pod; Kubernetes, Source IP for Services",
};

static const struct check strict_network_policy = {
	"strict-network-policy",
	SEVERITY_WARNING,
	"strict pods that NetworkPolicies select",
	"Packets of a strict pod go to the VPC and back, by interfaces that Calico leaves alone, "
	"and "
	"AWS asks for standard mode where NetworkPolicies are used: in strict mode security groups "
	"alone may decide.",
	USER_GUIDE "; amazon-vpc-cni-k8s issue 2479",
};

static const struct check strict_pod_identity = {
	"strict-pod-identity",
	SEVERITY_ERROR,
	"strict pods that have their AWS credentials from EKS Pod Identity",
	"The Pod Identity agent listens on 169.254.170.23 of the node. Packets of a strict pod go "
	"to the VPC, where nobody has that address: the AWS SDK finds no credentials.",
	"amazon-vpc-cni-k8s issue 2797, amazon-vpc-resource-controller-k8s issue 618",
};

static const struct check *const checks[] = {
	&cni_pod_eni_off,       &cni_too_old,          &cni_mode_unknown,
	&cni_mode_too_old,      &strict_service_local, &strict_instance_targets,
	&strict_network_policy, &strict_pod_identity,  NULL,
};

static void say_of_cni(struct check_run *run, const struct check *check,
                       const struct cni_facts *cni, const char *what, const char *fix)
{
	struct finding *finding = check_found(run, check, "DaemonSet", &cni->fact, "%s", what);
	finding_fix(run, finding, "%s", fix);
}

static void judge_setting(struct check_run *run, const struct cni_facts *cni)
{
	char what[WHAT_MAX];
	check_judged(run, &cni_mode_unknown);
	if (!cni->mode_text[0] || strcmp(cni->mode_text, mode_name(MODE_STRICT)) == 0 ||
	    strcmp(cni->mode_text, mode_name(MODE_STANDARD)) == 0)
		return;
	(void)snprintf(what, sizeof(what), "POD_SECURITY_GROUP_ENFORCING_MODE is \"%s\"",
	               cni->mode_text);
	say_of_cni(run, &cni_mode_unknown, cni, what,
	           "kubectl set env daemonset aws-node -n kube-system "
	           "POD_SECURITY_GROUP_ENFORCING_MODE=strict    # or standard");
}

/* The first that can do what the policies ask for. */
static const struct cni_version *version_needed(const struct facts *facts)
{
	static const struct cni_version ipv4 = {1, 7, 7}, ipv6 = {1, 16, 0};
	return facts_ipv6(facts) ? &ipv6 : &ipv4;
}

static void say_too_old(struct check_run *run, const struct check *check,
                        const struct cni_facts *cni, const struct cni_version *needed)
{
	char what[WHAT_MAX];
	(void)snprintf(what, sizeof(what), "it is version %u.%u.%u, before %u.%u.%u",
	               cni->version.major, cni->version.minor, cni->version.patch, needed->major,
	               needed->minor, needed->patch);
	say_of_cni(run, check, cni, what,
	           "aws eks update-addon --cluster-name CLUSTER --addon-name vpc-cni "
	           "--addon-version …    # as aws eks describe-addon-versions lists them");
}

static void judge_version(struct check_run *run, const struct cni_facts *cni, bool has_policies)
{
	const struct cni_version *needed = version_needed(run->facts);
	check_judged(run, &cni_too_old);
	check_judged(run, &cni_mode_too_old);
	if (has_policies && cni_is_before(cni, needed))
		say_too_old(run, &cni_too_old, cni, needed);
	else if (strcmp(cni->mode_text, "standard") == 0 && cni_is_before(cni, &cni_has_mode))
		say_too_old(run, &cni_mode_too_old, cni, &cni_has_mode);
}

/* The pods that policies match: Fargate gives them their groups without the VPC CNI. */
static bool are_all_on_fargate(const struct facts *facts)
{
	size_t count, on_fargate = 0;
	const struct pod_facts *pods = facts_of(facts, FACT_POD, &count);
	for (size_t i = 0; i < count; i++) {
		if (pods[i].groups.policy_count == 0)
			continue;
		if (!pods[i].fargate)
			return false;
		on_fargate++;
	}
	return on_fargate > 0;
}

static void judge_cni(struct check_run *run, const struct cni_facts *cni)
{
	size_t policy_count;
	(void)facts_of(run->facts, FACT_POLICY, &policy_count);
	judge_setting(run, cni);
	if (cni_has_version(cni)) {
		judge_version(run, cni, policy_count > 0);
	} else {
		check_needs(run, &cni_too_old, NEEDS_VERSION);
		check_needs(run, &cni_mode_too_old, NEEDS_VERSION);
	}
	if (!run->facts->known[FACT_POLICY])
		return;
	check_judged(run, &cni_pod_eni_off);
	if (policy_count > 0 && !cni->pod_eni && !are_all_on_fargate(run->facts))
		say_of_cni(run, &cni_pod_eni_off, cni, "ENABLE_POD_ENI is not true",
		           "kubectl set env daemonset aws-node -n kube-system ENABLE_POD_ENI=true");
}

/* One that has groups; a template rather than a pod; NULL: there is none. */
static const struct pod_facts *find_selected(const struct facts *facts, const char *namespace,
                                             const struct selector *selector)
{
	static const enum fact_kind kinds[] = {FACT_TEMPLATE, FACT_POD};
	for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
		const void *of_namespace;
		size_t count;
		facts_of_namespace(facts, kinds[k], namespace, &of_namespace, &count);
		const struct pod_facts *pods = of_namespace;
		for (size_t i = 0; i < count; i++)
			if (has_groups(&pods[i]) && is_judged(facts, &pods[i]) &&
			    selector_matches(selector, &pods[i].labels) &&
			    (kinds[k] == FACT_POD || !is_made_by_template(facts, &pods[i])))
				return &pods[i];
	}
	return NULL;
}

static bool has_node_ports(const struct service_facts *service)
{
	return strcmp(service->type, "NodePort") == 0 || strcmp(service->type, "LoadBalancer") == 0;
}

static bool in_namespace(const struct facts *facts, const struct fact *fact)
{
	return !facts->namespace[0] || strcmp(facts->namespace, fact->namespace) == 0;
}

static void say_local(struct check_run *run, const struct service_facts *service,
                      const struct pod_facts *pod)
{
	struct finding *finding = check_found(run, &strict_service_local, "Service", &service->fact,
	                                      "its externalTrafficPolicy is Local, and it selects "
	                                      "%s %s",
	                                      pod->kind, pod->fact.name);
	finding_fix(run, finding,
	            "kubectl patch service %s -n %s -p "
	            "'{\"spec\":{\"externalTrafficPolicy\":\"Cluster\"}}'    # or\n" STANDARD_FIX,
	            service->fact.name, service->fact.namespace);
}

static void say_instance_targets(struct check_run *run, const struct service_facts *service,
                                 const struct pod_facts *pod)
{
	struct finding *finding =
		check_found(run, &strict_instance_targets, "Service", &service->fact,
	                    "its load balancer's targets are nodes, and it selects %s %s",
	                    pod->kind, pod->fact.name);
	finding_fix(run, finding,
	            "kubectl annotate --overwrite service %s -n %s "
	            "service.beta.kubernetes.io/aws-load-balancer-nlb-target-type=ip    # where "
	            "the AWS Load Balancer Controller made it; else a new Service with "
	            "loadBalancerClass: service.k8s.aws/nlb",
	            service->fact.name, service->fact.namespace);
}

static void judge_service(struct check_run *run, const struct cni_facts *cni,
                          const struct service_facts *service)
{
	const struct pod_facts *pod = NULL;
	bool balanced = strcmp(service->type, "LoadBalancer") == 0;
	/* A load balancer that goes to pods directly needs no port of a node. */
	if (!has_node_ports(service) || (balanced && service->ip_targets) ||
	    !in_namespace(run->facts, &service->fact))
		return;
	if (cni->mode == MODE_STRICT && service_has_selector(service))
		pod = find_selected(run->facts, service->fact.namespace, service->pods);
	check_judged(run, &strict_service_local);
	if (pod && service->external_local)
		say_local(run, service, pod);
	if (!balanced)
		return;
	check_judged(run, &strict_instance_targets);
	if (pod && !service->external_local)
		say_instance_targets(run, service, pod);
}

static void judge_services(struct check_run *run, const struct cni_facts *cni)
{
	size_t count;
	const struct service_facts *services = facts_of(run->facts, FACT_SERVICE, &count);
	for (size_t i = 0; i < count; i++)
		judge_service(run, cni, &services[i]);
}

static void judge_network_policies(struct check_run *run, const struct cni_facts *cni)
{
	static const struct selector everything = {0};
	size_t count;
	const struct network_policy_facts *policies =
		facts_of(run->facts, FACT_NETWORK_POLICY, &count);
	for (size_t i = 0; i < count; i++) {
		const struct selector *selector = policies[i].pods ? policies[i].pods : &everything;
		const struct pod_facts *pod = NULL;
		struct finding *finding;
		if (!in_namespace(run->facts, &policies[i].fact))
			continue;
		check_judged(run, &strict_network_policy);
		if (cni->mode == MODE_STRICT)
			pod = find_selected(run->facts, policies[i].fact.namespace, selector);
		if (!pod)
			continue;
		finding =
			check_found(run, &strict_network_policy, "NetworkPolicy", &policies[i].fact,
		                    "it selects %s %s, which is strict", pod->kind, pod->fact.name);
		finding_fix(run, finding, STANDARD_FIX);
	}
}

static enum judgement judge_identity(struct check_run *run, const struct pod_facts *pod, char *what)
{
	const struct cni_facts *cni = facts_cni(run->facts);
	if (!has_groups(pod))
		return NOT_JUDGED;
	(void)snprintf(what, WHAT_MAX,
	               "AWS_CONTAINER_CREDENTIALS_FULL_URI names the node's Pod Identity agent");
	return pod->pod_identity && cni->mode == MODE_STRICT ? JUDGED_WRONG : JUDGED_RIGHT;
}

static void fix_identity(struct check_run *run, struct finding *finding,
                         const struct pod_facts *pod)
{
	finding_fix(
		run, finding,
		"kubectl annotate serviceaccount %s -n %s eks.amazonaws.com/role-arn=…    # IAM "
		"roles for service accounts; or\n" STANDARD_FIX,
		pod->service_account, pod->fact.namespace);
}

/* cni: NULL = not known. Where no pod is strict, nobody asks what only strict pods can't do. */
static void say_needs(struct check_run *run, const struct cni_facts *cni)
{
	static const struct check *const of_pods[] = {&strict_service_local,
	                                              &strict_instance_targets,
	                                              &strict_network_policy, &strict_pod_identity};
	const struct facts *facts = run->facts;
	if (!cni)
		group_needs(run, &check_mode, NEEDS_CNI);
	if (!facts->known[FACT_POLICY])
		check_needs(run, &cni_pod_eni_off, NEEDS_POLICIES);
	if (cni && cni->mode != MODE_STRICT)
		return;
	for (size_t i = 0; i < sizeof(of_pods) / sizeof(of_pods[0]); i++) {
		if (!facts->known[FACT_POD])
			check_needs(run, of_pods[i], NEEDS_PODS);
		if (!facts->known[FACT_POLICY])
			check_needs(run, of_pods[i], NEEDS_POLICIES);
	}
	if (!facts->known[FACT_SERVICE]) {
		check_needs(run, &strict_service_local, NEEDS_SERVICES);
		check_needs(run, &strict_instance_targets, NEEDS_SERVICES);
	}
	if (!facts->known[FACT_NETWORK_POLICY])
		check_needs(run, &strict_network_policy, NEEDS_NETWORK_POLICIES);
}

static void run_mode(struct check_run *run)
{
	const struct cni_facts *cni = facts_cni(run->facts);
	/* With another CNI no pod is strict. */
	if (facts_other_cni(run->facts))
		return;
	say_needs(run, cni);
	if (!cni)
		return;
	judge_cni(run, cni);
	judge_services(run, cni);
	judge_network_policies(run, cni);
	judge_pods(run, &strict_pod_identity, judge_identity, fix_identity);
}

const struct check_group check_mode = {"Mode", checks, run_mode, false};
