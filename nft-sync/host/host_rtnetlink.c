/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "nft-sync/host/host_rtnetlink.h"
#include "nft-sync/resolve/resolution.h"

const struct nlattr *rtnetlink_attribute(const struct nlmsghdr *message, size_t header,
                                         uint16_t type, size_t size)
{
	struct nlattr *attribute;

	mnl_attr_for_each (attribute, message, header) {
		if (mnl_attr_get_type(attribute) == type)
			return mnl_attr_get_payload_len(attribute) >= size ? attribute : NULL;
	}
	return NULL;
}

const char *rtnetlink_link_name(const struct nlmsghdr *message)
{
	const struct nlattr *name =
		rtnetlink_attribute(message, sizeof(struct ifinfomsg), IFLA_IFNAME, 2);

	if (name == NULL || mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0 ||
	    mnl_attr_get_payload_len(name) > INTERFACE_NAME_MAX)
		return NULL;
	return mnl_attr_get_str(name);
}

unsigned rtnetlink_first_hop(const struct nlmsghdr *message)
{
	const struct nlattr *out =
		rtnetlink_attribute(message, sizeof(struct rtmsg), RTA_OIF, sizeof(uint32_t));
	const struct nlattr *paths = rtnetlink_attribute(message, sizeof(struct rtmsg),
	                                                 RTA_MULTIPATH, sizeof(struct rtnexthop));

	if (out != NULL)
		return mnl_attr_get_u32(out);
	if (paths == NULL)
		return 0;

	struct rtnexthop first;

	memcpy(&first, mnl_attr_get_payload(paths), sizeof(first));
	return (unsigned)first.rtnh_ifindex;
}

bool rtnetlink_is_default(const struct nlmsghdr *message)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	return message->nlmsg_len >= NLMSG_LENGTH(sizeof(*route)) && route->rtm_dst_len == 0 &&
	       route->rtm_table == RT_TABLE_MAIN && route->rtm_type == RTN_UNICAST &&
	       (route->rtm_flags & RTM_F_CLONED) == 0;
}
