/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/netlink.h"

#define ANSWER_BYTES (64U << 10) /* dumps come in parts of at most 32 KiB */
#define ANSWER_SECONDS 10

static int socket_open(int bus, struct mnl_socket **ret)
{
	struct timeval patience = {.tv_sec = ANSWER_SECONDS};
	struct mnl_socket *socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &patience,
	               sizeof(patience)) < 0) {
		int r = -errno;
		mnl_socket_close(socket);
		return r;
	}
	*ret = socket;
	return 0;
}

int netlink_open(struct netlink *netlink, int bus, struct error *err)
{
	memset(netlink, 0, sizeof(*netlink));
	netlink->bus = bus;
	netlink->buffer = malloc(ANSWER_BYTES);
	if (!netlink->buffer)
		return error_set(err, -ENOMEM, "no memory for a netlink socket");
	int r = socket_open(bus, &netlink->socket);
	if (r < 0) {
		netlink_close(netlink);
		return error_set(err, r, "cannot open a netlink socket: %s", strerror(-r));
	}
	netlink->port = mnl_socket_get_portid(netlink->socket);
	return 0;
}

void netlink_close(struct netlink *netlink)
{
	if (netlink->socket)
		mnl_socket_close(netlink->socket);
	free(netlink->buffer);
	memset(netlink, 0, sizeof(*netlink));
}

static void netlink_renew(struct netlink *netlink)
{
	struct mnl_socket *fresh = NULL;
	if (socket_open(netlink->bus, &fresh) < 0)
		return;
	mnl_socket_close(netlink->socket);
	netlink->socket = fresh;
	netlink->port = mnl_socket_get_portid(fresh);
}

static void overlook_changes(struct netlink *netlink, size_t length)
{
	struct nlmsghdr *message = (void *)netlink->buffer;
	int rest = (int)length;
	for (; mnl_nlmsg_ok(message, rest); message = mnl_nlmsg_next(message, &rest))
		message->nlmsg_flags &= (uint16_t)~NLM_F_DUMP_INTR;
}

static int read_answer(struct netlink *netlink,
                       int (*callback)(const struct nlmsghdr *message, void *data), void *data)
{
	for (;;) {
		ssize_t length =
			mnl_socket_recvfrom(netlink->socket, netlink->buffer, ANSWER_BYTES);
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (netlink->tolerant)
			overlook_changes(netlink, (size_t)length);
		int r = mnl_cb_run(netlink->buffer, (size_t)length, netlink->sequence,
		                   netlink->port, callback, data);
		if (r < 0)
			return r == -1 && errno ? -errno : r;
		if (r == MNL_CB_STOP)
			return 0;
	}
}

int netlink_query(struct netlink *netlink, struct nlmsghdr *request,
                  int (*callback)(const struct nlmsghdr *message, void *data), void *data)
{
	int r = 0;
	request->nlmsg_seq = ++netlink->sequence;
	/* An answer ends with NLMSG_DONE or an acknowledgement; a single object needs the latter.
	 */
	if ((request->nlmsg_flags & NLM_F_DUMP) != NLM_F_DUMP)
		request->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(netlink->socket, request, request->nlmsg_len) < 0)
		r = -errno;
	errno = 0;
	if (r == 0)
		r = read_answer(netlink, callback, data);
	if (r < 0)
		netlink_renew(netlink);
	return r;
}
