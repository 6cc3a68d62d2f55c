/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "common/name_distance.h"
#include "dnscache/corefile/directives.h"

/* Where every word may cost a system call. */
#define WORDS_MAX 64
#define TTL_MAX 0x7fffffffU

struct rule {
	const char *name;
	void (*read)(struct corefile_reader *reader, const struct corefile_directive *directive,
	             struct server_block *block);
	uint32_t min, max; /* words behind the name */
	bool options;      /* may have braces */
	bool again;        /* may be there more than once */
	const char *usage;
};

/* In the order of the alphabet. */
static const struct rule rules[] = {
	{"bind", directive_bind, 1, WORDS_MAX, true, true, " ADDRESS|INTERFACE…"},
	{"bufsize", directive_bufsize, 0, 1, false, false, " [SIZE]"},
	{"cache", directive_cache, 0, COREFILE_MANY, true, false, " [TTL] [ZONES…]"},
	{"debug", directive_debug, 0, 0, false, true, " alone"},
	{"dns64", directive_dns64, 0, 1, true, false, " [PREFIX]"},
	{"errors", directive_errors, 0, 1, true, false, " [stdout]"},
	{"forward", directive_forward, 2, WORDS_MAX, true, true, " FROM TO…"},
	{"health", directive_health, 0, 1, true, true, " [ADDRESS:PORT]"},
	{"hosts", directive_hosts, 0, COREFILE_MANY, true, false, " [FILE [ZONES…]]"},
	{"loadbalance", directive_loadbalance, 0, COREFILE_MANY, true, false, " [round_robin]"},
	{"log", directive_log, 0, COREFILE_MANY, true, false, " [NAMES…] [FORMAT]"},
	{"loop", directive_loop, 0, 0, false, false, " alone"},
	{"prometheus", directive_prometheus, 0, 1, true, false, " [ADDRESS:PORT]"},
	{"ready", directive_ready, 0, 1, true, false, " [ADDRESS:PORT]"},
	{"reload", directive_reload, 0, 2, false, false, " [INTERVAL [JITTER]]"},
	{"rewrite", directive_rewrite, 0, COREFILE_MANY, true, true, " [continue|stop] FIELD …"},
	{"template", directive_template, 2, COREFILE_MANY, true, true, " CLASS TYPE [ZONES…]"},
	{"timeouts", directive_timeouts, 0, 0, true, false, " alone"},
};
#define RULES (sizeof(rules) / sizeof(rules[0]))
_Static_assert(RULES <= 8 * sizeof(((struct corefile_reader *)NULL)->seen), "a bit a directive");

const char corefile_plugins[] = "bind\nbufsize\ncache\ndebug\ndns64\nerrors\nforward\nhealth\nhosts"
				"\nimport\nloadbalance\nlog\n"
				"loop\nprometheus\nready\nreload\nrewrite\ntemplate\ntimeouts\n";

/* CoreDNS's own, up to date with its plugin.cfg. */
static const char *const others[] = {
	"acl",         "any",          "auto",       "autopath",    "azure",    "cancel",
	"chaos",       "clouddns",     "dnssec",     "dnstap",      "erratic",  "etcd",
	"file",        "geoip",        "grpc",       "grpc_server", "header",   "https",
	"https3",      "k8s_external", "kubernetes", "local",       "metadata", "minimal",
	"multisocket", "nomad",        "nsid",       "on",          "pprof",    "proxyproto",
	"quic",        "root",         "route53",    "secondary",   "shed",     "sign",
	"tls",         "trace",        "transfer",   "tsig",        "view",     "whoami",
};

static const struct rule *find(const char *name)
{
	for (size_t i = 0; i < RULES; i++) {
		if (strcmp(rules[i].name, name) == 0)
			return &rules[i];
	}
	return NULL;
}

static const char *find_nearest(const char *name)
{
	const char *nearest = NULL;
	size_t nearest_distance = 3;

	for (size_t i = 0; i < RULES; i++) {
		size_t length = strlen(rules[i].name);
		size_t distance = name_distance(name, rules[i].name, length);

		if (distance < nearest_distance && distance < length) {
			nearest = rules[i].name;
			nearest_distance = distance;
		}
	}
	return nearest;
}

static void refuse_unknown(struct corefile_reader *reader, const struct corefile_token *token)
{
	const char *nearest = find_nearest(token->text);

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		if (strcmp(others[i], token->text) == 0) {
			corefile_refuse_at(reader, token, token->text, "not supported");
			return;
		}
	}
	if (nearest)
		corefile_refuse_at(reader, token, token->text,
		                   "unknown directive, did you mean %s?", nearest);
	else
		corefile_refuse_at(reader, token, token->text, "unknown directive");
}

void corefile_read_directive(struct corefile_reader *reader,
                             const struct corefile_directive *directive, struct server_block *block)
{
	const struct corefile_words *line = &directive->line;
	const struct rule *rule = find(line->list[0].text);
	uint32_t bit;

	if (!rule) {
		refuse_unknown(reader, &line->list[0]);
		return;
	}
	bit = 1U << (rule - rules);
	reader->directive = rule->name;
	if (!rule->again && (reader->seen & bit))
		corefile_refuse(reader, line, 0, "given twice in this block");
	else if (line->count - 1 < rule->min || line->count - 1 > rule->max)
		corefile_refuse(reader, line, 0, "expected %s%s", rule->name, rule->usage);
	else if (directive->option_count > 0 && !rule->options)
		corefile_refuse(reader, line, 0, "takes no options");
	else
		rule->read(reader, directive, block);
	reader->seen |= bit;
	reader->directive = NULL;
}

/* What a block that says nothing of it has. */
static void set_default(uint32_t *value, uint32_t otherwise)
{
	if (*value == 0)
		*value = otherwise;
}

void corefile_finish_block(struct corefile_reader *reader, struct server_block *block)
{
	reader->seen = 0;
	/* Nothing is kept, and nothing cuts the TTLs that are passed on. */
	if (!block->cache.present) {
		block->cache.lifetimes.success_max = TTL_MAX;
		block->cache.lifetimes.denial_max = TTL_MAX;
	}
	if (block->bufsize == 0)
		block->bufsize = DNS_UDP_DEFAULT;
	set_default(&block->timeouts.read, 3000);
	set_default(&block->timeouts.write, 5000);
	set_default(&block->timeouts.idle, 10000);
	block->partition = corefile_partition(block);
}
