/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "dnscache/forward/exchange.h"

#define PERIOD_BUSY 50   /* ms: how exact time-outs are */
#define PERIOD_IDLE 1000 /* until channels have been given back */
#define EVENTS_MAX 64

static void run_timer(struct forwarder *forwarder, unsigned period);

static bool at_rest(const struct forwarder *forwarder)
{
	for (size_t i = 0; i < forwarder->upstream_count; i++)
		if (!upstream_at_rest(&forwarder->upstreams[i]))
			return false;
	return true;
}

static bool checking(const struct forwarder *forwarder)
{
	for (size_t i = 0; i < forwarder->upstream_count; i++)
		if (upstream_suspected(&forwarder->upstreams[i]))
			return true;
	return false;
}

static unsigned period_needed(const struct forwarder *forwarder)
{
	if (forwarder->in_flight > 0 || checking(forwarder))
		return PERIOD_BUSY;
	return at_rest(forwarder) ? 0 : PERIOD_IDLE;
}

/* forwarder->inside is set around all that runs c-ares or callbacks of whoever asks. */
static void leave(struct forwarder *forwarder)
{
	exchange_run_due(forwarder);
	forwarder->inside = false;
}

static void tick(uv_timer_t *timer)
{
	struct forwarder *forwarder = timer->data;
	forwarder->inside = true;
	exchange_expire(forwarder);
	for (size_t i = 0; i < forwarder->upstream_count && !forwarder->closing; i++) {
		upstream_check(&forwarder->upstreams[i]);
		upstream_settle(&forwarder->upstreams[i]);
	}
	leave(forwarder);
	if (!forwarder->closing)
		run_timer(forwarder, period_needed(forwarder));
}

static void run_timer(struct forwarder *forwarder, unsigned period)
{
	if (period == forwarder->period)
		return;
	forwarder->period = period;
	if (period > 0)
		(void)uv_timer_start(&forwarder->timer, tick, period, period);
	else
		(void)uv_timer_stop(&forwarder->timer);
}

static void sockets_ready(uv_poll_t *poll, int status, int events)
{
	struct forwarder *forwarder = poll->data;
	struct epoll_event list[EVENTS_MAX];
	(void)status;
	(void)events;
	int count = epoll_wait(forwarder->epoll, list, EVENTS_MAX, 0);
	forwarder->inside = true;
	for (int i = 0; i < count && !forwarder->closing; i++)
		channel_ready(list[i].data.ptr, list[i].events);
	leave(forwarder);
}

static void destroy(struct forwarder *forwarder)
{
	for (size_t i = 0; i < forwarder->upstream_count; i++)
		upstream_done(&forwarder->upstreams[i]);
	if (forwarder->epoll >= 0)
		(void)close(forwarder->epoll);
	free(forwarder);
}

static void handle_closed(uv_handle_t *handle)
{
	struct forwarder *forwarder = handle->data;
	if (--forwarder->open_handles == 0)
		destroy(forwarder);
}

static int open_handles(struct forwarder *forwarder)
{
	forwarder->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (forwarder->epoll < 0)
		return -errno;
	int r = uv_poll_init(forwarder->loop, &forwarder->poll, forwarder->epoll);
	if (r < 0)
		return r;
	(void)uv_timer_init(forwarder->loop, &forwarder->timer);
	forwarder->poll.data = forwarder;
	forwarder->timer.data = forwarder;
	forwarder->open_handles = 2;
	return uv_poll_start(&forwarder->poll, UV_READABLE, sockets_ready);
}

static void init_upstreams(struct forwarder *forwarder, struct forward_share *share)
{
	for (size_t i = 0; i < forwarder->upstream_count; i++) {
		const struct channel_place place = {
			.loop = forwarder->loop,
			.epoll = forwarder->epoll,
			.address = &forwarder->settings->upstreams[i],
			.random = &forwarder->random,
			.share = share,
		};
		upstream_init(&forwarder->upstreams[i], forwarder->settings, &place);
	}
}

static unsigned in_flight_max(const struct forward_settings *settings, unsigned workers)
{
	unsigned share = (settings->max_concurrent + workers - 1) / workers;
	return share > 0 && share < FORWARD_IN_FLIGHT_MAX ? share : FORWARD_IN_FLIGHT_MAX;
}

int forwarder_open(uv_loop_t *loop, const struct forward_settings *settings, uint16_t udp_size,
                   struct forward_share *share, struct forwarder **ret, struct error *err)
{
	size_t count = settings->upstream_count;
	if (count == 0 || count > FORWARD_UPSTREAMS_MAX)
		return error_set(err, -EINVAL, "forward: %zu upstreams; 1 to %d can be had", count,
		                 FORWARD_UPSTREAMS_MAX);
	struct forwarder *forwarder =
		calloc(1, sizeof(*forwarder) + count * sizeof(forwarder->upstreams[0]));
	if (!forwarder)
		return error_set(err, -ENOMEM, "forward: out of memory");
	forwarder->loop = loop;
	forwarder->settings = settings;
	forwarder->udp_size = udp_size;
	forwarder->upstream_count = count;
	forwarder->in_flight_max = in_flight_max(settings, share->workers);
	STAILQ_INIT(&forwarder->due);
	int r = open_handles(forwarder);
	init_upstreams(forwarder, share);
	if (r == 0) {
		*ret = forwarder;
		return 0;
	}
	if (forwarder->open_handles > 0)
		forwarder_close(forwarder);
	else
		destroy(forwarder);
	return error_set(err, r, "forward: sockets can't be watched: %s", strerror(-r));
}

void forwarder_close(struct forwarder *forwarder)
{
	forwarder->closing = true;
	exchange_cancel_all(forwarder);
	uv_close((uv_handle_t *)&forwarder->poll, handle_closed);
	uv_close((uv_handle_t *)&forwarder->timer, handle_closed);
}

static bool full(const struct forwarder *forwarder)
{
	return forwarder->in_flight >= forwarder->in_flight_max;
}

void forwarder_ask(struct forwarder *forwarder, const struct dns_question *question,
                   bool client_tcp, forward_done *done, void *context)
{
	const struct forward_settings *settings = forwarder->settings;
	if (forwarder->closing) {
		exchange_refuse(done, context, FORWARD_CANCELLED);
	} else if (full(forwarder)) {
		forward_count(&forwarder->counters.rejects, 1);
		exchange_refuse(done, context, FORWARD_BUSY);
	} else {
		run_timer(forwarder, PERIOD_BUSY);
		exchange_begin(forwarder, question,
		               settings->force_tcp || (client_tcp && !settings->prefer_udp), done,
		               context);
	}
	if (forwarder->inside || forwarder->closing)
		return;
	forwarder->inside = true;
	leave(forwarder);
}

bool forwarder_healthy(const struct forwarder *forwarder)
{
	for (size_t i = 0; i < forwarder->upstream_count; i++)
		if (!upstream_down(&forwarder->upstreams[i]))
			return true;
	return false;
}

size_t forwarder_upstream_count(const struct forwarder *forwarder)
{
	return forwarder->upstream_count;
}

const struct upstream_counters *forwarder_upstream(const struct forwarder *forwarder, size_t i,
                                                   const struct sockaddr **address)
{
	const struct upstream *upstream = &forwarder->upstreams[i];
	*address = (const struct sockaddr *)upstream->place.address;
	return &upstream->counters;
}

const struct forward_counters *forwarder_counters(const struct forwarder *forwarder)
{
	return &forwarder->counters;
}
