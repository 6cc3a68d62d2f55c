/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>

#include "common/node_local.h"
#include "nft-sync/draw/names.h"
#include "nft-sync/draw/render_dns.h"
#include "nft-sync/draw/statement.h"
#include "nft-sync/judge/dns_permission.h"

#define DNS_PORT 53

/* Before the cache's own rules for when it is dead (-105), and kube-proxy's (-100): these know the
 * servers' ports. */
#define PRIORITY_LEADING (-110)

static const struct {
	uint8_t number;
	const char *name;
} protocols[] = {{IPPROTO_UDP, "udp"}, {IPPROTO_TCP, "tcp"}};
#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

struct drawing {
	const struct resolution *resolution;
	struct image *image;
};

static int add_set(const struct drawing *drawing, struct image_set *set, int status)
{
	if (status == 0 && set)
		status = image_set_finish(set);
	return image_add_set(drawing->image, set) < 0 ? -ENOMEM : status;
}

static int add_interface(struct image_set *set, const struct branch *branch)
{
	uint8_t key[IMAGE_KEY_MAX];
	unsigned length = 0;
	char comment[IMAGE_COMMENT_MAX];
	snprintf(comment, sizeof(comment), "%s/%s", branch->namespace, branch->pod);
	key_put_name(key, &length, branch->interface);
	return image_set_add(set, key, NULL, NULL, comment);
}

static struct image_set *interface_set(const char *name, const char *comment)
{
	const enum key_type type = KEY_INTERFACE;
	return image_set_for(name, comment, &type, 1, DATA_NONE);
}

static int add_permitted(const struct drawing *drawing, const struct judge_rules *rules)
{
	const struct resolution *resolution = drawing->resolution;
	struct image_set *udp = interface_set(SET_DNS_UDP, "may ask the cluster's DNS");
	struct image_set *tcp = interface_set(SET_DNS_TCP, "may ask the cluster's DNS");
	int status = udp && tcp ? 0 : -ENOMEM;
	for (size_t i = 0; status == 0 && i < resolution->branch_count; i++) {
		const struct branch *branch = &resolution->branches[i];
		struct dns_permission dns;
		if (branch->mode != MODE_STANDARD)
			continue;
		dns_permission(resolution, branch, rules, &dns);
		if (dns.udp)
			status = add_interface(udp, branch);
		if (status == 0 && dns.tcp)
			status = add_interface(tcp, branch);
	}
	status = add_set(drawing, udp, status);
	return add_set(drawing, tcp, status);
}

static int add_place(struct image_set *set, const struct prefix *address, uint8_t protocol,
                     enum verdict_code code, const char *chain)
{
	uint8_t key[IMAGE_KEY_MAX];
	unsigned length = 0;
	uint16_t port = htobe16(DNS_PORT);
	struct verdict_to verdict = {.code = code};
	snprintf(verdict.chain, sizeof(verdict.chain), "%s", chain);
	key_put_address(key, &length, address);
	key_put(key, &length, &protocol, 1);
	key_put(key, &length, &port, sizeof(port));
	return image_set_add(set, key, NULL, &verdict, NULL);
}

/* A map from where the cache listens to what is asked next. */
struct places {
	const char *name, *comment;
	uint8_t family;
	bool node_local;               /* only addresses that no Service has */
	const char *chains[PROTOCOLS]; /* NULL: nothing leads there */
};

static int add_places(const struct drawing *drawing, const struct places *places)
{
	const struct config *config = drawing->resolution->config;
	const enum key_type types[] = {places->family == AF_INET ? KEY_ADDRESS4 : KEY_ADDRESS6,
	                               KEY_PROTOCOL, KEY_PORT};
	struct image_set *set =
		image_set_for(places->name, places->comment, types, 3, DATA_VERDICT);
	int status = set ? 0 : -ENOMEM;
	for (size_t i = 0; i < config->dns.listen_count; i++) {
		const struct prefix *address = &config->dns.listen[i];
		if (address->family != places->family ||
		    (places->node_local && !address_is_node_local(address)))
			continue;
		for (size_t p = 0; status == 0 && p < PROTOCOLS; p++)
			if (places->chains[p])
				status = add_place(set, address, protocols[p].number, VERDICT_GOTO,
				                   places->chains[p]);
	}
	return add_set(drawing, set, status);
}

static int add_listen(const struct drawing *drawing)
{
	static const struct places all[] = {
		{SET_DNS4, "the node's DNS cache", AF_INET, false, {CHAIN_DNS_UDP, CHAIN_DNS_TCP}},
		{SET_DNS6, "the node's DNS cache", AF_INET6, false, {CHAIN_DNS_UDP, CHAIN_DNS_TCP}},
		{SET_DNS_ANSWERS4,
	         "its answers",
	         AF_INET,
	         false,
	         {CHAIN_PERMIT_INGRESS, CHAIN_PERMIT_INGRESS}},
		{SET_DNS_ANSWERS6,
	         "its answers",
	         AF_INET6,
	         false,
	         {CHAIN_PERMIT_INGRESS, CHAIN_PERMIT_INGRESS}},
	};
	/* Where the node's new flows are exempt, its answers need no mention. */
	size_t count = drawing->resolution->config->exempt[EXEMPT_NODE_PROBE] ? 2 : 4;
	int status = 0;
	for (size_t i = 0; status == 0 && i < count; i++)
		status = add_places(drawing, &all[i]);
	return status;
}

static unsigned count_servers(const struct resolution *resolution, uint8_t family)
{
	const struct dns_server *server;
	unsigned count = 0;
	while (dns_led_server(resolution, family, count, &server))
		count++;
	return count;
}

/* Each server as often as any other. A query that is sent again is a new flow from a new port, and
 * finds another server. */
static int add_leading_chain(const struct drawing *drawing, uint8_t family, uint8_t protocol,
                             const char *name)
{
	const struct resolution *resolution = drawing->resolution;
	unsigned count = count_servers(resolution, family);
	struct image_chain *chain = image_chain_new(name, "to one of the cluster's DNS servers");
	for (unsigned i = 0; i < count; i++) {
		const struct dns_server *server;
		struct image_rule *rule = image_chain_rule(chain);
		(void)dns_led_server(resolution, family, i, &server);
		if (i + 1 < count)
			match_randomly(rule, count - i);
		dnat_to(rule, &server->address, protocol,
		        protocol == IPPROTO_UDP ? server->udp_port : server->tcp_port);
	}
	return image_add_chain(drawing->image, chain);
}

static int add_leading_family(const struct drawing *drawing, uint8_t family)
{
	bool v4 = family == AF_INET;
	char names[PROTOCOLS][IMAGE_NAME_MAX];
	struct places places = {.name = v4 ? SET_STRICT_DNS4 : SET_STRICT_DNS6,
	                        .comment = "node-local DNS, for strict pods",
	                        .family = family,
	                        .node_local = true};
	int status = 0;
	if (count_servers(drawing->resolution, family) == 0)
		return 0;
	for (size_t p = 0; status == 0 && p < PROTOCOLS; p++) {
		snprintf(names[p], sizeof(names[p]), "%s-%s", places.name, protocols[p].name);
		status = add_leading_chain(drawing, family, protocols[p].number, names[p]);
		places.chains[p] = names[p];
	}
	return status == 0 ? add_places(drawing, &places) : status;
}

/*
 * A strict pod never speaks to this node: its packets take the routing table of its branch device
 * from the start. What it asks of a node-local address is led to the cluster's servers before that,
 * and goes the way, and by the rules, of everything else that it sends there.
 */
static int add_leading(const struct drawing *drawing)
{
	const struct resolution *resolution = drawing->resolution;
	unsigned count4 = count_servers(resolution, AF_INET);
	unsigned count6 = count_servers(resolution, AF_INET6);
	int status = add_leading_family(drawing, AF_INET);
	if (status == 0)
		status = add_leading_family(drawing, AF_INET6);
	if (status < 0)
		return status;
	struct image_chain *chain =
		image_chain_new(CHAIN_STRICT_DNS, "strict pods' queries to the node's DNS cache");
	if (chain) {
		chain->hook = HOOK_PREROUTING_NAT;
		chain->priority = PRIORITY_LEADING;
	}
	if (count4)
		verdict_map(match_set(image_chain_rule(chain), SET_STRICT, FIELD_IN, FIELD_NONE,
		                      FIELD_NONE),
		            SET_STRICT_DNS4, FIELD_DESTINATION4, FIELD_PROTOCOL, FIELD_PORT);
	if (count6)
		verdict_map(match_set(image_chain_rule(chain), SET_STRICT, FIELD_IN, FIELD_NONE,
		                      FIELD_NONE),
		            SET_STRICT_DNS6, FIELD_DESTINATION6, FIELD_PROTOCOL, FIELD_PORT);
	return image_add_chain(drawing->image, chain);
}

static bool is_leading(const struct resolution *resolution)
{
	for (size_t i = 0; resolution->dns_server_count && i < resolution->branch_count; i++)
		if (resolution->branches[i].mode == MODE_STRICT)
			return true;
	return false;
}

int render_dns(const struct resolution *resolution, const struct judge_rules *rules,
               struct image *image)
{
	const struct drawing drawing = {.resolution = resolution, .image = image};
	int status = add_permitted(&drawing, rules);
	if (status == 0)
		status = add_listen(&drawing);
	if (status == 0 && is_leading(resolution))
		status = add_leading(&drawing);
	return status;
}
