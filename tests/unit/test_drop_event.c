/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/answer/drop_event.h"
#include "nft-sync/draw/names.h"
#include "tests/unit/setting.h"

/* Pods web and db of this node, an ENI elsewhere, members of sg-1; web's interface is link 7. */
#define WEB_INTERFACE "enic04432ae156" /* as the VPC CNI names it */

static struct setting setting;

static const struct judge_rules *rules(void)
{
	static struct judge_rules found;

	found = (struct judge_rules){model_judge_group, model_judge_prefix_list, setting.model};
	return &found;
}

static const struct drop_reason *reason(enum direction direction, const char *name)
{
	for (size_t i = 0; i < drop_reason_count; i++)
		if (drop_reasons[i].direction == direction &&
		    strcmp(drop_reasons[i].reason, name) == 0)
			return &drop_reasons[i];
	fail_msg("no reason %s", name);
	return NULL;
}

static struct drop_record record_of(enum direction direction, const char *name, const char *source,
                                    const char *destination)
{
	return (struct drop_record){
		.time = {1772442904, 123456789},
		.reason = reason(direction, name),
		.in = direction == DIRECTION_EGRESS ? 7 : 2,
		.out = direction == DIRECTION_EGRESS ? 2 : 7,
		.packet = {.source = prefix_of(source),
	                   .destination = prefix_of(destination),
	                   .protocol = IPPROTO_TCP,
	                   .source_port = 40000,
	                   .port = 5432,
	                   .original_port = 5432},
		.ports = true,
	};
}

static cJSON *event_of(const struct drop_record *record)
{
	const struct drop_facts facts = {setting.resolution, setting.model, &setting.host, rules()};
	struct drop_end end;

	drop_event_end(record, &facts, &end);
	return drop_event_object(record, &end, &facts);
}

static const char *text_at(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	return text != NULL ? text : "";
}

static const cJSON *part(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Links by hand: setting_links() gives them the indexes that it likes. */
static void add_links(void)
{
	static const struct host_link links[] = {{.name = WEB_INTERFACE, .index = 7},
	                                         {.name = "eth0", .index = 2}};
	static struct host_address node;

	node = (struct host_address){.link = 2, .address = prefix_of("10.0.0.10")};
	setting.host.links = calloc(2, sizeof(*links));
	setting.host.addresses = calloc(1, sizeof(node));
	assert_non_null(setting.host.links);
	assert_non_null(setting.host.addresses);
	memcpy(setting.host.links, links, sizeof(links));
	setting.host.addresses[0] = node;
	setting.host.link_count = 2;
	setting.host.address_count = 1;
}

static int open_world(void **state)
{
	(void)state;
	setting_open(&setting, "{version: 1, enforcingMode: standard, node: {name: n1}}");
	setting_put(
		&setting, "cluster.yaml",
		KUBERNETES(
			POD("web", "u1", ON("n1", "10.0.1.5")) POD("db", "u2", ON("n1", "10.0.1.6"))
				POLICY("web", "podSelector: {matchLabels: {app: web}}", "sg-web")
					POLICY("db", "podSelector: {matchLabels: {app: db}}",
	                                       "sg-db")));
	setting_put(&setting, "groups.yaml",
	            GROUPS(GROUP("sg-web", FROM_GROUP("sg-peer")) GROUP("sg-db", "")));
	setting_put(&setting, "interfaces.yaml",
	            INTERFACES(INTERFACE("eni-1", IN("sg-peer") ", " IN("sg-other"), "10.0.3.1")));
	setting_resolve(&setting);
	add_links();
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	setting_close(&setting);
	return 0;
}

static void an_event_says_when_who_what_and_why(void **state)
{
	const struct drop_record record =
		record_of(DIRECTION_INGRESS, DROP_RULES, "192.0.2.1", "10.0.1.5");
	cJSON *event = event_of(&record);

	(void)state;
	assert_string_equal(text_at(event, "event"), "drop");
	assert_string_equal(text_at(event, "time"), "2026-03-02T09:15:04.123Z");
	assert_string_equal(text_at(event, "direction"), "ingress");
	assert_string_equal(text_at(event, "reason"), "rules");
	assert_string_equal(text_at(event, "pod"), "ns/web");
	assert_string_equal(text_at(event, "interface"), WEB_INTERFACE);
	assert_string_equal(text_at(event, "in"), "eth0");
	assert_string_equal(text_at(event, "out"), WEB_INTERFACE);
	assert_string_equal(text_at(event, "source"), "192.0.2.1");
	assert_string_equal(text_at(event, "destination"), "10.0.1.5");
	assert_string_equal(text_at(event, "what"), "tcp/5432");
	assert_string_equal(text_at(event, "text"),
	                    "sg-web (sg-web) every protocol from sg-peer: 192.0.2.1 is not a "
	                    "member of sg-peer");
	assert_string_equal(text_at(part(event, "nearest"), "group"), "sg-web");
	assert_string_equal(cJSON_GetStringValue(
				    cJSON_GetArrayItem(part(part(event, "nearest"), "differs"), 0)),
	                    "peer");
	assert_null(part(event, "fragment"));
	assert_null(part(event, "original"));
	cJSON_Delete(event);
}

static void the_peer_is_named_as_far_as_it_is_known(void **state)
{
	static const struct {
		const char *address, *pod, *node, *eni, *group;
	} rows[] = {
		{"10.0.1.6", "ns/db", "", "", "sg-db"},
		{"10.0.0.10", "", "n1", "", ""},
		{"10.0.3.1", "", "", "eni-1", "sg-peer"},
		{"192.0.2.1", "", "", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct drop_record record =
			record_of(DIRECTION_EGRESS, DROP_RULES, "10.0.1.5", rows[i].address);
		cJSON *event = event_of(&record);
		const cJSON *peer = part(event, "peer");

		assert_string_equal(text_at(peer, "address"), rows[i].address);
		assert_string_equal(text_at(peer, "pod"), rows[i].pod);
		assert_string_equal(text_at(peer, "node"), rows[i].node);
		assert_string_equal(text_at(peer, "eni"), rows[i].eni);
		assert_string_equal(text_at(cJSON_GetArrayItem(part(peer, "groups"), 0), "id"),
		                    rows[i].group);
		cJSON_Delete(event);
	}
}

static void protocols_are_spelled_as_in_rules(void **state)
{
	static const struct {
		uint8_t protocol;
		bool ports;
		const char *what;
	} rows[] = {
		{IPPROTO_TCP, true, "tcp/5432"},     {IPPROTO_UDP, true, "udp/5432"},
		{IPPROTO_UDP, false, "udp"},         {IPPROTO_ICMP, true, "icmp/8/0"},
		{IPPROTO_GRE, false, "protocol 47"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct drop_record record =
			record_of(DIRECTION_EGRESS, DROP_RULES, "10.0.1.5", "192.0.2.1");

		record.packet.protocol = rows[i].protocol;
		record.packet.icmp_type = 8;
		record.ports = rows[i].ports;
		cJSON *event = event_of(&record);
		assert_string_equal(text_at(event, "what"), rows[i].what);
		cJSON_Delete(event);
	}
}

static void where_no_rule_could_help_the_reason_is_said(void **state)
{
	static const struct {
		enum direction direction;
		const char *reason;
		const char *text;
	} rows[] = {
		{DIRECTION_EGRESS, DROP_SOURCE, "not an address of the pod"},
		{DIRECTION_INGRESS, DROP_PATH, "branch device only"},
		{DIRECTION_INGRESS, DROP_CLOSED, "none of its groups is known"},
		{DIRECTION_EGRESS, DROP_CLAIMED, "a newer pod"},
		{DIRECTION_EGRESS, DROP_RULES, "no egress rule of its groups comes near"},
		{DIRECTION_EGRESS, DROP_NODE, "no egress rule of the node's groups comes near"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct drop_record record =
			record_of(rows[i].direction, rows[i].reason, "10.0.1.5", "192.0.2.1");
		cJSON *event = event_of(&record);

		assert_non_null(strstr(text_at(event, "text"), rows[i].text));
		assert_null(part(event, "nearest"));
		cJSON_Delete(event);
	}
}

static void a_service_is_told_beside_the_destination(void **state)
{
	struct drop_record record =
		record_of(DIRECTION_EGRESS, DROP_RULES, "10.0.1.5", "192.0.2.1");

	(void)state;
	record.original = prefix_of("172.20.0.10");
	record.packet.original_port = 80;
	record.fragment = true;
	cJSON *event = event_of(&record);
	assert_string_equal(text_at(part(event, "original"), "address"), "172.20.0.10");
	assert_int_equal(part(part(event, "original"), "port")->valueint, 80);
	assert_true(cJSON_IsTrue(part(event, "fragment")));
	cJSON_Delete(event);
}

/* Between the drop and its message the pod may have gone, or nothing may be resolved yet. */
static void what_is_gone_is_left_out(void **state)
{
	struct drop_record record =
		record_of(DIRECTION_INGRESS, DROP_RULES, "192.0.2.1", "10.0.1.5");
	const struct drop_facts nothing = {NULL, setting.model, &setting.host, rules()};
	struct drop_end end;

	(void)state;
	record.out = 99;
	cJSON *event = event_of(&record);
	assert_null(part(event, "pod"));
	assert_null(part(event, "interface"));
	assert_null(part(event, "text"));
	cJSON_Delete(event);
	drop_event_end(&record, &nothing, &end);
	event = drop_event_object(&record, &end, &nothing);
	assert_null(part(event, "peer"));
	assert_string_equal(text_at(event, "source"), "192.0.2.1");
	cJSON_Delete(event);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(an_event_says_when_who_what_and_why),
		IN_WORLD(the_peer_is_named_as_far_as_it_is_known),
		IN_WORLD(protocols_are_spelled_as_in_rules),
		IN_WORLD(where_no_rule_could_help_the_reason_is_said),
		IN_WORLD(a_service_is_told_beside_the_destination),
		IN_WORLD(what_is_gone_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
