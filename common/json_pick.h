/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_JSON_PICK_H
#define PODSG_JSON_PICK_H

/*
 * The few members of a value that somebody reads, as a tree; the rest is passed over. A Pod is some
 * kilobytes of text of which podsg reads a tenth.
 */

#include "common/json.h"

/* Members of an object; behind the last one key is NULL. Nested as deep as the tables are. */
struct json_pick {
	const char *key;
	const struct json_pick *members; /* of that member; NULL: all of it */
};

struct json_limit {
	size_t length;
	size_t values;
};

/*
 * The value that is next; picks NULL: all of it. slice is the whole value's text. Errors: -EBADMSG
 * not JSON; -EFBIG over the limit and -ENOMEM no tree, of which err says nothing: *slice is then
 * where the value begins.
 */
int json_pick(struct json_cursor *cursor, const struct json_pick *picks,
              const struct json_limit *limit, struct json_slice *slice, cJSON **ret,
              struct error *err);

/*
 * Passes over the object that is next, and hands over the members that are picked, each behind
 * those inside it, as they stand in the text. A key that is there twice is handed over twice.
 */
int json_pick_each(struct json_cursor *cursor, const struct json_pick *picks,
                   void (*picked)(void *context, const struct json_pick *pick,
                                  const struct json_slice *value),
                   void *context, struct error *err);

/* The one of that key, as json_next_member() gives it; NULL: none. */
const struct json_pick *json_pick_find(const struct json_pick *picks, const struct json_slice *key);

#endif
