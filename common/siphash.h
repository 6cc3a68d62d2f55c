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

struct siphash siphash_begin(const uint64_t key[static 2]);
void siphash_word(struct siphash *hash, uint64_t word);
void siphash_bytes(struct siphash *hash, const void *data, size_t size);
uint64_t siphash_end(struct siphash *hash);

/* Of this process, two random words. */
const uint64_t *siphash_process_key(void);

#endif
