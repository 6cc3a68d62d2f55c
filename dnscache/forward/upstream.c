/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>

#include "dnscache/forward/upstream.h"

void upstream_init(struct upstream *upstream, const struct forward_settings *settings,
                   const struct channel_place *place)
{
	upstream->settings = settings;
	upstream->place = *place;
	upstream->place.counters = &upstream->counters;
	LIST_INIT(&upstream->retired);
}

void upstream_done(struct upstream *upstream)
{
	for (unsigned i = 0; i < upstream->udp_count; i++)
		channel_close(upstream->udp[i]);
	channel_close(upstream->tcp);
	struct channel *channel;
	while ((channel = LIST_FIRST(&upstream->retired))) {
		LIST_REMOVE(channel, link);
		channel_close(channel);
	}
}

static bool may_have_more(const struct upstream *upstream)
{
	const struct forward_share *share = upstream->place.share;
	return upstream->udp_count < FORWARD_CHANNELS_MAX && share->channels < share->channels_max;
}

/* The first that has nothing to do, so that those behind it can go; else a new one; else the one
 * with the least to do. */
static int lease_udp(struct upstream *upstream, struct channel **ret)
{
	struct channel *best = NULL;
	for (unsigned i = 0; i < upstream->udp_count; i++) {
		struct channel *channel = upstream->udp[i];
		if (!best || channel->flight_count < best->flight_count)
			best = channel;
		if (best->flight_count == 0)
			break;
	}
	if (!best || (best->flight_count > 0 && may_have_more(upstream))) {
		int r = channel_open(&upstream->place, false, &best);
		if (r < 0)
			return r;
		upstream->udp[upstream->udp_count++] = best;
	}
	/* What was abandoned goes soon, and must not keep second tries out. */
	*ret = best;
	return best->flight_count - best->abandoned < CHANNEL_FLIGHTS_MAX ? 0 : -EBUSY;
}

static void retire_tcp(struct upstream *upstream, struct channel *channel)
{
	if (channel != upstream->tcp)
		return;
	upstream->tcp = NULL;
	LIST_INSERT_HEAD(&upstream->retired, channel, link);
}

static int lease_tcp(struct upstream *upstream, struct channel **ret)
{
	if (upstream->tcp && upstream->tcp->questions >= CHANNEL_QUESTIONS_MAX)
		retire_tcp(upstream, upstream->tcp);
	int r = upstream->tcp ? 0 : channel_open(&upstream->place, true, &upstream->tcp);
	*ret = upstream->tcp;
	return r;
}

int upstream_send(struct upstream *upstream, bool tcp, const struct flight_query *query,
                  flight_done *done, void *context, struct flight **ret)
{
	struct channel *channel = NULL;
	int r = tcp ? lease_tcp(upstream, &channel) : lease_udp(upstream, &channel);
	return r < 0 ? r : channel_send(channel, query, done, context, ret);
}

void upstream_give_up(struct upstream *upstream, struct flight *flight)
{
	struct channel *channel = flight_channel(flight);
	if (channel->tcp) {
		channel->dead |= flight_silent(flight);
		retire_tcp(upstream, channel);
	}
	flight_abandon(flight);
}

bool upstream_plain(const struct upstream *upstream)
{
	return uv_now(upstream->place.loop) < upstream->plain_until;
}

void upstream_set_plain(struct upstream *upstream)
{
	upstream->plain_until = uv_now(upstream->place.loop) + UPSTREAM_PLAIN_TIME;
}

static bool idle_for(const struct channel *channel, uint64_t time)
{
	return channel->flight_count == 0 &&
	       uv_now(channel->place->loop) - channel->idle_since >= time;
}

static void settle_udp(struct upstream *upstream)
{
	for (unsigned i = upstream->udp_count; i-- > 0;) {
		struct channel *channel = upstream->udp[i];
		channel_settle(channel);
		if (!idle_for(channel, UPSTREAM_IDLE))
			continue;
		upstream->udp[i] = upstream->udp[--upstream->udp_count];
		channel_close(channel);
	}
}

static void settle_retired(struct upstream *upstream)
{
	struct channel *channel = LIST_FIRST(&upstream->retired);
	while (channel) {
		struct channel *next = LIST_NEXT(channel, link);
		channel_settle(channel);
		if (channel->dead || channel->flight_count == 0) {
			LIST_REMOVE(channel, link);
			channel_close(channel);
		}
		channel = next;
	}
}

void upstream_settle(struct upstream *upstream)
{
	settle_udp(upstream);
	settle_retired(upstream);
	if (!upstream->tcp)
		return;
	channel_settle(upstream->tcp);
	if (idle_for(upstream->tcp, upstream->settings->expire)) {
		channel_close(upstream->tcp);
		upstream->tcp = NULL;
	}
}

bool upstream_at_rest(const struct upstream *upstream)
{
	return upstream->udp_count == 0 && !upstream->tcp && LIST_EMPTY(&upstream->retired) &&
	       !upstream->check.wanted;
}
