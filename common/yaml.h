/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_YAML_H
#define PODSG_YAML_H

/*
 * YAML becomes the trees that JSON becomes: one a document, scalars typed by the core schema of
 * YAML 1.2 ("yes" and "on" are text). The elements of top-level lists are handed over one by one,
 * so that a list of any length costs only the tree of the element at hand. Aliases are copies,
 * within the limits below.
 */

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "common/error.h"

#define YAML_DEPTH_MAX 64
#define YAML_ANCHORS_MAX 128 /* in a document */
/* One tree, and all that aliases copy in one text. */
#define YAML_VALUES_MAX (128U << 10)
#define YAML_TEXT_MAX (4U << 20)

/* Trees are valid during the call only. */
struct yaml_handler {
	/* The members of a document whose elements are handed to element(); NULL: none. */
	bool (*is_list)(void *context, const char *key);
	/* document: what came before; its lists are there, and empty. */
	int (*element)(void *context, const cJSON *document, const char *list, size_t index,
	               const cJSON *element, struct error *err);
	int (*document)(void *context, const cJSON *document, struct error *err);
	void *context;
};

/* Errors: -EBADMSG not YAML, -EFBIG over a limit, -ENOMEM, or what a handler returns. */
int yaml_read(const char *file, const char *text, size_t length, const struct yaml_handler *handler,
              struct error *err);

/* The line where a value of such a tree, or the key of a member, stands. It is kept in valueint:
 * numbers of these trees are to be read from valuedouble. */
unsigned yaml_line(const cJSON *value);

#endif
