/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include "common/netlink.h"
#include "nft-sync/host/host.h"
#include "tests/unit/setting.h"

/* Each test has a network namespace of its own: it goes with the process, or the next unshare. */
struct place {
	struct netlink netlink;
	struct host_watch *watch;
	struct host host;
	bool changed;
};

static struct place place;

static int open_place(void **state)
{
	*state = NULL;
	place = (struct place){0};
	if (unshare(CLONE_NEWNET) < 0)
		return 0;
	if (netlink_open(&place.netlink, NETLINK_ROUTE, NULL) < 0 ||
	    host_watch_open(&place.watch, NULL) < 0)
		return -1;
	*state = &place;
	return 0;
}

static int close_place(void **state)
{
	(void)state;
	host_watch_close(place.watch);
	host_done(&place.host);
	if (place.netlink.socket != NULL)
		netlink_close(&place.netlink);
	return 0;
}

static struct place *need(void **state)
{
	if (*state == NULL)
		skip();
	return *state;
}

static void read_host(void)
{
	struct error err = {0};

	if (host_read(place.watch, &place.host, &place.changed, &err) < 0)
		fail_msg("%s", err.text);
}

static bool is_reported(void)
{
	struct pollfd fd = {.fd = host_watch_fd(place.watch), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static struct nlmsghdr *begin(char *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);

	message->nlmsg_type = type;
	message->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return message;
}

static void set_state(const char *name, unsigned flags)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->ifi_change = IFF_UP;
	header->ifi_flags = flags;
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	assert_int_equal(netlink_query(&place.netlink, message, NULL, NULL), 0);
}

/* A veth whose other end, NAMEx, is up as well, so that there is a carrier. */
static void add_link_numbered(const char *name, int index)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
	char peer[INTERFACE_NAME_MAX];
	struct ifinfomsg *header;
	struct nlattr *info;
	struct nlattr *data;
	struct nlattr *other;

	(void)snprintf(peer, sizeof(peer), "%.14sx", name);
	header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	header->ifi_index = index;
	mnl_attr_put_strz(message, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(message, IFLA_LINKINFO);
	mnl_attr_put_str(message, IFLA_INFO_KIND, "veth");
	data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
	other = mnl_attr_nest_start(message, VETH_INFO_PEER);
	(void)mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, peer);
	mnl_attr_nest_end(message, other);
	mnl_attr_nest_end(message, data);
	mnl_attr_nest_end(message, info);
	assert_int_equal(netlink_query(&place.netlink, message, NULL, NULL), 0);
	set_state(name, IFF_UP);
	set_state(peer, IFF_UP);
}

static void add_link(const char *name)
{
	add_link_numbered(name, 0); /* the kernel's choice */
}

static unsigned link_index(const char *name)
{
	const struct host_link *link = host_link(&place.host, name);

	assert_non_null(link);
	return link->index;
}

static void delete_link(const char *name)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *message = begin(buffer, RTM_DELLINK, 0);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->ifi_index = (int)link_index(name);
	assert_int_equal(netlink_query(&place.netlink, message, NULL, NULL), 0);
}

static void rename_link(const char *name, const char *as)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	set_state(name, 0); /* before Linux 6.2 nothing else can be renamed */
	header->ifi_index = (int)link_index(name);
	mnl_attr_put_strz(message, IFLA_IFNAME, as);
	assert_int_equal(netlink_query(&place.netlink, message, NULL, NULL), 0);
}

static void add_bridge(const char *name)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);

	(void)mnl_nlmsg_put_extra_header(message, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(message, IFLA_IFNAME, name);

	struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO);

	mnl_attr_put_str(message, IFLA_INFO_KIND, "bridge");
	mnl_attr_nest_end(message, info);
	assert_int_equal(netlink_query(&place.netlink, message, NULL, NULL), 0);
}

/* bridge 0: none. */
static void set_bridge(const char *name, unsigned bridge)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *message = begin(buffer, RTM_NEWLINK, 0);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	header->ifi_index = (int)link_index(name);
	mnl_attr_put_u32(message, IFLA_MASTER, bridge);
	assert_int_equal(netlink_query(&place.netlink, message, NULL, NULL), 0);
}

static size_t address_size(const struct prefix *address)
{
	return address->family == AF_INET ? 4 : 16;
}

static void add_address(const char *link, const char *text)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *message = begin(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	struct prefix address = prefix_of(text);

	header->ifa_family = address.family;
	header->ifa_prefixlen = address.family == AF_INET ? 24 : 64;
	header->ifa_index = link_index(link);
	header->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(message, IFA_LOCAL, address_size(&address), address.address);
	mnl_attr_put(message, IFA_ADDRESS, address_size(&address), address.address);
	assert_int_equal(netlink_query(&place.netlink, message, NULL, NULL), 0);
}

static void add_default_route(const char *link, const char *gateway, uint32_t metric)
{
	_Alignas(struct nlmsghdr) char buffer[512];
	struct nlmsghdr *message = begin(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));
	struct prefix address = prefix_of(gateway);

	header->rtm_family = address.family;
	header->rtm_table = RT_TABLE_MAIN;
	header->rtm_type = RTN_UNICAST;
	header->rtm_protocol = RTPROT_STATIC;
	mnl_attr_put(message, RTA_GATEWAY, address_size(&address), address.address);
	mnl_attr_put_u32(message, RTA_OIF, link_index(link));
	mnl_attr_put_u32(message, RTA_PRIORITY, metric);
	assert_int_equal(netlink_query(&place.netlink, message, NULL, NULL), 0);
}

static void a_bare_namespace_has_no_default_route(void **state)
{
	(void)need(state);
	read_host();
	assert_true(place.changed);
	assert_non_null(host_link(&place.host, "lo"));
	assert_string_equal(place.host.default_interface, "");
	read_host();
	assert_false(place.changed);
}

static void links_that_come_and_go_are_noticed(void **state)
{
	(void)need(state);
	read_host();
	add_link("eni1");
	assert_true(is_reported());
	read_host();
	assert_true(place.changed);
	assert_non_null(host_link(&place.host, "eni1"));
	delete_link("eni1");
	assert_true(is_reported());
	read_host();
	assert_true(place.changed);
	assert_null(host_link(&place.host, "eni1"));
}

static void assert_first_name(const char *name, const char *expected)
{
	const struct host_link *link = host_link(&place.host, name);

	assert_non_null(link);
	assert_string_equal(link->first_name, expected);
	assert_ptr_equal(host_link_once(&place.host, expected), link);
}

static void a_link_that_is_renamed_is_found_by_its_first_name(void **state)
{
	(void)need(state);
	add_link("eni1");
	add_link("eni2");
	read_host();
	rename_link("eni1", "other");
	read_host();
	assert_true(place.changed);
	assert_first_name("other", "eni1");
	rename_link("other", "another");
	rename_link("eni2", "eni1");
	read_host();
	assert_first_name("another", "eni1");
	assert_first_name("eni1", "eni2");
	assert_null(host_link_once(&place.host, "other"));
	rename_link("eni1", "eni2");
	rename_link("another", "eni1");
	read_host();
	assert_first_name("eni1", "eni1");
	assert_first_name("eni2", "eni2");
}

static void a_port_that_leaves_its_bridge_is_the_same_link(void **state)
{
	(void)need(state);
	add_link("eni1");
	add_bridge("br0");
	read_host();
	rename_link("eni1", "other");
	read_host();
	set_bridge("other", link_index("br0"));
	read_host();
	set_bridge("other", 0);
	add_link("eni2");
	read_host();
	assert_true(place.changed);
	assert_first_name("other", "eni1");
}

static void a_link_with_the_number_of_one_that_ended_is_new(void **state)
{
	(void)need(state);
	add_link("eni1");
	read_host();

	int index = (int)link_index("eni1");

	delete_link("eni1");
	add_link_numbered("eni2", index);
	read_host();
	assert_true(place.changed);
	assert_int_equal(link_index("eni2"), index);
	assert_first_name("eni2", "eni2");
	rename_link("eni2", "eni1");
	read_host();
	assert_first_name("eni1", "eni2");
	delete_link("eni1");
	add_link_numbered("eni1", index);
	read_host();
	assert_true(place.changed);
	assert_first_name("eni1", "eni1");
}

static void global_addresses_are_facts_and_link_local_ones_are_not(void **state)
{
	struct prefix expected = prefix_of("10.0.0.1");

	(void)need(state);
	add_link("eth0");
	read_host();
	assert_int_equal(place.host.address_count, 0);
	add_address("eth0", "10.0.0.1");
	add_address("eth0", "fd00::1");
	read_host();
	assert_true(place.changed);
	assert_int_equal(place.host.address_count, 2);
	assert_true(prefix_equal(&place.host.addresses[0].address, &expected));
	assert_int_equal(place.host.addresses[0].link, link_index("eth0"));
}

static void the_default_route_of_the_lowest_metric_counts_and_ipv4_goes_first(void **state)
{
	(void)need(state);
	add_link("eth0");
	add_link("eth1");
	add_link("eth2");
	read_host();
	add_address("eth0", "10.0.0.1");
	add_address("eth1", "10.0.1.1");
	add_address("eth2", "fd00::1");
	add_default_route("eth2", "fd00::2", 1);
	read_host();
	assert_string_equal(place.host.default_interface, "eth2");
	add_default_route("eth0", "10.0.0.2", 200);
	read_host();
	assert_string_equal(place.host.default_interface, "eth0");
	add_default_route("eth1", "10.0.1.2", 100);
	read_host();
	assert_string_equal(place.host.default_interface, "eth1");
}

static void lost_events_mean_that_everything_is_read_anew(void **state)
{
	char name[INTERFACE_NAME_MAX];

	(void)need(state);
	/* The smallest buffer there is. */
	assert_int_equal(setsockopt(host_watch_fd(place.watch), SOL_SOCKET, SO_RCVBUF, &(int){1},
	                            sizeof(int)),
	                 0);
	read_host();
	for (unsigned i = 0; i < 26; i++) {
		(void)snprintf(name, sizeof(name), "eni%u", i);
		add_link(name);
	}
	read_host();
	assert_non_null(host_link(&place.host, "eni0"));
	assert_non_null(host_link(&place.host, "eni25"));

	int index = (int)link_index("eni25");

	delete_link("eni25");
	for (unsigned i = 0; i < 25; i++) {
		(void)snprintf(name, sizeof(name), "eni%u", i);
		delete_link(name);
	}
	add_link_numbered("new", index);
	read_host();
	assert_first_name("new", "new");
}

static void routes_lead_out_or_to_the_node_itself_or_nowhere(void **state)
{
	const struct prefix out = prefix_of("10.0.0.9");
	const struct prefix own = prefix_of("10.0.0.1");
	const struct prefix nowhere = prefix_of("192.0.2.1");
	char name[INTERFACE_NAME_MAX];
	struct error err = {0};

	(void)need(state);
	add_link("eth0");
	read_host();
	add_address("eth0", "10.0.0.1");
	read_host();
	assert_int_equal(host_route(&place.host, &out, NULL, "", 0, name, &err), 0);
	assert_string_equal(name, "eth0");
	assert_int_equal(host_route(&place.host, &own, NULL, "", 0, name, &err), 0);
	assert_string_equal(name, "");
	assert_int_equal(host_route(&place.host, &nowhere, NULL, "", 0, name, &err), -ENETUNREACH);
	assert_int_equal(host_route(&place.host, &out, NULL, "eni9", 0, name, NULL), -ENODEV);
}

static void forwarded_packets_are_routed_from_where_they_come_in(void **state)
{
	const struct prefix destination = prefix_of("10.0.0.9");
	const struct prefix source = prefix_of("10.0.1.9");
	char name[INTERFACE_NAME_MAX];
	int forwarding;

	(void)need(state);
	add_link("eth0");
	add_link("eni1");
	read_host();
	add_address("eth0", "10.0.0.1");
	add_address("eni1", "10.0.1.1");
	forwarding = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
	if (forwarding < 0 || write(forwarding, "1", 1) != 1)
		skip();
	(void)close(forwarding);
	assert_int_equal(host_route(&place.host, &destination, &source, "eni1", 0, name, NULL), 0);
	assert_string_equal(name, "eth0");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_bare_namespace_has_no_default_route),
		TEST(links_that_come_and_go_are_noticed),
		TEST(a_link_that_is_renamed_is_found_by_its_first_name),
		TEST(a_port_that_leaves_its_bridge_is_the_same_link),
		TEST(a_link_with_the_number_of_one_that_ended_is_new),
		TEST(global_addresses_are_facts_and_link_local_ones_are_not),
		TEST(the_default_route_of_the_lowest_metric_counts_and_ipv4_goes_first),
		TEST(lost_events_mean_that_everything_is_read_anew),
		TEST(routes_lead_out_or_to_the_node_itself_or_nowhere),
		TEST(forwarded_packets_are_routed_from_where_they_come_in),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
