/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include "nft-sync/kernel/nft_elements.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The attributes of a message of nf_tables, behind a header that is right. */
static struct nlmsghdr *message_of(const uint8_t *attributes, size_t size, uint16_t type)
{
	size_t header = MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg));
	/* Messages lie in the receive buffer at multiples of 4 bytes. */
	struct nlmsghdr *message = calloc(1, MNL_ALIGN(header + size));
	if (!message)
		return NULL;
	message->nlmsg_len = (uint32_t)(header + size);
	message->nlmsg_type = (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type);
	if (size)
		memcpy((uint8_t *)message + header, attributes, size);
	return message;
}

static void parse_set(const uint8_t *data, size_t size)
{
	struct image_set *set = NULL;
	struct nlmsghdr *message = message_of(data, size, NFT_MSG_NEWSET);
	if (message && nft_parse_set(message, &set) == 0)
		image_set_unref(set);
	free(message);
}

/* What is read must be in order, whatever the kernel may have said. */
static void parse_elements(const uint8_t *data, size_t size, const enum key_type *types,
                           unsigned count, bool interval)
{
	struct nlmsghdr *message = message_of(data, size, NFT_MSG_NEWSETELEM);
	struct image_set *set = image_set_new("fuzz", types, count, DATA_VERDICT);
	struct nft_elements elements = {.set = set};
	if (message && set) {
		set->interval = interval;
		(void)nft_parse_elements(message, &elements);
		(void)nft_elements_finish(&elements);
		for (size_t i = 1; i < set->count; i++)
			if (memcmp(image_set_key(set, i - 1), image_set_key(set, i),
			           set->key_length) >= 0)
				abort();
	}
	image_set_unref(set);
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum key_type ports[] = {KEY_ADDRESS4, KEY_PROTOCOL, KEY_PORT};
	static const enum key_type address[] = {KEY_ADDRESS4};
	if (size > 60000)
		return 0;
	parse_set(data, size);
	parse_elements(data, size, ports, 3, true);
	parse_elements(data, size, address, 1, true);
	parse_elements(data, size, address, 1, false);
	return 0;
}
