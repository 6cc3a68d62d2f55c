/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which brings another one */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "common/siphash.h"
#include "dnscache/node/table_state.h"

#define ATTEMPTS 5 /* of a dump that changes disturb */
#define REQUEST_BYTES 512

struct digest {
	struct siphash hash;
	unsigned rules;
};

static struct nlmsghdr *begin(char *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	request->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	header->nfgen_family = NFPROTO_INET;
	header->version = NFNETLINK_V0;
	return request;
}

/* The header holds the generation of the whole rule set, which is others' business. */
static int add_rule(const struct nlmsghdr *message, void *data)
{
	struct digest *digest = data;
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return MNL_CB_OK;
	siphash_bytes(&digest->hash, mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg)),
	              message->nlmsg_len - NLMSG_LENGTH(sizeof(struct nfgenmsg)));
	digest->rules++;
	return MNL_CB_OK;
}

uint64_t dns_table_digest(struct netlink *netfilter, const char *table)
{
	struct digest digest = {0};
	int r = -EINTR;
	for (int i = 0; r == -EINTR && i < ATTEMPTS; i++) {
		char buffer[REQUEST_BYTES];
		struct nlmsghdr *request = begin(buffer, NFT_MSG_GETRULE, NLM_F_DUMP);
		mnl_attr_put_strz(request, NFTA_RULE_TABLE, table);
		digest = (struct digest){.hash = siphash_begin(siphash_process_key())};
		r = netlink_query(netfilter, request, add_rule, &digest);
	}
	return r == 0 && digest.rules > 0 ? siphash_end(&digest.hash) | 1 : 0;
}

static int read_counter(const struct nlmsghdr *message, void *data)
{
	uint64_t *ret = data;
	const struct nlattr *attribute;
	const struct nlattr *inner;
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(struct nfgenmsg)))
		return MNL_CB_OK;
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attribute) != NFTA_OBJ_DATA)
			continue;
		mnl_attr_for_each_nested (inner, attribute) {
			if (mnl_attr_get_type(inner) == NFTA_COUNTER_PACKETS &&
			    mnl_attr_get_payload_len(inner) == sizeof(uint64_t))
				*ret = be64toh(mnl_attr_get_u64(inner));
		}
	}
	return MNL_CB_OK;
}

int dns_table_counter(struct netlink *netfilter, const char *table, const char *name, uint64_t *ret)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, NFT_MSG_GETOBJ, 0);
	mnl_attr_put_strz(request, NFTA_OBJ_TABLE, table);
	mnl_attr_put_strz(request, NFTA_OBJ_NAME, name);
	mnl_attr_put_u32(request, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	*ret = 0;
	return netlink_query(netfilter, request, read_counter, ret);
}
