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

#define GROUP(members) "{\"SecurityGroups\":[\n{\"GroupId\":\"sg-1\"," members "}]}"
#define PERMISSION(members) GROUP("\"IpPermissions\":[{\n" members "}]")
#define PERMISSION_PATH "SecurityGroups[0].IpPermissions[0]."
#define INTERFACE(members)                                                                         \
	"{\"NetworkInterfaces\":[{\"NetworkInterfaceId\":\"eni-1\",\n" members "}]}"
#define POD(metadata, rest)                                                                        \
	"apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  " metadata "\n" rest "\n"
#define ANNOTATED(text) POD("annotations:\n    vpc.amazonaws.com/pod-eni: '" text "'", "")
#define ANNOTATION "d.yaml:6: metadata.annotations.vpc.amazonaws.com/pod-eni"
#define POLICY(spec)                                                                               \
	"apiVersion: vpcresources.k8s.aws/v1beta1\nkind: SecurityGroupPolicy\n"                    \
	"metadata: {name: p}\nspec:\n  " spec "\n"

struct refusal {
	const char *text;
	const char *message;
};

static void assert_all_refused(const struct refusal *refusals, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_refused(refusals[i].text, -EINVAL, refusals[i].message);
}
#define ASSERT_ALL_REFUSED(refusals)                                                               \
	assert_all_refused(refusals, sizeof(refusals) / sizeof((refusals)[0]))

static void broken_rules_are_refused(void **state)
{
	static const struct refusal refusals[] = {
		{PERMISSION("\"IpProtocol\":\"-1\",\"IpRanges\":[{\"CidrIp\":\"10.0.0.0/8\"},\n"
	                    "{\"CidrIp\":\"10.0.0.0/40\"}]"),
	         "d.json:4: " PERMISSION_PATH
	         "IpRanges[1].CidrIp: \"10.0.0.0/40\": expected an IPv4 prefix, length 0 to 32"},
		{PERMISSION("\"IpProtocol\":\"-1\",\"IpRanges\":[{\"CidrIp\":\"::/0\"}]"),
	         "d.json:3: " PERMISSION_PATH
	         "IpRanges[0].CidrIp: \"::/0\": expected an IPv4 prefix, length 0 to 32"},
		{PERMISSION("\"IpProtocol\":\"-1\",\"Ipv6Ranges\":[{\"CidrIpv6\":\"0.0.0.0/0\"}]"),
	         "d.json:3: " PERMISSION_PATH
	         "Ipv6Ranges[0].CidrIpv6: \"0.0.0.0/0\": expected an IPv6 prefix, length 0 to 128"},
		{PERMISSION("\"IpProtocol\":\"-1\",\"IpRanges\":[{}]"),
	         "d.json:3: " PERMISSION_PATH "IpRanges[0].CidrIp: is missing"},
		{PERMISSION("\"IpProtocol\":\"-1\",\"IpRanges\":[{\"CidrIp\":7}]"),
	         "d.json:3: " PERMISSION_PATH "IpRanges[0].CidrIp: \"7\": expected a string"},
		{PERMISSION("\"IpProtocol\":\"-1\",\"IpRanges\":{}"),
	         "d.json:3: " PERMISSION_PATH "IpRanges: expected an array"},
		{PERMISSION("\"IpProtocol\":\"-1\",\"UserIdGroupPairs\":[{\"UserId\":\"1\"}]"),
	         "d.json:3: " PERMISSION_PATH "UserIdGroupPairs[0].GroupId: is missing"},
		{PERMISSION("\"IpProtocol\":\"-1\",\"PrefixListIds\":[{\"PrefixListId\":\"\"}]"),
	         "d.json:3: " PERMISSION_PATH
	         "PrefixListIds[0].PrefixListId: \"\": must not be empty"},
		{PERMISSION("\"FromPort\":1"),
	         "d.json:2: " PERMISSION_PATH "IpProtocol: is missing"},
		{PERMISSION("\"IpProtocol\":\"sctp\""),
	         "d.json:3: " PERMISSION_PATH
	         "IpProtocol: \"sctp\": expected tcp, udp, icmp, icmpv6, "
	         "-1 or a protocol number, 0 to 255"},
		{PERMISSION("\"IpProtocol\":256"),
	         "d.json:3: " PERMISSION_PATH
	         "IpProtocol: \"256\": expected tcp, udp, icmp, icmpv6, "
	         "-1 or a protocol number, 0 to 255"},
		{PERMISSION("\"IpProtocol\":1.5"),
	         "d.json:3: " PERMISSION_PATH
	         "IpProtocol: \"1.5\": expected tcp, udp, icmp, icmpv6, "
	         "-1 or a protocol number, 0 to 255"},
		{PERMISSION("\"IpProtocol\":\"tcp\",\"FromPort\":1"),
	         "d.json:2: " PERMISSION_PATH
	         "ToPort: is missing: tcp and udp need FromPort and ToPort"},
		{PERMISSION("\"IpProtocol\":\"udp\",\"FromPort\":443,\"ToPort\":80"),
	         "d.json:3: " PERMISSION_PATH
	         "FromPort: \"443\": expected at most ToPort, which is 80"},
		{PERMISSION("\"IpProtocol\":\"tcp\",\"FromPort\":-1,\"ToPort\":80"),
	         "d.json:3: " PERMISSION_PATH
	         "FromPort: \"-1\": expected a whole number, 0 to 65535"},
		{PERMISSION("\"IpProtocol\":\"tcp\",\"FromPort\":1,\n\"ToPort\":1e99"),
	         "d.json:4: " PERMISSION_PATH
	         "ToPort: \"1e+99\": expected a whole number, 0 to 65535"},
		{PERMISSION("\"IpProtocol\":\"tcp\",\"FromPort\":\"1\",\"ToPort\":1"),
	         "d.json:3: " PERMISSION_PATH
	         "FromPort: \"1\": expected a whole number, 0 to 65535"},
		{PERMISSION("\"IpProtocol\":\"icmp\",\"FromPort\":256,\"ToPort\":0"),
	         "d.json:3: " PERMISSION_PATH
	         "FromPort: \"256\": expected a whole number, -1 to 255"},
		{PERMISSION("\"IpProtocol\":\"icmpv6\",\"FromPort\":1,\"ToPort\":-2"),
	         "d.json:3: " PERMISSION_PATH "ToPort: \"-2\": expected a whole number, -1 to 255"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(refusals);
}

static void broken_ids_and_names_are_refused(void **state)
{
	static const struct refusal refusals[] = {
		{"{\"SecurityGroups\":[{\"GroupName\":\"x\"}]}",
	         "d.json:1: SecurityGroups[0].GroupId: is missing"},
		{"{\"SecurityGroups\":[1]}", "d.json:1: SecurityGroups[0].GroupId: is missing"},
		{"{\"SecurityGroups\":{}}", "d.json:1: SecurityGroups: expected an array"},
		{"SecurityGroups: text\n", "d.yaml:1: SecurityGroups: \"text\": expected an array"},
		{"{\"SecurityGroups\":[{\"GroupId\":\"sg\\u0007\"}]}",
	         "d.json:1: SecurityGroups[0].GroupId: \"sg\\x07\": expected at most 255 printable "
	         "characters without spaces"},
		{GROUP("\"GroupName\":\"a\\nb\""), "d.json:2: SecurityGroups[0].GroupName: "
	                                           "\"a\\x0ab\": expected at most 1024 bytes of "
	                                           "UTF-8 without control characters"},
		{GROUP("\"GroupName\":\"\xc2\x9b\""), "d.json:2: SecurityGroups[0].GroupName: "
	                                              "\"\\xc2\\x9b\": expected at most 1024 bytes "
	                                              "of UTF-8 without control characters"},
		{GROUP("\"GroupName\":\"\xff\""),
	         "d.json:2: SecurityGroups[0].GroupName: \"\\xff\": expected at most 1024 bytes of "
	         "UTF-8 without control characters"},
		{GROUP("\"GroupName\":\"\xe0\x80\x80\""),
	         "d.json:2: SecurityGroups[0].GroupName: \"\\xe0\\x80\\x80\": expected at most "
	         "1024 "
	         "bytes of UTF-8 without control characters"},
		{INTERFACE("\"Groups\":[{}]"),
	         "d.json:2: NetworkInterfaces[0].Groups[0].GroupId: is missing"},
		{INTERFACE("\"SourceDestCheck\":\"no\""),
	         "d.json:2: NetworkInterfaces[0].SourceDestCheck: \"no\": expected true or false"},
		{INTERFACE("\"PrivateIpAddress\":\"10.0.0.1/32\""),
	         "d.json:2: NetworkInterfaces[0].PrivateIpAddress: \"10.0.0.1/32\": expected an "
	         "IPv4 "
	         "address"},
		{INTERFACE("\"Ipv6Addresses\":[{\"Ipv6Address\":\"10.0.0.1\"}]"),
	         "d.json:2: NetworkInterfaces[0].Ipv6Addresses[0].Ipv6Address: \"10.0.0.1\": "
	         "expected "
	         "an IPv6 address"},
		{INTERFACE("\"Ipv4Prefixes\":[{\"Ipv4Prefix\":\"x\"}]"),
	         "d.json:2: NetworkInterfaces[0].Ipv4Prefixes[0].Ipv4Prefix: \"x\": expected an "
	         "IPv4 "
	         "prefix, length 0 to 32"},
		{"{\"Entries\":[{\"Cidr\":\"10.0.0.0/8\"}]}",
	         "d.json:1: PrefixListId: is missing: add the id of the list whose Entries these "
	         "are"},
		{"{\"PrefixListId\":\"pl-1\",\"Entries\":[{\"Cidr\":\"x\"}]}",
	         "d.json:1: Entries[0].Cidr: \"x\": expected an IPv4 or IPv6 prefix"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(refusals);
}

static void broken_pods_are_refused(void **state)
{
	static const struct refusal refusals[] = {
		{"apiVersion: v1\nkind: Pod\n", "d.yaml:1: metadata: is missing"},
		{"apiVersion: v1\nkind: Pod\nmetadata: []\n",
	         "d.yaml:3: metadata: expected an object"},
		{"apiVersion: v1\nkind: Pod\nmetadata:\n  x: 1\n",
	         "d.yaml:3: metadata.name: is missing"},
		{"apiVersion: v1\nkind: Pod\nmetadata:\n  name: 5\n",
	         "d.yaml:4: metadata.name: \"5\": expected a string"},
		{POD("labels: {a: 5}", ""),
	         "d.yaml:5: metadata.labels.a: \"5\": expected a string"},
		{POD("labels: [a]", ""), "d.yaml:5: metadata.labels: expected an object"},
		{POD("creationTimestamp: yesterday", ""),
	         "d.yaml:5: metadata.creationTimestamp: \"yesterday\": expected a time like "
	         "2026-01-31T12:00:00Z"},
		{POD("creationTimestamp: 2026-13-01T00:00:00Z", ""),
	         "d.yaml:5: metadata.creationTimestamp: \"2026-13-01T00:00:00Z\": expected a time "
	         "like "
	         "2026-01-31T12:00:00Z"},
		{POD("creationTimestamp: 2026-01-01T00:00:00+01:00", ""),
	         "d.yaml:5: metadata.creationTimestamp: \"2026-01-01T00:00:00+01:00\": expected a "
	         "time "
	         "like 2026-01-31T12:00:00Z"},
		{POD("uid: x", "spec: {hostNetwork: 'yes'}"),
	         "d.yaml:6: spec.hostNetwork: \"yes\": expected true or false"},
		{POD("uid: x", "status: {podIPs: [{ip: 10.0.0}]}"),
	         "d.yaml:6: status.podIPs[0].ip: \"10.0.0\": expected an IPv4 or IPv6 address"},
		{"{\"kind\":\"List\",\"items\":[\n{\"metadata\":{\"name\":\"a\"}},\n{\"kind\":5}]}",
	         "d.json:3: items[1].kind: \"5\": expected a string"},
		{"{\"items\":[{\"metadata\":{}}]}", "d.json:1: items[0].kind: is missing, and no "
	                                            "kind of list stands before this item"},
		{"- a\n", "d.yaml:1: expected an object"},
		{"text\n", "d.yaml:1: \"text\": expected an object"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(refusals);
}

static void broken_annotations_are_refused(void **state)
{
	static const struct refusal refusals[] = {
		{ANNOTATED("eni-1"),
	         ANNOTATION ": \"eni-1\": expected an array in JSON: line 1: not "
	                    "JSON: a value is expected"},
		{ANNOTATED("[{\"vlanId\":1}"),
	         ANNOTATION ": \"[{\"vlanId\":1}\": expected an array in JSON: line 1: not JSON, "
	                    "truncated: a comma or ] is expected"},
		{ANNOTATED("[] []"),
	         ANNOTATION ": \"[] []\": expected an array in JSON: line 1: not "
	                    "JSON: text behind the end of the document"},
		{ANNOTATED("[]"),
	         ANNOTATION ": \"[]\": expected an array in JSON of at least one ENI"},
		{ANNOTATED("{}"),
	         ANNOTATION ": \"{}\": expected an array in JSON of at least one ENI"},
		{ANNOTATED("[1]"), ANNOTATION "[0].vlanId: is missing"},
		{ANNOTATED("[{\"vlanId\":1}]"), ANNOTATION "[0].eniId: is missing"},
		{ANNOTATED("[{\"eniId\":\"eni-1\",\"vlanId\":0}]"),
	         ANNOTATION "[0].vlanId: \"0\": expected a whole number, 1 to 4094"},
		{ANNOTATED("[{\"eniId\":\"eni-1\",\"vlanId\":4095}]"),
	         ANNOTATION "[0].vlanId: \"4095\": expected a whole number, 1 to 4094"},
		{ANNOTATED("[{\"eniId\":\"eni-1\",\"vlanId\":\"1\"}]"),
	         ANNOTATION "[0].vlanId: \"1\": expected a whole number, 1 to 4094"},
		{ANNOTATED("[{\"eniId\":\"eni-1\",\"vlanId\":1,\"privateIp\":\"::1\"}]"),
	         ANNOTATION "[0].privateIp: \"::1\": expected an IPv4 address"},
		{POD("annotations:\n    vpc.amazonaws.com/pod-eni: 5", ""),
	         ANNOTATION ": \"5\": expected a string"},
		{"{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\","
	         "\n\"annotations\":"
	         "{\n\"vpc.amazonaws.com/pod-eni\":\"[{\\\"vlanId\\\":5}]\"}}}",
	         "d.json:3: metadata.annotations.vpc.amazonaws.com/pod-eni[0].eniId: is missing"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(refusals);
}

static void broken_policies_are_refused(void **state)
{
	static const struct refusal refusals[] = {
		{"apiVersion: vpcresources.k8s.aws/v1beta1\nkind: SecurityGroupPolicy\n"
	         "metadata: {name: p}\n",
	         "d.yaml:1: spec: is missing"},
		{POLICY("podSelector: all"),
	         "d.yaml:5: spec.podSelector: \"all\": expected an object"},
		{POLICY("podSelector: {matchLabels: [a]}"),
	         "d.yaml:5: spec.podSelector.matchLabels: expected an object"},
		{POLICY("podSelector: {matchLabels: {a: true}}"),
	         "d.yaml:5: spec.podSelector.matchLabels.a: \"true\": expected a string"},
		{POLICY("podSelector: {matchExpressions: [{operator: In}]}"),
	         "d.yaml:5: spec.podSelector.matchExpressions[0].key: is missing"},
		{POLICY("podSelector: {matchExpressions: [{key: a, operator: In, values: [1]}]}"),
	         "d.yaml:5: spec.podSelector.matchExpressions[0].values[0]: \"1\": expected a "
	         "string"},
		{POLICY("securityGroups: {groupIds: sg-1}"),
	         "d.yaml:5: spec.securityGroups.groupIds: \"sg-1\": expected an array"},
		{POLICY("securityGroups: {groupIds: ['sg 1']}"),
	         "d.yaml:5: spec.securityGroups.groupIds[0]: \"sg 1\": expected at most 255 "
	         "printable "
	         "characters without spaces"},
	};

	(void)state;
	ASSERT_ALL_REFUSED(refusals);
}

static void a_second_definition_is_refused_with_the_line_of_the_first(void **state)
{
	static const struct refusal refusals[] = {
		{"{\"SecurityGroups\":[\n{\"GroupId\":\"sg-1\"},\n{\"GroupId\":\"sg-1\"}]}",
	         "d.json:3: SecurityGroups[1].GroupId: \"sg-1\": already defined at line 2"},
		{"{\"NetworkInterfaces\":[\n{\"NetworkInterfaceId\":\"eni-1\"},\n"
	         "{\"NetworkInterfaceId\":\"eni-1\"}]}",
	         "d.json:3: NetworkInterfaces[1].NetworkInterfaceId: \"eni-1\": already defined at "
	         "line 2"},
		{"{\"PrefixLists\":[{\"PrefixListId\":\"pl-1\"},\n{\"PrefixListId\":\"pl-1\"}]}",
	         "d.json:2: PrefixLists[1].PrefixListId: \"pl-1\": already defined at line 1"},
		{"PrefixListId: pl-1\nEntries: []\n---\nPrefixListId: pl-1\nEntries: []\n",
	         "d.yaml:4: PrefixListId: \"pl-1\": already defined at line 1"},
		{"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n"
	         "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: default}\n",
	         "d.yaml:7: metadata.name: \"a\": already defined at line 1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		assert_refused(refusals[i].text, -EEXIST, refusals[i].message);
}

static void the_same_name_elsewhere_is_another_object(void **state)
{
	struct document *document = load_yaml(
		"apiVersion: v1\nkind: List\nitems:\n"
		"- {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: x}}\n"
		"- {apiVersion: v1, kind: Pod, metadata: {name: a, namespace: y}}\n"
		"- {apiVersion: v1, kind: ServiceAccount, metadata: {name: a, namespace: x}}\n"
		"- {apiVersion: v1, kind: Node, metadata: {name: a}}\n");

	(void)state;
	assert_int_equal(document->pod_count, 2);
	document_free(document);
}

static void text_that_is_no_document_is_refused(void **state)
{
	(void)state;
	assert_refused("{\"SecurityGroups\":[{\n", -EBADMSG,
	               "d.json:2: not JSON, truncated: a member's name in quotes is expected");
	assert_refused("{\"SecurityGroups\":[]}x", -EBADMSG,
	               "d.json:1: not JSON: text behind the end of the document");
	assert_refused("{\"SecurityGroups\":[{\"GroupId\":\"\\ud800\"}]}", -EBADMSG,
	               "d.json:1: not JSON: half a surrogate pair in a string");
	assert_refused("SecurityGroups: [\n", -EBADMSG,
	               "d.yaml:2: not YAML: did not find expected node content");
	assert_refused("", -EBADMSG, "d.yaml: is empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(broken_rules_are_refused),
		cmocka_unit_test(broken_ids_and_names_are_refused),
		cmocka_unit_test(broken_pods_are_refused),
		cmocka_unit_test(broken_annotations_are_refused),
		cmocka_unit_test(broken_policies_are_refused),
		cmocka_unit_test(a_second_definition_is_refused_with_the_line_of_the_first),
		cmocka_unit_test(the_same_name_elsewhere_is_another_object),
		cmocka_unit_test(text_that_is_no_document_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
