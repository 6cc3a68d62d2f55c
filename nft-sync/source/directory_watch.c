/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <limits.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

#include "nft-sync/source/directory_watch.h"

#define WATCHED                                                                                    \
	(IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_DELETE_SELF |   \
	 IN_MOVE_SELF | IN_ONLYDIR)
#define EVENTS_SIZE 16384

int directory_watch_open(struct directory_watch *watch, const char *path)
{
	*watch = (struct directory_watch){.path = path, .watch = -1, .parent = -1};
	watch->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	return watch->inotify < 0 ? -errno : 0;
}

void directory_watch_close(struct directory_watch *watch)
{
	if (watch->inotify >= 0)
		(void)close(watch->inotify);
	watch->inotify = -1;
}

static void watch_parent(struct directory_watch *watch)
{
	char path[PATH_MAX];
	const char *slash = strrchr(watch->path, '/');
	size_t length = slash ? (size_t)(slash - watch->path) + 1 : 0;
	if (watch->parent >= 0 || length + 2 > sizeof(path))
		return;
	memcpy(path, watch->path, length);
	memcpy(path + length, ".", 2);
	watch->parent =
		inotify_add_watch(watch->inotify, path, IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

static void unwatch_parent(struct directory_watch *watch)
{
	if (watch->parent >= 0)
		(void)inotify_rm_watch(watch->inotify, watch->parent);
	watch->parent = -1;
}

static int try_watch(struct directory_watch *watch)
{
	watch->watch = inotify_add_watch(watch->inotify, watch->path, WATCHED);
	return watch->watch < 0 ? -errno : 0;
}

int directory_watch_ensure(struct directory_watch *watch)
{
	if (watch->watch >= 0)
		return 0;
	int r = try_watch(watch);
	if (r < 0) {
		watch_parent(watch);
		/* It may have come before the watch did. */
		r = try_watch(watch);
	}
	if (r < 0)
		return r;
	unwatch_parent(watch);
	if (file_identity_of(watch->path, &watch->identity) < 0)
		watch->identity = (struct file_identity){0};
	return 1;
}

static void unwatch(struct directory_watch *watch)
{
	(void)inotify_rm_watch(watch->inotify, watch->watch);
	watch->watch = -1;
}

void directory_watch_check(struct directory_watch *watch)
{
	struct file_identity identity;
	if (watch->watch < 0 ||
	    (file_identity_of(watch->path, &identity) == 0 &&
	     identity.device == watch->identity.device && identity.inode == watch->identity.inode))
		return;
	unwatch(watch);
}

/* Returns whether it is of a file in the directory, or an overflow. */
static int take_event(struct directory_watch *watch, const struct inotify_event *event)
{
	if (event->mask & IN_Q_OVERFLOW)
		return 1;
	/* Whatever happened there, the directory is looked for. */
	if (event->wd == watch->parent && event->mask & IN_IGNORED)
		watch->parent = -1;
	/* An event of a directory that was watched before this one. */
	if (event->wd != watch->watch)
		return 0;
	if (event->mask & IN_IGNORED)
		watch->watch = -1;
	else if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_UNMOUNT))
		unwatch(watch);
	else
		return 1;
	return 0;
}

int directory_watch_read(struct directory_watch *watch,
                         void (*visit)(void *context, const struct inotify_event *event),
                         void *context)
{
	alignas(struct inotify_event) char buffer[EVENTS_SIZE];
	int any = 0;
	for (;;) {
		ssize_t size = read(watch->inotify, buffer, sizeof(buffer));
		if (size < 0 && errno == EINTR)
			continue;
		if (size <= 0)
			return size == 0 || errno == EAGAIN ? any : -errno;
		any = 1;
		for (size_t at = 0; at < (size_t)size;) {
			const void *start = buffer + at;
			const struct inotify_event *event = start;
			if (take_event(watch, event))
				visit(context, event);
			at += sizeof(*event) + event->len;
		}
	}
}
