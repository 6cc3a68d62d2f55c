/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>

#include "dnscache/serve/port.h"
#include "dnscache/serve/worker_parts.h"

/* An error of the socket (an ICMP message) is fetched by reading; libuv has stopped then. */
static void udp_cb(uv_poll_t *poll, int status, int events)
{
	struct port *port = poll->data;
	(void)events;
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, udp_cb);
	worker_clock(port->worker);
	(void)port_read_udp(port);
}

static void tcp_cb(uv_poll_t *poll, int status, int events)
{
	struct port *port = poll->data;
	(void)events;
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, tcp_cb);
	worker_clock(port->worker);
	(void)port_accept_tcp(port);
}

static void free_port(struct port *port)
{
	listener_release(port->listener);
	free(port);
}

static void handle_closed(uv_handle_t *handle)
{
	struct port *port = handle->data;
	if (--port->open_handles == 0)
		free_port(port);
}

static void close_port(struct port *port)
{
	unsigned handles = port->open_handles;
	if (handles == 0)
		free_port(port);
	if (handles > 0)
		uv_close((uv_handle_t *)&port->udp, handle_closed);
	if (handles > 1)
		uv_close((uv_handle_t *)&port->tcp, handle_closed);
}

static int watch(struct port *port, uv_poll_t *poll, int fd, uv_poll_cb callback)
{
	poll->data = port;
	int r = uv_poll_init(&port->worker->loop, poll, fd);
	if (r < 0)
		return r;
	port->open_handles++;
	return uv_poll_start(poll, UV_READABLE, callback);
}

static struct port *open_port(struct worker *worker, struct listener *listener)
{
	struct port *port = calloc(1, sizeof(*port));
	if (!port)
		return NULL;
	port->worker = worker;
	port->listener = listener_hold(listener);
	int r = watch(port, &port->udp, listener->udp[worker->index], udp_cb);
	if (r == 0)
		r = watch(port, &port->tcp, listener->tcp[worker->index], tcp_cb);
	if (r == 0)
		return port;
	close_port(port);
	return NULL;
}

static struct port *take_port(struct port **ports, const struct listener *listener)
{
	struct port **link = ports;
	while (*link && (*link)->listener != listener)
		link = &(*link)->next;
	struct port *port = *link;
	if (port)
		*link = port->next;
	return port;
}

int ports_follow(struct worker *worker, const struct plan *plan)
{
	struct port *old = worker->ports;
	int r = 0;
	worker->ports = NULL;
	for (size_t i = 0; plan && i < plan->endpoint_count; i++) {
		const struct plan_endpoint *endpoint = &plan->endpoints[i];
		struct port *port = take_port(&old, endpoint->listener);
		if (!port)
			port = open_port(worker, endpoint->listener);
		if (!port) {
			r = -ENOMEM;
			continue;
		}
		port->endpoint = endpoint;
		port->next = worker->ports;
		worker->ports = port;
	}
	while (old) {
		struct port *next = old->next;
		close_port(old);
		old = next;
	}
	return r;
}

void ports_tick(struct worker *worker)
{
	for (struct port *port = worker->ports; port; port = port->next) {
		if (port->accepts_later)
			(void)uv_poll_start(&port->tcp, UV_READABLE, tcp_cb);
		port->accepts_later = false;
	}
}
