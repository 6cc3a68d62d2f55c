/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/address.h"

static int parse_length(const char *text, unsigned max, uint8_t *ret)
{
	unsigned value = 0;
	size_t i;

	for (i = 0; text[i] >= '0' && text[i] <= '9' && i < 3; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	if (i == 0 || text[i] != '\0' || value > max)
		return -EINVAL;
	if (text[0] == '0' && i > 1)
		return -EINVAL;
	*ret = (uint8_t)value;
	return 0;
}

/* Clears what lies behind length; true if a bit was set there. */
static bool clear_host_bits(struct prefix *prefix)
{
	unsigned bytes = prefix_family_bits(prefix->family) / 8;
	uint8_t seen = 0;

	for (unsigned i = prefix->length / 8; i < bytes; i++) {
		unsigned kept = i == prefix->length / 8U ? prefix->length % 8U : 0;
		uint8_t host = (uint8_t)(0xffU >> kept);

		seen |= prefix->address[i] & host;
		prefix->address[i] &= (uint8_t)~host;
	}
	return seen != 0;
}

int address_parse(const char *text, struct prefix *ret)
{
	struct prefix prefix = {.family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET};

	if (inet_pton(prefix.family, text, prefix.address) != 1)
		return -EINVAL;
	prefix.length = (uint8_t)prefix_family_bits(prefix.family);
	*ret = prefix;
	return 0;
}

int prefix_parse(const char *text, struct prefix *ret, bool *masked)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
	struct prefix prefix;
	bool host_bits;

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	if (address_parse(address, &prefix) < 0)
		return -EINVAL;
	if (slash != NULL && parse_length(slash + 1, prefix.length, &prefix.length) < 0)
		return -EINVAL;
	host_bits = clear_host_bits(&prefix);
	if (masked != NULL)
		*masked = host_bits;
	*ret = prefix;
	return 0;
}

const char *prefix_text(const struct prefix *prefix, char buffer[static PREFIX_TEXT_MAX])
{
	size_t used;

	if (inet_ntop(prefix->family, prefix->address, buffer, PREFIX_TEXT_MAX) == NULL) {
		(void)snprintf(buffer, PREFIX_TEXT_MAX, "?");
		return buffer;
	}
	if (prefix_is_address(prefix))
		return buffer;
	used = strlen(buffer);
	(void)snprintf(buffer + used, PREFIX_TEXT_MAX - used, "/%u", prefix->length);
	return buffer;
}

unsigned prefix_family_bits(uint8_t family)
{
	return family == AF_INET ? 32 : 128;
}

bool prefix_is_address(const struct prefix *prefix)
{
	return prefix->length == prefix_family_bits(prefix->family);
}

bool prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	unsigned whole = outer->length / 8U;
	unsigned rest = outer->length % 8U;

	if (outer->family != inner->family || outer->length > inner->length)
		return false;
	if (memcmp(outer->address, inner->address, whole) != 0)
		return false;
	if (rest == 0)
		return true;
	return ((outer->address[whole] ^ inner->address[whole]) >> (8U - rest)) == 0;
}

bool prefix_equal(const struct prefix *a, const struct prefix *b)
{
	return prefix_compare(a, b) == 0;
}

int prefix_compare(const void *a, const void *b)
{
	const struct prefix *left = a;
	const struct prefix *right = b;
	int order;

	if (left->family != right->family)
		return left->family < right->family ? -1 : 1;
	order = memcmp(left->address, right->address, sizeof(left->address));
	if (order != 0)
		return order;
	return (int)left->length - (int)right->length;
}

struct prefix prefix_last(const struct prefix *prefix)
{
	struct prefix last = *prefix;
	unsigned bits = prefix_family_bits(prefix->family);

	for (unsigned i = prefix->length / 8U; i < bits / 8; i++) {
		unsigned kept = i == prefix->length / 8U ? prefix->length % 8U : 0;

		last.address[i] |= (uint8_t)(0xffU >> kept);
	}
	last.length = (uint8_t)bits;
	return last;
}
