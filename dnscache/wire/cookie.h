/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PODSG_DNS_COOKIE_H
#define PODSG_DNS_COOKIE_H

/* Server cookies that every instance with one secret understands: RFC 9018 (SipHash-2-4). */

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define DNS_CLIENT_COOKIE 8
#define DNS_SERVER_COOKIE 16
#define DNS_COOKIE_SECRET 16

/* version, reserved, timestamp, hash. now: seconds of the real-time clock. */
void dns_cookie_make(const uint8_t secret[static DNS_COOKIE_SECRET],
                     const uint8_t client[static DNS_CLIENT_COOKIE], const struct sockaddr *address,
                     uint32_t now, uint8_t ret[static DNS_SERVER_COOKIE]);

enum dns_cookie_state {
	DNS_COOKIE_NONE,  /* no server cookie in the query */
	DNS_COOKIE_BAD,   /* not ours, or older than an hour, or from more than 5 minutes ahead */
	DNS_COOKIE_RENEW, /* good, and older than half an hour: answer with a new one */
	DNS_COOKIE_GOOD,
};
enum dns_cookie_state dns_cookie_check(const uint8_t secret[static DNS_COOKIE_SECRET],
                                       const uint8_t *cookie, unsigned size,
                                       const struct sockaddr *address, uint32_t now);

#endif
