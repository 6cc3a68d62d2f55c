/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/if_link.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/netlink.h"
#include "nft-sync/host/host.h"
#include "nft-sync/host/host_rtnetlink.h"

#define READ_TRIES 5
#define REQUEST_SIZE 256

/* What one reading collects. */
struct reading {
	struct host host;
	size_t link_capacity;
	size_t address_capacity;
	unsigned default_index;
	uint32_t default_metric;
};

static void *grow(void *items, size_t count, size_t *capacity, size_t size, size_t ceiling)
{
	size_t wanted = *capacity != 0 ? *capacity * 2 : 64;
	void *bigger;

	if (count < *capacity)
		return items;
	if (count >= ceiling)
		return NULL;
	bigger = reallocarray(items, wanted, size);
	if (bigger != NULL)
		*capacity = wanted;
	return bigger;
}

static int out_of_memory(void)
{
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

static int read_link(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct host *host = &reading->host;
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const char *name;
	struct host_link *links;

	if (message->nlmsg_type != RTM_NEWLINK ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return MNL_CB_OK;
	name = rtnetlink_link_name(message);
	if (name == NULL)
		return MNL_CB_OK;
	links = grow(host->links, host->link_count, &reading->link_capacity, sizeof(*links),
	             HOST_LINKS_MAX);
	if (links == NULL)
		return out_of_memory();
	host->links = links;
	links[host->link_count] = (struct host_link){.index = (unsigned)header->ifi_index};
	memcpy(links[host->link_count].name, name, strlen(name) + 1);
	memcpy(links[host->link_count++].first_name, name, strlen(name) + 1);
	return MNL_CB_OK;
}

static bool address_of(const struct nlattr *attribute, uint8_t family, struct prefix *ret)
{
	size_t size = family == AF_INET ? 4 : 16;

	if ((family != AF_INET && family != AF_INET6) || mnl_attr_get_payload_len(attribute) < size)
		return false;
	*ret = (struct prefix){.family = family, .length = (uint8_t)(size * 8)};
	memcpy(ret->address, mnl_attr_get_payload(attribute), size);
	return true;
}

static int read_address(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct host *host = &reading->host;
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	struct host_address *addresses;
	const struct nlattr *attribute;
	struct prefix address;

	if (message->nlmsg_type != RTM_NEWADDR ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
	    header->ifa_scope != RT_SCOPE_UNIVERSE)
		return MNL_CB_OK;
	/* IFA_ADDRESS is the peer's on a point-to-point link; IPv6 has IFA_LOCAL only there. */
	attribute = rtnetlink_attribute(message, sizeof(*header), IFA_LOCAL, 4);
	if (attribute == NULL)
		attribute = rtnetlink_attribute(message, sizeof(*header), IFA_ADDRESS, 4);
	if (attribute == NULL || !address_of(attribute, header->ifa_family, &address))
		return MNL_CB_OK;
	addresses = grow(host->addresses, host->address_count, &reading->address_capacity,
	                 sizeof(*addresses), HOST_ADDRESSES_MAX);
	if (addresses == NULL)
		return out_of_memory();
	host->addresses = addresses;
	addresses[host->address_count++] = (struct host_address){header->ifa_index, address};
	return MNL_CB_OK;
}

static int read_route(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	const struct nlattr *priority;
	unsigned index;
	uint32_t metric;

	if (message->nlmsg_type != RTM_NEWROUTE || !rtnetlink_is_default(message))
		return MNL_CB_OK;
	priority =
		rtnetlink_attribute(message, sizeof(struct rtmsg), RTA_PRIORITY, sizeof(uint32_t));
	metric = priority != NULL ? mnl_attr_get_u32(priority) : 0;
	index = rtnetlink_first_hop(message);
	if (index != 0 && (reading->default_index == 0 || metric < reading->default_metric)) {
		reading->default_index = index;
		reading->default_metric = metric;
	}
	return MNL_CB_OK;
}

static int dump(struct netlink *netlink, uint16_t type, uint8_t family,
                int (*callback)(const struct nlmsghdr *message, void *data),
                struct reading *reading)
{
	alignas(struct nlmsghdr) char buffer[REQUEST_SIZE];
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	if (type == RTM_GETLINK) {
		struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

		header->ifi_family = family;
		mnl_attr_put_u32(message, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	} else if (type == RTM_GETADDR) {
		struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

		header->ifa_family = family;
	} else {
		struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

		header->rtm_family = family;
		header->rtm_table = RT_TABLE_MAIN;
	}
	return netlink_query(netlink, message, callback, reading);
}

static int link_compare(const void *a, const void *b)
{
	const struct host_link *left = a;
	const struct host_link *right = b;

	return strcmp(left->name, right->name);
}

static int address_compare(const void *a, const void *b)
{
	const struct host_address *left = a;
	const struct host_address *right = b;

	if (left->link != right->link)
		return left->link < right->link ? -1 : 1;
	return prefix_compare(&left->address, &right->address);
}

static void finish(struct reading *reading)
{
	struct host *host = &reading->host;

	for (size_t i = 0; i < host->link_count; i++)
		if (host->links[i].index == reading->default_index)
			memcpy(host->default_interface, host->links[i].name, INTERFACE_NAME_MAX);
	if (host->link_count > 1)
		qsort(host->links, host->link_count, sizeof(*host->links), link_compare);
	if (host->address_count > 1)
		qsort(host->addresses, host->address_count, sizeof(*host->addresses),
		      address_compare);
}

/* A node without one family answers its dumps with an error: then it has no routes in it. */
static int read_default_route(struct netlink *netlink, struct reading *reading)
{
	int ret = dump(netlink, RTM_GETROUTE, AF_INET, read_route, reading);

	if (ret == -EINTR || reading->default_index != 0)
		return ret;
	ret = dump(netlink, RTM_GETROUTE, AF_INET6, read_route, reading);
	return ret == -EOPNOTSUPP || ret == -ENOENT ? 0 : ret;
}

static int read_once(struct netlink *netlink, struct host *ret)
{
	struct reading reading = {0};
	int code = dump(netlink, RTM_GETLINK, AF_UNSPEC, read_link, &reading);

	if (code == 0)
		code = dump(netlink, RTM_GETADDR, AF_UNSPEC, read_address, &reading);
	if (code == 0)
		code = read_default_route(netlink, &reading);
	if (code < 0) {
		host_done(&reading.host);
		return code;
	}
	finish(&reading);
	*ret = reading.host;
	return 0;
}

int host_facts(struct host *ret, struct error *err)
{
	struct netlink netlink;
	int strict = 1;
	int code = netlink_open(&netlink, NETLINK_ROUTE, err);

	if (code < 0)
		return code;
	/* A kernel that does not know it dumps the routes of all tables; they are told apart. */
	(void)mnl_socket_setsockopt(netlink.socket, NETLINK_GET_STRICT_CHK, &strict,
	                            sizeof(strict));
	code = -EINTR;
	for (unsigned tries = 0; code == -EINTR && tries < READ_TRIES; tries++)
		code = read_once(&netlink, ret);
	netlink_close(&netlink);
	if (code < 0)
		return error_set(err, code, "rtnetlink: %s", strerror(-code));
	return 0;
}
