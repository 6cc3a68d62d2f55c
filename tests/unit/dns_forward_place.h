/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_TESTS_DNS_FORWARD_PLACE_H
#define PODSG_TESTS_DNS_FORWARD_PLACE_H

/* A forwarder with scripted upstreams on one loop, and what it told. */

#include "dnscache/forward/forwarder.h"
#include "tests/unit/dns_upstream.h"

#define PLACE_UPSTREAMS 3

struct told {
	unsigned times;
	enum forward_outcome outcome;
	bool tcp;
	uint16_t port; /* of the upstream, 0: none */
	size_t size;
	uint8_t *message; /* last_message, or NULL */
};

struct forward_place {
	uv_loop_t loop;
	struct dns_upstream upstreams[PLACE_UPSTREAMS];
	struct sockaddr_in6 addresses[PLACE_UPSTREAMS];
	struct forward_settings settings;
	struct forward_share share;
	struct forwarder *forwarder;
	unsigned asked;
	unsigned outcomes[FORWARD_CANCELLED + 1];
	uint8_t last_message[DNS_MESSAGE_MAX];
};

int forward_place_open(void **state);  /* upstreams that answer, a policy of sequential */
int forward_place_close(void **state); /* and the forwarder, if it is open */
void forward_place_start(struct forward_place *place, unsigned upstreams);
void forward_place_stop(struct forward_place *place);

struct dns_question forward_question(const char *name);
void forward_place_ask(struct forward_place *place, const char *name, bool tcp, struct told *ret);
/* Turns the loop until all of count have been told. */
void forward_place_wait(struct forward_place *place, const struct told *told, unsigned count);
void forward_place_turn(struct forward_place *place, unsigned milliseconds);
struct told forward_place_result(struct forward_place *place, const char *name, bool tcp);
const struct upstream_counters *forward_place_counters(const struct forward_place *place,
                                                       unsigned upstream);

#endif
