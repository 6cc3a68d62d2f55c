/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "common/network_state.h"

#define ITEMS_MAX 65536      /* of each kind */
#define MESSAGES_MAX 4000000 /* looked at; a full table of the Internet is a million */
#define MEMORY_MAX (256U << 20)
#define READ_TRIES 20
#define READ_PAUSE 1000000 /* nanoseconds */

struct reading {
	struct network_state state;
	const struct network_scope *scope; /* NULL: everything */
	size_t messages;
	uint8_t family; /* of the dump at hand */
};

/* Values below 0 end a dump and come out of it. */
static int count_message(struct reading *reading)
{
	return ++reading->messages > MESSAGES_MAX ? -EFBIG : MNL_CB_OK;
}

static void *push(struct vector *vector)
{
	return vector->count < ITEMS_MAX ? vector_push(vector) : NULL;
}

static struct nlmsghdr *keep_message(struct reading *reading, const struct nlmsghdr *message)
{
	struct nlmsghdr *copy = arena_alloc(reading->state.arena, message->nlmsg_len);
	if (copy)
		memcpy(copy, message, message->nlmsg_len);
	return copy;
}

static bool copy_name(const struct nlattr *attribute, char ret[static 16])
{
	if (mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0 ||
	    strlen(mnl_attr_get_str(attribute)) >= 16)
		return false;
	memcpy(ret, mnl_attr_get_str(attribute), strlen(mnl_attr_get_str(attribute)) + 1);
	return true;
}

static bool is_kind(const struct nlattr *info, const char *kind)
{
	const struct nlattr *attribute;
	mnl_attr_for_each_nested (attribute, info)
		if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
			return strncmp(mnl_attr_get_str(attribute), kind,
			               mnl_attr_get_payload_len(attribute)) == 0;
	return false;
}

static int read_link(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	struct network_link link = {.peer_namespace = -1};
	if (message->nlmsg_type != RTM_NEWLINK ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)))
		return MNL_CB_OK;
	link.index = (unsigned)header->ifi_index;
	mnl_attr_for_each (attribute, message, sizeof(*header)) {
		if (mnl_attr_get_type(attribute) == IFLA_IFNAME && !copy_name(attribute, link.name))
			return MNL_CB_OK;
		if (mnl_attr_get_type(attribute) == IFLA_LINKINFO)
			link.is_veth = is_kind(attribute, "veth");
		if (mnl_attr_get_type(attribute) == IFLA_LINK_NETNSID &&
		    mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
			link.peer_namespace = (int)mnl_attr_get_u32(attribute);
	}
	struct network_link *item = push(&reading->state.links);
	if (!item)
		return -EFBIG;
	*item = link;
	return count_message(reading);
}

static bool copy_address(const struct nlattr *attribute, uint8_t family, uint8_t length,
                         struct prefix *ret)
{
	size_t size = family == AF_INET ? 4 : 16;
	if (mnl_attr_get_payload_len(attribute) < size || length > size * 8)
		return false;
	*ret = (struct prefix){.family = family, .length = length};
	memcpy(ret->address, mnl_attr_get_payload(attribute), size);
	return true;
}

/* False: a condition that we do not know of. The kernel writes some that are void. */
static bool read_rule_attribute(const struct nlattr *attribute, const struct fib_rule_hdr *header,
                                struct network_rule *rule)
{
	bool is_word = mnl_attr_get_payload_len(attribute) >= sizeof(uint32_t);
	uint32_t word = is_word ? mnl_attr_get_u32(attribute) : 0;
	switch (mnl_attr_get_type(attribute)) {
	case FRA_PRIORITY:
		rule->priority = word;
		return is_word;
	case FRA_TABLE:
		rule->table = word;
		return is_word;
	case FRA_IIFNAME:
		return copy_name(attribute, rule->in);
	case FRA_SRC:
		return copy_address(attribute, header->family, header->src_len, &rule->source);
	case FRA_DST:
		return copy_address(attribute, header->family, header->dst_len, &rule->destination);
	case FRA_SUPPRESS_PREFIXLEN:
	case FRA_SUPPRESS_IFGROUP:
		return is_word && word == UINT32_MAX;
	case FRA_PROTOCOL:
	case FRA_PAD:
		return true;
	default:
		return false;
	}
}

/* Returns whether it is one of the three priorities; *plain: it has no conditions but those. */
static bool parse_rule(const struct nlmsghdr *message, struct network_rule *rule, bool *plain)
{
	const struct fib_rule_hdr *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	if (message->nlmsg_type != RTM_NEWRULE ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) || header->action != FR_ACT_TO_TBL)
		return false;
	*rule = (struct network_rule){.family = header->family, .table = header->table};
	rule->source.family = rule->destination.family = header->family;
	*plain = header->tos == 0 && !(header->flags & FIB_RULE_INVERT);
	mnl_attr_for_each (attribute, message, sizeof(*header))
		if (!read_rule_attribute(attribute, header, rule))
			*plain = false;
	return rule->priority == RULE_OF_INTERFACE || rule->priority == RULE_TO_ADDRESS ||
	       rule->priority == RULE_FROM_ADDRESS;
}

static int read_rule(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct network_rule rule;
	bool plain;
	if (!parse_rule(message, &rule, &plain))
		return count_message(reading);
	rule.order = reading->messages;
	rule.message = keep_message(reading, message);
	if (!rule.message)
		return -ENOMEM;
	struct network_rule *item = push(plain ? &reading->state.rules : &reading->state.shadows);
	if (!item)
		return -EFBIG;
	*item = rule;
	return count_message(reading);
}

/* A kernel without IPv6 answers for its routes with those of all other families. */
static bool parse_route(const struct nlmsghdr *message, uint8_t family, struct network_route *route)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	const struct nlattr *attribute;
	if (message->nlmsg_type != RTM_NEWROUTE ||
	    message->nlmsg_len < NLMSG_LENGTH(sizeof(*header)) || header->rtm_family != family ||
	    (header->rtm_flags & RTM_F_CLONED) || header->rtm_src_len != 0)
		return false;
	*route = (struct network_route){.table = header->rtm_table,
	                                .is_unicast = header->rtm_type == RTN_UNICAST};
	route->destination.family = header->rtm_family;
	mnl_attr_for_each (attribute, message, sizeof(*header)) {
		uint16_t type = mnl_attr_get_type(attribute);
		bool is_word = mnl_attr_get_payload_len(attribute) >= sizeof(uint32_t);
		if (type == RTA_TABLE && is_word)
			route->table = mnl_attr_get_u32(attribute);
		if (type == RTA_OIF && is_word)
			route->link = mnl_attr_get_u32(attribute);
		if (type == RTA_DST && !copy_address(attribute, header->rtm_family,
		                                     header->rtm_dst_len, &route->destination))
			return false;
	}
	if (route->table == MAIN_TABLE)
		return route->is_unicast && prefix_is_address(&route->destination);
	return branch_table_vlan(route->table) != 0;
}

static bool is_asked_for(const struct reading *reading, const struct network_route *route)
{
	const struct network_scope *scope = reading->scope;
	for (size_t i = 0; scope && i < scope->address_count; i++)
		if (prefix_equal(&scope->addresses[i], &route->destination))
			return true;
	return !scope;
}

static int read_route(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct network_route route;
	if (!parse_route(message, reading->family, &route) || !is_asked_for(reading, &route))
		return count_message(reading);
	route.message = keep_message(reading, message);
	if (!route.message)
		return -ENOMEM;
	struct network_route *item = push(&reading->state.routes);
	if (!item)
		return -EFBIG;
	*item = route;
	return count_message(reading);
}

/* Who asks for one table only is told that nobody has made it yet. */
static bool is_without_table(uint16_t type, int code)
{
	return type == RTM_GETROUTE && code == -ENOENT;
}

/* The header of each kind begins with the family; the largest is ifinfomsg. A kernel without a
 * family refuses to list it: there is nothing then. */
static int dump(struct netlink *netlink, uint16_t type, uint8_t family,
                int (*callback)(const struct nlmsghdr *message, void *data),
                struct reading *reading)
{
	alignas(struct nlmsghdr) char buffer[256];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	size_t size = type == RTM_GETLINK ? sizeof(struct ifinfomsg) : sizeof(struct rtmsg);
	uint8_t *header = mnl_nlmsg_put_extra_header(request, size);
	header[0] = family;
	if (type == RTM_GETLINK)
		mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	if (type == RTM_GETROUTE && reading->scope && reading->scope->main_only)
		((struct rtmsg *)(void *)header)->rtm_table = MAIN_TABLE;
	reading->family = family;
	int r = netlink_query(netlink, request, callback, reading);
	return r == -EOPNOTSUPP || r == -EAFNOSUPPORT || is_without_table(type, r) ? 0 : r;
}

_Static_assert(sizeof(struct rtmsg) == sizeof(struct fib_rule_hdr), "dump() takes one for both");

static bool wants_routes(const struct network_scope *scope, uint8_t family)
{
	for (size_t i = 0; scope && i < scope->address_count; i++)
		if (scope->addresses[i].family == family)
			return true;
	return !scope;
}

/* name NULL: by the index. It may be gone by now. */
static int ask_link(struct netlink *netlink, const char *name, unsigned index,
                    struct reading *reading)
{
	alignas(struct nlmsghdr) char buffer[256];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->ifi_index = (int)index;
	if (name)
		mnl_attr_put_strz(request, IFLA_IFNAME, name);
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	int r = netlink_query(netlink, request, read_link, reading);
	return r == -ENODEV ? 0 : r;
}

static int read_links(struct netlink *netlink, struct reading *reading)
{
	int r = 0;
	if (!reading->scope)
		return dump(netlink, RTM_GETLINK, AF_UNSPEC, read_link, reading);
	if (reading->scope->link[0])
		r = ask_link(netlink, reading->scope->link, 0, reading);
	for (NETWORK_EACH(route, item, &reading->state))
		if (r == 0 && item->link && !network_link_at(&reading->state, item->link))
			r = ask_link(netlink, NULL, item->link, reading);
	return r;
}

static int read_once(struct netlink *netlink, struct reading *reading)
{
	int r = dump(netlink, RTM_GETRULE, AF_INET, read_rule, reading);
	if (r == 0)
		r = dump(netlink, RTM_GETRULE, AF_INET6, read_rule, reading);
	if (r == 0 && wants_routes(reading->scope, AF_INET))
		r = dump(netlink, RTM_GETROUTE, AF_INET, read_route, reading);
	if (r == 0 && wants_routes(reading->scope, AF_INET6))
		r = dump(netlink, RTM_GETROUTE, AF_INET6, read_route, reading);
	return r == 0 ? read_links(netlink, reading) : r;
}

static int begin(struct reading *reading, const struct network_scope *scope)
{
	*reading = (struct reading){.scope = scope,
	                            .state = {.links = {.item_size = sizeof(struct network_link)},
	                                      .rules = {.item_size = sizeof(struct network_rule)},
	                                      .routes = {.item_size = sizeof(struct network_route)},
	                                      .shadows = {.item_size = sizeof(struct network_rule)},
	                                      .arena = arena_new(MEMORY_MAX)}};
	return reading->state.arena ? 0 : -ENOMEM;
}

/* Kernels before 4.20 cannot, and list all. */
static void filter_in_kernel(const struct netlink *netlink, const struct network_scope *scope)
{
	int strict = scope && scope->main_only;
	(void)mnl_socket_setsockopt(netlink->socket, NETLINK_GET_STRICT_CHK, &strict,
	                            sizeof(strict));
}

int network_state_read_about(struct netlink *netlink, const struct network_scope *scope,
                             struct network_state *ret, struct error *err)
{
	const struct timespec pause = {.tv_nsec = READ_PAUSE};
	struct reading reading;
	int r = -EINTR;
	for (int attempt = 0; r == -EINTR && attempt < READ_TRIES; attempt++) {
		if (attempt > 0)
			(void)nanosleep(&pause, NULL);
		r = begin(&reading, scope);
		/* Each time: after a failure the socket is a new one. */
		filter_in_kernel(netlink, scope);
		if (r == 0)
			r = read_once(netlink, &reading);
		if (r < 0)
			network_state_done(&reading.state);
	}
	if (r < 0)
		return error_set(err, r, "links, rules and routes cannot be listed: %s",
		                 strerror(-r));
	*ret = reading.state;
	return 0;
}

int network_state_read(struct netlink *netlink, struct network_state *ret, struct error *err)
{
	return network_state_read_about(netlink, NULL, ret, err);
}

void network_state_done(struct network_state *state)
{
	vector_done(&state->links);
	vector_done(&state->rules);
	vector_done(&state->routes);
	vector_done(&state->shadows);
	arena_free(state->arena);
	state->arena = NULL;
}

static int take_number(const struct nlmsghdr *message, void *data)
{
	const struct nlattr *attribute;
	mnl_attr_for_each (attribute, message, sizeof(struct rtgenmsg))
		if (mnl_attr_get_type(attribute) == NETNSA_NSID &&
		    mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
			*(int *)data = (int)mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

int network_namespace_number(struct netlink *netlink, int fd, int *ret)
{
	alignas(struct nlmsghdr) char buffer[64];
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = RTM_GETNSID;
	request->nlmsg_flags = NLM_F_REQUEST;
	struct rtgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->rtgen_family = AF_UNSPEC;
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t)fd);
	*ret = -1;
	return netlink_query(netlink, request, take_number, ret);
}

unsigned branch_table_vlan(uint32_t table)
{
	return table > BRANCH_TABLE_BASE && table <= BRANCH_TABLE_BASE + BRANCH_VLAN_MAX
	               ? table - BRANCH_TABLE_BASE
	               : 0;
}

const struct network_link *network_link_named(const struct network_state *state, const char *name)
{
	for (NETWORK_EACH(link, item, state))
		if (strcmp(item->name, name) == 0)
			return item;
	return NULL;
}

const struct network_link *network_link_at(const struct network_state *state, unsigned index)
{
	for (NETWORK_EACH(link, item, state))
		if (item->index == index)
			return item;
	return NULL;
}

bool network_rule_equal(const struct network_rule *a, const struct network_rule *b)
{
	return a->family == b->family && a->priority == b->priority && a->table == b->table &&
	       strcmp(a->in, b->in) == 0 && prefix_equal(&a->source, &b->source) &&
	       prefix_equal(&a->destination, &b->destination);
}

/* Whether a request for the rule would be taken for the other one, too. */
static bool answers_to(const struct network_rule *other, const struct network_rule *rule)
{
	return other->order < rule->order && other->family == rule->family &&
	       other->priority == rule->priority && other->table == rule->table &&
	       (!rule->in[0] || strcmp(other->in, rule->in) == 0) &&
	       (rule->source.length == 0 || prefix_equal(&other->source, &rule->source)) &&
	       (rule->destination.length == 0 ||
	        prefix_equal(&other->destination, &rule->destination));
}

bool network_rule_is_shadowed(const struct network_state *state, const struct network_rule *rule)
{
	for (NETWORK_EACH(rule, item, state))
		if (answers_to(item, rule) && !network_rule_equal(item, rule))
			return true;
	const struct network_rule *shadows = state->shadows.items;
	for (size_t i = 0; i < state->shadows.count; i++)
		if (answers_to(&shadows[i], rule))
			return true;
	return false;
}

static const char *table_text(uint32_t table, char buffer[static 16])
{
	(void)snprintf(buffer, 16, table == MAIN_TABLE ? "main" : "%u", table);
	return buffer;
}

const char *network_rule_text(const struct network_rule *rule, char buffer[static NETWORK_TEXT_MAX])
{
	char source[PREFIX_TEXT_MAX];
	char destination[PREFIX_TEXT_MAX];
	char table[16];
	(void)snprintf(buffer, NETWORK_TEXT_MAX, "ip%s rule %u%s%s%s%s%s%s lookup %s",
	               rule->family == AF_INET6 ? " -6" : "", rule->priority,
	               rule->source.length > 0 ? " from " : "",
	               rule->source.length > 0 ? prefix_text(&rule->source, source) : "",
	               rule->destination.length > 0 ? " to " : "",
	               rule->destination.length > 0 ? prefix_text(&rule->destination, destination)
	                                            : "",
	               rule->in[0] ? " iif " : "", rule->in, table_text(rule->table, table));
	return buffer;
}

const char *network_route_text(const struct network_route *route, const struct network_state *state,
                               char buffer[static NETWORK_TEXT_MAX])
{
	const struct network_link *link = network_link_at(state, route->link);
	char destination[PREFIX_TEXT_MAX] = "default";
	char table[16];
	if (route->destination.length > 0)
		(void)prefix_text(&route->destination, destination);
	(void)snprintf(buffer, NETWORK_TEXT_MAX, "ip%s route %s%s%s table %s",
	               route->destination.family == AF_INET6 ? " -6" : "", destination,
	               link ? " dev " : "", link ? link->name : "",
	               table_text(route->table, table));
	return buffer;
}
