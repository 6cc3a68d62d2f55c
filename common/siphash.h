/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_SIPHASH_H
#define PODSG_SIPHASH_H

/*
 * SipHash-1-3 (Aumasson, Bernstein): who does not know the key finds no two texts with one hash.
 * Sizes go in as well, so that "ab", "c" and "a", "bc" differ.
 */

#include <stddef.h>
#include <stdint.h>

struct siphash {
	uint64_t v[4];
};

static inline uint64_t siphash_rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static inline void siphash_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = siphash_rotate(v[1], 13) ^ v[0];
	v[0] = siphash_rotate(v[0], 32);
	v[2] += v[3];
	v[3] = siphash_rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = siphash_rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = siphash_rotate(v[1], 17) ^ v[2];
	v[2] = siphash_rotate(v[2], 32);
}

static inline struct siphash siphash_begin(const uint64_t key[static 2])
{
	return (struct siphash){{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
	                         key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573}};
}

/* Here and not in a file of its own: what is hashed is short, and calls would take longer. */
static inline void siphash_word(struct siphash *hash, uint64_t word)
{
	hash->v[3] ^= word;
	siphash_round(hash->v);
	hash->v[0] ^= word;
}

static inline uint64_t siphash_end(struct siphash *hash)
{
	uint64_t *v = hash->v;

	v[2] ^= 0xff;
	siphash_round(v);
	siphash_round(v);
	siphash_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void siphash_bytes(struct siphash *hash, const void *data, size_t size);

/* SipHash-2-4 as it was published, for protocols that name it. */
uint64_t siphash_2_4(const uint8_t key[static 16], const void *data, size_t size);

/* Of this process, two random words. */
const uint64_t *siphash_process_key(void);

#endif
