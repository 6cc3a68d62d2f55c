/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nft-sync/compile/key_set.h"

/* The bits of word number `word` that belong to the range. */
static uint64_t word_mask(uint32_t word, uint32_t first, uint32_t last)
{
	uint64_t mask = ~UINT64_C(0);

	if (word == first / 64)
		mask &= ~UINT64_C(0) << (first % 64);
	if (word == last / 64)
		mask &= ~UINT64_C(0) >> (63 - last % 64);
	return mask;
}

static bool words_meet(const uint64_t *words, uint32_t first, uint32_t last)
{
	for (uint32_t word = first / 64; word <= last / 64; word++) {
		if (words[word] & word_mask(word, first, last))
			return true;
	}
	return false;
}

bool key_set_meets(const struct key_set *set, uint32_t first, uint32_t last)
{
	uint32_t first_word = first / 64;
	uint32_t last_word = last / 64;

	if (last_word - first_word < 2)
		return words_meet(set->words, first, last);
	return words_meet(set->words, first, first_word * 64 + 63) ||
	       words_meet(set->summary, first_word + 1, last_word - 1) ||
	       words_meet(set->words, last_word * 64, last);
}

void key_set_add(struct key_set *set, uint32_t first, uint32_t last)
{
	for (uint32_t word = first / 64; word <= last / 64; word++) {
		set->words[word] |= word_mask(word, first, last);
		set->summary[word / 64] |= UINT64_C(1) << (word % 64);
	}
}

void key_set_remove(struct key_set *set, uint32_t first, uint32_t last)
{
	for (uint32_t word = first / 64; word <= last / 64; word++) {
		set->words[word] &= ~word_mask(word, first, last);
		if (set->words[word] == 0)
			set->summary[word / 64] &= ~(UINT64_C(1) << (word % 64));
	}
}
