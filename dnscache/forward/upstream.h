/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_UPSTREAM_H
#define PODSG_DNS_UPSTREAM_H

/* One upstream server: its channels, whether it is up, and what it can't do. */

#include "dnscache/forward/channel.h"

#define UPSTREAM_IDLE 10000         /* ms a UDP channel is kept: each has 75 KB of hash tables */
#define UPSTREAM_CHECK_TIMEOUT 1000 /* ms */
#define UPSTREAM_PLAIN_TIME 900000  /* ms until EDNS is tried again */

struct upstream {
	const struct forward_settings *settings;
	struct channel_place place;
	struct upstream_counters counters;
	struct channel *udp[FORWARD_CHANNELS_MAX];
	unsigned udp_count;
	struct channel *tcp;          /* that takes new questions, or NULL */
	LIST_HEAD(, channel) retired; /* TCP, with questions on them */
	uint64_t plain_until;         /* uv_now(): it does not understand EDNS */
	struct {
		bool wanted;    /* since a question failed, until something is answered */
		unsigned fails; /* in a row */
		uint64_t at;    /* uv_now() of the next */
		uint64_t late_at;
		struct flight *flight; /* NULL: none is on its way */
	} check;
};

void upstream_init(struct upstream *upstream, const struct forward_settings *settings,
                   const struct channel_place *place);
void upstream_done(struct upstream *upstream);

/* 0, -EBUSY: no channel has room, or why it could not be sent. done as in channel_send(). */
int upstream_send(struct upstream *upstream, bool tcp, const struct flight_query *query,
                  flight_done *done, void *context, struct flight **ret);
/* Its answer is not waited for any longer. A TCP connection is trusted no more; one on which
 * nothing came at all is closed when upstream_settle() comes, and what is on it told so. */
void upstream_give_up(struct upstream *upstream, struct flight *flight);

void upstream_answered(struct upstream *upstream); /* it lives */
void upstream_suspect(struct upstream *upstream);  /* a question failed: it is looked at */
bool upstream_suspected(const struct upstream *upstream);
bool upstream_down(const struct upstream *upstream);
bool upstream_plain(const struct upstream *upstream); /* is asked without EDNS */
void upstream_set_plain(struct upstream *upstream);

/* Time has passed: checks, and channels that have nothing to do. Not inside a flight_done. */
void upstream_check(struct upstream *upstream);
void upstream_settle(struct upstream *upstream);
/* Nothing of it needs upstream_settle() any more. */
bool upstream_at_rest(const struct upstream *upstream);

#endif
