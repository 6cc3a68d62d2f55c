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

#include "dnscache/plugin/hosts.h"
#include "dnscache/plugin/hosts_table.h"
#include "tests/unit/dns_records_text.h"

#define NOT_OURS NULL

static struct dns_name zones[2];
static char path[64];

static void write_file(const char *text)
{
	FILE *file = fopen(path, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
	int fd;

	(void)state;
	zones[0] = wire_name("example.");
	zones[1] = wire_name("in-addr.arpa.");
	(void)snprintf(path, sizeof(path), "/tmp/podsg-hosts-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static struct hosts *load(const struct hosts_settings *settings)
{
	struct hosts *hosts = NULL;
	struct error err = {0};

	assert_int_equal(hosts_load(settings, zones, 2, &hosts, &err), 0);
	assert_string_equal(err.text, "");
	return hosts;
}

/* lines: what comes behind header and question; NOT_OURS. */
static void check(const struct hosts *hosts, const char *name, const char *type, const char *header,
                  const char *lines)
{
	const struct dns_question question = question_about(name, type);
	struct arena *arena = arena_new(1 << 20);
	struct dns_records records;

	dns_records_begin(&records, &question, arena);
	assert_int_equal(hosts_answer(hosts, &question, &records), lines != NOT_OURS);
	if (lines != NOT_OURS)
		assert_records(&records, header, lines);
	else
		assert_int_equal(records.count, 0);
	arena_free(arena);
}

static void every_name_of_a_line_has_its_address(void **state)
{
	const struct hosts_settings settings = {.path = path, .ttl = 60};
	struct hosts *hosts;

	(void)state;
	write_file("# a comment\n"
	           "10.0.0.1 a.example B.Example. # and one behind\r\n"
	           "\t2001:db8::1\ta.example\n"
	           "10.0.0.2 a.example\n"
	           "10.0.0.3 a.example");
	hosts = load(&settings);
	check(hosts, "A.example.", "A", "aa",
	      "answer A.example. 60 A 10.0.0.1\n"
	      "answer A.example. 60 A 10.0.0.2\n"
	      "answer A.example. 60 A 10.0.0.3\n");
	check(hosts, "b.example.", "A", "aa", "answer b.example. 60 A 10.0.0.1\n");
	check(hosts, "a.example.", "AAAA", "aa", "answer a.example. 60 AAAA 2001:db8::1\n");
	hosts_free(hosts);
}

static void lines_of_the_Corefile_come_before_those_of_the_file(void **state)
{
	const char *lines[] = {"10.0.0.9 a.example", "10.0.0.1 a.example"};
	const struct hosts_settings settings = {
		.path = path, .ttl = 60, .inline_lines = lines, .inline_count = 2};
	struct hosts *hosts;

	(void)state;
	write_file("10.0.0.1 a.example\n10.0.0.2 a.example\n");
	hosts = load(&settings);
	check(hosts, "a.example.", "A", "aa",
	      "answer a.example. 60 A 10.0.0.9\n"
	      "answer a.example. 60 A 10.0.0.1\n"
	      "answer a.example. 60 A 10.0.0.2\n");
	hosts_free(hosts);
}

static void what_is_no_host_is_left_out(void **state)
{
	static const char *const lines[] = {
		"300.0.0.1 a.example",
		"010.0.0.1 a.example",
		"10.0.0 a.example",
		"a.example 10.0.0.1",
		"10.0.0.1",
		"",
		"10.0.0.1 #a.example",
		"10.0.0.1 a..example",
		"10.0.0.1/8 a.example",
		"10.0.0.1 a.elsewhere",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		const char *one[] = {lines[i]};
		const struct hosts_settings settings = {.inline_lines = one, .inline_count = 1};
		struct hosts *hosts = load(&settings);

		assert_int_equal(hosts_entry_count(hosts), 0);
		hosts_free(hosts);
	}
}

static void addresses_have_names(void **state)
{
	const char *lines[] = {"10.0.0.1 a.example b.example", "2001:db8::1%eth0 c.example",
	                       "::ffff:10.0.0.4 d.example", "10.0.0.1 a.example"};
	const struct hosts_settings settings = {.inline_lines = lines, .inline_count = 4, .ttl = 5};
	struct hosts *hosts = load(&settings);

	(void)state;
	check(hosts, "1.0.0.10.in-addr.arpa.", "PTR", "aa",
	      "answer 1.0.0.10.in-addr.arpa. 5 PTR a.example.\n"
	      "answer 1.0.0.10.in-addr.arpa. 5 PTR b.example.\n");
	check(hosts, "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6.arpa.",
	      "PTR", "aa",
	      "answer 1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.B.D.0.1.0.0.2.ip6.arpa. "
	      "5 PTR c.example.\n");
	check(hosts, "4.0.0.10.in-addr.arpa.", "PTR", "aa",
	      "answer 4.0.0.10.in-addr.arpa. 5 PTR d.example.\n");
	check(hosts, "2.0.0.10.in-addr.arpa.", "PTR", "", NOT_OURS);
	check(hosts, "a.example.", "PTR", "", NOT_OURS);
	hosts_free(hosts);
}

static void no_reverse_leaves_addresses_to_others(void **state)
{
	const char *lines[] = {"10.0.0.1 a.example"};
	const struct hosts_settings settings = {
		.inline_lines = lines, .inline_count = 1, .no_reverse = true};
	struct hosts *hosts = load(&settings);

	(void)state;
	check(hosts, "1.0.0.10.in-addr.arpa.", "PTR", "", NOT_OURS);
	assert_int_equal(hosts_entry_count(hosts), 1);
	hosts_free(hosts);
}

static void a_host_without_such_a_record_has_no_data(void **state)
{
	const char *lines[] = {"10.0.0.1 a.example"};
	const struct hosts_settings settings = {
		.inline_lines = lines, .inline_count = 1, .fallthrough = true};
	struct hosts *hosts = load(&settings);

	(void)state;
	check(hosts, "a.example.", "AAAA", "aa", "");
	check(hosts, "a.example.", "MX", "aa", "");
	hosts_free(hosts);
}

static void who_is_no_host_falls_through_or_fails(void **state)
{
	struct dns_name below = wire_name("b.example.");
	const char *lines[] = {"10.0.0.1 a.example"};
	struct hosts_settings settings = {.inline_lines = lines, .inline_count = 1};
	struct hosts *hosts = load(&settings);

	(void)state;
	check(hosts, "x.example.", "A", "rcode=2", "");
	check(hosts, "x.elsewhere.", "A", "", NOT_OURS);
	settings.fallthrough = true;
	check(hosts, "x.example.", "A", "", NOT_OURS);
	settings.fallthrough_zones = &below;
	settings.fallthrough_count = 1;
	check(hosts, "x.example.", "A", "rcode=2", "");
	check(hosts, "x.b.example.", "A", "", NOT_OURS);
	hosts_free(hosts);
}

static void origins_stand_for_the_zones_of_the_block(void **state)
{
	struct dns_name origin = wire_name("a.example.");
	const char *lines[] = {"10.0.0.1 a.example b.example x.a.example"};
	const struct hosts_settings settings = {
		.inline_lines = lines, .inline_count = 1, .origins = &origin, .origin_count = 1};
	struct hosts *hosts = load(&settings);

	(void)state;
	check(hosts, "x.a.example.", "A", "aa", "answer x.a.example. 0 A 10.0.0.1\n");
	check(hosts, "b.example.", "A", "", NOT_OURS);
	assert_int_equal(hosts_entry_count(hosts), 4);
	hosts_free(hosts);
}

static void a_changed_file_is_seen_and_one_that_is_gone_is_kept(void **state)
{
	const struct hosts_settings settings = {.path = path, .reload = 5000};
	struct hosts *hosts;

	(void)state;
	write_file("10.0.0.1 a.example\n");
	hosts = load(&settings);
	assert_false(hosts_changed(hosts));
	assert_true(hosts_loaded_at(hosts) > 0);
	write_file("10.0.0.1 a.example b.example\n");
	assert_true(hosts_changed(hosts));
	assert_int_equal(unlink(path), 0);
	assert_false(hosts_changed(hosts));
	write_file("");
	hosts_free(hosts);
}

static void without_reload_a_changed_file_is_not_looked_at(void **state)
{
	const struct hosts_settings settings = {.path = path, .reload = 0};
	struct hosts *hosts;

	(void)state;
	write_file("10.0.0.1 a.example\n");
	hosts = load(&settings);
	write_file("10.0.0.1 a.example b.example\n");
	assert_false(hosts_changed(hosts));
	write_file("");
	hosts_free(hosts);
}

static void a_file_that_cannot_be_read_is_an_error(void **state)
{
	const struct hosts_settings absent = {.path = "/nonexistent/hosts"};
	const struct hosts_settings directory = {.path = "/"};
	struct hosts *hosts = NULL;
	struct error err = {0};

	(void)state;
	assert_true(hosts_load(&absent, zones, 2, &hosts, &err) < 0);
	assert_non_null(strstr(err.text, "/nonexistent/hosts"));
	err = (struct error){0};
	assert_true(hosts_load(&directory, zones, 2, &hosts, &err) < 0);
	assert_true(strlen(err.text) > 0);
	assert_null(hosts);
}

static void a_file_that_is_too_large_is_an_error(void **state)
{
	const struct hosts_settings settings = {.path = path};
	struct hosts *hosts = NULL;
	struct error err = {0};

	(void)state;
	assert_int_equal(truncate(path, (off_t)HOSTS_FILE_MAX + 1), 0);
	assert_int_equal(hosts_load(&settings, zones, 2, &hosts, &err), -EFBIG);
	assert_non_null(strstr(err.text, "67108864"));
	assert_null(hosts);
}

static void more_than_a_million_entries_are_an_error(void **state)
{
	const struct hosts_settings settings = {.path = path};
	struct hosts *hosts = NULL;
	struct error err = {0};
	FILE *file = fopen(path, "we");

	(void)state;
	assert_non_null(file);
	for (unsigned i = 0; i < HOSTS_ENTRIES_MAX / 8 + 1; i++)
		(void)fputs("::1 example example example example example example example example\n",
		            file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(hosts_load(&settings, zones, 2, &hosts, &err), -E2BIG);
	assert_non_null(strstr(err.text, ":125001: more than 1000000 entries"));
	assert_null(hosts);
}

static void a_crowded_address_is_answered_with_what_fits(void **state)
{
	const struct hosts_settings settings = {.path = path};
	const struct dns_question question = question_about("1.0.0.10.in-addr.arpa.", "PTR");
	struct arena *arena = arena_new(1 << 20);
	struct dns_records records;
	struct hosts *hosts;
	FILE *file = fopen(path, "we");

	(void)state;
	assert_non_null(file);
	for (unsigned i = 0; i < 2 * HOSTS_ANSWERS_MAX; i++)
		(void)fprintf(file, "10.0.0.1 ads-%u.example\n", i);
	assert_int_equal(fclose(file), 0);
	hosts = load(&settings);
	dns_records_begin(&records, &question, arena);
	assert_int_equal(hosts_answer(hosts, &question, &records), 1);
	assert_int_equal(records.count, HOSTS_ANSWERS_MAX);
	arena_free(arena);
	hosts_free(hosts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name_of_a_line_has_its_address),
		cmocka_unit_test(lines_of_the_Corefile_come_before_those_of_the_file),
		cmocka_unit_test(what_is_no_host_is_left_out),
		cmocka_unit_test(addresses_have_names),
		cmocka_unit_test(no_reverse_leaves_addresses_to_others),
		cmocka_unit_test(a_host_without_such_a_record_has_no_data),
		cmocka_unit_test(who_is_no_host_falls_through_or_fails),
		cmocka_unit_test(origins_stand_for_the_zones_of_the_block),
		cmocka_unit_test(a_changed_file_is_seen_and_one_that_is_gone_is_kept),
		cmocka_unit_test(without_reload_a_changed_file_is_not_looked_at),
		cmocka_unit_test(a_file_that_cannot_be_read_is_an_error),
		cmocka_unit_test(a_file_that_is_too_large_is_an_error),
		cmocka_unit_test(more_than_a_million_entries_are_an_error),
		cmocka_unit_test(a_crowded_address_is_answered_with_what_fits),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
