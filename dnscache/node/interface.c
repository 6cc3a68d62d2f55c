/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dnscache/node/interface.h"

#define ATTEMPTS 5 /* of a dump that changes disturb */
#define REQUEST_BYTES 512

/* In the order that they are tried. */
static const char *const kinds[] = {"dummy", "ifb"};
#define KINDS (sizeof(kinds) / sizeof(*kinds))

struct link {
	uint32_t index; /* 0: not there */
	bool up, ours;
};

/* What a dump of addresses is compared with, and what it finds. */
struct survey {
	uint32_t index;
	const struct prefix *wanted;
	size_t wanted_count;
	bool *present;         /* of wanted */
	struct prefix foreign; /* the first one */
	bool foreign_found;
};

static struct nlmsghdr *begin(char *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = type;
	request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return request;
}

static struct ifinfomsg *put_link(struct nlmsghdr *request)
{
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	link->ifi_family = AF_UNSPEC;
	return link;
}

static bool is_our_kind(const struct nlattr *information)
{
	const struct nlattr *attribute;
	mnl_attr_for_each_nested (attribute, information) {
		if (mnl_attr_get_type(attribute) != IFLA_INFO_KIND ||
		    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
			continue;
		for (size_t i = 0; i < KINDS; i++)
			if (strcmp(mnl_attr_get_str(attribute), kinds[i]) == 0)
				return true;
	}
	return false;
}

static int read_link(const struct nlmsghdr *message, void *data)
{
	struct link *ret = data;
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(*link)))
		return MNL_CB_OK;
	*ret = (struct link){.index = (uint32_t)link->ifi_index,
	                     .up = (link->ifi_flags & IFF_UP) != 0};
	mnl_attr_for_each (attribute, message, sizeof(*link))
		if (mnl_attr_get_type(attribute) == IFLA_LINKINFO)
			ret->ours = is_our_kind(attribute);
	return MNL_CB_OK;
}

static int find_link(struct netlink *netlink, const char *name, struct link *ret)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_GETLINK, 0);
	*ret = (struct link){0};
	put_link(request);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	int r = netlink_query(netlink, request, read_link, ret);
	return r == -ENODEV ? 0 : r;
}

static int add_link(struct netlink *netlink, const char *name, const char *kind)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	put_link(request);
	mnl_attr_put_strz(request, IFLA_IFNAME, name);
	struct nlattr *information = mnl_attr_nest_start(request, IFLA_LINKINFO);
	mnl_attr_put_strz(request, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(request, information);
	return netlink_query(netlink, request, NULL, NULL);
}

static int add_some_link(struct netlink *netlink, const char *name)
{
	int r = -EOPNOTSUPP;
	for (size_t i = 0; r == -EOPNOTSUPP && i < KINDS; i++)
		r = add_link(netlink, name, kinds[i]);
	return r == -EEXIST ? 0 : r;
}

/* No address of the kernel's own making: nothing is ever sent by this interface. A kernel without
 * IPv6 refuses, and has none to make. */
static void forbid_link_local(struct netlink *netlink, uint32_t index)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, 0);
	put_link(request)->ifi_index = (int)index;
	struct nlattr *families = mnl_attr_nest_start(request, IFLA_AF_SPEC);
	struct nlattr *family = mnl_attr_nest_start(request, AF_INET6);
	mnl_attr_put_u8(request, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	mnl_attr_nest_end(request, family);
	mnl_attr_nest_end(request, families);
	(void)netlink_query(netlink, request, NULL, NULL);
}

/* IPv6 has no route to an address of an interface that is down. */
static int set_link_up(struct netlink *netlink, uint32_t index)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *link = put_link(request);
	link->ifi_index = (int)index;
	link->ifi_flags = link->ifi_change = IFF_UP;
	return netlink_query(netlink, request, NULL, NULL);
}

static int ensure_link(struct netlink *netlink, const char *name, struct link *link, bool *added,
                       struct error *err)
{
	int r = find_link(netlink, name, link);
	*added = r == 0 && link->index == 0;
	if (*added)
		r = add_some_link(netlink, name);
	if (r == 0 && *added)
		r = find_link(netlink, name, link);
	if (r == 0 && link->index == 0)
		r = -ENODEV;
	if (r < 0)
		return error_set(err, r, "cannot add interface %s (type dummy or ifb): %s", name,
		                 strerror(-r));
	if (!link->ours)
		return error_set(err, -EEXIST,
		                 "interface %s is there and neither dummy nor ifb: it is not ours",
		                 name);
	if (!link->up) {
		forbid_link_local(netlink, link->index);
		r = set_link_up(netlink, link->index);
	}
	if (r < 0)
		return error_set(err, r, "cannot set interface %s up: %s", name, strerror(-r));
	return 0;
}

static bool read_address(const struct nlmsghdr *message, struct prefix *ret)
{
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	bool found = false;
	*ret = (struct prefix){.family = header->ifa_family, .length = header->ifa_prefixlen};
	size_t size = prefix_family_bits(ret->family) / 8;
	mnl_attr_for_each (attribute, message, sizeof(*header)) {
		uint16_t type = mnl_attr_get_type(attribute);
		if ((type != IFA_LOCAL && (type != IFA_ADDRESS || found)) ||
		    mnl_attr_get_payload_len(attribute) != size)
			continue;
		memcpy(ret->address, mnl_attr_get_payload(attribute), size);
		found = true;
	}
	return found;
}

static bool is_kernels_own(const struct prefix *address)
{
	return address->family == AF_INET6 && address->length == 64 &&
	       address->address[0] == 0xfe && (address->address[1] & 0xc0) == 0x80;
}

static int compare_address(const struct nlmsghdr *message, void *data)
{
	struct survey *survey = data;
	const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
	struct prefix address;
	if (message->nlmsg_type != RTM_NEWADDR ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) ||
	    header->ifa_index != survey->index ||
	    (header->ifa_family != AF_INET && header->ifa_family != AF_INET6) ||
	    !read_address(message, &address) || is_kernels_own(&address))
		return MNL_CB_OK;
	for (size_t i = 0; i < survey->wanted_count; i++) {
		if (prefix_equal(&address, &survey->wanted[i])) {
			survey->present[i] = true;
			return MNL_CB_OK;
		}
	}
	survey->foreign = address;
	survey->foreign_found = true;
	return MNL_CB_OK;
}

static int look_at_addresses(struct netlink *netlink, struct survey *survey)
{
	int r = -EINTR;
	for (int i = 0; r == -EINTR && i < ATTEMPTS; i++) {
		char buffer[REQUEST_BYTES];
		struct nlmsghdr *request = begin(buffer, RTM_GETADDR, NLM_F_DUMP);
		mnl_nlmsg_put_extra_header(request, sizeof(struct ifaddrmsg));
		memset(survey->present, 0, survey->wanted_count * sizeof(*survey->present));
		survey->foreign_found = false;
		r = netlink_query(netlink, request, compare_address, survey);
	}
	return r;
}

/* Scope host: never chosen as the source of anything that leaves the node. */
static int change_address(struct netlink *netlink, uint16_t type, uint32_t index,
                          const struct prefix *address)
{
	bool add = type == RTM_NEWADDR;
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, type, add ? NLM_F_CREATE | NLM_F_REPLACE : 0);
	struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	size_t size = prefix_family_bits(address->family) / 8;
	header->ifa_family = address->family;
	header->ifa_prefixlen = address->length;
	header->ifa_index = index;
	if (add && address->family == AF_INET)
		header->ifa_scope = RT_SCOPE_HOST;
	mnl_attr_put(request, IFA_LOCAL, size, address->address);
	mnl_attr_put(request, IFA_ADDRESS, size, address->address);
	if (add && address->family == AF_INET6)
		mnl_attr_put_u32(request, IFA_FLAGS, IFA_F_NODAD | IFA_F_PERMANENT);
	int r = netlink_query(netlink, request, NULL, NULL);
	return (add && r == -EEXIST) || (!add && r == -EADDRNOTAVAIL) ? 0 : r;
}

static int address_failed(int r, const char *what, const struct prefix *address, const char *name,
                          struct error *err)
{
	char text[PREFIX_TEXT_MAX];
	return error_set(err, r, "cannot %s address %s %s interface %s: %s", what,
	                 prefix_text(address, text), *what == 'a' ? "to" : "from", name,
	                 strerror(-r));
}

/* A node-cache that ran here before may have left other addresses; one a round. */
static int remove_foreign(struct netlink *netlink, const char *name, struct survey *survey,
                          struct error *err)
{
	for (int i = 0; survey->foreign_found && i < 1024; i++) {
		int r = change_address(netlink, RTM_DELADDR, survey->index, &survey->foreign);
		if (r < 0)
			return address_failed(r, "remove", &survey->foreign, name, err);
		r = look_at_addresses(netlink, survey);
		if (r < 0)
			return error_set(err, r, "cannot read the addresses of interface %s: %s",
			                 name, strerror(-r));
	}
	return 0;
}

int dns_interface_set_up(struct netlink *netlink, const char *name, const struct prefix *addresses,
                         size_t count, bool *added, struct error *err)
{
	struct link link;
	bool fresh = false;
	int r = ensure_link(netlink, name, &link, &fresh, err);
	if (r < 0)
		return r;
	struct survey survey = {.index = link.index, .wanted = addresses, .wanted_count = count};
	survey.present = calloc(count + 1, sizeof(*survey.present));
	if (!survey.present)
		return error_set(err, -ENOMEM, "no memory for the addresses of %s", name);
	r = look_at_addresses(netlink, &survey);
	if (r < 0)
		error_set(err, r, "cannot read the addresses of interface %s: %s", name,
		          strerror(-r));
	for (size_t i = 0; r == 0 && i < count; i++) {
		if (survey.present[i])
			continue;
		r = change_address(netlink, RTM_NEWADDR, link.index, &addresses[i]);
		if (r < 0)
			address_failed(r, "add", &addresses[i], name, err);
	}
	if (r == 0)
		r = remove_foreign(netlink, name, &survey, err);
	free(survey.present);
	if (r == 0 && added)
		*added = fresh;
	return r;
}

int dns_interface_remove(struct netlink *netlink, const char *name, struct error *err)
{
	struct link link;
	char buffer[REQUEST_BYTES];
	int r = find_link(netlink, name, &link);
	if (r == 0 && link.index != 0 && link.ours) {
		struct nlmsghdr *request = begin(buffer, RTM_DELLINK, 0);
		put_link(request)->ifi_index = (int)link.index;
		r = netlink_query(netlink, request, NULL, NULL);
	}
	if (r == -ENODEV)
		r = 0;
	return r < 0 ? error_set(err, r, "cannot remove interface %s: %s", name, strerror(-r)) : 0;
}
