/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dnscache/corefile/corefile_reader.h"

#define BLOCKS_MAX 256

struct cursor {
	const struct corefile_token *at;
	const struct corefile_token *end;
};

static bool at_brace(const struct cursor *cursor, const char *brace)
{
	return cursor->at < cursor->end && corefile_token_is(cursor->at, brace);
}

/* Up to the end of the line or a brace. */
static struct corefile_words take_words(struct cursor *cursor)
{
	struct corefile_words words = {.list = cursor->at};

	while (cursor->at < cursor->end && !at_brace(cursor, "{") && !at_brace(cursor, "}") &&
	       (words.count == 0 || !cursor->at->first)) {
		cursor->at++;
		words.count++;
	}
	return words;
}

static void refuse_end(struct corefile_reader *reader, const struct corefile_token *open)
{
	corefile_refuse_at(reader, open, NULL, "{ is not closed");
}

/* The line that stands at the cursor, inside the braces of a directive. */
static void take_option(struct corefile_reader *reader, struct cursor *cursor,
                        struct corefile_directive *directive)
{
	struct corefile_words *words;

	if (!cursor->at->first) {
		corefile_refuse_at(reader, cursor->at, cursor->at->text,
		                   "expected a new line behind {");
		return;
	}
	words = corefile_append(reader, &directive->options, &directive->option_count,
	                        sizeof(*words));
	if (!words)
		return;
	*words = take_words(cursor);
	if (at_brace(cursor, "{"))
		corefile_refuse_at(reader, cursor->at, NULL, "no block can be inside of this one");
	else if (at_brace(cursor, "}") && !cursor->at->first)
		corefile_refuse_at(reader, cursor->at, NULL, "expected } on a line of its own");
}

static void take_options(struct corefile_reader *reader, struct cursor *cursor,
                         struct corefile_directive *directive)
{
	const struct corefile_token *open = cursor->at++;

	while (reader->failed == 0 && cursor->at < cursor->end && !at_brace(cursor, "}"))
		take_option(reader, cursor, directive);
	if (cursor->at == cursor->end)
		refuse_end(reader, open);
	else
		cursor->at++;
}

static void read_directive(struct corefile_reader *reader, struct cursor *cursor,
                           struct server_block *block)
{
	struct corefile_directive directive = {0};

	if (at_brace(cursor, "{")) {
		corefile_refuse_at(reader, cursor->at, NULL,
		                   "expected { at the end of the line before");
		return;
	}
	directive.line = take_words(cursor);
	if (at_brace(cursor, "{") && !cursor->at->first)
		take_options(reader, cursor, &directive);
	else if (at_brace(cursor, "}") && !cursor->at->first)
		corefile_refuse_at(reader, cursor->at, NULL, "expected } on a line of its own");
	if (cursor->at < cursor->end && !cursor->at->first)
		corefile_refuse_at(reader, cursor->at, cursor->at->text,
		                   "expected a new line behind }");
	if (reader->failed == 0)
		corefile_read_directive(reader, &directive, block);
}

/* "a.org, b.org": a comma at the end of a word is no part of it, and joins lines. */
static struct corefile_token without_comma(struct corefile_reader *reader,
                                           const struct corefile_token *token, bool *comma)
{
	struct corefile_token key = *token;
	size_t length = strlen(key.text);

	*comma = length > 1 && key.text[length - 1] == ',';
	if (*comma) {
		key.text = arena_strndup(reader->arena, key.text, length - 1);
		if (!key.text)
			corefile_no_memory(reader);
	}
	return key;
}

/* The ports of a block's zones, one each. */
struct ports {
	uint16_t *list;
	size_t count;
};

static void add_key(struct corefile_reader *reader, struct server_block *block,
                    const struct corefile_token *key, struct ports *ports)
{
	uint16_t port = 0;

	corefile_add_key(reader, key, &block->zones, &block->zone_count, &port);
	while (reader->failed == 0 && ports->count < block->zone_count) {
		uint16_t *place =
			corefile_append(reader, &ports->list, &ports->count, sizeof(*place));

		if (place)
			*place = port > 0 ? port : reader->values->port;
	}
}

static void read_keys(struct corefile_reader *reader, struct cursor *cursor,
                      struct server_block *block, struct ports *ports)
{
	bool comma = true;

	while (reader->failed == 0 && cursor->at < cursor->end && !at_brace(cursor, "{") &&
	       (comma || !cursor->at->first)) {
		struct corefile_token key;

		if (at_brace(cursor, "}")) {
			corefile_refuse_at(reader, cursor->at, NULL, "} closes nothing");
			return;
		}
		key = without_comma(reader, cursor->at, &comma);
		if (reader->failed == 0)
			add_key(reader, block, &key, ports);
		cursor->at++;
	}
	if (reader->failed == 0 && comma && block->zone_count > 0)
		corefile_refuse_at(reader, cursor->at - 1, NULL,
		                   "expected a zone behind the comma");
	else if (block->zone_count == 0 && at_brace(cursor, "{"))
		corefile_refuse_at(reader, cursor->at, NULL, "expected a zone in front of {");
}

/* Without braces, one block is the whole file. */
static void read_directives(struct corefile_reader *reader, struct cursor *cursor,
                            struct server_block *block)
{
	const struct corefile_token *open = NULL;

	if (at_brace(cursor, "{") && !cursor->at->first) {
		open = cursor->at++;
		if (cursor->at < cursor->end && !cursor->at->first && !at_brace(cursor, "}"))
			corefile_refuse_at(reader, cursor->at, cursor->at->text,
			                   "expected a new line behind {");
	}
	while (reader->failed == 0 && cursor->at < cursor->end && !at_brace(cursor, "}"))
		read_directive(reader, cursor, block);
	if (reader->failed < 0)
		return;
	if (at_brace(cursor, "}") && open)
		cursor->at++;
	else if (at_brace(cursor, "}"))
		corefile_refuse_at(reader, cursor->at, NULL, "} closes nothing");
	else if (open)
		refuse_end(reader, open);
	if (cursor->at < cursor->end && !cursor->at->first)
		corefile_refuse_at(reader, cursor->at, cursor->at->text,
		                   "expected a new line behind }");
}

static void keep_zones(struct corefile_reader *reader, struct server_block *block,
                       const struct ports *ports, uint16_t port)
{
	const struct dns_name *zones = block->zones;

	block->zones = NULL;
	block->zone_count = 0;
	block->port = port;
	for (size_t i = 0; i < ports->count; i++) {
		struct dns_name *place =
			ports->list[i] != port
				? NULL
				: corefile_append(reader, &block->zones, &block->zone_count,
		                                  sizeof(*place));

		if (place)
			*place = zones[i];
	}
	corefile_finish_block(reader, block);
}

/* A block has one port; one that is written with several is as many blocks. */
static void split_by_port(struct corefile_reader *reader, struct server_block *block,
                          const struct ports *ports)
{
	const struct server_block whole = *block;

	for (size_t i = 0; i < ports->count && reader->failed == 0; i++) {
		size_t first = 0;

		while (ports->list[first] != ports->list[i])
			first++;
		if (first < i)
			continue;
		if (i > 0)
			block = corefile_append(reader, &reader->corefile->blocks,
			                        &reader->corefile->block_count, sizeof(*block));
		if (!block)
			return;
		*block = whole;
		keep_zones(reader, block, ports, ports->list[i]);
	}
}

static void read_block(struct corefile_reader *reader, struct cursor *cursor)
{
	struct corefile *corefile = reader->corefile;
	struct server_block *block =
		corefile_append(reader, &corefile->blocks, &corefile->block_count, sizeof(*block));

	struct ports ports = {0};

	if (!block)
		return;
	if (corefile->block_count > BLOCKS_MAX) {
		corefile_refuse_at(reader, cursor->at, NULL, "more than %d server blocks",
		                   BLOCKS_MAX);
		return;
	}
	block->file = cursor->at->file;
	block->line = cursor->at->line;
	read_keys(reader, cursor, block, &ports);
	if (reader->failed == 0)
		read_directives(reader, cursor, block);
	if (reader->failed == 0)
		split_by_port(reader, block, &ports);
}

void corefile_read_blocks(struct corefile_reader *reader, const struct corefile_token *tokens,
                          size_t count)
{
	struct cursor cursor = {.at = tokens, .end = count > 0 ? tokens + count : tokens};

	while (reader->failed == 0 && cursor.at < cursor.end)
		read_block(reader, &cursor);
}
