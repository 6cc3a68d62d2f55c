/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dnscache/forward/exchange.h"

#define TRY_MIN 50 /* ms: with less than that left, nobody is asked any more */

struct exchange {
	struct forwarder *forwarder;
	LIST_ENTRY(exchange) link;
	STAILQ_ENTRY(exchange) due;
	struct dns_question question;
	forward_done *done;
	void *context;
	uint64_t deadline, try_deadline; /* uv_now() */
	uint64_t sent_at;                /* nanoseconds */
	bool by_tcp;                     /* to begin with */
	uint8_t order[FORWARD_UPSTREAMS_MAX];
	uint8_t order_count;
	uint8_t at;        /* in order: whom the try is for */
	uint16_t hopeless; /* bits of order: no use in asking again */
	struct flight *flight;
	struct { /* of what is sent to this upstream */
		bool tcp;
		bool edns;
		bool formerr;  /* it answered FORMERR to EDNS */
		bool repeated; /* after a lost connection */
	} try;
	enum forward_outcome outcome; /* if nothing better comes */
	struct {                      /* an answer that is better than none */
		uint8_t *message;
		size_t size;
		const struct sockaddr *upstream;
		bool tcp;
	} saved;
};

static struct upstream *upstream_of(const struct exchange *exchange)
{
	return &exchange->forwarder->upstreams[exchange->order[exchange->at]];
}

static const struct sockaddr *address_of(const struct exchange *exchange)
{
	return (const struct sockaddr *)upstream_of(exchange)->place.address;
}

static void finish(struct exchange *exchange, struct forward_result *result)
{
	if (result->outcome != FORWARD_ANSWERED && result->outcome != FORWARD_CANCELLED &&
	    exchange->saved.message)
		*result = (struct forward_result){
			.outcome = FORWARD_ANSWERED,
			.message = exchange->saved.message,
			.size = exchange->saved.size,
			.upstream = exchange->saved.upstream,
			.tcp = exchange->saved.tcp,
		};
	LIST_REMOVE(exchange, link);
	exchange->forwarder->in_flight--;
	exchange->done(exchange->context, result);
	free(exchange->saved.message);
	free(exchange);
}

static void finish_without(struct exchange *exchange)
{
	struct forward_result result = {
		.outcome = exchange->outcome,
		.upstream = address_of(exchange),
		.tcp = exchange->try.tcp,
	};
	finish(exchange, &result);
}

/* Without memory the exchange goes on as if there had been no answer. */
static void save(struct exchange *exchange, const uint8_t *message, size_t size)
{
	uint8_t *copy = malloc(size);
	if (!copy)
		return;
	memcpy(copy, message, size);
	free(exchange->saved.message);
	exchange->saved.message = copy;
	exchange->saved.size = size;
	exchange->saved.upstream = address_of(exchange);
	exchange->saved.tcp = exchange->try.tcp;
}

static void make_due(struct exchange *exchange)
{
	STAILQ_INSERT_TAIL(&exchange->forwarder->due, exchange, due);
}

static void meet_upstream(struct exchange *exchange)
{
	exchange->try.tcp = exchange->by_tcp;
	exchange->try.edns = !upstream_plain(upstream_of(exchange));
	exchange->try.formerr = false;
	exchange->try.repeated = false;
}

static bool time_left(const struct exchange *exchange)
{
	return uv_now(exchange->forwarder->loop) + TRY_MIN <= exchange->deadline;
}

/* To the next that may still answer, round and round; false: there is none, or no time. */
static bool turn_to_next(struct exchange *exchange)
{
	for (unsigned i = 0; i < exchange->order_count && time_left(exchange); i++) {
		exchange->at = (uint8_t)((exchange->at + 1) % exchange->order_count);
		if (exchange->hopeless & 1U << exchange->at)
			continue;
		meet_upstream(exchange);
		return true;
	}
	return false;
}

/* After a truncated answer it was TCP that failed: the client can try that itself. */
static bool only_tcp_failed(const struct exchange *exchange)
{
	return exchange->saved.message && exchange->try.tcp && !exchange->saved.tcp &&
	       exchange->saved.upstream == address_of(exchange);
}

/* Whoever sends garbage to our UDP socket must not be able to make us give up. */
static bool may_still_answer(const struct exchange *exchange, enum forward_outcome outcome)
{
	return !exchange->saved.message &&
	       (outcome == FORWARD_TIMED_OUT || (outcome == FORWARD_GARBAGE && !exchange->try.tcp));
}

static void try_failed(struct exchange *exchange, enum forward_outcome outcome)
{
	exchange->outcome = outcome;
	upstream_suspect(upstream_of(exchange));
	if (!may_still_answer(exchange, outcome))
		exchange->hopeless |= (uint16_t)(1U << exchange->at);
	if (only_tcp_failed(exchange) || !turn_to_next(exchange))
		finish_without(exchange);
	else
		make_due(exchange);
}

static void connection_lost(struct exchange *exchange)
{
	if (exchange->try.repeated || !time_left(exchange)) {
		try_failed(exchange, FORWARD_UNREACHABLE);
		return;
	}
	exchange->try.repeated = true;
	make_due(exchange);
}

static void count_answer(struct exchange *exchange, unsigned rcode)
{
	struct upstream_counters *counters = &upstream_of(exchange)->counters;
	uint64_t microseconds = (uv_hrtime() - exchange->sent_at) / 1000;
	unsigned bucket = 0;
	while (bucket < FORWARD_BUCKETS - 1 && microseconds > (uint64_t)250 << bucket)
		bucket++;
	forward_count(&counters->responses[rcode], 1);
	forward_count(&counters->duration_bucket[rcode][bucket], 1);
	forward_count(&counters->duration_sum[rcode], microseconds);
}

static bool knows_no_edns(const struct exchange *exchange, const uint8_t *message, unsigned rcode)
{
	return exchange->try.edns && dns_u16(message + 10) == 0 &&
	       (rcode == DNS_RCODE_FORMERR || rcode == DNS_RCODE_NOTIMP);
}

static bool fails_over(const struct exchange *exchange, unsigned rcode)
{
	const struct forward_settings *settings = exchange->forwarder->settings;
	for (size_t i = 0; i < settings->failover_count; i++)
		if (settings->failover[i] == rcode)
			return true;
	return false;
}

static void answered(struct exchange *exchange, const uint8_t *message, size_t size)
{
	unsigned rcode = dns_u16(message + 2) & DNS_FLAGS_RCODE;
	struct upstream *upstream = upstream_of(exchange);
	count_answer(exchange, rcode);
	upstream_answered(upstream);
	if (knows_no_edns(exchange, message, rcode)) {
		exchange->try.edns = false;
		exchange->try.formerr = true;
		make_due(exchange);
		return;
	}
	if (exchange->try.formerr && rcode != DNS_RCODE_FORMERR && rcode != DNS_RCODE_NOTIMP)
		upstream_set_plain(upstream);
	if ((dns_u16(message + 2) & DNS_FLAG_TC) && !exchange->try.tcp) {
		save(exchange, message, size);
		exchange->try.tcp = true;
		make_due(exchange);
		return;
	}
	if (fails_over(exchange, rcode)) {
		exchange->hopeless |= (uint16_t)(1U << exchange->at);
		save(exchange, message, size);
		if (turn_to_next(exchange)) {
			make_due(exchange);
			return;
		}
	}
	struct forward_result result = {
		.outcome = FORWARD_ANSWERED,
		.message = message,
		.size = size,
		.upstream = address_of(exchange),
		.tcp = exchange->try.tcp,
	};
	finish(exchange, &result);
}

static void flight_over(void *context, enum flight_outcome outcome, const uint8_t *message,
                        size_t size)
{
	struct exchange *exchange = context;
	exchange->flight = NULL;
	switch (outcome) {
	case FLIGHT_ANSWERED:
		answered(exchange, message, size);
		break;
	case FLIGHT_GARBLED:
		forward_count(&upstream_of(exchange)->counters.mismatches, 1);
		try_failed(exchange, FORWARD_GARBAGE);
		break;
	case FLIGHT_TIMED_OUT:
		forward_count(&upstream_of(exchange)->counters.timeouts, 1);
		try_failed(exchange, FORWARD_TIMED_OUT);
		break;
	case FLIGHT_UNREACHABLE:
		try_failed(exchange, FORWARD_UNREACHABLE);
		break;
	case FLIGHT_LOST:
		connection_lost(exchange);
		break;
	}
}

static int send_try(struct exchange *exchange)
{
	struct forwarder *forwarder = exchange->forwarder;
	struct upstream *upstream = upstream_of(exchange);
	uint64_t now = uv_now(forwarder->loop);
	uint8_t bytes[DNS_UPSTREAM_QUERY_MAX];
	struct flight_query query = {
		.bytes = bytes,
		.size = dns_question_write(&exchange->question, 0, forwarder->udp_size,
	                                   exchange->try.edns, bytes),
		.question_size = exchange->question.name.length + 4u,
	};
	exchange->try_deadline = now + FORWARD_READ_TIMEOUT;
	if (exchange->try_deadline > exchange->deadline)
		exchange->try_deadline = exchange->deadline;
	exchange->sent_at = uv_hrtime();
	forward_count(&upstream->counters.requests, 1);
	return upstream_send(upstream, exchange->try.tcp, &query, flight_over, exchange,
	                     &exchange->flight);
}

static bool lacks_room(int error)
{
	return error == -EBUSY || error == -ENOMEM || error == -ENOBUFS || error == -EMFILE ||
	       error == -ENFILE || error == -EAGAIN;
}

/* What lacks room is our own fault: nobody is suspected for it. */
static void try_unsent(struct exchange *exchange, int error)
{
	if (!lacks_room(error)) {
		try_failed(exchange, FORWARD_UNREACHABLE);
		return;
	}
	exchange->outcome = FORWARD_BUSY;
	exchange->hopeless |= (uint16_t)(1U << exchange->at);
	if (turn_to_next(exchange))
		make_due(exchange);
	else
		finish_without(exchange);
}

void exchange_refuse(forward_done *done, void *context, enum forward_outcome outcome)
{
	const struct forward_result result = {.outcome = outcome};
	done(context, &result);
}

void exchange_begin(struct forwarder *forwarder, const struct dns_question *question, bool tcp,
                    forward_done *done, void *context)
{
	uint8_t order[FORWARD_UPSTREAMS_MAX];
	size_t count = forward_policy_order(forwarder, order);
	struct exchange *exchange = count > 0 ? calloc(1, sizeof(*exchange)) : NULL;
	if (!exchange) {
		exchange_refuse(done, context, count > 0 ? FORWARD_BUSY : FORWARD_DOWN);
		return;
	}
	exchange->forwarder = forwarder;
	exchange->question = *question;
	exchange->done = done;
	exchange->context = context;
	exchange->deadline = uv_now(forwarder->loop) + FORWARD_DEADLINE;
	exchange->by_tcp = tcp;
	memcpy(exchange->order, order, count);
	exchange->order_count = (uint8_t)count;
	LIST_INSERT_HEAD(&forwarder->exchanges, exchange, link);
	forwarder->in_flight++;
	meet_upstream(exchange);
	make_due(exchange);
}

void exchange_run_due(struct forwarder *forwarder)
{
	struct exchange *exchange;
	while ((exchange = STAILQ_FIRST(&forwarder->due))) {
		STAILQ_REMOVE_HEAD(&forwarder->due, due);
		int r = send_try(exchange);
		if (r < 0)
			try_unsent(exchange, r);
	}
}

static void expire(struct exchange *exchange)
{
	struct upstream *upstream = upstream_of(exchange);
	bool garbled = flight_garbled(exchange->flight);
	upstream_give_up(upstream, exchange->flight);
	exchange->flight = NULL;
	forward_count(&upstream->counters.timeouts, 1);
	try_failed(exchange, garbled ? FORWARD_GARBAGE : FORWARD_TIMED_OUT);
}

void exchange_expire(struct forwarder *forwarder)
{
	uint64_t now = uv_now(forwarder->loop);
	struct exchange *exchange = LIST_FIRST(&forwarder->exchanges);
	while (exchange && !forwarder->closing) {
		/* What done() may ask in the meantime goes to the front of the list. */
		struct exchange *next = LIST_NEXT(exchange, link);
		if (exchange->flight && now >= exchange->try_deadline)
			expire(exchange);
		exchange = next;
	}
}

void exchange_cancel_all(struct forwarder *forwarder)
{
	struct exchange *exchange = LIST_FIRST(&forwarder->exchanges);
	STAILQ_INIT(&forwarder->due);
	while (exchange) {
		struct exchange *next = LIST_NEXT(exchange, link); /* closing, nobody is added */
		if (exchange->flight)
			flight_abandon(exchange->flight);
		exchange->outcome = FORWARD_CANCELLED;
		finish_without(exchange);
		exchange = next;
	}
}
