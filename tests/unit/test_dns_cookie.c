/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dnscache/wire/cookie.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECRET "e5e973e5a6b2a43f48e7dc849e37bfcf"
#define NEW_SECRET "445536bcd2513298075a5d379663c962"
#define OLD_SECRET "dd3bdf9344b678b185a6f5cb60fca715"
#define V6 "2001:db8:220:1:59de:d0f4:8769:82b8"

static void from_hex(const char *text, uint8_t *ret)
{
	for (; *text; text += 2) {
		const char digits[3] = {text[0], text[1]};
		*ret++ = (uint8_t)strtoul(digits, NULL, 16);
	}
}

static void address_of(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	memset(ret, 0, sizeof(*ret));
	ret->ss_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (ret->ss_family == AF_INET6)
		assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
	else
		assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
}

/* RFC 9018, Appendix A: client's and server's cookie together, as they were sent. */
static const struct {
	const char *secret, *address, *cookie;
	uint32_t now;
} made[] = {
	{SECRET, "198.51.100.100", "2464c4abcf10c957010000005cf79f111f8130c3eee29480", 1559731985},
	{SECRET, "198.51.100.100", "2464c4abcf10c957010000005cf7a871d4a564a1442aca77", 1559734385},
	{SECRET, "203.0.113.203", "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e", 1559734700},
	{NEW_SECRET, V6, "22681ab97d52c298010000005cf7c609a6bb79d16625507a", 1559741961},
};

static void cookies_are_made_as_rfc_9018_shows(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(made); i++) {
		uint8_t secret[DNS_COOKIE_SECRET];
		uint8_t cookie[DNS_CLIENT_COOKIE + DNS_SERVER_COOKIE];
		uint8_t server[DNS_SERVER_COOKIE];
		struct sockaddr_storage address;
		from_hex(made[i].secret, secret);
		from_hex(made[i].cookie, cookie);
		address_of(made[i].address, &address);
		dns_cookie_make(secret, cookie, (struct sockaddr *)&address, made[i].now, server);
		assert_memory_equal(server, cookie + DNS_CLIENT_COOKIE, sizeof(server));
	}
}

#define FIRST "2464c4abcf10c957010000005cf79f111f8130c3eee29480"
#define MADE 1559731985
static const struct {
	const char *sentence;
	const char *secret, *address, *cookie;
	uint32_t now;
	enum dns_cookie_state state;
} checked[] = {
	{"ours", SECRET, "198.51.100.100", FIRST, MADE, DNS_COOKIE_GOOD},
	{"of half an hour ago", SECRET, "198.51.100.100", FIRST, MADE + 1800, DNS_COOKIE_GOOD},
	{"of more than that", SECRET, "198.51.100.100", FIRST, MADE + 1801, DNS_COOKIE_RENEW},
	{"of an hour ago", SECRET, "198.51.100.100", FIRST, MADE + 3600, DNS_COOKIE_RENEW},
	{"of more than that", SECRET, "198.51.100.100", FIRST, MADE + 3601, DNS_COOKIE_BAD},
	{"five minutes ahead", SECRET, "198.51.100.100", FIRST, MADE - 300, DNS_COOKIE_GOOD},
	{"more than that", SECRET, "198.51.100.100", FIRST, MADE - 301, DNS_COOKIE_BAD},
	{"somebody else's", SECRET, "198.51.100.101", FIRST, MADE, DNS_COOKIE_BAD},
	{"of another secret", NEW_SECRET, "198.51.100.100", FIRST, MADE, DNS_COOKIE_BAD},
	{"no server's", SECRET, "198.51.100.100", "2464c4abcf10c957", MADE, DNS_COOKIE_NONE},
	{"another size", SECRET, "198.51.100.100", FIRST "00", MADE, DNS_COOKIE_BAD},
	{"another version", SECRET, "198.51.100.100",
         "2464c4abcf10c957020000005cf79f111f8130c3eee29480", MADE, DNS_COOKIE_BAD},
	{"a bit of the hash", SECRET, "198.51.100.100",
         "2464c4abcf10c957010000005cf79f111f8130c3eee29481", MADE, DNS_COOKIE_BAD},
	{"RFC 9018 A.3: reserved bytes that another implementation has set", SECRET,
         "203.0.113.203", "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5", 0x5cf78f71 + 3600,
         DNS_COOKIE_RENEW},
	{"RFC 9018 A.4: made with the former secret", OLD_SECRET, V6,
         "22681ab97d52c298010000005cf7c57926556bd0934c72f8", 0x5cf7c579, DNS_COOKIE_GOOD},
};

static void cookies_are_checked(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(checked); i++) {
		uint8_t secret[DNS_COOKIE_SECRET];
		uint8_t cookie[40];
		struct sockaddr_storage address;
		from_hex(checked[i].secret, secret);
		from_hex(checked[i].cookie, cookie);
		address_of(checked[i].address, &address);
		enum dns_cookie_state is =
			dns_cookie_check(secret, cookie, (unsigned)strlen(checked[i].cookie) / 2,
		                         (struct sockaddr *)&address, checked[i].now);
		if (is != checked[i].state)
			fail_msg("%s: %d", checked[i].sentence, is);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cookies_are_made_as_rfc_9018_shows),
		cmocka_unit_test(cookies_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
