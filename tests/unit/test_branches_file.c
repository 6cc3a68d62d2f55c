/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/file.h"
#include "nft-sync/answer/branches_file.h"
#include "nft-sync/judge/dns_permission.h"
#include "tests/unit/setting.h"

#define PATH_SIZE 64
#define SG_1 POLICY("p", "podSelector: {}", "sg-1")

struct place {
	struct setting setting;
	char directory[PATH_SIZE];
	char path[PATH_SIZE];
	struct branches_file *file;
};

static int open_place(void **state)
{
	static struct place place;

	place = (struct place){.directory = "/tmp/podsg-branches-XXXXXX"};
	if (mkdtemp(place.directory) == NULL)
		return -1;
	(void)snprintf(place.path, sizeof(place.path), "%.40s/branches.json", place.directory);
	setting_open(&place.setting, "version: 1\nnode: {name: n1}\n");
	setting_put(&place.setting, "a.yaml",
	            KUBERNETES(POD("pod", "u1",
	                           CREATED("2026-01-01T00:00:00Z") ENI("eni-1", "10.0.0.5", "3")
	                                   ON("n1", "10.0.0.5")) SG_1));
	setting_resolve(&place.setting);
	*state = &place;
	return branches_file_open(place.path, &place.file, NULL);
}

static int close_place(void **state)
{
	struct place *place = *state;

	branches_file_close(place->file);
	setting_close(&place->setting);
	(void)unlink(place->path);
	return rmdir(place->directory);
}

static void write_branches(struct place *place)
{
	struct error err = {0};

	if (branches_file_write(place->file, place->setting.resolution, place->setting.model,
	                        &err) < 0)
		fail_msg("%s", err.text);
}

static const char *content(const struct place *place)
{
	static char text[4096];
	char *read = NULL;
	size_t length = 0;

	assert_int_equal(file_read(place->path, sizeof(text), &read, &length, NULL), 0);
	(void)snprintf(text, sizeof(text), "%s", read);
	free(read);
	return text;
}

static void the_file_has_the_agreed_form(void **state)
{
	struct place *place = *state;

	write_branches(place);
	assert_string_equal(
		content(place),
		"{\"version\":1,\"generation\":1,\"dnsServers\":[],\"branches\":["
		"{\"interface\":\"vlane34aba5891b\",\"device\":\"vlan.eth.3\","
		"\"pod\":\"ns/pod\",\"namespace\":\"ns\",\"name\":\"pod\",\"uid\":\"u1\","
		"\"created\":1767225600,\"mode\":\"strict\",\"sourceDestCheck\":true,"
		"\"addresses\":[\"10.0.0.5\"],\"groups\":[\"sg-1\"],"
		"\"dns\":{\"udp\":false,\"tcp\":false,"
		"\"reason\":\"none of its security groups is known\"}}]}\n");
}

static void the_generation_rises_only_when_the_content_changes(void **state)
{
	struct place *place = *state;

	write_branches(place);
	write_branches(place);
	assert_non_null(strstr(content(place), "\"generation\":1,"));
	setting_remove(&place->setting, "a.yaml");
	setting_resolve(&place->setting);
	write_branches(place);
	assert_string_equal(content(place), "{\"version\":1,\"generation\":2,\"dnsServers\":[],"
	                                    "\"branches\":[]}\n");
}

static void the_generation_goes_on_after_a_restart(void **state)
{
	struct place *place = *state;

	write_branches(place);
	branches_file_close(place->file);
	assert_int_equal(branches_file_open(place->path, &place->file, NULL), 0);
	write_branches(place);
	assert_non_null(strstr(content(place), "\"generation\":2,"));
}

static void a_failure_to_write_is_returned_and_tried_again(void **state)
{
	struct place *place = *state;
	struct error err = {0};

	assert_int_equal(rmdir(place->directory), 0);
	assert_int_equal(branches_file_write(place->file, place->setting.resolution,
	                                     place->setting.model, &err),
	                 -ENOENT);
	assert_non_null(strstr(err.text, place->path));
	assert_non_null(mkdtemp(memcpy(place->directory, "/tmp/podsg-branches-XXXXXX",
	                               sizeof("/tmp/podsg-branches-XXXXXX"))));
	branches_file_close(place->file);
	(void)snprintf(place->path, sizeof(place->path), "%.40s/branches.json", place->directory);
	assert_int_equal(branches_file_open(place->path, &place->file, NULL), 0);
	write_branches(place);
	assert_non_null(strstr(content(place), "\"generation\":1,"));
}

static void what_was_written_is_read_back_as_the_previous_resolution(void **state)
{
	struct place *place = *state;
	struct setting *setting = &place->setting;
	struct resolution *previous = NULL;
	const struct branch *branch;

	write_branches(place);
	assert_int_equal(branches_file_read(place->path, setting->config, &previous, NULL), 0);
	assert_int_equal(previous->branch_count, 1);
	resolution_free(setting->resolution);
	setting->resolution = previous;
	setting_remove(setting, "a.yaml");
	setting_links(setting, "vlane34aba5891b");
	setting_resolve(setting);
	branch = setting_branch(setting, "ns/pod");
	assert_non_null(branch);
	assert_true(branch->orphan);
	assert_string_equal(branch->device, "vlan.eth.3");
	assert_string_equal(branch->uid, "u1");
	assert_int_equal(branch->created, 1767225600);
	assert_string_equal(setting_groups(branch), "sg-1");
	assert_int_equal(branch->address_count, 1);
}

static void broken_files_are_refused_and_broken_items_left_out(void **state)
{
	static const struct {
		const char *text;
		int ret;
	} rows[] = {
		{"", -EBADMSG},
		{"[]", -EBADMSG},
		{"{\"branches\":{}}", -EBADMSG},
		{"{\"branches\":[", -EBADMSG},
		{"{\"branches\":[]}", 0},
		{"{\"branches\":[7,null,\"x\",{},{\"interface\":\"eth0\"}]}", 0},
		{"{\"branches\":[{\"interface\":\"much-too-long-a-name\",\"mode\":\"strict\"}]}",
	         0},
		{"{\"branches\":[{\"interface\":\"../x\",\"mode\":\"strict\"}]}", 0},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		FILE *file = fopen(place->path, "we");
		struct resolution *previous = NULL;

		assert_non_null(file);
		assert_true(fputs(rows[i].text, file) >= 0);
		assert_int_equal(fclose(file), 0);
		assert_int_equal(
			branches_file_read(place->path, place->setting.config, &previous, NULL),
			rows[i].ret);
		if (previous != NULL)
			assert_int_equal(previous->branch_count, 0);
		resolution_free(previous);
	}
}

static void a_file_that_is_not_there_is_enoent(void **state)
{
	struct place *place = *state;
	struct resolution *previous = NULL;

	assert_int_equal(branches_file_read(place->path, place->setting.config, &previous, NULL),
	                 -ENOENT);
}

#define EGRESS(rules)                                                                              \
	"SecurityGroups: [{GroupId: sg-1, IpPermissions: [], IpPermissionsEgress: [" rules "]}]\n"
#define TO(protocol, ports, cidr)                                                                  \
	"{IpProtocol: '" protocol "', " ports "IpRanges: [{CidrIp: " cidr "}]}"
#define PORT_53 "FromPort: 53, ToPort: 53, "

/* With blanks between; NULL: none is known. */
static void put_servers(struct setting *setting, const char *servers)
{
	char yaml[256];

	(void)snprintf(yaml, sizeof(yaml),
	               "version: 1\nnode: {name: n1}\ndns: {clusterServers: [%s]}\n",
	               servers != NULL ? servers : "");
	setting_configure(setting, yaml);
}

static void ask_permission(struct setting *setting, struct dns_permission *ret)
{
	const struct judge_rules rules = {.group = model_judge_group,
	                                  .prefix_list = model_judge_prefix_list,
	                                  .context = setting->model};

	dns_permission(setting->resolution, setting_branch(setting, "ns/pod"), &rules, ret);
}

static void dns_is_permitted_as_the_egress_rules_say(void **state)
{
	static const struct {
		const char *rules;
		const char *server; /* NULL: not known */
		bool udp;
		bool tcp;
		const char *reason;
	} rows[] = {
		{EGRESS(TO("-1", "", "0.0.0.0/0")), "172.20.0.10", true, true, ""},
		{EGRESS(TO("udp", PORT_53, "0.0.0.0/0")), "172.20.0.10", true, false,
	         "no egress rule permits tcp/53 to the cluster DNS"},
		{EGRESS(TO("tcp", "FromPort: 1, ToPort: 100, ", "172.20.0.0/16")), "172.20.0.10",
	         false, true, "no egress rule permits udp/53 to the cluster DNS"},
		{EGRESS(TO("-1", "", "10.0.0.0/8")), "172.20.0.10", false, false,
	         "no egress rule permits udp/53 or tcp/53 to the cluster DNS"},
		{EGRESS(TO("udp", "FromPort: 54, ToPort: 99, ", "0.0.0.0/0")), "172.20.0.10", false,
	         false, "no egress rule permits udp/53 or tcp/53 to the cluster DNS"},
		{EGRESS(TO("-1", "", "0.0.0.0/0")), "fd00::a", false, false,
	         "no egress rule permits udp/53 or tcp/53 to the cluster DNS"},
		{EGRESS(TO("-1", "", "10.0.0.0/8")), NULL, true, true, ""},
		{EGRESS(""), NULL, false, false,
	         "no egress rule permits udp/53 or tcp/53 to anybody (the cluster DNS servers are "
	         "not "
	         "known)"},
		{EGRESS("{IpProtocol: '-1', UserIdGroupPairs: [{GroupId: sg-1}]}"), "10.0.0.5",
	         true, true, ""},
		{EGRESS("{IpProtocol: '-1', PrefixListIds: [{PrefixListId: pl-1}]}"), "10.0.0.5",
	         false, false, "no egress rule permits udp/53 or tcp/53 to the cluster DNS"},
	};
	struct place *place = *state;
	struct setting *setting = &place->setting;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct dns_permission dns;

		put_servers(setting, rows[i].server);
		setting_put(setting, "g.yaml", rows[i].rules);
		setting_resolve(setting);
		ask_permission(setting, &dns);
		assert_string_equal(dns.reason, rows[i].reason);
		assert_int_equal(dns.udp, rows[i].udp);
		assert_int_equal(dns.tcp, rows[i].tcp);
	}
}

static void every_dns_server_has_to_be_permitted(void **state)
{
	struct place *place = *state;
	struct setting *setting = &place->setting;
	struct dns_permission dns;

	setting_put(setting, "g.yaml", EGRESS(TO("-1", "", "10.0.0.0/8")));
	put_servers(setting, "10.0.0.1, 11.0.0.1");
	setting_resolve(setting);
	ask_permission(setting, &dns);
	assert_false(dns.udp);
	put_servers(setting, "10.0.0.1");
	setting_resolve(setting);
	ask_permission(setting, &dns);
	assert_true(dns.udp);
}

/* It asks in its own family, and kube-proxy answers in it. */
static void servers_of_one_family_are_enough(void **state)
{
	struct place *place = *state;
	struct setting *setting = &place->setting;
	struct dns_permission dns;

	setting_put(setting, "g.yaml", EGRESS(TO("-1", "", "10.0.0.0/8")));
	put_servers(setting, "10.0.0.1, 'fd00::1'");
	setting_resolve(setting);
	ask_permission(setting, &dns);
	assert_true(dns.udp && dns.tcp);
}

/* Endpoints of kube-dns, with their own ports; what is configured goes before them. */
static void the_file_names_the_servers_of_the_cluster(void **state)
{
	struct place *place = *state;
	struct setting *setting = &place->setting;

	setting_remove(setting, "a.yaml");
	setting_put(setting, "dns.yaml",
	            KUBERNETES("- {kind: EndpointSlice, apiVersion: discovery.k8s.io/v1, metadata: "
	                       "{namespace: kube-system, name: kube-dns-1, labels: "
	                       "{kubernetes.io/service-name: kube-dns}}, addressType: IPv4, "
	                       "endpoints: [{addresses: [10.0.0.54]}, {addresses: [10.0.0.53]}], "
	                       "ports: [{name: dns, protocol: UDP, port: 5353}, "
	                       "{name: dns-tcp, protocol: TCP, port: 5354}]}\n"));
	setting_resolve(setting);
	write_branches(place);
	assert_string_equal(content(place),
	                    "{\"version\":1,\"generation\":1,\"dnsServers\":["
	                    "{\"address\":\"10.0.0.53\",\"udp\":5353,\"tcp\":5354},"
	                    "{\"address\":\"10.0.0.54\",\"udp\":5353,\"tcp\":5354}],"
	                    "\"branches\":[]}\n");
	put_servers(setting, "'fd00::a'");
	setting_resolve(setting);
	write_branches(place);
	assert_string_equal(content(place), "{\"version\":1,\"generation\":2,\"dnsServers\":["
	                                    "{\"address\":\"fd00::a\",\"udp\":53,\"tcp\":53}],"
	                                    "\"branches\":[]}\n");
}

static void the_file_is_written_anew_when_the_servers_change(void **state)
{
	struct place *place = *state;
	struct setting *setting = &place->setting;
	char *before = NULL;
	char *after = NULL;
	size_t length;

	setting_put(setting, "g.yaml", EGRESS(TO("-1", "", "10.0.0.0/8")));
	put_servers(setting, "10.0.0.1");
	setting_resolve(setting);
	write_branches(place);
	assert_int_equal(file_read(place->path, 1 << 20, &before, &length, NULL), 0);
	put_servers(setting, "11.0.0.1");
	setting_resolve(setting);
	write_branches(place);
	assert_int_equal(file_read(place->path, 1 << 20, &after, &length, NULL), 0);
	assert_non_null(strstr(before, "\"udp\":true"));
	assert_non_null(strstr(after, "\"udp\":false"));
	free(before);
	free(after);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_file_has_the_agreed_form),
		TEST(the_generation_rises_only_when_the_content_changes),
		TEST(the_generation_goes_on_after_a_restart),
		TEST(a_failure_to_write_is_returned_and_tried_again),
		TEST(what_was_written_is_read_back_as_the_previous_resolution),
		TEST(broken_files_are_refused_and_broken_items_left_out),
		TEST(a_file_that_is_not_there_is_enoent),
		TEST(dns_is_permitted_as_the_egress_rules_say),
		TEST(every_dns_server_has_to_be_permitted),
		TEST(servers_of_one_family_are_enough),
		TEST(the_file_names_the_servers_of_the_cluster),
		TEST(the_file_is_written_anew_when_the_servers_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
