/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_ITEMS_H
#define PODSG_ITEMS_H

/*
 * The text of a document, JSON or YAML, as a sequence of items: the elements of its top-level
 * lists ("SecurityGroups", "items", …) one by one, then what is left of it. Only one item's tree
 * exists at any moment.
 */

#include <cjson/cJSON.h>

#include "common/document.h"
#include "common/error.h"
#include "common/json_pick.h"

#define ITEM_TEXT_MAX (4U << 20)
#define ITEM_VALUES_MAX (128U << 10)

struct item {
	const char *file;
	const char *list; /* NULL: the document itself, its lists empty */
	size_t index;
	const cJSON *value;
	const cJSON *document;  /* what stands before this item in its document */
	struct json_slice text; /* of the item; YAML: none, its values know their lines */
};

/*
 * A value of an item, and the way to it from the item: what an error has to name. A chain of them
 * lives on the stack. value is NULL where the item has nothing there.
 */
struct field {
	const struct field *parent; /* NULL: the item itself */
	const char *key;            /* NULL: an element */
	size_t index;
	const cJSON *value;
	const cJSON *origin; /* the string of the item that this was parsed from; mostly NULL */
};

struct item_handler {
	const struct json_pick *lists;  /* of a document, and what is read of their elements */
	const struct json_pick *object; /* what is read of a document beside them */
	int (*element)(void *context, const struct item *item, struct error *err);
	int (*document)(void *context, const struct item *item, struct error *err);
	void *context;
};

int items_read(const char *file, enum document_format format, const char *text, size_t length,
               const struct item_handler *handler, struct error *err);

struct field field_of_item(const struct item *item);
struct field field_member(const struct field *parent, const char *key); /* null counts as absent */
struct field field_element(const struct field *parent, size_t index, const cJSON *value);

unsigned field_line(const struct item *item, const struct field *field);

#define FIELD_PATH_MAX 256
/* "SecurityGroups[3].IpPermissions[0].FromPort", cut to size. Returns buffer. */
const char *field_path(const struct item *item, const struct field *field,
                       char buffer[static FIELD_PATH_MAX]);

/* Its text as an error shows it; NULL where there is nothing to show. */
const char *field_text(const struct field *field, char *buffer, size_t size);

#endif
