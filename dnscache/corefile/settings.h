/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_COREFILE_SETTINGS_H
#define PODSG_COREFILE_SETTINGS_H

/*
 * What a Corefile says, checked and with defaults filled in: plain data that the plugins read.
 * Everything lives in the arena of its struct corefile. Durations are milliseconds, TTLs seconds.
 */

#include "common/address.h"
#include "dnscache/plugin/pattern.h"
#include "dnscache/wire/answer.h"
#include "dnscache/wire/name.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cache_settings {
	bool present;           /* no `cache` line: every query goes upstream */
	struct dns_name *zones; /* only names in them are kept; none = all of the block */
	size_t zone_count;
	struct dns_lifetimes lifetimes;
	bool disable_success, disable_denial; /* `disable`: for the zones below, or all */
	struct dns_name *disabled_zones[2];   /* success, denial; none = all of the block */
	size_t disabled_zone_count[2];
	struct {
		bool present;
		uint32_t duration; /* seconds behind its end that an answer is still good for */
		bool immediate;    /* served at once; default here is to ask upstream first */
		uint32_t client_timeout; /* ms until the stale one is told: RFC 8767 §5: 1800 */
	} stale;
	struct {
		uint32_t amount;    /* uses that make an answer worth it; 0 = off */
		uint8_t percentage; /* of the TTL, when less is left */
	} prefetch;
};

enum forward_policy { FORWARD_RANDOM, FORWARD_ROUND_ROBIN, FORWARD_SEQUENTIAL };
#define FORWARD_UPSTREAMS_MAX 15

struct forward_settings {
	struct dns_name from;
	struct sockaddr_in6
		*upstreams; /* AF_INET6, or AF_INET in the same room: sin6_family says */
	size_t upstream_count;
	struct dns_name *except; /* not sent on: answered REFUSED if nothing else serves it */
	size_t except_count;
	bool force_tcp;
	bool prefer_udp;
	enum forward_policy policy;
	uint32_t max_fails;       /* 0: never taken for down */
	uint32_t health_interval; /* ms; checks run only after an error */
	bool health_no_rec;       /* RD=0 in health checks */
	struct dns_name health_domain;
	uint32_t expire;         /* ms an idle TCP connection is kept */
	uint32_t max_concurrent; /* 0: the daemon's own limit alone */
	uint16_t *failover;      /* rcodes that make us ask the next one */
	size_t failover_count;
	bool failfast; /* failfast_all_unhealthy_upstreams */
};

struct hosts_settings {
	const char *path; /* NULL: only inline entries */
	const char **inline_lines;
	size_t inline_count;
	struct dns_name *origins; /* none = the block's zones */
	size_t origin_count;
	uint32_t ttl;
	uint32_t reload; /* ms; 0 = never */
	bool no_reverse;
	bool fallthrough; /* with zones: for those only */
	struct dns_name *fallthrough_zones;
	size_t fallthrough_count;
};

enum rewrite_field {
	REWRITE_NAME,
	REWRITE_TYPE,
	REWRITE_CLASS,
	REWRITE_TTL,
	REWRITE_RCODE,
	REWRITE_EDNS0,
	REWRITE_CNAME
};
enum rewrite_match {
	REWRITE_EXACT,
	REWRITE_PREFIX,
	REWRITE_SUFFIX,
	REWRITE_SUBSTRING,
	REWRITE_REGEX
};

struct rewrite_answer { /* `answer name|value REGEX TEXT`; `answer auto` */
	bool value;
	const struct pattern *pattern;
	const char *replacement;
};

struct rewrite_rule {
	unsigned line;
	bool go_on; /* continue instead of stop */
	enum rewrite_field field;
	enum rewrite_match match;
	const char *from;              /* as written; names without the final dot, lower case */
	const char *to;                /* {0}, {1}, … are groups of a regex */
	const struct pattern *pattern; /* REWRITE_REGEX */
	bool answer_auto;
	struct rewrite_answer *answers;
	size_t answer_count;
	uint16_t from_number, to_number; /* type, class, rcode */
	uint32_t ttl_min, ttl_max;       /* REWRITE_TTL */
};

struct template_settings {
	uint16_t class; /* DNS_CLASS_IN or DNS_CLASS_ANY */
	uint16_t type;  /* DNS_TYPE_ANY = every type */
	struct dns_name *zones;
	size_t zone_count;
	const struct pattern **matches; /* none = every name */
	const char *const *match_texts;
	size_t match_count;
	const char **answers, **authorities, **additionals; /* Go templates, checked at load */
	size_t answer_count, authority_count, additional_count;
	uint16_t rcode;
	int ede; /* enum dns_ede */
	const char *ede_text;
	bool fallthrough;
	struct dns_name *fallthrough_zones;
	size_t fallthrough_count;
};

struct dns64_settings {
	bool present;
	struct prefix prefix; /* 64:ff9b::/96 */
	bool translate_all;
	bool allow_ipv4;
};

struct log_settings {
	bool present;
	struct dns_name *names; /* none = all */
	size_t name_count;
	const char *format; /* {common}, {combined} or own, as CoreDNS has them */
	unsigned classes;   /* bits of 1 << enum log_class */
};
enum log_class { LOG_CLASS_SUCCESS, LOG_CLASS_DENIAL, LOG_CLASS_ERROR, LOG_CLASS_ALL };

struct errors_settings {
	bool present;
	struct errors_consolidation {
		uint32_t duration;
		const struct pattern *pattern;
		const char *text;
		int level; /* enum log_level */
	} * consolidations;
	size_t consolidation_count;
	bool stacktrace; /* accepted, means nothing here */
};

/* One server block. */
struct server_block {
	unsigned line;
	const char *file;
	struct dns_name *zones;
	size_t zone_count;
	uint16_t port;
	struct prefix *binds; /* whole addresses; none = all addresses of the node */
	size_t bind_count;
	uint32_t partition; /* hash of all that decides what an answer is: see cache_key */
	struct cache_settings cache;
	struct forward_settings *forwards; /* in the order written; the longest `from` serves */
	size_t forward_count;
	struct hosts_settings *hosts; /* NULL: none */
	struct rewrite_rule *rewrites;
	size_t rewrite_count;
	struct template_settings *templates;
	size_t template_count;
	struct dns64_settings dns64;
	struct log_settings log;
	struct errors_settings errors;
	bool loadbalance;
	bool debug;
	bool loop;
	uint16_t bufsize; /* 1232 */
	struct {
		uint32_t read, write, idle;
	} timeouts;
	struct {
		const char *address; /* NULL: no `prometheus` line */
	} prometheus;
	struct {
		const char *address; /* NULL: no `health` line */
		uint32_t lameduck;
	} health;
	struct {
		const char *address; /* NULL: no `ready` line */
	} ready;
	struct {
		bool present;
		uint32_t interval, jitter;
	} reload;
};

struct corefile {
	struct server_block *blocks;
	size_t block_count;
	const char *text;   /* after placeholders and imports, without comments */
	uint8_t sha512[64]; /* of it and of the upstreams that other files name */
	struct arena *arena;
	const char *const *paths; /* every file and directory that was read: reload looks at them */
	size_t path_count;
	const char *const *warnings; /* accepted, but without effect here: "FILE:LINE: …" */
	size_t warning_count;
};

#endif
