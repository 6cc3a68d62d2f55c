/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "common/netlink.h"
#include "hooks/eni-gc/gc_host_local.h"

#define PRIORITY_BEHIND_VLANS 20
#define REQUEST_SIZE 256
#define READ_TRIES 5

struct search {
	uint8_t family;
	bool found;
};

static bool is_word(const struct nlattr *attribute, uint32_t value)
{
	return mnl_attr_get_payload_len(attribute) >= sizeof(uint32_t) &&
	       mnl_attr_get_u32(attribute) == value;
}

/* The kernel writes some conditions that are void. */
static bool is_condition(const struct nlattr *attribute)
{
	switch (mnl_attr_get_type(attribute)) {
	case FRA_PRIORITY:
	case FRA_TABLE:
	case FRA_PROTOCOL:
	case FRA_PAD:
		return false;
	case FRA_SUPPRESS_PREFIXLEN:
	case FRA_SUPPRESS_IFGROUP:
		return !is_word(attribute, UINT32_MAX);
	default:
		return true;
	}
}

static int look_at_rule(const struct nlmsghdr *message, void *data)
{
	struct search *search = data;
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	if (message->nlmsg_type != RTM_NEWRULE ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
	    header->family != search->family || header->action != FR_ACT_TO_TBL ||
	    header->table != RT_TABLE_LOCAL || header->tos != 0 || header->src_len != 0 ||
	    header->dst_len != 0 || (header->flags & FIB_RULE_INVERT))
		return MNL_CB_OK;
	mnl_attr_for_each (attribute, message, sizeof(*header))
		if (is_condition(attribute))
			return MNL_CB_OK;
	search->found = true;
	return MNL_CB_OK;
}

static struct nlmsghdr *request_of(char *buffer, uint16_t type, uint16_t flags, uint8_t family,
                                   struct fib_rule_hdr **ret_header)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	*ret_header = mnl_nlmsg_put_extra_header(message, sizeof(**ret_header));
	(*ret_header)->family = family;
	return message;
}

static int dump(struct netlink *netlink, struct search *search)
{
	alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct fib_rule_hdr *header;
	struct nlmsghdr *message =
		request_of(buffer, RTM_GETRULE, NLM_F_DUMP, search->family, &header);
	return netlink_query(netlink, message, look_at_rule, search);
}

int gc_local_rule_missing(uint8_t family, struct error *err)
{
	struct search search = {.family = family};
	struct netlink netlink;
	int r = netlink_open(&netlink, NETLINK_ROUTE, err);
	if (r < 0)
		return r;
	r = -EINTR;
	for (int tries = 0; r == -EINTR && tries < READ_TRIES; tries++)
		r = dump(&netlink, &search);
	netlink_close(&netlink);
	if (r == -EAFNOSUPPORT || r == -EOPNOTSUPP)
		return 0;
	if (r < 0)
		return error_set(err, r, "ip rules cannot be listed: %s", strerror(-r));
	return search.found ? 0 : 1;
}

int gc_local_rule_restore(uint8_t family, struct error *err)
{
	alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct fib_rule_hdr *header;
	struct nlmsghdr *message =
		request_of(buffer, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, family, &header);
	header->action = FR_ACT_TO_TBL;
	header->table = RT_TABLE_LOCAL;
	mnl_attr_put_u32(message, FRA_PRIORITY, PRIORITY_BEHIND_VLANS);
	mnl_attr_put_u32(message, FRA_TABLE, RT_TABLE_LOCAL);
	struct netlink netlink;
	int r = netlink_open(&netlink, NETLINK_ROUTE, err);
	if (r < 0)
		return r;
	r = netlink_query(&netlink, message, NULL, NULL);
	netlink_close(&netlink);
	if (r < 0 && r != -EEXIST)
		return error_set(err, r, "ip rule %d lookup local cannot be added: %s",
		                 PRIORITY_BEHIND_VLANS, strerror(-r));
	return 0;
}
