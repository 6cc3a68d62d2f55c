/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <endian.h>
#include <string.h>

#include "common/siphash.h"
#include "dnscache/wire/cookie.h"
#include "dnscache/wire/dns.h"

/* RFC 9018 §4: what stands where in a server's cookie. */
#define VERSION_AT 0
#define TIME_AT 4
#define HASH_AT 8
#define VERSION 1

/* RFC 9018 §4.3, seconds. */
#define AGE_MAX 3600
#define AGE_RENEW 1800
#define AHEAD_MAX 300

/* Over the client's cookie, what stands in front of the hash, and the client's address. */
static uint64_t hash_cookie(const uint8_t secret[static DNS_COOKIE_SECRET], const uint8_t *client,
                            const uint8_t *server, const struct sockaddr *address)
{
	uint8_t text[DNS_CLIENT_COOKIE + HASH_AT + sizeof(struct in6_addr)];
	size_t size = DNS_CLIENT_COOKIE + HASH_AT;
	memcpy(text, client, DNS_CLIENT_COOKIE);
	memcpy(text + DNS_CLIENT_COOKIE, server, HASH_AT);
	if (address->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const void *)address;
		memcpy(text + size, &v6->sin6_addr, sizeof(v6->sin6_addr));
		size += sizeof(v6->sin6_addr);
	} else {
		const struct sockaddr_in *v4 = (const void *)address;
		memcpy(text + size, &v4->sin_addr, sizeof(v4->sin_addr));
		size += sizeof(v4->sin_addr);
	}
	return htole64(siphash_2_4(secret, text, size));
}

void dns_cookie_make(const uint8_t secret[static DNS_COOKIE_SECRET],
                     const uint8_t client[static DNS_CLIENT_COOKIE], const struct sockaddr *address,
                     uint32_t now, uint8_t ret[static DNS_SERVER_COOKIE])
{
	memset(ret, 0, HASH_AT);
	ret[VERSION_AT] = VERSION;
	dns_put_u32(ret + TIME_AT, now);
	uint64_t hash = hash_cookie(secret, client, ret, address);
	memcpy(ret + HASH_AT, &hash, sizeof(hash));
}

enum dns_cookie_state dns_cookie_check(const uint8_t secret[static DNS_COOKIE_SECRET],
                                       const uint8_t *cookie, unsigned size,
                                       const struct sockaddr *address, uint32_t now)
{
	const uint8_t *server = cookie + DNS_CLIENT_COOKIE;
	uint64_t claimed;
	if (size <= DNS_CLIENT_COOKIE)
		return DNS_COOKIE_NONE;
	if (size != DNS_CLIENT_COOKIE + DNS_SERVER_COOKIE || server[VERSION_AT] != VERSION)
		return DNS_COOKIE_BAD;
	/* By serial number arithmetic, RFC 1982: the time goes round in 2106. */
	int32_t age = (int32_t)(now - dns_u32(server + TIME_AT));
	memcpy(&claimed, server + HASH_AT, sizeof(claimed));
	/* One comparison of words: its time tells nothing about the bytes. */
	if (age > AGE_MAX || age < -AHEAD_MAX ||
	    claimed != hash_cookie(secret, cookie, server, address))
		return DNS_COOKIE_BAD;
	return age > AGE_RENEW ? DNS_COOKIE_RENEW : DNS_COOKIE_GOOD;
}
