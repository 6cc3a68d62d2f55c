/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dns_forward_place.h"

#define PATIENCE 20000 /* ms until something must have been told */

static struct forward_place *place_now; /* told() is given where to put it, and no more */

int forward_place_open(void **state)
{
	static struct forward_place place;
	memset(&place, 0, sizeof(place));
	place_now = &place;
	*state = &place;
	if (uv_loop_init(&place.loop) < 0)
		return -1;
	for (unsigned i = 0; i < PLACE_UPSTREAMS; i++) {
		dns_upstream_open(&place.upstreams[i], &place.loop, dns_upstream_answers);
		memcpy(&place.addresses[i], &place.upstreams[i].address,
		       sizeof(place.upstreams[i].address));
	}
	place.share = (struct forward_share){.workers = 1, .channels_max = UINT_MAX};
	place.settings = (struct forward_settings){
		.from = {.length = 1},
		.upstreams = place.addresses,
		.policy = FORWARD_SEQUENTIAL,
		.max_fails = 2,
		.health_interval = 100,
		.health_domain = {.length = 1},
		.expire = 10000,
	};
	return 0;
}

void forward_place_start(struct forward_place *place, unsigned upstreams)
{
	struct error err = {0};
	place->settings.upstream_count = upstreams;
	assert_int_equal(forwarder_open(&place->loop, &place->settings, DNS_UDP_DEFAULT,
	                                &place->share, &place->forwarder, &err),
	                 0);
}

void forward_place_stop(struct forward_place *place)
{
	struct forwarder *forwarder = place->forwarder;
	place->forwarder = NULL; /* closing tells, and who is told may come here again */
	forwarder_close(forwarder);
}

int forward_place_close(void **state)
{
	struct forward_place *place = *state;
	if (place->forwarder)
		forward_place_stop(place);
	for (unsigned i = 0; i < PLACE_UPSTREAMS; i++)
		dns_upstream_close(&place->upstreams[i]);
	(void)uv_run(&place->loop, UV_RUN_DEFAULT);
	return uv_loop_close(&place->loop);
}

static void tell(void *context, const struct forward_result *result)
{
	struct told *told = context;
	struct sockaddr_in address = {0};
	told->times++;
	told->outcome = result->outcome;
	told->tcp = result->tcp;
	told->size = result->size;
	if (result->upstream)
		memcpy(&address, result->upstream, sizeof(address));
	told->port = ntohs(address.sin_port);
	place_now->outcomes[result->outcome]++;
	if (result->outcome == FORWARD_ANSWERED)
		told->message = memcpy(place_now->last_message, result->message, result->size);
}

struct dns_question forward_question(const char *name)
{
	struct dns_question question = {.type = DNS_TYPE_A};
	assert_int_equal(dns_name_parse(name, &question.name), 0);
	return question;
}

void forward_place_ask(struct forward_place *place, const char *name, bool tcp, struct told *ret)
{
	const struct dns_question question = forward_question(name);
	memset(ret, 0, sizeof(*ret));
	place->asked++;
	forwarder_ask(place->forwarder, &question, tcp, tell, ret);
}

static void wake(uv_timer_t *timer)
{
	*(bool *)timer->data = true;
}

void forward_place_turn(struct forward_place *place, unsigned milliseconds)
{
	uv_timer_t timer;
	bool over = false;
	timer.data = &over;
	uv_update_time(&place->loop);
	(void)uv_timer_init(&place->loop, &timer);
	(void)uv_timer_start(&timer, wake, milliseconds, 0);
	while (!over)
		(void)uv_run(&place->loop, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	(void)uv_run(&place->loop, UV_RUN_NOWAIT);
}

static bool all_told(const struct told *told, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (told[i].times == 0)
			return false;
	return true;
}

void forward_place_wait(struct forward_place *place, const struct told *told, unsigned count)
{
	uint64_t begin = uv_hrtime();
	while (!all_told(told, count)) {
		assert_true(uv_hrtime() - begin < PATIENCE * UINT64_C(1000000));
		(void)uv_run(&place->loop, UV_RUN_ONCE);
	}
}

struct told forward_place_result(struct forward_place *place, const char *name, bool tcp)
{
	struct told told;
	forward_place_ask(place, name, tcp, &told);
	forward_place_wait(place, &told, 1);
	assert_int_equal(told.times, 1);
	return told;
}

const struct upstream_counters *forward_place_counters(const struct forward_place *place,
                                                       unsigned upstream)
{
	const struct sockaddr *address;
	return forwarder_upstream(place->forwarder, upstream, &address);
}
