/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/resolve/interface_name.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *hex(const uint8_t digest[static SHA1_SIZE])
{
	static char text[2 * SHA1_SIZE + 1];

	for (size_t i = 0; i < SHA1_SIZE; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return text;
}

/* RFC 3174 section 7.3, and the empty message. */
static void sha1_gives_the_digests_of_rfc_3174(void **state)
{
	static const struct {
		const char *part;
		size_t times;
		const char *digest;
	} rows[] = {
		{"", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
		{"abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
		{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
	         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
		{"0123456701234567012345670123456701234567012345670123456701234567", 10,
	         "dea356a2cddd90c7a7ecedc5ebb563934f460452"},
	};
	struct sha1_part parts[10];
	uint8_t digest[SHA1_SIZE];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t j = 0; j < rows[i].times; j++)
			parts[j] = (struct sha1_part){rows[i].part, strlen(rows[i].part)};
		sha1(parts, rows[i].times, digest);
		assert_string_equal(hex(digest), rows[i].digest);
	}
}

static void sha1_of_a_million_letters_crosses_many_blocks(void **state)
{
	static char letters[1000000];
	const struct sha1_part part = {letters, sizeof(letters)};
	uint8_t digest[SHA1_SIZE];

	(void)state;
	memset(letters, 'a', sizeof(letters));
	sha1(&part, 1, digest);
	assert_string_equal(hex(digest), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

static void interface_names_are_those_of_the_vpc_cni(void **state)
{
	static const struct {
		const char *prefix;
		const char *namespace;
		const char *pod;
		const char *name;
	} rows[] = {
		{"vlan", "default", "nginx", "vlanc440f455693"},
		{"vlan", "ns", "pod", "vlane34aba5891b"},
		{"eni", "default", "nginx", "enic440f455693"},
		{"toolong", "default", "nginx", "toolc440f455693"},
	};
	char name[16];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		interface_name(rows[i].prefix, rows[i].namespace, rows[i].pod, name);
		assert_string_equal(name, rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sha1_gives_the_digests_of_rfc_3174),
		cmocka_unit_test(sha1_of_a_million_letters_crosses_many_blocks),
		cmocka_unit_test(interface_names_are_those_of_the_vpc_cni),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
