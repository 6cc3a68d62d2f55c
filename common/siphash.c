/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <string.h>
#include <sys/random.h>

#include "common/siphash.h"

void siphash_bytes(struct siphash *hash, const void *data, size_t size)
{
	const unsigned char *bytes = data;
	uint64_t word;

	siphash_word(hash, size);
	for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		siphash_word(hash, word);
	}
	if (size > 0) {
		word = 0;
		memcpy(&word, bytes, size);
		siphash_word(hash, word);
	}
}

static uint64_t little_word(const uint8_t *bytes, size_t size)
{
	uint64_t word = 0;

	memcpy(&word, bytes, size);
	return le64toh(word);
}

static void compress_twice(struct siphash *hash, uint64_t word)
{
	hash->v[3] ^= word;
	siphash_round(hash->v);
	siphash_round(hash->v);
	hash->v[0] ^= word;
}

uint64_t siphash_2_4(const uint8_t key[static 16], const void *data, size_t size)
{
	uint64_t words[2] = {little_word(key, 8), little_word(key + 8, 8)};
	struct siphash hash = siphash_begin(words);
	const uint8_t *bytes = data;
	size_t left = size;

	for (; left >= 8; left -= 8, bytes += 8)
		compress_twice(&hash, little_word(bytes, 8));
	compress_twice(&hash, little_word(bytes, left) | (uint64_t)size << 56);
	hash.v[2] ^= 0xff;
	for (unsigned i = 0; i < 4; i++)
		siphash_round(hash.v);
	return hash.v[0] ^ hash.v[1] ^ hash.v[2] ^ hash.v[3];
}

const uint64_t *siphash_process_key(void)
{
	static uint64_t key[2];

	/* Before the kernel has entropy a guessable key is better than none. */
	if (key[0] == 0 && getrandom(key, sizeof(key), GRND_NONBLOCK) != sizeof(key))
		key[0] = (uintptr_t)key;
	return key;
}
