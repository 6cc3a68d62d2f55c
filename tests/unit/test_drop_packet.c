/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nft-sync/kernel/drop_packet.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define BYTES_MAX 512

/* 10.0.1.5 to 10.0.2.20; the protocol and where the fragment lies are the caller's. */
#define V4(fragment, protocol)                                                                     \
	"45 00 0054 0001 " fragment " 40 " protocol " 0000 0a000105 0a000214 "
#define V6(protocol)                                                                               \
	"60000000 0040 " protocol                                                                  \
	" 40 20010db8000000000000000000000005 20010db8000000000000000000000014 "
#define PORTS "1f90 01bb " /* 8080 to 443 */

/* "source > destination protocol[ ports|type/code][ fragment]" */
static const struct {
	const char *sentence;
	const char *bytes;
	const char *expected; /* "" = refused */
} rows[] = {
	{"tcp", V4("4000", "06") PORTS "0000", "10.0.1.5 > 10.0.2.20 6 8080>443"},
	{"udp", V4("4000", "11") PORTS, "10.0.1.5 > 10.0.2.20 17 8080>443"},
	{"sctp", V4("4000", "84") PORTS, "10.0.1.5 > 10.0.2.20 132 8080>443"},
	{"icmp", V4("4000", "01") "0304 ffff", "10.0.1.5 > 10.0.2.20 1 3/4"},
	{"a protocol without ports", V4("4000", "2f") PORTS, "10.0.1.5 > 10.0.2.20 47"},
	{"IPv4 options are passed over",
         "46 00 0054 0001 4000 40 06 0000 0a000105 0a000214 01010101" PORTS,
         "10.0.1.5 > 10.0.2.20 6 8080>443"},
	{"a header that claims less than its size",
         "44 00 0054 0001 4000 40 06 0000 0a000105 0a000214", ""},
	{"options behind the end", "4f 00 0054 0001 4000 40 06 0000 0a000105 0a000214" PORTS,
         "10.0.1.5 > 10.0.2.20 6"},
	{"the first fragment has ports", V4("2000", "11") PORTS,
         "10.0.1.5 > 10.0.2.20 17 8080>443 fragment"},
	{"those behind it have none", V4("2010", "11") PORTS, "10.0.1.5 > 10.0.2.20 17 fragment"},
	{"nor has the last one", V4("0010", "11") PORTS, "10.0.1.5 > 10.0.2.20 17 fragment"},
	{"ports that are cut", V4("4000", "06") "1f90 01", "10.0.1.5 > 10.0.2.20 6"},

	{"tcp over IPv6", V6("06") PORTS, "2001:db8::5 > 2001:db8::14 6 8080>443"},
	{"icmpv6", V6("3a") "8000", "2001:db8::5 > 2001:db8::14 58 128/0"},
	{"extension headers are passed over",
         V6("00") "2b 00 000000000000 3c 01 0000000000000000000000000000 33 00 000000000000 "
                  "06 00 000000000000" PORTS,
         "2001:db8::5 > 2001:db8::14 6 8080>443"},
	{"an authentication header counts in other units",
         V6("33") "11 04 00000000000000000000000000000000000000000000" PORTS,
         "2001:db8::5 > 2001:db8::14 17 8080>443"},
	{"the first fragment", V6("2c") "11 00 0001 00000001" PORTS,
         "2001:db8::5 > 2001:db8::14 17 8080>443 fragment"},
	{"a fragment behind it", V6("2c") "11 00 0100 00000001" PORTS,
         "2001:db8::5 > 2001:db8::14 17 fragment"},
	{"a fragment that is the whole", V6("2c") "11 00 0000 00000001" PORTS,
         "2001:db8::5 > 2001:db8::14 17 8080>443"},
	{"no next header", V6("3b") PORTS, "2001:db8::5 > 2001:db8::14 59"},
	{"encrypted payload", V6("32") PORTS, "2001:db8::5 > 2001:db8::14 50"},
	{"an extension that reaches behind the end", V6("00") "06 ff 000000000000" PORTS,
         "2001:db8::5 > 2001:db8::14 0"},
	{"eight extensions",
         V6("3c") "3c00000000000000 3c00000000000000 3c00000000000000 3c00000000000000 "
                  "3c00000000000000 3c00000000000000 3c00000000000000 0600000000000000" PORTS,
         "2001:db8::5 > 2001:db8::14 6 8080>443"},
	{"nine extensions are too many",
         V6("3c") "3c00000000000000 3c00000000000000 3c00000000000000 3c00000000000000 "
                  "3c00000000000000 3c00000000000000 3c00000000000000 3c00000000000000 "
                  "0600000000000000" PORTS,
         "2001:db8::5 > 2001:db8::14 60"},

	{"nothing", "", ""},
	{"another version", "55 00 0054 0001 4000 40 06 0000 0a000105 0a000214" PORTS, ""},
	{"half an address", "45 00 0054 0001 4000 40 06 0000 0a000105 0a00", ""},
	{"half an address of IPv6", "60000000 0040 06 40 20010db8000000000000000000000005", ""},
};

/* A copy of exactly the size, so that the sanitizer sees who reads behind it. */
static uint8_t *bytes_of(const char *text, size_t *length)
{
	char digits[3] = "";
	uint8_t *bytes = malloc(BYTES_MAX);

	assert_non_null(bytes);
	*length = 0;
	for (text += strspn(text, " "); *text; text += 2 + strspn(text + 2, " ")) {
		memcpy(digits, text, 2);
		bytes[(*length)++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	uint8_t *exact = realloc(bytes, *length ? *length : 1);
	if (!exact)
		abort();
	return exact;
}

static const char *said_of(const uint8_t *data, size_t length)
{
	static char text[256];
	char source[PREFIX_TEXT_MAX];
	char destination[PREFIX_TEXT_MAX];
	char more[32] = "";
	struct packet packet;
	bool ports;
	bool fragment;

	if (drop_packet_parse(data, length, &packet, &ports, &fragment) < 0)
		return "";
	if (ports && (packet.protocol == IPPROTO_ICMP || packet.protocol == IPPROTO_ICMPV6))
		(void)snprintf(more, sizeof(more), " %u/%u", packet.icmp_type, packet.icmp_code);
	else if (ports)
		(void)snprintf(more, sizeof(more), " %u>%u", packet.source_port, packet.port);
	assert_int_equal(packet.port, packet.original_port);
	assert_int_equal(packet.hop_limit, 64);
	(void)snprintf(text, sizeof(text), "%s > %s %u%s%s", prefix_text(&packet.source, source),
	               prefix_text(&packet.destination, destination), packet.protocol, more,
	               fragment ? " fragment" : "");
	return text;
}

static void packets_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t length;
		uint8_t *data = bytes_of(rows[i].bytes, &length);

		if (strcmp(said_of(data, length), rows[i].expected) != 0)
			fail_msg("%s: %s", rows[i].sentence, said_of(data, length));
		free(data);
	}
}

/* What a cut packet says is what the whole one says, or less. */
static void cut_packets_say_less_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t length;
		uint8_t *data = bytes_of(rows[i].bytes, &length);
		struct packet whole;
		bool ports, fragment;

		if (drop_packet_parse(data, length, &whole, &ports, &fragment) < 0)
			length = 0;
		for (size_t cut = 0; cut < length; cut++) {
			uint8_t *head = malloc(cut ? cut : 1);
			struct packet packet;
			bool has_ports;

			assert_non_null(head);
			memcpy(head, data, cut);
			if (drop_packet_parse(head, cut, &packet, &has_ports, &fragment) == 0) {
				assert_true(prefix_equal(&packet.source, &whole.source));
				assert_true(prefix_equal(&packet.destination, &whole.destination));
				assert_true(!has_ports || packet.port == whole.port);
			}
			free(head);
		}
		free(data);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_read),
		cmocka_unit_test(cut_packets_say_less_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
