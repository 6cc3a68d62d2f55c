/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "common/log.h"
#include "tests/unit/corefile_text.h"

static void a_block_that_says_nothing_has_nothing_but_defaults(void **state)
{
	struct corefile *corefile;
	const struct server_block *block = corefile_text_block("", &corefile);

	(void)state;
	assert_false(block->cache.present);
	assert_int_equal(block->cache.lifetimes.success_max, 0x7fffffff);
	assert_int_equal(block->cache.lifetimes.denial_max, 0x7fffffff);
	assert_int_equal(block->bind_count, 0);
	assert_int_equal(block->forward_count, 0);
	assert_null(block->hosts);
	assert_false(block->log.present);
	assert_false(block->errors.present);
	assert_false(block->dns64.present);
	assert_false(block->reload.present);
	assert_false(block->loadbalance || block->debug || block->loop);
	assert_int_equal(block->bufsize, 1232);
	assert_int_equal(block->timeouts.read, 3000);
	assert_int_equal(block->timeouts.write, 5000);
	assert_int_equal(block->timeouts.idle, 10000);
	assert_null(block->prometheus.address);
	assert_null(block->health.address);
	assert_null(block->ready.address);
	assert_int_equal(corefile->warning_count, 0);
	corefile_free(corefile);
}

static void cache_has_the_limits_that_are_written(void **state)
{
	static const struct {
		const char *body;
		struct dns_lifetimes lifetimes;
	} cases[] = {
		{"cache", {3600, 0, 1800, 0, 5, false}},
		{"cache a.org", {3600, 0, 1800, 0, 5, false}},
		{"cache 30", {30, 0, 30, 0, 5, false}},
		{"cache 30 a.org b.org", {30, 0, 30, 0, 5, false}},
		{"cache {\nsuccess 9984 30\ndenial 9984 5\n}", {30, 0, 5, 0, 5, false}},
		{"cache 60 {\nsuccess 1 300 10\n}", {300, 10, 60, 0, 5, false}},
		{"cache 60 {\ndenial 1 20 5\n}", {60, 0, 20, 5, 5, false}},
		{"cache {\ndenial 1 20 50\n}", {3600, 0, 20, 20, 5, false}},
		{"cache {\nservfail 0\n}", {3600, 0, 1800, 0, 0, false}},
		{"cache {\nservfail 1500ms\nkeepttl\n}", {3600, 0, 1800, 0, 2, true}},
	};
	struct corefile *corefile;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct server_block *block = corefile_text_block(cases[i].body, &corefile);
		const struct dns_lifetimes *expected = &cases[i].lifetimes;

		assert_true(block->cache.present);
		assert_int_equal(block->cache.lifetimes.success_max, expected->success_max);
		assert_int_equal(block->cache.lifetimes.success_min, expected->success_min);
		assert_int_equal(block->cache.lifetimes.denial_max, expected->denial_max);
		assert_int_equal(block->cache.lifetimes.denial_min, expected->denial_min);
		assert_int_equal(block->cache.lifetimes.failure, expected->failure);
		assert_int_equal(block->cache.lifetimes.keep_ttl, expected->keep_ttl);
		assert_false(block->cache.stale.present);
		assert_int_equal(block->cache.prefetch.amount, 0);
		corefile_free(corefile);
	}
}

static void cache_may_be_for_some_zones_only(void **state)
{
	struct corefile *corefile;
	const struct server_block *block = corefile_text_block(
		"cache 30 A.org 10.0.0.0/8 {\ndisable denial\ndisable success b.org c.org\n}",
		&corefile);

	(void)state;
	assert_int_equal(block->cache.zone_count, 2);
	assert_string_equal(corefile_text_name(&block->cache.zones[0]), "a.org.");
	assert_string_equal(corefile_text_name(&block->cache.zones[1]), "10.in-addr.arpa.");
	assert_true(block->cache.disable_denial);
	assert_int_equal(block->cache.disabled_zone_count[1], 0);
	assert_true(block->cache.disable_success);
	assert_int_equal(block->cache.disabled_zone_count[0], 2);
	assert_string_equal(corefile_text_name(&block->cache.disabled_zones[0][1]), "c.org.");
	corefile_free(corefile);
}

static void serve_stale_asks_first_unless_it_is_told_not_to(void **state)
{
	static const struct {
		const char *line;
		uint32_t duration;
		bool immediate;
		uint32_t timeout;
	} cases[] = {
		{"serve_stale", 3600, false, 1800},
		{"serve_stale 1h30m", 5400, false, 1800},
		{"serve_stale 30s verify", 30, false, 1800},
		{"serve_stale 30s verify 500ms", 30, false, 500},
		{"serve_stale 30s immediate", 30, true, 1800},
	};
	struct corefile *corefile;
	char body[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct server_block *block;

		(void)snprintf(body, sizeof(body), "cache {\n%s\n}", cases[i].line);
		block = corefile_text_block(body, &corefile);
		assert_true(block->cache.stale.present);
		assert_int_equal(block->cache.stale.duration, cases[i].duration);
		assert_int_equal(block->cache.stale.immediate, cases[i].immediate);
		assert_int_equal(block->cache.stale.client_timeout, cases[i].timeout);
		corefile_free(corefile);
	}
}

static void prefetch_has_an_amount_and_a_percentage(void **state)
{
	static const struct {
		const char *line;
		uint32_t amount;
		uint8_t percentage;
		size_t warnings; /* a duration means nothing here */
	} cases[] = {
		{"prefetch 5", 5, 10, 0},
		{"prefetch 5 10s", 5, 10, 1},
		{"prefetch 10 1m 20%", 10, 20, 1},
	};
	struct corefile *corefile;
	char body[128];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct server_block *block;

		(void)snprintf(body, sizeof(body), "cache {\n%s\n}", cases[i].line);
		block = corefile_text_block(body, &corefile);
		assert_int_equal(block->cache.prefetch.amount, cases[i].amount);
		assert_int_equal(corefile->warning_count, cases[i].warnings);
		assert_int_equal(block->cache.prefetch.percentage, cases[i].percentage);
		corefile_free(corefile);
	}
}

static void a_capacity_is_warned_of_once(void **state)
{
	struct corefile *corefile = corefile_text_read(
		"a.org {\n\tcache {\n\t\tsuccess 9984 30\n\t\tdenial 9984\n\t}\n}\n"
		"b.org {\n\tcache {\n\t\tsuccess 100\n\t}\n}\n");

	(void)state;
	assert_int_equal(corefile->warning_count, 1);
	assert_string_equal(corefile->warnings[0],
	                    "Corefile:3: cache: success: a capacity has no effect: one cache "
	                    "serves all zones, and dns.memory is its size");
	corefile_free(corefile);
}

static const char *upstream_text(const struct sockaddr_in6 *upstream, char *text, size_t size)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)upstream;
	char address[INET6_ADDRSTRLEN] = "";

	if (upstream->sin6_family == AF_INET)
		(void)inet_ntop(AF_INET, &ipv4->sin_addr, address, sizeof(address));
	else
		(void)inet_ntop(AF_INET6, &upstream->sin6_addr, address, sizeof(address));
	(void)snprintf(text, size, "%s %u", address, ntohs(upstream->sin6_port));
	return text;
}

static void upstreams_are_addresses_with_or_without_port(void **state)
{
	static const char *const expected[] = {
		"192.0.2.1 53",     "192.0.2.2 5353", "2001:db8::1 53",
		"2001:db8::2 5353", "2001:db8::3 53", "192.0.2.3 54",
	};
	struct corefile *corefile;
	const struct server_block *block = corefile_text_block(
		"forward . 192.0.2.1 192.0.2.2:5353 2001:db8::1 [2001:db8::2]:5353 [2001:db8::3] "
		"dns://192.0.2.3:54 192.0.2.1:53",
		&corefile);
	char text[64];

	(void)state;
	assert_int_equal(block->forwards->upstream_count, 6);
	for (size_t i = 0; i < 6; i++)
		assert_string_equal(
			upstream_text(&block->forwards->upstreams[i], text, sizeof(text)),
			expected[i]);
	corefile_free(corefile);
}

static void forward_has_the_defaults_of_coredns(void **state)
{
	struct corefile *corefile;
	const struct forward_settings *forward =
		corefile_text_block("forward . 192.0.2.1", &corefile)->forwards;

	(void)state;
	assert_string_equal(corefile_text_name(&forward->from), ".");
	assert_false(forward->force_tcp || forward->prefer_udp || forward->failfast);
	assert_int_equal(forward->policy, FORWARD_RANDOM);
	assert_int_equal(forward->max_fails, 2);
	assert_int_equal(forward->health_interval, 500);
	assert_false(forward->health_no_rec);
	assert_string_equal(corefile_text_name(&forward->health_domain), ".");
	assert_int_equal(forward->expire, 10000);
	assert_int_equal(forward->max_concurrent, 0);
	assert_int_equal(forward->except_count, 0);
	assert_int_equal(forward->failover_count, 0);
	corefile_free(corefile);
}

static void every_option_of_forward_has_its_effect(void **state)
{
	struct corefile *corefile;
	const struct forward_settings *forward =
		corefile_text_block("forward A.org 192.0.2.1 {\n"
	                            "except b.a.org 10.0.0.0/16\nexcept c.a.org\n"
	                            "force_tcp\nprefer_udp\nexpire 1m\nmax_fails 0\n"
	                            "policy sequential\n"
	                            "health_check 5s no_rec domain probe.org\n"
	                            "max_concurrent 1000\nfailover SERVFAIL refused\n"
	                            "failfast_all_unhealthy_upstreams\n}",
	                            &corefile)
			->forwards;

	(void)state;
	assert_string_equal(corefile_text_name(&forward->from), "a.org.");
	assert_int_equal(forward->except_count, 3);
	assert_string_equal(corefile_text_name(&forward->except[1]), "0.10.in-addr.arpa.");
	assert_true(forward->force_tcp && forward->prefer_udp && forward->failfast);
	assert_int_equal(forward->expire, 60000);
	assert_int_equal(forward->max_fails, 0);
	assert_int_equal(forward->policy, FORWARD_SEQUENTIAL);
	assert_int_equal(forward->health_interval, 5000);
	assert_true(forward->health_no_rec);
	assert_string_equal(corefile_text_name(&forward->health_domain), "probe.org.");
	assert_int_equal(forward->max_concurrent, 1000);
	assert_int_equal(forward->failover_count, 2);
	assert_int_equal(forward->failover[0], DNS_RCODE_SERVFAIL);
	assert_int_equal(forward->failover[1], DNS_RCODE_REFUSED);
	corefile_free(corefile);
}

static void bind_takes_addresses_and_interfaces(void **state)
{
	struct corefile *corefile;
	const struct server_block *block = corefile_text_block(
		"bind 127.0.0.2 lo {\nexcept ::1\n}\nbind 192.0.2.1 127.0.0.2", &corefile);
	char text[PREFIX_TEXT_MAX];

	(void)state;
	assert_int_equal(block->bind_count, 3);
	assert_string_equal(prefix_text(&block->binds[0], text), "127.0.0.2");
	assert_string_equal(prefix_text(&block->binds[1], text), "127.0.0.1");
	assert_string_equal(prefix_text(&block->binds[2], text), "192.0.2.1");
	corefile_free(corefile);
}

static void a_server_is_told_where_and_for_how_long(void **state)
{
	struct corefile *corefile;
	const struct server_block *block =
		corefile_text_block("health {\nlameduck 5s\n}\nprometheus\nready\nreload\n"
	                            "timeouts {\nread 1s\nwrite 2s\nidle 1m\n}\nbufsize 4096",
	                            &corefile);

	(void)state;
	assert_string_equal(block->health.address, ":8080");
	assert_int_equal(block->health.lameduck, 5000);
	assert_string_equal(block->prometheus.address, "127.0.0.1:9153");
	assert_string_equal(block->ready.address, ":8181");
	assert_int_equal(block->reload.interval, 30000);
	assert_int_equal(block->reload.jitter, 15000);
	assert_int_equal(block->timeouts.read, 1000);
	assert_int_equal(block->timeouts.write, 2000);
	assert_int_equal(block->timeouts.idle, 60000);
	assert_int_equal(block->bufsize, 4096);
	corefile_free(corefile);
	block = corefile_text_block("health [::1]:80\nprometheus localhost:9\nready 127.0.0.1:8\n"
	                            "reload 10s 20s\nloadbalance round_robin\nbufsize",
	                            &corefile);
	assert_string_equal(block->health.address, "[::1]:80");
	assert_string_equal(block->prometheus.address, "127.0.0.1:9");
	assert_string_equal(block->ready.address, "127.0.0.1:8");
	assert_int_equal(block->reload.interval, 10000);
	assert_int_equal(block->reload.jitter, 5000);
	assert_true(block->loadbalance);
	assert_int_equal(block->bufsize, 1232);
	corefile_free(corefile);
}

static void log_has_names_a_format_and_classes(void **state)
{
	static const struct {
		const char *body;
		size_t names;
		const char *format;
		unsigned classes;
	} cases[] = {
		{"log", 0, "{common}", 1 << LOG_CLASS_ALL},
		{"log a.org b.org", 2, "{common}", 1 << LOG_CLASS_ALL},
		{"log . {combined}", 1, "{combined}", 1 << LOG_CLASS_ALL},
		{"log . \"{remote} {>id} {rcode}\"", 1, "{remote} {>id} {rcode}",
	         1 << LOG_CLASS_ALL},
		{"log {\nclass denial error\n}", 0, "{common}",
	         1 << LOG_CLASS_DENIAL | 1 << LOG_CLASS_ERROR},
	};
	struct corefile *corefile;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct server_block *block = corefile_text_block(cases[i].body, &corefile);

		assert_true(block->log.present);
		assert_int_equal(block->log.name_count, cases[i].names);
		assert_string_equal(block->log.format, cases[i].format);
		assert_int_equal(block->log.classes, cases[i].classes);
		corefile_free(corefile);
	}
}

static void errors_may_be_consolidated(void **state)
{
	struct corefile *corefile;
	const struct server_block *block =
		corefile_text_block("errors stdout {\nconsolidate 5m \".* i/o timeout$\" warning\n"
	                            "consolidate 30s \"^Failed to .+\"\nstacktrace\n}",
	                            &corefile);

	(void)state;
	assert_true(block->errors.present && block->errors.stacktrace);
	assert_int_equal(block->errors.consolidation_count, 2);
	assert_int_equal(block->errors.consolidations[0].duration, 300000);
	assert_string_equal(block->errors.consolidations[0].text, ".* i/o timeout$");
	assert_int_equal(block->errors.consolidations[0].level, LOG_LEVEL_WARNING);
	assert_int_equal(block->errors.consolidations[1].level, LOG_LEVEL_ERROR);
	assert_int_equal(corefile->warning_count, 1);
	corefile_free(corefile);
}

static void hosts_has_a_file_lines_and_zones(void **state)
{
	struct corefile *corefile;
	const struct server_block *block =
		corefile_text_block("hosts names.txt a.org 10.0.0.0/8 {\n"
	                            "192.0.2.7 one two\n2001:db8::1 three\nttl 60\nreload 0\n"
	                            "no_reverse\nfallthrough b.org\n}",
	                            &corefile);
	const struct hosts_settings *hosts = block->hosts;

	(void)state;
	assert_string_equal(hosts->path, "/etc/names.txt");
	assert_int_equal(hosts->inline_count, 2);
	assert_string_equal(hosts->inline_lines[0], "192.0.2.7 one two");
	assert_string_equal(hosts->inline_lines[1], "2001:db8::1 three");
	assert_int_equal(hosts->origin_count, 2);
	assert_int_equal(hosts->ttl, 60);
	assert_int_equal(hosts->reload, 0);
	assert_true(hosts->no_reverse && hosts->fallthrough);
	assert_int_equal(hosts->fallthrough_count, 1);
	corefile_free(corefile);
	hosts = corefile_text_block("hosts", &corefile)->hosts;
	assert_int_equal(hosts->ttl, 3600);
	assert_int_equal(hosts->reload, 5000);
	assert_false(hosts->no_reverse || hosts->fallthrough);
	corefile_free(corefile);
}

static void dns64_has_a_prefix(void **state)
{
	static const struct {
		const char *body;
		const char *prefix;
		bool all, ipv4;
	} cases[] = {
		{"dns64", "64:ff9b::/96", false, false},
		{"dns64 2001:db8::/32", "2001:db8::/32", false, false},
		{"dns64 {\nprefix 64:ff9b:1::/48\ntranslate_all\nallow_ipv4\n}", "64:ff9b:1::/48",
	         true, true},
	};
	struct corefile *corefile;
	char text[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct server_block *block = corefile_text_block(cases[i].body, &corefile);

		assert_true(block->dns64.present);
		assert_string_equal(prefix_text(&block->dns64.prefix, text), cases[i].prefix);
		assert_int_equal(block->dns64.translate_all, cases[i].all);
		assert_int_equal(block->dns64.allow_ipv4, cases[i].ipv4);
		corefile_free(corefile);
	}
}

static void template_has_patterns_and_records(void **state)
{
	struct corefile *corefile;
	const struct template_settings *template =
		corefile_text_block(
			"template IN A a.org {\n"
			"match ^ip-(?P<a>[0-9]*)-(?P<b>[0-9]*)[.]a[.]org[.]$ second\n"
			"answer \"{{ .Name }} 60 IN A 10.0.{{ .Group.a }}.{{ .Group.b }}\"\n"
			"authority \"a.org. 60 IN NS ns.a.org.\"\n"
			"additional \"ns.a.org. 60 IN A 192.0.2.1\"\n"
			"rcode NXDOMAIN\nederror 21 \"not here\"\nfallthrough b.a.org\n}",
			&corefile)
			->templates;

	(void)state;
	assert_int_equal(template->class, DNS_CLASS_IN);
	assert_int_equal(template->type, DNS_TYPE_A);
	assert_int_equal(template->zone_count, 1);
	assert_int_equal(template->match_count, 2);
	assert_string_equal(template->match_texts[1], "second");
	assert_int_equal(pattern_group_named(template->matches[0], "b"), 2);
	assert_int_equal(template->answer_count, 1);
	assert_int_equal(template->authority_count, 1);
	assert_int_equal(template->additional_count, 1);
	assert_int_equal(template->rcode, DNS_RCODE_NXDOMAIN);
	assert_int_equal(template->ede, 21);
	assert_string_equal(template->ede_text, "not here");
	assert_true(template->fallthrough);
	assert_int_equal(template->fallthrough_count, 1);
	corefile_free(corefile);
	template = corefile_text_block("template ANY ANY", &corefile)->templates;
	assert_int_equal(template->class, DNS_CLASS_ANY);
	assert_int_equal(template->type, DNS_TYPE_ANY);
	assert_int_equal(template->match_count, 0);
	assert_int_equal(template->ede, DNS_EDE_NONE);
	assert_int_equal(template->rcode, DNS_RCODE_NOERROR);
	corefile_free(corefile);
}

static void rewrite_of_a_name_has_all_its_forms(void **state)
{
	static const struct {
		const char *body;
		bool go_on;
		enum rewrite_match match;
		const char *from, *to;
		bool answer_auto;
		size_t answers;
	} cases[] = {
		{"rewrite name A.org. b.Org", false, REWRITE_EXACT, "a.org", "b.org", true, 0},
		{"rewrite stop name exact a b", false, REWRITE_EXACT, "a", "b", true, 0},
		{"rewrite continue name prefix a. b.", true, REWRITE_PREFIX, "a", "b", false, 0},
		{"rewrite name suffix .a.org. .b.org.", false, REWRITE_SUFFIX, ".a.org", ".b.org",
	         false, 0},
		{"rewrite name substring a b answer auto", false, REWRITE_SUBSTRING, "a", "b", true,
	         0},
		{"rewrite name regex (.*)-(x)\\.Org {1}.{2}.net", false, REWRITE_REGEX,
	         "(.*)-(x)\\.Org", "{1}.{2}.net", false, 0},
		{"rewrite stop {\nname regex (.*)\\.a {1}.b\nanswer name (.*)\\.b {1}.a\n"
	         "value (.*)\\.c {1}.d\n}",
	         false, REWRITE_REGEX, "(.*)\\.a", "{1}.b", false, 2},
		{"rewrite stop {\nname suffix .arpa .arpa\nanswer name auto\n"
	         "answer value (.*)\\.c {1}.d\n}",
	         false, REWRITE_SUFFIX, ".arpa", ".arpa", true, 1},
	};
	struct corefile *corefile;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct server_block *block = corefile_text_block(cases[i].body, &corefile);
		const struct rewrite_rule *rule = block->rewrites;

		assert_int_equal(block->rewrite_count, 1);
		assert_int_equal(rule->field, REWRITE_NAME);
		assert_int_equal(rule->go_on, cases[i].go_on);
		assert_int_equal(rule->match, cases[i].match);
		assert_string_equal(rule->from, cases[i].from);
		assert_string_equal(rule->to, cases[i].to);
		assert_int_equal(rule->answer_auto, cases[i].answer_auto);
		assert_int_equal(rule->answer_count, cases[i].answers);
		assert_int_equal(rule->pattern != NULL, cases[i].match == REWRITE_REGEX);
		corefile_free(corefile);
	}
}

static void rewrite_of_other_fields_has_numbers(void **state)
{
	static const struct {
		const char *body;
		enum rewrite_field field;
		uint16_t from, to;
		uint32_t min, max;
	} cases[] = {
		{"rewrite type any HINFO", REWRITE_TYPE, 255, 13, 0, 0},
		{"rewrite ttl a.org 30", REWRITE_TTL, 0, 0, 30, 30},
		{"rewrite ttl suffix a.org 30-300", REWRITE_TTL, 0, 0, 30, 300},
		{"rewrite ttl a.org -30", REWRITE_TTL, 0, 0, 0, 30},
		{"rewrite continue {\nttl regex (.*) 30-\n}", REWRITE_TTL, 0, 0, 30, 0x7fffffff},
		{"rewrite rcode a.org SERVFAIL NOERROR", REWRITE_RCODE, 2, 0, 0, 0},
		{"rewrite rcode regex (.*) 2 3", REWRITE_RCODE, 2, 3, 0, 0},
		{"rewrite cname exact a.org b.org", REWRITE_CNAME, 0, 0, 0, 0},
	};
	struct corefile *corefile;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct server_block *block = corefile_text_block(cases[i].body, &corefile);
		const struct rewrite_rule *rule = block->rewrites;

		assert_int_equal(rule->field, cases[i].field);
		assert_int_equal(rule->from_number, cases[i].from);
		assert_int_equal(rule->to_number, cases[i].to);
		assert_int_equal(rule->ttl_min, cases[i].min);
		assert_int_equal(rule->ttl_max, cases[i].max);
		corefile_free(corefile);
	}
}

static void what_may_be_there_more_than_once_adds_up(void **state)
{
	struct corefile *corefile;
	const struct server_block *block =
		corefile_text_block("forward a.org 192.0.2.1\nforward b.org 192.0.2.2\n"
	                            "rewrite name a b\nrewrite name c d\nrewrite ttl e 5\n"
	                            "template IN A\ntemplate IN AAAA\n",
	                            &corefile);

	(void)state;
	assert_int_equal(block->forward_count, 2);
	assert_string_equal(corefile_text_name(&block->forwards[1].from), "b.org.");
	assert_int_equal(block->rewrite_count, 3);
	assert_string_equal(block->rewrites[1].from, "c");
	assert_int_equal(block->template_count, 2);
	corefile_free(corefile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_that_says_nothing_has_nothing_but_defaults),
		cmocka_unit_test(cache_has_the_limits_that_are_written),
		cmocka_unit_test(cache_may_be_for_some_zones_only),
		cmocka_unit_test(serve_stale_asks_first_unless_it_is_told_not_to),
		cmocka_unit_test(prefetch_has_an_amount_and_a_percentage),
		cmocka_unit_test(a_capacity_is_warned_of_once),
		cmocka_unit_test(upstreams_are_addresses_with_or_without_port),
		cmocka_unit_test(forward_has_the_defaults_of_coredns),
		cmocka_unit_test(every_option_of_forward_has_its_effect),
		cmocka_unit_test(bind_takes_addresses_and_interfaces),
		cmocka_unit_test(a_server_is_told_where_and_for_how_long),
		cmocka_unit_test(log_has_names_a_format_and_classes),
		cmocka_unit_test(errors_may_be_consolidated),
		cmocka_unit_test(hosts_has_a_file_lines_and_zones),
		cmocka_unit_test(dns64_has_a_prefix),
		cmocka_unit_test(template_has_patterns_and_records),
		cmocka_unit_test(rewrite_of_a_name_has_all_its_forms),
		cmocka_unit_test(rewrite_of_other_fields_has_numbers),
		cmocka_unit_test(what_may_be_there_more_than_once_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
