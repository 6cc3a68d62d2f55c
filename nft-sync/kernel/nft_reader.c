/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>

#include "nft-sync/kernel/nft_digest.h"
#include "nft-sync/kernel/nft_elements.h"
#include "nft-sync/kernel/nft_reader.h"
#include "nft-sync/kernel/nft_types.h"

/* The kernel takes the owner flag from a table whose owner's socket closed (Linux 6.9). */
#define NFT_TABLE_PERSIST 0x4U

#define READ_ATTEMPTS 10
#define REQUEST_BYTES 512

struct reading {
	struct image *image;
	const char *table;
};

static struct nlmsghdr *request_begin(void *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
	header->nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | type;
	header->nlmsg_flags = NLM_F_REQUEST | flags;
	struct nfgenmsg *family = mnl_nlmsg_put_extra_header(header, sizeof(*family));
	family->nfgen_family = NFPROTO_INET;
	family->version = NFNETLINK_V0;
	return header;
}

static int read_generation_cb(const struct nlmsghdr *message, void *data)
{
	uint32_t *generation = data;
	struct nlattr *attribute;
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attribute) == NFTA_GEN_ID &&
		    mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
			*generation = ntohl(mnl_attr_get_u32(attribute));
	return MNL_CB_OK;
}

int nft_read_generation(struct netlink *netlink, uint32_t *ret)
{
	char buffer[REQUEST_BYTES];
	return netlink_query(netlink, request_begin(buffer, NFT_MSG_GETGEN, 0), read_generation_cb,
	                     ret);
}

static int read_table_cb(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct nlattr *attribute;
	reading->image->present = true;
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attribute) == NFTA_TABLE_FLAGS &&
		    mnl_attr_validate(attribute, MNL_TYPE_U32) >= 0)
			reading->image->orphan =
				ntohl(mnl_attr_get_u32(attribute)) == NFT_TABLE_PERSIST;
	return MNL_CB_OK;
}

static int read_table(struct netlink *netlink, struct reading *reading)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = request_begin(buffer, NFT_MSG_GETTABLE, 0);
	mnl_attr_put_strz(request, NFTA_TABLE_NAME, reading->table);
	int r = netlink_query(netlink, request, read_table_cb, reading);
	return r == -ENOENT ? 0 : r;
}

static int read_set_cb(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	struct image_set *set = NULL;
	int r = nft_parse_set(message, &set);
	if (r == -ENOMEM)
		return r;
	if (r < 0) {
		reading->image->foreign = true;
		return MNL_CB_OK;
	}
	return image_add_set(reading->image, set) < 0 ? -ENOMEM : MNL_CB_OK;
}

static int read_sets(struct netlink *netlink, struct reading *reading)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = request_begin(buffer, NFT_MSG_GETSET, NLM_F_DUMP);
	mnl_attr_put_strz(request, NFTA_SET_TABLE, reading->table);
	return netlink_query(netlink, request, read_set_cb, reading);
}

static int read_elements(struct netlink *netlink, struct reading *reading)
{
	char buffer[REQUEST_BYTES];
	int r = 0;
	for (size_t i = 0; r == 0 && i < reading->image->set_count; i++) {
		struct nft_elements elements = {.set = reading->image->sets[i]};
		struct nlmsghdr *request = request_begin(buffer, NFT_MSG_GETSETELEM, NLM_F_DUMP);
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_TABLE, reading->table);
		mnl_attr_put_strz(request, NFTA_SET_ELEM_LIST_SET, elements.set->name);
		r = netlink_query(netlink, request, nft_parse_elements, &elements);
		if (r == 0)
			r = nft_elements_finish(&elements);
		if (elements.foreign)
			reading->image->foreign = true;
	}
	return r;
}

static void read_chain_hook(const struct nftnl_chain *listed, struct image *image,
                            struct image_chain *chain)
{
	if (!nftnl_chain_is_set(listed, NFTNL_CHAIN_HOOKNUM))
		return;
	const char *type = nftnl_chain_get_str(listed, NFTNL_CHAIN_TYPE);
	chain->hook =
		nft_hook_of(nftnl_chain_get_u32(listed, NFTNL_CHAIN_HOOKNUM), type ? type : "");
	chain->priority = nftnl_chain_get_s32(listed, NFTNL_CHAIN_PRIO);
	if (chain->hook == HOOK_NONE ||
	    nftnl_chain_get_u32(listed, NFTNL_CHAIN_POLICY) != NF_ACCEPT)
		image->foreign = true;
}

static int read_chain_cb(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	int r = -ENOMEM;
	struct nftnl_chain *listed = nftnl_chain_alloc();
	if (!listed || nftnl_chain_nlmsg_parse(message, listed) < 0)
		goto out;
	r = MNL_CB_OK;
	/* Kernels before 6.4 list the chains of all tables. */
	if (strcmp(nftnl_chain_get_str(listed, NFTNL_CHAIN_TABLE), reading->table) != 0)
		goto out;
	struct image_chain *chain =
		image_chain_new(nftnl_chain_get_str(listed, NFTNL_CHAIN_NAME), "");
	if (chain)
		read_chain_hook(listed, reading->image, chain);
	if (image_add_chain(reading->image, chain) < 0)
		r = -ENOMEM;
out:
	nftnl_chain_free(listed);
	return r;
}

static void forget_chains(struct image *image)
{
	for (size_t i = 0; i < image->chain_count; i++)
		image_chain_unref(image->chains[i]);
	image->chain_count = 0;
}

/* The kernel counts through the chains of all tables: a change in any may make it lose its place.
 */
static int read_chains(struct netlink *netlink, struct reading *reading)
{
	char buffer[REQUEST_BYTES];
	int r = -EINTR;
	for (int attempt = 0; r == -EINTR && attempt < READ_ATTEMPTS; attempt++) {
		struct nlmsghdr *request = request_begin(buffer, NFT_MSG_GETCHAIN, NLM_F_DUMP);
		mnl_attr_put_strz(request, NFTA_CHAIN_TABLE, reading->table);
		forget_chains(reading->image);
		netlink->tolerant = false;
		r = netlink_query(netlink, request, read_chain_cb, reading);
		netlink->tolerant = true;
	}
	return r;
}

static int read_rule_cb(const struct nlmsghdr *message, void *data)
{
	struct reading *reading = data;
	int r = -ENOMEM;
	struct nftnl_rule *rule = nftnl_rule_alloc();
	if (!rule || nftnl_rule_nlmsg_parse(message, rule) < 0)
		goto out;
	r = MNL_CB_OK;
	if (strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), reading->table) != 0)
		goto out;
	struct image_chain *chain =
		image_find_chain(reading->image, nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
	if (chain)
		chain->digest = nft_rule_digest(rule, chain->digest);
out:
	nftnl_rule_free(rule);
	return r;
}

static int read_rules(struct netlink *netlink, struct reading *reading)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = request_begin(buffer, NFT_MSG_GETRULE, NLM_F_DUMP);
	mnl_attr_put_strz(request, NFTA_RULE_TABLE, reading->table);
	return netlink_query(netlink, request, read_rule_cb, reading);
}

static int read_once(struct netlink *netlink, struct reading *reading)
{
	int r = read_table(netlink, reading);
	if (r < 0 || !reading->image->present)
		return r;
	r = read_sets(netlink, reading);
	if (r == 0)
		r = read_elements(netlink, reading);
	if (r == 0)
		r = read_chains(netlink, reading);
	image_finish(reading->image);
	if (r == 0)
		r = read_rules(netlink, reading);
	return r;
}

/* 0: consistent. -EAGAIN: somebody touched the table meanwhile. */
static int read_undisturbed(struct netlink *netlink, struct nft_watch *watch,
                            struct reading *reading, uint32_t *generation)
{
	(void)nft_watch_drain(watch);
	int r = read_once(netlink, reading);
	if (r == 0)
		r = nft_read_generation(netlink, generation);
	if (r == -EINTR || (r == -ENOENT && reading->image->present))
		return -EAGAIN;
	return r == 0 && nft_watch_drain(watch) ? -EAGAIN : r;
}

int nft_read_image(struct netlink *netlink, struct nft_watch *watch, struct image **ret,
                   uint32_t *generation, struct error *err)
{
	const char *table = watch->table;
	int r = -EAGAIN;
	for (int attempt = 0; r == -EAGAIN && attempt < READ_ATTEMPTS; attempt++) {
		struct reading reading = {.table = table, .image = image_new()};
		if (!reading.image)
			return error_set(err, -ENOMEM, "no memory to read table %s", table);
		r = read_undisturbed(netlink, watch, &reading, generation);
		if (r == 0)
			*ret = reading.image;
		else
			image_free(reading.image);
	}
	if (r == -EAGAIN)
		return error_set(err, -EBUSY, "table %s: it does not hold still to be read", table);
	if (r < 0)
		return error_set(err, r, "cannot read table %s from the kernel: %s", table,
		                 strerror(-r));
	return 0;
}
