/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/judge/dns_permission.h"
#include "tests/unit/drawing.h"

#define LISTEN "listen: [169.254.20.10, 172.20.0.10, fd00::10]"
#define NODE "version: 1\nnode: {name: n1, primaryInterface: eth0}\n"
#define SERVERS "dns: {clusterServers: [10.0.0.53, 10.0.0.54, 10.0.0.55], " LISTEN "}\n"
#define ONE_SERVER "dns: {clusterServers: [10.0.0.53], " LISTEN "}\n"
#define NO_SERVERS "dns: {" LISTEN "}\n"
#define STANDARD "enforcingMode: standard\n"
#define NO_PROBES "exempt: {node-probe: false}\n"
#define OLD CREATED("2026-01-01T00:00:00Z")
#define WITH_ENI POD("pod", "u1", OLD ENI("eni-1", "10.0.1.5", "3") ON("n1", "10.0.1.5"))
#define WITHOUT_ENI POD("pod", "u1", OLD ON("n1", "10.0.1.5"))
#define SG_1 POLICY("p", "podSelector: {}", "sg-1")
#define EGRESS(rules)                                                                              \
	"SecurityGroups:\n- {GroupId: sg-1, GroupName: sg-1, IpPermissions: [], "                  \
	"IpPermissionsEgress: [" rules "]}\n"
#define TO(protocol, cidr)                                                                         \
	"{IpProtocol: " protocol ", FromPort: 53, ToPort: 53, IpRanges: [{CidrIp: " cidr "}]}"

static struct drawing drawing;

static void draw(const char *config, const char *pods, const char *groups)
{
	if (drawing.renderer)
		drawing_close(&drawing);
	drawing_open(&drawing, config);
	setting_put(&drawing.setting, "cluster.yaml", pods);
	setting_put(&drawing.setting, "groups.yaml", groups);
	drawing_draw(&drawing);
}

static int close_drawing(void **state)
{
	(void)state;
	drawing_close(&drawing);
	drawing = (struct drawing){0};
	return 0;
}

static bool has(const char *head, const char *part)
{
	const char *block = drawing_block(&drawing, head);

	return block && strstr(block, part);
}

static void who_may_ask_the_clusters_servers_may_ask_the_cache(void **state)
{
	static const struct {
		const char *groups;
		bool udp, tcp;
	} rows[] = {
		{EGRESS(TO("udp", "10.0.0.0/8") ", " TO("tcp", "10.0.0.0/8")), true, true},
		{EGRESS(TO("udp", "10.0.0.0/8")), true, false},
		{EGRESS(TO("tcp", "10.0.0.0/24")), false, true},
		{EGRESS(TO("udp", "169.254.20.10/32")), false, false},
		{EGRESS(TO("udp", "10.0.0.53/32")), false, false}, /* two servers are left out */
		{EGRESS(""), false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		draw(NODE STANDARD SERVERS, KUBERNETES(WITH_ENI SG_1), rows[i].groups);
		assert_int_equal(image_find_set(drawing.image, "dns-udp")->count, rows[i].udp);
		assert_int_equal(image_find_set(drawing.image, "dns-tcp")->count, rows[i].tcp);
	}
}

static void every_listen_address_leads_to_the_question_by_protocol(void **state)
{
	(void)state;
	draw(NODE STANDARD SERVERS, KUBERNETES(WITH_ENI SG_1), EGRESS(""));
	assert_true(has("map dns4", "169.254.20.10 . 17 . 53 : goto dns-udp"));
	assert_true(has("map dns4", "172.20.0.10 . 6 . 53 : goto dns-tcp"));
	assert_true(has("map dns6", "fd00::10 . 17 . 53 : goto dns-udp"));
	assert_true(has("chain standard-egress", "ip daddr . meta l4proto . th dport vmap @dns4"));
}

/* The cache says that it is there by the packet's priority, and refuses properly. */
static void a_query_that_is_not_permitted_is_dropped_unless_our_cache_takes_it(void **state)
{
	(void)state;
	draw(NODE STANDARD SERVERS, KUBERNETES(WITH_ENI SG_1), EGRESS(""));
	assert_true(has("chain dns-udp", "iifname @dns-udp goto dns-permitted\n"
	                                 "\t\tmeta priority 7064:35 counter return\n"
	                                 "\t\tgoto drop-egress-rules\n"));
	assert_null(drawing_block(&drawing, "chain strict-dns"));
}

static void answers_are_let_through_where_probes_are_judged(void **state)
{
	(void)state;
	draw(NODE STANDARD SERVERS NO_PROBES, KUBERNETES(WITH_ENI SG_1), EGRESS(""));
	assert_true(has("chain standard-from-node",
	                "ip saddr . meta l4proto . th sport vmap @dns-answers4"));
	assert_true(has("map dns-answers4", "169.254.20.10 . 17 . 53 : goto permit-ingress"));
	draw(NODE STANDARD SERVERS, KUBERNETES(WITH_ENI SG_1), EGRESS(""));
	assert_null(drawing_block(&drawing, "map dns-answers4"));
}

static void strict_pods_are_led_from_node_local_addresses_only(void **state)
{
	(void)state;
	for (int with_device = 0; with_device < 2; with_device++) {
		draw(NODE SERVERS,
		     with_device ? KUBERNETES(WITH_ENI SG_1) : KUBERNETES(WITHOUT_ENI SG_1),
		     EGRESS(""));
		assert_true(has("chain strict-dns", "type nat hook prerouting priority -110"));
		assert_true(has("chain strict-dns", "iifname @strict ip daddr . meta l4proto . th "
		                                    "dport vmap @strict-dns4"));
		assert_int_equal(image_find_set(drawing.image, "strict")->count, 1);
		assert_true(
			has("map strict-dns4", "169.254.20.10 . 6 . 53 : goto strict-dns4-tcp"));
		assert_false(has("map strict-dns4", "172.20.0.10"));
	}
}

static void each_server_gets_its_share(void **state)
{
	(void)state;
	draw(NODE SERVERS, KUBERNETES(WITH_ENI SG_1), EGRESS(""));
	assert_true(has("chain strict-dns4-udp", "numgen random mod 3 0 meta l4proto udp "
	                                         "dnat ip to 10.0.0.53:53\n"
	                                         "\t\tnumgen random mod 2 0 meta l4proto udp "
	                                         "dnat ip to "
	                                         "10.0.0.54:53\n"
	                                         "\t\tmeta l4proto udp dnat ip to 10.0.0.55:53\n"));
	assert_null(drawing_block(&drawing, "chain strict-dns6-udp"));
}

static void without_servers_nobody_is_led(void **state)
{
	(void)state;
	draw(NODE NO_SERVERS, KUBERNETES(WITH_ENI SG_1), EGRESS(""));
	assert_null(drawing_block(&drawing, "chain strict-dns"));
	assert_null(drawing_block(&drawing, "map strict-dns4"));
}

static struct packet packet_to(const char *destination, uint8_t protocol, uint16_t port)
{
	return (struct packet){.out = "",
	                       .source = prefix_of("10.0.1.5"),
	                       .destination = prefix_of(destination),
	                       .protocol = protocol,
	                       .source_port = 40000,
	                       .port = port,
	                       .original_port = port};
}

static struct judgement judged(struct packet *packet, bool from_pod)
{
	const struct judge_rules rules = {.group = model_judge_group,
	                                  .prefix_list = model_judge_prefix_list,
	                                  .context = drawing.setting.model};
	const struct branch *branch = setting_branch(&drawing.setting, "ns/pod");
	struct verdict verdict;

	packet->in = from_pod ? branch->interface : "";
	packet->out = from_pod ? "" : branch->interface;
	judge(drawing.setting.resolution, &rules, packet, &verdict);
	assert_int_equal(verdict.end_count, 1);
	return verdict.ends[0];
}

static void the_judge_says_what_the_kernel_does(void **state)
{
	static const struct {
		const char *destination;
		uint8_t protocol;
		uint16_t port;
		bool permitted;
		enum verdict_reason reason;
	} rows[] = {
		{"169.254.20.10", IPPROTO_UDP, 53, true, REASON_DNS},
		{"172.20.0.10", IPPROTO_UDP, 53, true, REASON_DNS},
		{"169.254.20.10", IPPROTO_TCP, 53, false, REASON_NO_RULE},
		{"169.254.20.10", IPPROTO_UDP, 54, false, REASON_NO_RULE},
		{"169.254.20.11", IPPROTO_UDP, 53, false, REASON_NO_RULE},
		{"10.0.0.53", IPPROTO_UDP, 53, true, REASON_RULE},
	};

	(void)state;
	draw(NODE STANDARD ONE_SERVER, KUBERNETES(WITH_ENI SG_1),
	     EGRESS(TO("udp", "10.0.0.53/32")));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct packet packet =
			packet_to(rows[i].destination, rows[i].protocol, rows[i].port);
		struct judgement judgement = judged(&packet, true);

		assert_int_equal(judgement.permitted, rows[i].permitted);
		assert_int_equal(judgement.reason, rows[i].reason);
	}
}

static void the_judge_permits_answers_of_the_cache(void **state)
{
	struct packet packet = packet_to("10.0.1.5", IPPROTO_UDP, 40000);

	(void)state;
	draw(NODE STANDARD ONE_SERVER NO_PROBES, KUBERNETES(WITH_ENI SG_1), EGRESS(""));
	packet.source = prefix_of("169.254.20.10");
	packet.source_port = 53;
	assert_int_equal(judged(&packet, false).reason, REASON_DNS);
	packet.source_port = 54;
	assert_int_equal(judged(&packet, false).reason, REASON_NO_RULE);
}

static void a_strict_pod_is_judged_by_its_rules_alone(void **state)
{
	struct packet packet = packet_to("169.254.20.10", IPPROTO_UDP, 53);

	(void)state;
	draw(NODE ONE_SERVER, KUBERNETES(WITHOUT_ENI SG_1), EGRESS(TO("udp", "10.0.0.53/32")));
	assert_int_equal(judged(&packet, true).reason, REASON_NO_RULE);
}

#define TEST(name) cmocka_unit_test_teardown(name, close_drawing)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_may_ask_the_clusters_servers_may_ask_the_cache),
		TEST(every_listen_address_leads_to_the_question_by_protocol),
		TEST(a_query_that_is_not_permitted_is_dropped_unless_our_cache_takes_it),
		TEST(answers_are_let_through_where_probes_are_judged),
		TEST(strict_pods_are_led_from_node_local_addresses_only),
		TEST(each_server_gets_its_share),
		TEST(without_servers_nobody_is_led),
		TEST(the_judge_says_what_the_kernel_does),
		TEST(the_judge_permits_answers_of_the_cache),
		TEST(a_strict_pod_is_judged_by_its_rules_alone),
	};

	return cmocka_run_group_tests_name("render_dns", tests, NULL, NULL);
}
