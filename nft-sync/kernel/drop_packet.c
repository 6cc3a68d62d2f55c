/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <string.h>

#include "nft-sync/kernel/drop_packet.h"

#define IP6_MOBILITY 135
#define IP6_HIP 139
#define IP6_SHIM6 140

/* What is left of the packet while it is read; too short: everything behind it is, too. */
struct reader {
	const uint8_t *at;
	size_t left;
};

static const void *take(struct reader *reader, size_t size)
{
	const uint8_t *taken = reader->at;
	if (reader->left < size) {
		reader->left = 0;
		return NULL;
	}
	reader->at += size;
	reader->left -= size;
	return taken;
}

static struct prefix address_of(uint8_t family, const void *bytes)
{
	struct prefix address = {.family = family, .length = family == AF_INET ? 32 : 128};
	memcpy(address.address, bytes, address.length / 8);
	return address;
}

static uint16_t number_at(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static bool read_ports(struct reader *reader, struct packet *packet)
{
	const uint8_t *head;
	switch (packet->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
	case IPPROTO_UDPLITE:
		head = take(reader, 4);
		if (!head)
			return false;
		packet->source_port = number_at(head);
		packet->port = number_at(head + 2);
		packet->original_port = packet->port;
		return true;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		head = take(reader, 2);
		if (!head)
			return false;
		packet->icmp_type = head[0];
		packet->icmp_code = head[1];
		return true;
	default:
		return false;
	}
}

static int parse4(struct reader *reader, struct packet *packet, bool *ports, bool *fragment)
{
	struct iphdr header;
	const void *bytes = take(reader, sizeof(header));
	if (!bytes)
		return -EBADMSG;
	memcpy(&header, bytes, sizeof(header));
	uint16_t place = ntohs(header.frag_off);
	size_t options = header.ihl * 4U;
	if (options < sizeof(header))
		return -EBADMSG;
	packet->source = address_of(AF_INET, &header.saddr);
	packet->destination = address_of(AF_INET, &header.daddr);
	packet->protocol = header.protocol;
	packet->hop_limit = header.ttl;
	*fragment = (place & (IP_MF | IP_OFFMASK)) != 0;
	if ((place & IP_OFFMASK) == 0 && take(reader, options - sizeof(header)))
		*ports = read_ports(reader, packet);
	return 0;
}

/* The size of an extension header whose first bytes are head; 0: it is none. */
static size_t extension_size(uint8_t type, const uint8_t *head)
{
	switch (type) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IP6_MOBILITY:
	case IP6_HIP:
	case IP6_SHIM6:
		return (head[1] + 1U) * 8;
	case IPPROTO_AH:
		return (head[1] + 2U) * 4;
	case IPPROTO_FRAGMENT:
		return sizeof(struct ip6_frag);
	default:
		return 0;
	}
}

static bool is_extension(uint8_t type)
{
	static const uint8_t head[2];
	return extension_size(type, head) > 0;
}

/* Goes on behind the extension headers; false: what follows is not the transport's header. */
static bool skip_extensions(struct reader *reader, struct packet *packet, bool *fragment)
{
	for (unsigned i = 0; is_extension(packet->protocol); i++) {
		if (i == DROP_EXTENSIONS_MAX || reader->left < 8)
			return false;
		const uint8_t *head = take(reader, extension_size(packet->protocol, reader->at));
		if (!head)
			return false;
		bool part = packet->protocol == IPPROTO_FRAGMENT;
		uint16_t place = number_at(head + 2);
		packet->protocol = head[0];
		if (part && place & ~0x6U)
			*fragment = true;
		/* Behind the first fragment there is no header, only the packet's middle. */
		if (part && place >> 3)
			return false;
	}
	return true;
}

static int parse6(struct reader *reader, struct packet *packet, bool *ports, bool *fragment)
{
	struct ip6_hdr header;
	const void *bytes = take(reader, sizeof(header));
	if (!bytes)
		return -EBADMSG;
	memcpy(&header, bytes, sizeof(header));
	packet->source = address_of(AF_INET6, &header.ip6_src);
	packet->destination = address_of(AF_INET6, &header.ip6_dst);
	packet->protocol = header.ip6_nxt;
	packet->hop_limit = header.ip6_hlim;
	if (skip_extensions(reader, packet, fragment))
		*ports = read_ports(reader, packet);
	return 0;
}

int drop_packet_parse(const uint8_t *data, size_t length, struct packet *ret, bool *ports,
                      bool *fragment)
{
	struct reader reader = {data, length};
	memset(ret, 0, sizeof(*ret));
	*ports = false;
	*fragment = false;
	if (length > 0 && data[0] >> 4 == 4)
		return parse4(&reader, ret, ports, fragment);
	if (length > 0 && data[0] >> 4 == 6)
		return parse6(&reader, ret, ports, fragment);
	return -EBADMSG;
}
