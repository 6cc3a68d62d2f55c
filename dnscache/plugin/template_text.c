/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/plugin/template_text.h"

#define WORD_MAX 256

enum operand_kind {
	OPERAND_TEXT,
	OPERAND_FIELD,       /* .Name and its like */
	OPERAND_MATCH,       /* index .Match number */
	OPERAND_GROUP,       /* .Group.word: has to be there */
	OPERAND_GROUP_INDEX, /* index .Group "word": "" if it is not there */
};

struct operand {
	enum operand_kind kind;
	size_t field; /* where it is in struct template_values */
	char word[WORD_MAX];
	unsigned long number;
};

struct action {
	bool empty; /* a comment */
	bool parse_int;
	struct operand operand;
	unsigned long base, bits;
};

/* A template in pieces: text, then an action or the end. */
struct piece {
	const char *text;
	size_t length;
	bool has_action;
	struct action action;
};

struct reader {
	const char *at;
	const char *whole;
	struct error *err;
};

static int refuse(const struct reader *reader, const char *what, const char *word)
{
	return error_set(reader->err, -EINVAL, "template \"%.160s\": %s%s%.64s%s", reader->whole,
	                 what, *word ? " \"" : "", word, *word ? "\"" : "");
}

static void skip_blanks(struct reader *reader)
{
	while (*reader->at && strchr(" \t\r\n", *reader->at))
		reader->at++;
}

/* Up to a blank, a bracket or the action's end: what an error shows, or a keyword. */
static const char *peek_word(const struct reader *reader, char buffer[static WORD_MAX])
{
	size_t length = strcspn(reader->at, " \t\r\n()}");

	(void)snprintf(buffer, WORD_MAX, "%.*s", (int)(length < WORD_MAX ? length : WORD_MAX - 1),
	               reader->at);
	return buffer;
}

static bool take(struct reader *reader, const char *token)
{
	size_t length = strlen(token);

	if (strncmp(reader->at, token, length) != 0)
		return false;
	reader->at += length;
	return true;
}

/* A whole word, not the beginning of another one. */
static bool take_word(struct reader *reader, const char *word)
{
	char next[WORD_MAX];

	if (strcmp(peek_word(reader, next), word) != 0)
		return false;
	reader->at += strlen(word);
	skip_blanks(reader);
	return true;
}

static int read_quoted(struct reader *reader, char ret[static WORD_MAX])
{
	char quote = *reader->at;
	size_t length = 0;

	if (quote != '"' && quote != '`')
		return refuse(reader, "expected a quoted text", "");
	for (reader->at++; *reader->at != quote; reader->at++) {
		if (quote == '"' && *reader->at == '\\' && reader->at[1])
			reader->at++;
		if (!*reader->at || length == WORD_MAX - 1)
			return refuse(reader, "a quoted text does not end, or is too long", "");
		ret[length++] = *reader->at;
	}
	reader->at++;
	ret[length] = '\0';
	skip_blanks(reader);
	return 0;
}

static int read_number(struct reader *reader, unsigned long max, unsigned long *ret)
{
	char word[WORD_MAX];
	char *end;

	(void)peek_word(reader, word);
	*ret = strtoul(word, &end, 10);
	if (!isdigit((unsigned char)word[0]) || *end || *ret > max)
		return refuse(reader, "expected a number instead of", word);
	reader->at += strlen(word);
	skip_blanks(reader);
	return 0;
}

static int read_index(struct reader *reader, struct operand *ret)
{
	char word[WORD_MAX];

	if (take_word(reader, ".Match")) {
		ret->kind = OPERAND_MATCH;
		return read_number(reader, PATTERN_GROUPS_MAX, &ret->number);
	}
	if (take_word(reader, ".Group")) {
		ret->kind = OPERAND_GROUP_INDEX;
		return read_quoted(reader, ret->word);
	}
	return refuse(reader, "index is for .Match and .Group, not for", peek_word(reader, word));
}

static int read_group(struct reader *reader, const char *word, struct operand *ret)
{
	const char *group = word + strlen(".Group.");

	for (const char *letter = group; *letter; letter++) {
		if (!isalnum((unsigned char)*letter) && *letter != '_')
			return refuse(reader, "not supported:", word);
	}
	if (!*group)
		return refuse(reader, "a group without a name:", word);
	ret->kind = OPERAND_GROUP;
	(void)snprintf(ret->word, sizeof(ret->word), "%s", group);
	return 0;
}

static int read_field(struct reader *reader, struct operand *ret)
{
	static const struct {
		const char *name;
		size_t field;
	} fields[] = {
		{".Name", offsetof(struct template_values, name)},
		{".Type", offsetof(struct template_values, type)},
		{".Class", offsetof(struct template_values, class)},
		{".Zone", offsetof(struct template_values, zone)},
		{".Remote", offsetof(struct template_values, remote)},
		{".Regex", offsetof(struct template_values, regex)},
	};
	char word[WORD_MAX];

	(void)peek_word(reader, word);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (take_word(reader, fields[i].name)) {
			ret->kind = OPERAND_FIELD;
			ret->field = fields[i].field;
			return 0;
		}
	}
	if (strncmp(word, ".Group.", strlen(".Group.")) != 0)
		return refuse(reader, "not supported:", word);
	reader->at += strlen(word);
	skip_blanks(reader);
	return read_group(reader, word, ret);
}

static int read_operand(struct reader *reader, struct operand *ret)
{
	int failed;

	if (*reader->at == '"' || *reader->at == '`') {
		ret->kind = OPERAND_TEXT;
		return read_quoted(reader, ret->word);
	}
	if (!take(reader, "("))
		return read_field(reader, ret);
	skip_blanks(reader);
	failed = take_word(reader, "index") ? read_index(reader, ret) : read_field(reader, ret);
	if (failed == 0 && !take(reader, ")"))
		return refuse(reader, "expected a closing bracket", "");
	skip_blanks(reader);
	return failed;
}

static int read_parse_int(struct reader *reader, struct action *ret)
{
	char word[WORD_MAX];
	int failed = read_operand(reader, &ret->operand);

	ret->parse_int = true;
	if (failed == 0)
		failed = read_number(reader, 36, &ret->base);
	if (failed == 0 && ret->base < 2)
		return refuse(reader, "parseInt: the base is 2 to 36", "");
	if (failed == 0 && !isdigit((unsigned char)*reader->at))
		return refuse(reader, "parseInt: expected a number of bits instead of",
		              peek_word(reader, word));
	return failed < 0 ? failed : read_number(reader, 64, &ret->bits);
}

static int read_command(struct reader *reader, struct action *ret)
{
	char word[WORD_MAX];
	int failed;

	if (take(reader, "/*")) {
		const char *end = strstr(reader->at, "*/");

		if (!end)
			return refuse(reader, "a comment does not end", "");
		reader->at = end + 2;
		skip_blanks(reader);
		ret->empty = true;
		return 0;
	}
	if (take_word(reader, "index"))
		failed = read_index(reader, &ret->operand);
	else if (take_word(reader, "parseInt"))
		failed = read_parse_int(reader, ret);
	else if (*reader->at && strchr("\"`(.", *reader->at))
		failed = read_operand(reader, &ret->operand);
	else
		failed = refuse(reader, "not supported:", peek_word(reader, word));
	return failed;
}

/* Behind the opening braces; *trimmed: text behind the action loses its blanks in front. */
static int read_action(struct reader *reader, struct action *ret, bool *trimmed)
{
	char word[WORD_MAX];
	int failed;

	*ret = (struct action){.empty = false};
	skip_blanks(reader);
	failed = read_command(reader, ret);
	if (failed < 0)
		return failed;
	*trimmed = take(reader, "-}}");
	if (!*trimmed && !take(reader, "}}"))
		return refuse(reader, "expected }} instead of", peek_word(reader, word));
	return 0;
}

static size_t without_blanks_behind(const char *text, size_t length)
{
	while (length > 0 && strchr(" \t\r\n", text[length - 1]))
		length--;
	return length;
}

static int read_piece(struct reader *reader, struct piece *ret)
{
	const char *open = strstr(reader->at, "{{");
	bool trimmed = false;
	int failed;

	ret->text = reader->at;
	ret->length = open ? (size_t)(open - reader->at) : strlen(reader->at);
	ret->has_action = open;
	reader->at += ret->length;
	if (!open)
		return 0;
	reader->at += 2;
	if (reader->at[0] == '-' && reader->at[1] && strchr(" \t\r\n", reader->at[1])) {
		reader->at++;
		ret->length = without_blanks_behind(ret->text, ret->length);
	}
	failed = read_action(reader, &ret->action, &trimmed);
	if (trimmed)
		skip_blanks(reader);
	return failed;
}

int template_text_check(const char *text, struct error *err)
{
	struct reader reader = {.at = text, .whole = text, .err = err};
	int failed = 0;

	while (failed == 0 && *reader.at) {
		struct piece piece;

		failed = read_piece(&reader, &piece);
	}
	return failed;
}

struct slice {
	const char *text;
	size_t length;
};

static struct slice whole(const char *text)
{
	return (struct slice){.text = text, .length = strlen(text)};
}

/* A group has its name and, as every group, its number as a name. */
static int find_group(const struct template_values *values, const char *word)
{
	char *end;
	unsigned long number = strtoul(word, &end, 10);
	int named = values->pattern ? pattern_group_named(values->pattern, word) : -ENOENT;

	if (named >= 0)
		return named;
	if (!isdigit((unsigned char)word[0]) || *end || number >= values->groups->count)
		return -ENOENT;
	return (int)number;
}

static int group_of(const struct operand *operand, const struct template_values *values)
{
	if (operand->kind == OPERAND_MATCH)
		return operand->number < values->groups->count ? (int)operand->number : -ENOENT;
	return find_group(values, operand->word);
}

static int value_of(const struct operand *operand, const struct template_values *values,
                    struct slice *ret)
{
	int group;

	*ret = (struct slice){.text = "", .length = 0};
	switch (operand->kind) {
	case OPERAND_TEXT:
		*ret = whole(operand->word);
		return 0;
	case OPERAND_FIELD:
		*ret = whole(*(const char *const *)((const char *)values + operand->field));
		return 0;
	case OPERAND_MATCH:
	case OPERAND_GROUP:
	case OPERAND_GROUP_INDEX:
		break;
	}
	group = group_of(operand, values);
	if (group < 0)
		return operand->kind == OPERAND_GROUP_INDEX ? 0 : -ENOENT;
	ret->text = values->groups->list[group].text;
	ret->length = values->groups->list[group].length;
	return 0;
}

/* Go's strconv.ParseUint: digits and nothing else. */
static bool parse_uint(const struct slice *text, const struct action *action, uint64_t *ret)
{
	uint64_t max = action->bits % 64 == 0 ? UINT64_MAX : (UINT64_C(1) << action->bits) - 1;

	*ret = 0;
	for (size_t i = 0; i < text->length; i++) {
		char letter = (char)tolower((unsigned char)text->text[i]);
		unsigned digit = isdigit((unsigned char)letter)   ? (unsigned)(letter - '0')
		                 : letter >= 'a' && letter <= 'z' ? (unsigned)(letter - 'a' + 10)
		                                                  : 36;

		if (digit >= action->base || *ret > (UINT64_MAX - digit) / action->base)
			return false;
		*ret = *ret * action->base + digit;
	}
	return text->length > 0 && *ret <= max;
}

static int expand_action(const struct reader *reader, const struct action *action,
                         const struct template_values *values, struct buffer *ret)
{
	struct slice value;
	uint64_t number;

	if (action->empty)
		return 0;
	if (value_of(&action->operand, values, &value) < 0)
		return error_set(reader->err, -EDOM,
		                 "template \"%.160s\": no such group for %.128s", reader->whole,
		                 values->name);
	if (!action->parse_int) {
		buffer_add(ret, value.text, value.length);
		return 0;
	}
	if (!parse_uint(&value, action, &number))
		return error_set(reader->err, -EDOM, "template \"%.160s\": parseInt \"%.*s\"",
		                 reader->whole, (int)(value.length < 64 ? value.length : 64),
		                 value.text);
	buffer_add_format(ret, "%llu", (unsigned long long)number);
	return 0;
}

int template_text_expand(const char *text, const struct template_values *values, struct buffer *ret,
                         struct error *err)
{
	struct reader reader = {.at = text, .whole = text, .err = err};
	int failed = 0;

	while (failed == 0 && *reader.at) {
		struct piece piece;

		failed = read_piece(&reader, &piece);
		if (failed < 0)
			break;
		buffer_add(ret, piece.text, piece.length);
		if (piece.has_action)
			failed = expand_action(&reader, &piece.action, values, ret);
	}
	return failed;
}
