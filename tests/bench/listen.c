/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Says when the kernel's nf_tables change: one line a transaction with the time on
 * CLOCK_MONOTONIC at which its last notification was read, its generation, the elements that came
 * and went, and who did it. Made for small transactions: every listener makes the kernel write a
 * notification for each element.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BUFFER (4 << 20)

struct transaction {
	unsigned added;
	unsigned deleted;
	unsigned others;
};

static long long now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static uint32_t generation_of(const struct nlmsghdr *message)
{
	struct nlattr *attribute;
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attribute) == NFTA_GEN_ID &&
		    mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
			return ntohl(mnl_attr_get_u32(attribute));
	}
	return 0;
}

static int notification_cb(const struct nlmsghdr *message, void *data)
{
	struct transaction *transaction = data;
	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES)
		return MNL_CB_OK;
	switch (message->nlmsg_type & 0xff) {
	case NFT_MSG_NEWSETELEM:
		transaction->added++;
		break;
	case NFT_MSG_DELSETELEM:
		transaction->deleted++;
		break;
	case NFT_MSG_NEWGEN:
		printf("%lld %u %u %u %u\n", now(), generation_of(message), transaction->added,
		       transaction->deleted, transaction->others);
		memset(transaction, 0, sizeof(*transaction));
		break;
	default:
		transaction->others++;
	}
	return MNL_CB_OK;
}

static struct mnl_socket *listen_to_nftables(void)
{
	int size = BUFFER;
	int group = NFNLGRP_NFTABLES;
	struct mnl_socket *socket = mnl_socket_open(NETLINK_NETFILTER);
	if (!socket)
		return NULL;
	(void)setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
	                 sizeof(size));
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0) {
		mnl_socket_close(socket);
		return NULL;
	}
	return socket;
}

int main(void)
{
	static char buffer[65536];
	struct transaction transaction = {0};
	struct mnl_socket *socket = listen_to_nftables();
	if (!socket) {
		perror("listen");
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	puts("ready");
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0) {
			perror("listen");
			break;
		}
		mnl_cb_run(buffer, (size_t)length, 0, 0, notification_cb, &transaction);
	}
	mnl_socket_close(socket);
	return 1;
}
