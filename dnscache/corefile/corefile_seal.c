/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "common/buffer.h"
#include "dnscache/corefile/corefile_reader.h"

#define TEXT_MAX (16U << 20)

static bool wants_quotes(const struct corefile_token *token)
{
	return token->quoted || token->text[0] == '\0' || strpbrk(token->text, " \t\r\n\v\f#");
}

static void add_quoted(struct buffer *buffer, const char *text)
{
	buffer_add(buffer, "\"", 1);
	for (; *text != '\0'; text++)
		buffer_add_format(buffer, *text == '"' ? "\\%c" : "%c", *text);
	buffer_add(buffer, "\"", 1);
}

static void write_tokens(struct buffer *buffer, const struct corefile_token *tokens, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buffer_add(buffer, tokens[i].first ? "\n" : " ", 1);
		if (wants_quotes(&tokens[i]))
			add_quoted(buffer, tokens[i].text);
		else
			buffer_add_text(buffer, tokens[i].text);
	}
	buffer_add(buffer, "\n", 1);
}

/* The partitions stand for what the text only refers to: the servers in /etc/resolv.conf. */
static int hash(struct corefile *corefile)
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestInit_ex(context, EVP_sha512(), NULL) == 1 &&
	            EVP_DigestUpdate(context, corefile->text, strlen(corefile->text)) == 1;

	for (size_t i = 0; good && i < corefile->block_count; i++)
		good = EVP_DigestUpdate(context, &corefile->blocks[i].partition,
		                        sizeof(corefile->blocks[i].partition)) == 1;
	good = good && EVP_DigestFinal_ex(context, corefile->sha512, NULL) == 1;
	EVP_MD_CTX_free(context);
	return good ? 0 : -ENOMEM;
}

void corefile_seal(struct corefile_reader *reader, const struct corefile_token *tokens,
                   size_t count)
{
	struct corefile *corefile = reader->corefile;
	struct buffer buffer = {.max = TEXT_MAX};

	write_tokens(&buffer, tokens, count);
	if (!buffer.failed)
		corefile->text = arena_strndup(reader->arena, buffer.text, buffer.length);
	buffer_done(&buffer);
	if (!corefile->text || hash(corefile) < 0)
		corefile_no_memory(reader);
}
