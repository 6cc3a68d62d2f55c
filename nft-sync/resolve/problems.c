/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/resolve/problems.h"

#define SENTENCE_MAX 512

static bool is_said(const struct problems *problems, const char *sentence)
{
	for (size_t i = 0; i < problems->count; i++)
		if (strcmp(problems->sentences[i], sentence) == 0)
			return true;
	return false;
}

static void append(struct problems *problems, const char *sentence)
{
	const char *copy = arena_strdup(problems->arena, sentence);

	if (copy == NULL)
		problems->failed = true;
	else
		problems->sentences[problems->count++] = copy;
}

void problems_add(struct problems *problems, const char *format, ...)
{
	char sentence[SENTENCE_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(sentence, sizeof(sentence), format, arguments);
	va_end(arguments);
	if (is_said(problems, sentence))
		return;
	if (problems->count == PROBLEMS_MAX)
		problems->left_out++;
	else
		append(problems, sentence);
}

const char **problems_finish(struct problems *problems, size_t *count)
{
	const char **ret;

	if (problems->left_out > 0) {
		char rest[64];

		(void)snprintf(rest, sizeof(rest), "and %zu more", problems->left_out);
		append(problems, rest);
	}
	ret = arena_array(problems->arena, problems->count != 0 ? problems->count : 1,
	                  sizeof(*ret));
	if (ret == NULL || problems->failed)
		return NULL;
	memcpy(ret, problems->sentences, problems->count * sizeof(*ret));
	*count = problems->count;
	return ret;
}
