/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "hooks/conflist/chain.h"
#include "hooks/conflist/swap.h"

/* Behind the name of the file: nothing that a runtime takes for a configuration ends so. */
#define MARK ".podsg-"
#define RANDOM "XXXXXX"
#define STALE 60     /* seconds */
#define SWAPS_MAX 16 /* in a row with others who write at the same time */

/* The file, and the one beside it that changes places with it. */
struct place {
	char path[PATH_MAX]; /* without links */
	char beside[PATH_MAX];
	char directory[PATH_MAX];
};

static int find_place(const char *path, struct place *ret)
{
	if (!realpath(path, ret->path))
		return -errno;
	char *slash = strrchr(ret->path, '/');
	int directory = (int)(slash - ret->path) + 1;
	(void)snprintf(ret->directory, sizeof(ret->directory), "%.*s", directory, ret->path);
	int length = snprintf(ret->beside, sizeof(ret->beside), "%s.%s" MARK RANDOM, ret->directory,
	                      slash + 1);
	return length < (int)sizeof(ret->beside) ? 0 : -ENAMETOOLONG;
}

static int write_all(int fd, const struct conflist_text *text)
{
	for (size_t at = 0; at < text->length;) {
		ssize_t written = write(fd, text->text + at, text->length - at);
		if (written < 0 && errno != EINTR)
			return -errno;
		at += written > 0 ? (size_t)written : 0;
	}
	return 0;
}

/* Mode after owner: fchown() takes the set-id bits away. */
static int dress(int fd, const char *like)
{
	struct stat status;
	if (stat(like, &status) < 0 || fchown(fd, status.st_uid, status.st_gid) < 0 ||
	    fchmod(fd, status.st_mode & 07777) < 0)
		return -errno;
	return 0;
}

static int write_beside(struct place *place, const struct conflist_text *text)
{
	int fd = mkostemp(place->beside, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = write_all(fd, text);
	if (r == 0)
		r = dress(fd, place->path);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0)
		(void)unlink(place->beside);
	return r;
}

static bool holds(const char *path, const struct conflist_text *text)
{
	char *found;
	size_t length;
	if (file_read(path, CONFLIST_FILE_MAX, &found, &length, NULL) < 0)
		return false;
	bool same = length == text->length && memcmp(found, text->text, length) == 0;
	free(found);
	return same;
}

static int exchange(const struct place *place)
{
	return renameat2(AT_FDCWD, place->beside, AT_FDCWD, place->path, RENAME_EXCHANGE) < 0
	               ? -errno
	               : 0;
}

/*
 * What was taken out is not what ours was made from: it goes back, and ours comes out again, unless
 * somebody wrote once more, whose file is the newer one then.
 */
static int put_back(const struct place *place, const struct conflist_text *ours)
{
	struct conflist_text in = *ours;
	char *kept = NULL;
	int r = -EAGAIN;
	for (int i = 0; i < SWAPS_MAX; i++) {
		char *taken = NULL;
		size_t length = 0;
		if (file_read(place->beside, CONFLIST_FILE_MAX, &taken, &length, NULL) < 0)
			taken = NULL;
		r = exchange(place);
		bool settled = r < 0 || holds(place->beside, &in);
		free(kept);
		kept = taken;
		in = (struct conflist_text){.text = taken, .length = length};
		if (settled || !taken)
			break;
	}
	free(kept);
	return r < 0 ? r : -EAGAIN;
}

/* Where the file system cannot exchange, a moment stays in which another's write is lost. */
static int replace_plainly(const struct place *place, const struct conflist_text *old)
{
	if (!holds(place->path, old))
		return -EAGAIN;
	return rename(place->beside, place->path) < 0 ? -errno : 0;
}

static int bring_in(const struct place *place, const struct conflist_text *old,
                    const struct conflist_text *new)
{
	int r = exchange(place);
	if (r == -EINVAL || r == -ENOSYS)
		return replace_plainly(place, old);
	if (r == -ENOENT)
		return -EAGAIN;
	if (r < 0 || holds(place->beside, old))
		return r;
	return put_back(place, new);
}

static int sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int r = fsync(fd) < 0 ? -errno : 0;
	(void)close(fd);
	return r;
}

int conflist_swap(const char *path, const struct conflist_text *old,
                  const struct conflist_text *new, struct error *err)
{
	struct place place;
	int r = find_place(path, &place);
	if (r == 0)
		r = write_beside(&place, new);
	if (r == 0) {
		r = bring_in(&place, old, new);
		(void)unlink(place.beside);
	}
	if (r == 0)
		r = sync_directory(place.directory);
	if (r == -ENOENT)
		r = -EAGAIN;
	return r < 0 ? error_set(err, r, "%s: cannot be replaced: %s", path, strerror(-r)) : 0;
}

/* The mark and six characters behind a dotfile's name. ctime, because the file that changed places
 * keeps its mtime. */
void conflist_swap_sweep(int directory, const char *name, time_t now)
{
	const char *mark = strstr(name, MARK);
	struct stat status;
	if (name[0] != '.' || !mark || strlen(mark) != strlen(MARK RANDOM))
		return;
	if (fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(status.st_mode) && now - status.st_ctime >= STALE)
		(void)unlinkat(directory, name, 0);
}
