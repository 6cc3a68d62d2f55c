/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which brings another one */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/dns_packet.h"
#include "nft-sync/kernel/nft_watch.h"

/* A transaction of 100,000 elements is a notification each; they are read between two of them. */
#define WATCH_BUFFER (8 << 20)
#define WATCH_READ 65536

/* The table's name is attribute 1 of every nf_tables object. */
#define ATTRIBUTE_TABLE 1
#define ATTRIBUTE_NAME 2

int nft_watch_open(struct nft_watch *watch, const char *table, uint32_t own_port, struct error *err)
{
	int size = WATCH_BUFFER;
	int group = NFNLGRP_NFTABLES;
	memset(watch, 0, sizeof(*watch));
	watch->table = table;
	watch->own_port = own_port;
	watch->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!watch->socket)
		goto failed;
	/* Without the privilege the default size does: lost notifications mean a reading. */
	(void)setsockopt(mnl_socket_get_fd(watch->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size,
	                 sizeof(size));
	if (mnl_socket_bind(watch->socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		goto failed;
	return 0;
failed:
	error_set(err, -errno, "cannot listen for changes of the kernel's rule set: %s",
	          strerror(errno));
	int r = -errno;
	nft_watch_close(watch);
	return r;
}

void nft_watch_pause(struct nft_watch *watch)
{
	int group = NFNLGRP_NFTABLES;
	/* Where it fails we only hear more than we want. */
	(void)mnl_socket_setsockopt(watch->socket, NETLINK_DROP_MEMBERSHIP, &group, sizeof(group));
}

int nft_watch_resume(struct nft_watch *watch, struct error *err)
{
	int group = NFNLGRP_NFTABLES;
	if (mnl_socket_setsockopt(watch->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
		return error_set(err, -errno, "cannot listen for changes of the rule set: %s",
		                 strerror(errno));
	return 0;
}

void nft_watch_close(struct nft_watch *watch)
{
	if (watch->socket)
		mnl_socket_close(watch->socket);
	watch->socket = NULL;
}

static const char *attribute_text(const struct nlmsghdr *message, uint16_t type)
{
	struct nlattr *attribute;
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attribute) == type &&
		    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) >= 0)
			return mnl_attr_get_str(attribute);
	return "";
}

static const char *event_text(uint8_t type)
{
	static const char *const texts[] = {
		[NFT_MSG_NEWTABLE] = "table added",
		[NFT_MSG_DELTABLE] = "table deleted",
		[NFT_MSG_NEWCHAIN] = "chain added",
		[NFT_MSG_DELCHAIN] = "chain deleted",
		[NFT_MSG_NEWRULE] = "rule added to chain",
		[NFT_MSG_DELRULE] = "rule deleted from chain",
		[NFT_MSG_NEWSET] = "set added",
		[NFT_MSG_DELSET] = "set deleted",
		[NFT_MSG_NEWSETELEM] = "element added to set",
		[NFT_MSG_DELSETELEM] = "element deleted from set",
	};
	bool known = type < sizeof(texts) / sizeof(texts[0]) && texts[type];
	return known ? texts[type] : "object changed";
}

/* The DNS cache's tables come and go with it. */
static bool is_of_dns_cache(const struct nlmsghdr *message)
{
	const char *table = attribute_text(message, ATTRIBUTE_TABLE);
	return strncmp(table, DNS_TABLES, sizeof(DNS_TABLES) - 1) == 0;
}

static void watch_object(struct nft_watch *watch, const struct nlmsghdr *message)
{
	const struct nfgenmsg *family = mnl_nlmsg_get_payload(message);
	uint8_t type = (uint8_t)(message->nlmsg_type & 0xff);
	if (message->nlmsg_pid != watch->own_port && type == NFT_MSG_DELTABLE)
		watch->deleted |= !is_of_dns_cache(message);
	if (message->nlmsg_pid == watch->own_port || family->nfgen_family != NFPROTO_INET ||
	    strcmp(attribute_text(message, ATTRIBUTE_TABLE), watch->table) != 0)
		return;
	/* The deletion of a table is told from the inside out; the table itself says it best. */
	if (!watch->touched || type == NFT_MSG_DELTABLE)
		snprintf(watch->found.what, sizeof(watch->found.what), "%s %s", event_text(type),
		         type == NFT_MSG_DELTABLE ? watch->table
		                                  : attribute_text(message, ATTRIBUTE_NAME));
	watch->touched = true;
}

static void watch_process(struct nft_watch *watch, const struct nlmsghdr *message)
{
	struct nlattr *attribute;
	watch->found.pid = 0;
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attribute) == NFTA_GEN_PROC_PID &&
		    mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
			watch->found.pid = ntohl(mnl_attr_get_u32(attribute));
	snprintf(watch->found.process, sizeof(watch->found.process), "%s",
	         attribute_text(message, NFTA_GEN_PROC_NAME));
}

static void watch_generation(struct nft_watch *watch, const struct nlmsghdr *message)
{
	if (watch->touched || watch->deleted)
		watch_process(watch, message);
	watch->found.seen |= watch->touched;
	watch->found.around_us |= watch->deleted && !watch->touched;
	watch->touched = false;
	watch->deleted = false;
}

static int watch_cb(const struct nlmsghdr *message, void *data)
{
	struct nft_watch *watch = data;
	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
		return MNL_CB_OK;
	if ((message->nlmsg_type & 0xff) == NFT_MSG_NEWGEN)
		watch_generation(watch, message);
	else
		watch_object(watch, message);
	return MNL_CB_OK;
}

static void watch_lost(struct nft_watch *watch)
{
	watch->touched = false;
	watch->found = (struct nft_tampering){.seen = true};
	snprintf(watch->found.process, sizeof(watch->found.process), "unknown");
	snprintf(watch->found.what, sizeof(watch->found.what), "notifications lost");
}

bool nft_watch_drain(struct nft_watch *watch)
{
	static uint8_t buffer[WATCH_READ];
	bool touched = false;
	for (;;) {
		ssize_t length = mnl_socket_recvfrom(watch->socket, buffer, sizeof(buffer));
		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == ENOBUFS) {
			watch_lost(watch);
			touched = true;
			continue;
		}
		if (length < 0)
			break;
		bool seen = watch->found.seen;
		watch->found.seen = false;
		mnl_cb_run(buffer, (size_t)length, 0, 0, watch_cb, watch);
		touched |= watch->found.seen || watch->touched;
		watch->found.seen |= seen;
	}
	return touched;
}
