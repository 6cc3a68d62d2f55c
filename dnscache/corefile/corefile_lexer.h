/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_COREFILE_LEXER_H
#define PODSG_COREFILE_LEXER_H

/* A Corefile's words, as Caddy's lexer cuts them: blanks separate them, quotes hold them together,
 * a # begins a comment wherever it stands outside quotes. */

#include "common/arena.h"
#include "common/error.h"
#include "common/vector.h"

#include <stdbool.h>

#define COREFILE_TOKENS_MAX 65536

struct corefile_token {
	const char *text;
	const char *file;
	unsigned line;
	bool first;    /* of its line */
	bool quoted;   /* is text, whatever it says */
	bool upstream; /* came from __PILLAR__UPSTREAM__SERVERS__ */
};

/* Appends to tokens (of struct corefile_token); texts are in arena, file is kept. -EINVAL: a quote
 * that is not closed, a control character, or too many words. */
int corefile_lex(const char *file, const char *text, size_t length, struct arena *arena,
                 struct vector *tokens, struct error *err);

/* An unquoted { or }. */
bool corefile_token_is(const struct corefile_token *token, const char *text);

#endif
