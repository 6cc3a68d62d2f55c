/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/dns_packet.h"
#include "common/node_local.h"
#include "dnscache/node/table.h"

#define AWAY_SERVERS_MAX 32

/* Host veths of strict pods as the VPC CNI names them, and their branch devices (vlan.eth.N): one
 * that was made a moment ago is in no list yet. */
#define STRICT_PREFIX "vlan"

enum which { ALL, NODE_LOCAL };

struct text {
	FILE *file;
	char *buffer;
	size_t size;
};

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
	static const struct {
		uint8_t family;
		const char *word;
	} families[] = {{AF_INET, "ip"}, {AF_INET6, "ip6"}};
	for (size_t i = 0; i < 2; i++) {
		if (!has_any(settings, families[i].family, ALL))
			continue;
		fprintf(out, "\t\t%s %s ", families[i].word, end);
		put_addresses(out, settings, families[i].family, ALL);
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

static void put_away_rule(FILE *out, const struct network_settings *settings, uint8_t family,
                          const char *word)
{
	char text[PREFIX_TEXT_MAX];
	unsigned count = 0;
	for (size_t i = 0; i < settings->cluster_server_count; i++)
		count += settings->cluster_servers[i].family == family;
	if (count > AWAY_SERVERS_MAX)
		count = AWAY_SERVERS_MAX;
	if (count == 0 || !has_any(settings, family, NODE_LOCAL))
		return;
	fprintf(out, "\t\t%s daddr ", word);
	put_addresses(out, settings, family, NODE_LOCAL);
	fprintf(out,
	        " meta l4proto { tcp, udp } th dport %u dnat %s to numgen random mod %u map { ",
	        settings->port, word, count);
	unsigned number = 0;
	for (size_t i = 0; i < settings->cluster_server_count && number < count; i++) {
		if (settings->cluster_servers[i].family != family)
			continue;
		fprintf(out, "%s%u : %s", number ? ", " : "", number,
		        prefix_text(&settings->cluster_servers[i], text));
		number++;
	}
	fputs(" }\n", out);
}

/* Before kube-proxy's chains at dstnat; behind nft-sync's, which knows the servers' ports. */
static void put_away_chain(FILE *out, const struct network_settings *settings, const char *name)
{
	fprintf(out, "\tchain %s {\n\t\ttype nat hook %s priority -105; policy accept;\n", name,
	        name);
	put_away_rule(out, settings, AF_INET, "ip");
	put_away_rule(out, settings, AF_INET6, "ip6");
	fputs("\t}\n", out);
}

char *dns_away_text(const struct network_settings *settings)
{
	char line[128];
	struct text text;
	if (!text_open(&text))
		return NULL;
	fputs("table inet " DNS_AWAY_TABLE " { }\n"
	      "delete table inet " DNS_AWAY_TABLE "\n"
	      "table inet " DNS_AWAY_TABLE " {\n",
	      text.file);
	put_away_chain(text.file, settings, "prerouting");
	put_away_chain(text.file, settings, "output");
	fputs("\tchain postrouting {\n"
	      "\t\ttype nat hook postrouting priority srcnat; policy accept;\n",
	      text.file);
	snprintf(line, sizeof(line), "oifname != \"lo\" oifname != \"%s\" masquerade",
	         settings->interface);
	put_rules(text.file, settings, "saddr", line);
	fputs("\t}\n}\n", text.file);
	return text_close(&text);
}
