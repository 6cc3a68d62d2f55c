/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dnscache/serve/tcp_parts.h"

#define ACCEPTS_A_TURN 64

struct tcp_port {
	struct tcp_port *next;
	uv_poll_t poll;
	struct worker *worker;
	const struct plan_endpoint *endpoint; /* of the worker's current plan */
	struct listener *listener;            /* held */
};

static void set_up(int fd)
{
	int one = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void accept_cb(uv_poll_t *poll, int status, int events)
{
	struct tcp_port *port = poll->data;
	struct worker *worker = port->worker;
	(void)events;
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, accept_cb);
	worker_clock(worker);
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		struct client client = {.endpoint = port->endpoint};
		socklen_t size = sizeof(client.address);
		int fd = accept4(port->listener->tcp[worker->index], &client.address.any, &size,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		set_up(fd);
		if (tcp_connection_open(worker, fd, port->listener, &client) < 0)
			tally_add(&worker->counters.tcp_refused, 1);
		else
			tally_add(&worker->counters.tcp_accepted, 1);
	}
}

static void port_closed(uv_handle_t *handle)
{
	struct tcp_port *port = handle->data;
	listener_release(port->listener);
	free(port);
}

static struct tcp_port *take_port(struct tcp_port **ports, const struct listener *listener)
{
	for (struct tcp_port **link = ports; *link; link = &(*link)->next)
		if ((*link)->listener == listener) {
			struct tcp_port *port = *link;
			*link = port->next;
			return port;
		}
	return NULL;
}

static struct tcp_port *open_port(struct worker *worker, struct listener *listener)
{
	struct tcp_port *port = calloc(1, sizeof(*port));
	if (!port)
		return NULL;
	if (uv_poll_init(&worker->loop, &port->poll, listener->tcp[worker->index]) < 0) {
		free(port);
		return NULL;
	}
	port->worker = worker;
	port->poll.data = port;
	port->listener = listener_hold(listener);
	(void)uv_poll_start(&port->poll, UV_READABLE, accept_cb);
	return port;
}

void tcp_ports_close(struct tcp_port *ports)
{
	while (ports) {
		struct tcp_port *next = ports->next;
		uv_close((uv_handle_t *)&ports->poll, port_closed);
		ports = next;
	}
}

int tcp_ports_follow(struct worker *worker, const struct plan *plan)
{
	struct tcp_port *old = worker->tcp_ports;
	int r = worker->connections ? 0 : tcp_table_open(worker);
	worker->tcp_ports = NULL;
	if (r < 0)
		return r;
	tcp_connections_follow(worker, plan);
	for (size_t i = 0; plan && i < plan->endpoint_count; i++) {
		const struct plan_endpoint *endpoint = &plan->endpoints[i];
		struct tcp_port *port = take_port(&old, endpoint->listener);
		if (!port)
			port = open_port(worker, endpoint->listener);
		if (!port) {
			r = -ENOMEM;
			continue;
		}
		port->endpoint = endpoint;
		port->next = worker->tcp_ports;
		worker->tcp_ports = port;
	}
	tcp_ports_close(old);
	return r;
}
