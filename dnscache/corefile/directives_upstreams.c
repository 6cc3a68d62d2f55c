/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "dnscache/corefile/directives.h"

#define DNS_PORT 53
#define FILE_SIZE_MAX (1U << 20)
#define HOST_MAX 80 /* an IPv6 address, %, an interface's name */

static int parse_host(const char *host, uint16_t port, struct sockaddr_in6 *ret)
{
	struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	char address[HOST_MAX];
	const char *percent = strchr(host, '%');

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, host, &ipv4.sin_addr) == 1) {
		memcpy(ret, &ipv4, sizeof(ipv4));
		return 0;
	}
	(void)snprintf(address, sizeof(address), "%.*s",
	               percent ? (int)(percent - host) : (int)strlen(host), host);
	ret->sin6_family = AF_INET6;
	ret->sin6_port = htons(port);
	if (inet_pton(AF_INET6, address, &ret->sin6_addr) != 1)
		return -EINVAL;
	if (percent)
		ret->sin6_scope_id = if_nametoindex(percent + 1);
	return percent && ret->sin6_scope_id == 0 ? -ENODEV : 0;
}

/* "10.0.0.1", "10.0.0.1:53", "2001:db8::1", "[2001:db8::1]:53", "fe80::1%eth0" */
static int parse_address(const char *text, struct sockaddr_in6 *ret)
{
	char host[HOST_MAX];
	char *port = NULL;
	unsigned long number = DNS_PORT;

	if (strlen(text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, strlen(text) + 1);
	if (host[0] == '[') {
		char *end = strchr(host, ']');

		if (!end || (end[1] != '\0' && end[1] != ':'))
			return -EINVAL;
		*end = '\0';
		port = end[1] == ':' ? end + 2 : NULL;
		memmove(host, host + 1, strlen(host));
	} else if (strchr(host, ':') && strchr(host, ':') == strrchr(host, ':')) {
		port = strchr(host, ':');
		*port++ = '\0';
	}
	if (port) {
		if (strlen(port) > 5 || strspn(port, "0123456789") != strlen(port))
			return -EINVAL;
		number = strtoul(port, NULL, 10);
	}
	return number < 1 || number > 65535 ? -EINVAL : parse_host(host, (uint16_t)number, ret);
}

static void add(struct corefile_reader *reader, const struct corefile_words *words, size_t word,
                struct forward_settings *forward, const struct sockaddr_in6 *address)
{
	struct sockaddr_in6 *place;

	for (size_t i = 0; i < forward->upstream_count; i++) {
		if (memcmp(&forward->upstreams[i], address, sizeof(*address)) == 0)
			return;
	}
	if (forward->upstream_count == FORWARD_UPSTREAMS_MAX) {
		corefile_refuse(reader, words, word, "more than %d upstream servers",
		                FORWARD_UPSTREAMS_MAX);
		return;
	}
	place = corefile_append(reader, &forward->upstreams, &forward->upstream_count,
	                        sizeof(*place));
	if (place)
		*place = *address;
}

/* A line of resolv.conf(5); all but "nameserver ADDRESS" is passed over, as resolvers do. */
static bool add_line(struct corefile_reader *reader, const struct corefile_words *words,
                     size_t word, struct forward_settings *forward, char *line)
{
	char *rest = NULL;
	const char *key = strtok_r(line, " \t\r", &rest);
	const char *value = key ? strtok_r(NULL, " \t\r", &rest) : NULL;
	struct sockaddr_in6 address;

	if (!value || strcmp(key, "nameserver") != 0 || strlen(value) >= HOST_MAX ||
	    parse_host(value, DNS_PORT, &address) < 0)
		return false;
	add(reader, words, word, forward, &address);
	return true;
}

static void add_file(struct corefile_reader *reader, const struct corefile_words *words,
                     size_t word, struct forward_settings *forward)
{
	const char *path = corefile_path(reader, words, word);
	bool found = false;
	struct error why = {0};
	char *text;
	char *rest;
	size_t length;

	if (!path)
		return;
	if (file_read(path, FILE_SIZE_MAX, &text, &length, &why) < 0) {
		corefile_refuse(reader, words, word, "expected an address or a file: %s", why.text);
		return;
	}
	corefile_add_path(reader, path);
	rest = text;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		found |= add_line(reader, words, word, forward, line);
	free(text);
	if (!found)
		corefile_refuse(reader, words, word, "the file names no server");
}

static void add_word(struct corefile_reader *reader, const struct corefile_words *words,
                     size_t word, struct forward_settings *forward)
{
	const char *text = words->list[word].text;
	const char *scheme = strstr(text, "://");
	struct sockaddr_in6 address;
	int r;

	if (scheme && strncmp(text, "dns://", 6) != 0) {
		corefile_refuse(reader, words, word,
		                "%.*s:// is not supported: "
		                "only plain DNS is spoken upstream",
		                scheme - text < 32 ? (int)(scheme - text) : 32, text);
		return;
	}
	r = parse_address(scheme ? scheme + 3 : text, &address);
	if (r == 0)
		add(reader, words, word, forward, &address);
	else if (r == -ENODEV)
		corefile_refuse(reader, words, word, "there is no interface of that name");
	else if (!scheme && reader->base && (strchr(text, '/') || !strpbrk(text, ":[")))
		add_file(reader, words, word, forward);
	else
		corefile_refuse(reader, words, word,
		                "expected ADDRESS, ADDRESS:PORT, [ADDRESS]:PORT or a file");
}

void directive_upstreams(struct corefile_reader *reader, const struct corefile_words *words,
                         struct forward_settings *forward)
{
	for (size_t i = 2; i < words->count && reader->failed == 0; i++)
		add_word(reader, words, i, forward);
}
