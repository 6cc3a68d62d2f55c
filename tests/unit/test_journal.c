/* SPDX-License-Identifier: GPL-2.0-or-later */
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
#include <unistd.h>

#include <cmocka.h>

#include "common/journal.h"
#include "tests/unit/attachments.h"
#include "tests/unit/journal_place.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void names_that_a_runtime_may_not_give_lead_nowhere(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	(void)state;
	assert_int_equal(journal_read(journal_place, "../a", "eth0", &read, NULL), -EINVAL);
	assert_int_equal(journal_remove(journal_place, "a", "b/../c", NULL), -EINVAL);
	memcpy(attachment.ifname, "a:b", 4);
	assert_int_equal(journal_write(journal_place, &attachment, NULL), -EINVAL);
	assert_int_equal(access(journal_place, F_OK), -1);
}

static void what_cannot_be_read_again_is_not_written(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	struct error err = {0};
	(void)state;
	memcpy(attachment.pod, "a\033[2J", 6);
	assert_int_equal(journal_write(journal_place, &attachment, &err), -EINVAL);
	assert_string_equal(err.text, "pod: \"a\\x1b[2J\": expected text");
	attachment = example_attachment();
	memcpy(attachment.left, "a\n\xff\tb", 6);
	assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
	assert_int_equal(journal_read(journal_place, SANDBOX, "eth0", &read, NULL), 0);
	assert_string_equal(read.left, "a???b");
}

static void the_journal_makes_its_directory_and_leaves_nothing_beside(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	struct stat status;
	(void)state;
	assert_int_equal(journal_read(journal_place, SANDBOX, "eth0", &read, NULL), -ENOENT);
	assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
	assert_int_equal(journal_place_files(), 1);
	assert_int_equal(stat(journal_place_path(SANDBOX ":eth0.json"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(stat(journal_place, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(journal_read(journal_place, SANDBOX, "eth0", &read, NULL), 0);
	assert_same_attachment(&read, &attachment);
	attachment.state = ATTACHMENT_GONE;
	assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
	assert_int_equal(journal_place_files(), 1);
	assert_int_equal(journal_read(journal_place, SANDBOX, "eth0", &read, NULL), 0);
	assert_same_attachment(&read, &attachment);
	assert_int_equal(journal_remove(journal_place, SANDBOX, "eth0", NULL), 0);
	assert_int_equal(journal_remove(journal_place, SANDBOX, "eth0", NULL), 0);
	assert_int_equal(journal_place_files(), 0);
}

static void files_that_are_no_attachment_of_their_name_are_refused(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	struct error err = {0};
	char other[PATH_MAX];
	char big[JOURNAL_FILE_MAX + 2];
	(void)state;
	assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
	(void)snprintf(other, sizeof(other), "%s", journal_place_path("other:eth0.json"));
	assert_int_equal(rename(journal_place_path(SANDBOX ":eth0.json"), other), 0);
	assert_int_equal(journal_read(journal_place, "other", "eth0", &read, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "other:eth0.json: is of " SANDBOX ":eth0.json"));
	memset(big, ' ', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	journal_place_write("big:eth0.json", big);
	assert_int_equal(journal_read(journal_place, "big", "eth0", &read, NULL), -EFBIG);
	assert_int_equal(mkfifo(journal_place_path("fifo:eth0.json"), 0600), 0);
	assert_int_equal(journal_read(journal_place, "fifo", "eth0", &read, NULL), -EINVAL);
}

struct seen {
	size_t attachments;
	size_t broken;
	char last_broken[256];
	int answer;
};

static int see(void *context, const struct attachment *attachment)
{
	struct seen *seen = context;
	assert_int_equal(strncmp(attachment->sandbox, "good", 4), 0);
	seen->attachments++;
	return seen->answer;
}

static void see_broken(void *context, const char *file, const struct error *err)
{
	struct seen *seen = context;
	assert_true(err->code < 0);
	assert_non_null(strstr(err->text, file));
	seen->broken++;
	(void)snprintf(seen->last_broken, sizeof(seen->last_broken), "%s", file);
}

static int walk(struct seen *seen, struct error *err)
{
	const struct journal_visitor visitor = {see, see_broken, seen};
	return journal_walk(journal_place, &visitor, err);
}

static void a_walk_sees_all_and_is_not_stopped_by_broken_files(void **state)
{
	struct attachment attachment = example_attachment();
	struct seen seen = {0};
	(void)state;
	assert_int_equal(walk(&seen, NULL), 0);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(attachment.sandbox, sizeof(attachment.sandbox), "good%d", i);
		assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
	}
	journal_place_write("bad:eth0.json", "{\"version\":1,");
	journal_place_write(".good9:eth0.json.abcdef", "{");
	journal_place_write(".lock", "");
	journal_place_write("README", "");
	journal_place_write("good8:eth0.json.orig", "{");
	assert_int_equal(walk(&seen, NULL), 0);
	assert_int_equal(seen.attachments, 3);
	assert_int_equal(seen.broken, 1);
	assert_string_equal(seen.last_broken, "bad:eth0.json");

	const struct journal_visitor deaf = {see, NULL, &seen};
	assert_int_equal(journal_walk(journal_place, &deaf, NULL), 0);
	assert_int_equal(seen.attachments, 6);
	seen = (struct seen){.answer = -ECANCELED};
	assert_int_equal(walk(&seen, NULL), -ECANCELED);
	assert_int_equal(seen.attachments, 1);
	assert_int_equal(access(journal_place_path("bad:eth0.json"), F_OK), 0);
}

static void a_walk_is_bounded_and_says_what_keeps_it(void **state)
{
	struct seen seen = {0};
	struct error err = {0};
	(void)state;
	journal_place_make();
	for (int i = 0; i <= JOURNAL_FILES_MAX; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "a%d:eth0.json", i);
		journal_place_write(name, "");
	}
	assert_int_equal(walk(&seen, &err), -EFBIG);
	assert_int_equal(seen.broken, JOURNAL_FILES_MAX);
	assert_non_null(strstr(err.text, "more than 8192 files"));

	err = (struct error){0};
	(void)strncat(journal_place, "/a-file", sizeof(journal_place) - strlen(journal_place) - 1);
	FILE *file = fopen(journal_place, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(walk(&seen, &err), -ENOTDIR);
	assert_non_null(strstr(err.text, journal_place));
	assert_int_equal(journal_lock(journal_place, 0, NULL), -ENOTDIR);
}

/* The answer of another process; a descriptor counts as 0. */
static int lock_elsewhere(unsigned milliseconds)
{
	int status = 0;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int r = journal_lock(journal_place, milliseconds, NULL);
		_exit(r < 0 ? -r : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return -WEXITSTATUS(status);
}

static void one_process_at_a_time_holds_the_lock(void **state)
{
	struct error err = {0};
	(void)state;
	int fd = journal_lock(journal_place, 0, &err);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(lock_elsewhere(0), -ETIMEDOUT);
	assert_int_equal(lock_elsewhere(50), -ETIMEDOUT);
	assert_int_equal(journal_lock(journal_place, 20, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "held by somebody else for 20 ms"));
	assert_int_equal(close(fd), 0);
	assert_int_equal(lock_elsewhere(0), 0); /* it dies with it */
	assert_int_equal(lock_elsewhere(0), 0);
}

static void a_lock_file_that_is_taken_away_does_not_make_two_holders(void **state)
{
	(void)state;
	int fd = journal_lock(journal_place, 0, NULL);
	assert_true(fd >= 0);
	assert_int_equal(unlink(journal_place_path(".lock")), 0);
	int second = journal_lock(journal_place, 0, NULL);
	assert_true(second >= 0);
	assert_int_equal(lock_elsewhere(0), -ETIMEDOUT);
	close(fd);
	assert_int_equal(lock_elsewhere(0), -ETIMEDOUT);
	close(second);
}

static void whoever_waits_gets_the_lock(void **state)
{
	int ends[2];
	char byte;
	(void)state;
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int r = journal_lock(journal_place, 0, NULL);
		if (r < 0 || write(ends[1], "x", 1) != 1)
			_exit(1);
		pause_for(50000);
		_exit(0);
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	int fd = journal_lock(journal_place, 30000, NULL);
	assert_true(fd >= 0);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void the_lock_sweeps_what_killed_writers_left(void **state)
{
	static const struct {
		const char *name;
		time_t age;
		bool stays;
	} rows[] = {
		{".a:eth0.json.abcdef", 3600, false}, {".b:eth0.json.abcdef", 10, true},
		{".c:eth0.json.abcdef", -3600, true}, {"d:eth0.json", 3600, true},
		{"e:eth0.json.abcdef", 3600, true},   {".hidden", 3600, true},
	};
	(void)state;
	journal_place_make();
	for (size_t i = 0; i < COUNT(rows); i++) {
		journal_place_write(rows[i].name, "");
		journal_place_age(rows[i].name, rows[i].age);
	}
	journal_place_write(".lock", "");
	journal_place_age(".lock", 3600);
	for (int i = 0; i < 2; i++) {
		int fd = journal_lock(journal_place, 0, NULL);
		assert_true(fd >= 0);
		for (size_t j = 0; j < COUNT(rows); j++)
			assert_int_equal(access(journal_place_path(rows[j].name), F_OK) == 0,
			                 rows[j].stays);
		assert_int_equal(access(journal_place_path(".lock"), F_OK), 0);
		close(fd);
	}
}

/* It is a look at all names: not every pod of a node is to pay for it. */
static void the_lock_sweeps_now_and_then(void **state)
{
	static const struct {
		time_t last;
		bool sweeps;
	} rows[] = {{0, false}, {500, false}, {700, true}, {-500, false}, {-7000, true}};
	(void)state;
	journal_place_make();
	for (size_t i = 0; i < COUNT(rows); i++) {
		journal_place_write(".a:eth0.json.abcdef", "");
		journal_place_age(".a:eth0.json.abcdef", 3600);
		journal_place_write(".lock", "");
		journal_place_age(".lock", rows[i].last);
		int fd = journal_lock(journal_place, 0, NULL);
		assert_true(fd >= 0);
		assert_int_equal(access(journal_place_path(".a:eth0.json.abcdef"), F_OK) < 0,
		                 rows[i].sweeps);
		close(fd);
	}
}

static void the_boot_id_is_the_kernels(void **state)
{
	char boot[BOOT_ID_SIZE];
	char text[BOOT_ID_SIZE] = "";
	(void)state;
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "r");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, BOOT_ID_SIZE - 1, file), BOOT_ID_SIZE - 1);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(boot_id_read(boot, NULL), 0);
	assert_string_equal(boot, text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_PLACE(names_that_a_runtime_may_not_give_lead_nowhere),
		IN_A_PLACE(what_cannot_be_read_again_is_not_written),
		IN_A_PLACE(the_journal_makes_its_directory_and_leaves_nothing_beside),
		IN_A_PLACE(files_that_are_no_attachment_of_their_name_are_refused),
		IN_A_PLACE(a_walk_sees_all_and_is_not_stopped_by_broken_files),
		IN_A_PLACE(a_walk_is_bounded_and_says_what_keeps_it),
		IN_A_PLACE(one_process_at_a_time_holds_the_lock),
		IN_A_PLACE(a_lock_file_that_is_taken_away_does_not_make_two_holders),
		IN_A_PLACE(whoever_waits_gets_the_lock),
		IN_A_PLACE(the_lock_sweeps_what_killed_writers_left),
		IN_A_PLACE(the_lock_sweeps_now_and_then),
		cmocka_unit_test(the_boot_id_is_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
