/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/unit/documents.h"

static enum document_format format_of(const char *text)
{
	return text[0] == '{' ? DOCUMENT_JSON : DOCUMENT_YAML;
}

/* From a block of exactly its size: a read beyond the end is seen by the sanitizer. */
static int parse(enum document_format format, const char *text, struct document **ret,
                 struct error *err)
{
	const char *name = format == DOCUMENT_JSON ? "d.json" : "d.yaml";
	size_t length = strlen(text);
	char *copy = malloc(length + 1);
	int result;

	assert_non_null(copy);
	copy = realloc(memcpy(copy, text, length), length > 0 ? length : 1);
	assert_non_null(copy);
	result = document_parse(name, format, copy, length, ret, err);
	free(copy);
	return result;
}

static struct document *load(enum document_format format, const char *text)
{
	struct document *document = NULL;
	struct error err = {0};

	if (parse(format, text, &document, &err) < 0)
		fail_msg("refused: %s", err.text);
	return document;
}

struct document *load_json(const char *text)
{
	return load(DOCUMENT_JSON, text);
}

struct document *load_yaml(const char *text)
{
	return load(DOCUMENT_YAML, text);
}

void assert_refused(const char *text, int code, const char *message)
{
	struct document *document = NULL;
	struct error err = {0};
	int result = parse(format_of(text), text, &document, &err);

	if (result == 0)
		fail_msg("loaded, and should not: %s", text);
	assert_null(document);
	assert_string_equal(err.text, message);
	assert_int_equal(err.code, code);
	assert_int_equal(result, code);
}

void assert_warns(const char *text, const char *warning)
{
	struct document *document = load(format_of(text), text);

	assert_int_equal(document->warning_count, 1);
	assert_string_equal(document->warnings[0], warning);
	document_free(document);
}
