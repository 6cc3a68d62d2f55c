/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "nft-sync/host/host.h"
#include "nft-sync/host/host_rtnetlink.h"

#define EVENT_BUFFER (1 << 20)
#define DATAGRAM_SIZE 32768
#define READ_TRIES 5

struct host_watch {
	struct mnl_socket *events;
	bool stale; /* what was read last is not all there is */
	bool lost;  /* events have been, behind it */
};

static struct mnl_socket *open_events(unsigned groups)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (socket == NULL)
		return NULL;
	if (mnl_socket_bind(socket, groups, MNL_SOCKET_AUTOPID) < 0) {
		(void)mnl_socket_close(socket);
		return NULL;
	}
	return socket;
}

static unsigned group_bit(unsigned group)
{
	return 1U << (group - 1);
}

int host_watch_open(struct host_watch **ret, struct error *err)
{
	unsigned groups = group_bit(RTNLGRP_LINK) | group_bit(RTNLGRP_IPV4_IFADDR) |
	                  group_bit(RTNLGRP_IPV6_IFADDR) | group_bit(RTNLGRP_IPV4_ROUTE) |
	                  group_bit(RTNLGRP_IPV6_ROUTE);
	int size = EVENT_BUFFER;
	struct host_watch *watch = calloc(1, sizeof(*watch));
	int code;
	int fd;

	if (watch == NULL)
		return error_set(err, -ENOMEM, "rtnetlink: out of memory");
	watch->stale = true;
	watch->events = open_events(groups);
	if (watch->events == NULL)
		goto fail;
	fd = mnl_socket_get_fd(watch->events);
	/* Best effort: events that find no room make a reading anew. */
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
		goto fail;
	*ret = watch;
	return 0;
fail:
	code = -errno;
	host_watch_close(watch);
	return error_set(err, code, "rtnetlink: %s", strerror(-code));
}

void host_watch_close(struct host_watch *watch)
{
	if (watch == NULL)
		return;
	if (watch->events != NULL)
		(void)mnl_socket_close(watch->events);
	free(watch);
}

int host_watch_fd(const struct host_watch *watch)
{
	return mnl_socket_get_fd(watch->events);
}

/* Flags, counters and addresses of neighbours make events as well; only names matter. */
static bool link_matters(const struct host *host, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const char *name;
	const struct host_link *link;

	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return false;
	name = rtnetlink_link_name(message);
	link = name != NULL ? host_link(host, name) : NULL;
	if (message->nlmsg_type == RTM_DELLINK)
		return link != NULL;
	return link == NULL || link->index != (unsigned)header->ifi_index;
}

static bool event_matters(const struct host *host, const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return link_matters(host, message);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return true;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return rtnetlink_is_default(message);
	default:
		return false;
	}
}

/* The kernel gives its number again. A port of a bridge that ends is not the end of its link. */
static void note_end(struct host *host, const struct nlmsghdr *message)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);

	if (message->nlmsg_type != RTM_DELLINK ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) || header->ifi_family != AF_UNSPEC)
		return;
	for (size_t i = 0; i < host->link_count; i++)
		if (host->links[i].index == (unsigned)header->ifi_index)
			host->links[i].first_name[0] = '\0';
}

/*
 * What they say of now, which is host or the reading that is to follow it. ENOBUFS: events were
 * lost. A datagram that does not fit is one that was not understood.
 */
static int drain_events(struct host_watch *watch, struct host *host, const struct host *now)
{
	alignas(struct nlmsghdr) char buffer[DATAGRAM_SIZE];

	for (;;) {
		ssize_t size = mnl_socket_recvfrom(watch->events, buffer, sizeof(buffer));

		if (size < 0 && (errno == ENOBUFS || errno == ENOSPC)) {
			watch->stale = true;
			watch->lost = true;
			continue;
		}
		if (size < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;

		const void *start = buffer;
		const struct nlmsghdr *message = start;

		for (int left = (int)size; mnl_nlmsg_ok(message, left);
		     message = mnl_nlmsg_next(message, &left)) {
			note_end(host, message);
			watch->stale = watch->stale || event_matters(now, message);
		}
	}
}

/* NULL: it is new. Where events were lost one that ended may be among them. */
static const struct host_link *former_link(const struct host *host, const struct host_link *link,
                                           bool lost)
{
	const struct host_link *former = host_link(host, link->name);

	if (former == NULL || former->index != link->index)
		former = lost ? NULL : host_link_numbered(host, link->index);
	return former != NULL && former->first_name[0] != '\0' ? former : NULL;
}

static void take_first_names(const struct host *host, struct host *fresh, bool lost)
{
	for (size_t i = 0; i < fresh->link_count; i++) {
		struct host_link *link = &fresh->links[i];
		const struct host_link *former = former_link(host, link, lost);

		if (former != NULL)
			memcpy(link->first_name, former->first_name, INTERFACE_NAME_MAX);
		fresh->renamed = fresh->renamed || strcmp(link->first_name, link->name) != 0;
	}
}

/*
 * The events of what was read already are among those that have come meanwhile: without them a link
 * that is new could pass for the one that had its number before.
 */
static int read_anew(struct host_watch *watch, struct host *host, bool last, bool *changed,
                     struct error *err)
{
	struct host fresh = {0};
	bool lost = watch->lost;
	int ret = host_facts(&fresh, err);

	if (ret < 0)
		return ret;
	watch->stale = false;
	watch->lost = false;
	if (!last)
		ret = drain_events(watch, host, &fresh);
	if (ret < 0) {
		watch->stale = true;
		watch->lost = watch->lost || lost;
		host_done(&fresh);
		return error_set(err, ret, "rtnetlink: %s", strerror(-ret));
	}
	take_first_names(host, &fresh, lost || watch->lost);
	*changed = *changed || !host_equal(host, &fresh);
	host_done(host);
	*host = fresh;
	return 0;
}

int host_read(struct host_watch *watch, struct host *host, bool *changed, struct error *err)
{
	int ret = drain_events(watch, host, host);

	*changed = false;
	if (ret < 0) {
		watch->stale = true;
		return error_set(err, ret, "rtnetlink: %s", strerror(-ret));
	}
	for (unsigned tries = READ_TRIES; ret == 0 && watch->stale && tries > 0; tries--)
		ret = read_anew(watch, host, tries == 1, changed, err);
	return ret;
}
