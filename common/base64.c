/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base64.h"

#define PADDING 64

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

/* Up to three bytes become four characters. */
static void encode_group(const unsigned char *data, size_t given, char *ret)
{
	uint32_t bits = 0;
	for (size_t i = 0; i < 3; i++)
		bits = bits << 8 | (i < given ? data[i] : 0);
	for (size_t i = 0; i < 4; i++)
		ret[i] = alphabet[i <= given ? bits >> (18 - 6 * i) & 63 : PADDING];
}

size_t base64_encode(const void *data, size_t length, char *ret)
{
	const unsigned char *in = data;
	char *out = ret;
	for (size_t i = 0; i < length; i += 3) {
		encode_group(in + i, length - i, out);
		out += 4;
	}
	*out = '\0';
	return (size_t)(out - ret);
}

/* -1: none of the alphabet. */
static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

int base64_decode(const char *text, size_t length, char *ret, size_t *ret_length)
{
	uint32_t bits = 0;
	size_t characters = 0;
	size_t padding = 0;
	char *out = ret;
	for (size_t i = 0; i < length; i++) {
		int value = value_of(text[i]);
		if (text[i] == '\n' || text[i] == '\r')
			continue;
		if (text[i] == '=' && characters % 4 >= 2 && padding < 2)
			padding++;
		else if (value < 0 || padding > 0)
			return -EBADMSG;
		bits = bits << 6 | (value < 0 ? 0 : (uint32_t)value);
		if (++characters % 4 > 0)
			continue;
		*out++ = (char)(bits >> 16);
		if (padding < 2)
			*out++ = (char)(bits >> 8);
		if (padding < 1)
			*out++ = (char)bits;
	}
	if (characters % 4 > 0)
		return -EBADMSG;
	*out = '\0';
	*ret_length = (size_t)(out - ret);
	return 0;
}
