/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_FILE_H
#define PODSG_FILE_H

#include <stddef.h>

#include "common/error.h"

/*
 * Reads a regular file whole, following symbolic links; the caller frees *ret. Read, not mapped:
 * a file that is truncated under us is then short, not a SIGBUS. -EFBIG beyond max, before
 * anything is read; -EINVAL for what is not a regular file.
 */
int file_read(const char *path, size_t max, char **ret, size_t *ret_length, struct error *err);

#endif
