/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include "dnscache/corefile/corefile_lexer.h"

struct lexer {
	const char *file;
	const char *at;
	const char *end;
	unsigned line;
	bool fresh; /* nothing on this line yet */
	struct arena *arena;
	struct vector *tokens;
	struct error *err;
};

static int refuse(const struct lexer *lexer, unsigned line, const char *rule)
{
	const struct error_place place = {.file = lexer->file, .line = line};

	return error_at(lexer->err, -EINVAL, &place, NULL, "%s", rule);
}

static int no_memory(const struct lexer *lexer)
{
	return error_set(lexer->err, -ENOMEM, "%s: out of memory", lexer->file);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && !is_blank(c)) || c == 0x7f;
}

static void skip_blanks(struct lexer *lexer)
{
	bool comment = false;

	for (; lexer->at < lexer->end; lexer->at++) {
		if (*lexer->at == '\n') {
			lexer->line++;
			lexer->fresh = true;
			comment = false;
		} else if (*lexer->at == '#') {
			comment = true;
		} else if (!comment && !is_blank(*lexer->at)) {
			return;
		}
	}
}

static int push(struct lexer *lexer, char *text, unsigned line, bool quoted)
{
	struct corefile_token *token;

	if (lexer->tokens->count >= COREFILE_TOKENS_MAX)
		return refuse(lexer, line, "more than 65536 words");
	token = text ? vector_push(lexer->tokens) : NULL;
	if (!token)
		return no_memory(lexer);
	*token = (struct corefile_token){.text = text,
	                                 .file = lexer->file,
	                                 .line = line,
	                                 .first = lexer->fresh,
	                                 .quoted = quoted};
	lexer->fresh = false;
	return 0;
}

static int lex_plain(struct lexer *lexer)
{
	const char *start = lexer->at;

	for (; lexer->at < lexer->end; lexer->at++) {
		if (is_blank(*lexer->at) || *lexer->at == '#')
			break;
		if (is_control(*lexer->at))
			return refuse(lexer, lexer->line, "a control character");
	}
	return push(lexer, arena_strndup(lexer->arena, start, (size_t)(lexer->at - start)),
	            lexer->line, false);
}

/* The end of what is quoted: only \" does not end it. NULL: there is none. */
static const char *find_quote(const struct lexer *lexer)
{
	for (const char *at = lexer->at; at < lexer->end; at++) {
		if (*at == '"')
			return at;
		if (*at == '\\' && at + 1 < lexer->end)
			at++;
	}
	return NULL;
}

/* A backslash stays, but for that in front of a quote: regular expressions need no doubling. */
static int lex_quoted(struct lexer *lexer)
{
	unsigned line = lexer->line;
	const char *end;
	char *text;
	size_t length = 0;

	lexer->at++;
	end = find_quote(lexer);
	if (!end)
		return refuse(lexer, line, "a quote that is not closed");
	text = arena_alloc(lexer->arena, (size_t)(end - lexer->at) + 1);
	if (!text)
		return no_memory(lexer);
	for (; lexer->at < end; lexer->at++) {
		if (*lexer->at == '\\' && lexer->at[1] == '"')
			lexer->at++;
		else if (*lexer->at == '\\')
			text[length++] = *lexer->at++;
		if (is_control(*lexer->at))
			return refuse(lexer, lexer->line, "a control character");
		if (*lexer->at == '\n')
			lexer->line++;
		text[length++] = *lexer->at;
	}
	lexer->at = end + 1;
	return push(lexer, text, line, true);
}

int corefile_lex(const char *file, const char *text, size_t length, struct arena *arena,
                 struct vector *tokens, struct error *err)
{
	struct lexer lexer = {.file = file,
	                      .at = text,
	                      .end = text + length,
	                      .line = 1,
	                      .fresh = true,
	                      .arena = arena,
	                      .tokens = tokens,
	                      .err = err};
	int r = 0;

	if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		lexer.at += 3;
	while (r == 0) {
		skip_blanks(&lexer);
		if (lexer.at == lexer.end)
			break;
		r = *lexer.at == '"' ? lex_quoted(&lexer) : lex_plain(&lexer);
	}
	return r;
}

bool corefile_token_is(const struct corefile_token *token, const char *text)
{
	return !token->quoted && strcmp(token->text, text) == 0;
}
