/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dnscache/forward/channel.h"

#define UNWANTED_MAX 16 /* datagrams thrown away before others on the loop have their turn */

static ares_socket_t new_socket(struct channel *channel, int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol);
	if (fd < 0) {
		channel->error = errno;
		return ARES_SOCKET_BAD;
	}
	const int on = 1;
	if (type == SOCK_STREAM)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static ares_socket_t open_socket(int family, int type, int protocol, void *context)
{
	struct channel *channel = context;
	int fd = channel->parked;
	channel->parked = -1;
	if (fd < 0)
		fd = new_socket(channel, family, type, protocol);
	if (fd < 0)
		return ARES_SOCKET_BAD;
	channel->wrote = false;
	channel->spoilt = false;
	channel->questions = 0;
	forward_count(&channel->place->counters->connections_new[channel->tcp], 1);
	return fd;
}

static void close_for_good(struct channel *channel, int fd)
{
	if (channel->watched == fd)
		channel->watched = -1;
	(void)close(fd);
}

void channel_unpark(struct channel *channel)
{
	if (channel->parked >= 0)
		close_for_good(channel, channel->parked);
	channel->parked = -1;
}

/*
 * A UDP socket is kept, but it loses its port: disconnected, it is found by no datagram, and when
 * it is connected again the kernel draws another one. This is as good as a new socket, for half of
 * its price.
 */
static int close_socket(ares_socket_t fd, void *context)
{
	struct channel *channel = context;
	const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
	if (channel->tcp || channel->spoilt || channel->parked >= 0 ||
	    connect(fd, &nobody, sizeof(nobody)) < 0)
		close_for_good(channel, fd);
	else
		channel->parked = fd;
	return 0;
}

/* Ours instead of c-ares's copy of it, which has no scope for fe80::/10. */
static int connect_socket(ares_socket_t fd, const struct sockaddr *address, ares_socklen_t size,
                          void *context)
{
	struct channel *channel = context;
	(void)address;
	int r = connect(fd, (const struct sockaddr *)channel->place->address, size);
	if (r < 0) {
		channel->error = errno;
		channel->spoilt = true;
	}
	return r;
}

static bool same_source(const struct sockaddr_in6 *a, const struct sockaddr *from)
{
	const struct sockaddr_in6 *b = (const struct sockaddr_in6 *)from;
	if (a->sin6_family != b->sin6_family || a->sin6_port != b->sin6_port)
		return false;
	if (a->sin6_family == AF_INET6)
		return memcmp(&a->sin6_addr, &b->sin6_addr, sizeof(a->sin6_addr)) == 0;
	return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
	       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
}

/* The socket is connected, but has its port a moment earlier: the source needs a look all the
 * same. */
static ares_ssize_t receive_datagram(struct channel *channel, int fd, uint8_t *data, size_t room,
                                     struct sockaddr *from, ares_socklen_t *from_size)
{
	const ares_socklen_t from_room = *from_size;
	for (unsigned i = 0; i < UNWANTED_MAX; i++) {
		*from_size = from_room;
		ssize_t got = recvfrom(fd, data, room, 0, from, from_size);
		if (got < 0) {
			channel->spoilt |= errno != EAGAIN;
			return -1;
		}
		const struct flight *flight = NULL;
		if (same_source(channel->place->address, from))
			flight = channel_match(channel, data, (size_t)got);
		if (flight) {
			channel->datagram = data;
			channel->datagram_size = channel_complete(flight, data, (size_t)got, room);
			return (ares_ssize_t)channel->datagram_size;
		}
		channel_garbage(channel);
	}
	errno = EAGAIN;
	return -1;
}

static ares_ssize_t receive(ares_socket_t fd, void *data, size_t room, int flags,
                            struct sockaddr *from, ares_socklen_t *from_size, void *context)
{
	struct channel *channel = context;
	if (!channel->tcp)
		return receive_datagram(channel, fd, data, room, from, from_size);
	ssize_t got = recv(fd, data, room, flags);
	if (got > 0) {
		channel->stirred = true;
		channel->heard++;
	}
	return got;
}

static ares_ssize_t send_vector(ares_socket_t fd, const struct iovec *vector, int count,
                                void *context)
{
	struct channel *channel = context;
	struct msghdr message = {.msg_iovlen = (size_t)count};
	/* msghdr is for both directions and can't say that nothing is written there. */
	memcpy(&message.msg_iov, &vector, sizeof(message.msg_iov));
	ssize_t sent = count == 1 ? send(fd, vector->iov_base, vector->iov_len, MSG_NOSIGNAL)
	                          : sendmsg(fd, &message, MSG_NOSIGNAL);
	if (sent >= 0) {
		channel->wrote = true;
	} else {
		channel->error = errno;
		channel->spoilt = true;
	}
	return sent;
}

const struct ares_socket_functions channel_socket_functions = {
	.asocket = open_socket,
	.aclose = close_socket,
	.aconnect = connect_socket,
	.arecvfrom = receive,
	.asendv = send_vector,
};

/* A socket that could not be watched is one that never answers: time-outs deal with that. */
void channel_socket_state(void *context, ares_socket_t fd, int readable, int writable)
{
	struct channel *channel = context;
	if (!readable && !writable) {
		channel->socket = -1; /* closed next */
		return;
	}
	channel->socket = fd;
	if (!channel->tcp && channel->watched == fd)
		return;
	struct epoll_event event = {
		.events = (readable ? EPOLLIN : 0) | (writable ? EPOLLOUT : 0),
		.data.ptr = channel,
	};
	int operation = channel->watched == fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
	if (epoll_ctl(channel->place->epoll, operation, fd, &event) == 0)
		channel->watched = fd;
}
