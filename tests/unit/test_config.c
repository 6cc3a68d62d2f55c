/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/config.h"

static struct config *parse(const char *text)
{
	struct config *config = NULL;
	struct error err = {0};

	if (config_parse("c", text, strlen(text), &config, &err) < 0)
		fail_msg("%s", err.text);
	return config;
}

static void assert_refused(const char *text, int code, const char *message)
{
	struct config *config = NULL;
	struct error err = {0};

	if (config_parse("c", text, strlen(text), &config, &err) == 0)
		fail_msg("accepted: %s", text);
	assert_null(config);
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, code);
}

static void assert_defaults(const struct config *config)
{
	char host[256] = "";

	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	assert_string_equal(config->node.name, host);
	assert_string_equal(config->node.primary_interface, "");
	assert_int_equal(config->node.security_group_count, 0);
	assert_int_equal(config->node.address_count, 0);
	assert_int_equal(config->enforcing_mode, MODE_STRICT);
	assert_int_equal(config->standard_node_groups, NODE_GROUPS_CROSSING);
	assert_int_equal(config->established_flows, FLOWS_KEEP);
	assert_true(config->enforce_without_eni);
	assert_string_equal(config->veth_prefix, "eni");
	assert_int_equal(config->vpc_cidr_count, 0);
	for (size_t i = 0; i < EXEMPTIONS; i++)
		assert_true(config->exempt[i]);
	assert_string_equal(config->files.directory, "/var/lib/podsg/documents");
	assert_string_equal(config->nft_sync.table, "podsg");
	assert_string_equal(config->nft_sync.socket, "/run/podsg/nft-sync.sock");
	assert_string_equal(config->nft_sync.branches, "/run/podsg/branches.json");
	assert_string_equal(config->nft_sync.metrics, "127.0.0.1:9254");
	assert_int_equal(config->nft_sync.connmark, 0x3000);
	assert_int_equal(config->nft_sync.drop_log.group, 100);
	assert_int_equal(config->nft_sync.drop_log.per_second, 50);
	assert_int_equal(config->dns.listen_count, 1);
	assert_string_equal(prefix_text(config->dns.listen, (char[PREFIX_TEXT_MAX]){0}),
	                    "169.254.20.10");
	assert_int_equal(config->dns.memory, 64 << 20);
	assert_string_equal(config->dns.corefile, PODSG_SYSCONFDIR "/podsg/Corefile");
	assert_string_equal(config->dns.metrics, "0.0.0.0:9353");
	assert_int_equal(config->dns.client_rate, 0);
	assert_int_equal(config->dns.client_outstanding, 512);
	assert_false(config->hooks.ignore_failure);
	assert_int_equal(config->hooks.attach_timeout, 10000);
	assert_string_equal(config->hooks.journal, "/var/lib/podsg/journal");
}

static void what_is_left_out_has_its_default(void **state)
{
	static const char *const texts[] = {
		"", "# nothing\n", "version: 1\n", "node:\nvpcCidrs:\nnftSync: {}\n", "{}",
	};
	struct config *config = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		config = parse(texts[i]);
		assert_defaults(config);
		config_free(config);
	}
	assert_int_equal(config_load(NULL, &config, NULL), 0);
	assert_defaults(config);
	config_free(config);
	config_free(NULL);
}

static void the_file_of_the_design_means_the_defaults(void **state)
{
	struct config *config = parse(
		"version: 1\n"
		"node:\n"
		"  name: \"\"\n"
		"  primaryInterface: \"\"\n"
		"  securityGroups: []\n"
		"  addresses: []\n"
		"enforcingMode: strict\n"
		"standardNodeGroups: crossing\n"
		"establishedFlows: keep\n"
		"withoutEni: enforce\n"
		"vethPrefix: eni\n"
		"vpcCidrs: []\n"
		"exempt: {imds: true, vpc-dns: true, time: true, dhcp: true, pod-identity: true,"
		" ecs: true, node-probe: true, hairpin: true}\n"
		"sources:\n"
		"  files: {directory: /var/lib/podsg/documents}\n"
		"  kubernetes: {}\n"
		"  ec2: {}\n"
		"nftSync: {table: podsg, socket: /run/podsg/nft-sync.sock,"
		" branches: /run/podsg/branches.json,\n"
		"          metrics: \"127.0.0.1:9254\", dropLog: {group: 100, perSecond: 50}}\n"
		"dns: {clusterServers: [], listen: [169.254.20.10],\n"
		"      memory: 64MiB}\n"
		"hooks: {failurePolicy: fail, attachTimeout: 10s, journal: "
		"/var/lib/podsg/journal}\n");

	(void)state;
	assert_defaults(config);
	config_free(config);
}

static void every_key_has_its_effect(void **state)
{
	struct config *config =
		parse("node: {name: n1, primaryInterface: ens5,"
	              " securityGroups: [sg-1, sg-2], addresses: [10.0.0.1, '::1']}\n"
	              "enforcingMode: standard\n"
	              "standardNodeGroups: never\n"
	              "establishedFlows: cut\n"
	              "withoutEni: ignore\n"
	              "vethPrefix: cali\n"
	              "vpcCidrs: [10.0.0.0/16, '2001:db8::/56']\n"
	              "exempt: {vpc-dns: false, hairpin: false}\n"
	              "sources: {files: {directory: ''}}\n"
	              "nftSync:\n"
	              "  table: other_1\n"
	              "  socket: /a\n"
	              "  branches: /b\n"
	              "  metrics: '[::1]:1'\n"
	              "  connmark: 0x80000001\n"
	              "  dropLog: {group: 0, perSecond: 1000}\n"
	              "dns:\n"
	              "  listen: [169.254.25.10, 'fd00::10']\n"
	              "  memory: 1GiB\n"
	              "  corefile: /c\n"
	              "  metrics: ''\n"
	              "  clientQueriesPerSecond: 100\n"
	              "  clientOutstanding: 1\n"
	              "hooks: {failurePolicy: ignore, attachTimeout: 500ms, journal: /j}\n");

	(void)state;
	assert_string_equal(config->node.name, "n1");
	assert_string_equal(config->node.primary_interface, "ens5");
	assert_int_equal(config->node.security_group_count, 2);
	assert_string_equal(config->node.security_groups[1], "sg-2");
	assert_int_equal(config->node.address_count, 2);
	assert_int_equal(config->node.addresses[1].address[15], 1);
	assert_int_equal(config->enforcing_mode, MODE_STANDARD);
	assert_int_equal(config->standard_node_groups, NODE_GROUPS_NEVER);
	assert_int_equal(config->established_flows, FLOWS_CUT);
	assert_false(config->enforce_without_eni);
	assert_string_equal(config->veth_prefix, "cali");
	assert_int_equal(config->vpc_cidr_count, 2);
	assert_int_equal(config->dns.listen_count, 2);
	assert_int_equal(config->dns.memory, 1 << 30);
	assert_string_equal(config->dns.corefile, "/c");
	assert_string_equal(config->dns.metrics, "");
	assert_int_equal(config->dns.client_rate, 100);
	assert_int_equal(config->dns.client_outstanding, 1);
	assert_int_equal(config->vpc_cidrs[0].length, 16);
	for (size_t i = 0; i < EXEMPTIONS; i++)
		assert_int_equal(config->exempt[i], i != EXEMPT_VPC_DNS && i != EXEMPT_HAIRPIN);
	assert_string_equal(config->files.directory, "");
	assert_string_equal(config->nft_sync.table, "other_1");
	assert_string_equal(config->nft_sync.socket, "/a");
	assert_string_equal(config->nft_sync.branches, "/b");
	assert_string_equal(config->nft_sync.metrics, "[::1]:1");
	assert_int_equal(config->nft_sync.connmark, 0x80000001);
	assert_int_equal(config->nft_sync.drop_log.group, 0);
	assert_int_equal(config->nft_sync.drop_log.per_second, 1000);
	assert_true(config->hooks.ignore_failure);
	assert_int_equal(config->hooks.attach_timeout, 500);
	assert_string_equal(config->hooks.journal, "/j");
	config_free(config);
}

static void every_exemption_can_be_switched_off_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXEMPTIONS; i++) {
		struct config *config;
		char text[64];

		(void)snprintf(text, sizeof(text), "exempt: {%s: false}\n", exemption_names[i]);
		config = parse(text);
		for (size_t k = 0; k < EXEMPTIONS; k++)
			assert_int_equal(config->exempt[k], k != i);
		config_free(config);
	}
}

static void unknown_keys_are_refused_with_their_line(void **state)
{
	static const char *const cases[][2] = {
		{"version: 1\nenforcingmode: strict\n",
	         "c:2: enforcingmode: \"strict\": unknown key, did you mean enforcingMode?"},
		{"nod:\n  name: x\n", "c:1: nod: unknown key, did you mean node?"},
		{"node:\n  namee: x\n", "c:2: node.namee: \"x\": unknown key, did you mean name?"},
		{"exempt: {imd: true}\n",
	         "c:1: exempt.imd: \"true\": unknown key, did you mean imds?"},
		{"nftSync:\n  dropLog: {persecond: 5}\n",
	         "c:2: nftSync.dropLog.persecond: \"5\": unknown key, did you mean perSecond?"},
		{"sources: {kubernetess: {}}\n",
	         "c:1: sources.kubernetess: unknown key, did you mean kubernetes?"},
		{"colour: red\n", "c:1: colour: \"red\": unknown key"},
		{"node: {name: x, \"\": y}\n", "c:1: node.: \"y\": unknown key"},
		{"node.name: x\n", "c:1: node.name: \"x\": unknown key"},
		{"{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	         "aa"
	         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 1}",
	         "c:1: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	         "aaaaaaaaaaaaaaaaaaa: \"1\": unknown key"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i][0], -EINVAL, cases[i][1]);
}

static void values_are_checked(void **state)
{
	static const char *const cases[][2] = {
		{"version: 2\n", "c:1: version: \"2\": expected 1"},
		{"version: '1'\n", "c:1: version: \"1\": expected 1"},
		{"node: x\n", "c:1: node: \"x\": expected a section"},
		{"node: {name: a b}\n", "c:1: node.name: \"a b\": expected a name without spaces"},
		{"node: {name: 5}\n", "c:1: node.name: \"5\": expected a name without spaces"},
		{"node: {primaryInterface: a/b}\n", "c:1: node.primaryInterface: \"a/b\": expected "
	                                            "the name of an interface, at most 15 "
	                                            "characters"},
		{"node: {securityGroups: sg-1}\n",
	         "c:1: node.securityGroups: \"sg-1\": expected a list"},
		{"node:\n  securityGroups:\n  - sg-1\n  - ''\n",
	         "c:4: node.securityGroups: \"\": must not be empty"},
		{"node: {addresses: [10.0.0.1/32]}\n",
	         "c:1: node.addresses: \"10.0.0.1/32\": expected an IPv4 or IPv6 address"},
		{"enforcingMode: loose\n",
	         "c:1: enforcingMode: \"loose\": expected strict or standard"},
		{"standardNodeGroups: sometimes\n",
	         "c:1: standardNodeGroups: \"sometimes\": expected crossing, always or never"},
		{"establishedFlows: true\n",
	         "c:1: establishedFlows: \"true\": expected keep or cut"},
		{"withoutEni: no\n", "c:1: withoutEni: \"no\": expected ignore or enforce"},
		{"vethPrefix: vlan\n", "c:1: vethPrefix: \"vlan\": expected 1 to 4 letters or "
	                               "digits, other than eth, lo and "
	                               "vlan"},
		{"vethPrefix: abcde\n", "c:1: vethPrefix: \"abcde\": expected 1 to 4 letters or "
	                                "digits, other than eth, lo and "
	                                "vlan"},
		{"vethPrefix: ''\n",
	         "c:1: vethPrefix: \"\": expected 1 to 4 letters or digits, other than eth, lo and "
	         "vlan"},
		{"vpcCidrs:\n- 10.0.0.0/16\n- 10.0.0.0/33\n",
	         "c:3: vpcCidrs: \"10.0.0.0/33\": expected an IPv4 or IPv6 prefix"},
		{"vpcCidrs: [10.0.0.1/16]\n",
	         "c:1: vpcCidrs: \"10.0.0.1/16\": has bits behind its length: write 10.0.0.0/16"},
		{"exempt: {imds: off}\n", "c:1: exempt.imds: \"off\": expected true or false"},
		{"sources: {files: {directory: documents}}\n",
	         "c:1: sources.files.directory: \"documents\": expected an absolute path, or \"\" "
	         "for "
	         "none"},
		{"sources: {ec2: yes}\n", "c:1: sources.ec2: \"yes\": expected a section"},
		{"nftSync: {table: 1a}\n",
	         "c:1: nftSync.table: \"1a\": expected an nftables identifier"},
		{"nftSync: {table: 'a b'}\n",
	         "c:1: nftSync.table: \"a b\": expected an nftables identifier"},
		{"nftSync: {branches: ''}\n",
	         "c:1: nftSync.branches: \"\": expected an absolute path"},
		{"nftSync: {metrics: '9254'}\n",
	         "c:1: nftSync.metrics: \"9254\": expected ADDRESS:PORT, or \"\" for none"},
		{"nftSync: {metrics: '::1:9254'}\n",
	         "c:1: nftSync.metrics: \"::1:9254\": expected ADDRESS:PORT, or \"\" for none"},
		{"nftSync: {metrics: '[]:1'}\n",
	         "c:1: nftSync.metrics: \"[]:1\": expected ADDRESS:PORT, or \"\" for none"},
		{"nftSync: {metrics: '127.0.0.1:65536'}\n",
	         "c:1: nftSync.metrics: \"127.0.0.1:65536\": expected ADDRESS:PORT, or \"\" for "
	         "none"},
		{"nftSync: {metrics: ':1'}\n",
	         "c:1: nftSync.metrics: \":1\": expected ADDRESS:PORT, or \"\" for none"},
		{"nftSync: {connmark: 0x7000}\n", "c:1: nftSync.connmark: \"28672\": expected a "
	                                          "mask of exactly two bits, like 0x3000"},
		{"nftSync: {connmark: -1}\n",
	         "c:1: nftSync.connmark: \"-1\": expected a mask of exactly two bits, like 0x3000"},
		{"nftSync: {dropLog: {group: 65536}}\n",
	         "c:1: nftSync.dropLog.group: \"65536\": expected a whole number, 0 to 65535"},
		{"dns: {memory: 64}\n",
	         "c:1: dns.memory: \"64\": expected a size like 512KiB, 64MiB or 1GiB, 16 MiB to "
	         "65536 MiB"},
		{"dns: {memory: 16383KiB}\n",
	         "c:1: dns.memory: \"16383KiB\": expected a size like 512KiB, 64MiB or 1GiB, "
	         "16 MiB to 65536 MiB"},
		{"dns: {memory: 64MB}\n",
	         "c:1: dns.memory: \"64MB\": expected a size like 512KiB, 64MiB or 1GiB, 16 MiB to "
	         "65536 MiB"},
		{"dns: {listen: [lo]}\n",
	         "c:1: dns.listen: \"lo\": expected an IPv4 or IPv6 address"},
		{"dns: {clientOutstanding: 0}\n",
	         "c:1: dns.clientOutstanding: \"0\": expected a whole number, 1 to 65536"},
		{"nftSync: {dropLog: {perSecond: 1.5}}\n",
	         "c:1: nftSync.dropLog.perSecond: \"1.5\": expected a whole number, 0 to 1000000"},
		{"nftSync: {dropLog: {perSecond: .nan}}\n",
	         "c:1: nftSync.dropLog.perSecond: \"nan\": expected a whole number, 0 to 1000000"},
		{"node: {name: a}\nnode: {name: b}\n", "c:2: node: given twice"},
		{"- a\n", "c:1: expected sections and keys"},
		{"version: 1\n---\nversion: 1\n", "c:3: a second document: expected one"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i][0], -EINVAL, cases[i][1]);
}

static void a_socket_path_that_the_kernel_cannot_hold_is_refused(void **state)
{
	char text[256] = "nftSync: {socket: /";
	struct config *config = NULL;
	size_t used = strlen(text);

	(void)state;
	memset(text + used, 's', 106);
	(void)snprintf(text + used + 106, sizeof(text) - used - 106, "}");
	config_free(parse(text));
	(void)snprintf(text + used + 106, sizeof(text) - used - 106, "s}");
	assert_int_equal(config_parse("c", text, strlen(text), &config, NULL), -EINVAL);
}

static void text_that_is_not_yaml_is_refused(void **state)
{
	(void)state;
	assert_refused("node: {name: x\n", -EBADMSG,
	               "c:2: not YAML: did not find expected ',' or '}'");
}

static void a_file_that_is_not_there_is_an_error(void **state)
{
	struct config *config = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(config_load("/nonexistent/podsg.yaml", &config, &err), -ENOENT);
	assert_string_equal(err.text,
	                    "/nonexistent/podsg.yaml: cannot open: No such file or directory");
}

static void modes_have_names(void **state)
{
	(void)state;
	assert_string_equal(mode_name(MODE_STRICT), "strict");
	assert_string_equal(mode_name(MODE_STANDARD), "standard");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_out_has_its_default),
		cmocka_unit_test(the_file_of_the_design_means_the_defaults),
		cmocka_unit_test(every_key_has_its_effect),
		cmocka_unit_test(every_exemption_can_be_switched_off_by_name),
		cmocka_unit_test(unknown_keys_are_refused_with_their_line),
		cmocka_unit_test(values_are_checked),
		cmocka_unit_test(a_socket_path_that_the_kernel_cannot_hold_is_refused),
		cmocka_unit_test(text_that_is_not_yaml_is_refused),
		cmocka_unit_test(a_file_that_is_not_there_is_an_error),
		cmocka_unit_test(modes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
