/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dnscache/node/network_watch.h"

#define SETTLE 10 /* milliseconds: one change is several messages */
/* Milliseconds from one call to the next, should somebody undo what we do all the time. Some calls
 * ahead of that are free. */
#define PAUSE 200
#define AHEAD (5 * PAUSE)
#define READS_A_TURN 64
#define MESSAGE_ROOM 16384

struct network_watch {
	struct mnl_socket *socket;
	uv_poll_t poll;
	uv_timer_t timer;
	unsigned open_handles;
	const char *interface;
	void (*changed)(void *context);
	void *context;
	uint64_t calls_until; /* milliseconds of the loop: one call a PAUSE would have lasted so
	                         long */
};

static bool is_name(const struct nlattr *attribute, const char *name)
{
	return mnl_attr_get_payload_len(attribute) == strlen(name) + 1 &&
	       memcmp(mnl_attr_get_payload(attribute), name, strlen(name) + 1) == 0;
}

static bool link_concerns(const struct network_watch *watch, const struct nlmsghdr *message)
{
	const struct nlattr *attribute;
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
		return false;
	mnl_attr_for_each (attribute, message, sizeof(struct ifinfomsg))
		if (mnl_attr_get_type(attribute) == IFLA_IFNAME)
			return is_name(attribute, watch->interface);
	return false;
}

static bool address_concerns(const struct network_watch *watch, const struct nlmsghdr *message)
{
	char name[IF_NAMESIZE];
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	return message->nlmsg_len >= NLMSG_LENGTH(sizeof(*header)) &&
	       if_indextoname(header->ifa_index, name) && strcmp(name, watch->interface) == 0;
}

static bool concerns(const struct network_watch *watch, const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_concerns(watch, message);
	case RTM_DELADDR:
		return address_concerns(watch, message);
	default:
		return false;
	}
}

static void settled_cb(uv_timer_t *timer)
{
	struct network_watch *watch = timer->data;
	uint64_t now = uv_now(timer->loop);
	watch->calls_until = (watch->calls_until > now ? watch->calls_until : now) + PAUSE;
	watch->changed(watch->context);
}

static void note_change(struct network_watch *watch)
{
	uint64_t now = uv_now(watch->timer.loop);
	uint64_t wait = SETTLE;
	if (uv_is_active((uv_handle_t *)&watch->timer))
		return;
	if (watch->calls_until > now + AHEAD)
		wait = watch->calls_until - now - AHEAD;
	(void)uv_timer_start(&watch->timer, settled_cb, wait, 0);
}

/* Messages that were lost may have been ours. */
static bool read_one(struct network_watch *watch, bool *concerned)
{
	char buffer[MESSAGE_ROOM];
	int left = (int)mnl_socket_recvfrom(watch->socket, buffer, sizeof(buffer));
	if (left < 0) {
		*concerned = *concerned || errno == ENOBUFS || errno == ENOSPC;
		return errno == ENOBUFS || errno == ENOSPC || errno == EINTR;
	}
	for (const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
	     mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		*concerned = *concerned || concerns(watch, message);
	return true;
}

static void readable_cb(uv_poll_t *poll, int status, int events)
{
	struct network_watch *watch = poll->data;
	bool concerned = false;
	(void)events;
	/* libuv has stopped then; the error is fetched by reading. */
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, readable_cb);
	for (int i = 0; i < READS_A_TURN && read_one(watch, &concerned); i++) {
	}
	if (concerned)
		note_change(watch);
}

static int open_socket(struct network_watch *watch)
{
	static const int groups[] = {RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR};
	watch->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!watch->socket || mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
		if (mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP,
		                          (void *)(uintptr_t)&groups[i], sizeof(groups[i])) < 0)
			return -errno;
	watch->poll.data = watch;
	int r = uv_poll_init(watch->timer.loop, &watch->poll, mnl_socket_get_fd(watch->socket));
	if (r < 0)
		return r;
	watch->open_handles++;
	return uv_poll_start(&watch->poll, UV_READABLE, readable_cb);
}

int network_watch_open(uv_loop_t *loop, const char *interface, void (*changed)(void *context),
                       void *context, struct network_watch **ret, struct error *err)
{
	struct network_watch *watch = calloc(1, sizeof(*watch));
	if (!watch)
		return error_set(err, -ENOMEM, "no memory");
	watch->interface = interface;
	watch->changed = changed;
	watch->context = context;
	watch->timer.data = watch;
	uv_timer_init(loop, &watch->timer);
	watch->open_handles = 1;
	int r = open_socket(watch);
	if (r < 0) {
		network_watch_close(watch);
		return error_set(err, r, "cannot watch the node's interfaces: %s", strerror(-r));
	}
	*ret = watch;
	return 0;
}

static void closed_cb(uv_handle_t *handle)
{
	struct network_watch *watch = handle->data;
	if (--watch->open_handles > 0)
		return;
	if (watch->socket)
		(void)mnl_socket_close(watch->socket);
	free(watch);
}

void network_watch_close(struct network_watch *watch)
{
	if (!watch)
		return;
	if (watch->open_handles > 1)
		uv_close((uv_handle_t *)&watch->poll, closed_cb);
	uv_close((uv_handle_t *)&watch->timer, closed_cb);
}
