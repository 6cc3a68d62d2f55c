/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <time.h>

#include "dnscache/plugin/loadbalance.h"
#include "dnscache/serve/probe_name.h"
#include "dnscache/tell/query_log.h"
#include "dnscache/serve/worker_parts.h"
#include "dnscache/wire/reply.h"

#define KEEPALIVE_UNIT 100 /* milliseconds, RFC 7828 */
#define HINFO_TTL 3600     /* of the answer to ANY: RFC 8482 §4.2 */
#define STALE_TTL 30       /* seconds, RFC 8767 §4 */

static uint32_t real_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (uint32_t)now.tv_sec;
}

static size_t client_limit(const struct client *client, const struct dns_query *query,
                           uint16_t udp_size)
{
	if (client->connection)
		return DNS_MESSAGE_MAX;
	if (!query->edns.present)
		return DNS_UDP_PLAIN;
	return query->edns.udp_size < udp_size ? query->edns.udp_size : udp_size;
}

void serve_form(const struct worker *worker, const struct client *client,
                const struct dns_query *query, uint16_t udp_size, uint8_t *cookie,
                struct dns_reply_form *ret)
{
	*ret = (struct dns_reply_form){
		.now = worker->now,
		.ede = DNS_EDE_NONE,
		.limit = client_limit(client, query, udp_size),
		.udp_size = udp_size,
	};
	if (query->edns.cookie) {
		dns_cookie_make(worker->shared->cookie_secret, query->edns.cookie,
		                &client->address.any, real_seconds(), cookie);
		ret->cookie = cookie;
	}
	if (client->connection && query->edns.keepalive)
		ret->keepalive =
			(uint16_t)(client->endpoint->first->timeouts.idle / KEEPALIVE_UNIT);
}

void serve_count_reply(struct zone_counters *counters, const struct client *client, size_t size,
                       uint16_t rcode, enum count_source source)
{
	unsigned index = rcode < COUNT_RCODES - 1 ? rcode : COUNT_RCODES - 1;
	count_size(&counters->response_size[client->connection ? COUNT_TCP : COUNT_UDP], size);
	tally_add(&counters->responses[source][index], 1);
}

static void count_query(const struct serving *serving)
{
	const struct client *client = serving->client;
	unsigned protocol = client->connection ? COUNT_TCP : COUNT_UDP;
	unsigned family = client->address.any.sa_family == AF_INET6 ? COUNT_IPV6 : COUNT_IPV4;
	struct zone_counters *counters = serving->counters;
	tally_add(&counters->requests[protocol][family][count_type(serving->query.type)], 1);
	count_size(&counters->request_size[protocol], serving->query.size);
	if (serving->query.edns.dnssec_ok)
		tally_add(&counters->dnssec_ok, 1);
}

static size_t reply_empty(struct serving *serving, uint16_t rcode, bool truncated)
{
	size_t size =
		dns_reply_empty(&serving->query, rcode, truncated, &serving->form, serving->out);
	if (serving->counters)
		serve_count_reply(serving->counters, serving->client, size, rcode, COUNT_FROM_US);
	return size;
}

static size_t refuse(struct serving *serving, enum refusal why, enum dns_ede ede, const char *text)
{
	tally_add(&serving->worker->counters.refused[why], 1);
	serving->form.ede = ede;
	serving->form.ede_text = text;
	return reply_empty(serving, DNS_RCODE_REFUSED, false);
}

/* As CoreDNS counts what it refuses before it looks for a zone, or finds none. */
static void count_dropped(struct serving *serving)
{
	const struct client *client = serving->client;
	serving->counters = client->endpoint->dropped[serving->worker->index];
	count_query(serving);
}

static size_t answer_malformed(struct serving *serving)
{
	static const uint16_t rcodes[] = {
		[DNS_QUERY_FORMERR] = DNS_RCODE_FORMERR,
		[DNS_QUERY_NOTIMP] = DNS_RCODE_NOTIMP,
		[DNS_QUERY_REFUSED] = DNS_RCODE_REFUSED,
		[DNS_QUERY_BADVERS] = DNS_RCODE_BADVERS,
	};
	tally_add(&serving->worker->counters.malformed, 1);
	if (serving->verdict == DNS_QUERY_REFUSED)
		count_dropped(serving);
	if (serving->verdict == DNS_QUERY_REFUSED || serving->verdict == DNS_QUERY_NOTIMP)
		serving->form.ede = DNS_EDE_NOT_SUPPORTED;
	return reply_empty(serving, rcodes[serving->verdict], false);
}

/* DESIGN §6: whom nobody else on this node stops. Returns NULL: the client may ask. */
static const struct branch_client *find_refused(const struct serving *serving)
{
	const struct permissions *permissions = serving->worker->permissions;
	if (!permissions)
		return NULL;
	const struct branch_client *branch =
		branches_find(permissions->branches, &serving->client->address.any);
	if (!branch)
		return NULL;
	bool permitted = serving->client->connection ? branch->tcp : branch->udp;
	return branch->strict || !permitted ? branch : NULL;
}

static size_t refuse_branch(struct serving *serving, const struct branch_client *branch)
{
	/* Workers share these. */
	atomic_fetch_add_explicit(branch->refused, 1, memory_order_relaxed);
	if (branch->strict)
		return refuse(serving, REFUSAL_STRICT, DNS_EDE_PROHIBITED,
		              "strict mode: this pod asks the cluster's DNS itself");
	return refuse(serving, REFUSAL_GROUPS, DNS_EDE_PROHIBITED, branch->reason);
}

/* Whether a client has shown where it is: by a cookie, or by coming over TCP. */
static bool is_known(const struct serving *serving)
{
	const struct dns_query *query = &serving->query;
	return serving->client->connection ||
	       (query->edns.cookie &&
	        dns_cookie_check(serving->worker->shared->cookie_secret, query->edns.cookie,
	                         query->edns.cookie_size, &serving->client->address.any,
	                         real_seconds()) >= DNS_COOKIE_RENEW);
}

/* Who is known has as much again: those who are told to come over TCP are answered there. */
static bool is_too_much(const struct serving *serving)
{
	const struct worker *worker = serving->worker;
	uint64_t now = worker->now_us / 1000;
	struct client_limits *limits = worker->shared->limits;
	return !client_limits_query(limits, serving->hash, now) &&
	       !(is_known(serving) && client_limits_query(limits, ~serving->hash, now));
}

static size_t answer_too_much(struct serving *serving)
{
	if (is_known(serving))
		return refuse(serving, REFUSAL_RATE, DNS_EDE_OTHER, "too many queries");
	tally_add(&serving->worker->counters.refused[REFUSAL_RATE], 1);
	if (serving->query.edns.cookie)
		return reply_empty(serving, DNS_RCODE_BADCOOKIE, false);
	return reply_empty(serving, DNS_RCODE_NOERROR, true);
}

static void make_key(struct serving *serving)
{
	const struct dns_query *query = &serving->query;
	const struct server_block *block = serving->zone->block->settings;
	uint8_t flags = 0;
	if (query->edns.dnssec_ok)
		flags |= DNS_KEY_DO;
	if (query->flags & DNS_FLAG_CD)
		flags |= DNS_KEY_CD;
	/* RFC 6147 §5.5: who validates by himself gets what there is. */
	if (block->dns64.present && query->type == DNS_TYPE_AAAA &&
	    flags != (DNS_KEY_DO | DNS_KEY_CD) &&
	    (block->dns64.allow_ipv4 || serving->client->address.any.sa_family == AF_INET6))
		flags |= DNS_KEY_DNS64;
	serving->key = (struct cache_key){
		.partition = block->partition,
		.type = query->type,
		.flags = flags,
		.name_length = query->name.length,
		.name = query->name.wire,
	};
	serving->key.hash = cache_key_hash(serving->worker->shared->cache, &serving->key);
}

static size_t reply_cached(struct serving *serving)
{
	struct worker *worker = serving->worker;
	const struct server_block *block = serving->zone->block->settings;
	const struct dns_answer *answer = worker->scratch;
	serving->form.keep_ttl = block->cache.lifetimes.keep_ttl;
	if (answer->kind == DNS_KIND_FAILURE)
		serving->form.ede = DNS_EDE_CACHED_ERROR;
	size_t size = dns_reply(&serving->query, answer, &serving->form, serving->out);
	if (block->loadbalance)
		loadbalance_rotate(serving->out, size, worker->turn++);
	tally_add(&serving->counters->cache_hits[answer->kind != DNS_KIND_SUCCESS], 1);
	serve_count_reply(serving->counters, serving->client, size, answer->rcode,
	                  COUNT_FROM_CACHE);
	return size;
}

static size_t reply_stale(struct serving *serving)
{
	bool denial = serving->worker->scratch->rcode == DNS_RCODE_NXDOMAIN;
	serving->form.stale_ttl = STALE_TTL;
	serving->form.ede = denial ? DNS_EDE_STALE_NXDOMAIN : DNS_EDE_STALE;
	tally_add(&serving->counters->cache_stale, 1);
	return reply_cached(serving);
}

static bool is_stale_good(const struct serving *serving)
{
	const struct cache_settings *cache = &serving->zone->block->settings->cache;
	const struct dns_answer *answer = serving->worker->scratch;
	return cache->stale.present && answer->kind <= DNS_KIND_DENIAL &&
	       dns_answer_age(answer, serving->worker->now) - answer->lifetime <
	               cache->stale.duration;
}

/* Little of its time is left, and it was of use: it is asked again before anybody has to wait. */
static bool is_prefetch_due(const struct serving *serving, unsigned uses)
{
	const struct cache_settings *cache = &serving->zone->block->settings->cache;
	const struct dns_answer *answer = serving->worker->scratch;
	if (cache->prefetch.amount == 0 || uses < cache->prefetch.amount ||
	    answer->kind > DNS_KIND_DENIAL)
		return false;
	uint32_t left = answer->lifetime - dns_answer_age(answer, serving->worker->now);
	return (uint64_t)left * 100 <= (uint64_t)answer->lifetime * cache->prefetch.percentage;
}

/* RFC 8767 §5: the upstream is asked first, for a while; but not again right after it failed. */
static bool is_stale_at_once(const struct serving *serving)
{
	return serving->zone->block->settings->cache.stale.immediate ||
	       failures_hold(serving->worker->shared->failures, serving->key.hash,
	                     serving->worker->now);
}

static size_t ask(struct serving *serving, bool stale)
{
	struct worker *worker = serving->worker;
	switch (task_wait(worker, serving->zone, &serving->key, &serving->query, serving->client,
	                  stale)) {
	case TASK_WAITING:
		return 0;
	case TASK_NOT_THIS:
		return refuse(serving, REFUSAL_OUTSTANDING, DNS_EDE_OTHER,
		              "too many queries of this client are waiting");
	case TASK_NO_ROOM:
		break;
	}
	tally_add(&worker->counters.overloaded, 1);
	if (stale)
		return reply_stale(serving);
	serving->form.ede = DNS_EDE_NOT_READY;
	serving->form.ede_text = "too many queries are waiting";
	return reply_empty(serving, DNS_RCODE_SERVFAIL, false);
}

static size_t look_up(struct serving *serving)
{
	struct worker *worker = serving->worker;
	const struct cache_key *key = &serving->key;
	unsigned uses = 0;
	bool found = false, stale = false;
	tally_add(&serving->counters->cache_requests, 1);
	if (plan_is_cached(serving->zone->block, &serving->query.name))
		found = cache_get(worker->shared->cache, key, worker->scratch, DNS_ANSWER_MAX, NULL,
		                  &uses);
	if (found && dns_answer_fresh(worker->scratch, worker->now)) {
		if (is_prefetch_due(serving, uses) &&
		    task_refresh(worker, serving->zone, key, &serving->query))
			tally_add(&serving->counters->cache_prefetches, 1);
		return reply_cached(serving);
	}
	if (!(serving->query.flags & DNS_FLAG_RD))
		return refuse(serving, REFUSAL_RECURSION, DNS_EDE_NOT_AUTHORITATIVE, NULL);
	stale = found && is_stale_good(serving);
	if (stale && is_stale_at_once(serving)) {
		(void)task_refresh(worker, serving->zone, key, &serving->query);
		return reply_stale(serving);
	}
	tally_add(&serving->counters->cache_misses, 1);
	return ask(serving, stale);
}

/* RFC 8482: an amplifier's favourite gets one small record. */
static size_t answer_any(struct serving *serving)
{
	static const uint8_t hinfo[] = {7, 'R', 'F', 'C', '8', '4', '8', '2', 0};
	struct {
		struct dns_answer answer;
		uint16_t ttl_at[1];
		uint8_t body[2 + 10 + sizeof(hinfo)];
		uint8_t padding[8];
	} made = {.answer = {.lifetime = HINFO_TTL, .born = serving->worker->now}};
	uint8_t *body = made.body;
	dns_put_u16(body, 0xc000 | DNS_HEADER_SIZE);
	dns_put_u16(body + 2, DNS_TYPE_HINFO);
	dns_put_u16(body + 4, DNS_CLASS_IN);
	dns_put_u32(body + 6, HINFO_TTL);
	dns_put_u16(body + 10, sizeof(hinfo));
	memcpy(body + 12, hinfo, sizeof(hinfo));
	made.ttl_at[0] = (uint16_t)(dns_query_body(&serving->query) + 6);
	made.answer.ttl_count = 1;
	made.answer.counts[DNS_ANSWER] = 1;
	made.answer.body_size = sizeof(made.body);
	made.answer.size = sizeof(made);
	size_t size = dns_reply(&serving->query, &made.answer, &serving->form, serving->out);
	serve_count_reply(serving->counters, serving->client, size, 0, COUNT_FROM_US);
	return size;
}

static bool is_loop(const struct serving *serving)
{
	const struct dns_name *loop = &serving->zone->block->loop_name;
	return serving->query.type == DNS_TYPE_HINFO && loop->length > 0 &&
	       loop->length == serving->query.name.length &&
	       memcmp(loop->wire, serving->query.name.wire, loop->length) == 0;
}

/* `bufsize` is the block's; before, the form has that of the first block of the endpoint. */
static void follow_bufsize(struct serving *serving)
{
	uint16_t size = serving->zone->block->settings->bufsize;
	if (size == serving->form.udp_size)
		return;
	serving->form.udp_size = size;
	serving->form.limit = client_limit(serving->client, &serving->query, size);
}

static size_t answer_in_zone(struct serving *serving)
{
	const struct branch_client *refused = find_refused(serving);
	follow_bufsize(serving);
	serving->counters = serving->zone->counters[serving->worker->index];
	count_query(serving);
	if (refused)
		return refuse_branch(serving, refused);
	serving->hash = client_hash(serving->worker->shared->limits, &serving->client->address.any);
	if (is_too_much(serving))
		return answer_too_much(serving);
	if (is_loop(serving)) {
		atomic_store(&serving->zone->block->loop_seen, true);
		return reply_empty(serving, DNS_RCODE_SERVFAIL, false);
	}
	if (serving->query.type == DNS_TYPE_ANY)
		return answer_any(serving);
	return look_up(serving);
}

static size_t answer(struct serving *serving)
{
	if (serving->verdict != DNS_QUERY_GOOD)
		return answer_malformed(serving);
	if (probe_name_equal(&serving->query.name))
		return reply_empty(serving, DNS_RCODE_NOERROR, false);
	if (serving->zone)
		return answer_in_zone(serving);
	count_dropped(serving);
	return refuse(serving, REFUSAL_ZONE, DNS_EDE_NOT_AUTHORITATIVE, NULL);
}

static bool is_cached_zone(const struct serving *serving)
{
	return serving->zone && serving->zone->block->settings->cache.present;
}

void serve_begin(struct serving *serving, struct worker *worker, const struct client *client,
                 const uint8_t *packet, size_t size)
{
	serving->worker = worker;
	serving->client = client;
	serving->counters = NULL;
	serving->zone = NULL;
	serving->verdict = dns_query_read(packet, size, &serving->query);
	if (serving->verdict == DNS_QUERY_GOOD)
		serving->zone =
			plan_zone_find(client->endpoint, &serving->query.name, serving->query.type);
	if (!serving->zone)
		return;
	make_key(serving);
	if (is_cached_zone(serving))
		cache_prefetch(worker->shared->cache, serving->key.hash);
}

void serve_prefetch(const struct serving *serving)
{
	if (is_cached_zone(serving))
		cache_prefetch_answer(serving->worker->shared->cache, serving->key.hash);
}

size_t serve_end(struct serving *serving, uint8_t *out, size_t room, struct zone_counters **counted)
{
	struct worker *worker = serving->worker;
	const struct client *client = serving->client;
	*counted = NULL;
	if (serving->verdict == DNS_QUERY_DROP) {
		tally_add(&worker->counters.dropped, 1);
		return 0;
	}
	serving->out = out;
	serve_form(worker, client, &serving->query, client->endpoint->first->bufsize,
	           serving->cookie, &serving->form);
	if (serving->form.limit > room)
		serving->form.limit = room;
	size_t written = answer(serving);
	if (written == 0)
		return 0;
	*counted = serving->counters;
	if (serving->counters && serving->zone && serving->zone->block->settings->log.present)
		query_log(&serving->zone->block->settings->log, client, &serving->query, out,
		          written, worker->now_us - client->received);
	return written;
}
