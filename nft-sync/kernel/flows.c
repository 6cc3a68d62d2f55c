/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which brings another one */
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>

#include "common/netlink.h"
#include "nft-sync/draw/render_chains.h"
#include "nft-sync/judge/way.h"
#include "nft-sync/kernel/flows.h"

#define FLOWS_MAX 1000000 /* entries kept for deletion at once */
#define MESSAGE_BYTES 4096

/* A conntrack entry in the terms of the judge. */
struct flow {
	struct packet packet;
	struct prefix original_destination;
	uint32_t mark;
	char interface[INTERFACE_NAME_MAX]; /* what packet.in or out points to */
};

struct cutting {
	const struct flows_facts *facts;
	uint32_t originator, responder;
	struct nf_conntrack **doomed;
	size_t count, capacity;
};

static void get_address(const struct nf_conntrack *ct, enum nf_conntrack_attr v4,
                        enum nf_conntrack_attr v6, struct prefix *ret)
{
	bool is_v4 = nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO) == AF_INET;
	const void *address = nfct_get_attr(ct, is_v4 ? v4 : v6);
	memset(ret, 0, sizeof(*ret));
	ret->family = is_v4 ? AF_INET : AF_INET6;
	ret->length = is_v4 ? 32 : 128;
	if (address)
		memcpy(ret->address, address, is_v4 ? 4 : 16);
}

static uint16_t get_port(const struct nf_conntrack *ct, enum nf_conntrack_attr attribute)
{
	return nfct_attr_is_set(ct, attribute) > 0 ? ntohs(nfct_get_attr_u16(ct, attribute)) : 0;
}

/* The destination behind DNAT is the source of the reply. */
static void read_flow(const struct nf_conntrack *ct, struct flow *flow)
{
	struct packet *packet = &flow->packet;
	memset(flow, 0, sizeof(*flow));
	get_address(ct, ATTR_ORIG_IPV4_SRC, ATTR_ORIG_IPV6_SRC, &packet->source);
	get_address(ct, ATTR_REPL_IPV4_SRC, ATTR_REPL_IPV6_SRC, &packet->destination);
	get_address(ct, ATTR_ORIG_IPV4_DST, ATTR_ORIG_IPV6_DST, &flow->original_destination);
	packet->protocol = nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO);
	packet->hop_limit = 64;
	if (packet->protocol == IPPROTO_TCP || packet->protocol == IPPROTO_UDP) {
		packet->source_port = get_port(ct, ATTR_ORIG_PORT_SRC);
		packet->port = get_port(ct, ATTR_REPL_PORT_SRC);
		packet->original_port = get_port(ct, ATTR_ORIG_PORT_DST);
	} else if (nfct_attr_is_set(ct, ATTR_ICMP_TYPE) > 0) {
		packet->icmp_type = nfct_get_attr_u8(ct, ATTR_ICMP_TYPE);
		packet->icmp_code = nfct_get_attr_u8(ct, ATTR_ICMP_CODE);
	}
	flow->mark = nfct_get_attr_u32(ct, ATTR_MARK);
}

static bool permits(const struct cutting *cutting, const struct packet *packet,
                    const struct branch *end, enum direction direction)
{
	struct verdict verdict;
	judge(cutting->facts->resolution, cutting->facts->rules, packet, &verdict);
	for (size_t i = 0; i < verdict.end_count; i++)
		if (verdict.ends[i].branch == end && verdict.ends[i].direction == direction)
			return verdict.ends[i].permitted;
	return verdict.permitted;
}

/* Without a route nothing leaves anyway. */
static bool originator_permits(const struct cutting *cutting, struct flow *flow)
{
	struct packet *packet = &flow->packet;
	const struct flows_facts *facts = cutting->facts;
	const struct branch *end = resolution_branch_at(facts->resolution, &packet->source);
	if (!(flow->mark & cutting->originator) || !end ||
	    way_out(facts->resolution, facts->host, end, &packet->source, &packet->destination,
	            flow->interface, NULL) < 0)
		return true;
	packet->in = end->interface;
	packet->out = flow->interface;
	return permits(cutting, packet, end, DIRECTION_EGRESS);
}

static bool responder_permits(const struct cutting *cutting, struct flow *flow)
{
	struct packet *packet = &flow->packet;
	const struct flows_facts *facts = cutting->facts;
	const struct branch *end = resolution_branch_at(facts->resolution, &packet->destination);
	bool translated = !prefix_equal(&flow->original_destination, &packet->destination);
	if (!(flow->mark & cutting->responder) || !end)
		return true;
	packet->in = way_in(facts->resolution, facts->host, end, &packet->source, translated,
	                    flow->interface);
	packet->out = end->interface;
	return permits(cutting, packet, end, DIRECTION_INGRESS);
}

static int doom(struct cutting *cutting, struct nf_conntrack *ct)
{
	if (cutting->count == cutting->capacity) {
		size_t capacity = cutting->capacity ? 2 * cutting->capacity : 64;
		void *larger = reallocarray(cutting->doomed, capacity, sizeof(*cutting->doomed));
		if (!larger || capacity > FLOWS_MAX)
			return -ENOMEM;
		cutting->doomed = larger;
		cutting->capacity = capacity;
	}
	cutting->doomed[cutting->count++] = ct;
	return 0;
}

static int judge_entry(const struct nlmsghdr *message, void *data)
{
	struct cutting *cutting = data;
	struct flow flow;
	struct nf_conntrack *ct = nfct_new();
	int r = -ENOMEM;
	if (!ct)
		return r;
	r = MNL_CB_OK;
	if (nfct_nlmsg_parse(message, ct) < 0)
		goto out;
	read_flow(ct, &flow);
	if (!originator_permits(cutting, &flow) || !responder_permits(cutting, &flow)) {
		if (doom(cutting, ct) < 0)
			r = -ENOMEM;
		else
			return MNL_CB_OK;
	}
out:
	nfct_destroy(ct);
	return r;
}

static struct nlmsghdr *begin_request(char *buffer, uint16_t type, uint16_t flags, uint8_t family)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = (NFNL_SUBSYS_CTNETLINK << 8) | type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = family;
	header->version = NFNETLINK_V0;
	return request;
}

/* Only entries whose mark has these bits of the mask: the kernel chooses, not we. */
static int judge_entries(struct netlink *netlink, struct cutting *cutting, uint32_t mark,
                         uint32_t mask)
{
	char buffer[MESSAGE_BYTES];
	int r = -EINTR;
	for (int attempt = 0; r == -EINTR && attempt < 3; attempt++) {
		struct nlmsghdr *request =
			begin_request(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, AF_UNSPEC);
		mnl_attr_put_u32(request, CTA_MARK, htonl(mark));
		mnl_attr_put_u32(request, CTA_MARK_MASK, htonl(mask));
		r = netlink_query(netlink, request, judge_entry, cutting);
	}
	return r;
}

/* An entry that is gone already is what we want. */
static int delete_entry(struct netlink *netlink, const struct nf_conntrack *ct)
{
	char buffer[MESSAGE_BYTES];
	struct nlmsghdr *request = begin_request(buffer, IPCTNL_MSG_CT_DELETE, 0,
	                                         nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO));
	nfct_nlmsg_build(request, ct);
	int r = netlink_query(netlink, request, NULL, NULL);
	return r == -ENOENT ? 0 : r;
}

static int delete_doomed(struct netlink *netlink, const struct cutting *cutting, uint64_t *cut)
{
	int r = 0;
	for (size_t i = 0; i < cutting->count; i++) {
		int failed = delete_entry(netlink, cutting->doomed[i]);
		if (failed < 0)
			r = failed;
		else
			(*cut)++;
	}
	return r;
}

int flows_cut(const struct flows_facts *facts, uint64_t *cut, struct error *err)
{
	struct netlink netlink;
	struct cutting cutting = {.facts = facts,
	                          .originator = mark_of_originator(facts->resolution->config),
	                          .responder = mark_of_responder(facts->resolution->config)};
	int r = netlink_open(&netlink, NETLINK_NETFILTER, err);
	if (r < 0)
		return r;
	r = judge_entries(&netlink, &cutting, cutting.originator, cutting.originator);
	if (r == 0)
		r = judge_entries(&netlink, &cutting, cutting.responder,
		                  cutting.originator | cutting.responder);
	/* What was found is cut even where the reading broke off. */
	int deleted = delete_doomed(&netlink, &cutting, cut);
	for (size_t i = 0; i < cutting.count; i++)
		nfct_destroy(cutting.doomed[i]);
	free(cutting.doomed);
	netlink_close(&netlink);
	r = r < 0 ? r : deleted;
	return r < 0 ? error_set(err, r, "cannot cut flows: %s", strerror(-r)) : 0;
}
