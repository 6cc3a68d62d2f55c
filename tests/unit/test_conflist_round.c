/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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
#include "hooks/conflist/chain.h"
#include "hooks/conflist/moves.h"
#include "hooks/conflist/round.h"

#define FILES_MAX 4
#define LIST(name, plugins)                                                                        \
	"{\"cniVersion\":\"1.0.0\",\"name\":\"" name "\",\"plugins\":[" plugins "]}"
#define A "{\"type\":\"a\"}"
#define OURS "{\"type\":\"podsg-cni\"}"
#define WITHOUT LIST("n", A)
#define WITH LIST("n", A "," OURS)
#define BROKEN "{\"name\":\"n\","
#define SINGLE "{\"name\":\"single\",\"type\":\"a\"}"

static char place[] = "/tmp/podsg-conflist-XXXXXX";
static char directory[PATH_MAX];
static char binary[PATH_MAX];
static char moves[PATH_MAX];

struct file {
	const char *name;
	const char *text;
};

struct finding {
	enum conflist_outcome outcome;
	const char *file;
	const char *why; /* somewhere in it */
};

static const char *path_of(const char *name)
{
	static char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%.3000s/%s", directory, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *name, const char *expected)
{
	char *text;
	size_t length;
	struct error err = {0};
	if (file_read(path_of(name), 1U << 20, &text, &length, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(text, expected);
	free(text);
}

static void empty_directory(void)
{
	DIR *stream = opendir(directory);
	const struct dirent *item;
	assert_non_null(stream);
	/* cppcheck-suppress readdirCalled ; the stream is nobody else's */
	while ((item = readdir(stream)))
		if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0)
			(void)remove(path_of(item->d_name));
	assert_int_equal(closedir(stream), 0);
	(void)unlink(moves);
}

static void put_binary(mode_t mode)
{
	int fd = open(binary, O_WRONLY | O_CREAT, 0700);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static int make_place(void **state)
{
	(void)state;
	if (!mkdtemp(place))
		return -1;
	(void)snprintf(directory, sizeof(directory), "%s/net.d", place);
	(void)snprintf(binary, sizeof(binary), "%s/podsg-cni", place);
	(void)snprintf(moves, sizeof(moves), "%s/moves", place);
	return mkdir(directory, 0755);
}

static int remove_place(void **state)
{
	(void)state;
	empty_directory();
	(void)unlink(binary);
	return rmdir(directory) < 0 || rmdir(place) < 0 ? -1 : 0;
}

static void assert_round(const struct conflist_options *options, const struct finding *expected,
                         size_t count, int status)
{
	struct conflist_report report;
	conflist_report_open(&report);
	conflist_round(options, &report);
	const struct conflist_finding *found = report.findings.items;
	for (size_t i = 0; i < report.findings.count && i < count; i++) {
		if (found[i].outcome != expected[i].outcome ||
		    strcmp(found[i].file, expected[i].file) != 0 ||
		    !strstr(found[i].why, expected[i].why))
			fail_msg("%zu: %d %s %s", i, (int)found[i].outcome, found[i].file,
			         found[i].why);
	}
	assert_int_equal(report.findings.count, count);
	assert_int_equal(conflist_report_exit(&report, options->check), status);
	conflist_report_done(&report);
}

/* What stands in the directory before and after. */
struct scene {
	const char *says;
	struct file before[FILES_MAX];
	struct file after[FILES_MAX];
	struct finding findings[FILES_MAX];
	size_t count;
	int status;
};

static void assert_scene(const struct scene *scene, const struct conflist_options *options)
{
	print_message("# %s\n", scene->says);
	for (size_t i = 0; i < FILES_MAX && scene->before[i].name; i++)
		put(scene->before[i].name, scene->before[i].text);
	assert_round(options, scene->findings, scene->count, scene->status);
	for (size_t i = 0; i < FILES_MAX && scene->after[i].name; i++)
		assert_holds(scene->after[i].name, scene->after[i].text);
	empty_directory();
}

static struct conflist_options options_of(const char *network)
{
	return (struct conflist_options){
		.directory = directory, .binary = binary, .network = network, .moves = moves};
}

static void ours_goes_into_the_network_that_runtimes_choose(void **state)
{
	static const struct scene scenes[] = {
		{"the lowest name of all, of any kind",
	         {{"20-b.conflist", WITHOUT}, {"10-a.conflist", WITHOUT}, {"9.conflist", WITHOUT}},
	         {{"20-b.conflist", WITHOUT}, {"10-a.conflist", WITH}, {"9.conflist", WITHOUT}},
	         {{CONFLIST_INSERTED, "10-a.conflist", ""}},
	         1,
	         0},
		{"bytes are compared, and a dotfile is a file",
	         {{"a.conflist", WITHOUT}, {"B.conflist", WITHOUT}, {".z.conflist", WITHOUT}},
	         {{"a.conflist", WITHOUT}, {"B.conflist", WITHOUT}, {".z.conflist", WITH}},
	         {{CONFLIST_INSERTED, ".z.conflist", ""}},
	         1,
	         0},
		{"other endings are none",
	         {{"10-a.conflist.tmp", WITHOUT}, {"10-a.conflist~", ""}, {"20.conflist", WITH}},
	         {{"10-a.conflist.tmp", WITHOUT}, {"20.conflist", WITH}},
	         {{CONFLIST_IN_PLACE, "20.conflist", ""}},
	         1,
	         0},
		{"what is broken is passed over, and said",
	         {{"10.conflist", BROKEN}, {"15.conf", WITHOUT}, {"20.conflist", WITHOUT}},
	         {{"10.conflist", BROKEN}, {"15.conf", WITHOUT}, {"20.conflist", WITH}},
	         {{CONFLIST_LEFT, "10.conflist", "10.conflist:1: not JSON, truncated"},
	          {CONFLIST_LEFT, "15.conf", "a single plugin is expected"},
	          {CONFLIST_INSERTED, "20.conflist", ""}},
	         3,
	         3},
		{"what stands behind it does not matter",
	         {{"10.conflist", WITH}, {"20.conflist", BROKEN}},
	         {{"10.conflist", WITH}, {"20.conflist", BROKEN}},
	         {{CONFLIST_IN_PLACE, "10.conflist", ""}},
	         1,
	         0},
		{"a single plugin hides the lists behind it",
	         {{"10.conf", SINGLE}, {"20.conflist", WITHOUT}},
	         {{"10.conf", SINGLE}, {"20.conflist", WITHOUT}},
	         {{CONFLIST_LEFT, "10.conf", "none can be chained to it"}},
	         1,
	         3},
		{"and so does a version that the plugin does not speak",
	         {{"10.conflist", "{\"name\":\"n\",\"plugins\":[" A "]}"}, {"20.json", SINGLE}},
	         {{"10.conflist", "{\"name\":\"n\",\"plugins\":[" A "]}"}},
	         {{CONFLIST_LEFT, "10.conflist", "podsg-cni speaks"}},
	         1,
	         3},
		{"nothing there",
	         {{NULL}},
	         {{NULL}},
	         {{CONFLIST_NO_NETWORK, "", "no valid"}},
	         1,
	         0},
	};
	struct conflist_options options = options_of("");
	(void)state;
	put_binary(0755);
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		assert_scene(&scenes[i], &options);
}

static void a_network_may_be_named(void **state)
{
	static const struct scene scenes[] = {
		{"others are passed over",
	         {{"10.conflist", WITHOUT}, {"15.conf", SINGLE}, {"20.conflist", LIST("m", A)}},
	         {{"10.conflist", WITHOUT}, {"20.conflist", LIST("m", A "," OURS)}},
	         {{CONFLIST_INSERTED, "20.conflist", ""}},
	         1,
	         0},
		{"nobody has the name",
	         {{"10.conflist", WITHOUT}},
	         {{"10.conflist", WITHOUT}},
	         {{CONFLIST_NO_NETWORK, "", "no valid network of that name"}},
	         1,
	         0},
	};
	struct conflist_options options = options_of("m");
	(void)state;
	put_binary(0755);
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		assert_scene(&scenes[i], &options);
}

static void ours_is_taken_out_of_all_files(void **state)
{
	static const struct scene scene = {
		"in all files",
		{{"10.conflist", WITH},
	         {"20.conflist", LIST("m", OURS "," A)},
	         {"30.conflist", WITHOUT}},
		{{"10.conflist", WITHOUT}, {"20.conflist", LIST("m", A)}, {"30.conflist", WITHOUT}},
		{{CONFLIST_REMOVED, "10.conflist", ""}, {CONFLIST_REMOVED, "20.conflist", ""}},
		2,
		0};
	static const struct scene broken = {
		"what is broken is left alone, and said where our name is in it",
		{{"10.conflist", BROKEN}, {"20.conflist", BROKEN OURS}, {"30.conf", WITH}},
		{{"10.conflist", BROKEN}, {"20.conflist", BROKEN OURS}, {"30.conf", WITH}},
		{{CONFLIST_LEFT, "20.conflist", "not JSON"}},
		1,
		3};
	struct conflist_options options = options_of("");
	options.remove = true;
	(void)state;
	for (int with = 0; with < 2; with++) {
		if (with)
			put_binary(0755);
		assert_scene(&scene, &options);
		assert_scene(&broken, &options);
		(void)unlink(binary);
	}
}

static void no_chain_names_a_missing_binary(void **state)
{
	static const struct scene scene = {"out of all files",
	                                   {{"10.conflist", WITH}, {"20.conflist", WITH}},
	                                   {{"10.conflist", WITHOUT}, {"20.conflist", WITHOUT}},
	                                   {{CONFLIST_NO_BINARY, "", "podsg-cni is missing"},
	                                    {CONFLIST_REMOVED, "10.conflist", ""},
	                                    {CONFLIST_REMOVED, "20.conflist", ""}},
	                                   3,
	                                   4};
	struct conflist_options options = options_of("");
	(void)state;
	(void)unlink(binary);
	assert_scene(&scene, &options);
	put_binary(0644);
	assert_scene(&scene, &options);
	(void)unlink(binary);
	assert_int_equal(mkdir(binary, 0755), 0);
	assert_scene(&scene, &options);
	assert_int_equal(rmdir(binary), 0);
}

static void a_check_changes_nothing(void **state)
{
	static const struct scene scenes[] = {
		{"absent",
	         {{"10.conflist", WITHOUT}},
	         {{"10.conflist", WITHOUT}},
	         {{CONFLIST_INSERTED, "10.conflist", ""}},
	         1,
	         5},
		{"not last",
	         {{"10.conflist", LIST("n", OURS "," A)}},
	         {{"10.conflist", LIST("n", OURS "," A)}},
	         {{CONFLIST_MOVED, "10.conflist", ""}},
	         1,
	         5},
		{"in place",
	         {{"10.conflist", WITH}},
	         {{"10.conflist", WITH}},
	         {{CONFLIST_IN_PLACE, "10.conflist", ""}},
	         1,
	         0},
		{"broken, and absent",
	         {{"10.conflist", BROKEN}, {"20.conflist", WITHOUT}},
	         {{"10.conflist", BROKEN}, {"20.conflist", WITHOUT}},
	         {{CONFLIST_LEFT, "10.conflist", ""}, {CONFLIST_INSERTED, "20.conflist", ""}},
	         2,
	         3},
		{"nothing", {{NULL}}, {{NULL}}, {{CONFLIST_NO_NETWORK, "", ""}}, 1, 5},
	};
	struct conflist_options options = options_of("");
	options.check = true;
	(void)state;
	put_binary(0755);
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		assert_scene(&scenes[i], &options);
	assert_int_equal(access(moves, F_OK), -1);
}

static void the_last_place_is_given_up_when_another_insists(void **state)
{
	static const char behind[] = LIST("n", A "," OURS ",{\"type\":\"istio-cni\"}");
	static const char last[] = LIST("n", A ",{\"type\":\"istio-cni\"}," OURS);
	static const char twice[] = LIST("n", OURS "," A "," OURS ",{\"type\":\"istio-cni\"}");
	static const struct finding moved = {CONFLIST_MOVED, "10.conflist", ""};
	static const struct finding yielded = {CONFLIST_YIELDED, "10.conflist", "insists"};
	static const struct finding inserted = {CONFLIST_INSERTED, "10.conflist", ""};
	struct conflist_options options = options_of("");
	(void)state;
	put_binary(0755);
	for (int i = 0; i < CONFLIST_MOVES_MAX; i++) {
		put("10.conflist", behind);
		assert_round(&options, &moved, 1, 0);
		assert_holds("10.conflist", last);
	}
	put("10.conflist", behind);
	assert_round(&options, &yielded, 1, 0);
	assert_holds("10.conflist", behind);
	put("10.conflist", twice);
	assert_round(&options, &yielded, 1, 0);
	assert_holds("10.conflist", behind);
	options.moves = "/no/such/directory/moves";
	put("10.conflist", behind);
	assert_round(&options, &(struct finding){CONFLIST_YIELDED, "10.conflist", "No such file"},
	             1, 0);
	assert_holds("10.conflist", behind);
	/* That it is there at all is not given up. */
	put("10.conflist", WITHOUT);
	assert_round(&options, &inserted, 1, 0);
	assert_holds("10.conflist", WITH);
	empty_directory();
}

static void what_cannot_be_read_is_said(void **state)
{
	static const struct finding link = {CONFLIST_LEFT, "10.conflist", "not a regular file"};
	static const struct finding absent = {CONFLIST_NO_NETWORK, "", ""};
	static const struct finding large[] = {{CONFLIST_LEFT, "10.conflist", "at most"},
	                                       {CONFLIST_NO_NETWORK, "", ""}};
	struct conflist_options options = options_of("");
	(void)state;
	put_binary(0755);
	assert_int_equal(symlink("/", path_of("10.conflist")), 0);
	assert_round(&options, (struct finding[]){link, absent}, 2, 3);
	empty_directory();
	put("10.conflist", "");
	assert_int_equal(truncate(path_of("10.conflist"), CONFLIST_FILE_MAX + 1), 0);
	assert_round(&options, large, 2, 3);
	empty_directory();
	assert_int_equal(symlink("nowhere", path_of("10.conflist")), 0);
	assert_int_equal(mkdir(path_of("20.conflist"), 0755), 0);
	assert_round(&options, &absent, 1, 0);
	empty_directory();
	options.directory = "/no/such/directory";
	assert_round(&options, &absent, 1, 0);
	options.directory = binary;
	assert_round(&options, &(struct finding){CONFLIST_FAILED, "", "cannot be read"}, 1, 1);
}

static void a_directory_has_a_limit(void **state)
{
	static const struct finding failed = {CONFLIST_FAILED, "", "more than 1024"};
	struct conflist_options options = options_of("");
	char name[32];
	(void)state;
	put_binary(0755);
	for (int i = 0; i <= CONFLIST_FILES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "%d.conflist", i);
		put(name, "");
	}
	assert_round(&options, &failed, 1, 1);
	empty_directory();
}

static void a_report_is_an_object_a_line(void **state)
{
	struct conflist_report report;
	char *text = NULL;
	size_t length;
	FILE *stream = open_memstream(&text, &length);
	(void)state;
	assert_non_null(stream);
	conflist_report_open(&report);
	conflist_report_add(&report, CONFLIST_LEFT, "a\"\n", "b\\");
	conflist_report_add(&report, CONFLIST_INSERTED, "c", "");
	conflist_report_print(&report, "/d", true, stream);
	assert_int_equal(fclose(stream), 0);
	assert_string_equal(
		text,
		"{\"directory\":\"/d\",\"exit\":3,\"files\":["
		"{\"file\":\"a\\u0022\\u000a\",\"outcome\":\"left-alone\",\"why\":\"b\\u005c\"},"
		"{\"file\":\"c\",\"outcome\":\"would-insert\",\"why\":\"\"}]}\n");
	conflist_report_done(&report);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ours_goes_into_the_network_that_runtimes_choose),
		cmocka_unit_test(a_network_may_be_named),
		cmocka_unit_test(ours_is_taken_out_of_all_files),
		cmocka_unit_test(no_chain_names_a_missing_binary),
		cmocka_unit_test(a_check_changes_nothing),
		cmocka_unit_test(the_last_place_is_given_up_when_another_insists),
		cmocka_unit_test(what_cannot_be_read_is_said),
		cmocka_unit_test(a_directory_has_a_limit),
		cmocka_unit_test(a_report_is_an_object_a_line),
	};
	return cmocka_run_group_tests(tests, make_place, remove_place);
}
