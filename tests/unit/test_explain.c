/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "nft-sync/judge/explain.h"
#include "tests/unit/setting.h"

/*
 * The node's routing table, in place of the kernel's: what is asked of it is 10.0.1.5 and .6 behind
 * their veths, 10.0.9.0/24 nowhere, the node itself, and the rest behind eth0.
 */
int host_route(const struct host *host, const struct prefix *destination,
               const struct prefix *source, const char *in_interface, uint32_t mark,
               char ret[static INTERFACE_NAME_MAX], struct error *err)
{
	const uint8_t *a = destination->address;
	const char *name = "eth0";

	(void)host;
	(void)source;
	(void)in_interface;
	if (destination->family == AF_INET && a[0] == 10 && a[2] == 9)
		return error_set(err, -ENETUNREACH, "route: none");
	if (destination->family == AF_INET && a[0] == 10 && a[1] == 0 && a[2] == 1 && a[3] == 5)
		name = "enif00000000005";
	if (destination->family == AF_INET && a[0] == 10 && a[1] == 0 && a[2] == 0 && a[3] == 10)
		name = "";
	if (mark != 0)
		name = "eth0";
	(void)snprintf(ret, INTERFACE_NAME_MAX, "%s", name);
	return 0;
}

#define RULE(protocol, low, high, cidr)                                                            \
	"{IpProtocol: '" protocol "', FromPort: " low ", ToPort: " high                            \
	", IpRanges: [{CidrIp: " cidr "}]}"

static const char groups
	[] = "SecurityGroups:\n"
	     "- GroupId: sg-web\n"
	     "  GroupName: web\n"
	     "  IpPermissions: [" RULE(
		     "tcp", "443", "443",
		     "0.0.0.0/0") ", "
				  "{IpProtocol: tcp, FromPort: 5432, ToPort: 5432, "
				  "UserIdGroupPairs: [{GroupId: sg-web}]}]\n"
				  "  IpPermissionsEgress: [" RULE("tcp", "1", "65535", "10.0.0.0/8") ", " RULE(
					  "icmp", "8", "-1",
					  "10.0.0.0/8") ", " RULE("tcp", "443", "443",
                                                                  "0.0.0.0/0") "]\n"
									       "- GroupId: sg-n\n"
									       "  GroupName: ''\n"
									       "  IpPermissions: "
									       "[" RULE(
										       "tcp",
										       "30443",
										       "30443",
										       "0.0.0.0/"
										       "0") "]\n"
											    "  "
											    "IpPe"
											    "rmis"
											    "sion"
											    "sEgr"
											    "ess:"
											    " "
											    "[" RULE(
												    "tcp",
												    "443",
												    "443",
												    "198.51.100.0/24") "]\n";

static struct setting setting;

/* Pods without the work of documents: one of each sort that explain tells apart. */
static void add_pod(struct branch *branch, const char *pod, const char *interface,
                    const char *device, enum mode mode, const char *address)
{
	static const char *ids[] = {"sg-web", "sg-gone"};
	struct prefix prefix = prefix_of(address);

	*branch = (struct branch){.namespace = "ns",
	                          .pod = pod,
	                          .uid = pod,
	                          .mode = mode,
	                          .source_dest_check = true,
	                          .address_count = 1,
	                          .groups = ids,
	                          .group_count = 2};
	prefix.length = (uint8_t)prefix_family_bits(prefix.family);
	branch->addresses[0] = prefix;
	(void)snprintf(branch->interface, sizeof(branch->interface), "%s", interface);
	(void)snprintf(branch->device, sizeof(branch->device), "%s", device);
}

static int open_world(void **state)
{
	static struct branch branches[4];
	static struct host_address node;

	(void)state;
	setting_open(&setting, "version: 1\nnode: {name: n1, primaryInterface: eth0, "
	                       "securityGroups: [sg-n]}\nvpcCidrs: [10.0.0.0/16]\n");
	setting_put(&setting, "groups.yaml", groups);
	setting_resolve(&setting);
	add_pod(&branches[0], "std", "enif00000000005", "", MODE_STANDARD, "10.0.1.5/32");
	add_pod(&branches[1], "closed", "enif00000000006", "", MODE_STANDARD, "10.0.1.6/32");
	add_pod(&branches[2], "strict", "vlanf0000000007", "vlan.eth.7", MODE_STRICT,
	        "10.0.1.7/32");
	add_pod(&branches[3], "strict2", "vlanf0000000008", "vlan.eth.8", MODE_STRICT,
	        "10.0.1.8/32");
	branches[1].state = BRANCH_CLOSED;
	setting.resolution->branches = branches;
	setting.resolution->branch_count = 4;
	node = (struct host_address){.link = 1, .address = prefix_of("10.0.0.10/32")};
	setting.host.addresses = calloc(1, sizeof(node));
	if (setting.host.addresses == NULL)
		return -1;
	setting.host.addresses[0] = node;
	setting.host.address_count = 1;
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	setting.resolution->branch_count = 0;
	setting_close(&setting);
	return 0;
}

static cJSON *ask(const struct explain_request *request, int r, struct error *err)
{
	const struct passage_facts facts = {
		.resolution = setting.resolution, .model = setting.model, .host = &setting.host};
	cJSON *answer = NULL;

	assert_int_equal(explain(request, &facts, &answer, err), r);
	return answer;
}

static bool is_permitted(const cJSON *object)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "permitted"));
}

static const char *text_at(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	return text != NULL ? text : "";
}

/* "in>out direction:reason[,direction:reason]; …": one part a pass. */
static const char *way_of(const cJSON *answer)
{
	static char text[512];
	size_t used = 0;
	const cJSON *pass;
	const cJSON *end;

	text[0] = '\0';
	cJSON_ArrayForEach (pass, cJSON_GetObjectItemCaseSensitive(answer, "passes")) {
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s>%s",
		                         used > 0 ? "; " : "", text_at(pass, "in"),
		                         text_at(pass, "out"));
		cJSON_ArrayForEach (end, cJSON_GetObjectItemCaseSensitive(pass, "ends"))
			used += (size_t)snprintf(text + used, sizeof(text) - used, " %s:%s",
			                         text_at(end, "direction"), text_at(end, "reason"));
	}
	return text;
}

/* From where to where, what, where it comes in, its port before DNAT; permitted, and its way. */
static const struct {
	const char *source, *destination, *what, *in;
	uint16_t original_port;
	bool permitted;
	const char *way;
} ways[] = {
	/* strict to strict, and strict to standard, through the fabric */
	{"10.0.1.7", "ns/strict2", "tcp/443", "", 0, true,
         "vlanf0000000007>vlan.eth.7 egress:rule; vlan.eth.8>vlanf0000000008 ingress:rule"},
	{"10.0.1.7", "10.0.1.8", "udp/53", "", 0, false, "vlanf0000000007>vlan.eth.7 egress:rules"},
	{"10.0.1.7", "10.0.1.8", "tcp/80", "", 0, false,
         "vlanf0000000007>vlan.eth.7 egress:rule; vlan.eth.8>vlanf0000000008 ingress:rules"},
	{"10.0.1.7", "10.0.1.5", "tcp/30443", "", 0, false,
         "vlanf0000000007>vlan.eth.7 egress:rule; eth0>enif00000000005 ingress:rules"},
	/* from the fabric */
	{"10.0.2.20", "ns/strict", "tcp/443", "", 0, true,
         "vlan.eth.7>vlanf0000000007 ingress:rule"},
	{"10.0.2.20", "ns/strict", "tcp/443", "eth0", 0, false,
         "eth0>vlanf0000000007 ingress:path"},
	/* the node's groups are asked, too */
	{"ns/std", "198.51.100.7", "tcp/443", "", 0, true, "enif00000000005>eth0 egress:rule"},
	{"ns/std", "203.0.113.7", "tcp/443", "", 0, false,
         "enif00000000005>eth0 egress:node-groups"},
	{"203.0.113.7", "ns/std", "tcp/443", "eth0", 30443, true,
         "eth0>enif00000000005 ingress:rule"},
	{"203.0.113.7", "ns/std", "tcp/443", "eth0", 0, false,
         "eth0>enif00000000005 ingress:node-groups"},
	/* the node itself, what is exempt, what is closed */
	{"10.0.0.10", "ns/std", "tcp/8080", "", 0, true, ">enif00000000005 ingress:exempt"},
	{"ns/std", "169.254.169.254", "tcp/80", "", 0, true, "enif00000000005>eth0 egress:exempt"},
	{"ns/closed", "198.51.100.7", "tcp/443", "", 0, false,
         "enif00000000006>eth0 egress:closed"},
	/* a ping where nothing else is said */
	{"ns/strict", "10.0.2.20", "", "", 0, true, "vlanf0000000007>vlan.eth.7 egress:rule"},
	{"ns/strict", "10.0.2.20", "icmp/13/0", "", 0, false,
         "vlanf0000000007>vlan.eth.7 egress:rules"},
	/* no route; neither end is ours */
	{"ns/std", "10.0.9.1", "tcp/443", "", 0, false, ""},
	{"10.0.2.20", "10.0.2.21", "tcp/443", "", 0, true, ""},
};

static void every_pass_and_every_end_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		const struct explain_request request = {ways[i].source, ways[i].destination,
		                                        ways[i].what, ways[i].in,
		                                        ways[i].original_port};
		struct error err = {0};
		cJSON *answer = ask(&request, 0, &err);
		bool permitted = is_permitted(answer);
		const char *way = way_of(answer);

		cJSON_Delete(answer);
		if (permitted != ways[i].permitted || strcmp(way, ways[i].way) != 0)
			fail_msg("%s to %s %s: %s, %s", ways[i].source, ways[i].destination,
			         ways[i].what, permitted ? "permitted" : "dropped", way);
	}
}

static const cJSON *end_of(const cJSON *answer, int pass, int end)
{
	const cJSON *passes = cJSON_GetObjectItemCaseSensitive(answer, "passes");
	const cJSON *ends =
		cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(passes, pass), "ends");

	assert_non_null(cJSON_GetArrayItem(ends, end));
	return cJSON_GetArrayItem(ends, end);
}

static void a_permission_names_group_and_rule(void **state)
{
	const struct explain_request request = {"ns/std", "198.51.100.7", "tcp/443", "", 0};
	struct error err = {0};
	cJSON *answer = ask(&request, 0, &err);
	const cJSON *end = end_of(answer, 0, 0);

	(void)state;
	assert_string_equal(text_at(end, "interface"), "enif00000000005");
	assert_string_equal(text_at(end, "pod"), "ns/std");
	assert_string_equal(text_at(end, "group"), "sg-web");
	assert_string_equal(text_at(end, "rule"), "tcp/443 to 0.0.0.0/0");
	assert_string_equal(text_at(end, "text"), "allowed by sg-web (web): tcp/443 to 0.0.0.0/0");
	assert_string_equal(text_at(end, "nodeGroup"), "sg-n");
	assert_string_equal(text_at(end, "nodeRule"), "tcp/443 to 198.51.100.0/24");
	cJSON_Delete(answer);
}

static void a_drop_names_the_groups_that_were_asked_and_those_that_are_missing(void **state)
{
	const struct explain_request request = {"ns/strict", "10.0.2.20", "udp/53", "", 0};
	struct error err = {0};
	cJSON *answer = ask(&request, 0, &err);
	const cJSON *end = end_of(answer, 0, 0);
	const cJSON *asked = cJSON_GetObjectItemCaseSensitive(end, "groups");
	const cJSON *missing = cJSON_GetObjectItemCaseSensitive(end, "missing");

	(void)state;
	assert_string_equal(text_at(end, "text"), "dropped: no rule of its groups allows it");
	assert_int_equal(cJSON_GetArraySize(asked), 2);
	assert_int_equal(cJSON_GetArraySize(missing), 1);
	assert_string_equal(cJSON_GetStringValue(cJSON_GetArrayItem(missing, 0)), "sg-gone");
	cJSON_Delete(answer);
}

static void a_drop_tells_the_nearest_rule(void **state)
{
	static const struct {
		struct explain_request request;
		const char *nearest;
	} rows[] = {
		{{"ns/strict", "10.0.2.20", "udp/53", "", 0},
	         "sg-web (web) tcp/1-65535 to 10.0.0.0/8: udp is not tcp"},
		{{"203.0.113.7", "ns/std", "tcp/443", "eth0", 0},
	         "sg-n tcp/30443 from 0.0.0.0/0: port 443 is not 30443"},
		{{"ns/closed", "198.51.100.7", "tcp/443", "", 0}, ""},
		{{"ns/std", "198.51.100.7", "tcp/443", "", 0}, ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		cJSON *answer = ask(&rows[i].request, 0, &err);

		assert_string_equal(text_at(end_of(answer, 0, 0), "nearest"), rows[i].nearest);
		cJSON_Delete(answer);
	}
}

static void an_exemption_is_named(void **state)
{
	const struct explain_request request = {"ns/std", "169.254.169.254", "tcp/80", "", 0};
	struct error err = {0};
	cJSON *answer = ask(&request, 0, &err);

	(void)state;
	assert_string_equal(text_at(end_of(answer, 0, 0), "exemption"), "imds");
	assert_string_equal(text_at(end_of(answer, 0, 0), "text"), "allowed: exempt (imds)");
	cJSON_Delete(answer);
}

static void what_has_no_route_or_is_not_ours_is_said(void **state)
{
	static const struct {
		struct explain_request request;
		const char *key;
		const char *text;
	} rows[] = {
		{{"ns/std", "10.0.9.1", "tcp/443", "", 0}, "problem", "no route"},
		{{"10.0.2.20", "10.0.2.21", "tcp/443", "", 0}, "text", "does not touch it"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct error err = {0};
		cJSON *answer = ask(&rows[i].request, 0, &err);

		assert_non_null(strstr(text_at(answer, rows[i].key), rows[i].text));
		cJSON_Delete(answer);
	}
}

static void requests_that_make_no_sense_are_refused(void **state)
{
	static const struct {
		const char *source, *destination, *what;
		const char *text;
	} rows[] = {
		{"", "10.0.1.5", "tcp/443", "neither an address nor"},
		{"10.0.1.5/32", "10.0.1.6", "tcp/443", "neither an address nor"},
		{"ns/nobody", "10.0.1.5", "tcp/443", "\"ns/nobody\""},
		{"ns", "10.0.1.5", "tcp/443", "neither an address nor"},
		{"ns/st", "10.0.1.5", "tcp/443", "neither an address nor"},
		{"10.0.1.5", "2001:db8::1", "tcp/443", "different address families"},
		{"ns/std", "2001:db8::1", "tcp/443", "no address of that family"},
		{"10.0.1.5", "10.0.1.6", "tcp", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "tcp/", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "tcp/65536", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "tcp/-1", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "tcp/443/1", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "tcp/443x", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "tcp/99999999999999999999", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "256", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "gre/1", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "icmp/8/0/0", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "icmp/256", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "xtcp/1", "PROTOCOL/PORT"},
		{"10.0.1.5", "10.0.1.6", "/", "PROTOCOL/PORT"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct explain_request request = {rows[i].source, rows[i].destination,
		                                        rows[i].what, "", 0};
		struct error err = {0};

		if (ask(&request, -EINVAL, &err) != NULL || strstr(err.text, rows[i].text) == NULL)
			fail_msg("row %zu: %s", i, err.text);
	}
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(every_pass_and_every_end_is_told),
		IN_WORLD(a_permission_names_group_and_rule),
		IN_WORLD(a_drop_names_the_groups_that_were_asked_and_those_that_are_missing),
		IN_WORLD(a_drop_tells_the_nearest_rule),
		IN_WORLD(an_exemption_is_named),
		IN_WORLD(what_has_no_route_or_is_not_ours_is_said),
		IN_WORLD(requests_that_make_no_sense_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
