/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/json.h"

enum { VALUE_DONE, VALUE_OPEN }; /* what scanning a value may answer besides an error */

/* The open brackets around the cursor, innermost in bit 0; a set bit is an object. */
struct nest {
	uint64_t objects;
	unsigned depth;
};

#define SURROGATE (0xd800U >> 11)
#define LOW_SURROGATE 0xdc00U

#define BYTES(byte) (0x0101010101010101U * (byte))

static int malformed(const struct json_cursor *cursor, const char *rule, struct error *err)
{
	struct error_place place = {.file = cursor->file, .line = cursor->line};
	const char *truncated = cursor->at == cursor->end ? ", truncated" : "";

	error_at(err, -EBADMSG, &place, NULL, "not JSON%s: %s", truncated, rule);
	return -EBADMSG;
}

/* Indentation is a third of what aws and kubectl write: eight spaces at a time. */
static void skip_spaces(struct json_cursor *cursor)
{
	const char *at = cursor->at;

	for (; at < cursor->end; at++) {
		while (cursor->end - at > 8 && memcmp(at, "        ", 8) == 0)
			at += 8;
		if (*at == '\n')
			cursor->line++;
		else if (*at != ' ' && *at != '\t' && *at != '\r')
			break;
	}
	cursor->at = at;
}

/* An API server writes none at all. */
static inline void skip_space(struct json_cursor *cursor)
{
	if (cursor->at == cursor->end || *cursor->at <= ' ')
		skip_spaces(cursor);
}

/* Behind the u of an escape. */
static int scan_code_unit(struct json_cursor *cursor, unsigned *ret, struct error *err)
{
	unsigned unit = 0;

	for (int i = 0; i < 4; i++, cursor->at++) {
		if (cursor->at == cursor->end || !isxdigit((unsigned char)*cursor->at))
			return malformed(cursor, "four hexadecimal digits are expected", err);
		unit = unit * 16 + ((unsigned)*cursor->at & 0xf) + (*cursor->at > '9' ? 9 : 0);
	}
	*ret = unit;
	return 0;
}

static bool accept_char(struct json_cursor *cursor, char c)
{
	if (cursor->at == cursor->end || *cursor->at != c)
		return false;
	cursor->at++;
	return true;
}

/* Behind a backslash. A NUL would cut the string short for everyone who reads it later. */
static int scan_escape(struct json_cursor *cursor, struct error *err)
{
	static const char half[] = "half a surrogate pair in a string";
	unsigned unit;
	int ret;

	if (cursor->at == cursor->end || strchr("\"\\/bfnrtu", *cursor->at) == NULL)
		return malformed(cursor, "an escape of \" \\ / b f n r t u is expected", err);
	if (*cursor->at++ != 'u')
		return 0;
	ret = scan_code_unit(cursor, &unit, err);
	if (ret < 0)
		return ret;
	if (unit == 0)
		return malformed(cursor, "\\u0000 is not accepted", err);
	if (unit >> 11 != SURROGATE)
		return 0;
	if (unit >= LOW_SURROGATE || !accept_char(cursor, '\\') || !accept_char(cursor, 'u'))
		return malformed(cursor, half, err);
	ret = scan_code_unit(cursor, &unit, err);
	if (ret < 0)
		return ret;
	return unit >> 10 == LOW_SURROGATE >> 10 ? 0 : malformed(cursor, half, err);
}

/* Bit 7 of each byte that is 0; above one that is, of others, too. */
static uint64_t zero_bytes(uint64_t word)
{
	return (word - BYTES(0x01)) & ~word & BYTES(0x80);
}

static bool ends_string_run(unsigned char c)
{
	return c < 0x20 || c == '"' || c == '\\';
}

/* To the next byte that means something in a string, eight at a time: strings are most of a text.
 */
static void skip_string_run(struct json_cursor *cursor)
{
	const char *at = cursor->at;
	uint64_t word;

	for (; cursor->end - at >= (ptrdiff_t)sizeof(word); at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		word = le64toh(word);

		uint64_t found = ((word - BYTES(0x20)) & ~word & BYTES(0x80)) |
		                 zero_bytes(word ^ BYTES('"')) | zero_bytes(word ^ BYTES('\\'));

		if (found != 0) {
			cursor->at = at + __builtin_ctzll(found) / 8;
			return;
		}
	}
	while (at < cursor->end && !ends_string_run((unsigned char)*at))
		at++;
	cursor->at = at;
}

static int scan_string(struct json_cursor *cursor, struct error *err)
{
	int ret;

	cursor->at++;
	for (;;) {
		skip_string_run(cursor);
		if (cursor->at == cursor->end)
			return malformed(cursor, "a string is not closed", err);
		if (accept_char(cursor, '"'))
			return 0;
		if (!accept_char(cursor, '\\'))
			return malformed(cursor, "control character in a string", err);
		ret = scan_escape(cursor, err);
		if (ret < 0)
			return ret;
	}
}

static bool scan_digits(struct json_cursor *cursor)
{
	const char *start = cursor->at;

	while (cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9')
		cursor->at++;
	return cursor->at > start;
}

static int scan_number(struct json_cursor *cursor, struct error *err)
{
	(void)accept_char(cursor, '-');
	if (!accept_char(cursor, '0') && !scan_digits(cursor))
		return malformed(cursor, "a value is expected", err);
	if (accept_char(cursor, '.') && !scan_digits(cursor))
		return malformed(cursor, "a digit is expected behind the point", err);
	if (!accept_char(cursor, 'e') && !accept_char(cursor, 'E'))
		return 0;
	if (!accept_char(cursor, '+'))
		(void)accept_char(cursor, '-');
	if (!scan_digits(cursor))
		return malformed(cursor, "a digit is expected in the exponent", err);
	return 0;
}

static int scan_word(struct json_cursor *cursor, const char *word, struct error *err)
{
	for (; *word != '\0'; word++) {
		if (!accept_char(cursor, *word))
			return malformed(cursor, "a value is expected", err);
	}
	return 0;
}

static int scan_scalar(struct json_cursor *cursor, struct error *err)
{
	switch (cursor->at < cursor->end ? *cursor->at : '\0') {
	case '"':
		return scan_string(cursor, err);
	case 't':
		return scan_word(cursor, "true", err);
	case 'f':
		return scan_word(cursor, "false", err);
	case 'n':
		return scan_word(cursor, "null", err);
	default:
		return scan_number(cursor, err);
	}
}

static int scan_key(struct json_cursor *cursor, struct json_slice *key, struct error *err)
{
	int ret;

	skip_space(cursor);
	if (cursor->at == cursor->end || *cursor->at != '"')
		return malformed(cursor, "a member's name in quotes is expected", err);
	*key = (struct json_slice){.text = cursor->at + 1, .line = cursor->line, .values = 1};
	ret = scan_string(cursor, err);
	if (ret < 0)
		return ret;
	key->length = (size_t)(cursor->at - 1 - key->text);
	skip_space(cursor);
	if (!accept_char(cursor, ':'))
		return malformed(cursor, "a colon is expected behind a member's name", err);
	return 0;
}

static int nest_open(struct json_cursor *cursor, struct nest *nest, struct error *err)
{
	bool object = *cursor->at == '{';

	if (nest->depth == JSON_DEPTH_MAX)
		return malformed(cursor, "nested too deep", err);
	nest->objects = nest->objects << 1 | object;
	nest->depth++;
	cursor->at++;
	skip_space(cursor);
	if (!accept_char(cursor, object ? '}' : ']'))
		return VALUE_OPEN;
	nest->objects >>= 1;
	nest->depth--;
	return VALUE_DONE;
}

/* A value up to its end, or up to the first value inside it; in an object its key first. */
static int scan_value(struct json_cursor *cursor, struct nest *nest, struct error *err)
{
	struct json_slice key;
	int ret;

	if (nest->depth > 0 && (nest->objects & 1)) {
		ret = scan_key(cursor, &key, err);
		if (ret < 0)
			return ret;
	}
	skip_space(cursor);
	cursor->values++;
	if (cursor->at < cursor->end && (*cursor->at == '{' || *cursor->at == '['))
		return nest_open(cursor, nest, err);
	return scan_scalar(cursor, err);
}

/* Behind a value: passes the brackets that end here and the comma before the next value. */
static int scan_behind(struct json_cursor *cursor, struct nest *nest, struct error *err)
{
	while (nest->depth > 0) {
		bool object = nest->objects & 1;

		skip_space(cursor);
		if (accept_char(cursor, ','))
			return VALUE_OPEN;
		if (!accept_char(cursor, object ? '}' : ']'))
			return malformed(cursor,
			                 object ? "a comma or } is expected"
			                        : "a comma or ] is expected",
			                 err);
		nest->objects >>= 1;
		nest->depth--;
	}
	return VALUE_DONE;
}

/* The walk's comma and its end: 1 = another value follows, 0 = the end was passed. */
static int walk_next(struct json_walk *walk, struct error *err)
{
	struct json_cursor *cursor = walk->cursor;
	bool begun = walk->begun;

	walk->begun = true;
	skip_space(cursor);
	if (accept_char(cursor, walk->close))
		return 0;
	if (begun && !accept_char(cursor, ','))
		return malformed(cursor,
		                 walk->close == '}' ? "a comma or } is expected"
		                                    : "a comma or ] is expected",
		                 err);
	return 1;
}

void json_open(struct json_cursor *cursor, const char *file, const char *text, size_t length)
{
	*cursor = (struct json_cursor){.file = file, .at = text, .end = text + length, .line = 1};
}

char json_peek(struct json_cursor *cursor)
{
	skip_space(cursor);
	if (cursor->at == cursor->end)
		return '\0';
	return *cursor->at;
}

int json_enter(struct json_cursor *cursor, char bracket, struct json_walk *ret, struct error *err)
{
	skip_space(cursor);
	if (!accept_char(cursor, bracket))
		return malformed(cursor,
		                 bracket == '{' ? "an object is expected" : "an array is expected",
		                 err);
	cursor->values++;
	*ret = (struct json_walk){.cursor = cursor, .close = bracket == '{' ? '}' : ']'};
	return 0;
}

int json_next_member(struct json_walk *walk, struct json_slice *key, struct error *err)
{
	int ret = walk_next(walk, err);

	if (ret <= 0)
		return ret;
	ret = scan_key(walk->cursor, key, err);
	return ret < 0 ? ret : 1;
}

int json_next_element(struct json_walk *walk, struct error *err)
{
	return walk_next(walk, err);
}

int json_skip(struct json_cursor *cursor, struct json_slice *slice, struct error *err)
{
	struct json_slice start;
	struct nest nest = {0};
	int ret;

	skip_space(cursor);
	start = (struct json_slice){
		.text = cursor->at, .line = cursor->line, .values = cursor->values};
	do {
		ret = scan_value(cursor, &nest, err);
		if (ret == VALUE_DONE)
			ret = scan_behind(cursor, &nest, err);
	} while (ret == VALUE_OPEN);
	if (ret < 0)
		return ret;
	if (slice != NULL) {
		*slice = start;
		slice->length = (size_t)(cursor->at - start.text);
		slice->values = cursor->values - start.values;
	}
	return 0;
}

int json_finish(struct json_cursor *cursor, struct error *err)
{
	skip_space(cursor);
	if (cursor->at != cursor->end)
		return malformed(cursor, "text behind the end of the document", err);
	return 0;
}

bool json_slice_is(const struct json_slice *slice, const char *text)
{
	size_t length = strlen(text);

	return length == slice->length && (length == 0 || memcmp(slice->text, text, length) == 0);
}

cJSON *json_tree(const struct json_slice *slice)
{
	return cJSON_ParseWithLength(slice->text, slice->length);
}

/* Moves the cursor, which stands at a value, to the member or element inside it. */
static bool find_step(struct json_cursor *cursor, const struct json_step *step)
{
	struct json_walk walk;
	struct json_slice key = {0};

	if (json_peek(cursor) != (step->key != NULL ? '{' : '['))
		return false;
	if (json_enter(cursor, *cursor->at, &walk, NULL) < 0)
		return false;
	for (size_t i = 0;; i++) {
		int ret = step->key != NULL ? json_next_member(&walk, &key, NULL)
		                            : json_next_element(&walk, NULL);

		if (ret <= 0)
			return false;
		if (step->key != NULL ? json_slice_is(&key, step->key) : i == step->index)
			return true;
		if (json_skip(cursor, NULL, NULL) < 0)
			return false;
	}
}

unsigned json_line_of(const struct json_slice *slice, const struct json_step *steps, size_t count)
{
	struct json_cursor cursor;
	unsigned line = slice->line;

	json_open(&cursor, NULL, slice->text, slice->length);
	cursor.line = line;
	for (size_t i = 0; i < count && find_step(&cursor, &steps[i]); i++) {
		skip_space(&cursor);
		line = cursor.line;
	}
	return line;
}
