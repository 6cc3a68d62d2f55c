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
#define PAGE 4096          /* bytes: what the kernel takes, and a disk keeps, as a whole */
#define READ_TRIES 3
#define FILE_CLOCK_LAG 1 /* seconds; a file's time lags behind the clock by a tick */
#define SWEPT_MAX (2 * JOURNAL_FILES_MAX)
#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define SUFFIX ".json"

static int64_t milliseconds_of(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000 + time->tv_nsec / 1000000;
}

/* The clock's, but not before the attachment was made: journal_walk_newer() relies on it where the
 * clock was set back. */
static void modification_time(const struct attachment *attachment, struct timespec ret[static 2])
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_REALTIME, &now);
	ret[0] = (struct timespec){.tv_nsec = UTIME_OMIT};
	ret[1] = now;
	if (milliseconds_of(&now) < attachment->created)
		ret[1] = (struct timespec){.tv_sec = attachment->created / 1000,
		                           .tv_nsec = attachment->created % 1000 * 1000000};
}

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

static int prepare(const char *directory, const struct attachment *attachment,
                   char ret_path[static PATH_MAX], char **ret_text, struct error *err)
{
	int r = path_of(directory, attachment->sandbox, attachment->ifname, ret_path, err);
	return r < 0 ? r : attachment_text(attachment, ret_text, err);
}

static int write_new(const char *directory, const struct attachment *attachment, const char *path,
                     const char *text, struct error *err)
{
	struct timespec times[2];
	make_directory(directory);
	int r = file_replace_whole(path, text, strlen(text), 0600, err);
	modification_time(attachment, times);
	if (r == 0 && milliseconds_of(&times[1]) == attachment->created)
		(void)utimensat(AT_FDCWD, path, times, 0);
	return r;
}

int journal_write(const char *directory, const struct attachment *attachment, struct error *err)
{
	char path[PATH_MAX];
	char *text = NULL;
	int r = prepare(directory, attachment, path, &text, err);
	if (r == 0)
		r = write_new(directory, attachment, path, text, err);
	free(text);
	return r;
}

/* One write within one page: who is killed has written all of it or nothing. Spaces make up for
 * what the text is shorter. */
static int overwrite(int fd, const char *text)
{
	char page[PAGE];
	struct stat status;
	size_t length = strlen(text);
	if (fstat(fd, &status) < 0)
		return -errno;
	size_t size = (size_t)status.st_size;
	if (!S_ISREG(status.st_mode) || size < length || size > sizeof(page))
		return -EFBIG;
	memcpy(page, text, length);
	memset(page + length, ' ', size - length);
	ssize_t written = pwrite(fd, page, size, 0);
	if (written < 0)
		return -errno;
	return (size_t)written == size ? 0 : -EIO;
}

/* The new time tells the file from what it was to who looks at no more than that. */
static int overwrite_at(const char *path, const struct attachment *attachment, const char *text)
{
	struct timespec times[2];
	int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = overwrite(fd, text);
	modification_time(attachment, times);
	(void)futimens(fd, times);
	(void)close(fd);
	return r;
}

int journal_update(const char *directory, const struct attachment *attachment, struct error *err)
{
	char path[PATH_MAX];
	char *text = NULL;
	int r = prepare(directory, attachment, path, &text, err);
	if (r == 0 && overwrite_at(path, attachment, text) < 0)
		r = write_new(directory, attachment, path, text, err);
	free(text);
	return r;
}

static int read_once(const char *path, struct attachment *ret, struct error *err)
{
	char *text = NULL;
	size_t length = 0;
	int r = file_read(path, JOURNAL_FILE_MAX, &text, &length, err);
	if (r == 0)
		r = attachment_parse(path, text, length, ret, err);
	free(text);
	return r;
}

/* Who reads amid an update may get half of each text, which is none (seen on ext4 and tmpfs, less
 * than once in a thousand): it is over in a microsecond. */
static int read_path(const char *path, struct attachment *ret, struct error *err)
{
	struct error broken = {0};
	int r = -EBADMSG;
	for (int attempt = 0; r == -EBADMSG && attempt < READ_TRIES; attempt++)
		r = read_once(path, ret, &broken);
	if (r < 0 && err && err->code == 0)
		*err = broken;
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

/* One that cannot be asked is looked into. */
static bool is_older(int directory, const char *name, int64_t created)
{
	struct stat status;
	return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       status.st_mtime + FILE_CLOCK_LAG < created / 1000;
}

static int walk(DIR *stream, const char *directory, int64_t created,
                const struct journal_visitor *visitor, struct error *err)
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
		if (created > 0 && is_older(dirfd(stream), entry->d_name, created))
			continue;
		r = visit(directory, entry->d_name, visitor);
	}
	if (r < 0 || errno == 0)
		return r < 0 ? r : 0;
	r = -errno;
	return error_set(err, r, "%s: cannot be read: %s", directory, strerror(-r));
}

int journal_walk_newer(const char *directory, int64_t created,
                       const struct journal_visitor *visitor, struct error *err)
{
	DIR *stream = opendir(directory);
	if (!stream) {
		int r = -errno;
		return r == -ENOENT ? 0
		                    : error_set(err, r, "%s: cannot be read: %s", directory,
		                                strerror(-r));
	}
	int r = walk(stream, directory, created, visitor, err);
	(void)closedir(stream);
	return r;
}

int journal_walk(const char *directory, const struct journal_visitor *visitor, struct error *err)
{
	return journal_walk_newer(directory, 0, visitor, err);
}

static bool is_old(int directory, const char *name, time_t now)
{
	struct stat status;
	return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(status.st_mode) && now - status.st_mtime > WRITING_MAX;
}

/* The lock file's time of access, which nobody else sets, is that of the last time. */
static bool is_sweeping_due(int lock, time_t now)
{
	static const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_nsec = UTIME_OMIT}};
	struct stat status;
	if (fstat(lock, &status) < 0 || llabs((long long)now - status.st_atime) <= WRITING_MAX)
		return false;
	return futimens(lock, times) == 0;
}

/* What writers left behind that were killed in the middle. */
static void sweep(const char *directory, int lock)
{
	const struct dirent *entry;
	time_t now = time(NULL);
	DIR *stream = is_sweeping_due(lock, now) ? opendir(directory) : NULL;
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
	sweep(directory, fd);
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
