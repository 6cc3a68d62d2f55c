/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/file.h"
#include "hooks/conflist/moves.h"
#include "hooks/conflist/swap.h"

#define VERSIONS 1000

static char directory[] = "/tmp/podsg-conflist-XXXXXX";

static const char *path_of(const char *name)
{
	static char paths[4][PATH_MAX];
	static size_t next;
	char *path = paths[next++ % 4];
	(void)snprintf(path, PATH_MAX, "%s/%s", directory, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static char *get(const char *name)
{
	char *text;
	size_t length;
	struct error err = {0};
	if (file_read(path_of(name), 1U << 20, &text, &length, &err) < 0)
		fail_msg("%s", err.text);
	return text;
}

static void assert_holds(const char *name, const char *expected)
{
	char *text = get(name);
	assert_string_equal(text, expected);
	free(text);
}

static int swap(const char *name, const char *old, const char *new)
{
	const struct conflist_text was = {old, strlen(old)};
	const struct conflist_text will = {new, strlen(new)};
	return conflist_swap(path_of(name), &was, &will, NULL);
}

/* Names in the directory, and away with them. */
static int count_and_empty(void)
{
	DIR *stream = opendir(directory);
	const struct dirent *item;
	int count = 0;
	assert_non_null(stream);
	/* cppcheck-suppress readdirCalled ; the stream is nobody else's */
	while ((item = readdir(stream))) {
		if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
			continue;
		count++;
		assert_int_equal(unlinkat(dirfd(stream), item->d_name, 0), 0);
	}
	assert_int_equal(closedir(stream), 0);
	return count;
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
	(void)state;
	(void)count_and_empty();
	return rmdir(directory);
}

static void the_text_changes_and_mode_and_owner_stay(void **state)
{
	struct stat before;
	struct stat after;
	(void)state;
	put("a.conflist", "old");
	assert_int_equal(chmod(path_of("a.conflist"), 04640), 0);
	if (geteuid() == 0)
		assert_int_equal(chown(path_of("a.conflist"), 12, 34), 0);
	assert_int_equal(chmod(path_of("a.conflist"), 04640), 0);
	assert_int_equal(stat(path_of("a.conflist"), &before), 0);
	assert_int_equal(swap("a.conflist", "old", "new"), 0);
	assert_int_equal(stat(path_of("a.conflist"), &after), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_uid, before.st_uid);
	assert_int_equal(after.st_gid, before.st_gid);
	assert_holds("a.conflist", "new");
	assert_int_equal(count_and_empty(), 1);
}

static void what_somebody_else_has_written_stands(void **state)
{
	(void)state;
	put("a.conflist", "newer");
	assert_int_equal(swap("a.conflist", "old", "new"), -EAGAIN);
	assert_holds("a.conflist", "newer");
	assert_int_equal(swap("a.conflist", "newe", "new"), -EAGAIN);
	assert_holds("a.conflist", "newer");
	assert_int_equal(count_and_empty(), 1);
	assert_int_equal(swap("a.conflist", "old", "new"), -EAGAIN);
	assert_int_equal(count_and_empty(), 0);
}

static void a_link_stays_one(void **state)
{
	struct stat status;
	(void)state;
	put("data", "old");
	assert_int_equal(symlink("data", path_of("a.conflist")), 0);
	assert_int_equal(swap("a.conflist", "old", "new"), 0);
	assert_int_equal(lstat(path_of("a.conflist"), &status), 0);
	assert_true(S_ISLNK(status.st_mode));
	assert_int_equal(lstat(path_of("data"), &status), 0);
	assert_true(S_ISREG(status.st_mode));
	assert_holds("data", "new");
	assert_int_equal(count_and_empty(), 2);
}

static void a_name_without_room_for_a_sibling_is_an_error(void **state)
{
	char name[NAME_MAX + 1];
	(void)state;
	memset(name, 'x', NAME_MAX);
	name[NAME_MAX] = '\0';
	put(name, "old");
	assert_true(swap(name, "old", "new") < 0);
	assert_holds(name, "old");
	assert_int_equal(count_and_empty(), 1);
}

static void write_version(int version)
{
	char text[32];
	int fd = open(path_of("new.tmp"), O_WRONLY | O_CREAT | O_TRUNC, 0644);
	(void)snprintf(text, sizeof(text), "%d", version);
	if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd) < 0)
		_exit(1);
	/* Some take the old one away first. */
	if (version % 3 == 0 && unlink(path_of("a.conflist")) < 0)
		_exit(2);
	if (rename(path_of("new.tmp"), path_of("a.conflist")) < 0)
		_exit(3);
}

static bool shows(int version)
{
	char *text;
	size_t length;
	if (file_read(path_of("a.conflist"), 60, &text, &length, NULL) < 0)
		return false;
	bool is = strtol(text, NULL, 10) == version;
	free(text);
	return is;
}

/* What was lost never comes back; for a moment another may be seen. */
static void write_versions(unsigned seed)
{
	static const struct timespec step = {.tv_nsec = 1000000};
	for (int version = 1; version <= VERSIONS; version++) {
		const struct timespec pause = {.tv_nsec = rand_r(&seed) % 200000};
		write_version(version);
		(void)nanosleep(&pause, NULL);
		bool shown = shows(version);
		for (int i = 0; i < 2000 && !shown; i++) {
			(void)nanosleep(&step, NULL);
			shown = shows(version);
		}
		if (!shown)
			_exit(4);
	}
	_exit(0);
}

/* Adds an x to what is there, if there is none. */
static int add_mark(unsigned *collisions)
{
	char *text = NULL;
	size_t length;
	char marked[64];
	if (file_read(path_of("a.conflist"), 60, &text, &length, NULL) < 0)
		return -EAGAIN;
	(void)snprintf(marked, sizeof(marked), "%sx", text);
	int r = length > 0 && text[length - 1] != 'x' ? swap("a.conflist", text, marked) : 0;
	free(text);
	*collisions += r == -EAGAIN;
	return r;
}

static void no_write_of_another_agent_is_lost(void **state)
{
	const char *given = getenv("PODSG_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)time(NULL);
	char expected[32];
	unsigned collisions = 0;
	int status;
	(void)state;
	print_message("# PODSG_SEED=%u\n", seed);
	put("a.conflist", "0");
	pid_t writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		write_versions(seed);
	while (waitpid(writer, &status, WNOHANG) == 0)
		(void)add_mark(&collisions);
	assert_int_equal(status, 0);
	int r = -EAGAIN;
	while (r < 0)
		r = add_mark(&collisions);
	print_message("# %u collisions\n", collisions);
	(void)snprintf(expected, sizeof(expected), "%dx", VERSIONS);
	assert_holds("a.conflist", expected);
	assert_int_equal(count_and_empty(), 1);
}

static void leftovers_are_swept_once_they_are_old(void **state)
{
	static const char *const names[] = {".a.conflist.podsg-AbC123", ".a.conflist.podsg-AbC1234",
	                                    "a.conflist.podsg-AbC123", ".a.conflist"};
	int fd = open(directory, O_RDONLY | O_DIRECTORY);
	time_t now = time(NULL);
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		put(names[i], "");
		conflist_swap_sweep(fd, names[i], now + 30);
		assert_int_equal(access(path_of(names[i]), F_OK), 0);
		conflist_swap_sweep(fd, names[i], now + 90);
		assert_int_equal(access(path_of(names[i]), F_OK), i == 0 ? -1 : 0);
	}
	assert_int_equal(count_and_empty(), 3);
	assert_int_equal(close(fd), 0);
}

static bool take(const char *name)
{
	struct error err = {0};
	bool may = conflist_moves_take(path_of("moves"), name, &err);
	if (err.code != 0)
		fail_msg("%s", err.text);
	return may;
}

static void moves_of_a_file_are_counted(void **state)
{
	(void)state;
	for (int i = 0; i < CONFLIST_MOVES_MAX; i++)
		assert_true(take("a.conflist"));
	assert_false(take("a.conflist"));
	assert_false(take("a.conflist"));
	assert_true(take("a"));
	assert_true(take("a.conflist "));
	assert_false(take("a.conflist"));
	assert_int_equal(count_and_empty(), 1);
}

static void moves_are_forgotten_after_a_while(void **state)
{
	struct timespec now;
	char text[256] = "";
	(void)state;
	assert_int_equal(clock_gettime(CLOCK_BOOTTIME, &now), 0);
	for (int i = 0; i < CONFLIST_MOVES_MAX; i++)
		(void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%lld a\n",
		               (long long)now.tv_sec - (i < 2 ? CONFLIST_MOVES_PERIOD : 0));
	put("moves", text);
	assert_true(take("a"));
	assert_true(take("a"));
	assert_false(take("a"));
	assert_int_equal(count_and_empty(), 1);
}

static void what_nobody_wrote_there_is_passed_over(void **state)
{
	(void)state;
	put("moves", "x\n\n 1\n99999999999999999999999 a\n1a\n-5 a\n9223372036854775807 a\n1");
	for (int i = 0; i < CONFLIST_MOVES_MAX; i++)
		assert_true(take("a"));
	assert_false(take("a"));
	assert_int_equal(count_and_empty(), 1);
}

static void what_cannot_be_remembered_may_not_be_done(void **state)
{
	struct error err = {0};
	(void)state;
	assert_false(conflist_moves_take(path_of("no/such/moves"), "a", &err));
	assert_int_equal(err.code, -ENOENT);
	err = (struct error){0};
	assert_false(conflist_moves_take(path_of("moves"), "a\nb", &err));
	assert_int_equal(err.code, -EINVAL);
	err = (struct error){0};
	assert_false(conflist_moves_take(directory, "a", &err));
	assert_int_equal(err.code, -EINVAL);
	assert_int_equal(count_and_empty(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_text_changes_and_mode_and_owner_stay),
		cmocka_unit_test(what_somebody_else_has_written_stands),
		cmocka_unit_test(a_link_stays_one),
		cmocka_unit_test(a_name_without_room_for_a_sibling_is_an_error),
		cmocka_unit_test(no_write_of_another_agent_is_lost),
		cmocka_unit_test(leftovers_are_swept_once_they_are_old),
		cmocka_unit_test(moves_of_a_file_are_counted),
		cmocka_unit_test(moves_are_forgotten_after_a_while),
		cmocka_unit_test(what_nobody_wrote_there_is_passed_over),
		cmocka_unit_test(what_cannot_be_remembered_may_not_be_done),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
