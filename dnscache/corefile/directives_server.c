/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "dnscache/corefile/directives.h"

#define SECOND 1000U
#define DAY (24 * 3600 * SECOND)
#define HTTP_HEALTH ":8080"
#define HTTP_READY ":8181"
#define HTTP_METRICS "127.0.0.1:9153"
#define OPTIONS(list) (list), sizeof(list) / sizeof((list)[0])

void directive_bufsize(struct corefile_reader *reader, const struct corefile_directive *directive,
                       struct server_block *block)
{
	uint32_t size = DNS_UDP_DEFAULT;

	if (directive->line.count > 1)
		(void)corefile_number(reader, &directive->line, 1, DNS_UDP_PLAIN, 4096, &size);
	block->bufsize = (uint16_t)size;
}

void directive_debug(struct corefile_reader *reader, const struct corefile_directive *directive,
                     struct server_block *block)
{
	(void)reader;
	(void)directive;
	block->debug = true;
}

void directive_loop(struct corefile_reader *reader, const struct corefile_directive *directive,
                    struct server_block *block)
{
	(void)reader;
	(void)directive;
	block->loop = true;
}

void directive_loadbalance(struct corefile_reader *reader,
                           const struct corefile_directive *directive, struct server_block *block)
{
	const struct corefile_words *line = &directive->line;

	if (line->count > 1 && strcmp(line->list[1].text, "weighted") == 0)
		corefile_refuse(reader, line, 1, "not supported: only round_robin is");
	else if (line->count > 1 && strcmp(line->list[1].text, "round_robin") != 0)
		corefile_refuse(reader, line, 1, "expected round_robin");
	else if (line->count > 2)
		corefile_refuse(reader, line, 2, "expected nothing behind round_robin");
	else if (directive->option_count > 0)
		corefile_refuse(reader, &directive->options[0], 0, "not supported");
	block->loadbalance = true;
}

static const char *read_endpoint(struct corefile_reader *reader,
                                 const struct corefile_directive *directive, const char *otherwise)
{
	return directive->line.count > 1 ? corefile_endpoint(reader, &directive->line, 1)
	                                 : otherwise;
}

void directive_health(struct corefile_reader *reader, const struct corefile_directive *directive,
                      struct server_block *block)
{
	static const struct corefile_option options[] = {
		COREFILE_DURATION("lameduck", offsetof(struct server_block, health.lameduck), 0,
	                          3600 * SECOND),
	};

	block->health.address = read_endpoint(reader, directive, HTTP_HEALTH);
	corefile_read_options(reader, directive, OPTIONS(options), block);
}

void directive_prometheus(struct corefile_reader *reader,
                          const struct corefile_directive *directive, struct server_block *block)
{
	static const struct corefile_option options[] = {
		COREFILE_UNSUPPORTED("runtime_metrics", "there is no Go runtime here"),
		COREFILE_UNSUPPORTED("tls", "metrics are served by plain HTTP"),
	};

	block->prometheus.address = read_endpoint(reader, directive, HTTP_METRICS);
	corefile_read_options(reader, directive, OPTIONS(options), block);
}

static void set_monitor(struct corefile_reader *reader, const struct corefile_option *option,
                        const struct corefile_words *words, void *target)
{
	(void)option;
	(void)target;
	if (strcmp(words->list[1].text, "continuously") == 0)
		corefile_refuse(reader, words, 1, "not supported: only until-ready is");
	else if (strcmp(words->list[1].text, "until-ready") != 0)
		corefile_refuse(reader, words, 1, "expected until-ready");
}

void directive_ready(struct corefile_reader *reader, const struct corefile_directive *directive,
                     struct server_block *block)
{
	static const struct corefile_option options[] = {
		COREFILE_OPTION("monitor", set_monitor, 1, 1, "until-ready"),
	};

	block->ready.address = read_endpoint(reader, directive, HTTP_READY);
	corefile_read_options(reader, directive, OPTIONS(options), block);
}

void directive_reload(struct corefile_reader *reader, const struct corefile_directive *directive,
                      struct server_block *block)
{
	const struct corefile_words *line = &directive->line;

	block->reload.present = true;
	block->reload.interval = 30 * SECOND;
	block->reload.jitter = 15 * SECOND;
	if (line->count > 1)
		(void)corefile_duration(reader, line, 1, 2 * SECOND, DAY, &block->reload.interval);
	if (line->count > 2 && corefile_duration(reader, line, 2, 0, DAY, &block->reload.jitter) &&
	    block->reload.jitter > 0 && block->reload.jitter < SECOND)
		corefile_refuse(reader, line, 2, "expected 0, or 1s and more");
	if (block->reload.jitter > block->reload.interval / 2)
		block->reload.jitter = block->reload.interval / 2;
}

void directive_timeouts(struct corefile_reader *reader, const struct corefile_directive *directive,
                        struct server_block *block)
{
#define TIMEOUT(member)                                                                            \
	COREFILE_DURATION(#member, offsetof(struct server_block, timeouts.member), SECOND, DAY)
	static const struct corefile_option options[] = {
		TIMEOUT(read),
		TIMEOUT(write),
		TIMEOUT(idle),
		COREFILE_UNSUPPORTED("maxtcpqueries", "a connection may ask as often as it likes"),
	};

	if (directive->option_count == 0)
		corefile_refuse(reader, &directive->line, 0,
		                "expected read, write or idle in braces");
	corefile_read_options(reader, directive, OPTIONS(options), block);
}
