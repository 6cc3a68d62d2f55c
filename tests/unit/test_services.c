/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "nft-sync/judge/services.h"
#include "tests/unit/setting.h"

/* The node's routing table, in place of the kernel's: 10.0.0.5 and .6 behind their
 * veths, 10.0.9.0/24 nowhere, the rest behind eth0. */
int host_route(const struct host *host, const struct prefix *destination,
               const struct prefix *source, const char *in_interface, uint32_t mark,
               char ret[static INTERFACE_NAME_MAX], struct error *err)
{
	const uint8_t *a = destination->address;
	const char *name = "eth0";

	(void)host;
	(void)source;
	(void)in_interface;
	(void)mark;
	if (a[0] == 10 && a[2] == 9)
		return error_set(err, -ENETUNREACH, "route: none");
	if (a[0] == 10 && a[3] == 5)
		name = "eni00000000005";
	if (a[0] == 10 && a[3] == 6)
		name = "eni00000000006";
	(void)snprintf(ret, INTERFACE_NAME_MAX, "%s", name);
	return 0;
}

static struct setting setting;
static struct services services;

static void add_pod(struct branch *branch, const char *pod, const char *interface,
                    const char *address, const char **groups, size_t count)
{
	*branch = (struct branch){.namespace = "ns",
	                          .pod = pod,
	                          .uid = pod,
	                          .mode = MODE_STANDARD,
	                          .present = true,
	                          .source_dest_check = true,
	                          .address_count = 1,
	                          .groups = groups,
	                          .group_count = count};
	assert_int_equal(address_parse(address, &branch->addresses[0]), 0);
	(void)snprintf(branch->interface, sizeof(branch->interface), "%s", interface);
}

static void open_world(const char *ingress, const char *egress)
{
	static struct branch branches[2];
	static const char *from[] = {"sg-from"};
	static const char *to[] = {"sg-to"};
	size_t size = strlen(ingress) + strlen(egress) + 256;
	char *groups = malloc(size);

	assert_non_null(groups);
	(void)snprintf(groups, size,
	               "SecurityGroups:\n"
	               "- {GroupId: sg-from, GroupName: '', IpPermissions: [], "
	               "IpPermissionsEgress: [%s]}\n"
	               "- {GroupId: sg-to, GroupName: '', IpPermissions: [%s], "
	               "IpPermissionsEgress: []}\n",
	               egress, ingress);
	setting_open(&setting, "version: 1\nnode: {name: n1, primaryInterface: eth0}\n");
	setting_put(&setting, "groups.yaml", groups);
	free(groups);
	setting_resolve(&setting);
	add_pod(&branches[0], "from", "eni00000000005", "10.0.0.5", from, 1);
	add_pod(&branches[1], "to", "eni00000000006", "10.0.0.6", to, 1);
	setting.resolution->branches = branches;
	setting.resolution->branch_count = 2;
}

static void close_world(void)
{
	setting.resolution->branch_count = 0;
	setting_close(&setting);
}

static struct passage_facts facts_of(void)
{
	return (struct passage_facts){
		.resolution = setting.resolution, .model = setting.model, .host = &setting.host};
}

static void find(const char *source, const char *destination)
{
	const struct passage_facts facts = facts_of();
	struct prefix from;
	struct prefix to;

	assert_int_equal(address_parse(source, &from), 0);
	assert_int_equal(address_parse(destination, &to), 0);
	assert_int_equal(services_find(&facts, &from, &to, &services), 0);
}

/* What passes, what does not and the rest: "+tcp/80 -everything else". Static. */
static const char *told(void)
{
	static char text[4096];
	struct buffer buffer = {.max = sizeof(text)};

	for (size_t i = 0; i < services.outcome_count; i++) {
		buffer_add_text(&buffer, i ? "; " : "");
		buffer_add_text(&buffer, services.outcomes[i].permitted ? "+" : "-");
		services_text(&services, i, &buffer);
	}
	(void)snprintf(text, sizeof(text), "%s", buffer.text ? buffer.text : "");
	buffer_done(&buffer);
	return text;
}

#define ANY "{IpProtocol: '-1', IpRanges: [{CidrIp: 0.0.0.0/0}]}"
#define RULE(protocol, low, high)                                                                  \
	"{IpProtocol: '" protocol "', FromPort: " low ", ToPort: " high                            \
	", IpRanges: [{CidrIp: 10.0.0.0/8}]}"

static void services_are_told_in_few_words(void **state)
{
	static const struct {
		const char *ingress, *egress, *expected;
		enum services_verdict verdict;
	} rows[] = {
		{ANY, ANY, "+everything", SERVICES_ALL},
		{"", ANY, "-everything", SERVICES_NONE},
		{ANY, "", "-everything", SERVICES_NONE},
		{RULE("tcp", "80", "80"), ANY, "-everything else; +tcp/80", SERVICES_SOME},
		{RULE("tcp", "80", "443"), ANY, "-everything else; +tcp/80-443", SERVICES_SOME},
		{RULE("tcp", "0", "65535"), ANY, "-everything else; +tcp", SERVICES_SOME},
		{RULE("udp", "1", "99"), RULE("udp", "50", "200"),
	         "-everything else; +udp/50-99; -udp/100-200", SERVICES_SOME},
		{RULE("icmp", "8", "-1"), ANY, "-everything else; +icmp/8/0", SERVICES_SOME},
		{RULE("icmp", "-1", "-1"), ANY, "-everything else; +icmp", SERVICES_SOME},
		{RULE("47", "0", "0"), ANY, "+protocol 47; -everything else", SERVICES_SOME},
		{RULE("tcp", "80", "80") ", " RULE("udp", "80", "80"), ANY,
	         "-everything else; +udp/80; +tcp/80", SERVICES_SOME},
		{RULE("tcp", "65535", "65535"), ANY, "-everything else; +tcp/65535", SERVICES_SOME},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		open_world(rows[i].ingress, rows[i].egress);
		find("10.0.0.5", "10.0.0.6");
		if (strcmp(told(), rows[i].expected) != 0 || services.verdict != rows[i].verdict)
			fail_msg("row %zu: %s, verdict %d", i, told(), (int)services.verdict);
		close_world();
	}
}

static void reasons_name_the_rules_of_both_ends(void **state)
{
	struct buffer text = {.max = 4096};

	(void)state;
	open_world(RULE("tcp", "80", "80"), ANY);
	find("10.0.0.5", "10.0.0.6");
	for (size_t i = 0; i < services.outcome_count; i++)
		if (services.outcomes[i].permitted)
			services_reason(&services.outcomes[i], &text);
	assert_string_equal(text.text, "egress: allowed by sg-from: every protocol to 0.0.0.0/0; "
	                               "ingress: allowed by sg-to: tcp/80 from 10.0.0.0/8");
	buffer_done(&text);
	close_world();
}

static bool is_judged_permitted(uint8_t protocol, uint16_t port)
{
	const struct passage_facts facts = facts_of();
	struct verdict verdicts[PASSES_MAX];
	struct packet packet = {.source = setting.resolution->branches[0].addresses[0],
	                        .destination = setting.resolution->branches[1].addresses[0],
	                        .protocol = protocol,
	                        .port = port,
	                        .original_port = port,
	                        .hop_limit = 64};
	unsigned count = passage_judge(&facts, &services.passage, &packet, verdicts);

	assert_true(count > 0);
	return verdicts[count - 1].permitted;
}

/* Of the one run that has the port. */
static const struct services_outcome *outcome_at(enum services_kind kind, uint16_t port)
{
	size_t outcome = 0;
	unsigned found = 0;

	for (size_t i = 0; i < services.run_count; i++) {
		const struct services_run *run = &services.runs[i];

		if (run->kind != kind || port < run->first || port > run->last)
			continue;
		outcome = run->outcome;
		found++;
	}
	if (found != 1)
		fail_msg("port %u of kind %d is told %u times", port, (int)kind, found);
	return &services.outcomes[outcome];
}

/* Every port is in one run, and the judge, asked about that very port, says the same. */
static void every_port_is_told_as_it_is_judged(void **state)
{
	(void)state;
	open_world(RULE("tcp", "22", "22") ", " RULE("tcp", "1000", "2000") ", " RULE(
			   "udp", "0", "1023") ", " RULE("tcp", "1500", "60000"),
	           RULE("tcp", "20", "1700") ", " RULE("udp", "53", "53"));
	find("10.0.0.5", "10.0.0.6");
	assert_false(services.partial);
	for (unsigned port = 0; port <= UINT16_MAX; port++)
		for (enum services_kind kind = SERVICES_TCP; kind <= SERVICES_UDP; kind++) {
			uint8_t protocol = kind == SERVICES_TCP ? IPPROTO_TCP : IPPROTO_UDP;

			if (outcome_at(kind, (uint16_t)port)->permitted !=
			    is_judged_permitted(protocol, (uint16_t)port))
				fail_msg("port %u of kind %d is told wrong", port, (int)kind);
		}
	close_world();
}

/* As many rules as a group may have, each of another port: what is not asked is said not to be. */
static void too_many_rules_are_partly_told_and_soon(void **state)
{
	struct buffer rules = {.max = 1U << 20};
	struct timespec begin;
	struct timespec end;

	(void)state;
	for (unsigned i = 0; i < GROUP_RULES_MAX; i++)
		buffer_add_format(&rules,
		                  "%s{IpProtocol: tcp, FromPort: %u, ToPort: %u, IpRanges: "
		                  "[{CidrIp: 10.0.0.0/8}]}",
		                  i ? ", " : "", 10 * i + 1, 10 * i + 1);
	open_world(rules.text, ANY);
	buffer_done(&rules);
	(void)clock_gettime(CLOCK_MONOTONIC, &begin);
	find("10.0.0.5", "10.0.0.6");
	(void)clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(services.partial);
	assert_int_equal(services.verdict, SERVICES_SOME);
	assert_false(outcome_at(SERVICES_TCP, 65535)->asked);
	/* A hundred times what it takes, under the sanitizers. */
	assert_true(end.tv_sec - begin.tv_sec < 2);
	close_world();
}

/* Of as many rules for other peers no port is left out. */
static void rules_for_others_cost_no_answer(void **state)
{
	struct buffer rules = {.max = 1U << 20};

	(void)state;
	for (unsigned i = 0; i < GROUP_RULES_MAX - 1; i++)
		buffer_add_format(&rules,
		                  "{IpProtocol: tcp, FromPort: %u, ToPort: %u, IpRanges: "
		                  "[{CidrIp: 192.0.2.0/24}]}, ",
		                  10 * i + 1, 10 * i + 1);
	buffer_add_text(&rules, RULE("tcp", "65535", "65535"));
	open_world(rules.text, ANY);
	buffer_done(&rules);
	find("10.0.0.5", "10.0.0.6");
	assert_false(services.partial);
	assert_string_equal(told(), "-everything else; +tcp/65535");
	close_world();
}

static void without_a_route_nothing_is_told(void **state)
{
	(void)state;
	open_world(ANY, ANY);
	find("10.0.0.5", "10.0.9.1");
	assert_int_equal(services.passage.problem.code, -ENETUNREACH);
	assert_int_equal(services.run_count, 0);
	close_world();
}

static void an_end_elsewhere_is_judged_by_the_other_one_only(void **state)
{
	(void)state;
	open_world(RULE("tcp", "80", "80"), "");
	find("10.0.7.7", "10.0.0.6");
	assert_string_equal(told(), "-everything else; +tcp/80");
	find("10.0.7.7", "10.0.7.8");
	assert_string_equal(told(), "+everything");
	close_world();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(services_are_told_in_few_words),
		cmocka_unit_test(reasons_name_the_rules_of_both_ends),
		cmocka_unit_test(every_port_is_told_as_it_is_judged),
		cmocka_unit_test(too_many_rules_are_partly_told_and_soon),
		cmocka_unit_test(rules_for_others_cost_no_answer),
		cmocka_unit_test(without_a_route_nothing_is_told),
		cmocka_unit_test(an_end_elsewhere_is_judged_by_the_other_one_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
