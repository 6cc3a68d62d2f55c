/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/interface_hash.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* n letters, behind "n." a whole text of n + 2 bytes */
static const char *letters(size_t n)
{
	static char text[512];
	memset(text, 'a', n);
	text[n] = '\0';
	return text;
}

/* The first two are of amazon-vpc-cni-k8s; the others of sha1sum, about the ends of blocks. */
static void hashes_are_those_of_the_vpc_cni(void **state)
{
	static const struct {
		const char *namespace;
		const char *pod;
		size_t letters; /* of the pod's name, instead */
		const char *hash;
	} rows[] = {
		{"default", "nginx", 0, "c440f455693"}, {"ns", "pod", 0, "e34aba5891b"},
		{"n", NULL, 53, "beb71c51153"},         {"n", NULL, 54, "af7b271355c"},
		{"n", NULL, 61, "6d11d8cf0da"},         {"n", NULL, 62, "d6c5a5cce29"},
		{"n", NULL, 253, "ca0f06a0515"},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		char hash[INTERFACE_HASH_SIZE];
		interface_hash(rows[i].namespace,
		               rows[i].pod ? rows[i].pod : letters(rows[i].letters), hash);
		assert_string_equal(hash, rows[i].hash);
	}
}

static void names_longer_than_any_are_cut(void **state)
{
	char hash[INTERFACE_HASH_SIZE];
	char other[INTERFACE_HASH_SIZE];
	(void)state;
	interface_hash("n", letters(400), hash);
	interface_hash("n", letters(500), other);
	assert_string_equal(hash, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_are_those_of_the_vpc_cni),
		cmocka_unit_test(names_longer_than_any_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
