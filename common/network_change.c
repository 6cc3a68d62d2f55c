/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>

#include "common/network_state.h"

int network_link_delete(struct netlink *netlink, unsigned index)
{
	alignas(struct nlmsghdr) char buffer[256];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = RTM_DELLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->ifi_index = (int)index;
	int r = netlink_query(netlink, request, NULL, NULL);
	return r == -ENODEV ? 0 : r;
}

/* What a dump says beside the rule itself is refused, or means something else, on the way back. */
static int query_rule(struct netlink *netlink, const struct network_rule *rule, uint16_t type,
                      uint16_t flags)
{
	struct fib_rule_hdr *header = mnl_nlmsg_get_payload(rule->message);
	rule->message->nlmsg_type = type;
	rule->message->nlmsg_flags = NLM_F_REQUEST | flags;
	rule->message->nlmsg_pid = 0;
	header->flags &= ~(uint32_t)(FIB_RULE_IIF_DETACHED | FIB_RULE_OIF_DETACHED);
	return netlink_query(netlink, rule->message, NULL, NULL);
}

int network_rule_delete(struct netlink *netlink, const struct network_rule *rule)
{
	int r = query_rule(netlink, rule, RTM_DELRULE, 0);
	return r == -ENOENT ? 0 : r;
}

int network_rule_add(struct netlink *netlink, const struct network_rule *rule)
{
	int r = query_rule(netlink, rule, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
	return r == -EEXIST ? 0 : r;
}

int network_route_delete(struct netlink *netlink, const struct network_route *route)
{
	struct rtmsg *header = mnl_nlmsg_get_payload(route->message);
	route->message->nlmsg_type = RTM_DELROUTE;
	route->message->nlmsg_flags = NLM_F_REQUEST;
	route->message->nlmsg_pid = 0;
	header->rtm_flags = 0; /* RTNH_F_LINKDOWN and the like */
	int r = netlink_query(netlink, route->message, NULL, NULL);
	return r == -ESRCH || r == -ENODEV ? 0 : r;
}
