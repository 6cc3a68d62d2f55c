/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "dnscache/node/memory_limit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define FILES 4
#define HYBRID "9:name=systemd:/init.scope\n4:cpu,memory:/a/b\n0::/init.scope\n"

static const struct row {
	const char *what;
	const char *groups;
	struct {
		const char *path, *text;
	} files[FILES];
	uint64_t bytes; /* 0: no limit */
	const char *group;
} rows[] = {
	{"version 2, its own",
         "0::/system.slice/x.service\n",
         {{"system.slice/x.service/memory.max", "536870912\n"},
          {"system.slice/memory.max", "max\n"}},
         512 << 20,
         "/system.slice/x.service"},
	{"version 2, a group above has less",
         "0::/a/b/c\n",
         {{"a/b/c/memory.max", "300\n"}, {"a/b/memory.max", "100\n"}, {"a/memory.max", "200\n"}},
         100,
         "/a/b"},
	{"version 2, a group above has it alone",
         "0::/a/b\n",
         {{"a/b/memory.max", "max\n"}, {"a/memory.max", "200\n"}},
         200,
         "/a"},
	{"version 2, none", "0::/a\n", {{"a/memory.max", "max\n"}}, 0, NULL},
	{"version 1, beside the other",
         HYBRID,
         {{"memory/a/b/memory.limit_in_bytes", "100\n"}, {"init.scope/memory.max", "50\n"}},
         100,
         "/a/b"},
	{"version 1, its greatest number is none",
         HYBRID,
         {{"memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"}},
         0,
         NULL},
	{"a container's topmost group is its own", "0::/\n", {{"memory.max", "64\n"}}, 64, "/"},
	{"a container that is told of groups it does not see",
         HYBRID,
         {{"memory/memory.limit_in_bytes", "64\n"}},
         64,
         "/"},
	{"there is none of memory", "3:cpu:/a\n", {{"a/memory.max", "1\n"}}, 0, NULL},
	{"what is no list of groups", "memory\n0\n:\n0::a\n\n", {{"memory.max", "1\n"}}, 0, NULL},
	{"what is no number", "0::/a\n", {{"a/memory.max", "\n"}}, 0, NULL},
	{"a limit of nothing", "0::/a\n", {{"a/memory.max", "0\n"}}, 0, "/a"},
};

static void put(const char *directory, const char *path, const char *text)
{
	char full[512];
	snprintf(full, sizeof(full), "%s/%s", directory, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	FILE *file = fopen(full, "w");
	assert_non_null(file);
	(void)fputs(text, file);
	(void)fclose(file);
}

static void remove_tree(const char *directory)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", directory);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): a name that mkdtemp() made */
}

static void check_row(const struct row *row)
{
	char directory[] = "/tmp/podsg-limit-XXXXXX";
	char groups[64];
	struct memory_limit limit = {0};
	assert_non_null(mkdtemp(directory));
	snprintf(groups, sizeof(groups), "%s/groups", directory);
	put(directory, "groups", row->groups);
	for (size_t i = 0; i < FILES && row->files[i].path; i++)
		put(directory, row->files[i].path, row->files[i].text);
	bool found = memory_limit_find(groups, directory, &limit);
	remove_tree(directory);
	if (found != (row->group != NULL) ||
	    (found && (limit.bytes != row->bytes || strcmp(limit.group, row->group) != 0)))
		fail_msg("%s: %s, %llu, \"%s\"", row->what, found ? "found" : "none",
		         (unsigned long long)limit.bytes, limit.group);
}

static void the_least_limit_holds(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		check_row(&rows[i]);
}

static void without_a_list_there_is_none(void **state)
{
	struct memory_limit limit;
	(void)state;
	assert_false(memory_limit_find("/nonexistent/cgroup", "/nonexistent", &limit));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_limit_holds),
		cmocka_unit_test(without_a_list_there_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
