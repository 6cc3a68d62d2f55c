/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/siphash.h"

static const uint64_t key[2] = {0x0706050403020100, 0x0f0e0d0c0b0a0908};

/* Words as they are, with the length in the last one's top byte, are SipHash as it was published.
 */
static void words_give_what_was_published(void **state)
{
	struct siphash hash = siphash_begin(key);

	(void)state;
	siphash_word(&hash, 0);
	assert_int_equal(siphash_end(&hash), 0xabac0158050fc4dc);
}

/* From the paper's appendix A, and the reference implementation's list. */
static void siphash_2_4_is_what_was_published(void **state)
{
	uint8_t secret[16];
	uint8_t text[15];

	(void)state;
	for (size_t i = 0; i < sizeof(secret); i++)
		secret[i] = (uint8_t)i;
	memcpy(text, secret, sizeof(text));
	assert_int_equal(siphash_2_4(secret, text, 15), 0xa129ca6149be45e5);
	assert_int_equal(siphash_2_4(secret, text, 8), 0x93f5f5799a932462);
	assert_int_equal(siphash_2_4(secret, text, 0), 0x726fdb47dd0e0e31);
}

static uint64_t hash_of(const uint64_t with[static 2], const char *a, const char *b)
{
	struct siphash hash = siphash_begin(with);

	siphash_bytes(&hash, a, strlen(a));
	siphash_bytes(&hash, b, strlen(b));
	return siphash_end(&hash);
}

static void bytes_count_where_they_stand(void **state)
{
	static const char *const others[][2] = {
		{"12345678", "b"}, {"123456789", ""}, {"", "123456789"}, {"1234567", "89"},
		{"1234567", "8a"}, {"1234567", "8"},  {"123456", "789"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		for (size_t j = 0; j < sizeof(others) / sizeof(others[0]); j++)
			assert_int_equal(hash_of(key, others[i][0], others[i][1]) ==
			                         hash_of(key, others[j][0], others[j][1]),
			                 i == j);
}

static void key_counts(void **state)
{
	const uint64_t other[2] = {key[0], key[1] + 1};

	(void)state;
	assert_true(hash_of(key, "a", "b") != hash_of(other, "a", "b"));
	assert_true(hash_of(siphash_process_key(), "a", "b") ==
	            hash_of(siphash_process_key(), "a", "b"));
	assert_true(siphash_process_key()[0] != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_give_what_was_published),
		cmocka_unit_test(siphash_2_4_is_what_was_published),
		cmocka_unit_test(bytes_count_where_they_stand),
		cmocka_unit_test(key_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
