/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "dnscache/plugin/reverse.h"

static const uint8_t arpa4[] = "\7in-addr\4arpa";
static const uint8_t arpa6[] = "\3ip6\4arpa";
#define NAME6_LENGTH (32 * 2 + sizeof(arpa6))

static int nibble(uint8_t letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	letter |= 0x20;
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

/* "0" … "255", without zeros in front. */
static bool read_byte(const uint8_t *label, uint8_t *ret)
{
	unsigned value = 0;

	if (label[0] == 0 || label[0] > 3 || (label[0] > 1 && label[1] == '0'))
		return false;
	for (unsigned i = 1; i <= label[0]; i++) {
		if (label[i] < '0' || label[i] > '9')
			return false;
		value = value * 10 + label[i] - '0';
	}
	*ret = (uint8_t)value;
	return value <= 255;
}

static bool read4(const struct dns_name *name, struct prefix *ret)
{
	const uint8_t *label = name->wire;

	*ret = (struct prefix){.family = AF_INET, .length = 32};
	for (unsigned i = 4; i > 0; i--) {
		if (!read_byte(label, &ret->address[i - 1]))
			return false;
		label += label[0] + 1;
	}
	return true;
}

static bool read6(const struct dns_name *name, struct prefix *ret)
{
	*ret = (struct prefix){.family = AF_INET6, .length = 128};
	for (unsigned i = 0; i < 32; i++) {
		int value = name->wire[2 * i] == 1 ? nibble(name->wire[2 * i + 1]) : -1;

		if (value < 0)
			return false;
		ret->address[15 - i / 2] |= (uint8_t)(i % 2 ? value << 4 : value);
	}
	return true;
}

/* Whether the name is `labels` labels before the zone. */
static bool stands_before(const struct dns_name *name, const uint8_t *zone, size_t zone_size,
                          unsigned labels)
{
	struct dns_name wanted = {.length = (uint8_t)zone_size};

	memcpy(wanted.wire, zone, zone_size);
	return dns_name_under(name, &wanted) && dns_name_labels(name) == labels + 2;
}

bool dns_reverse_address(const struct dns_name *name, struct prefix *ret)
{
	if (stands_before(name, arpa4, sizeof(arpa4), 4))
		return read4(name, ret);
	return name->length == NAME6_LENGTH && stands_before(name, arpa6, sizeof(arpa6), 32) &&
	       read6(name, ret);
}

void dns_reverse_name4(const uint8_t address[static 4], struct dns_name *ret)
{
	uint8_t length = 0;

	for (unsigned i = 4; i > 0; i--) {
		char text[4];
		int digits = snprintf(text, sizeof(text), "%u", address[i - 1]);

		ret->wire[length] = (uint8_t)digits;
		memcpy(ret->wire + length + 1, text, (size_t)digits);
		length += (uint8_t)(digits + 1);
	}
	memcpy(ret->wire + length, arpa4, sizeof(arpa4));
	ret->length = (uint8_t)(length + sizeof(arpa4));
}
