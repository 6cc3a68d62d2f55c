/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/judge_world.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define TEXT_MAX 160

/*
 * packet: interfaces, addresses, protocol with port (icmp: type), and where they differ from the
 * usual: "from-port N", "before-dnat N" (port), "hops N", "answer", and the settings of the world.
 * expected: the verdict, then each end's direction, reason and exemption.
 */
struct row {
	const char *sentence;
	const char *packet;
	const char *expected;
};

static const struct row rows[] = {
	{"no end: not ours", "eth0 -> eni-other 10.0.9.9 -> 10.0.9.8 tcp 80", "pass"},
	{"addresses make no end, interfaces do", "eth0 -> eth1 10.0.0.5 -> 10.0.0.6 tcp 80",
         "pass"},
	{"an end that its rules permit", "eni-a -> eth1 10.0.0.5 -> 192.0.2.1 tcp 443",
         "pass: egress rule"},
	{"rules only allow: no rule, no traffic", "eni-a -> eth1 10.0.0.5 -> 192.0.2.1 tcp 444",
         "drop: egress rules"},
	{"both ends judge, egress first", "eni-a -> eni-b 10.0.0.5 -> 10.0.0.6 tcp 443",
         "pass: egress rule, ingress rule"},
	{"a drop at the first end leaves the second one out",
         "eni-a -> eni-b 10.0.0.5 -> 10.0.0.6 tcp 22", "drop: egress rules"},
	{"one end's permission is not the other's", "eni-a -> eni-b 10.0.0.5 -> 10.0.0.6 tcp 5432",
         "drop: egress rule, ingress rules"},

	{"source check: an address that is not the pod's is dropped",
         "eni-a -> eth1 10.0.0.6 -> 192.0.2.1 tcp 443", "drop: egress source"},
	{"source check: each of the pod's addresses is right",
         "eni-a -> eth1 2001:db8::5 -> 2001:db8:1::1 tcp 443", "pass: egress rule"},
	{"source check: none where the ENI says so",
         "eni-router -> eth1 10.7.7.7 -> 192.0.2.1 tcp 443", "pass: egress rule"},
	{"source check: without known addresses none is right",
         "eni-new -> eth1 10.0.0.20 -> 192.0.2.1 tcp 443", "drop: egress source"},
	{"source check: ingress is not asked", "eth1 -> eni-a 10.0.0.6 -> 10.0.0.77 tcp 443",
         "pass: ingress rule"},
	{"source check comes before exemptions", "eni-a -> eth0 10.0.0.6 -> 169.254.169.254 tcp 80",
         "drop: egress source"},

	{"strict path: out by its own device",
         "vlan-a -> vlan.eth.3 10.0.0.10 -> 192.0.2.1 tcp 443", "pass: egress rule"},
	{"strict path: in by its own device", "vlan.eth.3 -> vlan-a 192.0.2.1 -> 10.0.0.10 tcp 443",
         "pass: ingress rule"},
	{"strict path: another device is wrong",
         "vlan-a -> vlan.eth.4 10.0.0.10 -> 192.0.2.1 tcp 443", "drop: egress path"},
	{"strict path: the primary interface is wrong",
         "eth0 -> vlan-a 192.0.2.1 -> 10.0.0.10 tcp 443", "drop: ingress path"},
	{"strict path: another veth is wrong", "vlan-a -> vlan-b 10.0.0.10 -> 10.0.0.11 tcp 443",
         "drop: egress path"},
	{"strict path: to the node itself is wrong", "vlan-a -> node 10.0.0.10 -> 10.0.0.1 tcp 443",
         "drop: egress path"},
	{"strict path: from the node itself is wrong, also for probes",
         "node -> vlan-a 10.0.0.1 -> 10.0.0.10 tcp 443", "drop: ingress path"},
	{"source check comes before the strict path",
         "vlan-a -> eth0 10.0.0.99 -> 192.0.2.1 tcp 443", "drop: egress source"},
	{"strict path comes before exemptions",
         "vlan-a -> eth0 10.0.0.10 -> 169.254.169.254 tcp 80", "drop: egress path"},
	{"strict path: none without a branch device",
         "vlan-free -> eth0 10.0.0.12 -> 192.0.2.1 tcp 443", "pass: egress rule"},

	{"hairpin: a pod to itself is exempt at both ends",
         "eni-a -> eni-a 10.0.0.5 -> 10.0.0.5 tcp 9",
         "pass: egress exempt hairpin, ingress exempt hairpin"},
	{"hairpin: strict pods too", "vlan-a -> vlan-a 10.0.0.10 -> 10.0.0.10 tcp 9",
         "pass: egress exempt hairpin, ingress exempt hairpin"},
	{"hairpin: answers too", "eni-a -> eni-a 10.0.0.5 -> 10.0.0.5 tcp 9 answer",
         "pass: egress exempt hairpin, ingress exempt hairpin"},
	{"hairpin switched off: its rules judge, the path stays right",
         "vlan-a -> vlan-a 10.0.0.10 -> 10.0.0.10 tcp 9 nothing-exempt", "drop: egress rules"},

	{"imds in IPv4", "eni-a -> eth0 10.0.0.5 -> 169.254.169.254 tcp 80",
         "pass: egress exempt imds"},
	{"imds in IPv6", "eni-a -> eth0 2001:db8::5 -> fd00:ec2::254 tcp 80",
         "pass: egress exempt imds"},
	{"imds: another port is not exempt", "eni-a -> eth1 10.0.0.5 -> 169.254.169.254 tcp 81",
         "drop: egress rules"},
	{"imds: another protocol is not exempt", "eni-a -> eth1 10.0.0.5 -> 169.254.169.254 udp 80",
         "drop: egress rules"},
	{"services: only new flows from the pod",
         "eni-a -> eth1 10.0.0.5 -> 169.254.169.254 tcp 80 answer", "drop: egress rules"},
	{"services: nothing that comes from them is exempt",
         "eth1 -> eni-a 169.254.169.254 -> 10.0.0.5 tcp 80 from-port 80", "drop: ingress rules"},
	{"services: each can be switched off",
         "eni-a -> eth1 10.0.0.5 -> 169.254.169.254 tcp 80 nothing-exempt", "drop: egress rules"},
	{"vpc-dns over udp", "vlan-a -> vlan.eth.3 10.0.0.10 -> 169.254.169.253 udp 53",
         "pass: egress exempt vpc-dns"},
	{"vpc-dns over tcp, IPv6", "eni-a -> eth0 2001:db8::5 -> fd00:ec2::253 tcp 53",
         "pass: egress exempt vpc-dns"},
	{"vpc-dns: VPC+2", "eni-a -> eth0 10.0.0.5 -> 10.0.0.2 udp 53",
         "pass: egress exempt vpc-dns"},
	{"a node-local DNS address is not exempt", "eni-a -> node 10.0.0.5 -> 169.254.20.10 udp 53",
         "drop: egress rules"},
	{"time", "eni-a -> eth0 10.0.0.5 -> 169.254.169.123 udp 123", "pass: egress exempt time"},
	{"pod-identity", "eni-a -> node 10.0.0.5 -> 169.254.170.23 tcp 80",
         "pass: egress exempt pod-identity"},
	{"ecs", "eni-a -> node 10.0.0.5 -> 169.254.170.2 tcp 80", "pass: egress exempt ecs"},
	{"dhcp", "eni-a -> eth0 10.0.0.5 -> 255.255.255.255 udp 67 from-port 68",
         "pass: egress exempt dhcp"},
	{"dhcp in IPv6", "eni-a -> eth0 2001:db8::5 -> ff02::1:2 udp 547 from-port 546",
         "pass: egress exempt dhcp"},
	{"dhcp: the ports of one family are nothing in the other",
         "eni-a -> eth1 2001:db8::5 -> 2001:db8:1::1 udp 67 from-port 68", "drop: egress rules"},
	{"dhcp: to the client is not exempt",
         "eth1 -> eni-a 10.0.0.1 -> 10.0.0.5 udp 67 from-port 68", "drop: ingress rules"},
	{"node-probe: a new flow from the node to a standard pod",
         "node -> eni-a 10.0.0.1 -> 10.0.0.5 tcp 9", "pass: ingress exempt node-probe"},
	{"node-probe: not the other way", "eni-a -> node 10.0.0.5 -> 10.0.0.1 tcp 9",
         "drop: egress rules"},
	{"node-probe: no answers", "node -> eni-a 10.0.0.1 -> 10.0.0.5 tcp 9 answer",
         "drop: ingress rules"},
	{"node-probe: not to a strict pod, even without a device",
         "node -> vlan-free 10.0.0.1 -> 10.0.0.12 tcp 9", "drop: ingress rules"},
	{"node-probe switched off: its rules judge",
         "node -> eni-a 10.0.0.1 -> 10.0.0.5 tcp 9 nothing-exempt", "drop: ingress rules"},

	{"crossing: what crosses the primary interface needs the node's groups too",
         "eni-a -> eth0 10.0.0.5 -> 192.0.2.1 tcp 443", "drop: egress node-groups"},
	{"crossing: permitted by both", "eni-a -> eth0 10.0.0.5 -> 10.1.1.1 tcp 443",
         "pass: egress rule"},
	{"crossing: the node's permission is not enough",
         "eni-a -> eth0 10.0.0.5 -> 10.1.1.1 tcp 444", "drop: egress rules"},
	{"crossing: in matched on the port before DNAT, the pod's own on that behind",
         "eth0 -> eni-a 192.0.2.1 -> 10.0.0.5 tcp 443 before-dnat 30443", "pass: ingress rule"},
	{"crossing: in by a port the fabric does not let through",
         "eth0 -> eni-a 192.0.2.1 -> 10.0.0.5 tcp 443", "drop: ingress node-groups"},
	{"crossing: an answer is matched on its own port",
         "eth0 -> eni-a 192.0.2.1 -> 10.0.0.5 tcp 443 before-dnat 30443 answer",
         "drop: ingress node-groups"},
	{"crossing: out is matched on the port behind DNAT",
         "eni-a -> eth0 10.0.0.5 -> 10.1.1.1 tcp 443 before-dnat 80", "pass: egress rule"},
	{"crossing: other interfaces are not asked for",
         "eni-a -> eth1 10.0.0.5 -> 192.0.2.1 tcp 443", "pass: egress rule"},
	{"crossing: exempt traffic is not asked for the node's groups",
         "eni-a -> eth0 10.0.0.5 -> 169.254.169.123 udp 123", "pass: egress exempt time"},
	{"crossing: the node itself is no primary interface that is unknown",
         "eni-a -> node 10.0.0.5 -> 192.0.2.1 tcp 443 no-primary", "pass: egress rule"},
	{"always: the node's groups are asked on every path",
         "eni-a -> eth1 10.0.0.5 -> 192.0.2.1 tcp 443 always", "drop: egress node-groups"},
	{"never: the node's groups are not asked",
         "eni-a -> eth0 10.0.0.5 -> 192.0.2.1 tcp 443 never", "pass: egress rule"},
	{"unknown node groups are skipped",
         "eni-a -> eth0 10.0.0.5 -> 192.0.2.1 tcp 443 no-node-groups", "pass: egress rule"},
	{"node groups of which no rule is known are unknown",
         "eni-a -> eth0 10.0.0.5 -> 192.0.2.1 tcp 443 strange-node-groups", "pass: egress rule"},
	{"a strict pod is never asked for the node's groups",
         "vlan-free -> eth0 10.0.0.12 -> 192.0.2.1 tcp 443 always", "pass: egress rule"},

	{"closed: dropped", "eni-closed -> eth1 10.0.0.8 -> 10.1.1.1 tcp 443",
         "drop: egress closed"},
	{"closed: exempt traffic passes", "eni-closed -> eth0 10.0.0.8 -> 169.254.169.254 tcp 80",
         "pass: egress exempt imds"},
	{"closed: the node's groups are asked first",
         "eni-closed -> eth0 10.0.0.8 -> 192.0.2.1 tcp 443", "drop: egress node-groups"},
	{"claimed: nothing passes, exempt or not",
         "eni-claimed -> eth0 10.0.0.9 -> 169.254.169.254 tcp 80", "drop: egress claimed"},
	{"claimed: nothing goes in", "node -> eni-claimed 10.0.0.1 -> 10.0.0.9 tcp 80",
         "drop: ingress claimed"},

	{"a prefix list permits its entries", "eth1 -> eni-a 198.51.100.7 -> 10.0.0.5 tcp 81",
         "pass: ingress rule"},
	{"an unknown prefix list permits nothing", "eth1 -> eni-a 198.51.100.7 -> 10.0.0.5 tcp 82",
         "drop: ingress rules"},
	{"a referenced group permits its members", "eth1 -> eni-a 10.3.0.1 -> 10.0.0.5 tcp 83",
         "pass: ingress rule"},
	{"a referenced group permits its members' delegated prefixes",
         "eth1 -> eni-a 10.3.0.23 -> 10.0.0.5 tcp 83", "pass: ingress rule"},
	{"a referenced group permits nobody else", "eth1 -> eni-a 10.3.0.32 -> 10.0.0.5 tcp 83",
         "drop: ingress rules"},
	{"a referenced group that is unknown permits nobody",
         "eth1 -> eni-a 10.3.0.1 -> 10.0.0.5 tcp 84", "drop: ingress rules"},
	{"an unknown group of the pod permits nothing, the known ones still do",
         "eni-b -> eth1 10.0.0.6 -> 192.0.2.1 tcp 443", "pass: egress rule"},
	{"icmp: a type with all codes", "eth1 -> eni-a 192.0.2.1 -> 10.0.0.5 icmp 8",
         "pass: ingress rule"},
	{"icmp: another type", "eth1 -> eni-a 192.0.2.1 -> 10.0.0.5 icmp 13",
         "drop: ingress rules"},
	{"icmp is IPv4's: the number means nothing in IPv6",
         "eth1 -> eni-a 2001:db8:1::1 -> 2001:db8::5 icmp 8", "drop: ingress rules"},
	{"a protocol by its number has no ports", "eth1 -> eni-a 192.0.2.1 -> 10.0.0.5 gre 1234",
         "pass: ingress rule"},
	{"neighbour discovery is exempt, at every end and before everything",
         "eni-claimed -> vlan-a fe80::1 -> ff02::1 icmpv6 135 hops 255",
         "pass: egress neighbour, ingress neighbour"},
	{"neighbour discovery has hop limit 255, or it came from afar",
         "eth1 -> eni-a fe80::1 -> 2001:db8::5 icmpv6 135 hops 254", "drop: ingress rules"},
	{"echo is not neighbour discovery",
         "eth1 -> eni-a fe80::1 -> 2001:db8::5 icmpv6 128 hops 255", "drop: ingress rules"},
};

/* The interfaces' names lie in text. */
struct probe {
	char text[TEXT_MAX];
	char *rest;
	struct packet packet;
	struct judge_settings settings;
};

static const char *next_word(struct probe *probe)
{
	return strtok_r(NULL, " ", &probe->rest);
}

static uint16_t next_number(struct probe *probe)
{
	const char *word = next_word(probe);

	assert_non_null(word);
	return (uint16_t)strtoul(word, NULL, 10);
}

static const char *interface_name(const char *word)
{
	return strcmp(word, "node") == 0 ? "" : word;
}

static uint8_t protocol_number(const char *word)
{
	static const struct {
		const char *word;
		uint8_t number;
	} protocols[] = {
		{"tcp", IPPROTO_TCP},       {"udp", IPPROTO_UDP}, {"icmp", IPPROTO_ICMP},
		{"icmpv6", IPPROTO_ICMPV6}, {"gre", IPPROTO_GRE},
	};

	for (size_t i = 0; i < COUNT(protocols); i++) {
		if (strcmp(protocols[i].word, word) == 0)
			return protocols[i].number;
	}
	fail_msg("protocol %s", word);
	return 0;
}

static void read_pairs(struct probe *probe)
{
	struct packet *packet = &probe->packet;

	packet->in = interface_name(strtok_r(probe->text, " ", &probe->rest));
	assert_string_equal(next_word(probe), "->");
	packet->out = interface_name(next_word(probe));
	assert_int_equal(address_parse(next_word(probe), &packet->source), 0);
	assert_string_equal(next_word(probe), "->");
	assert_int_equal(address_parse(next_word(probe), &packet->destination), 0);
}

static bool read_packet_option(struct probe *probe, const char *word)
{
	if (strcmp(word, "from-port") == 0)
		probe->packet.source_port = next_number(probe);
	else if (strcmp(word, "before-dnat") == 0)
		probe->packet.original_port = next_number(probe);
	else if (strcmp(word, "hops") == 0)
		probe->packet.hop_limit = (uint8_t)next_number(probe);
	else if (strcmp(word, "answer") == 0)
		probe->packet.answer = true;
	else
		return false;
	return true;
}

static bool read_setting(struct judge_settings *settings, const char *word)
{
	if (strcmp(word, "always") == 0)
		settings->policy = NODE_GROUPS_ALWAYS;
	else if (strcmp(word, "never") == 0)
		settings->policy = NODE_GROUPS_NEVER;
	else if (strcmp(word, "nothing-exempt") == 0)
		settings->nothing_exempt = true;
	else if (strcmp(word, "no-primary") == 0)
		settings->no_primary = true;
	else if (strcmp(word, "no-node-groups") == 0)
		settings->no_node_groups = true;
	else if (strcmp(word, "strange-node-groups") == 0)
		settings->strange_node_groups = true;
	else
		return false;
	return true;
}

static void read_probe(const char *text, struct probe *ret)
{
	struct packet *packet = &ret->packet;
	const char *word;

	*ret = (struct probe){0};
	(void)snprintf(ret->text, sizeof(ret->text), "%s", text);
	read_pairs(ret);
	packet->protocol = protocol_number(next_word(ret));
	packet->port = next_number(ret);
	packet->original_port = packet->port;
	packet->icmp_type = (uint8_t)packet->port;
	packet->source_port = 40000;
	packet->hop_limit = 64;
	while ((word = next_word(ret)) != NULL) {
		if (!read_packet_option(ret, word) && !read_setting(&ret->settings, word))
			fail_msg("option %s", word);
	}
}

static void judge_probe(const char *text, struct verdict *ret)
{
	struct probe probe;

	read_probe(text, &probe);
	judge_in_world(&probe.settings, &probe.packet, ret);
}

static void print_verdict(const struct verdict *verdict, char text[static TEXT_MAX])
{
	size_t used = (size_t)snprintf(text, TEXT_MAX, "%s", verdict->permitted ? "pass" : "drop");

	for (size_t i = 0; i < verdict->end_count; i++) {
		const struct judgement *end = &verdict->ends[i];
		bool exempt = end->reason == REASON_EXEMPT;

		used += (size_t)snprintf(text + used, TEXT_MAX - used, "%s %s %s%s%s",
		                         i > 0 ? "," : ":", direction_name(end->direction),
		                         verdict_reason_name(end->reason), exempt ? " " : "",
		                         exempt ? exemption_names[end->exemption] : "");
	}
}

static void check_row(void **state)
{
	const struct row *row = *state;
	struct verdict verdict;
	char text[TEXT_MAX];

	judge_probe(row->packet, &verdict);
	print_verdict(&verdict, text);
	assert_string_equal(text, row->expected);
	for (size_t i = 0; i + 1 < verdict.end_count; i++)
		assert_true(verdict.ends[i].permitted);
	if (verdict.end_count > 0)
		assert_int_equal(verdict.permitted, verdict.ends[verdict.end_count - 1].permitted);
}

static void the_first_group_and_rule_that_permit_are_named(void **state)
{
	struct verdict verdict;

	(void)state;
	judge_probe("eth1 -> eni-b 10.0.0.5 -> 10.0.0.6 tcp 443", &verdict);
	assert_string_equal(verdict.ends[0].branch->interface, "eni-b");
	assert_string_equal(verdict.ends[0].group->id, "sg-web");
	assert_string_equal(verdict.ends[0].rule->description, "first");
	assert_null(verdict.ends[0].node_group);
	assert_null(verdict.ends[0].node_rule);
}

static void the_node_group_and_rule_that_permit_are_named(void **state)
{
	struct verdict verdict;

	(void)state;
	judge_probe("eni-a -> eth0 10.0.0.5 -> 10.1.1.1 tcp 443", &verdict);
	assert_string_equal(verdict.ends[0].node_group->id, "sg-node");
	assert_string_equal(verdict.ends[0].node_rule->description, "inside");
	assert_string_equal(verdict.ends[0].group->id, "sg-web");
}

int main(void)
{
	struct CMUnitTest row_tests[COUNT(rows)];
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_group_and_rule_that_permit_are_named),
		cmocka_unit_test(the_node_group_and_rule_that_permit_are_named),
	};
	int failed;

	for (size_t i = 0; i < COUNT(rows); i++)
		row_tests[i] = (struct CMUnitTest){rows[i].sentence, check_row, NULL, NULL,
		                                   (void *)(uintptr_t)&rows[i]};
	failed = cmocka_run_group_tests(row_tests, NULL, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL) + failed;
}
