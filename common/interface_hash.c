/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/interface_hash.h"

#define BLOCK_SIZE 64
#define BLOCKS_MAX 6 /* 63 + 1 + 253 characters, and SHA-1's 9 bytes of padding */

static uint32_t rotate(uint32_t value, unsigned bits)
{
	return value << bits | value >> (32 - bits);
}

static uint32_t mix(unsigned round, const uint32_t h[static 5])
{
	switch (round / 20) {
	case 0:
		return ((h[1] & h[2]) | (~h[1] & h[3])) + 0x5a827999;
	case 1:
		return (h[1] ^ h[2] ^ h[3]) + 0x6ed9eba1;
	case 2:
		return ((h[1] & h[2]) | (h[1] & h[3]) | (h[2] & h[3])) + 0x8f1bbcdc;
	default:
		return (h[1] ^ h[2] ^ h[3]) + 0xca62c1d6;
	}
}

static void digest_block(const uint8_t block[static BLOCK_SIZE], uint32_t state[static 5])
{
	uint32_t w[80];
	uint32_t h[5];
	memcpy(h, state, sizeof(h));
	memcpy(w, block, BLOCK_SIZE);
	for (unsigned i = 0; i < 16; i++)
		w[i] = be32toh(w[i]);
	for (unsigned i = 16; i < 80; i++)
		w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
	for (unsigned i = 0; i < 80; i++) {
		uint32_t next = rotate(h[0], 5) + mix(i, h) + h[4] + w[i];
		h[4] = h[3];
		h[3] = h[2];
		h[2] = rotate(h[1], 30);
		h[1] = h[0];
		h[0] = next;
	}
	for (unsigned i = 0; i < 5; i++)
		state[i] += h[i];
}

void interface_hash(const char *namespace, const char *pod, char ret[static INTERFACE_HASH_SIZE])
{
	uint32_t state[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
	uint8_t message[BLOCKS_MAX * BLOCK_SIZE] = {0};
	char text[BLOCKS_MAX * BLOCK_SIZE - 8];
	(void)snprintf(text, sizeof(text), "%s.%s", namespace, pod);
	size_t length = strlen(text);
	size_t blocks = (length + 8) / BLOCK_SIZE + 1;
	uint64_t bits = htobe64(length * 8);
	memcpy(message, text, length);
	message[length] = 0x80;
	memcpy(message + blocks * BLOCK_SIZE - sizeof(bits), &bits, sizeof(bits));
	for (size_t i = 0; i < blocks; i++)
		digest_block(message + i * BLOCK_SIZE, state);
	(void)snprintf(ret, INTERFACE_HASH_SIZE, "%08x%03x", state[0], state[1] >> 20U);
}
