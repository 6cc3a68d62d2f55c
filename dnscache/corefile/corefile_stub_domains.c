/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "common/buffer.h"
#include "common/json.h"
#include "dnscache/corefile/corefile_reader.h"

#define NAME "stubDomains"
#define TEXT_MAX (1U << 20)

#define DOMAIN "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
#define ADDRESS "0123456789abcdefABCDEF.:[]"

/* What goes into a Corefile's text must not be able to end a word. */
static bool is_of(const char *text, const char *characters)
{
	return text && text[0] != '\0' && text[strspn(text, characters)] == '\0';
}

static int refuse(struct corefile_reader *reader, const char *domain, const char *rule)
{
	const struct error_place place = {.file = NAME, .item = domain};

	reader->failed = error_at(reader->err, -EINVAL, &place, NULL, "%s", rule);
	return reader->failed;
}

/* As node-cache writes them. */
static int add_block(struct corefile_reader *reader, const cJSON *member, struct buffer *text)
{
	const cJSON *server;

	if (!is_of(member->string, DOMAIN))
		return refuse(reader, member->string, "expected a domain name");
	if (!cJSON_IsArray(member) || !member->child)
		return refuse(reader, member->string, "expected a list of servers");
	buffer_add_format(text, "%s:%u {\nerrors\ncache 30\n", member->string,
	                  reader->values->port);
	if (reader->values->local_dns && reader->values->local_dns[0] != '\0')
		buffer_add_format(text, "bind %s\n", reader->values->local_dns);
	buffer_add_text(text, "forward .");
	cJSON_ArrayForEach (server, member) {
		if (!cJSON_IsString(server) || !is_of(server->valuestring, ADDRESS))
			return refuse(reader, member->string, "expected addresses of servers");
		buffer_add_format(text, " %s", server->valuestring);
	}
	buffer_add_text(text, "\n}\n");
	return 0;
}

/* Its nesting is bounded before cJSON sees it. */
static cJSON *parse(struct corefile_reader *reader, const char *json)
{
	struct json_cursor cursor;
	struct json_slice slice;
	cJSON *tree = NULL;
	int r;

	json_open(&cursor, NAME, json, strlen(json));
	r = json_skip(&cursor, &slice, reader->err);
	if (r == 0)
		r = json_finish(&cursor, reader->err);
	if (r == 0)
		tree = json_tree(&slice);
	if (r < 0)
		reader->failed = r;
	else if (!tree)
		corefile_no_memory(reader);
	else if (!cJSON_IsObject(tree))
		(void)refuse(reader, NULL, "expected domains with their servers");
	return tree;
}

void corefile_add_stub_domains(struct corefile_reader *reader, struct vector *tokens)
{
	const char *json = reader->values->stub_domains;
	struct buffer text = {.max = TEXT_MAX};
	const cJSON *member;
	cJSON *tree;
	int r;

	if (!json || json[0] == '\0')
		return;
	tree = parse(reader, json);
	if (reader->failed == 0) {
		cJSON_ArrayForEach (member, tree) {
			if (add_block(reader, member, &text) < 0)
				break;
		}
	}
	cJSON_Delete(tree);
	if (text.failed)
		corefile_no_memory(reader);
	if (reader->failed == 0 && text.length > 0) {
		r = corefile_lex(NAME, text.text, text.length, reader->arena, tokens, reader->err);
		if (r < 0)
			reader->failed = r;
	}
	buffer_done(&text);
}
