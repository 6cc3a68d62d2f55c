/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "dnscache/corefile/corefile_placeholder.h"

#define WORD_MAX (64U << 10)
#define NAME_MAX_LENGTH 255

/* Appends the variable that stands at text; how many bytes of it that were, 0: none. */
static size_t add_variable(struct buffer *buffer, const char *text)
{
	char name[NAME_MAX_LENGTH + 1];
	const char *end = NULL;
	const char *value;
	size_t length;

	if (strncmp(text, "{$", 2) == 0)
		end = strchr(text, '}');
	else if (strncmp(text, "{%", 2) == 0)
		end = strstr(text + 2, "%}");
	if (!end)
		return 0;
	length = (size_t)(end - text) - 2;
	if (length == 0 || length >= sizeof(name))
		return 0;
	memcpy(name, text + 2, length);
	name[length] = '\0';
	value = getenv(name);
	buffer_add_text(buffer, value ? value : "");
	return (size_t)(end - text) + (text[1] == '$' ? 1 : 2);
}

static const char *keep(struct corefile_reader *reader, struct buffer *buffer)
{
	const char *text = buffer->failed
	                           ? NULL
	                           : arena_strndup(reader->arena, buffer->text ? buffer->text : "",
	                                           buffer->length);

	buffer_done(buffer);
	if (!text)
		corefile_no_memory(reader);
	return text;
}

const char *corefile_fill_environment(struct corefile_reader *reader, const char *text)
{
	struct buffer buffer = {.max = WORD_MAX};

	if (!strstr(text, "{$") && !strstr(text, "{%"))
		return text;
	while (*text != '\0') {
		size_t used = add_variable(&buffer, text);

		if (used == 0) {
			buffer_add(&buffer, text, 1);
			used = 1;
		}
		text += used;
	}
	return keep(reader, &buffer);
}

struct placeholder {
	const char *name;
	const char *value;
	const char *absent; /* why there is none; NULL: it may be empty */
	bool upstream;
};

#define PLACEHOLDERS 5

static void list_placeholders(const struct corefile_values *values,
                              struct placeholder list[static PLACEHOLDERS])
{
	list[0] = (struct placeholder){
		.name = "__PILLAR__CLUSTER__DNS__",
		.value = values->cluster_dns,
		.absent = "no DNS server of the cluster is known (-upstreamsvc, "
			  "dns.clusterServers)"};
	list[1] =
		(struct placeholder){.name = "__PILLAR__LOCAL__DNS__",
	                             .value = values->local_dns,
	                             .absent = "no listen address is known (-localip, dns.listen)"};
	list[2] = (struct placeholder){.name = "__PILLAR__UPSTREAM__SERVERS__",
	                               .value = values->upstream_servers,
	                               .absent = "no upstream server is known",
	                               .upstream = true};
	list[3] = (struct placeholder){.name = "__PILLAR__DNS__DOMAIN__",
	                               .value = values->domain,
	                               .absent = "the cluster's domain is not known"};
	/* node-cache leaves nothing of it: those addresses are among the local ones. */
	list[4] = (struct placeholder){.name = "__PILLAR__DNS__SERVER__", .value = ""};
}

static void add_values(struct corefile_reader *reader, const struct corefile_token *token,
                       const struct placeholder *placeholder, struct vector *tokens)
{
	const char *at = placeholder->value + strspn(placeholder->value, " ");
	bool first = token->first;

	while (*at != '\0') {
		size_t length = strcspn(at, " ");
		struct corefile_token *place =
			tokens->count < COREFILE_TOKENS_MAX ? vector_push(tokens) : NULL;
		const char *text = arena_strndup(reader->arena, at, length);

		if (!place || !text) {
			corefile_no_memory(reader);
			return;
		}
		*place = *token;
		place->text = text;
		place->first = first;
		place->upstream = placeholder->upstream;
		first = false;
		at += length + strspn(at + length, " ");
	}
}

static void fill_first(struct corefile_reader *reader, struct corefile_token *token, const char *at,
                       const struct placeholder *placeholder)
{
	struct buffer buffer = {.max = WORD_MAX};
	size_t length = strcspn(placeholder->value, " ");
	bool brackets = memchr(placeholder->value, ':', length) != NULL;

	buffer_add(&buffer, token->text, (size_t)(at - token->text));
	buffer_add(&buffer, "[", brackets ? 1 : 0);
	buffer_add(&buffer, placeholder->value, length);
	buffer_add(&buffer, "]", brackets ? 1 : 0);
	buffer_add_text(&buffer, at + strlen(placeholder->name));
	token->text = keep(reader, &buffer);
}

bool corefile_fill_placeholders(struct corefile_reader *reader, struct corefile_token *token,
                                struct vector *tokens)
{
	struct placeholder list[PLACEHOLDERS];

	if (!strstr(token->text, "__PILLAR__"))
		return false;
	list_placeholders(reader->values, list);
	for (size_t i = 0; i < PLACEHOLDERS; i++) {
		const char *at = strstr(token->text, list[i].name);

		if (!at)
			continue;
		if (list[i].absent && (!list[i].value || list[i].value[0] == '\0')) {
			corefile_refuse_at(reader, token, list[i].name, "%s", list[i].absent);
			return true;
		}
		if (strcmp(token->text, list[i].name) == 0) {
			add_values(reader, token, &list[i], tokens);
			return true;
		}
		fill_first(reader, token, at, &list[i]);
		if (!token->text)
			return true;
	}
	if (strstr(token->text, "__PILLAR__"))
		corefile_refuse_at(reader, token, token->text, "unknown placeholder");
	return reader->failed < 0;
}
