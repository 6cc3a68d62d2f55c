/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_CHANNEL_H
#define PODSG_DNS_CHANNEL_H

/*
 * One c-ares channel, that is one socket to one upstream: UDP, which loses its port whenever its
 * last question has ended, or a TCP connection, which stays. A flight is a question on its way; it
 * lives until c-ares has told its end, though whoever sent it may have left it before.
 *
 * c-ares 1.18.1 can't take one question back, nor bear to be destroyed inside a callback of its
 * own. So flights are abandoned, and what is to be thrown away goes in channel_settle() and
 * channel_close(), which must not be called from a flight_done.
 */

#include "dnscache/forward/forward.h"
#include "dnscache/forward/forward_random.h"

#include <ares.h>
#include <sys/queue.h>

#define CHANNEL_FLIGHTS_MAX 32    /* of a UDP channel */
#define CHANNEL_QUESTIONS_MAX 200 /* of a TCP connection in its life */

enum flight_outcome {
	FLIGHT_ANSWERED,    /* id and question match, it is a response */
	FLIGHT_GARBLED,     /* TCP: id and question match, but it is none */
	FLIGHT_TIMED_OUT,   /* c-ares lost patience, which is longer than ours */
	FLIGHT_UNREACHABLE, /* nobody there */
	FLIGHT_LOST,        /* the TCP connection ended with the question on it */
};

/* Of FLIGHT_ANSWERED, until this returns. It may send nothing: see above. */
typedef void flight_done(void *context, enum flight_outcome outcome, const uint8_t *message,
                         size_t size);

struct channel_place { /* what the channels of an upstream have in common */
	uv_loop_t *loop;
	int epoll; /* channels put themselves into it; data.ptr is the channel */
	const struct sockaddr_in6 *address;
	struct upstream_counters *counters;
	struct forward_random *random;
	struct forward_share *share;
};

struct flight_query {
	const uint8_t *bytes; /* the id is put in on the way */
	size_t size;
	size_t question_size; /* of the name, type and class behind the header */
};

struct flight;
struct channel {
	ares_channel ares;
	const struct channel_place *place;
	bool tcp;
	bool dead;    /* TCP: to be closed, whatever is on it */
	bool wrote;   /* TCP: the connection has taken something */
	bool stirred; /* TCP: the last read gave something */
	int socket;   /* -1: none at the moment */
	int watched;  /* the one that is in the epoll set, or -1 */
	int parked;   /* UDP: one without a port, for the next question; or -1 */
	bool spoilt;  /* the socket has failed and is of no more use */
	int error;    /* errno of the last socket that could not be had, or 0 */
	LIST_HEAD(, flight) flights;
	unsigned flight_count;
	unsigned abandoned;
	unsigned questions;      /* TCP: since the connection was opened */
	uint64_t heard;          /* TCP: reads that gave something */
	uint64_t idle_since;     /* uv_now() */
	const uint8_t *datagram; /* UDP: the one that c-ares is at */
	size_t datagram_size;
	LIST_ENTRY(channel) link; /* for whoever retires it */
};

int channel_open(const struct channel_place *place, bool tcp, struct channel **ret);
void channel_close(struct channel *channel); /* accepts NULL; flights are told FLIGHT_LOST */

/* 0, or a negative errno and done is not called. *ret is valid until done is called. */
int channel_send(struct channel *channel, const struct flight_query *query, flight_done *done,
                 void *context, struct flight **ret);
/* done is not called any more. */
void flight_abandon(struct flight *flight);
struct channel *flight_channel(const struct flight *flight);
/* Datagrams came, none of which answered the question. */
bool flight_garbled(const struct flight *flight);
/* Nothing whatever has come over its connection since it was sent. */
bool flight_silent(const struct flight *flight);

void channel_ready(struct channel *channel, uint32_t events); /* EPOLL… */
void channel_settle(struct channel *channel);                 /* lets go what was abandoned */

/* For the socket functions. The flight that a message is an answer to; NULL: none. */
struct flight *channel_match(struct channel *channel, const uint8_t *message, size_t size);
void channel_garbage(struct channel *channel);
/* FORMERR and its like may come without the question; it is put in. room: of message. */
size_t channel_complete(const struct flight *flight, uint8_t *message, size_t size, size_t room);
void channel_unpark(struct channel *channel);
extern const struct ares_socket_functions channel_socket_functions;
void channel_socket_state(void *context, ares_socket_t fd, int readable, int writable);

static inline void forward_count(_Atomic uint64_t *counter, uint64_t amount)
{
	/* There is one writer: no locked instruction is needed. */
	uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
	atomic_store_explicit(counter, value + amount, memory_order_relaxed);
}

#endif
