/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DOCUMENT_COPY_H
#define PODSG_DOCUMENT_COPY_H

/* Copies of good documents, for a restart that meets a broken one. */

#include "common/document.h"
#include "common/error.h"

#include <time.h>

/* The copy gets the modification time of the original; one that has it and the size is kept. */
int document_copy_keep(const char *directory, const char *name, const char *text, size_t length,
                       const struct timespec *modified, struct error *err);

/* As if it were the original, whose path is the document's name. */
int document_copy_load(const char *directory, const char *name, const char *path,
                       struct document **ret, struct timespec *modified, struct error *err);

void document_copy_drop(const char *directory, const char *name);

#endif
