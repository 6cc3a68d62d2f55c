/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "dnscache/corefile/corefile_reader.h"

#define CIDR_ZONES_MAX 128 /* of a /1, a /9, … */

/* Between the octets or nibbles of an address. */
struct labels {
	unsigned bits; /* of one label: 8 or 4 */
	unsigned whole;
	unsigned rest; /* bits of the last label that are fixed */
	const char *suffix;
};

/* Label i of the address, plus extra, as a label of the name. Returns its length. */
static size_t write_label(const struct prefix *prefix, const struct labels *labels, unsigned i,
                          unsigned extra, char *text, size_t size)
{
	unsigned octet = prefix->address[i * labels->bits / 8];

	if (labels->bits == 8)
		return (size_t)snprintf(text, size, "%u.", octet + extra);
	return (size_t)snprintf(text, size, "%x.", (i % 2 == 0 ? octet >> 4 : octet & 15) + extra);
}

/* The reverse zone whose last label, if the prefix ends inside one, is that of the prefix plus
 * extra. */
static int reverse_zone(const struct prefix *prefix, const struct labels *labels, unsigned extra,
                        struct dns_name *ret)
{
	char text[128];
	size_t used = 0;

	if (labels->rest > 0)
		used = write_label(prefix, labels, labels->whole, extra, text, sizeof(text));
	for (unsigned i = labels->whole; i-- > 0;)
		used += write_label(prefix, labels, i, 0, text + used, sizeof(text) - used);
	(void)snprintf(text + used, sizeof(text) - used, "%s", labels->suffix);
	return dns_name_parse(text, ret);
}

static size_t reverse_zones(const struct prefix *prefix, struct dns_name *list)
{
	struct labels labels = {.bits = 8, .suffix = "in-addr.arpa"};
	size_t count;

	if (prefix->family == AF_INET6)
		labels = (struct labels){.bits = 4, .suffix = "ip6.arpa"};
	labels.whole = prefix->length / labels.bits;
	labels.rest = prefix->length % labels.bits;
	count = labels.rest > 0 ? 1U << (labels.bits - labels.rest) : 1;
	for (unsigned i = 0; i < count; i++) {
		if (reverse_zone(prefix, &labels, i, &list[i]) < 0)
			return 0;
	}
	return count;
}

/* Only plain DNS is spoken here. Returns NULL: dns://, or nothing in front; *text is behind it. */
static const char *other_transport(const char **text, size_t *length)
{
	const char *end = strstr(*text, "://");
	const char *scheme = *text;

	if (!end)
		return NULL;
	*length = (size_t)(end - scheme);
	*text = end + 3;
	return *length == 3 && memcmp(scheme, "dns", 3) == 0 ? NULL : scheme;
}

struct zone_text {
	char name[DNS_NAME_TEXT_MAX];
	uint16_t port; /* 0: none */
};

/* "name:port"; what does not end in digits has no port. NULL, or why it is refused. */
static const char *split(const char *text, struct zone_text *ret)
{
	const char *colon = strrchr(text, ':');
	size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
	size_t length = strlen(text);
	unsigned long port = digits < 6 && colon ? strtoul(colon + 1, NULL, 10) : 65536;

	ret->port = 0;
	if (colon && colon[1] == '\0')
		return "expected a port behind the colon";
	if (colon && colon[digits + 1] == '\0') {
		if (port == 0 || port > 65535)
			return "expected a port from 1 to 65535";
		ret->port = (uint16_t)port;
		length = (size_t)(colon - text);
	}
	if (length == 0)
		return "expected a zone in front of the port; . is the root";
	if (length >= sizeof(ret->name))
		return "the name is too long";
	memcpy(ret->name, text, length);
	ret->name[length] = '\0';
	return NULL;
}

static const char *parse(const struct zone_text *zone, struct dns_name list[static CIDR_ZONES_MAX],
                         size_t *count)
{
	struct prefix prefix;

	*count = 1;
	if (strchr(zone->name, '/') && prefix_parse(zone->name, &prefix, NULL) == 0) {
		*count = reverse_zones(&prefix, list);
		return *count > 0 ? NULL : "the prefix has no reverse zone";
	}
	if (strpbrk(zone->name, ":/{}\"") || zone->name[strlen(zone->name) - 1] == ',')
		return "expected a domain name or a CIDR";
	if (dns_name_parse(zone->name, &list[0]) < 0)
		return "expected a domain name: labels of at most 63 bytes, 255 in all";
	dns_name_lower(&list[0]);
	return NULL;
}

/* Adds what text stands for. Returns why not, or NULL. */
static const char *add(struct corefile_reader *reader, const char *text, struct dns_name **list,
                       size_t *count, uint16_t *port)
{
	struct dns_name zones[CIDR_ZONES_MAX];
	struct zone_text zone;
	const char *why = split(text, &zone);
	size_t found = 0;

	if (!why)
		why = parse(&zone, zones, &found);
	if (why)
		return why;
	reader->zone_count += found;
	if (reader->zone_count > COREFILE_ZONES_MAX)
		return "more than 1024 zones";
	for (size_t i = 0; i < found; i++) {
		struct dns_name *place = corefile_append(reader, list, count, sizeof(*place));

		if (place)
			*place = zones[i];
	}
	*port = zone.port;
	return NULL;
}

void corefile_add_zone(struct corefile_reader *reader, const struct corefile_words *words,
                       size_t word, struct dns_name **list, size_t *count)
{
	const char *text = words->list[word].text;
	size_t length = 0;
	const char *transport = other_transport(&text, &length);
	uint16_t port;
	const char *why;

	if (transport) {
		corefile_refuse(reader, words, word,
		                "expected a zone: a transport means nothing here");
		return;
	}
	why = add(reader, text, list, count, &port);
	if (why)
		corefile_refuse(reader, words, word, "%s", why);
}

void corefile_zones(struct corefile_reader *reader, const struct corefile_words *words,
                    size_t first, struct dns_name **list, size_t *count)
{
	for (size_t i = first; i < words->count && reader->failed == 0; i++)
		corefile_add_zone(reader, words, i, list, count);
}

void corefile_add_key(struct corefile_reader *reader, const struct corefile_token *token,
                      struct dns_name **list, size_t *count, uint16_t *port)
{
	const char *text = token->text;
	size_t length = 0;
	const char *transport = other_transport(&text, &length);
	const char *why;

	if (transport) {
		corefile_refuse_at(reader, token, token->text,
		                   "%.*s:// is not supported: only plain DNS is served",
		                   length < 32 ? (int)length : 32, transport);
		return;
	}
	why = add(reader, text, list, count, port);
	if (why)
		corefile_refuse_at(reader, token, token->text, "%s", why);
}
