/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FILE_REPLACE_H
#define PODSG_FILE_REPLACE_H

#include "common/error.h"

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

/*
 * Writes the text beside path, as a dotfile, and renames it into place: a reader sees the old file
 * or the new one, whole. times (access, modification) may be NULL. Nothing is left behind on
 * failure. It is not synced: these files are caches, and the kernel's state does not hang on them.
 */
int file_replace(const char *path, const char *text, size_t length, mode_t mode,
                 const struct timespec *times, struct error *err);

/*
 * The same for what must be whole even behind a power cut, which may take it back: the file is
 * synced before it is renamed. The dotfile beside has a name of its own, so that two writers of one
 * file do not meet in it; a writer that is killed leaves it behind.
 */
int file_replace_whole(const char *path, const char *text, size_t length, mode_t mode,
                       struct error *err);

/* The same for what must outlive a power cut: the directory is synced, too. */
int file_replace_synced(const char *path, const char *text, size_t length, mode_t mode,
                        struct error *err);

#endif
