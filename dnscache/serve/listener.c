/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dnscache/serve/listener.h"

#define QUEUE_BYTES (4 << 20) /* of a UDP socket: a burst while a worker is busy */
#define TCP_BACKLOG 512
#define NAME_MAX_SIZE 96

struct listener *listener_hold(struct listener *listener)
{
	atomic_fetch_add_explicit(&listener->references, 1, memory_order_relaxed);
	return listener;
}

static void close_all(const int *fds, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

static void socket_name(const struct listener *listener, const char *protocol, unsigned worker,
                        char name[static NAME_MAX_SIZE])
{
	char address[PREFIX_TEXT_MAX];
	prefix_text(&listener->address, address);
	/* A colon would end the name: sd_pid_notify_with_fds(3). */
	for (char *c = address; *c; c++)
		if (*c == ':')
			*c = '_';
	snprintf(name, NAME_MAX_SIZE, "%s-%s-%u-%u", protocol, address, listener->port, worker);
}

static void retire_socket(const struct listener *listener, const char *protocol, unsigned worker,
                          int fd)
{
	char name[NAME_MAX_SIZE];
	socket_name(listener, protocol, worker, name);
	(void)handover_forget(name, NULL);
	if (fd >= 0)
		handover_silence(fd);
}

/* It may be held for a while, but what comes from now on is for others. */
static void retire(const struct listener *listener)
{
	for (unsigned i = 0; i < listener->workers; i++) {
		retire_socket(listener, "udp", i, listener->udp[i]);
		retire_socket(listener, "tcp", i, listener->tcp[i]);
	}
}

void listener_release(struct listener *listener)
{
	if (!listener ||
	    atomic_fetch_sub_explicit(&listener->references, 1, memory_order_acq_rel) != 1)
		return;
	close_all(listener->udp, listener->workers);
	close_all(listener->tcp, listener->workers);
	free(listener);
}

static socklen_t socket_address(const struct listener *listener, struct sockaddr_storage *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (listener->address.family == AF_INET) {
		struct sockaddr_in *four = (struct sockaddr_in *)ret;
		four->sin_family = AF_INET;
		four->sin_port = htons(listener->port);
		memcpy(&four->sin_addr, listener->address.address, 4);
		return sizeof(*four);
	}
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)ret;
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(listener->port);
	memcpy(&six->sin6_addr, listener->address.address, 16);
	return sizeof(*six);
}

static int set_flag(int fd, int level, int option)
{
	int one = 1;
	return setsockopt(fd, level, option, &one, sizeof(one)) < 0 ? -errno : 0;
}

/* An address that is not there yet can be bound: another tool may own the interface. */
static int set_options(const struct listener *listener, int fd, int type)
{
	int queue = QUEUE_BYTES;
	bool six = listener->address.family == AF_INET6;
	int r = set_flag(fd, SOL_SOCKET, SO_REUSEPORT);
	if (r == 0 && type == SOCK_STREAM)
		r = set_flag(fd, SOL_SOCKET, SO_REUSEADDR);
	if (r == 0)
		r = six ? set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY)
		        : set_flag(fd, IPPROTO_IP, IP_FREEBIND);
	if (r == 0 && six)
		r = set_flag(fd, IPPROTO_IPV6, IPV6_FREEBIND);
	if (r == 0 && type == SOCK_DGRAM && listener->everywhere)
		r = six ? set_flag(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO)
		        : set_flag(fd, IPPROTO_IP, IP_PKTINFO);
	/* The larger one needs CAP_NET_ADMIN; less is no failure. */
	if (type == SOCK_DGRAM &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue, sizeof(queue)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue, sizeof(queue));
	return r;
}

static int open_socket(const struct listener *listener, int type, struct error *err)
{
	struct sockaddr_storage address;
	char text[PREFIX_TEXT_MAX];
	socklen_t length = socket_address(listener, &address);
	int fd = socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -errno : set_options(listener, fd, type);
	if (r == 0 && bind(fd, (struct sockaddr *)&address, length) < 0)
		r = -errno;
	if (r == 0 && type == SOCK_STREAM && listen(fd, TCP_BACKLOG) < 0)
		r = -errno;
	if (r == 0)
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return error_set(err, r, "listening on %s port %u (%s): %s",
	                 prefix_text(&listener->address, text), listener->port,
	                 type == SOCK_DGRAM ? "udp" : "tcp", strerror(-r));
}

static bool has_value(int fd, int option, int value)
{
	int found = -1;
	socklen_t size = sizeof(found);
	return getsockopt(fd, SOL_SOCKET, option, &found, &size) == 0 && found == value;
}

/* Not another one by the same name, nor one that handover_close() has silenced. */
static bool is_fit(const struct listener *listener, int fd, int type)
{
	struct sockaddr_storage wanted;
	struct sockaddr_storage found = {0};
	struct sockaddr_storage peer;
	socklen_t length = sizeof(found);
	socklen_t peer_length = sizeof(peer);
	return has_value(fd, SO_TYPE, type) && has_value(fd, SO_ACCEPTCONN, type == SOCK_STREAM) &&
	       getsockname(fd, (struct sockaddr *)&found, &length) == 0 &&
	       length == socket_address(listener, &wanted) &&
	       memcmp(&found, &wanted, length) == 0 &&
	       getpeername(fd, (struct sockaddr *)&peer, &peer_length) < 0 &&
	       set_options(listener, fd, type) == 0;
}

static int take_socket(const struct listener *listener, int type, const char *name,
                       struct handover *handover)
{
	int fd = handover ? handover_take(handover, name) : -1;
	if (fd < 0 || is_fit(listener, fd, type))
		return fd;
	(void)handover_forget(name, NULL);
	(void)close(fd);
	return -1;
}

/* What a former process has left, or a new one. */
static int get_socket(const struct listener *listener, int type, unsigned worker,
                      struct handover *handover, struct error *err)
{
	char name[NAME_MAX_SIZE];
	socket_name(listener, type == SOCK_DGRAM ? "udp" : "tcp", worker, name);
	int fd = take_socket(listener, type, name, handover);
	if (fd >= 0)
		return fd;
	fd = open_socket(listener, type, err);
	/* Without a store a restart loses what is in the queue, no more. */
	if (fd >= 0)
		(void)handover_store(name, fd, NULL);
	return fd;
}

static struct listener *listener_open(const struct plan_endpoint *endpoint, unsigned workers,
                                      struct handover *handover, struct error *err)
{
	static const uint8_t nothing[16];
	struct listener *listener = calloc(1, sizeof(*listener));
	if (!listener) {
		error_set(err, -ENOMEM, "no memory");
		return NULL;
	}
	listener->references = 1;
	listener->address = endpoint->address;
	listener->port = endpoint->port;
	listener->everywhere = memcmp(endpoint->address.address, nothing, sizeof(nothing)) == 0;
	int r = 0;
	for (; r >= 0 && listener->workers < workers; listener->workers++) {
		unsigned i = listener->workers;
		listener->tcp[i] = -1;
		r = listener->udp[i] = get_socket(listener, SOCK_DGRAM, i, handover, err);
		if (r >= 0)
			r = listener->tcp[i] = get_socket(listener, SOCK_STREAM, i, handover, err);
	}
	if (r >= 0)
		return listener;
	retire(listener);
	listener_release(listener);
	return NULL;
}

static bool is_used(const struct plan *plan, const struct listener *listener)
{
	for (size_t i = 0; i < plan->endpoint_count; i++)
		if (plan->endpoints[i].listener == listener)
			return true;
	return false;
}

/* Those of a plan, but not of the other one. */
static void retire_others(const struct plan *plan, const struct plan *other)
{
	for (size_t i = 0; plan && i < plan->endpoint_count; i++) {
		const struct listener *listener = plan->endpoints[i].listener;
		if (listener && !(other && is_used(other, listener)))
			retire(listener);
	}
}

int listeners_attach(struct plan *plan, const struct plan *before, unsigned workers,
                     struct handover *handover, struct error *err)
{
	for (size_t i = 0; i < plan->endpoint_count; i++) {
		struct plan_endpoint *endpoint = &plan->endpoints[i];
		const struct plan_endpoint *old =
			before ? plan_endpoint(before, &endpoint->address, endpoint->port) : NULL;
		endpoint->listener = old ? listener_hold(old->listener)
		                         : listener_open(endpoint, workers, handover, err);
		if (!endpoint->listener) {
			retire_others(plan, before);
			return -EADDRNOTAVAIL;
		}
	}
	retire_others(before, plan);
	return 0;
}

uint64_t listener_queue_drops(const struct listener *listener)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < listener->workers; i++) {
		uint32_t info[SK_MEMINFO_VARS] = {0};
		socklen_t size = sizeof(info);
		if (getsockopt(listener->udp[i], SOL_SOCKET, SO_MEMINFO, info, &size) == 0)
			sum += info[SK_MEMINFO_DROPS];
	}
	return sum;
}
