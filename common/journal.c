/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/file_replace.h"
#include "common/journal.h"

#define LOCK_FILE ".lock"
#define LOCK_PAUSE 2000000 /* nanoseconds between two attempts */
#define WRITING_MAX 600    /* seconds: who writes a page for longer is dead */
#define SWEPT_MAX (2 * JOURNAL_FILES_MAX)
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define SUFFIX ".json"

static int path_of(const char *directory, const char *sandbox, const char *ifname,
                   char ret[static PATH_MAX], struct error *err)
{
	int r = attachment_check_name(sandbox, ifname, err);
	if (r < 0)
		return r;
	int length = snprintf(ret, PATH_MAX, "%s/%s:%s" SUFFIX, directory, sandbox, ifname);
	if (length < 0 || length >= PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "%s: name too long", directory);
	return 0;
}

/* All that is missing of the path; what cannot be made shows when a file is opened there. */
static void make_directory(const char *directory)
{
	char path[PATH_MAX];
	if (mkdir(directory, 0700) == 0 || errno != ENOENT || strlen(directory) >= sizeof(path))
		return;
	(void)snprintf(path, sizeof(path), "%s", directory);
	for (char *at = strchr(path + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		(void)mkdir(path, 0755);
		*at = '/';
	}
	(void)mkdir(path, 0700);
}

int journal_write(const char *directory, const struct attachment *attachment, struct error *err)
{
	char path[PATH_MAX];
	char *text;
	int r = path_of(directory, attachment->sandbox, attachment->ifname, path, err);
	if (r < 0)
		return r;
	r = attachment_text(attachment, &text, err);
	if (r < 0)
		return r;
	make_directory(directory);
	r = file_replace_synced(path, text, strlen(text), 0600, err);
	free(text);
	return r;
}

static int read_path(const char *path, struct attachment *ret, struct error *err)
{
	char *text = NULL;
	size_t length = 0;
	int r = file_read(path, JOURNAL_FILE_MAX, &text, &length, err);
	if (r == 0)
		r = attachment_parse(path, text, length, ret, err);
	free(text);
	return r;
}

/* What its file is called is how everybody finds it. */
static int read_named(const char *path, struct attachment *ret, struct error *err)
{
	struct attachment attachment;
	const char *slash = strrchr(path, '/');
	char name[sizeof(attachment.sandbox) + sizeof(attachment.ifname) + sizeof(SUFFIX)];
	int r = read_path(path, &attachment, err);
	if (r < 0)
		return r;
	(void)snprintf(name, sizeof(name), "%s:%s" SUFFIX, attachment.sandbox, attachment.ifname);
	if (strcmp(slash + 1, name) != 0)
		return error_set(err, -EBADMSG, "%s: is of %s", path, name);
	*ret = attachment;
	return 0;
}

int journal_read(const char *directory, const char *sandbox, const char *ifname,
                 struct attachment *ret, struct error *err)
{
	char path[PATH_MAX];
	int r = path_of(directory, sandbox, ifname, path, err);
	return r < 0 ? r : read_named(path, ret, err);
}

/* Not synced: a file that a power cut brings back is of an older boot. */
int journal_remove(const char *directory, const char *sandbox, const char *ifname,
                   struct error *err)
{
	char path[PATH_MAX];
	int r = path_of(directory, sandbox, ifname, path, err);
	if (r < 0)
		return r;
	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	r = -errno;
	/* A read-only file system says so before it looks whether there is anything to remove. */
	if (r == -EROFS && access(path, F_OK) < 0 && errno == ENOENT)
		return 0;
	return error_set(err, r, "%s: cannot be removed: %s", path, strerror(-r));
}

static bool is_attachment_file(const char *name)
{
	size_t length = strlen(name);
	return name[0] != '.' && length > strlen(SUFFIX) &&
	       strcmp(name + length - strlen(SUFFIX), SUFFIX) == 0;
}

/* One that is gone by now was removed while we walked. */
static int visit(const char *directory, const char *name, const struct journal_visitor *visitor)
{
	char path[PATH_MAX];
	struct attachment attachment;
	struct error broken = {0};
	int length = snprintf(path, sizeof(path), "%s/%s", directory, name);
	int r = length >= PATH_MAX ? error_set(&broken, -ENAMETOOLONG, "%s: name too long", name)
	                           : read_named(path, &attachment, &broken);
	if (r == 0)
		return visitor->attachment(visitor->context, &attachment);
	if (r != -ENOENT && visitor->broken)
		visitor->broken(visitor->context, name, &broken);
	return 0;
}

static int walk(DIR *stream, const char *directory, const struct journal_visitor *visitor,
                struct error *err)
{
	const struct dirent *entry;
	size_t count = 0;
	int r = 0;
	/* cppcheck-suppress readdirCalled ; the stream is nobody else's */
	while (r >= 0 && (errno = 0, entry = readdir(stream))) {
		if (!is_attachment_file(entry->d_name))
			continue;
		if (++count > JOURNAL_FILES_MAX)
			return error_set(err, -EFBIG, "%s: more than %d files", directory,
			                 JOURNAL_FILES_MAX);
		r = visit(directory, entry->d_name, visitor);
	}
	if (r < 0 || errno == 0)
		return r < 0 ? r : 0;
	r = -errno;
	return error_set(err, r, "%s: cannot be read: %s", directory, strerror(-r));
}

int journal_walk(const char *directory, const struct journal_visitor *visitor, struct error *err)
{
	DIR *stream = opendir(directory);
	if (!stream) {
		int r = -errno;
		return r == -ENOENT ? 0
		                    : error_set(err, r, "%s: cannot be read: %s", directory,
		                                strerror(-r));
	}
	int r = walk(stream, directory, visitor, err);
	(void)closedir(stream);
	return r;
}

static bool is_old(int directory, const char *name, time_t now)
{
	struct stat status;
	return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(status.st_mode) && now - status.st_mtime > WRITING_MAX;
}

/* What writers left behind that were killed in the middle. */
static void sweep(const char *directory)
{
	DIR *stream = opendir(directory);
	const struct dirent *entry;
	time_t now = time(NULL);
	if (!stream)
		return;
	/* cppcheck-suppress readdirCalled ; the stream is nobody else's */
	for (size_t i = 0; i < SWEPT_MAX && (entry = readdir(stream)); i++)
		if (entry->d_name[0] == '.' && strstr(entry->d_name, SUFFIX ".") &&
		    is_old(dirfd(stream), entry->d_name, now))
			(void)unlinkat(dirfd(stream), entry->d_name, 0);
	(void)closedir(stream);
}

/* Whoever empties the directory takes the file away under its holder. */
static bool is_still_there(int fd, const char *path)
{
	struct stat held;
	struct stat named;
	return fstat(fd, &held) == 0 && stat(path, &named) == 0 && held.st_dev == named.st_dev &&
	       held.st_ino == named.st_ino;
}

/*
 * A descriptor; -EAGAIN: somebody else has it. O_RDONLY is enough for flock(), and a file that is
 * there can be locked on a full or read-only file system.
 */
static int try_lock(const char *path)
{
	int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_still_there(fd, path))
		return fd;
	(void)close(fd);
	return -EAGAIN;
}

static int64_t milliseconds_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
}

static int64_t monotonic_now(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return milliseconds_of(&now);
}

int journal_lock(const char *directory, unsigned milliseconds, struct error *err)
{
	const struct timespec pause = {.tv_nsec = LOCK_PAUSE};
	int64_t end = monotonic_now() + milliseconds;
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/" LOCK_FILE, directory);
	if (length < 0 || length >= PATH_MAX)
		return error_set(err, -ENAMETOOLONG, "%s: name too long", directory);
	make_directory(directory);
	int fd = try_lock(path);
	while (fd == -EAGAIN && monotonic_now() < end) {
		(void)nanosleep(&pause, NULL);
		fd = try_lock(path);
	}
	if (fd == -EAGAIN)
		return error_set(err, -ETIMEDOUT, "%s: held by somebody else for %u ms", path,
		                 milliseconds);
	if (fd < 0)
		return error_set(err, fd, "%s: cannot be locked: %s", path, strerror(-fd));
	sweep(directory);
	return fd;
}

int64_t journal_stamp(int lock)
{
	struct timespec now = {0};
	struct stat last = {0};
	(void)clock_gettime(CLOCK_REALTIME, &now);
	int64_t stamp = milliseconds_of(&now);
	if (lock < 0 || fstat(lock, &last) < 0)
		return stamp;
	if (stamp <= milliseconds_of(&last.st_mtim))
		stamp = milliseconds_of(&last.st_mtim) + 1;
	const struct timespec times[2] = {
		{.tv_nsec = UTIME_OMIT},
		{.tv_sec = stamp / 1000, .tv_nsec = stamp % 1000 * 1000000}};
	(void)futimens(lock, times);
	return stamp;
}

/* The kernel's files have no size, which file_read() wants to know. */
int boot_id_read(char ret[static BOOT_ID_SIZE], struct error *err)
{
	FILE *file = fopen(BOOT_ID_FILE, "re");
	char text[BOOT_ID_SIZE] = "";
	if (!file)
		return error_set(err, -errno, BOOT_ID_FILE ": %s", strerror(errno));
	size_t length = fread(text, 1, sizeof(text) - 1, file);
	(void)fclose(file);
	if (length != BOOT_ID_SIZE - 1 || strspn(text, "0123456789abcdef-") != length)
		return error_set(err, -EIO, BOOT_ID_FILE ": holds no boot id");
	memcpy(ret, text, BOOT_ID_SIZE);
	return 0;
}
