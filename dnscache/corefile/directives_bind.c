/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>

#include "dnscache/corefile/directives.h"

#define BINDS_MAX 256

struct addresses {
	struct prefix *list;
	size_t count;
};

struct bind {
	struct addresses to;
	struct addresses except;
};

static bool has(const struct addresses *addresses, const struct prefix *address)
{
	for (size_t i = 0; i < addresses->count; i++) {
		if (prefix_equal(&addresses->list[i], address))
			return true;
	}
	return false;
}

static void add(struct corefile_reader *reader, struct addresses *addresses,
                const struct prefix *address)
{
	struct prefix *place;

	if (has(addresses, address))
		return;
	place = corefile_append(reader, &addresses->list, &addresses->count, sizeof(*place));
	if (place)
		*place = *address;
}

/* Link-local IPv6 addresses are left out: they mean nothing without their interface. */
static bool read_address(const struct sockaddr *from, struct prefix *ret)
{
	const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)(const void *)from;
	const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)(const void *)from;

	if (from && from->sa_family == AF_INET) {
		*ret = (struct prefix){.family = AF_INET, .length = 32};
		memcpy(ret->address, &ipv4->sin_addr, 4);
		return true;
	}
	if (from && from->sa_family == AF_INET6 && !IN6_IS_ADDR_LINKLOCAL(&ipv6->sin6_addr)) {
		*ret = (struct prefix){.family = AF_INET6, .length = 128};
		memcpy(ret->address, &ipv6->sin6_addr, 16);
		return true;
	}
	return false;
}

static void add_interface(struct corefile_reader *reader, const struct corefile_words *words,
                          size_t word, struct addresses *addresses)
{
	const char *name = words->list[word].text;
	struct ifaddrs *all = NULL;
	struct prefix address;
	bool known = false;

	if (getifaddrs(&all) < 0)
		corefile_refuse(reader, words, word, "cannot list the interfaces: %m");
	for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
		if (strcmp(one->ifa_name, name) != 0)
			continue;
		known = true;
		if (read_address(one->ifa_addr, &address))
			add(reader, addresses, &address);
	}
	freeifaddrs(all);
	if (!known)
		corefile_refuse(reader, words, word,
		                "expected an address, or an interface that is there");
}

static void add_words(struct corefile_reader *reader, const struct corefile_words *words,
                      struct addresses *addresses)
{
	for (size_t i = 1; i < words->count && reader->failed == 0; i++) {
		struct prefix address;

		if (address_parse(words->list[i].text, &address) == 0)
			add(reader, addresses, &address);
		else
			add_interface(reader, words, i, addresses);
		if (addresses->count > BINDS_MAX)
			corefile_refuse(reader, words, i, "more than %d addresses", BINDS_MAX);
	}
}

static void set_except(struct corefile_reader *reader, const struct corefile_option *option,
                       const struct corefile_words *words, void *target)
{
	struct bind *bind = target;

	(void)option;
	add_words(reader, words, &bind->except);
}

void directive_bind(struct corefile_reader *reader, const struct corefile_directive *directive,
                    struct server_block *block)
{
	static const struct corefile_option options[] = {
		COREFILE_OPTION("except", set_except, 1, COREFILE_MANY, "ADDRESS|INTERFACE…"),
	};
	struct addresses kept = {.list = block->binds, .count = block->bind_count};
	struct bind bind = {0};

	add_words(reader, &directive->line, &bind.to);
	corefile_read_options(reader, directive, options, 1, &bind);
	for (size_t i = 0; i < bind.to.count; i++) {
		if (!has(&bind.except, &bind.to.list[i]))
			add(reader, &kept, &bind.to.list[i]);
	}
	block->binds = kept.list;
	block->bind_count = kept.count;
	if (kept.count == 0)
		corefile_refuse(reader, &directive->line, 0, "leaves no address to listen on");
}
