/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/dns_packet.h"
#include "common/node_local.h"
#include "dnscache/node/table.h"

#define AWAY_SERVERS_MAX 32 /* of a family; no query needs more to find one that is well */

/* Host veths of strict pods as the VPC CNI names them, and their branch devices (vlan.eth.N): one
 * that was made a moment ago is in no list yet. */
#define STRICT_PREFIX "vlan"

enum which { ALL, NODE_LOCAL };

struct text {
	FILE *file;
	char *buffer;
	size_t size;
};

/* What the table for when nobody answers is made of. */
struct away {
	const struct network_settings *settings;
	const struct cluster_server *servers;
	size_t server_count;
};

static const struct family {
	uint8_t number;
	const char *word;
} families[] = {{AF_INET, "ip"}, {AF_INET6, "ip6"}};
#define FAMILIES (sizeof(families) / sizeof(families[0]))

static bool text_open(struct text *text)
{
	*text = (struct text){0};
	text->file = open_memstream(&text->buffer, &text->size);
	return text->file != NULL;
}

static char *text_close(struct text *text)
{
	bool failed = ferror(text->file) != 0;
	if (fclose(text->file) != 0 || failed) {
		free(text->buffer);
		return NULL;
	}
	return text->buffer;
}

static bool is_meant(const struct prefix *address, uint8_t family, enum which which)
{
	return address->family == family && (which == ALL || address_is_node_local(address));
}

static bool has_any(const struct network_settings *settings, uint8_t family, enum which which)
{
	for (size_t i = 0; i < settings->address_count; i++)
		if (is_meant(&settings->addresses[i], family, which))
			return true;
	return false;
}

/* "{ 169.254.20.10, 10.0.0.10 }"; only where there is any. */
static void put_addresses(FILE *out, const struct network_settings *settings, uint8_t family,
                          enum which which)
{
	const char *between = "{ ";
	for (size_t i = 0; i < settings->address_count; i++) {
		char text[PREFIX_TEXT_MAX];
		if (!is_meant(&settings->addresses[i], family, which))
			continue;
		fprintf(out, "%s%s", between, prefix_text(&settings->addresses[i], text));
		between = ", ";
	}
	fputs(" }", out);
}

/* One line for each family that has addresses: "ip daddr { … } " and what to do. */
static void put_rules(FILE *out, const struct network_settings *settings, const char *end,
                      const char *rest)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		if (!has_any(settings, families[i].number, ALL))
			continue;
		fprintf(out, "\t\t%s %s ", families[i].word, end);
		put_addresses(out, settings, families[i].number, ALL);
		fprintf(out, " %s\n", rest);
	}
}

static bool is_told_by_prefix(const char *interface)
{
	return strncmp(interface, STRICT_PREFIX, strlen(STRICT_PREFIX)) == 0;
}

/* A verdict map: a set of interface names, as newer versions write it, crashes nft 1.0.6. */
static void put_strict(FILE *out, const char *const *strict, size_t count, const char *indent,
                       const char *before)
{
	const char *between = "";
	fprintf(out, "%s%siifname \"" STRICT_PREFIX "*\" goto passed\n", indent, before);
	for (size_t i = 0; i < count; i++) {
		if (is_told_by_prefix(strict[i]))
			continue;
		if (!*between)
			fprintf(out, "%s%siifname vmap { ", indent, before);
		fprintf(out, "%s\"%s\" : goto passed", between, strict[i]);
		between = ", ";
	}
	if (*between)
		fputs(" }\n", out);
	fprintf(out, "%s%smeta priority set %#x counter name \"" DNS_COUNTER_QUERIES "\" notrack\n",
	        indent, before, DNS_PACKET_PRIORITY);
}

static void put_dns_chains(FILE *out, const struct network_settings *settings,
                           const char *const *strict, size_t count)
{
	char queries[64];
	char answers[64];
	snprintf(queries, sizeof(queries), "meta l4proto { tcp, udp } th dport %u", settings->port);
	snprintf(answers, sizeof(answers), "meta l4proto { tcp, udp } th sport %u", settings->port);
	fputs("\tchain passed {\n\t\tcounter name \"" DNS_COUNTER_PASSED "\"\n\t}\n"
	      "\tchain query {\n",
	      out);
	put_strict(out, strict, count, "\t\t", "");
	fputs("\t}\n\tchain prerouting {\n"
	      "\t\ttype filter hook prerouting priority raw; policy accept;\n",
	      out);
	char line[128];
	snprintf(line, sizeof(line), "%s goto query", queries);
	put_rules(out, settings, "daddr", line);
	fputs("\t}\n\tchain output {\n\t\ttype filter hook output priority raw; policy accept;\n",
	      out);
	snprintf(line, sizeof(line), "%s counter name \"" DNS_COUNTER_ANSWERS "\" notrack",
	         answers);
	put_rules(out, settings, "saddr", line);
	snprintf(line, sizeof(line), "%s notrack", queries);
	put_rules(out, settings, "daddr", line);
	if (settings->health_port) {
		snprintf(line, sizeof(line), "tcp sport %u notrack", settings->health_port);
		put_rules(out, settings, "saddr", line);
		snprintf(line, sizeof(line), "tcp dport %u notrack", settings->health_port);
		put_rules(out, settings, "daddr", line);
	}
	fputs("\t}\n", out);
}

char *dns_table_text(const struct network_settings *settings, const char *const *strict,
                     size_t strict_count, bool owned)
{
	const char *flags = owned ? "flags owner; " : "";
	struct text text;
	if (!text_open(&text))
		return NULL;
	fprintf(text.file,
	        "table inet " DNS_TABLE " { %s}\n"
	        "delete table inet " DNS_TABLE "\n"
	        "table inet " DNS_TABLE " {\n\t%s\n"
	        "\tcounter " DNS_COUNTER_QUERIES " { }\n"
	        "\tcounter " DNS_COUNTER_ANSWERS " { }\n"
	        "\tcounter " DNS_COUNTER_PASSED " { }\n",
	        flags, flags);
	put_dns_chains(text.file, settings, strict, strict_count);
	fputs("}\n", text.file);
	return text_close(&text);
}

char *dns_table_strict_text(const char *const *strict, size_t strict_count)
{
	struct text text;
	if (!text_open(&text))
		return NULL;
	fputs("flush chain inet " DNS_TABLE " query\n", text.file);
	put_strict(text.file, strict, strict_count, "", "add rule inet " DNS_TABLE " query ");
	return text_close(&text);
}

static uint16_t port_of(const struct cluster_server *server, uint8_t protocol)
{
	return protocol == IPPROTO_UDP ? server->udp_port : server->tcp_port;
}

/* "{ 0 : 10.0.0.53 . 53, 1 : … }" */
static void put_servers(FILE *out, const struct away *away, uint8_t family, uint8_t protocol,
                        unsigned count)
{
	char text[PREFIX_TEXT_MAX];
	unsigned number = 0;
	for (size_t i = 0; number < count; i++) {
		const struct cluster_server *server = &away->servers[i];
		if (server->address.family != family)
			continue;
		fprintf(out, "%s%u : %s . %u", number ? ", " : "{ ", number,
		        prefix_text(&server->address, text), port_of(server, protocol));
		number++;
	}
	fputs(" }", out);
}

static void put_away_rule(FILE *out, const struct away *away, const struct family *family,
                          uint8_t protocol)
{
	unsigned count = 0;
	for (size_t i = 0; i < away->server_count && count < AWAY_SERVERS_MAX; i++)
		count += away->servers[i].address.family == family->number;
	if (count == 0 || !has_any(away->settings, family->number, NODE_LOCAL))
		return;
	fprintf(out, "\t\t%s daddr ", family->word);
	put_addresses(out, away->settings, family->number, NODE_LOCAL);
	fprintf(out, " %s dport %u dnat %s to numgen random mod %u map ",
	        protocol == IPPROTO_UDP ? "udp" : "tcp", away->settings->port, family->word, count);
	put_servers(out, away, family->number, protocol, count);
	fputc('\n', out);
}

/* Before kube-proxy's chains at dstnat; behind nft-sync's, for strict pods. */
static void put_away_chain(FILE *out, const struct away *away, const char *name)
{
	fprintf(out, "\tchain %s {\n\t\ttype nat hook %s priority -105; policy accept;\n", name,
	        name);
	for (size_t i = 0; i < FAMILIES; i++) {
		put_away_rule(out, away, &families[i], IPPROTO_UDP);
		put_away_rule(out, away, &families[i], IPPROTO_TCP);
	}
	fputs("\t}\n", out);
}

char *dns_away_text(const struct network_settings *settings, const struct cluster_server *servers,
                    size_t server_count)
{
	const struct away away = {
		.settings = settings, .servers = servers, .server_count = server_count};
	char line[128];
	struct text text;
	if (!text_open(&text))
		return NULL;
	fputs("table inet " DNS_AWAY_TABLE " { }\n"
	      "delete table inet " DNS_AWAY_TABLE "\n"
	      "table inet " DNS_AWAY_TABLE " {\n",
	      text.file);
	put_away_chain(text.file, &away, "prerouting");
	put_away_chain(text.file, &away, "output");
	fputs("\tchain postrouting {\n"
	      "\t\ttype nat hook postrouting priority srcnat; policy accept;\n",
	      text.file);
	snprintf(line, sizeof(line), "oifname != \"lo\" oifname != \"%s\" masquerade",
	         settings->interface);
	put_rules(text.file, settings, "saddr", line);
	fputs("\t}\n}\n", text.file);
	return text_close(&text);
}
