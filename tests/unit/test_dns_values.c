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

#include "dnscache/corefile/values.h"

struct place {
	char directory[64];
	struct config *config;
	struct dnscache_options options;
	struct dnscache_values values;
};

static const char *const files[] = {"stubDomains", "upstreamNameservers", "base", "conf"};

static void path_of(const struct place *place, const char *name, char *path, size_t size)
{
	assert_true(snprintf(path, size, "%s/%s", place->directory, name) < (int)size);
}

static void put(const struct place *place, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	path_of(place, name, path, sizeof(path));
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void take_config(struct place *place, const char *text)
{
	config_free(place->config);
	place->config = NULL;
	assert_int_equal(config_parse("c", text, strlen(text), &place->config, NULL), 0);
}

static int set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	char program[] = "podsg-dnscache";
	char *argv[] = {program, NULL};

	if (!place)
		return -1;
	*state = place;
	*place = (struct place){.directory = "/tmp/podsg-values-XXXXXX"};
	if (!mkdtemp(place->directory) ||
	    dnscache_options_parse(1, argv, &place->options, NULL) < 0)
		return -1;
	place->options.kube_dns_config = place->directory;
	(void)unsetenv("KUBE_DNS_SERVICE_HOST");
	(void)unsetenv("KUBE_DNS_UPSTREAM_SERVICE_HOST");
	take_config(place, "");
	return 0;
}

static int tear_down(void **state)
{
	struct place *place = *state;
	char path[128];

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		path_of(place, files[i], path, sizeof(path));
		(void)unlink(path);
	}
	dnscache_values_free(&place->values);
	config_free(place->config);
	(void)rmdir(place->directory);
	free(place);
	return 0;
}

static const struct dnscache_values *read_values(struct place *place)
{
	struct error err = {0};

	dnscache_values_free(&place->values);
	if (dnscache_values_read(&place->options, place->config, &place->values, &err) < 0)
		fail_msg("%s", err.text);
	return &place->values;
}

static void without_anything_the_node_listens_and_asks_resolv_conf(void **state)
{
	const struct dnscache_values *values = read_values(*state);

	assert_string_equal(values->corefile.local_dns, "169.254.20.10");
	assert_int_equal(values->listen_count, 1);
	assert_string_equal(values->corefile.cluster_dns, "");
	assert_int_equal(values->cluster_server_count, 0);
	assert_string_equal(values->corefile.upstream_servers, "/etc/resolv.conf");
	assert_false(values->corefile.upstream_servers_udp);
	assert_string_equal(values->corefile.domain, "cluster.local");
	assert_int_equal(values->corefile.port, 53);
	assert_string_equal(values->metrics_address, "0.0.0.0:9353");
}

static void flags_go_before_the_file(void **state)
{
	struct place *place = *state;
	const struct dnscache_values *values;

	take_config(place, "dns: {listen: [169.254.25.10, 'fd00::10'], metrics: '127.0.0.1:1'}");
	values = read_values(place);
	assert_string_equal(values->corefile.local_dns, "169.254.25.10 fd00::10");
	assert_string_equal(values->metrics_address, "127.0.0.1:1");
	place->options.local_ip = "169.254.20.10,10.96.0.10,169.254.20.10";
	place->options.metrics_address = "";
	values = read_values(place);
	assert_string_equal(values->corefile.local_dns, "169.254.20.10 10.96.0.10");
	assert_int_equal(values->listen_count, 2);
	assert_string_equal(values->metrics_address, "");
}

static void the_clusters_servers_are_configured_or_those_of_a_service(void **state)
{
	struct place *place = *state;

	assert_int_equal(setenv("KUBE_DNS_SERVICE_HOST", "10.96.0.10", 1), 0);
	assert_int_equal(setenv("KUBE_DNS_UPSTREAM_SERVICE_HOST", "10.96.0.77", 1), 0);
	assert_string_equal(read_values(place)->corefile.cluster_dns, "10.96.0.10");
	place->options.upstream_service = "kube-dns-upstream";
	assert_string_equal(read_values(place)->corefile.cluster_dns, "10.96.0.77");
	place->options.upstream_service = "other";
	assert_string_equal(read_values(place)->corefile.cluster_dns, "");
	take_config(place, "dns: {clusterServers: [10.0.0.5, 10.0.0.6]}");
	assert_string_equal(read_values(place)->corefile.cluster_dns, "10.0.0.5 10.0.0.6");
	assert_int_equal(place->values.cluster_server_count, 2);
}

static void an_address_that_is_listened_on_is_no_server(void **state)
{
	struct place *place = *state;

	assert_int_equal(setenv("KUBE_DNS_SERVICE_HOST", "10.96.0.10", 1), 0);
	place->options.local_ip = "169.254.20.10,10.96.0.10";
	assert_string_equal(read_values(place)->corefile.cluster_dns, "");
}

static void a_configmap_has_stub_domains_and_upstream_servers(void **state)
{
	struct place *place = *state;
	const struct dnscache_values *values;

	put(place, "stubDomains", "{\"a.local\": [\"192.0.2.1\"]}");
	put(place, "upstreamNameservers", "[\"192.0.2.2\", \"192.0.2.3:5353\"]\n");
	values = read_values(place);
	assert_string_equal(values->corefile.stub_domains, "{\"a.local\": [\"192.0.2.1\"]}");
	assert_string_equal(values->corefile.upstream_servers, "192.0.2.2 192.0.2.3:5353");
	assert_true(values->corefile.upstream_servers_udp);
	put(place, "upstreamNameservers", "[]");
	values = read_values(place);
	assert_string_equal(values->corefile.upstream_servers, "/etc/resolv.conf");
	assert_false(values->corefile.upstream_servers_udp);
}

static void a_broken_configmap_is_refused(void **state)
{
	static const char *const texts[] = {
		"{}", "[", "[1]", "[\"a b\"]", "[\"192.0.2.1\n}\"]", "[] []",
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct dnscache_values values = {0};
		struct error err = {0};

		put(place, "upstreamNameservers", texts[i]);
		assert_true(dnscache_values_read(&place->options, place->config, &values, &err) <
		            0);
		assert_memory_equal(err.text, "upstreamNameservers", 19);
		assert_null(values.arena);
	}
}

static void the_template_goes_before_what_is_made_of_it(void **state)
{
	struct place *place = *state;
	char base[128];
	char conf[128];

	path_of(place, "base", base, sizeof(base));
	path_of(place, "conf", conf, sizeof(conf));
	put(place, "conf", ".");
	place->options.corefile = conf;
	place->options.base_corefile = base;
	assert_string_equal(read_values(place)->path, conf);
	put(place, "base", ".");
	assert_string_equal(read_values(place)->path, base);
	place->options.base_corefile = NULL;
	place->options.corefile = NULL;
	take_config(place, "dns: {corefile: /nowhere/Corefile}");
	assert_string_equal(read_values(place)->path, "/nowhere/Corefile");
}

static void the_corefile_is_loaded_and_its_configmap_watched(void **state)
{
	struct place *place = *state;
	struct corefile *corefile = NULL;
	struct error err = {0};
	char conf[128];

	path_of(place, "conf", conf, sizeof(conf));
	put(place, "conf", ".:53 {\n\tbind __PILLAR__LOCAL__DNS__\n}\n");
	put(place, "stubDomains", "{\"a.local\": [\"192.0.2.1\"]}");
	place->options.corefile = conf;
	if (dnscache_values_corefile(read_values(place), &corefile, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(corefile->block_count, 2);
	assert_int_equal(corefile->path_count, 4);
	assert_string_equal(corefile->paths[0], conf);
	assert_string_equal(corefile->paths[1], place->directory);
	corefile_free(corefile);
}

static void without_a_corefile_the_default_serves(void **state)
{
	struct place *place = *state;
	struct corefile *corefile = NULL;
	struct error err = {0};

	(void)read_values(place);
	place->values.path = NULL;
	place->values.corefile.upstream_servers = "192.0.2.1";
	if (dnscache_values_corefile(&place->values, &corefile, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(corefile->block_count, 1);
	corefile_free(corefile);
	take_config(place, "dns: {clusterServers: [10.0.0.5]}");
	(void)read_values(place);
	place->values.path = NULL;
	place->values.corefile.upstream_servers = "192.0.2.1";
	if (dnscache_values_corefile(&place->values, &corefile, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(corefile->block_count, 4);
	corefile_free(corefile);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_anything_the_node_listens_and_asks_resolv_conf),
		TEST(flags_go_before_the_file),
		TEST(the_clusters_servers_are_configured_or_those_of_a_service),
		TEST(an_address_that_is_listened_on_is_no_server),
		TEST(a_configmap_has_stub_domains_and_upstream_servers),
		TEST(a_broken_configmap_is_refused),
		TEST(the_template_goes_before_what_is_made_of_it),
		TEST(the_corefile_is_loaded_and_its_configmap_watched),
		TEST(without_a_corefile_the_default_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
