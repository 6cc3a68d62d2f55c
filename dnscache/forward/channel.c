/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "dnscache/forward/channel.h"

#define READS_MAX 64 /* of a TCP connection before others on the loop have their turn */
/* c-ares's own patience is only for what was abandoned on a socket that others share. */
#define ARES_PATIENCE (FORWARD_READ_TIMEOUT + 500)

struct flight {
	struct channel *channel;
	flight_done *done; /* NULL: abandoned */
	void *context;
	LIST_ENTRY(flight) link;
	uint64_t heard; /* the channel's when it was sent */
	bool sending;   /* inside ares_send() */
	bool failed;    /* in there */
	bool garbled;
	uint16_t query_size;
	uint16_t question_size;
	uint8_t query[DNS_UPSTREAM_QUERY_MAX];
};

static bool same_question(const struct flight *flight, const uint8_t *message, size_t size)
{
	const uint8_t *asked = flight->query + DNS_HEADER_SIZE;
	const uint8_t *told = message + DNS_HEADER_SIZE;
	size_t name_size = flight->question_size - 4u;
	if (dns_u16(message + 4) != 1 || size < (size_t)DNS_HEADER_SIZE + flight->question_size)
		return false;
	/* Lengths of labels are below 'A', so that they fold to themselves. */
	for (size_t i = 0; i < name_size; i++) {
		uint8_t a = asked[i], b = told[i];
		if (a != b && ((a ^ b) != 0x20 || (a | 0x20) < 'a' || (a | 0x20) > 'z'))
			return false;
	}
	return memcmp(asked + name_size, told + name_size, 4) == 0;
}

static bool is_response(const uint8_t *message)
{
	return (dns_u16(message + 2) & (DNS_FLAG_QR | DNS_FLAGS_OPCODE)) == DNS_FLAG_QR;
}

/* RFC 1035 lets a server that could not read the query leave the question out. */
static bool bare_error(const uint8_t *message, size_t size)
{
	uint16_t rcode = dns_u16(message + 2) & DNS_FLAGS_RCODE;
	return size == DNS_HEADER_SIZE && dns_u16(message + 4) == 0 && rcode != DNS_RCODE_NOERROR &&
	       rcode != DNS_RCODE_NXDOMAIN;
}

static void flight_remove(struct flight *flight)
{
	struct channel *channel = flight->channel;
	LIST_REMOVE(flight, link);
	channel->abandoned -= !flight->done;
	if (--channel->flight_count == 0)
		channel->idle_since = uv_now(channel->place->loop);
}

static enum flight_outcome outcome_of(const struct channel *channel, int status,
                                      const uint8_t *message)
{
	switch (status) {
	case ARES_SUCCESS:
		return is_response(message) ? FLIGHT_ANSWERED : FLIGHT_GARBLED;
	case ARES_ETIMEOUT:
		return FLIGHT_TIMED_OUT;
	case ARES_ECANCELLED:
	case ARES_EDESTRUCTION:
		return FLIGHT_LOST;
	default:
		return channel->tcp && channel->wrote ? FLIGHT_LOST : FLIGHT_UNREACHABLE;
	}
}

static void flight_ended(void *context, int status, int timeouts, unsigned char *message, int size)
{
	struct flight *flight = context;
	const struct channel *channel = flight->channel;
	(void)timeouts;
	if (flight->sending) {
		flight->failed = true;
		return;
	}
	flight_remove(flight);
	if (flight->done && status == ARES_SUCCESS && !channel->tcp)
		/* c-ares cuts what comes by UDP to 512 bytes, unless it is told of EDNS; told so,
		 * it would take the last 11 bytes off our query after a FORMERR. */
		flight->done(flight->context, FLIGHT_ANSWERED, channel->datagram,
		             channel->datagram_size);
	else if (flight->done)
		flight->done(flight->context, outcome_of(channel, status, message), message,
		             (size_t)size);
	free(flight);
}

static bool id_in_use(const struct channel *channel, uint16_t id)
{
	const struct flight *flight;
	LIST_FOREACH(flight, &channel->flights, link)
	if (dns_u16(flight->query) == id)
		return true;
	return false;
}

static struct flight *flight_new(struct channel *channel, const struct flight_query *query)
{
	struct flight *flight = malloc(sizeof(*flight));
	if (!flight)
		return NULL;
	*flight = (struct flight){
		.channel = channel,
		.heard = channel->heard,
		.query_size = (uint16_t)query->size,
		.question_size = (uint16_t)query->question_size,
	};
	memcpy(flight->query, query->bytes, query->size);
	uint16_t id = forward_random_u16(channel->place->random);
	while (id_in_use(channel, id))
		id = forward_random_u16(channel->place->random);
	dns_put_u16(flight->query, id);
	return flight;
}

static int set_server(ares_channel ares, const struct sockaddr_in6 *address)
{
	int port = ntohs(address->sin6_port); /* stands where sockaddr_in has it */
	struct ares_addr_port_node server = {
		.family = address->sin6_family, .udp_port = port, .tcp_port = port};
	if (address->sin6_family == AF_INET)
		memcpy(&server.addr.addr4, &((const struct sockaddr_in *)address)->sin_addr, 4);
	else
		memcpy(&server.addr.addr6, &address->sin6_addr, 16);
	return ares_set_servers_ports(ares, &server) == ARES_SUCCESS ? 0 : -ENOMEM;
}

/* With all this given, c-ares reads no file but /dev/urandom. */
static int open_ares(struct channel *channel)
{
	char lookups[] = "b";
	struct ares_options options = {
		.flags = ARES_FLAG_NOCHECKRESP | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES |
	                 ARES_FLAG_IGNTC |
	                 (channel->tcp ? ARES_FLAG_USEVC | ARES_FLAG_STAYOPEN : 0),
		.timeout = ARES_PATIENCE,
		.tries = 1,
		.ndots = 1,
		.lookups = lookups,
		.sock_state_cb = channel_socket_state,
		.sock_state_cb_data = channel,
	};
	int r = ares_init_options(&channel->ares, &options,
	                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
	                                  ARES_OPT_NDOTS | ARES_OPT_LOOKUPS | ARES_OPT_SERVERS |
	                                  ARES_OPT_DOMAINS | ARES_OPT_SORTLIST | ARES_OPT_NOROTATE |
	                                  ARES_OPT_SOCK_STATE_CB);
	if (r != ARES_SUCCESS)
		return -ENOMEM;
	ares_set_socket_functions(channel->ares, &channel_socket_functions, channel);
	return set_server(channel->ares, channel->place->address);
}

int channel_open(const struct channel_place *place, bool tcp, struct channel **ret)
{
	struct channel *channel = calloc(1, sizeof(*channel));
	if (!channel)
		return -ENOMEM;
	channel->place = place;
	channel->tcp = tcp;
	channel->socket = -1;
	channel->watched = -1;
	channel->parked = -1;
	channel->idle_since = uv_now(place->loop);
	place->share->channels++;
	int r = open_ares(channel);
	if (r < 0) {
		channel_close(channel);
		return r;
	}
	*ret = channel;
	return 0;
}

void channel_close(struct channel *channel)
{
	if (!channel)
		return;
	ares_destroy(channel->ares);
	channel_unpark(channel);
	channel->place->share->channels--;
	free(channel);
}

int channel_send(struct channel *channel, const struct flight_query *query, flight_done *done,
                 void *context, struct flight **ret)
{
	struct flight *flight = flight_new(channel, query);
	if (!flight)
		return -ENOMEM;
	bool reused = channel->socket >= 0;
	channel->error = 0;
	flight->sending = true;
	ares_send(channel->ares, flight->query, flight->query_size, flight_ended, flight);
	flight->sending = false;
	if (flight->failed) {
		free(flight);
		return channel->error ? -channel->error : -ENOMEM;
	}
	flight->done = done;
	flight->context = context;
	LIST_INSERT_HEAD(&channel->flights, flight, link);
	channel->flight_count++;
	channel->questions++;
	if (reused)
		forward_count(&channel->place->counters->connections_reused[channel->tcp], 1);
	*ret = flight;
	return 0;
}

void flight_abandon(struct flight *flight)
{
	flight->done = NULL;
	flight->channel->abandoned++;
}

struct channel *flight_channel(const struct flight *flight)
{
	return flight->channel;
}

bool flight_garbled(const struct flight *flight)
{
	return flight->garbled;
}

bool flight_silent(const struct flight *flight)
{
	return flight->heard == flight->channel->heard;
}

void channel_ready(struct channel *channel, uint32_t events)
{
	/* Something came before it was parked, an answer twice perhaps, and would wake us for ever.
	 */
	if (channel->socket < 0)
		channel_unpark(channel);
	bool in = events & (EPOLLIN | EPOLLERR | EPOLLHUP);
	bool out = events & (EPOLLOUT | EPOLLERR | EPOLLHUP);
	/* c-ares takes a message off a TCP connection in two reads, one a call. */
	for (unsigned i = 0; i < READS_MAX && channel->socket >= 0; i++) {
		channel->stirred = false;
		ares_process_fd(channel->ares, in ? channel->socket : ARES_SOCKET_BAD,
		                out ? channel->socket : ARES_SOCKET_BAD);
		if (!channel->stirred)
			break;
		out = false;
	}
}

void channel_settle(struct channel *channel)
{
	if (channel->abandoned == 0)
		return;
	if (!channel->tcp && channel->abandoned == channel->flight_count)
		ares_cancel(channel->ares);
	else
		ares_process_fd(channel->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

struct flight *channel_match(struct channel *channel, const uint8_t *message, size_t size)
{
	if (size < DNS_HEADER_SIZE || !is_response(message))
		return NULL;
	struct flight *flight;
	LIST_FOREACH(flight, &channel->flights, link)
	if (dns_u16(flight->query) == dns_u16(message) &&
	    (same_question(flight, message, size) || bare_error(message, size)))
		return flight;
	return NULL;
}

void channel_garbage(struct channel *channel)
{
	struct flight *flight;
	forward_count(&channel->place->counters->mismatches, 1);
	LIST_FOREACH(flight, &channel->flights, link)
	flight->garbled = true;
}

size_t channel_complete(const struct flight *flight, uint8_t *message, size_t size, size_t room)
{
	if (size != DNS_HEADER_SIZE || room < (size_t)DNS_HEADER_SIZE + flight->question_size)
		return size;
	memset(message + 4, 0, DNS_HEADER_SIZE - 4);
	dns_put_u16(message + 4, 1);
	memcpy(message + DNS_HEADER_SIZE, flight->query + DNS_HEADER_SIZE, flight->question_size);
	return (size_t)DNS_HEADER_SIZE + flight->question_size;
}
