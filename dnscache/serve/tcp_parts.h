/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_TCP_PARTS_H
#define PODSG_DNS_TCP_PARTS_H

/* Connections of clients (tcp_connection.c), which tcp.c accepts. */

#include "dnscache/serve/worker_parts.h"

#define TCP_CONNECTIONS_MAX 1000     /* of a worker; the idlest goes for a new one */
#define TCP_IN_FLIGHT_MAX 128        /* queries of one connection; then it is not read */
#define TCP_BACKLOG_BYTES (1u << 18) /* that a client has not read yet; then likewise */
#define TCP_UNSENT_MAX (4u << 20)    /* bytes likewise, over all connections of a worker */

/* Of those that wait for no answer. Returns whether there was one. */
bool tcp_close_idlest(struct worker *worker);

/* Takes fd, on failure too. */
int tcp_connection_open(struct worker *worker, int fd, struct listener *listener,
                        const struct client *client);

#endif
