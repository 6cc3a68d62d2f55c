/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dnscache/corefile/directives.h"
#include "dnscache/plugin/template.h"

#define HOSTS_PATH "/etc/hosts"
#define HOSTS_TTL 3600
#define HOSTS_RELOAD 5000 /* ms */
#define HOUR 3600000U
#define OPTIONS(list) (list), sizeof(list) / sizeof((list)[0])

void directive_fallthrough(struct corefile_reader *reader, const struct corefile_words *words,
                           bool *ret, struct dns_name **zones, size_t *count)
{
	*ret = true;
	corefile_zones(reader, words, 1, zones, count);
}

static void read_prefix(struct corefile_reader *reader, const struct corefile_words *words,
                        struct prefix *ret)
{
	bool right = prefix_parse(words->list[1].text, ret, NULL) == 0 && ret->family == AF_INET6 &&
	             ret->length >= 32 && ret->length <= 96 && ret->length % 8 == 0 &&
	             (ret->length <= 64 || ret->length == 96);

	if (!right)
		corefile_refuse(reader, words, 1,
		                "expected an IPv6 prefix of 32, 40, 48, 56, 64 or 96 bits");
}

static void set_prefix(struct corefile_reader *reader, const struct corefile_option *option,
                       const struct corefile_words *words, void *target)
{
	struct dns64_settings *dns64 = target;

	(void)option;
	read_prefix(reader, words, &dns64->prefix);
}

void directive_dns64(struct corefile_reader *reader, const struct corefile_directive *directive,
                     struct server_block *block)
{
	static const struct corefile_option options[] = {
		COREFILE_OPTION("prefix", set_prefix, 1, 1, "PREFIX"),
		COREFILE_FLAG("translate_all", offsetof(struct dns64_settings, translate_all)),
		COREFILE_FLAG("allow_ipv4", offsetof(struct dns64_settings, allow_ipv4)),
	};

	block->dns64.present = true;
	(void)prefix_parse("64:ff9b::/96", &block->dns64.prefix, NULL);
	if (directive->line.count > 1)
		read_prefix(reader, &directive->line, &block->dns64.prefix);
	corefile_read_options(reader, directive, OPTIONS(options), &block->dns64);
}

static void set_hosts_fallthrough(struct corefile_reader *reader,
                                  const struct corefile_option *option,
                                  const struct corefile_words *words, void *target)
{
	struct hosts_settings *hosts = target;

	(void)option;
	directive_fallthrough(reader, words, &hosts->fallthrough, &hosts->fallthrough_zones,
	                      &hosts->fallthrough_count);
}

/* The words with blanks between, as hosts(5) has them. */
static void add_inline(struct corefile_reader *reader, const struct corefile_words *words,
                       struct hosts_settings *hosts)
{
	const char **place =
		corefile_append(reader, &hosts->inline_lines, &hosts->inline_count, sizeof(*place));
	size_t length = 0;
	char *line;

	for (size_t i = 0; i < words->count; i++)
		length += strlen(words->list[i].text) + 1;
	line = arena_alloc(reader->arena, length);
	if (!place || !line) {
		corefile_no_memory(reader);
		return;
	}
	*place = line;
	for (size_t i = 0; i < words->count; i++) {
		if (i > 0)
			*line++ = ' ';
		line = stpcpy(line, words->list[i].text);
	}
	if (words->count < 2)
		corefile_refuse(reader, words, 0, "expected names behind the address");
}

static void read_hosts_options(struct corefile_reader *reader,
                               const struct corefile_directive *directive,
                               struct hosts_settings *hosts)
{
	static const struct corefile_option options[] = {
		COREFILE_OPTION("fallthrough", set_hosts_fallthrough, 0, COREFILE_MANY, "[ZONES…]"),
		COREFILE_FLAG("no_reverse", offsetof(struct hosts_settings, no_reverse)),
		COREFILE_NUMBER("ttl", offsetof(struct hosts_settings, ttl), 1, 65535),
		COREFILE_DURATION("reload", offsetof(struct hosts_settings, reload), 0, 24 * HOUR),
		COREFILE_UNSUPPORTED("fallthrough_unsupported", "fallthrough is for every type"),
		COREFILE_OPTION("ADDRESS NAMES…", corefile_set_flag, 0, 0, ""),
	};
	struct prefix address;

	for (size_t i = 0; i < directive->option_count && reader->failed == 0; i++) {
		const struct corefile_words *words = &directive->options[i];
		const struct corefile_directive one = {.line = directive->line,
		                                       .options = &directive->options[i],
		                                       .option_count = 1};

		if (address_parse(words->list[0].text, &address) == 0)
			add_inline(reader, words, hosts);
		else
			corefile_read_options(reader, &one, OPTIONS(options), hosts);
	}
}

void directive_hosts(struct corefile_reader *reader, const struct corefile_directive *directive,
                     struct server_block *block)
{
	const struct corefile_words *line = &directive->line;
	struct hosts_settings *hosts = arena_alloc(reader->arena, sizeof(*hosts));

	if (!hosts) {
		corefile_no_memory(reader);
		return;
	}
	block->hosts = hosts;
	*hosts = (struct hosts_settings){.ttl = HOSTS_TTL, .reload = HOSTS_RELOAD};
	if (line->count > 1)
		hosts->path = corefile_path(reader, line, 1);
	else if (access(HOSTS_PATH, F_OK) == 0)
		hosts->path = HOSTS_PATH;
	corefile_zones(reader, line, 2, &hosts->origins, &hosts->origin_count);
	read_hosts_options(reader, directive, hosts);
}
