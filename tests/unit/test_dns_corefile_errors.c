/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/corefile_text.h"

struct refusal {
	const char *text;
	const char *message; /* behind "Corefile:" */
};

static void assert_refusals(const struct refusal *list, size_t count)
{
	char message[512];

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(message, sizeof(message), "Corefile:%s", list[i].message);
		corefile_text_refused(list[i].text, message);
	}
}
#define REFUSALS(list) assert_refusals((list), sizeof(list) / sizeof((list)[0]))

/* The body of a block, which begins on line 2. */
static void assert_bodies_refused(const struct refusal *list, size_t count)
{
	char text[1024];
	struct refusal one = {.text = text};

	for (size_t i = 0; i < count; i++) {
		(void)snprintf(text, sizeof(text), ". {\n%s\n}\n", list[i].text);
		one.message = list[i].message;
		assert_refusals(&one, 1);
	}
}
#define BODIES_REFUSED(list) assert_bodies_refused((list), sizeof(list) / sizeof((list)[0]))

static void what_is_no_corefile_is_refused(void **state)
{
	static const struct refusal cases[] = {
		{"", " no server block"},
		{"# nothing\n\n", " no server block"},
		{"(a) {\n}\n", " no server block"},
		{". {\n", "1: { is not closed"},
		{". {\n\tcache {\n}\n", "1: { is not closed"},
		{". {\n\tcache {\n", "2: { is not closed"},
		{"}\n", "1: } closes nothing"},
		{". {\n}\n}\n", "3: } closes nothing"},
		{"{\n}\n", "1: expected a zone in front of {"},
		{". {\n\n{\n}\n}\n", "3: expected { at the end of the line before"},
		{". { loop\n}\n", "1: \"loop\": expected a new line behind {"},
		{". {\n\tloop }\n", "2: expected } on a line of its own"},
		{". {\n\tcache {\n\t\tkeepttl }\n}\n", "3: expected } on a line of its own"},
		{". {\n\tcache { keepttl\n\t}\n}\n",
	         "2: \"keepttl\": expected a new line behind {"},
		{". {\n\tcache {\n\t\tx {\n\t\t}\n\t}\n}\n",
	         "3: no block can be inside of this one"},
		{". {\n} a.org {\n}\n", "2: \"a.org\": expected a new line behind }"},
		{". {\n\tcache {\n\t} loop\n}\n", "3: \"loop\": expected a new line behind }"},
		{". {\n\n\thosts \"/a\n}\n", "3: a quote that is not closed"},
		{". {\n\thosts /a\x01\n}\n", "2: a control character"},
		{". {\n\thosts \"/\x7f\"\n}\n", "2: a control character"},
		{"a.org,", "1: expected a zone behind the comma"},
	};

	(void)state;
	REFUSALS(cases);
}

static void zones_that_are_none_are_refused(void **state)
{
	static const struct refusal cases[] = {
		{"a..org", "1: \"a..org\": expected a domain name: labels of at most 63 bytes, 255 "
	                   "in all"},
		{":53", "1: \":53\": expected a zone in front of the port; . is the root"},
		{"\"\"", "1: \"\": expected a zone in front of the port; . is the root"},
		{"a.org:0", "1: \"a.org:0\": expected a port from 1 to 65535"},
		{"a.org:65536", "1: \"a.org:65536\": expected a port from 1 to 65535"},
		{"a.org:", "1: \"a.org:\": expected a port behind the colon"},
		{"a.org:x", "1: \"a.org:x\": expected a domain name or a CIDR"},
		{"10.0.0.0/33", "1: \"10.0.0.0/33\": expected a domain name or a CIDR"},
		{".:53{", "1: \".:53{\": expected a domain name or a CIDR"},
		{"tls://.", "1: \"tls://.\": tls:// is not supported: only plain DNS is served"},
		{"https://a.org {\n}",
	         "1: \"https://a.org\": https:// is not supported: only plain DNS is served"},
	};

	(void)state;
	REFUSALS(cases);
}

static void a_zone_is_served_once_on_an_address(void **state)
{
	static const struct refusal cases[] = {
		{". {\n}\n. {\n}\n",
	         "3: \".\": the zone is served on port 53 by the block of Corefile:1 already"},
		{"a.org A.org {\n}\n",
	         "1: \"a.org.\": the zone is served on port 53 by the block of Corefile:1 already"},
		{". {\n}\n. {\nbind 127.0.0.1\n}\n",
	         "3: \".\": the zone is served on port 53 by the block of Corefile:1 already"},
		{". {\nbind 127.0.0.1 127.0.0.2\n}\n. {\nbind 127.0.0.2\n}\n",
	         "4: \".\": the zone is served on port 53 by the block of Corefile:1 already"},
		{"a.org {\n}\nb.org 10.0.0.0/8 {\n}\n10.in-addr.arpa {\n}\n",
	         "5: \"10.in-addr.arpa.\": the zone is served on port 53 by the block of "
	         "Corefile:3 already"},
	};

	(void)state;
	REFUSALS(cases);
}

static void imports_have_one_path_that_is_there(void **state)
{
	static const struct refusal cases[] = {
		{"import\n", "1: import: expected a snippet's name or one path"},
		{"import a b\n", "1: import: expected a snippet's name or one path"},
		{"import \"\"\n", "1: import: the path is empty"},
		{"import podsg-none\n",
	         "1: import: /etc/podsg-none: cannot open: No such file or directory"},
		{"import /a/*/*\n", "1: \"/a/*/*\": expected a path with at most one * and one ?"},
		{"import /a/[a-z]\n",
	         "1: \"/a/[a-z]\": expected a path with at most one * and one ?"},
		{"import /\n", "1: import: /: not a regular file"},
		{"(a) {\n}\n(a) {\n}\n", "3: \"(a)\": a snippet of that name is there"},
		{"(a) {\n", "1: \"(a)\": its { is not closed"},
	};
	struct corefile *corefile = NULL;
	struct error err = {0};

	(void)state;
	REFUSALS(cases);
	assert_true(corefile_parse("Corefile", NULL, "import a", 8, &corefile_text_values,
	                           &corefile, &err) < 0);
	assert_string_equal(err.text, "Corefile:1: \"a\": no file can be imported here");
}

static void placeholders_need_a_value(void **state)
{
	static const struct refusal cases[] = {
		{"__PILLAR__X__", "1: \"__PILLAR__X__\": unknown placeholder"},
		{". {\nforward . __PILLAR__CLUSTER__DNS__\n}\n",
	         "2: \"__PILLAR__CLUSTER__DNS__\": no DNS server of the cluster is known "
	         "(-upstreamsvc, dns.clusterServers)"},
	};
	struct corefile_values values = corefile_text_values;
	struct corefile *corefile = NULL;
	struct error err = {0};

	(void)state;
	assert_refusals(cases, 1);
	values.cluster_dns = "";
	assert_true(corefile_parse("", NULL, cases[1].text, strlen(cases[1].text), &values,
	                           &corefile, &err) < 0);
	assert_string_equal(err.text + 1, cases[1].message);
}

static void directives_that_are_not_supported_are_refused_by_name(void **state)
{
	static const struct refusal cases[] = {
		{"whoami", "2: \"whoami\": not supported"},
		{"kubernetes cluster.local {\n}", "2: \"kubernetes\": not supported"},
		{"trace", "2: \"trace\": not supported"},
		{"forwrd . 192.0.2.1", "2: \"forwrd\": unknown directive, did you mean forward?"},
		{"nothing", "2: \"nothing\": unknown directive"},
		{"cache\n\ncache", "4: cache: given twice in this block"},
		{"loop x", "2: loop: expected loop alone"},
		{"bufsize 1 2", "2: bufsize: expected bufsize [SIZE]"},
		{"bind", "2: bind: expected bind ADDRESS|INTERFACE…"},
		{"loop {\nx\n}", "2: loop: takes no options"},
	};

	(void)state;
	BODIES_REFUSED(cases);
}

static void wrong_words_of_cache_are_refused(void **state)
{
#define TTL "expected a whole number, 1 to 2147483647"
	static const struct refusal cases[] = {
		{"cache 0", "2: cache: \"0\": " TTL},
		{"cache -1", "2: cache: \"-1\": " TTL},
		{"cache {\nsuccess\n}", "3: cache: success: expected success CAPACITY [TTL "
	                                "[MINTTL]]"},
		{"cache {\nsuccess x\n}",
	         "3: cache: success: \"x\": expected a whole number, 0 to 4294967295"},
		{"cache {\ndenial 1 0\n}", "3: cache: denial: \"0\": " TTL},
		{"cache {\nprefetch 1 1m 5%\n}",
	         "3: cache: prefetch: \"5%\": expected a percentage, 10% to 90%"},
		{"cache {\nprefetch 1 1m 20\n}",
	         "3: cache: prefetch: \"20\": expected a percentage, 10% to 90%"},
		{"cache {\nserve_stale 1x\n}", "3: cache: serve_stale: \"1x\": expected a duration "
	                                       "like 500ms, 30s or 1h30m, 0 to 168h"},
		{"cache {\nserve_stale 1h later\n}",
	         "3: cache: serve_stale: \"later\": expected immediate or verify"},
		{"cache {\nservfail 6m\n}", "3: cache: servfail: \"6m\": expected a duration like "
	                                    "500ms, 30s or 1h30m, 0 to 5m"},
		{"cache {\ndisable all\n}",
	         "3: cache: disable: \"all\": expected success or denial"},
		{"cache {\nkeepttl 1\n}", "3: cache: keepttl: expected keepttl alone"},
		{"cache {\nserve_stale_policy prefer_positive\n}",
	         "3: cache: serve_stale_policy: not supported: an answer from upstream is served "
	         "as it is"},
		{"cache {\nfast\n}",
	         "3: cache: fast: unknown option, expected one of success, denial, prefetch, "
	         "serve_stale, servfail, disable, keepttl"},
	};

	(void)state;
	BODIES_REFUSED(cases);
}

static void wrong_words_of_forward_are_refused(void **state)
{
#define FORWARD(option) "forward . 192.0.2.1 {\n" option "\n}"
	static const struct refusal cases[] = {
		{"forward .", "2: forward: expected forward FROM TO…"},
		{"forward . 192.0.2.1:0",
	         "2: forward: \"192.0.2.1:0\": expected ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or a "
	         "file"},
		{"forward . podsg.none",
	         "2: forward: \"podsg.none\": expected an address or a file: "
	         "/etc/podsg.none: cannot open: No such file or directory"},
		{"forward . /etc/hostname",
	         "2: forward: \"/etc/hostname\": the file names no server"},
		{"forward . tls://192.0.2.1", "2: forward: \"tls://192.0.2.1\": tls:// is not "
	                                      "supported: only plain DNS is spoken upstream"},
		{"forward . fe80::1%podsg-none",
	         "2: forward: \"fe80::1%podsg-none\": there is no interface of that name"},
		{"forward . 1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 1.1.1.5 1.1.1.6 1.1.1.7 1.1.1.8 "
	         "1.1.1.9 "
	         "1.1.1.10 1.1.1.11 1.1.1.12 1.1.1.13 1.1.1.14 1.1.1.15 1.1.1.16",
	         "2: forward: \"1.1.1.16\": more than 15 upstream servers"},
		{"forward . 1.1.1.1\nforward . 1.1.1.2",
	         "3: forward: \".\": is forwarded in this block already"},
		{"forward 10.0.0.0/9 1.1.1.1",
	         "2: forward: \"10.0.0.0/9\": expected one zone: write "
	         "a forward line for each of the 128"},
		{FORWARD("tls"),
	         "3: forward: tls: not supported: only plain DNS is spoken upstream"},
		{FORWARD("next NXDOMAIN"),
	         "3: forward: next: not supported: failover asks the next "
	         "server of the same line"},
		{FORWARD("policy fastest"), "3: forward: policy: \"fastest\": expected random, "
	                                    "round_robin or sequential"},
		{FORWARD("failover NOERROR"),
	         "3: forward: failover: \"NOERROR\": expected response "
	         "codes other than NOERROR, like SERVFAIL"},
		{FORWARD("health_check 1s sometimes"),
	         "3: forward: health_check: \"sometimes\": expected no_rec or domain NAME"},
		{FORWARD("max_fails -1"),
	         "3: forward: max_fails: \"-1\": expected a whole number, 0 to 4294967295"},
		{FORWARD("force_tcp yes"), "3: forward: force_tcp: expected force_tcp alone"},
	};

	(void)state;
	BODIES_REFUSED(cases);
}

static void wrong_words_of_the_server_are_refused(void **state)
{
	static const struct refusal cases[] = {
		{"bind podsg-none", "2: bind: \"podsg-none\": expected an address, or an interface "
	                            "that is there"},
		{"bind 127.0.0.1 {\nexcept 127.0.0.1\n}",
	         "2: bind: leaves no address to listen on"},
		{"bufsize 100", "2: bufsize: \"100\": expected a whole number, 512 to 4096"},
		{"health 8080", "2: health: \"8080\": expected ADDRESS:PORT or :PORT"},
		{"health ::1:80", "2: health: \"::1:80\": expected ADDRESS:PORT or :PORT"},
		{"health :8080 {\nlameduck x\n}",
	         "3: health: lameduck: \"x\": expected a duration like 500ms, 30s or 1h30m, 0 to "
	         "1h"},
		{"prometheus a.org:53", "2: prometheus: \"a.org:53\": expected ADDRESS:PORT or "
	                                ":PORT"},
		{"prometheus {\ntls x\n}",
	         "3: prometheus: tls: not supported: metrics are served by plain HTTP"},
		{"ready {\nmonitor continuously\n}",
	         "3: ready: monitor: \"continuously\": not supported: only until-ready is"},
		{"reload 1s", "2: reload: \"1s\": expected a duration like 500ms, 30s or 1h30m, 2s "
	                      "to 24h"},
		{"reload 10s 1ms", "2: reload: \"1ms\": expected 0, or 1s and more"},
		{"timeouts", "2: timeouts: expected read, write or idle in braces"},
		{"timeouts {\nread 0\n}",
	         "3: timeouts: read: \"0\": expected a duration like 500ms, "
	         "30s or 1h30m, 1s to 24h"},
		{"loadbalance weighted x", "2: loadbalance: \"weighted\": not supported: only "
	                                   "round_robin is"},
		{"loadbalance fair", "2: loadbalance: \"fair\": expected round_robin"},
		{"log . \"{metadata}\"",
	         "2: log: \"{metadata}\": {metadata} is not supported, expected {common}, "
	         "{combined}, {type}, {name}, {class}, {proto}, {remote}, {port}, {local}, {size}, "
	         "{rcode}, {rsize}, {duration}, {>id}, {>opcode}, {>do}, {>bufsize} or {>rflags}"},
		{"log {\nclass some\n}",
	         "3: log: class: \"some\": expected success, denial, error or all"},
		{"errors file", "2: errors: \"file\": expected stdout: errors go to the log"},
		{"errors {\nconsolidate 1m\n}",
	         "3: errors: consolidate: expected consolidate DURATION REGEXP [LEVEL]"},
		{"errors {\nconsolidate 1m a loud\n}",
	         "3: errors: consolidate: \"loud\": expected error, warning, info or debug"},
	};

	(void)state;
	BODIES_REFUSED(cases);
}

static void wrong_words_of_the_plugins_are_refused(void **state)
{
	static const struct refusal cases[] = {
		{"hosts {\nttl 0\n}", "3: hosts: ttl: \"0\": expected a whole number, 1 to 65535"},
		{"hosts {\n192.0.2.1\n}", "3: hosts: 192.0.2.1: expected names behind the address"},
		{"hosts {\nlocalhost 127.0.0.1\n}",
	         "3: hosts: localhost: unknown option, expected one of fallthrough, no_reverse, "
	         "ttl, reload, ADDRESS NAMES…"},
		{"dns64 2001:db8::/33",
	         "2: dns64: \"2001:db8::/33\": expected an IPv6 prefix of 32, 40, 48, 56, 64 or 96 "
	         "bits"},
		{"dns64 10.0.0.0/8", "2: dns64: \"10.0.0.0/8\": expected an IPv6 prefix of 32, 40, "
	                             "48, 56, 64 or 96 bits"},
		{"template CH A", "2: template: \"CH\": expected IN or ANY"},
		{"template IN X", "2: template: \"X\": expected a type, like A, or ANY"},
		{"template IN A {\nrcode LATER\n}",
	         "3: template: rcode: \"LATER\": expected a response code, like NXDOMAIN"},
		{"template IN A {\nexpr 1\n}",
	         "3: template: expr: not supported: there are no expressions"},
		{"rewrite", "2: rewrite: expected name, type, ttl, rcode or cname"},
		{"rewrite stop", "2: rewrite: expected name, type, ttl, rcode or cname"},
		{"rewrite size 1 2",
	         "2: rewrite: \"size\": expected name, type, ttl, rcode or cname"},
		{"rewrite class CH IN",
	         "2: rewrite: \"class\": not supported: only class IN is served"},
		{"rewrite edns0 nsid set", "2: rewrite: \"edns0\": not supported: no option of a "
	                                   "client goes upstream"},
		{"rewrite name a", "2: rewrite: expected name "
	                           "[exact|prefix|suffix|substring|regex] FROM TO [answer …]"},
		{"rewrite name like a b", "2: rewrite: \"like\": expected exact, prefix, suffix, "
	                                  "substring or regex"},
		{"rewrite name regex (.*) {2}",
	         "2: rewrite: \"{2}\": the groups of the pattern are {0} to {1}"},
		{"rewrite name exact a b c", "2: rewrite: \"c\": expected answer"},
		{"rewrite name suffix a b answer auto answer name c d",
	         "2: rewrite: expected either answer auto or answer name"},
		{"rewrite ttl a.org 30-20",
	         "2: rewrite: \"30-20\": expected SECONDS, MIN-MAX, MIN- or -MAX"},
		{"rewrite ttl a.org -",
	         "2: rewrite: \"-\": expected SECONDS, MIN-MAX, MIN- or -MAX"},
		{"rewrite rcode a.org LATER NOERROR",
	         "2: rewrite: \"LATER\": expected a response code, like SERVFAIL or 2"},
		{"rewrite type A X", "2: rewrite: \"X\": expected a type, like AAAA"},
	};

	(void)state;
	BODIES_REFUSED(cases);
}

static void patterns_and_records_are_checked_when_they_are_read(void **state)
{
	static const char *const bodies[] = {
		"rewrite name regex ( b",
		"errors {\nconsolidate 1m (\n}",
		"template IN A {\nmatch (\n}",
		"template IN A {\nanswer \"{{ .Nothing }}\"\n}",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		struct corefile *corefile = NULL;
		struct error err = {0};

		(void)snprintf(text, sizeof(text), ". {\n%s\n}\n", bodies[i]);
		assert_true(corefile_parse("Corefile", NULL, text, strlen(text),
		                           &corefile_text_values, &corefile, &err) < 0);
		assert_memory_equal(err.text, "Corefile:", 9);
	}
}

static void what_grows_is_bounded(void **state)
{
	static const struct {
		const char *before, *behind; /* a number */
		size_t count;
		const char *message;
	} cases[] = {
		{"a", " b\n", 40000, "Corefile:32769: more than 65536 words"},
		{"a", ".org {\n}\n", 300, "Corefile:513: more than 256 server blocks"},
		{"", ".0.0.0/9 {\n}\n", 20, "Corefile:17: \"8.0.0.0/9\": more than 1024 zones"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t size = 1U << 20;
		char *text = calloc(1, size);
		size_t used = 0;

		assert_non_null(text);
		for (size_t j = 0; j < cases[i].count; j++)
			used += (size_t)snprintf(text + used, size - used, "%s%zu%s",
			                         cases[i].before, j, cases[i].behind);
		corefile_text_refused(text, cases[i].message);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_corefile_is_refused),
		cmocka_unit_test(zones_that_are_none_are_refused),
		cmocka_unit_test(a_zone_is_served_once_on_an_address),
		cmocka_unit_test(imports_have_one_path_that_is_there),
		cmocka_unit_test(placeholders_need_a_value),
		cmocka_unit_test(directives_that_are_not_supported_are_refused_by_name),
		cmocka_unit_test(wrong_words_of_cache_are_refused),
		cmocka_unit_test(wrong_words_of_forward_are_refused),
		cmocka_unit_test(wrong_words_of_the_server_are_refused),
		cmocka_unit_test(wrong_words_of_the_plugins_are_refused),
		cmocka_unit_test(patterns_and_records_are_checked_when_they_are_read),
		cmocka_unit_test(what_grows_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
