/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
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

#include "common/file.h"
#include "common/items.h"
#include "tests/unit/documents.h"

static char directory[] = "/tmp/podsg-test-XXXXXX";

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) == NULL || chdir(directory) < 0 ? -1 : 0;
}

static int remove_directory(void **state)
{
	(void)state;
	return chdir("/") < 0 || rmdir(directory) < 0 ? -1 : 0;
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "we");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void assert_not_loaded(const char *name, int code, const char *message)
{
	struct document *document = NULL;
	struct error err = {0};

	assert_int_equal(document_load(name, &document, &err), code);
	assert_string_equal(err.text, message);
	assert_null(document);
}

static void the_format_is_the_ending_of_the_name(void **state)
{
	static const struct {
		const char *name;
		int result;
		enum document_format format;
	} cases[] = {
		{"a.json", 0, DOCUMENT_JSON}, {"/x/a.yaml", 0, DOCUMENT_YAML},
		{"a.yml", 0, DOCUMENT_YAML},  {"a.json.tmp", -EINVAL, 0},
		{"json", -EINVAL, 0},         {"", -EINVAL, 0},
		{".json", 0, DOCUMENT_JSON},  {"a.JSON", -EINVAL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum document_format format = DOCUMENT_JSON;

		assert_int_equal(document_format_of(cases[i].name, &format), cases[i].result);
		if (cases[i].result == 0)
			assert_int_equal(format, cases[i].format);
	}
}

static void a_file_is_loaded_through_symbolic_links(void **state)
{
	struct document *document = NULL;
	struct error err = {0};

	(void)state;
	write_file("target", "{\"SecurityGroups\":[{\"GroupId\":\"sg-1\"}]}");
	assert_int_equal(symlink("target", "link.json"), 0);
	assert_int_equal(document_load("link.json", &document, &err), 0);
	assert_int_equal(document->group_count, 1);
	assert_string_equal(document->name, "link.json");
	document_free(document);
	unlink("link.json");
	unlink("target");
}

static void what_is_no_regular_file_is_refused_without_waiting(void **state)
{
	(void)state;
	assert_int_equal(mkfifo("fifo.json", 0600), 0);
	assert_not_loaded("fifo.json", -EINVAL, "fifo.json: not a regular file");
	unlink("fifo.json");
	assert_int_equal(mkdir("d.json", 0700), 0);
	assert_not_loaded("d.json", -EINVAL, "d.json: not a regular file");
	rmdir("d.json");
	assert_not_loaded("absent.json", -ENOENT,
	                  "absent.json: cannot open: No such file or directory");
	assert_not_loaded("a.txt", -EINVAL,
	                  "a.txt: expected a name ending in .json, .yaml or .yml");
}

static void a_file_that_is_too_large_is_not_read(void **state)
{
	int fd = open("large.json", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 100 << 20), 0);
	close(fd);
	assert_not_loaded("large.json", -EFBIG,
	                  "large.json: 104857600 bytes: at most 67108864 are accepted");
	unlink("large.json");
}

static void an_empty_file_is_refused(void **state)
{
	(void)state;
	write_file("empty.json", "");
	assert_not_loaded("empty.json", -EBADMSG, "empty.json: is empty");
	unlink("empty.json");
}

/* {"SecurityGroups":[{"GroupId":"sg-1","IpPermissions":[{...,"IpRanges":[ranges]}]}]} */
static char *group_of_rules(size_t rules)
{
	static const char head[] = "{\"SecurityGroups\":[{\"GroupId\":\"sg-1\",\"IpPermissions\":"
				   "[{\"IpProtocol\":\"-1\",\"IpRanges\":[";
	static const char range[] = "{\"CidrIp\":\"10.0.0.0/8\"},";
	char *text = malloc(sizeof(head) + rules * (sizeof(range) - 1) + 16);
	size_t used = sizeof(head) - 1;

	assert_non_null(text);
	memcpy(text, head, used);
	for (size_t i = 0; i < rules; i++, used += sizeof(range) - 1)
		memcpy(text + used, range, sizeof(range) - 1);
	memcpy(text + used - 1, "]}]}]}", 7);
	return text;
}

static void as_many_rules_as_allowed_are_kept(void **state)
{
	char *text = group_of_rules(GROUP_RULES_MAX);
	struct document *document = load_json(text);

	(void)state;
	assert_int_equal(document->groups[0].rule_count[DIRECTION_INGRESS], GROUP_RULES_MAX);
	document_free(document);
	free(text);
}

static void more_rules_than_allowed_are_refused(void **state)
{
	char *text = group_of_rules(GROUP_RULES_MAX + 1);

	(void)state;
	assert_refused(text, -EINVAL,
	               "d.json:1: SecurityGroups[0].IpPermissions[0].IpRanges[2000]: the group has "
	               "more than 2000 rules in a direction");
	free(text);
}

static void a_million_rules_are_refused_before_they_cost_anything(void **state)
{
	char *text = group_of_rules(1000000);

	(void)state;
	assert_refused(text, -EFBIG,
	               "d.json:1: SecurityGroups[0]: larger than one object may be: 131072 values, "
	               "4194304 bytes");
	free(text);
}

/* The same text, again and again. */
static char *repeated(const char *head, const char *unit, size_t count, const char *tail)
{
	size_t head_length = strlen(head);
	size_t unit_length = strlen(unit);
	char *text = malloc(head_length + count * unit_length + strlen(tail) + 1);

	assert_non_null(text);
	memcpy(text, head, head_length);
	for (size_t i = 0; i < count; i++)
		memcpy(text + head_length + i * unit_length, unit, unit_length);
	memcpy(text + head_length + count * unit_length, tail, strlen(tail) + 1);
	return text;
}

static void members_given_again_and_again_are_limited_as_a_whole(void **state)
{
	char *members = repeated("{", "\"spec\":0,", ITEM_VALUES_MAX + 1, "\"x\":0}");
	char *lists = repeated("{", "\"items\":[],", ITEM_VALUES_MAX + 1, "\"x\":0}");

	(void)state;
	assert_refused(
		members, -EFBIG,
		"d.json:1: spec: larger than one object may be: 131072 values, 4194304 bytes");
	assert_refused(
		lists, -EFBIG,
		"d.json:1: items: larger than one object may be: 131072 values, 4194304 bytes");
	free(members);
	free(lists);
}

static void what_is_not_read_is_passed_over_at_any_size(void **state)
{
	char *text =
		repeated("{\"SecurityGroups\":[],\"other\":[", "[{}],", ITEM_VALUES_MAX, "0]}");

	(void)state;
	document_free(load_json(text));
	free(text);
}

static void warnings_beyond_the_maximum_are_counted_only(void **state)
{
	char *text =
		repeated("{\"SecurityGroups\":[{\"GroupId\":\"sg-1\",\"IpPermissions\":[{"
	                 "\"IpProtocol\":\"-1\",\"IpRanges\":[",
	                 "{\"CidrIp\":\"10.0.0.1/8\"},", 100, "{\"CidrIp\":\"10.0.0.0/8\"}]}]}]}");
	struct document *document = load_json(text);

	(void)state;
	assert_int_equal(document->warning_count, 100);
	assert_non_null(document->warnings[DOCUMENT_WARNINGS_MAX - 1]);
	document_free(document);
	free(text);
}

static const char whole[] =
	"{\"SecurityGroups\":[{\"GroupId\":\"sg-1\",\"IpPermissions\":[{\"IpProtocol\":\"tcp\","
	"\"FromPort\":1,\"ToPort\":2,\"IpRanges\":[{\"CidrIp\":\"10.0.0.0/8\"}]}]}],"
	"\"NextToken\":\"x\\u00e9\"}";

static void every_truncation_of_a_document_is_refused(void **state)
{
	(void)state;
	for (size_t length = 1; length < sizeof(whole) - 1; length++) {
		struct document *document = NULL;
		struct error err = {0};
		char *copy = malloc(length);

		assert_non_null(copy);
		memcpy(copy, whole, length);
		assert_int_equal(document_parse("f", DOCUMENT_JSON, copy, length, &document, &err),
		                 -EBADMSG);
		assert_int_equal(strncmp(err.text, "f:1: not JSON, truncated: ", 26), 0);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_format_is_the_ending_of_the_name),
		cmocka_unit_test(a_file_is_loaded_through_symbolic_links),
		cmocka_unit_test(what_is_no_regular_file_is_refused_without_waiting),
		cmocka_unit_test(a_file_that_is_too_large_is_not_read),
		cmocka_unit_test(an_empty_file_is_refused),
		cmocka_unit_test(as_many_rules_as_allowed_are_kept),
		cmocka_unit_test(more_rules_than_allowed_are_refused),
		cmocka_unit_test(a_million_rules_are_refused_before_they_cost_anything),
		cmocka_unit_test(members_given_again_and_again_are_limited_as_a_whole),
		cmocka_unit_test(what_is_not_read_is_passed_over_at_any_size),
		cmocka_unit_test(warnings_beyond_the_maximum_are_counted_only),
		cmocka_unit_test(every_truncation_of_a_document_is_refused),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
