/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FILE_IDENTITY_H
#define PODSG_FILE_IDENTITY_H

/* What tells two versions of a file apart without reading it. */

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct file_identity {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
};

int file_identity_of(const char *path, struct file_identity *ret); /* follows links */
bool file_identity_equal(const struct file_identity *a, const struct file_identity *b);

#endif
