/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/check/facts_cluster.h"
#include "nft-sync/check/facts_cni.h"
#include "nft-sync/check/facts_proxy.h"

#define TEXT_MAX 2048

static struct model *model;
static struct config *config;
static struct facts facts;

static void open_facts(void)
{
	struct error err = {0};
	model = model_new();
	assert_non_null(model);
	assert_int_equal(config_load(NULL, &config, &err), 0);
	assert_int_equal(facts_open(&facts, model, config, &err), 0);
}

static void close_facts(void)
{
	facts_close(&facts);
	config_free(config);
	model_free(model);
}

static int put(const char *text)
{
	struct error err = {0};
	return facts_put(&facts, "test.yaml", DOCUMENT_YAML, text, strlen(text), &err);
}

static void read_text(const char *text)
{
	struct error err = {0};
	open_facts();
	if (put(text) < 0)
		fail_msg("refused: %s", text);
	assert_int_equal(facts_settle(&facts, &err), 0);
}

static void read_daemon_set(const char *name, const char *container)
{
	char text[TEXT_MAX];
	(void)snprintf(text, sizeof(text),
	               "apiVersion: apps/v1\nkind: DaemonSet\n"
	               "metadata: {name: %s, namespace: kube-system}\n"
	               "spec: {template: {spec: {containers: [%s]}}}\n",
	               name, container);
	read_text(text);
}

static void the_cni_has_the_version_of_its_image(void **state)
{
	static const struct {
		const char *image;
		unsigned version[3];
	} cases[] = {
		{"602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon-k8s-cni:v1.18.1-eksbuild.3",
	         {1, 18, 1}},
		{"amazon-k8s-cni:v1.7.10", {1, 7, 10}},
		{"amazon-k8s-cni:1.11", {1, 11, 0}},
		{"amazon-k8s-cni:v1.11.0@sha256:0123", {1, 11, 0}},
		{"registry.example:5000/amazon-k8s-cni", {0, 0, 0}},
		{"registry.example:5000/amazon-k8s-cni@sha256:0123", {0, 0, 0}},
		{"amazon-k8s-cni:latest", {0, 0, 0}},
		{"amazon-k8s-cni:v99999999999999999999.1.1", {0, 0, 0}},
		{"amazon-k8s-cni:", {0, 0, 0}},
		{"amazon-k8s-cni:v-1.2.3", {0, 0, 0}},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char container[TEXT_MAX / 2];
		(void)snprintf(container, sizeof(container), "{name: aws-node, image: \"%s\"}",
		               cases[i].image);
		read_daemon_set("aws-node", container);
		const struct cni_facts *cni = facts_cni(&facts);
		assert_non_null(cni);
		if (cni->version.major != cases[i].version[0] ||
		    cni->version.minor != cases[i].version[1] ||
		    cni->version.patch != cases[i].version[2])
			fail_msg("%s: %u.%u.%u", cases[i].image, cni->version.major,
			         cni->version.minor, cni->version.patch);
		close_facts();
	}
}

static void versions_are_compared_number_by_number(void **state)
{
	static const struct cni_version asked = {1, 11, 2};
	static const struct {
		struct cni_version version;
		bool before;
	} cases[] = {
		{{1, 11, 1}, true},  {{1, 11, 2}, false}, {{1, 9, 30}, true}, {{0, 99, 99}, true},
		{{1, 12, 0}, false}, {{2, 0, 0}, false},  {{0, 0, 0}, false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct cni_facts cni = {.version = cases[i].version};
		if (cni_is_before(&cni, &asked) != cases[i].before)
			fail_msg("%u.%u.%u", cni.version.major, cni.version.minor,
			         cni.version.patch);
	}
}

static void the_cni_has_the_settings_of_its_environment(void **state)
{
	static const char container[] =
		"{name: aws-node, image: \"cni:v1.18.1\", env: ["
		"{name: ENABLE_POD_ENI, value: \"1\"},"
		"{name: AWS_VPC_K8S_CNI_EXTERNALSNAT, value: yes-please},"
		"{name: AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG, value: \"True\"},"
		"{name: AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS, value: \"10.8.0.0/16, 10.9.0.0/16,x\"},"
		"{name: AWS_VPC_K8S_CNI_VETHPREFIX, value: pod},"
		"{name: POD_SECURITY_GROUP_ENFORCING_MODE, value: STANDARD},"
		"{name: MY_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]},"
		"{name: other, env: [{name: ENABLE_POD_ENI, value: \"false\"}]}";
	char text[PREFIX_TEXT_MAX];
	(void)state;
	read_daemon_set("aws-node", container);
	const struct cni_facts *cni = facts_cni(&facts);
	assert_non_null(cni);
	assert_true(cni->pod_eni);
	assert_false(cni->external_snat);
	assert_true(cni->custom_networking);
	assert_int_equal(cni->excluded_count, 2);
	assert_string_equal(prefix_text(&cni->excluded[1], text), "10.9.0.0/16");
	assert_string_equal(cni->veth_prefix, "pod");
	assert_string_equal(cni->mode_text, "STANDARD");
	assert_int_equal(cni->mode, MODE_STRICT);
	close_facts();
}

static void what_the_environment_does_not_say_is_the_default(void **state)
{
	(void)state;
	read_daemon_set("aws-node", "{name: aws-node, image: \"cni:v1.18.1\"}");
	const struct cni_facts *cni = facts_cni(&facts);
	assert_non_null(cni);
	assert_false(cni->pod_eni || cni->external_snat || cni->custom_networking);
	assert_false(cni->early_demux_off);
	assert_int_equal(cni->excluded_count, 0);
	assert_string_equal(cni->veth_prefix, "eni");
	assert_string_equal(cni->mode_text, "");
	assert_int_equal(cni->mode, MODE_STRICT);
	close_facts();
}

static void another_daemon_set_is_not_the_cni(void **state)
{
	(void)state;
	read_daemon_set("calico-node", "{name: aws-node, image: \"cni:v1.18.1\"}");
	assert_null(facts_cni(&facts));
	close_facts();
}

static void only_a_list_of_all_daemon_sets_says_that_the_cni_is_another(void **state)
{
#define CALICO "metadata: {name: calico-node, namespace: kube-system}"
	static const struct {
		const char *text;
		bool other;
	} cases[] = {
		{"apiVersion: apps/v1\nkind: DaemonSet\n" CALICO "\n", false},
		{"apiVersion: v1\nkind: List\nitems: [{apiVersion: apps/v1, kind: "
	         "DaemonSet, " CALICO "}]\n",
	         false},
		{"apiVersion: apps/v1\nkind: DaemonSetList\nitems: [{" CALICO "}]\n", true},
		{"apiVersion: apps/v1\nkind: DaemonSetList\nitems: []\n", true},
		{"apiVersion: apps/v1\nkind: DaemonSetList\n"
	         "items: [{metadata: {name: aws-node, namespace: kube-system}}]\n",
	         false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_text(cases[i].text);
		if (facts_other_cni(&facts) != cases[i].other)
			fail_msg("%s", cases[i].text);
		close_facts();
	}
}

/* mode NULL: nothing is known of kube-proxy. */
static void check_proxy(const char *what, const char *mode)
{
	const struct kube_proxy_facts *proxy = facts_kube_proxy(&facts);
	const char *found = proxy ? proxy->mode : "not known";
	if (strcmp(found, mode ? mode : "not known") != 0)
		fail_msg("%s: %s", what, found);
	close_facts();
}

static void kube_proxy_has_the_mode_of_its_config_map(void **state)
{
	static const struct {
		const char *name, *key, *config, *mode;
	} cases[] = {
		{"kube-proxy-config", "config", "mode: \"ipvs\"", "ipvs"},
		{"kube-proxy-config", "config", "mode: iptables", "iptables"},
		{"kube-proxy-config", "config", "mode: \"\"", "iptables"},
		{"kube-proxy-config", "config", "clusterCIDR: \"\"", "iptables"},
		{"kube-proxy-config", "config", "mode: {", NULL},
		{"kube-proxy-config", "config", "mode: turbo", NULL},
		{"kube-proxy-config", "other", "mode: ipvs", NULL},
		{"kube-proxy", "config.conf", "mode: nftables", "nftables"},
		{"kube-proxy-old", "config", "mode: ipvs", NULL},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TEXT_MAX];
		(void)snprintf(text, sizeof(text),
		               "apiVersion: v1\nkind: ConfigMap\n"
		               "metadata: {name: %s, namespace: kube-system}\n"
		               "data:\n  %s: |-\n"
		               "    apiVersion: kubeproxy.config.k8s.io/v1alpha1\n"
		               "    kind: KubeProxyConfiguration\n"
		               "    %s\n",
		               cases[i].name, cases[i].key, cases[i].config);
		read_text(text);
		check_proxy(cases[i].config, cases[i].mode);
	}
}

static void kube_proxy_has_the_mode_of_its_command_line_without_a_file(void **state)
{
	static const struct {
		const char *line, *mode;
	} cases[] = {
		{"command: [kube-proxy, --proxy-mode=ipvs]", "ipvs"},
		{"command: [kube-proxy], args: [--proxy-mode, ipvs]", "ipvs"},
		{"command: [/bin/sh, -c, \"kube-proxy --proxy-mode=ipvs 1>>/var/log/kp.log\"]",
	         "ipvs"},
		{"command: [kube-proxy, --v=2]", "iptables"},
		{"command: [kube-proxy, --v=2, --config=/var/lib/kube-proxy-config/config]", NULL},
		{"command: [kube-proxy, --config, /etc/kp.yaml, --proxy-mode=ipvs]", NULL},
		{"command: [kube-proxy, --config-sync-period=15m, --proxy-mode=ipvs]", "ipvs"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char container[TEXT_MAX / 2];
		(void)snprintf(container, sizeof(container), "{name: kube-proxy, %s}",
		               cases[i].line);
		read_daemon_set("kube-proxy", container);
		check_proxy(cases[i].line, cases[i].mode);
	}
}

static void a_node_local_cache_has_the_addresses_of_its_command_line(void **state)
{
	static const struct {
		const char *args;
		size_t count;
	} cases[] = {
		{"[-localip, \"169.254.20.10,172.20.0.10\", -conf, /etc/Corefile]", 2},
		{"[--localip=169.254.20.10]", 1},
		{"[-conf, /etc/Corefile, -localip]", 0},
		{"[-localip, \"__PILLAR__LOCAL__DNS__,__PILLAR__DNS__SERVER__\"]", 0},
		{"[-upstreamsvc, 169.254.20.10]", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char container[TEXT_MAX / 2];
		(void)snprintf(container, sizeof(container), "{name: node-cache, args: %s}",
		               cases[i].args);
		read_daemon_set("node-local-dns", container);
		const struct node_local_dns_facts *cache = facts_node_local_dns(&facts);
		assert_non_null(cache);
		if (cache->address_count != cases[i].count)
			fail_msg("%s: %zu", cases[i].args, cache->address_count);
		close_facts();
	}
}

static void a_load_balancer_goes_to_pods_where_it_is_asked_to(void **state)
{
#define LB "service.beta.kubernetes.io/aws-load-balancer-"
	static const struct {
		const char *annotations, *spec;
		bool pods;
	} cases[] = {
		{"{}", "{type: LoadBalancer}", false},
		{"{" LB "type: nlb-ip}", "{type: LoadBalancer}", true},
		{"{" LB "type: external, " LB "nlb-target-type: ip}", "{type: LoadBalancer}", true},
		{"{" LB "type: external}", "{type: LoadBalancer}", false},
		{"{" LB "type: nlb, " LB "nlb-target-type: ip}", "{type: LoadBalancer}", false},
		{"{" LB "nlb-target-type: ip}",
	         "{type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb}", true},
		{"{" LB "nlb-target-type: instance}",
	         "{type: LoadBalancer, loadBalancerClass: service.k8s.aws/nlb}", false},
		{"{" LB "type: nlb-ip}", "{type: NodePort}", false},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[TEXT_MAX];
		size_t count;
		(void)snprintf(text, sizeof(text),
		               "apiVersion: v1\nkind: Service\n"
		               "metadata: {name: web, annotations: %s}\nspec: %s\n",
		               cases[i].annotations, cases[i].spec);
		read_text(text);
		const struct service_facts *services = facts_of(&facts, FACT_SERVICE, &count);
		assert_int_equal(count, 1);
		if (services[0].balances_pods != cases[i].pods)
			fail_msg("%s %s", cases[i].annotations, cases[i].spec);
		close_facts();
	}
}

static void of_a_refused_document_nothing_stays(void **state)
{
	static const char good[] = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n---\n";
	static const char *const bad[] = {
		"apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {selector: {app: 3}}\n",
		"apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {selector: [web]}\n",
		"apiVersion: v1\nkind: Service\nmetadata: {namespace: shop}\n",
		"apiVersion: v1\nkind: Service\nmetadata: {name: db}\nspec: {type: [NodePort]}\n",
		"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: db}\n"
		"spec: {podSelector: web}\n",
		"apiVersion: crd.k8s.amazonaws.com/v1alpha1\nkind: ENIConfig\nmetadata: {name: a}\n"
		"spec: {securityGroups: sg-1}\n",
		"apiVersion: vpcresources.k8s.aws/v1alpha1\nkind: CNINode\nmetadata: {name: a}\n"
		"spec: {features: {name: SecurityGroupsForPods}}\n",
		"apiVersion: apps/v1\nkind: DaemonSet\n"
		"metadata: {name: aws-node, namespace: kube-system}\n"
		"spec: {template: {spec: {containers: [{name: aws-node, env: [{name: "
		"AWS_VPC_K8S_CNI_VETHPREFIX, value: 7}]}]}}}\n",
	};
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[TEXT_MAX];
		size_t count;
		open_facts();
		(void)snprintf(text, sizeof(text), "%s%s", good, bad[i]);
		if (put(text) == 0)
			fail_msg("accepted: %s", bad[i]);
		for (size_t kind = 0; kind < FACT_KINDS; kind++) {
			(void)facts_of(&facts, (enum fact_kind)kind, &count);
			assert_int_equal(count, 0);
			assert_false(facts.known[kind]);
		}
		close_facts();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_cni_has_the_version_of_its_image),
		cmocka_unit_test(versions_are_compared_number_by_number),
		cmocka_unit_test(the_cni_has_the_settings_of_its_environment),
		cmocka_unit_test(what_the_environment_does_not_say_is_the_default),
		cmocka_unit_test(another_daemon_set_is_not_the_cni),
		cmocka_unit_test(only_a_list_of_all_daemon_sets_says_that_the_cni_is_another),
		cmocka_unit_test(kube_proxy_has_the_mode_of_its_config_map),
		cmocka_unit_test(kube_proxy_has_the_mode_of_its_command_line_without_a_file),
		cmocka_unit_test(a_node_local_cache_has_the_addresses_of_its_command_line),
		cmocka_unit_test(a_load_balancer_goes_to_pods_where_it_is_asked_to),
		cmocka_unit_test(of_a_refused_document_nothing_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
