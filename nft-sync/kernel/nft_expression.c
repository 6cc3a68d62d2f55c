/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h> /* before linux/netfilter.h, which brings another one */
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include <libnftnl/expr.h>

#include "nft-sync/kernel/nft_expression.h"

#define LOG_SNAPLEN 128 /* bytes of a dropped packet: all headers the drop log decodes */

/* A rule being made: failed says that some expression could not be allocated. */
struct maker {
	struct nftnl_rule *rule;
	bool failed;
};

/* The register at a byte offset, named as the kernel names it when it lists the rule. */
static uint32_t register_at(unsigned offset)
{
	if (offset % 16 == 0)
		return NFT_REG_1 + offset / 16;
	return NFT_REG32_00 + offset / 4;
}

static struct nftnl_expr *expression(struct maker *maker, const char *name)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);
	if (!e) {
		maker->failed = true;
		return NULL;
	}
	nftnl_rule_add_expr(maker->rule, e);
	return e;
}

static void make_meta(struct maker *maker, uint32_t key, uint32_t to)
{
	struct nftnl_expr *e = expression(maker, "meta");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, to);
}

static void make_payload(struct maker *maker, uint32_t base, uint32_t offset, uint32_t length,
                         uint32_t to)
{
	struct nftnl_expr *e = expression(maker, "payload");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, length);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, to);
}

static void make_ct(struct maker *maker, uint32_t key)
{
	struct nftnl_expr *e = expression(maker, "ct");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
}

static void make_compare(struct maker *maker, uint32_t op, const void *data, uint32_t length)
{
	struct nftnl_expr *e = expression(maker, "cmp");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, op);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, data, length);
}

static void make_mask(struct maker *maker, uint32_t mask, uint32_t xor)
{
	struct nftnl_expr *e = expression(maker, "bitwise");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, &mask, sizeof(mask));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, &xor, sizeof(xor));
}

/* Keeps the first bits of an IPv6 address in a register. */
static void make_address_mask(struct maker *maker, uint32_t at, unsigned length)
{
	uint8_t mask[16] = {0};
	uint8_t zero[16] = {0};
	struct nftnl_expr *e = expression(maker, "bitwise");
	if (!e)
		return;
	for (unsigned i = 0; i < length; i++)
		mask[i / 8] |= (uint8_t)(0x80U >> (i % 8));
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, at);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, at);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_OP, NFT_BITWISE_BOOL);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, sizeof(mask));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, mask, sizeof(mask));
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, zero, sizeof(zero));
}

static void make_family(struct maker *maker, uint8_t family)
{
	uint8_t nfproto = family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6;
	make_meta(maker, NFT_META_NFPROTO, NFT_REG_1);
	make_compare(maker, NFT_CMP_EQ, &nfproto, sizeof(nfproto));
}

static void make_protocol(struct maker *maker, uint8_t protocol)
{
	make_meta(maker, NFT_META_L4PROTO, NFT_REG_1);
	make_compare(maker, NFT_CMP_EQ, &protocol, sizeof(protocol));
}

/* Names and kinds are compared whole, with the zeros behind them, or as far as a prefix goes. */
static void make_interface(struct maker *maker, uint32_t key, const char *text, bool prefix)
{
	char compared[IFNAMSIZ] = "";
	strncpy(compared, text, sizeof(compared) - 1);
	make_meta(maker, key, NFT_REG_1);
	make_compare(maker, NFT_CMP_EQ, compared,
	             prefix ? (uint32_t)strlen(compared) : sizeof(compared));
}

static void make_from_node(struct maker *maker)
{
	uint32_t none = 0;
	make_meta(maker, NFT_META_IIF, NFT_REG_1);
	make_compare(maker, NFT_CMP_EQ, &none, sizeof(none));
}

/* How each field is loaded: a meta key, or a place in the packet. */
static const struct {
	enum field field;
	bool meta;
	uint32_t key_or_base;
	uint32_t offset;
	uint8_t family;   /* only in packets of this family */
	uint8_t protocol; /* and of this protocol */
} loads[] = {
	{FIELD_IN, true, NFT_META_IIFNAME, 0, 0, 0},
	{FIELD_OUT, true, NFT_META_OIFNAME, 0, 0, 0},
	{FIELD_SOURCE4, false, NFT_PAYLOAD_NETWORK_HEADER, 12, AF_INET, 0},
	{FIELD_DESTINATION4, false, NFT_PAYLOAD_NETWORK_HEADER, 16, AF_INET, 0},
	{FIELD_SOURCE6, false, NFT_PAYLOAD_NETWORK_HEADER, 8, AF_INET6, 0},
	{FIELD_DESTINATION6, false, NFT_PAYLOAD_NETWORK_HEADER, 24, AF_INET6, 0},
	{FIELD_PROTOCOL, true, NFT_META_L4PROTO, 0, 0, 0},
	{FIELD_PORT, false, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 0, 0},
	{FIELD_SOURCE_PORT, false, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 0, 0},
	{FIELD_ICMP_TYPE, false, NFT_PAYLOAD_TRANSPORT_HEADER, 0, AF_INET, IPPROTO_ICMP},
	{FIELD_ICMP_CODE, false, NFT_PAYLOAD_TRANSPORT_HEADER, 1, AF_INET, IPPROTO_ICMP},
	{FIELD_ICMPV6_TYPE, false, NFT_PAYLOAD_TRANSPORT_HEADER, 0, AF_INET6, IPPROTO_ICMPV6},
	{FIELD_ICMPV6_CODE, false, NFT_PAYLOAD_TRANSPORT_HEADER, 1, AF_INET6, IPPROTO_ICMPV6},
};

static unsigned load_index(enum field field)
{
	unsigned i = 0;
	while (loads[i].field != field)
		i++;
	return i;
}

static void make_field(struct maker *maker, enum field field, unsigned *offset)
{
	unsigned i = load_index(field);
	unsigned length = key_type_length(field_type(field));
	uint32_t to = register_at(*offset);
	if (loads[i].meta)
		make_meta(maker, loads[i].key_or_base, to);
	else
		make_payload(maker, loads[i].key_or_base, loads[i].offset, length, to);
	*offset += (length + 3) & ~3U;
}

/* Loads the key behind the comparisons without which its fields mean nothing. */
static void make_key(struct maker *maker, const struct statement *s)
{
	uint8_t family = 0;
	uint8_t protocol = 0;
	for (unsigned i = 0; i < IMAGE_FIELDS_MAX && s->fields[i]; i++) {
		unsigned load = load_index(s->fields[i]);
		family = loads[load].family ? loads[load].family : family;
		protocol = loads[load].protocol ? loads[load].protocol : protocol;
	}
	if (family)
		make_family(maker, family);
	if (protocol)
		make_protocol(maker, protocol);
	unsigned offset = 0;
	for (unsigned i = 0; i < IMAGE_FIELDS_MAX && s->fields[i]; i++) {
		uint32_t at = register_at(offset);
		make_field(maker, s->fields[i], &offset);
		if (s->mask && field_type(s->fields[i]) == KEY_ADDRESS6)
			make_address_mask(maker, at, s->mask);
	}
}

static struct nftnl_expr *make_lookup(struct maker *maker, const struct statement *s)
{
	struct nftnl_expr *e = expression(maker, "lookup");
	if (!e)
		return NULL;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG_1);
	nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, s->name);
	/* The kernel always lists them; a digest must not depend on who is asked. */
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, 0);
	return e;
}

static void make_verdict_map(struct maker *maker, const struct statement *s)
{
	struct nftnl_expr *e = make_lookup(maker, s);
	if (e)
		nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_VERDICT);
}

static void make_udp_ports(struct maker *maker, const struct statement *s)
{
	uint16_t ports[2] = {htons(s->low), htons(s->high)};
	make_family(maker, s->family);
	make_protocol(maker, IPPROTO_UDP);
	make_payload(maker, NFT_PAYLOAD_TRANSPORT_HEADER, 0, sizeof(ports), NFT_REG_1);
	make_compare(maker, NFT_CMP_EQ, ports, sizeof(ports));
}

static void make_hop_limit(struct maker *maker, const struct statement *s)
{
	uint8_t limit = (uint8_t)s->number;
	make_payload(maker, NFT_PAYLOAD_NETWORK_HEADER, 7, sizeof(limit), NFT_REG_1);
	make_compare(maker, NFT_CMP_EQ, &limit, sizeof(limit));
}

static void make_direction(struct maker *maker, uint8_t direction)
{
	make_ct(maker, NFT_CT_DIRECTION);
	make_compare(maker, NFT_CMP_EQ, &direction, sizeof(direction));
}

static void make_dnated(struct maker *maker)
{
	uint32_t zero = 0;
	make_ct(maker, NFT_CT_STATUS);
	make_mask(maker, IPS_DST_NAT, 0);
	make_compare(maker, NFT_CMP_NEQ, &zero, sizeof(zero));
}

static void make_original_port(struct maker *maker, const struct statement *s)
{
	make_protocol(maker, s->protocol);
	struct nftnl_expr *e = expression(maker, "ct");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_PROTO_DST);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_DREG, NFT_REG_1);
	nftnl_expr_set_u8(e, NFTNL_EXPR_CT_DIR, IP_CT_DIR_ORIGINAL);
	uint16_t low = htons(s->low);
	uint16_t high = htons(s->high);
	make_compare(maker, NFT_CMP_GTE, &low, sizeof(low));
	make_compare(maker, NFT_CMP_LTE, &high, sizeof(high));
}

static void make_marked(struct maker *maker, const struct statement *s)
{
	make_ct(maker, NFT_CT_MARK);
	make_mask(maker, s->number, 0);
	make_compare(maker, NFT_CMP_EQ, &s->number, sizeof(s->number));
}

static void make_mark(struct maker *maker, const struct statement *s)
{
	make_ct(maker, NFT_CT_MARK);
	make_mask(maker, ~s->number, s->number);
	struct nftnl_expr *e = expression(maker, "ct");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_KEY, NFT_CT_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CT_SREG, NFT_REG_1);
}

static void make_limit(struct maker *maker, const struct statement *s)
{
	struct nftnl_expr *e = expression(maker, "limit");
	if (!e)
		return;
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_RATE, s->number);
	nftnl_expr_set_u64(e, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_BURST, s->number);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LIMIT_FLAGS, 0);
}

static void make_log(struct maker *maker, const struct statement *s)
{
	struct nftnl_expr *e = expression(maker, "log");
	if (!e)
		return;
	nftnl_expr_set_str(e, NFTNL_EXPR_LOG_PREFIX, s->name);
	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, (uint16_t)s->number);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOG_SNAPLEN, LOG_SNAPLEN);
}

static void make_snat(struct maker *maker, const struct statement *s)
{
	make_key(maker, s);
	struct nftnl_expr *lookup = make_lookup(maker, s);
	if (lookup)
		nftnl_expr_set_u32(lookup, NFTNL_EXPR_LOOKUP_DREG, NFT_REG_1);
	struct nftnl_expr *e = expression(maker, "nat");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_SNAT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY,
	                   s->family == AF_INET ? NFPROTO_IPV4 : NFPROTO_IPV6);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FLAGS, NF_NAT_RANGE_MAP_IPS);
}

static void make_priority(struct maker *maker, const struct statement *s)
{
	make_meta(maker, NFT_META_PRIORITY, NFT_REG_1);
	make_compare(maker, NFT_CMP_EQ, &s->number, sizeof(s->number));
}

static void make_random(struct maker *maker, const struct statement *s)
{
	uint32_t zero = 0;
	struct nftnl_expr *e = expression(maker, "numgen");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_MODULUS, s->number);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_TYPE, NFT_NG_RANDOM);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NG_OFFSET, 0);
	make_compare(maker, NFT_CMP_EQ, &zero, sizeof(zero));
}

static void make_value(struct maker *maker, uint32_t to, const void *data, uint32_t length)
{
	struct nftnl_expr *e = expression(maker, "immediate");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, to);
	nftnl_expr_set(e, NFTNL_EXPR_IMM_DATA, data, length);
}

static void make_dnat(struct maker *maker, const struct statement *s)
{
	bool v4 = s->family == AF_INET;
	uint16_t port = htons(s->low);
	make_protocol(maker, s->protocol);
	make_value(maker, NFT_REG_1, s->address, v4 ? 4 : 16);
	make_value(maker, NFT_REG_2, &port, sizeof(port));
	struct nftnl_expr *e = expression(maker, "nat");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FAMILY, v4 ? NFPROTO_IPV4 : NFPROTO_IPV6);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MIN, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_ADDR_MAX, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MIN, NFT_REG_2);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_REG_PROTO_MAX, NFT_REG_2);
	nftnl_expr_set_u32(e, NFTNL_EXPR_NAT_FLAGS,
	                   NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED);
}

static void make_verdict(struct maker *maker, const struct statement *s)
{
	static const uint32_t codes[] = {
		[VERDICT_NONE] = (uint32_t)NFT_CONTINUE, [VERDICT_DROP] = NF_DROP,
		[VERDICT_RETURN] = (uint32_t)NFT_RETURN, [VERDICT_JUMP] = (uint32_t)NFT_JUMP,
		[VERDICT_GOTO] = (uint32_t)NFT_GOTO,
	};
	struct nftnl_expr *e = expression(maker, "immediate");
	if (!e)
		return;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, codes[s->verdict]);
	if (s->verdict == VERDICT_JUMP || s->verdict == VERDICT_GOTO)
		nftnl_expr_set_str(e, NFTNL_EXPR_IMM_CHAIN, s->name);
}

static void make_statement(struct maker *maker, const struct statement *s)
{
	switch (s->kind) {
	case STATEMENT_LOOKUP:
		make_key(maker, s);
		make_lookup(maker, s);
		break;
	case STATEMENT_VERDICT_MAP:
		make_key(maker, s);
		make_verdict_map(maker, s);
		break;
	case STATEMENT_IN:
	case STATEMENT_IN_PREFIX:
		make_interface(maker, NFT_META_IIFNAME, s->name, s->kind == STATEMENT_IN_PREFIX);
		break;
	case STATEMENT_OUT:
	case STATEMENT_OUT_PREFIX:
		make_interface(maker, NFT_META_OIFNAME, s->name, s->kind == STATEMENT_OUT_PREFIX);
		break;
	case STATEMENT_IN_KIND:
		make_interface(maker, NFT_META_IIFKIND, s->name, false);
		break;
	case STATEMENT_OUT_KIND:
		make_interface(maker, NFT_META_OIFKIND, s->name, false);
		break;
	case STATEMENT_FROM_NODE:
		make_from_node(maker);
		break;
	case STATEMENT_UDP_PORTS:
		make_udp_ports(maker, s);
		break;
	case STATEMENT_HOP_LIMIT:
		make_hop_limit(maker, s);
		break;
	case STATEMENT_ORIGINAL:
		make_direction(maker, IP_CT_DIR_ORIGINAL);
		break;
	case STATEMENT_REPLY:
		make_direction(maker, IP_CT_DIR_REPLY);
		break;
	case STATEMENT_DNATED:
		make_dnated(maker);
		break;
	case STATEMENT_ORIGINAL_PORT:
		make_original_port(maker, s);
		break;
	case STATEMENT_MARKED:
		make_marked(maker, s);
		break;
	case STATEMENT_MARK:
		make_mark(maker, s);
		break;
	case STATEMENT_COUNTER:
		(void)expression(maker, "counter");
		break;
	case STATEMENT_LIMIT:
		make_limit(maker, s);
		break;
	case STATEMENT_LOG:
		make_log(maker, s);
		break;
	case STATEMENT_PRIORITY:
		make_priority(maker, s);
		break;
	case STATEMENT_RANDOM:
		make_random(maker, s);
		break;
	case STATEMENT_DNAT:
		make_dnat(maker, s);
		break;
	case STATEMENT_SNAT:
		make_snat(maker, s);
		break;
	case STATEMENT_VERDICT:
		make_verdict(maker, s);
		break;
	}
}

struct nftnl_rule *nft_rule_make(const struct image_rule *rule, const char *table,
                                 const char *chain)
{
	struct maker maker = {.rule = nftnl_rule_alloc()};
	if (!maker.rule)
		return NULL;
	nftnl_rule_set_u32(maker.rule, NFTNL_RULE_FAMILY, NFPROTO_INET);
	nftnl_rule_set_str(maker.rule, NFTNL_RULE_TABLE, table);
	nftnl_rule_set_str(maker.rule, NFTNL_RULE_CHAIN, chain);
	for (unsigned i = 0; i < rule->count; i++)
		make_statement(&maker, &rule->statements[i]);
	if (maker.failed) {
		nftnl_rule_free(maker.rule);
		return NULL;
	}
	return maker.rule;
}
