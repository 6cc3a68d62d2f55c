/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/journal.h"
#include "tests/unit/attachments.h"
#include "tests/unit/journal_place.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static ino_t inode_of(const char *name)
{
	struct stat status;
	assert_int_equal(stat(journal_place_path(name), &status), 0);
	return status.st_ino;
}

static void a_state_changes_in_place_and_shows_in_the_files_time(void **state)
{
	static const enum attachment_state states[] = {ATTACHMENT_READY, ATTACHMENT_GONE,
	                                               ATTACHMENT_ADDING, ATTACHMENT_READY};
	struct attachment attachment = example_attachment();
	struct attachment read;
	struct stat before;
	struct stat after;
	(void)state;
	attachment.state = ATTACHMENT_ADDING;
	assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
	for (size_t i = 0; i < COUNT(states); i++) {
		assert_int_equal(stat(journal_place_path(SANDBOX ":eth0.json"), &before), 0);
		attachment.state = states[i];
		assert_int_equal(journal_update(journal_place, &attachment, NULL), 0);
		assert_int_equal(stat(journal_place_path(SANDBOX ":eth0.json"), &after), 0);
		assert_int_equal(after.st_ino, before.st_ino);
		assert_int_equal(after.st_size, before.st_size);
		assert_memory_not_equal(&after.st_mtim, &before.st_mtim, sizeof(after.st_mtim));
		assert_int_equal(journal_read(journal_place, SANDBOX, "eth0", &read, NULL), 0);
		assert_same_attachment(&read, &attachment);
	}
	assert_int_equal(journal_place_files(), 1);
}

static void what_does_not_fit_in_place_is_written_anew(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	(void)state;
	assert_int_equal(journal_update(journal_place, &attachment, NULL), 0);
	ino_t first = inode_of(SANDBOX ":eth0.json");
	memset(attachment.left, 'x', sizeof(attachment.left) - 1);
	assert_int_equal(journal_update(journal_place, &attachment, NULL), 0);
	assert_int_not_equal(inode_of(SANDBOX ":eth0.json"), first);
	assert_int_equal(journal_read(journal_place, SANDBOX, "eth0", &read, NULL), 0);
	assert_same_attachment(&read, &attachment);
	assert_int_equal(journal_place_files(), 1);
}

static int take_sandbox(void *context, const struct attachment *attachment)
{
	char *seen = context;
	memcpy(seen + strlen(seen), attachment->sandbox, 2);
	return 0;
}

static void a_walk_of_the_newer_ones_leaves_out_by_the_files_times(void **state)
{
	const int64_t now = (int64_t)time(NULL) * 1000;
	const struct {
		const char *sandbox;
		int64_t created;
		time_t age; /* of the file; 0: as it was written */
		bool seen;
	} rows[] = {
		{"a", now - 60000, 60, false}, {"b", now - 1000, 0, true},
		{"c", now + 7200000, 0, true}, /* the clock was set back */
		{"d", now - 60000, 0, true},   /* written later on */
		{"e", now - 10000, 10, true},
	};
	char seen[16] = "";
	const struct journal_visitor visitor = {.attachment = take_sandbox, .context = seen};
	struct attachment attachment = example_attachment();
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char name[32];
		(void)snprintf(attachment.sandbox, sizeof(attachment.sandbox), "%s",
		               rows[i].sandbox);
		attachment.created = rows[i].created;
		assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
		(void)snprintf(name, sizeof(name), "%s:eth0.json", rows[i].sandbox);
		if (rows[i].age)
			journal_place_age(name, rows[i].age);
	}
	assert_int_equal(journal_walk_newer(journal_place, now - 10000, &visitor, NULL), 0);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(strstr(seen, rows[i].sandbox) != NULL, rows[i].seen);
	assert_int_equal(journal_walk_newer(journal_place, now + 3600000, &visitor, NULL), 0);
	assert_int_equal(strlen(seen), 5);
	assert_int_equal(seen[4], 'c');
}

static void a_stamp_is_never_given_twice(void **state)
{
	int64_t last = 0;
	(void)state;
	for (int i = 0; i < 50; i++) {
		int fd = journal_lock(journal_place, 0, NULL);
		assert_true(fd >= 0);
		for (int j = 0; j < 3; j++) {
			int64_t stamp = journal_stamp(fd);
			assert_true(stamp > last);
			last = stamp;
		}
		close(fd);
	}
	assert_true(last / 1000 - time(NULL) < 10);
	/* The clock was set back by an hour. */
	journal_place_age(".lock", -3600);
	int fd = journal_lock(journal_place, 0, NULL);
	assert_true(fd >= 0);
	last = journal_stamp(fd);
	assert_true(last / 1000 - time(NULL) > 3500);
	assert_true(journal_stamp(fd) == last + 1);
	close(fd);
	assert_true(journal_stamp(-1) / 1000 - time(NULL) < 10);
}

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

static void write_for_ever(int writer)
{
	struct attachment attachment = example_attachment();
	for (unsigned i = 1;; i++) {
		attachment.vlan = i % 4094;
		memset(attachment.left, 'a' + writer, i % sizeof(attachment.left));
		attachment.left[i % sizeof(attachment.left)] = '\0';
		if (journal_write(journal_place, &attachment, NULL) < 0)
			_exit(1);
	}
}

static void update_for_ever(int writer)
{
	static const enum attachment_state states[] = {ATTACHMENT_ADDING, ATTACHMENT_READY,
	                                               ATTACHMENT_GONE};
	struct attachment attachment = example_attachment();
	for (unsigned i = (unsigned)writer;; i++) {
		attachment.state = states[i % COUNT(states)];
		if (journal_update(journal_place, &attachment, NULL) < 0)
			_exit(1);
	}
}

/* Amid an update it may not be readable at once. */
static void assert_readable(int tries)
{
	struct attachment read;
	struct error err = {0};
	while (journal_read(journal_place, SANDBOX, "eth0", &read, &err) < 0) {
		if (--tries == 0)
			fail_msg("%s", err.text);
		err = (struct error){0};
		pause_for(1000);
	}
}

static void kill_writers(void (*write_on)(int writer), int tries)
{
	const struct attachment attachment = example_attachment();
	uint32_t seed = (uint32_t)time(NULL);
	assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
	for (int round = 0; round < 40; round++) {
		pid_t writers[2];
		for (int i = 0; i < 2; i++) {
			writers[i] = fork();
			assert_true(writers[i] >= 0);
			if (writers[i] == 0)
				write_on(i);
		}
		for (int i = 0; i < 20; i++) {
			assert_readable(tries);
			pause_for(next(&seed) % 500);
		}
		for (int i = 0; i < 2; i++) {
			int status = 0;
			assert_int_equal(kill(writers[i], SIGKILL), 0);
			assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
			assert_true(WIFSIGNALED(status));
		}
		assert_readable(1);
	}
}

static void writers_that_are_killed_leave_a_whole_file(void **state)
{
	(void)state;
	kill_writers(write_for_ever, 1);
}

static void updates_that_are_killed_leave_a_whole_file(void **state)
{
	(void)state;
	kill_writers(update_for_ever, 1000);
}

/* What an update writes, as long as the longest of them. */
static void update_text(const struct attachment *attachment, size_t size, char *ret)
{
	char *text = NULL;
	assert_int_equal(attachment_text(attachment, &text, NULL), 0);
	assert_true(strlen(text) <= size);
	memset(ret, ' ', size);
	memcpy(ret, text, strlen(text));
	free(text);
}

/* Half of one text and half of the other: either is believed as a whole, or none. */
static void assert_not_believed(const struct attachment *one, const struct attachment *other)
{
	char begin[2048];
	char end[sizeof(begin)];
	const size_t size = 1024;
	update_text(one, size, begin);
	update_text(other, size, end);
	for (size_t cut = 0; cut <= size; cut++) {
		char torn[sizeof(begin)];
		struct attachment read;
		memcpy(torn, begin, cut);
		memcpy(torn + cut, end + cut, size - cut);
		if (attachment_parse("torn", torn, size, &read, NULL) < 0)
			continue;
		/* Words for people: those of both may be mixed. */
		memcpy(read.left, read.state == one->state ? one->left : other->left,
		       sizeof(read.left));
		assert_same_attachment(&read, read.state == one->state ? one : other);
	}
}

static void an_update_that_is_torn_at_any_byte_is_not_believed(void **state)
{
	static const struct {
		enum attachment_state state;
		const char *left;
	} texts[] = {
		{ATTACHMENT_ADDING, ""},
		{ATTACHMENT_READY, ""},
		{ATTACHMENT_UNFILTERED, ""},
		{ATTACHMENT_GONE, ""},
		{ATTACHMENT_GONE, "the journal was locked"},
		{ATTACHMENT_GONE, "link vlan.eth.3: Operation not permitted"},
	};
	struct attachment attachments[COUNT(texts)];
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		attachments[i] = example_attachment();
		attachments[i].state = texts[i].state;
		(void)snprintf(attachments[i].left, sizeof(attachments[i].left), "%s",
		               texts[i].left);
	}
	for (size_t i = 0; i < COUNT(texts); i++)
		for (size_t j = 0; j < COUNT(texts); j++)
			assert_not_believed(&attachments[i], &attachments[j]);
}

/* In a mount namespace of its own; a process that may not have one ends with 77. */
static void in_a_small_file_system(void)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	struct error err = {0};
	char filler[PATH_MAX];
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", journal_place, "tmpfs", 0, "size=16k") < 0)
		_exit(77);
	assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
	int fd = journal_lock(journal_place, 0, NULL);
	assert_true(fd >= 0);
	close(fd);
	(void)snprintf(filler, sizeof(filler), "head -c 100000 /dev/zero >'%s' 2>/dev/null",
	               journal_place_path("filler"));
	assert_int_not_equal(system(filler), 0); /* NOLINT(cert-env33-c): the name is our own */
	attachment.vlan = 4;
	assert_int_equal(journal_write(journal_place, &attachment, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "cannot write: No space left on device"));
	assert_int_equal(journal_place_files(), 3);
	assert_int_equal(journal_read(journal_place, SANDBOX, "eth0", &read, NULL), 0);
	assert_int_equal(read.vlan, 3);
	fd = journal_lock(journal_place, 0, NULL);
	assert_true(fd >= 0);
	close(fd);

	assert_int_equal(mount("none", journal_place, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	err = (struct error){0};
	assert_int_equal(journal_write(journal_place, &attachment, &err), -EROFS);
	assert_non_null(strstr(err.text, "Read-only file system"));
	assert_int_equal(journal_remove(journal_place, SANDBOX, "eth0", NULL), -EROFS);
	assert_int_equal(journal_remove(journal_place, "other", "eth0", NULL), 0);
	assert_int_equal(journal_read(journal_place, SANDBOX, "eth0", &read, NULL), 0);
	fd = journal_lock(journal_place, 0, NULL);
	assert_true(fd >= 0);
	assert_true(journal_stamp(fd) > 0);
	close(fd);
	assert_int_equal(mount("none", journal_place, NULL, MS_REMOUNT, NULL), 0);
	assert_int_equal(unlink(journal_place_path(".lock")), 0);
	assert_int_equal(mount("none", journal_place, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(journal_lock(journal_place, 0, NULL), -EROFS);
	_exit(0);
}

static void full_and_read_only_disks_are_said(void **state)
{
	int status = 0;
	(void)state;
	journal_place_make();
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		in_a_small_file_system();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_write_that_is_cut_off_leaves_the_old_file(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	struct rlimit before;
	(void)state;
	assert_int_equal(journal_write(journal_place, &attachment, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	const struct rlimit tight = {.rlim_cur = 64, .rlim_max = before.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	attachment.vlan = 4;
	int r = journal_write(journal_place, &attachment, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(journal_place_files(), 1);
	assert_int_equal(journal_read(journal_place, SANDBOX, "eth0", &read, NULL), 0);
	assert_int_equal(read.vlan, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_A_PLACE(a_state_changes_in_place_and_shows_in_the_files_time),
		IN_A_PLACE(what_does_not_fit_in_place_is_written_anew),
		IN_A_PLACE(a_walk_of_the_newer_ones_leaves_out_by_the_files_times),
		IN_A_PLACE(a_stamp_is_never_given_twice),
		IN_A_PLACE(writers_that_are_killed_leave_a_whole_file),
		IN_A_PLACE(updates_that_are_killed_leave_a_whole_file),
		cmocka_unit_test(an_update_that_is_torn_at_any_byte_is_not_believed),
		IN_A_PLACE(full_and_read_only_disks_are_said),
		IN_A_PLACE(a_write_that_is_cut_off_leaves_the_old_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
