/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/setting.h"

#define SERVICE(address)                                                                           \
	"apiVersion: v1\nkind: Service\nmetadata: {name: kube-dns, namespace: kube-system}\n"      \
	"spec: {clusterIP: " address "}\n"
#define SLICE(name, addresses, port)                                                               \
	"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " name             \
	", namespace: kube-system, labels: {kubernetes.io/service-name: kube-dns}}\n"              \
	"ports: [{name: dns, protocol: UDP, port: " port "}]\n"                                    \
	"endpoints: [{addresses: [" addresses "]}]\n"

static int open_setting(void **state)
{
	static struct setting setting;

	setting_open(&setting, "version: 1\nnode: {name: n1, addresses: [10.0.0.9]}\n");
	*state = &setting;
	return 0;
}

static int close_setting(void **state)
{
	setting_close(*state);
	return 0;
}

static struct prefix *copy_prefixes(struct arena *arena, const char *const *texts, size_t count)
{
	struct prefix *prefixes = arena_array(arena, count, sizeof(*prefixes));

	assert_non_null(prefixes);
	for (size_t i = 0; i < count; i++)
		prefixes[i] = prefix_of(texts[i]);
	return prefixes;
}

/* As the EC2 source makes it. */
static void put_instance(struct setting *setting, const char *name, const char *group)
{
	static const char *const cidrs[] = {"10.0.0.0/16", "2001:db8::/56"};
	struct document *document = document_new(name);
	struct instance *instance;

	assert_non_null(document);
	instance = arena_alloc(document->arena, sizeof(*instance));
	*instance = (struct instance){.id = "i-1",
	                              .type = "m5.large",
	                              .region = "eu-central-1",
	                              .zone = "eu-central-1a",
	                              .group_count = 1,
	                              .vpc_cidr_count = 2};
	instance->groups = arena_array(document->arena, 1, sizeof(char *));
	instance->groups[0] = arena_strdup(document->arena, group);
	instance->vpc_cidrs = copy_prefixes(document->arena, cidrs, 2);
	document->instances = instance;
	document->instance_count = 1;
	assert_int_equal(model_put(setting->model, document, NULL), 0);
}

/* With blanks between; what comes first of them is enough here. */
static const char *node_group(struct setting *setting)
{
	setting_resolve(setting);
	return setting->resolution->node_group_count > 0 ? setting->resolution->node_groups[0] : "";
}

static void the_instances_groups_are_the_nodes_where_nobody_knows_better(void **state)
{
	struct setting *setting = *state;

	assert_string_equal(node_group(setting), "");
	put_instance(setting, "ec2/instance", "sg-instance");
	assert_string_equal(node_group(setting), "sg-instance");
	setting_put(setting, "e.yaml", INTERFACES(INTERFACE("eni-1", IN("sg-listed"), "10.0.0.9")));
	assert_string_equal(node_group(setting), "sg-listed");
	setting_configure(setting, "version: 1\nnode: {name: n1, addresses: [10.0.0.9], "
	                           "securityGroups: [sg-configured]}\n");
	assert_string_equal(node_group(setting), "sg-configured");
}

static void of_two_documents_with_an_instance_the_later_is_in_force_and_that_is_said(void **state)
{
	struct setting *setting = *state;

	put_instance(setting, "ec2/instance", "sg-1");
	put_instance(setting, "later", "sg-2");
	assert_string_equal(node_group(setting), "sg-2");
	assert_true(setting_says(setting, "EC2 instance of this node is in ec2/instance and in "
	                                  "later: the latter is in force"));
}

static void the_vpcs_cidrs_are_the_configured_ones_else_the_instances(void **state)
{
	struct setting *setting = *state;
	char text[PREFIX_TEXT_MAX];

	setting_resolve(setting);
	assert_int_equal(setting->resolution->vpc_cidr_count, 0);
	put_instance(setting, "ec2/instance", "sg-1");
	setting_resolve(setting);
	assert_int_equal(setting->resolution->vpc_cidr_count, 2);
	assert_string_equal(prefix_text(&setting->resolution->vpc_cidrs[0], text), "10.0.0.0/16");
	setting_configure(setting, "version: 1\nnode: {name: n1}\nvpcCidrs: [10.7.0.0/16]\n");
	setting_resolve(setting);
	assert_int_equal(setting->resolution->vpc_cidr_count, 1);
	assert_string_equal(prefix_text(&setting->resolution->vpc_cidrs[0], text), "10.7.0.0/16");
}

/* "10.0.0.1/53/53", with blanks between: udp, tcp. */
static const char *servers(struct setting *setting)
{
	static char text[256];
	char address[PREFIX_TEXT_MAX];

	setting_resolve(setting);
	text[0] = '\0';
	for (size_t i = 0; i < setting->resolution->dns_server_count; i++) {
		const struct dns_server *server = &setting->resolution->dns_servers[i];
		size_t used = strlen(text);

		(void)snprintf(text + used, sizeof(text) - used, "%s%s/%u/%u", i > 0 ? " " : "",
		               prefix_text(&server->address, address), server->udp_port,
		               server->tcp_port);
	}
	return text;
}

static void dns_servers_are_the_configured_ones_else_the_ready_endpoints(void **state)
{
	struct setting *setting = *state;

	assert_string_equal(servers(setting), "");
	setting_put(setting, "s.yaml", SERVICE("172.20.0.10"));
	assert_string_equal(servers(setting), "");
	setting_put(setting, "a.yaml", SLICE("kube-dns-a", "10.0.1.2, 10.0.1.1", "53"));
	setting_put(setting, "b.yaml", SLICE("kube-dns-b", "'fd00::1'", "5353"));
	assert_string_equal(servers(setting), "10.0.1.1/53/53 10.0.1.2/53/53 fd00::1/5353/53");
	setting_remove(setting, "a.yaml");
	assert_string_equal(servers(setting), "fd00::1/5353/53");
	setting_configure(setting,
	                  "version: 1\nnode: {name: n1}\ndns: {clusterServers: [10.9.9.9]}\n");
	assert_string_equal(servers(setting), "10.9.9.9/53/53");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_setting, close_setting)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_instances_groups_are_the_nodes_where_nobody_knows_better),
		TEST(of_two_documents_with_an_instance_the_later_is_in_force_and_that_is_said),
		TEST(the_vpcs_cidrs_are_the_configured_ones_else_the_instances),
		TEST(dns_servers_are_the_configured_ones_else_the_ready_endpoints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
