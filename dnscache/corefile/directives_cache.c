/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "dnscache/corefile/directives.h"

#define SUCCESS_MAX 3600 /* seconds */
#define DENIAL_MAX 1800
#define FAILURE 5
#define FAILURE_MAX 300 /* RFC 2308 §7.1 */
#define TTL_MAX 0x7fffffffU
#define STALE_TIMEOUT 1800   /* ms: RFC 8767 §5 */
#define STALE_MAX 604800000U /* ms: a week */
#define HOUR 3600000U
#define MINUTE 60000U
#define SECOND 1000U

static void warn_capacity(struct corefile_reader *reader, const struct corefile_words *words)
{
	static const char said[] = "a capacity has no effect: one cache serves all zones, and "
				   "dns.memory is its size";

	for (size_t i = 0; i < reader->warnings.count; i++) {
		if (strstr(((const char **)reader->warnings.items)[i], said))
			return;
	}
	corefile_warn(reader, &words->list[0], "cache: %s: %s", words->list[0].text, said);
}

/* "CAPACITY [TTL [MINTTL]]" */
static void set_limits(struct corefile_reader *reader, const struct corefile_words *words,
                       uint32_t *max, uint32_t *min)
{
	uint32_t capacity;

	if (corefile_number(reader, words, 1, 0, UINT32_MAX, &capacity))
		warn_capacity(reader, words);
	if (words->count > 2)
		(void)corefile_number(reader, words, 2, 1, TTL_MAX, max);
	if (words->count > 3)
		(void)corefile_number(reader, words, 3, 0, TTL_MAX, min);
	if (*min > *max) {
		corefile_warn(reader, &words->list[0],
		              "cache: %s: the least TTL is above the largest, which goes first",
		              words->list[0].text);
		*min = *max;
	}
}

static void set_success(struct corefile_reader *reader, const struct corefile_option *option,
                        const struct corefile_words *words, void *target)
{
	struct cache_settings *cache = target;

	(void)option;
	set_limits(reader, words, &cache->lifetimes.success_max, &cache->lifetimes.success_min);
}

static void set_denial(struct corefile_reader *reader, const struct corefile_option *option,
                       const struct corefile_words *words, void *target)
{
	struct cache_settings *cache = target;

	(void)option;
	set_limits(reader, words, &cache->lifetimes.denial_max, &cache->lifetimes.denial_min);
}

static void read_percentage(struct corefile_reader *reader, const struct corefile_words *words,
                            uint8_t *ret)
{
	const char *text = words->list[3].text;
	size_t digits = strspn(text, "0123456789");
	unsigned long number = digits == 2 ? strtoul(text, NULL, 10) : 0;

	if (number < 10 || number > 90 || strcmp(text + digits, "%") != 0)
		corefile_refuse(reader, words, 3, "expected a percentage, 10%% to 90%%");
	*ret = (uint8_t)number;
}

static void set_prefetch(struct corefile_reader *reader, const struct corefile_option *option,
                         const struct corefile_words *words, void *target)
{
	struct cache_settings *cache = target;
	uint32_t duration;

	(void)option;
	(void)corefile_number(reader, words, 1, 0, UINT32_MAX, &cache->prefetch.amount);
	cache->prefetch.percentage = 10;
	if (words->count > 2 && corefile_duration(reader, words, 2, 1, 24 * HOUR, &duration))
		corefile_warn(reader, &words->list[2],
		              "cache: prefetch: a duration has no effect: uses are counted since "
		              "the answer came");
	if (words->count > 3)
		read_percentage(reader, words, &cache->prefetch.percentage);
}

static void set_serve_stale(struct corefile_reader *reader, const struct corefile_option *option,
                            const struct corefile_words *words, void *target)
{
	struct cache_settings *cache = target;
	const char *mode = words->count > 2 ? words->list[2].text : "verify";
	uint32_t duration = HOUR;

	(void)option;
	cache->stale.present = true;
	cache->stale.client_timeout = STALE_TIMEOUT;
	if (words->count > 1)
		(void)corefile_duration(reader, words, 1, 0, STALE_MAX, &duration);
	cache->stale.duration = (duration + SECOND - 1) / SECOND;
	cache->stale.immediate = strcasecmp(mode, "immediate") == 0;
	if (!cache->stale.immediate && strcasecmp(mode, "verify") != 0)
		corefile_refuse(reader, words, 2, "expected immediate or verify");
	if (words->count > 3 && cache->stale.immediate)
		corefile_refuse(reader, words, 3, "expected nothing behind immediate");
	else if (words->count > 3)
		(void)corefile_duration(reader, words, 3, 0, MINUTE, &cache->stale.client_timeout);
}

static void set_servfail(struct corefile_reader *reader, const struct corefile_option *option,
                         const struct corefile_words *words, void *target)
{
	struct cache_settings *cache = target;
	uint32_t duration = 0;

	(void)option;
	(void)corefile_duration(reader, words, 1, 0, FAILURE_MAX * SECOND, &duration);
	cache->lifetimes.failure = (duration + SECOND - 1) / SECOND;
}

static void set_disable(struct corefile_reader *reader, const struct corefile_option *option,
                        const struct corefile_words *words, void *target)
{
	struct cache_settings *cache = target;
	bool denial = strcmp(words->list[1].text, "denial") == 0;

	(void)option;
	if (!denial && strcmp(words->list[1].text, "success") != 0)
		corefile_refuse(reader, words, 1, "expected success or denial");
	*(denial ? &cache->disable_denial : &cache->disable_success) = true;
	corefile_zones(reader, words, 2, &cache->disabled_zones[denial],
	               &cache->disabled_zone_count[denial]);
}

/* "[TTL] [ZONES…]" */
static void read_line(struct corefile_reader *reader, const struct corefile_words *line,
                      struct cache_settings *cache)
{
	const char *text = line->count > 1 ? line->list[1].text : "";
	uint32_t ttl;

	if (text[0] == '\0' || strspn(text, "-0123456789") != strlen(text)) {
		corefile_zones(reader, line, 1, &cache->zones, &cache->zone_count);
		return;
	}
	if (corefile_number(reader, line, 1, 1, TTL_MAX, &ttl)) {
		cache->lifetimes.success_max = ttl;
		cache->lifetimes.denial_max = ttl;
	}
	corefile_zones(reader, line, 2, &cache->zones, &cache->zone_count);
}

void directive_cache(struct corefile_reader *reader, const struct corefile_directive *directive,
                     struct server_block *block)
{
	static const struct corefile_option options[] = {
		COREFILE_OPTION("success", set_success, 1, 3, "CAPACITY [TTL [MINTTL]]"),
		COREFILE_OPTION("denial", set_denial, 1, 3, "CAPACITY [TTL [MINTTL]]"),
		COREFILE_OPTION("prefetch", set_prefetch, 1, 3, "AMOUNT [DURATION [PERCENTAGE%]]"),
		COREFILE_OPTION("serve_stale", set_serve_stale, 0, 3,
	                        "[DURATION [immediate|verify [TIMEOUT]]]"),
		COREFILE_UNSUPPORTED("serve_stale_policy",
	                             "an answer from upstream is served as it is"),
		COREFILE_OPTION("servfail", set_servfail, 1, 1, "DURATION"),
		COREFILE_OPTION("disable", set_disable, 1, COREFILE_MANY,
	                        "success|denial [ZONES…]"),
		COREFILE_FLAG("keepttl", offsetof(struct cache_settings, lifetimes.keep_ttl)),
	};

	block->cache.present = true;
	block->cache.lifetimes = (struct dns_lifetimes){
		.success_max = SUCCESS_MAX, .denial_max = DENIAL_MAX, .failure = FAILURE};
	read_line(reader, &directive->line, &block->cache);
	corefile_read_options(reader, directive, options, sizeof(options) / sizeof(options[0]),
	                      &block->cache);
}
