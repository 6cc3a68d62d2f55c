/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "nft-sync/resolve/interface_name.h"

#define BLOCK_SIZE 64
#define LENGTH_AT (BLOCK_SIZE - 8)

struct sha1_state {
	uint32_t h[5];
	uint8_t block[BLOCK_SIZE];
	size_t used;
	uint64_t size;
};

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

static uint32_t mix(unsigned round, uint32_t b, uint32_t c, uint32_t d)
{
	switch (round / 20) {
	case 0:
		return ((b & c) | (~b & d)) + 0x5a827999;
	case 1:
		return (b ^ c ^ d) + 0x6ed9eba1;
	case 2:
		return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
	default:
		return (b ^ c ^ d) + 0xca62c1d6;
	}
}

static void schedule(const uint8_t block[static BLOCK_SIZE], uint32_t w[static 80])
{
	for (size_t i = 0; i < 16; i++) {
		uint32_t word;

		memcpy(&word, block + i * sizeof(word), sizeof(word));
		w[i] = be32toh(word);
	}
	for (size_t i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
}

static void digest_block(struct sha1_state *state)
{
	uint32_t w[80];
	uint32_t a = state->h[0], b = state->h[1], c = state->h[2], d = state->h[3];
	uint32_t e = state->h[4];

	schedule(state->block, w);
	for (unsigned i = 0; i < 80; i++) {
		uint32_t next = rotate(a, 5) + mix(i, b, c, d) + e + w[i];

		e = d;
		d = c;
		c = rotate(b, 30);
		b = a;
		a = next;
	}
	state->h[0] += a;
	state->h[1] += b;
	state->h[2] += c;
	state->h[3] += d;
	state->h[4] += e;
	state->used = 0;
}

static void feed(struct sha1_state *state, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	state->size += size;
	for (size_t i = 0; i < size; i++) {
		state->block[state->used++] = bytes[i];
		if (state->used == BLOCK_SIZE)
			digest_block(state);
	}
}

static void finish(struct sha1_state *state, uint8_t digest[static SHA1_SIZE])
{
	uint64_t bits = htobe64(state->size * 8);

	feed(state, "\x80", 1);
	while (state->used != LENGTH_AT)
		feed(state, "", 1);
	feed(state, &bits, sizeof(bits));
	for (size_t i = 0; i < 5; i++) {
		uint32_t word = htobe32(state->h[i]);

		memcpy(digest + i * sizeof(word), &word, sizeof(word));
	}
}

void sha1(const struct sha1_part *parts, size_t count, uint8_t digest[static SHA1_SIZE])
{
	struct sha1_state state = {
		.h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};

	for (size_t i = 0; i < count; i++)
		feed(&state, parts[i].data, parts[i].size);
	finish(&state, digest);
}

void interface_name(const char *prefix, const char *namespace, const char *pod, char ret[static 16])
{
	const struct sha1_part parts[] = {
		{namespace, strlen(namespace)}, {".", 1}, {pod, strlen(pod)}};
	uint8_t digest[SHA1_SIZE];

	sha1(parts, 3, digest);
	(void)snprintf(ret, 16, "%.*s%02x%02x%02x%02x%02x%x", INTERFACE_PREFIX_MAX, prefix,
	               digest[0], digest[1], digest[2], digest[3], digest[4], digest[5] >> 4U);
}
