/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
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

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static char base[64];
static char directory[128]; /* in base; nobody has made it */

static int open_place(void **state)
{
	(void)state;
	(void)snprintf(base, sizeof(base), "/tmp/podsg-journal-XXXXXX");
	if (!mkdtemp(base))
		return -1;
	(void)snprintf(directory, sizeof(directory), "%s/lib/podsg/journal", base);
	return 0;
}

static int close_place(void **state)
{
	char command[256];
	(void)state;
	(void)snprintf(command, sizeof(command), "rm -rf '%s'", base);
	return system(command); /* NOLINT(cert-env33-c): the name is our own */
}

static const char *path_in(const char *name)
{
	static char path[PATH_MAX];
	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void make_directory(void)
{
	char command[256];
	(void)snprintf(command, sizeof(command), "mkdir -p '%s'", directory);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): the name is our own */
}

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(path_in(name), "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static size_t count_files(void)
{
	DIR *stream = opendir(directory);
	size_t count = 0;
	assert_non_null(stream);
	/* cppcheck-suppress readdirCalled ; the stream is nobody else's */
	while (readdir(stream))
		count++;
	closedir(stream);
	return count - 2;
}

static void assert_same(const struct attachment *a, const struct attachment *b)
{
	char *texts[2] = {NULL};
	assert_int_equal(attachment_text(a, &texts[0], NULL), 0);
	assert_int_equal(attachment_text(b, &texts[1], NULL), 0);
	assert_string_equal(texts[0], texts[1]);
	free(texts[0]);
	free(texts[1]);
}

static void names_that_a_runtime_may_not_give_lead_nowhere(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	(void)state;
	assert_int_equal(journal_read(directory, "../a", "eth0", &read, NULL), -EINVAL);
	assert_int_equal(journal_remove(directory, "a", "b/../c", NULL), -EINVAL);
	memcpy(attachment.ifname, "a:b", 4);
	assert_int_equal(journal_write(directory, &attachment, NULL), -EINVAL);
	assert_int_equal(access(directory, F_OK), -1);
}

static void what_cannot_be_read_again_is_not_written(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	struct error err = {0};
	(void)state;
	memcpy(attachment.pod, "a\033[2J", 6);
	assert_int_equal(journal_write(directory, &attachment, &err), -EINVAL);
	assert_string_equal(err.text, "pod: \"a\\x1b[2J\": expected text");
	attachment = example_attachment();
	memcpy(attachment.left, "a\n\xff\tb", 6);
	assert_int_equal(journal_write(directory, &attachment, NULL), 0);
	assert_int_equal(journal_read(directory, SANDBOX, "eth0", &read, NULL), 0);
	assert_string_equal(read.left, "a???b");
}

static void the_journal_makes_its_directory_and_leaves_nothing_beside(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	struct stat status;
	(void)state;
	assert_int_equal(journal_read(directory, SANDBOX, "eth0", &read, NULL), -ENOENT);
	assert_int_equal(journal_write(directory, &attachment, NULL), 0);
	assert_int_equal(count_files(), 1);
	assert_int_equal(stat(path_in(SANDBOX ":eth0.json"), &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	assert_int_equal(stat(directory, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0700);
	assert_int_equal(journal_read(directory, SANDBOX, "eth0", &read, NULL), 0);
	assert_same(&read, &attachment);
	attachment.state = ATTACHMENT_GONE;
	assert_int_equal(journal_write(directory, &attachment, NULL), 0);
	assert_int_equal(count_files(), 1);
	assert_int_equal(journal_read(directory, SANDBOX, "eth0", &read, NULL), 0);
	assert_same(&read, &attachment);
	assert_int_equal(journal_remove(directory, SANDBOX, "eth0", NULL), 0);
	assert_int_equal(journal_remove(directory, SANDBOX, "eth0", NULL), 0);
	assert_int_equal(count_files(), 0);
}

static void files_that_are_no_attachment_of_their_name_are_refused(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	struct error err = {0};
	char other[PATH_MAX];
	char big[JOURNAL_FILE_MAX + 2];
	(void)state;
	assert_int_equal(journal_write(directory, &attachment, NULL), 0);
	(void)snprintf(other, sizeof(other), "%s", path_in("other:eth0.json"));
	assert_int_equal(rename(path_in(SANDBOX ":eth0.json"), other), 0);
	assert_int_equal(journal_read(directory, "other", "eth0", &read, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "other:eth0.json: is of " SANDBOX ":eth0.json"));
	memset(big, ' ', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	write_file("big:eth0.json", big);
	assert_int_equal(journal_read(directory, "big", "eth0", &read, NULL), -EFBIG);
	assert_int_equal(mkfifo(path_in("fifo:eth0.json"), 0600), 0);
	assert_int_equal(journal_read(directory, "fifo", "eth0", &read, NULL), -EINVAL);
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
	return journal_walk(directory, &visitor, err);
}

static void a_walk_sees_all_and_is_not_stopped_by_broken_files(void **state)
{
	struct attachment attachment = example_attachment();
	struct seen seen = {0};
	(void)state;
	assert_int_equal(walk(&seen, NULL), 0);
	for (int i = 0; i < 3; i++) {
		(void)snprintf(attachment.sandbox, sizeof(attachment.sandbox), "good%d", i);
		assert_int_equal(journal_write(directory, &attachment, NULL), 0);
	}
	write_file("bad:eth0.json", "{\"version\":1,");
	write_file(".good9:eth0.json.abcdef", "{");
	write_file(".lock", "");
	write_file("README", "");
	write_file("good8:eth0.json.orig", "{");
	assert_int_equal(walk(&seen, NULL), 0);
	assert_int_equal(seen.attachments, 3);
	assert_int_equal(seen.broken, 1);
	assert_string_equal(seen.last_broken, "bad:eth0.json");

	const struct journal_visitor deaf = {see, NULL, &seen};
	assert_int_equal(journal_walk(directory, &deaf, NULL), 0);
	assert_int_equal(seen.attachments, 6);
	seen = (struct seen){.answer = -ECANCELED};
	assert_int_equal(walk(&seen, NULL), -ECANCELED);
	assert_int_equal(seen.attachments, 1);
	assert_int_equal(access(path_in("bad:eth0.json"), F_OK), 0);
}

static void a_walk_is_bounded_and_says_what_keeps_it(void **state)
{
	struct seen seen = {0};
	struct error err = {0};
	(void)state;
	make_directory();
	for (int i = 0; i <= JOURNAL_FILES_MAX; i++) {
		char name[32];
		(void)snprintf(name, sizeof(name), "a%d:eth0.json", i);
		write_file(name, "");
	}
	assert_int_equal(walk(&seen, &err), -EFBIG);
	assert_int_equal(seen.broken, JOURNAL_FILES_MAX);
	assert_non_null(strstr(err.text, "more than 8192 files"));

	err = (struct error){0};
	(void)snprintf(directory, sizeof(directory), "%s/file", base);
	FILE *file = fopen(directory, "w");
	assert_non_null(file);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(walk(&seen, &err), -ENOTDIR);
	assert_non_null(strstr(err.text, directory));
	assert_int_equal(journal_lock(directory, 0, NULL), -ENOTDIR);
}

static void pause_for(uint32_t microseconds)
{
	const struct timespec pause = {.tv_nsec = (long)microseconds * 1000};
	(void)nanosleep(&pause, NULL);
}

/* The answer of another process; a descriptor counts as 0. */
static int lock_elsewhere(unsigned milliseconds)
{
	int status = 0;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int r = journal_lock(directory, milliseconds, NULL);
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
	int fd = journal_lock(directory, 0, &err);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(lock_elsewhere(0), -ETIMEDOUT);
	assert_int_equal(lock_elsewhere(50), -ETIMEDOUT);
	assert_int_equal(journal_lock(directory, 20, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.text, "held by somebody else for 20 ms"));
	assert_int_equal(close(fd), 0);
	assert_int_equal(lock_elsewhere(0), 0); /* it dies with it */
	assert_int_equal(lock_elsewhere(0), 0);
}

static void a_lock_file_that_is_taken_away_does_not_make_two_holders(void **state)
{
	(void)state;
	int fd = journal_lock(directory, 0, NULL);
	assert_true(fd >= 0);
	assert_int_equal(unlink(path_in(".lock")), 0);
	int second = journal_lock(directory, 0, NULL);
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
		int r = journal_lock(directory, 0, NULL);
		if (r < 0 || write(ends[1], "x", 1) != 1)
			_exit(1);
		pause_for(50000);
		_exit(0);
	}
	assert_int_equal(read(ends[0], &byte, 1), 1);
	int fd = journal_lock(directory, 30000, NULL);
	assert_true(fd >= 0);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void age(const char *name, time_t seconds)
{
	const struct timespec times[2] = {{.tv_sec = time(NULL) - seconds},
	                                  {.tv_sec = time(NULL) - seconds}};
	assert_int_equal(utimensat(AT_FDCWD, path_in(name), times, 0), 0);
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
	make_directory();
	for (size_t i = 0; i < COUNT(rows); i++) {
		write_file(rows[i].name, "");
		age(rows[i].name, rows[i].age);
	}
	write_file(".lock", "");
	age(".lock", 3600);
	for (int i = 0; i < 2; i++) {
		int fd = journal_lock(directory, 0, NULL);
		assert_true(fd >= 0);
		for (size_t j = 0; j < COUNT(rows); j++)
			assert_int_equal(access(path_in(rows[j].name), F_OK) == 0, rows[j].stays);
		assert_int_equal(access(path_in(".lock"), F_OK), 0);
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
	make_directory();
	for (size_t i = 0; i < COUNT(rows); i++) {
		write_file(".a:eth0.json.abcdef", "");
		age(".a:eth0.json.abcdef", 3600);
		write_file(".lock", "");
		age(".lock", rows[i].last);
		int fd = journal_lock(directory, 0, NULL);
		assert_true(fd >= 0);
		assert_int_equal(access(path_in(".a:eth0.json.abcdef"), F_OK) < 0, rows[i].sweeps);
		close(fd);
	}
}

static ino_t inode_of(const char *name)
{
	struct stat status;
	assert_int_equal(stat(path_in(name), &status), 0);
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
	assert_int_equal(journal_write(directory, &attachment, NULL), 0);
	for (size_t i = 0; i < COUNT(states); i++) {
		assert_int_equal(stat(path_in(SANDBOX ":eth0.json"), &before), 0);
		attachment.state = states[i];
		assert_int_equal(journal_update(directory, &attachment, NULL), 0);
		assert_int_equal(stat(path_in(SANDBOX ":eth0.json"), &after), 0);
		assert_int_equal(after.st_ino, before.st_ino);
		assert_int_equal(after.st_size, before.st_size);
		assert_memory_not_equal(&after.st_mtim, &before.st_mtim, sizeof(after.st_mtim));
		assert_int_equal(journal_read(directory, SANDBOX, "eth0", &read, NULL), 0);
		assert_same(&read, &attachment);
	}
	assert_int_equal(count_files(), 1);
}

static void what_does_not_fit_in_place_is_written_anew(void **state)
{
	struct attachment attachment = example_attachment();
	struct attachment read;
	(void)state;
	assert_int_equal(journal_update(directory, &attachment, NULL), 0);
	ino_t first = inode_of(SANDBOX ":eth0.json");
	memset(attachment.left, 'x', sizeof(attachment.left) - 1);
	assert_int_equal(journal_update(directory, &attachment, NULL), 0);
	assert_int_not_equal(inode_of(SANDBOX ":eth0.json"), first);
	assert_int_equal(journal_read(directory, SANDBOX, "eth0", &read, NULL), 0);
	assert_same(&read, &attachment);
	assert_int_equal(count_files(), 1);
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
		assert_int_equal(journal_write(directory, &attachment, NULL), 0);
		(void)snprintf(name, sizeof(name), "%s:eth0.json", rows[i].sandbox);
		if (rows[i].age)
			age(name, rows[i].age);
	}
	assert_int_equal(journal_walk_newer(directory, now - 10000, &visitor, NULL), 0);
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(strstr(seen, rows[i].sandbox) != NULL, rows[i].seen);
	assert_int_equal(journal_walk_newer(directory, now + 3600000, &visitor, NULL), 0);
	assert_int_equal(strlen(seen), 5);
	assert_int_equal(seen[4], 'c');
}

static void a_stamp_is_never_given_twice(void **state)
{
	int64_t last = 0;
	(void)state;
	for (int i = 0; i < 50; i++) {
		int fd = journal_lock(directory, 0, NULL);
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
	age(".lock", -3600);
	int fd = journal_lock(directory, 0, NULL);
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
		if (journal_write(directory, &attachment, NULL) < 0)
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
		if (journal_update(directory, &attachment, NULL) < 0)
			_exit(1);
	}
}

/* Amid an update it may not be readable at once. */
static void assert_readable(int tries)
{
	struct attachment read;
	struct error err = {0};
	while (journal_read(directory, SANDBOX, "eth0", &read, &err) < 0) {
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
	assert_int_equal(journal_write(directory, &attachment, NULL), 0);
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
		assert_same(&read, read.state == one->state ? one : other);
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
	    mount("none", directory, "tmpfs", 0, "size=16k") < 0)
		_exit(77);
	assert_int_equal(journal_write(directory, &attachment, NULL), 0);
	int fd = journal_lock(directory, 0, NULL);
	assert_true(fd >= 0);
	close(fd);
	(void)snprintf(filler, sizeof(filler), "head -c 100000 /dev/zero >'%s' 2>/dev/null",
	               path_in("filler"));
	assert_int_not_equal(system(filler), 0); /* NOLINT(cert-env33-c): the name is our own */
	attachment.vlan = 4;
	assert_int_equal(journal_write(directory, &attachment, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "cannot write: No space left on device"));
	assert_int_equal(count_files(), 3);
	assert_int_equal(journal_read(directory, SANDBOX, "eth0", &read, NULL), 0);
	assert_int_equal(read.vlan, 3);
	fd = journal_lock(directory, 0, NULL);
	assert_true(fd >= 0);
	close(fd);

	assert_int_equal(mount("none", directory, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	err = (struct error){0};
	assert_int_equal(journal_write(directory, &attachment, &err), -EROFS);
	assert_non_null(strstr(err.text, "Read-only file system"));
	assert_int_equal(journal_remove(directory, SANDBOX, "eth0", NULL), -EROFS);
	assert_int_equal(journal_remove(directory, "other", "eth0", NULL), 0);
	assert_int_equal(journal_read(directory, SANDBOX, "eth0", &read, NULL), 0);
	fd = journal_lock(directory, 0, NULL);
	assert_true(fd >= 0);
	assert_true(journal_stamp(fd) > 0);
	close(fd);
	assert_int_equal(mount("none", directory, NULL, MS_REMOUNT, NULL), 0);
	assert_int_equal(unlink(path_in(".lock")), 0);
	assert_int_equal(mount("none", directory, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_int_equal(journal_lock(directory, 0, NULL), -EROFS);
	_exit(0);
}

static void full_and_read_only_disks_are_said(void **state)
{
	int status = 0;
	(void)state;
	make_directory();
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
	assert_int_equal(journal_write(directory, &attachment, NULL), 0);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	const struct rlimit tight = {.rlim_cur = 64, .rlim_max = before.rlim_max};
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
	attachment.vlan = 4;
	int r = journal_write(directory, &attachment, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(count_files(), 1);
	assert_int_equal(journal_read(directory, SANDBOX, "eth0", &read, NULL), 0);
	assert_int_equal(read.vlan, 3);
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

#define IN_A_PLACE(test) cmocka_unit_test_setup_teardown(test, open_place, close_place)

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
		IN_A_PLACE(a_state_changes_in_place_and_shows_in_the_files_time),
		IN_A_PLACE(what_does_not_fit_in_place_is_written_anew),
		IN_A_PLACE(a_walk_of_the_newer_ones_leaves_out_by_the_files_times),
		IN_A_PLACE(a_stamp_is_never_given_twice),
		IN_A_PLACE(writers_that_are_killed_leave_a_whole_file),
		IN_A_PLACE(updates_that_are_killed_leave_a_whole_file),
		cmocka_unit_test(an_update_that_is_torn_at_any_byte_is_not_believed),
		IN_A_PLACE(full_and_read_only_disks_are_said),
		IN_A_PLACE(a_write_that_is_cut_off_leaves_the_old_file),
		cmocka_unit_test(the_boot_id_is_the_kernels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
