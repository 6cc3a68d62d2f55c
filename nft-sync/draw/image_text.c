/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "nft-sync/draw/image_text.h"

static const char *const type_texts[] = {
	[KEY_INTERFACE] = "ifname",        [KEY_ADDRESS4] = "ipv4_addr",
	[KEY_ADDRESS6] = "ipv6_addr",      [KEY_PROTOCOL] = "inet_proto",
	[KEY_PORT] = "inet_service",       [KEY_ICMP_TYPE] = "icmp_type",
	[KEY_ICMP_CODE] = "icmp_code",     [KEY_ICMPV6_TYPE] = "icmpv6_type",
	[KEY_ICMPV6_CODE] = "icmpv6_code",
};

static const char *const field_texts[] = {
	[FIELD_IN] = "iifname",
	[FIELD_OUT] = "oifname",
	[FIELD_SOURCE4] = "ip saddr",
	[FIELD_DESTINATION4] = "ip daddr",
	[FIELD_SOURCE6] = "ip6 saddr",
	[FIELD_DESTINATION6] = "ip6 daddr",
	[FIELD_PROTOCOL] = "meta l4proto",
	[FIELD_PORT] = "th dport",
	[FIELD_SOURCE_PORT] = "th sport",
	[FIELD_ICMP_TYPE] = "icmp type",
	[FIELD_ICMP_CODE] = "icmp code",
	[FIELD_ICMPV6_TYPE] = "icmpv6 type",
	[FIELD_ICMPV6_CODE] = "icmpv6 code",
};

static void print_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	for (const char *c = text; *c; c++)
		fputc(*c == '"' || (unsigned char)*c < ' ' ? '?' : *c, out);
	fputc('"', out);
}

static void print_comment(FILE *out, const char *indent, const char *comment, const char *end)
{
	if (!comment || !comment[0])
		return;
	fprintf(out, "%scomment ", indent);
	print_quoted(out, comment);
	fputs(end, out);
}

static const char *const verdict_texts[] = {
	[VERDICT_NONE] = "continue", [VERDICT_DROP] = "drop", [VERDICT_RETURN] = "return",
	[VERDICT_JUMP] = "jump",     [VERDICT_GOTO] = "goto",
};

static void print_verdict(FILE *out, enum verdict_code code, const char *chain)
{
	fputs(verdict_texts[code], out);
	if (code == VERDICT_JUMP || code == VERDICT_GOTO)
		fprintf(out, " %s", chain);
}

static void print_value(FILE *out, enum key_type type, const uint8_t *value)
{
	char text[INET6_ADDRSTRLEN];
	uint16_t port;
	switch (type) {
	case KEY_INTERFACE:
		fprintf(out, "\"%.16s\"", (const char *)value);
		break;
	case KEY_ADDRESS4:
		fputs(inet_ntop(AF_INET, value, text, sizeof(text)), out);
		break;
	case KEY_ADDRESS6:
		fputs(inet_ntop(AF_INET6, value, text, sizeof(text)), out);
		break;
	case KEY_PORT:
		memcpy(&port, value, sizeof(port));
		fprintf(out, "%u", ntohs(port));
		break;
	default:
		fprintf(out, "%u", value[0]);
		break;
	}
}

static bool is_whole_range(const uint8_t *first, const uint8_t *last, unsigned length)
{
	for (unsigned i = 0; i < length; i++)
		if (first[i] != 0 || last[i] != 0xff)
			return false;
	return true;
}

/* The length of the prefix that a range of addresses is: ours always are one. */
static unsigned prefix_length(const uint8_t *first, const uint8_t *last, unsigned length)
{
	unsigned bits = 0;
	while (bits < 8 * length && !((first[bits / 8] ^ last[bits / 8]) & (0x80U >> (bits % 8))))
		bits++;
	return bits;
}

static void print_range(FILE *out, enum key_type type, const uint8_t *first, const uint8_t *last)
{
	unsigned length = key_type_length(type);
	print_value(out, type, first);
	if (memcmp(first, last, length) == 0)
		return;
	if (type == KEY_ADDRESS4 || type == KEY_ADDRESS6) {
		fprintf(out, "/%u",
		        is_whole_range(first, last, length) ? 0
		                                            : prefix_length(first, last, length));
		return;
	}
	fputc('-', out);
	print_value(out, type, last);
}

static void print_element(FILE *out, const struct image_set *set, size_t index)
{
	const uint8_t *first = image_set_key(set, index);
	const uint8_t *last = set->interval ? image_set_last(set, index) : first;
	unsigned offset = 0;
	for (unsigned i = 0; i < set->field_count; i++) {
		if (i > 0)
			fputs(" . ", out);
		print_range(out, set->types[i], first + offset, last + offset);
		offset += (key_type_length(set->types[i]) + 3) & ~3U;
	}
	if (set->counters)
		fputs(" counter packets 0 bytes 0", out);
	if (set->comments)
		print_comment(out, " ", set->comments[index], "");
	if (set->verdicts) {
		fputs(" : ", out);
		print_verdict(out, set->verdicts[index].code, set->verdicts[index].chain);
	}
	if (set->data == DATA_ADDRESS4 || set->data == DATA_ADDRESS6) {
		fputs(" : ", out);
		print_value(out, set->types[0], first);
	}
}

static void print_set(FILE *out, const struct image_set *set)
{
	static const char *const data_texts[] = {
		[DATA_VERDICT] = " : verdict",
		[DATA_ADDRESS4] = " : ipv4_addr",
		[DATA_ADDRESS6] = " : ipv6_addr",
	};
	fprintf(out, "\n\t%s %s {\n\t\ttype ", set->data == DATA_NONE ? "set" : "map", set->name);
	for (unsigned i = 0; i < set->field_count; i++)
		fprintf(out, "%s%s", i > 0 ? " . " : "", type_texts[set->types[i]]);
	fprintf(out, "%s\n", set->data == DATA_NONE ? "" : data_texts[set->data]);
	if (set->interval)
		fputs("\t\tflags interval\n", out);
	if (set->counters)
		fputs("\t\tcounter\n", out);
	print_comment(out, "\t\t", set->comment, "\n");
	for (size_t i = 0; i < set->count; i++) {
		fputs(i == 0 ? "\t\telements = { " : ",\n\t\t             ", out);
		print_element(out, set, i);
	}
	fputs(set->count > 0 ? " }\n\t}\n" : "\t}\n", out);
}

static void print_mask(FILE *out, unsigned length)
{
	uint8_t mask[16] = {0};
	char text[INET6_ADDRSTRLEN];
	for (unsigned i = 0; i < length; i++)
		mask[i / 8] |= (uint8_t)(0x80U >> (i % 8));
	fprintf(out, " & %s", inet_ntop(AF_INET6, mask, text, sizeof(text)));
}

static void print_key(FILE *out, const struct statement *s)
{
	for (unsigned i = 0; i < IMAGE_FIELDS_MAX && s->fields[i]; i++) {
		fprintf(out, "%s%s", i > 0 ? " . " : "", field_texts[s->fields[i]]);
		if (s->mask && field_type(s->fields[i]) == KEY_ADDRESS6)
			print_mask(out, s->mask);
	}
}

static const char *protocol_text(uint8_t protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : "udp";
}

static void print_dnat(FILE *out, const struct statement *s)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = s->family == AF_INET;
	inet_ntop(s->family, s->address, text, sizeof(text));
	fprintf(out,
	        v4 ? "meta l4proto %s dnat ip to %s:%u" : "meta l4proto %s dnat ip6 to [%s]:%u",
	        protocol_text(s->protocol), text, s->low);
}

static void print_statement(FILE *out, const struct statement *s)
{
	switch (s->kind) {
	case STATEMENT_LOOKUP:
		print_key(out, s);
		fprintf(out, " @%s", s->name);
		break;
	case STATEMENT_VERDICT_MAP:
		print_key(out, s);
		fprintf(out, " vmap @%s", s->name);
		break;
	case STATEMENT_IN:
		fprintf(out, "iifname \"%s\"", s->name);
		break;
	case STATEMENT_OUT:
		fprintf(out, "oifname \"%s\"", s->name);
		break;
	case STATEMENT_IN_PREFIX:
		fprintf(out, "iifname \"%s*\"", s->name);
		break;
	case STATEMENT_OUT_PREFIX:
		fprintf(out, "oifname \"%s*\"", s->name);
		break;
	case STATEMENT_IN_KIND:
		fprintf(out, "meta iifkind \"%s\"", s->name);
		break;
	case STATEMENT_OUT_KIND:
		fprintf(out, "meta oifkind \"%s\"", s->name);
		break;
	case STATEMENT_FROM_NODE:
		fputs("iif 0", out);
		break;
	case STATEMENT_UDP_PORTS:
		fprintf(out, "meta nfproto %s udp sport %u udp dport %u",
		        s->family == AF_INET ? "ipv4" : "ipv6", s->low, s->high);
		break;
	case STATEMENT_HOP_LIMIT:
		fprintf(out, "ip6 hoplimit %u", s->number);
		break;
	case STATEMENT_ORIGINAL:
		fputs("ct direction original", out);
		break;
	case STATEMENT_REPLY:
		fputs("ct direction reply", out);
		break;
	case STATEMENT_DNATED:
		fputs("ct status dnat", out);
		break;
	case STATEMENT_ORIGINAL_PORT:
		fprintf(out, "meta l4proto %s ct original proto-dst %u-%u",
		        protocol_text(s->protocol), s->low, s->high);
		break;
	case STATEMENT_MARKED:
		fprintf(out, "ct mark & 0x%08x == 0x%08x", s->number, s->number);
		break;
	case STATEMENT_MARK:
		fprintf(out, "ct mark set ct mark | 0x%08x", s->number);
		break;
	case STATEMENT_COUNTER:
		fputs("counter", out);
		break;
	case STATEMENT_LIMIT:
		fprintf(out, "limit rate %u/second burst %u packets", s->number, s->number);
		break;
	case STATEMENT_LOG:
		fprintf(out, "log prefix \"%s\" group %u snaplen 128", s->name, s->number);
		break;
	case STATEMENT_PRIORITY:
		fprintf(out, "meta priority %x:%x", s->number >> 16, s->number & 0xffff);
		break;
	case STATEMENT_RANDOM:
		fprintf(out, "numgen random mod %u 0", s->number);
		break;
	case STATEMENT_DNAT:
		print_dnat(out, s);
		break;
	case STATEMENT_SNAT:
		fprintf(out, "snat %s to %s saddr map @%s", s->family == AF_INET ? "ip" : "ip6",
		        s->family == AF_INET ? "ip" : "ip6", s->name);
		break;
	case STATEMENT_VERDICT:
		print_verdict(out, s->verdict, s->name);
		break;
	}
}

static const char *const hook_texts[] = {
	[HOOK_INPUT] = "type filter hook input",
	[HOOK_FORWARD] = "type filter hook forward",
	[HOOK_OUTPUT] = "type filter hook output",
	[HOOK_POSTROUTING] = "type filter hook postrouting",
	[HOOK_PREROUTING_NAT] = "type nat hook prerouting",
	[HOOK_POSTROUTING_NAT] = "type nat hook postrouting",
};

static void print_chain(FILE *out, const struct image_chain *chain)
{
	fprintf(out, "\n\tchain %s {\n", chain->name);
	print_comment(out, "\t\t", chain->comment, "\n");
	if (chain->hook != HOOK_NONE)
		fprintf(out, "\t\t%s priority %d; policy accept;\n", hook_texts[chain->hook],
		        chain->priority);
	for (size_t i = 0; i < chain->rule_count; i++) {
		fputs("\t\t", out);
		for (unsigned j = 0; j < chain->rules[i].count; j++) {
			if (j > 0)
				fputc(' ', out);
			print_statement(out, &chain->rules[i].statements[j]);
		}
		fputc('\n', out);
	}
	fputs("\t}\n", out);
}

void image_print(const struct image *image, const char *table, FILE *out)
{
	fprintf(out, "table inet %s {\n", table);
	for (size_t i = 0; i < image->set_count; i++)
		print_set(out, image->sets[i]);
	for (size_t i = 0; i < image->chain_count; i++)
		print_chain(out, image->chains[i]);
	fputs("}\n", out);
}
