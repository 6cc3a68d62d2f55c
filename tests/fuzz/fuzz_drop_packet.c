/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>

#include "nft-sync/kernel/drop_message.h"
#include "nft-sync/kernel/drop_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse_packet(const uint8_t *data, size_t size)
{
	struct packet packet;
	bool ports;
	bool fragment;

	if (drop_packet_parse(data, size, &packet, &ports, &fragment) < 0)
		return;
	if (packet.source.family != packet.destination.family ||
	    !prefix_is_address(&packet.source) || (packet.port && !ports))
		abort();
}

/* The attributes of a message of nfnetlink_log, behind a header that is right. */
static void parse_message(const uint8_t *data, size_t size)
{
	size_t header = MNL_NLMSG_HDRLEN + MNL_ALIGN(sizeof(struct nfgenmsg));
	/* Messages lie in the receive buffer at multiples of 4 bytes. */
	struct nlmsghdr *message = calloc(1, MNL_ALIGN(header + size));
	struct drop_record record;
	uint32_t sequence;
	bool numbered;

	if (!message)
		return;
	message->nlmsg_len = (uint32_t)(header + size);
	message->nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET;
	if (size)
		memcpy((uint8_t *)message + header, data, size);
	(void)drop_message_parse(message, &record, &sequence, &numbered);
	free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 60000)
		return 0;
	parse_packet(data, size);
	parse_message(data, size);
	return 0;
}
