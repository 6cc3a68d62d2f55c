/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/documents.h"

static const char pod_list[] =
	"apiVersion: v1\n"
	"items:\n"
	"- apiVersion: v1\n"
	"  kind: Pod\n"
	"  metadata:\n"
	"    annotations:\n"
	"      vpc.amazonaws.com/pod-eni: "
	"'[{\"eniId\":\"eni-1\",\"ifAddress\":\"02:00:00:00:00:01\","
	"\"privateIp\":\"10.0.0.5\",\"ipv6Addr\":\"\",\"vlanId\":3,\"subnetCidr\":\"10.0.0.0/24\","
	"\"subnetV6Cidr\":\"\",\"associationID\":\"trunk-assoc-1\"}]'\n"
	"    creationTimestamp: \"2026-11-22T10:09:08Z\"\n"
	"    labels: {app: web, tier: ''}\n"
	"    name: web-0\n"
	"    namespace: shop\n"
	"    uid: 7f1e\n"
	"  spec:\n"
	"    nodeName: node-1\n"
	"    serviceAccountName: web\n"
	"  status:\n"
	"    phase: Running\n"
	"    podIP: 10.0.0.5\n"
	"    podIPs: [{ip: 10.0.0.5}, {ip: '2001:db8::5'}]\n"
	"- apiVersion: v1\n"
	"  kind: Namespace\n"
	"  metadata: {name: shop}\n"
	"kind: List\n";

static void a_pod_is_read_whole(void **state)
{
	struct document *document = load_yaml(pod_list);
	const struct pod *pod = document->pods;
	char text[PREFIX_TEXT_MAX];

	(void)state;
	assert_int_equal(document->pod_count, 1);
	assert_int_equal(document->warning_count, 0);
	assert_string_equal(pod->namespace, "shop");
	assert_string_equal(pod->name, "web-0");
	assert_string_equal(pod->uid, "7f1e");
	assert_string_equal(pod->node, "node-1");
	assert_string_equal(pod->service_account, "web");
	assert_int_equal(pod->labels.count, 2);
	assert_string_equal(pod->labels.items[0].key, "app");
	assert_string_equal(pod->labels.items[0].value, "web");
	assert_string_equal(pod->labels.items[1].value, "");
	assert_true(pod->created == 1795342148);
	assert_false(pod->host_network);
	assert_false(pod->finished);
	assert_int_equal(pod->address_count, 2);
	assert_string_equal(prefix_text(&pod->addresses[1], text), "2001:db8::5");
	assert_int_equal(pod->line, 3);
	assert_string_equal(pod->eni->id, "eni-1");
	assert_string_equal(pod->eni->mac, "02:00:00:00:00:01");
	assert_int_equal(pod->eni->vlan_id, 3);
	assert_int_equal(pod->eni->address_count, 1);
	assert_string_equal(prefix_text(&pod->eni->addresses[0], text), "10.0.0.5");
	document_free(document);
}

static void what_a_pod_does_not_say_has_kubernetes_defaults(void **state)
{
	struct document *document =
		load_json("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\","
	                  "\"creationTimestamp\":null}}");
	const struct pod *pod = document->pods;

	(void)state;
	assert_string_equal(pod->namespace, "default");
	assert_string_equal(pod->service_account, "default");
	assert_string_equal(pod->node, "");
	assert_string_equal(pod->uid, "");
	assert_true(pod->created == 0);
	assert_null(pod->eni);
	assert_int_equal(pod->address_count, 0);
	document_free(document);
}

static void finished_pods_are_marked(void **state)
{
	static const struct {
		const char *phase;
		bool finished;
	} cases[] = {
		{"Pending", false}, {"Running", false}, {"Succeeded", true},
		{"Failed", true},   {"Unknown", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct document *document;
		char text[128];

		(void)snprintf(
			text, sizeof(text),
			"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nstatus: {phase: %s}\n",
			cases[i].phase);
		document = load_yaml(text);
		assert_int_equal(document->pods[0].finished, cases[i].finished);
		document_free(document);
	}
}

static void the_annotations_keys_have_no_case(void **state)
{
	static const char *const annotations[] = {
		"[{\"eniId\":\"eni-1\",\"vlanId\":7,\"privateIp\":\"\",\"ipv6Addr\":\"2001:db8::"
		"1\"}]",
		"[{\"eniID\":\"eni-1\",\"vlanID\":7,\"ipv6Addr\":\"2001:db8::1\"},{\"vlanId\":9}]",
		" [ {\"ENIID\":\"eni-1\",\"VLANID\":7,\"IPV6ADDR\":\"2001:db8::1\"}, 5 ] ",
	};
	char text[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(annotations) / sizeof(annotations[0]); i++) {
		struct document *document;
		char yaml[512];

		(void)snprintf(yaml, sizeof(yaml),
		               "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  annotations:\n"
		               "    vpc.amazonaws.com/pod-eni: '%s'\n",
		               annotations[i]);
		document = load_yaml(yaml);
		assert_int_equal(document->pods[0].eni->vlan_id, 7);
		assert_int_equal(document->pods[0].eni->address_count, 1);
		assert_string_equal(prefix_text(&document->pods[0].eni->addresses[0], text),
		                    "2001:db8::1");
		document_free(document);
	}
}

static void elements_of_a_typed_list_need_no_kind(void **state)
{
	struct document *document = load_json(
		"{\"kind\":\"SecurityGroupPolicyList\",\"apiVersion\":\"vpcresources.k8s.aws/"
		"v1beta1\","
		"\"metadata\":{},\"items\":[{\"metadata\":{\"name\":\"p\"},\"spec\":{}}]}");

	(void)state;
	assert_int_equal(document->policy_count, 1);
	assert_string_equal(document->policies[0].name, "p");
	document_free(document);
}

static void a_policy_is_read_whole(void **state)
{
	struct document *document =
		load_yaml("apiVersion: vpcresources.k8s.aws/v1beta1\n"
	                  "kind: SecurityGroupPolicy\n"
	                  "metadata: {name: p, namespace: shop}\n"
	                  "spec:\n"
	                  "  podSelector:\n"
	                  "    matchLabels: {app: web}\n"
	                  "    matchExpressions:\n"
	                  "    - {key: tier, operator: NotIn, values: [db, cache]}\n"
	                  "    - {key: example.com/x, operator: Exists}\n"
	                  "    - {key: y, operator: DoesNotExist}\n"
	                  "  serviceAccountSelector: {}\n"
	                  "  securityGroups:\n"
	                  "    groupIds: [sg-1, sg-2]\n");
	const struct security_group_policy *policy = document->policies;
	const struct selector_requirement *requirements = policy->pods->requirements;

	(void)state;
	assert_int_equal(document->warning_count, 0);
	assert_string_equal(policy->namespace, "shop");
	assert_int_equal(policy->pods->count, 4);
	assert_false(policy->pods->invalid);
	assert_int_equal(requirements[0].operator, SELECTOR_IN);
	assert_string_equal(requirements[0].key, "app");
	assert_string_equal(requirements[0].values[0], "web");
	assert_int_equal(requirements[1].operator, SELECTOR_NOT_IN);
	assert_int_equal(requirements[1].value_count, 2);
	assert_int_equal(requirements[2].operator, SELECTOR_EXISTS);
	assert_int_equal(requirements[3].operator, SELECTOR_DOES_NOT_EXIST);
	assert_non_null(policy->service_accounts);
	assert_int_equal(policy->service_accounts->count, 0);
	assert_int_equal(policy->group_count, 2);
	assert_string_equal(policy->groups[1], "sg-2");
	document_free(document);
}

static void an_absent_selector_is_not_an_empty_one(void **state)
{
	struct document *document = load_yaml(
		"apiVersion: vpcresources.k8s.aws/v1beta1\nkind: SecurityGroupPolicy\n"
		"metadata: {name: p}\nspec: {podSelector: {}, serviceAccountSelector: null}\n");

	(void)state;
	assert_non_null(document->policies[0].pods);
	assert_null(document->policies[0].service_accounts);
	assert_int_equal(document->policies[0].group_count, 0);
	document_free(document);
}

static void what_kubernetes_refuses_in_a_selector_selects_nothing(void **state)
{
	static const char long_key[] =
		"matchLabels: {a123456789b123456789c123456789d123456789e123456789f123456789g123: "
		"x}";
	static const char *const selectors[] = {
		long_key,
		"matchLabels: {'-a': x}",
		"matchLabels: {a: 'x y'}",
		"matchLabels: {Example.com/a: x}",
		"matchLabels: {/a: x}",
		"matchLabels: {a/: x}",
		"matchExpressions: [{key: a, operator: in, values: [x]}]",
		"matchExpressions: [{key: a, operator: In}]",
		"matchExpressions: [{key: a, operator: NotIn, values: []}]",
		"matchExpressions: [{key: a, operator: Exists, values: [x]}]",
		"matchExpressions: [{key: a, operator: In, values: ['x/y']}]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++) {
		struct document *document;
		char text[512];

		(void)snprintf(
			text, sizeof(text),
			"apiVersion: vpcresources.k8s.aws/v1beta1\nkind: SecurityGroupPolicy\n"
			"metadata: {name: p}\nspec: {podSelector: {%s}}\n",
			selectors[i]);
		document = load_yaml(text);
		if (!document->policies[0].pods->invalid)
			fail_msg("valid: %s", selectors[i]);
		assert_int_equal(document->warning_count, 1);
		document_free(document);
	}
}

static void accounts_nodes_and_cninodes_are_read(void **state)
{
	struct document *document =
		load_yaml("apiVersion: v1\nkind: ServiceAccount\n"
	                  "metadata: {name: web, namespace: shop, labels: {team: a}}\n"
	                  "---\n"
	                  "apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\n"
	                  "status:\n  addresses:\n  - {type: Hostname, address: node-1}\n"
	                  "  - {type: InternalIP, address: 10.0.0.1}\n"
	                  "  - {type: InternalIP, address: '2001:db8::1'}\n"
	                  "---\n"
	                  "apiVersion: vpcresources.k8s.aws/v1alpha1\nkind: CNINode\n"
	                  "metadata: {name: node-1}\n"
	                  "spec: {features: [{name: CustomNetworking, value: x},"
	                  " {name: SecurityGroupsForPods, value: ''}]}\n"
	                  "---\n"
	                  "apiVersion: vpcresources.k8s.aws/v1alpha1\nkind: CNINode\n"
	                  "metadata: {name: node-2}\nspec: {}\n");
	char text[PREFIX_TEXT_MAX];

	(void)state;
	assert_int_equal(document->service_account_count, 1);
	assert_string_equal(document->service_accounts[0].namespace, "shop");
	assert_string_equal(document->service_accounts[0].labels.items[0].value, "a");
	assert_int_equal(document->node_count, 1);
	assert_int_equal(document->nodes[0].address_count, 2);
	assert_string_equal(prefix_text(&document->nodes[0].addresses[0], text), "10.0.0.1");
	assert_int_equal(document->nodes[0].line, 5);
	assert_int_equal(document->cninode_count, 2);
	assert_true(document->cninodes[0].security_groups_for_pods);
	assert_false(document->cninodes[1].security_groups_for_pods);
	document_free(document);
}

static void an_unknown_kind_is_skipped_with_one_warning(void **state)
{
	(void)state;
	assert_warns(
		"apiVersion: v1\nkind: List\nitems:\n- {kind: ConfigMap, apiVersion: v1}\n"
		"- {kind: ConfigMap, apiVersion: v1}\n",
		"d.yaml:4: items[0].kind: \"ConfigMap\": not a kind that podsg reads, skipped");
	assert_warns("{\"apiVersion\":\"example.com/v1\",\"kind\":\"Pod\"}",
	             "d.json:1: kind: \"Pod\": not a kind that podsg reads, skipped");
	assert_warns("{\"Vpcs\":[{}]}", "d.json:1: holds nothing that podsg reads, skipped");
	assert_warns("Vpcs: []\n", "d.yaml:1: holds nothing that podsg reads, skipped");
}

static void a_pod_keeps_as_many_addresses_as_there_is_room_for(void **state)
{
	const char *text = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nstatus:\n  podIPs:\n"
			   "  - {ip: 10.0.0.1}\n  - {ip: 10.0.0.2}\n  - {ip: 10.0.0.3}\n"
			   "  - {ip: 10.0.0.4}\n  - {ip: 10.0.0.5}\n";

	(void)state;
	assert_warns(text, "d.yaml:10: status.podIPs[4].ip: \"10.0.0.5\": ignored: more than 4 "
	                   "addresses");
}

static void times_are_seconds_since_1970(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2000-02-29T23:59:59Z", 951868799},
		{"2000-03-01T00:00:00Z", 951868800},
		{"2026-12-31T23:59:60Z", 1798761600},
		{"2100-02-28T12:00:00.123456Z", 4107499200},
		{"1969-12-31T23:59:59Z", -1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct document *document;
		char text[256];

		(void)snprintf(
			text, sizeof(text),
			"apiVersion: v1\nkind: Pod\nmetadata: {name: a, creationTimestamp: %s}\n",
			cases[i].text);
		document = load_yaml(text);
		assert_true(document->pods[0].created == cases[i].seconds);
		document_free(document);
	}
}

static void a_pod_that_is_deleted_without_grace_is_marked(void **state)
{
	static const struct {
		const char *metadata;
		bool at_once;
	} cases[] = {
		{"name: a", false},
		{"name: a, deletionTimestamp: \"2026-11-22T10:09:08Z\"", false},
		{"name: a, deletionTimestamp: \"2026-11-22T10:09:08Z\", "
	         "deletionGracePeriodSeconds: 30",
	         false},
		{"name: a, deletionTimestamp: \"2026-11-22T10:09:08Z\", "
	         "deletionGracePeriodSeconds: 0",
	         true},
		{"name: a, deletionGracePeriodSeconds: 0", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct document *document;
		char text[256];

		(void)snprintf(text, sizeof(text), "apiVersion: v1\nkind: Pod\nmetadata: {%s}\n",
		               cases[i].metadata);
		document = load_yaml(text);
		assert_int_equal(document->pods[0].deleted_at_once, cases[i].at_once);
		document_free(document);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pod_is_read_whole),
		cmocka_unit_test(what_a_pod_does_not_say_has_kubernetes_defaults),
		cmocka_unit_test(finished_pods_are_marked),
		cmocka_unit_test(the_annotations_keys_have_no_case),
		cmocka_unit_test(elements_of_a_typed_list_need_no_kind),
		cmocka_unit_test(a_policy_is_read_whole),
		cmocka_unit_test(an_absent_selector_is_not_an_empty_one),
		cmocka_unit_test(what_kubernetes_refuses_in_a_selector_selects_nothing),
		cmocka_unit_test(accounts_nodes_and_cninodes_are_read),
		cmocka_unit_test(an_unknown_kind_is_skipped_with_one_warning),
		cmocka_unit_test(a_pod_keeps_as_many_addresses_as_there_is_room_for),
		cmocka_unit_test(times_are_seconds_since_1970),
		cmocka_unit_test(a_pod_that_is_deleted_without_grace_is_marked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
