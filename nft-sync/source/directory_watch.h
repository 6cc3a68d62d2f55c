/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DIRECTORY_WATCH_H
#define PODSG_DIRECTORY_WATCH_H

/* A directory under inotify, whether it is there or not: its parent says when it comes. */

#include "common/file_identity.h"

#include <sys/inotify.h>

struct directory_watch {
	const char *path; /* the caller's */
	int inotify;
	int watch;  /* -1: the directory is not there */
	int parent; /* the watch of what it will be made in, until then; -1: none */
	struct file_identity identity;
};

/* Nothing is watched yet. */
int directory_watch_open(struct directory_watch *watch, const char *path);
void directory_watch_close(struct directory_watch *watch);

/* 1: it is watched now and was not before, whatever is in it is news; 0: it was; a negative errno:
 * it is not there. */
int directory_watch_ensure(struct directory_watch *watch);

/* The path may lead elsewhere now: a symbolic link was turned, another directory was moved in. */
void directory_watch_check(struct directory_watch *watch);

/* What was reported of files in it, and the overflow of the queue. Returns whether anything was, of
 * the directory itself, too, or a negative errno. */
int directory_watch_read(struct directory_watch *watch,
                         void (*visit)(void *context, const struct inotify_event *event),
                         void *context);

#endif
