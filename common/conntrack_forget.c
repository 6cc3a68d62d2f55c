/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h> /* before linux/netfilter.h, which brings another one */
#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/conntrack_forget.h"
#include "common/netlink.h"

#define COUNT_FILE "/proc/sys/net/netfilter/nf_conntrack_count"
#define BUCKETS_FILE "/proc/sys/net/netfilter/nf_conntrack_buckets"
#define BUCKETS_PER_ENTRY 20
#define PATIENCE 5 /* seconds */
#define DUMP_TRIES 5

/* What of a tuple counts, as nf_internals.h of the kernel has it. CTA_FILTER is of Linux 5.8: an
 * older one ignores it and lists everything. */
#define FILTER_SOURCE (1U << 0)
#define FILTER_DESTINATION (1U << 1)

/* What an address may be in an entry. */
struct role {
	uint16_t tuple;
	bool is_destination;
};

struct forgetting {
	const struct prefix *address;
	const struct role *role; /* at hand; NULL: all at once */
	bool dry_run;
	struct netlink deleting; /* apart from the one that lists */
	time_t end;
	size_t count;
};

static const struct role roles[] = {
	{CTA_TUPLE_ORIG, false},
	{CTA_TUPLE_REPLY, false},
	{CTA_TUPLE_REPLY, true},
};
#define ROLES (sizeof(roles) / sizeof(roles[0]))

static time_t monotonic_seconds(void)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

static const struct nlattr *nested(const struct nlattr *parent, uint16_t type)
{
	const struct nlattr *attribute;
	if (!parent)
		return NULL;
	mnl_attr_for_each_nested (attribute, parent)
		if (mnl_attr_get_type(attribute) == type)
			return attribute;
	return NULL;
}

static const struct nlattr *attribute_of(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attribute;
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attribute) == type)
			return attribute;
	return NULL;
}

static uint16_t address_attribute(const struct prefix *address, bool is_destination)
{
	if (address->family == AF_INET)
		return is_destination ? CTA_IP_V4_DST : CTA_IP_V4_SRC;
	return is_destination ? CTA_IP_V6_DST : CTA_IP_V6_SRC;
}

static size_t address_size(const struct prefix *address)
{
	return address->family == AF_INET ? 4 : 16;
}

static bool has_role(const struct nlmsghdr *message, const struct prefix *address,
                     const struct role *role)
{
	const struct nlattr *tuple = attribute_of(message, role->tuple);
	const struct nlattr *ip = nested(tuple, CTA_TUPLE_IP);
	const struct nlattr *value = nested(ip, address_attribute(address, role->is_destination));
	return value && mnl_attr_get_payload_len(value) == address_size(address) &&
	       memcmp(mnl_attr_get_payload(value), address->address, address_size(address)) == 0;
}

static struct nlmsghdr *begin_request(void *buffer, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	return request;
}

/* The entry's own words are its name: tuple, zone and id, so that no later one is meant. */
static int delete_entry(struct netlink *netlink, const struct nlmsghdr *message, uint8_t family)
{
	static const uint16_t names[] = {CTA_TUPLE_ORIG, CTA_ZONE, CTA_ID};
	alignas(struct nlmsghdr) char buffer[1024];
	struct nlmsghdr *request = begin_request(buffer, IPCTNL_MSG_CT_DELETE, 0, family);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct nlattr *attribute = attribute_of(message, names[i]);
		if (attribute && !mnl_attr_put_check(request, sizeof(buffer), attribute->nla_type,
		                                     mnl_attr_get_payload_len(attribute),
		                                     mnl_attr_get_payload(attribute)))
			return -EMSGSIZE;
	}
	int r = netlink_query(netlink, request, NULL, NULL);
	return r == -ENOENT ? 0 : r;
}

/* Most entries have an address in two: each is counted where it is seen first. */
static const struct role *first_role(const struct nlmsghdr *message, const struct prefix *address)
{
	for (size_t i = 0; i < ROLES; i++)
		if (has_role(message, address, &roles[i]))
			return &roles[i];
	return NULL;
}

static int look_at(const struct nlmsghdr *message, void *data)
{
	struct forgetting *forgetting = data;
	if (monotonic_seconds() > forgetting->end)
		return -ETIMEDOUT;
	const struct role *role = first_role(message, forgetting->address);
	if (!role || (forgetting->role && role != forgetting->role))
		return MNL_CB_OK;
	forgetting->count++;
	if (forgetting->dry_run)
		return MNL_CB_OK;
	int r = delete_entry(&forgetting->deleting, message, forgetting->address->family);
	return r < 0 ? r : MNL_CB_OK;
}

static void put_filter(struct nlmsghdr *request, const struct prefix *address,
                       const struct role *role)
{
	struct nlattr *tuple = mnl_attr_nest_start(request, role->tuple);
	struct nlattr *ip = mnl_attr_nest_start(request, CTA_TUPLE_IP);
	mnl_attr_put(request, address_attribute(address, role->is_destination),
	             address_size(address), address->address);
	mnl_attr_nest_end(request, ip);
	mnl_attr_nest_end(request, tuple);
	struct nlattr *filter = mnl_attr_nest_start(request, CTA_FILTER);
	mnl_attr_put_u32(request,
	                 role->tuple == CTA_TUPLE_ORIG ? CTA_FILTER_ORIG_FLAGS
	                                               : CTA_FILTER_REPLY_FLAGS,
	                 role->is_destination ? FILTER_DESTINATION : FILTER_SOURCE);
	mnl_attr_nest_end(request, filter);
}

/* role NULL: all of the family is listed. */
static int forget_role(struct netlink *listing, const struct role *role,
                       struct forgetting *forgetting)
{
	alignas(struct nlmsghdr) char buffer[512];
	int r = -EINTR;
	forgetting->role = role;
	for (int attempt = 0; r == -EINTR && attempt < DUMP_TRIES; attempt++) {
		struct nlmsghdr *request = begin_request(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP,
		                                         forgetting->address->family);
		if (role)
			put_filter(request, forgetting->address, role);
		r = netlink_query(listing, request, look_at, forgetting);
	}
	return r;
}

/* 0: it cannot be read. */
static uint64_t read_number(const char *path)
{
	char text[24] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t length = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	return length > 0 ? strtoull(text, NULL, 10) : 0;
}

/*
 * The kernel goes through its whole table for every list: 262,144 buckets on any larger node, 9 ms.
 * To write an entry out takes as long as some dozens of buckets, so that one list of all is cheaper
 * than three that it filters, until there are many. Its filter of IPv6 (seen in 6.18) takes equal
 * addresses for different ones, and lists exactly what was not asked for.
 */
static bool lists_all(const struct forgetting *forgetting)
{
	return forgetting->address->family == AF_INET6 ||
	       read_number(COUNT_FILE) < read_number(BUCKETS_FILE) / BUCKETS_PER_ENTRY;
}

static int forget_roles(struct netlink *listing, struct forgetting *forgetting)
{
	int r = 0;
	if (lists_all(forgetting))
		return forget_role(listing, NULL, forgetting);
	for (size_t i = 0; r == 0 && i < ROLES; i++)
		r = forget_role(listing, &roles[i], forgetting);
	return r;
}

bool conntrack_tracks_anything(void)
{
	return read_number(COUNT_FILE) > 0;
}

int conntrack_forget(const struct prefix *address, bool dry_run, size_t *count, struct error *err)
{
	struct forgetting forgetting = {
		.address = address, .dry_run = dry_run, .end = monotonic_seconds() + PATIENCE};
	struct netlink listing = {0};
	int r = 0;
	*count = 0;
	if (!conntrack_tracks_anything())
		return 0;
	r = netlink_open(&listing, NETLINK_NETFILTER, err);
	if (r == 0)
		r = netlink_open(&forgetting.deleting, NETLINK_NETFILTER, err);
	if (r == 0)
		r = forget_roles(&listing, &forgetting);
	netlink_close(&forgetting.deleting);
	netlink_close(&listing);
	*count = forgetting.count;
	return r < 0 ? error_set(err, r, "conntrack: %s", strerror(-r)) : 0;
}
