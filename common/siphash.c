/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>
#include <sys/random.h>

#include "common/siphash.h"

static uint64_t rotate(uint64_t value, unsigned bits)
{
	return value << bits | value >> (64 - bits);
}

static void sip_round(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

struct siphash siphash_begin(const uint64_t key[static 2])
{
	return (struct siphash){{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
	                         key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573}};
}

void siphash_word(struct siphash *hash, uint64_t word)
{
	hash->v[3] ^= word;
	sip_round(hash->v);
	hash->v[0] ^= word;
}

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

uint64_t siphash_end(struct siphash *hash)
{
	uint64_t *v = hash->v;

	v[2] ^= 0xff;
	sip_round(v);
	sip_round(v);
	sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

const uint64_t *siphash_process_key(void)
{
	static uint64_t key[2];

	/* Before the kernel has entropy a guessable key is better than none. */
	if (key[0] == 0 && getrandom(key, sizeof(key), GRND_NONBLOCK) != sizeof(key))
		key[0] = (uintptr_t)key;
	return key;
}
