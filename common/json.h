/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_JSON_H
#define PODSG_JSON_H

/*
 * A walk over the text of a JSON value that builds nothing, so that a list of any length costs
 * only the tree of the element at hand, and every value knows its line. The grammar is RFC 8259's,
 * and stricter: no "\u0000", no nesting beyond JSON_DEPTH_MAX. Errors are -EBADMSG with file and
 * line.
 */

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "common/error.h"

#define JSON_DEPTH_MAX 64

struct json_cursor {
	const char *file; /* NULL: left out of errors */
	const char *at;
	const char *end;
	unsigned line;
	size_t values; /* passed so far */
};

/* One value of the text, which it points into. */
struct json_slice {
	const char *text;
	size_t length;
	unsigned line; /* where it begins */
	size_t values; /* in it, itself included: what its tree will cost */
};

/* An object or array that is being walked through. */
struct json_walk {
	struct json_cursor *cursor;
	char close;
	bool begun;
};

/* A step of a path: the member of that key, or without a key the element of that index. */
struct json_step {
	const char *key;
	size_t index;
};

void json_open(struct json_cursor *cursor, const char *file, const char *text, size_t length);

/* The first byte of the value that is next, '\0' at the end of the text. */
char json_peek(struct json_cursor *cursor);

/* bracket: '{' or '['. */
int json_enter(struct json_cursor *cursor, char bracket, struct json_walk *ret, struct error *err);

/* 1: the cursor stands at the value of the next member or element, which has to be entered or
 * skipped; 0: the end was passed. key is the text between the quotes, its escapes unread. */
int json_next_member(struct json_walk *walk, struct json_slice *key, struct error *err);
int json_next_element(struct json_walk *walk, struct error *err);

/* Passes over one value; slice may be NULL. */
int json_skip(struct json_cursor *cursor, struct json_slice *slice, struct error *err);

/* Nothing but white space may follow. */
int json_finish(struct json_cursor *cursor, struct error *err);

bool json_slice_is(const struct json_slice *slice, const char *text);

/* A slice that json_skip() made; NULL if cJSON refuses it or on lack of memory. */
cJSON *json_tree(const struct json_slice *slice);

/* The line of what steps lead to, or of the last step that exists. Costs a scan of the slice. */
unsigned json_line_of(const struct json_slice *slice, const struct json_step *steps, size_t count);

#endif
