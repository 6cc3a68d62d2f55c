/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "dnscache/serve/port.h"
#include "dnscache/serve/tcp_parts.h"

#define ACCEPTS_A_TURN 64

/* Until the next tick: the loop would turn for it without end. */
static void accept_later(struct port *port)
{
	(void)tcp_close_idlest(port->worker);
	(void)uv_poll_stop(&port->tcp);
	port->accepts_later = true;
}

bool port_accept_tcp(struct port *port)
{
	struct worker *worker = port->worker;
	for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
		struct client client = {.endpoint = port->endpoint};
		socklen_t size = sizeof(client.address);
		int one = 1;
		int fd = accept4(port->listener->tcp[worker->index], &client.address.any, &size,
		                 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EMFILE || errno == ENFILE))
			accept_later(port);
		if (fd < 0)
			return false;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (tcp_connection_open(worker, fd, port->listener, &client) < 0)
			tally_add(&worker->counters.tcp_refused, 1);
		else
			tally_add(&worker->counters.tcp_accepted, 1);
	}
	return true;
}
