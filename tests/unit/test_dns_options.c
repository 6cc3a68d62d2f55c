/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "dnscache/corefile/options.h"

#define ARGUMENTS_MAX 16

/* words: NULL behind the last one. */
static int parse(const char *const *words, struct dnscache_options *ret, struct error *err)
{
	static char program[] = "podsg-dnscache";
	static char copies[ARGUMENTS_MAX][96]; /* which the options point into */
	char *argv[ARGUMENTS_MAX + 1] = {program};
	int argc = 1;

	for (; words[argc - 1]; argc++) {
		assert_true(argc < ARGUMENTS_MAX);
		(void)snprintf(copies[argc], sizeof(copies[argc]), "%s", words[argc - 1]);
		argv[argc] = copies[argc];
	}
	return dnscache_options_parse(argc, argv, ret, err);
}

static struct dnscache_options read_options(const char *const *words)
{
	struct dnscache_options options;
	struct error err = {0};

	if (parse(words, &options, &err) < 0)
		fail_msg("%s", err.text);
	return options;
}
#define OPTIONS(...) read_options((const char *const[]){__VA_ARGS__, NULL})

static void without_flags_all_is_as_node_cache_has_it(void **state)
{
	struct dnscache_options options = read_options((const char *const[]){NULL});

	(void)state;
	assert_int_equal(options.job, DNSCACHE_RUN);
	assert_null(options.config);
	assert_null(options.corefile);
	assert_null(options.base_corefile);
	assert_null(options.local_ip);
	assert_null(options.upstream_service);
	assert_null(options.pid_file);
	assert_null(options.metrics_address);
	assert_string_equal(options.interface, "nodelocaldns");
	assert_string_equal(options.kube_dns_config, "");
	assert_int_equal(options.health_port, 8080);
	assert_int_equal(options.port, 53);
	assert_true(options.setup_interface && options.setup_rules);
	assert_false(options.skip_teardown || options.reload_with_signal);
	assert_false(options.legacy_metrics || options.quiet || options.debug);
	assert_int_equal(options.workers, 0);
}

static bool has_them(const char *const *words)
{
	struct dnscache_options options;

	assert_int_equal(parse(words, &options, NULL), 0);
	return strcmp(options.interface, "x") == 0 && !options.setup_interface &&
	       options.skip_teardown;
}

static void one_dash_or_two_and_both_spellings_are_the_same(void **state)
{
	(void)state;
	assert_true(has_them((const char *const[]){"-interfacename", "x", "-setupinterface=false",
	                                           "-skipteardown", NULL}));
	assert_true(has_them((const char *const[]){"--interfacename=x", "--setupinterface=0",
	                                           "--skipteardown=True", NULL}));
	assert_true(has_them((const char *const[]){"-interfacename=y", "--interfacename", "x",
	                                           "-setupinterface=F", "-skipteardown=t", NULL}));
}

static void the_manifest_of_nodelocaldns_is_understood(void **state)
{
	struct dnscache_options options =
		OPTIONS("-localip", "169.254.20.10,10.96.0.10,fd00::10", "-conf", "/etc/Corefile",
	                "-upstreamsvc", "kube-dns-upstream", "-pidfile", "/run/pid",
	                "-metrics-listen-address", ":9353", "-health-port", "9254");

	(void)state;
	assert_string_equal(options.local_ip, "169.254.20.10,10.96.0.10,fd00::10");
	assert_string_equal(options.corefile, "/etc/Corefile");
	assert_string_equal(options.upstream_service, "kube-dns-upstream");
	assert_string_equal(options.pid_file, "/run/pid");
	assert_string_equal(options.metrics_address, ":9353");
	assert_int_equal(options.health_port, 9254);
}

static void conf_goes_before_corefile(void **state)
{
	(void)state;
	assert_string_equal(OPTIONS("-corefile", "a").corefile, "a");
	assert_string_equal(OPTIONS("-corefile", "a", "-conf", "b").corefile, "b");
	assert_string_equal(OPTIONS("-conf", "b", "-corefile", "a").corefile, "b");
}

static void the_sync_interval_is_a_time_with_a_unit_or_without(void **state)
{
	static const char *const values[] = {"60", "60s", "60ns", "5m", "1h", "1m30s", "500ms"};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		assert_int_equal(OPTIONS("-syncinterval", values[i]).job, DNSCACHE_RUN);
}

static void there_is_one_job(void **state)
{
	static const struct {
		const char *flag;
		enum dnscache_job job;
	} cases[] = {
		{"--check", DNSCACHE_CHECK},    {"--clean-up", DNSCACHE_CLEAN_UP},
		{"--help", DNSCACHE_HELP},      {"-h", DNSCACHE_HELP},
		{"-version", DNSCACHE_VERSION}, {"--version", DNSCACHE_VERSION},
		{"-plugins", DNSCACHE_PLUGINS}, {"-version=false", DNSCACHE_RUN},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(OPTIONS(cases[i].flag).job, cases[i].job);
	assert_int_equal(OPTIONS("--check", "--help").job, DNSCACHE_CHECK);
}

static void our_own_flags_have_their_effect(void **state)
{
	struct dnscache_options options = OPTIONS(
		"--config", "/a.yaml", "--workers", "4", "--legacy-metrics", "--debug", "-quiet",
		"-reloadwithsignal", "-dns.port=5300", "-basecorefile", "/b", "-kubednscm=/c");

	(void)state;
	assert_string_equal(options.config, "/a.yaml");
	assert_int_equal(options.workers, 4);
	assert_true(options.legacy_metrics && options.debug && options.quiet);
	assert_true(options.reload_with_signal);
	assert_int_equal(options.port, 5300);
	assert_string_equal(options.base_corefile, "/b");
	assert_string_equal(options.kube_dns_config, "/c");
	assert_int_equal(OPTIONS("-p", "54").port, 54);
}

static void wrong_flags_are_refused(void **state)
{
	static const struct {
		const char *words[3];
		const char *message;
	} cases[] = {
		{{"-none"}, "-none: unknown option; --help lists them"},
		{{"---conf"}, "---conf: unknown option; --help lists them"},
		{{"Corefile"}, "Corefile: expected an option; --help lists them"},
		{{"-setupinterface", "false"}, "false: expected an option; --help lists them"},
		{{"-"}, "-: expected an option; --help lists them"},
		{{"--"}, "--: expected an option; --help lists them"},
		{{"-conf"}, "-conf: expected a value behind it"},
		{{"-skipteardown=yes"}, "-skipteardown: \"yes\": expected true or false"},
		{{"-check=yes"}, "-check: \"yes\": expected true or false"},
		{{"-dns.port", "dns"}, "-dns.port: \"dns\": expected a whole number, 1 to 65535"},
		{{"-dns.port", "0"}, "-dns.port: \"0\": expected a whole number, 1 to 65535"},
		{{"-health-port=65536"},
	         "-health-port: \"65536\": expected a whole number, 1 to 65535"},
		{{"--workers", "65"}, "-workers: \"65\": expected a whole number, 0 to 64"},
		{{"-syncinterval", "0"},
	         "-syncinterval: \"0\": expected a time like 60, 60s or 5m, 1s to 24h"},
		{{"-syncinterval", "often"},
	         "-syncinterval: \"often\": expected a time like 60, 60s or 5m, 1s to 24h"},
		{{"-localip", ""}, "-localip: \"\": expected addresses with commas between"},
		{{"-localip", "10.0.0.1,"},
	         "-localip: \"10.0.0.1,\": expected addresses with commas between"},
		{{"-metrics-listen-address", "9353"},
	         "-metrics-listen-address: \"9353\": expected ADDRESS:PORT, :PORT, or \"\" for "
	         "none"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dnscache_options options;
		struct error err = {0};

		assert_int_equal(parse(cases[i].words, &options, &err), -EINVAL);
		assert_string_equal(err.text, cases[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_flags_all_is_as_node_cache_has_it),
		cmocka_unit_test(one_dash_or_two_and_both_spellings_are_the_same),
		cmocka_unit_test(the_manifest_of_nodelocaldns_is_understood),
		cmocka_unit_test(conf_goes_before_corefile),
		cmocka_unit_test(the_sync_interval_is_a_time_with_a_unit_or_without),
		cmocka_unit_test(there_is_one_job),
		cmocka_unit_test(our_own_flags_have_their_effect),
		cmocka_unit_test(wrong_flags_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
