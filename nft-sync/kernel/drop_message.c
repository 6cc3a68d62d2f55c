/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which brings another one */
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <string.h>

#include "nft-sync/kernel/drop_message.h"
#include "nft-sync/kernel/drop_packet.h"

/* The attributes of a message by type; absent ones are NULL. */
struct attributes {
	const struct nlattr *of[NFULA_MAX + 1];
};

static void find_attributes(const struct nlmsghdr *message, struct attributes *attributes)
{
	struct nlattr *attribute;
	memset(attributes, 0, sizeof(*attributes));
	mnl_attr_for_each (attribute, message, sizeof(struct nfgenmsg)) {
		uint16_t type = mnl_attr_get_type(attribute);
		if (type <= NFULA_MAX)
			attributes->of[type] = attribute;
	}
}

/* In host order; 0 where there is none. */
static uint32_t number_of(const struct attributes *attributes, uint16_t type)
{
	const struct nlattr *attribute = attributes->of[type];
	if (!attribute || mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
		return 0;
	return ntohl(mnl_attr_get_u32(attribute));
}

/* The reason whose chain logs with that prefix: "podsg ingress rules: ". */
static const struct drop_reason *reason_of(const struct attributes *attributes)
{
	const struct nlattr *attribute = attributes->of[NFULA_PREFIX];
	char prefix[DROP_PREFIX_MAX];
	if (!attribute || mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
		return NULL;
	for (size_t i = 0; i < drop_reason_count; i++)
		if (strcmp(mnl_attr_get_str(attribute), drop_prefix(&drop_reasons[i], prefix)) == 0)
			return &drop_reasons[i];
	return NULL;
}

static void read_time(const struct attributes *attributes, struct timespec *ret)
{
	const struct nlattr *attribute = attributes->of[NFULA_TIMESTAMP];
	struct nfulnl_msg_packet_timestamp stamp;
	if (!attribute || mnl_attr_get_payload_len(attribute) < sizeof(stamp))
		return;
	memcpy(&stamp, mnl_attr_get_payload(attribute), sizeof(stamp));
	ret->tv_sec = (time_t)be64toh(stamp.sec);
	ret->tv_nsec = (long)(be64toh(stamp.usec) % 1000000 * 1000);
}

static const struct nlattr *find_nested(const struct nlattr *nest, uint16_t type)
{
	struct nlattr *attribute;
	if (nest)
		mnl_attr_for_each_nested (attribute, nest)
			if (mnl_attr_get_type(attribute) == type)
				return attribute;
	return NULL;
}

/* Family 0 where it is not said. */
static struct prefix original_destination(const struct nlattr *tuple, uint8_t family)
{
	struct prefix prefix = {.length = family == AF_INET ? 32 : 128};
	uint16_t type = family == AF_INET ? CTA_IP_V4_DST : CTA_IP_V6_DST;
	const struct nlattr *address = find_nested(find_nested(tuple, CTA_TUPLE_IP), type);
	if (address && mnl_attr_get_payload_len(address) == prefix.length / 8) {
		prefix.family = family;
		memcpy(prefix.address, mnl_attr_get_payload(address), prefix.length / 8);
	}
	return prefix;
}

static uint16_t original_port(const struct nlattr *tuple, uint16_t otherwise)
{
	const struct nlattr *port =
		find_nested(find_nested(tuple, CTA_TUPLE_PROTO), CTA_PROTO_DST_PORT);
	bool good = port && mnl_attr_validate(port, MNL_TYPE_U16) >= 0;
	return good ? ntohs(mnl_attr_get_u16(port)) : otherwise;
}

/*
 * Where the packet was sent before kube-proxy's DNAT: conntrack remembers. Two attributes are read
 * here without libnetfilter_conntrack, which ends the process over one that it does not like.
 */
static void read_original(const struct nlattr *flow, struct drop_record *record)
{
	struct packet *packet = &record->packet;
	const struct nlattr *tuple = find_nested(flow, CTA_TUPLE_ORIG);
	struct prefix original = original_destination(tuple, packet->destination.family);
	if (packet->port)
		packet->original_port = original_port(tuple, packet->port);
	if (original.family && (!prefix_equal(&original, &packet->destination) ||
	                        packet->original_port != packet->port))
		record->original = original;
}

static void read_flow(const struct attributes *attributes, struct drop_record *record)
{
	uint32_t info = number_of(attributes, NFULA_CT_INFO);
	if (!attributes->of[NFULA_CT])
		return;
	record->packet.answer = info >= IP_CT_IS_REPLY && info < IP_CT_NUMBER;
	if (!record->packet.answer)
		read_original(attributes->of[NFULA_CT], record);
}

int drop_message_parse(const struct nlmsghdr *message, struct drop_record *ret, uint32_t *sequence,
                       bool *has_sequence)
{
	struct attributes attributes;
	memset(ret, 0, sizeof(*ret));
	*has_sequence = false;
	if (mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
		return -EBADMSG;
	find_attributes(message, &attributes);
	*has_sequence = attributes.of[NFULA_SEQ] != NULL;
	*sequence = number_of(&attributes, NFULA_SEQ);
	ret->reason = reason_of(&attributes);
	if (!ret->reason)
		return -ENOENT;
	const struct nlattr *payload = attributes.of[NFULA_PAYLOAD];
	if (!payload ||
	    drop_packet_parse(mnl_attr_get_payload(payload), mnl_attr_get_payload_len(payload),
	                      &ret->packet, &ret->ports, &ret->fragment) < 0)
		return -EBADMSG;
	ret->in = number_of(&attributes, NFULA_IFINDEX_INDEV);
	ret->out = number_of(&attributes, NFULA_IFINDEX_OUTDEV);
	read_time(&attributes, &ret->time);
	read_flow(&attributes, ret);
	return 0;
}
