/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_NETLINK_H
#define PODSG_NETLINK_H

/* A netlink socket for one request at a time: sent, and its answer read to the end. */

#include "common/error.h"

#include <libmnl/libmnl.h>
#include <stdbool.h>

struct netlink {
	struct mnl_socket *socket;
	uint32_t port;
	uint32_t sequence; /* of the last request */
	int bus;
	uint8_t *buffer; /* for answers */
	bool tolerant;   /* dumps that a change disturbed are taken as they are */
};

int netlink_open(struct netlink *netlink, int bus, struct error *err);
void netlink_close(struct netlink *netlink); /* accepts a zeroed one */

/*
 * Sends request, whose sequence number is filled in, and gives every message of the answer to
 * callback (NULL: none is expected). Returns 0, the kernel's negative errno, or what the callback
 * returned below 0. -EINTR: a dump was disturbed by a change; ask again. After any failure the
 * socket is a fresh one, so that no late answer is taken for that of the next request.
 */
int netlink_query(struct netlink *netlink, struct nlmsghdr *request,
                  int (*callback)(const struct nlmsghdr *message, void *data), void *data);

#endif
