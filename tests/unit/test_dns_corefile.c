/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "tests/unit/corefile_text.h"

static void assert_zones(const struct server_block *block, const char *const *zones, size_t count)
{
	assert_int_equal(block->zone_count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(corefile_text_name(&block->zones[i]), zones[i]);
}

static void zones_of_a_block_have_a_port_or_the_default_one(void **state)
{
	static const struct {
		const char *text;
		const char *zones[3];
		size_t count;
		uint16_t port;
	} cases[] = {
		{". {\n}", {"."}, 1, 53},
		{". { }", {"."}, 1, 53},
		{".", {"."}, 1, 53},
		{".:5300 {\n}", {"."}, 1, 5300},
		{"Example.ORG {\n}", {"example.org."}, 1, 53},
		{"dns://example.org:1053 {\n}", {"example.org."}, 1, 1053},
		{"a.org b.org. {\n}", {"a.org.", "b.org."}, 2, 53},
		{"a.org,\nb.org {\n}", {"a.org.", "b.org."}, 2, 53},
		{"a.org:54 b.org:54 {\n}", {"a.org.", "b.org."}, 2, 54},
		{"_tcp.a.org {\n}", {"_tcp.a.org."}, 1, 53},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct corefile *corefile = corefile_text_read(cases[i].text);

		assert_int_equal(corefile->block_count, 1);
		assert_zones(corefile->blocks, cases[i].zones, cases[i].count);
		assert_int_equal(corefile->blocks->port, cases[i].port);
		corefile_free(corefile);
	}
	corefile_free(NULL);
}

static void a_block_of_several_ports_is_several_blocks(void **state)
{
	static const char *const zones[][2] = {{"a.org.", "c.org."}, {"b.org."}};
	struct corefile *corefile =
		corefile_text_read("a.org b.org:54 c.org:53 {\n\tloop\n}\nz.org {\n}\n");

	(void)state;
	assert_int_equal(corefile->block_count, 3);
	assert_zones(&corefile->blocks[0], zones[0], 2);
	assert_zones(&corefile->blocks[1], zones[1], 1);
	assert_int_equal(corefile->blocks[0].port, 53);
	assert_int_equal(corefile->blocks[1].port, 54);
	assert_true(corefile->blocks[0].loop && corefile->blocks[1].loop);
	assert_false(corefile->blocks[2].loop);
	assert_int_not_equal(corefile->blocks[0].partition, corefile->blocks[1].partition);
	corefile_free(corefile);
}

static void a_cidr_is_its_reverse_zones(void **state)
{
	static const struct {
		const char *text;
		size_t count;
		const char *first, *last;
	} cases[] = {
		{"10.0.0.0/8", 1, "10.in-addr.arpa.", "10.in-addr.arpa."},
		{"192.0.2.0/24", 1, "2.0.192.in-addr.arpa.", "2.0.192.in-addr.arpa."},
		{"192.0.2.128/25", 128, "128.2.0.192.in-addr.arpa.", "255.2.0.192.in-addr.arpa."},
		{"172.16.0.0/12", 16, "16.172.in-addr.arpa.", "31.172.in-addr.arpa."},
		{"192.0.2.7/32", 1, "7.2.0.192.in-addr.arpa.", "7.2.0.192.in-addr.arpa."},
		{"0.0.0.0/0", 1, "in-addr.arpa.", "in-addr.arpa."},
		{"2001:db8::/32", 1, "8.b.d.0.1.0.0.2.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."},
		{"2001:db8::/31", 2, "8.b.d.0.1.0.0.2.ip6.arpa.", "9.b.d.0.1.0.0.2.ip6.arpa."},
		{"2001:db8::/33", 8, "0.8.b.d.0.1.0.0.2.ip6.arpa.", "7.8.b.d.0.1.0.0.2.ip6.arpa."},
		{"10.0.0.0/8:5300", 1, "10.in-addr.arpa.", "10.in-addr.arpa."},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct corefile *corefile = corefile_text_read(cases[i].text);
		const struct server_block *block = corefile->blocks;

		assert_int_equal(block->zone_count, cases[i].count);
		assert_string_equal(corefile_text_name(&block->zones[0]), cases[i].first);
		assert_string_equal(corefile_text_name(&block->zones[block->zone_count - 1]),
		                    cases[i].last);
		corefile_free(corefile);
	}
}

static void words_are_cut_as_caddy_cuts_them(void **state)
{
	static const struct {
		const char *text;
		const char *path; /* of hosts, which takes any word */
	} cases[] = {
		{"hosts /a # a comment {", "/a"}, {"hosts /a#b", "/a"},
		{"hosts \"/a b\"", "/a b"},       {"hosts \"/a # b\"", "/a # b"},
		{"hosts \"/a\\\"b\"", "/a\"b"},   {"hosts \"/a\\d\\\\\"", "/a\\d\\\\"},
		{"hosts \"/a\nb\"", "/a\nb"},     {"hosts /a\"b\"", "/a\"b\""},
		{"hosts \"/{\"", "/{"},           {"\xef\xbb\xbf#", NULL},
	};
	struct corefile *corefile;

	(void)state;
	for (size_t i = 0; i + 1 < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct server_block *block = corefile_text_block(cases[i].text, &corefile);

		assert_string_equal(block->hosts->path, cases[i].path);
		corefile_free(corefile);
	}
	corefile = corefile_text_read("\xef\xbb\xbf.:53 {\r\n\tloop\r\n}\r\n");
	assert_true(corefile->blocks->loop);
	corefile_free(corefile);
}

static void one_block_needs_no_braces(void **state)
{
	struct corefile *corefile =
		corefile_text_read(".:53\nloop\ncache {\n\tkeepttl\n}\ndebug\n");

	(void)state;
	assert_int_equal(corefile->block_count, 1);
	assert_true(corefile->blocks->loop);
	assert_true(corefile->blocks->cache.lifetimes.keep_ttl);
	assert_true(corefile->blocks->debug);
	corefile_free(corefile);
}

static void a_snippet_is_imported_by_its_name(void **state)
{
	struct corefile *corefile = corefile_text_read("(inner) {\n\tloop\n}\n"
	                                               "(common) {\n\tdebug\n\timport inner\n}\n"
	                                               "a.org {\n\timport common\n}\n"
	                                               "b.org {\n\timport common\n\tlog\n}\n");

	(void)state;
	assert_int_equal(corefile->block_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_true(corefile->blocks[i].debug);
		assert_true(corefile->blocks[i].loop);
	}
	assert_true(corefile->blocks[1].log.present);
	corefile_free(corefile);
}

struct directory {
	char path[64];
};

static void make_directory(struct directory *directory)
{
	*directory = (struct directory){.path = "/tmp/podsg-corefile-XXXXXX"};
	assert_non_null(mkdtemp(directory->path));
}

static const char *in(const struct directory *directory, const char *name, char *path, size_t size)
{
	assert_true(snprintf(path, size, "%s/%s", directory->path, name) < (int)size);
	return path;
}

static void put(const struct directory *directory, const char *name, const char *text)
{
	char path[128];
	FILE *file = fopen(in(directory, name, path, sizeof(path)), "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void remove_directory(const struct directory *directory, const char *const *names)
{
	char path[128];

	for (; *names; names++)
		assert_int_equal(unlink(in(directory, *names, path, sizeof(path))), 0);
	assert_int_equal(rmdir(directory->path), 0);
}

static void a_file_is_imported_beside_the_one_that_names_it(void **state)
{
	static const char *const names[] = {"Corefile", "zones", "a.conf", "b.conf", NULL};
	struct directory directory;
	struct corefile *corefile = NULL;
	struct error err = {0};
	char path[128];

	(void)state;
	make_directory(&directory);
	put(&directory, "Corefile", "import zones\nimport *.conf\nimport nothing-*\n");
	put(&directory, "zones", "(common) {\n\tloop\n}\n. {\n\timport common\n}\n");
	put(&directory, "a.conf", "a.org {\n\timport common\n}\n");
	put(&directory, "b.conf", "b.org {\n\timport common\n}\n");
	if (corefile_load(in(&directory, "Corefile", path, sizeof(path)), &corefile_text_values,
	                  &corefile, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(corefile->block_count, 3);
	assert_string_equal(corefile_text_name(corefile->blocks[2].zones), "b.org.");
	assert_true(corefile->blocks[2].loop);
	/* Four files, and the directory in which another one may come. */
	assert_int_equal(corefile->path_count, 5);
	assert_int_equal(corefile->warning_count, 1);
	assert_non_null(strstr(corefile->warnings[0], ":3: import: no file matches"));
	corefile_free(corefile);
	remove_directory(&directory, names);
}

static void an_error_names_the_file_that_it_is_in(void **state)
{
	static const char *const names[] = {"Corefile", "zones", NULL};
	struct directory directory;
	struct corefile *corefile = NULL;
	struct error err = {0};
	char path[128];
	char expected[400];

	(void)state;
	make_directory(&directory);
	put(&directory, "Corefile", "\nimport zones\n");
	put(&directory, "zones", ". {\n\twhoami\n}\n");
	assert_int_equal(corefile_load(in(&directory, "Corefile", path, sizeof(path)),
	                               &corefile_text_values, &corefile, &err),
	                 -EINVAL);
	(void)snprintf(expected, sizeof(expected), "%s/zones:2: \"whoami\": not supported",
	               directory.path);
	assert_string_equal(err.text, expected);
	remove_directory(&directory, names);
}

static void an_import_that_goes_round_is_refused_with_its_chain(void **state)
{
	static const char *const names[] = {"a", "b", NULL};
	struct directory directory;
	struct corefile *corefile = NULL;
	struct error err = {0};
	char path[128];
	char expected[400];

	(void)state;
	make_directory(&directory);
	put(&directory, "a", "import b\n");
	put(&directory, "b", "import a\n");
	assert_int_equal(corefile_load(in(&directory, "a", path, sizeof(path)),
	                               &corefile_text_values, &corefile, &err),
	                 -EINVAL);
	(void)snprintf(expected, sizeof(expected),
	               "%s/b:1: import goes round in a circle: %s/a in %s/b in %s/a",
	               directory.path, directory.path, directory.path, directory.path);
	assert_string_equal(err.text, expected);
	remove_directory(&directory, names);
	corefile_text_refused("(a) {\n\timport a\n}\n. {\n\timport a\n}\n",
	                      "Corefile:2: import goes round in a circle: a in a");
}

static void imports_that_multiply_are_bounded(void **state)
{
	char text[4096];
	size_t used = (size_t)snprintf(text, sizeof(text), "(s0) {\n}\n");

	(void)state;
	for (int i = 1; i < 14; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
		                         "(s%d) {\n\timport s%d\n\timport s%d\n\timport s%d\n}\n",
		                         i, i - 1, i - 1, i - 1);
	(void)snprintf(text + used, sizeof(text) - used, ". {\n\timport s13\n}\n");
	corefile_text_refused(text, "Corefile:5: more than 4096 imports");
}

static void the_environment_is_filled_in_once(void **state)
{
	struct corefile *corefile;

	(void)state;
	assert_int_equal(setenv("PODSG_TEST_PORT", "5353", 1), 0);
	assert_int_equal(setenv("PODSG_TEST_AGAIN", "{$PODSG_TEST_PORT}", 1), 0);
	assert_int_equal(unsetenv("PODSG_TEST_UNSET"), 0);
	corefile = corefile_text_read(".:{$PODSG_TEST_PORT} {\n"
	                              "\thosts /{%PODSG_TEST_PORT%}{$PODSG_TEST_UNSET}/{$}{\n"
	                              "}\n");
	assert_int_equal(corefile->blocks->port, 5353);
	assert_string_equal(corefile->blocks->hosts->path, "/5353/{$}{");
	corefile_free(corefile);
	corefile = corefile_text_read(". {\n\thosts \"/{$PODSG_TEST_AGAIN}\"\n}\n");
	assert_string_equal(corefile->blocks->hosts->path, "/{$PODSG_TEST_PORT}");
	corefile_free(corefile);
}

static void assert_bound(const struct server_block *block, const char *const *addresses,
                         size_t count)
{
	char text[PREFIX_TEXT_MAX];

	assert_int_equal(block->bind_count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(prefix_text(&block->binds[i], text), addresses[i]);
}

static void placeholders_are_the_values_of_the_node(void **state)
{
	static const char *const addresses[] = {"169.254.20.10", "fd00::10"};
	struct corefile_values other = corefile_text_values;
	struct corefile *corefile =
		corefile_text_read("__PILLAR__DNS__DOMAIN__:53 {\n"
	                           "\tbind __PILLAR__LOCAL__DNS__ __PILLAR__DNS__SERVER__\n"
	                           "\tforward . __PILLAR__CLUSTER__DNS__\n"
	                           "\thealth __PILLAR__LOCAL__DNS__:8080\n"
	                           "}\n");
	const struct server_block *block = corefile->blocks;

	(void)state;
	assert_string_equal(corefile_text_name(block->zones), "cluster.local.");
	assert_bound(block, addresses, 2);
	assert_int_equal(block->forwards->upstream_count, 2);
	assert_string_equal(block->health.address, "169.254.20.10:8080");
	corefile_free(corefile);
	other.local_dns = "fd00::10 169.254.20.10";
	corefile =
		corefile_text_read_with(". {\n\thealth __PILLAR__LOCAL__DNS__:8080\n}\n", &other);
	assert_string_equal(corefile->blocks->health.address, "[fd00::10]:8080");
	corefile_free(corefile);
}

static void upstream_servers_of_a_configmap_are_asked_by_udp(void **state)
{
	static const char text[] = ". {\n\tforward . __PILLAR__UPSTREAM__SERVERS__ {\n"
				   "\t\tforce_tcp\n\t}\n"
				   "\tforward cluster.local __PILLAR__CLUSTER__DNS__ {\n"
				   "\t\tforce_tcp\n\t}\n}\n";
	struct corefile_values values = corefile_text_values;
	struct corefile *corefile = corefile_text_read_with(text, &values);

	(void)state;
	assert_true(corefile->blocks->forwards[0].force_tcp);
	corefile_free(corefile);
	values.upstream_servers_udp = true;
	corefile = corefile_text_read_with(text, &values);
	assert_false(corefile->blocks->forwards[0].force_tcp);
	assert_true(corefile->blocks->forwards[1].force_tcp);
	corefile_free(corefile);
}

static void stub_domains_are_blocks_behind_the_others(void **state)
{
	static const char *const addresses[] = {"169.254.20.10", "fd00::10"};
	struct corefile_values values = corefile_text_values;
	struct corefile *corefile;
	const struct server_block *block;

	(void)state;
	values.port = 5300;
	values.stub_domains = "{\"acme.local\": [\"192.0.2.53\", \"192.0.2.54:5353\"]}";
	corefile = corefile_text_read_with(".:53 {\n}\n", &values);
	assert_int_equal(corefile->block_count, 2);
	block = &corefile->blocks[1];
	assert_string_equal(corefile_text_name(block->zones), "acme.local.");
	assert_int_equal(block->port, 5300);
	assert_bound(block, addresses, 2);
	assert_true(block->errors.present);
	assert_int_equal(block->cache.lifetimes.success_max, 30);
	assert_int_equal(block->forwards->upstream_count, 2);
	assert_string_equal(corefile_text_name(&block->forwards->from), ".");
	corefile_free(corefile);
}

static void broken_stub_domains_are_refused(void **state)
{
	static const struct {
		const char *json;
		const char *message;
	} cases[] = {
		{"[", "stubDomains:1: not JSON, truncated: a value is expected"},
		{"[]", "stubDomains: expected domains with their servers"},
		{"{\"a\": \"192.0.2.1\"}", "stubDomains: a: expected a list of servers"},
		{"{\"a\": []}", "stubDomains: a: expected a list of servers"},
		{"{\"a\": [1]}", "stubDomains: a: expected addresses of servers"},
		{"{\"a\": [\"1.1.1.1\\n}\\n\"]}", "stubDomains: a: expected addresses of servers"},
		{"{\"a\": [\"192.0.2.1:0\"]}",
	         "stubDomains:5: forward: \"192.0.2.1:0\": expected ADDRESS, ADDRESS:PORT, "
	         "[ADDRESS]:PORT or a file"},
		{"{\"a {\": [\"1.1.1.1\"]}", "stubDomains: a {: expected a domain name"},
		{"{\"a\": [\"dns.org\"]}", "stubDomains: a: expected addresses of servers"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct corefile_values values = corefile_text_values;
		struct corefile *corefile = NULL;
		struct error err = {0};

		values.stub_domains = cases[i].json;
		assert_true(corefile_parse("Corefile", "/etc", ".", 1, &values, &corefile, &err) <
		            0);
		assert_string_equal(err.text, cases[i].message);
	}
}

static void the_default_is_node_caches_template(void **state)
{
	struct corefile *corefile = corefile_text_read(corefile_default);

	(void)state;
	assert_int_equal(corefile->block_count, 4);
	for (size_t i = 0; i < 3; i++) {
		assert_true(corefile->blocks[i].forwards->force_tcp);
		assert_string_equal(corefile->blocks[i].prometheus.address, ":9253");
	}
	assert_string_equal(corefile->blocks[0].health.address, "169.254.20.10:8080");
	assert_int_equal(corefile->blocks[0].cache.lifetimes.denial_max, 5);
	assert_string_equal(corefile_text_name(corefile->blocks[3].zones), ".");
	assert_false(corefile->blocks[3].forwards->force_tcp);
	corefile_free(corefile);
	corefile = corefile_text_read(corefile_default_alone);
	assert_int_equal(corefile->block_count, 1);
	assert_string_equal(corefile->blocks->health.address, "169.254.20.10:8080");
	corefile_free(corefile);
}

static uint32_t partition_of(const char *text)
{
	struct corefile *corefile = corefile_text_read(text);
	uint32_t partition = corefile->blocks->partition;

	corefile_free(corefile);
	return partition;
}

static void how_it_is_asked_does_not_change_the_partition(void **state)
{
	static const char *const same[] = {
		". {\n\tforward . 192.0.2.1\n}",
		"# comment\n.:53 {\n\n\tforward . 192.0.2.1:53\n}",
		". {\n\tcache 30\n\tlog\n\terrors\n\tforward . dns://192.0.2.1 {\n\t\tforce_tcp\n"
		"\t\tmax_fails 1\n\t}\n}",
		". {\n\tbind 127.0.0.1\n\tforward . 192.0.2.1\n}",
	};

	(void)state;
	for (size_t i = 1; i < sizeof(same) / sizeof(same[0]); i++)
		assert_int_equal(partition_of(same[i]), partition_of(same[0]));
}

static void what_is_answered_changes_the_partition(void **state)
{
	static const char *const bodies[] = {
		"forward . 192.0.2.1",
		"forward . 192.0.2.2",
		"forward . 192.0.2.1:54",
		"forward . 192.0.2.1 192.0.2.2",
		"forward . 2001:db8::1",
		"forward org 192.0.2.1",
		"forward . 192.0.2.1 {\nexcept a.org\n}",
		"forward . 192.0.2.1 {\nfailover SERVFAIL\n}",
		"forward . 192.0.2.1\nforward org 192.0.2.1",
		"forward . 192.0.2.1\nrewrite name a.org b.org",
		"forward . 192.0.2.1\nrewrite name a.org c.org",
		"forward . 192.0.2.1\nrewrite ttl a.org 5",
		"forward . 192.0.2.1\nrewrite ttl a.org 5-",
		"forward . 192.0.2.1\nhosts /a",
		"forward . 192.0.2.1\nhosts /a {\n192.0.2.7 a\n}",
		"forward . 192.0.2.1\ndns64",
		"forward . 192.0.2.1\ndns64 64:ff9b:1::/48",
		"forward . 192.0.2.1\ntemplate IN A {\nrcode NXDOMAIN\n}",
		"forward . 192.0.2.1\ntemplate IN A {\nrcode REFUSED\n}",
		"forward . 192.0.2.1\ntemplate IN A a.org {\nrcode REFUSED\n}",
	};
	uint32_t seen[sizeof(bodies) / sizeof(bodies[0])];
	char text[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		(void)snprintf(text, sizeof(text), ". {\n%s\n}", bodies[i]);
		seen[i] = partition_of(text);
		for (size_t j = 0; j < i; j++)
			assert_int_not_equal(seen[i], seen[j]);
	}
	assert_int_not_equal(partition_of("a.org"), partition_of("b.org"));
	assert_int_not_equal(partition_of("a.org"), partition_of("a.org:54"));
}

static void comments_and_blanks_do_not_change_the_hash(void **state)
{
	struct corefile *a = corefile_text_read(". {\n\tlog \"{type} \\\"\" # why\n\tloop\n}\n");
	struct corefile *b = corefile_text_read("# more\n\n.   {\nlog \"{type} \\\"\"\n\nloop\n}");
	struct corefile *c = corefile_text_read(". {\n\tlog \"{name} \\\"\"\n\tloop\n}\n");

	(void)state;
	assert_string_equal(a->text, ". {\nlog \"{type} \\\"\"\nloop\n}\n");
	assert_string_equal(a->text, b->text);
	assert_memory_equal(a->sha512, b->sha512, sizeof(a->sha512));
	assert_memory_not_equal(a->sha512, c->sha512, sizeof(a->sha512));
	corefile_free(a);
	corefile_free(b);
	corefile_free(c);
}

static void servers_of_another_file_are_part_of_the_hash(void **state)
{
	static const char *const names[] = {"Corefile", "resolv.conf", NULL};
	struct corefile *corefile[2] = {NULL, NULL};
	struct directory directory;
	char path[128];

	(void)state;
	make_directory(&directory);
	put(&directory, "Corefile", ". {\n\tforward . resolv.conf\n}\n");
	for (size_t i = 0; i < 2; i++) {
		put(&directory, "resolv.conf",
		    i == 0 ? "search a.org\nnameserver 192.0.2.1\nnameserver 2001:db8::1\n"
		           : "nameserver 192.0.2.2 # other\n");
		assert_int_equal(corefile_load(in(&directory, "Corefile", path, sizeof(path)),
		                               &corefile_text_values, &corefile[i], NULL),
		                 0);
		assert_int_equal(corefile[i]->path_count, 2);
	}
	assert_int_equal(corefile[0]->blocks->forwards->upstream_count, 2);
	assert_int_equal(corefile[1]->blocks->forwards->upstream_count, 1);
	assert_string_equal(corefile[0]->text, corefile[1]->text);
	assert_memory_not_equal(corefile[0]->sha512, corefile[1]->sha512, 64);
	corefile_free(corefile[0]);
	corefile_free(corefile[1]);
	remove_directory(&directory, names);
}

static void a_zone_may_be_served_on_other_addresses(void **state)
{
	struct corefile *corefile = corefile_text_read("a.org {\n\tbind 127.0.0.1\n}\n"
	                                               "a.org {\n\tbind 127.0.0.2 ::1\n}\n"
	                                               "a.org:54 {\n}\nb.org {\n}\n");

	(void)state;
	assert_int_equal(corefile->block_count, 4);
	corefile_free(corefile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_of_a_block_have_a_port_or_the_default_one),
		cmocka_unit_test(a_block_of_several_ports_is_several_blocks),
		cmocka_unit_test(a_cidr_is_its_reverse_zones),
		cmocka_unit_test(words_are_cut_as_caddy_cuts_them),
		cmocka_unit_test(one_block_needs_no_braces),
		cmocka_unit_test(a_snippet_is_imported_by_its_name),
		cmocka_unit_test(a_file_is_imported_beside_the_one_that_names_it),
		cmocka_unit_test(an_error_names_the_file_that_it_is_in),
		cmocka_unit_test(an_import_that_goes_round_is_refused_with_its_chain),
		cmocka_unit_test(imports_that_multiply_are_bounded),
		cmocka_unit_test(the_environment_is_filled_in_once),
		cmocka_unit_test(placeholders_are_the_values_of_the_node),
		cmocka_unit_test(upstream_servers_of_a_configmap_are_asked_by_udp),
		cmocka_unit_test(stub_domains_are_blocks_behind_the_others),
		cmocka_unit_test(broken_stub_domains_are_refused),
		cmocka_unit_test(the_default_is_node_caches_template),
		cmocka_unit_test(how_it_is_asked_does_not_change_the_partition),
		cmocka_unit_test(what_is_answered_changes_the_partition),
		cmocka_unit_test(comments_and_blanks_do_not_change_the_hash),
		cmocka_unit_test(servers_of_another_file_are_part_of_the_hash),
		cmocka_unit_test(a_zone_may_be_served_on_other_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
