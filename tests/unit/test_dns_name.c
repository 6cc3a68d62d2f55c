/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/wire/dns.h"
#include "dnscache/wire/name.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BYTES(text) (text), sizeof(text) - 1
#define L10 "abcdefghij"
#define L60 L10 L10 L10 L10 L10 L10
#define L63 L60 "abc"

static struct dns_name name_of(const char *text)
{
	struct dns_name name;
	if (dns_name_parse(text, &name) < 0)
		fail_msg("%s is no name", text);
	return name;
}

static void text_goes_in_and_comes_out(void **state)
{
	static const struct {
		const char *in, *out; /* out NULL: refused */
		unsigned length;
	} rows[] = {
		{".", ".", 1},
		{"a", "a.", 3},
		{"a.", "a.", 3},
		{"WWW.Example.com", "WWW.Example.com.", 17},
		{"a\\.b.c", "a\\.b.c.", 7},
		{"a\\\\.c", "a\\\\.c.", 6},
		{"a\\046b", "a\\.b.", 5},
		{"\\000\\255\\032", "\\000\\255\\032.", 5},
		{"_dns.-x", "_dns.-x.", 9},
		{"*.a", "*.a.", 5},
		{L63, L63 ".", 65},
		{L63 "." L63 "." L63 "." L60 "a", L63 "." L63 "." L63 "." L60 "a.", 255},
		{L63 "." L63 "." L63 "." L60 "ab", NULL, 0},
		{L63 "d", NULL, 0},
		{"", NULL, 0},
		{"..", NULL, 0},
		{".a", NULL, 0},
		{"a..b", NULL, 0},
		{"a..", NULL, 0},
		{"a\\", NULL, 0},
		{"a\\1", NULL, 0},
		{"a\\25", NULL, 0},
		{"a\\256", NULL, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct dns_name name;
		char text[DNS_NAME_TEXT_MAX];
		int r = dns_name_parse(rows[i].in, &name);
		if ((r == 0) != (rows[i].out != NULL))
			fail_msg("%s: %d", rows[i].in, r);
		if (r < 0)
			continue;
		assert_int_equal(name.length, rows[i].length);
		assert_string_equal(dns_name_text(&name, text), rows[i].out);
	}
}

static void the_longest_text_fits(void **state)
{
	struct dns_name name = {.length = 255};
	char text[DNS_NAME_TEXT_MAX];
	(void)state;
	for (unsigned at = 0; at < 254; at += 64)
		name.wire[at] = at < 192 ? 63 : 61;
	assert_true(strlen(dns_name_text(&name, text)) < sizeof(text));
	assert_int_equal(name_of(text).length, 255);
}

/* The message is 12 bytes of header and what stands here; names are read at the second number. */
static const struct {
	const char *sentence;
	const char *bytes;
	size_t size;
	size_t at;
	const char *text; /* NULL: refused */
	size_t end;
} reads[] = {
	{"a name", BYTES("\1a\2bc\0x"), 12, "a.bc.", 18},
	{"the root", BYTES("\0"), 12, ".", 13},
	{"a pointer", BYTES("\1a\0\300\14"), 15, "a.", 17},
	{"labels and a pointer", BYTES("\1a\0\1b\300\14"), 15, "b.a.", 19},
	{"a pointer to a pointer", BYTES("\1a\0\300\14\300\17"), 17, "a.", 19},
	{"case is kept", BYTES("\2aB\0"), 12, "aB.", 16},
	{"to itself", BYTES("\300\14"), 12, NULL, 0},
	{"forward", BYTES("\300\16\0"), 12, NULL, 0},
	{"to its own begin", BYTES("\1a\300\14"), 12, NULL, 0},
	{"two that point to each other", BYTES("\300\16\300\14"), 14, NULL, 0},
	{"into the header", BYTES("\300\13"), 12, NULL, 0},
	{"half a pointer", BYTES("\300"), 12, NULL, 0},
	{"an extended label", BYTES("\101a\0"), 12, NULL, 0},
	{"another reserved one", BYTES("\201a\0"), 12, NULL, 0},
	{"a label behind the end", BYTES("\5abc"), 12, NULL, 0},
	{"no end", BYTES("\1a"), 12, NULL, 0},
	{"nothing", BYTES(""), 12, NULL, 0},
};

static uint8_t *message_of(const char *bytes, size_t size)
{
	uint8_t *message = malloc(DNS_HEADER_SIZE + size);
	if (!message)
		abort();
	memset(message, 0, DNS_HEADER_SIZE);
	memcpy(message + DNS_HEADER_SIZE, bytes, size);
	return message;
}

static void names_are_read_from_messages(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(reads); i++) {
		size_t size = DNS_HEADER_SIZE + reads[i].size;
		uint8_t *message = message_of(reads[i].bytes, reads[i].size);
		size_t offset = reads[i].at;
		struct dns_name name;
		char text[DNS_NAME_TEXT_MAX];
		int r = dns_name_read(message, size, &offset, &name);
		if (r != (reads[i].text ? 0 : -EBADMSG))
			fail_msg("%s: %d", reads[i].sentence, r);
		if (r == 0) {
			assert_string_equal(dns_name_text(&name, text), reads[i].text);
			assert_int_equal(offset, reads[i].end);
			offset = reads[i].at;
			assert_int_equal(dns_name_skip(message, size, &offset), 0);
			assert_int_equal(offset, reads[i].end);
		}
		free(message);
	}
}

/* Labels of one byte, every one behind a pointer to the one before. */
static void a_name_may_be_spread_over_127_pieces_and_no_more(void **state)
{
	uint8_t message[1024] = {0};
	size_t at = DNS_HEADER_SIZE + 1;
	struct dns_name name;
	(void)state;
	for (unsigned labels = 1; labels < 130; labels++, at += 4) {
		size_t offset = at;
		message[at] = 1;
		message[at + 1] = 'a';
		dns_put_u16(message + at + 2, (uint16_t)(0xc000 | (labels == 1 ? at - 1 : at - 4)));
		int r = dns_name_read(message, sizeof(message), &offset, &name);
		assert_int_equal(r, labels <= 127 ? 0 : -EBADMSG);
		if (r == 0)
			assert_int_equal(dns_name_labels(&name), labels);
	}
}

static void a_chain_of_bare_pointers_is_cut_short(void **state)
{
	uint8_t message[1024] = {0};
	size_t at = DNS_HEADER_SIZE + 1;
	struct dns_name name;
	(void)state;
	for (unsigned i = 0; i < 200; i++, at += 2)
		dns_put_u16(message + at, (uint16_t)(0xc000 | (i == 0 ? at - 1 : at - 2)));
	at -= 2;
	assert_int_equal(dns_name_read(message, sizeof(message), &at, &name), -EBADMSG);
}

/* Every size around a word's, and every byte at every place. */
static void only_letters_have_two_cases(void **state)
{
	(void)state;
	for (size_t size = 1; size < 34; size++) {
		for (unsigned byte = 0; byte < 256; byte++) {
			uint8_t in[34], out[35];
			uint8_t low = byte >= 'A' && byte <= 'Z' ? byte + 32 : byte;
			memset(in, 'X', size);
			memset(out, 1, sizeof(out));
			in[byte % size] = (uint8_t)byte;
			dns_wire_lower(out, in, size);
			for (size_t i = 0; i < size; i++)
				assert_int_equal(out[i], i == byte % size ? low : 'x');
			assert_int_equal(out[size], 1);
			assert_true(dns_wire_equal(in, out, size));
			out[byte % size] ^= 1;
			assert_false(dns_wire_equal(in, out, size));
		}
	}
}

static void names_are_equal_whatever_their_case(void **state)
{
	struct dns_name a = name_of("WWW.Example.com");
	struct dns_name b = name_of("www.eXample.COM.");
	struct dns_name c = name_of("wwx.example.com");
	(void)state;
	assert_true(dns_name_equal(&a, &b));
	assert_false(dns_name_equal(&a, &c));
	dns_name_lower(&a);
	assert_memory_equal(a.wire + 1, "www", 3);
}

static void what_is_under_what(void **state)
{
	static const struct {
		const char *name, *zone;
		bool under;
	} rows[] = {
		{"a.b.c", "B.C", true}, {"b.c", "b.c", true},    {"b.c", "a.b.c", false},
		{"xb.c", "b.c", false}, {"b.c", ".", true},      {".", ".", true},
		{".", "c", false},      {"a.b.d", "b.c", false}, {"a\\001b.c", "b.c", false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct dns_name name = name_of(rows[i].name);
		struct dns_name zone = name_of(rows[i].zone);
		if (dns_name_under(&name, &zone) != rows[i].under)
			fail_msg("%s under %s", rows[i].name, rows[i].zone);
	}
}

static void parents_lead_to_the_root(void **state)
{
	struct dns_name name = name_of("a.bc");
	char text[DNS_NAME_TEXT_MAX];
	(void)state;
	assert_int_equal(dns_name_labels(&name), 2);
	name = dns_name_parent(&name);
	assert_string_equal(dns_name_text(&name, text), "bc.");
	name = dns_name_parent(&name);
	assert_string_equal(dns_name_text(&name, text), ".");
	name = dns_name_parent(&name);
	assert_string_equal(dns_name_text(&name, text), ".");
	assert_int_equal(dns_name_labels(&name), 0);
}

static void numbers_have_names(void **state)
{
	char buffer[DNS_NUMBER_TEXT_MAX];
	(void)state;
	assert_string_equal(dns_type_text(DNS_TYPE_AAAA, buffer), "AAAA");
	assert_string_equal(dns_type_text(65535, buffer), "TYPE65535");
	assert_string_equal(dns_rcode_text(DNS_RCODE_BADCOOKIE, buffer), "BADCOOKIE");
	assert_string_equal(dns_rcode_text(4095, buffer), "RCODE4095");
}

static void numbers_are_read_by_name_or_as_numbers(void **state)
{
	static const struct {
		int (*parse)(const char *text, uint16_t *ret);
		const char *text;
		int value; /* negative: refused */
	} rows[] = {
		{dns_type_parse, "aaaa", 28},
		{dns_type_parse, "HTTPS", 65},
		{dns_type_parse, "ANY", 255},
		{dns_type_parse, "type65535", 65535},
		{dns_type_parse, "TYPE65536", -1},
		{dns_type_parse, "TYPE", -1},
		{dns_type_parse, "TYPE1x", -1},
		{dns_type_parse, "TYPE-1", -1},
		{dns_type_parse, "TYPE99999999999", -1},
		{dns_type_parse, "", -1},
		{dns_type_parse, "28", -1},
		{dns_rcode_parse, "nxdomain", 3},
		{dns_rcode_parse, "RCODE11", 11},
		{dns_rcode_parse, "OK", -1},
		{dns_class_parse, "in", 1},
		{dns_class_parse, "CLASS3", 3},
		{dns_class_parse, "ANY", 255},
		{dns_class_parse, "XX", -1},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint16_t value;
		int r = rows[i].parse(rows[i].text, &value);
		if (rows[i].value < 0 ? r != -EINVAL : r < 0 || value != rows[i].value)
			fail_msg("%s: %d", rows[i].text, r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_goes_in_and_comes_out),
		cmocka_unit_test(the_longest_text_fits),
		cmocka_unit_test(names_are_read_from_messages),
		cmocka_unit_test(a_name_may_be_spread_over_127_pieces_and_no_more),
		cmocka_unit_test(a_chain_of_bare_pointers_is_cut_short),
		cmocka_unit_test(only_letters_have_two_cases),
		cmocka_unit_test(names_are_equal_whatever_their_case),
		cmocka_unit_test(what_is_under_what),
		cmocka_unit_test(parents_lead_to_the_root),
		cmocka_unit_test(numbers_have_names),
		cmocka_unit_test(numbers_are_read_by_name_or_as_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
