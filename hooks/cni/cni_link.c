/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/network_state.h"
#include "hooks/cni/cni_link.h"

#define REQUEST_SIZE 128

static void copy_name(const struct nlattr *attribute, char *ret, size_t size)
{
	if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) == 0 &&
	    mnl_attr_get_payload_len(attribute) <= size)
		(void)snprintf(ret, size, "%s", mnl_attr_get_str(attribute));
}

static unsigned number(const struct nlattr *attribute)
{
	return mnl_attr_validate(attribute, MNL_TYPE_U32) == 0 ? mnl_attr_get_u32(attribute) : 0;
}

static void take_info(const struct nlattr *nest, struct cni_link *link, bool *bridged)
{
	const struct nlattr *attribute;
	char kind[sizeof(link->kind)] = "";
	if (mnl_attr_validate(nest, MNL_TYPE_NESTED) < 0)
		return;
	mnl_attr_for_each_nested (attribute, nest) {
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			copy_name(attribute, link->kind, sizeof(link->kind));
		else if (mnl_attr_get_type(attribute) == IFLA_INFO_SLAVE_KIND)
			copy_name(attribute, kind, sizeof(kind));
	}
	*bridged = strcmp(kind, "bridge") == 0;
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct cni_link link = {.peer_netns = -1};
	unsigned master = 0;
	bool bridged = false;
	if (message->nlmsg_type != RTM_NEWLINK ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return MNL_CB_OK;
	link.index = (unsigned)header->ifi_index;
	mnl_attr_for_each (attribute, message, sizeof(*header)) {
		switch (mnl_attr_get_type(attribute)) {
		case IFLA_IFNAME:
			copy_name(attribute, link.name, sizeof(link.name));
			break;
		case IFLA_LINK:
			link.peer = number(attribute);
			break;
		case IFLA_LINK_NETNSID:
			link.peer_netns = (int)number(attribute);
			break;
		case IFLA_MASTER:
			master = number(attribute);
			break;
		case IFLA_LINKINFO:
			take_info(attribute, &link, &bridged);
			break;
		}
	}
	link.bridge = bridged ? master : 0;
	*(struct cni_link *)data = link;
	return MNL_CB_OK;
}

static int ask_link(struct netlink *netlink, const char *name, unsigned index, struct cni_link *ret)
{
	char buffer[REQUEST_SIZE];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->ifi_index = (int)index;
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	struct cni_link link = {0};
	int r = netlink_query(netlink, request, take_link, &link);
	if (r < 0)
		return r;
	if (!link.index)
		return -ENODEV;
	*ret = link;
	return 0;
}

int cni_link_named(struct netlink *netlink, const char *name, struct cni_link *ret)
{
	return strlen(name) < IF_NAMESIZE ? ask_link(netlink, name, 0, ret) : -ENODEV;
}

int cni_link_numbered(struct netlink *netlink, unsigned index, struct cni_link *ret)
{
	return ask_link(netlink, NULL, index, ret);
}

/* A socket stays in the namespace where it was made. */
static int open_inside(int there, struct netlink *ret, struct error *err)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return error_set(err, -errno, "cannot open our network namespace: %s",
		                 strerror(errno));
	int r = setns(there, CLONE_NEWNET) < 0 ? -errno : 0;
	if (r < 0) {
		close(home);
		return error_set(err, r, "cannot enter the sandbox's network namespace: %s",
		                 strerror(-r));
	}
	r = netlink_open(ret, NETLINK_ROUTE, err);
	if (setns(home, CLONE_NEWNET) < 0) {
		if (r == 0)
			netlink_close(ret);
		r = error_set(err, -errno, "cannot return to our network namespace: %s",
		              strerror(errno));
	}
	close(home);
	return r;
}

static int other_end(struct netlink *netlink, int there, const struct cni_link *inside,
                     struct cni_link *ret)
{
	struct cni_link outside;
	int netns;
	int r = cni_link_numbered(netlink, inside->peer, &outside);
	if (r == 0)
		r = network_namespace_number(netlink, there, &netns);
	if (r < 0)
		return r;
	if (strcmp(outside.kind, "veth") != 0 || outside.peer != inside->index ||
	    outside.peer_netns != netns)
		return -ENODEV;
	*ret = outside;
	return 0;
}

int cni_link_into(struct netlink *netlink, const char *netns, const char *ifname,
                  struct cni_link *ret, struct error *err)
{
	struct netlink sandbox = {0};
	struct cni_link inside;
	int there = open(netns, O_RDONLY | O_CLOEXEC);
	if (there < 0)
		return error_set(err, -errno, "%s: %s", netns, strerror(errno));
	int r = open_inside(there, &sandbox, err);
	if (r < 0)
		goto done;
	r = cni_link_named(&sandbox, ifname, &inside);
	if (r == 0 && (strcmp(inside.kind, "veth") != 0 || !inside.peer))
		r = -ENODEV;
	if (r == 0)
		r = other_end(netlink, there, &inside, ret);
	if (r < 0)
		error_set(err, r, "%s in %s has no other end here", ifname, netns);
done:
	netlink_close(&sandbox);
	close(there);
	return r;
}
